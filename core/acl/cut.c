/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/cut.c - along which word a node cuts its box, and where.
 *
 * A cut is judged by the rules that a packet would still meet behind it: those of an average child
 * (weighed by rules, as packets go where rules are) and those aside.  Of many rules a sample is
 * asked: where to cut needs no precision, while what the cut does is counted by build.c.
 */
#include "acl/tree.h"

enum {
	SAMPLE = 128,
	FEW = 64, /* a set of so many rules is near its leaves: copies do not multiply further */
	VISIT_PRICE = 3, /* of an aside, in rules */
	LATE_PRICE = 4,  /* of a word that tells connections apart, in others */
};

struct sample {
	const struct acl_span *spans;
	const uint32_t *ranks;
	uint32_t count; /* rules in it */
	uint32_t step;  /* of those, each so manieth */
	uint32_t low, high;
	uint32_t open[SAMPLE]; /* words (a bit each) in which a rule does not cover the box */
};

static struct acl_span clipped(const struct sample *s, uint32_t i)
{
	struct acl_span span = s->spans[s->ranks[(size_t)i * s->step]];

	span.low = span.low > s->low ? span.low : s->low;
	span.high = span.high < s->high ? span.high : s->high;
	return span;
}

/* Shell's: short, and fast where there are at most two numbers for each rule of a sample. */
static void sort(uint32_t *v, uint32_t count)
{
	static const uint32_t gaps[] = { 57, 23, 10, 4, 1 };

	for (uint32_t g = 0; g < sizeof(gaps) / sizeof(*gaps); g++) {
		for (uint32_t i = gaps[g]; i < count; i++) {
			uint32_t x = v[i];
			uint32_t j = i;

			for (; j >= gaps[g] && v[j - gaps[g]] > x; j -= gaps[g])
				v[j] = v[j - gaps[g]];
			v[j] = x;
		}
	}
}

static uint32_t unique(uint32_t *v, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (kept == 0 || v[i] != v[kept - 1])
			v[kept++] = v[i];
	}
	return kept;
}

/* Places where a rule begins or ends inside the box, in order. */
static uint32_t places(const struct sample *s, uint32_t out[2 * SAMPLE])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		struct acl_span span = clipped(s, i);

		if (span.low > s->low)
			out[count++] = span.low - 1;
		if (span.high < s->high)
			out[count++] = span.high;
	}
	sort(out, count);
	return count;
}

/* Of all places, those that leave as many on either side. */
static void pick_ends(uint32_t *places_found, uint32_t count, struct acl_cut *cut)
{
	uint32_t evenly[NODE_CUTS];

	for (uint32_t i = 0; i < NODE_CUTS; i++)
		evenly[i] = places_found[(uint64_t)(i + 1) * count / (NODE_CUTS + 1)];
	count = unique(places_found, count);
	cut->cuts = count;
	if (count > NODE_CUTS) {
		places_found = evenly;
		cut->cuts = unique(evenly, NODE_CUTS);
	}
	for (uint32_t i = 0; i < cut->cuts; i++)
		cut->ends[i] = places_found[i];
}

uint32_t cut_reach(const uint32_t reaching[NODE_CUTS + 2], uint64_t count, uint64_t allowed)
{
	uint64_t entries = count; /* with each rule in one part */
	uint32_t reach = 1;

	for (; reach <= NODE_CUTS; reach++) {
		entries += (uint64_t)reaching[reach + 1] * reach;
		if (entries > allowed)
			break;
	}
	return reach;
}

uint64_t cut_allowed(const struct acl_set *set)
{
	uint64_t allowed =
		set->count <= FEW ? set->count * UINT64_C(2) : set->count + set->count / 2;

	return allowed < set->quota ? allowed : set->quota;
}

static void find_open(struct sample *s, const struct acl_build *b, const struct acl_box *box)
{
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t rank = s->ranks[(size_t)i * s->step];

		s->open[i] = 0;
		for (uint32_t n = 0; n < b->word_count; n++) {
			uint32_t word = b->words[n];

			if (box->low[word] < box->high[word] &&
			    !span_covers(&b->spans[word][rank], box->low[word], box->high[word]))
				s->open[i] |= 1u << word;
		}
	}
}

/* The children that a rule enters, a bit each, and how many. */
struct entering {
	uint16_t children, reach;
};

/*
 * The children that each rule of the sample would enter: none in which an earlier one covers all.
 * So many of them as reaching[n] says enter n.
 */
static uint32_t enter(const struct sample *s, const struct acl_cut *cut,
		      struct entering into[SAMPLE], uint32_t reaching[NODE_CUTS + 2])
{
	uint32_t closed = 0;
	uint32_t live = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		struct acl_span span = clipped(s, i);
		uint32_t first = cut_child(cut, span.low);
		uint32_t last = cut_child(cut, span.high);
		uint32_t in = children_between(first, last + 1) & ~closed;
		uint32_t reach = closed ? bits_in(in) : last - first + 1;

		into[i] = (struct entering){ (uint16_t)in, (uint16_t)reach };
		reaching[reach]++;
		live += reach > 0;
		if ((s->open[i] & ~(1u << cut->word)) || span.holes)
			continue;
		/* all between the two at the ends, and those where it does not end within */
		first += first > 0 ? span.low > cut->ends[first - 1] + 1 : span.low > s->low;
		last += last < cut->cuts ? span.high >= cut->ends[last] : span.high >= s->high;
		closed |= children_between(first, last);
	}
	return live;
}

/* The rules that a packet would meet behind this cut. */
static uint64_t price(const struct sample *s, const struct acl_set *set, struct acl_cut *cut)
{
	uint32_t reaching[NODE_CUTS + 2] = { 0 };
	uint32_t in_child[NODE_CUTS + 1] = { 0 };
	struct entering into[SAMPLE];
	uint32_t live = enter(s, cut, into, reaching);
	uint64_t squares = 0;
	uint64_t entries = 0;
	uint64_t aside = 0;

	cut->reach = cut_reach(reaching, live, cut_allowed(set) * s->count / set->count);
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t in = into[i].children;

		if (into[i].reach > cut->reach) {
			aside++;
			continue;
		}
		for (; in; in &= in - 1)
			in_child[__builtin_ctz(in)]++;
	}
	for (uint32_t c = 0; c <= cut->cuts; c++) {
		entries += in_child[c];
		squares += (uint64_t)in_child[c] * in_child[c];
	}
	if (entries == 0)
		return UINT64_MAX;
	return (squares * set->count / entries + aside * set->count) / s->count +
	       (aside ? VISIT_PRICE : 0);
}

/* ---- fences ---------------------------------------------------------------------------------- */

/* All rules of the set lie within *low..*high of the word; false: that is the whole box. */
static bool hull(const struct acl_set *set, const struct acl_span *spans, uint32_t *low,
		 uint32_t *high)
{
	uint32_t box_low = *low;
	uint32_t box_high = *high;

	*low = box_high;
	*high = box_low;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct acl_span *s = &spans[set->ranks[i]];

		*low = s->low < *low ? s->low : *low;
		*high = s->high > *high ? s->high : *high;
		if (*low <= box_low && *high >= box_high)
			return false;
	}
	return true;
}

/* Cuts off what no rule speaks of, along the first word below 'end' where there is such. */
static bool cut_fence(const struct acl_build *b, const struct acl_set *set,
		      const struct acl_box *box, uint32_t end, struct acl_cut *cut)
{
	for (uint32_t i = 0; i < b->word_count && b->words[i] < end; i++) {
		uint32_t word = b->words[i];
		uint32_t low = box->low[word];
		uint32_t high = box->high[word];

		if (low == high || !hull(set, b->spans[word], &low, &high))
			continue;
		*cut = (struct acl_cut){ .word = word };
		if (low > box->low[word])
			cut->ends[cut->cuts++] = low - 1;
		if (high < box->high[word])
			cut->ends[cut->cuts++] = high;
		return true;
	}
	return false;
}

/*
 * Rules that no cut parts are fenced in: in a box of their own one may cover it, and those behind
 * it go.  So are those that are to be parted by ports or flags, which tell connections apart: a
 * packet to none of their addresses leaves at the fence, and its answer says nothing of ports.  For
 * the same reason a cut by addresses is taken where one by ports is not much better.
 */
bool cut_choose(const struct acl_build *b, const struct acl_set *set, const struct acl_box *box,
		struct acl_cut *cut)
{
	uint32_t step = (set->count + SAMPLE - 1) / SAMPLE;
	struct sample s = { .ranks = set->ranks, .count = set->count / step, .step = step };
	uint32_t found[2 * SAMPLE];
	uint64_t least = UINT64_MAX;

	find_open(&s, b, box);
	for (uint32_t i = 0; i < b->word_count; i++) {
		struct acl_cut tried = { .word = b->words[i] };
		uint32_t count;
		uint64_t cost;

		s.spans = b->spans[tried.word];
		s.low = box->low[tried.word];
		s.high = box->high[tried.word];
		if (s.low == s.high)
			continue;
		count = places(&s, found);
		if (count == 0)
			continue;
		pick_ends(found, count, &tried);
		cost = price(&s, set, &tried);
		if (cost >= set->count)
			continue;
		cost *= tried.word >= WORD_DSCP ? LATE_PRICE : 1;
		if (cost < least) {
			least = cost;
			*cut = tried;
		}
	}
	if (least == UINT64_MAX)
		return cut_fence(b, set, box, WORDS, cut);
	if (cut->word >= WORD_DSCP)
		(void)cut_fence(b, set, box, WORD_DSCP, cut);
	return true;
}
