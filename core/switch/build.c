/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/build.c - the steps from what is to what is planned, in the order in which they must be.
 *
 * New things come before old ones go, but where a new port needs the device of an old one.
 */
#include "switch/dhcp.h"
#include "switch/nat.h"
#include "switch/takeover.h"
#include "switch/transaction.h"
#include "switch/upgrade.h"

typedef int (*switch_fn)(struct transaction *t, struct plan_switch *ps);

static int each_switch(struct transaction *t, switch_fn fn)
{
	for (size_t i = 0; i < t->plan->switch_count; i++)
		if (fn(t, &t->plan->switches[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* fn for each port that is there and not in the plan. */
static int each_leaving_port(struct transaction *t,
			     int (*fn)(struct transaction *t, struct port *p))
{
	struct world *w = t->w;

	for (size_t i = 0; i < w->switch_count; i++) {
		struct vswitch *sw = w->switches[i];
		const struct plan_switch *ps = plan_find(t->plan, sw);

		for (size_t n = 0; n < sw->port_count; n++)
			if ((!ps || !plan_switch_port(ps, sw->ports[n])) && fn(t, sw->ports[n]) < 0)
				return -ENOMEM;
	}
	return 0;
}

/* ---- do ------------------------------------------------------------------------------------------ */

static int add_switch(struct transaction *t, struct plan_switch *ps)
{
	struct step *s;

	if (ps->sw)
		return 0;
	s = transaction_step(t, PHASE_DO, &step_switch_add);
	if (!s)
		return -ENOMEM;
	s->plan_switch = ps;
	ps->is_new = true;
	ps->sw = vswitch_create(t->w, ps->spec->name);
	if (!ps->sw)
		return -ENOMEM;
	ps->sw->type = ps->spec->type;
	memcpy(ps->sw->uuid, ps->uuid, sizeof(ps->sw->uuid));
	return 0;
}

static bool device_equal(const char *a, const char *b)
{
	return a[0] && strcmp(a, b) == 0;
}

/* Do two ports need the same thing of the system? */
static bool device_shared(const struct port_spec *a, const struct port_spec *b)
{
	return device_equal(a->backend.device, b->backend.device) ||
	       device_equal(a->backend.write_file, b->backend.write_file) ||
	       device_equal(a->backend.socket, b->backend.socket) ||
	       device_equal(a->address, b->address);
}

static bool device_is_wanted(const struct plan *plan, const struct port *leaving)
{
	for (size_t i = 0; i < plan->switch_count; i++) {
		const struct plan_switch *ps = &plan->switches[i];

		for (size_t n = 0; n < ps->port_count; n++)
			if (!ps->ports[n].port && device_shared(ps->ports[n].spec, &leaving->spec))
				return true;
	}
	return false;
}

/* Buffers that a publication needs are had before anything happens. */
static int add_buffers(struct step *s)
{
	s->conf = calloc(1, sizeof(*s->conf));
	s->reasons = calloc(1, sizeof(*s->reasons));
	return s->conf && s->reasons ? 0 : -ENOMEM;
}

static int add_swap(struct transaction *t, struct port *p)
{
	struct step *s;

	if (!device_is_wanted(t->plan, p))
		return 0;
	s = transaction_step(t, PHASE_DO, &step_port_swap);
	if (!s || add_buffers(s) < 0)
		return -ENOMEM;
	s->port = p;
	return 0;
}

static bool member_is_started(const struct plan_member *pm)
{
	return pm->is_new || (pm->member->state == MEMBER_DISABLED && !pm->is_disabled);
}

static int create_member(const struct plan_switch *ps, struct plan_member *pm)
{
	pm->is_new = true;
	pm->member = member_create(ps->sw, pm->spec->instance, pm->spec->extension);
	if (!pm->member)
		return -ENOMEM;
	pm->member->module = pm->module;
	pm->member->ext = pm->ext;
	pm->member->former = pm->former;
	pm->module = NULL; /* its reference is the member's now */
	return 0;
}

static int add_member(struct transaction *t, struct plan_switch *ps, struct plan_member *pm)
{
	struct step *s;

	if (pm->member && !member_is_started(pm))
		return 0;
	s = transaction_step(t, PHASE_DO, &step_member_start);
	if (!s)
		return -ENOMEM;
	s->plan_switch = ps;
	s->plan_member = pm;
	return pm->member ? 0 : create_member(ps, pm);
}

/*
 * An extension may read the value that it was given until the next apply(), so a value that did
 * not change is kept, not replaced by its equal.
 */
static void keep_equal(struct settings *next, const struct settings *now)
{
	for (size_t i = 0; i < next->count; i++) {
		struct value *old = settings_get(now, next->items[i].feature->id);

		if (!old || old == next->items[i].value || !value_equal(old, next->items[i].value))
			continue;
		value_put(next->items[i].value);
		next->items[i].value = value_ref(old);
	}
}

/* A check for each policy of this member that is to change, or may mean something else now. */
static int add_checks(struct transaction *t, const struct step *like, const struct settings *now,
		      const struct settings *next)
{
	bool asks_again = like->port && plan_member_changes(like->plan_member);
	const struct extension *ext = like->member->ext;

	for (uint32_t i = 0; i < ext->feature_count; i++) {
		const struct xvs_feature *f = &ext->features[i];
		struct value *value = settings_get(next, f->id);
		struct step *s;

		if (settings_get(now, f->id) == value && !(value && asks_again))
			continue;
		s = transaction_step(t, PHASE_DO, &step_check);
		if (!s)
			return -ENOMEM;
		s->member = like->member;
		s->port = like->port;
		s->port_state = like->port_state;
		s->plan_switch = like->plan_switch;
		s->plan_member = like->plan_member;
		s->plan_port = like->plan_port;
		s->feature = f;
		s->value = value;
	}
	return 0;
}

static int add_members(struct transaction *t, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->member_count; i++) {
		struct plan_member *pm = &ps->members[i];
		struct step like = { .plan_switch = ps, .plan_member = pm };

		if (add_member(t, ps, pm) < 0)
			return -ENOMEM;
		like.member = pm->member;
		if (pm->member->state != MEMBER_RUNNING || pm->is_disabled)
			continue;
		keep_equal(&pm->settings, &pm->member->settings);
		if (add_checks(t, &like, &pm->member->settings, &pm->settings) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* One member and one port that was there before: they get to know each other, or policies change. */
static int add_pair(struct transaction *t, struct plan_switch *ps, struct plan_port *pp,
		    struct plan_member *pm)
{
	const struct attachment *a = port_attachment(pp->port, pm->member);
	struct step like = { .member = pm->member,
			     .port = pp->port,
			     .plan_switch = ps,
			     .plan_port = pp,
			     .plan_member = pm };
	struct step *s;

	if (pm->is_disabled || !pm->ext || pp->is_member)
		return 0;
	if (a && !member_is_started(pm)) {
		like.port_state = a->port_state;
		return add_checks(t, &like, &pp->port->settings, &pp->settings);
	}
	if (a || !plan_member_stands(pm, &pp->settings))
		return 0;
	s = transaction_step(t, PHASE_DO, &step_attach);
	if (!s)
		return -ENOMEM;
	s->port = pp->port;
	s->plan_switch = ps;
	s->plan_port = pp;
	s->plan_member = pm;
	return 0;
}

static int add_pairs(struct transaction *t, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		struct plan_port *pp = &ps->ports[i];

		if (!pp->port)
			continue;
		keep_equal(&pp->settings, &pp->port->settings);
		for (size_t n = 0; n < ps->member_count; n++)
			if (add_pair(t, ps, pp, &ps->members[n]) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int add_port(struct transaction *t, struct plan_switch *ps, struct plan_port *pp)
{
	struct step *s = transaction_step(t, PHASE_DO, &step_port_up);

	if (!s)
		return -ENOMEM;
	s->plan_switch = ps;
	s->plan_port = pp;
	pp->is_new = true;
	pp->port = port_create(ps->sw, pp->spec, pp->owner, pp->uuid);
	if (!pp->port)
		return -ENOMEM;
	plan_put_mac(pp, &pp->port->spec);
	pp->port->is_member = pp->is_member;
	pp->port->settings = pp->settings;
	pp->settings = (struct settings){ 0 };
	return 0;
}

static int add_ports(struct transaction *t, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++)
		if (!ps->ports[i].port && add_port(t, ps, &ps->ports[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int add_questions(struct transaction *t, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		struct step *s;

		if (ps->ports[i].port)
			continue;
		s = transaction_step(t, PHASE_DO, &step_ask);
		if (!s)
			return -ENOMEM;
		s->plan_switch = ps;
		s->plan_port = &ps->ports[i];
	}
	return 0;
}

/* Others' changes leave it, and its sessions, alone. */
static bool nat_goes_on(const struct transaction *t, const struct plan_switch *ps)
{
	const struct switch_spec *now = model_switch(t->w->model, ps->spec->name);

	return !ps->is_new && ps->sw->nat && now && now->type == SWITCH_NAT &&
	       memcmp(ps->sw->uuid, ps->uuid, sizeof(ps->uuid)) == 0 &&
	       !nat_changes(&now->nat, &ps->spec->nat);
}

static int add_nat(struct transaction *t, struct plan_switch *ps)
{
	struct step *s;

	if (ps->spec->type != SWITCH_NAT || nat_goes_on(t, ps))
		return 0;
	s = transaction_step(t, PHASE_DO, &step_nat_prepare);
	if (!s)
		return -ENOMEM;
	s->plan_switch = ps;
	return 0;
}

/* What a dry run may do: no port goes down, and no device is opened. */
static int build_dry_run(struct transaction *t)
{
	if (each_switch(t, add_switch) < 0 || each_switch(t, add_members) < 0 ||
	    each_switch(t, add_pairs) < 0 || each_switch(t, add_nat) < 0)
		return -ENOMEM;
	return each_switch(t, add_questions);
}

/* ---- commit -------------------------------------------------------------------------------------- */

static int add_leave(struct transaction *t, struct port *p)
{
	struct step *s = transaction_step(t, PHASE_COMMIT, &step_port_leave);

	if (!s)
		return -ENOMEM;
	s->port = p;
	return 0;
}

static int add_adoption(struct transaction *t, struct plan_switch *ps)
{
	struct step *s = transaction_step(t, PHASE_COMMIT, &step_switch_adopt);

	if (!s)
		return -ENOMEM;
	s->plan_switch = ps;
	s->conf = calloc(1, sizeof(*s->conf));
	if (!s->conf)
		return -ENOMEM;
	for (size_t i = 0; i < ps->port_count; i++) {
		s = transaction_step(t, PHASE_COMMIT, &step_port_adopt);
		if (!s)
			return -ENOMEM;
		s->plan_port = &ps->ports[i];
		s->spec = calloc(1, sizeof(*s->spec));
		if (!s->spec || port_spec_copy(ps->ports[i].spec, s->spec) < 0)
			return -ENOMEM;
		plan_put_mac(&ps->ports[i], s->spec);
	}
	return 0;
}

static int add_applies(struct transaction *t)
{
	for (struct step *check = t->first[PHASE_DO]; check; check = check->next) {
		struct step *s;

		if (check->ops != &step_check)
			continue;
		s = transaction_step(t, PHASE_COMMIT, &step_apply);
		if (!s)
			return -ENOMEM;
		s->of = check;
	}
	return 0;
}

static int add_nat_applies(struct transaction *t)
{
	for (struct step *prepare = t->first[PHASE_DO]; prepare; prepare = prepare->next) {
		struct step *s;

		if (prepare->ops != &step_nat_prepare)
			continue;
		s = transaction_step(t, PHASE_COMMIT, &step_nat_apply);
		if (!s)
			return -ENOMEM;
		s->of = prepare;
	}
	return 0;
}

static int add_activation(struct transaction *t, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->member_count; i++) {
		struct step *s;

		if (!member_is_started(&ps->members[i]))
			continue;
		s = transaction_step(t, PHASE_COMMIT, &step_member_active);
		if (!s)
			return -ENOMEM;
		s->member = ps->members[i].member;
	}
	return 0;
}

static int add_port_step(struct transaction *t, struct plan_switch *ps, struct plan_port *pp,
			 enum step_phase phase, const struct step_ops *ops)
{
	struct step *s = transaction_step(t, phase, ops);

	if (!s)
		return -ENOMEM;
	s->sw = ps->sw;
	s->port = pp->port;
	s->plan_switch = ps;
	s->plan_port = pp;
	return ops == &step_port_publish ? add_buffers(s) : 0;
}

static int add_port_steps(struct transaction *t, struct plan_switch *ps, enum step_phase phase,
			  const struct step_ops *ops)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		if (add_port_step(t, ps, &ps->ports[i], phase, ops) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_mirrors(struct transaction *t, struct plan_switch *ps)
{
	struct step *s = transaction_step(t, PHASE_COMMIT, &step_mirrors);

	if (!s)
		return -ENOMEM;
	s->plan_switch = ps;
	return mirror_step_prepare(s);
}

static int add_unaddress(struct transaction *t, struct plan_switch *ps)
{
	return add_port_steps(t, ps, PHASE_COMMIT, &step_port_unaddress);
}

/* Members are known to workers before they are told to send. */
static int add_team(struct transaction *t, struct plan_switch *ps)
{
	struct step *s = transaction_step(t, PHASE_COMMIT, &step_team);

	if (!s)
		return -ENOMEM;
	s->sw = ps->sw;
	s->plan_switch = ps;
	return 0;
}

/* Of a switch whose uplink joins a team: that uplink, or the team's port. */
static bool is_joined(const struct plan_switch *ps, const struct plan_port *pp)
{
	bool is_any = false;

	for (size_t i = 0; i < ps->port_count; i++)
		is_any |= ps->ports[i].is_joining;
	return pp->is_joining || (is_any && pp->spec == &ps->spec->team.port);
}

static int each_joined(struct transaction *t, struct plan_switch *ps, bool is_team,
		       const struct step_ops *ops)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		struct plan_port *pp = &ps->ports[i];

		if (is_joined(ps, pp) && pp->is_joining != is_team &&
		    add_port_step(t, ps, pp, PHASE_COMMIT, ops) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Before all others, and next to each other: steps_team.c says why in this order. */
static int add_joins(struct transaction *t, struct plan_switch *ps)
{
	if (each_joined(t, ps, false, &step_team_join) < 0 ||
	    each_joined(t, ps, true, &step_port_publish) < 0 ||
	    each_joined(t, ps, false, &step_port_publish) < 0)
		return -ENOMEM;
	return each_joined(t, ps, false, &step_team_joined);
}

static int add_publication(struct transaction *t, struct plan_switch *ps)
{
	if (add_port_steps(t, ps, PHASE_COMMIT, &step_port_address) < 0 || add_joins(t, ps) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ps->port_count; i++) {
		if (!is_joined(ps, &ps->ports[i]) &&
		    add_port_step(t, ps, &ps->ports[i], PHASE_COMMIT, &step_port_publish) < 0)
			return -ENOMEM;
	}
	return add_team(t, ps);
}

/* Whose verdicts are to be judged anew though their conf may be the same. */
static void mark_changed(struct transaction *t)
{
	for (struct step *s = t->first[PHASE_COMMIT]; s; s = s->next) {
		if (s->ops != &step_port_publish)
			continue;
		for (const struct step *c = t->first[PHASE_DO]; c && !s->is_changed; c = c->next) {
			bool concerns_all = c->ops == &step_port_up ||
					    c->ops == &step_member_start ||
					    (c->ops == &step_check && !c->port);

			s->is_changed = c->port == s->port ||
					(concerns_all && c->plan_switch == s->plan_switch);
		}
	}
}

/* ---- clear --------------------------------------------------------------------------------------- */

static int add_quiet(struct transaction *t, struct plan_switch *ps)
{
	if (add_port_steps(t, ps, PHASE_CLEAR, &step_port_quiet) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ps->port_count * ps->member_count; i++) {
		const struct plan_port *pp = &ps->ports[i / ps->member_count];
		const struct plan_member *pm = &ps->members[i % ps->member_count];
		struct step *s;

		if (pp->is_new || pm->is_disabled || !port_attachment(pp->port, pm->member) ||
		    (!pp->is_joining && plan_member_stands(pm, &pp->settings)))
			continue;
		s = transaction_step(t, PHASE_CLEAR, &step_detach);
		if (!s)
			return -ENOMEM;
		s->port = pp->port;
		s->member = pm->member;
	}
	return 0;
}

static int add_down(struct transaction *t, struct port *p)
{
	struct step *s = transaction_step(t, PHASE_CLEAR, &step_port_down);

	if (!s)
		return -ENOMEM;
	s->port = p;
	return 0;
}

/* The last of the chain first. */
static int add_stops(struct transaction *t, struct vswitch *sw)
{
	struct plan_switch *ps = plan_find(t->plan, sw);

	for (size_t i = sw->member_count; i-- > 0;) {
		struct plan_member *pm = ps ? plan_switch_member(ps, sw->members[i]) : NULL;
		struct step *s;

		if (pm && (!pm->is_disabled || !sw->members[i]->instance))
			continue;
		s = transaction_step(t, PHASE_CLEAR, &step_member_stop);
		if (!s)
			return -ENOMEM;
		s->member = sw->members[i];
		s->plan_member = pm;
	}
	return 0;
}

static int add_nat_reviews(struct transaction *t)
{
	for (struct step *prepare = t->first[PHASE_DO]; prepare; prepare = prepare->next) {
		struct step *s;

		if (prepare->ops != &step_nat_prepare)
			continue;
		s = transaction_step(t, PHASE_CLEAR, &step_nat_review);
		if (!s)
			return -ENOMEM;
		s->sw = prepare->plan_switch->sw;
		if (nat_review_prepare(s) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The outside port has been published without it, and that has settled. */
static int add_nat_end(struct transaction *t, struct plan_switch *ps)
{
	struct step *s;

	if (ps->spec->type == SWITCH_NAT || ps->is_new || !ps->sw->nat)
		return 0;
	s = transaction_step(t, PHASE_CLEAR, &step_nat_remove);
	if (!s)
		return -ENOMEM;
	s->sw = ps->sw;
	return 0;
}

/* Each switch that is there or comes: what a server needs is had before anything happens. */
static int add_dhcp_step(struct transaction *t, struct vswitch *sw, struct plan_switch *ps)
{
	struct step *s;

	if (!sw->dhcp && (!ps || !dhcp_is_wanted(ps->spec)))
		return 0;
	s = transaction_step(t, PHASE_CLEAR, &step_dhcp);
	if (!s)
		return -ENOMEM;
	s->sw = sw;
	s->plan_switch = ps;
	return dhcp_step_prepare(s);
}

static int add_dhcp(struct transaction *t, struct plan_switch *ps)
{
	return add_dhcp_step(t, ps->sw, ps);
}

static int add_dhcp_ends(struct transaction *t)
{
	for (size_t i = 0; i < t->w->switch_count; i++) {
		struct vswitch *sw = t->w->switches[i];

		if (!plan_find(t->plan, sw) && add_dhcp_step(t, sw, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_departures(struct transaction *t)
{
	struct world *w = t->w;

	if (each_leaving_port(t, add_down) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < w->switch_count; i++) {
		struct step *s;

		if (add_stops(t, w->switches[i]) < 0)
			return -ENOMEM;
		if (plan_find(t->plan, w->switches[i]))
			continue;
		s = transaction_step(t, PHASE_CLEAR, &step_switch_remove);
		if (!s)
			return -ENOMEM;
		s->sw = w->switches[i];
	}
	return 0;
}

int transaction_build(struct transaction *t)
{
	if (t->request.wish.is_dry_run)
		return build_dry_run(t);
	if (each_switch(t, add_switch) < 0 || takeover_steps(t, &step_takeover_before) < 0 ||
	    each_leaving_port(t, add_swap) < 0 || each_switch(t, add_members) < 0 ||
	    each_switch(t, add_pairs) < 0 || each_switch(t, add_nat) < 0 ||
	    each_switch(t, add_ports) < 0 || takeover_steps(t, &step_takeover) < 0)
		return -ENOMEM;
	if (upgrade_steps(t) < 0)
		return -ENOMEM;
	if (each_leaving_port(t, add_leave) < 0 || each_switch(t, add_adoption) < 0 ||
	    add_applies(t) < 0 || add_nat_applies(t) < 0 || each_switch(t, add_activation) < 0 ||
	    each_switch(t, add_mirrors) < 0 || each_switch(t, add_unaddress) < 0 ||
	    each_switch(t, add_publication) < 0 || upgrade_steps_after(t) < 0)
		return -ENOMEM;
	mark_changed(t);
	if (!transaction_step(t, PHASE_CLEAR, &step_settle) ||
	    takeover_steps(t, &step_takeover_after) < 0 || each_switch(t, add_quiet) < 0 ||
	    add_nat_reviews(t) < 0 || each_switch(t, add_nat_end) < 0 ||
	    each_switch(t, add_dhcp) < 0 || add_dhcp_ends(t) < 0)
		return -ENOMEM;
	return add_departures(t);
}

/* What link events may change: the facts, the MTU of the conf, the adapter's address. */
int transaction_build_links(struct transaction *t)
{
	static const struct {
		enum step_phase phase;
		const struct step_ops *ops;
	} kinds[] = {
		{ PHASE_COMMIT, &step_port_unaddress },
		{ PHASE_COMMIT, &step_port_address },
		{ PHASE_COMMIT, &step_port_publish },
		{ PHASE_CLEAR, &step_port_quiet },
	};
	const struct world *w = t->w;

	if (!transaction_step(t, PHASE_CLEAR, &step_settle))
		return -ENOMEM;
	for (size_t i = 0; i < (sizeof(kinds) / sizeof(kinds[0])) * PORTS_MAX; i++) {
		struct port *p = w->by_id[i % PORTS_MAX];
		struct step *s;

		if (!p)
			continue;
		s = transaction_step(t, kinds[i / PORTS_MAX].phase, kinds[i / PORTS_MAX].ops);
		if (!s)
			return -ENOMEM;
		s->port = p;
		if (s->ops == &step_port_publish && add_buffers(s) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < w->switch_count; i++) {
		struct step *s = transaction_step(t, PHASE_COMMIT, &step_team);

		if (!s)
			return -ENOMEM;
		s->sw = w->switches[i];
	}
	return 0;
}
