/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups, meters and timeouts: what names what, versions, and when flows end.
 */
#include <string.h>

#include "support/test.h"

#include "table/state.h"
#include "table/timeout.h"

static struct of_state state_;
static uint32_t removed;
static uint8_t why;

static void at_once(void *arg, void (*fn)(void *what), void *what)
{
	(void)arg;
	fn(what);
}

static void on_removed(void *arg, struct of_rule *r, uint8_t reason)
{
	(void)arg;
	(void)r;
	removed++;
	why = reason;
}

static int set_up(void **state)
{
	const struct of_reclaim reclaim = { .later = at_once };
	const struct of_flows_events events = { .removed = on_removed };

	(void)state;
	removed = 0;
	of_state_init(&state_, 5, 1000, &reclaim, &events);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	of_state_destroy(&state_);
	return 0;
}

static of_fault group(uint16_t command, uint32_t id, const struct of_action *action)
{
	struct of_bucket bucket = { .watch_port = OF_PORT_ANY, .watch_group = OF_GROUP_ANY };
	struct of_group_mod mod = { .command = command, .group = id, .type = OF_GROUP_TYPE_ALL };
	of_fault fault;

	if (action) {
		bucket.actions = (struct of_actions){ (struct of_action *)(uintptr_t)action, 1 };
		mod.buckets = &bucket;
		mod.bucket_count = 1;
	}
	of_state_begin(&state_, 1);
	fault = of_state_group(&state_, &mod);
	if (fault)
		of_state_abort(&state_);
	else
		of_state_commit(&state_);
	return fault;
}

static of_fault flow(const struct of_action *action, uint32_t meter)
{
	struct of_flow_mod mod = { .version = 4, .command = OF_FLOW_ADD, .priority = 1 };
	of_fault fault;

	if (action) {
		mod.instructions.has = OF_INS_APPLY;
		mod.instructions.apply =
			(struct of_actions){ (struct of_action *)(uintptr_t)action, 1 };
	}
	if (meter) {
		mod.instructions.has |= OF_INS_METER;
		mod.instructions.meter = meter;
	}
	of_state_begin(&state_, 1);
	fault = of_state_flow(&state_, &mod);
	if (fault)
		of_state_abort(&state_);
	else
		of_state_commit(&state_);
	return fault;
}

/* Also when it is undone that the group went with its flow, and that another came in its place. */
static void who_names_a_group_is_counted(void **state)
{
	const struct of_references *groups = &state_.flows.groups;
	const struct of_action to_1 = { .type = OF_ACT_GROUP, .number = 1 };
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };
	struct of_group_mod mod = { .command = OF_GROUP_DELETE, .group = 1 };

	(void)state;
	assert_int_equal(group(OF_GROUP_ADD, 1, &out), OF_OK);
	assert_int_equal(of_references_of(groups, 1), 0);
	assert_int_equal(flow(&to_1, 0), OF_OK);
	assert_int_equal(of_references_of(groups, 1), 1);
	of_state_begin(&state_, 1);
	assert_int_equal(of_state_group(&state_, &mod), OF_OK);
	mod.command = OF_GROUP_ADD;
	assert_int_equal(of_state_group(&state_, &mod), OF_OK);
	assert_int_equal(of_references_of(groups, 1), 0);
	of_state_abort(&state_);
	assert_int_equal(of_references_of(groups, 1), 1);
	assert_int_equal(state_.flows.count, 1);
	assert_int_equal(flow(&out, 0), OF_OK); /* in its place */
	assert_int_equal(of_references_of(groups, 1), 0);
	assert_int_equal(flow(&to_1, 0), OF_OK);
	assert_int_equal(group(OF_GROUP_DELETE, 1, NULL), OF_OK);
	assert_int_equal(of_references_of(groups, 1), 0);
	assert_int_equal(state_.flows.count, 0);
}

/* More numbers than there was room for, and all of them come back. */
static void counts_of_many_numbers_come_back(void **state)
{
	struct of_references r = { 0 };

	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		assert_int_equal(of_references_reserve(&r, 1), 0);
		of_references_add(&r, n * 7);
	}
	for (uint32_t n = 0; n < 1000; n++)
		of_references_drop(&r, n * 7);
	for (uint32_t n = 0; n < 1000; n++) {
		assert_int_equal(of_references_reserve(&r, 1), 0);
		of_references_add(&r, n * 7 + 1);
	}
	for (uint32_t n = 0; n < 1000; n++)
		of_references_add(&r, n * 7);
	assert_int_equal(of_references_of(&r, 7 * 999), 1);
	assert_int_equal(r.total, 2000);
	for (uint32_t n = 0; n < 1000; n++)
		of_references_drop(&r, n * 7);
	of_references_forget(&r); /* no more than half of them are idle */
	assert_int_equal(r.used, 2000);
	of_references_drop(&r, 1);
	of_references_forget(&r);
	assert_int_equal(r.used, 999);
	assert_int_equal(of_references_of(&r, 7 * 999 + 1), 1);
	assert_int_equal(r.total, 999);
	of_references_finish(&r);
}

static void groups_lead_to_groups_and_not_around(void **state)
{
	const struct of_action to_1 = { .type = OF_ACT_GROUP, .number = 1 };
	const struct of_action to_2 = { .type = OF_ACT_GROUP, .number = 2 };
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };

	(void)state;
	assert_int_equal(group(OF_GROUP_MODIFY, 1, &out), OF_GROUP_MOD_UNKNOWN);
	assert_int_equal(group(OF_GROUP_ADD, 1, &to_1), OF_GROUP_MOD_LOOP);
	assert_int_equal(group(OF_GROUP_ADD, 1, &to_2), OF_BAD_ACTION_OUT_GROUP);
	assert_int_equal(group(OF_GROUP_ADD, 1, &out), OF_OK);
	assert_int_equal(group(OF_GROUP_ADD, 1, &out), OF_GROUP_MOD_EXISTS);
	assert_int_equal(group(OF_GROUP_ADD, 2, &to_1), OF_OK);
	assert_int_equal(group(OF_GROUP_MODIFY, 1, &to_2), OF_GROUP_MOD_LOOP);
	assert_int_equal(group(OF_GROUP_DELETE, 1, NULL), OF_GROUP_MOD_CHAINED);
	assert_int_equal(group(OF_GROUP_DELETE, 7, NULL), OF_OK);
	assert_int_equal(group(OF_GROUP_DELETE, OF_GROUP_ALL, NULL), OF_OK);
	assert_int_equal(state_.groups.count, 0);
}

static void flows_go_with_their_group(void **state)
{
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };
	const struct of_action to_1 = { .type = OF_ACT_GROUP, .number = 1 };
	uint64_t before;

	(void)state;
	assert_int_equal(flow(&to_1, 0), OF_BAD_ACTION_OUT_GROUP);
	assert_int_equal(group(OF_GROUP_ADD, 1, &out), OF_OK);
	before = of_flows_version(&state_.flows);
	assert_int_equal(flow(&to_1, 0), OF_OK);
	assert_int_equal(group(OF_GROUP_DELETE, 1, NULL), OF_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(why, OF_REMOVED_GROUP_DELETE);
	assert_int_equal(state_.flows.count, 0);
	assert_true(of_flows_version(&state_.flows) > before);
}

static void a_changed_group_keeps_its_counts(void **state)
{
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };
	const struct of_group *g;

	(void)state;
	assert_int_equal(group(OF_GROUP_ADD, 1, &out), OF_OK);
	g = of_group_find(&state_.groups, 1, of_flows_version(&state_.flows));
	of_stats_credit(g->stats, 5, 500, 1);
	of_stats_credit(g->buckets[0].stats, 5, 500, 1);
	assert_int_equal(group(OF_GROUP_MODIFY, 1, &out), OF_OK);
	g = of_group_find(&state_.groups, 1, of_flows_version(&state_.flows));
	assert_int_equal(of_count(&g->stats->packets), 5);
	assert_int_equal(of_count(&g->buckets[0].stats->packets), 0);
}

static void many_groups_are_found_again(void **state)
{
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };
	uint64_t version;
	uint32_t *ids;
	uint32_t n;

	(void)state;
	for (uint32_t i = 1; i <= 300; i++)
		assert_int_equal(group(OF_GROUP_ADD, i * 7, &out), OF_OK);
	for (uint32_t i = 1; i <= 300; i += 2)
		assert_int_equal(group(OF_GROUP_DELETE, i * 7, NULL), OF_OK);
	version = of_flows_version(&state_.flows);
	for (uint32_t i = 1; i <= 300; i++)
		assert_true((of_group_find(&state_.groups, i * 7, version) != NULL) ==
			    (i % 2 == 0));
	assert_int_equal(of_map_ids(&state_.groups, &ids, &n), 0);
	assert_int_equal(n, 150);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(ids[i], (i + 1) * 14);
	free(ids);
	assert_int_equal(group(OF_GROUP_DELETE, OF_GROUP_ALL, NULL), OF_OK);
	assert_int_equal(state_.groups.count, 0);
	assert_null(of_map_get(&state_.groups, 14));
}

static void a_meter_lets_many_pass_at_once_or_takes_nothing(void **state)
{
	struct of_band bands[] = { { .type = OF_BAND_DROP, .rate = 100, .burst = 10 } };
	struct of_meter_mod mod = { .command = OF_METER_ADD,
				    .meter = 3,
				    .bands = bands,
				    .flags = OF_METER_PKTPS | OF_METER_BURST,
				    .band_count = 1 };
	const uint64_t now = 1000000000;
	const struct of_meter *m;
	uint32_t passed = 0;

	(void)state;
	of_state_begin(&state_, 1);
	assert_int_equal(of_state_meter(&state_, &mod), OF_OK);
	of_state_commit(&state_);
	m = of_meter_find(&state_.meters, 3, of_flows_version(&state_.flows));
	assert_true(of_meter_pass_all(m, now, 6, 600));
	assert_int_equal(of_count(&m->stats->packets), 6);
	assert_false(of_meter_pass_all(m, now, 6, 600));
	assert_int_equal(of_count(&m->stats->packets), 6);
	while (passed < 20 && !of_meter_pass(m, now, 1, 100)) /* one by one: what is left */
		passed++;
	assert_int_equal(passed, 4);
}

static void a_meter_lets_its_rate_pass(void **state)
{
	struct of_band bands[] = { { .type = OF_BAND_DSCP_REMARK, .prec_level = 1, .rate = 10 },
				   { .type = OF_BAND_DROP, .rate = 20 } };
	struct of_meter_mod mod = { .command = OF_METER_ADD,
				    .meter = 3,
				    .bands = bands,
				    .flags = OF_METER_PKTPS | OF_METER_BURST,
				    .band_count = 2 };
	const struct of_meter *m;
	uint32_t drops = 0, remarks = 0;

	(void)state;
	bands[0].burst = bands[1].burst = 1;
	assert_int_equal(flow(NULL, 3), OF_METER_MOD_UNKNOWN_METER);
	of_state_begin(&state_, 1);
	assert_int_equal(of_state_meter(&state_, &mod), OF_OK);
	of_state_commit(&state_);
	assert_int_equal(flow(NULL, 3), OF_OK);
	m = of_meter_find(&state_.meters, 3, of_flows_version(&state_.flows));
	for (uint64_t ms = 0; ms < 1000; ms += 10) { /* 100 a second */
		const struct of_band *b = of_meter_pass(m, 1000000000 + ms * 1000000, 1, 100);

		drops += b && b->type == OF_BAND_DROP;
		remarks += b && b->type == OF_BAND_DSCP_REMARK;
	}
	assert_in_range(drops, 76, 82);
	assert_in_range(remarks, 8, 12);
	assert_int_equal(of_count(&m->bands[1].stats->packets), drops);
	mod.command = OF_METER_DELETE;
	of_state_begin(&state_, 1);
	assert_int_equal(of_state_meter(&state_, &mod), OF_OK);
	of_state_commit(&state_);
	assert_int_equal(why, OF_REMOVED_METER_DELETE);
	assert_int_equal(state_.flows.count, 0);
}

static void an_aborted_transaction_brings_nothing(void **state)
{
	const struct of_action out = { .type = OF_ACT_OUTPUT, .number = 3 };
	struct of_group_mod mod = { .command = OF_GROUP_ADD, .group = 4 };
	struct of_group_mod gone = { .command = OF_GROUP_DELETE, .group = 9 };

	(void)state;
	assert_int_equal(group(OF_GROUP_ADD, 9, &out), OF_OK);
	of_state_begin(&state_, 1);
	assert_int_equal(of_state_group(&state_, &mod), OF_OK);
	assert_int_equal(of_state_group(&state_, &gone), OF_OK);
	assert_null(of_map_get(&state_.groups, 9));
	of_state_abort(&state_);
	assert_null(of_map_get(&state_.groups, 4));
	assert_non_null(of_map_get(&state_.groups, 9));
	assert_int_equal(state_.groups.count, 1);
	assert_int_equal(group(OF_GROUP_ADD, 4, &out), OF_OK);
}

/* ---- time ------------------------------------------------------------------------------------------ */

static uint32_t ended;

static void on_end(void *arg, struct of_rule *r, uint8_t reason)
{
	of_wheel_remove(arg, r);
	ended++;
	why = reason;
}

static void rules_end_when_their_time_has_come(void **state)
{
	const uint64_t s = 1000000000;
	static struct of_wheel wheel;
	struct of_stats stats = { 0 };
	struct of_rule idle = { .created_ns = 100 * s, .idle_timeout = 5, .stats = &stats };
	struct of_rule hard = { .created_ns = 100 * s, .hard_timeout = 300, .stats = &stats };
	struct of_rule both = {
		.created_ns = 100 * s, .idle_timeout = 5, .hard_timeout = 4, .stats = &stats
	};

	(void)state;
	ended = 0;
	of_wheel_add(&wheel, &idle, 100 * s);
	of_wheel_add(&wheel, &hard, 100 * s);
	of_wheel_add(&wheel, &both, 100 * s);
	assert_true(of_wheel_turn(&wheel, 103 * s, UINT32_MAX, on_end, &wheel));
	assert_int_equal(ended, 0);
	assert_true(of_wheel_turn(&wheel, 104 * s + s / 5, UINT32_MAX, on_end, &wheel));
	assert_int_equal(ended, 1);
	assert_int_equal(why, OF_REMOVED_HARD);
	of_stats_credit(&stats, 1, 1, 103 * s);
	assert_true(of_wheel_turn(&wheel, 107 * s, UINT32_MAX, on_end, &wheel));
	assert_int_equal(ended, 1);
	assert_true(of_wheel_turn(&wheel, 108 * s + s / 5, UINT32_MAX, on_end, &wheel));
	assert_int_equal(ended, 2);
	assert_int_equal(why, OF_REMOVED_IDLE);
	assert_true(of_wheel_turn(&wheel, 399 * s, UINT32_MAX, on_end, &wheel));
	assert_int_equal(ended, 2);
	assert_true(of_wheel_turn(&wheel, 401 * s, UINT32_MAX, on_end, &wheel));
	assert_int_equal(ended, 3);
	assert_int_equal(wheel.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_names_a_group_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_of_many_numbers_come_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(groups_lead_to_groups_and_not_around, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(flows_go_with_their_group, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_changed_group_keeps_its_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(many_groups_are_found_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_meter_lets_its_rate_pass, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_meter_lets_many_pass_at_once_or_takes_nothing,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_aborted_transaction_brings_nothing, set_up,
						tear_down),
		cmocka_unit_test(rules_end_when_their_time_has_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
