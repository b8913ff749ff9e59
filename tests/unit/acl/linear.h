/* SPDX-License-Identifier: Apache-2.0 */
/* acl/linear.h - what a classifier is compared with: ask each rule. */
#ifndef XVS_TEST_ACL_LINEAR_H
#define XVS_TEST_ACL_LINEAR_H

#include "acl/acl.h"

static inline uint32_t linear(const struct acl_rule *rules, uint32_t count,
			      const struct xvs_flow_key *key, uint32_t segment)
{
	const struct acl_rule *best = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if ((!best || rules[i].weight > best->weight) &&
		    acl_rule_matches(&rules[i], key, segment))
			best = &rules[i];
	}
	return best ? best->answer : ACL_NONE;
}

#endif /* XVS_TEST_ACL_LINEAR_H */
