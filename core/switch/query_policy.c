/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/query_policy.c - which policies there are, what was written, and what counts and why.
 */
#define XVS_USE_DRAFT /* XVS_FORMER */
#include <stdio.h>

#include "policy/builtin.h"
#include "switch/feature.h"
#include "switch/former.h"
#include "switch/override.h"
#include "switch/query.h"
#include "xvs/ext/convert.h"

/* ---- documents without secrets -------------------------------------------------------------------- */

/* NOLINTBEGIN(misc-no-recursion): as deep as the schema, which was bounded when it was loaded. */
static void mask(const struct xvs_table *fields, json_t *value);

static void mask_field(const struct xvs_field *f, json_t *object)
{
	json_t *value = json_object_get(object, f->name);
	json_t *element;
	size_t i;

	if (!value)
		return;
	if (f->flags & XVS_FIELD_SECRET) {
		(void)json_object_set_new(object, f->name, json_string("***"));
		return;
	}
	if (f->type != XVS_LIST)
		return;
	json_array_foreach(value, i, element) mask(&f->fields, element);
}

static void mask(const struct xvs_table *fields, json_t *value)
{
	const char *at = fields->items;

	for (uint32_t i = 0; json_is_object(value) && i < fields->count; i++, at += fields->stride)
		mask_field((const struct xvs_field *)(const void *)at, value);
}

/* NOLINTEND(misc-no-recursion) */

json_t *query_document(const struct xvs_feature *f, const struct node *document)
{
	json_t *j = node_to_json(document);

	if (j && f)
		mask(&f->fields, j);
	return j;
}

/* ---- one feature at one target ---------------------------------------------------------------------- */

struct place {
	struct world *w;
	const struct vswitch *sw;
	const struct port *port; /* NULL: the switch itself */
	const struct switch_spec *spec;
	const struct group_spec *group;
	char target[TARGET_MAX];
};

static bool find_place(struct world *w, const char *target, struct place *at)
{
	*at = (struct place){ .w = w, .sw = world_switch(w, target) };
	if (!at->sw) {
		at->port = world_port(w, target);
		if (!at->port)
			return false;
		at->sw = at->port->sw;
	}
	at->spec = model_switch(w->model, at->sw->name);
	if (at->port && at->spec && at->port->spec.group[0])
		at->group = model_group(at->spec, at->port->spec.group);
	(void)str_copy(at->target, sizeof(at->target),
		       at->port ? at->port->full_name : at->sw->name);
	return true;
}

static const struct node *written(const struct node *policies, const char *feature)
{
	return policies ? node_get(policies, feature) : NULL;
}

static const struct node *chain_document(const struct place *at, const char *feature)
{
	for (size_t i = 0; at->spec && i < at->spec->chain_count; i++)
		if (written(at->spec->chain[i].policies, feature))
			return written(at->spec->chain[i].policies, feature);
	return NULL;
}

/* One who says something about a field, and where. */
struct source {
	char name[TARGET_MAX + 112];
	const struct node *document;
	struct node *made; /* of a document of a former revision; else NULL */
};

enum { SOURCES_MAX = 16 };

/* Of one feature at one place, from the lowest to the one that counts most. */
struct sources {
	const struct place *at;
	const struct xvs_feature *feature;
	const struct extension *ext; /* whose feature it is */
	struct source list[SOURCES_MAX];
	size_t count;
};

static struct source *source_add(struct sources *s, const struct node *document, const char *kind,
				 const char *name)
{
	struct source *source = &s->list[s->count];

	if (!document || s->count == SOURCES_MAX)
		return NULL;
	s->count++;
	source->document = document;
	(void)snprintf(source->name, sizeof(source->name), "%s %s", kind, name);
	return source;
}

/* A document of a former revision counts as what it is converted to. */
static void source_add_former(struct sources *s, const struct xvs_feature *former,
			      const struct node *document, const char *kind, const char *name)
{
	static struct diags ignored; /* told when it was planned */
	const struct former_asking asking = { s->ext, name, &ignored };
	struct source *source;
	struct node *made;

	ignored.count = 0;
	made = document ? former_convert(&asking, former, s->feature, document) : NULL;
	source = source_add(s, made, kind, name);
	if (!source) {
		node_destroy(made);
		return;
	}
	source->made = made;
	(void)snprintf(source->name, sizeof(source->name), "%s %s, as %.64s", kind, name,
		       former->id);
}

static bool is_taken_away(const struct place *at, const char *target, const char *feature)
{
	const struct override_value *value = model_value(at->w->model, target, feature);

	return value && value->removes;
}

/* What was written, unless 'target' (NULL: nobody) has it set aside. */
static void level_sources(struct sources *s, const struct node *policies, const char *target,
			  const char *kind, const char *name)
{
	const struct xvs_feature *former;

	for (size_t n = 0; (former = former_of(s->ext, s->feature, n)); n++)
		if (!target || !is_taken_away(s->at, target, former->id))
			source_add_former(s, former, written(policies, former->id), kind, name);
	if (!target || !is_taken_away(s->at, target, s->feature->id))
		(void)source_add(s, written(policies, s->feature->id), kind, name);
}

/* What was set over it. */
static void value_sources(struct sources *s, const char *target)
{
	const struct xvs_feature *former;
	const struct override_value *value;
	char kind[32];

	for (size_t n = 0; (former = former_of(s->ext, s->feature, n)); n++) {
		value = model_value(s->at->w->model, target, former->id);
		if (value)
			source_add_former(s, former, value->fields, owner_name(value->owner),
					  target);
	}
	value = model_value(s->at->w->model, target, s->feature->id);
	if (!value)
		return;
	(void)snprintf(kind, sizeof(kind), "%s%s%s", value->is_overlay ? "overlay of " : "",
		       owner_name(value->owner), value->is_overlay ? " on" : "");
	(void)source_add(s, value->fields, kind, target);
}

static void sources_find(struct sources *s, const struct place *at, const struct xvs_feature *f)
{
	*s = (struct sources){ .at = at, .feature = f };
	s->ext = switch_feature_owner(at->sw, f);
	if (at->spec)
		level_sources(s, at->spec->policies, at->sw->name, "switch", at->sw->name);
	/* An entry of the chain says nothing of single ports. */
	for (size_t i = 0; at->spec && !at->port && i < at->spec->chain_count; i++)
		level_sources(s, at->spec->chain[i].policies, at->sw->name, "chain of",
			      at->sw->name);
	value_sources(s, at->sw->name);
	if (!at->port)
		return;
	if (at->group)
		level_sources(s, at->group->policies, NULL, "group", at->group->name);
	level_sources(s, at->port->spec.policies, at->port->full_name, "port", at->port->full_name);
	value_sources(s, at->port->full_name);
}

static void sources_finish(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++)
		node_destroy(s->list[i].made);
	s->count = 0;
}

static json_t *origin(const struct sources *s, const char *field)
{
	char text[sizeof(s->list[0].name) + 64];

	for (size_t i = s->count; i-- > 0;) {
		const struct node *n = node_get(s->list[i].document, field);

		if (!n)
			continue;
		if (n->line == 0)
			return json_string(s->list[i].name);
		(void)snprintf(text, sizeof(text), "%s (line %u)", s->list[i].name, n->line);
		return json_string(text);
	}
	return json_string("default");
}

static json_t *origins(const struct place *at, const struct xvs_feature *f)
{
	static struct sources s; /* too large for a stack; one control thread */
	const char *field = f->fields.items;
	json_t *all = json_object();

	sources_find(&s, at, f);

	for (uint32_t i = 0; i < f->fields.count; i++, field += f->fields.stride) {
		const char *name = ((const struct xvs_field *)(const void *)field)->name;

		(void)json_object_set_new(all, name, origin(&s, name));
	}
	sources_finish(&s);
	return all;
}

static const struct value *effective_value(const struct place *at, const struct xvs_feature *f)
{
	if (at->port)
		return settings_get(&at->port->settings, f->id);
	if (settings_get(&at->sw->settings, f->id))
		return settings_get(&at->sw->settings, f->id);
	for (size_t i = 0; i < at->sw->member_count; i++)
		if (member_has_feature(at->sw->members[i], f->id))
			return settings_get(&at->sw->members[i]->settings, f->id);
	return NULL;
}

static const char *owner_of(const struct place *at, const char *feature)
{
	const struct override_value *value = model_value(at->w->model, at->target, feature);

	if (value)
		return owner_name(value->owner);
	return owner_name(at->port ? at->port->owner : OWNER_FILE);
}

/* What was written at this very target; NULL: nothing. */
static json_t *own_document(const struct place *at, const struct xvs_feature *f)
{
	const struct node *base = at->port ? written(at->port->spec.policies, f->id) : NULL;
	struct node *document;
	json_t *j;

	if (!at->port && at->spec)
		base = chain_document(at, f->id) ? chain_document(at, f->id)
						 : written(at->spec->policies, f->id);
	if (!model_document(at->w->model, at->target, f->id, base, &document) || !document)
		return NULL;
	j = json_pack("{s:o, s:s}", "value", query_document(f, document), "owner",
		      owner_of(at, f->id));
	node_destroy(document);
	return j;
}

/* What its group lets the port set itself, by field; NULL: it is in no group and may set all. */
static json_t *may_set(const struct place *at, const struct xvs_feature *f)
{
	const struct extension *ext = switch_feature_owner(at->sw, f);
	const char *field = f->fields.items;
	json_t *list = at->group ? json_array() : NULL;

	for (uint32_t i = 0; list && i < f->fields.count; i++, field += f->fields.stride) {
		const char *name = ((const struct xvs_field *)(const void *)field)->name;

		if (group_lets_field(at->group, f->id, name) || former_lets(ext, at->group, f->id))
			(void)json_array_append_new(list, json_string(name));
	}
	return list;
}

static json_t *effective_one(const struct place *at, const struct xvs_feature *f)
{
	const struct value *value = effective_value(at, f);

	if (!value)
		return NULL;
	return json_pack("{s:o, s:o, s:o*}", "value", value_json(f, value->bytes, false), "from",
			 origins(at, f), "may_set", may_set(at, f));
}

/* ---- all features that may stand at a target --------------------------------------------------------- */

typedef void (*feature_fn)(void *arg, const struct place *at, const struct xvs_feature *f);

static void each_feature(const struct place *at, feature_fn fn, void *arg)
{
	for (size_t i = 0; builtin_features[i]; i++)
		fn(arg, at, builtin_features[i]);
	for (size_t i = 0; i < at->sw->member_count; i++) {
		const struct extension *ext = at->sw->members[i]->ext;

		for (uint32_t n = 0; ext && n < ext->feature_count; n++)
			if (ext->features[n].kind == XVS_SETTING ||
			    ext->features[n].kind == XVS_FORMER)
				fn(arg, at, &ext->features[n]);
	}
}

static void list_one(void *arg, const struct place *at, const struct xvs_feature *f)
{
	static struct sources s;
	json_t *one;

	if (at->port && !(f->scope & XVS_PER_PORT))
		return;
	sources_find(&s, at, f);
	if (f->kind == XVS_FORMER && s.count == 0)
		return;
	one = json_pack("{s:s, s:s, s:s, s:b}", "feature", f->id, "summary", f->summary, "scope",
			f->scope & XVS_PER_PORT ? "port" : "switch", "set", (int)(s.count > 0));
	if (s.count > 0) {
		(void)json_object_set_new(one, "from", json_string(s.list[s.count - 1].name));
		(void)json_object_set_new(one, "owner", json_string(owner_of(at, f->id)));
	}
	sources_finish(&s);
	(void)json_array_append_new(arg, one);
}

json_t *world_policy_list(struct world *w, const char *target)
{
	struct place at;
	json_t *list;

	if (!find_place(w, target, &at))
		return NULL;
	list = json_array();
	each_feature(&at, list_one, list);
	return list;
}

struct showing {
	json_t *all;
	bool is_effective;
};

static void show_one(void *arg, const struct place *at, const struct xvs_feature *f)
{
	const struct showing *s = arg;
	json_t *one = s->is_effective ? effective_one(at, f) : own_document(at, f);

	if (one)
		(void)json_object_set_new(s->all, f->id, one);
}

json_t *world_policy_show(struct world *w, const char *target, const char *feature, bool effective)
{
	struct showing s = { .is_effective = effective };
	const struct xvs_feature *f;
	struct place at;

	if (!find_place(w, target, &at))
		return NULL;
	f = feature ? switch_feature(at.sw, feature) : NULL;
	if (feature && !f)
		return NULL;
	s.all = json_object();
	if (f)
		show_one(&s, &at, f);
	else
		each_feature(&at, show_one, &s);
	return s.all;
}
