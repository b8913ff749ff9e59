/* SPDX-License-Identifier: Apache-2.0 */
/* base/random.h - bytes nobody can guess. */
#ifndef XVS_BASE_RANDOM_H
#define XVS_BASE_RANDOM_H

#include <stddef.h>

/* [any] From the kernel; waits early in boot.  Ends the process if there are none. */
void random_fill(void *bytes, size_t len);

#endif /* XVS_BASE_RANDOM_H */
