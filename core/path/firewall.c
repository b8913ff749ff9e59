/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firewall.c - between the chain and the connection tracker: packets are asked about, extensions
 * with "xvs.conn/1" authorise and are told.
 *
 * A firewall's slot in a connection is the same as long as it lives, whoever comes and goes beside
 * it in the chain.
 */
#include "base/clock.h"
#include "path/tracing.h"
#include "path/walk.h"

struct firewall_context {
	struct path_worker *worker;
	const struct port_conf *conf; /* NULL in sweeps: found by the connection's port */
	uint32_t stage;
	bool is_charged; /* to the budget of who sent it, as its flow is new */
};

enum flow_conn firewall_kind(const struct packet *p)
{
	bool is_icmp = (p->x.flags & XVS_PKT_IPV4 && p->x.l4_proto == 1) ||
		       (p->x.flags & XVS_PKT_IPV6 && p->x.l4_proto == 58);

	/* an echo's id is not in the key, and an error's inner packet is not either */
	return is_icmp || (p->x.flags & XVS_PKT_FRAG) ? FLOW_CONN_INSIDE : FLOW_CONN_TRACK;
}

static void note_connection(const struct firewall_context *ctx, enum conn_answer answer,
			    const struct conn_result *r)
{
	const struct chain *chain =
		ctx->stage == XVS_STAGE_EGRESS ? &ctx->conf->egress : &ctx->conf->ingress;
	const struct trace_event e = {
		.kind = TRACE_CONNECTION,
		.stage = (uint8_t)ctx->stage,
		.action = (uint8_t)answer,
		.place = (uint16_t)chain->conn_place,
		.port = ctx->conf->port->id,
		.instance = r->decision.instance,
		.reason = answer == CONN_DENIED ? r->decision.reason : r->reason,
		.count = r->is_new,
	};

	(void)trace_add(ctx->worker, &e);
}

enum conn_answer walk_ask_conn(struct walk *k, struct conn_result *r)
{
	struct path_worker *w = k->worker;
	struct firewall_context ctx = { w, k->conf, k->stage, k->is_charged };
	enum conn_answer answer = conn_judge(w->path->conns, &w->w, k->conf->port->id,
					     k->stage == XVS_STAGE_EGRESS, k->packet, &ctx, r);

	if (w->trace)
		note_connection(&ctx, answer, r);
	return answer;
}

/*
 * A packet that the tracker looks inside; 'ahead': where it has looked already.  Of one that came by a
 * common entry its connection is what is new to its sender's budget.
 */
static enum conn_answer ask_inside(struct burst *b, uint32_t i, const struct conn_ahead *ahead,
				   struct conn_result *r)
{
	struct path_worker *w = b->worker;
	const struct flow_entry *e = b->entries[i];
	bool is_charged = !e->is_common || b->fresh >> i & 1; /* its flow was judged just now */
	struct firewall_context ctx = { w, b->conf, b->stage, is_charged };
	enum conn_answer answer;

	if (w->trace || !ahead)
		answer = conn_judge(w->path->conns, &w->w, b->conf->port->id,
				    b->stage == XVS_STAGE_EGRESS, b->pkts[i], &ctx, r);
	else
		answer = conn_judge_ahead(w->path->conns, &w->w, ahead, i, &ctx, r);
	if (w->trace)
		note_connection(&ctx, answer, r);
	if (r->goes_on && e->is_common)
		own_want(w, e->key.k.port, b->pkts[i]);
	return answer;
}

/* What its sender opens at several ports on its way is one to him: the first. */
static bool firewall_may_open(void *arg, const struct packet *p)
{
	const struct firewall_context *ctx = arg;
	const struct path_port *port = path_port_of(ctx->worker->path, p->x.port_in);
	struct port_conf *in = port ? rcu_read(&port->conf) : NULL;

	if (ctx->is_charged || !in)
		return true;
	in = conf_of_entry(in);
	if (ctx->stage == XVS_STAGE_EGRESS && in->ingress.conn_place < CHAIN_MAX)
		return true;
	return budget_admits(ctx->worker, in, &in->port->new_flows);
}

/* ---- packets ------------------------------------------------------------------------------------ */

/* Where it goes on if it is held; nobody else has this line in the cache. */
static void note_place(const struct burst *b, uint32_t place, struct packet *p)
{
	p->stage = b->stage;
	p->place = (uint16_t)place;
	p->port_out = b->conf->port->id;
	p->epoch = b->conf->serial;
}

static void conn_inside(struct burst *b, uint32_t place, uint32_t i, const struct conn_ahead *ahead)
{
	struct packet *p = b->pkts[i];
	struct conn_result r = { .reason = REASON_NONE };

	if (p->x.flags & (XVS_PKT_FRAG | XVS_PKT_LATER))
		note_place(b, place, p);
	switch (ask_inside(b, i, ahead, &r)) {
	case CONN_PASS:
		/* the packet that the entry was made for may have been refused, and told of nobody */
		b->teaching |= (uint64_t)r.is_new << i;
		return;
	case CONN_LOOSE:
	case CONN_INSIDE:
		return;
	case CONN_HELD:
		/* counted anew where it goes on; the tracker has it now, but its facts stay */
		account_missed(b, i, place);
		atomic_fetch_add_explicit(&b->worker->path->fragments_held, 1,
					  memory_order_relaxed);
		b->live &= ~(UINT64_C(1) << i);
		return;
	case CONN_DENIED:
		if (r.decision.action == XVS_CONN_REJECT)
			reject_answer(b, i);
		count_drop(b->worker, r.decision.instance);
		burst_lose(b, i, place, r.decision.instance, r.decision.reason);
		return;
	default:
		burst_lose(b, i, place, 0, r.reason ? r.reason : REASON_CONN_INVALID);
	}
}

static enum conn_answer update(struct burst *b, uint32_t i, uint16_t *reason)
{
	struct path_worker *w = b->worker;
	struct firewall_context ctx = { w, b->conf, b->stage, true };

	return conn_update(w->path->conns, &w->w, leg_conn(b->legs[i]), b->pkts[i], &ctx, reason);
}

/*
 * The connection has gone or is to be authorised anew, so the verdict is out of date.  The first
 * packet to find that out is judged from here; those behind it in the burst find its verdict.
 */
static bool relook(struct burst *b, uint32_t place, uint32_t i)
{
	struct flow_entry *old = b->entries[i];
	bool was_retired = old->is_retired;

	account_missed(b, i, place);
	flow_retire(b->worker->cache, old);
	b->has_relooked = true;
	return was_retired ? packet_lookup(b, i, place) : packet_judge(b, i, place);
}

static void conn_tracked(struct burst *b, uint32_t place, uint32_t i)
{
	uint16_t reason = REASON_CONN_STATE;
	enum conn_answer answer = update(b, i, &reason);

	for (int rounds = 0; answer == CONN_AGAIN && rounds < 3; rounds++) {
		if (!relook(b, place, i))
			return;
		if (b->entries[i]->is_common && b->legs[i]->conn_place == place) {
			conn_inside(b, place, i, NULL);
			return;
		}
		if (b->fresh >> i & 1 || b->legs[i]->conn_kind != FLOW_CONN_TRACK)
			return;
		answer = update(b, i, &reason);
	}
	if (answer != CONN_PASS)
		burst_lose(b, i, place, 0, reason);
}

/* Those that are left for conn_update(), from the first that is. */
static inline uint64_t run_of(const struct burst *b, struct conn_run *r, uint64_t tracked)
{
	struct path_worker *w = b->worker;

	return w->trace || !tracked ? tracked : conn_run(w->path->conns, &w->w, r, tracked);
}

static __attribute__((noinline)) void look_inside(struct burst *b, uint64_t inside)
{
	struct conn_ahead *a = &b->worker->ahead;

	a->port = b->conf->port->id;
	a->inbound = b->stage == XVS_STAGE_EGRESS;
	a->pkts = b->pkts;
	conn_look_ahead(b->worker->path->conns, a, inside);
}

/* Of those that the tracker looks inside, in order, what is more than a next packet of a connection. */
static uint64_t run_inside(struct burst *b, uint64_t inside)
{
	struct path_worker *w = b->worker;
	struct firewall_context ctx = { w, b->conf, b->stage, true };
	uint64_t left;

	if (w->trace || !inside)
		return inside;
	left = conn_run_known(w->path->conns, &w->w, &w->ahead, inside, &ctx);
	for (XVS_EACH(i, w->ahead.going)) {
		if (b->entries[i]->is_common)
			own_want(w, b->entries[i]->key.k.port, b->pkts[i]);
	}
	return left;
}

/*
 * In order, as what one packet changes the next may meet: plain ones of connections in runs, and
 * one by one those that end a run.  The tracker has seen the fresh.
 */
void burst_conn(struct burst *b, uint32_t place, struct conn_run *r, uint64_t tracked,
		uint64_t inside)
{
	tracked &= ~b->fresh;
	r->port = b->conf->port->id;
	r->pkts = b->pkts;
	if (inside)
		look_inside(b, inside);
	while (tracked | inside) {
		uint64_t ahead = (inside & -inside) - 1; /* all, if there is none inside */
		uint64_t first;

		tracked = (tracked & ~ahead) | run_of(b, r, tracked & ahead);
		ahead = (tracked & -tracked) - 1;
		inside = (inside & ~ahead) | run_inside(b, inside & ahead);
		first = (tracked | inside) & -(tracked | inside);
		if (first & inside)
			conn_inside(b, place, (uint32_t)__builtin_ctzll(first), &b->worker->ahead);
		else if (first)
			conn_tracked(b, place, (uint32_t)__builtin_ctzll(first));
		tracked &= ~first;
		inside &= ~first;
	}
	b->paired |= r->paired;
}

/* ---- what the tracker asks and tells --------------------------------------------------------------- */

static void decide(struct conn_decision *out, const struct instance *inst, uint32_t slot,
		   const struct xvs_conn_verdict *v)
{
	if (v->action != XVS_CONN_ALLOW) {
		/* an action that this host does not know is a demand: refuse rather than let pass */
		out->action = v->action == XVS_CONN_REJECT ? XVS_CONN_REJECT : XVS_CONN_DENY;
		out->reason = v->reason;
		out->instance = inst->nr;
	}
	if (v->idle_ms && (!out->idle_ms || v->idle_ms < out->idle_ms))
		out->idle_ms = v->idle_ms;
	if (v->report_ms && (!out->report_ms || v->report_ms < out->report_ms))
		out->report_ms = v->report_ms;
	if (v->mark)
		out->mark = v->mark;
	if (v->log && slot < CONN_SLOTS)
		out->log = (uint16_t)(out->log | 1u << slot);
}

static void note_decision(const struct firewall_context *ctx, const struct instance *inst,
			  const struct xvs_batch *batch, const struct xvs_conn_verdict *v)
{
	const struct chain *chain =
		ctx->stage == XVS_STAGE_EGRESS ? &ctx->conf->egress : &ctx->conf->ingress;
	const struct trace_event e = {
		.kind = TRACE_AUTHORISED,
		.stage = (uint8_t)ctx->stage,
		.action = (uint8_t)v->action,
		.place = (uint16_t)chain->conn_place,
		.port = batch->port,
		.instance = inst->nr,
		.reason = v->reason,
	};

	trace_explain(ctx->worker, inst, batch, trace_add(ctx->worker, &e));
}

/* NULL: it keeps nothing with connections. */
static uint64_t *slot_of(const struct chain_place *at, uint64_t slots[CONN_SLOTS])
{
	return at->conn_slot < CONN_SLOTS ? &slots[at->conn_slot] : NULL;
}

/*
 * Looking at the clock twice costs as much as many an answer.  So after the first ones, of which few may
 * be all, one question in so many is timed, and counts for all of them.  0: not this one.
 */
static uint32_t times_counted(const struct instance_worker *iw)
{
	enum { FIRST = 64, ONE_IN = 16 };
	uint64_t judged = iw->cost.judged;

	if (judged < FIRST)
		return 1;
	return judged % ONE_IN ? 0 : ONE_IN;
}

static void authorise_one(const struct firewall_context *ctx, const struct chain_place *at,
			  struct xvs_packet *pkt, struct xvs_conn *view, struct conn_decision *out)
{
	struct path_worker *w = ctx->worker;
	struct instance *inst = at->instance;
	struct instance_worker *iw = &inst->workers[w->w.nr];
	struct xvs_conn_verdict v = { .size = sizeof(v) };
	uint16_t reason = 0;
	/* all of it: what is left out would be zeroed by a string instruction, before it is filled in */
	struct xvs_batch batch = {
		.live = 1,
		.stolen = 0,
		.settled = 0,
		.pkts = &pkt,
		.reason = &reason,
		.dest = NULL,
		.cookie = NULL,
		.counters = w->trace ? trace_counters(w, inst) : iw->counters,
		.port_state = at->port_state,
		.worker_state = iw->state,
		.now_ns = w->w.now_ns,
		.port = ctx->conf->port->id,
		.stage = (uint16_t)ctx->stage,
		.count = 1,
		.steals_left = 0,
		.reserved = 0,
	};
	uint32_t times = times_counted(iw);
	/* a little early where nobody looks at the clock: the watch over callbacks has time */
	uint64_t start = times ? clock_cycles() : w->cycles_until;

	w->inside = inst;
	__atomic_store_n(&iw->callback_since_cycles, start | 1, __ATOMIC_RELAXED);
	inst->conn.authorise(inst->self, &batch, 0, view, &v);
	__atomic_store_n(&iw->callback_since_cycles, 0, __ATOMIC_RELAXED);
	w->inside = NULL;
	if (w->trace) {
		note_decision(ctx, inst, &batch, &v);
	} else {
		counter_add(&iw->cost.judged, 1);
		if (times)
			counter_add(&iw->cost.judge_cycles, (clock_cycles() - start) * times);
	}
	decide(out, inst, at->conn_slot, &v);
}

static void firewall_authorise(void *arg, const struct packet *p, struct xvs_conn *view,
			       uint64_t slots[CONN_SLOTS], struct conn_decision *out)
{
	const struct firewall_context *ctx = arg;
	const struct chain *chain = &ctx->conf->ingress;
	struct xvs_packet *pkt = (struct xvs_packet *)(uintptr_t)&p->x;

	for (uint32_t i = 0; i < chain->count; i++) {
		if (!chain_place_has_conn(&chain->places[i]))
			continue;
		view->slot = slot_of(&chain->places[i], slots);
		authorise_one(ctx, &chain->places[i], pkt, view, out);
		if (out->action != XVS_CONN_ALLOW)
			return;
	}
}

static void tell_one(struct path_worker *w, const struct chain_place *at, struct xvs_conn *view,
		     uint16_t cause)
{
	struct instance *inst = at->instance;
	struct instance_worker *iw = &inst->workers[w->w.nr];
	struct xvs_conn_event e = {
		.size = sizeof(e),
		.cause = cause,
		.conn = view,
		.now_ns = w->w.now_ns,
		.counters = iw->counters,
		.port_state = at->port_state,
		.worker_state = iw->state,
	};

	if (!inst->conn.event)
		return;
	w->inside = inst;
	inst->conn.event(inst->self, &e);
	w->inside = NULL;
}

static void firewall_event(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS],
			   uint16_t log, uint16_t cause)
{
	const struct firewall_context *ctx = arg;
	struct path_port *port = path_port_of(ctx->worker->path, view->port);
	const struct chain *chain;

	if (!port)
		return;
	chain = &rcu_read(&port->conf)->ingress;
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct chain_place *at = &chain->places[i];

		if (!chain_place_has_conn(at) || !(log >> at->conn_slot & 1))
			continue;
		view->slot = slot_of(at, slots);
		tell_one(ctx->worker, at, view, cause);
	}
}

static void firewall_resume(void *arg, struct packet *p)
{
	const struct firewall_context *ctx = arg;

	struct way_on on = { .stage = p->stage,
			     .port = p->port_out,
			     .serial = p->epoch,
			     .place = p->place | (uint32_t)PLACE_BEHIND_CONN };

	atomic_fetch_sub_explicit(&ctx->worker->path->fragments_held, 1, memory_order_relaxed);
	(void)later_put(ctx->worker, p, &on);
}

static void firewall_drop(void *arg, struct packet *p, uint32_t port, uint16_t reason)
{
	const struct firewall_context *ctx = arg;

	atomic_fetch_sub_explicit(&ctx->worker->path->fragments_held, 1, memory_order_relaxed);
	packet_drop(ctx->worker, p, port, p->stage, 0, reason);
}

void firewall_env(struct conn_env *env)
{
	*env = (struct conn_env){
		.authorise = firewall_authorise,
		.event = firewall_event,
		.resume = firewall_resume,
		.drop = firewall_drop,
		.may_open = firewall_may_open,
		.changed = epoch_told,
	};
}

void firewall_sweep(struct path_worker *w)
{
	struct firewall_context ctx = { w, NULL, XVS_STAGE_INGRESS, true };

	conn_sweep(w->path->conns, &w->w, &ctx);
}
