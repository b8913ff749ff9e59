/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_traffic.c - what the packet path knows: connections, flows, addresses, drops. */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "control/flowtext.h"
#include "control/methods.h"
#include "control/names.h"

enum {
	LIST_DEFAULT = 1000,
	LIST_MAX = 20000, /* an answer of some 10 MB */
	OUTS_MAX = sizeof(((struct flow_info *)0)->outs) / sizeof(uint32_t),
};

static uint32_t limit_of(const struct rpc_call *call)
{
	uint64_t limit = rpc_count(call, "limit", LIST_DEFAULT);

	return limit < LIST_MAX ? (uint32_t)limit : LIST_MAX;
}

/* False: the call has been refused.  *port is 0 if it names none. */
static bool port_of(struct rpc_call *call, uint32_t *port)
{
	const char *target = rpc_text(call, "port");

	*port = target ? world_port_id(world_of(call), target) : 0;
	if (!target || *port)
		return true;
	rpc_refuse(call, RPC_NOT_FOUND, "port %.128s: there is none of that name", target);
	return false;
}

/* ---- flows ------------------------------------------------------------------------------------------ */

static json_t *outs_json(struct world *w, const struct flow_info *flow)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < flow->out_count && i < OUTS_MAX; i++)
		(void)json_array_append_new(list, json_string(world_port_name(w, flow->outs[i])));
	return list;
}

static json_t *flow_json(struct world *w, const struct names *names, const struct flow_info *flow)
{
	bool is_drop = flow->drop_reason || flow->drop_instance;
	json_t *one =
		json_pack("{s:I, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:o}", "worker",
			  (json_int_t)flow->worker, "port", world_port_name(w, flow->port_in),
			  "segment", (json_int_t)flow->segment, "match",
			  flow_match(&flow->key, &flow->mask), "packets", (json_int_t)flow->packets,
			  "bytes", (json_int_t)flow->bytes, "age_ms",
			  (json_int_t)(flow->age_ns / NS_PER_MS), "idle_ms",
			  (json_int_t)(flow->idle_ns / NS_PER_MS), "watchers",
			  (json_int_t)flow->watchers, "action", is_drop ? "drop" : "forward",
			  "out_count", (json_int_t)flow->out_count, "outs", outs_json(w, flow));

	if (one && is_drop) {
		(void)json_object_set_new(one, "reason",
					  json_string(names_find(names, COUNTERS_REASON,
								 flow->drop_instance,
								 flow->drop_reason)));
		if (flow->drop_instance)
			(void)json_object_set_new(one, "by",
						  json_string(names_find(names, COUNTERS_INSTANCE,
									 0, flow->drop_instance)));
	}
	return one;
}

static void on_flows(void *arg, const struct flow_info *flows, uint32_t count, uint64_t total)
{
	struct rpc_call *call = arg;
	const struct control *c = rpc_context(call);
	json_t *list = json_array();
	struct names names;

	/* Workers answer when they like: the daemon may have taken the switches down meanwhile. */
	if (!c->world) {
		json_decref(list);
		rpc_refuse(call, RPC_BUSY, "flow list: the daemon is stopping");
		return;
	}
	names_read(c->counters, &names);
	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(list, flow_json(c->world, &names, &flows[i]));
	names_finish(&names);
	rpc_answer(call, json_pack("{s:o, s:I}", "flows", list, "total", (json_int_t)total));
}

static void on_flows_counted(void *arg, const struct flow_info *flows, uint32_t count,
			     uint64_t total)
{
	struct rpc_call *call = arg;

	(void)flows;
	(void)count;
	rpc_answer(call, json_pack("{s:I}", "count", (json_int_t)total));
}

void on_flow_list(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	uint32_t port;

	if (port_of(call, &port))
		path_flow_list(c->path, port, limit_of(call), on_flows, call);
}

void on_flow_count(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	uint32_t port;

	if (port_of(call, &port))
		path_flow_list(c->path, port, 0, on_flows_counted, call);
}

/* ---- the rest --------------------------------------------------------------------------------------- */

void on_mac_list(struct rpc_call *call)
{
	const char *name = rpc_text(call, "switch");

	answer_found(call, world_mac_list(world_of(call), name), "switch", name ? name : "");
}

void on_mirror_list(struct rpc_call *call)
{
	const char *name = rpc_text(call, "switch");

	answer_found(call, world_mirror_list(world_of(call), name), "switch", name ? name : "");
}

void on_drops(struct rpc_call *call)
{
	rpc_answer(call, world_drops(world_of(call)));
}

void on_accounts(struct rpc_call *call)
{
	rpc_answer(call, world_accounts(world_of(call)));
}
