/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/table_features.c - a controller says which tables there are and what they may hold.
 *
 * It is set as a whole or not at all.  Tables that the request does not name are no longer there.
 * Flows of those, and of tables that may hold something else than before, go; nobody is told of them
 * (1.3.5, 7.3.5.5).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/tables.h"

/* All that are not of misses. */
enum { REQUIRED = 0x5555 };

/* ---- what is asked for -------------------------------------------------------------------------------- */

/* What is not said of misses is as with other flows. */
static void complete(struct of_table_features *f)
{
	if (!(f->properties & 1u << (OFPTFPT_INSTRUCTIONS + 1)))
		f->instructions[1] = f->instructions[0];
	if (!(f->properties & 1u << (OFPTFPT_NEXT_TABLES + 1)))
		memcpy(f->next[1], f->next[0], sizeof(f->next[1]));
	if (!(f->properties & 1u << (OFPTFPT_WRITE_ACTIONS + 1)))
		f->write_actions[1] = f->write_actions[0];
	if (!(f->properties & 1u << (OFPTFPT_APPLY_ACTIONS + 1)))
		f->apply_actions[1] = f->apply_actions[0];
	if (!(f->properties & 1u << (OFPTFPT_WRITE_SETFIELD + 1)))
		f->write_set[1] = f->write_set[0];
	if (!(f->properties & 1u << (OFPTFPT_APPLY_SETFIELD + 1)))
		f->apply_set[1] = f->apply_set[0];
}

static bool is_within(const struct of_table_features *f, const struct of_table_features *all)
{
	uint64_t beyond = (f->match & ~all->match) | (f->match_masks & ~all->match_masks) |
			  (f->wildcards & ~all->wildcards);

	for (uint32_t miss = 0; miss < 2; miss++) {
		beyond |= f->instructions[miss] & ~all->instructions[miss];
		beyond |= f->write_actions[miss] & ~all->write_actions[miss];
		beyond |= f->apply_actions[miss] & ~all->apply_actions[miss];
		beyond |= f->write_set[miss] & ~all->write_set[miss];
		beyond |= f->apply_set[miss] & ~all->apply_set[miss];
		for (uint32_t i = 0; i < 4; i++)
			beyond |= f->next[miss][i] & ~all->next[miss][i];
	}
	return !beyond && f->max_entries <= all->max_entries;
}

static of_fault check(const struct of_agent *a, struct of_features_request *r)
{
	uint64_t seen[4] = { 0 };

	for (uint32_t i = 0; i < r->count; i++) {
		struct of_table_features *f = &r->list[i];
		struct of_table_features all;

		seen[f->table / 64] |= UINT64_C(1) << f->table % 64;
		if ((f->properties & REQUIRED) != REQUIRED)
			return OF_TABLE_FEATURES_ARGUMENT;
		complete(f);
		of_table_everything(a, f->table, &all);
		if (!is_within(f, &all))
			return OF_TABLE_FEATURES_ARGUMENT;
		f->config = all.config;
		f->properties = all.properties;
	}
	/* packets begin there */
	if (!(seen[0] & 1))
		return OF_TABLE_FEATURES_TABLE;
	/* nothing goes to where nothing is */
	for (uint32_t i = 0; i < r->count; i++) {
		for (uint32_t n = 0; n < 4; n++) {
			r->list[i].next[0][n] &= seen[n];
			r->list[i].next[1][n] &= seen[n];
		}
	}
	return OF_OK;
}

/* ---- what comes of it --------------------------------------------------------------------------------- */

static bool is_same(const struct of_agent *a, const struct of_table_features *f)
{
	struct of_table_features before;
	uint32_t limit = f->max_entries ? f->max_entries : a->pipeline.state.flows.limit;

	of_table_features_of(a, f->table, &before);
	if (before.max_entries != limit)
		return false;
	before.max_entries = f->max_entries;
	return memcmp(&before, f, offsetof(struct of_table_features, name)) == 0;
}

static int empty(struct of_agent *a, uint32_t table)
{
	struct of_rule *next;

	for (struct of_rule *r = a->pipeline.state.flows.tables[table].oldest; r; r = next) {
		next = r->newer;
		if (of_flows_remove(&a->pipeline.state.flows, r, OF_REMOVED_TABLE) != 0)
			return -1;
	}
	return 0;
}

static of_fault empty_changed(struct of_agent *a, const struct of_table_features *const *of_table)
{
	int code = 0;

	of_state_begin(&a->pipeline.state, a->host->now(a->host));
	for (uint32_t t = 0; t < OF_TABLES && !code; t++) {
		if (!of_table[t] || !is_same(a, of_table[t]))
			code = empty(a, t);
	}
	if (code) {
		of_state_abort(&a->pipeline.state);
		return OF_TABLE_FEATURES_EPERM;
	}
	of_state_commit(&a->pipeline.state);
	return OF_OK;
}

static void take_over(struct of_agent *a, const struct of_table_features *const *of_table)
{
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		struct of_table_setup *setup = &a->tables[t];

		setup->is_gone = !of_table[t];
		setup->is_set = of_table[t];
		if (of_table[t]) {
			setup->features = *of_table[t];
			continue;
		}
		setup->tells_vacancy = false;
		(void)of_flows_evict(&a->pipeline.state.flows, t, false);
	}
	of_tables_limit(a, a->pipeline.state.flows.limit);
}

static of_fault set(struct of_agent *a, struct of_features_request *r)
{
	const struct of_table_features *of_table[OF_TABLES] = { NULL };
	of_fault fault = check(a, r);

	for (uint32_t i = 0; i < r->count && !fault; i++) {
		const struct of_table_features **at = &of_table[r->list[i].table];

		fault = *at ? OF_TABLE_FEATURES_TABLE : OF_OK; /* said twice */
		*at = &r->list[i];
	}
	if (!fault)
		fault = empty_changed(a, of_table);
	if (!fault)
		take_over(a, of_table);
	return fault;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

bool of_tables_request_goes_on(const struct of_controller *c, const struct of_message *m)
{
	return c->features_request && c->features_request->xid == m->xid;
}

void of_tables_forget_request(struct of_controller *c)
{
	free(c->features_request);
	c->features_request = NULL;
}

/* A request that another one interrupts is forgotten. */
static of_fault collect(struct of_controller *c, const struct of_message *m)
{
	struct of_features_request *r = c->features_request;
	uint32_t count = m->multipart.table_count;

	if (r && r->xid != m->xid)
		r->count = 0;
	if (!r)
		r = c->features_request = calloc(1, sizeof(*r));
	if (!r)
		return OF_TABLE_FEATURES_EPERM;
	r->xid = m->xid;
	if (count > OF_TABLES - r->count)
		return OF_TABLE_FEATURES_TABLE; /* one of them for the second time */
	memcpy(r->list + r->count, m->multipart.tables, count * sizeof(r->list[0]));
	r->count += count;
	return OF_OK;
}

of_fault of_tables_request(struct of_controller *c, const struct of_message *m, bool *is_whole)
{
	bool is_question = !m->multipart.table_count && !m->multipart.has_more &&
			   !of_tables_request_goes_on(c, m);
	of_fault fault;

	*is_whole = is_question;
	if (is_question)
		return OF_OK;
	fault = collect(c, m);
	if (!fault && m->multipart.has_more)
		return OF_OK;
	if (!fault && c->features_request->count)
		fault = set(c->agent, c->features_request);
	of_tables_forget_request(c);
	*is_whole = true;
	return fault;
}
