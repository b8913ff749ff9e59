/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan.c - pairs what is wanted with what is, and checks names, types and addresses.
 */
#include "switch/plan.h"

#include <stdarg.h>
#include <stdio.h>

#include "policy/builtin.h"
#include "switch/dhcp.h"
#include "switch/nat.h"
#include "switch/takeover.h"

static bool is_reported(const struct diags *d, struct position at)
{
	size_t kept = d->count < DIAG_MAX ? d->count : DIAG_MAX;

	for (size_t i = 0; i < kept && at.line != 0; i++)
		if (d->items[i].line == at.line && d->items[i].column == at.column)
			return true;
	return false;
}

void plan_error(struct plan *p, struct position at, const char *format, ...)
{
	char text[sizeof(p->d->items[0].text)];
	va_list args;

	if (is_reported(p->d, at))
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add_at(p->d, at.line, at.column, "%s", text);
}

struct plan_port *plan_switch_port(const struct plan_switch *ps, const struct port *p)
{
	for (size_t i = 0; i < ps->port_count; i++)
		if (ps->ports[i].port == p)
			return &ps->ports[i];
	return NULL;
}

struct plan_member *plan_switch_member(const struct plan_switch *ps, const struct member *m)
{
	for (size_t i = 0; i < ps->member_count; i++)
		if (ps->members[i].member == m)
			return &ps->members[i];
	return NULL;
}

bool plan_succeeds(const struct plan_switch *ps, const struct member *m)
{
	for (size_t i = 0; i < ps->member_count; i++)
		if (ps->members[i].former == m)
			return true;
	return false;
}

struct plan_switch *plan_find(const struct plan *p, const struct vswitch *sw)
{
	for (size_t i = 0; i < p->switch_count; i++)
		if (p->switches[i].sw == sw)
			return &p->switches[i];
	return NULL;
}

static void plan_switch_finish(struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->member_count; i++) {
		settings_finish(&ps->members[i].settings);
		module_put(ps->members[i].module);
	}
	for (size_t i = 0; i < ps->port_count; i++)
		settings_finish(&ps->ports[i].settings);
	settings_finish(&ps->settings);
	for (size_t i = 0; i < ps->shared_count; i++)
		value_put(ps->shared[i].value);
	free(ps->shared);
	free(ps->members);
	free(ps->ports);
	free(ps->shares);
}

void plan_destroy(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->switch_count; i++)
		plan_switch_finish(&p->switches[i]);
	free(p->switches);
	free(p);
}

static bool text_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool is_client(const struct backend_spec *b)
{
	return b->mode == VHOST_MODE_CLIENT;
}

static bool backend_equal(const struct backend_spec *a, const struct backend_spec *b)
{
	return text_equal(a->kind, b->kind) && text_equal(a->device, b->device) &&
	       text_equal(a->netns, b->netns) && text_equal(a->peer_name, b->peer_name) &&
	       text_equal(a->read_file, b->read_file) && text_equal(a->write_file, b->write_file) &&
	       a->queues == b->queues && a->mtu == b->mtu && a->offloads == b->offloads &&
	       text_equal(a->socket, b->socket) && is_client(a) == is_client(b) &&
	       a->packed == b->packed && a->zero_copy == b->zero_copy;
}

/* A tap's adapter got its address when the tap was made. */
static bool adapter_equal(const struct port_spec *a, const struct plan_port *b)
{
	if (!text_equal(a->backend.kind, "tap"))
		return true;
	return a->has_mac == b->has_mac && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static bool settings_equal(const struct settings *a, const struct settings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct value *other = settings_get(b, a->items[i].feature->id);

		if (!other || !value_equal(a->items[i].value, other))
			return false;
	}
	return true;
}

/* It goes on as a member; one that is alone again begins anew, with a chain and policies. */
static bool port_may_join(const struct port *port, const struct plan_port *pp)
{
	return pp->is_member && port->path_port && port->sw->type == SWITCH_EXTERNAL;
}

/* Can the port that is there become the one that is wanted, without going down? */
static bool port_goes_on(const struct plan *p, const struct port *port, const struct plan_port *pp)
{
	if (port->spec.role != pp->spec->role ||
	    (port->is_member != pp->is_member && !port_may_join(port, pp)) ||
	    memcmp(port->uuid, pp->uuid, 16) != 0 ||
	    !backend_equal(&port->spec.backend, &pp->spec->backend) ||
	    !adapter_equal(&port->spec, pp) || !text_equal(port->spec.address, pp->spec->address) ||
	    port->spec.takes_addresses != pp->spec->takes_addresses)
		return false;
	if (port->problem[0] == '\0')
		return true;
	return !p->is_strict && settings_equal(&port->settings, &pp->settings);
}

static void pair_ports(struct plan *p, struct plan_switch *ps)
{
	for (size_t i = 0; ps->sw && i < ps->port_count; i++) {
		struct plan_port *pp = &ps->ports[i];
		struct port *port = vswitch_port(ps->sw, pp->spec->name);

		if (!port || !port_goes_on(p, port, pp))
			continue;
		pp->port = port;
		pp->is_joining = pp->is_member && !port->is_member;
	}
}

static void check_role(struct plan *p, const struct plan_switch *ps, const struct port_spec *port)
{
	if (port->role == PORT_UPLINK && ps->spec->type != SWITCH_EXTERNAL &&
	    ps->spec->type != SWITCH_NAT)
		plan_error(p, port->at,
			   "uplink %s/%s: switch %s is %s and has no way out; make it external",
			   ps->spec->name, port->name, ps->spec->name,
			   switch_type_name(ps->spec->type));
	if (port->role == PORT_HOST && ps->spec->type == SWITCH_PRIVATE)
		plan_error(p, port->at,
			   "host port %s/%s: switch %s is private, so the host has no port on it; "
			   "make it internal or external",
			   ps->spec->name, port->name, ps->spec->name);
	if (port->group[0] && !model_group(ps->spec, port->group))
		plan_error(p, port->at, "port %s/%s: switch %s has no group %s", ps->spec->name,
			   port->name, ps->spec->name, port->group);
}

static void check_name(struct plan *p, const struct plan_switch *ps, size_t idx)
{
	const struct port_spec *port = ps->ports[idx].spec;

	for (size_t i = 0; i < idx; i++) {
		if (!text_equal(ps->ports[i].spec->name, port->name))
			continue;
		plan_error(p, port->at, "port %s/%s: the name is taken by another port (owner: %s)",
			   ps->spec->name, port->name, owner_name(ps->ports[i].owner));
		return;
	}
}

static int add_ports(struct plan *p, struct plan_switch *ps)
{
	const struct port_spec *spec;
	enum owner owner;

	for (size_t i = 0; (spec = model_port_at(p->model, ps->spec, i, &owner)) != NULL; i++) {
		struct plan_port *pp = ARRAY_ADD(&ps->ports, &ps->port_count);
		const struct port *port = ps->sw ? vswitch_port(ps->sw, spec->name) : NULL;
		char target[TARGET_MAX];

		if (!pp)
			return -ENOMEM;
		pp->spec = spec;
		pp->owner = owner;
		pp->is_member = spec->role == PORT_UPLINK && spec != &ps->spec->team.port &&
				switch_spec_has_team(ps->spec);
		target_print(target, ps->spec->name, spec->name);
		if (model_uuid(p->model, target, spec->has_uuid ? spec->uuid : NULL, pp->uuid) < 0)
			return -ENOMEM;
		plan_kept_mac(p, pp);
		pp->is_blocked = model_marked(p->model, MARK_BLOCKED, target);
		pp->is_held = model_marked(p->model, MARK_HELD, target) ||
			      world_has_departed(p->w, pp->uuid);
		pp->is_tolerated =
			p->w->is_tolerant || (!p->is_strict && port && port->problem[0] != '\0');
		check_role(p, ps, spec);
		check_name(p, ps, i);
	}
	return 0;
}

/* Of any switch, and whoever owns the ports: the file's reader sees those of the file alone. */
static const struct plan_port *socket_holder(const struct plan *p, const struct plan_port *before,
					     const char *socket, const struct plan_switch **where)
{
	for (size_t i = 0; i < p->switch_count; i++) {
		const struct plan_switch *ps = &p->switches[i];

		for (size_t n = 0; n < ps->port_count && &ps->ports[n] != before; n++) {
			*where = ps;
			if (text_equal(ps->ports[n].spec->backend.socket, socket))
				return &ps->ports[n];
		}
	}
	return NULL;
}

static void check_socket(struct plan *p, const struct plan_switch *ps, const struct plan_port *pp)
{
	const char *socket = pp->spec->backend.socket;
	const struct plan_switch *where = NULL;
	const struct plan_port *holder;

	holder = socket[0] ? socket_holder(p, pp, socket, &where) : NULL;
	if (holder)
		plan_error(p, pp->spec->at, "port %s/%s: socket %s belongs to port %s/%s",
			   ps->spec->name, pp->spec->name, socket, where->spec->name,
			   holder->spec->name);
}

static int resolve_switch(struct plan *p, const struct switch_spec *spec)
{
	struct plan_switch *ps = ARRAY_ADD(&p->switches, &p->switch_count);

	if (!ps)
		return -ENOMEM;
	ps->spec = spec;
	ps->sw = world_switch(p->w, spec->name);
	if (model_uuid(p->model, spec->name, spec->has_uuid ? spec->uuid : NULL, ps->uuid) < 0)
		return -ENOMEM;
	for (size_t i = 0; i + 1 < p->switch_count; i++)
		if (text_equal(p->switches[i].spec->name, spec->name))
			plan_error(p, spec->at, "switch %s: the name is taken by another switch",
				   spec->name);
	if (plan_chain(p, ps) < 0 || add_ports(p, ps) < 0 || plan_policies(p, ps) < 0 ||
	    plan_private(p, ps) < 0)
		return -ENOMEM;
	plan_mirrors(p, ps);
	plan_sessions(p, ps);
	plan_qos(p, ps);
	plan_queues(p, ps);
	plan_team(p, ps);
	plan_guest_teams(p, ps);
	plan_nat(p, ps);
	plan_dhcp(p, ps);
	plan_takeover(p, ps);
	pair_ports(p, ps);
	if (plan_rates(p, ps) < 0 || plan_links(p, ps) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ps->port_count; i++)
		check_socket(p, ps, &ps->ports[i]);
	return 0;
}

static void check_count(struct plan *p)
{
	size_t ports = 0;

	for (size_t i = 0; i < p->switch_count; i++)
		ports += p->switches[i].port_count;
	if (ports > PORTS_MAX - 1)
		plan_error(p, (struct position){ 0 },
			   "there are %zu ports, at most %d are possible", ports, PORTS_MAX - 1);
}

int plan_create(struct world *w, struct model *model, bool is_strict, struct diags *d,
		struct plan **out)
{
	const struct config_spec *file = model->file->spec;
	struct plan *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->w = w;
	p->model = model;
	p->d = d;
	p->is_strict = is_strict;
	for (size_t i = 0; i < file->switch_count; i++) {
		if (resolve_switch(p, &file->switches[i]) < 0) {
			plan_destroy(p);
			return -ENOMEM;
		}
	}
	check_count(p);
	if (plan_macs(p) < 0) {
		plan_destroy(p);
		return -ENOMEM;
	}
	if (d->count > 0) {
		plan_destroy(p);
		return -EINVAL;
	}
	*out = p;
	return 0;
}
