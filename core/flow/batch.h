/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/batch.h - the look-up of a batch in stages, each of which asks for the memory of the next.
 *
 *      hash all keys                    -> their buckets are on the way
 *      find signatures in the buckets   -> the first two lines of the entries are on the way
 *      compare keys with entries        -> the programs of those that have one are on the way
 *
 * So 64 packets of 64 cold flows wait for memory three times, not two hundred times.  Where a group has
 * so few entries that all of that is near, one pass does it: nothing is left for later stages to read.
 *
 * Packets come in trains: one that differs from the one before it in no bit that any mask looks at is
 * of the same entry.  Only the first of each train is looked up, its head.
 *
 * Private to core/flow: each file that includes this makes the stages anew for its processors.
 */
#ifndef XVS_FLOW_BATCH_H
#define XVS_FLOW_BATCH_H

#include "flow/credit.h"

#define BATCH_INLINE static inline __attribute__((always_inline))
/* A stage by itself: all of them in one function would not find room in its registers. */
#define BATCH_STAGE static __attribute__((noinline))

/* What the stages leave for each other. */
struct flow_stages {
	struct flow_way way;
	uint32_t count; /* of trains */
	/* by train: its first packet, and behind the last one where that ends; hash; entry to compare */
	uint8_t heads[XVS_BATCH_MAX + 1];
	uint64_t hash[XVS_BATCH_MAX];
	struct flow_entry *entries[XVS_BATCH_MAX];
};

BATCH_INLINE bool batch_spots_differ(const struct flow_spot *a, const struct flow_spot *b)
{
	return ((a->where ^ b->where) | (a->other ^ b->other)) != 0;
}

BATCH_INLINE void stage_hash(const struct flow_cache *c, const struct flow_batch *b,
			     struct flow_stages *s, bool has_spots)
{
	const struct flow_bucket *table = s->way.table;
	const struct xvs_flow_key *bits = s->way.bits;
	const struct xvs_flow_key *keys = b->keys;
	const uint64_t live = b->live;
	const uint32_t end = XVS_BATCH_MAX - (uint32_t)__builtin_clzll(live);
	const uint64_t bucket_mask = c->bucket_mask;
	const uint64_t seed = s->way.seed;
	struct flow_spot spot = b->spot;
	uint64_t sum = nh_where(spot.where, (uint32_t)spot.other);
	const struct xvs_flow_key *head = NULL;
	uint32_t count = 0;

	for (uint32_t i = 0; i < end; i++) {
		uint64_t hash;

		if (!(live >> i & 1))
			continue;
		if (has_spots && batch_spots_differ(&spot, &b->spots[i])) {
			spot = b->spots[i];
			sum = nh_where(spot.where, (uint32_t)spot.other);
			head = NULL;
		}
		if (head && flow_bits_equal(&keys[i], head, bits))
			continue;
		head = &keys[i];
		hash = flow_hash_end(sum + nh_key(head, bits), seed);
		__builtin_prefetch(&table[hash & bucket_mask]);
		s->hash[count] = hash;
		s->heads[count++] = (uint8_t)i;
	}
	s->heads[count] = (uint8_t)end;
	s->count = count;
}

BATCH_STAGE void stage_hash_spots(const struct flow_cache *c, const struct flow_batch *b,
				  struct flow_stages *s)
{
	stage_hash(c, b, s, true);
}

BATCH_STAGE void stage_hash_one_spot(const struct flow_cache *c, const struct flow_batch *b,
				     struct flow_stages *s)
{
	stage_hash(c, b, s, false);
}

/* Is packet i of the train of 'head', whose hash is the same? */
static inline bool batch_follows(const struct flow_batch *b, const struct flow_stages *s,
				 uint64_t head, uint64_t i)
{
	return flow_bits_equal(&b->keys[i], &b->keys[head], s->way.bits);
}

/* The bucket of a head is on its way; how many heads there are. */
BATCH_INLINE uint32_t batch_head(const struct flow_bucket *table, uint64_t bucket_mask,
				 struct flow_stages *s, uint32_t count, uint64_t i, uint64_t hash)
{
	__builtin_prefetch(&table[hash & bucket_mask]);
	s->hash[count] = hash;
	s->heads[count] = (uint8_t)i;
	return count + 1;
}

/* By the hashes of packets: where two differ, so do the keys. */
BATCH_STAGE void stage_tuples(const struct flow_cache *c, const struct flow_batch *b,
			      struct flow_stages *s)
{
	const struct flow_bucket *table = s->way.table;
	const uint64_t bucket_mask = c->bucket_mask;
	const uint64_t sum = flow_tuple_sum(b->port, b->spot.where, (uint32_t)b->spot.other);
	uint64_t last = UINT64_MAX; /* none */
	uint64_t head = 0;
	uint64_t rest = b->live;
	uint32_t count = 0;

	while (rest) {
		struct ones some = ones_lowest(rest);

		for (uint64_t i = some.first; i < some.end; i++) {
			uint64_t tuple = b->pkts[i]->hash;

			if (tuple == last && batch_follows(b, s, head, i))
				continue;
			last = tuple;
			head = i;
			count = batch_head(table, bucket_mask, s, count, i,
					   flow_tuple_hash(sum, tuple));
		}
		rest = ones_from(rest, some.end);
	}
	s->heads[count] = (uint8_t)(XVS_BATCH_MAX - (uint32_t)__builtin_clzll(b->live));
	s->count = count;
}

BATCH_STAGE void stage_tuples_spots(const struct flow_cache *c, const struct flow_batch *b,
				    struct flow_stages *s)
{
	const struct flow_bucket *table = s->way.table;
	const uint64_t bucket_mask = c->bucket_mask;
	struct flow_spot spot = b->spot;
	uint64_t sum = flow_tuple_sum(b->port, spot.where, (uint32_t)spot.other);
	uint64_t last = UINT64_MAX; /* none */
	uint64_t head = 0;
	uint32_t count = 0;

	for (XVS_EACH(i, b->live)) {
		uint64_t tuple = b->pkts[i]->hash;

		if (batch_spots_differ(&spot, &b->spots[i])) {
			spot = b->spots[i];
			sum = flow_tuple_sum(b->port, spot.where, (uint32_t)spot.other);
			last = UINT64_MAX;
		}
		if (tuple == last && batch_follows(b, s, head, i))
			continue;
		last = tuple;
		head = i;
		count = batch_head(table, bucket_mask, s, count, i, flow_tuple_hash(sum, tuple));
	}
	s->heads[count] = (uint8_t)(XVS_BATCH_MAX - (uint32_t)__builtin_clzll(b->live));
	s->count = count;
}

BATCH_STAGE void stage_bucket(const struct flow_cache *c, struct flow_stages *s)
{
	const struct flow_bucket *table = s->way.table;
	struct flow_entry *entries = c->entries;
	uint64_t bucket_mask = c->bucket_mask;

	for (uint32_t k = 0; k < s->count; k++) {
		const struct flow_bucket *bucket = &table[s->hash[k] & bucket_mask];
		uint32_t match = flow_bucket_match(bucket, flow_signature(s->hash[k]));
		struct flow_entry *e = entries;

		if (__builtin_expect(match != 0, 1))
			e += bucket->number[__builtin_ctz(match)];
		__builtin_prefetch(&e->key);
		__builtin_prefetch(&e->key.segment, 1);
		s->entries[k] = e;
	}
}

/* The mask of the index is at hand; entries that the exact cache leads to have one each. */
BATCH_INLINE bool batch_is(const struct flow_cache *c, struct flow_way way,
			   const struct flow_entry *e, const struct xvs_flow_key *key,
			   struct flow_spot spot)
{
	if (way.mask_nr != FLOW_NO_MASK)
		return e->mask_nr == way.mask_nr && flow_entry_equals(e, key, way.bits, spot);
	return flow_entry_is(c, e, key, spot);
}

/* A packet that does nothing but leave by one port needs no more than has come already. */
BATCH_INLINE void batch_fetch_program(const struct flow_entry *e)
{
	if (e->is_plain && e->is_single)
		return;
	__builtin_prefetch(&e->leg);
	__builtin_prefetch(&e->out);
	if (!e->is_single)
		__builtin_prefetch(&e->mask);
}

/* First packets of connections come in rows, and go by the same entry. */
static inline struct flow_entry *batch_common(struct flow_cache *c, struct flow_group *g,
					      const struct flow_batch *b, uint32_t i)
{
	const struct flow_spot *spot = b->spots ? &b->spots[i] : &b->spot;
	struct flow_entry *e = &c->entries[g->common];

	if (!e->is_common || !flow_entry_is(c, e, &b->keys[i], *spot))
		return NULL;
	g->probes++; /* as one that was asked for */
	flow_count(&c->masked_hits, 1);
	return e;
}

static struct flow_entry *batch_rest_key(struct flow_cache *c, struct flow_group *g,
					 const struct flow_batch *b, uint32_t i)
{
	struct flow_key key = { .k = b->keys[i] };

	memcpy(&key.segment, b->spots ? &b->spots[i] : &b->spot, sizeof(b->spot));
	return flow_find_rest(c, g, &key);
}

/*
 * A packet of this hash is not where it was looked for first: perhaps elsewhere, where other bits may
 * tell it apart.
 */
static __attribute__((noinline)) struct flow_entry *batch_rest(struct flow_cache *c,
							       const struct flow_batch *b,
							       bool is_tuple, uint32_t i,
							       uint64_t hash)
{
	struct flow_group *g = flow_group_of(c, b->port, b->place);
	struct flow_entry *e = batch_common(c, g, b, i);

	if (!e)
		e = batch_rest_key(c, g, b, i);
	if (!e)
		return NULL;
	g->uses[e->mask_nr].hits++;
	batch_fetch_program(e);
	/* where a common one was noted, no connection's own would be found */
	if (e->is_common)
		g->common = (uint32_t)(e - c->entries);
	else if (is_tuple)
		flow_exact_put(c, e, hash);
	return e;
}

/* All packets of train k; how many are live. */
static uint32_t batch_rest_of_train(struct flow_cache *c, const struct flow_batch *b,
				    const struct flow_stages *s, struct flow_entry **found,
				    uint32_t k)
{
	uint32_t count = 0;

	for (uint32_t i = s->heads[k]; i < s->heads[k + 1]; i++) {
		if (!(b->live >> i & 1))
			continue;
		found[i] = batch_rest(c, b, s->way.is_tuple, i, s->hash[k]);
		count++;
	}
	return count;
}

/* How many packets were not where they were looked for first; a train of theirs has no entry. */
BATCH_INLINE uint32_t stage_compare(struct flow_cache *c, const struct flow_batch *b,
				    struct flow_stages *s, struct flow_entry **found,
				    bool has_spots)
{
	const struct xvs_flow_key *keys = b->keys;
	const struct flow_way way = s->way;
	struct flow_spot spot = b->spot;
	uint32_t missed = 0;

	for (uint32_t k = 0; k < s->count; k++) {
		struct flow_entry *e = s->entries[k];
		uint32_t i = s->heads[k];

		if (has_spots)
			spot = b->spots[i];
		found[i] = e;
		if (__builtin_expect(batch_is(c, way, e, &keys[i], spot), 1)) {
			batch_fetch_program(e);
			continue;
		}
		missed += batch_rest_of_train(c, b, s, found, k);
		s->entries[k] = NULL;
	}
	return missed;
}

BATCH_STAGE uint32_t stage_compare_spots(struct flow_cache *c, const struct flow_batch *b,
					 struct flow_stages *s, struct flow_entry **found)
{
	return stage_compare(c, b, s, found, true);
}

BATCH_STAGE uint32_t stage_compare_one_spot(struct flow_cache *c, const struct flow_batch *b,
					    struct flow_stages *s, struct flow_entry **found)
{
	return stage_compare(c, b, s, found, false);
}

/* The entry of a head is that of its train. */
BATCH_INLINE void stage_trains(const struct flow_stages *s, struct flow_entry **found)
{
	if (s->heads[s->count] == s->heads[0] + s->count)
		return; /* each packet is one */
	for (uint32_t k = 0; k < s->count; k++) {
		for (uint32_t i = s->heads[k] + 1u; s->entries[k] && i < s->heads[k + 1]; i++)
			found[i] = s->entries[k];
	}
}

/* By which masks packets were found. */
BATCH_INLINE void stage_count(const struct flow_stages *s, struct flow_group *g, uint32_t hits)
{
	if (s->way.mask_nr != FLOW_NO_MASK) {
		g->uses[s->way.mask_nr].hits += hits;
		return;
	}
	for (uint32_t k = 0; k < s->count; k++) {
		if (s->entries[k])
			g->uses[s->entries[k]->mask_nr].hits += s->heads[k + 1] - s->heads[k];
	}
}

/* So long are trains that are better left to who asked. */
enum { TRAIN = 2 };

/* What was found in stages; in a train nobody is counted by himself. */
static void credit_stages(struct crediting *k)
{
	uint64_t rest = k->batch->live;

	credit_begin(k);
	while (rest) {
		struct ones some = ones_lowest(rest);

		rest = ones_from(rest, some.end);
		while (some.first < some.end) {
			struct flow_entry *e;

			some.first = credit_found(k, some);
			if (some.first == some.end)
				break;
			e = k->found[some.first];
			if (credit_again(k, e, rest, some))
				continue;
			some.first++;
			while (some.first < some.end && k->found[some.first] == e)
				some.first++;
		}
	}
	credit_end(k);
}

/* How many were not where they were looked for first. */
static uint32_t batch_stages(struct flow_cache *c, struct crediting *k, struct flow_group *g)
{
	const struct flow_batch *b = k->batch;
	struct flow_entry **found = k->found;
	uint32_t count = (uint32_t)__builtin_popcountll(b->live);
	struct flow_stages s;
	uint32_t missed;

	s.way = *k->way;
	if (s.way.is_tuple)
		(b->spots ? stage_tuples_spots : stage_tuples)(c, b, &s);
	else
		(b->spots ? stage_hash_spots : stage_hash_one_spot)(c, b, &s);
	stage_bucket(c, &s);
	missed = (b->spots ? stage_compare_spots : stage_compare_one_spot)(c, b, &s, found);
	stage_trains(&s, found);
	stage_count(&s, g, count - missed);
	if (b->credit && s.count * TRAIN > count)
		credit_stages(k);
	return missed;
}

/* ---- all in one pass ---------------------------------------------------------------------------- */

/* So few entries that they, and what leads to them, stay in the core's own caches; misses lead anywhere. */
enum { GROUP_NEAR = 1024 };

static uint64_t batch_sum(const struct flow_batch *b)
{
	return flow_tuple_sum(b->port, b->spot.where, (uint32_t)b->spot.other);
}

/* Which entries the places lead to where the hashes of packets do. */
BATCH_STAGE void pass_places(const struct flow_cache *c, const struct flow_batch *b,
			     const struct flow_way *way, struct ones some,
			     struct flow_entry **found)
{
	const struct flow_tuple_secret secret = flow_tuple_secret();
	const struct flow_bucket *table = way->table;
	const struct xvs_packet *const *pkts = b->pkts;
	const uint64_t bucket_mask = c->bucket_mask;
	const uint64_t sum = batch_sum(b);
	struct flow_entry *entries = c->entries;

	for (uint64_t i = some.first; i < some.end; i++) {
		uint64_t hash = flow_tuple_hash_by(secret, sum, pkts[i]->hash);
		const struct flow_bucket *bucket = &table[hash & bucket_mask];
		uint32_t match = flow_bucket_match(bucket, flow_signature(hash));
		uint32_t number = 0;

		if (__builtin_expect(match != 0, 1))
			number = bucket->number[__builtin_ctz(match)];
		found[i] = &entries[number];
	}
}

/*
 * By the hashes of packets at one spot; how many were not where they were looked for first.  Packets of
 * a train are each looked up: where flows are told apart, trains are short.
 *
 * A loop for the places and one for what is there: of one that does both, too few packets are within what
 * a processor looks ahead.
 */
static uint32_t pass_tuples(struct flow_cache *c, struct crediting *k)
{
	const struct flow_batch *b = k->batch;
	struct flow_entry **found = k->found;
	bool one_mask = k->way->mask_nr != FLOW_NO_MASK;
	uint64_t rest = b->live;
	uint32_t missed = 0;

	while (rest) {
		struct ones some = ones_lowest(rest);

		rest = ones_from(rest, some.end);
		pass_places(c, b, k->way, some, found);
		while (some.first < some.end) {
			uint64_t i = (one_mask ? credit_one_mask : credit_any_mask)(k, some);

			some.first = i;
			if (i < some.end && credit_again(k, found[i], 0, some))
				continue;
			some.first = i + 1;
			if (i == some.end || batch_is(c, *k->way, found[i], &b->keys[i], b->spot))
				continue;
			found[i] = batch_rest(c, b, true, (uint32_t)i,
					      flow_tuple_hash(batch_sum(b), b->pkts[i]->hash));
			missed++;
		}
	}
	return missed;
}

/* By which masks packets were found: that of one of them stands for all. */
static void pass_count(struct flow_group *g, const struct crediting *k, uint32_t hits)
{
	uint64_t done = k->to.done;

	if (k->way->mask_nr != FLOW_NO_MASK)
		g->uses[k->way->mask_nr].hits += hits;
	else if (done)
		g->uses[k->found[__builtin_ctzll(done)]->mask_nr].hits += hits;
}

/* ---- both ------------------------------------------------------------------------------------------ */

/* How many were not where they were looked for first. */
BATCH_INLINE uint32_t batch_find(struct flow_cache *c, const struct flow_batch *b,
				 struct flow_group *g, struct flow_entry **found, uint32_t count)
{
	struct flow_way way = flow_way_of(c, g, b->pkts != NULL);
	struct crediting k = { .cache = c, .batch = b, .way = &way, .found = found };
	uint32_t missed;

	if (!way.is_tuple || b->spots || g->entries > GROUP_NEAR || g->is_missed)
		return batch_stages(c, &k, g);
	credit_begin(&k);
	missed = pass_tuples(c, &k);
	pass_count(g, &k, count - missed);
	credit_end(&k);
	return missed;
}

BATCH_INLINE void flow_batch_run(struct flow_cache *c, const struct flow_batch *b,
				 struct flow_entry **found)
{
	struct flow_group *g = flow_group_of(c, b->port, b->place);
	uint32_t count = (uint32_t)__builtin_popcountll(b->live);
	uint32_t missed;

	if (!b->live)
		return;
	missed = batch_find(c, b, g, found, count);
	flow_count(&c->exact_hits, count - missed);
	g->is_missed = 2 * missed > count;
	g->lookups += count;
	if (g->lookups >= GROUP_PERIOD)
		flow_group_weigh(g);
}

#endif /* XVS_FLOW_BATCH_H */
