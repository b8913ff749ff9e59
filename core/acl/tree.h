/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/tree.h - what a classifier is made of.  Private to core/acl.
 *
 * A tree of boxes for each class.  A node cuts its box along one word, at up to NODE_CUTS places,
 * and a rule is in each child that it reaches into.  Where that would make too many copies (rules
 * that are about other words, or wide), rules go aside: into a tree of their own over the same box.
 *
 *                 node: word 5 (destination), cut at 10.0.0.0, 10.64.0.0, 192.168.0.0
 *        child 0 /       | child 1    | child 2     \ child 3        : aside, if any rule there
 *               leaf    node         leaf           leaf            : is better than what is found
 *
 * So a look-up is a way down, and one more for each aside whose best rule is still of interest.  A
 * leaf has rules in order of rank (0 is the best), each with what its box does not prove yet.
 * Rules that are hidden in a box, by an earlier one that matches all that they do there, are not in
 * it; nor do they count as copies.
 */
#ifndef XVS_ACL_TREE_H
#define XVS_ACL_TREE_H

#include "acl/word.h"

enum {
	NODE_CUTS = 12,
	ACL_DEPTH = 40, /* no path is longer, so a look-up has at most so many asides in hand */
};

/*
 * A reference is an offset in numbers of 32 bits; with this bit, of a leaf.  While a tree is built
 * nodes and leaves are in arrays of their own, each with offsets of its own.
 */
#define REF_LEAF 0x80000000u
#define REF_NOTHING REF_LEAF /* the leaf without rules, which is the first */

/*
 * Child i has the values from ends[i] + 1 to ends[i + 1].  The first end is the largest value,
 * whose successor is 0; behind the last cut all are.  Ends are biased by 2^31, so that signed
 * comparison serves.
 */
struct acl_node {
	int32_t ends[NODE_CUTS + 2];
	uint32_t word;
	uint32_t aside; /* reference; REF_NOTHING: none */
	uint32_t child[NODE_CUTS + 1];
	uint32_t aside_rank; /* of the best rule there; ACL_NONE: none */
	uint32_t unused[2];
};
_Static_assert(sizeof(struct acl_node) == 128, "two cache lines");

enum { NODE_WORDS = sizeof(struct acl_node) / sizeof(uint32_t) };

/*
 * A leaf is a row of numbers: for each rule its rank and the number of its conditions, its answer,
 * and the conditions, two numbers each.  Then ACL_NONE, which is above all ranks.
 */
enum { RULE_WORDS = 2, CONDITION_WORDS = 2 };

static inline uint32_t rule_head(uint32_t rank, uint32_t conditions)
{
	return rank << 5 | conditions;
}
_Static_assert(ACL_RULES_MAX <= 1 << 26, "a rank fits");

enum condition_kind {
	CONDITION_PREFIX, /* equal from bit 'argument' up */
	CONDITION_RANGE,  /* operand: first << 16 | last */
	CONDITION_HOLES,  /* equal in the bits of 'argument' */
};

static inline uint32_t condition_head(uint32_t word, enum condition_kind kind, uint32_t argument)
{
	return argument << 8 | (uint32_t)kind << 5 | word;
}

struct acl {
	uint32_t *memory; /* nodes, then leaves; at a whole cache line */
	uint32_t roots[CLASSES];
	bool is_large; /* more than stays in a cache near the core: look-ups scout ahead */
	struct acl_info info;
};

/* The values of each word that are still possible. */
struct acl_box {
	uint32_t low[WORDS], high[WORDS];
};

/* What is being built.  Rules are known by rank. */
struct acl_build {
	struct acl_span *spans[WORDS]; /* NULL: no rule says anything of this word */
	uint32_t words[WORDS];         /* those that some rule speaks of */
	uint32_t word_count;
	uint32_t *answers; /* by rank */
	struct acl_node *nodes;
	uint32_t node_count, node_room;
	uint32_t *leaves;
	uint32_t leaf_words, leaf_room;
	uint64_t bytes, bytes_most; /* held, and at the peak */
	struct acl_info info;
};

static inline void build_hold(struct acl_build *b, uint64_t bytes)
{
	b->bytes += bytes;
	if (b->bytes > b->bytes_most)
		b->bytes_most = b->bytes;
}

/* How one node is to be cut. */
struct acl_cut {
	uint32_t word;
	uint32_t cuts;
	uint32_t ends[NODE_CUTS]; /* inclusive, below the box's high */
	uint32_t reach;           /* rules that enter more children than this go aside */
};

/* A set of rules in a box. */
struct acl_set {
	const uint32_t *ranks; /* ascending */
	uint32_t count;
	uint32_t quota; /* entries that its tree may have; at least 'count' */
	uint32_t depth;
};

static inline bool span_covers(const struct acl_span *s, uint32_t low, uint32_t high)
{
	uint32_t fixed;

	if (s->low > low || s->high < high)
		return false;
	if (!s->holes)
		return true;
	fixed = low == high ? UINT32_MAX : ~(UINT32_MAX >> __builtin_clz(low ^ high));
	return (s->holes & ~fixed) == 0 && ((low ^ s->low) & s->holes) == 0;
}

static inline bool span_meets(const struct acl_span *s, uint32_t low, uint32_t high)
{
	uint32_t fixed;

	if (s->low > high || s->high < low)
		return false;
	if (!s->holes)
		return true;
	fixed = low == high ? UINT32_MAX : ~(UINT32_MAX >> __builtin_clz(low ^ high));
	return ((low ^ s->low) & s->holes & fixed) == 0;
}

/* The child that has x. */
static inline uint32_t cut_child(const struct acl_cut *c, uint32_t x)
{
	uint32_t child = 0;

	for (uint32_t i = 0; i < c->cuts; i++)
		child += x > c->ends[i];
	return child;
}

/* Children (a bit each) from 'first', up to the one before 'end'. */
static inline uint32_t children_between(uint32_t first, uint32_t end)
{
	return first >= end ? 0 : (1u << end) - (1u << first);
}

/* Many processors that this is built for have no instruction for it that we may use. */
static inline uint32_t bits_in(uint32_t set)
{
	uint32_t bits = 0;

	for (; set; set &= set - 1)
		bits++;
	return bits;
}

/*
 * build.c: the tree of these rules, of which there are some, in a box; 'quota' is that of the whole
 * tree, and at least 'count'.  -ENOMEM; -E2BIG: over what references can name.
 */
int tree_build(struct acl_build *b, const uint32_t *ranks, uint32_t count, uint32_t quota,
	       const struct acl_box *box, uint32_t *ref);

/* cut.c: how to cut; false: cutting gains nothing. */
bool cut_choose(const struct acl_build *b, const struct acl_set *set, const struct acl_box *box,
		struct acl_cut *cut);
/* cut.c: entries that the parts of a set may have together; at least as many as the set. */
uint64_t cut_allowed(const struct acl_set *set);
/*
 * cut.c: the largest reach by which 'count' rules make no more than 'allowed' entries.  So many
 * of them as reaching[n] says enter n children; those that enter none are not in 'count'.
 */
uint32_t cut_reach(const uint32_t reaching[NODE_CUTS + 2], uint64_t count, uint64_t allowed);

/* leaf.c: writes the leaf of a set in a box.  -ENOMEM, -E2BIG. */
int leaf_write(struct acl_build *b, const struct acl_set *set, const struct acl_box *box,
	       uint32_t *ref);

#endif /* XVS_ACL_TREE_H */
