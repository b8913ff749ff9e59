/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx.c - out of the switch: what the exit cannot take is done in software, then one call of the
 * backend for the whole burst.
 *
 * A full destination drops (ring-full) after one second look; a worker never waits for a guest
 * (architecture 16.3d).
 */
#include <errno.h>

#include "path/worker.h"
#include "xvs/ext/sdk.h"

enum { ETHERNET_BYTES = 14 };
enum { GSO_TYPE_MASK = 0x7f, GSO_TCPV4 = 1, GSO_UDP = 3, GSO_TCPV6 = 4, GSO_UDP_L4 = 5 };

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

/* Counted and given back. */
static void finish_sent(struct path_worker *w, struct port_counters *c, struct packet *const *pkts,
			uint32_t count)
{
	uint64_t bytes = 0;
	uint32_t casts = 0;
	uint32_t charged = 0;

	for (uint32_t i = 0; i < count; i++) {
		bytes += pkts[i]->x.len;
		casts |= pkts[i]->x.data[0] & 1u;
		charged |= pkts[i]->charged;
	}
	counter_add(&c->tx_packets, count);
	counter_add(&c->tx_bytes, bytes);
	if (casts)
		count_casts(c, pkts, count);
	for (uint32_t i = 0; charged && i < count; i++)
		packet_uncharge(w, pkts[i]);
	packet_free_burst(w->pool, pkts, count);
}

static void send_all(struct burst *b, struct packet **pkts, uint32_t count)
{
	struct path_worker *w = b->worker;
	struct backend *out = b->conf->backend;
	uint32_t sent = out->ops->tx(out, w->w.nr, pkts, count);

	if (sent < count)
		sent += out->ops->tx(out, w->w.nr, pkts + sent, count - sent);
	if (tap_is_at(w, CAPTURE_ENDS))
		tap_end(b, pkts, sent);
	finish_sent(w, &w->w.shard->ports[b->conf->port->id], pkts, sent);
	for (uint32_t i = sent; i < count; i++)
		packet_drop(w, pkts[i], b->conf->port->id, XVS_STAGE_EGRESS, 0, REASON_RING_FULL);
}

/* Cut to what goes on the wire, each piece with its checksum. */
static void send_segmented(struct burst *b, struct packet *p)
{
	struct path_worker *w = b->worker;
	struct packet *cut[SEGMENTS_MAX];
	int count = packet_segment(p, cut, SEGMENTS_MAX);
	uint32_t port = b->conf->port->id;

	if (count <= 0) {
		packet_drop(w, p, port, XVS_STAGE_EGRESS, 0,
			    count == -ENOBUFS ? REASON_POOL : REASON_BAD_OFFLOAD);
		return;
	}
	counter_add(&w->w.shard->ports[port].segmented, (uint64_t)count - 1);
	packet_uncharge(w, p);
	packet_free(p);
	for (int at = 0; at < count; at += XVS_BATCH_MAX)
		send_all(b, cut + at,
			 (uint32_t)(count - at < XVS_BATCH_MAX ? count - at : XVS_BATCH_MAX));
}

/* What this exit cannot take as it is.  True: it may be sent with the others. */
static bool prepare(struct burst *b, struct packet *p, bool *segmented)
{
	struct backend *out = b->conf->backend;
	uint32_t port = b->conf->port->id;
	int err;

	if (!fits_mtu(b->conf, p)) {
		packet_drop(b->worker, p, port, XVS_STAGE_EGRESS, 0, REASON_TOO_LONG);
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
	packet_drop(b->worker, p, port, XVS_STAGE_EGRESS, 0,
		    err == -ENOBUFS ? REASON_POOL : REASON_BAD_OFFLOAD);
	return false;
}

/* May all packets of the burst be sent as they are, for all that a quick look can tell? */
static bool all_are_ready(const struct burst *b)
{
	const struct port_conf *conf = b->conf;
	uint32_t longest =
		conf->mtu && conf->mtu < UINT16_MAX ? conf->mtu + ETHERNET_BYTES : UINT32_MAX;
	uint32_t todo = conf->backend->offloads & OFFLOAD_CSUM ? 0 : XVS_PKT_CSUM_TODO;
	uint32_t odd = 0;

	if (b->live != UINT64_MAX >> (XVS_BATCH_MAX - b->count))
		return false;
	for (uint32_t i = 0; i < b->count; i++) {
		const struct packet *p = b->pkts[i];

		odd |= p->x.gso_type | (p->x.len > longest) | (p->x.flags & todo);
	}
	return !odd;
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
			if (count)
				send_all(b, ready, count);
			count = 0;
			send_segmented(b, b->pkts[i]);
		}
	}
	if (count)
		send_all(b, ready, count);
}

void burst_tx(struct burst *b)
{
	if (all_are_ready(b))
		send_all(b, b->pkts, b->count);
	else
		send_one_by_one(b);
	b->live = 0;
	cycles_spent(b->worker, CYCLES_TX);
}
