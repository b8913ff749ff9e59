/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* A port's run-time state as records: who is asked, what is admitted, what is refused. */
#include "base/clock.h"
#include "parcel.h"
#include "switch/world.h"

#define HERE \
	"switches:\n" \
	"  - name: here\n    type: private\n" \
	"    chain:\n      - {instance: quota, extension: com.acme.quota}\n" \
	"    ports:\n      - {name: vm1, backend: {kind: 'null'}, " \
	"policies: {com.acme.quota/1: {bytes: 1000}}}\n"
#define THERE \
	"  - name: there\n    type: private\n" \
	"    chain:\n      - {instance: q, extension: com.acme.quota}\n" \
	"      - {instance: rec, extension: test.recorder}\n"
#define QUOTA "{\"com.acme.quota/1\": {\"bytes\": 1000}}"

static struct parcel parcel;

/* As the extension writes it in format 2. */
static const uint8_t used[16] = { 0xe7, 0x03, 0, 0, 0, 0, 0, 0, 7 };

static int start(void **state)
{
	memset(&parcel, 0, sizeof(parcel));
	return fixture_start(state);
}

static int stop(void **state)
{
	parcel_finish(&parcel);
	return fixture_stop(state);
}

static struct bundle_record record_of(const void *bytes, size_t len, uint32_t format)
{
	return (struct bundle_record){ .owner = "com.acme.quota",
				       .format = format,
				       .critical = true,
				       .data = bytes,
				       .len = len };
}

/* A port "there/vm1" that is held and has admitted what "here/vm1" describes. */
static struct bundle *agree(struct fixture *f)
{
	fixture_has(f, HERE THERE);
	parcel_expect(f, "there", "vm1", QUOTA);
	return parcel_agree(&parcel, f->world, "here/vm1", "there/vm1");
}

static void describes_who_has_state(void **state)
{
	struct bundle *b = agree(*state);

	assert_int_equal(parcel.owner_count, 3);
	assert_string_equal(parcel.owners[0].id, BUNDLE_PORT);
	assert_string_equal(parcel.owners[1].id, BUNDLE_ADDRESSES);
	assert_string_equal(parcel.owners[2].id, "com.acme.quota");
	assert_int_equal(parcel.owners[2].format, 2);
	assert_true(parcel.owners[2].critical);
	bundle_close(b, false);
}

static void a_held_port_is_closed_until_it_opens(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);

	EXPECT(world_port_show(f->world, "there/vm1"), "state", "closed");
	EXPECT(world_port_show(f->world, "there/vm1"), "reasons|0",
	       "its machine is on the way here");
	assert_int_equal(bundle_open_port(f->world, "there/vm1", &err), 0);
	EXPECT(world_port_show(f->world, "there/vm1"), "state", "open");
	assert_true(bundle_open_port(f->world, "there/vm1", &err) < 0);
	bundle_close(b, false);
}

static void a_change_of_the_configuration_opens_no_held_port(void **state)
{
	struct fixture *f = *state;
	struct bundle *b = agree(f);

	fixture_has(f, HERE THERE "    policies: {}\n");
	assert_int_equal(fixture_set(f, "there/vm1", "com.acme.quota/1", "bytes=5", true).code, 0);
	EXPECT(world_port_show(f->world, "there/vm1"), "state", "closed");
	bundle_close(b, false);
}

static void a_port_is_held_across_a_restart(void **state)
{
	struct fixture *f = *state;
	struct diags *d = calloc(1, sizeof(*d));
	struct bundle *b = agree(f);
	json_t *snapshot;

	bundle_close(b, false);
	snapshot = world_snapshot(f->world);
	fixture_end_world(f);
	fixture_world(f);
	assert_int_equal(world_restore(f->world, snapshot, d), 0);
	json_decref(snapshot);
	free(d);
	assert_int_equal(bundle_hold(f->world, "here/vm1"), 0);
	fixture_has(f, HERE THERE);
	EXPECT(world_port_show(f->world, "there/vm1"), "state", "closed");
	EXPECT(world_port_show(f->world, "here/vm1"), "state", "closed");
}

static void state_goes_there_and_back(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle_record r = record_of(used, sizeof(used), 2);
	struct bundle *b = agree(f);

	bundle_close(b, false);
	assert_int_equal(bundle_restore(f->world, "there/vm1", &r, &err), 0);
	assert_int_equal(bundle_open_port(f->world, "there/vm1", &err), 0);
	EXPECT(world_port_show(f->world, "there/vm1"), "status|com.acme.quota.used/1|bytes", "999");
	parcel_expect(f, "here", "vm2", QUOTA);
	b = parcel_agree(&parcel, f->world, "there/vm1", "here/vm2");
	(void)parcel_pass(&parcel, b, BUNDLE_FULL);
	assert_memory_equal(parcel_find(&parcel, "com.acme.quota")->data, used, sizeof(used));
	parcel_freeze(f, b);
	EXPECT(world_port_show(f->world, "there/vm1"), "state", "closed");
	(void)parcel_pass(&parcel, b, BUNDLE_FINAL);
	assert_int_equal(parcel_deliver(&parcel, f->world, "here/vm2", &err), 0);
	bundle_close(b, true);
	EXPECT(world_port_show(f->world, "there/vm1"), "state", "closed");
	assert_int_equal(bundle_open_port(f->world, "here/vm2", &err), 0);
	EXPECT(world_port_show(f->world, "here/vm2"), "status|com.acme.quota.used/1|packets", "7");
}

static void an_older_format_is_converted(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle_record r = record_of(used, 8, 1);
	struct bundle *b = agree(f);
	struct bundle_owner old = parcel.owners[2];

	old.format_max = 1;
	assert_int_equal(bundle_admit(f->world, "there/vm1", &old, 1, &err), 0);
	assert_int_equal(old.format, 1);
	assert_int_equal(bundle_restore(f->world, "there/vm1", &r, &err), 0);
	EXPECT(world_port_show(f->world, "there/vm1"), "status|com.acme.quota.used/1|bytes", "999");
	bundle_close(b, false);
}

static void a_newer_format_is_refused_before_anything_moves(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);
	struct bundle_owner new = parcel.owners[2];

	new.format_min = 3;
	new.format_max = 4;
	assert_true(bundle_admit(f->world, "there/vm1", &new, 1, &err) < 0);
	assert_string_equal(err.text,
			    "port there/vm1: com.acme.quota (2.0.0) here reads formats up "
			    "to 2, format 3 is too new");
	new.critical = false;
	assert_int_equal(bundle_admit(f->world, "there/vm1", &new, 1, &err), 0);
	assert_int_equal(new.format, 0);
	bundle_close(b, false);
}

static void who_is_not_there_is_refused_unless_it_may_stay_behind(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);
	struct bundle_owner other = {
		.id = "com.acme.other", .format_min = 1, .format_max = 1, .critical = true
	};

	assert_true(bundle_admit(f->world, "there/vm1", &other, 1, &err) < 0);
	assert_string_equal(err.text,
			    "port there/vm1: com.acme.other does not stand in this port's chain");
	other.critical = false;
	assert_int_equal(bundle_admit(f->world, "there/vm1", &other, 1, &err), 0);
	assert_int_equal(other.format, 0);
	bundle_close(b, false);
}

static void a_critical_owner_left_behind_ends_it_at_the_source_too(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);

	parcel.owners[2].format = 0;
	assert_true(bundle_agree(b, parcel.owners, parcel.owner_count, &err) < 0);
	parcel.owners[2].format = 9;
	assert_true(bundle_agree(b, parcel.owners, parcel.owner_count, &err) < 0);
	bundle_close(b, false);
}

static void a_truncated_record_is_refused_without_effect(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);

	for (size_t len = 0; len < sizeof(used); len++) {
		struct bundle_record r = record_of(used, len, 2);

		assert_true(bundle_restore(f->world, "there/vm1", &r, &err) < 0);
	}
	EXPECT(world_port_show(f->world, "there/vm1"), "status|com.acme.quota.used/1|bytes", "0");
	bundle_close(b, false);
}

static void a_format_that_was_not_agreed_is_refused(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle_record r = record_of(used, sizeof(used), 3);
	struct bundle *b = agree(f);

	assert_true(bundle_restore(f->world, "there/vm1", &r, &err) < 0);
	bundle_close(b, false);
}

static void a_port_that_is_not_held_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle_record r = record_of(used, sizeof(used), 2);
	struct bundle *b = agree(f);

	assert_true(bundle_restore(f->world, "here/vm1", &r, &err) < 0);
	assert_true(bundle_restore(f->world, "here/none", &r, &err) < 0);
	bundle_close(b, false);
}

static void a_port_has_one_bundle_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);
	struct bundle *other;

	assert_int_equal(bundle_open(f->world, "here/vm1", &other, &err), -EBUSY);
	bundle_close(b, false);
	assert_int_equal(bundle_open(f->world, "here/vm1", &other, &err), 0);
	bundle_close(other, false);
}

static void a_thawed_port_forwards_again(void **state)
{
	struct fixture *f = *state;
	struct bundle *b = agree(f);

	parcel_freeze(f, b);
	EXPECT(world_port_show(f->world, "here/vm1"), "reasons|0",
	       "its state is being read: its machine is saved, or on the way to another host");
	bundle_thaw(b);
	EXPECT(world_port_show(f->world, "here/vm1"), "state", "open");
	parcel_freeze(f, b);
	bundle_close(b, false);
	EXPECT(world_port_show(f->world, "here/vm1"), "state", "open");
}

static void what_is_closed_while_it_freezes_ends_cleanly(void **state)
{
	struct fixture *f = *state;
	struct parcel_frozen frozen = { 0 };
	struct bundle *b = agree(f);

	bundle_freeze(b, parcel_froze, &frozen);
	bundle_close(b, false);
	assert_int_equal(fixture_set(f, "here/vm1", "com.acme.quota/1", "bytes=5", true).code, 0);
	assert_false(frozen.is_there);
	EXPECT(world_port_show(f->world, "here/vm1"), "state", "open");
}

static void a_port_that_is_removed_meanwhile_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);

	assert_int_equal(fixture_remove_port(f, "here/vm1", true).code, 0);
	assert_int_equal(bundle_save(b, BUNDLE_FULL, parcel_sink, &parcel, &err), -ENODEV);
	bundle_close(b, false);
}

static void the_last_pass_wants_a_frozen_port(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(*state);

	assert_int_equal(bundle_save(b, BUNDLE_FINAL, parcel_sink, &parcel, &err), -EINVAL);
	bundle_close(b, false);
}

static void counters_go_on_where_they_were(void **state)
{
	struct fixture *f = *state;
	struct xvs_error err = ERROR_INIT;
	struct bundle *b = agree(f);
	uint32_t id = world_port_id(f->world, "here/vm1");
	struct port_counters sum = { .rx_packets = 5, .rx_bytes = 700, .drops = 2 };

	counters_port_carry(f->counters, id, &sum);
	(void)parcel_pass(&parcel, b, BUNDLE_FULL);
	assert_int_equal(parcel_deliver(&parcel, f->world, "there/vm1", &err), 0);
	EXPECT(world_port_stats(f->world, "there/vm1"), "rx_packets", "5");
	EXPECT(world_port_stats(f->world, "there/vm1"), "drops", "2");
	EXPECT(world_accounts(f->world), "received", "0");
	bundle_discard(f->world, "there/vm1");
	EXPECT(world_port_stats(f->world, "there/vm1"), "rx_packets", "0");
	bundle_close(b, false);
}

static void learned_addresses_are_taken_over_when_it_opens(void **state)
{
	struct fixture *f = *state;
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, 9 };
	const char *learning =
		"{\"com.acme.quota/1\": {\"bytes\": 9}, \"xvs.learning/1\": {\"enabled\": true}}";
	struct xvs_error err = ERROR_INIT;
	struct port *p;
	struct bundle *b;

	fixture_has(f, HERE THERE);
	parcel_expect(f, "there", "vm1", learning);
	p = world_port(f->world, "here/vm1");
	assert_int_equal(l2_learn(&p->sw->path_switch->l2, 0, mac, p->path_port, 8, clock_ns()),
			 L2_LEARNED);
	b = parcel_agree(&parcel, f->world, "here/vm1", "there/vm1");
	(void)parcel_pass(&parcel, b, BUNDLE_FULL);
	assert_int_equal(parcel_deliver(&parcel, f->world, "there/vm1", &err), 0);
	assert_int_equal(fixture_count(world_mac_list(f->world, "there")), 0);
	assert_int_equal(bundle_open_port(f->world, "there/vm1", &err), 0);
	EXPECT(world_mac_list(f->world, "there"), "0|mac", "52:54:00:00:00:09");
	bundle_close(b, false);
}

static void host_records_that_are_malformed_are_refused(void **state)
{
	struct fixture *f = *state;
	struct bundle *b = agree(f);
	static const uint8_t addresses[16] = { 1, 0, 0, 0, 0, 0, 0x52, 0x54, 0, 0, 0, 9 };
	uint8_t bytes[512];
	struct xvs_error err = ERROR_INIT;
	struct bundle_record r = { .format = 1, .data = bytes };

	(void)parcel_pass(&parcel, b, BUNDLE_FULL);
	r.owner = BUNDLE_PORT;
	r.len = parcel_find(&parcel, BUNDLE_PORT)->len;
	memcpy(bytes, parcel_find(&parcel, BUNDLE_PORT)->data, r.len);
	while (r.len-- > 0)
		assert_true(bundle_restore(f->world, "there/vm1", &r, &err) < 0);
	r.owner = BUNDLE_ADDRESSES;
	memcpy(bytes, addresses, sizeof(addresses));
	r.len = sizeof(addresses);
	assert_int_equal(bundle_restore(f->world, "there/vm1", &r, &err), 0);
	bytes[6] |= 1; /* a group has no place */
	assert_true(bundle_restore(f->world, "there/vm1", &r, &err) < 0);
	bytes[6] &= 0xfe;
	bytes[3] = 0x7f; /* more than there are */
	assert_true(bundle_restore(f->world, "there/vm1", &r, &err) < 0);
	bundle_close(b, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
		T(describes_who_has_state),
		T(a_held_port_is_closed_until_it_opens),
		T(a_change_of_the_configuration_opens_no_held_port),
		T(a_port_is_held_across_a_restart),
		T(state_goes_there_and_back),
		T(an_older_format_is_converted),
		T(a_newer_format_is_refused_before_anything_moves),
		T(who_is_not_there_is_refused_unless_it_may_stay_behind),
		T(a_critical_owner_left_behind_ends_it_at_the_source_too),
		T(a_truncated_record_is_refused_without_effect),
		T(a_format_that_was_not_agreed_is_refused),
		T(a_port_that_is_not_held_takes_nothing),
		T(a_port_has_one_bundle_at_a_time),
		T(a_thawed_port_forwards_again),
		T(what_is_closed_while_it_freezes_ends_cleanly),
		T(a_port_that_is_removed_meanwhile_is_an_error),
		T(the_last_pass_wants_a_frozen_port),
		T(counters_go_on_where_they_were),
		T(learned_addresses_are_taken_over_when_it_opens),
		T(host_records_that_are_malformed_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
