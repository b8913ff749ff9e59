/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/field.h - reading field tables, for the files of this folder.
 *
 * Tables come from modules, so their elements may be larger than this host knows them: only the
 * stride says where the next one is.  Everything here needs a feature that schema_check() passed.
 */
#ifndef XVS_POLICY_FIELD_H
#define XVS_POLICY_FIELD_H

#include <jansson.h>

#include "base/field.h"

enum {
	FIELDS_MAX = 128,    /* of one structure */
	FIELD_DEPTH_MAX = 4, /* lists within lists */
	STRUCTURE_BYTES_MAX = 1 << 16,
	LIST_ENTRIES_MAX = 1 << 24,
};

static inline const void *table_at(const struct xvs_table *t, size_t idx)
{
	return (const char *)t->items + idx * t->stride;
}

static inline const struct xvs_field *field_at(const struct xvs_table *fields, size_t idx)
{
	return table_at(fields, idx);
}

static inline const char *name_at(const struct xvs_table *names, size_t idx)
{
	return *(const char *const *)table_at(names, idx);
}

/* Where a field lies in its structure. */
static inline void *field_in(const struct xvs_field *f, void *structure)
{
	return (char *)structure + f->offset;
}

static inline const void *field_of(const struct xvs_field *f, const void *structure)
{
	return (const char *)structure + f->offset;
}

/* [any] The largest number allowed; a field with neither min nor max has all of its type. */
uint64_t field_max(const struct xvs_field *f);

/* [any] In this structure; no entries, no text and no address are the defaults of those types. */
bool field_has_default(const struct xvs_field *f, const void *structure);

/* [control] One field as JSON, with secrets; elements of lists without what 'leaves_out' says of them. */
typedef bool (*field_left_out)(const struct xvs_field *f, const void *structure);
json_t *field_json(const struct xvs_field *f, const void *structure, field_left_out leaves_out);

/* [any] How elements of a list may be written besides as a map. */
enum shorthand {
	SHORTHAND_NONE,
	SHORTHAND_SCALAR, /* one field alone: its value */
	SHORTHAND_RANGE,  /* exactly {first, last}, numbers: "10-20", or 10 for 10-10 */
};
enum shorthand list_shorthand(const struct xvs_field *list);

#endif /* XVS_POLICY_FIELD_H */
