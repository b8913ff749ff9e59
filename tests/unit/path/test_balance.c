/* SPDX-License-Identifier: Apache-2.0 */
/* Queues go to workers by load, and move between them under traffic without losing or reordering. */
#include "bench.h"

#include "path/control.h"

enum { SENDERS = 3, EXIT = 4, MOVES = 60, FLOWS = 4 };

/* ---- who serves what -------------------------------------------------------------------------- */

static int workers_open(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	bench_start((struct path_config){ .workers = 2, .flows = 1024 });
	if (rcu_start(bench.loop, &err))
		fail_msg("%s", err.text);
	/* loads are the test's, however long it takes */
	loop_timer_destroy(bench.path->balance);
	bench.path->balance = NULL;
	return 0;
}

static struct rx_queue *queue_of(uint32_t port)
{
	return &bench.ports[port].port->queues[0];
}

static uint32_t home_of(uint32_t port)
{
	return queue_of(port)->home->w.nr;
}

static void port_with(uint32_t id, bool is_kernel)
{
	bench_is_kernel = is_kernel;
	(void)bench_port(id);
	bench_is_kernel = false;
}

static void new_queues_are_spread(void **state)
{
	uint32_t first = 0;

	(void)state;
	bench_ports(10);
	for (uint32_t id = 1; id <= 10; id++)
		first += home_of(id) == 0;
	assert_int_equal(first, 5);
}

static void new_kinds_are_kept_apart(void **state)
{
	(void)state;
	port_with(1, true);
	port_with(2, false);
	port_with(3, true);
	port_with(4, false);
	assert_int_equal(home_of(1), home_of(3));
	assert_int_equal(home_of(2), home_of(4));
	assert_int_not_equal(home_of(1), home_of(2));
}

/* All on worker 0. */
static void load(uint32_t id, bool is_kernel, uint32_t permille)
{
	port_with(id, is_kernel);
	queue_of(id)->load = permille;
	for (int i = 0; i < 10000 && (bench.path->move || home_of(id) != 0); i++) {
		(void)balance_move(bench.path, queue_of(id), 0);
		bench_turn();
	}
	assert_int_equal(home_of(id), 0);
}

static void half_of_the_load_moves(void **state)
{
	struct queue_choice c;

	(void)state;
	load(1, false, 100);
	load(2, false, 500);
	load(3, false, 350);
	c = balance_choose(bench.path);
	assert_ptr_equal(c.queue, queue_of(2));
	assert_int_equal(c.to, 1);
}

static void one_queue_alone_stays(void **state)
{
	(void)state;
	load(1, false, 990);
	load(2, false, 5);
	assert_null(balance_choose(bench.path).queue);
}

static void where_nobody_is_held_up_nothing_moves(void **state)
{
	(void)state;
	load(1, false, 150);
	load(2, false, 150);
	assert_null(balance_choose(bench.path).queue);
}

static void the_other_kind_moves_away(void **state)
{
	struct queue_choice c;

	(void)state;
	load(1, false, 300);
	load(2, false, 300);
	load(3, true, 200);
	c = balance_choose(bench.path);
	assert_ptr_equal(c.queue, queue_of(3));
	assert_int_equal(c.to, 1);
}

/* ---- under traffic ---------------------------------------------------------------------------- */

/* Each frame bears its sender, flow and number; what came out last, by sender and flow. */
static uint32_t seen[SENDERS + 1][FLOWS];
static _Atomic uint32_t arrived, reordered;
static pthread_mutex_t exit_lock = PTHREAD_MUTEX_INITIALIZER;

struct mark {
	uint32_t sender, flow, number;
};

static void exit_packet(const struct packet *p)
{
	struct mark m;

	if (!packet_read(p, 42, &m, sizeof(m)) || m.sender > SENDERS || m.flow >= FLOWS)
		return;
	if (m.number <= seen[m.sender][m.flow])
		atomic_fetch_add(&reordered, 1);
	seen[m.sender][m.flow] = m.number;
	atomic_fetch_add(&arrived, 1);
}

/* One ring, two workers: as a ring does, under its lock. */
static uint32_t exit_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			uint32_t count)
{
	(void)b;
	(void)worker;
	(void)pthread_mutex_lock(&exit_lock);
	for (uint32_t i = 0; i < count; i++)
		exit_packet(pkts[i]);
	(void)pthread_mutex_unlock(&exit_lock);
	return count;
}

static const struct backend_ops exit_ops = {
	.kind = "exit",
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = exit_tx,
};

static _Atomic bool stop;

struct sender {
	pthread_t thread;
	uint32_t port;
	uint32_t sent;
};
static struct sender senders[SENDERS];

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	struct memory_port *m = bench.ports[s->port].memory;
	const struct timespec pause = { .tv_nsec = 50000 };
	struct memory_frame *f = calloc(1, sizeof(*f));

	while (f && !atomic_load(&stop)) {
		struct mark mark = { s->port, s->sent % FLOWS, s->sent + 1 };

		*f = udp(s->port, EXIT, (uint16_t)(100 + mark.flow), 200);
		memcpy(f->bytes + 42, &mark, sizeof(mark));
		if (memory_push(m, f))
			s->sent++;
		else
			(void)nanosleep(&pause, NULL);
	}
	free(f);
	return NULL;
}

static void senders_start(void)
{
	memset(seen, 0, sizeof(seen));
	atomic_store(&stop, false);
	atomic_store(&arrived, 0);
	atomic_store(&reordered, 0);
	for (uint32_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .port = i + 1 };
		assert_int_equal(pthread_create(&senders[i].thread, NULL, sender_main, &senders[i]),
				 0);
	}
}

static uint32_t senders_stop(void)
{
	uint32_t sent = 0;

	atomic_store(&stop, true);
	for (uint32_t i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
		sent += senders[i].sent;
	}
	return sent;
}

static void wait_for_move(void)
{
	for (int i = 0; i < 100000 && bench.path->move; i++)
		bench_turn();
	assert_null(bench.path->move);
}

static void cookie_for_each(struct probe *p, const struct xvs_batch *b,
			    const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)b;
	(void)key;
	if (!v->cookie)
		v->cookie = 1 + (uint64_t)__atomic_fetch_add(&p->held_count, 1, __ATOMIC_RELAXED);
}

static void queues_move_under_traffic(void **state)
{
	struct worker_stats s[2];
	struct probe *judge;
	uint32_t sent;

	(void)state;
	bench_ports(SENDERS);
	bench.next_ops = &exit_ops;
	(void)bench_port(EXIT);
	judge = probe_new(XVS_FILTER, 0, JUDGES);
	judge->on_judge = cookie_for_each;
	for (uint32_t id = 1; id <= SENDERS; id++)
		bench_chain(id, judge);
	senders_start();
	for (uint32_t i = 0; i < MOVES; i++) {
		struct rx_queue *q = queue_of(1 + i % SENDERS);

		assert_true(balance_move(bench.path, q, 1 - q->home->w.nr));
		/* one at a time */
		assert_false(balance_move(bench.path, queue_of(EXIT), 1 - home_of(EXIT)));
		wait_for_move();
		bench_turns(3);
	}
	sent = senders_stop();
	for (int i = 0; i < 100000 && atomic_load(&arrived) < sent; i++)
		bench_turn();
	assert_int_equal(atomic_load(&arrived), sent);
	assert_int_equal(atomic_load(&reordered), 0);
	path_worker_stats(bench.path, 0, &s[0]);
	path_worker_stats(bench.path, 1, &s[1]);
	assert_int_equal(s[0].moves + s[1].moves, MOVES);
	assert_int_equal(s[0].queues + s[1].queues, SENDERS + 1);
}

/* With its last account, on the worker that it was on. */
static void flows_of_a_queue_that_moves_end(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);
	struct probe *judge;

	(void)state;
	bench_ports(2);
	judge = probe_new(XVS_FILTER, 0, JUDGES);
	judge->on_judge = cookie_for_each;
	bench_chain(1, judge);
	for (int i = 0; i < 5; i++)
		send_frame(1, &f);
	while (__atomic_load_n(&bench.ports[2].memory->out_count, __ATOMIC_ACQUIRE) < 5)
		bench_turn();
	assert_int_equal(judge->ended, 0);
	assert_true(balance_move(bench.path, queue_of(1), 1 - home_of(1)));
	wait_for_move();
	assert_int_equal(judge->ended, __atomic_load_n(&judge->held_count, __ATOMIC_RELAXED));
	assert_int_equal(judge->packets, 5);
}

static void a_port_may_go_while_its_queue_moves(void **state)
{
	(void)state;
	(void)bench_port(EXIT);
	for (uint32_t i = 0; i < 20; i++) {
		struct worker_stats s[2];

		(void)bench_port(1);
		assert_true(balance_move(bench.path, queue_of(1), 1 - home_of(1)));
		bench_turns(i % 4);
		bench_remove(1);
		wait_for_move();
		path_worker_stats(bench.path, 0, &s[0]);
		path_worker_stats(bench.path, 1, &s[1]);
		assert_int_equal(s[0].queues + s[1].queues, 1);
	}
}

#define WORKERS_TEST(name) cmocka_unit_test_setup_teardown(name, workers_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORKERS_TEST(new_queues_are_spread),
		WORKERS_TEST(new_kinds_are_kept_apart),
		WORKERS_TEST(half_of_the_load_moves),
		WORKERS_TEST(one_queue_alone_stays),
		WORKERS_TEST(where_nobody_is_held_up_nothing_moves),
		WORKERS_TEST(the_other_kind_moves_away),
		WORKERS_TEST(queues_move_under_traffic),
		WORKERS_TEST(flows_of_a_queue_that_moves_end),
		WORKERS_TEST(a_port_may_go_while_its_queue_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
