/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_nat xvs_packet xvs_base */
/*
 * The table alone: mapping, filtering, ports, limits, timers, other rules.  Inside is 10.0.0.0/8, the
 * outside addresses are 203.0.113.5 and .6, remotes 198.51.100.*.
 */
#include <stdlib.h>

#include "support/test.h"

#include "base/clock.h"
#include "base/hash.h"
#include "nat/nat.h"

enum { A = 0x0a000001, B = 0x0a000002 };
static const uint32_t OUT5 = 0xcb007105;
static const uint32_t OUT6 = 0xcb007106;
static const uint32_t R1 = 0xc6336401;
static const uint32_t R2 = 0xc6336402;
enum { SYN = 2, ACK = 16, FIN = 1, RST = 4 };

static struct nat_table *t;
static uint64_t random_state;
static struct nat_moment now;

static struct nat_rules *rules(uint32_t forwards)
{
	struct nat_rules *r = nat_rules_create(forwards);

	assert_non_null(r);
	r->timeouts = (struct nat_timeouts){ 7440000, 240000, 300000, 60000 };
	r->filters_by_address = true;
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ OUT5, 1024, 65535 };
	return r;
}

static struct nat_rules *rules_with_forward(struct nat_prefix remote)
{
	struct nat_rules *r = rules(1);

	r->forwards[0] = (struct nat_forward){ .remote = remote,
					       .outside = OUT5,
					       .inside = A,
					       .outside_port = 35000,
					       .inside_port = 3389,
					       .proto = PROTO_TCP };
	return r;
}

static int start(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	hash_start();
	random_state = 88172645463325252ULL;
	now = (struct nat_moment){ 1000 * NS_PER_S, &random_state };
	assert_int_equal(nat_table_create(256, &t, &err), 0);
	assert_int_equal(nat_table_configure(t, rules(0)), 0);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	nat_table_destroy(t);
	return 0;
}

static struct nat_view view(uint8_t proto, uint32_t src, uint16_t src_port, uint32_t dst,
			    uint16_t dst_port)
{
	return (struct nat_view){ .src = src,
				  .dst = dst,
				  .src_port = src_port,
				  .dst_port = dst_port,
				  .proto = proto,
				  .tcp_flags = proto == PROTO_TCP ? SYN : 0,
				  .is_query = proto == PROTO_ICMP };
}

static struct nat_answer out_ok(struct nat_view v)
{
	struct nat_answer a;

	assert_true(nat_outward(t, &v, &now, 100, &a));
	return a;
}

static struct nat_answer in_ok(struct nat_view v)
{
	struct nat_answer a;

	assert_true(nat_inward(t, &v, &now, 100, &a));
	return a;
}

static void out_refused(struct nat_view v, uint16_t reason)
{
	struct nat_answer a;

	assert_false(nat_outward(t, &v, &now, 100, &a));
	assert_int_equal(a.reason, reason);
}

static void in_refused(struct nat_view v, uint16_t reason)
{
	struct nat_answer a;

	assert_false(nat_inward(t, &v, &now, 100, &a));
	assert_int_equal(a.reason, reason);
}

static struct nat_stats stats(void)
{
	struct nat_stats s;

	nat_table_stats(t, &s);
	return s;
}

static struct nat_view udp(uint32_t src, uint16_t sp, uint32_t dst, uint16_t dp)
{
	return view(PROTO_UDP, src, sp, dst, dp);
}

static struct nat_view tcp(uint32_t src, uint16_t sp, uint32_t dst, uint16_t dp, uint16_t flags)
{
	struct nat_view v = view(PROTO_TCP, src, sp, dst, dp);

	v.tcp_flags = flags;
	return v;
}

static void pass(uint64_t ms)
{
	/* in steps that the sweep gets round in */
	for (uint64_t end = now.now_ns + ms * NS_PER_MS; now.now_ns < end;) {
		now.now_ns += NS_PER_S;
		nat_sweep(t, now.now_ns);
	}
	now.now_ns += NS_PER_S;
	nat_sweep(t, now.now_ns);
}

/* RFC 4787, REQ-1. */
static void maps_an_endpoint_the_same_for_all_remotes(void **state)
{
	struct nat_answer first = out_ok(udp(A, 5000, R1, 53));
	struct nat_answer second = out_ok(udp(A, 5000, R2, 123));
	struct nat_answer other = out_ok(udp(A, 5001, R1, 53));

	(void)state;
	assert_int_equal(first.address, OUT5);
	assert_int_equal(first.port, second.port);
	assert_int_not_equal(first.port, other.port);
	assert_int_equal(stats().sessions, 3);
	assert_int_equal(stats().bindings, 2);
}

/* RFC 4787, 4.2.2. */
static void keeps_the_parity_of_udp_ports(void **state)
{
	(void)state;
	for (uint16_t port = 6000; port < 6064; port++)
		assert_int_equal(out_ok(udp(A, port, R1, 53)).port & 1, port & 1);
}

static void lets_answers_in_and_nobody_else(void **state)
{
	struct nat_answer a = out_ok(udp(A, 5000, R1, 53));
	struct nat_answer in = in_ok(udp(R1, 53, OUT5, a.port));

	(void)state;
	assert_int_equal(in.address, A);
	assert_int_equal(in.port, 5000);
	in_refused(udp(R2, 53, OUT5, a.port), REASON_NAT_FILTERED);
	in_refused(udp(R1, 53, OUT5, (uint16_t)(a.port ^ 2)), REASON_NAT_NO_BINDING);
	in_refused(tcp(R1, 53, OUT5, a.port, SYN), REASON_NAT_NO_BINDING);
	assert_int_equal(stats().filtered, 1);
}

/* RFC 4787, 5: address-dependent filtering looks at no port. */
static void filters_by_address_alone(void **state)
{
	struct nat_answer a = out_ok(udp(A, 5000, R1, 53));

	(void)state;
	assert_int_equal(in_ok(udp(R1, 4444, OUT5, a.port)).address, A);
}

static void lets_everybody_in_where_filtering_is_by_endpoint(void **state)
{
	struct nat_rules *r = rules(0);
	struct nat_answer a = out_ok(udp(A, 5000, R1, 53));

	(void)state;
	r->filters_by_address = false;
	assert_int_equal(nat_table_configure(t, r), 0);
	assert_int_equal(in_ok(udp(R2, 9, OUT5, a.port)).port, 5000);
}

static void forwards_to_another_port(void **state)
{
	struct nat_answer in;

	(void)state;
	assert_int_equal(nat_table_configure(t, rules_with_forward((struct nat_prefix){ 0, 0 })),
			 0);
	in = in_ok(tcp(R1, 1111, OUT5, 35000, SYN));
	assert_int_equal(in.address, A);
	assert_int_equal(in.port, 3389);
	assert_int_equal(out_ok(tcp(A, 3389, R1, 1111, SYN | ACK)).port, 35000);
	/* what it begins itself comes from there too */
	assert_int_equal(out_ok(tcp(A, 3389, R2, 80, SYN)).port, 35000);
	assert_int_equal(stats().bindings, 0);
}

static void forwards_for_a_remote_prefix_alone(void **state)
{
	(void)state;
	assert_int_equal(
		nat_table_configure(t, rules_with_forward((struct nat_prefix){ R1, nat_mask(32) })),
		0);
	assert_int_equal(in_ok(tcp(R1, 1111, OUT5, 35000, SYN)).address, A);
	in_refused(tcp(R2, 1111, OUT5, 35000, SYN), REASON_NAT_NO_BINDING);
	assert_int_not_equal(out_ok(tcp(A, 3389, R2, 80, SYN)).port, 35000);
}

static void never_gives_a_forwards_port_to_others(void **state)
{
	struct nat_rules *r = rules_with_forward((struct nat_prefix){ 0, 0 });

	(void)state;
	r->pools[0] = (struct nat_pool){ OUT5, 34999, 35001 };
	assert_int_equal(nat_table_configure(t, r), 0);
	assert_int_not_equal(out_ok(tcp(B, 1, R1, 80, SYN)).port, 35000);
	assert_int_not_equal(out_ok(tcp(B, 2, R1, 80, SYN)).port, 35000);
	out_refused(tcp(B, 3, R1, 80, SYN), REASON_NAT_PORTS);
	assert_int_equal(stats().no_ports, 1);
	assert_int_equal(stats().ports_used[0][0], 2);
}

static void goes_to_another_pool_when_one_is_spent(void **state)
{
	struct nat_rules *r = rules(0);
	unsigned of_six = 0;

	(void)state;
	r->pool_count = 2;
	r->pools[0] = (struct nat_pool){ OUT5, 2000, 2009 };
	r->pools[1] = (struct nat_pool){ OUT6, 2000, 2009 };
	assert_int_equal(nat_table_configure(t, r), 0);
	for (uint16_t port = 0; port < 20; port++)
		of_six += out_ok(udp(A, port, R1, 53)).address == OUT6;
	assert_int_equal(of_six, 10);
	out_refused(udp(A, 20, R1, 53), REASON_NAT_PORTS);
	out_refused(udp(A, 20, R1, 53), REASON_NAT_PORTS);
	assert_int_equal(stats().no_ports, 2);
	/* another protocol's ports are its own; and those that come back can be had again */
	assert_int_equal(out_ok(tcp(A, 20, R1, 80, SYN)).port / 10, 200);
	pass(310000);
	for (uint16_t port = 100; port < 120; port++)
		out_ok(udp(A, port, R1, 53));
	out_refused(udp(A, 120, R1, 53), REASON_NAT_PORTS);
}

static void begins_nothing_by_what_answers_or_ends(void **state)
{
	struct nat_view reply = { .src = A, .dst = R1, .dst_port = 9, .proto = PROTO_ICMP };

	(void)state;
	out_refused(tcp(A, 1, R1, 80, RST), REASON_NAT_STATE);
	out_refused(tcp(A, 1, R1, 80, FIN | ACK), REASON_NAT_STATE);
	out_refused(tcp(A, 1, R1, 80, SYN | ACK), REASON_NAT_STATE);
	out_refused(reply, REASON_NAT_STATE);
	assert_int_equal(stats().sessions, 0);
}

static void translates_echo_ids(void **state)
{
	struct nat_answer a = out_ok(view(PROTO_ICMP, A, 77, R1, 0));
	struct nat_view reply = { .src = R1, .dst = OUT5, .dst_port = a.port, .proto = PROTO_ICMP };

	(void)state;
	assert_int_equal(in_ok(reply).port, 77);
	reply.src = R2;
	in_refused(reply, REASON_NAT_NO_BINDING);
}

static void ends_what_is_idle_and_gives_all_back(void **state)
{
	(void)state;
	out_ok(udp(A, 1, R1, 53));
	out_ok(view(PROTO_ICMP, A, 2, R1, 0));
	out_ok(tcp(A, 3, R1, 80, SYN));
	pass(61000);
	assert_int_equal(stats().sessions, 2);
	pass(240000);
	assert_int_equal(stats().sessions, 0);
	assert_int_equal(stats().bindings, 0);
	assert_int_equal(stats().hosts, 0);
	assert_int_equal(stats().opened, stats().ended);
}

/* A handshake that nobody completes is not an established connection. */
static void keeps_established_tcp_longer(void **state)
{
	struct nat_answer half = out_ok(tcp(A, 1, R1, 80, SYN));
	struct nat_answer whole = out_ok(tcp(A, 2, R1, 80, SYN));

	(void)state;
	in_ok(tcp(R1, 80, OUT5, half.port, SYN | ACK));
	in_ok(tcp(R1, 80, OUT5, whole.port, SYN | ACK));
	out_ok(tcp(A, 2, R1, 80, ACK));
	pass(241000);
	assert_int_equal(stats().sessions, 1);
	in_ok(tcp(R1, 80, OUT5, whole.port, FIN | ACK));
	pass(241000);
	assert_int_equal(stats().sessions, 0);
}

/* RFC 5382: a reset that was none must not end what goes on. */
static void takes_a_reset_back_when_inside_goes_on(void **state)
{
	struct nat_answer a = out_ok(tcp(A, 1, R1, 80, SYN));

	(void)state;
	in_ok(tcp(R1, 80, OUT5, a.port, SYN | ACK));
	out_ok(tcp(A, 1, R1, 80, ACK));
	in_ok(tcp(R1, 80, OUT5, a.port, RST));
	out_ok(tcp(A, 1, R1, 80, ACK));
	pass(300000);
	assert_int_equal(stats().sessions, 1);
}

/* RFC 4787, REQ-6. */
static void is_not_kept_alive_by_udp_from_outside(void **state)
{
	struct nat_answer a = out_ok(udp(A, 1, R1, 53));

	(void)state;
	pass(200000);
	in_ok(udp(R1, 53, OUT5, a.port));
	pass(150000);
	assert_int_equal(stats().sessions, 0);
}

static void limits_the_sessions_of_a_host(void **state)
{
	struct nat_rules *r = rules(0);

	(void)state;
	r->host_sessions = 3;
	assert_int_equal(nat_table_configure(t, r), 0);
	for (uint16_t port = 0; port < 3; port++)
		out_ok(udp(A, port, R1, 53));
	out_refused(udp(A, 9, R1, 53), REASON_NAT_HOST);
	out_ok(udp(B, 9, R1, 53));
	assert_int_equal(stats().host_limit, 1);
	assert_int_equal(stats().bindings, 4);
}

static void is_bounded(void **state)
{
	(void)state;
	for (uint16_t port = 0; port < 256; port++)
		out_ok(udp(A, port, R1, 53));
	out_refused(udp(A, 256, R1, 53), REASON_NAT_SESSIONS);
	out_refused(udp(B, 256, R1, 53), REASON_NAT_SESSIONS);
	assert_int_equal(stats().sessions, 256);
	assert_int_equal(nat_flush(t, 0), 256);
	assert_int_equal(stats().hosts, 0);
	out_ok(udp(A, 256, R1, 53));
}

static void ends_what_other_rules_do_not_bear(void **state)
{
	struct nat_rules *r = rules(0);
	struct nat_answer a;

	(void)state;
	assert_int_equal(nat_table_configure(t, rules_with_forward((struct nat_prefix){ 0, 0 })),
			 0);
	in_ok(tcp(R1, 1111, OUT5, 35000, SYN));
	a = out_ok(udp(A, 5000, R1, 53));
	r->forward_count = 0;
	assert_int_equal(nat_table_configure(t, r), 0);
	assert_int_equal(stats().sessions, 1);
	assert_int_equal(in_ok(udp(R1, 53, OUT5, a.port)).address, A);
	r = rules(0);
	r->pools[0].address = OUT6;
	assert_int_equal(nat_table_configure(t, r), 0);
	assert_int_equal(stats().sessions, 0);
	assert_int_equal(out_ok(udp(A, 5000, R1, 53)).address, OUT6);
}

static void finds_what_errors_quote(void **state)
{
	struct nat_answer a = out_ok(udp(A, 5000, R1, 53));
	struct nat_view went = udp(OUT5, a.port, R1, 53);
	struct nat_view came = udp(R1, 53, A, 5000);
	struct nat_answer q;

	(void)state;
	assert_true(nat_quoted_inward(t, &went, &q));
	assert_int_equal(q.address, A);
	assert_int_equal(q.port, 5000);
	assert_true(nat_quoted_outward(t, &came, &q));
	assert_int_equal(q.address, OUT5);
	assert_int_equal(q.port, a.port);
	went.dst = R2;
	assert_false(nat_quoted_inward(t, &went, &q));
	assert_int_equal(q.reason, REASON_NAT_STATE);
}

struct seen {
	unsigned count;
	struct nat_info last;
};

static void see(void *arg, const struct nat_info *s)
{
	struct seen *seen = arg;

	seen->count++;
	seen->last = *s;
}

static void lists_sessions(void **state)
{
	struct nat_answer a = out_ok(udp(A, 5000, R1, 53));
	struct seen seen = { 0 };

	(void)state;
	in_ok(udp(R1, 53, OUT5, a.port));
	nat_list(t, now.now_ns + NS_PER_S, see, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.inside, A);
	assert_int_equal(seen.last.outside_port, a.port);
	assert_int_equal(seen.last.remote, R1);
	assert_int_equal(seen.last.packets[0], 1);
	assert_int_equal(seen.last.bytes[1], 100);
	assert_string_equal(seen.last.state, "established");
	assert_in_range(seen.last.idle_ms, 990, 1010);
	assert_in_range(seen.last.left_ms, 298000, 299100);
}

/* What is opened and ends in any order leaves nothing behind and confuses nobody. */
static void survives_random_traffic(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		uint64_t r = test_random(&random_state);
		struct nat_view v = udp(A + (uint32_t)(r & 7), (uint16_t)(r >> 3 & 63),
					R1 + (uint32_t)(r >> 9 & 3), (uint16_t)(r >> 11 & 3));
		struct nat_answer a;
		struct nat_answer back;

		if (!nat_outward(t, &v, &now, 1, &a))
			continue;
		back = in_ok(udp(v.dst, v.dst_port, a.address, a.port));
		assert_int_equal(back.address, v.src);
		assert_int_equal(back.port, v.src_port);
		now.now_ns += NS_PER_S;
		if (round % 50 == 0)
			nat_sweep(t, now.now_ns);
	}
	pass(400000);
	assert_int_equal(stats().sessions, 0);
	assert_int_equal(stats().bindings, 0);
	assert_int_equal(stats().ports_used[0][1], 0);
}

static void other_rules_end_sessions_some_at_a_time(void **state)
{
	struct nat_rules *r = rules(0);
	struct nat_stats stats;
	struct nat_change *c;

	(void)state;
	for (uint16_t port = 1; port <= 100; port++)
		out_ok(view(PROTO_UDP, A, port, R1, 53));
	r->pools[0] = (struct nat_pool){ OUT6, 1024, 65535 };
	c = nat_change_create(r);
	assert_non_null(c);
	nat_table_apply(t, c);
	nat_table_stats(t, &stats);
	assert_int_equal(stats.sessions, 100);
	assert_false(nat_table_review(t, 40));
	nat_table_stats(t, &stats);
	assert_int_equal(stats.sessions, 60);
	/* One that begins meanwhile is of the rules of now, wherever it has its place. */
	assert_int_equal(out_ok(view(PROTO_UDP, B, 7, R1, 53)).address, OUT6);
	assert_true(nat_table_review(t, 60));
	assert_true(nat_table_review(t, 1));
	nat_table_stats(t, &stats);
	assert_int_equal(stats.sessions, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(maps_an_endpoint_the_same_for_all_remotes, start,
						finish),
		cmocka_unit_test_setup_teardown(keeps_the_parity_of_udp_ports, start, finish),
		cmocka_unit_test_setup_teardown(lets_answers_in_and_nobody_else, start, finish),
		cmocka_unit_test_setup_teardown(filters_by_address_alone, start, finish),
		cmocka_unit_test_setup_teardown(lets_everybody_in_where_filtering_is_by_endpoint,
						start, finish),
		cmocka_unit_test_setup_teardown(forwards_to_another_port, start, finish),
		cmocka_unit_test_setup_teardown(forwards_for_a_remote_prefix_alone, start, finish),
		cmocka_unit_test_setup_teardown(never_gives_a_forwards_port_to_others, start,
						finish),
		cmocka_unit_test_setup_teardown(goes_to_another_pool_when_one_is_spent, start,
						finish),
		cmocka_unit_test_setup_teardown(begins_nothing_by_what_answers_or_ends, start,
						finish),
		cmocka_unit_test_setup_teardown(translates_echo_ids, start, finish),
		cmocka_unit_test_setup_teardown(ends_what_is_idle_and_gives_all_back, start,
						finish),
		cmocka_unit_test_setup_teardown(keeps_established_tcp_longer, start, finish),
		cmocka_unit_test_setup_teardown(takes_a_reset_back_when_inside_goes_on, start,
						finish),
		cmocka_unit_test_setup_teardown(is_not_kept_alive_by_udp_from_outside, start,
						finish),
		cmocka_unit_test_setup_teardown(limits_the_sessions_of_a_host, start, finish),
		cmocka_unit_test_setup_teardown(is_bounded, start, finish),
		cmocka_unit_test_setup_teardown(ends_what_other_rules_do_not_bear, start, finish),
		cmocka_unit_test_setup_teardown(other_rules_end_sessions_some_at_a_time, start,
						finish),
		cmocka_unit_test_setup_teardown(finds_what_errors_quote, start, finish),
		cmocka_unit_test_setup_teardown(lists_sessions, start, finish),
		cmocka_unit_test_setup_teardown(survives_random_traffic, start, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
