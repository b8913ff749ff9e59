/* SPDX-License-Identifier: Apache-2.0 */
/* Packets through tables: walks, verdicts, programs, groups, meters, action sets, what a controller sends. */
#include "support/test.h"

#include "world.h"

#include "pipeline/ipv6.h"

/* UDP from 10.0.0.1:1000 to 10.0.0.2:53, 8 bytes of data, without a checksum. */
static const uint8_t datagram[] = {
	2,    0,  0, 0, 0, 2,  2, 0, 0, 0, 0,    1, 8,  0, 0x45, 0, 0, 36, 0, 1, 0, 0, 64, 17, 0x66,
	0xc6, 10, 0, 0, 1, 10, 0, 0, 2, 3, 0xe8, 0, 53, 0, 16,   0, 0, 1,  2, 3, 4, 5, 6,  7,  8,
};

static struct of_action list[8];
static uint32_t count;

static int set_up(void **state)
{
	(void)state;
	world_begin();
	memset(list, 0, sizeof(list));
	count = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	world_end();
	return 0;
}

static struct xvs_packet *udp(void)
{
	struct xvs_packet *p = world_packet(datagram, sizeof(datagram));

	assert_int_equal(of_packet_adopt(p), 0);
	p->flags &= ~(uint32_t)XVS_PKT_DIRTY;
	return p;
}

/* ---- rules ------------------------------------------------------------------------------------------ */

static void act(uint8_t type, uint32_t number)
{
	list[count++] = (struct of_action){ .type = type, .number = number };
}

static void set_source(uint8_t last)
{
	list[count++] = (struct of_action){ .type = OF_ACT_SET_FIELD,
					    .field = OF_ETH_SRC,
					    .value = { 2, 0, 0, 0, 0, last },
					    .mask = { 255, 255, 255, 255, 255, 255 } };
}

static struct of_actions taken(void)
{
	const struct of_actions a = { list, count };

	count = 0;
	return a;
}

static void add(struct of_flow_mod *mod)
{
	struct of_state *s = &world.pipeline.state;

	mod->version = 4;
	mod->buffer_id = OF_NO_BUFFER;
	of_state_begin(s, 1);
	assert_int_equal(of_state_flow(s, mod), OF_OK);
	of_state_commit(s);
}

/* Of all packets in a table: these instructions. */
static void rule(uint8_t table, struct of_instructions i)
{
	struct of_flow_mod mod = {
		.table = table, .priority = 5, .cookie = 70u + table, .instructions = i
	};

	add(&mod);
}

static void applies(void)
{
	rule(0, (struct of_instructions){ .has = OF_INS_APPLY, .apply = taken() });
}

static void group(uint8_t type, uint32_t id, struct of_bucket *buckets, uint32_t buckets_count)
{
	struct of_state *s = &world.pipeline.state;
	const struct of_group_mod mod = { .version = 4,
					  .type = type,
					  .group = id,
					  .buckets = buckets,
					  .bucket_count = buckets_count };

	of_state_begin(s, 1);
	assert_int_equal(of_state_group(s, &mod), OF_OK);
	of_state_commit(s);
}

static struct of_bucket to_port(struct of_action *out, uint32_t port, uint32_t watch,
				uint16_t weight)
{
	*out = (struct of_action){ .type = OF_ACT_OUTPUT, .number = port };
	return (struct of_bucket){ .weight = weight,
				   .watch_port = watch,
				   .watch_group = OF_GROUP_ANY,
				   .actions = { out, 1 } };
}

static uint64_t matched(void)
{
	return of_count(&world.pipeline.state.flows.tables[0].matched.packets);
}

/* ---- verdicts --------------------------------------------------------------------------------------- */

static void what_matches_nothing_is_dropped(void **state)
{
	struct xvs_flow_verdict v = world_pass(udp());

	(void)state;
	assert_int_equal(v.action, XVS_FLOW_DROP);
	assert_int_equal(world.reason, OF_REASON_NO_MATCH);
	assert_int_equal(of_count(&world.pipeline.state.flows.tables[0].lookups.packets), 1);
	assert_int_equal(matched(), 0);
}

static void one_output_is_passed_by_the_host(void **state)
{
	struct xvs_flow_verdict v;

	(void)state;
	set_source(9);
	act(OF_ACT_OUTPUT, 3);
	applies();
	v = world_pass(udp());
	assert_int_equal(v.action, XVS_FLOW_PASS);
	assert_int_equal(v.dest, 3);
	assert_int_equal(v.set.eth_src[5], 9);
	assert_int_equal(v.rewrite.eth_src[0], 0xff);
	assert_int_equal(v.rewrite.eth_dst[0], 0);
	assert_int_equal(matched(), 1);
}

/* Nothing else of the packet may tell its flow apart: entries stay wide. */
static void only_what_rules_look_at_is_examined(void **state)
{
	struct of_flow_mod mod = { .priority = 9 };
	struct xvs_flow_verdict v;

	(void)state;
	mod.match.value.eth_type = 0x0800;
	mod.match.mask.eth_type = UINT16_MAX;
	mod.match.value.ipv4_dst = 0x0a000000;
	mod.match.mask.ipv4_dst = 0xff000000;
	act(OF_ACT_OUTPUT, 2);
	mod.instructions = (struct of_instructions){ .has = OF_INS_APPLY, .apply = taken() };
	add(&mod);
	v = world_pass(udp());
	assert_int_equal(v.action, XVS_FLOW_PASS);
	assert_int_equal(v.examined.ip_dst[12], 0xff);
	assert_int_equal(v.examined.ip_dst[13], 0);
	assert_int_equal(v.examined.ip_src[12], 0);
	assert_int_equal(v.examined.l4_dst, 0);
	assert_int_equal(v.examined.eth_dst[0], 0);
}

static void a_rule_without_actions_drops(void **state)
{
	(void)state;
	rule(0, (struct of_instructions){ 0 });
	assert_int_equal(world_pass(udp()).action, XVS_FLOW_DROP);
	assert_int_equal(world.reason, OF_REASON_NO_OUTPUT);
	assert_int_equal(matched(), 1);
}

static void back_only_by_its_own_name(void **state)
{
	(void)state;
	act(OF_ACT_OUTPUT, 1);
	applies();
	assert_int_equal(world_pass(udp()).action, XVS_FLOW_DROP);
	act(OF_ACT_OUTPUT, OF_PORT_IN_PORT);
	applies();
	assert_int_equal(world_pass(udp()).dest, XVS_DEST_IN_PORT);
}

/* ---- programs --------------------------------------------------------------------------------------- */

static void each_output_has_the_bytes_of_its_place(void **state)
{
	(void)state;
	act(OF_ACT_OUTPUT, 2);
	set_source(7);
	act(OF_ACT_OUTPUT, 3);
	set_source(8);
	act(OF_ACT_OUTPUT, OF_PORT_CONTROLLER);
	applies();
	assert_int_equal(world_pass(udp()).action, XVS_FLOW_WATCH);
	assert_int_equal(world.sent_count, 3);
	for (uint32_t n = 0; n < 3; n++) {
		const struct world_sent *s = &world.sent[n];

		assert_int_equal(s->len, sizeof(datagram));
		assert_int_equal(s->bytes[11], n == 0 ? 1 : n == 1 ? 7 : 8);
		assert_int_equal(s->dest, n == 2 ? XVS_DEST_NONE : n + 2);
	}
	assert_int_equal(world.sent[2].reason, OF_PACKET_IN_ACTION);
	assert_int_equal(world.dropped, 0);
	assert_int_equal(matched(), 1);
}

static void labels_are_pushed_by_a_walk_of_its_own(void **state)
{
	struct xvs_flow_verdict v;

	(void)state;
	act(OF_ACT_PUSH_MPLS, 0x8847);
	act(OF_ACT_PUSH_VLAN, 0x8100);
	act(OF_ACT_OUTPUT, 2);
	applies();
	v = world_pass(udp());
	assert_int_equal(v.action, XVS_FLOW_WATCH);
	assert_int_equal(v.cookie, 0);
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(world.sent[0].len, sizeof(datagram) + 8);
	assert_memory_equal(world.sent[0].bytes + 12, "\x81\0\0\0\x88\x47\0\0\x01\x40\x45", 11);
	assert_int_equal(matched(), 1);
}

/* A packet that was taken to pieces and put together again is what it was. */
static void what_is_pushed_and_popped_leaves_no_trace(void **state)
{
	(void)state;
	act(OF_ACT_PUSH_MPLS, 0x8848);
	act(OF_ACT_PUSH_MPLS, 0x8847);
	act(OF_ACT_POP_MPLS, 0x8848);
	act(OF_ACT_POP_MPLS, 0x0800);
	act(OF_ACT_OUTPUT, 2);
	applies();
	(void)world_pass(udp());
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(world.sent[0].len, sizeof(datagram));
	assert_memory_equal(world.sent[0].bytes, datagram, sizeof(datagram));
}

/* ---- tables and sets -------------------------------------------------------------------------------- */

static void a_set_is_carried_out_at_the_end_once_of_each_kind(void **state)
{
	struct of_instructions first = { .has = OF_INS_WRITE | OF_INS_GOTO, .goto_table = 1 };

	(void)state;
	act(OF_ACT_OUTPUT, 2);
	set_source(3);
	first.write = taken();
	rule(0, first);
	act(OF_ACT_OUTPUT, 4);
	rule(1, (struct of_instructions){ .has = OF_INS_WRITE, .write = taken() });
	assert_int_equal(world_pass(udp()).dest, 4);
	assert_int_equal(world.sent_count, 1);
	rule(1, (struct of_instructions){ .has = OF_INS_CLEAR });
	assert_int_equal(world_pass(udp()).action, XVS_FLOW_DROP);
}

static void a_miss_in_a_later_table_forgets_the_set(void **state)
{
	struct of_instructions first = { .has = OF_INS_WRITE | OF_INS_GOTO, .goto_table = 1 };

	(void)state;
	act(OF_ACT_OUTPUT, 2);
	first.write = taken();
	rule(0, first);
	assert_int_equal(world_pass(udp()).action, XVS_FLOW_DROP);
	assert_int_equal(world.reason, OF_REASON_NO_MATCH);
}

static void a_rule_that_leads_to_itself_ends(void **state)
{
	(void)state;
	list[count++] = (struct of_action){ .type = OF_ACT_RESUBMIT,
					    .number = OF_PORT_IN_PORT,
					    .table = 0 };
	list[count++] = (struct of_action){ .type = OF_ACT_RESUBMIT,
					    .number = OF_PORT_IN_PORT,
					    .table = 0 };
	applies();
	(void)world_pass(udp());
	assert_int_equal(world.reason, OF_REASON_LIMIT);
	assert_int_equal(world.sent_count, 0);
}

/* ---- groups and meters ------------------------------------------------------------------------------ */

static void all_buckets_get_it_and_do_not_see_each_other(void **state)
{
	struct of_action change[2] = { { .type = OF_ACT_SET_FIELD,
					 .field = OF_ETH_SRC,
					 .value = { 2, 0, 0, 0, 0, 5 },
					 .mask = { 255, 255, 255, 255, 255, 255 } },
				       { .type = OF_ACT_OUTPUT, .number = 2 } };
	struct of_action out;
	struct of_bucket buckets[2] = { { .watch_port = OF_PORT_ANY,
					  .watch_group = OF_GROUP_ANY,
					  .actions = { change, 2 } },
					to_port(&out, 3, OF_PORT_ANY, 0) };

	(void)state;
	group(OF_GROUP_TYPE_ALL, 1, buckets, 2);
	act(OF_ACT_GROUP, 1);
	applies();
	(void)world_pass(udp());
	assert_int_equal(world.sent_count, 2);
	assert_int_equal(world.sent[0].bytes[11], 5);
	assert_int_equal(world.sent[1].bytes[11], 1);
	assert_int_equal(world.sent[0].dest, 2);
	assert_int_equal(world.sent[1].dest, 3);
}

static void the_first_live_bucket_is_taken(void **state)
{
	struct of_action outs[2];
	struct of_bucket buckets[2] = { to_port(&outs[0], 2, 2, 0), to_port(&outs[1], 3, 3, 0) };
	struct xvs_flow_verdict v;

	(void)state;
	group(OF_GROUP_TYPE_FAST_FAILOVER, 1, buckets, 2);
	act(OF_ACT_GROUP, 1);
	applies();
	v = world_pass(udp());
	assert_int_equal(v.dest, 2);
	assert_true(v.tags & OF_TAG_PORTS && v.tags & OF_TAG_GROUPS);
	world.bits[2] = OF_PORT_IS_THERE;
	assert_int_equal(world_pass(udp()).dest, 3);
	world.bits[3] = OF_PORT_IS_THERE;
	assert_int_equal(world_pass(udp()).action, XVS_FLOW_DROP);
}

static void a_flow_keeps_to_its_bucket(void **state)
{
	struct of_action outs[4];
	struct of_bucket buckets[4];
	uint32_t first;

	(void)state;
	for (uint32_t n = 0; n < 4; n++)
		buckets[n] = to_port(&outs[n], n + 2, OF_PORT_ANY, n ? 1 : 0);
	group(OF_GROUP_TYPE_SELECT, 1, buckets, 4);
	act(OF_ACT_GROUP, 1);
	applies();
	first = world_pass(udp()).dest;
	assert_in_range(first, 3, 5); /* never the one without weight */
	for (uint32_t n = 0; n < 8; n++)
		assert_int_equal(world_pass(udp()).dest, first);
}

static void what_a_meter_drops_is_told_as_such(void **state)
{
	struct of_state *s = &world.pipeline.state;
	struct of_band band = { .type = OF_BAND_DROP, .rate = 1, .burst = 1 };
	const struct of_meter_mod mod = { .flags = OF_METER_PKTPS | OF_METER_BURST,
					  .meter = 5,
					  .bands = &band,
					  .band_count = 1 };

	(void)state;
	of_state_begin(s, 1);
	assert_int_equal(of_state_meter(s, &mod), OF_OK);
	of_state_commit(s);
	act(OF_ACT_OUTPUT, 2);
	rule(0, (struct of_instructions){
			.has = OF_INS_METER | OF_INS_APPLY, .meter = 5, .apply = taken() });
	for (uint32_t n = 0; n < 4; n++)
		(void)world_pass(udp());
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(world.dropped, 3);
	assert_int_equal(world.reason, OF_REASON_METER);
}

/* ---- what a controller sends ------------------------------------------------------------------------- */

static void a_list_of_a_controller_is_carried_out(void **state)
{
	struct of_actions actions;

	(void)state;
	set_source(6);
	act(OF_ACT_OUTPUT, 2);
	act(OF_ACT_PUSH_VLAN, 0x88a8);
	act(OF_ACT_OUTPUT, 3);
	actions = taken();
	of_send(&world.worker, udp(), XVS_PORT_NONE, &actions, 1000000000);
	assert_int_equal(world.sent_count, 2);
	assert_int_equal(world.sent[0].len, sizeof(datagram));
	assert_int_equal(world.sent[1].len, sizeof(datagram) + 4);
	assert_memory_equal(world.sent[1].bytes + 12, "\x88\xa8\0\0\x08\0", 6);
	assert_int_equal(world.sent[1].bytes[11], 6);
}

static void a_controller_may_send_through_the_tables(void **state)
{
	struct of_actions actions;

	(void)state;
	act(OF_ACT_OUTPUT, 5);
	applies();
	act(OF_ACT_OUTPUT, OF_PORT_TABLE);
	actions = taken();
	of_send(&world.worker, udp(), 1, &actions, 1000000000);
	assert_int_equal(world.sent_count, 1);
	assert_int_equal(world.sent[0].dest, 5);
	assert_int_equal(matched(), 1);
}

/* ---- extension headers ------------------------------------------------------------------------------- */

static void extension_headers_are_stepped_over(void **state)
{
	/* hop-by-hop, authentication (12 bytes of 4), a fragment that is a later one */
	uint8_t bytes[14 + 40 + 8 + 16 + 8] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60, [20] = 0 };
	struct of_ipv6_walk w;
	struct xvs_packet *p;

	(void)state;
	bytes[54] = OF_IPV6_AUTH;
	bytes[62] = OF_IPV6_FRAGMENT;
	bytes[63] = 2;
	bytes[78] = 17;
	bytes[81] = 8;
	p = world_packet(bytes, sizeof(bytes));
	p->l3_off = 14;
	of_ipv6_begin(&w, p);
	assert_int_equal(w.proto, OF_IPV6_HOP);
	assert_true(of_ipv6_step(&w, p));
	assert_int_equal(w.at, 62);
	assert_true(of_ipv6_step(&w, p));
	assert_int_equal(w.at, 78);
	assert_int_equal(w.proto, OF_IPV6_FRAGMENT);
	assert_true(of_ipv6_step(&w, p));
	assert_int_equal(w.proto, 17);
	assert_int_equal(w.proto_at, 78);
	assert_true(w.is_later);
	assert_false(of_ipv6_step(&w, p));
	p->linear = 77; /* cut within the second one */
	of_ipv6_begin(&w, p);
	assert_true(of_ipv6_step(&w, p));
	assert_false(of_ipv6_step(&w, p));
	world_free(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_matches_nothing_is_dropped),
		TEST(one_output_is_passed_by_the_host),
		TEST(only_what_rules_look_at_is_examined),
		TEST(a_rule_without_actions_drops),
		TEST(back_only_by_its_own_name),
		TEST(each_output_has_the_bytes_of_its_place),
		TEST(labels_are_pushed_by_a_walk_of_its_own),
		TEST(what_is_pushed_and_popped_leaves_no_trace),
		TEST(a_set_is_carried_out_at_the_end_once_of_each_kind),
		TEST(a_miss_in_a_later_table_forgets_the_set),
		TEST(a_rule_that_leads_to_itself_ends),
		TEST(all_buckets_get_it_and_do_not_see_each_other),
		TEST(the_first_live_bucket_is_taken),
		TEST(a_flow_keeps_to_its_bucket),
		TEST(what_a_meter_drops_is_told_as_such),
		TEST(a_list_of_a_controller_is_carried_out),
		TEST(a_controller_may_send_through_the_tables),
		TEST(extension_headers_are_stepped_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
