/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "summary.h"
#include "support/frames.h"

static struct strbuf text;

static const char *summary_of(const uint8_t *frame, uint32_t cap_len, uint32_t wire_len)
{
	strbuf_finish(&text);
	text = (struct strbuf){ NULL, 0, 0, false };
	summary_add(&text, frame, cap_len, wire_len);
	return text.text;
}

static struct frame_end host(uint8_t number, uint16_t port, bool is_v6)
{
	return (struct frame_end){ number, is_v6, port };
}

static void add_tag(uint8_t *frame, uint32_t *len, uint16_t type, uint16_t tci)
{
	memmove(frame + 16, frame + 12, *len - 12);
	put_be16(frame + 12, type);
	put_be16(frame + 14, tci);
	*len += 4;
}

static void tells_addresses_protocol_and_ports(void **state)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, host(1, 4001, false), host(2, 80, false),
				 (struct frame_tcp){ .flags = F_SYN | F_ACK });

	(void)state;
	assert_string_equal(summary_of(f, len, len),
			    "IP 10.0.0.1.4001 > 10.0.0.2.80: tcp S., length 54");
	len = frame_udp(f, host(1, 53, true), host(2, 5353, true), 10);
	assert_string_equal(summary_of(f, len, len),
			    "IP6 fd00::1.53 > fd00::2.5353: udp, length 72");
}

static void tells_icmp_and_other_protocols(void **state)
{
	uint8_t f[FRAME_BYTES];

	(void)state;
	(void)frame_ip(f, host(1, 0, false), host(2, 0, false), 1, 8);
	f[34] = 8;
	assert_string_equal(summary_of(f, 42, 60),
			    "IP 10.0.0.1 > 10.0.0.2: icmp type 8 code 0, length 60");
	(void)frame_ip(f, host(1, 0, false), host(2, 0, false), 47, 8);
	assert_string_equal(summary_of(f, 42, 42),
			    "IP 10.0.0.1 > 10.0.0.2: protocol 47, length 42");
}

static void tells_arp(void **state)
{
	uint8_t f[42] = { [12] = 8, [13] = 6, 0, 1, 8,  0, 6, 4, 0,         1, 2, 0,
			  0,        0,        0, 9, 10, 0, 0, 1, [38] = 10, 0, 0, 2 };

	(void)state;
	assert_string_equal(summary_of(f, 42, 42), "ARP who-has 10.0.0.2 tell 10.0.0.1, length 42");
	f[21] = 2;
	assert_string_equal(summary_of(f, 42, 42),
			    "ARP 10.0.0.1 is-at 02:00:00:00:00:09, length 42");
}

static void tells_tags(void **state)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_udp(f, host(1, 1, false), host(2, 2, false), 0);

	(void)state;
	add_tag(f, &len, 0x8100, 10);
	add_tag(f, &len, 0x88a8, 0xe000 | 20);
	assert_string_equal(summary_of(f, len, len),
			    "vlan 20, vlan 10, IP 10.0.0.1.1 > 10.0.0.2.2: udp, length 50");
}

/* The ports of what is behind the first are somebody's payload. */
static void a_later_fragment_has_no_ports(void **state)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_udp(f, host(1, 1, false), host(2, 2, false), 100);

	(void)state;
	put_be16(f + 20, 100);
	assert_string_equal(summary_of(f, len, len), "IP 10.0.0.1 > 10.0.0.2: later fragment of "
						     "protocol 17, length 142");
}

static void what_is_not_known_has_its_type(void **state)
{
	uint8_t f[60] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x88, 0xb5 };

	(void)state;
	assert_string_equal(summary_of(f, 60, 60),
			    "07:08:09:0a:0b:0c > 01:02:03:04:05:06: ethertype 0x88b5, length 60");
	assert_string_equal(summary_of(f, 13, 60), "no whole Ethernet header, length 60");
}

/* Memory of exactly that size, so that a sanitizer sees each byte too many. */
static void any_bytes_cut_anywhere_will_do(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t len = (uint32_t)(test_random(&seed) % 90);
		uint8_t *f = malloc(len + 1);
		static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8 };

		assert_non_null(f);
		for (uint32_t i = 0; i < len; i++)
			f[i] = (uint8_t)test_random(&seed);
		for (uint32_t at = 12; at + 2 <= len && at < 24; at += 4)
			put_be16(f + at, types[test_random(&seed) % 5]);
		f = realloc(f, len ? len : 1);
		assert_non_null(f);
		assert_non_null(strstr(summary_of(f, len, len), ", length "));
		free(f);
	}
}

static int teardown(void **state)
{
	(void)state;
	strbuf_finish(&text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_addresses_protocol_and_ports),
		cmocka_unit_test(tells_icmp_and_other_protocols),
		cmocka_unit_test(tells_arp),
		cmocka_unit_test(tells_tags),
		cmocka_unit_test(a_later_fragment_has_no_ports),
		cmocka_unit_test(what_is_not_known_has_its_type),
		cmocka_unit_test(any_bytes_cut_anywhere_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
