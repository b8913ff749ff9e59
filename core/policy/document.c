/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/document.c - a structure as a document that can be read back: what could not be written is left
 * out, and of elements of lists what has its default.
 */
#include <string.h>

#include "policy/field.h"
#include "policy/schema.h"

static bool is_zero(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

bool field_has_default(const struct xvs_field *f, const void *structure)
{
	const void *at = field_of(f, structure);
	uint32_t narrow;
	uint64_t wide;

	switch (f->type) {
	case XVS_BOOL:
		return (*(const uint8_t *)at != 0) == (f->dflt != 0);
	case XVS_U32:
	case XVS_ENUM:
		memcpy(&narrow, at, sizeof(narrow));
		return narrow == f->dflt;
	case XVS_U64:
		memcpy(&wide, at, sizeof(wide));
		return wide == f->dflt;
	case XVS_LIST:
		return ((const struct xvs_table *)at)->count == 0;
	case XVS_TEXT:
		return *(const char *)at == '\0';
	default:
		return is_zero(at, field_size(f));
	}
}

/* Nothing is written for it: an empty text or address is no value that could be read. */
static bool is_unwritten(const struct xvs_field *f, const void *structure)
{
	return (f->type == XVS_TEXT || f->type == XVS_MAC || f->type == XVS_IP) &&
	       field_has_default(f, structure);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the schema, which was bounded when it was loaded. */

static void prune_list(const struct xvs_field *list, const struct xvs_table *table, struct node *n);

static void prune_element(const struct xvs_field *list, const void *element, struct node *n)
{
	for (size_t i = 0; n->kind == NODE_MAP && i < list->fields.count; i++) {
		const struct xvs_field *f = field_at(&list->fields, i);
		struct node *child = node_get(n, f->name);

		if (!(f->flags & XVS_FIELD_REQUIRED) && field_has_default(f, element))
			(void)node_remove(n, f->name);
		else if (f->type == XVS_LIST && child)
			prune_list(f, field_of(f, element), child);
	}
}

static void prune_list(const struct xvs_field *list, const struct xvs_table *table, struct node *n)
{
	for (size_t i = 0; i < n->count && i < table->count; i++)
		prune_element(list, table_at(table, i), n->items[i]);
}

/* NOLINTEND(misc-no-recursion) */

struct node *value_document(const struct xvs_feature *f, const void *bytes)
{
	struct node *fields = value_node(f, bytes);

	for (size_t i = 0; fields && i < f->fields.count; i++) {
		const struct xvs_field *field = field_at(&f->fields, i);

		if (is_unwritten(field, bytes))
			(void)node_remove(fields, field->name);
		else if (field->type == XVS_LIST)
			prune_list(field, field_of(field, bytes), node_get(fields, field->name));
	}
	return fields;
}

static bool is_left_out(const struct xvs_field *f, const void *element)
{
	return !(f->flags & XVS_FIELD_REQUIRED) && field_has_default(f, element);
}

json_t *value_document_json(const struct xvs_feature *f, const void *bytes)
{
	json_t *fields = json_object();

	for (size_t i = 0; fields && i < f->fields.count; i++) {
		const struct xvs_field *field = field_at(&f->fields, i);

		if (is_unwritten(field, bytes))
			continue;
		if (json_object_set_new(fields, field->name,
					field_json(field, bytes, is_left_out))) {
			json_decref(fields);
			fields = NULL;
		}
	}
	return fields;
}
