/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.guard - a guest is who it says it is.
 *
 * Keeps a guest from sending with somebody else's MAC or IP address, from answering ARP and
 * neighbour discovery for others, from playing DHCP server or router, and from storms of broadcast.
 * It stands only in the chains of ports that have the policy.
 *
 * Nearly all is decided by the flow key, once a flow (judge.c).  Seen packet by packet are: ARP
 * and neighbour discovery where addresses are bound, since link-layer addresses are not in the
 * key (payload.c), and broadcast, multicast and unknown unicast where a storm limit is set.
 *
 * Drops are counted by the host under their reasons.  The status of a port shows them by kind: for
 * cached flows the host reports their numbers, the cookie being the reason; others are counted
 * here.
 */
#define XVS_USE_DRAFT

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "xvs/ext/l2.h"
#include "xvs/ext/sdk.h"

enum { ETHERTYPE_ARP = 0x0806 };

static const struct xvs_label reasons[] = {
#define X(enumerator, reason, field, text) { reason, text },
	GUARD_REASONS(X)
#undef X
};

static const struct xvs_label counters[] = {
	[GUARD_COUNT_ARP] = { "arp-checked", "ARP packets whose addresses were compared" },
	[GUARD_COUNT_ND] = { "nd-checked", "Neighbour discovery messages that were compared" },
	[GUARD_COUNT_STORM] = { "storm-metered", "Packets counted against a storm limit" },
};

/* ---- control ----------------------------------------------------------------------------- */

static int guard_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			struct xvs_error *err)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	g->host = host;
	g->flow = host->query(host, XVS_FLOW_HOST);
	g->l2 = host->query(host, XVS_L2);
	g->workers = args->workers;
	*self = g;
	return 0;
}

static void guard_destroy(void *self)
{
	free(self);
}

static int guard_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
			       struct xvs_error *err)
{
	struct guard_worker *w = calloc(1, sizeof(*w));

	(void)self;
	(void)numa_node;
	if (!w)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	w->index = worker;
	*worker_state = w;
	return 0;
}

static void guard_worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
}

static int guard_port_attach(void *self, const struct xvs_port *info, void **port_state,
			     struct xvs_error *err)
{
	const struct guard *g = self;
	struct guard_port *port = calloc(1, sizeof(*port));

	if (port)
		port->drops = aligned_alloc(64, (g->workers + 1) * sizeof(*port->drops));
	if (!port || !port->drops) {
		free(port);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	memset(port->drops, 0, (g->workers + 1) * sizeof(*port->drops));
	atomic_init(&port->mac, guard_mac(info->mac));
	*port_state = port;
	return 0;
}

static void guard_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	const struct guard *g = self;
	struct guard_port *port = port_state;
	uint64_t mac = guard_mac(now->mac);

	if (event == XVS_PORT_CHANGED &&
	    atomic_exchange_explicit(&port->mac, mac, memory_order_release) != mac)
		g->flow->invalidate(g->host, ~UINT64_C(0));
}

static void guard_port_detach(void *self, void *port_state)
{
	struct guard_port *port = port_state;

	(void)self;
	free(atomic_load_explicit(&port->rules, memory_order_relaxed));
	free(port->drops);
	free(port);
}

static void guard_policy_apply(void *self, void *port_state, const char *feature, const void *value,
			       void *prepared)
{
	const struct guard *g = self;
	struct guard_port *port = port_state;
	struct guard_rules *rules = prepared;
	struct guard_rules *old;

	(void)feature;
	if (rules)
		rules->policy = value; /* this one stays; what check() saw was only lent */
	old = atomic_exchange_explicit(&port->rules, rules, memory_order_acq_rel);
	if (old)
		g->host->defer(g->host, free, old);
}

static void guard_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	(void)self;
	(void)port_state;
	(void)feature;
	free(prepared);
}

static int guard_status_read(void *self, void *port_state, const char *feature, void *out,
			     struct xvs_error *err)
{
	const struct guard *g = self;

	(void)err;
	if (strcmp(feature, "org.xvs.guard.addresses/1") == 0)
		guard_list_learned(port_state, g->host->now(g->host), out);
	else
		guard_status(port_state, g->workers, out);
	return 0;
}

/* ---- packets ----------------------------------------------------------------------------- */

static void count_drops(struct guard_port *port, const struct guard_worker *worker, uint32_t reason,
			uint64_t packets)
{
	_Atomic uint64_t *count = &port->drops[worker->index].count[reason];

	/* one writer: a plain addition is enough */
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + packets,
			      memory_order_relaxed);
}

bool guard_is_unknown(const struct guard *g, const struct xvs_packet *p)
{
	return g->l2 && g->l2->knows(g->host, p) == 0;
}

bool guard_is_own(const struct guard *g, const struct xvs_packet *p)
{
	const struct xvs_l2_host *l2 = g->l2;

	return l2 && l2->size > offsetof(struct xvs_l2_host, owns) && l2->owns(g->host, p) == 1;
}

/* One that was unknown when its flow was judged may be known by now. */
static bool is_of_storm(const struct guard *g, const struct guard_policy *policy,
			const struct xvs_packet *p)
{
	if (policy->storm_pps == 0)
		return false;
	return p->data[0] & 1 || (policy->storm_unknown && guard_is_unknown(g, p));
}

static bool storm_is_over_limit(const struct guard *g, struct guard_rules *rules,
				const struct xvs_batch *b, const struct xvs_packet *p)
{
	if (!is_of_storm(g, rules->policy, p) || (p->flags & XVS_PKT_DRY))
		return false;
	b->counters[GUARD_COUNT_STORM]++;
	return xvs_meter_take(&rules->meter, &rules->rate, b->now_ns, xvs_wire_packets(p), 0) != 0;
}

/* One address that a port claims or is given: is it its own from now on? */
static bool obtain(const struct guard *g, const struct xvs_batch *b,
		   const struct guard_policy *policy, const uint8_t address[16])
{
	uint64_t changed = guard_learn(b->port_state, policy, address, b->now_ns);

	if (changed)
		g->flow->invalidate(g->host, changed);
	return changed != 0;
}

/* Of a message whose hardware addresses are honest: the reason to drop, or -1. */
static int check_claims(const struct guard *g, const struct guard_rules *rules,
			const struct xvs_batch *b, const struct xvs_packet *p, int spoofed)
{
	const struct guard_policy *policy = rules->policy;
	uint8_t claimed[2][16];
	uint32_t count = guard_claims(p, claimed);

	for (uint32_t i = 0; i < count; i++) {
		if (guard_is_bound(policy, claimed[i]) ||
		    guard_has_learned(b->port_state, policy, claimed[i], b->now_ns))
			continue;
		if (policy->dynamic_ips == 0 || policy->dhcp_only)
			return spoofed;
		if (!(p->flags & XVS_PKT_DRY) && !obtain(g, b, policy, claimed[i]))
			return GUARD_IP_LIMIT;
	}
	return -1;
}

static int check_neighbours(const struct guard *g, const struct guard_rules *rules,
			    const struct xvs_batch *b, const struct xvs_packet *p)
{
	if (p->ethertype == ETHERTYPE_ARP) {
		b->counters[GUARD_COUNT_ARP]++;
		if (!guard_arp_is_honest(p))
			return GUARD_SPOOFED_ARP;
		return check_claims(g, rules, b, p, GUARD_SPOOFED_ARP);
	}
	if (!guard_is_nd(p))
		return -1;
	b->counters[GUARD_COUNT_ND]++;
	if (!guard_nd_is_honest(p))
		return GUARD_SPOOFED_ND;
	return check_claims(g, rules, b, p, GUARD_SPOOFED_ND);
}

/* The reason to drop, or -1. */
static int check_packet(const struct guard *g, struct guard_rules *rules, const struct xvs_batch *b,
			const struct xvs_packet *p)
{
	int reason = -1;

	if (guard_checks_neighbours(rules->policy))
		reason = check_neighbours(g, rules, b, p);
	if (reason < 0 && storm_is_over_limit(g, rules, b, p))
		reason = GUARD_STORM;
	return reason;
}

static void guard_ingress(void *self, struct xvs_batch *b)
{
	struct guard_port *port = b->port_state;
	struct guard_rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);

	if (!rules)
		return;
	for (XVS_EACH(i, b->live)) {
		int reason = check_packet(self, rules, b, b->pkts[i]);

		if (reason < 0)
			continue;
		if (!(b->pkts[i]->flags & XVS_PKT_DRY))
			count_drops(port, b->worker_state, (uint32_t)reason, 1);
		xvs_drop(b, i, (uint16_t)reason);
	}
}

/* Answers of DHCP servers; nothing is dropped. */
static void guard_egress(void *self, struct xvs_batch *b)
{
	struct guard_port *port = b->port_state;
	struct guard_rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	uint64_t mac = atomic_load_explicit(&port->mac, memory_order_relaxed);

	for (XVS_EACH(i, rules && rules->policy->dynamic_ips ? b->live : 0)) {
		const struct xvs_packet *p = b->pkts[i];
		uint8_t address[16];

		if (!(p->flags & XVS_PKT_DRY) && guard_dhcp_gives(p, mac, address) &&
		    !guard_has_learned(port, rules->policy, address, b->now_ns))
			(void)obtain(self, b, rules->policy, address);
	}
}

static void guard_account(void *self, const struct xvs_flow_stats *stats)
{
	(void)self;
	if (stats->cookie <= GUARD_REASON_COUNT)
		count_drops(stats->port_state, stats->worker_state, (uint32_t)stats->cookie - 1,
			    stats->packets);
}

static const struct xvs_flow flow = {
	.size = sizeof(flow),
	.judge = guard_judge,
	.account = guard_account,
};

static const void *guard_query(void *self, const char *id)
{
	(void)self;
	if (strcmp(id, XVS_STATE) == 0)
		return &guard_state;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = guard_create,
	.destroy = guard_destroy,
	.worker_attach = guard_worker_attach,
	.worker_detach = guard_worker_detach,
	.port_attach = guard_port_attach,
	.port_event = guard_port_event,
	.port_detach = guard_port_detach,
	.policy_check = guard_policy_check,
	.policy_apply = guard_policy_apply,
	.policy_abort = guard_policy_abort,
	.status_read = guard_status_read,
	.ingress = guard_ingress,
	.egress = guard_egress,
	.query = guard_query,
};

static const char *const needs[] = { XVS_FLOW_HOST };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "org.xvs.guard",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Keeps guests from forging addresses, serving DHCP, routing and storms",
	  .features = XVS_TABLE(guard_features),
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

XVS_NOTE("org.xvs.guard", XVS_VERSION, 1u << XVS_FILTER, XVS_RIGHT_PAYLOAD);
