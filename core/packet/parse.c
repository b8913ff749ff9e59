/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/parse.c - the one parser: facts from bytes that somebody else chose.
 *
 * Every step first makes sure by reach() that the bytes it reads are linear, hence private, and
 * within the frame; then it reads them.  reach() may move 'data', so pointers are taken after
 * it.  Steps return why the packet is bad, or REASON_NONE.
 */
#include <errno.h>

#include "packet/hash.h"
#include "packet/headers.h"
#include "packet/reason.h"

enum {
	EXTENSIONS_MAX = 8,
	FLAGS_COMPUTED = XVS_PKT_IPV4 | XVS_PKT_IPV6 | XVS_PKT_L4 | XVS_PKT_LATER | XVS_PKT_DIRTY |
			 XVS_PKT_BAD | XVS_PKT_FRAG | XVS_PKT_OPTIONS,
	DATAGRAM_MAX = 65535, /* what a reassembled IP packet may have */
};

/* What one step of the walk tells the next. */
struct walk {
	uint32_t end;   /* of the IP packet, from 'data' */
	uint32_t at;    /* of the header to read next */
	uint8_t proto;  /* of that header */
	bool is_routed; /* IPv6: the destination is not the one that checksums are made with */
};

static uint16_t reach_far(struct packet *p, uint32_t end)
{
	if (end > PACKET_PARSE || end > p->x.len)
		return REASON_BAD_HEADER;
	return packet_pull(p, end) ? REASON_POOL : REASON_NONE;
}

/* Bytes [0, end) are linear afterwards, or the packet is bad. */
static inline uint16_t reach(struct packet *p, uint32_t end)
{
	if (__builtin_expect(end <= p->x.linear && end <= PACKET_PARSE, 1))
		return REASON_NONE;
	return reach_far(p, end);
}

/* ---- Ethernet -------------------------------------------------------------------------------- */

/* Takes the tag behind the addresses out of the bytes: the addresses move over it. */
static uint16_t take_tag(struct packet *p, uint16_t type)
{
	if (packet_unshare(p))
		return REASON_POOL;
	if (p->x.flags & XVS_PKT_CSUM_TODO && p->x.csum_start < ETHER_BYTES + ETHER_TAG_BYTES)
		return REASON_BAD_OFFLOAD;
	p->x.vlan_tci = get_be16(p->x.data + ETHER_BYTES);
	p->x.flags &= ~(uint32_t)XVS_PKT_SVLAN;
	p->x.flags |= XVS_PKT_VLAN | (type == ETHERTYPE_SVLAN ? XVS_PKT_SVLAN : 0);

	memmove(p->x.data + ETHER_TAG_BYTES, p->x.data, ETHER_TYPE_AT);
	p->x.data += ETHER_TAG_BYTES;
	p->x.headroom = (uint16_t)(p->x.headroom + ETHER_TAG_BYTES);
	p->x.len -= ETHER_TAG_BYTES;
	p->x.linear -= ETHER_TAG_BYTES;
	if (p->x.flags & XVS_PKT_CSUM_TODO)
		p->x.csum_start = (uint16_t)(p->x.csum_start - ETHER_TAG_BYTES);
	return REASON_NONE;
}

/*
 * A tag of VLAN 0 says a priority and nothing of a VLAN.  Receivers step over any number of them,
 * so they are taken off down to the last: else a guest could hide from filters behind them
 * (CVE-2021-27853), or leave by a trunk with the tag behind them as its VLAN.
 */
static uint16_t parse_outer_tag(struct packet *p)
{
	uint16_t type = get_be16(p->x.data + ETHER_TYPE_AT);
	uint16_t bad = REASON_NONE;

	while (!bad && is_vlan_type(type) && !packet_is_in_vlan(p)) {
		bad = reach(p, ETHER_BYTES + ETHER_TAG_BYTES);
		if (!bad)
			bad = take_tag(p, type);
		type = get_be16(p->x.data + ETHER_TYPE_AT);
	}
	return bad;
}

/* A second tag stays.  Behind a third nobody could look, so no filter could judge such a frame. */
static uint16_t parse_ether(struct packet *p)
{
	uint16_t bad;

	if (p->x.len < ETHER_BYTES)
		return REASON_RUNT;
	bad = reach(p, ETHER_BYTES);
	if (!bad)
		bad = parse_outer_tag(p);
	if (bad)
		return bad;
	if (p->x.len > PACKET_MAX)
		return REASON_TOO_LONG;
	p->x.ethertype = get_be16(p->x.data + ETHER_TYPE_AT);
	p->x.l3_off = ETHER_BYTES;
	if (!is_vlan_type(p->x.ethertype))
		return REASON_NONE;

	bad = reach(p, ETHER_BYTES + ETHER_TAG_BYTES);
	if (bad)
		return bad;
	p->x.ethertype = get_be16(p->x.data + ETHER_TYPE_AT + ETHER_TAG_BYTES);
	p->x.l3_off = ETHER_BYTES + ETHER_TAG_BYTES;
	return is_vlan_type(p->x.ethertype) ? REASON_BAD_HEADER : REASON_NONE;
}

/* Hardware type, protocol and address lengths say how long it must be; others are not looked at. */
static uint16_t parse_arp(struct packet *p)
{
	uint16_t bad = reach(p, p->x.l3_off + 8u);
	const uint8_t *arp = p->x.data + p->x.l3_off;

	if (bad)
		return bad;
	return reach(p, p->x.l3_off + 8u + 2u * arp[4] + 2u * arp[5]);
}

/* ---- the transport --------------------------------------------------------------------------- */

/* Least length of the header of a protocol that the switch knows; 0: it does not. */
static uint32_t l4_least(const struct xvs_packet *x)
{
	switch (x->l4_proto) {
	case PROTO_TCP:
		return TCP_BYTES;
	case PROTO_UDP:
		return UDP_BYTES;
	case PROTO_SCTP:
		return SCTP_BYTES;
	case PROTO_ICMP:
		return x->flags & XVS_PKT_IPV4 ? ICMP_BYTES : 0;
	case PROTO_ICMPV6:
		return x->flags & XVS_PKT_IPV6 ? ICMP_BYTES : 0;
	default:
		return 0;
	}
}

/* Length that the header itself tells, once its fixed part is readable; 0: it is wrong. */
static uint32_t l4_length(const struct xvs_packet *x, uint32_t end)
{
	const uint8_t *l4 = x->data + x->l4_off;
	uint32_t len;

	if (x->l4_proto == PROTO_TCP) {
		len = (uint32_t)(l4[12] >> 4) * 4;
		return len < TCP_BYTES ? 0 : len;
	}
	if (x->l4_proto == PROTO_UDP) {
		len = get_be16(l4 + 4);
		/* A first fragment tells the length of the datagram; GSO cuts it anew. */
		if (len < UDP_BYTES ||
		    (!(x->flags & XVS_PKT_FRAG) && !x->gso_type && x->l4_off + len > end))
			return 0;
	}
	return l4_least(x);
}

/* A first fragment may have been cut within its L4 header; then it has none. */
static uint16_t parse_l4(struct packet *p, uint32_t end)
{
	uint16_t short_is = p->x.flags & XVS_PKT_FRAG ? REASON_NONE : REASON_BAD_HEADER;
	uint32_t len = l4_least(&p->x);
	uint16_t bad;

	if (len == 0)
		return REASON_NONE;
	if (p->x.l4_off + len > end)
		return short_is;
	bad = reach(p, p->x.l4_off + len);
	if (bad)
		return bad;
	len = l4_length(&p->x, end);
	if (len == 0)
		return REASON_BAD_HEADER;
	if (p->x.l4_off + len > end)
		return short_is;
	bad = reach(p, p->x.l4_off + len);
	if (!bad)
		p->x.flags |= XVS_PKT_L4;
	return bad;
}

/* ---- IP -------------------------------------------------------------------------------------- */

/* 'len' is what the fragment carries at 'offset', both in bytes. */
static uint16_t note_fragment(struct packet *p, uint32_t offset, bool more, uint32_t len)
{
	if (offset + len > DATAGRAM_MAX)
		return REASON_BAD_HEADER;
	if (offset > 0)
		p->x.flags |= XVS_PKT_LATER | XVS_PKT_FRAG;
	else if (more)
		p->x.flags |= XVS_PKT_FRAG;
	return REASON_NONE;
}

/* Where the IP packet ends, 'len' being what it says; 0: not within the frame. */
static uint32_t ip_end(const struct packet *p, uint32_t len, uint32_t header)
{
	if (p->x.gso_type && (len == 0 || p->x.l3_off + len > p->x.len))
		return p->x.len;
	if (len < header || p->x.l3_off + len > p->x.len)
		return 0;
	return p->x.l3_off + len;
}

static uint16_t parse_ipv4(struct packet *p)
{
	uint16_t bad = reach(p, p->x.l3_off + (uint32_t)IPV4_BYTES);
	const uint8_t *ip = p->x.data + p->x.l3_off;
	uint32_t header;
	uint32_t end;
	uint32_t fragment;

	if (bad)
		return bad;
	header = (uint32_t)(ip[0] & 0x0f) * 4;
	end = ip_end(p, get_be16(ip + 2), header);
	if (ip[0] >> 4 != 4 || header < IPV4_BYTES || end == 0)
		return REASON_BAD_HEADER;
	bad = reach(p, p->x.l3_off + header);
	if (bad)
		return bad;

	ip = p->x.data + p->x.l3_off;
	fragment = get_be16(ip + 6);
	p->x.flags |= XVS_PKT_IPV4 | (header > IPV4_BYTES ? XVS_PKT_OPTIONS : 0);
	p->x.l4_proto = ip[9];
	p->x.l4_off = (uint16_t)(p->x.l3_off + header);
	if (__builtin_expect(fragment & 0x3fff, 0)) {
		bad = note_fragment(p, (fragment & 0x1fff) * 8, fragment & 0x2000,
				    end - p->x.l3_off);
		if (bad || p->x.flags & XVS_PKT_LATER)
			return bad;
	}
	return parse_l4(p, end);
}

static bool is_extension(uint8_t proto)
{
	return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT ||
	       proto == PROTO_AH || proto == PROTO_DSTOPTS;
}

static uint32_t extension_length(uint8_t proto, uint8_t field)
{
	if (proto == PROTO_FRAGMENT)
		return EXTENSION_BYTES;
	if (proto == PROTO_AH)
		return (field + 2u) * 4;
	return (field + 1u) * 8;
}

/*
 * A fragment header with offset 0 and nothing to follow is a whole packet (RFC 6946).  Two
 * fragment headers, or hop-by-hop options that do not come first, are contradictions.
 */
static uint16_t parse_extension(struct packet *p, struct walk *w)
{
	uint16_t bad = reach(p, w->at + EXTENSION_BYTES);
	const uint8_t *header = p->x.data + w->at;
	uint8_t proto = w->proto;
	uint32_t len;

	if (bad)
		return bad;
	len = extension_length(proto, header[1]);
	if (w->at + len > w->end || (proto == PROTO_FRAGMENT && p->x.flags & XVS_PKT_FRAG) ||
	    (proto == PROTO_HOPOPTS && w->at != p->x.l3_off + (uint32_t)IPV6_BYTES))
		return REASON_BAD_HEADER;
	bad = reach(p, w->at + len);
	if (bad)
		return bad;

	header = p->x.data + w->at;
	w->proto = header[0];
	w->at += len;
	if (proto == PROTO_ROUTING && header[3] != 0)
		w->is_routed = true;
	if (proto != PROTO_FRAGMENT)
		return REASON_NONE;
	return note_fragment(p, get_be16(header + 2) & 0xfff8u, header[3] & 1, w->end - w->at);
}

static uint16_t walk_extensions(struct packet *p, struct walk *w)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint16_t bad;

		if (!is_extension(w->proto) || p->x.flags & XVS_PKT_LATER)
			return REASON_NONE;
		bad = parse_extension(p, w);
		if (bad)
			return bad;
		p->x.flags |= XVS_PKT_OPTIONS;
	}
	return REASON_NONE;
}

/* A length of 0 that hop-by-hop options follow is a jumbogram (RFC 2675): refused, even as GSO. */
static uint16_t parse_ipv6(struct packet *p)
{
	uint16_t bad = reach(p, p->x.l3_off + (uint32_t)IPV6_BYTES);
	const uint8_t *ip = p->x.data + p->x.l3_off;
	struct walk w = { 0 };
	uint32_t len;

	if (bad)
		return bad;
	len = get_be16(ip + 4);
	w.proto = ip[6];
	w.at = p->x.l3_off + (uint32_t)IPV6_BYTES;
	w.end = ip_end(p, len == 0 && p->x.gso_type ? 0 : len + IPV6_BYTES, IPV6_BYTES);
	if (ip[0] >> 4 != 6 || w.end == 0 || (len == 0 && w.proto == PROTO_HOPOPTS))
		return REASON_BAD_HEADER;
	p->x.flags |= XVS_PKT_IPV6;
	bad = walk_extensions(p, &w);
	if (bad)
		return bad;
	if (w.is_routed && p->x.gso_type)
		return REASON_BAD_OFFLOAD; /* segments' checksums need the last destination */
	p->x.l4_proto = w.proto;
	p->x.l4_off = (uint16_t)w.at;
	if (is_extension(w.proto) || p->x.flags & XVS_PKT_LATER)
		return REASON_NONE;
	return parse_l4(p, w.end);
}

static uint16_t parse_l3(struct packet *p)
{
	switch (p->x.ethertype) {
	case ETHERTYPE_IPV4:
		return parse_ipv4(p);
	case ETHERTYPE_IPV6:
		return parse_ipv6(p);
	case ETHERTYPE_ARP:
		return parse_arp(p);
	default:
		return REASON_NONE;
	}
}

/* ---- the hash -------------------------------------------------------------------------------- */

uint32_t packet_hash(const struct packet *p)
{
	static const uint8_t no_ports[4];
	const uint8_t *ip = p->x.data + p->x.l3_off;
	const uint8_t *ports = no_ports;
	uint8_t proto = p->x.flags & XVS_PKT_FRAG ? 0 : p->x.l4_proto;

	if (packet_has_ports(p) && !(p->x.flags & XVS_PKT_FRAG))
		ports = p->x.data + p->x.l4_off;
	if (p->x.flags & XVS_PKT_IPV4)
		return hash_ipv4(ip, ports, proto);
	if (p->x.flags & XVS_PKT_IPV6)
		return hash_ipv6(ip, ports, proto);
	return p->x.linear < ETHER_BYTES ? 0 : hash_ether(p->x.data, p->x.ethertype);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static uint16_t parse(struct packet *p)
{
	uint16_t bad = parse_ether(p);

	if (!bad)
		bad = parse_l3(p);
	if (!bad && (p->x.flags & XVS_PKT_CSUM_TODO || p->x.gso_type))
		bad = packet_check_offload(p);
	return bad;
}

static void forget_headers(struct xvs_packet *x)
{
	x->flags = (x->flags & ~(uint32_t)FLAGS_COMPUTED) | XVS_PKT_BAD;
	x->l3_off = 0;
	x->l4_off = 0;
	x->l4_proto = 0;
}

void packet_parse(struct packet *p, uint16_t *bad)
{
	bool is_foreign = p->x.flags & (XVS_PKT_DIRTY | XVS_PKT_INJECTED);
	uint16_t reason = REASON_NONE;

	if (is_foreign && !packet_settle(p))
		reason = REASON_BAD_HEADER;
	p->x.flags &= ~(uint32_t)FLAGS_COMPUTED;
	if (!(p->x.flags & XVS_PKT_VLAN)) {
		p->x.flags &= ~(uint32_t)XVS_PKT_SVLAN;
		p->x.vlan_tci = 0;
	}
	p->x.ethertype = 0;
	p->x.l3_off = 0;
	p->x.l4_off = 0;
	p->x.l4_proto = 0;
	if (!reason)
		reason = parse(p);
	if (reason)
		forget_headers(&p->x);
	p->x.hash = packet_hash(p);
	*bad = reason;
}
