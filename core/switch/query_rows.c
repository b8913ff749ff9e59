/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_rows.c - long lists of extensions, asked for by name and cut to measure: xvs/ext/rows.h. */
#define XVS_USE_DRAFT /* xvs.rows/1 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/query.h"
#include "xvs/ext/rows.h"

enum { FILTERS_MAX = 16, FILTER_TEXT_MAX = 255 };

/* "flows" is the list of "org.xvs.openflow.flows/1". */
static bool is_called(const char *id, const char *name)
{
	const char *slash = strchr(id, '/');
	size_t len = slash ? (size_t)(slash - id) : strlen(id);
	size_t at = len;

	while (at > 0 && id[at - 1] != '.')
		at--;
	return strcmp(id, name) == 0 ||
	       (strlen(name) == len - at && strncmp(id + at, name, len - at) == 0);
}

bool query_is_rows(const struct member *m, const struct xvs_feature *f)
{
	const struct xvs_field *only = f->fields.items;

	return f->kind == XVS_STATUS && f->fields.count == 1 && only->type == XVS_LIST &&
	       instance_has_rows(m->instance, f->id);
}

static const struct xvs_feature *find(const struct member *m, const char *name)
{
	for (uint32_t i = 0; m->instance && i < m->ext->feature_count; i++) {
		const struct xvs_feature *f = &m->ext->features[i];

		if (query_is_rows(m, f) && is_called(f->id, name))
			return f;
	}
	return NULL;
}

static json_t *lists_of(const struct member *m)
{
	json_t *list = json_array();

	for (uint32_t i = 0; m->instance && i < m->ext->feature_count; i++) {
		const struct xvs_feature *f = &m->ext->features[i];

		if (query_is_rows(m, f))
			(void)json_array_append_new(list, json_pack("{s:s, s:s}", "feature", f->id,
								    "summary", f->summary));
	}
	return json_pack("{s:o}", "lists", list);
}

/* ---- the question ------------------------------------------------------------------------------------ */

static bool is_fair(const char *text)
{
	size_t len = 0;

	for (; text && text[len]; len++)
		if (text[len] < ' ' || text[len] > '~')
			return false;
	return text && len <= FILTER_TEXT_MAX;
}

static int read_filters(const json_t *where, struct xvs_row_filter *out, uint32_t *count,
			struct xvs_error *err)
{
	const char *field;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)where, field, value)
	{
		const char *text = json_string_value(value);

		if (!is_fair(field) || !is_fair(text))
			return error_set(err, -EINVAL, "",
					 "what a row must be is said by texts of at most %d "
					 "printable characters",
					 FILTER_TEXT_MAX);
		if (*count == FILTERS_MAX)
			return error_set(err, -EINVAL, "",
					 "rows are told apart by %d fields at most", FILTERS_MAX);
		out[(*count)++] = (struct xvs_row_filter){ field, text };
	}
	return 0;
}

static json_t *columns_of(const struct xvs_feature *f)
{
	const struct xvs_field *list = f->fields.items;
	const struct xvs_field *fields = list->fields.items;
	json_t *out = json_array();

	for (uint32_t i = 0; i < list->fields.count; i++)
		(void)json_array_append_new(out, json_string(fields[i].name));
	return out;
}

static json_t *answer(const struct xvs_feature *f, const void *bytes, uint64_t more,
		      struct xvs_error *err)
{
	const struct xvs_field *list = f->fields.items;
	json_t *whole = value_json(f, bytes, false);
	json_t *rows = json_object_get(whole, list->name);
	json_t *out = json_pack("{s:s, s:o, s:O, s:I}", "feature", f->id, "columns", columns_of(f),
				"rows", rows, "more", (json_int_t)more);

	json_decref(whole);
	if (!out)
		(void)error_set(err, -ENOMEM, "", "%s: its rows cannot be written: out of memory",
				f->id);
	return out;
}

static json_t *ask(const struct member *m, const struct xvs_feature *f, const json_t *where,
		   uint32_t limit, struct xvs_error *err)
{
	struct xvs_row_filter filters[FILTERS_MAX];
	struct xvs_row_question q = { .size = sizeof(q), .limit = limit };
	uint32_t count = 0;
	uint64_t more = 0;
	json_t *out = NULL;
	void *bytes;

	if (where && read_filters(where, filters, &count, err) != 0)
		return NULL;
	q.filters = (struct xvs_table){ filters, count, sizeof(filters[0]) };
	bytes = calloc(1, f->bytes);
	if (!bytes) {
		(void)error_set(err, -ENOMEM, "", "out of memory");
		return NULL;
	}
	if (instance_rows_read(m->instance, f->id, &q, bytes, &more, err) >= 0)
		out = answer(f, bytes, more, err);
	free(bytes);
	return out;
}

json_t *world_ext_rows(struct world *w, const char *instance, const char *list, const json_t *where,
		       uint32_t limit, struct xvs_error *err)
{
	const struct member *m = world_member(w, instance);
	const struct xvs_feature *f;

	if (!m || !m->instance) {
		(void)error_set(err, -ENOENT, "",
				"%.128s: there is no instance of that name that runs", instance);
		return NULL;
	}
	if (!list)
		return lists_of(m);
	f = find(m, list);
	if (!f) {
		(void)error_set(err, -ENOENT, "", "%.128s: it has no list %.128s", instance, list);
		return NULL;
	}
	return ask(m, f, where, limit, err);
}
