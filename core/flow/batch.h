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

#define BATCH_INLINE static inline __attribute__((always_inline))

/* What the stages leave for each other. */
struct flow_stages {
	struct flow_way way;
	uint32_t end; /* behind the last packet that is live */
	uint64_t hash[XVS_BATCH_MAX];
};

BATCH_INLINE struct flow_spot batch_spot(const struct flow_batch *b, uint64_t i, bool has_spots)
{
	return has_spots ? b->spots[i] : b->spot;
}

/* Nearly all packets are live: the others cost a hash and a line, of which nothing comes. */
BATCH_INLINE void stage_hash(const struct flow_cache *c, const struct flow_batch *b,
			     struct flow_stages *s, bool has_spots)
{
	const struct flow_bucket *table = s->way.table;
	const struct xvs_flow_key *bits = s->way.bits;
	const struct xvs_flow_key *keys = b->keys;
	uint64_t bucket_mask = c->bucket_mask;
	uint64_t seed = s->way.seed;
	uint64_t sum = nh_where(b->spot.where, (uint32_t)b->spot.other);

	for (uint32_t i = 0; i < s->end; i++) {
		struct flow_spot spot = batch_spot(b, i, has_spots);
		uint64_t hash;

		if (has_spots)
			sum = nh_where(spot.where, (uint32_t)spot.other);
		hash = flow_hash_end(sum + nh_key(&keys[i], bits), seed);
		s->hash[i] = hash;
		__builtin_prefetch(&table[hash & bucket_mask]);
	}
}

BATCH_INLINE void stage_bucket(const struct flow_cache *c, const struct flow_stages *s,
			       struct flow_entry **found)
{
	const struct flow_bucket *table = s->way.table;
	struct flow_entry *entries = c->entries;
	uint64_t bucket_mask = c->bucket_mask;

	for (uint32_t i = 0; i < s->end; i++) {
		const struct flow_bucket *bucket = &table[s->hash[i] & bucket_mask];
		uint32_t match = flow_bucket_match(bucket, flow_signature(s->hash[i]));
		struct flow_entry *e = entries;

		if (__builtin_expect(match != 0, 1))
			e += bucket->number[__builtin_ctz(match)];
		__builtin_prefetch(&e->key);
		__builtin_prefetch(&e->key.segment, 1);
		found[i] = e;
	}
}

/* Not where it was looked for first: perhaps elsewhere. */
static struct flow_entry *batch_rest(struct flow_cache *c, const struct flow_batch *b,
				     struct flow_group *g, uint64_t i)
{
	struct flow_key key = { .k = b->keys[i] };

	memcpy(&key.segment, b->spots ? &b->spots[i] : &b->spot, sizeof(b->spot));
	return flow_find_rest(c, g, &key);
}

/* The mask of the index is at hand; entries that the exact cache leads to have one each. */
BATCH_INLINE bool batch_is(const struct flow_cache *c, struct flow_way way,
			   const struct flow_entry *e, const struct xvs_flow_key *key,
			   struct flow_spot spot)
{
	if (way.mask_nr != FLOW_NO_MASK)
		return e->mask_nr == way.mask_nr &&
		       flow_entry_equals(e, key, way.bits, spot.where, spot.other);
	return flow_entry_is(c, e, key, spot.where, spot.other);
}

/* A packet that does nothing but leave by one port needs no more than has come already. */
BATCH_INLINE void batch_fetch_program(const struct flow_entry *e)
{
	if (e->is_plain && e->is_single)
		return;
	__builtin_prefetch(&e->leg);
	__builtin_prefetch(&e->out);
	__builtin_prefetch(&e->mask);
}

BATCH_INLINE uint32_t stage_compare(struct flow_cache *c, const struct flow_batch *b,
				    const struct flow_stages *s, struct flow_entry **found,
				    bool has_spots)
{
	struct flow_group *g = flow_group_of(c, b->port, b->place);
	const struct xvs_flow_key *keys = b->keys;
	const struct flow_way way = s->way;
	const uint64_t live = b->live;
	struct flow_spot spot = b->spot;
	uint32_t hits = 0;

	for (uint32_t i = 0; i < s->end; i++) {
		struct flow_entry *e = found[i];

		if (!(live >> i & 1))
			continue;
		if (has_spots)
			spot = b->spots[i];
		if (__builtin_expect(batch_is(c, way, e, &keys[i], spot), 1)) {
			hits++;
			if (way.mask_nr == FLOW_NO_MASK)
				g->uses[e->mask_nr].hits++;
		} else {
			e = batch_rest(c, b, g, i);
			found[i] = e;
			if (!e)
				continue;
			g->uses[e->mask_nr].hits++;
		}
		batch_fetch_program(e);
	}
	if (way.mask_nr != FLOW_NO_MASK)
		g->uses[way.mask_nr].hits += hits;
	return hits;
}

BATCH_INLINE void flow_batch_run(struct flow_cache *c, const struct flow_batch *b,
				 struct flow_entry **found)
{
	struct flow_group *g = flow_group_of(c, b->port, b->place);
	struct flow_stages s;
	uint32_t hits;

	if (!b->live)
		return;
	s.way = flow_way_of(c, g);
	s.end = XVS_BATCH_MAX - (uint32_t)__builtin_clzll(b->live);
	if (b->spots)
		stage_hash(c, b, &s, true);
	else
		stage_hash(c, b, &s, false);
	stage_bucket(c, &s, found);
	hits = b->spots ? stage_compare(c, b, &s, found, true)
			: stage_compare(c, b, &s, found, false);
	flow_count(&c->exact_hits, hits);
	g->lookups += (uint32_t)__builtin_popcountll(b->live);
	if (g->lookups >= GROUP_PERIOD)
		flow_group_weigh(g);
}

#endif /* XVS_FLOW_BATCH_H */
