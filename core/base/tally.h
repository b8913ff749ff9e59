/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tally.h - what one worker counts, and anybody may read meanwhile.
 *
 * The worker that owns a tally adds to it by plain stores, by counter_add().  Whoever counts on what
 * it stands for may say that this has come to doubt: then its worker asks anew before it goes on.
 */
#ifndef XVS_BASE_TALLY_H
#define XVS_BASE_TALLY_H

#include <stdint.h>

/* No state of the world has such a number. */
enum { TALLY_NEVER = 0, TALLY_IN_DOUBT = 1 };

struct tally {
	/* the state of the world in which what it stands for was last found to be true */
	uint64_t verified;
	uint64_t packets;
	uint64_t last_ns; /* between the two, or gcc adds to both as to a vector, which costs more */
	uint64_t bytes;
};

static inline uint64_t tally_read(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* [any] */
static inline void tally_doubt(struct tally *t)
{
	__atomic_store_n(&t->verified, TALLY_IN_DOUBT, __ATOMIC_SEQ_CST);
}

/*
 * [worker] It was found to be true in this state of the world.  What is looked at behind this call has
 * either not ended yet, and its end comes to doubt the tally, or is seen to have.
 */
static inline void tally_verify(struct tally *t, uint64_t world)
{
	(void)__atomic_exchange_n(&t->verified, world, __ATOMIC_SEQ_CST);
}

#endif /* XVS_BASE_TALLY_H */
