/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/match.c - matches as a whole: a list of fields, or the fixed structure of 1.0.
 */
#include "wire/oxm.h"
#include "wire/protocol.h"

/* Reads a list of fields, each at most once. */
static of_fault read_fields(struct of_reader *r, uint8_t version, struct of_match *out)
{
	uint64_t seen = 0;

	while (r->left) {
		struct of_oxm oxm;
		of_fault fault = of_oxm_read(r, version, &oxm);

		if (fault)
			return fault;
		if (seen >> oxm.id & 1)
			return OF_BAD_MATCH_DUPLICATE;
		seen |= UINT64_C(1) << oxm.id;
		fault = of_oxm_match(out, &oxm);
		if (fault)
			return fault;
	}
	return OF_OK;
}

of_fault of_match_read(struct of_reader *r, uint8_t version, struct of_match *out)
{
	uint16_t type = of_get16(r);
	uint16_t len = of_get16(r);
	struct of_reader fields;

	memset(out, 0, sizeof(*out));
	if (r->is_short)
		return OF_BAD_REQUEST_LEN;
	if (type != OFPMT_OXM)
		return OF_BAD_MATCH_TYPE;
	if (len < OFP_MATCH_HEAD)
		return OF_BAD_MATCH_LEN;
	fields = of_part(r, len - (uint32_t)OFP_MATCH_HEAD);
	of_skip(r, (8u - len % 8u) % 8u);
	if (fields.is_short || r->is_short)
		return OF_BAD_MATCH_LEN;
	return read_fields(&fields, version, out);
}

void of_match_put(struct of_writer *w, uint8_t version, const struct of_match *m)
{
	uint64_t left = of_match_fields(m);
	uint32_t at = w->len;

	of_put16(w, OFPMT_OXM);
	of_put16(w, 0);
	while (left) {
		uint32_t id = (uint32_t)__builtin_ctzll(left);
		uint32_t bytes = of_field(id)->bytes;
		struct of_fields whole = { 0 };
		uint8_t value[16];
		uint8_t mask[16];
		uint8_t all[16];
		bool has_mask;

		left &= left - 1;
		of_field_whole(&whole, id);
		of_field_read(&whole, id, all);
		of_field_read(&m->mask, id, mask);
		of_field_read(&m->value, id, value);
		has_mask = memcmp(all, mask, bytes) != 0;
		of_oxm_put_header(w, version, id, has_mask);
		of_put(w, value, bytes);
		if (has_mask)
			of_put(w, mask, bytes);
	}
	of_patch16(w, at + 2, (uint16_t)(w->len - at));
	of_put_pad8(w, at);
}

/* ---- 1.0, 5.2.3 -------------------------------------------------------------------------------- */

/* As it is on the wire. */
struct match10 {
	uint32_t wildcards;
	uint16_t in_port;
	uint8_t dl_src[6];
	uint8_t dl_dst[6];
	uint16_t vlan;
	uint8_t pcp;
	uint16_t dl_type;
	uint8_t tos;
	uint8_t proto;
	uint32_t nw_src, nw_dst;
	uint16_t tp_src, tp_dst;
};

/* Adds a number; whatever has no meaning without another field is not matched (1.0, 3.4). */
static void add(struct of_match *m, uint32_t id, uint64_t number, uint64_t mask, bool has_mask)
{
	uint32_t bytes = of_field(id)->bytes;
	uint8_t value[8];
	uint8_t bits[8];

	for (uint32_t i = bytes; i-- > 0; number >>= 8, mask >>= 8) {
		value[i] = (uint8_t)(number & (has_mask ? mask : UINT64_MAX));
		bits[i] = (uint8_t)mask;
	}
	(void)of_match_add(m, id, value, has_mask ? bits : NULL);
}

static void add_number(struct of_match *m, uint32_t id, uint64_t number)
{
	add(m, id, number, 0, false);
}

static void read_vlan10(const struct match10 *in, struct of_match *out)
{
	bool has_vid = !(in->wildcards & OFPFW10_DL_VLAN);
	bool has_pcp = !(in->wildcards & OFPFW10_DL_VLAN_PCP);

	if (has_vid && in->vlan == OFP10_VLAN_NONE) {
		add_number(out, OF_VLAN_VID, 0);
		return;
	}
	if (has_vid)
		add_number(out, OF_VLAN_VID, OF_VID_PRESENT | (in->vlan & 0xfff));
	else if (has_pcp)
		add(out, OF_VLAN_VID, OF_VID_PRESENT, OF_VID_PRESENT, true);
	if (has_pcp)
		add_number(out, OF_VLAN_PCP, in->pcp & 7);
}

/* 'ignored' low bits of an address do not matter. */
static void read_address10(struct of_match *out, bool is_source, uint32_t address, uint32_t ignored)
{
	uint64_t mask = ignored >= 32 ? 0 : UINT32_MAX << ignored & UINT32_MAX;

	if (!mask)
		return;
	add(out, is_source ? OF_IPV4_SRC : OF_IPV4_DST, address, mask, true);
	add(out, is_source ? OF_ARP_SPA : OF_ARP_TPA, address, mask, true);
}

/* Of the protocols that a match may name only one has what it needs. */
static void read_ports10(const struct match10 *in, struct of_match *out)
{
	static const uint8_t src[] = { OF_TCP_SRC, OF_UDP_SRC, OF_SCTP_SRC };
	static const uint8_t dst[] = { OF_TCP_DST, OF_UDP_DST, OF_SCTP_DST };
	bool has_src = !(in->wildcards & OFPFW10_TP_SRC);
	bool has_dst = !(in->wildcards & OFPFW10_TP_DST);

	for (uint32_t i = 0; i < sizeof(src); i++) {
		if (has_src)
			add_number(out, src[i], in->tp_src);
		if (has_dst)
			add_number(out, dst[i], in->tp_dst);
	}
	if (has_src)
		add_number(out, OF_ICMPV4_TYPE, in->tp_src & 0xff);
	if (has_dst)
		add_number(out, OF_ICMPV4_CODE, in->tp_dst & 0xff);
}

of_fault of_match10_read(struct of_reader *r, struct of_match *out)
{
	struct match10 in = { .wildcards = of_get32(r), .in_port = of_get16(r) };

	memset(out, 0, sizeof(*out));
	of_copy(r, in.dl_src, 6);
	of_copy(r, in.dl_dst, 6);
	in.vlan = of_get16(r);
	in.pcp = of_get8(r);
	of_skip(r, 1);
	in.dl_type = of_get16(r);
	in.tos = of_get8(r);
	in.proto = of_get8(r);
	of_skip(r, 2);
	in.nw_src = of_get32(r);
	in.nw_dst = of_get32(r);
	in.tp_src = of_get16(r);
	in.tp_dst = of_get16(r);
	if (r->is_short)
		return OF_BAD_REQUEST_LEN;
	if (!(in.wildcards & OFPFW10_IN_PORT))
		add_number(out, OF_IN_PORT, of_port_from16(in.in_port));
	if (!(in.wildcards & OFPFW10_DL_DST))
		(void)of_match_add(out, OF_ETH_DST, in.dl_dst, NULL);
	if (!(in.wildcards & OFPFW10_DL_SRC))
		(void)of_match_add(out, OF_ETH_SRC, in.dl_src, NULL);
	if (!(in.wildcards & OFPFW10_DL_TYPE))
		add_number(out, OF_ETH_TYPE, in.dl_type);
	read_vlan10(&in, out);
	if (!(in.wildcards & OFPFW10_NW_TOS))
		add_number(out, OF_IP_DSCP, in.tos >> 2);
	if (!(in.wildcards & OFPFW10_NW_PROTO)) {
		add_number(out, OF_IP_PROTO, in.proto);
		add_number(out, OF_ARP_OP, in.proto);
	}
	read_address10(out, true, in.nw_src, in.wildcards >> OFPFW10_NW_SRC_SHIFT & 63);
	read_address10(out, false, in.nw_dst, in.wildcards >> OFPFW10_NW_DST_SHIFT & 63);
	read_ports10(&in, out);
	return OF_OK;
}

/* How many low bits of an address do not matter; of a mask with holes: those below its first. */
static uint32_t ignored_bits(uint32_t mask)
{
	uint32_t ones = mask == UINT32_MAX ? 32 : (uint32_t)__builtin_clz(~mask);

	return 32 - ones;
}

static void put_wildcard(const struct of_match *m, uint32_t id, uint32_t bit, uint32_t *wildcards)
{
	if (of_match_has(m, id))
		*wildcards &= ~bit;
}

static bool is_whole(const uint8_t *mask)
{
	static const uint8_t ones[6] = { 255, 255, 255, 255, 255, 255 };

	return memcmp(mask, ones, 6) == 0;
}

static void vlan_to10(const struct of_match *m, struct match10 *out)
{
	if (!of_match_has(m, OF_VLAN_VID))
		return;
	if (!(m->value.vlan_vid & OF_VID_PRESENT)) {
		out->vlan = OFP10_VLAN_NONE;
		out->wildcards &= ~(uint32_t)(OFPFW10_DL_VLAN | OFPFW10_DL_VLAN_PCP);
		return;
	}
	if ((m->mask.vlan_vid & 0xfff) == 0xfff) {
		out->vlan = m->value.vlan_vid & 0xfff;
		out->wildcards &= ~(uint32_t)OFPFW10_DL_VLAN;
	}
	put_wildcard(m, OF_VLAN_PCP, OFPFW10_DL_VLAN_PCP, &out->wildcards);
	out->pcp = m->value.vlan_pcp;
}

static void layer3_to10(const struct of_match *m, struct match10 *out)
{
	bool is_arp = m->value.eth_type == 0x0806;

	put_wildcard(m, OF_IP_DSCP, OFPFW10_NW_TOS, &out->wildcards);
	put_wildcard(m, OF_IP_PROTO, OFPFW10_NW_PROTO, &out->wildcards);
	put_wildcard(m, OF_ARP_OP, OFPFW10_NW_PROTO, &out->wildcards);
	out->tos = (uint8_t)(m->value.ip_dscp << 2);
	out->proto = is_arp ? (uint8_t)m->value.arp_op : m->value.ip_proto;
	out->nw_src = m->value.ipv4_src;
	out->nw_dst = m->value.ipv4_dst;
	out->wildcards &= ~(63u << OFPFW10_NW_SRC_SHIFT | 63u << OFPFW10_NW_DST_SHIFT);
	out->wildcards |= ignored_bits(m->mask.ipv4_src) << OFPFW10_NW_SRC_SHIFT |
			  ignored_bits(m->mask.ipv4_dst) << OFPFW10_NW_DST_SHIFT;
}

static void layer4_to10(const struct of_match *m, struct match10 *out)
{
	if (of_match_has(m, OF_ICMPV4_TYPE) || of_match_has(m, OF_ICMPV4_CODE)) {
		put_wildcard(m, OF_ICMPV4_TYPE, OFPFW10_TP_SRC, &out->wildcards);
		put_wildcard(m, OF_ICMPV4_CODE, OFPFW10_TP_DST, &out->wildcards);
		out->tp_src = m->value.icmp_type;
		out->tp_dst = m->value.icmp_code;
		return;
	}
	if (m->mask.l4_src)
		out->wildcards &= ~(uint32_t)OFPFW10_TP_SRC;
	if (m->mask.l4_dst)
		out->wildcards &= ~(uint32_t)OFPFW10_TP_DST;
	out->tp_src = m->value.l4_src;
	out->tp_dst = m->value.l4_dst;
}

void of_match10_put(struct of_writer *w, const struct of_match *m)
{
	struct match10 out = { .wildcards = OFPFW10_ALL };

	put_wildcard(m, OF_IN_PORT, OFPFW10_IN_PORT, &out.wildcards);
	put_wildcard(m, OF_ETH_TYPE, OFPFW10_DL_TYPE, &out.wildcards);
	if (is_whole(m->mask.eth_src))
		out.wildcards &= ~(uint32_t)OFPFW10_DL_SRC;
	if (is_whole(m->mask.eth_dst))
		out.wildcards &= ~(uint32_t)OFPFW10_DL_DST;
	vlan_to10(m, &out);
	layer3_to10(m, &out);
	layer4_to10(m, &out);
	of_put32(w, out.wildcards);
	of_put16(w, of_port_to16(m->value.in_port));
	of_put(w, m->value.eth_src, 6);
	of_put(w, m->value.eth_dst, 6);
	of_put16(w, out.vlan);
	of_put8(w, out.pcp);
	of_put8(w, 0);
	of_put16(w, m->value.eth_type);
	of_put8(w, out.tos);
	of_put8(w, out.proto);
	of_put16(w, 0);
	of_put32(w, out.nw_src);
	of_put32(w, out.nw_dst);
	of_put16(w, out.tp_src);
	of_put16(w, out.tp_dst);
}
