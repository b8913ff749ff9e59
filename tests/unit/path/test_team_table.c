/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which member of a team sends what, and what the loss of one changes.
 * links: xvs_path
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "path/team.h"

static struct team_order order;
static uint8_t holders[TEAM_MEMBERS];
static struct path_port ports[TEAM_MEMBERS];

static int begin(void **state)
{
	(void)state;
	hash_start();
	memset(&order, 0, sizeof(order));
	memset(order.wanted_pins, TEAM_NOBODY, sizeof(order.wanted_pins));
	memset(holders, TEAM_NOBODY, sizeof(holders));
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		order.ports[m] = &ports[m];
		order.is_usable[m] = true;
	}
	return 0;
}

/* Members 0 .. active - 1 send, those behind them stand by. */
static void ordered(uint32_t active, uint32_t standby)
{
	for (uint32_t m = 0; m < active + standby; m++)
		*(m < active ? &order.active[m] : &order.standby[m - active]) = (uint8_t)m;
	order.active_count = active;
	order.standby_count = standby;
	team_choose(&order, holders);
}

static void set_usable(uint32_t member, bool is_usable)
{
	order.is_usable[member] = is_usable;
	team_choose(&order, holders);
}

static void assert_holders(const uint8_t *wanted, uint32_t count)
{
	for (uint32_t s = 0; s < TEAM_MEMBERS; s++)
		assert_int_equal(holders[s], s < count ? wanted[s] : TEAM_NOBODY);
}

#define ASSERT_HOLDERS(...) \
	do { \
		const uint8_t wanted[] = { __VA_ARGS__ }; \
		assert_holders(wanted, sizeof(wanted)); \
	} while (0)

static struct team_table table_now(void)
{
	struct team_table t = { .receiver = 0 };

	team_fill(&order, holders, &t);
	return t;
}

static void each_active_member_has_its_slot(void **state)
{
	struct team_table t;

	(void)state;
	ordered(3, 2);
	ASSERT_HOLDERS(0, 1, 2);
	t = table_now();
	assert_int_equal(t.receiver, 0);
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++)
		assert_int_equal(t.homes[b], b % 3);
}

static void a_stand_by_takes_the_slot_of_who_failed(void **state)
{
	(void)state;
	ordered(2, 2);
	set_usable(1, false);
	ASSERT_HOLDERS(0, 2);
	set_usable(0, false);
	ASSERT_HOLDERS(3, 2);
	set_usable(1, true);
	ASSERT_HOLDERS(3, 1);
	set_usable(0, true);
	ASSERT_HOLDERS(0, 1);
}

static void who_stands_in_stays_in_a_rolling_order(void **state)
{
	(void)state;
	order.is_rolling = true;
	ordered(2, 1);
	set_usable(0, false);
	set_usable(0, true);
	ASSERT_HOLDERS(2, 1);
	set_usable(1, false);
	ASSERT_HOLDERS(2, 0);
}

static void the_loss_of_one_moves_its_buckets_alone(void **state)
{
	struct team_table before;
	struct team_table after;

	(void)state;
	ordered(4, 0);
	before = table_now();
	set_usable(2, false);
	after = table_now();
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++) {
		if (before.homes[b] == 2)
			assert_int_not_equal(after.homes[b], 2);
		else
			assert_int_equal(after.homes[b], before.homes[b]);
	}
	for (uint32_t m = 0; m < 4; m++) {
		uint32_t count = 0;

		for (uint32_t b = 0; b < TEAM_BUCKETS; b++)
			count += after.homes[b] == m;
		assert_in_range(count, m == 2 ? 0 : 80, m == 2 ? 0 : 90);
	}
	assert_null(after.ports[2]);
}

static void without_any_nobody_sends(void **state)
{
	struct team_table t;

	(void)state;
	ordered(2, 1);
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		set_usable(m, false);
	t = table_now();
	assert_int_equal(t.receiver, TEAM_NOBODY);
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++)
		assert_int_equal(t.homes[b], TEAM_NOBODY);
	set_usable(2, true);
	t = table_now();
	assert_int_equal(t.receiver, 2);
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++)
		assert_int_equal(t.homes[b], 2);
}

static void a_pin_holds_as_long_as_its_member_can_be_had(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
	struct team_table t;

	(void)state;
	ordered(2, 1);
	order.wanted_pins[5] = 2;
	t = table_now();
	assert_int_equal(team_home(&t, 5, mac), 2);
	assert_int_equal(team_home(&t, 6, mac), 0);
	set_usable(2, false);
	t = table_now();
	assert_int_equal(team_home(&t, 5, mac), 1);
}

static void a_source_address_has_one_home_whatever_its_port(void **state)
{
	uint32_t of[2] = { 0 };
	struct team_table t;

	(void)state;
	order.mode = TEAM_BY_MAC;
	ordered(2, 0);
	t = table_now();
	for (uint32_t i = 0; i < 256; i++) {
		const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 1, (uint8_t)i };

		assert_int_equal(team_home(&t, 1, mac), team_home(&t, 2, mac));
		of[team_home(&t, 1, mac)]++;
	}
	assert_in_range(of[0], 64, 192);
}

/* Whatever happens: no slot has two holders, nobody unusable holds one, and none is idle in vain. */
static void random_failures_keep_the_order(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (uint32_t n = 0; n < 20000; n++) {
		uint32_t usable = 0;
		uint32_t held = 0;

		seed = seed * 1103515245u + 12345u;
		order.is_rolling = seed >> 30 & 1;
		ordered(1 + (seed >> 8) % 5, (seed >> 12) % 3);
		set_usable((seed >> 16) % TEAM_MEMBERS, seed >> 20 & 1);
		for (uint32_t m = 0; m < order.active_count + order.standby_count; m++)
			usable += order.is_usable[m];
		for (uint32_t s = 0; s < TEAM_MEMBERS; s++) {
			if (holders[s] == TEAM_NOBODY)
				continue;
			held++;
			assert_true(s < order.active_count && order.is_usable[holders[s]]);
			for (uint32_t other = 0; other < s; other++)
				assert_int_not_equal(holders[other], holders[s]);
		}
		assert_int_equal(held, usable < order.active_count ? usable : order.active_count);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_active_member_has_its_slot),
		TEST(a_stand_by_takes_the_slot_of_who_failed),
		TEST(who_stands_in_stays_in_a_rolling_order),
		TEST(the_loss_of_one_moves_its_buckets_alone),
		TEST(without_any_nobody_sends),
		TEST(a_pin_holds_as_long_as_its_member_can_be_had),
		TEST(a_source_address_has_one_home_whatever_its_port),
		TEST(random_failures_keep_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
