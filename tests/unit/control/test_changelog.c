/* SPDX-License-Identifier: Apache-2.0 */
/* Changes have numbers that never come again, and states that can be had back. */
#include "support/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "control/changelog.h"

static char dir[TEST_PATH];
static char path[TEST_PATH + 16];
static struct journal *journal;
static struct changelog *changes;

static void open_all(void)
{
	struct xvs_error err = ERROR_INIT;
	char warning[512];

	if (journal_open(dir, &journal, warning, sizeof(warning), &err))
		fail_msg("%s", err.text);
	assert_int_equal(changelog_open(journal, &changes), 0);
}

static void close_all(void)
{
	changelog_close(changes);
	journal_close(journal);
}

static void open_again(void)
{
	close_all();
	open_all();
}

static int setup(void **state)
{
	(void)state;
	(void)test_temp_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/journal", dir);
	open_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_all();
	test_temp_remove(dir);
	return 0;
}

/* A change that leads to the state {"value": value}. */
static void put(const char *what, int value, const char *file)
{
	struct changelog_entry e = { .change = json_pack("{s:s}", "what", what),
				     .state = json_pack("{s:i}", "value", value),
				     .text = file,
				     .name = file ? "xvs.yaml" : NULL };
	struct xvs_error err = ERROR_INIT;

	if (changelog_put(changes, &e, &err))
		fail_msg("%s", err.text);
}

/* "value text" of the state after a change; "why" where it cannot be had. */
static void expect_past(uint64_t number, const char *expected)
{
	struct changelog_past past = { 0 };
	struct xvs_error err = ERROR_INIT;
	char got[1024];

	if (changelog_past(changes, number, &past, &err))
		(void)snprintf(got, sizeof(got), "%s", err.text);
	else
		(void)snprintf(got, sizeof(got), "%lld %s",
			       json_integer_value(json_object_get(past.state, "value")), past.text);
	changelog_past_finish(&past);
	assert_string_equal(got, expected);
}

static void begins_with_nothing(void **state)
{
	(void)state;
	assert_int_equal(changelog_number(changes), 0);
	assert_null(changelog_state(changes));
	assert_null(changelog_find(changes, 1));
	expect_past(0, "there is nothing before change 1 to go back to");
	expect_past(1, "there is no change 1 yet, the last one is 0");
}

static void numbers_go_on_after_a_restart(void **state)
{
	(void)state;
	put("start", 1, "file");
	put("set", 2, NULL);
	open_again();
	assert_int_equal(changelog_number(changes), 2);
	put("set", 3, NULL);
	assert_int_equal(changelog_number(changes), 3);
	assert_string_equal(json_string_value(json_object_get(changelog_find(changes, 1), "what")),
			    "start");
	assert_int_equal(json_integer_value(json_object_get(changelog_state(changes), "value")), 3);
}

static void what_changes_nothing_is_no_change(void **state)
{
	json_t *same = json_pack("{s:i}", "value", 7);

	(void)state;
	put("start", 7, "file");
	assert_true(changelog_has(changes, same));
	put("again", 7, NULL);
	assert_int_equal(changelog_number(changes), 1);
	(void)json_object_set_new(same, "confirm", json_object());
	assert_false(changelog_has(changes, same));
	json_decref(same);
	open_again();
	assert_int_equal(changelog_number(changes), 1);
	assert_string_equal(json_string_value(json_object_get(changelog_find(changes, 1), "what")),
			    "again");
}

static void each_state_comes_back_with_its_file(void **state)
{
	(void)state;
	put("start", 1, "old");
	put("set", 2, NULL);
	put("apply", 3, "new");
	put("set", 4, NULL);
	put("rollback", 5, "old");
	for (int i = 0; i < 2; i++) {
		expect_past(1, "1 old");
		expect_past(2, "2 old");
		expect_past(3, "3 new");
		expect_past(4, "4 new");
		expect_past(5, "5 old");
		open_again();
	}
}

/* {"ports": [one, small], "value": value} */
static void put_long(json_t *one, int value)
{
	struct changelog_entry e = { .change = json_pack("{s:s}", "what", "set"),
				     .state =
					     json_pack("{s:[{s:O}, {s:b}], s:i}", "ports",
						       "policies", one, "small", 1, "value", value),
				     .text = value == 1 ? "file" : NULL,
				     .name = value == 1 ? "xvs.yaml" : NULL };
	struct xvs_error err = ERROR_INIT;

	if (changelog_put(changes, &e, &err))
		fail_msg("%s", err.text);
}

/* What is long, and the same as before, is not written out anew: it must read as if it were. */
static void long_parts_read_as_they_were_written(void **state)
{
	json_t *longs[2];

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		longs[n] = json_array();
		for (int i = 0; i < 10000; i++)
			(void)json_array_append_new(longs[n], json_integer(i + (int)n));
	}
	put_long(longs[0], 1);
	put_long(longs[0], 2);
	changelog_prepare(changes, longs[1]);
	put_long(longs[1], 3);
	put_long(longs[0], 4);
	open_again();
	for (uint64_t n = 1; n <= 4; n++) {
		struct changelog_past past = { 0 };
		struct xvs_error err = ERROR_INIT;
		const json_t *ports;

		assert_int_equal(changelog_past(changes, n, &past, &err), 0);
		ports = json_object_get(past.state, "ports");
		assert_int_equal(json_integer_value(json_object_get(past.state, "value")), n);
		assert_true(json_equal(json_object_get(json_array_get(ports, 0), "policies"),
				       longs[n == 3]));
		assert_true(json_is_true(json_object_get(json_array_get(ports, 1), "small")));
		changelog_past_finish(&past);
	}
	json_decref(longs[0]);
	json_decref(longs[1]);
}

static void forgets_the_oldest(void **state)
{
	json_t *list;

	(void)state;
	for (int i = 1; i <= CHANGES_KEPT + 10; i++)
		put("set", i, i % 2 ? "odd" : "even");
	for (int i = 0; i < 2; i++) {
		list = changelog_list(changes, SIZE_MAX);
		assert_int_equal(json_array_size(list), CHANGES_KEPT);
		json_decref(list);
		list = changelog_list(changes, 3);
		assert_int_equal(json_array_size(list), 3);
		assert_int_equal(
			json_integer_value(json_object_get(json_array_get(list, 2), "number")),
			CHANGES_KEPT + 10);
		json_decref(list);
		expect_past(10, "change 10 is too long ago, or could not be kept: its state is not "
				"in the state directory any more");
		expect_past(11, "11 odd");
		open_again();
	}
}

/* Files of a third of what is kept: less than four states of them. */
static void forgets_large_files_earlier(void **state)
{
	size_t size = CHANGES_BYTES_KEPT / 3;
	char *text = malloc(size + 1);
	struct changelog_past past = { 0 };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	for (int i = 1; i <= 4; i++) {
		text[0] = (char)('a' + i);
		put("apply", i, text);
	}
	free(text);
	open_again();
	assert_int_equal(changelog_past(changes, 1, &past, &err), -ENOENT);
	assert_int_equal(changelog_past(changes, 4, &past, &err), 0);
	assert_int_equal(past.text[0], 'a' + 4);
	changelog_past_finish(&past);
}

/* A journal that was cut at any byte: the newest change is whole, or it was not. */
static void a_crash_leaves_all_of_a_change_or_nothing(void **state)
{
	static uint8_t whole[16384];
	FILE *f;
	size_t one;
	size_t size;

	(void)state;
	put("start", 1, "old");
	close_all();
	f = fopen(path, "rb");
	assert_non_null(f);
	one = fread(whole, 1, sizeof(whole), f);
	(void)fclose(f);
	open_all();
	put("apply", 2, "new");
	close_all();
	f = fopen(path, "rb");
	assert_non_null(f);
	size = fread(whole, 1, sizeof(whole), f);
	(void)fclose(f);
	for (size_t cut = one; cut <= size; cut++) {
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(whole, 1, cut, f), cut);
		assert_int_equal(fclose(f), 0);
		open_all();
		assert_int_equal(changelog_number(changes), cut == size ? 2 : 1);
		expect_past(1, "1 old");
		if (cut == size)
			expect_past(2, "2 new");
		put("set", 3, NULL);
		close_all();
	}
	open_all();
}

/* The disk is full for one change. */
static void fail_to_put(const char *what, int value, const char *file)
{
	const struct rlimit full = { .rlim_cur = 0, .rlim_max = RLIM_INFINITY };
	const struct rlimit free_again = { RLIM_INFINITY, RLIM_INFINITY };
	struct changelog_entry e = { .change = json_pack("{s:s}", "what", what),
				     .state = json_pack("{s:i}", "value", value),
				     .text = file,
				     .name = "xvs.yaml" };
	struct xvs_error err = ERROR_INIT;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	assert_true(changelog_put(changes, &e, &err) < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
}

static void a_file_that_could_not_be_kept_goes_with_the_next_change(void **state)
{
	(void)state;
	put("start", 1, "old");
	fail_to_put("apply", 2, "new");
	expect_past(2, "change 2 is too long ago, or could not be kept: its state is not in the "
		       "state directory any more");
	put("set", 3, NULL);
	expect_past(3, "3 new");
	open_again();
	assert_int_equal(changelog_number(changes), 3);
	expect_past(3, "3 new");
	expect_past(1, "1 old");
	put("set", 4, NULL);
	expect_past(4, "4 new");
}

static void sums_as_everybody_does(void **state)
{
	char sum[SUM_TEXT];

	(void)state;
	changelog_sum("abc", 3, sum);
	assert_string_equal(sum,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(begins_with_nothing),
		CASE(numbers_go_on_after_a_restart),
		CASE(what_changes_nothing_is_no_change),
		CASE(each_state_comes_back_with_its_file),
		CASE(long_parts_read_as_they_were_written),
		CASE(forgets_the_oldest),
		CASE(forgets_large_files_earlier),
		CASE(a_crash_leaves_all_of_a_change_or_nothing),
		CASE(a_file_that_could_not_be_kept_goes_with_the_next_change),
		CASE(sums_as_everybody_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
