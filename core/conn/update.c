/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/update.c - a packet of a connection that exists.
 *
 * Nearly all packets take the fast way: the state is established, no flag says anything new, and
 * what is read is the connection's shared line and two halves, what is written the own half.  All
 * others take the connection's bit.
 */
#include "conn/evict.h"
#include "conn/judge.h"

static enum conn_answer refuse(uint16_t *out, uint16_t reason)
{
	*out = reason;
	return CONN_DROP;
}

/* ---- with the bit ------------------------------------------------------------------------------------- */

/* Takes the step's consequences, and lets go of the bit. */
static void tcp_settle(struct conn_table *t, struct worker *w, struct conn *c,
		       const struct tcp_step *step, void *arg)
{
	struct conn_ref ref = conn_ref_of(t, c, 0);
	struct conn_port *port = conn_port(t, c);
	bool is_finished = step->state == STATE_TIME_WAIT && conn_state(c) != STATE_TIME_WAIT;

	if (step->effect == TCP_CLOSED) {
		conn_end(t, w, c, XVS_CONN_RST, arg);
		return;
	}
	conn_set_state(t, c, step->state);
	conn_unlock(c);
	if (is_finished)
		evict_note_finished(t, w, port, ref, arg);
}

static enum conn_answer update_tcp_slow(struct conn_table *t, struct worker *w, struct conn *c,
					unsigned direction, const struct packet *p,
					const struct tcp_segment *seg, void *arg, uint16_t *reason)
{
	struct half *h = &c->halves[direction];
	struct tcp_step step;

	if (!conn_lock(c))
		return CONN_AGAIN;
	tcp_step(c, direction, seg, half_is_own(w, h), &step);
	if (step.effect == TCP_REFUSE) {
		conn_unlock(c);
		return refuse(reason, step.reason);
	}
	if (step.effect == TCP_REOPEN) {
		conn_end(t, w, c, XVS_CONN_FIN, arg);
		return CONN_AGAIN;
	}
	conn_account(w, h, p->x.len);
	tcp_settle(t, w, c, &step, arg);
	return CONN_PASS;
}

static enum conn_answer establish(struct conn_table *t, struct conn *c)
{
	if (!conn_lock(c))
		return CONN_AGAIN;
	conn_set_state(t, c, STATE_ESTABLISHED);
	conn_unlock(c);
	return CONN_PASS;
}

/* ---- without -------------------------------------------------------------------------------------------- */

static bool needs_bit(struct conn *c, unsigned direction, uint8_t flags)
{
	return flags & (TCP_SYN | TCP_FIN | TCP_RST) || conn_state(c) != STATE_ESTABLISHED ||
	       !(atomic_load_explicit(&c->halves[direction].flags, memory_order_relaxed) &
		 HALF_SEATED);
}

/* All flags that do not pass this are judged, and refused, with the bit. */
static bool is_plain(uint8_t flags)
{
	return (flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) == TCP_ACK;
}

static enum conn_answer update_tcp(struct conn_table *t, struct worker *w, struct conn *c,
				   unsigned direction, const struct packet *p, void *arg,
				   uint16_t *reason)
{
	struct half *h = &c->halves[direction];
	struct tcp_segment seg;
	uint16_t refused;

	if (!tcp_read(p, &seg))
		return refuse(reason, REASON_CONN_INVALID);
	if (!is_plain(seg.flags) || needs_bit(c, direction, seg.flags))
		return update_tcp_slow(t, w, c, direction, p, &seg, arg, reason);
	refused = tcp_check(c, direction, &seg);
	if (refused)
		return refuse(reason, refused);
	tcp_grow(c, direction, &seg, half_is_own(w, h));
	conn_account(w, h, p->x.len);
	return CONN_PASS;
}

enum conn_answer update_conn(struct conn_table *t, struct worker *w, struct conn *c,
			     unsigned direction, const struct packet *p, void *arg,
			     uint16_t *reason)
{
	if (c->key.proto == PROTO_TCP)
		return update_tcp(t, w, c, direction, p, arg, reason);
	if (direction == 1 && conn_state(c) == STATE_NEW && establish(t, c) != CONN_PASS)
		return CONN_AGAIN;
	conn_account(w, &c->halves[direction], p->x.len);
	return CONN_PASS;
}

enum conn_answer update_dry(struct conn *c, unsigned direction, const struct packet *p,
			    uint16_t *reason)
{
	struct tcp_segment seg;
	uint16_t refused;

	if (c->key.proto != PROTO_TCP)
		return CONN_PASS;
	if (!tcp_read(p, &seg))
		return refuse(reason, REASON_CONN_INVALID);
	if (tcp_flags_impossible(seg.flags))
		return refuse(reason, REASON_CONN_STATE);
	/* A SYN or RST moves numbers, which a trace must not: it is told that it would be looked at. */
	if (seg.flags & (TCP_SYN | TCP_RST))
		return CONN_PASS;
	refused = tcp_check(c, direction, &seg);
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
	unsigned direction = ref.generation & 1;
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
		return update_dry(c, direction, p, reason);
	if (is_other_question(c, p))
		return CONN_AGAIN;
	return update_conn(t, w, c, direction, p, arg, reason);
}
