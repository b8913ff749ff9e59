/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/hash.h - keyed hashing: every table that outsiders can fill is keyed per boot.
 */
#ifndef XVS_BASE_HASH_H
#define XVS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* [control] Draws the key from the kernel; once, before any table exists. */
void hash_start(void);
extern uint64_t hash_secret[4]; /* constant after hash_start() */

/* The key of a universal hash: one number for each 32 bits of what is hashed. */
enum { HASH_STREAM = 20 };
extern uint32_t hash_stream[HASH_STREAM] __attribute__((aligned(64)));

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	/* two words: what is shifted out of one of 128 bits, compilers put into memory first */
	union {
		__uint128_t whole;
		uint64_t half[2];
	} m = { .whole = (__uint128_t)a * b };

	return m.half[0] ^ m.half[1];
}

/* A structure without padding may be hashed as the words that it is made of. */
typedef uint64_t __attribute__((may_alias)) hash_word;

/* [any] 'words' 64-bit words; multiply-fold with two secret lanes, as wyhash does. */
static inline uint64_t hash_words(const hash_word *w, size_t words, uint64_t seed)
{
	uint64_t h = seed ^ hash_secret[0];
	size_t i = 0;

	for (; i + 1 < words; i += 2)
		h = hash_mix(w[i] ^ hash_secret[1], w[i + 1] ^ h);
	if (i < words)
		h = hash_mix(w[i] ^ hash_secret[2], h ^ hash_secret[1]);
	return hash_mix(h ^ hash_secret[3], words ^ hash_secret[1]);
}

/* [any] Bytes of any alignment. */
uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed);

/*
 * [any] The same in every process, for what outlives one: FNV-1a.  Not for tables that outsiders can
 * fill.  'so_far': of the bytes before, or HASH_LASTING_EMPTY.
 */
#define HASH_LASTING_EMPTY UINT64_C(0xcbf29ce484222325)
uint64_t hash_lasting(const void *bytes, size_t len, uint64_t so_far);

#endif /* XVS_BASE_HASH_H */
