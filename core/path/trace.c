/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - one packet on the way of all packets, while the worker notes what everybody says.
 *
 * Between two bursts a letter has the entry port's worker make a packet and take it through the
 * very functions that packets go through.  They find worker->trace set where that makes a
 * difference: drops are noted and not counted, the cache is passed by, nothing is handed out.
 */
#include "path/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path/tracing.h"

struct trace {
	struct letter letter; /* first; to the worker, and back */
	struct path *path;
	uint32_t port;
	trace_done *done;
	void *arg;
	bool is_cut;
	uint32_t count;
	struct trace_event events[TRACE_EVENTS_MAX + 1];
	uint64_t *counters; /* what extensions count meanwhile, of which nothing becomes */
	uint32_t counter_count;
	struct burst exit;
	struct port_conf *exits[TRACE_EXITS_MAX];
	char texts[TRACE_TEXTS];
	uint32_t text_len;
	uint32_t len;
	uint8_t frame[];
};

/* ---- notes -------------------------------------------------------------------------------------- */

struct trace_event *trace_add(struct path_worker *w, const struct trace_event *e)
{
	struct trace *t = w->trace;
	struct trace_event *to = &t->events[t->count];

	*to = *e;
	if (t->count == TRACE_EVENTS_MAX)
		t->is_cut = true; /* the last one is written over, and never read */
	else
		t->count++;
	return to;
}

uint64_t *trace_counters(struct path_worker *w, const struct instance *inst)
{
	/* an instance that came after the trace was asked for may have more */
	if (inst->ext->counter_count > w->trace->counter_count)
		return inst->workers[w->w.nr].counters;
	return w->trace->counters;
}

void trace_explain(struct path_worker *w, const struct instance *inst, const struct xvs_batch *b,
		   struct trace_event *e)
{
	const struct packet *p = packet_of(b->pkts[0]);
	struct trace *t = w->trace;
	uint32_t room = TRACE_TEXTS - t->text_len;
	char *text = t->texts + t->text_len;
	struct xvs_flow_key key;

	if (room > TRACE_TEXT)
		room = TRACE_TEXT;
	if (!inst->explain || room < 2)
		return;
	memset(text, 0, room);
	packet_key(p, b->port, &key);
	w->inside = (struct instance *)(uintptr_t)inst;
	inst->explain(inst->self, b, 0, &key, text, room);
	w->inside = NULL;
	text[room - 1] = '\0';
	if (!text[0])
		return;
	e->text = text;
	t->text_len += (uint32_t)strlen(text) + 1;
}

/* What the packet is now, at this port. */
static void note_packet(struct burst *b, enum trace_kind kind)
{
	const struct packet *p = b->pkts[0];
	struct trace_event e = {
		.kind = (uint8_t)kind,
		.stage = (uint8_t)b->stage,
		.place = kind == TRACE_LEFT ? CHAIN_MAX : 0,
		.is_tagged = (p->x.flags & XVS_PKT_VLAN) != 0,
		.tci = p->x.vlan_tci,
		.port = b->conf->port->id,
		.segment = p->segment,
		.len = p->x.len,
	};

	packet_key(p, e.port, &e.key);
	(void)trace_add(b->worker, &e);
}

void trace_dropped(struct path_worker *w, uint32_t port, uint32_t stage, uint32_t instance,
		   uint32_t reason)
{
	const struct trace_event e = {
		.kind = TRACE_DROPPED,
		.stage = (uint8_t)stage,
		.instance = (uint16_t)instance,
		.reason = (uint16_t)reason,
		.place = CHAIN_MAX,
		.port = port,
	};

	(void)trace_add(w, &e);
}

/* ---- exits -------------------------------------------------------------------------------------- */

/* The packet, taken, at one exit; 'leg' if the walk has judged it for this very configuration. */
static void exit_run(struct burst *from, struct packet *p, struct port_conf *conf,
		     struct flow_leg *leg)
{
	struct path_worker *w = from->worker;
	struct burst *b = &w->trace->exit;
	uint16_t refused;

	burst_begin(b, w, conf, XVS_STAGE_EGRESS, 0);
	b->count = 1;
	b->live = 1;
	b->pkts[0] = p;
	output_tag(conf, p);
	if (!conf->is_open) {
		burst_drop(b, 0, 0, REASON_EXIT_CLOSED);
		return;
	}
	if (leg && leg->conf == conf) {
		b->fresh = 1;
		b->entries[0] = from->entries[0];
		b->legs[0] = leg;
	} else if (!packet_judge(b, 0, 0)) {
		return;
	}
	burst_apply(b);
	if (!b->live)
		return;
	refused = tx_refusal(conf, b->pkts[0]);
	if (refused) {
		burst_drop(b, 0, 0, refused);
		return;
	}
	note_packet(b, TRACE_LEFT);
	packet_free(b->pkts[0]);
}

static void note_exits(struct burst *b, uint32_t dest, uint32_t count)
{
	const struct trace_event e = {
		.kind = TRACE_FORWARDED,
		.stage = XVS_STAGE_FORWARD,
		.place = (uint16_t)b->conf->ingress.count,
		.port = b->conf->port->id,
		.segment = b->pkts[0]->segment,
		.dest = dest,
		.count = count,
	};

	(void)trace_add(b->worker, &e);
}

/* To each of these ports, of which the walk may know some. */
static void exits_run(struct burst *b, struct port_conf *const *confs, uint32_t count,
		      struct flow_entry *judged)
{
	for (uint32_t n = 0; n < count; n++) {
		struct packet *p = packet_clone(b->pkts[0]);

		if (!p) {
			trace_dropped(b->worker, confs[n]->port->id, XVS_STAGE_FORWARD, 0,
				      REASON_POOL);
			continue;
		}
		p->segment = b->pkts[0]->segment;
		exit_run(b, p, confs[n], judged ? flow_out(judged, n) : NULL);
	}
}

/* The exits that the walk has judged, as they are configured now; how many. */
static uint32_t exits_of(const struct burst *b, struct flow_entry *e, struct port_conf **confs)
{
	uint32_t count = 0;

	for (uint32_t n = 0; n < e->out_count; n++) {
		const struct path_port *port = path_port_of(b->worker->path, flow_out(e, n)->port);

		if (!port)
			return 0; /* it went within this very turn */
		confs[count++] = rcu_read(&port->conf);
	}
	return count;
}

static void forward(struct burst *b)
{
	struct path_worker *w = b->worker;
	struct flow_entry *e = b->entries[0];
	bool is_dynamic = b->dynamic & 1;
	uint32_t dest = is_dynamic ? b->dest[0] : e->dest;
	struct targets *t = w->targets;
	struct port_conf **confs = w->trace->exits;
	uint32_t count = 0;

	if (!is_dynamic && e->exit == FLOW_EXIT_LEGS)
		count = exits_of(b, e, confs);
	if (count) {
		note_exits(b, dest, count);
		exits_run(b, confs, count, e);
		return;
	}
	forward_resolve(b->conf->sw, b->conf, b->pkts[0]->segment, b->pkts[0]->x.data, dest, t);
	note_exits(b, dest, t->count);
	if (t->count == 0) {
		trace_dropped(w, b->conf->port->id, XVS_STAGE_FORWARD, 0, t->reason);
		return;
	}
	count = t->count < TRACE_EXITS_MAX ? t->count : TRACE_EXITS_MAX;
	w->trace->is_cut |= count < t->count;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is copied */
	memcpy((void *)confs, (void *)t->confs, count * sizeof(confs[0]));
	exits_run(b, confs, count, NULL);
}

/* ---- the way in --------------------------------------------------------------------------------- */

static struct packet *packet_make(struct path_worker *w, const struct trace *t)
{
	struct packet *p = packet_new_linear(w->pool, t->len);

	if (!p)
		return NULL;
	memcpy(p->x.data, t->frame, t->len);
	p->x.port_in = t->port;
	p->x.rx_ns = w->w.now_ns;
	p->x.flags |= XVS_PKT_DRY;
	return p;
}

/* In the order of burst_receive(). */
static void way_run(struct path_worker *w, struct packet *p, struct port_conf *conf)
{
	struct burst *b = &w->ingress;

	conf = conf_of_entry(conf);
	burst_begin(b, w, conf, XVS_STAGE_INGRESS, 0);
	b->count = 1;
	b->live = 1;
	b->pkts[0] = p;
	b->reason[0] = REASON_NONE;
	p->segment = conf->segment;
	packet_parse(p, &b->reason[0]);
	burst_admit(b, p->x.flags);
	if (!b->live)
		return;
	if (conf->marks)
		burst_mark(b);
	note_packet(b, TRACE_ENTERED);
	if (p->x.flags & XVS_PKT_BAD) {
		burst_drop(b, 0, 0, b->reason[0] ? b->reason[0] : REASON_BAD_HEADER);
		return;
	}
	if (!packet_judge(b, 0, 0))
		return;
	burst_apply(b);
	if (!b->live)
		return;
	forward(b);
	packet_free(b->pkts[0]);
}

/* Ports in the order in which packets came to their exits. */
struct legs {
	uint32_t ports[TRACE_EVENTS_MAX];
	uint32_t count;
};

/* The entry port's way in, and then the way out of each exit. */
static uint32_t leg_of(struct legs *l, const struct trace_event *e)
{
	uint32_t leg = 0;

	if (e->stage != XVS_STAGE_EGRESS)
		return 0;
	while (leg < l->count && l->ports[leg] != e->port)
		leg++;
	if (leg == l->count)
		l->ports[l->count++] = e->port;
	return leg + 1;
}

/*
 * The whole chain judges before anybody is called: what happened at one place is put together, in
 * the order of the way, and at one place of time.
 */
static void sort(struct trace *t)
{
	uint32_t rank[TRACE_EVENTS_MAX];
	struct legs legs = { .count = 0 };

	for (uint32_t i = 0; i < t->count; i++) {
		struct trace_event e = t->events[i];
		uint32_t own = leg_of(&legs, &e) << 16 | e.place;
		uint32_t at = i;

		for (; at > 0 && rank[at - 1] > own; at--) {
			t->events[at] = t->events[at - 1];
			rank[at] = rank[at - 1];
		}
		t->events[at] = e;
		rank[at] = own;
	}
}

static void trace_back(struct letter *letter)
{
	struct trace *t = (struct trace *)letter;

	sort(t);
	t->done(t->arg, t->events, t->count, t->is_cut);
	free(t->counters);
	free(t);
}

static void trace_run(struct letter *letter)
{
	struct trace *t = (struct trace *)letter;
	struct path_worker *w = path_worker_self();
	const struct path_port *port = path_port_of(t->path, t->port);
	struct packet *p = port ? packet_make(w, t) : NULL;

	w->trace = t;
	w->epoch = epoch_now();
	if (p)
		way_run(w, p, rcu_read(&port->conf));
	else
		trace_dropped(w, t->port, XVS_STAGE_INGRESS, 0,
			      port ? REASON_POOL : REASON_NO_PORT);
	w->trace = NULL;
	flow_reclaim(w->cache);
	loop_post(t->path->loop, &t->letter, trace_back);
}

/* Of the extension that has most. */
static uint32_t counters_needed(const struct path *path)
{
	uint32_t most = 1;

	for (uint32_t i = 1; i < INSTANCES_MAX; i++) {
		const struct instance *inst = path->instances[i];

		if (inst && inst->ext->counter_count > most)
			most = inst->ext->counter_count;
	}
	return most;
}

/* Who serves its first queue; a port without any is nobody's, so it may be anybody's. */
static struct path_worker *worker_of(struct path *path, const struct path_port *port)
{
	struct path_worker *w =
		port->backend && port->backend->rx_queues ? port->queues[0].home : NULL;

	return w ? w : path->workers[0];
}

int path_trace(struct path *path, uint32_t port, const void *frame, uint32_t len, trace_done *done,
	       void *arg)
{
	const struct path_port *at = path_port_of(path, port);
	struct trace *t;

	if (!at)
		return -ENOENT;
	if (at->conf->nat)
		return -EOPNOTSUPP;
	if (len == 0 || len > PACKET_MAX)
		return -EINVAL;
	t = calloc(1, sizeof(*t) + len);
	if (!t)
		return -ENOMEM;
	t->counter_count = counters_needed(path);
	t->counters = calloc(t->counter_count, sizeof(t->counters[0]));
	if (!t->counters) {
		free(t);
		return -ENOMEM;
	}
	t->path = path;
	t->port = port;
	t->done = done;
	t->arg = arg;
	t->len = len;
	memcpy(t->frame, frame, len);
	worker_post(&worker_of(path, at)->w, &t->letter, trace_run);
	return 0;
}
