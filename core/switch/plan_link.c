/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_link.c - "xvs.link/1" stands where it means something, and what ports reserve fits the
 * links: each of a team by itself where a port's packets leave by one.
 */
#include <stdio.h>

#include "policy/builtin.h"
#include "policy/rate.h"
#include "switch/link.h"
#include "switch/transaction.h"

struct link_check {
	struct plan *p;
	const struct plan_switch *ps;
	const struct policy_link *link; /* of the team or the uplink */
	struct link_room room;
	struct link_guest guests[PORTS_MAX];
	struct plan_port *ports[PORTS_MAX]; /* whose they are */
	size_t count;
};

/* ---- where it stands ------------------------------------------------------------------------------ */

/* At the port itself: what it has from above is for others too. */
static bool is_own(const struct plan *p, const struct plan_switch *ps, const struct plan_port *pp,
		   const char *feature)
{
	const struct override_value *value;
	char target[TARGET_MAX];

	target_print(target, ps->spec->name, pp->spec->name);
	value = model_value(p->model, target, feature);
	return (value && value->fields) ||
	       (pp->spec->policies && node_get(pp->spec->policies, feature));
}

static void check_place(struct plan *p, const struct plan_switch *ps, const struct plan_port *pp)
{
	bool is_uplink = pp->spec->role == PORT_UPLINK;

	if (!is_uplink && is_own(p, ps, pp, builtin_link.id))
		plan_error(p, policy_position(p->model, ps, pp, NULL, builtin_link.id, ""),
			   "port %s/%s: policy %s: it is for uplinks and teams; of other ports, %s "
			   "says how fast they are",
			   ps->spec->name, pp->spec->name, builtin_link.id, builtin_rate.id);
	if (is_uplink && is_own(p, ps, pp, builtin_class.id))
		plan_error(p, policy_position(p->model, ps, pp, NULL, builtin_class.id, ""),
			   "port %s/%s: policy %s: it is for ports whose packets leave by uplinks, "
			   "not for these",
			   ps->spec->name, pp->spec->name, builtin_class.id);
}

/* ---- what fits ------------------------------------------------------------------------------------ */

static bool is_named(const char (*names)[64], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_active(const struct team_spec *t, const char *name)
{
	if (is_named(t->standby, t->standby_count, name))
		return false;
	return t->active_count == 0 || is_named(t->active, t->active_count, name);
}

/* The number of this member among the team's. */
static uint8_t link_named(const struct plan_switch *ps, const char *name)
{
	uint8_t link = 0;

	for (size_t i = 0; i < ps->port_count; i++) {
		if (!ps->ports[i].is_member)
			continue;
		if (strcmp(ps->ports[i].spec->name, name) == 0)
			return link;
		link++;
	}
	return LINK_NOWHERE;
}

/* Where flows are spread over members, what counts is what they send together. */
static void make_room(struct link_check *c)
{
	uint32_t active = 0;
	uint32_t links = 0;

	for (size_t i = 0; i < c->ps->port_count; i++) {
		const struct plan_port *pp = &c->ps->ports[i];

		if (!pp->is_member || links == TEAM_UPLINKS)
			continue;
		if (is_active(&c->ps->spec->team, pp->spec->name)) {
			c->room.usual |= 1u << links;
			active++;
		}
		links++;
	}
	c->room.kbps = c->link->kbps;
	c->room.links = links;
	if (links && c->ps->spec->team.mode == TEAM_PORT)
		return;
	c->room = (struct link_room){ .kbps = c->link->kbps * (links ? active : 1),
				      .links = 1,
				      .usual = 1 };
}

static void add_guest(struct link_check *c, struct plan_port *pp)
{
	const struct policy_rate *rate = settings_bytes(&pp->settings, builtin_rate.id);
	const struct policy_team *pin = settings_bytes(&pp->settings, builtin_team.id);
	struct link_guest *g = &c->guests[c->count];

	if (pp->spec->role == PORT_UPLINK || !rate || !rate->reserve_kbps)
		return;
	*g = (struct link_guest){ .kbps = rate->reserve_kbps, .pin = LINK_NOWHERE };
	if (pin && pin->uplink[0] && c->room.links > 1)
		g->pin = link_named(c->ps, pin->uplink);
	c->ports[c->count++] = pp;
}

static bool is_newcomer(const struct plan_port *pp)
{
	const struct policy_rate *now = settings_bytes(&pp->settings, builtin_rate.id);
	const struct policy_rate *old =
		pp->port ? settings_bytes(&pp->port->settings, builtin_rate.id) : NULL;

	return !old || old->reserve_kbps != now->reserve_kbps;
}

static void refuse(const struct link_check *c, size_t idx)
{
	struct plan_port *pp = c->ports[idx];
	struct position at =
		policy_position(c->p->model, c->ps, pp, NULL, builtin_rate.id, "reserve_kbps");
	char text[PROBLEM_MAX];

	(void)snprintf(
		text, sizeof(text),
		"policy %s, reserve_kbps: %llu does not fit beside what others have "
		"reserved; %s lets %s send %llu; reserve less, or pin ports to other uplinks",
		builtin_rate.id, (unsigned long long)c->guests[idx].kbps, builtin_link.id,
		c->room.links > 1 ? "each uplink" : "the uplinks",
		(unsigned long long)c->room.kbps);
	if (!pp->is_tolerated)
		plan_error(c->p, at, "port %s/%s: %s", c->ps->spec->name, pp->spec->name, text);
	else if (pp->problem[0] == '\0')
		(void)snprintf(pp->problem, sizeof(pp->problem), "%s", text);
}

/* Who wants more is refused, not who has it; unless nobody does, and there is less than there was. */
static void refuse_all(const struct link_check *c)
{
	bool has_newcomers = false;

	for (size_t i = 0; i < c->count; i++)
		has_newcomers |= is_newcomer(c->ports[i]);
	for (size_t i = 0; i < c->count; i++)
		if (has_newcomers ? is_newcomer(c->ports[i]) : c->guests[i].home == LINK_NOWHERE)
			refuse(c, i);
}

static const struct policy_link *link_of(const struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++)
		if (ps->ports[i].spec->role == PORT_UPLINK && !ps->ports[i].is_member)
			return settings_bytes(&ps->ports[i].settings, builtin_link.id);
	return NULL;
}

static int admit(struct plan *p, struct plan_switch *ps, const struct policy_link *link)
{
	struct link_check *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->p = p;
	c->ps = ps;
	c->link = link;
	make_room(c);
	for (size_t i = 0; i < ps->port_count && c->count < PORTS_MAX; i++)
		add_guest(c, &ps->ports[i]);
	if (!link_house(&c->room, c->guests, c->count))
		refuse_all(c);
	free(c);
	return 0;
}

int plan_links(struct plan *p, struct plan_switch *ps)
{
	const struct policy_link *link = link_of(ps);

	for (size_t i = 0; i < ps->port_count; i++)
		check_place(p, ps, &ps->ports[i]);
	/* what a device will say of its link, nobody knows yet */
	return link && link->kbps ? admit(p, ps, link) : 0;
}
