/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* Adapters without an address in the configuration have one of the host's pool. */
#include "fixture.h"

#define LAB "switches:\n  - name: lab\n    type: private\n    ports:\n"
#define POOL(first, last) "daemon: {mac_pool: {first: '" first "', last: '" last "'}}\n"
#define SMALL POOL("0a:00:00:00:00:01", "0a:00:00:00:00:02")

enum { DOCUMENT = 4096 };

/* A document of ports with sockets of their own, each followed by more keys of it. */
static const char *with_ports(const struct fixture *f, const char *head, const char *const *ports)
{
	static char text[DOCUMENT];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s%s", head, LAB);

	for (; ports[0]; ports += 2)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"      - {name: %s, %sbackend: {kind: vhost-user, "
					"socket: %s/%s.sock}}\n",
					ports[0], ports[1], f->dir, ports[0]);
	return text;
}

#define PORTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What a port answers under a key. */
static const char *said(struct fixture *f, const char *port, const char *key)
{
	static char out[4][64];
	static unsigned turn;
	char *text = out[turn++ % 4];

	fixture_pick(world_port_show(f->world, port), key, text, sizeof(out[0]));
	return text;
}

static void gives_an_address_of_the_host_s_own_range(void **state)
{
	struct fixture *f = *state;
	uint8_t mac[6];

	fixture_has(f, with_ports(f, "", PORTS("vm1", "", "vm2", "mac: '52:54:00:00:00:02', ")));
	assert_true(mac_parse(said(f, "vm1", "mac"), mac));
	assert_int_equal(mac[0] & 3, 2);
	assert_string_equal(said(f, "vm1", "mac_from"), "pool");
	assert_string_equal(said(f, "vm2", "mac"), "52:54:00:00:00:02");
	assert_string_equal(said(f, "vm2", "mac_from"), "configuration");
	assert_int_equal(fixture_count(world_mac_list(f->world, "lab")), 2);
}

static void gives_each_port_another_address_and_avoids_those_that_are_given(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, with_ports(f, SMALL, PORTS("vm1", "", "vm2", "mac: '0a:00:00:00:00:02', ")));
	assert_string_equal(said(f, "vm1", "mac"), "0a:00:00:00:00:01");
	fixture_has(f, with_ports(f, SMALL, PORTS("vm1", "", "vm3", "")));
	assert_string_equal(said(f, "vm1", "mac"), "0a:00:00:00:00:01");
	assert_string_equal(said(f, "vm3", "mac"), "0a:00:00:00:00:02");
}

static void refuses_a_port_for_which_none_is_left(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	a = fixture_apply(f, with_ports(f, SMALL, PORTS("vm1", "", "vm2", "", "vm3", "")));
	assert_true(a.code < 0);
	assert_string_equal(
		a.text, "xvs.yaml:8:9: port lab/vm3: no address is left between 0a:00:00:00:00:01 "
			"and 0a:00:00:00:00:02; give the port a mac:, or daemon.mac_pool a larger "
			"range\n");
	fixture_has(f, with_ports(f, SMALL, PORTS("vm1", "", "vm2", "")));
	fixture_has(f, with_ports(f, SMALL, PORTS("vm2", "", "vm3", "")));
	assert_string_not_equal(said(f, "vm2", "mac"), said(f, "vm3", "mac"));
}

static void refuses_an_address_that_another_port_has_from_the_pool(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, with_ports(f, POOL("0a:00:00:00:00:01", "0a:00:00:00:00:01"),
				  PORTS("vm1", "")));
	a = fixture_apply(f,
			  with_ports(f, "", PORTS("vm1", "", "vm2", "mac: '0a:00:00:00:00:01', ")));
	assert_true(a.code < 0);
	assert_non_null(strstr(a.text, "belongs to port vm1 in the same segment, from the pool"));
}

static void keeps_the_address_when_the_range_is_another_one(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, with_ports(f, SMALL, PORTS("vm1", "mac: '0a:00:00:00:00:01', ", "vm2", "")));
	assert_string_equal(said(f, "vm2", "mac"), "0a:00:00:00:00:02");
	fixture_has(f, with_ports(f, POOL("0a:00:00:00:01:00", "0a:00:00:00:01:00"),
				  PORTS("vm1", "", "vm2", "")));
	assert_string_equal(said(f, "vm2", "mac"), "0a:00:00:00:00:02");
	assert_string_equal(said(f, "vm1", "mac"), "0a:00:00:00:01:00");
}

static void has_the_address_again_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	json_t *kept;
	char mac[64];

	fixture_has(f, with_ports(f, POOL("0a:00:00:00:00:07", "0a:00:00:00:00:07"),
				  PORTS("vm1", "")));
	kept = world_snapshot(f->world);
	(void)snprintf(mac, sizeof(mac), "%s", said(f, "vm1", "mac"));
	fixture_end_world(f);
	fixture_world(f);
	assert_int_equal(world_restore(f->world, kept, d), 0);
	fixture_has(f, with_ports(f, "", PORTS("vm1", "")));
	assert_string_equal(said(f, "vm1", "mac"), mac);
	json_decref(kept);
	free(d);
}

static void says_what_is_damaged_in_the_state(void **state)
{
	static const char *const bad[] = { "01:00:00:00:00:01", "nonsense" };
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct diags *d = calloc(1, sizeof(*d));
		json_t *kept = world_snapshot(f->world);

		json_object_set_new(kept, "macs",
				    json_pack("{s:s}", "6a1f0000-0000-4000-8000-000000000001",
					      bad[i]));
		assert_true(world_restore(f->world, kept, d) < 0);
		assert_non_null(strstr(d->items[0].text, "6a1f0000-0000-4000-8000-000000000001"));
		json_decref(kept);
		free(d);
	}
}

static void refuses_a_range_with_its_ends_exchanged(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct config_spec *spec;

	spec = fixture_spec(f, POOL("0a:00:00:00:00:02", "0a:00:00:00:00:01"), d);
	assert_null(spec);
	assert_non_null(strstr(d->items[0].text, "the last must not be lower"));
	free(d);
}

static void takes_a_lease_back_when_the_port_names_its_address(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, with_ports(f, SMALL, PORTS("vm1", "", "vm2", "")));
	fixture_has(f,
		    with_ports(f, SMALL,
			       PORTS("vm1", "mac: '0a:00:00:00:00:09', ", "vm2", "", "vm3", "")));
	assert_string_equal(said(f, "vm1", "mac"), "0a:00:00:00:00:09");
	assert_string_equal(said(f, "vm3", "mac_from"), "pool");
}

/* Ports that go take along what they keep for a daemon that starts again. */
static int stop(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, "switches: []\n");
	(void)rmdir(f->run_dir);
	return fixture_stop(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gives_an_address_of_the_host_s_own_range),
		TEST(gives_each_port_another_address_and_avoids_those_that_are_given),
		TEST(refuses_a_port_for_which_none_is_left),
		TEST(refuses_an_address_that_another_port_has_from_the_pool),
		TEST(keeps_the_address_when_the_range_is_another_one),
		TEST(has_the_address_again_after_a_restart),
		TEST(says_what_is_damaged_in_the_state),
		TEST(refuses_a_range_with_its_ends_exchanged),
		TEST(takes_a_lease_back_when_the_port_names_its_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
