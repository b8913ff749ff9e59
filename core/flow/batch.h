/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/batch.h - the look-up of a batch in stages, each of which asks for the memory of the next.
 *
 *      hash all keys                    -> their buckets are on the way
 *      find signatures in the buckets   -> the first two lines of the entries are on the way
 *      compare keys with entries        -> the programs of those that have one are on the way
 *
 * So 64 packets of 64 cold flows wait for memory three times, not two hundred times.  Private to
 * core/flow: each file that includes this makes the stages anew for its processors.
 */
#ifndef XVS_FLOW_BATCH_H
#define XVS_FLOW_BATCH_H

#include "flow/table.h"

/* What the stages leave for each other. */
struct flow_stages {
	struct flow_way way;
	uint64_t hash[XVS_BATCH_MAX];
};

static inline __attribute__((always_inline)) void stage_hash(const struct flow_cache *c,
							     const struct flow_batch *b,
							     struct flow_stages *s)
{
	struct flow_spot last = { 0, 0 };
	uint64_t sum = nh_where(0, 0);

	for (XVS_EACH(i, b->live)) {
		struct flow_spot spot = b->spots[i];

		if (spot.where != last.where || spot.other != last.other)
			sum = nh_where(spot.where, (uint32_t)spot.other);
		last = spot;
		s->hash[i] = flow_hash_end(sum + nh_key(&b->keys[i], s->way.bits), s->way.seed);
		__builtin_prefetch(&s->way.table[s->hash[i] & c->bucket_mask]);
	}
}

static inline __attribute__((always_inline)) void stage_bucket(const struct flow_cache *c,
							       const struct flow_batch *b,
							       const struct flow_stages *s,
							       struct flow_entry **found)
{
	for (XVS_EACH(i, b->live)) {
		const struct flow_bucket *bucket = &s->way.table[s->hash[i] & c->bucket_mask];
		uint32_t match = flow_bucket_match(bucket, flow_signature(s->hash[i]));
		struct flow_entry *e = c->entries;

		if (__builtin_expect(match != 0, 1))
			e += bucket->number[__builtin_ctz(match)];
		__builtin_prefetch(&e->key);
		__builtin_prefetch(&e->key.segment, 1);
		found[i] = e;
	}
}

/* Not where it was looked for first: perhaps elsewhere. */
static inline struct flow_entry *batch_rest(struct flow_cache *c, const struct flow_batch *b,
					    struct flow_group *g, uint64_t i)
{
	struct flow_key key = { .k = b->keys[i] };

	memcpy(&key.segment, &b->spots[i], sizeof(b->spots[i]));
	return flow_find_rest(c, g, &key);
}

static inline __attribute__((always_inline)) uint32_t stage_compare(struct flow_cache *c,
								    const struct flow_batch *b,
								    struct flow_group *g,
								    struct flow_entry **found)
{
	uint32_t hits = 0;

	for (XVS_EACH(i, b->live)) {
		struct flow_entry *e = found[i];

		if (__builtin_expect(flow_entry_is(c, e, &b->keys[i], b->spots[i].where,
						   (uint32_t)b->spots[i].other),
				     1)) {
			hits++;
		} else {
			e = batch_rest(c, b, g, i);
			found[i] = e;
			if (!e)
				continue;
		}
		if (!e->is_plain) {
			__builtin_prefetch(&e->leg);
			__builtin_prefetch(&e->out);
		}
		g->uses[e->mask_nr].hits++;
	}
	return hits;
}

static inline __attribute__((always_inline)) void flow_batch_run(struct flow_cache *c,
								 const struct flow_batch *b,
								 struct flow_entry **found)
{
	struct flow_group *g = flow_group_of(c, b->port, b->place);
	struct flow_stages s;
	uint32_t hits;

	s.way = flow_way_of(c, g);
	stage_hash(c, b, &s);
	stage_bucket(c, b, &s, found);
	hits = stage_compare(c, b, g, found);
	flow_count(&c->exact_hits, hits);
	g->lookups += (uint32_t)__builtin_popcountll(b->live);
	if (g->lookups >= GROUP_PERIOD)
		flow_group_weigh(g);
}

#endif /* XVS_FLOW_BATCH_H */
