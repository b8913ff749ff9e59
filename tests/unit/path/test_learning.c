/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of learning: what becomes of packets from more addresses, and who is told. */
#include "bench.h"

enum { FIRST = 50, LIMIT = 3 };

static void learns(uint32_t id, bool is_strict)
{
	bench.ports[id].conf.learns = true;
	bench.ports[id].conf.learn_limit = LIMIT;
	bench.ports[id].conf.learns_strictly = is_strict;
	bench_publish(id);
}

/* Everything before the control thread hears of any address. */
static void send_from(uint32_t hosts)
{
	for (uint32_t host = FIRST; host < FIRST + hosts; host++) {
		struct memory_frame f = udp(host, 1, 53, 20);

		send_frame(2, &f);
	}
	bench_turns(2);
}

static bool is_learned(uint32_t host)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, (uint8_t)host };

	return l2_lookup(&bench.sw->l2, 0, mac) == bench.ports[2].port;
}

static uint64_t refused(void)
{
	return drops_in(2, REASON_MAC_LIMIT);
}

static void a_strict_port_lets_no_more_addresses_through(void **state)
{
	(void)state;
	bench_ports(2);
	learns(2, true);
	send_from(10);
	assert_int_equal(got(1), LIMIT);
	assert_int_equal(refused(), 10 - LIMIT);
	send_from(10);
	assert_int_equal(got(1), LIMIT);
	assert_int_equal(refused(), 2 * (10 - LIMIT));
	for (uint32_t host = FIRST; host < FIRST + 10; host++)
		assert_int_equal(is_learned(host), host < FIRST + LIMIT);
	assert_int_equal(l2_learned(&bench.sw->l2, 2).count, LIMIT);
}

/* Before and after it is learned, of one batch and of many. */
static void a_strict_port_loses_nothing_of_those_it_knows(void **state)
{
	(void)state;
	bench_ports(2);
	learns(2, true);
	for (uint32_t n = 0; n < 20; n++) {
		for (uint32_t host = FIRST; host < FIRST + LIMIT; host++) {
			struct memory_frame f = udp(host, 1, (uint16_t)n, 20);

			send_frame(2, &f);
		}
		if (n % 3 == 0)
			bench_turn();
	}
	bench_turns(4);
	assert_int_equal(got(1), 20 * LIMIT);
	assert_int_equal(refused(), 0);
}

static uint64_t no_age(struct path_port *port)
{
	(void)port;
	return 0;
}

static void a_place_that_is_free_again_is_taken(void **state)
{
	struct memory_frame late = udp(FIRST + 9, 1, 53, 20);

	(void)state;
	bench_ports(2);
	learns(2, true);
	send_from(LIMIT);
	assert_int_equal(got(1), LIMIT);
	pass(2, &late);
	assert_int_equal(got(1), 0);
	l2_age(&bench.sw->l2, UINT64_MAX, no_age, NULL, NULL);
	bench_later_ms(1001); /* the verdict is good for a second */
	pass(2, &late);
	assert_int_equal(got(1), 1);
	bench_turns(2);
	assert_true(is_learned(FIRST + 9));
}

/* Two queues, two workers, or two flows at once: the address has one place. */
static void an_address_takes_one_place_however_often_it_is_told(void **state)
{
	(void)state;
	bench_ports(2);
	learns(2, true);
	for (uint16_t port = 0; port < 40; port++) {
		struct memory_frame f = udp(FIRST, 1, port, 20);

		send_frame(2, &f);
	}
	bench_turns(3);
	send_from(LIMIT);
	assert_int_equal(got(1), 40 + LIMIT);
	assert_int_equal(refused(), 0);
	assert_int_equal(atomic_load(&bench.ports[2].port->sources), LIMIT);
}

static void own_addresses_of_others_do_not_count(void **state)
{
	struct memory_frame spoof = udp(3, 1, 53, 20);

	(void)state;
	bench_ports(3);
	learns(2, true);
	send_from(LIMIT);
	pass(2, &spoof); /* that is for the guard to say */
	assert_int_equal(got(1), LIMIT + 1);
	assert_int_equal(refused(), 0);
}

static void a_lenient_port_forwards_what_it_does_not_learn(void **state)
{
	(void)state;
	bench_ports(2);
	learns(2, false);
	send_from(10);
	assert_int_equal(got(1), 10);
	assert_int_equal(refused(), 0);
	assert_int_equal(l2_learned(&bench.sw->l2, 2).count, LIMIT);
	assert_int_equal(l2_learned(&bench.sw->l2, 2).refused, 10 - LIMIT);
}

static uint32_t told_port, told_count;

static void note_limit(void *arg, uint32_t port)
{
	assert_ptr_equal(arg, &told_port);
	told_port = port;
	told_count++;
}

static void who_wants_to_close_the_port_is_told(void **state)
{
	(void)state;
	told_count = 0;
	bench_ports(2);
	learns(2, false);
	path_on_limit(bench.path, note_limit, &told_port);
	send_from(10);
	assert_int_equal(told_count, 0);
	bench.ports[2].conf.closes_at_limit = true;
	bench_publish(2);
	send_from(LIMIT);
	assert_int_equal(told_count, 0);
	send_from(10);
	assert_int_equal(told_port, 2);
	assert_true(told_count > 0);
	path_on_limit(bench.path, NULL, NULL);
}

static void a_port_that_spares_unknown_unicast_gets_none(void **state)
{
	struct memory_frame unknown = udp(1, 99, 53, 20);
	struct memory_frame all = unknown;

	(void)state;
	memset(all.bytes, 0xff, 6);
	bench_ports(3);
	learns(2, false);
	bench.ports[3].conf.role = ROLE_UPLINK;
	bench_publish(3);
	pass(1, &unknown);
	assert_int_equal(got(2) + got(3), 2);
	for (uint32_t id = 2; id <= 3; id++) {
		bench.ports[id].conf.spares_unknown = true;
		bench_publish(id);
	}
	pass(1, &unknown);
	assert_int_equal(got(2) + got(3), 0);
	assert_int_equal(drops_in(1, REASON_UNKNOWN_UNICAST), 1);
	pass(1, &all);
	assert_int_equal(got(2) + got(3), 2);
}

static void note_held(void *arg, const struct l2_info *info)
{
	if (!info->is_static)
		*(bool *)arg = info->is_held;
}

static void moves_are_counted_and_held_ones_shown(void **state)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct l2 *l2;
	uint64_t moved, held;
	bool is_held = true;

	(void)state;
	bench_ports(2);
	l2 = &bench.sw->l2;
	for (uint32_t n = 0; n < 11; n++)
		(void)l2_learn(l2, 0, mac, bench.ports[1 + n % 2].port, 8, 5 + n);
	l2_moves(l2, &moved, &held);
	assert_int_equal(moved, 10);
	assert_int_equal(held, 0);
	l2_list(l2, note_held, &is_held);
	assert_false(is_held);
	(void)l2_learn(l2, 0, mac, bench.ports[2].port, 8, 20);
	l2_moves(l2, &moved, &held);
	assert_int_equal(moved, 10);
	assert_int_equal(held, 1);
	l2_list(l2, note_held, &is_held);
	assert_true(is_held);
}

/* The same flow, once from here and once from there: each time its sender is where it was last seen. */
static void who_goes_back_is_found_there_at_once(void **state)
{
	struct memory_frame f = udp(FIRST, 1, 53, 20);
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, FIRST };

	(void)state;
	bench_ports(3);
	learns(2, false);
	learns(3, false);
	for (uint32_t n = 0; n < 6; n++) {
		uint32_t id = 2 + n % 2;

		pass(id, &f);
		bench_turns(2);
		assert_ptr_equal(l2_lookup(&bench.sw->l2, 0, mac), bench.ports[id].port);
	}
	assert_int_equal(got(1), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_strict_port_lets_no_more_addresses_through),
		BENCH_TEST(a_strict_port_loses_nothing_of_those_it_knows),
		BENCH_TEST(a_place_that_is_free_again_is_taken),
		BENCH_TEST(an_address_takes_one_place_however_often_it_is_told),
		BENCH_TEST(own_addresses_of_others_do_not_count),
		BENCH_TEST(a_lenient_port_forwards_what_it_does_not_learn),
		BENCH_TEST(who_wants_to_close_the_port_is_told),
		BENCH_TEST(a_port_that_spares_unknown_unicast_gets_none),
		BENCH_TEST(who_goes_back_is_found_there_at_once),
		BENCH_TEST(moves_are_counted_and_held_ones_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
