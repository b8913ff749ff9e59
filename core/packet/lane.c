/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/lane.c - the plain lane, the way of what it refuses, and the choice between lanes.
 *
 * A key is written as the eight words that it is made of; the drawing in packet/key.c's terms:
 *
 *      0 port, dst      1 dst, src       2 ethertype, vlan_tci, ip_src     3 ip_src
 *      4 ip_src, ip_dst 5 ip_dst         6 ip_dst, proto, tos, ttl, bits   7 ports, flags, inner
 */
#include "packet/lane.h"

#include <stdatomic.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are put together low byte first");
_Static_assert(offsetof(struct xvs_flow_key, eth_dst) == 4, "word 0");
_Static_assert(offsetof(struct xvs_flow_key, ethertype) == 16, "word 2");
_Static_assert(offsetof(struct xvs_flow_key, ip_src) == 20, "word 2");
_Static_assert(offsetof(struct xvs_flow_key, ip_dst) == 36, "word 4");
_Static_assert(offsetof(struct xvs_flow_key, ip_proto) == 52, "word 6");
_Static_assert(offsetof(struct xvs_flow_key, bits) == 55, "word 6");
_Static_assert(offsetof(struct xvs_flow_key, tcp_flags) == 60, "word 7");

LANE_INLINE uint64_t load16(const uint8_t *b)
{
	uint16_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

LANE_INLINE uint64_t load32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

LANE_INLINE uint64_t load64(const uint8_t *b)
{
	uint64_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

/* Words 0, 1, and the lower half of 2; what of words 6 and 7 is not of the IP header's version. */
LANE_INLINE void key_frame(const struct xvs_packet *x, uint32_t port, uint64_t words[8])
{
	const uint8_t *l4 = x->data + x->l4_off;

	words[0] = port | load32(x->data) << 32;
	words[1] = load64(x->data + 4);
	words[2] = load16(x->data + ETHER_TYPE_AT);
	words[6] = (uint64_t)x->l4_proto << 32;
	words[7] = load32(l4);
	if (x->l4_proto == PROTO_TCP)
		words[7] |= (load16(l4 + 12) & htons(0x0fff)) << 32;
	if (__builtin_expect(x->flags & XVS_PKT_VLAN, 0)) {
		words[2] |= (uint64_t)htons(x->vlan_tci) << 16;
		words[6] |= lane_tag_bits(x) << 56;
	}
}

/* One by one: a copy of the whole would read in halves what was just written in quarters. */
LANE_INLINE void key_store(struct xvs_flow_key *key, const uint64_t words[8])
{
	uint64_t __attribute__((may_alias)) *to = (void *)key;

	for (unsigned i = 0; i < 8; i++)
		to[i] = words[i];
}

LANE_INLINE void key_ipv4(const struct packet *p, const void *kit, struct xvs_flow_key *key)
{
	static const uint64_t mapped = UINT64_C(0xffff) << 48;
	const uint8_t *ip = p->x.data + ETHER_BYTES;
	uint64_t words[8];

	key_frame(&p->x, ((const struct arrivals *)kit)->port, words);
	words[3] = mapped;
	words[4] = load32(ip + 12);
	words[5] = mapped;
	words[6] |= load32(ip + 16) | (uint64_t)ip[1] << 40 | (uint64_t)ip[8] << 48;
	key_store(key, words);
}

LANE_INLINE void key_ipv6(const struct packet *p, const void *kit, struct xvs_flow_key *key)
{
	const uint8_t *ip = p->x.data + ETHER_BYTES;
	uint64_t tos = (get_be16(ip) >> 4) & 0xff;
	uint64_t words[8];

	key_frame(&p->x, ((const struct arrivals *)kit)->port, words);
	words[2] |= load32(ip + 8) << 32;
	words[3] = load64(ip + 12);
	words[4] = load64(ip + 20);
	words[5] = load64(ip + 28);
	words[6] |= load32(ip + 36) | tos << 40 | (uint64_t)ip[7] << 48;
	key_store(key, words);
}

void lane_plain(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		uint16_t *reasons)
{
	lane_run(pkts, a, keys, reasons, key_ipv4, key_ipv6, a);
}

bool lane_untag(struct packet *p)
{
	struct xvs_packet *x = &p->x;
	uint16_t type = get_be16(x->data + ETHER_TYPE_AT);
	uint16_t tci = get_be16(x->data + ETHER_BYTES);

	if (!is_vlan_type(type) || !(tci & 0xfff) || x->flags & XVS_PKT_SHARED ||
	    is_vlan_type(get_be16(x->data + ETHER_TYPE_AT + ETHER_TAG_BYTES)) ||
	    x->linear < (uint32_t)LANE_LEAST + ETHER_TAG_BYTES)
		return false;
	if (x->flags & XVS_PKT_CSUM_TODO && x->csum_start < ETHER_BYTES + ETHER_TAG_BYTES)
		return false;
	x->vlan_tci = tci;
	x->flags |= XVS_PKT_VLAN | (type == ETHERTYPE_SVLAN ? XVS_PKT_SVLAN : 0);
	memmove(x->data + ETHER_TAG_BYTES, x->data, ETHER_TYPE_AT);
	x->data += ETHER_TAG_BYTES;
	x->headroom = (uint16_t)(x->headroom + ETHER_TAG_BYTES);
	x->len -= ETHER_TAG_BYTES;
	x->linear -= ETHER_TAG_BYTES;
	if (x->flags & XVS_PKT_CSUM_TODO)
		x->csum_start = (uint16_t)(x->csum_start - ETHER_TAG_BYTES);
	return true;
}

void lane_refused(struct packet *p, uint32_t port, struct xvs_flow_key *key, uint16_t *reason)
{
	packet_parse(p, reason);
	if (*reason == REASON_NONE)
		packet_key(p, port, key);
}

/* ---- the choice --------------------------------------------------------------------------------- */

static void choose(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		   uint16_t *reasons);

/* Any thread may choose; all choose the same. */
static _Atomic lane_batch chosen = choose;

static void choose(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		   uint16_t *reasons)
{
	lane_batch lane = lane_has_avx512() ? lane_avx512 : lane_plain;

	atomic_store_explicit(&chosen, lane, memory_order_relaxed);
	lane(pkts, a, keys, reasons);
}

void packet_parse_batch(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
			uint16_t *reasons)
{
	atomic_load_explicit(&chosen, memory_order_relaxed)(pkts, a, keys, reasons);
}
