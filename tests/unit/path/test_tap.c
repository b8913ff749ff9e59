/* SPDX-License-Identifier: Apache-2.0 */
/* What a capture sees of packets at each point, and that packets do not notice. */
#include "bench.h"

enum { RING = 128 << 10 };

static struct tap tap;
static bool is_gone;
static uint64_t read_at;

static void tap_start(enum capture_point point, uint32_t port, uint16_t instance, uint32_t snaplen)
{
	tap = (struct tap){ .point = point, .port = port, .instance = instance, .snaplen = snaplen };
	read_at = 0;
	is_gone = false;
	assert_int_equal(capture_memory_create(1, RING, snaplen, &tap.memory, NULL), 0);
	assert_int_equal(path_tap_add(bench.path, &tap), 0);
}

static void tap_gone(struct rcu_node *node)
{
	assert_ptr_equal(node, &tap.rcu);
	is_gone = true;
}

static void tap_end_session(void)
{
	path_tap_remove(bench.path, &tap, tap_gone);
	bench_turns(3);
	assert_true(is_gone);
	capture_memory_destroy(tap.memory);
}

static void other_gone(struct rcu_node *node)
{
	assert_ptr_not_equal(node, &tap.rcu);
}

/* The next record; NULL: there is none. */
static const struct capture_record *seen(void)
{
	const struct capture_record *c = capture_peek(tap.memory->header, 0, &read_at);

	if (c)
		capture_next(tap.memory->header, 0, &read_at, c);
	return c;
}

static uint32_t count_seen(void)
{
	uint32_t count = 0;

	while (seen())
		count++;
	return count;
}

static void drop_all(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live))
		xvs_drop(b, i, 3);
}

static void drop_first(struct probe *p, struct xvs_batch *b)
{
	if (p->called == 1)
		xvs_drop(b, (uint64_t)__builtin_ctzll(b->live), 3);
}

static void consume_all(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live))
		xvs_drop(b, i, XVS_REASON_CONSUMED);
}

static void judge_drop(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		       struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->action = XVS_FLOW_DROP;
	v->reason = 5;
}

static void steal_all(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		assert_true(xvs_steal(b, i));
		p->held[p->held_count++] = b->pkts[i];
	}
}

/* ---- ends ---------------------------------------------------------------------------------------- */

static void packets_are_seen_in_and_out(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 100);
	const struct capture_record *c;

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_ENDS, 0, 0, CAPTURE_SNAPLEN_MAX);
	pass(1, &f);
	c = seen();
	assert_non_null(c);
	assert_int_equal(c->port, 1);
	assert_int_equal(c->stage, XVS_STAGE_INGRESS);
	assert_int_equal(c->ns, bench.now_ns);
	assert_int_equal(c->wire_len, f.len);
	assert_int_equal(c->cap_len, f.len);
	assert_memory_equal(capture_bytes(c), f.bytes, f.len);
	c = seen();
	assert_non_null(c);
	assert_int_equal(c->port, 2);
	assert_int_equal(c->port_in, 1);
	assert_int_equal(c->stage, XVS_STAGE_EGRESS);
	assert_memory_equal(capture_bytes(c), f.bytes, f.len);
	assert_null(seen());
	assert_int_equal(got(2), 1);
	tap_end_session();
}

static void lent_bytes_are_copied_whole(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 1400);

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_ENDS, 2, 0, CAPTURE_SNAPLEN_MAX);
	pass(1, &f);
	assert_memory_equal(capture_bytes(seen()), f.bytes, f.len);
	assert_null(seen());
	tap_end_session();
}

static void snaplen_cuts_the_copy_alone(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 1000);
	const struct capture_record *c;

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_ENDS, 1, 0, 60);
	pass(1, &f);
	c = seen();
	assert_int_equal(c->cap_len, 60);
	assert_int_equal(c->wire_len, f.len);
	assert_int_equal(got(2), 1);
	assert_int_equal(last(2)->len, f.len);
	tap_end_session();
}

static void the_tag_is_beside_the_bytes(void **state)
{
	struct memory_frame plain = udp(1, 2, 80, 20);
	struct memory_frame f = plain;
	const struct capture_record *c;

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_ENDS, 1, 0, 200);
	tag(&f, 0x88a8, 0xa00a);
	pass(1, &f);
	c = seen();
	assert_int_equal(c->flags, CAPTURE_TAGGED | CAPTURE_SERVICE_TAG);
	assert_int_equal(c->vlan_tci, 0xa00a);
	assert_int_equal(c->wire_len, plain.len);
	assert_memory_equal(capture_bytes(c), plain.bytes, plain.len);
	tap_end_session();
}

static void what_was_not_sent_was_not_seen_going_out(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);

	(void)state;
	bench_ports(2);
	bench.ports[2].memory->take = 1;
	tap_start(CAPTURE_ENDS, 2, 0, 200);
	send_frame(1, &f);
	pass(1, &f);
	assert_int_equal(count_seen(), 1);
	tap_end_session();
}

/* ---- drops --------------------------------------------------------------------------------------- */

static void drops_come_with_who_and_why(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	const struct capture_record *c;
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	p->on_packets = drop_all;
	bench_chain(1, p);
	tap_start(CAPTURE_DROPS, 0, 0, 200);
	pass(1, &f);
	c = seen();
	assert_non_null(c);
	assert_int_equal(c->verdict, CAPTURE_DROPPED);
	assert_int_equal(c->instance, p->instance->nr);
	assert_int_equal(c->reason, 3);
	assert_int_equal(c->port, 1);
	assert_memory_equal(capture_bytes(c), f.bytes, f.len);
	assert_null(seen());
	tap_end_session();
}

static void drops_of_the_switch_itself_are_seen(void **state)
{
	struct memory_frame f = { .len = 9 };
	const struct capture_record *c;

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_DROPS, 0, 0, 200);
	pass(1, &f);
	c = seen();
	assert_int_equal(c->instance, 0);
	assert_int_equal(c->reason, REASON_RUNT);
	assert_int_equal(c->cap_len, 9);
	tap_end_session();
}

static void a_drop_at_the_exit_is_seen_from_either_port(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);

	(void)state;
	bench_ports(3);
	bench.ports[2].memory->take = 0;
	for (uint32_t port = 1; port <= 3; port++) {
		tap_start(CAPTURE_DROPS, port, 0, 200);
		pass(1, &f);
		assert_int_equal(count_seen(), port < 3);
		tap_end_session();
	}
}

static void what_is_consumed_is_no_drop(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	p->on_packets = consume_all;
	bench_chain(1, p);
	tap_start(CAPTURE_DROPS, 0, 0, 200);
	pass(1, &f);
	assert_null(seen());
	tap_end_session();
}

/* ---- before and after ------------------------------------------------------------------------------ */

static void before_sees_what_the_instance_is_asked(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	const struct capture_record *c;
	struct probe *first;
	struct probe *second;

	(void)state;
	bench_ports(2);
	first = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	second = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	first->on_packets = drop_first;
	bench_chain(1, first);
	bench_chain(1, second);
	tap_start(CAPTURE_BEFORE, 0, second->instance->nr, 200);
	pass(1, &f);
	assert_null(seen());
	pass(1, &f);
	c = seen();
	assert_non_null(c);
	assert_int_equal(c->instance, second->instance->nr);
	assert_int_equal(c->verdict, CAPTURE_NO_VERDICT);
	assert_null(seen());
	assert_int_equal(second->seen, 1);
	tap_end_session();
}

static void after_says_what_became_of_each(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	const struct capture_record *c;
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	p->on_packets = drop_first;
	bench_chain(1, p);
	tap_start(CAPTURE_AFTER, 0, p->instance->nr, 200);
	pass(1, &f);
	pass(1, &f);
	c = seen();
	assert_int_equal(c->verdict, CAPTURE_DROPPED);
	assert_int_equal(c->reason, 3);
	c = seen();
	assert_int_equal(c->verdict, CAPTURE_PASSED);
	assert_int_equal(c->reason, 0);
	assert_null(seen());
	tap_end_session();
}

/* Nothing is called for these flows any more, so without a tap the place would be skipped. */
static void verdicts_from_the_cache_are_seen_as_well(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	struct probe *passes;
	struct probe *drops;

	(void)state;
	bench_ports(2);
	passes = probe_new(XVS_FILTER, 0, JUDGES);
	drops = probe_new(XVS_FILTER, 0, JUDGES);
	drops->on_judge = judge_drop;
	bench_chain(1, passes);
	bench_chain(1, drops);
	pass(1, &f);
	tap_start(CAPTURE_AFTER, 1, passes->instance->nr, 200);
	pass(1, &f);
	assert_int_equal(seen()->verdict, CAPTURE_PASSED);
	assert_null(seen());
	tap_end_session();
	tap_start(CAPTURE_AFTER, 1, drops->instance->nr, 200);
	pass(1, &f);
	assert_int_equal(seen()->reason, 5);
	assert_null(seen());
	assert_int_equal(drops->judged, 1);
	tap_end_session();
}

static void both_directions_pass_the_place(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	bench_chain(1, p);
	bench_chain(2, p);
	tap_start(CAPTURE_AFTER, 0, p->instance->nr, 200);
	pass(1, &f);
	assert_int_equal(seen()->stage, XVS_STAGE_INGRESS);
	assert_int_equal(seen()->stage, XVS_STAGE_EGRESS);
	assert_null(seen());
	tap_end_session();
	tap_start(CAPTURE_AFTER, 2, p->instance->nr, 200);
	pass(1, &f);
	assert_int_equal(seen()->port, 2);
	assert_null(seen());
	tap_end_session();
}

static void what_is_held_is_seen_once_and_not_again(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, XVS_RIGHT_QUEUE, SEES_PACKETS);
	p->on_packets = steal_all;
	bench_chain(1, p);
	tap_start(CAPTURE_AFTER, 0, p->instance->nr, 200);
	pass(1, &f);
	assert_int_equal(seen()->verdict, CAPTURE_HELD);
	worker_self = &bench.w->w;
	assert_int_equal(p->host->resume(p->host, p->held[0]), 0);
	worker_self = NULL;
	bench_turns(2);
	assert_int_equal(got(2), 1);
	assert_null(seen());
	tap_end_session();
}

static void what_is_consumed_is_seen_after(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	p->on_packets = consume_all;
	bench_chain(1, p);
	tap_start(CAPTURE_AFTER, 0, p->instance->nr, 200);
	pass(1, &f);
	assert_int_equal(seen()->reason, XVS_REASON_CONSUMED);
	tap_end_session();
}

/* ---- sessions -------------------------------------------------------------------------------------- */

static void a_full_ring_loses_copies_and_no_packets(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 1400);

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_ENDS, 1, 0, CAPTURE_SNAPLEN_MAX);
	for (uint32_t i = 0; i < 200; i++)
		pass(1, &f);
	assert_int_equal(got(2), 200);
	assert_true(capture_lost(tap.memory->header, 0) > 0);
	assert_int_equal(count_seen() + capture_lost(tap.memory->header, 0), 200);
	tap_end_session();
}

static void there_are_so_many_taps_and_none_when_they_end(void **state)
{
	struct memory_frame f = udp(1, 2, 80, 20);
	struct tap others[TAPS_MAX];

	(void)state;
	bench_ports(2);
	tap_start(CAPTURE_ENDS, 1, 0, 200);
	for (uint32_t i = 0; i < TAPS_MAX; i++) {
		others[i] = tap;
		assert_int_equal(path_tap_add(bench.path, &others[i]), i < 3 ? 0 : -EBUSY);
	}
	pass(1, &f);
	assert_int_equal(count_seen(), TAPS_MAX);
	for (uint32_t i = 0; i + 1 < TAPS_MAX; i++)
		path_tap_remove(bench.path, &others[i], other_gone);
	bench_turns(3);
	pass(1, &f);
	assert_int_equal(count_seen(), 1);
	tap_end_session();
	assert_int_equal(atomic_load(&bench.path->tap_points), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(packets_are_seen_in_and_out),
		BENCH_TEST(lent_bytes_are_copied_whole),
		BENCH_TEST(snaplen_cuts_the_copy_alone),
		BENCH_TEST(the_tag_is_beside_the_bytes),
		BENCH_TEST(what_was_not_sent_was_not_seen_going_out),
		BENCH_TEST(drops_come_with_who_and_why),
		BENCH_TEST(drops_of_the_switch_itself_are_seen),
		BENCH_TEST(a_drop_at_the_exit_is_seen_from_either_port),
		BENCH_TEST(what_is_consumed_is_no_drop),
		BENCH_TEST(before_sees_what_the_instance_is_asked),
		BENCH_TEST(after_says_what_became_of_each),
		BENCH_TEST(verdicts_from_the_cache_are_seen_as_well),
		BENCH_TEST(both_directions_pass_the_place),
		BENCH_TEST(what_is_held_is_seen_once_and_not_again),
		BENCH_TEST(what_is_consumed_is_seen_after),
		BENCH_TEST(a_full_ring_loses_copies_and_no_packets),
		BENCH_TEST(there_are_so_many_taps_and_none_when_they_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
