/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_team.c - what is wanted of a team and can only be told from all ports together.
 */
#include "policy/builtin.h"
#include "switch/plan.h"

static bool has_uplink(const struct plan_switch *ps, const char *name)
{
	for (size_t i = 0; i < ps->port_count; i++)
		if (ps->ports[i].is_member && strcmp(ps->ports[i].spec->name, name) == 0)
			return true;
	return false;
}

static void check_pin(struct plan *p, const struct plan_switch *ps, const struct plan_port *pp)
{
	const struct policy_team *pin = settings_bytes(&pp->settings, builtin_team.id);

	if (!pin || !pin->uplink[0] || has_uplink(ps, pin->uplink))
		return;
	plan_error(p, pp->spec->at,
		   "port %s/%s: policy %s, uplink: %s is no uplink of a team of switch %s",
		   ps->spec->name, pp->spec->name, builtin_team.id, pin->uplink, ps->spec->name);
}

/* Values that were set over the document; the document itself was looked at when it was read. */
static void check_member(struct plan *p, const struct plan_switch *ps, const struct plan_port *pp)
{
	char target[TARGET_MAX];

	target_print(target, ps->spec->name, pp->spec->name);
	for (size_t i = 0; i < p->model->value_count; i++) {
		const struct override_value *v = &p->model->values[i];

		if (strcmp(v->target, target) != 0 || !v->fields)
			continue;
		plan_error(p, pp->spec->at,
			   "uplink %s: it is a member of team %s/%s, which alone has policies; set "
			   "%s there",
			   target, ps->spec->name, ps->spec->team.port.name, v->feature);
	}
}

void plan_team(struct plan *p, struct plan_switch *ps)
{
	for (size_t i = 0; i < ps->port_count; i++) {
		if (ps->ports[i].is_member)
			check_member(p, ps, &ps->ports[i]);
		else
			check_pin(p, ps, &ps->ports[i]);
	}
}
