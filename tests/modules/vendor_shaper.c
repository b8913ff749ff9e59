/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.shaper - as a vendor would write it, from the public headers alone: what leaves by
 * a port is held to a rate.  Packets over it wait in a lane for each worker and port, which a
 * timer of the worker serves.
 */
#include <errno.h>
#include <stdlib.h>

#define XVS_USE_DRAFT
#include "xvs/ext/meter.h"
#include "xvs/ext/pool.h"
#include "xvs/ext/sdk.h"
#include "xvs/ext/timer.h"
#include "xvs/extension.h"

#define NS_PER_MS UINT64_C(1000000)

enum { LANE_PACKETS = 4096 };
enum { REASON_OTHER, REASON_BACKLOG };
enum { COUNT_PASSED, COUNT_DELAYED };

struct policy {
	uint64_t burst; /* bytes */
	uint32_t rate_kbps;
	uint32_t wait_ms;
};

struct backlog {
	uint64_t packets;
	uint64_t bytes;
};

struct self {
	const struct xvs_host *host;
	const struct xvs_timer_host *timers;
	uint32_t ports_max;
};

struct port {
	const struct policy *policy; /* published by policy_apply(), read by workers */
	struct xvs_meter meter;
	struct backlog backlog; /* atomic: of all workers */
	uint32_t id;
};

struct waiting {
	struct xvs_packet *packet;
	struct waiting *next;
	uint64_t number; /* in the pool */
	uint64_t due_ns;
};

struct lane {
	struct waiting *first;
	struct waiting *last;
	struct port *port;
};

struct worker {
	struct self *self;
	struct xvs_timer *timer;
	struct xvs_pool pool; /* struct waiting */
	struct lane *lanes;   /* by port id */
};

static const struct xvs_field policy_fields[] = {
	{ .name = "rate_kbps",
	  .help = "What may leave by this port, in 1000 bits a second; 0: no limit",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, rate_kbps),
	  .max = 100000000 },
	{ .name = "burst",
	  .help = "Bytes that may leave at once",
	  .type = XVS_U64,
	  .offset = offsetof(struct policy, burst),
	  .min = 1500,
	  .max = 1 << 30,
	  .dflt = 100000 },
	{ .name = "wait_ms",
	  .help = "Packets that would wait longer are dropped",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, wait_ms),
	  .min = 1,
	  .max = 10000,
	  .dflt = 500 },
};

static const struct xvs_field backlog_fields[] = {
	{ .name = "packets",
	  .help = "Packets that wait",
	  .type = XVS_U64,
	  .offset = offsetof(struct backlog, packets),
	  .max = UINT64_MAX },
	{ .name = "bytes",
	  .help = "Bytes that wait",
	  .type = XVS_U64,
	  .offset = offsetof(struct backlog, bytes),
	  .max = UINT64_MAX },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.shaper/1",
	  .summary = "Rate of what leaves by a port",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(policy_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct backlog),
	  .id = "com.acme.shaper.backlog/1",
	  .summary = "What waits at a port",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(backlog_fields) },
};

static const struct xvs_label reasons[] = {
	[REASON_OTHER] = { "shaper", "Dropped by the shaper" },
	[REASON_BACKLOG] = { "backlog", "Too much waits at this port already" },
};

static const struct xvs_label counters[] = {
	[COUNT_PASSED] = { "passed", "Packets within the rate" },
	[COUNT_DELAYED] = { "delayed", "Packets that had to wait" },
};

static const char *const needs[] = { XVS_TIMER };

/* ---- lanes: used by their worker alone ---------------------------------- */

static void count_backlog(struct port *port, const struct xvs_packet *p, bool more)
{
	uint64_t bytes = xvs_wire_bytes(p);

	if (more) {
		__atomic_fetch_add(&port->backlog.packets, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&port->backlog.bytes, bytes, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_sub(&port->backlog.packets, 1, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&port->backlog.bytes, bytes, __ATOMIC_RELAXED);
	}
}

static void append(struct lane *lane, struct waiting *w)
{
	if (lane->last)
		lane->last->next = w;
	else
		lane->first = w;
	lane->last = w;
	count_backlog(lane->port, w->packet, true);
}

/* The packet after 'before', or the first one, goes on. */
static void resume_after(struct worker *worker, struct lane *lane, struct waiting *before)
{
	struct waiting *w = before ? before->next : lane->first;
	const struct xvs_host *host = worker->self->host;

	if (before)
		before->next = w->next;
	else
		lane->first = w->next;
	if (lane->last == w)
		lane->last = before;
	count_backlog(lane->port, w->packet, false);
	(void)host->resume(host, w->packet);
	xvs_pool_free(&worker->pool, w->number);
}

static void arm_for(struct worker *worker, uint64_t due_ns, uint64_t now_ns)
{
	uint64_t delay = due_ns > now_ns ? due_ns - now_ns : 0;

	worker->self->timers->arm(worker->self->host, worker->timer,
				  delay > NS_PER_MS ? delay : NS_PER_MS);
}

static void serve(void *arg, void *worker_state, uint64_t now_ns)
{
	struct worker *worker = worker_state;
	uint64_t next = UINT64_MAX;

	(void)arg;
	for (uint32_t id = 0; id < worker->self->ports_max; id++) {
		struct lane *lane = &worker->lanes[id];

		while (lane->first && lane->first->due_ns <= now_ns)
			resume_after(worker, lane, NULL);
		if (lane->first && lane->first->due_ns < next)
			next = lane->first->due_ns;
	}
	if (next != UINT64_MAX)
		arm_for(worker, next, now_ns);
}

/* ---- the path ----------------------------------------------------------- */

/* Time at which the packet may go: now_ns at the earliest; 0: never. */
static uint64_t due(struct port *port, const struct lane *lane, const struct xvs_packet *p,
		    uint64_t now_ns)
{
	const struct policy *policy = __atomic_load_n(&port->policy, __ATOMIC_ACQUIRE);
	uint64_t last = lane->last && lane->last->due_ns > now_ns ? lane->last->due_ns : now_ns;
	struct xvs_meter_rate rate;
	uint64_t wait;

	if (!policy || policy->rate_kbps == 0)
		return last;
	rate.per_second = policy->rate_kbps * UINT64_C(1000);
	rate.burst = policy->burst * 8;
	wait = xvs_meter_take(&port->meter, &rate, now_ns, xvs_wire_bytes(p) * UINT64_C(8),
			      policy->wait_ms * NS_PER_MS);
	if (wait > policy->wait_ms * NS_PER_MS)
		return 0;
	return now_ns + wait > last ? now_ns + wait : last;
}

static bool hold(struct worker *worker, struct xvs_batch *b, uint64_t i, uint64_t due_ns)
{
	struct lane *lane = &worker->lanes[b->port];
	uint64_t number;
	struct waiting *w = xvs_pool_new(&worker->pool, &number);

	if (!w)
		return false;
	if (!xvs_steal(b, i)) {
		xvs_pool_free(&worker->pool, number);
		return false;
	}
	w->number = number;
	w->packet = b->pkts[i];
	w->due_ns = due_ns;
	lane->port = b->port_state;
	if (!lane->first)
		arm_for(worker, due_ns, b->now_ns);
	append(lane, w);
	return true;
}

static void egress(void *self, struct xvs_batch *b)
{
	struct worker *worker = b->worker_state;
	const struct lane *lane = &worker->lanes[b->port];

	(void)self;
	for (XVS_EACH(i, b->live)) {
		uint64_t due_ns;

		if (b->pkts[i]->flags & XVS_PKT_DRY)
			continue;
		due_ns = due(b->port_state, lane, b->pkts[i], b->now_ns);
		if (due_ns == b->now_ns && !lane->first) {
			b->counters[COUNT_PASSED]++;
		} else if (due_ns && hold(worker, b, i, due_ns)) {
			b->counters[COUNT_DELAYED]++;
		} else {
			xvs_drop(b, i, REASON_BACKLOG);
		}
	}
}

static void drain(void *self, void *worker_state, void *port_state)
{
	const struct port *port = port_state;
	struct worker *worker = worker_state;

	(void)self;
	for (uint32_t id = 0; id < worker->self->ports_max; id++) {
		struct lane *lane = &worker->lanes[id];
		struct waiting *before = NULL;
		struct waiting *w = lane->first;

		while (w) {
			struct waiting *next = w->next;

			if (!port || port == lane->port || w->packet->port_in == port->id)
				resume_after(worker, lane, before);
			else
				before = w;
			w = next;
		}
	}
}

/* ---- control ------------------------------------------------------------ */

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = calloc(1, sizeof(*s));

	(void)err;
	if (!s)
		return -ENOMEM;
	s->host = host;
	s->timers = host->query(host, XVS_TIMER);
	s->ports_max = args->ports_max;
	*self = s;
	return 0;
}

static void worker_detach(void *self, void *worker_state)
{
	struct self *s = self;
	struct worker *worker = worker_state;

	s->timers->destroy(s->host, worker->timer);
	xvs_pool_finish(&worker->pool);
	free(worker->lanes);
	free(worker);
}

static int worker_attach(void *self, uint32_t number, int numa_node, void **worker_state,
			 struct xvs_error *err)
{
	struct self *s = self;
	struct worker *worker = calloc(1, sizeof(*worker));

	(void)numa_node;
	(void)err;
	if (!worker)
		return -ENOMEM;
	worker->self = s;
	worker->lanes = calloc(s->ports_max, sizeof(struct lane));
	worker->timer = s->timers->create_on(s->host, number, serve, NULL);
	if (!worker->lanes || !worker->timer ||
	    xvs_pool_init(&worker->pool, LANE_PACKETS, sizeof(struct waiting)) != 0) {
		worker_detach(self, worker);
		return -ENOMEM;
	}
	*worker_state = worker;
	return 0;
}

static int port_attach(void *self, const struct xvs_port *port, void **port_state,
		       struct xvs_error *err)
{
	struct port *p = calloc(1, sizeof(*p));

	(void)self;
	(void)err;
	if (!p)
		return -ENOMEM;
	p->id = port->id;
	*port_state = p;
	return 0;
}

static void port_detach(void *self, void *port_state)
{
	(void)self;
	free(port_state);
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct port *port = port_state;

	(void)self;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&port->policy, value, __ATOMIC_RELEASE);
}

static int status_read(void *self, void *port_state, const char *feature, void *out,
		       struct xvs_error *err)
{
	struct port *port = port_state;
	struct backlog *backlog = out;

	(void)self;
	(void)feature;
	(void)err;
	backlog->packets = __atomic_load_n(&port->backlog.packets, __ATOMIC_RELAXED);
	backlog->bytes = __atomic_load_n(&port->backlog.bytes, __ATOMIC_RELAXED);
	return 0;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.worker_attach = worker_attach,
	.worker_detach = worker_detach,
	.port_attach = port_attach,
	.port_detach = port_detach,
	.policy_apply = policy_apply,
	.status_read = status_read,
	.egress = egress,
	.drain = drain,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .id = "com.acme.shaper",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Holds what leaves by a port to a rate",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops,
	  .rights = XVS_RIGHT_QUEUE },
};

XVS_NOTE("com.acme.shaper", "1.0.0", 1u << XVS_FILTER, XVS_RIGHT_QUEUE);

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
