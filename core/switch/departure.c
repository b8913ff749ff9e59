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
#include "policy/field.h"
#include "switch/bundle.h"
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

static bool is_zero(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

static bool has_default(const struct xvs_field *f, const void *structure)
{
	const void *at = field_of(f, structure);
	uint32_t narrow;
	uint64_t wide;

	switch (f->type) {
	case XVS_BOOL:
		return *(const bool *)at == (f->dflt != 0);
	case XVS_U32:
	case XVS_ENUM:
		memcpy(&narrow, at, sizeof(narrow));
		return narrow == f->dflt;
	case XVS_U64:
		memcpy(&wide, at, sizeof(wide));
		return wide == f->dflt;
	case XVS_LIST:
		return ((const struct xvs_table *)at)->count == 0;
	case XVS_TEXT:
		return *(const char *)at == '\0';
	default:
		return is_zero(at, field_size(f));
	}
}

/* Nothing is written for it: an empty text or address is no value that could be read. */
static bool is_unwritten(const struct xvs_field *f, const void *structure)
{
	return (f->type == XVS_TEXT || f->type == XVS_MAC || f->type == XVS_IP) &&
	       has_default(f, structure);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the schema, which was bounded when it was loaded. */

static void prune_list(const struct xvs_field *list, const struct xvs_table *table, struct node *n);

static void prune_element(const struct xvs_field *list, const void *element, struct node *n)
{
	for (size_t i = 0; n->kind == NODE_MAP && i < list->fields.count; i++) {
		const struct xvs_field *f = field_at(&list->fields, i);
		struct node *child = node_get(n, f->name);

		if (!(f->flags & XVS_FIELD_REQUIRED) && has_default(f, element))
			(void)node_remove(n, f->name);
		else if (f->type == XVS_LIST && child)
			prune_list(f, field_of(f, element), child);
	}
}

static void prune_list(const struct xvs_field *list, const struct xvs_table *table, struct node *n)
{
	for (size_t i = 0; i < n->count && i < table->count; i++)
		prune_element(list, table_at(table, i), n->items[i]);
}

/* NOLINTEND(misc-no-recursion) */

static json_t *value_out(const struct xvs_feature *f, const void *bytes)
{
	struct node *fields = value_node(f, bytes);
	json_t *defaults = json_array();
	json_t *out;

	for (size_t i = 0; fields && i < f->fields.count; i++) {
		const struct xvs_field *field = field_at(&f->fields, i);

		if (is_unwritten(field, bytes))
			(void)node_remove(fields, field->name);
		else if (has_default(field, bytes))
			(void)json_array_append_new(defaults, json_string(field->name));
		else if (field->type == XVS_LIST)
			prune_list(field, field_of(field, bytes), node_get(fields, field->name));
	}
	out = fields ? json_pack("{s:o, s:o}", "fields", node_to_json(fields), "defaults", defaults)
		     : NULL;
	if (!fields)
		json_decref(defaults);
	node_destroy(fields);
	return out;
}

json_t *departure_policies(struct world *w, const char *target)
{
	const struct port *p = world_port(w, target);
	json_t *all = json_object();

	for (size_t i = 0; p && all && i < p->settings.count; i++) {
		const struct setting *s = &p->settings.items[i];

		if (json_object_set_new(all, s->feature->id,
					value_out(s->feature, s->value->bytes))) {
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

/* 0, or -ENOMEM. */
static int value_in(struct reading *r, const char *id, const json_t *value, struct node *out)
{
	const char *nearest = NULL;
	const struct xvs_feature *f = world_feature(r->w, id, &nearest);
	struct diags d = { .count = 0 };
	struct node *n;

	if (!f) {
		r->finding(r->arg, id, "no extension on this host knows this policy");
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
