/* SPDX-License-Identifier: Apache-2.0 */
/*
 * say.c - every message that a switch says, in the version of argv[1], to standard output, one behind
 * the other: check_words.py listens, and knows the numbers that are said here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wire/encode.h"

static struct of_writer w;
static struct of_to to = { .writer = &w, .xid = 0x11223344 };

static const uint8_t type_ip[2] = { 0x08, 0x00 };
static const uint8_t proto_tcp = 6;
static const uint8_t port_80[2] = { 0, 80 };
static const uint8_t net_10[4] = { 10, 0, 0, 0 };
static const uint8_t bits_8[4] = { 255, 0, 0, 0 };
static const uint8_t port_3[4] = { 0, 0, 0, 3 };

static struct of_match match;

static struct of_action applied[] = {
	{ .type = OF_ACT_SET_FIELD,
	  .field = OF_ETH_DST,
	  .value = { 2, 0, 0, 0, 0, 9 },
	  .mask = { 255, 255, 255, 255, 255, 255 } },
	{ .type = OF_ACT_OUTPUT, .number = 2, .max_len = 128 },
	{ .type = OF_ACT_OUTPUT, .number = OF_PORT_CONTROLLER, .max_len = 0xffff },
};
static struct of_action written[] = { { .type = OF_ACT_GROUP, .number = 7 } };

static const struct of_instructions instructions = {
	.has = OF_INS_GOTO | OF_INS_METADATA | OF_INS_WRITE | OF_INS_APPLY | OF_INS_METER,
	.meter = 5,
	.metadata = 0x10,
	.metadata_mask = 0xf0,
	.apply = { applied, 3 },
	.write = { written, 1 },
	.goto_table = 9,
};

static const struct of_flow_view flow = {
	.match = &match,
	.instructions = &instructions,
	.counts = { 1001, 1002 },
	.age = { 1003, 1004 },
	.cookie = 0x1122334455667788,
	.priority = 1005,
	.idle_timeout = 1006,
	.hard_timeout = 1007,
	.flags = OF_FLOW_SEND_REMOVED | OF_FLOW_RESET_COUNTS,
	.importance = 1008,
	.table = 3,
};

static const struct of_port_view port = {
	.number = 3,
	.hw_addr = { 2, 0, 0, 0, 0, 3 },
	.name = "web-1-with-a-long-name",
	.config = OF_PC_DOWN | OF_PC_NO_FLOOD,
	.state = OF_PS_LINK_DOWN,
	.current = OF_PF_10GB_FD | OF_PF_FIBER,
	.advertised = OF_PF_10GB_FD | OF_PF_PAUSE,
	.supported = OF_PF_1GB_FD | OF_PF_COPPER,
	.peer = OF_PF_AUTONEG,
	.speed_kbps = 10000000,
	.max_speed_kbps = 20000000,
};

static const struct of_port_view local = { .number = OF_PORT_LOCAL, .name = "local" };

static const struct of_table_view table = {
	.name = "three",
	.lookups = 1101,
	.matched = 1102,
	.active = 1103,
	.max_entries = 1104,
	.config = OF_TABLE_EVICTION | OF_TABLE_VACANCY,
	.eviction_flags = 2,
	.vacancy_down = 20,
	.vacancy_up = 80,
	.vacancy = 50,
	.table = 3,
};

static const struct of_queue_view queue = {
	.port = 3,
	.queue = 7,
	.tx_bytes = 1201,
	.tx_packets = 1202,
	.tx_errors = 1203,
	.age = { 1204, 1205 },
	.min_rate = 120,
	.max_rate = 130,
};

static const struct of_counts bucket_counts[] = { { 1301, 1302 }, { 1303, 1304 } };
static const struct of_bucket buckets[] = {
	{ .weight = 4, .watch_port = 1, .watch_group = OF_GROUP_ANY, .actions = { applied + 1, 1 } },
	{ .weight = 5, .watch_port = OF_PORT_ANY, .watch_group = 6, .actions = { written, 1 } },
};
static const struct of_group_view group = {
	.group = 8,
	.type = OF_GROUP_TYPE_SELECT,
	.references = 1305,
	.counts = { 1306, 1307 },
	.age = { 1308, 1309 },
	.buckets = buckets,
	.bucket_counts = bucket_counts,
	.bucket_count = 2,
};

static const struct of_band bands[] = {
	{ .type = OF_BAND_DROP, .rate = 1401, .burst = 1402 },
	{ .type = OF_BAND_DSCP_REMARK, .rate = 1403, .burst = 1404, .prec_level = 2 },
};
static const struct of_counts band_counts[] = { { 1405, 1406 }, { 1407, 1408 } };
static const struct of_meter_view meter = {
	.meter = 9,
	.flows = 1409,
	.counts = { 1410, 1411 },
	.age = { 1412, 1413 },
	.flags = OF_METER_KBPS | OF_METER_BURST,
	.bands = bands,
	.band_counts = band_counts,
	.band_count = 2,
};

static void build_match(void)
{
	of_fault fault = of_match_add(&match, OF_IN_PORT, port_3, NULL);

	fault |= of_match_add(&match, OF_ETH_TYPE, type_ip, NULL);
	fault |= of_match_add(&match, OF_IP_PROTO, &proto_tcp, NULL);
	fault |= of_match_add(&match, OF_IPV4_DST, net_10, bits_8);
	fault |= of_match_add(&match, OF_TCP_DST, port_80, NULL);
	if (fault)
		abort();
}

static void say_basics(void)
{
	const uint8_t wrong[12] = { 4, 2, 0, 12, 0, 0, 0, 9, 1, 2, 3, 4 };
	const struct of_port_view ports[] = { port, local };
	const struct of_features_view features = {
		.datapath_id = 0x1122334455667788,
		.buffers = 256,
		.tables = 254,
		.capabilities = OF_CAP_FLOW_STATS | OF_CAP_GROUP_STATS | OF_CAP_QUEUE_STATS,
		.ports = ports,
		.port_count = 2,
	};
	const struct of_config config = { 1, 256 };

	of_put_hello(&w, to.xid, to.version == OF_V10 ? 1u << OF_V10 : OF_VERSIONS);
	of_put_error(&to, OF_FLOW_MOD_OVERLAP, wrong, sizeof(wrong));
	of_put_hello_failed(&to, "no version in common");
	of_put_echo_request(&to, "ping", 4);
	of_put_echo_reply(&to, (struct of_bytes){ wrong, 12 });
	of_put_features(&to, &features);
	of_put_config(&to, &config);
	of_put_barrier_reply(&to);
}

static void say_events(void)
{
	struct of_fields fields = { .in_port = 3, .metadata = 0x55, .regs = { 0, 0x66 } };
	const uint8_t packet[20] = { 1, 2, 3 };
	const struct of_packet_in_view packet_in = {
		.buffer_id = 0x77,
		.total_len = 1500,
		.reason = OF_PACKET_IN_ACTION,
		.table = 4,
		.cookie = 0x8899,
		.fields = &fields,
		.packet = packet,
		.len = sizeof(packet),
	};

	of_put_packet_in(&to, &packet_in);
	of_put_flow_removed(&to, &flow, OF_REMOVED_HARD);
	of_put_port_status(&to, &port, OF_PORT_MODIFY);
	of_put_role_reply(&to, OF_ROLE_SLAVE, 0x123456789);
	of_put_role_status(&to, OF_ROLE_MASTER, OF_ROLE_BY_MASTER, 0x123456789);
	of_put_table_status(&to, &table, OF_TABLE_VACANCY_UP);
}

static void say_settings(void)
{
	struct of_async async = { 0 };
	const struct of_bundle bundle = { .bundle = 5, .type = OF_BUNDLE_COMMIT, .flags = 3 };

	for (uint32_t kind = 0; kind < OF_ASYNC_KINDS; kind++) {
		async.masks[kind][0] = 10 + kind;
		async.masks[kind][1] = 20 + kind;
	}
	of_put_async_reply(&to, &async);
	of_put_bundle_reply(&to, &bundle);
	of_put_queue_config(&to, 3, &queue, 1);
}

static struct of_reply *begin(uint16_t type)
{
	static struct of_reply r;

	of_reply_begin(&r, &to, type);
	return &r;
}

static void say_flows(void)
{
	const struct of_aggregate_view aggregate = { { 1501, 1502 }, 1503 };
	struct of_reply *r = begin(OFPMP_FLOW);

	of_reply_flow(r, &flow);
	of_reply_flow(r, &flow);
	of_reply_end(r);
	r = begin(OFPMP_AGGREGATE);
	of_reply_aggregate(r, &aggregate);
	of_reply_end(r);
	of_reply_end(begin(OFPMP_FLOW));
	r = begin(OFPMP_FLOW);
	for (uint32_t i = 0; i < 1000; i++)
		of_reply_flow(r, &flow);
	of_reply_end(r);
}

static void say_ports(void)
{
	static const struct of_desc_view desc = { "maker", "hardware", "software", "serial",
						  "path" };
	static const struct of_port_counts_view counts = {
		3,    { 1601, 1602 }, 1603, 1604, 1605, 1606, 1607,
		1608, 1609,           1610, 1611, 1612, 1613, 1614,
	};
	struct of_reply *r = begin(OFPMP_DESC);

	of_reply_desc(r, &desc);
	of_reply_end(r);
	r = begin(OFPMP_PORT_STATS);
	of_reply_port_counts(r, &counts);
	of_reply_end(r);
	r = begin(OFPMP_TABLE);
	of_reply_table(r, &table);
	of_reply_end(r);
	r = begin(OFPMP_QUEUE);
	of_reply_queue(r, &queue);
	of_reply_end(r);
}

static void say_groups(void)
{
	static const struct of_group_features_view features = {
		15,
		3,
		{ 1, 2, 3, 4 },
		{ 1u << OF_ACT_OUTPUT, 1u << OF_ACT_GROUP, 0, 0 },
	};
	struct of_reply *r = begin(OFPMP_GROUP);

	of_reply_group(r, &group);
	of_reply_end(r);
	r = begin(OFPMP_GROUP_DESC);
	of_reply_group_desc(r, &group);
	of_reply_end(r);
	r = begin(OFPMP_GROUP_FEATURES);
	of_reply_group_features(r, &features);
	of_reply_end(r);
}

static void say_meters(void)
{
	static const struct of_meter_features_view features = { 1701, 6, 15, 17, 3 };
	struct of_reply *r = begin(OFPMP_METER);

	of_reply_meter(r, &meter);
	of_reply_end(r);
	r = begin(OFPMP_METER_CONFIG);
	of_reply_meter_config(r, &meter);
	of_reply_end(r);
	r = begin(OFPMP_METER_FEATURES);
	of_reply_meter_features(r, &features);
	of_reply_end(r);
}

static void say_tables(void)
{
	const struct of_table_features features = {
		.metadata_match = 15,
		.metadata_write = 240,
		.next = { { 48, 0, 0, 1 } },
		.match = 1u << OF_IN_PORT | 1u << OF_ETH_DST,
		.match_masks = 1u << OF_ETH_DST,
		.wildcards = 1u << OF_ETH_DST,
		.write_set = { 1u << OF_TCP_DST },
		.apply_set = { 1u << OF_TCP_DST },
		.instructions = { OF_INS_GOTO | OF_INS_METER },
		.write_actions = { 1u << OF_ACT_GROUP },
		.apply_actions = { 1u << OF_ACT_OUTPUT },
		.max_entries = 1801,
		.properties = 0x5555,
		.table = 3,
		.name = "three",
	};
	struct of_reply *r = begin(OFPMP_TABLE_FEATURES);

	of_reply_table_features(r, &features);
	of_reply_end(r);
	r = begin(OFPMP_PORT_DESC);
	of_reply_port(r, &port);
	of_reply_port(r, &local);
	of_reply_end(r);
	if (to.version < OF_V14)
		return;
	r = begin(OFPMP_TABLE_DESC);
	of_reply_table_desc(r, &table);
	of_reply_end(r);
	r = begin(OFPMP_QUEUE_DESC);
	of_reply_queue_desc(r, &queue);
	of_reply_end(r);
}

int main(int argc, char **argv)
{
	bool is_said;

	if (argc != 2)
		return 2;
	to.version = (uint8_t)strtoul(argv[1], NULL, 10);
	of_writer_init(&w, 1u << 20);
	build_match();
	say_basics();
	say_events();
	say_settings();
	say_flows();
	say_ports();
	if (to.version != OF_V10) {
		say_groups();
		say_meters();
		say_tables();
	}
	is_said = !w.is_failed && fwrite(w.bytes, 1, w.len, stdout) == w.len;
	of_writer_finish(&w);
	return is_said ? 0 : 1;
}
