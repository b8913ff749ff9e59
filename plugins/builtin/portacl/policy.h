/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - the features of xvs.acl, as the host decodes them.
 *
 * "In" and "out", "local" and "remote" are as seen from the VM: local is its own address, whichever
 * way a packet goes.
 */
#ifndef ACL_POLICY_H
#define ACL_POLICY_H

#include "xvs/extension.h"

enum { NAME_BYTES = 32, PORTS_BYTES = 12, MIRROR_BYTES = 32 };
enum { BASIC_RULES_MAX = 4094, EXTENDED_RULES_MAX = 1 << 18 };
enum { ICMP_ANY = 256, VLAN_ANY = 4096, PRIORITY_LEAVE = 8, DSCP_LEAVE = 64 };

enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTION_COUNT, DIRECTION_BOTH = DIRECTION_COUNT };

enum rule_action { ACTION_ALLOW, ACTION_DENY, ACTION_METER };

/* Values of extended_rule.proto, in the order of their names. */
enum rule_proto {
	RULE_PROTO_ANY,
	RULE_PROTO_TCP,
	RULE_PROTO_UDP,
	RULE_PROTO_ICMP,
	RULE_PROTO_ICMPV6,
	RULE_PROTO_SCTP,
	RULE_PROTO_NUMBER,
};

/* Of "xvs.acl/1". */
struct basic_rule {
	char name[NAME_BYTES];
	uint32_t direction;
	uint32_t action;
	struct xvs_ip local, remote;
	uint8_t local_mac[6], remote_mac[6]; /* zero: any */
};

struct basic_policy {
	struct xvs_table rules; /* struct basic_rule */
};

/* Of "xvs.acl-extended/1". */
struct extended_rule {
	char name[NAME_BYTES];
	uint32_t direction;
	uint32_t action; /* ACTION_ALLOW or ACTION_DENY */
	uint32_t weight;
	uint32_t proto;
	uint32_t protocol; /* RULE_PROTO_NUMBER */
	struct xvs_ip local, remote;
	char local_ports[PORTS_BYTES], remote_ports[PORTS_BYTES];
	uint32_t icmp_type, icmp_code;
	uint32_t ethertype; /* 0: any */
	uint32_t vlan;
	bool stateful;
	bool log;
	uint8_t pad[2];
	uint32_t idle_s;        /* 0: as the protocol has it */
	uint32_t mark_priority; /* PRIORITY_LEAVE: as it is */
	uint32_t mark_dscp;     /* DSCP_LEAVE */
	uint32_t limit_burst_ms;
	uint64_t limit_pps, limit_kbps; /* 0: no limit */
	char mirror[MIRROR_BYTES];      /* session; empty: none */
	uint32_t log_sample;
	uint32_t pad2;
};

struct extended_policy {
	struct xvs_table rules; /* struct extended_rule */
	uint32_t log_rate;      /* lines a second; 0: all */
	uint32_t pad;
};

/* A rule of "xvs.acl.counts/1" and "xvs.acl-extended.counts/1". */
struct rule_count {
	uint32_t nr;
	uint32_t action;
	char name[NAME_BYTES];
	uint64_t packets, bytes;
	uint64_t connections; /* extended alone, as is 'limited' */
	uint64_t limited;
};

struct count_status {
	uint32_t rules;
	uint32_t pad;
	struct xvs_table counts; /* struct rule_count */
};

enum feature {
	FEATURE_BASIC,
	FEATURE_EXTENDED,
	FEATURE_SETTINGS, /* those above */
	FEATURE_BASIC_COUNTS = FEATURE_SETTINGS,
	FEATURE_EXTENDED_COUNTS,
	FEATURE_COUNT,
};
extern const struct xvs_feature acl_features[FEATURE_COUNT];

/* [any] Which of them has this id. */
enum feature acl_feature(const char *id);

#endif /* ACL_POLICY_H */
