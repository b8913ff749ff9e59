/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations find the links of a team. */
#include "support/test.h"

#include <string.h>

#include "switch/link.h"

#define PIN(kbps_, pin_) \
	{ \
		.kbps = (kbps_), .pin = (pin_) \
	}
#define FREE(kbps_) \
	{ \
		.kbps = (kbps_), .pin = LINK_NOWHERE \
	}

static struct link_room two_links(void)
{
	return (struct link_room){ .kbps = 1000, .links = 2, .usual = 3 };
}

static void fills_links_from_the_largest_on(void **state)
{
	struct link_guest g[] = { FREE(300), FREE(600), FREE(400), FREE(700) };
	struct link_room room = two_links();

	(void)state;
	assert_true(link_house(&room, g, 4));
	assert_int_equal(room.taken[0], 1000);
	assert_int_equal(room.taken[1], 1000);
	assert_int_equal(g[3].home, g[0].home);
	assert_int_equal(g[1].home, g[2].home);
}

static void leaves_pinned_ones_where_they_are(void **state)
{
	struct link_guest g[] = { PIN(900, 0), FREE(200), FREE(800) };
	struct link_room room = two_links();

	(void)state;
	assert_true(link_house(&room, g, 3));
	assert_int_equal(g[0].home, 0);
	assert_int_equal(g[1].home, 1);
	assert_int_equal(g[2].home, 1);
}

static void says_who_does_not_fit(void **state)
{
	struct link_guest g[] = { PIN(900, 0), PIN(200, 0), FREE(1001), FREE(1000) };
	struct link_room room = two_links();

	(void)state;
	assert_false(link_house(&room, g, 4));
	assert_int_equal(g[0].home, 0);
	assert_int_equal(g[1].home, LINK_NOWHERE);
	assert_int_equal(g[2].home, LINK_NOWHERE);
	assert_int_equal(g[3].home, 1);
}

static void uses_a_stand_by_only_for_who_is_pinned_there(void **state)
{
	struct link_guest g[] = { FREE(600), FREE(600), PIN(600, 1) };
	struct link_room room = { .kbps = 1000, .links = 2, .usual = 1 };

	(void)state;
	assert_false(link_house(&room, g, 3));
	assert_int_equal(g[0].home, 0);
	assert_int_equal(g[1].home, LINK_NOWHERE);
	assert_int_equal(g[2].home, 1);
}

static void has_no_room_without_links(void **state)
{
	struct link_guest g[] = { FREE(1), PIN(1, 3) };
	struct link_room room = { .kbps = 1000 };

	(void)state;
	assert_false(link_house(&room, g, 2));
	assert_int_equal(g[0].home, LINK_NOWHERE);
	assert_int_equal(g[1].home, LINK_NOWHERE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_links_from_the_largest_on),
		cmocka_unit_test(leaves_pinned_ones_where_they_are),
		cmocka_unit_test(says_who_does_not_fit),
		cmocka_unit_test(uses_a_stand_by_only_for_who_is_pinned_there),
		cmocka_unit_test(has_no_room_without_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
