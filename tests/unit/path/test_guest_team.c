/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest who makes a team of his adapters: the address of one goes to the port at which he uses it.
 *
 * Ports 1 and 2 are the guest's, 3 is another's.
 */
#define XVS_USE_DRAFT
#include "bench.h"

#include "xvs/ext/l2.h"

enum { ONE = 1, TWO = 2, OTHER = 3, TEAM = 1 };

static void join(uint32_t id, uint32_t team)
{
	bench.ports[id].conf.guest_team = team;
	bench_publish(id);
}

static void guest_with_two_ports(void)
{
	bench_ports(3);
	join(ONE, TEAM);
	join(TWO, TEAM);
}

/* From the address of host 'mac' to port 3's. */
static void send_as(uint32_t port, uint32_t mac)
{
	struct memory_frame f = udp(mac, OTHER, 53, 20);

	pass(port, &f);
	bench_turns(2);
}

static uint32_t place_of(uint32_t mac)
{
	struct memory_frame f = udp(OTHER, mac, 53, 20);

	for (uint32_t id = ONE; id <= TWO; id++)
		(void)(bench.ports[id].port ? got(id) : 0);
	pass(OTHER, &f);
	for (uint32_t id = ONE; id <= TWO; id++) {
		if (bench.ports[id].port && got(id))
			return id;
	}
	return 0;
}

static void an_address_goes_where_its_guest_uses_it_and_back(void **state)
{
	(void)state;
	guest_with_two_ports();
	assert_int_equal(place_of(ONE), ONE);
	for (int i = 0; i < 3; i++) {
		send_as(TWO, ONE);
		assert_int_equal(place_of(ONE), TWO);
		assert_int_equal(place_of(TWO), TWO);
		send_as(ONE, ONE);
		assert_int_equal(place_of(ONE), ONE);
	}
}

static void two_adapters_may_exchange_their_addresses(void **state)
{
	(void)state;
	guest_with_two_ports();
	send_as(TWO, ONE);
	send_as(ONE, TWO);
	assert_int_equal(place_of(ONE), TWO);
	assert_int_equal(place_of(TWO), ONE);
}

static void nobody_else_gets_it(void **state)
{
	struct memory_frame f = udp(ONE, TWO, 53, 20);

	(void)state;
	guest_with_two_ports();
	pass(OTHER, &f);
	bench_turns(2);
	assert_int_equal(place_of(ONE), ONE);
	join(OTHER, TEAM + 1);
	pass(OTHER, &f);
	bench_turns(2);
	assert_int_equal(place_of(ONE), ONE);
	send_as(TWO, 77); /* nobody's: not learned */
	assert_int_equal(place_of(77), 0);
}

static void who_leaves_the_team_has_his_own_alone(void **state)
{
	(void)state;
	guest_with_two_ports();
	send_as(TWO, ONE);
	assert_int_equal(place_of(ONE), TWO);
	join(TWO, 0);
	assert_int_equal(place_of(ONE), ONE);
	join(TWO, TEAM);
	send_as(TWO, ONE);
	join(ONE, 0);
	assert_int_equal(place_of(ONE), ONE);
	send_as(TWO, ONE);
	assert_int_equal(place_of(ONE), ONE);
}

static void a_port_that_goes_leaves_what_it_had_of_another(void **state)
{
	(void)state;
	guest_with_two_ports();
	send_as(TWO, ONE);
	bench_remove(TWO);
	assert_int_equal(place_of(ONE), ONE);
}

static void an_address_that_moves_too_often_stays(void **state)
{
	uint64_t moved;
	uint64_t held;

	(void)state;
	guest_with_two_ports();
	for (int i = 0; i < 20; i++)
		send_as(i % 2 ? ONE : TWO, ONE);
	l2_moves(&bench.sw->l2, &moved, &held);
	assert_int_equal(moved, 10);
	assert_true(held > 0);
}

/* ---- whose address it is --------------------------------------------------------------------------- */

static const struct xvs_l2_host *l2;
static uint32_t asked;

static void drops_foreign(struct probe *p, const struct xvs_batch *b,
			  const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)key;
	asked++;
	if (l2->owns(p->host, b->pkts[0]) == 1)
		return;
	v->action = XVS_FLOW_DROP;
	v->reason = 2;
}

static void who_asks_is_told_whose_it_is_and_when_that_changes(void **state)
{
	struct probe *p;

	(void)state;
	guest_with_two_ports();
	p = probe_new(XVS_FILTER, 0, JUDGES);
	p->on_judge = drops_foreign;
	l2 = p->host->query(p->host, XVS_L2);
	bench_chain(TWO, p);
	assert_int_equal(l2->owns(p->host, NULL), -EPERM);
	send_as(TWO, TWO);
	send_as(TWO, ONE);
	assert_int_equal(got(OTHER), 2);
	assert_int_equal(place_of(ONE), TWO);
	send_as(TWO, 77);
	assert_int_equal(got(OTHER), 0);
	join(ONE, 0);
	send_as(TWO, ONE);
	assert_int_equal(got(OTHER), 0);
	asked = 0;
	send_as(TWO, ONE);
	assert_int_equal(asked, 0);
	join(ONE, TEAM);
	send_as(TWO, ONE);
	assert_int_equal(got(OTHER), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(an_address_goes_where_its_guest_uses_it_and_back),
		BENCH_TEST(two_adapters_may_exchange_their_addresses),
		BENCH_TEST(nobody_else_gets_it),
		BENCH_TEST(who_leaves_the_team_has_his_own_alone),
		BENCH_TEST(a_port_that_goes_leaves_what_it_had_of_another),
		BENCH_TEST(an_address_that_moves_too_often_stays),
		BENCH_TEST(who_asks_is_told_whose_it_is_and_when_that_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
