/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/gen.c - frames from memory, packets to a counter.
 *
 * The control thread says how many packets are wanted in all, the worker counts how many were
 * given; the kick descriptor is readable from gen_run() until the worker has found nothing left.
 */
#include "micro/gen.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct gen {
	struct backend base;
	const uint8_t *frames;
	uint32_t frame_count;
	_Atomic uint64_t wanted; /* the control thread writes, release; pairs with rx */
	/* The worker writes these. */
	_Atomic uint64_t taken __attribute__((aligned(64)));
	uint64_t given;
	uint32_t next;
	void (*tell)(void *arg, uint32_t packets);
	void *tell_arg;
};

static struct gen *gen_of(const struct backend *b)
{
	return (struct gen *)(uintptr_t)b;
}

/* What is left; nothing: the kick is cleared first, so that a run that starts now is seen. */
static uint64_t packets_left(struct gen *g)
{
	uint64_t left = atomic_load_explicit(&g->wanted, memory_order_acquire) - g->given;
	uint64_t kicks;

	if (left > 0)
		return left;
	if (read(g->base.kick[0], &kicks, sizeof(kicks)) < 0)
		return 0;
	return atomic_load_explicit(&g->wanted, memory_order_acquire) - g->given;
}

static uint32_t gen_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
		       uint32_t max)
{
	struct gen *g = gen_of(b);
	uint64_t left = packets_left(g);
	uint32_t count = packet_new_burst(pool, out, left < max ? (uint32_t)left : max);

	(void)queue;
	if (g->tell && count > 0)
		g->tell(g->tell_arg, count);
	for (uint32_t i = 0; i < count; i++) {
		struct packet *p = out[i];

		memcpy(p->x.data, g->frames + (size_t)g->next * GEN_STRIDE, GEN_FRAME);
		p->x.len = GEN_FRAME;
		p->x.linear = GEN_FRAME;
		if (++g->next == g->frame_count)
			g->next = 0;
	}
	g->given += count;
	return count;
}

static uint32_t gen_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
		       uint32_t count)
{
	struct gen *g = gen_of(b);
	uint64_t taken = atomic_load_explicit(&g->taken, memory_order_relaxed);

	(void)worker;
	(void)pkts;
	atomic_store_explicit(&g->taken, taken + count, memory_order_release);
	return count;
}

static void gen_close(struct backend *b)
{
	gen_destroy(gen_of(b));
}

static void gen_stats(const struct backend *b, struct backend_stats *out)
{
	(void)b;
	memset(out, 0, sizeof(*out));
}

static const struct backend_ops gen_ops = {
	.kind = "gen",
	.close = gen_close,
	.rx = gen_rx,
	.tx = gen_tx,
	.stats = gen_stats,
};

struct gen *gen_create(void)
{
	struct gen *g = aligned_alloc(64, sizeof(*g));

	if (!g)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->base.ops = &gen_ops;
	g->base.rx_queues = 1;
	g->base.up = true;
	g->base.mtu = 1500;
	g->base.offloads = OFFLOAD_TAG | OFFLOAD_CSUM;
	g->base.kick[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (g->base.kick[0] < 0) {
		free(g);
		return NULL;
	}
	return g;
}

void gen_destroy(struct gen *g)
{
	if (!g)
		return;
	close(g->base.kick[0]);
	free(g);
}

struct backend *gen_backend(struct gen *g)
{
	return &g->base;
}

void gen_load(struct gen *g, const uint8_t *frames, uint32_t count)
{
	g->frames = frames;
	g->frame_count = count;
	g->next = 0;
}

void gen_tell(struct gen *g, void (*fn)(void *arg, uint32_t packets), void *arg)
{
	g->tell = fn;
	g->tell_arg = arg;
}

void gen_run(struct gen *g, uint64_t packets)
{
	uint64_t wanted = atomic_load_explicit(&g->wanted, memory_order_relaxed);

	atomic_store_explicit(&g->wanted, wanted + packets, memory_order_release);
	(void)eventfd_write(g->base.kick[0], 1);
}

uint64_t gen_taken(const struct gen *g)
{
	return atomic_load_explicit(&g->taken, memory_order_acquire);
}
