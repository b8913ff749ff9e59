/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c - from keys to entries: one by one, and the choice of how batches are looked up.
 */
#include <stdatomic.h>

#include "flow/batch.h"

/* A place of the bucket whose entry stands for the key; 'nr': and has this mask, NO_MASK: any. */
static struct flow_entry *find_in_bucket(const struct flow_cache *c, const struct flow_bucket *b,
					 uint32_t signature, const struct flow_key *key,
					 uint32_t nr)
{
	struct flow_spot spot = { flow_where(key->segment, key->place), key->other };
	uint32_t match = flow_bucket_match(b, signature);

	for (; match; match &= match - 1) {
		struct flow_entry *e = &c->entries[b->number[__builtin_ctz(match)]];

		if ((nr == FLOW_NO_MASK || e->mask_nr == nr) && flow_entry_is(c, e, &key->k, spot))
			return e;
	}
	return NULL;
}

struct flow_entry *flow_index_find(const struct flow_cache *c, const struct flow_mask *m,
				   const struct flow_key *key)
{
	uint64_t hash = flow_hash(key, &m->bits.k, m->seed);
	uint32_t signature = flow_signature(hash);
	uint64_t bucket = hash & c->bucket_mask;
	uint32_t nr = (uint32_t)(m - c->masks);
	struct flow_entry *e = find_in_bucket(c, &c->index[bucket], signature, key, nr);

	if (e)
		return e;
	bucket = flow_other_bucket(c, bucket, signature);
	return find_in_bucket(c, &c->index[bucket], signature, key, nr);
}

static struct flow_entry *find_exact(const struct flow_cache *c, const struct flow_group *g,
				     const struct flow_key *key)
{
	uint64_t hash = flow_hash(key, &g->bits, 0);

	return find_in_bucket(c, &c->exact[hash & c->bucket_mask], flow_signature(hash), key,
			      FLOW_NO_MASK);
}

/* A free place, one of an entry that has left, or the next in turn. */
void flow_exact_put(struct flow_cache *c, const struct flow_entry *e, uint64_t hash)
{
	struct flow_bucket *b = &c->exact[hash & c->bucket_mask];
	uint32_t signature = flow_signature(hash);
	uint32_t at = PLACES;

	for (uint32_t i = 0; i < PLACES && at == PLACES; i++) {
		if (b->number[i] == 0 || b->signature[i] == signature)
			at = i;
	}
	if (at == PLACES)
		at = c->replace++ % PLACES;
	b->signature[at] = signature;
	b->number[at] = (uint32_t)(e - c->entries);
}

void flow_exact_note(struct flow_cache *c, const struct flow_group *g, const struct flow_entry *e,
		     const struct flow_key *key)
{
	if (g->uses_exact && !g->is_tuple)
		flow_exact_put(c, e, flow_hash(key, &g->bits, 0));
}

/* Under each mask of the group, most hits first. */
static struct flow_entry *find_masked(struct flow_cache *c, struct flow_group *g,
				      const struct flow_key *key)
{
	for (uint32_t i = 0; i < g->mask_count; i++) {
		struct flow_entry *e = flow_index_find(c, &c->masks[g->order[i]], key);

		g->probes++;
		if (!e)
			continue;
		flow_exact_note(c, g, e, key);
		return e;
	}
	g->probes -= g->mask_count; /* either way would have cost them */
	return NULL;
}

struct flow_entry *flow_find_rest(struct flow_cache *c, struct flow_group *g,
				  const struct flow_key *key)
{
	struct flow_entry *e = g->uses_exact && !g->is_tuple ? find_exact(c, g, key) : NULL;

	if (!e)
		e = find_masked(c, g, key);
	if (e)
		flow_count(&c->masked_hits, 1);
	return e;
}

struct flow_entry *flow_find(struct flow_cache *c, const struct flow_key *key)
{
	struct flow_entry *e = flow_find_rest(c, flow_group_of(c, key->k.port, key->place), key);

	if (!e)
		flow_count(&c->misses, 1);
	return e;
}

struct flow_entry *flow_find_own(const struct flow_cache *c, const struct flow_key *key)
{
	const struct flow_group *g = flow_group_of(c, key->k.port, key->place);

	for (uint32_t i = 0; i < g->mask_count; i++) {
		struct flow_entry *e = flow_index_find(c, &c->masks[g->order[i]], key);

		if (e && !e->is_common)
			return e;
	}
	return NULL;
}

void flow_lead(struct flow_cache *c, const struct flow_entry *e, const struct flow_key *key,
	       uint32_t tuple)
{
	const struct flow_group *g = flow_group_of(c, key->k.port, key->place);

	if (g->is_tuple && e->mask)
		flow_exact_put(c, e, flow_lead_hash(key, tuple));
}

/* ---- batches ----------------------------------------------------------------------------------- */

void flow_batch_plain(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found)
{
	flow_batch_run(c, b, found);
}

static void choose(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found);

/* Any thread may choose; all choose the same. */
static _Atomic flow_batch_fn chosen = choose;

static void choose(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found)
{
	flow_batch_fn fn = flow_has_avx512() ? flow_batch_avx512 : flow_batch_plain;

	atomic_store_explicit(&chosen, fn, memory_order_relaxed);
	fn(c, b, found);
}

void flow_find_batch(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found)
{
	atomic_load_explicit(&chosen, memory_order_relaxed)(c, b, found);
}
