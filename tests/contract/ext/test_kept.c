/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions that were built against the headers of former releases (tests/abi/README.md) are loaded by
 * today's switch and do what they did.
 *
 *      vm1 --- [ one of them ] --- peer
 */
#include <dirent.h>
#include <sys/utsname.h>

#include "switch/adapters.h"

#define KEPT XVS_SOURCE_DIR "/tests/abi"

static char folders[8][512]; /* one a release */
static unsigned folder_count;
static const char *folder; /* that is looked at */

static const struct frame_end vm1 = { 1, false, 3333 };
static const struct frame_end peer = { 2, false, 53 };

static const char lab[] =
	"switches:\n"
	"  - name: lab\n    type: private\n"
	"    chain:\n      - {instance: it, extension: %s, required: true}\n"
	"    policies: {%s}\n"
	"    ports:\n"
	"      - name: vm1\n        mac: '52:54:00:00:00:01'\n        backend: {kind: 'null'}\n"
	"        policies: {%s}\n"
	"      - {name: peer, mac: '52:54:00:00:00:02', backend: {kind: 'null'}}\n";

/* An extension of this release alone in the chain, with this policy at the switch, and this at vm1. */
static void *has(const char *extension, const char *at_switch, const char *policy)
{
	struct fixture *f = NULL;
	char config[2048];

	fixture_dir = folder;
	next_adapter = 0;
	(void)fixture_start((void **)&f);
	(void)snprintf(config, sizeof(config), lab, extension, at_switch, policy);
	fixture_has(f, config);
	EXPECT(world_ext_show(f->world, "lab/it"), "state", "running");
	EXPECT(world_port_show(f->world, "lab/vm1"), "state", "open");
	return f;
}

static void end(struct fixture *f)
{
	(void)fixture_stop((void **)&f);
	adapters_free();
}

static bool goes(struct frame_end from, const uint8_t *bytes, uint32_t len)
{
	return adapters_go(adapters[from.host - 1].port, adapters[2 - from.host].port, bytes, len);
}

static bool asks(struct frame_end from, struct frame_end to)
{
	uint8_t f[FRAME_BYTES];

	return goes(from, f, frame_udp(f, from, to, 30));
}

static bool tcp(struct frame_end from, struct frame_end to, uint8_t flags)
{
	const struct frame_tcp t = { .flags = flags, .seq = 1, .ack = 2, .window = 60000 };
	uint8_t f[FRAME_BYTES];

	return goes(from, f, frame_tcp(f, from, to, t));
}

static bool connects(struct frame_end from, struct frame_end to)
{
	return tcp(from, to, F_SYN);
}

static void expect_drops(struct fixture *f, const char *reason)
{
	EXPECT(world_drops(f->world), "0|reason", reason);
	EXPECT(world_drops(f->world), "0|instance", "it");
}

/* A filter that judges by flow. */
static void tiny_drops_what_it_dropped(void)
{
	const struct frame_end telnet = { 2, false, 23 };
	struct fixture *f = has("com.example.tiny", "", "");

	assert_true(connects(vm1, peer));
	assert_false(connects(vm1, telnet));
	expect_drops(f, "telnet");
	assert_int_equal(fixture_set(f, "lab/vm1", "com.example.tiny/1", "allow=true", true).code,
			 0);
	assert_int_equal(fixture_set(f, "lab/peer", "com.example.tiny/1", "allow=true", true).code,
			 0);
	assert_true(connects(vm1, telnet));
	end(f);
}

/* A firewall: connections are the switch's, whether they may exist is its. */
static void gate_lets_in_whom_it_let_in(void)
{
	const struct frame_end web = { 1, false, 80 };
	const struct frame_end ssh = { 1, false, 22 };
	struct fixture *f =
		has("com.example.gate", "", "com.example.gate/1: {open: [{port: 80, proto: tcp}]}");

	assert_true(connects(peer, web));
	assert_false(connects(peer, ssh));
	expect_drops(f, "closed");
	assert_true(tcp(web, peer, F_SYN | F_ACK));
	end(f);
}

/* A forwarder. */
static void allowlist_reaches_whom_it_reached(void)
{
	struct fixture *f = has("com.example.allowlist", "",
				"com.example.allowlist/1: {peers: [{mac: '52:54:00:00:00:02'}]}");

	assert_true(asks(vm1, peer));
	assert_false(asks(peer, vm1));
	expect_drops(f, "unlisted");
	end(f);
}

/* State: read by today's build of it, and back. */
static void quota_hands_over_what_it_counted(void)
{
	struct fixture *f = has("com.acme.quota", "", "com.acme.quota/1: {bytes: 150}");
	struct upgrade_wish today = { .target = "lab/it",
				      .file = XVS_TEST_EXTENSIONS "/vendor_quota.so" };
	struct upgrade_wish kept = { .target = "lab/it" };
	const struct upgrade_wish *const turns[] = { &today, &kept };

	assert_true(asks(vm1, peer));
	assert_true(asks(vm1, peer));
	for (unsigned i = 0; i < 2; i++) {
		struct answer a = { 0 };
		struct wish wish = fixture_wish(&a);

		world_upgrade(f->world, turns[i], &wish);
		fixture_wait(f, &a.is_there);
		assert_int_equal(a.code, 0);
		EXPECT(world_port_show(f->world, "lab/vm1"), "status|com.acme.quota.used/1|packets",
		       "2");
		assert_false(asks(vm1, peer));
		expect_drops(f, "spent");
	}
	end(f);
}

/* Packets of its own. */
static void arpd_answers_as_it_did(void)
{
	static const uint8_t question[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0,
					      0,    0,    1,    8,    6,    0,    1,    8,    0,
					      6,    4,    0,    1,    0x52, 0x54, 0,    0,    0,
					      1,    10,   0,    0,    1,    0,    0,    0,    0,
					      0,    0,    10,   0,    0,    9 };
	struct fixture *f = has("com.acme.arpd",
				"com.acme.arpd/1: {ip: 10.0.0.9, mac: '52:54:00:00:00:99'}", "");

	/* it is consumed, and the answer comes back where it came from */
	assert_false(goes(vm1, question, sizeof(question)));
	for (unsigned i = 0; i < 10000 && !adapters[0].port->out_count; i++)
		(void)usleep(100);
	assert_int_equal(adapters[0].port->out_count, 1);
	end(f);
}

/* The order in which it is called, by its own record: of the kept binary, and of today's. */
static char *life(const char *from)
{
	struct fixture *f;
	char *record;

	folder = from;
	f = has("test.recorder", "", "test.recorder.limit/1: {rate: 5}");
	assert_true(fixture_set(f, "lab/vm1", "test.recorder.limit/1", "rate=13", true).code < 0);
	assert_int_equal(fixture_set(f, "lab/vm1", "test.recorder.limit/1", "rate=6", true).code,
			 0);
	assert_int_equal(fixture_enable(f, "lab/it", false).code, 0);
	record = fixture_record(f);
	end(f);
	return record;
}

static void recorder_is_called_as_it_was(void)
{
	char *then = life(folder);
	char *today = life(XVS_TEST_EXTENSIONS);

	assert_string_equal(then, today);
	assert_non_null(strstr(then, "create in lab"));
	free(then);
	free(today);
}

/* ---- of every release -------------------------------------------------------------------------- */

static void each_release(void (*look)(void))
{
	assert_true(folder_count > 0);
	for (unsigned i = 0; i < folder_count; i++) {
		folder = folders[i];
		look();
	}
}

#define OF_EACH(name) \
	static void of_each_release_##name(void **state) \
	{ \
		(void)state; \
		each_release(name); \
	}
OF_EACH(tiny_drops_what_it_dropped)
OF_EACH(gate_lets_in_whom_it_let_in)
OF_EACH(allowlist_reaches_whom_it_reached)
OF_EACH(quota_hands_over_what_it_counted)
OF_EACH(arpd_answers_as_it_did)
OF_EACH(recorder_is_called_as_it_was)

static void find_folders(void)
{
	struct utsname host;
	DIR *all = opendir(KEPT);
	const struct dirent *entry;

	if (!all || uname(&host) != 0)
		return;
	while ((entry = readdir(all)) && folder_count < 8) {
		(void)snprintf(folders[folder_count], sizeof(folders[0]), "%s/%.64s/%.64s", KEPT,
			       entry->d_name, host.machine);
		folder_count += entry->d_name[0] != '.' && access(folders[folder_count], R_OK) == 0;
	}
	(void)closedir(all);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_each_release_tiny_drops_what_it_dropped),
		cmocka_unit_test(of_each_release_gate_lets_in_whom_it_let_in),
		cmocka_unit_test(of_each_release_allowlist_reaches_whom_it_reached),
		cmocka_unit_test(of_each_release_quota_hands_over_what_it_counted),
		cmocka_unit_test(of_each_release_arpd_answers_as_it_did),
		cmocka_unit_test(of_each_release_recorder_is_called_as_it_was),
	};

	find_folders();
	if (folder_count == 0) {
		(void)fprintf(stderr, "of this architecture none are kept\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
