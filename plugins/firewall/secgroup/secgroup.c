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
 * A rule names the other end by prefix, address set or group, and the service by the responder's
 * port, whichever side the connection was opened from.  New rules are compiled in policy_check(),
 * swapped in by policy_apply(), and the old ones freed when no worker can see them any more; counts
 * of hits belong to the rules as they are written, and begin anew with them.
 *
 * Sets and groups are of the switch.  When they change, the host asks about the policy of every
 * port again, so each port's rules are looked up anew in those that are to be.  Members of groups
 * come and go with the policies of their ports, in a table that rules read.
 */
#include "secgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/explain.h"
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
	int result;

	if (!s)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	s->host = host;
	s->conns = host->query(host, XVS_CONN_HOST);
	s->events = host->query(host, XVS_EVENTS);
	s->workers = args->workers;
	s->seed = args->seed;
	s->env = (struct objects_env){ host, host->query(host, XVS_CLASSIFY), &s->groups };
	result = objects_create(&s->env, NULL, &s->objects, err);
	if (result) {
		free(s);
		return result;
	}
	*self = s;
	return 0;
}

static void secgroup_destroy(void *self)
{
	struct secgroup *s = self;

	objects_destroy(s->objects);
	free(s->hits);
	free(s);
}

static int secgroup_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
				  struct xvs_error *err)
{
	const struct secgroup *s = self;
	struct secgroup_worker *w = calloc(1, sizeof(*w));

	(void)numa_node;
	if (!w)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	w->index = worker;
	w->random = s->seed + worker + 1;
	*worker_state = w;
	return 0;
}

static void secgroup_worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
}

/* What is not to be seen any more, freed when nobody can. */
struct remains {
	struct secgroup *s;
	struct rules *rules;
	struct membership *membership;
};

static void remains_free(void *arg)
{
	struct remains *r = arg;

	rules_destroy(r->rules);
	membership_destroy(&r->s->groups, r->membership);
	free(r);
}

static void port_free(struct secgroup_port *port)
{
	if (!port)
		return;
	free(atomic_load_explicit(&port->name, memory_order_relaxed));
	free(port->shares);
	free(port->remains);
	free(port);
}

/* Out of memory: it is called as it was. */
static void name_port(const struct secgroup *s, struct secgroup_port *port,
		      const struct xvs_port *info)
{
	char *old = atomic_load_explicit(&port->name, memory_order_relaxed);
	char *name = old && strcmp(old, info->name) == 0 ? NULL : strdup(info->name);

	if (!name)
		return;
	/* pairs with the load in event_log() */
	atomic_store_explicit(&port->name, name, memory_order_release);
	if (old)
		s->host->defer(s->host, free, old);
}

static int secgroup_port_attach(void *self, const struct xvs_port *info, void **port_state,
				struct xvs_error *err)
{
	const struct secgroup *s = self;
	struct secgroup_port *port = calloc(1, sizeof(*port));

	if (port) {
		port->shares = aligned_alloc(64, s->workers * sizeof(*port->shares));
		port->remains = calloc(1, sizeof(*port->remains));
	}
	if (!port || !port->shares || !port->remains) {
		port_free(port);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	memset(port->shares, 0, s->workers * sizeof(*port->shares));
	name_port(s, port, info);
	if (!atomic_load_explicit(&port->name, memory_order_relaxed)) {
		port_free(port);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	*port_state = port;
	return 0;
}

/*
 * Flows and workers have left the port, but those of others may be looking at its addresses, so
 * these go later.
 */
static void secgroup_port_detach(void *self, void *port_state)
{
	struct secgroup *s = self;
	struct secgroup_port *port = port_state;

	rules_destroy(atomic_load_explicit(&port->rules, memory_order_relaxed));
	if (port->membership) {
		members_leave(&s->members, port->membership);
		*port->remains = (struct remains){ .s = s, .membership = port->membership };
		s->host->defer(s->host, remains_free, port->remains);
		port->remains = NULL;
		s->conns->invalidate(s->host);
	}
	port_free(port);
}

/* ---- policies ---------------------------------------------------------------------------- */

/* A port's policy, compiled and looked up. */
struct prepared {
	struct rules *rules;
	struct membership *membership;
	struct remains *remains; /* room for what it replaces */
};

static void prepared_free(struct secgroup *s, struct prepared *p)
{
	rules_destroy(p->rules);
	membership_destroy(&s->groups, p->membership);
	free(p->remains);
	free(p);
}

/* Rules that are as they were keep what was made of them, and their counts. */
static int rule_set_for(struct secgroup *s, const struct secgroup_port *port,
			const struct secgroup_policy *policy, struct rule_set **out,
			struct xvs_error *err)
{
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_relaxed);

	if (!rules || port->value != policy)
		return rule_set_create(&s->env, policy, s->workers, out, err);
	*out = rule_set_hold(rules_set(rules));
	return 0;
}

static int prepare(struct secgroup *s, const struct secgroup_port *port,
		   const struct secgroup_policy *policy, struct prepared *p, struct xvs_error *err)
{
	const struct objects *objects = s->candidate ? s->candidate : s->objects;
	struct rule_set *set;
	int result = rule_set_for(s, port, policy, &set, err);

	if (result)
		return result;
	result = rules_create(&s->env, set, objects, &s->members, &p->rules, err);
	rule_set_put(set);
	if (result)
		return result;
	return membership_create(objects, &s->groups, &policy->member, &p->membership, err);
}

static int rules_check(struct secgroup *s, const struct secgroup_port *port,
		       const struct secgroup_policy *policy, void **out, struct xvs_error *err)
{
	struct prepared *p = calloc(1, sizeof(*p));
	int result = 0;

	if (p)
		p->remains = calloc(1, sizeof(*p->remains));
	if (!p || !p->remains) {
		free(p);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	if (policy)
		result = prepare(s, port, policy, p, err);
	if (result) {
		prepared_free(s, p);
		return result;
	}
	*out = p;
	return 0;
}

/* New members first: who was one and stays one is one all the time. */
static void rules_apply(struct secgroup *s, struct secgroup_port *port, const void *value,
			struct prepared *p)
{
	*p->remains = (struct remains){ .s = s, .membership = port->membership };
	members_join(&s->members, p->membership);
	members_leave(&s->members, port->membership);
	port->membership = p->membership;
	port->value = value;
	p->remains->rules = atomic_exchange_explicit(&port->rules, p->rules, memory_order_acq_rel);
	s->host->defer(s->host, remains_free, p->remains);
	free(p);
	s->conns->invalidate(s->host);
}

/* Only one change of the switch is under way at a time. */
static int objects_check(struct secgroup *s, const void *value, void **out, struct xvs_error *err)
{
	struct objects *o;
	int result = objects_create(&s->env, value, &o, err);

	if (result)
		return result;
	s->candidate = o;
	*out = o;
	return 0;
}

/* Rules hold what they name, so the old may go at once. */
static void objects_apply(struct secgroup *s, struct objects *o)
{
	objects_destroy(s->objects);
	s->objects = o;
	s->candidate = NULL;
}

static int secgroup_policy_check(void *self, void *port_state, const char *feature,
				 const void *value, void **prepared, struct xvs_error *err)
{
	(void)feature;
	if (!port_state)
		return objects_check(self, value, prepared, err);
	return rules_check(self, port_state, value, prepared, err);
}

static void secgroup_policy_apply(void *self, void *port_state, const char *feature,
				  const void *value, void *prepared)
{
	(void)feature;
	if (port_state)
		rules_apply(self, port_state, value, prepared);
	else
		objects_apply(self, prepared);
}

static void secgroup_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	struct secgroup *s = self;

	(void)feature;
	if (port_state) {
		prepared_free(s, prepared);
		return;
	}
	objects_destroy(prepared);
	s->candidate = NULL;
}

static void secgroup_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	if (event == XVS_PORT_CHANGED)
		name_port(self, port_state, now);
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
	_Atomic uint64_t *count = &port->shares[worker->index].count[answer->action];

	b->counters[answer->action]++;
	if (rules)
		rules_credit(rules, answer->nr, worker->index);
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

_Static_assert((int)RULE_ALLOW == (int)SECGROUP_ALLOWED && (int)RULE_DENY == (int)SECGROUP_DENIED &&
		       (int)RULE_REJECT == (int)SECGROUP_REJECTED,
	       "an action is counted under its number");

/* In the slot of a connection, above the rule that decided: it was let in, and is logged. */
#define SLOT_ALLOWED (UINT64_C(1) << 32)
#define SLOT_LOGGED (UINT64_C(1) << 33)

/* Nothing is asked, and nothing counted, of a connection that is to be left alone. */
static bool keeps(const struct rules *rules, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	if (!rules || !rules_keep_established(rules) || !c->slot || !(*c->slot & SLOT_ALLOWED))
		return false;
	v->action = XVS_CONN_ALLOW;
	v->log = (*c->slot & SLOT_LOGGED) != 0;
	return true;
}

/* Who was told of when it began is told of when it ends. */
static bool is_logged(const struct rules *rules, const struct xvs_batch *b,
		      const struct xvs_conn *c, const struct rule_answer *answer)
{
	struct secgroup_worker *worker = b->worker_state;
	uint32_t sample = answer->log ? rules_log_sample(rules) : 0;

	if (sample <= 1)
		return answer->log;
	if (c->slot && *c->slot & SLOT_ALLOWED)
		return (*c->slot & SLOT_LOGGED) != 0;
	return (xvs_random(&worker->random) >> 32) * sample >> 32 == 0;
}

static void remember(const struct xvs_conn *c, const struct rule_answer *answer)
{
	if (!c->slot)
		return;
	*c->slot = answer->is_default ? 0 : answer->nr + 1u;
	if (answer->action == RULE_ALLOW)
		*c->slot |= SLOT_ALLOWED | (answer->log ? SLOT_LOGGED : 0);
}

static void secgroup_authorise(void *self, const struct xvs_batch *b, uint32_t i,
			       const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	static const uint16_t actions[] = { XVS_CONN_ALLOW, XVS_CONN_DENY, XVS_CONN_REJECT };
	const struct secgroup_port *port = b->port_state;
	const struct rule_query q = {
		.direction = c->inbound ? DIRECTION_IN : DIRECTION_OUT,
		.proto = c->proto,
		.service = xvs_ntoh16(c->dst_port),
		.remote = c->inbound ? c->src : c->dst,
	};
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	struct rule_answer answer;

	(void)self;
	if (keeps(rules, c, v))
		return;
	answer = decide(rules, &q);
	v->action = actions[answer.action];
	if (answer.action != RULE_ALLOW)
		v->reason = (uint16_t)reason_of(rules, &answer);
	if (b->pkts[i]->flags & XVS_PKT_DRY)
		return;
	answer.log = is_logged(rules, b, c, &answer);
	v->log = answer.log;
	count_connection(rules, b, &answer);
	remember(c, &answer);
}

static const struct xvs_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.authorise = secgroup_authorise,
	.event = secgroup_event,
};

static const struct xvs_explain explain = { .size = sizeof(explain), .explain = secgroup_explain };

static const void *secgroup_query(void *self, const char *id)
{
	(void)self;
	if (strcmp(id, XVS_EXPLAIN) == 0)
		return &explain;
	if (strcmp(id, XVS_STATE) == 0)
		return &secgroup_state;
	return strcmp(id, XVS_CONN) == 0 ? &conn_ops : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = secgroup_create,
	.destroy = secgroup_destroy,
	.worker_attach = secgroup_worker_attach,
	.worker_detach = secgroup_worker_detach,
	.port_attach = secgroup_port_attach,
	.port_event = secgroup_port_event,
	.port_detach = secgroup_port_detach,
	.policy_check = secgroup_policy_check,
	.policy_apply = secgroup_policy_apply,
	.policy_abort = secgroup_policy_abort,
	.status_read = secgroup_status_read,
	.query = secgroup_query,
};

static const char *const needs[] = { XVS_CONN_HOST, XVS_CLASSIFY };

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
