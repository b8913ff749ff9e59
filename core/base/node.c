/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/node.c - document trees, and the errors found in them.
 *
 * Readers bound the depth of what they make (32 for files), so the recursion here is shallow.
 */
#include "base/node.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* NOLINTBEGIN(misc-no-recursion): trees, of a depth that their readers bound. */

struct node *node_create(enum node_kind kind)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n)
		n->kind = kind;
	return n;
}

struct node *node_scalar(const char *text)
{
	struct node *n = node_create(NODE_SCALAR);

	if (!n)
		return NULL;
	n->text = strdup(text);
	if (!n->text) {
		free(n);
		return NULL;
	}
	return n;
}

void node_destroy(struct node *n)
{
	if (!n)
		return;
	if (n->sharers > 0) {
		n->sharers--;
		return;
	}
	for (size_t i = 0; i < n->count; i++)
		node_destroy(n->items[i]);
	free(n->items);
	free(n->key);
	free(n->text);
	free(n);
}

/*
 * Room for one more.  The array always has room for 'count' rounded up to a power of two, at
 * least ITEMS_MIN, so the count alone says when it is full.
 */
static bool items_reserve(struct node *parent)
{
	enum { ITEMS_MIN = 4 };
	size_t count = parent->count;
	struct node **items;
	size_t bytes;

	if (count != 0 && (count < ITEMS_MIN || (count & (count - 1)) != 0))
		return true;
	if (__builtin_mul_overflow(count ? count * 2 : (size_t)ITEMS_MIN, sizeof(struct node *),
				   &bytes))
		return false;
	items = realloc(parent->items, bytes);
	if (!items)
		return false;
	parent->items = items;
	return true;
}

int node_append(struct node *parent, const char *key, struct node *child)
{
	char *copy = NULL;

	assert(key || parent->kind != NODE_MAP);
	if (!child)
		return -ENOMEM;
	if (key) {
		copy = strdup(key);
		if (!copy)
			goto err_child;
	}
	if (!items_reserve(parent))
		goto err_key;
	free(child->key);
	child->key = copy;
	parent->items[parent->count++] = child;
	return 0;

err_key:
	free(copy);
err_child:
	node_destroy(child);
	return -ENOMEM;
}

struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++) {
		if (strcmp(map->items[i]->key, key) == 0)
			return map->items[i];
	}
	return NULL;
}

bool node_remove(struct node *map, const char *key)
{
	struct node *found = node_get(map, key);
	size_t i = 0;

	if (!found)
		return false;
	while (map->items[i] != found)
		i++;
	map->count--;
	memmove(&map->items[i], &map->items[i + 1], (map->count - i) * sizeof(struct node *));
	node_destroy(found);
	return true;
}

static bool maps_equal(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct node *other = node_get(b, a->items[i]->key);

		if (!other || !node_equal(a->items[i], other))
			return false;
	}
	return true;
}

static bool lists_equal(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < a->count; i++) {
		if (!node_equal(a->items[i], b->items[i]))
			return false;
	}
	return true;
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->count != b->count)
		return false;
	switch (a->kind) {
	case NODE_SCALAR:
		return strcmp(a->text, b->text) == 0;
	case NODE_MAP:
		return maps_equal(a, b);
	case NODE_LIST:
		return lists_equal(a, b);
	default:
		return true;
	}
}

/* The node without its items and its key, which node_append() gives. */
static struct node *shallow_copy(const struct node *n)
{
	struct node *copy = n->kind == NODE_SCALAR ? node_scalar(n->text) : node_create(n->kind);

	if (!copy)
		return NULL;
	copy->line = n->line;
	copy->column = n->column;
	copy->key_line = n->key_line;
	copy->key_column = n->key_column;
	return copy;
}

/* What is in a list has no key, and stays as it is. */
static struct node *share(struct node *element)
{
	element->sharers++;
	return element;
}

struct node *node_copy(const struct node *n)
{
	struct node *copy = n ? shallow_copy(n) : NULL;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < n->count; i++) {
		struct node *item =
			n->kind == NODE_LIST ? share(n->items[i]) : node_copy(n->items[i]);

		if (node_append(copy, n->items[i]->key, item)) {
			node_destroy(copy);
			return NULL;
		}
	}
	return copy;
}

/* What 'base' has, each with what 'over' says about it. */
static int merge_known(struct node *merged, const struct node *base, const struct node *over)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < base->count; i++) {
		const struct node *below = base->items[i];
		const struct node *above = node_get(over, below->key);

		err = node_append(merged, below->key,
				  above ? node_merge(below, above) : node_copy(below));
	}
	return err;
}

/* What only 'over' has. */
static int merge_new(struct node *merged, const struct node *base, const struct node *over)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < over->count; i++) {
		const struct node *above = over->items[i];

		if (!node_get(base, above->key))
			err = node_append(merged, above->key, node_copy(above));
	}
	return err;
}

struct node *node_merge(const struct node *base, const struct node *over)
{
	struct node *merged;

	if (!base || !over)
		return node_copy(over ? over : base);
	if (base->kind != NODE_MAP || over->kind != NODE_MAP)
		return node_copy(over);
	merged = shallow_copy(over);
	if (!merged)
		return NULL;
	if (merge_known(merged, base, over) || merge_new(merged, base, over)) {
		node_destroy(merged);
		return NULL;
	}
	return merged;
}

/* NOLINTEND(misc-no-recursion) */

static void diag_record(struct diags *d, uint32_t line, uint32_t column, const char *text)
{
	if (d->count < DIAG_MAX) {
		struct diag *item = &d->items[d->count];

		item->line = line;
		item->column = column;
		(void)str_copy(item->text, sizeof(item->text), text);
	}
	d->count++;
}

void diag_add(struct diags *d, const struct node *at, const char *format, ...)
{
	char text[sizeof(d->items[0].text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_record(d, at ? at->line : 0, at ? at->column : 0, text);
}

void diag_add_at(struct diags *d, uint32_t line, uint32_t column, const char *format, ...)
{
	char text[sizeof(d->items[0].text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_record(d, line, column, text);
}

const char *diag_print(const struct diags *d, size_t index, char *out, size_t size)
{
	const struct diag *item = &d->items[index];
	int len = 0;

	if (d->file && item->line)
		len = snprintf(out, size, "%s:%u:%u: ", d->file, item->line, item->column);
	if (len >= 0 && (size_t)len < size)
		(void)str_copy(out + len, size - (size_t)len, item->text);
	return out;
}
