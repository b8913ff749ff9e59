/* SPDX-License-Identifier: Apache-2.0 */
/* agent/status.h - what the operator sees of it: controllers and tables. */
#ifndef OPENFLOW_AGENT_STATUS_H
#define OPENFLOW_AGENT_STATUS_H

#include "agent/agent.h"

/* "org.xvs.openflow.status/1" */
struct of_status {
	char datapath_id[20];
	char forwards[24]; /* "flow tables", or "built-in switch" while no controller is connected */
	uint32_t flows, groups, meters;
	uint64_t flow_mods, packet_ins, packet_ins_lost, turned_away;
	struct xvs_table controllers;     /* struct of_controller_row */
	struct xvs_table tables;          /* struct of_table_row */
	struct xvs_table packet_in_ports; /* struct of_told_row */
};

enum { OF_STATUS_FIELDS = 12 };
extern const struct xvs_field of_status_fields[OF_STATUS_FIELDS];

/* [control] Lists stay until the next call, or of_status_finish().  -ENOMEM. */
int of_status_fill(struct of_agent *a, struct of_status *out);
void of_status_finish(struct of_agent *a);

#endif /* OPENFLOW_AGENT_STATUS_H */
