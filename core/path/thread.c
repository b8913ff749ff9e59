/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.c - the loop of a packet worker: letters, timers, held packets, receive queues, a little
 * sweeping; then a quiescent point.  When nothing came it sleeps on its kick descriptors, offline
 * for RCU, so an idle switch uses no processor and delays nobody.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "path/burst.h"
#include "path/worker.h"

enum {
	SWEEP_PERIOD_MS = 100,
	POLL_PERIOD_MS = 1, /* for queues that cannot wake anybody */
	SWEEP_SHARE = 10,   /* rounds in which all entries are looked at */
	EVENTS_MAX = 64,
};

static void read_wake(struct path_worker *w)
{
	uint64_t count;

	/* before the letters are taken, or a wake-up would be lost */
	if (read(w->w.wake_fd, &count, sizeof(count)) < 0)
		return;
}

static void mark_ready(struct path_worker *w, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		uint32_t tag = events[i].data.u32;

		if (tag == WAKE_TAG)
			read_wake(w);
		else if (tag < w->rx_count)
			w->rx[tag].ready = true;
	}
}

static uint32_t poll_queues(struct path_worker *w)
{
	uint32_t packets = 0;

	for (uint32_t n = 0; n < w->rx_count; n++) {
		struct rx_queue *q = &w->rx[(w->rx_next + n) % w->rx_count];
		uint32_t got;

		if (!q->ready)
			continue;
		got = burst_receive(w, q->port, q->queue);
		packets += got;
		/* less than a full burst: the backend met the end, epoll tells what came since */
		if (got < XVS_BATCH_MAX)
			q->ready = q->port->backend->kick[q->queue] < 0;
	}
	if (w->rx_count)
		w->rx_next = (w->rx_next + 1) % w->rx_count;
	return packets;
}

static void sweep(struct path_worker *w)
{
	struct flow_cache_stats s;

	firewall_sweep(w);
	if (w->w.now_ns < w->sweep_due_ns)
		return;
	w->sweep_due_ns = w->w.now_ns + (uint64_t)SWEEP_PERIOD_MS * NS_PER_MS;
	flow_cache_stats(w->cache, &s);
	(void)flow_sweep(w->cache, s.entries / SWEEP_SHARE + 64, w->w.now_ns, account_due, w);
	flow_reclaim(w->cache);
}

/* Time to sleep in ms: until the next timer, and for the sweep while there is anything to sweep. */
static int sleep_ms(struct path_worker *w, uint64_t next_timer)
{
	uint64_t now = clock_ns();
	uint64_t ms = w->polled ? POLL_PERIOD_MS : SWEEP_PERIOD_MS;

	if (w->later.count || (next_timer != UINT64_MAX && next_timer <= now))
		return 0;
	if (next_timer != UINT64_MAX && (next_timer - now) / NS_PER_MS < ms)
		ms = (next_timer - now + NS_PER_MS - 1) / NS_PER_MS;
	return (int)ms;
}

uint32_t worker_turn(struct path_worker *w, uint64_t now_ns, uint64_t *next_timer)
{
	uint32_t done;

	atomic_fetch_add_explicit(&w->progress, 1, memory_order_release);
	w->w.now_ns = now_ns;
	done = inbox_run(&w->w.inbox);
	*next_timer = timers_run(&w->w.timers, w->w.now_ns);
	cycles_spent(w, CYCLES_OTHER);
	done += later_run(w);
	done += poll_queues(w);
	sweep(w);
	cycles_spent(w, done ? CYCLES_OTHER : CYCLES_IDLE);
	atomic_fetch_add_explicit(&w->progress, 1, memory_order_release);
	if (done) {
		counter_add(&w->bursts, 1);
		counter_add(&w->packets, done);
	}
	return done;
}

/* While all queues have packets there is nothing to ask the kernel: letters are looked for anyway. */
static bool all_are_ready(const struct path_worker *w)
{
	uint32_t i = 0;

	while (i < w->rx_count && w->rx[i].ready)
		i++;
	return i == w->rx_count && i > 0;
}

void *worker_main(void *arg)
{
	struct path_worker *w = arg;
	struct epoll_event events[EVENTS_MAX];
	uint64_t next_timer = UINT64_MAX;

	worker_self = &w->w;
	rcu_register();
	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		uint32_t done = worker_turn(w, clock_ns(), &next_timer);
		int timeout = done ? 0 : sleep_ms(w, next_timer);
		int count;

		if (timeout) {
			counter_add(&w->sleeps, 1);
			rcu_offline();
		} else {
			rcu_quiescent();
			if (all_are_ready(w))
				continue;
		}
		count = epoll_wait(w->epoll, events, EVENTS_MAX, timeout);
		if (timeout) {
			rcu_online();
			w->cycles_until = clock_cycles();
		}
		mark_ready(w, events, count);
	}
	(void)inbox_run(&w->w.inbox); /* whoever wrote before the end is answered */
	rcu_unregister();
	worker_self = NULL;
	return NULL;
}
