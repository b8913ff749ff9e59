/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of ports as destinations, back to the entry port, and what a controller sends out. */
#include "bench.h"

#define XVS_USE_DRAFT
#include "xvs/ext/destset.h"
#include "xvs/ext/mailbox.h"

enum { FORWARDS = XVS_RIGHT_ORIGINATE | XVS_RIGHT_IMPERSONATE };

static const struct xvs_destset_host *sets;
static uint32_t chosen; /* what the forwarder says */

static void choose(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		   struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->dest = chosen;
	v->tags = 1;
}

static struct probe *forwarder(uint32_t ports, uint32_t rights)
{
	struct probe *p;

	bench_ports(ports);
	p = probe_new(XVS_FORWARD, rights, JUDGES);
	p->on_judge = choose;
	for (uint32_t id = 1; id <= ports; id++) {
		bench_chain(id, p);
		bench_publish(id);
	}
	sets = p->host->query(p->host, XVS_DESTSET);
	assert_non_null(sets);
	return p;
}

/* How many have come out of it so far. */
static uint32_t all(uint32_t port)
{
	return bench.ports[port].memory->out_count;
}

static uint32_t set_of(struct probe *p, const uint32_t *ports, uint32_t count)
{
	int number = sets->create(p->host);

	assert_true(number > 0);
	assert_int_equal(sets->replace(p->host, (uint32_t)number, ports, count), 0);
	return (uint32_t)number;
}

static void goes_to_each_member_but_where_it_came_from(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(5, FORWARDS);

	(void)state;
	chosen = XVS_DEST_SET | set_of(p, (const uint32_t[]){ 1, 3, 4, 4 }, 4);
	pass(1, &f);
	assert_int_equal(all(1), 0);
	assert_int_equal(all(2), 0);
	assert_int_equal(all(3), 1);
	assert_int_equal(all(4), 1);
	assert_int_equal(p->judged, 1);
	pass(1, &f);
	assert_int_equal(all(3), 2);
	assert_int_equal(all(4), 2);
	assert_int_equal(p->judged, 1);
}

/* "Changing a set judges the flows that use it anew; no verdict needs to be invalidated" */
static void a_change_reaches_flows_that_are_cached(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(5, FORWARDS);
	uint32_t number = set_of(p, (const uint32_t[]){ 3, 4 }, 2);
	struct memory_frame other = udp(2, 1, 53, 20);

	(void)state;
	chosen = 5;
	pass(2, &other);
	chosen = XVS_DEST_SET | number;
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(sets->replace(p->host, number, (const uint32_t[]){ 2 }, 1), 0);
	pass(1, &f);
	assert_int_equal(all(2), 1);
	assert_int_equal(all(3), 2);
	assert_int_equal(all(4), 2);
	/* the forwarder's verdict is kept, and other flows are as they were */
	assert_int_equal(p->judged, 2);
	pass(2, &other);
	assert_int_equal(all(5), 2);
	assert_int_equal(p->judged, 2);
	/* one set tells nobody of another */
	(void)set_of(p, (const uint32_t[]){ 5 }, 1);
	pass(1, &f);
	assert_int_equal(all(2), 2);
	assert_int_equal(sets->replace(p->host, number, NULL, 0), 0);
	pass(1, &f);
	assert_int_equal(all(2), 2);
	assert_int_equal(drops_in(1, REASON_NO_DESTINATION), 1);
}

static void a_large_set_is_looked_up_at_each_exit(void **state)
{
	uint32_t members[20];
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(22, FORWARDS);

	(void)state;
	for (uint32_t n = 0; n < 20; n++)
		members[n] = n + 2;
	chosen = XVS_DEST_SET | set_of(p, members, 20);
	pass(1, &f);
	for (uint32_t id = 2; id < 22; id++)
		assert_int_equal(all(id), 1);
	assert_int_equal(all(22), 0);
	assert_int_equal(sets->replace(p->host, chosen & ~XVS_DEST_SET, members, 1), 0);
	pass(1, &f);
	assert_int_equal(all(2), 2);
	assert_int_equal(all(3), 1);
}

static void a_set_keeps_the_switches_own_rules(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(5, FORWARDS);

	(void)state;
	bench.ports[1].conf.role = ROLE_UPLINK;
	bench.ports[3].conf.role = ROLE_UPLINK;
	bench_publish(1);
	bench_publish(3);
	bench_segment(4, 7);
	chosen = XVS_DEST_SET | set_of(p, (const uint32_t[]){ 2, 3, 4 }, 3);
	pass(1, &f);
	assert_int_equal(all(2), 1);
	assert_int_equal(all(3), 0); /* from an uplink to no uplink */
	assert_int_equal(all(4), 0); /* not its segment */
}

/* As it does when the port is named alone. */
static void a_member_whose_machine_has_left_gets_it_there(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(4, FORWARDS);
	struct port_conf *away = &bench.ports[3].conf;

	(void)state;
	away->is_open = false;
	away->relay = &bench.ports[3].memory->base;
	bench_publish(3);
	chosen = XVS_DEST_SET | set_of(p, (const uint32_t[]){ 2, 3 }, 2);
	pass(1, &f);
	assert_int_equal(all(2), 1);
	assert_int_equal(all(3), 1);
	chosen = 3;
	bench_publish(1); /* so it is asked again */
	pass(1, &f);
	assert_int_equal(all(3), 2);
}

static void a_port_that_goes_leaves_every_set(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(4, FORWARDS);
	uint32_t number = set_of(p, (const uint32_t[]){ 2, 3 }, 2);

	(void)state;
	chosen = XVS_DEST_SET | number;
	pass(1, &f);
	bench_remove(3);
	pass(1, &f);
	assert_int_equal(all(2), 2);
	/* another one with its number is no member */
	(void)bench_port(3);
	bench_chain(3, p);
	bench_publish(3);
	pass(1, &f);
	assert_int_equal(all(2), 3);
	assert_int_equal(all(3), 0);
}

static void refuses_what_is_not_there(void **state)
{
	struct probe *p = forwarder(3, FORWARDS);
	struct probe *filter = probe_new(XVS_FILTER, FORWARDS, JUDGES);
	uint32_t number = set_of(p, (const uint32_t[]){ 2 }, 1);
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	assert_int_equal(sets->replace(p->host, number, (const uint32_t[]){ 3, 9 }, 2), -ENOENT);
	assert_int_equal(sets->replace(p->host, number + 1, (const uint32_t[]){ 3 }, 1), -ENOENT);
	assert_int_equal(sets->replace(p->host, 0, (const uint32_t[]){ 3 }, 1), -ENOENT);
	assert_int_equal(sets->replace(p->host, UINT32_MAX, (const uint32_t[]){ 3 }, 1), -ENOENT);
	assert_int_equal(sets->create(filter->host), -EPERM);
	assert_int_equal(sets->replace(filter->host, number, NULL, 0), -EPERM);
	sets->destroy(filter->host, number);
	sets->destroy(p->host, number + 1);
	/* nothing changed */
	chosen = XVS_DEST_SET | number;
	pass(1, &f);
	assert_int_equal(all(2), 1);
	chosen = XVS_DEST_SET | 0xffffff;
	p->flow_host->invalidate(p->host, 1);
	pass(1, &f);
	assert_int_equal(drops_in(1, REASON_NO_DESTINATION), 1);
}

static void a_destroyed_set_is_nobody(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(3, FORWARDS);
	uint32_t number = set_of(p, (const uint32_t[]){ 2 }, 1);

	(void)state;
	chosen = XVS_DEST_SET | number;
	pass(1, &f);
	sets->destroy(p->host, number);
	pass(1, &f);
	assert_int_equal(all(2), 1);
	assert_int_equal(sets->replace(p->host, number, (const uint32_t[]){ 2 }, 1), -ENOENT);
	/* "The number is used again only after no verdict names it." */
	assert_int_not_equal(sets->create(p->host), (int)number);
}

static void numbers_come_back_in_the_end(void **state)
{
	enum { TURNS = 200000, MOST = 65535 };
	struct probe *p = forwarder(2, FORWARDS);
	uint32_t highest = 0;
	int code = 0;

	(void)state;
	for (unsigned n = 0; n < TURNS; n++) {
		int number = sets->create(p->host);

		assert_true(number > 0);
		if ((uint32_t)number > highest)
			highest = (uint32_t)number;
		sets->destroy(p->host, (uint32_t)number);
		if (n % 256 == 0)
			bench_turn();
	}
	assert_true(highest < MOST / 2);
	for (unsigned n = 0; code >= 0 && n <= MOST; n++)
		code = sets->create(p->host);
	assert_int_equal(code, -ENOSPC);
}

/* ---- back where it came from ------------------------------------------------------------------------ */

static void goes_back_only_if_just_that_is_said(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p = forwarder(3, FORWARDS);

	(void)state;
	chosen = 1;
	pass(1, &f);
	assert_int_equal(all(1), 0);
	assert_int_equal(drops_in(1, REASON_SAME_PORT), 1);
	chosen = XVS_DEST_IN_PORT;
	p->flow_host->invalidate(p->host, 1);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(all(1), 2);
	assert_int_equal(p->judged, 2);
}

static void an_uplink_may_get_its_own_back(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	(void)forwarder(3, FORWARDS);
	bench.ports[1].conf.role = ROLE_UPLINK;
	bench_publish(1);
	chosen = XVS_DEST_IN_PORT;
	pass(1, &f);
	assert_int_equal(all(1), 1);
}

/* ---- a controller's packets ------------------------------------------------------------------------- */

struct order {
	struct probe *probe;
	uint32_t port_in, dest;
	int result;
	bool is_done;
};

static void send_out(void *arg, void *worker_state, uint64_t now_ns)
{
	struct order *o = arg;
	struct memory_frame f = udp(1, 2, 53, 20);
	struct xvs_packet *x = o->probe->host->alloc(o->probe->host, f.len);

	(void)worker_state;
	(void)now_ns;
	assert_non_null(x);
	memcpy(x->data, f.bytes, f.len);
	x->port_in = o->port_in;
	x->flags |= XVS_PKT_DIRTY;
	o->result = o->probe->host->deliver(o->probe->host, x, o->dest);
}

static void was_sent(void *arg, bool ran)
{
	struct order *o = arg;

	assert_true(ran);
	o->is_done = true;
}

/* By a call from the control thread, with no batch in hand. */
static int send_to(struct probe *p, uint32_t port_in, uint32_t dest)
{
	const struct xvs_mailbox_host *mail = p->host->query(p->host, XVS_MAILBOX);
	struct order o = { .probe = p, .port_in = port_in, .dest = dest };

	/* NOLINTNEXTLINE(bugprone-easily-swappable-parameters): as the interface has it */
	assert_int_equal(mail->call(p->host, 0, send_out, was_sent, &o), 0);
	bench_wait(&o.is_done);
	bench_turns(2);
	return o.result;
}

static void back_from_nowhere_is_nowhere(void **state)
{
	struct probe *p = forwarder(2, FORWARDS);

	(void)state;
	assert_int_equal(send_to(p, XVS_PORT_NONE, XVS_DEST_IN_PORT), 0);
	assert_int_equal(all(1), 0);
	assert_int_equal(drops_in(0, REASON_NO_PORT), 1);
}

static void a_packet_of_its_own_enters_where_it_says(void **state)
{
	struct probe *p = forwarder(4, FORWARDS);

	(void)state;
	assert_int_equal(send_to(p, 1, XVS_DEST_FLOOD), 0);
	assert_int_equal(all(1), 0);
	assert_int_equal(all(3), 1);
	assert_int_equal(all(4), 1);
	assert_int_equal(send_to(p, 1, XVS_DEST_IN_PORT), 0);
	assert_int_equal(all(1), 1);
	assert_int_equal(send_to(p, 1, 1), 0);
	assert_int_equal(all(1), 1);
	assert_int_equal(drops_in(1, REASON_SAME_PORT), 1);
	assert_int_equal(send_to(p, XVS_PORT_NONE, 1), 0);
	assert_int_equal(all(1), 2);
	assert_int_equal(send_to(p, 1, XVS_DEST_SET | set_of(p, (const uint32_t[]){ 1, 2 }, 2)), 0);
	assert_int_equal(all(1), 2);
	assert_int_equal(all(2), 2);
	assert_int_equal(p->judged, 0); /* its own rules are its own business */
}

static void it_enters_in_the_segment_of_that_port(void **state)
{
	struct probe *p = forwarder(3, FORWARDS);

	(void)state;
	bench_segment(1, 7);
	bench_segment(3, 7);
	assert_int_equal(send_to(p, 1, XVS_DEST_FLOOD), 0);
	assert_int_equal(all(2), 0);
	assert_int_equal(all(3), 1);
}

static void saying_so_needs_the_right(void **state)
{
	struct probe *p = forwarder(3, XVS_RIGHT_ORIGINATE);

	(void)state;
	assert_int_equal(send_to(p, 1, XVS_DEST_FLOOD), -EPERM);
	assert_int_equal(all(3), 0);
	assert_int_equal(drops_in(0, REASON_RIGHTS), 1);
	assert_int_equal(send_to(p, XVS_PORT_NONE, 3), 0);
	assert_int_equal(all(3), 1);
}

static void a_port_that_is_not_there_is_no_entry(void **state)
{
	struct probe *p = forwarder(3, FORWARDS);

	(void)state;
	assert_int_equal(send_to(p, 9, XVS_DEST_FLOOD), -ENOENT);
	assert_int_equal(send_to(p, UINT32_MAX, XVS_DEST_FLOOD), -ENOENT);
	assert_int_equal(drops_in(0, REASON_NO_PORT), 2);
	assert_int_equal(all(3), 0);
}

#define PATH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PATH(goes_to_each_member_but_where_it_came_from),
		PATH(a_change_reaches_flows_that_are_cached),
		PATH(a_large_set_is_looked_up_at_each_exit),
		PATH(a_set_keeps_the_switches_own_rules),
		PATH(a_member_whose_machine_has_left_gets_it_there),
		PATH(a_port_that_goes_leaves_every_set),
		PATH(refuses_what_is_not_there),
		PATH(a_destroyed_set_is_nobody),
		PATH(numbers_come_back_in_the_end),
		PATH(goes_back_only_if_just_that_is_said),
		PATH(an_uplink_may_get_its_own_back),
		PATH(back_from_nowhere_is_nowhere),
		PATH(a_packet_of_its_own_enters_where_it_says),
		PATH(it_enters_in_the_segment_of_that_port),
		PATH(saying_so_needs_the_right),
		PATH(a_port_that_is_not_there_is_no_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
