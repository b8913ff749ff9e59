/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may ask of a link that is up: speed, duplex, and few errors. */
#include "support/test.h"

#include "base/clock.h"
#include "switch/team.h"

static struct team_spec spec;
static struct team_link l;
static uint64_t now_ns;

static int setup(void **state)
{
	(void)state;
	spec = (struct team_spec){ .probe = "" };
	l = (struct team_link){ .is_known = true };
	now_ns = 1000 * NS_PER_S;
	return 0;
}

static enum link_fault after(uint64_t seconds, struct link_health h)
{
	now_ns += seconds * NS_PER_S;
	l.fault = team_link_fault(&spec, &l, &h, now_ns);
	return l.fault;
}

static void a_link_below_the_speed_is_slow(void **state)
{
	(void)state;
	spec.min_speed_mbps = 1000;
	assert_int_equal(after(0, (struct link_health){ .speed_mbps = 999 }), LINK_SLOW);
	assert_int_equal(after(1, (struct link_health){ .speed_mbps = 1000 }), LINK_FINE);
	/* a driver that does not know is not held to it */
	assert_int_equal(after(1, (struct link_health){ .speed_mbps = 0 }), LINK_FINE);
}

static void half_duplex_counts_where_it_is_asked_for(void **state)
{
	struct link_health half = { .speed_mbps = 100, .is_half_duplex = true };

	(void)state;
	assert_int_equal(after(0, half), LINK_FINE);
	spec.full_duplex = true;
	assert_int_equal(after(1, half), LINK_HALF);
}

static void errors_count_by_ten_seconds(void **state)
{
	(void)state;
	spec.max_errors_percent = 5;
	assert_int_equal(after(0, (struct link_health){ .packets = 1000, .errors = 900 }),
			 LINK_FINE);
	assert_int_equal(after(9, (struct link_health){ .packets = 1090, .errors = 910 }),
			 LINK_FINE);
	assert_int_equal(after(1, (struct link_health){ .packets = 1095, .errors = 905 }),
			 LINK_NOISY);
	/* what a window told stands until the next is over */
	assert_int_equal(after(5, (struct link_health){ .packets = 1995, .errors = 905 }),
			 LINK_NOISY);
	assert_int_equal(after(5, (struct link_health){ .packets = 1995, .errors = 952 }),
			 LINK_FINE);
	/* few frames say nothing */
	assert_int_equal(after(10, (struct link_health){ .packets = 2000, .errors = 1040 }),
			 LINK_FINE);
	/* and a device that was made anew counts from the beginning */
	assert_int_equal(after(10, (struct link_health){ .packets = 5, .errors = 1000 }),
			 LINK_FINE);
}

static void a_noisy_link_that_falls_silent_stays_noisy_for_a_minute(void **state)
{
	struct link_health h = { .packets = 1000 };

	(void)state;
	spec.max_errors_percent = 5;
	(void)after(0, h);
	h.errors = 200;
	assert_int_equal(after(10, h), LINK_NOISY);
	for (int window = 1; window < 6; window++)
		assert_int_equal(after(10, h), LINK_NOISY);
	/* then it is tried, and what it does counts */
	assert_int_equal(after(10, h), LINK_FINE);
	h.errors += 200;
	assert_int_equal(after(10, h), LINK_NOISY);
	h.packets += 200;
	assert_int_equal(after(10, h), LINK_FINE);
}

/* ---- of a team ------------------------------------------------------------------------------------- */

static struct team team;
static struct vswitch vswitch;
static struct port ports[2];

static void two_uplinks(enum link_fault a, enum link_fault b)
{
	memset(&team, 0, sizeof(team));
	team.sw = &vswitch;
	for (uint32_t m = 0; m < 2; m++) {
		ports[m].spec.name[0] = (char)('a' + m);
		team.links[m] = (struct team_link){ .port = &ports[m],
						    .has_link = true,
						    .could_send = true,
						    .fault = m == 0 ? a : b };
	}
}

static bool is_unfit(void)
{
	team_health_weigh(&team);
	return team.is_unfit;
}

static void faults_count_while_a_link_without_any_can_send(void **state)
{
	(void)state;
	two_uplinks(LINK_SLOW, LINK_FINE);
	assert_false(is_unfit());
	two_uplinks(LINK_SLOW, LINK_NOISY);
	assert_true(is_unfit());
	team.links[1].fault = LINK_FINE;
	assert_false(is_unfit());
}

static void a_link_that_cannot_send_is_none_to_wait_for(void **state)
{
	(void)state;
	/* it has a carrier, and its probes are lost, or it is blocked */
	two_uplinks(LINK_SLOW, LINK_FINE);
	team.links[1].could_send = false;
	assert_true(is_unfit());
	/* it has no place in the order */
	two_uplinks(LINK_SLOW, LINK_FINE);
	team.spec.active_count = 1;
	team.spec.active[0][0] = 'a';
	assert_true(is_unfit());
	/* and without any that could send nothing is said */
	two_uplinks(LINK_SLOW, LINK_SLOW);
	team.links[0].could_send = false;
	team.links[1].could_send = false;
	assert_false(is_unfit());
}

#define CASE(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_link_below_the_speed_is_slow),
		CASE(half_duplex_counts_where_it_is_asked_for),
		CASE(errors_count_by_ten_seconds),
		CASE(a_noisy_link_that_falls_silent_stays_noisy_for_a_minute),
		CASE(faults_count_while_a_link_without_any_can_send),
		CASE(a_link_that_cannot_send_is_none_to_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
