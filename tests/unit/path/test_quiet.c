/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that are not looked at while nothing about them can change. */
#include "bench.h"

enum { GUARDED = 1, OTHER = 2, UNTIL_OWN = 8 };

static uint16_t action;
static struct probe *wall;

static void authorise(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)p;
	(void)c;
	v->action = action;
	v->reason = 2;
}

static void guard(uint32_t port, uint32_t idle_ms)
{
	struct conn_port_limits limits = { .connections = 100 };
	struct xvs_error err = ERROR_INIT;

	for (unsigned i = 0; i < CONN_TIMES; i++)
		limits.times.ms[i] = idle_ms;
	if (conn_port_guard(path_conns(bench.path), port, &limits, &err))
		fail_msg("%s", err.text);
	bench_chain(port, wall);
}

static void setup(uint32_t idle_ms)
{
	action = XVS_CONN_ALLOW;
	bench_ports(3);
	wall = probe_new(XVS_FIREWALL, 0, AUTHORISES);
	wall->on_authorise = authorise;
	guard(GUARDED, idle_ms);
}

static void unguard(void)
{
	conn_port_close(path_conns(bench.path), GUARDED);
	conn_port_close(path_conns(bench.path), OTHER);
}

static struct memory_frame question(uint32_t data)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_udp(f.bytes, at(OTHER, 1000), at(GUARDED, 53), data);
	return f;
}

static struct memory_frame answer(uint32_t data)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_udp(f.bytes, at(GUARDED, 53), at(OTHER, 1000), data);
	return f;
}

static void note_quiet(void *arg, struct flow_entry *e)
{
	unsigned *count = arg;

	*count += e->leg.conn_kind == FLOW_CONN_QUIET;
	*count += e->out.conn_kind == FLOW_CONN_QUIET;
}

/* Legs that ask nothing of their connections. */
static unsigned quiet_legs(void)
{
	unsigned count = 0;

	flow_each(bench.w->cache, note_quiet, &count);
	return count;
}

static bool take_info(void *arg, const struct conn_info *info)
{
	*(struct conn_info *)arg = *info;
	return false;
}

/* As an operator is told of the only one of a port. */
static struct conn_info shown(uint32_t port)
{
	struct conn_info info = { .idle_left_ms = 0 };

	conn_list(path_conns(bench.path), &(struct conn_filter){ .port = port }, take_info, &info);
	return info;
}

static uint32_t count_of(uint32_t port)
{
	return conn_count(path_conns(bench.path), &(struct conn_filter){ .port = port });
}

/* A conversation whose entries are its own. */
static void converse(unsigned rounds)
{
	struct memory_frame out = question(20);
	struct memory_frame back = answer(100);

	for (unsigned i = 0; i < rounds; i++) {
		pass(OTHER, &out);
		pass(GUARDED, &back);
	}
}

static void it_is_asked_about_no_more_and_counted_all_the_same(void **state)
{
	struct memory_frame f = question(20);
	struct xvs_conn seen;
	uint64_t passed = 0;

	(void)state;
	setup(0);
	converse(UNTIL_OWN);
	assert_int_equal(quiet_legs(), 2);
	for (unsigned i = 0; i < 100; i++) {
		/* some alone, some in trains */
		for (unsigned n = 0; n < i % 3; n++)
			send_frame(OTHER, &f);
		converse(1);
		passed += got(GUARDED) + got(OTHER);
		seen = shown(GUARDED).view;
		assert_int_equal(seen.packets[0] + seen.packets[1], passed);
	}
	assert_int_equal(seen.bytes[0], seen.packets[0] * question(20).len);
	assert_int_equal(seen.bytes[1], seen.packets[1] * answer(100).len);
	assert_int_equal(wall->authorised, 1);
	unguard();
}

/* Both ports of a packet have their trackers. */
static void both_trackers_are_spared(void **state)
{
	(void)state;
	setup(0);
	guard(OTHER, 0);
	converse(UNTIL_OWN);
	assert_int_equal(quiet_legs(), 4);
	converse(50);
	assert_int_equal(shown(GUARDED).view.packets[0], UNTIL_OWN + 50);
	assert_int_equal(shown(OTHER).view.packets[0], UNTIL_OWN + 50);
	assert_int_equal(shown(OTHER).view.packets[1], UNTIL_OWN + 50);
	unguard();
}

/* Nobody has answered yet: it stays half-open, and need not be looked at either. */
static void who_is_not_answered_is_spared_too(void **state)
{
	struct memory_frame f = question(20);

	(void)state;
	setup(0);
	for (unsigned i = 0; i < 50; i++)
		pass(OTHER, &f);
	assert_int_equal(quiet_legs(), 1);
	assert_true(shown(GUARDED).is_half_open);
	assert_int_equal(shown(GUARDED).view.packets[0], 50);
	f = answer(100);
	pass(GUARDED, &f);
	assert_false(shown(GUARDED).is_half_open);
	unguard();
}

static void counts_stay_when_its_entries_leave(void **state)
{
	enum { ENTRY_IDLE_MS = 10000 };

	(void)state;
	setup(0);
	converse(40);
	bench_later_ms(ENTRY_IDLE_MS + 1);
	for (unsigned i = 0; i < 50 && quiet_legs(); i++)
		bench_later_ms(1000);
	assert_int_equal(quiet_legs(), 0);
	assert_int_equal(shown(GUARDED).view.packets[0], 40);
	assert_int_equal(shown(GUARDED).view.packets[1], 40);
	converse(40);
	assert_int_equal(shown(GUARDED).view.packets[0], 80);
	assert_int_equal(wall->authorised, 1);
	unguard();
}

static void it_lives_while_packets_come_and_ends_when_none_do(void **state)
{
	enum { IDLE_MS = 2000 };

	(void)state;
	setup(IDLE_MS);
	converse(UNTIL_OWN);
	for (unsigned i = 0; i < 20; i++) {
		bench_later_ms(IDLE_MS - 100);
		converse(1);
	}
	assert_int_equal(wall->authorised, 1);
	assert_int_equal(quiet_legs(), 2);
	for (unsigned i = 0; i < 20; i++)
		bench_later_ms(IDLE_MS / 4);
	assert_int_equal(count_of(GUARDED), 0);
	/* its entries are still there, and lead nowhere */
	converse(1);
	assert_int_equal(wall->authorised, 2);
	assert_int_equal(shown(GUARDED).view.packets[0], 1);
	assert_int_equal(shown(GUARDED).view.packets[1], 1);
	unguard();
}

static void a_flush_is_seen_by_the_next_packet(void **state)
{
	(void)state;
	setup(0);
	converse(UNTIL_OWN);
	assert_int_equal(conn_flush(path_conns(bench.path), NULL), 1);
	assert_int_equal(count_of(GUARDED), 0);
	action = XVS_CONN_DENY;
	(void)got(GUARDED);
	(void)got(OTHER);
	converse(3);
	assert_int_equal(got(GUARDED) + got(OTHER), 0);
	unguard();
}

static void a_change_of_policy_is_seen_by_the_next_packet(void **state)
{
	(void)state;
	setup(0);
	converse(UNTIL_OWN);
	conn_port_reauthorise(path_conns(bench.path), GUARDED);
	converse(UNTIL_OWN);
	assert_int_equal(wall->authorised, 2);
	assert_int_equal(quiet_legs(), 2);
	assert_int_equal(shown(GUARDED).view.packets[0], 2 * UNTIL_OWN);
	action = XVS_CONN_DENY;
	conn_port_reauthorise(path_conns(bench.path), GUARDED);
	(void)got(GUARDED);
	(void)got(OTHER);
	converse(3);
	assert_int_equal(got(GUARDED) + got(OTHER), 0);
	unguard();
}

/* One that has ended does not make others ask: neighbours pay nothing for who comes and goes. */
static void an_end_puts_no_others_in_doubt(void **state)
{
	struct memory_frame other = { .len = 0 };
	uint64_t changes;

	(void)state;
	setup(0);
	converse(UNTIL_OWN);
	other.len = frame_udp(other.bytes, at(OTHER, 2000), at(GUARDED, 53), 20);
	for (unsigned i = 0; i < UNTIL_OWN; i++)
		pass(OTHER, &other);
	assert_int_equal(quiet_legs(), 3);
	changes = epoch_changes();
	assert_int_equal(conn_flush(path_conns(bench.path),
				    &(struct conn_filter){ .l4_port = __builtin_bswap16(2000) }),
			 1);
	bench_later_ms(1);
	converse(1);
	assert_int_equal(epoch_changes(), changes);
	assert_int_equal(wall->authorised, 2);
	pass(OTHER, &other);
	assert_int_equal(wall->authorised, 3);
	unguard();
}

static bool is_dropping;

static void drop_some(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	if (is_dropping)
		b->live = 0;
}

/* What is lost on the way is counted where it has been, and not behind. */
static void what_does_not_get_there_is_not_counted(void **state)
{
	struct probe *filter;

	(void)state;
	setup(0);
	filter = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	filter->on_packets = drop_some;
	bench_chain(OTHER, filter);
	is_dropping = false;
	converse(UNTIL_OWN);
	assert_int_equal(quiet_legs(), 2);
	is_dropping = true;
	converse(10);
	/* answers have passed their port before they were lost, questions never came there */
	assert_int_equal(shown(GUARDED).view.packets[0], UNTIL_OWN);
	assert_int_equal(shown(GUARDED).view.packets[1], UNTIL_OWN + 10);
	is_dropping = false;
	converse(1);
	assert_int_equal(shown(GUARDED).view.packets[0], UNTIL_OWN + 1);
	unguard();
}

/* Its packets follow an entry that is left meanwhile, of which one connection lives on. */
static void a_burst_that_finds_an_end_is_counted_once(void **state)
{
	enum { BURST = 64 };
	struct memory_frame f = question(20);

	(void)state;
	setup(0);
	guard(OTHER, 0);
	converse(UNTIL_OWN);
	assert_int_equal(quiet_legs(), 4);
	assert_int_equal(conn_flush(path_conns(bench.path), &(struct conn_filter){ .port = OTHER }),
			 1);
	for (unsigned i = 0; i < BURST; i++)
		send_frame(OTHER, &f);
	bench_turns(2);
	assert_int_equal(shown(GUARDED).view.packets[0], UNTIL_OWN + BURST);
	assert_int_equal(shown(OTHER).view.packets[0], BURST);
	assert_int_equal(shown(GUARDED).view.bytes[0],
			 shown(GUARDED).view.packets[0] * (uint64_t)f.len);
	converse(1);
	assert_int_equal(shown(GUARDED).view.packets[0], UNTIL_OWN + BURST + 1);
	unguard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(it_is_asked_about_no_more_and_counted_all_the_same),
		BENCH_TEST(both_trackers_are_spared),
		BENCH_TEST(who_is_not_answered_is_spared_too),
		BENCH_TEST(counts_stay_when_its_entries_leave),
		BENCH_TEST(it_lives_while_packets_come_and_ends_when_none_do),
		BENCH_TEST(a_flush_is_seen_by_the_next_packet),
		BENCH_TEST(a_change_of_policy_is_seen_by_the_next_packet),
		BENCH_TEST(an_end_puts_no_others_in_doubt),
		BENCH_TEST(what_does_not_get_there_is_not_counted),
		BENCH_TEST(a_burst_that_finds_an_end_is_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
