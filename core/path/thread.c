/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.c - the loop of a packet worker: letters, timers, held packets, receive queues, a little
 * sweeping; then a quiescent point, or sleep.  An idle switch uses no processor and delays nobody.
 */
#include "base/clock.h"
#include "path/burst.h"
#include "path/worker.h"

enum {
	SWEEP_PERIOD_MS = 100, /* at least so often; awake, each millisecond a little */
	SWEEP_STEP_MS = 1,
	TIMED_TURNS = 8,
	POLL_PERIOD_MS = 1, /* for queues that cannot wake anybody */
};

/* All entries within a second, in steps so small that no ring overflows meanwhile. */
static void sweep(struct path_worker *w)
{
	uint64_t step = (uint64_t)SWEEP_STEP_MS * NS_PER_MS;
	uint64_t most = (uint64_t)SWEEP_PERIOD_MS * NS_PER_MS;
	uint64_t since = w->w.now_ns - w->sweep_due_ns + step;
	struct flow_cache_stats s;

	firewall_sweep(w);
	if (atomic_load_explicit(&w->path->nat_count, memory_order_relaxed))
		nat_turn(w);
	if (w->w.now_ns < w->sweep_due_ns)
		return;
	w->sweep_due_ns = w->w.now_ns + step;
	since = since < most ? since : most;
	flow_cache_stats(w->cache, &s);
	(void)flow_sweep(w->cache, (uint32_t)((s.entries + 640) * since / NS_PER_S) + 1,
			 w->w.now_ns, account_due, w);
	flow_reclaim(w->cache);
}

/* Time to sleep in ms: until the next timer, and for the sweep while there is anything to sweep. */
static int sleep_ms(struct path_worker *w, uint64_t next_timer)
{
	uint64_t now = clock_ns();
	bool is_short = w->deaf_queues || w->nat_waiting || w->park.waiting;
	uint64_t ms = is_short ? POLL_PERIOD_MS : SWEEP_PERIOD_MS;

	if (w->later.count || (w->park.waiting && now < w->park.asked_ns + PARK_SPIN_NS))
		return 0;
	if (w->rate_due_ns < next_timer)
		next_timer = w->rate_due_ns;
	if (next_timer <= now)
		return 0;
	if (next_timer != UINT64_MAX && (next_timer - now) / NS_PER_MS < ms)
		ms = (next_timer - now + NS_PER_MS - 1) / NS_PER_MS;
	return (int)ms;
}

/* The end of a turn: the stages of this one stand for those before it. */
static void cycles_end(struct path_worker *w, bool did_something)
{
	uint64_t sum = 0;

	if (!did_something)
		counter_add(&w->cycles[CYCLES_IDLE], cycles_passed(w));
	else
		cycles_spent(w, CYCLES_OTHER);
	for (uint32_t i = 0; w->is_timed && i < CYCLES_KINDS; i++)
		sum += w->told[i];
	if (sum == 0)
		return;
	for (uint32_t i = 0; i < CYCLES_KINDS; i++) {
		double part = (double)w->told[i] / (double)sum;

		counter_add(&w->cycles[i], w->told[i] + (uint64_t)(part * (double)w->untold));
		w->told[i] = 0;
	}
	w->untold = 0;
}

uint32_t worker_turn(struct path_worker *w, uint64_t now_ns, uint64_t *next_timer)
{
	uint32_t done;

	w->w.now_ns = now_ns;
	w->is_timed = w->turns % TIMED_TURNS == 0;
	done = inbox_run(&w->w.inbox);
	(void)timers_run(&w->w.timers, w->w.now_ns);
	cycles_spent(w, done || w->has_more ? CYCLES_OTHER : CYCLES_IDLE);
	if (w->nat_waiting)
		nat_wait_turn(w);
	done += later_run(w);
	if (w->park.waiting || w->w.now_ns < w->park.look_until_ns)
		done += park_turn(w);
	if (w->w.now_ns >= w->rate_due_ns)
		done += poll_rated(w);
	done += poll_queues(w);
	/* of what letters, queues of limits and those that waited for a neighbour sent */
	if (w->copy_count)
		mirror_flush(w);
	sweep(w);
	*next_timer = timers_next(&w->w.timers); /* packets, too, arm some */
	cycles_end(w, done != 0);
	if (done) {
		counter_add(&w->bursts, 1);
		counter_add(&w->packets, done);
	}
	return done;
}

void *worker_main(void *arg)
{
	struct path_worker *w = arg;
	uint64_t next_timer = UINT64_MAX;

	worker_self = &w->w;
	rcu_register();
	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		uint32_t done = worker_turn(w, clock_ns(), &next_timer);
		int timeout = poll_may_sleep(w, done) ? sleep_ms(w, next_timer) : 0;

		if (timeout) {
			poll_sleep(w, timeout);
		} else {
			rcu_quiescent();
			poll_look(w);
		}
	}
	(void)inbox_run(&w->w.inbox); /* whoever wrote before the end is answered */
	rcu_unregister();
	worker_self = NULL;
	return NULL;
}
