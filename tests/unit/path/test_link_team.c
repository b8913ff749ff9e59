/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits beside a team: port 1 is a guest's, port 5 the team's, ports 6 and 7 are its members, each a link
 * of its own.
 */
#include "bench.h"

#include "path/link.h"
#include "path/rate.h"
#include "path/team.h"

enum { GUEST = 1, TEAM = 5, FIRST = 6, SECOND = 7, FRAME = 1000, KBIT = 1000, STEP_US = 100 };

static struct path_team team;

/* By the member with this number; TEAM_NOBODY: by none. */
static void send_by(enum team_mode mode, uint8_t home)
{
	struct team_table *t = calloc(1, sizeof(*t));
	struct team_table *old = team.table;

	assert_non_null(t);
	t->mode = mode;
	t->receiver = home;
	memset(t->pins, TEAM_NOBODY, sizeof(t->pins));
	memset(t->homes, home, sizeof(t->homes));
	memset(t->spread, home, sizeof(t->spread));
	if (home < TEAM_MEMBERS)
		t->ports[home] = bench.ports[FIRST + home].port;
	rcu_publish(&team.table, t);
	rcu_free(old);
}

static void team_port(uint32_t id, bool is_member)
{
	struct port_conf *conf = bench_port(id);

	l2_remove_static(&bench.sw->l2, 0, bench.ports[id].mac);
	conf->role = ROLE_UPLINK;
	conf->is_trunk = true;
	conf->all_tags = true;
	conf->team = &team;
	conf->is_member = is_member;
	conf->member = is_member ? (uint8_t)(id - FIRST) : 0;
	bench_publish(id);
}

static int open_team(void **state)
{
	(void)bench_open(state);
	memset(&team, 0, sizeof(team));
	bench_ports(2);
	team_port(TEAM, false);
	team_port(FIRST, true);
	team_port(SECOND, true);
	team.port = bench.ports[TEAM].port;
	send_by(TEAM_BY_PORT, 0);
	return 0;
}

static int close_team(void **state)
{
	team.port = NULL; /* as when the team's port leaves the switch */
	(void)bench_close(state);
	free(team.table);
	return 0;
}

/* So many frames a ms. */
static void link_rate(uint32_t id, uint64_t frames)
{
	struct port_conf *conf = &bench.ports[id].conf;
	struct link_plan *plan = calloc(1, sizeof(*plan));

	assert_non_null(plan);
	plan->queue_ns = 20 * NS_PER_MS;
	assert_int_equal(path_link_plan(bench.ports[id].port, plan), 0);
	conf->rates[RATE_LINK] = (struct rate){ .per_second = { frames * FRAME * 8 * KBIT, 0 },
						.depth_ns = { 4 * NS_PER_MS, 0 } };
	conf->rate_kinds |= 1u << RATE_LINK;
	bench_publish(id);
}

static void fill(uint32_t from, uint32_t to, uint32_t count)
{
	struct memory_frame f = udp(from, to, 53, FRAME - 42);

	while (count-- > 0 && memory_push(bench.ports[from].memory, &f))
		;
}

static void run_ms(uint32_t ms, uint32_t a_step)
{
	for (uint32_t us = 0; us < ms * 1000; us += STEP_US) {
		fill(GUEST, 99, a_step);
		bench.now_ns += STEP_US * NS_PER_US - 1000;
		/* by cycles of this machine, which are not what is tested here */
		bench.ports[GUEST].port->queues->share = 0;
		bench.ports[GUEST].port->queues->cost = 1;
		bench_turn();
	}
}

static void each_member_is_a_link_of_its_own(void **state)
{
	(void)state;
	link_rate(FIRST, 10);
	link_rate(SECOND, 5);
	run_ms(200, 4);
	assert_in_range(bench.ports[FIRST].memory->out_count, 1995, 2042);
	assert_int_equal(bench.ports[SECOND].memory->out_count, 0);
	send_by(TEAM_BY_PORT, 1);
	run_ms(200, 4);
	/* what waited at the first left here, too */
	assert_in_range(bench.ports[SECOND].memory->out_count, 995, 1022);
	assert_in_range(bench.ports[FIRST].memory->out_count, 1995, 2042);
	bench_assert_law();
}

static void what_waits_at_a_member_that_fails_leaves_by_another(void **state)
{
	uint32_t before;

	(void)state;
	link_rate(FIRST, 1);
	run_ms(10, 1);
	before = (uint32_t)path_held(bench.path);
	assert_true(before > 10);
	send_by(TEAM_BY_PORT, 1);
	run_ms(2, 0);
	assert_int_equal(bench.ports[SECOND].memory->out_count, before);
	assert_int_equal(path_held(bench.path), 0);
}

static void what_bears_the_address_of_a_member_that_fails_is_dropped(void **state)
{
	uint32_t before;

	(void)state;
	send_by(TEAM_BY_ADDRESS, 0);
	link_rate(FIRST, 1);
	run_ms(10, 1);
	before = (uint32_t)path_held(bench.path);
	send_by(TEAM_BY_ADDRESS, 1);
	run_ms(2, 0);
	assert_int_equal(bench.ports[SECOND].memory->out_count, 0);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_EGRESS, 0, REASON_TEAM_DOWN), before);
	bench_assert_law();
}

static void the_limit_of_a_guest_holds_through_a_fail_over(void **state)
{
	struct port_conf *conf = &bench.ports[GUEST].conf;
	uint32_t sent;

	(void)state;
	conf->rates[RATE_FROM] = (struct rate){ .per_second = { 10 * FRAME * 8 * KBIT, 0 },
						.depth_ns = { 10 * NS_PER_MS, 0 } };
	conf->rate_kinds = 1u << RATE_FROM;
	bench_publish(GUEST);
	for (uint32_t i = 0; i < 10; i++) {
		send_by(TEAM_BY_PORT, i % 2);
		run_ms(50, 4);
	}
	sent = bench.ports[FIRST].memory->out_count + bench.ports[SECOND].memory->out_count;
	assert_true(bench.ports[FIRST].memory->out_count > 2000);
	assert_true(bench.ports[SECOND].memory->out_count > 2000);
	assert_in_range(sent, 4990, 5000 + 100 + XVS_BATCH_MAX);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_EGRESS, 0, REASON_TEAM_DOWN), 0);
}

/* Members wait together for what the team may give. */
static void what_comes_in_at_all_members_is_limited_at_the_team(void **state)
{
	struct port_conf *conf = &bench.ports[TEAM].conf;
	const struct memory_port *guest = bench.ports[GUEST].memory;

	(void)state;
	conf->rates[RATE_FROM] =
		(struct rate){ .per_second = { 0, 1000 }, .depth_ns = { 0, 10 * NS_PER_MS } };
	conf->rate_kinds = 1u << RATE_FROM;
	bench_publish(TEAM);
	for (uint32_t id = FIRST; id <= SECOND; id++) {
		bench.ports[id].conf.rate_kinds = 1u << RATE_FROM;
		bench_publish(id);
		fill(id, GUEST, 150);
	}
	run_ms(100, 0);
	assert_in_range(guest->out_count, 100, 100 + 10 + 2);
	run_ms(300, 0);
	assert_int_equal(guest->out_count, 300);
	assert_int_equal(drops_in(TEAM, REASON_RATE), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_team, close_team)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_member_is_a_link_of_its_own),
		TEST(what_waits_at_a_member_that_fails_leaves_by_another),
		TEST(what_bears_the_address_of_a_member_that_fails_is_dropped),
		TEST(the_limit_of_a_guest_holds_through_a_fail_over),
		TEST(what_comes_in_at_all_members_is_limited_at_the_team),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
