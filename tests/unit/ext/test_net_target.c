/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: what is one, how it is written, and which patterns it fits. */
#include "support/test.h"

#include <string.h>

#include "ext/net_target.h"

static void expect_printed(const char *text, const char *printed)
{
	struct net_target t;
	char out[TARGET_TEXT];

	if (!net_target_parse(text, &t))
		fail_msg("%s is refused", text);
	net_target_print(&t, out);
	assert_string_equal(out, printed);
	/* what is printed is read as the same */
	assert_true(net_target_parse(out, &t));
	net_target_print(&t, out);
	assert_string_equal(out, printed);
}

static void reads_what_connects(void **state)
{
	(void)state;
	expect_printed("tcp:192.0.2.1:6653", "tcp:192.0.2.1:6653");
	expect_printed("tcp:controller.example:1", "tcp:controller.example:1");
	expect_printed("tls:[2001:db8::1]:65535", "tls:[2001:db8::1]:65535");
	expect_printed("ssl:192.0.2.1:6653", "tls:192.0.2.1:6653");
	expect_printed("udp:192.0.2.1:4739", "udp:192.0.2.1:4739");
	expect_printed("unix:/run/x.sock", "unix:/run/x.sock");
}

static void reads_what_listens(void **state)
{
	(void)state;
	expect_printed("ptcp:6653", "ptcp:6653:127.0.0.1");
	expect_printed("ptcp:6653:0.0.0.0", "ptcp:6653:0.0.0.0");
	expect_printed("ptcp:6653:[::]", "ptcp:6653:[::]");
	expect_printed("ptcp:6653:::1", "ptcp:6653:[::1]");
	expect_printed("pssl:6653", "pssl:6653:127.0.0.1");
	expect_printed("ptls:6653:192.0.2.1", "pssl:6653:192.0.2.1");
	expect_printed("punix:/run/x.sock", "punix:/run/x.sock");
}

static void refuses_what_is_none(void **state)
{
	static const char *const wrong[] = {
		"",
		"tcp",
		"tcp:",
		"tcp:192.0.2.1",
		"tcp:192.0.2.1:",
		"tcp:192.0.2.1:0",
		"tcp:192.0.2.1:65536",
		"tcp:192.0.2.1:1x",
		"tcp:2001:db8::1:6653",
		"tcp:[2001:db8::1]",
		"tcp: host:1",
		"tcp:ho\nst:1",
		"http:192.0.2.1:1",
		"TCP:192.0.2.1:1",
		"unix:",
		"unix:relative",
		"unix:/run/of/../x",
		"unix:/run/./x",
		"unix:/run//x",
		"unix:/..",
		"punix:/run/of/",
		"tcp:127.1:6653",
		"tcp:2130706433:6653",
		"tcp:0x7f000001:6653",
		"tcp:name.0x7f:6653",
		"tcp:192.0.2.1.:6653",
		"tcp:name.12:6653",
		"tcp:192.0.2.01:6653",
		"ptcp:6653:127.1",
		"ptcp:",
		"ptcp:0",
		"ptcp:65536",
		"ptcp:-1",
		"ptcp:6653:",
		"ptcp:6653:name.example",
		"ptcp:6653:[::1",
		"ptcp:6653x",
		"punix:x",
	};
	struct net_target t;

	(void)state;
	for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
		if (net_target_parse(wrong[n], &t))
			fail_msg("\"%s\" is taken", wrong[n]);
	}
}

static void refuses_what_is_too_long(void **state)
{
	char text[1024];
	struct net_target t;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "tcp:", 4);
	memcpy(text + sizeof(text) - 4, ":80", 4);
	assert_false(net_target_parse(text, &t));
	memcpy(text, "unix:/", 6);
	assert_false(net_target_parse(text, &t));
	memcpy(text, "ptcp:80:", 8);
	assert_false(net_target_parse(text, &t));
	assert_false(net_target_pattern_valid(text));
}

static bool fits(const char *text, const char *pattern)
{
	struct net_target t;

	assert_true(net_target_parse(text, &t));
	assert_true(net_target_pattern_valid(pattern));
	return net_target_fits(&t, pattern);
}

static void compares_with_patterns(void **state)
{
	(void)state;
	assert_true(fits("tcp:192.0.2.1:6653", "tcp:192.0.2.1:6653"));
	assert_true(fits("tcp:192.0.2.1:6653", "tcp:192.0.2.*:6653"));
	assert_true(fits("tcp:192.0.2.1:6653", "tcp:*"));
	assert_true(fits("tcp:192.0.2.1:6653", "tcp:*2*:66*3"));
	assert_true(fits("ssl:[2001:db8::1]:6653", "tls:[2001:db8:*]:*"));
	assert_true(fits("tls:192.0.2.1:6653", "ssl:192.0.2.1:*"));
	assert_true(fits("ptcp:6653", "ptcp:6653:127.0.0.1"));
	assert_true(fits("unix:/run/of/a", "unix:/run/of/*"));
	assert_false(fits("tcp:192.0.2.1:6653", "tcp:192.0.2.1:665"));
	assert_false(fits("tcp:192.0.2.1:6653", "tcp:92.0.2.1:6653"));
	assert_false(fits("tcp:192.0.2.1:6653", "tls:*"));
	assert_false(fits("tcp:192.0.2.1:6653", "ptcp:*"));
	assert_false(fits("tcp:192.0.3.1:6653", "tcp:192.0.2.*"));
	assert_false(fits("ptcp:6653:0.0.0.0", "ptcp:*:127.0.0.1"));
	/* names that begin as addresses do */
	assert_false(fits("tcp:192.0.2.evil.example:6653", "tcp:192.0.2.*:6653"));
	assert_false(fits("tcp:192.0.2.evil.example:6653", "tcp:192.*"));
	assert_false(fits("tcp:1.example:6653", "tcp:*1*:6653"));
	assert_false(fits("tcp:name.example:6653", "tcp:[*]:6653"));
	assert_true(fits("tcp:name.example:6653", "tcp:*:6653"));
	assert_true(fits("tcp:name.example:6653", "tcp:*"));
	assert_true(fits("tcp:1.name.example:6653", "tcp:*.name.example:6653"));
	/* and addresses are compared as they are written everywhere */
	assert_true(fits("tcp:[2001:DB8:0:0::1]:6653", "tcp:[2001:db8::1]:6653"));
}

static void a_pattern_has_a_kind(void **state)
{
	(void)state;
	assert_false(net_target_pattern_valid("*"));
	assert_false(net_target_pattern_valid("192.0.2.1:6653"));
	assert_false(net_target_pattern_valid("t*:192.0.2.1:6653"));
	assert_false(net_target_pattern_valid("tcp:192.0.2.1 :6653"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_connects),
		cmocka_unit_test(reads_what_listens),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(refuses_what_is_too_long),
		cmocka_unit_test(compares_with_patterns),
		cmocka_unit_test(a_pattern_has_a_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
