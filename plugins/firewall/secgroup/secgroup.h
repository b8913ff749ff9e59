/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secgroup.h - what the files of org.xvs.secgroup share.
 */
#ifndef SECGROUP_SECGROUP_H
#define SECGROUP_SECGROUP_H

#include <stdatomic.h>

#include "rules.h"
#include "xvs/ext/event.h"
#include "xvs/ext/meter.h"
#include "xvs/extension.h"

enum secgroup_reason {
	SECGROUP_OTHER,
	SECGROUP_NO_RULES,
	SECGROUP_DEFAULT_DENY,
	SECGROUP_RULE_DENY,
	SECGROUP_RULE_REJECT,
};

enum secgroup_counter { SECGROUP_ALLOWED, SECGROUP_DENIED, SECGROUP_REJECTED, SECGROUP_COUNTERS };

struct secgroup {
	const struct xvs_host *host;
	const struct xvs_conn_host *conns;
	const struct xvs_event_host *events; /* NULL: the log is all there is */
	struct objects_env env;
	struct group *groups;      /* all that anybody holds */
	struct objects *objects;   /* that the switch has; never NULL */
	struct objects *candidate; /* between check and apply, or abort; else NULL */
	struct members members;    /* workers read */
	uint32_t workers;
	uint64_t seed;         /* for samples */
	struct rule_hit *hits; /* what the last status_read() gave out */
};

struct secgroup_worker {
	uint32_t index;
	uint64_t random;
};

/* Of one port on one worker, which alone writes it. */
struct secgroup_share {
	_Atomic uint64_t count[SECGROUP_COUNTERS];
	char line[512]; /* of the log; each has its own, as the host limits each by itself */
} __attribute__((aligned(64)));

struct secgroup_port {
	_Atomic(struct rules *) rules; /* written by [control]; NULL: no policy */
	struct secgroup_share *shares; /* one for each worker */
	const void *value;             /* of the policy in force, the host's; NULL: none */
	struct membership *membership;
	uint64_t saved;          /* sum of counts that was saved last, + 1; 0: none */
	struct remains *remains; /* room for what is left of it when it goes */
	struct xvs_meter log_meter;
	_Atomic uint64_t unlogged; /* since the last line */
	/* [control] replaces it, workers log it; what was is freed when none can read it any more */
	_Atomic(char *) name;
};

/* "org.xvs.secgroup.hits/1" */
struct rule_hit {
	uint32_t nr;
	uint32_t pad;
	uint64_t hits;
};

struct secgroup_status {
	uint64_t count[SECGROUP_COUNTERS];
	uint64_t default_in, default_out;
	struct xvs_table rules; /* struct rule_hit; of more than HITS_WHOLE only those that decided */
};

/* "org.xvs.secgroup.log/1", an event */
struct connection_event {
	uint64_t id;
	uint32_t what; /* enum connection_what */
	uint32_t rule; /* from 1 */
	uint32_t inbound;
	uint32_t proto;
	char src[48], dst[48];
	uint32_t src_port, dst_port;
	uint64_t packets, bytes;
	uint64_t unlogged; /* others of this port since the last, for want of log_rate */
};

enum connection_what { CONNECTION_BEGIN, CONNECTION_END, CONNECTION_DENIED };

enum { FEATURE_RULES, FEATURE_OBJECTS, FEATURE_STATUS, FEATURE_EVENT, FEATURE_COUNT };
extern const struct xvs_feature secgroup_features[FEATURE_COUNT];

enum { HITS_WHOLE = 1000 };

/* The number of the deciding rule in a connection's slot, from 1; 0: a default, or unknown. */
static inline uint32_t slot_rule(const uint64_t *slot)
{
	return slot ? (uint32_t)*slot : 0;
}

/* state.c */
extern const struct xvs_state secgroup_state;

/* status.c [control] */
int secgroup_status_fill(struct secgroup *s, const struct secgroup_port *port,
			 struct secgroup_status *out, struct xvs_error *err);

/* [worker] Of struct xvs_explain. */
void secgroup_explain(void *self, const struct xvs_batch *b, uint32_t i,
		      const struct xvs_flow_key *key, char *text, uint32_t bytes);

/* [worker] Of struct xvs_conn_ops: the begin and end of connections whose rule says 'log'. */
void secgroup_event(void *self, const struct xvs_conn_event *e);

#endif /* SECGROUP_SECGROUP_H */
