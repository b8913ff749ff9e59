/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/classifier.h - which rule of a flow table has the highest priority among those that match.
 *
 * Rules are kept by mask (table/subtable.h); subtables are asked in falling order of the highest
 * priority that they have, until none of the rest can win.  One writer, the control thread;
 * readers take no lock.
 */
#ifndef OPENFLOW_TABLE_CLASSIFIER_H
#define OPENFLOW_TABLE_CLASSIFIER_H

#include "table/subtable.h"

/* Masks of one flow table: a look-up asks each of them in the worst case. */
enum { OF_SUBTABLES_MAX = 1024 };

struct of_order;

struct of_classifier {
	_Atomic(struct of_order *) order; /* NULL: no rules */

	/* the control thread's alone */
	struct of_subtable **subtables; /* open addressing by mask */
	uint32_t buckets;               /* a power of two, or 0 */
	uint32_t count;
	uint64_t seed;
	const struct of_reclaim *reclaim;
};

/* [control] 'reclaim' is kept. */
void of_classifier_init(struct of_classifier *c, uint64_t seed, const struct of_reclaim *reclaim);

/* [control] No worker can be in it; the rules are not freed. */
void of_classifier_destroy(struct of_classifier *c);

/*
 * [control] The rule's value and priority are set, 'mask' is its mask.  0 or -ENOMEM: nothing has
 * changed.
 */
int of_classifier_add(struct of_classifier *c, struct of_rule *r, const struct of_fields *mask);

/* [control] As of_subtable_remove(). */
void of_classifier_remove(struct of_classifier *c, struct of_rule *r);

/* [control] The rules of just this match, in falling priority (->next), or NULL. */
struct of_rule *of_classifier_list(const struct of_classifier *c, const struct of_match *match);

/* [control] How many of_classifier_within() looks at, about. */
uint64_t of_classifier_weight(const struct of_classifier *c, const struct of_fields *mask);

/*
 * [control] fn for each rule of which every packet matches (1.3.5, 6.4: non-strict), those no longer
 * seen among them.  fn changes nothing and goes on by returning true.
 */
void of_classifier_within(const struct of_classifier *c, const struct of_match *match,
			  bool (*fn)(void *arg, struct of_rule *r), void *arg);

/* [control] Is there a rule of this priority that some packet of the match also matches? */
bool of_classifier_overlaps(const struct of_classifier *c, const struct of_match *match,
			    uint32_t priority);

/* [any] NULL: none matches.  'examined' gains the bits by which that was decided. */
struct of_rule *of_classifier_find(const struct of_classifier *c, const struct of_fields *packet,
				   uint64_t version, struct of_fields *examined);

#endif /* OPENFLOW_TABLE_CLASSIFIER_H */
