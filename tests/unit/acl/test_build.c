/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base
 *
 * Sets that are made to be hard: a classifier stays within its bounds, and right.
 */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl/linear.h"
#include "base/error.h"
#include "packet/headers.h"
#include "support/rulegen.h"

enum { COUNT = 20000, KEYS = 30 };

typedef void (*rule_fn)(struct acl_rule *r, uint32_t i);

static uint64_t chance = 5;

static uint32_t draw(uint32_t below)
{
	return (uint32_t)(test_random(&chance) >> 33) % below;
}

static void put_address(struct xvs_ip *ip, uint32_t address, uint8_t bits)
{
	address = htonl(address);
	memset(ip->addr, 0, 10);
	memset(ip->addr + 10, 0xff, 2);
	memcpy(ip->addr + 12, &address, 4);
	ip->prefix_len = (uint8_t)(96 + bits);
}

static void in_a_port_range(struct acl_rule *r, uint32_t i)
{
	uint16_t a = (uint16_t)draw(UINT16_MAX);
	uint16_t b = (uint16_t)draw(UINT16_MAX);

	r->matches |= ACL_PROTO | ACL_DST_PORTS;
	r->dst_ports = a < b ? (struct acl_ports){ a, b } : (struct acl_ports){ b, a };
	r->weight = (uint32_t)(UINT16_MAX - (r->dst_ports.last - r->dst_ports.first));
	r->answer = i;
}

static void in_two_port_ranges(struct acl_rule *r, uint32_t i)
{
	in_a_port_range(r, i);
	r->matches |= ACL_SRC_PORTS;
	r->src_ports.first = (uint16_t)draw(30000);
	r->src_ports.last = (uint16_t)(r->src_ports.first + draw(30000));
}

/* All of them overlap, those that say more come first. */
static void in_nested_prefixes(struct acl_rule *r, uint32_t i)
{
	put_address(&r->src, 0x0a0b0c0d, (uint8_t)(i % 33));
	put_address(&r->dst, 0xc0a80102 + i / 1089 % 3, (uint8_t)(i / 33 % 33));
	r->weight = i % 33 + i / 33 % 33;
}

/* A third says nothing but a source, a third a destination, a third a port: each meets each. */
static void on_three_crossing_sides(struct acl_rule *r, uint32_t i)
{
	r->weight = draw(100);
	if (i % 3 == 0)
		put_address(&r->src, i * 2654435761u, 32);
	else if (i % 3 == 1)
		put_address(&r->dst, i * 2654435761u, 32);
	else
		in_a_port_range(r, i);
}

static void all_the_same(struct acl_rule *r, uint32_t i)
{
	put_address(&r->dst, 0x0a000001, 32);
	r->weight = i / 2;
}

/* Masks with holes, the same span for all: no cut tells them apart. */
static void of_masks_with_holes(struct acl_rule *r, uint32_t i)
{
	for (uint32_t bit = 0; bit < 24; bit++) {
		uint32_t say = i >> bit / 2 & 3;

		r->eth_src_mask[bit / 8] |= (uint8_t)(say > 1 ? 1u << bit % 8 : 0);
		r->eth_src[bit / 8] |= (uint8_t)(say > 2 ? 1u << bit % 8 : 0);
	}
	r->matches &= (uint16_t)~ACL_ETHERTYPE;
}

static void make(rule_fn fn, struct acl_rule *rules)
{
	memset(rules, 0, COUNT * sizeof(*rules));
	for (uint32_t i = 0; i < COUNT; i++) {
		rules[i].matches = ACL_ETHERTYPE;
		rules[i].ethertype = ETHERTYPE_IPV4;
		rules[i].proto = PROTO_UDP;
		fn(&rules[i], i);
		rules[i].answer = i;
	}
}

static void check_bounds(const struct acl *a)
{
	struct acl_info info;

	acl_info(a, &info);
	assert_int_equal(info.rules, COUNT);
	assert_true(info.entries <= COUNT * ACL_COPIES);
	assert_true(info.bytes < COUNT * UINT64_C(400));
	assert_true(info.build_bytes >= info.bytes);
	assert_true(info.build_bytes < COUNT * UINT64_C(1200));
}

/* What a classifier of such rules was, beside right. */
static struct acl_info stays_right_and_small(rule_fn fn)
{
	struct acl_info info;
	struct acl_rule *rules = calloc(COUNT, sizeof(*rules));
	struct rulegen g = { RULEGEN_MIX, false, 1 };
	struct xvs_error err = ERROR_INIT;
	uint64_t packets = 99;
	struct acl *a;

	assert_non_null(rules);
	make(fn, rules);
	assert_int_equal(acl_create(rules, COUNT, &a, &err), 0);
	check_bounds(a);
	acl_info(a, &info);
	for (uint32_t i = 0; i < KEYS; i++) {
		struct xvs_flow_key key, mask = { 0 };

		rulegen_key(&g, rules, COUNT, &packets, &key);
		memcpy(key.eth_src, rules[draw(COUNT)].eth_src, 6);
		assert_int_equal(acl_find(a, &key, 0, &mask), linear(rules, COUNT, &key, 0));
	}
	acl_destroy(a);
	free(rules);
	return info;
}

/* Of all ranges over a port the narrowest wins, so few rules matter anywhere. */
static void rules_that_differ_in_a_port_range_alone(void **state)
{
	struct acl_info info = stays_right_and_small(in_a_port_range);

	(void)state;
	assert_true(info.largest <= 16);
	assert_true(info.entries < COUNT / 4);
	(void)stays_right_and_small(in_two_port_ranges);
}

static void prefixes_nested_in_both_addresses(void **state)
{
	struct acl_info info = stays_right_and_small(in_nested_prefixes);

	(void)state;
	assert_true(info.largest <= 16);
	assert_true(info.entries < 33 * 33 * 3);
}

static void rules_on_sides_that_cross(void **state)
{
	(void)state;
	assert_true(stays_right_and_small(on_three_crossing_sides).largest <= 16);
}

static void rules_that_are_all_the_same(void **state)
{
	(void)state;
	assert_int_equal(stays_right_and_small(all_the_same).entries, 1);
}

static void masks_that_no_cut_tells_apart(void **state)
{
	(void)state;
	(void)stays_right_and_small(of_masks_with_holes);
}

static void rules_of_no_ethertype_are_held_once(void **state)
{
	struct acl_rule *rules = calloc(COUNT, sizeof(*rules));
	struct xvs_error err = ERROR_INIT;
	struct acl_info info;
	struct acl *a;

	(void)state;
	assert_non_null(rules);
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t mac = htonl(i * 3);

		memcpy(rules[i].eth_src + 2, &mac, 4);
		memset(rules[i].eth_src_mask, 0xff, 6);
		rules[i].answer = i;
	}
	assert_int_equal(acl_create(rules, COUNT, &a, &err), 0);
	acl_info(a, &info);
	assert_true(info.entries < COUNT * 2);
	for (uint32_t i = 0; i < COUNT; i += 777) {
		struct xvs_flow_key key = { .ethertype = htons(i % 2 ? ETHERTYPE_IPV6 : 0x88cc) };
		struct xvs_flow_key mask = { 0 };

		memcpy(key.eth_src, rules[i].eth_src, 6);
		assert_int_equal(acl_find(a, &key, 0, &mask), i);
	}
	acl_destroy(a);
	free(rules);
}

static void too_many_rules_are_refused(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct acl_rule rule = { 0 };
	struct acl *a = NULL;

	(void)state;
	assert_int_equal(acl_create(&rule, ACL_RULES_MAX + 1, &a, &err), -E2BIG);
	assert_non_null(strstr(err.text, "1048577 rules are too many"));
	assert_null(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_that_differ_in_a_port_range_alone),
		cmocka_unit_test(prefixes_nested_in_both_addresses),
		cmocka_unit_test(rules_on_sides_that_cross),
		cmocka_unit_test(rules_that_are_all_the_same),
		cmocka_unit_test(masks_that_no_cut_tells_apart),
		cmocka_unit_test(rules_of_no_ethertype_are_held_once),
		cmocka_unit_test(too_many_rules_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
