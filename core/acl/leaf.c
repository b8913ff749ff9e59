/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/leaf.c - the rules of a box in order, each with the conditions that the box does not prove.
 */
#include <errno.h>
#include <stdlib.h>

#include "acl/tree.h"

static bool is_prefix(const struct acl_span *s)
{
	uint32_t rest = s->low ^ s->high;

	return (rest & (rest + 1)) == 0 && (s->low & rest) == 0;
}

/* Only ports have spans that are no prefixes, so 16 bits are enough for an end. */
static void condition_write(uint32_t *to, uint32_t word, const struct acl_span *s)
{
	if (s->holes) {
		to[0] = condition_head(word, CONDITION_HOLES, s->holes);
		to[1] = s->low;
	} else if (is_prefix(s)) {
		uint32_t rest = s->low ^ s->high;

		to[0] = condition_head(word, CONDITION_PREFIX, (uint32_t)__builtin_popcount(rest));
		to[1] = s->low;
	} else {
		to[0] = condition_head(word, CONDITION_RANGE, 0);
		to[1] = s->low << 16 | s->high;
	}
}

static uint32_t *rule_write(const struct acl_build *b, uint32_t rank, const struct acl_box *box,
			    uint32_t *to)
{
	uint32_t *at = to + RULE_WORDS;
	uint32_t conditions = 0;

	for (uint32_t i = 0; i < b->word_count; i++) {
		uint32_t word = b->words[i];
		const struct acl_span *s = &b->spans[word][rank];

		if (span_covers(s, box->low[word], box->high[word]))
			continue;
		condition_write(at, word, s);
		at += CONDITION_WORDS;
		conditions++;
	}
	to[0] = rule_head(rank, conditions);
	to[1] = b->answers[rank];
	return at;
}

/* Room for a leaf of so many rules, however long they are. */
static int leaf_reserve(struct acl_build *b, uint32_t count)
{
	uint64_t longest = RULE_WORDS + CONDITION_WORDS * (uint64_t)b->word_count;
	uint64_t need = b->leaf_words + 1 + count * longest;
	uint64_t room = b->leaf_room;
	void *leaves;

	if (need <= room)
		return 0;
	while (room < need)
		room = room ? room * 2 : 4096;
	if (need >= REF_LEAF)
		return -E2BIG;
	leaves = realloc(b->leaves, room * sizeof(*b->leaves));
	if (!leaves)
		return -ENOMEM;
	build_hold(b, (room - b->leaf_room) * sizeof(*b->leaves));
	b->leaves = leaves;
	b->leaf_room = (uint32_t)room;
	return 0;
}

int leaf_write(struct acl_build *b, const struct acl_set *set, const struct acl_box *box,
	       uint32_t *ref)
{
	int e = leaf_reserve(b, set->count);
	uint32_t *to;

	if (e)
		return e;
	to = b->leaves + b->leaf_words;
	*ref = REF_LEAF | b->leaf_words;
	for (uint32_t i = 0; i < set->count; i++)
		to = rule_write(b, set->ranks[i], box, to);
	*to++ = ACL_NONE;
	b->leaf_words = (uint32_t)(to - b->leaves);
	b->info.leaves++;
	b->info.entries += set->count;
	if (set->count > b->info.largest)
		b->info.largest = set->count;
	return 0;
}
