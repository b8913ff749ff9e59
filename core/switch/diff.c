/* SPDX-License-Identifier: Apache-2.0 */
/* switch/diff.c - what applying a file would change, one line a change; changes nothing. */
#include <stdarg.h>
#include <stdio.h>

#include "switch/dhcp.h"
#include "switch/nat.h"
#include "switch/query.h"
#include "switch/transaction.h"

enum { ENTRIES_SHOWN = 64 }; /* of a list: a line is for people, and a change must be fast */

/* What has been found out so far. */
struct difference {
	json_t *lines;
	bool touches_host;
};

static void line(struct difference *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line(struct difference *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)json_array_append_new(d->lines, json_vsprintf(format, args));
	va_end(args);
}

/* Of the longest list in it. */
static uint32_t entries_of(const struct value *value)
{
	const char *field = value->feature->fields.items;
	uint32_t longest = 0;

	for (uint32_t i = 0; i < value->feature->fields.count; i++) {
		const struct xvs_field *f = (const struct xvs_field *)(const void *)field;
		const struct xvs_table *list =
			(const struct xvs_table *)(const void *)((const char *)value->bytes +
								 f->offset);

		if (f->type == XVS_LIST && list->count > longest)
			longest = list->count;
		field += value->feature->fields.stride;
	}
	return longest;
}

/* The value as one line; given. */
static char *value_text(const struct value *value)
{
	json_t *j;
	char *text;

	if (!value)
		return NULL;
	if (entries_of(value) > ENTRIES_SHOWN)
		j = json_sprintf("(%u entries)", entries_of(value));
	else
		j = value_json(value->feature, value->bytes, false);
	text = json_is_string(j) ? strdup(json_string_value(j))
				 : json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(j);
	return text;
}

static void diff_value(struct difference *d, const char *target, const char *feature,
		       const struct value *now, const struct value *next)
{
	char *before = value_text(now);
	char *after = value_text(next);

	if (now && next && now->feature != next->feature && before && after &&
	    strcmp(before, after) == 0)
		; /* the same by another version's table */
	else if (now && next)
		line(d, "~ policy %s %s: %s -> %s", target, feature, before ? before : "?",
		     after ? after : "?");
	else if (next)
		line(d, "+ policy %s %s: %s", target, feature, after ? after : "?");
	else
		line(d, "- policy %s %s: %s", target, feature, before ? before : "?");
	free(before);
	free(after);
}

static void diff_settings(struct difference *d, const char *target, const struct settings *now,
			  const struct settings *next)
{
	for (size_t i = 0; i < now->count; i++)
		if (!settings_get(next, now->items[i].feature->id))
			diff_value(d, target, now->items[i].feature->id, now->items[i].value, NULL);
	for (size_t i = 0; i < next->count; i++) {
		const struct setting *s = &next->items[i];
		const struct value *old = settings_get(now, s->feature->id);

		if (!old || !value_equal(old, s->value))
			diff_value(d, target, s->feature->id, old, s->value);
	}
}

/* "a, b"; given. */
static char *requires_text(const struct port_spec *spec)
{
	struct strbuf text = { 0 };

	for (size_t i = 0; i < spec->require_count; i++)
		strbuf_add(&text, "%s%s", i ? ", " : "", spec->requires[i]);
	return text.text;
}

/* What changes without the port going down. */
static void diff_spec(struct difference *d, const char *target, const struct port_spec *now,
		      const struct plan_port *pp)
{
	const struct port_spec *next = pp->spec;
	char *before = requires_text(now);
	char *after = requires_text(next);
	char old_mac[MAC_TEXT] = "none";
	char mac[MAC_TEXT] = "none";

	if (now->has_mac)
		(void)mac_print(now->mac, old_mac);
	if (pp->has_mac)
		(void)mac_print(pp->mac, mac);
	if (strcmp(old_mac, mac) != 0)
		line(d, "~ port %s: mac %s -> %s", target, old_mac, mac);
	if (strcmp(now->group, next->group) != 0)
		line(d, "~ port %s: group %s -> %s", target, now->group[0] ? now->group : "none",
		     next->group[0] ? next->group : "none");
	if (strcmp(before ? before : "", after ? after : "") != 0)
		line(d, "~ port %s: requires %s -> %s", target, before ? before : "nothing",
		     after ? after : "nothing");
	free(before);
	free(after);
}

static void diff_port(struct difference *d, const struct plan_switch *ps,
		      const struct plan_port *pp)
{
	static const struct settings none;
	const struct port *named = ps->sw ? vswitch_port(ps->sw, pp->spec->name) : NULL;
	size_t lines = json_array_size(d->lines);
	char target[TARGET_MAX];

	target_print(target, ps->spec->name, pp->spec->name);
	if (!pp->port && named)
		line(d, "~ port %s: goes down and comes up anew", target);
	else if (!pp->port)
		line(d, "+ port %s", target);
	else
		diff_spec(d, target, &pp->port->spec, pp);
	if (pp->port && pp->is_blocked != pp->port->is_blocked)
		line(d, "~ port %s: %s", target, pp->is_blocked ? "blocked" : "unblocked");
	diff_settings(d, target, named ? &named->settings : &none, &pp->settings);
	if (json_array_size(d->lines) > lines &&
	    (pp->spec->role != PORT_GUEST || (named && named->spec.role != PORT_GUEST)))
		d->touches_host = true;
}

/* Nobody asks for it, so it neither comes nor goes. */
static bool is_builtin(const struct extension *ext)
{
	return ext && module_is_builtin(ext->module);
}

static void diff_member(struct difference *d, const struct plan_switch *ps,
			const struct plan_member *pm)
{
	static const struct settings none;
	bool was_disabled = pm->member && pm->member->state == MEMBER_DISABLED;
	const struct member *now;
	char target[TARGET_MAX];

	target_print(target, ps->spec->name, pm->spec->instance);
	if (pm->former)
		line(d, "~ instance %s: %s %s -> %s", target, pm->spec->extension,
		     pm->former->ext->version, pm->ext->version);
	else if (!pm->member && !is_builtin(pm->ext))
		line(d, "+ instance %s (%s)", target, pm->spec->extension);
	else if (pm->member && pm->is_disabled != was_disabled)
		line(d, "~ instance %s: %s", target, pm->is_disabled ? "disabled" : "enabled");
	if (pm->member && pm->is_required != pm->member->is_required)
		line(d, "~ instance %s: %s", target, pm->is_required ? "required" : "not required");
	now = pm->former ? pm->former : pm->member;
	diff_settings(d, target, now ? &now->settings : &none, &pm->settings);
}

static void gone_ports(struct difference *d, const struct plan_switch *ps, const struct vswitch *sw)
{
	for (size_t i = 0; i < sw->port_count; i++) {
		const char *name = sw->ports[i]->spec.name;
		bool is_named = false;

		for (size_t n = 0; ps && n < ps->port_count && !is_named; n++)
			is_named = strcmp(ps->ports[n].spec->name, name) == 0;
		if (is_named)
			continue;
		line(d, "- port %s", sw->ports[i]->full_name);
		d->touches_host |= sw->ports[i]->spec.role != PORT_GUEST;
	}
}

static void diff_gone(struct difference *d, const struct plan *plan, const struct vswitch *sw)
{
	const struct plan_switch *ps = plan_find(plan, sw);

	gone_ports(d, ps, sw);
	for (size_t i = 0; i < sw->member_count; i++)
		if ((!ps || (!plan_switch_member(ps, sw->members[i]) &&
			     !plan_succeeds(ps, sw->members[i]))) &&
		    !is_builtin(sw->members[i]->ext))
			line(d, "- instance %s/%s (%s)", sw->name, sw->members[i]->name,
			     sw->members[i]->extension);
	if (!ps)
		line(d, "- switch %s", sw->name);
}

static void diff_order(struct difference *d, const struct world *w, const struct plan_switch *ps)
{
	char *text = ps->sw ? diff_team(model_switch(w->model, ps->spec->name), ps->spec) : NULL;

	if (text)
		line(d, "%s", text);
	d->touches_host |= text != NULL;
	free(text);
}

static void diff_nat(struct difference *d, const struct world *w, const struct plan_switch *ps)
{
	const struct switch_spec *now = ps->sw ? model_switch(w->model, ps->spec->name) : NULL;
	char *changes = NULL;

	if (now && now->type == SWITCH_NAT && ps->spec->type == SWITCH_NAT)
		changes = nat_differences(&now->nat, &ps->spec->nat);
	if (changes)
		line(d, "~ switch %s: nat: %s", ps->spec->name, changes);
	free(changes);
}

static void diff_dhcp(struct difference *d, const struct world *w, const struct plan_switch *ps)
{
	const struct switch_spec *now = ps->sw ? model_switch(w->model, ps->spec->name) : NULL;
	char *changes = now ? dhcp_differences(&now->dhcp, &ps->spec->dhcp) : NULL;

	if (changes)
		line(d, "~ switch %s: dhcp: %s", ps->spec->name, changes);
	free(changes);
}

static void diff_switch(struct difference *d, const struct world *w, const struct plan_switch *ps)
{
	static const struct settings none;

	if (!ps->sw)
		line(d, "+ switch %s (%s)", ps->spec->name, switch_type_name(ps->spec->type));
	else if (ps->sw->type != ps->spec->type)
		line(d, "~ switch %s: %s -> %s", ps->spec->name, switch_type_name(ps->sw->type),
		     switch_type_name(ps->spec->type));
	diff_settings(d, ps->spec->name, ps->sw ? &ps->sw->settings : &none, &ps->settings);
	diff_order(d, w, ps);
	for (size_t i = 0; i < ps->member_count; i++)
		diff_member(d, ps, &ps->members[i]);
	for (size_t i = 0; i < ps->port_count; i++)
		diff_port(d, ps, &ps->ports[i]);
}

json_t *diff_plan(const struct world *w, const struct plan *p, bool *touches_host)
{
	struct difference d = { .lines = json_array() };

	if (!d.lines)
		return NULL;
	for (size_t i = 0; i < w->switch_count; i++)
		diff_gone(&d, p, w->switches[i]);
	for (size_t i = 0; i < p->switch_count; i++)
		diff_switch(&d, w, &p->switches[i]);
	for (size_t i = 0; i < p->switch_count; i++) {
		diff_nat(&d, w, &p->switches[i]);
		diff_dhcp(&d, w, &p->switches[i]);
	}
	*touches_host = d.touches_host;
	return d.lines;
}

static void show_overlays(json_t *list, const struct world *w)
{
	json_t *overlays = query_overlays(w);
	json_t *one;
	size_t i;

	json_array_foreach(overlays, i, one)
	{
		const char *feature = json_string_value(json_object_get(one, "feature"));

		(void)json_array_append_new(
			list, json_sprintf("! overlay %s: %s%s%s",
					   json_string_value(json_object_get(one, "target")),
					   json_string_value(json_object_get(one, "kind")),
					   feature ? " " : "", feature ? feature : ""));
	}
	json_decref(overlays);
}

json_t *world_diff(struct world *w, const struct config_spec *spec)
{
	struct diags *d = calloc(1, sizeof(*d));
	bool touches_host;
	struct model *model;
	struct plan *plan;
	json_t *list;

	if (!d || plan_for_spec(w, spec, d, &model, &plan) < 0) {
		free(d);
		return NULL;
	}
	list = diff_plan(w, plan, &touches_host);
	show_overlays(list, w);
	plan_destroy(plan);
	model_destroy(model);
	free(d);
	return list;
}
