/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/mods.c - changes of flows, groups, meters and tables; which verdicts they make untrue.
 */
#include <string.h>

#include "agent/queues.h"
#include "agent/tables.h"

/* ---- verdicts that are no longer true ------------------------------------------------------------- */

/*
 * Behind the first table a packet may be looked up with other fields than it came with; a rule there says
 * nothing of the fields that some flow rewrites.
 */
static void on_changed(void *arg, uint8_t table, const struct of_fields *value,
		       const struct of_fields *mask)
{
	struct of_agent *a = arg;
	struct of_fields known = *mask;
	struct xvs_flow_key key = { 0 };
	struct xvs_flow_key care = { 0 };
	of_word *k = of_words(&known);
	const of_word *gone = of_const_words(&a->rewritten);

	for (uint32_t i = 0; (table > 0 || a->resubmits) && i < OF_WORDS; i++)
		k[i] &= ~gone[i];
	of_values_to_key(value, value, &key);
	(void)of_fields_to_key(&known, value, &care);
	/* a length stands for any: the key has the length itself */
	if (known.eth_type && value->eth_type == 0x05ff)
		care.ethertype = 0;
	a->flow->invalidate_match(a->host, &key, &care);
}

static void note_action(struct of_agent *a, const struct of_action *at)
{
	struct of_fields *f = &a->rewritten;

	switch (at->type) {
	case OF_ACT_SET_FIELD:
		of_field_write(f, at->field, at->mask, NULL);
		return;
	case OF_ACT_MOVE_FIELD:
		of_field_whole(f, at->field);
		return;
	case OF_ACT_SET_TP_SRC:
		f->l4_src = UINT16_MAX;
		return;
	case OF_ACT_SET_TP_DST:
		f->l4_dst = UINT16_MAX;
		return;
	case OF_ACT_SET_NW_TTL:
	case OF_ACT_DEC_NW_TTL:
	case OF_ACT_COPY_TTL_IN:
		of_field_whole(f, OF_IP_TTL);
		return;
	case OF_ACT_PUSH_VLAN:
	case OF_ACT_POP_VLAN:
	case OF_ACT_STRIP_VLAN:
	case OF_ACT_SET_VLAN_VID:
	case OF_ACT_SET_VLAN_PCP:
		of_field_whole(f, OF_VLAN_VID);
		of_field_whole(f, OF_VLAN_PCP);
		return;
	case OF_ACT_PUSH_MPLS:
	case OF_ACT_POP_MPLS: /* whole headers come and go */
		memset((uint8_t *)f + offsetof(struct of_fields, eth_type), 0xff,
		       sizeof(*f) - offsetof(struct of_fields, eth_type));
		return;
	case OF_ACT_RESUBMIT:
		a->resubmits = true;
		return;
	default:
		return;
	}
}

static void on_added(void *arg, struct of_rule *r)
{
	struct of_agent *a = arg;
	struct of_fields before = a->rewritten;

	for (uint32_t i = 0; i < r->instructions->apply.count; i++)
		note_action(a, &r->instructions->apply.list[i]);
	/* rules that came before it told of packets by fields that are now known to change */
	if (memcmp(&before, &a->rewritten, sizeof(before)) != 0)
		a->flow->invalidate(a->host, UINT64_MAX);
	of_wheel_add(&a->wheel, r, a->host->now(a->host));
	of_tables_counted(a, r->table);
}

static void on_removed(void *arg, struct of_rule *r, uint8_t reason)
{
	struct of_agent *a = arg;

	of_wheel_remove(&a->wheel, r);
	of_tables_counted(a, r->table);
	if (reason < OF_REMOVED_UNTOLD && r->flags & OF_FLOW_SEND_REMOVED)
		of_agent_tell_removed(a, r, reason);
}

const struct of_flows_events of_agent_events = {
	.changed = on_changed,
	.added = on_added,
	.removed = on_removed,
};

/* ---- transactions of one ---------------------------------------------------------------------------- */

of_fault of_agent_done(struct of_agent *a, of_fault fault)
{
	if (fault)
		of_state_abort(&a->pipeline.state);
	else
		of_state_commit(&a->pipeline.state);
	of_agent_claimed(a, !fault);
	return fault;
}

static bool port_is_possible(const struct of_agent *a, uint32_t number)
{
	/* also one that is not there yet, or is away */
	return number > (uint32_t)OF_PORT_MAX || (number && number < a->pipeline.ports_max) ||
	       of_id_of(a->numbers.published, number) != XVS_PORT_NONE;
}

static of_fault check_actions(struct of_agent *a, const struct of_actions *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->list[i].type == OF_ACT_OUTPUT &&
		    !port_is_possible(a, list->list[i].number))
			return OF_BAD_ACTION_OUT_PORT;
	}
	return of_queues_check(a, list);
}

/* The packet that a flow-mod names goes through the tables when they have changed: 1.3.5, A.3.4.1. */
of_fault of_agent_claim(struct of_controller *c, const struct of_flow_mod *mod)
{
	struct of_agent *a = c->agent;
	of_fault fault = OF_OK;
	struct of_buffer *buffer;

	if (mod->buffer_id == OF_NO_BUFFER || mod->command >= OF_FLOW_DELETE)
		return OF_OK;
	buffer = of_buffers_find(&a->buffers, c, mod->buffer_id, &fault);
	if (!buffer)
		return fault;
	a->buffers.claimed += !buffer->is_claimed;
	buffer->is_claimed = true;
	return OF_OK;
}

of_fault of_agent_check_flow(struct of_agent *a, const struct of_flow_mod *mod)
{
	of_fault fault = of_tables_check(a, mod);

	if (!fault)
		fault = check_actions(a, &mod->instructions.apply);
	return fault ? fault : check_actions(a, &mod->instructions.write);
}

of_fault of_agent_change_flow(struct of_agent *a, const struct of_flow_mod *mod)
{
	of_fault fault = of_agent_check_flow(a, mod);

	if (!fault)
		fault = of_state_flow(&a->pipeline.state, mod);
	if (fault == OF_FLOW_MOD_TABLE_FULL && mod->table != OF_TABLE_ALL)
		of_tables_full(a, mod->table);
	return fault;
}

/* Where its packet is no longer there the flow is still wanted: that is told after the change. */
of_fault of_agent_flow(struct of_controller *c, const struct of_flow_mod *mod)
{
	struct of_agent *a = c->agent;
	of_fault of_packet = OF_OK;
	of_fault fault;

	of_state_begin(&a->pipeline.state, a->host->now(a->host));
	fault = of_agent_change_flow(a, mod);
	if (!fault)
		of_packet = of_agent_claim(c, mod);
	fault = of_agent_done(a, fault);
	return fault ? fault : of_packet;
}

of_fault of_agent_group(struct of_agent *a, const struct of_group_mod *mod)
{
	of_state_begin(&a->pipeline.state, a->host->now(a->host));
	return of_agent_done(a, of_state_group(&a->pipeline.state, mod));
}

of_fault of_agent_meter(struct of_agent *a, const struct of_meter_mod *mod)
{
	of_state_begin(&a->pipeline.state, a->host->now(a->host));
	return of_agent_done(a, of_state_meter(&a->pipeline.state, mod));
}
