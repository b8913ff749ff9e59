/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_nat xvs_packet xvs_base */
/*
 * Workers that open, use and end the same few sessions at once: what is found is never another's, and
 * nothing is left.  For ThreadSanitizer too.
 */
#include <pthread.h>

#include "support/test.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/rcu.h"
#include "nat/nat.h"

enum { THREADS = 4, ROUNDS = 20000, OUTSIDE = 0x0b000001 };

static struct nat_table *t;
static _Atomic uint64_t wrong;

static void use(uint64_t *random, struct nat_moment *m)
{
	uint64_t r = test_random(random);
	struct nat_view v = { .src = 0x0a000001 + (uint32_t)(r & 3),
			      .src_port = (uint16_t)(r >> 2 & 7),
			      .dst = 0x0c000001,
			      .dst_port = (uint16_t)(r >> 5 & 3),
			      .proto = PROTO_UDP };
	struct nat_view back = { .src = v.dst, .src_port = v.dst_port, .proto = PROTO_UDP };
	struct nat_answer a;
	struct nat_answer b;

	if (!nat_outward(t, &v, m, 1, &a))
		return;
	back.dst = a.address;
	back.dst_port = a.port;
	/* it may have ended meanwhile, and its port may be another's: then that one's, whole */
	if (nat_inward(t, &back, m, 1, &b) && (b.address < 0x0a000001 || b.address > 0x0a000004))
		wrong++;
	nat_sweep(t, m->now_ns);
}

static void *run(void *arg)
{
	uint64_t random = 88172645463325252u + (uintptr_t)arg;
	struct nat_moment m = { NS_PER_S, &random };

	for (int i = 0; i < ROUNDS; i++) {
		m.now_ns += 100 * (uint64_t)NS_PER_MS;
		use(&random, &m);
		if (i % 1000 == 0)
			(void)nat_flush(t, 0);
	}
	return NULL;
}

static void agrees_among_threads(void **state)
{
	struct nat_rules *r = nat_rules_create(0);
	struct xvs_error err = ERROR_INIT;
	struct nat_stats stats;
	pthread_t threads[THREADS];

	(void)state;
	hash_start();
	r->timeouts = (struct nat_timeouts){ 500, 500, 500, 500 };
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ OUTSIDE, 1024, 1200 };
	assert_int_equal(nat_table_create(64, &t, &err), 0);
	assert_int_equal(nat_table_configure(t, r), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(i * 7919)), 0);
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	(void)nat_flush(t, 0);
	nat_table_stats(t, &stats);
	assert_int_equal(stats.sessions, 0);
	assert_int_equal(stats.bindings, 0);
	assert_int_equal(stats.ports_used[0][1], 0);
	nat_table_destroy(t);
}

/* ---- other rules meanwhile ----------------------------------------------------------------- */

enum { CHANGES = 40, HOSTS = 4 };

static _Atomic bool is_ending;
static uint32_t outside_now;
static uint32_t strangers;

/* One inside port and ever new remotes: there is always a binding that opens sessions. */
static void *open_more(void *arg)
{
	uint64_t random = 88172645463325252u + (uintptr_t)arg;
	struct nat_moment m = { NS_PER_S, &random };

	rcu_register();
	for (uint32_t i = 0; !is_ending; i++) {
		const struct nat_view v = { .src = 0x0a000001 + i % HOSTS,
					    .src_port = 7,
					    .dst = 0x0c000000 + (uint32_t)(uintptr_t)arg + i,
					    .dst_port = 53,
					    .proto = PROTO_UDP };
		struct nat_answer a;

		m.now_ns += NS_PER_MS;
		(void)nat_outward(t, &v, &m, 1, &a);
		nat_sweep(t, m.now_ns);
		rcu_quiescent();
	}
	rcu_unregister();
	return NULL;
}

static void note_stranger(void *arg, const struct nat_info *s)
{
	(void)arg;
	strangers += s->outside != outside_now;
}

static struct nat_rules *rules_of(uint32_t outside)
{
	struct nat_rules *r = nat_rules_create(0);

	assert_non_null(r);
	r->timeouts = (struct nat_timeouts){ 500, 500, 500, 500 };
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ outside, 1024, 65535 };
	return r;
}

static void other_rules_leave_nothing_of_the_former(void **state)
{
	struct xvs_error err = ERROR_INIT;
	pthread_t threads[2];

	(void)state;
	hash_start();
	assert_int_equal(nat_table_create(4096, &t, &err), 0);
	assert_int_equal(nat_table_configure(t, rules_of(OUTSIDE)), 0);
	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_more, (void *)(i << 20)),
				 0);
	for (uint32_t n = 0; n < CHANGES; n++) {
		outside_now = OUTSIDE + n % 2;
		assert_int_equal(nat_table_configure(t, rules_of(outside_now)), 0);
		nat_list(t, NS_PER_S, note_stranger, NULL);
	}
	is_ending = true;
	for (unsigned i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(strangers, 0);
	nat_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_among_threads),
		cmocka_unit_test(other_rules_leave_nothing_of_the_former),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
