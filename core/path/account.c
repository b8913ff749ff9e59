/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - packets and bytes are counted once, in the entry, and credited to extensions in bulk:
 * when they asked for it, when it is asked for, when the flow is judged anew, when it ends.
 */
#include "base/clock.h"
#include "path/worker.h"
#include "xvs/ext/sdk.h"

/* Each step keeps the flags that it has not been told; the entry collects those that come. */
static void share_flags(struct flow_entry *e)
{
	for (struct flow_step *s = e->leg.steps; s; s = s->next)
		s->tcp_flags |= e->tcp_flags;
	for (uint32_t i = 0; i < e->out_count; i++) {
		for (struct flow_step *s = flow_out(e, i)->steps; s; s = s->next)
			s->tcp_flags |= e->tcp_flags;
	}
	e->tcp_seen |= e->tcp_flags;
	e->tcp_flags = 0;
}

static void account_step(struct path_worker *w, struct flow_entry *e, struct flow_step *s,
			 bool ended)
{
	struct instance *inst = s->instance;
	struct instance_worker *iw = &inst->workers[w->w.nr];
	uint64_t packets = e->tally.packets - s->missed_packets;
	uint64_t bytes = e->tally.bytes - s->missed_bytes;
	struct xvs_flow_stats stats = {
		.size = sizeof(stats),
		.ended = ended,
		.cookie = s->cookie,
		.packets = packets - s->accounted_packets,
		.bytes = bytes - s->accounted_bytes,
		.first_ns = e->first_ns,
		.last_ns = e->tally.last_ns,
		.now_ns = w->w.now_ns,
		.counters = iw->counters,
		.port_state = s->port_state,
		.worker_state = iw->state,
	};

	if (e->tcp_flags)
		share_flags(e);
	stats.tcp_flags = s->tcp_flags;
	s->tcp_flags = 0;
	s->accounted_packets = packets;
	s->accounted_bytes = bytes;
	s->accounted_ns = w->w.now_ns;
	w->inside = inst;
	inst->flow.account(inst->self, &stats);
	w->inside = NULL;
}

static bool wants_account(const struct flow_step *s, const struct instance *only)
{
	const struct instance *inst = s->instance;

	return inst && s->cookie && inst->flow.account && (!only || only == inst);
}

static void account_leg(struct path_worker *w, struct flow_entry *e, struct flow_leg *leg,
			struct instance *only, bool ended)
{
	for (struct flow_step *s = leg->steps; s; s = s->next) {
		if (wants_account(s, only))
			account_step(w, e, s, ended);
	}
}

void account_entry(struct path_worker *w, struct flow_entry *e, struct instance *only, bool ended)
{
	account_leg(w, e, &e->leg, only, ended);
	for (uint32_t i = 0; i < e->out_count; i++)
		account_leg(w, e, flow_out(e, i), only, ended);
}

static bool has_news(const struct flow_entry *e, const struct flow_step *s)
{
	return e->tally.packets - s->missed_packets != s->accounted_packets;
}

static void account_leg_news(struct path_worker *w, struct flow_entry *e, struct flow_leg *leg)
{
	for (struct flow_step *s = leg->steps; s; s = s->next)
		if (wants_account(s, NULL) && has_news(e, s))
			account_step(w, e, s, false);
}

void account_port(struct path_worker *w, struct flow_entry *e, uint32_t port)
{
	if (e->leg.port == port)
		account_leg_news(w, e, &e->leg);
	for (uint32_t i = 0; i < e->out_count; i++)
		if (flow_out(e, i)->port == port)
			account_leg_news(w, e, flow_out(e, i));
}

void account_retire(void *arg, struct flow_entry *e)
{
	/* cookies that went on to the entry's successor were taken out: see ask.c */
	account_entry(arg, e, NULL, true);
	entry_leave(arg, e);
}

static void account_leg_due(struct path_worker *w, struct flow_entry *e, struct flow_leg *leg)
{
	for (struct flow_step *s = leg->steps; s; s = s->next) {
		if (s->account_ms && wants_account(s, NULL) &&
		    w->w.now_ns - s->accounted_ns >= (uint64_t)s->account_ms * NS_PER_MS &&
		    has_news(e, s))
			account_step(w, e, s, false);
	}
}

void account_due(void *arg, struct flow_entry *e)
{
	struct path_worker *w = arg;

	if (!e->has_accounts)
		return;
	account_leg_due(w, e, &e->leg);
	for (uint32_t i = 0; i < e->out_count; i++)
		account_leg_due(w, e, flow_out(e, i));
}

void account_missed_leg(struct path_worker *w, struct flow_leg *leg, const struct packet *p,
			uint32_t first)
{
	if (leg->conn_place >= first)
		quiet_miss(w, leg, 1, p->x.len);
	for (struct flow_step *s = leg->steps; s; s = s->next) {
		if (s->place < first)
			continue;
		s->missed_packets += xvs_wire_packets(&p->x);
		s->missed_bytes += xvs_wire_bytes(&p->x);
	}
}

void account_missed_exits(struct burst *b, uint32_t i)
{
	struct flow_entry *e = b->entries[i];

	burst_part(b, i);
	for (uint32_t n = 0; n < e->out_count; n++)
		account_missed_leg(b->worker, flow_out(e, n), b->pkts[i], 0);
}

void account_missed(struct burst *b, uint32_t i, uint32_t first)
{
	if (!b->legs[i])
		return;
	/* on the way out it may have got past its connection */
	if (b->stage == XVS_STAGE_INGRESS || b->legs[i]->conn_place >= first)
		burst_part(b, i);
	account_missed_leg(b->worker, b->legs[i], b->pkts[i], first);
	/* left on ingress: no exit saw it */
	if (b->stage == XVS_STAGE_INGRESS)
		account_missed_exits(b, i);
}
