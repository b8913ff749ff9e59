/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs.acl - access lists of a port: what it may receive and send.
 *
 * It is linked into xvsd and stands first among the firewalls of every chain, but is an extension as
 * any other: it sees nothing of the switch that xvs/ does not show.  A port without its policies
 * is not in its hands at all.
 *
 * Packets are judged by flow.  Where a rule is stateful the host tracks the port's connections, and
 * asks here about each new one and, after a change of rules, about each that lives; a port whose
 * rules keep no state has no connections ("xvs.conn-scope/1").  Counts of rules are those of
 * flows, told once a second.  Packets are seen one by one where their rule limits or copies them.
 */
#include "acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decide.h"
#include "effect.h"
#include "xvs/ext/connscope.h"
#include "xvs/ext/explain.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/mirror.h"
#include "xvs/ext/sdk.h"

enum { ACCOUNT_MS = 1000 };

static const struct xvs_label reasons[] = {
	[ACL_OTHER] = { "acl", "Refused by an access list" },
	[ACL_BASIC_DENY] = { "acl-deny", "A rule of xvs.acl/1 denies it" },
	[ACL_EXTENDED_DENY] = { "extended-deny", "A rule of xvs.acl-extended/1 denies it" },
	[ACL_LIMIT] = { "acl-limit",
			"Beyond what a rule of xvs.acl-extended/1 lets pass a second" },
};

/* ---- control --------------------------------------------------------------------------------- */

static int acl_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		      struct xvs_error *err)
{
	struct acl *a = calloc(1, sizeof(*a));

	if (!a)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	a->host = host;
	a->classify = host->query(host, XVS_CLASSIFY);
	a->conns = host->query(host, XVS_CONN_HOST);
	a->mark = host->query(host, XVS_MARK);
	a->mirror = host->query(host, XVS_MIRROR);
	a->workers = args->workers;
	a->seed = args->seed;
	*self = a;
	return 0;
}

static void acl_destroy(void *self)
{
	struct acl *a = self;

	free(a->shown);
	free(a);
}

static int acl_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
			     struct xvs_error *err)
{
	const struct acl *a = self;
	struct acl_worker *w = calloc(1, sizeof(*w));

	(void)numa_node;
	if (!w)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	w->index = worker;
	w->random = a->seed + worker + 1;
	*worker_state = w;
	return 0;
}

static void acl_worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
}

static int acl_port_attach(void *self, const struct xvs_port *info, void **port_state,
			   struct xvs_error *err)
{
	struct acl_port *port = calloc(1, sizeof(*port));

	(void)self;
	if (!port)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	atomic_store_explicit(&port->segment, info->segment, memory_order_relaxed);
	(void)snprintf(port->name, sizeof(port->name), "%s", info->name);
	*port_state = port;
	return 0;
}

static void acl_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	struct acl_port *port = port_state;

	(void)self;
	if (event == XVS_PORT_CHANGED)
		atomic_store_explicit(&port->segment, now->segment, memory_order_relaxed);
}

static void acl_port_detach(void *self, void *port_state)
{
	struct acl_port *port = port_state;

	(void)self;
	for (uint32_t f = 0; f < FEATURE_SETTINGS; f++)
		tally_finish(port_tally(port, f));
	free(port);
}

static int acl_policy_check(void *self, void *port_state, const char *feature, const void *value,
			    void **prepared, struct xvs_error *err)
{
	struct acl *a = self;
	const struct acl_port *port = port_state;
	enum feature f = acl_feature(feature);
	struct tally *next = NULL;
	struct ruleset *set;
	int code = 0;

	if (value)
		code = ruleset_use(a, f, value, &set, err);
	if (value && code == 0)
		code = tally_create(a, set, port_tally(port, f), &next, err);
	if (code == 0)
		*prepared = next;
	return code;
}

static bool keeps_state(const struct tally *t)
{
	return t && t->set->is_stateful;
}

static void acl_policy_apply(void *self, void *port_state, const char *feature, const void *value,
			     void *prepared)
{
	const struct acl *a = self;
	struct acl_port *port = port_state;
	struct tally *next = prepared;
	bool is_asked;
	struct tally *old;

	(void)value;
	old = atomic_exchange_explicit(&port->tallies[acl_feature(feature)], next,
				       memory_order_acq_rel);
	is_asked = keeps_state(port_tally(port, FEATURE_EXTENDED)) || keeps_state(old);
	if (old)
		tally_retire(old, next);
	/* flows of the port are judged anew by the host; connections when they are asked to be */
	if (is_asked)
		a->conns->invalidate(a->host);
}

static void acl_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	(void)self;
	(void)port_state;
	(void)feature;
	tally_abort(prepared);
}

static int acl_status_read(void *self, void *port_state, const char *feature, void *out,
			   struct xvs_error *err)
{
	enum feature of =
		acl_feature(feature) == FEATURE_BASIC_COUNTS ? FEATURE_BASIC : FEATURE_EXTENDED;

	return acl_status_fill(self, port_state, of, out, err);
}

/* ---- flows ----------------------------------------------------------------------------------- */

_Static_assert(BASIC_RULES_MAX + 1 < 1 << BASIC_BITS, "a number and one for none");
_Static_assert(EXTENDED_RULES_MAX + 1 < 1 << EXTENDED_BITS, "a number and one for none");
_Static_assert(GENERATIONS < 1 << GENERATION_BITS, "all generations");

static uint64_t cookie_of(const struct answer *a)
{
	uint64_t cookie = 0;

	if (a->access == NO_RULE && a->meter == NO_RULE && a->extended == NO_RULE)
		return 0;
	cookie |= (uint64_t)(a->access + 1) << ACCESS_AT;
	cookie |= (uint64_t)(a->meter + 1) << METER_AT;
	cookie |= (uint64_t)(a->extended + 1);
	if (a->basic_tally)
		cookie |= (uint64_t)a->basic_tally->generation << BASIC_GENERATION_AT;
	if (a->extended_tally)
		cookie |= (uint64_t)a->extended_tally->generation << EXTENDED_GENERATION_AT;
	return cookie;
}

_Static_assert(NO_RULE + 1 == 0, "no rule is 0 in a cookie");

/* Was the flow told of already, under the same rule of the same policy? */
static bool is_same_rule(uint64_t former, uint64_t cookie)
{
	return ((former ^ cookie) & ((UINT64_C(1) << METER_AT) - 1)) == 0;
}

/* What the rule does beside; 'former' is the flow's cookie, if it was judged before. */
static void judge_effect(const struct question *q, const struct answer *a,
			 const struct xvs_batch *b, uint64_t former, struct xvs_flow_verdict *v)
{
	const struct effect *e = effect_of(a);
	const struct log_entry entry = { q->acl, a, q->key, b, q->direction };

	if (!e)
		return;
	if (!a->is_denied)
		effect_judge(q->acl, e, v);
	if (e->log_sample == 0)
		return;
	log_examine(&v->examined);
	if (!(b->pkts[0]->flags & XVS_PKT_DRY) && !is_same_rule(former, v->cookie))
		log_flow(&entry);
}

static void acl_judge(void *self, const struct xvs_batch *b, uint32_t i,
		      const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	const struct question q = {
		.acl = self,
		.port = b->port_state,
		.key = key,
		.mask = &v->examined,
		.direction = b->stage == XVS_STAGE_EGRESS ? DIRECTION_IN : DIRECTION_OUT,
		.is_of_connection = true,
	};
	const uint64_t former = v->cookie;
	struct answer a;

	(void)i; /* which is 0: flows are judged one by one */
	decide(&q, &a);
	if (a.is_denied) {
		v->action = XVS_FLOW_DROP;
		v->reason = a.reason;
	}
	v->cookie = cookie_of(&a);
	v->account_ms = v->cookie ? ACCOUNT_MS : 0;
	judge_effect(&q, &a, b, former, v);
}

/* What a flow brings for one of its rules; 'part' is 0 where it has none. */
static void credit(const struct tally *t, const struct xvs_flow_stats *stats, uint32_t generation,
		   uint32_t part)
{
	const struct acl_worker *worker = stats->worker_state;
	const struct credit c = { .generation = generation,
				  .nr = part - 1,
				  .packets = stats->packets,
				  .bytes = stats->bytes };

	if (t && part)
		tally_credit(t, worker->index, &c);
}

static void acl_account(void *self, const struct xvs_flow_stats *stats)
{
	const struct acl_port *port = stats->port_state;
	const struct tally *basic = port_tally(port, FEATURE_BASIC);
	const struct tally *extended = port_tally(port, FEATURE_EXTENDED);
	uint64_t cookie = stats->cookie;
	uint32_t generation = cookie_part(cookie, BASIC_GENERATION_AT, GENERATION_BITS);

	(void)self;
	credit(basic, stats, generation, cookie_part(cookie, ACCESS_AT, BASIC_BITS));
	credit(basic, stats, generation, cookie_part(cookie, METER_AT, BASIC_BITS));
	generation = cookie_part(cookie, EXTENDED_GENERATION_AT, GENERATION_BITS);
	credit(extended, stats, generation, cookie_part(cookie, 0, EXTENDED_BITS));
}

static const struct xvs_flow flow_ops = {
	.size = sizeof(flow_ops),
	.judge = acl_judge,
	.account = acl_account,
};

static void acl_packets(void *self, struct xvs_batch *b)
{
	effect_packets(self, b);
}

/* ---- connections ----------------------------------------------------------------------------- */

/* The key of a packet that the initiator sends; 'p' may be one that it gets. */
static void initiator_key(const struct xvs_batch *b, const struct xvs_packet *p,
			  const struct xvs_conn *c, struct xvs_flow_key *key)
{
	bool is_from_initiator = (b->stage == XVS_STAGE_EGRESS) == (c->inbound != 0);

	memset(key, 0, sizeof(*key));
	memcpy(key->eth_dst, p->data + (is_from_initiator ? 0 : 6), sizeof(key->eth_dst));
	memcpy(key->eth_src, p->data + (is_from_initiator ? 6 : 0), sizeof(key->eth_src));
	key->ethertype = xvs_ntoh16(p->ethertype);
	if (p->flags & XVS_PKT_VLAN) {
		key->bits |= XVS_KEY_VLAN;
		key->vlan_tci = xvs_ntoh16(p->vlan_tci);
	}
	memcpy(key->ip_src, c->src, sizeof(key->ip_src));
	memcpy(key->ip_dst, c->dst, sizeof(key->ip_dst));
	key->ip_proto = c->proto;
	key->l4_src = c->src_port;
	key->l4_dst = c->dst_port;
	if (c->proto == 1 || c->proto == 58) {
		key->l4_src = xvs_ntoh16(xvs_ntoh16(c->dst_port) >> 8);
		key->l4_dst = xvs_ntoh16(xvs_ntoh16(c->dst_port) & 0xff);
	}
}

static void count_connection(const struct xvs_batch *b, const struct xvs_packet *p,
			     const struct xvs_conn *c, const struct answer *a)
{
	const struct acl_worker *worker = b->worker_state;
	bool is_new = c->state == XVS_CONN_NEW;
	const struct tally *t = a->extended != NO_RULE ? a->extended_tally : a->basic_tally;
	struct credit credit = { .nr = a->extended != NO_RULE ? a->extended : a->access,
				 .connections = is_new };

	if (!t || credit.nr == NO_RULE || (!is_new && !a->is_denied))
		return;
	/* of those that are let in, flows bring the packets */
	if (a->is_denied) {
		credit.packets = xvs_wire_packets(p);
		credit.bytes = xvs_wire_bytes(p);
	}
	credit.generation = t->generation;
	tally_credit(t, worker->index, &credit);
}

static void acl_authorise(void *self, const struct xvs_batch *b, uint32_t i,
			  const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	const struct xvs_packet *p = b->pkts[i];
	struct xvs_flow_key key;
	const struct question q = {
		.acl = self,
		.port = b->port_state,
		.key = &key,
		.direction = c->inbound ? DIRECTION_IN : DIRECTION_OUT,
	};
	struct answer a;

	initiator_key(b, p, c, &key);
	decide(&q, &a);
	v->idle_ms = a.idle_ms;
	if (a.is_denied) {
		v->action = XVS_CONN_DENY;
		v->reason = a.reason;
	}
	if (p->flags & XVS_PKT_DRY)
		return;
	count_connection(b, p, c, &a);
	/* of those that are let in, flows tell */
	if (a.is_denied)
		log_flow(&(struct log_entry){ self, &a, &key, b, q.direction });
}

static bool acl_tracks(void *self, void *port_state)
{
	(void)self;
	return keeps_state(port_tally(port_state, FEATURE_EXTENDED));
}

static const struct xvs_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.authorise = acl_authorise,
};

static const struct xvs_conn_scope conn_scope = {
	.size = sizeof(conn_scope),
	.flags = XVS_CONN_SLOTLESS,
	.tracks = acl_tracks,
};

/* ---- telling which rule ---------------------------------------------------------------------- */

/* The one that denies, else the last that had a say; of a reply the one that lets the question pass. */
static void acl_explain(void *self, const struct xvs_batch *b, uint32_t i,
			const struct xvs_flow_key *key, char *text, uint32_t bytes)
{
	const struct question q = {
		.acl = self,
		.port = b->port_state,
		.key = key,
		.direction = b->stage == XVS_STAGE_EGRESS ? DIRECTION_IN : DIRECTION_OUT,
		.is_of_connection = true,
	};
	struct answer a;

	(void)i;
	decide(&q, &a);
	if (a.extended != NO_RULE) {
		acl_rule_print(a.extended_tally, a.extended, text, bytes);
		if (effect_of(&a))
			effect_print(effect_of(&a), text, bytes);
	} else if (a.access != NO_RULE) {
		acl_rule_print(a.basic_tally, a.access, text, bytes);
	} else if (a.meter != NO_RULE) {
		acl_rule_print(a.basic_tally, a.meter, text, bytes);
	} else {
		(void)snprintf(text, bytes, "no rule is about it");
	}
}

static const struct xvs_explain explain = { .size = sizeof(explain), .explain = acl_explain };

/* ---- what it offers -------------------------------------------------------------------------- */

static const void *acl_query(void *self, const char *id)
{
	(void)self;
	if (strcmp(id, XVS_FLOW) == 0)
		return &flow_ops;
	if (strcmp(id, XVS_CONN) == 0)
		return &conn_ops;
	if (strcmp(id, XVS_EXPLAIN) == 0)
		return &explain;
	if (strcmp(id, XVS_STATE) == 0)
		return &acl_state;
	return strcmp(id, XVS_CONN_SCOPE) == 0 ? &conn_scope : NULL;
}

/* ---- what the host reads --------------------------------------------------------------------- */

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = acl_create,
	.destroy = acl_destroy,
	.worker_attach = acl_worker_attach,
	.worker_detach = acl_worker_detach,
	.port_attach = acl_port_attach,
	.port_event = acl_port_event,
	.port_detach = acl_port_detach,
	.policy_check = acl_policy_check,
	.policy_apply = acl_policy_apply,
	.policy_abort = acl_policy_abort,
	.status_read = acl_status_read,
	.ingress = acl_packets,
	.egress = acl_packets,
	.query = acl_query,
};

static const char *const needs[] = { XVS_CLASSIFY, XVS_CONN_HOST, XVS_MARK, XVS_MIRROR };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FIREWALL,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "xvs.acl",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Access lists: what each port may receive and send; meters",
	  .features = XVS_TABLE(acl_features),
	  .reasons = XVS_TABLE(reasons),
	  .needs = XVS_TABLE(needs),
	  .ops = &ops },
};

extern const struct xvs_module xvs_builtin_portacl;

const struct xvs_module xvs_builtin_portacl = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};
