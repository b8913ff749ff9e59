/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_portacl_objects xvs_config xvs_policy */
/* An extension that is linked in: in every chain, and in nobody's way. */
#include "switch/decoded.h"
#include "switch/fixture.h"
#include "switch/world.h"

extern const struct xvs_module xvs_builtin_portacl;

static const struct xvs_module *const builtins[] = { &xvs_builtin_portacl, NULL };

#define HEAD "switches:\n  - name: lab\n    type: private\n"
#define VM1 "      - {name: vm1, backend: {kind: 'null'}"

static const char plain[] = HEAD "    ports:\n" VM1 "}\n";

static const struct port_conf *conf_of(const struct fixture *f, const char *target)
{
	return world_port(f->world, target)->path_port->conf;
}

static int start(void **state)
{
	fixture_builtins = builtins;
	return fixture_start(state);
}

static void costs_a_port_without_its_policy_nothing(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, plain);
	assert_int_equal(conf_of(f, "lab/vm1")->ingress.count, 0);
	assert_int_equal(conf_of(f, "lab/vm1")->egress.count, 0);
	assert_int_equal(conf_of(f, "lab/vm1")->ingress.conn_place, CHAIN_MAX);
	assert_int_equal(world_port(f->world, "lab/vm1")->attached_count, 0);
	EXPECT(world_status(f->world), "switches|0|instances", "0");
	EXPECT(world_status(f->world), "health", "ok");
}

static void only_state_opens_connections(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, HEAD "    ports:\n" VM1
			    ", policies: {xvs.acl-extended/1: {rules: [{action: allow}]}}}\n");
	assert_int_equal(conf_of(f, "lab/vm1")->ingress.count, 1);
	assert_int_equal(conf_of(f, "lab/vm1")->ingress.conn_place, CHAIN_MAX);
	assert_false(world_port(f->world, "lab/vm1")->is_guarded);
	fixture_has(f, HEAD "    ports:\n" VM1 ", policies: {xvs.acl-extended/1: "
			    "{rules: [{action: allow, stateful: true}]}}}\n");
	assert_int_equal(conf_of(f, "lab/vm1")->ingress.conn_place, 0);
	assert_int_equal(conf_of(f, "lab/vm1")->egress.conn_place, 0);
	assert_true(world_port(f->world, "lab/vm1")->is_guarded);
	assert_int_equal(world_member(f->world, "lab/xvs.acl")->conn_slot, CONN_SLOTS);
}

static void stands_first_of_its_class(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, HEAD "    policies: {xvs.acl/1: {rules: [{action: deny}]}}\n"
			    "    chain:\n"
			    "      - {instance: last, extension: test.forwarder}\n"
			    "      - {instance: a, extension: test.recorder}\n"
			    "    ports:\n" VM1 "}\n");
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|instance", "a");
	EXPECT(world_switch_show(f->world, "lab"), "chain|1|instance", "xvs.acl");
	EXPECT(world_switch_show(f->world, "lab"), "chain|1|why", "firewall; built in");
	EXPECT(world_switch_show(f->world, "lab"), "chain|1|builtin", "true");
	EXPECT(world_switch_show(f->world, "lab"), "chain|0|why", "filter; listed 2nd");
}

static void its_name_cannot_be_taken(void **state)
{
	struct fixture *f = *state;
	struct answer a = fixture_apply(
		f, HEAD "    chain: [{instance: x, extension: xvs.acl}]\n    ports: []\n");

	assert_int_equal(a.code, -EINVAL);
	assert_non_null(strstr(a.text, "switch lab: chain entry x: xvs.acl is built in"));
	a = fixture_apply(f, HEAD "    chain: [{instance: xvs.acl, extension: test.choosy}]\n"
				  "    ports: []\n");
	assert_int_equal(a.code, -EINVAL);
	assert_non_null(strstr(a.text, "xvs.acl is built in and stands in every chain"));
	a = fixture_apply(f, HEAD "    chain: [{instance: x, extension: xvs.other}]\n"
				  "    ports: []\n");
	assert_int_equal(a.code, -EINVAL);
	assert_non_null(strstr(a.text, "ids that begin with xvs. are of this program"));
}

static void cannot_be_disabled(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, plain);
	a = fixture_enable(f, "lab/xvs.acl", false);
	assert_int_equal(a.code, -EINVAL);
	assert_non_null(strstr(a.text, "built in and cannot be disabled"));
}

static void is_no_line_of_a_difference(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec = fixture_spec(f, plain, d);
	char *text = fixture_dump(world_diff(f->world, spec));

	assert_non_null(text);
	assert_null(strstr(text, "xvs.acl"));
	free(text);
	config_spec_destroy(spec);
	free(d);
}

static void ports_share_what_their_switch_sets(void **state)
{
	struct fixture *f = *state;
	const struct port *first;
	const struct port *second;
	const void *before;

	fixture_has(f, HEAD "    policies: {xvs.acl/1: {rules: [{action: meter}]}}\n"
			    "    ports:\n" VM1 "}\n"
			    "      - {name: vm2, backend: {kind: 'null'}}\n"
			    "      - {name: vm3, backend: {kind: 'null'},\n"
			    "         policies: {xvs.acl/1: {rules: []}}}\n");
	first = world_port(f->world, "lab/vm1");
	second = world_port(f->world, "lab/vm2");
	before = settings_bytes(&first->settings, "xvs.acl/1");
	assert_non_null(before);
	assert_ptr_equal(settings_bytes(&second->settings, "xvs.acl/1"), before);
	assert_ptr_not_equal(
		settings_bytes(&world_port(f->world, "lab/vm3")->settings, "xvs.acl/1"), before);
	assert_int_equal(fixture_add_port(f, "lab", "vm4").code, 0);
	assert_ptr_equal(settings_bytes(&world_port(f->world, "lab/vm4")->settings, "xvs.acl/1"),
			 before);
	assert_ptr_equal(settings_bytes(&first->settings, "xvs.acl/1"), before);
}

static void a_long_list_is_decoded_once_for_all_changes(void **state)
{
	struct fixture *f = *state;
	struct strbuf yaml = { 0 };
	const struct value *value;

	strbuf_add(&yaml, HEAD "    policies:\n      xvs.acl/1:\n        rules:\n");
	for (unsigned i = 0; i < 300; i++)
		strbuf_add(&yaml, "          - {action: deny, remote: 10.0.%u.%u}\n", i / 256,
			   i % 256);
	strbuf_add(&yaml, "    ports:\n" VM1 "}\n");
	fixture_has(f, yaml.text);
	value = settings_get(&world_port(f->world, "lab/vm1")->settings, "xvs.acl/1");
	assert_int_equal(f->world->model->file->decoded_count, 1);
	assert_ptr_equal(decoded_find(f->world->model->file,
				      node_get(f->world->model->file->spec->switches[0].policies,
					       "xvs.acl/1"),
				      value->feature),
			 value);
	assert_int_equal(fixture_add_port(f, "lab", "vm2").code, 0);
	assert_ptr_equal(settings_get(&world_port(f->world, "lab/vm2")->settings, "xvs.acl/1"),
			 value);
	assert_int_equal(f->world->model->file->decoded_count, 1);
	/* what is set over it is not the file's document any more */
	assert_int_equal(
		fixture_set(f, "lab", "xvs.acl/1", "rules=[{\"action\":\"deny\"}]", true).code, 0);
	assert_ptr_not_equal(settings_get(&world_port(f->world, "lab/vm1")->settings, "xvs.acl/1"),
			     value);
	strbuf_finish(&yaml);
}

static void what_it_refuses_is_told_of_a_new_switch_too(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec =
		fixture_spec(f,
			     HEAD "    ports:\n" VM1 ", policies: {xvs.acl-extended/1: {rules: "
				  "[{action: deny, stateful: true}]}}}\n",
			     d);
	char line[1024];

	assert_int_equal(world_check(f->world, spec, d), -EINVAL);
	assert_int_equal(d->count, 1);
	assert_non_null(strstr(diag_print(d, 0, line, sizeof(line)), "rules[0].stateful"));
	config_spec_destroy(spec);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(costs_a_port_without_its_policy_nothing, start,
						fixture_stop),
		cmocka_unit_test_setup_teardown(only_state_opens_connections, start, fixture_stop),
		cmocka_unit_test_setup_teardown(stands_first_of_its_class, start, fixture_stop),
		cmocka_unit_test_setup_teardown(its_name_cannot_be_taken, start, fixture_stop),
		cmocka_unit_test_setup_teardown(cannot_be_disabled, start, fixture_stop),
		cmocka_unit_test_setup_teardown(is_no_line_of_a_difference, start, fixture_stop),
		cmocka_unit_test_setup_teardown(ports_share_what_their_switch_sets, start,
						fixture_stop),
		cmocka_unit_test_setup_teardown(a_long_list_is_decoded_once_for_all_changes, start,
						fixture_stop),
		cmocka_unit_test_setup_teardown(what_it_refuses_is_told_of_a_new_switch_too, start,
						fixture_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
