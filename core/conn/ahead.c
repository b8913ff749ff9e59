/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/ahead.c - the look ahead at packets of a burst that are each judged in full: as with flows,
 * it is memory that takes the time, so it is asked for before the first of them is judged.
 *
 *	read all tuples, find their buckets  ->  the buckets are on the way
 *	read the buckets                     ->  the first connection of each is on the way
 */
#include "conn/ahead.h"

#include "conn/tcp.h"

_Static_assert(sizeof(struct tuple) == CONN_TUPLE_BYTES, "as much as conn.h has room for");

static struct tuple *tuple_at(struct conn_ahead *a, uint32_t i)
{
	return (struct tuple *)(void *)a->tuples[i];
}

/* What is neither TCP nor UDP, or is so in no plain way. */
static __attribute__((noinline)) void read_other(const struct conn_table *t, struct conn_ahead *a,
						 uint32_t i)
{
	struct tuple *tuple = tuple_at(a, i);
	enum tuple_kind kind = tuple_read(a->pkts[i], a->port, a->inbound, tuple);

	a->kinds[i] = (uint8_t)kind;
	a->buckets[i] = kind == TUPLE_TRACKED ? table_bucket(t, &tuple->key) : 0;
}

static inline void read_one(const struct conn_table *t, struct conn_ahead *a, uint32_t i)
{
	struct tuple *tuple = tuple_at(a, i);
	struct conn_words *words = (struct conn_words *)(void *)&tuple->key;

	if (!tuple_read_plain(a->pkts[i], a->port, a->inbound, words)) {
		read_other(t, a, i);
		return;
	}
	tuple->is_answer = false;
	a->kinds[i] = TUPLE_TRACKED;
	a->buckets[i] = (uint32_t)words_hash(words) & t->bucket_mask;
}

/* Who opens a connection finds none, so what is there is another's. */
static inline bool is_opener(const struct packet *p)
{
	enum { FLAGS_AT = 13 };

	return p->x.flags & XVS_PKT_L4 && p->x.l4_proto == PROTO_TCP &&
	       (p->x.data[p->x.l4_off + FLAGS_AT] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static inline void fetch_first(struct conn_table *t, uint32_t bucket, const struct packet *p)
{
	uint32_t index = table_head(t, bucket);

	if (!index)
		return;
	__builtin_prefetch(&t->objects[index - 1]);
	if (!is_opener(p))
		conn_fetch(&t->objects[index - 1]);
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
		__builtin_prefetch(&t->buckets[a->buckets[i]], 1);
		a->known |= UINT64_C(1) << i;
	}
	for (uint64_t rest = a->known; rest; rest &= rest - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(rest);

		fetch_first(t, a->buckets[i], a->pkts[i]);
	}
}
