/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that find their connection by what they say: those that a run lets in, and where it stops. */
#include "conn/fixture.h"

#include "conn/ahead.h"
#include "conn/entry.h"

enum { BURST = 8, ROUNDS = 6000, ENDS = 3 };

struct volley {
	struct packet *pkts[BURST];
	uint32_t count;
	bool inbound;
	enum conn_answer answers[BURST];
	uint16_t reasons[BURST];
	uint64_t going, run; /* let in by runs */
};

static void load(struct world *s, struct volley *v, const uint8_t *f, uint32_t len)
{
	v->pkts[v->count++] = packet_from(s, f, len);
}

static void load_tcp(struct world *s, struct volley *v, struct frame_tcp t)
{
	uint8_t f[FRAME_BYTES];

	load(s, v, f, v->inbound ? frame_tcp(f, server, guest, t) : frame_tcp(f, guest, server, t));
}

static void note(struct world *s, struct volley *v, uint32_t i, enum conn_answer answer)
{
	v->answers[i] = answer;
	v->reasons[i] = s->result.reason;
	v->going |= (uint64_t)(answer == CONN_PASS && s->result.goes_on) << i;
	if (answer == CONN_HELD)
		v->pkts[i] = NULL;
}

static void unload(struct volley *v)
{
	for (uint32_t i = 0; i < v->count; i++) {
		if (v->pkts[i])
			packet_free(v->pkts[i]);
	}
}

/* As the path does it: a run, who ends it by itself, and on. */
static void fire(struct world *s, struct volley *v)
{
	struct conn_ahead a = { .port = PORT, .inbound = v->inbound, .pkts = v->pkts };
	uint64_t mask = (UINT64_C(1) << v->count) - 1;

	conn_look_ahead(s->t, &a, mask);
	while (mask) {
		uint64_t left = conn_run_known(s->t, &s->w, &a, mask, s);
		uint32_t i = left ? (uint32_t)__builtin_ctzll(left) : 0;

		v->run |= mask ^ left;
		v->going |= a.going;
		mask = left;
		if (!left)
			break;
		note(s, v, i, conn_judge_ahead(s->t, &s->w, &a, i, s, &s->result));
		mask &= mask - 1;
	}
	unload(v);
}

static void fire_one_by_one(struct world *s, struct volley *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		note(s, v, i, conn_judge(s->t, &s->w, PORT, v->inbound, v->pkts[i], s, &s->result));
	unload(v);
}

/* Which of these are let in by a run. */
static uint64_t runs(struct world *s, bool inbound, const struct frame_tcp *segments,
		     uint32_t count)
{
	struct volley v = { .inbound = inbound };

	for (uint32_t i = 0; i < count; i++)
		load_tcp(s, &v, segments[i]);
	fire(s, &v);
	return v.run;
}

static void lets_in_all_but_what_opens(void **state)
{
	const struct frame_tcp syn[] = { SEG(F_SYN, 1000, 0, 1000), SEG(F_SYN, 1000, 0, 1000) };
	const struct frame_tcp syn_ack[] = { SEG(F_SYN | F_ACK, 5000, 1001, 1000) };
	const struct frame_tcp ack[] = { SEG(F_ACK, 1001, 5001, 1000),
					 SEG(F_ACK, 1001, 5001, 1000, 100),
					 SEG(F_FIN | F_ACK, 1101, 5001, 1000) };
	const struct frame_tcp end[] = { SEG(F_ACK, 5001, 1102, 1000), SEG(F_RST, 5001, 0, 0) };
	struct world *s = *state;

	assert_int_equal(runs(s, false, syn, 2), 2); /* the second one finds what the first made */
	assert_int_equal(runs(s, true, syn_ack, 1), 1);
	assert_string_equal(state_name(s), "syn-received");
	assert_int_equal(runs(s, false, ack, 3), 7);
	assert_string_equal(state_name(s), "closing");
	assert_int_equal(runs(s, true, end, 2), 3);
	assert_string_equal(state_name(s), "");
	assert_int_equal(s->asked, 1);
}

static void stops_at_what_is_refused(void **state)
{
	const struct frame_tcp wild[] = { SEG(F_ACK, 1001, 5001, 1000),
					  SEG(F_ACK, 900000, 5001, 1000),
					  SEG(F_ACK, 1001, 5001, 1000) };
	struct world *s = *state;

	handshake(s);
	assert_int_equal(runs(s, false, wild, 3), 5);
	assert_int_equal(s->result.reason, REASON_CONN_WINDOW);
}

static void stops_where_policy_or_time_has_its_say(void **state)
{
	const struct frame_tcp ack[] = { SEG(F_ACK, 1001, 5001, 1000) };
	struct world *s = *state;

	handshake(s);
	assert_int_equal(runs(s, false, ack, 1), 1);
	conn_port_reauthorise(s->t, PORT);
	assert_int_equal(runs(s, false, ack, 1), 0); /* this one asks */
	assert_int_equal(s->asked, 2);
	assert_int_equal(runs(s, false, ack, 1), 1);
	world_wait(s, UINT64_C(3600) * 1000); /* longer than some may be idle, not this one */
	assert_int_equal(runs(s, false, ack, 1), 0);
	assert_string_equal(state_name(s), "established");
	assert_int_equal(runs(s, false, ack, 1), 1);
	assert_int_equal(conn_flush(s->t, NULL), 1);
	assert_int_equal(runs(s, false, ack, 1), 0);
	conn_port_close(s->t, PORT);
	assert_int_equal(runs(s, false, ack, 1), 0);
	assert_int_equal(s->result.reason, REASON_SHUTDOWN);
}

/* ---- beside conn_judge() ------------------------------------------------------------------- */

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*seed * below >> 32);
}

/* Few numbers, so that segments often fit; all flags. */
static struct frame_tcp any_segment(uint32_t *seed, bool inbound)
{
	static const uint8_t usual[] = { F_SYN,         F_SYN | F_ACK, F_ACK,         F_ACK,
					 F_ACK | F_PSH, F_ACK | F_FIN, F_RST | F_ACK, F_RST };
	uint32_t own = inbound ? 5000 : 1000;
	uint32_t other = inbound ? 1000 : 5000;
	struct frame_tcp t = SEG(usual[draw(seed, sizeof(usual))], own + 1, other + 1,
				 (uint16_t)draw(seed, 3000));

	if (t.flags & F_SYN)
		t.seq -= draw(seed, 8) != 0;
	else if (draw(seed, 4) == 0)
		t.data = (uint16_t)draw(seed, 400);
	if (draw(seed, 6) == 0)
		t.seq += draw(seed, 600);
	if (draw(seed, 6) == 0)
		t.ack += draw(seed, 600);
	if (draw(seed, 30) == 0)
		t.flags = (uint8_t)draw(seed, 64);
	if (t.flags & F_SYN && draw(seed, 2))
		t.scale = (uint8_t)(1 + draw(seed, 8));
	return t;
}

static uint32_t any_frame(uint32_t *seed, bool inbound, uint8_t *f)
{
	uint16_t nr = (uint16_t)draw(seed, ENDS);
	bool is_v6 = draw(seed, 2);
	struct frame_end in = { guest.host, is_v6, (uint16_t)(40000 + nr) };
	struct frame_end out = { server.host, is_v6, 80 };
	struct frame_end src = inbound ? out : in;
	struct frame_end dst = inbound ? in : out;
	uint8_t whole[FRAME_BYTES];

	switch (draw(seed, 12)) {
	case 0:
		return frame_icmp(f, src, dst, draw(seed, 2) ? 8 : 0, 0, nr);
	case 1:
		(void)frame_udp(whole, src, dst, 200);
		return frame_fragment(f, whole, draw(seed, 4), draw(seed, 2) * 64, 64,
				      draw(seed, 2));
	case 2:
		src.port = (uint16_t)draw(seed, 2);
		return frame_udp(f, src, dst, 10);
	case 3:
	case 4:
		return frame_udp(f, src, dst, draw(seed, 50));
	default:
		return frame_tcp(f, src, dst, any_segment(seed, inbound));
	}
}

static void assert_same(struct world *a, struct world *b)
{
	uint32_t high = slab_high(a->t);

	assert_int_equal(slab_high(b->t), high);
	assert_int_equal(a->asked, b->asked);
	assert_int_equal(a->events, b->events);
	for (uint32_t i = 0; i < high; i++) {
		struct entry_open one, other;

		entry_read(&a->t->objects[i], a->w.now_ns, 0, &one);
		entry_read(&b->t->objects[i], a->w.now_ns, 0, &other);
		assert_int_equal(one.state, other.state);
		assert_int_equal(one.tcp_bits, other.tcp_bits);
		assert_int_equal(one.age_ns, other.age_ns);
		assert_memory_equal(one.halves, other.halves, sizeof(one.halves));
	}
}

static void something_happens(struct world *s, uint32_t what, uint32_t ms)
{
	static const struct conn_filter udp = { .proto = 17 };

	s->say.idle_ms = what == 0 ? 70 : 0;
	if (what == 1)
		conn_port_reauthorise(s->t, PORT);
	else if (what == 2)
		(void)conn_flush(s->t, &udp);
	else if (what == 3)
		s->w.nr ^= 1;
	else if (what == 4)
		s->say.action = s->say.action ? XVS_CONN_ALLOW : XVS_CONN_DENY;
	else if (what == 5)
		conn_sweep(s->t, &s->w, s);
	world_wait(s, what == 6 ? 300000 : ms);
}

static void open_both(struct world worlds[2])
{
	static const struct conn_limits limits = { .connections = 1 << 16, .midstream_ms = 2000 };

	for (unsigned i = 0; i < 2; i++)
		world_open(&worlds[i], &limits);
	worlds[1].w.now_ns = worlds[0].w.now_ns;
	worlds[1].t->created_ns = worlds[0].t->created_ns;
}

/* The same bursts by runs and by conn_judge(): all is the same at each step. */
static void runs_are_as_one_by_one(void **state)
{
	static struct world worlds[2];
	uint32_t seed = 1;
	uint64_t run = 0;

	(void)state;
	open_both(worlds);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct volley v[2] = { { .count = 0 }, { .count = 0 } };
		uint32_t count = 1 + draw(&seed, BURST);
		uint32_t what = draw(&seed, 120), ms = draw(&seed, 40);

		v[0].inbound = v[1].inbound = draw(&seed, 2);
		for (uint32_t n = 0; n < count; n++) {
			uint8_t f[FRAME_BYTES] = { 0 };
			uint32_t len = any_frame(&seed, v[0].inbound, f);

			for (unsigned i = 0; i < 2; i++)
				load(&worlds[i], &v[i], f, len);
		}
		fire(&worlds[0], &v[0]);
		fire_one_by_one(&worlds[1], &v[1]);
		assert_memory_equal(v[0].answers, v[1].answers, sizeof(v[0].answers));
		assert_memory_equal(v[0].reasons, v[1].reasons, sizeof(v[0].reasons));
		assert_int_equal(v[0].going, v[1].going);
		run += (uint64_t)__builtin_popcountll(v[0].run);
		for (unsigned i = 0; i < 2; i++)
			something_happens(&worlds[i], what, ms);
		if (round % 64 == 0)
			assert_same(&worlds[0], &worlds[1]);
	}
	assert_same(&worlds[0], &worlds[1]);
	assert_true(run > ROUNDS / 2);
	for (unsigned k = 0; k < 2; k++) {
		worlds[k].w.nr = 0;
		world_sweep(&worlds[k]);
		worlds[k].w.nr = 1;
		world_sweep(&worlds[k]);
		world_close(&worlds[k]);
	}
}

/* What is read in a plain way is what tuple_read() says; all that it refuses is left to that. */
static void plain_keys_are_keys(void **state)
{
	struct world *s = *state;
	uint32_t seed = 7;
	unsigned plain = 0;

	for (unsigned i = 0; i < 4000; i++) {
		bool inbound = draw(&seed, 2);
		uint8_t f[FRAME_BYTES] = { 0 };
		uint32_t len = any_frame(&seed, inbound, f);
		struct packet *p = packet_from(s, f, len);
		struct conn_words words;
		struct tuple tuple;

		p->segment = draw(&seed, 4096);
		if (tuple_read_plain(p, PORT, inbound, &words)) {
			plain++;
			assert_int_equal(tuple_read(p, PORT, inbound, &tuple), TUPLE_TRACKED);
			assert_false(tuple.is_answer);
			assert_memory_equal(&tuple.key, &words, sizeof(words));
			assert_true(words_hash(&words) == key_hash(&tuple.key));
		}
		packet_free(p);
	}
	assert_true(plain > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(lets_in_all_but_what_opens),
		WORLD_TEST(stops_at_what_is_refused),
		WORLD_TEST(stops_where_policy_or_time_has_its_say),
		cmocka_unit_test(runs_are_as_one_by_one),
		WORLD_TEST(plain_keys_are_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
