/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/random.c - random bytes from getrandom(2).
 *
 * A kernel without it (before 3.17, or a seccomp filter that forbids it) is no place to go on
 * with keys that can be guessed, so that ends the process.
 */
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

void random_fill(void *bytes, size_t len)
{
	uint8_t *at = bytes;

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
