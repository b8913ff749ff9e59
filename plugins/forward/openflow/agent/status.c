/* SPDX-License-Identifier: Apache-2.0 */
/* agent/status.c - rows for `xvsctl ext show`. */
#include "agent/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct of_controller_row {
	char target[OF_TARGET_BYTES]; /* who is called, or has called */
	char state[16];
	char version[8];
	char role[8];
	uint64_t received, sent, errors, left_out;
	uint64_t for_s;
	char why[128];
	char last_error[128];
	uint64_t last_error_s;
};

struct of_table_row {
	uint32_t table, flows;
	uint64_t lookups, matched;
};

/* A port, packets of which were for controllers. */
struct of_told_row {
	uint32_t port;
	uint64_t told, over_rate, no_room;
};

enum { TOLD_ROWS_MAX = 1024 };

#define TEXT(struct_, member_, help_) \
	{ \
		.name = #member_, .help = (help_), .type = XVS_TEXT, \
		.offset = offsetof(struct struct_, member_), \
		.max = sizeof(((struct struct_ *)0)->member_) \
	}
#define NUMBER(struct_, member_, help_) \
	{ \
		.name = #member_, .help = (help_), .type = XVS_U64, \
		.offset = offsetof(struct struct_, member_), .max = UINT64_MAX \
	}
#define COUNT(struct_, member_, help_) \
	{ \
		.name = #member_, .help = (help_), .type = XVS_U32, \
		.offset = offsetof(struct struct_, member_), .max = UINT32_MAX \
	}

static const struct xvs_field controller_fields[] = {
	TEXT(of_controller_row, target,
	     "Who is called, where callers are taken, or who has called"),
	TEXT(of_controller_row, state,
	     "connected, greeting, listening, calling, or waiting to call again"),
	TEXT(of_controller_row, version, "Of OpenFlow, that both speak"),
	TEXT(of_controller_row, role, "equal, master or slave"),
	NUMBER(of_controller_row, received, "Messages received"),
	NUMBER(of_controller_row, sent, "Messages sent"),
	NUMBER(of_controller_row, errors, "Of these, errors"),
	NUMBER(of_controller_row, left_out, "Not told unasked, since it did not read"),
	NUMBER(of_controller_row, for_s, "Seconds for which it has been connected, or not"),
	TEXT(of_controller_row, why, "It is not connected"),
	TEXT(of_controller_row, last_error, "Why it was not connected when last it was not"),
	NUMBER(of_controller_row, last_error_s, "Seconds since then"),
};

static const struct xvs_field table_fields[] = {
	COUNT(of_table_row, table, "Number of the table"),
	COUNT(of_table_row, flows, "Flow entries"),
	NUMBER(of_table_row, lookups, "Packets looked up, as far as they have been counted"),
	NUMBER(of_table_row, matched, "Packets matched"),
};

static const struct xvs_field told_fields[] = {
	COUNT(of_told_row, port, "Number of the port; 0: of none"),
	NUMBER(of_told_row, told, "Its packets that controllers could be told of"),
	NUMBER(of_told_row, over_rate,
	       "Those over the rate, packet_in_pps, and over its part of it"),
	NUMBER(of_told_row, no_room, "Those that came while too many of its waited"),
};

const struct xvs_field of_status_fields[OF_STATUS_FIELDS] = {
	TEXT(of_status, datapath_id, "Number by which controllers know the switch"),
	TEXT(of_status, forwards, "Who forwards: the flow tables, or the built-in switch"),
	COUNT(of_status, flows, "Flow entries of all tables"),
	COUNT(of_status, groups, "Groups"),
	COUNT(of_status, meters, "Meters"),
	NUMBER(of_status, flow_mods, "Changes of flows that controllers asked for"),
	NUMBER(of_status, packet_ins, "Packets told to controllers"),
	NUMBER(of_status, packet_ins_lost, "Packets that were too many to be told"),
	NUMBER(of_status, turned_away, "Callers that came when there was no room left"),
	{ .name = "controllers",
	  .help = "Controllers, and where they may call",
	  .type = XVS_LIST,
	  .offset = offsetof(struct of_status, controllers),
	  .max = OF_TARGETS_MAX + OF_CONNECTIONS_MAX,
	  .fields = XVS_TABLE(controller_fields),
	  .element_bytes = sizeof(struct of_controller_row) },
	{ .name = "tables",
	  .help = "Tables that have flows",
	  .type = XVS_LIST,
	  .offset = offsetof(struct of_status, tables),
	  .max = OF_TABLES,
	  .fields = XVS_TABLE(table_fields),
	  .element_bytes = sizeof(struct of_table_row) },
	{ .name = "packet_in_ports",
	  .help = "Ports, packets of which were for controllers",
	  .type = XVS_LIST,
	  .offset = offsetof(struct of_status, packet_in_ports),
	  .max = TOLD_ROWS_MAX,
	  .fields = XVS_TABLE(told_fields),
	  .element_bytes = sizeof(struct of_told_row) },
};

/* What the last call gave out. */
struct of_status_rows {
	struct of_controller_row controllers[OF_TARGETS_MAX + OF_CONNECTIONS_MAX];
	struct of_table_row tables[OF_TABLES];
	struct of_told_row told[TOLD_ROWS_MAX];
};

static const char *version_name(uint8_t version)
{
	return version == OF_V10   ? "1.0"
	       : version == OF_V13 ? "1.3"
	       : version == OF_V14 ? "1.4"
				   : "";
}

static uint64_t seconds_since(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns && now_ns > then_ns ? (now_ns - then_ns) / 1000000000 : 0;
}

static void fill_controller(struct of_controller_row *row, const struct of_controller *c)
{
	const struct of_connection *k = c->connection;

	(void)snprintf(row->version, sizeof(row->version), "%s", version_name(k->dialect.version));
	(void)snprintf(row->role, sizeof(row->role), "%s", of_role_name(c->role));
	row->received = k->messages_in;
	row->sent = k->messages_out;
	row->errors = k->errors_out;
	row->left_out = k->async_lost;
}

static void fill_caller(struct of_controller_row *row, const struct of_controller *c,
			uint64_t now_ns)
{
	(void)snprintf(row->target, sizeof(row->target), "%s", c->connection->peer);
	(void)snprintf(row->state, sizeof(row->state), "connected");
	row->for_s = seconds_since(c->connection->opened_ns, now_ns);
	fill_controller(row, c);
}

static void fill_target(struct of_controller_row *row, const struct of_target *t, uint64_t now_ns)
{
	const struct of_controller *c = t->connection ? t->connection->user : NULL;
	const char *state = t->listener     ? "listening"
			    : c             ? "connected"
			    : t->connection ? "greeting"
			    : t->is_calling ? "calling"
					    : "waiting";

	(void)snprintf(row->target, sizeof(row->target), "%s", t->text);
	(void)snprintf(row->state, sizeof(row->state), "%s", state);
	(void)snprintf(row->why, sizeof(row->why), "%s", t->status);
	(void)snprintf(row->last_error, sizeof(row->last_error), "%s", t->last_error);
	row->for_s = seconds_since(t->since_ns, now_ns);
	row->last_error_s = seconds_since(t->failed_ns, now_ns);
	if (c)
		fill_controller(row, c);
}

/* Targets, with the controllers that were called there, and then those that have called. */
static uint32_t fill_controllers(const struct of_agent *a, struct of_controller_row *rows)
{
	uint64_t now = a->host->now(a->host);
	uint32_t count = 0;

	for (uint32_t i = 0; i < a->channel.target_count; i++)
		fill_target(&rows[count++], a->channel.targets[i], now);
	for (const struct of_controller *c = a->controllers;
	     c && count < OF_TARGETS_MAX + OF_CONNECTIONS_MAX; c = c->next) {
		if (c->connection && c->connection->listener)
			fill_caller(&rows[count++], c, now);
	}
	return count;
}

static uint32_t fill_tables(const struct of_agent *a, struct of_table_row *rows)
{
	uint32_t count = 0;

	for (uint32_t t = 0; t < OF_TABLES; t++) {
		const struct of_flow_table *table = &a->pipeline.state.flows.tables[t];

		if (!table->count)
			continue;
		rows[count++] =
			(struct of_table_row){ t, table->count, of_count(&table->lookups.packets),
					       of_count(&table->matched.packets) };
	}
	return count;
}

static uint32_t fill_told(const struct of_agent *a, struct of_told_row *rows)
{
	const struct of_admission *admission = &a->pipeline.admission;
	uint32_t count = 0;

	for (uint32_t id = 0; id < admission->ports_max && count < TOLD_ROWS_MAX; id++) {
		const struct of_admitted_port *p = &admission->ports[id];
		const struct of_told_row row = { id ? of_port_number(&a->pipeline, id) : 0,
						 of_count(&p->told), of_count(&p->over_rate),
						 of_count(&p->no_room) };

		if (row.told || row.over_rate || row.no_room)
			rows[count++] = row;
	}
	return count;
}

int of_status_fill(struct of_agent *a, struct of_status *out)
{
	struct of_status_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	free(a->status_rows);
	a->status_rows = rows;
	(void)snprintf(out->datapath_id, sizeof(out->datapath_id), "%016" PRIx64,
		       of_agent_datapath_id(a));
	(void)snprintf(out->forwards, sizeof(out->forwards), "%s",
		       a->pipeline.is_standalone ? "built-in switch" : "flow tables");
	out->flows = a->pipeline.state.flows.count;
	out->groups = a->pipeline.state.groups.count;
	out->meters = a->pipeline.state.meters.count;
	out->flow_mods = a->flow_mods;
	out->packet_ins = a->packet_ins;
	out->packet_ins_lost = a->packet_ins_lost;
	out->turned_away = a->channel.turned_away;
	out->controllers =
		(struct xvs_table){ rows->controllers, fill_controllers(a, rows->controllers),
				    sizeof(rows->controllers[0]) };
	out->tables = (struct xvs_table){ rows->tables, fill_tables(a, rows->tables),
					  sizeof(rows->tables[0]) };
	out->packet_in_ports =
		(struct xvs_table){ rows->told, fill_told(a, rows->told), sizeof(rows->told[0]) };
	return 0;
}

void of_status_finish(struct of_agent *a)
{
	free(a->status_rows);
	a->status_rows = NULL;
}
