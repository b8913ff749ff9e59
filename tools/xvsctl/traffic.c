/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/traffic.c - answers about what travels: connections, flows, addresses, drops; and files. */
#include <stdlib.h>
#include <string.h>

#include "verbs.h"

/* ---- connections ------------------------------------------------------------------------------------ */

static const struct {
	json_int_t number;
	const char *name;
} protocols[] = { { 1, "icmp" }, { 6, "tcp" }, { 17, "udp" }, { 58, "icmp6" }, { 132, "sctp" } };

static void put_proto(struct strbuf *out, json_int_t proto)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (protocols[i].number == proto) {
			strbuf_add(out, "%s", protocols[i].name);
			return;
		}
	}
	strbuf_add(out, "%" JSON_INTEGER_FORMAT, proto);
}

bool proto_number(const char *name, long long *out)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcmp(protocols[i].name, name) == 0) {
			*out = protocols[i].number;
			return true;
		}
	}
	return false;
}

/* Takes 'b'. */
static void set_text(json_t *row, const char *key, struct strbuf *b)
{
	(void)json_object_set_new(row, key, json_string(b->text ? b->text : ""));
	strbuf_finish(b);
}

static json_int_t sum_of(const json_t *pair)
{
	return json_integer_value(json_array_get(pair, 0)) +
	       json_integer_value(json_array_get(pair, 1));
}

static json_t *connection_row(const json_t *c)
{
	static const char *const ends[][3] = { { "src", "src_port", "from" },
					       { "dst", "dst_port", "to" } };
	json_t *row = json_copy((json_t *)(uintptr_t)c);
	struct strbuf text = { NULL, 0, 0, false };

	put_proto(&text, json_integer_value(json_object_get(c, "proto")));
	set_text(row, "protocol", &text);
	for (size_t i = 0; i < 2; i++) {
		format_value(&text, json_object_get(c, ends[i][0]));
		strbuf_add(&text, " %" JSON_INTEGER_FORMAT,
			   json_integer_value(json_object_get(c, ends[i][1])));
		set_text(row, ends[i][2], &text);
	}
	if (json_is_true(json_object_get(c, "denied")))
		(void)json_object_set_new(row, "state", json_string("denied"));
	(void)json_object_set_new(row, "packets",
				  json_integer(sum_of(json_object_get(c, "packets"))));
	(void)json_object_set_new(row, "bytes", json_integer(sum_of(json_object_get(c, "bytes"))));
	(void)json_object_set_new(
		row, "idle",
		json_integer(json_integer_value(json_object_get(c, "idle_left_ms")) / 1000));
	return row;
}

static void put_total(struct strbuf *out, const json_t *result, const char *what, size_t shown)
{
	json_int_t total = json_integer_value(json_object_get(result, "total"));

	if ((json_int_t)shown < total)
		strbuf_add(out, "%zu of %" JSON_INTEGER_FORMAT " %s, see --limit\n", shown, total,
			   what);
}

void print_connections(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "PORT", "port", false },
		{ "PROTO", "protocol", false },
		{ "FROM", "from", false },
		{ "TO", "to", false },
		{ "OPENED", "direction", false },
		{ "STATE", "state", false },
		{ "PACKETS", "packets", true },
		{ "BYTES", "bytes", true },
		{ "LEFT s", "idle", true },
		{ "REASON", "reason", false },
		{ NULL, NULL, false },
	};
	const json_t *list = json_object_get(result, "connections");
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		(void)json_array_append_new(rows, connection_row(json_array_get(list, i)));
	format_table(out, rows, columns, "");
	put_total(out, result, "connections", json_array_size(list));
	json_decref(rows);
}

/* ---- flows ------------------------------------------------------------------------------------------ */

/* "eth_dst=... ip_src=..." */
static void put_match(struct strbuf *out, json_t *match)
{
	const char *name;
	json_t *value;
	bool is_first = true;

	json_object_foreach(match, name, value)
	{
		strbuf_add(out, "%s%s=", is_first ? "" : " ", name);
		format_value(out, value);
		is_first = false;
	}
}

static json_t *flow_row(const json_t *flow)
{
	json_t *row = json_copy((json_t *)(uintptr_t)flow);
	struct strbuf text = { NULL, 0, 0, false };
	const json_t *reason = json_object_get(flow, "reason");

	put_match(&text, json_object_get(flow, "match"));
	set_text(row, "matches", &text);
	if (reason) {
		strbuf_add(&text, "drop: ");
		format_value(&text, reason);
	} else if (json_integer_value(json_object_get(flow, "out_count")) >
		   (json_int_t)json_array_size(json_object_get(flow, "outs"))) {
		strbuf_add(&text, "%" JSON_INTEGER_FORMAT " ports",
			   json_integer_value(json_object_get(flow, "out_count")));
	} else {
		format_value(&text, json_object_get(flow, "outs"));
	}
	set_text(row, "to", &text);
	return row;
}

void print_flows(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "PORT", "port", false },     { "VLAN", "segment", true },
		{ "TO", "to", false },         { "PACKETS", "packets", true },
		{ "BYTES", "bytes", true },    { "IDLE ms", "idle_ms", true },
		{ "MATCH", "matches", false }, { NULL, NULL, false },
	};
	const json_t *list = json_object_get(result, "flows");
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		(void)json_array_append_new(rows, flow_row(json_array_get(list, i)));
	format_table(out, rows, columns, "");
	put_total(out, result, "flows", json_array_size(list));
	json_decref(rows);
}

/* ---- the rest of the packet path ---------------------------------------------------------------------- */

void print_addresses(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "SWITCH", "switch", false }, { "MAC", "mac", false },
		{ "VLAN", "segment", true },   { "PORT", "port", false },
		{ "STATIC", "static", false }, { "AGE s", "age_s", true },
		{ "HELD", "held", false },     { NULL, NULL, false },
	};

	format_table(out, result, columns, "");
}

/* "ids, tap2" */
static json_t *joined(const json_t *list)
{
	struct strbuf text = { 0 };
	json_t *j;

	for (size_t i = 0; i < json_array_size(list); i++)
		strbuf_add(&text, "%s%s", i ? ", " : "",
			   json_string_value(json_array_get(list, i)));
	j = json_string(text.text ? text.text : "-");
	free(text.text);
	return j;
}

void print_mirrors(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "SWITCH", "switch", false },  { "SESSION", "session", false },
		{ "FROM", "sources", true },    { "TO", "to", false },
		{ "PACKETS", "packets", true }, { "BYTES", "bytes", true },
		{ "LOST", "lost", true },       { NULL, NULL, false },
	};
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(result); i++) {
		json_t *row = json_copy(json_array_get(result, i));

		(void)json_object_set_new(row, "to", joined(json_object_get(row, "to")));
		(void)json_array_append_new(rows, row);
	}
	if (json_array_size(rows) > 0)
		format_table(out, rows, columns, "");
	else
		strbuf_add(out, "no mirror sessions\n");
	json_decref(rows);
}

void print_drops(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "PORT", "port", false },           { "STAGE", "stage", false },
		{ "EXTENSION", "extension", false }, { "REASON", "reason", false },
		{ "PACKETS", "packets", true },      { "BYTES", "bytes", true },
		{ "MEANING", "help", false },        { NULL, NULL, false },
	};
	json_t *rows = format_sorted(result, "packets");

	if (json_array_size(rows) > 0)
		format_table(out, rows, columns, "");
	else
		strbuf_add(out, "no drops\n");
	json_decref(rows);
}

static json_int_t account(const json_t *a, const char *const *keys, size_t count)
{
	json_int_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += json_integer_value(json_object_get(a, keys[i]));
	return sum;
}

void print_accounts(struct strbuf *out, const json_t *result)
{
	static const char *const in[] = { "received", "originated", "copied", "segmented" };
	static const char *const gone[] = { "sent", "drops", "consumed", "held" };
	json_int_t left = account(result, in, 4);
	json_int_t right = account(result, gone, 4);

	format_tree(out, result, 0);
	strbuf_add(out,
		   "received + originated + copied + segmented = %" JSON_INTEGER_FORMAT
		   ", sent + drops + consumed + held = %" JSON_INTEGER_FORMAT "\n",
		   left, right);
}

/* ---- files and changes -------------------------------------------------------------------------------- */
