/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_conn xvs_packet xvs_base
 *
 * A conversation from bytes: each step is a packet made of a few, in either direction, judged
 * or let in through a handle that an earlier step left, with time passing and policy changing.
 * After each step limits hold, and in the end nothing is left: no packet, no connection, no count.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/support/frames.h"
#include "conn/table.h"

enum { PORT = 3, HANDLES = 16, HALF_OPEN = 6, CONNECTIONS = 12 };

struct scene {
	struct conn_table *t;
	struct worker w;
	struct pool *pool;
	struct conn_ref handles[HANDLES];
	unsigned begins, ends;
	uint8_t say;
	unsigned packets; /* that wait inside */
};

static void authorise(void *arg, const struct packet *p, struct xvs_conn *view,
		      uint64_t slots[CONN_SLOTS], struct conn_decision *out)
{
	struct scene *s = arg;

	assert(p && view->size == sizeof(*view));
	slots[0]++;
	out->action = s->say % 5 == 4 ? XVS_CONN_DENY : XVS_CONN_ALLOW;
	out->log = 1;
	out->idle_ms = s->say % 7 == 6 ? 50 : 0;
	out->report_ms = s->say & 1;
}

static void event(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS], uint16_t log,
		  uint16_t cause)
{
	struct scene *s = arg;

	assert(log == 1 && slots[0] > 0);
	/* only a denied one ends without having begun */
	assert(view->state != XVS_CONN_CLOSED || slots[1] || cause == XVS_CONN_DENIED);
	if (view->state == XVS_CONN_CLOSED)
		s->ends += slots[1] != 0;
	else if (view->packets[0] + view->packets[1] == 1 && cause == 0 && slots[1]++ == 0)
		s->begins++;
}

static void resume(void *arg, struct packet *p)
{
	struct scene *s = arg;

	s->packets--;
	packet_free(p);
}

static void drop(void *arg, struct packet *p, uint32_t port, uint16_t reason)
{
	assert(port == PORT && reason > REASON_NONE && reason < REASON_COUNT);
	resume(arg, p);
}

static void start(struct scene *s)
{
	static const struct conn_env env = { authorise, event, resume, drop, NULL, NULL };
	static const struct pool_limits pool = { 128, 128, 2 };
	static const struct conn_limits limits = { .connections = 64,
						   .per_port = CONNECTIONS,
						   .half_open = HALF_OPEN,
						   .denied_per_port = 16,
						   .midstream_ms = 1000 };
	struct xvs_error err = ERROR_INIT;

	memset(s, 0, sizeof(*s));
	s->pool = pool_create(&pool);
	if (!s->pool || conn_table_create(&limits, 1, &env, &s->t, &err) ||
	    conn_port_open(s->t, PORT, 0, 0, &err))
		abort();
	s->w.now_ns = s->t->created_ns;
}

/* One or two chunks, sound or not; tags are few, so that some fit. */
static uint32_t build_sctp(const uint8_t b[16], uint8_t *f, struct frame_end from,
			   struct frame_end to)
{
	uint8_t chunks[16];

	for (uint32_t i = 0; i < 2; i++) {
		const uint8_t *from_bytes = b + 2 + i * 4;
		uint8_t *chunk = chunks + i * 8;

		chunk[0] = from_bytes[0] & 0x4f;
		chunk[1] = from_bytes[1] & 1;
		put_be16(chunk + 2, b[11] & 1 ? from_bytes[2] : 8);
		put_be32(chunk + 4, from_bytes[3] & 3);
	}
	return frame_sctp(f, from, to, b[12] & 3, chunks, b[10] & 1 ? 16 : 8);
}

/* 16 bytes become a frame: few ends, so that packets meet; numbers near each other. */
static uint32_t build(const uint8_t b[16], uint8_t *f)
{
	bool is_v6 = b[0] & 1;
	struct frame_end in = { 1, is_v6, (uint16_t)(1000 + (b[1] & 3)) };
	struct frame_end out = { 2, is_v6, (uint16_t)(80 + (b[1] >> 7)) };
	bool inbound = b[0] & 2;
	struct frame_end from = inbound ? out : in;
	struct frame_end to = inbound ? in : out;
	struct frame_tcp t = { .flags = b[2],
			       .seq = (uint32_t)(int8_t)b[3] + (uint32_t)b[4] * 256,
			       .ack = (uint32_t)(int8_t)b[5] + (uint32_t)b[6] * 256,
			       .window = get_be16(b + 7),
			       .data = b[9],
			       .scale = b[10] & 15 };
	uint8_t inner[FRAME_BYTES];

	switch (b[0] >> 2 & 7) {
	case 0:
		return frame_udp(f, from, to, b[9]);
	case 1:
		return frame_icmp(f, from, to, b[2], b[3], b[4]);
	case 2:
		(void)frame_tcp(inner, to, from, t);
		return frame_error(f, from, to, b[11], 0, inner);
	case 3:
		(void)frame_udp(inner, from, to, 200);
		return frame_fragment(f, inner, b[11] & 3, (b[12] & 31) * 8u,
				      1 + (b[13] % 8) * 8u + (b[13] >> 7) * 7u, b[14] & 1);
	case 4:
		(void)frame_ip(f, from, to, b[2], b[9]);
		memcpy(f + 34, b, 16);
		return frame_len(f);
	case 5:
		return build_sctp(b, f, from, to);
	default:
		return frame_tcp(f, from, to, t);
	}
}

/* In a burst of one, as the path does it; who is let in by a run leaves no handle. */
static enum conn_answer judge(struct scene *s, const uint8_t b[16], struct packet *p,
			      struct conn_result *result)
{
	struct conn_ahead a = { .port = PORT, .inbound = b[0] & 2, .pkts = &p };

	if (!(b[15] & 32))
		return conn_judge(s->t, &s->w, PORT, a.inbound, p, s, result);
	conn_look_ahead(s->t, &a, 1);
	*result = (struct conn_result){ .ref = { 0, 0 } };
	if (conn_run_known(s->t, &s->w, &a, 1, s) == 0)
		return CONN_PASS;
	return conn_judge_ahead(s->t, &s->w, &a, 0, s, result);
}

static void play_packet(struct scene *s, const uint8_t b[16])
{
	uint8_t f[FRAME_BYTES] = { 0 };
	uint32_t len = build(b, f);
	struct packet *p = frame_packet(s->pool, f, b[15] & 64 ? len - len / 4 : len);
	struct conn_ref *handle = &s->handles[b[15] % HANDLES];
	struct conn_result result;
	enum conn_answer answer;
	uint16_t reason = 0;

	if (!p)
		return;
	s->say = b[14];
	if (b[15] & 128) {
		struct conn_run r = { .port = PORT, .pkts = &p };
		bool is_left = true; /* for conn_update() */

		conn_run_begin(s->t, &r);
		if (handle->index) {
			conn_verify(s->t, *handle);
			conn_run_add(&r, 0, *handle);
			is_left = conn_run(s->t, &s->w, &r, 1) != 0;
		}
		answer = CONN_PASS;
		if (is_left)
			answer = conn_update(s->t, &s->w, *handle, p, s, &reason);
		assert(answer == CONN_PASS || answer == CONN_AGAIN ||
		       (answer == CONN_DROP && reason > REASON_NONE));
	} else {
		answer = judge(s, b, p, &result);
		assert(answer <= CONN_HELD);
		assert(answer != CONN_DROP || result.reason > REASON_NONE);
		if (answer == CONN_PASS)
			*handle = result.ref;
	}
	s->packets += answer == CONN_HELD;
	if (answer != CONN_HELD)
		packet_free(p);
}

static void play_control(struct scene *s, const uint8_t b[16])
{
	struct conn_filter udp = { .proto = PROTO_UDP };

	switch (b[1] & 7) {
	case 0:
		conn_refill(s->t);
		break;
	case 1:
		conn_port_reauthorise(s->t, PORT);
		break;
	case 2:
		(void)conn_flush(s->t, &udp);
		break;
	case 3:
		s->w.now_ns += get_be16(b + 2) * UINT64_C(1000000000);
		break;
	default:
		s->w.now_ns += b[2] * UINT64_C(1000000);
		conn_sweep(s->t, &s->w, s);
		break;
	}
}

static bool check(void *arg, const struct conn_info *info)
{
	unsigned *counts = arg;

	assert(info->view.port == PORT && info->state_name);
	if (!info->is_denied) {
		counts[0]++;
		counts[1] += info->is_half_open;
	}
	return true;
}

static void check_limits(struct scene *s)
{
	struct conn_port *port = &s->t->ports[PORT];
	unsigned counts[2] = { 0 };

	conn_list(s->t, NULL, check, counts);
	assert(port->count <= CONNECTIONS && port->half_count <= HALF_OPEN);
	assert(port->half_count <= port->count);
	assert(counts[0] <= port->count && counts[1] <= port->half_count);
	assert(port->waiting == s->packets && s->packets <= 64);
}

static void stop(struct scene *s)
{
	struct conn_port *port = &s->t->ports[PORT];

	(void)conn_flush(s->t, NULL);
	for (unsigned i = 0; i < 10; i++) {
		s->w.now_ns += 100 * UINT64_C(1000000);
		conn_sweep(s->t, &s->w, s);
		conn_refill(s->t);
	}
	for (unsigned i = 0; i < 20; i++) {
		s->w.now_ns += 100 * UINT64_C(1000000);
		conn_sweep(s->t, &s->w, s);
	}
	assert(port->count == 0 && port->half_count == 0 && port->waiting == 0);
	assert(s->t->groups[port->group].count == 0);
	assert(s->packets == 0 && s->begins == s->ends);
	assert(pool_packets_left(s->pool) == 128);
	conn_table_destroy(s->t);
	pool_destroy(s->pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scene s;

	start(&s);
	for (; size >= 16; data += 16, size -= 16) {
		if ((data[0] & 0xe0) == 0xe0)
			play_control(&s, data);
		else
			play_packet(&s, data);
		check_limits(&s);
	}
	stop(&s);
	return 0;
}
