/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that stand for many connections, and when a connection gets one of its own. */
#include "bench.h"

enum { GUARDED = 1, OTHER = 2, BEHIND = 50, A_FEW = 3, REASON_OF_WALL = 2 };

static uint16_t action;
static struct probe *wall;

static void authorise(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)p;
	(void)c;
	v->action = action;
	v->reason = REASON_OF_WALL;
}

static void setup(void)
{
	struct xvs_error err = ERROR_INIT;

	action = XVS_CONN_ALLOW;
	bench_ports(3);
	wall = probe_new(XVS_FIREWALL, 0, AUTHORISES);
	wall->on_authorise = authorise;
	if (conn_port_open(path_conns(bench.path), GUARDED, 0, 0, &err))
		fail_msg("%s", err.text);
	bench_chain(GUARDED, wall);
}

static void unguard(void)
{
	conn_port_close(path_conns(bench.path), GUARDED);
}

static struct worker_stats stats(void)
{
	struct worker_stats s;

	path_worker_stats(bench.path, 0, &s);
	return s;
}

static struct memory_frame datagram(uint16_t port)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_udp(f.bytes, at(OTHER, port), at(GUARDED, 53), 20);
	return f;
}

static struct memory_frame segment(uint16_t port, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return tcp(OTHER, port, GUARDED, 80,
		   (struct frame_tcp){ .flags = flags, .seq = seq, .ack = ack, .window = 1000 });
}

static void many_connections_share_an_entry_and_each_is_authorised(void **state)
{
	enum { MANY = 100 };

	(void)state;
	setup();
	for (uint32_t i = 0; i < MANY; i++) {
		struct memory_frame f = datagram((uint16_t)(1000 + i));

		send_frame(OTHER, &f);
		if (i % 16 == 15)
			bench_turn();
	}
	bench_turn();
	assert_int_equal(got(GUARDED), MANY);
	assert_int_equal(wall->authorised, MANY);
	assert_int_equal(conn_count(path_conns(bench.path), NULL), MANY);
	assert_int_equal(stats().entries, 1);
	unguard();
}

static void one_that_goes_on_gets_its_own(void **state)
{
	struct memory_frame f = datagram(1000);
	struct memory_frame other = datagram(1001);

	(void)state;
	setup();
	for (int i = 0; i < A_FEW; i++)
		pass(OTHER, &f);
	assert_int_equal(stats().entries, 1);
	pass(OTHER, &f);
	assert_int_equal(stats().entries, 2);
	for (int i = 0; i < 50; i++) {
		pass(OTHER, &f);
		pass(OTHER, &other);
		pass(OTHER, &f);
	}
	assert_int_equal(got(GUARDED), A_FEW + 1 + 150);
	assert_int_equal(wall->authorised, 2);
	/* one is common, and two are their own: none was judged again and again */
	assert_int_equal(stats().entries, 3);
	assert_int_equal(stats().rejudged, 0);
	unguard();
}

/* As many as may come before the next packet of each: none keeps another from getting its own. */
static void of_many_in_turn_each_gets_its_own(void **state)
{
	enum { MANY = 400, ROUNDS = 40, MOST = MANY * 9 / 10 };

	(void)state;
	setup();
	for (uint32_t i = 0; i < MANY * ROUNDS; i++) {
		struct memory_frame f = datagram((uint16_t)(1000 + i % MANY));

		send_frame(OTHER, &f);
		if (i % 16 == 15)
			bench_turn();
	}
	bench_turn();
	assert_int_equal(wall->authorised, MANY);
	assert_true(stats().entries > MOST);
	unguard();
}

/* Within one burst, and among others: what is own and what is common is in order. */
static void a_burst_of_both_kinds_is_in_order(void **state)
{
	enum { ROUNDS = 8 };

	(void)state;
	setup();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct memory_frame mine = datagram(1000);
		struct memory_frame new = datagram((uint16_t)(2000 + i));

		for (int n = 0; n < 5; n++) {
			send_frame(OTHER, &mine);
			send_frame(OTHER, &new);
		}
		bench_turn();
	}
	assert_int_equal(got(GUARDED), ROUNDS * 10);
	assert_int_equal(wall->authorised, 1 + ROUNDS);
	unguard();
}

static void tcp_that_opens_and_ends_leaves_no_entry(void **state)
{
	uint64_t entries;

	(void)state;
	setup();
	for (uint16_t port = 1000; port < 1020; port++) {
		struct memory_frame syn = segment(port, F_SYN, 100, 0);
		struct memory_frame syn_ack = tcp(
			GUARDED, 80, OTHER, port,
			(struct frame_tcp){
				.flags = F_SYN | F_ACK, .seq = 500, .ack = 101, .window = 1000 });
		struct memory_frame ack = segment(port, F_ACK, 101, 501);
		struct memory_frame rst = segment(port, F_RST, 101, 0);

		pass(OTHER, &syn);
		pass(GUARDED, &syn_ack);
		pass(OTHER, &ack);
		pass(OTHER, &rst);
	}
	entries = stats().entries;
	assert_int_equal(got(GUARDED), 60);
	assert_int_equal(got(OTHER), 20);
	assert_int_equal(entries, 2);
	assert_int_equal(wall->authorised, 20);
	assert_int_equal(conn_count(path_conns(bench.path), NULL), 0);
	unguard();
}

static void a_refusal_that_is_repeated_is_in_the_table(void **state)
{
	struct memory_frame f = datagram(1000);

	(void)state;
	setup();
	action = XVS_CONN_DENY;
	for (int i = 0; i < 10; i++)
		pass(OTHER, &f);
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(wall->authorised, 1);
	assert_int_equal(stats().entries, 2);
	assert_int_equal(drops_at(GUARDED, XVS_STAGE_EGRESS, 1, REASON_OF_WALL), 10);
	action = XVS_CONN_ALLOW;
	wall->conn_host->invalidate(wall->host);
	pass(OTHER, &f);
	pass(OTHER, &f);
	assert_int_equal(got(GUARDED), 2);
	assert_int_equal(wall->authorised, 2);
	unguard();
}

/* Who asks for ports is shown each flow; nothing is common then but the very first. */
static void examines_ports(struct probe *p, const struct xvs_batch *b,
			   const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	memset(v->examined.ip_src, UINT8_MAX, 16);
	memset(v->examined.ip_dst, UINT8_MAX, 16);
	v->examined.ip_proto = UINT8_MAX;
	v->examined.l4_src = UINT16_MAX;
	v->examined.l4_dst = UINT16_MAX;
}

static void where_ports_are_examined_nothing_is_common(void **state)
{
	struct probe *judge;

	(void)state;
	setup();
	judge = probe_new(XVS_FILTER, 0, JUDGES);
	judge->on_judge = examines_ports;
	bench_chain(GUARDED, judge);
	for (uint16_t i = 0; i < 10; i++) {
		struct memory_frame f = datagram((uint16_t)(1000 + i));

		pass(OTHER, &f);
		pass(OTHER, &f);
	}
	assert_int_equal(got(GUARDED), 20);
	assert_int_equal(judge->judged, 10);
	assert_int_equal(wall->authorised, 10);
	assert_int_equal(stats().entries, 10);
	unguard();
}

static void what_is_new_is_budgeted_though_its_entry_is_there(void **state)
{
	enum { BURST = 5 };

	(void)state;
	setup();
	bench.ports[OTHER].conf.new_flow_rate = 1;
	bench.ports[OTHER].conf.new_flow_burst = BURST;
	bench_publish(OTHER);
	for (uint16_t i = 0; i < 20; i++) {
		struct memory_frame f = datagram((uint16_t)(1000 + i));

		pass(OTHER, &f);
	}
	/* the entry that they share was new as well */
	assert_in_range(got(GUARDED), BURST - 1, BURST + 1);
	assert_in_range(wall->authorised, BURST - 1, BURST + 1);
	for (int i = 0; i < 10; i++) { /* it is known */
		struct memory_frame f = datagram(1000);

		pass(OTHER, &f);
	}
	assert_int_equal(got(GUARDED), 10);
	unguard();
}

static void budget(uint32_t port, uint64_t per_second, uint64_t burst)
{
	bench.ports[port].conf.new_flow_rate = per_second;
	bench.ports[port].conf.new_flow_burst = burst;
	bench_publish(port);
}

/* Its entry is its own and there, so no flow is new: but what it opens again and again is. */
static void a_connection_that_is_opened_again_is_budgeted(void **state)
{
	enum { BURST = 5, TIMES = 20 };
	struct memory_frame syn = segment(1000, F_SYN, 100, 0);
	struct memory_frame rst = segment(1000, F_RST, 101, 0);
	struct memory_frame syn_ack =
		tcp(GUARDED, 80, OTHER, 1000,
		    (struct frame_tcp){
			    .flags = F_SYN | F_ACK, .seq = 500, .ack = 101, .window = 1000 });

	(void)state;
	setup();
	budget(OTHER, 1, BURST);
	for (int i = 0; i < TIMES; i++) {
		struct memory_frame ack = segment(1000, F_ACK, 101, 501);

		pass(OTHER, &syn);
		pass(GUARDED, &syn_ack);
		for (int n = 0; n < A_FEW; n++)
			pass(OTHER, &ack);
		pass(OTHER, &rst);
	}
	assert_in_range(wall->authorised, BURST - 1, BURST + 1);
	unguard();
}

static void send_in_turn(uint32_t count, uint32_t rounds)
{
	for (uint32_t i = 0; i < count * rounds; i++) {
		struct memory_frame f = datagram((uint16_t)(1000 + i % count));

		pass(OTHER, &f);
	}
}

/* Who may not have an entry of its own goes on by the common one. */
static void entries_of_their_own_are_budgeted_and_nothing_is_lost(void **state)
{
	enum { BURST = 5, MANY = 20, ROUNDS = 20 };

	(void)state;
	setup();
	send_in_turn(MANY, 1);
	budget(OTHER, 1, BURST);
	send_in_turn(MANY, ROUNDS);
	assert_int_equal(got(GUARDED), MANY * (1 + ROUNDS));
	assert_int_equal(wall->authorised, MANY);
	assert_in_range(stats().entries, 1 + BURST, 2 + BURST);
	unguard();
}

static void a_flushed_connection_with_its_own_entry_is_met_anew(void **state)
{
	struct memory_frame f = datagram(1000);

	(void)state;
	setup();
	for (int i = 0; i < 6; i++)
		pass(OTHER, &f);
	assert_int_equal(conn_flush(path_conns(bench.path), NULL), 1);
	for (int i = 0; i < 6; i++)
		pass(OTHER, &f);
	assert_int_equal(wall->authorised, 2);
	assert_int_equal(got(GUARDED), 12);
	unguard();
}

static struct memory_frame from_a_host_behind(uint16_t port)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_udp(f.bytes, at(BEHIND, port), at(OTHER, 53), 20);
	return f;
}

/* The refused one teaches nothing, and the entry that it leaves is there for the next. */
static void who_was_refused_once_is_learned_by_what_passes(void **state)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, BEHIND };
	struct memory_frame f = from_a_host_behind(1000);

	(void)state;
	setup();
	bench.ports[GUARDED].conf.learns = true;
	bench.ports[GUARDED].conf.learn_limit = 4;
	bench_publish(GUARDED);
	action = XVS_CONN_DENY;
	pass(GUARDED, &f);
	bench_turns(2);
	assert_null(l2_lookup(&bench.sw->l2, 0, mac));
	action = XVS_CONN_ALLOW;
	f = from_a_host_behind(1001);
	pass(GUARDED, &f);
	bench_turns(2);
	assert_int_equal(got(OTHER), 1);
	assert_int_equal(wall->authorised, 2);
	assert_ptr_equal(l2_lookup(&bench.sw->l2, 0, mac), bench.ports[GUARDED].port);
	unguard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(many_connections_share_an_entry_and_each_is_authorised),
		BENCH_TEST(one_that_goes_on_gets_its_own),
		BENCH_TEST(of_many_in_turn_each_gets_its_own),
		BENCH_TEST(a_burst_of_both_kinds_is_in_order),
		BENCH_TEST(tcp_that_opens_and_ends_leaves_no_entry),
		BENCH_TEST(a_refusal_that_is_repeated_is_in_the_table),
		BENCH_TEST(where_ports_are_examined_nothing_is_common),
		BENCH_TEST(what_is_new_is_budgeted_though_its_entry_is_there),
		BENCH_TEST(a_connection_that_is_opened_again_is_budgeted),
		BENCH_TEST(entries_of_their_own_are_budgeted_and_nothing_is_lost),
		BENCH_TEST(a_flushed_connection_with_its_own_entry_is_met_anew),
		BENCH_TEST(who_was_refused_once_is_learned_by_what_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
