/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two workers send by a team, from more addresses than their ports may learn, while the control thread
 * changes who sends what.  For ThreadSanitizer too.
 */
#include "bench.h"

#include "path/team.h"

enum { SENDERS = 2, TEAM = 5, FIRST = 6, MEMBERS = 2, LIMIT = 3, HOSTS = 10, TABLES = 200 };

static struct path_team team;
static _Atomic uint32_t left;
static _Atomic bool stop;

static uint32_t member_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			  uint32_t count)
{
	(void)b;
	(void)worker;
	(void)pkts;
	atomic_fetch_add(&left, count);
	return count;
}

static const struct backend_ops member_ops = {
	.kind = "member",
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = member_tx,
};

static void *sender_main(void *arg)
{
	uint32_t port = (uint32_t)(uintptr_t)arg;
	const struct timespec pause = { .tv_nsec = 50000 };

	for (uint32_t n = 0; !atomic_load(&stop); n++) {
		struct memory_frame f = udp(50 * port + n % HOSTS, 200, (uint16_t)(n % 7), 20);

		if (!memory_push(bench.ports[port].memory, &f))
			(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

/* One member alone, or both, in turn by each way. */
static void change_table(uint32_t n)
{
	struct team_table *t = calloc(1, sizeof(*t));
	struct team_table *old = team.table;

	assert_non_null(t);
	t->mode = n % (TEAM_BY_LOAD + 1);
	memset(t->pins, TEAM_NOBODY, sizeof(t->pins));
	memset(t->homes, (int)(n % MEMBERS), sizeof(t->homes));
	for (uint32_t m = 0; m < MEMBERS; m++)
		t->ports[m] = n % 3 == 0 && m != n % MEMBERS ? NULL : bench.ports[FIRST + m].port;
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++)
		t->spread[b] = (uint8_t)(t->ports[b % MEMBERS] ? b % MEMBERS : n % MEMBERS);
	rcu_publish(&team.table, t);
	rcu_free(old);
	(void)atomic_exchange_explicit(&team.bytes[n % TEAM_BUCKETS], 0, memory_order_relaxed);
}

static void open_port(uint32_t id)
{
	struct port_conf *conf;

	bench.next_ops = id >= FIRST ? &member_ops : NULL;
	conf = bench_port(id);
	l2_remove_static(&bench.sw->l2, 0, bench.ports[id].mac);
	conf->learns = id < TEAM;
	conf->learn_limit = LIMIT;
	conf->learns_strictly = true;
	if (id >= TEAM) {
		conf->role = ROLE_UPLINK;
		conf->team = &team;
		conf->is_member = id >= FIRST;
		conf->member = id >= FIRST ? (uint8_t)(id - FIRST) : 0;
	}
	bench_publish(id);
}

static int open_load(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	memset(&team, 0, sizeof(team));
	bench_start((struct path_config){ .workers = 2, .flows = 1024 });
	if (rcu_start(bench.loop, &err))
		fail_msg("%s", err.text);
	for (uint32_t id = 1; id <= SENDERS; id++)
		open_port(id);
	for (uint32_t id = TEAM; id < FIRST + MEMBERS; id++)
		open_port(id);
	team.port = bench.ports[TEAM].port;
	change_table(0);
	return 0;
}

static int close_load(void **state)
{
	(void)bench_close(state);
	free(team.table);
	return 0;
}

static bool has_sent(uint32_t more_than)
{
	for (int i = 0; i < 100000 && atomic_load(&left) <= more_than; i++)
		bench_turn();
	return atomic_load(&left) > more_than;
}

/* Every place is in the end that of an address which has been learned. */
static bool places_are_right(uint32_t id)
{
	const struct path_port *port = bench.ports[id].port;

	for (int i = 0; i < 100000 && (l2_learned(&bench.sw->l2, id).count != LIMIT ||
				       atomic_load(&port->sources) != LIMIT);
	     i++)
		bench_turn();
	return l2_learned(&bench.sw->l2, id).count == LIMIT && atomic_load(&port->sources) == LIMIT;
}

/* Both senders got as far as that, however busy the machine is. */
static bool is_over_limit(uint32_t id)
{
	for (int i = 0; i < 100000 && drops_in(id, REASON_MAC_LIMIT) == 0; i++)
		bench_turn();
	return drops_in(id, REASON_MAC_LIMIT) > 0;
}

static void tables_change_under_traffic(void **state)
{
	pthread_t threads[SENDERS];

	(void)state;
	for (uintptr_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sender_main, (void *)(i + 1)),
				 0);
	for (uint32_t n = 1; n <= TABLES; n++) {
		change_table(n);
		bench_turns(5);
	}
	assert_true(has_sent(atomic_load(&left))); /* by the last one too */
	for (uint32_t id = 1; id <= SENDERS; id++)
		assert_true(is_over_limit(id));
	atomic_store(&stop, true);
	for (unsigned i = 0; i < SENDERS; i++)
		(void)pthread_join(threads[i], NULL);
	for (uint32_t id = 1; id <= SENDERS; id++) {
		assert_true(places_are_right(id));
		assert_int_equal(l2_learned(&bench.sw->l2, id).refused, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_change_under_traffic, open_load, close_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
