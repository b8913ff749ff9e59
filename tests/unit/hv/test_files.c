/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that an operator brought: whose they are while a machine has them, and afterwards.
 * links: xvs_hv xvs_rpc xvs_tls xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "vm.h"

enum { OPERATOR = 4711, MACHINE = 2000000007, SOMEBODY = 4712, THERE = 1900000001 };

static char dir[TEST_PATH];
static struct hv hv;
static struct vm *vm;

static void path_of(const char *name, char out[SPEC_PATH])
{
	(void)snprintf(out, SPEC_PATH, "%s/%s", dir, name);
}

static void disk_make(const char *name, uid_t uid, mode_t mode)
{
	char path[SPEC_PATH];
	FILE *f;

	path_of(name, path);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fclose(f);
	assert_int_equal(chown(path, uid, uid), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static uid_t owner_of(const char *name)
{
	char path[SPEC_PATH];
	struct stat st;

	path_of(name, path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_uid;
}

static int set_up(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct vm_spec spec = { .name = "web", .disk_count = 2 };
	char path[TEST_PATH + 16];

	(void)state;
	(void)test_temp_dir(dir);
	memset(&hv, 0, sizeof(hv));
	(void)snprintf(path, sizeof(path), "%s/state", dir);
	hv.users[0] = MACHINE - 7;
	hv.users[1] = MACHINE + 100;
	if (loop_create(&hv.loop, &err) || store_open(path, &hv.store, &err))
		return -1;
	(void)strcpy(spec.disks[0].name, "root");
	(void)strcpy(spec.disks[1].name, "data");
	path_of("root.raw", spec.disks[0].file);
	path_of("data.raw", spec.disks[1].file);
	vm = vm_create(&hv, &spec);
	vm->user = (struct user){ .name = "2000000007", .uid = MACHINE, .gid = MACHINE };
	disk_make("root.raw", OPERATOR, 0644);
	disk_make("data.raw", OPERATOR, 0600);
	return store_make(hv.store, "web", getuid(), getgid(), &err);
}

static int tear_down(void **state)
{
	struct loop *loop = hv.loop;
	char command[TEST_PATH + 16];

	(void)state;
	vm_destroy(vm);
	hv_finish(&hv);
	loop_destroy(loop);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): the folder is our own */
}

static void settle(void)
{
	struct xvs_error err = ERROR_INIT;

	if (files_settle(vm, &err))
		fail_msg("%s", err.text);
}

static void give_back(int code)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(files_return(vm, &err), code);
	assert_int_equal(err.text[0] != '\0', code != 0);
}

static void are_the_machines_and_go_back(void **state)
{
	(void)state;
	settle();
	settle();
	assert_int_equal(owner_of("root.raw"), MACHINE);
	assert_int_equal(owner_of("data.raw"), MACHINE);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), OPERATOR);
	assert_int_equal(owner_of("data.raw"), OPERATOR);
}

static void go_back_when_the_definition_drops_them(void **state)
{
	(void)state;
	settle();
	vm->spec.disk_count = 1;
	settle();
	assert_int_equal(owner_of("root.raw"), MACHINE);
	assert_int_equal(owner_of("data.raw"), OPERATOR);
}

static void are_left_alone_where_they_need_not_change(void **state)
{
	char path[SPEC_PATH];
	char other[SPEC_PATH];

	(void)state;
	vm->spec.disks[0].is_read_only = true;
	disk_make("data.raw", OPERATOR, 0666);
	settle();
	assert_int_equal(owner_of("root.raw"), OPERATOR);
	assert_int_equal(owner_of("data.raw"), OPERATOR);
	disk_make("data.raw", OPERATOR, 0660);
	vm->user.groups[vm->user.group_count++] = OPERATOR;
	settle();
	assert_int_equal(owner_of("data.raw"), OPERATOR);
	vm->user.group_count = 0;
	path_of("data.raw", path);
	path_of("second.raw", other);
	assert_int_equal(link(path, other), 0);
	settle();
	assert_int_equal(owner_of("data.raw"), OPERATOR);
	assert_int_equal(unlink(other), 0);
	settle();
	assert_int_equal(owner_of("data.raw"), MACHINE);
}

static void stay_as_they_are_where_the_settings_say_so(void **state)
{
	(void)state;
	hv.settings.is_ownership_static = true;
	settle();
	assert_int_equal(owner_of("root.raw"), OPERATOR);
}

static void are_not_taken_back_from_somebody_else(void **state)
{
	char path[SPEC_PATH];

	(void)state;
	settle();
	path_of("root.raw", path);
	assert_int_equal(chown(path, SOMEBODY, (gid_t)-1), 0);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), SOMEBODY);
	assert_int_equal(owner_of("data.raw"), OPERATOR);
}

/* ---- of a machine that comes from another host ------------------------------------------------- */

static void leave(void)
{
	struct xvs_error err = ERROR_INIT;

	if (files_leave(vm, &err))
		fail_msg("%s", err.text);
}

/* Whose they are at the other host, and what that says of both. */
static void comes(uid_t user, uid_t told_owner, uid_t told_user)
{
	const struct ownership told[SPEC_DISKS] = { { told_owner, told_user },
						    { told_owner, told_user } };
	struct xvs_error err = ERROR_INIT;

	disk_make("root.raw", user, 0644);
	disk_make("data.raw", user, 0600);
	if (files_expect(vm, told, &err))
		fail_msg("%s", err.text);
	settle();
	assert_int_equal(owner_of("root.raw"), MACHINE);
	assert_int_equal(owner_of("data.raw"), MACHINE);
}

static void go_back_to_who_brought_them_to_another_host(void **state)
{
	const uid_t users[] = { THERE, MACHINE + 1, MACHINE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		comes(users[i], OPERATOR, users[i]);
		settle(); /* a start later */
		give_back(0);
		assert_int_equal(owner_of("root.raw"), OPERATOR);
		assert_int_equal(owner_of("data.raw"), OPERATOR);
	}
}

static void stay_the_other_hosts_where_the_machine_does_not_come(void **state)
{
	const uid_t users[] = { THERE, MACHINE + 1, MACHINE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		comes(users[i], OPERATOR, users[i]);
		leave();
		assert_int_equal(owner_of("root.raw"), users[i]);
		assert_int_equal(owner_of("data.raw"), users[i]);
	}
	comes(THERE, OPERATOR, THERE); /* what was tried before says nothing any more */
	leave();
	comes(THERE, 0, 0);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), THERE);
}

/* Of somebody's file it says that it was given away, or that a machine of ours brought it. */
static void another_host_may_not_say_anything(void **state)
{
	(void)state;
	comes(SOMEBODY, OPERATOR, THERE);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), SOMEBODY);
	comes(THERE, MACHINE + 1, THERE);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), THERE);
}

static void tell_who_brought_them(void **state)
{
	char path[SPEC_PATH];
	struct ownership o;

	(void)state;
	path_of("root.raw", path);
	assert_false(files_owner(vm, path, &o));
	settle();
	assert_true(files_owner(vm, path, &o));
	assert_int_equal(o.owner, OPERATOR);
	assert_int_equal(o.user, MACHINE);
}

/* A machine that has the first one's disk now. */
static struct vm *second_make(struct vm *first)
{
	struct vm_spec spec = { .name = "db", .disk_count = 1 };
	struct xvs_error err = ERROR_INIT;
	struct vm *second;

	first->spec.disk_count = 0;
	(void)strcpy(spec.disks[0].name, "root");
	path_of("root.raw", spec.disks[0].file);
	second = vm_create(&hv, &spec);
	second->user = (struct user){ .name = "2000000008", .uid = MACHINE + 1, .gid = MACHINE };
	assert_int_equal(store_make(hv.store, "db", getuid(), getgid(), &err), 0);
	hv.vms = first;
	return second;
}

/* The first one's user is of another range, as before that was changed. */
static void never_go_back_to_a_user_of_another_range(void **state)
{
	struct vm *first = vm;

	(void)state;
	vm->user.uid = SOMEBODY;
	settle();
	assert_int_equal(owner_of("root.raw"), SOMEBODY);
	vm = second_make(first);
	settle();
	assert_int_equal(owner_of("root.raw"), MACHINE + 1);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), OPERATOR);
	hv.vms = NULL;
	vm_destroy(vm);
	vm = first;
}

/* Taken out of one machine's definition and put into another's, and the second is undefined first. */
static void never_go_back_to_another_machine(void **state)
{
	struct vm *first = vm;

	(void)state;
	settle();
	vm = second_make(first);
	settle();
	assert_int_equal(owner_of("root.raw"), MACHINE + 1);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), OPERATOR);
	/* one whose record nobody has */
	disk_make("root.raw", MACHINE + 2, 0600);
	settle();
	give_back(0);
	assert_int_equal(owner_of("root.raw"), 0);
	hv.vms = NULL;
	vm_destroy(vm);
	vm = first;
	give_back(0);
	assert_int_equal(owner_of("root.raw"), 0);
	assert_int_equal(owner_of("data.raw"), OPERATOR);
}

/* xvs-hv ended before it had written who the machine's user is. */
static void go_back_though_the_user_was_forgotten(void **state)
{
	(void)state;
	settle();
	vm->user = (struct user){ .name = "nobody", .uid = 65534, .gid = 65534 };
	give_back(0);
	assert_int_equal(owner_of("root.raw"), OPERATOR);
}

static void are_remembered_until_they_could_be_given_back(void **state)
{
	(void)state;
	settle();
	assert_int_equal(chmod(dir, 0777), 0); /* the machine could have put another file there */
	give_back(-EPERM);
	assert_int_equal(owner_of("root.raw"), MACHINE);
	assert_int_equal(chmod(dir, 0755), 0);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), OPERATOR);
}

static void are_remembered_while_they_have_a_second_name(void **state)
{
	char path[SPEC_PATH];
	char other[SPEC_PATH];

	(void)state;
	settle();
	path_of("root.raw", path);
	path_of("second.raw", other);
	assert_int_equal(link(path, other), 0);
	give_back(-EMLINK);
	assert_int_equal(owner_of("root.raw"), MACHINE);
	assert_int_equal(unlink(other), 0);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), OPERATOR);
}

/* As an older xvs-hv wrote it. */
static void old_record_write(void)
{
	struct xvs_error err = ERROR_INIT;
	char path[SPEC_PATH];
	json_t *record;

	path_of("root.raw", path);
	record = json_pack("{s:i}", path, SOMEBODY);
	assert_int_equal(store_write(hv.store, "web", "owners.json", record, &err), 0);
	json_decref(record);
}

static void go_back_by_an_old_record(void **state)
{
	(void)state;
	settle();
	old_record_write();
	give_back(0);
	assert_int_equal(owner_of("root.raw"), SOMEBODY);
}

/* The machine has got another user since. */
static void keep_the_owner_of_an_old_record(void **state)
{
	(void)state;
	settle();
	old_record_write();
	vm->user = (struct user){ .name = "2000000008", .uid = MACHINE + 1, .gid = MACHINE + 1 };
	settle();
	assert_int_equal(owner_of("root.raw"), MACHINE + 1);
	give_back(0);
	assert_int_equal(owner_of("root.raw"), SOMEBODY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(are_the_machines_and_go_back),
		TEST(go_back_when_the_definition_drops_them),
		TEST(are_left_alone_where_they_need_not_change),
		TEST(stay_as_they_are_where_the_settings_say_so),
		TEST(are_not_taken_back_from_somebody_else),
		TEST(never_go_back_to_another_machine),
		TEST(never_go_back_to_a_user_of_another_range),
		TEST(go_back_though_the_user_was_forgotten),
		TEST(are_remembered_until_they_could_be_given_back),
		TEST(are_remembered_while_they_have_a_second_name),
		TEST(go_back_by_an_old_record),
		TEST(keep_the_owner_of_an_old_record),
		TEST(go_back_to_who_brought_them_to_another_host),
		TEST(stay_the_other_hosts_where_the_machine_does_not_come),
		TEST(another_host_may_not_say_anything),
		TEST(tell_who_brought_them),
	};

	if (geteuid() != 0) {
		(void)puts("skipped: only root gives files away");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
