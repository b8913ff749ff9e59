/* SPDX-License-Identifier: Apache-2.0 */
/*
 * support/allocation.h - memory that runs out at a chosen allocation.
 *
 * A test includes this and then the .c file that it tests, whose calls are redirected here (an
 * empty line between them keeps clang-format from sorting them):
 *
 *	#include "support/allocation.h"
 *
 *	#include "base/node.c"
 *
 * That works with every sanitizer, and the memory of the test itself never runs out.
 */
#ifndef XVS_TEST_SUPPORT_ALLOCATION_H
#define XVS_TEST_SUPPORT_ALLOCATION_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static unsigned allocations_left; /* those that succeed before all others fail */
static bool allocation_failed;    /* one has been refused */

static inline bool allocation_granted(void)
{
	if (allocations_left == 0) {
		allocation_failed = true;
		return false;
	}
	allocations_left--;
	return true;
}

static inline void *scarce_calloc(size_t count, size_t size)
{
	return allocation_granted() ? calloc(count, size) : NULL;
}

static inline void *scarce_malloc(size_t size)
{
	return allocation_granted() ? malloc(size) : NULL;
}

static inline void *scarce_realloc(void *memory, size_t size)
{
	return allocation_granted() ? realloc(memory, size) : NULL;
}

static inline char *scarce_strdup(const char *text)
{
	return allocation_granted() ? strdup(text) : NULL;
}

#undef strdup
#define calloc scarce_calloc
#define malloc scarce_malloc
#define realloc scarce_realloc
#define strdup scarce_strdup

#endif /* XVS_TEST_SUPPORT_ALLOCATION_H */
