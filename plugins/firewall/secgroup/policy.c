/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features of org.xvs.secgroup: rules, status, the event of a logged connection.
 */
#include <errno.h>
#include <stdlib.h>

#include "secgroup.h"
#include "xvs/ext/sdk.h"

static const char *const directions[] = { "in", "out" };
static const char *const protos[] = { "any", "tcp", "udp", "icmp", "icmpv6", "sctp", "number" };
static const char *const actions[] = { "allow", "deny", "reject" };
static const char *const default_actions[] = { "deny", "allow" };
static const char *const whats[] = { "begin", "end", "denied" };

#define RULE(member) .offset = offsetof(struct rule_policy, member)
#define POLICY(member) .offset = offsetof(struct secgroup_policy, member)
#define STATUS(member) .offset = offsetof(struct secgroup_status, member)
#define EVENT(member) .offset = offsetof(struct connection_event, member)

static const struct xvs_field rule_fields[] = {
	{ .name = "direction",
	  .help = "Connections to the port (in) or from it (out)",
	  .type = XVS_ENUM,
	  .flags = XVS_FIELD_REQUIRED,
	  .names = XVS_TABLE(directions),
	  RULE(direction) },
	{ .name = "proto",
	  .help = "Protocol; 'number': the one in 'protocol'",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(protos),
	  RULE(proto) },
	{ .name = "protocol",
	  .help = "IP protocol number, with proto 'number'",
	  .type = XVS_U32,
	  .max = 255,
	  RULE(protocol) },
	{ .name = "ports",
	  .help = "Ports of the responder, as in '80,443,1000-2000', with proto tcp, udp or sctp; "
		  "empty: all",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct rule_policy *)0)->ports),
	  RULE(ports) },
	{ .name = "prefix",
	  .help = "Addresses of the other end; bits behind the prefix length are ignored.  Absent "
		  "or ::/0: every address of both families; 0.0.0.0/0: every IPv4 address",
	  .type = XVS_IP,
	  RULE(prefix) },
	{ .name = "icmp_type",
	  .help = "ICMP type of the first packet; 256: any",
	  .type = XVS_U32,
	  .max = ICMP_TYPE_ANY,
	  .dflt = ICMP_TYPE_ANY,
	  RULE(icmp_type) },
	{ .name = "action",
	  .help = "What happens to the connection; 'reject' answers with a TCP reset or an ICMP "
		  "error, 'deny' does not answer",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(actions),
	  RULE(action) },
	{ .name = "log",
	  .help = "Report begin and end of each connection that this rule decides",
	  .type = XVS_BOOL,
	  RULE(log) },
};

static const struct xvs_field policy_fields[] = {
	{ .name = "rules",
	  .help = "Rules for new connections; the first that matches decides, replies need none",
	  .type = XVS_LIST,
	  .max = RULES_MAX,
	  .fields = XVS_TABLE(rule_fields),
	  .element_bytes = sizeof(struct rule_policy),
	  POLICY(rules) },
	{ .name = "default_in",
	  .help = "Connections to the port that no rule matches",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(default_actions),
	  .dflt = DEFAULT_DENY,
	  POLICY(default_in) },
	{ .name = "default_out",
	  .help = "Connections from the port that no rule matches",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(default_actions),
	  .dflt = DEFAULT_ALLOW,
	  POLICY(default_out) },
};

static const struct xvs_field hit_fields[] = {
	{ .name = "nr",
	  .help = "Place of the rule in the policy, from 0",
	  .type = XVS_U32,
	  .max = RULES_MAX,
	  .offset = offsetof(struct rule_hit, nr) },
	{ .name = "hits",
	  .help = "Connections that it decided, since the policy was set",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  .offset = offsetof(struct rule_hit, hits) },
};

static const struct xvs_field status_fields[] = {
	{ .name = "allowed",
	  .help = "Connections allowed",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(count[SECGROUP_ALLOWED]) },
	{ .name = "denied",
	  .help = "Connections denied",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(count[SECGROUP_DENIED]) },
	{ .name = "rejected",
	  .help = "Connections rejected",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(count[SECGROUP_REJECTED]) },
	{ .name = "default_in",
	  .help = "Connections to the port that no rule matched",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(default_in) },
	{ .name = "default_out",
	  .help = "Connections from the port that no rule matched",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  STATUS(default_out) },
	{ .name = "rules",
	  .help = "How often each rule decided",
	  .type = XVS_LIST,
	  .max = RULES_MAX,
	  .fields = XVS_TABLE(hit_fields),
	  .element_bytes = sizeof(struct rule_hit),
	  STATUS(rules) },
};

static const struct xvs_field event_fields[] = {
	{ .name = "id",
	  .help = "Of the connection, on this host",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  EVENT(id) },
	{ .name = "what",
	  .help = "What happened",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(whats),
	  EVENT(what) },
	{ .name = "rule",
	  .help = "Place of the deciding rule in the policy, from 1; 0: not known",
	  .type = XVS_U32,
	  .max = RULES_MAX,
	  EVENT(rule) },
	{ .name = "direction",
	  .help = "To the port or from it",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(directions),
	  EVENT(inbound) },
	{ .name = "proto", .help = "IP protocol number", .type = XVS_U32, .max = 255, EVENT(proto) },
	{ .name = "src",
	  .help = "Address of the initiator",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct connection_event *)0)->src),
	  EVENT(src) },
	{ .name = "dst",
	  .help = "Address of the responder",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct connection_event *)0)->dst),
	  EVENT(dst) },
	{ .name = "src_port",
	  .help = "Port of the initiator; ICMP: id",
	  .type = XVS_U32,
	  .max = UINT16_MAX,
	  EVENT(src_port) },
	{ .name = "dst_port",
	  .help = "Port of the responder; ICMP: type * 256 + code",
	  .type = XVS_U32,
	  .max = UINT16_MAX,
	  EVENT(dst_port) },
	{ .name = "packets",
	  .help = "Packets of both directions",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  EVENT(packets) },
	{ .name = "bytes",
	  .help = "Bytes of both directions",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  EVENT(bytes) },
};

#undef RULE
#undef POLICY
#undef STATUS
#undef EVENT

const struct xvs_feature secgroup_features[FEATURE_COUNT] = {
	[FEATURE_RULES] = { .size = sizeof(struct xvs_feature),
			    .bytes = sizeof(struct secgroup_policy),
			    .id = "org.xvs.secgroup.rules/1",
			    .summary = "Which connections a port may accept and open",
			    .scope = XVS_PER_PORT,
			    .kind = XVS_SETTING,
			    .fields = XVS_TABLE(policy_fields) },
	[FEATURE_STATUS] = { .size = sizeof(struct xvs_feature),
			     .bytes = sizeof(struct secgroup_status),
			     .id = "org.xvs.secgroup.hits/1",
			     .summary = "Connections judged, and by which rule",
			     .scope = XVS_PER_PORT,
			     .kind = XVS_STATUS,
			     .fields = XVS_TABLE(status_fields) },
	[FEATURE_EVENT] = { .size = sizeof(struct xvs_feature),
			    .bytes = sizeof(struct connection_event),
			    .id = "org.xvs.secgroup.log/1",
			    .summary = "A connection that a rule with 'log' decided",
			    .scope = XVS_PER_PORT,
			    .kind = XVS_EVENT,
			    .fields = XVS_TABLE(event_fields) },
};

static uint64_t count_of(const struct secgroup *s, const struct secgroup_port *port, int counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < s->workers; w++)
		sum += atomic_load_explicit(&port->counts[w].count[counter], memory_order_relaxed);
	return sum;
}

int secgroup_status_fill(struct secgroup *s, const struct secgroup_port *port,
			 struct secgroup_status *out, struct xvs_error *err)
{
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_relaxed);
	uint32_t count = rules ? rules_count(rules) : 0;
	struct rule_hit *hits = calloc(count + 1, sizeof(*hits));

	if (!hits)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	free(s->hits);
	s->hits = hits;
	for (uint32_t nr = 0; nr < count; nr++)
		hits[nr] = (struct rule_hit){ .nr = nr, .hits = rules_hits(rules, nr) };
	for (int counter = 0; counter < SECGROUP_COUNTERS; counter++)
		out->count[counter] = count_of(s, port, counter);
	out->default_in = rules ? rules_hits(rules, count + DIRECTION_IN) : 0;
	out->default_out = rules ? rules_hits(rules, count + DIRECTION_OUT) : 0;
	out->rules = (struct xvs_table){ hits, count, sizeof(*hits) };
	return 0;
}
