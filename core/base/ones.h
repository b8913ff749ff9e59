/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/ones.h - ones of a mask that stand together.
 *
 * Masks of bursts are dense: nearly always all packets of a burst are of one kind.  A loop over places
 * from 'first' to 'end' costs half of what one from bit to bit does.
 */
#ifndef XVS_BASE_ONES_H
#define XVS_BASE_ONES_H

#include <stdint.h>

/* Places [first, end). */
struct ones {
	uint64_t first, end;
};

/* [any] The lowest that stand together in 'mask', which is not 0. */
static inline struct ones ones_lowest(uint64_t mask)
{
	uint64_t first = (uint64_t)__builtin_ctzll(mask);
	uint64_t behind = ~(mask >> first); /* a one where they end */

	return (struct ones){ first,
			      behind ? first + (uint64_t)__builtin_ctzll(behind) : first + 64 };
}

/* [any] Those of a mask that are at 'from' or behind it. */
static inline uint64_t ones_from(uint64_t mask, uint64_t from)
{
	return from < 64 ? mask & UINT64_MAX << from : 0;
}

/* [any] Those in front of 'end'. */
static inline uint64_t ones_below(uint64_t end)
{
	return end < 64 ? (UINT64_C(1) << end) - 1 : UINT64_MAX;
}

#endif /* XVS_BASE_ONES_H */
