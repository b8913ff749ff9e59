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

enum { HALF_OPEN_MAX = 1 << 20 };

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

/* Rings hold at least what may be half-open, so that each has a place; they never shrink. */
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

/* What exists already stays: a port's number keeps its memory for the next who gets it. */
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

int conn_port_open(struct conn_table *t, uint32_t port, uint32_t limit, uint32_t half_open,
		   struct xvs_error *err)
{
	struct conn_port *cp;
	uint32_t epoch;

	if (port == 0 || port >= PORTS_MAX)
		return error_set(err, -EINVAL, "port", "connections of port %u: no such port",
				 port);
	if (half_open > HALF_OPEN_MAX)
		return error_set(
			err, -EINVAL, "half_open",
			"connections of port %u: half-open limit is %u, must be at most %d", port,
			half_open, HALF_OPEN_MAX);
	cp = &t->ports[port];
	limit = limit ? limit : t->limits.per_port;
	half_open = half_open ? half_open : t->limits.half_open;
	if (equip(t, cp, half_open))
		return error_set(err, -ENOMEM, "half_open",
				 "connections of port %u: no memory for a half-open limit of %u, "
				 "ask for less",
				 port, half_open);
	atomic_store_explicit(&cp->limit, limit, memory_order_relaxed);
	atomic_store_explicit(&cp->half_limit, half_open, memory_order_relaxed);
	if (atomic_load_explicit(&cp->opened, memory_order_relaxed))
		return 0;
	epoch = new_epoch(t);
	atomic_store_explicit(&cp->epoch, epoch, memory_order_relaxed);
	/* Release: a worker that sees it open sees all of the above. */
	atomic_store_explicit(&cp->opened, epoch, memory_order_release);
	return 0;
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
}

void conn_port_reauthorise(struct conn_table *t, uint32_t port)
{
	/*
	 * Two callers may store their numbers in either order: each is one that no connection has,
	 * but those asked about after the call.
	 */
	atomic_store_explicit(&t->ports[port].epoch, new_epoch(t), memory_order_release);
}
