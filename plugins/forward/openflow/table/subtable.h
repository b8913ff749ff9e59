/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/subtable.h - the rules of one flow table that have one mask.
 *
 *	hash of stage 1 known? -> of stages 1, 2? -> address prefixes? -> of all: the slot -> rules
 *
 * One hash table finds them all.  In front of it stand filters, which say early that no rule can
 * match: one for the fields of each stage (model/field.h) and a few for beginnings of address
 * prefixes.  What stops at a filter has examined no more than what that filter is about, so that
 * verdicts on packets stay as wide as the rules allow.
 *
 * One writer, the control thread; readers take no lock.
 */
#ifndef OPENFLOW_TABLE_SUBTABLE_H
#define OPENFLOW_TABLE_SUBTABLE_H

#include "table/reclaim.h"
#include "table/rule.h"

enum {
	OF_PREFIX_PROBES = 12, /* 3 for each of two IPv4 addresses, or 5 for each of two of IPv6 */
	OF_FILTERS = OF_STAGES - 1 + OF_PREFIX_PROBES,
};

/* The words of a mask that are not zero. */
struct of_mask {
	uint8_t count;
	uint8_t stage_end[OF_STAGES]; /* as many of them are of the stages up to this */
	uint8_t word[OF_WORDS];
	uint64_t bits[OF_WORDS];
};

/* The beginning of an address: one or two words. */
struct of_probe {
	uint8_t count;
	uint8_t word[2];
	uint64_t bits[2];
};

struct of_slots;

struct of_subtable {
	struct of_fields whole; /* the mask itself */
	struct of_mask mask;
	struct of_probe probes[OF_PREFIX_PROBES];
	uint32_t probe_count;
	uint64_t seed;
	_Atomic(struct of_slots *) slots;

	/* the control thread's alone */
	struct of_slots *growing; /* to take their place, or NULL: as they are up to slot 'moved' */
	uint32_t moved;
	uint32_t rules;    /* in slots and lists, those that are no longer seen among them */
	uint32_t removed;  /* since 'top' was looked for */
	uint32_t top;      /* no rule has a higher priority */
	int64_t known_top; /* what readers go by: classifier.c; -1: they do not know it */
	uint32_t users;    /* rules, there or not, that point here */
	bool is_ended;     /* no reader can find it: it goes with its last user */
	const struct of_reclaim *reclaim;
};

/* [control] NULL: out of memory. */
struct of_subtable *of_subtable_new(const struct of_fields *mask, uint64_t seed,
				    const struct of_reclaim *reclaim);

/* [control] No worker can be in it; its rules are not freed. */
void of_subtable_free(struct of_subtable *s);

/* [control] 0 or -ENOMEM: then the next of_subtable_add() may not be called. */
int of_subtable_reserve(struct of_subtable *s);

/* [control] Its value fits the mask.  After of_subtable_reserve(): cannot fail. */
void of_subtable_add(struct of_subtable *s, struct of_rule *r);

/*
 * [control] Nobody looks at a version any more in which it is seen.  Readers may still be on it: it
 * is to be freed only after another grace period.
 */
void of_subtable_remove(struct of_subtable *s, struct of_rule *r);

/* [control] Those of just this match: the first of them, in falling priority. */
struct of_rule *of_subtable_list(const struct of_subtable *s, const struct of_fields *value);

/* [control] fn for each whose packets all match, until it returns false; then so does this. */
bool of_subtable_within(const struct of_subtable *s, const struct of_match *match,
			bool (*fn)(void *arg, struct of_rule *r), void *arg);

/* [control] Is there one of this priority that some packet of the match also matches? */
bool of_subtable_overlaps(const struct of_subtable *s, const struct of_match *match,
			  uint32_t priority);

/*
 * [any] The rule of the highest priority above 'floor' (-1: any) that is seen in this version, or
 * NULL.  'examined' gains the bits by which that was decided.
 */
struct of_rule *of_subtable_find(const struct of_subtable *s, const struct of_fields *packet,
				 uint64_t version, int32_t floor, struct of_fields *examined);

#endif /* OPENFLOW_TABLE_SUBTABLE_H */
