/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/arena.c - memory of what one message was decoded to.
 */
#include "wire/arena.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int of_arena_init(struct of_arena *a)
{
	a->used = 0;
	a->memory = malloc(OF_ARENA_BYTES);
	return a->memory ? 0 : -ENOMEM;
}

void of_arena_finish(struct of_arena *a)
{
	free(a->memory);
	a->memory = NULL;
	a->used = 0;
}

void *of_arena_take(struct of_arena *a, uint32_t count, uint32_t size)
{
	uint32_t at = (a->used + 15u) & ~15u;
	uint64_t bytes = (uint64_t)count * size;

	if (!a->memory || at > OF_ARENA_BYTES || bytes > OF_ARENA_BYTES - at)
		return NULL;
	a->used = at + (uint32_t)bytes;
	return memset(a->memory + at, 0, bytes);
}
