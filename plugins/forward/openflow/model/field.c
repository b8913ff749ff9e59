/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/field.c - the table of fields: OpenFlow Switch Specification 1.3.5, table 11 and 12.
 */
#include "model/field.h"

#include <string.h>

enum {
	MATCH = OF_FIELD_MATCHABLE,
	SET = OF_FIELD_MATCHABLE | OF_FIELD_SETTABLE,
	MASK_SET = OF_FIELD_MATCHABLE | OF_FIELD_MASKABLE | OF_FIELD_SETTABLE,
	MASK = OF_FIELD_MATCHABLE | OF_FIELD_MASKABLE,
	V10 = 1,
	V13 = 4,
	V15 = 6,
};

#define NUMBER(name_, member_, bits_, pre_, flags_, since_) \
	{ \
		.name = (name_), .offset = offsetof(struct of_fields, member_), \
		.bytes = sizeof(((struct of_fields *)0)->member_), .bits = (bits_), \
		.prerequisite = (pre_), .flags = (flags_), .since = (since_), .is_number = true \
	}
#define BYTES(name_, member_, pre_, flags_, since_) \
	{ \
		.name = (name_), .offset = offsetof(struct of_fields, member_), \
		.bytes = sizeof(((struct of_fields *)0)->member_), \
		.bits = 8 * sizeof(((struct of_fields *)0)->member_), .prerequisite = (pre_), \
		.flags = (flags_), .since = (since_) \
	}

/* On the wire PBB_ISID has 3 bytes and so has no entry: this switch has no backbone tags. */
static const struct of_field fields[OF_FIELDS] = {
	[OF_IN_PORT] = NUMBER("in_port", in_port, 32, OF_PRE_NONE, MATCH, V10),
	[OF_IN_PHY_PORT] = NUMBER("in_phy_port", in_phy_port, 32, OF_PRE_IN_PORT, MATCH, V13),
	[OF_METADATA] = NUMBER("metadata", metadata, 64, OF_PRE_NONE, MASK, V13),
	[OF_ETH_DST] = BYTES("eth_dst", eth_dst, OF_PRE_NONE, MASK_SET, V10),
	[OF_ETH_SRC] = BYTES("eth_src", eth_src, OF_PRE_NONE, MASK_SET, V10),
	[OF_ETH_TYPE] = NUMBER("eth_type", eth_type, 16, OF_PRE_NONE, SET, V10),
	[OF_VLAN_VID] = NUMBER("vlan_vid", vlan_vid, 13, OF_PRE_NONE, MASK_SET, V10),
	[OF_VLAN_PCP] = NUMBER("vlan_pcp", vlan_pcp, 3, OF_PRE_VLAN, SET, V10),
	[OF_IP_DSCP] = NUMBER("ip_dscp", ip_dscp, 6, OF_PRE_IP, SET, V10),
	[OF_IP_ECN] = NUMBER("ip_ecn", ip_ecn, 2, OF_PRE_IP, SET, V13),
	[OF_IP_PROTO] = NUMBER("ip_proto", ip_proto, 8, OF_PRE_IP, SET, V10),
	[OF_IPV4_SRC] = NUMBER("ipv4_src", ipv4_src, 32, OF_PRE_IPV4, MASK_SET, V10),
	[OF_IPV4_DST] = NUMBER("ipv4_dst", ipv4_dst, 32, OF_PRE_IPV4, MASK_SET, V10),
	[OF_TCP_SRC] = NUMBER("tcp_src", l4_src, 16, OF_PRE_TCP, SET, V10),
	[OF_TCP_DST] = NUMBER("tcp_dst", l4_dst, 16, OF_PRE_TCP, SET, V10),
	[OF_UDP_SRC] = NUMBER("udp_src", l4_src, 16, OF_PRE_UDP, SET, V10),
	[OF_UDP_DST] = NUMBER("udp_dst", l4_dst, 16, OF_PRE_UDP, SET, V10),
	[OF_SCTP_SRC] = NUMBER("sctp_src", l4_src, 16, OF_PRE_SCTP, SET, V13),
	[OF_SCTP_DST] = NUMBER("sctp_dst", l4_dst, 16, OF_PRE_SCTP, SET, V13),
	[OF_ICMPV4_TYPE] = NUMBER("icmpv4_type", icmp_type, 8, OF_PRE_ICMPV4, SET, V10),
	[OF_ICMPV4_CODE] = NUMBER("icmpv4_code", icmp_code, 8, OF_PRE_ICMPV4, SET, V10),
	[OF_ARP_OP] = NUMBER("arp_op", arp_op, 16, OF_PRE_ARP, SET, V10),
	[OF_ARP_SPA] = NUMBER("arp_spa", ipv4_src, 32, OF_PRE_ARP, MASK_SET, V10),
	[OF_ARP_TPA] = NUMBER("arp_tpa", ipv4_dst, 32, OF_PRE_ARP, MASK_SET, V10),
	[OF_ARP_SHA] = BYTES("arp_sha", arp_sha, OF_PRE_ARP, MASK_SET, V13),
	[OF_ARP_THA] = BYTES("arp_tha", arp_tha, OF_PRE_ARP, MASK_SET, V13),
	[OF_IPV6_SRC] = BYTES("ipv6_src", ipv6_src, OF_PRE_IPV6, MASK_SET, V13),
	[OF_IPV6_DST] = BYTES("ipv6_dst", ipv6_dst, OF_PRE_IPV6, MASK_SET, V13),
	[OF_IPV6_FLABEL] = NUMBER("ipv6_flabel", ipv6_flabel, 20, OF_PRE_IPV6, MASK_SET, V13),
	[OF_ICMPV6_TYPE] = NUMBER("icmpv6_type", icmp_type, 8, OF_PRE_ICMPV6, SET, V13),
	[OF_ICMPV6_CODE] = NUMBER("icmpv6_code", icmp_code, 8, OF_PRE_ICMPV6, SET, V13),
	[OF_IPV6_ND_TARGET] = BYTES("nd_target", nd_target, OF_PRE_ND, MASK_SET, V13),
	[OF_IPV6_ND_SLL] = BYTES("nd_sll", nd_sll, OF_PRE_ND_SLL, MASK_SET, V13),
	[OF_IPV6_ND_TLL] = BYTES("nd_tll", nd_tll, OF_PRE_ND_TLL, MASK_SET, V13),
	[OF_MPLS_LABEL] = NUMBER("mpls_label", mpls_label, 20, OF_PRE_MPLS, SET, V13),
	[OF_MPLS_TC] = NUMBER("mpls_tc", mpls_tc, 3, OF_PRE_MPLS, SET, V13),
	[OF_MPLS_BOS] = NUMBER("mpls_bos", mpls_bos, 1, OF_PRE_MPLS, SET, V13),
	[OF_TUNNEL_ID] = NUMBER("tunnel_id", tunnel_id, 64, OF_PRE_NONE, MASK_SET, V13),
	[OF_IPV6_EXTHDR] = NUMBER("ipv6_exthdr", ipv6_exthdr, 9, OF_PRE_IPV6, MASK, V13),
	[OF_TCP_FLAGS] = NUMBER("tcp_flags", tcp_flags, 12, OF_PRE_TCP, MASK, V15),
	[OF_ACTSET_OUTPUT] = NUMBER("actset_output", actset_output, 32, OF_PRE_NONE, MATCH, V15),
	[OF_REG0] = NUMBER("reg0", regs[0], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 1] = NUMBER("reg1", regs[1], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 2] = NUMBER("reg2", regs[2], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 3] = NUMBER("reg3", regs[3], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 4] = NUMBER("reg4", regs[4], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 5] = NUMBER("reg5", regs[5], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 6] = NUMBER("reg6", regs[6], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_REG0 + 7] = NUMBER("reg7", regs[7], 32, OF_PRE_NONE, MASK_SET, 0),
	[OF_IP_FRAG] = NUMBER("ip_frag", ip_frag, 2, OF_PRE_IP, MASK, 0),
	[OF_IP_TTL] = NUMBER("nw_ttl", ip_ttl, 8, OF_PRE_IP, SET, 0),
};

const struct of_field *of_field(uint32_t id)
{
	return id < OF_FIELDS && fields[id].name ? &fields[id] : NULL;
}

static uint64_t member_get(const void *at, uint32_t bytes)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (bytes) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		memcpy(&two, at, 2);
		return two;
	case 4:
		memcpy(&four, at, 4);
		return four;
	default:
		memcpy(&eight, at, 8);
		return eight;
	}
}

static void member_put(void *at, uint32_t bytes, uint64_t value)
{
	const uint16_t two = (uint16_t)value;
	const uint32_t four = (uint32_t)value;

	switch (bytes) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		memcpy(at, &two, 2);
		break;
	case 4:
		memcpy(at, &four, 4);
		break;
	default:
		memcpy(at, &value, 8);
		break;
	}
}

static uint64_t bits_of(const struct of_field *f)
{
	return f->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << f->bits) - 1;
}

static uint64_t wire_get(const uint8_t *from, uint32_t bytes)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < bytes; i++)
		v = v << 8 | from[i];
	return v;
}

void of_field_read(const struct of_fields *from, uint32_t id, uint8_t *out)
{
	const struct of_field *f = &fields[id];
	const uint8_t *at = (const uint8_t *)from + f->offset;
	uint64_t v;

	if (!f->is_number) {
		memcpy(out, at, f->bytes);
		return;
	}
	v = member_get(at, f->bytes);
	for (uint32_t i = f->bytes; i-- > 0; v >>= 8)
		out[i] = (uint8_t)v;
}

void of_field_write(struct of_fields *to, uint32_t id, const uint8_t *value, const uint8_t *mask)
{
	const struct of_field *f = &fields[id];
	uint8_t *at = (uint8_t *)to + f->offset;
	uint64_t m;

	if (f->is_number) {
		m = bits_of(f) & (mask ? wire_get(mask, f->bytes) : UINT64_MAX);
		member_put(at, f->bytes,
			   (member_get(at, f->bytes) & ~m) | (wire_get(value, f->bytes) & m));
		return;
	}
	for (uint32_t i = 0; i < f->bytes; i++) {
		uint8_t b = mask ? mask[i] : 0xff;

		at[i] = (uint8_t)((at[i] & ~b) | (value[i] & b));
	}
}

void of_field_whole(struct of_fields *mask, uint32_t id)
{
	static const uint8_t ones[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
					  255, 255, 255, 255, 255, 255, 255, 255 };

	of_field_write(mask, id, ones, NULL);
}

/* ---- prerequisites ------------------------------------------------------------------------------- */

static bool is_type(const struct of_fields *v, const struct of_fields *m, uint16_t type)
{
	return m->eth_type == UINT16_MAX && v->eth_type == type;
}

static bool is_ip(const struct of_fields *v, const struct of_fields *m)
{
	return is_type(v, m, 0x0800) || is_type(v, m, 0x86dd);
}

static bool is_proto(const struct of_fields *v, const struct of_fields *m, uint8_t proto)
{
	return is_ip(v, m) && m->ip_proto == UINT8_MAX && v->ip_proto == proto;
}

static bool is_icmpv6(const struct of_fields *v, const struct of_fields *m)
{
	return is_type(v, m, 0x86dd) && is_proto(v, m, 58);
}

static bool is_nd(const struct of_fields *v, const struct of_fields *m, uint8_t type)
{
	return is_icmpv6(v, m) && m->icmp_type == UINT8_MAX && v->icmp_type == type;
}

bool of_field_is_there(const struct of_fields *v, const struct of_fields *m, uint32_t id)
{
	switch (fields[id].prerequisite) {
	case OF_PRE_IN_PORT:
		return m->in_port == UINT32_MAX;
	case OF_PRE_VLAN:
		return (m->vlan_vid & v->vlan_vid & OF_VID_PRESENT) != 0;
	case OF_PRE_IP:
		return is_ip(v, m);
	case OF_PRE_IPV4:
		return is_type(v, m, 0x0800);
	case OF_PRE_IPV6:
		return is_type(v, m, 0x86dd);
	case OF_PRE_ARP:
		return is_type(v, m, 0x0806);
	case OF_PRE_TCP:
		return is_proto(v, m, 6);
	case OF_PRE_UDP:
		return is_proto(v, m, 17);
	case OF_PRE_SCTP:
		return is_proto(v, m, 132);
	case OF_PRE_ICMPV4:
		return is_type(v, m, 0x0800) && is_proto(v, m, 1);
	case OF_PRE_ICMPV6:
		return is_icmpv6(v, m);
	case OF_PRE_ND:
		return is_nd(v, m, 135) || is_nd(v, m, 136);
	case OF_PRE_ND_SLL:
		return is_nd(v, m, 135);
	case OF_PRE_ND_TLL:
		return is_nd(v, m, 136);
	case OF_PRE_MPLS:
		return is_type(v, m, 0x8847) || is_type(v, m, 0x8848);
	case OF_PRE_PBB:
		return is_type(v, m, 0x88e7);
	default:
		return true;
	}
}
