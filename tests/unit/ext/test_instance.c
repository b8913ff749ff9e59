/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance counts and answers; its life is in tests/contract/ext/test_life.c. */
#include "bench.h"

#include <errno.h>

#include "packet/reason.h"
#include "xvs/ext/rows.h"

static const struct xvs_label labels[] = { { "catch-all", "catch-all" }, { "odd", "odd" } };

static int setup(void **state)
{
	int code = bench_setup(state);

	bench.ext.reasons = labels;
	bench.ext.reason_count = 2;
	bench.ext.counters = labels;
	bench.ext.counter_count = 2;
	return code;
}

static void costs_are_summed_over_workers(void **state)
{
	struct instance_cost sum;

	(void)state;
	bench_make();
	for (unsigned w = 0; w < BENCH_WORKERS; w++) {
		bench.instance->workers[w].cost.calls = 10 + w;
		bench.instance->workers[w].cost.originated = 100;
	}
	instance_cost_sum(bench.instance, &sum);
	assert_int_equal(sum.calls, 21);
	assert_int_equal(sum.originated, 200);
	assert_int_equal(sum.drops, 0);
}

static void counters_and_held_packets_are_summed(void **state)
{
	(void)state;
	bench_make();
	bench.instance->workers[0].counters[1] = 5;
	bench.instance->workers[1].counters[1] = 6;
	bench.instance->workers[1].held = 3;
	assert_int_equal(instance_counter_sum(bench.instance, 1), 11);
	assert_int_equal(instance_counter_sum(bench.instance, 0), 0);
	assert_int_equal(instance_counter_sum(bench.instance, 2), 0);
	assert_int_equal(instance_held(bench.instance), 3);
}

static void what_a_worker_writes_begins_a_cache_line(void **state)
{
	(void)state;
	bench_make();
	for (unsigned w = 0; w < BENCH_WORKERS; w++) {
		assert_int_equal((uintptr_t)&bench.instance->workers[w] % 64, 0);
		assert_int_equal((uintptr_t)bench.instance->workers[w].counters % 64, 0);
	}
}

static void reasons_have_names(void **state)
{
	(void)state;
	bench_make();
	assert_string_equal(instance_reason(bench.instance, 1), "odd");
	assert_string_equal(instance_reason(bench.instance, 2), "catch-all");
	assert_string_equal(instance_reason(bench.instance, XVS_REASON_CONSUMED), "consumed");
	assert_string_equal(instance_reason(NULL, REASON_RING_FULL), "ring-full");
	bench_unmake();
	bench.ext.reason_count = 0;
	bench_make();
	assert_string_equal(instance_reason(bench.instance, 1), "unspecified");
}

static void the_host_pointer_is_the_instance(void **state)
{
	(void)state;
	bench_make();
	assert_ptr_equal(instance_of(bench.host), bench.instance);
}

static void functions_that_are_not_needed_may_be_missing(void **state)
{
	static const struct xvs_port port = { .size = sizeof(port), .id = 1 };
	struct xvs_error err = ERROR_INIT;
	void *port_state = &err;
	void *prepared = &err;

	(void)state;
	bench_make();
	assert_int_equal(instance_port_attach(bench.instance, &port, &port_state, &err), 0);
	assert_null(port_state);
	instance_port_event(bench.instance, NULL, XVS_PORT_UP, &port);
	assert_int_equal(instance_policy_check(bench.instance, NULL, "f/1", NULL, &prepared, &err),
			 0);
	assert_null(prepared);
	instance_policy_apply(bench.instance, NULL, "f/1", NULL, NULL);
	instance_policy_abort(bench.instance, NULL, "f/1", NULL);
	instance_port_detach(bench.instance, NULL);
	instance_set_active(bench.instance, true);
	assert_int_equal(bench.instance->state, INSTANCE_ACTIVE);
	assert_int_equal(instance_status_read(bench.instance, NULL, "f/1", NULL, &err),
			 -EOPNOTSUPP);
	assert_string_equal(err.text, "bench (com.example.bench): status_read gave no reason: "
				      "Operation not supported");
}

static void a_forwarder_must_be_able_to_forward(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	bench.ext.cls = XVS_FORWARD;
	assert_int_equal(bench_try(&err), -EINVAL);
	assert_string_equal(err.text,
			    "bench (com.example.bench): has neither forward() nor xvs.flow/1");
	assert_null(bench.instance);
}

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	(void)self;
	(void)b;
	(void)i;
	(void)key;
	(void)v;
}

static const void *query(void *self, const char *id)
{
	static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static void what_it_offers_is_copied(void **state)
{
	(void)state;
	bench.ext.cls = XVS_FORWARD;
	bench.ops.query = query;
	bench_make();
	assert_true(bench.instance->has_flow);
	assert_false(bench.instance->has_conn);
	assert_ptr_equal(bench.instance->flow.judge, judge);
	assert_null(bench.instance->flow.account);
}

static int read_rows(void *self, const char *feature, const struct xvs_row_question *question,
		     void *out, uint64_t *more, struct xvs_error *err)
{
	(void)self;
	(void)feature;
	(void)question;
	(void)out;
	(void)more;
	(void)err;
	return 0;
}

static struct xvs_rows rows;

static const void *query_rows(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_ROWS) == 0 ? &rows : NULL;
}

static void offer_rows(const void *items, uint32_t count, uint32_t stride)
{
	rows = (struct xvs_rows){ .size = sizeof(rows),
				  .features = { items, count, stride },
				  .read = read_rows };
	bench.ops.query = query_rows;
}

static void names_of_lists_are_copied(void **state)
{
	const char *names[] = { "com.x.flows/1", "com.x.leases/1" };
	uint8_t unaligned[2 * sizeof(char *) + 2];

	(void)state;
	memcpy(unaligned, &names[0], sizeof(char *));
	memcpy(unaligned + sizeof(char *) + 1, &names[1], sizeof(char *));
	unaligned[sizeof(char *)] = 0;
	unaligned[sizeof(unaligned) - 1] = 0;
	offer_rows(unaligned, 2, sizeof(char *) + 1);
	bench_make();
	memset(unaligned, 0, sizeof(unaligned));
	assert_true(instance_has_rows(bench.instance, "com.x.flows/1"));
	assert_true(instance_has_rows(bench.instance, "com.x.leases/1"));
	assert_false(instance_has_rows(bench.instance, "com.x.groups/1"));
}

static void lists_without_names_are_refused(void **state)
{
	static const char *const missing[] = { "com.x.flows/1", NULL };
	static const char *const twice[] = { "com.x.flows/1", "com.x.flows/1" };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	offer_rows(NULL, 2, sizeof(char *));
	assert_int_equal(bench_try(&err), -EINVAL);
	offer_rows(missing, 2, sizeof(char *));
	assert_int_equal(bench_try(&err), -EINVAL);
	offer_rows(missing, 1, sizeof(char *) - 1);
	assert_int_equal(bench_try(&err), -EINVAL);
	offer_rows(missing, UINT32_MAX, sizeof(char *));
	assert_int_equal(bench_try(&err), -EINVAL);
	offer_rows(twice, 2, sizeof(char *));
	assert_int_equal(bench_try(&err), -EEXIST);
	assert_null(bench.instance);
}

static void destroying_nothing_is_fine(void **state)
{
	(void)state;
	instance_destroy(NULL);
}

#define INSTANCE(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INSTANCE(costs_are_summed_over_workers),
		INSTANCE(counters_and_held_packets_are_summed),
		INSTANCE(what_a_worker_writes_begins_a_cache_line),
		INSTANCE(reasons_have_names),
		INSTANCE(the_host_pointer_is_the_instance),
		INSTANCE(functions_that_are_not_needed_may_be_missing),
		INSTANCE(a_forwarder_must_be_able_to_forward),
		INSTANCE(what_it_offers_is_copied),
		INSTANCE(names_of_lists_are_copied),
		INSTANCE(lists_without_names_are_refused),
		INSTANCE(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
