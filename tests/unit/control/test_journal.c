/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <unistd.h>

#include "base/error.h"
#include "control/journal.h"

static char dir[TEST_PATH];
static char path[TEST_PATH + 16];
static char warning[512];

static int setup(void **state)
{
	(void)state;
	(void)test_temp_dir(dir);
	(void)snprintf(path, sizeof(path), "%s/journal", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_temp_remove(dir);
	return 0;
}

static struct journal *opened(void)
{
	struct xvs_error err = ERROR_INIT;
	struct journal *j = NULL;

	if (journal_open(dir, &j, warning, sizeof(warning), &err))
		fail_msg("%s", err.text);
	return j;
}

static void put(struct journal *j, enum record_kind kind, const char *text)
{
	struct xvs_error err = ERROR_INIT;

	if (journal_put(j, kind, text, strlen(text), &err))
		fail_msg("%s", err.text);
}

static size_t file_load(uint8_t *bytes, size_t room)
{
	FILE *f = fopen(path, "rb");
	size_t size;

	assert_non_null(f);
	size = fread(bytes, 1, room, f);
	(void)fclose(f);
	return size;
}

static void file_store(const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static unsigned files_like(const char *prefix)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned count = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		count += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(d);
	return count;
}

static void files_remove(const char *prefix)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
	(void)closedir(d);
}

static void keeps_the_newest_of_each_kind(void **state)
{
	struct journal *j = opened();

	(void)state;
	assert_string_equal(warning, "");
	assert_null(journal_get(j, RECORD_STATE, NULL));
	put(j, RECORD_STATE, "{\"a\":1}");
	put(j, RECORD_FILE, "first");
	put(j, RECORD_STATE, "{\"a\":2}");
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "{\"a\":2}");
	journal_close(j);
	j = opened();
	assert_string_equal(warning, "");
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "{\"a\":2}");
	assert_string_equal(journal_get(j, RECORD_FILE, NULL), "first");
	put(j, RECORD_FILE, "");
	journal_close(j);
	j = opened();
	assert_string_equal(journal_get(j, RECORD_FILE, NULL), "");
	journal_close(j);
}

/* Three records; the journal is cut at every byte, as a crash cuts it. */
static void drops_a_torn_record_at_every_byte(void **state)
{
	static const char *const texts[] = { "{\"nr\":1}", "{\"nr\":22}", "{\"nr\":333}" };
	uint8_t whole[1024];
	size_t ends[4] = { 0 };
	struct journal *j = opened();
	size_t size;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		put(j, RECORD_STATE, texts[i]);
		ends[i + 1] = file_load(whole, sizeof(whole));
	}
	journal_close(j);
	size = ends[3];
	for (size_t cut = 0; cut <= size; cut++) {
		unsigned left = cut >= ends[3] ? 3 : cut >= ends[2] ? 2 : cut >= ends[1] ? 1 : 0;
		const char *got;

		file_store(whole, cut);
		j = opened();
		got = journal_get(j, RECORD_STATE, NULL);
		if (left == 0)
			assert_null(got);
		else
			assert_string_equal(got, texts[left - 1]);
		assert_int_equal(warning[0] != '\0', cut != ends[left]);
		assert_int_equal(files_like("journal.damaged"), 0);
		/* What is written next is read again. */
		put(j, RECORD_STATE, "next");
		journal_close(j);
		j = opened();
		assert_string_equal(warning, "");
		assert_string_equal(journal_get(j, RECORD_STATE, NULL), "next");
		journal_close(j);
	}
}

/* One wrong byte anywhere: never a wrong text, and damage before the end is set aside. */
static void sets_damage_aside_at_every_byte(void **state)
{
	uint8_t whole[1024];
	struct journal *j = opened();
	size_t last;
	size_t size;

	(void)state;
	put(j, RECORD_FILE, "switches: []");
	put(j, RECORD_STATE, "{\"nr\":1}");
	last = file_load(whole, sizeof(whole));
	put(j, RECORD_STATE, "{\"nr\":2}");
	journal_close(j);
	size = file_load(whole, sizeof(whole));
	for (size_t at = 0; at < size; at++) {
		const char *got;

		whole[at] ^= 0x20;
		file_store(whole, size);
		whole[at] ^= 0x20;
		j = opened();
		assert_true(warning[0] != '\0');
		assert_int_equal(files_like("journal.damaged"), at < last);
		got = journal_get(j, RECORD_STATE, NULL);
		assert_string_equal(got, at < last ? "{\"nr\":2}" : "{\"nr\":1}");
		journal_close(j);
		/* It is said once. */
		j = opened();
		assert_string_equal(warning, "");
		assert_string_equal(journal_get(j, RECORD_STATE, NULL),
				    at < last ? "{\"nr\":2}" : "{\"nr\":1}");
		journal_close(j);
		files_remove("journal.damaged");
	}
}

static void drops_a_tail_of_zeros(void **state)
{
	uint8_t bytes[2048] = { 0 };
	struct journal *j = opened();
	size_t size;

	(void)state;
	put(j, RECORD_STATE, "one");
	journal_close(j);
	size = file_load(bytes, sizeof(bytes));
	memset(bytes + size, 0, sizeof(bytes) - size);
	file_store(bytes, sizeof(bytes));
	j = opened();
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "one");
	assert_int_equal(files_like("journal.damaged"), 0);
	journal_close(j);
}

static void starts_anew_from_garbage(void **state)
{
	uint8_t bytes[4096];
	uint64_t seed = 7;
	struct journal *j;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)test_random(&seed);
	file_store(bytes, sizeof(bytes));
	j = opened();
	assert_null(journal_get(j, RECORD_STATE, NULL));
	put(j, RECORD_STATE, "one");
	journal_close(j);
	j = opened();
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "one");
	journal_close(j);
}

static void stays_small(void **state)
{
	enum { SIZE = 100000, TIMES = 100 };
	char *text = malloc(SIZE + 1);
	struct journal *j = opened();
	struct stat st;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', SIZE);
	text[SIZE] = '\0';
	put(j, RECORD_FILE, "kept");
	for (int i = 0; i < TIMES; i++) {
		text[0] = (char)('a' + i % 26);
		put(j, RECORD_STATE, text);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 15 * SIZE);
	journal_close(j);
	j = opened();
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), text);
	assert_string_equal(journal_get(j, RECORD_FILE, NULL), "kept");
	assert_int_equal(files_like("journal.new"), 0);
	journal_close(j);
	free(text);
}

static void add(struct journal *j, const char *change, const char *state)
{
	struct journal_item items[] = {
		{ .kind = RECORD_CHANGE, .text = change, .len = strlen(change) },
		{ .kind = RECORD_STATE, .text = state, .len = strlen(state) },
	};
	struct xvs_error err = ERROR_INIT;

	if (journal_add(j, items, 2, &err))
		fail_msg("%s", err.text);
}

/* The texts of all records of a kind that are kept, oldest first. */
static void expect_kept(struct journal *j, enum record_kind kind, const char *expected)
{
	struct journal_record r;
	char all[4096] = "";

	for (size_t i = 0; journal_at(j, i, &r); i++) {
		size_t len = 0;
		char *text = journal_read(j, r.sequence, &len);

		assert_non_null(text);
		assert_int_equal(r.size, len + RECORD_HEAD);
		assert_int_equal(strlen(text), len);
		if (r.kind == kind)
			(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", text);
		free(text);
	}
	assert_string_equal(all, expected);
}

static void keeps_older_records_until_they_are_forgotten(void **state)
{
	struct journal *j = opened();
	struct journal_record r;

	(void)state;
	add(j, "one", "a");
	add(j, "two", "b");
	add(j, "three", "c");
	expect_kept(j, RECORD_CHANGE, "one two three ");
	journal_close(j);
	j = opened();
	expect_kept(j, RECORD_STATE, "a b c ");
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "c");
	assert_true(journal_at(j, 0, &r));
	journal_forget(j, r.sequence);
	assert_null(journal_read(j, r.sequence, NULL));
	expect_kept(j, RECORD_CHANGE, "two three ");
	assert_false(journal_at(j, 5, &r));
	journal_close(j);
}

/* They move with it, and what was forgotten is gone. */
static void keeps_older_records_when_the_file_is_written_anew(void **state)
{
	enum { SIZE = 100000, TIMES = 100 };
	char *text = malloc(SIZE + 1);
	struct journal *j = opened();
	struct journal_record r;
	struct stat st;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', SIZE);
	text[SIZE] = '\0';
	add(j, "one", "a");
	add(j, "two", "b");
	assert_true(journal_at(j, 1, &r));
	journal_forget(j, r.sequence);
	for (int i = 0; i < TIMES; i++)
		put(j, RECORD_FILE, text);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 15 * SIZE);
	expect_kept(j, RECORD_CHANGE, "one two ");
	expect_kept(j, RECORD_STATE, "b ");
	journal_close(j);
	j = opened();
	assert_string_equal(warning, "");
	expect_kept(j, RECORD_CHANGE, "one two ");
	expect_kept(j, RECORD_STATE, "b ");
	journal_close(j);
	free(text);
}

static void refuses_a_second_daemon_by_pid(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct journal *first = opened();
	struct journal *second = NULL;
	char pid[32];

	(void)state;
	assert_int_equal(journal_open(dir, &second, warning, sizeof(warning), &err), -EBUSY);
	(void)snprintf(pid, sizeof(pid), "pid %ld uses it", (long)getpid());
	assert_non_null(strstr(err.text, pid));
	journal_close(first);
	journal_close(opened());
}

static void refuses_a_directory_that_cannot_be(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct journal *j = NULL;

	(void)state;
	assert_int_equal(journal_open("/proc/no/such", &j, warning, sizeof(warning), &err),
			 -ENOENT);
	assert_non_null(strstr(err.text, "state directory /proc/no/such: cannot be made"));
}

/* A disk that is full in the middle of a record: the old text stays, and the file stays readable. */
static void keeps_the_old_text_when_the_disk_is_full(void **state)
{
	struct journal *j = opened();
	struct xvs_error err = ERROR_INIT;
	struct rlimit old;
	struct rlimit tight;
	char text[600];

	(void)state;
	memset(text, 'y', sizeof(text));
	put(j, RECORD_STATE, "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){ .rlim_cur = 256, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(journal_put(j, RECORD_STATE, text, sizeof(text), &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "old");
	put(j, RECORD_FILE, "later");
	journal_close(j);
	j = opened();
	assert_string_equal(warning, "");
	assert_string_equal(journal_get(j, RECORD_STATE, NULL), "old");
	assert_string_equal(journal_get(j, RECORD_FILE, NULL), "later");
	journal_close(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_the_newest_of_each_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(drops_a_torn_record_at_every_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(sets_damage_aside_at_every_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(drops_a_tail_of_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(starts_anew_from_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(stays_small, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_older_records_until_they_are_forgotten, setup,
						teardown),
		cmocka_unit_test_setup_teardown(keeps_older_records_when_the_file_is_written_anew,
						setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_second_daemon_by_pid, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_directory_that_cannot_be, setup,
						teardown),
		cmocka_unit_test_setup_teardown(keeps_the_old_text_when_the_disk_is_full, setup,
						teardown),
	};

	(void)signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
