/* SPDX-License-Identifier: Apache-2.0 */
/* agent/tables.c - what tables may hold, how full they are, and what is told of them. */
#include "agent/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

enum { BY_IMPORTANCE = 2, PERCENT = 100 };

/* Of 1.3 and 1.4; those of 1.0 and of experimenters have no numbers there and are never refused. */
enum {
	ACTIONS = 1 << OF_ACT_OUTPUT | 1 << OF_ACT_GROUP | 1 << OF_ACT_SET_QUEUE |
		  1 << OF_ACT_SET_FIELD | 1 << OF_ACT_PUSH_VLAN | 1 << OF_ACT_POP_VLAN |
		  1 << OF_ACT_PUSH_MPLS | 1 << OF_ACT_POP_MPLS | 1 << OF_ACT_SET_MPLS_TTL |
		  1 << OF_ACT_DEC_MPLS_TTL | 1 << OF_ACT_SET_NW_TTL | 1 << OF_ACT_DEC_NW_TTL |
		  1 << OF_ACT_COPY_TTL_OUT | 1 << OF_ACT_COPY_TTL_IN,
};

int of_tables_init(struct of_agent *a)
{
	a->tables = calloc(OF_TABLES, sizeof(*a->tables));
	return a->tables ? 0 : -ENOMEM;
}

void of_tables_destroy(struct of_agent *a)
{
	free(a->tables);
}

bool of_table_is_there(const struct of_agent *a, uint8_t table)
{
	return table < OF_TABLES && !a->tables[table].is_gone;
}

void of_tables_limit(struct of_agent *a, uint32_t flows_max)
{
	a->pipeline.state.flows.limit = flows_max;
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		const struct of_table_setup *setup = &a->tables[t];
		uint32_t limit = setup->is_set ? setup->features.max_entries : 0;

		if (!limit)
			limit = flows_max;
		a->pipeline.state.flows.tables[t].limit = limit < flows_max ? limit : flows_max;
	}
}

/* ---- what is told of them -------------------------------------------------------------------------- */

static uint64_t fields_with(uint32_t flag)
{
	uint64_t fields = 0;

	for (uint32_t id = 0; id < OF_FIELDS; id++) {
		const struct of_field *f = of_field(id);

		/* those of 1.5 and Nicira's are not told of: their numbers are others */
		if (f && f->flags & flag && f->since && f->since <= OF_V14)
			fields |= UINT64_C(1) << id;
	}
	return fields;
}

/* A table that nobody has set up. */
void of_table_everything(const struct of_agent *a, uint8_t table, struct of_table_features *out)
{
	*out = (struct of_table_features){
		.metadata_match = UINT64_MAX,
		.metadata_write = UINT64_MAX,
		.match = fields_with(OF_FIELD_MATCHABLE),
		.match_masks = fields_with(OF_FIELD_MASKABLE),
		.wildcards = fields_with(OF_FIELD_MATCHABLE),
		.config = OF_TABLE_EVICTION | OF_TABLE_VACANCY,
		.max_entries = a->pipeline.state.flows.limit,
		.properties = 0xf5ff, /* all of 1.3.5, 7.3.5.5.2 */
		.table = table,
	};
	for (uint32_t miss = 0; miss < 2; miss++) {
		out->instructions[miss] = OF_INS_METADATA | OF_INS_WRITE | OF_INS_APPLY |
					  OF_INS_CLEAR | OF_INS_METER |
					  (table + 1 < OF_TABLES ? OF_INS_GOTO : 0u);
		out->write_actions[miss] = out->apply_actions[miss] = ACTIONS;
		out->write_set[miss] = out->apply_set[miss] = fields_with(OF_FIELD_SETTABLE);
		for (uint32_t next = table + 1u; next < OF_TABLES; next++)
			out->next[miss][next / 64] |= UINT64_C(1) << next % 64;
	}
	(void)snprintf(out->name, sizeof(out->name), "table%u", table);
}

void of_table_features_of(const struct of_agent *a, uint8_t table, struct of_table_features *out)
{
	if (a->tables[table].is_set)
		*out = a->tables[table].features;
	else
		of_table_everything(a, table, out);
	out->max_entries = a->pipeline.state.flows.tables[table].limit;
}

static uint8_t vacancy_of(const struct of_flow_table *t)
{
	if (t->count >= t->limit)
		return 0;
	return (uint8_t)((uint64_t)(t->limit - t->count) * PERCENT / t->limit);
}

void of_table_view_of(const struct of_agent *a, uint8_t table, char name[32],
		      struct of_table_view *out)
{
	const struct of_flow_table *t = &a->pipeline.state.flows.tables[table];
	const struct of_table_setup *setup = &a->tables[table];

	if (setup->is_set)
		(void)snprintf(name, 32, "%s", setup->features.name);
	else
		(void)snprintf(name, 32, "table%u", table);
	*out = (struct of_table_view){
		.name = name,
		.lookups = of_count(&t->lookups.packets),
		.matched = of_count(&t->matched.packets),
		.active = t->count,
		.max_entries = t->limit,
		.config = (t->evicts ? OF_TABLE_EVICTION : 0u) |
			  (setup->tells_vacancy ? OF_TABLE_VACANCY : 0u),
		.eviction_flags = BY_IMPORTANCE,
		.vacancy_down = setup->vacancy_down,
		.vacancy_up = setup->vacancy_up,
		.vacancy = vacancy_of(t),
		.table = table,
	};
}

/* ---- how full they are ------------------------------------------------------------------------------ */

static void tell_status(struct of_agent *a, uint8_t table, uint8_t reason)
{
	struct of_table_view v;
	char name[32];

	of_table_view_of(a, table, name, &v);
	for (struct of_controller *c = a->controllers; c; c = c->next) {
		struct of_to to;

		if (!c->connection || !of_controller_wants(c, OF_ASYNC_TABLE_STATUS, reason) ||
		    !of_connection_has_room(c->connection))
			continue;
		to = of_connection_to(c->connection, 0);
		of_put_table_status(&to, &v, reason);
		of_connection_flush(c->connection);
	}
}

/* One event calls for the other next: 1.4.0, 7.4.5. */
void of_tables_counted(struct of_agent *a, uint8_t table)
{
	const struct of_flow_table *t = &a->pipeline.state.flows.tables[table];
	struct of_table_setup *setup = &a->tables[table];
	uint8_t vacancy;

	if (setup->was_full && t->count < t->limit)
		setup->was_full = false;
	if (!setup->tells_vacancy)
		return;
	vacancy = vacancy_of(t);
	if (setup->is_low ? vacancy <= setup->vacancy_up : vacancy >= setup->vacancy_down)
		return;
	setup->is_low = !setup->is_low;
	tell_status(a, table, setup->is_low ? OF_TABLE_VACANCY_DOWN : OF_TABLE_VACANCY_UP);
}

void of_tables_full(struct of_agent *a, uint8_t table)
{
	struct of_table_setup *setup = &a->tables[table];

	if (setup->was_full)
		return;
	setup->was_full = true;
	xvs_logf(a->host, XVS_LOG_WARN, "flow table %u takes no more flows: it has %u", table,
		 a->pipeline.state.flows.tables[table].count);
}

static of_fault modify(struct of_agent *a, uint8_t table, const struct of_table_mod *mod)
{
	struct of_flow_table *t = &a->pipeline.state.flows.tables[table];
	struct of_table_setup *setup = &a->tables[table];

	if (of_flows_evict(&a->pipeline.state.flows, table, mod->config & OF_TABLE_EVICTION) != 0)
		return OF_TABLE_MOD_EPERM;
	setup->tells_vacancy = mod->config & OF_TABLE_VACANCY;
	if (mod->has_vacancy) {
		setup->vacancy_down = mod->vacancy_down;
		setup->vacancy_up = mod->vacancy_up;
	}
	setup->is_low = vacancy_of(t) < setup->vacancy_up;
	return OF_OK;
}

of_fault of_agent_table(struct of_agent *a, const struct of_table_mod *mod)
{
	of_fault fault = OF_OK;

	/* by what flows make room is no controller's to choose: 1.4.0, 7.3.4.1 */
	if (mod->has_eviction && mod->eviction_flags != BY_IMPORTANCE)
		return OF_TABLE_MOD_CONFIG;
	if (mod->table != OF_TABLE_ALL && !of_table_is_there(a, mod->table))
		return OF_TABLE_MOD_TABLE;
	if (mod->says_nothing)
		return OF_OK;
	for (uint32_t t = 0; t < OF_TABLES && !fault; t++) {
		if (mod->table == t || (mod->table == OF_TABLE_ALL && !a->tables[t].is_gone))
			fault = modify(a, (uint8_t)t, mod);
	}
	return fault;
}

/* ---- may a table hold a flow? ------------------------------------------------------------------------ */

/* Is only a part of the field matched? */
static bool is_masked(const struct of_match *m, uint32_t id)
{
	const struct of_field *f = of_field(id);
	struct of_fields whole = { 0 };

	of_field_whole(&whole, id);
	return memcmp((const uint8_t *)&whole + f->offset, (const uint8_t *)&m->mask + f->offset,
		      f->bytes) != 0;
}

static of_fault check_match(const struct of_table_features *f, const struct of_match *m,
			    bool is_miss)
{
	uint64_t fields = of_match_fields(m);
	uint64_t exact = fields & ~f->match_masks & fields_with(OF_FIELD_MASKABLE);

	if (fields & fields_with(OF_FIELD_MATCHABLE) & ~f->match)
		return OF_BAD_MATCH_FIELD;
	for (; exact; exact &= exact - 1) {
		if (is_masked(m, (uint32_t)__builtin_ctzll(exact)))
			return OF_BAD_MATCH_MASK;
	}
	if (m->mask.metadata & ~f->metadata_match)
		return OF_BAD_MATCH_MASK;
	if (!is_miss && f->match & ~f->wildcards & ~fields)
		return OF_BAD_MATCH_WILDCARDS;
	return OF_OK;
}

static of_fault check_actions(const struct of_actions *list, uint32_t actions, uint64_t set)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct of_action *at = &list->list[i];

		if (1u << at->type & ACTIONS & ~actions)
			return OF_BAD_ACTION_TYPE;
		if (at->type == OF_ACT_SET_FIELD &&
		    UINT64_C(1) << at->field & fields_with(OF_FIELD_SETTABLE) & ~set)
			return OF_BAD_ACTION_SET_TYPE;
	}
	return OF_OK;
}

static of_fault check_instructions(const struct of_table_features *f,
				   const struct of_instructions *i, uint32_t miss)
{
	of_fault fault;

	if (i->has & ~f->instructions[miss])
		return OF_BAD_INSTRUCTION_UNSUPPORTED;
	if (i->has & OF_INS_GOTO && !(f->next[miss][i->goto_table / 64] >> i->goto_table % 64 & 1))
		return OF_BAD_INSTRUCTION_TABLE_ID;
	if (i->has & OF_INS_METADATA && i->metadata_mask & ~f->metadata_write)
		return OF_BAD_INSTRUCTION_METADATA_MASK;
	fault = check_actions(&i->apply, f->apply_actions[miss], f->apply_set[miss]);
	return fault ? fault : check_actions(&i->write, f->write_actions[miss], f->write_set[miss]);
}

of_fault of_tables_check(const struct of_agent *a, const struct of_flow_mod *mod)
{
	static const struct of_fields none;
	const struct of_table_setup *setup;
	bool is_miss = !mod->priority && !memcmp(&mod->match.mask, &none, sizeof(none));
	of_fault fault = OF_OK;

	if (mod->table == OF_TABLE_ALL) /* of deletion alone */
		return OF_OK;
	if (!of_table_is_there(a, mod->table))
		return OF_FLOW_MOD_TABLE_ID;
	setup = &a->tables[mod->table];
	if (!setup->is_set || mod->command >= OF_FLOW_DELETE)
		return OF_OK;
	/* what is modified is there already, but for 1.0, where it then comes to be */
	if (mod->command == OF_FLOW_ADD || mod->version == OF_V10)
		fault = check_match(&setup->features, &mod->match, is_miss);
	return fault ? fault : check_instructions(&setup->features, &mod->instructions, is_miss);
}
