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
}

static void list_remove(struct of_flows *f, struct of_rule *r)
{
	struct of_flow_table *t = &f->tables[r->table];

	of_cursors_leave(f->cursors, r);
	*(r->older ? &r->older->newer : &t->oldest) = r->newer;
	*(r->newer ? &r->newer->older : &t->newest) = r->older;
}

/* Where it was: all that has changed since it was removed has been undone. */
static void list_restore(struct of_flows *f, struct of_rule *r)
{
	struct of_flow_table *t = &f->tables[r->table];

	*(r->older ? &r->older->newer : &t->oldest) = r;
	*(r->newer ? &r->newer->older : &t->newest) = r;
	of_cursors_return(f->cursors, r);
}

/* ---- what is known of those that are there ---------------------------------------------------------- */

typedef void (*refer_fn)(struct of_references *r, uint32_t number);

static void refer_actions(struct of_flows *f, const struct of_actions *list, refer_fn fn)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->list[i].type == OF_ACT_GROUP)
			fn(&f->groups, list->list[i].number);
		if (list->list[i].type == OF_ACT_METER)
			fn(&f->meters, list->list[i].number);
	}
}

static void refer(struct of_flows *f, const struct of_instructions *i, refer_fn fn)
{
	refer_actions(f, &i->apply, fn);
	refer_actions(f, &i->write, fn);
	if (i->has & OF_INS_METER)
		fn(&f->meters, i->meter);
}

/* Room for what note_coming() notes. */
static int reserve_notes(struct of_flows *f, const struct of_rule *r)
{
	const struct of_instructions *i = r->instructions;
	struct of_flow_table *t = &f->tables[r->table];
	uint32_t names = i->apply.count + i->write.count + 1;

	if (of_references_reserve(&f->groups, names) != 0 ||
	    of_references_reserve(&f->meters, names) != 0)
		return -ENOMEM;
	return t->evicts ? of_rank_reserve(&t->rank, t->count + 1) : 0;
}

static void note_coming(struct of_flows *f, struct of_rule *r)
{
	struct of_flow_table *t = &f->tables[r->table];

	t->count++;
	f->count++;
	if (t->evicts)
		of_rank_put(&t->rank, r);
	refer(f, r->instructions, of_references_add);
}

static void note_going(struct of_flows *f, struct of_rule *r)
{
	struct of_flow_table *t = &f->tables[r->table];

	t->count--;
	f->count--;
	if (t->evicts)
		of_rank_take(&t->rank, r);
	refer(f, r->instructions, of_references_drop);
}

int of_flows_evict(struct of_flows *f, uint32_t table, bool evicts)
{
	struct of_flow_table *t = &f->tables[table];

	if (t->evicts == evicts)
		return 0;
	if (evicts && of_rank_reserve(&t->rank, t->count) != 0)
		return -ENOMEM;
	for (struct of_rule *r = evicts ? t->oldest : NULL; r; r = r->newer)
		of_rank_put(&t->rank, r);
	if (!evicts)
		of_rank_finish(&t->rank);
	t->evicts = evicts;
	return 0;
}

uint64_t of_flows_group_weight(const struct of_flows *f, uint32_t group)
{
	uint64_t named =
		group == OF_GROUP_ALL ? f->groups.total : of_references_of(&f->groups, group);

	return named ? f->count : 0;
}

uint64_t of_flows_meter_weight(const struct of_flows *f, uint32_t meter)
{
	uint64_t named =
		meter == OF_METER_ALL ? f->meters.total : of_references_of(&f->meters, meter);

	return named ? f->count : 0;
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

/*
 * Room for so many more changes, made before anything is done: commit cannot fail.  A bundle may change all
 * flows with each of its messages, and what went is kept until it can no longer be undone.
 */
static int reserve(struct of_flows *f, uint32_t more)
{
	uint32_t want = f->change_count + more;
	struct of_change *list;

	if (want > f->changes_max)
		return -ENOMEM;
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
	if (reserve(f, 1) != 0 || reserve_notes(f, r) != 0)
		return -ENOMEM;
	r->added = of_flows_next(f);
	if (of_classifier_add(&table_of(f, r)->classifier, r, mask) != 0)
		return -ENOMEM;
	r->nr = f->next_nr++;
	list_append(table_of(f, r), r);
	note_coming(f, r);
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
	note_going(f, r);
	f->changes[f->change_count++] = (struct of_change){ .rule = r, .reason = reason };
	return 0;
}

static void undo_one(struct of_flows *f, const struct of_change *c)
{
	struct of_rule *r = c->rule;

	if (!c->is_new) {
		atomic_store_explicit(&r->removed, OF_VERSION_NEVER, memory_order_relaxed);
		list_restore(f, r);
		note_coming(f, r);
		return;
	}
	list_remove(f, r);
	note_going(f, r);
	/* nobody will ever see it: out by the way of those that were seen */
	atomic_store_explicit(&r->removed, 0, memory_order_relaxed);
	r->bin = f->leaving;
	f->leaving = r;
}

/* Backwards, so that each step finds all as it was behind the change that it undoes. */
void of_flows_undo(struct of_flows *f, uint32_t count)
{
	while (f->change_count > count)
		undo_one(f, &f->changes[--f->change_count]);
}

void of_flows_begin(struct of_flows *f, uint64_t now_ns)
{
	f->now_ns = now_ns;
	f->change_count = 0;
	f->told = 0;
	of_references_forget(&f->groups);
	of_references_forget(&f->meters);
}

bool of_flows_unwind(struct of_flows *f, uint32_t count)
{
	of_flows_undo(f, f->change_count > count ? f->change_count - count : 0);
	if (f->change_count)
		return false;
	bin_start(f);
	return true;
}

void of_flows_abort(struct of_flows *f)
{
	(void)of_flows_unwind(f, UINT32_MAX);
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

/* Few changes are told of at once, since packets are to see all of them or none. */
void of_flows_publish(struct of_flows *f, bool anyway)
{
	if (!f->change_count && !anyway)
		return;
	atomic_store_explicit(&f->version, of_flows_next(f), memory_order_release);
	if (f->change_count > TOLD_ONE_BY_ONE)
		tell_all_changed(f);
	else
		(void)of_flows_tell(f, UINT32_MAX);
}

bool of_flows_tell(struct of_flows *f, uint32_t count)
{
	bool is_one_by_one = f->change_count <= TOLD_ONE_BY_ONE;

	for (; count > 0 && f->told < f->change_count; count--) {
		const struct of_change *c = &f->changes[f->told++];

		tell(f, c, is_one_by_one);
		if (c->is_new)
			continue;
		c->rule->bin = f->leaving;
		f->leaving = c->rule;
	}
	if (f->told < f->change_count)
		return false;
	f->change_count = f->told = 0;
	bin_start(f);
	return true;
}

void of_flows_commit(struct of_flows *f, bool anyway)
{
	of_flows_publish(f, anyway);
	(void)of_flows_tell(f, UINT32_MAX);
}

/* ---- life ----------------------------------------------------------------------------------------- */

void of_flows_init(struct of_flows *f, uint64_t seed, uint32_t limit,
		   const struct of_reclaim *reclaim, const struct of_flows_events *events)
{
	memset(f, 0, sizeof(*f));
	f->reclaim = *reclaim;
	f->events = *events;
	f->limit = limit;
	f->changes_max = OF_CHANGES_MAX;
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
	/* of a transaction that is in hand, those that are in no list any more */
	for (uint32_t i = f->told; i < f->change_count; i++) {
		if (!f->changes[i].is_new)
			of_rule_free(f->changes[i].rule);
	}
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		struct of_rule *next;

		for (struct of_rule *r = f->tables[t].oldest; r; r = next) {
			next = r->newer;
			of_rule_free(r);
		}
		of_classifier_destroy(&f->tables[t].classifier);
		of_rank_finish(&f->tables[t].rank);
	}
	free(f->changes);
	of_references_finish(&f->groups);
	of_references_finish(&f->meters);
	memset(f, 0, sizeof(*f));
}
