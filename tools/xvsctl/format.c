/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/format.c - tables and trees of JSON. */
#include "format.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 16, INDENT = 2 };

/* C0, DEL, or C1 as UTF-8 has it: what a terminal would obey.  How many bytes; 0: it is none. */
static size_t control_at(const char *text)
{
	unsigned char first = (unsigned char)text[0];
	unsigned char second = (unsigned char)text[1];

	if (first < ' ' || first == 0x7f)
		return 1;
	return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

void format_clean(struct strbuf *out, const char *text)
{
	while (*text) {
		size_t len = control_at(text);

		strbuf_put(out, len ? "?" : text, 1);
		text += len ? len : 1;
	}
}

static void put_list(struct strbuf *out, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i)
			strbuf_put(out, ", ", 2);
		format_value(out, json_array_get(list, i));
	}
	if (json_array_size(list) == 0)
		strbuf_put(out, "-", 1);
}

void format_value(struct strbuf *out, const json_t *value)
{
	char *text;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		format_clean(out, json_string_length(value) ? json_string_value(value) : "-");
		return;
	case JSON_INTEGER:
		strbuf_add(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return;
	case JSON_TRUE:
		strbuf_add(out, "yes");
		return;
	case JSON_FALSE:
		strbuf_add(out, "no");
		return;
	case JSON_ARRAY:
		put_list(out, value);
		return;
	case JSON_NULL:
		strbuf_put(out, "-", 1);
		return;
	default:
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		format_clean(out, text ? text : "?");
		free(text);
	}
}

/* ---- tables ----------------------------------------------------------------------------------------- */

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void put_spaces(struct strbuf *out, size_t count)
{
	while (count-- > 0)
		strbuf_put(out, " ", 1);
}

static void put_cell(struct strbuf *out, const char *text, size_t width, bool is_number,
		     bool is_last)
{
	size_t room = width_of(text) < width ? width - width_of(text) : 0;

	if (is_number)
		put_spaces(out, room);
	strbuf_put(out, text, strlen(text));
	if (!is_number && !is_last)
		put_spaces(out, room);
	if (!is_last)
		put_spaces(out, 2);
}

static char *cell_text(const json_t *row, const char *key)
{
	struct strbuf text = { NULL, 0, 0, false };

	format_value(&text, json_object_get(row, key));
	return text.text;
}

static size_t columns_count(const struct column *columns)
{
	size_t count = 0;

	while (count < COLUMNS_MAX && columns[count].header)
		count++;
	return count;
}

static void widths_find(const json_t *rows, const struct column *columns, size_t count,
			size_t *widths)
{
	for (size_t c = 0; c < count; c++)
		widths[c] = width_of(columns[c].header);
	for (size_t r = 0; r < json_array_size(rows); r++) {
		for (size_t c = 0; c < count; c++) {
			char *text = cell_text(json_array_get(rows, r), columns[c].key);
			size_t width = text ? width_of(text) : 0;

			widths[c] = width > widths[c] ? width : widths[c];
			free(text);
		}
	}
}

void format_table(struct strbuf *out, const json_t *rows, const struct column *columns,
		  const char *indent)
{
	size_t count = columns_count(columns);
	size_t widths[COLUMNS_MAX];

	widths_find(rows, columns, count, widths);
	strbuf_add(out, "%s", indent);
	for (size_t c = 0; c < count; c++)
		put_cell(out, columns[c].header, widths[c], columns[c].is_number, c + 1 == count);
	strbuf_put(out, "\n", 1);
	for (size_t r = 0; r < json_array_size(rows); r++) {
		strbuf_add(out, "%s", indent);
		for (size_t c = 0; c < count; c++) {
			char *text = cell_text(json_array_get(rows, r), columns[c].key);

			put_cell(out, text ? text : "?", widths[c], columns[c].is_number,
				 c + 1 == count);
			free(text);
		}
		strbuf_put(out, "\n", 1);
	}
}

/* ---- trees ------------------------------------------------------------------------------------------ */

static bool is_deep(const json_t *value)
{
	if (json_is_object(value))
		return json_object_size(value) > 0;
	return json_is_array(value) && (json_is_object(json_array_get(value, 0)) ||
					json_is_array(json_array_get(value, 0)));
}

static void put_entry(struct strbuf *out, const char *key, const json_t *value, unsigned depth)
{
	put_spaces(out, (size_t)depth * INDENT);
	format_clean(out, key);
	if (is_deep(value)) {
		strbuf_add(out, ":\n");
		format_tree(out, value, depth + 1);
		return;
	}
	strbuf_add(out, ": ");
	format_value(out, value);
	strbuf_put(out, "\n", 1);
}

static void put_item(struct strbuf *out, const json_t *item, unsigned depth)
{
	put_spaces(out, (size_t)depth * INDENT);
	if (is_deep(item)) {
		strbuf_add(out, "-\n");
		format_tree(out, item, depth + 1);
		return;
	}
	strbuf_add(out, "- ");
	format_value(out, item);
	strbuf_put(out, "\n", 1);
}

static void put_scalar(struct strbuf *out, const json_t *value, unsigned depth)
{
	put_spaces(out, (size_t)depth * INDENT);
	format_value(out, value);
	strbuf_put(out, "\n", 1);
}

void format_tree(struct strbuf *out, const json_t *value, unsigned depth)
{
	json_t *item;
	const char *key;

	/* The macro wants a pointer that could change the object; nothing here does. */
	json_object_foreach((json_t *)(uintptr_t)value, key, item) put_entry(out, key, item, depth);
	for (size_t i = 0; i < json_array_size(value); i++)
		put_item(out, json_array_get(value, i), depth);
	if (!json_is_object(value) && !json_is_array(value))
		put_scalar(out, value, depth);
}

/* ---- order ------------------------------------------------------------------------------------------ */

json_t *format_sorted(const json_t *rows, const char *key)
{
	json_t *out = json_array();

	/* Insertion: some hundred rows at most, and equal ones keep their order. */
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		json_int_t number = json_integer_value(json_object_get(row, key));
		size_t at = json_array_size(out);

		while (at > 0 && json_integer_value(json_object_get(json_array_get(out, at - 1),
								    key)) < number)
			at--;
		(void)json_array_insert(out, at, row);
	}
	return out;
}
