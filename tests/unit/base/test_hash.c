/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <string.h>

#include "base/hash.h"

enum { BUCKETS = 1024, KEYS = 64 * BUCKETS };

/*
 * Chi-squared over 1,024 buckets has a mean of 1,023 and a deviation of 45; both limits are
 * more than five deviations away, so that a hash which is merely fair passes with any key.
 */
static void assert_spread(const unsigned counts[BUCKETS])
{
	double expected = (double)KEYS / BUCKETS;
	double chi = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		double off = (double)counts[i] - expected;

		chi += off * off / expected;
	}
	assert_true(chi > 750 && chi < 1300);
}

static void counting_words_fill_buckets_evenly(void **state)
{
	unsigned low[BUCKETS] = { 0 };
	unsigned high[BUCKETS] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < KEYS; i++) {
		uint64_t words[3] = { i << 32, 17, 0 };
		uint64_t h = hash_words(words, 3, 0);

		low[h % BUCKETS]++;
		high[h >> 54]++;
	}
	assert_spread(low);
	assert_spread(high);
}

static void counting_bytes_fill_buckets_evenly(void **state)
{
	unsigned counts[BUCKETS] = { 0 };
	uint8_t bytes[21] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		memcpy(bytes + 17, &i, sizeof(i));
		counts[hash_bytes(bytes, sizeof(bytes), 0) % BUCKETS]++;
	}
	assert_spread(counts);
}

static void every_bit_of_input_changes_half_of_the_output(void **state)
{
	uint64_t words[4] = { 1, 2, 3, 4 };
	uint64_t before = hash_words(words, 4, 9);

	(void)state;
	for (unsigned bit = 0; bit < 256; bit++) {
		words[bit / 64] ^= UINT64_C(1) << bit % 64;
		assert_in_range(__builtin_popcountll(hash_words(words, 4, 9) ^ before), 12, 52);
		words[bit / 64] ^= UINT64_C(1) << bit % 64;
	}
}

static void length_counts(void **state)
{
	static const uint8_t zeros[64];
	uint64_t seen[sizeof(zeros) + 1];
	uint64_t words[3] = { 0 };

	(void)state;
	for (size_t len = 0; len <= sizeof(zeros); len++) {
		seen[len] = hash_bytes(zeros, len, 0);
		for (size_t i = 0; i < len; i++)
			assert_true(seen[i] != seen[len]);
	}
	assert_true(hash_words(words, 2, 0) != hash_words(words, 3, 0));
}

static void alignment_does_not_count(void **state)
{
	uint8_t room[64];
	uint64_t first;

	(void)state;
	memcpy(room, "a name of some bytes", 20);
	first = hash_bytes(room, 20, 5);
	for (size_t shift = 1; shift < 8; shift++) {
		memmove(room + shift, room + shift - 1, 20);
		assert_true(hash_bytes(room + shift, 20, 5) == first);
	}
}

static void seed_and_key_change_the_hash(void **state)
{
	uint64_t word = 7;
	uint64_t plain = hash_words(&word, 1, 0);
	uint64_t bytes = hash_bytes("name", 4, 0);

	(void)state;
	assert_true(hash_words(&word, 1, 1) != plain);
	assert_true(hash_bytes("name", 4, 1) != bytes);
	hash_start();
	assert_true(hash_words(&word, 1, 0) != plain);
	assert_true(hash_bytes("name", 4, 0) != bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counting_words_fill_buckets_evenly),
		cmocka_unit_test(counting_bytes_fill_buckets_evenly),
		cmocka_unit_test(every_bit_of_input_changes_half_of_the_output),
		cmocka_unit_test(length_counts),
		cmocka_unit_test(alignment_does_not_count),
		cmocka_unit_test(seed_and_key_change_the_hash), /* last: it changes the key */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
