/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/table.c - making the table; finding, linking and unlinking connections.
 *
 * What makes this right is in table.h.  Memory is reserved in one go and touched only as
 * connections come: a table of a million costs an idle host nothing.
 */
#include "conn/table.h"

#include <errno.h>

#include "base/pages.h"
#include "conn/evict.h"
#include "conn/fragment.h"

/* ---- the chains ---------------------------------------------------------------------------- */

struct conn *table_walk(struct conn_table *t, uint32_t index, const struct conn_key *key)
{
	while (index) {
		struct conn *c = &t->objects[index - 1];

		if (key_equal(&c->key, key) && conn_state(c) != STATE_NONE) {
			conn_fetch(c);
			return c;
		}
		index = atomic_load_explicit(&c->next, memory_order_acquire);
	}
	return NULL;
}

struct conn *table_find(struct conn_table *t, uint32_t bucket, const struct conn_key *key)
{
	return table_walk(t, table_head(t, bucket), key);
}

struct conn *table_link(struct conn_table *t, uint32_t nr, struct conn *c, uint32_t walked)
{
	_Atomic uint32_t *bucket = &t->buckets[nr];
	uint32_t head = atomic_load_explicit(bucket, memory_order_acquire);

	for (;;) {
		struct conn *other = head == walked ? NULL : table_walk(t, head, &c->key);

		if (other)
			return other;
		atomic_store_explicit(&c->next, head, memory_order_relaxed);
		if (atomic_compare_exchange_strong_explicit(bucket, &head, conn_index(t, c) + 1,
							    memory_order_acq_rel,
							    memory_order_acquire))
			return c;
		walked = TABLE_NOT_WALKED;
	}
}

/* The place that names 'index' (+ 1), or NULL: it was never linked. */
static _Atomic uint32_t *find_place(struct conn_table *t, _Atomic uint32_t *bucket, uint32_t index)
{
	_Atomic uint32_t *place = bucket;
	uint32_t at = atomic_load_explicit(place, memory_order_acquire);

	while (at && at != index) {
		place = &t->objects[at - 1].next;
		at = atomic_load_explicit(place, memory_order_acquire);
	}
	return at ? place : NULL;
}

void table_unlink(struct conn_table *t, struct conn *c)
{
	_Atomic uint32_t *bucket = &t->buckets[table_bucket(t, &c->key)];
	uint32_t next = atomic_load_explicit(&c->next, memory_order_relaxed);

	for (;;) {
		uint32_t index = conn_index(t, c) + 1;
		_Atomic uint32_t *place = find_place(t, bucket, index);

		if (!place)
			return;
		/* Only a head can change under us, by a worker that links: then look again. */
		if (atomic_compare_exchange_strong_explicit(
			    place, &index, next, memory_order_acq_rel, memory_order_relaxed))
			return;
	}
}

/* ---- the table ----------------------------------------------------------------------------- */

static void set_default(uint32_t *value, uint32_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static struct conn_limits limits_of(const struct conn_limits *given)
{
	struct conn_limits l = *given;

	set_default(&l.connections, 262144);
	set_default(&l.per_port, 65536);
	set_default(&l.half_open, 4096);
	set_default(&l.denied_per_port, 1024);
	times_complete(&l.times);
	return l;
}

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t n = 64;

	while (n < at_least)
		n *= 2;
	return n;
}

static size_t buckets_bytes(const struct conn_table *t)
{
	return ((size_t)t->bucket_mask + 1) * sizeof(*t->buckets);
}

static int map_arrays(struct conn_table *t)
{
	size_t count = t->limits.connections;

	t->bucket_mask = power_of_two(t->limits.connections) - 1;
	t->objects = pages_map(count * sizeof(*t->objects));
	t->links = pages_map(count * sizeof(*t->links));
	t->buckets = pages_map(buckets_bytes(t));
	return t->objects && t->links && t->buckets ? 0 : -ENOMEM;
}

void table_free(struct conn_table *t)
{
	size_t count = t->limits.connections;

	for (uint32_t i = 0; i < PORTS_MAX; i++)
		conn_port_free(t, &t->ports[i]);
	pages_unmap(t->objects, count * sizeof(*t->objects));
	pages_unmap(t->links, count * sizeof(*t->links));
	pages_unmap(t->buckets, buckets_bytes(t));
	pages_unmap(t, sizeof(*t));
}

int conn_table_create(const struct conn_limits *limits, unsigned workers,
		      const struct conn_env *env, struct conn_table **out, struct xvs_error *err)
{
	struct conn_table *t;

	if (workers == 0 || workers > WORKERS_MAX)
		return error_set(err, -EINVAL, "workers",
				 "connection table: workers are %u, must be 1..%d", workers,
				 WORKERS_MAX);
	if (limits->connections > CONN_TABLE_MAX)
		return error_set(err, -EINVAL, "connections",
				 "connection table: connections are %u, must be at most %d",
				 limits->connections, CONN_TABLE_MAX);
	t = pages_map(sizeof(*t));
	if (!t)
		goto err_memory;
	t->limits = limits_of(limits);
	t->workers = workers;
	t->env = *env;
	t->created_ns = clock_ns();
	if (map_arrays(t))
		goto err_free;
	*out = t;
	return 0;

err_free:
	table_free(t);
err_memory:
	return error_set(err, -ENOMEM, "connections",
			 "connection table: no memory for %u connections, ask for fewer",
			 limits->connections);
}

void conn_table_destroy(struct conn_table *t)
{
	if (!t)
		return;
	if (t->is_resting) {
		t->is_destroyed = true; /* rested() is still to come, and looks into it */
		return;
	}
	table_free(t);
}
