/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/cursor.h - flows one after another, in turns between which they come and go.
 *
 * In the order in which they came, table by table.  A flow that is there from the first step to the last
 * is met; one that is changed meanwhile may be met twice, as it was and as it is.  [control]
 */
#ifndef OPENFLOW_TABLE_CURSOR_H
#define OPENFLOW_TABLE_CURSOR_H

#include "table/flows.h"

struct of_cursor {
	struct of_cursor *next; /* of the flows' list */
	struct of_flows *flows; /* NULL: it has not begun, or has ended */
	struct of_rule *at;     /* to be met next */
	uint32_t table, last;
	bool is_done;
};

/* From the filter's table, or all of them. */
void of_cursor_begin(struct of_cursor *c, struct of_flows *flows,
		     const struct of_flow_filter *filter);
/* Harmless if it has not begun. */
void of_cursor_end(struct of_cursor *c);

/* One step: the rule that was met, if it is meant, else NULL; is_done: that was all. */
struct of_rule *of_cursor_step(struct of_cursor *c, const struct of_flow_filter *filter);

/* For flows.c: it goes; it has come back to its place, and may be met for the second time. */
void of_cursors_leave(struct of_cursor *first, const struct of_rule *r);
void of_cursors_return(struct of_cursor *first, struct of_rule *r);

#endif /* OPENFLOW_TABLE_CURSOR_H */
