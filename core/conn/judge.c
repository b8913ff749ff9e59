/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/judge.c - a packet whose flow is not known: to which connection it belongs, or whether it
 * may open one.
 *
 * Firewalls are asked with the connection findable but its bit held and its epoch 0.  So a second
 * worker with a packet of the same connection finds it, waits, and never asks a second time.
 */
#include "conn/judge.h"

#include "conn/ahead.h"
#include "conn/denied.h"
#include "conn/evict.h"
#include "conn/fragment.h"
#include "conn/sctp.h"

enum { ROUNDS = 4 }; /* a connection that keeps ending under our hands is not worth more */

/* ---- connections that exist ---------------------------------------------------------------- */

bool judge_is_fresh(const struct visit *v, struct conn *c)
{
	return atomic_load_explicit(&c->epoch, memory_order_acquire) == v->epoch;
}

/* Of an earlier life of the port: opened by a worker while the port was being closed. */
static bool is_left_over(const struct visit *v, struct conn *c)
{
	uint32_t epoch = atomic_load_explicit(&c->epoch, memory_order_acquire);
	uint32_t opened = atomic_load_explicit(&v->port->opened, memory_order_relaxed);

	return epoch && (int32_t)(epoch - opened) < 0;
}

static bool is_overdue(const struct visit *v, struct conn *c)
{
	uint64_t idle = conn_idle_stamps(c, stamp_of(v->w->now_ns));

	return idle << STAMP_SHIFT >= conn_timeout_ms(v->t, c) * NS_PER_MS;
}

/* XVS_CONN_...: why it is to end; 0: it lives. */
static uint16_t cause_to_end(const struct visit *v, struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	if (word & WORD_FLUSHED)
		return XVS_CONN_EVICTED;
	if (is_left_over(v, c))
		return XVS_CONN_MOVED;
	if (is_overdue(v, c))
		return (word & WORD_STATE) == STATE_TIME_WAIT ? XVS_CONN_FIN : XVS_CONN_IDLE;
	return 0;
}

struct conn *judge_find(struct visit *v, uint32_t bucket, const struct conn_key *key)
{
	for (;;) {
		struct conn *c;
		uint16_t cause;

		v->head = table_head(v->t, bucket);
		c = table_walk(v->t, v->head, key);
		if (!c || !cause_to_end(v, c))
			return c;
		if (v->is_dry)
			return NULL;
		if (!conn_lock(c))
			continue;
		cause = cause_to_end(v, c);
		if (!cause) {
			conn_unlock(c);
			return c;
		}
		/* Whose port has gone has nobody left to be told. */
		conn_end(v->t, v->w, c, cause == XVS_CONN_MOVED ? 0 : cause, v->arg);
	}
}

/* ---- asking -------------------------------------------------------------------------------- */

static void ask(struct visit *v, struct conn *c, uint64_t slots[CONN_SLOTS])
{
	struct conn_decision *decision = &v->out->decision;
	struct xvs_conn view;

	memset(decision, 0, sizeof(*decision));
	conn_view(c, &view);
	v->t->env.authorise(v->arg, v->p, &view, slots, decision);
}

static void remember_denial(struct visit *v, const struct conn *c)
{
	const struct conn_decision *decision = &v->out->decision;
	struct denial denial = { .key = c->key,
				 .action = decision->action,
				 .reason = decision->reason,
				 .instance = decision->instance,
				 .inbound = c->inbound,
				 .epoch = v->epoch,
				 .until_ns = v->w->now_ns + (uint64_t)DENIED_MS * NS_PER_MS,
				 .id = c->id };

	denied_add(rcu_read(&v->port->denied), &denial);
}

static void apply_decision(struct visit *v, struct conn *c)
{
	const struct conn_decision *decision = &v->out->decision;

	atomic_store_explicit(&c->mark, decision->mark, memory_order_relaxed);
	atomic_store_explicit(&c->idle_ms, decision->idle_ms, memory_order_relaxed);
	c->report_ms = decision->report_ms;
	c->log = decision->log;
	/* Release: who sees that it was authorised sees with what. */
	atomic_store_explicit(&c->epoch, v->epoch, memory_order_release);
}

/*
 * With the bit; denied: the connection has ended, and the bit with it.  Those who asked to be told
 * are told of that, also where it is one that never began.
 */
static bool ask_or_end(struct visit *v, struct conn *c)
{
	ask(v, c, c->slots);
	if (v->out->decision.action == XVS_CONN_ALLOW) {
		apply_decision(v, c);
		return true;
	}
	remember_denial(v, c);
	c->log |= v->out->decision.log;
	conn_end(v->t, v->w, c, XVS_CONN_DENIED, v->arg);
	return false;
}

/* A trace asks with a copy of what firewalls keep, and leaves the connection alone. */
static enum conn_answer ask_dry(struct visit *v, struct conn *c)
{
	uint64_t slots[CONN_SLOTS];

	memcpy(slots, c->slots, sizeof(slots));
	ask(v, c, slots);
	return v->out->decision.action == XVS_CONN_ALLOW ? CONN_PASS : CONN_DENIED;
}

static enum conn_answer renew(struct visit *v, struct conn *c)
{
	if (judge_is_fresh(v, c))
		return CONN_PASS;
	if (!conn_lock(c))
		return CONN_AGAIN;
	if (v->is_dry) {
		enum conn_answer answer = judge_is_fresh(v, c) ? CONN_PASS : ask_dry(v, c);

		conn_unlock(c);
		return answer;
	}
	if (!judge_is_fresh(v, c) && !ask_or_end(v, c))
		return CONN_DENIED;
	conn_touch(v->t, c);
	conn_unlock(c);
	return CONN_PASS;
}

static enum conn_answer judge_known(struct visit *v, struct conn *c)
{
	struct passage m = { v->t, v->w, c, conn_direction(c, v->inbound), v->p, v->arg };
	struct conn_ref ref = conn_ref_of(v->t, c, m.direction);
	enum conn_answer answer;

	if (conn_state(c) == STATE_NONE)
		return CONN_AGAIN;
	answer = renew(v, c);
	if (answer != CONN_PASS)
		return answer;
	if (v->is_dry)
		return update_dry(&m, &v->out->reason);
	answer = update_conn(&m, &v->out->reason);
	if (answer == CONN_PASS) {
		v->out->goes_on = judge_goes_on(c, m.direction);
		v->out->ref = ref;
		v->out->decision.mark = atomic_load_explicit(&c->mark, memory_order_relaxed);
	}
	return answer;
}

/* ---- new ones ------------------------------------------------------------------------------ */

static enum conn_answer answer_denial(struct visit *v, const struct denial *denial)
{
	v->out->decision = (struct conn_decision){ .action = denial->action,
						   .reason = denial->reason,
						   .instance = denial->instance };
	v->out->goes_on = true;
	return CONN_DENIED;
}

/*
 * After a start without saved state, who was in the middle of a conversation may go on.  Of a port that came
 * with its connections, what it did not bring was denied, or has ended.
 */
static bool midstream_allowed(const struct visit *v)
{
	uint64_t now = v->w->now_ns;
	uint64_t age = now > v->t->created_ns ? now - v->t->created_ns : 0;

	if (atomic_load_explicit(&v->port->has_moved, memory_order_relaxed))
		return false;

	return age < (uint64_t)atomic_load_explicit(&v->port->midstream_ms, memory_order_relaxed) *
			     NS_PER_MS;
}

/* What a first packet says, by its protocol. */
struct opening {
	struct tcp_segment seg;
	struct sctp_packet sctp;
};

/* REASON_NONE: the packet may open a connection. */
static uint16_t refuse_sctp(const struct visit *v, struct sctp_packet *sctp)
{
	if (!sctp_read(v->p, sctp))
		return REASON_CONN_INVALID;
	return sctp_opens(sctp) || midstream_allowed(v) ? REASON_NONE : REASON_CONN_MIDSTREAM;
}

static uint16_t refuse_tcp(const struct visit *v, struct tcp_segment *seg)
{
	if (!tcp_read(v->p, seg))
		return REASON_CONN_INVALID;
	if (tcp_flags_impossible(seg->flags))
		return REASON_CONN_STATE;
	if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return REASON_NONE;
	if (seg->flags & (TCP_SYN | TCP_FIN | TCP_RST) || !midstream_allowed(v))
		return REASON_CONN_MIDSTREAM;
	return REASON_NONE;
}

static uint16_t refuse_to_open(const struct visit *v, uint8_t proto, struct opening *o)
{
	if (proto == PROTO_TCP)
		return refuse_tcp(v, &o->seg);
	return proto == PROTO_SCTP ? refuse_sctp(v, &o->sctp) : REASON_NONE;
}

/* Under the bit, once it is allowed: its numbers begin. */
static void seat(struct visit *v, struct conn *c, const struct opening *o)
{
	if (c->key.proto == PROTO_TCP) {
		tcp_seat(c, 0, &o->seg);
		if (!(o->seg.flags & TCP_SYN))
			conn_set_state(v->t, c, STATE_ESTABLISHED);
	} else if (c->key.proto == PROTO_SCTP) {
		conn_set_state(v->t, c, sctp_seat(c, &o->sctp));
	}
}

static void fill(struct visit *v, struct conn *c, const struct conn_key *key)
{
	struct stock *s = &v->t->stocks[v->w->nr];
	uint32_t now = stamp_of(v->w->now_ns);

	c->key = *key;
	c->inbound = v->inbound;
	/* Numbers of different workers never meet. */
	c->id = s->ids++ * v->t->workers + v->w->nr + 1;
	c->begin_ns = v->w->now_ns;
	c->halves[0].reported = now;
	/* it is in no chain yet, so nobody else can have this direction */
	atomic_store_explicit(&c->halves[0].owner, (uint16_t)(v->w->nr + 1), memory_order_relaxed);
	atomic_store_explicit(&c->halves[0].seen, now, memory_order_relaxed);
	atomic_store_explicit(&c->halves[1].seen, now, memory_order_relaxed);
	atomic_store_explicit(&c->epoch, 0, memory_order_relaxed);
}

/* One of the key, with its bit held; NULL: *answer says why not. */
static struct conn *claim(struct visit *v, const struct conn_key *key, enum conn_answer *answer)
{
	enum conn_state state = proto_has_handshake(key->proto) ? STATE_SYN_SENT : STATE_NEW;
	uint32_t group;
	struct conn *c;

	*answer = CONN_DROP;
	v->out->reason = REASON_NEW_FLOWS;
	if (v->t->env.may_open && !v->t->env.may_open(v->arg, v->p))
		return NULL;
	v->out->reason = REASON_CONN_LIMIT;
	if (!evict_reserve(v->t, v->w, v->port, v->arg, &group))
		return NULL;
	c = slab_take(v->t, v->w);
	if (!c) {
		evict_release(v->t, v->port, group);
		evict_any(v->t, v->w, v->port, v->arg); /* for the next who comes */
		return NULL;
	}
	fill(v, c, key);
	c->halves[1].reported = group;
	atomic_store_explicit(&c->word, (uint32_t)state | WORD_LOCK, memory_order_release);
	if (table_link(v->t, v->bucket, c, v->head) != c) {
		atomic_store_explicit(&c->word, STATE_NONE, memory_order_release);
		slab_bury(v->t, c);
		evict_release(v->t, v->port, group);
		*answer = CONN_AGAIN;
		return NULL;
	}
	v->out->reason = REASON_NONE;
	return c;
}

static void tell_begin(struct visit *v, struct conn *c)
{
	struct xvs_conn view;

	if (!c->log)
		return;
	conn_view(c, &view);
	v->t->env.event(v->arg, &view, c->slots, c->log, 0);
}

static enum conn_answer judge_open(struct visit *v, const struct conn_key *key,
				   const struct opening *opening)
{
	enum conn_answer answer;
	struct conn *c = claim(v, key, &answer);
	struct conn_ref ref;
	enum conn_state state;

	if (!c)
		return answer;
	ref = conn_ref_of(v->t, c, 0);
	if (!ask_or_end(v, c))
		return CONN_DENIED;
	seat(v, c, opening);
	conn_account(v->w, &c->halves[0], v->p->x.len);
	tell_begin(v, c);
	conn_touch(v->t, c);
	state = conn_state(c);
	conn_unlock(c);
	if (state_is_half_open(state))
		evict_note_half_open(v->t, v->w, v->port, ref, v->arg);
	v->out->ref = ref;
	v->out->is_new = true;
	return CONN_PASS;
}

/* A connection on the stack that nobody else sees. */
static enum conn_answer judge_open_dry(struct visit *v, const struct conn_key *key)
{
	struct conn c = { .key = *key, .inbound = v->inbound, .begin_ns = v->w->now_ns };

	v->out->is_new = true;
	return ask_dry(v, &c);
}

static enum conn_answer judge_unknown(struct visit *v, const struct tuple *tuple)
{
	struct opening opening;
	struct denial denial;
	uint16_t refused;

	/* a trace is to hear who denies it, and by which rule */
	if (!v->is_dry && denied_find(rcu_read(&v->port->denied), &tuple->key, v->inbound, v->epoch,
				      v->w->now_ns, &denial))
		return answer_denial(v, &denial);
	if (tuple->is_answer)
		return visit_drop(v, REASON_CONN_STATE);
	refused = refuse_to_open(v, tuple->key.proto, &opening);
	if (refused)
		return visit_drop(v, refused);
	if (v->is_dry)
		return judge_open_dry(v, &tuple->key);
	return judge_open(v, &tuple->key, &opening);
}

static enum conn_answer judge_tracked(struct visit *v, const struct tuple *tuple)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct conn *c = judge_find(v, v->bucket, &tuple->key);
		enum conn_answer answer = c ? judge_known(v, c) : judge_unknown(v, tuple);

		if (answer != CONN_AGAIN)
			return answer;
	}
	return visit_drop(v, REASON_CONN_STATE);
}

enum conn_answer judge_whole(struct visit *v)
{
	struct tuple tuple;
	const struct tuple *t = &tuple;
	enum tuple_kind kind;

	if (v->ahead) {
		t = ahead_tuple(v->ahead, v->nr, &kind, &v->bucket);
	} else {
		kind = tuple_read(v->p, v->port_id, v->inbound, &tuple);
		v->bucket = kind == TUPLE_TRACKED ? table_bucket(v->t, &tuple.key) : 0;
	}
	switch (kind) {
	case TUPLE_TRACKED:
		return judge_tracked(v, t);
	case TUPLE_ERROR:
		return icmp_judge_error(v);
	case TUPLE_LOOSE:
		return CONN_LOOSE;
	case TUPLE_INVALID:
	default:
		return visit_drop(v, REASON_CONN_INVALID);
	}
}

static bool is_fragment(const struct packet *p)
{
	return p->x.flags & (XVS_PKT_FRAG | XVS_PKT_LATER) && !(p->x.flags & XVS_PKT_BAD) &&
	       p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6);
}

/* The rest is filled in; 'fragment': it is one. */
static enum conn_answer visit_begin(struct visit *v, bool fragment)
{
	v->port = &v->t->ports[v->port_id];
	v->is_dry = v->p->x.flags & XVS_PKT_DRY;
	memset(v->out, 0, sizeof(*v->out));
	v->epoch = atomic_load_explicit(&v->port->epoch, memory_order_acquire);
	if (atomic_load_explicit(&v->port->opened, memory_order_acquire) == 0)
		return visit_drop(v, REASON_SHUTDOWN);
	return fragment ? fragment_judge(v) : judge_whole(v);
}

/* NOLINTNEXTLINE(readability-function-size): seven things make a question; 'visit' begins here. */
enum conn_answer conn_judge(struct conn_table *t, struct worker *w, uint32_t port, bool inbound,
			    struct packet *p, void *arg, struct conn_result *out)
{
	struct visit v = {
		.t = t, .w = w, .port_id = port, .inbound = inbound, .p = p, .arg = arg, .out = out
	};

	return visit_begin(&v, is_fragment(p));
}

enum conn_answer conn_judge_ahead(struct conn_table *t, struct worker *w,
				  const struct conn_ahead *a, uint32_t i, void *arg,
				  struct conn_result *out)
{
	struct packet *p = a->pkts[i];
	struct visit v = { .t = t,
			   .w = w,
			   .port_id = a->port,
			   .inbound = a->inbound,
			   .ahead = a->known >> i & 1 ? a : NULL,
			   .nr = i,
			   .p = p,
			   .arg = arg,
			   .out = out };

	return visit_begin(&v, !v.ahead && is_fragment(p));
}
