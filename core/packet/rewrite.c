/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/rewrite.c - writing header fields, with all checksums kept right by what changed alone
 * (RFC 1624): the payload is never read, so fragments and GSO packets are no special case.
 *
 * A wrong checksum stays wrong by the same amount: the switch hides nobody's corruption.
 */
#include <errno.h>

#include "packet/headers.h"
#include "packet/reason.h"
#include "packet/sum.h"

/* What fields have changed by, as sums of complemented old and new words. */
struct change {
	uint64_t ip;     /* within the IPv4 header */
	uint64_t pseudo; /* addresses */
	uint64_t l4;     /* within the L4 header */
};

static void write_byte(uint8_t *at, uint8_t set, uint8_t mask)
{
	*at = (uint8_t)((*at & ~mask) | (set & mask));
}

/*
 * 'len' is even, and 'at' an even place of what a checksum covers, so that what is returned can
 * go into it.  Words at a time: to read a word just written as bytes would stall.
 */
static uint64_t write_words(uint8_t *at, const void *set, const void *mask, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < len; i += 2) {
		uint16_t old;
		uint16_t value;
		uint16_t bits;
		uint16_t new;

		memcpy(&old, at + i, sizeof(old));
		memcpy(&value, (const uint8_t *)set + i, sizeof(value));
		memcpy(&bits, (const uint8_t *)mask + i, sizeof(bits));
		new = (uint16_t)((old & ~bits) | (value & bits));
		memcpy(at + i, &new, sizeof(new));
		sum += (uint64_t)(uint16_t)~old + new;
	}
	return sum;
}

static void apply(uint8_t *field, uint64_t change)
{
	uint16_t sum;

	memcpy(&sum, field, sizeof(sum));
	sum = (uint16_t)~sum_fold((uint64_t)(uint16_t)~sum + change);
	memcpy(field, &sum, sizeof(sum));
}

/* ---- Ethernet -------------------------------------------------------------------------------- */

static void rewrite_vlan(struct packet *p, const struct xvs_flow_key *set,
			 const struct xvs_flow_key *mask)
{
	uint8_t tci[2];

	if (mask->bits & XVS_KEY_VLAN) {
		p->x.flags &= ~(uint32_t)XVS_PKT_VLAN;
		p->x.flags |= set->bits & XVS_KEY_VLAN ? XVS_PKT_VLAN : 0;
	}
	if (!(p->x.flags & XVS_PKT_VLAN)) {
		p->x.flags &= ~(uint32_t)XVS_PKT_SVLAN;
		p->x.vlan_tci = 0;
		return;
	}
	if (mask->bits & XVS_KEY_SVLAN) {
		p->x.flags &= ~(uint32_t)XVS_PKT_SVLAN;
		p->x.flags |= set->bits & XVS_KEY_SVLAN ? XVS_PKT_SVLAN : 0;
	}
	put_be16(tci, p->x.vlan_tci);
	write_words(tci, &set->vlan_tci, &mask->vlan_tci, 2);
	p->x.vlan_tci = get_be16(tci);
}

static void rewrite_arp(struct packet *p, const struct xvs_flow_key *set,
			const struct xvs_flow_key *mask)
{
	uint8_t *arp = p->x.data + p->x.l3_off;

	if (mask->ip_proto)
		arp[6] = 0; /* keys know no larger operation */
	write_byte(arp + 7, set->ip_proto, mask->ip_proto);
	write_words(arp + 14, set->ip_src + 12, mask->ip_src + 12, 4);
	write_words(arp + 24, set->ip_dst + 12, mask->ip_dst + 12, 4);
}

/* ---- IP -------------------------------------------------------------------------------------- */

static void rewrite_ipv4(struct packet *p, const struct xvs_flow_key *set,
			 const struct xvs_flow_key *mask, struct change *c)
{
	uint8_t *ip = p->x.data + p->x.l3_off;
	const uint8_t tos[2] = { 0, set->ip_tos };
	const uint8_t tos_mask[2] = { 0, mask->ip_tos };
	const uint8_t ttl[2] = { set->ip_ttl, 0 };
	const uint8_t ttl_mask[2] = { mask->ip_ttl, 0 };

	c->pseudo = write_words(ip + 12, set->ip_src + 12, mask->ip_src + 12, 4) +
		    write_words(ip + 16, set->ip_dst + 12, mask->ip_dst + 12, 4);
	c->ip = c->pseudo + write_words(ip, tos, tos_mask, 2) +
		write_words(ip + 8, ttl, ttl_mask, 2);
	apply(ip + 10, c->ip);
}

/*
 * A routing header with segments left: L4 checksums are made with the last destination, which
 * is in that header.  The chain was checked by the parser up to l4_off.
 */
static bool is_routed(const struct packet *p)
{
	uint32_t at = p->x.l3_off + (uint32_t)IPV6_BYTES;
	uint8_t proto = p->x.data[p->x.l3_off + 6];

	while (at < p->x.l4_off) {
		const uint8_t *header = p->x.data + at;

		if (proto == PROTO_ROUTING && header[3] != 0)
			return true;
		if (proto == PROTO_FRAGMENT)
			at += EXTENSION_BYTES;
		else if (proto == PROTO_AH)
			at += (header[1] + 2u) * 4;
		else
			at += (header[1] + 1u) * 8;
		proto = header[0];
	}
	return false;
}

static void rewrite_ipv6(struct packet *p, const struct xvs_flow_key *set,
			 const struct xvs_flow_key *mask, struct change *c)
{
	uint8_t *ip = p->x.data + p->x.l3_off;
	uint8_t class[2];
	uint8_t class_mask[2];
	uint64_t dst;

	put_be16(class, (uint16_t)(set->ip_tos << 4));
	put_be16(class_mask, (uint16_t)(mask->ip_tos << 4));
	write_words(ip, class, class_mask, 2);
	write_byte(ip + 7, set->ip_ttl, mask->ip_ttl);
	c->pseudo = write_words(ip + 8, set->ip_src, mask->ip_src, 16);
	dst = write_words(ip + 24, set->ip_dst, mask->ip_dst, 16);
	if (!(p->x.flags & XVS_PKT_OPTIONS) || !is_routed(p))
		c->pseudo += dst;
}

/* ---- the transport --------------------------------------------------------------------------- */

static void rewrite_icmp(uint8_t *l4, const struct xvs_flow_key *set,
			 const struct xvs_flow_key *mask, struct change *c)
{
	const uint8_t *type = (const uint8_t *)&set->l4_src + 1;
	const uint8_t *code = (const uint8_t *)&set->l4_dst + 1;
	const uint8_t both[2] = { *type, *code };
	const uint8_t both_mask[2] = { ((const uint8_t *)&mask->l4_src)[1],
				       ((const uint8_t *)&mask->l4_dst)[1] };

	c->l4 = write_words(l4, both, both_mask, 2);
}

static void rewrite_ports(uint8_t *l4, const struct xvs_flow_key *set,
			  const struct xvs_flow_key *mask, struct change *c)
{
	c->l4 = write_words(l4, &set->l4_src, &mask->l4_src, 2) +
		write_words(l4 + 2, &set->l4_dst, &mask->l4_dst, 2);
}

static void rewrite_tcp_flags(uint8_t *tcp, const struct xvs_flow_key *set,
			      const struct xvs_flow_key *mask, struct change *c)
{
	uint8_t flags[2];
	uint8_t flags_mask[2];

	memcpy(flags, &set->tcp_flags, 2);
	memcpy(flags_mask, &mask->tcp_flags, 2);
	flags_mask[0] &= 0x0f; /* the header's length is in the same word */
	c->l4 += write_words(tcp + 12, flags, flags_mask, 2);
}

/*
 * SCTP's CRC covers ports and payload, no addresses.  Of a fragment the number of bytes to its
 * datagram's end is not known, so its ports stay.  The CRC stands in the order of its bits.
 */
static void rewrite_sctp(struct packet *p, const struct xvs_flow_key *set,
			 const struct xvs_flow_key *mask)
{
	uint8_t *l4 = p->x.data + p->x.l4_off;
	struct change unused = { 0 };
	uint32_t old;
	uint32_t new;
	uint32_t crc;

	if (p->x.flags & XVS_PKT_FRAG)
		return;
	old = __builtin_bswap32(get_be32(l4));
	rewrite_ports(l4, set, mask, &unused);
	new = __builtin_bswap32(get_be32(l4));
	crc = __builtin_bswap32(get_be32(l4 + SCTP_SUM_AT));
	crc ^= crc32c_change(old ^ new, packet_l3_end(p) - p->x.l4_off);
	put_be32(l4 + SCTP_SUM_AT, __builtin_bswap32(crc));
}

/* A partial sum is not complemented and covers the pseudo header alone. */
static void apply_partial(uint8_t *field, const struct change *c)
{
	uint16_t sum;

	memcpy(&sum, field, sizeof(sum));
	sum = sum_fold(sum + c->pseudo);
	memcpy(field, &sum, sizeof(sum));
}

/* UDP: zero means that there is none (RFC 768, RFC 6935), so none is made and none becomes zero. */
static void apply_l4(struct packet *p, const struct change *c)
{
	uint8_t *field = p->x.data + packet_sum_place(p);
	bool is_udp = p->x.l4_proto == PROTO_UDP;

	if (p->x.flags & XVS_PKT_CSUM_TODO) {
		apply_partial(field, c);
		return;
	}
	if (is_udp && get_be16(field) == 0)
		return;
	apply(field, p->x.l4_proto == PROTO_ICMP ? c->l4 : sum_add(c->l4, c->pseudo));
	if (is_udp && get_be16(field) == 0)
		put_be16(field, 0xffff);
}

static void rewrite_l4(struct packet *p, const struct xvs_flow_key *set,
		       const struct xvs_flow_key *mask, struct change *c)
{
	uint8_t *l4 = p->x.data + p->x.l4_off;

	if (p->x.l4_proto == PROTO_SCTP) {
		rewrite_sctp(p, set, mask);
		return;
	}
	if (packet_has_ports(p))
		rewrite_ports(l4, set, mask, c);
	else
		rewrite_icmp(l4, set, mask, c);
	if (p->x.l4_proto == PROTO_TCP)
		rewrite_tcp_flags(l4, set, mask, c);
	if (c->pseudo != 0 || c->l4 != 0)
		apply_l4(p, c);
}

int packet_rewrite(struct packet *p, const struct xvs_flow_key *set,
		   const struct xvs_flow_key *mask)
{
	struct change c = { 0 };
	uint16_t bad;

	if (packet_unshare(p))
		return -ENOBUFS;
	if (p->x.linear < ETHER_BYTES)
		return 0;
	write_words(p->x.data, set->eth_dst, mask->eth_dst, 6);
	write_words(p->x.data + 6, set->eth_src, mask->eth_src, 6);
	if (p->x.flags & XVS_PKT_IPV4)
		rewrite_ipv4(p, set, mask, &c);
	else if (p->x.flags & XVS_PKT_IPV6)
		rewrite_ipv6(p, set, mask, &c);
	else if (packet_is_arp(p))
		rewrite_arp(p, set, mask);
	if (p->x.flags & XVS_PKT_L4)
		rewrite_l4(p, set, mask, &c);
	rewrite_vlan(p, set, mask);
	/* No tag any more, or one of VLAN 0: the one in the bytes is for the parser to take out. */
	if (p->x.l3_off > ETHER_BYTES && !packet_is_in_vlan(p))
		packet_parse(p, &bad);
	else
		p->x.hash = packet_hash(p);
	return 0;
}
