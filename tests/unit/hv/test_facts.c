/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU says of itself, and what follows for a definition.
 * links: xvs_hv xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "facts.h"

static char dir[TEST_PATH];
static char program[TEST_PATH + 16];
static struct loop *loop;

static int setup(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	if (!test_temp_dir(dir) || loop_create(&loop, &err))
		return -1;
	(void)snprintf(program, sizeof(program), "%s/qemu", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(loop);
	test_temp_remove(dir);
	return 0;
}

/* A program that says this when it is asked for its version, machines and processors. */
static void read_of(struct facts *f, const char *version, const char *machines, const char *models)
{
	const struct user us = { .is_us = true };
	FILE *file = fopen(program, "w");

	assert_non_null(file);
	(void)fprintf(file,
		      "#!/bin/sh\ncase $1 in\n--version) %s;;\n-machine) %s;;\n-cpu) %s;;\nesac\n",
		      version, machines, models);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(program, 0700), 0);
	facts_read(f, program, &us, loop);
}

static void reads_what_qemu_says(void **state)
{
	struct facts f;

	(void)state;
	read_of(&f, "echo 'QEMU emulator version 7.2.22 (Debian 1:7.2)'",
		"printf '%s\\n' 'Supported machines are:' "
		"'pc                   Standard PC (alias of pc-i440fx-7.2)' "
		"'pc-i440fx-7.2        Standard PC (default)' "
		"'q35                  Standard PC (alias of pc-q35-7.2)'",
		"printf '%s\\n' 'Available CPUs:' 'x86 Nehalem-v2  (IBRS)' 'x86 qemu64' '' "
		"'Recognized CPUID flags:' '  x86 3dnow'");
	assert_string_equal(f.version, "7.2.22");
	assert_string_equal(f.machines[0], "pc-i440fx-7.2");
	assert_string_equal(f.machines[1], "pc-q35-7.2");
	assert_string_equal(f.problem, "");
	assert_true(facts_has_cpu(&f, "qemu64") && facts_has_cpu(&f, "Nehalem-v2"));
	assert_false(facts_has_cpu(&f, "Pentium9") || facts_has_cpu(&f, "3dnow"));
	facts_finish(&f);
}

static void does_without_a_qemu_that_fails(void **state)
{
	struct facts f;

	(void)state;
	read_of(&f, "exit 3", ":", ":");
	assert_string_equal(f.version, "");
	assert_non_null(strstr(f.problem, "it ended with 3"));
	facts_finish(&f);
	read_of(&f, "echo version 7.2", "exit 1", ":");
	assert_string_equal(f.version, "");
	facts_finish(&f);
}

/* Lines without an end, numbers of any length, aliases of nothing. */
static void believes_nothing_odd(void **state)
{
	struct facts f;

	(void)state;
	read_of(&f, "printf 'version '; head -c 5000 /dev/zero | tr '\\0' 9",
		"printf 'pc (alias of '; head -c 5000 /dev/zero | tr '\\0' x; echo; printf 'q35 x'",
		"printf 'x86 '; head -c 5000 /dev/zero | tr '\\0' y");
	assert_string_equal(f.version, "");
	assert_true(strlen(f.machines[0]) < SPEC_TEXT);
	assert_string_equal(f.machines[1], "");
	facts_finish(&f);
}

static void says_why_there_is_no_kvm(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct facts f = { .accel = { .is_usable = false, .reason = "no reason" } };
	bool is_kvm = true;

	(void)state;
	assert_true(facts_is_kvm(&f, ACCEL_AUTO, &is_kvm, &err));
	assert_false(is_kvm);
	assert_false(facts_is_kvm(&f, ACCEL_KVM, &is_kvm, &err));
	assert_non_null(strstr(err.text, "no reason"));
	f.accel.is_usable = true;
	assert_true(facts_is_kvm(&f, ACCEL_KVM, &is_kvm, &err));
	assert_true(is_kvm);
	assert_true(facts_is_kvm(&f, ACCEL_TCG, &is_kvm, &err));
	assert_false(is_kvm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_qemu_says, setup, teardown),
		cmocka_unit_test_setup_teardown(does_without_a_qemu_that_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(believes_nothing_odd, setup, teardown),
		cmocka_unit_test_setup_teardown(says_why_there_is_no_kvm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
