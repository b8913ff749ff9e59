/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/lend.c - places for lent bytes, taken in turn, so that one that was given back stays out of
 * reach for long.
 */
#include "lend.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PLACES = 512, PAGE = 4096, PLACE = 64 << 10, ALIGN = 8 };

static uint8_t *places; /* a guard page behind each */
static unsigned next;

static uint8_t *place_of(const void *copy)
{
	const size_t nr = (size_t)((const uint8_t *)copy - places) / (PLACE + PAGE);

	return places + nr * (PLACE + PAGE);
}

void *lend(const void *bytes, size_t size)
{
	const size_t room = (size + ALIGN - 1) / ALIGN * ALIGN;
	uint8_t *place;

	if (!places) {
		void *map = mmap(NULL, (size_t)PLACES * (PLACE + PAGE), PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (map == MAP_FAILED)
			abort();
		places = map;
	}
	if (room > PLACE) /* too large to be watched */
		return memcpy(malloc(size), bytes, size);
	place = places + (size_t)(next++ % PLACES) * (PLACE + PAGE);
	if (mprotect(place, PLACE, PROT_READ | PROT_WRITE))
		abort();
	return memcpy(place + PLACE - room, bytes, size);
}

void lend_end(const void *copy)
{
	const uint8_t *at = copy;

	if (at < places || at >= places + (size_t)PLACES * (PLACE + PAGE))
		return; /* not watched, and so not freed either: somebody may use it still */
	if (mprotect(place_of(copy), PLACE, PROT_NONE))
		abort();
}
