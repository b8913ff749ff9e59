/* SPDX-License-Identifier: Apache-2.0 */
/* UDP, pings, errors that belong to a connection or only say so, and what is not tracked. */
#include "conn/fixture.h"

static const struct frame_end guest6 = { 1, true, 40000 };
static const struct frame_end server6 = { 2, true, 53 };
static const struct frame_end router6 = { 9, true, 0 };

static enum conn_answer icmp(struct world *s, struct frame_end from, struct frame_end to,
			     uint8_t type, uint16_t id)
{
	uint8_t f[FRAME_BYTES];

	return judge(s, f, frame_icmp(f, from, to, type, 0, id));
}

static void unrelated(struct world *s, enum conn_answer answer)
{
	assert_int_equal(answer, CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_UNRELATED);
}

static void udp_is_established_by_the_answer(void **state)
{
	struct world *s = *state;
	struct conn_info info = { 0 };

	assert_int_equal(udp(s, guest, server, 10), CONN_PASS);
	assert_int_equal(udp(s, guest, server, 10), CONN_PASS);
	assert_string_equal(state_name(s), "new");
	assert_int_equal(udp(s, server, guest, 10), CONN_PASS);
	assert_int_equal(s->result.ref.generation & 1, 1);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(s->asked, 1);
	conn_list(s->t, NULL, first_info, &info);
	assert_false(info.is_half_open);
	assert_int_equal(info.view.packets[0], 2);
	assert_int_equal(info.view.packets[1], 1);
}

static void udp_waits_longer_for_who_answers(void **state)
{
	struct world *s = *state;

	assert_int_equal(udp(s, guest, server, 1), CONN_PASS);
	world_wait(s, 121000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(udp(s, guest, server, 1), CONN_PASS);
	assert_int_equal(udp(s, server, guest, 1), CONN_PASS);
	world_wait(s, 290000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 1);
	world_wait(s, 11000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

static void refuses_port_zero(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];

	assert_int_equal(udp(s, guest, (struct frame_end){ 2, false, 0 }, 1), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_INVALID);
	assert_int_equal(judge_flagged(s, f, frame_udp(f, guest, server, 1), XVS_PKT_BAD),
			 CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_INVALID);
}

static void who_wants_no_answer_needs_no_port(void **state)
{
	struct world *s = *state;

	assert_int_equal(udp(s, (struct frame_end){ 1, false, 0 }, server, 1), CONN_PASS);
	assert_int_equal(udp(s, server, (struct frame_end){ 1, false, 0 }, 1), CONN_DROP);
	assert_int_equal(tcp(s, (struct frame_end){ 1, false, 0 }, server, SEG(F_SYN, 1, 0, 9)),
			 CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_INVALID);
}

static void a_ping_is_a_connection_by_id(void **state)
{
	struct world *s = *state;

	assert_int_equal(icmp(s, guest, server, 8, 77), CONN_PASS);
	assert_int_equal(s->asked_for.src_port, __builtin_bswap16(77));
	assert_int_equal(s->asked_for.dst_port, __builtin_bswap16(8 << 8));
	assert_int_equal(icmp(s, server, guest, 0, 77), CONN_PASS);
	assert_int_equal(s->result.ref.generation & 1, 1);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(icmp(s, server, guest, 0, 78), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_STATE);
	assert_int_equal(s->asked, 1);
	/* The server's own ping with the same id is another question. */
	assert_int_equal(icmp(s, server, guest, 8, 77), CONN_PASS);
	assert_int_equal(s->asked, 2);
	assert_int_equal(s->asked_for.inbound, 1);
	assert_int_equal(s->asked_for.src[15], server.host);
}

static void a_ping_of_ipv6_too(void **state)
{
	struct world *s = *state;

	assert_int_equal(icmp(s, guest6, server6, 128, 5), CONN_PASS);
	assert_int_equal(icmp(s, server6, guest6, 129, 5), CONN_PASS);
	assert_int_equal(icmp(s, server6, guest6, 129, 6), CONN_DROP);
}

static void a_flow_of_pings_tells_ids_apart(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];

	assert_int_equal(icmp(s, guest, server, 8, 77), CONN_PASS);
	assert_int_equal(update(s, s->result.ref, f, frame_icmp(f, guest, server, 8, 0, 77)),
			 CONN_PASS);
	assert_int_equal(update(s, s->result.ref, f, frame_icmp(f, guest, server, 8, 0, 78)),
			 CONN_AGAIN);
}

static void passes_an_error_about_udp(void **state)
{
	struct world *s = *state;
	uint8_t quote[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(udp(s, guest, server, 30), CONN_PASS);
	(void)frame_udp(quote, guest, server, 30);
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 3, quote)), CONN_INSIDE);
	assert_int_equal(s->asked, 1);
	assert_int_equal(conn_count(s->t, NULL), 1);
	/* To somebody who never sent that, or about a datagram of nobody. */
	unrelated(s, judge(s, f, frame_error(f, router, server, 3, 3, quote)));
	(void)frame_udp(quote, guest, (struct frame_end){ 3, false, 80 }, 30);
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
}

static void passes_an_error_of_the_guest(void **state)
{
	struct world *s = *state;
	uint8_t quote[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(udp(s, server, guest, 30), CONN_PASS);
	(void)frame_udp(quote, server, guest, 30);
	assert_int_equal(judge(s, f, frame_error(f, guest, server, 3, 3, quote)), CONN_INSIDE);
	(void)frame_udp(quote, guest, server, 30);
	unrelated(s, judge(s, f, frame_error(f, guest, server, 3, 3, quote)));
}

static void believes_errors_about_tcp_by_number(void **state)
{
	struct world *s = *state;
	uint8_t quote[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	(void)frame_tcp(quote, guest, server, SEG(F_SYN, 1000, 0, 1000));
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 1, quote)), CONN_INSIDE);
	(void)frame_tcp(quote, guest, server, SEG(F_SYN, 999, 0, 1000));
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 1, quote)));

	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000, 800)), CONN_PASS);
	(void)frame_tcp(quote, guest, server, SEG(F_ACK, 1001, 5001, 1000, 800));
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 4, quote)), CONN_INSIDE);
	(void)frame_tcp(quote, guest, server, SEG(F_ACK, 1802, 5001, 1000, 800));
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 4, quote)));
	(void)frame_tcp(quote, guest, server, SEG(F_ACK, 1000, 5001, 1000, 800));
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 4, quote)));
	assert_string_equal(state_name(s), "established");
}

static void passes_an_error_about_ipv6(void **state)
{
	struct world *s = *state;
	uint8_t quote[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(udp(s, guest6, server6, 8), CONN_PASS);
	(void)frame_udp(quote, guest6, server6, 8);
	assert_int_equal(judge(s, f, frame_error(f, router6, guest6, 2, 0, quote)), CONN_INSIDE);
	quote[14 + 40] ^= 1;
	unrelated(s, judge(s, f, frame_error(f, router6, guest6, 2, 0, quote)));
}

static void refuses_errors_that_quote_nonsense(void **state)
{
	struct world *s = *state;
	uint8_t quote[FRAME_BYTES], f[FRAME_BYTES];
	uint32_t len;

	assert_int_equal(udp(s, guest, server, 30), CONN_PASS);
	(void)frame_udp(quote, guest, server, 30);
	quote[14] = 0x44; /* header of 16 octets */
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
	quote[14] = 0x4f; /* of 60: ports beyond what is quoted */
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
	quote[14] = 0x65;
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
	(void)frame_udp(quote, guest, server, 30);
	put_be16(quote + 20, 0x0001); /* a later fragment */
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
	(void)frame_udp(quote, guest, server, 30);
	(void)frame_error(f, router, guest, 3, 3, quote);
	put_be16(f + 16, 20 + 8 + 27); /* seven octets of L4 */
	len = frame_len(f);
	unrelated(s, judge(s, f, len));
	for (uint16_t cut = 8; cut < 8 + 28; cut++) {
		put_be16(f + 16, (uint16_t)(20 + cut));
		assert_int_equal(judge(s, f, frame_len(f)), CONN_DROP);
	}
	put_be16(f + 16, 20 + 8 + 28);
	assert_int_equal(judge(s, f, frame_len(f)), CONN_INSIDE);
}

static void an_error_about_an_error_is_nothing(void **state)
{
	struct world *s = *state;
	uint8_t inner[FRAME_BYTES], quote[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(udp(s, server, guest, 30), CONN_PASS);
	(void)frame_udp(inner, server, guest, 30);
	(void)frame_error(quote, guest, server, 3, 3, inner);
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
}

static void an_error_does_not_pass_on_an_old_answer(void **state)
{
	struct world *s = *state;
	uint8_t quote[FRAME_BYTES], f[FRAME_BYTES];

	assert_int_equal(udp(s, guest, server, 30), CONN_PASS);
	(void)frame_udp(quote, guest, server, 30);
	conn_port_reauthorise(s->t, PORT);
	unrelated(s, judge(s, f, frame_error(f, router, guest, 3, 3, quote)));
	assert_int_equal(udp(s, guest, server, 30), CONN_PASS);
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 3, quote)), CONN_INSIDE);
}

static void leaves_the_link_alone(void **state)
{
	static const uint8_t types[] = { 130, 131, 132, 133, 134, 135, 136, 137, 143 };
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];

	for (size_t i = 0; i < sizeof(types); i++)
		assert_int_equal(icmp(s, guest6, server6, types[i], 0), CONN_LOOSE);
	(void)frame_ip(f, guest, server, 2, 8);
	assert_int_equal(judge(s, f, frame_len(f)), CONN_LOOSE);
	(void)frame_ip(f, guest, server, 0, 28);
	put_be16(f + 12, 0x0806);
	memcpy(f + 14, (const uint8_t[]){ 0, 1, 8, 0, 6, 4, 0, 1 }, 8);
	assert_int_equal(judge(s, f, 42), CONN_LOOSE);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(s->asked, 0);
}

static void tracks_other_protocols_by_addresses(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];

	(void)frame_ip(f, guest, server, 47, 8);
	assert_int_equal(judge(s, f, frame_len(f)), CONN_PASS);
	assert_int_equal(s->asked_for.proto, 47);
	assert_int_equal(s->asked_for.src_port, 0);
	(void)frame_ip(f, server, guest, 47, 8);
	assert_int_equal(judge(s, f, frame_len(f)), CONN_PASS);
	assert_int_equal(s->asked, 1);
	assert_string_equal(state_name(s), "established");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(udp_is_established_by_the_answer),
		WORLD_TEST(udp_waits_longer_for_who_answers),
		WORLD_TEST(refuses_port_zero),
		WORLD_TEST(who_wants_no_answer_needs_no_port),
		WORLD_TEST(a_ping_is_a_connection_by_id),
		WORLD_TEST(a_ping_of_ipv6_too),
		WORLD_TEST(a_flow_of_pings_tells_ids_apart),
		WORLD_TEST(passes_an_error_about_udp),
		WORLD_TEST(passes_an_error_of_the_guest),
		WORLD_TEST(believes_errors_about_tcp_by_number),
		WORLD_TEST(passes_an_error_about_ipv6),
		WORLD_TEST(refuses_errors_that_quote_nonsense),
		WORLD_TEST(an_error_about_an_error_is_nothing),
		WORLD_TEST(an_error_does_not_pass_on_an_old_answer),
		WORLD_TEST(leaves_the_link_alone),
		WORLD_TEST(tracks_other_protocols_by_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
