/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/oxm.c - which field a header means, and the reverse.
 */
#include "wire/oxm.h"

#include "wire/protocol.h"

/* A field of Nicira's classes: its number is the place in the table. */
struct nxm {
	uint8_t bytes; /* 0: we do not have it */
	uint8_t id;
	uint8_t form;
};

static const struct nxm nxm_0[] = {
	[0] = { 2, OF_IN_PORT, OF_OXM_PORT16 },    [1] = { 6, OF_ETH_DST, OF_OXM_SAME },
	[2] = { 6, OF_ETH_SRC, OF_OXM_SAME },      [3] = { 2, OF_ETH_TYPE, OF_OXM_SAME },
	[4] = { 2, OF_VLAN_VID, OF_OXM_TCI },      [5] = { 1, OF_IP_DSCP, OF_OXM_TOS },
	[6] = { 1, OF_IP_PROTO, OF_OXM_SAME },     [7] = { 4, OF_IPV4_SRC, OF_OXM_SAME },
	[8] = { 4, OF_IPV4_DST, OF_OXM_SAME },     [9] = { 2, OF_TCP_SRC, OF_OXM_SAME },
	[10] = { 2, OF_TCP_DST, OF_OXM_SAME },     [11] = { 2, OF_UDP_SRC, OF_OXM_SAME },
	[12] = { 2, OF_UDP_DST, OF_OXM_SAME },     [13] = { 1, OF_ICMPV4_TYPE, OF_OXM_SAME },
	[14] = { 1, OF_ICMPV4_CODE, OF_OXM_SAME }, [15] = { 2, OF_ARP_OP, OF_OXM_SAME },
	[16] = { 4, OF_ARP_SPA, OF_OXM_SAME },     [17] = { 4, OF_ARP_TPA, OF_OXM_SAME },
};

static const struct nxm nxm_1[] = {
	[0] = { 4, OF_REG0, OF_OXM_SAME },         [1] = { 4, OF_REG0 + 1, OF_OXM_SAME },
	[2] = { 4, OF_REG0 + 2, OF_OXM_SAME },     [3] = { 4, OF_REG0 + 3, OF_OXM_SAME },
	[4] = { 4, OF_REG0 + 4, OF_OXM_SAME },     [5] = { 4, OF_REG0 + 5, OF_OXM_SAME },
	[6] = { 4, OF_REG0 + 6, OF_OXM_SAME },     [7] = { 4, OF_REG0 + 7, OF_OXM_SAME },
	[16] = { 8, OF_TUNNEL_ID, OF_OXM_SAME },   [17] = { 6, OF_ARP_SHA, OF_OXM_SAME },
	[18] = { 6, OF_ARP_THA, OF_OXM_SAME },     [19] = { 16, OF_IPV6_SRC, OF_OXM_SAME },
	[20] = { 16, OF_IPV6_DST, OF_OXM_SAME },   [21] = { 1, OF_ICMPV6_TYPE, OF_OXM_SAME },
	[22] = { 1, OF_ICMPV6_CODE, OF_OXM_SAME }, [23] = { 16, OF_IPV6_ND_TARGET, OF_OXM_SAME },
	[24] = { 6, OF_IPV6_ND_SLL, OF_OXM_SAME }, [25] = { 6, OF_IPV6_ND_TLL, OF_OXM_SAME },
	[26] = { 1, OF_IP_FRAG, OF_OXM_SAME },     [27] = { 4, OF_IPV6_FLABEL, OF_OXM_SAME },
	[28] = { 1, OF_IP_ECN, OF_OXM_SAME },      [29] = { 1, OF_IP_TTL, OF_OXM_SAME },
	[34] = { 2, OF_TCP_FLAGS, OF_OXM_SAME },
};

enum { NXM_0S = sizeof(nxm_0) / sizeof(nxm_0[0]), NXM_1S = sizeof(nxm_1) / sizeof(nxm_1[0]) };

static bool find_basic(uint8_t version, uint32_t number, struct nxm *out)
{
	const struct of_field *f = of_field(number);

	if (!f || !f->since || f->since > version)
		return false;
	*out = (struct nxm){ .bytes = f->bytes, .id = (uint8_t)number, .form = OF_OXM_SAME };
	return true;
}

/* The ONF's: what 1.5 has as its own, for those before. */
static bool find_onf(uint32_t number, struct nxm *out)
{
	if (number != OF_TCP_FLAGS && number != OF_ACTSET_OUTPUT)
		return false;
	return find_basic(UINT8_MAX, number, out);
}

static bool find_nxm(const struct nxm *table, uint32_t count, uint32_t number, struct nxm *out)
{
	if (number >= count || !table[number].bytes)
		return false;
	*out = table[number];
	return true;
}

static bool find_field(uint16_t class, uint8_t version, uint32_t number, struct nxm *out)
{
	switch (class) {
	case OFPXMC_BASIC:
		return find_basic(version, number, out);
	case OFPXMC_NXM_0:
		return find_nxm(nxm_0, NXM_0S, number, out);
	case OFPXMC_NXM_1:
		return find_nxm(nxm_1, NXM_1S, number, out);
	case OFPXMC_EXPERIMENTER:
		return find_onf(number, out);
	default:
		return false;
	}
}

/* Reads the header and, of an experimenter's, who it is; 'body' is what is behind that. */
static of_fault read_header(struct of_reader *r, uint8_t version, struct of_oxm *out,
			    uint32_t *body)
{
	uint16_t class = of_get16(r);
	uint8_t field = of_get8(r);
	uint8_t len = of_get8(r);
	struct nxm found = { 0 };

	if (r->is_short)
		return OF_BAD_MATCH_LEN;
	*out = (struct of_oxm){ .has_mask = field & 1 };
	if (class == OFPXMC_EXPERIMENTER) {
		if (len < 4 || r->left < 4)
			return OF_BAD_MATCH_LEN;
		len = (uint8_t)(len - 4);
		if (of_get32(r) != OFP_ONF)
			return OF_BAD_MATCH_FIELD;
	}
	if (!find_field(class, version, field >> 1, &found))
		return OF_BAD_MATCH_FIELD;
	out->id = found.id;
	out->form = found.form;
	out->bytes = found.bytes;
	*body = len;
	return OF_OK;
}

of_fault of_oxm_read_header(struct of_reader *r, uint8_t version, struct of_oxm *out)
{
	uint32_t body = 0;
	of_fault fault = read_header(r, version, out, &body);

	if (!fault && body && body != out->bytes && body != 2u * out->bytes)
		return OF_BAD_MATCH_LEN;
	return fault;
}

of_fault of_oxm_read(struct of_reader *r, uint8_t version, struct of_oxm *out)
{
	uint32_t body = 0;
	of_fault fault = read_header(r, version, out, &body);

	if (fault)
		return fault;
	if (body != (uint32_t)out->bytes << out->has_mask)
		return OF_BAD_MATCH_LEN;
	of_copy(r, out->value, out->bytes);
	if (out->has_mask)
		of_copy(r, out->mask, out->bytes);
	return r->is_short ? OF_BAD_MATCH_LEN : OF_OK;
}

/* ---- the forms of Nicira's classes ------------------------------------------------------------- */

static of_fault match_port16(struct of_match *m, const struct of_oxm *oxm)
{
	uint32_t port = of_port_from16((uint16_t)of_number(oxm->value, 2));
	const uint8_t value[4] = { (uint8_t)(port >> 24), (uint8_t)(port >> 16),
				   (uint8_t)(port >> 8), (uint8_t)port };

	return oxm->has_mask ? OF_BAD_MATCH_MASK : of_match_add(m, OF_IN_PORT, value, NULL);
}

static of_fault match_tos(struct of_match *m, const struct of_oxm *oxm)
{
	const uint8_t value = oxm->value[0] >> 2;

	if (oxm->has_mask)
		return OF_BAD_MATCH_MASK;
	if (oxm->value[0] & 3)
		return OF_BAD_MATCH_VALUE;
	return of_match_add(m, OF_IP_DSCP, &value, NULL);
}

/*
 * A tag: 3 bits of priority, one that says it is there, 12 of its id.  Zero means that there is
 * none.  The priority may be matched as a whole only, as everywhere.
 */
static of_fault match_tci(struct of_match *m, const struct of_oxm *oxm)
{
	uint32_t value = (uint32_t)of_number(oxm->value, 2);
	uint32_t mask = oxm->has_mask ? (uint32_t)of_number(oxm->mask, 2) : 0xffff;
	const uint8_t vid[2] = { (uint8_t)(value >> 8 & 0x1f), (uint8_t)value };
	const uint8_t vid_mask[2] = { (uint8_t)(mask >> 8 & 0x1f), (uint8_t)mask };
	const uint8_t pcp = (uint8_t)(value >> 13);
	of_fault fault;

	if (value & ~mask)
		return OF_BAD_MATCH_WILDCARDS;
	if (!value && mask == 0xffff)
		return of_match_add(m, OF_VLAN_VID, vid, NULL);
	if (mask >> 13 != 0 && mask >> 13 != 7)
		return OF_BAD_MATCH_MASK;
	fault = of_match_add(m, OF_VLAN_VID, vid, vid_mask);
	if (!fault && mask >> 13)
		fault = of_match_add(m, OF_VLAN_PCP, &pcp, NULL);
	return fault;
}

of_fault of_oxm_match(struct of_match *m, const struct of_oxm *oxm)
{
	switch (oxm->form) {
	case OF_OXM_PORT16:
		return match_port16(m, oxm);
	case OF_OXM_TOS:
		return match_tos(m, oxm);
	case OF_OXM_TCI:
		return match_tci(m, oxm);
	default:
		return of_match_add(m, oxm->id, oxm->value, oxm->has_mask ? oxm->mask : NULL);
	}
}

/* ---- writing ----------------------------------------------------------------------------------- */

/* The number in a class of Nicira's of a field that has the form of the model there; -1: none. */
static int number_in(const struct nxm *table, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (table[i].bytes && table[i].id == id && table[i].form == OF_OXM_SAME)
			return (int)i;
	}
	return -1;
}

static void put_header(struct of_writer *w, uint16_t class, uint32_t number, bool has_mask,
		       uint32_t len)
{
	of_put16(w, class);
	of_put16(w, (uint16_t)(number << 9 | (uint32_t)has_mask << 8 | len));
}

static bool is_onf(uint32_t id, uint8_t version)
{
	return (id == OF_TCP_FLAGS || id == OF_ACTSET_OUTPUT) && of_field(id)->since > version;
}

void of_oxm_put_header(struct of_writer *w, uint8_t version, uint32_t id, bool has_mask)
{
	const struct of_field *f = of_field(id);
	uint32_t len;

	if (!f)
		return;
	len = (uint32_t)f->bytes << has_mask;
	if (is_onf(id, version)) {
		put_header(w, OFPXMC_EXPERIMENTER, id, has_mask, len + 4);
		of_put32(w, OFP_ONF);
	} else if (f->since) {
		put_header(w, OFPXMC_BASIC, id, has_mask, len);
	} else {
		put_header(w, OFPXMC_NXM_1, (uint32_t)number_in(nxm_1, NXM_1S, id), has_mask, len);
	}
}

void of_oxm_put_nxm_header(struct of_writer *w, uint32_t id)
{
	uint32_t len = of_field(id)->bytes;
	int in_0 = number_in(nxm_0, NXM_0S, id);
	int in_1 = number_in(nxm_1, NXM_1S, id);

	if (in_0 >= 0)
		put_header(w, OFPXMC_NXM_0, (uint32_t)in_0, false, len);
	else if (in_1 >= 0)
		put_header(w, OFPXMC_NXM_1, (uint32_t)in_1, false, len);
	else
		put_header(w, OFPXMC_BASIC, id, false, len);
}
