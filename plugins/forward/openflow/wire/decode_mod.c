/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_mod.c - changes of flows, groups and meters: 1.0, 5.3.3; 1.3, 7.3.4.
 */
#include "wire/decode.h"
#include "wire/oxm.h"

/* ---- flows ------------------------------------------------------------------------------------- */

enum {
	FLAGS10 = OF_FLOW_SEND_REMOVED | OF_FLOW_CHECK_OVERLAP,
	FLAG10_EMERGENCY = 1 << 2,
	FLAGS = OF_FLOW_SEND_REMOVED | OF_FLOW_CHECK_OVERLAP | OF_FLOW_RESET_COUNTS |
		OF_FLOW_NO_PACKET_COUNTS | OF_FLOW_NO_BYTE_COUNTS,
};

static bool is_delete(const struct of_flow_mod *flow)
{
	return flow->command == OF_FLOW_DELETE || flow->command == OF_FLOW_DELETE_STRICT;
}

/* 1.0 has one table for its controller, unless it asked for the extension. */
static of_fault read_command10(const struct of_decoder *d, uint16_t command,
			       struct of_flow_mod *flow)
{
	uint32_t number = d->dialect->has_table_ids ? command & 0xffu : command;

	if (number > OF_FLOW_DELETE_STRICT)
		return OF_FLOW_MOD_COMMAND;
	flow->command = (uint8_t)number;
	flow->table = is_delete(flow) ? OF_TABLE_ALL : 0;
	if (d->dialect->has_table_ids) {
		flow->table = (uint8_t)(command >> 8);
		if (flow->table == OF_TABLE_ALL && !is_delete(flow))
			flow->table = 0;
	}
	return flow->table == OF_TABLES ? OF_FLOW_MOD_TABLE_ID : OF_OK;
}

/* Emergency flows are of 1.0 alone; we have none, and may say so by two faults. */
static of_fault read_flags10(uint16_t flags, struct of_flow_mod *flow)
{
	if (flags & FLAG10_EMERGENCY)
		return flow->idle_timeout || flow->hard_timeout ? OF_FLOW_MOD_TIMEOUT
								: OF_FLOW_MOD_TABLE_FULL;
	if (flags & ~FLAGS10)
		return OF_FLOW_MOD_FLAGS;
	flow->flags = flags;
	if (flow->command == OF_FLOW_ADD) /* one that is there starts anew: 1.0, 4.6 */
		flow->flags |= OF_FLOW_RESET_COUNTS;
	return OF_OK;
}

of_fault of_decode_flow10(struct of_decoder *d, struct of_message *out)
{
	struct of_flow_mod *flow = &out->flow;
	struct of_action_source actions = of_decoder_actions(d);
	uint32_t wildcards = (uint32_t)of_number(d->r.at, 4);
	uint16_t command;
	uint16_t flags;
	of_fault fault;

	flow->version = d->version;
	(void)of_match10_read(&d->r, &flow->match);
	flow->cookie = of_get64(&d->r);
	command = of_get16(&d->r);
	flow->idle_timeout = of_get16(&d->r);
	flow->hard_timeout = of_get16(&d->r);
	flow->priority = of_get16(&d->r);
	flow->buffer_id = of_get32(&d->r);
	flow->out_port = of_port_from16(of_get16(&d->r));
	flags = of_get16(&d->r);
	flow->out_group = OF_GROUP_ANY;
	if (!(wildcards & OFPFW10_ALL)) /* what names every field is looked at first: 1.0, 3.4 */
		flow->priority = UINT16_MAX;
	fault = read_command10(d, command, flow);
	if (!fault)
		fault = read_flags10(flags, flow);
	if (fault || is_delete(flow))
		return fault;
	flow->instructions.has = OF_INS_APPLY;
	return of_actions_read(&actions, &d->r, d->r.left, &flow->instructions.apply);
}

static of_fault check_flow(const struct of_flow_mod *flow)
{
	if (flow->command > OF_FLOW_DELETE_STRICT)
		return OF_FLOW_MOD_COMMAND;
	if (flow->flags & ~FLAGS)
		return OF_FLOW_MOD_FLAGS;
	if (flow->table == OF_TABLES || (flow->table == OF_TABLE_ALL && !is_delete(flow)))
		return OF_FLOW_MOD_TABLE_ID;
	return OF_OK;
}

of_fault of_decode_flow(struct of_decoder *d, struct of_message *out)
{
	struct of_flow_mod *flow = &out->flow;
	struct of_action_source actions = of_decoder_actions(d);
	of_fault fault;

	flow->version = d->version;
	flow->cookie = of_get64(&d->r);
	flow->cookie_mask = of_get64(&d->r);
	flow->table = of_get8(&d->r);
	flow->command = of_get8(&d->r);
	flow->idle_timeout = of_get16(&d->r);
	flow->hard_timeout = of_get16(&d->r);
	flow->priority = of_get16(&d->r);
	flow->buffer_id = of_get32(&d->r);
	flow->out_port = of_get32(&d->r);
	flow->out_group = of_get32(&d->r);
	flow->flags = of_get16(&d->r);
	flow->importance = of_get16(&d->r);
	if (d->version < OF_V14)
		flow->importance = 0; /* padding */
	fault = check_flow(flow);
	if (!fault)
		fault = of_match_read(&d->r, d->version, &flow->match);
	if (fault || is_delete(flow))
		return fault;
	return of_instructions_read(&actions, &d->r, flow, &flow->instructions);
}

/* ---- groups ------------------------------------------------------------------------------------ */

static bool is_watching(const struct of_bucket *b)
{
	return b->watch_port != OF_PORT_ANY || b->watch_group != OF_GROUP_ANY;
}

static of_fault check_watch(const struct of_bucket *b)
{
	if (b->watch_port != OF_PORT_ANY && b->watch_port != OF_PORT_LOCAL &&
	    (!b->watch_port || b->watch_port > OF_PORT_MAX))
		return OF_GROUP_MOD_BAD_WATCH;
	if (b->watch_group != OF_GROUP_ANY && b->watch_group > OF_GROUP_MAX)
		return OF_GROUP_MOD_BAD_WATCH;
	return OF_OK;
}

static of_fault check_bucket(const struct of_group_mod *group, const struct of_bucket *b)
{
	if (b->weight && group->type != OF_GROUP_TYPE_SELECT)
		return OF_GROUP_MOD_INVALID;
	if (group->type == OF_GROUP_TYPE_FAST_FAILOVER && !is_watching(b))
		return OF_GROUP_MOD_INVALID;
	if (is_watching(b) &&
	    (group->type == OF_GROUP_TYPE_ALL || group->type == OF_GROUP_TYPE_INDIRECT))
		return OF_GROUP_MOD_WATCH;
	return check_watch(b);
}

static of_fault read_bucket(struct of_action_source *from, struct of_reader *r,
			    const struct of_group_mod *group, struct of_bucket *b)
{
	uint16_t len = of_get16(r);

	b->weight = of_get16(r);
	b->watch_port = of_get32(r);
	b->watch_group = of_get32(r);
	of_skip(r, 4);
	if (r->is_short || len < OFP_BUCKET || len % 8 || len - (uint32_t)OFP_BUCKET > r->left)
		return OF_GROUP_MOD_BUCKET;
	if (group->command != OF_GROUP_DELETE) {
		of_fault fault = check_bucket(group, b);

		if (fault)
			return fault;
	}
	return of_action_set_read(from, r, len - (uint32_t)OFP_BUCKET, &b->actions);
}

static of_fault read_buckets(struct of_decoder *d, struct of_group_mod *group)
{
	struct of_action_source actions = of_decoder_actions(d);
	uint32_t most = d->r.left / OFP_BUCKET;
	of_fault fault = OF_OK;

	if (most > OF_ACTIONS_MAX)
		most = OF_ACTIONS_MAX;
	group->buckets = of_arena_take(d->arena, most, sizeof(struct of_bucket));
	if (!group->buckets)
		return OF_GROUP_MOD_OUT_OF_BUCKETS;
	while (d->r.left && !fault) {
		struct of_bucket *b = &group->buckets[group->bucket_count];

		if (group->bucket_count == most)
			return d->r.left < OFP_BUCKET ? OF_GROUP_MOD_BUCKET
						      : OF_GROUP_MOD_OUT_OF_BUCKETS;
		b->id = group->bucket_count++;
		fault = read_bucket(&actions, &d->r, group, b);
	}
	return fault;
}

static of_fault check_group(const struct of_group_mod *group)
{
	if (group->command > OF_GROUP_DELETE)
		return OF_GROUP_MOD_COMMAND;
	if (group->command == OF_GROUP_DELETE)
		return group->group > OF_GROUP_MAX && group->group != OF_GROUP_ALL
			       ? OF_GROUP_MOD_INVALID
			       : OF_OK;
	if (group->type > OF_GROUP_TYPE_FAST_FAILOVER)
		return OF_GROUP_MOD_BAD_TYPE;
	return group->group > OF_GROUP_MAX ? OF_GROUP_MOD_INVALID : OF_OK;
}

of_fault of_decode_group(struct of_decoder *d, struct of_message *out)
{
	struct of_group_mod *group = &out->group;
	of_fault fault;

	group->version = d->version;
	group->command = of_get16(&d->r);
	group->type = of_get8(&d->r);
	of_skip(&d->r, 1);
	group->group = of_get32(&d->r);
	fault = check_group(group);
	if (!fault)
		fault = read_buckets(d, group);
	if (!fault && group->type == OF_GROUP_TYPE_INDIRECT && group->command != OF_GROUP_DELETE &&
	    group->bucket_count != 1)
		fault = OF_GROUP_MOD_INVALID;
	return fault;
}

/* ---- meters ------------------------------------------------------------------------------------ */

enum { METER_FLAGS = OF_METER_KBPS | OF_METER_PKTPS | OF_METER_BURST | OF_METER_STATS };
enum { PREC_LEVEL_MOST = 63, BAND_HEAD = 4 };

static of_fault read_band(struct of_reader *r, struct of_band *band)
{
	uint16_t len;

	band->type = of_get16(r);
	len = of_get16(r);
	if (r->is_short || len < BAND_HEAD)
		return OF_BAD_REQUEST_LEN;
	if (band->type != OF_BAND_DROP && band->type != OF_BAND_DSCP_REMARK)
		return OF_METER_MOD_BAND;
	if (len != OFP_METER_BAND || r->left < OFP_METER_BAND - BAND_HEAD)
		return OF_BAD_REQUEST_LEN;
	band->rate = of_get32(r);
	band->burst = of_get32(r);
	band->prec_level = of_get8(r);
	of_skip(r, 3);
	if (band->type == OF_BAND_DROP)
		band->prec_level = 0;
	return band->prec_level > PREC_LEVEL_MOST ? OF_METER_MOD_BAND_VALUE : OF_OK;
}

static of_fault check_meter(const struct of_meter_mod *meter)
{
	const uint32_t units = OF_METER_KBPS | OF_METER_PKTPS;

	if (meter->command > OF_METER_DELETE)
		return OF_METER_MOD_COMMAND;
	if (meter->command == OF_METER_DELETE && meter->meter == OF_METER_ALL)
		return OF_OK;
	if (!meter->meter || meter->meter > OF_METER_MAX)
		return OF_METER_MOD_INVALID;
	if (meter->command == OF_METER_DELETE)
		return OF_OK;
	if (meter->flags & ~METER_FLAGS || (meter->flags & units) == units)
		return OF_METER_MOD_FLAGS;
	return OF_OK;
}

of_fault of_decode_meter(struct of_decoder *d, struct of_message *out)
{
	struct of_meter_mod *meter = &out->meter;
	of_fault fault;

	meter->command = of_get16(&d->r);
	meter->flags = of_get16(&d->r);
	meter->meter = of_get32(&d->r);
	fault = check_meter(meter);
	if (fault || meter->command == OF_METER_DELETE)
		return fault;
	meter->bands =
		of_arena_take(d->arena, d->r.left / OFP_METER_BAND + 1, sizeof(struct of_band));
	if (!meter->bands)
		return OF_METER_MOD_OUT_OF_BANDS;
	while (d->r.left && !fault)
		fault = read_band(&d->r, &meter->bands[meter->band_count++]);
	return fault;
}
