/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/flow.c - writes heads.
 *
 *	 0 dst MAC   6 src MAC  12 type  14 IPv4 ... 26 src 30 dst  34 ports
 *	UDP: 38 length, 40 checksum, 42 payload        TCP: 38 seq, 42 ack, 46 offset, flags, window,
 *	                                                    50 checksum, 52 urgent, 54 payload
 */
#include "vgen/flow.h"

#include <stdlib.h>
#include <string.h>

enum {
	IP = 14,
	IP_SUM = 24,
	IP_SRC = 26,
	IP_DST = 30,
	L4 = 34,
	TCP_SEQ = 38,
	TCP_SUM = 50,
	PORTS_A = 32768, /* first of each side, and how many */
	PORTS_B = 5000,
	PORTS_B_COUNT = 1000,
	WINDOW_SHIFT = 14,
	TTL = 64,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PAYLOAD_BYTE = 0x5a,
};

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static uint32_t sum_words(const uint8_t *at, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	if (len & 1)
		sum += (uint32_t)at[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void write_mac(uint8_t *at, bool is_b, uint32_t pair)
{
	const uint8_t mac[6] = { 0x52,         0x54, 0, is_b ? 0x0b : 0x0a, (uint8_t)(pair >> 8),
				 (uint8_t)pair };

	memcpy(at, mac, sizeof(mac));
}

static void write_ethernet(const struct flow_shape *s, uint32_t pair, uint8_t *f)
{
	write_mac(f, !s->is_backward, pair);
	write_mac(f + 6, s->is_backward, pair);
	put16(f + 12, 0x0800);
}

static void write_ipv4(const struct flow_shape *s, uint32_t nr, uint32_t size, uint8_t *f)
{
	uint32_t a = 10u << 24 | nr;
	uint32_t b = 11u << 24 | nr % s->macs;

	f[IP] = 0x45;
	put16(f + IP + 2, size - IP);
	put16(f + IP + 6, 0x4000); /* not to be cut */
	f[IP + 8] = TTL;
	f[IP + 9] = s->is_tcp ? PROTO_TCP : PROTO_UDP;
	put32(f + IP_SRC, s->is_backward ? b : a);
	put32(f + IP_DST, s->is_backward ? a : b);
	put16(f + IP_SUM, fold(sum_words(f + IP, L4 - IP)));
}

static void write_ports(const struct flow_shape *s, uint32_t nr, uint8_t *f)
{
	uint32_t a = PORTS_A + ((nr * 7919u + s->port_shift) & 0x7fff);
	uint32_t b = PORTS_B + nr % PORTS_B_COUNT;

	put16(f + L4, s->is_backward ? b : a);
	put16(f + L4 + 2, s->is_backward ? a : b);
}

/* Over the pseudo header and the segment; payload beyond the head is PAYLOAD_BYTE throughout. */
static void sum_tcp(uint8_t *f, uint32_t size)
{
	uint32_t in_head = size < FLOW_HEAD ? size : FLOW_HEAD;
	uint32_t beyond = size - in_head;
	uint32_t sum = sum_words(f + IP_SRC, 8) + PROTO_TCP + (size - L4);

	put16(f + TCP_SUM, 0);
	sum += sum_words(f + L4, in_head - L4);
	sum += beyond / 2 * (PAYLOAD_BYTE << 8 | PAYLOAD_BYTE);
	if (beyond & 1)
		sum += PAYLOAD_BYTE << 8;
	put16(f + TCP_SUM, fold(sum));
}

void flow_write(const struct flow_shape *s, uint32_t nr, uint32_t seq, struct flow_head *out)
{
	uint8_t *f = out->bytes;

	memset(f, 0, L4);
	memset(f + L4, PAYLOAD_BYTE, FLOW_HEAD - L4);
	write_ethernet(s, nr % s->macs, f);
	write_ipv4(s, nr, s->size, f);
	write_ports(s, nr, f);
	if (!s->is_tcp) {
		put16(f + L4 + 4, s->size - L4);
		put16(f + L4 + 6, 0);
		return;
	}
	put32(f + TCP_SEQ, seq);
	put32(f + TCP_SEQ + 4, seq); /* both sides begin with the same number */
	put16(f + L4 + 12, 0x5000 | TCP_ACK | TCP_PSH);
	put16(f + L4 + 14, 0xffff);
	put16(f + L4 + 18, 0);
	put32(f + FLOW_PAYLOAD_TCP, ~seq);
	sum_tcp(f, s->size);
}

void flow_write_tcp(const struct flow_shape *s, uint32_t nr, uint8_t flags, uint32_t seq,
		    uint32_t ack, struct flow_head *out)
{
	static const uint8_t window_scale[] = { 3, 3, WINDOW_SHIFT, 1 }; /* RFC 7323, and a no-op */
	uint32_t header = flags & TCP_SYN ? 24 : 20;
	uint8_t *f = out->bytes;

	memset(f, 0, FLOW_HEAD);
	write_ethernet(s, nr % s->macs, f);
	write_ipv4(s, nr, L4 + header, f);
	write_ports(s, nr, f);
	put32(f + TCP_SEQ, seq);
	put32(f + TCP_SEQ + 4, ack);
	put16(f + L4 + 12, header / 4 << 12 | flags);
	put16(f + L4 + 14, 0xffff);
	if (flags & TCP_SYN)
		memcpy(f + FLOW_PAYLOAD_TCP, window_scale, sizeof(window_scale));
	sum_tcp(f, L4 + header);
}

void flow_write_arp(const struct flow_shape *s, uint32_t pair, struct flow_head *out)
{
	static const uint8_t request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint32_t ip = (s->is_backward ? 11u : 10u) << 24 | pair;
	uint8_t *f = out->bytes;

	memset(f, 0, FLOW_HEAD);
	memset(f, 0xff, 6);
	write_mac(f + 6, s->is_backward, pair);
	put16(f + 12, 0x0806);
	memcpy(f + 14, request, sizeof(request));
	write_mac(f + 22, s->is_backward, pair);
	put32(f + 28, ip);
	put32(f + 38, ip);
}

uint32_t flow_of(const uint8_t *frame, uint32_t len)
{
	const uint8_t *a = frame + IP_SRC;

	if (len < L4 || frame[12] != 0x08 || frame[13] != 0)
		return UINT32_MAX;
	if (a[0] != 10)
		a = frame + IP_DST;
	if (a[0] != 10)
		return UINT32_MAX;
	return (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
}

/* Fisher and Yates, with a generator whose state is one number. */
static void shuffle(uint32_t *order, uint32_t count)
{
	uint64_t state = 88172645463325252u;

	for (uint32_t i = count; i > 1; i--) {
		uint32_t other;
		uint32_t was = order[i - 1];

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		other = (uint32_t)(state % i);
		order[i - 1] = order[other];
		order[other] = was;
	}
}

struct flow_head *flow_table(const struct flow_shape *s, uint32_t count)
{
	struct flow_head *table = aligned_alloc(FLOW_HEAD, count * sizeof(*table));
	uint32_t *order = calloc(count, sizeof(*order));

	if (!table || !order) {
		free(table);
		free(order);
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	shuffle(order, count);
	for (uint32_t i = 0; i < count; i++)
		flow_write(s, order[i], 1, &table[i]);
	free(order);
	return table;
}

void flow_renumber(struct flow_head *h, uint64_t serial)
{
	uint8_t *f = h->bytes;

	put16(f + L4, PORTS_A + (uint32_t)(serial >> 30 & 0x7fff));
	put16(f + L4 + 2, PORTS_B + (uint32_t)(serial >> 20 & 0x1ff));
	put32(f + IP_SRC, 10u << 24 | (serial & 0xfffff));
	put16(f + IP_SUM, 0);
	put16(f + IP_SUM, fold(sum_words(f + IP, L4 - IP)));
}
