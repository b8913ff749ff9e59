/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/qmp_message.c - lines of QMP: greeting, answers, events.
 */
#include "qmp_message.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* What may stand in a name: QEMU's are of capitals, camels and underlines. */
static bool word_copy(const json_t *value, char out[QMP_WORD_MAX])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *text = json_string_value(value);

	if (!text || text[0] == '\0' || text[strspn(text, letters)] != '\0')
		return false;
	return str_copy(out, QMP_WORD_MAX, text);
}

/* One line for a person; what is too long is cut. */
static void text_copy(const json_t *value, char out[QMP_TEXT_MAX])
{
	const char *text = json_string_value(value);

	(void)str_copy(out, QMP_TEXT_MAX, text ? text : "no reason given");
	for (char *c = out; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

static bool number_read(const json_t *object, const char *key, uint32_t *out)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > UINT16_MAX)
		return false;
	*out = (uint32_t)json_integer_value(value);
	return true;
}

/* {"QMP": {"version": {"qemu": {"major", "minor", "micro"}, "package"}, "capabilities"}} */
static bool greeting_read(const json_t *greeting, struct qmp_message *out)
{
	const json_t *version = json_object_get(json_object_get(greeting, "version"), "qemu");

	out->kind = QMP_GREETING;
	return number_read(version, "major", &out->version[0]) &&
	       number_read(version, "minor", &out->version[1]) &&
	       number_read(version, "micro", &out->version[2]);
}

static bool id_read(const json_t *root, struct qmp_message *out)
{
	const json_t *id = json_object_get(root, "id");

	if (!id)
		return true;
	if (!json_is_integer(id) || json_integer_value(id) <= 0)
		return false;
	out->id = (uint64_t)json_integer_value(id);
	return true;
}

static bool event_read(const json_t *root, struct qmp_message *out)
{
	json_t *data = json_object_get(root, "data");

	out->kind = QMP_EVENT;
	if (!word_copy(json_object_get(root, "event"), out->word) ||
	    (data && !json_is_object(data)))
		return false;
	out->value = json_incref(data);
	return true;
}

static bool error_read(const json_t *root, struct qmp_message *out)
{
	const json_t *error = json_object_get(root, "error");

	out->kind = QMP_ERROR;
	text_copy(json_object_get(error, "desc"), out->text);
	return word_copy(json_object_get(error, "class"), out->word) && id_read(root, out);
}

static bool shape_read(const json_t *root, struct qmp_message *out)
{
	if (json_object_get(root, "event"))
		return event_read(root, out);
	if (json_object_get(root, "error"))
		return error_read(root, out);
	if (json_object_get(root, "QMP"))
		return greeting_read(json_object_get(root, "QMP"), out);
	if (!json_object_get(root, "return") || !id_read(root, out))
		return false;
	out->kind = QMP_RETURN;
	out->value = json_incref(json_object_get(root, "return"));
	return true;
}

bool qmp_message_read(const char *line, size_t len, struct qmp_message *out, char *why, size_t size)
{
	struct qmp_message m = { .value = NULL };
	json_error_t error;
	json_t *root;

	if (len > QMP_LINE_MAX) {
		(void)snprintf(why, size, "a line is longer than %d bytes", QMP_LINE_MAX);
		return false;
	}
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		(void)snprintf(why, size, "a line is no JSON: %s", error.text);
		return false;
	}
	if (!shape_read(root, &m)) {
		(void)snprintf(why, size, "a line is neither greeting nor answer nor event");
		json_decref(m.value);
		json_decref(root);
		return false;
	}
	json_decref(root);
	*out = m;
	return true;
}

void qmp_message_finish(struct qmp_message *m)
{
	json_decref(m->value);
	m->value = NULL;
}
