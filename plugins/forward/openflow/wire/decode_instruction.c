/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_instruction.c - the instructions of a flow: 1.3, 7.2.4.
 */
#include "wire/action.h"

enum { INSTRUCTION_HEAD = 4, INSTRUCTION_UNIT = 8 };

typedef of_fault (*instruction_fn)(struct of_action_source *from, struct of_reader *r,
				   const struct of_flow_mod *flow, struct of_instructions *out);

static of_fault read_goto(struct of_action_source *from, struct of_reader *r,
			  const struct of_flow_mod *flow, struct of_instructions *out)
{
	(void)from;
	out->goto_table = of_get8(r);
	if (out->goto_table <= flow->table || out->goto_table >= OF_TABLES)
		return OF_BAD_INSTRUCTION_TABLE_ID;
	return OF_OK;
}

static of_fault read_metadata(struct of_action_source *from, struct of_reader *r,
			      const struct of_flow_mod *flow, struct of_instructions *out)
{
	(void)from;
	(void)flow;
	of_skip(r, 4);
	out->metadata = of_get64(r);
	out->metadata_mask = of_get64(r);
	out->metadata &= out->metadata_mask;
	return OF_OK;
}

static of_fault read_write(struct of_action_source *from, struct of_reader *r,
			   const struct of_flow_mod *flow, struct of_instructions *out)
{
	(void)flow;
	of_skip(r, 4);
	return of_action_set_read(from, r, r->left, &out->write);
}

static of_fault read_apply(struct of_action_source *from, struct of_reader *r,
			   const struct of_flow_mod *flow, struct of_instructions *out)
{
	(void)flow;
	of_skip(r, 4);
	return of_actions_read(from, r, r->left, &out->apply);
}

static of_fault read_clear(struct of_action_source *from, struct of_reader *r,
			   const struct of_flow_mod *flow, struct of_instructions *out)
{
	(void)from;
	(void)r;
	(void)flow;
	(void)out;
	return OF_OK;
}

static of_fault read_meter(struct of_action_source *from, struct of_reader *r,
			   const struct of_flow_mod *flow, struct of_instructions *out)
{
	(void)from;
	(void)flow;
	out->meter = of_get32(r);
	return out->meter && out->meter <= OF_METER_MAX ? OF_OK : OF_METER_MOD_INVALID;
}

static const struct {
	uint16_t len; /* 0: any of at least 8 */
	uint16_t has; /* enum of_instruction */
	instruction_fn read;
} instructions[] = {
	[OFPIT_GOTO_TABLE] = { 8, OF_INS_GOTO, read_goto },
	[OFPIT_WRITE_METADATA] = { 24, OF_INS_METADATA, read_metadata },
	[OFPIT_WRITE_ACTIONS] = { 0, OF_INS_WRITE, read_write },
	[OFPIT_APPLY_ACTIONS] = { 0, OF_INS_APPLY, read_apply },
	[OFPIT_CLEAR_ACTIONS] = { 8, OF_INS_CLEAR, read_clear },
	[OFPIT_METER] = { 8, OF_INS_METER, read_meter },
};

static of_fault read_one(struct of_action_source *from, struct of_reader *r,
			 const struct of_flow_mod *flow, struct of_instructions *out)
{
	uint16_t type = of_get16(r);
	uint16_t len = of_get16(r);
	struct of_reader body;

	if (r->is_short || len < INSTRUCTION_UNIT || len % INSTRUCTION_UNIT)
		return OF_BAD_INSTRUCTION_LEN;
	body = of_part(r, len - (uint32_t)INSTRUCTION_HEAD);
	if (body.is_short)
		return OF_BAD_INSTRUCTION_LEN;
	if (type == OFPIT_EXPERIMENTER)
		return OF_BAD_INSTRUCTION_EXPERIMENTER;
	if (type > OFPIT_METER || !instructions[type].read)
		return OF_BAD_INSTRUCTION_UNKNOWN;
	if (instructions[type].len && instructions[type].len != len)
		return OF_BAD_INSTRUCTION_LEN;
	if (out->has & instructions[type].has)
		return OF_BAD_INSTRUCTION_DUPLICATE;
	out->has |= instructions[type].has;
	return instructions[type].read(from, &body, flow, out);
}

of_fault of_instructions_read(struct of_action_source *from, struct of_reader *r,
			      const struct of_flow_mod *flow, struct of_instructions *out)
{
	struct of_match behind = flow->match;
	struct of_actions set = { 0 };
	of_fault fault = OF_OK;

	while (r->left && !fault)
		fault = read_one(from, r, flow, out);
	if (!fault)
		fault = of_actions_check(&behind, &out->apply);
	if (!fault)
		fault = of_action_set_order(from->arena, &out->write, &set);
	if (!fault)
		fault = of_actions_check(&behind, &set);
	return fault;
}
