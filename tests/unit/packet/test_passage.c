/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames by which links of a team ask each other what passes the adjacent switch.
 * links: xvs_packet xvs_base
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "packet/passage.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static const struct passage sent = {
	.nonce = UINT64_C(0x0102030405060708), .place = 513, .vlan = 30, .from = 5
};

static void reads_what_it_wrote(void **state)
{
	uint8_t frame[PASSAGE_BYTES];
	struct passage got;

	(void)state;
	assert_int_equal(passage_write(frame, &sent, mac), 60);
	assert_true(frame[0] & 1);
	assert_memory_equal(frame + 6, mac, 6);
	assert_true(passage_read(frame, sizeof(frame), 30, &got));
	assert_true(got.nonce == sent.nonce);
	assert_int_equal(got.place, 513);
	assert_int_equal(got.vlan, 30);
	assert_int_equal(got.from, 5);
}

/* The adjacent port takes untagged frames for another VLAN. */
static void another_tag_is_no_passage(void **state)
{
	uint8_t frame[PASSAGE_BYTES];
	struct passage got;

	(void)state;
	(void)passage_write(frame, &sent, mac);
	assert_false(passage_read(frame, sizeof(frame), 0, &got));
	assert_false(passage_read(frame, sizeof(frame), 31, &got));
}

static void refuses_what_is_cut_or_something_else(void **state)
{
	uint8_t frame[PASSAGE_BYTES];
	struct passage got;

	(void)state;
	(void)passage_write(frame, &sent, mac);
	for (uint32_t len = 0; len < 31; len++) {
		uint8_t *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut, frame, len);
		assert_false(passage_read(cut, len, 30, &got));
		free(cut);
	}
	for (uint32_t at = 0; at < 18; at++) {
		if (at >= 6 && at < 12)
			continue;
		frame[at] ^= 2;
		assert_false(passage_read(frame, sizeof(frame), 30, &got));
		frame[at] ^= 2;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(another_tag_is_no_passage),
		cmocka_unit_test(refuses_what_is_cut_or_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
