/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of extensions that see packets, judge flows, or both. */
#include "bench.h"

enum { ALL = XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE | XVS_RIGHT_QUEUE | XVS_RIGHT_PAYLOAD };

static void drop_all(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live))
		xvs_drop(b, i, 7);
}

static void drop_all_consumed(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live))
		xvs_drop(b, i, XVS_REASON_CONSUMED);
}

static void extensions_are_called_in_order_and_mirrored_on_egress(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a, *c, *d;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_INSPECT, 0, SEES_PACKETS);
	c = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	d = probe_new(XVS_FIREWALL, 0, SEES_PACKETS | JUDGES);
	for (uint32_t id = 1; id <= 2; id++) {
		bench_chain(id, a);
		bench_chain(id, c);
		bench_chain(id, d);
	}
	pass(1, &f);
	/* a judge is asked while the flow is judged, before any packet is shown */
	assert_string_equal(bench_trace, "ccABBA");
	pass(1, &f);
	assert_string_equal(bench_trace, "ccABBAABBA");
	assert_int_equal(got(2), 2);
}

static void an_inspector_cannot_drop(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_INSPECT, XVS_RIGHT_QUEUE, SEES_PACKETS);
	a->on_packets = drop_all;
	bench_chain(1, a);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(a->seen, 1);
}

static void drops_are_counted_by_port_stage_instance_and_reason(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a, *c;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_INSPECT, 0, SEES_PACKETS);
	c = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	c->on_packets = drop_all;
	bench_chain(1, a);
	bench_chain(1, c);
	bench_chain(2, c);
	pass(1, &f);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, 2, 7), 1);
	f = udp(3, 2, 53, 20);
	pass(3, &f);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 2, 7), 1);
	assert_int_equal(got(2), 0);
	c->on_packets = drop_all_consumed;
	pass(3, &f);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 2, XVS_REASON_CONSUMED), 0);
}

/* ---- judging ------------------------------------------------------------------------------------- */

static void sixty_four_packets_of_a_new_flow_are_judged_once(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, 0, SEES_PACKETS | JUDGES);
	bench_chain(1, a);
	for (int i = 0; i < 64; i++)
		send_frame(1, &f);
	bench_turn();
	assert_int_equal(got(2), 64);
	assert_int_equal(a->judged, 1);
	assert_int_equal(a->called, 0);
}

static void examine_port(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
			 struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	v->examined.l4_dst = UINT16_MAX;
	v->action = key->l4_dst == xvs_ntoh16(53) ? XVS_FLOW_DROP : XVS_FLOW_PASS;
	v->reason = 3;
}

static void one_verdict_serves_all_that_equals_what_was_examined(void **state)
{
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, 0, JUDGES);
	a->on_judge = examine_port;
	bench_chain(1, a);
	for (uint16_t i = 0; i < 100; i++) {
		struct memory_frame f = { .len = 0 };

		f.len = frame_udp(f.bytes, at(1, (uint16_t)(1000 + i)),
				  at(2, (uint16_t)(52 + i % 2)), 9);
		pass(1, &f);
	}
	assert_int_equal(a->judged, 2);
	assert_int_equal(got(2), 50);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, 1, 3), 50);
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

static void behind_a_drop_nobody_is_asked(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a, *c;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, 0, JUDGES);
	c = probe_new(XVS_FILTER, 0, JUDGES);
	a->on_judge = judge_drop;
	bench_chain(1, a);
	bench_chain(1, c);
	pass(1, &f);
	assert_int_equal(c->judged, 0);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, 1, 5), 1);
}

static void judge_unknown_action(struct probe *p, const struct xvs_batch *b,
				 const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->action = 77;
}

static void an_action_that_the_host_does_not_know_drops(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, 0, JUDGES);
	a->on_judge = judge_unknown_action;
	bench_chain(1, a);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_EXTENSION_FAILED), 1);
}

static struct xvs_flow_verdict say;

static void judge_as_said(struct probe *p, const struct xvs_batch *b,
			  const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	say.size = sizeof(say);
	*v = say;
}

static struct probe *watcher(uint32_t rights)
{
	struct probe *a = probe_new(XVS_FILTER, rights, SEES_PACKETS | JUDGES);

	memset(&say, 0, sizeof(say));
	say.action = XVS_FLOW_WATCH;
	a->on_judge = judge_as_said;
	return a;
}

static void a_watched_flow_is_shown_this_packet_included(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	bench_chain(1, a);
	for (int i = 0; i < 5; i++)
		pass(1, &f);
	assert_int_equal(a->judged, 1);
	assert_int_equal(a->seen, 5);
}

static void a_sample_is_about_one_in_so_many(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	say.sample = 10;
	bench_chain(1, a);
	for (int i = 0; i < 4000; i++) {
		send_frame(1, &f);
		if (i % 64 == 63)
			bench_turn();
	}
	bench_turns(2);
	/* 400 expected, deviation 19: ten of them to each side */
	assert_in_range(a->seen, 210, 590);
}

static void watched_tcp_flags_select_their_packets_alone(void **state)
{
	struct memory_frame ack = tcp(1, 1000, 2, 80, (struct frame_tcp){ .flags = F_ACK });
	struct memory_frame fin = tcp(1, 1000, 2, 80, (struct frame_tcp){ .flags = F_ACK | F_FIN });
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	say.watch_tcp_flags = F_SYN | F_FIN | F_RST;
	bench_chain(1, a);
	for (int i = 0; i < 10; i++)
		pass(1, &ack);
	assert_int_equal(a->seen, 0);
	pass(1, &fin);
	assert_int_equal(a->seen, 1);
	assert_int_equal(a->judged, 1);
}

static uint32_t least_linear;

static void note_linear(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live)) {
		if (b->pkts[i]->linear < least_linear)
			least_linear = b->pkts[i]->linear;
	}
}

static void watched_bytes_are_readable(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1000);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(XVS_RIGHT_PAYLOAD);
	say.watch_bytes = 900;
	a->on_packets = note_linear;
	least_linear = UINT32_MAX;
	bench_chain(1, a);
	pass(1, &f);
	pass(1, &f);
	assert_in_range(least_linear, 900, 1042);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
}

static void without_the_right_no_payload_is_read_ahead(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1000);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	say.watch_bytes = 900;
	a->on_packets = note_linear;
	least_linear = UINT32_MAX;
	bench_chain(1, a);
	pass(1, &f);
	assert_in_range(least_linear, 1, PACKET_PARSE);
}

static uint32_t settle_after;

static void settle(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		if (p->seen >= settle_after)
			xvs_settle(b, i);
	}
}

static void settle_drop(struct probe *p, struct xvs_batch *b)
{
	settle(p, b);
	for (XVS_EACH(i, b->live)) {
		if (b->settled >> i & 1)
			xvs_drop(b, i, 9);
	}
}

static void a_settled_flow_passes_unseen(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	a->on_packets = settle;
	settle_after = 3;
	bench_chain(1, a);
	for (int i = 0; i < 10; i++)
		pass(1, &f);
	assert_int_equal(a->seen, 3);
	assert_int_equal(a->judged, 1);
	assert_int_equal(got(2), 10);
}

static void a_flow_settled_by_dropping_drops_under_that_reason(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	a->on_packets = settle_drop;
	settle_after = 3;
	bench_chain(1, a);
	for (int i = 0; i < 10; i++)
		pass(1, &f);
	assert_int_equal(a->seen, 3);
	assert_int_equal(got(2), 2);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, 1, 9), 8);
}

static void a_queue_is_set_by_the_verdict(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = watcher(0);
	say.action = XVS_FLOW_PASS;
	say.queue = 4;
	bench_chain(1, a);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(last(2)->queue, 4);
}

/* ---- rewriting ------------------------------------------------------------------------------------- */

static struct xvs_flow_key seen_key;

static void note_key(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		     struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	seen_key = *key;
	memset(v->examined.ip_dst, 0xff, 16);
}

static void rewrite_dst(uint8_t host)
{
	memset(&say, 0, sizeof(say));
	frame_address(at(host, 0), say.set.ip_dst);
	memset(say.rewrite.ip_dst, 0xff, 16);
	say.set.l4_dst = xvs_ntoh16(5353);
	say.rewrite.l4_dst = UINT16_MAX;
}

static uint16_t ip_sum_error(const uint8_t *frame)
{
	return (uint16_t)~xvs_csum_fold(xvs_csum_add(0, frame + 14, 20));
}

static void a_rewrite_is_seen_by_later_judges_and_on_the_wire(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 400);
	struct memory_frame want = f;
	struct probe *a, *c;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, JUDGES);
	c = probe_new(XVS_FILTER, 0, JUDGES);
	rewrite_dst(77);
	a->on_judge = judge_as_said;
	c->on_judge = note_key;
	bench_chain(1, a);
	bench_chain(1, c);
	want.bytes[33] = 77;
	put_be16(want.bytes + 36, 5353);
	for (int i = 0; i < 3; i++) {
		pass(1, &f);
		assert_int_equal(got(2), 1);
		assert_memory_equal(last(2)->bytes + 26, want.bytes + 26, f.len - 26);
		assert_int_equal(ip_sum_error(last(2)->bytes), 0);
	}
	assert_int_equal(c->judged, 1);
	assert_int_equal(seen_key.ip_dst[15], 77);
	assert_int_equal(seen_key.l4_dst, xvs_ntoh16(5353));
}

/* The entry covers all destinations: what was rewritten is not the flow's own. */
static void a_bit_that_was_rewritten_does_not_narrow_the_entry(void **state)
{
	struct probe *a, *c;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, JUDGES);
	c = probe_new(XVS_FILTER, 0, JUDGES);
	rewrite_dst(77);
	a->on_judge = judge_as_said;
	c->on_judge = note_key;
	bench_chain(1, a);
	bench_chain(1, c);
	for (uint8_t i = 0; i < 20; i++) {
		struct memory_frame f = udp(1, 2, 53, 20);

		f.bytes[32] = i;
		pass(1, &f);
	}
	assert_int_equal(c->judged, 1);
	assert_int_equal(got(2), 20);
}

static void a_rewrite_without_the_right_is_ignored(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 40);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = probe_new(XVS_FILTER, 0, JUDGES);
	rewrite_dst(77);
	a->on_judge = judge_as_said;
	bench_chain(1, a);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
}

static void rewrite_by_exit(struct probe *p, const struct xvs_batch *b,
			    const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	if (b->stage != XVS_STAGE_EGRESS)
		return;
	seen_key = *key;
	v->set.ip_tos = (uint8_t)(b->port << 2);
	v->rewrite.ip_tos = UINT8_MAX;
}

static void each_exit_gets_its_own_rewriting(void **state)
{
	struct memory_frame f = udp(1, 9, 53, 300);
	struct probe *a;

	(void)state;
	bench_ports(4);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, JUDGES);
	a->on_judge = rewrite_by_exit;
	for (uint32_t id = 2; id <= 4; id++)
		bench_chain(id, a);
	memset(f.bytes, 0xff, 6);
	for (int i = 0; i < 2; i++) {
		pass(1, &f);
		for (uint32_t id = 2; id <= 4; id++) {
			assert_int_equal(got(id), 1);
			assert_int_equal(last(id)->bytes[15], id << 2);
			assert_int_equal(ip_sum_error(last(id)->bytes), 0);
		}
		assert_int_equal(seen_key.ip_tos, 0);
	}
}

static void judge_push_tag(struct probe *p, const struct xvs_batch *b,
			   const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	(void)key;
	if (b->stage != XVS_STAGE_INGRESS)
		return;
	v->set.bits = XVS_KEY_VLAN;
	v->rewrite.bits = XVS_KEY_VLAN;
	v->set.vlan_tci = xvs_ntoh16(20);
	v->rewrite.vlan_tci = UINT16_MAX;
}

static void a_rewritten_tag_moves_the_packet_to_its_segment(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, JUDGES);
	a->on_judge = judge_push_tag;
	bench_segment(2, 20);
	bench.ports[1].conf.is_trunk = true;
	bench.ports[1].conf.all_tags = true;
	bench_chain(1, a);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(got(2), 2);
	bench.ports[1].conf.is_trunk = false;
	bench_publish(1);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_VLAN), 2);
}

static void dirty_to_port_3(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		(void)p->host->unshare(p->host, b->pkts[i]);
		b->pkts[i]->data[5] = 3;
		b->pkts[i]->flags |= XVS_PKT_DIRTY;
	}
}

static void a_changed_packet_is_judged_on_under_its_new_key(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a, *c;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, SEES_PACKETS);
	c = probe_new(XVS_FILTER, 0, JUDGES);
	a->on_packets = dirty_to_port_3;
	c->on_judge = note_key;
	bench_chain(1, a);
	bench_chain(1, c);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 2);
	assert_int_equal(seen_key.eth_dst[5], 3);
	assert_int_equal(c->judged, 2); /* once for each key */
}

static void a_change_without_the_right_drops(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	a->on_packets = dirty_to_port_3;
	bench_chain(1, a);
	pass(1, &f);
	assert_int_equal(got(2) + got(3), 0);
	assert_int_equal(drops_in(1, REASON_RIGHTS), 1);
}

/* ---- forwarders -------------------------------------------------------------------------------------- */

static uint32_t choose, preset;

static void forward_to(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	for (XVS_EACH(i, b->live)) {
		preset = b->dest[i];
		if (choose != UINT32_MAX)
			b->dest[i] = choose;
	}
}

static void a_forwarder_chooses_for_each_packet(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FORWARD, 0, SEES_PACKETS);
	a->on_packets = forward_to;
	bench_chain(1, a);
	bench_publish(1);
	choose = 3;
	pass(1, &f);
	assert_int_equal(got(3), 1);
	assert_int_equal(got(2), 0);
	choose = XVS_DEST_NORMAL;
	pass(1, &f);
	assert_int_equal(got(2), 1);
	choose = XVS_DEST_FLOOD;
	pass(1, &f);
	assert_int_equal(got(2) + got(3), 2);
	choose = UINT32_MAX;
	pass(1, &f);
	choose = XVS_DEST_SET | 1;
	pass(1, &f);
	assert_int_equal(drops_at(1, XVS_STAGE_FORWARD, 0, REASON_NO_DESTINATION), 2);
	choose = 900;
	pass(1, &f);
	assert_int_equal(drops_at(1, XVS_STAGE_FORWARD, 0, REASON_NO_PORT), 1);
	assert_int_equal(got(2) + got(3), 0);
}

static void a_forwarders_verdict_is_compiled(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FORWARD, 0, SEES_PACKETS | JUDGES);
	a->on_judge = judge_as_said;
	memset(&say, 0, sizeof(say));
	bench_chain(1, a);
	say.dest = 3;
	bench_publish(1);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(got(3), 2);
	assert_int_equal(a->judged, 1);
	assert_int_equal(a->called, 0);
	say.dest = XVS_DEST_NONE;
	bench_publish(1);
	pass(1, &f);
	say.dest = XVS_DEST_SET | 5;
	bench_publish(1);
	pass(1, &f);
	assert_int_equal(got(2) + got(3), 0);
	assert_int_equal(drops_in(1, REASON_NO_DESTINATION), 2);
}

static void a_watching_forwarder_is_shown_its_own_choice_and_may_change_it(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FORWARD, 0, SEES_PACKETS | JUDGES);
	a->on_judge = judge_as_said;
	a->on_packets = forward_to;
	memset(&say, 0, sizeof(say));
	say.action = XVS_FLOW_WATCH;
	say.dest = 2;
	bench_chain(1, a);
	bench_publish(1);
	choose = UINT32_MAX;
	pass(1, &f);
	assert_int_equal(preset, 2);
	assert_int_equal(got(2), 1);
	choose = 3;
	pass(1, &f);
	assert_int_equal(preset, 2);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
	say.dest = XVS_DEST_NONE;
	bench_publish(1);
	pass(1, &f);
	assert_int_equal(got(3), 1);
}

static void dirty_and_forward(struct probe *p, struct xvs_batch *b)
{
	dirty_to_port_3(p, b);
	forward_to(p, b);
}

static void a_forwarder_may_change_and_choose_at_once(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(4);
	a = probe_new(XVS_FORWARD, XVS_RIGHT_REWRITE, SEES_PACKETS | JUDGES);
	a->on_judge = judge_as_said;
	a->on_packets = dirty_and_forward;
	memset(&say, 0, sizeof(say));
	say.action = XVS_FLOW_WATCH;
	say.dest = 4;
	choose = UINT32_MAX;
	bench_chain(1, a);
	bench_publish(1);
	pass(1, &f);
	assert_int_equal(got(4), 1);
	assert_int_equal(last(4)->bytes[5], 3);
	assert_int_equal(got(2) + got(3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(extensions_are_called_in_order_and_mirrored_on_egress),
		BENCH_TEST(an_inspector_cannot_drop),
		BENCH_TEST(drops_are_counted_by_port_stage_instance_and_reason),
		BENCH_TEST(sixty_four_packets_of_a_new_flow_are_judged_once),
		BENCH_TEST(one_verdict_serves_all_that_equals_what_was_examined),
		BENCH_TEST(behind_a_drop_nobody_is_asked),
		BENCH_TEST(an_action_that_the_host_does_not_know_drops),
		BENCH_TEST(a_watched_flow_is_shown_this_packet_included),
		BENCH_TEST(a_sample_is_about_one_in_so_many),
		BENCH_TEST(watched_tcp_flags_select_their_packets_alone),
		BENCH_TEST(watched_bytes_are_readable),
		BENCH_TEST(without_the_right_no_payload_is_read_ahead),
		BENCH_TEST(a_settled_flow_passes_unseen),
		BENCH_TEST(a_flow_settled_by_dropping_drops_under_that_reason),
		BENCH_TEST(a_queue_is_set_by_the_verdict),
		BENCH_TEST(a_rewrite_is_seen_by_later_judges_and_on_the_wire),
		BENCH_TEST(a_bit_that_was_rewritten_does_not_narrow_the_entry),
		BENCH_TEST(a_rewrite_without_the_right_is_ignored),
		BENCH_TEST(each_exit_gets_its_own_rewriting),
		BENCH_TEST(a_rewritten_tag_moves_the_packet_to_its_segment),
		BENCH_TEST(a_changed_packet_is_judged_on_under_its_new_key),
		BENCH_TEST(a_change_without_the_right_drops),
		BENCH_TEST(a_forwarder_chooses_for_each_packet),
		BENCH_TEST(a_forwarders_verdict_is_compiled),
		BENCH_TEST(a_watching_forwarder_is_shown_its_own_choice_and_may_change_it),
		BENCH_TEST(a_forwarder_may_change_and_choose_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
