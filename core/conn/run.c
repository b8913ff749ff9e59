/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/run.c - packets of connections that nothing happens to, a burst at a time.
 *
 * What nearly all packets are: the connection is established, the segment says nothing but how far
 * its sender has got, it is in the window, and one worker has this direction alone.  Such a packet
 * reads the connection's shared line and both halves and writes its own half, by plain stores.  The
 * first that is not so stops the run, untouched, and is judged by conn_update() in full: what is let
 * in here it would have let in too, and left the same numbers.
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
	r->first = (char *)t->objects;
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

/*
 * As tcp_check() and tcp_grow() with both halves complete; false: not in the window, nothing was
 * written.  'ahead': so much more than was seen may r have sent.
 */
RUN_INLINE bool run_window(struct half *s, struct half *r, const struct run_segment *seg,
			   uint32_t shift, uint32_t ahead)
{
	uint32_t window = seg->window << shift;
	uint32_t s_end = get(&s->end);
	uint32_t r_end = get(&r->end);
	uint32_t back = get(&s->window);
	uint32_t past = back < TCP_WINDOW_FLOOR ? TCP_WINDOW_FLOOR : back;
	uint32_t wrong;

	/* a sign in any of the four differences: behind what it must not be behind; one branch */
	wrong = get(&r->edge) + 1 - seg->end;
	wrong |= seg->end - (s_end - get(&r->window) - 1);
	wrong |= r_end + ahead - seg->ack;
	wrong |= seg->ack - (r_end - past - 1);
	if ((int32_t)wrong < 0)
		return false;
	window += !window;
	run_raise(&s->end, s_end, seg->end);
	run_raise(&s->window, back, window);
	run_raise(&s->edge, get(&s->edge), seg->ack + window);
	run_raise(&s->ack, get(&s->ack), seg->ack);
	return true;
}

/* A conversation that was met in its middle, or whose ends have not said all yet. */
static __attribute__((noinline)) bool run_tcp_odd(struct half *s, struct half *r,
						  const struct xvs_packet *x)
{
	/* who sees the flags sees the numbers, as in tcp_check() */
	uint32_t s_flags = atomic_load_explicit(&s->flags, memory_order_acquire);
	uint32_t r_flags = atomic_load_explicit(&r->flags, memory_order_acquire);
	struct run_segment seg;

	return (s_flags & r_flags & FLAGS_ESTABLISHED) == FLAGS_ESTABLISHED && run_read(x, &seg) &&
	       run_window(s, r, &seg, tcp_scale(s_flags, r_flags),
			  (r_flags & (HALF_SYN | HALF_MOVED)) == HALF_SYN ? 0 : get(&s->window));
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

/*
 * With its counts, and by itself: within the loop, values of both halves would not fit into
 * registers, and what the loop needs behind it would be saved for each packet.
 */
static __attribute__((noinline)) bool run_tcp(struct half *s, struct half *r,
					      const struct xvs_packet *x, uint32_t now)
{
	uint32_t flags = atomic_load_explicit(&s->flags, memory_order_acquire);
	struct run_segment seg;

	if (!(x->flags & XVS_PKT_L4))
		return false;
	if (__builtin_expect(!(flags & HALF_AGREED), 0)) {
		if (!run_tcp_odd(s, r, x))
			return false;
	} else if (!run_read(x, &seg) || !run_window(s, r, &seg, flags >> HALF_SHIFT_AT, 0)) {
		return false;
	}
	run_count(s, x->len, now);
	return true;
}

/* Not TCP, or not established: all that may go on is a datagram from who has asked already. */
static bool is_asked_again(const struct conn *c, uint32_t word, uint64_t direction)
{
	return word == STATE_NEW && direction == 0 && c->key.proto == PROTO_UDP;
}

RUN_INLINE bool run_one(struct conn *c, uint32_t generation, const struct xvs_packet *x,
			const struct run_world *world)
{
	/* of a live one, all but the lowest bit is the same, and that is the direction */
	uint64_t direction =
		atomic_load_explicit(&c->generation, memory_order_acquire) ^ generation;
	/* all of the word: nobody has the bit, and nobody flushed it */
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);
	struct half *h;

	if (direction > 1 || get(&c->epoch) != world->epoch)
		return false;
	h = &c->halves[direction];
	if (get(&h->owner) != world->owner)
		return false;
	if (__builtin_expect(word != STATE_ESTABLISHED, 0)) {
		if (!is_asked_again(c, word, direction))
			return false;
	} else if (c->key.proto == PROTO_TCP) {
		return run_tcp(h, &c->halves[direction ^ 1], x, world->seen);
	} else if (c->key.proto != PROTO_UDP) {
		return false;
	}
	run_count(h, x->len, world->seen);
	return true;
}

uint64_t conn_run(struct conn_table *t, const struct worker *w, const struct conn_run *r,
		  uint64_t mask)
{
	struct run_world world = { .owner = w->nr + 1, .seen = stamp_of(w->now_ns) };
	struct packet *const *pkts = r->pkts;

	world.epoch = atomic_load_explicit(&t->ports[r->port].epoch, memory_order_acquire);
	while (mask) {
		struct ones all = ones_lowest(mask);
		uint64_t i = all.first;

		while (i < all.end && run_one(r->conns[i], r->generations[i], &pkts[i]->x, &world))
			i++;
		mask = ones_from(mask, i);
		if (i < all.end)
			break;
	}
	return mask;
}
