/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of changes never says "no" of one that concerns an entry, and mostly of those that do not. */
#include "support/test.h"

#include <string.h>

#include "flow/epoch.h"
#include "flow/hash.h"

enum { CHANGES = 3000, ENTRIES = 300 };

static struct epoch_log log_;
static struct epoch_change changes[CHANGES];
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % limit;
}

static void start(void)
{
	memset(&log_, 0, sizeof(log_));
	random_state = 88172645463325252u;
	hash_start();
}

static void put_address(uint8_t at[16], uint32_t address)
{
	memset(at, 0, 10);
	at[10] = at[11] = 0xff;
	for (uint32_t i = 0; i < 4; i++)
		at[12 + i] = (uint8_t)(address >> (24 - 8 * i));
}

static void put_prefix(uint8_t at[16], uint32_t bits)
{
	memset(at, 0, 16);
	for (uint32_t i = 0; i < bits; i++)
		at[12 + i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* Of a few masks and not many values, so that some do concern an entry. */
static void random_key(struct xvs_flow_key *key)
{
	memset(key, 0, sizeof(*key));
	key->eth_dst[5] = (uint8_t)random_below(4);
	put_address(key->ip_dst, 10u << 24 | random_below(3) << 16 | random_below(200));
	put_address(key->ip_src, 11u << 24 | random_below(50));
	key->ip_proto = random_below(2) ? 6 : 17;
	key->l4_dst = (uint16_t)random_below(20);
}

static void random_mask(struct xvs_flow_key *mask)
{
	static const uint8_t lengths[] = { 0, 8, 16, 20, 24, 32 };

	memset(mask, 0, sizeof(*mask));
	mask->port = random_below(2) ? UINT32_MAX : 0;
	if (random_below(2))
		memset(mask->eth_dst, 0xff, sizeof(mask->eth_dst));
	put_prefix(mask->ip_dst, lengths[random_below(sizeof(lengths))]);
	put_prefix(mask->ip_src, lengths[random_below(sizeof(lengths))]);
	if (random_below(2))
		mask->l4_dst = UINT16_MAX;
}

static void and_key(struct xvs_flow_key *key, const struct xvs_flow_key *mask)
{
	for (size_t i = 0; i < sizeof(*key); i++)
		((uint8_t *)key)[i] &= ((const uint8_t *)mask)[i];
}

static void random_change(struct epoch_change *c)
{
	memset(c, 0, sizeof(*c));
	c->instance = 1 + random_below(2);
	c->by_match = random_below(10) > 0;
	c->tags = c->by_match ? 0 : UINT64_C(1) << random_below(64);
	random_key(&c->key);
	random_mask(&c->mask);
	and_key(&c->key, &c->mask);
}

/* The plain twin. */
static bool concerns(const struct epoch_change *c, const struct digest_question *q)
{
	const uint8_t *have = (const uint8_t *)q->key;
	const uint8_t *want = (const uint8_t *)&c->key;
	const uint8_t *care = (const uint8_t *)&c->mask;
	const uint8_t *known = (const uint8_t *)q->known;

	if (c->instance != q->instance)
		return false;
	if (!c->by_match)
		return q->tags == 0 || (q->tags & c->tags);
	for (size_t i = offsetof(struct xvs_flow_key, eth_dst); i < sizeof(c->key); i++) {
		if ((have[i] ^ want[i]) & care[i] & known[i])
			return false;
	}
	return true;
}

static bool any_concerns(uint32_t from, const struct digest_question *q)
{
	for (uint32_t i = from; i < CHANGES; i++) {
		if (concerns(&changes[i], q))
			return true;
	}
	return false;
}

static void it_never_leaves_out_a_change_that_concerns_an_entry(void **state)
{
	uint32_t yes = 0;
	uint32_t needless = 0;

	(void)state;
	start();
	for (uint32_t i = 0; i < CHANGES; i++) {
		random_change(&changes[i]);
		epoch_log_add(&log_, &changes[i]);
	}
	assert_int_equal(epoch_log_digested(&log_), CHANGES);
	assert_int_equal(epoch_log_floor(&log_), 0);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		struct xvs_flow_key key;
		struct xvs_flow_key known;
		struct digest_question q = { 1 + random_below(2), UINT64_C(1) << random_below(64),
					     &key, &known };

		random_key(&key);
		random_mask(&known);
		known.port = 0; /* as whoever asks does */
		and_key(&key, &known);
		for (uint32_t from = CHANGES - 40; from < CHANGES; from++) {
			bool may = digest_may_concern(&log_.digest, from, &q);

			if (any_concerns(from, &q)) {
				yes++;
				assert_true(may);
			} else {
				needless += may;
			}
		}
		assert_false(digest_may_concern(&log_.digest, CHANGES, &q));
	}
	assert_true(yes > 0);
	assert_true(needless < 40 * ENTRIES / 2);
}

/* Of 100 addresses that no change was to; slots are shared, so a few may be taken for changed. */
static uint32_t needless_of_many(const struct digest_question *q, struct xvs_flow_key *key,
				 uint32_t shift)
{
	uint32_t needless = 0;

	for (uint32_t i = 0; i < 100; i++) {
		put_address(key->ip_dst, shift == 24 ? i << shift : 10u << 24 | i << shift);
		needless += digest_may_concern(&log_.digest, 0, q);
	}
	return needless;
}

/* As a controller does: rules of one mask come and go beside traffic to other addresses. */
static void what_many_changes_do_not_touch_is_told_apart_at_once(void **state)
{
	struct epoch_change c = { .instance = 1, .by_match = 1 };
	struct xvs_flow_key known = { 0 };
	struct xvs_flow_key key = { 0 };
	struct digest_question q = { 1, 1, &key, &known };

	(void)state;
	start();
	put_prefix(c.mask.ip_dst, 32);
	c.mask.l4_dst = UINT16_MAX;
	for (uint32_t i = 0; i < CHANGES; i++) {
		put_address(c.key.ip_dst, (172u << 24 | 16u << 16) + i);
		epoch_log_add(&log_, &c);
	}
	put_prefix(known.ip_dst, 8);
	assert_true(needless_of_many(&q, &key, 24) < 50);
	put_prefix(known.ip_dst, 20);
	assert_true(needless_of_many(&q, &key, 12) < 50);
	memset(&known, 0, sizeof(known)); /* it might be one of them */
	assert_true(digest_may_concern(&log_.digest, 0, &q));
}

/* More masks than there are groups: what is left over is kept with a wider one, or concerns everybody. */
static void masks_beyond_count_lose_nothing(void **state)
{
	struct epoch_change c = { .instance = 1, .by_match = 1 };
	struct xvs_flow_key known = { 0 };
	struct xvs_flow_key key = { 0 };
	struct digest_question q = { 1, 1, &key, &known };

	(void)state;
	start();
	for (uint32_t i = 0; i < 2 * DIGEST_GROUPS; i++) {
		c.mask.vlan_tci = (uint16_t)(i + 1);
		put_prefix(c.mask.ip_dst, 32);
		put_address(c.key.ip_dst, 10u << 24 | i);
		epoch_log_add(&log_, &c);
	}
	put_prefix(known.ip_dst, 32);
	for (uint32_t i = 0; i < 2 * DIGEST_GROUPS; i++) {
		put_address(key.ip_dst, 10u << 24 | i);
		assert_true(digest_may_concern(&log_.digest, i, &q));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_never_leaves_out_a_change_that_concerns_an_entry),
		cmocka_unit_test(what_many_changes_do_not_touch_is_told_apart_at_once),
		cmocka_unit_test(masks_beyond_count_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
