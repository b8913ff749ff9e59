/* SPDX-License-Identifier: Apache-2.0 */
/* agent/statistics.c - what is told in answers of many parts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/query.h"
#include "agent/tables.h"
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

/* So many flows are looked at in one turn; more are gone through in several, as they are by then. */
enum { GATHERED_AT_ONCE = 4096 };

static of_fault gather_rules(struct of_query *q)
{
	struct of_flows *flows = &agent_of(q)->pipeline.state.flows;

	if (of_flows_weight(flows, &q->what.flow) > GATHERED_AT_ONCE) {
		of_cursor_begin(&q->cursor, flows, &q->what.flow);
		q->is_walked = true;
		return OF_OK;
	}
	if (of_flows_list(flows, &q->what.flow, &q->rules, &q->rule_count) != 0)
		return OF_BAD_REQUEST_EPERM;
	q->count = q->rule_count;
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
		return OF_BAD_REQUEST_PORT;
	return OF_OK;
}

static of_fault gather_queues(struct of_query *q)
{
	int code = of_queues_list(agent_of(q), q->what.port, q->what.queue, &q->queues);

	q->count = q->queues.count;
	if (code < 0)
		return code == -ENOENT ? OF_QUEUE_OP_PORT : OF_QUEUE_OP_EPERM;
	return q->count || q->what.queue == OF_QUEUE_ALL ? OF_OK : OF_QUEUE_OP_QUEUE;
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

	return gather_map(q, groups, id, OF_GROUP_ALL);
}

static of_fault gather_meters(struct of_query *q)
{
	struct of_map *meters = &agent_of(q)->pipeline.state.meters;
	of_fault fault = gather_map(q, meters, q->what.meter, OF_METER_ALL);

	if (!fault && !q->count && q->what.meter != OF_METER_ALL)
		return OF_METER_MOD_UNKNOWN_METER;
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
		return gather_ports(q);
	case OFPMP_QUEUE:
	case OFPMP_QUEUE_DESC:
		return gather_queues(q);
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
	of_cursor_end(&q->cursor);
	free(q->rules);
	free(q->ids);
	free(q->queues.views);
	q->rules = NULL;
	q->rule_count = 0;
	q->ids = NULL;
	q->queues.views = NULL;
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
	struct of_table_view v;
	char name[32];

	if (!of_table_is_there(agent_of(q), table))
		return;
	of_table_view_of(agent_of(q), table, name, &v);
	if (q->what.type == OFPMP_TABLE)
		of_reply_table(&q->reply, &v);
	else
		of_reply_table_desc(&q->reply, &v);
}

static void tell_table_features(struct of_query *q, uint8_t table)
{
	struct of_table_features v;

	if (!of_table_is_there(agent_of(q), table))
		return;
	of_table_features_of(agent_of(q), table, &v);
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
		.references =
			of_references_of(&agent_of(q)->pipeline.state.flows.groups, g->entry.id),
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
		.flows = of_references_of(&agent_of(q)->pipeline.state.flows.meters, m->entry.id),
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

/* One flow: told of, or added up. */
static void tell_rule(struct of_query *q, const struct of_rule *r)
{
	if (q->what.type == OFPMP_FLOW) {
		tell_flow(q, r);
		return;
	}
	q->sum.flows++;
	q->sum.counts.packets += of_count(&r->stats->packets);
	q->sum.counts.bytes += of_count(&r->stats->bytes);
}

bool of_query_is_told(const struct of_query *q)
{
	return q->is_walked ? q->cursor.is_done : q->at == q->count;
}

static void step(struct of_query *q)
{
	const struct of_rule *r = of_cursor_step(&q->cursor, &q->what.flow);

	if (r)
		tell_rule(q, r);
}

void of_query_finish(struct of_query *q)
{
	if (q->what.type == OFPMP_AGGREGATE)
		of_reply_aggregate(&q->reply, &q->sum);
}

void of_query_tell(struct of_query *q)
{
	struct of_agent *a = agent_of(q);
	struct of_state *s = &a->pipeline.state;
	uint32_t at = q->at;

	if (q->is_walked) {
		step(q);
		return;
	}
	q->at++;
	switch (q->what.type) {
	case OFPMP_DESC:
		tell_desc(q);
		break;
	case OFPMP_FLOW:
	case OFPMP_AGGREGATE:
		tell_rule(q, q->rules[at]);
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
	case OFPMP_QUEUE:
		of_reply_queue(&q->reply, &q->queues.views[at]);
		break;
	case OFPMP_QUEUE_DESC:
		of_reply_queue_desc(&q->reply, &q->queues.views[at]);
		break;
	default:
		break;
	}
}
