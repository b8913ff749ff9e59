/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/lldp_check.c - does what the adjacent port says of itself fit what is sent to it?
 *
 * Switches tell what they like: what one does not say is not held against it.
 */
#include "policy/builtin.h"
#include "switch/lldp.h"
#include "switch/team.h"

enum { FRAME_OVERHEAD = 18, WARNINGS_MAX = 8 };

static bool has_vlan(const struct lldp_neighbour *n, uint32_t vid)
{
	return vid < LLDP_VLANS && (n->vlans[vid / 64] >> (vid % 64) & 1);
}

static void warn(json_t *list, json_t *sentence)
{
	if (json_array_size(list) < WARNINGS_MAX)
		(void)json_array_append_new(list, sentence);
	else
		json_decref(sentence);
}

/* What its ports are in, tagged at the uplink; once each. */
static void check_tagged(const struct port *uplink, const struct lldp_neighbour *n, json_t *list)
{
	uint64_t seen[LLDP_VLANS / 64] = { 0 };
	uint32_t native = port_segment(team_ruler(uplink));

	for (size_t i = 0; i < uplink->sw->port_count; i++) {
		const struct port *p = uplink->sw->ports[i];
		uint32_t vid = port_segment(p);

		if (p->spec.role == PORT_UPLINK || vid == 0 || vid == native || vid >= LLDP_VLANS ||
		    has_vlan(n, vid) || (seen[vid / 64] >> (vid % 64) & 1))
			continue;
		seen[vid / 64] |= UINT64_C(1) << (vid % 64);
		warn(list,
		     json_sprintf("VLAN %u of port %s is none of those that the adjacent port names",
				  (unsigned)vid, p->spec.name));
	}
}

static void check_untagged(const struct port *uplink, const struct lldp_neighbour *n, json_t *list)
{
	uint32_t native = port_segment(team_ruler(uplink));

	if (n->pvid && native && n->pvid != native)
		warn(list,
		     json_sprintf("untagged packets are of VLAN %u here, and of VLAN %u at the "
				  "adjacent port",
				  (unsigned)native, (unsigned)n->pvid));
	for (size_t i = 0; n->pvid == 0 && i < uplink->sw->port_count; i++) {
		const struct port *p = uplink->sw->ports[i];

		if (p->spec.role == PORT_UPLINK || port_segment(p) != native)
			continue;
		warn(list,
		     json_sprintf("port %s sends untagged there, which the adjacent port does not "
				  "take",
				  p->spec.name));
		break;
	}
}

static void check_mtu(const struct port *uplink, const struct lldp_neighbour *n, json_t *list)
{
	uint32_t frame = uplink->backend ? uplink->backend->mtu + FRAME_OVERHEAD : 0;

	if (n->max_frame && frame > n->max_frame)
		warn(list,
		     json_sprintf("the adjacent port takes frames of %u bytes, and the MTU here "
				  "makes them up to %u",
				  (unsigned)n->max_frame, (unsigned)frame));
}

json_t *lldp_warnings(const struct port *p)
{
	const struct lldp_neighbour *n = &p->lldp->neighbour;
	json_t *list = json_array();

	if (n->has_vlans)
		check_tagged(p, n, list);
	if (n->has_pvid)
		check_untagged(p, n, list);
	check_mtu(p, n, list);
	if (n->is_aggregated)
		warn(list,
		     json_sprintf("the adjacent port is one of an aggregation group, and uplinks "
				  "here are independent of each other"));
	return list;
}
