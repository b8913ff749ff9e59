/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_xvsctl xvs_base */
/* Packets as people type them: bytes, what goes without saying, and what is wrong with them. */
#include "support/test.h"

#include <string.h>

#include "frame.h"
#include "xvs/ext/sdk.h"

static struct frame made;
static char why[FRAME_WHY];

static const uint8_t *build(const char *text)
{
	if (frame_build(text, NULL, &made, why) < 0)
		fail_msg("%s: %s", text, why);
	return made.bytes;
}

static void refused(const char *text, const char *expected)
{
	assert_int_equal(frame_build(text, NULL, &made, why), -1);
	assert_string_equal(why, expected);
}

/* Sum over what carries its own sum, as receivers check it: RFC 1071. */
static uint16_t checked(uint64_t sum, const uint8_t *bytes, uint32_t len)
{
	return xvs_csum_fold(xvs_csum_add(sum, bytes, len));
}

static void a_segment_has_its_headers_and_sums(void **state)
{
	const uint8_t *b = build("eth src=02:00:00:00:00:01 dst=02:00:00:00:00:02 / "
				 "ipv4 src=10.0.0.1 dst=10.0.0.2 ttl=5 / tcp sport=7 dport=80 "
				 "flags=SA seq=0x10 / payload 3");

	(void)state;
	assert_int_equal(made.len, 14 + 20 + 20 + 3);
	assert_int_equal(xvs_get16(b + 12), 0x0800);
	assert_int_equal(xvs_get16(b + 16), 43);
	assert_int_equal(b[22], 5);
	assert_int_equal(b[23], 6);
	assert_int_equal(checked(0, b + 14, 20), 0xffff);
	assert_int_equal(xvs_get16(b + 36), 80);
	assert_int_equal(xvs_get16(b + 46) & 0xfff, 0x012);
	assert_int_equal(checked(xvs_csum_add(6 + 23, b + 26, 8), b + 34, 23), 0xffff);
}

static void what_goes_without_saying_is_filled_in(void **state)
{
	const uint8_t source[6] = { 2, 1, 1, 1, 1, 1 };

	(void)state;
	assert_int_equal(frame_build("ip src=10.0.0.1,dst=10.0.0.2/udp dport=53", source, &made,
				     why),
			 14 + 20 + 8);
	assert_memory_equal(made.bytes + 6, source, 6);
	assert_int_equal(made.bytes[0], 255);
	assert_int_equal(xvs_get16(made.bytes + 38), 8);
	assert_int_equal(checked(xvs_csum_add(17 + 8, made.bytes + 26, 8), made.bytes + 34, 8),
			 0xffff);
}

static void tags_nest_and_name_what_is_inside(void **state)
{
	const uint8_t *b = build("eth / svlan id=100 pcp=3 / vlan id=7 dei=1 / ipv6 src=fd00::1 "
				 "dst=fd00::2 tc=0x2e / icmp6 type=128");

	(void)state;
	assert_int_equal(xvs_get16(b + 12), 0x88a8);
	assert_int_equal(xvs_get16(b + 14), 3 << 13 | 100);
	assert_int_equal(xvs_get16(b + 16), 0x8100);
	assert_int_equal(xvs_get16(b + 18), 1 << 12 | 7);
	assert_int_equal(xvs_get16(b + 20), 0x86dd);
	assert_int_equal(xvs_get16(b + 22), 0x62e0);
	assert_int_equal(b[28], 58);
	assert_int_equal(checked(xvs_csum_add(58 + 8, b + 30, 32), b + 62, 8), 0xffff);
}

static void a_named_field_is_left_as_it_is(void **state)
{
	const uint8_t *b =
		build("eth type=0x1234 / ipv4 src=1.2.3.4 dst=5.6.7.8 proto=99 frag=5 mf=1 "
		      "/ sctp dport=1");

	(void)state;
	assert_int_equal(xvs_get16(b + 12), 0x1234);
	assert_int_equal(b[23], 99);
	assert_int_equal(xvs_get16(b + 20), 1 << 14 | 1 << 13 | 5);
}

static void an_arp_question_and_its_answer(void **state)
{
	const uint8_t *b = build("arp op=reply sha=02:00:00:00:00:01 spa=10.0.0.1 tpa=10.0.0.2");

	(void)state;
	assert_int_equal(made.len, 42);
	assert_int_equal(xvs_get16(b + 12), 0x0806);
	assert_int_equal(xvs_get16(b + 20), 2);
	assert_int_equal(b[41], 2);
}

static void what_is_wrong_is_said_with_the_word(void **state)
{
	(void)state;
	refused("", "a layer is missing at the end");
	refused("eth /", "a layer is missing at the end");
	refused("/ eth", "a layer is missing before a \"/\"");
	refused("eth src", "eth: \"src\" is not FIELD=VALUE of it");
	refused("eth sport=1", "eth: \"sport=1\" is not FIELD=VALUE of it");
	refused("vlan id=4096", "vlan: \"4096\" is no value for id");
	refused("ipv4 src=fd00::1 dst=1.2.3.4", "ipv4: \"fd00::1\" is no value for src");
	refused("ipv4 src=1.2.3.4", "ipv4 needs src= and dst=");
	refused("tcp", "tcp cannot stand inside eth");
	refused("eth / payload 70000", "payload \"70000\" is no number of bytes up to 65536");
	refused("eth / payload 1 / vlan", "vlan stands behind the payload, which is the last");
	refused("tcp flags=Z", "tcp cannot stand inside eth");
	refused("ipv4 src=1.2.3.4 dst=1.2.3.4 / tcp flags=Z", "tcp: \"Z\" is no value for flags");
	refused("eth/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan",
		"more than 12 layers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_has_its_headers_and_sums),
		cmocka_unit_test(what_goes_without_saying_is_filled_in),
		cmocka_unit_test(tags_nest_and_name_what_is_inside),
		cmocka_unit_test(a_named_field_is_left_as_it_is),
		cmocka_unit_test(an_arp_question_and_its_answer),
		cmocka_unit_test(what_is_wrong_is_said_with_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
