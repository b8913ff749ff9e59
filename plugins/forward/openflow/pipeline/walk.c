/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/walk.c - from table to table.
 */
#include "pipeline/story.h"

#include <string.h>

const struct xvs_label of_reasons[OF_REASONS] = {
	[OF_REASON_OTHER] = { "no-destination", "The flow tables gave the packet no destination" },
	[OF_REASON_NO_MATCH] = { "no-match",
				 "No flow entry matches, and the table has none for misses" },
	[OF_REASON_NO_OUTPUT] = { "no-output",
				  "The flow entry has no output: the controller drops it" },
	[OF_REASON_METER] = { "meter", "Over the rate of a meter" },
	[OF_REASON_TTL] = { "ttl", "Its time to live has ended" },
	[OF_REASON_PORT] = { "port-config", "The controller has closed the port" },
	[OF_REASON_LIMIT] = { "too-many-actions",
			      "More actions, tables or groups than one packet may go through" },
	[OF_REASON_FAILED] = { "cannot-change",
			       "No memory, or no room, to change the packet as the actions say" },
	[OF_REASON_NOT_TOLD] = { "controller-rate",
				 "For controllers alone, and more than they are told of" },
};

void of_walk_drop(struct of_walk *w, uint16_t reason)
{
	w->is_over = true;
	if (!w->reason)
		w->reason = reason;
}

void of_walk_begin(struct of_walk *w, const struct of_pipeline *p, const struct of_sink *sink,
		   void *arg, uint32_t port)
{
	memset(w, 0, sizeof(*w));
	w->pipeline = p;
	w->sink = sink;
	w->arg = arg;
	w->version = of_flows_version(&p->state.flows);
	w->port = port;
	w->tags = OF_TAG_RULES;
	w->now.in_port = of_port_number(p, port);
	w->now.in_phy_port = w->now.in_port;
	w->now.actset_output = OF_PORT_UNSET;
	/* these are no bits of the packet: the flow key tells ports apart by itself */
	memset(&w->fixed, 0xff, offsetof(struct of_fields, eth_dst));
}

bool of_walk_meter(struct of_walk *w, uint32_t id)
{
	const struct of_meter *m = of_meter_find(&w->pipeline->state.meters, id, w->version);

	if (m && w->story)
		of_story_meter(w, id);
	if (!m || w->sink->meter(w->arg, w, m))
		return true;
	of_walk_drop(w, OF_REASON_METER);
	return false;
}

static void note_timeout(struct of_walk *w, const struct of_rule *r)
{
	if (r->idle_timeout && (!w->idle_s || r->idle_timeout < w->idle_s))
		w->idle_s = r->idle_timeout;
}

static void write_metadata(struct of_walk *w, const struct of_instructions *i)
{
	w->now.metadata = (w->now.metadata & ~i->metadata_mask) | (i->metadata & i->metadata_mask);
}

/* In the order that 1.3.5, 5.9 gives them.  The next table, or OF_TABLE_ALL: that was all. */
static uint8_t follow(struct of_walk *w, const struct of_rule *r)
{
	const struct of_instructions *i = r->instructions;

	w->rule = r;
	if (w->story)
		of_story_rule(w, r);
	note_timeout(w, r);
	w->sink->credit(w->arg, r->stats);
	if (i->has & OF_INS_METER && !of_walk_meter(w, i->meter))
		return OF_TABLE_ALL;
	if (i->has & OF_INS_APPLY)
		of_walk_apply(w, &i->apply);
	if (w->is_over)
		return OF_TABLE_ALL;
	if (i->has & OF_INS_CLEAR)
		memset(&w->actions, 0, sizeof(w->actions));
	if (i->has & OF_INS_WRITE)
		of_set_write(&w->actions, &i->write);
	if (i->has & OF_INS_METADATA)
		write_metadata(w, i);
	return i->has & OF_INS_GOTO ? i->goto_table : OF_TABLE_ALL;
}

/* 1.0 sends what no flow is for to the controller; 1.3 drops it, if no entry says otherwise. */
static void missed(struct of_walk *w)
{
	const struct of_pipeline *p = w->pipeline;
	const struct of_output o = {
		.cookie = UINT64_MAX,
		.max_len = __atomic_load_n(&p->miss_send_len, __ATOMIC_RELAXED),
		.reason = OF_PACKET_IN_NO_MATCH,
		.table = w->table,
		.to_old_only = true,
	};

	if (__atomic_load_n(&p->tells_misses, __ATOMIC_RELAXED)) {
		w->has_output = true;
		w->sink->output(w->arg, w, &o);
	}
	of_walk_drop(w, OF_REASON_NO_MATCH);
}

static struct of_rule *look_up(struct of_walk *w, uint8_t table)
{
	struct of_flow_table *t =
		(struct of_flow_table *)(uintptr_t)&w->pipeline->state.flows.tables[table];
	struct of_fields examined = { 0 };
	struct of_rule *r;

	r = of_flows_find(&w->pipeline->state.flows, table, &w->now, w->version, &examined);
	of_walk_examine(w, &examined);
	w->sink->credit(w->arg, &t->lookups);
	if (r)
		w->sink->credit(w->arg, &t->matched);
	return r;
}

void of_walk_table(struct of_walk *w, uint8_t table)
{
	while (table != OF_TABLE_ALL && !w->is_over) {
		const struct of_rule *r;

		if (++w->steps > OF_STEPS_MAX) {
			of_walk_drop(w, OF_REASON_LIMIT);
			return;
		}
		w->table = table;
		r = look_up(w, table);
		if (!r && w->story)
			of_story_miss(w);
		if (!r && w->is_resubmitted) /* nothing is done, and the list goes on */
			return;
		if (!r) {
			missed(w);
			return;
		}
		table = follow(w, r);
	}
}

/* Spanning tree packets have a switch of their own: 1.0, 5.2.1. */
static bool may_enter_closed(struct of_walk *w, uint32_t bits)
{
	static const uint8_t stp[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	struct of_fields seen = { 0 };

	memset(seen.eth_dst, 0xff, sizeof(seen.eth_dst));
	of_walk_examine(w, &seen);
	return !(bits & (memcmp(w->now.eth_dst, stp, sizeof(stp)) == 0 ? OF_PORT_NO_RECV_STP
								       : OF_PORT_NO_RECV));
}

static bool may_enter(struct of_walk *w)
{
	uint32_t bits;

	if (w->port == XVS_PORT_NONE)
		return true;
	w->tags |= OF_TAG_PORTS;
	bits = of_port_bits(w->pipeline, w->port) & (OF_PORT_NO_RECV | OF_PORT_NO_RECV_STP);
	return !bits || may_enter_closed(w, bits);
}

void of_walk_tables(struct of_walk *w)
{
	if (!may_enter(w)) {
		of_walk_drop(w, OF_REASON_PORT);
		return;
	}
	of_walk_table(w, 0);
	if (w->is_over)
		return;
	w->group_reason = OF_PACKET_IN_ACTION_SET;
	of_walk_finish(w, &w->actions);
	if (!w->has_output)
		w->reason = OF_REASON_NO_OUTPUT;
}

void of_walk_list(struct of_walk *w, const struct of_actions *list)
{
	w->group_reason = OF_PACKET_IN_PACKET_OUT;
	of_walk_apply(w, list);
}
