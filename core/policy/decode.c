/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/decode.c - from a document to the plain structure that its feature describes.
 *
 * All of a document is walked even after an error, so that the operator reads all errors at
 * once.  Depth is that of the field table (FIELD_DEPTH_MAX), never that of the document.
 */
#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/excerpt.h"
#include "policy/field.h"
#include "policy/scalar.h"
#include "policy/schema.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the field table, never as the document. */

struct value_chunk {
	struct value_chunk *next;
	alignas(max_align_t) unsigned char bytes[];
};

/* A field, and a place in it where it is a list, for each level. */
enum { STEPS_MAX = 2 * (FIELD_DEPTH_MAX + 2) };

struct decoder {
	const char *what;
	struct diags *diags;
	struct value_chunk *chunks;
	bool failed;
	bool is_part; /* what is REQUIRED may stand elsewhere */
	struct step {
		const char *name; /* of a field; NULL: a place in a list */
		size_t place;
	} steps[STEPS_MAX]; /* the way to what is decoded: written out where it is told of */
	size_t depth;
	char path[192];
};

static int decode_map(struct decoder *d, const struct xvs_table *fields, const struct node *map,
		      void *structure);

static void enter_field(struct decoder *d, const char *name)
{
	assert(d->depth < STEPS_MAX);
	d->steps[d->depth++] = (struct step){ name, 0 };
}

static void enter_place(struct decoder *d, size_t place)
{
	assert(d->depth < STEPS_MAX);
	d->steps[d->depth++] = (struct step){ NULL, place };
}

static void leave(struct decoder *d)
{
	d->depth--;
}

/* "rules[3].proto" */
static const char *path_of(struct decoder *d)
{
	size_t len = 0;

	d->path[0] = '\0';
	for (size_t i = 0; i < d->depth && len < sizeof(d->path); i++) {
		const struct step *s = &d->steps[i];
		size_t room = sizeof(d->path) - len;
		int more =
			s->name ? snprintf(d->path + len, room, "%s%s", i > 0 ? "." : "", s->name)
				: snprintf(d->path + len, room, "[%zu]", s->place);

		len += more > 0 ? (size_t)more : 0;
	}
	return d->path;
}

/* One sentence at a place of the document; the caller's text follows "<what>: ". */
static void refuse(struct decoder *d, uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void refuse(struct decoder *d, uint32_t line, uint32_t column, const char *format, ...)
{
	char text[sizeof(d->diags->items[0].text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add_at(d->diags, line, column, "%s: %s", d->what, text);
	d->failed = true;
}

static int refuse_memory(struct decoder *d)
{
	refuse(d, 0, 0, "out of memory");
	return -ENOMEM;
}

static void *chunk_create(struct decoder *d, size_t count, size_t bytes)
{
	struct value_chunk *chunk;
	size_t size;

	if (__builtin_mul_overflow(count, bytes, &size) ||
	    __builtin_add_overflow(size, sizeof(*chunk), &size))
		return NULL;
	chunk = calloc(1, size);
	if (!chunk)
		return NULL;
	chunk->next = d->chunks;
	d->chunks = chunk;
	return chunk->bytes;
}

static void chunks_destroy(struct value_chunk *chunk)
{
	while (chunk) {
		struct value_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

static const char *shown(const struct xvs_field *f, const struct node *n, char out[EXCERPT_TEXT])
{
	static const char *const kinds[] = {
		[NODE_NULL] = "empty",
		[NODE_MAP] = "a map",
		[NODE_LIST] = "a list",
	};

	if (n->kind != NODE_SCALAR)
		return kinds[n->kind];
	return f->flags & XVS_FIELD_SECRET ? "***" : excerpt(n->text, out);
}

/* The nearest of an ENUM's names, or NULL. */
static const char *nearest_name(const struct xvs_field *f, const char *word)
{
	const char *nearest = NULL;
	const char **names;

	if (f->type != XVS_ENUM)
		return NULL;
	names = calloc(f->names.count, sizeof(*names));
	if (!names)
		return NULL;
	for (uint32_t i = 0; i < f->names.count; i++)
		names[i] = name_at(&f->names, i);
	nearest = str_nearest(word, names, f->names.count);
	free(names);
	return nearest;
}

static void refuse_scalar(struct decoder *d, const struct xvs_field *f, const struct node *n)
{
	struct strbuf expected = { 0 };
	char text[EXCERPT_TEXT];
	const char *nearest = n->kind == NODE_SCALAR ? nearest_name(f, n->text) : NULL;

	scalar_expects(f, &expected);
	if (nearest)
		strbuf_add(&expected, "; the nearest is %s", nearest);
	refuse(d, n->line, n->column, "%s is %s, must be %s", path_of(d), shown(f, n, text),
	       expected.text ? expected.text : "another value");
	strbuf_finish(&expected);
}

static void refuse_key(struct decoder *d, const struct xvs_table *fields, const struct node *n)
{
	const char *names[FIELDS_MAX];
	struct strbuf known = { 0 };
	char key[EXCERPT_TEXT];

	const char *nearest;

	enter_field(d, excerpt(n->key, key));
	for (uint32_t i = 0; i < fields->count; i++) {
		names[i] = field_at(fields, i)->name;
		strbuf_add(&known, "%s%s", i ? ", " : "", names[i]);
	}
	nearest = str_nearest(n->key, names, fields->count);
	if (nearest)
		refuse(d, n->key_line, n->key_column, "%s is not known, the nearest key is %s",
		       path_of(d), nearest);
	else
		refuse(d, n->key_line, n->key_column, "%s is not known, the keys are: %s",
		       path_of(d), known.text ? known.text : "none");
	strbuf_finish(&known);
	leave(d);
}

/* {first, last} of a range, which a table cannot say. */
static void check_range(struct decoder *d, const struct xvs_field *list, const struct node *n,
			const void *element)
{
	const struct xvs_field *first = field_at(&list->fields, 0);
	const struct xvs_field *last = field_at(&list->fields, 1);

	if (scalar_number(first, field_of(first, element)) >
	    scalar_number(last, field_of(last, element)))
		refuse(d, n->line, n->column, "%s ends before it begins, must be first-last",
		       path_of(d));
}

static void refuse_range(struct decoder *d, const struct xvs_field *list, const struct node *n)
{
	const struct xvs_field *first = field_at(&list->fields, 0);
	struct strbuf expected = { 0 };
	char text[EXCERPT_TEXT];

	scalar_expects(first, &expected);
	refuse(d, n->line, n->column, "%s is %s, must be within %s, as 10 or 10-20", path_of(d),
	       shown(list, n, text), expected.text ? expected.text : "its bounds");
	strbuf_finish(&expected);
}

static void decode_range(struct decoder *d, const struct xvs_field *list, const struct node *n,
			 void *element)
{
	const struct xvs_field *first = field_at(&list->fields, 0);
	const struct xvs_field *last = field_at(&list->fields, 1);
	const char *dash = strchr(n->text, '-');
	size_t len = dash ? (size_t)(dash - n->text) : strlen(n->text);
	char begin[24]; /* 64 bits in decimal take 20 */

	if (len < sizeof(begin)) {
		memcpy(begin, n->text, len);
		begin[len] = '\0';
		if (scalar_read(first, begin, field_in(first, element)) &&
		    scalar_read(last, dash ? dash + 1 : begin, field_in(last, element))) {
			check_range(d, list, n, element);
			return;
		}
	}
	refuse_range(d, list, n);
}

static void decode_scalar(struct decoder *d, const struct xvs_field *f, const struct node *n,
			  void *structure)
{
	if (n->kind != NODE_SCALAR || !scalar_read(f, n->text, field_in(f, structure)))
		refuse_scalar(d, f, n);
}

static int decode_element(struct decoder *d, const struct xvs_field *list, const struct node *n,
			  void *element)
{
	enum shorthand shorthand = list_shorthand(list);
	char text[EXCERPT_TEXT];
	int err;

	if (n->kind == NODE_MAP) {
		err = decode_map(d, &list->fields, n, element);
		if (err == 0 && shorthand == SHORTHAND_RANGE)
			check_range(d, list, n, element);
		return err;
	}
	if (shorthand == SHORTHAND_SCALAR)
		decode_scalar(d, field_at(&list->fields, 0), n, element);
	else if (shorthand == SHORTHAND_RANGE && n->kind == NODE_SCALAR)
		decode_range(d, list, n, element);
	else if (shorthand == SHORTHAND_RANGE)
		refuse_range(d, list, n);
	else
		refuse(d, n->line, n->column, "%s is %s, must be a map", path_of(d),
		       shown(list, n, text));
	return 0;
}

static int decode_list(struct decoder *d, const struct xvs_field *f, const struct node *n,
		       void *structure)
{
	struct xvs_table table = { NULL, (uint32_t)n->count, f->element_bytes };
	unsigned char *elements;
	int err = 0;

	if (n->count < f->min || n->count > f->max) {
		refuse(d, n->line, n->column, "%s has %zu entries, must have %u..%u", path_of(d),
		       n->count, (unsigned)f->min, (unsigned)f->max);
		return 0;
	}
	elements = n->count ? chunk_create(d, n->count, f->element_bytes) : NULL;
	if (n->count && !elements)
		return refuse_memory(d);
	for (size_t i = 0; err == 0 && i < n->count; i++) {
		enter_place(d, i);
		err = decode_element(d, f, n->items[i], elements + i * f->element_bytes);
		leave(d);
	}
	table.items = elements;
	memcpy(field_in(f, structure), &table, sizeof(table));
	return err;
}

static int decode_field(struct decoder *d, const struct xvs_field *f, const struct node *n,
			void *structure)
{
	char text[EXCERPT_TEXT];

	if (f->type != XVS_LIST) {
		decode_scalar(d, f, n, structure);
		return 0;
	}
	if (n->kind == NODE_LIST)
		return decode_list(d, f, n, structure);
	refuse(d, n->line, n->column, "%s is %s, must be a list", path_of(d), shown(f, n, text));
	return 0;
}

static void default_field(struct decoder *d, const struct xvs_field *f, const struct node *map,
			  void *structure)
{
	if (f->flags & XVS_FIELD_REQUIRED && !(d->is_part && d->depth == 1))
		refuse(d, map ? map->line : 0, map ? map->column : 0, "%s is missing", path_of(d));
	else if (f->type != XVS_LIST)
		scalar_default(f, field_in(f, structure));
}

/* Sorts the keys of a document by the fields they name. */
static void match_keys(struct decoder *d, const struct xvs_table *fields, const struct node *map,
		       const struct node **given)
{
	for (size_t i = 0; map && i < map->count; i++) {
		const struct node *n = map->items[i];
		uint32_t idx = 0;

		while (idx < fields->count && strcmp(field_at(fields, idx)->name, n->key) != 0)
			idx++;
		if (idx == fields->count)
			refuse_key(d, fields, n);
		else if (given[idx])
			refuse(d, n->key_line, n->key_column, "%s%s%s is given twice", path_of(d),
			       d->depth > 0 ? "." : "", n->key);
		else
			given[idx] = n;
	}
}

static int decode_map(struct decoder *d, const struct xvs_table *fields, const struct node *map,
		      void *structure)
{
	const struct node *given[FIELDS_MAX] = { NULL };
	int err = 0;

	match_keys(d, fields, map, given);
	for (uint32_t i = 0; err == 0 && i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);

		enter_field(d, f->name);
		if (given[i])
			err = decode_field(d, f, given[i], structure);
		else
			default_field(d, f, map, structure);
		leave(d);
	}
	return err;
}

static int decode_feature(struct decoder *d, const struct xvs_feature *f, const struct node *node,
			  void *bytes)
{
	char text[EXCERPT_TEXT];

	if (!node || node->kind == NODE_NULL)
		return decode_map(d, &f->fields, NULL, bytes);
	if (node->kind == NODE_MAP)
		return decode_map(d, &f->fields, node, bytes);
	refuse(d, node->line, node->column, "it is %s, must be a map",
	       node->kind == NODE_LIST ? "a list" : excerpt(node->text, text));
	return 0;
}

static struct value *decode_with(struct decoder *decoder, const struct xvs_feature *f,
				 const struct node *node)
{
	struct value *v = calloc(1, sizeof(*v));
	void *bytes = calloc(1, f->bytes);

	if (!v || !bytes)
		(void)refuse_memory(decoder);
	else if (decode_feature(decoder, f, node, bytes) == 0 && !decoder->failed) {
		*v = (struct value){ f, bytes, 1, decoder->chunks };
		return v;
	}
	chunks_destroy(decoder->chunks);
	free(bytes);
	free(v);
	return NULL;
}

struct value *value_decode(const struct xvs_feature *f, const struct node *node, const char *what,
			   struct diags *d)
{
	struct decoder decoder = { .what = what, .diags = d };

	return decode_with(&decoder, f, node);
}

struct value *value_decode_part(const struct xvs_feature *f, const struct node *node,
				const char *what, struct diags *d)
{
	struct decoder decoder = { .what = what, .diags = d, .is_part = true };

	return decode_with(&decoder, f, node);
}

struct value *value_ref(struct value *v)
{
	v->refs++;
	return v;
}

void value_put(struct value *v)
{
	if (!v)
		return;
	assert(v->refs > 0);
	if (--v->refs > 0)
		return;
	chunks_destroy(v->chunks);
	free(v->bytes);
	free(v);
}

static bool structures_equal(const struct xvs_table *fields, const void *a, const void *b);

static bool lists_equal(const struct xvs_field *f, const void *a, const void *b)
{
	const struct xvs_table *left = a;
	const struct xvs_table *right = b;

	if (left->count != right->count)
		return false;
	for (uint32_t i = 0; i < left->count; i++) {
		if (!structures_equal(&f->fields, table_at(left, i), table_at(right, i)))
			return false;
	}
	return true;
}

static bool structures_equal(const struct xvs_table *fields, const void *a, const void *b)
{
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);
		const void *left = field_of(f, a);
		const void *right = field_of(f, b);

		if (f->type == XVS_LIST ? !lists_equal(f, left, right)
					: !scalar_equal(f, left, right))
			return false;
	}
	return true;
}

/* Two revisions of one extension may lay the same fields out differently. */
bool value_equal(const struct value *a, const struct value *b)
{
	if (!a || !b || a->feature != b->feature)
		return a == b;
	return structures_equal(&a->feature->fields, a->bytes, b->bytes);
}

/* NOLINTEND(misc-no-recursion) */
