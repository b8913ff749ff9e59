/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches and actions as people read them.
 */
#include <string.h>

#include "support/test.h"

#include "model/text.h"

static char buffer[512];

static struct of_text begin(void)
{
	return of_text_in(buffer, sizeof(buffer));
}

static void add(struct of_match *m, uint32_t id, const char *value, const char *mask)
{
	assert_int_equal(of_match_add(m, id, (const uint8_t *)value, (const uint8_t *)mask), OF_OK);
}

static void a_match_names_its_fields(void **state)
{
	struct of_match m = { 0 };
	struct of_text t = begin();

	(void)state;
	of_text_match(&t, &m);
	assert_string_equal(buffer, "any");
	add(&m, OF_IN_PORT, "\xff\xff\xff\xfe", NULL);
	add(&m, OF_ETH_DST, "\x01\0\0\0\0\0", "\x01\0\0\0\0\0");
	add(&m, OF_ETH_TYPE, "\x08\x00", NULL);
	add(&m, OF_VLAN_VID, "\x10\x0a", NULL);
	add(&m, OF_IPV4_SRC, "\x0a\x00\x01\x02", NULL);
	add(&m, OF_IPV4_DST, "\x0a\x00\x00\x00", "\xff\x00\x00\x00");
	add(&m, OF_IP_PROTO, "\x06", NULL);
	add(&m, OF_TCP_DST, "\x00\x50", NULL);
	add(&m, OF_METADATA, "\0\0\0\0\0\0\0\x10", "\0\0\0\0\0\0\0\xf0");
	t = begin();
	of_text_match(&t, &m);
	assert_string_equal(buffer, "in_port=LOCAL,metadata=0x10/0xf0,"
				    "eth_dst=01:00:00:00:00:00/01:00:00:00:00:00,eth_type=0x0800,"
				    "vlan_vid=10,ip_proto=6,ipv4_src=10.0.1.2,ipv4_dst=10.0.0.0/8,"
				    "tcp_dst=80");
	assert_int_equal(t.len, strlen(buffer));
}

static void masks_that_are_no_prefix_are_written_out(void **state)
{
	struct of_match m = { 0 };
	struct of_text t = begin();

	(void)state;
	add(&m, OF_ETH_TYPE, "\x86\xdd", NULL);
	add(&m, OF_VLAN_VID, "\x10\x00", "\x10\x00");
	add(&m, OF_IPV6_SRC, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0",
	    "\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0");
	add(&m, OF_IPV6_DST, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff");
	of_text_match(&t, &m);
	assert_string_equal(buffer, "eth_type=0x86dd,vlan_vid=any,ipv6_src=2001:db8::/32,"
				    "ipv6_dst=::1/::ff");
}

static void actions_stand_in_their_order(void **state)
{
	struct of_action list[] = {
		{ .type = OF_ACT_PUSH_VLAN, .number = 0x8100 },
		{ .type = OF_ACT_SET_FIELD,
		  .field = OF_VLAN_VID,
		  .value = { 0x10, 0x14 },
		  .mask = { 0x1f, 0xff } },
		{ .type = OF_ACT_DEC_NW_TTL },
		{ .type = OF_ACT_OUTPUT, .number = OF_PORT_CONTROLLER, .max_len = 128 },
		{ .type = OF_ACT_GROUP, .number = 7 },
	};
	const struct of_action write = { .type = OF_ACT_OUTPUT, .number = 3 };
	struct of_instructions i = {
		.has = OF_INS_APPLY | OF_INS_WRITE | OF_INS_GOTO | OF_INS_METER | OF_INS_METADATA,
		.meter = 4,
		.metadata = 1,
		.metadata_mask = UINT64_MAX,
		.apply = { list, 5 },
		.write = { (struct of_action *)(uintptr_t)&write, 1 },
		.goto_table = 9,
	};
	struct of_text t = begin();

	(void)state;
	of_text_instructions(&t, &i);
	assert_string_equal(buffer, "meter:4,push_vlan:0x8100,set_field:vlan_vid=20,dec_nw_ttl,"
				    "output:CONTROLLER:128,group:7,write_actions(output:3),"
				    "write_metadata:0x1,goto_table:9");
	i = (struct of_instructions){ 0 };
	t = begin();
	of_text_instructions(&t, &i);
	assert_string_equal(buffer, "drop");
}

static void what_has_no_room_is_cut_and_ended(void **state)
{
	char small[8];
	struct of_text t = of_text_in(small, sizeof(small));

	(void)state;
	for (int i = 0; i < 5; i++)
		of_text_add(&t, "abc");
	assert_string_equal(small, "abcabca");
	assert_int_equal(t.len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_names_its_fields),
		cmocka_unit_test(masks_that_are_no_prefix_are_written_out),
		cmocka_unit_test(actions_stand_in_their_order),
		cmocka_unit_test(what_has_no_room_is_cut_and_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
