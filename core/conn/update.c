/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/update.c - a packet of a connection that exists.
 *
 * Nearly all packets were let in by conn_run() and do not come here.  Of those that do, what says
 * nothing new goes without the connection's bit; all others take it.
 */
#include "conn/evict.h"
#include "conn/judge.h"
#include "conn/sctp.h"

static enum conn_answer refuse(uint16_t *out, uint16_t reason)
{
	*out = reason;
	return CONN_DROP;
}

/* ---- with the bit -------------------------------------------------------------------------- */

/* Takes the step's consequences, and lets go of the bit.  is_told: more than numbers may differ. */
static void settle(const struct passage *m, const struct tcp_step *step, bool is_told)
{
	struct conn *c = m->c;
	struct conn_ref ref;
	bool is_finished;

	if (step->effect == TCP_CLOSED) {
		conn_end(m->t, m->w, c, XVS_CONN_RST, m->arg);
		return;
	}
	ref = conn_ref_of(m->t, c, 0);
	is_finished = step->state == STATE_TIME_WAIT && conn_state(c) != STATE_TIME_WAIT;
	conn_leave(m->t, c, step->state);
	if (is_told)
		conn_touch(m->t, c);
	if (is_finished)
		evict_note_finished(m->t, m->w, conn_port(m->t, c), ref, m->arg);
}

/* The bit is held, and let go. */
static enum conn_answer take_step(const struct passage *m, const struct tcp_step *step,
				  bool is_told, uint16_t *reason)
{
	if (step->effect == TCP_REFUSE) {
		conn_unlock(m->c);
		return refuse(reason, step->reason);
	}
	if (step->effect == TCP_REOPEN) {
		bool is_finished = conn_state(m->c) == STATE_TIME_WAIT;

		conn_end(m->t, m->w, m->c, is_finished ? XVS_CONN_FIN : XVS_CONN_RST, m->arg);
		return CONN_AGAIN;
	}
	conn_account(m->w, &m->c->halves[m->direction], m->p->x.len);
	settle(m, step, is_told);
	return CONN_PASS;
}

static enum conn_answer update_tcp_slow(const struct passage *m, const struct tcp_segment *seg,
					uint16_t *reason)
{
	struct half *h = &m->c->halves[m->direction];
	struct tcp_step step;

	if (!conn_lock(m->c))
		return CONN_AGAIN;
	tcp_step(m->c, m->direction, seg, half_is_own(m->w, h), &step);
	return take_step(m, &step, true, reason);
}

static enum conn_answer update_sctp(const struct passage *m, uint16_t *reason)
{
	struct sctp_packet s;
	struct tcp_step step;
	bool is_told;

	if (!sctp_read(m->p, &s))
		return refuse(reason, REASON_CONN_INVALID);
	if (!conn_lock(m->c))
		return CONN_AGAIN;
	/* tags and states change by what opens and closes alone, but where one is not known yet */
	is_told = sctp_is_control(&s) || !sctp_has_tags(m->c);
	sctp_step(m->c, m->direction, &s, &step);
	return take_step(m, &step, is_told, reason);
}

static bool establish(const struct passage *m)
{
	if (!conn_lock(m->c))
		return false;
	conn_leave(m->t, m->c, STATE_ESTABLISHED);
	return true;
}

/* ---- without ------------------------------------------------------------------------------- */

/* All flags that are not plain are judged, and refused, with the bit. */
static bool needs_bit(struct conn *c, unsigned direction, uint8_t flags)
{
	bool is_plain = (flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK;

	return !is_plain || conn_state(c) != STATE_ESTABLISHED ||
	       !(atomic_load_explicit(&c->halves[direction].flags, memory_order_relaxed) &
		 HALF_SEATED);
}

enum conn_answer update_segment(const struct passage *m, const struct tcp_segment *seg,
				uint16_t *reason)
{
	struct half *h = &m->c->halves[m->direction];
	uint16_t refused;

	if (needs_bit(m->c, m->direction, seg->flags))
		return update_tcp_slow(m, seg, reason);
	refused = tcp_check(m->c, m->direction, seg);
	if (refused)
		return refuse(reason, refused);
	tcp_grow(m->c, m->direction, seg, half_is_own(m->w, h));
	conn_account(m->w, h, m->p->x.len);
	return CONN_PASS;
}

static enum conn_answer update_tcp(const struct passage *m, uint16_t *reason)
{
	struct tcp_segment seg;

	return tcp_read(m->p, &seg) ? update_segment(m, &seg, reason)
				    : refuse(reason, REASON_CONN_INVALID);
}

enum conn_answer update_conn(const struct passage *m, uint16_t *reason)
{
	if (m->c->key.proto == PROTO_TCP)
		return update_tcp(m, reason);
	if (m->c->key.proto == PROTO_SCTP)
		return update_sctp(m, reason);
	if (m->direction == 1 && conn_state(m->c) == STATE_NEW && !establish(m))
		return CONN_AGAIN;
	conn_account(m->w, &m->c->halves[m->direction], m->p->x.len);
	return CONN_PASS;
}

enum conn_answer update_dry(const struct passage *m, uint16_t *reason)
{
	struct sctp_packet sctp;
	struct tcp_segment seg;
	uint16_t refused;

	if (m->c->key.proto == PROTO_SCTP) /* a tag that moves is taken for a good one */
		return sctp_read(m->p, &sctp) ? CONN_PASS : refuse(reason, REASON_CONN_INVALID);
	if (m->c->key.proto != PROTO_TCP)
		return CONN_PASS;
	if (!tcp_read(m->p, &seg))
		return refuse(reason, REASON_CONN_INVALID);
	if (tcp_flags_impossible(seg.flags))
		return refuse(reason, REASON_CONN_STATE);
	/* A SYN or RST moves numbers, which a trace must not: it is taken for a good one. */
	if (seg.flags & (TCP_SYN | TCP_RST))
		return CONN_PASS;
	refused = tcp_check(m->c, m->direction, &seg);
	return refused ? refuse(reason, refused) : CONN_PASS;
}

/*
 * A flow entry tells ICMP types apart, not ids: a second ping between the same ends comes with
 * the first one's handle.
 */
static bool is_other_question(const struct conn *c, const struct packet *p)
{
	struct tuple tuple;
	bool inbound = c->key.asker == 2;

	if (c->key.proto != PROTO_ICMP && c->key.proto != PROTO_ICMPV6)
		return false;
	return tuple_read(p, c->key.port, inbound, &tuple) != TUPLE_TRACKED ||
	       tuple.key.inside_port != c->key.inside_port;
}

enum conn_answer conn_update(struct conn_table *t, struct worker *w, struct conn_ref ref,
			     const struct packet *p, void *arg, uint16_t *reason)
{
	struct conn *c = conn_deref(t, ref);
	struct passage m = { t, w, c, ref.generation & 1, p, arg };
	uint32_t epoch;
	uint32_t word;

	if (!c)
		return CONN_AGAIN;
	word = atomic_load_explicit(&c->word, memory_order_acquire);
	epoch = atomic_load_explicit(&conn_port(t, c)->epoch, memory_order_acquire);
	if (word & WORD_FLUSHED || (word & WORD_STATE) == STATE_NONE ||
	    atomic_load_explicit(&c->epoch, memory_order_relaxed) != epoch)
		return CONN_AGAIN;
	if (p->x.flags & XVS_PKT_DRY)
		return update_dry(&m, reason);
	if (is_other_question(c, p))
		return CONN_AGAIN;
	return update_conn(&m, reason);
}
