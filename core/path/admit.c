/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit.c - may these packets enter at this port, and which segment are they in.
 *
 * Malformed packets go on to inspect extensions that see every packet (they are told BAD) and are
 * dropped behind them; see judge.c.  Here they only get their segment.
 */
#include "path/worker.h"

static bool is_listed(const struct port_conf *conf, uint32_t vid)
{
	return vid < 4095 && (conf->allowed[vid / 64] >> (vid % 64) & 1);
}

static bool tag_is_allowed(const struct port_conf *conf, uint32_t vid)
{
	if (conf->tunnel) /* its own, which packets have got on their way in */
		return vid == conf->segment;
	return conf->is_trunk && ((conf->all_tags && vid < 4095) || is_listed(conf, vid));
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
	/* what an isolated port sends, it does not get */
	if (conf->is_private)
		return is_listed(conf, segment);
	return segment == conf->segment || tag_is_allowed(conf, segment);
}

static uint16_t why_closed(const struct port_conf *conf)
{
	if (conf->is_mirror)
		return REASON_MIRROR_PORT;
	return conf->is_blocked ? REASON_PORT_BLOCKED : REASON_PORT_CLOSED;
}

static void admit_one(struct burst *b, uint32_t i)
{
	const struct port_conf *conf = b->conf;

	if (!conf->is_open)
		burst_drop(b, i, 0, why_closed(conf));
	else if (conf->tunnel)
		qinq_enter(b, i);
	else if (!admit_tag(conf, b->pkts[i]))
		burst_drop(b, i, 0, REASON_VLAN);
	else if (b->pkts[i]->x.flags & XVS_PKT_BAD && b->pkts[i]->x.linear < 14)
		burst_drop(b, i, 0, b->reason[i]);
}

static uint64_t have_flags(const struct burst *b, uint32_t flags)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < b->count; i++)
		mask |= (uint64_t)((b->pkts[i]->x.flags & flags) != 0) << i;
	return mask;
}

void burst_admit(struct burst *b, uint32_t flags)
{
	const uint32_t closer_look = XVS_PKT_VLAN | XVS_PKT_BAD;
	uint64_t odd = b->conf->is_open && !b->conf->tunnel ? 0 : b->live;

	if (flags & closer_look)
		odd |= have_flags(b, closer_look);
	b->segments = odd;
	for (XVS_EACH(i, odd))
		admit_one(b, (uint32_t)i);
}
