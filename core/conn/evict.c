/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/evict.c - who goes when a port is full.
 *
 * First what has finished and only waits for stragglers (TIME_WAIT), then the half-open, oldest
 * first; an established connection never.  A client that lost a half-open one opens it again
 * with its next SYN, so a flood of them costs a port little; a lost conversation costs a user.
 * Where the bound of a switch or of the whole table is reached, that port loses one which has the
 * most half-open ones, so that who floods keeps nobody else out.
 *
 * Two rings of handles a port keep the order of age.  They are bounded queues of many producers
 * and consumers (D. Vyukov's): each cell counts its turns, even when free and odd when full, so
 * that zeroed memory is an empty ring.  Handles of connections that have moved on stay where
 * they are, and are passed over when they come to the front.
 */
#include "conn/evict.h"

#include <stdlib.h>

enum { TRIES = 8 };

struct cell {
	_Atomic uint32_t turn; /* 2 * lap: free for that lap; + 1: full */
	_Atomic uint32_t index;
	_Atomic uint32_t generation;
};

struct ring {
	uint32_t mask;
	uint32_t shift;
	_Atomic uint32_t head; /* next to put into */
	_Atomic uint32_t tail; /* next to take from */
	struct cell cells[];
};

static size_t ring_bytes(uint32_t cells)
{
	return sizeof(struct ring) + (size_t)cells * sizeof(struct cell);
}

struct ring *ring_create(uint32_t at_least)
{
	uint32_t shift = 4;
	struct ring *r;

	while ((1u << shift) < at_least && shift < 24)
		shift++;
	r = calloc(1, ring_bytes(1u << shift));
	if (!r)
		return NULL;
	r->shift = shift;
	r->mask = (1u << shift) - 1;
	return r;
}

void ring_destroy(struct ring *r)
{
	free(r);
}

uint32_t ring_size(const struct ring *r)
{
	return r->mask + 1;
}

/* Positions wrap at 2^32, so turns are compared in the bits that a lap can have. */
static uint32_t turn_at(const struct ring *r, uint32_t position)
{
	return (position >> r->shift) * 2;
}

/*
 * Claims the position of *end once its cell has come to 'turn' (0: free, 1: full).  NULL: it has
 * not, that is, the ring is full or empty, or another worker is just at work there.
 */
static struct cell *ring_claim(struct ring *r, _Atomic uint32_t *end, uint32_t full,
			       uint32_t *position)
{
	uint32_t at = atomic_load_explicit(end, memory_order_relaxed);
	struct cell *cell;

	do {
		uint32_t turn;

		cell = &r->cells[at & r->mask];
		turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		if (turn != turn_at(r, at) + full &&
		    at == atomic_load_explicit(end, memory_order_relaxed))
			return NULL;
		/* Where another was faster, this fails and tells the position that is next. */
	} while (!atomic_compare_exchange_weak_explicit(end, &at, at + 1, memory_order_relaxed,
							memory_order_relaxed));
	*position = at;
	return cell;
}

static bool ring_put(struct ring *r, struct conn_ref ref)
{
	uint32_t at;
	struct cell *cell = ring_claim(r, &r->head, 0, &at);

	if (!cell)
		return false;
	atomic_store_explicit(&cell->index, ref.index, memory_order_relaxed);
	atomic_store_explicit(&cell->generation, ref.generation, memory_order_relaxed);
	atomic_store_explicit(&cell->turn, turn_at(r, at) + 1, memory_order_release);
	return true;
}

static struct conn_ref cell_read(const struct cell *cell)
{
	return (struct conn_ref){ atomic_load_explicit(&cell->index, memory_order_relaxed),
				  atomic_load_explicit(&cell->generation, memory_order_relaxed) };
}

/* What was claimed is free for the next lap. */
static void cell_free(const struct ring *r, struct cell *cell, uint32_t at)
{
	uint32_t laps = 1u << (32 - r->shift);

	atomic_store_explicit(&cell->turn, ((at >> r->shift) + 1) % laps * 2, memory_order_release);
}

static bool ring_take(struct ring *r, struct conn_ref *out)
{
	uint32_t at;
	struct cell *cell = ring_claim(r, &r->tail, 1, &at);

	if (!cell)
		return false;
	*out = cell_read(cell);
	cell_free(r, cell, at);
	return true;
}

/*
 * What has moved on leaves the front while it is at hand, a little with each that comes, so that a
 * ring is about as long as there are half-open ones, and the front need not be fetched from afar.
 * What is read may be another's by then: in that case the front has moved, and nothing is done.
 */
static void ring_trim(struct conn_table *t, struct ring *r)
{
	enum { AT_ONCE = 2 };

	for (unsigned i = 0; i < AT_ONCE; i++) {
		uint32_t at = atomic_load_explicit(&r->tail, memory_order_relaxed);
		struct cell *cell = &r->cells[at & r->mask];
		struct conn *c;

		if (atomic_load_explicit(&cell->turn, memory_order_acquire) != turn_at(r, at) + 1)
			return;
		c = conn_deref(t, cell_read(cell));
		if (c && state_is_half_open(conn_state(c)))
			return;
		if (!atomic_compare_exchange_strong_explicit(
			    &r->tail, &at, at + 1, memory_order_relaxed, memory_order_relaxed))
			return;
		cell_free(r, cell, at);
	}
}

/* ---- ending the oldest --------------------------------------------------------------------- */

typedef bool state_test(enum conn_state state);

static bool state_is_finished(enum conn_state state)
{
	return state == STATE_TIME_WAIT;
}

/* Ends it if it is still what its ring says. */
static bool end_if(struct conn_table *t, struct worker *w, struct conn_ref ref, state_test *test,
		   void *arg)
{
	struct conn *c = conn_deref(t, ref);

	if (!c || !test(conn_state(c)) || !conn_lock(c))
		return false;
	if (conn_deref(t, ref) != c || !test(conn_state(c))) {
		conn_unlock(c);
		return false;
	}
	conn_end(t, w, c, test == state_is_finished ? XVS_CONN_FIN : XVS_CONN_EVICTED, arg);
	return true;
}

static bool end_oldest(struct conn_table *t, struct worker *w, struct ring *r, state_test *test,
		       void *arg)
{
	struct conn_ref ref;

	/* Each turn takes one out, so this ends; what had moved on is gone for good. */
	while (ring_take(r, &ref)) {
		if (end_if(t, w, ref, test, arg))
			return true;
	}
	return false;
}

bool evict_one(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg)
{
	return end_oldest(t, w, rcu_read(&port->finished), state_is_finished, arg) ||
	       end_oldest(t, w, rcu_read(&port->half_open), state_is_half_open, arg);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* Who has the most half-open ones is who loses them first when others find no room. */
static void note_busy(struct conn_table *t, _Atomic uint32_t *busiest, struct conn_port *port)
{
	uint32_t id = (uint32_t)(port - t->ports);
	uint32_t other = atomic_load_explicit(busiest, memory_order_relaxed);

	if (id != other &&
	    atomic_load_explicit(&port->half_count, memory_order_relaxed) >
		    atomic_load_explicit(&t->ports[other].half_count, memory_order_relaxed))
		atomic_store_explicit(busiest, id, memory_order_relaxed);
}

static bool evict_busiest(struct conn_table *t, struct worker *w, _Atomic uint32_t *busiest,
			  void *arg)
{
	struct conn_port *port = &t->ports[atomic_load_explicit(busiest, memory_order_relaxed)];
	struct ring *r = rcu_read(&port->half_open);

	return r && end_oldest(t, w, r, state_is_half_open, arg);
}

void evict_any(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg)
{
	if (!evict_one(t, w, port, arg))
		(void)evict_busiest(t, w, &t->busiest, arg);
}

static bool reserve_half(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg)
{
	uint32_t limit = atomic_load_explicit(&port->half_limit, memory_order_relaxed);

	for (unsigned tries = 0; !count_in(&port->half_count, limit); tries++) {
		if (tries == TRIES ||
		    !end_oldest(t, w, rcu_read(&port->half_open), state_is_half_open, arg))
			return false;
	}
	return true;
}

static bool reserve_whole(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg)
{
	uint32_t limit = atomic_load_explicit(&port->limit, memory_order_relaxed);

	for (unsigned tries = 0; !count_in(&port->count, limit); tries++) {
		if (tries == TRIES || !evict_one(t, w, port, arg))
			return false;
	}
	return true;
}

static bool reserve_group(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg,
			  struct conn_group *group)
{
	uint32_t limit = atomic_load_explicit(&port->group_limit, memory_order_relaxed);

	for (unsigned tries = 0; !count_in(&group->count, limit); tries++) {
		if (tries == TRIES ||
		    (!evict_one(t, w, port, arg) && !evict_busiest(t, w, &group->busiest, arg)))
			return false;
	}
	return true;
}

bool evict_reserve(struct conn_table *t, struct worker *w, struct conn_port *port, void *arg,
		   uint32_t *group)
{
	struct conn_group *g;

	*group = atomic_load_explicit(&port->group, memory_order_relaxed);
	g = &t->groups[*group];
	if (!reserve_half(t, w, port, arg))
		return false;
	if (!reserve_whole(t, w, port, arg))
		goto err_half;
	if (!reserve_group(t, w, port, arg, g))
		goto err_whole;
	note_busy(t, &g->busiest, port);
	note_busy(t, &t->busiest, port);
	return true;

err_whole:
	atomic_fetch_sub_explicit(&port->count, 1, memory_order_relaxed);
err_half:
	atomic_fetch_sub_explicit(&port->half_count, 1, memory_order_relaxed);
	return false;
}

void evict_release(struct conn_table *t, struct conn_port *port, uint32_t group)
{
	atomic_fetch_sub_explicit(&port->half_count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&port->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&t->groups[group].count, 1, memory_order_relaxed);
}

/*
 * The ring is full because many have moved on while one at the front has not: it may live, at
 * the end of the queue.  A ring that is full of the half-open ends its oldest.
 */
void evict_note_half_open(struct conn_table *t, struct worker *w, struct conn_port *port,
			  struct conn_ref ref, void *arg)
{
	struct ring *r = rcu_read(&port->half_open);
	struct conn_ref front;

	for (unsigned i = 0; i < TRIES; i++) {
		struct conn *c;

		if (ring_put(r, ref)) {
			ring_trim(t, r);
			return;
		}
		if (!ring_take(r, &front))
			continue;
		c = conn_deref(t, front);
		if (c && state_is_half_open(conn_state(c)) && !ring_put(r, front))
			(void)end_if(t, w, front, state_is_half_open, arg);
	}
	if (ring_take(r, &front))
		(void)end_if(t, w, front, state_is_half_open, arg);
	/* If even now others were faster, it is found by its time-out instead. */
	(void)ring_put(r, ref);
}

void evict_note_finished(struct conn_table *t, struct worker *w, struct conn_port *port,
			 struct conn_ref ref, void *arg)
{
	struct ring *r = rcu_read(&port->finished);
	struct conn_ref front;

	for (unsigned i = 0; i < TRIES && !ring_put(r, ref); i++) {
		if (ring_take(r, &front))
			(void)end_if(t, w, front, state_is_finished, arg);
	}
}

void evict_adopt(struct conn_port *port, struct conn_ref ref, enum conn_state state)
{
	if (state_is_half_open(state))
		(void)ring_put(port->half_open, ref);
	else if (state_is_finished(state))
		(void)ring_put(port->finished, ref);
}
