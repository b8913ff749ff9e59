/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that ports learn: told, told again, moved, bounded, forgotten. */
#include "bench.h"

static void learns(uint32_t id, uint32_t limit)
{
	bench.ports[id].conf.learns = true;
	bench.ports[id].conf.learn_limit = limit;
	bench_publish(id);
}

/* From an adapter behind 'port' that has no static address. */
static struct memory_frame from_behind(uint32_t host, uint32_t to)
{
	struct memory_frame f = udp(host, to, 53, 20);

	return f;
}

static void a_learning_port_gets_what_its_senders_are_sent(void **state)
{
	struct memory_frame in = from_behind(50, 1);
	struct memory_frame back = udp(1, 50, 53, 20);

	(void)state;
	bench_ports(3);
	learns(2, 8);
	learns(3, 8);
	pass(1, &back);
	assert_int_equal(got(2) + got(3), 2);
	pass(2, &in);
	assert_int_equal(got(1), 1);
	pass(1, &back);
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 0);
}

static void keep_seen(void *arg, const struct l2_info *info)
{
	if (!info->is_static)
		*(uint64_t *)arg = info->seen_ns;
}

/* When the only learned address was last told of, by the clock of the control thread. */
static uint64_t told_ns(void)
{
	uint64_t ns = 0;

	l2_list(&bench.sw->l2, keep_seen, &ns);
	return ns;
}

static void pass_for_ms(uint32_t id, const struct memory_frame *f, uint64_t ms)
{
	for (uint64_t step = 5000; ms > 0; ms -= step) {
		bench_later_ms(step);
		pass(id, f);
	}
}

static void an_address_is_told_again_without_judging(void **state)
{
	struct memory_frame in = from_behind(50, 1);
	struct worker_stats before;
	struct worker_stats after;
	uint64_t told;

	(void)state;
	bench_ports(2);
	learns(2, 8);
	pass(2, &in);
	pass(2, &in);
	told = told_ns();
	path_worker_stats(bench.path, 0, &before);
	pass_for_ms(2, &in, 25000);
	assert_int_equal(told_ns(), told);
	for (int i = 0; i < 3; i++) {
		pass_for_ms(2, &in, 35000);
		assert_true(told_ns() > told);
		told = told_ns();
	}
	path_worker_stats(bench.path, 0, &after);
	assert_int_equal(after.misses, before.misses);
	assert_int_equal(after.rejudged, before.rejudged);
}

/* A change that does not concern the flow moves the world: the time at which it tells again stays. */
static void an_address_is_told_again_whatever_else_changes(void **state)
{
	struct memory_frame in = from_behind(50, 1);
	uint64_t told;

	(void)state;
	bench_ports(3);
	learns(2, 8);
	pass(2, &in);
	pass(2, &in);
	told = told_ns();
	for (int i = 0; i < 9; i++) {
		bench_later_ms(4000);
		bench_publish(3);
		pass(2, &in);
	}
	pass(2, &in);
	assert_true(told_ns() > told);
}

/* A flow of its own for each number: the type of what a frame carries is exact in every entry. */
static void pass_flow(uint32_t id, uint32_t from, uint32_t to, uint8_t number)
{
	struct memory_frame f = udp(from, to, 53, 20);

	f.bytes[12] = 0x90;
	f.bytes[13] = number;
	pass(id, &f);
}

/* New flows of a sender whose address is known wake nobody to say so, but a few times a second. */
static void many_flows_of_a_sender_tell_of_it_now_and_then(void **state)
{
	uint64_t told;

	(void)state;
	bench_ports(2);
	learns(2, 8);
	pass_flow(2, 50, 1, 0);
	pass_flow(2, 50, 1, 1);
	told = told_ns();
	assert_true(told > 0);
	for (uint8_t number = 2; number < 50; number++)
		pass_flow(2, 50, 1, number);
	assert_int_equal(told_ns(), told);
	bench_later_ms(300);
	pass_flow(2, 50, 1, 50);
	assert_true(told_ns() > told);
	/* what was forgotten meanwhile is told at once */
	l2_forget_port(&bench.sw->l2, bench.ports[2].port, NULL, NULL);
	assert_int_equal(told_ns(), 0);
	pass_flow(2, 50, 1, 51);
	assert_true(told_ns() > 0);
}

static void an_address_moves_with_its_sender(void **state)
{
	struct memory_frame in = from_behind(50, 1);
	struct memory_frame back = udp(1, 50, 53, 20);

	(void)state;
	bench_ports(3);
	learns(2, 8);
	learns(3, 8);
	pass(2, &in);
	pass(1, &back);
	pass(3, &in);
	(void)got(2);
	pass(1, &back);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
}

/* Ten moves a second, then it stays. */
static void an_address_that_moves_all_the_time_is_held(void **state)
{
	struct path_port *port;
	bool moved = true;
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	unsigned moves = 0;

	(void)state;
	bench_ports(2);
	assert_int_equal(l2_learn(&bench.sw->l2, 0, mac, bench.ports[1].port, 8, 5), L2_LEARNED);
	while (moved && moves < 100) {
		port = bench.ports[moves % 2 ? 1 : 2].port;
		moved = l2_learn(&bench.sw->l2, 0, mac, port, 8, 6 + moves) == L2_LEARNED;
		moves += moved;
	}
	assert_int_equal(moves, 10);
	port = l2_lookup(&bench.sw->l2, 0, mac) == bench.ports[1].port ? bench.ports[2].port
								       : bench.ports[1].port;
	assert_int_equal(l2_learn(&bench.sw->l2, 0, mac, port, 8, 2 * NS_PER_S), L2_LEARNED);
}

/* Segment 7 is inside of 5: IEEE 802.1Q calls it shared learning. */
static void segments_that_share_have_their_addresses_in_common(void **state)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, 77 };
	uint16_t *shares = calloc(L2_SEGMENTS, sizeof(*shares));
	struct l2 *l2;

	(void)state;
	bench_ports(2);
	l2 = &bench.sw->l2;
	assert_int_equal(l2_learn(l2, 7, mac, bench.ports[1].port, 8, 1), L2_LEARNED);
	for (uint32_t i = 0; i < L2_SEGMENTS; i++)
		shares[i] = (uint16_t)(i == 7 ? 5 : i);
	assert_true(l2_share(l2, shares));
	assert_null(l2_lookup(l2, 7, mac)); /* where it was filed counts no more */
	assert_int_equal(l2_learn(l2, 7, mac, bench.ports[1].port, 8, 2), L2_LEARNED);
	assert_ptr_equal(l2_lookup(l2, 5, mac), bench.ports[1].port);
	assert_ptr_equal(l2_lookup(l2, 7, mac), bench.ports[1].port);
	assert_null(l2_lookup(l2, 6, mac));
	assert_true(l2_share(l2, NULL));
	assert_false(l2_share(l2, NULL));
	assert_null(l2_lookup(l2, 5, mac));
}

static void a_port_learns_no_more_than_its_limit(void **state)
{
	(void)state;
	bench_ports(2);
	learns(2, 3);
	for (uint32_t host = 50; host < 60; host++) {
		struct memory_frame f = from_behind(host, 1);

		pass(2, &f);
	}
	assert_int_equal(got(1), 10);
	for (uint32_t host = 50; host < 60; host++) {
		const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, (uint8_t)host };

		assert_ptr_equal(l2_lookup(&bench.sw->l2, 0, mac),
				 host < 53 ? bench.ports[2].port : NULL);
	}
}

static void a_static_address_is_never_learned_elsewhere(void **state)
{
	struct memory_frame spoof = udp(1, 3, 53, 20);
	struct memory_frame to_one = udp(3, 1, 53, 20);

	(void)state;
	bench_ports(3);
	learns(2, 8);
	pass(2, &spoof);
	pass(3, &to_one);
	assert_int_equal(got(1), 1);
	assert_int_equal(got(2), 0);
}

static void addresses_of_a_port_go_with_it(void **state)
{
	struct memory_frame in = from_behind(50, 1);
	struct memory_frame back = udp(1, 50, 53, 20);

	(void)state;
	bench_ports(2);
	learns(2, 8);
	pass(2, &in);
	pass(1, &back);
	assert_int_equal(got(2), 1);
	bench_remove(2);
	pass(1, &back);
	assert_int_equal(drops_in(1, REASON_UNKNOWN_UNICAST), 1);
	(void)bench_port(2);
	pass(1, &back);
	assert_int_equal(got(2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_learning_port_gets_what_its_senders_are_sent),
		BENCH_TEST(an_address_is_told_again_without_judging),
		BENCH_TEST(an_address_is_told_again_whatever_else_changes),
		BENCH_TEST(many_flows_of_a_sender_tell_of_it_now_and_then),
		BENCH_TEST(an_address_moves_with_its_sender),
		BENCH_TEST(an_address_that_moves_all_the_time_is_held),
		BENCH_TEST(segments_that_share_have_their_addresses_in_common),
		BENCH_TEST(a_port_learns_no_more_than_its_limit),
		BENCH_TEST(a_static_address_is_never_learned_elsewhere),
		BENCH_TEST(addresses_of_a_port_go_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
