/* SPDX-License-Identifier: Apache-2.0 */
/* SCTP associations: tags, states, restarts, what only looks like one. */
#include "conn/fixture.h"

enum {
	DATA = 0,
	INIT = 1,
	INIT_ACK = 2,
	SACK = 3,
	ABORT = 6,
	SHUTDOWN = 7,
	SHUTDOWN_ACK = 8,
	COOKIE_ECHO = 10,
	COOKIE_ACK = 11,
	COMPLETE = 14,
	T = 1 << 8, /* the flag of ABORT and COMPLETE */
};

/* What the ends ask each other for. */
enum { GUEST_TAG = 0x1111, SERVER_TAG = 0x2222 };

static uint32_t put_chunk(uint8_t *at, uint32_t type, uint32_t init_tag)
{
	uint32_t len = (type & 0xff) == INIT || (type & 0xff) == INIT_ACK ? 20 : 8;

	memset(at, 0, len);
	at[0] = (uint8_t)type;
	at[1] = (uint8_t)(type >> 8);
	put_be16(at + 2, (uint16_t)len);
	put_be32(at + 4, init_tag);
	return len;
}

static uint32_t build(uint8_t *f, bool inbound, uint32_t tag, uint32_t type, uint32_t init_tag)
{
	uint8_t chunk[20];
	uint32_t len = put_chunk(chunk, type, init_tag);

	return frame_sctp(f, inbound ? server : guest, inbound ? guest : server, tag, chunk, len);
}

static enum conn_answer sctp(struct world *s, bool inbound, uint32_t tag, uint32_t type,
			     uint32_t init_tag)
{
	uint8_t f[FRAME_BYTES];

	return judge(s, f, build(f, inbound, tag, type, init_tag));
}

static void passes(struct world *s, bool inbound, uint32_t tag, uint32_t type, uint32_t init_tag)
{
	assert_int_equal(sctp(s, inbound, tag, type, init_tag), CONN_PASS);
}

static void refuses(struct world *s, enum conn_answer answer, uint16_t reason)
{
	assert_int_equal(answer, CONN_DROP);
	assert_int_equal(s->reason, reason);
}

static void associate(struct world *s)
{
	passes(s, false, 0, INIT, GUEST_TAG);
	passes(s, true, GUEST_TAG, INIT_ACK, SERVER_TAG);
	passes(s, false, SERVER_TAG, COOKIE_ECHO, 0);
	passes(s, true, GUEST_TAG, COOKIE_ACK, 0);
}

static void follows_an_association(void **state)
{
	struct world *s = *state;

	passes(s, false, 0, INIT, GUEST_TAG);
	assert_true(s->result.is_new);
	assert_int_equal(s->asked_for.proto, 132);
	assert_int_equal(s->asked_for.dst_port, __builtin_bswap16(server.port));
	assert_string_equal(state_name(s), "cookie-wait");
	passes(s, true, GUEST_TAG, INIT_ACK, SERVER_TAG);
	assert_string_equal(state_name(s), "cookie-wait");
	passes(s, false, SERVER_TAG, COOKIE_ECHO, 0);
	assert_string_equal(state_name(s), "cookie-echoed");
	passes(s, true, GUEST_TAG, COOKIE_ACK, 0);
	assert_string_equal(state_name(s), "established");
	passes(s, false, SERVER_TAG, DATA, 0);
	passes(s, true, GUEST_TAG, SACK, 0);
	passes(s, true, GUEST_TAG, SHUTDOWN, 0);
	assert_string_equal(state_name(s), "shutdown");
	passes(s, false, SERVER_TAG, SHUTDOWN_ACK, 0);
	passes(s, true, GUEST_TAG, COMPLETE, 0);
	assert_string_equal(state_name(s), "closed");
	assert_int_equal(s->asked, 1);
}

static void refuses_who_does_not_know_the_tag(void **state)
{
	struct world *s = *state;

	passes(s, false, 0, INIT, GUEST_TAG);
	refuses(s, sctp(s, true, 9, INIT_ACK, SERVER_TAG), REASON_CONN_TAG);
	refuses(s, sctp(s, true, 9, ABORT, 0), REASON_CONN_TAG);
	refuses(s, sctp(s, false, 9, COOKIE_ECHO, 0), REASON_CONN_TAG);
	passes(s, true, GUEST_TAG, INIT_ACK, SERVER_TAG);
	passes(s, false, SERVER_TAG, COOKIE_ECHO, 0);
	passes(s, true, GUEST_TAG, COOKIE_ACK, 0);
	refuses(s, sctp(s, false, GUEST_TAG, DATA, 0), REASON_CONN_TAG);
	refuses(s, sctp(s, true, SERVER_TAG, SHUTDOWN, 0), REASON_CONN_TAG);
	refuses(s, sctp(s, true, 9, ABORT, 0), REASON_CONN_TAG);
	refuses(s, sctp(s, true, GUEST_TAG, ABORT | T, 0), REASON_CONN_TAG);
	assert_string_equal(state_name(s), "established");
}

static void ends_by_abort(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	associate(s);
	passes(s, true, GUEST_TAG, ABORT, 0);
	assert_int_equal(conn_count(s->t, NULL), 0);
	assert_int_equal(s->causes[s->events - 1], XVS_CONN_RST);
	associate(s);
	/* of a server that knows nothing of it any more, and gives back the guest's own */
	passes(s, true, SERVER_TAG, ABORT | T, 0);
	assert_int_equal(conn_count(s->t, NULL), 0);
	passes(s, false, 0, INIT, GUEST_TAG);
	passes(s, true, GUEST_TAG, ABORT, 0);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

static void opens_by_init_alone(void **state)
{
	struct world *s = *state;

	refuses(s, sctp(s, false, 7, DATA, 0), REASON_CONN_MIDSTREAM);
	refuses(s, sctp(s, false, 7, COOKIE_ECHO, 0), REASON_CONN_MIDSTREAM);
	refuses(s, sctp(s, false, 7, INIT_ACK, 1), REASON_CONN_MIDSTREAM);
	refuses(s, sctp(s, true, 7, ABORT, 0), REASON_CONN_MIDSTREAM);
	refuses(s, sctp(s, false, 7, INIT, GUEST_TAG), REASON_CONN_INVALID);
	refuses(s, sctp(s, false, 0, INIT, 0), REASON_CONN_INVALID);
	refuses(s, sctp(s, false, 0, DATA, 0), REASON_CONN_INVALID);
	assert_int_equal(s->asked, 0);
}

static void two_inits_are_one_association(void **state)
{
	struct world *s = *state;

	passes(s, false, 0, INIT, GUEST_TAG);
	passes(s, true, 0, INIT, SERVER_TAG);
	passes(s, true, GUEST_TAG, INIT_ACK, SERVER_TAG);
	passes(s, false, SERVER_TAG, INIT_ACK, GUEST_TAG);
	passes(s, false, SERVER_TAG, COOKIE_ECHO, 0);
	passes(s, true, GUEST_TAG, COOKIE_ACK, 0);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(s->asked, 1);
}

static void an_init_within_changes_nothing_by_itself(void **state)
{
	struct world *s = *state;

	associate(s);
	passes(s, true, 0, INIT, 0x6666);
	passes(s, false, SERVER_TAG, DATA, 0);
	refuses(s, sctp(s, false, 0x6666, DATA, 0), REASON_CONN_TAG);
	refuses(s, sctp(s, true, 0x7777, COOKIE_ECHO, 0), REASON_CONN_TAG);
	assert_string_equal(state_name(s), "established");
}

static void an_end_may_come_back_after_a_crash(void **state)
{
	struct world *s = *state;

	associate(s);
	passes(s, false, 0, INIT, 0x3333);
	passes(s, true, 0x3333, INIT_ACK, 0x4444);
	/* until the cookie is back the old one counts */
	passes(s, true, GUEST_TAG, DATA, 0);
	passes(s, false, 0x4444, COOKIE_ECHO, 0);
	assert_string_equal(state_name(s), "established");
	passes(s, true, 0x3333, COOKIE_ACK, 0);
	passes(s, false, 0x4444, DATA, 0);
	refuses(s, sctp(s, false, SERVER_TAG, DATA, 0), REASON_CONN_TAG);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(s->asked, 1);
}

static void an_end_that_comes_back_is_not_half_open_again(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct world *s = *state;

	assert_int_equal(conn_port_open(s->t, PORT, 0, 1, &err), 0);
	for (unsigned i = 0; i < 5; i++) {
		associate(s);
		passes(s, false, 0, INIT, 0x3333);
		passes(s, true, 0x3333, INIT_ACK, 0x4444);
		passes(s, false, 0x4444, COOKIE_ECHO, 0);
		passes(s, true, 0x3333, ABORT, 0);
	}
	/* none of them is still counted, and none twice: the one that may be half-open makes room */
	assert_int_equal(udp(s, (struct frame_end){ 3, false, 1 }, guest, 1), CONN_PASS);
	assert_int_equal(udp(s, (struct frame_end){ 3, false, 2 }, guest, 1), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 1);
}

static void an_init_after_the_end_opens_anew(void **state)
{
	struct world *s = *state;

	associate(s);
	passes(s, false, SERVER_TAG, SHUTDOWN, 0);
	passes(s, true, GUEST_TAG, SHUTDOWN_ACK, 0);
	passes(s, false, SERVER_TAG, COMPLETE, 0);
	passes(s, false, 0, INIT, 0x3333);
	assert_true(s->result.is_new);
	assert_int_equal(s->asked, 2);
	assert_int_equal(conn_count(s->t, NULL), 1);
	assert_string_equal(state_name(s), "cookie-wait");
}

static enum conn_answer chunks(struct world *s, const uint8_t *bytes, uint32_t len)
{
	uint8_t f[FRAME_BYTES];

	return judge(s, f, frame_sctp(f, guest, server, 0, bytes, len));
}

static void refuses_what_contradicts_itself(void **state)
{
	static const uint8_t short_init[] = { INIT, 0, 0, 4 };
	static const uint8_t length_0[] = { INIT, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t too_long[] = { INIT, 0, 0, 24, 0, 0, 0, 1 };
	static const uint8_t not_alone[] = { INIT, 0, 0, 8, 0, 0, 0, 1, SACK, 0, 0, 4 };
	struct world *s = *state;

	refuses(s, chunks(s, short_init, 0), REASON_CONN_INVALID);
	refuses(s, chunks(s, short_init, sizeof(short_init)), REASON_CONN_INVALID);
	refuses(s, chunks(s, length_0, sizeof(length_0)), REASON_CONN_INVALID);
	refuses(s, chunks(s, too_long, sizeof(too_long)), REASON_CONN_INVALID);
	refuses(s, chunks(s, not_alone, sizeof(not_alone)), REASON_CONN_INVALID);
	assert_int_equal(s->asked, 0);
}

static void finds_what_is_bundled_before_data(void **state)
{
	uint8_t f[FRAME_BYTES];
	uint8_t bytes[64];
	uint32_t len = put_chunk(bytes, COOKIE_ECHO, 0);
	struct world *s = *state;

	len += put_chunk(bytes + len, DATA, 0);
	passes(s, false, 0, INIT, GUEST_TAG);
	passes(s, true, GUEST_TAG, INIT_ACK, SERVER_TAG);
	assert_int_equal(judge(s, f, frame_sctp(f, guest, server, SERVER_TAG, bytes, len)),
			 CONN_PASS);
	assert_string_equal(state_name(s), "cookie-echoed");
	len = put_chunk(bytes, SACK, 0);
	len += put_chunk(bytes + len, COOKIE_ACK, 0);
	assert_int_equal(judge(s, f, frame_sctp(f, server, guest, GUEST_TAG, bytes, len)),
			 CONN_PASS);
	assert_string_equal(state_name(s), "established");
}

static void believes_errors_that_quote_the_tag(void **state)
{
	uint8_t quote[FRAME_BYTES];
	uint8_t f[FRAME_BYTES];
	struct world *s = *state;

	(void)build(quote, false, 0, INIT, GUEST_TAG);
	passes(s, false, 0, INIT, GUEST_TAG);
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 1, quote)), CONN_INSIDE);
	passes(s, true, GUEST_TAG, INIT_ACK, SERVER_TAG);
	passes(s, false, SERVER_TAG, COOKIE_ECHO, 0);
	(void)build(quote, false, SERVER_TAG, DATA, 0);
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 1, quote)), CONN_INSIDE);
	(void)build(quote, false, GUEST_TAG, DATA, 0);
	assert_int_equal(judge(s, f, frame_error(f, router, guest, 3, 1, quote)), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_UNRELATED);
}

static void goes_on_in_its_middle_after_a_start(void **state)
{
	static const struct conn_limits limits = { .connections = 64, .midstream_ms = 60000 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	passes(&s, false, SERVER_TAG, DATA, 0);
	assert_string_equal(state_name(&s), "established");
	refuses(&s, sctp(&s, false, 9, DATA, 0), REASON_CONN_TAG);
	passes(&s, true, GUEST_TAG, SACK, 0);
	refuses(&s, sctp(&s, true, 9, DATA, 0), REASON_CONN_TAG);
	world_close(&s);
}

static void times_out_by_state(void **state)
{
	struct world *s = *state;

	passes(s, false, 0, INIT, GUEST_TAG);
	world_wait(s, 61000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);
	associate(s);
	world_wait(s, 590000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 1);
	world_wait(s, 20000);
	world_sweep(s);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(follows_an_association),
		WORLD_TEST(refuses_who_does_not_know_the_tag),
		WORLD_TEST(ends_by_abort),
		WORLD_TEST(opens_by_init_alone),
		WORLD_TEST(two_inits_are_one_association),
		WORLD_TEST(an_init_within_changes_nothing_by_itself),
		WORLD_TEST(an_end_may_come_back_after_a_crash),
		WORLD_TEST(an_end_that_comes_back_is_not_half_open_again),
		WORLD_TEST(an_init_after_the_end_opens_anew),
		WORLD_TEST(refuses_what_contradicts_itself),
		WORLD_TEST(finds_what_is_bundled_before_data),
		WORLD_TEST(believes_errors_that_quote_the_tag),
		cmocka_unit_test(goes_on_in_its_middle_after_a_start),
		WORLD_TEST(times_out_by_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
