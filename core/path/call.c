/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - an extension sees packets of one port: the batch is made, the call is timed, and what it
 * did is checked against its class and rights before it takes effect.
 */
#include "base/clock.h"
#include "path/tracing.h"
#include "path/walk.h"
#include "xvs/ext/sdk.h"

/* False: no memory, the packet was dropped; but an inspector sees what there is: it drops nothing. */
static bool make_readable(struct burst *b, uint32_t place, uint32_t i, uint32_t want)
{
	struct packet *p = b->pkts[i];
	bool is_inspect = b->chain->places[place].instance->cls == XVS_INSPECT;

	if (want > p->x.len)
		want = p->x.len;
	if (want <= p->x.linear || packet_pull(p, want) == 0 || is_inspect)
		return true;
	burst_lose(b, i, place, 0, REASON_POOL);
	return false;
}

/*
 * Cookies, samples and bytes of those that judged; returns those to be shown: of 'mask', unless
 * samples have been chosen already.
 */
static uint64_t select_watched(struct burst *b, uint32_t place, uint64_t mask, bool is_chosen)
{
	const struct instance *inst = b->chain->places[place].instance;
	uint64_t shown = 0;

	for (XVS_EACH(i, mask)) {
		const struct flow_step *s = b->legs[i] ? flow_leg_step(b->legs[i], place) : NULL;

		while (s && s->instance != inst)
			s = s->next;
		b->cookie[i] = s ? s->cookie : 0;
		b->dest[i] = s ? s->dest : XVS_DEST_NONE;
		if (s && !is_chosen && !sample_wants(b->worker, s, b->pkts[i]))
			continue;
		if (s && s->watch_bytes && !make_readable(b, place, (uint32_t)i, s->watch_bytes))
			continue;
		shown |= UINT64_C(1) << i;
	}
	return shown;
}

static uint64_t select_all(struct burst *b, const struct instance *inst, uint64_t mask)
{
	for (XVS_EACH(i, inst->cls == XVS_FORWARD ? mask : 0))
		b->dest[i] = XVS_DEST_NONE;
	return mask;
}

static uint32_t at_most(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* As many as can be kept whatever happens: refusal must precede the act. */
static uint32_t steal_quota(const struct burst *b, const struct instance *inst)
{
	const struct pool *pool = b->worker->pool;
	uint32_t held;
	uint32_t charged;
	uint32_t quota;

	if (!(inst->rights & XVS_RIGHT_QUEUE) || inst->cls == XVS_INSPECT || b->worker->trace)
		return 0;
	held = instance_held(inst);
	charged = atomic_load_explicit(&b->conf->port->held, memory_order_relaxed);
	if (held >= INSTANCE_HELD_MAX || charged >= PORT_HELD_MAX)
		return 0;
	quota = at_most(INSTANCE_HELD_MAX - held, PORT_HELD_MAX - charged);
	quota = at_most(quota, pool_packets_left(pool) / 2);
	return at_most(quota, at_most(pool_small_left(pool), pool_large_left(pool)));
}

/*
 * Who may originate and not impersonate could write port_in, and clone.  On ingress all entered at one
 * port, on egress it has to be noted before.
 */
static void note_entered(struct burst *b, const struct instance *inst)
{
	const uint32_t both = XVS_RIGHT_ORIGINATE | XVS_RIGHT_IMPERSONATE;
	struct path_worker *w = b->worker;

	w->has_entered =
		b->stage == XVS_STAGE_EGRESS && (inst->rights & both) == XVS_RIGHT_ORIGINATE;
	for (uint32_t i = 0; w->has_entered && i < b->count; i++)
		w->entered[i] = b->pkts[i]->x.port_in;
}

static void invoke(struct burst *b, struct instance *inst, struct xvs_batch *batch)
{
	struct path_worker *w = b->worker;
	struct instance_worker *iw = &inst->workers[w->w.nr];
	const struct xvs_batch *shown = batch;

	note_entered(b, inst);
	w->inside = inst;
	w->inside_burst = b;
	__atomic_store_n(&iw->callback_since_cycles, w->call_until, __ATOMIC_RELAXED);
	if (inst->cls == XVS_INSPECT)
		inst->ops.inspect(inst->self, shown);
	else if (inst->cls == XVS_FORWARD)
		inst->ops.forward(inst->self, batch);
	else if (b->stage == XVS_STAGE_EGRESS)
		inst->ops.egress(inst->self, batch);
	else
		inst->ops.ingress(inst->self, batch);
	__atomic_store_n(&iw->callback_since_cycles, 0, __ATOMIC_RELAXED);
	w->inside = NULL;
	w->inside_burst = NULL;
}

/* With what the host did on its account, from choosing packets to its verdicts. */
static void count_call(struct path_worker *w, struct instance_worker *iw, uint64_t shown)
{
	uint64_t now = clock_cycles();

	counter_add(&iw->cost.calls, 1);
	counter_add(&iw->cost.packets, (uint64_t)__builtin_popcountll(shown));
	counter_add(&iw->cost.cycles, now - w->call_until);
	w->call_until = now;
}

static bool has_callback(const struct instance *inst, uint32_t stage)
{
	if (inst->cls == XVS_INSPECT)
		return inst->ops.inspect != NULL;
	if (inst->cls == XVS_FORWARD)
		return inst->ops.forward != NULL;
	return stage == XVS_STAGE_EGRESS ? inst->ops.egress != NULL : inst->ops.ingress != NULL;
}

/* ---- what it did -------------------------------------------------------------------------------- */

uint32_t burst_entered(const struct burst *b, uint32_t i)
{
	if (b->stage == XVS_STAGE_INGRESS)
		return b->conf->port->id;
	return b->worker->has_entered ? b->worker->entered[i] : b->pkts[i]->x.port_in;
}

static void take_stolen(struct burst *b, struct instance *inst, uint32_t place, uint32_t i)
{
	struct packet *p = b->pkts[i];
	struct instance_worker *iw = &inst->workers[b->worker->w.nr];

	account_missed(b, i, place + 1);
	/* the quota kept room for it, unless the call itself took that for clones */
	if (packet_own(p) != 0) {
		burst_drop(b, i, 0, REASON_POOL);
		return;
	}
	if (tap_is_at(b->worker, CAPTURE_AFTER))
		tap_held(b, place, i);
	b->live &= ~(UINT64_C(1) << i);
	p->owner = inst->nr;
	p->stage = b->stage;
	p->place = (uint16_t)(place + 1);
	p->port_out = b->conf->port->id;
	p->epoch = b->conf->serial;
	p->behind = burst_entered(b, i);
	p->charged = b->conf->port->id;
	atomic_fetch_add_explicit(&b->conf->port->held, 1, memory_order_relaxed);
	__atomic_store_n(&iw->held, iw->held + 1, __ATOMIC_RELAXED);
	counter_add(&iw->cost.stolen, 1);
}

static void take_settled(struct burst *b, const struct instance *inst, uint32_t place, uint32_t i,
			 bool dropped)
{
	struct flow_leg *leg = b->legs[i];
	struct flow_step *s = leg ? leg->steps : NULL;

	while (s && s->instance != inst)
		s = s->next;
	if (!s || s->action != XVS_FLOW_WATCH)
		return;
	leg->calls &= ~(UINT64_C(1) << place);
	leg->sample = 0; /* the first of 'calls' may be another one now */
	s->action = dropped ? XVS_FLOW_DROP : XVS_FLOW_PASS;
	if (!dropped)
		return;
	s->reason = b->reason[i];
	b->has_relooked = true;
	leg->is_settled = 1;
	leg_drop(leg, place, inst->nr, b->reason[i]);
}

static void take_dropped(struct burst *b, struct instance *inst, uint32_t place, uint32_t i)
{
	if (b->reason[i] != XVS_REASON_CONSUMED && !b->worker->trace)
		counter_add(&inst->workers[b->worker->w.nr].cost.drops, 1);
	account_missed(b, i, place + 1);
	burst_drop_at(b, i, inst->cls == XVS_FORWARD ? XVS_STAGE_FORWARD : b->stage, inst->nr,
		      b->reason[i]);
}

static void count_refused(const struct burst *b, struct instance *inst)
{
	if (!b->worker->trace)
		counter_add(&inst->workers[b->worker->w.nr].cost.refused, 1);
}

/* Changed bytes are parsed again, and the rest of the chain sees the packet under its new key. */
static void take_dirty(struct burst *b, struct instance *inst, uint32_t place, uint32_t i)
{
	struct packet *p = b->pkts[i];
	uint16_t bad = REASON_NONE;

	p->x.flags &= ~(uint32_t)XVS_PKT_DIRTY;
	/* whatever comes of it, the rest of the leg is not its way */
	account_missed(b, i, place + 1);
	if (!(inst->rights & XVS_RIGHT_REWRITE)) {
		count_refused(b, inst);
		burst_drop(b, i, 0, REASON_RIGHTS);
		return;
	}
	packet_parse(p, &bad);
	if (p->x.flags & XVS_PKT_BAD) {
		burst_drop(b, i, 0, bad);
	} else if (b->stage == XVS_STAGE_INGRESS && !admit_tag(b->conf, p)) {
		burst_drop(b, i, 0, REASON_VLAN);
	} else {
		b->fresh &= ~(UINT64_C(1) << i);
		b->has_relooked = true;
		(void)packet_lookup(b, i, place + 1);
	}
}

static void take_destination(struct burst *b, const struct instance *inst, uint32_t i)
{
	struct flow_entry *e = b->entries[i];

	if (!inst->has_flow || !e || e->dest != b->dest[i])
		b->dynamic |= UINT64_C(1) << i;
}

/*
 * Which of these packets are marked DIRTY.  Nearly always none: all of the burst are looked at first,
 * those that have left it as well, four at a time and without a mask, because this is most of what
 * an extension costs that does nothing.
 */
static uint64_t marked(const struct burst *b, uint64_t mask)
{
	struct packet *const *p = b->pkts;
	uint64_t dirty = 0;
	uint32_t any = 0;
	uint32_t i = 0;

	for (; i + 4 <= b->count; i += 4)
		any |= p[i]->x.flags | p[i + 1]->x.flags | p[i + 2]->x.flags | p[i + 3]->x.flags;
	for (; i < b->count; i++)
		any |= p[i]->x.flags;
	for (XVS_EACH(n, any & XVS_PKT_DIRTY ? mask : 0))
		dirty |= (uint64_t)((p[n]->x.flags & XVS_PKT_DIRTY) != 0) << n;
	return dirty;
}

/* The forwarder's changes: its chain ends with it, so all that is left is where it goes. */
static void take_forwarded(struct burst *b, struct instance *inst, uint32_t place, uint32_t i)
{
	struct packet *p = b->pkts[i];
	uint16_t bad = REASON_NONE;

	if (!(p->x.flags & XVS_PKT_DIRTY)) {
		take_destination(b, inst, i);
		return;
	}
	p->x.flags &= ~(uint32_t)XVS_PKT_DIRTY;
	b->dynamic |= UINT64_C(1) << i; /* the exits' verdicts are on another packet */
	if (!(inst->rights & XVS_RIGHT_REWRITE)) {
		count_refused(b, inst);
		burst_lose(b, i, place + 1, 0, REASON_RIGHTS);
		return;
	}
	packet_parse(p, &bad);
	if (p->x.flags & XVS_PKT_BAD)
		burst_lose(b, i, place + 1, 0, bad);
	else if (!admit_tag(b->conf, p))
		burst_lose(b, i, place + 1, 0, REASON_VLAN);
}

/* xvs_steal() keeps to the quota; who writes the bits himself does not get more. */
static uint64_t within_quota(struct burst *b, uint32_t place, uint64_t stolen, uint32_t quota)
{
	uint64_t taken = stolen;

	for (XVS_EACH(i, stolen)) {
		if (quota > 0) {
			quota--;
			continue;
		}
		taken &= ~(UINT64_C(1) << i);
		count_refused(b, b->chain->places[place].instance);
		burst_lose(b, (uint32_t)i, place + 1, 0, REASON_STEAL);
	}
	return taken;
}

static void take_results(struct burst *b, struct instance *inst, uint32_t place,
			 const struct xvs_batch *batch, uint64_t shown, uint32_t quota)
{
	uint64_t stolen = batch->stolen & shown & ~batch->live;
	uint64_t gone = shown & ~batch->live & ~stolen;
	uint64_t settled = inst->has_flow ? batch->settled & shown & ~stolen : 0;

	for (XVS_EACH(i, settled))
		take_settled(b, inst, place, (uint32_t)i, (gone >> i & 1) != 0);
	stolen = within_quota(b, place, stolen, quota);
	for (XVS_EACH(j, stolen))
		take_stolen(b, inst, place, (uint32_t)j);
	for (XVS_EACH(n, gone))
		take_dropped(b, inst, place, (uint32_t)n);
	for (XVS_EACH(m, inst->cls == XVS_FORWARD ? shown & b->live : 0))
		take_forwarded(b, inst, place, (uint32_t)m);
	for (XVS_EACH(k, inst->cls == XVS_FORWARD ? 0 : marked(b, shown & b->live)))
		take_dirty(b, inst, place, (uint32_t)k);
}

/* An inspector changes nothing; a mark that it left must not be taken for the next one's. */
static void forget_marks(struct burst *b, uint64_t shown)
{
	for (XVS_EACH(i, marked(b, shown)))
		b->pkts[i]->x.flags &= ~(uint32_t)XVS_PKT_DIRTY;
}

/* Before what it did is taken: a traced packet that it dropped is gone then. */
static void note_call(struct burst *b, struct instance *inst, uint32_t place,
		      const struct xvs_batch *batch)
{
	struct trace_event e = {
		.kind = TRACE_CALLED,
		.stage = (uint8_t)batch->stage,
		.place = (uint16_t)place,
		.port = batch->port,
		.instance = inst->nr,
		.dest = inst->cls == XVS_FORWARD ? b->dest[0] : XVS_DEST_NONE,
	};

	if (!(batch->live & 1)) {
		e.action = TRACE_REFUSED;
		e.reason = b->reason[0];
	} else if (b->pkts[0]->x.flags & XVS_PKT_DIRTY) {
		e.action = TRACE_CHANGED;
	} else if (inst->has_flow && batch->settled & 1) {
		e.action = TRACE_SETTLED;
	}
	trace_explain(b->worker, inst, batch, trace_add(b->worker, &e));
}

/* Inspectors have nothing to answer, so a traced packet is not theirs to see. */
static bool is_shown(const struct burst *b, const struct instance *inst)
{
	return has_callback(inst, b->stage) && !(b->worker->trace && inst->cls == XVS_INSPECT);
}

static void call(struct burst *b, uint32_t place, uint64_t mask, bool is_chosen)
{
	const struct chain_place *at = &b->chain->places[place];
	struct instance *inst = at->instance;
	struct instance_worker *iw = &inst->workers[b->worker->w.nr];
	uint64_t shown = inst->has_flow ? select_watched(b, place, mask, is_chosen)
					: select_all(b, inst, mask);
	uint32_t quota = steal_quota(b, inst);
	struct xvs_batch batch;

	if (!b->worker->call_until)
		b->worker->call_until = clock_cycles();
	for (XVS_EACH(i, inst->ext->linear ? shown : 0)) {
		if (!make_readable(b, place, (uint32_t)i, inst->ext->linear))
			shown &= ~(UINT64_C(1) << i);
	}
	if (!shown || !is_shown(b, inst))
		return;
	batch = (struct xvs_batch){
		.live = shown,
		.pkts = (struct xvs_packet *const *)(void *)b->pkts,
		.reason = b->reason,
		.dest = inst->cls == XVS_FORWARD ? b->dest : NULL,
		.cookie = inst->has_flow ? b->cookie : NULL,
		.counters = b->worker->trace ? trace_counters(b->worker, inst) : iw->counters,
		.port_state = at->port_state,
		.worker_state = iw->state,
		.now_ns = b->worker->w.now_ns,
		.port = b->conf->port->id,
		.stage = inst->cls == XVS_FORWARD ? XVS_STAGE_FORWARD : b->stage,
		.count = b->count,
		.steals_left = quota,
	};
	invoke(b, inst, &batch);
	if (b->worker->trace)
		note_call(b, inst, place, &batch);
	if (inst->cls == XVS_INSPECT)
		forget_marks(b, shown);
	else
		take_results(b, inst, place, &batch, shown, quota);
	if (!b->worker->trace)
		count_call(b->worker, iw, shown);
}

void burst_call(struct burst *b, uint32_t place, uint64_t mask)
{
	call(b, place, mask, false);
}

void burst_call_sampled(struct burst *b, uint32_t place, uint64_t mask, uint32_t sample)
{
	uint64_t chosen = b->worker->trace ? 0 : sample_mask(b->worker, sample, mask);

	if (chosen)
		call(b, place, chosen, true);
}
