/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that learn addresses at once, into too few slots: what is found was learned, whole, and no
 * more is learned than there may be.  For ThreadSanitizer too.
 */
#include <pthread.h>
#include <string.h>

#include "support/test.h"

#include "guard.h"

enum { THREADS = 3, ROUNDS = 20000, SLOTS = 4, AGE_S = 2, ADDRESSES = 16 };

static const uint64_t second = 1000000000;

static struct guard_port port;
static struct guard_policy policy = { .dynamic_ips = SLOTS, .dynamic_age_s = AGE_S };
static _Atomic uint64_t torn;
static _Atomic uint64_t learned;

/* Both halves say the same, so that one of each of two addresses is none. */
static void address_of(uint32_t i, uint8_t out[16])
{
	memset(out, (int)(0x20 + i), 16);
}

static bool is_whole(const uint8_t address[16])
{
	return memcmp(address, address + 8, 8) == 0;
}

/* One that has both halves, but of two addresses, was never learned. */
static bool is_a_mixture_known(uint32_t i, uint64_t now_ns)
{
	uint8_t mixture[16];
	uint8_t other[16];

	address_of(i, mixture);
	address_of((i + 1) % ADDRESSES, other);
	memcpy(mixture + 8, other + 8, 8);
	return !is_whole(mixture) && guard_has_learned(&port, &policy, mixture, now_ns);
}

static void *run(void *arg)
{
	uint64_t random = 88172645463325252u + (uintptr_t)arg;
	uint64_t now_ns = 1000 * second;

	for (uint32_t n = 0; n < ROUNDS; n++) {
		uint32_t i = (uint32_t)(test_random(&random) % ADDRESSES);
		uint8_t address[16];

		address_of(i, address);
		now_ns += second / 10;
		if (!guard_has_learned(&port, &policy, address, now_ns) &&
		    guard_learn(&port, &policy, address, now_ns))
			atomic_fetch_add(&learned, 1);
		if (is_a_mixture_known(i, now_ns))
			atomic_fetch_add(&torn, 1);
	}
	return NULL;
}

static void list_while_they_run(void)
{
	struct guard_addresses list;

	for (uint32_t n = 0; n < ROUNDS / 100; n++) {
		guard_list_learned(&port, 1000 * second, &list);
		assert_in_range(list.learned, 0, SLOTS);
	}
}

static void workers_learn_at_once(void **state)
{
	struct guard_addresses list;
	pthread_t threads[THREADS];

	(void)state;
	memset(&port, 0, sizeof(port));
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(i * 7919)), 0);
	list_while_they_run();
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	assert_int_equal(torn, 0);
	assert_true(learned >= SLOTS);
	guard_list_learned(&port, 5000 * second, &list);
	assert_int_equal(list.learned, SLOTS);
}

/* A worker reads its clock once a batch: it may meet what another one has just learned. */
static void what_was_learned_a_moment_later_is_not_old(void **state)
{
	struct guard_addresses list;
	uint8_t first[16];
	uint8_t next[16];

	(void)state;
	memset(&port, 0, sizeof(port));
	policy.dynamic_ips = 1;
	address_of(1, first);
	address_of(2, next);
	assert_true(guard_learn(&port, &policy, first, 1000 * second) != 0);
	assert_int_equal(guard_learn(&port, &policy, next, 1000 * second - 1), 0);
	assert_true(guard_has_learned(&port, &policy, first, 1000 * second));
	guard_list_learned(&port, 1000 * second - 1, &list);
	assert_non_null(strstr(list.list, "(0s)"));
	policy.dynamic_ips = SLOTS;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_learn_at_once),
		cmocka_unit_test(what_was_learned_a_moment_later_is_not_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
