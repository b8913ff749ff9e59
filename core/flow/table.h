/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/table.h - what the flow cache is made of.  Private to core/flow.
 *
 * Both hash tables are made of buckets of one cache line: eight places of (32 bits of hash, entry
 * number).  Entry 0 is never in use, so an empty place leads to an entry that equals no key.
 *
 * GROUP   Entry port, exit port and place are exact in every mask, so only the masks of entries at
 *         the same port can be those of a packet there.  A group is the flows of one port and
 *         stage: its masks, those with most hits first, and their union.  A bit that is in no mask
 *         of the group tells no two of its flows apart.
 * EXACT   The exact cache is asked by the union: as many places are used as the masks can tell
 *         apart, however many 5-tuples there are.  It leads to an entry, and whether that one
 *         stands for the key is asked of the entry, under its own mask.  So a place may be foreign
 *         or out of date, and nothing has to be removed, ever.
 * TUPLE   Where the union tells any two conversations apart, so does x.hash, which the parser has
 *         made already: such a group asks the exact cache by that, and saves hashing the key.
 * INDEX   has each entry, in one of two buckets by its masked key.
 *
 * COMMON  Common entries stand for packets of connections that have entries of their own beside them.
 *         Either is right, but the own one is cheaper: it is what the exact cache leads to, so that
 *         a group with both keeps that in use, and common ones are in the index alone.
 *
 * A group of one mask needs no exact cache but for x.hash: the union is that mask, the index is as
 * fast.  One with several uses it while it saves more than it costs (flow_group_weigh()).
 */
#ifndef XVS_FLOW_TABLE_H
#define XVS_FLOW_TABLE_H

#include "base/counters.h"
#include "flow/cache.h"
#include "flow/hash.h"
#include "flow/slab.h"

enum { PLACES = 8, GROUP_NEWEST = 8 };

struct flow_bucket {
	uint32_t signature[PLACES];
	uint32_t number[PLACES]; /* of an entry; 0: empty */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct flow_bucket) == 64, "one cache line");

struct flow_mask {
	struct flow_key bits;
	uint64_t seed;
	uint32_t entries;
	uint32_t padding;
};

/* What is known of a mask in one group. */
struct flow_use {
	uint32_t entries;
	uint32_t hits; /* in this period */
};

struct flow_group {
	struct xvs_flow_key bits;      /* union of the masks */
	uint32_t newest[GROUP_NEWEST]; /* entries that came last, in turn; some have left since */
	uint32_t joins;
	uint32_t entries;
	uint32_t commons; /* of them */
	uint32_t common;  /* that was found last, in use or not */
	uint32_t mask_count;
	uint8_t uses_exact;
	uint8_t is_tuple;
	uint8_t is_missed; /* by most packets of the last batch, where they were looked for first */
	uint16_t periods;  /* since it was decided anew */
	uint32_t lookups;  /* in this period */
	uint32_t probes;   /* of the index in this period, beside each look-up's first */
	uint8_t order[FLOW_MASKS_MAX]; /* numbers of masks, most hits first */
	struct flow_use uses[FLOW_MASKS_MAX];
} __attribute__((aligned(64)));

enum {
	GROUP_PORTS = 1024,
	GROUPS = GROUP_PORTS * 2,
	GROUP_PERIOD = 1 << 16, /* look-ups between two weighings */
};

struct flow_cache {
	struct flow_entry *entries; /* 'max' + 1; 0 is not used */
	struct flow_bucket *exact, *index;
	struct flow_group *groups;
	uint64_t bucket_mask; /* of both */
	uint32_t max;
	uint32_t fresh; /* entries never used yet start here */
	uint32_t used;
	uint32_t mask_count;
	uint32_t group_count;       /* with entries */
	struct flow_group *largest; /* or was, when an entry last joined one that is larger */
	uint32_t hand;              /* of the sweep */
	uint32_t evict_hand;
	uint64_t idle_least_ns;                     /* no entry had a shorter time */
	uint8_t replace;                            /* next exact place to overwrite */
	struct flow_mask masks[FLOW_MASKS_MAX + 1]; /* the last one: FLOW_NO_MASK is cut to it */
	struct flow_entry *free, *retired;
	struct slab steps, rewrites, legs;
	flow_retire_fn retire;
	void *retire_arg;
	uint64_t exact_hits, masked_hits, misses, evictions;
};

/* Written by the worker alone, read by anybody who asks for statistics. */
static inline void flow_count(uint64_t *word, uint64_t n)
{
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline struct flow_group *flow_group_of(const struct flow_cache *c, uint32_t port,
					       uint32_t place)
{
	return &c->groups[(port % GROUP_PORTS) * 2 + (place >> 8 != 0)];
}

/* Where a group's look-up begins: which table, by which bits. */
struct flow_way {
	const struct flow_bucket *table;
	const struct xvs_flow_key *bits;
	uint64_t seed;
	uint32_t mask_nr; /* that entries found there have; FLOW_NO_MASK: each its own */
	bool is_tuple;
};

/* 'has_hashes': those of the packets are known. */
static inline struct flow_way flow_way_of(const struct flow_cache *c, const struct flow_group *g,
					  bool has_hashes)
{
	const struct flow_mask *m = &c->masks[g->order[0]];

	if (g->uses_exact && (has_hashes || !g->is_tuple))
		return (struct flow_way){ c->exact, &g->bits, 0,
					  g->mask_count == 1 ? g->order[0] : FLOW_NO_MASK,
					  g->is_tuple };
	return (struct flow_way){ c->index, &m->bits.k, m->seed, g->order[0], false };
}

static inline uint32_t flow_signature(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The second bucket of an entry depends on its signature alone, so that either leads to both. */
static inline uint64_t flow_other_bucket(const struct flow_cache *c, uint64_t bucket,
					 uint32_t signature)
{
	return (bucket ^ ((uint64_t)signature * UINT64_C(0x9e3779b97f4a7c15) >> 24)) &
	       c->bucket_mask;
}

/* Bit i: place i has this signature.  Empty places may be among them. */
static inline uint32_t flow_bucket_match(const struct flow_bucket *b, uint32_t signature)
{
#if defined(__AVX512F__) && defined(__AVX512VL__)
	return _mm256_cmpeq_epi32_mask(
		_mm256_load_si256((const __m256i *)(const void *)b->signature),
		_mm256_set1_epi32((int)signature));
#elif defined(__SSE2__)
	const __m128i want = _mm_set1_epi32((int)signature);
	const __m128i *have = (const __m128i *)(const void *)b->signature;
	__m128i low = _mm_cmpeq_epi32(_mm_load_si128(have), want);
	__m128i high = _mm_cmpeq_epi32(_mm_load_si128(have + 1), want);
	__m128i both = _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128());

	return (uint32_t)_mm_movemask_epi8(both);
#else
	uint32_t found = 0;

	for (unsigned i = 0; i < PLACES; i++)
		found |= (uint32_t)(b->signature[i] == signature) << i;
	return found;
#endif
}

/* Two keys are equal in these bits. */
static inline bool flow_bits_equal(const struct xvs_flow_key *one, const struct xvs_flow_key *other,
				   const struct xvs_flow_key *bits)
{
#if defined(__AVX512F__)
	__m512i differs = _mm512_xor_si512(_mm512_loadu_si512(one), _mm512_loadu_si512(other));

	return _mm512_test_epi64_mask(differs, _mm512_loadu_si512(bits)) == 0;
#elif defined(__SSE2__)
	const __m128i *a = (const __m128i *)(const void *)one;
	const __m128i *b = (const __m128i *)(const void *)other;
	const __m128i *m = (const __m128i *)(const void *)bits;
	__m128i differs = _mm_setzero_si128();

	for (unsigned i = 0; i < sizeof(*one) / sizeof(*a); i++) {
		__m128i x = _mm_xor_si128(_mm_loadu_si128(a + i), _mm_loadu_si128(b + i));

		differs = _mm_or_si128(differs, _mm_and_si128(x, _mm_loadu_si128(m + i)));
	}
	return _mm_movemask_epi8(_mm_cmpeq_epi8(differs, _mm_setzero_si128())) == 0xffff;
#else
	const flow_word *a = (const flow_word *)(const void *)one;
	const flow_word *b = (const flow_word *)(const void *)other;
	const flow_word *m = (const flow_word *)(const void *)bits;
	uint64_t differs = 0;

	for (unsigned i = 0; i < sizeof(*one) / 8; i++)
		differs |= (a[i] ^ b[i]) & m[i];
	return differs == 0;
#endif
}

/* The key equals the entry's in these bits, and is at the same spot. */
static inline bool flow_entry_equals(const struct flow_entry *e, const struct xvs_flow_key *key,
				     const struct xvs_flow_key *bits, struct flow_spot spot)
{
	/* 'zero' too, which is 1 in an entry that has left */
#if defined(__AVX512F__)
	enum { DIFFERS_IN_BITS = 0x28 }; /* (key ^ entry's) & bits */
	__m128i tail =
		_mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)&e->key.segment),
			      _mm_loadu_si128((const __m128i *)(const void *)&spot));
	__m512i differs =
		_mm512_ternarylogic_epi64(_mm512_loadu_si512(key), _mm512_loadu_si512(&e->key.k),
					  _mm512_loadu_si512(bits), DIFFERS_IN_BITS);
	__mmask16 any;

	differs = _mm512_or_si512(differs, _mm512_zextsi128_si512(tail));
	any = _mm512_test_epi32_mask(differs, differs);
	return _mm512_kortestz(any, any);
#else
	uint64_t tail[2];

	memcpy(tail, &e->key.segment, sizeof(tail));
	return !((tail[0] ^ spot.where) | (tail[1] ^ spot.other)) &&
	       flow_bits_equal(key, &e->key.k, bits);
#endif
}

/* The entry stands for this key, under its own mask. */
static inline bool flow_entry_is(const struct flow_cache *c, const struct flow_entry *e,
				 const struct xvs_flow_key *key, struct flow_spot spot)
{
	/* cut, because an entry that has left has none: the comparison with 'zero' fails then */
	uint32_t nr = e->mask_nr < FLOW_MASKS_MAX ? e->mask_nr : FLOW_MASKS_MAX;

	return flow_entry_equals(e, key, &c->masks[nr].bits.k, spot);
}

/* find.c: the index alone, under one mask. */
struct flow_entry *flow_index_find(const struct flow_cache *c, const struct flow_mask *m,
				   const struct flow_key *key);
/* find.c: the exact cache leads from this hash to the entry. */
void flow_exact_put(struct flow_cache *c, const struct flow_entry *e, uint64_t hash);
/* find.c: from this key, where the group uses the cache by keys. */
void flow_exact_note(struct flow_cache *c, const struct flow_group *g, const struct flow_entry *e,
		     const struct flow_key *key);

/* The hash by which a group of tuples asks the exact cache. */
static inline uint64_t flow_lead_hash(const struct flow_key *key, uint32_t tuple)
{
	uint64_t where = flow_where(key->segment, key->place);

	return flow_tuple_hash(flow_tuple_sum(key->k.port, where, key->other), tuple);
}

/* find.c: wherever the first look did not go. */
struct flow_entry *flow_find_rest(struct flow_cache *c, struct flow_group *g,
				  const struct flow_key *key);
/* age.c: makes room for one more. */
void flow_evict(struct flow_cache *c);
/* age.c: of a full bucket the one that goes. */
struct flow_entry *flow_worst_in_bucket(const struct flow_cache *c, const struct flow_bucket *b);

/* group.c: an entry, which has its mask, came to the group; one of this mask left it. */
void flow_group_join(struct flow_cache *c, struct flow_group *g, const struct flow_entry *e);
void flow_group_leave(struct flow_cache *c, struct flow_group *g, uint8_t mask_nr);
/* group.c: at the end of a period: masks by hits; is the exact cache worth its price here? */
void flow_group_weigh(struct flow_group *g);

/*
 * renew.c: those of this port and 'who' among 'found' of which the lines that a hit reads, and the digest
 * of changes, say that they are true in this world too: others are asked themselves (path/stale.c).
 */
void flow_renew(const struct flow_cache *c, const struct flow_credit *credit, uint32_t port,
		struct flow_entry *const *found, uint64_t who);

/* find.c, find_avx512.c: the stages of a batch. */
typedef void (*flow_batch_fn)(struct flow_cache *c, const struct flow_batch *b,
			      struct flow_entry **found);
void flow_batch_plain(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found);
void flow_batch_avx512(struct flow_cache *c, const struct flow_batch *b, struct flow_entry **found);
bool flow_has_avx512(void);

#endif /* XVS_FLOW_TABLE_H */
