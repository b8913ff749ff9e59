/* SPDX-License-Identifier: Apache-2.0 */
/* model/text.c - names are those of the specification, values as people write them. */
#include "model/text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAC_BYTES = 6, IPV4_BYTES = 4, IPV6_BYTES = 16, VALUE_BYTES = 16 };

void of_text_add(struct of_text *t, const char *format, ...)
{
	va_list list;
	int len;

	va_start(list, format);
	len = vsnprintf(t->at + t->len, t->room - t->len, format, list);
	va_end(list);
	if (len > 0)
		t->len += (uint32_t)len < t->room - t->len ? (uint32_t)len : t->room - t->len - 1;
}

void of_text_port(struct of_text *t, uint32_t number)
{
	static const struct {
		uint32_t number;
		const char *name;
	} names[] = {
		{ OF_PORT_IN_PORT, "IN_PORT" }, { OF_PORT_TABLE, "TABLE" },
		{ OF_PORT_NORMAL, "NORMAL" },   { OF_PORT_FLOOD, "FLOOD" },
		{ OF_PORT_ALL, "ALL" },         { OF_PORT_CONTROLLER, "CONTROLLER" },
		{ OF_PORT_LOCAL, "LOCAL" },     { OF_PORT_ANY, "ANY" },
	};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].number == number) {
			of_text_add(t, "%s", names[i].name);
			return;
		}
	}
	of_text_add(t, "%" PRIu32, number);
}

/* ---- values ------------------------------------------------------------------------------------------ */

static bool is_whole(const uint8_t *mask, const struct of_field *f)
{
	struct of_fields whole = { 0 };
	uint8_t ones[VALUE_BYTES];

	for (uint32_t id = 0; id < OF_FIELDS; id++) {
		if (of_field(id) != f)
			continue;
		of_field_whole(&whole, id);
		of_field_read(&whole, id, ones);
		return memcmp(ones, mask, f->bytes) == 0;
	}
	return false;
}

static uint64_t number_of(const uint8_t *bytes, uint32_t count)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		n = n << 8 | bytes[i];
	return n;
}

static void put_mac(struct of_text *t, const uint8_t *m)
{
	of_text_add(t, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void put_address(struct of_text *t, int family, const uint8_t *bytes)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, bytes, text, sizeof(text)))
		of_text_add(t, "%s", text);
}

/* "/24", or the mask itself where its ones are not all in front. */
static void put_address_mask(struct of_text *t, int family, const uint8_t *mask)
{
	uint32_t bytes = family == AF_INET ? (uint32_t)IPV4_BYTES : (uint32_t)IPV6_BYTES;
	uint32_t ones = 0;

	while (ones < bytes * 8 && mask[ones / 8] >> (7 - ones % 8) & 1)
		ones++;
	for (uint32_t i = ones; i < bytes * 8; i++) {
		if (mask[i / 8] >> (7 - i % 8) & 1) {
			of_text_add(t, "/");
			put_address(t, family, mask);
			return;
		}
	}
	of_text_add(t, "/%" PRIu32, ones);
}

static bool is_ipv4(uint32_t id)
{
	return id == OF_IPV4_SRC || id == OF_IPV4_DST || id == OF_ARP_SPA || id == OF_ARP_TPA;
}

static bool is_small(uint32_t id)
{
	switch (id) {
	case OF_ETH_TYPE:
	case OF_METADATA:
	case OF_TUNNEL_ID:
	case OF_IPV6_FLABEL:
	case OF_IPV6_EXTHDR:
	case OF_TCP_FLAGS:
		return false;
	default:
		return id < OF_REG0 || id >= OF_REG0 + OF_REGS;
	}
}

/* The bit that says that there is a tag is nobody's business but the wire's. */
static void put_vlan(struct of_text *t, uint64_t vid, uint64_t mask)
{
	if (mask == OF_VID_PRESENT)
		of_text_add(t, vid ? "any" : "none");
	else if (mask != (OF_VID_PRESENT | 0xfff))
		of_text_add(t, "0x%04" PRIx64 "/0x%04" PRIx64, vid, mask);
	else if (vid)
		of_text_add(t, "%" PRIu64, vid & 0xfff);
	else
		of_text_add(t, "none");
}

static void put_number(struct of_text *t, uint32_t id, uint64_t value, uint64_t mask,
		       bool is_masked)
{
	if (id == OF_VLAN_VID)
		put_vlan(t, value, mask);
	else if (id == OF_IN_PORT || id == OF_IN_PHY_PORT)
		of_text_port(t, (uint32_t)value);
	else if (is_masked)
		of_text_add(t, "0x%" PRIx64 "/0x%" PRIx64, value, mask);
	else if (is_small(id))
		of_text_add(t, "%" PRIu64, value);
	else
		of_text_add(t, "0x%0*" PRIx64, id == OF_ETH_TYPE ? 4 : 1, value);
}

static void put_field(struct of_text *t, uint32_t id, const uint8_t *value, const uint8_t *mask)
{
	const struct of_field *f = of_field(id);
	bool is_masked = !is_whole(mask, f);
	int family = is_ipv4(id) ? AF_INET : AF_INET6;

	of_text_add(t, "%s=", f->name);
	if (f->bytes == IPV6_BYTES || is_ipv4(id)) {
		put_address(t, family, value);
		if (is_masked)
			put_address_mask(t, family, mask);
	} else if (!f->is_number && f->bytes == MAC_BYTES) {
		put_mac(t, value);
		if (is_masked)
			of_text_add(t, "/");
		if (is_masked)
			put_mac(t, mask);
	} else {
		put_number(t, id, number_of(value, f->bytes), number_of(mask, f->bytes), is_masked);
	}
}

void of_text_match(struct of_text *t, const struct of_match *m)
{
	uint64_t fields = of_match_fields(m);
	const char *before = "";

	if (!fields)
		of_text_add(t, "any");
	for (; fields; fields &= fields - 1) {
		uint32_t id = (uint32_t)__builtin_ctzll(fields);
		uint8_t value[VALUE_BYTES];
		uint8_t mask[VALUE_BYTES];

		of_field_read(&m->value, id, value);
		of_field_read(&m->mask, id, mask);
		of_text_add(t, "%s", before);
		put_field(t, id, value, mask);
		before = ",";
	}
}

/* ---- actions ----------------------------------------------------------------------------------------- */

static const char *const names[OF_ACT_TYPES] = {
	[OF_ACT_OUTPUT] = "output",
	[OF_ACT_GROUP] = "group",
	[OF_ACT_SET_QUEUE] = "set_queue",
	[OF_ACT_METER] = "meter",
	[OF_ACT_SET_FIELD] = "set_field",
	[OF_ACT_MOVE_FIELD] = "move",
	[OF_ACT_PUSH_VLAN] = "push_vlan",
	[OF_ACT_POP_VLAN] = "pop_vlan",
	[OF_ACT_SET_VLAN_VID] = "set_vlan_vid",
	[OF_ACT_SET_VLAN_PCP] = "set_vlan_pcp",
	[OF_ACT_STRIP_VLAN] = "strip_vlan",
	[OF_ACT_PUSH_MPLS] = "push_mpls",
	[OF_ACT_POP_MPLS] = "pop_mpls",
	[OF_ACT_SET_MPLS_TTL] = "set_mpls_ttl",
	[OF_ACT_DEC_MPLS_TTL] = "dec_mpls_ttl",
	[OF_ACT_SET_NW_TTL] = "set_nw_ttl",
	[OF_ACT_DEC_NW_TTL] = "dec_nw_ttl",
	[OF_ACT_COPY_TTL_OUT] = "copy_ttl_out",
	[OF_ACT_COPY_TTL_IN] = "copy_ttl_in",
	[OF_ACT_RESUBMIT] = "resubmit",
	[OF_ACT_SET_TP_SRC] = "set_tp_src",
	[OF_ACT_SET_TP_DST] = "set_tp_dst",
};

static void put_move(struct of_text *t, const struct of_action *a)
{
	const struct of_field *from = of_field(a->from_field);
	const struct of_field *to = of_field(a->field);

	of_text_add(t, ":%s[%u..%u]->%s[%u..%u]", from ? from->name : "?", a->from_bit,
		    a->from_bit + a->bits - 1u, to ? to->name : "?", a->to_bit,
		    a->to_bit + a->bits - 1u);
}

static void put_output(struct of_text *t, const struct of_action *a)
{
	of_text_add(t, ":");
	of_text_port(t, a->number);
	if (a->number == OF_PORT_CONTROLLER && a->max_len != OF_MAX_LEN_NO_BUFFER)
		of_text_add(t, ":%u", a->max_len);
}

static void put_resubmit(struct of_text *t, const struct of_action *a)
{
	of_text_add(t, ":");
	of_text_port(t, a->number);
	if (a->table != OF_TABLE_ALL)
		of_text_add(t, ",table %" PRIu32, a->table);
}

static void put_action(struct of_text *t, const struct of_action *a)
{
	of_text_add(t, "%s", names[a->type]);
	switch (a->type) {
	case OF_ACT_OUTPUT:
		put_output(t, a);
		return;
	case OF_ACT_SET_FIELD:
		of_text_add(t, ":");
		put_field(t, a->field, a->value, a->mask);
		return;
	case OF_ACT_MOVE_FIELD:
		put_move(t, a);
		return;
	case OF_ACT_RESUBMIT:
		put_resubmit(t, a);
		return;
	case OF_ACT_PUSH_VLAN:
	case OF_ACT_PUSH_MPLS:
	case OF_ACT_POP_MPLS:
		of_text_add(t, ":0x%04" PRIx32, a->number);
		return;
	case OF_ACT_SET_QUEUE:
		if (a->number == OF_QUEUE_ALL) {
			of_text_add(t, ":none");
			return;
		}
		break;
	case OF_ACT_POP_VLAN:
	case OF_ACT_STRIP_VLAN:
	case OF_ACT_DEC_MPLS_TTL:
	case OF_ACT_DEC_NW_TTL:
	case OF_ACT_COPY_TTL_OUT:
	case OF_ACT_COPY_TTL_IN:
		return;
	default:
		break;
	}
	of_text_add(t, ":%" PRIu32, a->number);
}

void of_text_actions(struct of_text *t, const struct of_actions *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (i)
			of_text_add(t, ",");
		put_action(t, &list->list[i]);
	}
}

static const char *next(struct of_text *t, const char *before)
{
	of_text_add(t, "%s", before);
	return ",";
}

/* In the order in which they are carried out: 1.3.5, 5.9. */
void of_text_instructions(struct of_text *t, const struct of_instructions *i)
{
	const char *before = "";

	if (i->has & OF_INS_METER) {
		before = next(t, before);
		of_text_add(t, "meter:%" PRIu32, i->meter);
	}
	if (i->has & OF_INS_APPLY && i->apply.count) {
		before = next(t, before);
		of_text_actions(t, &i->apply);
	}
	if (i->has & OF_INS_CLEAR) {
		before = next(t, before);
		of_text_add(t, "clear_actions");
	}
	if (i->has & OF_INS_WRITE && i->write.count) {
		before = next(t, before);
		of_text_add(t, "write_actions(");
		of_text_actions(t, &i->write);
		of_text_add(t, ")");
	}
	if (i->has & OF_INS_METADATA) {
		before = next(t, before);
		of_text_add(t, "write_metadata:0x%" PRIx64, i->metadata);
		if (i->metadata_mask != UINT64_MAX)
			of_text_add(t, "/0x%" PRIx64, i->metadata_mask);
	}
	if (i->has & OF_INS_GOTO) {
		before = next(t, before);
		of_text_add(t, "goto_table:%u", i->goto_table);
	}
	if (!before[0])
		of_text_add(t, "drop");
}
