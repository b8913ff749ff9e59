/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy pkg::jansson */
/* All that is wanted as one file: another daemon makes the same of it. */
#include "config/print.h"
#include "fixture.h"

#define LIMIT "test.recorder.limit/1"
#define GLOBAL "test.recorder.global/1"
#define FILE_ \
	"switches:\n  - name: lab\n    type: private\n" \
	"    policies: {test.recorder.global/1: {level: 1}}\n" \
	"    chain:\n" \
	"      - {instance: rec, extension: test.recorder,\n" \
	"         policies: {test.recorder.global/1: {level: 2}}}\n" \
	"    groups:\n" \
	"      - {name: web, override: [xvs.vlan/1], policies: {test.recorder.limit/1: {rate: 7}}}\n" \
	"    ports:\n" \
	"      - name: vm1\n" \
	"        backend: {kind: 'null'}\n" \
	"        policies: {test.recorder.limit/1: {rate: 5}}\n" \
	"      - {name: vm2, group: web, backend: {kind: 'null'}}\n" \
	"      - {name: vm3, backend: {kind: 'null'}}\n"

static char *exported(struct fixture *f)
{
	struct config_spec *spec = world_export(f->world);
	struct node *document;
	char *text;

	assert_non_null(spec);
	document = print_config(spec);
	text = print_yaml(document);
	assert_non_null(text);
	node_destroy(document);
	config_spec_destroy(spec);
	return text;
}

/* What counts at a target, with identities; given. */
static char *effect(struct fixture *f, const char *target)
{
	json_t *shown = world_port_show(f->world, target);
	json_t *kept = json_pack("{s:O?, s:O?}", "policies", json_object_get(shown, "policies"),
				 "uuid", json_object_get(shown, "uuid"));

	json_decref(shown);
	return fixture_dump(kept);
}

/* A world without a past gets 'text'; each target must be there as it was before. */
static void expect_the_same(struct fixture *f, const char *text, const char *const *targets)
{
	char *before[8];
	size_t count = 0;

	for (; targets[count]; count++)
		before[count] = effect(f, targets[count]);
	fixture_end_world(f);
	fixture_world(f);
	fixture_has(f, text);
	for (size_t i = 0; i < count; i++) {
		char *after = effect(f, targets[i]);

		assert_string_equal(after, before[i]);
		free(after);
		free(before[i]);
	}
}

static void exports_what_the_file_says(void **state)
{
	struct fixture *f = *state;
	char *text;

	fixture_has(f, FILE_);
	text = exported(f);
	expect_the_same(f, text, (const char *const[]){ "lab/vm1", "lab/vm2", "lab/vm3", NULL });
	EXPECT(world_policy_show(f->world, "lab", GLOBAL, true), GLOBAL "|value|level", "2");
	free(text);
}

static void exports_ports_of_the_api_and_what_was_removed(void **state)
{
	struct fixture *f = *state;
	char *text;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_add_port(f, "lab", "mine").code, 0);
	assert_int_equal(fixture_set(f, "lab/mine", LIMIT, "rate=3", false).code, 0);
	assert_int_equal(fixture_remove_port(f, "lab/vm3", true).code, 0);
	text = exported(f);
	expect_the_same(f, text, (const char *const[]){ "lab/mine", "lab/vm1", NULL });
	EXPECT(world_port_show(f->world, "lab/mine"), "owner", "file");
	assert_null(world_port_show(f->world, "lab/vm3"));
	free(text);
}

/* Also over the value of a group that does not list it. */
static void exports_overlays(void **state)
{
	struct fixture *f = *state;
	char *text;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_set(f, "lab/vm1", LIMIT, "burst=4", true).code, 0);
	assert_int_equal(fixture_set(f, "lab/vm2", LIMIT, "rate=9", true).code, 0);
	assert_int_equal(fixture_set(f, "lab", GLOBAL, "level=3", true).code, 0);
	text = exported(f);
	expect_the_same(f, text, (const char *const[]){ "lab/vm1", "lab/vm2", NULL });
	EXPECT(world_policy_show(f->world, "lab", GLOBAL, true), GLOBAL "|value|level", "3");
	EXPECT(world_policy_show(f->world, "lab/vm1", LIMIT, true), LIMIT "|value|burst", "4");
	EXPECT(world_policy_show(f->world, "lab/vm2", LIMIT, true), LIMIT "|value|rate", "9");
	free(text);
}

static void exports_a_policy_that_was_taken_away_as_none(void **state)
{
	struct fixture *f = *state;
	char *text;

	fixture_has(f, FILE_);
	assert_int_equal(fixture_set(f, "lab/vm1", LIMIT, NULL, true).code, 0);
	assert_int_equal(fixture_set(f, "lab", GLOBAL, NULL, true).code, 0);
	text = exported(f);
	assert_null(strstr(text, "level:"));
	expect_the_same(f, text, (const char *const[]){ "lab/vm1", NULL });
	free(text);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(exports_what_the_file_says),
		CASE(exports_ports_of_the_api_and_what_was_removed),
		CASE(exports_overlays),
		CASE(exports_a_policy_that_was_taken_away_as_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
