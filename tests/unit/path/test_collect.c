/* SPDX-License-Identifier: Apache-2.0 */
/* What flows have counted is credited to the extensions in one port's chains. */
#include "bench.h"

static void count_all(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		      struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	memset(&v->examined, 0xff, sizeof(v->examined));
	v->cookie = 1;
}

static struct probe *counter_new(uint32_t port)
{
	struct probe *p = probe_new(XVS_FILTER, 0, JUDGES);

	p->on_judge = count_all;
	bench_chain(port, p);
	return p;
}

/* Ports 1 to 3; each of the first two has a probe that counts by flow. */
static void three_ports(struct probe *out[3])
{
	bench_ports(3);
	out[1] = counter_new(1);
	out[2] = counter_new(2);
}

static void say_to(uint8_t from, uint8_t to, uint16_t port)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_udp(f.bytes, at(from, port), at(to, 53), 20);
	send_frame(from, &f);
	bench_turn();
}

static void note(void *arg)
{
	++*(unsigned *)arg;
}

static void credit(struct port_credit *c)
{
	unsigned told = 0;

	path_credit(c, note, &told);
	bench_turns(3);
	assert_int_equal(told, 1);
}

static void both_passes_of_a_port_are_credited_and_no_other_port_s(void **state)
{
	struct port_credit *c;
	struct probe *p[3];

	(void)state;
	three_ports(p);
	c = path_credit_open(bench.ports[1].port);
	say_to(1, 3, 1000);
	say_to(3, 1, 1001);
	say_to(3, 2, 1002);
	assert_int_equal(p[1]->packets, 0);
	credit(c);
	assert_int_equal(p[1]->packets, 2);
	assert_int_equal(p[1]->ended, 0);
	assert_int_equal(p[2]->accounts, 0);
	path_credit_close(c);
}

static void of_a_flow_between_two_of_them_each_port_s_part_is_its_own(void **state)
{
	struct port_credit *c;
	struct probe *p[3];

	(void)state;
	three_ports(p);
	c = path_credit_open(bench.ports[2].port);
	say_to(1, 2, 1000);
	credit(c);
	assert_int_equal(p[2]->packets, 1);
	assert_int_equal(p[1]->accounts, 0);
	path_credit_close(c);
}

static void a_later_pass_tells_what_is_new_and_nothing_twice(void **state)
{
	struct port_credit *c;
	struct probe *p[3];

	(void)state;
	three_ports(p);
	c = path_credit_open(bench.ports[1].port);
	for (uint16_t i = 0; i < 10; i++)
		say_to(1, 3, (uint16_t)(1000 + i));
	credit(c);
	assert_int_equal(p[1]->accounts, 10);
	credit(c);
	assert_int_equal(p[1]->accounts, 10);
	say_to(1, 3, 1007);
	say_to(1, 3, 2000);
	credit(c);
	assert_int_equal(p[1]->accounts, 12);
	assert_int_equal(p[1]->packets, 12);
	path_credit_close(c);
}

/* What came after a pass had begun may be missing in it, so who asks then gets another. */
static void who_asks_during_a_pass_gets_what_came_meanwhile(void **state)
{
	struct port_credit *c;
	struct probe *p[3];
	unsigned told = 0;

	(void)state;
	three_ports(p);
	c = path_credit_open(bench.ports[1].port);
	path_credit(c, NULL, NULL);
	path_credit(c, note, &told);
	say_to(1, 3, 1000); /* behind the first pass */
	bench_turns(4);
	assert_int_equal(told, 1);
	assert_int_equal(p[1]->packets, 1);
	path_credit_close(c);
}

static void who_has_closed_it_is_not_told(void **state)
{
	struct port_credit *c;
	struct probe *p[3];
	unsigned told = 0;

	(void)state;
	three_ports(p);
	c = path_credit_open(bench.ports[1].port);
	path_credit(c, note, &told);
	path_credit_close(c);
	bench_turns(3);
	assert_int_equal(told, 0);
	path_credit_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(both_passes_of_a_port_are_credited_and_no_other_port_s),
		BENCH_TEST(of_a_flow_between_two_of_them_each_port_s_part_is_its_own),
		BENCH_TEST(a_later_pass_tells_what_is_new_and_nothing_twice),
		BENCH_TEST(who_asks_during_a_pass_gets_what_came_meanwhile),
		BENCH_TEST(who_has_closed_it_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
