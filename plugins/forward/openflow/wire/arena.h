/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/arena.h - memory of what one message was decoded to.
 *
 * A block of fixed size, given out from its front and taken back as a whole: a message of
 * 64 KiB is decoded without asking for memory, and cannot ask for more than OF_ARENA_BYTES.
 */
#ifndef OPENFLOW_WIRE_ARENA_H
#define OPENFLOW_WIRE_ARENA_H

#include <stdint.h>

/* Of table features a message may hold 1,023, the largest of what is made of few bytes. */
enum { OF_ARENA_BYTES = 512 * 1024 };

struct of_arena {
	uint8_t *memory; /* own */
	uint32_t used;
};

/* [control] -ENOMEM. */
int of_arena_init(struct of_arena *a);

/* [control] */
void of_arena_finish(struct of_arena *a);

/* [control] What was given out before is no more. */
static inline void of_arena_reset(struct of_arena *a)
{
	a->used = 0;
}

/* [control] Zeroed, aligned for anything; NULL: there is not so much. */
void *of_arena_take(struct of_arena *a, uint32_t count, uint32_t size);

#endif /* OPENFLOW_WIRE_ARENA_H */
