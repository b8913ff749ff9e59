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

void hash_start(void)
{
	random_fill(hash_secret, sizeof(hash_secret));
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
