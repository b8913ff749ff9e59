/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/show.c - answers about what there is: status, switches, ports, extensions, policies. */
#include <inttypes.h>
#include <string.h>

#include "verbs.h"

static const struct column port_columns[] = {
	{ "PORT", "name", false },       { "ROLE", "role", false },     { "STATE", "state", false },
	{ "LINK", "link", false },       { "VLAN", "segment", true },   { "MAC", "mac", false },
	{ "BACKEND", "backend", false }, { "DEVICE", "device", false }, { "OWNER", "owner", false },
	{ NULL, NULL, false },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* ---- one screen ------------------------------------------------------------------------------------- */

static void put_duration(struct strbuf *out, json_int_t s)
{
	enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

	if (s >= DAY)
		strbuf_add(out, "%lldd %lldh", s / DAY, s % DAY / HOUR);
	else if (s >= HOUR)
		strbuf_add(out, "%lldh %lldm", s / HOUR, s % HOUR / MINUTE);
	else if (s >= MINUTE)
		strbuf_add(out, "%lldm %llds", s / MINUTE, s % MINUTE);
	else
		strbuf_add(out, "%llds", s);
}

static void put_daemon(struct strbuf *out, const json_t *status)
{
	const json_t *d = json_object_get(status, "daemon");
	json_int_t workers = number_of(d, "workers");

	strbuf_add(out, "xvsd %s, pid %" JSON_INTEGER_FORMAT ", up ", text_of(d, "version"),
		   number_of(d, "pid"));
	put_duration(out, number_of(d, "uptime_s"));
	strbuf_add(out, ", %" JSON_INTEGER_FORMAT " worker%s: %s\n", workers,
		   workers == 1 ? "" : "s", text_of(status, "health"));
	strbuf_add(out, "configuration ");
	format_value(out, json_object_get(d, "config"));
	strbuf_add(out, " at number %" JSON_INTEGER_FORMAT ", state ",
		   number_of(json_object_get(status, "configuration"), "number"));
	format_value(out, json_object_get(d, "state"));
	strbuf_add(out, "\n");
}

static void put_pending(struct strbuf *out, const json_t *status)
{
	const json_t *p = json_object_get(json_object_get(status, "configuration"), "pending");

	if (p)
		strbuf_add(out,
			   "waiting: change %" JSON_INTEGER_FORMAT
			   " goes back to %" JSON_INTEGER_FORMAT " in %" JSON_INTEGER_FORMAT
			   " s unless \"xvsctl config confirm\"\n",
			   number_of(p, "number"), number_of(p, "back_to"),
			   number_of(p, "seconds"));
}

static void put_lines(struct strbuf *out, const char *before, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		strbuf_add(out, "%s", before);
		format_value(out, json_array_get(list, i));
		strbuf_add(out, "\n");
	}
}

static void put_overlays(struct strbuf *out, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		strbuf_add(out, "overlay: ");
		format_value(out, json_object_get(one, "target"));
		strbuf_add(out, " %s%s%s\n", text_of(one, "kind"),
			   text_of(one, "feature")[0] ? " " : "", text_of(one, "feature"));
	}
}

/* "guard (org.xvs.guard, filter) -> ...", and what is wrong with each. */
static void put_chain(struct strbuf *out, const json_t *chain)
{
	strbuf_add(out, "  chain: ");
	for (size_t i = 0; i < json_array_size(chain); i++) {
		const json_t *m = json_array_get(chain, i);
		const char *state = text_of(m, "state");

		strbuf_add(out, "%s%s", i ? " -> " : "", text_of(m, "instance"));
		if (strcmp(state, "running") != 0)
			strbuf_add(out, " (%s)", state);
	}
	strbuf_add(out, "%s\n", json_array_size(chain) ? "" : "no extensions");
	for (size_t i = 0; i < json_array_size(chain); i++) {
		const json_t *m = json_array_get(chain, i);

		if (!text_of(m, "problem")[0])
			continue;
		strbuf_add(out, "  %s: ", text_of(m, "instance"));
		format_value(out, json_object_get(m, "problem"));
		strbuf_add(out, "\n");
	}
}

static void put_reasons(struct strbuf *out, const json_t *ports)
{
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);
		const json_t *reasons = json_object_get(p, "reasons");

		for (size_t r = 0; r < json_array_size(reasons); r++) {
			strbuf_add(out, "  %s is closed: ", text_of(p, "name"));
			format_value(out, json_array_get(reasons, r));
			strbuf_add(out, "\n");
		}
		if (json_object_get(p, "warning")) {
			strbuf_add(out, "  warning: %s: ", text_of(p, "name"));
			format_value(out, json_object_get(p, "warning"));
			strbuf_add(out, "\n");
		}
	}
}

/* With the socket under "device" where there is no device.  New reference. */
static json_t *port_rows(const json_t *ports)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(ports); i++) {
		json_t *row = json_copy(json_array_get(ports, i));

		if (!json_object_get(row, "device"))
			(void)json_object_set(row, "device", json_object_get(row, "socket"));
		(void)json_array_append_new(rows, row);
	}
	return rows;
}

static void put_ports(struct strbuf *out, const json_t *ports, const struct column *columns,
		      const char *indent)
{
	json_t *rows = port_rows(ports);

	format_table(out, rows, columns, indent);
	json_decref(rows);
	put_reasons(out, ports);
}

static void put_switch(struct strbuf *out, const json_t *sw)
{
	const json_t *ports = json_object_get(sw, "ports");

	strbuf_add(out, "\nswitch %s (%s), %zu ports, %" JSON_INTEGER_FORMAT " open\n",
		   text_of(sw, "name"), text_of(sw, "type"), json_array_size(ports),
		   number_of(sw, "open"));
	if (number_of(sw, "mac_moves_held") > 0)
		strbuf_add(out,
			   "  addresses that move between ports more than 10 times a second were "
			   "held %" JSON_INTEGER_FORMAT " times: xvsctl mac list\n",
			   number_of(sw, "mac_moves_held"));
	put_chain(out, json_object_get(sw, "chain"));
	if (json_array_size(ports) > 0)
		put_ports(out, ports, port_columns, "  ");
}

void print_status(struct strbuf *out, const json_t *result)
{
	const json_t *switches = json_object_get(result, "switches");

	put_daemon(out, result);
	put_pending(out, result);
	put_lines(out, "problem: ", json_object_get(result, "problems"));
	put_overlays(out, json_object_get(result, "overlays"));
	for (size_t i = 0; i < json_array_size(switches); i++)
		put_switch(out, json_array_get(switches, i));
}

/* ---- switches and ports ----------------------------------------------------------------------------- */

void print_switches(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "SWITCH", "name", false },
		{ "TYPE", "type", false },
		{ "PORTS", "ports", true },
		{ "OPEN", "open", true },
		{ "INSTANCES", "instances", true },
		{ "UUID", "uuid", false },
		{ NULL, NULL, false },
	};

	format_table(out, result, columns, "");
}

void print_order(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "INSTANCE", "instance", false },
		{ "EXTENSION", "extension", false },
		{ "CLASS", "class", false },
		{ "STATE", "state", false },
		{ "REQUIRED", "required", false },
		{ "WHY HERE", "why", false },
		{ NULL, NULL, false },
	};

	format_table(out, json_object_get(result, "chain"), columns, "");
}

void print_switch(struct strbuf *out, const json_t *result)
{
	strbuf_add(out, "switch %s (%s), uuid %s\n\n", text_of(result, "name"),
		   text_of(result, "type"), text_of(result, "uuid"));
	print_order(out, result);
	strbuf_add(out, "\n");
	put_ports(out, json_object_get(result, "ports"), port_columns, "");
}

void print_ports(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "SWITCH", "switch", false }, { "PORT", "name", false },
		{ "ROLE", "role", false },     { "STATE", "state", false },
		{ "LINK", "link", false },     { "VLAN", "segment", true },
		{ "MAC", "mac", false },       { "BACKEND", "backend", false },
		{ "DEVICE", "device", false }, { "GROUP", "group", false },
		{ "OWNER", "owner", false },   { NULL, NULL, false },
	};

	put_ports(out, result, columns, "");
}

/* ---- policies --------------------------------------------------------------------------------------- */

void print_policies(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "FEATURE", "feature", false }, { "SET", "set", false },
		{ "FROM", "from", false },       { "OWNER", "owner", false },
		{ "SUMMARY", "summary", false }, { NULL, NULL, false },
	};

	format_table(out, result, columns, "");
}

/* One field of an effective value, and where it comes from. */
static void put_field(struct strbuf *out, const char *name, const json_t *value, const char *from)
{
	strbuf_add(out, "  %s: ", name);
	if (json_is_object(json_array_get(value, 0))) {
		strbuf_add(out, "   (%s)\n", from);
		format_tree(out, value, 2);
		return;
	}
	format_value(out, value);
	strbuf_add(out, "   (%s)\n", from);
}

static bool is_listed(const json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (json_string_value(one) && strcmp(json_string_value(one), name) == 0)
			return true;
	}
	return false;
}

static void put_effective(struct strbuf *out, const json_t *one)
{
	json_t *from = json_object_get(one, "from");
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(one, "value"), name, value)
	{
		const char *origin = json_string_value(json_object_get(from, name));
		bool is_open = is_listed(json_object_get(one, "may_set"), name);
		char text[512];

		(void)snprintf(text, sizeof(text), "%s%s", origin ? origin : "-",
			       is_open ? "; the port may set it" : "");
		put_field(out, name, value, text);
	}
}

void print_policy(struct strbuf *out, const json_t *result)
{
	const char *feature;
	json_t *one;

	json_object_foreach((json_t *)(uintptr_t)result, feature, one)
	{
		strbuf_add(out, "%s\n", feature);
		if (json_is_object(json_object_get(one, "value")) &&
		    json_is_object(json_object_get(one, "from")))
			put_effective(out, one);
		else
			format_tree(out, one, 1);
	}
}

void print_help(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "FEATURE", "feature", false },
		{ "SUMMARY", "summary", false },
		{ NULL, NULL, false },
	};
	const json_t *features = json_object_get(result, "features");

	if (features)
		format_table(out, features, columns, "");
	else
		strbuf_add(out, "%s", text_of(result, "text"));
}

/* ---- extensions ------------------------------------------------------------------------------------- */

static void put_instances(struct strbuf *out, const json_t *extensions)
{
	static const struct column columns[] = {
		{ "INSTANCE", "instance", false },   { "SWITCH", "switch", false },
		{ "EXTENSION", "extension", false }, { "STATE", "state", false },
		{ "REQUIRED", "required", false },   { NULL, NULL, false },
	};
	json_t *all = json_array();

	for (size_t i = 0; i < json_array_size(extensions); i++)
		(void)json_array_extend(all, json_object_get(json_array_get(extensions, i),
							     "instances"));
	if (json_array_size(all) > 0) {
		strbuf_add(out, "\n");
		format_table(out, all, columns, "");
	}
	json_decref(all);
}

void print_extensions(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "EXTENSION", "id", false },    { "VERSION", "version", false },
		{ "CLASS", "class", false },     { "RIGHTS", "rights", false },
		{ "SUMMARY", "summary", false }, { NULL, NULL, false },
	};

	format_table(out, result, columns, "");
	put_instances(out, result);
}

static void put_counters(struct strbuf *out, const json_t *instance)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(instance, "counters"), name, value)
	{
		strbuf_add(out, "%s %s: ", text_of(instance, "instance"), name);
		format_value(out, value);
		strbuf_add(out, "\n");
	}
}

enum { ROW_COLUMNS_MAX = 32, ROW_HEADER_BYTES = 32 };

static char header_of(char c)
{
	if (c == '_')
		return ' ';
	return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

/* Columns as the extension has declared them, in capitals. */
static void put_rows(struct strbuf *out, const json_t *rows, const json_t *names)
{
	struct column columns[ROW_COLUMNS_MAX + 1] = { { NULL, NULL, false } };
	char headers[ROW_COLUMNS_MAX][ROW_HEADER_BYTES];

	for (size_t i = 0; i < json_array_size(names) && i < ROW_COLUMNS_MAX; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		size_t n = 0;

		for (; name[n] && n + 1 < ROW_HEADER_BYTES; n++)
			headers[i][n] = header_of(name[n]);
		headers[i][n] = '\0';
		columns[i] = (struct column){
			headers[i], name,
			json_is_number(json_object_get(json_array_get(rows, 0), name))
		};
	}
	format_table(out, rows, columns, "");
}

void print_rows(struct strbuf *out, const json_t *result)
{
	static const struct column lists[] = {
		{ "LIST", "feature", false },
		{ "WHAT IT IS", "summary", false },
		{ NULL, NULL, false },
	};
	const json_t *list = json_object_get(result, "lists");
	json_int_t more = json_integer_value(json_object_get(result, "more"));

	if (list) {
		format_table(out, list, lists, "");
		return;
	}
	put_rows(out, json_object_get(result, "rows"), json_object_get(result, "columns"));
	if (more)
		strbuf_add(out, "and %" JSON_INTEGER_FORMAT " more (--limit)\n", more);
}

void print_instance_stats(struct strbuf *out, const json_t *result)
{
	static const struct column columns[] = {
		{ "INSTANCE", "instance", false },
		{ "SWITCH", "switch", false },
		{ "PACKETS", "packets", true },
		{ "CYCLES/PACKET", "cycles_per_packet", true },
		{ "JUDGED", "judged", true },
		{ "CYCLES/JUDGEMENT", "cycles_per_judgement", true },
		{ "DROPS", "drops", true },
		{ "ORIGINATED", "originated", true },
		{ "HELD", "held", true },
		{ NULL, NULL, false },
	};

	format_table(out, result, columns, "");
	for (size_t i = 0; i < json_array_size(result); i++)
		put_counters(out, json_array_get(result, i));
}
