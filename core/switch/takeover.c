/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/takeover.c - the steps by which a host port comes to have the addresses of the uplinks, in one
 * transaction with the ports themselves.
 *
 *   do      before   remembers what was; undone last: all is again where it was
 *           ports come up; uplinks may carry addresses meanwhile
 *           take     reads, keeps on disk, moves
 *   commit  ports open
 *   clear   after    tells the neighbours; or gives back, while the host port is still there: all, or
 *                    what the uplinks had that leave
 */
#include "switch/takeover.h"

#include "base/error.h"

const struct port_spec *takeover_port(const struct switch_spec *s)
{
	for (size_t i = 0; i < s->port_count; i++) {
		if (s->ports[i].role == PORT_HOST && s->ports[i].takes_addresses)
			return &s->ports[i];
	}
	return NULL;
}

bool plan_takes_addresses(const struct plan_switch *ps)
{
	return ps && takeover_port(ps->spec);
}

json_t *takeover_json(const struct takeover *t)
{
	json_t *list = json_array();
	char text[LINK_ADDRESS_TEXT];

	for (size_t i = 0; i < t->count; i++) {
		const struct address_set *set = &t->from[i].set;

		for (size_t n = 0; n < set->count; n++) {
			if (address_item_text(&set->items[n], text))
				(void)json_array_append_new(list,
							    json_pack("{s:s, s:s}", "address", text,
								      "from", t->from[i].device));
		}
	}
	return list;
}

/* ---- what may be ------------------------------------------------------------------------------------ */

static const struct port_spec *uplink_of(const struct plan_switch *ps, const char *device)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		const struct port_spec *p = ps->ports[i].spec;

		if (p->role == PORT_UPLINK && strcmp(p->backend.device, device) == 0)
			return p;
	}
	return NULL;
}

/* Its addresses would be back at a device that the switch has. */
void plan_takeover(struct plan *p, const struct plan_switch *ps)
{
	const struct takeover *t = ps->sw ? ps->sw->taken : NULL;

	if (!t || plan_takes_addresses(ps))
		return;
	for (size_t i = 0; i < t->count; i++) {
		const struct port_spec *uplink = uplink_of(ps, t->from[i].device);

		if (!uplink || t->from[i].set.count == 0)
			continue;
		plan_error(
			p, uplink->at,
			"uplink %s/%s: the addresses of device %s would be at it again, since no "
			"host port takes them any more; keep take_addresses, or take the uplink "
			"out of the switch, too",
			ps->spec->name, uplink->name, t->from[i].device);
	}
}

/* Its device is none of this switch any more, and there. */
static bool is_left(const struct plan_switch *ps, const struct taken_device *d)
{
	return !uplink_of(ps, d->device) && takeover_finds(d->device);
}

const char *plan_leaves_taken(const struct plan_switch *ps)
{
	const struct takeover *t = ps->sw ? ps->sw->taken : NULL;

	for (size_t i = 0; t && i < t->count; i++) {
		const struct taken_device *d = &t->from[i];

		if (!d->is_owed && d->set.count && is_left(ps, d))
			return d->device;
	}
	return NULL;
}

/* ---- back ------------------------------------------------------------------------------------------- */

static void keep(const struct vswitch *sw)
{
	struct xvs_error err = ERROR_INIT;

	if (takeover_keep(sw->w->state_dir, sw->name, sw->taken, &err))
		log_message(MSG_ADDRESSES_LOST, "switch %s: %s", sw->name, err.text);
}

/* What stays is on disk for the next daemon, and here for the next change. */
static void give_back(struct vswitch *sw)
{
	struct xvs_error err = ERROR_INIT;

	if (takeover_return(sw->taken, &err)) {
		log_message(MSG_ADDRESSES_LOST, "switch %s: addresses are not back: %s", sw->name,
			    err.text);
		for (size_t i = 0; i < sw->taken->count; i++)
			sw->taken->from[i].is_owed = true; /* it is at no host port any more */
		keep(sw);
		return;
	}
	takeover_forget(sw->w->state_dir, sw->name);
	log_message(MSG_ADDRESSES, "switch %s: the uplinks have their addresses again", sw->name);
	takeover_destroy(sw->taken);
	sw->taken = NULL;
}

/* Of those alone that the switch has no more, and of those to which something is owed. */
static void give_back_left(struct vswitch *sw, const struct plan_switch *ps)
{
	struct takeover left = { .count = 0 };
	struct xvs_error err = ERROR_INIT;
	size_t had;

	memcpy(left.device, sw->taken->device, sizeof(left.device));
	for (size_t i = sw->taken->count; i-- > 0;) {
		struct taken_device *d = &sw->taken->from[i];

		if (!is_left(ps, d))
			continue;
		left.from[left.count++] = *d;
		d->set = (struct address_set){ .items = NULL };
		takeover_remove(sw->taken, d);
	}
	had = left.count;
	if (had && takeover_return(&left, &err))
		log_message(MSG_ADDRESSES_LOST, "switch %s: addresses are not back: %s", sw->name,
			    err.text);
	for (size_t i = 0; i < left.count; i++)
		sw->taken->from[sw->taken->count++] = left.from[i];
	if (left.count != had)
		keep(sw);
}

/* ---- before ----------------------------------------------------------------------------------------- */

static int before(struct step *s, struct xvs_error *err)
{
	s->prepared = s->sw->taken ? takeover_less(s->sw->taken, NULL) : NULL;
	if (s->sw->taken && !s->prepared)
		return error_set(err, -ENOMEM, "", "out of memory");
	if (plan_takes_addresses(s->plan_switch))
		s->sw->may_carry = true;
	return 0;
}

/* What could not be given back stays on record, for the next daemon or the next change. */
static void owe(struct takeover *t, struct takeover *left)
{
	for (size_t i = 0; i < left->count; i++) {
		struct taken_device *from = &left->from[i];
		struct taken_device *d = takeover_find(t, from->device);

		if (d || !from->set.count) /* of 'd' the rest is seen to by takeover_put() */
			continue;
		d = takeover_add(t, from->device);
		if (!d)
			continue;
		*d = *from;
		d->is_owed = true;
		from->set = (struct address_set){ .items = NULL };
	}
}

/* What came on top goes back where it was; what was taken before is at the host port of before. */
static int before_undo(struct step *s)
{
	struct takeover *was = s->prepared;
	struct xvs_error err = ERROR_INIT;
	struct vswitch *sw = s->sw;
	struct takeover *more;

	sw->may_carry = was != NULL;
	if (!was) {
		if (sw->taken)
			give_back(sw);
		return 0;
	}
	s->prepared = NULL;
	more = sw->taken ? takeover_less(sw->taken, was) : NULL;
	if (more && takeover_return(more, &err)) {
		transaction_note(s->t, "switch %s: addresses: %.120s", sw->name, err.text);
		owe(was, more);
	}
	takeover_destroy(more);
	takeover_destroy(sw->taken);
	sw->taken = was;
	keep(sw);
	if (takeover_put(was, &err))
		transaction_note(s->t, "switch %s: addresses: %.120s", sw->name, err.text);
	return 0;
}

static void before_free(struct step *s)
{
	takeover_destroy(s->prepared);
}

const struct step_ops step_takeover_before = { before, before_undo, before_free };

/* ---- when -------------------------------------------------------------------------------------------- */

/* Other changes leave alone what has moved, and what somebody did with it since. */
static bool is_concerned(const struct step *s)
{
	const struct plan_switch *ps = s->plan_switch;

	if (!s->sw->taken)
		return true;
	for (size_t i = 0; i < ps->port_count; i++) {
		const struct port_spec *p = ps->ports[i].spec;

		if (ps->ports[i].is_new && (p->role == PORT_UPLINK || p->takes_addresses))
			return true;
	}
	return false;
}

/* ---- take ------------------------------------------------------------------------------------------- */

/* The port that is to be: one that leaves may have its name still.  NULL: it is not up. */
static const struct port *taker_of(const struct plan_switch *ps, const struct port_spec *spec)
{
	const struct port *p = NULL;

	for (size_t i = 0; i < ps->port_count; i++) {
		if (ps->ports[i].spec == spec)
			p = ps->ports[i].port;
	}
	return p && p->backend && p->backend->device[0] ? p : NULL;
}

/* Those that are up: what another one has stays where it is. */
static int read_uplinks(const struct vswitch *sw, struct takeover *t, struct xvs_error *err)
{
	int code = 0;

	for (size_t i = 0; i < sw->port_count && code == 0; i++) {
		const struct port *p = sw->ports[i];

		if (p->spec.role == PORT_UPLINK && p->backend && p->backend->ifindex)
			code = takeover_read(t, p->backend->device, err);
	}
	return code;
}

static int take_all(struct vswitch *sw, const struct port *host, struct xvs_error *err)
{
	int code;

	/* what an earlier daemon could not give back is still known */
	if (!sw->taken)
		sw->taken = takeover_load(sw->w->state_dir, sw->name);
	if (!sw->taken)
		sw->taken = calloc(1, sizeof(*sw->taken));
	if (!sw->taken)
		return error_set(err, -ENOMEM, "", "out of memory");
	(void)str_copy(sw->taken->device, sizeof(sw->taken->device), host->backend->device);
	code = read_uplinks(sw, sw->taken, err);
	if (code == 0)
		code = takeover_keep(sw->w->state_dir, sw->name, sw->taken, err);
	return code ? code : takeover_put(sw->taken, err);
}

static bool is_tolerated(const struct step *s)
{
	return s->t->request.is_tolerant || s->t->w->is_tolerant;
}

static int take(struct step *s, struct xvs_error *err)
{
	const struct port_spec *spec = s->plan_switch ? takeover_port(s->plan_switch->spec) : NULL;
	const struct port *host = spec ? taker_of(s->plan_switch, spec) : NULL;
	struct vswitch *sw = s->sw;
	int code;

	if (!spec || !sw->w->state_dir || !is_concerned(s))
		return 0;
	/* It could not be brought up, which is tolerated: what an earlier one had goes home. */
	if (!host && sw->taken)
		give_back(sw);
	if (!host)
		return 0;
	code = take_all(sw, host, err);
	if (code == 0)
		return 0;
	(void)error_context(err, "switch %s: host port %s takes addresses", sw->name, spec->name);
	if (is_tolerated(s)) {
		transaction_note(s->t, "%.200s", err->text);
		give_back(sw);
		return 0;
	}
	s->t->refused_at = spec->at;
	return code;
}

const struct step_ops step_takeover = { take, NULL, NULL };

/* ---- after ------------------------------------------------------------------------------------------ */

static int after(struct step *s, struct xvs_error *err)
{
	(void)err;
	s->sw->may_carry = plan_takes_addresses(s->plan_switch);
	if (!s->sw->taken)
		return 0;
	if (!s->sw->may_carry) {
		give_back(s->sw);
		return 0;
	}
	give_back_left(s->sw, s->plan_switch);
	if (is_concerned(s))
		takeover_announce(s->sw->taken);
	return 0;
}

const struct step_ops step_takeover_after = { after, NULL, NULL };

/* ---- building --------------------------------------------------------------------------------------- */

static int add_step(struct transaction *t, const struct step_ops *ops, struct vswitch *sw,
		    struct plan_switch *ps)
{
	bool is_last = ops == &step_takeover_after;
	struct step *s;

	if (!sw->taken && !plan_takes_addresses(ps))
		return 0;
	s = transaction_step(t, is_last ? PHASE_CLEAR : PHASE_DO, ops);
	if (!s)
		return -ENOMEM;
	s->sw = sw;
	s->plan_switch = ps;
	return 0;
}

int takeover_steps(struct transaction *t, const struct step_ops *ops)
{
	const struct world *w = t->w;

	for (size_t i = 0; i < t->plan->switch_count; i++) {
		if (add_step(t, ops, t->plan->switches[i].sw, &t->plan->switches[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < w->switch_count; i++) {
		if (!plan_find(t->plan, w->switches[i]) &&
		    add_step(t, ops, w->switches[i], NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}
