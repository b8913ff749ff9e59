/* SPDX-License-Identifier: Apache-2.0 */
/* base/hash.c - the key of all hash tables, and the hash of plain bytes. */
#include "base/hash.h"

#include <string.h>

#include "base/random.h"

/* Until hash_start() the constants of wyhash: tests and tools need no key. */
uint64_t hash_secret[4] = {
	UINT64_C(0xa0761d6478bd642f),
	UINT64_C(0xe7037ed1a0b428db),
	UINT64_C(0x8ebc6af09c88c6e3),
	UINT64_C(0x589965cc75374cc3),
};

/* Until then the digits of pi. */
uint32_t hash_stream[HASH_STREAM] __attribute__((aligned(64))) = {
	0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0x082efa98,
	0xec4e6c89, 0x452821e6, 0x38d01377, 0xbe5466cf, 0x34e90c6c, 0xc0ac29b7, 0xc97c50dd,
	0x3f84d5b5, 0xb5470917, 0x9216d5d9, 0x8979fb1b, 0xd1310ba6, 0x98dfb5ac,
};

void hash_start(void)
{
	random_fill(hash_secret, sizeof(hash_secret));
	random_fill(hash_stream, sizeof(hash_stream));
}

uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
	const uint8_t *at = bytes;
	uint64_t h = seed ^ hash_secret[0];
	uint64_t pair[2];
	size_t left = len;

	for (; left > sizeof(pair); left -= sizeof(pair), at += sizeof(pair)) {
		memcpy(pair, at, sizeof(pair));
		h = hash_mix(pair[0] ^ hash_secret[1], pair[1] ^ h);
	}
	memset(pair, 0, sizeof(pair));
	if (left > 0)
		memcpy(pair, at, left);
	h = hash_mix(pair[0] ^ hash_secret[2], pair[1] ^ h);
	/* The length tells text that ends in zero bytes from the padding. */
	return hash_mix(h ^ hash_secret[3], len ^ hash_secret[1]);
}

uint64_t hash_lasting(const void *bytes, size_t len, uint64_t so_far)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		so_far = (so_far ^ b[i]) * UINT64_C(0x100000001b3);
	return so_far;
}
