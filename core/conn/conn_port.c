/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/conn_port.c - ports become guarded, change policy, and cease to be.
 *
 * Every number that a port's epoch takes is new in the table.  A connection keeps the one it was
 * authorised under: not the port's own any more means "ask again", older than the opening means
 * that it is a left-over from an earlier life of the port's number.
 */
#include <errno.h>

#include "conn/denied.h"
#include "conn/evict.h"
#include "conn/fragment.h"

enum { HALF_OPEN_MAX = 1 << 20, RING_NONE = 16 };

static uint32_t new_epoch(struct conn_table *t)
{
	uint32_t epoch;

	do {
		epoch = atomic_fetch_add_explicit(&t->epochs, 1, memory_order_relaxed) + 1;
	} while (epoch == 0); /* means "not yet" */
	return epoch;
}

void conn_port_free(struct conn_table *t, struct conn_port *port)
{
	ring_destroy(port->half_open);
	ring_destroy(port->finished);
	denied_destroy(port->denied);
	fragments_destroy(port->fragments, t->workers);
}

/* Rings hold at least what may be half-open, so that each has a place. */
static int grow_ring(struct ring **place, uint32_t at_least)
{
	struct ring *old = *place;
	struct ring *new;

	if (old && ring_size(old) >= at_least)
		return 0;
	new = ring_create(at_least);
	if (!new)
		return -ENOMEM;
	/* What was in the old one goes by time-out: its order is lost, nothing else. */
	rcu_publish(place, new);
	if (old)
		rcu_free(old);
	return 0;
}

/* There always is one, since a worker may be looking; where there is no memory the old one stays. */
static void shrink_ring(struct ring **place)
{
	struct ring *old = *place;
	struct ring *none = ring_size(old) > RING_NONE ? ring_create(RING_NONE) : NULL;

	if (!none)
		return;
	rcu_publish(place, none);
	rcu_free(old);
}

/*
 * A port's number keeps the rest of its memory for the next who gets it; rings may be large, and numbers
 * are given out in turn.
 */
static int equip(struct conn_table *t, struct conn_port *port, uint32_t half_open)
{
	if (!port->denied)
		rcu_publish(&port->denied, denied_create(t->limits.denied_per_port));
	if (!port->fragments)
		rcu_publish(&port->fragments, fragments_create(t->workers));
	if (!port->denied || !port->fragments || grow_ring(&port->half_open, 2 * half_open))
		return -ENOMEM;
	return grow_ring(&port->finished, half_open);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* That of this number, or a free one: there are as many groups as ports, so one is. */
static uint32_t group_find(const struct conn_table *t, uint32_t number)
{
	uint32_t free = 0;

	for (uint32_t i = PORTS_MAX; i-- > 0;) {
		const struct conn_group *g = &t->groups[i];

		if (g->ports && g->number == number)
			return i;
		if (!g->ports)
			free = i;
	}
	return free;
}

static void group_leave(struct conn_table *t, struct conn_port *cp)
{
	t->groups[atomic_load_explicit(&cp->group, memory_order_relaxed)].ports--;
}

static void group_join(struct conn_table *t, struct conn_port *cp, uint32_t number, bool is_member)
{
	uint32_t index = group_find(t, number);

	if (is_member)
		group_leave(t, cp);
	t->groups[index].number = number;
	t->groups[index].ports++;
	atomic_store_explicit(&cp->group, index, memory_order_relaxed);
}

/* ---- opening ------------------------------------------------------------------------------- */

static uint32_t either(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

static void set_times(struct conn_port *cp, const struct conn_times *own,
		      const struct conn_times *table)
{
	uint64_t least = INT32_MAX;

	for (unsigned i = 0; i < CONN_TIMES; i++) {
		uint32_t ms = either(own->ms[i], table->ms[i]);
		uint64_t stamps = (uint64_t)ms * NS_PER_MS >> STAMP_SHIFT;

		atomic_store_explicit(&cp->times[i], ms, memory_order_relaxed);
		least = stamps < least ? stamps : least;
	}
	atomic_store_explicit(&cp->stamps_least, (uint32_t)least, memory_order_relaxed);
}

static void set_limits(struct conn_table *t, struct conn_port *cp, const struct conn_port_limits *l)
{
	const struct conn_limits *table = &t->limits;

	atomic_store_explicit(&cp->limit, either(l->connections, table->per_port),
			      memory_order_relaxed);
	atomic_store_explicit(&cp->half_limit, either(l->half_open, table->half_open),
			      memory_order_relaxed);
	atomic_store_explicit(&cp->group_limit, either(l->group_connections, UINT32_MAX),
			      memory_order_relaxed);
	atomic_store_explicit(&cp->midstream_ms,
			      l->has_midstream ? l->midstream_ms : table->midstream_ms,
			      memory_order_relaxed);
	set_times(cp, &l->times, &table->times);
}

static void open_port(struct conn_table *t, struct conn_port *cp)
{
	uint32_t epoch = new_epoch(t);

	atomic_store_explicit(&cp->epoch, epoch, memory_order_relaxed);
	atomic_store_explicit(&cp->has_moved, false, memory_order_relaxed);
	atomic_store_explicit(&cp->is_adopting, false, memory_order_relaxed);
	/* Release: a worker that sees it open sees its limits too. */
	atomic_store_explicit(&cp->opened, epoch, memory_order_release);
}

int conn_port_guard(struct conn_table *t, uint32_t port, const struct conn_port_limits *limits,
		    struct xvs_error *err)
{
	uint32_t half_open = either(limits->half_open, t->limits.half_open);
	struct conn_port *cp;
	bool is_open;

	if (port == 0 || port >= PORTS_MAX)
		return error_set(err, -EINVAL, "port", "connections of port %u: no such port",
				 port);
	if (half_open > HALF_OPEN_MAX)
		return error_set(
			err, -EINVAL, "half_open",
			"connections of port %u: half-open limit is %u, must be at most %d", port,
			half_open, HALF_OPEN_MAX);
	cp = &t->ports[port];
	if (equip(t, cp, half_open))
		return error_set(err, -ENOMEM, "half_open",
				 "connections of port %u: no memory for a half-open limit of %u, "
				 "ask for less",
				 port, half_open);
	is_open = atomic_load_explicit(&cp->opened, memory_order_relaxed) != 0;
	group_join(t, cp, limits->group, is_open);
	set_limits(t, cp, limits);
	if (!is_open)
		open_port(t, cp);
	return 0;
}

int conn_port_open(struct conn_table *t, uint32_t port, uint32_t limit, uint32_t half_open,
		   struct xvs_error *err)
{
	struct conn_port_limits limits = { .connections = limit, .half_open = half_open };

	return conn_port_guard(t, port, &limits, err);
}

static bool any_denial(void *arg, const struct denial *denial)
{
	(void)arg;
	(void)denial;
	return true;
}

void conn_port_close(struct conn_table *t, uint32_t port)
{
	struct conn_port *cp = &t->ports[port];
	uint32_t high = slab_high(t);

	if (atomic_load_explicit(&cp->opened, memory_order_relaxed) == 0)
		return;
	group_leave(t, cp);
	rcu_publish(&cp->watch, NULL);
	atomic_store_explicit(&cp->opened, 0, memory_order_release);
	atomic_store_explicit(&cp->epoch, new_epoch(t), memory_order_release);
	/* One that is opened in this moment is found by the sweep, or by who takes it for live. */
	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];

		if (conn_state(c) == STATE_NONE || c->key.port != port || !conn_lock(c))
			continue;
		conn_end(t, NULL, c, 0, NULL);
	}
	denied_forget(cp->denied, any_denial, NULL);
	shrink_ring(&cp->half_open);
	shrink_ring(&cp->finished);
}

void conn_port_reauthorise(struct conn_table *t, uint32_t port)
{
	/* All that came is to be asked about already, and what it was denied stands. */
	if (atomic_load_explicit(&t->ports[port].is_adopting, memory_order_relaxed))
		return;
	/*
	 * Two callers may store their numbers in either order: each is one that no connection has,
	 * but those asked about after the call.
	 */
	atomic_store_explicit(&t->ports[port].epoch, new_epoch(t), memory_order_release);
	if (t->env.changed)
		t->env.changed();
}
