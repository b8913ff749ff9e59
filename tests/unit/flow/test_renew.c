/* SPDX-License-Identifier: Apache-2.0 */
/* Which entries are found to be true again by what a hit reads, beside the plainest way to tell. */
#include "support/test.h"

#include <string.h>

#include "flow/epoch.h"
#include "flow/table.h"

enum { ENTRIES = 4096, PORT = 3, FLOWS = 512, CHANGES = 40, SERIAL = 9, ROUNDS = 200 };

#define NOW_NS (UINT64_C(1000) << 20)

static struct flow_cache *cache;
static struct epoch_log log_;
static struct flow_entry *entries[FLOWS];
static struct epoch_change changes[CHANGES];
static uint64_t seed;

static void on_retire(void *arg, struct flow_entry *e)
{
	(void)arg;
	(void)e;
}

static uint32_t draw(uint32_t below)
{
	return (uint32_t)(test_random(&seed) % below);
}

static void put_address(uint8_t at[16], uint32_t n)
{
	memset(at, 0, 16);
	at[10] = at[11] = 0xff;
	at[12] = 10;
	at[13] = (uint8_t)(n >> 16);
	at[14] = (uint8_t)(n >> 8);
	at[15] = (uint8_t)n;
}

static void make_key(struct flow_key *key, uint32_t n)
{
	memset(key, 0, sizeof(*key));
	key->k.port = PORT;
	key->k.ethertype = 8;
	key->k.vlan_tci = (uint16_t)(n % 3);
	put_address(key->k.ip_src, n);
	put_address(key->k.ip_dst, n / 7);
	key->k.l4_dst = (uint16_t)(n % 5);
}

static void insert_all(void)
{
	for (uint32_t n = 0; n < FLOWS; n++) {
		struct flow_entry *e = flow_new(cache);
		struct flow_key key;
		struct flow_key mask;

		assert_non_null(e);
		flow_mask_base(&mask);
		memset(mask.k.ip_src, 0xff, 16);
		if (n % 2)
			mask.k.l4_dst = UINT16_MAX;
		else
			memset(mask.k.ip_dst, 0xff, 16);
		mask.k.vlan_tci = n % 4 == 3 ? UINT16_MAX : 0;
		make_key(&key, n);
		e->is_plain = 1;
		assert_true(flow_insert(cache, e, &key, &mask));
		entries[n] = e;
	}
}

static int setup(void **state)
{
	(void)state;
	seed = 5;
	hash_start();
	memset(&log_, 0, sizeof(log_));
	cache = flow_cache_create(ENTRIES, on_retire, NULL);
	if (!cache)
		return -1;
	insert_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flow_cache_destroy(cache);
	return 0;
}

/* Of rules by one address and perhaps more; of any instance. */
static void random_change(struct epoch_change *c)
{
	struct flow_key key;

	make_key(&key, draw(FLOWS + FLOWS / 2));
	memset(c, 0, sizeof(*c));
	c->instance = draw(3);
	c->by_match = 1;
	memset(draw(2) ? c->mask.ip_src : c->mask.ip_dst, 0xff, draw(2) ? 16 : 15);
	if (draw(2))
		c->mask.l4_dst = UINT16_MAX;
	if (draw(4) == 0)
		c->mask.vlan_tci = UINT16_MAX;
	for (size_t i = 0; i < sizeof(c->key); i++)
		((uint8_t *)&c->key)[i] = ((uint8_t *)&key.k)[i] & ((uint8_t *)&c->mask)[i];
}

/* The plain twin: could a packet of the entry equal the change, at an exit even with another tag? */
static bool concerns(const struct epoch_change *c, const struct flow_entry *e)
{
	const uint8_t *known = (const uint8_t *)&e->mask->k;
	const uint8_t *have = (const uint8_t *)&e->key.k;
	const uint8_t *want = (const uint8_t *)&c->key;
	const uint8_t *care = (const uint8_t *)&c->mask;
	const size_t tag = offsetof(struct xvs_flow_key, vlan_tci);

	for (size_t i = 0; i < sizeof(c->key); i++) {
		if (i != tag && i != tag + 1 && (have[i] ^ want[i]) & care[i] & known[i])
			return false;
	}
	return true;
}

static bool any_concerns(uint32_t count, const struct flow_entry *e)
{
	bool any = false;

	for (uint32_t i = 0; i < count; i++)
		any |= concerns(&changes[i], e);
	return any;
}

static void verify_all(void)
{
	for (uint32_t n = 0; n < FLOWS; n++) {
		entries[n]->expires_tick = flow_tick(NOW_NS) + 1;
		entries[n]->tally.verified = epoch_world(&log_, SERIAL);
	}
}

static bool is_renewed(const struct flow_entry *e)
{
	return entry_is_verified(e, epoch_world(&log_, SERIAL), flow_tick(NOW_NS));
}

/* Packets of flows from 'first' on, one each; all of which an entry was found for. */
static uint64_t look(flow_batch_fn fn, uint32_t first, uint64_t serial)
{
	static struct xvs_flow_key keys[XVS_BATCH_MAX] __attribute__((aligned(64)));
	struct xvs_packet facts[XVS_BATCH_MAX];
	const struct xvs_packet *pkts[XVS_BATCH_MAX];
	struct flow_leg *legs[XVS_BATCH_MAX];
	struct flow_entry *found[XVS_BATCH_MAX];
	struct flow_credit credit = {
		.world = epoch_world(&log_, serial), .log = &log_, .now_ns = NOW_NS, .legs = legs
	};
	struct flow_batch b = {
		.keys = keys, .pkts = pkts, .live = UINT64_MAX, .port = PORT, .credit = &credit
	};

	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		struct flow_key key;

		make_key(&key, (first + i) % FLOWS);
		keys[i] = key.k;
		facts[i] = (struct xvs_packet){ .len = 60, .hash = (first + i) % FLOWS };
		pkts[i] = &facts[i];
	}
	fn(cache, &b, found);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
		assert_ptr_equal(found[i], entries[(first + i) % FLOWS]);
	return credit.done;
}

static flow_batch_fn any_way(uint32_t n)
{
	return n % 2 && flow_has_avx512() ? flow_batch_avx512 : flow_batch_plain;
}

static void whom_no_change_concerns_is_true_again(void **state)
{
	uint32_t spared = 0;
	uint32_t renewed = 0;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t count = 1 + draw(CHANGES);
		uint32_t first = draw(FLOWS);
		uint64_t done;

		verify_all();
		for (uint32_t i = 0; i < count; i++) {
			random_change(&changes[i]);
			epoch_log_add(&log_, &changes[i]);
		}
		done = look(any_way(round), first, SERIAL);
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
			struct flow_entry *e = entries[(first + i) % FLOWS];
			bool concerned = any_concerns(count, e);

			assert_int_equal(done >> i & 1, is_renewed(e));
			assert_false(concerned && is_renewed(e));
			spared += !concerned;
			renewed += is_renewed(e);
		}
	}
	assert_true(renewed > spared / 2);
}

static void change_nothing(void)
{
	struct epoch_change c = { .instance = 1, .by_match = 1 };

	memset(c.mask.ip_src, 0xff, 16);
	memset(c.key.ip_src, 0xee, 16);
	epoch_log_add(&log_, &c);
}

/* One change that concerns nobody, and no other reason. */
static void look_behind_a_change(uint64_t serial, uint64_t wanted)
{
	change_nothing();
	assert_int_equal(look(flow_batch_plain, 0, serial), wanted);
}

static void nobody_else_is(void **state)
{
	(void)state;
	verify_all();
	entries[1]->is_plain = 0;
	entries[2]->expires_tick = flow_tick(NOW_NS);
	tally_doubt(&entries[3]->tally);
	entries[4]->tally.verified = TALLY_NEVER;
	look_behind_a_change(SERIAL, ~UINT64_C(0x1e));
	verify_all();
	look_behind_a_change(SERIAL + 1, 0); /* another configuration */
	verify_all();
	epoch_told(); /* a hard change */
	look_behind_a_change(SERIAL, 0);
}

/* A place that led to a flow of this port may lead to one of another by now. */
static void nobody_is_by_another_port(void **state)
{
	struct flow_credit credit = { .log = &log_, .now_ns = NOW_NS };

	(void)state;
	verify_all();
	change_nothing();
	credit.world = epoch_world(&log_, SERIAL);
	flow_renew(cache, &credit, PORT + 1, entries, 1);
	assert_false(is_renewed(entries[0]));
	flow_renew(cache, &credit, PORT, entries, 1);
	assert_true(is_renewed(entries[0]));
}

static void tags_concern_everybody(void **state)
{
	struct epoch_change c = { .instance = 1, .tags = 1 };

	(void)state;
	verify_all();
	epoch_log_add(&log_, &c);
	assert_int_equal(look(flow_batch_plain, 0, SERIAL), 0);
}

/* Begun, but not in the digest yet, or lost to it. */
static void nobody_is_by_changes_that_are_not_known(void **state)
{
	(void)state;
	verify_all();
	atomic_fetch_add(&log_.written, 1);
	assert_int_equal(look(flow_batch_plain, 0, SERIAL), 0);
	atomic_fetch_add(&log_.written, EPOCH_RECORDS);
	look_behind_a_change(SERIAL, 0);
	for (uint32_t n = 0; n < EPOCH_RECORDS; n++)
		change_nothing();
	verify_all();
	look_behind_a_change(SERIAL, UINT64_MAX);
}

static void states_of_the_world_are_told_apart(void **state)
{
	struct epoch_change c = { .instance = 1, .tags = 1 };
	uint64_t before = epoch_world(&log_, SERIAL);

	(void)state;
	assert_true(before > TALLY_IN_DOUBT);
	epoch_log_add(&log_, &c);
	assert_true(before != epoch_world(&log_, SERIAL));
	assert_true(worlds_differ_softly(before, epoch_world(&log_, SERIAL)));
	assert_false(worlds_differ_softly(before, epoch_world(&log_, SERIAL + 1)));
	epoch_told();
	assert_false(worlds_differ_softly(before, epoch_world(&log_, SERIAL)));
	assert_true(epoch_world(&log_, UINT64_MAX >> 1) != UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(whom_no_change_concerns_is_true_again),
		TEST(nobody_else_is),
		TEST(nobody_is_by_another_port),
		TEST(tags_concern_everybody),
		TEST(nobody_is_by_changes_that_are_not_known),
		TEST(states_of_the_world_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
