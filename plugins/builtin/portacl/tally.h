/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - the rules of one feature on one port, and what they counted there.
 *
 * Counts go with a rule, not with a policy: a rule that is in the next policy as well goes on where
 * it was, whoever stands beside it.  The number of a policy (generation) is in the cookies of flows,
 * so that what a flow brings late still counts for its rule.
 */
#ifndef ACL_TALLY_H
#define ACL_TALLY_H

#include <stdatomic.h>

#include "ruleset.h"

#define NO_RULE XVS_CLASSIFY_NONE

enum { GENERATIONS = 1023 };

/* One writer each: a worker, or the control thread. */
struct count {
	_Atomic uint64_t packets, bytes, connections, limited;
};

struct tally {
	struct acl *acl;
	struct ruleset *set;
	uint32_t refs;       /* the port, and those who hand their counts on to it */
	uint32_t generation; /* 1 .. GENERATIONS, in turn */
	bool is_spent;       /* workers have left it: its counts belong to the next */
	struct tally *next;  /* that took its place; NULL: none */
	uint32_t *moved;     /* where the rules of the former policy are in this one, or NO_RULE */
	uint32_t moved_count;
	uint32_t moved_generation;
	uint32_t rows;        /* one a worker, and that of the control thread */
	struct count *counts; /* rows of set->count; mapped, and touched where a rule was met */
	size_t bytes;
	struct effect_meters *meters; /* of the set's effects; NULL: none limits */
	struct rule_log *log;         /* NULL: none logs */
};

/*
 * [control] The rules that are to take the place of 'former' (NULL: none).  Gives one user and one
 * reference of 'set', which are kept, or put where it fails: -ENOMEM.
 */
int tally_create(struct acl *a, struct ruleset *set, const struct tally *former, struct tally **out,
		 struct xvs_error *err);
/* [control] It never came into force. */
void tally_abort(struct tally *t);
/* [control] 'next' (NULL: nothing) has taken its place; workers may still read it. */
void tally_retire(struct tally *t, struct tally *next);
/* [control] No worker reads it. */
void tally_finish(struct tally *t);

/* [worker] The rule, by its number and the generation of a cookie, met so much. */
struct credit {
	uint32_t generation;
	uint32_t nr;
	uint64_t packets, bytes, connections, limited;
};
void tally_credit(const struct tally *t, uint32_t worker, const struct credit *c);

/* [control] So much was met elsewhere, instead of what was carried before. */
void tally_carry(const struct tally *t, const struct credit *c);

/* [control] */
struct rule_count tally_sum(const struct tally *t, uint32_t nr);

#endif /* ACL_TALLY_H */
