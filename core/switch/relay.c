/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/relay.c - what uplinks still have for a machine that has left, or is just leaving: taken from the
 * workers as a device would, and handed to the control thread.
 *
 * There are so many places for frames and no more, each taken by any worker and given back by the control
 * thread; who finds none drops (ring-full).  It is freed when no worker can be inside, which is
 * behind the last frame that one of them posted.
 */
#include "switch/relay.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 128, SLOT_BYTES = 9728, RUNS = 64 };

struct slot {
	struct letter letter;
	struct relay *relay;
	_Atomic bool is_used; /* set by a worker, cleared by the control thread */
	uint32_t len;
	uint8_t bytes[SLOT_BYTES];
};

struct relay {
	struct backend base;
	struct rcu_node grace;
	struct letter last;
	struct loop *loop;
	void (*frame)(void *arg, const uint8_t *frame, size_t len); /* NULL: nobody wants them */
	void *arg;
	_Atomic uint32_t next; /* slot to be tried */
	struct slot slots[SLOTS];
};

static void arrived(struct letter *letter)
{
	struct slot *slot = (struct slot *)letter;

	if (slot->relay->frame)
		slot->relay->frame(slot->relay->arg, slot->bytes, slot->len);
	atomic_store_explicit(&slot->is_used, false, memory_order_release);
}

/* False: longer than a place. */
static bool copy_out(struct slot *slot, const struct packet *p)
{
	struct iovec runs[RUNS];
	uint8_t tag[4];
	const int count = packet_wire_iov(p, tag, runs, RUNS);
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		if (runs[i].iov_len > SLOT_BYTES - len)
			return false;
		memcpy(slot->bytes + len, runs[i].iov_base, runs[i].iov_len);
		len += runs[i].iov_len;
	}
	slot->len = (uint32_t)len;
	return count > 0;
}

/* One that is too long is lost here and counts as sent: no MTU of ours is as large. */
static uint32_t relay_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			 uint32_t count)
{
	struct relay *r = (struct relay *)b;

	(void)worker;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = atomic_fetch_add_explicit(&r->next, 1, memory_order_relaxed);
		struct slot *slot = &r->slots[at % SLOTS];

		if (atomic_exchange_explicit(&slot->is_used, true, memory_order_acquire))
			return i;
		if (copy_out(slot, pkts[i]))
			loop_post(r->loop, &slot->letter, arrived);
		else
			atomic_store_explicit(&slot->is_used, false, memory_order_release);
	}
	return count;
}

static void relay_stats(const struct backend *b, struct backend_stats *out)
{
	(void)b;
	memset(out, 0, sizeof(*out));
}

static const struct backend_ops relay_ops = {
	.kind = "relay",
	.tx = relay_tx,
	.stats = relay_stats,
};

struct relay *relay_create(struct loop *loop, void (*frame)(void *arg, const uint8_t *, size_t),
			   void *arg)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->base.ops = &relay_ops;
	r->base.offloads = OFFLOAD_TAG;
	r->base.up = true;
	r->loop = loop;
	r->frame = frame;
	r->arg = arg;
	for (uint32_t i = 0; i < SLOTS; i++)
		r->slots[i].relay = r;
	return r;
}

static void relay_end(struct letter *letter)
{
	free((char *)letter - offsetof(struct relay, last));
}

/* No worker is inside.  What they have posted is before this, and is run before it. */
static void relay_free(struct rcu_node *node)
{
	struct relay *r = (struct relay *)((char *)node - offsetof(struct relay, grace));

	loop_post(r->loop, &r->last, relay_end);
}

void relay_silence(struct relay *r)
{
	r->frame = NULL;
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	relay_silence(r);
	rcu_defer(&r->grace, relay_free);
}

/* What it takes is nobody's policy here: the frame is judged where the machine is. */
void relay_compile(struct relay *r, struct port_conf *conf)
{
	conf->relay = &r->base;
	conf->egress.count = 0;
	conf->egress.conn_place = CHAIN_MAX;
	conf->rate_kinds = 0;
	conf->queue_ns = 0;
	conf->mirrored = 0;
	conf->marks = 0;
}
