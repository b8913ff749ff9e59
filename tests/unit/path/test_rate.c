/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: what passes is counted against the test's own clock, to the packet. */
#include "bench.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "path/rate.h"

enum { FRAME = 1000, STEP_US = 100 };

static void limit(uint32_t id, enum rate_kind kind, uint64_t bits, uint64_t packets)
{
	struct port_conf *conf = &bench.ports[id].conf;

	conf->rates[kind] = (struct rate){ .per_second = { bits, packets },
					   .depth_ns = { 10 * NS_PER_MS, 10 * NS_PER_MS } };
	conf->rate_kinds |= 1u << kind;
	bench_publish(id);
}

static void fill(uint32_t from, uint32_t to, uint32_t count)
{
	struct memory_frame f = udp(from, to, 9, FRAME - 42);

	while (count-- > 0 && memory_push(bench.ports[from].memory, &f))
		;
}

/* So long, with an adapter that always has more. */
static uint32_t run_ms(uint32_t from, uint32_t to, uint32_t ms)
{
	uint32_t before = bench.ports[to].memory->out_count;

	for (uint32_t us = 0; us < ms * 1000; us += STEP_US) {
		fill(from, to, MEMORY_IN);
		bench.now_ns += STEP_US * NS_PER_US - 1000;
		bench_turn();
	}
	return bench.ports[to].memory->out_count - before;
}

static void what_a_port_gives_is_its_rate_and_its_burst(void **state)
{
	uint32_t packets;

	(void)state;
	bench_ports(2);
	limit(1, RATE_FROM, 80 * 1000 * 1000, 0); /* 10 packets a ms */
	packets = run_ms(1, 2, 100);
	assert_in_range(packets, 1000 + 90, 1000 + 100 + 10 + XVS_BATCH_MAX);
	assert_int_equal(drops_in(1, REASON_RATE), 0);
	/* without the burst, that was spent */
	packets = run_ms(1, 2, 1000);
	assert_in_range(packets, 9900, 10000 + XVS_BATCH_MAX);
}

static void nothing_is_lost_of_what_must_wait(void **state)
{
	uint32_t sent = MEMORY_IN - 1;

	(void)state;
	bench_ports(2);
	limit(1, RATE_FROM, 0, 1000);
	fill(1, 2, sent);
	for (uint32_t ms = 0; ms < 400; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), sent);
	assert_int_equal(drops_in(1, REASON_RATE), 0);
}

static void packets_and_bits_are_limited_together(void **state)
{
	uint32_t packets;

	(void)state;
	bench_ports(2);
	limit(1, RATE_FROM, 800 * 1000 * 1000, 1000);
	packets = run_ms(1, 2, 1000);
	assert_in_range(packets, 990, 1000 + 10 + 2);
}

static void a_port_that_must_wait_is_not_read(void **state)
{
	struct memory_port *m;

	(void)state;
	bench_ports(2);
	limit(1, RATE_FROM, 0, 100); /* a burst of one */
	fill(1, 2, 10);
	bench_turns(50);
	m = bench.ports[1].memory;
	assert_int_equal(m->in_tail - m->in_head, 9);
	assert_true(poll_may_sleep(bench.w, 0) || !bench.w->has_more);
	assert_in_range(bench.w->rate_due_ns, bench.now_ns, bench.now_ns + 11 * NS_PER_MS);
	/* an adapter with other ports goes on meanwhile */
	fill(2, 1, 10);
	bench_turns(2);
	assert_int_equal(got(1), 10);
}

static void segments_count_as_packets(void **state)
{
	struct frame_tcp t = { .data = 8000 };
	struct memory_frame f = tcp(1, 1000, 2, 80, t);

	(void)state;
	bench_ports(2);
	bench.ports[2].memory->base.offloads = OFFLOAD_TSO4 | OFFLOAD_CSUM;
	f.gso_type = 1;
	f.gso_size = 1000;
	f.csum_todo = true;
	f.csum_start = 34;
	f.csum_off = 16;
	limit(1, RATE_FROM, 0, 9000); /* one such packet in a ms */
	for (uint32_t i = 0; i < 200; i++)
		send_frame(1, &f);
	for (uint32_t ms = 0; ms < 100; ms++)
		bench_later_ms(1);
	assert_in_range(got(2), 100, 120);
}

static void more_than_a_port_gets_is_dropped_with_its_reason(void **state)
{
	uint32_t sent;
	uint32_t packets;

	(void)state;
	bench_ports(2);
	limit(2, RATE_TO, 80 * 1000 * 1000, 0);
	packets = run_ms(1, 2, 100);
	sent = bench.ports[1].memory->in_head;
	assert_in_range(packets, 1000 + 90, 1000 + 100 + 10 + 1);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_RATE), sent - packets);
}

static void two_workers_share_one_bucket(void **state)
{
	struct rate_run a;
	struct rate_run b;
	struct path_worker other = { .w = { .nr = 1 } };
	struct port_conf *conf;
	struct rate_state *s;
	struct packet p = { .x = { .len = FRAME } };
	uint32_t packets = 0;

	(void)state;
	bench_ports(1);
	limit(1, RATE_TO, 80 * 1000 * 1000, 0);
	conf = bench.ports[1].port->conf;
	s = rate_create(bench.ports[1].port, 2);
	assert_non_null(s);
	for (uint32_t us = 0; us < 100000; us += STEP_US) {
		bench.w->w.now_ns = other.w.now_ns = bench.now_ns + us * NS_PER_US;
		rate_open(&a, bench.w, conf, RATE_TO);
		a.state = s;
		a.purse = &s->purses[0];
		b = a;
		b.purse = &s->purses[1];
		for (int i = 0; i < 64; i++) {
			struct rate_run *r = i & 1 ? &a : &b;

			if (!rate_may(r))
				continue;
			rate_spend(r, &p);
			packets++;
		}
		rate_pay(&a);
		rate_pay(&b);
	}
	free(s);
	assert_in_range(packets, 1090, 1100 + 2 * 10 + 2);
}

static void a_queue_holds_what_comes_at_once(void **state)
{
	struct port_conf *conf;

	(void)state;
	bench_ports(2);
	conf = &bench.ports[2].conf;
	conf->queue_ns = 100 * NS_PER_MS;
	limit(2, RATE_TO, 0, 1000); /* a burst of 10 */
	fill(1, 2, 100);
	bench_turns(3);
	assert_int_equal(got(2), 10);
	assert_int_equal(path_held(bench.path), 90);
	assert_int_equal(atomic_load(&bench.ports[1].port->held), 90);
	for (uint32_t ms = 0; ms < 95; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), 90);
	assert_int_equal(atomic_load(&bench.ports[1].port->held), 0);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_RATE), 0);
}

static void a_queue_is_so_long_and_in_order(void **state)
{
	(void)state;
	bench_ports(2);
	bench.ports[2].conf.queue_ns = 20 * NS_PER_MS;
	limit(2, RATE_TO, 0, 1000);
	for (uint32_t i = 0; i < 60; i++) {
		struct memory_frame f = udp(1, 2, (uint16_t)(2000 + i), 100);

		send_frame(1, &f);
	}
	bench_turns(3);
	assert_int_equal(got(2), 10);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_RATE), 30);
	for (uint32_t ms = 0; ms < 25; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), 20);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(get_be16(bench.ports[2].memory->out[i].bytes + 36), 2000 + i);
}

static void a_flood_waits_at_each_port_for_itself(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 200);

	(void)state;
	bench_ports(4);
	memset(f.bytes, 0xff, 6);
	for (uint32_t id = 2; id < 4; id++) {
		bench.ports[id].conf.queue_ns = 100 * NS_PER_MS;
		limit(id, RATE_TO, 0, 1000);
	}
	for (uint32_t i = 0; i < 30; i++)
		send_frame(1, &f);
	bench_turns(3);
	assert_int_equal(got(2), 10);
	assert_int_equal(got(3), 10);
	assert_int_equal(got(4), 30);
	bench_assert_law();
	for (uint32_t ms = 0; ms < 30; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), 20);
	assert_int_equal(got(3), 20);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
}

static void drop_everything(struct probe *p, const struct xvs_batch *b,
			    const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->action = XVS_FLOW_DROP;
	v->reason = 1;
}

/* What waits is judged by the policy that is in force when it leaves. */
static void what_waits_is_judged_again_when_its_port_changed(void **state)
{
	struct probe *p = probe_new(XVS_FILTER, 0, JUDGES);

	(void)state;
	bench_ports(2);
	bench.ports[2].conf.queue_ns = 100 * NS_PER_MS;
	limit(2, RATE_TO, 0, 1000);
	fill(1, 2, 50);
	bench_turns(3);
	assert_int_equal(got(2), 10);
	p->on_judge = drop_everything;
	bench_chain(2, p);
	for (uint32_t ms = 0; ms < 60; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, p->instance->nr, 1), 40);
}

static void note_settled(void *arg, int slow, struct instance *who)
{
	(void)who;
	assert_int_equal(slow, -1);
	*(bool *)arg = true;
}

static void a_change_is_settled_when_what_waited_has_left(void **state)
{
	bool done = false;

	(void)state;
	bench_ports(2);
	bench.ports[2].conf.queue_ns = 100 * NS_PER_MS;
	limit(2, RATE_TO, 0, 1000);
	fill(1, 2, 50);
	bench_turns(3);
	path_port_invalidate(bench.ports[1].port);
	path_settle(bench.path, note_settled, &done);
	bench_turns(200);
	assert_false(done);
	assert_int_equal(got(2), 10);
	for (uint32_t ms = 0; ms < 60; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), 40);
	for (int i = 0; i < 1000 && !done; i++) {
		const struct timespec pause = { .tv_nsec = 1000000 };

		(void)nanosleep(&pause, NULL);
		bench_turn();
		(void)event_base_loop(loop_base(bench.loop), EVLOOP_NONBLOCK);
	}
	assert_true(done);
}

static void a_port_takes_what_waits_for_it_along(void **state)
{
	(void)state;
	bench_ports(3);
	bench.ports[2].conf.queue_ns = 100 * NS_PER_MS;
	limit(2, RATE_TO, 0, 1000);
	fill(1, 2, 50);
	fill(3, 2, 20);
	bench_turns(3);
	bench_remove(3);
	bench_remove(2);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(atomic_load(&bench.ports[1].port->held), 0);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_SHUTDOWN), 60);
}

static void a_limit_that_goes_lets_all_through(void **state)
{
	struct port_conf *conf;

	(void)state;
	bench_ports(2);
	conf = &bench.ports[2].conf;
	conf->queue_ns = 100 * NS_PER_MS;
	limit(2, RATE_TO, 0, 1000);
	limit(1, RATE_FROM, 0, 20000); /* a burst of 200 */
	fill(1, 2, 100);
	bench_turns(3);
	conf->rate_kinds = 0;
	memset(conf->rates, 0, sizeof(conf->rates));
	bench_publish(2);
	for (uint32_t ms = 0; ms < 10; ms++)
		bench_later_ms(1);
	assert_int_equal(got(2), 100);
	bench.ports[1].conf.rate_kinds = 0;
	bench_publish(1);
	assert_int_equal(run_ms(1, 2, 1), 10 * XVS_BATCH_MAX);
}

/* Four others have more than their share; the one with a reservation has what it was promised. */
static void what_is_reserved_comes_first(void **state)
{
	(void)state;
	bench_ports(6);
	for (uint32_t id = 1; id <= 5; id++) {
		bench.ports[id].conf.weight = id == 5 ? 1 : 100;
		bench_publish(id);
	}
	limit(5, RATE_RESERVED, 80 * 1000 * 1000, 0); /* 10 packets a ms */
	for (uint32_t ms = 0; ms < 100; ms++) {
		bench.now_ns += NS_PER_MS;
		for (uint32_t id = 1; id <= 5; id++)
			fill(id, 6, MEMORY_IN);
		bench_turn();
	}
	for (uint32_t id = 1; id <= 4; id++)
		assert_true(bench.ports[id].memory->in_head > 0);
	assert_true(bench.ports[5].memory->in_head >= 950);
}

/* A visit that is promised is paid from the reservation, all others from the queue's share. */
static void beyond_its_reservation_a_port_is_as_the_others(void **state)
{
	const struct memory_port *m;
	_Atomic uint64_t *full_at;
	uint32_t visits = 0;
	uint32_t promised = 0;

	(void)state;
	bench_ports(3);
	limit(1, RATE_RESERVED, 8000, 0); /* a packet a second, of which 2 ms pass */
	m = bench.ports[1].memory;
	full_at = &bench.ports[1].port->rate->full_at_ns[RATE_RESERVED][RATE_BITS];
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t before = m->in_head;
		uint64_t paid = atomic_load(full_at);

		fill(1, 3, MEMORY_IN);
		fill(2, 3, MEMORY_IN);
		bench_turn();
		visits += m->in_head != before;
		promised += atomic_load(full_at) != paid;
	}
	assert_int_equal(promised, 1);
	assert_true(visits > 100);
	assert_true(bench.ports[2].memory->in_head > 0);
}

static int kick = -1;

static int kicked_close(void **state)
{
	int result = bench_close(state);

	(void)close(kick);
	return result;
}

/* A tap's descriptor stays readable while the port waits: it must not wake the worker. */
static void what_waits_in_the_kernel_wakes_nobody(void **state)
{
	uint64_t start;

	(void)state;
	kick = eventfd(1, EFD_NONBLOCK);
	assert_true(kick >= 0);
	bench_kick_fd = kick;
	bench_is_kernel = true;
	(void)bench_port(1);
	bench_kick_fd = -1;
	bench_is_kernel = false;
	(void)bench_port(2);
	limit(1, RATE_FROM, 0, 100);
	fill(1, 2, 10);
	worker_self = &bench.w->w;
	bench.w->w.now_ns = bench.now_ns;
	poll_look(bench.w);
	bench_turns(3);
	assert_int_equal(got(2), 1);
	start = clock_ns();
	poll_sleep(bench.w, 30);
	worker_self = NULL;
	assert_true(clock_ns() - start >= 25 * NS_PER_MS);
	/* and is looked at when its time has come, without being told again */
	bench_later_ms(11);
	assert_int_equal(got(2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(what_a_port_gives_is_its_rate_and_its_burst),
		BENCH_TEST(nothing_is_lost_of_what_must_wait),
		BENCH_TEST(packets_and_bits_are_limited_together),
		BENCH_TEST(a_port_that_must_wait_is_not_read),
		BENCH_TEST(segments_count_as_packets),
		BENCH_TEST(more_than_a_port_gets_is_dropped_with_its_reason),
		BENCH_TEST(two_workers_share_one_bucket),
		BENCH_TEST(a_queue_holds_what_comes_at_once),
		BENCH_TEST(a_queue_is_so_long_and_in_order),
		BENCH_TEST(a_flood_waits_at_each_port_for_itself),
		BENCH_TEST(what_waits_is_judged_again_when_its_port_changed),
		BENCH_TEST(a_change_is_settled_when_what_waited_has_left),
		BENCH_TEST(a_port_takes_what_waits_for_it_along),
		BENCH_TEST(a_limit_that_goes_lets_all_through),
		BENCH_TEST(what_is_reserved_comes_first),
		BENCH_TEST(beyond_its_reservation_a_port_is_as_the_others),
		cmocka_unit_test_setup_teardown(what_waits_in_the_kernel_wakes_nobody, bench_open,
						kicked_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
