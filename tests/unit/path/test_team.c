/* SPDX-License-Identifier: Apache-2.0 */
/* A team on the packet path: port 1 is a guest's, port 5 the team's, ports 6 and 7 are its members. */
#include "bench.h"

#include "packet/passage.h"
#include "path/team.h"

enum { GUEST = 1, TEAM = 5, FIRST = 6, SECOND = 7 };

static struct path_team team;

static struct team_table *table_of(enum team_mode mode)
{
	struct team_table *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->mode = mode;
	t->hold_ms = 50;
	memset(t->pins, TEAM_NOBODY, sizeof(t->pins));
	for (uint32_t m = 0; m < 2; m++) {
		t->ports[m] = bench.ports[FIRST + m].port;
		t->macs[m][0] = 0x02;
		t->macs[m][5] = (uint8_t)m;
	}
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++)
		t->spread[b] = (uint8_t)(b % 2);
	return t;
}

/* All that is not spread leaves by one member. */
static void send_by(enum team_mode mode, uint8_t home)
{
	struct team_table *t = table_of(mode);
	struct team_table *old = team.table;

	memset(t->homes, home, sizeof(t->homes));
	t->receiver = home;
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
	(void)bench_close(state);
	free(team.table);
	return 0;
}

static uint64_t misses_now(void)
{
	struct worker_stats stats;

	path_worker_stats(bench.path, 0, &stats);
	return stats.misses;
}

/* To a host that nobody knows, so by the uplink. */
static struct memory_frame outgoing(uint16_t port)
{
	return udp(GUEST, 99, port, 20);
}

static struct memory_frame broadcast_from(uint32_t host)
{
	struct memory_frame f = udp(host, 99, 7, 20);

	memset(f.bytes, 0xff, 6);
	return f;
}

static void another_member_sends_without_judging_anew(void **state)
{
	struct memory_frame f = outgoing(53);
	uint64_t misses;

	(void)state;
	pass(GUEST, &f);
	assert_int_equal(got(FIRST), 1);
	misses = misses_now();
	send_by(TEAM_BY_PORT, 1);
	pass(GUEST, &f);
	assert_int_equal(got(SECOND), 1);
	assert_int_equal(misses_now(), misses);
	assert_int_equal(bench.w->rejudged, 0);
	assert_int_equal(got(FIRST) + got(TEAM), 0);
}

static void without_a_table_packets_are_dropped(void **state)
{
	struct memory_frame f = outgoing(53);
	struct team_table *old = team.table;

	(void)state;
	rcu_publish(&team.table, NULL);
	rcu_free(old);
	pass(GUEST, &f);
	assert_int_equal(drops_at(TEAM, XVS_STAGE_EGRESS, 0, REASON_TEAM_DOWN), 1);
	assert_int_equal(got(FIRST) + got(SECOND), 0);
}

static void what_comes_in_at_any_member_is_of_one_flow(void **state)
{
	struct memory_frame f = udp(99, GUEST, 53, 20);
	uint64_t misses;

	(void)state;
	pass(FIRST, &f);
	misses = misses_now();
	pass(SECOND, &f);
	assert_int_equal(got(GUEST), 2);
	assert_int_equal(misses_now(), misses);
	assert_int_equal(last(GUEST)->len, f.len);
}

static void one_member_takes_what_is_for_groups(void **state)
{
	struct memory_frame f = broadcast_from(99);

	(void)state;
	pass(FIRST, &f);
	pass(SECOND, &f);
	assert_int_equal(got(GUEST), 1);
	assert_int_equal(drops_in(SECOND, REASON_TEAM_COPY), 1);
	send_by(TEAM_BY_PORT, 1);
	pass(FIRST, &f);
	pass(SECOND, &f);
	assert_int_equal(got(GUEST), 1);
	assert_int_equal(drops_in(FIRST, REASON_TEAM_COPY), 1);
}

static void what_we_have_sent_ourselves_is_not_taken_back(void **state)
{
	struct memory_frame f = broadcast_from(GUEST);

	(void)state;
	pass(GUEST, &f);
	assert_int_equal(got(FIRST), 1);
	assert_int_equal(got(2), 1);
	pass(FIRST, &f);
	assert_int_equal(got(2), 0);
	assert_int_equal(drops_in(TEAM, REASON_OWN_ADDRESS), 1);
}

static void nothing_goes_from_uplink_to_uplink(void **state)
{
	struct memory_frame f = udp(99, 98, 53, 20);

	(void)state;
	pass(SECOND, &f);
	assert_int_equal(got(FIRST) + got(SECOND) + got(GUEST), 0);
	assert_int_equal(drops_in(TEAM, REASON_UNKNOWN_UNICAST), 1);
}

static void a_blocked_member_takes_nothing(void **state)
{
	struct memory_frame f = udp(99, GUEST, 53, 20);

	(void)state;
	bench.ports[FIRST].conf.is_open = false;
	bench.ports[FIRST].conf.is_blocked = true;
	bench_publish(FIRST);
	pass(FIRST, &f);
	assert_int_equal(got(GUEST), 0);
	assert_int_equal(drops_in(FIRST, REASON_PORT_BLOCKED), 1);
}

static void control_frames_are_kept_for_a_look(void **state)
{
	struct memory_frame f = broadcast_from(99);

	(void)state;
	memcpy(f.bytes, (const uint8_t[]){ 0x01, 0x80, 0xc2, 0, 0, 2 }, 6);
	put_be16(f.bytes + 12, 0x8809);
	pass(SECOND, &f);
	pass(SECOND, &f); /* the first has not been read yet */
	assert_int_equal(atomic_load(&team.seen[1].slow_state), SLOW_FULL);
	assert_memory_equal(team.seen[1].slow, f.bytes, 14);
	assert_int_equal(atomic_load(&team.seen[0].slow_state), SLOW_EMPTY);
	assert_int_equal(drops_in(SECOND, REASON_LINK_LOCAL), 2);
	assert_int_equal(got(GUEST), 0);
}

/* From host 99 at 192.0.2.1 to a member's own address. */
static struct memory_frame arp_reply(uint32_t member)
{
	struct memory_frame f = { .len = 60 };

	memcpy(f.bytes, team.table->macs[member], 6);
	memcpy(f.bytes + 6, (const uint8_t[]){ 0x52, 0x54, 0, 0, 0, 99 }, 6);
	memcpy(f.bytes + 12, (const uint8_t[]){ 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 }, 10);
	memcpy(f.bytes + 22, f.bytes + 6, 6);
	memcpy(f.bytes + 28, (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	memcpy(f.bytes + 32, f.bytes, 6);
	return f;
}

static void answers_to_probes_end_at_their_member(void **state)
{
	struct memory_frame f = arp_reply(1);
	struct memory_frame other = arp_reply(1);
	struct port_counters c;

	(void)state;
	team.table->probe = (struct probe_target){ .is_set = true, .ip = { 192, 0, 2, 1 } };
	other.bytes[31] = 2;
	pass(SECOND, &f);
	assert_true(atomic_load(&team.seen[1].answer_ns) != 0);
	counters_port_sum(bench.counters, SECOND, &c);
	assert_int_equal(c.consumed, 1);
	pass(FIRST, &f);
	pass(SECOND, &other);
	assert_int_equal(atomic_load(&team.seen[0].answer_ns), 0);
	counters_port_sum(bench.counters, SECOND, &c);
	assert_int_equal(c.consumed, 1);
	assert_int_equal(got(GUEST), 0);
}

/* Of member 0, at a place of the round with this nonce. */
static struct memory_frame passage_of(uint64_t nonce, uint16_t place)
{
	const struct passage asked = { .nonce = nonce, .place = place };
	struct memory_frame f = { .len = 60 };

	(void)passage_write(f.bytes, &asked, (const uint8_t[]){ 2, 0, 0, 0, 0, 0 });
	return f;
}

/* The word of an old round is that round's, however late it is written. */
static void a_round_hears_its_own_frames_alone(void **state)
{
	const uint64_t nonces[] = { 0x1122334455667788, 0x8877665544332211 };
	struct memory_frame before = passage_of(nonces[0], 3);
	struct memory_frame now = passage_of(nonces[1], 3);
	struct memory_frame beyond = passage_of(nonces[1], TEAM_PASSAGES);

	(void)state;
	pass(SECOND, &before); /* there is no round */
	assert_int_equal(path_team_heard(&team, 3, 0), 0);
	path_team_listen(&team, nonces[0]);
	pass(SECOND, &before);
	pass(SECOND, &now);
	assert_int_equal(path_team_heard(&team, 3, 0), 1 << 1);
	assert_int_equal(path_team_heard(&team, 4, 0) + path_team_heard(&team, 3, 1), 0);
	path_team_listen(&team, nonces[1]);
	pass(SECOND, &before);
	pass(SECOND, &beyond);
	assert_int_equal(path_team_heard(&team, 3, 0), 0);
	pass(SECOND, &now);
	pass(FIRST, &now);
	assert_int_equal(path_team_heard(&team, 3, 0), 1 << 0 | 1 << 1);
	path_team_listen(&team, 0);
	pass(SECOND, &now);
	assert_int_equal(path_team_heard(&team, 3, 0), 0);
}

static void spread_flows_leave_with_the_address_of_their_member(void **state)
{
	uint32_t home;
	uint32_t away;

	(void)state;
	send_by(TEAM_BY_ADDRESS, 0);
	for (uint16_t port = 1; port <= 64; port++) {
		struct memory_frame f = outgoing(port);

		pass(GUEST, &f);
	}
	home = got(FIRST);
	assert_memory_equal(last(FIRST)->bytes + 6, bench.ports[GUEST].mac, 6);
	away = got(SECOND);
	assert_memory_equal(last(SECOND)->bytes + 6, team.table->macs[1], 6);
	assert_int_equal(home + away, 64);
	assert_in_range(away, 16, 48);
}

static void address_resolution_stays_at_home(void **state)
{
	struct memory_frame f = broadcast_from(GUEST);

	(void)state;
	send_by(TEAM_BY_ADDRESS, 1);
	for (uint8_t i = 0; i < 32; i++) {
		f.bytes[30] = i;
		pass(GUEST, &f);
	}
	assert_int_equal(got(FIRST), 0);
	assert_int_equal(got(SECOND), 32);
	assert_memory_equal(last(SECOND)->bytes + 6, bench.ports[GUEST].mac, 6);
}

/* By load: where the table says the flow should be is where it goes at its next pause. */
static void a_flow_moves_when_it_has_paused(void **state)
{
	struct memory_frame f = outgoing(53);
	struct team_table *t;

	(void)state;
	send_by(TEAM_BY_LOAD, 0);
	memset(team.table->spread, 0, sizeof(team.table->spread));
	pass(GUEST, &f);
	assert_int_equal(got(FIRST), 1);
	t = table_of(TEAM_BY_LOAD);
	memset(t->spread, 1, sizeof(t->spread));
	rcu_free(team.table);
	rcu_publish(&team.table, t);
	bench_later_ms(20);
	pass(GUEST, &f);
	bench_later_ms(40);
	pass(GUEST, &f);
	assert_int_equal(got(FIRST), 2);
	bench_later_ms(60);
	pass(GUEST, &f);
	assert_int_equal(got(SECOND), 1);
	assert_int_equal(got(FIRST), 0);
}

static void a_flow_leaves_a_lost_member_at_once(void **state)
{
	struct memory_frame f = outgoing(53);
	struct team_table *t;

	(void)state;
	send_by(TEAM_BY_LOAD, 0);
	memset(team.table->spread, 0, sizeof(team.table->spread));
	pass(GUEST, &f);
	t = table_of(TEAM_BY_LOAD);
	memset(t->spread, 1, sizeof(t->spread));
	memset(t->homes, 1, sizeof(t->homes));
	t->ports[0] = NULL;
	rcu_free(team.table);
	rcu_publish(&team.table, t);
	pass(GUEST, &f);
	assert_int_equal(got(FIRST), 1);
	assert_int_equal(got(SECOND), 1);
}

static void frames_of_the_switch_leave_where_they_are_told_to(void **state)
{
	struct frames *f = calloc(1, sizeof(*f));

	(void)state;
	assert_non_null(f);
	f->done = (void (*)(struct frames *))free;
	f->count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		struct memory_frame like = broadcast_from(GUEST);

		f->frames[i].port = SECOND;
		f->frames[i].like = TEAM;
		f->frames[i].segment = i * 7;
		f->frames[i].len = like.len;
		memcpy(f->frames[i].bytes, like.bytes, like.len);
	}
	path_send(bench.path, f);
	bench_turns(3);
	assert_int_equal(got(SECOND), 2);
	assert_int_equal(got(FIRST) + got(GUEST) + got(2), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_team, close_team)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_member_sends_without_judging_anew),
		TEST(without_a_table_packets_are_dropped),
		TEST(what_comes_in_at_any_member_is_of_one_flow),
		TEST(one_member_takes_what_is_for_groups),
		TEST(what_we_have_sent_ourselves_is_not_taken_back),
		TEST(nothing_goes_from_uplink_to_uplink),
		TEST(a_blocked_member_takes_nothing),
		TEST(control_frames_are_kept_for_a_look),
		TEST(answers_to_probes_end_at_their_member),
		TEST(a_round_hears_its_own_frames_alone),
		TEST(spread_flows_leave_with_the_address_of_their_member),
		TEST(address_resolution_stays_at_home),
		TEST(a_flow_moves_when_it_has_paused),
		TEST(a_flow_leaves_a_lost_member_at_once),
		TEST(frames_of_the_switch_leave_where_they_are_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
