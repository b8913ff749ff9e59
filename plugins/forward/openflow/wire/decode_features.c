/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_features.c - what a controller wants tables to be able to: 1.3, 7.3.5.5.
 */
#include "wire/decode.h"
#include "wire/oxm.h"

enum { PROPERTIES = OFPTFPT_APPLY_SETFIELD + 2, ID_BYTES = 4 };

/* Types and lengths of instructions, without what they say. */
static of_fault read_instructions(struct of_reader *r, uint32_t *out)
{
	while (r->left) {
		uint16_t type = of_get16(r);
		uint16_t len = of_get16(r);

		if (r->is_short || (len != ID_BYTES && type != OFPIT_EXPERIMENTER))
			return OF_TABLE_FEATURES_LEN;
		if (!type || type > OFPIT_METER)
			return OF_TABLE_FEATURES_ARGUMENT;
		*out |= 1u << (type - 1); /* enum of_instruction is in their order */
	}
	return OF_OK;
}

static of_fault read_actions(struct of_reader *r, uint32_t *out)
{
	while (r->left) {
		uint16_t number = of_get16(r);
		uint16_t len = of_get16(r);
		uint8_t type = of_action_of_number(number);

		if (r->is_short || (len != ID_BYTES && number != OFPAT_EXPERIMENTER))
			return OF_TABLE_FEATURES_LEN;
		if (!type)
			return OF_TABLE_FEATURES_ARGUMENT;
		*out |= 1u << type;
	}
	return OF_OK;
}

static of_fault read_tables(struct of_reader *r, uint64_t *out)
{
	while (r->left) {
		uint8_t table = of_get8(r);

		if (table >= OF_TABLES)
			return OF_TABLE_FEATURES_ARGUMENT;
		out[table / 64] |= UINT64_C(1) << table % 64;
	}
	return OF_OK;
}

static of_fault read_fields(struct of_decoder *d, struct of_reader *r, uint64_t *out,
			    uint64_t *masks)
{
	while (r->left) {
		struct of_oxm oxm;
		of_fault fault = of_oxm_read_header(r, d->version, &oxm);

		if (fault)
			return fault == OF_BAD_MATCH_LEN ? OF_TABLE_FEATURES_LEN
							 : OF_TABLE_FEATURES_ARGUMENT;
		*out |= UINT64_C(1) << oxm.id;
		if (oxm.has_mask && masks)
			*masks |= UINT64_C(1) << oxm.id;
	}
	return OF_OK;
}

static of_fault read_property(struct of_decoder *d, struct of_property *p,
			      struct of_table_features *out)
{
	uint32_t miss = p->type & 1;

	switch (p->type & ~1) {
	case OFPTFPT_INSTRUCTIONS:
		return read_instructions(&p->body, &out->instructions[miss]);
	case OFPTFPT_NEXT_TABLES:
		return read_tables(&p->body, out->next[miss]);
	case OFPTFPT_WRITE_ACTIONS:
		return read_actions(&p->body, &out->write_actions[miss]);
	case OFPTFPT_APPLY_ACTIONS:
		return read_actions(&p->body, &out->apply_actions[miss]);
	case OFPTFPT_MATCH:
		return read_fields(d, &p->body, &out->match, &out->match_masks);
	case OFPTFPT_WILDCARDS:
		return read_fields(d, &p->body, &out->wildcards, NULL);
	case OFPTFPT_WRITE_SETFIELD:
		return read_fields(d, &p->body, &out->write_set[miss], NULL);
	default:
		return read_fields(d, &p->body, &out->apply_set[miss], NULL);
	}
}

/* Matches and wildcards have none for table-miss. */
static bool is_property(uint16_t type)
{
	return type < PROPERTIES && type != OFPTFPT_MATCH + 1 && type != OFPTFPT_WILDCARDS + 1;
}

static of_fault read_properties(struct of_decoder *d, struct of_reader *r,
				struct of_table_features *out)
{
	while (r->left) {
		struct of_property p;
		of_fault fault = of_property_read(r, &p);

		if (fault)
			return OF_TABLE_FEATURES_LEN;
		if (!is_property(p.type))
			return OF_TABLE_FEATURES_TYPE;
		if (out->properties & 1u << p.type)
			return d->version >= OF_V14 ? OF_BAD_PROPERTY_DUPLICATE
						    : OF_TABLE_FEATURES_TYPE;
		out->properties |= (uint16_t)(1u << p.type);
		fault = read_property(d, &p, out);
		if (fault)
			return fault;
	}
	return OF_OK;
}

static of_fault read_table(struct of_decoder *d, struct of_table_features *out)
{
	uint16_t len = of_get16(&d->r);
	struct of_reader r;

	if (d->r.is_short || len < OFP_TABLE_FEATURES || len % 8)
		return OF_TABLE_FEATURES_LEN;
	r = of_part(&d->r, len - 2u);
	if (r.is_short)
		return OF_TABLE_FEATURES_LEN;
	out->table = of_get8(&r);
	of_skip(&r, 5);
	of_copy(&r, out->name, sizeof(out->name));
	out->name[sizeof(out->name) - 1] = '\0';
	out->metadata_match = of_get64(&r);
	out->metadata_write = of_get64(&r);
	out->config = of_get32(&r);
	out->max_entries = of_get32(&r);
	if (out->table >= OF_TABLES)
		return OF_TABLE_FEATURES_TABLE;
	return read_properties(d, &r, out);
}

of_fault of_decode_table_features(struct of_decoder *d, struct of_multipart *out)
{
	uint32_t most = d->r.left / OFP_TABLE_FEATURES;
	of_fault fault = OF_OK;

	out->tables = of_arena_take(d->arena, most, sizeof(struct of_table_features));
	if (!out->tables)
		return OF_BAD_REQUEST_MULTIPART_OVERFLOW;
	while (d->r.left && !fault) {
		if (out->table_count == most)
			return OF_TABLE_FEATURES_LEN;
		fault = read_table(d, &out->tables[out->table_count++]);
	}
	return fault;
}
