/* SPDX-License-Identifier: Apache-2.0 */
/* A worker polls while packets come, and sleeps when none do; kicks are off while it is awake. */
#include "bench.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* A guest's ring in place of a guest: is it to kick, and how often was it told. */
static struct {
	bool is_armed;
	bool has_packets; /* what arm() finds */
	uint32_t arms, disarms;
} ring;

static bool ring_arm(struct backend *b, unsigned queue)
{
	(void)b;
	(void)queue;
	ring.is_armed = true;
	ring.arms++;
	return ring.has_packets;
}

static void ring_disarm(struct backend *b, unsigned queue)
{
	uint64_t kicks;

	(void)queue;
	ring.is_armed = false;
	ring.disarms++;
	if (read(b->kick[0], &kicks, sizeof(kicks)) < 0)
		assert_int_equal(errno, EAGAIN);
}

static const struct backend_ops ring_ops = {
	.kind = "ring",
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = memory_tx,
	.arm = ring_arm,
	.disarm = ring_disarm,
};

static int kick_fd = -1;

static void kick(void)
{
	assert_int_equal(eventfd_write(kick_fd, 1), 0);
}

/* Port 1 has a ring with kicks, or is a device of the kernel; port 2 takes what is sent. */
static void open_ports(const struct backend_ops *ops, bool is_kernel)
{
	memset(&ring, 0, sizeof(ring));
	ring.is_armed = true;
	kick_fd = eventfd(0, EFD_NONBLOCK);
	assert_true(kick_fd >= 0);
	bench_kick_fd = kick_fd;
	bench_is_kernel = is_kernel;
	bench.next_ops = ops;
	(void)bench_port(1);
	bench_kick_fd = -1;
	bench_is_kernel = false;
	bench.next_ops = NULL;
	(void)bench_port(2);
}

static int poll_close(void **state)
{
	int result = bench_close(state);

	if (kick_fd >= 0)
		(void)close(kick_fd);
	kick_fd = -1;
	return result;
}

static void wait_us(uint64_t us)
{
	bench.now_ns += us * NS_PER_US - 1000;
	bench_turn();
}

static void a_polled_queue_is_not_asked_to_kick(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);

	(void)state;
	open_ports(&ring_ops, false);
	assert_false(ring.is_armed);
	for (int i = 0; i < 10; i++)
		pass(1, &f);
	assert_int_equal(got(2), 10);
	assert_int_equal(ring.arms, 0);
}

static void it_stays_awake_for_a_while(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);

	(void)state;
	open_ports(&ring_ops, false);
	pass(1, &f);
	assert_false(poll_may_sleep(bench.w, 1));
	wait_us(10);
	assert_false(poll_may_sleep(bench.w, 0));
	wait_us(200);
	assert_true(poll_may_sleep(bench.w, 0));
}

static void set_polling(enum path_polling polling)
{
	bench.path->polling = polling;
}

static void busy_never_sleeps_and_interrupt_at_once(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);

	(void)state;
	open_ports(&ring_ops, false);
	set_polling(PATH_BUSY);
	bench_later_ms(1000);
	assert_false(poll_may_sleep(bench.w, 0));
	set_polling(PATH_INTERRUPT);
	pass(1, &f);
	assert_false(poll_may_sleep(bench.w, 1));
	bench_turn();
	assert_true(poll_may_sleep(bench.w, 0));
}

static void it_does_not_sleep_on_packets(void **state)
{
	uint64_t sleeps = bench.w->sleeps;

	(void)state;
	open_ports(&ring_ops, false);
	rcu_register();
	ring.has_packets = true;
	poll_sleep(bench.w, -1);
	poll_sleep(bench.w, -1);
	assert_int_equal(ring.arms, 2);
	assert_int_equal(bench.w->sleeps, sleeps);
	rcu_unregister();
}

static void a_kick_wakes_it_and_puts_kicks_off(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);

	(void)state;
	open_ports(&ring_ops, false);
	rcu_register();
	wait_us(200);
	kick();
	poll_sleep(bench.w, -1); /* for ever, were it not for the kick */
	assert_int_equal(bench.w->sleeps, 1);
	assert_int_equal(ring.arms, 1);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_false(ring.is_armed);
	/* awake for another reason: those that are armed stay so */
	bench_later_ms(1);
	poll_sleep(bench.w, 1);
	assert_true(ring.is_armed);
	poll_sleep(bench.w, 1);
	assert_int_equal(ring.arms, 2);
	/* until they have packets */
	pass(1, &f);
	assert_false(ring.is_armed);
	rcu_unregister();
}

/* Whoever else is looked at before costs it time. */
static void who_kicked_is_served_first(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);
	const struct rx_queue *q;

	(void)state;
	open_ports(&ring_ops, false);
	q = &bench.ports[1].port->queues[0];
	rcu_register();
	for (unsigned i = 0; i < 2; i++) { /* whosever turn it was */
		wait_us(200);
		kick();
		poll_sleep(bench.w, -1);
		assert_ptr_equal(bench.w->rx, q);
		pass(1, &f);
		bench_turns(i);
	}
	rcu_unregister();
}

/* The system calls of disarming are in no packet's way. */
static void what_woke_it_is_on_its_way_before_kicks_are_off(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);
	uint32_t disarms;

	(void)state;
	open_ports(&ring_ops, false);
	rcu_register();
	disarms = ring.disarms;
	wait_us(200);
	kick();
	poll_sleep(bench.w, -1);
	assert_int_equal(ring.disarms, disarms);
	pass(1, &f);
	assert_int_equal(ring.disarms, disarms + 1);
	rcu_unregister();
}

static void a_kick_in_vain_wakes_it_once(void **state)
{
	(void)state;
	open_ports(&ring_ops, false);
	rcu_register();
	wait_us(200);
	kick();
	poll_sleep(bench.w, -1);
	wait_us(200);
	assert_true(poll_may_sleep(bench.w, 0));
	poll_sleep(bench.w, 0);
	/* nothing is readable any more, and it was armed anew */
	assert_int_equal(ring.arms, 2);
	assert_true(ring.is_armed);
	assert_false(bench.ports[1].port->queues[0].is_kicked);
	poll_sleep(bench.w, 0);
	assert_int_equal(ring.arms, 2);
	rcu_unregister();
}

static void a_kick_in_vain_is_cleared_under_load(void **state)
{
	uint32_t disarms;

	(void)state;
	open_ports(&ring_ops, false);
	rcu_register();
	disarms = ring.disarms;
	wait_us(200);
	kick();
	poll_sleep(bench.w, -1);
	for (int i = 0; i < 100; i++) {
		bench.now_ns += NS_PER_MS;
		bench_turn();
		poll_look(bench.w);
	}
	assert_int_equal(ring.disarms, disarms + 1);
	rcu_unregister();
}

static void a_kick_that_came_late_is_cleared_under_load(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);
	uint32_t disarms;

	(void)state;
	open_ports(&ring_ops, false);
	kick();
	disarms = ring.disarms;
	for (int i = 0; i < 100; i++) {
		pass(1, &f);
		poll_look(bench.w);
		bench.now_ns += NS_PER_MS;
	}
	assert_int_equal(ring.disarms, disarms + 1);
}

static void a_kernel_queue_waits_for_epoll(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);

	(void)state;
	open_ports(&memory_ops, true);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	kick();
	poll_look(bench.w);
	bench_turn();
	assert_int_equal(got(2), 1);
	/* it met the end; nobody stays awake for its sake */
	assert_true(poll_may_sleep(bench.w, 0));
}

/* To ask what came meanwhile, and then to wait for it, would be two calls. */
static void with_kernel_queues_alone_it_sleeps_behind_its_work(void **state)
{
	(void)state;
	open_ports(&memory_ops, true);
	assert_false(poll_may_sleep(bench.w, 1)); /* the other port is polled */
	bench_remove(2);
	assert_true(poll_may_sleep(bench.w, 1));
	bench.w->has_more = true;
	assert_false(poll_may_sleep(bench.w, 1));
	set_polling(PATH_BUSY);
	bench.w->has_more = false;
	assert_false(poll_may_sleep(bench.w, 1));
}

static void a_kernel_queue_is_looked_at_under_load(void **state)
{
	struct memory_frame f = udp(1, 3, 7, 20);
	struct memory_frame load = udp(2, 3, 7, 20);
	uint32_t turns = 0;

	(void)state;
	open_ports(&memory_ops, true);
	(void)bench_port(3);
	pass(2, &load);
	poll_look(bench.w);
	send_frame(1, &f);
	kick();
	(void)got(3);
	while (bench.ports[1].memory->in_done == 0 && turns++ < 1000) {
		pass(2, &load);
		poll_look(bench.w);
	}
	/* each turn is a microsecond of the test's: not asked each time, and not forgotten */
	assert_in_range(turns, 10, 100);
}

static void patience_follows_the_guest(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);

	(void)state;
	open_ports(&ring_ops, false);
	rcu_register();
	pass(1, &f);
	wait_us(25);
	assert_true(poll_may_sleep(bench.w, 0));
	for (int i = 0; i < 10; i++) { /* packets that come just after it fell asleep */
		poll_sleep(bench.w, 0);
		bench.now_ns += 40 * NS_PER_US;
		pass(1, &f);
	}
	wait_us(180); /* 5,500 packets a second */
	assert_false(poll_may_sleep(bench.w, 0));
	wait_us(25);
	assert_true(poll_may_sleep(bench.w, 0));
	for (int i = 0; i < 10; i++) { /* and then only now and then */
		poll_sleep(bench.w, 0);
		bench.now_ns += 50 * NS_PER_MS;
		pass(1, &f);
	}
	wait_us(25);
	assert_true(poll_may_sleep(bench.w, 0));
	rcu_unregister();
}

/* One turn in eight is looked at closely, and stands for the others. */
static void cycles_are_told_by_stage(void **state)
{
	struct memory_frame f = udp(1, 2, 7, 20);
	struct worker_stats s;
	uint64_t busy = 0;

	(void)state;
	open_ports(&ring_ops, false);
	for (int i = 0; i < 64 || bench.w->turns % 8 != 1; i++)
		pass(1, &f);
	path_worker_stats(bench.path, 0, &s);
	for (uint32_t i = 0; i < CYCLES_IDLE; i++) {
		assert_true(s.cycles[i] > 0);
		busy += s.cycles[i];
	}
	assert_int_equal(s.cycles_busy, busy);
	assert_int_equal(bench.w->untold, 0);
	/* more than the eight turns that were timed took: the others are in it */
	assert_true(bench.ports[1].port->queues[0].cycles <= s.cycles_busy);
	bench_turns(8);
	path_worker_stats(bench.path, 0, &s);
	assert_in_range(s.cycles_busy, busy, busy + busy / 64);
	assert_true(s.cycles[CYCLES_IDLE] > 0);
}

#define POLL_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, poll_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POLL_TEST(a_polled_queue_is_not_asked_to_kick),
		POLL_TEST(it_stays_awake_for_a_while),
		POLL_TEST(busy_never_sleeps_and_interrupt_at_once),
		POLL_TEST(it_does_not_sleep_on_packets),
		POLL_TEST(a_kick_wakes_it_and_puts_kicks_off),
		POLL_TEST(who_kicked_is_served_first),
		POLL_TEST(what_woke_it_is_on_its_way_before_kicks_are_off),
		POLL_TEST(a_kick_in_vain_wakes_it_once),
		POLL_TEST(a_kick_in_vain_is_cleared_under_load),
		POLL_TEST(a_kick_that_came_late_is_cleared_under_load),
		POLL_TEST(a_kernel_queue_waits_for_epoll),
		POLL_TEST(with_kernel_queues_alone_it_sleeps_behind_its_work),
		POLL_TEST(a_kernel_queue_is_looked_at_under_load),
		POLL_TEST(patience_follows_the_guest),
		POLL_TEST(cycles_are_told_by_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
