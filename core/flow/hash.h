/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/hash.h - the hash of a key under a mask, keyed per boot.
 *
 * The function is NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, 1999; RFC 4418, 5.2):
 *
 *      sum over i of  (low half of word i + stream[2i]) * (high half of word i + stream[2i + 1])
 *
 * halves added modulo 2^32, products modulo 2^64.  Whatever two different keys somebody picks who
 * does not know the stream, they collide with probability 2^-32, and that is proven, so nobody can
 * prepare keys that crowd one bucket.  All products are independent of each other, and every
 * vector unit has this multiplication.  One secret multiplication behind it spreads the sum over
 * all bits, since buckets are chosen by the low ones and signatures are the high ones.
 */
#ifndef XVS_FLOW_HASH_H
#define XVS_FLOW_HASH_H

#include "flow/key.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Where a packet is, as two words: segment and place, entry port. */
static inline uint64_t flow_where(uint32_t segment, uint32_t place)
{
	return segment | (uint64_t)place << 32;
}

static inline uint64_t nh_word(uint64_t word, size_t i)
{
	uint32_t low = (uint32_t)word + hash_stream[2 * i];
	uint32_t high = (uint32_t)(word >> 32) + hash_stream[2 * i + 1];

	return (uint64_t)low * high;
}

/* The part of the sum that is not masked, ever. */
static inline uint64_t nh_where(uint64_t where, uint32_t other)
{
	return nh_word(where, 8) + nh_word(other, 9);
}

/* The plain twin of what follows. */
static inline uint64_t nh_key_plain(const struct xvs_flow_key *key, const struct xvs_flow_key *bits)
{
	const uint8_t *k = (const uint8_t *)key;
	const uint8_t *m = (const uint8_t *)bits;
	uint64_t sum = 0;

	for (unsigned i = 0; i < sizeof(*key) / 8; i++) {
		uint64_t word;
		uint64_t mask;

		memcpy(&word, k + (size_t)i * 8, sizeof(word));
		memcpy(&mask, m + (size_t)i * 8, sizeof(mask));
		sum += nh_word(word & mask, i);
	}
	return sum;
}

#if defined(__AVX512F__)
static inline uint64_t nh_key(const struct xvs_flow_key *key, const struct xvs_flow_key *bits)
{
	__m512i v = _mm512_and_si512(_mm512_loadu_si512(key), _mm512_loadu_si512(bits));

	v = _mm512_add_epi32(v, _mm512_load_si512(hash_stream));
	v = _mm512_mul_epu32(v, _mm512_srli_epi64(v, 32));
	return (uint64_t)_mm512_reduce_add_epi64(v);
}
#elif defined(__SSE2__)
static inline uint64_t nh_key(const struct xvs_flow_key *key, const struct xvs_flow_key *bits)
{
	const __m128i *k = (const __m128i *)(const void *)key;
	const __m128i *m = (const __m128i *)(const void *)bits;
	const __m128i *stream = (const __m128i *)(const void *)hash_stream;
	__m128i sum = _mm_setzero_si128();

	for (unsigned i = 0; i < sizeof(*key) / sizeof(*k); i++) {
		__m128i v = _mm_and_si128(_mm_loadu_si128(k + i), _mm_loadu_si128(m + i));

		v = _mm_add_epi32(v, _mm_load_si128(stream + i));
		sum = _mm_add_epi64(sum, _mm_mul_epu32(v, _mm_srli_epi64(v, 32)));
	}
	sum = _mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum));
	return (uint64_t)_mm_cvtsi128_si64(sum);
}
#else
static inline uint64_t nh_key(const struct xvs_flow_key *key, const struct xvs_flow_key *bits)
{
	return nh_key_plain(key, bits);
}
#endif

/* 'seed' makes equal bytes under different masks hash apart. */
static inline uint64_t flow_hash_end(uint64_t sum, uint64_t seed)
{
	return hash_mix((sum + seed) ^ hash_secret[0], hash_secret[1] | 1);
}

/* By x.hash, which is keyed and the same for both directions: ports tell those apart. */
static inline uint64_t flow_tuple_sum(uint32_t port, uint64_t where, uint32_t other)
{
	return nh_word(port, 0) + nh_where(where, other);
}

/* What is secret about it, for who keeps it over many. */
struct flow_tuple_secret {
	uint64_t mask, factor;
};

static inline struct flow_tuple_secret flow_tuple_secret(void)
{
	return (struct flow_tuple_secret){ hash_secret[2], hash_secret[1] | 1 };
}

static inline uint64_t flow_tuple_hash_by(struct flow_tuple_secret s, uint64_t sum, uint64_t tuple)
{
	return hash_mix((sum + tuple) ^ s.mask, s.factor);
}

static inline uint64_t flow_tuple_hash(uint64_t sum, uint64_t tuple)
{
	return flow_tuple_hash_by(flow_tuple_secret(), sum, tuple);
}

static inline uint64_t flow_hash(const struct flow_key *key, const struct xvs_flow_key *bits,
				 uint64_t seed)
{
	uint64_t where = flow_where(key->segment, key->place);

	return flow_hash_end(nh_key(&key->k, bits) + nh_where(where, key->other), seed);
}

#endif /* XVS_FLOW_HASH_H */
