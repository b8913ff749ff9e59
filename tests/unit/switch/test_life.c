/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* The order of life of xvs_ops: what extensions are called, and in which order. */
#include "fixture.h"

#define SWITCH "switches:\n  - name: lab\n    type: private\n"
#define CHAIN SWITCH "    chain:\n      - {instance: rec, extension: test.recorder}\n"
#define PORTS "    ports:\n"
#define BARE_PORT PORTS "      - {name: vm1, backend: {kind: 'null'}}\n"
#define PORT_WITH_RATE(rate) \
	PORTS "      - {name: vm1, backend: {kind: 'null'}, " \
	      "policies: {test.recorder.limit/1: {rate: " #rate "}}}\n"
#define ONE_PORT PORT_WITH_RATE(5)

static void starts_an_instance_in_the_order_of_the_abi(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN "    policies: {test.recorder.global/1: {level: 3}}\n" ONE_PORT);
	fixture_expect(f, "rec: create in lab\n"
			  "rec: worker_attach 0\n"
			  "rec: check - test.recorder.global/1 set\n"
			  "rec: apply - test.recorder.global/1 set\n"
			  "rec: port_attach vm1 segment 0\n"
			  "rec: check vm1 test.recorder.limit/1 set\n"
			  "rec: apply vm1 test.recorder.limit/1 set\n"
			  "rec: active true\n"
			  "rec: port_event vm1 UP segment 0\n");
	EXPECT(world_port_show(f->world, "lab/vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm1"), "ingress|0", "rec");
}

static void ends_an_instance_in_the_reverse_order(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN ONE_PORT);
	free(fixture_record(f));
	fixture_has(f, SWITCH BARE_PORT);
	fixture_expect(f, "rec: active false\n"
			  "rec: port_event vm1 DOWN segment 0\n"
			  "rec: port_detach vm1\n"
			  "rec: worker_detach\n"
			  "rec: destroy\n");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
}

static void tells_down_before_it_detaches_a_port_that_goes(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN ONE_PORT);
	free(fixture_record(f));
	fixture_has(f, CHAIN);
	fixture_expect(f, "rec: port_event vm1 DOWN segment 0\n"
			  "rec: port_detach vm1\n");
	assert_null(world_port_show(f->world, "vm1"));
	assert_int_equal(world_port_id(f->world, "vm1"), 0);
}

static void checks_a_changed_policy_before_it_applies_it(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN ONE_PORT);
	free(fixture_record(f));
	fixture_has(f, CHAIN PORT_WITH_RATE(6));
	fixture_expect(f, "rec: check vm1 test.recorder.limit/1 set\n"
			  "rec: apply vm1 test.recorder.limit/1 set\n");
	fixture_has(f, CHAIN BARE_PORT);
	fixture_expect(f, "rec: check vm1 test.recorder.limit/1 removed\n"
			  "rec: apply vm1 test.recorder.limit/1 removed\n");
}

static void says_nothing_to_extensions_when_nothing_changes(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN ONE_PORT);
	free(fixture_record(f));
	fixture_has(f, CHAIN ONE_PORT);
	fixture_expect(f, "");
}

static void attaches_a_choosy_extension_with_the_first_policy_only(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, SWITCH
		    "    chain:\n      - {instance: choosy, extension: test.choosy}\n" BARE_PORT);
	fixture_expect(f, "choosy: create in lab\n"
			  "choosy: worker_attach 0\n"
			  "choosy: active true\n");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	assert_int_equal(fixture_set(f, "vm1", "test.choosy.limit/1", "rate=4", false).code, 0);
	fixture_expect(f, "choosy: port_attach vm1 segment 0\n"
			  "choosy: check vm1 test.choosy.limit/1 set\n"
			  "choosy: apply vm1 test.choosy.limit/1 set\n"
			  "choosy: port_event vm1 UP segment 0\n");
	EXPECT(world_port_show(f->world, "vm1"), "ingress|0", "choosy");
	assert_int_equal(fixture_set(f, "vm1", "test.choosy.limit/1", NULL, false).code, 0);
	fixture_expect(f, "choosy: check vm1 test.choosy.limit/1 removed\n"
			  "choosy: apply vm1 test.choosy.limit/1 removed\n"
			  "choosy: port_event vm1 DOWN segment 0\n"
			  "choosy: port_detach vm1\n");
	EXPECT(world_port_show(f->world, "vm1"), "ingress|0", "");
}

static void tells_changed_when_the_segment_changes(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN BARE_PORT);
	free(fixture_record(f));
	assert_int_equal(fixture_set(f, "vm1", "xvs.vlan/1", "vlan=10", false).code, 0);
	fixture_expect(f, "rec: port_event vm1 CHANGED segment 10\n");
	EXPECT(world_port_show(f->world, "vm1"), "segment", "10");
}

static void disables_and_enables_an_instance_live(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, CHAIN ONE_PORT);
	free(fixture_record(f));
	a = fixture_enable(f, "lab/rec", false);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.note, "1 port is closed");
	fixture_expect(f, "rec: active false\n"
			  "rec: port_event vm1 DOWN segment 0\n"
			  "rec: port_detach vm1\n"
			  "rec: worker_detach\n"
			  "rec: destroy\n");
	EXPECT(world_port_show(f->world, "vm1"), "state", "closed");
	EXPECT(world_port_show(f->world, "vm1"), "reasons|0",
	       "required instance rec (test.recorder) is disabled");
	a = fixture_enable(f, "rec", true);
	assert_int_equal(a.code, 0);
	fixture_expect(f, "rec: create in lab\n"
			  "rec: worker_attach 0\n"
			  "rec: port_attach vm1 segment 0\n"
			  "rec: check vm1 test.recorder.limit/1 set\n"
			  "rec: apply vm1 test.recorder.limit/1 set\n"
			  "rec: active true\n"
			  "rec: port_event vm1 UP segment 0\n");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
}

static void mirrors_the_chain_on_egress(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, SWITCH "    chain:\n"
			      "      - {instance: to, extension: test.forwarder}\n"
			      "      - {instance: rec, extension: test.recorder}\n"
			      "      - {instance: eye, extension: test.watcher}\n" ONE_PORT);
	EXPECT(world_port_show(f->world, "vm1"), "ingress|0", "eye");
	EXPECT(world_port_show(f->world, "vm1"), "ingress|1", "rec");
	EXPECT(world_port_show(f->world, "vm1"), "ingress|2", "to");
	EXPECT(world_port_show(f->world, "vm1"), "egress|0", "rec");
	EXPECT(world_port_show(f->world, "vm1"), "egress|1", "eye");
	EXPECT(world_port_show(f->world, "vm1"), "egress|2", "");
}

#define LIFE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIFE(starts_an_instance_in_the_order_of_the_abi),
		LIFE(ends_an_instance_in_the_reverse_order),
		LIFE(tells_down_before_it_detaches_a_port_that_goes),
		LIFE(checks_a_changed_policy_before_it_applies_it),
		LIFE(says_nothing_to_extensions_when_nothing_changes),
		LIFE(attaches_a_choosy_extension_with_the_first_policy_only),
		LIFE(tells_changed_when_the_segment_changes),
		LIFE(disables_and_enables_an_instance_live),
		LIFE(mirrors_the_chain_on_egress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
