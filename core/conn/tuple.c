/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/tuple.c - from a packet to the key of its connection.
 */
#include "conn/tuple.h"

enum { PROTO_IGMP = 2 }; /* of no meaning to the parser */

enum icmp_class { ICMP_CLASS_QUESTION, ICMP_CLASS_ANSWER, ICMP_CLASS_ERROR, ICMP_CLASS_LOOSE };

struct icmp_kind {
	uint8_t class;    /* enum icmp_class */
	uint8_t question; /* the type by which question and answer are one connection */
};

/* RFC 792, RFC 950, RFC 1256; a redirect speaks of a datagram like an error does. */
static struct icmp_kind icmp4_kind(uint8_t type)
{
	switch (type) {
	case 3: /* unreachable, quench, redirect, time exceeded, parameter problem */
	case 4:
	case 5:
	case 11:
	case 12:
		return (struct icmp_kind){ ICMP_CLASS_ERROR, type };
	case 0: /* echo */
		return (struct icmp_kind){ ICMP_CLASS_ANSWER, 8 };
	case 14: /* timestamp, information, address mask: the answer is the next number */
	case 16:
	case 18:
		return (struct icmp_kind){ ICMP_CLASS_ANSWER, (uint8_t)(type - 1) };
	case 9: /* router discovery: multicast of one link, and nobody answers to the asker */
	case 10:
		return (struct icmp_kind){ ICMP_CLASS_LOOSE, type };
	default:
		return (struct icmp_kind){ ICMP_CLASS_QUESTION, type };
	}
}

/*
 * RFC 4443.  Neighbour discovery (RFC 4861), its secured and inverse forms, and multicast listener
 * messages are how a link works at all: they are asked by multicast and answered from elsewhere,
 * so no tuple connects the two, and a firewall that lost their state would cut the guest off.
 * Who may claim which address is judged by filters that look into each of them, not by a tracker.
 */
static struct icmp_kind icmp6_kind(uint8_t type)
{
	if (type >= 130 && type <= 137)
		return (struct icmp_kind){ ICMP_CLASS_LOOSE, type };
	if (type >= 1 && type <= 4)
		return (struct icmp_kind){ ICMP_CLASS_ERROR, type };
	switch (type) {
	case 129: /* echo */
	case 140: /* node information, RFC 4620 */
		return (struct icmp_kind){ ICMP_CLASS_ANSWER, (uint8_t)(type - 1) };
	case 141: /* inverse ND, MLDv2, SEND, multicast router discovery */
	case 142:
	case 143:
	case 148:
	case 149:
	case 151:
	case 152:
	case 153:
		return (struct icmp_kind){ ICMP_CLASS_LOOSE, type };
	default:
		return (struct icmp_kind){ ICMP_CLASS_QUESTION, type };
	}
}

/* Only these carry an id behind the checksum; elsewhere the word is something else. */
static bool icmp_has_id(uint8_t proto, uint8_t question)
{
	if (proto == PROTO_ICMPV6)
		return question == 128;
	return question == 8 || question == 13 || question == 15 || question == 17;
}

static enum tuple_kind read_icmp(const uint8_t *l4, uint32_t len, bool from_inside,
				 struct tuple *out)
{
	struct conn_key *key = &out->key;
	struct icmp_kind kind;

	if (len < 8)
		return TUPLE_INVALID;
	kind = key->proto == PROTO_ICMP ? icmp4_kind(l4[0]) : icmp6_kind(l4[0]);
	if (kind.class == ICMP_CLASS_ERROR)
		return TUPLE_ERROR;
	if (kind.class == ICMP_CLASS_LOOSE)
		return TUPLE_LOOSE;
	out->is_answer = kind.class == ICMP_CLASS_ANSWER;
	if (icmp_has_id(key->proto, kind.question))
		memcpy(&key->inside_port, l4 + 4, 2);
	put_be16((uint8_t *)&key->outside_port, (uint16_t)(kind.question << 8 | l4[1]));
	key->asker = from_inside != out->is_answer ? 1 : 2;
	return TUPLE_TRACKED;
}

static enum tuple_kind read_ports(const uint8_t *l4, uint32_t len, bool from_inside,
				  struct tuple *out)
{
	struct conn_key *key = &out->key;

	/* RFC 768: 0 is who wants no answer; nobody can be reached there */
	if (len < 4 || (get_be16(l4) == 0 && key->proto != PROTO_UDP) || get_be16(l4 + 2) == 0)
		return TUPLE_INVALID;
	memcpy(from_inside ? &key->inside_port : &key->outside_port, l4, 2);
	memcpy(from_inside ? &key->outside_port : &key->inside_port, l4 + 2, 2);
	return TUPLE_TRACKED;
}

enum tuple_kind tuple_read_l4(const uint8_t *l4, uint32_t len, bool from_inside, struct tuple *out)
{
	switch (out->key.proto) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP:
		return read_ports(l4, len, from_inside, out);
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return read_icmp(l4, len, from_inside, out);
	case PROTO_IGMP: /* as multicast listener messages */
		return TUPLE_LOOSE;
	case PROTO_HOPOPTS: /* the walk over IPv6 headers stopped early: what follows is hidden */
	case PROTO_ROUTING:
	case PROTO_FRAGMENT:
	case PROTO_DSTOPTS:
	case 135: /* mobility, HIP, shim6 */
	case 139:
	case 140:
		return TUPLE_INVALID;
	default:
		return TUPLE_TRACKED; /* by addresses and protocol */
	}
}

static void read_addresses(const struct packet *p, bool inbound, struct conn_key *key)
{
	const uint8_t *l3 = p->x.data + p->x.l3_off;
	uint8_t *src = inbound ? key->outside : key->inside;
	uint8_t *dst = inbound ? key->inside : key->outside;

	if (p->x.flags & XVS_PKT_IPV4) {
		tuple_map_ipv4(src, l3 + 12);
		tuple_map_ipv4(dst, l3 + 16);
		return;
	}
	memcpy(src, l3 + 8, 16);
	memcpy(dst, l3 + 24, 16);
}

enum tuple_kind tuple_read(const struct packet *p, uint32_t port, bool inbound, struct tuple *out)
{
	const struct xvs_packet *x = &p->x;

	memset(out, 0, sizeof(*out));
	if (x->flags & XVS_PKT_BAD)
		return TUPLE_INVALID;
	if (!(x->flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6)))
		return TUPLE_LOOSE;
	out->key.port = port;
	out->key.segment = p->segment;
	out->key.proto = x->l4_proto;
	read_addresses(p, inbound, &out->key);
	if (!(x->flags & XVS_PKT_L4))
		return tuple_read_l4(NULL, 0, !inbound, out);
	return tuple_read_l4(x->data + x->l4_off, x->linear - x->l4_off, !inbound, out);
}
