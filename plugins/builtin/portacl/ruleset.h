/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruleset.h - the rules of one policy, compiled.
 *
 * A rule set is constant.  Ports that have the very same value (one that their switch or group set)
 * share it, so 100,000 rules of a switch are there once.
 */
#ifndef ACL_RULESET_H
#define ACL_RULESET_H

#include "effect.h"
#include "xvs/ext/classify.h"

struct acl;

/* Rules that meter are a list of their own: they hide none that allow or deny. */
enum table { TABLE_ACCESS, TABLE_METER, TABLE_COUNT };

enum { FACT_STATEFUL = 1u << 0, FACT_ICMP = 1u << 1 };

/*
 * What a classifier answers: the number of the rule, and above it what a verdict needs of most rules.
 * So their facts, of 100,000 rules in no cache near the core, are read of the few that have more.
 */
enum {
	ANSWER_DENIES = 1u << 27,
	ANSWER_STATEFUL = 1u << 28,
	ANSWER_ICMP = 1u << 29,
	ANSWER_MORE = 1u << 30, /* an idle time, or an effect */
	ANSWER_RULE = ANSWER_DENIES - 1,
};
_Static_assert((uint32_t)EXTENDED_RULES_MAX <= (uint32_t)ANSWER_RULE &&
		       (uint32_t)BASIC_RULES_MAX <= (uint32_t)ANSWER_RULE,
	       "the number of a rule");

/* What is to be known of a rule that matched. */
struct rule_fact {
	uint16_t action; /* enum rule_action */
	uint16_t flags;  /* FACT_* */
	uint32_t idle_ms;
	uint32_t effect; /* place in the set's effects, and 1; 0: none */
};

struct ruleset {
	struct ruleset *next; /* of the instance's */
	const void *value;    /* the policy: ports that have it set share these rules */
	uint32_t users;       /* ports that have it, or are to get it; 0: nobody new finds it */
	uint32_t refs;        /* with those whose workers may still read it */
	uint64_t hash;        /* of the rules */
	enum feature feature;
	uint32_t count;
	bool is_stateful;                                            /* some rule is */
	struct xvs_classifier *tables[DIRECTION_COUNT][TABLE_COUNT]; /* NULL: no rule */
	char (*names)[NAME_BYTES]; /* apart, as facts are looked up for each new flow */
	struct effect *effects;    /* of the few rules that have some */
	uint32_t effect_count;
	bool has_limits, has_logs;
	uint32_t log_rate; /* lines a second on a port; 0: all */
	struct rule_fact facts[];
};

/* A classifier's rule under construction: with local as source, as a packet from the VM has it. */
struct draft {
	const char *name;
	struct xvs_classify_rule rule;
	struct rule_fact fact;
	struct effect effect;
	uint32_t direction;
	enum table table;
};

/*
 * [control] The set of this value, one more user of it.  -EINVAL: a rule contradicts itself, named
 * by err->field; -E2BIG, -ENOMEM.
 */
int ruleset_use(struct acl *a, enum feature feature, const void *value, struct ruleset **out,
		struct xvs_error *err);
/* [control] The port does not have it any more; workers may. */
void ruleset_leave(struct ruleset *set);
/*
 * [control] It was only asked about, and will be about further ports: kept until workers are quiet.
 * Takes a reference.
 */
void ruleset_keep(struct acl *a, struct ruleset *set);
/* [control] Nor do they. */
void ruleset_put(struct acl *a, struct ruleset *set);

/* [control] The rule in the policy; bytes that can be compared. */
const void *ruleset_rule(const struct ruleset *set, uint32_t nr);
size_t ruleset_rule_bytes(const struct ruleset *set);

/* ---- basic.c, extended.c ---- */

/* [control] Rule 'nr' of the policy; 'out' is zero.  -EINVAL with the field in err. */
int basic_draft(const void *rule, uint32_t nr, struct draft *out, struct xvs_error *err);
int extended_draft(const void *rule, uint32_t nr, struct draft *out, struct xvs_error *err);

/* [control] The field of a rule that is at fault, as "rules[3].local". */
int refuse_rule(struct xvs_error *err, uint32_t nr, const char *member, const char *text);
/* [any] Is this prefix, which is not empty, of IPv4? */
bool prefix_is_ipv4(const struct xvs_ip *ip);
/* [control] Local and remote of one family, which is the rule's ethertype then. */
int draft_addresses(struct draft *d, const struct xvs_ip *local, const struct xvs_ip *remote,
		    uint32_t nr, struct xvs_error *err);

#endif /* ACL_RULESET_H */
