/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/changes.c - the configuration and its changes: what, who, when, and back again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verbs.h"

void print_changes(struct strbuf *out, const json_t *result)
{
	const json_t *list = json_object_get(result, "changes");

	for (size_t i = 0; i < json_array_size(list); i++) {
		format_value(out, json_array_get(list, i));
		strbuf_add(out, "\n");
	}
	if (json_array_size(list) == 0)
		strbuf_add(out, "no changes\n");
}

void print_export(struct strbuf *out, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "merged"));

	/* As it is: it is a file, not a line. */
	strbuf_add(out, "%s", text ? text : "");
}

/* Silence is success; a remark is not, nor what was only tried. */
void print_done(struct strbuf *out, const json_t *result)
{
	const json_t *note = json_object_get(result, "note");

	if (json_object_get(result, "changes"))
		print_changes(out, result);
	if (!note)
		return;
	strbuf_add(out, "note: ");
	format_value(out, note);
	strbuf_add(out, "\n");
}

/* ---- the log ---------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void put_who(struct strbuf *out, const json_t *who)
{
	const char *by = text_of(who, "by");

	if (strcmp(by, "rpc") == 0)
		strbuf_add(out, "uid %" JSON_INTEGER_FORMAT ", pid %" JSON_INTEGER_FORMAT ", %s",
			   number_of(who, "uid"), number_of(who, "pid"), text_of(who, "role"));
	else
		format_clean(out, by);
}

static void put_change(struct strbuf *out, const json_t *change)
{
	const json_t *lines = json_object_get(change, "changes");
	const json_t *note = json_object_get(change, "note");

	strbuf_add(out, "%" JSON_INTEGER_FORMAT "  ", number_of(change, "number"));
	format_clean(out, text_of(change, "time"));
	strbuf_add(out, "  ");
	format_clean(out, text_of(change, "what"));
	strbuf_add(out, "  (");
	put_who(out, json_object_get(change, "who"));
	strbuf_add(out, ")  ");
	format_clean(out, text_of(change, "outcome"));
	strbuf_add(out, "\n");
	for (size_t i = 0; i < json_array_size(lines); i++) {
		strbuf_add(out, "    ");
		format_value(out, json_array_get(lines, i));
		strbuf_add(out, "\n");
	}
	if (!note)
		return;
	strbuf_add(out, "    note: ");
	format_value(out, note);
	strbuf_add(out, "\n");
}

void print_log(struct strbuf *out, const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes");

	for (size_t i = 0; i < json_array_size(changes); i++)
		put_change(out, json_array_get(changes, i));
}

/* ---- back ------------------------------------------------------------------------------------------- */

int run_rollback(const struct verb *v, const struct args *a)
{
	json_t *params;
	char *end = NULL;
	long long number = a->count ? strtoll(a->words[0], &end, 10) : 0;

	if (a->count && (*a->words[0] == '\0' || *end != '\0' || number < 0)) {
		(void)fprintf(stderr,
			      "xvsctl: \"%s\" is no number of a change; see xvsctl config log\n",
			      a->words[0]);
		return EXIT_WRONG_USE;
	}
	params = verb_params(v, a);
	if (!params)
		return EXIT_WRONG_USE;
	if (a->count)
		(void)json_object_set_new(params, "number", json_integer(number));
	return verb_call(v, a, params);
}
