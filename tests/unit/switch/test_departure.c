/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* Who holds packets of a port gives them back before the port, or the instance, goes. */
#include "fixture.h"

#define SWITCH \
	"switches:\n  - name: lab\n    type: private\n    chain:\n" \
	"      - {instance: odd, extension: test.holder}\n"
#define PORT \
	"    ports:\n      - {name: vm1, backend: {kind: 'null'}, policies: " \
	"{test.holder.limit/1: {rate: 5}}}\n"
#define BARE "    ports:\n      - {name: vm1, backend: {kind: 'null'}}\n"

static void drains_before_a_port_is_removed(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, SWITCH PORT);
	fixture_has(f, SWITCH);
	fixture_expect(f, "odd: drain one port\n"
			  "odd: DOWN\n"
			  "odd: port_detach\n");
}

static void drains_before_a_port_loses_its_last_policy(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, SWITCH PORT);
	fixture_has(f, SWITCH BARE);
	fixture_expect(f, "odd: drain one port\n"
			  "odd: DOWN\n"
			  "odd: port_detach\n");
}

static void drains_before_an_instance_ends(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, SWITCH PORT);
	assert_int_equal(fixture_enable(f, "odd", false).code, 0);
	fixture_expect(f, "odd: drain\n"
			  "odd: DOWN\n"
			  "odd: port_detach\n"
			  "odd: destroy\n");
}

/* What is to go waits for the worker, which may still be inside; the operator is told. */
static void answers_while_a_worker_is_held(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, SWITCH PORT);
	a = fixture_set(f, "vm1", "test.holder.limit/1", "rate=99", true);
	assert_int_equal(a.code, 0);
	/* By whom is known if it was held before the change had settled. */
	assert_true(strcmp(a.note, "worker 0 was held for over a second by lab/odd") == 0 ||
		    strcmp(a.note, "a worker is held, so what was replaced is not cleared away "
				   "yet") == 0);
	fixture_expect(f, "");
	fixture_touch(f, ".go");
	fixture_has(f, SWITCH);
	fixture_expect(f, "odd: drain one port\n"
			  "odd: DOWN\n"
			  "odd: port_detach\n");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(drains_before_a_port_is_removed),
		CASE(drains_before_a_port_loses_its_last_policy),
		CASE(drains_before_an_instance_ends),
		CASE(answers_while_a_worker_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
