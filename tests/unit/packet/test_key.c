/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
#include <arpa/inet.h>

#include "base/hash.h"
#include "frames.h"

static struct frame frame;
static struct pool *pool;
static struct xvs_flow_key key;

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
static const uint8_t nothing[64];

static int start(void **state)
{
	(void)state;
	hash_start();
	pool = full_pool();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	finish_pool(pool);
	return 0;
}

static void take_key(uint32_t len, uint32_t flags, uint16_t tci)
{
	struct packet *p = load(pool, frame.bytes, len);
	uint16_t bad;

	p->x.flags = flags;
	p->x.vlan_tci = tci;
	packet_parse(p, &bad);
	memset(&key, 0xee, sizeof(key));
	packet_key(p, 4711, &key);
	assert_int_equal(key.port, 4711);
	packet_free(p);
}

static void key_of(const struct shape *s)
{
	build(&frame, s);
	take_key(frame.len, 0, 0);
}

static void tcp_over_ipv4(void **state)
{
	(void)state;
	key_of(&(struct shape){ .proto = 6, .payload = 5 });
	assert_memory_equal(key.eth_dst, frame.bytes, 6);
	assert_memory_equal(key.eth_src, frame.bytes + 6, 6);
	assert_int_equal(key.ethertype, htons(0x0800));
	assert_memory_equal(key.ip_src, mapped, 12);
	assert_memory_equal(key.ip_src + 12, frame.bytes + 26, 4);
	assert_memory_equal(key.ip_dst, mapped, 12);
	assert_memory_equal(key.ip_dst + 12, frame.bytes + 30, 4);
	assert_int_equal(key.ip_proto, 6);
	assert_int_equal(key.ip_tos, 0xb9);
	assert_int_equal(key.ip_ttl, 64);
	assert_int_equal(key.bits, 0);
	assert_int_equal(key.l4_src, htons(40000));
	assert_int_equal(key.l4_dst, htons(443));
	assert_int_equal(key.tcp_flags, htons(0x99));
	assert_int_equal(key.vlan_tci, 0);
	assert_int_equal(key.vlan_inner, 0);
}

static void udp_over_ipv6(void **state)
{
	(void)state;
	key_of(&(struct shape){ .is_v6 = true, .proto = 17, .ip_options = 2 });
	assert_int_equal(key.ethertype, htons(0x86dd));
	assert_memory_equal(key.ip_src, frame.bytes + 22, 16);
	assert_memory_equal(key.ip_dst, frame.bytes + 38, 16);
	assert_int_equal(key.ip_proto, 17);
	assert_int_equal(key.ip_tos, 0xb9);
	assert_int_equal(key.ip_ttl, 64);
	assert_int_equal(key.bits, XVS_KEY_OPTIONS);
	assert_int_equal(key.l4_src, htons(40000));
	assert_int_equal(key.tcp_flags, 0);
}

static void icmp_type_and_code_stand_for_ports(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		key_of(&(struct shape){ .is_v6 = v6, .proto = v6 ? 58 : 1 });
		assert_int_equal(key.l4_src, htons(8));
		assert_int_equal(key.l4_dst, htons(3));
	}
}

static void later_fragments_have_no_ports(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct shape s = { .is_v6 = v6, .proto = 17, .more = true, .payload = 16 };
		uint8_t options = v6 ? XVS_KEY_OPTIONS : 0;

		key_of(&s);
		assert_int_equal(key.bits, XVS_KEY_FRAG | options);
		assert_int_equal(key.l4_dst, htons(443));
		s.fragment = 2;
		key_of(&s);
		assert_int_equal(key.bits, XVS_KEY_FRAG | XVS_KEY_LATER | options);
		assert_int_equal(key.l4_src, 0);
		assert_int_equal(key.l4_dst, 0);
		assert_int_equal(key.ip_proto, 17);
	}
}

static void tags_are_in_network_order(void **state)
{
	(void)state;
	key_of(&(struct shape){ .proto = 6, .tags = 1 });
	assert_int_equal(key.vlan_tci, htons(0xa064));
	assert_int_equal(key.bits, XVS_KEY_VLAN);
	assert_int_equal(key.ethertype, htons(0x0800));
	key_of(&(struct shape){ .proto = 6, .tags = 2 });
	assert_int_equal(key.vlan_tci, htons(0xa064));
	assert_int_equal(key.vlan_inner, htons(0xa065));
	assert_int_equal(key.bits, XVS_KEY_VLAN | XVS_KEY_VLAN2 | XVS_KEY_SVLAN);
	assert_int_equal(key.ip_ttl, 64);
}

static void a_tag_beside_the_bytes_makes_that_in_them_the_second(void **state)
{
	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .tags = 1 });
	take_key(frame.len, XVS_PKT_VLAN, 0x0123);
	assert_int_equal(key.vlan_tci, htons(0x0123));
	assert_int_equal(key.vlan_inner, htons(0xa064));
	assert_int_equal(key.bits, XVS_KEY_VLAN | XVS_KEY_VLAN2);
}

static void arp_shows_protocol_addresses(void **state)
{
	static const uint8_t arp[28] = { 0,  1, 8, 0, 6, 4, 0, 2, 1, 2, 3,  4, 5, 6,
					 10, 0, 0, 1, 6, 5, 4, 3, 2, 1, 10, 0, 0, 2 };

	(void)state;
	put_be16(frame.bytes + 12, 0x0806);
	memcpy(frame.bytes + 14, arp, sizeof(arp));
	take_key(60, 0, 0);
	assert_int_equal(key.ip_proto, 2);
	assert_memory_equal(key.ip_src, mapped, 12);
	assert_memory_equal(key.ip_src + 12, arp + 14, 4);
	assert_memory_equal(key.ip_dst + 12, arp + 24, 4);
	frame.bytes[20] = 1; /* operation 258 is not 2 */
	take_key(60, 0, 0);
	assert_int_equal(key.ip_proto, 0);
	frame.bytes[15] = 6; /* not Ethernet */
	take_key(60, 0, 0);
	assert_memory_equal(key.ip_src, nothing, 16);
	assert_int_equal(key.ethertype, htons(0x0806));
}

static void what_is_bad_has_addresses_alone(void **state)
{
	(void)state;
	build(&frame, &(struct shape){ .proto = 6 });
	take_key(frame.ip_end - 1, 0, 0);
	assert_memory_equal(key.eth_src, frame.bytes + 6, 6);
	assert_int_equal(key.ethertype, htons(0x0800));
	assert_memory_equal(key.ip_src, nothing, 64 - offsetof(struct xvs_flow_key, ip_src));
	take_key(13, 0, 0);
	assert_memory_equal(key.eth_dst, nothing, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ipv4),
		cmocka_unit_test(udp_over_ipv6),
		cmocka_unit_test(icmp_type_and_code_stand_for_ports),
		cmocka_unit_test(later_fragments_have_no_ports),
		cmocka_unit_test(tags_are_in_network_order),
		cmocka_unit_test(a_tag_beside_the_bytes_makes_that_in_them_the_second),
		cmocka_unit_test(arp_shows_protocol_addresses),
		cmocka_unit_test(what_is_bad_has_addresses_alone),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
