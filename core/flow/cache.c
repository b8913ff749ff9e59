/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.c - making, inserting and retiring entries.  How they are laid out: table.h.
 */
#include "flow/table.h"

#include <stdlib.h>

#include "base/pages.h"

enum { STEPS_PER_ENTRY = 4, LEGS_SHARE = 16, REWRITE_SHARE = 2 };

static void store(uint32_t *word, uint32_t n)
{
	__atomic_store_n(word, n, __ATOMIC_RELAXED);
}

static size_t bucket_bytes(const struct flow_cache *c)
{
	return (size_t)(c->bucket_mask + 1) * sizeof(struct flow_bucket);
}

/* And one that is never used: it is where empty places of buckets lead to. */
static size_t entry_bytes(const struct flow_cache *c)
{
	return ((size_t)c->max + 1) * sizeof(struct flow_entry);
}

static void cache_free(struct flow_cache *c)
{
	pages_unmap(c->entries, entry_bytes(c));
	pages_unmap(c->exact, bucket_bytes(c));
	pages_unmap(c->index, bucket_bytes(c));
	pages_unmap(c->groups, GROUPS * sizeof(*c->groups));
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
	c->entries = pages_map(entry_bytes(c));
	c->exact = pages_map(bucket_bytes(c));
	c->index = pages_map(bucket_bytes(c));
	c->groups = pages_map(GROUPS * sizeof(*c->groups));
	ok = slab_init(&c->steps, c->max * STEPS_PER_ENTRY, sizeof(struct flow_step)) &&
	     slab_init(&c->rewrites, c->max / REWRITE_SHARE, sizeof(struct flow_rewrite)) &&
	     slab_init(&c->legs, c->max / LEGS_SHARE, (FLOW_OUTS - 1) * sizeof(struct flow_leg));
	if (!c->entries || !c->exact || !c->index || !c->groups || !ok) {
		cache_free(c);
		return NULL;
	}
	c->fresh = 1;
	c->hand = 1;
	c->evict_hand = 1;
	c->idle_least_ns = UINT64_MAX;
	c->entries->key.zero = 1;
	c->entries->mask_nr = FLOW_NO_MASK;
	return c;
}

void flow_cache_destroy(struct flow_cache *c)
{
	if (!c)
		return;
	for (uint32_t i = 1; i < c->fresh; i++) {
		if (c->entries[i].mask)
			flow_retire(c, &c->entries[i]);
	}
	flow_reclaim(c);
	cache_free(c);
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
	unused->seed = hash_words((const hash_word *)(const void *)bits, FLOW_WORDS, 1);
	store(&c->mask_count, c->mask_count + 1);
	return unused;
}

static void mask_put(struct flow_cache *c, struct flow_mask *m)
{
	if (--m->entries == 0)
		store(&c->mask_count, c->mask_count - 1);
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

static void index_remove(struct flow_cache *c, struct flow_entry *e)
{
	struct flow_mask *m = &c->masks[e->mask_nr];
	uint64_t hash = flow_hash(&e->key, &m->bits.k, m->seed);
	uint64_t bucket = hash & c->bucket_mask;
	uint32_t number = (uint32_t)(e - c->entries);
	struct flow_group *g = flow_group_of(c, e->key.k.port, e->key.place);

	if (!remove_from_bucket(c, bucket, number))
		(void)remove_from_bucket(c, flow_other_bucket(c, bucket, flow_signature(hash)),
					 number);
	g->commons -= e->is_common;
	flow_group_leave(c, g, e->mask_nr);
	mask_put(c, m);
	e->mask = NULL;
	e->mask_nr = FLOW_NO_MASK;
	e->key.zero = 1;
	store(&c->used, c->used - 1);
}

void flow_retire(struct flow_cache *c, struct flow_entry *e)
{
	if (e->is_retired)
		return;
	__atomic_store_n(&e->tally.verified, TALLY_NEVER, __ATOMIC_RELAXED);
	if (e->mask)
		index_remove(c, e);
	e->is_retired = 1;
	e->next = c->retired;
	c->retired = e;
}

void flow_temporary(struct flow_cache *c, struct flow_entry *e)
{
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

/* Its tally may be looked at by who has it from an earlier life. */
static void entry_clear(struct flow_entry *e)
{
	enum { BEHIND = offsetof(struct flow_entry, tally) + sizeof(struct tally) };

	memset(e, 0, offsetof(struct flow_entry, tally));
	/* who sees any of what follows sees that connections were let go of before */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&e->tally.verified, TALLY_NEVER, __ATOMIC_RELAXED);
	__atomic_store_n(&e->tally.packets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&e->tally.last_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&e->tally.bytes, 0, __ATOMIC_RELAXED);
	memset((uint8_t *)e + BEHIND, 0, sizeof(*e) - BEHIND);
	e->mask_nr = FLOW_NO_MASK;
	e->key.zero = 1;
}

struct flow_entry *flow_new(struct flow_cache *c)
{
	struct flow_entry *e;

	if (is_short(c))
		flow_evict(c);
	e = c->free;
	if (e)
		c->free = e->next;
	else if (c->fresh <= c->max)
		e = &c->entries[c->fresh++];
	if (!e)
		return NULL;
	entry_clear(e);
	return e;
}

/* Of a full bucket, one that has a place in its other one goes there. */
static bool make_place(struct flow_cache *c, uint64_t bucket)
{
	struct flow_bucket *b = &c->index[bucket];

	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t other = flow_other_bucket(c, bucket, b->signature[i]);

		if (!put_in_bucket(c, other, b->signature[i], b->number[i]))
			continue;
		b->number[i] = 0;
		return true;
	}
	return false;
}

static void index_add(struct flow_cache *c, struct flow_entry *e, uint64_t hash)
{
	uint32_t number = (uint32_t)(e - c->entries);
	uint32_t signature = flow_signature(hash);
	uint64_t bucket = hash & c->bucket_mask;

	if (put_in_bucket(c, bucket, signature, number) ||
	    put_in_bucket(c, flow_other_bucket(c, bucket, signature), signature, number))
		return;
	if (!make_place(c, bucket)) {
		flow_count(&c->evictions, 1);
		flow_retire(c, flow_worst_in_bucket(c, &c->index[bucket]));
	}
	(void)put_in_bucket(c, bucket, signature, number);
}

bool flow_insert(struct flow_cache *c, struct flow_entry *e, const struct flow_key *key,
		 const struct flow_key *mask)
{
	struct flow_mask *m = mask_get(c, mask);
	struct flow_group *g = flow_group_of(c, key->k.port, key->place);
	struct flow_entry *same;

	if (!m)
		return false;
	m->entries++;
	e->mask_nr = (uint8_t)(m - c->masks);
	g->commons += e->is_common;
	flow_group_join(c, g, e);
	same = flow_index_find(c, m, key);
	if (same)
		flow_retire(c, same);
	flow_key_and(&e->key, key, mask);
	e->mask = &m->bits;
	if ((uint64_t)e->idle_ms * 1000000 < c->idle_least_ns)
		c->idle_least_ns = (uint64_t)e->idle_ms * 1000000;
	index_add(c, e, flow_hash(&e->key, &m->bits.k, m->seed));
	store(&c->used, c->used + 1);
	flow_exact_note(c, g, e, key);
	return true;
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
