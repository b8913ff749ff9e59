/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/dhcp.c - answers about DHCP servers: how they are, and who has which address. */
#include "verbs.h"

static json_t *lease_row(const json_t *lease)
{
	json_t *row = json_copy((json_t *)(uintptr_t)lease);

	if (json_is_null(json_object_get(lease, "left_s")))
		(void)json_object_set_new(row, "left_s", json_string("for ever"));
	return row;
}

void print_dhcp_leases(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "SWITCH", "switch", false }, { "ADDRESS", "address", false },
		{ "MAC", "mac", false },       { "PORT", "port", false },
		{ "NAME", "name", false },     { "RESERVED", "reserved", false },
		{ "LEFT s", "left_s", true },  { NULL, NULL, false },
	};
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(result); i++)
		(void)json_array_append_new(rows, lease_row(json_array_get(result, i)));
	format_table(out, rows, columns, "");
	json_decref(rows);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static void put_server(struct strbuf *out, const json_t *s)
{
	strbuf_add(out, "switch %s: ", text(s, "switch"));
	if (number(s, "process"))
		strbuf_add(out,
			   "dnsmasq %" JSON_INTEGER_FORMAT " serves since %" JSON_INTEGER_FORMAT
			   " s",
			   number(s, "process"), number(s, "age_ms") / 1000);
	else
		strbuf_add(out, "nobody serves");
	strbuf_add(out, " at %s, %s\n", text(s, "port"), text(s, "address"));
	if (text(s, "problem")[0])
		strbuf_add(out, "  problem: %s\n", text(s, "problem"));
	strbuf_add(out,
		   "  range %s for %" JSON_INTEGER_FORMAT " s, %" JSON_INTEGER_FORMAT
		   " reserved, %" JSON_INTEGER_FORMAT " leases, %" JSON_INTEGER_FORMAT
		   " restarts\n",
		   text(s, "range"), number(s, "lease_s"), number(s, "reserved"),
		   number(s, "leases"), number(s, "restarts"));
}

void print_dhcp(struct strbuf *out, const json_t *result)
{
	for (size_t i = 0; i < json_array_size(result); i++)
		put_server(out, json_array_get(result, i));
}
