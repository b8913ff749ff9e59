/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/tables.h - what each flow table may hold, as controllers have set it up.
 *
 *	TABLE_FEATURES with a body -> which tables there are, and what flows in them may say
 *	TABLE_MOD                  -> eviction, and events when a table is nearly full
 *
 * Until a controller says so, every table takes everything.  A flow-mod is checked against what
 * its table may hold.
 *
 * Source: OpenFlow 1.3.5, 7.3.5.5; 1.4.0, 7.3.4.1, 7.3.5.6, 7.4.5.
 */
#ifndef OPENFLOW_AGENT_TABLES_H
#define OPENFLOW_AGENT_TABLES_H

#include "agent/agent.h"

struct of_table_setup {
	struct of_table_features features; /* that were asked for */
	bool is_set;                       /* by a controller; otherwise it takes everything */
	bool is_gone;                      /* no table of the pipeline any more */
	bool tells_vacancy;
	bool is_low;   /* that it is full soon was told: that it no longer is, is told next */
	bool was_full; /* which the operator was told */
	uint8_t vacancy_down, vacancy_up; /* percent */
};

/* Of a request in several messages, what has come so far. */
struct of_features_request {
	uint32_t xid;
	uint32_t count;
	struct of_table_features list[OF_TABLES];
};

/* [control] -ENOMEM. */
int of_tables_init(struct of_agent *a);
void of_tables_destroy(struct of_agent *a);

/* [control] So many flows fit into all tables: each takes as many as a controller has asked for. */
void of_tables_limit(struct of_agent *a, uint32_t flows_max);

/* [control] May its table hold it? */
of_fault of_tables_check(const struct of_agent *a, const struct of_flow_mod *mod);

/* [control] Number of flows of the table have changed. */
void of_tables_counted(struct of_agent *a, uint8_t table);

/* [control] A flow found no room in it: the operator hears of it, once until there is some. */
void of_tables_full(struct of_agent *a, uint8_t table);

/* [control] A message of a request; 'is_whole': it was the last, and all is set, or a fault. */
of_fault of_tables_request(struct of_controller *c, const struct of_message *m, bool *is_whole);

/* [control] Is it a part of a request of which others have come?  Those are dropped. */
bool of_tables_request_goes_on(const struct of_controller *c, const struct of_message *m);
void of_tables_forget_request(struct of_controller *c);

/* [control] What is told of a table.  'name' lives as long as 'out'. */
bool of_table_is_there(const struct of_agent *a, uint8_t table);
/* One that nobody has set up. */
void of_table_everything(const struct of_agent *a, uint8_t table, struct of_table_features *out);
void of_table_features_of(const struct of_agent *a, uint8_t table, struct of_table_features *out);
void of_table_view_of(const struct of_agent *a, uint8_t table, char name[32],
		      struct of_table_view *out);

#endif /* OPENFLOW_AGENT_TABLES_H */
