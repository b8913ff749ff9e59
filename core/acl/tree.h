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
 *
 * Of a large set most rules name a host or a small network: they are found by subnet (index.c), and
 * only the rest is in the tree of the class.
 */
#ifndef XVS_ACL_TREE_H
#define XVS_ACL_TREE_H

#include "acl/word.h"
#include "base/hash.h"

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
 * A leaf is a row of numbers: for each rule its rank and what form it has, its answer, and its
 * conditions.  Most rules speak of a protocol, of two more words by prefix, and of ports: they have
 * a form of fixed length that is asked with few branches.  Any other has conditions of two numbers.
 *
 *	plain   head, answer, two values, two words and shifts, protocol and mask, ports: dst, src
 *	other   head, answer, (condition head, operand) ...
 *
 * The leaf without rules is a head alone, whose rank is above all.
 */
enum {
	RULE_WORDS = 2,
	CONDITION_WORDS = 2,
	PLAIN_WORDS = 8,
	RULE_PLAIN = 31, /* in place of the number of conditions */
	RULE_LAST = 32,
	RANK_SHIFT = 6,
};
#define RANK_NONE (ACL_NONE >> RANK_SHIFT)

static inline uint32_t rule_head(uint32_t rank, uint32_t form)
{
	return rank << RANK_SHIFT | form;
}
_Static_assert(ACL_RULES_MAX < 1 << 25, "a rank fits");

/* Of a plain rule: number 4 has two of these, and 5 has one. */
static inline uint32_t plain_word(uint32_t word, uint32_t shift)
{
	return word | shift << 8;
}

enum condition_kind {
	CONDITION_PREFIX, /* equal from bit 'argument' up */
	CONDITION_RANGE,  /* operand: first << 16 | last */
	CONDITION_HOLES,  /* equal in the bits of 'argument' */
};

static inline uint32_t condition_head(uint32_t word, enum condition_kind kind, uint32_t argument)
{
	return argument << 8 | (uint32_t)kind << 5 | word;
}

/* ---- indices --------------------------------------------------------------------------------- */

/* Rules by the subnet of one address, see index.c.  The subnet of a packet: bits of two words. */
struct acl_index {
	uint32_t at; /* of its slots in memory, in numbers; while it is built, in slots */
	uint32_t places;
	uint32_t word;      /* and the next one */
	uint32_t high, low; /* bits of the two */
};

/* The tree of a subnet.  A slot whose rank is ACL_NONE is free. */
struct acl_slot {
	uint64_t subnet;
	uint32_t ref;
	uint32_t rank; /* of the best rule there */
};
_Static_assert(sizeof(struct acl_slot) == 16, "four in a cache line");

enum { SLOT_WORDS = sizeof(struct acl_slot) / sizeof(uint32_t) };

static inline uint32_t index_place(const struct acl_index *x, uint64_t subnet)
{
	uint64_t hash = hash_mix(subnet ^ hash_secret[1], hash_secret[2]);

	return (uint32_t)((hash >> 32) * x->places >> 32);
}

static inline uint32_t index_next(const struct acl_index *x, uint32_t place)
{
	return place + 1 < x->places ? place + 1 : 0;
}

enum { INDICES = 6 };

/* Of a class: rules that no index has are in the tree. */
struct acl_root {
	uint32_t tree;
	uint32_t rank; /* of the best rule there; ACL_NONE: none */
	uint32_t count;
	struct acl_index by[INDICES]; /* longer subnets first */
};

struct acl {
	uint32_t *memory; /* nodes, leaves, slots; at a whole cache line */
	struct acl_root roots[CLASSES];
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
	struct acl_slot *slots;
	uint32_t slot_count;
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
	return first >= end ? 0 : (1u << (end & 31)) - (1u << (first & 31));
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

/* Rules of a class, ascending. */
struct acl_list {
	uint32_t *ranks;
	uint32_t count;
};

/*
 * index.c: takes the rules within subnets of an address out of the list of a class, into indices,
 * where there are many.  -ENOMEM, -E2BIG.
 */
int index_build(struct acl_build *b, enum acl_class kind, const struct acl_box *box,
		struct acl_list *list, struct acl_root *root);

#endif /* XVS_ACL_TREE_H */
