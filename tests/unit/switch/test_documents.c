/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy pkg::jansson */
/* Policies of files that have errors of form as well. */
#include "base/yaml.h"
#include "fixture.h"

#define LAB "switches:\n- name: lab\n  chain: [{instance: rec, extension: test.recorder}]\n"

/* All errors of policies, one a line. */
static char *errors_of(struct fixture *f, const char *yaml)
{
	struct diags *form = calloc(1, sizeof(*form));
	struct diags *d = calloc(1, sizeof(*d));
	struct node *root = yaml_read(yaml, strlen(yaml), form);
	struct config_spec *spec = document_read_partly(root, form);
	struct strbuf out = { 0 };
	char line[512];

	assert_non_null(spec);
	d->file = "x.yaml";
	world_check_documents(f->world, spec, d);
	document_sort(d, 0);
	for (size_t i = 0; i < d->count; i++)
		strbuf_add(&out, "%s\n", diag_print(d, i, line, sizeof(line)));
	config_spec_destroy(spec);
	node_destroy(root);
	free(form);
	free(d);
	return out.text ? out.text : strdup("");
}

static void expect(struct fixture *f, const char *yaml, const char *errors)
{
	char *found = errors_of(f, yaml);

	assert_string_equal(found, errors);
	free(found);
}

static void says_what_is_wrong_beside_an_error_of_form(void **state)
{
	expect(*state,
	       LAB "  typ: private\n"
		   "  ports:\n"
		   "  - name: vm1\n"
		   "    backend: null\n"
		   "    policies: {test.recorder.limit/1: {rate: many, brust: 3}}\n",
	       "x.yaml:8:46: port lab/vm1: policy test.recorder.limit/1: rate is many, must be "
	       "0..1000\n"
	       "x.yaml:8:52: port lab/vm1: policy test.recorder.limit/1: brust is not known, the "
	       "nearest key is burst\n");
}

static void tells_once_what_a_group_hands_to_all_its_ports(void **state)
{
	expect(*state,
	       LAB "  groups: [{name: web, policies: {test.recorder.limit/1: {rate: -1}}}]\n"
		   "  ports:\n"
		   "  - {name: a, group: web, backend: null}\n"
		   "  - {name: b, group: web, backend: null, brige: br0}\n",
	       "x.yaml:4:65: port lab/a: policy test.recorder.limit/1: rate is -1, must be "
	       "0..1000\n");
}

static void takes_a_value_from_each_level(void **state)
{
	expect(*state,
	       LAB
	       "  policies: {test.recorder.limit/1: {rate: 5}}\n"
	       "  ports: [{name: a, backend: nul, policies: {test.recorder.limit/1: {burst: 2}}}]\n",
	       "");
}

static void names_a_feature_that_is_nearly_right(void **state)
{
	expect(*state,
	       LAB "  policies: {test.recoder.limit/1: {rate: 5}, com.stranger.thing/1: {}}\n",
	       "x.yaml:4:14: switch lab: policy test.recoder.limit/1: no extension in the chain of "
	       "switch lab has it; the nearest known is test.recorder.limit/1\n");
}

static void looks_at_policies_of_chain_entries(void **state)
{
	expect(*state,
	       "switches:\n- name: lab\n  chain:\n"
	       "  - {instance: rec, extension: test.recorder, on_failure: never,\n"
	       "     policies: {test.recorder.global/1: {level: high}}}\n",
	       "x.yaml:5:49: instance lab/rec: policy test.recorder.global/1: level is high, must "
	       "be 0..1000\n");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(says_what_is_wrong_beside_an_error_of_form),
		CASE(tells_once_what_a_group_hands_to_all_its_ports),
		CASE(takes_a_value_from_each_level),
		CASE(names_a_feature_that_is_nearly_right),
		CASE(looks_at_policies_of_chain_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
