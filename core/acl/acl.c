/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/acl.c - from a list of rules to a classifier: order, words, a tree for each class, one block
 * of memory for all of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "acl/tree.h"
#include "base/error.h"

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20, LINE_WORDS = CACHE_LINE / 4 };

/* What is known while a classifier is made. */
struct making {
	struct acl_build build;
	const struct acl_rule *rules;
	uint32_t count;
	size_t room;     /* for so many rules: one at least */
	uint64_t *order; /* by rank: weight, inverted, above place in the list */
	uint32_t *ranks; /* of one class, and behind them of another */
	uint32_t class_count[CLASSES];
	struct acl_root roots[CLASSES];
};

/* ---- order ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int order_rules(struct making *m)
{
	bool is_sorted = true;

	m->order = calloc(m->room, sizeof(*m->order));
	if (!m->order)
		return -ENOMEM;
	build_hold(&m->build, m->room * sizeof(*m->order));
	for (uint32_t i = 0; i < m->count; i++) {
		m->order[i] = (uint64_t)~m->rules[i].weight << 32 | i;
		is_sorted = is_sorted && (i == 0 || m->order[i] > m->order[i - 1]);
	}
	if (!is_sorted)
		qsort(m->order, m->count, sizeof(*m->order), compare);
	return 0;
}

static const struct acl_rule *rule_of(const struct making *m, uint32_t rank)
{
	return &m->rules[(uint32_t)m->order[rank]];
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool says_something(const struct acl_span *s, uint32_t word)
{
	return s->low > 0 || s->high < word_max[word] || s->holes;
}

/* A word that no rule speaks of needs no room, and nobody is asked about it. */
static int reserve_word(struct making *m, uint32_t word)
{
	struct acl_span *spans = calloc(m->room, sizeof(*spans));

	if (!spans)
		return -ENOMEM;
	build_hold(&m->build, m->room * sizeof(*spans));
	for (uint32_t rank = 0; rank < m->count; rank++)
		spans[rank].high = word_max[word];
	m->build.spans[word] = spans;
	return 0;
}

static int fill_words(struct making *m)
{
	struct acl_span spans[WORDS];

	m->build.answers = calloc(m->room, sizeof(*m->build.answers));
	if (!m->build.answers)
		return -ENOMEM;
	build_hold(&m->build, m->room * sizeof(*m->build.answers));
	for (uint32_t rank = 0; rank < m->count; rank++) {
		m->build.answers[rank] = rule_of(m, rank)->answer;
		rule_spans(rule_of(m, rank), spans);
		for (uint32_t word = 0; word < WORDS; word++) {
			if (!says_something(&spans[word], word))
				continue;
			if (!m->build.spans[word] && reserve_word(m, word))
				return -ENOMEM;
			m->build.spans[word][rank] = spans[word];
		}
	}
	for (uint32_t word = 0; word < WORDS; word++) {
		if (m->build.spans[word])
			m->build.words[m->build.word_count++] = word;
	}
	return 0;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static uint32_t list_class(const struct making *m, enum acl_class kind, uint32_t *ranks)
{
	uint32_t count = 0;

	for (uint32_t rank = 0; rank < m->count; rank++) {
		if (rule_classes(rule_of(m, rank)) & 1u << kind)
			ranks[count++] = rank;
	}
	return count;
}

/* What is known of every packet of the class. */
static void class_box(enum acl_class kind, struct acl_box *box)
{
	memset(box->low, 0, sizeof(box->low));
	memcpy(box->high, word_max, sizeof(box->high));
	if (kind == CLASS_OTHER)
		return;
	box->low[WORD_ETHERTYPE] =
		kind == CLASS_IPV4 || kind == CLASS_IPV4_LATER ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
	box->high[WORD_ETHERTYPE] = box->low[WORD_ETHERTYPE];
}

/*
 * Two classes with the same rules share a tree: those rules speak of nothing that tells the classes
 * apart.  So a set about MAC addresses alone is held once, not five times.
 */
static bool share_tree(struct making *m, enum acl_class kind, const uint32_t *ranks)
{
	uint32_t count = m->class_count[kind];

	for (uint32_t c = 0; c < kind; c++) {
		uint32_t *other = m->ranks + m->count;

		if (m->class_count[c] != count)
			continue;
		if (count > 0 && (list_class(m, (enum acl_class)c, other) != count ||
				  memcmp(ranks, other, count * sizeof(*ranks)) != 0))
			continue;
		m->roots[kind] = m->roots[c];
		return true;
	}
	return false;
}

static int build_class(struct making *m, enum acl_class kind)
{
	struct acl_list list = { m->ranks, list_class(m, kind, m->ranks) };
	struct acl_root *root = &m->roots[kind];
	struct acl_box box;
	int e;

	m->class_count[kind] = list.count;
	*root = (struct acl_root){ .tree = REF_NOTHING, .rank = ACL_NONE };
	if (list.count == 0 || share_tree(m, kind, m->ranks))
		return 0;
	class_box(kind, &box);
	e = index_build(&m->build, kind, &box, &list, root);
	if (e || list.count == 0)
		return e;
	root->rank = list.ranks[0];
	return tree_build(&m->build, list.ranks, list.count, list.count * ACL_COPIES, &box,
			  &root->tree);
}

static int build_trees(struct making *m)
{
	struct acl_set nothing = { NULL, 0, 0, 0 };
	struct acl_box box;
	uint32_t ref;
	int e;

	m->ranks = calloc(m->room * 2, sizeof(*m->ranks));
	if (!m->ranks)
		return -ENOMEM;
	build_hold(&m->build, m->room * 2 * sizeof(*m->ranks));
	class_box(CLASS_OTHER, &box);
	e = leaf_write(&m->build, &nothing, &box, &ref); /* REF_NOTHING */
	for (uint32_t kind = 0; e == 0 && kind < CLASSES; kind++)
		e = build_class(m, (enum acl_class)kind);
	return e;
}

/* ---- one block ------------------------------------------------------------------------------- */

static uint64_t whole(uint64_t bytes, uint64_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* Nodes are met at random: in huge pages, where it is large, fewer translations are needed. */
static void *block_create(uint64_t *bytes)
{
	uint64_t unit = *bytes > HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
	void *block;

	*bytes = whole(*bytes, unit);
	block = aligned_alloc(unit, *bytes);
	if (block && unit == HUGE_PAGE)
		(void)madvise(block, *bytes, MADV_HUGEPAGE);
	return block;
}

/* Leaves come behind the nodes. */
static uint32_t moved(uint32_t ref, uint32_t node_words)
{
	return ref & REF_LEAF ? ref + node_words : ref;
}

static void move_node(struct acl_node *n, uint32_t node_words)
{
	n->aside = moved(n->aside, node_words);
	for (uint32_t i = 0; i <= NODE_CUTS; i++)
		n->child[i] = moved(n->child[i], node_words);
}

static struct acl_root moved_root(const struct acl_root *from, uint32_t node_words,
				  uint32_t slots_at)
{
	struct acl_root root = *from;

	root.tree = moved(root.tree, node_words);
	for (uint32_t i = 0; i < root.count; i++)
		root.by[i].at = slots_at + root.by[i].at * SLOT_WORDS;
	return root;
}

static void move_all(struct acl_build *b, uint32_t node_words)
{
	for (uint32_t i = 0; i < b->node_count; i++)
		move_node(&b->nodes[i], node_words);
	for (uint32_t i = 0; i < b->slot_count; i++)
		b->slots[i].ref = moved(b->slots[i].ref, node_words);
}

static void copy_numbers(uint32_t *to, const void *from, uint64_t count)
{
	if (count > 0)
		memcpy(to, from, count * sizeof(*to));
}

static int finish(struct making *m, struct acl *a)
{
	struct acl_build *b = &m->build;
	uint64_t node_words = b->node_count * (uint64_t)NODE_WORDS;
	uint64_t slots_at = whole(node_words + b->leaf_words, LINE_WORDS);
	uint64_t slot_words = b->slot_count * (uint64_t)SLOT_WORDS;
	uint64_t bytes = (slots_at + slot_words) * sizeof(*a->memory);

	if (slots_at + slot_words >= REF_LEAF)
		return -E2BIG;
	a->memory = block_create(&bytes);
	if (!a->memory)
		return -ENOMEM;
	build_hold(b, bytes);
	move_all(b, (uint32_t)node_words);
	copy_numbers(a->memory, b->nodes, node_words);
	copy_numbers(a->memory + node_words, b->leaves, b->leaf_words);
	copy_numbers(a->memory + slots_at, b->slots, slot_words);
	for (uint32_t kind = 0; kind < CLASSES; kind++)
		a->roots[kind] =
			moved_root(&m->roots[kind], (uint32_t)node_words, (uint32_t)slots_at);
	a->info = b->info;
	a->info.rules = m->count;
	a->info.nodes = b->node_count;
	a->info.bytes = sizeof(*a) + bytes;
	a->info.build_bytes = sizeof(*a) + b->bytes_most;
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void making_finish(struct making *m)
{
	for (uint32_t word = 0; word < WORDS; word++)
		free(m->build.spans[word]);
	free(m->build.answers);
	free(m->build.nodes);
	free(m->build.leaves);
	free(m->build.slots);
	free(m->order);
	free(m->ranks);
}

static int make(struct acl *a, const struct acl_rule *rules, uint32_t count)
{
	struct making m = { .rules = rules, .count = count, .room = count ? count : 1 };
	int e = order_rules(&m);

	if (e == 0)
		e = fill_words(&m);
	if (e == 0)
		e = build_trees(&m);
	if (e == 0)
		e = finish(&m, a);
	making_finish(&m);
	return e;
}

static int check(const struct acl_rule *rules, uint32_t count, struct xvs_error *err)
{
	int e = 0;

	if (count > ACL_RULES_MAX)
		return error_set(err, -E2BIG, "rules",
				 "%u rules are too many for one list, which has room for %u", count,
				 ACL_RULES_MAX);
	for (uint32_t i = 0; i < count && e == 0; i++)
		e = rule_check(&rules[i], i, err);
	return e;
}

int acl_create(const struct acl_rule *rules, uint32_t count, struct acl **out,
	       struct xvs_error *err)
{
	int e = check(rules, count, err);
	struct acl *a;

	if (e)
		return e;
	a = calloc(1, sizeof(*a));
	e = a ? make(a, rules, count) : -ENOMEM;
	if (e == 0) {
		*out = a;
		return 0;
	}
	free(a);
	if (e == -E2BIG)
		return error_set(err, e, "rules",
				 "%u rules say more than one list can hold; use fewer or two lists",
				 count);
	return error_set(err, e, "rules", "out of memory for a list of %u rules", count);
}

void acl_destroy(struct acl *a)
{
	if (!a)
		return;
	free(a->memory);
	free(a);
}

void acl_info(const struct acl *a, struct acl_info *out)
{
	*out = a->info;
}
