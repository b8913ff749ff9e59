/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/state.h - all that controllers have set on one switch: flows, groups, meters; one transaction
 * over them.
 */
#ifndef OPENFLOW_TABLE_STATE_H
#define OPENFLOW_TABLE_STATE_H

#include "table/flows.h"
#include "table/group.h"
#include "table/meter.h"

struct of_state {
	struct of_flows flows;
	struct of_map groups;
	struct of_map meters;
	/* [control] At commit, after the flows' own events: those of groups and meters are told by these. */
	void (*groups_changed)(void *arg);
	void *arg;
};

/* 'reclaim' and 'events' are copied.  'limit': rules of each table. */
void of_state_init(struct of_state *s, uint64_t seed, uint32_t limit,
		   const struct of_reclaim *reclaim, const struct of_flows_events *events);
void of_state_destroy(struct of_state *s);

/* [control] All that is between is seen at once, or not at all. */
void of_state_begin(struct of_state *s, uint64_t now_ns);
void of_state_commit(struct of_state *s);
void of_state_abort(struct of_state *s);

/* [control] Within a transaction.  A fault leaves what this call would have changed. */
of_fault of_state_flow(struct of_state *s, const struct of_flow_mod *mod);
of_fault of_state_group(struct of_state *s, const struct of_group_mod *mod);
of_fault of_state_meter(struct of_state *s, const struct of_meter_mod *mod);

#endif /* OPENFLOW_TABLE_STATE_H */
