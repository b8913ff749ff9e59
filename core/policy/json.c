/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/json.c - JSON and the words of a command line as document trees.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/excerpt.h"
#include "policy/schema.h"

/* NOLINTBEGIN(misc-no-recursion): trees, of a depth that their readers bound. */

enum { JSON_DEPTH_MAX = 32 };

static struct node *from_json(const json_t *j, unsigned depth, struct diags *d);

static struct node *number_node(const json_t *j)
{
	char text[32];

	if (json_is_integer(j))
		(void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	else
		(void)snprintf(text, sizeof(text), "%.17g", json_real_value(j));
	return node_scalar(text);
}

static struct node *text_node(const json_t *j, struct diags *d)
{
	if (strlen(json_string_value(j)) != json_string_length(j)) {
		diag_add(d, NULL, "JSON text holds a NUL, which no value may");
		return NULL;
	}
	return node_scalar(json_string_value(j));
}

static struct node *object_node(const json_t *j, unsigned depth, struct diags *d)
{
	struct node *map = node_create(NODE_MAP);
	const char *key;
	json_t *item;

	/* The macro wants a pointer that could change the object; nothing here does. */
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): drops const without a cast that says it. */
	json_object_foreach((json_t *)(uintptr_t)j, key, item)
	{
		if (!map)
			break;
		if (node_append(map, key, from_json(item, depth + 1, d))) {
			node_destroy(map);
			map = NULL;
		}
	}
	return map;
}

static struct node *array_node(const json_t *j, unsigned depth, struct diags *d)
{
	struct node *list = node_create(NODE_LIST);

	for (size_t i = 0; list && i < json_array_size(j); i++) {
		if (node_append(list, NULL, from_json(json_array_get(j, i), depth + 1, d))) {
			node_destroy(list);
			list = NULL;
		}
	}
	return list;
}

static struct node *from_json(const json_t *j, unsigned depth, struct diags *d)
{
	if (depth > JSON_DEPTH_MAX) {
		diag_add(d, NULL, "JSON nests deeper than %u", JSON_DEPTH_MAX);
		return NULL;
	}
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return object_node(j, depth, d);
	case JSON_ARRAY:
		return array_node(j, depth, d);
	case JSON_STRING:
		return text_node(j, d);
	case JSON_INTEGER:
	case JSON_REAL:
		return number_node(j);
	case JSON_TRUE:
		return node_scalar("true");
	case JSON_FALSE:
		return node_scalar("false");
	default:
		return node_create(NODE_NULL);
	}
}

struct node *node_from_json(const json_t *j, struct diags *d)
{
	size_t before = d->count;
	struct node *n = from_json(j, 1, d);

	if (!n && d->count == before)
		diag_add(d, NULL, "out of memory");
	return n;
}

static json_t *map_json(const struct node *map)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < map->count; i++) {
		if (json_object_set_new(object, map->items[i]->key, node_to_json(map->items[i]))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *list_json(const struct node *list)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < list->count; i++) {
		if (json_array_append_new(array, node_to_json(list->items[i]))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

json_t *node_to_json(const struct node *n)
{
	switch (n->kind) {
	case NODE_MAP:
		return map_json(n);
	case NODE_LIST:
		return list_json(n);
	case NODE_SCALAR:
		return json_string(n->text);
	default:
		return json_null();
	}
}

/* Of "burst=5"; a value that begins as JSON of more than a word does is read as JSON. */
static struct node *assigned_node(const char *name, const char *text, struct diags *d)
{
	json_error_t error;
	struct node *n;
	json_t *j;

	if (text[0] != '[' && text[0] != '{' && text[0] != '"') {
		n = node_scalar(text);
		if (!n)
			diag_add(d, NULL, "out of memory");
		return n;
	}
	j = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!j) {
		diag_add(d, NULL,
			 "%s is not valid JSON (%s at column %d); text that begins with [, { or \" "
			 "is written as a JSON string",
			 name, error.text, error.column);
		return NULL;
	}
	n = node_from_json(j, d);
	json_decref(j);
	return n;
}

static void assign(struct node *map, const char *assignment, struct diags *d)
{
	const char *equals = strchr(assignment, '=');
	size_t len = equals ? (size_t)(equals - assignment) : 0;
	char shown[EXCERPT_TEXT];
	struct node *value;
	char name[64];

	if (len == 0 || len >= sizeof(name)) {
		diag_add(d, NULL, "%s is not FIELD=VALUE", excerpt(assignment, shown));
		return;
	}
	memcpy(name, assignment, len);
	name[len] = '\0';
	if (node_get(map, name)) {
		diag_add(d, NULL, "%s is given twice", excerpt(name, shown));
		return;
	}
	value = assigned_node(excerpt(name, shown), equals + 1, d);
	if (value && node_append(map, name, value))
		diag_add(d, NULL, "out of memory");
}

struct node *node_from_assignments(const char *const *assignments, size_t count, struct diags *d)
{
	size_t before = d->count;
	struct node *map = node_create(NODE_MAP);

	if (!map)
		diag_add(d, NULL, "out of memory");
	for (size_t i = 0; map && i < count; i++)
		assign(map, assignments[i], d);
	if (d->count == before)
		return map;
	node_destroy(map);
	return NULL;
}

/* NOLINTEND(misc-no-recursion) */
