/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/compile.c - from the state of a port to the one structure that workers read, and to the
 * reasons why the port is closed.
 */
#include <stdarg.h>
#include <stdio.h>

#include "policy/builtin.h"
#include "switch/bundle_part.h"
#include "switch/link.h"
#include "switch/lldp.h"
#include "switch/queue.h"
#include "switch/team.h"

enum { NEW_FLOWS_PER_SECOND = 50000, NEW_FLOWS_BURST = 5000 };

void reasons_add(struct reasons *r, const char *format, ...)
{
	va_list args;

	if (r->count == REASON_MAX)
		return;
	va_start(args, format);
	(void)vsnprintf(r->text[r->count++], PROBLEM_MAX, format, args);
	va_end(args);
}

static void allow(struct port_conf *conf, uint32_t tag)
{
	conf->allowed[tag / 64] |= UINT64_C(1) << (tag % 64);
}

static void allow_ranges(struct port_conf *conf, const struct xvs_table *ranges)
{
	const char *range = ranges->items;

	for (uint32_t i = 0; i < ranges->count; i++, range += ranges->stride) {
		struct vlan_range r;

		memcpy(&r, range, sizeof(r));
		for (uint32_t tag = r.first; tag <= r.last && tag < 4096; tag++)
			allow(conf, tag);
	}
}

/* Which of its primary and secondary VLANs it gets: RFC 5517, section 3. */
static void allow_private(struct port_conf *conf, const struct policy_vlan *vlan)
{
	conf->is_private = true;
	allow(conf, vlan->primary);
	if (vlan->mode == VLAN_COMMUNITY)
		allow(conf, vlan->secondary);
	else if (vlan->mode == VLAN_PROMISCUOUS)
		allow_ranges(conf, &vlan->secondaries);
}

static void compile_segment(const struct port *p, struct port_conf *conf)
{
	const struct policy_vlan *vlan = settings_bytes(&p->settings, builtin_vlan.id);

	conf->is_trunk = port_is_trunk(p);
	conf->segment = port_segment(p);
	if (vlan && vlan_is_private(vlan))
		allow_private(conf, vlan);
	if (vlan && vlan->mode == VLAN_TUNNEL)
		conf->tunnel = vlan->ethertype == VLAN_TYPE_CUSTOMER ? 0x8100 : 0x88a8;
	if (!conf->is_trunk)
		return;
	conf->all_tags = !vlan || vlan->allowed.count == 0;
	conf->keeps_priority = !vlan && tags_are_forwarded(p->sw);
	if (vlan)
		allow_ranges(conf, &vlan->allowed);
}

static void compile_limits(const struct port *p, struct port_conf *conf)
{
	const struct policy_port *port = settings_bytes(&team_ruler(p)->settings, builtin_port.id);
	const struct policy_learning *learning = settings_bytes(&p->settings, builtin_learning.id);
	const struct policy_new_flows *new_flows =
		settings_bytes(&p->settings, builtin_new_flows.id);

	conf->learns = learning && learning->enabled;
	conf->guest_team = port_guest_team(p);
	conf->learn_limit = learning ? learning->limit : 0;
	conf->learns_strictly = conf->learns && learning->over_limit == OVER_LIMIT_DROP;
	conf->closes_at_limit = conf->learns && learning->over_limit == OVER_LIMIT_BLOCK;
	conf->spares_unknown = learning && learning->enabled && !learning->unicast_flood;
	conf->mtu = p->backend ? p->backend->mtu : 0;
	if (port && port->mtu && (!conf->mtu || port->mtu < conf->mtu))
		conf->mtu = port->mtu;
	if (new_flows) {
		conf->new_flow_rate = new_flows->per_second;
		conf->new_flow_burst = new_flows->burst;
	} else if (p->spec.role == PORT_GUEST) {
		conf->new_flow_rate = NEW_FLOWS_PER_SECOND;
		conf->new_flow_burst = NEW_FLOWS_BURST;
	}
}

/* Is there anything to call it for, at this stage? */
static bool has_ingress(const struct instance *i)
{
	return i->has_flow || i->has_conn || i->ops.ingress ||
	       (i->cls == XVS_INSPECT && i->ops.inspect) ||
	       (i->cls == XVS_FORWARD && i->ops.forward);
}

static bool has_egress(const struct instance *i)
{
	if (i->cls == XVS_FORWARD)
		return false;
	return i->has_flow || i->has_conn || i->ops.egress ||
	       (i->cls == XVS_INSPECT && i->ops.inspect);
}

static void chain_place(struct chain *chain, const struct attachment *a)
{
	struct instance *i = a->member->instance;
	bool tracks = instance_tracks(i, a->port_state);

	if (i->cls == XVS_FIREWALL && tracks && chain->conn_place == CHAIN_MAX)
		chain->conn_place = chain->count;
	chain->places[chain->count].is_untracked = i->has_conn && !tracks;
	chain->places[chain->count].instance = i;
	chain->places[chain->count].port_state = a->port_state;
	chain->places[chain->count].conn_slot = a->member->conn_slot;
	chain->count++;
}

/* Egress mirrors ingress: firewall, filter, inspect, each class in reverse. */
static void compile_chains(const struct port *p, struct port_conf *conf)
{
	const struct vswitch *sw = p->sw;

	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	for (size_t i = 0; i < sw->member_count; i++) {
		const struct attachment *a = port_standing(p, sw->members[i]);

		if (!a || !has_ingress(a->member->instance))
			continue;
		chain_place(&conf->ingress, a);
		conf->has_forwarder |= a->member->instance->cls == XVS_FORWARD;
	}
	for (size_t i = sw->member_count; i-- > 0;) {
		const struct attachment *a = port_standing(p, sw->members[i]);

		if (a && has_egress(a->member->instance))
			chain_place(&conf->egress, a);
	}
}

static bool chain_has(const struct chain *chain, const char *extension)
{
	for (uint32_t i = 0; i < chain->count; i++)
		if (strcmp(chain->places[i].instance->ext->id, extension) == 0)
			return true;
	return false;
}

static void find_absent_members(const struct port *p, struct reasons *r)
{
	for (size_t i = 0; i < p->sw->member_count && !p->is_member; i++) {
		const struct member *m = p->sw->members[i];

		if (!m->is_required || port_standing(p, m) || !member_stands(m, &p->settings))
			continue;
		if (m->state == MEMBER_RUNNING)
			reasons_add(r, "required instance %s (%s) does not know the port", m->name,
				    m->extension);
		else
			reasons_add(r, "required instance %s (%s) is %s%s%.160s", m->name,
				    m->extension, member_state_name(m), m->problem[0] ? ": " : "",
				    m->problem);
	}
}

static void find_reasons(const struct port *p, const struct port_conf *conf, struct reasons *r)
{
	if (p->is_held)
		reasons_add(r, "%s",
			    world_has_departed(p->w, p->uuid) ? "it has moved to another host"
							      : REASON_HELD);
	if (p->is_frozen)
		reasons_add(
			r,
			"its state is being read: its machine is saved, or on the way to another host");
	if (p->problem[0])
		reasons_add(r, "%s", p->problem);
	if (p->mac_problem[0])
		reasons_add(r, "%s", p->mac_problem);
	if (p->is_over_limit && conf->closes_at_limit)
		reasons_add(r,
			    "it has sent from more than the %u addresses that xvs.learning/1 lets "
			    "it; type xvsctl port unblock %s",
			    conf->learn_limit, p->full_name);
	find_absent_members(p, r);
	for (size_t i = 0; i < p->spec.require_count; i++) {
		const char *id = p->spec.requires[i];

		if (!chain_has(&conf->ingress, id) && !chain_has(&conf->egress, id))
			reasons_add(r, "requires %s, which does not stand in this port's chain",
				    id);
	}
}

void port_compile(const struct port *p, struct port_conf *conf, struct reasons *reasons)
{
	static const enum path_role roles[] = { ROLE_GUEST, ROLE_UPLINK, ROLE_HOST };

	conf->port = p->path_port;
	conf->sw = p->sw->path_switch;
	conf->backend = p->backend;
	conf->role = roles[p->spec.role];
	conf->is_blocked = port_is_blocked(p);
	conf->nat = port_is_outside(p) ? p->sw->nat : NULL;
	conf->team = p->sw->team && (p->is_member || port_is_team(p)) ? p->sw->team->path : NULL;
	conf->is_member = p->is_member && conf->team; /* it stays out without memory for one */
	conf->member = p->member;
	compile_segment(p, conf);
	compile_limits(p, conf);
	compile_rate(p, conf);
	compile_link(p, conf);
	compile_queues(p, conf);
	conf->hears = lldp_hears(p);
	compile_qos(p, conf);
	compile_chains(p, conf);
	find_reasons(p, conf, reasons);
	conf->is_open = reasons->count == 0 && !conf->is_blocked;
	port_compile_mirrors(p, conf);
}

void vswitch_compile_nowhere(const struct vswitch *sw, struct port_conf *conf)
{
	conf->sw = sw->path_switch;
	conf->is_open = true;
	conf->is_trunk = true;
	conf->all_tags = true;
	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	for (size_t i = 0; i < sw->member_count; i++) {
		const struct member *m = sw->members[i];
		const struct attachment nowhere = { .member = sw->members[i] };

		if (m->state != MEMBER_RUNNING) {
			conf->is_open &= !m->is_required;
			continue;
		}
		/* No port, so no policy and no connection: those who need one stand aside. */
		if ((m->ext->flags & XVS_EXT_POLICY_ONLY) || m->instance->has_conn ||
		    !has_ingress(m->instance))
			continue;
		chain_place(&conf->ingress, &nowhere);
		conf->has_forwarder |= m->instance->cls == XVS_FORWARD;
	}
}
