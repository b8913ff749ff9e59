/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/words.h - replacing 16-bit words under an Internet checksum, by the difference (RFC 1624).
 *
 * A difference is a sum of words as they lie in memory: the old ones complemented, the new ones as
 * they are.  Differences may be added to one another.
 */
#ifndef XVS_NAT_WORDS_H
#define XVS_NAT_WORDS_H

#include "base/bytes.h"
#include "packet/sum.h"

static inline uint16_t words_get(const uint8_t *at)
{
	uint16_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* [any] Writes a number in network order; the difference that it makes. */
static inline uint64_t words_put16(uint8_t *at, uint16_t value)
{
	uint16_t old = words_get(at);

	put_be16(at, value);
	return (uint64_t)(uint16_t)~old + words_get(at);
}

static inline uint64_t words_put32(uint8_t *at, uint32_t value)
{
	return words_put16(at, (uint16_t)(value >> 16)) + words_put16(at + 2, (uint16_t)value);
}

/* [any] Adds a difference to a checksum; that makes a difference too, of who sums over it. */
static inline uint64_t words_fix(uint8_t *checksum, uint64_t difference)
{
	uint16_t old = words_get(checksum);
	uint16_t now = (uint16_t)~sum_fold((uint16_t)~old + difference);

	memcpy(checksum, &now, sizeof(now));
	return (uint64_t)(uint16_t)~old + now;
}

/* [any] The same for a partial sum, which is not complemented. */
static inline void words_add(uint8_t *sum, uint64_t difference)
{
	uint16_t now = sum_fold(words_get(sum) + difference);

	memcpy(sum, &now, sizeof(now));
}

#endif /* XVS_NAT_WORDS_H */
