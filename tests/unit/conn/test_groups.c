/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds and times of single ports, and of the ports of one switch together. */
#include "conn/fixture.h"

enum { NEIGHBOUR = PORT + 1, STRANGER = PORT + 2, SWITCH = 7, OTHER_SWITCH = 8 };

static void guard(struct world *s, uint32_t port, const struct conn_port_limits *limits)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(conn_port_guard(s->t, port, limits, &err), 0);
}

/* One datagram at a port: the client's first, or its answer. */
static enum conn_answer datagram(struct world *s, uint32_t port, uint16_t client, bool is_answer)
{
	struct frame_end far = { 2, false, client };
	uint8_t f[FRAME_BYTES];
	uint32_t len = is_answer ? frame_udp(f, guest, far, 1) : frame_udp(f, far, guest, 1);
	struct packet *p = packet_from(s, f, len);
	enum conn_answer answer = conn_judge(s->t, &s->w, port, !is_answer, p, s, &s->result);

	s->reason = s->result.reason;
	packet_free(p);
	return answer;
}

static void establish(struct world *s, uint32_t port, uint16_t client)
{
	assert_int_equal(datagram(s, port, client, false), CONN_PASS);
	assert_int_equal(datagram(s, port, client, true), CONN_PASS);
}

static uint32_t count_of(struct world *s, uint32_t port)
{
	return conn_count(s->t, &(struct conn_filter){ .port = port });
}

static const struct conn_port_limits three = { .group = SWITCH, .group_connections = 3 };
static const struct conn_port_limits elsewhere = { .group = OTHER_SWITCH, .group_connections = 3 };

static void ports_of_a_switch_share_its_bound(void **state)
{
	struct world *s = *state;

	guard(s, PORT, &three);
	guard(s, NEIGHBOUR, &three);
	guard(s, STRANGER, &elsewhere);
	establish(s, PORT, 1);
	establish(s, PORT, 2);
	establish(s, NEIGHBOUR, 3);
	assert_int_equal(datagram(s, NEIGHBOUR, 4, false), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_LIMIT);
	establish(s, STRANGER, 5);
	assert_int_equal(count_of(s, PORT), 2);
	assert_int_equal(count_of(s, NEIGHBOUR), 1);
}

static void who_floods_makes_room_for_others_of_its_switch(void **state)
{
	struct world *s = *state;

	guard(s, PORT, &three);
	guard(s, NEIGHBOUR, &three);
	for (uint16_t i = 1; i <= 9; i++)
		assert_int_equal(datagram(s, PORT, i, false), CONN_PASS);
	assert_int_equal(count_of(s, PORT), 3);
	establish(s, NEIGHBOUR, 100);
	establish(s, NEIGHBOUR, 101);
	assert_int_equal(count_of(s, NEIGHBOUR), 2);
	assert_int_equal(count_of(s, PORT), 1);
}

static void a_bound_is_free_again_when_a_port_closes(void **state)
{
	struct world *s = *state;

	guard(s, PORT, &three);
	guard(s, NEIGHBOUR, &three);
	for (uint16_t i = 1; i <= 3; i++)
		establish(s, PORT, i);
	assert_int_equal(datagram(s, NEIGHBOUR, 4, false), CONN_DROP);
	conn_port_close(s->t, PORT);
	for (uint16_t i = 1; i <= 3; i++)
		establish(s, NEIGHBOUR, i);
	assert_int_equal(datagram(s, NEIGHBOUR, 4, false), CONN_DROP);
}

static void new_limits_keep_what_is_counted(void **state)
{
	struct conn_port_limits more = { .group = SWITCH, .group_connections = 4 };
	struct world *s = *state;

	guard(s, PORT, &three);
	guard(s, NEIGHBOUR, &three);
	for (uint16_t i = 1; i <= 3; i++)
		establish(s, PORT, i);
	guard(s, PORT, &more);
	guard(s, NEIGHBOUR, &more);
	establish(s, NEIGHBOUR, 4);
	assert_int_equal(datagram(s, NEIGHBOUR, 5, false), CONN_DROP);
}

static void a_full_table_takes_from_who_floods_it(void **state)
{
	static const struct conn_limits limits = { .connections = 64 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	guard(&s, STRANGER, &elsewhere);
	for (uint16_t i = 1; i <= 64; i++)
		assert_int_equal(datagram(&s, PORT, i, false), CONN_PASS);
	/* the stranger has nothing to lose, so the flood does; what it lost rests first */
	assert_int_equal(datagram(&s, STRANGER, 1, false), CONN_DROP);
	assert_int_equal(s.reason, REASON_CONN_LIMIT);
	assert_int_equal(count_of(&s, PORT), 63);
	for (unsigned i = 0; i < 8; i++)
		conn_refill(s.t);
	assert_int_equal(datagram(&s, STRANGER, 1, false), CONN_PASS);
	world_close(&s);
}

static void each_port_has_its_own_times(void **state)
{
	struct conn_port_limits hasty = { .group = SWITCH };
	struct world *s = *state;

	hasty.times.ms[CONN_TIME_UDP] = 1000;
	hasty.times.ms[CONN_TIME_UDP_STREAM] = 3000;
	guard(s, PORT, &hasty);
	guard(s, NEIGHBOUR, &three);
	assert_int_equal(datagram(s, PORT, 1, false), CONN_PASS);
	establish(s, PORT, 2);
	establish(s, NEIGHBOUR, 3);
	world_wait(s, 1500);
	world_sweep(s);
	assert_int_equal(count_of(s, PORT), 1);
	world_wait(s, 3000);
	world_sweep(s);
	assert_int_equal(count_of(s, PORT), 0);
	assert_int_equal(count_of(s, NEIGHBOUR), 1);
}

static void each_port_may_refuse_what_is_under_way(void **state)
{
	static const struct conn_limits limits = { .connections = 64, .midstream_ms = 60000 };
	struct conn_port_limits never = { .group = SWITCH, .has_midstream = true };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	assert_int_equal(tcp(&s, server, guest, SEG(F_ACK, 5000, 1000, 100)), CONN_PASS);
	conn_port_close(s.t, PORT);
	guard(&s, PORT, &never);
	assert_int_equal(tcp(&s, server, guest, SEG(F_ACK, 5000, 1000, 100)), CONN_DROP);
	assert_int_equal(s.reason, REASON_CONN_MIDSTREAM);
	world_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(ports_of_a_switch_share_its_bound),
		WORLD_TEST(who_floods_makes_room_for_others_of_its_switch),
		WORLD_TEST(a_bound_is_free_again_when_a_port_closes),
		WORLD_TEST(new_limits_keep_what_is_counted),
		cmocka_unit_test(a_full_table_takes_from_who_floods_it),
		WORLD_TEST(each_port_has_its_own_times),
		cmocka_unit_test(each_port_may_refuse_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
