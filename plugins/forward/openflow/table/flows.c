/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/flows.c - transactions: what a flow-mod does to rules, and how it is undone.
 *
 * Every change is one of two: a rule comes, a rule goes.  Until commit both only say in which
 * version; so undoing is to take those that came out again, and to let those that went stay.
 */
#include "table/flows.h"

#include <errno.h>
#include <string.h>

#include "table/cursor.h"
#include "table/instructions.h"

struct of_change {
	struct of_rule *rule;
	bool is_new;
	uint8_t reason; /* of one that goes: enum of_removed_reason */
};

/* ---- lists -------------------------------------------------------------------------------------- */

static void list_append(struct of_flow_table *t, struct of_rule *r)
{
	r->older = t->newest;
	r->newer = NULL;
	if (t->newest)
		t->newest->newer = r;
	else
		t->oldest = r;
	t->newest = r;
	t->count++;
}

static void list_remove(struct of_flows *f, struct of_rule *r)
{
	struct of_flow_table *t = &f->tables[r->table];

	of_cursors_leave(f->cursors, r);
	*(r->older ? &r->older->newer : &t->oldest) = r->newer;
	*(r->newer ? &r->newer->older : &t->newest) = r->older;
	t->count--;
}

/* ---- on their way out ----------------------------------------------------------------------------- */

/* So many in one turn of the control thread: a millisecond or two. */
enum { GOING_AT_ONCE = 1024 };

static void free_step(void *what);

/* Nobody looks at the versions any more in which they were seen. */
static void unlink_step(void *what)
{
	struct of_flows *f = what;
	struct of_rule *r;

	for (uint32_t n = 0; n < GOING_AT_ONCE && (r = f->unlinking) != NULL; n++) {
		f->unlinking = r->bin;
		of_classifier_remove(&f->tables[r->table].classifier, r);
		r->bin = f->freeing;
		f->freeing = r;
	}
	f->reclaim.later(f->reclaim.arg, f->unlinking ? unlink_step : free_step, f);
}

static void bin_start(struct of_flows *f)
{
	if (!f->leaving || f->unlinking || f->freeing)
		return;
	f->unlinking = f->leaving;
	f->leaving = NULL;
	f->reclaim.later(f->reclaim.arg, unlink_step, f);
}

/* Nor is any worker at them that found them before they were unlinked. */
static void free_step(void *what)
{
	struct of_flows *f = what;
	struct of_rule *r;

	for (uint32_t n = 0; n < GOING_AT_ONCE && (r = f->freeing) != NULL; n++) {
		f->freeing = r->bin;
		r->is_freed = true;
		if (!r->holders)
			of_rule_free(r);
	}
	if (f->freeing)
		f->reclaim.later(f->reclaim.arg, free_step, f);
	else
		bin_start(f);
}

/* ---- transactions --------------------------------------------------------------------------------- */

/* Room for so many more changes, made before anything is done: commit cannot fail. */
static int reserve(struct of_flows *f, uint32_t more)
{
	uint32_t want = f->change_count + more;
	struct of_change *list;

	if (want <= f->change_space)
		return 0;
	want = want < 16 ? 16 : want * 2;
	list = realloc(f->changes, want * sizeof(*list));
	if (!list)
		return -ENOMEM;
	f->changes = list;
	f->change_space = want;
	return 0;
}

static struct of_flow_table *table_of(struct of_flows *f, const struct of_rule *r)
{
	return &f->tables[r->table];
}

int of_flows_put(struct of_flows *f, struct of_rule *r, const struct of_fields *mask)
{
	if (reserve(f, 1) != 0)
		return -ENOMEM;
	r->added = of_flows_next(f);
	if (of_classifier_add(&table_of(f, r)->classifier, r, mask) != 0)
		return -ENOMEM;
	list_append(table_of(f, r), r);
	f->count++;
	f->changes[f->change_count++] = (struct of_change){ .rule = r, .is_new = true };
	return 0;
}

int of_flows_remove(struct of_flows *f, struct of_rule *r, uint8_t reason)
{
	if (!of_rule_is_there(r))
		return 0;
	if (reserve(f, 1) != 0)
		return -ENOMEM;
	atomic_store_explicit(&r->removed, of_flows_next(f), memory_order_relaxed);
	list_remove(f, r);
	f->count--;
	f->changes[f->change_count++] = (struct of_change){ .rule = r, .reason = reason };
	return 0;
}

/* Backwards, so that what came and went in one transaction is taken out last. */
void of_flows_undo(struct of_flows *f, uint32_t count)
{
	while (f->change_count > count) {
		struct of_change *c = &f->changes[--f->change_count];

		if (!c->is_new) {
			atomic_store_explicit(&c->rule->removed, OF_VERSION_NEVER,
					      memory_order_relaxed);
			list_append(table_of(f, c->rule), c->rule);
			f->count++;
			continue;
		}
		if (of_rule_is_there(c->rule))
			list_remove(f, c->rule);
		f->count--;
		/* nobody will ever see it: out by the way of those that were seen */
		atomic_store_explicit(&c->rule->removed, 0, memory_order_relaxed);
		c->rule->bin = f->leaving;
		f->leaving = c->rule;
	}
}

void of_flows_begin(struct of_flows *f, uint64_t now_ns)
{
	f->now_ns = now_ns;
	f->change_count = 0;
}

void of_flows_abort(struct of_flows *f)
{
	of_flows_undo(f, 0);
	bin_start(f);
}

/* Packets of more than so many matches are told of as all packets. */
enum { TOLD_ONE_BY_ONE = 1024 };

static void tell_all_changed(const struct of_flows *f)
{
	const struct of_fields any = { 0 };

	if (f->events.changed)
		f->events.changed(f->events.arg, 0, &any, &any);
}

static void tell(struct of_flows *f, const struct of_change *c, bool is_one_by_one)
{
	const struct of_flows_events *e = &f->events;
	struct of_rule *r = c->rule;

	if (c->is_new && e->added && of_rule_is_there(r))
		e->added(e->arg, r);
	if (!c->is_new && e->removed)
		e->removed(e->arg, r, c->reason);
	/* the one that takes its place tells of the same packets */
	if (is_one_by_one && e->changed && c->reason != OF_REMOVED_REPLACED)
		e->changed(e->arg, r->table, &r->value, &r->subtable->whole);
}

void of_flows_commit(struct of_flows *f, bool anyway)
{
	uint32_t count = f->change_count;

	if (!count && !anyway)
		return;
	atomic_store_explicit(&f->version, of_flows_next(f), memory_order_release);
	if (count > TOLD_ONE_BY_ONE)
		tell_all_changed(f);
	for (uint32_t i = 0; i < count; i++)
		tell(f, &f->changes[i], count <= TOLD_ONE_BY_ONE);
	for (uint32_t i = 0; i < count; i++) {
		if (f->changes[i].is_new)
			continue;
		f->changes[i].rule->bin = f->leaving;
		f->leaving = f->changes[i].rule;
	}
	f->change_count = 0;
	bin_start(f);
}

/* ---- by what they name ---------------------------------------------------------------------------- */

static int remove_named(struct of_flows *f, uint32_t number, uint8_t reason,
			bool (*names)(const struct of_instructions *, uint32_t))
{
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		struct of_rule *next;

		for (struct of_rule *r = f->tables[t].oldest; r; r = next) {
			next = r->newer;
			if (names(r->instructions, number) && of_flows_remove(f, r, reason) != 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int of_flows_remove_group(struct of_flows *f, uint32_t group)
{
	return remove_named(f, group, OF_REMOVED_GROUP_DELETE, of_instructions_group);
}

int of_flows_remove_meter(struct of_flows *f, uint32_t meter)
{
	return remove_named(f, meter, OF_REMOVED_METER_DELETE, of_instructions_meter);
}

/* ---- life ----------------------------------------------------------------------------------------- */

void of_flows_init(struct of_flows *f, uint64_t seed, uint32_t limit,
		   const struct of_reclaim *reclaim, const struct of_flows_events *events)
{
	memset(f, 0, sizeof(*f));
	f->reclaim = *reclaim;
	f->events = *events;
	f->limit = limit;
	atomic_store_explicit(&f->version, 1, memory_order_relaxed);
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		of_classifier_init(&f->tables[t].classifier, seed + t, &f->reclaim);
		f->tables[t].limit = limit;
		atomic_store_explicit(&f->tables[t].lookups.holders, 1, memory_order_relaxed);
		atomic_store_explicit(&f->tables[t].matched.holders, 1, memory_order_relaxed);
	}
}

static void free_bin(struct of_rule *r)
{
	while (r) {
		struct of_rule *next = r->bin;

		of_rule_free(r);
		r = next;
	}
}

void of_flows_destroy(struct of_flows *f)
{
	free_bin(f->leaving);
	free_bin(f->unlinking);
	free_bin(f->freeing);
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		struct of_rule *next;

		for (struct of_rule *r = f->tables[t].oldest; r; r = next) {
			next = r->newer;
			of_rule_free(r);
		}
		of_classifier_destroy(&f->tables[t].classifier);
	}
	free(f->changes);
	memset(f, 0, sizeof(*f));
}
