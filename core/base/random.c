/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/random.c - random bytes from getrandom(2).
 *
 * A kernel without it (before 3.17, or a seccomp filter that forbids it) is no place to go on
 * with keys that can be guessed, so that ends the process.
 */
#include "base/random.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool is_repeated;
static uint64_t state; /* of splitmix64 (Steele, Lea, Flood 2014) */

void random_repeat(uint64_t seed)
{
	__atomic_store_n(&state, seed, __ATOMIC_RELAXED);
	is_repeated = true;
}

/* Threads share one sequence: what each of them gets of it is chance. */
static uint64_t next_word(void)
{
	const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = __atomic_add_fetch(&state, step, __ATOMIC_RELAXED);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill_repeated(uint8_t *at, size_t len)
{
	while (len > 0) {
		const uint64_t word = next_word();
		const size_t some = len < sizeof(word) ? len : sizeof(word);

		memcpy(at, &word, some);
		at += some;
		len -= some;
	}
}

void random_fill(void *bytes, size_t len)
{
	uint8_t *at = bytes;

	if (is_repeated) {
		fill_repeated(at, len);
		return;
	}
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}
