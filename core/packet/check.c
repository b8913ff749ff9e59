/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/check.c - do the checksum and the cutting that a port asked for fit the headers?
 *
 * The last step of parsing, for the packets that ask for any.  Behind it, CSUM_TODO speaks of the
 * TCP or UDP header at l4_off, and a GSO packet always has a partial sum.
 */
#include "packet/headers.h"
#include "packet/reason.h"
#include "packet/sum.h"

/* True: the sum to fill is that of the L4 header which the parser found, and all of it is here. */
static bool sum_is_ours(const struct packet *p)
{
	return (p->x.flags & (XVS_PKT_L4 | XVS_PKT_FRAG)) == XVS_PKT_L4 &&
	       p->x.csum_start == p->x.l4_off &&
	       (p->x.l4_proto == PROTO_TCP || p->x.l4_proto == PROTO_UDP) &&
	       (uint32_t)p->x.csum_start + p->x.csum_off == packet_sum_place(p);
}

/*
 * A guest may leave to us the sum of a packet within its own tunnel.  It is filled in here, so
 * that for everybody else CSUM_TODO speaks of the header at l4_off.
 */
static uint16_t check_sum(struct packet *p)
{
	uint32_t place = (uint32_t)p->x.csum_start + p->x.csum_off;
	uint32_t from = p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6) ? p->x.l4_off : p->x.l3_off;

	if (sum_is_ours(p))
		return REASON_NONE;
	if (p->x.gso_type || p->x.flags & XVS_PKT_FRAG || p->x.csum_start < from + UDP_BYTES ||
	    place + 2 > packet_l3_end(p))
		return REASON_BAD_OFFLOAD;
	if (place + 2 > PACKET_PARSE)
		return REASON_BAD_OFFLOAD;
	if (packet_pull(p, place + 2))
		return REASON_POOL;
	return packet_checksum(p) ? REASON_POOL : REASON_NONE;
}

static bool gso_fits(const struct packet *p)
{
	const struct xvs_packet *x = &p->x;

	if (!(x->flags & XVS_PKT_L4) || x->flags & XVS_PKT_FRAG || x->gso_size == 0)
		return false;
	switch (x->gso_type & ~GSO_ECN) {
	case GSO_TCPV4:
		return x->flags & XVS_PKT_IPV4 && x->l4_proto == PROTO_TCP;
	case GSO_TCPV6:
		return x->flags & XVS_PKT_IPV6 && x->l4_proto == PROTO_TCP;
	case GSO_UDP:
		return packet_can_fragment(p);
	case GSO_UDP_L4:
		return x->l4_proto == PROTO_UDP;
	default:
		return false;
	}
}

/*
 * Some adapters that merge packets on receipt say that the sum was good and leave it in place.
 * A GSO packet of ours always has a partial sum, as virtio demands of those it goes to.
 */
static uint16_t make_partial(struct packet *p)
{
	uint16_t sum;

	if (packet_unshare(p))
		return REASON_POOL;
	sum = sum_fold(sum_pseudo(p, packet_l3_end(p) - p->x.l4_off));
	memcpy(p->x.data + packet_sum_place(p), &sum, sizeof(sum));
	p->x.csum_start = p->x.l4_off;
	p->x.csum_off = (uint16_t)(packet_sum_place(p) - p->x.l4_off);
	p->x.flags |= XVS_PKT_CSUM_TODO;
	return REASON_NONE;
}

static uint16_t check_gso(struct packet *p)
{
	uint32_t payload;
	uint32_t segments;

	if (!gso_fits(p))
		return REASON_BAD_OFFLOAD;
	payload = packet_l3_end(p) - packet_payload_off(p);
	segments = (payload + p->x.gso_size - 1) / p->x.gso_size;
	if ((p->x.gso_type & ~GSO_ECN) != GSO_UDP && segments > SEGMENTS_MAX)
		return REASON_BAD_OFFLOAD;
	return p->x.flags & XVS_PKT_CSUM_TODO ? REASON_NONE : make_partial(p);
}

uint16_t packet_check_offload(struct packet *p)
{
	uint16_t bad = REASON_NONE;

	if (p->x.flags & XVS_PKT_CSUM_TODO)
		bad = check_sum(p);
	if (!bad && p->x.gso_type)
		bad = check_gso(p);
	return bad;
}
