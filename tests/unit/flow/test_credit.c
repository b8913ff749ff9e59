/* SPDX-License-Identifier: Apache-2.0 */
/* Who is counted where a batch is looked up, beside one that is looked up without counting. */
#include "support/test.h"

#include <string.h>

#include "base/ones.h"
#include "flow/table.h"

enum { ENTRIES = 8192, PORT = 3, FEW = 700, MANY = 3000, WORLD = 77, LEN = 60 };

/* Now, and ticks before and behind it. */
#define NOW_NS (UINT64_C(1000) << 20)

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
	seed = 11;
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

static uint32_t draw(uint32_t below)
{
	return (uint32_t)(test_random(&seed) % below);
}

static void make_key(struct flow_key *key, uint32_t n)
{
	memset(key, 0, sizeof(*key));
	key->k.port = PORT;
	key->k.ethertype = 8;
	memcpy(key->k.ip_src, &n, sizeof(n));
	key->k.l4_src = (uint16_t)n;
	key->k.tcp_flags = (uint16_t)(1u << n % 8);
	key->segment = 9;
}

static void mask_whole(struct flow_key *mask)
{
	flow_mask_base(mask);
	memset(mask->k.ip_src, 0xff, 16);
	memset(mask->k.ip_dst, 0xff, 16);
	mask->k.ip_proto = UINT8_MAX;
	mask->k.l4_src = UINT16_MAX;
	mask->k.l4_dst = UINT16_MAX;
}

/* Mostly true and plain; some of another world, some whose time has come. */
static void insert(uint32_t n, const struct flow_key *mask)
{
	struct flow_entry *e = flow_new(cache);
	struct flow_key key;

	assert_non_null(e);
	make_key(&key, n);
	e->idle_ms = 1000;
	e->is_plain = draw(8) != 0;
	e->expires_tick = flow_tick(NOW_NS) + (draw(16) ? 1 : 0);
	assert_true(flow_insert(cache, e, &key, mask));
	e->tally.verified = draw(16) ? WORLD : WORLD - 1;
}

static void insert_all(uint32_t flows, uint32_t masks)
{
	struct flow_key mask;

	for (uint32_t n = 0; n < flows; n++) {
		mask_whole(&mask);
		mask.k.eth_src[0] = (uint8_t)(n % masks);
		insert(n, &mask);
	}
}

struct packets {
	struct xvs_flow_key keys[XVS_BATCH_MAX] __attribute__((aligned(64)));
	struct flow_spot spots[XVS_BATCH_MAX];
	struct xvs_packet facts[XVS_BATCH_MAX];
	const struct xvs_packet *pkts[XVS_BATCH_MAX];
	uint64_t live;
};

/* Of 'flows' and some that nobody knows; in trains, if wanted. */
static void draw_packets(struct packets *p, uint32_t flows, bool has_trains)
{
	uint32_t n = draw(flows);

	p->live = draw(4) ? UINT64_MAX : test_random(&seed);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		struct flow_key key;

		if (!has_trains || draw(3) == 0)
			n = draw(flows + flows / 16);
		make_key(&key, n);
		p->keys[i] = key.k;
		memcpy(&p->spots[i], &key.segment, sizeof(p->spots[i]));
		p->facts[i] = (struct xvs_packet){ .len = LEN + n % 100 };
		p->facts[i].hash = (uint32_t)hash_bytes(key.k.ip_src, 38, key.k.l4_dst);
		p->pkts[i] = &p->facts[i];
	}
}

struct result {
	struct flow_entry *found[XVS_BATCH_MAX];
	struct flow_leg *legs[XVS_BATCH_MAX];
	struct flow_credit credit;
};

static void look(flow_batch_fn fn, const struct packets *p, bool has_spots, bool credits,
		 struct result *r)
{
	struct flow_batch b = { .keys = p->keys,
				.spots = has_spots ? p->spots : NULL,
				.spot = p->spots[0],
				.pkts = p->pkts,
				.live = p->live,
				.port = PORT,
				.credit = credits ? &r->credit : NULL };

	*r = (struct result){ .credit = { .world = WORLD, .now_ns = NOW_NS, .legs = r->legs } };
	fn(cache, &b, r->found);
}

static bool is_true(const struct flow_entry *e)
{
	return e && entry_is_verified(e, WORLD, flow_tick(NOW_NS));
}

/* What entries counted so far, of which 'mine' are one's own. */
struct sums {
	uint64_t packets, bytes;
};

static void add(void *arg, struct flow_entry *e)
{
	struct sums *s = arg;

	s->packets += e->tally.packets;
	s->bytes += e->tally.bytes;
}

static struct sums count_all(void)
{
	struct sums s = { 0 };

	flow_each(cache, add, &s);
	return s;
}

/* Those that are done were right to be, and all that they stand for was noted. */
static void check(const struct packets *p, const struct result *with, const struct result *without,
		  struct sums before)
{
	struct sums after = count_all();

	assert_int_equal(with->credit.done & ~p->live, 0);
	assert_int_equal(with->credit.plain & ~with->credit.done, 0);
	for (XVS_EACH(i, p->live))
		assert_ptr_equal(with->found[i], without->found[i]);
	for (XVS_EACH(i, with->credit.done)) {
		struct flow_entry *e = with->found[i];

		assert_true(is_true(e));
		assert_ptr_equal(with->legs[i], &e->leg);
		assert_int_equal(with->credit.plain >> i & 1, e->is_plain);
		assert_int_equal(e->tally.last_ns, NOW_NS);
		assert_int_equal(p->keys[i].tcp_flags & ~e->tcp_flags, 0);
		before.packets++;
		before.bytes += p->pkts[i]->len;
	}
	assert_int_equal(after.packets, before.packets);
	assert_int_equal(after.bytes, before.bytes);
}

/* No two that follow each other are of one entry: all that are true are done. */
static bool are_singles(const struct packets *p, const struct result *r)
{
	for (uint32_t i = 1; i < XVS_BATCH_MAX; i++) {
		if (r->found[i] == r->found[i - 1])
			return false;
	}
	return p->live == UINT64_MAX;
}

static void look_at_some(flow_batch_fn fn, uint32_t flows, bool has_trains, bool has_spots)
{
	uint32_t compared = 0;

	for (uint32_t round = 0; round < 200; round++) {
		struct result with, without;
		struct sums before;
		struct packets p;

		draw_packets(&p, flows, has_trains);
		look(fn, &p, has_spots, false, &without);
		before = count_all();
		look(fn, &p, has_spots, true, &with);
		check(&p, &with, &without, before);
		if (!are_singles(&p, &with))
			continue;
		compared++;
		for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
			assert_int_equal(with.credit.done >> i & 1, is_true(with.found[i]));
	}
	assert_true(has_trains || compared > 50);
}

static void look_by_all_means(uint32_t flows)
{
	flow_batch_fn fns[] = { flow_batch_plain,
				flow_has_avx512() ? flow_batch_avx512 : flow_find_batch };

	for (uint32_t n = 0; n < 8; n++)
		look_at_some(fns[n & 1], flows, n & 2, n & 4);
}

static void few_of_one_mask_are_counted_once_each(void **state)
{
	(void)state;
	insert_all(FEW, 1);
	look_by_all_means(FEW);
}

static void few_of_several_masks_are_counted_once_each(void **state)
{
	(void)state;
	insert_all(FEW, 3);
	look_by_all_means(FEW);
}

static void many_are_counted_once_each(void **state)
{
	(void)state;
	insert_all(MANY, 1);
	look_by_all_means(MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(few_of_one_mask_are_counted_once_each),
		TEST(few_of_several_masks_are_counted_once_each),
		TEST(many_are_counted_once_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
