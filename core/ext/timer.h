/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/timer.h - a timer of an extension; for this folder only.
 *
 * Who arms writes the time into 'want_ns'; the owner, which is the control thread or one worker,
 * takes it from there.  So the last time set wins, from whichever thread it came.
 *
 *            arm                fires            done
 *   READY ---------> READY ------------> RUNNING ----> READY ... --stop--> STOPPED
 *
 * Only READY can be stopped: who stops waits for a callback that runs.
 */
#ifndef XVS_EXT_TIMER_IMPL_H
#define XVS_EXT_TIMER_IMPL_H

#include <stdatomic.h>

#include "ext/services.h"

enum timer_state { TIMER_READY = 0, TIMER_RUNNING = 1, TIMER_STOPPED = 2 };

struct xvs_timer {
	struct timer worker_timer; /* first; the worker's */
	struct xvs_timer *next;    /* of the instance; the control thread's */
	struct instance *instance;
	struct loop *loop;
	struct worker *worker; /* NULL: a timer of the control thread */
	struct loop_timer *control_timer;
	xvs_timer_fn fn;
	xvs_worker_timer_fn worker_fn;
	void *arg;
	_Atomic uint64_t want_ns; /* when to fire; 0: nothing new */
	_Atomic uint32_t state;   /* enum timer_state */
	atomic_bool is_sent;      /* 'letter' is under way to the owner */
	atomic_bool was_armed;    /* the owner may know it */
	bool is_released;         /* the owner's: to be freed when the letter has come */
	struct letter letter;     /* to the owner: look at want_ns */
	struct letter last;       /* to the worker and back: forget it, free it */
};

/* [owner] Heeds want_ns. */
void worker_timer_apply(struct xvs_timer *t);

/* [worker] Letters and firing of a timer on a worker. */
void worker_timer_letter(struct letter *letter);
void worker_timer_fire(struct timer *timer, uint64_t now_ns);

/* [control] It is STOPPED: lets its worker forget it, then frees it. */
void worker_timer_release(struct xvs_timer *t);

/* [control] May one more be made for this worker?  There is an end, so arming cannot fail. */
bool worker_timer_admit(uint32_t worker);

static inline struct xvs_timer *timer_of_letter(struct letter *letter)
{
	return (struct xvs_timer *)(void *)((char *)letter - offsetof(struct xvs_timer, letter));
}

#endif /* XVS_EXT_TIMER_IMPL_H */
