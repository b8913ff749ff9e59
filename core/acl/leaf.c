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

static uint32_t *conditions_write(const struct acl_build *b, uint32_t rank,
				  const struct acl_box *box, uint32_t *to)
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
	return at;
}

/* ---- plain rules ----------------------------------------------------------------------------- */

enum { SHIFT_ALL = 32, PREFIXES = 2 };

struct plain {
	uint32_t count; /* of words by prefix */
	uint32_t word[PREFIXES], value[PREFIXES], shift[PREFIXES];
	uint32_t proto; /* and mask above */
	uint32_t dst_ports, src_ports;
};

/* False: this is beyond a plain rule. */
static bool plain_add(struct plain *p, uint32_t word, const struct acl_span *s)
{
	uint32_t rest = s->low ^ s->high;

	if (s->holes)
		return false;
	if (word == WORD_DST_PORT || word == WORD_SRC_PORT) {
		*(word == WORD_DST_PORT ? &p->dst_ports : &p->src_ports) = s->low << 16 | s->high;
		return true;
	}
	if (word == WORD_PROTO && rest == 0) {
		p->proto = s->low | (uint32_t)UINT8_MAX << 8;
		return true;
	}
	if (p->count == PREFIXES || !is_prefix(s))
		return false;
	p->word[p->count] = word;
	p->value[p->count] = s->low;
	p->shift[p->count++] = (uint32_t)__builtin_popcount(rest);
	return true;
}

static bool plain_of(const struct acl_build *b, uint32_t rank, const struct acl_box *box,
		     struct plain *p)
{
	*p = (struct plain){ .shift = { SHIFT_ALL, SHIFT_ALL },
			     .dst_ports = UINT16_MAX,
			     .src_ports = UINT16_MAX };
	for (uint32_t i = 0; i < b->word_count; i++) {
		uint32_t word = b->words[i];
		const struct acl_span *s = &b->spans[word][rank];

		if (!span_covers(s, box->low[word], box->high[word]) && !plain_add(p, word, s))
			return false;
	}
	return true;
}

static uint32_t *rule_write(const struct acl_build *b, uint32_t rank, const struct acl_box *box,
			    uint32_t *to)
{
	struct plain p;

	to[1] = b->answers[rank];
	if (!plain_of(b, rank, box, &p))
		return conditions_write(b, rank, box, to);
	to[0] = rule_head(rank, RULE_PLAIN);
	to[2] = p.value[0];
	to[3] = p.value[1];
	to[4] = plain_word(p.word[0], p.shift[0]) | plain_word(p.word[1], p.shift[1]) << 16;
	to[5] = p.proto;
	to[6] = p.dst_ports;
	to[7] = p.src_ports;
	return to + PLAIN_WORDS;
}

/* Room for a leaf of so many rules, however long they are. */
static int leaf_reserve(struct acl_build *b, uint32_t count)
{
	uint64_t longest = PLAIN_WORDS + CONDITION_WORDS * (uint64_t)b->word_count;
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
	if (set->count == 0)
		*to++ = rule_head(RANK_NONE, RULE_LAST);
	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t *head = to;

		to = rule_write(b, set->ranks[i], box, to);
		*head |= i + 1 == set->count ? (uint32_t)RULE_LAST : 0;
	}
	b->leaf_words = (uint32_t)(to - b->leaves);
	b->info.leaves++;
	b->info.entries += set->count;
	if (set->count > b->info.largest)
		b->info.largest = set->count;
	return 0;
}
