/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit.c - may these packets enter at this port, and which segment are they in.
 *
 * Malformed packets go on to inspect extensions that see every packet (they are told BAD) and are
 * dropped behind them; see judge.c.  Here they only get their segment.
 */
#include "path/worker.h"

static bool tag_is_allowed(const struct port_conf *conf, uint32_t vid)
{
	return conf->is_trunk && vid < 4095 &&
	       (conf->all_tags || (conf->allowed[vid / 64] >> (vid % 64) & 1));
}

/* The segment of one packet; false: its tag may not enter here. */
bool admit_tag(const struct port_conf *conf, struct packet *p)
{
	uint32_t vid = p->x.vlan_tci & 0xfffu;

	/* a priority tag (VID 0) carries no segment: IEEE 802.1Q, 6.9.1 */
	p->segment = conf->segment;
	if (!(p->x.flags & XVS_PKT_VLAN) || vid == 0)
		return true;
	p->segment = vid;
	return tag_is_allowed(conf, vid);
}

bool segment_is_carried(const struct port_conf *conf, uint32_t segment)
{
	return segment == conf->segment || tag_is_allowed(conf, segment);
}

static void count_casts(struct burst *b)
{
	struct port_counters *c = &b->worker->w.shard->ports[b->conf->port->id];
	uint64_t multicast = 0;
	uint64_t broadcast = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct packet *p = b->pkts[i];

		if (p->x.linear < 6 || !(p->x.data[0] & 1))
			continue;
		if (p->x.data[0] == 0xff && p->x.data[1] == 0xff)
			broadcast++;
		else
			multicast++;
	}
	if (multicast)
		counter_add(&c->rx_multicast, multicast);
	if (broadcast)
		counter_add(&c->rx_broadcast, broadcast);
}

void burst_admit(struct burst *b)
{
	const struct port_conf *conf = b->conf;

	count_casts(b);
	for (uint32_t i = 0; i < b->count; i++) {
		if (!conf->is_open)
			burst_drop(b, i, 0,
				   conf->is_blocked ? REASON_PORT_BLOCKED : REASON_PORT_CLOSED);
		else if (!admit_tag(conf, b->pkts[i]))
			burst_drop(b, i, 0, REASON_VLAN);
		else if (b->pkts[i]->x.flags & XVS_PKT_BAD && b->pkts[i]->x.linear < 14)
			burst_drop(b, i, 0, b->reason[i]);
	}
}
