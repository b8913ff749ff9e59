/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_switch.c - what is asked about switches and their chains. */
#include "switch/query.h"

bool query_member_is_shown(const struct member *m)
{
	bool is_used = false;

	if (!m->module || !module_is_builtin(m->module) || m->state != MEMBER_RUNNING)
		return true;
	for (size_t i = 0; i < m->sw->port_count && !is_used; i++)
		is_used = port_standing(m->sw->ports[i], m) != NULL;
	return is_used;
}

json_t *query_member(const struct member *m)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:b}", "instance", m->name, "switch",
			      m->sw->name, "extension", m->extension, "state", member_state_name(m),
			      "required", (int)m->is_required);

	if (m->ext) {
		(void)json_object_set_new(j, "version", json_string(m->ext->version));
		(void)json_object_set_new(j, "class", json_string(class_name(m->ext->cls)));
	}
	if (m->module && module_is_builtin(m->module))
		(void)json_object_set_new(j, "builtin", json_true());
	if (m->why[0])
		(void)json_object_set_new(j, "why", json_string(m->why));
	if (m->problem[0])
		(void)json_object_set_new(j, "problem", json_string(m->problem));
	return j;
}

static json_t *chain(const struct vswitch *sw)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sw->member_count; i++)
		if (query_member_is_shown(sw->members[i]))
			(void)json_array_append_new(list, query_member(sw->members[i]));
	return list;
}

static size_t shown_members(const struct vswitch *sw)
{
	size_t count = 0;

	for (size_t i = 0; i < sw->member_count; i++)
		count += query_member_is_shown(sw->members[i]);
	return count;
}

static size_t open_ports(const struct vswitch *sw)
{
	size_t count = 0;

	for (size_t i = 0; i < sw->port_count; i++)
		count += sw->ports[i]->is_open;
	return count;
}

static json_t *summary(const struct vswitch *sw)
{
	char uuid[UUID_TEXT];
	uint64_t moved;
	uint64_t held;

	l2_moves(&sw->path_switch->l2, &moved, &held);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "name", sw->name, "type",
			 switch_type_name(sw->type), "uuid", uuid_print(sw->uuid, uuid), "ports",
			 (json_int_t)sw->port_count, "open", (json_int_t)open_ports(sw),
			 "instances", (json_int_t)shown_members(sw), "mac_moves", (json_int_t)moved,
			 "mac_moves_held", (json_int_t)held);
}

json_t *world_switch_list(struct world *w)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->switch_count; i++)
		(void)json_array_append_new(list, summary(w->switches[i]));
	return list;
}

static json_t *ports(const struct vswitch *sw)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sw->port_count; i++)
		(void)json_array_append_new(list, query_port(sw->ports[i]));
	return list;
}

static json_t *groups(const struct switch_spec *spec)
{
	json_t *list = json_array();

	for (size_t i = 0; spec && i < spec->group_count; i++) {
		const struct group_spec *group = &spec->groups[i];
		json_t *override = json_array();

		for (size_t n = 0; n < group->override_count; n++)
			(void)json_array_append_new(override, json_string(group->override[n]));
		(void)json_array_append_new(list, json_pack("{s:s, s:o}", "name", group->name,
							    "override", override));
	}
	return list;
}

json_t *world_switch_show(struct world *w, const char *name)
{
	const struct vswitch *sw = world_switch(w, name);
	json_t *j;

	if (!sw)
		return NULL;
	j = summary(sw);
	(void)json_object_set_new(j, "chain", chain(sw));
	(void)json_object_set_new(j, "groups", groups(model_switch(w->model, name)));
	(void)json_object_set_new(j, "ports", ports(sw));
	return j;
}

static json_t *overlay(const struct override_value *value)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "kind", value->removes ? "unset" : "policy",
			 "target", value->target, "feature", value->feature, "owner",
			 owner_name(value->owner));
}

json_t *query_overlays(const struct world *w)
{
	static const char *const kinds[] = { "",        "blocked", "disabled",
					     "removed", "held",    "moved away" };
	const struct model *m = w->model;
	json_t *list = json_array();

	for (size_t i = 0; i < m->value_count; i++)
		if (m->values[i].is_overlay)
			(void)json_array_append_new(list, overlay(&m->values[i]));
	for (size_t i = 0; i < m->mark_count; i++)
		if (m->marks[i].kind != MARK_HELD)
			(void)json_array_append_new(list, json_pack("{s:s, s:s}", "kind",
								    kinds[m->marks[i].kind],
								    "target", m->marks[i].target));
	return list;
}

uint32_t world_confirm_host(const struct world *w)
{
	return w->model->file->spec->daemon.confirm_host;
}

const struct migration_spec *world_migration(const struct world *w)
{
	return &w->model->file->spec->migration;
}

const struct network_spec *world_network(const struct world *w)
{
	return &w->model->file->spec->extensions.network;
}

json_t *world_status(struct world *w)
{
	json_t *switches = json_array();
	json_int_t port_count = 0;
	json_int_t open = 0;
	json_int_t down = 0;

	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];
		json_t *one = summary(sw);

		(void)json_object_set_new(one, "chain", chain(sw));
		(void)json_object_set_new(one, "ports", ports(sw));
		(void)json_array_append_new(switches, one);
		port_count += (json_int_t)sw->port_count;
		open += (json_int_t)open_ports(sw);
		for (size_t n = 0; n < sw->member_count; n++)
			down += sw->members[n]->state != MEMBER_RUNNING;
	}
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:s}", "switches", switches, "ports",
			 port_count, "ports_open", open, "instances_down", down, "workers",
			 (json_int_t)path_workers(w->path), "overlays", query_overlays(w), "health",
			 open == port_count && down == 0 ? "ok" : "degraded");
}
