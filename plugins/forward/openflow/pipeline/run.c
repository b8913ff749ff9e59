/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/run.c - packets that walk by themselves, and those that have a program. */
#include "pipeline/run.h"

#include <errno.h>
#include <string.h>

#include "pipeline/emit.h"
#include "pipeline/reshape.h"
#include "pipeline/verdict.h"
#include "xvs/ext/sdk.h"

/* ---- a walk that does what it finds ---------------------------------------------------------------- */

static void run_credit(void *arg, struct of_stats *s)
{
	const struct of_emitter *e = arg;

	if (!e->is_dry)
		of_stats_credit(s, xvs_wire_packets(e->packet), xvs_wire_bytes(e->packet),
				e->now_ns);
}

static bool run_meter(void *arg, struct of_walk *w, const struct of_meter *m)
{
	(void)w;
	return of_emit_meter(arg, m->entry.id);
}

static void run_output(void *arg, struct of_walk *w, const struct of_output *o)
{
	const struct of_image image = { w->now, w->set };

	of_emit_output(arg, o, &image);
}

/* Its fields are read anew; what was to be written has been. */
static void read_again(struct of_walk *w, const struct xvs_packet *p)
{
	const size_t from = offsetof(struct of_fields, eth_dst);

	memset((uint8_t *)&w->now + from, 0, sizeof(w->now) - from);
	memset((uint8_t *)&w->set + from, 0, sizeof(w->set) - from);
	of_packet_fields(p, &w->now);
}

static bool run_reshape(void *arg, struct of_walk *w, const struct of_action *a)
{
	struct of_emitter *e = arg;
	const struct xvs_host *host = e->pipeline->host;
	int code;

	of_emit_flush(e);
	code = of_packet_write(host, e->packet, &w->now, &w->set);
	if (!code)
		code = of_packet_reshape(host, e->packet, a);
	if (code) {
		/* this copy ends here; the other buckets' are others */
		of_walk_drop(w, code == -ETIME ? OF_REASON_TTL : OF_REASON_FAILED);
		e->reason = w->reason;
		e->is_waiting = false;
		return true;
	}
	read_again(w, e->packet);
	return true;
}

static bool run_fork(void *arg, struct of_walk *w)
{
	(void)w;
	return of_emit_fork(arg);
}

static void run_join(void *arg, struct of_walk *w)
{
	(void)w;
	of_emit_join(arg);
}

static const struct of_sink run_sink = {
	.credit = run_credit,
	.meter = run_meter,
	.output = run_output,
	.reshape = run_reshape,
	.fork = run_fork,
	.join = run_join,
};

/* ---- watched packets ------------------------------------------------------------------------------- */

static struct of_text *begin_story(struct of_worker *w)
{
	w->story = of_text_in(w->story_bytes, sizeof(w->story_bytes));
	return &w->story;
}

static void walk_packet(struct of_worker *w, struct of_emitter *e)
{
	of_walk_begin(&w->walk, w->pipeline, &run_sink, e, e->port);
	if (e->is_dry)
		w->walk.story = begin_story(w);
	of_packet_fields(e->packet, &w->walk.now);
	of_walk_tables(&w->walk);
	if (!e->reason)
		e->reason = w->walk.reason;
}

/* The flow is credited as a whole: what a meter dropped did not get to what is behind it. */
static void take_back(const struct of_program *p, uint32_t from, const struct of_emitter *e)
{
	uint64_t packets = 0 - (uint64_t)xvs_wire_packets(e->packet);
	uint64_t bytes = 0 - (uint64_t)xvs_wire_bytes(e->packet);

	for (uint32_t i = from; i < p->credit_count; i++)
		of_stats_credit(p->credits[i], packets, bytes, 0);
}

static void run_program(const struct of_program *p, struct of_emitter *e)
{
	for (uint32_t i = 0; i < p->step_count; i++) {
		const struct of_program_step *s = &p->steps[i];

		if (s->meter && !of_emit_meter(e, s->meter)) {
			take_back(p, s->credits, e);
			return;
		}
		if (!s->meter)
			of_emit_output(e, &s->output, &p->images[s->image]);
	}
	e->reason = p->reason;
}

static const struct of_program *program_of(uint64_t cookie)
{
	return (const struct of_program *)(uintptr_t)cookie;
}

static void forward_one(struct of_worker *w, struct xvs_batch *b, uint32_t i)
{
	struct of_emitter e = {
		.pipeline = w->pipeline,
		.batch = b,
		.index = i,
		.packet = b->pkts[i],
		.now_ns = b->now_ns,
		.port = b->pkts[i]->port_in,
		.is_dry = b->pkts[i]->flags & XVS_PKT_DRY,
	};

	if (b->cookie[i])
		run_program(program_of(b->cookie[i]), &e);
	else
		walk_packet(w, &e);
	of_emit_end(&e);
}

/* The meter that a packet has to pass and then goes to one port as it is; 0: there is more to do. */
static uint32_t meter_of(const struct xvs_batch *b, uint32_t i)
{
	if (!b->cookie[i] || b->pkts[i]->flags & XVS_PKT_DRY)
		return 0;
	return program_of(b->cookie[i])->meter;
}

struct metered {
	uint64_t who; /* places in the batch */
	uint32_t id;
	uint32_t packets;
	uint64_t bytes;
};

/* Those from the first on that follow each other through one meter. */
static struct metered metered_run(const struct xvs_batch *b, uint64_t rest)
{
	struct metered m = { .id = meter_of(b, (uint32_t)__builtin_ctzll(rest)) };

	for (XVS_EACH(i, rest)) {
		if (m.who && (!m.id || meter_of(b, (uint32_t)i) != m.id))
			break;
		m.who |= UINT64_C(1) << i;
		m.packets += xvs_wire_packets(b->pkts[i]);
		m.bytes += xvs_wire_bytes(b->pkts[i]);
	}
	return m;
}

/* The common case at once: the meter lets all of them pass. */
static bool forward_metered(struct of_worker *w, struct xvs_batch *b, const struct metered *run)
{
	const struct of_state *s = &w->pipeline->state;
	const struct of_meter *m =
		run->id ? of_meter_find(&s->meters, run->id, of_flows_version(&s->flows)) : NULL;

	if (!m || !of_meter_pass_all(m, b->now_ns, run->packets, run->bytes))
		return false;
	for (XVS_EACH(i, run->who)) {
		const struct of_output *o = &program_of(b->cookie[i])->steps[1].output;

		b->dest[i] = of_destination(w->pipeline, o->dest);
		b->pkts[i]->queue = (uint16_t)o->queue;
	}
	return true;
}

void of_forward(struct of_worker *w, struct xvs_batch *b)
{
	uint64_t rest = b->live;

	while (rest) {
		struct metered run = metered_run(b, rest);

		rest &= ~run.who;
		if (forward_metered(w, b, &run))
			continue;
		for (XVS_EACH(i, run.who))
			forward_one(w, b, (uint32_t)i);
	}
}

void of_send(struct of_worker *w, struct xvs_packet *p, uint32_t port,
	     const struct of_actions *actions, uint64_t now_ns)
{
	struct of_emitter e = {
		.pipeline = w->pipeline,
		.packet = p,
		.now_ns = now_ns,
		.port = port,
	};

	of_walk_begin(&w->walk, w->pipeline, &run_sink, &e, port);
	of_packet_fields(p, &w->walk.now);
	of_walk_list(&w->walk, actions);
	of_emit_end(&e);
}

/* ---- flows ----------------------------------------------------------------------------------------- */

static void end_program(uint64_t cookie)
{
	of_program_free((struct of_program *)(uintptr_t)cookie);
}

static void judge_normal(struct xvs_flow_verdict *v)
{
	v->dest = XVS_DEST_NORMAL;
	v->tags = OF_TAG_RULES;
	v->cookie = 0;
}

/* An operator's trace leaves nothing behind; its packets run by themselves. */
static void keep_program(struct of_worker *w, bool is_dry, struct xvs_flow_verdict *v)
{
	struct of_program *p;

	v->cookie = 0;
	if (is_dry)
		return;
	if (v->action != XVS_FLOW_WATCH) /* nobody will run it */
		w->draft.p.step_count = w->draft.p.image_count = 0;
	p = of_program_new(&w->draft);
	v->cookie = (uint64_t)(uintptr_t)p;
	/* uncounted, and watched for it: better than to be lost */
	if (!p)
		v->action = XVS_FLOW_WATCH;
}

void of_judge(struct of_worker *w, const struct xvs_batch *b, uint32_t i,
	      struct xvs_flow_verdict *v)
{
	const struct xvs_packet *p = b->pkts[i];
	bool is_dry = p->flags & XVS_PKT_DRY;
	uint64_t old = v->cookie;
	struct of_walk *k = &w->walk;

	if (__atomic_load_n(&w->pipeline->is_standalone, __ATOMIC_ACQUIRE)) {
		judge_normal(v);
		if (is_dry)
			of_text_add(begin_story(w),
				    "no controller is connected: the built-in switch forwards");
	} else {
		of_draft_begin(&w->draft);
		of_walk_begin(k, w->pipeline, &of_draft_sink, &w->draft, p->port_in);
		if (is_dry)
			k->story = begin_story(w);
		of_packet_fields(p, &k->now);
		w->draft.packet = k->now;
		w->draft.is_dry = is_dry;
		w->draft.now_ns = b->now_ns;
		of_walk_tables(k);
		if (of_verdict(k, &w->draft, v))
			keep_program(w, is_dry, v);
		else
			v->cookie = 0;
	}
	if (old && !is_dry)
		end_program(old);
	/* it is told when the packet itself has gone its way */
	if (is_dry && v->action == XVS_FLOW_WATCH)
		(void)begin_story(w);
}

void of_explain(const struct of_worker *w, char *text, uint32_t bytes)
{
	struct of_text out = of_text_in(text, bytes);

	if (w->story.at)
		of_text_add(&out, "%s", w->story.at);
}

void of_account(const struct xvs_flow_stats *stats)
{
	of_program_credit(program_of(stats->cookie), stats->packets, stats->bytes, stats->last_ns);
	if (stats->ended)
		end_program(stats->cookie);
}
