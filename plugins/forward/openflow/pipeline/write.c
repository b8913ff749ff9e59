/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/write.c - write fields into the bytes of a packet; its checksums stay right.
 */
#include <errno.h>
#include <string.h>

#include "pipeline/ipv6.h"
#include "pipeline/packet.h"
#include "xvs/ext/sdk.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };
enum { TYPE_ARP = 0x0806 };

#define CRC32C 0x82f63b78u /* Castagnoli, reflected */

/* 'bytes' of a member of the values where its mask has ones, over what is at 'at'. */
static void blend(uint8_t *out, const uint8_t *at, const uint8_t *value, const uint8_t *mask,
		  uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)((at[i] & ~mask[i]) | (value[i] & mask[i]));
}

static bool is_any(const void *bytes, uint32_t count)
{
	const uint8_t *b = bytes;

	while (count > 0 && !b[count - 1])
		count--;
	return count > 0;
}

static uint16_t mixed(uint16_t old, uint16_t value, uint16_t mask)
{
	return (uint16_t)((old & ~mask) | (value & mask));
}

static uint8_t mixed8(uint8_t old, uint8_t value, uint8_t mask)
{
	return (uint8_t)mixed(old, value, mask);
}

static void write_ether(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	uint16_t care = (uint16_t)((m->vlan_vid & 0xfff) | m->vlan_pcp << 13);
	uint16_t tci = (uint16_t)((v->vlan_vid & 0xfff) | v->vlan_pcp << 13);

	blend(p->data, p->data, v->eth_dst, m->eth_dst, 6);
	blend(p->data + 6, p->data + 6, v->eth_src, m->eth_src, 6);
	if (m->vlan_vid & OF_VID_PRESENT) {
		p->flags &= ~(uint32_t)(XVS_PKT_VLAN | XVS_PKT_SVLAN);
		p->flags |= v->vlan_vid & OF_VID_PRESENT ? XVS_PKT_VLAN : 0;
	}
	if (p->flags & XVS_PKT_VLAN)
		p->vlan_tci = (uint16_t)((p->vlan_tci & ~care) | (tci & care));
	else
		p->vlan_tci = 0;
}

/* ---- IP ------------------------------------------------------------------------------------------- */

static void write_tos4(uint8_t *ip, const struct of_fields *v, const struct of_fields *m)
{
	uint8_t care = (uint8_t)(m->ip_dscp << 2 | m->ip_ecn);
	uint8_t tos = (uint8_t)(v->ip_dscp << 2 | v->ip_ecn);
	uint8_t first[2] = { ip[0], (uint8_t)((ip[1] & ~care) | (tos & care)) };
	uint8_t ttl[2] = { mixed8(ip[8], v->ip_ttl, m->ip_ttl),
			   mixed8(ip[9], v->ip_proto, m->ip_proto) };

	if (care)
		xvs_csum_replace(ip + 10, ip, first, 2);
	if (m->ip_ttl || m->ip_proto)
		xvs_csum_replace(ip + 10, ip + 8, ttl, 2);
}

static void write_address4(struct xvs_packet *p, bool source, uint32_t value, uint32_t mask)
{
	const uint8_t *at = p->data + p->l3_off + (source ? 12 : 16);
	uint8_t now[4];

	if (!mask)
		return;
	xvs_put32(now, (xvs_get32(at) & ~mask) | (value & mask));
	xvs_rewrite_ipv4(p, source, now);
}

static void write_ipv4(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	write_tos4(p->data + p->l3_off, v, m);
	write_address4(p, true, v->ipv4_src, m->ipv4_src);
	write_address4(p, false, v->ipv4_dst, m->ipv4_dst);
}

/* RFC 8200, 4.4: while segments are left, the sum is of the last destination, not of this one. */
static bool is_routed(const struct xvs_packet *p)
{
	struct of_ipv6_walk w;

	if (!(p->flags & XVS_PKT_OPTIONS))
		return false;
	of_ipv6_begin(&w, p);
	for (uint32_t at = w.at, was = w.proto; of_ipv6_step(&w, p); at = w.at, was = w.proto) {
		if (was == OF_IPV6_ROUTING)
			return p->data[at + 3] != 0;
	}
	return false;
}

/* Where the protocol of layer 4 is said: by the last header before it. */
static void write_proto6(struct xvs_packet *p, uint8_t value, uint8_t mask)
{
	struct of_ipv6_walk w;

	if (!mask)
		return;
	of_ipv6_begin(&w, p);
	while (of_ipv6_step(&w, p))
		;
	p->data[w.proto_at] = mixed8(p->data[w.proto_at], value, mask);
}

static void write_address6(struct xvs_packet *p, uint32_t at, const uint8_t *value,
			   const uint8_t *mask)
{
	uint8_t *here = p->data + p->l3_off + at;
	uint8_t now[16];

	if (!is_any(mask, 16))
		return;
	blend(now, here, value, mask, 16);
	if (at == 8 || !is_routed(p))
		xvs_l4_csum_update(p, here, now, 16, true);
	memcpy(here, now, 16);
}

static void write_ipv6(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	uint8_t *ip = p->data + p->l3_off;
	uint32_t care = (uint32_t)m->ip_dscp << 22 | (uint32_t)m->ip_ecn << 20 | m->ipv6_flabel;
	uint32_t head = (uint32_t)v->ip_dscp << 22 | (uint32_t)v->ip_ecn << 20 | v->ipv6_flabel;

	xvs_put32(ip, (xvs_get32(ip) & ~care) | (head & care));
	ip[7] = mixed8(ip[7], v->ip_ttl, m->ip_ttl);
	write_proto6(p, v->ip_proto, m->ip_proto);
	write_address6(p, 8, v->ipv6_src, m->ipv6_src);
	write_address6(p, 24, v->ipv6_dst, m->ipv6_dst);
}

static void write_arp(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	uint8_t *arp = p->data + p->l3_off;

	if (p->l3_off + 28u > p->linear)
		return;
	xvs_put16(arp + 6, mixed(xvs_get16(arp + 6), v->arp_op, m->arp_op));
	blend(arp + 8, arp + 8, v->arp_sha, m->arp_sha, 6);
	blend(arp + 18, arp + 18, v->arp_tha, m->arp_tha, 6);
	xvs_put32(arp + 14, (xvs_get32(arp + 14) & ~m->ipv4_src) | (v->ipv4_src & m->ipv4_src));
	xvs_put32(arp + 24, (xvs_get32(arp + 24) & ~m->ipv4_dst) | (v->ipv4_dst & m->ipv4_dst));
}

/* ---- layer 4 -------------------------------------------------------------------------------------- */

/* An even number of bytes of the L4 header or payload. */
static void write_l4_bytes(struct xvs_packet *p, uint32_t at, const uint8_t *now, uint32_t bytes)
{
	uint8_t *here = p->data + p->l4_off + at;

	if (p->l4_off + at + bytes > p->linear)
		return;
	xvs_l4_csum_update(p, here, now, bytes, false);
	memcpy(here, now, bytes);
}

static void write_ports(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	const uint8_t *l4 = p->data + p->l4_off;
	uint8_t now[2];

	if (m->l4_src) {
		xvs_put16(now, mixed(xvs_get16(l4), v->l4_src, m->l4_src));
		write_l4_bytes(p, 0, now, 2);
	}
	if (m->l4_dst) {
		xvs_put16(now, mixed(xvs_get16(l4 + 2), v->l4_dst, m->l4_dst));
		write_l4_bytes(p, 2, now, 2);
	}
}

static void write_icmp(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	uint8_t *icmp = p->data + p->l4_off;
	uint8_t now[2] = { mixed8(icmp[0], v->icmp_type, m->icmp_type),
			   mixed8(icmp[1], v->icmp_code, m->icmp_code) };

	if (!m->icmp_type && !m->icmp_code)
		return;
	if (p->l4_proto == PROTO_ICMP)
		xvs_csum_replace(icmp + 2, icmp, now, 2);
	else
		write_l4_bytes(p, 0, now, 2);
}

/* The option of this type, or 0. */
static uint32_t nd_option(const struct xvs_packet *p, uint8_t type)
{
	uint32_t at = p->l4_off + 24u;

	for (; at + 8 <= p->linear && p->data[at + 1]; at += p->data[at + 1] * 8u) {
		if (p->data[at] == type)
			return at - p->l4_off;
	}
	return 0;
}

static void write_nd(struct xvs_packet *p, const struct of_fields *v, const struct of_fields *m)
{
	uint32_t sll = is_any(m->nd_sll, 6) ? nd_option(p, 1) : 0;
	uint32_t tll = is_any(m->nd_tll, 6) ? nd_option(p, 2) : 0;
	uint8_t now[16];

	if (is_any(m->nd_target, 16) && p->l4_off + 24u <= p->linear) {
		blend(now, p->data + p->l4_off + 8, v->nd_target, m->nd_target, 16);
		write_l4_bytes(p, 8, now, 16);
	}
	if (sll) {
		blend(now, p->data + p->l4_off + sll + 2, v->nd_sll, m->nd_sll, 6);
		write_l4_bytes(p, sll + 2, now, 6);
	}
	if (tll) {
		blend(now, p->data + p->l4_off + tll + 2, v->nd_tll, m->nd_tll, 6);
		write_l4_bytes(p, tll + 2, now, 6);
	}
}

static uint32_t crc32c(uint32_t crc, const uint8_t *b, uint32_t len)
{
	for (; len > 0; b++, len--) {
		crc ^= *b;
		for (uint32_t bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (CRC32C & (0 - (crc & 1)));
	}
	return crc;
}

/* Where the packet of the IP header ends: behind it there may be padding of Ethernet. */
static uint32_t l3_end(const struct xvs_packet *p)
{
	const uint8_t *ip = p->data + p->l3_off;
	uint32_t bytes = p->flags & XVS_PKT_IPV4 ? xvs_get16(ip + 2) : xvs_get16(ip + 4) + 40u;

	return p->l3_off + bytes < p->len ? p->l3_off + bytes : p->len;
}

int of_packet_sctp_sum(const struct xvs_host *host, struct xvs_packet *p)
{
	static const uint8_t zero[4];
	uint32_t end = l3_end(p);
	uint32_t crc = UINT32_MAX;
	uint8_t *sctp;

	if (p->flags & XVS_PKT_CSUM_TODO)
		return 0;
	if (end < p->l4_off + 12u || host->pull(host, p, end) != 0)
		return -ENODATA;
	sctp = p->data + p->l4_off;
	crc = crc32c(crc, sctp, 8);
	crc = crc32c(crc, zero, 4);
	crc = ~crc32c(crc, sctp + 12, end - p->l4_off - 12u);
	sctp[8] = (uint8_t)crc;
	sctp[9] = (uint8_t)(crc >> 8);
	sctp[10] = (uint8_t)(crc >> 16);
	sctp[11] = (uint8_t)(crc >> 24);
	return 0;
}

static int write_l4(const struct xvs_host *host, struct xvs_packet *p, const struct of_fields *v,
		    const struct of_fields *m)
{
	switch (p->l4_proto) {
	case PROTO_TCP:
	case PROTO_UDP:
		write_ports(p, v, m);
		return 0;
	case PROTO_SCTP:
		if (p->flags & XVS_PKT_FRAG) /* its sum is that of the whole: not to be had here */
			return m->l4_src || m->l4_dst ? -ENODATA : 0;
		write_ports(p, v, m);
		return m->l4_src || m->l4_dst ? of_packet_sctp_sum(host, p) : 0;
	case PROTO_ICMP:
		write_icmp(p, v, m);
		return 0;
	case PROTO_ICMPV6:
		write_nd(p, v, m);
		write_icmp(p, v, m);
		return 0;
	default:
		return 0;
	}
}

static bool touches_l4(const struct of_fields *m)
{
	const size_t from = offsetof(struct of_fields, l4_src);

	return is_any((const uint8_t *)m + from,
		      offsetof(struct of_fields, ip_ttl) - (uint32_t)from);
}

int of_packet_write(const struct xvs_host *host, struct xvs_packet *p,
		    const struct of_fields *values, const struct of_fields *mask)
{
	int code = host->unshare(host, p);

	if (code != 0)
		return code;
	write_ether(p, values, mask);
	/* layer 4 first: where its checksum is, the header that comes before it says */
	if (p->flags & XVS_PKT_L4 && touches_l4(mask))
		code = write_l4(host, p, values, mask);
	if (p->flags & XVS_PKT_IPV4)
		write_ipv4(p, values, mask);
	else if (p->flags & XVS_PKT_IPV6)
		write_ipv6(p, values, mask);
	else if (p->ethertype == TYPE_ARP)
		write_arp(p, values, mask);
	p->flags |= XVS_PKT_DIRTY;
	return code;
}
