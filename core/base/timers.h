/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/timers.h - timers of one worker: a binary heap with intrusive positions, no allocation
 * when armed (room for every timer is reserved when it is added to the heap).
 */
#ifndef XVS_BASE_TIMERS_H
#define XVS_BASE_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
	uint64_t due_ns;
	void (*fn)(struct timer *timer,
		   uint64_t now_ns); /* may arm or disarm any timer of the heap */
	uint32_t position;           /* in the heap + 1; 0: not armed */
	uint32_t reserved;
};

enum { TIMERS_MAX = 4096 };

struct timers {
	struct timer **heap; /* TIMERS_MAX places */
	uint32_t count;
	uint32_t reserved;
};

int timers_init(struct timers *t); /* 0 or -ENOMEM */
void timers_finish(struct timers *t);

/* [owner] Replaces the time set before.  False: TIMERS_MAX are armed (counted by the caller). */
bool timers_arm(struct timers *t, struct timer *timer, uint64_t due_ns);
void timers_disarm(struct timers *t, struct timer *timer);

/* [owner] Fires what is due; returns the time of the next one, UINT64_MAX for none. */
uint64_t timers_run(struct timers *t, uint64_t now_ns);

/* [owner] When the next one is due, UINT64_MAX for none. */
uint64_t timers_next(const struct timers *t);

#endif /* XVS_BASE_TIMERS_H */
