/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/record.h - DRAFT: numbers in records of xvs/state.h.  Inline; no host needed.
 *
 * Little-endian, one behind the other, without gaps.  The first error stays in 'code', and nothing is
 * written or read behind it: it is asked once, at the end.  What is read after an error is zero.
 */
#ifndef XVS_EXT_RECORD_H
#define XVS_EXT_RECORD_H

#include "../state.h"

#include <string.h>

struct xvs_put {
	struct xvs_sink *sink;
	int code; /* 0, or a negative errno */
	int reserved;
};

struct xvs_get {
	struct xvs_source *source;
	int code;
	int reserved;
};

static inline void xvs_put_bytes(struct xvs_put *p, const void *bytes, size_t len)
{
	if (p->code == 0)
		p->code = p->sink->write(p->sink, bytes, len);
}

static inline void xvs_put_number(struct xvs_put *p, uint64_t value, size_t len)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	xvs_put_bytes(p, bytes, len);
}

static inline void xvs_put_u8(struct xvs_put *p, uint8_t value)
{
	xvs_put_number(p, value, 1);
}

static inline void xvs_put_u32(struct xvs_put *p, uint32_t value)
{
	xvs_put_number(p, value, 4);
}

static inline void xvs_put_u64(struct xvs_put *p, uint64_t value)
{
	xvs_put_number(p, value, 8);
}

static inline void xvs_get_bytes(struct xvs_get *g, void *bytes, size_t len)
{
	if (g->code == 0)
		g->code = g->source->read(g->source, bytes, len);
	if (g->code != 0)
		memset(bytes, 0, len);
}

static inline uint64_t xvs_get_number(struct xvs_get *g, size_t len)
{
	uint8_t bytes[8];
	uint64_t value = 0;
	size_t i;

	xvs_get_bytes(g, bytes, len);
	for (i = 0; i < len; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

static inline uint8_t xvs_get_u8(struct xvs_get *g)
{
	return (uint8_t)xvs_get_number(g, 1);
}

static inline uint32_t xvs_get_u32(struct xvs_get *g)
{
	return (uint32_t)xvs_get_number(g, 4);
}

static inline uint64_t xvs_get_u64(struct xvs_get *g)
{
	return xvs_get_number(g, 8);
}

#endif /* XVS_EXT_RECORD_H */
