/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effect.h - what an extended rule does with packets beside allowing or denying them: marks, limits,
 * copies, and lines in the log.
 *
 * It is done to packets that match the rule, in its direction; replies that a stateful rule lets
 * pass are only counted for it.
 */
#ifndef ACL_EFFECT_H
#define ACL_EFFECT_H

#include "policy.h"
#include "xvs/ext/meter.h"

struct acl;
struct answer;

/* Constant, as the rule set is. */
struct effect {
	uint32_t priority, dscp;        /* XVS_MARK_LEAVE: as they are */
	struct xvs_meter_rate pps, bps; /* zero: no limit */
	uint32_t log_sample;            /* one flow in so many; 0: none */
	char mirror[MIRROR_BYTES];      /* session; empty: none */
};

/* What changes, on one port: shared by all workers. */
struct effect_meters {
	struct xvs_meter pps, bps;
};

/* Of the rules of one policy on one port. */
struct rule_log {
	struct xvs_meter meter;
	_Atomic uint64_t untold; /* flows since the last line, for want of log_rate */
	char lines[][512];       /* one a worker, as the host limits each by itself */
};

/* [any] Does it say anything? */
bool effect_is_none(const struct effect *e);

/* [worker] Of the rule that decided; NULL: none, or it let a reply pass. */
const struct effect *effect_of(const struct answer *a);

/* [worker] The verdict on a flow that the rule lets pass. */
void effect_judge(const struct acl *a, const struct effect *e, struct xvs_flow_verdict *v);

/* [worker] Packets of such flows: what is over a limit is dropped, the rest is copied. */
void effect_packets(const struct acl *a, struct xvs_batch *b);

/* [any] Behind the text on the rule, in a line for the operator. */
void effect_print(const struct effect *e, char *text, uint32_t bytes);

/* ---- log.c ---- */

/* What is told of: a flow, by its key, at a port. */
struct log_entry {
	const struct acl *acl;
	const struct answer *answer;
	const struct xvs_flow_key *key;
	const struct xvs_batch *batch;
	enum direction direction;
};

/* [worker] A flow or connection that the rule of the answer decided, if that logs. */
void log_flow(const struct log_entry *e);

/* [worker] All that tells flows apart, so that each is told of. */
void log_examine(struct xvs_flow_key *mask);

#endif /* ACL_EFFECT_H */
