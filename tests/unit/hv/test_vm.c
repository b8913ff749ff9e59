/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a machine, with a QEMU that does what it is told (fake_qemu.h).
 * links: xvs_hv xvs_rpc xvs_tls xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <event2/event.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/yaml.h"
#include "definition.h"
#include "fake_qemu.h"
#include "vm.h"

static struct {
	char dir[TEST_PATH];
	struct hv hv;
	char program[PATH_MAX];
} w;

static struct {
	bool is_over;
	int code;
	char text[1024];
} done;

static void on_done(void *arg, int code, const char *text)
{
	(void)arg;
	done.is_over = true;
	done.code = code;
	(void)str_copy(done.text, sizeof(done.text), text);
}

/* ---- the host core --------------------------------------------------------------------------- */

static void core_start(void)
{
	struct xvs_error err = ERROR_INIT;
	char path[TEST_PATH + 16];

	assert_int_equal(loop_create(&w.hv.loop, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/state", w.dir);
	assert_int_equal(store_open(path, &w.hv.store, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/xvs.sock", w.dir);
	w.hv.sw = switch_create(w.hv.loop, path);
	assert_int_equal(user_find(NULL, &w.hv.user, &err), 0);
	(void)snprintf(w.hv.run, sizeof(w.hv.run), "%.40s/run", w.dir);
	(void)mkdir(w.hv.run, 0700);
	(void)str_copy(w.hv.facts.qemu, sizeof(w.hv.facts.qemu), w.program);
	(void)str_copy(w.hv.facts.version, sizeof(w.hv.facts.version), "7.2.22");
	(void)str_copy(w.hv.facts.machines[0], SPEC_TEXT, "pc-i440fx-7.2");
	(void)str_copy(w.hv.facts.machines[1], SPEC_TEXT, "pc-q35-7.2");
}

/* As if it were killed: QEMUs go on. */
static void core_end(void)
{
	struct loop *loop = w.hv.loop;

	hv_finish(&w.hv);
	loop_destroy(loop);
	memset(&w.hv, 0, sizeof(w.hv));
}

static int setup(void **state)
{
	static const char *const variables[] = { "FAKE_REFUSES", "FAKE_DIES", "FAKE_DEAF",
						 "FAKE_JOB" };

	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
	if (!test_temp_dir(w.dir))
		return -1;
	core_start();
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	for (const struct vm *vm = w.hv.vms; vm; vm = vm->next)
		process_kill(&vm->process, SIGKILL);
	core_end();
	return nftw(w.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void turn(void)
{
	(void)event_base_loop(loop_base(w.hv.loop), EVLOOP_ONCE);
}

static void wait_done(void)
{
	while (!done.is_over)
		turn();
}

#define DO(verb, ...) \
	do { \
		done.is_over = false; \
		verb(__VA_ARGS__, on_done, &done); \
		wait_done(); \
	} while (0)
#define DOES(verb, ...) \
	do { \
		DO(verb, __VA_ARGS__); \
		if (done.code) \
			fail_msg("%s: %s", #verb, done.text); \
	} while (0)
#define REFUSES(why, verb, ...) \
	do { \
		DO(verb, __VA_ARGS__); \
		assert_true(done.code < 0); \
		if (!strstr(done.text, why)) \
			fail_msg("%s: \"%s\" does not say \"%s\"", #verb, done.text, why); \
	} while (0)

static void spec_make(struct vm_spec *out, const char *more)
{
	const char *const machines[2] = { w.hv.facts.machines[0], w.hv.facts.machines[1] };
	struct diags d = { .count = 0 };
	struct node *root;
	char text[600];

	(void)snprintf(text, sizeof(text),
		       "{name: web, memory: 64M, generation: 1, accel: tcg, shutdown: 1, %s}",
		       more);
	root = yaml_read(text, strlen(text), &d);
	assert_non_null(root);
	assert_true(definition_read(root, out, &d));
	node_destroy(root);
	definition_complete(out, machines);
}

static struct vm *vm_new(const char *more)
{
	struct vm_spec spec;
	struct vm *vm;

	spec_make(&spec, more);
	vm = vm_create(&w.hv, &spec);
	assert_non_null(vm);
	vm->next = w.hv.vms;
	w.hv.vms = vm;
	return vm;
}

static struct vm *vm_defined(const char *more)
{
	struct vm *vm = vm_new(more);

	DOES(vm_define, vm);
	return vm;
}

static void wait_state(const struct vm *vm, enum vm_state state)
{
	while (vm->state != state || vm->job.what)
		turn();
}

/* ---- the state directory ---------------------------------------------------------------------- */

static json_t *kept(const char *file)
{
	struct xvs_error err = ERROR_INIT;

	return store_read(w.hv.store, "web", file, &err);
}

static json_int_t kept_pid(void)
{
	json_t *j = kept("state.json");
	json_int_t pid = json_integer_value(json_object_get(j, "pid"));

	json_decref(j);
	return pid;
}

static bool is_kept(const char *key)
{
	json_t *j = kept("state.json");
	bool is = json_is_true(json_object_get(j, key));

	json_decref(j);
	return is;
}

/* What is written beside it, to take its place, is a folder. */
static void record_obstruct(const char *file, bool is_obstructed)
{
	char path[TEST_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/state/vms/web/%s.new", w.dir, file);
	assert_int_equal(is_obstructed ? mkdir(path, 0700) : rmdir(path), 0);
}

static bool is_there(const char *path)
{
	char whole[TEST_PATH + 64];

	(void)snprintf(whole, sizeof(whole), "%s/state/vms/%s", w.dir, path);
	return access(whole, F_OK) == 0;
}

/* ---- tests -------------------------------------------------------------------------------------- */

static void starts_and_ends_in_order(void **state)
{
	struct vm *vm = vm_defined("restart: on-failure");
	pid_t pid;

	(void)state;
	DOES(vm_start, vm);
	assert_int_equal(vm->state, VM_RUNNING);
	pid = vm->process.pid;
	assert_int_equal(kept_pid(), pid);
	assert_true(is_kept("wanted"));
	REFUSES("running already", vm_start, vm);
	DOES(vm_pause, vm);
	assert_int_equal(vm->state, VM_PAUSED);
	DOES(vm_resume, vm);
	DOES(vm_stop, vm);
	assert_int_equal(vm->state, VM_STOPPED);
	assert_int_equal(kept_pid(), 0);
	assert_false(is_kept("wanted"));
	assert_int_equal(vm->restart_ns, 0);
	REFUSES("does not run", vm_pause, vm);
}

static void starts_nothing_that_cannot_be_written_down(void **state)
{
	struct vm *vm = vm_defined("restart: never");

	(void)state;
	record_obstruct("state.json", true);
	REFUSES("state.json", vm_start, vm);
	assert_int_equal(vm->state, VM_STOPPED);
	assert_int_equal(vm->process.pid, 0);
	record_obstruct("state.json", false);
	DOES(vm_start, vm);
	DOES(vm_kill, vm);
}

static void says_what_it_could_not_write_down_until_it_could(void **state)
{
	struct vm *vm = vm_defined("restart: never");

	(void)state;
	DOES(vm_start, vm);
	record_obstruct("state.json", true);
	DOES(vm_kill, vm);
	assert_true(vm->is_unkept);
	assert_non_null(strstr(vm->problem, "cannot be written down"));
	assert_true(kept_pid() > 0);
	record_obstruct("state.json", false);
	loop_timer_arm(vm->keep, 0);
	while (vm->is_unkept)
		turn();
	assert_int_equal(kept_pid(), 0);
}

static void leaves_nothing_of_a_refused_definition(void **state)
{
	struct vm *vm =
		vm_new("disks: [{name: a, size: 1M}, {name: b, file: /nowhere/b, size: 1M}]");

	(void)state;
	REFUSES("/nowhere/b", vm_define, vm);
	assert_null(hv_find(&w.hv, "web"));
	assert_false(is_there("web"));
}

static void is_what_it_was_after_a_refused_change(void **state)
{
	struct vm *vm = vm_defined("cpus: 2");
	struct vm_spec spec;
	json_t *was = kept("definition.json");
	json_t *now;

	(void)state;
	spec_make(&spec,
		  "cpus: 3, disks: [{name: a, size: 1M}, {name: b, file: /nowhere/b, size: 1M}]");
	REFUSES("/nowhere/b", vm_redefine, vm, &spec);
	assert_int_equal(vm->spec.cpus, 2);
	assert_int_equal(vm->spec.disk_count, 0);
	assert_false(is_there("web/disks/a.qcow2"));
	spec_make(&spec, "cpus: 3, disks: [{name: a, size: 1M}]");
	record_obstruct("definition.json", true);
	REFUSES("definition.json", vm_redefine, vm, &spec);
	record_obstruct("definition.json", false);
	assert_int_equal(vm->spec.cpus, 2);
	assert_false(is_there("web/disks/a.qcow2"));
	now = kept("definition.json");
	assert_true(json_equal(was, now));
	json_decref(was);
	json_decref(now);
	spec_make(&spec, "cpus: 3");
	DOES(vm_redefine, vm, &spec);
	assert_int_equal(vm->spec.cpus, 3);
}

static void is_found_again_by_the_next_core(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vm = vm_defined("restart: never");
	pid_t pid;

	(void)state;
	DOES(vm_start, vm);
	pid = vm->process.pid;
	core_end();
	core_start();
	assert_int_equal(hv_restore(&w.hv, &err), 0);
	vm = hv_find(&w.hv, "web");
	assert_non_null(vm);
	wait_state(vm, VM_RUNNING);
	assert_int_equal(vm->process.pid, pid);
	assert_true(vm->is_adopted);
	DOES(vm_kill, vm);
}

static void comes_back_after_a_crash_if_it_is_to(void **state)
{
	struct vm *vm = vm_defined("restart: on-failure");
	pid_t pid;

	(void)state;
	DOES(vm_start, vm);
	pid = vm->process.pid;
	process_kill(&vm->process, SIGKILL);
	while (vm->state != VM_RUNNING || vm->process.pid == pid)
		turn();
	DOES(vm_kill, vm);
	assert_int_equal(vm->restart_ns, 0);
}

static void does_not_run_where_qemu_refuses(void **state)
{
	struct vm *vm = vm_defined("restart: never");

	(void)state;
	(void)setenv("FAKE_REFUSES", "cont", 1);
	REFUSES("told to refuse", vm_start, vm);
	wait_state(vm, VM_STOPPED);
	assert_int_equal(vm->process.pid, 0);
	(void)unsetenv("FAKE_REFUSES");
	(void)setenv("FAKE_DIES", "cont", 1);
	REFUSES("QEMU", vm_start, vm);
	wait_state(vm, VM_STOPPED);
	assert_int_equal(vm->state, VM_STOPPED);
}

static void switches_a_deaf_guest_off(void **state)
{
	struct vm *vm = vm_defined("restart: never");

	(void)state;
	(void)setenv("FAKE_DEAF", "1", 1);
	DOES(vm_start, vm);
	DOES(vm_stop, vm);
	assert_int_equal(vm->state, VM_STOPPED);
	assert_non_null(strstr(vm->problem, "switched off"));
}

static void is_saved_whole_or_goes_on(void **state)
{
	struct vm *vm = vm_defined("restart: on-failure");

	(void)state;
	DOES(vm_start, vm);
	(void)setenv("FAKE_REFUSES", "migrate", 1);
	DOES(vm_kill, vm);
	DOES(vm_start, vm);
	REFUSES("it is as it was", vm_save, vm);
	wait_state(vm, VM_RUNNING);
	(void)unsetenv("FAKE_REFUSES");
	DOES(vm_kill, vm);
	DOES(vm_start, vm);
	record_obstruct("state.json", true);
	REFUSES("state.json", vm_save, vm);
	while (vm->state != VM_RUNNING)
		turn();
	assert_false(vm->has_saved_state);
	assert_true(vm->is_wanted);
	assert_false(is_there("web/memory"));
	record_obstruct("state.json", false);
	DOES(vm_save, vm);
	assert_true(vm->has_saved_state && is_there("web/memory"));
	assert_string_equal(vm_state_name(vm), "saved");
	DOES(vm_start, vm);
	assert_false(vm->has_saved_state || is_there("web/memory"));
	DOES(vm_save, vm);
	DOES(vm_discard, vm);
	assert_false(vm->has_saved_state || is_there("web/memory"));
}

static const char *checkpoint_state(const struct vm *vm)
{
	const json_t *one = json_array_get(vm->checkpoints, 0);

	return !one ? "none" : json_object_get(one, "unfinished") ? "unfinished" : "whole";
}

static void lists_the_checkpoints_that_there_are(void **state)
{
	struct vm *vm = vm_defined("restart: never, disks: [{name: a, size: 1M}]");

	(void)state;
	DOES(vm_start, vm);
	record_obstruct("state.json", true);
	REFUSES("state.json", vm_checkpoint, vm, CHECKPOINT_SAVE, "one");
	assert_string_equal(checkpoint_state(vm), "none");
	record_obstruct("state.json", false);
	DOES(vm_checkpoint, vm, CHECKPOINT_SAVE, "one");
	assert_string_equal(checkpoint_state(vm), "whole");
	assert_int_equal(vm->state, VM_RUNNING);
	DOES(vm_checkpoint, vm, CHECKPOINT_REVERT, "one");
	record_obstruct("state.json", true);
	REFUSES("stays in the list", vm_checkpoint, vm, CHECKPOINT_DELETE, "one");
	assert_string_equal(checkpoint_state(vm), "whole");
	record_obstruct("state.json", false);
	DOES(vm_checkpoint, vm, CHECKPOINT_DELETE, "one");
	assert_string_equal(checkpoint_state(vm), "none");
	DOES(vm_kill, vm);
	(void)setenv("FAKE_JOB", "the disk is full", 1);
	DOES(vm_start, vm);
	REFUSES("the disk is full", vm_checkpoint, vm, CHECKPOINT_SAVE, "two");
	assert_string_equal(checkpoint_state(vm), "none");
	DOES(vm_kill, vm);
	(void)setenv("FAKE_DIES", "snapshot-save", 1);
	DOES(vm_start, vm);
	REFUSES("QEMU", vm_checkpoint, vm, CHECKPOINT_SAVE, "two");
	wait_state(vm, VM_STOPPED);
	assert_string_equal(checkpoint_state(vm), "unfinished");
	(void)unsetenv("FAKE_DIES");
	DOES(vm_start, vm);
	REFUSES("never finished", vm_checkpoint, vm, CHECKPOINT_REVERT, "two");
	DOES(vm_kill, vm);
}

static void gives_each_machine_a_user_of_its_own(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vms[3];

	(void)state;
	w.hv.users[0] = 2000000000;
	w.hv.users[1] = 2000000001;
	for (size_t i = 0; i < 3; i++) {
		vms[i] = vm_new("restart: never");
		(void)snprintf(vms[i]->spec.name, SPEC_NAME, "vm%zu", i);
		assert_int_equal(vm_user_settle(vms[i], &err) == 0, i < 2);
	}
	assert_non_null(strstr(err.text, "all 2 users"));
	assert_int_not_equal(vms[0]->user.uid, vms[1]->user.uid);
	assert_true(vms[0]->user.uid >= 2000000000 && vms[0]->user.uid <= 2000000001);
	/* who has one keeps it, and where there is no range all are alike */
	w.hv.users[1] = 2000000009;
	assert_int_equal(vm_user_settle(vms[2], &err), 0);
	assert_true(vms[2]->user.uid != vms[0]->user.uid && vms[2]->user.uid != vms[1]->user.uid);
	w.hv.users[0] = 0;
	assert_int_equal(vm_user_settle(vms[0], &err), 0);
	assert_int_equal(vms[0]->user.uid, w.hv.user.uid);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(starts_and_ends_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(starts_nothing_that_cannot_be_written_down, setup,
						teardown),
		cmocka_unit_test_setup_teardown(says_what_it_could_not_write_down_until_it_could,
						setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_nothing_of_a_refused_definition, setup,
						teardown),
		cmocka_unit_test_setup_teardown(is_what_it_was_after_a_refused_change, setup,
						teardown),
		cmocka_unit_test_setup_teardown(is_found_again_by_the_next_core, setup, teardown),
		cmocka_unit_test_setup_teardown(comes_back_after_a_crash_if_it_is_to, setup,
						teardown),
		cmocka_unit_test_setup_teardown(does_not_run_where_qemu_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(switches_a_deaf_guest_off, setup, teardown),
		cmocka_unit_test_setup_teardown(is_saved_whole_or_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_the_checkpoints_that_there_are, setup,
						teardown),
		cmocka_unit_test_setup_teardown(gives_each_machine_a_user_of_its_own, setup,
						teardown),
	};
	ssize_t len = readlink("/proc/self/exe", w.program, sizeof(w.program) - 1);

	fake_qemu(argc, argv);
	(void)signal(SIGPIPE, SIG_IGN); /* as xvs-hv does: QEMU may be gone */
	return len > 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
