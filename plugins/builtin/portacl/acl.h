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
	ACL_LIMIT,
};

struct acl {
	const struct xvs_host *host;
	const struct xvs_classify_host *classify;
	const struct xvs_conn_host *conns;
	const struct xvs_mark_host *mark;
	const struct xvs_mirror_host *mirror;
	uint32_t workers;
	uint64_t seed; /* for samples */
	struct ruleset *rulesets;
	struct ruleset *kept; /* one that nobody has, for whoever asks about the same value next */
	struct rule_count *shown; /* what the last status_read() gave out */
};

struct acl_worker {
	uint32_t index;
	uint64_t random;
	char line[256]; /* for the log */
};

struct acl_port {
	_Atomic(struct tally *) tallies[FEATURE_SETTINGS]; /* written by [control]; NULL: no policy */
	_Atomic uint32_t segment;                          /* of its untagged packets */
	char name[64];
};

/* [worker] or [control] */
static inline struct tally *port_tally(const struct acl_port *port, enum feature feature)
{
	return atomic_load_explicit(&port->tallies[feature], memory_order_acquire);
}

/*
 * A cookie says which rules met the flow, and of which policies:
 *
 *	bits 63..54 generation of basic  53..42 access + 1  41..30 meter + 1
 *	     29..20 generation of extended  19..0 extended + 1
 */
enum { BASIC_BITS = 12, EXTENDED_BITS = 20, GENERATION_BITS = 10 };
enum { EXTENDED_GENERATION_AT = 20, METER_AT = 30, ACCESS_AT = 42, BASIC_GENERATION_AT = 54 };

static inline uint32_t cookie_part(uint64_t cookie, unsigned at, unsigned bits)
{
	return (uint32_t)(cookie >> at & ((UINT64_C(1) << bits) - 1));
}

/* NO_RULE: none. */
static inline uint32_t cookie_extended(uint64_t cookie)
{
	return cookie_part(cookie, 0, EXTENDED_BITS) - 1;
}

static inline uint32_t cookie_generation(uint64_t cookie)
{
	return cookie_part(cookie, EXTENDED_GENERATION_AT, GENERATION_BITS);
}

/* [worker] A rule that decided, in a line for the operator: its name and place. */
void acl_rule_print(const struct tally *t, uint32_t nr, char *text, uint32_t bytes);

/* state.c */
extern const struct xvs_state acl_state;

/* [control] */
int acl_status_fill(struct acl *a, const struct acl_port *port, enum feature feature,
		    struct count_status *out, struct xvs_error *err);

#endif /* ACL_ACL_H */
