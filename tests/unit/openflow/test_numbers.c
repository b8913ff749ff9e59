/* SPDX-License-Identifier: Apache-2.0 */
/* Ports and their numbers: what came first, what came back, what a policy says. */
#include <string.h>

#include "support/test.h"

#include "agent/numbers.h"

enum { PORTS = 16 };

static const uint8_t *uuid(uint32_t n)
{
	static uint8_t made[16];

	memset(made, 0, sizeof(made));
	memcpy(made, &n, sizeof(n));
	return made;
}

static void lowest_first_and_both_ways(void **state)
{
	struct of_number_book b;

	(void)state;
	assert_int_equal(of_numbers_init(&b, PORTS), 0);
	assert_int_equal(of_numbers_attach(&b, 9, uuid(1)), 1);
	assert_int_equal(of_numbers_attach(&b, 4, uuid(2)), 2);
	assert_int_equal(of_id_of(b.published, 1), 9);
	assert_int_equal(of_number_of(b.published, 4), 2);
	assert_int_equal(of_id_of(b.published, 3), XVS_PORT_NONE);
	assert_int_equal(of_id_of(b.published, UINT32_MAX), XVS_PORT_NONE);
	assert_int_equal(of_number_of(b.published, PORTS), 0);
	of_numbers_finish(&b);
}

static void one_that_comes_back_has_its_number_by_any_id(void **state)
{
	struct of_number_book b;

	(void)state;
	assert_int_equal(of_numbers_init(&b, PORTS), 0);
	assert_int_equal(of_numbers_attach(&b, 1, uuid(1)), 1);
	assert_int_equal(of_numbers_attach(&b, 2, uuid(2)), 2);
	of_numbers_detach(&b, 1);
	assert_int_equal(of_id_of(b.published, 1), XVS_PORT_NONE);
	assert_int_equal(of_number_of(b.published, 1), 0);
	/* nobody else gets it meanwhile */
	assert_int_equal(of_numbers_attach(&b, 1, uuid(3)), 3);
	assert_int_equal(of_numbers_attach(&b, 7, uuid(1)), 1);
	assert_int_equal(of_id_of(b.published, 1), 7);
	of_numbers_finish(&b);
}

static void one_that_is_made_anew_before_it_has_gone_keeps_it(void **state)
{
	struct of_number_book b;

	(void)state;
	assert_int_equal(of_numbers_init(&b, PORTS), 0);
	assert_int_equal(of_numbers_attach(&b, 1, uuid(1)), 1);
	assert_int_equal(of_numbers_holder(&b, uuid(1)), 1);
	assert_int_equal(of_numbers_attach(&b, 2, uuid(1)), 1);
	assert_int_equal(of_numbers_holder(&b, uuid(1)), 2);
	of_numbers_detach(&b, 1);
	assert_int_equal(of_id_of(b.published, 1), 2);
	of_numbers_finish(&b);
}

static void a_policy_outranks_what_was_given(void **state)
{
	struct of_number_book b;

	(void)state;
	assert_int_equal(of_numbers_init(&b, PORTS), 0);
	assert_int_equal(of_numbers_attach(&b, 1, uuid(1)), 1);
	assert_int_equal(of_numbers_attach(&b, 2, uuid(2)), 2);
	of_numbers_want(&b, 2, 1);
	assert_int_equal(of_number_of(b.published, 2), 1);
	assert_int_equal(of_number_of(b.published, 1), 3);
	assert_int_equal(of_id_of(b.published, 2), XVS_PORT_NONE);
	assert_int_equal(of_numbers_asked(&b, 1, uuid(1)), 2);
	assert_int_equal(of_numbers_asked(&b, 1, uuid(2)), XVS_PORT_NONE);
	of_numbers_want(&b, 2, OF_NUMBERS - 1);
	assert_int_equal(of_id_of(b.published, OF_NUMBERS - 1), 2);
	/* without it, it stays as it is */
	of_numbers_want(&b, 2, 0);
	assert_int_equal(of_number_of(b.published, 2), OF_NUMBERS - 1);
	assert_int_equal(of_numbers_asked(&b, OF_NUMBERS - 1, uuid(1)), XVS_PORT_NONE);
	of_numbers_finish(&b);
}

static void who_left_first_is_forgotten_first(void **state)
{
	struct of_number_book b;

	(void)state;
	assert_int_equal(of_numbers_init(&b, PORTS), 0);
	for (uint32_t n = 1; n <= 2 * PORTS; n++) {
		assert_int_equal(of_numbers_attach(&b, 1, uuid(n)), n);
		of_numbers_detach(&b, 1);
	}
	assert_int_equal(of_numbers_attach(&b, 1, uuid(1000)), 1);
	assert_int_equal(of_numbers_attach(&b, 2, uuid(2)), 2);
	assert_int_equal(of_numbers_attach(&b, 3, uuid(1)), 3);
	of_numbers_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowest_first_and_both_ways),
		cmocka_unit_test(one_that_comes_back_has_its_number_by_any_id),
		cmocka_unit_test(one_that_is_made_anew_before_it_has_gone_keeps_it),
		cmocka_unit_test(a_policy_outranks_what_was_given),
		cmocka_unit_test(who_left_first_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
