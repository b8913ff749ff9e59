/* SPDX-License-Identifier: Apache-2.0 */
/* vgen/content.c - frames that follow from a number. */
#include "vgen/content.h"

#include <string.h>

enum {
	ETHERNET = 14,
	IPV4 = 20,
	IPV6 = 40,
	UDP = 8,
	TCP = 20,
	IPV4_MAX = ETHERNET + 65535,
	SEGMENT = 1400,  /* gso_size of TCP */
	FRAGMENT = 1480, /* of UFO: a multiple of 8 */
	GSO_MIN = 1514,  /* no smaller frame is left to be cut */
	PROTO_TCP = 6,
	PROTO_UDP = 17,
};

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* One's complement sum of big-endian words, not folded: at most 64 KiB. */
static uint64_t sum_of(const uint8_t *at, size_t len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint64_t)at[i] << 8 | at[i + 1];
	if (len & 1)
		sum += (uint64_t)at[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* ---- which kind ------------------------------------------------------------------------------- */

static bool has(const struct content *c, unsigned bit)
{
	return c->features >> bit & 1;
}

static bool is_possible(const struct content *c, enum content_kind kind)
{
	bool fits_ipv4 = c->size <= IPV4_MAX;

	switch (kind) {
	case CONTENT_RAW:
		return true;
	case CONTENT_UDP:
		return fits_ipv4 && c->size >= ETHERNET + IPV4 + UDP;
	case CONTENT_UDP_CSUM:
		return fits_ipv4 && c->size >= ETHERNET + IPV4 + UDP && has(c, FRONT_CSUM);
	case CONTENT_TCP_CSUM:
		return fits_ipv4 && c->size >= ETHERNET + IPV4 + TCP && has(c, FRONT_CSUM);
	case CONTENT_TCP4_GSO:
		return fits_ipv4 && c->size > GSO_MIN && has(c, FRONT_HOST_TSO4);
	case CONTENT_TCP6_GSO:
		return c->size > GSO_MIN && has(c, FRONT_HOST_TSO6);
	case CONTENT_UDP_GSO:
		return fits_ipv4 && c->size > GSO_MIN && has(c, FRONT_HOST_UFO);
	default:
		return false;
	}
}

/* Where segmentation is offered, nothing longer than the MTU goes without. */
static bool is_wanted(const struct content *c, enum content_kind kind)
{
	if (c->size > GSO_MIN && has(c, FRONT_HOST_TSO6) && kind < CONTENT_TCP4_GSO)
		return false;
	return is_possible(c, kind);
}

enum content_kind content_kind_of(const struct content *c)
{
	for (uint64_t i = 0; i < CONTENT_KINDS; i++) {
		enum content_kind kind = (enum content_kind)((c->serial + i) % CONTENT_KINDS);

		if (is_wanted(c, kind))
			return kind;
	}
	return CONTENT_RAW;
}

const char *content_name(enum content_kind kind)
{
	static const char *const names[CONTENT_KINDS] = {
		"raw",
		"UDP",
		"UDP, checksum left",
		"TCP, checksum left",
		"TCP over IPv4 to be cut",
		"TCP over IPv6 to be cut",
		"UDP to be cut",
	};

	return kind < CONTENT_KINDS ? names[kind] : "nothing";
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* Bytes that nobody would find in the wrong place. */
static void write_payload(uint64_t serial, uint8_t *at, size_t len)
{
	uint64_t state = serial * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < len; i += sizeof(state)) {
		size_t rest = len - i < sizeof(state) ? len - i : sizeof(state);

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(at + i, &state, rest);
	}
}

static void write_ethernet(const struct content *c, uint16_t type, uint8_t *f)
{
	const uint8_t a[6] = { 0x52, 0x54, 0, 0x0a, 0, 0 };
	const uint8_t b[6] = { 0x52, 0x54, 0, 0x0b, 0, 0 };

	memcpy(f, c->is_backward ? a : b, 6);
	memcpy(f + 6, c->is_backward ? b : a, 6);
	put16(f + 12, type);
}

/* 10.0.0.0 and 11.0.0.0, as flow.c has them. */
static void write_ipv4(const struct content *c, uint8_t proto, uint8_t *f)
{
	uint8_t *ip = f + ETHERNET;

	memset(ip, 0, IPV4);
	ip[0] = 0x45;
	put16(ip + 2, c->size - ETHERNET);
	put16(ip + 4, (uint32_t)(c->serial & 0xffff));
	ip[8] = 64;
	ip[9] = proto;
	ip[12] = c->is_backward ? 11 : 10;
	ip[16] = c->is_backward ? 10 : 11;
	put16(ip + 10, (uint16_t)~fold(sum_of(ip, IPV4)));
}

static void write_ipv6(const struct content *c, uint8_t *f)
{
	uint8_t *ip = f + ETHERNET;

	memset(ip, 0, IPV6);
	ip[0] = 0x60;
	put16(ip + 4, (c->size - ETHERNET - IPV6) & 0xffff);
	ip[6] = PROTO_TCP;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = c->is_backward ? 2 : 1;
	ip[39] = c->is_backward ? 1 : 2;
}

/* Of addresses, protocol and length; 'ip' is where the addresses begin. */
static uint16_t pseudo_sum(const uint8_t *addresses, size_t len, uint8_t proto, uint32_t l4_len)
{
	return fold(sum_of(addresses, len) + proto + (l4_len >> 16) + (l4_len & 0xffff));
}

static void write_udp(uint8_t *l4, uint32_t len, uint16_t pseudo)
{
	put16(l4, 32768);
	put16(l4 + 2, 5000);
	put16(l4 + 4, len);
	put16(l4 + 6, pseudo);
}

static void write_tcp(uint8_t *l4, uint16_t pseudo)
{
	put16(l4, 32768);
	put16(l4 + 2, 5001);
	put16(l4 + 12, 0x5010);
	put16(l4 + 14, 0xffff);
	put16(l4 + 16, pseudo);
	put16(l4 + 18, 0);
}

static void ask_checksum(struct front_header *h, uint32_t start, uint32_t offset)
{
	h->flags = FRONT_NEEDS_CSUM;
	h->csum_start = (uint16_t)start;
	h->csum_offset = (uint16_t)offset;
}

static void ask_cut(struct front_header *h, uint8_t type, uint32_t headers, uint32_t size)
{
	h->gso_type = type;
	h->header_len = (uint16_t)headers;
	h->gso_size = (uint16_t)size;
}

static void write_udp_frame(const struct content *c, enum content_kind kind, uint8_t *f,
			    struct front_header *h)
{
	uint32_t l4 = ETHERNET + IPV4;
	uint32_t len = c->size - l4;
	struct front_header whole = { .csum_start = (uint16_t)l4, .csum_offset = 6 };

	write_ethernet(c, 0x0800, f);
	write_ipv4(c, PROTO_UDP, f);
	write_udp(f + l4, len, pseudo_sum(f + ETHERNET + 12, 8, PROTO_UDP, len));
	if (kind == CONTENT_UDP) {
		whole.flags = FRONT_NEEDS_CSUM;
		content_complete(f, c->size, &whole);
		return;
	}
	ask_checksum(h, l4, 6);
	if (kind == CONTENT_UDP_GSO)
		ask_cut(h, FRONT_GSO_UDP, l4 + UDP, FRAGMENT);
}

static void write_tcp_frame(const struct content *c, enum content_kind kind, uint8_t *f,
			    struct front_header *h)
{
	bool is_v6 = kind == CONTENT_TCP6_GSO;
	uint32_t l4 = ETHERNET + (is_v6 ? IPV6 : IPV4);
	uint32_t len = c->size - l4;

	write_ethernet(c, is_v6 ? 0x86dd : 0x0800, f);
	if (is_v6) {
		write_ipv6(c, f);
		write_tcp(f + l4, pseudo_sum(f + ETHERNET + 8, 32, PROTO_TCP, len));
	} else {
		write_ipv4(c, PROTO_TCP, f);
		write_tcp(f + l4, pseudo_sum(f + ETHERNET + 12, 8, PROTO_TCP, len));
	}
	ask_checksum(h, l4, 16);
	if (kind != CONTENT_TCP_CSUM)
		ask_cut(h, is_v6 ? FRONT_GSO_TCP6 : FRONT_GSO_TCP4, l4 + TCP, SEGMENT);
}

void content_write(const struct content *c, uint8_t *frame, struct front_header *h)
{
	enum content_kind kind = content_kind_of(c);

	*h = (struct front_header){ 0 };
	write_payload(c->serial, frame, c->size);
	if (kind == CONTENT_RAW)
		write_ethernet(c, 0x88b5, frame); /* IEEE 802: for local experiments */
	else if (kind == CONTENT_UDP || kind == CONTENT_UDP_CSUM || kind == CONTENT_UDP_GSO)
		write_udp_frame(c, kind, frame, h);
	else
		write_tcp_frame(c, kind, frame, h);
}

void content_complete(uint8_t *frame, uint32_t size, const struct front_header *h)
{
	uint16_t sum;

	if (!(h->flags & FRONT_NEEDS_CSUM))
		return;
	sum = (uint16_t)~fold(sum_of(frame + h->csum_start, size - h->csum_start));
	/* RFC 768: a sum of zero is sent as all ones; for TCP it is the same number */
	put16(frame + h->csum_start + h->csum_offset, sum ? sum : 0xffff);
}
