/* SPDX-License-Identifier: Apache-2.0 */
/* switch/team_order.c - names of a document become numbers of members. */
#include "policy/builtin.h"
#include "switch/link.h"
#include "switch/team.h"

static bool is_named(const char (*names)[64], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

enum team_place team_place(const struct team *t, const struct team_link *l)
{
	const char *name = l->port->spec.name;

	if (is_named(t->spec.standby, t->spec.standby_count, name))
		return PLACE_STANDBY;
	if (t->spec.active_count == 0)
		return PLACE_ACTIVE;
	return is_named(t->spec.active, t->spec.active_count, name) ? PLACE_ACTIVE : PLACE_UNUSED;
}

static uint8_t member_named(const struct team *t, const char *name)
{
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		if (t->links[m].port && strcmp(t->links[m].port->spec.name, name) == 0)
			return (uint8_t)m;
	return TEAM_NOBODY;
}

static uint32_t put_named(const struct team *t, const char (*names)[64], size_t count, uint8_t *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t member = member_named(t, names[i]);

		if (member != TEAM_NOBODY)
			out[n++] = member;
	}
	return n;
}

/* Where no order is given: as the switch has its ports. */
static uint32_t put_all_active(const struct team *t, uint8_t *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < t->sw->port_count; i++) {
		uint8_t member = member_named(t, t->sw->ports[i]->spec.name);

		if (member != TEAM_NOBODY && n < TEAM_MEMBERS &&
		    team_place(t, &t->links[member]) == PLACE_ACTIVE)
			out[n++] = member;
	}
	return n;
}

static void put_pins(const struct team *t, struct team_order *o)
{
	memset(o->wanted_pins, TEAM_NOBODY, sizeof(o->wanted_pins));
	for (size_t i = 0; i < t->sw->port_count; i++) {
		const struct port *p = t->sw->ports[i];
		const struct policy_team *pin = settings_bytes(&p->settings, builtin_team.id);

		if (pin && pin->uplink[0] && p->id != 0)
			o->wanted_pins[p->id] = member_named(t, pin->uplink);
	}
}

/* Better one that came back a moment ago than none. */
static void put_usable(const struct team *t, uint64_t now_ns, struct team_order *o)
{
	bool has_any = false;

	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		const struct team_link *l = &t->links[m];

		o->is_usable[m] = l->port && l->is_good && now_ns >= l->usable_ns;
		has_any |= o->is_usable[m];
	}
	for (uint32_t m = 0; m < TEAM_MEMBERS && !has_any; m++)
		o->is_usable[m] = t->links[m].port && t->links[m].is_good;
}

void team_order(const struct team *t, uint64_t now_ns, struct team_order *o)
{
	static const enum team_mode modes[] = { TEAM_BY_PORT, TEAM_BY_MAC, TEAM_BY_ADDRESS,
						TEAM_BY_LOAD };

	memset(o, 0, sizeof(*o));
	o->mode = modes[t->spec.mode];
	o->hold_ms = t->spec.hold_ms;
	o->is_rolling = t->spec.is_rolling;
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		const struct port *p = t->links[m].port;

		if (!p)
			continue;
		o->ports[m] = p->path_port;
		memcpy(o->macs[m], p->backend->mac, 6);
	}
	if (t->spec.active_count > 0)
		o->active_count = put_named(t, t->spec.active, t->spec.active_count, o->active);
	else
		o->active_count = put_all_active(t, o->active);
	o->standby_count = put_named(t, t->spec.standby, t->spec.standby_count, o->standby);
	(void)probe_target_of(t, &o->probe);
	put_usable(t, now_ns, o);
	put_pins(t, o);
	link_pins(t, o->wanted_pins);
}
