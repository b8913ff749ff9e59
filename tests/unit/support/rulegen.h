/* SPDX-License-Identifier: Apache-2.0 */
/*
 * support/rulegen.h - rule sets as sites have them, from a seed, to test and measure core/acl.
 *
 * The distributions follow what was published of the seeds of ClassBench: access lists (sources
 * and destinations are networks, one port is exact), firewalls (often one side is any, many ranges
 * of ports) and chains of a Linux host (pairs of hosts beside rules that are nearly all wildcards).
 * Addresses come from few networks, which have subnets, so that prefixes nest.
 */
#ifndef XVS_TEST_SUPPORT_RULEGEN_H
#define XVS_TEST_SUPPORT_RULEGEN_H

#include "acl/acl.h"

enum rulegen_kind { RULEGEN_ACL, RULEGEN_FW, RULEGEN_IPC, RULEGEN_MIX };

struct rulegen {
	enum rulegen_kind kind; /* RULEGEN_MIX: a third of each */
	bool is_ipv6;
	uint64_t seed;
};

/*
 * 'count' different rules, those that say more with the higher weight, the answer of each its
 * index.  False: out of memory.
 */
bool rulegen_rules(const struct rulegen *g, struct acl_rule *rules, uint32_t count);

/*
 * A packet that one of the rules is about, or one in eight times one out of the same networks;
 * 'state' goes from one to the next.
 */
void rulegen_key(const struct rulegen *g, const struct acl_rule *rules, uint32_t count,
		 uint64_t *state, struct xvs_flow_key *key);

#endif /* XVS_TEST_SUPPORT_RULEGEN_H */
