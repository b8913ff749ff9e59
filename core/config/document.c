/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/document.c - sections of the configuration: maps of keys, and lists of such maps.
 *
 * Keys are read in the order of their table, not of the document, so that uplinks, host ports
 * and guests come to stand in this order, and so that one value may look at another.
 */
#include "config/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/excerpt.h"
#include "base/str.h"
#include "base/yaml.h"
#include "config/check.h"
#include "config/reading.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables of keys.c, never as the document. */

static void read_section(struct reading *r, const struct section *s, const struct node *map,
			 void *structure);

static size_t key_index(const struct section *s, const char *name)
{
	size_t i = 0;

	while (i < s->count && strcmp(s->keys[i].name, name) != 0)
		i++;
	return i;
}

static void refuse_unknown(struct reading *r, const struct section *s, const struct node *n)
{
	const char *names[KEYS_MAX];
	struct strbuf known = { 0 };
	char text[EXCERPT_TEXT];
	const char *nearest;

	for (size_t i = 0; i < s->count; i++) {
		names[i] = s->keys[i].name;
		strbuf_add(&known, "%s%s", i ? ", " : "", names[i]);
	}
	nearest = str_nearest(n->key, names, s->count);
	if (nearest)
		reading_refuse_key(r, n, "%s is not known, the nearest key is %s",
				   excerpt(n->key, text), nearest);
	else
		reading_refuse_key(r, n, "%s is not known, the keys are: %s", excerpt(n->key, text),
				   known.text ? known.text : "none");
	strbuf_finish(&known);
}

static void match_keys(struct reading *r, const struct section *s, const struct node *map,
		       const struct node **given)
{
	char text[EXCERPT_TEXT];

	for (size_t i = 0; i < map->count; i++) {
		const struct node *n = map->items[i];
		size_t idx = key_index(s, n->key);

		if (idx == s->count)
			refuse_unknown(r, s, n);
		else if (given[idx])
			reading_refuse_key(r, n, "%s is given twice", excerpt(n->key, text));
		else
			given[idx] = n;
	}
}

static const char *kind_text(const struct node *n, char out[EXCERPT_TEXT])
{
	if (n->kind == NODE_SCALAR)
		return excerpt(n->text, out);
	return n->kind == NODE_LIST ? "a list" : n->kind == NODE_MAP ? "a map" : "empty";
}

/* "port vm1", or "ports[2]" where it has no name. */
static size_t enter_element(struct reading *r, const struct key *k, const struct node *n,
			    size_t idx)
{
	const struct node *name = node_get(n, k->section->name_key);
	char text[EXCERPT_TEXT];

	if (name && name->kind == NODE_SCALAR)
		return reading_enter(r, "%s %s: ", k->section->what, excerpt(name->text, text));
	return reading_enter(r, "%s[%zu]: ", k->name, idx);
}

static void read_element(struct reading *r, const struct key *k, const struct node *n, size_t idx,
			 void *element)
{
	const struct section *s = k->section;
	struct position at = { n->line, n->column };
	size_t before = enter_element(r, k, n, idx);

	section_defaults(s, element);
	if (s->at != KEY_NOWHERE)
		memcpy(key_in(s->at, element), &at, sizeof(at));
	read_section(r, s, n, element);
	reading_leave(r, before);
}

/* Room for 'more' zeroed elements behind those there are; NULL: out of memory. */
static void *array_grow(void **items, size_t count, size_t more, size_t bytes)
{
	size_t size;
	char *grown;

	if (__builtin_add_overflow(count, more, &size) ||
	    __builtin_mul_overflow(size, bytes, &size))
		return NULL;
	grown = realloc(*items, size);
	if (!grown)
		return NULL;
	*items = grown;
	return memset(grown + count * bytes, 0, more * bytes);
}

/* An array's pointer is of another type than void *, so it is moved as bytes. */
static void read_list(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	size_t *count = key_in(k->aux, structure);
	size_t bytes = k->section->bytes;
	char text[EXCERPT_TEXT];
	char *elements;
	void *items;

	if (n->kind == NODE_NULL || (n->kind == NODE_LIST && n->count == 0))
		return;
	if (n->kind != NODE_LIST) {
		reading_refuse(r, n, "%s is %s, must be a list", k->name, kind_text(n, text));
		return;
	}
	memcpy(&items, key_of(k->offset, structure), sizeof(items));
	elements = array_grow(&items, *count, n->count, bytes);
	memcpy(key_in(k->offset, structure), &items, sizeof(items));
	if (!elements) {
		reading_refuse_memory(r);
		return;
	}
	for (size_t i = 0; i < n->count; i++) {
		(*count)++;
		read_element(r, k, n->items[i], i, elements + i * bytes);
	}
}

static void read_inner(struct reading *r, const struct key *k, const struct node *n,
		       void *structure)
{
	const struct section *s = k->section;
	struct position at = { n->key_line, n->key_column };
	void *inner = key_in(k->offset, structure);
	size_t before = reading_enter(r, "%s: ", k->name);

	if (s->at != KEY_NOWHERE)
		memcpy(key_in(s->at, inner), &at, sizeof(at));
	if (s->given_at)
		memset(key_in(s->given_at, inner), true, sizeof(bool));
	if (n->kind != NODE_NULL)
		read_section(r, s, n, inner);
	reading_leave(r, before);
}

/* "backend: null" is short for "backend: {kind: null}". */
static void read_backend(struct reading *r, const struct key *k, const struct node *n,
			 void *structure)
{
	const struct key *kind = &k->section->keys[key_index(k->section, "kind")];
	size_t before;

	if (n->kind != NODE_SCALAR) {
		read_inner(r, k, n, structure);
		return;
	}
	before = reading_enter(r, "%s: ", k->name);
	value_read(r, kind, n, key_in(k->offset, structure));
	reading_leave(r, before);
}

static void read_key(struct reading *r, const struct key *k, const struct node *n, void *structure)
{
	switch (k->kind) {
	case KEY_MAP:
		read_inner(r, k, n, structure);
		break;
	case KEY_BACKEND:
		read_backend(r, k, n, structure);
		break;
	case KEY_LIST:
		read_list(r, k, n, structure);
		break;
	default:
		value_read(r, k, n, structure);
	}
}

static void read_section(struct reading *r, const struct section *s, const struct node *map,
			 void *structure)
{
	const struct node *given[KEYS_MAX] = { NULL };
	char text[EXCERPT_TEXT];

	if (map->kind != NODE_MAP) {
		reading_refuse(r, map, "it is %s, must be a map", kind_text(map, text));
		return;
	}
	match_keys(r, s, map, given);
	for (size_t i = 0; i < s->count; i++) {
		const struct key *k = &s->keys[i];

		if (given[i])
			read_key(r, k, given[i], structure);
		else if (k->flags & KEY_REQUIRED)
			reading_refuse(r, map, "%s is missing", k->name);
	}
}

/* ---- what follows from what was given --------------------------------------------------------- */

/* A tap that is not named is named as its port, where the kernel takes such a name. */
static void complete_port(struct port_spec *p)
{
	struct backend_spec *b = &p->backend;

	if (b->kind[0] == '\0' && p->role == PORT_UPLINK)
		(void)str_copy(b->kind, sizeof(b->kind), "af_packet");
	if (b->kind[0] == '\0' && p->role == PORT_HOST)
		(void)str_copy(b->kind, sizeof(b->kind), "tap");
	if (strcmp(b->kind, "tap") == 0 && b->device[0] == '\0' &&
	    strlen(p->name) < sizeof(b->device))
		(void)str_copy(b->device, sizeof(b->device), p->name);
}

/* It has a name whether it is there or not: a second uplink makes it. */
static void complete_team(struct switch_spec *s)
{
	struct port_spec *p = &s->team.port;

	(void)str_copy(p->backend.kind, sizeof(p->backend.kind), "team");
	if (p->name[0] == '\0')
		(void)str_copy(p->name, sizeof(p->name), TEAM_NAME);
	p->role = PORT_UPLINK;
	p->at = s->team.at.line != 0 ? s->team.at : s->at;
}

static void complete_switch(struct switch_spec *s)
{
	complete_team(s);
	for (size_t i = 0; i < s->port_count; i++)
		complete_port(&s->ports[i]);
}

static int by_place(const void *a, const void *b)
{
	const struct diag *left = a;
	const struct diag *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	if (left->column != right->column)
		return left->column < right->column ? -1 : 1;
	return strcmp(left->text, right->text);
}

/* A person reads a file from its top; this file was read by tables. */
void document_sort(struct diags *d, size_t before)
{
	size_t end = d->count < DIAG_MAX ? d->count : DIAG_MAX;

	if (before < end)
		qsort(&d->items[before], end - before, sizeof(d->items[0]), by_place);
}

struct config_spec *document_read_partly(const struct node *root, struct diags *d)
{
	struct config_spec *spec = calloc(1, sizeof(*spec));
	struct reading r = { .diags = d };
	size_t before = d->count;

	if (!spec) {
		reading_refuse_memory(&r);
		return NULL;
	}
	section_defaults(&section_config, spec);
	if (root && root->kind != NODE_NULL)
		read_section(&r, &section_config, root, spec);
	for (size_t i = 0; i < spec->switch_count; i++)
		complete_switch(&spec->switches[i]);
	check_config(spec, d);
	document_sort(d, before);
	return spec;
}

struct config_spec *document_read(const struct node *root, struct diags *d)
{
	size_t before = d->count;
	struct config_spec *spec = document_read_partly(root, d);

	if (d->count == before)
		return spec;
	config_spec_destroy(spec);
	return NULL;
}

struct config_spec *document_load(const char *path, struct diags *d)
{
	struct node *root = yaml_read_file(path, d);
	struct config_spec *spec = root ? document_read(root, d) : NULL;

	node_destroy(root);
	return spec;
}

/* One object stands in a list of one, so that its messages name it as they do in a file. */
static void read_alone(struct reading *r, const struct section *s, const struct node *n,
		       void *structure)
{
	const struct key k = { .name = s->what, .kind = KEY_LIST, .section = s };

	read_element(r, &k, n, 0, structure);
}

bool document_read_switch(const struct node *n, struct switch_spec *out, struct diags *d)
{
	struct switch_spec made = { .name = "" };
	struct reading r = { .diags = d };
	size_t before = d->count;

	read_alone(&r, &section_switch, n, &made);
	complete_switch(&made);
	check_switch(&made, d);
	if (d->count == before) {
		*out = made;
		return true;
	}
	switch_spec_finish(&made);
	return false;
}

bool document_read_port(const struct node *n, enum port_role role, struct port_spec *out,
			struct diags *d)
{
	struct port_spec made = { .name = "" };
	struct reading r = { .diags = d };
	size_t before = d->count;

	read_alone(&r, section_of_role(role), n, &made);
	complete_port(&made);
	check_backend(NULL, &made, d);
	if (d->count == before) {
		*out = made;
		return true;
	}
	port_spec_finish(&made);
	return false;
}

/* NOLINTEND(misc-no-recursion) */
