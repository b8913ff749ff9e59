/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an adjacent switch says of its LACP group.
 * links: xvs_packet xvs_base
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "packet/slow.h"

static const uint8_t lacpdu[] = {
	0x01, 0x80, 0xc2, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0xab, 0xcd, 0x01, /* addresses */
	0x88, 0x09, 0x01, 0x01,                                                 /* LACP, 1 */
	0x01, 0x14, 0x80, 0x00, 0x02, 0x00, 0x00, 0xab, 0xcd, 0xef, 0x00, 0x21, /* actor */
	0x80, 0x00, 0x00, 0x07, 0x3d, 0x00, 0x00, 0x00,
};

static void reads_who_speaks(void **state)
{
	struct lacp_actor actor;

	(void)state;
	assert_true(lacp_read(lacpdu, sizeof(lacpdu), &actor));
	assert_int_equal(actor.system_priority, 0x8000);
	assert_memory_equal(actor.system, "\x02\x00\x00\xab\xcd\xef", 6);
	assert_int_equal(actor.key, 0x21);
	assert_int_equal(actor.port_priority, 0x8000);
	assert_int_equal(actor.port, 7);
	assert_int_equal(actor.state, 0x3d);
}

static void refuses_what_is_cut_anywhere(void **state)
{
	struct lacp_actor actor;

	(void)state;
	for (uint32_t len = 0; len < sizeof(lacpdu); len++) {
		uint8_t *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut, lacpdu, len);
		assert_false(lacp_read(cut, len, &actor));
		free(cut);
	}
}

static void refuses_what_is_something_else(void **state)
{
	/* address, type, subtype, version 0, TLV, its length */
	static const struct {
		uint32_t at;
		uint8_t value;
	} changes[] = { { 5, 0x03 }, { 13, 0x08 }, { 14, 2 }, { 15, 0 }, { 16, 2 }, { 17, 0x13 } };
	struct lacp_actor actor;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t other[sizeof(lacpdu)];

		memcpy(other, lacpdu, sizeof(other));
		other[changes[i].at] = changes[i].value;
		assert_false(lacp_read(other, sizeof(other), &actor));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_who_speaks),
		cmocka_unit_test(refuses_what_is_cut_anywhere),
		cmocka_unit_test(refuses_what_is_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
