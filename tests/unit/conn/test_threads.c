/* SPDX-License-Identifier: Apache-2.0 */
/* Several workers and the control thread at one table: one wins, and nothing is lost. */
#include "conn/fixture.h"

#include "conn/move.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 2, ROUNDS = 2000, CELLS = 1 << 20 }; /* more cells than there are ids */

/* What both workers and their firewall share. */
struct arena {
	struct conn_table *t;
	struct conn_table *there; /* to which it is told; NULL: to nobody */
	struct conn_watch *watch;
	_Atomic unsigned asked;
	_Atomic unsigned overlapping; /* calls about one connection at the same time */
	_Atomic unsigned inside[CELLS];
	_Atomic unsigned begins, ends;
	_Atomic unsigned done;
	pthread_barrier_t start;
	struct actor {
		struct arena *arena;
		struct worker w;
		struct pool *pool;
		unsigned fresh, passed, dropped;
		struct frame_end from, to;
		void (*play)(struct actor *a);
	} actors[THREADS];
};

static void enter(struct arena *arena, const struct xvs_conn *view)
{
	_Atomic unsigned *cell = &arena->inside[view->id % CELLS];

	if (atomic_fetch_add(cell, 1) != 0)
		atomic_fetch_add(&arena->overlapping, 1);
	for (volatile int i = 0; i < 50; i++)
		;
	atomic_fetch_sub(cell, 1);
}

static void arena_authorise(void *arg, const struct packet *p, struct xvs_conn *view,
			    uint64_t slots[CONN_SLOTS], struct conn_decision *out)
{
	struct actor *a = arg;

	(void)p;
	enter(a->arena, view);
	slots[0]++; /* a race here is for the thread sanitizer to see */
	atomic_fetch_add(&a->arena->asked, 1);
	out->log = 1;
}

static void arena_event(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS], uint16_t log,
			uint16_t cause)
{
	struct actor *a = arg;

	(void)log;
	(void)cause;
	enter(a->arena, view);
	slots[1]++;
	atomic_fetch_add(view->state == XVS_CONN_CLOSED ? &a->arena->ends : &a->arena->begins, 1);
}

static void arena_resume(void *arg, struct packet *p)
{
	(void)arg;
	packet_free(p);
}

static void arena_drop(void *arg, struct packet *p, uint32_t port, uint16_t reason)
{
	(void)arg;
	(void)port;
	(void)reason;
	packet_free(p);
}

static struct arena *arena_open(const struct conn_limits *limits)
{
	static const struct conn_env env = { arena_authorise, arena_event, arena_resume,
					     arena_drop,      NULL,        NULL };
	static const struct pool_limits pool = { 64, 64, 2 };
	struct arena *arena = calloc(1, sizeof(*arena));
	struct xvs_error err = ERROR_INIT;

	if (!arena)
		abort();
	assert_int_equal(conn_table_create(limits, THREADS, &env, &arena->t, &err), 0);
	assert_int_equal(conn_port_open(arena->t, PORT, 0, 0, &err), 0);
	assert_int_equal(pthread_barrier_init(&arena->start, NULL, THREADS + 1), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		struct actor *a = &arena->actors[i];

		a->arena = arena;
		a->w.nr = i;
		a->w.now_ns = clock_ns();
		a->pool = pool_create(&pool);
		a->from = i ? server : guest;
		a->to = i ? guest : server;
		assert_non_null(a->pool);
	}
	return arena;
}

static void arena_close(struct arena *arena)
{
	conn_table_destroy(arena->t);
	for (unsigned i = 0; i < THREADS; i++)
		pool_destroy(arena->actors[i].pool);
	(void)pthread_barrier_destroy(&arena->start);
	free(arena);
}

static void *run(void *arg)
{
	struct actor *a = arg;

	rcu_register();
	(void)pthread_barrier_wait(&a->arena->start);
	for (unsigned i = 0; i < ROUNDS; i++) {
		a->w.now_ns += NS_PER_MS;
		a->play(a);
		conn_sweep(a->arena->t, &a->w, a);
		rcu_quiescent();
	}
	rcu_unregister();
	atomic_fetch_add(&a->arena->done, 1);
	return NULL;
}

/* The control thread does 'meanwhile' until both are through. */
static void perform(struct arena *arena, void (*play)(struct actor *a),
		    void (*meanwhile)(struct arena *arena))
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		arena->actors[i].play = play;
		assert_int_equal(pthread_create(&threads[i], NULL, run, &arena->actors[i]), 0);
	}
	(void)pthread_barrier_wait(&arena->start);
	do {
		meanwhile(arena);
	} while (atomic_load(&arena->done) < THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
}

static void say(struct actor *a, const uint8_t *f, uint32_t len)
{
	struct packet *p = frame_packet(a->pool, f, len);
	struct conn_result result;
	enum conn_answer answer;
	uint16_t reason;

	if (!p)
		abort();
	answer = conn_judge(a->arena->t, &a->w, PORT, frame_is_inbound(f), p, a, &result);
	a->fresh += answer == CONN_PASS && result.is_new;
	a->passed += answer == CONN_PASS;
	a->dropped += answer == CONN_DROP;
	if (answer == CONN_PASS) {
		struct conn_run r = { .port = PORT, .pkts = &p };

		conn_verify(a->arena->t, result.ref);
		conn_run_begin(a->arena->t, &r);
		conn_run_add(&r, 0, result.ref);
		if (conn_run(a->arena->t, &a->w, &r, 1))
			(void)conn_update(a->arena->t, &a->w, result.ref, p, a, &reason);
	}
	packet_free(p);
}

/* Both say the first word of the same conversations at the same time. */
static void same_datagram(struct actor *a)
{
	struct frame_end from = guest;
	uint8_t f[FRAME_BYTES];

	from.port = (uint16_t)(a->passed + a->dropped + 1);
	say(a, f, frame_udp(f, from, server, 8));
}

static void same_syn(struct actor *a)
{
	struct frame_end from = guest;
	uint8_t f[FRAME_BYTES];

	from.port = (uint16_t)(a->passed + a->dropped + 1);
	say(a, f, frame_tcp(f, from, server, SEG(F_SYN, 1000, 0, 1000)));
}

static void refill(struct arena *arena)
{
	conn_refill(arena->t);
}

static void one_wins(void (*play)(struct actor *a))
{
	static const struct conn_limits limits = { .connections = 8192, .half_open = 8192 };
	struct arena *arena = arena_open(&limits);

	perform(arena, play, refill);
	assert_int_equal(arena->asked, ROUNDS);
	assert_int_equal(arena->actors[0].fresh + arena->actors[1].fresh, ROUNDS);
	assert_int_equal(arena->actors[0].passed + arena->actors[1].passed, 2 * ROUNDS);
	assert_int_equal(conn_count(arena->t, NULL), ROUNDS);
	assert_int_equal(arena->overlapping, 0);
	arena_close(arena);
}

static void one_worker_wins_a_datagram(void **state)
{
	(void)state;
	one_wins(same_datagram);
}

static void one_worker_wins_a_syn(void **state)
{
	(void)state;
	one_wins(same_syn);
}

/* Opening, talking and resetting, while the control thread does all it can. */
static void short_lives(struct actor *a)
{
	struct frame_end g = guest;
	struct frame_end s = server;
	unsigned i = a->w.nr + a->passed;
	uint8_t f[FRAME_BYTES];

	g.port = (uint16_t)(i % 7 + 1);
	say(a, f, frame_tcp(f, g, s, SEG(F_SYN, 1000, 0, 1000)));
	say(a, f, frame_tcp(f, s, g, SEG(F_SYN | F_ACK, 5000, 1001, 1000)));
	say(a, f, frame_tcp(f, g, s, SEG(F_ACK, 1001, 5001, 1000, 10)));
	say(a, f, frame_tcp(f, s, g, SEG(F_FIN | F_ACK, 5001, 1011, 1000)));
	say(a, f, frame_tcp(f, g, s, SEG(F_FIN | F_ACK, 1011, 5002, 1000)));
	say(a, f, frame_tcp(f, s, g, SEG(F_ACK, 5002, 1012, 1000)));
	if (i % 3 == 0)
		say(a, f, frame_tcp(f, g, s, SEG(F_RST, 1012)));
	g.port = (uint16_t)(i % 50 + 100);
	say(a, f, frame_udp(f, g, s, 9));
	say(a, f, frame_udp(f, s, g, 9));
}

static void disturb(struct arena *arena)
{
	struct conn_info info;

	conn_refill(arena->t);
	conn_port_reauthorise(arena->t, PORT);
	(void)conn_flush(arena->t, &(struct conn_filter){ .proto = 17 });
	conn_list(arena->t, NULL, first_info, &info);
}

static void nothing_is_lost_when_all_happens_at_once(void **state)
{
	static const struct conn_limits limits = { .connections = 2048,
						   .half_open = 8,
						   .per_port = 40 };
	struct arena *arena = arena_open(&limits);
	struct conn_filter all = { 0 };
	uint32_t left;

	(void)state;
	perform(arena, short_lives, disturb);
	left = conn_count(arena->t, &all);
	assert_true(left <= 40);
	assert_int_equal(conn_flush(arena->t, NULL), left);
	for (unsigned i = 0; i < 200; i++) {
		arena->actors[0].w.now_ns += NS_PER_MS;
		conn_sweep(arena->t, &arena->actors[0].w, &arena->actors[0]);
	}
	assert_int_equal(arena->overlapping, 0);
	/* Whoever began has ended, once. */
	assert_int_equal(arena->begins, arena->ends);
	assert_true(arena->begins > 100);
	arena_close(arena);
}

static const struct conn_adoption adoption = { { CONN_SLOTS, CONN_SLOTS, CONN_SLOTS, CONN_SLOTS },
					       NULL,
					       NULL };

static void tell(struct arena *arena, enum conn_pass pass)
{
	static uint8_t bytes[CONN_RECORD_MIN];
	const struct conn_pass_plan plan = { .pass = pass };
	struct xvs_error err = ERROR_INIT;
	bool more = true;

	conn_watch_begin(arena->watch, &plan);
	while (more) {
		size_t len = conn_watch_next(arena->watch, bytes, sizeof(bytes), &more);

		assert_int_equal(conn_port_adopt(arena->there, PORT, &adoption, bytes, len, &err),
				 0);
	}
}

static void tell_meanwhile(struct arena *arena)
{
	conn_refill(arena->t);
	conn_refill(arena->there);
	(void)conn_flush(arena->t, &(struct conn_filter){ .proto = 17, .l4_port = 0x6400 });
	tell(arena, CONN_PASS_CHANGES);
}

/* So that each is told by its tuple and state, whatever the order. */
static bool add_up(void *arg, const struct conn_info *info)
{
	uint64_t *sum = arg;

	*sum += (uint64_t)(info->view.src_port * 31u + info->view.dst_port) *
		(info->view.proto + 1000u * (unsigned char)info->state_name[0]);
	return true;
}

static void what_was_told_is_what_is_there(void **state)
{
	static const struct conn_limits limits = { .connections = 2048,
						   .half_open = 8,
						   .per_port = 40 };
	static const struct conn_limits wide = { .connections = 8192 };
	static const struct conn_env env = { arena_authorise, arena_event, arena_resume,
					     arena_drop,      NULL,        NULL };
	struct arena *arena = arena_open(&limits);
	struct xvs_error err = ERROR_INIT;
	uint64_t here = 0;
	uint64_t there = 0;

	(void)state;
	assert_int_equal(conn_table_create(&wide, 1, &env, &arena->there, &err), 0);
	assert_int_equal(conn_port_open(arena->there, PORT, 0, 0, &err), 0);
	assert_int_equal(conn_watch_open(arena->t, PORT, &arena->watch, &err), 0);
	tell(arena, CONN_PASS_ALL);
	perform(arena, short_lives, tell_meanwhile);
	tell(arena, CONN_PASS_LAST);
	assert_int_equal(conn_count(arena->there, NULL), conn_count(arena->t, NULL));
	conn_list(arena->t, NULL, add_up, &here);
	conn_list(arena->there, NULL, add_up, &there);
	assert_true(here == there);
	conn_watch_close(arena->watch);
	conn_table_destroy(arena->there);
	arena_close(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_wins_a_datagram),
		cmocka_unit_test(one_worker_wins_a_syn),
		cmocka_unit_test(nothing_is_lost_when_all_happens_at_once),
		cmocka_unit_test(what_was_told_is_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
