/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - questions whether a neighbour is there, and its answers. */
#include "packet/probe.h"

#include <string.h>

#include "base/bytes.h"
#include "packet/headers.h"
#include "xvs/ext/sdk.h"

enum {
	ETHER = 14,
	ARP = 28,
	ARP_FRAME = 60,
	ARP_TYPE = 0x0806,
	IPV6_TYPE = 0x86dd,
	ARP_REPLY = 2,
	IPV6 = 40,
	ND = 32, /* a solicitation with the address of its sender's adapter */
	ADVERTISEMENT = 24,
	SOLICIT = 135,
	ADVERTISE = 136,
	HOPS = 255,
	OPTION_SOURCE = 1,
};

/* From no address: RFC 5227, section 2.1.1. */
static uint32_t write_arp(uint8_t *b, const struct probe_target *t, const uint8_t mac[6])
{
	static const uint8_t nobody[4];

	memset(b, 0, ARP_FRAME);
	xvs_build_arp_request(mac, nobody, t->ip, b);
	return ARP_FRAME;
}

/* fe80:: and the modified EUI-64 of the address: RFC 4291, appendix A. */
static void link_local(uint8_t ip[16], const uint8_t mac[6])
{
	memset(ip, 0, 16);
	ip[0] = 0xfe;
	ip[1] = 0x80;
	memcpy(ip + 8, mac, 3);
	ip[8] ^= 2;
	ip[11] = 0xff;
	ip[12] = 0xfe;
	memcpy(ip + 13, mac + 3, 3);
}

/* Of the pseudo header and the message behind it: RFC 4443, section 2.3. */
static uint16_t nd_checksum(const uint8_t *ip)
{
	uint32_t sum = ND + PROTO_ICMPV6;

	for (uint32_t i = 8; i < IPV6 + ND; i += 2)
		sum += get_be16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t write_nd(uint8_t *b, const struct probe_target *t, const uint8_t mac[6])
{
	static const uint8_t solicited[13] = { 0xff, 0x02, [11] = 0x01, [12] = 0xff };
	uint8_t *ip = b + ETHER;
	uint8_t *nd = ip + IPV6;

	memset(b, 0, PROBE_BYTES);
	memcpy(b, (const uint8_t[]){ 0x33, 0x33, 0xff }, 3);
	memcpy(b + 3, t->ip + 13, 3);
	memcpy(b + 6, mac, 6);
	put_be16(b + 12, IPV6_TYPE);
	ip[0] = 0x60;
	put_be16(ip + 4, ND);
	ip[6] = PROTO_ICMPV6;
	ip[7] = HOPS;
	link_local(ip + 8, mac);
	memcpy(ip + 24, solicited, sizeof(solicited));
	memcpy(ip + 37, t->ip + 13, 3);
	nd[0] = SOLICIT;
	memcpy(nd + 8, t->ip, 16);
	nd[24] = OPTION_SOURCE;
	nd[25] = 1;
	memcpy(nd + 26, mac, 6);
	put_be16(nd + 2, nd_checksum(ip));
	return PROBE_BYTES;
}

uint32_t probe_write(uint8_t bytes[PROBE_BYTES], const struct probe_target *t, const uint8_t mac[6])
{
	return t->is_ipv6 ? write_nd(bytes, t, mac) : write_arp(bytes, t, mac);
}

static bool is_arp_answer(const struct packet *p, const struct probe_target *t)
{
	const uint8_t *arp = p->x.data + ETHER;

	return p->x.ethertype == ARP_TYPE && p->x.linear >= ETHER + ARP &&
	       get_be16(arp + 6) == ARP_REPLY && memcmp(arp + 14, t->ip, 4) == 0;
}

/* From another link it would have passed a router: RFC 4861, section 7.1.2. */
static bool is_nd_answer(const struct packet *p, const struct probe_target *t)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	const uint8_t *nd = p->x.data + p->x.l4_off;

	if (!(p->x.flags & XVS_PKT_IPV6) || !(p->x.flags & XVS_PKT_L4) ||
	    p->x.l4_proto != PROTO_ICMPV6 || (uint32_t)p->x.l4_off + ADVERTISEMENT > p->x.linear)
		return false;
	return ip[7] == HOPS && nd[0] == ADVERTISE && memcmp(nd + 8, t->ip, 16) == 0;
}

bool packet_is_answer(const struct packet *p, const struct probe_target *t, const uint8_t mac[6])
{
	if (!t->is_set || p->x.flags & XVS_PKT_BAD || p->x.linear < ETHER ||
	    memcmp(p->x.data, mac, 6) != 0)
		return false;
	return t->is_ipv6 ? is_nd_answer(p, t) : is_arp_answer(p, t);
}
