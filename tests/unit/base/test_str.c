/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "xvs/policy.h"

static void copy_says_when_it_cuts(void **state)
{
	char to[4] = "zzz";

	(void)state;
	assert_true(str_copy(to, sizeof(to), "abc"));
	assert_string_equal(to, "abc");
	assert_false(str_copy(to, sizeof(to), "defg"));
	assert_string_equal(to, "def");
	assert_false(str_copy(to, 0, ""));
}

static void buffer_grows_and_keeps_zero_bytes(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_add(&b, "%d,", i % 10);
	strbuf_put(&b, "a\0b", 3);
	assert_false(b.failed);
	assert_int_equal(b.len, 2003);
	assert_memory_equal(b.text, "0,1,2,", 6);
	assert_memory_equal(b.text + 2000, "a\0b\0", 4);
	strbuf_finish(&b);
	assert_null(b.text);
}

static void buffer_refuses_what_no_memory_can_hold(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	strbuf_add(&b, "kept");
	strbuf_put(&b, "x", SIZE_MAX - 2);
	assert_true(b.failed);
	strbuf_add(&b, "ignored");
	assert_string_equal(b.text, "kept");
	strbuf_finish(&b);
}

static const char *nearest(const char *word)
{
	static const char *const words[] = { "bridge", "nat", "private", "passthrough", "vepa" };

	return str_nearest(word, words, sizeof(words) / sizeof(words[0]));
}

static void suggests_the_nearest_word(void **state)
{
	(void)state;
	assert_string_equal(nearest("brigde"), "bridge");
	assert_string_equal(nearest("bridgee"), "bridge");
	assert_string_equal(nearest("passthrogh"), "passthrough");
}

static void suggests_nothing_for_strange_words(void **state)
{
	char long_word[5000];

	(void)state;
	memset(long_word, 'b', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(nearest("firewall"));
	assert_null(nearest("x"));
	assert_null(nearest(""));
	assert_null(nearest(long_word));
	assert_null(str_nearest("a", NULL, 0));
}

static void swap_counts_as_one_edit(void **state)
{
	static const char *const words[] = { "abcdxx", "abdc" };

	(void)state;
	assert_string_equal(str_nearest("abcd", words, 2), "abdc");
}

static void mac_is_read_and_printed(void **state)
{
	uint8_t mac[6];
	char text[MAC_TEXT];

	(void)state;
	assert_true(mac_parse("52:54:00:aB:Cd:0f", mac));
	assert_string_equal(mac_print(mac, text), "52:54:00:ab:cd:0f");
	assert_true(mac_parse("01-23-45-67-89-ab", mac));
	assert_string_equal(mac_print(mac, text), "01:23:45:67:89:ab");
}

static void bad_macs_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"52",
		"52:54:00:00:00",
		"52:54:00:00:00:",
		"52:54:00:00:00:0",
		"52:54:00:00:00:011",
		"52:54:00:00:00:01 ",
		" 52:54:00:00:00:01",
		"52:54-00:00:00:01",
		"5254:00:00:00:01",
		"g2:54:00:00:00:01",
		"52:54:00:00:00:-1",
		"\xff\xff:\xff",
		"525400000001",
	};
	uint8_t mac[6] = { 1, 2, 3, 4, 5, 6 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mac_parse(bad[i], mac));
	assert_memory_equal(mac, "\1\2\3\4\5\6", 6);
}

static void uuid_is_read_and_printed(void **state)
{
	static const char text[] = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
	uint8_t uuid[16];
	char out[UUID_TEXT];

	(void)state;
	assert_true(uuid_parse("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", uuid));
	assert_int_equal(uuid[0], 0xf8);
	assert_string_equal(uuid_print(uuid, out), text);
}

static void bad_uuids_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		"f81d4fae7dec11d0a76500a0c91e6bf6",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf6f",
		"{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
		"f81d4fa-e7dec-11d0-a765-00a0c91e6bf6",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
	};
	uint8_t uuid[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(uuid_parse(bad[i], uuid));
}

static void made_uuids_are_version_4_and_differ(void **state)
{
	uint8_t a[16];
	uint8_t b[16];

	(void)state;
	uuid_make(a);
	uuid_make(b);
	assert_int_equal(a[6] >> 4, 4);
	assert_int_equal(a[8] >> 6, 2);
	assert_memory_not_equal(a, b, sizeof(a));
}

struct ip_case {
	const char *text;
	const char *printed;
	uint8_t prefix_len;
};

static void addresses_are_read_and_printed(void **state)
{
	static const struct ip_case cases[] = {
		{ "1.2.3.4", "1.2.3.4", 128 },
		{ "10.0.0.0/8", "10.0.0.0/8", 104 },
		{ "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "1.2.3.4/32", "1.2.3.4", 128 },
		{ "fe80::1", "fe80::1", 128 },
		{ "2001:DB8::/32", "2001:db8::/32", 32 },
		{ "::/0", "::/0", 0 },
		{ "::ffff:9.8.7.6", "9.8.7.6", 128 },
		{ "::ffff:9.8.7.6/95", "::ffff:9.8.7.6/95", 95 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/127",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127", 127 },
	};
	struct xvs_ip ip;
	char out[IP_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&ip, 0xee, sizeof(ip));
		assert_true(ip_parse(cases[i].text, &ip));
		assert_int_equal(ip.prefix_len, cases[i].prefix_len);
		assert_string_equal(ip_print(&ip, out), cases[i].printed);
	}
	assert_int_equal(ip.pad[0] | ip.pad[1] | ip.pad[2], 0);
}

static void ipv4_is_mapped(void **state)
{
	static const uint8_t mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 };
	struct xvs_ip ip;

	(void)state;
	assert_true(ip_parse("192.0.2.1", &ip));
	assert_memory_equal(ip.addr, mapped, sizeof(mapped));
}

static void bad_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.04",
		"0x1.2.3.4",
		"1.2.3.4/",
		"1.2.3.4/33",
		"1.2.3.4/08",
		"1.2.3.4/-1",
		"1.2.3.4/+1",
		"1.2.3.4/ 8",
		"1.2.3.4/8 ",
		" 1.2.3.4",
		"1.2.3.4/8/8",
		"::/129",
		"::/4294967296",
		"::/18446744073709551616",
		":::",
		"fe80::1%eth0",
		"1::2::3",
		"12345::",
		"a.b.c.d",
		"\xff\xfe",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	struct xvs_ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ip_parse(bad[i], &ip));
}

/* Any bytes: no parser reads behind the NUL (a sanitizer watches the exact-size copy). */
static void hostile_text_is_read_within_its_bounds(void **state)
{
	static const char letters[] = "0123456789abcdefABF:-./% g\xff";
	uint64_t seed = 42;
	uint8_t bytes[16];
	struct xvs_ip ip;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = test_random(&seed) % 48;
		char *text = malloc(len + 1);

		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] = letters[test_random(&seed) % (sizeof(letters) - 1)];
		text[len] = '\0';
		if (mac_parse(text, bytes))
			assert_int_equal(len, MAC_TEXT - 1);
		if (uuid_parse(text, bytes))
			assert_int_equal(len, UUID_TEXT - 1);
		if (ip_parse(text, &ip))
			assert_in_range(ip.prefix_len, 0, 128);
		(void)nearest(text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_says_when_it_cuts),
		cmocka_unit_test(buffer_grows_and_keeps_zero_bytes),
		cmocka_unit_test(buffer_refuses_what_no_memory_can_hold),
		cmocka_unit_test(suggests_the_nearest_word),
		cmocka_unit_test(suggests_nothing_for_strange_words),
		cmocka_unit_test(swap_counts_as_one_edit),
		cmocka_unit_test(mac_is_read_and_printed),
		cmocka_unit_test(bad_macs_are_refused),
		cmocka_unit_test(uuid_is_read_and_printed),
		cmocka_unit_test(bad_uuids_are_refused),
		cmocka_unit_test(made_uuids_are_version_4_and_differ),
		cmocka_unit_test(addresses_are_read_and_printed),
		cmocka_unit_test(ipv4_is_mapped),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(hostile_text_is_read_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
