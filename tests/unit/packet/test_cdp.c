/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an adjacent switch tells of itself by CDP.  The frames are scapy's, whose checksum is Cisco's.
 * links: xvs_packet xvs_base
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "packet/cdp.h"

/* Device sw1.example, system sw1, a WS-C3650, port Gi1/0/17, native VLAN 10, MTU 9198: of even length. */
static const uint8_t told[] = {
	0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, 0x02, 0x00, 0x00, 0xab, 0xcd, 0x01, 0x00, 0x4c, 0xaa,
	0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00, 0x02, 0xb4, 0xfa, 0x6d, 0x00, 0x01, 0x00, 0x0f,
	0x73, 0x77, 0x31, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00, 0x03, 0x00, 0x0c,
	0x47, 0x69, 0x31, 0x2f, 0x30, 0x2f, 0x31, 0x37, 0x00, 0x06, 0x00, 0x12, 0x63, 0x69, 0x73,
	0x63, 0x6f, 0x20, 0x57, 0x53, 0x2d, 0x43, 0x33, 0x36, 0x35, 0x30, 0x00, 0x0a, 0x00, 0x06,
	0x00, 0x0a, 0x00, 0x11, 0x00, 0x06, 0x23, 0xee, 0x00, 0x14, 0x00, 0x07, 0x73, 0x77, 0x31,
};

/* Port Gi1/0/7: an odd number of bytes. */
static const uint8_t odd[] = {
	0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, 0x02, 0x00, 0x00, 0xab, 0xcd, 0x01, 0x00, 0x4b, 0xaa,
	0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00, 0x02, 0xb4, 0x1b, 0x7f, 0x00, 0x01, 0x00, 0x0f,
	0x73, 0x77, 0x31, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00, 0x03, 0x00, 0x0b,
	0x47, 0x69, 0x31, 0x2f, 0x30, 0x2f, 0x37, 0x00, 0x06, 0x00, 0x12, 0x63, 0x69, 0x73, 0x63,
	0x6f, 0x20, 0x57, 0x53, 0x2d, 0x43, 0x33, 0x36, 0x35, 0x30, 0x00, 0x0a, 0x00, 0x06, 0x00,
	0x0a, 0x00, 0x11, 0x00, 0x06, 0x23, 0xee, 0x00, 0x14, 0x00, 0x07, 0x73, 0x77, 0x31,
};

/* And the last of them has its highest bit set. */
static const uint8_t odd_and_high[] = {
	0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, 0x02, 0x00, 0x00, 0xab, 0xcd, 0x01, 0x00, 0x51,
	0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00, 0x02, 0xb4, 0x4b, 0x5b, 0x00, 0x01,
	0x00, 0x0f, 0x73, 0x77, 0x31, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00,
	0x03, 0x00, 0x0b, 0x47, 0x69, 0x31, 0x2f, 0x30, 0x2f, 0x37, 0x00, 0x06, 0x00, 0x12,
	0x63, 0x69, 0x73, 0x63, 0x6f, 0x20, 0x57, 0x53, 0x2d, 0x43, 0x33, 0x36, 0x35, 0x30,
	0x00, 0x0a, 0x00, 0x06, 0x00, 0x0a, 0x00, 0x11, 0x00, 0x06, 0x23, 0xee, 0x00, 0x14,
	0x00, 0x07, 0x73, 0x77, 0x31, 0x00, 0x99, 0x00, 0x06, 0x61, 0xf3,
};

static void reads_what_a_switch_tells(void **state)
{
	struct lldp_neighbour n;

	(void)state;
	assert_true(cdp_read(told, sizeof(told), &n));
	assert_true(n.is_cdp);
	assert_string_equal(n.chassis, "sw1.example");
	assert_string_equal(n.port, "Gi1/0/17");
	assert_string_equal(n.description, "cisco WS-C3650");
	assert_string_equal(n.system, "sw1");
	assert_int_equal(n.ttl_s, 180);
	assert_true(n.has_pvid);
	assert_int_equal(n.pvid, 10);
	assert_false(n.has_vlans);
	assert_int_equal(n.max_frame, 9216);
	assert_false(n.is_aggregated);
}

static void sums_odd_numbers_as_those_who_send_them(void **state)
{
	struct lldp_neighbour n;

	(void)state;
	assert_true(cdp_read(odd, sizeof(odd), &n));
	assert_string_equal(n.port, "Gi1/0/7");
	assert_true(cdp_read(odd_and_high, sizeof(odd_and_high), &n));
}

/* A byte that differs is seen by the sum; one of the addresses in between says nothing. */
static void refuses_what_is_damaged(void **state)
{
	struct lldp_neighbour n;

	(void)state;
	for (size_t i = 0; i < sizeof(told); i++) {
		uint8_t other[sizeof(told)];

		memcpy(other, told, sizeof(told));
		other[i] ^= 0x11;
		assert_int_equal(cdp_read(other, sizeof(other), &n), i >= 6 && i < 12);
	}
}

static void refuses_what_is_cut_and_ignores_what_pads(void **state)
{
	uint8_t padded[sizeof(told) + 30] = { 0 };
	struct lldp_neighbour n;

	(void)state;
	for (uint32_t len = 0; len < sizeof(told); len++) {
		uint8_t *cut = malloc(len + 1);

		assert_non_null(cut);
		memcpy(cut, told, len);
		assert_false(cdp_read(cut, len, &n));
		free(cut);
	}
	memcpy(padded, told, sizeof(told));
	assert_true(cdp_read(padded, sizeof(padded), &n));
}

/* The sum of the message, made right as RFC 1071 has it. */
static void finish(uint8_t *frame, uint32_t len)
{
	uint32_t sum = 0;

	put_be16(frame + 12, (uint16_t)(len - 14));
	put_be16(frame + 24, 0);
	for (uint32_t i = 22; i < len; i++)
		sum += i & 1 ? frame[i] : (uint32_t)frame[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(frame + 24, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

/* A header, and these TLVs behind it. */
static bool reads(const uint8_t *tlvs, uint32_t len)
{
	uint8_t frame[128];
	struct lldp_neighbour n;

	memcpy(frame, told, 26);
	memcpy(frame + 26, tlvs, len);
	finish(frame, 26 + len);
	return cdp_read(frame, 26 + len, &n);
}

static void refuses_what_contradicts_itself(void **state)
{
	static const uint8_t good[] = { 0, 1, 0, 5, 'd', 0, 3, 0, 5, 'p' };
	static const uint8_t twice[] = { 0, 1, 0, 5, 'd', 0, 3, 0, 5, 'p', 0, 3, 0, 5, 'q' };
	static const uint8_t no_port[] = { 0, 1, 0, 5, 'd' };
	static const uint8_t empty[] = { 0, 1, 0, 4, 0, 3, 0, 5, 'p' };
	static const uint8_t short_tlv[] = { 0, 1, 0, 5, 'd', 0, 3, 0, 5, 'p', 0, 9, 0, 3 };
	static const uint8_t long_tlv[] = { 0, 1, 0, 5, 'd', 0, 3, 0, 5, 'p', 0, 9, 0, 9, 1 };
	static const uint8_t short_vlan[] = { 0, 1, 0, 5, 'd', 0, 3, 0, 5, 'p', 0, 10, 0, 5, 1 };

	(void)state;
	assert_true(reads(good, sizeof(good)));
	assert_true(reads(short_vlan, sizeof(short_vlan)));
	assert_false(reads(twice, sizeof(twice)));
	assert_false(reads(no_port, sizeof(no_port)));
	assert_false(reads(empty, sizeof(empty)));
	assert_false(reads(short_tlv, sizeof(short_tlv)));
	assert_false(reads(long_tlv, sizeof(long_tlv)));
}

static void tells_what_a_switch_can_read(void **state)
{
	/* of an even and of an odd length, and cut */
	static const char *const ports[] = { "eth0", "enp3s0",
					     "a-device-with-a-name-that-is-far-too-long" };
	struct lldp_own own = { .mac = { 2, 0, 0, 0, 0, 1 }, .system = "host1", .ttl_s = 120 };
	uint8_t frame[LLDP_OWN_BYTES];
	struct lldp_neighbour n;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		uint32_t len;

		own.port = ports[i % 3];
		own.max_frame = i < 3 ? 1518 : 0;
		len = cdp_write(frame, &own);
		assert_true(len >= 60 && len <= sizeof(frame));
		assert_true(cdp_read(frame, len, &n));
		assert_string_equal(n.chassis, "host1");
		assert_memory_equal(n.port, own.port,
				    strlen(own.port) < 32 ? strlen(own.port) : 32);
		assert_string_equal(n.description, "xvs");
		assert_int_equal(n.ttl_s, 120);
		assert_int_equal(n.max_frame, own.max_frame);
	}
	own.ttl_s = 14400;
	assert_true(cdp_read(frame, cdp_write(frame, &own), &n));
	assert_int_equal(n.ttl_s, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_switch_tells),
		cmocka_unit_test(sums_odd_numbers_as_those_who_send_them),
		cmocka_unit_test(refuses_what_is_damaged),
		cmocka_unit_test(refuses_what_is_cut_and_ignores_what_pads),
		cmocka_unit_test(refuses_what_contradicts_itself),
		cmocka_unit_test(tells_what_a_switch_can_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
