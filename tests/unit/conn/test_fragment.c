/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments follow their first, wait for it, and are dropped if they contradict each other. */
#include "conn/fixture.h"

enum { DATA = 1600, ID = 4711 };

/* A UDP datagram of 8 + DATA octets behind its IP header. */
static enum conn_answer piece_of(struct world *s, struct frame_end from, struct frame_end to,
				 uint32_t id, uint32_t offset, uint32_t len)
{
	uint8_t whole[FRAME_BYTES], f[FRAME_BYTES];

	(void)frame_udp(whole, from, to, DATA);
	return judge(s, f, frame_fragment(f, whole, id, offset, len, offset + len < 8 + DATA));
}

static enum conn_answer piece(struct world *s, uint32_t offset, uint32_t len)
{
	return piece_of(s, guest, server, ID, offset, len);
}

static void dropped(struct world *s, enum conn_answer answer)
{
	assert_int_equal(answer, CONN_DROP);
	assert_int_equal(s->reason, REASON_FRAGMENT);
}

static void later_ones_follow_the_first(void **state)
{
	struct world *s = *state;
	struct conn_info info = { 0 };

	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
	assert_int_equal(s->asked, 1);
	assert_int_equal(s->asked_for.dst_port, __builtin_bswap16(server.port));
	assert_int_equal(piece(s, 800, 400), CONN_INSIDE);
	assert_int_equal(piece(s, 1200, 408), CONN_INSIDE);
	conn_list(s->t, NULL, first_info, &info);
	assert_int_equal(info.view.packets[0], 3);
}

static void earlier_ones_wait_and_go_on_in_order(void **state)
{
	struct world *s = *state;
	uint32_t left = pool_packets_left(s->pool);

	assert_int_equal(piece(s, 1200, 408), CONN_HELD);
	assert_int_equal(piece(s, 800, 400), CONN_HELD);
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->resumed, 0);
	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
	assert_int_equal(s->resumed, 0); /* not before the first has gone */
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->resumed, 2);
	assert_int_equal(s->resumed_offset[0], 1200);
	assert_int_equal(s->resumed_offset[1], 800);
	assert_int_equal(pool_packets_left(s->pool), left);
	/* Asked again where it goes on, it is known. */
	assert_int_equal(piece(s, 800, 400), CONN_INSIDE);
}

static void those_that_wait_in_vain_are_dropped(void **state)
{
	struct world *s = *state;
	uint32_t left = pool_packets_left(s->pool);

	assert_int_equal(piece(s, 800, 400), CONN_HELD);
	world_wait(s, 99);
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->dropped, 0);
	world_wait(s, 2);
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->dropped, 1);
	assert_int_equal(s->dropped_for, REASON_FRAGMENT);
	assert_int_equal(pool_packets_left(s->pool), left);
	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
}

static void overlap_drops_the_datagram(void **state)
{
	struct world *s = *state;

	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
	dropped(s, piece(s, 792, 400));
	dropped(s, piece(s, 1200, 408));
	dropped(s, piece(s, 0, 800));
}

static void overlap_drops_those_that_wait(void **state)
{
	struct world *s = *state;

	assert_int_equal(piece(s, 800, 400), CONN_HELD);
	assert_int_equal(piece(s, 1208, 200), CONN_HELD);
	dropped(s, piece(s, 1192, 16));
	assert_int_equal(s->dropped, 2);
	dropped(s, piece(s, 0, 800));
	assert_int_equal(s->asked, 0);
}

static void a_duplicate_is_no_overlap(void **state)
{
	struct world *s = *state;

	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
	assert_int_equal(piece(s, 800, 400), CONN_INSIDE);
	assert_int_equal(piece(s, 800, 400), CONN_INSIDE);
}

static void nothing_comes_after_the_last(void **state)
{
	struct world *s = *state;
	uint8_t whole[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(piece(s, 1200, 408), CONN_HELD);
	(void)frame_udp(whole, guest, server, DATA);
	dropped(s, judge(s, f, frame_fragment(f, whole, ID, 800, 16, false)));
	assert_int_equal(s->dropped, 1);
}

static void a_first_without_ports_drops_the_datagram(void **state)
{
	struct world *s = *state;
	uint8_t whole[FRAME_BYTES], f[FRAME_BYTES];

	(void)frame_tcp(whole, guest, server, SEG(F_SYN, 1, 0, 100, 64));
	assert_int_equal(judge(s, f, frame_fragment(f, whole, ID, 16, 16, true)), CONN_HELD);
	dropped(s, judge(s, f, frame_fragment(f, whole, ID, 0, 16, true)));
	assert_int_equal(s->dropped, 1);
	dropped(s, judge(s, f, frame_fragment(f, whole, ID, 32, 52, false)));
}

static void follow_a_denial(void **state)
{
	struct world *s = *state;

	s->say.action = XVS_CONN_DENY;
	assert_int_equal(piece(s, 800, 400), CONN_HELD);
	assert_int_equal(piece(s, 0, 800), CONN_DENIED);
	assert_int_equal(s->dropped, 1);
	dropped(s, piece(s, 1200, 408));
	assert_int_equal(s->resumed, 0);
}

static void a_port_has_64_that_wait(void **state)
{
	struct world *s = *state;

	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(piece_of(s, guest, server, i / 2, 800 + i % 2 * 8, 8), CONN_HELD);
	dropped(s, piece_of(s, guest, server, 999, 800, 8));
	world_wait(s, 101);
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->dropped, 64);
	assert_int_equal(piece_of(s, guest, server, 999, 808, 8), CONN_HELD);
	world_wait(s, 101);
	conn_sweep(s->t, &s->w, s);
}

static void the_oldest_datagram_makes_room(void **state)
{
	struct world *s = *state;

	assert_int_equal(piece_of(s, guest, server, 1, 800, 8), CONN_HELD);
	for (uint32_t i = 0; i < 64; i++) {
		s->w.now_ns++;
		assert_int_equal(piece_of(s, guest, server, 100 + i, 0, 800), CONN_INSIDE);
	}
	assert_int_equal(s->dropped, 1);
}

static void tcp_counts_all_fragments_as_sent(void **state)
{
	struct world *s = *state;
	uint8_t whole[FRAME_BYTES], f[FRAME_BYTES];

	handshake(s);
	(void)frame_tcp(whole, guest, server, SEG(F_ACK, 1001, 5001, 1000, 900));
	assert_int_equal(judge(s, f, frame_fragment(f, whole, ID, 0, 520, true)), CONN_INSIDE);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1901, 1000)), CONN_DROP);
	assert_int_equal(judge(s, f, frame_fragment(f, whole, ID, 520, 400, false)), CONN_INSIDE);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1902, 1000)), CONN_DROP);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1901, 1000)), CONN_PASS);
}

static void ipv6_fragments_too(void **state)
{
	static const struct frame_end a = { 1, true, 1000 };
	static const struct frame_end b = { 2, true, 53 };
	struct world *s = *state;

	assert_int_equal(piece_of(s, a, b, ID, 800, 808), CONN_HELD);
	assert_int_equal(piece_of(s, a, b, ID, 0, 800), CONN_INSIDE);
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->resumed, 1);
	dropped(s, piece_of(s, a, b, ID, 400, 8));
}

static void policy_changes_stop_the_rest(void **state)
{
	struct world *s = *state;

	assert_int_equal(piece(s, 0, 800), CONN_INSIDE);
	conn_port_reauthorise(s->t, PORT);
	dropped(s, piece(s, 800, 400));
}

static void closing_the_port_lets_go_of_them(void **state)
{
	struct world *s = *state;
	uint32_t left = pool_packets_left(s->pool);

	assert_int_equal(piece(s, 800, 400), CONN_HELD);
	conn_port_close(s->t, PORT);
	world_wait(s, 1);
	conn_sweep(s->t, &s->w, s);
	assert_int_equal(s->dropped, 1);
	assert_int_equal(s->dropped_for, REASON_SHUTDOWN);
	assert_int_equal(pool_packets_left(s->pool), left);
}

static void a_trace_takes_no_fragment(void **state)
{
	struct world *s = *state;
	uint8_t whole[FRAME_BYTES], f[FRAME_BYTES];
	uint32_t left = pool_packets_left(s->pool);

	(void)frame_udp(whole, guest, server, DATA);
	dropped(s, judge_flagged(s, f, frame_fragment(f, whole, ID, 800, 8, true), XVS_PKT_DRY));
	assert_int_equal(judge_flagged(s, f, frame_fragment(f, whole, ID, 0, 800, true),
				       XVS_PKT_DRY),
			 CONN_INSIDE);
	assert_int_equal(pool_packets_left(s->pool), left);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(later_ones_follow_the_first),
		WORLD_TEST(earlier_ones_wait_and_go_on_in_order),
		WORLD_TEST(those_that_wait_in_vain_are_dropped),
		WORLD_TEST(overlap_drops_the_datagram),
		WORLD_TEST(overlap_drops_those_that_wait),
		WORLD_TEST(a_duplicate_is_no_overlap),
		WORLD_TEST(nothing_comes_after_the_last),
		WORLD_TEST(a_first_without_ports_drops_the_datagram),
		WORLD_TEST(follow_a_denial),
		WORLD_TEST(a_port_has_64_that_wait),
		WORLD_TEST(the_oldest_datagram_makes_room),
		WORLD_TEST(tcp_counts_all_fragments_as_sent),
		WORLD_TEST(ipv6_fragments_too),
		WORLD_TEST(policy_changes_stop_the_rest),
		WORLD_TEST(closing_the_port_lets_go_of_them),
		WORLD_TEST(a_trace_takes_no_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
