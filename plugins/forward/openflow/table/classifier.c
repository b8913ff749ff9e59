/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/classifier.c - subtables, and the order in which they are asked.
 */
#include "table/classifier.h"

#include <errno.h>
#include <string.h>

#include "table/hash.h"

/* What readers go by.  'top' is as it was when this was made, so that it is in order for good. */
struct of_order {
	uint32_t count;
	struct {
		struct of_subtable *subtable;
		uint32_t top;
	} at[];
};

void of_classifier_init(struct of_classifier *c, uint64_t seed, const struct of_reclaim *reclaim)
{
	memset(c, 0, sizeof(*c));
	c->seed = seed;
	c->reclaim = reclaim;
}

void of_classifier_destroy(struct of_classifier *c)
{
	for (uint32_t i = 0; i < c->buckets; i++)
		of_subtable_free(c->subtables[i]);
	free(c->subtables);
	free(atomic_load_explicit(&c->order, memory_order_relaxed));
	memset(c, 0, sizeof(*c));
}

/* ---- subtables by mask ---------------------------------------------------------------------------- */

static uint32_t bucket_of(const struct of_classifier *c, const struct of_fields *mask)
{
	const of_word *words = of_const_words(mask);
	uint64_t hash = c->seed;

	for (uint32_t i = 0; i < OF_WORDS; i++)
		hash = of_hash_word(hash, words[i]);
	return (uint32_t)of_hash_end(hash) & (c->buckets - 1);
}

static struct of_subtable **bucket_find(const struct of_classifier *c, const struct of_fields *mask)
{
	uint32_t at = bucket_of(c, mask);

	while (c->subtables[at] && memcmp(&c->subtables[at]->whole, mask, sizeof(*mask)) != 0)
		at = (at + 1) & (c->buckets - 1);
	return &c->subtables[at];
}

static int buckets_grow(struct of_classifier *c)
{
	uint32_t before = c->buckets;
	struct of_subtable **old = c->subtables;

	if (c->count + 1 <= before / 2)
		return 0;
	c->subtables = calloc(before ? before * 2 : 8, sizeof(struct of_subtable *));
	if (!c->subtables) {
		c->subtables = old;
		return -ENOMEM;
	}
	c->buckets = before ? before * 2 : 8;
	for (uint32_t i = 0; i < before; i++) {
		if (old[i])
			*bucket_find(c, &old[i]->whole) = old[i];
	}
	free(old);
	return 0;
}

/* Closes the gap, so that no search stops short of one that was put behind it. */
static void bucket_clear(struct of_classifier *c, struct of_subtable **gap)
{
	uint32_t at = (uint32_t)(gap - c->subtables);
	struct of_subtable *s;

	*gap = NULL;
	for (;;) {
		at = (at + 1) & (c->buckets - 1);
		s = c->subtables[at];
		if (!s)
			return;
		c->subtables[at] = NULL;
		*bucket_find(c, &s->whole) = s;
	}
}

/* ---- the order ------------------------------------------------------------------------------------ */

static struct of_order *order_new(uint32_t count)
{
	struct of_order *o = malloc(sizeof(*o) + count * sizeof(o->at[0]));

	if (o)
		o->count = 0;
	return o;
}

static void order_publish(struct of_classifier *c, struct of_order *now)
{
	struct of_order *old = atomic_exchange_explicit(&c->order, now, memory_order_acq_rel);

	if (old)
		c->reclaim->later(c->reclaim->arg, free, old);
}

static void order_put(struct of_order *o, struct of_subtable *s, uint32_t top)
{
	uint32_t at = o->count++;

	while (at > 0 && o->at[at - 1].top < top) {
		o->at[at] = o->at[at - 1];
		at--;
	}
	o->at[at].subtable = s;
	o->at[at].top = top;
}

/* As it is, with this subtable at the place of that priority; 'leave_out': without it. */
static int order_change(struct of_classifier *c, struct of_subtable *s, uint32_t top,
			bool leave_out)
{
	const struct of_order *old = atomic_load_explicit(&c->order, memory_order_relaxed);
	struct of_order *now = order_new((old ? old->count : 0) + 1);

	if (!now)
		return -ENOMEM;
	for (uint32_t i = 0; old && i < old->count; i++) {
		if (old->at[i].subtable != s)
			order_put(now, old->at[i].subtable, old->at[i].top);
	}
	if (!leave_out)
		order_put(now, s, top);
	s->known_top = leave_out ? -1 : (int64_t)top;
	order_publish(c, now);
	return 0;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static void subtable_free(void *what)
{
	struct of_subtable *s = what;

	s->is_ended = true;
	if (!s->users)
		of_subtable_free(s);
}

static struct of_subtable *subtable_get(struct of_classifier *c, const struct of_fields *mask)
{
	struct of_subtable **at;

	if (buckets_grow(c) != 0)
		return NULL;
	at = bucket_find(c, mask);
	if (!*at && c->count < OF_SUBTABLES_MAX) {
		*at = of_subtable_new(mask, c->seed, c->reclaim);
		c->count += *at != NULL;
	}
	return *at;
}

/* It has no rules: readers that still find it find nothing in it. */
static void subtable_end(struct of_classifier *c, struct of_subtable *s)
{
	if (s->known_top >= 0 && order_change(c, s, 0, true) != 0)
		return; /* it stays, empty, until a later one makes room */
	bucket_clear(c, bucket_find(c, &s->whole));
	c->count--;
	c->reclaim->later(c->reclaim->arg, subtable_free, s);
}

int of_classifier_add(struct of_classifier *c, struct of_rule *r, const struct of_fields *mask)
{
	struct of_subtable *s = subtable_get(c, mask);

	if (!s)
		return -ENOMEM;
	if (of_subtable_reserve(s) != 0 ||
	    (s->known_top < r->priority && order_change(c, s, r->priority, false) != 0)) {
		if (!s->rules)
			subtable_end(c, s);
		return -ENOMEM;
	}
	of_subtable_add(s, r);
	return 0;
}

void of_classifier_remove(struct of_classifier *c, struct of_rule *r)
{
	struct of_subtable **at = bucket_find(c, &r->subtable->whole);
	struct of_subtable *s = *at;
	uint32_t before = s->top;

	of_subtable_remove(s, r);
	if (!s->rules)
		subtable_end(c, s);
	else if (s->top < before)
		(void)order_change(c, s, s->top, false);
}

struct of_rule *of_classifier_list(const struct of_classifier *c, const struct of_match *match)
{
	struct of_subtable **at = c->buckets ? bucket_find(c, &match->mask) : NULL;

	return at && *at ? of_subtable_list(*at, &match->value) : NULL;
}

static bool is_within(const struct of_fields *narrow, const struct of_fields *wide)
{
	const of_word *n = of_const_words(narrow);
	const of_word *w = of_const_words(wide);

	for (uint32_t i = 0; i < OF_WORDS; i++) {
		if (w[i] & ~n[i])
			return false;
	}
	return true;
}

uint64_t of_classifier_weight(const struct of_classifier *c, const struct of_fields *mask)
{
	uint64_t weight = 0;

	for (uint32_t i = 0; i < c->buckets; i++) {
		const struct of_subtable *s = c->subtables[i];

		if (s && memcmp(&s->whole, mask, sizeof(*mask)) != 0 && is_within(&s->whole, mask))
			weight += s->rules;
	}
	return weight;
}

void of_classifier_within(const struct of_classifier *c, const struct of_match *match,
			  bool (*fn)(void *arg, struct of_rule *r), void *arg)
{
	for (uint32_t i = 0; i < c->buckets; i++) {
		const struct of_subtable *s = c->subtables[i];

		if (s && is_within(&s->whole, &match->mask) &&
		    !of_subtable_within(s, match, fn, arg))
			return;
	}
}

bool of_classifier_overlaps(const struct of_classifier *c, const struct of_match *match,
			    uint32_t priority)
{
	for (uint32_t i = 0; i < c->buckets; i++) {
		const struct of_subtable *s = c->subtables[i];

		if (s && s->top >= priority && of_subtable_overlaps(s, match, priority))
			return true;
	}
	return false;
}

/* ---- reading -------------------------------------------------------------------------------------- */

struct of_rule *of_classifier_find(const struct of_classifier *c, const struct of_fields *packet,
				   uint64_t version, struct of_fields *examined)
{
	const struct of_order *o = atomic_load_explicit(&c->order, memory_order_acquire);
	struct of_rule *best = NULL;
	int32_t floor = -1;

	for (uint32_t i = 0; o && i < o->count && (int64_t)o->at[i].top > floor; i++) {
		struct of_rule *r =
			of_subtable_find(o->at[i].subtable, packet, version, floor, examined);

		if (r) {
			best = r;
			floor = r->priority;
		}
	}
	return best;
}
