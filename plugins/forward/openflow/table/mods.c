/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/mods.c - flow-mods: which rules are meant, and what becomes of them.
 *
 * Source: OpenFlow 1.3.5, 6.4; 1.0.0, 4.6.
 */
#include <errno.h>
#include <string.h>

#include "table/flows.h"
#include "table/instructions.h"

/* ---- what is meant -------------------------------------------------------------------------------- */

bool of_flow_is_meant(const struct of_rule *r, const struct of_flow_filter *filter)
{
	return (r->cookie & filter->cookie_mask) == (filter->cookie & filter->cookie_mask) &&
	       (filter->out_port == OF_PORT_ANY ||
		of_instructions_output(r->instructions, filter->out_port)) &&
	       (filter->out_group == OF_GROUP_ANY ||
		of_instructions_group(r->instructions, filter->out_group));
}

struct found {
	const struct of_flow_filter *filter;
	struct of_rule **list;
	uint32_t count, space;
	bool is_failed;
};

static bool find_one(void *arg, struct of_rule *r)
{
	struct found *found = arg;
	struct of_rule **list;
	uint32_t space;

	if (!of_rule_is_there(r) || !of_flow_is_meant(r, found->filter))
		return true;
	if (found->count == found->space) {
		space = found->space ? found->space * 2 : 16;
		list = realloc(found->list, space * sizeof(struct of_rule *));
		if (!list) {
			found->is_failed = true;
			return false;
		}
		found->list = list;
		found->space = space;
	}
	of_rule_hold(r);
	found->list[found->count++] = r;
	return true;
}

uint64_t of_flows_weight(const struct of_flows *f, const struct of_flow_filter *filter)
{
	uint32_t first = filter->table == OF_TABLE_ALL ? 0 : filter->table;
	uint32_t last = filter->table == OF_TABLE_ALL ? OF_TABLES - 1 : filter->table;
	uint64_t weight = 0;

	for (uint32_t t = first; t <= last; t++)
		weight += of_classifier_weight(&f->tables[t].classifier, &filter->match.mask);
	return weight;
}

static void let_go(struct of_rule **list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		of_rule_drop(list[i]);
	free(list);
}

int of_flows_list(struct of_flows *f, const struct of_flow_filter *filter, struct of_rule ***out,
		  uint32_t *count)
{
	uint32_t first = filter->table == OF_TABLE_ALL ? 0 : filter->table;
	uint32_t last = filter->table == OF_TABLE_ALL ? OF_TABLES - 1 : filter->table;
	struct found found = { .filter = filter };

	for (uint32_t t = first; t <= last && !found.is_failed; t++) {
		if (f->tables[t].count)
			of_classifier_within(&f->tables[t].classifier, &filter->match, find_one,
					     &found);
	}
	if (found.is_failed) {
		let_go(found.list, found.count);
		return -ENOMEM;
	}
	*out = found.list;
	*count = found.count;
	return 0;
}

/* ---- flow-mods ------------------------------------------------------------------------------------ */

/* The one of this match and priority that is there. */
static struct of_rule *find_same(struct of_flows *f, uint32_t table, const struct of_flow_mod *mod)
{
	struct of_rule *r = of_classifier_list(&f->tables[table].classifier, &mod->match);

	for (; r; r = atomic_load_explicit(&r->next, memory_order_relaxed)) {
		if (r->priority == mod->priority && of_rule_is_there(r))
			return r;
	}
	return NULL;
}

/* The least important one, if it is no more important than what comes. */
static of_fault make_room(struct of_flows *f, struct of_flow_table *t, uint16_t importance)
{
	struct of_rule *least = of_rank_least(&t->rank);

	if (t->count < t->limit && f->count < f->limit)
		return OF_OK;
	if (!least || least->importance > importance ||
	    of_flows_remove(f, least, OF_REMOVED_EVICTION) != 0)
		return OF_FLOW_MOD_TABLE_FULL;
	return OF_OK;
}

static of_fault flow_add(struct of_flows *f, const struct of_flow_mod *mod)
{
	struct of_flow_table *t = &f->tables[mod->table];
	struct of_rule *old = find_same(f, mod->table, mod);
	bool keeps_counts = old && mod->version > 1 && !(mod->flags & OF_FLOW_RESET_COUNTS);
	struct of_rule *r;
	of_fault fault = OF_OK;

	if (mod->flags & OF_FLOW_CHECK_OVERLAP &&
	    of_classifier_overlaps(&t->classifier, &mod->match, mod->priority))
		return OF_FLOW_MOD_OVERLAP;
	if (!old)
		fault = make_room(f, t, mod->importance);
	if (fault)
		return fault;
	r = of_rule_new(&mod->instructions, keeps_counts ? old->stats : NULL);
	if (!r)
		return OF_FLOW_MOD_TABLE_FULL;
	r->value = mod->match.value;
	r->cookie = mod->cookie;
	r->created_ns = f->now_ns;
	r->priority = mod->priority;
	r->idle_timeout = mod->idle_timeout;
	r->hard_timeout = mod->hard_timeout;
	r->flags = mod->flags;
	r->importance = mod->importance;
	r->table = mod->table;
	r->version = mod->version;
	if (old && of_flows_remove(f, old, OF_REMOVED_REPLACED) != 0)
		fault = OF_FLOW_MOD_TABLE_FULL;
	if (!fault && of_flows_put(f, r, &mod->match.mask) != 0)
		fault = OF_FLOW_MOD_TABLE_FULL;
	if (fault)
		of_rule_free(r);
	return fault;
}

of_fault of_flows_modify(struct of_flows *f, struct of_rule *old, const struct of_flow_mod *mod)
{
	bool resets = mod->flags & OF_FLOW_RESET_COUNTS;
	struct of_rule *r = of_rule_new(&mod->instructions, resets ? NULL : old->stats);

	if (!r)
		return OF_FLOW_MOD_TABLE_FULL;
	r->value = old->value;
	r->cookie = mod->version == 1 ? mod->cookie : old->cookie;
	r->created_ns = old->created_ns;
	r->priority = old->priority;
	r->idle_timeout = old->idle_timeout;
	r->hard_timeout = old->hard_timeout;
	r->flags = old->flags;
	r->importance = old->importance;
	r->table = old->table;
	r->version = old->version;
	if (of_flows_remove(f, old, OF_REMOVED_REPLACED) == 0 &&
	    of_flows_put(f, r, &old->subtable->whole) == 0)
		return OF_OK;
	of_rule_free(r);
	return OF_FLOW_MOD_TABLE_FULL;
}

static bool is_strict(const struct of_flow_mod *mod)
{
	return mod->command == OF_FLOW_MODIFY_STRICT || mod->command == OF_FLOW_DELETE_STRICT;
}

static bool is_deletion(const struct of_flow_mod *mod)
{
	return mod->command == OF_FLOW_DELETE || mod->command == OF_FLOW_DELETE_STRICT;
}

static of_fault change_one(struct of_flows *f, struct of_rule *r, const struct of_flow_mod *mod)
{
	if (!is_deletion(mod))
		return of_flows_modify(f, r, mod);
	return of_flows_remove(f, r, OF_REMOVED_DELETE) == 0 ? OF_OK : OF_FLOW_MOD_UNKNOWN;
}

/* The cookie of a modifying 1.0 is no filter. */
struct of_flow_filter of_flow_filter_of(const struct of_flow_mod *mod)
{
	return (struct of_flow_filter){
		.match = mod->match,
		.cookie = mod->cookie,
		.cookie_mask = mod->cookie_mask,
		.out_port = is_deletion(mod) ? mod->out_port : OF_PORT_ANY,
		.out_group = is_deletion(mod) ? mod->out_group : OF_GROUP_ANY,
		.table = mod->table,
	};
}

static of_fault change_strict(struct of_flows *f, const struct of_flow_mod *mod, uint32_t *done)
{
	const struct of_flow_filter filter = of_flow_filter_of(mod);
	uint32_t first = mod->table == OF_TABLE_ALL ? 0 : mod->table;
	uint32_t last = mod->table == OF_TABLE_ALL ? OF_TABLES - 1 : mod->table;
	of_fault fault = OF_OK;

	for (uint32_t t = first; t <= last && !fault; t++) {
		struct of_rule *r = find_same(f, t, mod);

		if (!r || !of_flow_is_meant(r, &filter))
			continue;
		fault = change_one(f, r, mod);
		++*done;
	}
	return fault;
}

/* Modify and delete of all that are meant. */
static of_fault change_many(struct of_flows *f, const struct of_flow_mod *mod, uint32_t *done)
{
	const struct of_flow_filter filter = of_flow_filter_of(mod);
	struct of_rule **list = NULL;
	uint32_t count = 0;
	of_fault fault = OF_OK;

	if (of_flows_list(f, &filter, &list, &count) != 0)
		return OF_FLOW_MOD_UNKNOWN;
	for (uint32_t i = 0; i < count && !fault; i++)
		fault = change_one(f, list[i], mod);
	*done = count;
	let_go(list, count);
	return fault;
}

uint64_t of_flows_mod_weight(const struct of_flows *f, const struct of_flow_mod *mod)
{
	const struct of_flow_filter filter = of_flow_filter_of(mod);

	if (mod->command != OF_FLOW_MODIFY && mod->command != OF_FLOW_DELETE)
		return 1;
	return of_flows_weight(f, &filter);
}

of_fault of_flows_mod(struct of_flows *f, const struct of_flow_mod *mod)
{
	uint32_t before = f->change_count;
	uint32_t done = 0;
	of_fault fault;

	if (mod->command == OF_FLOW_ADD)
		fault = flow_add(f, mod);
	else
		fault = (is_strict(mod) ? change_strict : change_many)(f, mod, &done);
	/* 1.0.0, 4.6: what is to be modified and is not there, comes */
	if (!fault && !done && mod->command != OF_FLOW_ADD && !is_deletion(mod) &&
	    mod->version == 1)
		fault = flow_add(f, mod);
	if (fault)
		of_flows_undo(f, before);
	return fault;
}
