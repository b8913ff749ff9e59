/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl.h - what the files of xvs.acl share.
 */
#ifndef ACL_ACL_H
#define ACL_ACL_H

#include "tally.h"

enum acl_reason {
	ACL_OTHER,
	ACL_BASIC_DENY,
	ACL_EXTENDED_DENY,
};

struct acl {
	const struct xvs_host *host;
	const struct xvs_classify_host *classify;
	const struct xvs_conn_host *conns;
	uint32_t workers;
	struct ruleset *rulesets;
	struct ruleset *kept; /* one that nobody has, for whoever asks about the same value next */
	struct rule_count *shown; /* what the last status_read() gave out */
};

struct acl_worker {
	uint32_t index;
};

struct acl_port {
	_Atomic(struct tally *) tallies[FEATURE_SETTINGS]; /* written by [control]; NULL: no policy */
	_Atomic uint32_t segment;                          /* of its untagged packets */
};

/* [worker] or [control] */
static inline struct tally *port_tally(const struct acl_port *port, enum feature feature)
{
	return atomic_load_explicit(&port->tallies[feature], memory_order_acquire);
}

/* [worker] A rule that decided, in a line for the operator: its name and place. */
void acl_rule_print(const struct tally *t, uint32_t nr, char *text, uint32_t bytes);

/* [control] */
int acl_status_fill(struct acl *a, const struct acl_port *port, enum feature feature,
		    struct count_status *out, struct xvs_error *err);

#endif /* ACL_ACL_H */
