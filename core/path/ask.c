/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.c - one question of the walk: an extension's verdict on a flow, checked and noted as a step.
 *
 * What an extension may not say is not done: an inspector cannot drop, nobody without the right
 * rewrites, an action that this host does not know drops the flow (a demand is never ignored).
 */
#include <string.h>

#include "base/clock.h"
#include "path/destset.h"
#include "path/tracing.h"
#include "path/walk.h"

/* Bits of 'bits' that a verdict may rewrite: push and pop of the outer tag. */
enum { REWRITABLE_BITS = XVS_KEY_VLAN | XVS_KEY_SVLAN };

static bool key_is_zero(const struct xvs_flow_key *k)
{
	const flow_word *w = (const flow_word *)(const void *)k;
	uint64_t any = 0;

	for (unsigned i = 0; i < sizeof(*k) / 8; i++)
		any |= w[i];
	return any == 0;
}

static struct flow_step *old_step(const struct flow_leg *leg, const struct instance *inst)
{
	struct flow_step *s = leg ? leg->steps : NULL;

	/* a note is no verdict: who was asked about a connection alone has not judged the flow */
	while (s && (s->instance != inst || s->is_note))
		s = s->next;
	return s;
}

static struct flow_step *step_add(struct walk *k, struct flow_leg *leg,
				  const struct chain_place *at, uint32_t place)
{
	struct flow_step *s = flow_step_new(k->worker->cache);
	struct flow_step **end = &leg->steps;

	if (!s) {
		k->is_cacheable = false;
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = s;
	s->place = (uint16_t)place;
	s->stage = (uint16_t)k->stage;
	s->accounted_ns = k->worker->w.now_ns;
	if (at) {
		s->instance = at->instance;
		s->instance_nr = at->instance->nr;
		s->port_state = at->port_state;
	}
	return s;
}

static struct flow_step *note_add(struct walk *k, struct flow_leg *leg,
				  const struct chain_place *at, uint32_t place)
{
	struct flow_step *s = step_add(k, leg, at, place);

	if (s)
		s->is_note = 1;
	return s;
}

void walk_note_firewall(struct walk *k, struct flow_leg *leg, const struct chain_place *at,
			uint32_t place)
{
	if (!at->instance->has_flow)
		(void)note_add(k, leg, at, place);
}

void walk_note_l2(struct walk *k, struct flow_leg *leg)
{
	(void)note_add(k, leg, NULL, CHAIN_MAX);
}

void walk_note_set(struct walk *k, struct flow_leg *leg, uint32_t dest)
{
	struct flow_step *s = note_add(k, leg, NULL, CHAIN_MAX);

	if (!s)
		return;
	s->instance_nr = DESTSET_TELLER;
	s->tags = destset_tag(dest);
}

/* ---- rewriting -------------------------------------------------------------------------------- */

/* What can be rewritten depends on the protocol: a packet of another has no such field. */
static void examine_for_rewrite(struct walk *k, const struct xvs_flow_key *mask)
{
	const struct xvs_flow_key proto = { .ip_proto = UINT8_MAX };

	if (mask->l4_src || mask->l4_dst || mask->tcp_flags)
		walk_examine(k, &proto);
}

/* The walk's key, and a private copy of the packet, as they are behind this rewrite. */
static uint16_t walk_rewrite(struct walk *k, const struct xvs_flow_key *set,
			     const struct xvs_flow_key *mask)
{
	flow_word *gone = (flow_word *)(void *)&k->rewritten;
	const flow_word *bits = (const flow_word *)(const void *)mask;

	examine_for_rewrite(k, mask);
	if (!k->scratch)
		k->scratch = packet_clone(k->packet);
	if (!k->scratch || packet_rewrite(k->scratch, set, mask) != 0)
		return REASON_POOL;
	k->packet = k->scratch;
	for (unsigned i = 0; i < sizeof(*mask) / 8; i++)
		gone[i] |= bits[i];
	if (k->stage == XVS_STAGE_INGRESS && rewrite_is_tag(mask)) {
		if (!admit_tag(k->conf, k->scratch))
			return REASON_VLAN;
		k->key.segment = k->scratch->segment;
	}
	packet_key(k->scratch, k->conf->port->id, &k->key.k);
	return REASON_NONE;
}

/* REASON_NONE, or why the flow ends here: it must not go on as if nobody had rewritten it. */
static uint16_t step_rewrite(struct walk *k, struct flow_step *s, const struct xvs_flow_key *set,
			     const struct xvs_flow_key *mask)
{
	s->rewrite = flow_rewrite_new(k->worker->cache);
	if (!s->rewrite)
		return REASON_POOL;
	s->rewrite->set = *set;
	s->rewrite->mask = *mask;
	return walk_rewrite(k, set, mask);
}

/* ---- verdicts ----------------------------------------------------------------------------------- */

/* What this class and these rights do not allow is taken out of the verdict. */
static void verdict_restrict(const struct instance *inst, struct xvs_flow_verdict *v)
{
	bool may_rewrite = (inst->rights & XVS_RIGHT_REWRITE) &&
			   (inst->cls == XVS_FILTER || inst->cls == XVS_FORWARD);

	if (!may_rewrite)
		memset(&v->rewrite, 0, sizeof(v->rewrite));
	v->rewrite.port = 0;
	v->rewrite.vlan_inner = 0;
	v->rewrite.ethertype = 0;
	v->rewrite.bits &= REWRITABLE_BITS;
	v->examined.port = 0;
	/* more than the headers is payload */
	if (!(inst->rights & XVS_RIGHT_PAYLOAD) && v->watch_bytes > PACKET_PARSE)
		v->watch_bytes = PACKET_PARSE;
	if (inst->cls == XVS_INSPECT) {
		v->queue = 0;
		if (v->action == XVS_FLOW_DROP)
			v->action = XVS_FLOW_PASS;
	}
}

static void note_verdict(const struct walk *k, const struct chain_place *at,
			 const struct xvs_batch *batch, const struct xvs_flow_verdict *v)
{
	const struct chain *chain =
		k->stage == XVS_STAGE_EGRESS ? &k->conf->egress : &k->conf->ingress;
	const struct trace_event e = {
		.kind = TRACE_JUDGED,
		.stage = (uint8_t)batch->stage,
		.action = (uint8_t)v->action,
		.place = (uint16_t)(at - chain->places),
		.port = batch->port,
		.instance = at->instance->nr,
		.reason = v->reason,
		.dest = v->dest,
		.sample = v->sample,
		.key = v->set,
		.mask = v->rewrite,
	};

	trace_explain(k->worker, at->instance, batch, trace_add(k->worker, &e));
}

/* What it asked of the host meanwhile is part of its verdict. */
static void verdict_complete(struct asked *asked, struct xvs_flow_verdict *v)
{
	flow_word *set = (flow_word *)(void *)&v->set;
	flow_word *mask = (flow_word *)(void *)&v->rewrite;
	const flow_word *marks = (const flow_word *)(const void *)&asked->set;
	const flow_word *bits = (const flow_word *)(const void *)&asked->mask;

	for (unsigned i = 0; asked->is_marked && i < sizeof(v->set) / 8; i++) {
		set[i] = (set[i] & ~bits[i]) | (marks[i] & bits[i]);
		mask[i] |= bits[i];
	}
}

static void ask(struct walk *k, const struct chain_place *at, struct xvs_flow_verdict *v,
		struct asked *asked)
{
	struct path_worker *w = k->worker;
	struct instance *inst = at->instance;
	struct instance_worker *iw = &inst->workers[w->w.nr];
	struct xvs_packet *pkt = &k->packet->x;
	uint16_t reason = 0;
	uint32_t dest = k->dest;
	struct xvs_batch batch = {
		.live = 1,
		.pkts = &pkt,
		.reason = &reason,
		.counters = w->trace ? trace_counters(w, inst) : iw->counters,
		.dest = inst->cls == XVS_FORWARD ? &dest : NULL,
		.port_state = at->port_state,
		.worker_state = iw->state,
		.now_ns = w->w.now_ns,
		.port = k->conf->port->id,
		.count = 1,
		.stage = (uint16_t)(inst->cls == XVS_FORWARD ? XVS_STAGE_FORWARD : k->stage),
	};
	uint64_t start = clock_cycles();

	if (inst->remote) {
		park_ask(k, at, &batch, v);
		verdict_restrict(inst, v);
		return;
	}
	asked->examined = &v->examined;
	k->asked = asked;
	w->inside = inst;
	w->inside_walk = k;
	__atomic_store_n(&iw->callback_since_cycles, start, __ATOMIC_RELAXED);
	inst->flow.judge(inst->self, &batch, 0, &k->key.k, v);
	__atomic_store_n(&iw->callback_since_cycles, 0, __ATOMIC_RELAXED);
	w->inside = NULL;
	w->inside_walk = NULL;
	verdict_restrict(inst, v);
	verdict_complete(asked, v);
	if (w->trace) {
		note_verdict(k, at, &batch, v);
		return;
	}
	counter_add(&iw->cost.judged, 1);
	counter_add(&iw->cost.judge_cycles, clock_cycles() - start);
}

static void step_fill(struct flow_step *s, const struct xvs_flow_verdict *v)
{
	s->action = v->action;
	s->reason = v->reason;
	s->dest = v->dest;
	s->tags = v->tags;
	s->cookie = v->cookie;
	s->sample = v->sample;
	s->watch_tcp_flags = v->watch_tcp_flags;
	s->watch_bytes = v->watch_bytes;
	s->account_ms = v->account_ms;
	s->queue = v->queue;
}

static void entry_limits(struct walk *k, const struct xvs_flow_verdict *v)
{
	struct flow_entry *e = k->entry;

	if (v->idle_ms && (!e->idle_ms || v->idle_ms < e->idle_ms))
		e->idle_ms = v->idle_ms;
	if (v->max_ms)
		walk_expire(k, v->max_ms);
	if (v->account_ms && v->cookie)
		e->has_accounts = 1;
}

/* Does the rest of the chain see what it saw when the old verdict was given? */
static bool step_differs(const struct flow_step *old, const struct xvs_flow_verdict *v)
{
	bool had = old->rewrite != NULL;
	bool has = !key_is_zero(&v->rewrite);

	if (had != has || old->dest != v->dest)
		return true;
	return has && (memcmp(&old->rewrite->set, &v->set, sizeof(v->set)) != 0 ||
		       memcmp(&old->rewrite->mask, &v->rewrite, sizeof(v->rewrite)) != 0);
}

/* The old verdict of a step that no change concerns, without asking. */
static void verdict_keep(const struct flow_step *old, struct xvs_flow_verdict *v)
{
	v->action = old->action;
	v->reason = old->reason;
	v->dest = old->dest;
	v->tags = old->tags;
	v->cookie = old->cookie;
	v->sample = old->sample;
	v->watch_tcp_flags = old->watch_tcp_flags;
	v->watch_bytes = old->watch_bytes;
	v->account_ms = old->account_ms;
	v->queue = old->queue;
	if (old->rewrite) {
		v->set = old->rewrite->set;
		v->rewrite = old->rewrite->mask;
	}
}

/* True: it depends on where an address is. */
static bool verdict_get(struct walk *k, const struct flow_leg *old_leg,
			const struct chain_place *at, struct xvs_flow_verdict *v)
{
	struct flow_step *old = old_step(old_leg, at->instance);
	struct asked asked = { .is_marked = false };

	if (old && k->is_partial && !k->has_diverged &&
	    !step_is_concerned(k->old, old, &k->conf->sw->log, &k->rewritten)) {
		verdict_keep(old, v);
		old->cookie = 0;
		return old->asks_l2;
	}
	if (old) {
		/* the flow's history goes on in the new entry: it does not end with the old one */
		v->cookie = old->cookie;
		old->cookie = 0;
	}
	ask(k, at, v, &asked);
	walk_examine(k, &v->examined);
	if (old && step_differs(old, v))
		k->has_diverged = true;
	return asked.has_l2;
}

/* For lack of memory, or as its tag may not be here: this packet alone is dropped. */
static bool walk_fail(struct walk *k, struct flow_leg *leg, uint32_t place, uint16_t reason)
{
	k->is_cacheable = k->is_cacheable && reason == REASON_VLAN;
	leg_drop(leg, place, 0, reason);
	return false;
}

void walk_return_cookies(struct flow_leg *leg, const struct flow_leg *old_leg)
{
	for (struct flow_step *s = leg->steps; s; s = s->next) {
		struct flow_step *old = s->is_note ? NULL : old_step(old_leg, s->instance);

		if (!old)
			continue;
		old->cookie = s->cookie;
		s->cookie = 0;
	}
}

bool walk_ask(struct walk *k, struct flow_leg *leg, const struct flow_leg *old_leg,
	      const struct chain_place *at, uint32_t place)
{
	struct xvs_flow_verdict v = { .size = sizeof(v) };
	uint64_t bit = UINT64_C(1) << place;
	uint16_t reason = REASON_NONE;
	bool asks_l2 = verdict_get(k, old_leg, at, &v);
	struct flow_step *s = k->is_parked ? NULL : step_add(k, leg, at, place);

	if (k->is_parked)
		return false;
	if (!s)
		return walk_fail(k, leg, place, REASON_POOL);
	step_fill(s, &v);
	s->asks_l2 = asks_l2;
	entry_limits(k, &v);
	if (v.action > XVS_FLOW_WATCH || k->failure) {
		leg_drop(leg, place, 0, k->failure ? k->failure : REASON_EXTENSION_FAILED);
		return false;
	}
	if (v.action == XVS_FLOW_DROP) {
		leg_drop(leg, place, at->instance->nr, v.reason);
		return false;
	}
	if (v.action == XVS_FLOW_WATCH) {
		if (!leg->calls && v.sample > 1 && !v.watch_tcp_flags)
			leg->sample = v.sample;
		leg->calls |= bit;
		leg->events |= bit;
	}
	if (at->instance->cls == XVS_FORWARD)
		k->dest = v.dest;
	if (v.queue)
		leg->rewrites |= bit;
	if (!key_is_zero(&v.rewrite)) {
		reason = step_rewrite(k, s, &v.set, &v.rewrite);
		leg->rewrites |= bit;
	}
	leg->events |= leg->rewrites & bit;
	return reason == REASON_NONE || walk_fail(k, leg, place, reason);
}

/* ---- connections ---------------------------------------------------------------------------------- */

static const struct xvs_flow_key whole_tuple = {
	.ip_src = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		    255 },
	.ip_dst = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		    255 },
	.ip_proto = 255,
	.l4_src = UINT16_MAX,
	.l4_dst = UINT16_MAX,
};

/*
 * Where the other end opens the same connection meanwhile, these are its answers: who is denied must
 * not stay so for as long as he tries.
 */
enum { DENIED_MAX_MS = 1000 };

/* A denial is judged again when any of the firewalls that were asked changes its mind. */
static void note_firewalls(struct walk *k, struct flow_leg *leg, uint32_t first)
{
	const struct chain *chain =
		k->stage == XVS_STAGE_EGRESS ? &k->conf->egress : &k->conf->ingress;

	for (uint32_t place = first; place < chain->count; place++) {
		if (chain_place_has_conn(&chain->places[place]))
			(void)note_add(k, leg, &chain->places[place], place);
	}
}

/* Packets of many connections: all but their ports and addresses is the same. */
static bool is_common(const struct walk *k)
{
	const struct xvs_flow_key *gone = &k->rewritten;
	static const uint8_t none[16];

	return k->may_be_common && !gone->ip_proto && !gone->l4_src && !gone->l4_dst &&
	       memcmp(gone->ip_src, none, 16) == 0 && memcmp(gone->ip_dst, none, 16) == 0;
}

/* Asked when the packet gets there, each of them. */
static bool walk_conn_common(struct walk *k, struct flow_leg *leg, uint32_t place)
{
	static const struct xvs_flow_key proto = { .ip_proto = UINT8_MAX };

	walk_examine(k, &proto);
	k->entry->is_common = 1;
	leg->conn_place = (uint8_t)place;
	leg->conn_kind = FLOW_CONN_INSIDE;
	leg->events |= UINT64_C(1) << place;
	return true;
}

bool walk_conn(struct walk *k, struct flow_leg *leg, uint32_t place)
{
	struct conn_result r = { .reason = 0 };
	enum conn_answer answer;

	/* who was not asked yet on the way is asked first */
	if (is_common(k) || k->entry->is_common)
		return walk_conn_common(k, leg, place);
	/* consulting a connection makes the mask exact in the 5-tuple (architecture 16.1e) */
	walk_examine(k, &whole_tuple);
	leg->conn_place = (uint8_t)place;
	leg->conn_kind = (uint8_t)firewall_kind(k->packet);
	if (leg->conn_kind == FLOW_CONN_INSIDE) {
		leg->events |= UINT64_C(1) << place;
		return true; /* asked when the packet gets there */
	}
	leg->conn_kind = FLOW_CONN_NONE;
	answer = walk_ask_conn(k, &r);
	switch (answer) {
	case CONN_PASS:
		leg->conn_kind = FLOW_CONN_TRACK;
		leg->conn_index = r.ref.index;
		leg->conn_generation = r.ref.generation;
		leg->events |= UINT64_C(1) << place;
		return true;
	case CONN_DENIED:
		leg->reject = r.decision.action == XVS_CONN_REJECT;
		leg_drop(leg, place, r.decision.instance, r.decision.reason);
		walk_expire(k, DENIED_MAX_MS);
		note_firewalls(k, leg, place);
		return false;
	case CONN_LOOSE:
		return true;
	default:
		k->is_cacheable = false;
		leg_drop(leg, place, 0, r.reason ? r.reason : REASON_CONN_INVALID);
		return false;
	}
}
