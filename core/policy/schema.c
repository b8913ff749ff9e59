/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/schema.c - is a field table sound?  Whatever passes here can be decoded, printed and
 * documented without another question: every field lies inside its structure, alone and aligned,
 * its default is a value that an operator could write, and every loop over it ends.
 */
#define XVS_USE_DRAFT /* XVS_FIELD_SESSION */
#include "policy/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "policy/field.h"
#include "policy/scalar.h"
#include "xvs/ext/convert.h"
#include "xvs/ext/mirror.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as a field table, which is bounded. */

enum { FIELD_NAME_MAX = 40, FEATURE_ID_MAX = 63, ENUM_NAMES_MAX = 256 };

uint64_t field_max(const struct xvs_field *f)
{
	if (f->min != 0 || f->max != 0)
		return f->max;
	return f->type == XVS_U64 ? UINT64_MAX : UINT32_MAX;
}

static bool is_number(const struct xvs_field *f)
{
	return f->type == XVS_U32 || f->type == XVS_U64;
}

enum shorthand list_shorthand(const struct xvs_field *list)
{
	const struct xvs_field *first = field_at(&list->fields, 0);
	const struct xvs_field *last;

	if (list->fields.count == 1 && first->type != XVS_LIST)
		return SHORTHAND_SCALAR;
	if (list->fields.count != 2)
		return SHORTHAND_NONE;
	last = field_at(&list->fields, 1);
	if (is_number(first) && first->type == last->type && strcmp(first->name, "first") == 0 &&
	    strcmp(last->name, "last") == 0)
		return SHORTHAND_RANGE;
	return SHORTHAND_NONE;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The length of "org.xvs.guard" at the beginning of 'id'; 0: there is none. */
static size_t dotted_words(const char *id)
{
	const char *at = id;
	unsigned words = 0;

	for (;; at++) {
		const char *word = at;

		if (!is_alnum(*at))
			return 0;
		while (is_alnum(*at) || *at == '-' || *at == '_')
			at++;
		words += at > word;
		if (*at != '.')
			break;
	}
	return words >= 2 ? (size_t)(at - id) : 0;
}

bool extension_id_valid(const char *id)
{
	size_t len = dotted_words(id);

	return len > 0 && len <= FEATURE_ID_MAX && id[len] == '\0';
}

bool feature_id_valid(const char *id)
{
	size_t len = dotted_words(id);
	const char *rev = id + len + 1;
	size_t digits;

	if (len == 0 || id[len] != '/' || rev[0] < '1' || rev[0] > '9')
		return false;
	digits = strspn(rev, "0123456789");
	return digits <= 5 && rev[digits] == '\0' && strlen(id) <= FEATURE_ID_MAX;
}

static bool field_name_valid(const char *name)
{
	size_t len = strnlen(name, FIELD_NAME_MAX + 1);

	if (len == 0 || len > FIELD_NAME_MAX || name[0] < 'a' || name[0] > 'z')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

bool feature_or_field_valid(const char *text)
{
	const char *rev = strchr(text, '/');
	const char *dot = rev ? strchr(rev, '.') : NULL;
	char id[FEATURE_ID_MAX + 1];

	if (!dot)
		return feature_id_valid(text);
	if ((size_t)(dot - text) > FEATURE_ID_MAX)
		return false;
	memcpy(id, text, (size_t)(dot - text));
	id[dot - text] = '\0';
	return feature_id_valid(id) && field_name_valid(dot + 1);
}

/* What a newer module put behind the fields that this host knows; rule 2 of xvs/abi.h. */
static int check_tail(const void *item, size_t known, size_t size, const char *what,
		      struct xvs_error *err)
{
	const uint8_t *bytes = item;

	for (size_t i = known; i < size; i++) {
		if (bytes[i] != 0)
			return error_set(err, -E2BIG, "",
					 "byte %zu of %s is set, which this host does not know", i,
					 what);
	}
	return 0;
}

static int check_names(const struct xvs_field *f, struct xvs_error *err)
{
	const struct xvs_table *names = &f->names;

	if (!names->items || names->count == 0 || names->count > ENUM_NAMES_MAX)
		return error_set(err, -EINVAL, f->name, "has %u names, must have 1..%u",
				 names->count, ENUM_NAMES_MAX);
	if (names->stride < sizeof(const char *) || names->stride % _Alignof(const char *) != 0)
		return error_set(err, -EINVAL, f->name, "has names with a stride of %u bytes",
				 names->stride);
	for (uint32_t i = 0; i < names->count; i++) {
		const char *name = name_at(names, i);

		if (!name || name[0] == '\0')
			return error_set(err, -EINVAL, f->name, "has no name for value %u", i);
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(name, name_at(names, j)) == 0)
				return error_set(err, -EINVAL, f->name, "names %s twice", name);
		}
	}
	if (f->dflt >= names->count)
		return error_set(err, -EINVAL, f->name,
				 "has default %" PRIu64 ", which has no name", f->dflt);
	return 0;
}

static int check_number(const struct xvs_field *f, struct xvs_error *err)
{
	uint64_t max = field_max(f);

	if (f->min > max)
		return error_set(err, -EINVAL, f->name, "has min %" PRIu64 " over max %" PRIu64,
				 f->min, max);
	if (f->type == XVS_U32 && max > UINT32_MAX)
		return error_set(err, -EINVAL, f->name,
				 "has max %" PRIu64 ", which 32 bits do not hold", max);
	if (!(f->flags & XVS_FIELD_REQUIRED) && (f->dflt < f->min || f->dflt > max))
		return error_set(err, -EINVAL, f->name,
				 "has default %" PRIu64 ", must be %" PRIu64 "..%" PRIu64, f->dflt,
				 f->min, max);
	return 0;
}

/* An empty text or list is what a missing one decodes to, so it must be allowed there. */
static int check_least(const struct xvs_field *f, uint64_t most, struct xvs_error *err)
{
	if (f->min > most)
		return error_set(err, -EINVAL, f->name,
				 "has min %" PRIu64 " over what fits, %" PRIu64, f->min, most);
	if (f->min > 0 && !(f->flags & XVS_FIELD_REQUIRED))
		return error_set(err, -EINVAL, f->name,
				 "may be left out, and then is shorter than min %" PRIu64, f->min);
	return 0;
}

static int check_text(const struct xvs_field *f, struct xvs_error *err)
{
	if (f->max < 2 || f->max > STRUCTURE_BYTES_MAX)
		return error_set(err, -EINVAL, f->name, "has max %" PRIu64 ", must be 2..%u",
				 f->max, STRUCTURE_BYTES_MAX);
	return check_least(f, f->max - 1, err);
}

static int check_flag(const struct xvs_field *f, struct xvs_error *err)
{
	if (f->dflt > 1)
		return error_set(err, -EINVAL, f->name, "has default %" PRIu64 ", must be 0 or 1",
				 f->dflt);
	return 0;
}

static int check_list(const struct xvs_field *f, struct xvs_error *err)
{
	if (f->max == 0 || f->max > LIST_ENTRIES_MAX)
		return error_set(err, -EINVAL, f->name, "has max %" PRIu64 ", must be 1..%u",
				 f->max, LIST_ENTRIES_MAX);
	if (f->element_bytes == 0 || f->element_bytes > STRUCTURE_BYTES_MAX)
		return error_set(err, -EINVAL, f->name, "has elements of %u bytes, must be 1..%u",
				 f->element_bytes, STRUCTURE_BYTES_MAX);
	if (f->fields.count == 0)
		return error_set(err, -EINVAL, f->name, "has elements without fields");
	return check_least(f, f->max, err);
}

static int check_type(const struct xvs_field *f, struct xvs_error *err)
{
	switch (f->type) {
	case XVS_BOOL:
		return check_flag(f, err);
	case XVS_U32:
	case XVS_U64:
		return check_number(f, err);
	case XVS_ENUM:
		return check_names(f, err);
	case XVS_TEXT:
		return check_text(f, err);
	case XVS_LIST:
		return check_list(f, err);
	case XVS_MAC:
	case XVS_IP:
		return 0;
	default:
		return error_set(err, -EINVAL, f->name,
				 "has type %u, which this host does not know", f->type);
	}
}

static int check_place(const struct xvs_field *f, uint32_t bytes, struct xvs_error *err)
{
	size_t size = field_size(f);

	if (size > bytes || f->offset > bytes - size)
		return error_set(err, -EINVAL, f->name,
				 "ends at byte %zu of a structure of %u bytes", f->offset + size,
				 bytes);
	if (f->offset % field_alignment(f) != 0)
		return error_set(err, -EINVAL, f->name, "is not aligned at offset %u", f->offset);
	return 0;
}

static int check_field(const struct xvs_field *f, uint32_t stride, uint32_t bytes,
		       struct xvs_error *err)
{
	enum { KNOWN = XVS_FIELD_REQUIRED | XVS_FIELD_SECRET | XVS_FIELD_SESSION };
	int code;

	if (!f->name || !field_name_valid(f->name))
		return error_set(err, -EINVAL, "",
				 "a field's name must be at most %u of a-z, 0-9, _ and -, and "
				 "begin with a letter",
				 FIELD_NAME_MAX);
	code = check_tail(f, sizeof(*f), stride, "struct xvs_field", err);
	if (code)
		return code;
	if (!f->help)
		return error_set(err, -EINVAL, f->name, "has no help");
	if (f->flags & ~KNOWN)
		return error_set(err, -EINVAL, f->name,
				 "has flags 0x%x, which this host does not know",
				 f->flags & ~KNOWN);
	if (f->flags & XVS_FIELD_SESSION && f->type != XVS_TEXT)
		return error_set(err, -EINVAL, f->name,
				 "names a mirror session, so it must be a text");
	if (f->reserved != 0)
		return error_set(err, -EINVAL, f->name, "has reserved set, must be 0");
	code = check_type(f, err);
	return code ? code : check_place(f, bytes, err);
}

static int check_neighbours(const struct xvs_table *fields, uint32_t idx, struct xvs_error *err)
{
	const struct xvs_field *f = field_at(fields, idx);

	for (uint32_t i = 0; i < idx; i++) {
		const struct xvs_field *other = field_at(fields, i);

		if (strcmp(f->name, other->name) == 0)
			return error_set(err, -EINVAL, f->name, "is there twice");
		if (fields_overlap(f, other))
			return error_set(err, -EINVAL, f->name, "overlaps %s", other->name);
	}
	return 0;
}

static int check_table(const struct xvs_table *fields, struct xvs_error *err)
{
	if (fields->count > FIELDS_MAX)
		return error_set(err, -EINVAL, "", "%u fields, at most %u are allowed",
				 fields->count, FIELDS_MAX);
	if (fields->count == 0)
		return 0;
	if (!fields->items)
		return error_set(err, -EINVAL, "", "%u fields at no address", fields->count);
	if (fields->stride < sizeof(struct xvs_field) ||
	    fields->stride % _Alignof(struct xvs_field) != 0)
		return error_set(err, -EINVAL, "", "fields with a stride of %u bytes, must be %zu",
				 fields->stride, sizeof(struct xvs_field));
	return 0;
}

/* Tables may name one another in a circle; the depth ends that. */
static int check_fields(const struct xvs_table *fields, uint32_t bytes, unsigned depth,
			struct xvs_error *err)
{
	int code = check_table(fields, err);

	if (depth > FIELD_DEPTH_MAX)
		return error_set(err, -EINVAL, "", "lists nest deeper than %u", FIELD_DEPTH_MAX);
	for (uint32_t i = 0; code == 0 && i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);

		code = check_field(f, fields->stride, bytes, err);
		if (code == 0)
			code = check_neighbours(fields, i, err);
		if (code == 0 && f->type == XVS_LIST)
			code = check_fields(&f->fields, f->element_bytes, depth + 1, err);
	}
	return code;
}

static int check_feature(const struct xvs_feature *f, struct xvs_error *err)
{
	int code = check_tail(f, sizeof(*f), f->size, "struct xvs_feature", err);

	if (code)
		return code;
	if (!f->summary)
		return error_set(err, -EINVAL, "", "it has no summary");
	if (f->scope != XVS_PER_SWITCH && f->scope != XVS_PER_PORT)
		return error_set(err, -EINVAL, "", "scope is %u, must be 1 or 2", f->scope);
	if (f->kind < XVS_SETTING || f->kind > XVS_FORMER)
		return error_set(err, -EINVAL, "", "kind is %u, must be 1..4", f->kind);
	if (f->reserved != 0)
		return error_set(err, -EINVAL, "", "reserved is set, must be 0");
	if (f->bytes == 0 || f->bytes > STRUCTURE_BYTES_MAX)
		return error_set(err, -EINVAL, "", "its structure has %u bytes, must be 1..%u",
				 f->bytes, STRUCTURE_BYTES_MAX);
	return check_fields(&f->fields, f->bytes, 1, err);
}

/* "field burst has default 0, must be 1..9": the field is also in err->field. */
static void name_field(struct xvs_error *err)
{
	char text[sizeof(err->text)];

	if (err->field[0] == '\0')
		return;
	(void)str_copy(text, sizeof(text), err->text);
	(void)error_set(err, err->code, err->field, "field %s %s", err->field, text);
}

int schema_check(const struct xvs_feature *f, struct xvs_error *err)
{
	struct xvs_error local = ERROR_INIT;
	int code;

	if (!err)
		err = &local;
	if (f->size < sizeof(*f))
		return error_set(err, -EINVAL, "", "struct xvs_feature has %u bytes, must be %zu",
				 f->size, sizeof(*f));
	if (!f->id || !feature_id_valid(f->id))
		return error_set(err, -EINVAL, "",
				 "a feature's id must be as com.example.name/1, at most %u long",
				 FEATURE_ID_MAX);
	code = check_feature(f, err);
	if (code == 0)
		return 0;
	name_field(err);
	return error_context(err, "feature %s", f->id);
}

/* NOLINTEND(misc-no-recursion) */
