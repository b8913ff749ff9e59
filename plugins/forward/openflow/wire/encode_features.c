/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode_features.c - what tables are able to: 1.3, 7.3.5.5.
 */
#include "wire/action.h"
#include "wire/oxm.h"
#include "wire/reply.h"

enum { PROPERTIES = OFPTFPT_APPLY_SETFIELD + 2 };

static void put_instructions(struct of_writer *w, uint32_t bits)
{
	for (; bits; bits &= bits - 1) {
		of_put16(w, (uint16_t)(__builtin_ctz(bits) + OFPIT_GOTO_TABLE));
		of_put16(w, 4);
	}
}

static void put_tables(struct of_writer *w, const uint64_t *bits)
{
	for (uint32_t table = 0; table < OF_TABLES; table++) {
		if (bits[table / 64] >> table % 64 & 1)
			of_put8(w, (uint8_t)table);
	}
}

static void put_actions(struct of_writer *w, uint32_t bits)
{
	for (; bits; bits &= bits - 1) {
		int number = of_action_number((uint32_t)__builtin_ctz(bits));

		if (number < 0)
			continue;
		of_put16(w, (uint16_t)number);
		of_put16(w, 4);
	}
}

static void put_fields(struct of_writer *w, uint8_t version, uint64_t bits, uint64_t masks)
{
	for (; bits; bits &= bits - 1) {
		uint32_t id = (uint32_t)__builtin_ctzll(bits);

		of_oxm_put_header(w, version, id, masks >> id & 1);
	}
}

static void put_value(struct of_writer *w, uint8_t version, uint32_t type,
		      const struct of_table_features *v)
{
	uint32_t miss = type & 1;

	switch (type & ~1u) {
	case OFPTFPT_INSTRUCTIONS:
		put_instructions(w, v->instructions[miss]);
		break;
	case OFPTFPT_NEXT_TABLES:
		put_tables(w, v->next[miss]);
		break;
	case OFPTFPT_WRITE_ACTIONS:
		put_actions(w, v->write_actions[miss]);
		break;
	case OFPTFPT_APPLY_ACTIONS:
		put_actions(w, v->apply_actions[miss]);
		break;
	case OFPTFPT_MATCH:
		put_fields(w, version, v->match, v->match_masks);
		break;
	case OFPTFPT_WILDCARDS:
		put_fields(w, version, v->wildcards, 0);
		break;
	case OFPTFPT_WRITE_SETFIELD:
		put_fields(w, version, v->write_set[miss], 0);
		break;
	default:
		put_fields(w, version, v->apply_set[miss], 0);
		break;
	}
}

void of_reply_table_features(struct of_reply *r, const struct of_table_features *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put16(w, 0);
	of_put8(w, v->table);
	of_put_zeros(w, 5);
	of_put_name(w, v->name, sizeof(v->name));
	of_put64(w, v->metadata_match);
	of_put64(w, v->metadata_write);
	of_put32(w, r->to.version >= OF_V14 ? v->config : 0);
	of_put32(w, v->max_entries);
	for (uint32_t type = 0; type < PROPERTIES; type++) {
		uint32_t property = w->len;

		if (!(v->properties >> type & 1))
			continue;
		of_put16(w, (uint16_t)type);
		of_put16(w, 0);
		put_value(w, r->to.version, type, v);
		of_patch16(w, property + 2, (uint16_t)(w->len - property));
		of_put_pad8(w, property);
	}
	of_entry_end_sized(r, at);
}
