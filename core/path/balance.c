/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance.c - which worker serves which receive queue.  [control], but for the letters to workers
 *
 * A new queue goes where it weighs least.  Once a second the cycles that each queue took are looked
 * at; where a worker has much to do and the move of one queue would even things out, that queue
 * moves, at most one in ten seconds.  Queues of the kernel weigh on queues in memory that share their
 * worker, and the other way round, so the two kinds end up apart where there is load enough to
 * matter (architecture 16.3e).
 *
 * A move (16.5): the old worker lets the queue go between two bursts and ends the flows that came
 * from its port, with their last account(); a grace period passes, in which packets that waited for
 * the old worker's next burst have left; then the new worker takes it.
 */
#include "path/control.h"

#include <stdlib.h>

enum {
	MEASURE_PERIOD_MS = 1000,
	MOVE_PERIOD_MS = 10000,
	NOMINAL_LOAD = 20, /* permille of a core: a queue that nothing is known of */
	WORKER_BUSY = 400, /* permille: below, nobody is held up */
	MOVE_GAIN = 20000, /* what one queue of 100 has from not sharing with another of 100 */
	MIXING = 4,        /* how much more two kinds weigh on each other than one on itself */
};

/* Of one worker, in permille of a core. */
struct load {
	int64_t kernel, memory;
};

static int64_t weight(struct load l)
{
	int64_t all = l.kernel + l.memory;

	return all * all + (int64_t)2 * MIXING * l.kernel * l.memory;
}

static struct load load_with(struct load l, const struct rx_queue *q, int64_t load)
{
	if (q->is_kernel)
		l.kernel += load;
	else
		l.memory += load;
	return l;
}

/* 'least': counted for queues that have done less. */
static struct load load_of(const struct path *path, const struct path_worker *w, uint32_t least)
{
	struct load l = { 0, 0 };

	for (const struct rx_queue *q = path->queues; q; q = q->next_queue) {
		if (q->home == w)
			l = load_with(l, q, q->load > least ? q->load : least);
	}
	return l;
}

/* ---- new queues ------------------------------------------------------------------------------ */

static void queue_take(struct letter *letter)
{
	struct rx_queue *q =
		(struct rx_queue *)((char *)letter - offsetof(struct rx_queue, letter));

	poll_add(path_worker_self(), q);
}

static struct path_worker *lightest(const struct path *path, const struct rx_queue *q)
{
	struct path_worker *best = NULL;
	int64_t best_weight = INT64_MAX;

	for (uint32_t i = 0; i < path->worker_count; i++) {
		struct load l = load_of(path, path->workers[i], NOMINAL_LOAD);
		int64_t more = weight(load_with(l, q, NOMINAL_LOAD)) - weight(l);

		if (more < best_weight) {
			best = path->workers[i];
			best_weight = more;
		}
	}
	return best;
}

void balance_add(struct path *path, struct rx_queue *q)
{
	q->home = lightest(path, q);
	q->next_queue = path->queues;
	path->queues = q;
	worker_post(&q->home->w, &q->letter, queue_take);
}

/* ---- a move ---------------------------------------------------------------------------------- */

struct queue_move {
	struct letter letter;
	struct rcu_node rcu;
	struct path *path;      /* NULL: it has gone meanwhile */
	struct rx_queue *queue; /* NULL: its port is going */
	struct rx_queue *taken; /* the worker's: a port that goes waits for this letter */
	struct path_worker *to;
	struct loop *loop;
};

struct leaving {
	struct path_worker *worker;
	uint32_t port;
};

/* Judged for packets that entered at the port. */
static void retire_entered(void *arg, struct flow_entry *e)
{
	const struct leaving *l = arg;
	bool is_ingress = e->key.place >> 8 == XVS_STAGE_INGRESS;

	if (e->key.other == l->port || (is_ingress && e->key.k.port == l->port))
		flow_retire(l->worker->cache, e);
}

/* Gone, wanted no more, or done. */
static bool move_ended(struct queue_move *m)
{
	if (m->path && m->queue)
		return false;
	if (m->path)
		m->path->move = NULL;
	free(m);
	return true;
}

static void queue_arrive(struct letter *letter)
{
	counter_add(&path_worker_self()->moves, 1);
	queue_take(letter);
}

static void move_arrive(struct rcu_node *node)
{
	struct queue_move *m =
		(struct queue_move *)((char *)node - offsetof(struct queue_move, rcu));

	if (move_ended(m))
		return;
	m->queue->home = m->to;
	worker_post(&m->to->w, &m->queue->letter, queue_arrive);
	m->queue = NULL;
	(void)move_ended(m);
}

static void move_left(struct letter *letter)
{
	struct queue_move *m = (struct queue_move *)letter;

	if (!move_ended(m))
		rcu_defer(&m->rcu, move_arrive);
}

static void move_leave(struct letter *letter)
{
	struct queue_move *m = (struct queue_move *)letter;
	struct leaving l = { path_worker_self(), m->taken->port->id };

	poll_remove(l.worker, m->taken);
	flow_each(l.worker->cache, retire_entered, &l);
	flow_reclaim(l.worker->cache);
	loop_post(m->loop, &m->letter, move_left);
}

bool balance_move(struct path *path, struct rx_queue *q, uint32_t worker)
{
	struct queue_move *m;

	if (path->move || q->home == path->workers[worker])
		return false;
	m = calloc(1, sizeof(*m));
	if (!m)
		return false;
	*m = (struct queue_move){ .path = path,
				  .queue = q,
				  .taken = q,
				  .to = path->workers[worker],
				  .loop = path->loop };
	path->move = m;
	worker_post(&q->home->w, &m->letter, move_leave);
	return true;
}

void balance_remove(struct path *path, const struct path_port *port)
{
	struct rx_queue **at = &path->queues;

	if (path->move && path->move->queue && path->move->queue->port == port)
		path->move->queue = NULL;
	while (*at) {
		if ((*at)->port == port)
			*at = (*at)->next_queue;
		else
			at = &(*at)->next_queue;
	}
}

/* ---- once a second --------------------------------------------------------------------------- */

static uint32_t permille(uint64_t part, uint64_t whole)
{
	return part >= whole ? 1000 : (uint32_t)(part * 1000 / whole);
}

static uint64_t cycles_busy(const struct path_worker *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < CYCLES_KINDS; i++)
		sum += i == CYCLES_IDLE ? 0 : counter_read(&w->cycles[i]);
	return sum;
}

/* Loads since the last time; of a queue, the mean of the last few seconds. */
static void measure(struct path *path)
{
	uint64_t now = clock_cycles();
	uint64_t whole = now - path->balanced_cycles + 1;

	for (uint32_t i = 0; i < path->worker_count; i++) {
		struct path_worker *w = path->workers[i];
		uint64_t busy = cycles_busy(w);

		w->load_permille = permille(busy - w->busy_seen, whole);
		w->busy_seen = busy;
	}
	for (struct rx_queue *q = path->queues; q; q = q->next_queue) {
		uint64_t cycles = counter_read(&q->cycles);

		q->load = (3 * q->load + permille(cycles - q->cycles_seen, whole)) / 4;
		q->cycles_seen = cycles;
	}
	path->balanced_cycles = now;
}

/* What all have from that move. */
static int64_t move_gain(struct load from, struct load to, const struct rx_queue *q)
{
	int64_t load = q->load;

	return weight(from) + weight(to) - weight(load_with(from, q, -load)) -
	       weight(load_with(to, q, load));
}

static void consider(const struct path *path, struct rx_queue *q, struct queue_choice *best)
{
	struct load from = load_of(path, q->home, 0);

	if (from.kernel + from.memory < WORKER_BUSY)
		return;
	for (uint32_t i = 0; i < path->worker_count; i++) {
		int64_t gain = move_gain(from, load_of(path, path->workers[i], 0), q);

		if (path->workers[i] != q->home && gain > best->gain)
			*best = (struct queue_choice){ q, i, gain };
	}
}

struct queue_choice balance_choose(const struct path *path)
{
	struct queue_choice best = { .gain = MOVE_GAIN - 1 };

	for (struct rx_queue *q = path->queues; q; q = q->next_queue)
		consider(path, q, &best);
	return best;
}

static void balance(void *arg)
{
	struct path *path = arg;
	uint64_t now = clock_ns();
	struct queue_choice best;

	measure(path);
	loop_timer_arm(path->balance, (uint64_t)MEASURE_PERIOD_MS * NS_PER_MS);
	if (path->worker_count < 2 || path->move || now < path->move_due_ns)
		return;
	best = balance_choose(path);
	if (best.queue && balance_move(path, best.queue, best.to))
		path->move_due_ns = now + (uint64_t)MOVE_PERIOD_MS * NS_PER_MS;
}

bool balance_start(struct path *path)
{
	path->balance = loop_timer_create(path->loop, balance, path);
	path->balanced_cycles = clock_cycles();
	if (path->balance)
		loop_timer_arm(path->balance, (uint64_t)MEASURE_PERIOD_MS * NS_PER_MS);
	return path->balance != NULL;
}

void balance_stop(struct path *path)
{
	loop_timer_destroy(path->balance);
	if (path->move)
		path->move->path = NULL;
}
