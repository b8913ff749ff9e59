/* SPDX-License-Identifier: Apache-2.0 */
/* base/random.h - bytes nobody can guess. */
#ifndef XVS_BASE_RANDOM_H
#define XVS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* [any] From the kernel; waits early in boot.  Ends the process if there are none. */
void random_fill(void *bytes, size_t len);

/*
 * [control] From here on the same bytes in each process that gives the same seed, for tools that repeat a
 * run.  Anybody can guess them: never where packets of others pass.
 */
void random_repeat(uint64_t seed);

#endif /* XVS_BASE_RANDOM_H */
