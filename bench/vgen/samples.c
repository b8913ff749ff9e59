/* SPDX-License-Identifier: Apache-2.0 */
/* vgen/samples.c - quantiles of what was measured one by one. */
#include <stdlib.h>

#include "vgen/vgen.h"

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

void samples_sort(uint64_t *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

uint64_t samples_at(const uint64_t *sorted, uint32_t count, double quantile)
{
	if (count == 0)
		return 0;
	return sorted[(uint32_t)((double)(count - 1) * quantile)];
}
