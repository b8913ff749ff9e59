/* SPDX-License-Identifier: Apache-2.0 */
/* The question who listens to which groups, as it goes on the wire. */
#include "packet/igmp.h"
#include "support/test.h"

#include <string.h>

static void asks_all_listeners_from_no_address(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 7 };
	static const uint8_t expected[50] = {
		0x01, 0x00, 0x5e, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x07, 0x08, 0x00,
		/* IPv4: 0.0.0.0 to 224.0.0.1, TTL 1, router alert */
		0x46, 0xc0, 0x00, 0x24, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x44, 0x13, 0x00, 0x00,
		0x00, 0x00, 0xe0, 0x00, 0x00, 0x01, 0x94, 0x04, 0x00, 0x00,
		/* IGMPv3, membership query */
		0x11, 0x0a, 0xec, 0x78, 0x00, 0x00, 0x00, 0x00, 0x02, 0x7d, 0x00, 0x00
	};
	uint8_t frame[IGMP_QUERY_BYTES];

	(void)state;
	memset(frame, 0xff, sizeof(frame));
	assert_int_equal(igmp_query_write(frame, mac), sizeof(frame));
	assert_memory_equal(frame, expected, sizeof(expected));
	for (size_t i = sizeof(expected); i < sizeof(frame); i++)
		assert_int_equal(frame[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_all_listeners_from_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
