/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_port.h - a port whose adapter is the test: frames are queued for the switch to receive, and
 * what it sends is kept.
 *
 * As with a guest, all but the first 128 bytes of a frame are lent to the switch until the batch
 * is done, and overwritten then.
 */
#ifndef XVS_TEST_PATH_MEMORY_PORT_H
#define XVS_TEST_PATH_MEMORY_PORT_H

#include <pthread.h>
#include <string.h>

#include "port/backend.h"

enum { MEMORY_FRAME = 2048, MEMORY_IN = 256, MEMORY_OUT = 512, MEMORY_SENT = 9216 };

struct memory_frame {
	uint8_t bytes[MEMORY_SENT]; /* lent from byte 128 on */
	struct iovec lent;
	uint32_t len;
	uint8_t gso_type;
	uint16_t gso_size, csum_start, csum_off;
	bool csum_todo;
};

struct memory_out {
	uint8_t bytes[MEMORY_FRAME]; /* its beginning */
	uint32_t len;
	uint32_t flags;
	uint8_t gso_type;
	uint16_t queue;
};

struct memory_port {
	struct backend base;  /* first */
	pthread_mutex_t lock; /* in_tail of 'in', and 'out': other workers send here as well */
	struct memory_frame in[MEMORY_IN];
	uint32_t in_head, in_done, in_tail; /* counts, modulo MEMORY_IN */
	struct memory_out out[MEMORY_OUT];
	uint32_t out_count; /* ever; the last MEMORY_OUT are kept */
	uint32_t take;      /* so many more are taken before the ring is full */
};

static inline uint32_t memory_rx(struct backend *b, unsigned queue, struct pool *pool,
				 struct packet **out, uint32_t max)
{
	struct memory_port *m = (struct memory_port *)b;
	uint32_t tail = __atomic_load_n(&m->in_tail, __ATOMIC_ACQUIRE);
	uint32_t n = 0;

	(void)queue;
	while (n < max && m->in_head != tail) {
		struct memory_frame *f = &m->in[m->in_head % MEMORY_IN];
		struct packet *p = packet_new(pool);
		uint32_t head = f->len < PACKET_HEAD ? f->len : PACKET_HEAD;

		if (!p)
			break;
		memcpy(p->x.data, f->bytes, head);
		p->x.len = f->len;
		p->x.linear = head;
		p->x.gso_type = f->gso_type;
		p->x.gso_size = f->gso_size;
		p->x.csum_start = f->csum_start;
		p->x.csum_off = f->csum_off;
		p->x.flags = f->csum_todo ? XVS_PKT_CSUM_TODO : 0;
		f->lent = (struct iovec){ f->bytes + head, f->len - head };
		p->tail = &f->lent;
		p->tail_count = f->len > head;
		out[n++] = p;
		m->in_head++;
	}
	return n;
}

/* The adapter takes its memory back, and uses it for something else. */
static inline void memory_rx_done(struct backend *b, unsigned queue)
{
	struct memory_port *m = (struct memory_port *)b;

	(void)queue;
	for (uint32_t done = m->in_done; done != m->in_head; done++)
		memset(m->in[done % MEMORY_IN].bytes, 0xee, MEMORY_SENT);
	__atomic_store_n(&m->in_done, m->in_head, __ATOMIC_RELEASE);
}

static inline void memory_keep(struct memory_port *m, const struct packet *p)
{
	struct memory_out *o = &m->out[m->out_count % MEMORY_OUT];
	struct iovec iov[80];
	uint8_t tag[4];
	int runs = packet_wire_iov(p, tag, iov, 80);

	*o = (struct memory_out){ .flags = p->x.flags,
				  .gso_type = p->x.gso_type,
				  .queue = p->x.queue };
	for (int i = 0; i < runs; i++) {
		size_t some = iov[i].iov_len;

		if (o->len < MEMORY_FRAME)
			memcpy(o->bytes + o->len, iov[i].iov_base,
			       some < MEMORY_FRAME - o->len ? some : MEMORY_FRAME - o->len);
		o->len += (uint32_t)some;
	}
	__atomic_store_n(&m->out_count, m->out_count + 1, __ATOMIC_RELEASE);
}

static inline uint32_t memory_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
				 uint32_t count)
{
	struct memory_port *m = (struct memory_port *)b;
	uint32_t n = 0;

	(void)worker;
	(void)pthread_mutex_lock(&m->lock);
	for (; n < count && m->take > 0; n++, m->take--)
		memory_keep(m, pkts[n]);
	(void)pthread_mutex_unlock(&m->lock);
	return n;
}

static const struct backend_ops memory_ops = {
	.kind = "memory",
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = memory_tx,
};

static inline void memory_init(struct memory_port *m)
{
	m->base =
		(struct backend){ .ops = &memory_ops, .rx_queues = 1, .kick = { -1 }, .up = true };
	(void)pthread_mutex_init(&m->lock, NULL);
	m->take = UINT32_MAX;
}

/* Queues a frame; false: the ring is full.  One thread a port. */
static inline bool memory_push(struct memory_port *m, const struct memory_frame *f)
{
	uint32_t done = __atomic_load_n(&m->in_done, __ATOMIC_ACQUIRE);

	if (m->in_tail - done == MEMORY_IN)
		return false;
	m->in[m->in_tail % MEMORY_IN] = *f;
	__atomic_store_n(&m->in_tail, m->in_tail + 1, __ATOMIC_RELEASE);
	return true;
}

#endif /* XVS_TEST_PATH_MEMORY_PORT_H */
