/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/reading.c - one function for each kind of value, there and back.
 */
#include "reading.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/excerpt.h"
#include "base/str.h"

#define MIB (UINT64_C(1) << 20)

enum { WORDS_SHOWN = 128, KEYS_MAX = 32 };

struct reading {
	struct diags *diags;
	char where[128]; /* "disk root: ": of one level, deeper ones there are not */
};

static void *in(void *structure, uint32_t offset)
{
	return (char *)structure + offset;
}

static const void *of(const void *structure, uint32_t offset)
{
	return (const char *)structure + offset;
}

static void refuse(struct reading *r, const struct node *at, const struct key *k,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
static void refuse(struct reading *r, const struct node *at, const struct key *k,
		   const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add(r->diags, at, "%s%s: %s", r->where, k->name, text);
}

/* The text of a scalar; NULL: it is none, which was said. */
static const char *scalar(struct reading *r, const struct key *k, const struct node *n)
{
	if (n->kind == NODE_SCALAR)
		return n->text;
	refuse(r, n, k, "one value is expected, not %s",
	       n->kind == NODE_NULL  ? "nothing"
	       : n->kind == NODE_MAP ? "a map"
				     : "a list");
	return NULL;
}

/* A list, and not too long?  Else that was said. */
static bool is_list(struct reading *r, const struct key *k, const struct node *n)
{
	if (n->kind != NODE_LIST)
		refuse(r, n, k, "a list is expected");
	else if (n->count > k->max)
		refuse(r, n, k, "at most %u are possible", k->max);
	else
		return true;
	return false;
}

/* ---- text ------------------------------------------------------------------------------------- */

bool name_is_one(const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return text[0] != '\0' && text[0] != '.' && text[0] != '-' &&
	       text[strspn(text, letters)] == '\0';
}

static bool name_take(struct reading *r, const struct key *k, const struct node *n, char *out)
{
	const char *text = scalar(r, k, n);
	char shown[EXCERPT_TEXT];

	if (!text)
		return false;
	if (!name_is_one(text))
		refuse(r, n, k, "\"%s\" is no name: letters, digits, and . _ - behind the first",
		       excerpt(text, shown));
	else if (!str_copy(out, k->size, text))
		refuse(r, n, k, "a name has at most %u characters", k->size - 1);
	else
		return true;
	return false;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	}
	return false;
}

static bool text_take(struct reading *r, const struct key *k, const struct node *n, char *out)
{
	const char *text = scalar(r, k, n);

	if (!text)
		return false;
	if (has_control(text))
		refuse(r, n, k, "control characters are not allowed");
	else if (k->kind != KEY_TEXT && text[0] != '/')
		refuse(r, n, k, "an absolute path is expected");
	else if (!str_copy(out, k->size, text))
		refuse(r, n, k, "at most %u characters are possible", k->size - 1);
	else
		return true;
	return false;
}

static void text_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	(void)text_take(r, k, n, in(out, k->offset));
}

/* Of names or paths. */
static void texts_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	uint32_t *count = in(out, k->aux);

	if (!is_list(r, k, n))
		return;
	for (size_t i = 0; i < n->count; i++) {
		char *text = (char *)in(out, k->offset) + (size_t)*count * k->size;

		*count += k->kind == KEY_NAMES ? name_take(r, k, n->items[i], text)
					       : text_take(r, k, n->items[i], text);
	}
}

/* ---- numbers ---------------------------------------------------------------------------------- */

/* False: no number. */
static bool number_parse(const char *text, uint64_t *out, char **end)
{
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, end, 10);
	return errno == 0;
}

static bool size_parse(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end = NULL;
	uint64_t scale = 1;

	if (!number_parse(text, out, &end))
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (*end && (!unit || end[1] != '\0'))
		return false;
	if (unit)
		scale = UINT64_C(1) << (10 * (unsigned)(unit - units + 1));
	return !__builtin_mul_overflow(*out, scale, out);
}

static void size_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	const char *text = scalar(r, k, n);
	char shown[EXCERPT_TEXT];
	uint64_t size;

	if (!text)
		return;
	if (!size_parse(text, &size))
		refuse(r, n, k, "\"%s\" is no size: a number with K, M, G or T, as 512M",
		       excerpt(text, shown));
	else if (size < k->min * MIB || size > k->max * MIB || size % MIB)
		refuse(r, n, k, "whole MiB from %uM to %uG are possible", k->min, k->max / 1024);
	else
		*(uint64_t *)in(out, k->offset) = size;
}

static void count_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	const char *text = scalar(r, k, n);
	char shown[EXCERPT_TEXT];
	char *end = NULL;
	uint64_t number;

	if (!text)
		return;
	if (!number_parse(text, &number, &end) || *end)
		refuse(r, n, k, "\"%s\" is no number", excerpt(text, shown));
	else if (number < k->min || number > k->max)
		refuse(r, n, k, "%" PRIu64 " is out of range: %u to %u", number, k->min, k->max);
	else
		*(uint32_t *)in(out, k->offset) = (uint32_t)number;
}

/* ---- words ------------------------------------------------------------------------------------ */

static void bool_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	const char *text = scalar(r, k, n);
	char shown[EXCERPT_TEXT];

	if (!text)
		return;
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		*(bool *)in(out, k->offset) = text[0] == 't';
	else
		refuse(r, n, k, "\"%s\" is neither true nor false", excerpt(text, shown));
}

static void words_show(const struct key *k, char out[WORDS_SHOWN])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; k->words[i] && len < WORDS_SHOWN; i++)
		len += (size_t)snprintf(out + len, WORDS_SHOWN - len, "%s%s", i ? ", " : "",
					k->words[i]);
}

static void word_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	const char *text = scalar(r, k, n);
	char shown[EXCERPT_TEXT];
	char all[WORDS_SHOWN];

	for (int i = 0; text && k->words[i]; i++) {
		if (strcmp(text, k->words[i]) != 0)
			continue;
		*(int *)in(out, k->offset) = i;
		if (k->aux)
			*(bool *)in(out, k->aux) = true;
		return;
	}
	words_show(k, all);
	if (text)
		refuse(r, n, k, "\"%s\" is none of %s", excerpt(text, shown), all);
}

static void address_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	const char *text = scalar(r, k, n);
	char shown[EXCERPT_TEXT];
	bool is_read;

	if (!text)
		return;
	is_read = k->kind == KEY_MAC ? mac_parse(text, in(out, k->offset))
				     : uuid_parse(text, in(out, k->offset));
	if (is_read && k->kind == KEY_MAC && (*(uint8_t *)in(out, k->offset) & 1))
		refuse(r, n, k, "%s is a group address, which no adapter has",
		       excerpt(text, shown));
	else if (is_read)
		*(bool *)in(out, k->aux) = true;
	else
		refuse(r, n, k, "\"%s\" is no %s", excerpt(text, shown),
		       k->kind == KEY_MAC ? "MAC address" : "UUID");
}

/* ---- policies --------------------------------------------------------------------------------- */

/* Their schema is known where the extensions are: scalars stay text. */
static json_t *json_of(const struct node *n)
{
	json_t *value;

	if (n->kind == NODE_SCALAR)
		return json_string(n->text);
	if (n->kind == NODE_NULL)
		return json_null();
	value = n->kind == NODE_MAP ? json_object() : json_array();
	for (size_t i = 0; i < n->count && value; i++) {
		const struct node *item = n->items[i];
		int code = n->kind == NODE_MAP
				   ? json_object_set_new(value, item->key, json_of(item))
				   : json_array_append_new(value, json_of(item));

		if (code == 0)
			continue;
		json_decref(value);
		value = NULL;
	}
	return value;
}

static void policies_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	json_t **policies = in(out, k->offset);

	if (n->kind != NODE_MAP) {
		refuse(r, n, k, "a map of features is expected");
		return;
	}
	*policies = json_of(n);
	if (!*policies)
		refuse(r, n, k, "out of memory");
}

/* ---- sections --------------------------------------------------------------------------------- */

static bool map_read(struct reading *r, const struct section *s, const struct node *map, void *out);

static void item_read(struct reading *r, const struct section *s, const struct node *n, void *out)
{
	struct reading inner = { .diags = r->diags };
	const struct node *name = node_get(n, "name");
	char shown[EXCERPT_TEXT];

	(void)snprintf(inner.where, sizeof(inner.where), "%s%s%s: ", s->what, name ? " " : "",
		       name && name->text ? excerpt(name->text, shown) : "");
	(void)map_read(&inner, s, n, out);
}

static void list_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	uint32_t *count = in(out, k->aux);

	if (!is_list(r, k, n))
		return;
	for (size_t i = 0; i < n->count; i++) {
		item_read(r, k->section, n->items[i],
			  (char *)in(out, k->offset) + (size_t)*count * k->section->bytes);
		(*count)++;
	}
}

static void section_take(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	struct reading inner = { .diags = r->diags };

	(void)snprintf(inner.where, sizeof(inner.where), "%s: ", k->name);
	*(bool *)in(out, k->aux) = true;
	(void)map_read(&inner, k->section, n, in(out, k->offset));
}

static void value_read(struct reading *r, const struct key *k, const struct node *n, void *out)
{
	static void (*const readers[])(struct reading *, const struct key *, const struct node *,
				       void *) = {
		[KEY_NAMES] = texts_read, [KEY_PATHS] = texts_read,  [KEY_MAP] = section_take,
		[KEY_TEXT] = text_read,   [KEY_PATH] = text_read,    [KEY_SIZE] = size_read,
		[KEY_COUNT] = count_read, [KEY_BOOL] = bool_read,    [KEY_WORD] = word_read,
		[KEY_MAC] = address_read, [KEY_UUID] = address_read, [KEY_POLICIES] = policies_read,
		[KEY_LIST] = list_read,
	};

	if (k->kind == KEY_NAME)
		(void)name_take(r, k, n, in(out, k->offset));
	else
		readers[k->kind](r, k, n, out);
}

static void defaults_set(const struct section *s, void *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct key *k = &s->keys[i];

		if (k->kind == KEY_COUNT)
			*(uint32_t *)in(out, k->offset) = k->dflt;
		else if (k->kind == KEY_SIZE)
			*(uint64_t *)in(out, k->offset) = k->dflt * MIB;
		else if (k->kind == KEY_WORD)
			*(int *)in(out, k->offset) = (int)k->dflt;
		else if (k->dflt_text)
			(void)str_copy(in(out, k->offset), k->size, k->dflt_text);
	}
}

static const struct key *key_find(const struct section *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->keys[i].name, name) == 0)
			return &s->keys[i];
	}
	return NULL;
}

static void unknown_refuse(struct reading *r, const struct section *s, const struct node *n)
{
	const char *names[KEYS_MAX];
	char shown[EXCERPT_TEXT];
	const char *nearest;

	for (size_t i = 0; i < s->count; i++)
		names[i] = s->keys[i].name;
	nearest = str_nearest(n->key, names, s->count);
	diag_add_at(r->diags, n->key_line, n->key_column, "%sunknown key \"%s\"%s%s%s", r->where,
		    excerpt(n->key, shown), nearest ? ", did you mean \"" : "",
		    nearest ? nearest : "", nearest ? "\"" : "");
}

static bool map_read(struct reading *r, const struct section *s, const struct node *map, void *out)
{
	size_t before = r->diags->count;

	defaults_set(s, out);
	if (map->kind != NODE_MAP) {
		diag_add(r->diags, map, "%sa map of keys is expected", r->where);
		return false;
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct node *n = map->items[i];
		const struct key *k = key_find(s, n->key);

		if (k)
			value_read(r, k, n, out);
		else
			unknown_refuse(r, s, n);
	}
	for (size_t i = 0; i < s->count; i++) {
		if (s->keys[i].is_required && !node_get(map, s->keys[i].name))
			diag_add(r->diags, map, "%skey \"%s\" is missing", r->where,
				 s->keys[i].name);
	}
	return r->diags->count == before;
}

bool section_read(const struct section *s, const struct node *map, void *out, struct diags *d)
{
	struct reading r = { .diags = d };

	return map_read(&r, s, map, out);
}

/* ---- back ------------------------------------------------------------------------------------- */

static json_t *names_print(const struct key *k, const void *structure)
{
	uint32_t count = *(const uint32_t *)of(structure, k->aux);
	json_t *list = count ? json_array() : NULL;

	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(
			list,
			json_string((const char *)of(structure, k->offset) + (size_t)i * k->size));
	return list;
}

static json_t *list_print(const struct key *k, const void *structure)
{
	uint32_t count = *(const uint32_t *)of(structure, k->aux);
	json_t *list = count ? json_array() : NULL;

	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(
			list, section_print(k->section, (const char *)of(structure, k->offset) +
								(size_t)i * k->section->bytes));
	return list;
}

static json_t *address_print(const struct key *k, const void *structure)
{
	char mac[MAC_TEXT];
	char uuid[UUID_TEXT];

	if (!*(const bool *)of(structure, k->aux))
		return NULL;
	return json_string(k->kind == KEY_MAC ? mac_print(of(structure, k->offset), mac)
					      : uuid_print(of(structure, k->offset), uuid));
}

static json_t *text_print(const char *text, const char *dflt)
{
	if (strcmp(text, dflt ? dflt : "") == 0)
		return NULL;
	return json_string(text);
}

static json_t *size_print(const struct key *k, uint64_t size)
{
	return size == k->dflt * MIB ? NULL : json_sprintf("%" PRIu64 "M", size / MIB);
}

static json_t *word_print(const struct key *k, const void *structure)
{
	int word = *(const int *)of(structure, k->offset);

	if (k->aux ? !*(const bool *)of(structure, k->aux) : word == (int)k->dflt)
		return NULL;
	return json_string(k->words[word]);
}

/* NULL: as if it were not given. */
static json_t *value_print(const struct key *k, const void *structure)
{
	const void *value = of(structure, k->offset);

	switch (k->kind) {
	case KEY_NAME:
	case KEY_TEXT:
	case KEY_PATH:
		return text_print(value, k->dflt_text);
	case KEY_NAMES:
	case KEY_PATHS:
		return names_print(k, structure);
	case KEY_SIZE:
		return size_print(k, *(const uint64_t *)value);
	case KEY_COUNT:
		return *(const uint32_t *)value == k->dflt ? NULL
							   : json_integer(*(const uint32_t *)value);
	case KEY_BOOL:
		return *(const bool *)value ? json_true() : NULL;
	case KEY_WORD:
		return word_print(k, structure);
	case KEY_MAC:
	case KEY_UUID:
		return address_print(k, structure);
	case KEY_POLICIES:
		return json_incref(*(json_t *const *)value);
	case KEY_LIST:
		return list_print(k, structure);
	case KEY_MAP:
		return *(const bool *)of(structure, k->aux) ? section_print(k->section, value)
							    : NULL;
	}
	return NULL;
}

json_t *section_print(const struct section *s, const void *structure)
{
	json_t *object = json_object();

	for (size_t i = 0; i < s->count && object; i++) {
		json_t *value = value_print(&s->keys[i], structure);

		if (!value || json_object_set_new(object, s->keys[i].name, value) == 0)
			continue;
		json_decref(object);
		object = NULL;
	}
	return object;
}
