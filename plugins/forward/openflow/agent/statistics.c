/* SPDX-License-Identifier: Apache-2.0 */
/* agent/statistics.c - what is told in answers of many parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/query.h"
#include "table/instructions.h"

static struct of_agent *agent_of(const struct of_query *q)
{
	return q->controller->agent;
}

static struct of_counts counts_of(const struct of_stats *s)
{
	return (struct of_counts){ of_count(&s->packets), of_count(&s->bytes) };
}

/* ---- what to tell of ------------------------------------------------------------------------------- */

static of_fault gather_rules(struct of_query *q)
{
	if (of_flows_list(&agent_of(q)->pipeline.state.flows, &q->what.flow, &q->rules,
			  &q->rule_count) != 0)
		return OF_BAD_REQUEST_EPERM;
	q->count = q->what.type == OFPMP_FLOW ? q->rule_count : 1;
	return OF_OK;
}

static of_fault gather_ports(struct of_query *q)
{
	struct of_agent *a = agent_of(q);

	q->ids = malloc(a->pipeline.ports_max * sizeof(*q->ids));
	if (!q->ids)
		return OF_BAD_REQUEST_EPERM;
	for (uint32_t id = 1; id < a->pipeline.ports_max; id++) {
		if (a->ports[id].is_there && (q->what.port == OF_PORT_ANY ||
					      of_agent_port(a, q->what.port) == &a->ports[id]))
			q->ids[q->count++] = id;
	}
	if (!q->count && q->what.port != OF_PORT_ANY)
		return q->what.type == OFPMP_QUEUE ? OF_QUEUE_OP_PORT : OF_BAD_REQUEST_PORT;
	return OF_OK;
}

static void forget_references(const struct of_state *s)
{
	for (struct of_entry *e = of_map_next(&s->groups, 0); e;
	     e = e->id < UINT32_MAX ? of_map_next(&s->groups, e->id + 1) : NULL)
		of_group_of(e)->references = 0;
	for (struct of_entry *e = of_map_next(&s->meters, 0); e;
	     e = e->id < UINT32_MAX ? of_map_next(&s->meters, e->id + 1) : NULL)
		of_meter_of(e)->references = 0;
}

static void count_references(struct of_agent *a)
{
	struct of_state *s = &a->pipeline.state;

	forget_references(s);
	for (uint32_t t = 0; t < OF_TABLES; t++) {
		for (const struct of_rule *r = s->flows.tables[t].oldest; r; r = r->newer) {
			const struct of_instructions *i = r->instructions;
			struct of_entry *e =
				i->has & OF_INS_METER ? of_map_get(&s->meters, i->meter) : NULL;

			if (e)
				of_meter_of(e)->references++;
			for (uint32_t n = 0; n < i->apply.count + i->write.count; n++) {
				const struct of_action *at =
					n < i->apply.count ? &i->apply.list[n]
							   : &i->write.list[n - i->apply.count];

				e = at->type == OF_ACT_GROUP ? of_map_get(&s->groups, at->number)
							     : NULL;
				if (e)
					of_group_of(e)->references++;
			}
		}
	}
}

static of_fault gather_map(struct of_query *q, const struct of_map *map, uint32_t id, uint32_t all)
{
	if (id == all)
		return of_map_ids(map, &q->ids, &q->count) == 0 ? OF_OK : OF_BAD_REQUEST_EPERM;
	q->ids = malloc(sizeof(*q->ids));
	if (!q->ids)
		return OF_BAD_REQUEST_EPERM;
	q->ids[0] = id;
	q->count = of_map_get(map, id) != NULL;
	return OF_OK;
}

static of_fault gather_groups(struct of_query *q)
{
	struct of_map *groups = &agent_of(q)->pipeline.state.groups;
	uint32_t id = q->what.type == OFPMP_GROUP ? q->what.group : OF_GROUP_ALL;
	of_fault fault = gather_map(q, groups, id, OF_GROUP_ALL);

	if (!fault && q->what.type == OFPMP_GROUP)
		count_references(agent_of(q));
	return fault;
}

static of_fault gather_meters(struct of_query *q)
{
	struct of_map *meters = &agent_of(q)->pipeline.state.meters;
	of_fault fault = gather_map(q, meters, q->what.meter, OF_METER_ALL);

	if (!fault && !q->count && q->what.meter != OF_METER_ALL)
		return OF_METER_MOD_UNKNOWN_METER;
	if (!fault && q->what.type == OFPMP_METER)
		count_references(agent_of(q));
	return fault;
}

of_fault of_query_gather(struct of_query *q)
{
	switch (q->what.type) {
	case OFPMP_FLOW:
	case OFPMP_AGGREGATE:
		return gather_rules(q);
	case OFPMP_PORT_STATS:
	case OFPMP_PORT_DESC:
	case OFPMP_QUEUE:
	case OFPMP_QUEUE_DESC:
		return gather_ports(q);
	case OFPMP_GROUP:
	case OFPMP_GROUP_DESC:
		return gather_groups(q);
	case OFPMP_METER:
	case OFPMP_METER_CONFIG:
		return gather_meters(q);
	case OFPMP_TABLE:
	case OFPMP_TABLE_DESC:
	case OFPMP_TABLE_FEATURES:
		q->count = OF_TABLES;
		return OF_OK;
	default:
		q->count = 1;
		return OF_OK;
	}
}

void of_query_let_go(struct of_query *q)
{
	for (uint32_t i = 0; i < q->rule_count; i++)
		of_rule_drop(q->rules[i]);
	free(q->rules);
	free(q->ids);
	q->rules = NULL;
	q->rule_count = 0;
	q->ids = NULL;
}

/* ---- flows, tables ---------------------------------------------------------------------------------- */

static void tell_flow(struct of_query *q, const struct of_rule *r)
{
	struct of_match match;
	struct of_flow_view v = of_flow_view_of(r, &match, q->now_ns);

	of_reply_flow(&q->reply, &v);
}

static void tell_table(struct of_query *q, uint8_t table)
{
	const struct of_flow_table *t = &agent_of(q)->pipeline.state.flows.tables[table];
	char name[16];
	const struct of_table_view v = {
		.name = name,
		.lookups = of_count(&t->lookups.packets),
		.matched = of_count(&t->matched.packets),
		.active = t->count,
		.max_entries = t->limit,
		.config = t->evicts ? OF_TABLE_EVICTION : 0,
		.eviction_flags = 2,
		.table = table,
	};

	(void)snprintf(name, sizeof(name), "table%u", table);
	if (q->what.type == OFPMP_TABLE)
		of_reply_table(&q->reply, &v);
	else
		of_reply_table_desc(&q->reply, &v);
}

static uint64_t fields_with(uint32_t flag)
{
	uint64_t fields = 0;

	for (uint32_t id = 0; id < OF_FIELDS; id++) {
		const struct of_field *f = of_field(id);

		/* those of 1.5 and Nicira's are not told of: their numbers are others */
		if (f && f->flags & flag && f->since && f->since <= OF_V14)
			fields |= UINT64_C(1) << id;
	}
	return fields;
}

static void tell_table_features(struct of_query *q, uint8_t table)
{
	const struct of_flow_table *t = &agent_of(q)->pipeline.state.flows.tables[table];
	const uint32_t instructions = OF_INS_METADATA | OF_INS_WRITE | OF_INS_APPLY | OF_INS_CLEAR |
				      OF_INS_METER | (table + 1 < OF_TABLES ? OF_INS_GOTO : 0u);
	const uint32_t actions =
		1u << OF_ACT_OUTPUT | 1u << OF_ACT_GROUP | 1u << OF_ACT_SET_QUEUE |
		1u << OF_ACT_SET_FIELD | 1u << OF_ACT_PUSH_VLAN | 1u << OF_ACT_POP_VLAN |
		1u << OF_ACT_PUSH_MPLS | 1u << OF_ACT_POP_MPLS | 1u << OF_ACT_SET_MPLS_TTL |
		1u << OF_ACT_DEC_MPLS_TTL | 1u << OF_ACT_SET_NW_TTL | 1u << OF_ACT_DEC_NW_TTL |
		1u << OF_ACT_COPY_TTL_OUT | 1u << OF_ACT_COPY_TTL_IN;
	struct of_table_features v = {
		.metadata_match = UINT64_MAX,
		.metadata_write = UINT64_MAX,
		.match = fields_with(OF_FIELD_MATCHABLE),
		.match_masks = fields_with(OF_FIELD_MASKABLE),
		.wildcards = fields_with(OF_FIELD_MATCHABLE),
		.config = 0,
		.max_entries = t->limit,
		.properties = 0xf5ff, /* all of 1.3.5, 7.3.5.5.2 */
		.table = table,
	};

	for (uint32_t miss = 0; miss < 2; miss++) {
		v.instructions[miss] = instructions;
		v.write_actions[miss] = v.apply_actions[miss] = actions;
		v.write_set[miss] = v.apply_set[miss] = fields_with(OF_FIELD_SETTABLE);
		for (uint32_t next = table + 1u; next < OF_TABLES; next++)
			v.next[miss][next / 64] |= UINT64_C(1) << next % 64;
	}
	(void)snprintf(v.name, sizeof(v.name), "table%u", table);
	of_reply_table_features(&q->reply, &v);
}

/* ---- ports ------------------------------------------------------------------------------------------ */

static void tell_port_counts(struct of_query *q, const struct of_port *p)
{
	struct of_agent *a = agent_of(q);
	struct xvs_port_stats s = { .size = sizeof(s) };
	struct of_port_counts_view v = {
		.port = of_port_number(&a->pipeline, p->id),
		.age = of_age_of(p->since_ns, q->now_ns),
		.rx_frame_err = UINT64_MAX,
		.rx_over_err = UINT64_MAX,
		.rx_crc_err = UINT64_MAX,
		.collisions = UINT64_MAX,
	};

	if (a->port_host && a->port_host->stats(a->host, p->id, &s) == 0) {
		v.rx_packets = s.rx_packets;
		v.tx_packets = s.tx_packets;
		v.rx_bytes = s.rx_bytes;
		v.tx_bytes = s.tx_bytes;
		v.rx_dropped = s.rx_drops;
		v.tx_dropped = s.tx_drops;
		v.rx_errors = s.rx_errors;
		v.tx_errors = s.tx_errors;
	}
	of_reply_port_counts(&q->reply, &v);
}

static void tell_port(struct of_query *q, const struct of_port *p)
{
	struct of_port_view v;

	of_agent_port_view(agent_of(q), p, &v);
	of_reply_port(&q->reply, &v);
}

/* ---- groups and meters ------------------------------------------------------------------------------ */

static void tell_group(struct of_query *q, struct of_entry *e)
{
	const struct of_group *g = e ? of_group_of(e) : NULL;
	struct of_bucket *buckets;
	struct of_counts *counts;
	struct of_group_view v;

	if (!g)
		return;
	buckets = calloc(g->bucket_count + 1, sizeof(*buckets));
	counts = calloc(g->bucket_count + 1, sizeof(*counts));
	for (uint32_t i = 0; buckets && counts && i < g->bucket_count; i++) {
		buckets[i] = g->buckets[i].what;
		counts[i] = counts_of(g->buckets[i].stats);
	}
	v = (struct of_group_view){
		.group = g->entry.id,
		.type = g->type,
		.references = g->references,
		.counts = counts_of(g->stats),
		.age = of_age_of(g->created_ns, q->now_ns),
		.buckets = buckets,
		.bucket_counts = counts,
		.bucket_count = buckets && counts ? g->bucket_count : 0,
	};
	if (q->what.type == OFPMP_GROUP)
		of_reply_group(&q->reply, &v);
	else
		of_reply_group_desc(&q->reply, &v);
	free(buckets);
	free(counts);
}

static void tell_meter(struct of_query *q, struct of_entry *e)
{
	const struct of_meter *m = e ? of_meter_of(e) : NULL;
	struct of_band bands[OF_BANDS_MAX];
	struct of_counts counts[OF_BANDS_MAX];
	struct of_meter_view v;

	if (!m)
		return;
	for (uint32_t i = 0; i < m->band_count; i++) {
		bands[i] = m->bands[i].what;
		counts[i] = counts_of(m->bands[i].stats);
	}
	v = (struct of_meter_view){
		.meter = m->entry.id,
		.flows = m->references,
		.counts = counts_of(m->stats),
		.age = of_age_of(m->created_ns, q->now_ns),
		.flags = m->flags,
		.bands = bands,
		.band_counts = counts,
		.band_count = m->band_count,
	};
	if (q->what.type == OFPMP_METER)
		of_reply_meter(&q->reply, &v);
	else
		of_reply_meter_config(&q->reply, &v);
}

static void tell_group_features(struct of_query *q)
{
	struct of_group_features_view v = {
		.types = 0xf, .capabilities = 0xf, /* weights, liveness, chaining, checks of it */
	};

	for (uint32_t i = 0; i < 4; i++) {
		v.max_groups[i] = OF_GROUPS_MAX;
		v.actions[i] = UINT32_MAX >> (32 - OF_ACT_TYPES) & ~1u;
	}
	of_reply_group_features(&q->reply, &v);
}

static void tell_meter_features(struct of_query *q)
{
	const struct of_meter_features_view v = {
		.max_meter = OF_METERS_MAX,
		.band_types = 1u << OF_BAND_DROP | 1u << OF_BAND_DSCP_REMARK,
		.capabilities = OF_METER_KBPS | OF_METER_PKTPS | OF_METER_BURST | OF_METER_STATS,
		.max_bands = OF_BANDS_MAX,
	};

	of_reply_meter_features(&q->reply, &v);
}

static void tell_desc(struct of_query *q)
{
	const struct of_desc_view v = {
		.manufacturer = "xvs",
		.hardware = "virtual switch",
		.software = XVS_VERSION,
		.serial = "None",
		.datapath = agent_of(q)->switch_name,
	};

	of_reply_desc(&q->reply, &v);
}

static void tell_aggregate(struct of_query *q)
{
	struct of_aggregate_view v = { .flows = q->rule_count };

	for (uint32_t i = 0; i < q->rule_count; i++) {
		v.counts.packets += of_count(&q->rules[i]->stats->packets);
		v.counts.bytes += of_count(&q->rules[i]->stats->bytes);
	}
	of_reply_aggregate(&q->reply, &v);
}

void of_query_tell(struct of_query *q, uint32_t at)
{
	struct of_agent *a = agent_of(q);
	struct of_state *s = &a->pipeline.state;

	switch (q->what.type) {
	case OFPMP_DESC:
		tell_desc(q);
		break;
	case OFPMP_FLOW:
		tell_flow(q, q->rules[at]);
		break;
	case OFPMP_AGGREGATE:
		tell_aggregate(q);
		break;
	case OFPMP_TABLE:
	case OFPMP_TABLE_DESC:
		tell_table(q, (uint8_t)at);
		break;
	case OFPMP_TABLE_FEATURES:
		tell_table_features(q, (uint8_t)at);
		break;
	case OFPMP_PORT_STATS:
		if (a->ports[q->ids[at]].is_there)
			tell_port_counts(q, &a->ports[q->ids[at]]);
		break;
	case OFPMP_PORT_DESC:
		if (a->ports[q->ids[at]].is_there)
			tell_port(q, &a->ports[q->ids[at]]);
		break;
	case OFPMP_GROUP:
	case OFPMP_GROUP_DESC:
		tell_group(q, of_map_get(&s->groups, q->ids[at]));
		break;
	case OFPMP_METER:
	case OFPMP_METER_CONFIG:
		tell_meter(q, of_map_get(&s->meters, q->ids[at]));
		break;
	case OFPMP_GROUP_FEATURES:
		tell_group_features(q);
		break;
	case OFPMP_METER_FEATURES:
		tell_meter_features(q);
		break;
	default: /* queues: the operator's classes are no queues of a controller */
		break;
	}
}
