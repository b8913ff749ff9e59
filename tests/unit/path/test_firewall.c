/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of guarded ports, as firewalls authorise them. */
#include "bench.h"

enum { GUARDED = 1, OTHER = 2 };

static uint16_t action;
static struct probe *wall;

static void authorise(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)p;
	/* the guest may open what it likes */
	if (!c->inbound)
		return;
	v->action = action;
	v->reason = 2;
}

static struct probe *firewall(unsigned kind)
{
	struct probe *p = probe_new(XVS_FIREWALL, 0, AUTHORISES | kind);
	struct xvs_error err = ERROR_INIT;

	p->on_authorise = authorise;
	if (conn_port_open(path_conns(bench.path), GUARDED, 0, 0, &err))
		fail_msg("%s", err.text);
	return p;
}

static void setup(unsigned kind)
{
	action = XVS_CONN_ALLOW;
	bench_ports(3);
	wall = firewall(kind);
	bench_chain(GUARDED, wall);
}

static void unguard(void)
{
	conn_port_close(path_conns(bench.path), GUARDED);
}

static struct memory_frame in_syn(uint16_t port)
{
	return tcp(OTHER, port, GUARDED, 80,
		   (struct frame_tcp){ .flags = F_SYN, .seq = 100, .window = 1000 });
}

static struct memory_frame out_syn_ack(uint16_t port)
{
	return tcp(GUARDED, 80, OTHER, port,
		   (struct frame_tcp){
			   .flags = F_SYN | F_ACK, .seq = 500, .ack = 101, .window = 1000 });
}

static struct memory_frame in_data(uint16_t port, uint32_t seq, uint16_t len)
{
	return tcp(OTHER, port, GUARDED, 80,
		   (struct frame_tcp){
			   .flags = F_ACK, .seq = seq, .ack = 501, .window = 1000, .data = len });
}

static void open_tcp(uint16_t port)
{
	struct memory_frame syn = in_syn(port), syn_ack = out_syn_ack(port);
	struct memory_frame ack = in_data(port, 101, 0);

	pass(OTHER, &syn);
	pass(GUARDED, &syn_ack);
	pass(OTHER, &ack);
}

static void a_connection_is_authorised_once_and_replies_need_no_question(void **state)
{
	(void)state;
	setup(0);
	open_tcp(4000);
	for (uint32_t i = 0; i < 5; i++) {
		struct memory_frame f = in_data(4000, 101 + i * 10, 10);

		pass(OTHER, &f);
	}
	assert_int_equal(got(GUARDED), 7);
	assert_int_equal(got(OTHER), 1);
	assert_int_equal(wall->authorised, 1);
	unguard();
}

static void what_is_denied_is_dropped_under_the_firewalls_reason(void **state)
{
	struct memory_frame f = in_syn(4000);

	(void)state;
	setup(0);
	action = XVS_CONN_DENY;
	for (int i = 0; i < 5; i++)
		pass(OTHER, &f);
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(got(OTHER), 0);
	assert_int_equal(wall->authorised, 1);
	assert_int_equal(drops_at(GUARDED, XVS_STAGE_EGRESS, 1, 2), 5);
	unguard();
}

static void the_guest_gets_answers_though_it_may_not_be_called(void **state)
{
	struct memory_frame ask = { .len = 0 }, answer = { .len = 0 }, call = { .len = 0 };

	(void)state;
	setup(0);
	action = XVS_CONN_DENY;
	ask.len = frame_udp(ask.bytes, at(GUARDED, 1000), at(OTHER, 53), 20);
	answer.len = frame_udp(answer.bytes, at(OTHER, 53), at(GUARDED, 1000), 20);
	call.len = frame_udp(call.bytes, at(OTHER, 54), at(GUARDED, 1000), 20);
	pass(OTHER, &answer);
	assert_int_equal(got(GUARDED), 0);
	pass(GUARDED, &ask);
	assert_int_equal(got(OTHER), 1);
	unguard();
	conn_flush(path_conns(bench.path), &(struct conn_filter){ .port = GUARDED });
	assert_int_equal(conn_port_open(path_conns(bench.path), GUARDED, 0, 0,
					&(struct xvs_error)ERROR_INIT),
			 0);
	wall->conn_host->invalidate(wall->host);
	pass(GUARDED, &ask);
	pass(OTHER, &answer);
	pass(OTHER, &answer);
	assert_int_equal(got(GUARDED), 2);
	pass(OTHER, &call);
	assert_int_equal(got(GUARDED), 0);
	unguard();
}

static void who_was_denied_may_answer_soon_once_asked(void **state)
{
	struct memory_frame ask = { .len = 0 }, answer = { .len = 0 };

	(void)state;
	setup(0);
	action = XVS_CONN_DENY;
	ask.len = frame_udp(ask.bytes, at(GUARDED, 1000), at(OTHER, 53), 20);
	answer.len = frame_udp(answer.bytes, at(OTHER, 53), at(GUARDED, 1000), 20);
	pass(OTHER, &answer);
	action = XVS_CONN_ALLOW;
	pass(GUARDED, &ask);
	assert_int_equal(got(GUARDED), 0);
	/* he never pauses: the verdict about him ends all the same */
	for (int i = 0; i < 12; i++) {
		bench_later_ms(100);
		pass(OTHER, &answer);
	}
	assert_int_not_equal(got(GUARDED), 0);
	unguard();
}

static void a_rejected_syn_is_answered_with_a_reset(void **state)
{
	struct memory_frame f = in_syn(4000);
	const struct memory_out *o;

	(void)state;
	setup(0);
	action = XVS_CONN_REJECT;
	pass(OTHER, &f);
	bench_turn();
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(got(OTHER), 1);
	o = last(OTHER);
	assert_int_equal(o->bytes[23], 6);
	assert_int_equal(o->bytes[47], F_RST | F_ACK);
	assert_int_equal(get_be32(o->bytes + 42), 101);
	assert_int_equal(get_be16(o->bytes + 36), 4000);
	unguard();
}

static void rejected_datagrams_are_answered_with_an_icmp_error(void **state)
{
	struct memory_frame f = { .len = 0 };
	const struct memory_out *o;

	(void)state;
	setup(0);
	action = XVS_CONN_REJECT;
	f.len = frame_udp(f.bytes, at(OTHER, 999), at(GUARDED, 53), 20);
	pass(OTHER, &f);
	bench_turn();
	assert_int_equal(got(OTHER), 1);
	o = last(OTHER);
	assert_int_equal(o->bytes[23], 1);
	assert_int_equal(o->bytes[34], 3);
	assert_int_equal(o->bytes[35], 13);
	assert_int_equal(o->bytes[29], GUARDED);
	unguard();
}

static void of_a_flood_of_rejects_a_hundred_a_second_are_answered(void **state)
{
	(void)state;
	setup(0);
	action = XVS_CONN_REJECT;
	for (uint16_t i = 0; i < 250; i++) {
		struct memory_frame f = in_syn((uint16_t)(5000 + i));

		pass(OTHER, &f);
	}
	bench_turn();
	assert_int_equal(got(OTHER), 100);
	unguard();
}

/* The guest itself is refused something: its answer passes its own firewalls. */
static void reject_all(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)p;
	(void)c;
	v->action = XVS_CONN_REJECT;
}

static void a_guest_that_is_refused_gets_its_reset(void **state)
{
	struct memory_frame f = tcp(GUARDED, 4000, OTHER, 80, (struct frame_tcp){ .flags = F_SYN });

	(void)state;
	setup(0);
	wall->on_authorise = reject_all;
	pass(GUARDED, &f);
	bench_turn();
	assert_int_equal(got(OTHER), 0);
	assert_int_equal(got(GUARDED), 1);
	assert_int_equal(last(GUARDED)->bytes[47], F_RST | F_ACK);
	unguard();
}

static void invalidate_authorises_live_connections_anew(void **state)
{
	struct memory_frame f = in_data(4000, 101, 10);

	(void)state;
	setup(0);
	open_tcp(4000);
	(void)got(GUARDED);
	wall->conn_host->invalidate(wall->host);
	pass(OTHER, &f);
	pass(OTHER, &f);
	assert_int_equal(got(GUARDED), 2);
	assert_int_equal(wall->authorised, 2);
	action = XVS_CONN_DENY;
	wall->conn_host->invalidate(wall->host);
	for (int i = 0; i < 8; i++)
		send_frame(OTHER, &f);
	bench_turn();
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(wall->authorised, 3);
	action = XVS_CONN_ALLOW;
	wall->conn_host->invalidate(wall->host);
	open_tcp(4000);
	assert_int_equal(got(GUARDED), 2);
	unguard();
}

/* A whole burst meets a connection that is to be asked about: one question. */
static void a_burst_that_finds_its_verdict_stale_asks_once(void **state)
{
	struct memory_frame f = in_data(4000, 101, 10);

	(void)state;
	setup(0);
	open_tcp(4000);
	(void)got(GUARDED);
	wall->conn_host->invalidate(wall->host);
	for (int i = 0; i < 60; i++)
		send_frame(OTHER, &f);
	bench_turn();
	assert_int_equal(got(GUARDED), 60);
	assert_int_equal(wall->authorised, 2);
	unguard();
}

static void a_flushed_connection_is_met_anew(void **state)
{
	struct memory_frame f = { .len = 0 };

	(void)state;
	setup(0);
	f.len = frame_udp(f.bytes, at(OTHER, 999), at(GUARDED, 53), 20);
	pass(OTHER, &f);
	pass(OTHER, &f);
	assert_int_equal(wall->authorised, 1);
	assert_int_equal(
		conn_flush(path_conns(bench.path), &(struct conn_filter){ .port = GUARDED }), 1);
	pass(OTHER, &f);
	pass(OTHER, &f);
	assert_int_equal(wall->authorised, 2);
	assert_int_equal(got(GUARDED), 4);
	unguard();
}

static void judge_drops(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
			struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->action = XVS_FLOW_DROP;
	v->reason = 6;
}

/*
 * The second firewall was not asked about the refused flow, as the connection was denied; when the
 * first changes its mind, its silence is no "pass".
 */
static void a_firewall_that_was_not_asked_yet_is_asked(void **state)
{
	struct memory_frame f = { .len = 0 };
	struct probe *second;
	uint64_t asked;

	(void)state;
	setup(0);
	second = probe_new(XVS_FIREWALL, 0, AUTHORISES | JUDGES);
	second->on_judge = judge_drops;
	bench_chain(GUARDED, second);
	action = XVS_CONN_DENY;
	f.len = frame_udp(f.bytes, at(OTHER, 999), at(GUARDED, 53), 20);
	for (int i = 0; i < 4; i++)
		pass(OTHER, &f);
	asked = second->judged; /* about all such flows, before the connection was; then no more */
	assert_true(asked <= 1);
	assert_int_equal(drops_at(GUARDED, XVS_STAGE_EGRESS, 1, 2), 4);
	action = XVS_CONN_ALLOW;
	wall->conn_host->invalidate(wall->host);
	pass(OTHER, &f);
	assert_int_equal(second->judged, asked + 1);
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(drops_at(GUARDED, XVS_STAGE_EGRESS, 2, 6), 1);
	unguard();
}

static uint64_t slot_seen[BENCH_PROBES];

static void keep_a_value(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)v;
	slot_seen[p->index] = *c->slot;
	*c->slot = 100 + p->index;
}

/* "eight bytes of yours": not those of the neighbour that was taken out of the chain. */
static void a_firewall_keeps_its_slot_when_another_leaves(void **state)
{
	struct port_conf *conf = &bench.ports[GUARDED].conf;
	struct memory_frame f = { .len = 0 };
	struct probe *second;

	(void)state;
	setup(0);
	second = firewall(0);
	wall->on_authorise = keep_a_value;
	second->on_authorise = keep_a_value;
	bench_chain(GUARDED, second);
	f.len = frame_udp(f.bytes, at(OTHER, 999), at(GUARDED, 53), 20);
	pass(OTHER, &f);
	assert_int_equal(slot_seen[0] + slot_seen[1], 0);
	conf->ingress.places[0] = conf->ingress.places[1];
	conf->ingress.count = 1;
	conf->egress.count = 1; /* mirrored, so that the second is the first there */
	bench_publish(GUARDED);
	conn_port_reauthorise(path_conns(bench.path), GUARDED);
	pass(OTHER, &f);
	assert_int_equal(slot_seen[0], 0);
	assert_int_equal(slot_seen[1], 101);
	assert_int_equal(got(GUARDED), 2);
	unguard();
}

/* ---- look inside --------------------------------------------------------------------------------- */

static void an_error_about_a_connection_passes_and_others_do_not(void **state)
{
	struct memory_frame ask = { .len = 0 }, err = { .len = 0 }, alien = { .len = 0 };
	uint8_t other[FRAME_BYTES];

	(void)state;
	setup(0);
	action = XVS_CONN_DENY;
	ask.len = frame_udp(ask.bytes, at(GUARDED, 1000), at(OTHER, 53), 20);
	pass(GUARDED, &ask);
	err.len = frame_error(err.bytes, at(OTHER, 0), at(GUARDED, 0), 3, 3, ask.bytes);
	(void)frame_udp(other, at(GUARDED, 7), at(OTHER, 53), 20);
	alien.len = frame_error(alien.bytes, at(OTHER, 0), at(GUARDED, 0), 3, 3, other);
	for (int i = 0; i < 3; i++) {
		pass(OTHER, &alien);
		pass(OTHER, &err);
	}
	assert_int_equal(got(GUARDED), 3);
	assert_int_equal(drops_at(GUARDED, XVS_STAGE_EGRESS, 0, REASON_CONN_UNRELATED), 3);
	unguard();
}

static void fragment(struct memory_frame *f, const uint8_t *whole, uint32_t offset, uint32_t len,
		     bool more)
{
	*f = (struct memory_frame){ .len = 0 };
	f->len = frame_fragment(f->bytes, whole, 77, offset, len, more);
}

static void later_fragments_wait_for_the_first_and_follow_it(void **state)
{
	struct memory_frame whole = { .len = 0 }, part[3];
	struct probe *behind;

	(void)state;
	setup(0);
	behind = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	bench_chain(GUARDED, behind);
	whole.len = frame_udp(whole.bytes, at(OTHER, 999), at(GUARDED, 53), 1400);
	for (uint32_t i = 0; i < 1400; i++)
		whole.bytes[42 + i] = (uint8_t)(i * 3);
	fragment(&part[0], whole.bytes, 0, 512, true);
	fragment(&part[1], whole.bytes, 512, 512, true);
	fragment(&part[2], whole.bytes, 1024, 384, false);
	pass(OTHER, &part[2]);
	pass(OTHER, &part[1]);
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(path_held(bench.path), 2);
	bench_assert_law();
	pass(OTHER, &part[0]);
	bench_turns(3);
	assert_int_equal(got(GUARDED), 3);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(wall->authorised, 1);
	assert_int_equal(behind->seen, 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct memory_out *o = &bench.ports[GUARDED].memory->out[i];
		uint32_t offset = (get_be16(o->bytes + 20) & 0x1fffu) * 8;

		assert_memory_equal(o->bytes + 34, whole.bytes + 34 + offset, o->len - 34);
	}
	unguard();
}

static void fragments_without_a_first_end(void **state)
{
	struct memory_frame whole = { .len = 0 }, part;

	(void)state;
	setup(0);
	whole.len = frame_udp(whole.bytes, at(OTHER, 999), at(GUARDED, 53), 1400);
	fragment(&part, whole.bytes, 512, 512, true);
	pass(OTHER, &part);
	assert_int_equal(path_held(bench.path), 1);
	for (int i = 0; i < 20; i++)
		bench_later_ms(50);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(got(GUARDED), 0);
	bench_assert_law();
	unguard();
}

static void a_denied_datagram_takes_its_fragments_with_it(void **state)
{
	struct memory_frame whole = { .len = 0 }, part[2];

	(void)state;
	setup(0);
	action = XVS_CONN_DENY;
	whole.len = frame_udp(whole.bytes, at(OTHER, 999), at(GUARDED, 53), 1000);
	fragment(&part[0], whole.bytes, 0, 512, true);
	fragment(&part[1], whole.bytes, 512, 496, false);
	pass(OTHER, &part[1]);
	pass(OTHER, &part[0]);
	bench_turns(3);
	assert_int_equal(got(GUARDED), 0);
	assert_int_equal(path_held(bench.path), 0);
	unguard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_connection_is_authorised_once_and_replies_need_no_question),
		BENCH_TEST(what_is_denied_is_dropped_under_the_firewalls_reason),
		BENCH_TEST(the_guest_gets_answers_though_it_may_not_be_called),
		BENCH_TEST(who_was_denied_may_answer_soon_once_asked),
		BENCH_TEST(a_rejected_syn_is_answered_with_a_reset),
		BENCH_TEST(rejected_datagrams_are_answered_with_an_icmp_error),
		BENCH_TEST(of_a_flood_of_rejects_a_hundred_a_second_are_answered),
		BENCH_TEST(a_guest_that_is_refused_gets_its_reset),
		BENCH_TEST(invalidate_authorises_live_connections_anew),
		BENCH_TEST(a_burst_that_finds_its_verdict_stale_asks_once),
		BENCH_TEST(a_flushed_connection_is_met_anew),
		BENCH_TEST(a_firewall_that_was_not_asked_yet_is_asked),
		BENCH_TEST(a_firewall_keeps_its_slot_when_another_leaves),
		BENCH_TEST(an_error_about_a_connection_passes_and_others_do_not),
		BENCH_TEST(later_fragments_wait_for_the_first_and_follow_it),
		BENCH_TEST(fragments_without_a_first_end),
		BENCH_TEST(a_denied_datagram_takes_its_fragments_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
