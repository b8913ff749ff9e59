/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host says of a machine that another one offers, and what it makes of its own records after
 * a start: without QEMU and xvsd, which are not there to be asked.
 * links: xvs_hv xvs_rpc xvs_tls xvs_yaml xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arriving_part.h"
#include "base/error.h"
#include "stone.h"

static char dir[TEST_PATH];
static struct hv hv;

/* ---- a host ------------------------------------------------------------------------------------ */

static const char machine_text[] =
	"{\"definition\": {\"name\": \"web\", \"uuid\": \"6a1f0000-0000-4000-8000-00000000000a\","
	" \"machine\": \"pc-q35-7.2\", \"memory\": \"64M\", \"kernel\": \"%s/kernel\","
	" \"disks\": [{\"name\": \"root\", \"file\": \"%s/root.qcow2\"}],"
	" \"adapters\": [{\"name\": \"eth0\", \"switch\": \"lab\", \"port\": \"web-eth0\","
	" \"link\": \"vhost-user\", \"mac\": \"52:54:00:00:00:01\","
	" \"uuid\": \"6a1f0000-0000-4000-8000-000000000001\"}]},"
	" \"accel\": \"tcg\", \"cpu\": \"qemu64\", \"qemu\": \"7.2.22\", \"processor\": \"p\","
	" \"disks\": [{\"name\": \"root\", \"size\": 67108864}], \"checkpoints\": [],"
	" \"wanted\": true}";

static json_t *machine_make(void)
{
	char text[2048];
	json_t *machine;

	(void)snprintf(text, sizeof(text), machine_text, dir, dir);
	machine = json_loads(text, 0, NULL);
	assert_non_null(machine);
	return machine;
}

static void file_make(const char *name)
{
	char path[TEST_PATH + 32];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fclose(f);
}

static void settings_make(struct migration_settings *m)
{
	(void)snprintf(m->folders[m->folder_count++], SPEC_PATH, "%s", dir);
	(void)strcpy(m->peers[0].name, "hosta");
	(void)strcpy(m->peers[0].switches[m->peers[0].switch_count++], "lab");
	m->peer_count = 1;
}

static void core_start(void)
{
	struct xvs_error err = ERROR_INIT;
	char path[TEST_PATH + 16];

	memset(&hv, 0, sizeof(hv));
	(void)snprintf(path, sizeof(path), "%s/state", dir);
	assert_int_equal(user_find(NULL, &hv.user, &err), 0);
	assert_int_equal(loop_create(&hv.loop, &err), 0);
	assert_int_equal(store_open(path, &hv.store, &err), 0);
	(void)strcpy(hv.run, "/nonexistent");
	hv.sw = switch_create(hv.loop, "/nonexistent/xvs.sock");
	(void)strcpy(hv.facts.version, "7.2.22");
	(void)strcpy(hv.facts.processor, "p");
	hv.facts.machine_types = json_pack("[s]", "pc-q35-7.2");
	hv.facts.cpu_models = json_pack("[s]", "qemu64");
	hv.settings.has_migration = true;
	settings_make(&hv.settings.migration);
	hv.arrivals = arrivals_create(&hv);
	assert_non_null(hv.arrivals);
}

static void core_end(void)
{
	struct loop *loop = hv.loop;

	hv_finish(&hv);
	loop_destroy(loop);
}

static int set_up(void **state)
{
	(void)state;
	(void)test_temp_dir(dir);
	file_make("kernel");
	file_make("root.qcow2");
	core_start();
	return 0;
}

static int tear_down(void **state)
{
	char command[TEST_PATH + 16];

	(void)state;
	core_end();
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): the folder is our own */
}

/* ---- findings ---------------------------------------------------------------------------------- */

/* "what what" of the refusals, in their order. */
static const char *refusals(const json_t *machine, bool has_disks)
{
	const struct offer_terms terms = { &hv.settings.migration.peers[0], has_disks, 0 };
	static char text[400];
	json_t *findings = json_array();
	struct offer o;
	const json_t *item;
	char why[200] = "";
	size_t i;

	if (!offer_read(machine, &o, why, sizeof(why)))
		fail_msg("%s", why);
	offer_check(&hv, &o, &terms, findings);
	text[0] = '\0';
	json_array_foreach(findings, i, item)
	{
		const char *severity = json_string_value(json_object_get(item, "severity"));

		if (strcmp(severity, "refuse") != 0)
			continue;
		(void)strcat(text, text[0] ? "," : "");
		(void)strcat(text, json_string_value(json_object_get(item, "what")));
	}
	json_decref(findings);
	offer_finish(&o);
	return text;
}

static void set(json_t *machine, bool is_definition, const char *key, json_t *value)
{
	json_t *object = is_definition ? json_object_get(machine, "definition") : machine;

	assert_int_equal(json_object_set_new(object, key, value), 0);
}

static void takes_what_fits(void **state)
{
	json_t *machine = machine_make();

	(void)state;
	assert_string_equal(refusals(machine, false), "");
	json_decref(machine);
}

static void names_every_reason(void **state)
{
	json_t *machine = machine_make();

	(void)state;
	set(machine, false, "accel", json_string("kvm"));
	set(machine, false, "cpu", json_string("ufo"));
	set(machine, true, "machine", json_string("pc-q35-9.9"));
	set(machine, true, "memory", json_string("8388608M"));
	set(machine, true, "cd", json_string("/etc/hostname"));
	set(machine, true, "kernel", json_string("/nowhere"));
	set(machine, true, "disks",
	    json_pack("[{s:s, s:s, s:s}]", "name", "root", "file", "/nowhere.vhdx", "format",
		      "vhdx"));
	hv.settings.migration.peers[0].switch_count = 0;
	assert_string_equal(refusals(machine, false),
			    "accelerator,cpu,machine,memory,switch,disk root,disk root,kernel,cd");
	json_decref(machine);
}

static void takes_whatever_a_processor_offers_between_equals_only(void **state)
{
	json_t *machine = machine_make();

	(void)state;
	set(machine, false, "cpu", json_string("max"));
	set(machine, false, "processor", json_string("another"));
	assert_string_equal(refusals(machine, false), ""); /* emulated: QEMU's, not the host's */
	set(machine, false, "qemu", json_string("8.0.0"));
	assert_string_equal(refusals(machine, false), "cpu");
	set(machine, false, "qemu", json_string("7.2.22"));
	hv.facts.accel.is_usable = true;
	set(machine, false, "accel", json_string("kvm"));
	assert_string_equal(refusals(machine, false), "cpu");
	set(machine, false, "processor", json_string("p"));
	assert_string_equal(refusals(machine, false), "");
	set(machine, false, "accel", json_string("tcg"));
	assert_string_equal(refusals(machine, false), "accelerator");
	json_decref(machine);
}

static void opens_files_of_named_folders_only(void **state)
{
	json_t *machine = machine_make();
	char link[TEST_PATH + 32];

	(void)state;
	/* through a link, and through the parent of a folder */
	(void)snprintf(link, sizeof(link), "%s/away", dir);
	assert_int_equal(symlink("/etc/hostname", link), 0);
	set(machine, true, "kernel", json_string(link));
	assert_string_equal(refusals(machine, false), "kernel");
	(void)snprintf(link, sizeof(link), "%s/../../etc/hostname", dir);
	set(machine, true, "kernel", json_string(link));
	assert_string_equal(refusals(machine, false), "kernel");
	/* a folder whose name begins alike is another one */
	hv.settings.migration.folders[0][strlen(dir) - 1] = '\0';
	assert_int_equal(json_object_del(json_object_get(machine, "definition"), "kernel"), 0);
	assert_string_equal(refusals(machine, false), "firmware,disk root");
	json_decref(machine);
}

/* A reason may be cut within a character: it is one nevertheless. */
static void refuses_by_a_reason_that_is_too_long(void **state)
{
	json_t *machine = machine_make();
	char path[SPEC_PATH];

	(void)state;
	for (size_t start = 1; start <= 2; start++) {
		memset(path, '/', start);
		path[start] = '\0';
		for (size_t i = 0; i < 210; i++)
			(void)strcat(path, "\xc3\xa9");
		set(machine, true, "kernel", json_string(path));
		assert_string_equal(refusals(machine, false), "kernel");
	}
	json_decref(machine);
}

static void wants_disks_where_they_do_not_come_along(void **state)
{
	json_t *machine = machine_make();

	(void)state;
	assert_string_equal(refusals(machine, true), "disk root"); /* it is there already */
	set(machine, true, "disks", json_pack("[{s:s, s:s}]", "name", "root", "size", "64M"));
	assert_string_equal(refusals(machine, true), "");
	assert_string_equal(refusals(machine, false), "disk root");
	set(machine, false, "disks",
	    json_pack("[{s:s, s:I, s:I}]", "name", "root", "size", INT64_MAX, "allocated",
		      INT64_MAX));
	assert_string_equal(refusals(machine, true), "room");
	json_decref(machine);
}

static void wants_a_machine_that_is_none_of_ours(void **state)
{
	json_t *machine = machine_make();
	char why[200] = "";
	struct offer o;
	struct vm *vm;

	(void)state;
	assert_true(offer_read(machine, &o, why, sizeof(why)));
	vm = vm_create(&hv, &o.spec);
	assert_non_null(vm);
	o.spec = (struct vm_spec){ .name = "" };
	offer_finish(&o);
	vm->next = hv.vms;
	hv.vms = vm;
	assert_string_equal(refusals(machine, false), "name");
	set(machine, true, "name", json_string("web2"));
	assert_string_equal(refusals(machine, false), "identity");
	json_decref(machine);
}

static void wants_disks_that_are_none_of_ours(void **state)
{
	json_t *machine = machine_make();
	char path[2][TEST_PATH + 64];
	char why[200] = "";
	struct offer o;
	struct vm *vm;

	(void)state;
	assert_true(offer_read(machine, &o, why, sizeof(why)));
	vm = vm_create(&hv, &o.spec);
	assert_non_null(vm);
	o.spec = (struct vm_spec){ .name = "" };
	offer_finish(&o);
	vm->next = hv.vms;
	hv.vms = vm;
	set(machine, true, "name", json_string("web2"));
	set(machine, true, "uuid", json_string("6a1f0000-0000-4000-8000-00000000000b"));
	set(machine, true, "adapters", json_array());
	assert_string_equal(refusals(machine, false), "identity");
	/* by another name */
	(void)snprintf(path[0], sizeof(path[0]), "%s/root.qcow2", dir);
	(void)snprintf(path[1], sizeof(path[1]), "%s/other.qcow2", dir);
	assert_int_equal(link(path[0], path[1]), 0);
	set(machine, true, "disks", json_pack("[{s:s, s:s}]", "name", "root", "file", path[1]));
	assert_string_equal(refusals(machine, false), "identity");
	/* in its own folder */
	assert_int_equal(unlink(path[1]), 0);
	file_make("other.qcow2");
	assert_string_equal(refusals(machine, false), "");
	vm->spec.disks[0].file[0] = '\0';
	set(machine, true, "disks",
	    json_pack("[{s:s, s:o}]", "name", "root", "file",
		      json_sprintf("%s/root.qcow2", vm->disks)));
	assert_string_equal(refusals(machine, false), "identity,disk root");
	json_decref(machine);
}

static void refuses_what_is_no_machine(void **state)
{
	static const char *const wrong[][2] = {
		{ "accel", "\"both\"" },
		{ "cpu", "1" },
		{ "qemu", "null" },
		{ "disks", "[]" },
		{ "checkpoints", "[1]" },
		{ "definition", "[]" },
		{ "disks", "[{\"name\": \"root\", \"size\": 0}]" },
		{ "disks", "[{\"name\": \"other\", \"size\": 1}]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *machine = machine_make();
		struct offer o;
		char why[200] = "";

		set(machine, false, wrong[i][0], json_loads(wrong[i][1], JSON_DECODE_ANY, NULL));
		assert_false(offer_read(machine, &o, why, sizeof(why)));
		assert_true(why[0] != '\0');
		json_decref(machine);
	}
}

static void refuses_a_definition_that_leaves_something_open(void **state)
{
	static const char *const keys[] = { "uuid", "machine" };
	char why[200] = "";
	struct offer o;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *machine = machine_make();

		assert_int_equal(json_object_del(json_object_get(machine, "definition"), keys[i]),
				 0);
		assert_false(offer_read(machine, &o, why, sizeof(why)));
		assert_non_null(strstr(why, "leaves open"));
		json_decref(machine);
	}
}

/* ---- records ----------------------------------------------------------------------------------- */

static void record_make(const char *state, bool has_definition)
{
	struct xvs_error err = ERROR_INIT;
	json_t *machine = machine_make();
	json_t *record = json_pack("{s:s, s:s, s:i, s:s, s:b, s:b, s:O}", "state", state, "move",
				   "6a1f0000-0000-4000-8000-0000000000ff", "epoch", 3, "from",
				   "hosta", "storage", 0, "loaded", 0, "machine", machine);

	assert_int_equal(store_make(hv.store, "web", hv.user.uid, hv.user.gid, &err), 0);
	assert_int_equal(store_write(hv.store, "web", "arrival.json", record, &err), 0);
	if (has_definition)
		assert_int_equal(store_write(hv.store, "web", "definition.json",
					     json_object_get(machine, "definition"), &err),
				 0);
	json_decref(record);
	json_decref(machine);
}

static void restart(void)
{
	struct xvs_error err = ERROR_INIT;

	core_end();
	core_start();
	assert_int_equal(hv_restore(&hv, &err), 0);
}

static void turns(void)
{
	for (int i = 0; i < 50; i++)
		(void)event_base_loop(loop_base(hv.loop), EVLOOP_NONBLOCK);
}

static char said[300];
static int said_code;

static void on_done(void *arg, int code, const char *text)
{
	(void)arg;
	said_code = code;
	(void)snprintf(said, sizeof(said), "%s", text);
}

static bool has_file(const char *name)
{
	char path[TEST_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/state/vms/web/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void waits_while_it_is_prepared(void **state)
{
	struct vm *vm;

	(void)state;
	/* a definition beside it is of a crash while it was opened */
	record_make("prepared", true);
	restart();
	turns();
	vm = hv_find(&hv, "web");
	assert_non_null(vm);
	assert_non_null(vm->arriving);
	assert_string_equal(vm_state_name(vm), "arriving");
	assert_null(vm->next);
	vm_start(vm, on_done, NULL);
	assert_int_equal(said_code, -EBUSY);
	assert_non_null(strstr(said, "arriving"));
	vm_kill(vm, on_done, NULL);
	assert_non_null(strstr(said, "hosta"));
	assert_true(has_file("arrival.json"));
}

/* QEMU cannot be run here, but it is tried: from its disks, as a machine of its own. */
static void starts_what_was_opened(void **state)
{
	struct vm *vm;

	(void)state;
	record_make("opened", true);
	restart();
	turns();
	vm = hv_find(&hv, "web");
	assert_non_null(vm);
	assert_null(vm->arriving);
	assert_true(vm->is_wanted);
	assert_true(vm->problem[0] != '\0');
	restart();
	vm = hv_find(&hv, "web");
	assert_null(vm->arriving); /* "done" */
}

/* "done" could not be written when it had come. */
static void starts_nothing_that_has_moved_on(void **state)
{
	struct xvs_error err = ERROR_INIT;
	const struct vm *vm;

	(void)state;
	record_make("opened", true);
	assert_int_equal(epoch_keep(hv.store, "web", 4, &err), 0);
	restart(); /* it was about to move on, and it is here */
	turns();
	vm = hv_find(&hv, "web");
	assert_non_null(vm);
	assert_null(vm->arriving);
	assert_false(vm->is_wanted);
	assert_int_equal(epoch_keep(hv.store, "web", 3, &err), 0);
	assert_int_equal(stone_lay(hv.store, "web", "hostb", &err), 0);
	restart();
	turns();
	assert_null(hv.vms);
	assert_true(has_file("stone.json"));
}

static void ask(enum arrival_call call)
{
	const struct arriving_waiter w = { .done = on_done };
	struct arriving *a = arriving_find(hv.arrivals, "6a1f0000-0000-4000-8000-0000000000ff");

	assert_non_null(a);
	said_code = 1;
	arriving_ask(a, call, 3, &w);
	turns();
}

static void leaves_nothing_when_it_does_not_come(void **state)
{
	(void)state;
	record_make("prepared", true); /* it was to be opened, which failed */
	restart();
	ask(CALL_ABORT);
	assert_int_equal(said_code, 0);
	assert_false(has_file("arrival.json"));
	assert_false(has_file("definition.json"));
	restart();
	assert_null(hv.vms);
}

/* One that waits for a port that never comes says nothing. */
static void qemu_make(void)
{
	FILE *f;

	(void)snprintf(hv.facts.qemu, sizeof(hv.facts.qemu), "%s/qemu", dir);
	f = fopen(hv.facts.qemu, "we");
	assert_non_null(f);
	(void)fputs("#!/bin/sh\nexec sleep 1000\n", f);
	(void)fclose(f);
	assert_int_equal(chmod(hv.facts.qemu, 0755), 0);
	(void)snprintf(hv.run, sizeof(hv.run), "%.59s/run", dir);
	assert_int_equal(mkdir(hv.run, 0755), 0);
}

static void ends_a_qemu_that_does_not_come_up_when_it_is_told(void **state)
{
	const struct arriving_waiter w = { .done = on_done };
	struct xvs_error err = ERROR_INIT;
	struct arriving *a;

	(void)state;
	record_make("prepared", false);
	core_end();
	core_start();
	qemu_make();
	assert_int_equal(hv_restore(&hv, &err), 0);
	a = arriving_find(hv.arrivals, "6a1f0000-0000-4000-8000-0000000000ff");
	assert_non_null(a);
	move_key_make(a->key);
	ask(CALL_RECEIVE);
	if (said_code != 1)
		fail_msg("%s", said);
	assert_true(a->vm->process.pid > 0);
	said_code = 1;
	arriving_ask(a, CALL_ABORT, 3, &w);
	while (hv.vms)
		(void)event_base_loop(loop_base(hv.loop), EVLOOP_ONCE);
	turns();
	assert_int_equal(said_code, 0);
	assert_false(has_file("arrival.json"));
}

static void does_not_run_what_it_cannot_read(void **state)
{
	static const struct {
		const char *state;
		enum arrival_call call;
	} cases[] = { { "prepared", CALL_RECEIVE },
		      { "prepared", CALL_COMMIT },
		      { "opened", CALL_COMMIT } };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *record;

		record_make(cases[i].state, false);
		record = store_read(hv.store, "web", "arrival.json", &err);
		assert_int_equal(json_object_set_new(record, "machine", json_object()), 0);
		assert_int_equal(store_write(hv.store, "web", "arrival.json", record, &err), 0);
		json_decref(record);
		restart();
		assert_null(hv.vms);
		ask(cases[i].call);
		assert_int_equal(said_code, -EIO);
		assert_non_null(strstr(said, "cannot be read"));
		assert_true(has_file("arrival.json"));
	}
}

static void knows_no_machine_by_a_record_that_it_cannot_read(void **state)
{
	struct xvs_error err = ERROR_INIT;
	json_t *nothing = json_object();

	(void)state;
	record_make("prepared", false);
	assert_int_equal(store_write(hv.store, "web", "arrival.json", nothing, &err), 0);
	json_decref(nothing);
	restart();
	assert_null(hv.vms);
}

static void is_ended_by_a_person_when_the_other_host_is_off(void **state)
{
	(void)state;
	record_make("prepared", false);
	restart();
	/* nothing is done where xvsd cannot be asked whether the ports are open */
	said[0] = '\0';
	arriving_resolve(hv_find(&hv, "web"), true, on_done, NULL);
	turns();
	assert_non_null(strstr(said, "xvsd"));
	assert_non_null(hv_find(&hv, "web")->arriving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(takes_what_fits),
		T(names_every_reason),
		T(takes_whatever_a_processor_offers_between_equals_only),
		T(opens_files_of_named_folders_only),
		T(refuses_by_a_reason_that_is_too_long),
		T(wants_disks_where_they_do_not_come_along),
		T(wants_a_machine_that_is_none_of_ours),
		T(wants_disks_that_are_none_of_ours),
		T(refuses_what_is_no_machine),
		T(refuses_a_definition_that_leaves_something_open),
		T(waits_while_it_is_prepared),
		T(starts_what_was_opened),
		T(starts_nothing_that_has_moved_on),
		T(leaves_nothing_when_it_does_not_come),
		T(ends_a_qemu_that_does_not_come_up_when_it_is_told),
		T(does_not_run_what_it_cannot_read),
		T(knows_no_machine_by_a_record_that_it_cannot_read),
		T(is_ended_by_a_person_when_the_other_host_is_off),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
