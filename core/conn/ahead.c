/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/ahead.c - the look ahead at packets of a burst that are each judged in full: as with flows,
 * it is memory that takes the time, so it is asked for before the first of them is judged.
 *
 *	read all tuples, find their buckets  ->  the buckets are on the way
 *	read the buckets                     ->  the first connection of each is on the way
 */
#include "conn/ahead.h"

_Static_assert(sizeof(struct tuple) == CONN_TUPLE_BYTES, "as much as conn.h has room for");

static struct tuple *tuple_at(struct conn_ahead *a, uint32_t i)
{
	return (struct tuple *)(void *)a->tuples[i];
}

const struct tuple *ahead_tuple(const struct conn_ahead *a, uint32_t i, enum tuple_kind *kind,
				uint32_t *bucket)
{
	*kind = (enum tuple_kind)a->kinds[i];
	*bucket = a->buckets[i];
	return (const struct tuple *)(const void *)a->tuples[i];
}

static void read_one(const struct conn_table *t, struct conn_ahead *a, uint32_t i)
{
	struct tuple *tuple = tuple_at(a, i);
	enum tuple_kind kind = tuple_read(a->pkts[i], a->port, a->inbound, tuple);

	a->kinds[i] = (uint8_t)kind;
	a->buckets[i] = kind == TUPLE_TRACKED ? table_bucket(t, &tuple->key) : 0;
}

void conn_look_ahead(struct conn_table *t, struct conn_ahead *a, uint64_t mask)
{
	const uint32_t odd = XVS_PKT_FRAG | XVS_PKT_LATER;

	a->known = 0;
	for (uint64_t rest = mask; rest; rest &= rest - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(rest);

		if (a->pkts[i]->x.flags & odd)
			continue;
		read_one(t, a, i);
		table_fetch(t, a->buckets[i]);
		a->known |= UINT64_C(1) << i;
	}
	for (uint64_t rest = a->known; rest; rest &= rest - 1)
		table_fetch_first(t, a->buckets[__builtin_ctzll(rest)]);
}
