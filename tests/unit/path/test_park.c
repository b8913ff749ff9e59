/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that wait for the verdict of an instance that answers later. */
#include "bench.h"

#include "path/walk.h"

enum { QUESTIONS = 2048 };

/* The other side: what was asked, in order, and how far it was answered. */
static struct {
	struct instance *instance[QUESTIONS];
	uint64_t ticket[QUESTIONS];
	struct xvs_flow_key key[QUESTIONS];
	uint32_t asked, answered, allowed;
	int refusal;
	uint16_t action;
	bool is_lost;
	struct xvs_flow_key examined;
} far;

static int ask(struct instance *i, const struct worker *w, const struct xvs_batch *b,
	       const struct xvs_flow_key *key, const struct xvs_flow_verdict *v, uint64_t ticket)
{
	assert_ptr_equal(w, &bench.w->w);
	assert_int_equal(b->live, 1);
	assert_int_equal(v->action, XVS_FLOW_PASS);
	if (far.refusal)
		return far.refusal;
	assert_true(far.asked < QUESTIONS);
	far.instance[far.asked] = i;
	far.ticket[far.asked] = ticket;
	far.key[far.asked++] = *key;
	return 0;
}

static bool take(struct instance *i, const struct worker *w, uint64_t *ticket,
		 struct xvs_flow_verdict *v, bool *is_lost)
{
	(void)w;
	if (far.answered >= far.allowed || far.answered >= far.asked ||
	    far.instance[far.answered] != i)
		return false;
	*ticket = far.ticket[far.answered++];
	*v = (struct xvs_flow_verdict){ .size = sizeof(*v),
					.action = far.action,
					.examined = far.examined };
	*is_lost = far.is_lost;
	return true;
}

static const struct instance_remote remote = { ask, take };

/* The answer to all that was asked by now. */
static void answer(uint16_t action)
{
	far.action = action;
	far.allowed = far.asked;
	bench_turn();
}

static struct probe *far_probe(uint16_t cls)
{
	struct probe *p = probe_new(cls, 0, JUDGES);

	p->instance->remote = &remote;
	return p;
}

/* Ports 1 to 3; what enters at 1 is judged elsewhere. */
static struct probe *open_far(void)
{
	struct probe *p;

	memset(&far, 0, sizeof(far));
	bench_ports(3);
	p = far_probe(XVS_FILTER);
	bench_chain(1, p);
	return p;
}

static void a_packet_waits_for_the_answer_and_its_flow_does_not_ask_again(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	pass(1, &f);
	bench_turns(3);
	assert_int_equal(far.asked, 1);
	assert_int_equal(got(2), 0);
	assert_int_equal(path_held(bench.path), 1);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
	assert_int_equal(path_held(bench.path), 0);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(far.asked, 1);
	assert_memory_equal(last(2)->bytes, f.bytes, f.len);
}

static void packets_of_the_flow_wait_behind_it_in_order(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	const struct memory_port *m;

	(void)state;
	(void)open_far();
	for (uint8_t n = 0; n < 10; n++) {
		f.bytes[50] = n;
		pass(1, &f);
	}
	assert_int_equal(far.asked, 1);
	assert_int_equal(got(2), 0);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 10);
	m = bench.ports[2].memory;
	for (uint8_t n = 0; n < 10; n++)
		assert_int_equal(m->out[n].bytes[50], n);
	assert_int_equal(far.asked, 1);
}

static void other_flows_do_not_wait(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct memory_frame other = udp(3, 2, 9, 100);

	(void)state;
	(void)open_far();
	pass(1, &f);
	pass(3, &other);
	assert_int_equal(got(2), 1);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
}

static void a_drop_holds_for_the_flow(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *p;

	(void)state;
	p = open_far();
	pass(1, &f);
	answer(XVS_FLOW_DROP);
	pass(1, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(far.asked, 1);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, p->instance->nr, 0), 2);
}

static void several_are_asked_one_after_the_other(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *near;
	struct probe *second;

	(void)state;
	(void)open_far();
	near = probe_new(XVS_FILTER, 0, JUDGES);
	bench_chain(1, near);
	second = far_probe(XVS_FILTER);
	bench_chain(1, second);
	bench_chain(2, second);
	pass(1, &f);
	pass(1, &f);
	for (uint32_t n = 1; n <= 3; n++) { /* the first, the second, the second at the exit */
		assert_int_equal(far.asked, n);
		assert_int_equal(got(2), 0);
		far.allowed = n;
		bench_turn();
	}
	assert_int_equal(got(2), 2);
	assert_ptr_equal(far.instance[2], second->instance);
	assert_int_equal(far.key[2].port, 2);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	assert_int_equal(far.asked, 3);
}

static void who_does_not_answer_in_time_fails_closed(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	pass(1, &f);
	pass(1, &f);
	bench_later_ms(9);
	assert_int_equal(path_held(bench.path), 2);
	bench_later_ms(1);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_EXTENSION_FAILED), 2);
	assert_int_equal(far.asked, 1);
	/* too late: nobody's */
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 0);
	bench_later_ms(110);
	pass(1, &f);
	assert_int_equal(far.asked, 2);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
}

static void or_fails_open_where_the_operator_says_so(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	open_far()->instance->fails_open = true;
	pass(1, &f);
	bench_later_ms(10);
	assert_int_equal(got(2), 1);
	far.refusal = -EPIPE; /* it does not run at all */
	bench_later_ms(110);
	pass(1, &f);
	assert_int_equal(got(2), 1);
	far.refusal = 0;
	bench_later_ms(110);
	pass(1, &f);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
	assert_int_equal(far.asked, 2);
}

static void what_ends_before_it_answers_has_failed(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	pass(1, &f);
	far.is_lost = true;
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(1, REASON_EXTENSION_FAILED), 1);
}

static void sixty_four_packets_of_a_flow_wait_and_no_more(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	for (int n = 0; n < 70; n++)
		pass(1, &f);
	assert_int_equal(path_held(bench.path), 64);
	assert_int_equal(drops_in(1, REASON_PARKED), 6);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 64);
}

static void where_no_more_questions_fit_packets_drop(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	far.refusal = -EAGAIN;
	pass(1, &f);
	assert_int_equal(drops_in(1, REASON_PARKED), 1);
	far.refusal = 0;
	pass(1, &f); /* that was not remembered */
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
}

static void a_thousand_packets_wait_for_an_instance_and_no_more(void **state)
{
	(void)state;
	(void)open_far();
	far.examined.l4_dst = UINT16_MAX;
	for (uint16_t n = 0; n < 1100; n++) {
		struct memory_frame f = udp(1, 2, n, 20);

		pass(1, &f);
		bench.now_ns -= 1000; /* no time passes */
	}
	assert_int_equal(path_held(bench.path), 1024);
	assert_int_equal(drops_in(1, REASON_PARKED), 76);
	answer(XVS_FLOW_PASS);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(bench.ports[2].memory->out_count, 1024);
}

static void an_answer_older_than_a_change_is_asked_for_again(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *p;

	(void)state;
	p = open_far();
	pass(1, &f);
	p->flow_host->invalidate(p->host, UINT64_MAX);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 0);
	assert_int_equal(far.asked, 2);
	bench_publish(1); /* nor does a new configuration of the port let it pass by */
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 0);
	assert_int_equal(far.asked, 3);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
}

static void what_waits_when_its_instance_leaves_goes_on_without_it(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *p;

	(void)state;
	p = open_far();
	pass(1, &f);
	pass(1, &f);
	bench.ports[1].conf.ingress.count = 0;
	bench.ports[1].conf.egress.count = 0;
	bench_publish(1);
	bench_forget(p);
	assert_int_equal(got(2), 2);
}

static void what_waits_when_its_port_leaves_is_dropped(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	pass(1, &f);
	pass(1, &f);
	bench_remove(1);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_at(1, XVS_STAGE_INGRESS, 0, REASON_SHUTDOWN), 2);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 0);
}

static void forged_tickets_are_nobodys(void **state)
{
	static const uint64_t forged[] = { 0, 1, UINT64_MAX, UINT64_C(1) << 32, 1024, 1023 };
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	(void)open_far();
	for (size_t n = 0; n < sizeof(forged) / sizeof(forged[0]); n++) {
		pass(1, &f);
		far.ticket[far.asked - 1] = forged[n];
		if (n + 1 == sizeof(forged) / sizeof(forged[0]))
			break;
		answer(XVS_FLOW_PASS);
		assert_int_equal(got(2), 0);
		bench_later_ms(10);
		bench_later_ms(110);
	}
	bench_later_ms(10);
}

static void an_answer_to_another_instance_is_nobodys(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *other;

	(void)state;
	(void)open_far();
	other = far_probe(XVS_FILTER);
	bench_chain(3, other);
	pass(1, &f);
	f = udp(3, 2, 9, 100);
	pass(3, &f);
	far.instance[0] = other->instance; /* it answers what was asked of the first */
	far.ticket[1] = far.ticket[0];
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 0);
	bench_later_ms(10);
}

/* What one exit's instance does not answer is no reason to lose what goes out elsewhere. */
static void who_does_not_answer_at_one_exit_fails_that_one_alone(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	(void)state;
	memset(&far, 0, sizeof(far));
	bench_ports(3);
	bench_chain(2, far_probe(XVS_FILTER));
	bench_chain(3, probe_new(XVS_FILTER, 0, JUDGES));
	memset(f.bytes, 0xff, 6);
	pass(1, &f);
	assert_int_equal(far.asked, 1);
	bench_later_ms(10);
	assert_int_equal(got(2), 0);
	assert_int_equal(got(3), 1);
	assert_int_equal(drops_at(2, XVS_STAGE_EGRESS, 0, REASON_EXTENSION_FAILED), 1);
}

static void many_of_a_new_flow_at_once_are_judged_once(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *near = probe_new(XVS_FILTER, 0, JUDGES);

	(void)state;
	memset(&far, 0, sizeof(far));
	bench_ports(3);
	bench_chain(1, near);
	bench_chain(1, far_probe(XVS_FILTER));
	for (int n = 0; n < 10; n++)
		assert_true(memory_push(bench.ports[1].memory, &f));
	bench_turn();
	assert_int_equal(far.asked, 1);
	assert_int_equal(near->judged, 1);
	assert_int_equal(path_held(bench.path), 10);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 10);
	assert_int_equal(near->judged, 2);
}

static void remember(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		     struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->cookie = 7;
}

/* Of those who judge at once the flow has one history, however often somebody else is waited for. */
static void a_flow_that_waits_again_has_not_ended_for_others(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	struct probe *near = probe_new(XVS_FILTER, 0, JUDGES);
	struct probe *p;

	(void)state;
	memset(&far, 0, sizeof(far));
	near->on_judge = remember;
	bench_ports(3);
	bench_chain(1, near);
	p = far_probe(XVS_FILTER);
	bench_chain(1, p);
	pass(1, &f);
	answer(XVS_FLOW_PASS);
	pass(1, &f);
	assert_int_equal(got(2), 2);
	near->ended = 0;
	p->flow_host->invalidate(p->host, UINT64_MAX);
	pass(1, &f);
	assert_int_equal(far.asked, 2);
	assert_int_equal(near->ended, 0);
	answer(XVS_FLOW_PASS);
	assert_int_equal(got(2), 1);
	pass(1, &f);
	assert_int_equal(near->ended, 0);
	bench_forget(near);
	assert_int_equal(near->ended, 1);
	assert_int_equal(near->packets, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(a_packet_waits_for_the_answer_and_its_flow_does_not_ask_again),
		BENCH_TEST(packets_of_the_flow_wait_behind_it_in_order),
		BENCH_TEST(other_flows_do_not_wait),
		BENCH_TEST(a_drop_holds_for_the_flow),
		BENCH_TEST(several_are_asked_one_after_the_other),
		BENCH_TEST(who_does_not_answer_in_time_fails_closed),
		BENCH_TEST(or_fails_open_where_the_operator_says_so),
		BENCH_TEST(what_ends_before_it_answers_has_failed),
		BENCH_TEST(sixty_four_packets_of_a_flow_wait_and_no_more),
		BENCH_TEST(where_no_more_questions_fit_packets_drop),
		BENCH_TEST(a_thousand_packets_wait_for_an_instance_and_no_more),
		BENCH_TEST(an_answer_older_than_a_change_is_asked_for_again),
		BENCH_TEST(what_waits_when_its_instance_leaves_goes_on_without_it),
		BENCH_TEST(what_waits_when_its_port_leaves_is_dropped),
		BENCH_TEST(forged_tickets_are_nobodys),
		BENCH_TEST(an_answer_to_another_instance_is_nobodys),
		BENCH_TEST(who_does_not_answer_at_one_exit_fails_that_one_alone),
		BENCH_TEST(many_of_a_new_flow_at_once_are_judged_once),
		BENCH_TEST(a_flow_that_waits_again_has_not_ended_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
