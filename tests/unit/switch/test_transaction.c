/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* A change that is refused changes nothing, and says what, where and why. */
#include "fixture.h"

#define SWITCH "switches:\n  - name: lab\n    type: private\n"
#define CHAIN \
	SWITCH "    chain:\n      - {instance: rec, extension: test.recorder}\n" \
	       "      - {instance: choosy, extension: test.choosy}\n"
#define PORTS "    ports:\n"
#define VM1 "      - {name: vm1, backend: {kind: 'null'}}\n"
#define VM2 "      - {name: vm2, backend: {kind: 'null'}}\n"

/* All that an operator can ask; given. */
static char *everything(struct fixture *f)
{
	json_t *all = json_object();

	json_object_set_new(all, "status", world_status(f->world));
	json_object_set_new(all, "snapshot", world_snapshot(f->world));
	json_object_set_new(all, "vm1", world_port_show(f->world, "lab/vm1"));
	json_object_set_new(all, "policies", world_policy_show(f->world, "lab/vm1", NULL, true));
	json_object_set_new(all, "macs", world_mac_list(f->world, NULL));
	return fixture_dump(all);
}

/* Applies it; it is refused with 'text', nothing differs, and the calls are those expected. */
static void is_refused(struct fixture *f, const char *yaml, const char *text, const char *calls)
{
	char *before;
	char *after;
	struct answer a;

	fixture_has(f, CHAIN PORTS VM1);
	free(fixture_record(f));
	before = everything(f);
	a = fixture_apply(f, yaml);
	assert_true(a.code < 0);
	assert_string_equal(a.text, text);
	after = everything(f);
	assert_string_equal(after, before);
	fixture_expect(f, calls);
	free(before);
	free(after);
}

static void refuses_a_missing_extension(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, CHAIN PORTS VM1);
	a = fixture_apply(f,
			  SWITCH "    chain:\n      - {instance: fw, extension: test.recordr}\n");
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "xvs.yaml:5:"));
	assert_non_null(strstr(a.text, "chain entry fw"));
	assert_non_null(strstr(a.text, "test.recordr"));
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
}

static void undoes_what_succeeded_when_an_instance_refuses(void **state)
{
	is_refused(*state,
		   SWITCH "    chain:\n      - {instance: rec, extension: test.recorder}\n"
			  "      - {instance: no-create, extension: test.choosy}\n" PORTS VM1,
		   "xvs.yaml:6:9: switch lab: no-create (test.choosy, " XVS_TEST_EXTENSIONS
		   "/switch_recorder.so): the file of rules is missing\n",
		   "");
}

static void undoes_a_started_instance_when_a_later_step_fails(void **state)
{
	is_refused(*state,
		   CHAIN "      - {instance: no-create, extension: test.watcher}\n" PORTS VM1,
		   "xvs.yaml:7:9: switch lab: no-create (test.watcher, " XVS_TEST_EXTENSIONS
		   "/switch_recorder.so): the file of rules is missing\n",
		   "");
	is_refused(*state,
		   SWITCH "    chain:\n      - {instance: new, extension: test.recorder}\n"
			  "      - {instance: choosy, extension: test.choosy}\n" PORTS VM1
			  "      - {name: unwelcome, backend: {kind: 'null'}}\n",
		   "xvs.yaml:9:9: port lab/unwelcome: new (test.recorder): such ports are "
		   "not welcome\n",
		   "new: create in lab\n"
		   "new: worker_attach 0\n"
		   "new: port_attach vm1 segment 0\n"
		   "new: port_detach vm1\n"
		   "new: worker_detach\n"
		   "new: destroy\n");
}

static void takes_down_a_new_port_when_the_next_one_fails(void **state)
{
	is_refused(*state,
		   CHAIN PORTS VM1 VM2 "      - {name: unwelcome, backend: {kind: 'null'}}\n",
		   "xvs.yaml:10:9: port lab/unwelcome: rec (test.recorder): such ports "
		   "are not welcome\n",
		   "rec: port_attach vm2 segment 0\n"
		   "rec: port_detach vm2\n");
}

static void aborts_what_was_prepared_when_a_policy_is_refused(void **state)
{
	is_refused(*state,
		   CHAIN "    policies: {test.recorder.global/1: {level: 2}}\n" PORTS
			 "      - {name: vm1, backend: {kind: 'null'}, policies: "
			 "{test.recorder.limit/1: {rate: 13}}}\n",
		   "xvs.yaml:9:87: port lab/vm1: policy test.recorder.limit/1, rate: rec "
		   "(test.recorder): 13 brings bad luck\n",
		   "rec: check - test.recorder.global/1 set\n"
		   "rec: abort - test.recorder.global/1\n");
}

static void names_the_place_of_a_wrong_value_and_of_an_unknown_key(void **state)
{
	is_refused(*state,
		   CHAIN PORTS "      - name: vm1\n        backend: {kind: 'null'}\n"
			       "        policies:\n"
			       "          test.recorder.limi/1: {rate: 3}\n"
			       "          test.recorder.global/1: {level: 3}\n",
		   "xvs.yaml:11:11: port lab/vm1: policy test.recorder.limi/1: no extension in the "
		   "chain of switch lab has it; the nearest known is test.recorder.limit/1\n"
		   "xvs.yaml:12:11: port lab/vm1: policy test.recorder.global/1 counts for a whole "
		   "switch; set it there\n",
		   "");
}

static void tells_of_a_wrong_group_value_once(void **state)
{
	struct fixture *f = *state;
	struct answer a =
		fixture_apply(f,
			      CHAIN "    groups:\n      - name: web\n        policies:\n"
				    "          test.recorder.limit/1: {rate: 2000}\n" PORTS
				    "      - {name: vm1, group: web, backend: {kind: 'null'}}\n"
				    "      - {name: vm2, group: web, backend: {kind: 'null'}}\n");

	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "xvs.yaml:10:"));
	assert_null(strchr(strchr(a.text, '\n') + 1, '\n'));
}

static void refuses_a_policy_that_the_group_does_not_allow(void **state)
{
	is_refused(*state,
		   CHAIN "    groups:\n      - {name: web, override: [xvs.vlan/1]}\n" PORTS
			 "      - name: vm1\n        group: web\n        backend: {kind: 'null'}\n"
			 "        policies:\n"
			 "          xvs.vlan/1: {vlan: 4}\n"
			 "          test.recorder.limit/1: {rate: 3}\n",
		   "xvs.yaml:15:11: port lab/vm1: group web, on line 8, does not let its ports set "
		   "test.recorder.limit/1; list it there under override\n",
		   "");
}

static void refuses_two_adapters_with_one_address(void **state)
{
	struct fixture *f = *state;
	struct answer a = fixture_apply(
		f, CHAIN PORTS
		"      - {name: a, mac: '52:54:00:00:00:01', backend: {kind: 'null'}}\n"
		"      - {name: b, mac: '52:54:00:00:00:01', backend: {kind: 'null'}}\n");

	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "52:54:00:00:00:01"));
}

static void lets_two_ports_exchange_their_addresses(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN PORTS
		    "      - {name: a, mac: '52:54:00:00:00:01', backend: {kind: 'null'}}\n"
		    "      - {name: b, mac: '52:54:00:00:00:02', backend: {kind: 'null'}}\n");
	fixture_has(f, CHAIN PORTS
		    "      - {name: a, mac: '52:54:00:00:00:02', backend: {kind: 'null'}}\n"
		    "      - {name: b, mac: '52:54:00:00:00:01', backend: {kind: 'null'}}\n");
	EXPECT(world_port_show(f->world, "a"), "state", "open");
	EXPECT(world_port_show(f->world, "b"), "mac", "52:54:00:00:00:01");
	assert_int_equal(fixture_count(world_mac_list(f->world, "lab")), 2);
}

static void refuses_a_busy_file_and_brings_the_old_port_back(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];
	char *before;
	char *after;
	struct answer a;

	(void)snprintf(yaml, sizeof(yaml),
		       CHAIN PORTS "      - {name: vm1, backend: {kind: pcap, write: "
				   "'%s/out.pcap'}}\n",
		       f->dir);
	fixture_has(f, yaml);
	before = everything(f);
	free(fixture_record(f));
	(void)snprintf(yaml, sizeof(yaml),
		       CHAIN PORTS "      - {name: vm1, backend: {kind: pcap, write: "
				   "'%s/out.pcap', read: '%s/absent.pcap'}}\n",
		       f->dir, f->dir);
	a = fixture_apply(f, yaml);
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "port lab/vm1: "));
	assert_non_null(strstr(a.text, "absent.pcap"));
	fixture_expect(f, "rec: port_event vm1 DOWN segment 0\n"
			  "rec: port_detach vm1\n"
			  "rec: port_attach vm1 segment 0\n"
			  "rec: port_event vm1 UP segment 0\n");
	EXPECT(world_port_show(f->world, "vm1"), "state", "open");
	after = everything(f);
	assert_int_equal(strlen(before), strlen(after)); /* but for the port's id */
	free(before);
	free(after);
}

static void checks_without_touching_anything(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec;
	char line[512];

	fixture_has(f, CHAIN PORTS VM1);
	free(fixture_record(f));
	spec = fixture_spec(f,
			    CHAIN PORTS VM1
			    "      - {name: new, backend: {kind: 'null'}, policies: "
			    "{test.recorder.limit/1: {rate: 13}, xvs.vlan/1: {vlan: 7}}}\n",
			    d);
	assert_non_null(spec);
	d->file = "xvs.yaml";
	assert_int_equal(world_check(f->world, spec, d), -EINVAL);
	assert_string_equal(diag_print(d, 0, line, sizeof(line)),
			    "xvs.yaml:9:87: port lab/new: policy test.recorder.limit/1, rate: rec "
			    "(test.recorder): 13 brings bad luck");
	fixture_expect(f, "rec: port_attach new probe segment 7\n"
			  "rec: port_detach new\n");
	config_spec_destroy(spec);
	free(d);
}

static void says_what_would_change(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec;
	char *text;

	fixture_has(f, CHAIN PORTS VM1);
	spec = fixture_spec(f,
			    SWITCH
			    "    chain:\n      - {instance: rec, extension: test.recorder}\n"
			    "    policies: {test.recorder.limit/1: {secret: word}}\n" PORTS VM2,
			    d);
	text = fixture_dump(world_diff(f->world, spec));
	assert_string_equal(text, "[\"- port lab/vm1\",\"- instance lab/choosy (test.choosy)\","
				  "\"+ port lab/vm2\",\"+ policy lab/vm2 test.recorder.limit/1: "
				  "{\\\"burst\\\":2,\\\"rate\\\":1,\\\"secret\\\":\\\"***\\\"}\"]");
	free(text);
	config_spec_destroy(spec);
	free(d);
}

/* Applies it as a dry run: it is answered with 'code', nothing differs, the calls are those. */
static void is_tried(struct fixture *f, const char *yaml, int code, const char *calls)
{
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec = fixture_spec(f, yaml, d);
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);
	unsigned changes = f->changes;
	char *before = everything(f);
	char *after;

	assert_non_null(spec);
	free(fixture_record(f));
	wish.is_dry_run = true;
	world_apply(f->world, spec, false, "xvs.yaml", &wish);
	fixture_wait(f, &a.is_there);
	assert_int_equal(a.code, code);
	after = everything(f);
	assert_string_equal(after, before);
	assert_int_equal(f->changes, changes);
	fixture_expect(f, calls);
	free(before);
	free(after);
	free(d);
}

static void tries_a_change_and_leaves_no_trace(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN PORTS VM1);
	is_tried(f,
		 CHAIN "      - {instance: eye, extension: test.watcher}\n" PORTS
		       "      - {name: vm1, backend: {kind: 'null'}, policies: "
		       "{test.recorder.limit/1: {rate: 3}}}\n" VM2,
		 0,
		 "eye: create in lab\n"
		 "rec: check vm1 test.recorder.limit/1 set\n"
		 "rec: port_attach vm2 probe segment 0\n"
		 "rec: port_detach vm2\n"
		 "rec: abort vm1 test.recorder.limit/1\n"
		 "eye: destroy\n");
	/* The ports that leave stay; a new one in their place opens nothing. */
	is_tried(f, SWITCH, 0, "");
	is_tried(f, "switches: []\n", 0, "");
}

static void refuses_to_try_what_would_be_refused(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, CHAIN PORTS VM1);
	is_tried(f,
		 CHAIN PORTS VM1 "      - {name: vm2, backend: {kind: 'null'}, policies: "
				 "{test.recorder.limit/1: {rate: 13}}}\n",
		 -EINVAL,
		 "rec: port_attach vm2 probe segment 0\n"
		 "rec: port_detach vm2\n");
}

static void goes_back_to_an_earlier_state(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct earlier e = { .file = "xvs.yaml" };
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);
	json_t *snapshot;
	char *before;
	char *after;

	fixture_has(f, CHAIN PORTS VM1);
	assert_int_equal(fixture_add_port(f, "lab", "mine").code, 0);
	assert_int_equal(fixture_set(f, "vm1", "test.recorder.limit/1", "secret=hush", true).code,
			 0);
	snapshot = world_snapshot(f->world);
	e.snapshot = snapshot;
	before = everything(f);
	e.spec = fixture_spec(f, CHAIN PORTS VM1, d);
	assert_int_equal(fixture_remove_port(f, "mine", false).code, 0);
	fixture_has(f, SWITCH PORTS VM2);
	world_return(f->world, &e, &wish);
	json_decref(snapshot);
	fixture_wait(f, &a.is_there);
	assert_int_equal(a.code, 0);
	after = everything(f);
	/* But for the numbers of ports and instances, which are new. */
	assert_int_equal(strlen(after), strlen(before));
	EXPECT(world_port_show(f->world, "mine"), "owner", "api");
	EXPECT(world_policy_show(f->world, "vm1", "test.recorder.limit/1", false),
	       "test.recorder.limit/1|value|secret", "***");
	assert_null(world_port_show(f->world, "vm2"));
	free(before);
	free(after);
	free(d);
}

static void refuses_a_state_that_is_damaged(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	json_t *damaged = json_pack("{s:i, s:[{s:s}]}", "version", 1, "marks", "target", "lab/vm1");
	struct earlier e = { .snapshot = damaged };
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);
	char *before;
	char *after;

	fixture_has(f, CHAIN PORTS VM1);
	before = everything(f);
	e.spec = fixture_spec(f, CHAIN PORTS VM1, d);
	world_return(f->world, &e, &wish);
	json_decref(damaged);
	fixture_wait(f, &a.is_there);
	assert_int_equal(a.code, -EINVAL);
	assert_string_equal(a.text, "state: entry 0 of marks is damaged\n");
	after = everything(f);
	assert_string_equal(after, before);
	free(before);
	free(after);
	free(d);
}

static void answers_changes_in_the_order_of_asking(void **state)
{
	struct fixture *f = *state;
	struct answer first = { 0 };
	struct wish ask_first = fixture_wish(&first);
	struct answer second = { 0 };
	struct wish ask_second = fixture_wish(&second);

	fixture_has(f, CHAIN PORTS VM1);
	world_port_block(f->world, "vm1", true, &ask_first);
	world_port_remove(f->world, "vm1", OWNER_API, true, &ask_second);
	assert_false(second.is_there);
	fixture_wait(f, &second.is_there);
	assert_true(first.is_there);
	assert_int_equal(first.code, 0);
	assert_int_equal(second.code, 0);
	assert_null(world_port_show(f->world, "vm1"));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(refuses_a_missing_extension),
		CASE(undoes_what_succeeded_when_an_instance_refuses),
		CASE(undoes_a_started_instance_when_a_later_step_fails),
		CASE(takes_down_a_new_port_when_the_next_one_fails),
		CASE(aborts_what_was_prepared_when_a_policy_is_refused),
		CASE(names_the_place_of_a_wrong_value_and_of_an_unknown_key),
		CASE(tells_of_a_wrong_group_value_once),
		CASE(refuses_a_policy_that_the_group_does_not_allow),
		CASE(refuses_two_adapters_with_one_address),
		CASE(lets_two_ports_exchange_their_addresses),
		CASE(refuses_a_busy_file_and_brings_the_old_port_back),
		CASE(checks_without_touching_anything),
		CASE(says_what_would_change),
		CASE(tries_a_change_and_leaves_no_trace),
		CASE(refuses_to_try_what_would_be_refused),
		CASE(goes_back_to_an_earlier_state),
		CASE(refuses_a_state_that_is_damaged),
		CASE(answers_changes_in_the_order_of_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
