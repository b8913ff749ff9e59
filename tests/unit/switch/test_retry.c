/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* To enable an instance that failed or was missing is to try again. */
#include "fixture.h"

#define SWITCH "switches:\n  - name: lab\n    type: private\n    chain:\n"
#define FAILS "      - {instance: no-create, extension: test.recorder}\n"
#define ABSENT "      - {instance: fw, extension: test.absent}\n"
#define PORTS \
	"    ports:\n      - {name: vm1, backend: {kind: 'null'}, policies: " \
	"{test.recorder.limit/1: {rate: 5}}}\n"

static void start(struct fixture *f, const char *yaml)
{
	world_set_tolerant(f->world, true);
	fixture_has(f, yaml);
	world_set_tolerant(f->world, false);
	EXPECT(world_port_show(f->world, "vm1"), "state", "closed");
}

static void says_again_why_it_does_not_start(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	start(f, SWITCH FAILS PORTS);
	a = fixture_enable(f, "no-create", true);
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "the file of rules is missing"));
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|state", "failed");
	fixture_expect(f, "");
}

static void starts_an_instance_whose_cause_is_gone(void **state)
{
	struct fixture *f = *state;

	start(f, SWITCH FAILS PORTS);
	fixture_touch(f, ".rules"); /* what "no-create" lacks */
	assert_int_equal(fixture_enable(f, "no-create", true).code, 0);
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|state", "running");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm1"), "reasons|0", "");
	fixture_expect(f, "no-create: create in lab\n"
			  "no-create: worker_attach 0\n"
			  "no-create: port_attach vm1 segment 0\n"
			  "no-create: check vm1 test.recorder.limit/1 set\n"
			  "no-create: apply vm1 test.recorder.limit/1 set\n"
			  "no-create: active true\n"
			  "no-create: port_event vm1 UP segment 0\n");
	assert_int_equal(fixture_enable(f, "no-create", true).code, 0);
	fixture_expect(f, "");
}

static void tries_again_after_a_disable(void **state)
{
	struct fixture *f = *state;

	start(f, SWITCH FAILS PORTS);
	assert_int_equal(fixture_enable(f, "no-create", false).code, 0);
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|state", "disabled");
	assert_true(fixture_enable(f, "no-create", true).code < 0);
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|state", "disabled");
	fixture_touch(f, ".rules");
	assert_int_equal(fixture_enable(f, "no-create", true).code, 0);
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
}

static void looks_again_for_a_missing_extension(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	start(f, SWITCH ABSENT PORTS);
	a = fixture_enable(f, "fw", true);
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "chain entry fw: extension test.absent: no file "));
	assert_int_equal(fixture_enable(f, "fw", false).code, 0);
	a = fixture_enable(f, "fw", true);
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "chain entry fw: extension test.absent: no file "));
}

/* A change of something else is neither refused nor a try. */
static void leaves_it_alone_when_another_is_changed(void **state)
{
	struct fixture *f = *state;

	start(f, SWITCH FAILS "      - {instance: eye, extension: test.watcher}\n" PORTS);
	free(fixture_record(f));
	fixture_touch(f, ".rules");
	assert_int_equal(fixture_enable(f, "eye", false).code, 0);
	assert_int_equal(fixture_enable(f, "eye", true).code, 0);
	EXPECT(world_switch_show(f->world, "lab"), "chain|1|state", "failed");
	EXPECT(world_port_show(f->world, "vm1"), "state", "closed");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(says_again_why_it_does_not_start),
		CASE(starts_an_instance_whose_cause_is_gone),
		CASE(tries_again_after_a_disable),
		CASE(looks_again_for_a_missing_extension),
		CASE(leaves_it_alone_when_another_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
