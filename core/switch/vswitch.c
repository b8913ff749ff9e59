/* SPDX-License-Identifier: Apache-2.0 */
/* switch/vswitch.c - one switch: its lists of ports and members, and the path's part of it. */
#include "dhcp/server.h"
#include "path/nat.h"
#include "switch/takeover.h"
#include "switch/world.h"

const char *switch_type_name(enum switch_type type)
{
	static const char *const names[] = { "external", "internal", "private", "nat" };

	return names[type];
}

struct vswitch *vswitch_create(struct world *w, const char *name)
{
	struct vswitch *sw = calloc(1, sizeof(*sw));
	struct port_conf *nowhere = calloc(1, sizeof(*nowhere));

	if (sw && nowhere)
		sw->path_switch = path_switch_create(w->path);
	if (!sw || !sw->path_switch) {
		free(nowhere);
		free(sw);
		return NULL;
	}
	/* Closed until the chain is known. */
	vswitch_compile_nowhere(sw, nowhere);
	nowhere->is_open = false;
	path_switch_nowhere(sw->path_switch, nowhere);
	sw->w = w;
	(void)str_copy(sw->name, sizeof(sw->name), name);
	return sw;
}

void vswitch_destroy(struct vswitch *sw)
{
	if (!sw)
		return;
	settings_finish(&sw->settings);
	path_nat_destroy(sw->nat);
	dhcp_server_destroy(sw->dhcp);
	takeover_destroy(sw->taken);
	path_switch_destroy(sw->path_switch);
	free(sw->members);
	free(sw->ports);
	free(sw);
}

struct port *vswitch_port(const struct vswitch *sw, const char *name)
{
	for (size_t i = 0; i < sw->port_count; i++)
		if (strcmp(sw->ports[i]->spec.name, name) == 0)
			return sw->ports[i];
	return NULL;
}

struct member *vswitch_member(const struct vswitch *sw, const char *name)
{
	for (size_t i = 0; i < sw->member_count; i++)
		if (strcmp(sw->members[i]->name, name) == 0)
			return sw->members[i];
	return NULL;
}

/* Pointers in a list, each once. */
static int list_add(void ***items, size_t *count, void *item)
{
	void **place = ARRAY_ADD(items, count);

	if (!place)
		return -ENOMEM;
	*place = item;
	return 0;
}

static void list_drop(void **items, size_t *count, const void *item)
{
	for (size_t i = 0; i < *count; i++) {
		if (items[i] != item)
			continue;
		array_remove((void *)items, count, i, sizeof(items[0]));
		return;
	}
}

int world_add_switch(struct world *w, struct vswitch *sw)
{
	return list_add((void ***)&w->switches, &w->switch_count, sw);
}

void world_drop_switch(struct world *w, struct vswitch *sw)
{
	list_drop((void **)w->switches, &w->switch_count, sw);
}

int vswitch_add_port(struct vswitch *sw, struct port *p)
{
	return list_add((void ***)&sw->ports, &sw->port_count, p);
}

void vswitch_drop_port(struct vswitch *sw, struct port *p)
{
	list_drop((void **)sw->ports, &sw->port_count, p);
}

int vswitch_add_member(struct vswitch *sw, struct member *m)
{
	return list_add((void ***)&sw->members, &sw->member_count, m);
}

void vswitch_drop_member(struct vswitch *sw, struct member *m)
{
	list_drop((void **)sw->members, &sw->member_count, m);
}
