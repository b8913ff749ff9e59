/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/convert.c - a document is decoded by the table that it was written for, converted as a
 * structure, and written out by the table of the other revision: only the fields that it names, so
 * that what a level leaves open stays open.
 */
#define XVS_USE_DRAFT /* xvs/ext/convert.h */
#include "policy/convert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "policy/field.h"
#include "policy/scalar.h"
#include "xvs/ext/convert.h"

_Static_assert(FIELDS_MAX <= 8 * sizeof(((struct xvs_conversion *)0)->old_set),
	       "a bit for each field");

static bool has_bit(const uint64_t set[2], size_t nr)
{
	return set[nr / 64] >> nr % 64 & 1;
}

static void named_fields(const struct xvs_feature *f, const struct node *document, uint64_t set[2])
{
	for (size_t i = 0; i < f->fields.count; i++)
		if (node_get(document, field_at(&f->fields, i)->name))
			set[i / 64] |= 1ull << i % 64;
}

static void defaults(const struct xvs_feature *f, void *structure)
{
	for (size_t i = 0; i < f->fields.count; i++) {
		const struct xvs_field *field = field_at(&f->fields, i);

		if (field->type != XVS_LIST)
			scalar_default(field, field_in(field, structure));
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the field table. */
static void put_at(struct node *n, const struct node *place)
{
	n->line = place->line;
	n->column = place->column;
	n->key_line = place->key_line;
	n->key_column = place->key_column;
	for (size_t i = 0; i < n->count; i++)
		put_at(n->items[i], place);
}

/* The same name, or else the document itself. */
static const struct node *place_of(const struct node *document, const struct node *field)
{
	const struct node *same = node_get(document, field->key);

	return same ? same : document;
}

/* NULL: out of memory. */
static struct node *write_out(const struct xvs_conversion *c, const struct xvs_feature *to,
			      const struct node *document)
{
	struct node *out = value_document(to, c->now);

	for (size_t i = to->fields.count; out && i-- > 0;) {
		const char *name = field_at(&to->fields, i)->name;

		struct node *field = node_get(out, name);

		if (!has_bit(c->now_set, i))
			(void)node_remove(out, name);
		else if (field)
			put_at(field, place_of(document, field));
	}
	if (out) {
		out->line = document->line;
		out->column = document->column;
	}
	return out;
}

/* What the vendor wrote is no more trusted than what an operator writes. */
static struct node *checked(const struct xvs_feature *to, struct node *out, const char *what,
			    struct diags *d)
{
	struct value *value = value_decode_part(to, out, what, d);

	if (!value) {
		node_destroy(out);
		return NULL;
	}
	value_put(value);
	return out;
}

static struct node *convert(const struct revisions *r, struct xvs_conversion *c,
			    const struct node *document, const char *what, struct diags *d)
{
	struct xvs_error err = ERROR_INIT;
	struct node *out;

	defaults(r->to, c->now);
	if (r->convert(c, &err) < 0) {
		diag_add_at(d, document->key_line, document->key_column,
			    "%s: cannot be converted to %.64s: %.160s", what, r->to->id,
			    err.text[0] ? err.text : "its extension does not say why");
		return NULL;
	}
	out = write_out(c, r->to, document);
	if (!out)
		diag_add_at(d, 0, 0, "%s: out of memory", what);
	return out ? checked(r->to, out, what, d) : NULL;
}

struct node *document_convert(const struct revisions *r, const struct node *document,
			      const char *what, struct diags *d)
{
	struct xvs_conversion c = { .size = sizeof(c), .from = r->from->id, .to = r->to->id };
	struct value *old = value_decode_part(r->from, document, what, d);
	struct node *out = NULL;

	if (!old)
		return NULL;
	c.old = old->bytes;
	c.now = calloc(1, r->to->bytes);
	named_fields(r->from, document, c.old_set);
	if (c.now)
		out = convert(r, &c, document, what, d);
	else
		diag_add_at(d, 0, 0, "%s: out of memory", what);
	free(c.now);
	value_put(old);
	return out;
}
