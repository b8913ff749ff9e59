/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/headers.h - protocol numbers, places within headers, and what several files of this
 * folder (and those who look into headers above it) ask of a packet that was parsed.
 */
#ifndef XVS_PACKET_HEADERS_H
#define XVS_PACKET_HEADERS_H

#include "base/bytes.h"
#include "packet/packet.h"

enum {
	ETHER_BYTES = 14,
	ETHER_TAG_BYTES = 4,
	ETHER_TYPE_AT = 12,
	ETHER_TYPES_FROM = 0x0600, /* below: an 802.3 length */
};

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_SVLAN = 0x88a8,
};

enum {
	PROTO_HOPOPTS = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,
};

enum {
	ARP_BYTES = 28,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
	ICMP_BYTES = 8,
	SCTP_BYTES = 12,
	EXTENSION_BYTES = 8
};

/* Places of checksums behind the start of the L4 header. */
enum { TCP_SUM_AT = 16, UDP_SUM_AT = 6, ICMP_SUM_AT = 2, SCTP_SUM_AT = 8 };

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_CWR = 0x80 };

/* virtio 1.2, 5.1.6: gso_type */
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_UDP = 3, GSO_TCPV6 = 4, GSO_UDP_L4 = 5, GSO_ECN = 0x80 };

static inline bool is_vlan_type(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SVLAN;
}

/* [worker] It has a tag, and not of VLAN 0, which says a priority alone. */
static inline bool packet_is_in_vlan(const struct packet *p)
{
	return p->x.flags & XVS_PKT_VLAN && p->x.vlan_tci & 0xfff;
}

/* [worker] Ethernet and IPv4 addresses, all of it linear: fields may be read at l3_off. */
static inline bool packet_is_arp(const struct packet *p)
{
	static const uint8_t ether_ipv4[6] = { 0, 1, 8, 0, 6, 4 };

	return p->x.ethertype == ETHERTYPE_ARP && !(p->x.flags & XVS_PKT_BAD) &&
	       p->x.linear >= (uint32_t)p->x.l3_off + ARP_BYTES &&
	       memcmp(p->x.data + p->x.l3_off, ether_ipv4, sizeof(ether_ipv4)) == 0;
}

/* [worker] TCP or UDP with ports, SCTP too. */
static inline bool packet_has_ports(const struct packet *p)
{
	return p->x.flags & XVS_PKT_L4 &&
	       (p->x.l4_proto == PROTO_TCP || p->x.l4_proto == PROTO_UDP ||
		p->x.l4_proto == PROTO_SCTP);
}

/* [worker] Place of the 16-bit L4 checksum, from 'data'; 0: none (SCTP has a CRC). */
static inline uint32_t packet_sum_place(const struct packet *p)
{
	if (!(p->x.flags & XVS_PKT_L4))
		return 0;
	switch (p->x.l4_proto) {
	case PROTO_TCP:
		return p->x.l4_off + (uint32_t)TCP_SUM_AT;
	case PROTO_UDP:
		return p->x.l4_off + (uint32_t)UDP_SUM_AT;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return p->x.l4_off + (uint32_t)ICMP_SUM_AT;
	default:
		return 0;
	}
}

/* [worker] Where the payload of TCP or UDP begins; with XVS_PKT_L4. */
static inline uint32_t packet_payload_off(const struct packet *p)
{
	if (p->x.l4_proto == PROTO_TCP)
		return p->x.l4_off + (uint32_t)(p->x.data[p->x.l4_off + 12] >> 4) * 4;
	return p->x.l4_off + (uint32_t)UDP_BYTES;
}

/*
 * [worker] Where the IP packet ends: what is behind is padding of the frame.  A GSO packet may
 * say nothing of its length (0) or too much; then it goes to the end.
 */
static inline uint32_t packet_l3_end(const struct packet *p)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	uint32_t len;

	if (p->x.flags & XVS_PKT_IPV4)
		len = get_be16(ip + 2);
	else if (p->x.flags & XVS_PKT_IPV6)
		len = get_be16(ip + 4) ? (uint32_t)IPV6_BYTES + get_be16(ip + 4) : 0;
	else
		return p->x.len;
	if (p->x.gso_type && (len == 0 || p->x.l3_off + len > p->x.len))
		return p->x.len;
	if (len == 0) /* IPv6 without payload */
		len = IPV6_BYTES;
	return p->x.l3_off + len;
}

/* [worker] check.c: an enum host_reason; REASON_NONE: what CSUM_TODO and gso_type ask can be done. */
uint16_t packet_check_offload(struct packet *p);

/* [worker] fragment.c: a GSO_UDP packet, as packet_segment() does those of other types. */
bool packet_can_fragment(const struct packet *p);
int packet_fragment(const struct packet *p, struct packet **out, int max);
/* [worker] IPv4, complete or a fragment itself, that its sender lets be cut (RFC 791). */
bool packet_may_fragment(const struct packet *p);
/* [worker] Into pieces of at most 'mtu' bytes of layer 3; results as of packet_segment(). */
int packet_fragment_ipv4(const struct packet *p, uint32_t mtu, struct packet **out, int max);

/* [worker] offload.c: for 'len' bytes cut out of p, all linear; NULL: none left. */
struct packet *packet_new_segment(const struct packet *p, uint32_t len);

/* [worker] parse.c: x.hash from the facts that are there. */
uint32_t packet_hash(const struct packet *p);

/* [worker] bytes.c: run 'i' of the packet, 0 .. packet_runs(); may be empty. */
static inline uint32_t packet_runs(const struct packet *p)
{
	return 2 + (uint32_t)p->tail_count;
}

static inline struct iovec packet_run(const struct packet *p, uint32_t i)
{
	if (i == 0)
		return (struct iovec){ p->x.data, p->x.linear };
	return i == 1 ? p->rest : p->tail[i - 2];
}

/*
 * [worker] bytes.c: after code outside the switch (an extension) has moved 'data' or changed
 * 'len': bounds, headroom and runs agree again, a shortened packet loses bytes at its end.
 * False: it claims bytes that are not there; then it has none at all.
 */
bool packet_settle(struct packet *p);

/* [worker] bytes.c: 'to' gets the facts of 'from', and its segment. */
void packet_copy_facts(struct packet *to, const struct packet *from);

#endif /* XVS_PACKET_HEADERS_H */
