/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/tally.c - directions of connections that somebody else counts.
 *
 * While a half is bound to a tally, its own counts are what the two differ by, modulo 2^64: who reads
 * adds both.  One worker alone binds and lets go, so a count of its turns, odd meanwhile, tells readers
 * that they met one.
 *
 * An end and a binding may come at the same time.  Who ends a connection moves its generation, or flushes
 * its word, or sets its epoch back, and then looks for a tally to doubt; who binds sets the tally,
 * then the state in which it is true, and then looks whether the connection lives (conn_holds()).
 * All of that has one order, so one of the two sees the other.
 */
#include "conn/table.h"

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)word, memory_order_acquire);
}

/* Readers see all of a change or nothing. */
static uint32_t turn_begin(struct half *h)
{
	uint32_t turn = atomic_load_explicit(&h->turn, memory_order_relaxed);

	atomic_store_explicit(&h->turn, turn + 1, memory_order_relaxed);
	return turn + 2;
}

static void turn_end(struct half *h, uint32_t turn)
{
	atomic_store_explicit(&h->turn, turn, memory_order_release);
}

/* Release: behind the turn's begin.  Another worker may count meanwhile. */
static void add(struct half *h, uint64_t packets, uint64_t bytes)
{
	atomic_fetch_add_explicit(&h->packets, packets, memory_order_release);
	atomic_fetch_add_explicit(&h->bytes, bytes, memory_order_release);
}

static struct tally *tally_of(struct half *h)
{
	return atomic_load_explicit(&h->tally, memory_order_seq_cst);
}

/* ---- reading ------------------------------------------------------------------------------- */

static uint32_t later_of(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0 ? a : b;
}

static void read_both(struct half *h, struct half_counts *out)
{
	const struct tally *t = tally_of(h);

	out->packets = get(&h->packets);
	out->bytes = get(&h->bytes);
	out->seen = atomic_load_explicit(&h->seen, memory_order_acquire);
	if (!t)
		return;
	out->packets += tally_read(&t->packets);
	out->bytes += tally_read(&t->bytes);
	out->seen = later_of(out->seen, stamp_of(tally_read(&t->last_ns)));
}

void half_read(struct conn *c, unsigned direction, struct half_counts *out)
{
	struct half *h = &c->halves[direction];
	uint32_t turn;

	if (proto_has_handshake(c->key.proto)) {
		out->packets = get(&h->packets);
		out->bytes = get(&h->bytes);
		out->seen = atomic_load_explicit(&h->seen, memory_order_relaxed);
		return;
	}
	do {
		turn = atomic_load_explicit(&h->turn, memory_order_acquire);
		read_both(h, out);
	} while (turn & 1 || turn != atomic_load_explicit(&h->turn, memory_order_relaxed));
}

/* ---- binding ------------------------------------------------------------------------------- */

/* All that a packet of this direction does to it is to be counted, by this worker alone. */
static bool is_quiet(const struct worker *w, struct conn *c, unsigned direction)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);
	uint32_t owner = atomic_load_explicit(&c->halves[direction].owner, memory_order_relaxed);

	if (proto_has_handshake(c->key.proto) || c->key.asker || owner != w->nr + 1)
		return false;
	return word == STATE_ESTABLISHED || (word == STATE_NEW && direction == 0);
}

struct tally *conn_bound(struct conn_table *t, const struct worker *w, struct conn_ref ref)
{
	struct conn *c = conn_deref(t, ref);

	return c && is_quiet(w, c, ref.generation & 1) ? tally_of(&c->halves[ref.generation & 1])
						       : NULL;
}

bool conn_bind(struct conn_table *t, const struct worker *w, struct conn_ref ref,
	       struct tally *tally)
{
	struct conn *c = conn_deref(t, ref);
	struct half *h;
	uint32_t turn;

	if (!c || !is_quiet(w, c, ref.generation & 1))
		return false;
	h = &c->halves[ref.generation & 1];
	if (tally_of(h))
		return false;
	turn = turn_begin(h);
	add(h, 0 - tally->packets, 0 - tally->bytes);
	atomic_store_explicit(&h->tally, tally, memory_order_seq_cst);
	turn_end(h, turn);
	return true;
}

bool conn_holds(struct conn_table *t, struct conn_ref ref)
{
	struct conn *c = ref.index ? &t->objects[ref.index - 1] : NULL;
	uint32_t generation = ref.generation & ~1u;
	uint32_t epoch;

	if (!c || atomic_load_explicit(&c->generation, memory_order_seq_cst) != generation ||
	    atomic_load_explicit(&c->word, memory_order_seq_cst) & WORD_FLUSHED)
		return false;
	epoch = atomic_load_explicit(&conn_port(t, c)->epoch, memory_order_acquire);
	return atomic_load_explicit(&c->epoch, memory_order_seq_cst) == epoch;
}

void conn_unbind(struct conn_table *t, struct conn_ref ref, struct tally *tally)
{
	struct conn *c = conn_deref(t, ref);
	struct half *h = c ? &c->halves[ref.generation & 1] : NULL;
	uint32_t seen;
	uint32_t turn;

	if (!h || tally_of(h) != tally)
		return;
	seen = later_of(stamp_of(tally->last_ns),
			atomic_load_explicit(&h->seen, memory_order_relaxed));
	turn = turn_begin(h);
	add(h, tally->packets, tally->bytes);
	atomic_store_explicit(&h->seen, seen, memory_order_release);
	atomic_store_explicit(&h->tally, NULL, memory_order_seq_cst);
	turn_end(h, turn);
}

void conn_miss(struct conn_table *t, struct conn_ref ref, uint64_t packets, uint64_t bytes)
{
	struct conn *c = conn_deref(t, ref);

	if (c)
		add(&c->halves[ref.generation & 1], 0 - packets, 0 - bytes);
}

void conn_doubt(struct conn *c)
{
	if (proto_has_handshake(c->key.proto)) {
		gate_shut(c);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct tally *t = tally_of(&c->halves[i]);

		if (t)
			tally_doubt(t);
	}
}
