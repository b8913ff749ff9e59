/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/remote_message.c - one line of the answering side, taken apart.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "remote.h"

static bool refuse(struct remote_message *m, const char *text, char *why, size_t size)
{
	remote_message_finish(m);
	(void)str_copy(why, size, text);
	return false;
}

/* What people read: no control characters. */
static void text_take(const json_t *from, char *to, size_t size)
{
	const char *text = json_string_value(from);

	(void)str_copy(to, size, text ? text : "it said no reason");
	for (; *to; to++) {
		if ((unsigned char)*to < ' ' || *to == 0x7f)
			*to = '?';
	}
}

static bool event_take(json_t *j, struct remote_message *m)
{
	const char *name = json_string_value(json_object_get(j, "method"));
	json_t *params = json_object_get(j, "params");

	m->kind = REMOTE_EVENT;
	if (!name || !str_copy(m->word, sizeof(m->word), name) ||
	    (params && !json_is_object(params)))
		return false;
	m->value = json_incref(params);
	return true;
}

static bool answer_take(json_t *j, struct remote_message *m)
{
	const json_t *id = json_object_get(j, "id");
	json_t *result = json_object_get(j, "result");
	const json_t *error = json_object_get(j, "error");

	if (!json_is_integer(id) || json_integer_value(id) <= 0 || !result == !error)
		return false;
	m->id = (uint64_t)json_integer_value(id);
	m->kind = result ? REMOTE_RESULT : REMOTE_ERROR;
	m->value = json_incref(result);
	if (error)
		text_take(json_object_get(error, "message"), m->text, sizeof(m->text));
	return !error || json_is_object(error);
}

bool remote_message_read(const char *line, size_t len, struct remote_message *out, char *why,
			 size_t size)
{
	json_t *j = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	bool is_known;

	memset(out, 0, sizeof(*out));
	if (!json_is_object(j)) {
		json_decref(j);
		return refuse(out, "it sent a line that is no JSON object", why, size);
	}
	is_known = json_object_get(j, "method") ? event_take(j, out) : answer_take(j, out);
	json_decref(j);
	return is_known ||
	       refuse(out, "it sent a line that is neither an answer nor an event", why, size);
}

void remote_message_finish(struct remote_message *m)
{
	json_decref(m->value);
	m->value = NULL;
}
