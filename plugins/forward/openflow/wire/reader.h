/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/reader.h - reads numbers of network order from bytes, never beyond their end.
 *
 * Whoever reads more than there is gets zeros and 'is_short': a decoder reads a whole structure and
 * asks once.  Nothing needs to be aligned.
 */
#ifndef OPENFLOW_WIRE_READER_H
#define OPENFLOW_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct of_reader {
	const uint8_t *at; /* borrowed */
	uint32_t left;
	bool is_short;
};

static inline struct of_reader of_reader(const uint8_t *bytes, uint32_t len)
{
	return (struct of_reader){ .at = bytes, .left = len };
}

/* [any] The next bytes, which are then behind; NULL: there are not so many. */
static inline const uint8_t *of_take(struct of_reader *r, uint32_t len)
{
	const uint8_t *taken = r->at;

	if (len > r->left) {
		r->is_short = true;
		r->left = 0;
		return NULL;
	}
	if (len)
		r->at += len;
	r->left -= len;
	return taken;
}

static inline void of_skip(struct of_reader *r, uint32_t len)
{
	(void)of_take(r, len);
}

/* [any] A reader of the next 'len' bytes only. */
static inline struct of_reader of_part(struct of_reader *r, uint32_t len)
{
	const uint8_t *at = of_take(r, len);

	return at ? of_reader(at, len) : (struct of_reader){ .is_short = true };
}

/* [any] 'out' is zeroed where there are too few. */
static inline void of_copy(struct of_reader *r, void *out, uint32_t len)
{
	const uint8_t *at = of_take(r, len);

	if (at)
		memcpy(out, at, len);
	else
		memset(out, 0, len);
}

static inline uint64_t of_number(const uint8_t *at, uint32_t bytes)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

static inline uint64_t of_get(struct of_reader *r, uint32_t bytes)
{
	const uint8_t *at = of_take(r, bytes);

	return at ? of_number(at, bytes) : 0;
}

static inline uint8_t of_get8(struct of_reader *r)
{
	return (uint8_t)of_get(r, 1);
}

static inline uint16_t of_get16(struct of_reader *r)
{
	return (uint16_t)of_get(r, 2);
}

static inline uint32_t of_get32(struct of_reader *r)
{
	return (uint32_t)of_get(r, 4);
}

static inline uint64_t of_get64(struct of_reader *r)
{
	return of_get(r, 8);
}

#endif /* OPENFLOW_WIRE_READER_H */
