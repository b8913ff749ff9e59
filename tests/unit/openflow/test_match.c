/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matches: what may be said together, and which packets they are about.
 */
#include <string.h>

#include "support/test.h"

#include "model/match.h"

static const uint8_t ipv4[2] = { 0x08, 0x00 };
static const uint8_t tcp = 6;

static void a_field_wants_its_prerequisite_first(void **state)
{
	const uint8_t port[2] = { 0, 80 };
	struct of_match m = { 0 };

	(void)state;
	assert_int_equal(of_match_add(&m, OF_TCP_DST, port, NULL), OF_BAD_MATCH_PREREQUISITE);
	assert_int_equal(of_match_add(&m, OF_IP_PROTO, &tcp, NULL), OF_BAD_MATCH_PREREQUISITE);
	assert_int_equal(of_match_add(&m, OF_ETH_TYPE, ipv4, NULL), OF_OK);
	assert_int_equal(of_match_add(&m, OF_UDP_DST, port, NULL), OF_BAD_MATCH_PREREQUISITE);
	assert_int_equal(of_match_add(&m, OF_IP_PROTO, &tcp, NULL), OF_OK);
	assert_int_equal(of_match_add(&m, OF_TCP_DST, port, NULL), OF_OK);
	assert_int_equal(of_match_add(&m, OF_TCP_DST, port, NULL), OF_BAD_MATCH_DUPLICATE);
	assert_int_equal(of_match_add(&m, OF_UDP_DST, port, NULL), OF_BAD_MATCH_PREREQUISITE);
	assert_true(of_match_fields(&m) ==
		    (UINT64_C(1) << OF_ETH_TYPE | UINT64_C(1) << OF_IP_PROTO |
		     UINT64_C(1) << OF_TCP_DST));
}

static void values_stay_within_their_bits_and_their_mask(void **state)
{
	const uint8_t mac[6] = { 1, 2, 3, 4, 5, 6 };
	const uint8_t half[6] = { 255, 255, 255, 0, 0, 0 };
	const uint8_t tag[2] = { 0x10, 5 };
	const uint8_t no_tag[2] = { 0, 0 };
	const uint8_t lost_tag[2] = { 0, 5 };
	const uint8_t pcp = 8;
	struct of_match m = { 0 };

	(void)state;
	assert_int_equal(of_match_add(&m, OF_ETH_DST, mac, half), OF_BAD_MATCH_WILDCARDS);
	assert_int_equal(of_match_add(&m, OF_IN_PORT, mac, half), OF_BAD_MATCH_MASK);
	assert_int_equal(of_match_add(&m, 40, mac, NULL), OF_BAD_MATCH_FIELD);
	assert_int_equal(of_match_add(&m, OF_VLAN_VID, lost_tag, NULL), OF_BAD_MATCH_VALUE);
	assert_int_equal(of_match_add(&m, OF_VLAN_VID, no_tag, NULL), OF_OK);
	assert_int_equal(of_match_add(&m, OF_VLAN_PCP, &pcp, NULL), OF_BAD_MATCH_PREREQUISITE);
	memset(&m, 0, sizeof(m));
	assert_int_equal(of_match_add(&m, OF_VLAN_VID, tag, NULL), OF_OK);
	assert_int_equal(of_match_add(&m, OF_VLAN_PCP, &pcp, NULL), OF_BAD_MATCH_VALUE);
}

static void what_is_read_is_what_was_written(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (uint32_t id = 0; id < OF_FIELDS; id++) {
		const struct of_field *f = of_field(id);
		struct of_fields fields = { 0 };
		struct of_fields whole = { 0 };
		uint8_t value[16], mask[16], out[16] = { 0 };

		if (!f)
			continue;
		for (uint32_t i = 0; i < f->bytes; i++)
			value[i] = (uint8_t)test_random(&random);
		of_field_whole(&whole, id);
		of_field_read(&whole, id, mask);
		of_field_write(&fields, id, value, NULL);
		of_field_read(&fields, id, out);
		for (uint32_t i = 0; i < f->bytes; i++)
			assert_int_equal(out[i], value[i] & mask[i]);
	}
}

static void a_match_contains_what_is_narrower(void **state)
{
	const uint8_t ten[4] = { 10, 0, 0, 0 };
	const uint8_t eight[4] = { 255, 0, 0, 0 };
	const uint8_t host[4] = { 10, 1, 2, 3 };
	struct of_match wide = { 0 };
	struct of_match narrow = { 0 };
	struct of_match other = { 0 };
	struct of_fields packet = { .eth_type = 0x0800, .ipv4_dst = 0x0a010203 };

	(void)state;
	assert_int_equal(of_match_add(&wide, OF_ETH_TYPE, ipv4, NULL), OF_OK);
	assert_int_equal(of_match_add(&wide, OF_IPV4_DST, ten, eight), OF_OK);
	assert_int_equal(of_match_add(&narrow, OF_ETH_TYPE, ipv4, NULL), OF_OK);
	assert_int_equal(of_match_add(&narrow, OF_IPV4_DST, host, NULL), OF_OK);
	assert_int_equal(of_match_add(&other, OF_ETH_TYPE, ipv4, NULL), OF_OK);
	assert_int_equal(of_match_add(&other, OF_IP_PROTO, &tcp, NULL), OF_OK);
	assert_true(of_match_contains(&wide, &narrow));
	assert_false(of_match_contains(&narrow, &wide));
	assert_true(of_match_overlaps(&narrow, &other));
	assert_false(of_match_contains(&other, &narrow));
	assert_true(of_match_covers(&wide, &packet));
	assert_true(of_match_covers(&narrow, &packet));
	assert_false(of_match_covers(&other, &packet));
	packet.ipv4_dst = 0x0b010203;
	assert_false(of_match_covers(&wide, &packet));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_wants_its_prerequisite_first),
		cmocka_unit_test(values_stay_within_their_bits_and_their_mask),
		cmocka_unit_test(what_is_read_is_what_was_written),
		cmocka_unit_test(a_match_contains_what_is_narrower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
