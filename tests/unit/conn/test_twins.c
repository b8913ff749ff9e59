/* SPDX-License-Identifier: Apache-2.0 */
/* One packet in the connections of two ports: both are asked at once, and say what each alone would. */
#include "conn/fixture.h"

#include "conn/entry.h"
#include "conn/table.h"

enum { NEAR = PORT, FAR = PORT + 1, BURST = 8, ROUNDS = 20000 };

/* The ports of the two ends of a conversation; with handles of who sends. */
struct pair {
	struct world w;
	struct conn_ref refs[2][2]; /* near, far; of the guest's packets and of the server's */
};

static void pair_open(struct pair *s)
{
	static const struct conn_limits limits = { .connections = 1 << 18 };
	struct xvs_error err = ERROR_INIT;

	world_open(&s->w, &limits); /* so many that none is used again */
	assert_int_equal(conn_port_open(s->w.t, FAR, 0, 0, &err), 0);
}

static enum conn_answer pair_judge(struct pair *s, bool by_server, struct frame_tcp t)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, by_server ? server : guest, by_server ? guest : server, t);
	enum conn_answer answer = CONN_PASS;

	for (unsigned i = 0; i < 2 && answer == CONN_PASS; i++) {
		bool is_near = by_server == i; /* who sends is asked for first */
		struct packet *p = packet_from(&s->w, f, len);

		answer = conn_judge(s->w.t, &s->w.w, is_near ? NEAR : FAR, i == 1, p, &s->w,
				    &s->w.result);
		if (answer == CONN_PASS)
			s->refs[is_near ? 0 : 1][by_server] = s->w.result.ref;
		packet_free(p);
	}
	return answer;
}

static void pair_shake(struct pair *s)
{
	assert_int_equal(pair_judge(s, false, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(pair_judge(s, true, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_int_equal(pair_judge(s, false, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
}

/* As the path does it, one packet after the other: who is behind, too, unless it was asked at once. */
struct volley {
	struct packet *pkts[BURST];
	uint32_t count;
	uint64_t paired;
	enum conn_answer answers[BURST];
};

static void volley_add(struct pair *s, struct volley *v, bool by_server, struct frame_tcp t)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, by_server ? server : guest, by_server ? guest : server, t);

	v->pkts[v->count++] = packet_from(&s->w, f, len);
}

static uint64_t ask_one(struct pair *s, struct volley *v, struct conn_ref ref, uint32_t i)
{
	uint16_t reason;

	v->answers[i] = conn_update(s->w.t, &s->w.w, ref, v->pkts[i], &s->w, &reason);
	return UINT64_C(1) << i;
}

static void ask_all(struct pair *s, struct volley *v, struct conn_run *r, struct conn_ref ref,
		    uint64_t mask)
{
	while (mask) {
		mask = conn_run(s->w.t, &s->w.w, r, mask);
		if (mask)
			mask &= ~ask_one(s, v, ref, (uint32_t)__builtin_ctzll(mask));
	}
}

/* 'twins': those that are asked of both at once. */
static void fire(struct pair *s, struct volley *v, bool by_server, uint64_t twins)
{
	struct conn_ref here = s->refs[by_server][by_server];
	struct conn_ref there = s->refs[!by_server][by_server];
	struct conn_run r = { .port = by_server ? FAR : NEAR, .pkts = v->pkts };
	uint64_t all = (UINT64_C(1) << v->count) - 1;
	uint64_t passed = 0;

	conn_verify(s->w.t, here);
	conn_verify(s->w.t, there);
	conn_run_begin(s->w.t, &r);
	for (uint32_t i = 0; i < v->count; i++) {
		v->answers[i] = CONN_PASS;
		conn_run_add(&r, i, here);
		/* what stands in the places of the others is whatever it was */
		r.twin_halves[i] = (struct half *)(uintptr_t)0xa5a5a5a5a5a5a5a5u;
		if (twins >> i & 1)
			conn_run_add_twin(&r, i, there);
	}
	r.twins = twins & all;
	ask_all(s, v, &r, here, all);
	v->paired = r.paired;
	for (uint32_t i = 0; i < v->count; i++)
		passed |= (uint64_t)(v->answers[i] == CONN_PASS) << i;
	conn_run_begin(s->w.t, &r);
	r.port = by_server ? NEAR : FAR;
	for (uint32_t n = 0; n < v->count; n++)
		conn_run_add(&r, n, there);
	ask_all(s, v, &r, there, passed & ~v->paired);
	for (uint32_t k = 0; k < v->count; k++)
		packet_free(v->pkts[k]);
}

static uint64_t fire_one(struct pair *s, bool by_server, struct frame_tcp t)
{
	struct volley v = { .count = 0 };

	volley_add(s, &v, by_server, t);
	fire(s, &v, by_server, UINT64_MAX);
	return v.paired;
}

static struct entry_open seen(struct pair *s, bool is_far)
{
	struct entry_open e = { .state = 0 };
	struct conn *c = conn_deref(s->w.t, s->refs[is_far][0]);

	if (c)
		entry_read(c, s->w.w.now_ns, 0, &e);
	return e;
}

static void both_grow_and_count(void **state)
{
	struct volley v = { .count = 0 };
	struct pair s;

	(void)state;
	pair_open(&s);
	pair_shake(&s);
	(void)fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)); /* each alone: it is plain */
	for (uint32_t i = 0; i < BURST; i++)
		volley_add(&s, &v, false,
			   SEG(F_ACK, 1001 + i * 100, 5001, (uint16_t)(1000 + i), 100));
	fire(&s, &v, false, UINT64_MAX);
	assert_int_equal(v.paired, 255);
	for (unsigned far = 0; far < 2; far++) {
		struct entry_half h = seen(&s, far).halves[0];

		assert_int_equal(h.packets, 3 + BURST);
		assert_int_equal(h.end, 1001 + BURST * 100);
		assert_int_equal(h.window, 1000 + BURST - 1);
		assert_int_equal(h.edge, 5001 + 1000 + BURST - 1);
	}
	world_close(&s.w);
}

/* One saw more than the other: each says what it knows itself. */
static void who_knows_less_is_asked_itself(void **state)
{
	struct volley v = { .count = 0 };
	struct pair s;

	(void)state;
	pair_open(&s);
	pair_shake(&s);
	(void)fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)), 1);
	volley_add(&s, &v, false, SEG(F_ACK, 1001, 5001, 1000, 500));
	assert_int_equal(conn_update(s.w.t, &s.w.w, s.refs[0][0], v.pkts[0], &s.w, &s.w.reason),
			 CONN_PASS);
	packet_free(v.pkts[0]);
	/* the server may acknowledge at its own port what went by there, which is nothing */
	assert_int_equal(fire_one(&s, true, SEG(F_ACK, 5001, 1501, 1000)), 0);
	assert_int_equal(seen(&s, false).halves[1].ack, 1001);
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000, 500)), 0);
	/* which makes them equal */
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1501, 5001, 1000)), 1);
	world_close(&s.w);
}

static void what_changes_at_either_ends_it(void **state)
{
	struct conn_filter far = { .port = FAR };
	struct pair s;

	(void)state;
	pair_open(&s);
	pair_shake(&s);
	(void)fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)), 1);
	conn_port_reauthorise(s.w.t, FAR);
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)), 0);
	assert_int_equal(pair_judge(&s, false, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
	(void)fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000));
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)), 1);
	s.w.w.nr = 1; /* another worker's now, too */
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)), 0);
	s.w.w.nr = 0;
	assert_int_equal(fire_one(&s, false, SEG(F_ACK, 1001, 5001, 1000)), 0);
	/* the other direction is not concerned, until one of the two ends */
	(void)fire_one(&s, true, SEG(F_ACK, 5001, 1001, 1000));
	assert_int_equal(fire_one(&s, true, SEG(F_ACK, 5001, 1001, 1000)), 1);
	assert_int_equal(conn_flush(s.w.t, &far), 1);
	assert_int_equal(fire_one(&s, true, SEG(F_ACK, 5001, 1001, 1000)), 0);
	world_close(&s.w);
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*seed * below >> 32);
}

/* Mostly what goes on, now and then what does not. */
static struct frame_tcp any_segment(uint32_t *seed, const struct entry_open *now, bool by_server)
{
	static const uint8_t odd[] = { F_FIN | F_ACK, F_RST, F_SYN,
				       F_SYN | F_ACK, F_PSH, F_RST | F_ACK };
	const struct entry_half *own = &now->halves[by_server];
	const struct entry_half *other = &now->halves[!by_server];
	struct frame_tcp t = SEG(F_ACK, own->end, other->end, (uint16_t)draw(seed, 3000),
				 (uint16_t)draw(seed, 400));

	if (draw(seed, 4) == 0)
		t.seq += draw(seed, 3000) - 1500;
	if (draw(seed, 4) == 0)
		t.ack += draw(seed, 3000) - 1500;
	if (draw(seed, 40) == 0)
		t.ack -= draw(seed, 100000);
	if (draw(seed, 60) == 0)
		t.flags = odd[draw(seed, sizeof(odd))];
	return t;
}

static void assert_same(const struct entry_open *a, const struct entry_open *b)
{
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->tcp_bits, b->tcp_bits);
	assert_memory_equal(a->halves, b->halves, sizeof(a->halves));
}

static void open_again(struct pair *s)
{
	if (seen(s, false).state == STATE_ESTABLISHED && seen(s, true).state == STATE_ESTABLISHED)
		return;
	(void)conn_flush(s->w.t, NULL);
	world_sweep(&s->w);
	pair_shake(s);
}

/* The same bursts, once at once and once by one port after the other: all is the same at each step. */
static void at_once_is_as_one_by_one(void **state)
{
	static struct pair at_once, one_by_one;
	struct pair *both[2] = { &at_once, &one_by_one };
	uint32_t seed = 1;
	uint64_t paired = 0;

	(void)state;
	pair_open(&at_once);
	pair_open(&one_by_one);
	one_by_one.w.w.now_ns = at_once.w.w.now_ns;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct volley v[2] = { { .count = 0 }, { .count = 0 } };
		bool by_server = draw(&seed, 2);
		uint32_t count = 1 + draw(&seed, BURST);

		for (unsigned i = 0; i < 2; i++)
			open_again(both[i]);
		for (uint32_t n = 0; n < count; n++) {
			struct entry_open now = seen(&at_once, by_server);
			struct frame_tcp t = any_segment(&seed, &now, by_server);

			volley_add(&at_once, &v[0], by_server, t);
			volley_add(&one_by_one, &v[1], by_server, t);
		}
		/* the last ones of some have none: packets keep their order at each connection */
		fire(&at_once, &v[0], by_server,
		     ((UINT64_C(1) << count) - 1) >> (count > 1 ? round % 2 : 0));
		fire(&one_by_one, &v[1], by_server, 0);
		paired += (uint64_t)__builtin_popcountll(v[0].paired);
		assert_int_equal(v[1].paired, 0);
		assert_memory_equal(v[0].answers, v[1].answers, sizeof(v[0].answers));
		for (unsigned far = 0; far < 2; far++) {
			struct entry_open a = seen(&at_once, far), b = seen(&one_by_one, far);

			assert_same(&a, &b);
		}
	}
	assert_true(paired > ROUNDS);
	world_close(&at_once.w);
	world_close(&one_by_one.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_grow_and_count),
		cmocka_unit_test(who_knows_less_is_asked_itself),
		cmocka_unit_test(what_changes_at_either_ends_it),
		cmocka_unit_test(at_once_is_as_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
