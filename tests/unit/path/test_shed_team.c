/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources named at the port of a team: each member's driver drops them, also that of one that comes later.
 *
 * Port 5 is the team's, 6 and 7 are members whose drivers can shed, 8 is one whose driver cannot.
 */
#define XVS_USE_DRAFT
#include "bench.h"

#include "base/str.h"
#include "path/shed.h"
#include "path/team.h"
#include "xvs/ext/shed.h"

enum { TEAM = 5, FIRST = 6, SECOND = 7, UNABLE = 8, FRAME = 60, FLOOD = 2, HOUR_MS = 3600000 };

/* One source is enough for a driver here. */
static struct driver {
	const struct backend *backend;
	struct backend_source source;
	uint32_t slot;
	bool in_use, is_full;
	uint64_t packets[4];
} drivers[2];

static struct path_team team;
static struct backend_ops shed_ops;

static struct driver *driver_of(const struct backend *b)
{
	return b == drivers[0].backend ? &drivers[0] : &drivers[1];
}

static int driver_shed(struct backend *b, uint32_t slot, const struct backend_source *s)
{
	struct driver *d = driver_of(b);

	if (d->is_full)
		return -ENOSPC;
	d->source = *s;
	d->slot = slot;
	d->in_use = true;
	return 0;
}

static void driver_unshed(struct backend *b, const struct backend_source *s)
{
	struct driver *d = driver_of(b);

	assert_memory_equal(&d->source.prefix, &s->prefix, sizeof(s->prefix));
	d->in_use = false;
}

static void driver_counts(const struct backend *b, uint32_t slot, uint64_t *packets,
			  uint64_t *bytes)
{
	assert_true(slot < 4);
	*packets = driver_of(b)->packets[slot];
	*bytes = *packets * FRAME;
}

/* ---- the team ------------------------------------------------------------------------------------ */

static void publish_members(uint32_t count)
{
	struct team_table *t = calloc(1, sizeof(*t));
	struct team_table *old = team.table;

	assert_non_null(t);
	memset(t->pins, TEAM_NOBODY, sizeof(t->pins));
	t->receiver = 0;
	for (uint32_t m = 0; m < count; m++)
		t->ports[m] = bench.ports[FIRST + m].port;
	rcu_publish(&team.table, t);
	rcu_free(old);
}

static void team_port(uint32_t id, bool is_member)
{
	struct port_conf *conf = bench_port(id);

	l2_remove_static(&bench.sw->l2, 0, bench.ports[id].mac);
	conf->role = ROLE_UPLINK;
	conf->team = &team;
	conf->is_member = is_member;
	conf->member = is_member ? (uint8_t)(id - FIRST) : 0;
	bench_publish(id);
}

static int open_team(void **state)
{
	(void)bench_open(state);
	memset(&team, 0, sizeof(team));
	memset(drivers, 0, sizeof(drivers));
	shed_ops = memory_ops;
	shed_ops.shed = driver_shed;
	shed_ops.unshed = driver_unshed;
	shed_ops.shed_counts = driver_counts;
	team_port(TEAM, false);
	team_port(UNABLE, true);
	bench.next_ops = &shed_ops;
	team_port(FIRST, true);
	team_port(SECOND, true);
	for (uint32_t m = 0; m < 2; m++)
		drivers[m].backend = bench.ports[FIRST + m].port->backend;
	team.port = bench.ports[TEAM].port;
	publish_members(2);
	return 0;
}

static int close_team(void **state)
{
	(void)bench_close(state);
	free(team.table);
	return 0;
}

/* ---- who asks ------------------------------------------------------------------------------------ */

static struct probe *filter_at_team(void)
{
	struct probe *p = probe_new(XVS_FILTER, 0, SEES_PACKETS);

	bench_chain(TEAM, p);
	return p;
}

static const struct xvs_shed_host *host_of(const struct probe *p)
{
	return p->host->query(p->host, XVS_SHED);
}

static int add(const struct probe *p, uint32_t ms)
{
	struct xvs_shed_source s = { .size = sizeof(s), .port = TEAM, .ms = ms, .reason = FLOOD };

	assert_true(ip_parse("10.0.0.7", &s.prefix));
	return host_of(p)->add(p->host, &s);
}

static int take_back(const struct probe *p)
{
	struct xvs_ip ip;

	assert_true(ip_parse("10.0.0.7", &ip));
	return host_of(p)->remove(p->host, TEAM, &ip);
}

static void flood(uint32_t m, uint64_t packets)
{
	assert_true(drivers[m].in_use);
	drivers[m].packets[drivers[m].slot] += packets;
}

static void look(uint64_t more_ms)
{
	shed_look(bench.path->shed, clock_ns() + more_ms * NS_PER_MS);
	bench_turns(2);
}

static uint64_t received(uint32_t port)
{
	struct port_counters c;

	counters_port_sum(bench.counters, port, &c);
	return c.rx_packets;
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void all_members_drop_it_and_the_team_is_told_of(void **state)
{
	struct probe *p = filter_at_team();

	(void)state;
	assert_int_equal(add(p, HOUR_MS), 0);
	flood(0, 100);
	flood(1, 20);
	look(0);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_INGRESS, p->instance->nr, FLOOD), 120);
	assert_int_equal(received(FIRST), 100);
	assert_int_equal(received(SECOND), 20);
	bench_assert_law();
	assert_int_equal(take_back(p), 0);
	assert_false(drivers[0].in_use || drivers[1].in_use);
	assert_int_equal(take_back(p), -ENOENT);
}

static void a_member_that_comes_later_drops_it_too(void **state)
{
	struct probe *p = filter_at_team();

	(void)state;
	publish_members(1);
	assert_int_equal(add(p, HOUR_MS), 0);
	assert_true(drivers[0].in_use && !drivers[1].in_use);
	publish_members(2);
	look(0);
	flood(1, 5);
	look(0);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_INGRESS, p->instance->nr, FLOOD), 5);
	bench_remove(SECOND);
	assert_false(drivers[1].in_use);
	publish_members(1);
	look(0);
	assert_true(drivers[0].in_use && !drivers[1].in_use);
	look(HOUR_MS + 1000);
	assert_false(drivers[0].in_use);
}

static void a_member_that_leaves_drops_it_no_more(void **state)
{
	struct probe *p = filter_at_team();

	(void)state;
	assert_int_equal(add(p, HOUR_MS), 0);
	flood(1, 9);
	publish_members(1);
	look(0);
	assert_true(drivers[0].in_use && !drivers[1].in_use);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_INGRESS, p->instance->nr, FLOOD), 9);
	/* back again */
	publish_members(2);
	look(0);
	assert_true(drivers[0].in_use && drivers[1].in_use);
	/* the port is no team's any more */
	rcu_publish(&team.port, NULL);
	look(0);
	assert_false(drivers[0].in_use || drivers[1].in_use);
	rcu_publish(&team.port, bench.ports[TEAM].port);
	look(0);
	assert_true(drivers[0].in_use && drivers[1].in_use);
}

static void naming_it_again_prolongs_it_at_all(void **state)
{
	struct probe *p = filter_at_team();

	(void)state;
	assert_int_equal(add(p, 1000), 0);
	assert_int_equal(add(p, HOUR_MS), 0);
	look(2000);
	assert_true(drivers[0].in_use && drivers[1].in_use);
	assert_true(drivers[1].source.until_ns == drivers[0].source.until_ns);
}

static void a_member_without_room_leaves_it_to_the_verdict(void **state)
{
	struct probe *p = filter_at_team();

	(void)state;
	drivers[0].is_full = true;
	assert_int_equal(add(p, HOUR_MS), 0);
	look(0);
	assert_true(!drivers[0].in_use && drivers[1].in_use);
}

static void where_no_member_can_it_is_refused(void **state)
{
	struct probe *p = filter_at_team();
	struct team_table *t = calloc(1, sizeof(*t));

	(void)state;
	t->ports[2] = bench.ports[UNABLE].port;
	rcu_free(team.table);
	rcu_publish(&team.table, t);
	assert_int_equal(add(p, HOUR_MS), -EOPNOTSUPP);
}

static void it_ends_with_the_teams_port(void **state)
{
	struct probe *p = filter_at_team();

	(void)state;
	assert_int_equal(add(p, HOUR_MS), 0);
	flood(0, 7);
	rcu_publish(&team.port, NULL);
	bench_remove(TEAM);
	assert_false(drivers[0].in_use || drivers[1].in_use);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_INGRESS, p->instance->nr, FLOOD), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_team, close_team)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_members_drop_it_and_the_team_is_told_of),
		TEST(a_member_that_comes_later_drops_it_too),
		TEST(a_member_that_leaves_drops_it_no_more),
		TEST(naming_it_again_prolongs_it_at_all),
		TEST(a_member_without_room_leaves_it_to_the_verdict),
		TEST(where_no_member_can_it_is_refused),
		TEST(it_ends_with_the_teams_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
