/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_team.c - what is asked about teams. */
#include "base/clock.h"
#include "switch/lldp.h"
#include "switch/query.h"
#include "switch/team.h"

static const char *place_name(enum team_place place)
{
	static const char *const names[] = { "unused", "active", "standby" };

	return names[place];
}

static bool is_holder(const struct team *t, uint32_t member)
{
	for (uint32_t s = 0; s < TEAM_MEMBERS; s++)
		if (t->holders[s] == member)
			return true;
	return false;
}

static const char *fault_name(enum link_fault fault)
{
	static const char *const names[] = { "", "too slow", "half duplex", "errors" };

	return names[fault];
}

/* What becomes of it now. */
static const char *state_of(const struct team *t, uint32_t member, uint64_t now_ns)
{
	const struct team_link *l = &t->links[member];

	if (!l->port->is_open)
		return "closed";
	if (port_is_blocked(l->port))
		return "blocked";
	if (!l->has_link)
		return "no link";
	if (l->is_lost)
		return "no answer";
	if (l->fault && !t->is_unfit)
		return fault_name(l->fault);
	if (is_holder(t, member))
		return "sends";
	return now_ns < l->usable_ns ? "waits" : "ready";
}

static json_t *partner_json(const struct team_link *l)
{
	char text[MAC_TEXT];

	if (l->partner_ns == 0)
		return NULL;
	return json_pack("{s:s, s:i, s:i}", "system", mac_print(l->partner.system, text), "key",
			 (int)l->partner.key, "port", (int)l->partner.port);
}

static json_t *link_json(const struct team *t, uint32_t member, uint64_t now_ns)
{
	const struct team_link *l = &t->links[member];
	const struct backend *b = l->port->backend;
	struct port_counters sum = { 0 };
	json_t *partner = partner_json(l);
	json_t *neighbour = lldp_json(l->port);
	json_t *lost = passage_json(t, member, false);
	json_t *large = passage_json(t, member, true);
	json_t *j;

	counters_port_sum(t->w->counters, l->port->id, &sum);
	j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:I}", "name",
		      l->port->spec.name, "place", place_name(team_place(t, l)), "state",
		      state_of(t, member, now_ns), "link", l->has_link ? "up" : "down",
		      "link_changes", (json_int_t)l->changes, "speed_mbps",
		      (json_int_t)(b ? b->speed_mbps : 0), "receives_groups",
		      (int)(t->path->table && t->path->table->receiver == member), "rx_packets",
		      (json_int_t)sum.rx_packets, "rx_bytes", (json_int_t)sum.rx_bytes,
		      "tx_packets", (json_int_t)sum.tx_packets, "tx_bytes",
		      (json_int_t)sum.tx_bytes);
	if (l->fault)
		(void)json_object_set_new(j, "fault", json_string(fault_name(l->fault)));
	if (l->changed_s != 0)
		(void)json_object_set_new(j, "link_changed", json_integer(l->changed_s));
	if (l->port->spec.backend.device[0])
		(void)json_object_set_new(j, "device", json_string(l->port->spec.backend.device));
	if (lost)
		(void)json_object_set_new(j, "vlans_lost", lost);
	if (large)
		(void)json_object_set_new(j, "mtu_lost", large);
	if (partner)
		(void)json_object_set_new(j, "lacp_partner", partner);
	if (neighbour)
		(void)json_object_set_new(j, "neighbour", neighbour);
	return j;
}

const char *team_uplink(const struct port *p)
{
	const struct team *t = p->spec.role == PORT_UPLINK ? NULL : p->sw->team;
	const struct team_table *table = t ? t->path->table : NULL;
	static const uint8_t any[6];
	uint32_t home;

	if (!table || p->id == 0 ||
	    (table->mode == TEAM_BY_MAC && table->pins[p->id] >= TEAM_MEMBERS))
		return NULL;
	home = team_home(table, p->id, any);
	return home < TEAM_MEMBERS && t->links[home].port ? t->links[home].port->spec.name : NULL;
}

static void add_traffic(struct port_counters *sum, const struct port_counters *of)
{
	sum->rx_packets += of->rx_packets;
	sum->rx_bytes += of->rx_bytes;
	sum->rx_multicast += of->rx_multicast;
	sum->rx_broadcast += of->rx_broadcast;
	sum->rx_errors += of->rx_errors;
	sum->tx_packets += of->tx_packets;
	sum->tx_bytes += of->tx_bytes;
	sum->tx_multicast += of->tx_multicast;
	sum->tx_broadcast += of->tx_broadcast;
	sum->tx_errors += of->tx_errors;
}

void team_add_traffic(const struct port *p, struct port_counters *sum)
{
	const struct team *t = p->sw->team;

	for (uint32_t m = 0; t && t->port == p && m < TEAM_MEMBERS; m++) {
		struct port_counters of = { 0 };

		if (!t->links[m].port)
			continue;
		counters_port_sum(t->w->counters, t->links[m].port->id, &of);
		add_traffic(sum, &of);
	}
}

static bool has_lost(const struct team *t)
{
	for (uint32_t i = 0; i < t->vlan_count; i++)
		if (t->vlans[i].lost[0] || t->vlans[i].lost[1])
			return true;
	return false;
}

/* Down: nothing leaves.  Degraded: something is not as it should be. */
static const char *health_of(const struct team *t)
{
	bool is_degraded = t->is_blind || has_lost(t);
	bool can_send = false;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		const struct team_link *l = &t->links[m];

		if (!l->port)
			continue;
		can_send |= is_holder(t, m);
		is_degraded |= l->partner_ns != 0 || l->fault ||
			       (!l->is_good && team_place(t, l) != PLACE_UNUSED);
	}
	return !can_send ? "down" : is_degraded ? "degraded" : "ok";
}

static json_t *team_json(const struct team *t)
{
	static const char *const modes[] = { "port", "mac", "address", "load" };
	uint64_t now_ns = clock_ns();
	json_t *uplinks = json_array();
	json_t *j;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port)
			(void)json_array_append_new(uplinks, link_json(t, m, now_ns));
	j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "name",
		      t->port ? t->port->spec.name : TEAM_NAME, "switch", t->sw->name, "mode",
		      modes[t->spec.mode], "health", health_of(t), "failovers",
		      (json_int_t)t->failovers, "uplinks", uplinks);
	if (t->spec.probe[0])
		(void)json_object_set_new(j, "probe",
					  json_pack("{s:s, s:b}", "address", t->spec.probe,
						    "answered", (int)!t->is_blind));
	return j;
}

/* "switch/team", the switch alone, or the name of the team's port. */
static bool is_meant(const struct team *t, const char *target)
{
	return !target || strcmp(t->sw->name, target) == 0 ||
	       (t->port && (strcmp(t->port->full_name, target) == 0 ||
			    strcmp(t->port->spec.name, target) == 0));
}

json_t *world_team_list(struct world *w, const char *target)
{
	json_t *list = json_array();

	for (size_t i = 0; i < w->switch_count; i++) {
		const struct team *t = w->switches[i]->team;

		if (t && is_meant(t, target))
			(void)json_array_append_new(list, team_json(t));
	}
	if (!target || json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}
