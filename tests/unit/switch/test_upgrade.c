/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/*
 * One version of an extension takes another's place: with what it knows, or not at all.
 *
 *      vm1 (a quota, guarded) --- peer
 */
#include "adapters.h"

#define NEXT XVS_TEST_EXTENSIONS "/next/"
#define ELDER XVS_TEST_EXTENSIONS "/elder/vendor_elder.so"
#define USED "status|com.acme.quota.used/1|"

static const struct frame_end asker = { 1, false, 3333 };
static const struct frame_end resolver = { 2, false, 53 };

static const char config[] =
	"switches:\n"
	"  - name: lab\n    type: private\n"
	"    chain:\n"
	"      - {instance: fw, extension: org.xvs.secgroup}\n"
	"      - {instance: quota, extension: com.acme.quota}\n"
	"      - {instance: revised, extension: test.revised}\n"
	"    ports:\n"
	"      - name: vm1\n        mac: '52:54:00:00:00:01'\n        backend: {kind: 'null'}\n"
	"        policies:\n"
	"          com.acme.quota/1: {bytes: 1000000}\n"
	"          test.revised.limit/1: {rate_mbps: 3, burst: 7}\n"
	"          org.xvs.secgroup.rules/1: {rules: []}\n"
	"      - {name: peer, mac: '52:54:00:00:00:02', backend: {kind: 'null'}}\n";

static int start(void **state)
{
	fixture_has_extensions = true;
	next_adapter = 0;
	(void)fixture_start(state);
	fixture_has(*state, config);
	return 0;
}

static int stop(void **state)
{
	(void)fixture_stop(state);
	adapters_free();
	return 0;
}

static bool asks(struct frame_end from, struct frame_end to)
{
	struct memory_port *vm1 = adapters[0].port;
	struct memory_port *peer = adapters[1].port;
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_udp(f, from, to, 30);

	return adapters_go(from.host == 1 ? vm1 : peer, from.host == 1 ? peer : vm1, f, len);
}

static struct answer upgrade(struct fixture *f, const char *file, bool is_cold, uint64_t watch_s)
{
	const struct upgrade_wish u = {
		.target = "lab/quota", .file = file, .is_cold = is_cold, .watch_s = watch_s
	};
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	world_upgrade(f->world, &u, &wish);
	fixture_wait(f, &a.is_there);
	return a;
}

static void expect_version(struct fixture *f, const char *version)
{
	EXPECT(world_ext_show(f->world, "lab/quota"), "of|version", version);
	EXPECT(world_ext_show(f->world, "lab/quota"), "state", "running");
}

static void expect_packets(struct fixture *f, const char *packets)
{
	EXPECT(world_port_show(f->world, "lab/vm1"), USED "packets", packets);
	EXPECT(world_port_show(f->world, "lab/vm1"), "state", "open");
}

static void refuses(struct fixture *f, const char *file, const char *why)
{
	struct answer a = upgrade(f, file, false, 0);

	assert_true(a.code < 0);
	if (!strstr(a.text, why) || !strstr(a.text, "lab/quota stays as it is"))
		fail_msg("said: %s", a.text);
	expect_version(f, "2.0.0");
}

/* ---- with what it knows ------------------------------------------------------------------------ */

static void the_next_version_knows_what_the_former_did(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_true(asks(asker, resolver));
	assert_true(asks(asker, resolver));
	a = upgrade(f, NEXT "quota_strict.so", false, 0);
	assert_int_equal(a.code, 0);
	assert_non_null(strstr(a.note, "com.acme.quota 2.0.0 -> 3.0.0; packets waited for "));
	expect_version(f, "3.0.0");
	expect_packets(f, "2");
	EXPECT(world_ext_show(f->world, "lab/quota"), "upgrade|format", "2");
	EXPECT(world_ext_show(f->world, "lab/quota"), "upgrade|outcome", "stays");
	/* the connection that was there goes on, and it counts */
	assert_true(asks(resolver, asker));
	assert_true(asks(asker, resolver));
	expect_packets(f, "3");
}

static void goes_back_and_forth_by_the_format_of_the_elder(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5; i++) {
		assert_true(asks(asker, resolver));
		assert_int_equal(upgrade(f, ELDER, false, 0).code, 0);
		EXPECT(world_ext_show(f->world, "lab/quota"), "upgrade|format", "1");
		assert_true(asks(resolver, asker));
		assert_int_equal(upgrade(f, NULL, false, 0).code, 0);
		expect_version(f, "2.0.0");
	}
	/* format 1 is the bytes alone: 30 of data, 42 of headers */
	EXPECT(world_port_show(f->world, "lab/vm1"), USED "bytes", "360");
}

static void policies_set_since_are_known_to_the_next(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_set(f, "lab/vm1", "com.acme.quota/1", "bytes=100", true).code, 0);
	assert_true(asks(asker, resolver));
	assert_int_equal(upgrade(f, NEXT "quota_sound.so", false, 0).code, 0);
	assert_false(asks(asker, resolver));
	assert_int_equal(fixture_set(f, "lab/vm1", "com.acme.quota/1", "bytes=1000", true).code, 0);
	assert_true(asks(asker, resolver));
}

static void other_instances_are_left_alone(void **state)
{
	struct fixture *f = *state;

	free(fixture_record(f));
	assert_int_equal(upgrade(f, NEXT "quota_sound.so", false, 0).code, 0);
	fixture_expect(f, "");
}

/* ---- not at all -------------------------------------------------------------------------------- */

static void what_is_refused_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_true(asks(asker, resolver));
	refuses(f, NEXT "quota_misfit.so",
		"reads formats from 3, format 2 is too old; --without-state");
	refuses(f, NEXT "quota_refusing.so", "it makes nothing of that");
	refuses(f, NEXT "quota_greedy.so", "wants rights that what runs has not: originate");
	refuses(f, NEXT "quota_other.so", "is of class inspect");
	refuses(f, XVS_TEST_EXTENSIONS "/vendor_quota.so", "version 2.0.0 is the one that runs");
	refuses(f, XVS_TEST_EXTENSIONS "/vendor_nat.so", "not extension com.acme.quota");
	refuses(f, XVS_TEST_EXTENSIONS "/ext_minor7.so", "ABI");
	refuses(f, "/nowhere.so", "No such file");
	expect_packets(f, "1");
	assert_true(asks(resolver, asker));
	assert_true(asks(asker, resolver));
	expect_packets(f, "2");
	EXPECT(world_ext_show(f->world, "lab/quota"), "upgrade|outcome", "");
}

static void a_dry_run_starts_it_and_no_more(void **state)
{
	struct fixture *f = *state;
	const struct upgrade_wish u = { .target = "lab/quota", .file = NEXT "quota_sound.so" };
	struct answer a = { 0 };
	struct wish wish = fixture_wish(&a);

	wish.is_dry_run = true;
	world_upgrade(f->world, &u, &wish);
	fixture_wait(f, &a.is_there);
	assert_int_equal(a.code, 0);
	expect_version(f, "2.0.0");
}

static void state_stays_behind_where_that_was_said(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_true(asks(asker, resolver));
	a = upgrade(f, NEXT "quota_misfit.so", true, 0);
	assert_int_equal(a.code, 0);
	assert_non_null(strstr(a.note, "without its state: "));
	expect_version(f, "3.0.0");
	expect_packets(f, "0");
	assert_true(asks(resolver, asker));
}

static void only_what_runs_has_a_successor(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_enable(f, "lab/quota", false).code, 0);
	assert_int_equal(upgrade(f, NEXT "quota_sound.so", false, 0).code, -EINVAL);
	assert_int_equal(fixture_enable(f, "lab/quota", true).code, 0);
	assert_int_equal(upgrade(f, NEXT "quota_sound.so", false, 0).code, 0);
}

/* ---- back ---------------------------------------------------------------------------------------- */

static void wait_for_version(struct fixture *f, const char *version)
{
	char now[32] = "";

	for (unsigned i = 0; i < 10000 && strcmp(now, version) != 0; i++) {
		struct loop_timer *timer = loop_timer_create(f->loop, fixture_stop_loop, f->loop);

		loop_timer_arm(timer, 1000000);
		loop_run(f->loop);
		loop_timer_destroy(timer);
		fixture_pick(world_ext_show(f->world, "lab/quota"), "of|version", now, sizeof(now));
	}
	assert_string_equal(now, version);
}

static void goes_back(struct fixture *f, const char *file, const char *why)
{
	char said[256];

	assert_true(asks(asker, resolver));
	assert_int_equal(upgrade(f, file, false, 600).code, 0);
	EXPECT(world_ext_show(f->world, "lab/quota"), "upgrade|outcome", "watched");
	assert_false(asks(asker, resolver));
	wait_for_version(f, "2.0.0");
	EXPECT(world_ext_show(f->world, "lab/quota"), "upgrade|outcome", "went back");
	fixture_pick(world_ext_show(f->world, "lab/quota"), "upgrade|why", said, sizeof(said));
	assert_string_equal(said, why);
	/* it knows what both have seen */
	expect_packets(f, "2");
	assert_true(asks(asker, resolver));
	expect_packets(f, "3");
}

static void one_that_drops_by_its_catch_all_has_to_go(void **state)
{
	goes_back(*state, NEXT "quota_dropping.so",
		  "it dropped 1 packets by its catch-all reason, quota");
}

static void one_that_does_what_it_may_not_has_to_go(void **state)
{
	goes_back(*state, NEXT "quota_rewriting.so", "it did 1 times what it has no right to");
}

static void one_that_behaves_stays_when_its_time_is_over(void **state)
{
	struct fixture *f = *state;
	char outcome[16] = "";

	assert_int_equal(upgrade(f, NEXT "quota_sound.so", false, 1).code, 0);
	for (unsigned i = 0; i < 10000 && strcmp(outcome, "stays") != 0; i++) {
		wait_for_version(f, "3.0.0");
		(void)asks(asker, resolver);
		fixture_pick(world_ext_show(f->world, "lab/quota"), "upgrade|outcome", outcome,
			     sizeof(outcome));
	}
	assert_string_equal(outcome, "stays");
}

/* ---- a restart --------------------------------------------------------------------------------- */

static void restart(struct fixture *f, json_t *snapshot)
{
	struct diags *d = calloc(1, sizeof(*d));

	fixture_end_world(f);
	adapters_free();
	fixture_world(f);
	assert_int_equal(world_restore(f->world, snapshot, d), 0);
	fixture_has(f, config);
	json_decref(snapshot);
	free(d);
}

static void its_file_is_found_again_after_a_restart(void **state)
{
	struct fixture *f = *state;

	char *next = realpath(NEXT "quota_sound.so", NULL);

	assert_non_null(next);
	assert_int_equal(upgrade(f, next, false, 0).code, 0);
	free(next);
	restart(f, world_snapshot(f->world));
	expect_version(f, "3.0.0");
	/* and the record goes with an upgrade to what the search path has */
	assert_int_equal(upgrade(f, NULL, false, 0).code, 0);
	restart(f, world_snapshot(f->world));
	expect_version(f, "2.0.0");
}

static void without_its_file_the_search_path_must_do(void **state)
{
	struct fixture *f = *state;
	json_t *snapshot;

	assert_int_equal(upgrade(f, ELDER, false, 0).code, 0);
	snapshot = world_snapshot(f->world);
	assert_int_equal(json_object_set_new(json_object_get(snapshot, "modules"), "lab/quota",
					     json_string("/nowhere.so")),
			 0);
	restart(f, snapshot);
	expect_version(f, "2.0.0");
}

#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(the_next_version_knows_what_the_former_did),
		T(goes_back_and_forth_by_the_format_of_the_elder),
		T(policies_set_since_are_known_to_the_next),
		T(other_instances_are_left_alone),
		T(what_is_refused_changes_nothing),
		T(a_dry_run_starts_it_and_no_more),
		T(state_stays_behind_where_that_was_said),
		T(only_what_runs_has_a_successor),
		T(one_that_drops_by_its_catch_all_has_to_go),
		T(one_that_does_what_it_may_not_has_to_go),
		T(one_that_behaves_stays_when_its_time_is_over),
		T(its_file_is_found_again_after_a_restart),
		T(without_its_file_the_search_path_must_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
