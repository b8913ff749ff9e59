/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* Ports that stay closed, each with its reasons; and a start that tolerates what is missing. */
#include "fixture.h"

#define SWITCH "switches:\n  - name: lab\n    type: private\n"
#define CHAIN(entries) SWITCH "    chain:\n" entries
#define REC "      - {instance: rec, extension: test.recorder}\n"
#define PORTS "    ports:\n      - {name: vm1, backend: {kind: 'null'}}\n"

static void closes_a_port_whose_required_extension_does_not_stand_in_its_chain(void **state)
{
	struct fixture *f = *state;
	struct answer a = fixture_apply(
		f,
		CHAIN("      - {instance: choosy, extension: test.choosy}\n") "    ports:\n      - {name: vm1, backend: {kind: 'null'}, requires: [test.choosy]}\n");

	assert_int_equal(a.code, 0);
	assert_string_equal(a.note, "1 port is closed");
	EXPECT(world_port_show(f->world, "vm1"), "state", "closed");
	EXPECT(world_port_show(f->world, "vm1"), "reasons|0",
	       "requires test.choosy, which does not stand in this port's chain");
	assert_int_equal(fixture_set(f, "vm1", "test.choosy.limit/1", "rate=4", false).code, 0);
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm1"), "reasons|0", "");
}

static void leaves_ports_open_without_an_instance_that_is_not_required(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN("      - {instance: rec, extension: test.recorder, required: false}\n"
			     "      - {instance: eye, extension: test.watcher}\n") PORTS);
	assert_string_equal(fixture_enable(f, "rec", false).note, "");
	assert_string_equal(fixture_enable(f, "eye", false).note, "");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm1"), "ingress|0", "");
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|state", "disabled");
}

static void closes_only_ports_that_a_disabled_choosy_instance_concerns(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN("      - {instance: choosy, extension: test.choosy}\n") PORTS
		    "      - {name: vm2, backend: {kind: 'null'}, policies: "
		    "{test.choosy.limit/1: {rate: 1}}}\n");
	assert_string_equal(fixture_enable(f, "choosy", false).note, "1 port is closed");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm2"), "state", "closed");
}

static void keeps_an_instance_disabled_over_an_apply(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN(REC) PORTS);
	assert_int_equal(fixture_enable(f, "rec", false).code, 0);
	fixture_has(f, CHAIN(REC) PORTS);
	EXPECT(world_port_show(f->world, "vm1"), "state", "closed");
	assert_int_equal(fixture_apply_(f, CHAIN(REC) PORTS, true).code, 0);
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
}

static void starts_with_closed_ports_when_an_extension_is_missing(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	char reason[512];

	world_set_tolerant(f->world, true);
	a = fixture_apply(
		f,
		CHAIN(REC
		      "      - {instance: fw, extension: test.absent}\n") "    policies: {test.absent.rules/1: {a: 1}}\n" PORTS);
	assert_int_equal(a.code, 0);
	assert_non_null(strstr(a.note, "1 port is closed"));
	fixture_pick(world_port_show(f->world, "vm1"), "reasons|0", reason, sizeof(reason));
	assert_non_null(strstr(reason, "required instance fw (test.absent) is missing: "));
	EXPECT(world_status(f->world), "switches|0|chain|1|state", "missing");
	EXPECT(world_status(f->world), "health", "degraded");

	/* Verbs about others go on; the next apply is strict. */
	world_set_tolerant(f->world, false);
	assert_int_equal(fixture_add_port(f, "lab", "mine").code, 0);
	EXPECT(world_port_show(f->world, "mine"), "state", "closed");
	assert_int_equal(fixture_remove_port(f, "mine", false).code, 0);
	a = fixture_apply(f, CHAIN(REC "      - {instance: fw, extension: test.absent}\n") PORTS);
	assert_true(a.code < 0);
	fixture_has(f, CHAIN(REC) PORTS);
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
}

static void starts_with_a_failed_instance_and_tells_why(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	char reason[512];

	world_set_tolerant(f->world, true);
	a = fixture_apply(f,
			  CHAIN("      - {instance: no-create, extension: test.recorder}\n") PORTS);
	assert_int_equal(a.code, 0);
	assert_non_null(strstr(a.note, "the file of rules is missing"));
	assert_non_null(strstr(a.note, "1 port is closed"));
	fixture_pick(world_port_show(f->world, "vm1"), "reasons|0", reason, sizeof(reason));
	assert_non_null(strstr(reason, "is failed: "));
	assert_non_null(strstr(reason, "the file of rules is missing"));
	fixture_expect(f, "");
}

static void starts_with_ports_that_cannot_come_up(void **state)
{
	struct fixture *f = *state;
	char reason[512];

	world_set_tolerant(f->world, true);
	fixture_has(
		f,
		CHAIN(REC) "    ports:\n"
			   "      - {name: absent, backend: {kind: pcap, read: /nowhere/x.pcap}}\n"
			   "      - {name: unwelcome, backend: {kind: 'null'}}\n"
			   "      - {name: unlucky, backend: {kind: 'null'}, policies: "
			   "{test.recorder.limit/1: {rate: 13}}}\n"
			   "      - {name: wrong, backend: {kind: 'null'}, policies: "
			   "{test.recorder.limit/1: {rat: 1}}}\n"
			   "      - {name: vm1, backend: {kind: 'null'}}\n");
	fixture_pick(world_port_show(f->world, "absent"), "reasons|0", reason, sizeof(reason));
	assert_non_null(strstr(reason, "/nowhere/x.pcap"));
	fixture_pick(world_port_show(f->world, "unwelcome"), "reasons|0", reason, sizeof(reason));
	assert_non_null(strstr(reason, "such ports are not welcome"));
	fixture_pick(world_port_show(f->world, "unlucky"), "reasons|0", reason, sizeof(reason));
	assert_non_null(strstr(reason, "13 brings bad luck"));
	fixture_pick(world_port_show(f->world, "wrong"), "reasons|0", reason, sizeof(reason));
	assert_non_null(strstr(reason, "rat"));
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");

	/* A verb that repairs the port brings it up; others stay as they were. */
	world_set_tolerant(f->world, false);
	assert_int_equal(fixture_set(f, "unlucky", "test.recorder.limit/1", "rate=1", true).code,
			 0);
	EXPECT(world_port_show(f->world, "unlucky"), "state", "open");
	EXPECT(world_port_show(f->world, "absent"), "state", "closed");
}

static void shows_status_of_extensions_and_their_numbers(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN(REC) PORTS);
	EXPECT(world_port_show(f->world, "vm1"), "status|test.recorder.seen/1|level", "7");
	EXPECT(world_ext_show(f->world, "rec"), "of|vendor", "Example");
	EXPECT(world_ext_show(f->world, "test.forwarder"), "class", "forward");
	EXPECT(world_ext_stats(f->world, "rec"), "0|packets", "0");
	EXPECT(world_accounts(f->world), "held", "0");
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|version", "1.0.0");
	assert_null(world_ext_show(f->world, "test.absent"));
	assert_null(world_switch_show(f->world, "absent"));
	assert_null(world_port_list(f->world, "absent"));
	json_decref(world_ext_list(f->world));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(closes_a_port_whose_required_extension_does_not_stand_in_its_chain),
		CASE(leaves_ports_open_without_an_instance_that_is_not_required),
		CASE(closes_only_ports_that_a_disabled_choosy_instance_concerns),
		CASE(keeps_an_instance_disabled_over_an_apply),
		CASE(starts_with_closed_ports_when_an_extension_is_missing),
		CASE(starts_with_a_failed_instance_and_tells_why),
		CASE(starts_with_ports_that_cannot_come_up),
		CASE(shows_status_of_extensions_and_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
