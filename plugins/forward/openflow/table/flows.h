/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/flows.h - the flow tables of one switch, and the changes that controllers make to them.
 *
 *	begin -> add, modify, delete (many) -> commit: all of it is seen at once
 *	                                    -> abort:  nothing has happened
 *
 * Each of these may go on over several turns of the control thread: sweep.h; publish, then tell; undo.
 * A change is seen by who looks at the version that it makes, so a worker that is half way through
 * the tables goes on with those that it began with.  All but of_flows_find() belongs to the control
 * thread.
 *
 * Source: OpenFlow 1.3.5, 6.4; 1.0.0, 4.6; 1.4.0, 6.5 (eviction) and 7.3.4.3.
 */
#ifndef OPENFLOW_TABLE_FLOWS_H
#define OPENFLOW_TABLE_FLOWS_H

#include "table/classifier.h"
#include "table/rank.h"
#include "table/references.h"

struct of_flow_table {
	struct of_classifier classifier;
	struct of_rule *oldest, *newest; /* those that are there */
	uint32_t count;
	uint32_t limit;      /* more rules than this it does not take */
	bool evicts;         /* 1.4: the least important makes room; of_flows_evict() */
	struct of_rank rank; /* where it evicts */
	/* credited with flows; they are the table's for good */
	struct of_stats lookups, matched;
};

/*
 * What happened, told at commit, in order.  Called by the control thread; they may hold rules and
 * change nothing.
 */
struct of_flows_events {
	/*
	 * The packets of this match in this table may go another way now; where very much has
	 * changed, all packets may: no bit of the mask.
	 */
	void (*changed)(void *arg, uint8_t table, const struct of_fields *value,
			const struct of_fields *mask);
	void (*added)(void *arg, struct of_rule *r);
	/* It is not seen any more; 'reason': enum of_removed_reason. */
	void (*removed)(void *arg, struct of_rule *r, uint8_t reason);
	void *arg;
};

enum { OF_CHANGES_MAX = 1 << 22 }; /* a million flows are modified twice by as many */

struct of_change; /* one step of a transaction */
struct of_cursor; /* cursor.h */

struct of_flows {
	_Atomic uint64_t version; /* what workers look at */
	struct of_flow_table tables[OF_TABLES];
	struct of_reclaim reclaim;
	struct of_flows_events events;
	struct of_change *changes; /* of the transaction in hand */
	uint32_t change_count, change_space;
	uint32_t changes_max;                /* of one transaction */
	uint32_t told;                       /* of them, since they were published */
	uint64_t next_nr;                    /* of rules */
	struct of_references groups, meters; /* that rules name */
	uint64_t now_ns;                     /* of the transaction in hand */
	uint32_t count;
	uint32_t limit; /* of all tables */
	/* rules on their way out: waiting, about to leave the classifiers, about to be freed */
	struct of_rule *leaving, *unlinking, *freeing;
	struct of_cursor *cursors; /* of those who go through them in turns */
};

/* 'limit': of each table.  'events' and 'reclaim' are copied. */
void of_flows_init(struct of_flows *f, uint64_t seed, uint32_t limit,
		   const struct of_reclaim *reclaim, const struct of_flows_events *events);

/* No worker can be in it, and nobody holds a rule. */
void of_flows_destroy(struct of_flows *f);

void of_flows_begin(struct of_flows *f, uint64_t now_ns);
/* 'anyway': make a version of its own, though no flow has changed. */
void of_flows_commit(struct of_flows *f, bool anyway);
void of_flows_abort(struct of_flows *f);

/* The two parts of a commit: it is in force; then so many changes are told of.  True: that was all. */
void of_flows_publish(struct of_flows *f, bool anyway);
bool of_flows_tell(struct of_flows *f, uint32_t count);
/* Parts of an abort: so many changes are undone.  True: that was all. */
bool of_flows_unwind(struct of_flows *f, uint32_t count);

/*
 * Within a transaction.  The mod's instructions are copied.  On a fault nothing was changed by this
 * call (what was changed before it in the transaction stays).
 */
of_fault of_flows_mod(struct of_flows *f, const struct of_flow_mod *mod);

/* Within a transaction: takes one rule out.  It is there. */
int of_flows_remove(struct of_flows *f, struct of_rule *r, uint8_t reason);

/* Within a transaction: the same rule with other instructions. */
of_fault of_flows_modify(struct of_flows *f, struct of_rule *old, const struct of_flow_mod *mod);

/* How many rules a mod looks at, about; the same of those that go with a group or a meter. */
uint64_t of_flows_mod_weight(const struct of_flows *f, const struct of_flow_mod *mod);
uint64_t of_flows_group_weight(const struct of_flows *f, uint32_t group); /* OF_GROUP_ALL: any */
uint64_t of_flows_meter_weight(const struct of_flows *f, uint32_t meter); /* OF_METER_ALL: any */

/* Outside of transactions.  -ENOMEM: nothing has changed. */
int of_flows_evict(struct of_flows *f, uint32_t table, bool evicts);

/* Those that a MODIFY or DELETE is about. */
struct of_flow_filter of_flow_filter_of(const struct of_flow_mod *mod);

/* Is it one of those, its match apart? */
bool of_flow_is_meant(const struct of_rule *r, const struct of_flow_filter *filter);

/* How many rules of_flows_list() looks at for this filter, about. */
uint64_t of_flows_weight(const struct of_flows *f, const struct of_flow_filter *filter);

/*
 * Those that are there and meant, each held: drop each by of_rule_drop().  'out' is the caller's to
 * free.  -ENOMEM: none are held.
 */
int of_flows_list(struct of_flows *f, const struct of_flow_filter *filter, struct of_rule ***out,
		  uint32_t *count);

/* Within a transaction, for mods.c: a rule comes in, or -ENOMEM; back to so many changes. */
int of_flows_put(struct of_flows *f, struct of_rule *r, const struct of_fields *mask);
void of_flows_undo(struct of_flows *f, uint32_t count);

/* [control] The version that the transaction in hand makes. */
static inline uint64_t of_flows_next(const struct of_flows *f)
{
	return atomic_load_explicit(&f->version, memory_order_relaxed) + 1;
}

/* [any] The version to look at for all tables of one packet. */
static inline uint64_t of_flows_version(const struct of_flows *f)
{
	return atomic_load_explicit(&f->version, memory_order_acquire);
}

/* [any] */
static inline struct of_rule *of_flows_find(const struct of_flows *f, uint8_t table,
					    const struct of_fields *packet, uint64_t version,
					    struct of_fields *examined)
{
	return of_classifier_find(&f->tables[table].classifier, packet, version, examined);
}

#endif /* OPENFLOW_TABLE_FLOWS_H */
