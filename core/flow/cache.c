/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.c - finding, inserting and retiring entries.
 *
 * Both hash tables are made of buckets of one cache line: eight places of (32 bits of hash, entry
 * number).  The exact cache is a plain set-associative cache: a place leads to an entry, and
 * whether that entry stands for the key is asked of the entry itself, under its own mask.  So
 * nothing has to be removed from it, ever.  The masked index gives each entry two buckets.
 */
#include "flow/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "flow/slab.h"

enum { PLACES = 8, STEPS_PER_ENTRY = 4, LEGS_SHARE = 16, REWRITE_SHARE = 2 };

struct flow_bucket {
	uint32_t signature[PLACES];
	uint32_t number[PLACES]; /* entry number + 1; 0: empty */
};
_Static_assert(sizeof(struct flow_bucket) == 64, "one cache line");

struct flow_mask {
	struct flow_key bits;
	uint64_t seed; /* makes equal bytes under different masks hash apart */
	uint32_t entries;
	uint32_t hits;
};

struct flow_cache {
	struct flow_entry *entries;
	struct flow_bucket *exact, *index;
	uint64_t bucket_mask; /* of both */
	uint32_t max;
	uint32_t fresh; /* entries never used yet start here */
	uint32_t used;
	uint32_t mask_count; /* places of 'order' in use */
	uint32_t hand;       /* of the sweep */
	uint32_t evict_hand;
	uint8_t replace;               /* next exact place to overwrite */
	uint8_t order[FLOW_MASKS_MAX]; /* numbers of masks, most hits first */
	struct flow_mask masks[FLOW_MASKS_MAX];
	struct flow_entry *free, *retired;
	struct slab steps, rewrites, legs;
	flow_retire_fn retire;
	void *retire_arg;
	uint64_t exact_hits, masked_hits, misses, evictions;
};

/* Written by the worker alone, read by anybody who asks for statistics. */
static void count(uint64_t *word, uint64_t n)
{
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static void store(uint32_t *word, uint32_t n)
{
	__atomic_store_n(word, n, __ATOMIC_RELAXED);
}

static void *map_zeroed(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t bytes)
{
	if (p)
		(void)munmap(p, bytes);
}

static size_t bucket_bytes(const struct flow_cache *c)
{
	return (size_t)(c->bucket_mask + 1) * sizeof(struct flow_bucket);
}

static void cache_free(struct flow_cache *c)
{
	unmap(c->entries, (size_t)c->max * sizeof(*c->entries));
	unmap(c->exact, bucket_bytes(c));
	unmap(c->index, bucket_bytes(c));
	slab_finish(&c->steps);
	slab_finish(&c->rewrites);
	slab_finish(&c->legs);
	free(c);
}

struct flow_cache *flow_cache_create(uint32_t entries, flow_retire_fn retire, void *arg)
{
	struct flow_cache *c = calloc(1, sizeof(*c));
	bool ok;

	if (!c)
		return NULL;
	c->max = 1024;
	while (c->max < entries && c->max < 1u << 30)
		c->max *= 2;
	c->bucket_mask = c->max / PLACES * 2 - 1;
	c->retire = retire;
	c->retire_arg = arg;
	c->entries = map_zeroed((size_t)c->max * sizeof(*c->entries));
	c->exact = map_zeroed(bucket_bytes(c));
	c->index = map_zeroed(bucket_bytes(c));
	ok = slab_init(&c->steps, c->max * STEPS_PER_ENTRY, sizeof(struct flow_step)) &&
	     slab_init(&c->rewrites, c->max / REWRITE_SHARE, sizeof(struct flow_rewrite)) &&
	     slab_init(&c->legs, c->max / LEGS_SHARE, (FLOW_OUTS - 1) * sizeof(struct flow_leg));
	if (c->entries && c->exact && c->index && ok)
		return c;
	cache_free(c);
	return NULL;
}

void flow_cache_destroy(struct flow_cache *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->fresh; i++) {
		if (c->entries[i].mask)
			flow_retire(c, &c->entries[i]);
	}
	flow_reclaim(c);
	cache_free(c);
}

/* ---- finding --------------------------------------------------------------------------------- */

void flow_prefetch(const struct flow_cache *c, uint64_t hash)
{
	__builtin_prefetch(&c->exact[hash & c->bucket_mask]);
}

static uint32_t signature_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static struct flow_entry *find_exact(const struct flow_cache *c, const struct flow_key *key,
				     uint64_t hash)
{
	const struct flow_bucket *b = &c->exact[hash & c->bucket_mask];
	uint32_t signature = signature_of(hash);

	for (unsigned i = 0; i < PLACES; i++) {
		struct flow_entry *e;

		if (b->signature[i] != signature || b->number[i] == 0)
			continue;
		e = &c->entries[b->number[i] - 1];
		if (e->mask && flow_key_matches(&e->key, e->mask, key))
			return e;
	}
	return NULL;
}

static void put_exact(struct flow_cache *c, const struct flow_entry *e, uint64_t hash)
{
	struct flow_bucket *b = &c->exact[hash & c->bucket_mask];
	uint32_t signature = signature_of(hash);
	unsigned at = PLACES;

	for (unsigned i = 0; i < PLACES && at == PLACES; i++) {
		if (b->number[i] == 0 || b->signature[i] == signature ||
		    !c->entries[b->number[i] - 1].mask)
			at = i;
	}
	if (at == PLACES)
		at = c->replace++ % PLACES;
	b->signature[at] = signature;
	b->number[at] = (uint32_t)(e - c->entries) + 1;
}

/* The second bucket of an entry depends on its signature alone, so that either leads to both. */
static uint64_t other_bucket(const struct flow_cache *c, uint64_t bucket, uint32_t signature)
{
	return (bucket ^ ((uint64_t)signature * UINT64_C(0x9e3779b97f4a7c15) >> 24)) &
	       c->bucket_mask;
}

static struct flow_entry *find_in_bucket(const struct flow_cache *c, uint64_t bucket,
					 uint32_t signature, const struct flow_key *mask,
					 const struct flow_key *masked)
{
	const struct flow_bucket *b = &c->index[bucket];

	for (unsigned i = 0; i < PLACES; i++) {
		struct flow_entry *e;

		if (b->signature[i] != signature || b->number[i] == 0)
			continue;
		e = &c->entries[b->number[i] - 1];
		if (e->mask == mask && flow_key_equal(&e->key, masked))
			return e;
	}
	return NULL;
}

static struct flow_entry *find_masked(const struct flow_cache *c, const struct flow_mask *m,
				      const struct flow_key *key)
{
	struct flow_key masked;
	struct flow_entry *e;
	uint64_t hash;
	uint64_t bucket;

	flow_key_and(&masked, key, &m->bits);
	hash = flow_hash(&masked, m->seed);
	bucket = hash & c->bucket_mask;
	e = find_in_bucket(c, bucket, signature_of(hash), &m->bits, &masked);
	if (e)
		return e;
	bucket = other_bucket(c, bucket, signature_of(hash));
	return find_in_bucket(c, bucket, signature_of(hash), &m->bits, &masked);
}

/* A mask that is hit more often than the one before it changes places with it. */
static void mask_hit(struct flow_cache *c, uint32_t position)
{
	struct flow_mask *m = &c->masks[c->order[position]];
	uint8_t nr = c->order[position];

	if (++m->hits == UINT32_MAX)
		m->hits /= 2;
	if (position == 0 || c->masks[c->order[position - 1]].hits >= m->hits)
		return;
	c->order[position] = c->order[position - 1];
	c->order[position - 1] = nr;
}

struct flow_entry *flow_find(struct flow_cache *c, const struct flow_key *key, uint64_t hash)
{
	struct flow_entry *e = find_exact(c, key, hash);

	if (e) {
		count(&c->exact_hits, 1);
		return e;
	}
	for (uint32_t i = 0; i < c->mask_count; i++) {
		e = find_masked(c, &c->masks[c->order[i]], key);
		if (!e)
			continue;
		count(&c->masked_hits, 1);
		mask_hit(c, i);
		put_exact(c, e, hash);
		return e;
	}
	count(&c->misses, 1);
	return NULL;
}

/* ---- masks ------------------------------------------------------------------------------------ */

static struct flow_mask *mask_get(struct flow_cache *c, const struct flow_key *bits)
{
	struct flow_mask *unused = NULL;

	for (uint32_t i = 0; i < FLOW_MASKS_MAX; i++) {
		struct flow_mask *m = &c->masks[i];

		if (m->entries && flow_key_equal(&m->bits, bits))
			return m;
		if (!m->entries && !unused)
			unused = m;
	}
	if (!unused)
		return NULL;
	unused->bits = *bits;
	unused->hits = 0;
	unused->seed = flow_hash(bits, 1);
	c->order[c->mask_count] = (uint8_t)(unused - c->masks);
	store(&c->mask_count, c->mask_count + 1);
	return unused;
}

static void mask_put(struct flow_cache *c, struct flow_mask *m)
{
	uint32_t at = 0;

	if (--m->entries > 0)
		return;
	while (at < c->mask_count && &c->masks[c->order[at]] != m)
		at++;
	store(&c->mask_count, c->mask_count - 1);
	memmove(&c->order[at], &c->order[at + 1], c->mask_count - at);
}

/* ---- inserting and retiring -------------------------------------------------------------------- */

static bool put_in_bucket(struct flow_cache *c, uint64_t bucket, uint32_t signature,
			  uint32_t number)
{
	struct flow_bucket *b = &c->index[bucket];

	for (unsigned i = 0; i < PLACES; i++) {
		if (b->number[i] != 0)
			continue;
		b->signature[i] = signature;
		b->number[i] = number;
		return true;
	}
	return false;
}

static bool remove_from_bucket(struct flow_cache *c, uint64_t bucket, uint32_t number)
{
	struct flow_bucket *b = &c->index[bucket];

	for (unsigned i = 0; i < PLACES; i++) {
		if (b->number[i] != number)
			continue;
		b->number[i] = 0;
		return true;
	}
	return false;
}

static struct flow_entry *oldest_in_bucket(const struct flow_cache *c, uint64_t bucket)
{
	const struct flow_bucket *b = &c->index[bucket];
	struct flow_entry *oldest = &c->entries[b->number[0] - 1];

	for (unsigned i = 1; i < PLACES; i++) {
		struct flow_entry *e = &c->entries[b->number[i] - 1];

		if (e->last_ns < oldest->last_ns)
			oldest = e;
	}
	return oldest;
}

static void index_remove(struct flow_cache *c, struct flow_entry *e)
{
	uint32_t number = (uint32_t)(e - c->entries) + 1;
	uint64_t bucket = e->hash_low & c->bucket_mask;

	if (!remove_from_bucket(c, bucket, number))
		(void)remove_from_bucket(c, other_bucket(c, bucket, e->hash_high), number);
	mask_put(c, &c->masks[e->mask_nr]);
	e->mask = NULL;
	store(&c->used, c->used - 1);
}

void flow_retire(struct flow_cache *c, struct flow_entry *e)
{
	if (e->is_retired)
		return;
	if (e->mask)
		index_remove(c, e);
	e->is_retired = 1;
	e->next = c->retired;
	c->retired = e;
}

void flow_temporary(struct flow_cache *c, struct flow_entry *e)
{
	e->is_temporary = 1;
	flow_retire(c, e);
}

static void leg_free(struct flow_cache *c, struct flow_leg *leg)
{
	while (leg->steps) {
		struct flow_step *s = leg->steps;

		leg->steps = s->next;
		if (s->rewrite)
			slab_put(&c->rewrites, s->rewrite);
		slab_put(&c->steps, s);
	}
}

void flow_reclaim(struct flow_cache *c)
{
	while (c->retired) {
		struct flow_entry *e = c->retired;

		c->retired = e->next;
		c->retire(c->retire_arg, e);
		leg_free(c, &e->leg);
		leg_free(c, &e->out);
		for (unsigned i = 0; e->more && i < FLOW_OUTS - 1; i++)
			leg_free(c, &e->more[i]);
		if (e->more)
			slab_put(&c->legs, e->more);
		e->next = c->free;
		c->free = e;
	}
}

/* Any entry that has been idle for a while: the hand looks at some and takes the oldest. */
static void evict_one(struct flow_cache *c)
{
	struct flow_entry *oldest = NULL;

	for (uint32_t i = 0; i < 16 || (!oldest && i < c->fresh); i++) {
		struct flow_entry *e = &c->entries[c->evict_hand++ % c->fresh];

		if (e->mask && (!oldest || e->last_ns < oldest->last_ns))
			oldest = e;
	}
	if (!oldest)
		return;
	count(&c->evictions, 1);
	flow_retire(c, oldest);
}

/* So many entries stay out of the index, so that evicted ones, which are free only at the end of
 * the burst, never leave a burst without.  The same for steps and rewrites, of which some chains
 * use more than their share. */
enum { RESERVE = 512, PARTS_RESERVE_SHARE = 4 };

static bool is_short(const struct flow_cache *c)
{
	return c->used >= c->max - RESERVE ||
	       slab_left(&c->steps) < c->steps.max / PARTS_RESERVE_SHARE ||
	       slab_left(&c->rewrites) < c->rewrites.max / PARTS_RESERVE_SHARE;
}

struct flow_entry *flow_new(struct flow_cache *c)
{
	struct flow_entry *e;

	if (is_short(c))
		evict_one(c);
	e = c->free;
	if (e)
		c->free = e->next;
	else if (c->fresh < c->max)
		e = &c->entries[c->fresh++];
	if (e)
		memset(e, 0, sizeof(*e));
	return e;
}

bool flow_insert(struct flow_cache *c, struct flow_entry *e, const struct flow_key *key,
		 const struct flow_key *mask, uint64_t hash)
{
	struct flow_mask *m = mask_get(c, mask);
	struct flow_entry *same;
	uint64_t bucket;
	uint64_t masked_hash;
	uint32_t number = (uint32_t)(e - c->entries) + 1;
	uint32_t signature;

	if (!m)
		return false;
	m->entries++;
	same = find_masked(c, m, key);
	if (same)
		flow_retire(c, same);
	flow_key_and(&e->key, key, mask);
	masked_hash = flow_hash(&e->key, m->seed);
	signature = signature_of(masked_hash);
	bucket = masked_hash & c->bucket_mask;
	if (!put_in_bucket(c, bucket, signature, number) &&
	    !put_in_bucket(c, other_bucket(c, bucket, signature), signature, number)) {
		count(&c->evictions, 1);
		flow_retire(c, oldest_in_bucket(c, bucket));
		(void)put_in_bucket(c, bucket, signature, number);
	}
	e->hash_low = (uint32_t)masked_hash;
	e->hash_high = signature;
	e->mask_nr = (uint16_t)(m - c->masks);
	e->mask = &m->bits;
	store(&c->used, c->used + 1);
	put_exact(c, e, hash);
	return true;
}

/* ---- sweeping ----------------------------------------------------------------------------------- */

bool flow_sweep(struct flow_cache *c, uint32_t count, uint64_t now_ns,
		void (*due)(void *arg, struct flow_entry *e), void *arg)
{
	bool wrapped = false;

	for (uint32_t i = 0; i < count && c->fresh; i++) {
		struct flow_entry *e;

		if (c->hand >= c->fresh) {
			c->hand = 0;
			wrapped = true;
			break;
		}
		e = &c->entries[c->hand++];
		if (!e->mask)
			continue;
		if (now_ns - e->last_ns > (uint64_t)e->idle_ms * 1000000 && now_ns > e->last_ns)
			flow_retire(c, e);
		else
			due(arg, e);
	}
	return wrapped || c->fresh == 0;
}

void flow_each(struct flow_cache *c, void (*fn)(void *arg, struct flow_entry *e), void *arg)
{
	for (uint32_t i = 0; i < c->fresh; i++) {
		if (c->entries[i].mask)
			fn(arg, &c->entries[i]);
	}
}

struct flow_step *flow_step_new(struct flow_cache *c)
{
	return slab_get(&c->steps);
}

struct flow_rewrite *flow_rewrite_new(struct flow_cache *c)
{
	return slab_get(&c->rewrites);
}

struct flow_leg *flow_legs_new(struct flow_cache *c)
{
	return slab_get(&c->legs);
}

void flow_cache_stats(const struct flow_cache *c, struct flow_cache_stats *out)
{
	*out = (struct flow_cache_stats){
		.exact_hits = __atomic_load_n(&c->exact_hits, __ATOMIC_RELAXED),
		.masked_hits = __atomic_load_n(&c->masked_hits, __ATOMIC_RELAXED),
		.misses = __atomic_load_n(&c->misses, __ATOMIC_RELAXED),
		.evictions = __atomic_load_n(&c->evictions, __ATOMIC_RELAXED),
		.entries = __atomic_load_n(&c->used, __ATOMIC_RELAXED),
		.masks = __atomic_load_n(&c->mask_count, __ATOMIC_RELAXED),
	};
}
