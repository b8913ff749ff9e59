/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory: files that are whole, folders that are machines.
 * links: xvs_hv xvs_base pkg::jansson
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

static char dir[TEST_PATH];
static struct store *store;

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	return test_temp_dir(dir) && store_open(dir, &store, &err) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	char path[TEST_PATH + 8];

	(void)state;
	store_close(store);
	(void)snprintf(path, sizeof(path), "%s/vms", dir);
	(void)rmdir(path);
	test_temp_remove(dir);
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[TEST_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/vms/%s", dir, name);
	return path;
}

static void file_put(const char *name, const char *text)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void is_one_core_s(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct store *other;

	(void)state;
	assert_int_equal(store_open(dir, &other, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another xvs-hv"));
}

static void reads_what_was_written_last(void **state)
{
	struct xvs_error err = ERROR_INIT;
	json_t *value = json_pack("{s:i}", "a", 1);
	json_t *read;

	(void)state;
	assert_int_equal(store_make(store, "web", getuid(), getgid(), &err), 0);
	assert_null(store_read(store, "web", "x.json", &err));
	assert_int_equal(err.code, 0);
	assert_int_equal(store_write(store, "web", "x.json", value, &err), 0);
	(void)json_object_set_new(value, "a", json_integer(2));
	assert_int_equal(store_write(store, "web", "x.json", value, &err), 0);
	read = store_read(store, "web", "x.json", &err);
	assert_true(json_equal(read, value));
	json_decref(read);
	/* what cannot be written leaves what was */
	assert_int_equal(mkdir(path_of("web/x.json.new"), 0700), 0);
	(void)json_object_set_new(value, "a", json_integer(3));
	assert_true(store_write(store, "web", "x.json", value, &err) < 0);
	read = store_read(store, "web", "x.json", &err);
	assert_int_equal(json_integer_value(json_object_get(read, "a")), 2);
	json_decref(read);
	json_decref(value);
	assert_int_equal(rmdir(path_of("web/x.json.new")), 0);
	assert_int_equal(store_remove(store, "web", &err), 0);
}

static void refuses_what_is_no_json(void **state)
{
	static const char *const odd[] = { "", "{", "{\"a\": 1, \"a\": 2}", "{} {}" };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(store_make(store, "web", getuid(), getgid(), &err), 0);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		file_put("web/x.json", odd[i]);
		err.code = 0;
		assert_null(store_read(store, "web", "x.json", &err));
		assert_int_equal(err.code, -EINVAL);
	}
	assert_int_equal(store_remove(store, "web", &err), 0);
}

static void removes_all_of_a_machine_and_nothing_else(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(store_make(store, "web", getuid(), getgid(), &err), 0);
	assert_int_equal(store_make(store, "other", getuid(), getgid(), &err), 0);
	file_put("other/kept", "kept");
	file_put("web/disks/root.qcow2", "disk");
	file_put("web/state.json", "{}");
	/* a link that a QEMU left there: it goes, what it shows stays */
	assert_int_equal(symlink("../../other", path_of("web/disks/link")), 0);
	assert_int_equal(store_remove(store, "web", &err), 0);
	assert_int_equal(access(path_of("web"), F_OK), -1);
	assert_int_equal(access(path_of("other/kept"), F_OK), 0);
	assert_int_equal(store_remove(store, "web", &err), 0);
	assert_int_equal(store_remove(store, "other", &err), 0);
}

static void takes_back_what_it_made(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(store_make(store, "web", getuid(), getgid(), &err), 0);
	file_put("web/state.json", "{}");
	store_unmake(store, "web");
	assert_int_equal(access(path_of("web"), F_OK), -1);
	/* but not what somebody has put there */
	assert_int_equal(store_make(store, "web", getuid(), getgid(), &err), 0);
	file_put("web/disks/root.qcow2", "disk");
	store_unmake(store, "web");
	assert_int_equal(access(path_of("web/disks/root.qcow2"), F_OK), 0);
	assert_int_equal(store_remove(store, "web", &err), 0);
}

static void on_found(void *arg, const char *name)
{
	(void)strcat(arg, name);
}

static void finds_machines_by_their_definition(void **state)
{
	struct xvs_error err = ERROR_INIT;
	char found[64] = "";

	(void)state;
	assert_int_equal(store_make(store, "web", getuid(), getgid(), &err), 0);
	assert_int_equal(store_make(store, "half", getuid(), getgid(), &err), 0);
	file_put("web/definition.json", "{}");
	assert_int_equal(store_each(store, "definition.json", on_found, found, &err), 0);
	assert_string_equal(found, "web");
	assert_int_equal(store_remove(store, "web", &err), 0);
	assert_int_equal(store_remove(store, "half", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_one_core_s, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_what_was_written_last, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_json, setup, teardown),
		cmocka_unit_test_setup_teardown(removes_all_of_a_machine_and_nothing_else, setup,
						teardown),
		cmocka_unit_test_setup_teardown(takes_back_what_it_made, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_machines_by_their_definition, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
