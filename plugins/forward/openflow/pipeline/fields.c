/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/fields.c - read fields from a packet that the host has parsed; put them into flow keys.
 */
#include <string.h>

#include "pipeline/ipv6.h"
#include "pipeline/packet.h"
#include "xvs/ext/sdk.h"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTICAST = 0x8848,
	TYPE_NONE = 0x05ff, /* IEEE 802.3: a length (1.0.0, 5.2.3) */
	TYPE_LEAST = 0x0600,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ESP = 50,
	PROTO_ICMPV6 = 58,
	PROTO_NONE = 59,
	PROTO_SCTP = 132,
	ND_SOLICIT = 135,
	ND_ADVERTISE = 136,
};

static void read_ether(const struct xvs_packet *p, struct of_fields *f)
{
	memcpy(f->eth_dst, p->data, 6);
	memcpy(f->eth_src, p->data + 6, 6);
	f->eth_type = p->ethertype < TYPE_LEAST ? TYPE_NONE : p->ethertype;
	f->inner_tag = p->l3_off > 14;
	if (!(p->flags & XVS_PKT_VLAN))
		return;
	f->vlan_vid = (uint16_t)(OF_VID_PRESENT | (p->vlan_tci & 0xfff));
	f->vlan_pcp = (uint8_t)(p->vlan_tci >> 13);
}

static void read_tos(struct of_fields *f, uint8_t tos, uint32_t flags)
{
	f->ip_dscp = tos >> 2;
	f->ip_ecn = tos & 3;
	f->ip_frag = (uint8_t)((flags & XVS_PKT_FRAG ? 1u : 0) | (flags & XVS_PKT_LATER ? 3u : 0));
}

static void read_ipv4(const struct xvs_packet *p, struct of_fields *f)
{
	const uint8_t *ip = p->data + p->l3_off;

	read_tos(f, ip[1], p->flags);
	f->ip_ttl = ip[8];
	f->ip_proto = p->l4_proto;
	f->ipv4_src = xvs_get32(ip + 12);
	f->ipv4_dst = xvs_get32(ip + 16);
}

/* ---- IPv6 ----------------------------------------------------------------------------------------- */

/* OFPIEH_*: 1.3.5, 7.2.3.7. */
enum exthdr {
	EXT_NONEXT = 1 << 0,
	EXT_ESP = 1 << 1,
	EXT_AUTH = 1 << 2,
	EXT_DEST = 1 << 3,
	EXT_FRAG = 1 << 4,
	EXT_ROUTER = 1 << 5,
	EXT_HOP = 1 << 6,
	EXT_UNREP = 1 << 7,
	EXT_UNSEQ = 1 << 8,
};

/* Their order of RFC 8200, 4.1: one that comes after a higher one is out of sequence. */
static uint32_t exthdr_of(uint8_t next, uint32_t *rank)
{
	switch (next) {
	case OF_IPV6_HOP:
		*rank = 1;
		return EXT_HOP;
	case OF_IPV6_DEST:
		*rank = 2;
		return EXT_DEST;
	case OF_IPV6_ROUTING:
		*rank = 3;
		return EXT_ROUTER;
	case OF_IPV6_FRAGMENT:
		*rank = 4;
		return EXT_FRAG;
	case OF_IPV6_AUTH:
		*rank = 5;
		return EXT_AUTH;
	case PROTO_ESP:
		*rank = 6;
		return EXT_ESP;
	case PROTO_NONE:
		*rank = 8;
		return EXT_NONEXT;
	default:
		return 0;
	}
}

static uint16_t read_exthdr(const struct xvs_packet *p)
{
	struct of_ipv6_walk w;
	uint32_t found = 0;
	uint32_t last = 0;
	uint32_t rank = 0;
	uint32_t bit;

	of_ipv6_begin(&w, p);
	do {
		bit = w.is_later ? 0 : exthdr_of(w.proto, &rank);
		/* destination options may come twice: before routing and at the end */
		if (found & bit && !(bit == EXT_DEST && last >= 3))
			found |= EXT_UNREP;
		if (bit && rank < last && bit != EXT_DEST)
			found |= EXT_UNSEQ;
		last = rank;
		found |= bit;
	} while (of_ipv6_step(&w, p));
	return (uint16_t)found;
}

static void read_ipv6(const struct xvs_packet *p, struct of_fields *f)
{
	const uint8_t *ip = p->data + p->l3_off;

	read_tos(f, (uint8_t)(xvs_get16(ip) >> 4), p->flags);
	f->ip_ttl = ip[7];
	f->ip_proto = p->l4_proto;
	f->ipv6_flabel = xvs_get32(ip) & 0xfffff;
	memcpy(f->ipv6_src, ip + 8, 16);
	memcpy(f->ipv6_dst, ip + 24, 16);
	f->ipv6_exthdr = read_exthdr(p);
}

/* ---- ARP, MPLS, layer 4 --------------------------------------------------------------------------- */

/* Of Ethernet and IPv4, as the flow key knows it. */
static bool is_arp(const struct xvs_packet *p)
{
	const uint8_t *arp = p->data + p->l3_off;

	return p->ethertype == TYPE_ARP && p->l3_off + 28u <= p->linear && xvs_get16(arp) == 1 &&
	       xvs_get16(arp + 2) == TYPE_IPV4 && arp[4] == 6 && arp[5] == 4;
}

static void read_arp(const struct xvs_packet *p, struct of_fields *f)
{
	const uint8_t *arp = p->data + p->l3_off;

	f->arp_op = xvs_get16(arp + 6);
	memcpy(f->arp_sha, arp + 8, 6);
	f->ipv4_src = xvs_get32(arp + 14);
	memcpy(f->arp_tha, arp + 18, 6);
	f->ipv4_dst = xvs_get32(arp + 24);
}

static bool is_mpls(uint16_t type)
{
	return type == TYPE_MPLS || type == TYPE_MPLS_MULTICAST;
}

static void read_mpls(const struct xvs_packet *p, struct of_fields *f)
{
	uint32_t label;

	if (p->l3_off + 4u > p->linear)
		return;
	label = xvs_get32(p->data + p->l3_off);
	f->mpls_label = label >> 12;
	f->mpls_tc = label >> 9 & 7;
	f->mpls_bos = label >> 8 & 1;
}

/* RFC 4861, 4.3 and 4.4. */
static void read_nd(const struct xvs_packet *p, struct of_fields *f)
{
	uint32_t at = p->l4_off + 24u;

	if (f->icmp_code != 0 || at > p->linear)
		return;
	memcpy(f->nd_target, p->data + p->l4_off + 8, 16);
	while (at + 8 <= p->linear && p->data[at + 1]) {
		if (p->data[at] == 1 && f->icmp_type == ND_SOLICIT)
			memcpy(f->nd_sll, p->data + at + 2, 6);
		if (p->data[at] == 2 && f->icmp_type == ND_ADVERTISE)
			memcpy(f->nd_tll, p->data + at + 2, 6);
		at += p->data[at + 1] * 8u;
	}
}

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static void read_l4(const struct xvs_packet *p, struct of_fields *f)
{
	const uint8_t *l4 = p->data + p->l4_off;

	if (!has_ports(p->l4_proto)) {
		f->icmp_type = l4[0];
		f->icmp_code = l4[1];
		if (p->flags & XVS_PKT_IPV6 &&
		    (f->icmp_type == ND_SOLICIT || f->icmp_type == ND_ADVERTISE))
			read_nd(p, f);
		return;
	}
	f->l4_src = xvs_get16(l4);
	f->l4_dst = xvs_get16(l4 + 2);
	if (p->l4_proto == PROTO_TCP)
		f->tcp_flags = xvs_get16(l4 + 12) & 0x0fff;
}

void of_packet_fields(const struct xvs_packet *p, struct of_fields *f)
{
	if (p->linear < 14)
		return;
	read_ether(p, f);
	if (p->flags & XVS_PKT_IPV4)
		read_ipv4(p, f);
	else if (p->flags & XVS_PKT_IPV6)
		read_ipv6(p, f);
	else if (is_arp(p))
		read_arp(p, f);
	else if (is_mpls(p->ethertype))
		read_mpls(p, f);
	if (p->flags & XVS_PKT_L4)
		read_l4(p, f);
}

/* ---- flow keys ------------------------------------------------------------------------------------ */

static uint16_t swap16(uint16_t v)
{
	return xvs_ntoh16(v);
}

static void put_ipv4(uint8_t to[16], uint32_t address)
{
	xvs_put32(to + 12, address);
}

static bool is_any(const uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (bytes[i])
			return true;
	}
	return false;
}

/* Members of IPv4 and IPv6 share a place in the key: which of them is meant, the packet says. */
static void addresses_to_key(const struct of_fields *f, const struct of_fields *packet,
			     struct xvs_flow_key *k)
{
	if (packet->eth_type == TYPE_IPV6) {
		memcpy(k->ip_src, f->ipv6_src, 16);
		memcpy(k->ip_dst, f->ipv6_dst, 16);
	} else {
		put_ipv4(k->ip_src, f->ipv4_src);
		put_ipv4(k->ip_dst, f->ipv4_dst);
	}
}

static bool is_icmp(const struct of_fields *packet)
{
	return (packet->eth_type == TYPE_IPV4 && packet->ip_proto == PROTO_ICMP) ||
	       (packet->eth_type == TYPE_IPV6 && packet->ip_proto == PROTO_ICMPV6);
}

static void l4_to_key(const struct of_fields *f, const struct of_fields *packet,
		      struct xvs_flow_key *k)
{
	k->l4_src = swap16(is_icmp(packet) ? f->icmp_type : f->l4_src);
	k->l4_dst = swap16(is_icmp(packet) ? f->icmp_code : f->l4_dst);
	k->tcp_flags = swap16(f->tcp_flags);
}

void of_values_to_key(const struct of_fields *values, const struct of_fields *packet,
		      struct xvs_flow_key *k)
{
	memcpy(k->eth_dst, values->eth_dst, 6);
	memcpy(k->eth_src, values->eth_src, 6);
	k->ethertype = swap16(values->eth_type);
	k->vlan_tci = swap16((uint16_t)((values->vlan_vid & 0xfff) | values->vlan_pcp << 13));
	k->bits = (uint8_t)((values->inner_tag ? XVS_KEY_VLAN2 : 0) |
			    (values->vlan_vid & OF_VID_PRESENT ? XVS_KEY_VLAN : 0) |
			    (values->ip_frag & 1 ? XVS_KEY_FRAG : 0) |
			    (values->ip_frag & 2 ? XVS_KEY_LATER : 0));
	addresses_to_key(values, packet, k);
	k->ip_tos = (uint8_t)(values->ip_dscp << 2 | values->ip_ecn);
	k->ip_ttl = values->ip_ttl;
	k->ip_proto = packet->eth_type == TYPE_ARP ? (uint8_t)values->arp_op : values->ip_proto;
	l4_to_key(values, packet, k);
}

/* Fields that only some packets have, and no flow key. */
static bool is_beyond_key(const struct of_fields *bits, const struct of_fields *packet)
{
	switch (packet->eth_type) {
	case TYPE_ARP:
		return is_any(bits->arp_sha, 6) || is_any(bits->arp_tha, 6) ||
		       (bits->arp_op && (!packet->arp_op || packet->arp_op > UINT8_MAX));
	case TYPE_IPV6:
		if (bits->ipv6_flabel || bits->ipv6_exthdr)
			return true;
		return packet->ip_proto == PROTO_ICMPV6 &&
		       (is_any(bits->nd_target, 16) || is_any(bits->nd_sll, 6) ||
			is_any(bits->nd_tll, 6));
	default:
		return is_mpls(packet->eth_type) &&
		       (bits->mpls_label || bits->mpls_tc || bits->mpls_bos);
	}
}

bool of_fields_to_key(const struct of_fields *bits, const struct of_fields *packet,
		      struct xvs_flow_key *k)
{
	of_values_to_key(bits, packet, k);
	/* "no tag" and "which tag" are both told by the tag and by the bit that there is one */
	if (bits->vlan_vid || bits->vlan_pcp)
		k->bits |= XVS_KEY_VLAN;
	/* a length stands for every length */
	if (bits->eth_type)
		k->ethertype = UINT16_MAX;
	if (packet->eth_type == TYPE_ARP && (bits->ip_proto || bits->arp_op))
		k->ip_proto = UINT8_MAX;
	return is_beyond_key(bits, packet);
}
