/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/rule.h - one flow entry of a flow table.
 *
 * Written by the control thread.  Workers find it in a classifier and read what is constant; it
 * is freed when no worker can have it any more (table/reclaim.h) and nobody on the control thread
 * holds it.  A change of its actions is another rule, which takes over the statistics.
 */
#ifndef OPENFLOW_TABLE_RULE_H
#define OPENFLOW_TABLE_RULE_H

#include <stdatomic.h>

#include "model/mod.h"
#include "model/reason.h"
#include "table/stats.h"

struct of_subtable;

/* A rule is seen by who looks at a version in [added, removed). */
#define OF_VERSION_NEVER UINT64_MAX

/* Why it went, beside enum of_removed_reason: nobody is told. */
enum {
	OF_REMOVED_UNTOLD = 0xf0,
	OF_REMOVED_TABLE = 0xfe,    /* its table may no longer hold it */
	OF_REMOVED_REPLACED = 0xff, /* one of the same match came */
};

struct of_rule {
	struct of_fields value;
	uint64_t hash;
	_Atomic(struct of_rule *) next; /* with the same match, in falling priority */
	struct of_subtable *subtable;   /* has the mask; stays as long as the rule */
	const struct of_instructions *instructions;
	struct of_stats *stats;
	uint64_t added;
	_Atomic uint64_t removed;
	uint64_t cookie;
	uint64_t created_ns;
	uint16_t priority;
	uint16_t idle_timeout;
	uint16_t hard_timeout;
	uint16_t flags; /* enum of_flow_flag */
	uint16_t importance;
	uint8_t table;

	/* the control thread's alone */
	uint8_t version; /* of OpenFlow, in which it was asked for */
	uint32_t holders;
	bool is_freed;                 /* when the last holder lets go */
	struct of_rule *bin;           /* the next on its way out: flows.c */
	struct of_rule *older, *newer; /* all rules of its table, in the order in which they came */
	uint64_t nr;                   /* of all rules in that order */
	struct of_rule *due_prev, *due_next; /* in a slot of the wheel: table/timeout.h */
	uint32_t due_slot;                   /* its number and 1; 0: in none */
	uint32_t rank; /* its place among those that make room: table/rank.h */
};

/* [control] 'stats' NULL: new ones.  The instructions are copied.  NULL: out of memory. */
struct of_rule *of_rule_new(const struct of_instructions *instructions, struct of_stats *stats);

/* [control] Nobody has it any more. */
void of_rule_free(void *rule);

/* [control] It stays readable, if no longer in the table, until it is dropped. */
void of_rule_hold(struct of_rule *r);
void of_rule_drop(struct of_rule *r);

static inline bool of_rule_is_seen(const struct of_rule *r, uint64_t version)
{
	return r->added <= version &&
	       version < atomic_load_explicit(&r->removed, memory_order_relaxed);
}

/* [control] Is it in the table, as of now? */
static inline bool of_rule_is_there(const struct of_rule *r)
{
	return atomic_load_explicit(&r->removed, memory_order_relaxed) == OF_VERSION_NEVER;
}

#endif /* OPENFLOW_TABLE_RULE_H */
