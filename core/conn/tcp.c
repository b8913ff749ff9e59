/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/tcp.c - reading segments, and the window check.
 */
#include "conn/tcp.h"

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_SCALE = 3,
};

static uint32_t get(_Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int8_t read_scale(const uint8_t *options, uint32_t len)
{
	struct cursor c = cursor_of(options, len);

	for (;;) {
		const uint8_t *kind = cursor_take(&c, 1);
		const uint8_t *size;

		if (!kind || *kind == OPTION_END)
			return -1;
		if (*kind == OPTION_NOP)
			continue;
		size = cursor_take(&c, 1);
		if (!size || *size < 2)
			return -1;
		if (*kind == OPTION_SCALE && *size == 3) {
			const uint8_t *shift = cursor_take(&c, 1);

			if (!shift)
				return -1;
			return (int8_t)(*shift < TCP_SCALE_MAX ? *shift : TCP_SCALE_MAX);
		}
		(void)cursor_take(&c, *size - 2u);
	}
}

uint32_t tcp_datagram_end(const struct xvs_packet *x)
{
	const uint8_t *l3 = x->data + x->l3_off;
	uint32_t len = x->flags & XVS_PKT_IPV4 ? get_be16(l3 + 2) : get_be16(l3 + 4);

	if (len == 0) /* longer than it can say */
		return x->len;
	if (x->flags & XVS_PKT_IPV6)
		len += IPV6_BYTES;
	len += x->l3_off;
	return len < x->len ? len : x->len;
}

bool tcp_read(const struct packet *p, struct tcp_segment *out)
{
	const struct xvs_packet *x = &p->x;
	const uint8_t *l4 = x->data + x->l4_off;
	uint32_t header;
	uint32_t end;

	if (!(x->flags & XVS_PKT_L4) || x->linear < (uint32_t)x->l4_off + TCP_BYTES)
		return false;
	header = (uint32_t)(l4[12] >> 4) * 4;
	end = tcp_datagram_end(x);
	if (header < TCP_BYTES || x->l4_off + header > x->linear || x->l4_off + header > end)
		return false;
	out->seq = get_be32(l4 + 4);
	out->ack = get_be32(l4 + 8);
	out->window = get_be16(l4 + 14);
	out->flags = l4[13];
	out->data_end = out->seq + (end - x->l4_off - header);
	out->end = out->data_end + !!(out->flags & TCP_SYN) + !!(out->flags & TCP_FIN);
	out->scale = -1;
	if (out->flags & TCP_SYN)
		out->scale = read_scale(l4 + TCP_BYTES, header - TCP_BYTES);
	return true;
}

bool tcp_flags_impossible(uint8_t flags)
{
	uint8_t main = flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);

	switch (main) {
	case TCP_SYN:
	case TCP_SYN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
	case TCP_FIN | TCP_ACK:
	case TCP_ACK:
		return false;
	default:
		return true;
	}
}

/* ---- the check ----------------------------------------------------------------------------- */

static uint32_t window_of(uint32_t own, uint32_t other, const struct tcp_segment *seg)
{
	uint32_t window = seg->window;

	if (!(seg->flags & TCP_SYN)) /* RFC 7323, 2.2: that of a SYN is never scaled */
		window <<= tcp_scale(own, other);
	return window ? window : 1; /* a probe of one octet is allowed always */
}

uint16_t tcp_check(struct conn *c, unsigned direction, const struct tcp_segment *seg)
{
	struct half *s = &c->halves[direction];
	struct half *r = &c->halves[!direction];
	uint32_t s_flags = atomic_load_explicit(&s->flags, memory_order_acquire);
	uint32_t r_flags = atomic_load_explicit(&r->flags, memory_order_acquire);
	uint32_t r_end = get(&r->end);
	uint32_t back = get(&s->window);
	uint32_t ahead;

	if (!(r_flags & HALF_SEATED))
		return REASON_NONE;
	if (r_flags & HALF_EDGE && seq_before(get(&r->edge) + 1, seg->data_end))
		return REASON_CONN_WINDOW;
	if (s_flags & HALF_SEATED && seq_before(seg->end, get(&s->end) - get(&r->window) - 1))
		return REASON_CONN_WINDOW;
	if (!(seg->flags & TCP_ACK))
		return REASON_NONE;
	/* Of a conversation met in its middle, more may be under way than has been seen. */
	ahead = (r_flags & (HALF_SYN | HALF_MOVED)) == HALF_SYN ? 0 : back;
	if (seq_before(r_end + ahead, seg->ack))
		return REASON_CONN_WINDOW;
	if (back < TCP_WINDOW_FLOOR)
		back = TCP_WINDOW_FLOOR;
	return seq_before(seg->ack, r_end - back - 1) ? REASON_CONN_WINDOW : REASON_NONE;
}

static void raise_to(_Atomic uint32_t *word, uint32_t value, bool own)
{
	uint32_t old = get(word);

	while (seq_before(old, value)) {
		if (own) {
			set(word, value);
			return;
		}
		if (atomic_compare_exchange_weak_explicit(word, &old, value, memory_order_relaxed,
							  memory_order_relaxed))
			return;
	}
}

void tcp_grow(struct conn *c, unsigned direction, const struct tcp_segment *seg, bool own)
{
	struct half *s = &c->halves[direction];
	uint32_t flags = half_flags(s);
	uint32_t window = window_of(flags, half_flags(&c->halves[!direction]), seg);

	raise_to(&s->end, seg->end, own);
	raise_to(&s->window, window, own);
	if (!(seg->flags & TCP_ACK))
		return;
	if (!(flags & HALF_EDGE)) { /* only before the connection is established: under the bit */
		set(&s->edge, seg->ack + window);
		set(&s->ack, seg->ack);
		atomic_store_explicit(&s->flags, (uint16_t)(flags | HALF_EDGE),
				      memory_order_relaxed);
		return;
	}
	raise_to(&s->edge, seg->ack + window, own);
	raise_to(&s->ack, seg->ack, own);
}

/*
 * What it sent and granted before it moved was sent and granted; what it says now may be a repetition of
 * older things.  That it has moved stays true: acknowledgements of what nobody saw here may come for long.
 */
static void seat_again(struct conn *c, unsigned direction, const struct tcp_segment *seg)
{
	struct half *s = &c->halves[direction];

	raise_to(&s->end, seg->end, true);
	atomic_fetch_or_explicit(&s->flags, HALF_SEATED, memory_order_release);
	tcp_grow(c, direction, seg, true);
}

void tcp_seat(struct conn *c, unsigned direction, const struct tcp_segment *seg)
{
	struct half *s = &c->halves[direction];
	uint32_t flags = HALF_SEATED;

	if (half_flags(s) & HALF_MOVED) {
		seat_again(c, direction, seg);
		return;
	}
	if (seg->flags & TCP_SYN) {
		flags |= HALF_SYN;
		if (seg->scale >= 0) {
			flags |= HALF_SCALE;
			flags |= (uint32_t)seg->scale & HALF_SCALE_MASK;
		}
	}
	set(&s->first, seg->seq);
	set(&s->end, seg->end);
	set(&s->window, 1);
	/* Who sees the flag sees the numbers: pairs with tcp_check(). */
	atomic_store_explicit(&s->flags, (uint16_t)flags, memory_order_release);
	tcp_grow(c, direction, seg, true);
}

void tcp_agree(struct conn *c)
{
	enum { ALL = HALF_SEATED | HALF_SYN | HALF_EDGE };
	uint32_t flags[2] = { half_flags(&c->halves[0]), half_flags(&c->halves[1]) };

	if ((flags[0] & flags[1] & ALL) != ALL || flags[0] & HALF_AGREED)
		return;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t shift = tcp_scale(flags[i], flags[!i]) << HALF_SHIFT_AT;

		/* who sees this sees the numbers of both */
		atomic_store_explicit(&c->halves[i].flags,
				      (uint16_t)(flags[i] | HALF_AGREED | shift),
				      memory_order_release);
	}
}

void tcp_extend(struct half *h, uint32_t end)
{
	raise_to(&h->end, end, false);
}
