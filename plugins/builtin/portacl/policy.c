/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of xvs.acl's features: basic and extended rules, and what they counted.
 */
#include "policy.h"

#include <string.h>

#include "xvs/ext/mirror.h"

static const char *const directions[] = { "in", "out", "both" };
static const char *const basic_actions[] = { "allow", "deny", "meter" };
static const char *const extended_actions[] = { "allow", "deny" };
static const char *const protos[] = { "any", "tcp", "udp", "icmp", "icmpv6", "sctp", "number" };

#define BASIC(member) .offset = offsetof(struct basic_rule, member)
#define EXTENDED(member) .offset = offsetof(struct extended_rule, member)
#define COUNT(member) .offset = offsetof(struct rule_count, member)

static const struct xvs_field basic_rule_fields[] = {
	{ .name = "name",
	  .help = "For people, and where counts are shown",
	  .type = XVS_TEXT,
	  .max = NAME_BYTES,
	  BASIC(name) },
	{ .name = "direction",
	  .help = "As seen from the VM: what it receives (in), sends (out), or both",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(directions),
	  .dflt = DIRECTION_BOTH,
	  BASIC(direction) },
	{ .name = "action",
	  .help = "'meter' counts what passes, beside the rules that allow and deny",
	  .type = XVS_ENUM,
	  .flags = XVS_FIELD_REQUIRED,
	  .names = XVS_TABLE(basic_actions),
	  BASIC(action) },
	{ .name = "local",
	  .help = "Addresses of the VM, whichever way the packet goes; absent: any",
	  .type = XVS_IP,
	  BASIC(local) },
	{ .name = "remote",
	  .help = "Addresses of the other end; absent: any, and packets that are not IP",
	  .type = XVS_IP,
	  BASIC(remote) },
	{ .name = "local_mac",
	  .help = "Adapter of the VM; absent: any",
	  .type = XVS_MAC,
	  BASIC(local_mac) },
	{ .name = "remote_mac",
	  .help = "Adapter of the other end; absent: any",
	  .type = XVS_MAC,
	  BASIC(remote_mac) },
};

static const struct xvs_field basic_fields[] = {
	{ .name = "rules",
	  .help = "The one that says most of the addresses decides (the longest match), deny before "
		  "allow; what none matches passes",
	  .type = XVS_LIST,
	  .max = BASIC_RULES_MAX,
	  .fields = XVS_TABLE(basic_rule_fields),
	  .element_bytes = sizeof(struct basic_rule),
	  .offset = offsetof(struct basic_policy, rules) },
};

static const struct xvs_field extended_rule_fields[] = {
	{ .name = "name",
	  .help = "For people, and where counts are shown",
	  .type = XVS_TEXT,
	  .max = NAME_BYTES,
	  EXTENDED(name) },
	{ .name = "direction",
	  .help = "As seen from the VM: what it receives (in), sends (out), or both",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(directions),
	  .dflt = DIRECTION_BOTH,
	  EXTENDED(direction) },
	{ .name = "action",
	  .help = "What happens to the packets",
	  .type = XVS_ENUM,
	  .flags = XVS_FIELD_REQUIRED,
	  .names = XVS_TABLE(extended_actions),
	  EXTENDED(action) },
	{ .name = "weight",
	  .help = "The highest that matches decides; among equals the one listed first",
	  .type = XVS_U32,
	  .max = UINT32_MAX,
	  EXTENDED(weight) },
	{ .name = "proto",
	  .help = "Protocol; 'number': the one in 'protocol'",
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(protos),
	  EXTENDED(proto) },
	{ .name = "protocol",
	  .help = "IP protocol number, with proto 'number'",
	  .type = XVS_U32,
	  .max = 255,
	  EXTENDED(protocol) },
	{ .name = "local",
	  .help = "Addresses of the VM, whichever way the packet goes; absent: any",
	  .type = XVS_IP,
	  EXTENDED(local) },
	{ .name = "remote",
	  .help = "Addresses of the other end; absent: any",
	  .type = XVS_IP,
	  EXTENDED(remote) },
	{ .name = "local_ports",
	  .help = "Port of the VM, or a range of them as 1000-2000; proto tcp, udp or sctp",
	  .type = XVS_TEXT,
	  .max = PORTS_BYTES,
	  EXTENDED(local_ports) },
	{ .name = "remote_ports",
	  .help = "Port of the other end, or a range of them",
	  .type = XVS_TEXT,
	  .max = PORTS_BYTES,
	  EXTENDED(remote_ports) },
	{ .name = "icmp_type",
	  .help = "With proto icmp or icmpv6; 256: any",
	  .type = XVS_U32,
	  .max = ICMP_ANY,
	  .dflt = ICMP_ANY,
	  EXTENDED(icmp_type) },
	{ .name = "icmp_code",
	  .help = "With proto icmp or icmpv6; 256: any",
	  .type = XVS_U32,
	  .max = ICMP_ANY,
	  .dflt = ICMP_ANY,
	  EXTENDED(icmp_code) },
	{ .name = "ethertype",
	  .help = "Of the packet behind its tags, as 2054 for ARP; 0: any",
	  .type = XVS_U32,
	  .max = UINT16_MAX,
	  EXTENDED(ethertype) },
	{ .name = "vlan",
	  .help = "VLAN of the packet, by its tag or by its port; 4096: any",
	  .type = XVS_U32,
	  .max = VLAN_ANY,
	  .dflt = VLAN_ANY,
	  EXTENDED(vlan) },
	{ .name = "stateful",
	  .help = "Allow the whole connection that such a packet opens, replies with it",
	  .type = XVS_BOOL,
	  EXTENDED(stateful) },
	{ .name = "idle_s",
	  .help = "A stateful connection ends after so many seconds without a packet; 0: as its "
		  "protocol has it",
	  .type = XVS_U32,
	  .max = UINT64_C(7) * 24 * 3600,
	  EXTENDED(idle_s) },
	{ .name = "mark_priority",
	  .help = "802.1p priority that the packets get, in their tag; 8: leave it",
	  .type = XVS_U32,
	  .max = PRIORITY_LEAVE,
	  .dflt = PRIORITY_LEAVE,
	  EXTENDED(mark_priority) },
	{ .name = "mark_dscp",
	  .help = "DSCP that the packets get; 64: leave it",
	  .type = XVS_U32,
	  .max = DSCP_LEAVE,
	  .dflt = DSCP_LEAVE,
	  EXTENDED(mark_dscp) },
	{ .name = "limit_pps",
	  .help = "Packets a second of this rule at this port, at most; what is beyond is dropped, "
		  "and counted with the rule; 0: no limit",
	  .type = XVS_U64,
	  .max = 1000000000,
	  EXTENDED(limit_pps) },
	{ .name = "limit_kbps",
	  .help = "Kilobits a second, likewise",
	  .type = XVS_U64,
	  .max = 1000000000,
	  EXTENDED(limit_kbps) },
	{ .name = "limit_burst_ms",
	  .help = "So much of a second's packets may come at once, in milliseconds",
	  .type = XVS_U32,
	  .min = 1,
	  .max = 10000,
	  .dflt = 100,
	  EXTENDED(limit_burst_ms) },
	{ .name = "mirror",
	  .help = "Session of xvs.mirror/1 that gets copies of the packets",
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_SESSION,
	  .max = MIRROR_BYTES,
	  EXTENDED(mirror) },
	{ .name = "log",
	  .help = "Note each flow that the rule decides in the log, as far as log_rate goes",
	  .type = XVS_BOOL,
	  EXTENDED(log) },
	{ .name = "log_sample",
	  .help = "With 'log': one flow in so many, at random",
	  .type = XVS_U32,
	  .min = 1,
	  .max = 1000000,
	  .dflt = 1,
	  EXTENDED(log_sample) },
};

static const struct xvs_field extended_fields[] = {
	{ .name = "rules",
	  .help = "The rule of the highest weight that matches decides; what none matches passes",
	  .type = XVS_LIST,
	  .max = EXTENDED_RULES_MAX,
	  .fields = XVS_TABLE(extended_rule_fields),
	  .element_bytes = sizeof(struct extended_rule),
	  .offset = offsetof(struct extended_policy, rules) },
	{ .name = "log_rate",
	  .help = "Flows logged a second, at most; how many more there were is told with the next; "
		  "0: all",
	  .type = XVS_U32,
	  .max = 100000,
	  .dflt = 10,
	  .offset = offsetof(struct extended_policy, log_rate) },
};

#define RULE_COUNT_FIELDS(actions) \
	{ .name = "nr", \
	  .help = "Place of the rule in the policy, from 0", \
	  .type = XVS_U32, \
	  .max = EXTENDED_RULES_MAX, \
	  COUNT(nr) }, \
		{ .name = "name", \
		  .help = "Its name", \
		  .type = XVS_TEXT, \
		  .max = NAME_BYTES, \
		  COUNT(name) }, \
		{ .name = "action", \
		  .help = "What it does", \
		  .type = XVS_ENUM, \
		  .names = XVS_TABLE(actions), \
		  COUNT(action) }, \
		{ .name = "packets", \
		  .help = "Packets that it decided or metered, as on the wire", \
		  .type = XVS_U64, \
		  .max = UINT64_MAX, \
		  COUNT(packets) }, \
	{ \
		.name = "bytes", .help = "Bytes of those, without FCS", .type = XVS_U64, \
		.max = UINT64_MAX, COUNT(bytes) \
	}

static const struct xvs_field basic_count_fields[] = { RULE_COUNT_FIELDS(basic_actions) };

static const struct xvs_field extended_count_fields[] = {
	RULE_COUNT_FIELDS(extended_actions),
	{ .name = "connections",
	  .help = "Connections that it allowed or denied, on a port with stateful rules",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  COUNT(connections) },
	{ .name = "limited",
	  .help = "Of those packets, what its limit dropped",
	  .type = XVS_U64,
	  .max = UINT64_MAX,
	  COUNT(limited) },
};

#define COUNT_STATUS_FIELDS(count_fields, most) \
	{ .name = "rules", \
	  .help = "Rules in force", \
	  .type = XVS_U32, \
	  .max = (most), \
	  .offset = offsetof(struct count_status, rules) }, \
	{ \
		.name = "counts", .help = "Those that have met a packet since they came", \
		.type = XVS_LIST, .max = (most), .fields = XVS_TABLE(count_fields), \
		.element_bytes = sizeof(struct rule_count), \
		.offset = offsetof(struct count_status, counts) \
	}

static const struct xvs_field basic_status_fields[] = {
	COUNT_STATUS_FIELDS(basic_count_fields, BASIC_RULES_MAX),
};

static const struct xvs_field extended_status_fields[] = {
	COUNT_STATUS_FIELDS(extended_count_fields, EXTENDED_RULES_MAX),
};

#undef BASIC
#undef EXTENDED
#undef COUNT
#undef RULE_COUNT_FIELDS
#undef COUNT_STATUS_FIELDS

const struct xvs_feature acl_features[FEATURE_COUNT] = {
	[FEATURE_BASIC] = { .size = sizeof(struct xvs_feature),
			    .bytes = sizeof(struct basic_policy),
			    .id = "xvs.acl/1",
			    .summary = "What a port may receive and send, by address; meters",
			    .scope = XVS_PER_PORT,
			    .kind = XVS_SETTING,
			    .fields = XVS_TABLE(basic_fields) },
	[FEATURE_EXTENDED] = { .size = sizeof(struct xvs_feature),
			       .bytes = sizeof(struct extended_policy),
			       .id = "xvs.acl-extended/1",
			       .summary = "The same by protocol, ports and weight; state, marks, "
					  "limits, copies, log",
			       .scope = XVS_PER_PORT,
			       .kind = XVS_SETTING,
			       .fields = XVS_TABLE(extended_fields) },
	[FEATURE_BASIC_COUNTS] = { .size = sizeof(struct xvs_feature),
				   .bytes = sizeof(struct count_status),
				   .id = "xvs.acl.counts/1",
				   .summary = "What rules of xvs.acl/1 counted on a port",
				   .scope = XVS_PER_PORT,
				   .kind = XVS_STATUS,
				   .fields = XVS_TABLE(basic_status_fields) },
	[FEATURE_EXTENDED_COUNTS] = { .size = sizeof(struct xvs_feature),
				      .bytes = sizeof(struct count_status),
				      .id = "xvs.acl-extended.counts/1",
				      .summary =
					      "What rules of xvs.acl-extended/1 counted on a port",
				      .scope = XVS_PER_PORT,
				      .kind = XVS_STATUS,
				      .fields = XVS_TABLE(extended_status_fields) },
};

enum feature acl_feature(const char *id)
{
	enum feature f = FEATURE_BASIC;

	while (f < FEATURE_COUNT && strcmp(acl_features[f].id, id) != 0)
		f++;
	return f;
}
