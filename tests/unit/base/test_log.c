/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* Stderr goes into a pipe while the test writes lines. */
struct captured {
	int pipe[2];
	int stderr_fd;
};

static struct captured capture_start(void)
{
	struct captured c;

	assert_int_equal(pipe(c.pipe), 0);
	c.stderr_fd = dup(STDERR_FILENO);
	assert_true(c.stderr_fd >= 0);
	assert_true(dup2(c.pipe[1], STDERR_FILENO) >= 0);
	return c;
}

static void capture_end(struct captured *c, char *out, size_t size)
{
	ssize_t len;

	assert_true(dup2(c->stderr_fd, STDERR_FILENO) >= 0);
	(void)close(c->stderr_fd);
	(void)close(c->pipe[1]);
	len = read(c->pipe[0], out, size - 1);
	assert_true(len >= 0);
	out[len] = '\0';
	(void)close(c->pipe[0]);
}

static void journal_lines_carry_the_priority(void **state)
{
	char text[4096];
	struct captured c = capture_start();

	(void)state;
	log_open(XVS_LOG_INFO, true);
	log_message(MSG_JOURNAL, "disk is full, %d bytes", 7);
	capture_end(&c, text, sizeof(text));
	assert_string_equal(text, "<3>XVS-0005: disk is full, 7 bytes\n");
}

static void plain_lines_carry_time_and_level(void **state)
{
	char text[4096];
	struct captured c = capture_start();

	(void)state;
	log_open(XVS_LOG_INFO, false);
	log_message(MSG_STATE, "slow");
	capture_end(&c, text, sizeof(text));
	assert_int_equal(text[4], '-');
	assert_int_equal(text[10], 'T');
	assert_string_equal(text + strlen("2026-01-01T00:00:00.000"),
			    "Z warning: XVS-0004: slow\n");
}

static void lines_above_the_level_are_not_written(void **state)
{
	char text[4096];
	struct captured c = capture_start();

	(void)state;
	log_open(XVS_LOG_WARN, true);
	log_message(MSG_READY, "chatter");
	log_debug("more of it");
	log_message_at(XVS_LOG_WARN, MSG_READY, "trouble");
	capture_end(&c, text, sizeof(text));
	assert_string_equal(text, "<4>XVS-0001: trouble\n");
}

static void text_from_outside_cannot_forge_a_line(void **state)
{
	char text[4096];
	struct captured c = capture_start();

	(void)state;
	log_open(XVS_LOG_INFO, true);
	log_message(MSG_READY, "name %s", "a\n<3>forged\x1b[2J");
	capture_end(&c, text, sizeof(text));
	assert_string_equal(text, "<6>XVS-0001: name a?<3>forged?[2J\n");
}

static void long_line_is_cut_and_still_ends(void **state)
{
	static char long_text[10000];
	char text[4096];
	struct captured c = capture_start();

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	log_open(XVS_LOG_INFO, true);
	log_message(MSG_READY, "%s", long_text);
	capture_end(&c, text, sizeof(text));
	assert_in_range(strlen(text), 1000, 2048);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void limit_allows_ten_then_one_a_second(void **state)
{
	struct log_limit limit = { 0 };
	uint32_t suppressed = 99;
	uint64_t now = 5 * NS_PER_S;

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_true(log_allowed(&limit, now, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 3; i++)
		assert_false(log_allowed(&limit, now, &suppressed));
	assert_false(log_allowed(&limit, now + NS_PER_S - 1, &suppressed));
	assert_true(log_allowed(&limit, now + NS_PER_S, &suppressed));
	assert_int_equal(suppressed, 4);
	assert_false(log_allowed(&limit, now + NS_PER_S, &suppressed));
	assert_true(log_allowed(&limit, now + 2 * NS_PER_S, &suppressed));
	assert_int_equal(suppressed, 1);
}

static void limit_is_full_again_after_silence(void **state)
{
	struct log_limit limit = { 0 };
	uint32_t suppressed;
	uint64_t now = NS_PER_S;
	unsigned allowed = 0;

	(void)state;
	while (log_allowed(&limit, now, &suppressed))
		allowed++;
	assert_int_equal(allowed, 10);
	now += 1000 * NS_PER_S;
	allowed = 0;
	while (log_allowed(&limit, now, &suppressed))
		allowed++;
	assert_int_equal(allowed, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_lines_carry_the_priority),
		cmocka_unit_test(plain_lines_carry_time_and_level),
		cmocka_unit_test(lines_above_the_level_are_not_written),
		cmocka_unit_test(text_from_outside_cannot_forge_a_line),
		cmocka_unit_test(long_line_is_cut_and_still_ends),
		cmocka_unit_test(limit_allows_ten_then_one_a_second),
		cmocka_unit_test(limit_is_full_again_after_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
