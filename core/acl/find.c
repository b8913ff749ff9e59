/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/find.c - the look-up: down the tree of the packet's class, and down the asides that may still
 * hold a better rule.
 *
 * Every decision on the way depends on some bits of one word, and those are noted: where a value
 * lies between two ends, the bits down to where it first differs from each.  Whoever agrees in them
 * takes the same way to the same leaf, and finds the same rule there.
 *
 * Ways are as random as packets, so what is done at each node has no branches.
 */
#include <string.h>

#include "acl/tree.h"

typedef int32_t ends_four __attribute__((vector_size(16)));

enum { LINE_WORDS = 16 }; /* of a cache line */

struct pending {
	uint32_t ref;
	uint32_t rank;  /* of the best rule there */
	uint32_t ahead; /* how far its way has been scouted */
};

struct search {
	uint32_t words[WORDS];
	uint32_t seen[WORDS];
	uint32_t best;   /* rank */
	uint32_t answer; /* of that rule */
	uint32_t pending_count;
	struct pending pending[ACL_DEPTH + 1]; /* the last one is written, never used */
};

static inline const uint32_t *at_ref(const struct acl *a, uint32_t ref)
{
	return a->memory + (ref & ~REF_LEAF);
}

/* A node, or all but the end of a long leaf. */
static inline void prefetch_ref(const struct acl *a, uint32_t ref)
{
	const uint32_t *at = at_ref(a, ref);

	__builtin_prefetch(at);
	__builtin_prefetch(at + LINE_WORDS);
}

/* The highest bit of 'differences', which has one, and all above it. */
static inline uint32_t bits_from(uint32_t differences)
{
	return UINT32_MAX << (31 - __builtin_clz(differences));
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static inline uint32_t node_child(const struct acl_node *n, uint32_t x)
{
	int32_t biased = (int32_t)(x ^ 0x80000000);
	ends_four value = { biased, biased, biased, biased };
	ends_four below = { 0, 0, 0, 0 };

	for (uint32_t i = 1; i <= NODE_CUTS; i += 4) {
		ends_four ends;

		memcpy(&ends, &n->ends[i], sizeof(ends));
		below += value > ends; /* -1 for each */
	}
	return (uint32_t) - (below[0] + below[1] + below[2] + below[3]);
}

/*
 * The bits down to where x first differs from the value below the child's first and from the one
 * above its last.  Those of 0 and of the largest value differ from every x above bit 31, so that
 * there nothing is to be seen.
 */
static inline uint32_t node_seen(const struct acl_node *n, uint32_t child, uint32_t x)
{
	uint32_t first = ((uint32_t)n->ends[child] ^ 0x80000000) + 1;
	uint64_t last = (uint32_t)n->ends[child + 1] ^ 0x80000000;
	int below = __builtin_clzll(x ^ ((uint64_t)first - 1));
	int above = __builtin_clzll(x ^ (last + 1));

	return (uint32_t)(UINT64_MAX << (63 - (below > above ? below : above)));
}

static inline uint32_t node_step(const struct acl *a, struct search *s, const struct acl_node *n)
{
	uint32_t x = s->words[n->word];
	uint32_t child;

	__builtin_prefetch(n->child);
	child = node_child(n, x);
	s->seen[n->word] |= node_seen(n, child, x);
	s->pending[s->pending_count] = (struct pending){ n->aside, n->aside_rank, n->aside };
	s->pending_count += n->aside_rank < s->best;
	prefetch_ref(a, n->aside);
	return n->child[child];
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static inline uint32_t head_word(uint32_t head)
{
	return head & 31;
}

static inline enum condition_kind head_kind(uint32_t head)
{
	return (enum condition_kind)(head >> 5 & 7);
}

/* The bits by which x fails the condition; 0: it does not. */
static inline uint32_t condition_failed(uint32_t head, uint32_t operand, uint32_t x)
{
	uint32_t argument = head >> 8;
	uint32_t first = operand >> 16;
	uint32_t last = operand & UINT16_MAX;
	uint32_t differs = x ^ operand;

	switch (head_kind(head)) {
	case CONDITION_PREFIX:
		differs = differs >> argument << argument;
		return differs ? bits_from(differs) : 0;
	case CONDITION_RANGE:
		if (x < first)
			return bits_from(x ^ first);
		return x > last ? bits_from(x ^ last) : 0;
	default:
		differs &= argument;
		return differs & bits_from(differs | 1);
	}
}

/* The bits by which x meets the condition. */
static inline uint32_t condition_met(uint32_t head, uint32_t operand, uint32_t x)
{
	uint32_t argument = head >> 8;
	uint32_t first = operand >> 16;
	uint32_t last = operand & UINT16_MAX;

	switch (head_kind(head)) {
	case CONDITION_PREFIX:
		return UINT32_MAX << argument;
	case CONDITION_RANGE:
		return (first > 0 ? bits_from(x ^ (first - 1)) : 0) |
		       (last < UINT16_MAX ? bits_from(x ^ (last + 1)) : 0);
	default:
		return argument;
	}
}

/*
 * Of all conditions that the packet fails, one is noted: one whose bits were noted before, or else
 * the first, since what is wider comes later.
 */
static inline bool conditions_met(struct search *s, const uint32_t *at, uint32_t count)
{
	uint32_t bits = 0;
	uint32_t word = 0;

	for (uint32_t i = 0; i < count; i++, at += CONDITION_WORDS) {
		uint32_t w = head_word(at[0]);
		uint32_t failed = condition_failed(at[0], at[1], s->words[w]);

		if (failed == 0)
			continue;
		if ((failed & ~s->seen[w]) == 0)
			return false;
		if (bits == 0) {
			bits = failed;
			word = w;
		}
	}
	s->seen[word] |= bits;
	return bits == 0;
}

static void rule_found(struct search *s, const uint32_t *rule, uint32_t conditions)
{
	const uint32_t *at = rule + RULE_WORDS;

	s->best = rule[0] >> 5;
	s->answer = rule[1];
	for (uint32_t i = 0; i < conditions; i++, at += CONDITION_WORDS) {
		uint32_t w = head_word(at[0]);

		s->seen[w] |= condition_met(at[0], at[1], s->words[w]);
	}
}

static inline void leaf_search(struct search *s, const uint32_t *rule)
{
	__builtin_prefetch(rule + LINE_WORDS); /* the rest of all but long ones */
	while (rule[0] >> 5 < s->best) {
		uint32_t conditions = rule[0] & 31;

		if (conditions_met(s, rule + RULE_WORDS, conditions)) {
			rule_found(s, rule, conditions);
			return;
		}
		rule += RULE_WORDS + conditions * CONDITION_WORDS;
	}
}

/* ---- the whole ------------------------------------------------------------------------------- */

/*
 * One step ahead into each aside that waits, so that its lines are on their way while the search is
 * elsewhere.  Nothing is noted: who will not be of interest costs some instructions, and a
 * memory access for each node in turn would cost more.
 */
static inline void scout(const struct acl *a, struct search *s)
{
	for (uint32_t i = 0; i < s->pending_count; i++) {
		uint32_t ref = s->pending[i].ahead;
		const struct acl_node *n = (const struct acl_node *)at_ref(a, ref);

		if (ref & REF_LEAF)
			continue;
		ref = n->child[node_child(n, s->words[n->word])];
		s->pending[i].ahead = ref;
		prefetch_ref(a, ref);
	}
}

static void search(const struct acl *a, struct search *s, uint32_t ref)
{
	for (;;) {
		while (!(ref & REF_LEAF)) {
			ref = node_step(a, s, (const struct acl_node *)at_ref(a, ref));
			if (!a->is_large)
				continue;
			prefetch_ref(a, ref);
			scout(a, s);
		}
		leaf_search(s, at_ref(a, ref));
		do {
			if (s->pending_count == 0)
				return;
			s->pending_count--;
		} while (s->pending[s->pending_count].rank >= s->best);
		ref = s->pending[s->pending_count].ref;
	}
}

uint32_t acl_find(const struct acl *a, const struct xvs_flow_key *key, uint32_t segment,
		  struct xvs_flow_key *mask)
{
	enum acl_class kind = key_class(key);
	struct search s;

	key_words(key, segment, s.words);
	memset(s.seen, 0, sizeof(s.seen));
	s.best = ACL_NONE >> 5;
	s.answer = ACL_NONE;
	s.pending_count = 0;
	search(a, &s, a->roots[kind]);
	if (mask)
		mask_add(mask, kind, s.seen);
	return s.answer;
}
