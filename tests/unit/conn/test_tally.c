/* SPDX-License-Identifier: Apache-2.0 */
/* Directions of connections that somebody else counts: what is read, when that ends, and who is told. */
#include "conn/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/counters.h"
#include "conn/entry.h"
#include "conn/move.h"

enum { BYTES = 62, WORLD = 7 };

static const struct frame_end resolver = { 3, false, 53 };

/* A question and its answer: both directions are established, with a packet each. */
static void converse(struct world *s, struct conn_ref refs[2])
{
	assert_int_equal(udp(s, guest, resolver, 20), CONN_PASS);
	refs[0] = s->result.ref;
	assert_int_equal(udp(s, resolver, guest, 20), CONN_PASS);
	refs[1] = s->result.ref;
}

static void count(struct world *s, struct tally *t, uint64_t packets)
{
	counter_add(&t->packets, packets);
	counter_add(&t->bytes, packets * BYTES);
	__atomic_store_n(&t->last_ns, s->w.now_ns, __ATOMIC_RELAXED);
}

static void bind(struct world *s, struct conn_ref ref, struct tally *t)
{
	assert_true(conn_bind(s->t, &s->w, ref, t));
	tally_verify(t, WORLD);
	assert_true(conn_holds(s->t, ref));
}

static struct xvs_conn view(struct world *s)
{
	struct conn_info info = { .idle_left_ms = 0 };

	conn_list(s->t, NULL, first_info, &info);
	return info.view;
}

static void what_is_counted_is_read_at_once(void **state)
{
	struct tally t[2] = { { .packets = 10, .bytes = 500 }, { .packets = 0 } };
	struct world *s = *state;
	struct conn_ref refs[2];

	converse(s, refs);
	bind(s, refs[0], &t[0]);
	bind(s, refs[1], &t[1]);
	assert_int_equal(view(s).packets[0], 1);
	count(s, &t[0], 5);
	count(s, &t[1], 7);
	assert_int_equal(view(s).packets[0], 6);
	assert_int_equal(view(s).packets[1], 8);
	assert_int_equal(view(s).bytes[0], 6 * BYTES);
	conn_miss(s->t, refs[0], 2, 2 * BYTES);
	assert_int_equal(view(s).packets[0], 4);
	conn_unbind(s->t, refs[0], &t[0]);
	assert_int_equal(view(s).packets[0], 4);
	assert_int_equal(view(s).bytes[0], 4 * BYTES);
	count(s, &t[0], 5);
	assert_int_equal(view(s).packets[0], 4);
}

static void one_counts_at_a_time(void **state)
{
	struct tally a = { 0 }, b = { 0 };
	struct world *s = *state;
	struct conn_ref refs[2];

	converse(s, refs);
	bind(s, refs[0], &a);
	assert_false(conn_bind(s->t, &s->w, refs[0], &b));
	assert_ptr_equal(conn_bound(s->t, &s->w, refs[0]), &a);
	conn_unbind(s->t, refs[0], &b);
	assert_ptr_equal(conn_bound(s->t, &s->w, refs[0]), &a);
	conn_unbind(s->t, refs[0], &a);
	assert_null(conn_bound(s->t, &s->w, refs[0]));
	assert_true(conn_bind(s->t, &s->w, refs[0], &b));
}

static void only_who_alone_has_a_direction_counts_for_it(void **state)
{
	struct tally t = { 0 };
	struct world *s = *state;
	struct conn_ref refs[2];

	converse(s, refs);
	s->w.nr = 1;
	assert_false(conn_bind(s->t, &s->w, refs[0], &t));
	assert_int_equal(udp(s, guest, resolver, 20), CONN_PASS);
	assert_false(conn_bind(s->t, &s->w, refs[0], &t));
	s->w.nr = 0;
	assert_false(conn_bind(s->t, &s->w, refs[0], &t));
	assert_int_equal(view(s).packets[0], 2);
}

/* Its packets do more than be counted. */
static void nobody_counts_for_what_has_a_handshake(void **state)
{
	struct tally t = { 0 };
	struct world *s = *state;

	handshake(s);
	assert_false(conn_bind(s->t, &s->w, s->result.ref, &t));
}

/* The first answer establishes it. */
static void who_answers_first_is_looked_at(void **state)
{
	struct tally t = { 0 };
	struct world *s = *state;
	struct conn_ref ref;

	assert_int_equal(udp(s, guest, resolver, 20), CONN_PASS);
	ref = s->result.ref;
	bind(s, ref, &t);
	ref.generation |= 1;
	assert_false(conn_bind(s->t, &s->w, ref, &t));
}

static void an_end_comes_to_doubt_it(void **state)
{
	struct tally t = { 0 };
	struct world *s = *state;
	struct conn_ref refs[2];

	converse(s, refs);
	bind(s, refs[1], &t);
	assert_int_equal(conn_flush(s->t, NULL), 1);
	assert_int_equal(t.verified, TALLY_IN_DOUBT);
	assert_false(conn_holds(s->t, refs[1]));
	world_sweep(s);
	assert_false(conn_holds(s->t, refs[1]));
	/* one after it in its place is none of its business */
	count(s, &t, 100);
	converse(s, refs);
	assert_int_equal(view(s).packets[1], 1);
}

static void a_time_out_comes_to_doubt_it(void **state)
{
	struct tally t = { 0 };
	struct world *s = *state;
	struct conn_ref refs[2];

	converse(s, refs);
	bind(s, refs[0], &t);
	for (unsigned i = 0; i < 5; i++) {
		world_wait(s, 200000);
		count(s, &t, 1);
		world_sweep(s);
		assert_true(conn_holds(s->t, refs[0]));
		assert_int_equal(t.verified, WORLD);
	}
	world_wait(s, 300000);
	world_sweep(s);
	assert_int_equal(t.verified, TALLY_IN_DOUBT);
	assert_int_equal(conn_count(s->t, NULL), 0);
}

static unsigned changes;

static void changed(void)
{
	changes++;
}

static void another_policy_is_told(void **state)
{
	static const struct conn_env env = { .authorise = world_authorise,
					     .event = world_event,
					     .changed = changed };
	static const struct conn_limits limits = { .connections = 64 };
	struct xvs_error err = ERROR_INIT;
	struct tally t = { 0 };
	struct world *s = *state;
	struct conn_ref refs[2];

	conn_table_destroy(s->t);
	assert_int_equal(conn_table_create(&limits, 2, &env, &s->t, &err), 0);
	assert_int_equal(conn_port_open(s->t, PORT, 0, 0, &err), 0);
	converse(s, refs);
	bind(s, refs[0], &t);
	changes = 0;
	conn_port_reauthorise(s->t, PORT);
	assert_int_equal(changes, 1);
	assert_false(conn_holds(s->t, refs[0]));
}

/* A move in the middle: what was counted since the last pass is told in the next. */
static void a_watch_sees_what_is_counted(void **state)
{
	struct conn_pass_plan plan = { .pass = CONN_PASS_ALL };
	struct world *s = *state;
	struct conn_watch *watch;
	struct xvs_error err = ERROR_INIT;
	uint8_t bytes[4096];
	struct tally t = { 0 };
	struct conn_ref refs[2];
	struct cursor c;
	struct entry e;
	const char *why;
	size_t len = 0;
	bool more = true;

	assert_int_equal(conn_watch_open(s->t, PORT, &watch, &err), 0);
	converse(s, refs);
	bind(s, refs[0], &t);
	conn_watch_begin(watch, &plan);
	while (more)
		(void)conn_watch_next(watch, bytes, sizeof(bytes), &more);
	count(s, &t, 30);
	plan.pass = CONN_PASS_CHANGES;
	conn_watch_begin(watch, &plan);
	for (more = true; more;)
		len += conn_watch_next(watch, bytes + len, sizeof(bytes) - len, &more);
	c = cursor_of(bytes, len);
	assert_true(entry_next(&c, &e, &why));
	assert_int_equal(e.kind, ENTRY_OPEN);
	assert_int_equal(e.open.halves[0].packets, 31);
	/* where the tally is, is nobody's business */
	assert_int_equal(e.open.halves[0].end | e.open.halves[0].edge, 0);
	conn_watch_close(watch);
}

/* ---- several threads ----------------------------------------------------------------------- */

enum { ROUNDS = 20000 };

struct counter {
	struct world *s;
	struct conn_ref ref;
	_Atomic uint64_t counted;
	_Atomic bool is_done;
};

/* As a worker: binds, counts, lets go. */
static void *count_on(void *arg)
{
	struct counter *c = arg;
	struct tally t = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!conn_bind(c->s->t, &c->s->w, c->ref, &t))
			abort();
		for (unsigned n = 0; n < i % 5; n++) {
			atomic_fetch_add(&c->counted, 1);
			count(c->s, &t, 1);
		}
		conn_unbind(c->s->t, c->ref, &t);
	}
	atomic_store(&c->is_done, true);
	return NULL;
}

static void who_reads_meanwhile_reads_no_nonsense(void **state)
{
	struct counter c = { .s = *state };
	struct conn_ref refs[2];
	uint64_t last = 1;
	pthread_t thread;

	converse(c.s, refs);
	c.ref = refs[0];
	assert_int_equal(pthread_create(&thread, NULL, count_on, &c), 0);
	while (!atomic_load(&c.is_done)) {
		uint64_t packets = view(c.s).packets[0];

		assert_true(packets >= last && packets <= atomic_load(&c.counted) + 1);
		last = packets;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(view(c.s).packets[0], atomic_load(&c.counted) + 1);
}

struct ending {
	struct world *s;
	pthread_barrier_t start;
};

static void *flush(void *arg)
{
	struct ending *e = arg;

	(void)pthread_barrier_wait(&e->start);
	(void)conn_flush(e->s->t, NULL);
	return NULL;
}

/* Whoever is first: the worker sees that it has ended, or its tally is in doubt. */
static void no_end_is_missed(void **state)
{
	struct ending e = { .s = *state };
	struct conn_ref refs[2];

	assert_int_equal(pthread_barrier_init(&e.start, NULL, 2), 0);
	for (unsigned i = 0; i < 300; i++) {
		struct tally t = { 0 };
		pthread_t thread;
		bool holds;

		converse(e.s, refs);
		assert_int_equal(pthread_create(&thread, NULL, flush, &e), 0);
		(void)pthread_barrier_wait(&e.start);
		holds = conn_bind(e.s->t, &e.s->w, refs[0], &t);
		tally_verify(&t, WORLD);
		holds = holds && conn_holds(e.s->t, refs[0]);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(!holds || tally_read(&t.verified) == TALLY_IN_DOUBT);
		conn_unbind(e.s->t, refs[0], &t);
		world_sweep(e.s);
	}
	(void)pthread_barrier_destroy(&e.start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_is_counted_is_read_at_once),
		WORLD_TEST(one_counts_at_a_time),
		WORLD_TEST(only_who_alone_has_a_direction_counts_for_it),
		WORLD_TEST(nobody_counts_for_what_has_a_handshake),
		WORLD_TEST(who_answers_first_is_looked_at),
		WORLD_TEST(an_end_comes_to_doubt_it),
		WORLD_TEST(a_time_out_comes_to_doubt_it),
		WORLD_TEST(another_policy_is_told),
		WORLD_TEST(a_watch_sees_what_is_counted),
		WORLD_TEST(who_reads_meanwhile_reads_no_nonsense),
		WORLD_TEST(no_end_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
