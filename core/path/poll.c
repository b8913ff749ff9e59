/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll.c - which receive queues a worker looks at, and when it sleeps.
 *
 * Two kinds of queue.  One in memory (a guest's ring) is polled in each turn, and as long as its
 * worker is awake nobody needs to wake it: its kicks are off.  One behind system calls (a tap) is
 * looked at when epoll says that it has something, because asking it in vain costs as much as a
 * packet.
 *
 * When no polled queue has given packets for a while, the worker arms them all, looks once more,
 * and sleeps in epoll, offline for RCU.  How long that while is adapts: packets that come soon after
 * it fell asleep make it more patient, a long sleep makes it less so.  At most it is what a host's
 * kernel grants an idle guest before it gives its core away (kvm.halt_poll_ns): a stream of more
 * than 5,000 packets a second finds its worker awake.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "path/burst.h"
#include "path/link.h"
#include "path/rate.h"

enum {
	PATIENCE_MIN_NS = 20 * NS_PER_US,
	PATIENCE_STEP_NS = 20 * NS_PER_US,
	PATIENCE_MAX_NS = 180 * NS_PER_US, /* more than the least */
	LONG_SLEEP_NS = NS_PER_MS,
	/* under load, kernel queues wait at most so long; without any, kicks that came late do */
	LOOK_NS = 50 * NS_PER_US,
	LOOK_RARELY_NS = 10 * NS_PER_MS,
	PAUSE_STEP_NS = 100 * NS_PER_US, /* how late a worker sees that a pause is over */
	EVENTS_MAX = 64,
	/* so many polled queues cost nothing to speak of; beyond, silent ones get every eighth turn */
	POLLED_MANY = 16,
	EMPTIES_MANY = 64,
	SILENT_TURNS = 8,
};

/* ---- one queue ------------------------------------------------------------------------------- */

static void queue_disarm(struct rx_queue *q)
{
	struct backend *b = q->port->backend;

	if (b->ops->disarm)
		b->ops->disarm(b, q->nr);
	q->is_armed = false;
	q->is_kicked = false;
}

/* True: packets are there already, or what wakes us later is not certain. */
static bool queue_arm(struct rx_queue *q)
{
	struct backend *b = q->port->backend;

	if (q->is_kicked) /* in vain, and its descriptor still says so */
		queue_disarm(q);
	if (q->is_armed || !b->ops->arm)
		return false;
	q->is_armed = !b->ops->arm(b, q->nr);
	return !q->is_armed;
}

/* Disarming is system calls: they wait until the packet that has woken us is on its way. */
static void queue_kicked(struct path_worker *w, struct rx_queue *q)
{
	if (q->is_armed && !q->is_kicked) {
		q->is_kicked = true;
		w->rx = q;
	} else {
		queue_disarm(q);
	}
}

static void count_queue(struct path_worker *w, const struct rx_queue *q, int by)
{
	/* read by the control thread */
	__atomic_store_n(&w->rx_count, w->rx_count + (uint32_t)by, __ATOMIC_RELAXED);
	if (q->is_kernel)
		__atomic_store_n(&w->kernel_queues, w->kernel_queues + (uint32_t)by,
				 __ATOMIC_RELAXED);
	w->polled_queues += q->is_polled ? (uint32_t)by : 0;
	w->deaf_queues += q->fd < 0 ? (uint32_t)by : 0;
}

void poll_add(struct path_worker *w, struct rx_queue *q)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = q };
	struct rx_queue *first = w->rx ? w->rx : q;

	q->next = first;
	q->prev = w->rx ? first->prev : q;
	q->prev->next = q;
	first->prev = q;
	w->rx = first;
	q->is_ready = q->is_polled;
	q->is_resting = false;
	q->is_muted = false;
	q->empties = 0;
	share_open(q);
	count_queue(w, q, 1);
	if (q->is_polled)
		queue_disarm(q);
	if (q->fd >= 0)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_ADD, q->fd, &ev);
}

void poll_remove(struct path_worker *w, struct rx_queue *q)
{
	if (q->fd >= 0)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, q->fd, NULL);
	w->resting_queues -= q->is_resting;
	if (w->rx == q)
		w->rx = q->next == q ? NULL : q->next;
	q->prev->next = q->next;
	q->next->prev = q->prev;
	count_queue(w, q, -1);
}

void poll_remove_port(struct path_worker *w, const struct path_port *port)
{
	struct rx_queue *q = w->rx;

	for (uint32_t n = w->rx_count; n > 0; n--) {
		struct rx_queue *next = q->next;

		if (q->port == port)
			poll_remove(w, q);
		q = next;
	}
}

/* ---- resting ---------------------------------------------------------------------------------- */

/*
 * Its port may not give anything for a while.  It is not polled, its guest need not kick, and
 * before its worker sleeps, epoll forgets it: what waits there must not wake anybody.
 */
static void queue_rest(struct path_worker *w, struct rx_queue *q, uint64_t until_ns)
{
	if (q->is_armed)
		queue_disarm(q);
	q->is_ready = false;
	q->is_resting = true;
	q->rest_until_ns = until_ns;
	w->resting_queues++;
	if (until_ns < w->rate_due_ns)
		w->rate_due_ns = until_ns;
}

static void queue_mute(struct path_worker *w, struct rx_queue *q)
{
	if (!q->is_resting || q->is_muted || q->is_polled)
		return;
	q->is_muted = true;
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, q->fd, NULL);
}

static void queue_wake(struct path_worker *w, struct rx_queue *q)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = q };

	q->is_resting = false;
	q->is_ready = true;
	w->resting_queues--;
	if (q->is_muted)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_ADD, q->fd, &ev);
	q->is_muted = false;
}

uint32_t poll_rated(struct path_worker *w)
{
	struct rx_queue *q = w->rx;

	w->rate_due_ns = UINT64_MAX;
	for (uint32_t n = w->resting_queues ? w->rx_count : 0; n > 0; n--, q = q->next) {
		if (q->is_resting && q->rest_until_ns <= w->w.now_ns)
			queue_wake(w, q);
		else if (q->is_resting && q->rest_until_ns < w->rate_due_ns)
			w->rate_due_ns = q->rest_until_ns;
	}
	return shape_run(w) + link_run(w);
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static bool is_worth_a_look(const struct path_worker *w, const struct rx_queue *q)
{
	if (!q->is_ready)
		return false;
	return w->polled_queues <= POLLED_MANY || q->empties < EMPTIES_MANY || !w->busy_queues ||
	       (w->turns + q->port->id) % SILENT_TURNS == 0;
}

/* Packets that came soon after it fell asleep were worth waiting for. */
static void adapt_patience(struct path_worker *w)
{
	uint64_t slept = w->w.now_ns - w->asleep_ns;

	if (slept < PATIENCE_MAX_NS && w->patience_ns < PATIENCE_MAX_NS)
		w->patience_ns += PATIENCE_STEP_NS;
	else if (slept > LONG_SLEEP_NS)
		w->patience_ns /= 2;
	w->asleep_ns = 0;
}

static void note_polled(struct path_worker *w, struct rx_queue *q)
{
	w->memory_ns = w->w.now_ns;
	if (w->asleep_ns)
		adapt_patience(w);
	if (q->is_armed)
		queue_disarm(q);
}

static uint32_t visit(struct path_worker *w, struct rx_queue *q, uint32_t packets)
{
	uint64_t start = w->cycles_until;
	uint32_t got = burst_receive(w, q->port, q->nr, packets);

	/* less than was asked for: its backend met the end, and epoll tells what comes later */
	if (got < packets)
		q->is_ready = q->is_polled;
	q->empties = got ? 0 : q->empties + 1;
	if (!got)
		return 0;
	share_pay(q, w->cycles_until - start, got);
	if (q->is_polled)
		note_polled(w, q);
	return got;
}

/* Queues that had packets in a turn, or have and are in debt. */
struct busy {
	uint32_t count;
	uint32_t cheapest;
	uint32_t heaviest;
};

/*
 * How many packets may be taken: of what is reserved for the port, else of its share; 0 for none, and
 * where its limit is spent, it rests.
 */
static uint32_t allowance(struct path_worker *w, struct rx_queue *q, uint32_t share,
			  bool *is_promised)
{
	uint64_t due_ns = 0;
	uint32_t packets;

	if (!__atomic_load_n(&q->port->is_rated, __ATOMIC_RELAXED))
		return share_visit(q, share);
	if (__atomic_load_n(&q->port->is_paused, __ATOMIC_RELAXED)) {
		queue_rest(w, q, w->w.now_ns + PAUSE_STEP_NS);
		return 0;
	}
	*is_promised = rate_is_reserved(w, q->port);
	packets = *is_promised ? XVS_BATCH_MAX : share_visit(q, share);
	if (!packets)
		return 0;
	packets = rate_budget(w, q->port, packets, &due_ns);
	if (!packets)
		queue_rest(w, q, due_ns);
	return packets;
}

static uint32_t serve(struct path_worker *w, struct rx_queue *q, uint32_t share, struct busy *busy)
{
	uint32_t weight = __atomic_load_n(&q->weight, __ATOMIC_RELAXED);
	bool is_promised = false;
	uint32_t packets;
	uint32_t got;
	int64_t left;

	if (weight < w->heaviest)
		share = share_weighted(w, weight, share);
	packets = allowance(w, q, share, &is_promised);
	left = q->share;
	got = packets ? visit(w, q, packets) : 0;
	if (is_promised) { /* it is nobody else's, and so costs nothing of the share */
		q->share = left;
		w->hungry = packets && got == packets ? q : w->hungry;
	}
	if ((packets && !got) || q->is_resting)
		return got;
	busy->count++;
	if (q->cost < busy->cheapest)
		busy->cheapest = q->cost;
	if (weight > busy->heaviest)
		busy->heaviest = weight;
	w->has_more |= q->is_ready;
	return got;
}

/* What was reserved comes before what others may take: behind each of their visits. */
static uint32_t serve_hungry(struct path_worker *w)
{
	struct busy known = { .cheapest = UINT32_MAX }; /* it has been counted */
	struct rx_queue *q = w->hungry;

	w->hungry = NULL;
	if (!q->is_ready || !rate_is_reserved(w, q->port))
		return 0;
	return serve(w, q, 0, &known);
}

uint32_t poll_queues(struct path_worker *w)
{
	struct busy busy = { .cheapest = UINT32_MAX };
	uint32_t share = share_of_turn(w);
	struct rx_queue *q = w->rx;
	uint32_t packets = 0;

	w->has_more = false;
	w->hungry = NULL;
	for (uint32_t n = 0; n < w->rx_count; n++, q = q->next) {
		if (!is_worth_a_look(w, q))
			continue;
		if (w->hungry && w->hungry != q)
			packets += serve_hungry(w);
		packets += serve(w, q, share, &busy);
	}
	w->turns++;
	w->busy_queues = busy.count;
	w->cheapest = busy.cheapest;
	w->heaviest = busy.heaviest;
	if (w->rx)
		w->rx = w->rx->next;
	return packets;
}

/* ---- between turns --------------------------------------------------------------------------- */

bool poll_may_sleep(const struct path_worker *w, uint32_t done)
{
	/* where nothing is polled, to ask what has come meanwhile and to wait for it are one call */
	if (w->has_more || (done && w->polled_queues))
		return false;
	if (w->path->polling == PATH_BUSY)
		return w->rx_count == 0;
	return w->path->polling == PATH_INTERRUPT ||
	       w->w.now_ns - w->memory_ns >= PATIENCE_MIN_NS + w->patience_ns;
}

static void read_wake(struct path_worker *w)
{
	uint64_t count;

	/* before the letters are taken, or a wake-up would be lost */
	if (read(w->w.wake_fd, &count, sizeof(count)) < 0)
		return;
}

/*
 * A polled queue is ready anyway: what its descriptor says is that its kicks are on.  It is served
 * first, since what is not in the cache after a sleep makes each look at a silent one dear.
 */
static void mark_ready(struct path_worker *w, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		struct rx_queue *q = events[i].data.ptr;

		if (!q)
			read_wake(w);
		else if (q->is_polled)
			queue_kicked(w, q);
		else
			q->is_ready = !q->is_resting;
	}
}

void poll_look(struct path_worker *w)
{
	bool all_polled = w->polled_queues == w->rx_count;
	struct epoll_event events[EVENTS_MAX];

	if ((all_polled || w->has_more) && w->w.now_ns < w->look_due_ns)
		return;
	w->look_due_ns = w->w.now_ns + (uint64_t)(all_polled ? LOOK_RARELY_NS : LOOK_NS);
	mark_ready(w, events, epoll_wait(w->epoll, events, EVENTS_MAX, 0));
}

static bool arm_all(struct path_worker *w)
{
	struct rx_queue *q = w->rx;
	bool found = false;

	for (uint32_t n = 0; n < w->rx_count; n++, q = q->next) {
		if (q->is_resting)
			queue_mute(w, q);
		else
			found |= q->is_polled && queue_arm(q);
	}
	return found;
}

void poll_sleep(struct path_worker *w, int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count;

	if (arm_all(w)) {
		rcu_quiescent();
		return;
	}
	if (!w->asleep_ns)
		w->asleep_ns = w->w.now_ns;
	counter_add(&w->sleeps, 1);
	rcu_offline();
	count = epoll_wait(w->epoll, events, EVENTS_MAX, timeout_ms);
	rcu_online();
	w->cycles_until = clock_cycles();
	mark_ready(w, events, count);
}
