/* SPDX-License-Identifier: Apache-2.0 */
/* Ports without extensions: who gets which frame, with which tag, and what it is counted as. */
#include "bench.h"

static void known_unicast_goes_to_its_port_alone(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 300);
	const struct memory_frame was = f;

	(void)state;
	bench_ports(3);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 0);
	assert_int_equal(last(2)->len, was.len);
	assert_memory_equal(last(2)->bytes, was.bytes, was.len);
}

static void broadcast_goes_to_all_others_of_its_segment(void **state)
{
	struct memory_frame f = udp(1, 9, 53, 300);
	const uint8_t *payload = f.bytes + 42;

	(void)state;
	bench_ports(5);
	bench_segment(1, 7);
	bench_segment(2, 7);
	bench_segment(3, 7);
	memset(f.bytes, 0xff, 6);
	pass(1, &f);
	assert_int_equal(got(1), 0);
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 1);
	assert_int_equal(got(4), 0);
	assert_int_equal(got(5), 0);
	assert_memory_equal(last(2)->bytes + 42, payload, 300);
	assert_memory_equal(last(3)->bytes + 42, payload, 300);
}

/* More than an entry has room for, so copies are looked up at each exit. */
static void broadcast_reaches_thirty_ports(void **state)
{
	struct memory_frame f = udp(1, 9, 53, 300);

	(void)state;
	bench_ports(31);
	memset(f.bytes, 0xff, 6);
	for (int i = 0; i < 3; i++)
		pass(1, &f);
	for (uint32_t id = 2; id <= 31; id++)
		assert_int_equal(got(id), 3);
	assert_int_equal(got(1), 0);
}

static void frames_of_one_port_keep_their_order(void **state)
{
	(void)state;
	bench_ports(2);
	for (uint16_t i = 0; i < 200; i++) {
		struct memory_frame f = udp(1, 2, (uint16_t)(i % 7), 20);

		put_be16(f.bytes + 42, i);
		send_frame(1, &f);
	}
	bench_turns(4);
	assert_int_equal(got(2), 200);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(get_be16(bench.ports[2].memory->out[i].bytes + 42), i);
}

static void unknown_unicast_goes_to_uplinks_and_learning_ports_only(void **state)
{
	struct memory_frame f = udp(1, 99, 53, 20);

	(void)state;
	bench_ports(4);
	pass(1, &f);
	assert_int_equal(drops_at(1, XVS_STAGE_FORWARD, 0, REASON_UNKNOWN_UNICAST), 1);
	bench.ports[3].conf.role = ROLE_UPLINK;
	bench_publish(3);
	bench.ports[4].conf.learns = true;
	bench_publish(4);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
	assert_int_equal(got(4), 1);
}

static void an_uplink_never_sends_to_an_uplink(void **state)
{
	struct memory_frame f = udp(1, 99, 53, 20);
	struct memory_frame known = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(3);
	for (uint32_t id = 1; id <= 2; id++) {
		bench.ports[id].conf.role = ROLE_UPLINK;
		bench_publish(id);
	}
	memset(f.bytes, 0xff, 6);
	pass(1, &f);
	pass(1, &known);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
	assert_int_equal(drops_in(1, REASON_UPLINK), 1);
}

static void no_frame_returns_where_it_came_from(void **state)
{
	struct memory_frame f = udp(1, 1, 53, 20);

	(void)state;
	bench_ports(2);
	pass(1, &f);
	assert_int_equal(got(1), 0);
	assert_int_equal(drops_in(1, REASON_SAME_PORT), 1);
}

static void bridge_control_is_not_forwarded(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	memcpy(f.bytes, (const uint8_t[]){ 0x01, 0x80, 0xc2, 0, 0, 0x0e }, 6);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_LINK_LOCAL), 1);
}

/* ---- VLANs ------------------------------------------------------------------------------------- */

static void trunk(uint32_t id, uint32_t native, uint32_t vid)
{
	struct port_conf *conf = &bench.ports[id].conf;

	bench_segment(id, native);
	conf->is_trunk = true;
	conf->allowed[vid / 64] |= UINT64_C(1) << (vid % 64);
	bench_publish(id);
	assert_int_equal(
		l2_add_static(&bench.sw->l2, L2_ANY, bench.ports[id].mac, bench.ports[id].port), 0);
}

static void a_trunk_gets_the_segments_tag_and_an_access_port_none(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	bench_segment(1, 10);
	trunk(2, 1, 10);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(get_be16(last(2)->bytes + 12), 0x8100);
	assert_int_equal(get_be16(last(2)->bytes + 14), 10);
	assert_int_equal(last(2)->len, f.len + 4);

	f = udp(2, 1, 53, 20);
	tag(&f, 0x8100, 0x600a);
	pass(2, &f);
	assert_int_equal(got(1), 1);
	assert_int_equal(get_be16(last(1)->bytes + 12), 0x0800);
	assert_int_equal(last(1)->len, f.len - 4);
}

static void between_trunks_type_and_priority_of_the_tag_stay(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	trunk(1, 1, 10);
	trunk(2, 1, 10);
	tag(&f, 0x88a8, 0xa00a);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(get_be16(last(2)->bytes + 12), 0x88a8);
	assert_int_equal(get_be16(last(2)->bytes + 14), 0xa00a);
}

/* Two priorities are one flow, and yet each packet keeps its own. */
static void packets_of_one_flow_keep_their_own_priority(void **state)
{
	(void)state;
	bench_ports(2);
	trunk(1, 1, 10);
	trunk(2, 1, 10);
	for (unsigned pcp = 0; pcp < 8; pcp++) {
		struct memory_frame f = udp(1, 2, 53, 20);

		tag(&f, 0x8100, (uint16_t)(pcp << 13 | 10));
		pass(1, &f);
		assert_int_equal(got(2), 1);
		assert_int_equal(get_be16(last(2)->bytes + 14), pcp << 13 | 10);
	}
}

static void the_native_segment_is_untagged_on_a_trunk(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	bench_segment(1, 10);
	trunk(2, 10, 20);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->len, f.len);
	f = udp(2, 1, 53, 20);
	pass(2, &f);
	assert_int_equal(got(1), 1);
}

static void tags_that_a_port_may_not_use_are_dropped(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(3);
	trunk(3, 1, 10);
	tag(&f, 0x8100, 5);
	pass(1, &f);
	assert_int_equal(drops_in(1, REASON_VLAN), 1);
	pass(3, &f);
	assert_int_equal(drops_in(3, REASON_VLAN), 1);
	assert_int_equal(got(2), 0);
}

static void a_priority_tag_is_of_the_ports_own_segment(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	tag(&f, 0x8100, 0xe000);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->len, f.len - 4);
}

static void a_static_address_of_another_segment_is_not_reached(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	bench_segment(2, 9);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_UNKNOWN_UNICAST), 1);
}

/* ---- ports ------------------------------------------------------------------------------------------ */

static void a_closed_port_neither_sends_nor_gets(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct memory_frame back = udp(2, 1, 53, 20);

	(void)state;
	bench_ports(2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	bench.ports[2].conf.is_open = false;
	bench_publish(2);
	pass(1, &f);
	pass(2, &back);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(1), 0);
	assert_int_equal(drops_in(1, REASON_EXIT_CLOSED), 1);
	assert_int_equal(drops_in(2, REASON_PORT_CLOSED), 1);
	bench.ports[2].conf.is_blocked = true;
	bench_publish(2);
	pass(2, &back);
	assert_int_equal(drops_in(2, REASON_PORT_BLOCKED), 1);
	bench.ports[2].conf.is_open = true;
	bench_publish(2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
}

static void what_is_longer_than_the_exits_mtu_is_dropped_there(void **state)
{
	struct memory_frame fits = udp(1, 2, 53, 472);
	struct memory_frame longer = udp(1, 2, 53, 473);

	(void)state;
	bench_ports(2);
	bench.ports[2].conf.mtu = 500;
	bench_publish(2);
	pass(1, &fits);
	pass(1, &longer);
	assert_int_equal(got(2), 1);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_TOO_LONG), 1);
}

static void a_full_ring_drops_and_is_counted(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	bench.ports[2].memory->take = 3;
	for (int i = 0; i < 10; i++)
		send_frame(1, &f);
	bench_turn();
	assert_int_equal(got(2), 3);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_RING_FULL), 7);
}

static void malformed_frames_are_dropped_with_their_reason(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct memory_frame runt = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	put_be16(f.bytes + 16, 9000);
	runt.len = 9;
	pass(1, &f);
	pass(1, &runt);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_BAD_HEADER), 1);
	assert_int_equal(drops_in(1, REASON_RUNT), 1);
}

static void new_flows_are_budgeted_and_known_ones_are_not(void **state)
{
	(void)state;
	bench_ports(2);
	bench.ports[1].conf.new_flow_rate = 10;
	bench.ports[1].conf.new_flow_burst = 5;
	bench_publish(1);
	for (uint32_t i = 0; i < 20; i++) {
		struct memory_frame f = udp(1, 2, 53, 20);

		/* another ethertype is another flow for certain */
		put_be16(f.bytes + 12, (uint16_t)(0x9000 + i));
		pass(1, &f);
		pass(1, &f);
	}
	assert_int_equal(got(2), 10);
	assert_int_equal(drops_in(1, REASON_NEW_FLOWS), 30);
	bench_later_ms(1000);
}

/* ---- offloads ----------------------------------------------------------------------------------------- */

static struct memory_frame gso(uint32_t from, uint32_t to, uint32_t data, uint16_t size)
{
	struct memory_frame f = { .len = 0 };
	uint32_t sum = 0;

	f.len = frame_tcp(f.bytes, at(from, 1000), at(to, 80),
			  (struct frame_tcp){ .flags = F_ACK | F_PSH, .data = (uint16_t)data });
	for (unsigned i = 0; i < 4; i++)
		sum += get_be16(f.bytes + 26 + 2 * i);
	sum += 6 + 20 + data;
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(f.bytes + 50, (uint16_t)((sum & 0xffff) + (sum >> 16)));
	for (uint32_t i = 0; i < data; i++)
		f.bytes[54 + i] = (uint8_t)(i * 7);
	f.csum_todo = true;
	f.csum_start = 34;
	f.csum_off = 16;
	f.gso_type = 1;
	f.gso_size = size;
	return f;
}

/* Of TCP over IPv4: zero if header and payload are as the sums say. */
static uint16_t tcp_sum_error(const struct memory_out *o)
{
	uint32_t len = get_be16(o->bytes + 16) - 20u;
	uint64_t sum = 6 + len;

	for (uint32_t i = 26; i < 34 + len; i += 2)
		sum += i + 1 < 34 + len ? get_be16(o->bytes + i) : (uint32_t)o->bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void a_gso_packet_is_cut_where_the_exit_takes_none(void **state)
{
	struct memory_frame f = gso(1, 2, 3500, 1000);

	(void)state;
	bench_ports(2);
	bench.ports[2].conf.mtu = 1500;
	bench_publish(2);
	pass(1, &f);
	assert_int_equal(got(2), 4);
	for (uint32_t i = 0; i < 4; i++) {
		const struct memory_out *o = &bench.ports[2].memory->out[i];

		assert_int_equal(o->len, i < 3 ? 1054 : 554);
		assert_int_equal(get_be32(o->bytes + 38), i * 1000);
		assert_int_equal(tcp_sum_error(o), 0);
		assert_memory_equal(o->bytes + 54, f.bytes + 54 + i * 1000, o->len - 54);
	}
}

static void a_gso_packet_stays_whole_where_the_exit_takes_it(void **state)
{
	struct memory_frame f = gso(1, 2, 3500, 1000);

	(void)state;
	bench_ports(2);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->gso_type, 1);
	assert_true(last(2)->flags & XVS_PKT_CSUM_TODO);
}

/* Linux's guests send such: the size is that of the connection, the packet its last bytes. */
static void a_gso_packet_shorter_than_its_segments_goes_out(void **state)
{
	struct memory_frame f = gso(1, 2, 1446, 9000);

	(void)state;
	bench_ports(2);
	bench.ports[2].conf.mtu = 1500;
	bench_publish(2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->len, 1500);
	assert_int_equal(last(2)->gso_type, 0);
	assert_int_equal(tcp_sum_error(last(2)), 0);
	/* one byte of L3 more than the exit may have */
	f = gso(1, 2, 1461, 9000);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_TOO_LONG), 1);
}

/* A datagram of 3008 bytes, UDP's header among them. */
static struct memory_frame datagram(uint16_t size)
{
	struct memory_frame f = udp(1, 2, 80, 3000);

	f.csum_todo = true;
	f.csum_start = 34;
	f.csum_off = 6;
	f.gso_type = 3;
	f.gso_size = size;
	return f;
}

static void a_datagram_is_cut_where_the_exit_takes_none(void **state)
{
	struct memory_frame f = datagram(1480);
	uint32_t at = 0;

	(void)state;
	bench_ports(2);
	bench.ports[2].conf.mtu = 1500;
	bench_publish(2);
	pass(1, &f);
	assert_int_equal(got(2), 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct memory_out *o = &bench.ports[2].memory->out[i];

		assert_int_equal(o->len, i < 2 ? 1514 : 34 + 48);
		assert_int_equal(get_be16(o->bytes + 20), (at / 8) | (i < 2 ? 0x2000 : 0));
		if (i > 0)
			assert_memory_equal(o->bytes + 34, f.bytes + 34 + at, o->len - 34);
		at += o->len - 34;
	}
}

static void a_datagram_stays_whole_where_the_exit_takes_it(void **state)
{
	struct memory_frame f = datagram(1480);

	(void)state;
	bench_ports(2);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_UFO;
	bench.ports[2].conf.mtu = 1500;
	bench_publish(2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->gso_type, 3);
	assert_int_equal(last(2)->len, f.len);
	/* what is longer than the exit may have is not cut twice */
	f = datagram(1488);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_TOO_LONG), 1);
}

static void an_unfinished_checksum_is_filled_where_the_exit_takes_none(void **state)
{
	struct memory_frame f = gso(1, 2, 701, 0);

	(void)state;
	f.gso_type = 0;
	bench_ports(2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->len, 755);
	assert_false(last(2)->flags & XVS_PKT_CSUM_TODO);
	assert_int_equal(tcp_sum_error(last(2)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(known_unicast_goes_to_its_port_alone),
		BENCH_TEST(broadcast_goes_to_all_others_of_its_segment),
		BENCH_TEST(broadcast_reaches_thirty_ports),
		BENCH_TEST(frames_of_one_port_keep_their_order),
		BENCH_TEST(unknown_unicast_goes_to_uplinks_and_learning_ports_only),
		BENCH_TEST(an_uplink_never_sends_to_an_uplink),
		BENCH_TEST(no_frame_returns_where_it_came_from),
		BENCH_TEST(bridge_control_is_not_forwarded),
		BENCH_TEST(a_trunk_gets_the_segments_tag_and_an_access_port_none),
		BENCH_TEST(between_trunks_type_and_priority_of_the_tag_stay),
		BENCH_TEST(packets_of_one_flow_keep_their_own_priority),
		BENCH_TEST(the_native_segment_is_untagged_on_a_trunk),
		BENCH_TEST(tags_that_a_port_may_not_use_are_dropped),
		BENCH_TEST(a_priority_tag_is_of_the_ports_own_segment),
		BENCH_TEST(a_static_address_of_another_segment_is_not_reached),
		BENCH_TEST(a_closed_port_neither_sends_nor_gets),
		BENCH_TEST(what_is_longer_than_the_exits_mtu_is_dropped_there),
		BENCH_TEST(a_full_ring_drops_and_is_counted),
		BENCH_TEST(malformed_frames_are_dropped_with_their_reason),
		BENCH_TEST(new_flows_are_budgeted_and_known_ones_are_not),
		BENCH_TEST(a_gso_packet_is_cut_where_the_exit_takes_none),
		BENCH_TEST(a_gso_packet_stays_whole_where_the_exit_takes_it),
		BENCH_TEST(a_gso_packet_shorter_than_its_segments_goes_out),
		BENCH_TEST(a_datagram_is_cut_where_the_exit_takes_none),
		BENCH_TEST(a_datagram_stays_whole_where_the_exit_takes_it),
		BENCH_TEST(an_unfinished_checksum_is_filled_where_the_exit_takes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
