/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects */
/* A port that floods misses takes no other port's part of what controllers are told. */
#include "support/test.h"

#include "pipeline/admission.h"

enum { PORTS = 4, FLOODS = 1, QUIET = 2 };

static struct of_admission admission;
static uint64_t now_ns;

static void start(uint64_t rate, uint32_t parts)
{
	now_ns = 1000000000;
	admission = (struct of_admission){ 0 };
	assert_int_equal(of_admission_init(&admission, PORTS), 0);
	of_admission_set(&admission, rate, parts);
}

/* Taken and told at once: true. */
static bool passes(uint32_t port)
{
	if (!of_admission_take(&admission, port, now_ns))
		return false;
	of_admission_end(&admission, port);
	return true;
}

static uint64_t count(const _Atomic uint64_t *n)
{
	return atomic_load((_Atomic uint64_t *)(uintptr_t)n);
}

/* Ten seconds, a million packets a second from one port, 'a_second' from the other. */
static void ten_seconds(uint32_t a_second)
{
	for (uint32_t us = 0; us < 10000000; us++) {
		now_ns += 1000;
		(void)passes(FLOODS);
		if (us % (1000000 / a_second) == 0)
			(void)passes(QUIET);
	}
}

static void who_keeps_to_his_part_is_always_told_of(void **state)
{
	const struct of_admitted_port *flood;
	const struct of_admitted_port *quiet;

	(void)state;
	start(1000, 2);
	flood = &admission.ports[FLOODS];
	quiet = &admission.ports[QUIET];
	ten_seconds(200); /* its part is 250 */
	assert_int_equal(count(&quiet->told), 2000);
	assert_int_equal(count(&quiet->over_rate), 0);
	/* the other one gets the rest, and both together no more than the rate */
	assert_in_range(count(&flood->told), 7900, 8100);
	assert_int_equal(count(&flood->told) + count(&flood->over_rate), 10000000);
	of_admission_destroy(&admission);
}

static void alone_a_port_has_the_whole_rate(void **state)
{
	(void)state;
	start(1000, 2);
	for (uint32_t us = 0; us < 10000000; us++) {
		now_ns += 1000;
		(void)passes(FLOODS);
	}
	assert_in_range(count(&admission.ports[FLOODS].told), 9900, 10200);
	of_admission_destroy(&admission);
}

static void of_places_a_port_leaves_as_many_as_it_takes(void **state)
{
	uint32_t taken = 0;
	uint32_t others = 0;

	(void)state;
	start(0, 2);
	while (of_admission_take(&admission, FLOODS, now_ns))
		taken++;
	assert_in_range(taken, OF_MAIL_SLOTS / 2, OF_MAIL_SLOTS / 2 + 1);
	while (of_admission_take(&admission, QUIET, now_ns))
		others++;
	assert_in_range(others, OF_MAIL_SLOTS / 4 - 1, OF_MAIL_SLOTS / 4 + 1);
	assert_int_equal(count(&admission.ports[FLOODS].no_room), 1);
	of_admission_end(&admission, FLOODS);
	of_admission_undo(&admission, QUIET);
	assert_int_equal(atomic_load(&admission.waiting), taken + others - 2);
	of_admission_destroy(&admission);
}

/* Nothing is told beyond parts while nobody keeps up. */
static void slow_controllers_leave_every_port_its_part_alone(void **state)
{
	(void)state;
	start(1000, 2);
	of_admission_slow(&admission, true);
	ten_seconds(200);
	assert_int_equal(count(&admission.ports[QUIET].told), 2000);
	assert_in_range(count(&admission.ports[FLOODS].told), 2400, 2600);
	of_admission_destroy(&admission);
}

static void packets_of_no_port_are_counted_as_such(void **state)
{
	(void)state;
	start(0, 1);
	assert_true(passes(UINT32_MAX));
	assert_int_equal(count(&admission.ports[0].told), 1);
	of_admission_destroy(&admission);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_keeps_to_his_part_is_always_told_of),
		cmocka_unit_test(alone_a_port_has_the_whole_rate),
		cmocka_unit_test(of_places_a_port_leaves_as_many_as_it_takes),
		cmocka_unit_test(slow_controllers_leave_every_port_its_part_alone),
		cmocka_unit_test(packets_of_no_port_are_counted_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
