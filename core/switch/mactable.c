/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/mactable.c - authoritative entries of the address table, by the ports' adapters, and
 * ageing of the learned ones (learning itself is the packet path's).
 */
#include <stdio.h>

#include "base/clock.h"
#include "policy/builtin.h"
#include "switch/transaction.h"
#include "switch/world.h"

enum { AGEING_PERIOD_S = 10 };

void vswitch_invalidate(const struct vswitch *sw)
{
	for (size_t i = 0; i < sw->port_count; i++)
		if (sw->ports[i]->path_port)
			path_port_invalidate(sw->ports[i]->path_port);
}

/* What the entry should be; false: none. */
static bool wanted_entry(const struct port *p, uint32_t *segment, uint8_t mac[6])
{
	*segment = settings_filing(&p->settings);
	return p->path_port && !p->is_held && port_has_mac(p, mac);
}

bool port_mac_differs(const struct port *p)
{
	uint32_t segment;
	uint8_t mac[6];

	if (!wanted_entry(p, &segment, mac))
		return p->has_static;
	return !p->has_static || segment != p->static_segment ||
	       memcmp(mac, p->static_mac, sizeof(mac)) != 0;
}

/* Flows with this destination are judged again. */
static void forgotten(void *arg, uint32_t segment, const uint8_t mac[6])
{
	struct vswitch *sw = arg;

	path_switch_address_changed(sw->path_switch, segment, mac);
}

void port_clear_mac(struct port *p)
{
	if (!p->has_static)
		return;
	l2_remove_static(&p->sw->path_switch->l2, p->static_segment, p->static_mac);
	p->has_static = false;
	path_owner_changed(p->sw->path_switch, p->static_segment, p->static_mac);
}

void port_forget_addresses(struct port *p)
{
	port_clear_mac(p);
	if (p->path_port)
		l2_forget_port(&p->sw->path_switch->l2, p->path_port, forgotten, p->sw);
}

void port_set_mac(struct port *p)
{
	char text[MAC_TEXT];
	int result;

	p->mac_problem[0] = '\0';
	if (!wanted_entry(p, &p->static_segment, p->static_mac))
		return;
	result = l2_add_static(&p->sw->path_switch->l2, p->static_segment, p->static_mac,
			       p->path_port);
	p->has_static = result == 0;
	if (result == 0)
		path_owner_changed(p->sw->path_switch, p->static_segment, p->static_mac);
	if (result < 0)
		(void)snprintf(p->mac_problem, sizeof(p->mac_problem), "address %s %s",
			       mac_print(p->static_mac, text),
			       result == -EEXIST ? "belongs to another port of this segment"
						 : "found no memory in the address table");
}

/* l2_age() asks by path port alone; set around the call, on the one control thread. */
static const struct world *ageing_world;

/* Without the policy nothing is learned any more, and what was goes at once. */
static uint64_t max_age(struct path_port *path_port)
{
	const struct port *p = ageing_world->by_id[path_port->id];
	const struct policy_learning *learning =
		p ? settings_bytes(&p->settings, builtin_learning.id) : NULL;

	return learning && learning->enabled ? learning->age_s * NS_PER_S : 0;
}

static void age(void *arg)
{
	struct world *w = arg;

	ageing_world = w;
	for (size_t i = 0; i < w->switch_count; i++)
		l2_age(&w->switches[i]->path_switch->l2, clock_ns(), max_age, forgotten,
		       w->switches[i]);
	ageing_world = NULL;
	loop_timer_arm(w->ageing, AGEING_PERIOD_S * NS_PER_S);
}

/* Once; an operator who opens the port again begins anew. */
static void limit_reached(void *arg, uint32_t id)
{
	struct world *w = arg;
	struct port *p = w->by_id[id];

	if (!p || p->is_over_limit)
		return;
	p->is_over_limit = true;
	log_message(
		MSG_PORT_CLOSED,
		"port %s: closed, for it has sent from more addresses than xvs.learning/1 lets it",
		p->full_name);
	world_links_changed(w);
}

int ageing_start(struct world *w)
{
	w->ageing = loop_timer_create(w->loop, age, w);
	if (!w->ageing)
		return -ENOMEM;
	loop_timer_arm(w->ageing, AGEING_PERIOD_S * NS_PER_S);
	path_on_limit(w->path, limit_reached, w);
	return 0;
}
