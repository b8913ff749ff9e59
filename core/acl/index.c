/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/index.c - rules by the subnet of an address, so that most of a large set are one probe away.
 *
 * A rule whose address is within one subnet (24 or 16 bits of IPv4; 64, 48 or 32 of IPv6) is found
 * by no cuts: each subnet has a tree of its own, mostly a leaf.  Where the subnets of a packet
 * are in the tables is known before anything else is, so lines of all tables are on their way at
 * once; and the best rank of each, which is that of few rules, tells early who is of no interest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl/tree.h"

enum {
	INDEX_RULES = 2048, /* fewer are found by cuts in as few steps */
	INDEX_SUBNETS = 128,
	INDEX_SPREAD = 2, /* places for each subnet */
};

struct entry {
	uint64_t subnet;
	uint32_t rank;
};

/* What is known while an index is made. */
struct indexing {
	struct acl_build *b;
	const struct acl_box *box; /* of the class */
	struct acl_index *index;
	struct entry *entries; /* of rules that are within a subnet */
	uint32_t entry_count;
	uint32_t subnet_count;
	uint32_t *ranks; /* of one subnet */
};

/* The rule is within one subnet. */
static bool is_within(const struct acl_build *b, const struct acl_index *x, uint32_t rank)
{
	const struct acl_span *high = b->spans[x->word];
	const struct acl_span *low = b->spans[x->word + 1];

	if (x->high && (!high || high[rank].low != high[rank].high))
		return false;
	return low && ((low[rank].low ^ low[rank].high) & x->low) == 0;
}

static uint64_t subnet_of(const struct acl_build *b, const struct acl_index *x, uint32_t rank)
{
	uint64_t high = x->high ? b->spans[x->word][rank].low : 0;

	return high << 32 | (b->spans[x->word + 1][rank].low & x->low);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	if (x->subnet != y->subnet)
		return x->subnet < y->subnet ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

static void sort_entries(struct indexing *in, const uint32_t *ranks, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (is_within(in->b, in->index, ranks[i]))
			in->entries[in->entry_count++] =
				(struct entry){ subnet_of(in->b, in->index, ranks[i]), ranks[i] };
	}
	qsort(in->entries, in->entry_count, sizeof(*in->entries), compare_entries);
	for (uint32_t i = 0; i < in->entry_count; i++)
		in->subnet_count += i == 0 || in->entries[i].subnet != in->entries[i - 1].subnet;
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* Slots of the index, all free. */
static int slots_reserve(struct indexing *in)
{
	struct acl_build *b = in->b;
	uint32_t places = in->subnet_count * INDEX_SPREAD;
	void *slots = realloc(b->slots, (b->slot_count + (size_t)places) * sizeof(*b->slots));

	if (!slots)
		return -ENOMEM;
	b->slots = slots;
	build_hold(b, places * sizeof(*b->slots));
	in->index->at = b->slot_count;
	in->index->places = places;
	for (uint32_t i = 0; i < places; i++)
		b->slots[b->slot_count++] =
			(struct acl_slot){ .ref = REF_NOTHING, .rank = ACL_NONE };
	return 0;
}

static void slot_fill(const struct indexing *in, uint64_t subnet, uint32_t ref, uint32_t rank)
{
	const struct acl_index *x = in->index;
	struct acl_slot *slots = in->b->slots + x->at;
	uint32_t at = index_place(x, subnet);

	while (slots[at].rank != ACL_NONE)
		at = index_next(x, at);
	slots[at] = (struct acl_slot){ subnet, ref, rank };
}

/* ---- trees ----------------------------------------------------------------------------------- */

static void subnet_box(const struct acl_index *x, uint64_t subnet, struct acl_box *box)
{
	uint32_t low = (uint32_t)subnet;

	if (x->high) {
		box->low[x->word] = (uint32_t)(subnet >> 32) & x->high;
		box->high[x->word] = box->low[x->word] | ~x->high;
	}
	box->low[x->word + 1] = low;
	box->high[x->word + 1] = low | ~x->low;
}

static int subnet_build(struct indexing *in, const struct entry *first, uint32_t count)
{
	struct acl_box box = *in->box;
	uint32_t ref;
	int e;

	for (uint32_t i = 0; i < count; i++)
		in->ranks[i] = first[i].rank;
	subnet_box(in->index, first->subnet, &box);
	e = tree_build(in->b, in->ranks, count, count * ACL_COPIES, &box, &ref);
	if (e == 0)
		slot_fill(in, first->subnet, ref, first->rank);
	return e;
}

static int subnets_build(struct indexing *in)
{
	int e = slots_reserve(in);

	for (uint32_t i = 0; e == 0 && i < in->entry_count;) {
		uint32_t end = i + 1;

		while (end < in->entry_count && in->entries[end].subnet == in->entries[i].subnet)
			end++;
		e = subnet_build(in, &in->entries[i], end - i);
		i = end;
	}
	return e;
}

static uint32_t remove_within(const struct indexing *in, uint32_t *ranks, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!is_within(in->b, in->index, ranks[i]))
			ranks[kept++] = ranks[i];
	}
	return kept;
}

/* Takes the rules that it is for out of the list, if there are enough; *is_made: there were. */
static int index_try(struct acl_build *b, const struct acl_box *box, struct acl_list *list,
		     struct acl_index *index, bool *is_made)
{
	struct indexing in = { .b = b, .box = box, .index = index };
	uint64_t held = list->count * (uint64_t)(sizeof(*in.entries) + sizeof(*in.ranks));
	int e = 0;

	in.entries = calloc(list->count, sizeof(*in.entries));
	in.ranks = calloc(list->count, sizeof(*in.ranks));
	build_hold(b, held);
	if (in.entries && in.ranks)
		sort_entries(&in, list->ranks, list->count);
	else
		e = -ENOMEM;
	*is_made = in.entry_count >= INDEX_RULES && in.subnet_count >= INDEX_SUBNETS;
	if (e == 0 && *is_made) {
		e = subnets_build(&in);
		list->count = remove_within(&in, list->ranks, list->count);
	}
	b->bytes -= held;
	free(in.entries);
	free(in.ranks);
	return e;
}

/*
 * Longer subnets first, of either address; shorter ones only where there are longer ones of the
 * same, so that nothing more is examined for their sake.
 */
int index_build(struct acl_build *b, enum acl_class kind, const struct acl_box *box,
		struct acl_list *list, struct acl_root *root)
{
	static const uint32_t ipv4[][2] = { { 0, 0xffffff00 }, { 0, 0xffff0000 } };
	static const uint32_t ipv6[][2] = { { UINT32_MAX, UINT32_MAX },
					    { UINT32_MAX, 0xffff0000 },
					    { UINT32_MAX, 0 } };
	bool is_ipv4 = kind == CLASS_IPV4 || kind == CLASS_IPV4_LATER;
	const uint32_t(*bits)[2] = is_ipv4 ? ipv4 : ipv6;
	uint32_t levels = is_ipv4 ? 2 : 3;
	bool is_made[] = { true, true };
	int e = 0;

	if (kind == CLASS_OTHER)
		return 0;
	for (uint32_t i = 0; e == 0 && i < levels * 2; i++) {
		uint32_t side = i % 2;
		uint32_t word = side ? WORD_SRC : WORD_DST;
		struct acl_index *index = &root->by[root->count];

		*index = (struct acl_index){ .word = is_ipv4 ? word + 2 : word,
					     .high = bits[i / 2][0],
					     .low = bits[i / 2][1] };
		if (!is_made[side] || list->count < INDEX_RULES || !b->spans[index->word + 1])
			continue;
		e = index_try(b, box, list, index, &is_made[side]);
		root->count += is_made[side];
	}
	return e;
}
