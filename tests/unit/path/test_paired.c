/* SPDX-License-Identifier: Apache-2.0 */
/* TCP between two guarded ports: both trackers are asked at once. */
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

static void setup(void)
{
	struct xvs_error err = ERROR_INIT;

	action = XVS_CONN_ALLOW;
	bench_ports(3);
	wall = probe_new(XVS_FIREWALL, 0, AUTHORISES);
	wall->on_authorise = authorise;
	for (uint32_t port = GUARDED; port <= OTHER; port++) {
		if (conn_port_open(path_conns(bench.path), port, 0, 0, &err))
			fail_msg("%s", err.text);
		bench_chain(port, wall);
	}
}

static void unguard(void)
{
	conn_port_close(path_conns(bench.path), GUARDED);
	conn_port_close(path_conns(bench.path), OTHER);
}

static struct memory_frame said(uint32_t by, uint32_t seq, uint32_t ack, uint8_t flags,
				uint16_t data)
{
	bool is_client = by == OTHER;

	return tcp(by, is_client ? 4000 : 80, is_client ? GUARDED : OTHER, is_client ? 80 : 4000,
		   (struct frame_tcp){
			   .flags = flags, .seq = seq, .ack = ack, .window = 1000, .data = data });
}

static void say(uint32_t by, uint32_t seq, uint32_t ack, uint8_t flags, uint16_t data)
{
	struct memory_frame f = said(by, seq, ack, flags, data);

	pass(by, &f);
}

/* Until both directions have entries of their own. */
static void converse(void)
{
	say(OTHER, 100, 0, F_SYN, 0);
	say(GUARDED, 500, 101, F_SYN | F_ACK, 0);
	for (unsigned i = 0; i < UNTIL_OWN; i++) {
		say(OTHER, 101, 501, F_ACK, 0);
		say(GUARDED, 501, 101, F_ACK, 0);
	}
}

static void note_paired(void *arg, struct flow_entry *e)
{
	*(unsigned *)arg += e->leg.is_paired;
}

static unsigned pairs(void)
{
	unsigned count = 0;

	flow_each(bench.w->cache, note_paired, &count);
	return count;
}

static bool take_info(void *arg, const struct conn_info *info)
{
	*(struct conn_info *)arg = *info;
	return false;
}

static struct conn_info shown(uint32_t port)
{
	struct conn_info info = { .idle_left_ms = 0 };

	conn_list(path_conns(bench.path), &(struct conn_filter){ .port = port }, take_info, &info);
	return info;
}

static void both_count_each_packet(void **state)
{
	(void)state;
	setup();
	converse();
	assert_int_equal(pairs(), 2);
	for (unsigned i = 0; i < 100; i++) {
		say(OTHER, 101 + i * 10, 501, F_ACK, 10);
		say(GUARDED, 501, 111 + i * 10, F_ACK, 0);
	}
	for (uint32_t port = GUARDED; port <= OTHER; port++) {
		struct xvs_conn seen = shown(port).view;

		assert_int_equal(seen.packets[0], 1 + UNTIL_OWN + 100);
		assert_int_equal(seen.packets[1], 1 + UNTIL_OWN + 100);
	}
	assert_int_equal(wall->authorised, 2);
	/* in the window of both, and no further */
	(void)got(GUARDED);
	say(OTHER, 1101, 501, F_ACK, 10);
	say(OTHER, 1101 + 5000, 501, F_ACK, 10);
	assert_int_equal(got(GUARDED), 1);
	assert_int_equal(pairs(), 2);
	unguard();
}

/* Bursts in which what ends a conversation stands among what goes on. */
static void an_end_within_a_burst_is_seen(void **state)
{
	struct memory_frame plain, fin;

	(void)state;
	setup();
	converse();
	plain = said(OTHER, 101, 501, F_ACK, 0);
	fin = said(OTHER, 101, 501, F_ACK | F_FIN, 0);
	for (unsigned i = 0; i < 10; i++)
		send_frame(OTHER, i == 5 ? &fin : &plain);
	bench_turns(2);
	for (uint32_t port = GUARDED; port <= OTHER; port++) {
		assert_string_equal(shown(port).state_name, "closing");
		assert_int_equal(shown(port).view.packets[0], 1 + UNTIL_OWN + 10);
	}
	say(GUARDED, 501, 102, F_ACK | F_FIN, 0);
	say(OTHER, 102, 502, F_ACK, 0);
	assert_string_equal(shown(GUARDED).state_name, "time-wait");
	assert_string_equal(shown(OTHER).state_name, "time-wait");
	unguard();
}

static void a_flush_at_the_exit_is_seen(void **state)
{
	(void)state;
	setup();
	converse();
	(void)got(GUARDED);
	action = XVS_CONN_DENY;
	assert_int_equal(
		conn_flush(path_conns(bench.path), &(struct conn_filter){ .port = GUARDED }), 1);
	say(OTHER, 101, 501, F_ACK, 0);
	assert_int_equal(got(GUARDED), 0);
	unguard();
}

static void a_change_of_policy_at_the_exit_is_seen(void **state)
{
	(void)state;
	setup();
	converse();
	(void)got(GUARDED);
	conn_port_reauthorise(path_conns(bench.path), GUARDED);
	for (unsigned i = 0; i < UNTIL_OWN; i++)
		say(OTHER, 101, 501, F_ACK, 0);
	assert_int_equal(got(GUARDED), UNTIL_OWN);
	assert_int_equal(wall->authorised, 3);
	assert_int_equal(pairs(), 2);
	action = XVS_CONN_DENY;
	conn_port_reauthorise(path_conns(bench.path), GUARDED);
	say(OTHER, 101, 501, F_ACK, 0);
	assert_int_equal(got(GUARDED), 0);
	unguard();
}

/* What the exit does not send was counted by its connection ahead, and is not. */
static void a_closed_exit_counts_nothing(void **state)
{
	(void)state;
	setup();
	converse();
	/* as if it were closed behind the look-up: no entry is judged anew */
	rcu_read(&bench.ports[GUARDED].port->conf)->is_open = false;
	for (unsigned i = 0; i < 10; i++)
		say(OTHER, 101, 501, F_ACK, 0);
	assert_int_equal(shown(OTHER).view.packets[0], 1 + UNTIL_OWN + 10);
	assert_int_equal(shown(GUARDED).view.packets[0], 1 + UNTIL_OWN);
	unguard();
}

static bool is_dropping;

static void drop_some(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	if (is_dropping)
		b->live = 0;
}

/* Who may stop a packet between the two keeps them apart. */
static void with_somebody_between_each_is_asked_by_itself(void **state)
{
	struct probe *filter;

	(void)state;
	setup();
	filter = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	filter->on_packets = drop_some;
	bench_chain(GUARDED, filter);
	is_dropping = false;
	converse();
	is_dropping = true;
	for (unsigned i = 0; i < 10; i++)
		say(OTHER, 101, 501, F_ACK, 0);
	assert_int_equal(shown(OTHER).view.packets[0] - shown(GUARDED).view.packets[0], 10);
	unguard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(both_count_each_packet),
		BENCH_TEST(an_end_within_a_burst_is_seen),
		BENCH_TEST(a_flush_at_the_exit_is_seen),
		BENCH_TEST(a_change_of_policy_at_the_exit_is_seen),
		BENCH_TEST(a_closed_exit_counts_nothing),
		BENCH_TEST(with_somebody_between_each_is_asked_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
