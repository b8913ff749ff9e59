/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/twins.h - rules of a set that say the same inside a box, but for one word.  Private to
 * core/acl.
 */
#ifndef XVS_ACL_TWINS_H
#define XVS_ACL_TWINS_H

#include "acl/tree.h"

struct acl_twins {
	uint32_t *table;  /* by hash: place in the set of the first of its kind, and 1 */
	uint16_t *hidden; /* by that place */
	uint32_t places;  /* of the table */
	uint32_t count;   /* in it */
	const struct acl_build *b;
	const struct acl_box *box;
	const struct acl_set *set;
	uint32_t words[WORDS]; /* that tell rules apart in this box */
	uint32_t word_count;
	bool is_whole; /* the rule last added says nothing in those */
};

uint64_t twins_bytes(uint32_t count);
/* For sets of up to 'count' rules.  -ENOMEM; finish it in any case. */
int twins_init(struct acl_twins *t, uint32_t count);
void twins_finish(struct acl_twins *t);

/* Of this set in this box, apart from one word (WORDS: all count).  All three stay as they are. */
void twins_begin(struct acl_twins *t, const struct acl_build *b, const struct acl_box *box,
		 uint32_t cut_word, const struct acl_set *set);

/*
 * What the caller notes for this rule and its twins, 0 at first.  Rules are asked for by their place
 * in the set, in order, each once by one of the two.  Sets t->is_whole.
 */
uint16_t *twins_add(struct acl_twins *t, uint32_t i);
/* What is noted for a twin that was added, or 0. */
uint32_t twins_hidden(struct acl_twins *t, uint32_t i);

#endif /* XVS_ACL_TWINS_H */
