/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judging.c - what an extension may ask of the path on a worker, beside what every host offers:
 * marks ("xvs.mark/1"), whether an address is known ("xvs.l2/1"), copies ("xvs.mirror/1").
 *
 * A question within judge() is part of the verdict: it is noted in the walk, which makes a step of it.
 */
#include <errno.h>
#include <string.h>

#define XVS_USE_DRAFT
#include "path/destset.h"
#include "path/walk.h"
#include "xvs/ext/destset.h"
#include "xvs/ext/l2.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/mirror.h"

enum {
	PRIORITY_MAX = 7,
	PRIORITY_SHIFT = 13,
	PRIORITY_MASK = 7 << PRIORITY_SHIFT,
	DSCP_MAX = 63,
	DSCP_SHIFT = 2,
	DSCP_MASK = DSCP_MAX << DSCP_SHIFT,
};

/* The worker, if it is in a callback of this instance. */
static struct path_worker *worker_inside(const struct xvs_host *h)
{
	struct path_worker *w = path_worker_self();

	return w && w->inside == instance_of(h) ? w : NULL;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static uint16_t in_key(uint32_t tci)
{
	return __builtin_bswap16((uint16_t)tci);
}

/* The priority of a packet without a tag is 0, and that of an adapter without tags is nobody's. */
static void mark_priority(const struct walk *k, uint32_t priority)
{
	struct asked *a = k->asked;
	bool is_tagged = k->key.k.bits & XVS_KEY_VLAN;

	a->examined->bits |= XVS_KEY_VLAN;
	if (!is_tagged && (k->stage == XVS_STAGE_EGRESS || priority == 0))
		return;
	a->set.vlan_tci = in_key(priority << PRIORITY_SHIFT);
	a->mask.vlan_tci = in_key(PRIORITY_MASK);
	a->set.bits = XVS_KEY_VLAN;
	a->mask.bits = XVS_KEY_VLAN;
}

static bool is_ip(const struct packet *p)
{
	return (p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6)) != 0;
}

static void mark_dscp(const struct walk *k, uint32_t dscp)
{
	struct asked *a = k->asked;

	a->examined->ethertype = UINT16_MAX;
	if (!is_ip(k->packet))
		return;
	a->set.ip_tos = (uint8_t)(dscp << DSCP_SHIFT);
	a->mask.ip_tos = DSCP_MASK;
}

static int mark_flow(const struct xvs_host *h, uint32_t priority, uint32_t dscp)
{
	const struct path_worker *w = worker_inside(h);
	const struct walk *k = w ? w->inside_walk : NULL;

	if (!k || instance_of(h)->cls == XVS_INSPECT)
		return -EPERM;
	if ((priority > PRIORITY_MAX && priority != XVS_MARK_LEAVE) ||
	    (dscp > DSCP_MAX && dscp != XVS_MARK_LEAVE))
		return -EINVAL;
	k->asked->is_marked = true;
	k->asked->set = (struct xvs_flow_key){ 0 };
	k->asked->mask = (struct xvs_flow_key){ 0 };
	if (priority != XVS_MARK_LEAVE)
		mark_priority(k, priority);
	if (dscp != XVS_MARK_LEAVE)
		mark_dscp(k, dscp);
	return 0;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static int l2_is_known(const struct path_switch *sw, uint32_t segment, const uint8_t mac[6])
{
	return mac[0] & 1 || l2_lookup(&sw->l2, segment, mac);
}

static bool is_in_batch(const struct path_worker *w, const struct xvs_packet *p)
{
	const struct burst *b = w->inside_burst;
	bool found = false;

	for (uint32_t i = 0; b && i < b->count; i++)
		found = found || &b->pkts[i]->x == p;
	return found;
}

static int l2_knows(const struct xvs_host *h, const struct xvs_packet *p)
{
	const struct path_worker *w = worker_inside(h);
	const struct walk *k = w ? w->inside_walk : NULL;

	if (k && p == &k->packet->x) {
		k->asked->has_l2 = true;
		memset(k->asked->examined->eth_dst, 0xff, sizeof(k->asked->examined->eth_dst));
		return l2_is_known(k->conf->sw, k->key.segment, k->key.k.eth_dst);
	}
	if (!w || !is_in_batch(w, p))
		return -EPERM;
	return l2_is_known(w->inside_burst->conf->sw, packet_of(p)->segment, p->data);
}

/* Whose address it is may change as where it is does. */
static int l2_owns(const struct xvs_host *h, const struct xvs_packet *p)
{
	const struct path_worker *w = worker_inside(h);
	const struct walk *k = w ? w->inside_walk : NULL;
	struct xvs_flow_key *examined;
	const uint8_t *mac;

	if (!k || p != &k->packet->x)
		return -EPERM;
	k->asked->has_l2 = true;
	examined = k->asked->examined;
	mac = k->stage == XVS_STAGE_EGRESS ? k->key.k.eth_dst : k->key.k.eth_src;
	memset(k->stage == XVS_STAGE_EGRESS ? examined->eth_dst : examined->eth_src, 0xff, 6);
	return l2_is_own(&k->conf->sw->l2, k->key.segment, mac, k->conf->port);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static int mirror_copy(const struct xvs_host *h, const struct xvs_batch *batch, uint64_t mask,
		       const char *session)
{
	const struct path_worker *w = worker_inside(h);
	struct burst *b = w ? w->inside_burst : NULL;

	if (!b || batch->port != b->conf->port->id || batch->count != b->count)
		return -EPERM;
	return mirror_chosen(b, mask & b->live, session);
}

const void *path_offer(const char *id)
{
	static const struct xvs_mark_host mark = { .size = sizeof(mark), .flow = mark_flow };
	static const struct xvs_l2_host l2 = { .size = sizeof(l2),
					       .knows = l2_knows,
					       .owns = l2_owns };
	static const struct xvs_mirror_host mirror = { .size = sizeof(mirror),
						       .copy = mirror_copy };

	if (strcmp(id, XVS_DESTSET) == 0)
		return &destset_host;
	if (strcmp(id, XVS_MARK) == 0)
		return &mark;
	if (strcmp(id, XVS_L2) == 0)
		return &l2;
	return strcmp(id, XVS_MIRROR) == 0 ? &mirror : NULL;
}
