/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of keys beside keys looked up one by one, by plain means and by wide registers. */
#include "support/test.h"

#include <string.h>

#include "flow/table.h"

enum { ENTRIES = 4096, PORT = 3, PLACE = 0 };

static struct flow_cache *cache;
static uint64_t seed;

static void on_retire(void *arg, struct flow_entry *e)
{
	(void)arg;
	(void)e;
}

static int setup(void **state)
{
	(void)state;
	seed = 7;
	hash_start();
	cache = flow_cache_create(ENTRIES, on_retire, NULL);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	flow_cache_destroy(cache);
	return 0;
}

static void random_bytes(void *to, size_t size)
{
	uint8_t *b = to;

	while (size-- > 0)
		*b++ = (uint8_t)test_random(&seed);
}

/* Flow n of host n % hosts; hosts are told apart by address, flows by port. */
static void make_key(struct flow_key *key, uint32_t n, uint32_t hosts)
{
	memset(key, 0, sizeof(*key));
	key->k.port = PORT;
	key->k.ethertype = 8;
	key->k.eth_src[5] = (uint8_t)(n % hosts);
	key->k.eth_src[4] = (uint8_t)(n % hosts >> 8);
	memcpy(key->k.ip_src, &n, sizeof(n));
	key->k.l4_src = (uint16_t)n;
	key->segment = 9;
}

static void mask_macs(struct flow_key *mask)
{
	flow_mask_base(mask);
	memset(mask->k.eth_src, 0xff, 6);
}

static void mask_tuple(struct flow_key *mask)
{
	mask_macs(mask);
	memset(mask->k.ip_src, 0xff, 16);
	mask->k.l4_src = UINT16_MAX;
}

static struct flow_entry *insert(const struct flow_key *key, const struct flow_key *mask)
{
	struct flow_entry *e = flow_new(cache);

	assert_non_null(e);
	e->idle_ms = 1000;
	assert_true(flow_insert(cache, e, key, mask));
	return e;
}

struct keys {
	struct xvs_flow_key keys[XVS_BATCH_MAX] __attribute__((aligned(64)));
	struct flow_spot spots[XVS_BATCH_MAX];
	bool has_hashes;
	struct xvs_packet facts[XVS_BATCH_MAX];
};

static void put(struct keys *k, uint32_t i, const struct flow_key *key)
{
	k->keys[i] = key->k;
	memcpy(&k->spots[i], &key->segment, sizeof(k->spots[i]));
}

static uint64_t exact_hits(void)
{
	struct flow_cache_stats s;

	flow_cache_stats(cache, &s);
	return s.exact_hits;
}

/* 'live' of them; each must be what flow_find() says.  How many were found at the first look. */
static uint64_t look(flow_batch_fn fn, const struct keys *k, uint64_t live)
{
	const struct xvs_packet *pkts[XVS_BATCH_MAX];
	struct flow_batch b = { .keys = k->keys,
				.spots = k->spots,
				.pkts = k->has_hashes ? pkts : NULL,
				.live = live,
				.port = PORT,
				.place = PLACE };
	struct flow_entry *found[XVS_BATCH_MAX];
	uint64_t before = exact_hits();

	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
		pkts[i] = &k->facts[i];
	fn(cache, &b, found);
	before = exact_hits() - before;
	for (XVS_EACH(i, live)) {
		struct flow_key key = { .k = k->keys[i] };

		memcpy(&key.segment, &k->spots[i], sizeof(k->spots[i]));
		assert_ptr_equal(found[i], flow_find(cache, &key));
	}
	return before;
}

static void halves_are_multiplied_alike_by_all_means(void **state)
{
	(void)state;
	for (int n = 0; n < 10000; n++) {
		struct xvs_flow_key key, bits;

		random_bytes(&key, sizeof(key));
		random_bytes(&bits, sizeof(bits));
		assert_true(nh_key(&key, &bits) == nh_key_plain(&key, &bits));
	}
}

/* A bit outside the mask changes nothing, any inside changes the hash. */
static void the_hash_is_that_of_the_masked_key(void **state)
{
	struct flow_key key, mask;
	uint64_t hash;

	(void)state;
	random_bytes(&key, sizeof(key));
	mask_tuple(&mask);
	hash = flow_hash(&key, &mask.k, 1);
	for (uint32_t bit = 0; bit < sizeof(key.k) * 8; bit++) {
		uint8_t *byte = (uint8_t *)&key.k + bit / 8;
		bool is_inside = ((const uint8_t *)&mask.k)[bit / 8] >> bit % 8 & 1;

		*byte ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(flow_hash(&key, &mask.k, 1) != hash, is_inside);
		*byte ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(flow_hash(&key, &mask.k, 2) != hash);
	key.segment ^= 1;
	assert_true(flow_hash(&key, &mask.k, 1) != hash);
	key.segment ^= 1;
	key.other ^= 1;
	assert_true(flow_hash(&key, &mask.k, 1) != hash);
}

/* Established flows of one mask are found where they are first looked for, by any means. */
static void look_at_all(flow_batch_fn fn, uint32_t flows, uint32_t hosts)
{
	struct keys k = { .has_hashes = false };

	for (uint32_t n = 0; n < flows; n += XVS_BATCH_MAX) {
		uint64_t live = test_random(&seed) | 1;

		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
			struct flow_key key;

			make_key(&key, n + i, hosts);
			put(&k, i, &key);
		}
		/* two of a hundred may be in the second bucket */
		assert_true(look(fn, &k, live) * 10 >= (uint64_t)__builtin_popcountll(live) * 8);
	}
}

static void one_mask_is_found_at_once(void **state)
{
	struct flow_key key, mask;

	(void)state;
	mask_tuple(&mask);
	for (uint32_t n = 0; n < 1024; n++) {
		make_key(&key, n, 64);
		(void)insert(&key, &mask);
	}
	look_at_all(flow_batch_plain, 1024, 64);
	if (flow_has_avx512())
		look_at_all(flow_batch_avx512, 1024, 64);
	look_at_all(flow_find_batch, 1024, 64);
}

/* A million 5-tuples of 64 hosts that nobody asked for more than their addresses are 64 flows. */
static void what_no_mask_looks_at_tells_no_flows_apart(void **state)
{
	struct flow_key key, mask;
	struct flow_cache_stats s;

	(void)state;
	mask_macs(&mask);
	for (uint32_t n = 0; n < 64; n++) {
		make_key(&key, n, 64);
		(void)insert(&key, &mask);
	}
	look_at_all(flow_find_batch, 100000, 64);
	flow_cache_stats(cache, &s);
	assert_int_equal(s.entries, 64);
	assert_int_equal(s.misses, 0);
}

/* Keys that are not there, at other places, of other segments, and entries that have left. */
static void strangers_are_not_found(void **state)
{
	struct flow_key key, mask;
	struct keys k = { .has_hashes = false };

	(void)state;
	mask_tuple(&mask);
	for (uint32_t n = 0; n < 256; n++) {
		make_key(&key, n, 64);
		(void)insert(&key, &mask);
	}
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		make_key(&key, i, 64);
		if (i % 4 == 1)
			key.segment++;
		if (i % 4 == 2)
			key.other = 5;
		if (i % 4 == 3)
			flow_retire(cache, flow_find(cache, &key));
		assert_int_equal(flow_find(cache, &key) != NULL, i % 4 == 0);
		put(&k, i, &key);
	}
	(void)look(flow_batch_plain, &k, UINT64_MAX);
	if (flow_has_avx512())
		(void)look(flow_batch_avx512, &k, UINT64_MAX);
}

/* Of two masks, whichever has the flow. */
static void look_at_mixed(flow_batch_fn fn)
{
	struct keys k = { .has_hashes = false };
	struct flow_key key;

	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
			make_key(&key, (uint32_t)test_random(&seed) % 4000, 100);
			put(&k, i, &key);
		}
		(void)look(fn, &k, UINT64_MAX);
	}
}

static void two_masks_share_a_port(void **state)
{
	struct flow_key key, macs, tuple;

	(void)state;
	mask_macs(&macs);
	mask_tuple(&tuple);
	for (uint32_t n = 0; n < 2000; n++) {
		make_key(&key, n, 100);
		/* hosts below 50 were judged by their address alone */
		if (n % 100 >= 50)
			(void)insert(&key, &tuple);
		else if (n < 50)
			(void)insert(&key, &macs);
	}
	look_at_mixed(flow_batch_plain);
	if (flow_has_avx512())
		look_at_mixed(flow_batch_avx512);
	look_at_mixed(flow_find_batch);
}

/* Packets that follow each other into the same flow, with gaps, and with strangers between them. */
static void look_at_trains(flow_batch_fn fn)
{
	struct flow_key key;
	struct keys k = { .has_hashes = false };
	uint32_t n = 0;

	for (uint32_t round = 0; round < 500; round++) {
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
			if (test_random(&seed) % 4 == 0)
				n = (uint32_t)test_random(&seed) % 4000;
			make_key(&key, n, 100);
			/* hosts below 50 may have any port, if nobody else is there */
			if (test_random(&seed) % 2)
				key.k.l4_dst = (uint16_t)test_random(&seed);
			if (test_random(&seed) % 8 == 0)
				key.segment++;
			if (test_random(&seed) % 8 == 0)
				key.other = 5;
			put(&k, i, &key);
		}
		(void)look(fn, &k, round % 2 ? UINT64_MAX : test_random(&seed) | 2);
	}
}

static void each_packet_of_a_train_gets_its_own_entry(void **state)
{
	struct flow_key key, macs, tuple;

	(void)state;
	mask_macs(&macs);
	mask_tuple(&tuple);
	for (uint32_t n = 0; n < 50; n++) {
		make_key(&key, n, 100);
		(void)insert(&key, &macs);
	}
	look_at_trains(flow_batch_plain);
	for (uint32_t n = 50; n < 2000; n++) {
		make_key(&key, n, 100);
		if (n % 100 >= 50)
			(void)insert(&key, &tuple);
	}
	look_at_trains(flow_batch_plain);
	if (flow_has_avx512())
		look_at_trains(flow_batch_avx512);
	/* the index alone: what is equal by the first mask need not be by the second */
	flow_group_of(cache, PORT, PLACE)->uses_exact = 0;
	look_at_trains(flow_batch_plain);
	look_at_trains(flow_find_batch);
}

/* A train is as many hits as it has packets. */
static void all_packets_of_a_train_count(void **state)
{
	struct flow_key key, mask;
	struct keys k = { .has_hashes = false };

	(void)state;
	mask_macs(&mask);
	make_key(&key, 1, 64);
	(void)insert(&key, &mask);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		key.k.l4_src = (uint16_t)i;
		put(&k, i, &key);
	}
	assert_int_equal(look(flow_batch_plain, &k, UINT64_MAX), XVS_BATCH_MAX);
	assert_int_equal(look(flow_batch_plain, &k, 0x5500), 4);
	assert_int_equal(look(flow_batch_plain, &k, 0), 0);
}

/*
 * Few wide flows that carry nearly everything, and one narrow one: a cache by all the bits of the
 * narrow one would be filled anew by each packet, so it is given up.
 */
static void an_exact_cache_that_never_hits_is_given_up(void **state)
{
	struct flow_group *g = flow_group_of(cache, PORT, PLACE);
	struct flow_key key, macs, tuple;
	struct keys k = { .has_hashes = false };
	uint32_t n = 1;
	uint64_t hits = 0;

	(void)state;
	mask_macs(&macs);
	mask_tuple(&tuple);
	make_key(&key, 0, 64);
	(void)insert(&key, &tuple);
	for (uint32_t host = 1; host < 64; host++) {
		make_key(&key, host, 64);
		(void)insert(&key, &macs);
	}
	assert_true(g->uses_exact);
	for (uint32_t batch = 0; batch < 3 * GROUP_PERIOD / XVS_BATCH_MAX; batch++) {
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++, n++) {
			make_key(&key, n % 64 ? n : ++n, 64);
			put(&k, i, &key);
		}
		hits = look(flow_find_batch, &k, UINT64_MAX);
	}
	assert_false(g->uses_exact);
	assert_int_equal(hits, XVS_BATCH_MAX);
}

/* ---- by the hashes of packets ---------------------------------------------------------------- */

static void mask_whole(struct flow_key *mask)
{
	mask_tuple(mask);
	memset(mask->k.ip_dst, 0xff, 16);
	mask->k.ip_proto = UINT8_MAX;
	mask->k.l4_dst = UINT16_MAX;
}

static void insert_whole(uint32_t flows)
{
	struct flow_key key, mask;

	mask_whole(&mask);
	for (uint32_t n = 0; n < flows; n++) {
		make_key(&key, n, 64);
		(void)insert(&key, &mask);
	}
}

/* As the parser would give it: the same for what differs in no address and no port. */
static void put_hashed(struct keys *k, uint32_t i, const struct flow_key *key)
{
	put(k, i, key);
	k->facts[i].hash = (uint32_t)hash_bytes(key->k.ip_src, 38, key->k.l4_dst);
}

/* One bit less, and two conversations may be one flow. */
static void conversations_are_told_apart_by_all_five_fields(void **state)
{
	struct flow_group *g = flow_group_of(cache, PORT, PLACE);
	struct flow_key mask;

	(void)state;
	mask_whole(&mask);
	/* behind the port, which is exact in every mask */
	for (uint32_t bit = sizeof(mask.k.port) * 8; bit < sizeof(mask.k) * 8; bit++) {
		struct flow_key narrow = mask;
		struct flow_key key;
		uint32_t byte = bit / 8;
		bool is_field = (byte >= 20 && byte <= 52) || (byte >= 56 && byte < 60);

		((uint8_t *)&narrow.k)[byte] &= (uint8_t) ~(1u << bit % 8);
		make_key(&key, 1, 64);
		insert(&key, &narrow);
		assert_int_equal(g->is_tuple, !is_field);
		flow_retire(cache, flow_find(cache, &key));
		flow_reclaim(cache);
	}
}

/* The second packet of a flow leads there, those behind it are found where they are first looked for. */
static void look_by_hashes(flow_batch_fn fn)
{
	struct keys k = { .has_hashes = true };
	struct flow_key key;
	uint64_t hits = 0;

	for (uint32_t round = 0; round < 3; round++) {
		hits = 0;
		for (uint32_t n = 0; n < 1024; n += XVS_BATCH_MAX) {
			for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
				make_key(&key, n + i, 64);
				put_hashed(&k, i, &key);
			}
			hits += look(fn, &k, UINT64_MAX);
		}
	}
	assert_true(hits > 1000);
}

static void conversations_are_found_by_the_hashes_of_packets(void **state)
{
	(void)state;
	insert_whole(1024);
	assert_true(flow_group_of(cache, PORT, PLACE)->is_tuple);
	look_by_hashes(flow_batch_plain);
	if (flow_has_avx512())
		look_by_hashes(flow_batch_avx512);
	look_by_hashes(flow_find_batch);
}

/*
 * Whatever a hash says, and whatever it is equal to, the key decides: hashes of few values,
 * strangers, packets in trains, other segments, entries that leave.
 */
static void look_by_poor_hashes(flow_batch_fn fn)
{
	struct keys k = { .has_hashes = true };
	struct flow_key key;
	uint32_t n = 0;

	for (uint32_t round = 0; round < 500; round++) {
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
			if (test_random(&seed) % 3 == 0)
				n = (uint32_t)test_random(&seed) % 1500;
			make_key(&key, n, 64);
			key.segment += test_random(&seed) % 8 == 0;
			key.other = test_random(&seed) % 8 ? 0 : 5;
			put_hashed(&k, i, &key);
			k.facts[i].hash %= round % 2 ? 16 : UINT32_MAX;
		}
		(void)look(fn, &k, round % 3 ? UINT64_MAX : test_random(&seed) | 2);
		make_key(&key, (uint32_t)test_random(&seed) % 1000, 64);
		if (flow_find(cache, &key))
			flow_retire(cache, flow_find(cache, &key));
	}
	flow_reclaim(cache);
}

static void hashes_that_are_equal_make_no_keys_equal(void **state)
{
	(void)state;
	insert_whole(1000);
	look_by_poor_hashes(flow_batch_plain);
	if (flow_has_avx512())
		look_by_poor_hashes(flow_batch_avx512);
}

/* Somebody who could make all hashes equal would gain no more than the way without them. */
static void hashes_that_tell_nothing_are_given_up(void **state)
{
	struct flow_group *g = flow_group_of(cache, PORT, PLACE);
	struct keys k = { .has_hashes = true };
	struct flow_key key;
	uint64_t hits = 0;

	(void)state;
	insert_whole(1024);
	for (uint32_t batch = 0; batch < 3 * GROUP_PERIOD / XVS_BATCH_MAX; batch++) {
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
			make_key(&key, (batch * XVS_BATCH_MAX + i) % 1024, 64);
			put(&k, i, &key);
		}
		hits = look(flow_find_batch, &k, UINT64_MAX);
	}
	assert_false(g->uses_exact);
	assert_true(hits > XVS_BATCH_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(halves_are_multiplied_alike_by_all_means),
		TEST(the_hash_is_that_of_the_masked_key),
		TEST(one_mask_is_found_at_once),
		TEST(what_no_mask_looks_at_tells_no_flows_apart),
		TEST(strangers_are_not_found),
		TEST(two_masks_share_a_port),
		TEST(each_packet_of_a_train_gets_its_own_entry),
		TEST(all_packets_of_a_train_count),
		TEST(an_exact_cache_that_never_hits_is_given_up),
		TEST(conversations_are_told_apart_by_all_five_fields),
		TEST(conversations_are_found_by_the_hashes_of_packets),
		TEST(hashes_that_are_equal_make_no_keys_equal),
		TEST(hashes_that_tell_nothing_are_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
