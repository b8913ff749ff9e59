/* SPDX-License-Identifier: Apache-2.0 */
/* Two tags: which one counts, what becomes of the other, and who may not send them at all. */
#include "bench.h"

enum { OUTER = 100, INNER = 0x6014 }; /* VLAN 20, priority 3 */

static void tunnel(uint32_t id, uint16_t type)
{
	bench_segment(id, OUTER);
	bench.ports[id].conf.tunnel = type;
	bench_publish(id);
}

static void trunk(uint32_t id, uint32_t native)
{
	bench_segment(id, native);
	bench.ports[id].conf.is_trunk = true;
	bench.ports[id].conf.all_tags = true;
	bench_publish(id);
	assert_int_equal(
		l2_add_static(&bench.sw->l2, L2_ANY, bench.ports[id].mac, bench.ports[id].port), 0);
}

static struct memory_frame tagged(uint32_t from, uint32_t to, uint16_t type, uint16_t tci)
{
	struct memory_frame f = udp(from, to, 53, 200);

	tag(&f, type, tci);
	return f;
}

static void assert_came(uint32_t port, const struct memory_frame *f)
{
	assert_int_equal(got(port), 1);
	assert_int_equal(last(port)->len, f->len);
	assert_memory_equal(last(port)->bytes, f->bytes, f->len);
}

static void a_tunnel_puts_its_tag_in_front_and_takes_it_off(void **state)
{
	struct memory_frame plain = udp(1, 2, 53, 200);
	struct memory_frame there = tagged(1, 2, 0x8100, INNER);
	struct memory_frame on_trunk = there;
	struct memory_frame back = tagged(2, 1, 0x8100, INNER);
	struct memory_frame from_trunk = back;

	(void)state;
	bench_ports(2);
	tunnel(1, 0x88a8);
	trunk(2, 0);
	tag(&on_trunk, 0x88a8, 0x6000 | OUTER);
	pass(1, &there);
	assert_came(2, &on_trunk);
	tag(&from_trunk, 0x88a8, OUTER);
	pass(2, &from_trunk);
	assert_came(1, &back);
	pass(1, &plain);
	tag(&plain, 0x88a8, OUTER);
	assert_came(2, &plain);
}

static void the_outer_tag_is_of_the_type_asked_for(void **state)
{
	struct memory_frame there = tagged(1, 2, 0x88a8, INNER);
	struct memory_frame on_trunk = there;

	(void)state;
	bench_ports(2);
	tunnel(1, 0x8100);
	trunk(2, 0);
	tag(&on_trunk, 0x8100, 0x6000 | OUTER);
	pass(1, &there);
	assert_came(2, &on_trunk);
}

static void two_tunnels_exchange_what_customers_sent(void **state)
{
	(void)state;
	bench_ports(3);
	tunnel(1, 0x88a8);
	tunnel(2, 0x88a8);
	bench_segment(3, OUTER);
	for (uint16_t vid = 1; vid < 40; vid++) {
		struct memory_frame f = tagged(1, 2, 0x8100, vid);

		pass(1, &f);
		assert_came(2, &f);
	}
	assert_int_equal(got(3), 0);
}

static void a_checksum_stays_where_it_was(void **state)
{
	struct memory_frame f = tagged(1, 2, 0x8100, INNER);

	(void)state;
	f.csum_todo = true;
	f.csum_start = 38;
	f.csum_off = 6;
	bench_ports(2);
	tunnel(1, 0x88a8);
	tunnel(2, 0x88a8);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM;
	pass(1, &f);
	assert_came(2, &f);
	assert_true(last(2)->flags & XVS_PKT_CSUM_TODO);
}

static void a_customers_second_tag_is_one_too_many(void **state)
{
	struct memory_frame f = tagged(1, 2, 0x8100, INNER);

	(void)state;
	tag(&f, 0x8100, 30);
	bench_ports(2);
	tunnel(1, 0x88a8);
	tunnel(2, 0x88a8);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_BAD_HEADER), 1);
}

static void between_trunks_the_inner_tag_stays(void **state)
{
	struct memory_frame f = tagged(1, 2, 0x8100, INNER);

	(void)state;
	tag(&f, 0x88a8, OUTER);
	bench_ports(2);
	trunk(1, 0);
	trunk(2, 0);
	pass(1, &f);
	assert_came(2, &f);
}

/* The attacker's VLAN is the native one of the trunk: without its tag the inner one would count. */
static void nobody_hops_through_a_native_vlan(void **state)
{
	struct memory_frame f = tagged(1, 2, 0x8100, 20);
	struct memory_frame plain = udp(1, 2, 53, 20);

	(void)state;
	tag(&f, 0x8100, OUTER);
	bench_ports(2);
	trunk(1, 0);
	trunk(2, OUTER);
	pass(1, &f);
	assert_came(2, &f);
	tag(&plain, 0x8100, OUTER);
	pass(1, &plain);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->len, plain.len - 4);
}

static void an_access_port_sends_no_tags_at_all(void **state)
{
	static const uint16_t outers[] = { 0, OUTER, 20, 0xe000 };

	(void)state;
	bench_ports(3);
	bench_segment(1, OUTER);
	bench_segment(2, OUTER);
	trunk(3, OUTER);
	for (uint32_t i = 0; i < 4; i++) {
		struct memory_frame f = tagged(1, 2, 0x8100, 20);

		memset(f.bytes, 0xff, 6);
		tag(&f, i % 2 ? 0x88a8 : 0x8100, outers[i]);
		pass(1, &f);
	}
	assert_int_equal(got(2) + got(3), 0);
	assert_int_equal(drops_in(1, REASON_VLAN), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_tunnel_puts_its_tag_in_front_and_takes_it_off),
		BENCH_TEST(the_outer_tag_is_of_the_type_asked_for),
		BENCH_TEST(two_tunnels_exchange_what_customers_sent),
		BENCH_TEST(a_checksum_stays_where_it_was),
		BENCH_TEST(a_customers_second_tag_is_one_too_many),
		BENCH_TEST(between_trunks_the_inner_tag_stays),
		BENCH_TEST(nobody_hops_through_a_native_vlan),
		BENCH_TEST(an_access_port_sends_no_tags_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
