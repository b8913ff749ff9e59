/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_host.c - would a change leave the host without a way out through one of its adapters?
 *
 * Whether that is the way by which an operator is here, nobody can tell.  So it is done only where it goes
 * back by itself unless somebody who is still there confirms it.
 */
#include "policy/builtin.h"
#include "switch/plan.h"
#include "switch/takeover.h"

static bool is_blocked_by(const struct settings *s)
{
	const struct policy_port *policy = settings_bytes(s, builtin_port.id);

	return policy && policy->blocked;
}

/* The port of a team is none: its members are. */
static bool is_cable(const struct port_spec *spec)
{
	return spec->role == PORT_UPLINK && strcmp(spec->backend.kind, "team") != 0;
}

/* An adapter of the host, where there is a cable too; NULL: there is no way by this switch. */
static const struct port *way_now(const struct vswitch *sw)
{
	const struct port *host = NULL;
	bool has_cable = false;

	for (size_t i = 0; i < sw->port_count; i++) {
		const struct port *p = sw->ports[i];

		if (port_is_blocked(p))
			continue;
		has_cable |= is_cable(&p->spec);
		if (p->spec.role == PORT_HOST)
			host = p;
	}
	return has_cable && sw->type == SWITCH_EXTERNAL ? host : NULL;
}

static bool has_way_next(const struct plan_switch *ps)
{
	bool has_cable = false;
	bool has_host = false;

	for (size_t i = 0; ps && i < ps->port_count; i++) {
		const struct plan_port *pp = &ps->ports[i];

		if (pp->is_blocked || is_blocked_by(&pp->settings))
			continue;
		has_cable |= is_cable(pp->spec);
		has_host |= pp->spec->role == PORT_HOST;
	}
	return has_cable && has_host;
}

/* The way by which an operator is here moves to an adapter that is new. */
static bool takes_way(const struct plan_switch *ps)
{
	return plan_takes_addresses(ps) && !(ps->sw && ps->sw->taken);
}

static bool leaves_ways(struct plan *p, const struct plan_switch *ps)
{
	const char *device = plan_takes_addresses(ps) ? plan_leaves_taken(ps) : NULL;

	if (!device)
		return true;
	diag_add(
		p->d, NULL,
		"switch %s: the addresses that host port %s has of device %s go back to it, since "
		"it is no uplink any more, and you may be here by them; ask with --confirm SECONDS, "
		"and the change goes back by itself unless you confirm it",
		ps->spec->name, takeover_port(ps->spec)->name, device);
	return false;
}

static bool plan_leaves_addresses(struct plan *p)
{
	for (size_t i = 0; i < p->switch_count; i++) {
		const struct plan_switch *ps = &p->switches[i];

		if (!leaves_ways(p, ps))
			return false;
		if (!takes_way(ps))
			continue;
		diag_add(
			p->d, NULL,
			"switch %s: host port %s takes over the addresses of the uplinks, by which "
			"you may be here; ask with --confirm SECONDS, and the change goes back by "
			"itself unless you confirm it",
			ps->spec->name, takeover_port(ps->spec)->name);
		return false;
	}
	return true;
}

bool plan_keeps_host(struct plan *p)
{
	const struct world *w = p->w;

	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];
		const struct port *host = way_now(sw);

		if (!host || has_way_next(plan_find(p, sw)))
			continue;
		diag_add(
			p->d, NULL,
			"switch %s: host port %s would have no way out any more, so the host may be out "
			"of reach; ask with --confirm SECONDS, and the change goes back by itself "
			"unless you confirm it",
			sw->name, host->spec.name);
		return false;
	}
	return plan_leaves_addresses(p);
}
