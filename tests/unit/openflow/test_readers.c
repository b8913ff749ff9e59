/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers look rules up while one writer changes them: what is found was there in the version that
 * was looked at, and nothing is freed that a reader may have.  For ThreadSanitizer too.
 */
#include <pthread.h>
#include <string.h>

#include "support/test.h"

#include "table/state.h"

enum { READERS = 2, ROUNDS = 1500, ADDRESSES = 64, WAITING = 4096 };

static struct of_state state_;
static atomic_bool is_over;
static _Atomic uint64_t passed[READERS]; /* how often each held nothing */
static _Atomic uint64_t found, wrong;

/* ---- what waits for the readers --------------------------------------------------------------------- */

static struct {
	void (*fn)(void *what);
	void *what;
	uint64_t since[READERS];
} waiting[WAITING];
static uint32_t first, next;

static void later(void *arg, void (*fn)(void *what), void *what)
{
	(void)arg;
	assert_true(next - first < WAITING);
	waiting[next % WAITING].fn = fn;
	waiting[next % WAITING].what = what;
	for (uint32_t i = 0; i < READERS; i++)
		waiting[next % WAITING].since[i] = atomic_load(&passed[i]);
	next++;
}

static bool have_all_passed(uint32_t at)
{
	for (uint32_t i = 0; i < READERS; i++) {
		if (atomic_load(&passed[i]) == waiting[at % WAITING].since[i])
			return false;
	}
	return true;
}

static void run_what_is_due(bool all)
{
	while (first != next && (all || have_all_passed(first))) {
		uint32_t at = first++;

		waiting[at % WAITING].fn(waiting[at % WAITING].what);
	}
}

/* ---- readers ----------------------------------------------------------------------------------------- */

/* Rules of one transaction have one cookie, which is the version they came with. */
static void *read_rules(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;
	uint64_t random = 3 + me;

	while (!atomic_load(&is_over)) {
		uint64_t version = of_flows_version(&state_.flows);
		uint64_t cookies[2] = { 0, 0 };

		for (uint32_t n = 0; n < 2; n++) {
			struct of_fields packet = { .eth_type = 0x0800 };
			struct of_fields examined = { 0 };
			const struct of_rule *r;

			packet.ipv4_dst = (uint32_t)test_random(&random) % ADDRESSES;
			r = of_flows_find(&state_.flows, 0, &packet, version, &examined);
			cookies[n] = r ? r->cookie : 0;
		}
		atomic_fetch_add(&found, cookies[0] != 0);
		atomic_fetch_add(&wrong, cookies[0] != cookies[1]);
		atomic_fetch_add(&passed[me], 1);
	}
	return NULL;
}

/* ---- the writer -------------------------------------------------------------------------------------- */

/* All addresses anew, of masks that change: subtables come and go, too. */
static void write_all(uint64_t cookie)
{
	struct of_flow_mod mod = { .version = 4,
				   .command = OF_FLOW_DELETE,
				   .cookie_mask = 0,
				   .out_port = OF_PORT_ANY,
				   .out_group = OF_GROUP_ANY };

	of_state_begin(&state_, cookie);
	assert_int_equal(of_state_flow(&state_, &mod), OF_OK);
	mod.command = OF_FLOW_ADD;
	mod.cookie = cookie;
	mod.match.value.eth_type = 0x0800;
	mod.match.mask.eth_type = UINT16_MAX;
	mod.match.mask.ipv4_dst = UINT32_MAX << cookie % 3;
	for (uint32_t a = 0; a < ADDRESSES; a += UINT32_C(1) << cookie % 3) {
		mod.match.value.ipv4_dst = a;
		mod.priority = (uint16_t)(a % 5);
		assert_int_equal(of_state_flow(&state_, &mod), OF_OK);
	}
	of_state_commit(&state_);
}

static void readers_see_one_version_at_a_time(void **state)
{
	const struct of_reclaim reclaim = { .later = later };
	const struct of_flows_events events = { 0 };
	pthread_t threads[READERS];

	(void)state;
	of_state_init(&state_, 9, 1000, &reclaim, &events);
	write_all(1);
	for (uintptr_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_rules, (void *)i), 0);
	for (uint64_t round = 2; round < ROUNDS; round++) {
		write_all(round);
		run_what_is_due(false);
		while (next - first > WAITING / 2)
			run_what_is_due(false);
	}
	atomic_store(&is_over, true);
	for (uint32_t i = 0; i < READERS; i++)
		(void)pthread_join(threads[i], NULL);
	run_what_is_due(true);
	assert_int_equal(wrong, 0);
	assert_true(found > 0);
	of_state_destroy(&state_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_one_version_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
