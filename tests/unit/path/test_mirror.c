/* SPDX-License-Identifier: Apache-2.0 */
/* Mirror sessions: the copy is what was on the port, and costs the original nothing. */
#include "bench.h"

#include "path/rate.h"

enum { MONITOR = 9 };

/* What the next table has; published by mirror_on(). */
static struct mirror_table *table;

static struct mirror_session *mirror(uint32_t sessions)
{
	table = mirror_table_create(sessions, 1);
	assert_non_null(table);
	for (uint32_t i = 0; i < sessions; i++) {
		struct mirror_session *s = &table->sessions[i];

		(void)snprintf(s->name, sizeof(s->name), "s%u", i);
		s->to[s->to_count++] = MONITOR;
	}
	return table->sessions;
}

/* Published, as the control side does: the table, then the ports that it concerns. */
static void mirror_on(void)
{
	path_switch_mirrors(bench.sw, table);
	for (uint32_t id = 1; id < BENCH_PORTS; id++) {
		uint8_t bits = mirror_bits(table, id);

		if (!bench.ports[id].port || bench.ports[id].conf.mirrored == bits)
			continue;
		bench.ports[id].conf.mirrored = bits;
		bench_publish(id);
	}
	bench_turn();
}

/* Ports 1 .. count, and one that gets copies alone. */
static void ports_and_monitor(uint32_t count)
{
	bench_ports(count);
	(void)bench_port(MONITOR);
	bench.ports[MONITOR].conf.is_open = false;
	bench.ports[MONITOR].conf.is_mirror = true;
	bench_publish(MONITOR);
}

static struct mirror_count counted(uint32_t session)
{
	struct mirror_count sum;

	mirror_sum(&table->sessions[session], 1, &sum);
	return sum;
}

static void assert_came(uint32_t port, uint32_t count, const struct memory_frame *f)
{
	assert_int_equal(got(port), count);
	assert_int_equal(last(port)->len, f->len);
	assert_memory_equal(last(port)->bytes, f->bytes, f->len);
}

static void pass_twice(uint32_t port, const struct memory_frame *f)
{
	pass(port, f);
	pass(port, f);
}

static void what_a_port_sends_is_copied(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1400);
	struct memory_frame back = udp(2, 1, 53, 100);

	(void)state;
	ports_and_monitor(2);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_came(2, 2, &f);
	assert_came(MONITOR, 2, &f);
	pass_twice(2, &back);
	assert_int_equal(got(MONITOR), 0);
	assert_int_equal(counted(0).packets, 2);
	assert_int_equal(counted(0).bytes, 2 * f.len);
	assert_int_equal(counted(0).lost, 0);
}

static void what_a_port_gets_is_copied(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1400);
	struct memory_frame back = udp(2, 1, 53, 100);

	(void)state;
	ports_and_monitor(2);
	mirror_add(mirror(1)->out, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_int_equal(got(MONITOR), 0);
	pass_twice(2, &back);
	assert_came(1, 2, &back);
	assert_came(MONITOR, 2, &back);
}

static void between_two_sources_a_packet_is_copied_once(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 200);
	struct mirror_session *s;

	(void)state;
	ports_and_monitor(2);
	s = mirror(1);
	for (uint32_t id = 1; id <= 2; id++) {
		mirror_add(s->in, id);
		mirror_add(s->out, id);
	}
	mirror_on();
	pass_twice(1, &f);
	assert_came(2, 2, &f);
	assert_came(MONITOR, 2, &f);
}

static void a_full_batch_is_copied_in_order(void **state)
{
	(void)state;
	ports_and_monitor(2);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	for (uint32_t i = 0; i < 2 * XVS_BATCH_MAX; i++) {
		struct memory_frame f = udp(1, 2, 53, 20);

		f.bytes[42] = (uint8_t)i;
		send_frame(1, &f);
	}
	bench_turns(4);
	assert_int_equal(got(2), 2 * XVS_BATCH_MAX);
	assert_int_equal(got(MONITOR), 2 * XVS_BATCH_MAX);
	for (uint32_t i = 0; i < 2 * XVS_BATCH_MAX; i++)
		assert_int_equal(bench.ports[MONITOR].memory->out[i].bytes[42], i);
}

/* More copies than the queue holds: what waits leaves in between. */
static void many_sessions_and_destinations_get_all(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct mirror_session *s;

	(void)state;
	ports_and_monitor(4);
	s = mirror(8);
	for (uint32_t i = 0; i < 8; i++) {
		s[i].to[s[i].to_count++] = 4;
		mirror_add(s[i].in, 1);
		mirror_add(s[i].out, 2);
	}
	mirror_on();
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
		send_frame(1, &f);
	bench_turns(4);
	assert_int_equal(got(2), XVS_BATCH_MAX);
	assert_int_equal(got(MONITOR), 8 * XVS_BATCH_MAX);
	assert_int_equal(got(4), 8 * XVS_BATCH_MAX);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(counted(i).packets, 2 * XVS_BATCH_MAX);
}

static void a_full_destination_loses_copies_alone(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 200);

	(void)state;
	ports_and_monitor(2);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	bench.ports[MONITOR].memory->take = 1;
	pass_twice(1, &f);
	assert_came(2, 2, &f);
	assert_came(MONITOR, 1, &f);
	assert_int_equal(counted(0).lost, 1);
	assert_int_equal(drops_at(MONITOR, XVS_STAGE_EGRESS, 0, REASON_MIRROR), 1);
	assert_int_equal(drops_at(MONITOR, XVS_STAGE_EGRESS, 0, REASON_RING_FULL), 0);
}

static void a_copy_too_long_for_its_destination_is_lost(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1000);

	(void)state;
	ports_and_monitor(2);
	bench.ports[MONITOR].conf.mtu = 500;
	bench_publish(MONITOR);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass(1, &f);
	assert_came(2, 1, &f);
	assert_int_equal(got(MONITOR), 0);
	assert_int_equal(drops_at(MONITOR, XVS_STAGE_EGRESS, 0, REASON_MIRROR), 1);
}

static void drop_ingress(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
			 struct xvs_flow_verdict *v)
{
	(void)p;
	(void)key;
	if (b->stage == XVS_STAGE_INGRESS)
		v->action = XVS_FLOW_DROP;
}

static void what_a_filter_drops_is_copied_all_the_same(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 200);
	struct probe *a;

	(void)state;
	ports_and_monitor(2);
	a = probe_new(XVS_FILTER, 0, JUDGES);
	a->on_judge = drop_ingress;
	bench_chain(1, a);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_int_equal(got(2), 0);
	assert_came(MONITOR, 2, &f);
}

static void change_payload(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->stage == XVS_STAGE_INGRESS ? b->live : 0)) {
		assert_int_equal(p->host->unshare(p->host, b->pkts[i]), 0);
		b->pkts[i]->data[42] = 0xaa;
		b->pkts[i]->flags |= XVS_PKT_DIRTY;
	}
}

/* At the entry as it came, at the exit as it goes. */
static void a_copy_is_what_was_on_its_port(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 300);
	struct memory_frame changed = f;
	struct probe *a;

	(void)state;
	changed.bytes[42] = 0xaa;
	ports_and_monitor(2);
	a = probe_new(XVS_FILTER, XVS_RIGHT_REWRITE, SEES_PACKETS);
	a->on_packets = change_payload;
	bench_chain(1, a);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_int_equal(got(2), 2);
	assert_int_equal(last(2)->bytes[42], 0xaa);
	assert_came(MONITOR, 2, &f);
	mirror_add(mirror(1)->out, 2);
	mirror_on();
	pass_twice(1, &f);
	assert_int_equal(got(MONITOR), 2);
	assert_memory_equal(last(MONITOR)->bytes, changed.bytes, 128);
}

static void hold_all(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->stage == XVS_STAGE_INGRESS ? b->live : 0)) {
		assert_true(xvs_steal(b, i));
		p->held[p->held_count++] = b->pkts[i];
	}
}

static void what_is_held_back_was_copied_when_it_came(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 300);
	struct probe *a;

	(void)state;
	ports_and_monitor(2);
	a = probe_new(XVS_FILTER, XVS_RIGHT_QUEUE, SEES_PACKETS);
	a->on_packets = hold_all;
	bench_chain(1, a);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_came(MONITOR, 2, &f);
	assert_int_equal(got(2), 0);
	worker_self = &bench.w->w;
	while (a->held_count > 0)
		assert_int_equal(a->host->resume(a->host, a->held[--a->held_count]), 0);
	worker_self = NULL;
	bench_turns(2);
	assert_came(2, 2, &f);
	assert_int_equal(got(MONITOR), 0);
}

/* The exit puts on a tag, or takes one off: the copy has what its own port had. */
static void tags_are_those_of_the_source_port(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 100);
	struct memory_frame tagged = f;
	struct memory_frame back = udp(2, 1, 53, 100);
	struct memory_frame tagged_back = back;
	struct mirror_session *s;

	(void)state;
	tag(&tagged, 0x8100, 7);
	tag(&tagged_back, 0x88a8, 7);
	ports_and_monitor(2);
	bench_segment(1, 7);
	bench_segment(2, 7);
	bench.ports[2].conf.segment = 0;
	bench.ports[2].conf.is_trunk = true;
	bench.ports[2].conf.all_tags = true;
	bench_publish(2);
	s = mirror(1);
	mirror_add(s->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_came(2, 2, &tagged);
	assert_came(MONITOR, 2, &f);
	s = mirror(2);
	mirror_add(s[0].in, 2);
	mirror_add(s[1].out, 1);
	mirror_on();
	pass(2, &tagged_back);
	assert_came(1, 1, &back);
	assert_came(MONITOR, 2, &back); /* as it went out; before that, as it came in */
	assert_int_equal(bench.ports[MONITOR].memory->out[2].len, tagged_back.len);
	assert_memory_equal(bench.ports[MONITOR].memory->out[2].bytes, tagged_back.bytes,
			    tagged_back.len);
}

static void only_vlans_of_the_session_are_copied(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 100);
	struct memory_frame seven = f;
	struct memory_frame eight = f;
	struct mirror_session *s;

	(void)state;
	tag(&seven, 0x8100, 7);
	tag(&eight, 0x8100, 8);
	ports_and_monitor(2);
	for (uint32_t id = 1; id <= 2; id++) {
		bench.ports[id].conf.is_trunk = true;
		bench.ports[id].conf.all_tags = true;
		bench_publish(id);
	}
	s = mirror(1);
	s->has_vlans = true;
	mirror_add(s->vlans, 8);
	mirror_add(s->in, 1);
	mirror_on();
	pass_twice(1, &seven);
	pass_twice(1, &f);
	assert_int_equal(got(MONITOR), 0);
	pass_twice(1, &eight);
	assert_came(MONITOR, 2, &eight);
}

static void a_copy_is_cut_and_says_so(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1400);
	struct memory_frame small = udp(1, 2, 53, 10);
	struct mirror_session *s;

	(void)state;
	ports_and_monitor(2);
	s = mirror(1);
	s->snap = 100;
	mirror_add(s->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_came(2, 2, &f);
	assert_int_equal(got(MONITOR), 2);
	assert_int_equal(last(MONITOR)->len, 100);
	assert_memory_equal(last(MONITOR)->bytes, f.bytes, 100);
	pass(1, &small);
	assert_came(MONITOR, 1, &small);
	s = mirror(1);
	s->snap = 100;
	s->mark_cut = true;
	mirror_add(s->in, 1);
	mirror_on();
	pass(1, &f);
	assert_int_equal(got(MONITOR), 1);
	assert_int_equal(last(MONITOR)->len, 104);
	assert_int_equal(get_be32(last(MONITOR)->bytes + 100), f.len);
	pass(1, &small);
	assert_came(MONITOR, 1, &small);
}

static struct memory_frame large(void)
{
	struct memory_frame f =
		tcp(1, 1000, 2, 80, (struct frame_tcp){ .flags = 0x10, .data = 3000 });

	f.gso_type = 1;
	f.gso_size = 1000;
	f.csum_todo = true;
	f.csum_start = 34;
	f.csum_off = 16;
	return f;
}

static void a_copy_is_segmented_where_its_destination_cannot(void **state)
{
	struct memory_frame f = large();

	(void)state;
	ports_and_monitor(2);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_int_equal(got(2), 2);
	assert_int_equal(last(2)->gso_type, 1);
	assert_int_equal(got(MONITOR), 6);
	assert_int_equal(last(MONITOR)->len, 54 + 1000);
	bench.ports[MONITOR].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	pass_twice(1, &f);
	assert_int_equal(got(MONITOR), 2);
	assert_int_equal(last(MONITOR)->gso_type, 1);
}

/* Of what is to be segmented, each segment is cut; its sums are those of the whole segment. */
static void segments_are_cut(void **state)
{
	struct memory_frame f = large();
	struct mirror_session *s;

	(void)state;
	ports_and_monitor(2);
	bench.ports[2].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	bench.ports[MONITOR].memory->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4;
	s = mirror(1);
	s->snap = 64;
	mirror_add(s->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_int_equal(got(2), 2);
	assert_int_equal(got(MONITOR), 6);
	assert_int_equal(last(MONITOR)->len, 64);
	assert_int_equal(last(MONITOR)->gso_type, 0);
	assert_false(last(MONITOR)->flags & XVS_PKT_CSUM_TODO);
}

static void one_packet_in_so_many_is_copied(void **state)
{
	enum { ROUNDS = 200 };
	struct memory_frame f = udp(1, 2, 53, 20);
	struct mirror_session *s;

	(void)state;
	ports_and_monitor(2);
	s = mirror(1);
	s->sample = 8;
	mirror_add(s->in, 1);
	mirror_add(s->out, 2); /* those that did not win have had their chance */
	mirror_on();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (uint32_t k = 0; k < XVS_BATCH_MAX; k++)
			send_frame(1, &f);
		bench_turn();
		bench_turn();
	}
	/* 12,800 / 8, six standard deviations of 37 either way */
	assert_in_range(counted(0).packets, 1600 - 222, 1600 + 222);
}

static void a_port_for_copies_takes_part_in_nothing_else(void **state)
{
	struct memory_frame f = udp(1, MONITOR, 53, 20);
	struct memory_frame all = f;
	struct memory_frame sent = udp(MONITOR, 1, 53, 20);

	(void)state;
	memset(all.bytes, 0xff, 6);
	ports_and_monitor(2);
	pass(1, &f);
	pass(1, &all);
	pass(MONITOR, &sent);
	assert_int_equal(got(MONITOR), 0);
	assert_int_equal(got(1), 0);
	assert_int_equal(got(2), 1);
	assert_int_equal(drops_in(1, REASON_MIRROR_PORT), 1);
	assert_int_equal(drops_in(MONITOR, REASON_MIRROR_PORT), 1);
}

static void an_open_port_gets_copies_beside_its_own(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct memory_frame own = udp(1, MONITOR, 53, 20);

	(void)state;
	bench_ports(2);
	(void)bench_port(MONITOR);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass(1, &f);
	assert_came(MONITOR, 1, &f);
	pass(1, &own);
	assert_int_equal(got(MONITOR), 2);
}

static void copies_for_a_closed_port_are_lost(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(2);
	(void)bench_port(MONITOR);
	bench.ports[MONITOR].conf.is_open = false;
	bench_publish(MONITOR);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	pass_twice(1, &f);
	assert_came(2, 2, &f);
	assert_int_equal(counted(0).lost, 2);
}

static void copies_are_not_copied(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct mirror_session *s;

	(void)state;
	bench_ports(3);
	(void)bench_port(MONITOR);
	s = mirror(2);
	mirror_add(s[0].in, 1);
	mirror_add(s[1].out, MONITOR); /* what goes out where the first one's copies go */
	s[1].to[0] = 3;
	mirror_on();
	pass_twice(1, &f);
	assert_came(MONITOR, 2, &f);
	assert_int_equal(got(3), 0);
}

static void a_session_goes_on_with_its_counts(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct mirror_session *s;

	(void)state;
	ports_and_monitor(2);
	s = mirror(2);
	mirror_add(s[0].in, 1);
	mirror_on();
	pass_twice(1, &f);
	s = mirror(1);
	s[0].snap = 64;
	mirror_add(s[0].in, 1);
	mirror_on();
	pass(1, &f);
	assert_int_equal(counted(0).packets, 3);
	path_switch_mirrors(bench.sw, NULL);
	assert_came(2, 3, &f);
	(void)got(MONITOR);
	pass(1, &f);
	assert_int_equal(got(MONITOR), 0);
	assert_int_equal(got(2), 1);
}

/* A flood goes out as one packet that several ports send; the copy is one of them. */
static void floods_are_copied(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1400);
	struct mirror_session *s;

	(void)state;
	memset(f.bytes, 0xff, 6);
	ports_and_monitor(4);
	s = mirror(2);
	mirror_add(s[0].in, 1);
	mirror_add(s[1].out, 3);
	mirror_add(s[1].out, 4);
	mirror_on();
	pass_twice(1, &f);
	for (uint32_t id = 2; id <= 4; id++)
		assert_came(id, 2, &f);
	assert_came(MONITOR, 6, &f);
}

/* The exit has changed behind the back of the burst, so the packet is looked up again: a copy is lost. */
static void who_waits_to_be_sent_again_can_be_let_go(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct packet *p;

	(void)state;
	ports_and_monitor(2);
	mirror_add(mirror(1)->in, 1);
	mirror_on();
	p = packet_new(bench.w->pool);
	memcpy(p->x.data, f.bytes, f.len);
	p->x.len = p->x.linear = f.len;
	packet_hold(p, 1);
	counter_add(&bench.w->w.shard->ports[1].copied, 1);
	bench.w->mirror->items[bench.w->copy_count++] = (struct mirror_item){
		.packet = p, .session = &table->sessions[0], .port = MONITOR
	};
	mirror_let_go(bench.w, p);
	assert_int_equal(p->holds, 0);
	assert_int_equal(counted(0).lost, 1);
	mirror_flush(bench.w);
	assert_int_equal(got(MONITOR), 0);
	packet_free(p);
}

/* Nobody else sends in that turn, so nothing but its end makes the copies go. */
static void what_waited_for_a_limit_is_copied_as_it_goes(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 100);
	struct port_conf *conf;

	(void)state;
	ports_and_monitor(2);
	mirror_add(mirror(1)->out, 2);
	mirror_on();
	conf = &bench.ports[2].conf;
	conf->queue_ns = 100 * NS_PER_MS;
	conf->rate_kinds |= 1u << RATE_TO;
	conf->rates[RATE_TO] = (struct rate){ .per_second = { 0, 1000 },
					      .depth_ns = { 10 * NS_PER_MS, 10 * NS_PER_MS } };
	bench_publish(2);
	for (uint32_t i = 0; i < 20; i++)
		pass(1, &f);
	bench_turns(3);
	(void)got(2);
	(void)got(MONITOR);
	assert_true(path_held(bench.path) > 0);
	for (uint32_t ms = 0; ms < 30; ms++) {
		uint32_t sent;

		bench_later_ms(1);
		sent = got(2);
		assert_int_equal(got(MONITOR), sent);
		assert_int_equal(bench.w->copy_count, 0);
	}
	assert_int_equal(path_held(bench.path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(what_a_port_sends_is_copied),
		BENCH_TEST(what_a_port_gets_is_copied),
		BENCH_TEST(between_two_sources_a_packet_is_copied_once),
		BENCH_TEST(a_full_batch_is_copied_in_order),
		BENCH_TEST(many_sessions_and_destinations_get_all),
		BENCH_TEST(a_full_destination_loses_copies_alone),
		BENCH_TEST(a_copy_too_long_for_its_destination_is_lost),
		BENCH_TEST(what_a_filter_drops_is_copied_all_the_same),
		BENCH_TEST(a_copy_is_what_was_on_its_port),
		BENCH_TEST(what_is_held_back_was_copied_when_it_came),
		BENCH_TEST(tags_are_those_of_the_source_port),
		BENCH_TEST(only_vlans_of_the_session_are_copied),
		BENCH_TEST(a_copy_is_cut_and_says_so),
		BENCH_TEST(a_copy_is_segmented_where_its_destination_cannot),
		BENCH_TEST(segments_are_cut),
		BENCH_TEST(one_packet_in_so_many_is_copied),
		BENCH_TEST(a_port_for_copies_takes_part_in_nothing_else),
		BENCH_TEST(an_open_port_gets_copies_beside_its_own),
		BENCH_TEST(copies_for_a_closed_port_are_lost),
		BENCH_TEST(copies_are_not_copied),
		BENCH_TEST(a_session_goes_on_with_its_counts),
		BENCH_TEST(floods_are_copied),
		BENCH_TEST(who_waits_to_be_sent_again_can_be_let_go),
		BENCH_TEST(what_waited_for_a_limit_is_copied_as_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
