/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/summary.c - reading headers for people; who wants more writes a file and opens it.
 */
#include "summary.h"

#include <arpa/inet.h>

#include "base/bytes.h"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_SERVICE_VLAN = 0x88a8,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMPV6 = 58,
	PROTO_SCTP = 132,
};

static void add_address(struct strbuf *out, int family, const uint8_t *address)
{
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(family, address, text, sizeof(text));
	strbuf_add(out, "%s", text);
}

/* What an IP header says of what is above it. */
struct above {
	int family;
	const uint8_t *src, *dst;
	uint8_t proto;
	bool is_later; /* fragment: it has no header of it */
};

/* "A.port > B.port: ", without ports where there are none. */
static void add_ends(struct strbuf *out, const struct above *ip, const uint8_t *ports)
{
	add_address(out, ip->family, ip->src);
	if (ports)
		strbuf_add(out, ".%u", get_be16(ports));
	strbuf_add(out, " > ");
	add_address(out, ip->family, ip->dst);
	if (ports)
		strbuf_add(out, ".%u", get_be16(ports + 2));
	strbuf_add(out, ": ");
}

static void add_tcp_flags(struct strbuf *out, uint8_t flags)
{
	static const char letters[] = "FSRP.UEC";

	strbuf_add(out, "tcp ");
	for (unsigned bit = 0; bit < 8; bit++) {
		if (flags >> bit & 1)
			strbuf_add(out, "%c", letters[bit]);
	}
	if (flags == 0)
		strbuf_add(out, "none");
}

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

/* What is above IP begins at 'c'. */
static void add_above(struct strbuf *out, const struct above *ip, struct cursor *c)
{
	const uint8_t *l4 = ip->is_later ? NULL : cursor_take(c, 4);
	const uint8_t *more = ip->proto == PROTO_TCP && l4 ? cursor_take(c, 10) : NULL;

	add_ends(out, ip, l4 && has_ports(ip->proto) ? l4 : NULL);
	if (ip->is_later)
		strbuf_add(out, "later fragment of protocol %u", ip->proto);
	else if (more)
		add_tcp_flags(out, more[9]);
	else if (ip->proto == PROTO_TCP)
		strbuf_add(out, "tcp");
	else if (ip->proto == PROTO_UDP)
		strbuf_add(out, "udp");
	else if (ip->proto == PROTO_SCTP)
		strbuf_add(out, "sctp");
	else if (l4 && (ip->proto == PROTO_ICMP || ip->proto == PROTO_ICMPV6))
		strbuf_add(out, "%s type %u code %u", ip->proto == PROTO_ICMP ? "icmp" : "icmp6",
			   l4[0], l4[1]);
	else
		strbuf_add(out, "protocol %u", ip->proto);
}

/* False: not enough of it was captured, or it contradicts itself. */
static bool add_ipv4(struct strbuf *out, struct cursor *c)
{
	const uint8_t *ip = cursor_take(c, 20);
	size_t header = ip ? (size_t)(ip[0] & 15) * 4 : 0;

	if (!ip || header < 20 || !cursor_take(c, header - 20))
		return false;
	strbuf_add(out, "IP ");
	add_above(out,
		  &(struct above){ AF_INET, ip + 12, ip + 16, ip[9],
				   (get_be16(ip + 6) & 0x1fff) != 0 },
		  c);
	return true;
}

static bool add_ipv6(struct strbuf *out, struct cursor *c)
{
	const uint8_t *ip = cursor_take(c, 40);

	if (!ip)
		return false;
	strbuf_add(out, "IP6 ");
	add_above(out, &(struct above){ AF_INET6, ip + 8, ip + 24, ip[6], false }, c);
	return true;
}

static bool add_arp(struct strbuf *out, struct cursor *c)
{
	const uint8_t *arp = cursor_take(c, 28);
	char mac[MAC_TEXT];

	/* Ethernet and IPv4 */
	if (!arp || get_be32(arp) != 0x00010800 || get_be16(arp + 4) != 0x0604)
		return false;
	strbuf_add(out, "ARP ");
	if (get_be16(arp + 6) == 1) {
		strbuf_add(out, "who-has ");
		add_address(out, AF_INET, arp + 24);
		strbuf_add(out, " tell ");
		add_address(out, AF_INET, arp + 14);
	} else {
		add_address(out, AF_INET, arp + 14);
		strbuf_add(out, " is-at %s", mac_print(arp + 8, mac));
	}
	return true;
}

static bool add_payload(struct strbuf *out, uint16_t type, struct cursor *c)
{
	switch (type) {
	case TYPE_IPV4:
		return add_ipv4(out, c);
	case TYPE_IPV6:
		return add_ipv6(out, c);
	case TYPE_ARP:
		return add_arp(out, c);
	default:
		return false;
	}
}

static void add_frame(struct strbuf *out, const uint8_t *macs, uint16_t type)
{
	char src[MAC_TEXT];
	char dst[MAC_TEXT];

	strbuf_add(out, "%s > %s: ethertype 0x%04x", mac_print(macs + 6, src), mac_print(macs, dst),
		   type);
}

void summary_add(struct strbuf *out, const uint8_t *frame, uint32_t cap_len, uint32_t wire_len)
{
	struct cursor c = cursor_of(frame, cap_len);
	const uint8_t *macs = cursor_take(&c, 12);
	const uint8_t *at = cursor_take(&c, 2);
	uint16_t type = at ? get_be16(at) : 0;

	while (at && (type == TYPE_VLAN || type == TYPE_SERVICE_VLAN)) {
		at = cursor_take(&c, 4);
		if (at) {
			strbuf_add(out, "vlan %u, ", get_be16(at) & 0xfffu);
			type = get_be16(at + 2);
		}
	}
	if (!macs || !at)
		strbuf_add(out, "no whole Ethernet header");
	else if (!add_payload(out, type, &c))
		add_frame(out, macs, type);
	strbuf_add(out, ", length %u", wire_len);
}
