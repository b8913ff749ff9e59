/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/frames.c - headers are written one behind the other; checksums that are missing are zero. */
#include "frames.h"

#include <string.h>

enum {
	ETHERNET = 14,
	TAG = 4,
	IPV4 = 20,
	IPV6 = 40,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMPV6 = 58,
};

uint64_t frame_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(frame_random(state) % n);
}

void frame_mac(unsigned host, uint8_t out[6])
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, (uint8_t)(host + 1) };

	memcpy(out, mac, sizeof(mac));
}

static void put16(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

static uint16_t sum16(const uint8_t *bytes, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

struct making {
	uint64_t *state;
	unsigned from, to;
	uint32_t payload;
};

static uint16_t some_port(uint64_t *state)
{
	static const uint16_t ports[] = { 22,  23,  25,  53,  67,   68,   80,
					  123, 443, 546, 547, 4789, 6653, 8080 };
	const uint32_t n = sizeof(ports) / sizeof(ports[0]);
	const uint32_t choice = below(state, n + 3);

	return choice < n ? ports[choice] : (uint16_t)frame_random(state);
}

static uint32_t put_l4(const struct making *m, uint8_t *at, uint8_t proto)
{
	const uint32_t header = proto == PROTO_TCP ? 20 : 8;

	memset(at, 0, header);
	put16(at, proto == PROTO_ICMP || proto == PROTO_ICMPV6 ? 0 : some_port(m->state));
	if (proto == PROTO_ICMP)
		at[0] = 8;
	else if (proto == PROTO_ICMPV6)
		at[0] = (uint8_t)(128 + below(m->state, 10)); /* echo, and neighbour discovery */
	else
		put16(at + 2, some_port(m->state));
	if (proto == PROTO_TCP) {
		static const uint8_t flags[] = { 0x02, 0x12, 0x10, 0x18, 0x11, 0x04 };

		put16(at + 6, below(m->state, 65536));
		at[12] = 5 << 4;
		at[13] = flags[below(m->state, sizeof(flags))];
		put16(at + 14, 65535);
	} else if (proto == PROTO_UDP) {
		put16(at + 4, header + m->payload);
	}
	for (uint32_t i = 0; i < m->payload; i++)
		at[header + i] = (uint8_t)i;
	return header + m->payload;
}

static uint32_t put_ipv4(const struct making *m, uint8_t *at)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_ICMP };
	const uint8_t proto = protos[below(m->state, sizeof(protos))];
	const uint32_t len = put_l4(m, at + IPV4, proto);
	const uint8_t head[IPV4] = { 0x45, 0,     0, 0,
				     0,    1,     0, 0,
				     64,   proto, 0, 0,
				     10,   0,     0, (uint8_t)(m->from + 1),
				     10,   0,     0, (uint8_t)(m->to + 1) };

	memcpy(at, head, sizeof(head));
	put16(at + 2, IPV4 + len);
	if (below(m->state, 16) == 0)
		put16(at + 6, below(m->state, 2) ? 0x2000 : 0x0010); /* first and later fragments */
	if (below(m->state, 8) == 0)
		at[1] = (uint8_t)(below(m->state, 64) << 2);
	put16(at + 10, sum16(at, IPV4));
	return IPV4 + len;
}

static uint32_t put_ipv6(const struct making *m, uint8_t *at)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV6 };
	const uint8_t proto = protos[below(m->state, sizeof(protos))];
	const uint32_t len = put_l4(m, at + IPV6, proto);

	memset(at, 0, IPV6);
	at[0] = 0x60;
	put16(at + 4, len);
	at[6] = proto;
	at[7] = 255;
	at[8] = 0xfd;
	at[23] = (uint8_t)(m->from + 1);
	at[24] = 0xfd;
	at[39] = (uint8_t)(m->to + 1);
	return IPV6 + len;
}

static uint32_t put_arp(const struct making *m, uint8_t *at)
{
	const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, (uint8_t)(1 + below(m->state, 2)) };

	memset(at, 0, 28);
	memcpy(at, head, sizeof(head));
	frame_mac(m->from, at + 8);
	at[14] = 10;
	at[17] = (uint8_t)(m->from + 1);
	at[24] = 10;
	at[27] = (uint8_t)(m->to + 1);
	return 28;
}

void frame_make(uint64_t *state, struct frame *out)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV4, ETHERTYPE_IPV4,
					  ETHERTYPE_IPV6, ETHERTYPE_ARP };
	const uint16_t type = types[below(state, sizeof(types) / sizeof(types[0]))];
	struct making m = { .state = state, .from = below(state, HOSTS) };
	uint8_t *at = out->bytes + ETHERNET;

	m.to = (m.from + 1 + below(state, HOSTS - 1)) % HOSTS;
	m.payload = below(state, 4) ? below(state, 64) : below(state, 1400);
	out->port = m.from;
	if (type == ETHERTYPE_ARP || below(state, 16) == 0)
		memset(out->bytes, 0xff, 6);
	else
		frame_mac(m.to, out->bytes);
	frame_mac(m.from, out->bytes + 6);
	if (below(state, 16) == 0) { /* priority-tagged */
		put16(at - 2, ETHERTYPE_VLAN);
		put16(at, below(state, 8) << 13);
		at += TAG;
	}
	put16(at - 2, type);
	if (type == ETHERTYPE_IPV4)
		at += put_ipv4(&m, at);
	else
		at += type == ETHERTYPE_IPV6 ? put_ipv6(&m, at) : put_arp(&m, at);
	out->len = (uint32_t)(at - out->bytes);
}

/* Behind the tag, if there is one. */
static const uint8_t *l3_of(const struct frame *f, uint32_t *type)
{
	const uint32_t tag = f->bytes[12] == ETHERTYPE_VLAN >> 8 ? TAG : 0;

	*type = (uint32_t)f->bytes[12 + tag] << 8 | f->bytes[13 + tag];
	return f->bytes + ETHERNET + tag;
}

bool frame_is_vital(const struct frame *f)
{
	enum { ROUTER_SOLICITATION = 133, REDIRECT = 137, NEXT_HEADER = 6 };
	uint32_t type;
	const uint8_t *l3 = l3_of(f, &type);

	return type == ETHERTYPE_ARP ||
	       (type == ETHERTYPE_IPV6 && l3[NEXT_HEADER] == PROTO_ICMPV6 &&
		l3[IPV6] >= ROUTER_SOLICITATION && l3[IPV6] <= REDIRECT);
}

bool frame_is_fragment(const struct frame *f)
{
	enum { FRAGMENT = 6, MORE = 0x20, OFFSET = 0x1f };
	uint32_t type;
	const uint8_t *l3 = l3_of(f, &type);

	return type == ETHERTYPE_IPV4 && ((l3[FRAGMENT] & (MORE | OFFSET)) || l3[FRAGMENT + 1]);
}

void frame_mutate(uint64_t *state, struct frame *f)
{
	const uint32_t what = below(state, 8);

	if (what == 0)
		f->len = 1 + below(state, f->len);
	else if (what == 1 && f->len < FRAME_ROOM - 64)
		f->len += below(state, 64);
	for (uint32_t n = below(state, 6); n > 0; n--) {
		/* headers are where it matters */
		const uint32_t some = f->len < 80 || below(state, 8) == 0 ? f->len : 80;

		f->bytes[below(state, some)] ^= (uint8_t)(1u << below(state, 8));
	}
	if (what == 2)
		f->bytes[below(state, f->len)] = (uint8_t)frame_random(state);
	if (what == 3 && f->len > 24)
		put16(f->bytes + 12 + 2 * below(state, 6), below(state, 65536));
}
