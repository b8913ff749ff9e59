/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/run.c - packets of connections that nothing happens to, a burst at a time.
 *
 * What nearly all packets are: the connection is established, the segment says nothing but how far
 * its sender has got, it is in the window, and one worker has this direction alone.  Such a packet
 * reads both halves and writes its own, by plain stores; the connection's shared line is read where the
 * half does not know yet that all is well there (gate.c).  The first that is not so stops the run,
 * untouched, and is judged by conn_update() in full: what is let in here it would have let in too, and
 * left the same numbers.
 *
 * A packet between two guarded ports is in a connection at each of them.  Mostly the two know the same,
 * so that the segment is read, compared and noted once, and stored twice.
 */
#include "base/ones.h"
#include "conn/tcp.h"

/* The same for all packets of a run. */
struct run_world {
	uint32_t epoch; /* of the port */
	uint32_t owner; /* this worker, as halves say it */
	uint32_t seen;  /* stamp of now */
};

/* A segment without SYN, FIN or RST. */
struct run_segment {
	uint32_t ack, end, window;
};

enum {
	FLAGS_ESTABLISHED = HALF_SEATED | HALF_EDGE, /* all numbers of a half are known */
	RUN_FLAGS = TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK,
};

#define RUN_INLINE static inline __attribute__((always_inline))

static inline uint32_t get(_Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

void conn_run_begin(struct conn_table *t, struct conn_run *r)
{
	r->halves_of_none = (uintptr_t)t->objects - CONN_BYTES + CONN_HALVES;
	r->twins = 0;
	r->paired = 0;
}

/* How much data, if the datagram is as long as it says; else a very large number. */
static inline uint32_t run_data(const struct xvs_packet *x, uint32_t header)
{
	const uint8_t *l3 = x->data + x->l3_off;

	if (x->flags & XVS_PKT_IPV4)
		return x->l3_off + (uint32_t)get_be16(l3 + 2) - header;
	return x->l3_off + (uint32_t)get_be16(l3 + 4) + IPV6_BYTES - header;
}

/*
 * False: no plain segment; tcp_read() says what it is.  That the header is whole, with its options
 * and within the datagram, the parser has said by XVS_PKT_L4.
 */
RUN_INLINE bool run_read(const struct xvs_packet *x, struct run_segment *seg)
{
	const uint8_t *l4 = x->data + x->l4_off;
	uint32_t word = get_be32(l4 + 12); /* header length, flags, window */
	uint32_t header = x->l4_off + (word >> 28 << 2);
	uint32_t data = run_data(x, header);

	if ((word >> 16 & RUN_FLAGS) != TCP_ACK || data > x->len - header)
		return false;
	seg->end = get_be32(l4 + 4) + data;
	seg->ack = get_be32(l4 + 8);
	seg->window = word & 0xffff;
	return true;
}

/* 'has' is what the word is now: nobody else writes it. */
RUN_INLINE void run_raise(_Atomic uint32_t *word, uint32_t has, uint32_t value)
{
	if (seq_before(has, value))
		atomic_store_explicit(word, value, memory_order_relaxed);
}

/* What the window check reads, and the two that it leads to raise besides. */
struct run_numbers {
	uint32_t s_end, s_window;
	uint32_t r_end, r_edge, r_window;
};

RUN_INLINE void run_look(struct half *s, struct half *r, struct run_numbers *n)
{
	*n = (struct run_numbers){ .s_end = get(&s->end),
				   .s_window = get(&s->window),
				   .r_end = get(&r->end),
				   .r_edge = get(&r->edge),
				   .r_window = get(&r->window) };
}

/*
 * As tcp_check() with both halves complete.  'ahead': so much more than was seen may r have sent.  A sign
 * in any of the four differences: behind what it must not be behind; one branch.
 */
RUN_INLINE bool run_is_in_window(const struct run_numbers *n, const struct run_segment *seg,
				 uint32_t ahead)
{
	uint32_t past = n->s_window < TCP_WINDOW_FLOOR ? TCP_WINDOW_FLOOR : n->s_window;
	uint32_t wrong;

	wrong = n->r_edge + 1 - seg->end;
	wrong |= seg->end - (n->s_end - n->r_window - 1);
	wrong |= n->r_end + ahead - seg->ack;
	wrong |= seg->ack - (n->r_end - past - 1);
	return (int32_t)wrong >= 0;
}

/* As tcp_grow(). */
RUN_INLINE void run_grow(struct half *s, const struct run_numbers *n, const struct run_segment *seg,
			 uint32_t shift)
{
	uint32_t window = seg->window << shift;

	window += !window;
	run_raise(&s->end, n->s_end, seg->end);
	run_raise(&s->window, n->s_window, window);
	run_raise(&s->edge, get(&s->edge), seg->ack + window);
	run_raise(&s->ack, get(&s->ack), seg->ack);
}

RUN_INLINE void run_count(struct half *h, uint32_t bytes, uint32_t now)
{
	uint64_t packets = atomic_load_explicit(&h->packets, memory_order_relaxed);
	uint64_t all;

	atomic_store_explicit(&h->packets, packets + 1, memory_order_relaxed);
	all = atomic_load_explicit(&h->bytes, memory_order_relaxed);
	atomic_store_explicit(&h->bytes, all + bytes, memory_order_relaxed);
	atomic_store_explicit(&h->seen, now, memory_order_relaxed);
}

/* ---- one connection ------------------------------------------------------------------------ */

static inline struct half *other_half(struct half *h)
{
	/* the two are the second half of a connection, which is aligned to its size */
	return (struct half *)(void *)((uintptr_t)h ^ CONN_HALF_BYTES);
}

static inline struct conn *conn_of(struct half *h)
{
	return (struct conn *)(void *)((uintptr_t)h & ~(uintptr_t)(CONN_BYTES - 1));
}

static inline uint32_t shift_of(uint64_t gate)
{
	return (uint32_t)(gate >> (GATE_FLAGS_AT + HALF_SHIFT_AT)) & 15;
}

/* The gate is open. */
static __attribute__((noinline)) bool run_tcp(struct half *s, const struct xvs_packet *x,
					      uint64_t gate, uint32_t now)
{
	struct run_segment seg;
	struct run_numbers n;

	if (!(x->flags & XVS_PKT_L4) || !run_read(x, &seg))
		return false;
	run_look(s, other_half(s), &n);
	if (!run_is_in_window(&n, &seg, 0))
		return false;
	run_grow(s, &n, &seg, shift_of(gate));
	run_count(s, x->len, now);
	return true;
}

/* A conversation that was met in its middle, or whose ends have not said all yet. */
static bool run_tcp_odd(struct half *s, struct half *r, const struct xvs_packet *x, uint32_t now)
{
	/* who sees the flags sees the numbers, as in tcp_check() */
	uint32_t s_flags = atomic_load_explicit(&s->flags, memory_order_acquire);
	uint32_t r_flags = atomic_load_explicit(&r->flags, memory_order_acquire);
	bool is_seen = (r_flags & (HALF_SYN | HALF_MOVED)) == HALF_SYN;
	struct run_segment seg;
	struct run_numbers n;

	if ((s_flags & r_flags & FLAGS_ESTABLISHED) != FLAGS_ESTABLISHED || !run_read(x, &seg))
		return false;
	run_look(s, r, &n);
	if (!run_is_in_window(&n, &seg, is_seen ? 0 : n.s_window))
		return false;
	run_grow(s, &n, &seg, tcp_scale(s_flags, r_flags));
	run_count(s, x->len, now);
	return true;
}

/* Not TCP, or not established: all that may go on is a datagram from who has asked already. */
static bool is_asked_again(const struct conn *c, uint32_t word, uint64_t direction)
{
	return word == STATE_NEW && direction == 0 && c->key.proto == PROTO_UDP;
}

/* Of one that is established, authorised and this worker's. */
static bool run_segment(struct conn *c, uint32_t generation, const struct xvs_packet *x,
			const struct run_world *world)
{
	uint32_t direction = generation & 1;
	struct half *h = &c->halves[direction];
	uint64_t gate = atomic_load_explicit(&h->gate, memory_order_acquire);

	if (!(x->flags & XVS_PKT_L4))
		return false;
	if (!(gate >> GATE_FLAGS_AT & HALF_AGREED))
		return run_tcp_odd(h, other_half(h), x, world->seen);
	gate_open(c, direction, generation, world->epoch);
	return run_tcp(h, x, gate, world->seen);
}

/* All that has to be true is looked at. */
static __attribute__((noinline)) bool run_whole(struct half *h, uint32_t generation,
						const struct xvs_packet *x,
						const struct run_world *world)
{
	struct conn *c = conn_of(h);
	/* of a live one, all but the lowest bit is the same, and that is the direction */
	uint64_t direction =
		atomic_load_explicit(&c->generation, memory_order_acquire) ^ generation;
	/* all of the word: nobody has the bit, and nobody flushed it */
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	if (direction > 1 || get(&c->epoch) != world->epoch ||
	    atomic_load_explicit(&h->owner, memory_order_relaxed) != world->owner)
		return false;
	if (word != STATE_ESTABLISHED) {
		if (!is_asked_again(c, word, direction))
			return false;
	} else if (c->key.proto == PROTO_TCP) {
		return run_segment(c, generation, x, world);
	} else if (c->key.proto != PROTO_UDP) {
		return false;
	}
	run_count(h, x->len, world->seen);
	return true;
}

RUN_INLINE bool run_one(struct half *h, uint32_t generation, const struct xvs_packet *x,
			const struct run_world *world)
{
	uint64_t gate = atomic_load_explicit(&h->gate, memory_order_acquire);

	if (__builtin_expect(gate_is_open(gate, generation, world->owner), 1))
		return run_tcp(h, x, gate, world->seen);
	return run_whole(h, generation, x, world);
}

/* ---- one packet, two connections ----------------------------------------------------------- */

static inline uint64_t numbers(struct half *h, unsigned i)
{
	return atomic_load_explicit(&h->numbers[i], memory_order_relaxed);
}

/* Two words at a time: a pair after the other, or they would not fit into registers. */
RUN_INLINE uint64_t half_differs(struct half *a, struct half *b)
{
	uint64_t differs = numbers(a, 0) ^ numbers(b, 0);

	return differs | (numbers(a, 1) ^ numbers(b, 1));
}

/*
 * What both ports' connections know is the same.  Nobody else writes numbers of this direction; those of
 * the other may grow meanwhile, and are seen so a little earlier or later, as by one connection.
 */
RUN_INLINE bool pair_agrees(struct half *a, struct half *b)
{
	return !(half_differs(a, b) | half_differs(other_half(a), other_half(b)));
}

RUN_INLINE void pair_raise(_Atomic uint32_t *a, _Atomic uint32_t *b, uint32_t has, uint32_t value)
{
	if (!seq_before(has, value))
		return;
	atomic_store_explicit(a, value, memory_order_relaxed);
	atomic_store_explicit(b, value, memory_order_relaxed);
}

/* As run_grow(), of both. */
RUN_INLINE void pair_grow(struct half *a, struct half *b, const struct run_numbers *n,
			  const struct run_segment *seg, uint32_t shift)
{
	uint32_t window = seg->window << shift;

	window += !window;
	pair_raise(&a->end, &b->end, n->s_end, seg->end);
	pair_raise(&a->window, &b->window, n->s_window, window);
	pair_raise(&a->edge, &b->edge, get(&a->edge), seg->ack + window);
	pair_raise(&a->ack, &b->ack, get(&a->ack), seg->ack);
}

/* Both gates are open.  False: nothing was written. */
static __attribute__((noinline)) bool run_pair(struct half *a, struct half *b,
					       const struct xvs_packet *x, uint64_t gate,
					       uint32_t now)
{
	struct run_segment seg;
	struct run_numbers n;
	uint32_t len;

	if (!pair_agrees(a, b) || !(x->flags & XVS_PKT_L4) || !run_read(x, &seg))
		return false;
	run_look(a, other_half(a), &n);
	if (!run_is_in_window(&n, &seg, 0))
		return false;
	pair_grow(a, b, &n, &seg, shift_of(gate));
	len = x->len;
	run_count(a, len, now);
	run_count(b, len, now);
	return true;
}

/* False: both are asked by themselves. */
RUN_INLINE bool run_with_twin(const struct conn_run *r, uint64_t i, const struct run_world *world)
{
	struct half *a = r->halves[i];
	struct half *b = r->twin_halves[i];
	uint64_t gate = atomic_load_explicit(&a->gate, memory_order_acquire);
	uint64_t twin = atomic_load_explicit(&b->gate, memory_order_acquire);
	uint64_t differs;

	/* the same worker and flags at both; then the worker is this one, and both are of these lives */
	differs = (gate ^ twin) >> GATE_OWNER_AT;
	differs |= (uint32_t)twin ^ pass_of(r->twin_generations[i]);
	differs |= (uint32_t)gate ^ pass_of(r->generations[i]);
	differs |= (uint16_t)(gate >> GATE_OWNER_AT) ^ world->owner;
	return __builtin_expect(!differs, 1) && run_pair(a, b, &r->pkts[i]->x, gate, world->seen);
}

/* As conn_run(), where packets have twins. */
static __attribute__((noinline)) uint64_t run_twins(struct conn_run *r, uint64_t mask,
						    const struct run_world *world)
{
	while (mask) {
		struct ones some = ones_lowest(mask);
		uint64_t i = some.first;

		while (i < some.end && r->twins >> i & 1 && run_with_twin(r, i, world))
			i++;
		r->paired |= ones_below(i) & ~ones_below(some.first);
		mask = ones_from(mask, i);
		if (i == some.end)
			continue;
		if (!run_one(r->halves[i], r->generations[i], &r->pkts[i]->x, world))
			break;
		mask &= mask - 1;
	}
	return mask;
}

/* ---- all of them --------------------------------------------------------------------------- */

uint64_t conn_run(struct conn_table *t, const struct worker *w, struct conn_run *r, uint64_t mask)
{
	struct run_world world = { .owner = w->nr + 1, .seen = stamp_of(w->now_ns) };
	struct packet *const *pkts = r->pkts;

	world.epoch = atomic_load_explicit(&t->ports[r->port].epoch, memory_order_acquire);
	if (mask & r->twins)
		return run_twins(r, mask, &world);
	while (mask) {
		struct ones all = ones_lowest(mask);
		uint64_t i = all.first;

		while (i < all.end && run_one(r->halves[i], r->generations[i], &pkts[i]->x, &world))
			i++;
		mask = ones_from(mask, i);
		if (i < all.end)
			break;
	}
	return mask;
}
