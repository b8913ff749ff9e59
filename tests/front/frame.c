/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - see frame.h.
 */
#include "frame.h"

#include <string.h>

#include "random.h"

enum { PATTERN_SHIFTS = 65521, TCP_SUM_AT = 16, UDP_SUM_AT = 6, TCP_ACK_PSH = 0x18 };

static const uint16_t gso_sizes[] = { 536, 1200, 1400 };

/* Random bytes once; each frame begins at another place of them. */
static const uint8_t *pattern(uint32_t number)
{
	static uint8_t bytes[PATTERN_SHIFTS + FRAME_MAX];
	static bool is_made;

	if (!is_made) {
		struct random r = { 1 };

		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)random_next(&r);
		is_made = true;
	}
	return bytes + (uint64_t)number * 7919 % PATTERN_SHIFTS;
}

/* ---- sums -------------------------------------------------------------------------------------- */

uint64_t sum_of(const uint8_t *bytes, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += get16(bytes + i);
	if (len & 1)
		sum += (uint32_t)bytes[len - 1] << 8;
	return sum;
}

uint16_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t sum_pseudo(const uint8_t *bytes, uint32_t len)
{
	const uint8_t *ip = bytes + L2_BYTES;

	if (bytes[12] == 0x86)
		return sum_of(ip + 8, 32) + len + ip[6];
	return sum_of(ip + 12, 8) + len + ip[9];
}

/* ---- headers ----------------------------------------------------------------------------------- */

static bool is_ip6(enum frame_kind kind)
{
	return kind == FRAME_UDP6 || kind == FRAME_TCP6 || kind == FRAME_TSO6 || kind == FRAME_USO6;
}

static uint8_t gso_type_of(enum frame_kind kind)
{
	switch (kind) {
	case FRAME_TSO4:
		return GSO_TCP4;
	case FRAME_TSO6:
		return GSO_TCP6;
	case FRAME_UFO4:
		return GSO_UFO;
	case FRAME_USO4:
	case FRAME_USO6:
		return GSO_USO;
	default:
		return GSO_NONE;
	}
}

/* Every second TCP header has options. */
static uint32_t tcp_options(uint32_t number)
{
	return number & 1 ? 12 : 0;
}

uint32_t frame_headers(enum frame_kind kind, uint32_t number)
{
	struct frame f = { .kind = kind };

	if (kind == FRAME_RAW)
		return L2_BYTES;
	return L2_BYTES + (is_ip6(kind) ? (uint32_t)IP6_BYTES : (uint32_t)IP4_BYTES) +
	       (frame_is_tcp(&f) ? TCP_BYTES + tcp_options(number) : (uint32_t)UDP_BYTES);
}

static void write_ethernet(struct frame *f)
{
	static const uint8_t addresses[12] = { 0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1 };
	uint32_t type = f->kind == FRAME_RAW ? 0x88b5 : is_ip6(f->kind) ? 0x86dd : 0x0800;

	memcpy(f->bytes, addresses, sizeof(addresses));
	put16(f->bytes + 12, type);
}

static void write_ip(struct frame *f)
{
	uint8_t *ip = f->bytes + L2_BYTES;
	uint8_t protocol = frame_is_tcp(f) ? 6 : 17;

	memset(ip, 0, IP6_BYTES);
	if (is_ip6(f->kind)) {
		ip[0] = 0x60;
		put16(ip + 4, f->len - L2_BYTES - IP6_BYTES);
		ip[6] = protocol;
		ip[7] = 64;
		put32(ip + 8, 0xfd000000);
		ip[23] = 1;
		put32(ip + 24, 0xfd000000);
		ip[39] = 2;
		return;
	}
	ip[0] = 0x45;
	put16(ip + 2, f->len - L2_BYTES);
	put16(ip + 4, f->number);
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, 0x0a4d0001);
	put32(ip + 16, 0x0a4d0002);
	put16(ip + 10, (uint16_t)~sum_fold(sum_of(ip, IP4_BYTES)));
}

/* 64 flows; the sequence number tells frame and place. */
static void write_l4(struct frame *f)
{
	uint8_t *l4 = f->bytes + frame_l4(f);

	memset(l4, 0, f->headers - frame_l4(f));
	put16(l4, 1024 + f->number % 64);
	put16(l4 + 2, 4000);
	if (!frame_is_tcp(f)) {
		put16(l4 + 4, f->len - frame_l4(f));
		return;
	}
	put32(l4 + 4, f->number << 16);
	put32(l4 + 8, 1);
	l4[12] = (uint8_t)((TCP_BYTES + tcp_options(f->number)) << 2);
	l4[13] = TCP_ACK_PSH;
	put16(l4 + 14, 0xffff);
	for (uint32_t i = TCP_BYTES; i < TCP_BYTES + tcp_options(f->number); i++)
		l4[i] = 1;
}

static void write_sum(struct frame *f, bool is_partial)
{
	uint32_t at = frame_l4(f);
	uint32_t place = frame_is_tcp(f) ? TCP_SUM_AT : UDP_SUM_AT;
	uint64_t sum = sum_pseudo(f->bytes, f->len - at);

	if (is_partial) {
		f->facts.flags = NEEDS_CSUM;
		f->facts.csum_start = (uint16_t)at;
		f->facts.csum_offset = (uint16_t)place;
		put16(f->bytes + at + place, sum_fold(sum));
		return;
	}
	sum = (uint16_t)~sum_fold(sum + sum_of(f->bytes + at, f->len - at));
	put16(f->bytes + at + place, sum || frame_is_tcp(f) ? (uint32_t)sum : 0xffff);
}

void frame_make(struct frame *f, uint32_t number, enum frame_kind kind, uint32_t len,
		bool is_partial)
{
	f->number = number;
	f->kind = kind;
	f->len = len;
	f->headers = frame_headers(kind, number);
	memset(&f->facts, 0, sizeof(f->facts));
	memcpy(f->bytes + f->headers, pattern(number), len - f->headers);
	write_ethernet(f);
	if (kind == FRAME_RAW)
		return;
	write_ip(f);
	write_l4(f);
	f->facts.gso_type = gso_type_of(kind);
	if (f->facts.gso_type) {
		f->facts.gso_size = kind == FRAME_UFO4 ? 1480 : gso_sizes[number % 3];
		f->facts.header_len = (uint16_t)f->headers;
		is_partial = true;
	}
	write_sum(f, is_partial);
}

uint32_t frame_parts(const struct frame *f)
{
	if (!f->facts.gso_type)
		return 1;
	return (f->len - f->headers) / f->facts.gso_size + 1;
}
