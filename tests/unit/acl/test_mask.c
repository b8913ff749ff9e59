/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base
 *
 * How little is examined: a cache entry is good for as many packets as rules allow.
 */
#include "support/test.h"

#include <arpa/inet.h>
#include <string.h>

#include "acl/acl.h"
#include "base/error.h"
#include "base/str.h"
#include "packet/headers.h"
#include "support/rulegen.h"

enum { MOST = 512, SITE_RULES = 3000, SITE_KEYS = 4000 };

static struct acl_rule rules[MOST];
static uint32_t count;

static int setup(void **state)
{
	(void)state;
	memset(rules, 0, sizeof(rules));
	count = 0;
	return 0;
}

static struct acl_rule *add(uint32_t matches)
{
	struct acl_rule *r = &rules[count];

	r->answer = count++;
	r->matches = (uint16_t)(ACL_ETHERTYPE | matches);
	r->ethertype = ETHERTYPE_IPV4;
	r->proto = PROTO_TCP;
	return r;
}

static void set_ip(struct xvs_ip *ip, const char *text)
{
	assert_true(ip_parse(text, ip));
}

static struct xvs_flow_key packet(const char *from, const char *to, uint16_t port)
{
	struct xvs_flow_key key = { .ethertype = htons(ETHERTYPE_IPV4),
				    .ip_proto = PROTO_TCP,
				    .l4_src = htons(50000),
				    .l4_dst = htons(port) };
	struct xvs_ip ip;

	set_ip(&ip, from);
	memcpy(key.ip_src, ip.addr, 16);
	set_ip(&ip, to);
	memcpy(key.ip_dst, ip.addr, 16);
	return key;
}

static struct xvs_flow_key examined(const struct xvs_flow_key *key, uint32_t answer)
{
	struct xvs_error err = ERROR_INIT;
	struct xvs_flow_key mask = { 0 };
	struct acl *a;

	assert_int_equal(acl_create(rules, count, &a, &err), 0);
	assert_int_equal(acl_find(a, key, 0, &mask), answer);
	acl_destroy(a);
	return mask;
}

static uint32_t bits_of(const void *bytes, size_t size)
{
	const uint8_t *b = bytes;
	uint32_t bits = 0;

	for (size_t i = 0; i < size; i++)
		bits += (uint32_t)__builtin_popcount(b[i]);
	return bits;
}

static void rules_of_destinations_leave_everything_else_open(void **state)
{
	struct xvs_flow_key key = packet("10.9.9.9", "10.1.77.5", 80);
	struct xvs_flow_key mask;

	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		struct acl_rule *r = add(0);

		set_ip(&r->dst, "10.1.0.0/24");
		r->dst.addr[14] = (uint8_t)i;
	}
	mask = examined(&key, 77);
	assert_memory_equal(mask.ip_dst, "\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\0", 16);
	assert_int_equal(bits_of(mask.ip_src, 16), 0);
	assert_int_equal(mask.l4_src | mask.l4_dst | mask.ip_proto | mask.tcp_flags | mask.ip_tos,
			 0);
	assert_int_equal(bits_of(mask.eth_src, 6) + bits_of(mask.eth_dst, 6), 0);
	assert_int_equal(mask.bits, XVS_KEY_LATER);
	assert_int_equal(mask.ethertype, 0xffff);
}

static void a_range_of_ports_needs_a_prefix_of_the_port(void **state)
{
	struct xvs_flow_key key = packet("10.0.0.1", "10.0.0.2", 40000);
	struct xvs_flow_key mask;

	(void)state;
	add(ACL_PROTO | ACL_DST_PORTS)->dst_ports = (struct acl_ports){ 1024, UINT16_MAX };
	mask = examined(&key, 0);
	assert_int_equal(ntohs(mask.l4_dst), 0x8000);
	assert_int_equal(mask.ip_proto, 0xff);
	key.l4_dst = htons(2000);
	mask = examined(&key, 0);
	assert_int_equal(ntohs(mask.l4_dst), 0xfc00);
	key.l4_dst = htons(22);
	mask = examined(&key, ACL_NONE);
	assert_int_equal(ntohs(mask.l4_dst), 0xfc00);
}

static void ports_are_not_asked_of_who_fails_by_address(void **state)
{
	struct xvs_flow_key key = packet("10.0.0.1", "172.16.0.1", 443);
	struct xvs_flow_key mask;

	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		struct acl_rule *r = add(ACL_PROTO | ACL_DST_PORTS);

		set_ip(&r->dst, "10.1.0.0/16");
		r->dst_ports = (struct acl_ports){ (uint16_t)(i * 7), (uint16_t)(i * 7 + 3) };
	}
	mask = examined(&key, ACL_NONE);
	assert_int_equal(mask.l4_src | mask.l4_dst, 0);
	assert_int_equal(bits_of(mask.ip_dst, 16), 16);
}

static void rules_behind_the_answer_are_not_looked_at(void **state)
{
	struct xvs_flow_key key = packet("10.0.0.1", "10.0.0.2", 443);
	struct xvs_flow_key mask;

	(void)state;
	add(ACL_PROTO)->weight = 10;
	for (uint16_t i = 0; i < 100; i++)
		add(ACL_PROTO | ACL_DST_PORTS)->dst_ports = (struct acl_ports){ i, i };
	mask = examined(&key, 0);
	assert_int_equal(mask.l4_dst, 0);
	assert_int_equal(bits_of(mask.ip_dst, 16) + bits_of(mask.ip_src, 16), 0);
}

static void what_rules_of_ipv6_say_is_not_asked_of_ipv4(void **state)
{
	struct xvs_flow_key key = packet("10.0.0.1", "10.0.0.2", 443);
	struct xvs_flow_key mask;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct acl_rule *r = add(0);

		r->ethertype = ETHERTYPE_IPV6;
		set_ip(&r->dst, "2001:db8::/64");
		r->dst.addr[7] = (uint8_t)i;
	}
	mask = examined(&key, ACL_NONE);
	assert_int_equal(bits_of(mask.ip_dst, 16), 0);
	key.ethertype = htons(ETHERTYPE_IPV6);
	set_ip(&rules[0].src, "2001:db8::/64");
	memcpy(key.ip_dst, rules[7].dst.addr, 16);
	mask = examined(&key, 7);
	assert_int_equal(bits_of(mask.ip_dst, 16), 64);
	assert_int_equal(bits_of(mask.ip_src, 16), 0);
}

static void bits_that_are_there_stay(void **state)
{
	struct xvs_flow_key key = packet("10.0.0.1", "10.0.0.2", 443);
	struct xvs_flow_key mask = { .l4_src = 0xffff };
	struct xvs_error err = ERROR_INIT;
	struct acl *a;

	(void)state;
	set_ip(&add(0)->dst, "10.0.0.0/24");
	assert_int_equal(acl_create(rules, count, &a, &err), 0);
	assert_int_equal(acl_find(a, &key, 0, &mask), 0);
	acl_destroy(a);
	assert_int_equal(mask.l4_src, 0xffff);
	assert_int_equal(bits_of(mask.ip_dst, 16), 24);
}

static uint32_t count_masks(const struct rulegen *g, const struct acl_rule *site)
{
	static struct xvs_flow_key masks[SITE_KEYS];
	struct xvs_error err = ERROR_INIT;
	uint64_t packets = 5;
	uint32_t different = 0;
	struct acl *a;

	assert_int_equal(acl_create(site, SITE_RULES, &a, &err), 0);
	for (uint32_t i = 0; i < SITE_KEYS; i++) {
		struct xvs_flow_key *mask = &masks[different];
		struct xvs_flow_key key;
		uint32_t like = 0;

		memset(mask, 0, sizeof(*mask));
		rulegen_key(g, site, SITE_RULES, &packets, &key);
		(void)acl_find(a, &key, 0, mask);
		while (memcmp(&masks[like], mask, sizeof(*mask)) != 0)
			like++;
		different += like == different;
	}
	acl_destroy(a);
	return different;
}

/* 11 pairs of lengths of addresses, of IPv6 13; 6 of ports, one with or without a protocol. */
static void answers_of_a_large_set_share_few_masks(void **state)
{
	static struct acl_rule site[SITE_RULES];
	struct rulegen g = { RULEGEN_MIX, false, 8 };

	(void)state;
	assert_true(rulegen_rules(&g, site, SITE_RULES));
	assert_in_range(count_masks(&g, site), 2, 11 * 7);
	g.is_ipv6 = true;
	assert_true(rulegen_rules(&g, site, SITE_RULES));
	assert_in_range(count_masks(&g, site), 2, 13 * 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rules_of_destinations_leave_everything_else_open, setup),
		cmocka_unit_test_setup(a_range_of_ports_needs_a_prefix_of_the_port, setup),
		cmocka_unit_test_setup(ports_are_not_asked_of_who_fails_by_address, setup),
		cmocka_unit_test_setup(rules_behind_the_answer_are_not_looked_at, setup),
		cmocka_unit_test_setup(what_rules_of_ipv6_say_is_not_asked_of_ipv4, setup),
		cmocka_unit_test_setup(bits_that_are_there_stay, setup),
		cmocka_unit_test(answers_of_a_large_set_share_few_masks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
