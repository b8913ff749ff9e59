/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/copy.h - copying bytes of packets: short ones in line, long ones by what the processor has.
 *
 * Calling memcpy() for some 60 bytes costs more than the copy.  For long runs the C library is
 * good; with 512-bit registers there is a better way for the lengths that packets have, chosen once,
 * when the program starts.
 */
#ifndef XVS_BASE_COPY_H
#define XVS_BASE_COPY_H

#include <stdint.h>
#include <string.h>

enum { COPY_SHORT = 128 };

/* 'len' in [unit, 2 * unit]: the first and the last 'unit' bytes, which overlap. */
#define COPY_ENDS(to, from, len, unit) \
	do { \
		memcpy((to), (from), (unit)); \
		memcpy((to) + (len) - (unit), (from) + (len) - (unit), (unit)); \
	} while (0)

/* [any] At most COPY_SHORT bytes. */
static inline __attribute__((always_inline)) void copy_short(uint8_t *to, const uint8_t *from,
							     uint32_t len)
{
	/* twice the unit at most, so 64 bytes are copied once */
	if (len > 64)
		COPY_ENDS(to, from, len, 64);
	else if (len > 32)
		COPY_ENDS(to, from, len, 32);
	else if (len >= 16)
		COPY_ENDS(to, from, len, 16);
	else if (len >= 8)
		COPY_ENDS(to, from, len, 8);
	else if (len >= 4)
		COPY_ENDS(to, from, len, 4);
	else if (len > 0) {
		to[0] = from[0];
		to[len / 2] = from[len / 2];
		to[len - 1] = from[len - 1];
	}
}
#undef COPY_ENDS

typedef void (*copy_fn)(uint8_t *to, const uint8_t *from, size_t len);

/* [any] Any length; the plain twin, and the one chosen for this processor. */
void copy_plain(uint8_t *to, const uint8_t *from, size_t len);
extern copy_fn copy_long;

/* [any] What there is for this processor, plainest first; how many.  For tests. */
uint32_t copy_variants(copy_fn *out, uint32_t max);

static inline __attribute__((always_inline)) void copy_bytes(uint8_t *to, const uint8_t *from,
							     size_t len)
{
	if (len <= COPY_SHORT)
		copy_short(to, from, (uint32_t)len);
	else
		copy_long(to, from, len);
}

#endif /* XVS_BASE_COPY_H */
