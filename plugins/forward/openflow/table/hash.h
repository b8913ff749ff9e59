/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/hash.h - a keyed hash of words.
 *
 * Who sends packets must not be able to find such as fall into one slot, so the seed is random;
 * two multiplications of 64 x 64 bits mix each word.
 */
#ifndef OPENFLOW_TABLE_HASH_H
#define OPENFLOW_TABLE_HASH_H

#include <stdint.h>

__extension__ typedef unsigned __int128 of_two_words;

static inline uint64_t of_hash_word(uint64_t hash, uint64_t word)
{
	of_two_words product = (of_two_words)(hash ^ word ^ 0x9e3779b97f4a7c15u) *
			       (word + 0xbf58476d1ce4e5b9u + (hash << 32 | hash >> 32));

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t of_hash_end(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= 0x94d049bb133111ebu;
	return hash ^ hash >> 29;
}

#endif /* OPENFLOW_TABLE_HASH_H */
