/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From file to extensions: what abi.h and extension.h promise about loading, with real files.
 * Every refusal is compared by its text, since that is all that an operator gets.
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext/file.h"
#include "ext/instance.h"
#include "ext/module.h"

#define MODULE(name) XVS_TEST_EXTENSIONS "/" name ".so"

static struct module *load(const char *path)
{
	struct xvs_error err = ERROR_INIT;
	struct module *m = NULL;

	if (module_load(path, NULL, interface_is_offered, &m, &err))
		fail_msg("%s", err.text);
	return m;
}

/* The sentence as an error holds it, which may be shorter where the build lies deep. */
static void assert_sentence(const struct xvs_error *err, char *want)
{
	if (strlen(want) >= sizeof(err->text))
		memcpy(want + sizeof(err->text) - 4, "...", 4);
	assert_string_equal(err->text, want);
}

static void refused(const char *path, int code, const char *why)
{
	struct xvs_error err = ERROR_INIT;
	struct module *m = NULL;
	char want[1024];

	(void)snprintf(want, sizeof(want), "%s: %s", path, why);
	assert_int_equal(module_load(path, NULL, interface_is_offered, &m, &err), code);
	assert_int_equal(err.code, code);
	assert_sentence(&err, want);
	assert_null(m);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	assert_int_equal(close(fd), 0);
}

static unsigned char *read_module(const char *path, size_t *size)
{
	struct xvs_error err = ERROR_INIT;
	void *bytes = NULL;

	if (file_read_path(path, &bytes, size, &err))
		fail_msg("%s", err.text);
	return bytes;
}

static void loads_extensions_of_each_class(void **state)
{
	struct module *m = load(MODULE("ext_good"));
	const struct module_note *note = module_note_of(m);
	const struct extension *all;
	uint32_t count;

	(void)state;
	all = module_extensions(m, &count);
	assert_string_equal(note->id, "com.example.good");
	assert_string_equal(note->version, "1.2.3");
	assert_int_equal(note->classes, 0x1e);
	assert_int_equal(note->rights, XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE);
	assert_string_equal(module_path(m), MODULE("ext_good"));
	assert_int_equal(count, 4);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(all[i].cls, XVS_INSPECT + i);
		assert_ptr_equal(all[i].module, m);
	}
	assert_string_equal(all[1].id, "com.example.good.filter");
	assert_int_equal(all[1].flags, XVS_EXT_POLICY_ONLY);
	assert_int_equal(all[1].linear, 128);
	assert_string_equal(all[1].reasons[1].name, "odd");
	assert_string_equal(all[1].counters[0].help, "packets seen");
	assert_string_equal(all[1].after[0], "com.example.other");
	assert_non_null(all[1].ops.create);
	assert_null(all[1].ops.ingress);
	module_put(m);
}

static void features_have_todays_strides_at_every_depth(void **state)
{
	struct module *m = load(MODULE("ext_good"));
	const struct xvs_feature *feature;
	const struct xvs_field *fields;
	const struct xvs_field *nested;
	uint32_t count;

	(void)state;
	feature = module_extensions(m, &count)[1].features;
	assert_string_equal(feature->id, "com.example.limits/1");
	assert_int_equal(feature->fields.stride, sizeof(struct xvs_field));
	assert_int_equal(feature->fields.count, 6);
	fields = feature->fields.items;
	assert_string_equal(fields[0].name, "rate_kbps");
	assert_string_equal(fields[5].name, "rules");
	assert_int_equal(fields[5].fields.stride, sizeof(struct xvs_field));
	nested = fields[5].fields.items;
	assert_string_equal(((const char *const *)nested[0].names.items)[2], "udp");
	module_put(m);
}

/* Rules 2 and 3: a longer element with zeros behind what we know is as good as a shorter one. */
static void newer_structures_with_zero_tails_are_taken(void **state)
{
	struct module *m = load(MODULE("ext_newer"));
	const struct extension *all;
	uint32_t count;

	(void)state;
	all = module_extensions(m, &count);
	assert_int_equal(count, 2);
	assert_string_equal(all[0].id, "com.example.newer.one");
	assert_string_equal(all[1].id, "com.example.newer.two");
	assert_int_equal(all[0].reason_count, 2);
	assert_string_equal(all[0].reasons[1].name, "second");
	module_put(m);
}

/* Rule 2: a demand must not be dropped in silence. */
static void unknown_data_is_refused_by_structure_and_byte(void **state)
{
	(void)state;
	refused(MODULE("ext_demanding"), -E2BIG,
		"extensions[0]: xvs_extension: byte 153 is not zero, and this host knows 152 bytes only");
	refused(MODULE("ext_demanding_label"), -E2BIG,
		"com.example.demanding: reasons[1]: xvs_label: byte 16 is not zero, and this host "
		"knows 16 bytes only");
}

static void another_major_is_refused_with_both_numbers(void **state)
{
	(void)state;
	refused(MODULE("ext_major2"), -EPROTONOSUPPORT,
		"needs ABI 2, this host offers ABI 1: use the vendor's build for it");
}

static void a_newer_minor_is_refused_with_both_numbers(void **state)
{
	(void)state;
	refused(MODULE("ext_minor7"), -EPROTONOSUPPORT,
		"needs ABI 1.7, this host offers 1.0: use a newer xvs");
}

static void a_module_must_have_a_note(void **state)
{
	(void)state;
	refused(MODULE("ext_no_note"), -ENOEXEC,
		"has no xvs note: not an extension, or built without XVS_NOTE");
}

static void a_module_must_export_its_symbol_as_data(void **state)
{
	(void)state;
	refused(MODULE("ext_no_symbol"), -ENOEXEC,
		"does not export the symbol xvs_module_1: declare it with XVS_EXPORT");
	refused(MODULE("ext_function"), -ENOEXEC, "exports xvs_module_1, but not as data");
}

static void unknown_rights_are_refused_by_their_bits(void **state)
{
	(void)state;
	refused(MODULE("ext_rights"), -EINVAL, "xvs_note.rights: unknown bits 0x40000000");
}

static void a_needed_interface_that_is_not_offered_is_named(void **state)
{
	(void)state;
	refused(MODULE("ext_needs"), -EOPNOTSUPP,
		"com.example.needs: needs the interface xvs.teleport/1, which this host does not offer");
}

static void a_refused_module_is_refused_again(void **state)
{
	a_needed_interface_that_is_not_offered_is_named(state);
	a_module_must_export_its_symbol_as_data(state);
}

static void what_is_no_file_is_refused(void **state)
{
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];

	(void)state;
	refused("/nonexistent/x.so", -ENOENT, "cannot be opened: No such file or directory");
	refused("/proc", -EINVAL, "is not a regular file");
	(void)snprintf(path, sizeof(path), "%s/empty.so", test_temp_dir(dir));
	write_file(path, "", 0);
	refused(path, -ENOEXEC, "is empty");
	write_file(path, "#!/bin/sh\n", 10);
	refused(path, -ENOEXEC, "is not an ELF file: not a shared object");
	test_temp_remove(dir);
}

/* The same bytes from two files are one module, counted. */
static void the_same_bytes_are_the_same_module(void **state)
{
	struct module *first = load(MODULE("ext_good"));
	struct module *second;
	unsigned char *bytes;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	size_t size;

	(void)state;
	bytes = read_module(MODULE("ext_good"), &size);
	(void)snprintf(path, sizeof(path), "%s/copy.so", test_temp_dir(dir));
	write_file(path, bytes, size);
	second = load(path);
	assert_ptr_equal(first, second);
	assert_string_equal(module_path(second), MODULE("ext_good"));
	module_put(first);
	assert_string_equal(module_path(second), MODULE("ext_good"));
	module_put(second);
	free(bytes);
	test_temp_remove(dir);
}

/* What was checked is what is mapped, whatever happens to the file. */
static void a_loaded_module_does_not_depend_on_its_file(void **state)
{
	unsigned char *bytes;
	const struct extension *all;
	struct module *m;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	uint32_t count;
	size_t size;

	(void)state;
	bytes = read_module(MODULE("ext_newer"), &size);
	(void)snprintf(path, sizeof(path), "%s/gone.so", test_temp_dir(dir));
	write_file(path, bytes, size);
	m = load(path);
	memset(bytes, 0xff, size);
	write_file(path, bytes, size);
	assert_int_equal(truncate(path, 10), 0);
	all = module_extensions(m, &count);
	assert_string_equal(all[1].summary, "For tests");
	module_put(m);
	free(bytes);
	test_temp_remove(dir);
}

static void only_an_unloadable_module_is_unmapped(void **state)
{
	struct module *m;

	(void)state;
	assert_int_equal(unsetenv("XVS_TEST_UNLOADED"), 0);
	m = load(MODULE("ext_unloadable"));
	assert_null(getenv("XVS_TEST_UNLOADED"));
	assert_ptr_equal(m, load(MODULE("ext_unloadable")));
	module_put(m);
	assert_null(getenv("XVS_TEST_UNLOADED"));
	module_put(m);
	assert_string_equal(getenv("XVS_TEST_UNLOADED"), "1");
	m = load(MODULE("ext_unloadable"));
	module_put(m);
}

/* Names under /proc/self/fd are used again; the linker must not take one module for another. */
static void modules_that_follow_one_another_are_not_confused(void **state)
{
	static const char *const paths[] = { MODULE("ext_unloadable"), MODULE("ext_newer"),
					     MODULE("ext_unloadable"), MODULE("ext_good") };
	static const char *const ids[] = { "com.example.unloadable", "com.example.newer",
					   "com.example.unloadable", "com.example.good" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct module *m = load(paths[i]);
		uint32_t count;

		assert_string_equal(module_note_of(m)->id, ids[i]);
		assert_memory_equal(module_extensions(m, &count)[0].id, ids[i], strlen(ids[i]));
		module_put(m);
	}
}

/* Wherever a file was cut, it is refused before the dynamic linker sees it, with one sentence. */
static void a_file_cut_anywhere_is_refused(void **state)
{
	struct module_note note;
	unsigned char *bytes;
	size_t size;

	(void)state;
	bytes = read_module(MODULE("ext_good"), &size);
	for (size_t len = 0; len < size; len++) {
		struct xvs_error err = ERROR_INIT;
		unsigned char *cut =
			malloc(len ? len : 1); /* of this size, so that a sanitizer sees */
		int code;

		assert_non_null(cut);
		memcpy(cut, bytes, len);
		code = note_parse(cut, len, &note, &err);
		free(cut);
		assert_int_equal(code, -ENOEXEC);
		if (len >= 4)
			assert_non_null(strstr(err.text, "is cut short: its "));
	}
	assert_int_equal(note_parse(bytes, size, &note, NULL), 0);
	free(bytes);
}

static void a_cut_file_is_named(void **state)
{
	unsigned char *bytes;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	char why[128];
	size_t size;

	(void)state;
	bytes = read_module(MODULE("ext_good"), &size);
	(void)snprintf(path, sizeof(path), "%s/cut.so", test_temp_dir(dir));
	write_file(path, bytes, size - 1);
	(void)snprintf(why, sizeof(why),
		       "is cut short: its section headers end at byte %zu, the file at %zu", size,
		       size - 1);
	refused(path, -ENOEXEC, why);
	write_file(path, bytes, 40);
	refused(path, -ENOEXEC, "is cut short: its ELF header ends at byte 64, the file at 40");
	free(bytes);
	test_temp_remove(dir);
}

/* Another name in the table of strings, of the same length. */
static void rename_symbol(unsigned char *bytes, size_t size, const char *from, const char *to)
{
	unsigned char *at = bytes;
	unsigned count = 0;

	while ((at = memmem(at, size - (size_t)(at - bytes), from, strlen(from) + 1))) {
		memcpy(at, to, strlen(from));
		count++;
	}
	assert_true(count > 0);
}

static void a_missing_symbol_is_named_without_the_linkers_file_name(void **state)
{
	unsigned char *bytes;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	struct xvs_error err = ERROR_INIT;
	struct module *m = NULL;
	size_t size;

	(void)state;
	bytes = read_module(MODULE("ext_unloadable"), &size);
	rename_symbol(bytes, size, "setenv", "setenw");
	(void)snprintf(path, sizeof(path), "%s/odd.so", test_temp_dir(dir));
	write_file(path, bytes, size);
	assert_int_equal(module_load(path, NULL, interface_is_offered, &m, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "/odd.so: cannot be linked: "));
	assert_non_null(strstr(err.text, "setenw"));
	assert_null(strstr(err.text, "/proc/self"));
	free(bytes);
	test_temp_remove(dir);
}

static bool no_interface(const char *id)
{
	(void)id;
	return false;
}

static const struct extension *find(const char *id, struct module **m, struct xvs_error *err)
{
	static const char *const dirs[] = { "/nonexistent", XVS_TEST_EXTENSIONS };
	const struct module_places places = { dirs, 2, NULL, interface_is_offered, false };
	const struct extension *ext = NULL;

	if (module_find(&places, id, m, &ext, err))
		return NULL;
	return ext;
}

static void an_extension_is_found_by_id_whatever_its_file_is_called(void **state)
{
	struct xvs_error err = ERROR_INIT;
	const struct extension *ext;
	struct module *m = NULL;

	(void)state;
	ext = find("com.example.good.firewall", &m, &err);
	assert_non_null(ext);
	assert_string_equal(ext->id, "com.example.good.firewall");
	assert_string_equal(module_path(m), MODULE("ext_good"));
	module_put(m);
}

static void an_unknown_extension_gets_the_nearest_name(void **state)
{
	char want[1024] =
		"extension com.example.good.firewell: no file in /nonexistent, " XVS_TEST_EXTENSIONS
		" has it; the nearest is com.example.good.firewall";
	struct xvs_error err = ERROR_INIT;
	struct module *m = NULL;

	(void)state;
	assert_null(find("com.example.good.firewell", &m, &err));
	assert_int_equal(err.code, -ENOENT);
	assert_sentence(&err, want);
}

static void a_refused_file_that_is_the_one_sought_says_why(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct module *m = NULL;

	(void)state;
	assert_null(find("com.example.needs", &m, &err));
	assert_int_equal(err.code, -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "needs the interface xvs.teleport/1"));
}

static void an_empty_search_path_is_said(void **state)
{
	const struct module_places places = { NULL, 0, NULL, no_interface, false };
	struct xvs_error err = ERROR_INIT;
	const struct extension *ext;
	struct module *m;

	(void)state;
	assert_int_equal(module_find(&places, "com.example.x", &m, &ext, &err), -ENOENT);
	assert_string_equal(err.text,
			    "extension com.example.x: no file in an empty search path has it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_extensions_of_each_class),
		cmocka_unit_test(features_have_todays_strides_at_every_depth),
		cmocka_unit_test(newer_structures_with_zero_tails_are_taken),
		cmocka_unit_test(unknown_data_is_refused_by_structure_and_byte),
		cmocka_unit_test(another_major_is_refused_with_both_numbers),
		cmocka_unit_test(a_newer_minor_is_refused_with_both_numbers),
		cmocka_unit_test(a_module_must_have_a_note),
		cmocka_unit_test(a_module_must_export_its_symbol_as_data),
		cmocka_unit_test(unknown_rights_are_refused_by_their_bits),
		cmocka_unit_test(a_needed_interface_that_is_not_offered_is_named),
		cmocka_unit_test(a_refused_module_is_refused_again),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(the_same_bytes_are_the_same_module),
		cmocka_unit_test(a_loaded_module_does_not_depend_on_its_file),
		cmocka_unit_test(only_an_unloadable_module_is_unmapped),
		cmocka_unit_test(modules_that_follow_one_another_are_not_confused),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(a_cut_file_is_named),
		cmocka_unit_test(a_missing_symbol_is_named_without_the_linkers_file_name),
		cmocka_unit_test(an_extension_is_found_by_id_whatever_its_file_is_called),
		cmocka_unit_test(an_unknown_extension_gets_the_nearest_name),
		cmocka_unit_test(a_refused_file_that_is_the_one_sought_says_why),
		cmocka_unit_test(an_empty_search_path_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
