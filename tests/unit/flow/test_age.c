/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes when the cache is full. */
#include "support/test.h"

#include <string.h>

#include "flow/cache.h"

enum { ENTRIES = 4096, BUSY = 1000, FLOOD = 200000, VICTIM = 1, FLOODER = 2 };

static struct flow_cache *cache;

static void on_retire(void *arg, struct flow_entry *e)
{
	(void)arg;
	(void)e;
}

static int setup(void **state)
{
	(void)state;
	cache = flow_cache_create(ENTRIES, on_retire, NULL);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	flow_cache_destroy(cache);
	return 0;
}

static void make_key(struct flow_key *key, uint32_t port, uint32_t n)
{
	memset(key, 0, sizeof(*key));
	key->k.port = port;
	memcpy(key->k.ip_src, &n, sizeof(n));
}

static void insert(uint32_t port, uint32_t n, uint64_t packets, uint64_t now_ns)
{
	struct flow_entry *e = flow_new(cache);
	struct flow_key key, mask;

	assert_non_null(e);
	flow_mask_base(&mask);
	memset(mask.k.ip_src, 0xff, 16);
	make_key(&key, port, n);
	e->idle_ms = 10000;
	e->tally.packets = packets;
	e->tally.last_ns = now_ns;
	assert_true(flow_insert(cache, e, &key, &mask));
}

static uint32_t alive(uint32_t port, uint32_t count)
{
	uint32_t found = 0;

	for (uint32_t n = 0; n < count; n++) {
		struct flow_key key;

		make_key(&key, port, n);
		found += flow_find(cache, &key) != NULL;
	}
	return found;
}

/* Each flow of the flood sends 'packets'; what it meets in the cache belongs to 'port'. */
static void flood(uint32_t port, uint64_t packets)
{
	for (uint32_t n = 0; n < FLOOD; n++) {
		insert(port, 100000 + n, packets, 1000 + n);
		if (n % 64 == 63)
			flow_reclaim(cache);
	}
	flow_reclaim(cache);
}

static void flows_of_one_packet_do_not_throw_out_busy_ones(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < BUSY; n++)
		insert(VICTIM, n, 50, 900);
	flood(VICTIM, 1);
	/* not even those of the flooder itself, whose other flows are older by then */
	assert_true(alive(VICTIM, BUSY) >= BUSY * 95 / 100);
}

/* However busy the flood looks, others keep what they have, idle or not. */
static void a_flood_at_one_port_throws_out_its_own(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < BUSY; n++)
		insert(VICTIM, n, 1, 1);
	flood(FLOODER, 5);
	assert_int_equal(alive(VICTIM, BUSY), BUSY);
}

/* They are so many that a look here and there hardly ever meets the flood. */
static void nor_where_each_of_many_ports_has_little(void **state)
{
	enum { PORTS = 350, EACH = 10 };

	(void)state;
	for (uint32_t port = 10; port < 10 + PORTS; port++) {
		for (uint32_t n = 0; n < EACH; n++)
			insert(port, n, 5, 1);
	}
	flood(FLOODER, 5);
	for (uint32_t port = 10; port < 10 + PORTS; port++)
		assert_int_equal(alive(port, EACH), EACH);
}

static void equals_go_by_age(void **state)
{
	struct flow_cache_stats s;

	(void)state;
	for (uint32_t n = 0; n < ENTRIES * 2; n++) {
		insert(VICTIM, n, 5, n);
		if (n % 64 == 63)
			flow_reclaim(cache);
	}
	flow_reclaim(cache);
	flow_cache_stats(cache, &s);
	assert_true(s.entries > ENTRIES / 2);
	/* of the newer half nearly all are left */
	assert_true(alive(VICTIM, ENTRIES * 2) - alive(VICTIM, ENTRIES) > s.entries * 3 / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(flows_of_one_packet_do_not_throw_out_busy_ones),
		TEST(a_flood_at_one_port_throws_out_its_own),
		TEST(nor_where_each_of_many_ports_has_little),
		TEST(equals_go_by_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
