/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/departure.c - policies by the names of their fields, as they travel to another host.
 *
 * Values are written whole, so that what the other host's switch says does not count; where one has its
 * default that is told, since a host that does not know the field may then do without.  Elements of
 * lists leave such fields out.
 */
#include "switch/departure.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "policy/convert.h"
#include "policy/field.h"
#include "switch/bundle.h"
#include "switch/feature.h"
#include "switch/former.h"
#include "switch/world.h"

/* ---- the port ---------------------------------------------------------------------------------------- */

int departure_spec(struct world *w, const char *target, struct port_spec *out, char name[132],
		   struct xvs_error *err)
{
	const struct port *p = world_port(w, target);

	if (!p)
		return error_set(err, -ENOENT, "",
				 "port %s does not exist, or its name alone is not unique", target);
	if (p->spec.role != PORT_GUEST)
		return error_set(err, -EPERM, "",
				 "port %s is not a guest's: it belongs to this host", p->full_name);
	if (port_spec_copy(&p->spec, out))
		return error_set(err, -ENOMEM, "", "port %s: out of memory", p->full_name);
	node_destroy(out->policies);
	out->policies = NULL;
	out->group[0] = '\0';
	out->has_uuid = true;
	memcpy(out->uuid, p->uuid, sizeof(out->uuid));
	out->has_mac = port_has_mac(p, out->mac);
	(void)snprintf(name, 132, "%s", p->full_name);
	return 0;
}

bool departure_find(struct world *w, const uint8_t uuid[16], char name[132])
{
	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];

		for (size_t n = 0; n < sw->port_count; n++) {
			if (memcmp(sw->ports[n]->uuid, uuid, 16) != 0)
				continue;
			(void)snprintf(name, 132, "%s", sw->ports[n]->full_name);
			return true;
		}
	}
	return false;
}

bool world_has_departed(const struct world *w, const uint8_t uuid[16])
{
	for (size_t i = 0; i < w->departed_count; i++)
		if (memcmp(w->departed[i], uuid, 16) == 0)
			return true;
	return false;
}

/*
 * A port that was made anew while its move went on is not the one that was frozen, and would be open
 * here and there.  One that is frozen is closed by that, and its relay needs its address.
 */
static void hold_anew(struct world *w, const uint8_t uuid[16])
{
	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];

		for (size_t n = 0; n < sw->port_count; n++) {
			struct port *p = sw->ports[n];

			if (memcmp(p->uuid, uuid, 16) == 0 && !p->is_frozen && !p->is_held)
				(void)bundle_hold(w, p->full_name);
		}
	}
}

void departure_note(struct world *w, const uint8_t uuid[16], bool has_departed)
{
	size_t i = 0;

	while (i < w->departed_count && memcmp(w->departed[i], uuid, 16) != 0)
		i++;
	if (has_departed && i == w->departed_count && i < DEPARTED_MAX)
		memcpy(w->departed[w->departed_count++], uuid, 16);
	else if (!has_departed && i < w->departed_count)
		memmove(w->departed[i], w->departed[--w->departed_count], 16);
	if (has_departed)
		hold_anew(w, uuid);
}

/* ---- out --------------------------------------------------------------------------------------------- */

/* As JSON at once: of 10,000 rules, a tree of nodes in between takes longer than all the rest. */
static json_t *value_out(const struct xvs_feature *f, const void *bytes)
{
	json_t *fields = value_document_json(f, bytes);
	json_t *defaults = json_array();

	for (size_t i = 0; fields && i < f->fields.count; i++) {
		const struct xvs_field *field = field_at(&f->fields, i);

		if (json_object_get(fields, field->name) && field_has_default(field, bytes))
			(void)json_array_append_new(defaults, json_string(field->name));
	}
	if (fields)
		return json_pack("{s:o, s:o}", "fields", fields, "defaults", defaults);
	json_decref(defaults);
	return NULL;
}

/* As a host has it that knows a former revision only; NULL: its extension cannot say it so. */
static json_t *former_out(const struct extension *ext, const struct xvs_feature *former,
			  const struct setting *s)
{
	static struct diags ignored; /* too large for a stack; one control thread */
	const struct revisions r = { s->feature, former, ext->convert };
	struct node *document = value_document(s->feature, s->value->bytes);
	struct node *made = document ? document_convert(&r, document, former->id, &ignored) : NULL;
	struct value *value = made ? value_decode(former, made, former->id, &ignored) : NULL;
	json_t *out = value ? value_out(former, value->bytes) : NULL;

	value_put(value);
	node_destroy(made);
	node_destroy(document);
	ignored.count = 0;
	return out;
}

/* {id: {fields, defaults}} of former revisions; NULL: there are none. */
static json_t *formers_out(const struct vswitch *sw, const struct setting *s)
{
	const struct extension *ext = switch_feature_owner(sw, s->feature);
	const struct xvs_feature *former;
	json_t *all = NULL;

	for (size_t n = 0; (former = former_of(ext, s->feature, n)); n++) {
		json_t *one = former_out(ext, former, s);

		if (!one)
			continue;
		all = all ? all : json_object();
		(void)json_object_set_new(all, former->id, one);
	}
	return all;
}

json_t *departure_policies(struct world *w, const char *target)
{
	const struct port *p = world_port(w, target);
	json_t *all = json_object();

	for (size_t i = 0; p && all && i < p->settings.count; i++) {
		const struct setting *s = &p->settings.items[i];
		json_t *one = value_out(s->feature, s->value->bytes);
		json_t *formers = one ? formers_out(p->sw, s) : NULL;

		if (formers)
			(void)json_object_set_new(one, "formers", formers);
		if (json_object_set_new(all, s->feature->id, one)) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

/* ---- in ---------------------------------------------------------------------------------------------- */

struct reading {
	struct world *w;
	void (*left)(void *arg, const char *what, const char *why);
	void (*finding)(void *arg, const char *what, const char *why);
	void *arg;
};

static bool knows(const struct xvs_feature *f, const char *name)
{
	for (size_t i = 0; i < f->fields.count; i++)
		if (strcmp(field_at(&f->fields, i)->name, name) == 0)
			return true;
	return false;
}

static bool is_listed(const json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);

		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

/* Another unknown field is refused when the document is decoded, with its name. */
static void drop_unknown(struct reading *r, const struct xvs_feature *f, const json_t *defaults,
			 struct node *n)
{
	for (size_t i = n->count; i-- > 0;) {
		char why[160];

		if (!n->items[i]->key || knows(f, n->items[i]->key) ||
		    !is_listed(defaults, n->items[i]->key))
			continue;
		(void)snprintf(why, sizeof(why),
			       "field %.64s is not known here and had its default",
			       n->items[i]->key);
		r->left(r->arg, f->id, why);
		(void)node_remove(n, n->items[i]->key);
	}
}

enum { NAMES_MAX = 1024 };

static const char *revision_of(const char *id)
{
	return id + strcspn(id, "/");
}

/* What another host calls a former revision must be one of this very policy. */
static bool is_revision_of(const char *id, const char *name)
{
	return strncmp(id, name, strcspn(id, "/") + 1) == 0;
}

/*
 * The feature that is known here: this one, or the newest of its former revisions as the other host
 * has converted it; *id and *value are then that.  NULL: none.
 */
static const struct xvs_feature *feature_known(struct reading *r, const char **id,
					       const json_t **value)
{
	const json_t *formers = json_object_get(*value, "formers");
	const struct xvs_feature *known = NULL;
	const struct xvs_feature *f = world_feature(r->w, *id, NULL);
	const char *asked = *id;
	const char *name;
	json_t *one;
	char why[160];

	if (f)
		return f;
	/* NOLINTNEXTLINE: the macro of jansson takes no const */
	json_object_foreach((json_t *)(uintptr_t)formers, name, one)
	{
		f = is_revision_of(asked, name) ? world_feature(r->w, name, NULL) : NULL;
		if (!f || (known && strtoul(revision_of(known->id) + 1, NULL, 10) >
					    strtoul(revision_of(f->id) + 1, NULL, 10)))
			continue;
		known = f;
		*id = known->id;
		*value = one;
	}
	if (known) {
		(void)snprintf(why, sizeof(why), "converted to %.64s, which is known here",
			       known->id);
		r->left(r->arg, asked, why);
	}
	return known;
}

/* 0, or -ENOMEM. */
static int value_in(struct reading *r, const char *id, const json_t *value, struct node *out)
{
	const struct xvs_feature *f = feature_known(r, &id, &value);
	struct diags d = { .count = 0 };
	struct node *n;

	if (!f) {
		r->finding(r->arg, id, "no extension on this host knows this policy");
		return 0;
	}
	if (node_get(out, id)) {
		r->finding(r->arg, id, "it comes twice, by two revisions");
		return 0;
	}
	n = node_from_json(json_object_get(value, "fields"), &d);
	if (!n || n->kind != NODE_MAP) {
		node_destroy(n);
		r->finding(r->arg, id, d.count ? d.items[0].text : "it is no map of fields");
		return 0;
	}
	if (n->count > NAMES_MAX ||
	    json_array_size(json_object_get(value, "defaults")) > NAMES_MAX) {
		node_destroy(n);
		r->finding(r->arg, id, "it has more fields than any policy");
		return 0;
	}
	drop_unknown(r, f, json_object_get(value, "defaults"), n);
	return node_append(out, id, n);
}

struct node *departure_read(struct world *w, const json_t *policies,
			    void (*left)(void *arg, const char *what, const char *why),
			    void (*finding)(void *arg, const char *what, const char *why),
			    void *arg)
{
	struct reading r = { w, left, finding, arg };
	struct node *out = node_create(NODE_MAP);
	const char *id;
	json_t *value;

	/* NOLINTNEXTLINE: the macro of jansson takes no const */
	json_object_foreach((json_t *)(uintptr_t)policies, id, value)
	{
		if (out && value_in(&r, id, value, out)) {
			node_destroy(out);
			out = NULL;
		}
	}
	return out;
}
