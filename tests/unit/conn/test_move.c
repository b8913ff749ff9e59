/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of one table go on in another: what is told of them, and what is believed. */
#include "conn/fixture.h"

#include "conn/entry.h"
#include "conn/move.h"

enum { RECORD = 65536, HERE = 0, THERE = 1 };

struct two {
	struct world here, there;
	struct conn_watch *watch;
	uint8_t bytes[RECORD]; /* the last record */
	size_t len;
};

static const char *denier_name(void *arg, uint16_t instance)
{
	(void)arg;
	return instance == 7 ? "org.test" : NULL;
}

static uint16_t denier_here(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "org.test") == 0 ? 9 : 0;
}

static struct conn_adoption adoption = { { 2, CONN_SLOTS, CONN_SLOTS, CONN_SLOTS },
					 denier_here,
					 NULL };

static int setup(void **state)
{
	static const struct conn_limits limits = { .connections = 4096, .midstream_ms = 60000 };
	struct two *s = test_malloc(sizeof(*s));
	struct xvs_error err = ERROR_INIT;

	world_open(&s->here, &limits);
	world_open(&s->there, &limits);
	s->len = 0;
	assert_int_equal(conn_watch_open(s->here.t, PORT, &s->watch, &err), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct two *s = *state;

	conn_watch_close(s->watch);
	world_close(&s->here);
	world_close(&s->there);
	test_free(s);
	return 0;
}

/* A whole pass, in one record. */
static void pass(struct two *s, enum conn_pass which)
{
	const struct conn_pass_plan plan = { .pass = which, .slots = 1, .denier = denier_name };
	bool more = true;

	s->len = 0;
	conn_watch_begin(s->watch, &plan);
	while (more)
		s->len += conn_watch_next(s->watch, s->bytes + s->len, sizeof(s->bytes) - s->len,
					  &more);
}

static int take(struct two *s)
{
	struct xvs_error err = ERROR_INIT;

	return conn_port_adopt(s->there.t, PORT, &adoption, s->bytes, s->len, &err);
}

/* Told and believed. */
static void carry(struct two *s, enum conn_pass which)
{
	pass(s, which);
	assert_int_equal(take(s), 0);
}

static void arrive(struct two *s)
{
	carry(s, CONN_PASS_LAST);
	conn_port_adopted(s->there.t, PORT);
}

static uint32_t count(struct world *w)
{
	return conn_count(w->t, NULL);
}

static void an_established_connection_goes_on(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_ACK, 1001, 5001, 1000, 100)),
			 CONN_PASS);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_string_equal(state_name(&s->there), "established");
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1101, 5001, 1000, 100)),
			 CONN_PASS);
	assert_false(s->there.result.is_new);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 5001, 1201, 1000, 50)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1201, 5051, 1000)), CONN_PASS);
	assert_int_equal(count(&s->there), 1);
}

static void its_counts_go_on_too(void **state)
{
	struct two *s = *state;
	struct conn_info before = { 0 };
	struct conn_info after = { 0 };

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	conn_list(s->here.t, NULL, first_info, &before);
	conn_list(s->there.t, NULL, first_info, &after);
	assert_int_equal(after.view.packets[0], before.view.packets[0]);
	assert_int_equal(after.view.bytes[1], before.view.bytes[1]);
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	conn_list(s->there.t, NULL, first_info, &after);
	assert_int_equal(after.view.packets[0], before.view.packets[0] + 1);
}

static void firewalls_there_are_asked_about_each(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	s->there.say.action = XVS_CONN_DENY;
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_DENIED);
	assert_int_equal(s->there.asked, 1);
	assert_int_equal(count(&s->there), 0);
}

static void its_slot_is_that_of_the_same_firewall(void **state)
{
	struct two *s = *state;
	struct conn_info info;

	s->here.slot_to_leave = 0x1234;
	s->here.say.mark = 77;
	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	conn_list(s->there.t, NULL, first_info, &info);
	assert_int_equal(info.view.mark, 77);
	/* sender's slot 0 is slot 2 here; the fixture's firewall looks at slot 0 */
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	assert_int_equal(s->there.slot_seen, 0);
}

static void a_slot_that_stays_behind_is_zero(void **state)
{
	struct two *s = *state;
	const struct conn_pass_plan plan = { .pass = CONN_PASS_ALL };
	struct cursor c;
	struct entry e;
	const char *why;
	bool more;

	s->here.slot_to_leave = 0x1234;
	handshake(&s->here);
	conn_watch_begin(s->watch, &plan);
	s->len = conn_watch_next(s->watch, s->bytes, sizeof(s->bytes), &more);
	c = cursor_of(s->bytes, s->len);
	assert_true(entry_next(&c, &e, &why));
	assert_int_equal(e.open.slots[0], 0);
	pass(s, CONN_PASS_ALL);
	c = cursor_of(s->bytes, s->len);
	assert_true(entry_next(&c, &e, &why));
	assert_int_equal(e.open.slots[0], 0x1234);
}

static void what_was_denied_stays_denied(void **state)
{
	struct two *s = *state;

	s->here.say.action = XVS_CONN_DENY;
	s->here.say.instance = 7;
	assert_int_equal(tcp(&s->here, server, guest, SEG(F_SYN, 1, 0, 1000)), CONN_DENIED);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_SYN, 1, 0, 1000)), CONN_DENIED);
	assert_int_equal(s->there.asked, 0);
	assert_int_equal(s->there.result.decision.instance, 9);
	/* a change of policy is another matter */
	conn_port_reauthorise(s->there.t, PORT);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
}

static void none_is_taken_up_in_its_middle(void **state)
{
	struct two *s = *state;
	struct frame_end other = { 3, false, 99 };

	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 1, 1, 1000)), CONN_PASS);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 1, 1, 1000)), CONN_PASS);
	assert_int_equal(tcp(&s->there, other, guest, SEG(F_ACK, 1, 1, 1000)), CONN_DROP);
	assert_int_equal(s->there.reason, REASON_CONN_MIDSTREAM);
}

/* Between the last round and the freeze, packets flowed. */
static void the_first_packet_of_a_direction_seats_it(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 905001, 801001, 1000, 100)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 801001, 905101, 1000, 100)),
			 CONN_PASS);
	/* and from then on the windows count again */
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 901001, 905101, 1000, 100)),
			 CONN_DROP);
	assert_int_equal(s->there.reason, REASON_CONN_WINDOW);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 905101, 801101, 1000, 100)),
			 CONN_PASS);
}

/* The other end repeats what it had sent long ago: its acknowledgements were lost with the move. */
static void a_repetition_takes_nothing_back(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	assert_int_equal(tcp(&s->here, server, guest, SEG(F_ACK, 5001, 1001, 1000, 900)),
			 CONN_PASS);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 5001, 1001, 1000, 100)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1001, 5901, 1000, 1)), CONN_PASS);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 5901, 1002, 1000, 1)), CONN_PASS);
}

static void a_reset_before_that_decides_nothing(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_RST, 7777, 0, 0)), CONN_PASS);
	assert_int_equal(count(&s->there), 1);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_ACK, 5001, 1001, 1000, 10)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_RST, 7777, 0, 0)), CONN_DROP);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_RST, 5011, 0, 0)), CONN_PASS);
	assert_int_equal(count(&s->there), 0);
}

static void a_repeated_answer_to_the_syn_passes(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_SYN | F_ACK, 6000, 1001, 1000)),
			 CONN_DROP);
}

static void one_that_is_being_opened_is_opened_there(void **state)
{
	struct two *s = *state;

	assert_int_equal(tcp(&s->here, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_SYN | F_ACK, 5000, 999, 1000)),
			 CONN_DROP);
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	assert_string_equal(state_name(&s->there), "established");
}

static void one_that_is_being_closed_is_closed_there(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_FIN | F_ACK, 1001, 5001, 1000)),
			 CONN_PASS);
	carry(s, CONN_PASS_ALL);
	arrive(s);
	assert_string_equal(state_name(&s->there), "closing");
	assert_int_equal(tcp(&s->there, server, guest, SEG(F_FIN | F_ACK, 5001, 1002, 1000)),
			 CONN_PASS);
	assert_int_equal(tcp(&s->there, guest, server, SEG(F_ACK, 1002, 5002, 1000)), CONN_PASS);
	assert_string_equal(state_name(&s->there), "time-wait");
}

static void rounds_tell_what_changed_and_no_more(void **state)
{
	struct two *s = *state;
	struct frame_end other = { 3, false, 53 };

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	assert_int_equal(s->len, ENTRY_OPEN_BYTES);
	pass(s, CONN_PASS_CHANGES);
	assert_int_equal(s->len, 0);
	/* data alone: in a round, not in the last */
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_ACK, 1001, 5001, 1000, 9)), CONN_PASS);
	assert_int_equal(conn_watch_pending(s->watch), 0);
	pass(s, CONN_PASS_LAST);
	assert_int_equal(s->len, 0);
	carry(s, CONN_PASS_CHANGES);
	assert_int_equal(s->len, ENTRY_OPEN_BYTES);
	/* one opens, one is established, one ends */
	assert_int_equal(udp(&s->here, guest, other, 10), CONN_PASS);
	assert_int_equal(conn_watch_pending(s->watch), 1);
	carry(s, CONN_PASS_LAST);
	assert_int_equal(s->len, ENTRY_OPEN_BYTES);
	assert_int_equal(udp(&s->here, other, guest, 10), CONN_PASS);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_RST, 1010, 0, 0)), CONN_PASS);
	carry(s, CONN_PASS_LAST);
	assert_int_equal(s->len, ENTRY_OPEN_BYTES + ENTRY_END_BYTES);
	assert_int_equal(count(&s->there), 1);
	assert_string_equal(state_name(&s->there), "established");
}

static void a_connection_in_the_place_of_another_is_told_right(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_RST, 1001, 0, 0)), CONN_PASS);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_SYN, 8000, 0, 1000)), CONN_PASS);
	carry(s, CONN_PASS_LAST);
	assert_int_equal(count(&s->there), 1);
	assert_string_equal(state_name(&s->there), "syn-sent");
	/* and gone for good */
	assert_int_equal(tcp(&s->here, server, guest, SEG(F_RST | F_ACK, 0, 8001, 0)), CONN_PASS);
	arrive(s);
	assert_int_equal(count(&s->there), 0);
}

/* The heir of its ports is flushed before anybody was told of it. */
static void an_heir_that_ends_too_leaves_nothing(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_RST, 1001, 0, 0)), CONN_PASS);
	assert_int_equal(tcp(&s->here, guest, server, SEG(F_SYN, 8000, 0, 1000)), CONN_PASS);
	assert_int_equal(conn_flush(s->here.t, NULL), 1);
	arrive(s);
	carry(s, CONN_PASS_LAST);
	assert_int_equal(count(&s->there), 0);
}

static void one_that_was_flushed_ends_there_too(void **state)
{
	struct two *s = *state;

	handshake(&s->here);
	carry(s, CONN_PASS_ALL);
	assert_int_equal(conn_flush(s->here.t, NULL), 1);
	arrive(s);
	assert_int_equal(count(&s->there), 0);
}

static void the_same_twice_is_once(void **state)
{
	struct two *s = *state;
	uint32_t limit;
	uint32_t held;

	handshake(&s->here);
	assert_int_equal(tcp(&s->here, guest, (struct frame_end){ 4, false, 80 },
			     SEG(F_SYN, 1000, 0, 1000)),
			 CONN_PASS);
	pass(s, CONN_PASS_ALL);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(take(s), 0);
	conn_port_room(s->there.t, PORT, &limit, &held);
	assert_int_equal(held, 2);
	assert_int_equal(count(&s->there), 2);
	conn_port_disown(s->there.t, PORT);
	world_sweep(&s->there);
	conn_port_room(s->there.t, PORT, &limit, &held);
	assert_int_equal(held, 0);
}

static void every_protocol_goes(void **state)
{
	struct two *s = *state;
	struct frame_end v6 = { 1, true, 500 };
	struct frame_end peer = { 2, true, 500 };
	uint8_t f[FRAME_BYTES];

	assert_int_equal(udp(&s->here, v6, peer, 10), CONN_PASS);
	assert_int_equal(judge(&s->here, f, frame_icmp(f, guest, server, 8, 0, 3)), CONN_PASS);
	carry(s, CONN_PASS_ALL);
	assert_int_equal(count(&s->there), 2);
	arrive(s);
	assert_int_equal(udp(&s->there, peer, v6, 10), CONN_PASS);
	assert_false(s->there.result.is_new);
	assert_int_equal(judge(&s->there, f, frame_icmp(f, server, guest, 0, 0, 3)), CONN_PASS);
}

static void a_port_that_is_full_takes_no_more(void **state)
{
	struct two *s = *state;
	struct xvs_error err = ERROR_INIT;
	uint32_t limit;
	uint32_t held;

	assert_int_equal(conn_port_open(s->there.t, PORT, 2, 64, &err), 0);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(udp(&s->here, guest, (struct frame_end){ 4, false, 80u + i }, 1),
				 CONN_PASS);
	pass(s, CONN_PASS_ALL);
	assert_int_equal(conn_port_adopt(s->there.t, PORT, &adoption, s->bytes, s->len, &err),
			 -ENOSPC);
	assert_string_equal(err.text, "there is no room for all connections: the limit of "
				      "connections of the port is reached");
	conn_port_room(s->there.t, PORT, &limit, &held);
	assert_int_equal(held, 2);
}

/* Of every entry each byte is changed, and each length is tried: no count is ever wrong. */
static void what_cannot_be_true_is_refused_whole(void **state)
{
	/* what is logged to nobody is told to nobody: the fixture's firewall would take offence */
	const struct conn_adoption none = { { CONN_SLOTS, CONN_SLOTS, CONN_SLOTS, CONN_SLOTS },
					    denier_here,
					    NULL };
	struct two *s = *state;
	struct xvs_error err = ERROR_INIT;
	uint8_t was[RECORD];
	size_t len;

	handshake(&s->here);
	s->here.say.action = XVS_CONN_DENY;
	s->here.say.instance = 7;
	assert_int_equal(udp(&s->here, server, guest, 10), CONN_DENIED);
	pass(s, CONN_PASS_ALL);
	len = s->len;
	memcpy(was, s->bytes, len);
	for (size_t cut = 1; cut < len; cut++) {
		if (cut == ENTRY_OPEN_BYTES)
			continue;
		assert_true(conn_port_adopt(s->there.t, PORT, &none, was, cut, &err) < 0);
		assert_int_equal(count(&s->there), 0);
	}
	for (size_t at = 0; at < len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			int code;

			s->bytes[at] ^= (uint8_t)(1u << bit);
			code = conn_port_adopt(s->there.t, PORT, &none, s->bytes, len, &err);
			assert_true(code == 0 || code == -EPROTO);
			assert_true(count(&s->there) <= (code == 0));
			memcpy(s->bytes, was, len);
			conn_port_disown(s->there.t, PORT);
			world_sweep(&s->there);
			conn_refill(s->there.t);
		}
	}
	assert_int_equal(slab_high(s->there.t) < 4096, 1);
}

static void a_port_that_is_not_guarded_takes_none(void **state)
{
	struct two *s = *state;
	struct xvs_error err = ERROR_INIT;

	handshake(&s->here);
	pass(s, CONN_PASS_ALL);
	assert_int_equal(conn_port_adopt(s->there.t, PORT + 1, &adoption, s->bytes, s->len, &err),
			 -EINVAL);
}

static void a_port_is_watched_once(void **state)
{
	struct two *s = *state;
	struct xvs_error err = ERROR_INIT;
	struct conn_watch *other;

	assert_int_equal(conn_watch_open(s->here.t, PORT, &other, &err), -EBUSY);
	assert_int_equal(conn_watch_open(s->here.t, PORT + 1, &other, &err), -EINVAL);
}

static void a_port_that_closes_tells_no_more(void **state)
{
	struct two *s = *state;
	struct xvs_error err = ERROR_INIT;

	handshake(&s->here);
	conn_port_close(s->here.t, PORT);
	pass(s, CONN_PASS_ALL);
	assert_int_equal(s->len, 0);
	assert_int_equal(conn_port_open(s->here.t, PORT, 0, 0, &err), 0);
	handshake(&s->here);
	pass(s, CONN_PASS_ALL);
	assert_int_equal(s->len, 0);
}

static void many_go_in_as_many_records_as_it_takes(void **state)
{
	struct two *s = *state;
	const struct conn_pass_plan plan = { .pass = CONN_PASS_ALL };
	bool more = true;
	unsigned records = 0;

	for (uint16_t i = 0; i < 1000; i++)
		assert_int_equal(udp(&s->here, guest,
				     (struct frame_end){ 4, false, (uint16_t)(1000 + i) }, 1),
				 CONN_PASS);
	conn_watch_begin(s->watch, &plan);
	while (more) {
		s->len = conn_watch_next(s->watch, s->bytes, CONN_RECORD_MIN, &more);
		assert_true(s->len <= CONN_RECORD_MIN);
		assert_int_equal(take(s), 0);
		records++;
	}
	assert_int_equal(count(&s->there), 1000);
	assert_true(records >= 1000 * ENTRY_OPEN_BYTES / CONN_RECORD_MIN);
	assert_int_equal(conn_watch_pending(s->watch), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(an_established_connection_goes_on),
		T(its_counts_go_on_too),
		T(firewalls_there_are_asked_about_each),
		T(its_slot_is_that_of_the_same_firewall),
		T(a_slot_that_stays_behind_is_zero),
		T(what_was_denied_stays_denied),
		T(none_is_taken_up_in_its_middle),
		T(the_first_packet_of_a_direction_seats_it),
		T(a_repetition_takes_nothing_back),
		T(a_reset_before_that_decides_nothing),
		T(a_repeated_answer_to_the_syn_passes),
		T(one_that_is_being_opened_is_opened_there),
		T(one_that_is_being_closed_is_closed_there),
		T(rounds_tell_what_changed_and_no_more),
		T(a_connection_in_the_place_of_another_is_told_right),
		T(an_heir_that_ends_too_leaves_nothing),
		T(one_that_was_flushed_ends_there_too),
		T(the_same_twice_is_once),
		T(every_protocol_goes),
		T(a_port_that_is_full_takes_no_more),
		T(what_cannot_be_true_is_refused_whole),
		T(a_port_that_is_not_guarded_takes_none),
		T(a_port_is_watched_once),
		T(a_port_that_closes_tells_no_more),
		T(many_go_in_as_many_records_as_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
