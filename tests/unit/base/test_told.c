/* SPDX-License-Identifier: Apache-2.0 */
/* The last messages, by number, for who asks and for who waits. */
#include "support/test.h"

#include <stdio.h>

#include "base/log.h"
#include "base/told.h"

static struct told list[TOLD_MAX + 1];
static unsigned told;

static void on_event(void *arg)
{
	*(unsigned *)arg += 1;
}

static void numbers_begin_at_one_and_none_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(told_newest(), 0);
	assert_int_equal(told_read(0, list, 10), 0);
	told_add(MSG_READY, XVS_LOG_INFO, "one");
	told_add(MSG_STATE, XVS_LOG_WARN, "two");
	told_add(MSG_JOURNAL, XVS_LOG_ERROR, "three");
	assert_int_equal(told_newest(), 3);
	assert_int_equal(told_read(1, list, 10), 2);
	assert_int_equal(list[0].number, 2);
	assert_int_equal(list[0].message, MSG_STATE);
	assert_int_equal(list[0].level, XVS_LOG_WARN);
	assert_string_equal(list[1].text, "three");
	assert_true(list[1].unix_ms >= list[0].unix_ms);
	assert_int_equal(told_read(0, list, 2), 2);
	assert_string_equal(list[0].text, "one");
	assert_int_equal(told_read(3, list, 10), 0);
	assert_int_equal(told_read(99, list, 10), 0);
}

static void the_oldest_give_way(void **state)
{
	uint64_t before = told_newest();
	char text[32];

	(void)state;
	for (uint32_t i = 1; i <= TOLD_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "event %u", i);
		told_add(MSG_READY, XVS_LOG_INFO, text);
	}
	assert_int_equal(told_read(0, list, TOLD_MAX + 1), TOLD_MAX);
	assert_int_equal(list[0].number, before + 6);
	assert_string_equal(list[0].text, "event 6");
	assert_int_equal(list[TOLD_MAX - 1].number, told_newest());
}

static void who_listens_hears_each_one_until_he_does_not(void **state)
{
	(void)state;
	told_listen(on_event, &told);
	told_add(MSG_READY, XVS_LOG_INFO, "heard");
	told_add(MSG_READY, XVS_LOG_INFO, "heard");
	told_listen(NULL, NULL);
	told_add(MSG_READY, XVS_LOG_INFO, "not heard");
	assert_int_equal(told, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_begin_at_one_and_none_is_left_out),
		cmocka_unit_test(the_oldest_give_way),
		cmocka_unit_test(who_listens_hears_each_one_until_he_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
