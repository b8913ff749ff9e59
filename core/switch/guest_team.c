/* SPDX-License-Identifier: Apache-2.0 */
/* switch/guest_team.c - names of guests' teams become numbers that workers compare. */
#include "policy/builtin.h"
#include "switch/transaction.h"

static const char *team_name(const struct settings *s)
{
	const struct policy_guest_team *policy = settings_bytes(s, builtin_guest_team.id);

	return policy ? policy->name : "";
}

uint32_t port_guest_team(const struct port *p)
{
	const char *name = team_name(&p->settings);

	if (name[0] == '\0')
		return 0;
	for (size_t i = 0; i < p->sw->port_count; i++) {
		const struct port *other = p->sw->ports[i];

		if (other->id != 0 && strcmp(team_name(&other->settings), name) == 0)
			return other->id;
	}
	return p->id;
}

void plan_guest_teams(struct plan *p, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		const struct plan_port *pp = &ps->ports[i];

		if (pp->spec->role == PORT_GUEST || team_name(&pp->settings)[0] == '\0')
			continue;
		plan_error(p,
			   policy_position(p->model, ps, pp, NULL, builtin_guest_team.id, "name"),
			   "port %s/%s: policy %s, name: only ports of guests have one",
			   ps->spec->name, pp->spec->name, builtin_guest_team.id);
	}
}
