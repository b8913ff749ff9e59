/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host of one worker for the pipeline: packets with room around them, what was sent, told and dropped
 * is written down.  For tests and the fuzz target; one world a program.
 */
#ifndef TESTS_OPENFLOW_WORLD_H
#define TESTS_OPENFLOW_WORLD_H

#ifndef XVS_USE_DRAFT
#define XVS_USE_DRAFT
#endif

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/reshape.h"
#include "pipeline/run.h"
#include "xvs/ext/mailbox.h"

enum { WORLD_ROOM = 64, WORLD_BYTES = 2048, WORLD_SENT = 64, WORLD_PORTS = 8 };

/* One that has left: where to, and as it is on the wire. */
struct world_sent {
	uint32_t dest; /* XVS_DEST_NONE: to controllers */
	uint32_t len;
	uint8_t reason; /* of one that was told */
	uint8_t bytes[WORLD_BYTES + 8];
};

struct world_packet {
	struct xvs_packet x;
	uint8_t bytes[WORLD_ROOM + WORLD_BYTES];
};

struct world {
	struct of_pipeline pipeline;
	struct of_worker worker;
	struct xvs_host host;
	struct xvs_mailbox_host mailbox;
	_Atomic uint32_t bits[WORLD_PORTS];
	uint32_t alive; /* packets that nobody has given back */
	uint32_t sent_count;
	struct world_sent sent[WORLD_SENT];
	uint32_t dropped;
	uint16_t reason; /* of the last that was dropped */
};

static struct world world;

/* ---- packets ---------------------------------------------------------------------------------------- */

static inline struct xvs_packet *world_packet(const uint8_t *bytes, uint32_t len)
{
	struct world_packet *p = calloc(1, sizeof(*p));

	assert(p && len <= WORLD_BYTES);
	p->x = (struct xvs_packet){
		.data = p->bytes + WORLD_ROOM, .len = len, .linear = len, .headroom = WORLD_ROOM
	};
	if (len)
		memcpy(p->x.data, bytes, len);
	world.alive++;
	return &p->x;
}

static inline void world_free(struct xvs_packet *x)
{
	world.alive--;
	free(x);
}

static inline uint32_t world_wire(const struct xvs_packet *x, uint8_t *out)
{
	const uint16_t type = x->flags & XVS_PKT_SVLAN ? 0x88a8 : 0x8100;
	const uint32_t tag = x->flags & XVS_PKT_VLAN ? 4 : 0;

	assert(x->linear == x->len && x->len <= WORLD_BYTES);
	if (x->len < 12)
		return 0;
	memcpy(out, x->data, 12);
	if (tag) {
		const uint8_t bytes[4] = { (uint8_t)(type >> 8), (uint8_t)type,
					   (uint8_t)(x->vlan_tci >> 8), (uint8_t)x->vlan_tci };

		memcpy(out + 12, bytes, 4);
	}
	memcpy(out + 12 + tag, x->data + 12, x->len - 12);
	return x->len + tag;
}

static inline void world_note(const struct xvs_packet *x, uint32_t dest, uint8_t reason)
{
	struct world_sent *s = &world.sent[world.sent_count % WORLD_SENT];

	world.sent_count++;
	s->dest = dest;
	s->reason = reason;
	s->len = world_wire(x, s->bytes);
}

/* ---- the host --------------------------------------------------------------------------------------- */

static inline int world_pull(const struct xvs_host *h, struct xvs_packet *p, uint32_t want)
{
	(void)h;
	return want <= p->linear ? 0 : -ENODATA;
}

static inline int world_unshare(const struct xvs_host *h, struct xvs_packet *p)
{
	(void)h;
	(void)p;
	return 0;
}

static inline struct xvs_packet *world_clone(const struct xvs_host *h, const struct xvs_packet *p)
{
	struct xvs_packet *copy = world_packet(p->data, p->len);
	uint8_t *data = copy->data;

	(void)h;
	*copy = *p;
	copy->data = data;
	copy->headroom = WORLD_ROOM;
	return copy;
}

static inline int world_deliver(const struct xvs_host *h, struct xvs_packet *p, uint32_t dest)
{
	(void)h;
	world_note(p, dest, 0);
	world_free(p);
	return 0;
}

static inline void world_release(const struct xvs_host *h, struct xvs_packet *p, uint16_t reason)
{
	(void)h;
	if (reason != XVS_REASON_CONSUMED) {
		world.dropped++;
		world.reason = reason;
	}
	world_free(p);
}

static inline uint64_t world_now(const struct xvs_host *h)
{
	(void)h;
	return 1000000000;
}

static inline int world_post(const struct xvs_host *h, const void *bytes, uint32_t len,
			     struct xvs_packet *p, uint32_t packet_len)
{
	struct of_packet_in in;

	(void)h;
	(void)packet_len;
	if (!p) /* a set of ports is asked for */
		return -EAGAIN;
	assert(len == sizeof(in));
	memcpy(&in, bytes, sizeof(in));
	world_note(p, XVS_DEST_NONE, in.reason);
	return 0;
}

static inline void world_at_once(void *arg, void (*fn)(void *what), void *what)
{
	(void)arg;
	fn(what);
}

/* ---- life ------------------------------------------------------------------------------------------- */

/* Ports 1 to 7 are there and up, by the same numbers. */
static inline void world_begin(void)
{
	const struct of_reclaim reclaim = { .later = world_at_once };
	const struct of_flows_events events = { 0 };
	struct of_numbers *numbers =
		calloc(1, sizeof(*numbers) + WORLD_PORTS * sizeof(numbers->number_of[0]));

	assert(numbers);
	memset(&world, 0, sizeof(world));
	world.host = (struct xvs_host){ .size = sizeof(world.host),
					.now = world_now,
					.pull = world_pull,
					.unshare = world_unshare,
					.clone = world_clone,
					.deliver = world_deliver,
					.release = world_release };
	world.mailbox =
		(struct xvs_mailbox_host){ .size = sizeof(world.mailbox), .post = world_post };
	world.pipeline.host = &world.host;
	world.pipeline.mailbox = &world.mailbox;
	world.pipeline.ports_max = WORLD_PORTS;
	world.pipeline.ports = world.bits;
	numbers->ports_max = WORLD_PORTS;
	for (uint32_t id = 1; id < WORLD_PORTS; id++) {
		numbers->id_of[id] = numbers->number_of[id] = id;
		world.bits[id] = OF_PORT_IS_THERE | OF_PORT_IS_UP;
	}
	world.pipeline.numbers = numbers;
	world.worker.pipeline = &world.pipeline;
	of_state_init(&world.pipeline.state, 7, 100000, &reclaim, &events);
	assert(of_admission_init(&world.pipeline.admission, WORLD_PORTS) == 0);
}

static inline void world_end(void)
{
	assert(!world.alive);
	of_state_destroy(&world.pipeline.state);
	of_admission_destroy(&world.pipeline.admission);
	of_sets_destroy(&world.pipeline.sets);
	free((void *)(uintptr_t)world.pipeline.numbers);
}

/* ---- packets go through it -------------------------------------------------------------------------- */

static inline void world_batch(struct xvs_batch *b, struct xvs_packet **p, uint64_t *cookie,
			       uint32_t *dest, uint16_t *reason)
{
	*b = (struct xvs_batch){ .live = 1,
				 .pkts = p,
				 .reason = reason,
				 .dest = dest,
				 .cookie = cookie,
				 .worker_state = &world.worker,
				 .now_ns = 1000000000,
				 .port = (*p)->port_in,
				 .count = 1 };
}

/*
 * A packet of port 1 as the host would treat it: judged, and if its flow is watched, forwarded.  What is
 * passed without us goes into 'sent' unchanged.  The verdict; its flow has ended.
 */
static inline struct xvs_flow_verdict world_pass(struct xvs_packet *p)
{
	struct xvs_flow_verdict v = { .size = sizeof(v) };
	struct xvs_batch b;
	uint64_t cookie = 0;
	uint32_t dest = XVS_DEST_NONE;
	uint16_t reason = 0;

	p->port_in = 1;
	world_batch(&b, &p, &cookie, &dest, &reason);
	of_judge(&world.worker, &b, 0, &v);
	if (v.action == XVS_FLOW_WATCH) {
		cookie = v.cookie;
		of_forward(&world.worker, &b);
	} else if (v.action == XVS_FLOW_PASS) {
		dest = v.dest;
	} else {
		b.live = 0;
		reason = v.reason;
	}
	if (b.live) {
		world_note(p, dest, 0);
	} else if (reason != XVS_REASON_CONSUMED) {
		world.dropped++;
		world.reason = reason;
	}
	if (v.cookie) {
		const struct xvs_flow_stats end = { .size = sizeof(end),
						    .cookie = v.cookie,
						    .packets = 1,
						    .bytes = p->len,
						    .last_ns = 1000000000,
						    .ended = 1 };

		of_account(&end);
	}
	world_free(p);
	return v;
}

#endif /* TESTS_OPENFLOW_WORLD_H */
