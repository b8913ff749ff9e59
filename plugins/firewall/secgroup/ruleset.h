/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruleset.h - what rules.c and ruleset.c share: the inside of a rule set.
 */
#ifndef SECGROUP_RULESET_H
#define SECGROUP_RULESET_H

#include "rules.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, IPV4_BITS = 96 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };

/* What rules name: those of one name are in a list of their own. */
struct reference {
	char name[NAME_BYTES];
	bool is_group;  /* else a set */
	uint32_t first; /* the first rule that has it, for errors */
};

struct verdict {
	uint8_t action;
	bool log;
};

/* One count a rule and worker, and one for what no rule of either direction matched. */
struct hits {
	uint32_t workers;
	uint32_t stride; /* counts a worker, in whole cache lines */
	_Atomic uint64_t *counts;
};

/*
 * lists[0] has the rules that name nothing, lists[1 + n] those of references[n] without what they
 * name.  The answer of each is the number of the rule.
 */
struct rule_set {
	const struct xvs_host *host;
	const struct xvs_classify_host *classify;
	uint32_t holders;
	uint32_t count;
	enum rule_action defaults[DIRECTION_COUNT];
	bool keeps_established;
	uint32_t log_rate;
	uint32_t log_sample;
	struct verdict *verdicts;
	uint32_t reference_count;
	struct reference references[REFERENCES_MAX];
	struct xvs_classifier *lists[1 + REFERENCES_MAX];
	uint8_t directions[1 + REFERENCES_MAX]; /* of the rules in each list: a bit for each */
	struct hits hits;
};

bool is_ipv4_address(const uint8_t address[16]);

#endif /* SECGROUP_RULESET_H */
