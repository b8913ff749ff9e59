/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/query.h - an answer of many parts that is under way.
 *
 *	request -> (workers tell what they counted) -> entries in turns, as the controller reads -> end
 *
 * Its connection is held as long, so that what follows is answered behind it.
 */
#ifndef OPENFLOW_AGENT_QUERY_H
#define OPENFLOW_AGENT_QUERY_H

#include "agent/queues.h"
#include "table/cursor.h"

struct of_query {
	struct of_query *next;            /* of the agent's */
	struct of_controller *controller; /* held */
	struct of_multipart what;
	struct of_reply reply;
	uint32_t xid;
	uint64_t now_ns;
	struct xvs_timer *timer;
	struct of_cursor cursor; /* FLOW, AGGREGATE of many flows: gone through as they are told of */
	bool is_walked;          /* by that */
	struct of_aggregate_view sum; /* AGGREGATE, so far */
	struct of_rule **rules;       /* of few: each held */
	uint32_t rule_count;
	uint32_t *ids; /* ports, groups or meters */
	struct of_queue_list queues;
	uint32_t count, at;
	bool is_open; /* the reply has begun */
};

/* Gathers what is to be told.  A fault: nothing is. */
of_fault of_query_gather(struct of_query *q);

/* Was that all? */
bool of_query_is_told(const struct of_query *q);

/* Tells of one element, or looks at one flow. */
void of_query_tell(struct of_query *q);

/* Behind all of them. */
void of_query_finish(struct of_query *q);

/* What was gathered, let go. */
void of_query_let_go(struct of_query *q);

#endif /* OPENFLOW_AGENT_QUERY_H */
