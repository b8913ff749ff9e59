/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions only grow; their low bits are the place.  A record never wraps: where it does not fit
 * before the end, a padding record fills the rest.  Sizes are multiples of 8, so the rest is 0 or
 * at least 8 bytes, of which padding needs the first two words.
 */
#include "ring.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct ring *ring_create(void)
{
	struct ring *r = aligned_alloc(64, sizeof(*r));

	if (r)
		memset(r, 0, offsetof(struct ring, bytes));
	return r;
}

void ring_destroy(struct ring *r)
{
	free(r);
}

static void pad_to_end(struct ring *r, uint32_t at, uint32_t size)
{
	const uint32_t words[2] = { size, 0 };

	memcpy(r->bytes + at, words, sizeof(words));
}

static void count_lost(struct ring *r)
{
	atomic_store_explicit(&r->lost, ring_lost(r) + 1, memory_order_relaxed);
}

struct record *ring_reserve(struct ring *r, uint32_t captured)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	uint32_t size = (uint32_t)(sizeof(struct record) + captured + 7) & ~UINT32_C(7);
	uint32_t at = (uint32_t)(head % RING_BYTES);
	uint32_t skip = RING_BYTES - at < size ? RING_BYTES - at : 0;
	struct record *record;

	if (captured > RING_BYTES / 4 || head + skip + size - tail > RING_BYTES) {
		count_lost(r);
		return NULL;
	}
	if (skip) {
		pad_to_end(r, at, skip);
		atomic_store_explicit(&r->head, head + skip, memory_order_release);
		at = 0;
	}
	record = (struct record *)(void *)(r->bytes + at);
	record->size = size;
	record->captured = captured;
	return record;
}

void ring_commit(struct ring *r, const struct record *record)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	atomic_store_explicit(&r->head, head + record->size, memory_order_release);
}

const struct record *ring_next(const struct ring *r, uint64_t *tail, uint64_t limit)
{
	while (*tail < limit) {
		const uint8_t *at = r->bytes + *tail % RING_BYTES;
		uint32_t words[2];

		memcpy(words, at, sizeof(words));
		*tail += words[0];
		if (words[1] != 0)
			return (const struct record *)(const void *)at;
	}
	return NULL;
}

void ring_release(struct ring *r, uint64_t tail)
{
	atomic_store_explicit(&r->tail, tail, memory_order_release);
}
