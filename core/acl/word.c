/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/word.c - from rules and packets to words, and back from examined bits to a mask.
 */
#include "acl/word.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/bytes.h"

enum {
	TAGGED = 0x1000, /* of WORD_VLAN */
	IPV4_WORD = 3,   /* of the four of an address */
	IPV4_AT = 12,    /* in bytes */
	WORD_WIDTH = 32, /* in bits */
};

const uint32_t word_max[WORDS] = {
	[WORD_PROTO] = UINT8_MAX,    [WORD_BITS] = UINT8_MAX,       [WORD_ETHERTYPE] = UINT16_MAX,
	[WORD_SEGMENT] = UINT32_MAX, [WORD_VLAN] = TAGGED * 2 - 1,  [WORD_DST] = UINT32_MAX,
	[WORD_DST + 1] = UINT32_MAX, [WORD_DST + 2] = UINT32_MAX,   [WORD_DST + 3] = UINT32_MAX,
	[WORD_SRC] = UINT32_MAX,     [WORD_SRC + 1] = UINT32_MAX,   [WORD_SRC + 2] = UINT32_MAX,
	[WORD_SRC + 3] = UINT32_MAX, [WORD_DST_MAC] = 0xffffff,     [WORD_DST_MAC + 1] = 0xffffff,
	[WORD_SRC_MAC] = 0xffffff,   [WORD_SRC_MAC + 1] = 0xffffff, [WORD_DSCP] = 63,
	[WORD_TCP_FLAGS] = 0xfff,    [WORD_DST_PORT] = UINT16_MAX,  [WORD_SRC_PORT] = UINT16_MAX,
};

static uint32_t get_be24(const uint8_t *b)
{
	return (uint32_t)b[0] << 16 | (uint32_t)get_be16(b + 1);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void span_exact(struct acl_span *s, uint32_t value)
{
	s->low = value;
	s->high = value;
}

/* A mask of leading ones is a span; any other is a span that has holes. */
static void span_masked(struct acl_span *s, uint32_t value, uint32_t mask, uint32_t max)
{
	uint32_t rest = max & ~mask;

	s->low = value & mask;
	s->high = s->low | rest;
	s->holes = rest & (rest + 1) ? mask : 0;
}

static void spans_of_address(struct acl_span *s, const struct xvs_ip *ip, bool is_ipv6)
{
	for (size_t i = is_ipv6 ? 0 : IPV4_WORD; i < 4 && ip->prefix_len > i * WORD_WIDTH; i++) {
		uint32_t bits = ip->prefix_len - (uint32_t)i * WORD_WIDTH;
		uint32_t mask = bits >= WORD_WIDTH ? UINT32_MAX : ~(UINT32_MAX >> bits);

		span_masked(&s[i], get_be32(&ip->addr[i * 4]), mask, UINT32_MAX);
	}
}

static void spans_of_mac(struct acl_span *s, const uint8_t mac[6], const uint8_t mask[6])
{
	for (size_t i = 0; i < 2; i++)
		span_masked(&s[i], get_be24(&mac[i * 3]), get_be24(&mask[i * 3]), 0xffffff);
}

static void spans_of_l4(const struct acl_rule *r, struct acl_span spans[WORDS])
{
	if (r->matches & ACL_SRC_PORTS)
		spans[WORD_SRC_PORT] =
			(struct acl_span){ r->src_ports.first, r->src_ports.last, 0 };
	if (r->matches & ACL_DST_PORTS)
		spans[WORD_DST_PORT] =
			(struct acl_span){ r->dst_ports.first, r->dst_ports.last, 0 };
	if (r->matches & ACL_ICMP_TYPE)
		span_exact(&spans[WORD_SRC_PORT], r->icmp_type);
	if (r->matches & ACL_ICMP_CODE)
		span_exact(&spans[WORD_DST_PORT], r->icmp_code);
	span_masked(&spans[WORD_TCP_FLAGS], r->tcp_flags, r->tcp_flags_mask,
		    word_max[WORD_TCP_FLAGS]);
}

void rule_spans(const struct acl_rule *r, struct acl_span spans[WORDS])
{
	bool is_ipv6 = r->matches & ACL_ETHERTYPE && r->ethertype == ETHERTYPE_IPV6;

	for (uint32_t w = 0; w < WORDS; w++)
		spans[w] = (struct acl_span){ 0, word_max[w], 0 };
	if (r->matches & ACL_SEGMENT)
		span_exact(&spans[WORD_SEGMENT], r->segment);
	if (r->matches & ACL_ETHERTYPE)
		span_exact(&spans[WORD_ETHERTYPE], r->ethertype);
	if (r->matches & ACL_VLAN)
		span_exact(&spans[WORD_VLAN], (uint32_t)r->vlan | TAGGED);
	if (r->matches & ACL_PROTO)
		span_exact(&spans[WORD_PROTO], r->proto);
	if (r->matches & ACL_DSCP)
		span_exact(&spans[WORD_DSCP], r->dscp);
	span_masked(&spans[WORD_BITS], r->bits, r->bits_mask, word_max[WORD_BITS]);
	spans_of_address(&spans[WORD_DST], &r->dst, is_ipv6);
	spans_of_address(&spans[WORD_SRC], &r->src, is_ipv6);
	spans_of_mac(&spans[WORD_DST_MAC], r->eth_dst, r->eth_dst_mask);
	spans_of_mac(&spans[WORD_SRC_MAC], r->eth_src, r->eth_src_mask);
	spans_of_l4(r, spans);
}

/* ---- packets --------------------------------------------------------------------------------- */

enum acl_class key_class(const struct xvs_flow_key *key)
{
	bool is_later = key->bits & XVS_KEY_LATER;

	if (key->ethertype == htons(ETHERTYPE_IPV4))
		return is_later ? CLASS_IPV4_LATER : CLASS_IPV4;
	if (key->ethertype == htons(ETHERTYPE_IPV6))
		return is_later ? CLASS_IPV6_LATER : CLASS_IPV6;
	return CLASS_OTHER;
}

void key_words(const struct xvs_flow_key *key, uint32_t segment, uint32_t words[WORDS])
{
	words[WORD_PROTO] = key->ip_proto;
	words[WORD_BITS] = key->bits;
	words[WORD_ETHERTYPE] = ntohs(key->ethertype);
	words[WORD_SEGMENT] = segment;
	words[WORD_VLAN] = (ntohs(key->vlan_tci) & (TAGGED - 1u)) |
			   (key->bits & XVS_KEY_VLAN ? (uint32_t)TAGGED : 0);
	for (size_t i = 0; i < 4; i++) {
		words[WORD_DST + i] = get_be32(&key->ip_dst[i * 4]);
		words[WORD_SRC + i] = get_be32(&key->ip_src[i * 4]);
	}
	for (size_t i = 0; i < 2; i++) {
		words[WORD_DST_MAC + i] = get_be24(&key->eth_dst[i * 3]);
		words[WORD_SRC_MAC + i] = get_be24(&key->eth_src[i * 3]);
	}
	words[WORD_DSCP] = key->ip_tos >> 2;
	words[WORD_TCP_FLAGS] = ntohs(key->tcp_flags) & word_max[WORD_TCP_FLAGS];
	words[WORD_DST_PORT] = ntohs(key->l4_dst);
	words[WORD_SRC_PORT] = ntohs(key->l4_src);
}

/* ---- masks ----------------------------------------------------------------------------------- */

/* The shortest of these that has all bits of 'seen'; the last one has all. */
static uint32_t widened(uint32_t seen, const uint32_t *masks)
{
	while (seen & ~*masks)
		masks++;
	return *masks;
}

static void or_be16(uint16_t *to, uint32_t bits)
{
	*to = (uint16_t)(*to | htons((uint16_t)bits));
}

static void or_be24(uint8_t *to, uint32_t bits)
{
	to[0] = (uint8_t)(to[0] | bits >> 16);
	to[1] = (uint8_t)(to[1] | bits >> 8);
	to[2] = (uint8_t)(to[2] | bits);
}

static void or_be32(uint8_t *to, uint32_t bits)
{
	put_be32(to, get_be32(to) | bits);
}

/* Where both addresses count, less than a subnet of either is no help. */
static void mask_ipv4(struct xvs_flow_key *mask, const uint32_t seen[WORDS])
{
	static const uint32_t lengths[] = { 0, 0xffff0000, 0xffffff00, UINT32_MAX };
	uint32_t dst = seen[WORD_DST + IPV4_WORD];
	uint32_t src = seen[WORD_SRC + IPV4_WORD];
	uint32_t least = dst && src ? 0xffffff00 : 0;

	or_be32(&mask->ip_dst[IPV4_AT], widened(dst | least, lengths));
	or_be32(&mask->ip_src[IPV4_AT], widened(src | least, lengths));
}

/* To 32, 48, 64 or all 128 bits. */
static void mask_ipv6(uint8_t address[16], const uint32_t seen[4], bool both)
{
	static const uint32_t lengths[] = { 0, 0xffff0000, UINT32_MAX };
	uint32_t interface = seen[2] | seen[3] ? UINT32_MAX : 0;
	uint32_t subnet = both ? UINT32_MAX : interface | widened(seen[1], lengths);

	or_be32(address, subnet | seen[0] ? UINT32_MAX : 0);
	or_be32(address + 4, subnet);
	or_be32(address + 8, interface);
	or_be32(address + 12, interface);
}

static void mask_addresses(struct xvs_flow_key *mask, enum acl_class kind,
			   const uint32_t seen[WORDS])
{
	const uint32_t *dst = &seen[WORD_DST];
	const uint32_t *src = &seen[WORD_SRC];
	bool both = (dst[0] | dst[1] | dst[2] | dst[3]) && (src[0] | src[1] | src[2] | src[3]);

	if (kind == CLASS_IPV6 || kind == CLASS_IPV6_LATER) {
		mask_ipv6(mask->ip_dst, dst, both);
		mask_ipv6(mask->ip_src, src, both);
	} else {
		mask_ipv4(mask, seen);
	}
}

/*
 * Who has only to know that a port is not below 1024 sees one bit of it, if it is one that clients
 * usually have, and six of others.  The port of a service is usually that of the destination.
 */
static void mask_ports(struct xvs_flow_key *mask, const uint32_t seen[WORDS])
{
	static const uint16_t lengths[][2] = {
		{ 0, 0 },
		{ 0x8000, 0x8000 },
		{ 0xfc00, 0xfc00 },
		{ UINT16_MAX, 0x8000 },
		{ UINT16_MAX, 0xfc00 },
		{ UINT16_MAX, UINT16_MAX },
	};
	uint32_t dst = seen[WORD_DST_PORT] & UINT16_MAX;
	uint32_t src = seen[WORD_SRC_PORT] & UINT16_MAX;
	uint32_t i = 0;

	while (dst & ~(uint32_t)lengths[i][0] || src & ~(uint32_t)lengths[i][1])
		i++;
	or_be16(&mask->l4_dst, lengths[i][0]);
	or_be16(&mask->l4_src, lengths[i][1]);
	if (i > 0 || seen[WORD_PROTO])
		mask->ip_proto = UINT8_MAX;
}

static void mask_ether(struct xvs_flow_key *mask, const uint32_t seen[WORDS])
{
	static const uint32_t lengths[] = { 0, UINT32_MAX };
	uint32_t vlan = seen[WORD_VLAN];

	for (size_t i = 0; i < 2; i++) {
		or_be24(&mask->eth_dst[i * 3], widened(seen[WORD_DST_MAC + i], lengths));
		or_be24(&mask->eth_src[i * 3], widened(seen[WORD_SRC_MAC + i], lengths));
	}
	or_be16(&mask->vlan_tci, vlan & (TAGGED - 1) ? TAGGED - 1 : 0);
	mask->bits = (uint8_t)(mask->bits | (vlan & TAGGED ? XVS_KEY_VLAN : 0));
}

void mask_add(struct xvs_flow_key *mask, enum acl_class kind, const uint32_t seen[WORDS])
{
	mask->ethertype = UINT16_MAX;
	mask->bits = (uint8_t)(mask->bits | XVS_KEY_LATER | seen[WORD_BITS]);
	mask->ip_tos = (uint8_t)(mask->ip_tos | seen[WORD_DSCP] << 2);
	or_be16(&mask->tcp_flags, seen[WORD_TCP_FLAGS] & word_max[WORD_TCP_FLAGS]);
	mask_addresses(mask, kind, seen);
	mask_ports(mask, seen);
	mask_ether(mask, seen);
}
