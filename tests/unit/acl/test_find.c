/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base
 *
 * A classifier gives the answer that asking each rule gives, and a mask that is good for every
 * packet that agrees in its bits.
 */
#include "support/test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "acl/linear.h"
#include "base/error.h"
#include "base/str.h"
#include "packet/headers.h"
#include "support/rulegen.h"

enum { SEGMENT = 3 };

static uint64_t chance = 11;

static uint32_t draw(uint32_t below)
{
	return (uint32_t)(test_random(&chance) >> 33) % below;
}

static struct acl *create(const struct acl_rule *rules, uint32_t count)
{
	struct xvs_error err = ERROR_INIT;
	struct acl *a = NULL;

	if (acl_create(rules, count, &a, &err))
		fail_msg("%s", err.text);
	return a;
}

/* Another packet that agrees in the bits of the mask; entry port apart, which no mask has. */
static struct xvs_flow_key agreeing(const struct xvs_flow_key *key, const struct xvs_flow_key *mask)
{
	struct xvs_flow_key other = *key;
	const uint8_t *m = (const uint8_t *)mask;
	uint8_t *o = (uint8_t *)&other;
	uint32_t often = 1 + draw(8);

	for (size_t i = 0; i < sizeof(other); i++) {
		if (draw(often) == 0)
			o[i] ^= (uint8_t)(test_random(&chance) & ~(unsigned)m[i]);
	}
	return other;
}

static void check(const struct acl *a, const struct acl_rule *rules, uint32_t count,
		  const struct xvs_flow_key *key)
{
	struct xvs_flow_key mask = { 0 };
	uint32_t answer = acl_find(a, key, SEGMENT, &mask);

	assert_int_equal(answer, linear(rules, count, key, SEGMENT));
	assert_int_equal(acl_find(a, key, SEGMENT, NULL), answer);
	assert_int_equal(mask.port, 0);
	for (uint32_t i = 0; i < 8; i++) {
		struct xvs_flow_key other = agreeing(key, &mask);
		struct xvs_flow_key unused = { 0 };

		assert_int_equal(acl_find(a, &other, SEGMENT, &unused), answer);
	}
}

/* ---- sites ----------------------------------------------------------------------------------- */

static void site_agrees(enum rulegen_kind kind, bool is_ipv6, uint32_t count, uint32_t keys)
{
	struct rulegen g = { kind, is_ipv6, draw(1000) };
	struct acl_rule *rules = calloc(count, sizeof(*rules));
	uint64_t packets = draw(1000) + 1;
	struct acl *a;

	assert_non_null(rules);
	assert_true(rulegen_rules(&g, rules, count));
	a = create(rules, count);
	for (uint32_t i = 0; i < keys; i++) {
		struct xvs_flow_key key;

		rulegen_key(&g, rules, count, &packets, &key);
		check(a, rules, count, &key);
	}
	acl_destroy(a);
	free(rules);
}

static void sets_of_sites_agree_with_a_linear_search(void **state)
{
	(void)state;
	for (uint32_t kind = RULEGEN_ACL; kind <= RULEGEN_MIX; kind++) {
		for (uint32_t count = 1; count <= 3000; count *= 7) {
			site_agrees((enum rulegen_kind)kind, false, count, 300);
			site_agrees((enum rulegen_kind)kind, true, count, 300);
		}
	}
}

/* ---- indices --------------------------------------------------------------------------------- */

enum {
	OF_A_KIND = 2200, /* more than an index is made for */
	SUBNETS = 150,
	KINDS = 5,
	MANY = OF_A_KIND * KINDS,
};

/* Within subnet 'nr': a host, or where it is short a network that is longer than the subnet is. */
static void put_within(struct xvs_ip *ip, bool is_ipv6, uint32_t nr, bool is_short)
{
	memset(ip, 0, sizeof(*ip));
	if (is_ipv6) {
		ip->addr[0] = 0x20;
		ip->addr[is_short ? 3 : 7] = (uint8_t)nr;
		ip->addr[is_short ? 5 : 15] = (uint8_t)draw(256);
		ip->prefix_len = is_short ? 48 : (uint8_t)(64 + 64 * draw(2));
	} else {
		memset(ip->addr + 10, 0xff, 2);
		ip->addr[12] = 10;
		ip->addr[is_short ? 13 : 14] = (uint8_t)nr;
		ip->addr[is_short ? 14 : 15] = (uint8_t)(draw(16) << 4);
		ip->prefix_len = is_short ? (uint8_t)(96 + 16 + draw(5)) : 96 + 28;
	}
}

/* Hosts and networks of either address, and rules of ports alone. */
static void rule_of_kind(struct acl_rule *r, bool is_ipv6, uint32_t i)
{
	uint32_t kind = i % KINDS;

	memset(r, 0, sizeof(*r));
	r->answer = i;
	r->weight = draw(1000);
	r->matches = ACL_ETHERTYPE | ACL_PROTO | ACL_DST_PORTS;
	r->ethertype = is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	r->proto = draw(2) ? PROTO_TCP : PROTO_UDP;
	r->dst_ports.first = (uint16_t)draw(200);
	r->dst_ports.last = (uint16_t)(r->dst_ports.first + draw(50));
	if (kind < 4)
		put_within(kind % 2 ? &r->src : &r->dst, is_ipv6, draw(SUBNETS), kind >= 2);
	else
		r->dst_ports.last = r->dst_ports.first;
}

static struct xvs_flow_key key_of_subnets(bool is_ipv6)
{
	struct xvs_flow_key key = { .ethertype = htons(is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4),
				    .ip_proto = draw(2) ? PROTO_TCP : PROTO_UDP,
				    .l4_dst = htons((uint16_t)draw(300)),
				    .l4_src = htons((uint16_t)draw(60000)) };
	struct xvs_ip ip;

	put_within(&ip, is_ipv6, draw(SUBNETS + 20), draw(2));
	memcpy(key.ip_dst, ip.addr, 16);
	put_within(&ip, is_ipv6, draw(SUBNETS + 20), draw(2));
	memcpy(key.ip_src, ip.addr, 16);
	return key;
}

static void many_in_subnets_agree_with_a_linear_search(void **state)
{
	struct acl_rule *rules = calloc(MANY, sizeof(*rules));

	(void)state;
	assert_non_null(rules);
	for (uint32_t round = 0; round < 2; round++) {
		struct acl_info info;
		struct acl *a;

		for (uint32_t i = 0; i < MANY; i++)
			rule_of_kind(&rules[i], round, i);
		a = create(rules, MANY);
		acl_info(a, &info);
		assert_true(info.entries <= MANY * ACL_COPIES);
		for (uint32_t i = 0; i < 500; i++) {
			struct xvs_flow_key key = key_of_subnets(round);

			check(a, rules, MANY, &key);
		}
		acl_destroy(a);
	}
	free(rules);
}

/* ---- every field ----------------------------------------------------------------------------- */

static void random_mac(uint8_t mac[6], uint8_t mask[6])
{
	static const uint8_t masks[] = { 0, 0xff, 0xff, 0xf0, 0x5a };

	for (uint32_t i = 0; i < 6; i++) {
		mac[i] = (uint8_t)draw(3);
		mask[i] = masks[draw(sizeof(masks))];
	}
}

static void random_ip(struct xvs_ip *ip, bool is_ipv6)
{
	memset(ip, 0, sizeof(*ip));
	if (draw(3) == 0)
		return;
	memset(ip->addr, is_ipv6 ? 0x20 : 0, 10);
	memset(ip->addr + 10, 0xff, 2);
	for (uint32_t i = is_ipv6 ? 4 : 12; i < 16; i++)
		ip->addr[i] = (uint8_t)(draw(4) << 5);
	ip->prefix_len = (uint8_t)(is_ipv6 ? draw(129) : 96 + draw(33));
}

static void random_l4(struct acl_rule *r)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_ICMP,
					  PROTO_ICMPV6 };

	r->matches |= ACL_PROTO;
	r->proto = protos[draw(5)];
	if (r->proto == PROTO_ICMP || r->proto == PROTO_ICMPV6) {
		r->matches |= (uint16_t)(draw(4) * ACL_ICMP_TYPE);
		r->icmp_type = (uint8_t)draw(3);
		r->icmp_code = (uint8_t)draw(3);
		return;
	}
	r->matches |= (uint16_t)(draw(4) * ACL_SRC_PORTS);
	r->src_ports.first = (uint16_t)draw(20);
	r->src_ports.last = (uint16_t)(r->src_ports.first + draw(draw(2) ? 1 : 65000));
	r->dst_ports.first = (uint16_t)draw(40000);
	r->dst_ports.last = (uint16_t)(r->dst_ports.first + draw(20000));
	if (r->proto == PROTO_TCP && draw(2)) {
		r->tcp_flags_mask = (uint16_t)draw(0x1000);
		r->tcp_flags = (uint16_t)(draw(0x1000) & r->tcp_flags_mask & 0x12);
	}
}

static struct acl_rule random_rule(void)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP, 0x88cc };
	struct acl_rule r = { .weight = draw(5),
			      .segment = SEGMENT + draw(2),
			      .vlan = (uint16_t)draw(3) };
	uint32_t type = draw(5);

	r.matches = (uint16_t)((draw(4) == 0 ? ACL_SEGMENT : 0) | (draw(4) == 0 ? ACL_VLAN : 0));
	if (draw(3) == 0)
		random_mac(r.eth_src, r.eth_src_mask);
	if (draw(3) == 0)
		random_mac(r.eth_dst, r.eth_dst_mask);
	r.bits_mask = (uint8_t)(draw(3) ? 0 : draw(64) & ~(uint32_t)XVS_KEY_LATER);
	r.bits = (uint8_t)(draw(64) & r.bits_mask);
	if (type < 4) {
		r.matches |= ACL_ETHERTYPE;
		r.ethertype = types[type];
	}
	if (type < 3) {
		random_ip(&r.src, type == 1);
		random_ip(&r.dst, type == 1);
	}
	if (type != 2 && type != 3 && draw(2))
		random_l4(&r);
	if (type != 2 && type != 3 && draw(4) == 0) {
		r.matches |= ACL_DSCP;
		r.dscp = (uint8_t)draw(3);
	}
	return r;
}

static struct xvs_flow_key random_key(const struct acl_rule *like)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP, 0x88cc };
	struct xvs_flow_key key = {
		.port = 1,
		.ethertype =
			htons(like->matches & ACL_ETHERTYPE ? like->ethertype : types[draw(4)]),
		.vlan_tci = htons((uint16_t)draw(4)),
		.ip_proto = like->matches & ACL_PROTO ? like->proto : PROTO_TCP,
		.ip_tos = (uint8_t)(draw(3) << 2),
		.bits = (uint8_t)(draw(2) ? like->bits : draw(64)),
		.l4_src = htons((uint16_t)(like->src_ports.first + draw(3))),
		.l4_dst = htons((uint16_t)(like->dst_ports.last + draw(3) - 1)),
		.tcp_flags = htons((uint16_t)(draw(2) ? like->tcp_flags : draw(0x1000))),
	};

	memcpy(key.eth_src, like->eth_src, 6);
	memcpy(key.eth_dst, like->eth_dst, 6);
	memcpy(key.ip_src, like->src.addr, 16);
	memcpy(key.ip_dst, like->dst.addr, 16);
	if (draw(2))
		key.ip_src[4 + draw(12)] ^= (uint8_t)(1u << draw(8));
	if (draw(2))
		key.eth_src[draw(6)] ^= (uint8_t)(1u << draw(8));
	return key;
}

static void random_rules_of_all_fields_agree_with_a_linear_search(void **state)
{
	enum { MOST = 400 };
	static struct acl_rule rules[MOST];

	(void)state;
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t count = round < 20 ? round : draw(MOST);
		struct acl *a;

		for (uint32_t i = 0; i < count; i++) {
			rules[i] = random_rule();
			rules[i].answer = i * 3;
		}
		a = create(rules, count);
		for (uint32_t i = 0; i < 200; i++) {
			struct acl_rule like =
				count && draw(8) ? rules[draw(count)] : random_rule();
			struct xvs_flow_key key = random_key(&like);

			check(a, rules, count, &key);
		}
		acl_destroy(a);
	}
}

/* ---- order ----------------------------------------------------------------------------------- */

static void the_highest_weight_wins_and_the_earliest_among_equals(void **state)
{
	const struct acl_rule rules[] = {
		{ .weight = 1, .answer = 10 },
		{ .weight = 5, .answer = 11, .matches = ACL_PROTO, .proto = PROTO_UDP },
		{ .weight = 5, .answer = 12, .matches = ACL_PROTO, .proto = PROTO_UDP },
		{ .weight = 0, .answer = 13 },
	};
	struct xvs_flow_key key = { .ethertype = htons(ETHERTYPE_IPV4), .ip_proto = PROTO_UDP };
	struct xvs_flow_key mask = { 0 };
	struct acl *a = create(rules, 4);

	(void)state;
	assert_int_equal(acl_find(a, &key, 0, &mask), 11);
	key.ip_proto = PROTO_TCP;
	assert_int_equal(acl_find(a, &key, 0, &mask), 10);
	acl_destroy(a);
}

static void no_rules_are_a_list_too(void **state)
{
	struct xvs_flow_key key = { .ethertype = htons(ETHERTYPE_IPV6) };
	struct xvs_flow_key mask = { 0 };
	struct acl *a = create(NULL, 0);

	(void)state;
	assert_int_equal(acl_find(a, &key, 0, &mask), ACL_NONE);
	acl_destroy(a);
	acl_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_of_sites_agree_with_a_linear_search),
		cmocka_unit_test(many_in_subnets_agree_with_a_linear_search),
		cmocka_unit_test(random_rules_of_all_fields_agree_with_a_linear_search),
		cmocka_unit_test(the_highest_weight_wins_and_the_earliest_among_equals),
		cmocka_unit_test(no_rules_are_a_list_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
