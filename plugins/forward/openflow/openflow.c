/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.openflow - a controller drives forwarding (OpenFlow 1.0, 1.3 and 1.4).
 *
 *	channel/   connections of controllers
 *	wire/      messages, of every version the same from here on
 *	agent/     what messages do, and what controllers are told
 *	table/     flows, groups, meters: written by the agent, read by workers without a lock
 *	pipeline/  the first packet of a flow walks through the tables; a verdict comes of it
 *
 * The agent lives on the control thread and takes turns of a few milliseconds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lists.h"
#include "agent/status.h"
#include "xvs/ext/explain.h"
#include "xvs/ext/sdk.h"

struct openflow {
	struct of_agent agent;
};

struct openflow_port {
	uint32_t id; /* XVS_PORT_NONE: it is only asked what would be */
	uint8_t uuid[16];
};

/* ---- policy ------------------------------------------------------------------------------------------ */

enum fail_mode { FAIL_STANDALONE, FAIL_SECURE };

struct target_row {
	char target[OF_TARGET_BYTES];
};

struct policy {
	struct xvs_table targets;  /* struct target_row */
	struct xvs_table versions; /* struct version_row */
	uint64_t datapath_id;
	uint32_t fail_mode;
	uint32_t probe_s;
	uint32_t backoff_max_s;
	uint32_t flows_max;
	uint32_t packet_in_pps;
};

struct port_policy {
	uint32_t number;
};

enum version_name { NAME_10, NAME_13, NAME_14 };

struct version_row {
	uint32_t version;
};

static const char *const fail_names[] = {
	[FAIL_STANDALONE] = "standalone", [FAIL_SECURE] = "secure"
};
static const char *const version_names[] = {
	[NAME_10] = "1.0", [NAME_13] = "1.3", [NAME_14] = "1.4"
};

static const struct xvs_field target_fields[] = {
	{ .name = "target",
	  .help = "tcp:HOST:PORT, tls:HOST:PORT or unix:PATH of a controller to call; "
		  "ptcp:PORT[:IP], ptls:PORT[:IP] or punix:PATH where controllers may call",
	  .type = XVS_TEXT,
	  .offset = offsetof(struct target_row, target),
	  .flags = XVS_FIELD_REQUIRED,
	  .max = OF_TARGET_BYTES },
};

static const struct xvs_field version_fields[] = {
	{ .name = "version",
	  .help = "A version of OpenFlow",
	  .type = XVS_ENUM,
	  .offset = offsetof(struct version_row, version),
	  .flags = XVS_FIELD_REQUIRED,
	  .names = XVS_TABLE(version_names) },
};

static const struct xvs_field policy_fields[] = {
	{ .name = "targets",
	  .help = "Controllers",
	  .type = XVS_LIST,
	  .offset = offsetof(struct policy, targets),
	  .max = OF_TARGETS_MAX,
	  .fields = XVS_TABLE(target_fields),
	  .element_bytes = sizeof(struct target_row) },
	{ .name = "versions",
	  .help = "Versions of OpenFlow that are spoken; none given: all of them",
	  .type = XVS_LIST,
	  .offset = offsetof(struct policy, versions),
	  .max = 8,
	  .fields = XVS_TABLE(version_fields),
	  .element_bytes = sizeof(struct version_row) },
	{ .name = "datapath_id",
	  .help = "Number by which controllers know the switch; 0: made of the switch's UUID",
	  .type = XVS_U64,
	  .offset = offsetof(struct policy, datapath_id),
	  .max = UINT64_MAX },
	{ .name = "fail_mode",
	  .help = "While no controller is connected: standalone, the built-in switch forwards; "
		  "secure, the flow tables go on as they are",
	  .type = XVS_ENUM,
	  .offset = offsetof(struct policy, fail_mode),
	  .dflt = FAIL_STANDALONE,
	  .names = XVS_TABLE(fail_names) },
	{ .name = "probe_s",
	  .help = "Seconds of silence after which a controller is asked whether it is there; three "
		  "times as long, and it is given up; 0: never",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, probe_s),
	  .dflt = 5,
	  .max = 3600 },
	{ .name = "backoff_max_s",
	  .help = "Seconds between two calls of a controller that cannot be reached, at most; they "
		  "begin with 1 and double, and each is up to a quarter longer",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, backoff_max_s),
	  .dflt = OF_BACKOFF_MAX_S,
	  .min = 1,
	  .max = 3600 },
	{ .name = "flows_max",
	  .help = "Flow entries that all tables take together",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, flows_max),
	  .dflt = OF_FLOWS_MAX,
	  .min = 1,
	  .max = OF_FLOWS_MAX },
	{ .name = "packet_in_pps",
	  .help = "Packets a second that controllers are told of; half of them are shared out among "
		  "the ports, so that one that floods misses takes no other's; 0: no limit",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, packet_in_pps),
	  .dflt = OF_PACKET_IN_PPS,
	  .max = 10000000 },
};

static const struct xvs_field port_fields[] = {
	{ .name = "number",
	  .help = "Number by which controllers know the port, after a restart and on another host, "
		  "too; without it the switch gives one, which lasts as long as the daemon",
	  .type = XVS_U32,
	  .offset = offsetof(struct port_policy, number),
	  .flags = XVS_FIELD_REQUIRED,
	  .min = 1,
	  .max = OF_NUMBERS - 1 },
};

#define PORT_FEATURE "org.xvs.openflow.port/1"

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "org.xvs.openflow.controller/1",
	  .summary = "Controllers of the switch",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(policy_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct port_policy),
	  .id = PORT_FEATURE,
	  .summary = "What controllers see of a port",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(port_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct of_status),
	  .id = "org.xvs.openflow.status/1",
	  .summary = "Controllers and flow tables",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(of_status_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct xvs_table),
	  .id = OF_LIST_FLOWS,
	  .summary = "Flow entries, by table, priority, cookie and match",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = { &of_list_flow_field, 1, sizeof(struct xvs_field) } },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct xvs_table),
	  .id = OF_LIST_GROUPS,
	  .summary = "Groups, by number",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = { &of_list_group_field, 1, sizeof(struct xvs_field) } },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct xvs_table),
	  .id = OF_LIST_METERS,
	  .summary = "Meters, by number",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_STATUS,
	  .fields = { &of_list_meter_field, 1, sizeof(struct xvs_field) } },
};

/* What check() has made ready for apply(). */
struct prepared {
	struct of_settings settings;
	struct of_target_list *targets;
};

static const struct target_row *row_at(const struct xvs_table *t, uint32_t i)
{
	return (const struct target_row *)((const uint8_t *)t->items + (size_t)i * t->stride);
}

static int check_target(const struct xvs_table *rows, uint32_t i, struct xvs_error *err)
{
	const char *text = row_at(rows, i)->target;
	char field[64];

	(void)snprintf(field, sizeof(field), "targets[%u]", i);
	if (!of_target_is_sound(text))
		return xvs_refuse(err, -EINVAL, field,
				  "is no target: say tcp:HOST:PORT, tls:HOST:PORT, unix:PATH, "
				  "ptcp:PORT, ptls:PORT or punix:PATH");
	for (uint32_t k = 0; k < i; k++) {
		if (strcmp(row_at(rows, k)->target, text) == 0)
			return xvs_refuse(err, -EINVAL, field, "is said twice");
	}
	return 0;
}

static uint32_t versions_of(const struct policy *p)
{
	static const uint8_t numbers[] = {
		[NAME_10] = OF_V10, [NAME_13] = OF_V13, [NAME_14] = OF_V14
	};
	uint32_t versions = 0;

	for (uint32_t i = 0; i < p->versions.count; i++) {
		const struct version_row *row =
			(const struct version_row *)(const void *)((const uint8_t *)
									   p->versions.items +
								   (size_t)i * p->versions.stride);

		versions |= 1u << numbers[row->version];
	}
	return versions ? versions : (uint32_t)OF_VERSIONS;
}

static const struct policy no_policy = { .probe_s = 5,
					 .backoff_max_s = OF_BACKOFF_MAX_S,
					 .flows_max = OF_FLOWS_MAX,
					 .packet_in_pps = OF_PACKET_IN_PPS };

static int check_port(const struct openflow *o, const struct openflow_port *port,
		      const struct port_policy *p, struct xvs_error *err)
{
	char text[128];
	uint32_t other =
		p ? of_numbers_asked(&o->agent.numbers, p->number, port->uuid) : XVS_PORT_NONE;

	if (other == XVS_PORT_NONE)
		return 0;
	(void)snprintf(text, sizeof(text), "is %u, which is the number of port %s", p->number,
		       o->agent.ports[other].name);
	return xvs_refuse(err, -EEXIST, "number", text);
}

static int openflow_check(void *self, void *port_state, const char *feature, const void *value,
			  void **out, struct xvs_error *err)
{
	const struct policy *p = value ? value : &no_policy;
	const char *texts[OF_TARGETS_MAX];
	struct prepared *x;

	*out = NULL;
	if (strcmp(feature, PORT_FEATURE) == 0)
		return check_port(self, port_state, value, err);
	for (uint32_t i = 0; i < p->targets.count; i++) {
		int code = check_target(&p->targets, i, err);

		if (code)
			return code;
		texts[i] = row_at(&p->targets, i)->target;
	}
	x = calloc(1, sizeof(*x));
	if (x)
		x->targets = of_target_list_new(texts, p->targets.count);
	if (!x || !x->targets) {
		free(x);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	x->settings = (struct of_settings){ .datapath_id = p->datapath_id,
					    .versions = versions_of(p),
					    .pace = { p->probe_s, p->backoff_max_s },
					    .flows_max = p->flows_max,
					    .packet_in_pps = p->packet_in_pps,
					    .is_secure = p->fail_mode == FAIL_SECURE };
	*out = x;
	return 0;
}

static void openflow_apply(void *self, void *port_state, const char *feature, const void *value,
			   void *prepared)
{
	struct openflow *o = self;
	struct prepared *x = prepared;
	const struct openflow_port *port = port_state;
	const struct port_policy *p = value;

	if (strcmp(feature, PORT_FEATURE) == 0) {
		if (port->id != XVS_PORT_NONE)
			of_agent_port_want(&o->agent, port->id, p ? p->number : 0);
		return;
	}
	of_agent_configure(&o->agent, &x->settings, x->targets);
	free(x);
}

static void openflow_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	struct prepared *x = prepared;

	(void)self;
	(void)port_state;
	(void)feature;
	if (x)
		of_target_list_free(x->targets);
	free(x);
}

static int openflow_status(void *self, void *port_state, const char *feature, void *out,
			   struct xvs_error *err)
{
	struct openflow *o = self;

	(void)port_state;
	(void)feature;
	if (of_status_fill(&o->agent, out) == 0)
		return 0;
	return xvs_refuse(err, -ENOMEM, "", "out of memory");
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void openflow_destroy(void *self)
{
	struct openflow *o = self;

	of_status_finish(&o->agent);
	of_lists_finish(&o->agent);
	of_agent_destroy(&o->agent);
	free(o);
}

static int openflow_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			   struct xvs_error *err)
{
	struct openflow *o = calloc(1, sizeof(*o));
	int code;

	if (!o)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	code = of_agent_init(&o->agent, host, args, err);
	if (code) {
		openflow_destroy(o);
		return code;
	}
	*self = o;
	return 0;
}

static void openflow_active(void *self, bool on)
{
	struct openflow *o = self;

	of_agent_active(&o->agent, on);
}

static int openflow_worker_attach(void *self, uint32_t worker, int numa_node, void **worker_state,
				  struct xvs_error *err)
{
	struct openflow *o = self;
	struct of_worker *w = calloc(1, sizeof(*w));

	(void)worker;
	(void)numa_node;
	if (!w)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	w->pipeline = &o->agent.pipeline;
	*worker_state = w;
	return 0;
}

static void openflow_worker_detach(void *self, void *worker_state)
{
	(void)self;
	free(worker_state);
}

static int openflow_port_attach(void *self, const struct xvs_port *port, void **port_state,
				struct xvs_error *err)
{
	struct openflow *o = self;
	struct openflow_port *p = calloc(1, sizeof(*p));

	if (!p || of_agent_port_attach(&o->agent, port) != 0) {
		free(p);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	p->id = port->flags & XVS_PORT_PROBE ? XVS_PORT_NONE : port->id;
	memcpy(p->uuid, port->uuid, sizeof(p->uuid));
	*port_state = p;
	return 0;
}

static void openflow_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	struct openflow *o = self;

	(void)port_state;
	of_agent_port_event(&o->agent, event, now);
}

static void openflow_port_detach(void *self, void *port_state)
{
	struct openflow *o = self;
	struct openflow_port *p = port_state;

	if (p->id != XVS_PORT_NONE)
		of_agent_port_detach(&o->agent, p->id);
	free(p);
}

/* ---- packets ------------------------------------------------------------------------------------------ */

static void openflow_judge(void *self, const struct xvs_batch *b, uint32_t i,
			   const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)self;
	(void)key;
	of_judge(b->worker_state, b, i, v);
}

static void openflow_account(void *self, const struct xvs_flow_stats *stats)
{
	(void)self;
	of_account(stats);
}

static void openflow_forward(void *self, struct xvs_batch *b)
{
	(void)self;
	of_forward(b->worker_state, b);
}

static const struct xvs_flow flow = {
	.size = sizeof(flow),
	.judge = openflow_judge,
	.account = openflow_account,
};

static void openflow_explain(void *self, const struct xvs_batch *b, uint32_t i,
			     const struct xvs_flow_key *key, char *text, uint32_t bytes)
{
	(void)self;
	(void)i;
	(void)key;
	of_explain(b->worker_state, text, bytes);
}

static const struct xvs_explain explain = { .size = sizeof(explain), .explain = openflow_explain };

static int openflow_rows(void *self, const char *feature, const struct xvs_row_question *question,
			 void *out, uint64_t *more, struct xvs_error *err)
{
	struct openflow *o = self;

	return of_lists_read(&o->agent, feature, question, out, more, err);
}

static const struct xvs_rows rows = {
	.size = sizeof(rows),
	.features = XVS_TABLE(of_list_features),
	.read = openflow_rows,
};

static const void *openflow_query(void *self, const char *id)
{
	(void)self;
	if (strcmp(id, XVS_EXPLAIN) == 0)
		return &explain;
	if (strcmp(id, XVS_ROWS) == 0)
		return &rows;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = openflow_create,
	.destroy = openflow_destroy,
	.active = openflow_active,
	.worker_attach = openflow_worker_attach,
	.worker_detach = openflow_worker_detach,
	.port_attach = openflow_port_attach,
	.port_event = openflow_port_event,
	.port_detach = openflow_port_detach,
	.policy_check = openflow_check,
	.policy_apply = openflow_apply,
	.policy_abort = openflow_abort,
	.status_read = openflow_status,
	.forward = openflow_forward,
	.query = openflow_query,
};

static const char *const needs[] = { XVS_FLOW_HOST, XVS_LOOP, XVS_TIMER, XVS_MAILBOX };

enum {
	RIGHTS = XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE | XVS_RIGHT_IMPERSONATE |
		 XVS_RIGHT_PAYLOAD | XVS_RIGHT_NETWORK
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FORWARD,
	  .flags = XVS_EXT_TAGS,
	  .id = "org.xvs.openflow",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "An OpenFlow controller drives forwarding",
	  .features = XVS_TABLE(features),
	  .reasons = { of_reasons, OF_REASONS, sizeof(struct xvs_label) },
	  .needs = XVS_TABLE(needs),
	  .rights = RIGHTS,
	  .ops = &ops },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};

XVS_NOTE("org.xvs.openflow", XVS_VERSION, 1u << XVS_FORWARD, RIGHTS);
