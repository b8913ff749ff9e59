/* SPDX-License-Identifier: Apache-2.0 */
/*
 * support/frames.h - Ethernet frames of conversations, for tests that care who says what to whom.
 *
 * An end is a host number and a port: host 7 is 10.0.0.7 or fd00::7.  Each function writes a frame
 * and returns its length.  L4 checksums are left 0; nothing that tracks or forwards checks them.
 */
#ifndef XVS_TEST_SUPPORT_FRAMES_H
#define XVS_TEST_SUPPORT_FRAMES_H

#include "base/bytes.h"
#include "packet/packet.h"

enum { FRAME_BYTES = 2048 };
enum { F_FIN = 1, F_SYN = 2, F_RST = 4, F_PSH = 8, F_ACK = 16, F_URG = 32 };

struct frame_end {
	uint8_t host;
	bool is_v6;
	uint16_t port;
};

struct frame_tcp {
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t window;
	uint16_t data;
	uint8_t scale; /* option of a SYN, + 1; 0: without */
};

static inline void frame_address(struct frame_end e, uint8_t out[16])
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, [12] = 10 };
	static const uint8_t v6[16] = { 0xfd };

	memcpy(out, e.is_v6 ? v6 : v4, 16);
	out[15] = e.host;
}

/* Headers up to L4, which has 'len' bytes that are zeroed; its place. */
static inline uint8_t *frame_ip(uint8_t *f, struct frame_end src, struct frame_end dst,
				uint8_t proto, uint32_t len)
{
	uint8_t *ip = f + 14;
	uint8_t a[16], b[16];
	uint32_t sum = 0;

	frame_address(src, a);
	frame_address(dst, b);
	memset(f, 0, 14 + 40 + len);
	memcpy(f, (const uint8_t[]){ 0x52, 0x54, 0, 0, 0, dst.host, 0x52, 0x54, 0, 0, 0, src.host },
	       12);
	put_be16(f + 12, src.is_v6 ? 0x86dd : 0x0800);
	if (src.is_v6) {
		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)len);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, a, 16);
		memcpy(ip + 24, b, 16);
		return ip + 40;
	}
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(20 + len));
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, a + 12, 4);
	memcpy(ip + 16, b + 12, 4);
	for (unsigned i = 0; i < 20; i += 2)
		sum += get_be16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
	return ip + 20;
}

static inline uint32_t frame_l3_len(const uint8_t *f)
{
	return get_be16(f + 12) == 0x86dd ? 40u + get_be16(f + 18) : get_be16(f + 16);
}

static inline uint32_t frame_len(const uint8_t *f)
{
	return 14 + frame_l3_len(f);
}

static inline uint32_t frame_tcp(uint8_t *f, struct frame_end src, struct frame_end dst,
				 struct frame_tcp t)
{
	uint32_t options = t.scale ? 4 : 0;
	uint8_t *l4 = frame_ip(f, src, dst, 6, 20 + options + t.data);

	put_be16(l4, src.port);
	put_be16(l4 + 2, dst.port);
	put_be32(l4 + 4, t.seq);
	put_be32(l4 + 8, t.ack);
	l4[12] = (uint8_t)((20 + options) / 4 << 4);
	l4[13] = t.flags;
	put_be16(l4 + 14, t.window);
	if (t.scale)
		memcpy(l4 + 20, (const uint8_t[]){ 1, 3, 3, (uint8_t)(t.scale - 1) }, 4);
	return frame_len(f);
}

static inline uint32_t frame_udp(uint8_t *f, struct frame_end src, struct frame_end dst,
				 uint32_t data)
{
	uint8_t *l4 = frame_ip(f, src, dst, 17, 8 + data);

	put_be16(l4, src.port);
	put_be16(l4 + 2, dst.port);
	put_be16(l4 + 4, (uint16_t)(8 + data));
	return frame_len(f);
}

/* With these chunks, as they are. */
static inline uint32_t frame_sctp(uint8_t *f, struct frame_end src, struct frame_end dst,
				  uint32_t tag, const uint8_t *chunks, uint32_t len)
{
	uint8_t *l4 = frame_ip(f, src, dst, 132, 12 + len);

	put_be16(l4, src.port);
	put_be16(l4 + 2, dst.port);
	put_be32(l4 + 4, tag);
	memcpy(l4 + 12, chunks, len);
	return frame_len(f);
}

static inline uint32_t frame_icmp(uint8_t *f, struct frame_end src, struct frame_end dst,
				  uint8_t type, uint8_t code, uint16_t id)
{
	uint8_t *l4 = frame_ip(f, src, dst, src.is_v6 ? 58 : 1, 16);

	l4[0] = type;
	l4[1] = code;
	put_be16(l4 + 4, id);
	return frame_len(f);
}

/* An ICMP error that quotes 'quote', a frame, up to 64 bytes of its datagram. */
static inline uint32_t frame_error(uint8_t *f, struct frame_end src, struct frame_end dst,
				   uint8_t type, uint8_t code, const uint8_t *quote)
{
	uint32_t len = frame_l3_len(quote) < 64 ? frame_l3_len(quote) : 64;
	uint8_t *l4 = frame_ip(f, src, dst, src.is_v6 ? 58 : 1, 8 + len);

	l4[0] = type;
	l4[1] = code;
	memcpy(l4 + 8, quote + 14, len);
	return frame_len(f);
}

/* The fragment [offset, offset + len) of what 'whole' has behind its IP header. */
static inline uint32_t frame_fragment(uint8_t *f, const uint8_t *whole, uint32_t id,
				      uint32_t offset, uint32_t len, bool more)
{
	bool is_v6 = get_be16(whole + 12) == 0x86dd;

	if (!is_v6) {
		memcpy(f, whole, 34);
		memcpy(f + 34, whole + 34 + offset, len);
		put_be16(f + 16, (uint16_t)(20 + len));
		put_be16(f + 18, (uint16_t)id);
		put_be16(f + 20, (uint16_t)(offset / 8 | (more ? 0x2000 : 0)));
		return 34 + len;
	}
	memcpy(f, whole, 54);
	f[20] = 44;
	put_be16(f + 18, (uint16_t)(8 + len));
	f[54] = whole[20];
	f[55] = 0;
	put_be16(f + 56, (uint16_t)(offset | more));
	put_be32(f + 58, id);
	memcpy(f + 62, whole + 54 + offset, len);
	return 62 + len;
}

/* As a port would hand it in: parsed, all of it linear.  NULL: the pool is empty. */
static inline struct packet *frame_packet(struct pool *pool, const uint8_t *f, uint32_t len)
{
	struct packet *p = packet_new_linear(pool, len);
	uint16_t bad = 0;

	if (!p)
		return NULL;
	memcpy(p->x.data, f, len);
	packet_parse(p, &bad);
	return p;
}

#endif /* XVS_TEST_SUPPORT_FRAMES_H */
