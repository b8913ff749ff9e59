/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an adjacent switch tells of itself, and what we tell it.
 * links: xvs_packet xvs_base
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "packet/lldp.h"

/* As a switch sends it: system sw1, port Eth1/7, VLANs 10 and 20, untagged 10, frames up to 9216. */
static const uint8_t told[] = {
	0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e, 0x02, 0x00, 0x00, 0xab, 0xcd, 0x01,
	0x88, 0xcc, 0x02, 0x07, 0x04, 0x02, 0x00, 0x00, 0xab, 0xcd, 0xef, /* chassis */
	0x04, 0x07, 0x05, 'E',  't',  'h',  '1',  '/',  '7',              /* port */
	0x06, 0x02, 0x00, 0x78,                                           /* for 120 s */
	0x08, 0x03, 'u',  0x07, 'p',                    /* description, with a bell */
	0x0a, 0x03, 's',  'w',  '1',                    /* system */
	0x0e, 0x04, 0x00, 0x14, 0x00, 0x14,             /* capabilities, which we do not read */
	0xfe, 0x06, 0x00, 0x80, 0xc2, 0x01, 0x00, 0x0a, /* untagged VLAN */
	0xfe, 0x09, 0x00, 0x80, 0xc2, 0x03, 0x00, 0x0a, 0x02, 'w',  'a',  /* VLAN 10 */
	0xfe, 0x07, 0x00, 0x80, 0xc2, 0x03, 0x00, 0x14, 0x00,             /* VLAN 20 */
	0xfe, 0x06, 0x00, 0x12, 0x0f, 0x04, 0x24, 0x00,                   /* largest frame */
	0xfe, 0x09, 0x00, 0x80, 0xc2, 0x07, 0x03, 0x00, 0x00, 0x00, 0x05, /* in a group */
	0x00, 0x00,
};

static void reads_what_a_switch_tells(void **state)
{
	struct lldp_neighbour n;

	(void)state;
	assert_true(lldp_read(told, sizeof(told), &n));
	assert_string_equal(n.chassis, "02:00:00:ab:cd:ef");
	assert_string_equal(n.port, "Eth1/7");
	assert_string_equal(n.description, "u?p");
	assert_string_equal(n.system, "sw1");
	assert_int_equal(n.ttl_s, 120);
	assert_true(n.has_pvid);
	assert_int_equal(n.pvid, 10);
	assert_true(n.has_vlans);
	assert_int_equal(n.vlans[0], UINT64_C(1) << 10 | UINT64_C(1) << 20);
	assert_int_equal(n.max_frame, 9216);
	assert_true(n.is_aggregated);
}

/* Without its end, the frame's padding may follow, or nothing: what is cut within a TLV is refused. */
static void refuses_what_is_cut_within(void **state)
{
	uint32_t good = 0;

	(void)state;
	for (uint32_t len = 0; len < sizeof(told); len++) {
		uint8_t *cut = malloc(len + 1);
		struct lldp_neighbour n;

		assert_non_null(cut);
		memcpy(cut, told, len);
		good += lldp_read(cut, len, &n);
		free(cut);
	}
	/* behind the first three, and behind each of the others */
	assert_int_equal(good, 9);
}

static void refuses_what_is_out_of_order_or_something_else(void **state)
{
	/* address, type, first TLV, its length, port, time, one of the three again */
	static const struct {
		uint32_t at;
		uint8_t value;
	} changes[] = { { 5, 0x02 },  { 13, 0xcd }, { 14, 0x04 }, { 15, 0x01 },
			{ 23, 0x02 }, { 32, 0x08 }, { 36, 0x06 } };

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t other[sizeof(told)];
		struct lldp_neighbour n;

		memcpy(other, told, sizeof(told));
		other[changes[i].at] = changes[i].value;
		assert_false(lldp_read(other, sizeof(other), &n));
	}
}

static void shows_addresses_as_such(void **state)
{
	uint8_t other[sizeof(told)];
	struct lldp_neighbour n;

	(void)state;
	memcpy(other, told, sizeof(told));
	/* a network address of six bytes is of no family: text */
	other[16] = 5;
	assert_true(lldp_read(other, sizeof(other), &n));
	assert_string_equal(n.chassis, "??????");
	memcpy(other + 14, (const uint8_t[]){ 0x02, 0x06, 5, 1, 192, 0, 2, 7 }, 8);
	memmove(other + 22, told + 23, sizeof(told) - 23);
	assert_true(lldp_read(other, sizeof(other) - 1, &n));
	assert_string_equal(n.chassis, "192.0.2.7");
}

static void what_we_tell_can_be_read(void **state)
{
	const struct lldp_own own = { .mac = { 0x02, 0, 0, 0, 0, 7 },
				      .port = "eth1",
				      .system = "hosta.example.org",
				      .description = "lab/up0",
				      .ttl_s = 120,
				      .max_frame = 1518 };
	uint8_t frame[LLDP_OWN_BYTES];
	struct lldp_neighbour n;
	uint32_t len;

	(void)state;
	len = lldp_write(frame, &own);
	assert_in_range(len, 60, LLDP_OWN_BYTES);
	assert_true(lldp_read(frame, len, &n));
	assert_string_equal(n.chassis, "02:00:00:00:00:07");
	assert_string_equal(n.port, "eth1");
	assert_string_equal(n.system, "hosta.example.org");
	assert_string_equal(n.description, "lab/up0");
	assert_int_equal(n.ttl_s, 120);
	assert_int_equal(n.max_frame, 1518);
}

static void texts_are_cut_to_the_frame(void **state)
{
	char text[300];
	const struct lldp_own own = { .port = text, .system = text, .description = text };
	uint8_t frame[LLDP_OWN_BYTES];
	struct lldp_neighbour n;
	uint32_t len;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	len = lldp_write(frame, &own);
	assert_int_equal(len, LLDP_OWN_BYTES);
	assert_true(lldp_read(frame, len, &n));
	assert_int_equal(strlen(n.port), LLDP_TEXT / 2);
	assert_true(strlen(n.system) > 30);
	assert_string_equal(n.description, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_switch_tells),
		cmocka_unit_test(refuses_what_is_cut_within),
		cmocka_unit_test(refuses_what_is_out_of_order_or_something_else),
		cmocka_unit_test(shows_addresses_as_such),
		cmocka_unit_test(what_we_tell_can_be_read),
		cmocka_unit_test(texts_are_cut_to_the_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
