/* SPDX-License-Identifier: Apache-2.0 */
/* A port that is not trusted has the priority and the DSCP that its policy says, and no others. */
#include "bench.h"

enum { TCI = 14, TOS = 15, VOICE = 46 };

static void distrust(uint32_t id, uint8_t marks, uint8_t priority, uint8_t dscp)
{
	struct port_conf *conf = &bench.ports[id].conf;

	conf->marks = marks;
	conf->priority = priority;
	conf->dscp = dscp;
	bench_publish(id);
}

/* Ports 1 and 2 are access ports of VLAN 10, port 3 is a trunk. */
static void open_ports(void)
{
	bench_ports(3);
	bench_segment(1, 10);
	bench_segment(2, 10);
	bench.ports[3].conf.is_trunk = true;
	bench.ports[3].conf.all_tags = true;
	l2_remove_static(&bench.sw->l2, 0, bench.ports[3].mac);
	assert_int_equal(
		l2_add_static(&bench.sw->l2, L2_ANY, bench.ports[3].mac, bench.ports[3].port), 0);
	bench_publish(3);
}

static uint16_t tci_at_trunk(void)
{
	const struct memory_out *o = last(3);

	assert_int_equal(get_be16(o->bytes + 12), 0x8100);
	return (uint16_t)get_be16(o->bytes + TCI);
}

static void trunks_keep_the_priority_of_a_trusted_port(void **state)
{
	struct memory_frame f = udp(1, 3, 9, 100);

	(void)state;
	open_ports();
	tag(&f, 0x8100, 5 << 13);
	pass(1, &f);
	assert_int_equal(got(3), 1);
	assert_int_equal(tci_at_trunk(), 5 << 13 | 10);
}

static void priorities_that_are_not_trusted_are_reset(void **state)
{
	struct memory_frame f = udp(1, 3, 9, 100);

	(void)state;
	open_ports();
	distrust(1, MARK_PRIORITY, 0, 0);
	tag(&f, 0x8100, 5 << 13 | 1 << 12);
	pass(1, &f);
	pass(1, &f); /* and by the flow cache */
	assert_int_equal(got(3), 2);
	assert_int_equal(tci_at_trunk(), 10);
}

static void a_trunk_that_is_not_trusted_keeps_its_vlans(void **state)
{
	struct memory_frame f = udp(3, 1, 9, 100);
	struct memory_frame g = udp(3, 3, 9, 100);

	(void)state;
	open_ports();
	(void)bench_port(4);
	bench.ports[4].conf.is_trunk = true;
	bench.ports[4].conf.all_tags = true;
	bench_publish(4);
	distrust(3, MARK_PRIORITY, 2, 0);
	tag(&f, 0x8100, 7 << 13 | 10);
	pass(3, &f);
	assert_int_equal(got(1), 1);
	assert_int_equal(last(1)->len, f.len - 4);
	memset(g.bytes, 0xff, 6);
	tag(&g, 0x8100, 7 << 13 | 10);
	pass(3, &g);
	assert_int_equal(got(4), 1);
	assert_int_equal(get_be16(last(4)->bytes + TCI), 2 << 13 | 10);
}

static void packets_without_a_tag_are_marked_too(void **state)
{
	struct memory_frame f = udp(1, 3, 9, 100);
	struct memory_frame g = udp(1, 2, 9, 100);

	(void)state;
	open_ports();
	distrust(1, MARK_PRIORITY, 3, 0);
	pass(1, &f);
	assert_int_equal(got(3), 1);
	assert_int_equal(tci_at_trunk(), 3 << 13 | 10);
	/* an adapter of an access port sees no tag */
	pass(1, &g);
	assert_int_equal(got(2), 1);
	assert_memory_equal(last(2)->bytes, g.bytes, g.len);
	assert_int_equal(last(2)->len, g.len);
}

static uint32_t ipv4_sum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += get_be16(ip + i);
	return (sum & 0xffff) + (sum >> 16);
}

static void a_dscp_that_is_not_trusted_is_replaced_and_ecn_kept(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	open_ports();
	f.bytes[TOS] = VOICE << 2 | 1;
	put_be16(f.bytes + 24, 0);
	put_be16(f.bytes + 24, (uint16_t)~ipv4_sum(f.bytes + 14));
	assert_int_equal(ipv4_sum(f.bytes + 14), 0xffff);
	distrust(1, MARK_DSCP, 0, 10);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->bytes[TOS], 10 << 2 | 1);
	assert_int_equal(ipv4_sum(last(2)->bytes + 14), 0xffff);
}

static void ipv6_has_a_dscp_as_well(void **state)
{
	struct frame_end from = at(1, 1000);
	struct frame_end to = at(2, 9);
	struct memory_frame f = { .len = 0 };

	(void)state;
	open_ports();
	from.is_v6 = to.is_v6 = true;
	f.len = frame_udp(f.bytes, from, to, 100);
	put_be16(f.bytes + 14, 0x6000 | (VOICE << 2 | 2) << 4);
	distrust(1, MARK_DSCP, 0, 0);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(get_be16(last(2)->bytes + 14), 0x6000 | 2 << 4);
}

static void what_is_not_ip_has_none(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	open_ports();
	put_be16(f.bytes + 12, 0x88b5);
	distrust(1, MARK_DSCP | MARK_PRIORITY, 0, VOICE);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
}

static void note_key(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		     struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	assert_int_equal(key->ip_tos, VOICE << 2);
	assert_int_equal(key->vlan_tci, htobe16(4 << 13));
	v->examined.ip_tos = 0xff;
	v->examined.vlan_tci = 0xffff;
}

static void extensions_see_the_mark(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *p = probe_new(XVS_FILTER, 0, JUDGES);

	(void)state;
	open_ports();
	p->on_judge = note_key;
	bench_chain(1, p);
	distrust(1, MARK_DSCP | MARK_PRIORITY, 4, VOICE);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(p->judged, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(trunks_keep_the_priority_of_a_trusted_port),
		BENCH_TEST(priorities_that_are_not_trusted_are_reset),
		BENCH_TEST(a_trunk_that_is_not_trusted_keeps_its_vlans),
		BENCH_TEST(packets_without_a_tag_are_marked_too),
		BENCH_TEST(a_dscp_that_is_not_trusted_is_replaced_and_ecn_kept),
		BENCH_TEST(ipv6_has_a_dscp_as_well),
		BENCH_TEST(what_is_not_ip_has_none),
		BENCH_TEST(extensions_see_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
