/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/team_check.c - does what is said of a team fit the uplinks that there are?
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/check.h"

static void refuse_members(const struct switch_spec *s, const struct port_spec *p, const char *what,
			   struct diags *d)
{
	diag_add_at(
		d, p->at.line, p->at.column,
		"switch %s: uplink %s: it is a member of team %s, which alone has %s; move them "
		"to \"team:\"",
		s->name, p->name, s->team.port.name, what);
}

/* Packets enter at the team's port, so what stood at a member would be for nothing. */
static void check_member(const struct switch_spec *s, const struct port_spec *p, struct diags *d)
{
	if (p->policies && p->policies->count > 0)
		refuse_members(s, p, "policies", d);
	if (p->group[0] != '\0')
		refuse_members(s, p, "the policies of a group", d);
	if (p->require_count > 0)
		refuse_members(s, p, "required extensions", d);
}

static void check_members(const struct switch_spec *s, struct diags *d)
{
	size_t count = 0;

	for (size_t i = 0; i < s->port_count; i++) {
		const struct port_spec *p = &s->ports[i];

		if (p->role != PORT_UPLINK)
			continue;
		check_member(s, p, d);
		if (++count > TEAM_UPLINKS)
			diag_add_at(
				d, p->at.line, p->at.column,
				"switch %s: uplink %s: team %s has %d uplinks already, and more "
				"are not possible",
				s->name, p->name, s->team.port.name, TEAM_UPLINKS);
	}
	if (count == 0)
		diag_add_at(d, s->team.at.line, s->team.at.column,
			    "switch %s: team: the switch has no uplinks; name them in \"uplinks:\"",
			    s->name);
}

static bool is_uplink(const struct switch_spec *s, const char *name)
{
	for (size_t i = 0; i < s->port_count; i++)
		if (s->ports[i].role == PORT_UPLINK && strcmp(s->ports[i].name, name) == 0)
			return true;
	return false;
}

static const char *nearest_uplink(const struct switch_spec *s, const char *name)
{
	const char *names[TEAM_UPLINKS];
	size_t count = 0;

	for (size_t i = 0; i < s->port_count && count < TEAM_UPLINKS; i++)
		if (s->ports[i].role == PORT_UPLINK)
			names[count++] = s->ports[i].name;
	return str_nearest(name, names, count);
}

static void check_names(const struct switch_spec *s, const char *key, const char (*names)[64],
			size_t count, struct diags *d)
{
	for (size_t i = 0; i < count; i++) {
		const char *nearest;

		if (names[i][0] == '\0' || is_uplink(s, names[i]))
			continue;
		nearest = nearest_uplink(s, names[i]);
		diag_add_at(d, s->team.at.line, s->team.at.column,
			    "switch %s: team: %s names %s, which is no uplink of the switch%s%s",
			    s->name, key, names[i], nearest ? "; the nearest is " : "",
			    nearest ? nearest : "");
	}
}

static bool is_in(const char (*names)[64], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Somebody must send, as long as all is well. */
static void check_someone_sends(const struct switch_spec *s, struct diags *d)
{
	const struct team_spec *t = &s->team;
	size_t idle = 0;
	size_t count = 0;

	for (size_t i = 0; i < s->port_count; i++) {
		if (s->ports[i].role != PORT_UPLINK)
			continue;
		count++;
		idle += is_in(t->standby, t->standby_count, s->ports[i].name);
	}
	if (t->active_count == 0 && count > 0 && idle == count)
		diag_add_at(d, t->at.line, t->at.column,
			    "switch %s: team: standby names all uplinks, so none is active",
			    s->name);
}

static void check_order(const struct switch_spec *s, struct diags *d)
{
	const struct team_spec *t = &s->team;

	check_names(s, "active", t->active, t->active_count, d);
	check_names(s, "standby", t->standby, t->standby_count, d);
	for (size_t i = 0; i < t->standby_count; i++)
		if (is_in(t->active, t->active_count, t->standby[i]))
			diag_add_at(d, t->at.line, t->at.column,
				    "switch %s: team: uplink %s is both active and in stand-by",
				    s->name, t->standby[i]);
	check_someone_sends(s, d);
}

/* The outside of a NAT is one port, and other types have none. */
static void refuse_all(const struct switch_spec *s, struct diags *d)
{
	size_t count = 0;

	if (s->team.is_wanted)
		diag_add_at(d, s->team.at.line, s->team.at.column,
			    "switch %s: team: only a switch of type external has a team", s->name);
	for (size_t i = 0; i < s->port_count && s->type == SWITCH_NAT; i++) {
		const struct port_spec *p = &s->ports[i];

		if (p->role == PORT_UPLINK && ++count > 1)
			diag_add_at(
				d, p->at.line, p->at.column,
				"switch %s: uplink %s: a switch of type nat has one uplink, and a "
				"team only a switch of type external",
				s->name, p->name);
	}
}

void check_team(const struct switch_spec *s, struct diags *d)
{
	if (!switch_spec_has_team(s))
		return;
	if (s->type != SWITCH_EXTERNAL) {
		refuse_all(s, d);
		return;
	}
	check_members(s, d);
	check_order(s, d);
}
