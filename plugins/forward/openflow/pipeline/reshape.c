/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/reshape.c - push, pop and change tags and labels. */
#include "pipeline/reshape.h"

#include <errno.h>
#include <string.h>

#include "pipeline/ipv6.h"
#include "xvs/ext/sdk.h"

enum {
	ETHER = 14,
	TAG = 4,
	LABEL = 4,
	TYPE_AT = 12,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_SCTP = 132
};

static bool is_mpls(const struct xvs_packet *p)
{
	return p->ethertype == 0x8847 || p->ethertype == 0x8848;
}

static bool has_label(const struct xvs_packet *p)
{
	return is_mpls(p) && p->l3_off + (uint32_t)LABEL <= p->linear;
}

/* ---- room ----------------------------------------------------------------------------------------- */

static void moved(struct xvs_packet *p, int32_t by)
{
	p->data -= by;
	p->len = (uint32_t)((int64_t)p->len + by);
	p->linear = (uint32_t)((int64_t)p->linear + by);
	p->headroom = (uint16_t)(p->headroom - by);
	if (p->flags & XVS_PKT_CSUM_TODO)
		p->csum_start = (uint16_t)(p->csum_start + by);
}

/* Zero bytes in front of what is at 'at'. */
static int insert(struct xvs_packet *p, uint32_t at, uint32_t bytes)
{
	if (p->headroom < bytes)
		return -ENOBUFS;
	memmove(p->data - bytes, p->data, at);
	moved(p, (int32_t)bytes);
	memset(p->data + at, 0, bytes);
	return 0;
}

static int take_out(struct xvs_packet *p, uint32_t at, uint32_t bytes)
{
	if (at + bytes > p->linear)
		return -ENODATA;
	memmove(p->data + bytes, p->data, at);
	moved(p, -(int32_t)bytes);
	return 0;
}

/* ---- what is behind -------------------------------------------------------------------------------- */

static void parse_l4(struct xvs_packet *p, uint32_t at, uint8_t proto)
{
	uint32_t least = proto == PROTO_TCP ? 20 : proto == PROTO_SCTP ? 12 : 8;

	p->l4_proto = proto;
	p->l4_off = (uint16_t)at;
	if (!(p->flags & XVS_PKT_LATER) && at + least <= p->linear &&
	    (proto == PROTO_TCP || proto == PROTO_UDP || proto == 1 || proto == 58 ||
	     proto == PROTO_SCTP))
		p->flags |= XVS_PKT_L4;
}

static void parse_ipv4(struct xvs_packet *p, const uint8_t *ip)
{
	uint32_t fragment = xvs_get16(ip + 6) & 0x3fffu;
	uint32_t header = (ip[0] & 15u) * 4;

	p->flags |= XVS_PKT_IPV4 | (fragment ? XVS_PKT_FRAG : 0) |
		    (fragment & 0x1fff ? XVS_PKT_LATER : 0) | (header > 20 ? XVS_PKT_OPTIONS : 0);
	parse_l4(p, p->l3_off + header, ip[9]);
}

static void parse_ipv6(struct xvs_packet *p)
{
	struct of_ipv6_walk w;

	p->flags |= XVS_PKT_IPV6;
	of_ipv6_begin(&w, p);
	for (uint8_t was = w.proto; of_ipv6_step(&w, p); was = w.proto) {
		uint32_t fragment = was == OF_IPV6_FRAGMENT ? xvs_get16(p->data + w.at - 6) : 0;

		p->flags |= XVS_PKT_OPTIONS | (fragment & 0xfff9 ? XVS_PKT_FRAG : 0) |
			    (w.is_later ? XVS_PKT_LATER : 0);
	}
	parse_l4(p, w.at, w.proto);
}

/* As far as the actions that follow need it; the host parses the packet anew. */
static void parse(struct xvs_packet *p)
{
	const uint8_t *ip;

	p->flags &= ~(uint32_t)(XVS_PKT_IPV4 | XVS_PKT_IPV6 | XVS_PKT_L4 | XVS_PKT_LATER |
				XVS_PKT_FRAG | XVS_PKT_OPTIONS);
	p->flags |= XVS_PKT_DIRTY;
	p->l3_off = xvs_get16(p->data + TYPE_AT) == 0x8100 || xvs_get16(p->data + TYPE_AT) == 0x88a8
			    ? ETHER + TAG
			    : ETHER;
	p->ethertype = p->l3_off <= p->linear ? xvs_get16(p->data + p->l3_off - 2) : 0;
	if (p->l3_off > p->linear)
		p->l3_off = ETHER;
	ip = p->data + p->l3_off;
	if (p->ethertype == 0x0800 && p->l3_off + 20u <= p->linear && ip[0] >> 4 == 4 &&
	    (ip[0] & 15) >= 5)
		parse_ipv4(p, ip);
	else if (p->ethertype == 0x86dd && p->l3_off + 40u <= p->linear && ip[0] >> 4 == 6)
		parse_ipv6(p);
}

/* ---- tags ----------------------------------------------------------------------------------------- */

/* The tag that was outermost goes into the bytes; the new one begins as a copy of it. */
static int push_vlan(struct xvs_packet *p, uint16_t type)
{
	uint16_t old_type = p->flags & XVS_PKT_SVLAN ? 0x88a8 : 0x8100;

	if (p->flags & XVS_PKT_VLAN) {
		if (p->l3_off > ETHER || insert(p, TYPE_AT, TAG) != 0)
			return -ENOBUFS; /* the host knows two tags */
		xvs_put16(p->data + TYPE_AT, old_type);
		xvs_put16(p->data + TYPE_AT + 2, p->vlan_tci);
	} else {
		p->vlan_tci = 0;
	}
	p->flags |= XVS_PKT_VLAN;
	p->flags &= ~(uint32_t)XVS_PKT_SVLAN;
	p->flags |= type == 0x88a8 ? XVS_PKT_SVLAN : 0;
	return 0;
}

static int pop_vlan(struct xvs_packet *p)
{
	if (!(p->flags & XVS_PKT_VLAN))
		return 0;
	p->flags &= ~(uint32_t)(XVS_PKT_VLAN | XVS_PKT_SVLAN);
	p->vlan_tci = 0;
	if (p->l3_off <= ETHER)
		return 0;
	p->flags |= XVS_PKT_VLAN;
	p->flags |= xvs_get16(p->data + TYPE_AT) == 0x88a8 ? XVS_PKT_SVLAN : 0;
	p->vlan_tci = xvs_get16(p->data + TYPE_AT + 2);
	return take_out(p, TYPE_AT, TAG);
}

/* ---- labels --------------------------------------------------------------------------------------- */

static uint8_t ip_ttl(const struct xvs_packet *p)
{
	if (p->flags & XVS_PKT_IPV4)
		return p->data[p->l3_off + 8];
	return p->flags & XVS_PKT_IPV6 ? p->data[p->l3_off + 7] : 0;
}

/* Label, class and time of the one below, or the time of the IP header: 1.3.5, 5.12.1. */
static int push_mpls(struct xvs_packet *p, uint16_t type)
{
	uint32_t label = has_label(p) ? xvs_get32(p->data + p->l3_off) & ~UINT32_C(0x100)
				      : (uint32_t)(0x100 | ip_ttl(p));

	if (p->gso_type)
		return -EOPNOTSUPP;
	if (insert(p, p->l3_off, LABEL) != 0)
		return -ENOBUFS;
	xvs_put16(p->data + p->l3_off - 2, type);
	xvs_put32(p->data + p->l3_off, label);
	return 0;
}

static int pop_mpls(struct xvs_packet *p, uint16_t type)
{
	if (!has_label(p))
		return 0;
	xvs_put16(p->data + p->l3_off - 2, type);
	return take_out(p, p->l3_off, LABEL);
}

static void set_label(struct xvs_packet *p, uint32_t value, uint32_t mask)
{
	uint8_t *at = p->data + p->l3_off;

	if (has_label(p))
		xvs_put32(at, (xvs_get32(at) & ~mask) | (value & mask));
}

static int dec_label_ttl(struct xvs_packet *p)
{
	uint32_t ttl = has_label(p) ? p->data[p->l3_off + 3] : 255;

	if (ttl <= 1)
		return -ETIME;
	set_label(p, ttl - 1, 0xff);
	return 0;
}

/* Where the second time to live is: of the next label, or of the IP header behind the last one. */
static uint8_t *inner_ttl(struct xvs_packet *p)
{
	uint32_t next = p->l3_off + (uint32_t)LABEL;
	uint8_t *at = p->data + next;

	if (next + 20 > p->linear)
		return NULL;
	if (!(p->data[p->l3_off + 2] & 1))
		return at + 3;
	return at[0] >> 4 == 4 ? at + 8 : at[0] >> 4 == 6 ? at + 7 : NULL;
}

static void copy_ttl(struct xvs_packet *p, bool outwards)
{
	uint8_t *inner = has_label(p) ? inner_ttl(p) : NULL;
	uint8_t *outer = p->data + p->l3_off + 3;
	uint8_t now[2];

	if (!inner)
		return;
	if (outwards) {
		*outer = *inner;
		return;
	}
	/* of IPv4 it is under the header's checksum, two bytes behind it */
	if (p->data[p->l3_off + 2] & 1 && p->data[p->l3_off + LABEL] >> 4 == 4) {
		now[0] = *outer;
		now[1] = inner[1];
		xvs_csum_replace(inner + 2, inner, now, 2);
	} else {
		*inner = *outer;
	}
}

static void set_field(struct xvs_packet *p, const struct of_action *a)
{
	struct of_fields f = { 0 };
	struct of_fields m = { 0 };
	uint8_t *type = p->data + p->l3_off - 2;

	of_field_write(&f, a->field, a->value, NULL);
	of_field_write(&m, a->field, a->mask, NULL);
	if (a->field == OF_ETH_TYPE)
		xvs_put16(type,
			  (uint16_t)((xvs_get16(type) & ~m.eth_type) | (f.eth_type & m.eth_type)));
	else if (a->field == OF_MPLS_LABEL)
		set_label(p, f.mpls_label << 12, m.mpls_label << 12);
	else if (a->field == OF_MPLS_TC)
		set_label(p, (uint32_t)f.mpls_tc << 9, (uint32_t)m.mpls_tc << 9);
	else
		set_label(p, (uint32_t)f.mpls_bos << 8, (uint32_t)m.mpls_bos << 8);
}

static int reshape(struct xvs_packet *p, const struct of_action *a)
{
	switch (a->type) {
	case OF_ACT_PUSH_VLAN:
		return push_vlan(p, (uint16_t)a->number);
	case OF_ACT_POP_VLAN:
	case OF_ACT_STRIP_VLAN:
		return pop_vlan(p);
	case OF_ACT_PUSH_MPLS:
		return push_mpls(p, (uint16_t)a->number);
	case OF_ACT_POP_MPLS:
		return pop_mpls(p, (uint16_t)a->number);
	case OF_ACT_SET_MPLS_TTL:
		set_label(p, a->number, 0xff);
		return 0;
	case OF_ACT_DEC_MPLS_TTL:
		return dec_label_ttl(p);
	case OF_ACT_COPY_TTL_OUT:
	case OF_ACT_COPY_TTL_IN:
		copy_ttl(p, a->type == OF_ACT_COPY_TTL_OUT);
		return 0;
	case OF_ACT_SET_FIELD:
		set_field(p, a);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

int of_packet_reshape(const struct xvs_host *host, struct xvs_packet *p, const struct of_action *a)
{
	int code = p->linear < ETHER ? -ENODATA : host->unshare(host, p);

	if (!code)
		code = reshape(p, a);
	if (!code)
		parse(p);
	return code;
}

int of_packet_adopt(struct xvs_packet *p)
{
	uint16_t type;

	if (p->linear < ETHER)
		return -ENODATA;
	type = xvs_get16(p->data + TYPE_AT);
	if ((type == 0x8100 || type == 0x88a8) && p->linear >= ETHER + TAG) {
		p->flags |= XVS_PKT_VLAN | (type == 0x88a8 ? XVS_PKT_SVLAN : 0u);
		p->vlan_tci = xvs_get16(p->data + TYPE_AT + 2);
		(void)take_out(p, TYPE_AT, TAG);
	}
	parse(p);
	return 0;
}
