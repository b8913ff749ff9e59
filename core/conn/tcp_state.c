/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/tcp_state.c - the states of a TCP connection, seen from between.
 *
 *      SYN           SYN (+ ACK) from the other      both SYN acknowledged
 *   -> SYN_SENT ----> SYN_RECEIVED ------------------> ESTABLISHED
 *                                                          | FIN from either
 *                      TIME_WAIT <---------------------- CLOSING
 *                          |        both FIN acknowledged
 *                          +-- SYN: a new connection
 *
 * A RST with exactly the expected number ends it in any state; one elsewhere in the window passes
 * and changes nothing, as the receiver will answer it by a challenge (RFC 5961, 3.2).  A SYN
 * within a connection does the same (RFC 5961, 4).  What says SYN may therefore never move numbers here.
 *
 * But if the other end answers that SYN by one of its own, it knows nothing of the connection any
 * more: both ends are at a new one, from the same ports, and ours is over.  The answer itself is
 * lost with it, and comes again when the client repeats its SYN.
 */
#include "conn/tcp.h"

static uint32_t get(_Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static bool is_seated(struct half *h)
{
	return half_flags(h) & HALF_SEATED;
}

/* The segment acknowledges r's SYN, and nothing that r has not sent. */
static bool acks_syn(struct half *r, const struct tcp_segment *seg)
{
	return seg->flags & TCP_ACK && seq_before(get(&r->first), seg->ack) &&
	       !seq_before(get(&r->end), seg->ack);
}

static void note_syn_ack(struct conn *c, unsigned direction, struct tcp_step *out)
{
	c->tcp_bits |= (uint8_t)(TCP_SYN_ACKED << !direction);
	if ((c->tcp_bits & (TCP_SYN_ACKED * 3)) != TCP_SYN_ACKED * 3)
		return;
	out->state = STATE_ESTABLISHED;
	tcp_agree(c);
}

static void refuse(struct tcp_step *out, uint16_t reason)
{
	out->effect = TCP_REFUSE;
	out->reason = reason;
}

/* ---- RST ----------------------------------------------------------------------------------- */

/*
 * Of one who was not heard before: who answers a SYN with RST must name that SYN (RFC 9293,
 * 3.10.7.3); in the middle of a conversation the number must be the one expected.
 */
static void reset_unseated(struct half *r, const struct tcp_segment *seg, struct tcp_step *out)
{
	bool is_expected = half_flags(r) & HALF_EDGE && seg->seq == get(&r->ack);

	if (acks_syn(r, seg) || is_expected)
		out->effect = TCP_CLOSED;
	else
		refuse(out, REASON_CONN_WINDOW);
}

/*
 * The number that the receiver expects is what it acknowledged last, or, if it has not got round
 * to that, the end of all that was sent.
 */
static void tcp_reset(struct half *s, struct half *r, const struct tcp_segment *seg,
		      struct tcp_step *out)
{
	uint32_t r_flags = half_flags(r);
	uint32_t una = get(&r->ack);

	if (!is_seated(s)) {
		/* where it is now, its receiver knows, and no more than that is at stake */
		if (!(half_flags(s) & HALF_MOVED))
			reset_unseated(r, seg, out);
		return;
	}
	/* RFC 5961, 5.2: nobody can have acknowledged what was not sent */
	if (r_flags & HALF_SYN && seg->flags & TCP_ACK && seq_before(get(&r->end), seg->ack)) {
		refuse(out, REASON_CONN_WINDOW);
		return;
	}
	if (seg->seq == get(&s->end) ||
	    (r_flags & HALF_SEATED && r_flags & HALF_EDGE && seg->seq == una)) {
		out->effect = TCP_CLOSED;
		return;
	}
	/* The answer to one who, after a crash of the sender, is still in an older connection. */
	if (!(r_flags & HALF_SEATED) && r_flags & HALF_EDGE && seg->seq == una)
		return;
	if (!(r_flags & HALF_SEATED) || !(r_flags & HALF_EDGE) || seq_before(seg->seq, una) ||
	    seq_before(get(&r->edge) + 1, seg->seq))
		refuse(out, REASON_CONN_WINDOW);
}

/* ---- SYN ----------------------------------------------------------------------------------- */

/* Only the receiver can tell whether it begins something: the number is kept for its answer. */
static void note_later_syn(struct conn *c, unsigned direction, const struct tcp_segment *seg)
{
	struct half *s = &c->halves[direction];

	s->later = seg->seq;
	s->later_end = seg->end;
	c->tcp_bits |= (uint8_t)(TCP_SYN_LATER << direction);
}

static bool answers_later_syn(const struct conn *c, unsigned direction,
			      const struct tcp_segment *seg)
{
	const struct half *r = &c->halves[!direction];

	return c->tcp_bits & TCP_SYN_LATER << !direction && seg->flags & TCP_ACK &&
	       seq_before(r->later, seg->ack) && !seq_before(r->later_end, seg->ack);
}

/* The other's first: SYN and ACK, or SYN alone where both opened at once (RFC 9293, 3.5). */
static void syn_of_responder(struct conn *c, unsigned direction, const struct tcp_segment *seg,
			     struct tcp_step *out)
{
	if (seg->flags & TCP_ACK && !acks_syn(&c->halves[!direction], seg)) {
		refuse(out, REASON_CONN_WINDOW);
		return;
	}
	tcp_seat(c, direction, seg);
	out->state = STATE_SYN_RECEIVED;
	if (seg->flags & TCP_ACK)
		note_syn_ack(c, direction, out);
}

/* Again: a retransmission, the second half of a simultaneous opening, or a new attempt. */
static void syn_again(struct conn *c, unsigned direction, const struct tcp_segment *seg,
		      struct tcp_step *out)
{
	struct half *s = &c->halves[direction];
	struct half *r = &c->halves[!direction];
	bool is_acking = is_seated(r) && acks_syn(r, seg);

	if (seg->flags & TCP_ACK && !is_acking) {
		refuse(out, REASON_CONN_WINDOW);
		return;
	}
	/*
	 * A client that gave up and took the same port again has a new number, and so may a
	 * server whose numbers are cookies.  Nothing rests on the old one yet.
	 */
	if (seg->seq != get(&s->first)) {
		if (is_seated(r) && !is_acking) {
			note_later_syn(c, direction, seg);
			return;
		}
		c->tcp_bits &= (uint8_t) ~(TCP_SYN_ACKED << direction);
		tcp_seat(c, direction, seg);
	} else {
		tcp_grow(c, direction, seg, true);
	}
	if (is_acking)
		note_syn_ack(c, direction, out);
}

static void tcp_syn(struct conn *c, unsigned direction, const struct tcp_segment *seg,
		    struct tcp_step *out)
{
	struct half *s = &c->halves[direction];

	if (answers_later_syn(c, direction, seg)) {
		out->effect = TCP_REOPEN;
		return;
	}
	switch (out->state) {
	case STATE_SYN_SENT:
	case STATE_SYN_RECEIVED:
		if (is_seated(s))
			syn_again(c, direction, seg, out);
		else
			syn_of_responder(c, direction, seg, out);
		return;
	case STATE_TIME_WAIT:
		if (!(seg->flags & TCP_ACK)) {
			out->effect = TCP_REOPEN;
			return;
		}
		break;
	default:
		break;
	}
	if (!(seg->flags & TCP_ACK))
		note_later_syn(c, direction, seg);
	/* A SYN-ACK whose acknowledgement was lost comes again; any other is not of this life. */
	else if (!(half_flags(s) & (HALF_SEATED | HALF_MOVED)) || seg->seq != get(&s->first))
		refuse(out, REASON_CONN_WINDOW);
}

/* ---- all others ---------------------------------------------------------------------------- */

/*
 * An ACK in answer to a SYN, by one who is still in an older connection (RFC 9293, 3.5.1).  The
 * client will say RST with just that number, and then try again.
 */
static void challenge(struct half *s, const struct tcp_segment *seg)
{
	atomic_store_explicit(&s->ack, seg->ack, memory_order_relaxed);
	atomic_fetch_or_explicit(&s->flags, HALF_EDGE, memory_order_relaxed);
}

static void note_fins(struct conn *c, unsigned direction, const struct tcp_segment *seg,
		      struct tcp_step *out)
{
	struct half *s = &c->halves[direction];
	struct half *r = &c->halves[!direction];
	unsigned other = !direction;

	if (seg->flags & TCP_FIN) {
		c->tcp_bits |= (uint8_t)(TCP_FIN_SEEN << direction);
		s->fin_end = seg->end;
		if (out->state != STATE_TIME_WAIT)
			out->state = STATE_CLOSING;
	}
	if (c->tcp_bits & TCP_FIN_SEEN << other && !seq_before(seg->ack, r->fin_end))
		c->tcp_bits |= (uint8_t)(TCP_FIN_ACKED << other);
	if ((c->tcp_bits & TCP_FIN_ACKED * 3) == TCP_FIN_ACKED * 3)
		out->state = STATE_TIME_WAIT;
}

static void tcp_other(struct conn *c, unsigned direction, const struct tcp_segment *seg, bool own,
		      struct tcp_step *out)
{
	struct half *s = &c->halves[direction];
	struct half *r = &c->halves[!direction];
	bool is_opening = out->state == STATE_SYN_SENT || out->state == STATE_SYN_RECEIVED;
	uint16_t reason;

	if (is_opening && !is_seated(s)) {
		if (seg->flags & TCP_FIN)
			refuse(out, REASON_CONN_STATE);
		else
			challenge(s, seg);
		return;
	}
	/* who has heard nothing yet has nothing to acknowledge */
	if (is_opening && !is_seated(r)) {
		refuse(out, REASON_CONN_STATE);
		return;
	}
	reason = tcp_check(c, direction, seg);
	if (reason) {
		refuse(out, reason);
		return;
	}
	if (is_seated(s))
		tcp_grow(c, direction, seg, own);
	else
		tcp_seat(c, direction, seg);
	if (is_opening && is_seated(r) && acks_syn(r, seg))
		note_syn_ack(c, direction, out);
	note_fins(c, direction, seg, out);
}

void tcp_step(struct conn *c, unsigned direction, const struct tcp_segment *seg, bool own,
	      struct tcp_step *out)
{
	*out = (struct tcp_step){ TCP_PASS, REASON_NONE, conn_state(c) };
	if (tcp_flags_impossible(seg->flags))
		refuse(out, REASON_CONN_STATE);
	else if (seg->flags & TCP_RST)
		tcp_reset(&c->halves[direction], &c->halves[!direction], seg, out);
	else if (seg->flags & TCP_SYN)
		tcp_syn(c, direction, seg, out);
	else
		tcp_other(c, direction, seg, own, out);
}
