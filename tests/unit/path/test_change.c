/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts that went out of date, and the accounts of flows. */
#include "bench.h"

/* What each probe says: action and so on; the cookie is kept if there is one, else made. */
static struct xvs_flow_verdict say[BENCH_PROBES];
static uint64_t cookies_seen[BENCH_PROBES];

static void judge_as_said(struct probe *p, const struct xvs_batch *b,
			  const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	uint64_t cookie = v->cookie;

	(void)b;
	(void)key;
	cookies_seen[p->index] = cookie;
	*v = say[p->index];
	v->size = sizeof(*v);
	v->cookie = cookie ? cookie : say[p->index].cookie;
}

static struct probe *judge_new(uint32_t rights)
{
	struct probe *p = probe_new(XVS_FILTER, rights, SEES_PACKETS | JUDGES);

	memset(&say[p->index], 0, sizeof(say[0]));
	p->on_judge = judge_as_said;
	return p;
}

static void three_judges(struct probe *out[3])
{
	for (int i = 0; i < 3; i++) {
		out[i] = judge_new(XVS_RIGHT_REWRITE);
		say[i].tags = UINT64_C(1) << i;
		say[i].cookie = 100 + (uint64_t)i;
		bench_chain(1, out[i]);
	}
}

static void only_those_concerned_are_asked_again(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	pass(1, &f);
	p[1]->flow_host->invalidate(p[1]->host, 2);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(p[0]->judged, 1);
	assert_int_equal(p[1]->judged, 2);
	assert_int_equal(p[2]->judged, 1);
	/* the flow's history goes on for all of them */
	assert_int_equal(cookies_seen[1], 101);
	assert_int_equal(p[0]->ended + p[1]->ended + p[2]->ended, 0);
	assert_int_equal(got(2), 3);
}

static void groups_that_no_verdict_is_in_stale_nothing(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	pass(1, &f);
	p[1]->flow_host->invalidate(p[1]->host, 5);
	pass(1, &f);
	assert_int_equal(p[0]->judged + p[1]->judged + p[2]->judged, 3);
}

/* As p[0] rewrites anew, those behind it see another packet. */
static void who_sees_another_packet_than_before_is_asked_as_well(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	pass(1, &f);
	say[1].set.ip_tos = 8;
	say[1].rewrite.ip_tos = 0xff;
	p[1]->flow_host->invalidate(p[1]->host, 2);
	pass(1, &f);
	assert_int_equal(p[0]->judged, 1);
	assert_int_equal(p[1]->judged, 2);
	assert_int_equal(p[2]->judged, 2);
	assert_int_equal(last(2)->bytes[15], 8);
}

static void a_match_concerns_flows_that_may_hold_such_a_packet(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct memory_frame other = udp(1, 2, 54, 20);
	struct xvs_flow_key key = { .l4_dst = xvs_ntoh16(53) };
	const struct xvs_flow_key mask = { .l4_dst = UINT16_MAX };
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	say[0].examined.l4_dst = UINT16_MAX;
	bench_chain(1, p);
	pass(1, &f);
	pass(1, &other);
	assert_int_equal(p->judged, 2);
	p->flow_host->invalidate_match(p->host, &key, &mask);
	pass(1, &other);
	assert_int_equal(p->judged, 2);
	pass(1, &f);
	assert_int_equal(p->judged, 3);
}

static void a_match_on_what_was_not_examined_concerns_the_flow(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct xvs_flow_key key = { .l4_dst = xvs_ntoh16(99) };
	const struct xvs_flow_key mask = { .l4_dst = UINT16_MAX };
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	bench_chain(1, p);
	pass(1, &f);
	p->flow_host->invalidate_match(p->host, &key, &mask);
	pass(1, &f);
	assert_int_equal(p->judged, 2);
}

/* On egress of a trunk the packet bears a tag that it did not come with. */
static void a_match_on_the_exits_tag_concerns_the_flow(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct xvs_flow_key key = { .vlan_tci = xvs_ntoh16(10) };
	const struct xvs_flow_key mask = { .vlan_tci = UINT16_MAX };
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	say[0].examined.vlan_tci = UINT16_MAX;
	bench_segment(1, 10);
	bench.ports[2].conf.is_trunk = true;
	bench.ports[2].conf.all_tags = true;
	bench_chain(2, p);
	assert_int_equal(
		l2_add_static(&bench.sw->l2, L2_ANY, bench.ports[2].mac, bench.ports[2].port), 0);
	pass(1, &f);
	assert_int_equal(p->judged, 1);
	p->flow_host->invalidate_match(p->host, &key, &mask);
	pass(1, &f);
	assert_int_equal(p->judged, 2);
}

static void changes_beyond_the_log_stale_whom_they_concern(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	pass(1, &f);
	for (int i = 0; i < 70; i++)
		p[1]->flow_host->invalidate(p[1]->host, UINT64_MAX);
	pass(1, &f);
	assert_int_equal(p[0]->judged, 1);
	assert_int_equal(p[1]->judged, 2);
}

/* A controller whose rules come and go beside the flow. */
/* A controller whose rules come and go beside the flow. */
static void a_flow_goes_on_beside_changes_that_do_not_touch_it(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct xvs_flow_key key = { .l4_dst = xvs_ntoh16(54) };
	const struct xvs_flow_key mask = { .l4_dst = UINT16_MAX };
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	say[1].examined.l4_dst = UINT16_MAX;
	pass(1, &f);
	for (int i = 0; i < 1000; i++)
		p[1]->flow_host->invalidate_match(p[1]->host, &key, &mask);
	pass(1, &f);
	assert_int_equal(p[1]->judged, 1);
	for (int i = 0; i < 2000; i++) {
		key.l4_dst = xvs_ntoh16(i == 0 ? 53 : 54);
		p[1]->flow_host->invalidate_match(p[1]->host, &key, &mask);
	}
	pass(1, &f);
	assert_int_equal(p[1]->judged, 2);
	assert_int_equal(p[0]->judged, 1);
}

static void a_published_port_is_judged_anew_at_both_ends(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	bench_chain(1, p);
	pass(1, &f);
	bench_publish(1);
	pass(1, &f);
	assert_int_equal(p->judged, 2);
	bench_publish(2);
	pass(1, &f);
	assert_int_equal(p->judged, 3);
	pass(1, &f);
	assert_int_equal(p->judged, 3);
}

static void a_drop_is_in_force_for_the_very_next_packet(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	bench_chain(1, p);
	for (int i = 0; i < 20; i++) {
		say[0].action = i % 2 ? XVS_FLOW_DROP : XVS_FLOW_PASS;
		p->flow_host->invalidate(p->host, UINT64_MAX);
		pass(1, &f);
		assert_int_equal(got(2), i % 2 ? 0 : 1);
	}
}

static void a_verdict_with_an_end_is_judged_anew_then(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p, *q;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	q = judge_new(0);
	say[0].max_ms = 100;
	bench_chain(1, p);
	bench_chain(1, q);
	pass(1, &f);
	bench_later_ms(60);
	pass(1, &f);
	assert_int_equal(p->judged, 1);
	/* another's change does not put off the end of a verdict that is kept */
	q->flow_host->invalidate(q->host, UINT64_MAX);
	pass(1, &f);
	assert_int_equal(p->judged, 1);
	assert_int_equal(q->judged, 2);
	bench_later_ms(60);
	pass(1, &f);
	assert_int_equal(p->judged, 2);
}

static void an_idle_flow_is_forgotten_when_the_verdict_says_so(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	say[0].idle_ms = 30000;
	say[0].cookie = 9;
	bench_chain(1, p);
	pass(1, &f);
	bench_later_ms(20000);
	bench_later_ms(200);
	assert_int_equal(p->ended, 0);
	bench_later_ms(20000);
	bench_later_ms(200);
	assert_int_equal(p->ended, 1);
	assert_int_equal(p->packets, 1);
}

/* ---- accounts ------------------------------------------------------------------------------------ */

static void an_ended_flow_was_accounted_exactly_once_and_whole(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	for (int i = 0; i < 10; i++) {
		send_frame(1, &f);
		send_frame(1, &f);
		bench_turn();
		if (i % 3 == 0)
			p[1]->flow_host->invalidate(p[1]->host, 2);
		if (i == 5)
			bench_publish(1);
	}
	bench_remove(1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(p[i]->ended, 1);
		assert_int_equal(p[i]->packets, 20);
		assert_int_equal(p[i]->bytes, 20 * f.len);
	}
}

static struct xvs_flow_stats ended_flows[8];

static void note_end(struct probe *p, const struct xvs_flow_stats *s)
{
	if (s->ended)
		ended_flows[p->ended - 1] = *s;
}

/* Packets of the flow whose packets had so many bytes each. */
static uint64_t ended_packets(const struct probe *p, uint32_t bytes)
{
	for (uint32_t i = 0; i < p->ended; i++) {
		if (ended_flows[i].packets &&
		    ended_flows[i].bytes == bytes * ended_flows[i].packets)
			return ended_flows[i].packets;
	}
	return 0;
}

/* Trains of two flows that are known, and one that is new among them. */
static void a_batch_of_several_flows_is_accounted_to_each(void **state)
{
	static const uint8_t flow_of[] = { 1, 1, 1, 2, 1, 1, 3, 3, 2, 2, 1 };
	struct memory_frame f[4];
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = judge_new(0);
	p->on_account = note_end;
	say[0].cookie = 9;
	memset(&say[0].examined.l4_dst, 0xff, 2);
	bench_chain(1, p);
	for (uint32_t n = 1; n < 4; n++)
		f[n] = udp(1, 2, (uint16_t)n, n * 100);
	pass(1, &f[1]);
	pass(1, &f[2]);
	for (uint32_t i = 0; i < sizeof(flow_of); i++)
		send_frame(1, &f[flow_of[i]]);
	bench_turn();
	assert_int_equal(p->judged, 3);
	assert_int_equal(got(2), 2 + sizeof(flow_of));
	bench_remove(1);
	assert_int_equal(p->ended, 3);
	assert_int_equal(ended_packets(p, f[1].len), 1 + 6);
	assert_int_equal(ended_packets(p, f[2].len), 1 + 3);
	assert_int_equal(ended_packets(p, f[3].len), 2);
}

static uint32_t drop_every;

static void drop_some(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		if (++p->held_count % drop_every == 0)
			xvs_drop(b, i, 1);
	}
}

static void packets_dropped_before_it_are_not_an_extensions(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	bench_chain(2, p[2]);
	say[1].action = XVS_FLOW_WATCH;
	p[1]->on_packets = drop_some;
	drop_every = 4;
	for (int i = 0; i < 40; i++) {
		send_frame(1, &f);
		if (i % 8 == 7)
			bench_turn();
	}
	assert_int_equal(got(2), 30);
	bench_remove(1);
	assert_int_equal(p[0]->packets, 40);
	assert_int_equal(p[1]->packets, 40);
	assert_int_equal(p[2]->packets, 30 + 30); /* on ingress of 1, on egress of 2 */
	assert_int_equal(p[2]->ended, 2);
}

static void settle_drop_at_once(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live)) {
		xvs_settle(b, i);
		xvs_drop(b, i, 1);
	}
}

static void behind_a_settled_drop_nothing_more_is_counted(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	say[1].action = XVS_FLOW_WATCH;
	p[1]->on_packets = settle_drop_at_once;
	for (int i = 0; i < 10; i++)
		pass(1, &f);
	bench_remove(1);
	assert_int_equal(p[1]->packets, 10);
	assert_int_equal(p[2]->packets, 0);
	assert_int_equal(p[2]->ended, 1);
}

static void dirty(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		(void)p->host->unshare(p->host, b->pkts[i]);
		b->pkts[i]->data[23 - 1] = 9; /* ttl; the header's sum is not looked at */
		b->pkts[i]->flags |= XVS_PKT_DIRTY;
	}
}

static void a_changed_packet_is_counted_once(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	say[0].action = XVS_FLOW_WATCH;
	p[0]->on_packets = dirty;
	for (int i = 0; i < 10; i++)
		pass(1, &f);
	assert_int_equal(got(2), 10);
	bench_remove(1);
	assert_int_equal(p[0]->packets, 10);
	assert_int_equal(p[1]->packets, 10);
	assert_int_equal(p[2]->packets, 10);
}

static void gso_is_accounted_as_on_the_wire(void **state)
{
	struct memory_frame f = {
		.gso_type = 1, .gso_size = 1000, .csum_todo = true, .csum_start = 34, .csum_off = 16
	};
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	f.len = frame_tcp(f.bytes, at(1, 1000), at(2, 80),
			  (struct frame_tcp){ .flags = F_ACK, .data = 3500 });
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	pass(1, &f);
	assert_int_equal(got(2), 1);
	bench_remove(1);
	assert_int_equal(p[0]->packets, 4);
	assert_int_equal(p[0]->bytes, 4 * 54 + 3500);
	assert_int_equal(p[0]->tcp_flags, xvs_ntoh16(F_ACK));
}

static void flags_are_told_once_to_each(void **state)
{
	struct memory_frame syn = tcp(1, 1000, 2, 80, (struct frame_tcp){ .flags = F_SYN });
	struct memory_frame ack = tcp(1, 1000, 2, 80, (struct frame_tcp){ .flags = F_ACK });
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	say[0].account_ms = 50;
	pass(1, &syn);
	bench_later_ms(200);
	bench_later_ms(200);
	assert_int_equal(p[0]->tcp_flags, xvs_ntoh16(F_SYN));
	p[0]->tcp_flags = 0;
	pass(1, &ack);
	bench_later_ms(200);
	bench_later_ms(200);
	assert_int_equal(p[0]->tcp_flags, xvs_ntoh16(F_ACK));
	assert_int_equal(p[0]->packets, 2);
	assert_int_equal(p[0]->accounts, 2);
	assert_int_equal(p[1]->accounts, 0);
	bench_remove(1);
	assert_int_equal(p[1]->tcp_flags, xvs_ntoh16(F_SYN | F_ACK));
}

static void collect_brings_accounts_up_to_date(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	bool done = false;
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	for (int i = 0; i < 5; i++)
		pass(1, &f);
	assert_int_equal(p[1]->flow_host->collect(p[1]->host, note_done, &done), 0);
	bench_turns(2);
	assert_true(done);
	assert_int_equal(p[1]->packets, 5);
	assert_int_equal(p[1]->ended, 0);
	assert_int_equal(p[0]->accounts, 0);
}

static void make_cookie(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
			struct xvs_flow_verdict *v)
{
	(void)b;
	(void)key;
	memset(&v->examined, 0xff, sizeof(v->examined));
	v->cookie = ++p->held_count;
}

/* As many cookies end as were made, whatever became of their flows. */
static void evicted_flows_end_as_well(void **state)
{
	struct worker_stats s;
	struct probe *p;

	(void)state;
	bench_ports(2);
	p = probe_new(XVS_FILTER, 0, JUDGES);
	p->on_judge = make_cookie;
	bench_chain(1, p);
	for (uint32_t i = 0; i < 5000; i++) {
		struct memory_frame f = { .len = 0 };

		f.len = frame_udp(f.bytes, at(1, (uint16_t)i), at(2, 53), 9);
		send_frame(1, &f);
		if (i % 64 == 63)
			bench_turn();
	}
	bench_turns(2);
	path_worker_stats(bench.path, 0, &s);
	assert_in_range(s.entries, 1, 1024);
	assert_true(s.evictions > 0);
	assert_int_equal(got(2), 5000);
	bench_remove(1);
	assert_int_equal(p->held_count, 5000);
	assert_int_equal(p->ended, 5000);
	assert_int_equal(p->packets, 5000);
}

static void what_a_forgotten_instance_was_told_has_ended(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p[3];

	(void)state;
	bench_ports(2);
	three_judges(p);
	pass(1, &f);
	bench.ports[1].conf.ingress.count = 2;
	bench_publish(1);
	bench_forget(p[2]);
	assert_int_equal(p[2]->ended, 1);
	assert_int_equal(p[2]->packets, 1);
	pass(1, &f);
	assert_int_equal(p[2]->judged, 1);
	assert_int_equal(got(2), 2);
}

/* An instance that leaves one port goes on at the others. */
static void what_was_told_of_a_port_has_ended_before_it_is_detached(void **state)
{
	struct memory_frame left = udp(1, 2, 53, 20);
	struct memory_frame kept = udp(3, 2, 53, 20);
	struct probe *p = judge_new(0);
	bool done = false;

	(void)state;
	bench_ports(3);
	say[p->index].cookie = 7;
	bench_chain(1, p);
	bench_chain(3, p);
	pass(1, &left);
	pass(3, &kept);
	bench.ports[1].conf.ingress.count = 0;
	bench.ports[1].conf.egress.count = 0;
	bench_publish(1);
	path_forget_attachment(bench.path, p->instance, (void *)(uintptr_t)1, note_done, &done);
	bench_wait(&done);
	assert_int_equal(p->ended, 1);
	assert_int_equal(p->packets, 1);
	pass(1, &left);
	pass(3, &kept);
	assert_int_equal(p->judged, 2);
	assert_int_equal(p->ended, 1);
	assert_int_equal(got(2), 4);
}

static void a_leaving_port_is_no_exit_any_more(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(3);
	pass(1, &f);
	bench_remove(2);
	pass(1, &f);
	assert_int_equal(drops_in(1, REASON_UNKNOWN_UNICAST), 1);
	(void)bench_port(2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(only_those_concerned_are_asked_again),
		BENCH_TEST(groups_that_no_verdict_is_in_stale_nothing),
		BENCH_TEST(who_sees_another_packet_than_before_is_asked_as_well),
		BENCH_TEST(a_match_concerns_flows_that_may_hold_such_a_packet),
		BENCH_TEST(a_match_on_what_was_not_examined_concerns_the_flow),
		BENCH_TEST(a_match_on_the_exits_tag_concerns_the_flow),
		BENCH_TEST(changes_beyond_the_log_stale_whom_they_concern),
		BENCH_TEST(a_flow_goes_on_beside_changes_that_do_not_touch_it),
		BENCH_TEST(a_published_port_is_judged_anew_at_both_ends),
		BENCH_TEST(a_drop_is_in_force_for_the_very_next_packet),
		BENCH_TEST(a_verdict_with_an_end_is_judged_anew_then),
		BENCH_TEST(an_idle_flow_is_forgotten_when_the_verdict_says_so),
		BENCH_TEST(an_ended_flow_was_accounted_exactly_once_and_whole),
		BENCH_TEST(packets_dropped_before_it_are_not_an_extensions),
		BENCH_TEST(behind_a_settled_drop_nothing_more_is_counted),
		BENCH_TEST(a_changed_packet_is_counted_once),
		BENCH_TEST(a_batch_of_several_flows_is_accounted_to_each),
		BENCH_TEST(gso_is_accounted_as_on_the_wire),
		BENCH_TEST(flags_are_told_once_to_each),
		BENCH_TEST(collect_brings_accounts_up_to_date),
		BENCH_TEST(evicted_flows_end_as_well),
		BENCH_TEST(what_a_forgotten_instance_was_told_has_ended),
		BENCH_TEST(what_was_told_of_a_port_has_ended_before_it_is_detached),
		BENCH_TEST(a_leaving_port_is_no_exit_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
