/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/epoch.h - when a cached verdict is out of date (architecture 16.2).
 *
 * HARD  One 64-bit count of changes.  An entry keeps the count read before its judging began; who
 *       changes something publishes first, moves the count, and stores it as the epoch of each port
 *       concerned.  An entry older than one of its ports is judged again.
 * SOFT  For exact changes (one rule, one address) a switch has a ring of records.  An entry keeps
 *       how many had been written; when there are more, it is tested against the newer ones, and
 *       if none concerns it, goes on.  A record that was overwritten or is being written counts as
 *       one that concerns everybody.  All but the very newest are in a digest (flow/digest.h),
 *       which is asked once for any number of them.
 *
 * So nothing is ever walked, whatever the number of flows, and no thread takes a lock.
 */
#ifndef XVS_FLOW_EPOCH_H
#define XVS_FLOW_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flow/digest.h"

/* [any] The count now; read before judging begins. */
uint64_t epoch_now(void);
/* [any] Moves the count, after the change was published; returns the new one. */
uint64_t epoch_bump(void);

/*
 * [any] A number that moves after each change, hard or soft, has been told wherever it matters: what
 * was found to be true since it was read is true as long as it stands still.  Never 0.
 */
uint64_t epoch_changes(void);
/* [any] A hard change is where workers look for it: every port concerned has its new epoch. */
void epoch_told(void);
/* [any] How many that were. */
uint64_t epoch_hard_changes(void);

enum { EPOCH_RECORDS = 64 };

/* What changed: the verdicts of one instance (0: the host's own forwarding). */
struct epoch_change {
	uint32_t instance;
	uint32_t by_match; /* 1: packets equal to key under mask; 0: verdicts in 'tags' */
	uint64_t tags;
	struct xvs_flow_key key;
	struct xvs_flow_key mask;
};

/* Any thread writes; words, because a reader may meet a writer and then throws away what it read. */
enum { EPOCH_CHANGE_WORDS = sizeof(struct epoch_change) / 8 };
struct epoch_record {
	_Atomic uint64_t sequence; /* 2 * number + 1 while being written, + 2 when whole */
	_Atomic uint64_t words[EPOCH_CHANGE_WORDS];
};

struct epoch_log {
	_Atomic uint64_t written; /* records ever begun */
	struct epoch_record records[EPOCH_RECORDS];
	_Atomic bool is_digesting; /* one writer does, the others leave it to the next */
	_Atomic uint64_t digested; /* records before this are in the digest */
	_Atomic uint64_t floor;    /* or were lost to it, if they are before this */
	struct epoch_digest digest;
};

/* [any] The change has been published; verdicts that it concerns are judged at their next packet. */
void epoch_log_add(struct epoch_log *log, const struct epoch_change *change);

/* [worker] Record 'number'; false: not whole or overwritten. */
bool epoch_log_read(const struct epoch_log *log, uint64_t number, struct epoch_change *out);

/* [worker] */
static inline uint64_t epoch_log_count(const struct epoch_log *log)
{
	return atomic_load_explicit(&((struct epoch_log *)(uintptr_t)log)->written,
				    memory_order_acquire);
}

/*
 * [worker] Records before this, but from epoch_log_floor() on, are in the digest.  Ask for the floor
 * behind it.
 */
static inline uint64_t epoch_log_digested(const struct epoch_log *log)
{
	return atomic_load_explicit(&((struct epoch_log *)(uintptr_t)log)->digested,
				    memory_order_acquire);
}

/* [worker] */
static inline uint64_t epoch_log_floor(const struct epoch_log *log)
{
	return atomic_load_explicit(&((struct epoch_log *)(uintptr_t)log)->floor,
				    memory_order_relaxed);
}

/*
 * The state of the world that an entry was found to be true in: every hard change moves the upper half,
 * and so does another configuration of its port, whose 'serial' only grows; a soft one of its switch
 * moves the lower half, which is how many of the log were begun.  So of two states it can be told
 * whether there were but soft changes between them, and which.
 */
enum { WORLD_SOFT_BITS = 32 };

/* [worker] Read before anything that is to be found true in it. */
static inline uint64_t epoch_world(const struct epoch_log *log, uint64_t serial)
{
	/* no number of base/tally.h, nor UINT64_MAX */
	const uint64_t always = UINT64_C(1) << 63;
	const uint64_t hard = (epoch_hard_changes() + serial) << WORLD_SOFT_BITS;

	return always | (hard & ~(UINT64_C(3) << 62)) | (uint32_t)epoch_log_count(log);
}

/* Are they states between which there were soft changes alone, if any? */
static inline bool worlds_differ_softly(uint64_t one, uint64_t other)
{
	return (one ^ other) >> WORLD_SOFT_BITS == 0;
}

#endif /* XVS_FLOW_EPOCH_H */
