/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a host core, read and refused.
 * links: xvs_yaml xvs_base pkg::jansson
 */
#include "support/test.h"

#include <string.h>

#include "base/str.h"
#include "base/yaml.h"
#include "settings.h"

#define FILES "  certificate: /c\n  key: /k\n  ca: /a\n"

static struct diags diags;
static struct host_settings settings;

static bool read_text(const char *text)
{
	struct node *root;
	bool is_read;

	diags = (struct diags){ .file = "" };
	root = yaml_read(text, strlen(text), &diags);
	assert_non_null(root);
	is_read = settings_read(root, &settings, &diags);
	node_destroy(root);
	return is_read;
}

/* Exactly these errors, "line:column: text" each on a line. */
static void assert_refused(const char *text, const char *errors)
{
	struct strbuf all = { NULL, 0, 0, false };
	char line[400];

	assert_false(read_text(text));
	for (size_t i = 0; i < diags.count; i++)
		strbuf_add(&all, "%s\n", diag_print(&diags, i, line, sizeof(line)) + 1);
	assert_string_equal(all.text, errors);
	strbuf_finish(&all);
}

static void needs_none(void **state)
{
	(void)state;
	assert_true(read_text("# nothing\n"));
	assert_false(settings.is_ownership_static);
	assert_true(read_text("dynamic_ownership: false\n"));
	assert_true(settings.is_ownership_static);
	assert_true(read_text("dynamic_ownership: true\n"));
	assert_false(settings.is_ownership_static);
	assert_false(settings.has_migration);
	assert_null(settings_peer(&settings, "hostb"));
}

static void reads_all(void **state)
{
	const struct migration_settings *m = &settings.migration;
	const struct host_peer *p;

	(void)state;
	assert_true(
		read_text("migration:\n  listen: \"192.0.2.1:4791\"\n" FILES
			  "  bandwidth: 100M\n  dscp: 10\n  downtime_max_ms: 400\n"
			  "  folders: [/srv/vms, /srv/iso]\n"
			  "  peers:\n    - {name: hostb, address: 10.0.0.2, switches: [lab, dmz]}\n"
			  "    - {name: hostc}\n"));
	assert_true(settings.has_migration);
	assert_string_equal(m->listen, "192.0.2.1:4791");
	assert_int_equal(m->bandwidth, 100 << 20);
	assert_int_equal(m->dscp, 10);
	assert_int_equal(m->downtime_limit_ms, 50);
	assert_int_equal(m->downtime_max_ms, 400);
	assert_int_equal(m->folder_count, 2);
	assert_string_equal(m->folders[1], "/srv/iso");
	p = settings_peer(&settings, "hostb");
	assert_non_null(p);
	assert_true(peer_may_use(p, "dmz"));
	assert_false(peer_may_use(p, "other"));
	assert_null(settings_peer(&settings, "hostd"));
}

static void assert_addresses(const char *peer, const char *host, uint16_t port,
			     const char *of_switch)
{
	const struct host_peer *p = settings_peer(&settings, peer);
	char found_host[TLS_HOST_TEXT];
	char text[SETTINGS_ADDRESS];
	uint16_t found_port;

	assert_non_null(p);
	peer_address(p, found_host, &found_port);
	peer_switch_address(p, text, sizeof(text));
	assert_string_equal(found_host, host);
	assert_int_equal(found_port, port);
	assert_string_equal(text, of_switch);
}

static void finds_a_peer_by_its_name_unless_told_otherwise(void **state)
{
	(void)state;
	assert_true(
		read_text("migration:\n" FILES "  peers:\n    - {name: b.example.org}\n"
			  "    - {name: c, address: \"10.0.0.2:5000\"}\n"
			  "    - {name: d, address: \"2001:db8::1\"}\n"
			  "    - {name: e, address: x, switch_address: \"[2001:db8::2]:5\"}\n"));
	assert_addresses("b.example.org", "b.example.org", 4791, "b.example.org:4790");
	assert_addresses("c", "10.0.0.2", 5000, "10.0.0.2:4790");
	assert_addresses("d", "2001:db8::1", 4791, "[2001:db8::1]:4790");
	assert_addresses("e", "x", 4791, "[2001:db8::2]:5");
}

static void refuses_with_the_place(void **state)
{
	(void)state;
	assert_refused("migrations: {}\n",
		       "1:1: unknown key \"migrations\", did you mean \"migration\"\n");
	assert_refused("migration: no\n", "1:12: migration: a map of keys is expected\n");
	assert_refused("migration:\n  key: k\n  peers: [{address: a}]\n",
		       "2:8: migration: key: an absolute path is expected\n"
		       "3:11: peer: key \"name\" is missing\n"
		       "2:3: migration: key \"certificate\" is missing\n"
		       "2:3: migration: key \"ca\" is missing\n");
	assert_refused("migration:\n" FILES "  listen: hosta\n  bandwidth: 100\n",
		       "6:14: migration: bandwidth: whole MiB from 1M to 1024G are possible\n");
	assert_refused("migration:\n" FILES "  folders: [srv]\n",
		       "5:13: migration: folders: an absolute path is expected\n");
}

static void refuses_what_does_not_fit_together(void **state)
{
	(void)state;
	assert_refused("migration:\n" FILES "  listen: hosta\n  downtime_limit_ms: 400\n"
		       "  peers:\n    - {name: b}\n    - {name: b, address: \"x:y\"}\n",
		       "5:11: migration: listen: \"hosta\" is no address of this host, as "
		       "192.0.2.1:4791\n"
		       "2:3: migration: downtime_max_ms is 300, must not be less than "
		       "downtime_limit_ms, which is 400\n"
		       "9:7: peer b is given twice\n"
		       "9:26: address: \"x:y\" is no address: a name or an address, as "
		       "192.0.2.1:4791 or [2001:db8::1]:4791\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_none),
		cmocka_unit_test(reads_all),
		cmocka_unit_test(finds_a_peer_by_its_name_unless_told_otherwise),
		cmocka_unit_test(refuses_with_the_place),
		cmocka_unit_test(refuses_what_does_not_fit_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
