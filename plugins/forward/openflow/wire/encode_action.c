/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode_action.c - actions and instructions as they are told.
 *
 * What the version has no action for is told by one of Nicira's extension, which every controller that
 * does not know it passes over by its length.
 */
#include "wire/action.h"
#include "wire/oxm.h"

/* ---- Nicira's ---------------------------------------------------------------------------------- */

static uint32_t begin_nicira(struct of_writer *w, uint16_t subtype)
{
	uint32_t at = w->len;

	of_put16(w, OFPAT_EXPERIMENTER);
	of_put16(w, 0);
	of_put32(w, OFP_NICIRA);
	of_put16(w, subtype);
	return at;
}

static void end_action(struct of_writer *w, uint32_t at)
{
	of_put_pad8(w, at);
	of_patch16(w, at + 2, (uint16_t)(w->len - at));
}

static void put_nicira(struct of_writer *w, uint16_t subtype, uint32_t number, uint32_t bytes)
{
	uint32_t at = begin_nicira(w, subtype);

	if (bytes == 1)
		of_put8(w, (uint8_t)number);
	else if (bytes == 2)
		of_put16(w, (uint16_t)number);
	else
		of_put_zeros(w, 2);
	if (bytes == 4)
		of_put32(w, number);
	end_action(w, at);
}

/* Which bits of a field are set: 'count' from 'first' on; none: they are not next to one another. */
struct run {
	uint32_t first, count;
	uint64_t value;
};

static bool bit_of(const uint8_t *at, uint32_t bytes, uint32_t bit)
{
	return at[bytes - 1 - bit / 8] >> bit % 8 & 1;
}

static struct run find_run(const struct of_action *a)
{
	uint32_t bytes = of_field(a->field)->bytes;
	struct run run = { 0 };

	for (uint32_t bit = 0; bit < 8 * bytes; bit++) {
		if (!bit_of(a->mask, bytes, bit))
			continue;
		if (!run.count)
			run.first = bit;
		if (bit != run.first + run.count || run.count == 64)
			return (struct run){ 0 };
		run.value |= (uint64_t)bit_of(a->value, bytes, bit) << run.count;
		run.count++;
	}
	return run;
}

/* Bits next to one another by REG_LOAD, which is older and better known; others by REG_LOAD2. */
static void put_load(struct of_writer *w, uint8_t version, const struct of_action *a)
{
	uint32_t bytes = of_field(a->field)->bytes;
	struct run run = find_run(a);
	uint32_t at;

	if (run.count) {
		at = begin_nicira(w, NXAST_REG_LOAD);
		of_put16(w, (uint16_t)(run.first << 6 | (run.count - 1)));
		of_oxm_put_nxm_header(w, a->field);
		of_put64(w, run.value);
	} else {
		at = begin_nicira(w, NXAST_REG_LOAD2);
		of_put_zeros(w, 6);
		of_oxm_put_header(w, version, a->field, true);
		of_put(w, a->value, bytes);
		of_put(w, a->mask, bytes);
	}
	end_action(w, at);
}

static void put_move(struct of_writer *w, const struct of_action *a)
{
	uint32_t at = begin_nicira(w, NXAST_REG_MOVE);

	of_put16(w, a->bits);
	of_put16(w, a->from_bit);
	of_put16(w, a->to_bit);
	of_oxm_put_nxm_header(w, a->from_field);
	of_oxm_put_nxm_header(w, a->field);
	end_action(w, at);
}

static void put_resubmit(struct of_writer *w, const struct of_action *a)
{
	uint32_t at = begin_nicira(w, NXAST_RESUBMIT_TABLE);

	of_put16(w, of_port_to16(a->number));
	of_put8(w, (uint8_t)a->table);
	end_action(w, at);
}

static void put_queue(struct of_writer *w, uint32_t queue)
{
	if (queue == OF_QUEUE_ALL)
		put_nicira(w, NXAST_POP_QUEUE, 0, 0);
	else
		put_nicira(w, NXAST_SET_QUEUE, queue, 4);
}

/* The extensions that 1.0 and later have alike; false: it is none of them. */
static bool put_extension(struct of_writer *w, uint8_t version, const struct of_action *a)
{
	switch (a->type) {
	case OF_ACT_SET_FIELD:
		put_load(w, version, a);
		return true;
	case OF_ACT_MOVE_FIELD:
		put_move(w, a);
		return true;
	case OF_ACT_RESUBMIT:
		put_resubmit(w, a);
		return true;
	case OF_ACT_SET_QUEUE:
		put_queue(w, a->number);
		return true;
	default:
		return false;
	}
}

static bool is_whole(const struct of_action *a)
{
	struct of_fields whole = { 0 };
	uint8_t all[16];

	of_field_whole(&whole, a->field);
	of_field_read(&whole, a->field, all);
	return memcmp(all, a->mask, of_field(a->field)->bytes) == 0;
}

/* ---- 1.3 and later ----------------------------------------------------------------------------- */

static void put_set_field(struct of_writer *w, uint8_t version, uint8_t field, const uint8_t *value)
{
	uint32_t at = w->len;

	of_put16(w, OFPAT_SET_FIELD);
	of_put16(w, 0);
	of_oxm_put_header(w, version, field, false);
	of_put(w, value, of_field(field)->bytes);
	end_action(w, at);
}

static void put_set_number(struct of_writer *w, uint8_t version, uint8_t field, uint32_t number)
{
	uint8_t value[2] = { (uint8_t)(number >> 8), (uint8_t)number };

	if (of_field(field)->bytes == 1)
		value[0] = (uint8_t)number;
	put_set_field(w, version, field, value);
}

static void put_output(struct of_writer *w, const struct of_action *a)
{
	of_put16(w, OFPAT_OUTPUT);
	of_put16(w, 16);
	of_put32(w, a->number);
	of_put16(w, a->max_len);
	of_put_zeros(w, 6);
}

/* Eight bytes: the number has as many of them as 'bytes' says. */
static void put_short(struct of_writer *w, uint16_t number, uint32_t argument, uint32_t bytes)
{
	of_put16(w, number);
	of_put16(w, 8);
	if (bytes == 1)
		of_put8(w, (uint8_t)argument);
	if (bytes == 2)
		of_put16(w, (uint16_t)argument);
	if (bytes == 4)
		of_put32(w, argument);
	of_put_zeros(w, 4 - bytes);
}

/* Actions of 1.0 that flows of its controllers have, in words of the later ones. */
static bool put_old(struct of_writer *w, uint8_t version, const struct of_action *a)
{
	switch (a->type) {
	case OF_ACT_SET_VLAN_VID:
		put_set_number(w, version, OF_VLAN_VID, OF_VID_PRESENT | a->number);
		return true;
	case OF_ACT_SET_VLAN_PCP:
		put_set_number(w, version, OF_VLAN_PCP, a->number);
		return true;
	case OF_ACT_STRIP_VLAN:
		put_short(w, OFPAT_POP_VLAN, 0, 0);
		return true;
	case OF_ACT_SET_TP_SRC:
		put_set_number(w, version, OF_TCP_SRC, a->number);
		return true;
	case OF_ACT_SET_TP_DST:
		put_set_number(w, version, OF_TCP_DST, a->number);
		return true;
	default:
		return false;
	}
}

static uint32_t argument_bytes(uint8_t type)
{
	switch (type) {
	case OF_ACT_GROUP:
	case OF_ACT_SET_QUEUE:
		return 4;
	case OF_ACT_PUSH_VLAN:
	case OF_ACT_PUSH_MPLS:
	case OF_ACT_POP_MPLS:
		return 2;
	case OF_ACT_SET_MPLS_TTL:
	case OF_ACT_SET_NW_TTL:
		return 1;
	default:
		return 0;
	}
}

static void put_action(struct of_writer *w, uint8_t version, const struct of_action *a)
{
	bool is_extension = a->type == OF_ACT_MOVE_FIELD || a->type == OF_ACT_RESUBMIT ||
			    (a->type == OF_ACT_SET_QUEUE && a->number == OF_QUEUE_ALL) ||
			    (a->type == OF_ACT_SET_FIELD && !is_whole(a));

	if (is_extension)
		(void)put_extension(w, version, a);
	else if (a->type == OF_ACT_OUTPUT)
		put_output(w, a);
	else if (a->type == OF_ACT_SET_FIELD)
		put_set_field(w, version, a->field, a->value);
	else if (!put_old(w, version, a) && of_action_number(a->type) >= 0)
		put_short(w, (uint16_t)of_action_number(a->type), a->number,
			  argument_bytes(a->type));
}

/* ---- 1.0 --------------------------------------------------------------------------------------- */

static void put_output10(struct of_writer *w, const struct of_action *a)
{
	of_put16(w, OFPAT10_OUTPUT);
	of_put16(w, 8);
	of_put16(w, of_port_to16(a->number));
	of_put16(w, a->max_len);
}

static void put_enqueue10(struct of_writer *w, uint32_t queue, uint32_t port)
{
	of_put16(w, OFPAT10_ENQUEUE);
	of_put16(w, 16);
	of_put16(w, of_port_to16(port));
	of_put_zeros(w, 6);
	of_put32(w, queue);
}

static void put_tunnel10(struct of_writer *w, uint64_t tunnel)
{
	uint32_t at;

	if (tunnel <= UINT32_MAX) {
		put_nicira(w, NXAST_SET_TUNNEL, (uint32_t)tunnel, 4);
		return;
	}
	at = begin_nicira(w, NXAST_SET_TUNNEL64);
	of_put_zeros(w, 6);
	of_put64(w, tunnel);
	end_action(w, at);
}

/* A field as a whole, where 1.0 has an action for it. */
static bool put_field10(struct of_writer *w, const struct of_action *a)
{
	switch (a->field) {
	case OF_ETH_SRC:
	case OF_ETH_DST:
		of_put16(w, a->field == OF_ETH_SRC ? OFPAT10_SET_DL_SRC : OFPAT10_SET_DL_DST);
		of_put16(w, 16);
		of_put(w, a->value, 6);
		of_put_zeros(w, 6);
		return true;
	case OF_IPV4_SRC:
	case OF_IPV4_DST:
		put_short(w, a->field == OF_IPV4_SRC ? OFPAT10_SET_NW_SRC : OFPAT10_SET_NW_DST,
			  (uint32_t)a->value[0] << 24 | (uint32_t)a->value[1] << 16 |
				  (uint32_t)a->value[2] << 8 | a->value[3],
			  4);
		return true;
	case OF_IP_DSCP:
		put_short(w, OFPAT10_SET_NW_TOS, (uint32_t)a->value[0] << 2, 1);
		return true;
	case OF_TCP_SRC:
	case OF_UDP_SRC:
	case OF_TCP_DST:
	case OF_UDP_DST:
		put_short(w,
			  a->field == OF_TCP_SRC || a->field == OF_UDP_SRC ? OFPAT10_SET_TP_SRC
									   : OFPAT10_SET_TP_DST,
			  (uint32_t)a->value[0] << 8 | a->value[1], 2);
		return true;
	case OF_TUNNEL_ID:
		put_tunnel10(w, of_number(a->value, 8));
		return true;
	default:
		return false;
	}
}

/* What 1.0 has of its own, or Nicira's extension for it; the rest is not told. */
static const struct {
	uint16_t number;
	uint8_t bytes; /* of the argument */
	bool is_nicira;
} rules10[OF_ACT_TYPES] = {
	[OF_ACT_SET_VLAN_VID] = { OFPAT10_SET_VLAN_VID, 2, false },
	[OF_ACT_SET_VLAN_PCP] = { OFPAT10_SET_VLAN_PCP, 1, false },
	[OF_ACT_STRIP_VLAN] = { OFPAT10_STRIP_VLAN, 0, false },
	[OF_ACT_POP_VLAN] = { OFPAT10_STRIP_VLAN, 0, false },
	[OF_ACT_SET_TP_SRC] = { OFPAT10_SET_TP_SRC, 2, false },
	[OF_ACT_SET_TP_DST] = { OFPAT10_SET_TP_DST, 2, false },
	[OF_ACT_PUSH_MPLS] = { NXAST_PUSH_MPLS, 2, true },
	[OF_ACT_POP_MPLS] = { NXAST_POP_MPLS, 2, true },
	[OF_ACT_SET_MPLS_TTL] = { NXAST_SET_MPLS_TTL, 1, true },
	[OF_ACT_DEC_MPLS_TTL] = { NXAST_DEC_MPLS_TTL, 0, true },
	[OF_ACT_DEC_NW_TTL] = { NXAST_DEC_TTL, 0, true },
};

static void put_action10(struct of_writer *w, const struct of_action *a)
{
	bool is_said = a->type == OF_ACT_SET_FIELD && is_whole(a) && put_field10(w, a);

	if (a->type == OF_ACT_OUTPUT)
		put_output10(w, a);
	else if (is_said || put_extension(w, OF_V10, a) || !rules10[a->type].number)
		return;
	else if (rules10[a->type].is_nicira)
		put_nicira(w, rules10[a->type].number, a->number, rules10[a->type].bytes);
	else
		put_short(w, rules10[a->type].number, a->number, rules10[a->type].bytes);
}

/* Does an ENQUEUE begin at 'i'?  It was read as three actions. */
static void put_actions10(struct of_writer *w, const struct of_actions *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (of_actions_is_enqueue(list, i)) {
			put_enqueue10(w, list->list[i].number, list->list[i + 1].number);
			i += 2;
		} else {
			put_action10(w, &list->list[i]);
		}
	}
}

void of_actions_put(struct of_writer *w, uint8_t version, const struct of_actions *list)
{
	if (version == OF_V10) {
		put_actions10(w, list);
		return;
	}
	for (uint32_t i = 0; i < list->count; i++)
		put_action(w, version, &list->list[i]);
}

/* ---- instructions ------------------------------------------------------------------------------ */

static void put_list(struct of_writer *w, uint8_t version, uint16_t type,
		     const struct of_actions *list)
{
	uint32_t at = w->len;

	of_put16(w, type);
	of_put16(w, 0);
	of_put_zeros(w, 4);
	of_actions_put(w, version, list);
	of_patch16(w, at + 2, (uint16_t)(w->len - at));
}

static void put_metadata(struct of_writer *w, const struct of_instructions *ins)
{
	of_put16(w, OFPIT_WRITE_METADATA);
	of_put16(w, 24);
	of_put_zeros(w, 4);
	of_put64(w, ins->metadata);
	of_put64(w, ins->metadata_mask);
}

void of_instructions_put(struct of_writer *w, uint8_t version, const struct of_instructions *ins)
{
	if (ins->has & OF_INS_METER)
		put_short(w, OFPIT_METER, ins->meter, 4);
	if (ins->has & OF_INS_APPLY)
		put_list(w, version, OFPIT_APPLY_ACTIONS, &ins->apply);
	if (ins->has & OF_INS_CLEAR)
		put_short(w, OFPIT_CLEAR_ACTIONS, 0, 0);
	if (ins->has & OF_INS_WRITE)
		put_list(w, version, OFPIT_WRITE_ACTIONS, &ins->write);
	if (ins->has & OF_INS_METADATA)
		put_metadata(w, ins);
	if (ins->has & OF_INS_GOTO)
		put_short(w, OFPIT_GOTO_TABLE, ins->goto_table, 1);
}
