/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a place in a frame to the bits of the flow key that fix its value.
 *
 * A byte is known under conditions: that of L4 at a fixed place only if there is no option, no
 * fragment header, and the protocol is the one seen here.  Each condition is a bit or field of the
 * key, and is marked as well.  As a last safeguard the byte must be what the key says; wherever
 * the two differ, whatever the reason, the byte is opaque.
 *
 * A packet equal in the marked bits can still be shorter than the frame at hand.  Then the load
 * rejects it, so "rejected" stays true; "accepted" only leads to the exact test of each packet.
 */
#include "keymap.h"

#include <stddef.h>

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };
enum { ETHERNET_BYTES = 14, IPV4_BYTES = 20, IPV6_BYTES = 40 };
enum { FRAGMENT_AT = 6, FRAGMENT_OFFSET = 0x1fff, FRAGMENT_ANY = 0x3fff };

/* What a byte is. */
enum known {
	BYTE_OPAQUE = -1,
	BYTE_CONSTANT = -2, /* its value follows from the conditions alone */
			    /* else: the byte's place in struct xvs_flow_key */
};

#define AT(field) ((int)offsetof(struct xvs_flow_key, field))

/* ---- conditions -------------------------------------------------------------------------- */

static bool key_bit(struct keymap *m, enum xvs_key_bit bit)
{
	m->seen->bits |= (uint8_t)bit;
	return m->key->bits & bit;
}

static uint16_t key_ethertype(struct keymap *m)
{
	m->seen->ethertype = 0xffff;
	return xvs_ntoh16(m->key->ethertype);
}

static uint8_t key_proto(struct keymap *m)
{
	m->seen->ip_proto = 0xff;
	return m->key->ip_proto;
}

/* ---- layers ------------------------------------------------------------------------------ */

/*
 * The fields of a header that is cut short are zero in the key, as if it were whole and full of
 * zeroes.  So one that is not zero must show that the header is there; 'place' is one of them.
 */
static bool l4_is_there(struct keymap *m, int place)
{
	int field = place & ~1;
	uint16_t value;

	memset((uint8_t *)m->seen + field, 0xff, sizeof(value));
	memcpy(&value, (const uint8_t *)m->key + field, sizeof(value));
	if (value != 0)
		return true;
	m->seen->l4_src = 0xffff;
	m->seen->l4_dst = 0xffff;
	return m->key->l4_src != 0 || m->key->l4_dst != 0;
}

/* 'at' from the L4 header on; the packet is no later fragment. */
static int l4_place(struct keymap *m, uint32_t at)
{
	switch (key_proto(m)) {
	case PROTO_TCP:
		if (at == 13)
			return AT(tcp_flags) + 1;
		return at < 4 ? AT(l4_src) + (int)at : BYTE_OPAQUE;
	case PROTO_UDP:
	case PROTO_SCTP:
		return at < 4 ? AT(l4_src) + (int)at : BYTE_OPAQUE;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		if (at > 1)
			return BYTE_OPAQUE;
		return (at == 0 ? AT(l4_src) : AT(l4_dst)) + 1;
	default:
		return BYTE_OPAQUE;
	}
}

static int l4_byte(struct keymap *m, uint32_t at)
{
	int place = l4_place(m, at);

	return place >= 0 && l4_is_there(m, place) ? place : BYTE_OPAQUE;
}

static int ipv4_byte(struct keymap *m, uint32_t at)
{
	if (at == 0)
		return key_bit(m, XVS_KEY_OPTIONS) ? BYTE_OPAQUE : BYTE_CONSTANT;
	if (at == 1)
		return AT(ip_tos);
	if (at == 8)
		return AT(ip_ttl);
	if (at == 9)
		return AT(ip_proto);
	if (at >= 12 && at < 16)
		return AT(ip_src) + (int)at;
	if (at >= 16 && at < IPV4_BYTES)
		return AT(ip_dst) + (int)at - 4;
	if (at < IPV4_BYTES || key_bit(m, XVS_KEY_OPTIONS) || key_bit(m, XVS_KEY_LATER))
		return BYTE_OPAQUE;
	return l4_byte(m, at - IPV4_BYTES);
}

static int ipv6_byte(struct keymap *m, uint32_t at)
{
	if (at == 7)
		return AT(ip_ttl);
	if (at >= 8 && at < IPV6_BYTES)
		return AT(ip_src) + (int)at - 8;
	if (at != 6 && at < IPV6_BYTES)
		return BYTE_OPAQUE;
	if (key_bit(m, XVS_KEY_OPTIONS) || key_bit(m, XVS_KEY_FRAG))
		return BYTE_OPAQUE; /* the key has the protocol behind the extension headers */
	return at == 6 ? AT(ip_proto) : l4_byte(m, at - IPV6_BYTES);
}

static int arp_byte(struct keymap *m, uint32_t at)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (at == 7)
		return AT(ip_proto);
	memset(m->seen->ip_src, 0xff, sizeof(mapped));
	if (memcmp(m->key->ip_src, mapped, sizeof(mapped)) != 0)
		return BYTE_OPAQUE; /* not for IPv4 over Ethernet: the fields are elsewhere */
	if (at >= 14 && at < 18)
		return AT(ip_src) + (int)at - 2;
	if (at >= 24 && at < 28)
		return AT(ip_dst) + (int)at - 12;
	return BYTE_OPAQUE;
}

static int l3_byte(struct keymap *m, const struct frame *f, uint32_t l3, uint32_t at)
{
	if (f->packet->l3_off + f->tag_bytes != l3)
		return BYTE_OPAQUE;
	switch (key_ethertype(m)) {
	case ETHERTYPE_IPV4:
		return ipv4_byte(m, at - l3);
	case ETHERTYPE_IPV6:
		return ipv6_byte(m, at - l3);
	case ETHERTYPE_ARP:
		return arp_byte(m, at - l3);
	default:
		return BYTE_OPAQUE;
	}
}

/* A frame without a tag, or with one. */
static int frame_place(struct keymap *m, const struct frame *f, uint32_t at)
{
	uint32_t l3 = ETHERNET_BYTES;

	if (at < 12)
		return AT(eth_dst) + (int)at; /* eth_src follows */
	if (key_bit(m, XVS_KEY_VLAN)) {
		(void)key_bit(m, XVS_KEY_SVLAN);
		if (at < 14)
			return BYTE_CONSTANT;
		if (at < 16)
			return AT(vlan_tci) + (int)at - 14;
		l3 += FRAME_TAG_BYTES;
	}
	if (key_bit(m, XVS_KEY_VLAN2))
		return BYTE_OPAQUE;
	if (at < l3)
		return AT(ethertype) + (int)(at + 2 - l3);
	return l3_byte(m, f, l3, at);
}

_Static_assert(offsetof(struct xvs_flow_key, eth_src) ==
			       offsetof(struct xvs_flow_key, eth_dst) + 6 &&
		       offsetof(struct xvs_flow_key, ip_dst) ==
			       offsetof(struct xvs_flow_key, ip_src) + 16 &&
		       offsetof(struct xvs_flow_key, l4_dst) ==
			       offsetof(struct xvs_flow_key, l4_src) + 2 &&
		       offsetof(struct xvs_flow_key, l4_src) % 2 == 0 &&
		       offsetof(struct xvs_flow_key, tcp_flags) % 2 == 0,
	       "pairs that are neighbours on the wire are neighbours in the key");

/* A constant is the type of a tag, or version 4 with a header of five words. */
static bool byte_is_known(struct keymap *m, const struct frame *f, uint32_t at)
{
	int place = frame_place(m, f, at);
	uint8_t value = frame_byte(f, at);

	if (place == BYTE_CONSTANT)
		return at < 14 || value == 0x45;
	if (place == BYTE_OPAQUE)
		return false;
	((uint8_t *)m->seen)[place] = 0xff;
	return ((const uint8_t *)m->key)[place] == value;
}

static bool is_fragment_field(struct keymap *m, const struct frame *f, uint32_t at, uint32_t size)
{
	uint32_t l3 = ETHERNET_BYTES + f->tag_bytes;

	return size == 2 && at == l3 + FRAGMENT_AT && !key_bit(m, XVS_KEY_VLAN2) &&
	       (key_bit(m, XVS_KEY_VLAN) != 0) == (f->tag_bytes != 0) &&
	       key_ethertype(m) == ETHERTYPE_IPV4 && (f->packet->flags & XVS_PKT_IPV4);
}

enum origin keymap_origin(struct keymap *m, const struct frame *f, uint32_t at, uint32_t size)
{
	if (is_fragment_field(m, f, at, size))
		return ORIGIN_FRAGMENT;
	for (uint32_t i = 0; i < size; i++) {
		if (!byte_is_known(m, f, at + i))
			return ORIGIN_OPAQUE;
	}
	return ORIGIN_KNOWN;
}

bool keymap_tells_fragment(struct keymap *m, uint32_t mask)
{
	if (mask == FRAGMENT_OFFSET)
		(void)key_bit(m, XVS_KEY_LATER);
	else if (mask == FRAGMENT_ANY)
		(void)key_bit(m, XVS_KEY_FRAG);
	else
		return false;
	return true;
}
