/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/record.h - records between daemons: little-endian numbers one behind the other, written into
 * a buffer that may be too small and read from bytes that anybody may have made.
 *
 * Who writes or reads beyond the end gets nothing done, and 'ok' stays false from then on: it is asked
 * once, at the end.
 */
#ifndef XVS_BASE_RECORD_H
#define XVS_BASE_RECORD_H

#include "base/bytes.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

struct writer {
	uint8_t *at;
	uint8_t *end;
	bool ok;
};

static inline struct writer writer_of(void *bytes, size_t len)
{
	return (struct writer){ bytes, (uint8_t *)bytes + len, true };
}

static inline size_t writer_room(const struct writer *w)
{
	return (size_t)(w->end - w->at);
}

static inline void put_bytes(struct writer *w, const void *bytes, size_t len)
{
	if (!w->ok || writer_room(w) < len) {
		w->ok = false;
		return;
	}
	if (len)
		memcpy(w->at, bytes, len);
	w->at += len;
}

static inline void put_u8(struct writer *w, uint8_t v)
{
	put_bytes(w, &v, sizeof(v));
}

static inline void put_u16(struct writer *w, uint16_t v)
{
	put_bytes(w, &v, sizeof(v));
}

static inline void put_u32(struct writer *w, uint32_t v)
{
	put_bytes(w, &v, sizeof(v));
}

static inline void put_u64(struct writer *w, uint64_t v)
{
	put_bytes(w, &v, sizeof(v));
}

/* A length in one byte, then so many: at most 255 of the text. */
static inline void put_text(struct writer *w, const char *text)
{
	size_t len = strlen(text);

	if (len > UINT8_MAX)
		len = UINT8_MAX;
	put_u8(w, (uint8_t)len);
	put_bytes(w, text, len);
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static inline void cursor_bytes(struct cursor *c, void *out, size_t len)
{
	const uint8_t *at = cursor_take(c, len);

	if (at)
		memcpy(out, at, len);
	else
		memset(out, 0, len);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	uint8_t v;

	cursor_bytes(c, &v, sizeof(v));
	return v;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	uint16_t v;

	cursor_bytes(c, &v, sizeof(v));
	return v;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	uint32_t v;

	cursor_bytes(c, &v, sizeof(v));
	return v;
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	uint64_t v;

	cursor_bytes(c, &v, sizeof(v));
	return v;
}

/* As put_text() wrote it; too long for 'size', or with a zero inside: not ok. */
static inline void cursor_text(struct cursor *c, char *out, size_t size)
{
	uint8_t len = cursor_u8(c);
	const uint8_t *at = cursor_take(c, len);

	out[0] = '\0';
	if (!at || len >= size || memchr(at, 0, len)) {
		c->ok = false;
		return;
	}
	memcpy(out, at, len);
	out[len] = '\0';
}

#endif /* XVS_BASE_RECORD_H */
