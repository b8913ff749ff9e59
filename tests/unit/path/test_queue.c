/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What queues of an exit port are promised, may send at most, and count.  A forwarder's part plays a
 * filter: what comes in at port n is for the queue n.
 */
#include "link_bench.h"

#include "path/rate.h"

enum { QUEUED_MS = 20, MS = 1000 };

static uint32_t fixed_queue; /* 0: that of the entry port */
static struct link_plan *wanted;
static struct probe *chooser;

static void choose(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		   struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	v->action = XVS_FLOW_PASS;
	v->queue = (uint16_t)(fixed_queue ? fixed_queue : key->port);
}

static void plan_open(void)
{
	wanted = calloc(1, sizeof(*wanted));
	assert_non_null(wanted);
	wanted->queue_ns = QUEUED_MS * NS_PER_MS;
	wanted->has_queues = true;
	wanted->is_kept = true;
	wanted->claims[LINK_COMMON].weight = 10;
}

static void plan_done(void)
{
	assert_int_equal(path_link_plan(bench.ports[UPLINK].port, wanted), 0);
	wanted = NULL;
}

/* In frames a millisecond; 0: nothing is said. */
static struct link_claim *queue(uint32_t nr, uint32_t min, uint32_t max, uint32_t weight)
{
	struct link_claim *claim = &wanted->claims[nr];

	wanted->class_of[nr] = (uint16_t)nr;
	claim->reserved = (uint64_t)min * FRAME * 8 * KBIT;
	claim->limit = (uint64_t)max * FRAME * 8 * KBIT;
	claim->weight = weight;
	wanted->has_reserved |= min > 0;
	return claim;
}

/* A port that sends so many frames a millisecond; 0: as many as there are. */
static void lab(uint32_t guests, uint32_t rate)
{
	fixed_queue = 0;
	chooser = probe_new(XVS_FILTER, 0, JUDGES);
	chooser->on_judge = choose;
	bench_ports(guests);
	(void)bench_port(UPLINK);
	for (uint32_t id = 1; id <= guests; id++)
		bench_chain(id, chooser);
	rate_of(UPLINK, (uint64_t)rate * FRAME * 8 * KBIT);
	bench.ports[UPLINK].conf.rate_kinds = 1u << RATE_LINK;
	bench_publish(UPLINK);
	plan_open();
}

static struct link_counts counts_of(uint32_t nr)
{
	struct link_counts c = { 0 };

	assert_true(path_link_counts(bench.ports[UPLINK].port, nr, &c) > 0);
	return c;
}

static void a_promise_comes_first_and_the_rest_is_shared_by_weight(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(3, PER_MS);
	queue(1, 6, 0, 1);
	queue(2, 0, 0, 30);
	queue(3, 0, 0, 10);
	plan_done();
	run_ms(1 << 1 | 1 << 2 | 1 << 3, 4, MS, sent);
	assert_in_range(sent[1], 5950, 6000 + 60 + 200); /* and its weight in what is left */
	assert_in_range(sent[2] * 100 / sent[3], 285, 315);
	assert_in_range(sent[1] + sent[2] + sent[3], MS * PER_MS - 5, (MS + 14) * PER_MS + 2);
	assert_int_equal(chooser->judged,
			 3); /* each flow once: its queue is cached with its verdict */
	/* what the promised queue does not want is the others' */
	run_ms(0, 0, 2 * QUEUED_MS, sent);
	run_ms(1 << 2 | 1 << 3, 4, MS, sent);
	assert_in_range(sent[2] + sent[3], MS * PER_MS - 5, (MS + 4) * PER_MS + 2);
	bench_assert_law();
}

static void a_limit_holds_where_the_port_has_none(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(2, 0);
	queue(1, 0, 2, 10);
	plan_done();
	run_ms(1 << 1 | 1 << 2, 4, MS, sent);
	assert_in_range(sent[1], 2 * MS - 2, 2 * (MS + 10) + 2);
	/* of no queue, and nothing keeps it back */
	assert_int_equal(sent[2], MS * 1000 / STEP_US * 4);
	assert_true(drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_QUEUE) > 0);
	assert_int_equal(drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_LINK), 0);
	bench_assert_law();
}

static void what_may_pass_at_once_is_the_burst(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, 0);
	queue(1, 0, 1, 10)->depth_ns = 30 * NS_PER_MS; /* 30 frames */
	wanted->queue_ns = NS_PER_MS;                  /* one waits */
	plan_done();
	run_ms(1 << 1, 200, 0, sent);
	fill(1, 200);
	bench_turns(8);
	/* depth and the one with which the bucket overflows */
	assert_in_range(bench.ports[UPLINK].memory->out_count, 30, 32);
}

static void a_promise_is_kept_whatever_other_workers_send(void **state)
{
	_Atomic uint64_t *rate;
	uint32_t sent[UPLINK];
	uint32_t sum[UPLINK] = { 0 };

	(void)state;
	lab(2, PER_MS);
	queue(1, 3, 0, 1);
	queue(2, 0, 0, 1);
	plan_done();
	rate = &bench.ports[UPLINK].port->rate->full_at_ns[RATE_LINK][RATE_BITS];
	for (uint32_t ms = 0; ms < MS; ms++) {
		/* others have taken all that there is */
		atomic_store(rate, bench.now_ns + 5 * NS_PER_MS);
		run_ms(1 << 1 | 1 << 2, 1, 1, sent);
		sum[1] += sent[1];
		sum[2] += sent[2];
	}
	assert_in_range(sum[1], 3 * MS - 3, 3 * (MS + 10) + 2);
	assert_int_equal(sum[2], 0);
}

static void a_number_that_the_port_has_not_is_its_common_queue(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, PER_MS);
	queue(1, 0, 1, 10);
	plan_done();
	fixed_queue = 7;
	run_ms(1 << 1, 1, 10, sent);
	assert_int_equal(sent[1], 100);
	assert_int_equal(counts_of(0).tx_packets, 100);
	fixed_queue = UINT16_MAX;
	bench_publish(1);
	run_ms(1 << 1, 1, 10, sent);
	assert_int_equal(counts_of(0).tx_packets, 200);
	assert_int_equal(counts_of(1).tx_packets, 0);
}

static void counts_are_those_of_the_port(void **state)
{
	struct port_counters port;
	uint32_t sent[UPLINK];
	struct link_counts one;
	struct link_counts two;

	(void)state;
	lab(2, PER_MS);
	queue(1, 0, 2, 10);
	queue(2, 0, 0, 10);
	plan_done();
	run_ms(1 << 1 | 1 << 2, 4, 200, sent);
	run_ms(0, 0, 2 * QUEUED_MS, sent);
	one = counts_of(1);
	two = counts_of(2);
	counters_port_sum(bench.counters, UPLINK, &port);
	assert_int_equal(one.tx_packets + two.tx_packets, port.tx_packets);
	assert_int_equal(one.tx_bytes + two.tx_bytes, port.tx_bytes);
	assert_int_equal(one.tx_bytes, one.tx_packets * FRAME);
	assert_true(one.full > 0 && two.full > 0);
	assert_int_equal(one.full + two.full, drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_QUEUE));
	assert_int_equal(one.pool + two.pool, drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_POOL));
	assert_int_equal(path_held(bench.path), 0);
}

static void what_the_exit_does_not_take_is_counted_with_its_queue(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, 0);
	queue(1, 0, 0, 10);
	plan_done();
	bench.ports[UPLINK].conf.mtu = FRAME - 100;
	bench_publish(UPLINK);
	run_ms(1 << 1, 1, 10, sent);
	assert_int_equal(counts_of(1).exit, 100);
	assert_int_equal(counts_of(1).tx_packets, 0);
	assert_int_equal(drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_TOO_LONG), 100);
}

static void a_queue_that_is_new_counts_from_nothing(void **state)
{
	struct link_counts none = { 0 };
	uint32_t sent[UPLINK];

	(void)state;
	lab(2, 0);
	queue(1, 0, 0, 10);
	queue(2, 0, 0, 10);
	plan_done();
	run_ms(1 << 1 | 1 << 2, 1, 10, sent);
	plan_open();
	queue(1, 0, 5, 10);
	plan_done();
	assert_int_equal(path_link_counts(bench.ports[UPLINK].port, 2, &none), 0);
	assert_int_equal(counts_of(1).tx_packets, 100); /* changed, and the same queue */
	plan_open();
	queue(1, 0, 0, 10);
	queue(2, 0, 0, 10);
	plan_done();
	assert_int_equal(counts_of(2).tx_packets, 0);
	run_ms(1 << 2, 1, 10, sent);
	assert_int_equal(counts_of(2).tx_packets, 100);
}

/* A sender may have 1024 packets wait; those of one queue leave room for those of others. */
static void a_long_queue_leaves_another_one_of_its_sender_room(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, 1);
	queue(1, 0, 0, 1);
	queue(2, 0, 0, 1);
	wanted->queue_ns = 500 * NS_PER_S;
	wanted->part = PORT_HELD_MAX / 2 / 3;
	plan_done();
	run_ms(1 << 1, 16, 10, sent);
	assert_in_range(path_held(bench.path), PORT_HELD_MAX / 2, PORT_HELD_MAX / 2 + 64);
	fixed_queue = 2;
	bench_publish(1);
	run_ms(1 << 1, 4, 4, sent);
	assert_int_equal(counts_of(2).full + counts_of(2).pool, 0);
	assert_true(path_held(bench.path) > PORT_HELD_MAX / 2 + 100);
}

static void a_rate_in_packets_is_kept_and_waited_for(void **state)
{
	struct port_conf *conf = &bench.ports[UPLINK].conf;
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, 0);
	conf->rates[RATE_LINK].per_second[RATE_PACKETS] = PER_MS * 1000;
	conf->rates[RATE_LINK].depth_ns[RATE_PACKETS] = 4 * NS_PER_MS;
	bench_publish(UPLINK);
	queue(1, 0, 0, 10);
	plan_done();
	run_ms(1 << 1, 4, 500, sent);
	assert_in_range(sent[1], 500 * PER_MS - 5, 504 * PER_MS + 2);
	assert_int_equal(path_held(bench.path), QUEUED_MS * PER_MS);
	assert_true(counts_of(1).full > 0);
}

static void queues_that_go_let_go_what_waits(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, PER_MS);
	queue(1, 0, 1, 10);
	plan_done();
	run_ms(1 << 1, 4, 20, sent);
	assert_true(path_held(bench.path) > 0);
	rate_of(UPLINK, 0);
	plan_open();
	wanted->has_queues = false;
	plan_done();
	assert_false(path_link_has_queues(bench.ports[UPLINK].port));
	run_ms(0, 0, 2, sent);
	assert_int_equal(path_held(bench.path), 0);
	bench_assert_law();
}

/* Seconds of a limit that the operator has lifted are nobody's debt. */
static void another_limit_begins_anew(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, 0);
	queue(1, 0, 1, 10)->limit = KBIT; /* 8 s for each frame */
	plan_done();
	run_ms(1 << 1, 1, 1, sent);
	assert_int_equal(sent[1], 1);
	plan_open();
	queue(1, 0, 20, 10);
	plan_done();
	run_ms(1 << 1, 1, 10, sent);
	assert_true(sent[1] >= 100);
	/* what is said again is the same limit */
	plan_open();
	queue(1, 0, 1, 10)->limit = KBIT;
	plan_done();
	run_ms(1 << 1, 1, 1, sent);
	plan_open();
	queue(1, 0, 1, 10)->limit = KBIT;
	plan_done();
	run_ms(1 << 1, 1, 10, sent);
	assert_int_equal(sent[1], 0);
}

/* A frame that cost its queue or its port seconds has none wait for them: who changes anything waits too. */
static void nobody_waits_for_seconds(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	lab(1, 0);
	queue(1, 0, 1, 10)->limit = KBIT; /* 8 s for each frame */
	plan_done();
	run_ms(1 << 1, 1, 10, sent);
	assert_int_equal(sent[1], 1);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(counts_of(1).full, 99);
	bench_later_ms(8000 - 100);
	run_ms(1 << 1, 1, 100, sent);
	assert_int_equal(sent[1], 1);
	plan_open();
	queue(1, 0, 0, 10);
	plan_done();
	rate_of(UPLINK, KBIT);
	run_ms(1 << 1, 1, 10, sent);
	assert_int_equal(path_held(bench.path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_promise_comes_first_and_the_rest_is_shared_by_weight),
		TEST(a_limit_holds_where_the_port_has_none),
		TEST(what_may_pass_at_once_is_the_burst),
		TEST(a_promise_is_kept_whatever_other_workers_send),
		TEST(a_number_that_the_port_has_not_is_its_common_queue),
		TEST(counts_are_those_of_the_port),
		TEST(what_the_exit_does_not_take_is_counted_with_its_queue),
		TEST(a_queue_that_is_new_counts_from_nothing),
		TEST(a_long_queue_leaves_another_one_of_its_sender_room),
		TEST(a_rate_in_packets_is_kept_and_waited_for),
		TEST(queues_that_go_let_go_what_waits),
		TEST(another_limit_begins_anew),
		TEST(nobody_waits_for_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
