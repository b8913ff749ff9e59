/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/encode.c - from a plain structure back to what an operator would write.
 *
 * The bytes may come from an extension (a status, an event): its tables are taken as far as they
 * make sense, and nothing that it wrote is trusted to be a valid value.
 */
#include <stdlib.h>

#include "policy/field.h"
#include "policy/scalar.h"
#include "policy/schema.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the field table, which is bounded. */

struct encoding {
	bool secrets;
	field_left_out leaves_out; /* of elements of lists; NULL: nothing */
};

static json_t *structure_json(const struct xvs_table *fields, const void *bytes,
			      const struct encoding *e);
static struct node *structure_node(const struct xvs_table *fields, const void *bytes);

/* How many elements of a list can be read; a smaller stride than the element makes no sense. */
static uint32_t list_count(const struct xvs_field *f, const struct xvs_table *list)
{
	if (!list->items || list->stride < f->element_bytes)
		return 0;
	return list->count < f->max ? list->count : (uint32_t)f->max;
}

static json_t *secret_json(void)
{
	return json_string("***");
}

static bool is_hidden(const struct xvs_field *f, const struct encoding *e)
{
	return (f->flags & XVS_FIELD_SECRET) && !e->secrets;
}

/* "10-20", or "10" for 10-10. */
static void range_print(const struct xvs_field *list, const void *element, struct strbuf *out)
{
	const struct xvs_field *first = field_at(&list->fields, 0);
	const struct xvs_field *last = field_at(&list->fields, 1);

	scalar_print(first, field_of(first, element), out);
	if (scalar_equal(first, field_of(first, element), field_of(last, element)))
		return;
	strbuf_add(out, "-");
	scalar_print(last, field_of(last, element), out);
}

static json_t *range_json(const struct xvs_field *list, const void *element)
{
	const struct xvs_field *first = field_at(&list->fields, 0);
	const struct xvs_field *last = field_at(&list->fields, 1);
	struct strbuf text = { 0 };
	json_t *made;

	if (scalar_equal(first, field_of(first, element), field_of(last, element)))
		return scalar_json(first, field_of(first, element));
	range_print(list, element, &text);
	made = text.failed ? NULL : json_string(text.text);
	strbuf_finish(&text);
	return made;
}

static json_t *element_json(const struct xvs_field *list, const void *element,
			    const struct encoding *e)
{
	const struct xvs_field *only = field_at(&list->fields, 0);

	switch (list_shorthand(list)) {
	case SHORTHAND_SCALAR:
		return is_hidden(only, e) ? secret_json()
					  : scalar_json(only, field_of(only, element));
	case SHORTHAND_RANGE:
		return range_json(list, element);
	default:
		return structure_json(&list->fields, element, e);
	}
}

static json_t *list_json(const struct xvs_field *f, const struct xvs_table *list,
			 const struct encoding *e)
{
	json_t *array = json_array();

	for (uint32_t i = 0; array && i < list_count(f, list); i++) {
		if (json_array_append_new(array, element_json(f, table_at(list, i), e))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *written_json(const struct xvs_field *f, const void *bytes, const struct encoding *e)
{
	if (is_hidden(f, e))
		return secret_json();
	if (f->type == XVS_LIST)
		return list_json(f, field_of(f, bytes), e);
	return scalar_json(f, field_of(f, bytes));
}

/* Names are of a schema that was checked when it was loaded, so they need no look at their letters. */
static json_t *structure_json(const struct xvs_table *fields, const void *bytes,
			      const struct encoding *e)
{
	json_t *object = json_object();

	for (uint32_t i = 0; object && i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);

		if (e->leaves_out && e->leaves_out(f, bytes))
			continue;
		if (json_object_set_new_nocheck(object, f->name, written_json(f, bytes, e))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

json_t *value_json(const struct xvs_feature *f, const void *bytes, bool secrets)
{
	return structure_json(&f->fields, bytes, &(struct encoding){ .secrets = secrets });
}

json_t *field_json(const struct xvs_field *f, const void *structure, field_left_out leaves_out)
{
	return written_json(f, structure,
			    &(struct encoding){ .secrets = true, .leaves_out = leaves_out });
}

static struct node *node_of_text(struct strbuf *text)
{
	struct node *n = text->failed ? NULL : node_scalar(text->text ? text->text : "");

	strbuf_finish(text);
	return n;
}

static struct node *scalar_node(const struct xvs_field *f, const void *bytes)
{
	struct strbuf text = { 0 };

	scalar_print(f, field_of(f, bytes), &text);
	return node_of_text(&text);
}

static struct node *element_node(const struct xvs_field *list, const void *element)
{
	struct strbuf text = { 0 };

	switch (list_shorthand(list)) {
	case SHORTHAND_SCALAR:
		return scalar_node(field_at(&list->fields, 0), element);
	case SHORTHAND_RANGE:
		range_print(list, element, &text);
		return node_of_text(&text);
	default:
		return structure_node(&list->fields, element);
	}
}

static struct node *list_node(const struct xvs_field *f, const struct xvs_table *list)
{
	struct node *n = node_create(NODE_LIST);

	for (uint32_t i = 0; n && i < list_count(f, list); i++) {
		if (node_append(n, NULL, element_node(f, table_at(list, i)))) {
			node_destroy(n);
			return NULL;
		}
	}
	return n;
}

static struct node *structure_node(const struct xvs_table *fields, const void *bytes)
{
	struct node *map = node_create(NODE_MAP);

	for (uint32_t i = 0; map && i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);
		struct node *child = f->type == XVS_LIST ? list_node(f, field_of(f, bytes))
							 : scalar_node(f, bytes);

		if (node_append(map, f->name, child)) {
			node_destroy(map);
			return NULL;
		}
	}
	return map;
}

struct node *value_node(const struct xvs_feature *f, const void *bytes)
{
	return structure_node(&f->fields, bytes);
}

/* NOLINTEND(misc-no-recursion) */
