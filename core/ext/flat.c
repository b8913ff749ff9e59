/* SPDX-License-Identifier: Apache-2.0 */
/* ext/flat.c - by the field tables, which feature.c has checked: each field lies in its structure. */
#include "ext/flat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16 };

struct flat {
	uint8_t *bytes;
	size_t len;
	bool failed;
};

static size_t append(struct flat *f, const void *from, size_t len)
{
	size_t at = (f->len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	uint8_t *bytes = realloc(f->bytes, at + len + 1);

	if (!bytes) {
		f->failed = true;
		return 0;
	}
	f->bytes = bytes;
	memset(bytes + f->len, 0, at - f->len);
	if (len)
		memcpy(bytes + at, from, len);
	f->len = at + len;
	return at;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as FEATURE_DEPTH_MAX. */

/* The lists of the structure at 'at'. */
static void pack_lists(struct flat *f, size_t at, const struct xvs_table *fields)
{
	const struct xvs_field *field = fields->items;

	for (uint32_t i = 0; i < fields->count && !f->failed; i++, field++) {
		struct xvs_table list;
		size_t first;

		if (field->type != XVS_LIST)
			continue;
		memcpy(&list, f->bytes + at + field->offset, sizeof(list));
		first = append(f, list.items, (size_t)list.count * field->element_bytes);
		if (f->failed)
			return;
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): no pointer while it is on its way */
		list.items = (const void *)first;
		list.stride = field->element_bytes;
		memcpy(f->bytes + at + field->offset, &list, sizeof(list));
		for (uint32_t n = 0; n < list.count; n++)
			pack_lists(f, first + (size_t)n * field->element_bytes, &field->fields);
	}
}

void *flat_pack(const struct xvs_feature *f, const void *value, size_t *len)
{
	struct flat flat = { NULL, 0, false };

	(void)append(&flat, value, f->bytes);
	if (!flat.failed)
		pack_lists(&flat, 0, &f->fields);
	*len = flat.len;
	if (!flat.failed)
		return flat.bytes;
	free(flat.bytes);
	return NULL;
}

static int field_refuse(const struct xvs_field *field, struct xvs_error *err)
{
	return error_set(err, -EPROTO, field->name, "%s is not a value of its type", field->name);
}

static uint64_t number_at(const uint8_t *place, size_t width)
{
	uint64_t n = 0;

	memcpy(&n, place, width);
	return n;
}

static bool scalar_fits(const struct xvs_field *field, const uint8_t *place)
{
	switch (field->type) {
	case XVS_BOOL:
		return number_at(place, 1) <= 1;
	case XVS_ENUM:
		return number_at(place, sizeof(uint32_t)) < field->names.count;
	case XVS_TEXT:
		return memchr(place, 0, field->max) != NULL;
	case XVS_IP:
		return place[offsetof(struct xvs_ip, prefix_len)] <= 128;
	default:
		return true;
	}
}

/* Lists lie one behind the other in the order in which they are met, so none is met twice. */
struct unpacking {
	uint8_t *bytes;
	size_t len;
	size_t end; /* of what was met so far */
};

static int unpack(struct unpacking *u, size_t at, const struct xvs_table *fields,
		  struct xvs_error *err);

static int unpack_list(struct unpacking *u, uint8_t *place, const struct xvs_field *field,
		       struct xvs_error *err)
{
	struct xvs_table list;
	size_t first;
	int code = 0;

	memcpy(&list, place, sizeof(list));
	first = (uintptr_t)list.items;
	if (list.count > field->max || first < u->end || first > u->len || first % ALIGN ||
	    (uint64_t)list.count * field->element_bytes > u->len - first)
		return field_refuse(field, err);
	u->end = first + (size_t)list.count * field->element_bytes;
	list.items = list.count ? u->bytes + first : NULL;
	list.stride = field->element_bytes;
	memcpy(place, &list, sizeof(list));
	for (uint32_t n = 0; code == 0 && n < list.count; n++)
		code = unpack(u, first + (size_t)n * field->element_bytes, &field->fields, err);
	return code;
}

static int unpack(struct unpacking *u, size_t at, const struct xvs_table *fields,
		  struct xvs_error *err)
{
	const struct xvs_field *field = fields->items;
	int code = 0;

	for (uint32_t i = 0; code == 0 && i < fields->count; i++, field++) {
		uint8_t *place = u->bytes + at + field->offset;

		if (field->type == XVS_LIST)
			code = unpack_list(u, place, field, err);
		else if (!scalar_fits(field, place))
			code = field_refuse(field, err);
	}
	return code;
}
/* NOLINTEND(misc-no-recursion) */

int flat_unpack(const struct xvs_feature *f, void *bytes, size_t len, struct xvs_error *err)
{
	struct unpacking u = { bytes, len, f->bytes };

	if (len < f->bytes)
		return error_set(err, -EPROTO, "", "%s: %zu bytes, the structure has %u", f->id,
				 len, f->bytes);
	return unpack(&u, 0, &f->fields, err);
}
