/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/arrival.c - the target's side of a bundle: what is said of a port is weighed, taken in while
 * it is held, and counts when it opens.
 */
#include <stdio.h>

#include "base/error.h"
#include "ext/state.h"
#include "switch/bundle_part.h"
#include "switch/transaction.h"

static struct port *held_port(struct world *w, const char *target, struct xvs_error *err)
{
	struct port *p = world_port(w, target);

	if (p && p->path_port && p->is_held)
		return p;
	(void)error_set(err, p ? -EINVAL : -ENOENT, "", "port %s %s", target,
			!p              ? "does not exist"
			: !p->path_port ? "is not on the packet path"
					: "is not held: it does not wait for a machine");
	return NULL;
}

static int make_arrival(struct port *p, struct xvs_error *err)
{
	if (!p->arrival)
		p->arrival = calloc(1, sizeof(*p->arrival));
	return p->arrival ? 0 : error_set(err, -ENOMEM, "", "port %s: out of memory", p->full_name);
}

void arrival_finish(struct port *p)
{
	if (p->arrival)
		free(p->arrival->addresses);
	free(p->arrival);
	p->arrival = NULL;
}

/* ---- what the source describes ------------------------------------------------------------- */

static uint32_t host_format(const char *id)
{
	if (strcmp(id, BUNDLE_PORT) == 0)
		return PORT_FORMAT;
	if (strcmp(id, BUNDLE_CONN) == 0)
		return CONN_FORMAT;
	if (strcmp(id, BUNDLE_NAT) == 0)
		return NAT_FORMAT;
	return strcmp(id, BUNDLE_ADDRESSES) == 0 ? ADDRESSES_FORMAT : 0;
}

/* The format; 0: *err says why not. */
static uint32_t admit_one(const struct port *p, const struct bundle_owner *o, struct xvs_error *err)
{
	uint32_t format = host_format(o->id);
	const struct attachment *a = part_attachment(p, o->id);

	if (format && format >= o->format_min && format <= o->format_max) {
		if (strcmp(o->id, BUNDLE_CONN) == 0 && part_admit_conns(p, o->objects, err) < 0)
			return 0;
		return format;
	}
	if (format)
		(void)error_set(err, -EPROTONOSUPPORT, "", "this xvs knows no format %u..%u of %s",
				o->format_min, o->format_max, o->id);
	else if (!a)
		(void)error_set(err, -EPROTONOSUPPORT, "", "%s does not stand in this port's chain",
				o->id);
	else
		return state_agree(a->member->instance, o->format_min, o->format_max, err);
	return 0;
}

/* Another port has it: better said before the machine leaves than when it wants to run. */
static int check_address(const struct port *p, struct xvs_error *err)
{
	const struct path_port *other;
	bool is_static = false;
	char text[MAC_TEXT];
	uint8_t mac[6];

	if (!port_has_mac(p, mac))
		return 0;
	other = l2_owner(&p->sw->path_switch->l2, settings_filing(&p->settings), mac, &is_static);
	if (!other || !is_static || other == p->path_port)
		return 0;
	return error_set(err, -EEXIST, "", "port %s: its address %s belongs to port %s here",
			 p->full_name, mac_print(mac, text), world_port_name(p->w, other->id));
}

/* Reasons against its opening that will not go by themselves. */
static int check_reasons(const struct port *p, struct xvs_error *err)
{
	struct port_conf *conf = calloc(1, sizeof(*conf));
	struct reasons *reasons = calloc(1, sizeof(*reasons));
	int code = -ENOMEM;

	if (!conf || !reasons)
		goto out;
	port_compile(p, conf, reasons);
	code = 0;
	for (size_t i = 0; i < reasons->count && code == 0; i++)
		if (strcmp(reasons->text[i], REASON_HELD) != 0)
			code = error_set(err, -EINVAL, "", "port %s would stay closed here: %s",
					 p->full_name, reasons->text[i]);
out:
	free(conf);
	free(reasons);
	return code;
}

int bundle_admit(struct world *w, const char *target, struct bundle_owner *owners, size_t count,
		 struct xvs_error *err)
{
	struct port *p = held_port(w, target, err);
	int code = p ? check_address(p, err) : -EINVAL;

	if (code == 0 && p->sw->is_handing_over)
		code = error_set(err, -EBUSY, "",
				 "port %s: an extension of its switch is being upgraded; try again",
				 p->full_name);
	if (code == 0)
		code = check_reasons(p, err);
	for (size_t i = 0; code == 0 && i < count; i++) {
		struct xvs_error why = ERROR_INIT;
		struct bundle_owner *o = &owners[i];

		o->id[sizeof(o->id) - 1] = '\0';
		o->format = admit_one(p, o, &why);
		if (!o->format && o->critical)
			code = error_set(err, -EPROTONOSUPPORT, "", "port %s: %s", p->full_name,
					 why.text);
	}
	return code == 0 ? make_arrival(p, err) : code;
}

static const struct member *member_of(const struct vswitch *sw, const char *owner)
{
	size_t len = strcspn(owner, "/");

	for (size_t i = 0; sw && i < sw->member_count; i++)
		if (strncmp(sw->members[i]->extension, owner, len) == 0 &&
		    sw->members[i]->extension[len] == '\0' &&
		    sw->members[i]->state == MEMBER_RUNNING)
			return sw->members[i];
	return NULL;
}

void bundle_formats(struct world *w, const char *switch_name, struct bundle_owner *owners,
		    size_t count)
{
	const struct vswitch *sw = world_switch(w, switch_name);

	for (size_t i = 0; i < count; i++) {
		struct bundle_owner *o = &owners[i];
		const struct member *m = member_of(sw, o->id);
		uint32_t known = host_format(o->id);
		struct xvs_error ignored = ERROR_INIT;

		o->format = known >= o->format_min && known <= o->format_max ? known : 0;
		if (m && m->instance->has_state)
			o->format =
				state_agree(m->instance, o->format_min, o->format_max, &ignored);
	}
}

/* ---- what comes ---------------------------------------------------------------------------- */

static int restore_host(struct port *p, const struct bundle_record *r, struct xvs_error *err)
{
	struct cursor c = cursor_of(r->data, r->len);

	if (r->format != host_format(r->owner)) {
		if (!r->critical)
			return 0;
		return error_set(err, -EPROTONOSUPPORT, "",
				 "port %s: this xvs knows no format %u of %s", p->full_name,
				 r->format, r->owner);
	}
	if (strcmp(r->owner, BUNDLE_PORT) == 0)
		return part_restore_port(p, &c, err);
	if (strcmp(r->owner, BUNDLE_CONN) == 0)
		return part_restore_conns(p, &c, err);
	if (strcmp(r->owner, BUNDLE_NAT) == 0)
		return part_restore_nat(p, &c, err);
	return part_restore_addresses(p, &c, err);
}

int bundle_restore(struct world *w, const char *target, const struct bundle_record *r,
		   struct xvs_error *err)
{
	struct port *p = held_port(w, target, err);

	if (!p)
		return -EINVAL;
	if (!p->arrival)
		return error_set(err, -EINVAL, "", "port %s: nothing was admitted for it",
				 p->full_name);
	if (r->len > BUNDLE_RECORD_MAX)
		return error_set(err, -EMSGSIZE, "",
				 "port %s: a record of %s has %zu bytes, at most %d are allowed",
				 p->full_name, r->owner, r->len, BUNDLE_RECORD_MAX);
	if (host_format(r->owner))
		return restore_host(p, r, err);
	return part_restore_extension(p, r, err);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void unmark(struct world *w, const char *target)
{
	(void)model_mark(w->model, MARK_HELD, target, false);
	if (w->current && w->current->model)
		(void)model_mark(w->current->model, MARK_HELD, target, false);
}

int bundle_open_port(struct world *w, const char *target, struct xvs_error *err)
{
	struct port *p = held_port(w, target, err);

	if (!p)
		return -EINVAL;
	p->is_held = false;
	port_set_mac(p);
	if (port_republish(p) < 0) {
		port_clear_mac(p);
		p->is_held = true;
		return error_set(err, -ENOMEM, "", "port %s: out of memory", target);
	}
	unmark(w, p->full_name);
	if (p->is_guarded)
		conn_port_adopted(path_conns(w->path), p->id);
	if (p->arrival)
		arrival_learn(p);
	arrival_announce(p);
	arrival_finish(p);
	return 0;
}

bool bundle_deliver(struct world *w, const char *target, const uint8_t *frame, size_t len)
{
	const struct port *p = world_port(w, target);
	uint8_t mac[6];

	return p && p->path_port && p->is_open && len >= sizeof(mac) && port_has_mac(p, mac) &&
	       memcmp(frame, mac, sizeof(mac)) == 0 && path_deliver(p->path_port, frame, len);
}

bool bundle_is_held(struct world *w, const char *target)
{
	const struct port *p = world_port(w, target);

	return p && p->is_held;
}

void bundle_discard(struct world *w, const char *target)
{
	struct port *p = held_port(w, target, NULL);

	if (!p)
		return;
	counters_port_carry(w->counters, p->id, &(struct port_counters){ 0 });
	if (p->is_guarded)
		conn_port_disown(path_conns(w->path), p->id);
	if (p->arrival)
		arrival_nat_end(p);
	arrival_finish(p);
}

int bundle_hold(struct world *w, const char *target)
{
	struct port *p = world_port(w, target);
	int code = model_mark(w->model, MARK_HELD, target, true);

	if (code < 0 || !p)
		return code;
	p->is_held = true;
	port_clear_mac(p);
	return p->path_port ? port_republish(p) : 0;
}
