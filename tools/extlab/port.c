/* SPDX-License-Identifier: Apache-2.0 */
/* extlab/port.c - frames in memory come in and go out. */
#include "extlab/port.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { MEMORY_MTU = 65535, RUNS = 80, SCRIBBLE = 0xee, FRAME_MAX = PACKET_MAX + 4 };

struct memory_frame {
	struct iovec lent;
	uint32_t len;
	uint8_t bytes[];
};

static const struct memory_owner *owner;

void memory_own(const struct memory_owner *of)
{
	owner = of;
}

/* ---- in -------------------------------------------------------------------------------------------- */

static bool queue_grow(struct memory_queue *q)
{
	size_t room = q->room ? q->room * 2 : 64;
	struct memory_frame **frames;

	if (q->tail < q->room)
		return true;
	frames = reallocarray(q->frames, room, sizeof(struct memory_frame *));
	if (!frames)
		return false;
	q->frames = frames;
	q->room = room;
	return true;
}

/* Nothing is under way: room is used again from the start. */
static void queue_rewind(struct memory_queue *q)
{
	if (q->done == q->tail) {
		q->head = 0;
		q->done = 0;
		q->tail = 0;
	}
}

int memory_push(struct memory_port *m, uint32_t queue, const void *frame, uint32_t len)
{
	struct memory_queue *q = &m->queues[queue % m->base.rx_queues];
	struct memory_frame *f = malloc(sizeof(*f) + len);

	queue_rewind(q);
	if (!f || !queue_grow(q)) {
		free(f);
		return -ENOMEM;
	}
	f->len = len;
	if (len)
		memcpy(f->bytes, frame, len);
	q->frames[q->tail++] = f;
	return 0;
}

bool memory_is_idle(const struct memory_port *m)
{
	for (uint32_t i = 0; i < m->base.rx_queues; i++)
		if (__atomic_load_n(&m->queues[i].done, __ATOMIC_ACQUIRE) != m->queues[i].tail)
			return false;
	return true;
}

static void packet_fill(struct packet *p, struct memory_frame *f)
{
	const uint32_t head = f->len < PACKET_HEAD ? f->len : PACKET_HEAD;

	memcpy(p->x.data, f->bytes, head);
	p->x.len = f->len;
	p->x.linear = head;
	f->lent = (struct iovec){ f->bytes + head, f->len - head };
	p->tail = &f->lent;
	p->tail_count = f->len > head;
}

static uint32_t memory_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
			  uint32_t max)
{
	struct memory_port *m = (struct memory_port *)b;
	struct memory_queue *q = &m->queues[queue];
	uint32_t n = 0;

	if (!atomic_load_explicit(&m->may_begin, memory_order_acquire))
		return 0;
	while (n < max && q->head != q->tail) {
		struct packet *p = packet_new(pool);

		if (!p)
			break;
		packet_fill(p, q->frames[q->head++]);
		out[n++] = p;
	}
	return n;
}

/* The adapter takes its memory back, and uses it for something else. */
static void memory_rx_done(struct backend *b, unsigned queue)
{
	struct memory_queue *q = &((struct memory_port *)b)->queues[queue];
	size_t done = q->done;

	for (; done != q->head; done++) {
		memset(q->frames[done]->bytes, SCRIBBLE, q->frames[done]->len);
		free(q->frames[done]);
	}
	__atomic_store_n(&q->done, done, __ATOMIC_RELEASE);
}

/* ---- out ------------------------------------------------------------------------------------------- */

static void tell(struct memory_port *m, const struct packet *p)
{
	struct iovec runs[RUNS];
	uint8_t frame[FRAME_MAX];
	uint8_t tag[4];
	const int count = packet_wire_iov(p, tag, runs, RUNS);
	uint32_t len = 0;

	for (int i = 0; i < count && runs[i].iov_len <= sizeof(frame) - len; i++) {
		memcpy(frame + len, runs[i].iov_base, runs[i].iov_len);
		len += (uint32_t)runs[i].iov_len;
	}
	m->sent(m->arg, m->nr, frame, len);
}

static uint32_t memory_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			  uint32_t count)
{
	(void)worker;
	for (uint32_t i = 0; i < count; i++)
		tell((struct memory_port *)b, pkts[i]);
	return count;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int memory_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		       struct xvs_error *err)
{
	struct memory_port *m = calloc(1, sizeof(*m));

	(void)loop;
	if (!m)
		return error_set(err, -ENOMEM, "", "out of memory");
	m->base.ops = &memory_backend;
	m->base.rx_queues = (uint16_t)owner->queues;
	for (uint32_t i = 0; i < owner->queues; i++)
		m->base.kick[i] = -1;
	m->base.up = true;
	m->base.mtu = MEMORY_MTU;
	m->base.offloads = OFFLOAD_TAG;
	memcpy(m->base.mac, c->mac, sizeof(m->base.mac));
	m->sent = owner->sent;
	m->arg = owner->arg;
	m->nr = owner->lookup(owner->arg, c->port_name, m);
	*out = &m->base;
	return 0;
}

static void memory_close(struct backend *b)
{
	struct memory_port *m = (struct memory_port *)b;

	for (uint32_t i = 0; i < m->base.rx_queues; i++) {
		struct memory_queue *q = &m->queues[i];

		for (size_t n = q->done; n < q->tail; n++)
			free(q->frames[n]);
		free(q->frames);
	}
	free(m);
}

static void memory_stats(const struct backend *b, struct backend_stats *out)
{
	(void)b;
	memset(out, 0, sizeof(*out));
}

const struct backend_ops memory_backend = {
	.kind = MEMORY_KIND,
	.open = memory_open,
	.close = memory_close,
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = memory_tx,
	.stats = memory_stats,
};
