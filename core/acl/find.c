/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/find.c - the look-up: down the trees of the packet's subnets and of its class, and down the
 * asides that may still hold a better rule.
 *
 * Every decision on the way depends on some bits of one word, and those are noted: where a value
 * lies between two ends, the bits down to where it first differs from each.  Whoever agrees in them
 * takes the same way to the same leaf, and finds the same rule there.
 *
 * Ways are as random as packets, so what is done at each node has no branches.
 *
 * Who keeps nothing of a packet does not ask what was looked at: then nothing is noted, which is most of
 * what there is to do.
 */
#include <string.h>

#include "acl/tree.h"

typedef int32_t ends_four __attribute__((vector_size(16)));

enum { LINE_WORDS = 16 }; /* of a cache line */

#define FIND_INLINE static inline __attribute__((always_inline))

/* An aside that waits, or the tree of a subnet or of the class. */
struct pending {
	uint32_t ref;
	uint32_t rank; /* of the best rule there */
};

struct search {
	uint32_t words[WORDS];
	uint32_t seen[WORDS]; /* nothing, where nobody asks what was looked at */
	uint32_t best;        /* rank */
	uint32_t answer;      /* of that rule */
	uint32_t pending_count;
	struct pending pending[1 + INDICES + ACL_DEPTH + 1]; /* the last one is written, never used */
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
 * The bits down to where x first differs from the value below 'first' and from the one above
 * 'last'.  Those of 0 and of the largest value differ from every x above bit 31, so that there
 * nothing is to be seen.
 */
static inline uint32_t span_seen(uint32_t first, uint32_t last, uint32_t x)
{
	int below = __builtin_clzll(x ^ ((uint64_t)first - 1));
	int above = __builtin_clzll(x ^ ((uint64_t)last + 1));

	return (uint32_t)(UINT64_MAX << (63 - (below > above ? below : above)));
}

static inline uint32_t node_seen(const struct acl_node *n, uint32_t child, uint32_t x)
{
	return span_seen(((uint32_t)n->ends[child] ^ 0x80000000) + 1,
			 (uint32_t)n->ends[child + 1] ^ 0x80000000, x);
}

/* 'noted', here and below: a constant where these are made, so that each is made twice. */
FIND_INLINE uint32_t node_step(const struct acl *a, struct search *s, const struct acl_node *n,
			       bool noted)
{
	uint32_t x = s->words[n->word];
	uint32_t child;

	__builtin_prefetch(n->child);
	child = node_child(n, x);
	if (noted)
		s->seen[n->word] |= node_seen(n, child, x);
	s->pending[s->pending_count] = (struct pending){ n->aside, n->aside_rank };
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

static inline void rule_found(struct search *s, const uint32_t *rule)
{
	s->best = rule[0] >> RANK_SHIFT;
	s->answer = rule[1];
}

static bool other_met_unnoted(const struct search *s, const uint32_t *rule, uint32_t conditions)
{
	const uint32_t *at = rule + RULE_WORDS;

	for (uint32_t i = 0; i < conditions; i++, at += CONDITION_WORDS) {
		if (condition_failed(at[0], at[1], s->words[head_word(at[0])]))
			return false;
	}
	return true;
}

static bool other_met(struct search *s, const uint32_t *rule, uint32_t conditions)
{
	const uint32_t *at = rule + RULE_WORDS;

	if (!conditions_met(s, at, conditions))
		return false;
	for (uint32_t i = 0; i < conditions; i++, at += CONDITION_WORDS) {
		uint32_t w = head_word(at[0]);

		s->seen[w] |= condition_met(at[0], at[1], s->words[w]);
	}
	return true;
}

/* ---- plain rules ----------------------------------------------------------------------------- */

static inline bool is_outside(uint32_t ports, uint32_t x)
{
	uint32_t first = ports >> 16;

	return x - first > (ports & UINT16_MAX) - first;
}

/* The bits of a port by which it is outside; 0: it is not. */
static uint32_t ports_failed(uint32_t ports, uint32_t x)
{
	uint32_t first = ports >> 16;

	return is_outside(ports, x) ? bits_from(x ^ (x < first ? first : ports & UINT16_MAX)) : 0;
}

static inline uint32_t ports_seen(uint32_t ports, uint32_t x)
{
	return span_seen(ports >> 16, ports & UINT16_MAX, x);
}

/* The two words by prefix, and how many bits of each do not count: up to all 32. */
struct prefixes {
	uint32_t word[2];
	uint32_t shift[2];
};

static inline struct prefixes plain_prefixes(const uint32_t *rule)
{
	uint32_t both = rule[4];

	return (struct prefixes){ { both & UINT8_MAX, both >> 16 & UINT8_MAX },
				  { both >> 8 & UINT8_MAX, both >> 24 } };
}

/*
 * Notes one of the reasons by which the packet fails, the widest, unless a port has one that was
 * noted before.
 */
static void plain_failed(struct search *s, const uint32_t *rule)
{
	struct prefixes p = plain_prefixes(rule);
	uint32_t dst = ports_failed(rule[6], s->words[WORD_DST_PORT]);
	uint32_t src = ports_failed(rule[7], s->words[WORD_SRC_PORT]);
	uint32_t proto = (s->words[WORD_PROTO] ^ rule[5]) & rule[5] >> 8;

	if ((dst && !(dst & ~s->seen[WORD_DST_PORT])) || (src && !(src & ~s->seen[WORD_SRC_PORT])))
		return;
	if (proto) {
		s->seen[WORD_PROTO] |= bits_from(proto);
		return;
	}
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t differs = s->words[p.word[i]] ^ rule[2 + i];

		if ((uint64_t)differs >> p.shift[i]) {
			s->seen[p.word[i]] |= bits_from(differs);
			return;
		}
	}
	s->seen[dst ? WORD_DST_PORT : WORD_SRC_PORT] |= dst ? dst : src;
}

static inline void plain_note(struct search *s, const uint32_t *rule)
{
	struct prefixes p = plain_prefixes(rule);

	s->seen[p.word[0]] |= (uint32_t)(UINT64_MAX << p.shift[0]);
	s->seen[p.word[1]] |= (uint32_t)(UINT64_MAX << p.shift[1]);
	s->seen[WORD_PROTO] |= rule[5] >> 8;
	s->seen[WORD_DST_PORT] |= ports_seen(rule[6], s->words[WORD_DST_PORT]);
	s->seen[WORD_SRC_PORT] |= ports_seen(rule[7], s->words[WORD_SRC_PORT]);
}

static inline bool plain_met_unnoted(const struct search *s, const uint32_t *rule)
{
	struct prefixes p = plain_prefixes(rule);
	uint64_t a = s->words[p.word[0]] ^ rule[2];
	uint64_t b = s->words[p.word[1]] ^ rule[3];
	uint32_t proto = (s->words[WORD_PROTO] ^ rule[5]) & rule[5] >> 8;

	return !(a >> p.shift[0] | b >> p.shift[1] | proto |
		 (uint32_t)is_outside(rule[6], s->words[WORD_DST_PORT]) |
		 (uint32_t)is_outside(rule[7], s->words[WORD_SRC_PORT]));
}

/* Most rules are failed by bits that were noted before. */
static inline bool plain_met(struct search *s, const uint32_t *rule)
{
	struct prefixes p = plain_prefixes(rule);
	uint64_t a = s->words[p.word[0]] ^ rule[2];
	uint64_t b = s->words[p.word[1]] ^ rule[3];
	uint32_t proto = (s->words[WORD_PROTO] ^ rule[5]) & rule[5] >> 8;

	if ((a & s->seen[p.word[0]]) >> p.shift[0] | (b & s->seen[p.word[1]]) >> p.shift[1] |
	    (proto & s->seen[WORD_PROTO]))
		return false;
	if (a >> p.shift[0] | b >> p.shift[1] | proto |
	    (uint32_t)is_outside(rule[6], s->words[WORD_DST_PORT]) |
	    (uint32_t)is_outside(rule[7], s->words[WORD_SRC_PORT])) {
		plain_failed(s, rule);
		return false;
	}
	plain_note(s, rule);
	return true;
}

FIND_INLINE bool rule_met(struct search *s, const uint32_t *rule, uint32_t form, bool noted)
{
	if (noted)
		return form == RULE_PLAIN ? plain_met(s, rule) : other_met(s, rule, form);
	return form == RULE_PLAIN ? plain_met_unnoted(s, rule) : other_met_unnoted(s, rule, form);
}

FIND_INLINE void leaf_search(struct search *s, const uint32_t *rule, bool noted)
{
	uint32_t head = rule[0];

	while (head >> RANK_SHIFT < s->best) {
		uint32_t form = head & RULE_PLAIN;

		if (rule_met(s, rule, form, noted)) {
			rule_found(s, rule);
			return;
		}
		if (head & RULE_LAST)
			return;
		rule += form == RULE_PLAIN ? (uint32_t)PLAIN_WORDS
					   : RULE_WORDS + form * CONDITION_WORDS;
		head = rule[0];
	}
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What was added last comes first: rules of a host, then those of networks, then all others. */
FIND_INLINE void search(const struct acl *a, struct search *s, bool noted)
{
	while (s->pending_count > 0) {
		struct pending next = s->pending[--s->pending_count];
		uint32_t ref = next.ref;

		if (next.rank >= s->best)
			continue;
		while (!(ref & REF_LEAF)) {
			ref = node_step(a, s, (const struct acl_node *)at_ref(a, ref), noted);
			prefetch_ref(a, ref);
		}
		leaf_search(s, at_ref(a, ref), noted);
	}
}

/* ---- indices --------------------------------------------------------------------------------- */

static inline uint64_t packet_subnet(const struct search *s, const struct acl_index *x)
{
	return (uint64_t)(s->words[x->word] & x->high) << 32 | (s->words[x->word + 1] & x->low);
}

static inline const struct acl_slot *slot_at(const struct acl *a, const struct acl_index *x,
					     uint32_t place)
{
	return (const struct acl_slot *)(const void *)(a->memory + x->at) + place;
}

/* The slot of the packet's subnet, or one that is free. */
static inline const struct acl_slot *find_slot(const struct acl *a, const struct acl_index *x,
					       uint64_t subnet, uint32_t place)
{
	const struct acl_slot *slot = slot_at(a, x, place);

	while ((slot->subnet != subnet) & (slot->rank != ACL_NONE)) {
		place = index_next(x, place);
		slot = slot_at(a, x, place);
	}
	return slot;
}

/* What the packet's subnets have waits as asides do, that of the longest on top. */
FIND_INLINE void add_subnets(const struct acl *a, struct search *s, const struct acl_root *root,
			     bool noted)
{
	uint64_t subnets[INDICES];
	uint32_t places[INDICES];

	for (uint32_t i = 0; i < root->count; i++) {
		const struct acl_index *x = &root->by[i];

		subnets[i] = packet_subnet(s, x);
		places[i] = index_place(x, subnets[i]);
		__builtin_prefetch(slot_at(a, x, places[i]));
		if (noted) {
			s->seen[x->word] |= x->high;
			s->seen[x->word + 1] |= x->low;
		}
	}
	for (uint32_t i = root->count; i-- > 0;) {
		const struct acl_slot *slot = find_slot(a, &root->by[i], subnets[i], places[i]);

		prefetch_ref(a, slot->ref);
		s->pending[s->pending_count] = (struct pending){ slot->ref, slot->rank };
		s->pending_count += slot->rank < s->best;
	}
}

FIND_INLINE void find(const struct acl *a, struct search *s, const struct acl_root *root,
		      bool noted)
{
	s->best = RANK_NONE;
	s->answer = ACL_NONE;
	s->pending[0] = (struct pending){ root->tree, root->rank };
	s->pending_count = root->rank < s->best;
	add_subnets(a, s, root, noted);
	search(a, s, noted);
}

static __attribute__((noinline)) uint32_t find_noted(const struct acl *a,
						     const struct xvs_flow_key *key,
						     uint32_t segment, struct xvs_flow_key *mask)
{
	enum acl_class kind = key_class(key);
	struct search s;

	key_words(key, segment, s.words);
	memset(s.seen, 0, sizeof(s.seen));
	find(a, &s, &a->roots[kind], true);
	mask_add(mask, kind, s.seen);
	return s.answer;
}

uint32_t acl_find(const struct acl *a, const struct xvs_flow_key *key, uint32_t segment,
		  struct xvs_flow_key *mask)
{
	struct search s;

	if (mask)
		return find_noted(a, key, segment, mask);
	key_words(key, segment, s.words);
	find(a, &s, &a->roots[key_class(key)], false);
	return s.answer;
}
