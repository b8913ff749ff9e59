/* SPDX-License-Identifier: Apache-2.0 */
/* A queue whose packets are dear takes small turns; cycles are the test's, not the clock's. */
#include "bench.h"

struct source {
	struct rx_queue queue;
	uint64_t cost;    /* of a packet, really */
	uint64_t packets; /* given */
	uint64_t waiting;
};

/* One turn over sources, as poll.c makes it. */
static void turn(struct path_worker *w, struct source *sources, uint32_t count)
{
	uint32_t share = share_of_turn(w);
	uint32_t cheapest = UINT32_MAX;
	uint32_t heaviest = 0;
	uint32_t busy = 0;

	for (struct source *s = sources; s < sources + count; s++) {
		uint32_t weight = s->queue.weight;
		uint32_t may = share_visit(
			&s->queue, weight < w->heaviest ? share_weighted(w, weight, share) : share);
		uint64_t got = may < s->waiting ? may : s->waiting;

		assert_true(may <= XVS_BATCH_MAX);
		if (may && !got)
			continue;
		busy++;
		if (got)
			share_pay(&s->queue, got * s->cost, (uint32_t)got);
		if (s->queue.cost < cheapest)
			cheapest = s->queue.cost;
		if (weight > heaviest)
			heaviest = weight;
		s->packets += got;
		s->waiting -= got;
	}
	w->busy_queues = busy;
	w->cheapest = cheapest;
	w->heaviest = heaviest;
}

static void source_open(struct source *s, bool is_kernel, uint64_t cost)
{
	*s = (struct source){ .cost = cost, .waiting = UINT64_MAX };
	s->queue.is_kernel = is_kernel;
	share_open(&s->queue);
}

static void equal_queues_get_full_bursts(void **state)
{
	struct source s[2];
	struct path_worker w = { .path = NULL };

	(void)state;
	source_open(&s[0], false, 150);
	source_open(&s[1], false, 150);
	for (int i = 0; i < 1000; i++)
		turn(&w, s, 2);
	/* but for the first turns, in which costs are found out */
	assert_in_range(s[0].packets, 63 * 1000, 64 * 1000);
	assert_in_range(s[1].packets, 63 * 1000, 64 * 1000);
}

static void a_dear_queue_gets_its_cycles_and_not_its_packets(void **state)
{
	struct source s[2];
	struct path_worker w = { .path = NULL };
	uint64_t fast, slow;

	(void)state;
	source_open(&s[0], false, 200);
	source_open(&s[1], true, 40000);
	for (int i = 0; i < 10000; i++)
		turn(&w, s, 2);
	fast = s[0].packets * 200;
	slow = s[1].packets * 40000;
	assert_true(s[0].packets >= (uint64_t)10000 * 60);
	assert_true(s[1].packets > 0);
	assert_in_range(fast * 100 / (fast + slow), 45, 60);
}

static void shares_are_as_weights_are(void **state)
{
	static const uint64_t costs[] = { 200, 200, 25000 };
	static const uint32_t weights[] = { 100, 25, 50 };
	struct source s[3];
	struct path_worker w = { .path = NULL };
	uint64_t all = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		source_open(&s[i], i == 2, costs[i]);
		s[i].queue.weight = weights[i];
	}
	for (int i = 0; i < 20000; i++)
		turn(&w, s, 3);
	for (uint32_t i = 0; i < 3; i++)
		all += s[i].packets * costs[i];
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(s[i].packets * costs[i] * 175 / all, weights[i] * 8 / 10,
				weights[i] * 12 / 10);
	/* bursts of the heaviest stay whole */
	assert_true(s[0].packets >= (uint64_t)20000 * 60);
}

static void the_lightest_is_not_forgotten(void **state)
{
	struct source s[2];
	struct path_worker w = { .path = NULL };

	(void)state;
	source_open(&s[0], false, 200);
	source_open(&s[1], false, 200);
	s[0].queue.weight = 100;
	s[1].queue.weight = 1;
	for (int i = 0; i < 20000; i++)
		turn(&w, s, 2);
	assert_in_range(s[0].packets / s[1].packets, 80, 120);
}

static void three_kinds_share_alike(void **state)
{
	static const uint64_t costs[] = { 180, 900, 25000 };
	struct source s[3];
	struct path_worker w = { .path = NULL };
	uint64_t all = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		source_open(&s[i], i == 2, costs[i]);
	for (int i = 0; i < 10000; i++)
		turn(&w, s, 3);
	for (uint32_t i = 0; i < 3; i++)
		all += s[i].packets * costs[i];
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(s[i].packets * costs[i] * 100 / all, 25, 42);
}

static void who_is_alone_takes_all(void **state)
{
	struct source s;
	struct path_worker w = { .path = NULL };

	(void)state;
	source_open(&s, true, 40000);
	for (int i = 0; i < 100; i++)
		turn(&w, &s, 1);
	assert_int_equal(s.packets, 100 * XVS_BATCH_MAX);
}

static void what_was_not_taken_is_not_saved_up(void **state)
{
	struct source s[2];
	struct path_worker w = { .path = NULL };

	(void)state;
	source_open(&s[0], false, 200);
	source_open(&s[1], true, 20000);
	s[1].waiting = 1;
	for (int i = 0; i < 1000; i++) {
		s[1].waiting = 1;
		turn(&w, s, 2);
	}
	s[1].packets = 0;
	s[1].waiting = UINT64_MAX;
	turn(&w, s, 2);
	assert_in_range(s[1].packets, 0, 2);
}

/* A packet that took a second (a debugger, a page fault) does not shut its queue for ever. */
static void a_debt_has_an_end(void **state)
{
	struct source s[2];
	struct path_worker w = { .path = NULL };
	uint64_t before;
	int turns = 0;

	(void)state;
	source_open(&s[0], false, 200);
	source_open(&s[1], false, 200);
	for (int i = 0; i < 10; i++)
		turn(&w, s, 2);
	share_pay(&s[1].queue, UINT64_C(2000000000), 1);
	before = s[1].packets;
	while (s[1].packets == before && turns++ < 1000)
		turn(&w, s, 2);
	assert_true(turns < 1000);
	/* and its packets are believed to be cheap again */
	for (int i = 0; i < 1000; i++)
		turn(&w, s, 2);
	before = s[1].packets;
	turn(&w, s, 2);
	assert_in_range(s[1].packets - before, 60, 64);
}

/* ---- the same with queues of a switch ---------------------------------------------------------- */

static uint32_t asked; /* of port 2, in a turn */

static uint32_t asked_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
			 uint32_t max)
{
	asked += max;
	return memory_rx(b, queue, pool, out, max);
}

static const struct backend_ops asked_ops = {
	.kind = "asked",
	.rx = asked_rx,
	.rx_done = memory_rx_done,
	.tx = memory_tx,
};

static void fill(uint32_t from, uint32_t to)
{
	struct memory_frame f = udp(from, to, 7, 40);

	while (memory_push(bench.ports[from].memory, &f))
		;
}

/* What was measured is replaced by what is to be shown, so that a busy machine changes nothing. */
static uint32_t asked_in_a_turn(uint32_t cost, int64_t share)
{
	struct rx_queue *fast = &bench.ports[1].port->queues[0];
	struct rx_queue *slow = &bench.ports[2].port->queues[0];

	fill(1, 3);
	fill(2, 3);
	fast->cost = 200;
	fast->share = 0;
	slow->cost = cost;
	slow->share = share;
	bench.w->busy_queues = 2;
	bench.w->cheapest = 200;
	asked = 0;
	bench_turn();
	return asked;
}

static void a_visit_takes_what_its_share_is_worth(void **state)
{
	(void)state;
	(void)bench_port(1);
	bench.next_ops = &asked_ops;
	(void)bench_port(2);
	bench.next_ops = NULL;
	(void)bench_port(3);
	assert_int_equal(asked_in_a_turn(200, 0), 64);
	assert_int_equal(asked_in_a_turn(2000, 0), 6);
	assert_int_equal(asked_in_a_turn(100000, 0), 1);
	/* it owes more than a turn gives: not even looked at, and nobody falls asleep over it */
	assert_int_equal(asked_in_a_turn(100000, -50000), 0);
	assert_int_equal(bench.ports[2].port->queues[0].share, -50000 + 64 * 200);
	assert_true(bench.w->has_more);
	assert_int_equal(bench.w->busy_queues, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_queues_get_full_bursts),
		cmocka_unit_test(a_dear_queue_gets_its_cycles_and_not_its_packets),
		cmocka_unit_test(shares_are_as_weights_are),
		cmocka_unit_test(the_lightest_is_not_forgotten),
		cmocka_unit_test(three_kinds_share_alike),
		cmocka_unit_test(who_is_alone_takes_all),
		cmocka_unit_test(what_was_not_taken_is_not_saved_up),
		cmocka_unit_test(a_debt_has_an_end),
		BENCH_TEST(a_visit_takes_what_its_share_is_worth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
