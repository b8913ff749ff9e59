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

void of_state_publish(struct of_state *s)
{
	bool groups = of_map_has_changed(&s->groups);
	bool meters = of_map_has_changed(&s->meters);

	of_flows_publish(&s->flows, groups || meters);
	of_map_commit(&s->groups);
	of_map_commit(&s->meters);
	if (groups && s->groups_changed)
		s->groups_changed(s->arg);
}

void of_state_commit(struct of_state *s)
{
	of_state_publish(s);
	(void)of_flows_tell(&s->flows, UINT32_MAX);
}

bool of_state_unwind(struct of_state *s, uint32_t count)
{
	if (!of_flows_unwind(&s->flows, count))
		return false;
	of_map_abort(&s->groups);
	of_map_abort(&s->meters);
	return true;
}

void of_state_abort(struct of_state *s)
{
	(void)of_state_unwind(s, UINT32_MAX);
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

of_fault of_state_flow_check(const struct of_state *s, const struct of_flow_mod *mod)
{
	const struct of_instructions *i = &mod->instructions;
	of_fault fault = OF_OK;

	if (mod->command == OF_FLOW_DELETE || mod->command == OF_FLOW_DELETE_STRICT)
		return OF_OK;
	fault = check_actions(s, &i->apply);
	if (!fault)
		fault = check_actions(s, &i->write);
	if (!fault && i->has & OF_INS_METER && !of_map_get(&s->meters, i->meter))
		fault = OF_METER_MOD_UNKNOWN_METER;
	return fault;
}

of_fault of_state_flow(struct of_state *s, const struct of_flow_mod *mod)
{
	of_fault fault = of_state_flow_check(s, mod);

	return fault ? fault : of_flows_mod(&s->flows, mod);
}

/* ---- groups --------------------------------------------------------------------------------------- */

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

of_fault of_state_group_start(struct of_state *s, uint32_t group, struct of_sweep *sweep)
{
	if (group != OF_GROUP_ALL && of_map_get(&s->groups, group) &&
	    of_group_is_chained(&s->groups, group))
		return OF_GROUP_MOD_CHAINED;
	if (of_flows_group_weight(&s->flows, group))
		of_sweep_group(sweep, &s->flows, group);
	return OF_OK;
}

void of_state_group_end(struct of_state *s, uint32_t group)
{
	struct of_entry *e = group == OF_GROUP_ALL ? NULL : of_map_get(&s->groups, group);

	if (group == OF_GROUP_ALL)
		(void)of_map_each(&s->groups, take_group, s);
	else if (e) /* 1.3.5, 6.5: no error */
		(void)take_group(s, e);
}

of_fault of_state_group(struct of_state *s, const struct of_group_mod *mod)
{
	struct of_sweep sweep = { .is_on = false };
	of_fault fault;

	if (mod->command != OF_GROUP_DELETE)
		return of_group_put(&s->groups, mod, of_flows_next(&s->flows), s->flows.now_ns);
	fault = of_state_group_start(s, mod->group, &sweep);
	if (!fault)
		fault = of_sweep_all(&sweep);
	if (!fault)
		of_state_group_end(s, mod->group);
	return fault;
}

/* ---- meters --------------------------------------------------------------------------------------- */

void of_state_meter_start(struct of_state *s, uint32_t meter, struct of_sweep *sweep)
{
	if (of_flows_meter_weight(&s->flows, meter))
		of_sweep_meter(sweep, &s->flows, meter);
}

void of_state_meter_end(struct of_state *s, uint32_t meter)
{
	struct of_entry *e = meter == OF_METER_ALL ? NULL : of_map_get(&s->meters, meter);

	if (meter == OF_METER_ALL)
		(void)of_map_each(&s->meters, take_meter, s);
	else if (e) /* 1.3.5, 6.6: no error */
		(void)take_meter(s, e);
}

of_fault of_state_meter(struct of_state *s, const struct of_meter_mod *mod)
{
	struct of_sweep sweep = { .is_on = false };
	of_fault fault;

	if (mod->command != OF_METER_DELETE)
		return of_meter_put(&s->meters, mod, of_flows_next(&s->flows), s->flows.now_ns);
	of_state_meter_start(s, mod->meter, &sweep);
	fault = of_sweep_all(&sweep);
	if (!fault)
		of_state_meter_end(s, mod->meter);
	return fault;
}
