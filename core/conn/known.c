/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/known.c - packets that are looked up in the table, and find a connection that exists: a burst
 * at a time.
 *
 * A connection's first packets come by flow entries that are nobody's own, so each is a question to the
 * tracker.  Most of them have the same answer: here it is, it lives, it is authorised, and the packet is
 * its next.  These are let in by a run, which asks for no more than that.  The first that is not so ends
 * the run and is judged in full, as if it had not been here: at most the connection that it replaces has
 * ended by then.  What is let in here would be let in there, and leave the same behind.
 */
#include "conn/ahead.h"
#include "conn/judge.h"

/* The same for all packets of a run. */
struct known_world {
	struct conn_table *t;
	struct worker *w;
	void *arg;
	bool inbound;
	uint32_t epoch; /* of the port */
	uint32_t now;   /* stamp */
	uint32_t least; /* whoever was idle for less than so many of them is not overdue */
};

static bool is_recent(const struct known_world *k, struct half *h)
{
	uint32_t seen = atomic_load_explicit(&h->seen, memory_order_relaxed);

	return (int32_t)(k->now - seen) < (int32_t)k->least;
}

/*
 * It lives, nobody is at work on it or has flushed it, its authorisation is of today, and it was not
 * idle for so long that its time might have come.
 */
static bool is_settled(const struct known_world *k, struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	return !(word & ~(uint32_t)WORD_STATE) && word != STATE_NONE &&
	       atomic_load_explicit(&c->epoch, memory_order_acquire) == k->epoch &&
	       !atomic_load_explicit(&c->idle_ms, memory_order_relaxed) &&
	       (is_recent(k, &c->halves[0]) || is_recent(k, &c->halves[1]));
}

/* Where a datagram says that it ends. */
static uint32_t said_end(const struct xvs_packet *x)
{
	const uint8_t *l3 = x->data + x->l3_off;

	if (x->flags & XVS_PKT_IPV4)
		return x->l3_off + (uint32_t)get_be16(l3 + 2);
	return x->l3_off + (uint32_t)get_be16(l3 + 4) + IPV6_BYTES;
}

/*
 * As tcp_read(), of a segment without options that count, in a datagram that is as long as it says.  What
 * the parser has seen to is not asked again.
 */
static inline bool read_segment(const struct xvs_packet *x, struct tcp_segment *out)
{
	const uint8_t *l4 = x->data + x->l4_off;
	uint32_t begin = x->l4_off + (uint32_t)(l4[12] >> 4) * 4;
	uint32_t end = said_end(x);
	uint8_t flags = l4[13];

	if (flags & TCP_SYN || end > x->len || end < begin)
		return false;
	out->seq = get_be32(l4 + 4);
	out->ack = get_be32(l4 + 8);
	out->window = get_be16(l4 + 14);
	out->flags = flags;
	out->scale = -1;
	out->data_end = out->seq + (end - begin);
	out->end = out->data_end + !!(flags & TCP_FIN);
	return true;
}

static bool let_in(const struct known_world *k, struct conn *c, const struct packet *p,
		   unsigned direction)
{
	struct passage m = { k->t, k->w, c, direction, p, k->arg };
	struct tcp_segment seg;
	uint16_t reason;

	if (c->key.proto != PROTO_TCP)
		return update_conn(&m, &reason) == CONN_PASS;
	return (read_segment(&p->x, &seg) || tcp_read(p, &seg)) &&
	       update_segment(&m, &seg, &reason) == CONN_PASS;
}

/* Of what else there is, more is to be asked. */
static bool has_ports(const struct tuple *tuple)
{
	return tuple->key.proto == PROTO_TCP || tuple->key.proto == PROTO_UDP;
}

static bool run_one(const struct known_world *k, struct conn_ahead *a, uint32_t i)
{
	const struct tuple *tuple;
	enum tuple_kind kind;
	unsigned direction;
	uint32_t bucket;
	struct conn *c;

	if (!(a->known >> i & 1))
		return false;
	tuple = ahead_tuple(a, i, &kind, &bucket);
	if (kind != TUPLE_TRACKED || !has_ports(tuple))
		return false;
	c = table_find(k->t, bucket, &tuple->key);
	if (!c || !is_settled(k, c))
		return false;
	direction = conn_direction(c, k->inbound);
	if (!let_in(k, c, a->pkts[i], direction))
		return false;
	a->going |= (uint64_t)judge_goes_on(c, direction) << i;
	return true;
}

uint64_t conn_run_known(struct conn_table *t, struct worker *w, struct conn_ahead *a, uint64_t mask,
			void *arg)
{
	struct conn_port *port = &t->ports[a->port];
	struct known_world k = { .t = t,
				 .w = w,
				 .arg = arg,
				 .inbound = a->inbound,
				 .epoch = atomic_load_explicit(&port->epoch, memory_order_acquire),
				 .now = stamp_of(w->now_ns),
				 .least = atomic_load_explicit(&port->stamps_least,
							       memory_order_relaxed) };

	a->going = 0;
	if (atomic_load_explicit(&port->opened, memory_order_acquire) == 0)
		return mask;
	while (mask && run_one(&k, a, (uint32_t)__builtin_ctzll(mask)))
		mask &= mask - 1;
	return mask;
}
