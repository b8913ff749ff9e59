/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes when a port, or the table, is full; and objects that live again. */
#include "conn/fixture.h"

static struct frame_end client(uint16_t port)
{
	return (struct frame_end){ 2, false, port };
}

static void establish(struct world *s, struct frame_end from)
{
	assert_int_equal(udp(s, from, guest, 1), CONN_PASS);
	assert_int_equal(udp(s, guest, from, 1), CONN_PASS);
}

static void limit_port(struct world *s, uint32_t connections, uint32_t half_open)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(conn_port_open(s->t, PORT, connections, half_open, &err), 0);
}

static bool is_listed(struct world *s, uint16_t port)
{
	struct conn_filter f = { .l4_port = __builtin_bswap16(port) };

	return conn_count(s->t, &f) != 0;
}

static void oldest_half_open_goes_first(void **state)
{
	struct world *s = *state;

	s->say.log = 1;
	limit_port(s, 0, 4);
	for (uint16_t i = 1; i <= 4; i++)
		assert_int_equal(tcp(s, client(i), guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, client(5), guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 4);
	assert_false(is_listed(s, 1));
	assert_true(is_listed(s, 2));
	assert_true(is_listed(s, 5));
	assert_int_equal(s->causes[s->events - 2], XVS_CONN_EVICTED);
}

static void established_ones_are_never_evicted(void **state)
{
	struct world *s = *state;

	limit_port(s, 3, 2);
	establish(s, client(1));
	establish(s, client(2));
	assert_int_equal(udp(s, client(3), guest, 1), CONN_PASS);
	assert_int_equal(udp(s, client(4), guest, 1), CONN_PASS);
	assert_false(is_listed(s, 3));
	assert_int_equal(udp(s, guest, client(4), 1), CONN_PASS);
	assert_int_equal(udp(s, client(5), guest, 1), CONN_DROP);
	assert_int_equal(s->reason, REASON_CONN_LIMIT);
	assert_int_equal(conn_count(s->t, NULL), 3);
	assert_true(is_listed(s, 1) && is_listed(s, 2) && is_listed(s, 4));
}

static void what_has_finished_goes_before_the_half_open(void **state)
{
	struct world *s = *state;

	limit_port(s, 2, 2);
	assert_int_equal(tcp(s, client(1), guest, SEG(F_SYN, 10, 0, 1000)), CONN_PASS);
	handshake(s);
	assert_int_equal(tcp(s, guest, server, SEG(F_FIN | F_ACK, 1001, 5001, 9)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_FIN | F_ACK, 5001, 1002, 9)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1002, 5002, 9)), CONN_PASS);
	assert_int_equal(tcp(s, client(3), guest, SEG(F_SYN, 10, 0, 1000)), CONN_PASS);
	assert_true(is_listed(s, 1) && is_listed(s, 3));
	assert_false(is_listed(s, server.port));
}

static void long_lived_half_open_ones_outlast_a_full_ring(void **state)
{
	static const struct conn_limits limits = { .connections = 1024, .half_open = 8 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	assert_int_equal(udp(&s, client(1), guest, 1), CONN_PASS);
	/* Each of these has a place in the queue, though it is half-open for a moment only. */
	for (uint16_t i = 2; i < 500; i++)
		establish(&s, client(i));
	assert_true(is_listed(&s, 1));
	assert_int_equal(conn_count(s.t, NULL), 499);
	world_close(&s);
}

static void counts_of_half_open_ones_come_back(void **state)
{
	struct world *s = *state;

	limit_port(s, 0, 2);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(tcp(s, client(1), guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
		assert_int_equal(tcp(s, guest, client(1), SEG(F_RST | F_ACK, 0, 2)), CONN_PASS);
	}
	assert_int_equal(tcp(s, client(1), guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, client(2), guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
	assert_int_equal(conn_count(s->t, NULL), 2);
}

static void a_full_table_refuses_and_recovers(void **state)
{
	static const struct conn_limits limits = { .connections = 8, .per_port = 100 };
	struct world s;

	(void)state;
	world_open(&s, &limits);
	for (uint16_t i = 1; i <= 8; i++)
		establish(&s, client(i));
	assert_int_equal(udp(&s, client(9), guest, 1), CONN_DROP);
	assert_int_equal(s.reason, REASON_CONN_LIMIT);
	assert_int_equal(conn_flush(s.t, NULL), 8);
	world_sweep(&s);
	for (unsigned i = 0; i < 8; i++)
		conn_refill(s.t);
	for (uint16_t i = 1; i <= 4; i++) {
		establish(&s, client(i));
		conn_refill(s.t);
	}
	assert_int_equal(conn_count(s.t, NULL), 4);
	world_close(&s);
}

static void an_object_lives_many_times(void **state)
{
	static const struct conn_limits limits = { .connections = 4 };
	struct conn_ref refs[200];
	struct world s;
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, server, guest, SEG(F_SYN, 1, 0, 1000));

	(void)state;
	world_open(&s, &limits);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(judge(&s, f, len), CONN_PASS);
		refs[i] = s.result.ref;
		assert_int_equal(update(&s, refs[i], f, len), CONN_PASS);
		for (unsigned j = 0; j < i; j++)
			assert_int_equal(update(&s, refs[j], f, len), CONN_AGAIN);
		assert_int_equal(tcp(&s, guest, server, SEG(F_RST | F_ACK, 0, 2)), CONN_PASS);
		assert_int_equal(update(&s, refs[i], f, len), CONN_AGAIN);
		conn_refill(s.t);
	}
	world_close(&s);
}

/* Whoever asks for more than it is given is given it sooner; whoever asks for nothing wakes nobody. */
static void a_worker_that_uses_up_what_it_has_is_served_soon(void **state)
{
	static const struct conn_limits limits = { .connections = 64, .per_port = 100 };
	unsigned wanted = 0;
	struct world s;

	(void)state;
	world_open(&s, &limits);
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(tcp(&s, client(1), guest, SEG(F_SYN, 1, 0, 1000)), CONN_PASS);
		assert_int_equal(tcp(&s, guest, client(1), SEG(F_RST | F_ACK, 0, 2)), CONN_PASS);
		wanted += conn_refill(s.t);
	}
	assert_in_range(wanted, 400 / 64, 399);
	for (unsigned i = 0; i < 4; i++)
		(void)conn_refill(s.t);
	assert_false(conn_refill(s.t));
	world_close(&s);
}

static void ids_are_unique(void **state)
{
	struct world *s = *state;
	uint64_t seen = 0;

	for (uint16_t i = 1; i < 100; i++) {
		assert_int_equal(udp(s, client(i), guest, 1), CONN_PASS);
		assert_true(s->asked_for.id > seen);
		seen = s->asked_for.id;
		s->w.nr = 1; /* another worker's are others */
		assert_int_equal(udp(s, client((uint16_t)(i + 100)), guest, 1), CONN_PASS);
		assert_int_not_equal(s->asked_for.id, seen);
		assert_int_equal(s->asked_for.id % 2, 0);
		s->w.nr = 0;
	}
}

static void refuses_sizes_out_of_range(void **state)
{
	static const struct conn_env env = { world_authorise, world_event, world_resume,
					     world_drop,      NULL,        NULL };
	struct conn_limits limits = { .connections = UINT32_MAX };
	struct xvs_error err = ERROR_INIT;
	struct conn_table *t = NULL;
	struct world *s = *state;

	assert_int_equal(conn_table_create(&limits, 1, &env, &t, &err), -EINVAL);
	limits.connections = 8;
	assert_int_equal(conn_table_create(&limits, 0, &env, &t, &err), -EINVAL);
	assert_null(t);
	assert_int_equal(conn_port_open(s->t, 0, 0, 0, &err), -EINVAL);
	assert_int_equal(conn_port_open(s->t, PORTS_MAX, 0, 0, &err), -EINVAL);
	assert_int_equal(conn_port_open(s->t, PORT, 0, UINT32_MAX, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(oldest_half_open_goes_first),
		WORLD_TEST(established_ones_are_never_evicted),
		WORLD_TEST(what_has_finished_goes_before_the_half_open),
		cmocka_unit_test(long_lived_half_open_ones_outlast_a_full_ring),
		WORLD_TEST(counts_of_half_open_ones_come_back),
		cmocka_unit_test(a_full_table_refuses_and_recovers),
		cmocka_unit_test(an_object_lives_many_times),
		cmocka_unit_test(a_worker_that_uses_up_what_it_has_is_served_soon),
		WORLD_TEST(ids_are_unique),
		WORLD_TEST(refuses_sizes_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
