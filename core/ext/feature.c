/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/feature.c - a module's features and their fields, checked.
 *
 * What passes here is a contract with the decoder: each field lies within its structure, is
 * aligned for its type, overlaps no other, and its limits and default agree.
 */
#define XVS_USE_DRAFT /* XVS_FIELD_SESSION, XVS_FORMER */
#include "ext/feature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"
#include "ext/names.h"
#include "xvs/ext/convert.h"
#include "xvs/ext/mirror.h"

/* What ABI 1.0 had; these never change. */
enum { FEATURE_1_0 = 48, FIELD_1_0 = 88 };

static const struct layout feature_layout = {
	.name = "xvs_feature",
	.today = sizeof(struct xvs_feature),
	.least = FEATURE_1_0,
	.reserved = offsetof(struct xvs_feature, reserved),
	.is_sized = true,
};
static const struct layout field_layout = {
	.name = "xvs_field",
	.today = sizeof(struct xvs_field),
	.least = FIELD_1_0,
	.reserved = offsetof(struct xvs_field, reserved),
};
_Static_assert(sizeof(struct xvs_feature) >= FEATURE_1_0, "structures only grow");
_Static_assert(sizeof(struct xvs_field) >= FIELD_1_0, "structures only grow");

/* The structure that a list of fields describes: a feature, or the element of a list. */
struct described {
	uint32_t bytes;
	uint32_t depth;
	struct arena *arena;
};

/* Where the field lies. */
static int place_check(const struct xvs_field *f, const struct described *in, struct xvs_error *err)
{
	size_t width = field_size(f);

	if (f->offset > in->bytes || width > in->bytes - f->offset)
		return error_set(err, -EINVAL, "",
				 "bytes %u..%llu lie outside the structure, which has %u",
				 f->offset, (unsigned long long)f->offset + width, in->bytes);
	if (f->offset % field_alignment(f))
		return error_set(err, -EINVAL, "", "offset %u is not a multiple of %zu", f->offset,
				 field_alignment(f));
	return 0;
}

static int neighbours_check(const struct xvs_field *fields, uint32_t nr, struct xvs_error *err)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (strcmp(fields[i].name, fields[nr].name) == 0)
			return error_set(err, -EEXIST, "", "another field has the same name");
		if (fields_overlap(&fields[i], &fields[nr]))
			return error_set(err, -EINVAL, "", "overlaps field %s", fields[i].name);
	}
	return 0;
}

/* [min, max] of a number, and its default, which a required field does not use. */
static int range_check(const struct xvs_field *f, uint64_t top, struct xvs_error *err)
{
	if (f->min > f->max || f->max > top)
		return error_set(err, -EINVAL, "", "range %llu..%llu is not within 0..%llu",
				 (unsigned long long)f->min, (unsigned long long)f->max,
				 (unsigned long long)top);
	if (!(f->flags & XVS_FIELD_REQUIRED) && (f->dflt < f->min || f->dflt > f->max))
		return error_set(err, -EINVAL, "", "default %llu is not within %llu..%llu",
				 (unsigned long long)f->dflt, (unsigned long long)f->min,
				 (unsigned long long)f->max);
	return 0;
}

static int enum_copy(struct xvs_field *f, const struct described *in, struct xvs_error *err)
{
	const char *const *names = NULL;
	int code;

	if (f->names.count == 0)
		return error_set(err, -EINVAL, "", "type ENUM without names");
	code = layout_strings("names", &f->names, FEATURE_NAMES_MAX, in->arena, &names, err);
	if (code)
		return code;
	if (f->dflt >= f->names.count)
		return error_set(err, -EINVAL, "", "default %llu, but there are %u names",
				 (unsigned long long)f->dflt, f->names.count);
	f->names.items = names;
	f->names.stride = sizeof(names[0]);
	return 0;
}

/* Lists hold fields and fields hold lists, FEATURE_DEPTH_MAX deep. */
/* NOLINTBEGIN(misc-no-recursion): bounded, as list_copy() checks. */
static int fields_copy(const struct xvs_table *table, const struct described *in,
		       const struct xvs_field **out, struct xvs_error *err);

/* Elements stand one behind the other, so their size keeps each field aligned. */
static int element_check(const struct xvs_field *list, const struct xvs_field *fields,
			 struct xvs_error *err)
{
	for (uint32_t i = 0; i < list->fields.count; i++) {
		size_t alignment = field_alignment(&fields[i]);

		if (list->element_bytes % alignment)
			return error_set(
				err, -EINVAL, "",
				"element_bytes is %u, no multiple of %zu as field %s needs",
				list->element_bytes, alignment, fields[i].name);
	}
	return 0;
}

static int list_copy(struct xvs_field *f, const struct described *in, struct xvs_error *err)
{
	const struct described element = {
		.bytes = f->element_bytes,
		.depth = in->depth + 1,
		.arena = in->arena,
	};
	const struct xvs_field *fields = NULL;
	int code;

	if (element.depth > FEATURE_DEPTH_MAX)
		return error_set(err, -EINVAL, "", "lists are nested more than %u deep",
				 (unsigned)FEATURE_DEPTH_MAX);
	if (f->max < 1 || f->max > FEATURE_ENTRIES_MAX)
		return error_set(err, -EINVAL, "", "a list of at most %llu entries, must be 1..%u",
				 (unsigned long long)f->max, (unsigned)FEATURE_ENTRIES_MAX);
	if (f->element_bytes < 1 || f->element_bytes > FEATURE_BYTES_MAX)
		return error_set(err, -EINVAL, "", "element_bytes is %u, must be 1..%u",
				 f->element_bytes, (unsigned)FEATURE_BYTES_MAX);
	code = fields_copy(&f->fields, &element, &fields, err);
	if (code == 0)
		code = element_check(f, fields, err);
	if (code)
		return code;
	f->fields.items = fields;
	f->fields.stride = sizeof(fields[0]);
	return 0;
}

/* The members of xvs_field that only one type uses. */
static int strangers_check(const struct xvs_field *f, struct xvs_error *err)
{
	if (f->type != XVS_ENUM && f->names.count)
		return error_set(err, -EINVAL, "", "names belong to type ENUM only");
	if (f->type != XVS_LIST && (f->fields.count || f->element_bytes))
		return error_set(err, -EINVAL, "",
				 "fields and element_bytes belong to type LIST only");
	return 0;
}

static int type_copy(struct xvs_field *f, const struct described *in, struct xvs_error *err)
{
	switch (f->type) {
	case XVS_BOOL:
		return f->dflt <= 1 ? 0
				    : error_set(err, -EINVAL, "", "default of a BOOL is above 1");
	case XVS_U32:
		return range_check(f, UINT32_MAX, err);
	case XVS_U64:
		return range_check(f, UINT64_MAX, err);
	case XVS_ENUM:
		return enum_copy(f, in, err);
	case XVS_TEXT:
		if (f->max < 1 || f->max > FEATURE_BYTES_MAX)
			return error_set(err, -EINVAL, "", "a text of %llu bytes, must be 1..%u",
					 (unsigned long long)f->max, (unsigned)FEATURE_BYTES_MAX);
		return 0;
	case XVS_LIST:
		return list_copy(f, in, err);
	default: /* MAC and IP have no limits */
		return 0;
	}
}

static int field_check(struct xvs_field *f, const struct described *in, struct xvs_error *err)
{
	const unsigned known = XVS_FIELD_REQUIRED | XVS_FIELD_SECRET | XVS_FIELD_SESSION;
	int code;

	if (f->type < XVS_BOOL || f->type > XVS_LIST)
		return error_set(err, -EINVAL, "", "xvs_field.type: unknown value %u", f->type);
	if (f->flags & ~known)
		return error_set(err, -EINVAL, "", "xvs_field.flags: unknown bits 0x%x",
				 f->flags & ~known);
	code = text_check("xvs_field.help", f->help, TEXT_MAX, err);
	if (code == 0)
		code = strangers_check(f, err);
	if (code == 0)
		code = type_copy(f, in, err);
	return code ? code : place_check(f, in, err);
}

static int field_name_check(const char *name, uint32_t nr, struct xvs_error *err)
{
	if (!name)
		return error_set(err, -EINVAL, "", "field %u: xvs_field.name is NULL", nr);
	if (!word_is_valid(name))
		return error_set(
			err, -EINVAL, "",
			"field %u: the name must be a letter, then letters, digits, - or _", nr);
	return 0;
}

static int fields_copy(const struct xvs_table *table, const struct described *in,
		       const struct xvs_field **out, struct xvs_error *err)
{
	const struct layout_array array = { "fields", &field_layout, FEATURE_FIELDS_MAX };
	struct xvs_field *fields;
	void *copy;
	int code;

	if (table->count == 0)
		return error_set(err, -EINVAL, "", "a structure without fields");
	code = layout_array(&array, table, in->arena, &copy, err);
	fields = copy;
	for (uint32_t i = 0; code == 0 && i < table->count; i++) {
		code = field_name_check(fields[i].name, i, err);
		if (code)
			break;
		code = field_check(&fields[i], in, err);
		if (code == 0)
			code = neighbours_check(fields, i, err);
		if (code)
			(void)error_context(err, "field %s", fields[i].name);
	}
	if (code == 0)
		*out = fields;
	return code;
}
/* NOLINTEND(misc-no-recursion) */

static int feature_check(struct xvs_feature *f, struct arena *arena, struct xvs_error *err)
{
	const struct described whole = { .bytes = f->bytes, .arena = arena };
	const struct xvs_field *fields = NULL;
	int code = text_check("xvs_feature.summary", f->summary, TEXT_MAX, err);

	if (code)
		return code;
	if (f->scope < XVS_PER_SWITCH || f->scope > XVS_PER_PORT)
		return error_set(err, -EINVAL, "", "xvs_feature.scope: unknown value %u", f->scope);
	if (f->kind < XVS_SETTING || f->kind > XVS_FORMER)
		return error_set(err, -EINVAL, "", "xvs_feature.kind: unknown value %u", f->kind);
	if (f->bytes < 1 || f->bytes > FEATURE_BYTES_MAX)
		return error_set(err, -EINVAL, "", "xvs_feature.bytes is %u, must be 1..%u",
				 f->bytes, (unsigned)FEATURE_BYTES_MAX);
	code = fields_copy(&f->fields, &whole, &fields, err);
	if (code)
		return code;
	f->fields.items = fields;
	f->fields.stride = sizeof(fields[0]);
	return 0;
}

static int feature_id_check(const struct xvs_feature *features, uint32_t nr, struct xvs_error *err)
{
	const char *id = features[nr].id;

	if (!id)
		return error_set(err, -EINVAL, "", "feature %u: xvs_feature.id is NULL", nr);
	if (!id_with_rev_is_valid(id))
		return error_set(
			err, -EINVAL, "",
			"feature %u: the id must be \"vendor.name/rev\" of at most %u bytes", nr,
			(unsigned)ID_MAX);
	for (uint32_t i = 0; i < nr; i++) {
		if (strcmp(features[i].id, id) == 0)
			return error_set(err, -EEXIST, "", "feature %s is there twice", id);
	}
	return 0;
}

bool feature_succeeds(const struct xvs_feature *f, const struct xvs_feature *former)
{
	size_t len = strcspn(former->id, "/");

	return former->kind == XVS_FORMER && f->kind == XVS_SETTING && f->scope == former->scope &&
	       strncmp(f->id, former->id, len + 1) == 0 &&
	       strtoull(f->id + len + 1, NULL, 10) > strtoull(former->id + len + 1, NULL, 10);
}

/* A former revision leads to one setting, or nobody knew to which it is converted. */
static int formers_check(const struct xvs_feature *features, uint32_t count, struct xvs_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t found = 0;

		for (uint32_t n = 0; n < count; n++)
			found += feature_succeeds(&features[n], &features[i]);
		if (features[i].kind == XVS_FORMER && found != 1)
			return error_set(
				err, -EINVAL, "",
				"feature %s: is FORMER, and %u settings of its name and scope "
				"have a higher revision, must be 1",
				features[i].id, found);
	}
	return 0;
}

int features_copy(const struct xvs_table *table, struct arena *arena,
		  const struct xvs_feature **out, struct xvs_error *err)
{
	const struct layout_array array = { "features", &feature_layout, FEATURES_MAX };
	struct xvs_feature *features;
	void *copy;
	int code = layout_array(&array, table, arena, &copy, err);

	features = copy;
	for (uint32_t i = 0; code == 0 && i < table->count; i++) {
		code = feature_id_check(features, i, err);
		if (code)
			break;
		code = feature_check(&features[i], arena, err);
		if (code)
			(void)error_context(err, "feature %s", features[i].id);
	}
	if (code == 0)
		code = formers_check(features, table->count, err);
	if (code == 0)
		*out = features;
	return code;
}
