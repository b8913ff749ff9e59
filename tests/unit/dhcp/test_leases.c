/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dhcp/leases.h"

static bool reads(const char *line, struct dhcp_lease *out)
{
	return dhcp_lease_read(line, strlen(line), out);
}

static void reads_a_line_of_dnsmasq(void **state)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0, 0, 0, 9 };
	struct dhcp_lease l;

	(void)state;
	assert_true(
		reads("1795361006 52:54:00:00:00:09 192.168.10.11 vm9 01:52:54:00:00:00:09", &l));
	assert_int_equal(l.until_s, 1795361006);
	assert_memory_equal(l.mac, mac, sizeof(mac));
	assert_int_equal(l.address, 0xc0a80a0b);
	assert_string_equal(l.name, "vm9");
}

static void knows_who_has_no_name(void **state)
{
	struct dhcp_lease l;

	(void)state;
	assert_true(reads("0 52:54:00:00:00:09 192.168.10.11 * *", &l));
	assert_string_equal(l.name, "");
	assert_int_equal(l.until_s, 0);
}

static void cleans_what_a_guest_calls_itself(void **state)
{
	struct dhcp_lease l;

	(void)state;
	assert_true(reads("1 52:54:00:00:00:09 10.0.0.1 \033[2J\xc3\xa4 *", &l));
	assert_string_equal(l.name, "?[2J??");
}

static void refuses_other_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"duid 00:01:00:01",
		"-1 52:54:00:00:00:09 10.0.0.1 x *",
		"9999999999999999999 52:54:00:00:00:09 10.0.0.1 x *",
		"1 52:54:00:00:00 10.0.0.1 x *",
		"1 52:54:00:00:00:09 fd00::1 x *",
		"1 52:54:00:00:00:09 10.0.0.1/8 x *",
		"1 52:54:00:00:00:09 10.0.0.1",
	};
	struct dhcp_lease l = { .until_s = 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(reads(lines[i], &l));
	assert_false(dhcp_lease_read("1 52:54:00:00:00:09 10.0.0.1 x\0y *", 35, &l));
	assert_int_equal(l.until_s, 7);
}

static void count(void *arg, const struct dhcp_lease *l)
{
	unsigned *seen = arg;

	(void)l;
	(*seen)++;
}

static void leaves_out_those_that_ran_out(void **state)
{
	char name[] = "/tmp/leases.XXXXXX";
	FILE *file = fdopen(mkstemp(name), "w");
	struct xvs_error err = { .size = sizeof(err) };
	unsigned seen = 0;

	(void)state;
	(void)fprintf(file, "100 52:54:00:00:00:01 10.0.0.1 a *\n0 52:54:00:00:00:02 10.0.0.2 b *\n"
			    "nothing\n101 52:54:00:00:00:03 10.0.0.3 c *\n");
	(void)fclose(file);
	assert_int_equal(dhcp_leases_each(name, 100, count, &seen, &err), 0);
	assert_int_equal(seen, 2);
	(void)unlink(name);
	assert_int_equal(dhcp_leases_each(name, 100, count, &seen, &err), 0);
	assert_int_equal(seen, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_line_of_dnsmasq),
		cmocka_unit_test(knows_who_has_no_name),
		cmocka_unit_test(cleans_what_a_guest_calls_itself),
		cmocka_unit_test(refuses_other_lines),
		cmocka_unit_test(leaves_out_those_that_ran_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
