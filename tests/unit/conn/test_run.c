/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of plain packets: which are let in together, and where a run stops. */
#include "conn/fixture.h"

enum { BURST = 4 };

/* Up to BURST segments from guest to server (or back) with the handle of the last judged packet. */
struct volley {
	struct packet *pkts[BURST];
	struct conn_ref refs[BURST];
	struct conn_run r;
	uint32_t count;
};

static void load(struct world *s, struct volley *v, struct frame_end from, struct frame_tcp t)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, from, from.host == guest.host ? server : guest, t);

	v->refs[v->count] = s->result.ref;
	v->pkts[v->count++] = packet_from(s, f, len);
}

/* What is left of the volley after one run. */
static uint64_t fire(struct world *s, struct volley *v)
{
	uint64_t mask = (UINT64_C(1) << v->count) - 1;
	uint64_t left;

	v->r.port = PORT;
	v->r.pkts = v->pkts;
	conn_run_begin(s->t, &v->r);
	for (uint32_t i = 0; i < v->count; i++)
		conn_verify(s->t, v->refs[i]);
	for (uint32_t n = 0; n < v->count; n++)
		conn_run_add(&v->r, n, v->refs[n]);
	left = conn_run(s->t, &s->w, &v->r, mask);
	for (uint32_t k = 0; k < v->count; k++)
		packet_free(v->pkts[k]);
	return left;
}

static uint64_t packets_from_guest(struct world *s)
{
	struct conn_info info = { .state_name = "" };

	conn_list(s->t, NULL, first_info, &info);
	return info.view.packets[0];
}

static void lets_plain_segments_in(void **state)
{
	struct world *s = *state;
	struct volley v = { .count = 0 };

	handshake(s);
	load(s, &v, guest, SEG(F_ACK, 1001, 5001, 1000, 100));
	load(s, &v, guest, SEG(F_ACK | F_PSH, 1101, 5001, 1000, 100));
	load(s, &v, guest, SEG(F_ACK, 1201, 5001, 1000));
	assert_int_equal(fire(s, &v), 0);
	assert_int_equal(packets_from_guest(s), 5);
	/* its numbers have grown with them: the server may acknowledge just that much */
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1202, 1000)), CONN_DROP);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001, 1201, 1000)), CONN_PASS);
}

static void stops_at_what_says_more(void **state)
{
	static const uint8_t more[] = { F_ACK | F_FIN, F_ACK | F_RST, F_SYN, F_PSH, F_SYN | F_ACK };
	struct world *s = *state;

	handshake(s);
	for (size_t i = 0; i < sizeof(more); i++) {
		struct volley v = { .count = 0 };

		load(s, &v, guest, SEG(F_ACK, 1001, 5001, 1000));
		load(s, &v, guest, SEG(more[i], 1001, 5001, 1000));
		load(s, &v, guest, SEG(F_ACK, 1001, 5001, 1000));
		assert_int_equal(fire(s, &v), 6);
		assert_int_equal(packets_from_guest(s), 2 + i + 1);
		assert_string_equal(state_name(s), "established");
	}
}

static void stops_at_each_limit_of_the_window(void **state)
{
	static const struct frame_tcp wrong[] = {
		{ F_ACK, 1001, 5001, 1000, 1002, 0 },     /* beyond what the server offered */
		{ F_ACK, 4294967295u, 5001, 1000, 0, 0 }, /* older than its window */
		{ F_ACK, 1001, 5002, 1000, 0, 0 },        /* acknowledges what was not sent */
		{ F_ACK, 1001, 4294900000u, 1000, 0, 0 }, /* and what is long past */
	};
	struct world *s = *state;

	handshake(s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct volley v = { .count = 0 };

		load(s, &v, guest, wrong[i]);
		assert_int_equal(fire(s, &v), 1);
		assert_int_equal(packets_from_guest(s), 2);
	}
}

/* The window of a segment in a run: as much as both said in their SYN that it is worth. */
static void shifts_windows_as_both_agreed(void **state)
{
	struct world *s = *state;
	struct volley v = { .count = 0 };

	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000, 0, 1 + 3)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000, 0, 1 + 2)),
			 CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 100)), CONN_PASS);
	load(s, &v, guest, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(fire(s, &v), 0);
	/* 8000 are the server's to fill, and a probe of one */
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001 + 7000, 1001, 100, 1002)),
			 CONN_DROP);
	assert_int_equal(tcp(s, server, guest, SEG(F_ACK, 5001 + 7000, 1001, 100, 1001)),
			 CONN_PASS);
}

static void lets_in_what_was_met_in_its_middle(void **state)
{
	static const struct conn_limits limits = { .connections = 64, .midstream_ms = 60000 };
	struct volley v = { .count = 0 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	assert_int_equal(tcp(&s, server, guest, SEG(F_ACK, 5000, 1000, 100, 500)), CONN_PASS);
	assert_int_equal(tcp(&s, guest, server, SEG(F_ACK, 1000, 5500, 100, 900)), CONN_PASS);
	load(&s, &v, guest, SEG(F_ACK, 1900, 5500, 100));
	/* more of the server's may have come than was seen, but not that much */
	load(&s, &v, guest, SEG(F_ACK, 1900, 5500 + 90000, 100));
	load(&s, &v, guest, SEG(F_ACK, 1900, 5500 + 0x40000000, 100));
	assert_int_equal(fire(&s, &v), 4);
	world_close(&s);
}

static void leaves_to_others_what_is_not_its_own(void **state)
{
	struct world *s = *state;
	struct volley other = { .count = 0 }, stale = { .count = 0 }, dead = { .count = 0 };

	handshake(s);
	load(s, &other, guest, SEG(F_ACK, 1001, 5001, 1000));
	s->w.nr = 1;
	assert_int_equal(fire(s, &other), 1);
	s->w.nr = 0;
	load(s, &dead, guest, SEG(F_ACK, 1001, 5001, 1000));
	dead.refs[0].generation += 2;
	assert_int_equal(fire(s, &dead), 1);
	conn_port_reauthorise(s->t, PORT);
	load(s, &stale, guest, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(fire(s, &stale), 1);
	assert_int_equal(packets_from_guest(s), 2);
}

static void a_datagram_needs_no_answer(void **state)
{
	struct world *s = *state;
	uint8_t f[FRAME_BYTES];
	struct volley v = { .count = 1 };

	assert_int_equal(udp(s, guest, server, 20), CONN_PASS);
	v.pkts[0] = packet_from(s, f, frame_udp(f, guest, server, 20));
	v.refs[0] = s->result.ref;
	assert_int_equal(fire(s, &v), 0);
	assert_int_equal(packets_from_guest(s), 2);
	/* the first answer makes it a conversation, which is more than a run may do */
	v.pkts[0] = packet_from(s, f, frame_udp(f, server, guest, 20));
	v.refs[0].generation |= 1;
	assert_int_equal(fire(s, &v), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(lets_plain_segments_in),
		WORLD_TEST(stops_at_what_says_more),
		WORLD_TEST(stops_at_each_limit_of_the_window),
		WORLD_TEST(shifts_windows_as_both_agreed),
		cmocka_unit_test(lets_in_what_was_met_in_its_middle),
		WORLD_TEST(leaves_to_others_what_is_not_its_own),
		WORLD_TEST(a_datagram_needs_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
