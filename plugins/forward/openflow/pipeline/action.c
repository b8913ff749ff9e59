/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/action.c - single actions: fields, tags, time to live, outputs.
 */
#include <string.h>

#include "pipeline/walk.h"

/* ---- fields --------------------------------------------------------------------------------------- */

static void note_written(struct of_walk *w, const struct of_fields *bits)
{
	of_word *set = of_words(&w->set);
	of_word *fixed = of_words(&w->fixed);
	const of_word *b = of_const_words(bits);

	for (uint32_t i = 0; i < OF_WORDS; i++) {
		set[i] |= b[i];
		fixed[i] |= b[i];
	}
	w->changed = true;
}

static bool is_tagged(struct of_walk *w)
{
	const struct of_fields seen = { .vlan_vid = OF_VID_PRESENT };

	of_walk_examine(w, &seen);
	return w->now.vlan_vid & OF_VID_PRESENT;
}

/* That it has the field, or not, is something that was looked at. */
static bool has_field(struct of_walk *w, uint32_t id)
{
	struct of_fields ones;
	struct of_fields seen = { 0 };

	switch (of_field(id)->prerequisite) {
	case OF_PRE_NONE:
	case OF_PRE_IN_PORT:
		return true;
	case OF_PRE_VLAN:
		seen.vlan_vid = OF_VID_PRESENT;
		break;
	case OF_PRE_ND:
	case OF_PRE_ND_SLL:
	case OF_PRE_ND_TLL:
		seen.icmp_type = UINT8_MAX;
		__attribute__((fallthrough));
	case OF_PRE_TCP:
	case OF_PRE_UDP:
	case OF_PRE_SCTP:
	case OF_PRE_ICMPV4:
	case OF_PRE_ICMPV6:
		seen.ip_proto = UINT8_MAX;
		__attribute__((fallthrough));
	default:
		seen.eth_type = UINT16_MAX;
		break;
	}
	of_walk_examine(w, &seen);
	memset(&ones, 0xff, sizeof(ones));
	return of_field_is_there(&w->now, &ones, id);
}

/* What is not in the flow key, or not where the key could say it, is changed in the bytes at once. */
static bool needs_bytes(uint32_t id)
{
	return id == OF_ETH_TYPE || id == OF_MPLS_LABEL || id == OF_MPLS_TC || id == OF_MPLS_BOS;
}

static bool reshape(struct of_walk *w, const struct of_action *a)
{
	if (w->sink->reshape(w->arg, w, a)) {
		w->changed = true;
		return true;
	}
	w->is_over = true;
	w->is_given_up = true;
	return false;
}

static void set_field(struct of_walk *w, const struct of_action *a)
{
	static const struct of_fields protocol = { .ip_proto = UINT8_MAX };
	struct of_fields bits = { 0 };

	if (!has_field(w, a->field) || (a->field == OF_VLAN_VID && !is_tagged(w)))
		return;
	if (a->field == OF_IP_PROTO) /* what layer 4 is read as depends on it */
		of_walk_examine(w, &protocol);
	if (needs_bytes(a->field)) {
		(void)reshape(w, a);
		return;
	}
	of_field_write(&w->now, a->field, a->value, a->mask);
	of_field_write(&bits, a->field, a->mask, NULL);
	/* a tag keeps being one whatever is written into it */
	if (a->field == OF_VLAN_VID) {
		w->now.vlan_vid |= OF_VID_PRESENT;
		bits.vlan_vid &= 0xfff;
	}
	note_written(w, &bits);
}

/* A port of 1.0: of the one protocol that the packet has of these. */
static void set_port(struct of_walk *w, const struct of_action *a)
{
	static const uint8_t src[] = { OF_TCP_SRC, OF_UDP_SRC, OF_SCTP_SRC };
	static const uint8_t dst[] = { OF_TCP_DST, OF_UDP_DST, OF_SCTP_DST };

	for (uint32_t i = 0; i < sizeof(src); i++) {
		const struct of_action set = {
			.type = OF_ACT_SET_FIELD,
			.field = a->type == OF_ACT_SET_TP_SRC ? src[i] : dst[i],
			.value = { (uint8_t)(a->number >> 8), (uint8_t)a->number },
			.mask = { 0xff, 0xff },
		};

		set_field(w, &set);
	}
}

static uint64_t get_bits(const struct of_fields *f, uint32_t id)
{
	uint8_t bytes[16];
	uint64_t v = 0;

	of_field_read(f, id, bytes);
	for (uint32_t i = 0; i < of_field(id)->bytes; i++)
		v = v << 8 | bytes[i];
	return v;
}

/* At most 64 bits from one field to another: NXAST_REG_MOVE.  wire/ has checked that they fit. */
static void move_field(struct of_walk *w, const struct of_action *a)
{
	uint64_t ones = a->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << a->bits) - 1;
	struct of_fields seen = { 0 };
	struct of_action set = { .type = OF_ACT_SET_FIELD, .field = a->field };
	uint32_t bytes = of_field(a->field)->bytes;
	uint64_t value;
	uint64_t mask;

	if (!has_field(w, a->from_field))
		return;
	of_field_whole(&seen, a->from_field);
	of_walk_examine(w, &seen);
	value = (get_bits(&w->now, a->from_field) >> a->from_bit & ones) << a->to_bit;
	mask = ones << a->to_bit;
	for (uint32_t i = bytes; i-- > 0; value >>= 8, mask >>= 8) {
		set.value[i] = (uint8_t)value;
		set.mask[i] = (uint8_t)mask;
	}
	set_field(w, &set);
}

/* ---- tags ----------------------------------------------------------------------------------------- */

static void tag_fields(struct of_walk *w, uint16_t vid, uint8_t pcp)
{
	const struct of_fields bits = { .vlan_vid = 0x1fff, .vlan_pcp = 7 };

	w->now.vlan_vid = vid;
	w->now.vlan_pcp = pcp;
	note_written(w, &bits);
}

static void push_vlan(struct of_walk *w, const struct of_action *a)
{
	if (a->number == 0x8100 && !is_tagged(w))
		tag_fields(w, OF_VID_PRESENT, 0);
	else
		(void)reshape(w, a);
}

/* A tag behind it becomes the outermost: that is a matter of bytes. */
static void pop_vlan(struct of_walk *w, const struct of_action *a)
{
	const struct of_fields seen = { .inner_tag = 1 };

	if (!is_tagged(w))
		return;
	of_walk_examine(w, &seen);
	if (w->now.inner_tag)
		(void)reshape(w, a);
	else
		tag_fields(w, 0, 0);
}

static void set_vlan(struct of_walk *w, const struct of_action *a, bool is_vid)
{
	struct of_fields bits = { 0 };

	if (!is_tagged(w))
		tag_fields(w, OF_VID_PRESENT, 0);
	if (is_vid) {
		w->now.vlan_vid = (uint16_t)(OF_VID_PRESENT | (a->number & 0xfff));
		bits.vlan_vid = 0xfff;
	} else {
		w->now.vlan_pcp = a->number & 7;
		bits.vlan_pcp = 7;
	}
	note_written(w, &bits);
}

/* ---- time to live --------------------------------------------------------------------------------- */

static bool is_ip(struct of_walk *w)
{
	const struct of_fields seen = { .eth_type = UINT16_MAX };

	of_walk_examine(w, &seen);
	return w->now.eth_type == 0x0800 || w->now.eth_type == 0x86dd;
}

static void set_ttl(struct of_walk *w, uint8_t ttl)
{
	const struct of_fields bits = { .ip_ttl = UINT8_MAX };

	w->now.ip_ttl = ttl;
	note_written(w, &bits);
}

/* 1.3.5, 7.4.1: a packet whose time has ended goes to who asked for such, and no further. */
static void ttl_ended(struct of_walk *w)
{
	if (__atomic_load_n(&w->pipeline->tells_ttl, __ATOMIC_RELAXED))
		of_walk_output(w, OF_PORT_CONTROLLER,
			       __atomic_load_n(&w->pipeline->miss_send_len, __ATOMIC_RELAXED),
			       OF_PACKET_IN_INVALID_TTL);
	of_walk_drop(w, OF_REASON_TTL);
}

static void dec_ttl(struct of_walk *w)
{
	const struct of_fields seen = { .ip_ttl = UINT8_MAX };

	if (!is_ip(w))
		return;
	of_walk_examine(w, &seen);
	if (w->now.ip_ttl <= 1)
		ttl_ended(w);
	else
		set_ttl(w, (uint8_t)(w->now.ip_ttl - 1));
}

/* ---- the list ------------------------------------------------------------------------------------- */

/* Looks the packet up once more, as if it had come in there: NXAST_RESUBMIT_TABLE. */
static void resubmit(struct of_walk *w, const struct of_action *a)
{
	uint8_t back_table = w->table;
	uint32_t back_port = w->now.in_port;
	bool back = w->is_resubmitted;
	const struct of_rule *back_rule = w->rule;

	if (w->depth >= OF_DEPTH_MAX) {
		of_walk_drop(w, OF_REASON_LIMIT);
		return;
	}
	w->depth++;
	w->is_resubmitted = true;
	if (a->number != OF_PORT_IN_PORT)
		w->now.in_port = a->number;
	of_walk_table(w, a->table == OF_TABLE_ALL ? w->table : (uint8_t)a->table);
	w->now.in_port = back_port;
	w->table = back_table;
	w->rule = back_rule;
	w->is_resubmitted = back;
	w->depth--;
}

void of_walk_action(struct of_walk *w, const struct of_action *a)
{
	switch (a->type) {
	case OF_ACT_OUTPUT:
		of_walk_output(w, a->number, a->max_len,
			       w->group_reason ? w->group_reason : OF_PACKET_IN_ACTION);
		return;
	case OF_ACT_GROUP:
		of_walk_group(w, a->number);
		return;
	case OF_ACT_SET_QUEUE:
		w->queue = a->number == OF_QUEUE_ALL ? 0 : a->number;
		return;
	case OF_ACT_METER:
		(void)of_walk_meter(w, a->number);
		return;
	case OF_ACT_SET_FIELD:
		set_field(w, a);
		return;
	case OF_ACT_MOVE_FIELD:
		move_field(w, a);
		return;
	case OF_ACT_PUSH_VLAN:
		push_vlan(w, a);
		return;
	case OF_ACT_POP_VLAN:
	case OF_ACT_STRIP_VLAN:
		pop_vlan(w, a);
		return;
	case OF_ACT_SET_VLAN_VID:
	case OF_ACT_SET_VLAN_PCP:
		set_vlan(w, a, a->type == OF_ACT_SET_VLAN_VID);
		return;
	case OF_ACT_SET_TP_SRC:
	case OF_ACT_SET_TP_DST:
		set_port(w, a);
		return;
	case OF_ACT_SET_NW_TTL:
		if (is_ip(w))
			set_ttl(w, (uint8_t)a->number);
		return;
	case OF_ACT_DEC_NW_TTL:
		dec_ttl(w);
		return;
	case OF_ACT_RESUBMIT:
		resubmit(w, a);
		return;
	default: /* labels */
		(void)reshape(w, a);
		return;
	}
}

void of_walk_apply(struct of_walk *w, const struct of_actions *list)
{
	for (uint32_t i = 0; i < list->count && !w->is_over; i++) {
		if (++w->steps > OF_STEPS_MAX)
			of_walk_drop(w, OF_REASON_LIMIT);
		else
			of_walk_action(w, &list->list[i]);
	}
}
