/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/describe.c - the method table as an OpenRPC document: api/control/xvs-rpc.json.
 */
#include "rpc/rpc.h"

const char *rpc_role_name(enum rpc_role role)
{
	switch (role) {
	case RPC_READ_ONLY:
		return "read-only";
	case RPC_OPERATOR:
		return "operator";
	case RPC_ADMIN:
		return "admin";
	}
	return "";
}

static json_t *type_schema(enum rpc_type type)
{
	switch (type) {
	case RPC_TEXT:
		return json_pack("{s:s}", "type", "string");
	case RPC_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case RPC_COUNT:
		return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
	case RPC_OBJECT:
		return json_pack("{s:s}", "type", "object");
	}
	return NULL;
}

static json_t *params_describe(const struct rpc_method *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < RPC_PARAMS_MAX && m->params[i].name; i++) {
		const struct rpc_param *p = &m->params[i];
		json_t *one =
			json_pack("{s:s, s:s, s:b, s:o}", "name", p->name, "description", p->help,
				  "required", (int)p->is_required, "schema", type_schema(p->type));

		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *method_describe(const struct rpc_method *m)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:s, s:{}}}", "name", m->name, "summary",
			 m->summary, "x-role", rpc_role_name(m->role), "params", params_describe(m),
			 "result", "name", "result", "description", m->result, "schema");
}

json_t *rpc_describe_as(const struct rpc_table *table, const char *title)
{
	json_t *methods = json_array();

	for (size_t i = 0; i < table->count; i++) {
		if (json_array_append_new(methods, method_describe(&table->methods[i])) != 0) {
			json_decref(methods);
			return NULL;
		}
	}
	return json_pack(
		"{s:s, s:{s:s, s:s, s:s}, s:o}", "openrpc", "1.3.2", "info", "title", title,
		"version", "1", "description",
		"JSON-RPC 2.0, one message a line, over a UNIX stream socket. x-role is the "
		"least role that may call a method: see control/protocol.h",
		"methods", methods);
}

json_t *rpc_describe(const struct rpc_table *table)
{
	return rpc_describe_as(table, "xvsd control");
}
