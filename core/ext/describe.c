/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/describe.c - tables to JSON and back.
 *
 * Reading makes arrays of exactly the strides of today and strings of the document; whether they make
 * sense is not asked here.  Whatever text comes, what is read lies in the arena.
 */
#include "ext/describe.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ext/feature.h"
#include "ext/normalise.h"

/* ---- telling ----------------------------------------------------------------------------------- */

static json_t *tell_names(const struct xvs_table *names)
{
	const char *const *items = names->items;
	json_t *list = json_array();

	for (uint32_t i = 0; i < names->count; i++)
		(void)json_array_append_new(list, json_string(items[i]));
	return list;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as FEATURE_DEPTH_MAX. */
static json_t *tell_fields(const struct xvs_table *fields)
{
	const struct xvs_field *f = fields->items;
	json_t *list = json_array();

	for (uint32_t i = 0; i < fields->count; i++, f++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
					"name", f->name, "help", f->help, "offset",
					(json_int_t)f->offset, "type", (json_int_t)f->type, "flags",
					(json_int_t)f->flags, "min", (json_int_t)f->min, "max",
					(json_int_t)f->max, "dflt", (json_int_t)f->dflt,
					"element_bytes", (json_int_t)f->element_bytes, "names",
					tell_names(&f->names), "fields", tell_fields(&f->fields)));
	return list;
}

static json_t *tell_features(const struct extension *ext)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < ext->feature_count; i++) {
		const struct xvs_feature *f = &ext->features[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "id", f->id, "summary",
					f->summary, "bytes", (json_int_t)f->bytes, "scope",
					(json_int_t)f->scope, "kind", (json_int_t)f->kind, "fields",
					tell_fields(&f->fields)));
	}
	return list;
}

static json_t *tell_labels(const struct xvs_label *labels, uint32_t count)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:s}", "name", labels[i].name,
							    "help", labels[i].help));
	return list;
}

static json_t *tell_ids(const char *const *ids, uint32_t count)
{
	const struct xvs_table table = { ids, count, sizeof(*ids) };

	return tell_names(&table);
}

static uint32_t ops_bits(const struct xvs_ops *o)
{
	return (o->active ? DESCRIBED_ACTIVE : 0u) | (o->port_attach ? DESCRIBED_PORT_ATTACH : 0u) |
	       (o->port_event ? DESCRIBED_PORT_EVENT : 0u) |
	       (o->port_detach ? DESCRIBED_PORT_DETACH : 0u) |
	       (o->policy_check || o->policy_apply ? DESCRIBED_POLICY : 0u) |
	       (o->status_read ? DESCRIBED_STATUS : 0u) |
	       (o->inspect || o->ingress || o->forward || o->egress ? DESCRIBED_PACKETS : 0u);
}

char *describe_module(const struct module *m)
{
	uint32_t count;
	const struct extension *exts = module_extensions(m, &count);
	json_t *list = json_array();
	char *text;

	for (uint32_t i = 0; i < count; i++) {
		const struct extension *e = &exts[i];

		(void)json_array_append_new(
			list,
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:o, "
				  "s:o, s:o}",
				  "cls", (json_int_t)e->cls, "flags", (json_int_t)e->flags,
				  "rights", (json_int_t)e->rights, "linear", (json_int_t)e->linear,
				  "ops", (json_int_t)ops_bits(&e->ops), "id", e->id, "version",
				  e->version, "vendor", e->vendor, "summary", e->summary,
				  "features", tell_features(e), "reasons",
				  tell_labels(e->reasons, e->reason_count), "counters",
				  tell_labels(e->counters, e->counter_count), "before",
				  tell_ids(e->before, e->before_count), "after",
				  tell_ids(e->after, e->after_count)));
	}
	text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return text;
}

/* ---- being told --------------------------------------------------------------------------------- */

struct reading {
	struct arena *arena;
	const struct xvs_ops *ops;
	bool failed;
};

static void *read_new(struct reading *r, size_t count, size_t size)
{
	void *memory = arena_calloc(r->arena, count ? count : 1, size);

	r->failed |= !memory;
	return memory;
}

static const char *read_text(struct reading *r, const json_t *in, const char *key)
{
	const char *text = json_string_value(key ? json_object_get(in, key) : in);
	char *copy = NULL;

	if (text)
		copy = read_new(r, strlen(text) + 1, 1);
	if (copy)
		memcpy(copy, text, strlen(text) + 1);
	else
		r->failed = true;
	return copy;
}

static uint64_t read_number(struct reading *r, const json_t *in, const char *key, uint64_t most)
{
	const json_t *value = json_object_get(in, key);
	uint64_t n = (uint64_t)json_integer_value(value);

	r->failed |= !json_is_integer(value) || n > most;
	return n;
}

static struct xvs_table read_list(struct reading *r, const json_t *in, const char *key, size_t most,
				  size_t stride, const json_t **list)
{
	struct xvs_table table = { NULL, 0, (uint32_t)stride };
	size_t count;

	*list = json_object_get(in, key);
	count = json_array_size(*list);
	r->failed |= !json_is_array(*list) || count > most;
	if (r->failed || count == 0)
		return table;
	table.items = read_new(r, count, stride);
	table.count = table.items ? (uint32_t)count : 0;
	return table;
}

static struct xvs_table read_names(struct reading *r, const json_t *in, const char *key,
				   size_t most)
{
	const json_t *list;
	struct xvs_table t = read_list(r, in, key, most, sizeof(char *), &list);
	const char **names = (const char **)(uintptr_t)t.items;

	for (uint32_t i = 0; i < t.count; i++)
		names[i] = read_text(r, json_array_get(list, i), NULL);
	return t;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by 'depth'. */
static struct xvs_table read_fields(struct reading *r, const json_t *in, uint32_t depth)
{
	const json_t *list;
	struct xvs_table t =
		read_list(r, in, "fields", FEATURE_FIELDS_MAX, sizeof(struct xvs_field), &list);
	struct xvs_field *f = (struct xvs_field *)(uintptr_t)t.items;

	if (depth > FEATURE_DEPTH_MAX + 1) {
		r->failed = true;
		return t;
	}
	for (uint32_t i = 0; i < t.count && !r->failed; i++, f++) {
		const json_t *one = json_array_get(list, i);

		f->name = read_text(r, one, "name");
		f->help = read_text(r, one, "help");
		f->offset = (uint32_t)read_number(r, one, "offset", UINT32_MAX);
		f->type = (uint16_t)read_number(r, one, "type", UINT16_MAX);
		f->flags = (uint16_t)read_number(r, one, "flags", UINT16_MAX);
		f->min = read_number(r, one, "min", UINT64_MAX);
		f->max = read_number(r, one, "max", UINT64_MAX);
		f->dflt = read_number(r, one, "dflt", UINT64_MAX);
		f->element_bytes = (uint32_t)read_number(r, one, "element_bytes", UINT32_MAX);
		f->names = read_names(r, one, "names", FEATURE_NAMES_MAX);
		f->fields = read_fields(r, one, depth + 1);
	}
	return t;
}

static struct xvs_table read_features(struct reading *r, const json_t *in)
{
	const json_t *list;
	struct xvs_table t =
		read_list(r, in, "features", FEATURES_MAX, sizeof(struct xvs_feature), &list);
	struct xvs_feature *f = (struct xvs_feature *)(uintptr_t)t.items;

	for (uint32_t i = 0; i < t.count && !r->failed; i++, f++) {
		const json_t *one = json_array_get(list, i);

		f->size = sizeof(*f);
		f->id = read_text(r, one, "id");
		f->summary = read_text(r, one, "summary");
		f->bytes = (uint32_t)read_number(r, one, "bytes", UINT32_MAX);
		f->scope = (uint16_t)read_number(r, one, "scope", UINT16_MAX);
		f->kind = (uint16_t)read_number(r, one, "kind", XVS_EVENT);
		f->fields = read_fields(r, one, 0);
	}
	return t;
}

static struct xvs_table read_labels(struct reading *r, const json_t *in, const char *key)
{
	const json_t *list;
	struct xvs_table t =
		read_list(r, in, key, EXTENSION_LABELS_MAX, sizeof(struct xvs_label), &list);
	struct xvs_label *label = (struct xvs_label *)(uintptr_t)t.items;

	for (uint32_t i = 0; i < t.count && !r->failed; i++, label++) {
		label->name = read_text(r, json_array_get(list, i), "name");
		label->help = read_text(r, json_array_get(list, i), "help");
	}
	return t;
}

static const struct xvs_ops *read_ops(struct reading *r, const json_t *in)
{
	uint64_t bits = read_number(r, in, "ops", UINT32_MAX);
	struct xvs_ops *ops = read_new(r, 1, sizeof(*ops));

	if (!ops)
		return NULL;
	*ops = *r->ops;
	if (!(bits & DESCRIBED_ACTIVE))
		ops->active = NULL;
	if (!(bits & DESCRIBED_POLICY)) {
		ops->policy_check = NULL;
		ops->policy_apply = NULL;
		ops->policy_abort = NULL;
	}
	if (!(bits & DESCRIBED_STATUS))
		ops->status_read = NULL;
	return ops;
}

static void read_extension(struct reading *r, const json_t *in, struct xvs_extension *e)
{
	e->size = sizeof(*e);
	e->cls = (uint16_t)read_number(r, in, "cls", UINT16_MAX);
	e->flags = (uint16_t)read_number(r, in, "flags", UINT16_MAX);
	e->rights = (uint32_t)read_number(r, in, "rights", UINT32_MAX);
	e->linear = (uint32_t)read_number(r, in, "linear", UINT32_MAX);
	e->id = read_text(r, in, "id");
	e->version = read_text(r, in, "version");
	e->vendor = read_text(r, in, "vendor");
	e->summary = read_text(r, in, "summary");
	e->features = read_features(r, in);
	e->reasons = read_labels(r, in, "reasons");
	e->counters = read_labels(r, in, "counters");
	e->before = read_names(r, in, "before", EXTENSION_IDS_MAX);
	e->after = read_names(r, in, "after", EXTENSION_IDS_MAX);
	e->ops = read_ops(r, in);
}

const struct xvs_module *described_module(const char *text, size_t len, struct arena *arena,
					  const struct xvs_ops *ops, struct xvs_error *err)
{
	struct reading r = { arena, ops, false };
	json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	size_t count = json_array_size(list);
	struct xvs_module *m = read_new(&r, 1, sizeof(*m));
	struct xvs_extension *e = NULL;

	r.failed |= !list || count == 0 || count > MODULE_EXTENSIONS_MAX;
	if (!r.failed)
		e = read_new(&r, count, sizeof(*e));
	for (size_t i = 0; !r.failed && i < count; i++)
		read_extension(&r, json_array_get(list, i), &e[i]);
	json_decref(list);
	if (r.failed || !m || !e) {
		(void)error_set(err, -EPROTO, "",
				"its process tells something else than what it "
				"declares");
		return NULL;
	}
	m->size = sizeof(*m);
	m->extensions = (struct xvs_table){ e, (uint32_t)count, sizeof(*e) };
	return m;
}
