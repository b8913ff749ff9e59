/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/timer_worker.c - a timer's side on its worker.
 *
 * A timer that is stopped may still be in the worker's heap, and a letter may be under way to it.
 * Its last letter therefore goes to the worker, takes it out of the heap, waits for the other
 * letter where there is one, and comes home to be freed.
 */
#include "ext/timer.h"

#include <stdlib.h>

#include "base/clock.h"

/* The rest of TIMERS_MAX is the packet path's own. */
enum { WORKER_TIMERS_MAX = TIMERS_MAX - 1024 };

static uint32_t timer_counts[WORKERS_MAX]; /* the control thread's */

bool worker_timer_admit(uint32_t worker)
{
	if (worker >= WORKERS_MAX || timer_counts[worker] >= WORKER_TIMERS_MAX)
		return false;
	timer_counts[worker]++;
	return true;
}

static void timer_free(struct xvs_timer *t)
{
	timer_counts[t->worker->nr]--;
	free(t);
}

static struct xvs_timer *timer_of_last(struct letter *letter)
{
	return (struct xvs_timer *)(void *)((char *)letter - offsetof(struct xvs_timer, last));
}

static void on_home(struct letter *letter)
{
	timer_free(timer_of_last(letter));
}

static void on_last(struct letter *letter)
{
	struct xvs_timer *t = timer_of_last(letter);

	timers_disarm(&t->worker->timers, &t->worker_timer);
	if (atomic_load_explicit(&t->is_sent, memory_order_acquire))
		t->is_released = true; /* its letter is behind this one and goes home instead */
	else
		loop_post(t->loop, &t->last, on_home);
}

void worker_timer_release(struct xvs_timer *t)
{
	if (atomic_load_explicit(&t->was_armed, memory_order_relaxed))
		worker_post(t->worker, &t->last, on_last);
	else
		timer_free(t);
}

void worker_timer_apply(struct xvs_timer *t)
{
	uint64_t want = atomic_exchange_explicit(&t->want_ns, 0, memory_order_acq_rel);

	if (want && atomic_load_explicit(&t->state, memory_order_acquire) != TIMER_STOPPED)
		(void)timers_arm(&t->worker->timers, &t->worker_timer, want);
}

void worker_timer_letter(struct letter *letter)
{
	struct xvs_timer *t = timer_of_letter(letter);

	(void)atomic_exchange_explicit(&t->is_sent, false, memory_order_acq_rel);
	if (t->is_released)
		loop_post(t->loop, &t->last, on_home);
	else
		worker_timer_apply(t);
}

void worker_timer_fire(struct timer *timer, uint64_t now_ns)
{
	struct xvs_timer *t = (struct xvs_timer *)timer; /* its first member */
	struct instance_worker *w;
	uint32_t ready = TIMER_READY;

	if (!atomic_compare_exchange_strong_explicit(&t->state, &ready, TIMER_RUNNING,
						     memory_order_acq_rel, memory_order_relaxed))
		return; /* stopped: the instance may be gone */
	w = &t->instance->workers[t->worker->nr];
	if (__atomic_load_n(&w->attached, __ATOMIC_ACQUIRE)) {
		worker_enter(w);
		t->worker_fn(t->arg, w->state, now_ns);
		worker_leave(w);
	} else {
		/* Made and armed within worker_attach(), which has not returned yet. */
		(void)timers_arm(&t->worker->timers, timer, now_ns + NS_PER_MS);
	}
	atomic_store_explicit(&t->state, TIMER_READY, memory_order_release);
}
