/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* Extensions whose policies cannot be taken are refused by name, and nothing else suffers. */
#include "fixture.h"

#define SWITCH "switches:\n  - name: lab\n    type: private\n"
#define CHAIN(entries) SWITCH "    chain:\n" entries
#define REC "      - {instance: rec, extension: test.recorder}\n"
#define ODD(id) "      - {instance: odd, extension: " id "}\n"
#define PORTS "    ports:\n      - {name: vm1, backend: {kind: 'null'}}\n"

static void refuses_a_feature_that_no_document_could_set(void **state)
{
	struct fixture *f = *state;
	struct answer a = fixture_apply(f, CHAIN(ODD("test.unsound")) PORTS);

	/* the module's path has a place in the sentence, so where the build is decides what fits behind */
	const char *begin = "xvs.yaml:5:9: switch lab: chain entry odd: extension test.unsound (";

	assert_true(a.code < 0);
	assert_memory_equal(a.text, begin, strlen(begin));
	assert_non_null(strstr(a.text, ": feature test.unsound.limit/1: a field's name"));
}

static void leaves_unsound_features_out_of_the_schema(void **state)
{
	struct fixture *f = *state;
	size_t count;
	const struct xvs_feature **all = world_features(f->world, &count);
	bool has_sound = false;

	for (size_t i = 0; i < count; i++) {
		assert_string_not_equal(all[i]->id, "test.unsound.limit/1");
		has_sound |= strcmp(all[i]->id, "test.holder.limit/1") == 0;
	}
	assert_true(has_sound);
	free(all);
}

/* Two layouts under one name: one of them would be read as the other. */
static void refuses_a_policy_that_belongs_to_another(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	a = fixture_apply(f, CHAIN(REC ODD("test.twin")) PORTS);
	assert_true(a.code < 0);
	assert_string_equal(a.text, "xvs.yaml:6:9: switch lab: chain entry odd: extension "
				    "test.twin brings policy test.recorder.limit/1, which belongs "
				    "to test.recorder; take the entry out\n");
	a = fixture_apply(f, CHAIN(ODD("test.usurper")) PORTS);
	assert_true(a.code < 0);
	assert_string_equal(a.text, "xvs.yaml:5:9: switch lab: chain entry odd: extension "
				    "test.usurper brings policy xvs.vlan/1, which belongs to the "
				    "switch; take the entry out\n");
	fixture_has(f, CHAIN(ODD("test.twin")) PORTS);
}

static void starts_closed_where_a_policy_belongs_to_another(void **state)
{
	struct fixture *f = *state;

	world_set_tolerant(f->world, true);
	fixture_has(f, CHAIN(REC ODD("test.twin")) PORTS);
	EXPECT(world_port_show(f->world, "vm1"), "state", "closed");
	EXPECT(world_port_show(f->world, "vm1"), "reasons|0",
	       "required instance odd (test.twin) is missing: extension test.twin brings policy "
	       "test.recorder.limit/1, which belongs to test.recorder; take the entry out");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(refuses_a_feature_that_no_document_could_set),
		CASE(leaves_unsound_features_out_of_the_schema),
		CASE(refuses_a_policy_that_belongs_to_another),
		CASE(starts_closed_where_a_policy_belongs_to_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
