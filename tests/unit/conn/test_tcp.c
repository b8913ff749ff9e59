/* SPDX-License-Identifier: Apache-2.0 */
/* The life of TCP connections, as one who stands between the ends sees it. */
#include "conn/fixture.h"

static void refuses(struct world *s, enum conn_answer answer, uint16_t reason)
{
	assert_int_equal(answer, CONN_DROP);
	assert_int_equal(s->reason, reason);
}

static void asks_once_and_follows_the_handshake(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_true(s->result.is_new);
	assert_string_equal(state_name(s), "syn-sent");
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_false(s->result.is_new);
	assert_string_equal(state_name(s), "syn-received");
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "established");

	assert_int_equal(s->asked, 1);
	assert_int_equal(s->asked_for.inbound, 0);
	assert_int_equal(s->asked_for.src[15], guest.host);
	assert_int_equal(s->asked_for.dst[15], server.host);
	assert_int_equal(s->asked_for.src_port, __builtin_bswap16(guest.port));
	assert_int_equal(s->asked_for.dst_port, __builtin_bswap16(server.port));
	assert_int_equal(s->asked_for.state, XVS_CONN_NEW);
	assert_int_equal(conn_count(s->t, NULL), 1);
}

static void views_an_inbound_connection_from_its_initiator(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, server, guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
	assert_int_equal(s->asked_for.inbound, 1);
	assert_int_equal(s->asked_for.src[15], server.host);
	assert_int_equal(s->asked_for.dst_port, __builtin_bswap16(guest.port));
}

static void counts_each_direction(void **state)
{
	struct world *s = *state;
	struct conn_info info = { 0 };

	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000, 100)), CONN_PASS);
	conn_list(s->t, NULL, first_info, &info);
	assert_int_equal(info.view.packets[0], 3);
	assert_int_equal(info.view.packets[1], 1);
	assert_int_equal(info.view.bytes[0], 54 + 54 + 154);
	assert_int_equal(info.view.bytes[1], 54);
}

static void cached_flow_updates_through_its_handle(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];
	struct conn_ref ref;

	handshake(s);
	ref = s->result.ref;
	assert_int_equal(ref.generation & 1, 0);
	assert_int_equal(update(s, ref, f,
				frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000, 500))),
			 CONN_PASS);
	assert_int_equal(update(s, ref, f,
				frame_tcp(f, guest, server, SEG(F_ACK, 1501, 5001, 1000, 500))),
			 CONN_PASS);
	/* The server allowed up to 2001, and one octet as a probe. */
	refuses(s, update(s, ref, f, frame_tcp(f, guest, server, SEG(F_ACK, 2001, 5001, 1000, 2))),
		REASON_CONN_WINDOW);
	assert_int_equal(update(s, ref, f,
				frame_tcp(f, guest, server, SEG(F_ACK, 2001, 5001, 1000, 1))),
			 CONN_PASS);
	assert_int_equal(s->asked, 1);
}

static void refuses_what_is_outside_the_window(void **state)
{
	struct world *s = *state;

	handshake(s);
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 500000, 5001, 1000, 10)), REASON_CONN_WINDOW);
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1001u - 2000, 5001, 1000, 10)),
		REASON_CONN_WINDOW);
	/* Acknowledges what was never sent, or what is long past. */
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1001, 5002, 1000)), REASON_CONN_WINDOW);
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1001, 5001u - 70000, 1000)),
		REASON_CONN_WINDOW);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000, 10)), CONN_PASS);
}

static void lets_retransmissions_through(void **state)
{
	struct world *s = *state;

	handshake(s);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000, 900)),
				 CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1901, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1901, 5001, 1000, 900)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1901, 5001, 1000, 900)), CONN_PASS);
	/* A keep-alive is one before the next. */
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 2800, 5001, 1000)), CONN_PASS);
}

static void scales_windows_that_both_offered(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000, 0, 1 + 3)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000, 0, 1 + 2)),
			 CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	/* 1000 << 3 for the server to fill; its own SYN's window was not scaled. */
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1001, 100, 1400)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001 + 7000, 1001, 100, 1000)),
			 CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_ACK, 5001 + 7000, 1001, 100, 1002)),
		REASON_CONN_WINDOW);
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000, 1002)), REASON_CONN_WINDOW);
}

static void scales_nothing_that_one_did_not_offer(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000, 0, 1 + 7)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_ACK, 5001, 1001, 1000, 1002)), REASON_CONN_WINDOW);
}

static void takes_a_gso_packet_as_all_its_data(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];
	struct packet *p;

	handshake(s);
	p = packet_from(s, f, frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000, 900)));
	p->x.gso_type = 1;
	p->x.gso_size = 100;
	assert_int_equal(conn_judge(s->t, &s->w, PORT, false, p, s, &s->result), CONN_PASS);
	packet_free(p);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1901, 1000)), CONN_PASS);
}

static void ignores_padding(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES] = { 0 };
	uint32_t len;

	handshake(s);
	len = frame_tcp(f, guest, server, SEG(F_ACK, 1001, 5001, 1000));
	memset(f + len, 0, 6);
	assert_int_equal(judge(s, f, len + 6), CONN_PASS);
	/* Had the padding been data, this would acknowledge it. */
	refuses(s, tcp(s, server, guest, SEG(F_ACK, 5001, 1007, 1000)), REASON_CONN_WINDOW);
}

static void closes_on_an_exact_reset_only(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	handshake(s);
	assert_int_equal(tcp(s, server, guest, SEG(F_RST, 5500)), CONN_PASS);
	assert_string_equal(state_name(s), "established");
	refuses(s, tcp(s, server, guest, SEG(F_RST, 5000)), REASON_CONN_WINDOW);
	refuses(s, tcp(s, server, guest, SEG(F_RST, 600000)), REASON_CONN_WINDOW);
	refuses(s, tcp(s, server, guest, SEG(F_RST | F_ACK, 5001, 900000)), REASON_CONN_WINDOW);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(tcp(s, server, guest, SEG(F_RST, 5001)), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_RST);
	assert_int_equal(s->last.state, XVS_CONN_CLOSED);
}

static void closes_on_a_reset_behind_data_not_yet_acknowledged(void **state)
{
	struct world *s = *state;

	handshake(s);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1001, 1000, 300)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_RST | F_ACK, 5301, 1001)), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

static void closes_when_the_syn_is_answered_by_reset(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_RST | F_ACK, 0, 999)), REASON_CONN_WINDOW);
	refuses(s, tcp(s, server, guest, SEG(F_RST, 0)), REASON_CONN_WINDOW);
	assert_int_equal(tcp(s, server, guest, SEG(F_RST | F_ACK, 0, 1001)), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

static void opens_from_both_sides_at_once(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN, 5000, 0, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "syn-received");
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN | F_ACK, 1000, 5001, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "syn-received");
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(s->asked, 1);
}

static void refuses_a_wrong_answer_to_the_syn(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1002, 1000)), REASON_CONN_WINDOW);
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1000, 1000)), REASON_CONN_WINDOW);
	assert_string_equal(state_name(s), "syn-sent");
}

static void refuses_data_of_who_has_heard_nothing_yet(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1001, 1, 1000, 100)), REASON_CONN_STATE);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000, 100)), CONN_PASS);
}

static void lets_one_recover_who_holds_an_older_connection(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 77, 300, 1000)), CONN_PASS);
	refuses(s, tcp(s, guest, server, SEG(F_RST, 301)), REASON_CONN_WINDOW);
	assert_int_equal(tcp(s, guest, server, SEG(F_RST, 300)), CONN_PASS);
	assert_string_equal(state_name(s), "syn-sent");
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
}

static void takes_a_new_number_from_who_tries_again(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 700000, 0, 1000)), CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), REASON_CONN_WINDOW);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 700001, 1000)), CONN_PASS);
	assert_int_equal(s->asked, 1);
}

static void lets_data_flow_after_a_half_close(void **state)
{
	struct world *s = *state;

	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_FIN | F_ACK, 1001, 5001, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "closing");
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1002, 1000, 700)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1002, 5701, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "closing");
	assert_int_equal(tcp(s, server, guest, SEG(F_FIN | F_ACK, 5701, 1002, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "closing");
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1002, 5702, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "time-wait");
}

static void finish(struct world *s)
{
	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_FIN | F_ACK, 1001, 5001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_FIN | F_ACK, 5001, 1002, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1002, 5002, 1000)), CONN_PASS);
}

static void a_syn_after_the_end_opens_anew(void **state)
{
	struct world *s = *state;
	struct conn_ref old;
	uint8_t f[FRAME_BYTES];
	uint32_t len;

	s->say.log = 1;
	finish(s);
	assert_string_equal(state_name(s), "time-wait");
	old = s->result.ref;
	len = frame_tcp(f, guest, server, SEG(F_SYN, 90000, 0, 1000));
	assert_int_equal(update(s, old, f, len), CONN_AGAIN);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_FIN);
	assert_int_equal(judge(s, f, len), CONN_PASS);
	assert_true(s->result.is_new);
	assert_int_equal(s->asked, 2);
	assert_int_equal(conn_count(s->t, NULL), 1);
	assert_string_equal(state_name(s), "syn-sent");
	assert_int_equal(update(s, old, f, len), CONN_AGAIN);
}

static void a_syn_within_a_connection_changes_nothing(void **state)
{
	struct world *s = *state;

	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 800000, 0, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "established");
	refuses(s, tcp(s, server, guest, SEG(F_ACK, 5001, 800001, 1000)), REASON_CONN_WINDOW);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1001, 1000)), CONN_PASS);
	/* The challenge's answer is exact, and closes. */
	assert_int_equal(tcp(s, guest, server, SEG(F_RST, 1001)), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

/* The guest came back after a crash and took the same port, and the server forgot meanwhile. */
static void ends_when_both_ends_begin_anew(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 800000, 0, 1000)), CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 90000, 800002, 1000)),
		REASON_CONN_WINDOW);
	assert_string_equal(state_name(s), "established");
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 90000, 800001, 1000)),
		REASON_CONN_MIDSTREAM);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_RST);
	assert_int_equal(conn_count(s->t, NULL), 0);

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 800000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 90000, 800001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 800001, 90001, 1000)), CONN_PASS);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(s->asked, 2);
}

static void ends_when_a_half_open_one_begins_anew(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 700000, 0, 1000)), CONN_PASS);
	/* The server is still at the first: so are we. */
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 6000, 700001, 1000)),
		REASON_CONN_MIDSTREAM);
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 700000, 0, 1000)), CONN_PASS);
	assert_true(s->result.is_new);
}

static void refuses_impossible_flags(void **state)
{
	static const uint8_t flags[] = { 0,
					 F_FIN,
					 F_SYN | F_FIN,
					 F_SYN | F_RST,
					 F_FIN | F_RST,
					 F_URG | F_PSH,
					 F_FIN | F_URG | F_PSH,
					 F_SYN | F_FIN | F_ACK };
	struct world *s = *state;

	for (size_t i = 0; i < sizeof(flags); i++)
		refuses(s, tcp(s, guest, server, SEG(flags[i], 1000, 0, 1000)), REASON_CONN_STATE);
	assert_int_equal(s->asked, 0);
	handshake(s);
	for (size_t i = 0; i < sizeof(flags); i++)
		refuses(s, tcp(s, guest, server, SEG(flags[i], 1001, 5001, 1000)),
			REASON_CONN_STATE);
}

static void refuses_the_middle_of_what_is_not_known(void **state)
{
	struct world *s = *state;

	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1, 1, 1000)), REASON_CONN_MIDSTREAM);
	refuses(s, tcp(s, guest, server, SEG(F_RST, 1)), REASON_CONN_MIDSTREAM);
	refuses(s, tcp(s, guest, server, SEG(F_FIN | F_ACK, 1, 1, 9)), REASON_CONN_MIDSTREAM);
	refuses(s, tcp(s, server, guest, SEG(F_SYN | F_ACK, 1, 1, 9)), REASON_CONN_MIDSTREAM);
	assert_int_equal(s->asked, 0);
}

static void accepts_the_middle_after_a_start(void **state)
{
	static const struct conn_limits limits = { .connections = 64, .midstream_ms = 60000 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	assert_int_equal(tcp(&s, server, guest, SEG(F_ACK, 5000, 1000, 100, 500)), CONN_PASS);
	assert_true(s.result.is_new);
	assert_int_equal(s.asked_for.inbound, 1);
	assert_string_equal(state_name(&s), "established");
	assert_int_equal(tcp(&s, guest, server, SEG(F_ACK, 1000, 5500, 100, 900)), CONN_PASS);
	/* Windows are of unknown scale: anything that could be is let through. */
	assert_int_equal(tcp(&s, server, guest, SEG(F_ACK, 5500 + 90000, 1900, 100, 500)),
			 CONN_PASS);
	refuses(&s, tcp(&s, server, guest, SEG(F_ACK, 5500 + 0x40000000, 1900, 100, 500)),
		REASON_CONN_WINDOW);
	assert_int_equal(s.asked, 1);
	world_wait(&s, 61000);
	refuses(&s, tcp(&s, server, (struct frame_end){ 1, false, 41000 }, SEG(F_ACK, 1, 1, 9)),
		REASON_CONN_MIDSTREAM);
	world_close(&s);
}

static void times_out_by_state(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	world_wait(s, 239000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 1);
	world_wait(s, 2000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_IDLE);

	handshake(s);
	world_wait(s, 7430000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 1);
	world_wait(s, 20000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);

	finish(s);
	world_wait(s, 241000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_FIN);
}

static void a_verdict_may_ask_for_another_time_out(void **state)
{
	struct world *s = *state;

	s->say.idle_ms = 5000;
	handshake(s);
	world_wait(s, 4000);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	world_wait(s, 4000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 1);
	world_wait(s, 2000);
	/* Overdue is dead, swept or not. */
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), REASON_CONN_MIDSTREAM);
}

static void wraps_around(void **state)
{
	struct world *s = *state;

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 0xffffffff, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 0xfffffff0, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 0, 0xfffffff1, 1000, 500)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 0xfffffff1, 500, 1000, 800)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 500, 785, 1000, 1000)), CONN_PASS);
	refuses(s, tcp(s, guest, server, SEG(F_ACK, 1500, 785, 1000, 2)), REASON_CONN_WINDOW);
}

static void speaks_ipv6(void **state)
{
	static const struct frame_end a = { 1, true, 40000 };
	static const struct frame_end b = { 2, true, 80 };
	struct world *s = *state;

	assert_int_equal(tcp(s, a, b, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, b, a, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, a, b, SEG(F_ACK, 1001, 5001, 1000, 1000)), CONN_PASS);
	refuses(s, tcp(s, a, b, SEG(F_ACK, 2001, 5001, 1000, 2)), REASON_CONN_WINDOW);
	assert_string_equal(state_name(s), "established");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(asks_once_and_follows_the_handshake),
		WORLD_TEST(views_an_inbound_connection_from_its_initiator),
		WORLD_TEST(counts_each_direction),
		WORLD_TEST(cached_flow_updates_through_its_handle),
		WORLD_TEST(refuses_what_is_outside_the_window),
		WORLD_TEST(lets_retransmissions_through),
		WORLD_TEST(scales_windows_that_both_offered),
		WORLD_TEST(scales_nothing_that_one_did_not_offer),
		WORLD_TEST(takes_a_gso_packet_as_all_its_data),
		WORLD_TEST(ignores_padding),
		WORLD_TEST(closes_on_an_exact_reset_only),
		WORLD_TEST(closes_on_a_reset_behind_data_not_yet_acknowledged),
		WORLD_TEST(closes_when_the_syn_is_answered_by_reset),
		WORLD_TEST(opens_from_both_sides_at_once),
		WORLD_TEST(refuses_a_wrong_answer_to_the_syn),
		WORLD_TEST(refuses_data_of_who_has_heard_nothing_yet),
		WORLD_TEST(lets_one_recover_who_holds_an_older_connection),
		WORLD_TEST(takes_a_new_number_from_who_tries_again),
		WORLD_TEST(lets_data_flow_after_a_half_close),
		WORLD_TEST(a_syn_after_the_end_opens_anew),
		WORLD_TEST(a_syn_within_a_connection_changes_nothing),
		WORLD_TEST(ends_when_both_ends_begin_anew),
		WORLD_TEST(ends_when_a_half_open_one_begins_anew),
		WORLD_TEST(refuses_impossible_flags),
		WORLD_TEST(refuses_the_middle_of_what_is_not_known),
		cmocka_unit_test(accepts_the_middle_after_a_start),
		WORLD_TEST(times_out_by_state),
		WORLD_TEST(a_verdict_may_ask_for_another_time_out),
		WORLD_TEST(wraps_around),
		WORLD_TEST(speaks_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
