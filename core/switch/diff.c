/* SPDX-License-Identifier: Apache-2.0 */
/* switch/diff.c - what applying a file would change, one line a change; changes nothing. */
#include <stdarg.h>
#include <stdio.h>

#include "switch/query.h"
#include "switch/transaction.h"

static void line(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(json_t *list, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)json_array_append_new(list, json_vsprintf(format, args));
	va_end(args);
}

/* The value as one line; given. */
static char *value_text(const struct value *value)
{
	json_t *j = value ? value_json(value->feature, value->bytes, false) : NULL;
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(j);
	return text;
}

static void diff_value(json_t *list, const char *target, const char *feature,
		       const struct value *now, const struct value *next)
{
	char *before = value_text(now);
	char *after = value_text(next);

	if (now && next)
		line(list, "~ policy %s %s: %s -> %s", target, feature, before ? before : "?",
		     after ? after : "?");
	else if (next)
		line(list, "+ policy %s %s: %s", target, feature, after ? after : "?");
	else
		line(list, "- policy %s %s: %s", target, feature, before ? before : "?");
	free(before);
	free(after);
}

static void diff_settings(json_t *list, const char *target, const struct settings *now,
			  const struct settings *next)
{
	for (size_t i = 0; i < now->count; i++)
		if (!settings_get(next, now->items[i].feature->id))
			diff_value(list, target, now->items[i].feature->id, now->items[i].value,
				   NULL);
	for (size_t i = 0; i < next->count; i++) {
		const struct setting *s = &next->items[i];
		const struct value *old = settings_get(now, s->feature->id);

		if (!old || !value_equal(old, s->value))
			diff_value(list, target, s->feature->id, old, s->value);
	}
}

static void diff_port(json_t *list, const struct plan_switch *ps, const struct plan_port *pp)
{
	static const struct settings none;
	const struct port *named = ps->sw ? vswitch_port(ps->sw, pp->spec->name) : NULL;
	char target[TARGET_MAX];

	target_print(target, ps->spec->name, pp->spec->name);
	if (!pp->port) {
		if (named)
			line(list, "~ port %s: goes down and comes up anew", target);
		else
			line(list, "+ port %s", target);
	} else if (pp->is_blocked != pp->port->is_blocked) {
		line(list, "~ port %s: %s", target, pp->is_blocked ? "blocked" : "unblocked");
	}
	diff_settings(list, target, named ? &named->settings : &none, &pp->settings);
}

static void diff_member(json_t *list, const struct plan_switch *ps, const struct plan_member *pm)
{
	static const struct settings none;
	bool was_disabled = pm->member && pm->member->state == MEMBER_DISABLED;
	char target[TARGET_MAX];

	target_print(target, ps->spec->name, pm->spec->instance);
	if (!pm->member)
		line(list, "+ instance %s (%s)", target, pm->spec->extension);
	else if (pm->is_disabled != was_disabled)
		line(list, "~ instance %s: %s", target, pm->is_disabled ? "disabled" : "enabled");
	diff_settings(list, target, pm->member ? &pm->member->settings : &none, &pm->settings);
}

static void diff_gone(json_t *list, const struct plan *plan, const struct vswitch *sw)
{
	const struct plan_switch *ps = plan_find(plan, sw);

	for (size_t i = 0; i < sw->port_count; i++) {
		const char *name = sw->ports[i]->spec.name;
		bool is_named = false;

		for (size_t n = 0; ps && n < ps->port_count && !is_named; n++)
			is_named = strcmp(ps->ports[n].spec->name, name) == 0;
		if (!is_named)
			line(list, "- port %s", sw->ports[i]->full_name);
	}
	for (size_t i = 0; i < sw->member_count; i++)
		if (!ps || !plan_switch_member(ps, sw->members[i]))
			line(list, "- instance %s/%s (%s)", sw->name, sw->members[i]->name,
			     sw->members[i]->extension);
	if (!ps)
		line(list, "- switch %s", sw->name);
}

static void diff_switch(json_t *list, const struct plan_switch *ps)
{
	if (!ps->sw)
		line(list, "+ switch %s (%s)", ps->spec->name, switch_type_name(ps->spec->type));
	else if (ps->sw->type != ps->spec->type)
		line(list, "~ switch %s: %s -> %s", ps->spec->name, switch_type_name(ps->sw->type),
		     switch_type_name(ps->spec->type));
	for (size_t i = 0; i < ps->member_count; i++)
		diff_member(list, ps, &ps->members[i]);
	for (size_t i = 0; i < ps->port_count; i++)
		diff_port(list, ps, &ps->ports[i]);
}

static void show_overlays(json_t *list, const struct world *w)
{
	json_t *overlays = query_overlays(w);
	json_t *one;
	size_t i;

	json_array_foreach(overlays, i, one)
	{
		const char *feature = json_string_value(json_object_get(one, "feature"));

		line(list, "! overlay %s: %s%s%s",
		     json_string_value(json_object_get(one, "target")),
		     json_string_value(json_object_get(one, "kind")), feature ? " " : "",
		     feature ? feature : "");
	}
	json_decref(overlays);
}

json_t *world_diff(struct world *w, const struct config_spec *spec)
{
	struct diags *d = calloc(1, sizeof(*d));
	struct model *model;
	struct plan *plan;
	json_t *list;

	if (!d || plan_for_spec(w, spec, d, &model, &plan) < 0) {
		free(d);
		return NULL;
	}
	list = json_array();
	for (size_t i = 0; i < w->switch_count; i++)
		diff_gone(list, plan, w->switches[i]);
	for (size_t i = 0; i < plan->switch_count; i++)
		diff_switch(list, &plan->switches[i]);
	show_overlays(list, w);
	plan_destroy(plan);
	model_destroy(model);
	free(d);
	return list;
}
