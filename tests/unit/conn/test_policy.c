/* SPDX-License-Identifier: Apache-2.0 */
/* What firewalls say, when they are asked again, and what operators see and end. */
#include "conn/evict.h"
#include "conn/fixture.h"

static void remembers_a_denial(void **state)
{
	struct world *s = *state;

	s->say = (struct conn_decision){ .action = XVS_CONN_DENY, .reason = 7, .instance = 3 };
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN, 1, 0, 1000)), CONN_DENIED);
	assert_int_equal(conn_count(s->t, NULL), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(tcp(s, server, guest, SEG(F_SYN, 1, 0, 1000)), CONN_DENIED);
		assert_int_equal(s->result.decision.action, XVS_CONN_DENY);
		assert_int_equal(s->result.decision.reason, 7);
		assert_int_equal(s->result.decision.instance, 3);
	}
	assert_int_equal(s->asked, 1);
	assert_int_equal(s->events, 0);
	/* The guest itself may call out. */
	s->say.action = XVS_CONN_ALLOW;
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
}

static void tells_of_a_denial_once_if_it_is_to_be_logged(void **state)
{
	struct world *s = *state;

	s->say = (struct conn_decision){ .action = XVS_CONN_DENY, .log = 1 };
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(udp(s, server, guest, 1), CONN_DENIED);
	assert_int_equal(s->events, 1);
	assert_int_equal(s->causes[0], XVS_CONN_DENIED);
	assert_int_equal(s->states[0], XVS_CONN_CLOSED);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

static void remembers_a_reject_as_such(void **state)
{
	struct world *s = *state;

	s->say = (struct conn_decision){ .action = XVS_CONN_REJECT, .instance = 3 };
	assert_int_equal(udp(s, server, guest, 1), CONN_DENIED);
	assert_int_equal(udp(s, server, guest, 1), CONN_DENIED);
	assert_int_equal(s->result.decision.action, XVS_CONN_REJECT);
	assert_int_equal(s->asked, 1);
}

static void forgets_a_denial_in_time_and_with_policy(void **state)
{
	struct world *s = *state;

	s->say.action = XVS_CONN_DENY;
	assert_int_equal(udp(s, server, guest, 1), CONN_DENIED);
	world_wait(s, 31000);
	assert_int_equal(udp(s, server, guest, 1), CONN_DENIED);
	assert_int_equal(s->asked, 2);
	conn_port_reauthorise(s->t, PORT);
	s->say.action = XVS_CONN_ALLOW;
	assert_int_equal(udp(s, server, guest, 1), CONN_PASS);
}

static void denials_are_bounded_and_displace_nobody(void **state)
{
	static const struct conn_limits limits = { .connections = 64,
						   .denied_per_port = 16,
						   .per_port = 8 };
	struct frame_end from = { 2, false, 1 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	for (; from.port <= 8; from.port++) {
		assert_int_equal(udp(&s, from, guest, 1), CONN_PASS);
		assert_int_equal(udp(&s, guest, from, 1), CONN_PASS);
	}
	s.say.action = XVS_CONN_DENY;
	for (; from.port <= 2000; from.port++) {
		assert_int_equal(udp(&s, from, guest, 1), CONN_DROP);
		assert_int_equal(s.reason, REASON_CONN_LIMIT);
	}
	assert_int_equal(conn_flush(s.t, &(struct conn_filter){ .l4_port = __builtin_bswap16(1) }),
			 1);
	world_sweep(&s);
	for (; from.port <= 3000; from.port++) {
		assert_int_equal(udp(&s, from, guest, 1), CONN_DENIED);
		conn_refill(s.t);
	}
	assert_int_equal(conn_count(s.t, NULL), 7);
	/* The last is remembered, however many there were. */
	s.asked = 0;
	from.port = 3000;
	assert_int_equal(udp(&s, from, guest, 1), CONN_DENIED);
	assert_int_equal(s.asked, 0);
	world_close(&s);
}

static void asks_again_after_a_change(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000, 10));
	struct conn_ref ref;

	s->slot_to_leave = 99;
	s->say.mark = 5;
	handshake(s);
	ref = s->result.ref;
	assert_int_equal(s->result.decision.mark, 5);
	s->slot_to_leave = 0;
	s->say.mark = 6;
	conn_port_reauthorise(s->t, PORT);
	assert_int_equal(update(s, ref, f, len), CONN_AGAIN);
	assert_int_equal(judge(s, f, len), CONN_PASS);
	assert_int_equal(s->asked, 2);
	assert_int_equal(s->slot_seen, 99);
	assert_int_equal(s->asked_for.state, XVS_CONN_ESTABLISHED);
	assert_int_equal(s->result.decision.mark, 6);
	assert_false(s->result.is_new);
	assert_memory_equal(&ref, &s->result.ref, sizeof(ref));
	assert_int_equal(update(s, ref, f, len), CONN_PASS);
	assert_int_equal(s->asked, 2);
}

static void a_reply_may_ask_again_too(void **state)
{
	struct world *s = *state;

	handshake(s);
	conn_port_reauthorise(s->t, PORT);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1001, 1000)), CONN_PASS);
	assert_int_equal(s->asked, 2);
	assert_int_equal(s->asked_for.src[15], guest.host);
}

static void a_change_may_end_a_connection(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	handshake(s);
	conn_port_reauthorise(s->t, PORT);
	s->say.action = XVS_CONN_DENY;
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1001, 1000)), CONN_DENIED);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_DENIED);
	assert_int_equal(s->states[s->events - 1], XVS_CONN_CLOSED);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1, 0, 1000)), CONN_DENIED);
	assert_int_equal(s->asked, 2);
}

static void tells_begin_and_end(void **state)
{
	struct world *s = *state;

	s->say.log = 2;
	handshake(s);
	assert_int_equal(s->events, 1);
	assert_int_equal(s->causes[0], 0);
	assert_int_equal(s->last.size, sizeof(struct xvs_conn));
	assert_int_equal(tcp(s, guest, server, SEG(F_RST, 1001)), CONN_PASS);
	assert_int_equal(s->events, 2);
	assert_int_equal(s->causes[1], XVS_CONN_RST);
	assert_int_equal(s->last.packets[0], 3);
}

static void reports_while_packets_come(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	s->say.report_ms = 1000;
	handshake(s);
	world_wait(s, 1500);
	world_sweep(s);
	assert_int_equal(s->events, 1); /* nothing since */
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	world_wait(s, 1);
	world_sweep(s);
	assert_int_equal(s->events, 2);
	assert_int_equal(s->causes[1], 0);
	assert_int_equal(s->states[1], XVS_CONN_ESTABLISHED);
	world_wait(s, 1500);
	world_sweep(s);
	assert_int_equal(s->events, 2);
}

static void a_trace_leaves_nothing_behind(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];
	uint32_t syn = frame_tcp(f, guest, server, SEG(F_SYN, 1000, 0, 1000));

	s->slot_to_leave = 1;
	assert_int_equal(judge_flagged(s, f, syn, XVS_PKT_DRY), CONN_PASS);
	assert_int_equal(s->asked, 1);
	assert_int_equal(conn_count(s->t, NULL), 0);
	s->say.action = XVS_CONN_DENY;
	assert_int_equal(judge_flagged(s, f, syn, XVS_PKT_DRY), CONN_DENIED);
	s->say.action = XVS_CONN_ALLOW;
	handshake(s);
	assert_int_equal(s->asked, 3);
	(void)frame_tcp(f, guest, server, SEG(F_ACK, 900000, 5001, 1000));
	assert_int_equal(judge_flagged(s, f, frame_len(f), XVS_PKT_DRY), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_WINDOW);
	conn_port_reauthorise(s->t, PORT);
	(void)frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000, 10));
	s->slot_to_leave = 2;
	s->say.action = XVS_CONN_DENY;
	assert_int_equal(judge_flagged(s, f, frame_len(f), XVS_PKT_DRY), CONN_DENIED);
	assert_int_equal(conn_count(s->t, NULL), 1);
	s->say.action = XVS_CONN_ALLOW;
	assert_int_equal(judge(s, f, frame_len(f)), CONN_PASS);
	assert_int_equal(s->slot_seen, 1);
}

static void a_flush_ends_what_matches(void **state)
{
	static const struct frame_end other = { 3, false, 53 };
	struct conn_filter f = { .has_address = 1 };
	uint8_t frame[FRAME_BYTES];
	struct world *s = *state;
	struct conn_ref ref;

	s->say.log = 1;
	handshake(s);
	ref = s->result.ref;
	assert_int_equal(udp(s, guest, other, 1), CONN_PASS);
	frame_address(server, f.address);
	assert_int_equal(conn_count(s->t, &f), 1);
	assert_int_equal(conn_flush(s->t, &f), 1);
	assert_int_equal(conn_flush(s->t, &f), 0);
	assert_int_equal(conn_count(s->t, NULL), 1);
	(void)frame_tcp(frame, guest, server, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(update(s, ref, frame, frame_len(frame)), CONN_AGAIN);
	assert_int_equal(judge(s, frame, frame_len(frame)), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_MIDSTREAM);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_EVICTED);
	assert_int_equal(conn_flush(s->t, &(struct conn_filter){ .proto = 17 }), 1);
	world_sweep(s);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_EVICTED);
	assert_int_equal(s->events, 4);
}

static bool count_info(void *arg, const struct conn_info *info)
{
	unsigned *counts = arg;

	counts[info->is_denied]++;
	assert_non_null(info->state_name);
	assert_null(info->view.slot);
	return true;
}

static void lists_what_the_filter_asks_for(void **state)
{
	struct conn_info info = { 0 };
	unsigned counts[2] = { 0 };
	struct world *s = *state;

	handshake(s);
	assert_int_equal(udp(s, guest, (struct frame_end){ 3, false, 53 }, 1), CONN_PASS);
	s->say = (struct conn_decision){ .action = XVS_CONN_DENY, .reason = 9, .instance = 4 };
	assert_int_equal(udp(s, (struct frame_end){ 4, false, 99 }, guest, 1), CONN_DENIED);
	conn_list(s->t, NULL, count_info, counts);
	assert_int_equal(counts[0], 2);
	assert_int_equal(counts[1], 1);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .proto = 6 }), 1);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .port = PORT }), 2);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .port = PORT + 1 }), 0);
	assert_int_equal(
		conn_count(s->t, &(struct conn_filter){ .l4_port = __builtin_bswap16(53) }), 1);

	conn_list(s->t, &(struct conn_filter){ .l4_port = __builtin_bswap16(99) }, first_info,
		  &info);
	assert_true(info.is_denied);
	assert_int_equal(info.denied_by, 4);
	assert_int_equal(info.reason, 9);
	assert_int_equal(info.view.src[15], 4);
	assert_int_equal(info.view.inbound, 1);
	assert_in_range(info.idle_left_ms, 1, 30000);

	conn_list(s->t, &(struct conn_filter){ .proto = 6 }, first_info, &info);
	assert_false(info.is_denied);
	assert_in_range(info.idle_left_ms, 7430000, 7440000);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .state = "denied" }), 1);
	(void)conn_flush(s->t, NULL);
	counts[0] = counts[1] = 0;
	conn_list(s->t, NULL, count_info, counts);
	assert_int_equal(counts[0] + counts[1], 0);
}

static void filters_by_prefix(void **state)
{
	struct conn_filter f = { .has_address = 1, .prefix_len = 128 - 8 };
	struct world *s = *state;

	handshake(s);
	frame_address(server, f.address);
	f.address[15] = 200;
	assert_int_equal(conn_count(s->t, &f), 1);
	f.prefix_len = 121; /* 10.0.0.128/25 */
	assert_int_equal(conn_count(s->t, &f), 0);
	f.address[15] = 127;
	assert_int_equal(conn_count(s->t, &f), 1);
	f.prefix_len = 0;
	assert_int_equal(conn_count(s->t, &f), 0);
}

static void filters_by_state(void **state)
{
	struct world *s = *state;

	handshake(s);
	assert_int_equal(udp(s, guest, (struct frame_end){ 3, false, 53 }, 1), CONN_PASS);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .state = "established" }), 1);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .state = "half-open" }), 1);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .state = "new" }), 1);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .state = "closing" }), 0);
	assert_true(conn_state_is_known("half-open") && conn_state_is_known("cookie-wait"));
	assert_true(conn_state_is_known("denied") && conn_state_is_known("time-wait"));
	assert_false(conn_state_is_known("none") || conn_state_is_known(""));
}

static void filters_by_sets(void **state)
{
	uint64_t ports[PORTS_MAX / 64] = { UINT64_C(1) << PORT };
	uint64_t deniers[INSTANCES_MAX / 64] = { UINT64_C(1) << 4 };
	struct world *s = *state;

	handshake(s);
	s->say = (struct conn_decision){ .action = XVS_CONN_DENY, .reason = 9, .instance = 4 };
	assert_int_equal(udp(s, (struct frame_end){ 4, false, 99 }, guest, 1), CONN_DENIED);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .ports = ports }), 1);
	assert_int_equal(conn_count(s->t,
				    &(struct conn_filter){ .state = "denied", .deniers = deniers }),
			 1);
	deniers[0] = 1;
	assert_int_equal(conn_count(s->t,
				    &(struct conn_filter){ .state = "denied", .deniers = deniers }),
			 0);
	ports[0] = 1;
	assert_int_equal(conn_flush(s->t, &(struct conn_filter){ .ports = ports }), 0);
	ports[0] = UINT64_C(1) << PORT;
	assert_int_equal(conn_flush(s->t, &(struct conn_filter){ .ports = ports }), 1);
	assert_int_equal(conn_count(s->t, &(struct conn_filter){ .state = "denied" }), 0);
}

static void closing_a_port_ends_all_silently(void **state)
{
	struct xvs_error err = ERROR_INIT;
	uint8_t f[FRAME_BYTES];
	struct world *s = *state;
	unsigned events;

	s->say.log = 1;
	handshake(s);
	events = s->events;
	conn_port_close(s->t, PORT);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(s->events, events);
	(void)frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(update(s, s->result.ref, f, frame_len(f)), CONN_AGAIN);
	assert_int_equal(judge(s, f, frame_len(f)), CONN_DROP);
	assert_int_equal(s->reason, REASON_SHUTDOWN);
	assert_int_equal(conn_port_open(s->t, PORT, 0, 0, &err), 0);
	assert_int_equal(judge(s, f, frame_len(f)), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_MIDSTREAM);
	handshake(s);
}

/* Numbers are given out in turn, so each port that comes and goes would leave its rings behind. */
static void closing_a_port_gives_its_rings_back(void **state)
{
	struct world *s = *state;
	struct conn_port *cp = &s->t->ports[PORT];
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(conn_port_open(s->t, PORT, 0, 100000, &err), 0);
	assert_true(ring_size(cp->half_open) >= 200000);
	conn_port_close(s->t, PORT);
	assert_true(ring_size(cp->half_open) < 100);
	assert_true(ring_size(cp->finished) < 100);
	assert_int_equal(conn_port_open(s->t, PORT, 0, 1000, &err), 0);
	assert_true(ring_size(cp->half_open) >= 2000);
	handshake(s);
}

static bool is_port(const void *arg, uint32_t port)
{
	return port == *(const uint32_t *)arg;
}

/* The next firewall in that slot must not take another's value for its own. */
static void what_a_firewall_kept_goes_with_it(void **state)
{
	const uint32_t other = PORT + 1;
	const uint32_t own = PORT;
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000, 10));

	s->slot_to_leave = 99;
	handshake(s);
	s->slot_to_leave = 0;
	conn_clear_slot(s->t, 0, is_port, &other);
	conn_clear_slot(s->t, 1, is_port, &own);
	conn_port_reauthorise(s->t, PORT);
	assert_int_equal(judge(s, f, len), CONN_PASS);
	assert_int_equal(s->slot_seen, 99);
	conn_clear_slot(s->t, 0, is_port, &own);
	conn_port_reauthorise(s->t, PORT);
	assert_int_equal(judge(s, f, len), CONN_PASS);
	assert_int_equal(s->slot_seen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(remembers_a_denial),
		WORLD_TEST(tells_of_a_denial_once_if_it_is_to_be_logged),
		WORLD_TEST(remembers_a_reject_as_such),
		WORLD_TEST(forgets_a_denial_in_time_and_with_policy),
		cmocka_unit_test(denials_are_bounded_and_displace_nobody),
		WORLD_TEST(asks_again_after_a_change),
		WORLD_TEST(what_a_firewall_kept_goes_with_it),
		WORLD_TEST(a_reply_may_ask_again_too),
		WORLD_TEST(a_change_may_end_a_connection),
		WORLD_TEST(tells_begin_and_end),
		WORLD_TEST(reports_while_packets_come),
		WORLD_TEST(a_trace_leaves_nothing_behind),
		WORLD_TEST(a_flush_ends_what_matches),
		WORLD_TEST(lists_what_the_filter_asks_for),
		WORLD_TEST(filters_by_prefix),
		WORLD_TEST(filters_by_state),
		WORLD_TEST(filters_by_sets),
		WORLD_TEST(closing_a_port_ends_all_silently),
		WORLD_TEST(closing_a_port_gives_its_rings_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
