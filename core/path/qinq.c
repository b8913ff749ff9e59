/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qinq.c - a tunnel port (IEEE 802.1ad): whatever tag a packet has is the customer's and goes on
 * inside, behind one that says the port's VLAN.
 *
 * Inside the switch the outer tag stands beside the packet, as any port's does; so the customer's,
 * which the parser took off as the outermost, is put back.
 */
#include <string.h>

#include "base/bytes.h"
#include "packet/headers.h"
#include "path/worker.h"

enum { TYPE_AT = 12 };

/* False: no memory. */
static bool put_back(struct packet *p)
{
	if (packet_unshare(p) != 0 || p->x.headroom < ETHER_TAG_BYTES)
		return false;
	p->x.data -= ETHER_TAG_BYTES;
	p->x.headroom = (uint16_t)(p->x.headroom - ETHER_TAG_BYTES);
	p->x.len += ETHER_TAG_BYTES;
	p->x.linear += ETHER_TAG_BYTES;
	memmove(p->x.data, p->x.data + ETHER_TAG_BYTES, TYPE_AT);
	put_be16(p->x.data + TYPE_AT,
		 p->x.flags & XVS_PKT_SVLAN ? ETHERTYPE_SVLAN : ETHERTYPE_VLAN);
	put_be16(p->x.data + ETHER_BYTES, p->x.vlan_tci);
	if (p->x.flags & XVS_PKT_CSUM_TODO)
		p->x.csum_start = (uint16_t)(p->x.csum_start + ETHER_TAG_BYTES);
	return true;
}

/* The priority is the customer's, until the port's marks say another. */
static void set_outer(struct packet *p, const struct port_conf *conf)
{
	uint32_t priority = p->x.flags & XVS_PKT_VLAN ? p->x.vlan_tci & 0xf000u : 0;

	p->x.flags &= ~(uint32_t)XVS_PKT_SVLAN;
	p->x.flags |= XVS_PKT_VLAN | (conf->tunnel == ETHERTYPE_SVLAN ? XVS_PKT_SVLAN : 0);
	p->x.vlan_tci = (uint16_t)(priority | conf->segment);
	p->segment = conf->segment;
}

void qinq_enter(struct burst *b, uint32_t i)
{
	const struct port_conf *conf = b->conf;
	struct packet *p = b->pkts[i];
	bool is_tagged = packet_is_in_vlan(p);

	if (p->x.flags & XVS_PKT_BAD) {
		p->segment = conf->segment;
		return;
	}
	if (is_tagged && !put_back(p)) {
		burst_drop(b, i, 0, REASON_POOL);
		return;
	}
	set_outer(p, conf);
	if (is_tagged)
		packet_parse(p, &b->reason[i]);
	/* a second tag of the customer's would be a third one */
	if (p->x.flags & XVS_PKT_BAD)
		b->keyed &= ~(UINT64_C(1) << i);
	else
		packet_key(p, conf->port->id, &b->worker->keys[i]);
}

bool qinq_has_inner_tag(const struct packet *p)
{
	return p->x.linear >= ETHER_BYTES && is_vlan_type(get_be16(p->x.data + TYPE_AT));
}
