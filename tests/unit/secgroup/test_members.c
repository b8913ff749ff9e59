/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_ext xvs_acl xvs_packet xvs_base
 *
 * Members of groups, looked up by workers while ports come and go.
 */
#include "net.h"

#include <pthread.h>

enum { READERS = 2, ROUNDS = 2000, ADDRESSES = 64 };

static struct members table;
static struct group web;
static struct group db;
static atomic_bool is_ending;
static atomic_uint missed;
static atomic_uint looks;

static void address_of(uint32_t i, uint8_t out[16])
{
	memcpy(out, prefix_v4(0x0a000000 + i, 32).addr, 16);
}

/* As membership_create() makes it, of these addresses. */
static struct membership *members_of(struct group *g, uint32_t first, uint32_t count)
{
	struct membership *m = calloc(1, sizeof(*m) + count * sizeof(m->all[0]));

	assert_non_null(m);
	for (; m->count < count; m->count++) {
		m->all[m->count].group = g;
		address_of(first + m->count, m->all[m->count].address);
	}
	return m;
}

static void *look(void *arg)
{
	uint8_t here[16];

	(void)arg;
	while (!atomic_load(&is_ending)) {
		for (uint32_t i = 0; i < ADDRESSES; i++) {
			address_of(i, here);
			if (!members_contain(&table, &web, here) ||
			    members_contain(&table, &db, here))
				atomic_fetch_add(&missed, 1);
		}
		atomic_fetch_add(&looks, 1);
	}
	return NULL;
}

/* What left is freed at the end: a reader may stand on it as long as it likes. */
static void who_stays_is_found_while_others_come_and_go(void **state)
{
	struct membership *staying = members_of(&web, 0, ADDRESSES);
	struct membership **passing = calloc(ROUNDS, sizeof(*passing));
	pthread_t readers[READERS];

	(void)state;
	assert_non_null(passing);
	members_join(&table, staying);
	for (unsigned r = 0; r < READERS; r++)
		assert_int_equal(pthread_create(&readers[r], NULL, look, NULL), 0);
	for (unsigned n = 0; n < ROUNDS || atomic_load(&looks) < READERS; n++) {
		struct membership *m = n < ROUNDS ? members_of(&web, n % 100, 100) : NULL;

		members_join(&table, m);
		members_leave(&table, m);
		if (m)
			passing[n] = m;
	}
	atomic_store(&is_ending, true);
	for (unsigned r = 0; r < READERS; r++)
		(void)pthread_join(readers[r], NULL);
	assert_int_equal(missed, 0);
	members_leave(&table, staying);
	for (uint32_t i = 0; i < MEMBER_BUCKETS; i++)
		assert_null(atomic_load(&table.buckets[i]));
	for (unsigned n = 0; n < ROUNDS; n++)
		free(passing[n]);
	free(passing);
	free(staying);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_stays_is_found_while_others_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
