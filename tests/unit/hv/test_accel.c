/* SPDX-License-Identifier: Apache-2.0 */
/* The probe on whatever this machine has: its KVM, or none. */
#include "support/test.h"

#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "base/clock.h"

static bool has_kvm(void)
{
	return access(ACCEL_DEVICE, R_OK | W_OK) == 0;
}

static void says_no_without_a_device(void **state)
{
	struct accel_verdict v;

	(void)state;
	accel_probe("/nowhere/kvm", ACCEL_DEADLINE_MS, &v);
	assert_false(v.is_usable);
	assert_int_equal(v.stage, ACCEL_OPEN);
	assert_string_equal(v.reason, "/nowhere/kvm is not there");
}

static void says_no_to_a_device_of_another_kind(void **state)
{
	struct accel_verdict v;

	(void)state;
	accel_probe("/dev/null", ACCEL_DEADLINE_MS, &v);
	assert_false(v.is_usable);
	assert_int_equal(v.stage, ACCEL_OPEN);
	assert_non_null(strstr(v.reason, "does not speak version 12"));
}

/* Whatever it says, it says it once: yes with a time, or no with stage and reason. */
static void says_yes_or_why_not(void **state)
{
	struct accel_verdict v;

	(void)state;
	if (!has_kvm())
		skip();
	accel_probe(ACCEL_DEVICE, 20 * ACCEL_DEADLINE_MS, &v);
	print_message("kvm: %s, stage %s, %u ms, %u ns a trip: %s\n", v.is_usable ? "yes" : "no",
		      accel_stage_name(v.stage), v.ms, v.trip_ns, v.reason);
	if (v.is_usable) {
		assert_int_equal(v.stage, ACCEL_RING3);
		assert_true(v.trip_ns > 0);
		assert_string_equal(v.reason, "");
	} else {
		assert_true(v.stage > ACCEL_OPEN);
		assert_string_not_equal(v.reason, "");
	}
}

static void leaves_a_guest_that_never_ends(void **state)
{
	struct accel_verdict v = { .is_usable = false };

	(void)state;
	if (!has_kvm())
		skip();
	assert_false(accel_stage_probe(ACCEL_DEVICE, ACCEL_SPIN, 100, &v));
	assert_string_equal(v.reason, "the guest made no progress within 100 ms");
}

static void ends_at_the_deadline(void **state)
{
	struct accel_verdict v;

	(void)state;
	if (!has_kvm())
		skip();
	accel_probe(ACCEL_DEVICE, 0, &v);
	assert_false(v.is_usable);
	assert_int_equal(v.stage, ACCEL_REAL);
	assert_non_null(strstr(v.reason, "no progress"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_no_without_a_device),
		cmocka_unit_test(says_no_to_a_device_of_another_kind),
		cmocka_unit_test(says_yes_or_why_not),
		cmocka_unit_test(leaves_a_guest_that_never_ends),
		cmocka_unit_test(ends_at_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
