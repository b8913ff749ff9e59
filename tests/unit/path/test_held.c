/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that an extension owns: stolen, cloned, allocated; and how they go on. */
#include <pthread.h>

#include "bench.h"

enum { ALL = XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE | XVS_RIGHT_QUEUE | XVS_RIGHT_PAYLOAD };

static uint32_t steal_stage;

static void steal(struct probe *p, struct xvs_batch *b)
{
	if (b->stage != steal_stage)
		return;
	for (XVS_EACH(i, b->live)) {
		if (p->held_count < 64 && xvs_steal(b, i))
			p->held[p->held_count++] = b->pkts[i];
	}
}

/* Runs fn as the worker, outside of any batch, as a timer would. */
static void as_worker(void (*fn)(struct probe *p), struct probe *p)
{
	worker_self = &bench.w->w;
	fn(p);
	worker_self = NULL;
}

static int result;

static void resume_all(struct probe *p)
{
	while (p->held_count > 0)
		result = p->host->resume(p->host, p->held[--p->held_count]);
}

static void release_all(struct probe *p)
{
	while (p->held_count > 0)
		p->host->release(p->host, p->held[--p->held_count], 4);
}

static struct probe *thief(uint32_t rights)
{
	struct probe *a = probe_new(XVS_FILTER, rights, SEES_PACKETS);

	steal_stage = XVS_STAGE_INGRESS;
	a->on_packets = steal;
	return a;
}

/* The adapter has reused its memory long before. */
static void a_stolen_packet_outlives_its_batch_whole(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1400);
	struct probe *a, *c;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	c = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	bench_chain(1, a);
	bench_chain(1, c);
	pass(1, &f);
	assert_int_equal(a->held_count, 1);
	assert_int_equal(c->seen, 0);
	assert_int_equal(path_held(bench.path), 1);
	bench_assert_law();
	bench_turns(3);
	as_worker(resume_all, a);
	assert_int_equal(result, 0);
	bench_turn();
	assert_int_equal(got(2), 1);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
	/* it goes on behind who stole it */
	assert_int_equal(a->seen, 1);
	assert_int_equal(c->seen, 1);
	assert_int_equal(path_held(bench.path), 0);
}

static void on_egress_it_goes_on_at_the_same_exit(void **state)
{
	struct memory_frame f = udp(1, 9, 53, 900);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = thief(ALL);
	steal_stage = XVS_STAGE_EGRESS;
	bench_chain(2, a);
	memset(f.bytes, 0xff, 6);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
	as_worker(resume_all, a);
	bench_turn();
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 0);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
}

static void steal_without_asking(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	b->stolen = b->live;
	b->live = 0;
}

static void without_the_right_nothing_is_stolen(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(0);
	bench_chain(1, a);
	pass(1, &f);
	assert_int_equal(a->held_count, 0);
	assert_int_equal(got(2), 1);
	a->on_packets = steal_without_asking;
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_STEAL), 1);
}

static void steal_and_forget(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		if (xvs_steal(b, i)) {
			p->held[0] = b->pkts[i];
			p->held_count++;
		}
	}
}

/* What is over the quota stays live, so nothing is lost. */
static void an_instance_holds_no_more_than_its_quota(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	a->on_packets = steal_and_forget;
	bench_chain(1, a);
	for (int i = 0; i < 1200; i++) {
		send_frame(1, &f);
		if (i % 64 == 63)
			bench_turn();
	}
	bench_turns(2);
	assert_int_equal(a->held_count, INSTANCE_HELD_MAX);
	assert_int_equal(instance_held(a->instance), INSTANCE_HELD_MAX);
	assert_int_equal(got(2), 1200 - INSTANCE_HELD_MAX);
	bench_assert_law();
}

/* "what is not given back within a second is set aside until destroy" */
static void what_an_instance_kept_is_dropped_after_its_end(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	bool done = false;
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	a->on_packets = steal_and_forget;
	bench_chain(1, a);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(path_held(bench.path), 2);
	bench.ports[1].conf.ingress.count = 0;
	bench.ports[1].conf.egress.count = 0;
	bench_publish(1);
	probe_delete(a);
	path_reclaim(bench.path, 1, note_done, &done);
	bench_wait(&done);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(drops_in(1, REASON_STALE), 2);
	assert_int_equal(atomic_load(&bench.ports[1].port->held), 0);
}

static void a_packet_is_given_back_once(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct xvs_packet *x;
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	bench_chain(1, a);
	pass(1, &f);
	x = a->held[0];
	as_worker(resume_all, a);
	a->held[a->held_count++] = x;
	as_worker(resume_all, a);
	assert_int_equal(result, -EPERM);
	bench_turn();
	assert_int_equal(got(2), 1);
}

static void from_another_thread_nothing_is_given_back(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	bench_chain(1, a);
	pass(1, &f);
	assert_int_equal(a->host->resume(a->host, a->held[0]), -EPERM);
	assert_int_equal(a->host->inject(a->host, a->held[0], 1), -EPERM);
	assert_int_equal(a->host->deliver(a->host, a->held[0], 1), -EPERM);
	a->host->release(a->host, a->held[0], 1);
	assert_int_equal(a->host->pull(a->host, a->held[0], 1), -EPERM);
	assert_null(a->host->clone(a->host, a->held[0]));
	assert_null(a->host->alloc(a->host, 60));
	assert_int_equal(path_held(bench.path), 1);
	as_worker(release_all, a);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, 1, 4), 1);
}

static void anothers_packet_is_not_given_back(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a, *c;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	c = probe_new(XVS_FILTER, ALL, SEES_PACKETS);
	bench_chain(1, a);
	bench_chain(1, c);
	pass(1, &f);
	c->held[0] = a->held[0];
	c->held_count = 1;
	as_worker(resume_all, c);
	assert_int_equal(result, -EPERM);
	as_worker(release_all, a);
}

static void a_held_packet_whose_port_has_gone_is_dropped(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	bench_chain(1, a);
	pass(1, &f);
	bench_remove(1);
	as_worker(resume_all, a);
	assert_int_equal(result, -ENOENT);
	assert_int_equal(drops_in(1, REASON_NO_PORT), 1);
}

/* Between, the chain has another extension in front: places count anew. */
static void in_another_chain_it_goes_on_behind_who_stole_it(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct port_conf *conf;
	struct probe *a, *c, *d;

	(void)state;
	bench_ports(2);
	conf = &bench.ports[1].conf;
	a = thief(ALL);
	c = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	d = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	bench_chain(1, a);
	bench_chain(1, c);
	pass(1, &f);
	conf->ingress.count = 3;
	conf->ingress.places[0].instance = d->instance;
	conf->ingress.places[1].instance = a->instance;
	conf->ingress.places[2].instance = c->instance;
	bench_publish(1);
	as_worker(resume_all, a);
	bench_turn();
	assert_int_equal(got(2), 1);
	assert_int_equal(d->seen, 0);
	assert_int_equal(c->seen, 1);

	pass(1, &f);
	conf->ingress.count = 2;
	conf->ingress.places[0].instance = d->instance;
	conf->ingress.places[1].instance = c->instance;
	d->seen = 0;
	bench_publish(1);
	as_worker(resume_all, a);
	bench_turn();
	assert_int_equal(d->seen, 1);
	assert_int_equal(c->seen, 2);
}

static void change_and_resume(struct probe *p)
{
	struct xvs_packet *x = p->held[--p->held_count];

	assert_int_equal(p->host->unshare(p->host, x), 0);
	x->data[5] = 3;
	x->flags |= XVS_PKT_DIRTY;
	result = p->host->resume(p->host, x);
}

static void a_packet_changed_meanwhile_is_parsed_again(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = thief(ALL);
	bench_chain(1, a);
	pass(1, &f);
	as_worker(change_and_resume, a);
	bench_turn();
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
}

/* ---- made by the extension -------------------------------------------------------------------------- */

static uint32_t where;
static bool by_deliver, with_tag;

static void originate(struct probe *p)
{
	struct memory_frame f = udp(9, 2, 53, 20);
	struct xvs_packet *x = p->host->alloc(p->host, f.len);

	assert_non_null(x);
	memcpy(x->data, f.bytes, f.len);
	if (with_tag) {
		x->flags |= XVS_PKT_VLAN;
		x->vlan_tci = 20;
	}
	result = by_deliver ? p->host->deliver(p->host, x, where)
			    : p->host->inject(p->host, x, where);
}

static struct probe *originator(uint32_t rights)
{
	struct probe *a = probe_new(XVS_INSPECT, rights, SEES_PACKETS);

	by_deliver = false;
	with_tag = false;
	where = XVS_PORT_NONE;
	return a;
}

static void an_injected_packet_enters_nowhere_behind_the_injector(void **state)
{
	struct probe *a, *c;
	struct port_conf none = { .is_open = true,
				  .ingress.count = 2,
				  .ingress.conn_place = CHAIN_MAX,
				  .egress.conn_place = CHAIN_MAX };

	(void)state;
	bench_ports(3);
	a = originator(ALL);
	c = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	none.ingress.places[0].instance = a->instance;
	none.ingress.places[1].instance = c->instance;
	path_switch_nowhere(bench.sw, conf_copy(&none));
	as_worker(originate, a);
	assert_int_equal(result, 0);
	bench_turn();
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 0);
	assert_int_equal(a->seen, 0);
	assert_int_equal(c->seen, 1);
	path_switch_nowhere(bench.sw,
			    conf_copy(&(struct port_conf){ .is_open = true,
							   .ingress.conn_place = CHAIN_MAX,
							   .egress.conn_place = CHAIN_MAX }));
}

static void without_the_right_nothing_is_injected(void **state)
{
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = originator(0);
	as_worker(originate, a);
	assert_int_equal(result, -EPERM);
	by_deliver = true;
	where = 2;
	as_worker(originate, a);
	assert_int_equal(result, -EPERM);
	bench_turn();
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(0, XVS_STAGE_INGRESS, 0, REASON_RIGHTS), 2);
}

static void at_a_port_that_sent_nothing_only_with_the_right(void **state)
{
	struct probe *a, *c;

	(void)state;
	bench_ports(3);
	a = originator(XVS_RIGHT_ORIGINATE);
	c = probe_new(XVS_INSPECT, XVS_RIGHT_ORIGINATE | XVS_RIGHT_IMPERSONATE, SEES_PACKETS);
	where = 3;
	as_worker(originate, a);
	assert_int_equal(result, -EPERM);
	as_worker(originate, c);
	assert_int_equal(result, 0);
	bench_turn();
	assert_int_equal(got(2), 1);
	where = 17;
	as_worker(originate, c);
	assert_int_equal(result, -ENOENT);
}

static void what_is_delivered_goes_through_the_egress_chain_of_its_port(void **state)
{
	struct probe *a, *c;

	(void)state;
	bench_ports(3);
	a = originator(ALL);
	c = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	bench_chain(3, c);
	by_deliver = true;
	where = 3;
	as_worker(originate, a);
	assert_int_equal(result, 0);
	bench_turn();
	assert_int_equal(got(3), 1);
	assert_int_equal(got(2), 0);
	assert_int_equal(c->seen, 1);
	where = XVS_DEST_FLOOD; /* any destination is for forwarders */
	as_worker(originate, a);
	assert_int_equal(result, -EPERM);
}

static void a_tag_of_the_makers_is_the_segment(void **state)
{
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = originator(ALL);
	bench_segment(3, 20);
	by_deliver = true;
	with_tag = true;
	where = 3;
	as_worker(originate, a);
	bench_turn();
	assert_int_equal(got(3), 1);
	where = 2; /* of segment 0 */
	as_worker(originate, a);
	bench_turn();
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(0, XVS_STAGE_FORWARD, 0, REASON_VLAN), 1);
}

static void inject_clone(struct probe *p)
{
	struct xvs_packet *c = p->host->clone(p->host, p->held[0]);

	assert_non_null(c);
	result = p->host->inject(p->host, c, c->port_in);
}

static void the_queue_of_the_next_burst_is_bounded(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	bench_chain(1, a);
	pass(1, &f);
	for (int i = 0; i < LATER_MAX; i++) {
		as_worker(inject_clone, a);
		assert_int_equal(result, 0);
	}
	as_worker(inject_clone, a);
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(drops_in(1, REASON_QUEUE_FULL), 1);
	bench_turn();
	assert_int_equal(got(2), LATER_MAX);
	as_worker(release_all, a);
}

/* ---- clones ------------------------------------------------------------------------------------------- */

static void clone_each(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		struct xvs_packet *c = p->host->clone(p->host, b->pkts[i]);

		assert_non_null(c);
		p->held[p->held_count++] = c;
	}
}

static void deliver_to_3(struct probe *p)
{
	result = p->host->deliver(p->host, p->held[--p->held_count], 3);
}

static void a_clone_lives_on_and_is_sent_elsewhere(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 1200);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = originator(ALL);
	a->on_packets = clone_each;
	bench_chain(1, a);
	/* the clones of 1's packets only */
	pass(1, &f);
	a->on_packets = NULL;
	assert_int_equal(got(2), 1);
	bench_turns(2);
	as_worker(deliver_to_3, a);
	bench_turn();
	assert_int_equal(got(3), 1);
	assert_memory_equal(last(3)->bytes, f.bytes, f.len);
}

static void a_clone_was_stolen_nowhere_and_cannot_be_resumed(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = originator(ALL);
	a->on_packets = clone_each;
	bench_chain(1, a);
	pass(1, &f);
	as_worker(resume_all, a);
	assert_int_equal(result, -ENOENT);
	bench_turn();
	assert_int_equal(got(2), 1);
}

static uint32_t forged;

/* What it is copied from is as before when anybody else looks. */
static void clone_forged(struct probe *p, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live)) {
		uint32_t entered = b->pkts[i]->port_in;
		struct xvs_packet *c;

		b->pkts[i]->port_in = forged;
		c = p->host->clone(p->host, b->pkts[i]);
		b->pkts[i]->port_in = entered;
		assert_non_null(c);
		p->held[p->held_count++] = c;
	}
}

static void inject_as_it_says(struct probe *p)
{
	struct xvs_packet *c = p->held[--p->held_count];

	result = p->host->inject(p->host, c, c->port_in);
}

static void refuses_forged(struct probe *a, uint32_t port)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	forged = port;
	pass(1, &f);
	as_worker(deliver_to_3, a);
	assert_int_equal(result, -EPERM);
	if (port == XVS_PORT_NONE)
		return;
	pass(1, &f);
	as_worker(inject_as_it_says, a);
	assert_int_equal(result, -EPERM);
}

static void a_clone_entered_where_its_original_did(void **state)
{
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = originator(XVS_RIGHT_ORIGINATE);
	a->on_packets = clone_forged;
	bench_chain(1, a);
	refuses_forged(a, 2);
	refuses_forged(a, XVS_PORT_NONE);
}

static void on_egress_too_where_several_ports_come_together(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = originator(XVS_RIGHT_ORIGINATE);
	a->on_packets = clone_forged;
	bench_chain(2, a);
	refuses_forged(a, 3);
	refuses_forged(a, XVS_PORT_NONE);
	forged = 1; /* the truth */
	pass(1, &f);
	as_worker(deliver_to_3, a);
	assert_int_equal(result, 0);
	bench_turn();
	assert_int_equal(got(3), 1);
}

/* ---- draining ------------------------------------------------------------------------------------------ */

static bool drained;
static uint32_t left_over;

static void on_drained(void *arg, uint32_t left)
{
	(void)arg;
	drained = true;
	left_over = left;
}

static void drain_gives_back_what_is_held(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(2);
	a = thief(ALL);
	a->on_drain = resume_all;
	bench_chain(1, a);
	for (int i = 0; i < 10; i++)
		pass(1, &f);
	assert_int_equal(path_held(bench.path), 10);
	drained = false;
	path_drain(bench.path, a->instance, NULL, on_drained, NULL);
	bench_turns(2);
	assert_true(drained);
	assert_int_equal(left_over, 0);
	assert_int_equal(got(2), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_stolen_packet_outlives_its_batch_whole),
		BENCH_TEST(on_egress_it_goes_on_at_the_same_exit),
		BENCH_TEST(without_the_right_nothing_is_stolen),
		BENCH_TEST(an_instance_holds_no_more_than_its_quota),
		BENCH_TEST(what_an_instance_kept_is_dropped_after_its_end),
		BENCH_TEST(a_packet_is_given_back_once),
		BENCH_TEST(from_another_thread_nothing_is_given_back),
		BENCH_TEST(anothers_packet_is_not_given_back),
		BENCH_TEST(a_held_packet_whose_port_has_gone_is_dropped),
		BENCH_TEST(in_another_chain_it_goes_on_behind_who_stole_it),
		BENCH_TEST(a_packet_changed_meanwhile_is_parsed_again),
		BENCH_TEST(an_injected_packet_enters_nowhere_behind_the_injector),
		BENCH_TEST(without_the_right_nothing_is_injected),
		BENCH_TEST(at_a_port_that_sent_nothing_only_with_the_right),
		BENCH_TEST(what_is_delivered_goes_through_the_egress_chain_of_its_port),
		BENCH_TEST(a_tag_of_the_makers_is_the_segment),
		BENCH_TEST(the_queue_of_the_next_burst_is_bounded),
		BENCH_TEST(a_clone_lives_on_and_is_sent_elsewhere),
		BENCH_TEST(a_clone_was_stolen_nowhere_and_cannot_be_resumed),
		BENCH_TEST(a_clone_entered_where_its_original_did),
		BENCH_TEST(on_egress_too_where_several_ports_come_together),
		BENCH_TEST(drain_gives_back_what_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
