/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/lane.h - one pass over the shapes that nearly all packets have.
 *
 *      Ethernet, with or without one tag in the bytes
 *      IPv4 without options and not a fragment, or IPv6 without extension headers
 *      TCP or UDP, whole, within what is linear; perhaps with a sum to be filled in; no GSO
 *
 * The parser and packet_key() say what is true of a packet; a lane says the same of these shapes
 * and refuses all others, before it has changed anything that the parser would not change too.
 * Tests and fuzzing compare them.  Private to core/packet: each file that includes this makes a
 * lane of its own, with its own way to write keys.
 */
#ifndef XVS_PACKET_LANE_H
#define XVS_PACKET_LANE_H

#include <arpa/inet.h>

#include "packet/hash.h"
#include "packet/headers.h"
#include "packet/reason.h"

#define LANE_INLINE static inline __attribute__((always_inline))

enum {
	LANE_IPV4_AT = ETHER_BYTES + IPV4_BYTES, /* of the L4 header */
	LANE_IPV6_AT = ETHER_BYTES + IPV6_BYTES,
	LANE_LEAST = LANE_IPV4_AT + UDP_BYTES, /* linear bytes without which nothing is looked at */
	/* of these the parser knows more */
	LANE_ODD = XVS_PKT_VLAN | XVS_PKT_SVLAN | XVS_PKT_DIRTY | XVS_PKT_INJECTED,
	LANE_COMPUTED = XVS_PKT_IPV4 | XVS_PKT_IPV6 | XVS_PKT_L4 | XVS_PKT_LATER | XVS_PKT_BAD |
			XVS_PKT_FRAG | XVS_PKT_OPTIONS,
};

/* How a lane writes the key of a packet whose facts are known; 'kit' is what it needs beside it. */
typedef void (*lane_key)(const struct packet *p, const void *kit, struct xvs_flow_key *key);

/* The functions of a lane: many packets, as packet_parse_batch(). */
typedef void (*lane_batch)(struct packet *const *pkts, struct arrivals *a,
			   struct xvs_flow_key *keys, uint16_t *reasons);

/* lane.c */
void lane_plain(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		uint16_t *reasons);
/* One tag of a real VLAN, as the parser takes it.  False: the parser is to look. */
bool lane_untag(struct packet *p);
void lane_refused(struct packet *p, uint32_t port, struct xvs_flow_key *key, uint16_t *reason);
/* lane_avx512.c; where lane_has_avx512() */
void lane_avx512(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		 uint16_t *reasons);
bool lane_has_avx512(void);

/* What a tag adds to a key: its TCI where it stands there, its bits in the highest byte. */
LANE_INLINE uint64_t lane_tag_bits(const struct xvs_packet *x)
{
	return XVS_KEY_VLAN | (x->flags & XVS_PKT_SVLAN ? XVS_KEY_SVLAN : 0);
}

/* ---- facts ------------------------------------------------------------------------------------- */

/* A whole TCP or UDP header at 'at' of a packet whose IP part ends at 'end'. */
LANE_INLINE bool lane_l4(const struct xvs_packet *x, uint8_t proto, uint32_t at, uint32_t end)
{
	const uint8_t *l4 = x->data + at;
	uint32_t sum_at = UDP_SUM_AT;
	uint32_t len;

	if (proto == PROTO_UDP) {
		len = get_be16(l4 + 4);
		if (len < UDP_BYTES || at + len > end)
			return false;
	} else if (proto == PROTO_TCP && at + TCP_BYTES <= x->linear) {
		len = (uint32_t)(l4[12] >> 4) * 4;
		if (len < TCP_BYTES || at + len > end || at + len > x->linear)
			return false;
		sum_at = TCP_SUM_AT;
	} else {
		return false;
	}
	return !(x->flags & XVS_PKT_CSUM_TODO) || (x->csum_start == at && x->csum_off == sum_at);
}

/* 'flags' are the packet's so far. */
LANE_INLINE void lane_note(struct xvs_packet *x, uint32_t flags, uint32_t version, uint8_t proto)
{
	bool is_ipv4 = version == XVS_PKT_IPV4;

	x->flags = (flags & ~(uint32_t)LANE_COMPUTED) | version | XVS_PKT_L4;
	if (!(flags & XVS_PKT_VLAN))
		x->vlan_tci = 0;
	x->ethertype = is_ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	x->l3_off = ETHER_BYTES;
	x->l4_off = is_ipv4 ? LANE_IPV4_AT : LANE_IPV6_AT;
	x->l4_proto = proto;
}

LANE_INLINE bool lane_ipv4(struct xvs_packet *x, const uint8_t *d, uint32_t flags)
{
	const uint8_t *ip = d + ETHER_BYTES;
	uint32_t end = ETHER_BYTES + (uint32_t)get_be16(ip + 2);
	uint8_t proto = ip[9];
	uint32_t hash;

	if (ip[0] != 0x45 || get_be16(ip + 6) & 0x3fff || end > x->len ||
	    !lane_l4(x, proto, LANE_IPV4_AT, end))
		return false;
	hash = hash_ipv4(ip, d + LANE_IPV4_AT, proto);
	lane_note(x, flags, XVS_PKT_IPV4, proto);
	x->hash = hash;
	return true;
}

LANE_INLINE bool lane_ipv6(struct xvs_packet *x, const uint8_t *d, uint32_t flags)
{
	const uint8_t *ip = d + ETHER_BYTES;
	uint32_t end = LANE_IPV6_AT + (uint32_t)get_be16(ip + 4);
	uint8_t proto = ip[6];
	uint32_t hash;

	if (ip[0] >> 4 != 6 || end > x->len || x->linear < LANE_IPV6_AT + UDP_BYTES ||
	    !lane_l4(x, proto, LANE_IPV6_AT, end))
		return false;
	hash = hash_ipv6(ip, d + LANE_IPV6_AT, proto);
	lane_note(x, flags, XVS_PKT_IPV6, proto);
	x->hash = hash;
	return true;
}

/* The ethertype of the shape that it has; 0: refused. */
LANE_INLINE uint16_t lane_facts(struct packet *p)
{
	struct xvs_packet *x = &p->x;
	uint16_t type;

	if (__builtin_expect((x->flags & LANE_ODD) | x->gso_type || x->linear < LANE_LEAST, 0))
		return 0;
	type = get_be16(x->data + ETHER_TYPE_AT);
	/* whatever is not plain IP may have a tag */
	if (__builtin_expect(type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6, 0))
		type = lane_untag(p) ? get_be16(x->data + ETHER_TYPE_AT) : 0;
	if (x->len > PACKET_MAX)
		return 0;
	if (__builtin_expect(type == ETHERTYPE_IPV4, 1))
		return lane_ipv4(x, x->data, x->flags) ? type : 0;
	return type == ETHERTYPE_IPV6 && lane_ipv6(x, x->data, x->flags) ? type : 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* NOLINTNEXTLINE(readability-function-size): inlined, once for each kind of processor */
LANE_INLINE void lane_run(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
			  uint16_t *reasons, lane_key key_ipv4, lane_key key_ipv6, const void *kit)
{
	const uint32_t count = a->count;
	const uint32_t port = a->port;
	const uint32_t segment = a->segment;
	const uint64_t now_ns = a->now_ns;
	uint32_t flags = 0;
	uint32_t gso = 0;
	uint64_t bytes = 0;
	uint64_t bad = 0;
	uint64_t casts = 0;

	memset(reasons, 0, count * sizeof(*reasons));
	for (uint32_t i = 0; i < count; i++) {
		struct packet *p = pkts[i];
		uint16_t type;

		p->x.port_in = port;
		p->x.rx_ns = now_ns;
		p->segment = segment;
		bytes += p->x.len;
		type = lane_facts(p);
		if (__builtin_expect(type == ETHERTYPE_IPV4, 1)) {
			key_ipv4(p, kit, &keys[i]);
		} else if (type == ETHERTYPE_IPV6) {
			key_ipv6(p, kit, &keys[i]);
		} else {
			lane_refused(p, port, &keys[i], &reasons[i]);
			gso |= p->x.gso_type;
			bad |= (uint64_t)(reasons[i] != REASON_NONE) << i;
		}
		flags |= p->x.flags;
		if (__builtin_expect(p->x.data[0] & 1, 0))
			casts |= (uint64_t)(p->x.linear >= 6) << i;
	}
	a->flags = flags;
	a->gso = gso;
	a->bytes = bytes;
	a->bad = bad;
	a->casts = casts;
}

#endif /* XVS_PACKET_LANE_H */
