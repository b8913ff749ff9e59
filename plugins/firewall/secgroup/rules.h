/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - the rules of one port, compiled.
 *
 * A rule set is what follows from the rules as they are written: classifiers, and the names of the
 * groups and sets that the rules speak of.  Rules are a rule set with those names looked up.  So
 * another content of a set needs no rule to be compiled anew, and counts of hits go on.
 */
#ifndef SECGROUP_RULES_H
#define SECGROUP_RULES_H

#include "members.h"
#include "ports.h"

enum direction { DIRECTION_IN, DIRECTION_OUT, DIRECTION_COUNT };
enum rule_action { RULE_ALLOW, RULE_DENY, RULE_REJECT };
enum default_action { DEFAULT_DENY, DEFAULT_ALLOW };
enum established { ESTABLISHED_REJUDGE, ESTABLISHED_KEEP };

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

enum { RULES_MAX = 100000, REFERENCES_MAX = 64, ICMP_TYPE_ANY = 256 };

/* One rule, as the host decodes it. */
struct rule_policy {
	uint32_t direction;
	uint32_t proto;
	uint32_t protocol; /* RULE_PROTO_NUMBER */
	char ports[128];
	struct xvs_ip prefix; /* of the other end */
	char group[NAME_BYTES];
	char set[NAME_BYTES];
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
	uint32_t established; /* enum established */
	uint32_t log_rate;    /* lines a second; 0: all */
	uint32_t log_sample;  /* one connection in so many */
	struct member_policy member;
};

struct rule_set;
struct rules;

/* What authorise() asks: one new connection. */
struct rule_query {
	enum direction direction;
	uint8_t proto;
	uint16_t service;      /* port of the responder, or ICMP type and code; host order */
	const uint8_t *remote; /* 16 bytes */
};

struct rule_answer {
	enum rule_action action;
	uint32_t nr; /* of the rule, from 0; where the default decided: rules + direction */
	bool log;
	bool is_default;
};

/*
 * [control] -EINVAL, -E2BIG, -ENOMEM with err->field as "rules[3].ports".  Held once.
 */
int rule_set_create(const struct objects_env *env, const struct secgroup_policy *policy,
		    uint32_t workers, struct rule_set **out, struct xvs_error *err);
struct rule_set *rule_set_hold(struct rule_set *s); /* [control] */
void rule_set_put(struct rule_set *s);              /* [control] NULL is fine */

/*
 * [control] With the groups and sets that its rules name.  Takes a hold of its own.  -EINVAL: one
 * is not there; -ENOMEM.
 */
int rules_create(const struct objects_env *env, struct rule_set *s, const struct objects *o,
		 const struct members *members, struct rules **out, struct xvs_error *err);
void rules_destroy(struct rules *r); /* [control] NULL is fine */

/* [any] */
struct rule_set *rules_set(const struct rules *r);
uint32_t rules_count(const struct rules *r);
bool rules_keep_established(const struct rules *r);
uint32_t rules_log_rate(const struct rules *r);
uint32_t rules_log_sample(const struct rules *r);

/* [any] The first rule that matches, else the default. */
struct rule_answer rules_decide(const struct rules *r, const struct rule_query *q);

/* [worker] 'nr' of an answer decided once more, on this worker. */
void rules_credit(const struct rules *r, uint32_t nr, uint32_t worker);

/* [any] How often rule 'nr' decided; rules_count() + direction: the default. */
uint64_t rules_hits(const struct rules *r, uint32_t nr);
/* [control] They are so many; no worker counts meanwhile. */
void rules_set_hits(const struct rules *r, uint32_t nr, uint64_t hits);

#endif /* SECGROUP_RULES_H */
