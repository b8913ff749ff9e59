/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/partial.c - finding unfinished checksums without being told (architecture 16.4c).
 *
 * The kernel sends a packet whose checksum hardware shall fill in with the sum of the pseudo header
 * in the checksum field, and the mark that this is so beside the packet.  Through a veth pair the
 * packet stays in this state, and XDP drops the mark.  A finished checksum is the same number in
 * one packet of 65,536; to "finish" that one again gives the same checksum, so nothing is lost:
 *
 *      finished: pseudo + field + rest = -0, and field = pseudo, so ~(field + rest) = pseudo
 *
 * A packet that was damaged on its way is repaired with the same chance, no worse than what the
 * checksum itself lets through.
 */
#include "port/af_xdp/partial.h"

#include "packet/headers.h"
#include "packet/sum.h"

enum { TAGS_MAX = 2, EXTENSIONS_MAX = 8, IPV4_FRAGMENT = 0x3fff };

/* Where the walk stands: a header begins at 'at', the packet ends at 'end' at the latest. */
struct place {
	uint32_t at;
	uint32_t end;
	uint8_t proto;
};

static bool has(const struct packet *p, uint32_t end)
{
	return end <= p->x.linear;
}

/* 0: neither IPv4 nor IPv6. */
static uint16_t find_l3(struct packet *p)
{
	uint32_t at = ETHER_TYPE_AT;

	for (int i = 0; i <= TAGS_MAX && has(p, at + 2); i++) {
		const uint16_t type = get_be16(p->x.data + at);

		p->x.l3_off = (uint16_t)(at + 2);
		if (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
			return type;
		if (!is_vlan_type(type))
			return 0;
		at += ETHER_TAG_BYTES;
	}
	return 0;
}

static bool find_l4_ipv4(const struct packet *p, struct place *out)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	uint32_t header;

	if (!has(p, p->x.l3_off + (uint32_t)IPV4_BYTES))
		return false;
	header = (uint32_t)(ip[0] & 0x0f) * 4;
	*out = (struct place){ p->x.l3_off + header, p->x.l3_off + (uint32_t)get_be16(ip + 2),
			       ip[9] };
	return ip[0] >> 4 == 4 && header >= IPV4_BYTES && !(get_be16(ip + 6) & IPV4_FRAGMENT);
}

/* Fragments are finished before they are cut, and sums of routed packets are of other addresses. */
static bool find_l4_ipv6(const struct packet *p, struct place *out)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;

	if (!has(p, p->x.l3_off + (uint32_t)IPV6_BYTES))
		return false;
	*out = (struct place){ p->x.l3_off + (uint32_t)IPV6_BYTES,
			       p->x.l3_off + (uint32_t)IPV6_BYTES + get_be16(ip + 4), ip[6] };
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (out->proto != PROTO_HOPOPTS && out->proto != PROTO_DSTOPTS)
			return true;
		if (!has(p, out->at + EXTENSION_BYTES))
			return false;
		out->proto = p->x.data[out->at];
		out->at += (p->x.data[out->at + 1] + 1u) * 8;
	}
	return false;
}

static uint32_t sum_at(uint8_t proto)
{
	if (proto == PROTO_TCP)
		return TCP_SUM_AT;
	return proto == PROTO_UDP ? UDP_SUM_AT : 0;
}

/* sum_pseudo() reads the facts that stand in the packet; the parser will write its own. */
static uint16_t pseudo(struct packet *p, const struct place *l4, uint16_t type)
{
	const uint32_t flags = p->x.flags;
	uint16_t sum;

	p->x.flags = type == ETHERTYPE_IPV4 ? XVS_PKT_IPV4 : XVS_PKT_IPV6;
	p->x.l4_proto = l4->proto;
	sum = sum_fold(sum_pseudo(p, l4->end - l4->at));
	p->x.flags = flags;
	return sum;
}

void partial_mark(struct packet *p)
{
	const uint16_t type = find_l3(p);
	struct place l4;
	uint16_t field;
	uint32_t off;

	if (type == ETHERTYPE_IPV4 ? !find_l4_ipv4(p, &l4) : type == 0 || !find_l4_ipv6(p, &l4))
		return;
	off = sum_at(l4.proto);
	if (off == 0 || !has(p, l4.at + off + sizeof(field)) || l4.end > p->x.len ||
	    l4.at + off + sizeof(field) > l4.end)
		return;
	memcpy(&field, p->x.data + l4.at + off, sizeof(field));
	if (field != pseudo(p, &l4, type))
		return;
	p->x.flags |= XVS_PKT_CSUM_TODO;
	p->x.csum_start = (uint16_t)l4.at;
	p->x.csum_off = (uint16_t)off;
}
