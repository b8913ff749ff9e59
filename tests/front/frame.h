/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - frames of which every byte is known: the payload is a function of the frame's number
 * and the place in it, and the headers are in order down to their checksums.
 */
#ifndef FRONT_FRAME_H
#define FRONT_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FRAME_MAX = 65550,
	FRAME_MIN = 14,
	FRAME_HEADERS_MAX = 128,
	L2_BYTES = 14,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	UDP_BYTES = 8,
	TCP_BYTES = 20,
};

/* In front of every packet, in both directions (virtio 1.2, 5.1.6). */
struct facts {
	uint8_t flags, gso_type;
	uint16_t header_len, gso_size, csum_start, csum_offset, buffers;
};
enum { NEEDS_CSUM = 1, DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCP4 = 1, GSO_UFO = 3, GSO_TCP6 = 4, GSO_USO = 5 };

enum frame_kind {
	FRAME_RAW, /* an ethertype that nobody looks into */
	FRAME_UDP4,
	FRAME_UDP6,
	FRAME_TCP4,
	FRAME_TCP6,
	FRAME_TSO4,
	FRAME_TSO6,
	FRAME_UFO4,
	FRAME_USO4,
	FRAME_USO6,
	FRAME_KINDS,
};

struct frame {
	uint32_t number;
	enum frame_kind kind;
	uint32_t len;
	uint32_t headers; /* bytes of them */
	struct facts facts;
	uint8_t bytes[FRAME_MAX];
};

static inline bool frame_is_ip6(const struct frame *f)
{
	return f->bytes[12] == 0x86;
}

static inline bool frame_is_tcp(const struct frame *f)
{
	return f->kind == FRAME_TCP4 || f->kind == FRAME_TCP6 || f->kind == FRAME_TSO4 ||
	       f->kind == FRAME_TSO6;
}

static inline bool frame_is_raw(const struct frame *f)
{
	return f->kind == FRAME_RAW;
}

static inline uint32_t frame_l4(const struct frame *f)
{
	return L2_BYTES + (frame_is_ip6(f) ? IP6_BYTES : IP4_BYTES);
}

/* Bytes of headers in front of the payload, by kind. */
uint32_t frame_headers(enum frame_kind kind, uint32_t number);

/*
 * A frame of 'len' bytes, which holds its headers and a byte at least.  'is_partial': its checksum
 * is left to others, as GSO frames leave it always.
 */
void frame_make(struct frame *f, uint32_t number, enum frame_kind kind, uint32_t len,
		bool is_partial);

/* How many packets it becomes where nobody takes it whole. */
uint32_t frame_parts(const struct frame *f);

/* ---- sums -------------------------------------------------------------------------------------- */

uint64_t sum_of(const uint8_t *bytes, uint32_t len);
uint16_t sum_fold(uint64_t sum);
/* The pseudo-header of a frame at 'bytes' for 'len' bytes of L4. */
uint64_t sum_pseudo(const uint8_t *bytes, uint32_t len);

static inline void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

#endif /* FRONT_FRAME_H */
