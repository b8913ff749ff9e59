/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx.c - out of the switch: what the exit cannot take is done in software, then one call of the
 * backend for the whole burst.
 *
 * A full destination drops (ring-full) after one second look; a worker never waits for a guest
 * (architecture 16.3d).
 */
#include <errno.h>

#include "packet/headers.h"
#include "path/link.h"
#include "path/rate.h"
#include "xvs/ext/sdk.h"

enum { ETHERNET_BYTES = 14 };
enum { GSO_TYPE_MASK = 0x7f };

static bool takes_gso(const struct backend *out, const struct packet *p)
{
	switch (p->x.gso_type & GSO_TYPE_MASK) {
	case 0:
		return true;
	case GSO_TCPV4:
		return (out->offloads & OFFLOAD_TSO4) != 0;
	case GSO_TCPV6:
		return (out->offloads & OFFLOAD_TSO6) != 0;
	case GSO_UDP:
		return (out->offloads & OFFLOAD_UFO) != 0;
	case GSO_UDP_L4:
		return (out->offloads & OFFLOAD_USO) != 0;
	default:
		return false;
	}
}

static bool fits_mtu(const struct port_conf *conf, const struct packet *p)
{
	uint32_t l3 =
		p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6) ? xvs_l3_bytes(&p->x) : p->x.len - 14;

	return conf->mtu == 0 || l3 <= conf->mtu;
}

uint16_t tx_refusal(const struct port_conf *conf, const struct packet *p)
{
	return fits_mtu(conf, p) ? REASON_NONE : REASON_TOO_LONG;
}

static void count_casts(struct port_counters *c, struct packet *const *pkts, uint32_t count)
{
	uint64_t multicast = 0;
	uint64_t broadcast = 0;

	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *dst = pkts[i]->x.data;

		if (dst[0] == 0xff && dst[1] == 0xff)
			broadcast++;
		else
			multicast += dst[0] & 1;
	}
	counter_add(&c->tx_multicast, multicast);
	counter_add(&c->tx_broadcast, broadcast);
}

/* What some packets are together. */
struct sum {
	uint32_t count;
	uint32_t longest;
	uint32_t flags; /* of any, as are the next three */
	uint32_t gso_types;
	uint32_t casts;
	uint32_t charged;
	uint64_t bytes;
};

static struct sum sum_of(struct packet *const *pkts, uint32_t count)
{
	struct sum s = { .count = count };

	for (uint32_t i = 0; i < count; i++) {
		const struct packet *p = pkts[i];

		s.bytes += p->x.len;
		s.longest = p->x.len > s.longest ? p->x.len : s.longest;
		s.flags |= p->x.flags;
		s.gso_types |= p->x.gso_type;
		s.casts |= p->x.data[0];
		s.charged |= p->charged;
	}
	return s;
}

/* Counted and given back. */
static void finish_sent(struct path_worker *w, struct port_counters *c, struct packet *const *pkts,
			const struct sum *s)
{
	counter_add(&c->tx_packets, s->count);
	counter_add(&c->tx_bytes, s->bytes);
	if (s->casts & 1)
		count_casts(c, pkts, s->count);
	for (uint32_t i = 0; s->charged && i < s->count; i++)
		packet_uncharge(w, pkts[i]);
	packet_free_burst(w->pool, pkts, s->count);
}

/* A copy for a mirror session is lost for one reason, whatever it is that its destination lacks. */
static void lose(struct burst *b, struct packet *p, uint32_t reason)
{
	if (b->conf->rate_kinds & 1u << RATE_LINK)
		link_lost(b, p);
	packet_drop(b->worker, p, b->conf->port->id, XVS_STAGE_EGRESS, 0,
		    b->are_copies ? REASON_MIRROR : reason);
}

static void send_all(struct burst *b, struct packet **pkts, struct sum s)
{
	struct path_worker *w = b->worker;
	struct backend *out = b->conf->backend;
	const uint32_t count = s.count;
	uint32_t sent = out->ops->tx(out, w->w.nr, pkts, count);

	if (sent < count) {
		sent += out->ops->tx(out, w->w.nr, pkts + sent, count - sent);
		s = sum_of(pkts, sent);
	}
	if (tap_is_at(w, CAPTURE_ENDS))
		tap_end(b, b->conf->port->id, pkts, sent);
	if (b->conf->mirrored & MIRRORED_OUT && !b->are_copies)
		mirror_sent(b, pkts, sent);
	if (b->conf->rate_kinds & 1u << RATE_LINK)
		link_sent(b, pkts, sent);
	finish_sent(w, &w->w.shard->ports[b->conf->counted_at], pkts, &s);
	for (uint32_t i = sent; i < count; i++)
		lose(b, pkts[i], REASON_RING_FULL);
}

static void send_some(struct burst *b, struct packet **pkts, uint32_t count)
{
	if (count)
		send_all(b, pkts, sum_of(pkts, count));
}

static int cut_packet(const struct burst *b, const struct packet *p, struct packet **cut)
{
	if (p->x.gso_type == GSO_NONE)
		return packet_fragment_ipv4(p, b->conf->mtu, cut, SEGMENTS_MAX);
	return packet_segment(p, cut, SEGMENTS_MAX);
}

/* Cut to what goes on the wire, each piece with its checksum. */
static void send_segmented(struct burst *b, struct packet *p)
{
	struct path_worker *w = b->worker;
	struct packet *cut[SEGMENTS_MAX];
	int count = cut_packet(b, p, cut);
	uint32_t port = b->conf->counted_at;

	if (count <= 0) {
		lose(b, p, count == -ENOBUFS ? REASON_POOL : REASON_BAD_OFFLOAD);
		return;
	}
	counter_add(&w->w.shard->ports[port].segmented, (uint64_t)count - 1);
	packet_uncharge(w, p);
	packet_free(p);
	for (int at = 0; at < count; at += XVS_BATCH_MAX)
		send_some(b, cut + at,
			  (uint32_t)(count - at < XVS_BATCH_MAX ? count - at : XVS_BATCH_MAX));
}

/* What this exit cannot take as it is.  True: it may be sent with the others. */
static bool prepare(struct burst *b, struct packet *p, bool *segmented)
{
	struct backend *out = b->conf->backend;
	uint16_t refused = tx_refusal(b->conf, p);
	int err;

	/* A router cuts what it may; a switch does not. */
	if (refused == REASON_TOO_LONG && b->conf->nat && packet_may_fragment(p)) {
		*segmented = true;
		return false;
	}
	if (refused) {
		lose(b, p, refused);
		return false;
	}
	if (!takes_gso(out, p)) {
		*segmented = true;
		return false;
	}
	if (!(p->x.flags & XVS_PKT_CSUM_TODO) || (out->offloads & OFFLOAD_CSUM))
		return true;
	err = packet_checksum(p);
	if (!err)
		return true;
	lose(b, p, err == -ENOBUFS ? REASON_POOL : REASON_BAD_OFFLOAD);
	return false;
}

/* May such packets be sent as they are, for all that a quick look can tell? */
static bool are_ready(const struct port_conf *conf, const struct sum *s)
{
	uint32_t longest =
		conf->mtu && conf->mtu < UINT16_MAX ? conf->mtu + ETHERNET_BYTES : UINT32_MAX;
	uint32_t todo = conf->backend->offloads & OFFLOAD_CSUM ? 0 : XVS_PKT_CSUM_TODO;

	return !s->gso_types && !(s->flags & todo) && s->longest <= longest;
}

/* Packet by packet. */
static void send_one_by_one(struct burst *b)
{
	struct packet *ready[XVS_BATCH_MAX];
	uint32_t count = 0;

	for (XVS_EACH(i, b->live)) {
		bool segmented = false;

		if (prepare(b, b->pkts[i], &segmented)) {
			ready[count++] = b->pkts[i];
		} else if (segmented) {
			/* order within a flow: what came before goes first */
			send_some(b, ready, count);
			count = 0;
			send_segmented(b, b->pkts[i]);
		}
	}
	send_some(b, ready, count);
}

void burst_emit(struct burst *b)
{
	bool are_all_live = b->live == UINT64_MAX >> (XVS_BATCH_MAX - b->count);
	struct sum s = sum_of(b->pkts, are_all_live ? b->count : 0);

	if (are_all_live && are_ready(b->conf, &s))
		send_all(b, b->pkts, s);
	else
		send_one_by_one(b);
}

void burst_emit_shared(struct burst *b)
{
	if (b->conf->rate_kinds & 1u << RATE_LINK)
		link_burst(b);
	if (b->live)
		burst_emit(b);
}

void burst_send(struct burst *b)
{
	if (b->conf->team && !b->conf->is_member)
		team_send(b);
	else if (b->conf->rate_kinds & 1u << RATE_LINK && !b->conf->is_member)
		burst_emit_shared(b);
	else
		burst_emit(b);
	b->live = 0;
}

void tx_packet(struct path_worker *w, struct port_conf *conf, struct packet *p)
{
	struct burst b;

	b.worker = w;
	b.conf = conf;
	b.stage = XVS_STAGE_EGRESS;
	b.are_copies = false;
	b.live = 1;
	b.count = 1;
	b.pkts[0] = p;
	burst_send(&b);
}

void burst_tx(struct burst *b)
{
	if (b->conf->nat)
		nat_egress(b);
	if (b->conf->rate_kinds & 1u << RATE_TO)
		shape_burst(b);
	burst_send(b);
	cycles_spent(b->worker, CYCLES_TX);
}
