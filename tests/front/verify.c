/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - see verify.h.  The headers that must be there are made from those that were sent, and
 * compared byte for byte.
 */
#include "verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MORE_FRAGMENTS = 0x2000, TCP_PSH = 0x08 };

static enum verified wrong(struct verify *v, const struct frame *f, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum verified wrong(struct verify *v, const struct frame *f, const char *format, ...)
{
	va_list args;
	int len = snprintf(v->why, sizeof(v->why),
			   "frame %u, kind %u, %u bytes, after %u: ", f->number, f->kind, f->len,
			   v->done);

	va_start(args, format);
	if (len > 0 && (size_t)len < sizeof(v->why))
		(void)vsnprintf(v->why + len, sizeof(v->why) - (size_t)len, format, args);
	va_end(args);
	return VERIFY_WRONG;
}

static bool takes(const struct verify *v, uint32_t bit)
{
	return v->features >> bit & 1;
}

static bool takes_whole(const struct verify *v, const struct frame *f)
{
	switch (f->kind) {
	case FRAME_TSO4:
		return takes(v, 7);
	case FRAME_TSO6:
		return takes(v, 8);
	case FRAME_UFO4:
		return takes(v, 10);
	case FRAME_USO4:
		return takes(v, 54);
	case FRAME_USO6:
		return takes(v, 55);
	default:
		return true;
	}
}

static uint32_t first_difference(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t at = 0;

	while (at < len && a[at] == b[at])
		at++;
	return at;
}

static enum verified verify_bytes(struct verify *v, const struct frame *f, const uint8_t *is,
				  const uint8_t *must, uint32_t len)
{
	uint32_t at;

	if (memcmp(is, must, len) == 0)
		return VERIFY_WHOLE;
	at = first_difference(is, must, len);
	return wrong(v, f, "byte %u of %u is %#x, must be %#x", at, len, is[at], must[at]);
}

/* ---- the expected headers of a part ------------------------------------------------------------ */

static void finish_ip4(uint8_t *ip, uint32_t len, uint32_t id_more)
{
	put16(ip + 2, len);
	put16(ip + 4, get16(ip + 4) + id_more);
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~sum_fold(sum_of(ip, IP4_BYTES)));
}

/* A segment of TCP, or a datagram cut from a larger one. */
static void expect_segment(const struct verify *v, const struct frame *f, uint8_t *out,
			   uint32_t payload, bool is_last)
{
	uint8_t *ip = out + L2_BYTES, *l4 = out + frame_l4(f);
	uint32_t len = f->headers + payload;

	memcpy(out, f->bytes, f->headers);
	if (frame_is_ip6(f))
		put16(ip + 4, len - L2_BYTES - IP6_BYTES);
	else
		finish_ip4(ip, len - L2_BYTES, v->parts);
	if (!frame_is_tcp(f)) {
		put16(l4 + 4, len - frame_l4(f));
		return;
	}
	put32(l4 + 4, get32(l4 + 4) + v->done);
	if (!is_last)
		l4[13] &= (uint8_t)~TCP_PSH;
}

/* ---- packets ----------------------------------------------------------------------------------- */

/* The sum is left open exactly where the receiver takes that and it was left open before. */
static enum verified verify_sum(struct verify *v, const struct frame *f, const struct facts *facts,
				const uint8_t *bytes, uint32_t len)
{
	bool is_open = f->facts.flags & NEEDS_CSUM && takes(v, 1) && takes_whole(v, f);
	uint32_t at = frame_l4(f);
	uint64_t sum = sum_pseudo(bytes, len - at);

	if (!!(facts->flags & NEEDS_CSUM) != is_open)
		return wrong(v, f, "the sum is%s left open", is_open ? " not" : "");
	if (!is_open && sum_fold(sum + sum_of(bytes + at, len - at)) != 0xffff)
		return wrong(v, f, "the sum is wrong");
	if (is_open && (facts->csum_start != f->facts.csum_start ||
			facts->csum_offset != f->facts.csum_offset))
		return wrong(v, f, "the place of the sum is %u + %u", facts->csum_start,
			     facts->csum_offset);
	if (is_open && get16(bytes + at + facts->csum_offset) != sum_fold(sum))
		return wrong(v, f, "the open sum is not that of the pseudo-header");
	return VERIFY_WHOLE;
}

static enum verified verify_facts(struct verify *v, const struct frame *f,
				  const struct facts *facts)
{
	uint8_t type = takes_whole(v, f) ? f->facts.gso_type : GSO_NONE;

	if (facts->gso_type != type)
		return wrong(v, f, "the GSO type is %u, must be %u", facts->gso_type, type);
	if (type && facts->gso_size != f->facts.gso_size)
		return wrong(v, f, "the GSO size is %u, must be %u", facts->gso_size,
			     f->facts.gso_size);
	return VERIFY_WHOLE;
}

static enum verified verify_raw(struct verify *v, const struct frame *f, const struct facts *facts,
				const uint8_t *bytes, uint32_t len)
{
	if (len != f->len)
		return wrong(v, f, "it has %u bytes", len);
	if (facts->flags & NEEDS_CSUM)
		return wrong(v, f, "a sum is asked for");
	return verify_bytes(v, f, bytes, f->bytes, len);
}

/* The L4 sum is verified apart: its place takes what arrived. */
static void take_sum(const struct frame *f, uint8_t *must, const uint8_t *is)
{
	uint32_t at = frame_l4(f) + (frame_is_tcp(f) ? 16 : 6);

	memcpy(must + at, is + at, 2);
}

static enum verified verify_l4(struct verify *v, const struct frame *f, const struct facts *facts,
			       const uint8_t *bytes, uint32_t len)
{
	uint32_t rest = f->len - f->headers - v->done;
	uint32_t size = takes_whole(v, f) ? rest : f->facts.gso_size;
	uint32_t payload = rest < size ? rest : size;
	uint8_t must[FRAME_HEADERS_MAX];
	enum verified result;

	if (len != f->headers + payload)
		return wrong(v, f, "it has %u bytes, must have %u", len, f->headers + payload);
	expect_segment(v, f, must, payload, payload == rest);
	take_sum(f, must, bytes);
	result = verify_bytes(v, f, bytes, must, f->headers);
	if (result == VERIFY_WHOLE)
		result = verify_bytes(v, f, bytes + f->headers, f->bytes + f->headers + v->done,
				      payload);
	if (result == VERIFY_WHOLE)
		result = verify_sum(v, f, facts, bytes, len);
	if (result != VERIFY_WHOLE)
		return result;
	v->done += payload;
	return payload == rest ? VERIFY_WHOLE : VERIFY_MORE;
}

/* IP fragments of a datagram: what they carry is the UDP header, its sum complete, and the data. */
static enum verified verify_fragment(struct verify *v, const struct frame *f,
				     const struct facts *facts, const uint8_t *bytes, uint32_t len)
{
	uint32_t from = L2_BYTES + IP4_BYTES, all = f->len - from, part = len - from;
	uint8_t must[L2_BYTES + IP4_BYTES + UDP_BYTES];
	bool is_last;
	enum verified result;

	if (len <= from || part > f->facts.gso_size || part > all - v->done)
		return wrong(v, f, "a fragment has %u bytes", len);
	is_last = v->done + part == all;
	memcpy(must, f->bytes, sizeof(must));
	put16(must + L2_BYTES + 6, v->done / 8 | (is_last ? 0 : (uint32_t)MORE_FRAGMENTS));
	finish_ip4(must + L2_BYTES, IP4_BYTES + part, 0);
	result = verify_bytes(v, f, bytes, must, from);
	if (result == VERIFY_WHOLE && v->done == 0) {
		uint64_t sum = sum_pseudo(f->bytes, all) + sum_of(f->bytes + from, 6) +
			       sum_of(f->bytes + f->headers, f->len - f->headers);

		put16(must + from + 6, (uint16_t)~sum_fold(sum));
		result = verify_bytes(v, f, bytes + from, must + from, UDP_BYTES);
	}
	if (result == VERIFY_WHOLE) {
		uint32_t skip = v->done ? 0 : UDP_BYTES;

		result = verify_bytes(v, f, bytes + from + skip, f->bytes + from + v->done + skip,
				      part - skip);
	}
	if (result == VERIFY_WHOLE && facts->flags & NEEDS_CSUM)
		return wrong(v, f, "a fragment asks for a sum");
	if (result == VERIFY_WHOLE && !is_last) {
		v->done += part;
		return VERIFY_MORE;
	}
	return result;
}

enum verified verify_packet(struct verify *v, const struct frame *f, const struct facts *facts,
			    const uint8_t *bytes, uint32_t len)
{
	enum verified result = verify_facts(v, f, facts);

	if (result == VERIFY_WRONG)
		return result;
	if (frame_is_raw(f))
		result = verify_raw(v, f, facts, bytes, len);
	else if (f->kind == FRAME_UFO4 && !takes_whole(v, f))
		result = verify_fragment(v, f, facts, bytes, len);
	else
		result = verify_l4(v, f, facts, bytes, len);
	v->parts++;
	if (result == VERIFY_WHOLE)
		v->done = v->parts = 0;
	return result;
}
