/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/help.c - what "xvsctl policy help" prints, made of the same table that decodes.
 *
 *	xvs.vlan/1: VLANs of a port
 *	setting of a port
 *
 *	  mode      one of access, trunk; default access
 *	            ...
 *	  allowed   list of 0..64, each 10-20 or {first, last}; default []
 *	    first   1..4094; required
 */
#define XVS_USE_DRAFT /* XVS_FORMER */
#include <errno.h>
#include <string.h>

#include "policy/field.h"
#include "policy/scalar.h"
#include "policy/schema.h"
#include "xvs/ext/convert.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the field table, which is bounded. */

static size_t longest_name(const struct xvs_table *fields, size_t indent)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);
		size_t len = indent + strlen(f->name);
		size_t inner = f->type == XVS_LIST ? longest_name(&f->fields, indent + 2) : 0;

		longest = len > longest ? len : longest;
		longest = inner > longest ? inner : longest;
	}
	return longest;
}

static void help_list(const struct xvs_field *f, struct strbuf *out)
{
	static const char *const elements[] = {
		[SHORTHAND_NONE] = "each a map of",
		[SHORTHAND_SCALAR] = "each a value or a map of",
		[SHORTHAND_RANGE] = "each as 10, as 10-20, or a map of",
	};

	strbuf_add(out, "list of %u..%u, %s", (unsigned)f->min, (unsigned)f->max,
		   elements[list_shorthand(f)]);
}

static bool has_default(const struct xvs_field *f)
{
	return f->type == XVS_BOOL || f->type == XVS_U32 || f->type == XVS_U64 ||
	       f->type == XVS_ENUM;
}

static void help_default(const struct xvs_field *f, struct strbuf *out)
{
	uint64_t bytes = 0;

	if (f->flags & XVS_FIELD_REQUIRED) {
		strbuf_add(out, "; required");
	} else if (has_default(f)) {
		scalar_default(f, &bytes);
		strbuf_add(out, "; default ");
		scalar_print(f, &bytes, out);
	}
	if (f->flags & XVS_FIELD_SECRET)
		strbuf_add(out, "; never shown");
}

static void help_fields(const struct xvs_table *fields, size_t indent, size_t width,
			struct strbuf *out);

/* 'width': where the second column begins. */
static void help_field(const struct xvs_field *f, size_t indent, size_t width, struct strbuf *out)
{
	strbuf_add(out, "%*s%-*s", (int)indent, "", (int)(width - indent), f->name);
	if (f->type == XVS_LIST)
		help_list(f, out);
	else
		scalar_expects(f, out);
	help_default(f, out);
	strbuf_add(out, "\n%*s%s\n", (int)width, "", f->help);
	if (f->type == XVS_LIST)
		help_fields(&f->fields, indent + 2, width, out);
}

static void help_fields(const struct xvs_table *fields, size_t indent, size_t width,
			struct strbuf *out)
{
	for (uint32_t i = 0; i < fields->count; i++)
		help_field(field_at(fields, i), indent, width, out);
}

void schema_help(const struct xvs_feature *f, struct strbuf *out)
{
	static const char *const kinds[] = {
		[XVS_SETTING] = "setting",
		[XVS_STATUS] = "status",
		[XVS_EVENT] = "event",
		[XVS_FORMER] = "former setting",
	};

	strbuf_add(out, "%s: %s\n%s of a %s\n", f->id, f->summary, kinds[f->kind],
		   f->scope == XVS_PER_SWITCH ? "switch" : "port");
	if (f->fields.count > 0)
		strbuf_add(out, "\n");
	help_fields(&f->fields, 2, longest_name(&f->fields, 2) + 2, out);
}

static const struct xvs_field *field_find(const struct xvs_table *fields, const char *name,
					  size_t len)
{
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);

		if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
			return f;
	}
	return NULL;
}

int schema_help_field(const struct xvs_feature *f, const char *field, struct strbuf *out)
{
	const struct xvs_table *fields = &f->fields;
	const struct xvs_field *found = NULL;
	size_t width;

	for (;;) {
		size_t len = strcspn(field, ".");

		found = field_find(fields, field, len);
		if (!found || field[len] == '\0')
			break;
		if (found->type != XVS_LIST)
			return -ENOENT;
		fields = &found->fields;
		field += len + 1;
	}
	if (!found)
		return -ENOENT;
	width = strlen(found->name) + 2;
	if (found->type == XVS_LIST)
		width += longest_name(&found->fields, 2);
	help_field(found, 0, width, out);
	return 0;
}

/* NOLINTEND(misc-no-recursion) */
