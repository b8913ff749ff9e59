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
#include "table/sweep.h"

struct of_state {
	struct of_flows flows;
	struct of_map groups;
	struct of_map meters;
	/* [control] At commit: groups have changed, which flows do not tell of. */
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

/* [control] Their parts, for several turns, as those of flows: of_flows_tell(), and true: undone. */
void of_state_publish(struct of_state *s);
bool of_state_unwind(struct of_state *s, uint32_t count);

/* [control] Within a transaction.  A fault leaves what this call would have changed. */
of_fault of_state_flow(struct of_state *s, const struct of_flow_mod *mod);
of_fault of_state_group(struct of_state *s, const struct of_group_mod *mod);
of_fault of_state_meter(struct of_state *s, const struct of_meter_mod *mod);

/*
 * [control] The same for several turns: what may be said against it; then the sweep that it has begun, if
 * any, goes to its end; then what is left to do.
 */
of_fault of_state_flow_check(const struct of_state *s, const struct of_flow_mod *mod);
of_fault of_state_group_start(struct of_state *s, uint32_t group, struct of_sweep *sweep);
void of_state_group_end(struct of_state *s, uint32_t group);
void of_state_meter_start(struct of_state *s, uint32_t meter, struct of_sweep *sweep);
void of_state_meter_end(struct of_state *s, uint32_t meter);

#endif /* OPENFLOW_TABLE_STATE_H */
