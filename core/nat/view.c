/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/view.c - what translation wants to know of a packet, from headers that were parsed before.
 */
#include "nat/nat.h"

enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_TIME = 11,
	ICMP_PARAMETER = 12
};
enum { ICMP_ID_AT = 4, TCP_FLAGS_AT = 12, TCP_FLAGS_MASK = 0x1ff };

static enum nat_kind view_icmp(const uint8_t *l4, uint32_t flags, struct nat_view *v)
{
	switch (l4[0]) {
	case ICMP_ECHO:
		v->src_port = get_be16(l4 + ICMP_ID_AT);
		v->is_query = true;
		return NAT_FLOW;
	case ICMP_ECHO_REPLY:
		v->dst_port = get_be16(l4 + ICMP_ID_AT);
		return NAT_FLOW;
	case ICMP_UNREACHABLE:
	case ICMP_TIME:
	case ICMP_PARAMETER:
		return flags & XVS_PKT_FRAG ? NAT_OTHER : NAT_ERROR;
	default:
		return NAT_OTHER;
	}
}

enum nat_kind nat_view_of(const struct packet *p, struct nat_view *v)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	const uint8_t *l4 = p->x.data + p->x.l4_off;

	if (!(p->x.flags & XVS_PKT_IPV4) || p->x.flags & XVS_PKT_BAD)
		return NAT_OTHER;
	*v = (struct nat_view){ .src = get_be32(ip + 12),
				.dst = get_be32(ip + 16),
				.proto = ip[9] };
	if (p->x.flags & XVS_PKT_LATER)
		return NAT_LATER;
	if (!(p->x.flags & XVS_PKT_L4))
		return NAT_OTHER;
	if (v->proto == PROTO_ICMP)
		return view_icmp(l4, p->x.flags, v);
	if (v->proto != PROTO_TCP && v->proto != PROTO_UDP)
		return NAT_OTHER;
	v->src_port = get_be16(l4);
	v->dst_port = get_be16(l4 + 2);
	if (v->proto == PROTO_TCP)
		v->tcp_flags = get_be16(l4 + TCP_FLAGS_AT) & TCP_FLAGS_MASK;
	return NAT_FLOW;
}
