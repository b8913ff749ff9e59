/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - the rules of one port, compiled: for each direction and kind of protocol, the rules
 * that can match, in the order in which they were written.
 */
#ifndef SECGROUP_RULES_H
#define SECGROUP_RULES_H

#include "ports.h"
#include "xvs/extension.h"

enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTION_COUNT };
enum rule_action { RULE_ALLOW, RULE_DENY, RULE_REJECT };
enum default_action { DEFAULT_DENY, DEFAULT_ALLOW };

/* Values of rule_policy.proto, in the order of their names. */
enum rule_proto {
	RULE_PROTO_ANY,
	RULE_PROTO_TCP,
	RULE_PROTO_UDP,
	RULE_PROTO_ICMP,
	RULE_PROTO_ICMPV6,
	RULE_PROTO_SCTP,
	RULE_PROTO_NUMBER,
	RULE_PROTO_COUNT
};

enum { RULES_MAX = 1000, ICMP_TYPE_ANY = 256 };

/* One rule, as the host decodes it. */
struct rule_policy {
	uint32_t direction;
	uint32_t proto;
	uint32_t protocol; /* RULE_PROTO_NUMBER */
	char ports[128];
	struct xvs_ip prefix; /* of the other end */
	uint32_t icmp_type;
	uint32_t action;
	bool log;
	uint8_t pad[3];
};

/* "org.xvs.secgroup.rules/1" */
struct secgroup_policy {
	struct xvs_table rules; /* struct rule_policy */
	uint32_t default_in;
	uint32_t default_out;
};

struct rules;

/* What authorise() asks: one new connection. */
struct rule_query {
	enum direction direction;
	uint8_t proto;
	uint8_t icmp_type;
	uint16_t port;         /* of the responder, host order */
	const uint8_t *remote; /* 16 bytes */
};

struct rule_answer {
	enum rule_action action;
	uint32_t nr; /* of the rule, from 0; where the default decided: rules + direction */
	bool log;
	bool is_default;
};

/* [control] -EINVAL, -ENOMEM with err->field as "rules[3].ports". */
int rules_compile(const struct secgroup_policy *policy, uint32_t workers, struct rules **out,
		  struct xvs_error *err);
void rules_destroy(struct rules *r); /* NULL is fine */

/* [any] The number of rules. */
uint32_t rules_count(const struct rules *r);

/* [any] The first rule that matches, else the default. */
struct rule_answer rules_decide(const struct rules *r, const struct rule_query *q);

/* [worker] 'nr' of an answer decided once more, on this worker. */
void rules_credit(const struct rules *r, uint32_t nr, uint32_t worker);

/* [any] How often rule 'nr' decided; rules_count() + direction: the default. */
uint64_t rules_hits(const struct rules *r, uint32_t nr);

#endif /* SECGROUP_RULES_H */
