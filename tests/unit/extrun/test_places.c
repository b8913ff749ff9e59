/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of the command line, and of files. */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "places.h"

static struct places places;

static void names_have_addresses_and_the_last_is_the_uplink(void **state)
{
	struct xvs_error err = ERROR_INIT;
	const uint8_t one[6] = { 0x52, 0x54, 0, 0, 0, 1 }, other[6] = { 0x52, 0x54, 0, 0, 0, 9 };

	(void)state;
	assert_int_equal(
		places_parse("vm1=52:54:00:00:00:01,vm2=52:54:00:00:00:02,out", &places, &err), 0);
	places_close(&places);
	assert_int_equal(places.count, 3);
	assert_string_equal(places.ports[2].name, "out");
	assert_true(places.ports[2].is_uplink);
	assert_int_equal(places_of(&places, one), 0);
	assert_int_equal(places_of(&places, other), 2);
}

static void an_uplink_that_nobody_named_is_added_under_a_free_name(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(places_parse("up0=52:54:00:00:00:01", &places, &err), 0);
	places_close(&places);
	assert_int_equal(places.count, 2);
	assert_string_equal(places.ports[1].name, "up1");
}

static void refused(const char *text, const char *why)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_not_equal(places_parse(text, &places, &err), 0);
	if (!strstr(err.text, why))
		fail_msg("\"%s\": %s", text, err.text);
}

static void what_is_no_port_is_refused_with_the_reason(void **state)
{
	(void)state;
	refused("", "is no name");
	refused("vm1=52:54:00:00:00:01,", "is no name");
	refused("v m=52:54:00:00:00:01", "v m is no name");
	refused("vm1=52:54", "vm1: its address");
	refused("vm1=ff:ff:ff:ff:ff:ff", "must be an adapter's");
	refused("vm1=52:54:00:00:00:01,vm2=52:54:00:00:00:01", "no other port's");
	refused("vm1=52:54:00:00:00:01,vm1=52:54:00:00:00:02", "named twice");
	refused("up0,vm1=52:54:00:00:00:01", "comes last");
}

static void files_give_ports_their_names(void **state)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };

	(void)state;
	places.count = 0;
	assert_int_equal(places_add_file(&places, "a/vm 1.pcap", mac), 0);
	assert_int_equal(places_add_file(&places, "b/vm 1.pcapng", mac), 1);
	assert_string_equal(places.ports[0].name, "vm-1");
	assert_string_equal(places.ports[1].name, "vm-1-2");
	assert_true(places.ports[0].has_mac);
	assert_false(places.ports[1].has_mac); /* it is the other's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_addresses_and_the_last_is_the_uplink),
		cmocka_unit_test(an_uplink_that_nobody_named_is_added_under_a_free_name),
		cmocka_unit_test(what_is_no_port_is_refused_with_the_reason),
		cmocka_unit_test(files_give_ports_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
