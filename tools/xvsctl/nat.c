/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/nat.c - answers about nat switches: sessions, pools, neighbours. */
#include "verbs.h"

static void set_end(json_t *row, const json_t *session, const char *name)
{
	const json_t *end = json_object_get(session, name);

	(void)json_object_set_new(row, name,
				  json_sprintf("%s:%" JSON_INTEGER_FORMAT,
					       json_string_value(json_object_get(end, "address")),
					       json_integer_value(json_object_get(end, "port"))));
}

static const char *proto_name(json_int_t proto)
{
	return proto == 6 ? "tcp" : proto == 17 ? "udp" : "icmp";
}

static json_t *session_row(const json_t *s)
{
	json_t *row = json_copy((json_t *)(uintptr_t)s);

	set_end(row, s, "inside");
	set_end(row, s, "outside");
	set_end(row, s, "remote");
	(void)json_object_set_new(
		row, "protocol",
		json_string(proto_name(json_integer_value(json_object_get(s, "proto")))));
	for (size_t i = 0; i < 2; i++)
		(void)json_object_set(row, i ? "in" : "out",
				      json_array_get(json_object_get(s, "packets"), i));
	(void)json_object_set_new(
		row, "left",
		json_integer(json_integer_value(json_object_get(s, "left_ms")) / 1000));
	return row;
}

void print_nat_sessions(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "SWITCH", "switch", false },
		{ "PROTO", "protocol", false },
		{ "INSIDE", "inside", false },
		{ "OUTSIDE", "outside", false },
		{ "REMOTE", "remote", false },
		{ "STATE", "state", false },
		{ "FORWARD", "forward", false },
		{ "OUT", "out", true },
		{ "IN", "in", true },
		{ "LEFT s", "left", true },
		{ NULL, NULL, false },
	};
	const json_t *list = json_object_get(result, "sessions");
	json_int_t total = json_integer_value(json_object_get(result, "total"));
	size_t shown = json_array_size(list);
	json_t *rows = json_array();

	for (size_t i = 0; i < shown; i++)
		(void)json_array_append_new(rows, session_row(json_array_get(list, i)));
	format_table(out, rows, columns, "");
	if ((json_int_t)shown < total)
		strbuf_add(out, "%zu of %" JSON_INTEGER_FORMAT " sessions, see --limit\n", shown,
			   total);
	json_decref(rows);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void put_nat(struct strbuf *out, const json_t *nat)
{
	static const struct column pools[] = {
		{ "ADDRESS", "address", false }, { "PORTS", "ports", false },
		{ "OF", "size", true },          { "TCP", "tcp", true },
		{ "UDP", "udp", true },          { "ICMP", "icmp", true },
		{ NULL, NULL, false },
	};
	static const struct column neighbours[] = {
		{ "SIDE", "side", false },
		{ "NEIGHBOUR", "address", false },
		{ "MAC", "mac", false },
		{ NULL, NULL, false },
	};
	const json_t *refused = json_object_get(nat, "refused");

	strbuf_add(out,
		   "switch %s: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		   " sessions, %" JSON_INTEGER_FORMAT " bindings, %" JSON_INTEGER_FORMAT
		   " inside addresses\n",
		   json_string_value(json_object_get(nat, "switch")), number(nat, "sessions"),
		   number(nat, "limit"), number(nat, "bindings"), number(nat, "hosts"));
	strbuf_add(out,
		   "refused: %" JSON_INTEGER_FORMAT " no port left, %" JSON_INTEGER_FORMAT
		   " no room, %" JSON_INTEGER_FORMAT " host's limit, %" JSON_INTEGER_FORMAT
		   " filtered\n",
		   number(refused, "no_ports"), number(refused, "no_room"),
		   number(refused, "host_limit"), number(refused, "filtered"));
	format_table(out, json_object_get(nat, "pools"), pools, "  ");
	format_table(out, json_object_get(nat, "neighbours"), neighbours, "  ");
}

void print_nats(struct strbuf *out, const json_t *result)
{
	for (size_t i = 0; i < json_array_size(result); i++)
		put_nat(out, json_array_get(result, i));
}
