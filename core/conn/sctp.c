/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/sctp.c - reading SCTP, and the states of an association.
 *
 *      INIT          COOKIE ECHO             COOKIE ACK
 *   -> SYN_SENT ----> SYN_RECEIVED ---------> ESTABLISHED
 *                                                 | SHUTDOWN from either
 *                     TIME_WAIT <-------------- CLOSING
 *                         |    SHUTDOWN COMPLETE
 *                         +-- INIT: a new association
 *
 * The states are those of TCP by their names: COOKIE-WAIT, COOKIE-ECHOED and so on in the RFC.  A
 * half's 'first' is the tag that packets of its direction must have.
 *
 * INIT has no tag, so that anybody can send one.  Within an association it is one of an end that
 * came back after a crash, or a lie: only the other end can tell (RFC 9260, 5.2).  Therefore it
 * passes and changes nothing; but the tags of its answer are kept as 'later', and when a COOKIE
 * ECHO shows that both ends go by them, they count.
 */
#include "conn/sctp.h"

enum {
	CHUNK_DATA = 0,
	CHUNK_INIT = 1,
	CHUNK_INIT_ACK = 2,
	CHUNK_SACK = 3,
	CHUNK_HEARTBEAT = 4,
	CHUNK_HEARTBEAT_ACK = 5,
	CHUNK_ABORT = 6,
	CHUNK_SHUTDOWN = 7,
	CHUNK_SHUTDOWN_ACK = 8,
	CHUNK_COOKIE_ECHO = 10,
	CHUNK_COOKIE_ACK = 11,
	CHUNK_SHUTDOWN_COMPLETE = 14,
	CHUNK_IDATA = 64, /* RFC 8260 */
	CHUNK_HEADER_BYTES = 4,
	CHUNKS_MAX = 16,
	FLAG_T = 1,
};

#define BIT(chunk) (1u << (chunk))

/* These are alone in their packet: RFC 9260, 6.10. */
static const uint32_t alone = BIT(CHUNK_INIT) | BIT(CHUNK_INIT_ACK) | BIT(CHUNK_SHUTDOWN_COMPLETE);

/* ---- reading ------------------------------------------------------------------------------- */

static bool read_init(const uint8_t *chunk, uint32_t room, struct sctp_packet *out)
{
	if (room < CHUNK_HEADER_BYTES + 4)
		return false;
	out->init_tag = get_be32(chunk + CHUNK_HEADER_BYTES);
	return out->init_tag != 0;
}

static bool read_chunk(const uint8_t *chunk, uint32_t room, struct sctp_packet *out)
{
	uint8_t type = chunk[0];

	if (type <= CHUNK_SHUTDOWN_COMPLETE)
		out->chunks |= BIT(type);
	if (type == CHUNK_INIT || type == CHUNK_INIT_ACK)
		return read_init(chunk, room, out);
	if ((type == CHUNK_ABORT || type == CHUNK_SHUTDOWN_COMPLETE) && chunk[1] & FLAG_T)
		out->is_reflected = true;
	return true;
}

/*
 * Control chunks come before data (RFC 9260, 6.10), so that the first data ends the search; so does
 * the end of what can be read here, in a first fragment or a packet of many buffers.
 */
static bool read_chunks(const struct xvs_packet *x, uint32_t at, uint32_t end,
			struct sctp_packet *out)
{
	uint32_t count = 0;

	for (; count < CHUNKS_MAX && at < end; count++) {
		const uint8_t *chunk = x->data + at;
		uint32_t len;

		if (at + CHUNK_HEADER_BYTES > x->linear)
			break;
		len = get_be16(chunk + 2);
		if (len < CHUNK_HEADER_BYTES || (len > end - at && !(x->flags & XVS_PKT_FRAG)))
			return false;
		if (chunk[0] == CHUNK_DATA || chunk[0] == CHUNK_IDATA) {
			out->chunks |= BIT(CHUNK_DATA);
			count++;
			break;
		}
		if (!read_chunk(chunk, x->linear - at, out))
			return false;
		at += (len + 3) & ~3u;
	}
	return count > 0 && (!(out->chunks & alone) || count == 1);
}

bool sctp_read(const struct packet *p, struct sctp_packet *out)
{
	const struct xvs_packet *x = &p->x;
	uint32_t at = (uint32_t)x->l4_off + SCTP_BYTES;

	*out = (struct sctp_packet){ 0 };
	if (!(x->flags & XVS_PKT_L4) || x->linear < at)
		return false;
	out->tag = get_be32(x->data + x->l4_off + 4);
	if (!read_chunks(x, at, tcp_datagram_end(x), out))
		return false;
	return !(out->chunks & BIT(CHUNK_INIT)) == (out->tag != 0);
}

bool sctp_opens(const struct sctp_packet *s)
{
	return s->chunks & BIT(CHUNK_INIT);
}

bool sctp_is_control(const struct sctp_packet *s)
{
	const uint32_t usual =
		BIT(CHUNK_DATA) | BIT(CHUNK_SACK) | BIT(CHUNK_HEARTBEAT) | BIT(CHUNK_HEARTBEAT_ACK);

	return (s->chunks & ~usual) != 0;
}

/* ---- tags ---------------------------------------------------------------------------------- */

static bool has_tag(struct half *h)
{
	return atomic_load_explicit(&h->flags, memory_order_relaxed) & HALF_SEATED;
}

static uint32_t tag_of(struct half *h)
{
	return atomic_load_explicit(&h->first, memory_order_relaxed);
}

static void set_tag(struct half *h, uint32_t tag)
{
	atomic_store_explicit(&h->first, tag, memory_order_relaxed);
	atomic_store_explicit(&h->flags, HALF_SEATED, memory_order_relaxed);
}

/* The tag that 'direction' asked the other for in an INIT or INIT ACK that may begin a next life. */
static void note_later(struct conn *c, unsigned direction, uint32_t tag)
{
	c->halves[direction].later = tag;
	c->tcp_bits |= (uint8_t)(TCP_SYN_LATER << direction);
}

static bool is_later(const struct conn *c, unsigned direction, uint32_t tag)
{
	return c->tcp_bits & TCP_SYN_LATER << !direction && c->halves[!direction].later == tag;
}

static void adopt_later(struct conn *c)
{
	set_tag(&c->halves[0], c->halves[1].later);
	set_tag(&c->halves[1], c->halves[0].later);
	c->tcp_bits &= (uint8_t) ~(TCP_SYN_LATER * 3);
}

bool sctp_has_tags(struct conn *c)
{
	return has_tag(&c->halves[0]) && has_tag(&c->halves[1]);
}

/* ---- states -------------------------------------------------------------------------------- */

static void refuse(struct tcp_step *out, uint16_t reason)
{
	out->effect = TCP_REFUSE;
	out->reason = reason;
}

static void step_init(struct conn *c, unsigned direction, const struct sctp_packet *s,
		      struct tcp_step *out)
{
	switch (out->state) {
	case STATE_TIME_WAIT:
		out->effect = TCP_REOPEN;
		return;
	case STATE_SYN_SENT: /* again, or from both at once: RFC 9260, 5.2.1 */
		set_tag(&c->halves[!direction], s->init_tag);
		return;
	default:
		note_later(c, direction, s->init_tag);
	}
}

static void step_init_ack(struct conn *c, unsigned direction, const struct sctp_packet *s,
			  struct tcp_step *out)
{
	struct half *h = &c->halves[direction];

	if (is_later(c, direction, s->tag))
		note_later(c, direction, s->init_tag);
	else if (!has_tag(h) || tag_of(h) != s->tag)
		refuse(out, REASON_CONN_TAG);
	else if (out->state == STATE_SYN_SENT)
		set_tag(&c->halves[!direction], s->init_tag);
}

static bool is_of_next_life(const struct conn *c, unsigned direction, const struct sctp_packet *s)
{
	const uint8_t both = TCP_SYN_LATER * 3;

	return s->chunks & BIT(CHUNK_COOKIE_ECHO) && (c->tcp_bits & both) == both &&
	       is_later(c, direction, s->tag);
}

/* Its own tag, or, from one who says so, that of what it answers (RFC 9260, 8.5.1). */
static bool tag_fits(struct conn *c, unsigned direction, const struct sctp_packet *s)
{
	struct half *h = &c->halves[direction];
	struct half *other = &c->halves[!direction];

	if (s->is_reflected)
		return has_tag(other) && tag_of(other) == s->tag;
	return has_tag(h) && tag_of(h) == s->tag;
}

static enum conn_state state_after(enum conn_state state, uint32_t chunks)
{
	if (chunks & BIT(CHUNK_COOKIE_ECHO) && state == STATE_SYN_SENT)
		return STATE_SYN_RECEIVED;
	if (chunks & BIT(CHUNK_COOKIE_ACK) && state == STATE_SYN_RECEIVED)
		return STATE_ESTABLISHED;
	if (chunks & (BIT(CHUNK_SHUTDOWN) | BIT(CHUNK_SHUTDOWN_ACK)) && state == STATE_ESTABLISHED)
		return STATE_CLOSING;
	if (chunks & BIT(CHUNK_SHUTDOWN_COMPLETE) && state == STATE_CLOSING)
		return STATE_TIME_WAIT;
	return state;
}

enum conn_state sctp_seat(struct conn *c, const struct sctp_packet *s)
{
	if (sctp_opens(s)) {
		set_tag(&c->halves[1], s->init_tag);
		return STATE_SYN_SENT;
	}
	set_tag(&c->halves[0], s->tag);
	return STATE_ESTABLISHED;
}

void sctp_step(struct conn *c, unsigned direction, const struct sctp_packet *s,
	       struct tcp_step *out)
{
	struct half *h = &c->halves[direction];

	*out = (struct tcp_step){ TCP_PASS, REASON_NONE, conn_state(c) };
	if (s->chunks & BIT(CHUNK_INIT)) {
		step_init(c, direction, s, out);
		return;
	}
	if (s->chunks & BIT(CHUNK_INIT_ACK)) {
		step_init_ack(c, direction, s, out);
		return;
	}
	if (is_of_next_life(c, direction, s)) {
		adopt_later(c);
		/* both ends have shown their tags: it is not half-open again */
		if (!state_is_half_open(out->state))
			out->state = STATE_ESTABLISHED;
		return;
	}
	/* of an association met in its middle, the other direction tells its tag itself */
	if (!has_tag(h) && out->state == STATE_ESTABLISHED && !s->is_reflected)
		set_tag(h, s->tag);
	if (!tag_fits(c, direction, s))
		refuse(out, REASON_CONN_TAG);
	else if (s->chunks & BIT(CHUNK_ABORT))
		out->effect = TCP_CLOSED;
	else
		out->state = state_after(out->state, s->chunks);
}
