/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/bytes.h - numbers in network order from bytes of any alignment, and a bounded cursor.
 */
#ifndef XVS_BASE_BYTES_H
#define XVS_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const uint8_t *b)
{
	uint16_t v;

	memcpy(&v, b, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t get_be32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return __builtin_bswap32(v);
}

static inline void put_be16(uint8_t *b, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(b, &v, sizeof(v));
}

static inline void put_be32(uint8_t *b, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(b, &v, sizeof(v));
}

/* Reads forward through [at, end); once it has run out, 'ok' stays false and reads give zero. */
struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool ok;
};

static inline struct cursor cursor_of(const void *bytes, size_t len)
{
	return (struct cursor){ bytes, (const uint8_t *)bytes + len, true };
}

static inline const uint8_t *cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *at = c->at;

	if (!c->ok || (size_t)(c->end - c->at) < len) {
		c->ok = false;
		return NULL;
	}
	c->at += len;
	return at;
}

#endif /* XVS_BASE_BYTES_H */
