/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark.c - the priority (IEEE 802.1Q PCP) and the DSCP (RFC 2474) of packets from a port whose own
 * are not trusted.
 *
 * Behind admission, before anybody judges: chains, mirrors and connections see what the port is
 * entitled to.  A priority on a packet without a tag is a tag without a VLAN, which lives inside the
 * switch: trunks send it with the VLAN's, adapters of access ports never see it.
 */
#include "path/worker.h"

enum { VID_MASK = 0xfff, PRIORITY_SHIFT = 13, DSCP_MASK = 0xfc, DSCP_SHIFT = 2 };

static void mark_priority(struct packet *p, uint32_t priority)
{
	uint32_t vid = p->x.flags & XVS_PKT_VLAN ? p->x.vlan_tci & VID_MASK : 0;

	p->x.vlan_tci = (uint16_t)(priority << PRIORITY_SHIFT | vid);
	if (p->x.vlan_tci)
		p->x.flags |= XVS_PKT_VLAN;
	else
		p->x.flags &= ~(uint32_t)(XVS_PKT_VLAN | XVS_PKT_SVLAN);
}

/* ECN is between the ends (RFC 3168).  False: no memory. */
static bool mark_dscp(struct packet *p, const struct xvs_flow_key *key, uint32_t dscp)
{
	const struct xvs_flow_key set = { .ip_tos = (uint8_t)(dscp << DSCP_SHIFT) };
	const struct xvs_flow_key mask = { .ip_tos = DSCP_MASK };

	if (!(p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6)) ||
	    (key->ip_tos & DSCP_MASK) == set.ip_tos)
		return true;
	return packet_rewrite(p, &set, &mask) == 0;
}

void burst_mark(struct burst *b)
{
	const struct port_conf *conf = b->conf;
	struct path_worker *w = b->worker;

	for (XVS_EACH(i, b->live & b->keyed)) {
		struct packet *p = b->pkts[i];

		if (conf->marks & MARK_PRIORITY)
			mark_priority(p, conf->priority);
		if (conf->marks & MARK_DSCP && !mark_dscp(p, &w->keys[i], conf->dscp)) {
			burst_drop(b, (uint32_t)i, 0, REASON_POOL);
			continue;
		}
		packet_key(p, conf->port->id, &w->keys[i]);
	}
}
