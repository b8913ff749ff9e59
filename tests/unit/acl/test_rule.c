/* SPDX-License-Identifier: Apache-2.0 */
/* What one rule says, and which rules are refused. */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "acl/acl.h"
#include "base/error.h"
#include "base/str.h"
#include "packet/headers.h"

enum { SEGMENT = 7 };

static struct xvs_flow_key tcp_key(void)
{
	struct xvs_flow_key key = {
		.eth_dst = { 0x52, 0x54, 0, 0, 0, 2 },
		.eth_src = { 0x52, 0x54, 0, 0, 0, 1 },
		.ethertype = htons(ETHERTYPE_IPV4),
		.ip_proto = PROTO_TCP,
		.ip_tos = 46 << 2,
		.l4_src = htons(40000),
		.l4_dst = htons(443),
		.tcp_flags = htons(0x012),
	};
	struct xvs_ip ip;

	assert_true(ip_parse("10.1.2.3", &ip));
	memcpy(key.ip_src, ip.addr, 16);
	assert_true(ip_parse("192.0.2.9", &ip));
	memcpy(key.ip_dst, ip.addr, 16);
	return key;
}

static struct acl_rule ipv4_rule(uint32_t matches)
{
	return (struct acl_rule){ .matches = (uint16_t)(ACL_ETHERTYPE | matches),
				  .ethertype = ETHERTYPE_IPV4,
				  .proto = PROTO_TCP };
}

/* By the rule alone, and by a classifier that has no other. */
static bool matches(const struct acl_rule *rule, const struct xvs_flow_key *key)
{
	struct xvs_error err = ERROR_INIT;
	struct xvs_flow_key mask = { 0 };
	bool plain = acl_rule_matches(rule, key, SEGMENT);
	struct acl *a;
	uint32_t answer;

	assert_int_equal(acl_create(rule, 1, &a, &err), 0);
	answer = acl_find(a, key, SEGMENT, &mask);
	assert_int_equal(acl_find(a, key, SEGMENT, NULL), answer);
	acl_destroy(a);
	assert_int_equal(answer, plain ? rule->answer : ACL_NONE);
	return plain;
}

static void an_empty_rule_matches_every_packet(void **state)
{
	struct acl_rule rule = { .answer = 3 };
	struct xvs_flow_key key = tcp_key();
	struct xvs_flow_key other = { .ethertype = htons(0x88cc) };
	struct xvs_flow_key later = key;

	(void)state;
	later.bits = XVS_KEY_FRAG | XVS_KEY_LATER;
	assert_true(matches(&rule, &key));
	assert_true(matches(&rule, &other));
	assert_true(matches(&rule, &later));
}

static void prefixes_match_from_their_first_address_to_their_last(void **state)
{
	static const char *const inside[] = { "10.1.0.0/16", "10.1.2.3", "10.0.0.0/8",
					      "0.0.0.0/0" };
	static const char *const outside[] = { "10.2.0.0/16", "10.1.2.2", "11.0.0.0/8" };
	struct acl_rule rule = ipv4_rule(0);
	struct xvs_flow_key key = tcp_key();

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
		assert_true(ip_parse(inside[i], &rule.src));
		assert_true(matches(&rule, &key));
	}
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		assert_true(ip_parse(outside[i], &rule.src));
		assert_false(matches(&rule, &key));
	}
}

static void an_ipv6_prefix_may_end_at_any_bit(void **state)
{
	struct acl_rule rule = { .matches = ACL_ETHERTYPE, .ethertype = ETHERTYPE_IPV6 };
	struct xvs_flow_key key = { .ethertype = htons(ETHERTYPE_IPV6) };

	(void)state;
	for (uint8_t bits = 1; bits <= 128; bits++) {
		memset(key.ip_dst, 0x5a, 16);
		memset(rule.dst.addr, 0x5a, 16);
		rule.dst.prefix_len = bits;
		assert_true(matches(&rule, &key));
		key.ip_dst[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
		assert_false(matches(&rule, &key));
		memset(key.ip_dst, 0x5a, 16);
		if (bits < 128)
			key.ip_dst[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
		assert_true(matches(&rule, &key));
	}
}

static void both_ends_of_a_port_range_are_in_it(void **state)
{
	struct acl_rule rule = ipv4_rule(ACL_PROTO | ACL_DST_PORTS);
	struct xvs_flow_key key = tcp_key();

	(void)state;
	rule.dst_ports = (struct acl_ports){ 443, 445 };
	for (uint16_t port = 441; port < 448; port++) {
		key.l4_dst = htons(port);
		assert_int_equal(matches(&rule, &key), port >= 443 && port <= 445);
	}
}

static void ports_match_no_other_protocol_and_no_later_fragment(void **state)
{
	struct acl_rule rule = ipv4_rule(ACL_PROTO | ACL_SRC_PORTS);
	struct xvs_flow_key key = tcp_key();

	(void)state;
	rule.src_ports = (struct acl_ports){ 0, UINT16_MAX };
	assert_true(matches(&rule, &key));
	key.ip_proto = PROTO_UDP;
	assert_false(matches(&rule, &key));
	key.ip_proto = PROTO_TCP;
	key.bits = XVS_KEY_FRAG | XVS_KEY_LATER;
	assert_false(matches(&rule, &key));
}

static void a_protocol_without_ethertype_is_of_both_ips_and_nothing_else(void **state)
{
	struct acl_rule rule = { .matches = ACL_PROTO, .proto = 1 };
	struct xvs_flow_key key = { .ip_proto = 1 };

	(void)state;
	key.ethertype = htons(ETHERTYPE_IPV4);
	assert_true(matches(&rule, &key));
	key.ethertype = htons(ETHERTYPE_IPV6);
	assert_true(matches(&rule, &key));
	key.ethertype = htons(ETHERTYPE_ARP); /* a request */
	assert_false(matches(&rule, &key));
}

static void arp_is_told_by_operation_and_protocol_addresses(void **state)
{
	struct acl_rule rule = { .matches = ACL_ETHERTYPE | ACL_PROTO,
				 .ethertype = ETHERTYPE_ARP,
				 .proto = 2 };
	struct xvs_flow_key key = tcp_key();

	(void)state;
	key.ethertype = htons(ETHERTYPE_ARP);
	key.ip_proto = 2;
	assert_true(ip_parse("10.1.0.0/16", &rule.src));
	assert_true(matches(&rule, &key));
	key.ip_src[13] = 9;
	assert_false(matches(&rule, &key));
	key.ip_src[13] = 1;
	key.ip_proto = 1;
	assert_false(matches(&rule, &key));
}

static void icmp_is_told_by_type_and_code(void **state)
{
	struct acl_rule rule = ipv4_rule(ACL_PROTO | ACL_ICMP_TYPE | ACL_ICMP_CODE);
	struct xvs_flow_key key = tcp_key();

	(void)state;
	rule.proto = PROTO_ICMP;
	rule.icmp_type = 3;
	rule.icmp_code = 4;
	key.ip_proto = PROTO_ICMP;
	key.l4_src = htons(3);
	key.l4_dst = htons(4);
	assert_true(matches(&rule, &key));
	key.l4_dst = htons(1);
	assert_false(matches(&rule, &key));
}

static void tcp_flags_count_where_the_mask_says(void **state)
{
	struct acl_rule rule = ipv4_rule(ACL_PROTO);
	struct xvs_flow_key key = tcp_key(); /* SYN, ACK */

	(void)state;
	rule.tcp_flags = 0x002;
	rule.tcp_flags_mask = 0x006; /* SYN, no RST */
	assert_true(matches(&rule, &key));
	rule.tcp_flags_mask = 0x012; /* SYN, no ACK */
	assert_false(matches(&rule, &key));
}

static void mac_masks_may_have_holes(void **state)
{
	struct acl_rule rule = { .eth_src_mask = { 0xff, 0, 0x0f, 0, 0, 0x81 } };
	struct xvs_flow_key key = tcp_key();

	(void)state;
	memcpy(rule.eth_src, "\x52\x99\xf0\x99\x99\x01", 6);
	assert_true(matches(&rule, &key));
	key.eth_src[5] = 0x7f;
	assert_true(matches(&rule, &key));
	key.eth_src[5] = 0x80;
	assert_false(matches(&rule, &key));
}

static void a_vlan_is_of_tagged_packets_alone(void **state)
{
	struct acl_rule rule = { .matches = ACL_VLAN };
	struct xvs_flow_key key = tcp_key();

	(void)state;
	assert_false(matches(&rule, &key));
	key.bits = XVS_KEY_VLAN;
	assert_true(matches(&rule, &key));
	key.vlan_tci = htons(0xe000); /* priority alone */
	assert_true(matches(&rule, &key));
	rule.vlan = 100;
	assert_false(matches(&rule, &key));
	key.vlan_tci = htons(0xe000 | 100);
	assert_true(matches(&rule, &key));
}

static void dscp_segment_and_bits_are_compared(void **state)
{
	struct acl_rule rule = ipv4_rule(ACL_DSCP | ACL_SEGMENT);
	struct xvs_flow_key key = tcp_key();

	(void)state;
	rule.dscp = 46;
	rule.segment = SEGMENT;
	rule.bits_mask = XVS_KEY_FRAG;
	assert_true(matches(&rule, &key));
	rule.segment++;
	assert_false(matches(&rule, &key));
	rule.segment--;
	rule.dscp = 0;
	assert_false(matches(&rule, &key));
	rule.dscp = 46;
	key.bits = XVS_KEY_FRAG;
	assert_false(matches(&rule, &key));
	rule.bits = XVS_KEY_FRAG;
	assert_true(matches(&rule, &key));
}

static void refused(const struct acl_rule *rule, const char *field, const char *text)
{
	struct acl_rule rules[2] = { { 0 }, *rule };
	struct xvs_error err = ERROR_INIT;
	struct acl *a = NULL;

	assert_int_equal(acl_create(rules, 2, &a, &err), -EINVAL);
	assert_null(a);
	assert_string_equal(err.field, field);
	assert_non_null(strstr(err.text, text));
}

static void a_rule_that_contradicts_itself_is_refused_by_field(void **state)
{
	struct acl_rule r = ipv4_rule(ACL_PROTO | ACL_DST_PORTS);

	(void)state;
	r.dst_ports = (struct acl_ports){ 80, 79 };
	refused(&r, "rules[1].dst_ports", "rule 1: its first destination port is above its last");
	r.dst_ports.last = 80;
	r.proto = 47;
	refused(&r, "rules[1].proto", "ports need a protocol that has them");
	r.proto = PROTO_TCP;
	r.bits = r.bits_mask = XVS_KEY_LATER;
	refused(&r, "rules[1].bits", "later fragment");

	r = (struct acl_rule){ .src = { .prefix_len = 100 } };
	refused(&r, "rules[1].src", "needs an ethertype");
	r = ipv4_rule(0);
	r.dst.prefix_len = 95;
	refused(&r, "rules[1].dst", "::ffff:a.b.c.d");
	r = (struct acl_rule){ .matches = ACL_ETHERTYPE | ACL_PROTO, .ethertype = 0x88cc };
	refused(&r, "rules[1].ethertype", "a protocol needs");
	r = ipv4_rule(ACL_ICMP_TYPE);
	refused(&r, "rules[1].proto", "ICMP");
	r = ipv4_rule(0);
	r.tcp_flags_mask = 2;
	refused(&r, "rules[1].proto", "TCP flags need");
}

static void numbers_out_of_range_are_refused(void **state)
{
	struct acl_rule r = { .answer = ACL_NONE };

	(void)state;
	refused(&r, "rules[1].answer", "no rule");
	r = (struct acl_rule){ .matches = ACL_VLAN, .vlan = 4096 };
	refused(&r, "rules[1].vlan", "4095");
	r = (struct acl_rule){ .matches = ACL_DSCP, .dscp = 64 };
	refused(&r, "rules[1].dscp", "63");
	r = (struct acl_rule){ .matches = ACL_ICMP_CODE << 1 };
	refused(&r, "rules[1].matches", "not known");
	r = (struct acl_rule){ .bits = 1 };
	refused(&r, "rules[1].bits", "mask");
	r = (struct acl_rule){ .tcp_flags_mask = 0x1000 };
	refused(&r, "rules[1].tcp_flags", "12 bits");
	r = (struct acl_rule){ .matches = ACL_ETHERTYPE, .ethertype = ETHERTYPE_IPV6 };
	r.src.prefix_len = 129;
	refused(&r, "rules[1].src", "128 bits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_rule_matches_every_packet),
		cmocka_unit_test(prefixes_match_from_their_first_address_to_their_last),
		cmocka_unit_test(an_ipv6_prefix_may_end_at_any_bit),
		cmocka_unit_test(both_ends_of_a_port_range_are_in_it),
		cmocka_unit_test(ports_match_no_other_protocol_and_no_later_fragment),
		cmocka_unit_test(a_protocol_without_ethertype_is_of_both_ips_and_nothing_else),
		cmocka_unit_test(arp_is_told_by_operation_and_protocol_addresses),
		cmocka_unit_test(icmp_is_told_by_type_and_code),
		cmocka_unit_test(tcp_flags_count_where_the_mask_says),
		cmocka_unit_test(mac_masks_may_have_holes),
		cmocka_unit_test(a_vlan_is_of_tagged_packets_alone),
		cmocka_unit_test(dscp_segment_and_bits_are_compared),
		cmocka_unit_test(a_rule_that_contradicts_itself_is_refused_by_field),
		cmocka_unit_test(numbers_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
