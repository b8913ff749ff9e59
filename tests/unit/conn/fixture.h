/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/fixture.h - a table with one guarded port, a worker with a clock that stands still, and a
 * firewall that says what the test wants and remembers what it was told.
 */
#ifndef XVS_TEST_CONN_FIXTURE_H
#define XVS_TEST_CONN_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rcu.h"
#include "conn/conn.h"
#include "support/frames.h"

/* SEG(flags, seq, ack, window, data, scale + 1); what is left out is 0. */
#define SEG(...) SEG_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SEG_PADDED(flags, seq, ack, window, data, scale, ...) \
	((struct frame_tcp){ flags, seq, ack, window, data, scale })

enum { PORT = 5, EVENTS_MAX = 256 };

/* The guest behind the port, and somebody outside. */
static const struct frame_end guest = { 1, false, 40000 };
static const struct frame_end server = { 2, false, 80 };
static const struct frame_end router = { 9, false, 0 };

struct world {
	struct conn_table *t;
	struct worker w;
	struct pool *pool;

	struct conn_decision say; /* to who asks */
	unsigned asked;
	struct xvs_conn asked_for;
	uint64_t slot_seen;
	uint64_t slot_to_leave;
	unsigned events;
	uint16_t causes[EVENTS_MAX];
	uint16_t states[EVENTS_MAX];
	struct xvs_conn last;
	unsigned resumed;
	uint32_t resumed_offset[EVENTS_MAX];
	unsigned dropped;
	uint16_t dropped_for;

	/* of the last packet */
	struct conn_result result;
	uint16_t reason;
};

static inline void world_authorise(void *arg, const struct packet *p, struct xvs_conn *view,
				   uint64_t slots[CONN_SLOTS], struct conn_decision *out)
{
	struct world *s = arg;

	assert_non_null(p);
	s->asked++;
	s->asked_for = *view;
	s->slot_seen = slots[0];
	if (s->slot_to_leave)
		slots[0] = s->slot_to_leave;
	*out = s->say;
}

static inline void world_event(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS],
			       uint16_t log, uint16_t cause)
{
	struct world *s = arg;

	assert_non_null(slots);
	assert_int_equal(log, s->say.log);
	s->causes[s->events % EVENTS_MAX] = cause;
	s->states[s->events % EVENTS_MAX] = view->state;
	s->last = *view;
	s->events++;
}

static inline void world_resume(void *arg, struct packet *p)
{
	struct world *s = arg;

	s->resumed_offset[s->resumed++ % EVENTS_MAX] = (get_be16(p->x.data + 20) & 0x1fffu) * 8u;
	packet_free(p);
}

static inline void world_drop(void *arg, struct packet *p, uint32_t port, uint16_t reason)
{
	struct world *s = arg;

	assert_int_equal(port, PORT);
	s->dropped++;
	s->dropped_for = reason;
	packet_free(p);
}

static inline void world_open(struct world *s, const struct conn_limits *limits)
{
	static const struct conn_env env = { world_authorise, world_event, world_resume,
					     world_drop,      NULL,        NULL };
	static const struct pool_limits pool = { 512, 512, 8 };
	struct xvs_error err = ERROR_INIT;

	memset(s, 0, sizeof(*s));
	s->pool = pool_create(&pool);
	assert_non_null(s->pool);
	assert_int_equal(conn_table_create(limits, 2, &env, &s->t, &err), 0);
	assert_int_equal(conn_port_open(s->t, PORT, 0, 0, &err), 0);
	s->w.now_ns = clock_ns();
}

static inline void world_close(struct world *s)
{
	conn_table_destroy(s->t);
	pool_destroy(s->pool);
}

static inline int world_setup(void **state)
{
	static const struct conn_limits limits = { .connections = 4096 };
	struct world *s = test_malloc(sizeof(*s));

	world_open(s, &limits);
	*state = s;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *s = *state;

	world_close(s);
	test_free(s);
	return 0;
}

static inline void world_wait(struct world *s, uint64_t ms)
{
	s->w.now_ns += ms * NS_PER_MS;
}

/* So often that every object has been met. */
static inline void world_sweep(struct world *s)
{
	for (unsigned i = 0; i < 200; i++) {
		s->w.now_ns += NS_PER_MS;
		conn_sweep(s->t, &s->w, s);
	}
}

/* Whether the frame is bound for the guest is told by its source. */
static inline bool frame_is_inbound(const uint8_t *f)
{
	return f[11] != guest.host;
}

static inline struct packet *packet_from(struct world *s, const uint8_t *f, uint32_t len)
{
	struct packet *p = frame_packet(s->pool, f, len);

	if (!p) {
		fail_msg("the pool is empty");
		abort(); /* for compilers, to which fail_msg() returns */
	}
	return p;
}

static inline enum conn_answer judge_flagged(struct world *s, const uint8_t *f, uint32_t len,
					     uint32_t flags)
{
	struct packet *p = packet_from(s, f, len);
	enum conn_answer answer;

	p->x.flags |= flags;
	answer = conn_judge(s->t, &s->w, PORT, frame_is_inbound(f), p, s, &s->result);
	s->reason = s->result.reason;
	if (answer != CONN_HELD)
		packet_free(p);
	return answer;
}

static inline enum conn_answer judge(struct world *s, const uint8_t *f, uint32_t len)
{
	return judge_flagged(s, f, len, 0);
}

/* A burst of one: true if it was plain. */
static inline bool run_alone(struct world *s, struct conn_ref ref, struct packet *p)
{
	struct conn_run r = { .port = PORT, .pkts = &p };

	conn_verify(s->t, ref);
	conn_run_begin(s->t, &r);
	conn_run_add(&r, 0, ref);
	return conn_run(s->t, &s->w, &r, 1) == 0;
}

static inline enum conn_answer update(struct world *s, struct conn_ref ref, const uint8_t *f,
				      uint32_t len)
{
	struct packet *p = packet_from(s, f, len);
	enum conn_answer answer = CONN_PASS;

	if (!run_alone(s, ref, p))
		answer = conn_update(s->t, &s->w, ref, p, s, &s->reason);
	packet_free(p);
	return answer;
}

static inline enum conn_answer tcp(struct world *s, struct frame_end from, struct frame_end to,
				   struct frame_tcp t)
{
	uint8_t f[FRAME_BYTES];

	return judge(s, f, frame_tcp(f, from, to, t));
}

static inline enum conn_answer udp(struct world *s, struct frame_end from, struct frame_end to,
				   uint32_t data)
{
	uint8_t f[FRAME_BYTES];

	return judge(s, f, frame_udp(f, from, to, data));
}

/* Both ends seen, as they are: guest at 1001, server at 5001, windows of 1000 << 0. */
static inline void handshake(struct world *s)
{
	assert_int_equal(tcp(s, guest, server, SEG(F_SYN, 1000, 0, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, server, guest, SEG(F_SYN | F_ACK, 5000, 1001, 1000)), CONN_PASS);
	assert_int_equal(tcp(s, guest, server, SEG(F_ACK, 1001, 5001, 1000)), CONN_PASS);
}

static inline bool first_info(void *arg, const struct conn_info *info)
{
	*(struct conn_info *)arg = *info;
	return false;
}

/* Of the first in the list; "" if it is empty. */
static inline const char *state_name(struct world *s)
{
	struct conn_info info = { .state_name = "" };

	conn_list(s->t, NULL, first_info, &info);
	return info.state_name;
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif /* XVS_TEST_CONN_FIXTURE_H */
