/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets what of an uplink that carries less than is sent. */
#include "link_bench.h"

enum { QUEUED_MS = 20 };

static struct link_plan *wanted;

static void plan_open(void)
{
	wanted = calloc(1, sizeof(*wanted));
	assert_non_null(wanted);
	wanted->queue_ns = QUEUED_MS * NS_PER_MS;
	wanted->claims[LINK_COMMON].weight = 10;
}

static void plan_done(uint32_t id)
{
	assert_int_equal(path_link_plan(bench.ports[id].port, wanted), 0);
	wanted = NULL;
}

/* A class of its own for what enters there. */
static struct link_claim *claim_of(uint32_t id)
{
	wanted->class_of[id] = (uint16_t)(LINK_OWN + id);
	return &wanted->claims[LINK_OWN + id];
}

static void guests(uint32_t count)
{
	bench_ports(count);
	(void)bench_port(UPLINK);
	rate_of(UPLINK, (uint64_t)PER_MS * FRAME * 8 * KBIT);
	plan_open();
}

static void what_a_link_sends_is_its_rate(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(1);
	plan_done(UPLINK);
	run_ms(1 << 1, 4, 500, sent);
	assert_in_range(sent[1], 500 * PER_MS - 5, 500 * PER_MS + 4 * PER_MS + 2);
	assert_true(drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_LINK) > 0);
	bench_assert_law();
}

static void within_its_rate_nothing_waits_and_nothing_is_lost(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(1);
	plan_done(UPLINK);
	run_ms(1 << 1, 1, 300, sent);
	assert_in_range(sent[1], 300 * PER_MS - 5, 300 * PER_MS);
	assert_int_equal(drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_LINK), 0);
}

static void weights_share_a_link(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(2);
	claim_of(1)->weight = 30;
	claim_of(2)->weight = 10;
	plan_done(UPLINK);
	run_ms(1 << 1 | 1 << 2, 4, 1000, sent);
	assert_in_range(sent[1] + sent[2], 1000 * PER_MS - 5, 1004 * PER_MS + 2);
	assert_in_range(sent[1] * 100 / sent[2], 290, 310);
}

static void who_has_less_to_send_leaves_it_to_others(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(2);
	claim_of(1)->weight = 90;
	claim_of(2)->weight = 10;
	plan_done(UPLINK);
	run_ms(1 << 2, 4, 500, sent);
	assert_in_range(sent[2], 500 * PER_MS - 5, 504 * PER_MS + 2);
}

static void ports_that_say_nothing_share_one_class(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(4);
	claim_of(1)->weight = 10;
	plan_done(UPLINK);
	run_ms(1 << 1 | 1 << 2 | 1 << 3 | 1 << 4, 4, 1000, sent);
	/* three of them have together what the first has alone */
	assert_in_range(sent[1] * 100 / (sent[2] + sent[3] + sent[4]), 95, 105);
}

static void what_is_reserved_comes_before_weights(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(2);
	claim_of(1)->weight = 1;
	claim_of(1)->reserved = (uint64_t)6 * FRAME * 8 * KBIT; /* 6 of 10 */
	claim_of(2)->weight = 100;
	wanted->has_reserved = true;
	plan_done(UPLINK);
	run_ms(1 << 1 | 1 << 2, 4, 1000, sent);
	/* and a hundredth of the rest */
	assert_in_range(sent[1], 5950, 6000 + 40 + 120);
	assert_in_range(sent[1] + sent[2], 1000 * PER_MS - 5, 1004 * PER_MS + 2);
}

static void a_class_of_the_system_has_a_limit_of_its_own(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(2);
	wanted->class_of[1] = LINK_SYSTEM + 1;
	wanted->claims[LINK_SYSTEM + 1] =
		(struct link_claim){ .weight = 100, .limit = (uint64_t)2 * FRAME * 8 * KBIT };
	plan_done(UPLINK);
	run_ms(1 << 1, 4, 500, sent);
	assert_in_range(sent[1], 2 * 500 - 5, 2 * 510 + 2);
	/* what it may not send is no longer kept from others */
	run_ms(1 << 1 | 1 << 2, 4, 500, sent);
	assert_in_range(sent[1], 2 * 500 - 5, 2 * 510 + 2);
	assert_in_range(sent[1] + sent[2], 500 * PER_MS - 5, 504 * PER_MS + 2);
}

static void another_plan_is_heeded_while_packets_wait(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(2);
	claim_of(1)->weight = 10;
	claim_of(2)->weight = 10;
	plan_done(UPLINK);
	run_ms(1 << 1 | 1 << 2, 4, 200, sent);
	assert_in_range(sent[1] * 100 / sent[2], 90, 110);
	plan_open();
	claim_of(1)->weight = 40;
	claim_of(2)->weight = 10;
	plan_done(UPLINK);
	run_ms(1 << 1 | 1 << 2, 4, 100, sent);
	run_ms(1 << 1 | 1 << 2, 4, 1000, sent);
	assert_in_range(sent[1] * 100 / sent[2], 380, 420);
}

static void a_rate_that_goes_lets_all_through(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(1);
	plan_done(UPLINK);
	run_ms(1 << 1, 4, 20, sent);
	rate_of(UPLINK, 0);
	run_ms(0, 0, 5, sent);
	assert_int_equal(path_held(bench.path), 0);
	run_ms(1 << 1, 4, 100, sent);
	assert_int_equal(sent[1], 4000);
}

static void ports_take_what_waits_along(void **state)
{
	uint32_t sent[UPLINK];

	(void)state;
	guests(2);
	claim_of(1)->weight = 10;
	claim_of(2)->weight = 10;
	plan_done(UPLINK);
	run_ms(1 << 1 | 1 << 2, 4, 20, sent);
	assert_true(path_held(bench.path) > 0);
	bench_remove(2);
	bench_remove(UPLINK);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(atomic_load(&bench.ports[1].port->held), 0);
	assert_true(drops_at(UPLINK, XVS_STAGE_EGRESS, 0, REASON_SHUTDOWN) > 0);
}

static void drop_everything(struct probe *p, const struct xvs_batch *b,
			    const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->action = XVS_FLOW_DROP;
	v->reason = 1;
}

static void what_waits_is_judged_again_when_the_port_changed(void **state)
{
	struct probe *p = probe_new(XVS_FILTER, 0, JUDGES);
	uint32_t sent[UPLINK];
	uint64_t waiting;

	(void)state;
	guests(1);
	plan_done(UPLINK);
	run_ms(1 << 1, 4, 20, sent);
	waiting = path_held(bench.path);
	assert_true(waiting > 50);
	p->on_judge = drop_everything;
	bench_chain(UPLINK, p);
	/* what the adapter has not given yet is dropped as well */
	run_ms(0, 0, 50, sent);
	assert_int_equal(sent[1], 0);
	assert_true(drops_at(UPLINK, XVS_STAGE_EGRESS, p->instance->nr, 1) >= waiting);
	bench_assert_law();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_link_sends_is_its_rate),
		TEST(within_its_rate_nothing_waits_and_nothing_is_lost),
		TEST(weights_share_a_link),
		TEST(who_has_less_to_send_leaves_it_to_others),
		TEST(ports_that_say_nothing_share_one_class),
		TEST(what_is_reserved_comes_before_weights),
		TEST(a_class_of_the_system_has_a_limit_of_its_own),
		TEST(another_plan_is_heeded_while_packets_wait),
		TEST(a_rate_that_goes_lets_all_through),
		TEST(ports_take_what_waits_along),
		TEST(what_waits_is_judged_again_when_the_port_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
