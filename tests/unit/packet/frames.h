/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - frames for tests of core/packet: built and verified by the plainest means, a byte at
 * a time, with nothing taken from the code under test but the layout of struct packet.
 */
#ifndef XVS_TESTS_PACKET_FRAMES_H
#define XVS_TESTS_PACKET_FRAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "packet/packet.h"
#include "packet/reason.h"

enum { FRAME_MAX = 66000, TAILS_MAX = 24 };

/* What a frame is made of; zeroed is IPv4, protocol 0, nothing else. */
struct shape {
	bool is_v6;
	uint8_t proto;
	uint8_t tags;        /* 0..3 of type 0x8100, the outermost 0x88a8 if there are two */
	uint8_t ip_options;  /* words of 4 bytes; v6: destination options headers of 8 bytes */
	uint8_t tcp_options; /* words of 4 bytes */
	bool without_udp_sum;
	bool more;         /* fragments follow */
	uint16_t fragment; /* offset in units of 8; then the payload has no L4 header */
	uint16_t padding;  /* behind the IP packet */
	uint32_t payload;
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
	uint32_t l3, l4; /* places */
	uint32_t ip_end;
};

static uint64_t random_state = 88172645463325252u;

static inline uint32_t random_below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 11) % bound);
}

static inline uint32_t naive_add(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint32_t naive_crc32c(const uint8_t *bytes, uint32_t len)
{
	uint32_t crc = 0xffffffff;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static inline uint32_t naive_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint8_t end[8] = { 0, 0, 0, 0, 0, 0, 0, proto };
	uint32_t sum = ip[0] >> 4 == 4 ? naive_add(0, ip + 12, 8) : naive_add(0, ip + 8, 32);

	put_be32(end, len);
	return naive_add(sum, end, 8);
}

static inline uint32_t sum_place(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* Sum over the L4 part with its pseudo header; 0xffff where the checksum in it is right. */
static inline uint32_t naive_l4_sum(const uint8_t *frame, uint32_t l3, uint32_t l4, uint32_t end,
				    uint8_t proto)
{
	uint32_t sum = proto == 1 ? 0 : naive_pseudo(frame + l3, proto, end - l4);

	return naive_add(sum, frame + l4, end - l4);
}

static inline void fill_l4_sum(struct frame *f, uint8_t proto)
{
	uint8_t *l4 = f->bytes + f->l4;
	uint32_t sum;

	if (proto == 132) {
		put_be32(l4 + 8, 0);
		put_be32(l4 + 8, __builtin_bswap32(naive_crc32c(l4, f->ip_end - f->l4)));
		return;
	}
	put_be16(l4 + sum_place(proto), 0);
	sum = ~naive_l4_sum(f->bytes, f->l3, f->l4, f->ip_end, proto) & 0xffff;
	put_be16(l4 + sum_place(proto), (uint16_t)(sum == 0 && proto == 17 ? 0xffff : sum));
}

static inline bool l4_sum_is_right(const uint8_t *frame, uint32_t l3, uint32_t l4, uint32_t end,
				   uint8_t proto)
{
	uint8_t copy[FRAME_MAX];
	uint32_t crc;

	if (proto != 132)
		return naive_l4_sum(frame, l3, l4, end, proto) == 0xffff;
	memcpy(copy, frame + l4, end - l4);
	crc = __builtin_bswap32(get_be32(copy + 8));
	put_be32(copy + 8, 0);
	return naive_crc32c(copy, end - l4) == crc;
}

static inline uint32_t l4_header(const struct shape *s)
{
	switch (s->fragment ? 255 : s->proto) {
	case 6:
		return 20 + s->tcp_options * 4u;
	case 132:
		return 12;
	case 1:
	case 17:
	case 58:
		return 8;
	default:
		return 0;
	}
}

static inline void put_ipv4(struct frame *f, const struct shape *s)
{
	uint8_t *ip = f->bytes + f->l3;
	uint32_t header = 20 + s->ip_options * 4u;

	memset(ip, 1, header); /* options: no operation */
	ip[0] = (uint8_t)(0x40 | header / 4);
	ip[1] = 0xb9; /* DSCP 46, ECN 1 */
	put_be16(ip + 4, 0xfffe);
	put_be16(ip + 6, (uint16_t)((s->more ? 0x2000 : 0) | s->fragment));
	ip[8] = 64;
	ip[9] = s->proto;
	memcpy(ip + 12, (const uint8_t[]){ 10, 0, 0, 1, 192, 168, 77, 200 }, 8);
	f->l4 = f->l3 + header;
	put_be16(ip + 2, (uint16_t)(header + l4_header(s) + s->payload));
	put_be16(ip + 10, 0);
	put_be16(ip + 10, (uint16_t)~naive_add(0, ip, header));
}

static inline void put_ipv6(struct frame *f, const struct shape *s)
{
	uint8_t *ip = f->bytes + f->l3;
	uint8_t *next = ip + 6;
	uint32_t at = 40;

	memset(ip, 0, 40);
	put_be32(ip, 0x6b912345); /* class 0xb9, a flow label */
	ip[7] = 64;
	for (uint8_t i = 0; i < 16; i++) {
		ip[8 + i] = (uint8_t)(0x20 + i);
		ip[24 + i] = (uint8_t)(0xf0 - i);
	}
	for (uint8_t i = 0; i < s->ip_options; i++, at += 8) {
		memcpy(ip + at, (const uint8_t[]){ 0, 0, 1, 4, 0, 0, 0, 0 }, 8);
		*next = 60;
		next = ip + at;
	}
	if (s->more || s->fragment) {
		*next = 44;
		next = ip + at;
		put_be32(ip + at, (uint32_t)s->fragment << 3 | (s->more ? 1 : 0));
		put_be32(ip + at + 4, 77);
		at += 8;
	}
	*next = s->proto;
	f->l4 = f->l3 + at;
	put_be16(ip + 4, (uint16_t)(at - 40 + l4_header(s) + s->payload));
}

static inline void put_l4(struct frame *f, const struct shape *s)
{
	uint8_t *l4 = f->bytes + f->l4;

	if (l4_header(s) == 0)
		return;
	put_be16(l4, 40000);
	put_be16(l4 + 2, 443);
	if (s->proto == 6) {
		put_be32(l4 + 4, 0xfffffff0);
		put_be16(l4 + 12,
			 (uint16_t)((5u + s->tcp_options) << 12 | 0x99)); /* CWR ACK PSH FIN */
	} else if (s->proto == 17) {
		put_be16(l4 + 4, (uint16_t)(8 + s->payload));
	} else if (s->proto != 132) {
		l4[0] = 8;
		l4[1] = 3;
	}
	fill_l4_sum(f, s->proto);
	if (s->proto == 17 && s->without_udp_sum)
		put_be16(l4 + 6, 0);
}

static inline void build(struct frame *f, const struct shape *s)
{
	uint32_t at = 12;

	for (uint32_t i = 0; i < FRAME_MAX; i++)
		f->bytes[i] = (uint8_t)(i * 31 + (i >> 8));
	memcpy(f->bytes, (const uint8_t[]){ 0x52, 0x54, 0, 0, 0, 9, 0x52, 0x54, 0, 0, 0, 1 }, 12);
	for (uint8_t i = 0; i < s->tags; i++, at += 4) {
		put_be16(f->bytes + at, i == 0 && s->tags == 2 ? 0x88a8 : 0x8100);
		put_be16(f->bytes + at + 2, (uint16_t)(0xa064 + i));
	}
	put_be16(f->bytes + at, s->is_v6 ? 0x86dd : 0x0800);
	f->l3 = at + 2;
	if (s->is_v6)
		put_ipv6(f, s);
	else
		put_ipv4(f, s);
	f->ip_end = f->l4 + l4_header(s) + s->payload;
	f->len = f->ip_end + s->padding;
	put_l4(f, s);
}

/* Packets as ports make them: 'linear' bytes in 'head', the rest in lent runs. */
struct lent {
	struct iovec runs[TAILS_MAX];
	uint8_t bytes[FRAME_MAX];
};

static inline struct packet *lend(struct pool *pool, struct lent *lent, const uint8_t *frame,
				  uint32_t len, uint32_t linear)
{
	struct packet *p = packet_new(pool);
	uint32_t at = 0, runs = 0;

	assert_non_null(p);
	linear = linear < len ? linear : len;
	assert_true(linear <= PACKET_PARSE);
	memcpy(p->x.data, frame, linear);
	memcpy(lent->bytes, frame + linear, len - linear);
	while (at < len - linear) {
		uint32_t left = len - linear - at;
		uint32_t some = runs == TAILS_MAX - 1 ? left : random_below(left + 1);

		lent->runs[runs++] = (struct iovec){ lent->bytes + at, some };
		at += some;
	}
	p->tail = lent->runs;
	p->tail_count = (uint16_t)runs;
	p->x.linear = linear;
	p->x.len = len;
	return p;
}

/* The whole of it in a buffer, as tap does. */
static inline struct packet *load(struct pool *pool, const uint8_t *frame, uint32_t len)
{
	struct packet *p = packet_new_linear(pool, len);

	assert_non_null(p);
	memcpy(p->x.data, frame, len);
	return p;
}

static inline struct pool *full_pool(void)
{
	struct pool_limits limits = { .packets = 1200, .small = 1200, .large = 64 };
	struct pool *pool = pool_create(&limits);

	assert_non_null(pool);
	return pool;
}

/* Every packet and buffer came back. */
static inline void finish_pool(struct pool *pool)
{
	assert_int_equal(pool_packets_left(pool), 1200);
	assert_int_equal(pool_small_left(pool), 1200);
	assert_int_equal(pool_large_left(pool), 64);
	pool_destroy(pool);
}

#endif /* XVS_TESTS_PACKET_FRAMES_H */
