/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/vm_replica.c - copies of machines on other hosts, for people. */
#include "verbs.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void put_line(struct strbuf *out, const char *what, const char *text)
{
	strbuf_add(out, "  %-11s", what);
	format_clean(out, text);
	strbuf_add(out, "\n");
}

static void put_age(struct strbuf *out, const json_t *r)
{
	if (!number_of(r, "sequence")) {
		put_line(out, "points", "none is whole yet");
		return;
	}
	strbuf_add(out,
		   "  %-11s%" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT
		   " s old; one each %" JSON_INTEGER_FORMAT " s\n",
		   "last point", number_of(r, "sequence"), number_of(r, "lag_s"),
		   number_of(r, "every_s"));
}

static void put_points(struct strbuf *out, const json_t *points)
{
	for (size_t i = 0; i < json_array_size(points); i++)
		strbuf_add(out, "%s%" JSON_INTEGER_FORMAT, i ? ", " : "  points     ",
			   number_of(json_array_get(points, i), "sequence"));
	if (json_array_size(points))
		strbuf_add(out, "\n");
}

void print_replication(struct strbuf *out, const json_t *result)
{
	bool is_primary = strcmp(text_of(result, "role"), "primary") == 0;

	if (!json_object_get(result, "role"))
		return;
	strbuf_add(out, "vm ");
	format_clean(out, text_of(result, "name"));
	strbuf_add(out, is_primary ? " is replicated to " : " is a replica from ");
	format_clean(out, text_of(result, is_primary ? "to" : "from"));
	strbuf_add(out, ": ");
	format_clean(out, text_of(result, "state"));
	strbuf_add(out, "\n");
	put_age(out, result);
	put_points(out, json_object_get(result, "recovery_points"));
	if (json_object_get(result, "bytes"))
		strbuf_add(out,
			   "  %-11s%" JSON_INTEGER_FORMAT " bytes%s in %" JSON_INTEGER_FORMAT
			   " ms\n",
			   "sent last", number_of(result, "bytes"),
			   json_is_true(json_object_get(result, "full")) ? " (all of it)" : "",
			   number_of(result, "took_ms"));
	if (number_of(result, "failures"))
		strbuf_add(out, "! %" JSON_INTEGER_FORMAT " beats in a row have failed: ",
			   number_of(result, "failures"));
	if (json_object_get(result, "problem")) {
		format_clean(out, text_of(result, "problem"));
		strbuf_add(out, "\n");
	}
}
