/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* Who owns what: refusals with the owner's place, overlays, and what survives an apply. */
#include "fixture.h"

#define SWITCH \
	"switches:\n  - name: lab\n    type: private\n    chain:\n" \
	"      - {instance: rec, extension: test.recorder}\n"
#define GROUP \
	"    groups:\n      - name: web\n        override: [xvs.vlan/1]\n        policies:\n" \
	"          test.recorder.limit/1: {rate: 7, secret: word}\n"
#define PORTS \
	"    ports:\n      - name: vm1\n        backend: {kind: 'null'}\n        policies:\n" \
	"          test.recorder.limit/1: {rate: 5}\n" \
	"      - {name: vm2, group: web, backend: {kind: 'null'}}\n"
#define FILE_ SWITCH GROUP PORTS
#define LIMIT "test.recorder.limit/1"

static void refuses_to_change_what_the_file_owns(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, FILE_);
	a = fixture_set(f, "vm1", LIMIT, "rate=9", false);
	assert_int_equal(a.code, -EPERM);
	assert_string_equal(a.text, "policy test.recorder.limit/1 of lab/vm1 belongs to file "
				    "(xvs.yaml:15:11); change it there, or override\n");
	a = fixture_remove_port(f, "vm1", false);
	assert_int_equal(a.code, -EPERM);
	assert_string_equal(a.text, "xvs.yaml:12:9: port lab/vm1 belongs to file; remove it "
				    "there, or override\n");
}

static void overlays_what_the_file_owns_until_overlays_are_dropped(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_set(f, "vm1", LIMIT, "rate=9", true).code, 0);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "9");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|from|rate",
	       "overlay of api on lab/vm1");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|from|burst", "default");
	EXPECT(world_status(f->world), "overlays|0|feature", LIMIT);
	fixture_has(f, FILE_);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "9");
	assert_int_equal(fixture_apply_(f, FILE_, true).code, 0);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "5");
	EXPECT(world_status(f->world), "overlays|0|feature", "");
}

static void takes_a_policy_away_by_overlay_and_gives_it_back(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_set(f, "vm1", LIMIT, NULL, false).code, -EPERM);
	assert_int_equal(fixture_set(f, "vm1", LIMIT, NULL, true).code, 0);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "");
	assert_int_equal(fixture_set(f, "vm1", LIMIT, NULL, true).code, -ENOENT);
	assert_int_equal(fixture_set(f, "vm1", LIMIT, "rate=8", true).code, 0);
	assert_int_equal(fixture_set(f, "vm1", LIMIT, NULL, true).code, 0);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "");
	assert_int_equal(fixture_apply_(f, FILE_, true).code, 0);
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "5");
}

static void lets_a_port_set_only_what_its_group_lists(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, FILE_);
	a = fixture_set(f, "vm2", LIMIT, "rate=9", false);
	assert_int_equal(a.code, -EPERM);
	assert_string_equal(a.text, "policy test.recorder.limit/1 of lab/vm2: group web "
				    "(xvs.yaml:7:9) does not list it under override; change the "
				    "group in the file, or override\n");
	assert_int_equal(fixture_set(f, "vm2", "xvs.vlan/1", "vlan=3", false).code, 0);
	EXPECT(world_port_show(f->world, "vm2"), "segment", "3");
	assert_int_equal(fixture_set(f, "vm2", LIMIT, "rate=9", true).code, 0);
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|value|rate", "9");
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|value|secret", "***");
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|from|secret",
	       "group web (line 10)");
}

#define BY_FIELD \
	SWITCH "    groups:\n      - name: web\n        override: [test.recorder.limit/1.burst]\n" \
	       "        policies:\n          test.recorder.limit/1: {rate: 7}\n"
#define VM2(policies) \
	"    ports:\n      - {name: vm2, group: web, backend: {kind: 'null'}" policies "}\n"

static void lets_a_port_set_single_fields(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	json_t *shown;
	char *text;

	fixture_has(f, BY_FIELD VM2(""));
	a = fixture_set(f, "vm2", LIMIT, "rate=9", false);
	assert_int_equal(a.code, -EPERM);
	assert_string_equal(a.text, "policy test.recorder.limit/1 of lab/vm2: group web "
				    "(xvs.yaml:7:9) does not list its field rate under override; "
				    "change the group in the file, or override\n");
	assert_int_equal(fixture_set(f, "vm2", LIMIT, "burst=2", false).code, 0);
	/* one that it may set opens no other */
	assert_int_equal(fixture_set(f, "vm2", LIMIT, "rate=9", false).code, -EPERM);
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|value|burst", "2");
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|value|rate", "7");
	shown = world_policy_show(f->world, "vm2", LIMIT, true);
	text = fixture_dump(json_incref(json_object_get(json_object_get(shown, LIMIT), "may_set")));
	assert_string_equal(text, "[\"burst\"]");
	free(text);
	json_decref(shown);
	assert_int_equal(fixture_set(f, "vm2", LIMIT, NULL, false).code, 0);
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|from|burst", "default");
}

static void a_file_sets_single_fields_too(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, BY_FIELD VM2(", policies: {" LIMIT ": {burst: 3}}"));
	EXPECT(world_policy_show(f->world, "vm2", LIMIT, true), LIMIT "|value|burst", "3");
	a = fixture_apply(f, BY_FIELD VM2(", policies: {" LIMIT ": {burst: 3, rate: 1}}"));
	assert_true(a.code < 0);
	assert_string_equal(a.text,
			    "xvs.yaml:12:103: port lab/vm2: group web, on line 7, does not let "
			    "its ports set test.recorder.limit/1.rate; list it there under "
			    "override\n");
	a = fixture_apply(f, SWITCH "    groups:\n      - name: web\n        override: "
				    "[test.recorder.limit/1.brust]\n" VM2(""));
	assert_true(a.code < 0);
	assert_string_equal(a.text,
			    "xvs.yaml:7:9: group lab/web: override lists "
			    "test.recorder.limit/1.brust, but that policy has no such field\n");
}

static void keeps_ports_of_the_api_over_an_apply(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_add_port(f, "lab", "mine").code, 0);
	a = fixture_add_port(f, "lab", "vm1");
	assert_int_equal(a.code, -EEXIST);
	assert_string_equal(a.text, "port lab/vm1 exists already (owner: file); remove it first\n");
	fixture_has(f, FILE_);
	EXPECT(world_port_show(f->world, "mine"), "owner", "api");
	EXPECT(world_port_show(f->world, "mine"), "state", "open");
	a = fixture_apply(f, "switches: []\n");
	assert_int_equal(a.code, -EBUSY);
	assert_non_null(strstr(a.text, "port lab/mine is on it, whose owner is api"));
	assert_int_equal(fixture_remove_port(f, "mine", false).code, 0);
	assert_null(world_port_show(f->world, "mine"));
	fixture_has(f, "switches: []\n");
	assert_int_equal(fixture_count(world_switch_list(f->world)), 0);
}

static void blocks_and_removes_by_overlay(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	fixture_has(f, FILE_);
	world_port_block(f->world, "vm1", true, &wish);
	fixture_wait(f, &a.is_there);
	EXPECT(world_port_show(f->world, "vm1"), "state", "blocked");
	assert_int_equal(fixture_remove_port(f, "vm2", true).code, 0);
	assert_null(world_port_show(f->world, "vm2"));
	assert_int_equal(fixture_apply_(f, FILE_, true).code, 0);
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	EXPECT(world_port_show(f->world, "vm2"), "state", "open");
}

static void answers_who_does_not_exist(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_remove_port(f, "vm9", false).code, -ENOENT);
	assert_int_equal(fixture_enable(f, "nobody", false).code, -ENOENT);
	assert_int_equal(fixture_add_port(f, "nowhere", "vm9").code, -ENOENT);
	a = fixture_set(f, "vm1", "test.recorder.limits/1", "rate=9", true);
	assert_string_equal(a.text, "policy test.recorder.limits/1 is not known; the nearest known "
				    "is test.recorder.limit/1\n");
	a = fixture_set(f, "vm1", "test.choosy.limit/1", "rate=9", true);
	assert_string_equal(a.text, "policy test.choosy.limit/1: its extension is not in the chain "
				    "of switch lab\n");
	a = fixture_set(f, "vm1", "test.recorder.seen/1", "level=9", true);
	assert_string_equal(a.text, "policy test.recorder.seen/1 is reported by its extension and "
				    "cannot be set\n");
	a = fixture_set(f, "vm1", LIMIT, "rate=9999", true);
	assert_non_null(strstr(a.text, "port lab/vm1: policy test.recorder.limit/1"));
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "5");
}

/* The line of the file says 5: it is not where to look. */
static void names_no_line_for_a_value_that_is_not_of_the_file(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, FILE_);
	a = fixture_set(f, "vm1", LIMIT, "rate=13", true);
	assert_string_equal(a.text, "port lab/vm1: policy test.recorder.limit/1, rate: rec "
				    "(test.recorder): 13 brings bad luck\n");
}

static void survives_a_restart_by_its_snapshot(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);
	json_t *snapshot;
	char uuid[64];
	char *before;
	char *after;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_add_port(f, "lab", "mine").code, 0);
	assert_int_equal(fixture_set(f, "mine", LIMIT, "secret=hush", false).code, 0);
	assert_int_equal(fixture_set(f, "vm1", LIMIT, "rate=9", true).code, 0);
	world_port_block(f->world, "vm2", true, &wish);
	fixture_wait(f, &a.is_there);
	assert_int_equal(f->changes, 5);
	fixture_pick(world_port_show(f->world, "vm1"), "uuid", uuid, sizeof(uuid));
	snapshot = world_snapshot(f->world);
	before = json_dumps(snapshot, JSON_SORT_KEYS);
	fixture_end_world(f);
	assert_int_equal(f->changes, 5);

	fixture_world(f);
	assert_int_equal(world_restore(f->world, snapshot, d), 0);
	fixture_has(f, FILE_);
	after = fixture_dump(world_snapshot(f->world));
	EXPECT(world_port_show(f->world, "vm1"), "uuid", uuid);
	EXPECT(world_port_show(f->world, "mine"), "state", "open");
	EXPECT(world_port_show(f->world, "vm2"), "state", "blocked");
	EXPECT(world_policy_show(f->world, "vm1", LIMIT, true), LIMIT "|value|rate", "9");
	EXPECT(world_policy_show(f->world, "mine", LIMIT, false), LIMIT "|value|secret", "***");
	assert_non_null(strstr(before, "hush"));
	assert_non_null(strstr(after, "hush"));
	json_decref(snapshot);
	free(before);
	free(after);
	free(d);
}

static void refuses_a_damaged_snapshot_whole(void **state)
{
	static const char *const damaged[] = {
		"{}",
		"{\"version\":2}",
		"{\"version\":1,\"uuids\":{\"lab\":\"x\"}}",
		"{\"version\":1,\"ports\":[{}]}",
		"{\"version\":1,\"ports\":[{\"switch\":\"lab\",\"name\":\"a\",\"owner\":99}]}",
		"{\"version\":1,\"values\":[{\"target\":\"lab\"}]}",
		"{\"version\":1,\"values\":[7]}",
		"{\"version\":1,\"marks\":[{\"kind\":0,\"target\":\"lab\"}]}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct diags *d = calloc(1, sizeof(*d));
		json_t *j = json_loads(damaged[i], 0, NULL);

		assert_non_null(j);
		assert_int_equal(world_restore(f->world, j, d), -EINVAL);
		assert_true(d->count > 0);
		json_decref(j);
		free(d);
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(refuses_to_change_what_the_file_owns),
		CASE(overlays_what_the_file_owns_until_overlays_are_dropped),
		CASE(takes_a_policy_away_by_overlay_and_gives_it_back),
		CASE(lets_a_port_set_only_what_its_group_lists),
		CASE(lets_a_port_set_single_fields),
		CASE(a_file_sets_single_fields_too),
		CASE(keeps_ports_of_the_api_over_an_apply),
		CASE(blocks_and_removes_by_overlay),
		CASE(answers_who_does_not_exist),
		CASE(names_no_line_for_a_value_that_is_not_of_the_file),
		CASE(survives_a_restart_by_its_snapshot),
		CASE(refuses_a_damaged_snapshot_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
