/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/events.c - what the daemon told, and what it tells from now on. */
#include <stdlib.h>
#include <time.h>

#include "verbs.h"

enum { FOLLOW_WAIT_S = 30 };

static void put_time(struct strbuf *out, json_int_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm local;
	char text[32] = "";

	if (localtime_r(&seconds, &local))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	strbuf_add(out, "%s.%03d", text, (int)(ms % 1000));
}

static void put_event(struct strbuf *out, const json_t *event)
{
	const char *level = json_string_value(json_object_get(event, "level"));
	const char *id = json_string_value(json_object_get(event, "id"));
	const char *text = json_string_value(json_object_get(event, "text"));

	put_time(out, json_integer_value(json_object_get(event, "time_ms")));
	strbuf_add(out, "  %-7s  %s  ", level ? level : "-", id ? id : "-");
	format_clean(out, text ? text : "");
	strbuf_add(out, "\n");
}

void print_events(struct strbuf *out, const json_t *result)
{
	const json_t *list = json_object_get(result, "events");

	for (size_t i = 0; i < json_array_size(list); i++)
		put_event(out, json_array_get(list, i));
}

/* With --json a line each, for programs that read along. */
static void tell(const json_t *result, bool is_json)
{
	const json_t *list = json_object_get(result, "events");
	struct strbuf text = { NULL, 0, 0, false };

	for (size_t i = 0; is_json && i < json_array_size(list); i++) {
		(void)json_dumpf(json_array_get(list, i), stdout, JSON_COMPACT);
		(void)putchar('\n');
	}
	if (!is_json)
		print_events(&text, result);
	if (text.text)
		(void)fwrite(text.text, 1, text.len, stdout);
	strbuf_finish(&text);
	(void)fflush(stdout);
}

static int follow(const struct verb *v, struct client *c, json_t *params, bool is_json)
{
	int code;

	do {
		json_t *result = NULL;

		code = client_call(c, v->method, params, &result);
		if (code != EXIT_DONE)
			return code;
		tell(result, is_json);
		params = json_pack("{s:O, s:i}", "since", json_object_get(result, "since"), "wait",
				   FOLLOW_WAIT_S);
		json_decref(result);
	} while (params && !ferror(stdout));
	json_decref(params);
	return EXIT_DONE;
}

int run_events(const struct verb *v, const struct args *a)
{
	json_t *params = verb_params(v, a);
	char why[512];
	struct client *c;
	int code;

	if (!params)
		return EXIT_WRONG_USE;
	if (!(a->given & OPTION_FOLLOW))
		return verb_call(v, a, params);
	c = client_open(a->socket, "xvsd", why, sizeof(why));
	if (!c) {
		(void)fprintf(stderr, "xvsctl: %s\n", why);
		json_decref(params);
		return EXIT_NO_DAEMON;
	}
	code = follow(v, c, params, a->is_json);
	client_close(c);
	return code;
}
