/* SPDX-License-Identifier: Apache-2.0 */
/* table/state.c - mods that name one another: flows groups, groups groups, flows meters. */
#include "table/state.h"

#include "table/instructions.h"

void of_state_init(struct of_state *s, uint64_t seed, uint32_t limit,
		   const struct of_reclaim *reclaim, const struct of_flows_events *events)
{
	*s = (struct of_state){ 0 };
	of_flows_init(&s->flows, seed, limit, reclaim, events);
	of_groups_init(&s->groups, seed, &s->flows.reclaim);
	of_meters_init(&s->meters, seed, &s->flows.reclaim);
}

void of_state_destroy(struct of_state *s)
{
	of_flows_destroy(&s->flows);
	of_map_destroy(&s->groups);
	of_map_destroy(&s->meters);
}

void of_state_begin(struct of_state *s, uint64_t now_ns)
{
	of_flows_begin(&s->flows, now_ns);
}

void of_state_commit(struct of_state *s)
{
	bool groups = of_map_has_changed(&s->groups);
	bool meters = of_map_has_changed(&s->meters);

	of_flows_commit(&s->flows, groups || meters);
	of_map_commit(&s->groups);
	of_map_commit(&s->meters);
	if (groups && s->groups_changed)
		s->groups_changed(s->arg);
}

void of_state_abort(struct of_state *s)
{
	of_flows_abort(&s->flows);
	of_map_abort(&s->groups);
	of_map_abort(&s->meters);
}

/* ---- flows ---------------------------------------------------------------------------------------- */

static of_fault check_actions(const struct of_state *s, const struct of_actions *a)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct of_action *at = &a->list[i];

		if (at->type == OF_ACT_GROUP && !of_map_get(&s->groups, at->number))
			return OF_BAD_ACTION_OUT_GROUP;
		if (at->type == OF_ACT_METER && !of_map_get(&s->meters, at->number))
			return OF_METER_MOD_UNKNOWN_METER;
	}
	return OF_OK;
}

of_fault of_state_flow(struct of_state *s, const struct of_flow_mod *mod)
{
	const struct of_instructions *i = &mod->instructions;
	of_fault fault = OF_OK;

	if (mod->command == OF_FLOW_DELETE || mod->command == OF_FLOW_DELETE_STRICT)
		return of_flows_mod(&s->flows, mod);
	fault = check_actions(s, &i->apply);
	if (!fault)
		fault = check_actions(s, &i->write);
	if (!fault && i->has & OF_INS_METER && !of_map_get(&s->meters, i->meter))
		fault = OF_METER_MOD_UNKNOWN_METER;
	return fault ? fault : of_flows_mod(&s->flows, mod);
}

/* ---- groups --------------------------------------------------------------------------------------- */

static of_fault group_take(struct of_state *s, struct of_entry *e)
{
	if (of_flows_remove_group(&s->flows, e->id) != 0)
		return OF_GROUP_MOD_EPERM;
	of_map_take(&s->groups, e, of_flows_next(&s->flows));
	return OF_OK;
}

static bool take_group(void *arg, struct of_entry *e)
{
	struct of_state *s = arg;

	of_map_take(&s->groups, e, of_flows_next(&s->flows));
	return true;
}

static bool take_meter(void *arg, struct of_entry *e)
{
	struct of_state *s = arg;

	of_map_take(&s->meters, e, of_flows_next(&s->flows));
	return true;
}

static of_fault groups_take_all(struct of_state *s)
{
	if (of_flows_remove_group(&s->flows, OF_GROUP_ALL) != 0)
		return OF_GROUP_MOD_EPERM;
	(void)of_map_each(&s->groups, take_group, s);
	return OF_OK;
}

of_fault of_state_group(struct of_state *s, const struct of_group_mod *mod)
{
	struct of_entry *e;

	if (mod->command != OF_GROUP_DELETE)
		return of_group_put(&s->groups, mod, of_flows_next(&s->flows), s->flows.now_ns);
	if (mod->group == OF_GROUP_ALL)
		return groups_take_all(s);
	e = of_map_get(&s->groups, mod->group);
	if (!e) /* 1.3.5, 6.5: no error */
		return OF_OK;
	if (of_group_is_chained(&s->groups, mod->group))
		return OF_GROUP_MOD_CHAINED;
	return group_take(s, e);
}

/* ---- meters --------------------------------------------------------------------------------------- */

of_fault of_state_meter(struct of_state *s, const struct of_meter_mod *mod)
{
	struct of_entry *e;

	if (mod->command != OF_METER_DELETE)
		return of_meter_put(&s->meters, mod, of_flows_next(&s->flows), s->flows.now_ns);
	e = of_map_get(&s->meters, mod->meter);
	if (mod->meter != OF_METER_ALL && !e) /* 1.3.5, 6.6: no error */
		return OF_OK;
	if (of_flows_remove_meter(&s->flows, mod->meter) != 0)
		return OF_METER_MOD_UNKNOWN;
	if (mod->meter == OF_METER_ALL)
		(void)of_map_each(&s->meters, take_meter, s);
	else
		(void)take_meter(s, e);
	return OF_OK;
}
