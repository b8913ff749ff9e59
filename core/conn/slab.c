/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/slab.c - where connection objects come from and go to.
 *
 * A worker takes from its own stock; when that is empty, from the chain that the control thread
 * left for it; else it takes a slab of objects that were never used.  The dead are pushed on one
 * stack.  The control thread takes the whole stack at once (so nothing can come back under a
 * pusher's hands), takes each out of its chain, waits for a grace period and gives it out again.
 */
#include <stdlib.h>

#include "conn/table.h"

enum {
	SLAB = 64,         /* objects of a fresh slab */
	STOCK_MAX = 65536, /* given to a worker at a time */
};

static uint32_t link_of(struct conn_table *t, uint32_t index)
{
	return atomic_load_explicit(&t->links[index], memory_order_relaxed);
}

static void set_link(struct conn_table *t, uint32_t index, uint32_t next)
{
	atomic_store_explicit(&t->links[index], next, memory_order_relaxed);
}

static bool take_fresh_slab(struct conn_table *t, struct stock *s)
{
	uint32_t end = t->limits.connections;
	uint32_t begin;

	/* Looking first keeps the counter from running on for ever, and so from wrapping. */
	if (atomic_load_explicit(&t->fresh, memory_order_relaxed) >= end)
		return false;
	begin = atomic_fetch_add_explicit(&t->fresh, SLAB, memory_order_relaxed);
	if (begin >= end)
		return false;
	s->fresh = begin;
	s->fresh_end = end - begin < SLAB ? end : begin + SLAB;
	return true;
}

/*
 * It has been out of all caches since it died.  The next but one to be taken, since it is written all
 * over, and waited for where the next exchange is.
 */
static void fetch_ahead(struct conn_table *t, uint32_t next)
{
	uint32_t head = link_of(t, next - 1);
	struct conn *c;

	if (!head)
		return;
	c = &t->objects[head - 1];
	__builtin_prefetch(&t->links[head - 1]);
	__builtin_prefetch(c, 1);
	__builtin_prefetch(&c->slots, 1);
	__builtin_prefetch(&c->halves[0], 1);
	__builtin_prefetch(&c->halves[1], 1);
}

/* Index + 1; 0: none. */
static uint32_t take_index(struct conn_table *t, struct stock *s)
{
	uint32_t head = s->head;

	if (!head)
		head = atomic_exchange_explicit(&s->incoming, 0, memory_order_acquire);
	if (head) {
		s->head = link_of(t, head - 1);
		if (s->head)
			fetch_ahead(t, s->head);
		return head;
	}
	if (s->fresh == s->fresh_end && !take_fresh_slab(t, s))
		return 0;
	return ++s->fresh;
}

/* Cuts up to 'max' off the spare ones; index + 1 of the first. */
static uint32_t cut_spare(struct conn_table *t, uint32_t max)
{
	uint32_t first = t->spare;
	uint32_t last = first;

	if (!first)
		return 0;
	for (uint32_t n = 1; n < max && link_of(t, last - 1); n++)
		last = link_of(t, last - 1);
	t->spare = link_of(t, last - 1);
	set_link(t, last - 1, 0);
	return first;
}

static struct conn *cleared(struct conn_table *t, uint32_t head)
{
	struct conn *c = &t->objects[head - 1];

	/* In front of the key are words that others look at whenever they like: not these. */
	memset((uint8_t *)c + offsetof(struct conn, key), 0,
	       sizeof(*c) - offsetof(struct conn, key));
	return c;
}

struct conn *slab_take(struct conn_table *t, struct worker *w)
{
	uint32_t head = take_index(t, &t->stocks[w->nr]);

	return head ? cleared(t, head) : NULL;
}

struct conn *slab_take_control(struct conn_table *t)
{
	uint32_t head = cut_spare(t, 1);

	if (!head)
		head = take_index(t, &t->own);
	return head ? cleared(t, head) : NULL;
}

void slab_bury(struct conn_table *t, struct conn *c)
{
	uint32_t index = conn_index(t, c);
	uint32_t head = atomic_load_explicit(&t->graves, memory_order_relaxed);

	do {
		set_link(t, index, head);
	} while (!atomic_compare_exchange_weak_explicit(
		&t->graves, &head, index + 1, memory_order_release, memory_order_relaxed));
}

uint32_t slab_high(struct conn_table *t)
{
	uint32_t fresh = atomic_load_explicit(&t->fresh, memory_order_relaxed);

	return fresh < t->limits.connections ? fresh : t->limits.connections;
}

/*
 * A share small enough that workers which open nothing do not sit on what others need: together
 * they hold a quarter of the table at most, and as much again in use.
 */
static void give_out(struct conn_table *t)
{
	uint32_t share = t->limits.connections / (4 * t->workers);

	if (share > STOCK_MAX)
		share = STOCK_MAX;
	for (unsigned i = 0; i < t->workers && t->spare; i++) {
		struct stock *s = &t->stocks[i];

		if (atomic_load_explicit(&s->incoming, memory_order_relaxed) != 0)
			continue;
		atomic_store_explicit(&s->incoming, cut_spare(t, share ? share : 1),
				      memory_order_release);
		t->is_wanted = true;
	}
}

static void put_spare(struct conn_table *t, uint32_t chain)
{
	while (chain) {
		uint32_t next = link_of(t, chain - 1);

		set_link(t, chain - 1, t->spare);
		t->spare = chain;
		chain = next;
	}
}

/* Out of their chains, a few together: they and their buckets are in no cache, and are waited for at once. */
static void unlink_chain(struct conn_table *t, uint32_t chain)
{
	enum { AT_ONCE = 32 };
	struct conn *some[AT_ONCE];

	while (chain) {
		unsigned count = 0;

		for (; chain && count < AT_ONCE; chain = link_of(t, chain - 1)) {
			some[count] = &t->objects[chain - 1];
			__builtin_prefetch(some[count++]);
		}
		for (unsigned i = 0; i < count; i++)
			__builtin_prefetch(&t->buckets[table_bucket(t, &some[i]->key)], 1);
		for (unsigned i = 0; i < count; i++)
			table_unlink(t, some[i]);
	}
}

/* [control] No worker can still be walking over those that rested. */
static void rested(struct rcu_node *node)
{
	struct conn_table *t =
		(struct conn_table *)(void *)((uint8_t *)node - offsetof(struct conn_table, rest));

	t->is_resting = false;
	if (t->is_destroyed) {
		table_free(t);
		return;
	}
	put_spare(t, t->resting);
	t->resting = 0;
	give_out(t);
}

/* One grace period at a time: what dies meanwhile stays among the graves until the next turn. */
bool conn_refill(struct conn_table *t)
{
	uint32_t grave;
	bool was_wanted;

	give_out(t);
	was_wanted = t->is_wanted;
	t->is_wanted = false;
	grave = t->is_resting ? 0 : atomic_exchange_explicit(&t->graves, 0, memory_order_acquire);
	if (!grave)
		return was_wanted;
	t->resting = grave;
	unlink_chain(t, grave);
	t->is_resting = true;
	rcu_defer(&t->rest, rested);
	return was_wanted;
}
