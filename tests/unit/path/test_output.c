/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that leave by several ports: each port gets what it should, and the pool gets all back. */
#include "bench.h"

enum { BROADCAST = 0xff };

static struct memory_frame broadcast(uint32_t data)
{
	struct memory_frame f = udp(1, 9, 53, data);

	memset(f.bytes, BROADCAST, 6);
	return f;
}

static uint64_t copies_of(uint32_t port)
{
	struct port_counters c;

	counters_port_sum(bench.counters, port, &c);
	return c.copied;
}

/* One frame each time, so that first it is judged and then found. */
static void pass_twice(const struct memory_frame *f)
{
	pass(1, f);
	pass(1, f);
}

static void assert_came(uint32_t port, uint32_t count, const struct memory_frame *f)
{
	assert_int_equal(got(port), count);
	assert_int_equal(last(port)->len, f->len);
	assert_memory_equal(last(port)->bytes, f->bytes, f->len);
}

static void all_ports_get_the_same_bytes(void **state)
{
	struct memory_frame f = broadcast(1400);

	(void)state;
	bench_ports(4);
	pass_twice(&f);
	for (uint32_t id = 2; id <= 4; id++)
		assert_came(id, 2, &f);
	assert_int_equal(copies_of(1), 4);
}

static void a_full_batch_goes_to_all_in_order(void **state)
{
	(void)state;
	bench_ports(3);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		struct memory_frame f = broadcast(20);

		f.bytes[42] = (uint8_t)i;
		send_frame(1, &f);
	}
	bench_turns(4);
	for (uint32_t id = 2; id <= 3; id++) {
		assert_int_equal(got(id), XVS_BATCH_MAX);
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
			assert_int_equal(bench.ports[id].memory->out[i].bytes[42], i);
	}
	assert_int_equal(copies_of(1), XVS_BATCH_MAX);
}

/* Two ports send to a third, which so gets more than one batch in a turn. */
static void an_exit_that_fills_up_is_sent_in_between(void **state)
{
	struct memory_frame f = broadcast(20);

	(void)state;
	bench_ports(3);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		send_frame(1, &f);
		send_frame(3, &f);
	}
	bench_turns(8);
	assert_came(2, 2 * XVS_BATCH_MAX, &f);
	assert_came(1, XVS_BATCH_MAX, &f);
	assert_came(3, XVS_BATCH_MAX, &f);
}

static void a_port_without_room_takes_nothing_from_the_others(void **state)
{
	struct memory_frame f = broadcast(300);

	(void)state;
	bench_ports(4);
	pass(1, &f);
	bench.ports[2].memory->take = 0;
	bench.ports[4].memory->take = 0;
	pass_twice(&f);
	assert_came(3, 3, &f);
	assert_int_equal(got(2) + got(4), 2);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_RING_FULL), 2);
	assert_int_equal(drops_at(4, XVS_STAGE_EGRESS, 0, REASON_RING_FULL), 2);
}

static void a_closed_exit_takes_nothing_from_the_others(void **state)
{
	struct memory_frame f = broadcast(300);

	(void)state;
	bench_ports(4);
	pass(1, &f);
	assert_int_equal(got(3), 1);
	bench.ports[3].conf.is_open = false;
	bench_publish(3);
	pass_twice(&f);
	assert_came(2, 3, &f);
	assert_came(4, 3, &f);
	assert_int_equal(got(3), 0);
}

static void too_long_for_one_port_is_not_for_the_others(void **state)
{
	struct memory_frame f = broadcast(1000);

	(void)state;
	bench_ports(4);
	bench.ports[2].conf.mtu = 500;
	bench_publish(2);
	pass_twice(&f);
	assert_came(3, 2, &f);
	assert_came(4, 2, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_TOO_LONG), 2);
}

static void tags_are_each_ports_own(void **state)
{
	struct memory_frame f = broadcast(100);
	struct memory_frame tagged = f;

	(void)state;
	tag(&tagged, 0x8100, 7);
	bench_ports(4);
	for (uint32_t id = 1; id <= 2; id++)
		bench_segment(id, 7);
	for (uint32_t id = 3; id <= 4; id++) {
		bench.ports[id].conf.is_trunk = true;
		bench.ports[id].conf.all_tags = true;
		bench_publish(id);
	}
	pass_twice(&f);
	assert_came(2, 2, &f);
	assert_came(3, 2, &tagged);
	assert_came(4, 2, &tagged);
	/* and back: what came with a tag is without one elsewhere */
	pass(3, &tagged);
	pass(3, &tagged);
	assert_came(1, 2, &f);
	assert_came(2, 2, &f);
	assert_came(4, 2, &tagged);
}

static void a_trunk_of_the_packets_own_segment_takes_it_as_it_is(void **state)
{
	struct memory_frame f = broadcast(100);

	(void)state;
	bench_ports(3);
	bench.ports[2].conf.is_trunk = true;
	bench.ports[2].conf.all_tags = true;
	bench_publish(2);
	pass_twice(&f);
	assert_came(2, 2, &f);
	assert_came(3, 2, &f);
}

/* The port that needs the sum stands between two that leave it to their guests. */
static void a_sum_is_filled_in_where_a_port_cannot(void **state)
{
	struct memory_frame f = broadcast(100);
	struct memory_frame whole;

	(void)state;
	f.csum_todo = true;
	f.csum_start = 34;
	f.csum_off = 6;
	put_be16(f.bytes + 40, 0x1234);
	whole = f;
	put_be16(whole.bytes + 40,
		 (uint16_t)~xvs_csum_fold(xvs_csum_add(0, f.bytes + 34, f.len - 34)));
	bench_ports(4);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM;
	bench.ports[4].memory->base.offloads = OFFLOAD_CSUM;
	pass_twice(&f);
	for (uint32_t id = 2; id <= 4; id++) {
		bool is_todo = last(id)->flags & XVS_PKT_CSUM_TODO;

		assert_came(id, 2, is_todo ? &f : &whole);
		assert_false(is_todo && id == 3);
	}
}

static void one_port_gets_it_whole_and_another_in_segments(void **state)
{
	struct memory_frame f =
		tcp(1, 1000, 9, 80, (struct frame_tcp){ .flags = 0x10, .data = 3000 });

	(void)state;
	memset(f.bytes, BROADCAST, 6);
	f.gso_type = 1;
	f.gso_size = 1000;
	f.csum_todo = true;
	f.csum_start = 34;
	f.csum_off = 16;
	bench_ports(4);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	bench.ports[4].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	pass_twice(&f);
	assert_int_equal(got(2), 2);
	assert_int_equal(last(2)->len, f.len);
	assert_int_equal(got(3), 6);
	assert_int_equal(last(3)->len, 54 + 1000);
	assert_int_equal(got(4), 2);
	assert_int_equal(last(4)->len, f.len);
	assert_int_equal(last(4)->gso_type, 1);
}

static void change_payload(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->stage == XVS_STAGE_EGRESS ? b->live : 0)) {
		assert_int_equal(p->host->unshare(p->host, b->pkts[i]), 0);
		b->pkts[i]->data[42] = 0xaa;
		b->pkts[i]->flags |= XVS_PKT_DIRTY;
	}
}

/* The one in the middle is the only one where anything happens. */
static void what_one_exit_changes_the_others_do_not_see(void **state)
{
	struct memory_frame f = broadcast(300);
	struct memory_frame changed = f;
	struct probe *a;

	(void)state;
	changed.bytes[42] = 0xaa;
	bench_ports(4);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, SEES_PACKETS);
	a->on_packets = change_payload;
	bench_chain(3, a);
	pass_twice(&f);
	assert_came(2, 2, &f);
	assert_int_equal(got(3), 2);
	assert_int_equal(last(3)->bytes[42], changed.bytes[42]);
	assert_came(4, 2, &f);
}

static void hold_all(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->stage == XVS_STAGE_EGRESS ? b->live : 0)) {
		assert_true(xvs_steal(b, i));
		p->held[p->held_count++] = b->pkts[i];
	}
}

static void resume_all(struct probe *p)
{
	worker_self = &bench.w->w;
	while (p->held_count > 0)
		assert_int_equal(p->host->resume(p->host, p->held[--p->held_count]), 0);
	worker_self = NULL;
}

static void what_one_exit_holds_the_others_have_sent(void **state)
{
	struct memory_frame f = broadcast(300);
	struct probe *a;

	(void)state;
	bench_ports(4);
	a = probe_new(XVS_FILTER, XVS_RIGHT_QUEUE, SEES_PACKETS);
	a->on_packets = hold_all;
	bench_chain(2, a);
	pass_twice(&f);
	assert_came(3, 2, &f);
	assert_came(4, 2, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(a->held_count, 2);
	resume_all(a);
	bench_turns(2);
	assert_came(2, 2, &f);
}

/* Packets of two flows, of which one has exits that change it, in one batch: each in its order. */
static void runs_of_both_kinds_keep_their_order(void **state)
{
	(void)state;
	bench_ports(3);
	for (uint32_t i = 0; i < 30; i++) {
		struct memory_frame f = broadcast(20);

		f.bytes[42] = (uint8_t)i;
		if (i / 5 % 2)
			tag(&f, 0x8100, 0); /* a priority alone: taken off */
		send_frame(1, &f);
	}
	bench_turns(4);
	for (uint32_t id = 2; id <= 3; id++) {
		assert_int_equal(got(id), 30);
		for (uint32_t i = 0; i < 30; i++)
			assert_int_equal(bench.ports[id].memory->out[i].bytes[42], i);
	}
}

static void a_change_of_one_exit_is_seen_at_once(void **state)
{
	struct memory_frame f = broadcast(20);
	struct memory_frame tagged = f;

	(void)state;
	tag(&tagged, 0x8100, 7);
	bench_ports(3);
	bench_segment(1, 7);
	bench_segment(2, 7);
	bench_segment(3, 7);
	pass_twice(&f);
	assert_came(2, 2, &f);
	assert_came(3, 2, &f);
	bench.ports[3].conf.is_trunk = true;
	bench.ports[3].conf.all_tags = true;
	bench.ports[3].conf.segment = 0;
	bench_publish(3);
	pass_twice(&f);
	assert_came(2, 2, &f);
	assert_came(3, 2, &tagged);
	bench.ports[3].conf.segment = 7; /* where its address is taken from the table */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(all_ports_get_the_same_bytes),
		BENCH_TEST(a_full_batch_goes_to_all_in_order),
		BENCH_TEST(an_exit_that_fills_up_is_sent_in_between),
		BENCH_TEST(a_port_without_room_takes_nothing_from_the_others),
		BENCH_TEST(a_closed_exit_takes_nothing_from_the_others),
		BENCH_TEST(too_long_for_one_port_is_not_for_the_others),
		BENCH_TEST(tags_are_each_ports_own),
		BENCH_TEST(a_trunk_of_the_packets_own_segment_takes_it_as_it_is),
		BENCH_TEST(a_sum_is_filled_in_where_a_port_cannot),
		BENCH_TEST(one_port_gets_it_whole_and_another_in_segments),
		BENCH_TEST(what_one_exit_changes_the_others_do_not_see),
		BENCH_TEST(what_one_exit_holds_the_others_have_sent),
		BENCH_TEST(runs_of_both_kinds_keep_their_order),
		BENCH_TEST(a_change_of_one_exit_is_seen_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
