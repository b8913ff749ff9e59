/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.secgroup - security groups: a stateful firewall of rules for each port.
 *
 * The host tracks connections; this extension is asked once for each, by authorise(), and once
 * more after a change of rules.  Replies and related errors follow the connection.  The first
 * rule that matches decides, then the default of the direction: deny what comes in, allow what
 * goes out, unless the policy says otherwise.  A port that must have this extension and has no
 * rules is treated so as well.
 *
 * A rule names the other end by address and the service by the responder's port, whichever side
 * the connection was opened from.  New rules are compiled in policy_check(), swapped in by
 * policy_apply(), and the old ones freed when no worker can see them any more; counts of hits
 * belong to the rules and begin anew with them.
 */
#include "secgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

static const struct xvs_label reasons[] = {
	[SECGROUP_OTHER] = { "secgroup", "Refused by the security group" },
	[SECGROUP_NO_RULES] = { "no-rules", "The port has no rule, and so accepts no connection" },
	[SECGROUP_DEFAULT_DENY] = { "default-deny", "No rule matches, and the default is deny" },
	[SECGROUP_RULE_DENY] = { "rule-deny", "A rule denies the connection" },
	[SECGROUP_RULE_REJECT] = { "rule-reject", "A rule rejects the connection" },
};

static const struct xvs_label counters[] = {
	[SECGROUP_ALLOWED] = { "allowed", "Connections allowed" },
	[SECGROUP_DENIED] = { "denied", "Connections denied" },
	[SECGROUP_REJECTED] = { "rejected", "Connections rejected" },
};

/* ---- control ----------------------------------------------------------------------------- */

static int secgroup_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			   struct xvs_error *err)
{
	struct secgroup *s = calloc(1, sizeof(*s));

	if (!s)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	s->host = host;
	s->conns = host->query(host, XVS_CONN_HOST);
	s->events = host->query(host, XVS_EVENTS);
	s->workers = args->workers;
	*self = s;
	return 0;
}

static void secgroup_destroy(void *self)
{
	struct secgroup *s = self;

	free(s->hits);
	free(s);
}

static int secgroup_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
				  struct xvs_error *err)
{
	struct secgroup_worker *w = calloc(1, sizeof(*w));

	(void)self;
	(void)numa_node;
	if (!w)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	w->index = worker;
	*worker_state = w;
	return 0;
}

static void secgroup_worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
}

static int secgroup_port_attach(void *self, const struct xvs_port *info, void **port_state,
				struct xvs_error *err)
{
	const struct secgroup *s = self;
	struct secgroup_port *port = calloc(1, sizeof(*port));

	(void)info;
	if (port)
		port->counts = aligned_alloc(64, s->workers * sizeof(*port->counts));
	if (!port || !port->counts) {
		free(port);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	memset(port->counts, 0, s->workers * sizeof(*port->counts));
	*port_state = port;
	return 0;
}

static void secgroup_port_detach(void *self, void *port_state)
{
	struct secgroup_port *port = port_state;

	(void)self;
	rules_destroy(atomic_load_explicit(&port->rules, memory_order_relaxed));
	free(port->counts);
	free(port);
}

static int secgroup_policy_check(void *self, void *port_state, const char *feature,
				 const void *value, void **prepared, struct xvs_error *err)
{
	const struct secgroup *s = self;
	struct rules *rules = NULL;
	int result = 0;

	(void)port_state;
	(void)feature;
	if (value)
		result = rules_compile(value, s->workers, &rules, err);
	*prepared = rules;
	return result;
}

static void free_rules(void *arg)
{
	rules_destroy(arg);
}

static void secgroup_policy_apply(void *self, void *port_state, const char *feature,
				  const void *value, void *prepared)
{
	const struct secgroup *s = self;
	struct secgroup_port *port = port_state;
	struct rules *old;

	(void)feature;
	(void)value;
	old = atomic_exchange_explicit(&port->rules, prepared, memory_order_acq_rel);
	if (old)
		s->host->defer(s->host, free_rules, old);
	s->conns->invalidate(s->host);
}

static void secgroup_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	(void)self;
	(void)port_state;
	(void)feature;
	rules_destroy(prepared);
}

static int secgroup_status_read(void *self, void *port_state, const char *feature, void *out,
				struct xvs_error *err)
{
	(void)feature;
	return secgroup_status_fill(self, port_state, out, err);
}

/* ---- connections ------------------------------------------------------------------------- */

/* Without a policy: nothing in, everything out. */
static struct rule_answer decide(const struct rules *rules, const struct rule_query *q)
{
	if (rules)
		return rules_decide(rules, q);
	return (struct rule_answer){ q->direction == DIRECTION_IN ? RULE_DENY : RULE_ALLOW, 0,
				     false, true };
}

static enum secgroup_reason reason_of(const struct rules *rules, const struct rule_answer *answer)
{
	if (!rules || rules_count(rules) == 0)
		return SECGROUP_NO_RULES;
	if (answer->is_default)
		return SECGROUP_DEFAULT_DENY;
	return answer->action == RULE_DENY ? SECGROUP_RULE_DENY : SECGROUP_RULE_REJECT;
}

/* The number of the action is that of its counter. */
static void count_connection(const struct rules *rules, const struct xvs_batch *b,
			     const struct rule_answer *answer)
{
	const struct secgroup_port *port = b->port_state;
	const struct secgroup_worker *worker = b->worker_state;
	_Atomic uint64_t *count = &port->counts[worker->index].count[answer->action];

	b->counters[answer->action]++;
	if (rules)
		rules_credit(rules, answer->nr, worker->index);
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

_Static_assert((int)RULE_ALLOW == (int)SECGROUP_ALLOWED && (int)RULE_DENY == (int)SECGROUP_DENIED &&
		       (int)RULE_REJECT == (int)SECGROUP_REJECTED,
	       "an action is counted under its number");

static void secgroup_authorise(void *self, const struct xvs_batch *b, uint32_t i,
			       const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	static const uint16_t actions[] = { XVS_CONN_ALLOW, XVS_CONN_DENY, XVS_CONN_REJECT };
	const struct secgroup_port *port = b->port_state;
	uint16_t service = xvs_ntoh16(c->dst_port);
	const struct rule_query q = {
		.direction = c->inbound ? DIRECTION_IN : DIRECTION_OUT,
		.proto = c->proto,
		.icmp_type = (uint8_t)(service >> 8),
		.port = service,
		.remote = c->inbound ? c->src : c->dst,
	};
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	struct rule_answer answer = decide(rules, &q);

	(void)self;
	v->action = actions[answer.action];
	v->log = answer.log;
	if (answer.action != RULE_ALLOW)
		v->reason = (uint16_t)reason_of(rules, &answer);
	if (b->pkts[i]->flags & XVS_PKT_DRY)
		return;
	count_connection(rules, b, &answer);
	if (c->slot)
		*c->slot = answer.is_default ? 0 : answer.nr + 1u;
}

static const struct xvs_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.authorise = secgroup_authorise,
	.event = secgroup_event,
};

static const void *secgroup_query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_CONN) == 0 ? &conn_ops : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = secgroup_create,
	.destroy = secgroup_destroy,
	.worker_attach = secgroup_worker_attach,
	.worker_detach = secgroup_worker_detach,
	.port_attach = secgroup_port_attach,
	.port_detach = secgroup_port_detach,
	.policy_check = secgroup_policy_check,
	.policy_apply = secgroup_policy_apply,
	.policy_abort = secgroup_policy_abort,
	.status_read = secgroup_status_read,
	.query = secgroup_query,
};

static const char *const needs[] = { XVS_CONN_HOST };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FIREWALL,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "org.xvs.secgroup",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Security groups: which connections each port may accept and open",
	  .features = XVS_TABLE(secgroup_features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};

XVS_NOTE("org.xvs.secgroup", XVS_VERSION, 1u << XVS_FIREWALL, 0);
