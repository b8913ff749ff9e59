/* SPDX-License-Identifier: Apache-2.0 */
/* agent/lists.h - flows, groups and meters for `xvsctl ext rows`: xvs/ext/rows.h. */
#ifndef OPENFLOW_AGENT_LISTS_H
#define OPENFLOW_AGENT_LISTS_H

#include "agent/agent.h"
#include "xvs/ext/rows.h"

#define OF_LIST_FLOWS "org.xvs.openflow.flows/1"
#define OF_LIST_GROUPS "org.xvs.openflow.groups/1"
#define OF_LIST_METERS "org.xvs.openflow.meters/1"

extern const struct xvs_field of_list_flow_field;
extern const struct xvs_field of_list_group_field;
extern const struct xvs_field of_list_meter_field;
enum { OF_LISTS = 3 };
extern const char *const of_list_features[OF_LISTS];

/* [control] Rows stay until the next call, or of_lists_finish(). */
int of_lists_read(struct of_agent *a, const char *feature, const struct xvs_row_question *q,
		  struct xvs_table *out, uint64_t *more, struct xvs_error *err);
void of_lists_finish(struct of_agent *a);

#endif /* OPENFLOW_AGENT_LISTS_H */
