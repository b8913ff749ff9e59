/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_multipart.c - questions: 1.0, 5.3.5; 1.3, 7.3.5.
 */
#include "wire/decode.h"
#include "wire/oxm.h"

typedef of_fault (*request_fn)(struct of_decoder *d, struct of_multipart *out);

struct request_rule {
	uint16_t len;  /* behind type and flags: at least so much */
	bool is_exact; /* and no more */
	uint8_t since; /* first version that has it; 0: none */
	request_fn read;
};

static of_fault read_nothing(struct of_decoder *d, struct of_multipart *out)
{
	(void)d;
	out->port = OF_PORT_ANY;
	out->queue = OF_QUEUE_ALL;
	return OF_OK;
}

static bool is_port_or_any(uint32_t port)
{
	return port == OF_PORT_ANY || port == OF_PORT_LOCAL || (port && port <= OF_PORT_MAX);
}

static of_fault check_table(const struct of_flow_filter *filter)
{
	return filter->table == OF_TABLES ? OF_BAD_REQUEST_TABLE_ID : OF_OK;
}

static of_fault read_port(struct of_decoder *d, struct of_multipart *out)
{
	out->port = of_get32(&d->r);
	return is_port_or_any(out->port) ? OF_OK : OF_BAD_REQUEST_PORT;
}

static of_fault read_queue(struct of_decoder *d, struct of_multipart *out)
{
	out->port = of_get32(&d->r);
	out->queue = of_get32(&d->r);
	return is_port_or_any(out->port) ? OF_OK : OF_QUEUE_OP_PORT;
}

static of_fault read_group(struct of_decoder *d, struct of_multipart *out)
{
	out->group = of_get32(&d->r);
	return OF_OK;
}

static of_fault read_meter(struct of_decoder *d, struct of_multipart *out)
{
	out->meter = of_get32(&d->r);
	return OF_OK;
}

static of_fault read_flow(struct of_decoder *d, struct of_multipart *out)
{
	struct of_flow_filter *flow = &out->flow;
	of_fault fault;

	flow->table = of_get8(&d->r);
	of_skip(&d->r, 3);
	flow->out_port = of_get32(&d->r);
	flow->out_group = of_get32(&d->r);
	of_skip(&d->r, 4);
	flow->cookie = of_get64(&d->r);
	flow->cookie_mask = of_get64(&d->r);
	fault = of_match_read(&d->r, d->version, &flow->match);
	if (!fault)
		fault = check_table(flow);
	if (!fault && d->r.left)
		fault = OF_BAD_REQUEST_LEN;
	return fault;
}

/* ---- 1.0 --------------------------------------------------------------------------------------- */

static of_fault read_flow10(struct of_decoder *d, struct of_multipart *out)
{
	struct of_flow_filter *flow = &out->flow;
	of_fault fault = of_match10_read(&d->r, &flow->match);

	flow->table = of_get8(&d->r);
	of_skip(&d->r, 1);
	flow->out_port = of_port_from16(of_get16(&d->r));
	flow->out_group = OF_GROUP_ANY;
	return fault ? fault : check_table(flow);
}

static of_fault read_port10(struct of_decoder *d, struct of_multipart *out)
{
	out->port = of_port_from16(of_get16(&d->r));
	return is_port_or_any(out->port) ? OF_OK : OF_BAD_REQUEST_PORT;
}

/* All ports were OFPP_ALL here: 1.0, 5.3.5. */
static of_fault read_queue10(struct of_decoder *d, struct of_multipart *out)
{
	out->port = of_port_from16(of_get16(&d->r));
	of_skip(&d->r, 2);
	out->queue = of_get32(&d->r);
	if (out->port == OF_PORT_ALL)
		out->port = OF_PORT_ANY;
	return is_port_or_any(out->port) ? OF_OK : OF_QUEUE_OP_PORT;
}

/* ---- which is which ---------------------------------------------------------------------------- */

enum {
	FLOW10 = OFP10_MATCH + 4, /* table 1, -1, out_port 2 */
	FLOW = 32,                /* table 1, -3, out_port 4, out_group 4, -4, cookie 8, mask 8 */
	ONE = 8,                  /* a number 4, -4; port 4, queue 4 */
};

/* PORT_DESC in 1.0 is what switches with many ports have. */
static const struct request_rule rules10[] = {
	[OFPMP_DESC] = { 0, true, OF_V10, read_nothing },
	[OFPMP_FLOW] = { FLOW10, true, OF_V10, read_flow10 },
	[OFPMP_AGGREGATE] = { FLOW10, true, OF_V10, read_flow10 },
	[OFPMP_TABLE] = { 0, true, OF_V10, read_nothing },
	[OFPMP_PORT_STATS] = { ONE, true, OF_V10, read_port10 },
	[OFPMP_QUEUE] = { ONE, true, OF_V10, read_queue10 },
	[OFPMP_PORT_DESC] = { 0, true, OF_V10, read_nothing },
};

static const struct request_rule rules[] = {
	[OFPMP_DESC] = { 0, true, OF_V13, read_nothing },
	[OFPMP_FLOW] = { FLOW, false, OF_V13, read_flow },
	[OFPMP_AGGREGATE] = { FLOW, false, OF_V13, read_flow },
	[OFPMP_TABLE] = { 0, true, OF_V13, read_nothing },
	[OFPMP_PORT_STATS] = { ONE, true, OF_V13, read_port },
	[OFPMP_QUEUE] = { ONE, true, OF_V13, read_queue },
	[OFPMP_GROUP] = { ONE, true, OF_V13, read_group },
	[OFPMP_GROUP_DESC] = { 0, true, OF_V13, read_nothing },
	[OFPMP_GROUP_FEATURES] = { 0, true, OF_V13, read_nothing },
	[OFPMP_METER] = { ONE, true, OF_V13, read_meter },
	[OFPMP_METER_CONFIG] = { ONE, true, OF_V13, read_meter },
	[OFPMP_METER_FEATURES] = { 0, true, OF_V13, read_nothing },
	[OFPMP_TABLE_FEATURES] = { 0, false, OF_V13, of_decode_table_features },
	[OFPMP_PORT_DESC] = { 0, true, OF_V13, read_nothing },
	[OFPMP_TABLE_DESC] = { 0, true, OF_V14, read_nothing },
	[OFPMP_QUEUE_DESC] = { ONE, true, OF_V14, read_queue },
};

enum {
	RULES10 = sizeof(rules10) / sizeof(rules10[0]),
	RULES = sizeof(rules) / sizeof(rules[0]),
};

/*
 * Only the features of tables may be asked for in several messages; whoever announces more of another
 * question is told that we do not collect it.
 */
static of_fault check_flags(const struct of_multipart *m, uint16_t flags)
{
	if (flags & ~OFPMPF_MORE)
		return OF_BAD_REQUEST_MULTIPART;
	if (m->has_more && m->type != OFPMP_TABLE_FEATURES)
		return OF_BAD_REQUEST_MULTIPART_OVERFLOW;
	return OF_OK;
}

static of_fault read_request(struct of_decoder *d, const struct request_rule *table, uint32_t count,
			     struct of_multipart *m)
{
	const struct request_rule *rule = m->type < count ? &table[m->type] : NULL;

	if (!rule || !rule->since || rule->since > d->version)
		return OF_BAD_REQUEST_MULTIPART;
	if (d->r.left < rule->len || (rule->is_exact && d->r.left != rule->len))
		return OF_BAD_REQUEST_LEN;
	return rule->read(d, m);
}

/* Of experimenters we know no question: who asks is not looked at. */
static of_fault refuse_experimenter(struct of_decoder *d)
{
	uint32_t vendor = of_get32(&d->r);

	if (d->r.is_short)
		return OF_BAD_REQUEST_LEN;
	return vendor == OFP_NICIRA || vendor == OFP_ONF ? OF_BAD_REQUEST_EXP_TYPE
							 : OF_BAD_REQUEST_EXPERIMENTER;
}

static of_fault decode(struct of_decoder *d, const struct request_rule *table, uint32_t count,
		       struct of_multipart *m)
{
	uint16_t flags;
	of_fault fault;

	m->type = of_get16(&d->r);
	flags = of_get16(&d->r);
	m->has_more = flags & OFPMPF_MORE;
	if (d->version != OF_V10)
		of_skip(&d->r, 4);
	if (m->type == OFPMP_EXPERIMENTER)
		return refuse_experimenter(d);
	fault = read_request(d, table, count, m);
	return fault ? fault : check_flags(m, flags);
}

of_fault of_decode_multipart10(struct of_decoder *d, struct of_message *out)
{
	return decode(d, rules10, RULES10, &out->multipart);
}

of_fault of_decode_multipart(struct of_decoder *d, struct of_message *out)
{
	return decode(d, rules, RULES, &out->multipart);
}
