/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.capture - packets of a switch into pcapng files.
 *
 *   worker:   judge a flow -> watched packets: filter -> own ring       (ring.c; never waits)
 *   control:  every 1 to 50 ms start a drain                            (drain.c)
 *   helper:   rings -> blocks -> file, next file, error                 (writer.c)
 *
 * A flow that the filter cannot match is passed once and never seen again.  That is found by
 * running the filter on the flow's first packet and following which bytes its answer came from
 * (cbpf.c, keymap.c): where all are in the flow key, these fields are what the verdict examined.
 * So with the filter "arp or icmp" TCP at full rate costs nothing at all.  All other flows are
 * watched, and the filter runs on each packet.
 *
 * A port is known by the name with which it was attached.  A packet is captured where it enters
 * the switch (in) and at each port where it leaves (out), with its tag; as everywhere behind
 * offloads it may be larger than on the wire, and its checksums may be unfinished.
 */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>

static const struct xvs_label reasons[] = {
	{ "capture", "Not used: a capture drops nothing" },
};

static const struct xvs_label counters[] = {
	[CAPTURE_COUNT_CAPTURED] = { "captured", "Packets given to the writer" },
	[CAPTURE_COUNT_REJECTED] = { "rejected",
				     "Packets looked at that the filter did not match" },
	[CAPTURE_COUNT_LOST] = { "lost", "Packets not captured because writing was too slow" },
};

/* ---- control ----------------------------------------------------------------------------- */

static void capture_free(struct capture *c)
{
	if (c->rings) {
		for (uint32_t w = 0; w < c->workers; w++)
			ring_destroy(c->rings[w]);
	}
	while (c->ifaces) {
		struct iface *iface = c->ifaces;

		c->ifaces = iface->next;
		free(iface);
	}
	free(c->rings);
	free(c->limits);
	free(c);
}

static int capture_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			  struct xvs_error *err)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	c->host = host;
	c->workers = args->workers;
	c->timers = host->query(host, XVS_TIMER);
	c->tasks = host->query(host, XVS_TASK);
	c->rings = calloc(c->workers, sizeof(struct ring *));
	c->limits = calloc(c->workers, sizeof(*c->limits));
	c->timer = c->timers->create(host, drain_timer, c);
	if (!c->rings || !c->limits || !c->timer) {
		c->timers->destroy(host, c->timer);
		capture_free(c);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	*self = c;
	return 0;
}

/* A session that workers have not provably left is freed when they have. */
static void capture_destroy(void *self)
{
	struct capture *c = self;
	struct session *current = atomic_load_explicit(&c->current, memory_order_relaxed);

	drain_finish(c);
	while (c->sessions) {
		struct session *s = c->sessions;

		c->sessions = s->next;
		s->owner = NULL;
		if (s == current || s->left)
			session_destroy(s);
	}
	c->timers->destroy(c->host, c->timer);
	capture_free(c);
}

static void capture_active(void *self, bool on)
{
	struct capture *c = self;

	c->active = on;
	drain_arm(c);
}

/* The ring outlives the worker: what is in it is still to be written. */
static int capture_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
				 struct xvs_error *err)
{
	struct capture *c = self;
	struct capture_worker *w = calloc(1, sizeof(*w));

	(void)numa_node;
	if (w && !c->rings[worker])
		c->rings[worker] = ring_create();
	if (!w || !c->rings[worker]) {
		free(w);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	w->index = worker;
	w->ring = c->rings[worker];
	*worker_state = w;
	return 0;
}

static void capture_worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
}

static struct iface *iface_add(struct capture *c, const char *name)
{
	struct iface *iface = calloc(1, sizeof(*iface));

	if (!iface)
		return NULL;
	(void)snprintf(iface->name, sizeof(iface->name), "%s", name);
	iface->next = c->ifaces;
	c->ifaces = iface;
	return iface;
}

static int capture_port_attach(void *self, const struct xvs_port *info, void **port_state,
			       struct xvs_error *err)
{
	struct capture *c = self;
	struct capture_port *port = calloc(1, sizeof(*port));

	if (port)
		port->iface = iface_add(c, info->name);
	if (!port || !port->iface) {
		free(port);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	port->next = c->ports;
	c->ports = port;
	session_choose_port(c, port);
	*port_state = port;
	return 0;
}

static void capture_port_detach(void *self, void *port_state)
{
	struct capture *c = self;
	struct capture_port *port = port_state;
	struct capture_port **at = &c->ports;

	while (*at != port)
		at = &(*at)->next;
	*at = port->next;
	port->iface->gone_at = c->drains + 1;
	free(port);
	drain_arm(c);
}

static void capture_policy_apply(void *self, void *port_state, const char *feature,
				 const void *value, void *prepared)
{
	(void)port_state;
	(void)feature;
	(void)value;
	session_switch(self, prepared);
}

static void capture_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	(void)self;
	(void)port_state;
	(void)feature;
	session_destroy(prepared);
}

/* ---- packets ----------------------------------------------------------------------------- */

/* The session that captures at this port in this direction, or NULL. */
static const struct session *session_here(struct capture *c, const struct xvs_batch *b)
{
	const struct session *s = atomic_load_explicit(&c->current, memory_order_acquire);
	const struct capture_port *port = b->port_state;
	uint32_t other = b->stage == XVS_STAGE_EGRESS ? CAPTURE_IN : CAPTURE_OUT;

	if (!s || !port || s->direction == other)
		return NULL;
	return atomic_load_explicit(&port->wanted, memory_order_acquire) == s->number ? s : NULL;
}

static void capture_judge(void *self, const struct xvs_batch *b, uint32_t i,
			  const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	const struct session *s = session_here(self, b);
	struct keymap map = { key, &v->examined };
	struct frame f;

	if (!s)
		return;
	f = frame_of(b->pkts[i]);
	if (s->filter && cbpf_trace(s->filter, &f, &map) == CBPF_NO)
		return;
	v->action = XVS_FLOW_WATCH;
	v->watch_bytes = s->look;
}

static void capture_packet(const struct session *s, const struct xvs_batch *b,
			   const struct frame *f)
{
	const struct capture_port *port = b->port_state;
	struct capture_worker *worker = b->worker_state;
	bool is_out = b->stage == XVS_STAGE_EGRESS;
	uint32_t captured = f->linear < s->snaplen ? f->linear : s->snaplen;
	struct record *record = ring_reserve(worker->ring, captured);

	if (!record) {
		b->counters[CAPTURE_COUNT_LOST]++;
		return;
	}
	record->session = s->number;
	record->wire_len = f->len;
	record->ns = is_out || f->packet->rx_ns == 0 ? b->now_ns : f->packet->rx_ns;
	record->iface = port->iface;
	record->direction = is_out ? PCAPNG_OUTBOUND : PCAPNG_INBOUND;
	frame_copy(f, (uint8_t *)(record + 1), captured);
	ring_commit(worker->ring, record);
	b->counters[CAPTURE_COUNT_CAPTURED]++;
}

static void capture_inspect(void *self, const struct xvs_batch *b)
{
	const struct session *s = session_here(self, b);

	if (!s)
		return;
	for (XVS_EACH(i, b->live)) {
		struct frame f = frame_of(b->pkts[i]);

		if (b->pkts[i]->flags & XVS_PKT_DRY)
			continue;
		if (s->filter && !cbpf_run(s->filter, &f))
			b->counters[CAPTURE_COUNT_REJECTED]++;
		else
			capture_packet(s, b, &f);
	}
}

static const struct xvs_flow flow = {
	.size = sizeof(flow),
	.judge = capture_judge,
};

static const void *capture_query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = capture_create,
	.destroy = capture_destroy,
	.active = capture_active,
	.worker_attach = capture_worker_attach,
	.worker_detach = capture_worker_detach,
	.port_attach = capture_port_attach,
	.port_detach = capture_port_detach,
	.policy_check = capture_policy_check,
	.policy_apply = capture_policy_apply,
	.policy_abort = capture_policy_abort,
	.status_read = capture_status_read,
	.inspect = capture_inspect,
	.query = capture_query,
};

static const char *const needs[] = { XVS_TIMER };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_INSPECT,
	  .id = "org.xvs.capture",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Captures packets into pcapng files",
	  .features = XVS_TABLE(capture_features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops,
	  .rights = XVS_RIGHT_PAYLOAD },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};

XVS_NOTE("org.xvs.capture", XVS_VERSION, 1u << XVS_INSPECT, XVS_RIGHT_PAYLOAD);
