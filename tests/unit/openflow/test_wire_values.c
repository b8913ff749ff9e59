/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recorded message says is what the decoder hands on, in the numbers of the model.
 */
#include "openflow/golden.h"

#include "wire/message.h"

static struct of_arena arena;
static struct of_message m;
static struct golden g;

static void decode(const char *file, const char *name)
{
	struct of_dialect dialect = { .has_table_ids = strstr(name, "table_id") != NULL };

	golden_find(file, name, &g);
	dialect.version = g.bytes[0];
	of_arena_reset(&arena);
	assert_int_equal(of_decode(&dialect, g.bytes, g.len, &arena, &m), OF_OK);
	assert_int_equal(m.xid, 0x11223344);
}

static void a_flow_of_10(void **state)
{
	const uint8_t source[6] = { 2, 0, 0, 0, 0, 1 };

	(void)state;
	decode("of10", "ofctl_add_exact_tcp_2");
	assert_int_equal(m.kind, OF_MSG_FLOW_MOD);
	assert_int_equal(m.flow.cookie, 0x55);
	assert_int_equal(m.flow.command, OF_FLOW_ADD);
	assert_int_equal(m.flow.table, 0);
	assert_int_equal(m.flow.priority, 100);
	assert_int_equal(m.flow.idle_timeout, 10);
	assert_int_equal(m.flow.hard_timeout, 20);
	assert_int_equal(m.flow.buffer_id, OF_NO_BUFFER);
	assert_int_equal(m.flow.out_port, OF_PORT_ANY);
	assert_int_equal(m.flow.flags, OF_FLOW_RESET_COUNTS);
	assert_int_equal(m.flow.match.value.in_port, 1);
	assert_memory_equal(m.flow.match.value.eth_src, source, 6);
	assert_int_equal(m.flow.match.value.ipv4_dst, 0x0a000002);
	assert_int_equal(m.flow.match.value.ip_dscp, 8);
	assert_int_equal(m.flow.match.value.l4_dst, 80);
	assert_int_equal(m.flow.instructions.has, OF_INS_APPLY);
	assert_int_equal(m.flow.instructions.apply.count, 1);
	assert_int_equal(m.flow.instructions.apply.list[0].type, OF_ACT_OUTPUT);
	assert_int_equal(m.flow.instructions.apply.list[0].number, 2);
}

static void an_enqueue_of_10_is_for_one_output(void **state)
{
	const struct of_action *a;

	(void)state;
	decode("of10", "ofctl_add_queue_2");
	a = m.flow.instructions.apply.list;
	assert_int_equal(m.flow.instructions.apply.count, 3);
	assert_int_equal(a[0].type, OF_ACT_SET_QUEUE);
	assert_int_equal(a[0].number, 7);
	assert_int_equal(a[1].type, OF_ACT_OUTPUT);
	assert_int_equal(a[1].number, 2);
	assert_int_equal(a[2].type, OF_ACT_SET_QUEUE);
	assert_int_equal(a[2].number, OF_QUEUE_ALL);
}

static void matches_of_10_have_prefixes_and_tags(void **state)
{
	(void)state;
	decode("of10", "ofctl_add_prefixes_2");
	assert_int_equal(m.flow.match.mask.ipv4_src, 0xffff0000);
	assert_int_equal(m.flow.match.mask.ipv4_dst, 0xffffff00);
	assert_int_equal(m.flow.instructions.apply.list[0].number, OF_PORT_NORMAL);
	decode("of10", "ofctl_add_vlan_2");
	assert_int_equal(m.flow.match.value.vlan_vid, OF_VID_PRESENT | 5);
	assert_int_equal(m.flow.match.value.vlan_pcp, 3);
	decode("of10", "ofctl_add_no_vlan_2");
	assert_int_equal(m.flow.match.value.vlan_vid, 0);
	assert_int_equal(m.flow.match.mask.vlan_vid, 0x1fff);
	decode("of10", "ofctl_add_arp_2");
	assert_true(of_match_has(&m.flow.match, OF_ARP_OP));
	assert_true(of_match_has(&m.flow.match, OF_ARP_TPA));
	assert_false(of_match_has(&m.flow.match, OF_IPV4_DST));
	assert_int_equal(m.flow.match.mask.ipv4_dst, 0xff000000);
	decode("of10", "ofctl_table_id_4");
	assert_int_equal(m.flow.table, 3);
}

static void a_flow_with_every_instruction(void **state)
{
	const struct of_instructions *ins = &m.flow.instructions;

	(void)state;
	decode("of13", "osken_flow_many");
	assert_int_equal(m.flow.cookie_mask, 2);
	assert_int_equal(m.flow.command, OF_FLOW_MODIFY_STRICT);
	assert_int_equal(m.flow.table, 4);
	assert_int_equal(m.flow.out_port, 7);
	assert_int_equal(m.flow.out_group, 8);
	assert_int_equal(m.flow.match.mask.metadata, 12);
	assert_int_equal(m.flow.match.value.vlan_vid, 0x1005);
	assert_int_equal(m.flow.match.value.ip_ecn, 1);
	assert_int_equal(ins->has, OF_INS_GOTO | OF_INS_METADATA | OF_INS_WRITE | OF_INS_APPLY |
					   OF_INS_CLEAR | OF_INS_METER);
	assert_int_equal(ins->meter, 3);
	assert_int_equal(ins->goto_table, 5);
	assert_int_equal(ins->metadata_mask, 0xf0);
	assert_int_equal(ins->apply.count, 7);
	assert_int_equal(ins->apply.list[1].number, 0x88a8);
	assert_int_equal(ins->apply.list[2].field, OF_VLAN_VID);
	assert_int_equal(ins->apply.list[2].value[1], 7);
	assert_int_equal(ins->apply.list[5].type, OF_ACT_GROUP);
	assert_int_equal(ins->apply.list[5].number, 9);
	assert_int_equal(ins->write.count, 2);
	assert_int_equal(ins->write.list[0].field, OF_UDP_DST);
	assert_int_equal(ins->write.list[1].type, OF_ACT_OUTPUT);
}

static void nicira_actions(void **state)
{
	const struct of_action *a;

	(void)state;
	decode("of13", "ofctl_add_resubmit_2");
	a = m.flow.instructions.apply.list;
	assert_int_equal(a[0].type, OF_ACT_RESUBMIT);
	assert_int_equal(a[0].number, OF_PORT_IN_PORT);
	assert_int_equal(a[0].table, 0);
	assert_int_equal(a[1].number, 5);
	assert_int_equal(a[1].table, OF_TABLE_ALL);
	assert_int_equal(a[2].type, OF_ACT_SET_FIELD);
	assert_int_equal(a[2].field, OF_REG0 + 1);
	assert_int_equal(a[2].value[3], 0x70);
	assert_int_equal(a[2].mask[2], 0x0f);
	assert_int_equal(a[2].mask[3], 0xf0);
	assert_int_equal(a[3].type, OF_ACT_MOVE_FIELD);
	assert_int_equal(a[3].from_field, OF_ETH_SRC);
	assert_int_equal(a[3].field, OF_ETH_DST);
	assert_int_equal(a[3].bits, 48);
}

static void groups_and_meters(void **state)
{
	(void)state;
	decode("of13", "ofctl_group_select_2");
	assert_int_equal(m.kind, OF_MSG_GROUP_MOD);
	assert_int_equal(m.group.type, OF_GROUP_TYPE_SELECT);
	assert_int_equal(m.group.bucket_count, 2);
	assert_int_equal(m.group.buckets[0].weight, 3);
	assert_int_equal(m.group.buckets[1].weight, 5);
	assert_int_equal(m.group.buckets[1].watch_port, OF_PORT_ANY);
	assert_int_equal(m.group.buckets[1].actions.list[0].number, 2);
	decode("of13", "ofctl_group_ff_2");
	assert_int_equal(m.group.buckets[0].watch_port, 1);
	assert_int_equal(m.group.buckets[1].watch_group, 4);
	decode("of13", "ofctl_meter_add_0");
	assert_int_equal(m.meter.meter, 1);
	assert_int_equal(m.meter.flags, OF_METER_KBPS | OF_METER_BURST | OF_METER_STATS);
	assert_int_equal(m.meter.bands[0].rate, 1000);
	assert_int_equal(m.meter.bands[0].burst, 100);
	decode("of13", "ofctl_meter_mod_0");
	assert_int_equal(m.meter.bands[0].type, OF_BAND_DSCP_REMARK);
	assert_int_equal(m.meter.bands[0].prec_level, 1);
}

static void roles_and_what_is_listened_to(void **state)
{
	(void)state;
	decode("of13", "osken_role_master");
	assert_int_equal(m.role.role, OF_ROLE_MASTER);
	assert_true(m.role.generation_id == UINT64_C(0x123456789abcdef0));
	decode("of10", "osken_nx_role");
	assert_int_equal(m.kind, OF_MSG_ROLE);
	assert_int_equal(m.role.role, OF_ROLE_MASTER);
	assert_false(m.role.has_generation);
	decode("of13", "osken_set_async");
	assert_int_equal(m.async.masks[OF_ASYNC_PACKET_IN][0], 3);
	assert_int_equal(m.async.masks[OF_ASYNC_PACKET_IN][1], 1);
	assert_int_equal(m.async.masks[OF_ASYNC_FLOW_REMOVED][1], 4);
	assert_int_equal(m.async.has[0], 7);
	decode("of14", "osken_set_async");
	assert_int_equal(m.async.has[0], 0x3f);
	assert_int_equal(m.async.masks[OF_ASYNC_PACKET_IN][1], 1);
	assert_int_equal(m.async.masks[OF_ASYNC_PACKET_IN][0], 2);
	assert_int_equal(m.async.masks[OF_ASYNC_REQUESTFORWARD][0], 12);
	decode("of13", "ofctl_hello");
	assert_int_equal(m.hello.versions, 1 << OF_V13);
	decode("of10", "ofctl_hello");
	assert_int_equal(m.hello.versions, 1 << OF_V10 | 1);
}

static void features_of_tables(void **state)
{
	const struct of_table_features *t;

	(void)state;
	decode("of13", "osken_table_features");
	assert_int_equal(m.multipart.type, OFPMP_TABLE_FEATURES);
	assert_int_equal(m.multipart.table_count, 1);
	t = m.multipart.tables;
	assert_int_equal(t->table, 3);
	assert_string_equal(t->name, "three");
	assert_int_equal(t->max_entries, 1000);
	assert_int_equal(t->instructions[0], OF_INS_GOTO | OF_INS_APPLY);
	assert_int_equal(t->next[0][0], 48);
	assert_int_equal(t->next[0][3], 256);
	assert_int_equal(t->apply_actions[0], 1u << OF_ACT_OUTPUT | 1u << OF_ACT_SET_FIELD);
	assert_int_equal(t->match, 1u << OF_IN_PORT | 1u << OF_ETH_DST);
	assert_int_equal(t->match_masks, 1u << OF_ETH_DST);
	assert_int_equal(t->apply_set[1], 1u << OF_TCP_DST);
}

static void bundles_of_13_and_14(void **state)
{
	struct of_dialect dialect = { .version = OF_V14 };
	struct of_bytes inner;

	(void)state;
	decode("of14", "osken_bundle_open");
	assert_int_equal(m.kind, OF_MSG_BUNDLE_CONTROL);
	assert_int_equal(m.bundle.bundle, 7);
	assert_int_equal(m.bundle.flags, OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED);
	decode("of14", "osken_bundle_add");
	inner = m.bundle.message;
	assert_int_equal(of_decode(&dialect, inner.at, inner.len, &arena, &m), OF_OK);
	assert_int_equal(m.kind, OF_MSG_FLOW_MOD);
	assert_int_equal(m.flow.priority, 3);
	decode("of13", "ofctl_bundle_3"); /* by the ONF's extension */
	assert_int_equal(m.kind, OF_MSG_BUNDLE_ADD);
	dialect.version = OF_V13;
	inner = m.bundle.message;
	assert_int_equal(of_decode(&dialect, inner.at, inner.len, &arena, &m), OF_OK);
	assert_int_equal(m.kind, OF_MSG_FLOW_MOD);
}

static void other_changes_and_questions(void **state)
{
	(void)state;
	decode("of13", "osken_packet_out");
	assert_int_equal(m.packet_out.in_port, 3);
	assert_int_equal(m.packet_out.actions.count, 1);
	assert_int_equal(m.packet_out.packet.len, 60);
	assert_int_equal(m.packet_out.packet.at[0], 1);
	decode("of14", "ofctl_table_vacancy_2");
	assert_int_equal(m.table.table, 2);
	assert_true(m.table.has_vacancy);
	assert_int_equal(m.table.vacancy_down, 20);
	assert_int_equal(m.table.vacancy_up, 80);
	decode("of13", "ofctl_dump_flows_2");
	assert_int_equal(m.multipart.type, OFPMP_FLOW);
	assert_int_equal(m.multipart.flow.out_port, 3);
	assert_int_equal(m.multipart.flow.table, OF_TABLE_ALL);
	assert_int_equal(m.multipart.flow.match.value.ip_proto, 6);
	decode("of14", "osken_queue_desc");
	assert_int_equal(m.multipart.port, 2);
	assert_int_equal(m.multipart.queue, 3);
	decode("of14", "ofctl_importance_2");
	assert_int_equal(m.flow.importance, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_of_10),
		cmocka_unit_test(an_enqueue_of_10_is_for_one_output),
		cmocka_unit_test(matches_of_10_have_prefixes_and_tags),
		cmocka_unit_test(a_flow_with_every_instruction),
		cmocka_unit_test(nicira_actions),
		cmocka_unit_test(groups_and_meters),
		cmocka_unit_test(roles_and_what_is_listened_to),
		cmocka_unit_test(features_of_tables),
		cmocka_unit_test(bundles_of_13_and_14),
		cmocka_unit_test(other_changes_and_questions),
	};
	int result;

	if (of_arena_init(&arena))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	of_arena_finish(&arena);
	return result;
}
