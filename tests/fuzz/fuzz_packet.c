/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/*
 * A hostile guest's frame through all of core/packet.
 *
 * Input: how many bytes are linear; how large the lent runs are; a byte of switches; a
 * virtio-net header of 12 bytes; the frame.  Whatever it is: offsets lie within what may be
 * read, facts do not depend on runs, parsing again changes nothing, and every byte comes back.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "packet/headers.h"
#include "packet/lane.h"
#include "packet/probe.h"
#include "packet/reason.h"
#include "packet/slow.h"

enum { PREFIX = 3 + VNET_BYTES, LENT_MAX = 600, TAGGED = 1, CLONED = 2, OWNED = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pool *pool;

/* Anybody may answer a probe, or claim to be a switch with LACP. */
static void look_for_answers(const struct packet *p)
{
	const struct probe_target targets[] = { { .is_set = true },
						{ .is_set = true, .is_ipv6 = true } };

	if (packet_is_slow(p))
		assert(p->x.linear >= 14);
	for (uint32_t i = 0; i < 2; i++) {
		if (packet_is_answer(p, &targets[i], p->x.data))
			assert(p->x.linear >= 42 && !(p->x.flags & XVS_PKT_BAD));
	}
}

static void assert_facts(const struct packet *p, uint16_t bad)
{
	assert(p->x.linear <= p->x.len);
	assert(!!bad == !!(p->x.flags & XVS_PKT_BAD));
	assert(!(p->x.flags & XVS_PKT_DIRTY));
	assert(p->x.l3_off <= p->x.linear || bad);
	if (p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6)) {
		assert(p->x.l4_off <= p->x.linear && p->x.l4_off > p->x.l3_off);
		assert(packet_l3_end(p) <= p->x.len && packet_l3_end(p) >= p->x.l4_off);
	}
	if (p->x.flags & XVS_PKT_L4) {
		assert(!(p->x.flags & XVS_PKT_LATER));
		assert(p->x.l4_off + 8u <= p->x.linear);
	}
	if (!bad && p->x.gso_type) {
		assert(p->x.flags & XVS_PKT_L4 && p->x.flags & XVS_PKT_CSUM_TODO);
		assert(packet_payload_off(p) <= p->x.linear);
	}
	if (!bad && p->x.flags & XVS_PKT_CSUM_TODO)
		assert(p->x.csum_start == p->x.l4_off && p->x.csum_off < 20);
	look_for_answers(p);
}

static void assert_runs(const struct packet *p)
{
	uint64_t len = 0;

	for (uint32_t i = 0; i < packet_runs(p); i++)
		len += packet_run(p, i).iov_len;
	assert(len == p->x.len);
}

static void parse_again(struct packet *p)
{
	struct xvs_packet before = p->x;
	uint16_t bad;

	if (p->x.flags & XVS_PKT_BAD)
		return;
	p->x.flags |= XVS_PKT_DIRTY;
	packet_parse(p, &bad);
	assert(bad == 0);
	assert(p->x.len == before.len && p->x.hash == before.hash);
	assert(p->x.flags == before.flags && p->x.l3_off == before.l3_off &&
	       p->x.l4_off == before.l4_off);
}

static void cut(const struct packet *p)
{
	static struct packet *out[SEGMENTS_MAX];
	int count = packet_segment(p, out, SEGMENTS_MAX);
	uint16_t bad;

	if (!(p->x.flags & XVS_PKT_BAD) && p->x.gso_type)
		assert(count > 0);
	for (int i = 0; i < count; i++) {
		assert_runs(out[i]);
		packet_parse(out[i], &bad);
		assert(bad == 0);
		packet_free(out[i]);
	}
}

/* Writes the frame's own bytes over its header fields: any value may come. */
static void rewrite(struct packet *p, const uint8_t *data, size_t size)
{
	struct xvs_flow_key set = { 0 }, mask, key;

	memset(&mask, 0xff, sizeof(mask));
	memcpy(&set, data, size < sizeof(set) ? size : sizeof(set));
	assert(packet_rewrite(p, &set, &mask) == 0);
	packet_key(p, 1, &key);
	assert(p->x.linear < ETHER_BYTES || memcmp(key.eth_dst, set.eth_dst, 12) == 0);
	assert_runs(p);
	parse_again(p);
}

static void use(struct packet *p, const uint8_t *data, size_t size)
{
	uint8_t header[VNET_BYTES], tag[4], last;
	struct iovec iov[LENT_MAX + 4];
	struct xvs_flow_key key;

	packet_key(p, 1, &key);
	parse_again(p);
	cut(p);
	rewrite(p, data, size);
	if (!(p->x.flags & XVS_PKT_BAD))
		vnet_write(p, header, VNET_BYTES, p->x.flags & XVS_PKT_VLAN ? 4 : 0);
	(void)packet_wire_iov(p, tag, iov, LENT_MAX + 4);
	(void)packet_checksum(p);
	assert(p->x.len == 0 || packet_read(p, p->x.len - 1, &last, 1));
	(void)packet_pull(p, p->x.len / 2);
	assert_runs(p);
}

/* Lends the bytes behind 'linear' in runs of 'step', from memory that ends where they end. */
static struct packet *receive(const uint8_t *frame, uint32_t len, uint32_t linear, uint32_t step)
{
	static struct iovec runs[LENT_MAX];
	static uint8_t memory[PACKET_MAX];
	struct packet *p = packet_new(pool);
	uint8_t *lent = memory + sizeof(memory) - len;
	uint32_t count = 0;

	assert(p);
	linear = linear < len ? linear : len;
	lent += linear;
	memcpy(p->x.data, frame, linear);
	memcpy(lent, frame + linear, len - linear);
	for (uint32_t at = 0; at < len - linear; at += step)
		runs[count++] =
			(struct iovec){ lent + at,
					len - linear - at < step ? len - linear - at : step };
	p->x.linear = linear;
	p->x.len = len;
	p->tail = runs;
	p->tail_count = (uint16_t)count;
	return p;
}

static void run(const uint8_t *data, size_t size, uint32_t linear, uint32_t step)
{
	struct packet *p = receive(data + PREFIX, (uint32_t)(size - PREFIX), linear, step);
	struct packet *clone = NULL;
	uint16_t bad;

	if (data[2] & TAGGED) {
		p->x.flags = XVS_PKT_VLAN;
		p->x.vlan_tci = 100;
	}
	if (!vnet_read(p, data + 3, VNET_BYTES)) {
		packet_free(p);
		return;
	}
	packet_parse(p, &bad);
	assert_facts(p, bad);
	if (data[2] & OWNED)
		assert(packet_own(p) == 0);
	if (data[2] & CLONED)
		clone = packet_clone(p);
	use(p, data, size);
	packet_free(p);
	if (clone) {
		use(clone, data, size);
		packet_free(clone);
	}
}

/* The hash of what is left of the packet must not tell how it came in. */
static uint32_t hash_of(const uint8_t *data, size_t size, uint32_t linear, uint32_t step)
{
	struct packet *p = receive(data + PREFIX, (uint32_t)(size - PREFIX), linear, step);
	uint16_t bad;
	uint32_t hash;

	packet_parse(p, &bad);
	hash = bad ? bad : p->x.hash;
	packet_free(p);
	return hash;
}

/* A lane and the parser, of the same packet: facts, bytes and key are the same. */
static void race(const uint8_t *data, size_t size, lane_batch lane)
{
	struct packet *slow = receive(data + PREFIX, (uint32_t)(size - PREFIX), PACKET_PARSE, 4096);
	struct packet *fast = packet_new(pool);
	struct arrivals a = { .port = 1, .count = 1 };
	struct xvs_flow_key keys[2] __attribute__((aligned(64)));
	uint16_t bad[2];

	assert(fast);
	memcpy(fast->x.data, slow->x.data, slow->x.linear);
	fast->x.linear = slow->x.linear;
	fast->x.len = slow->x.len;
	fast->tail = slow->tail;
	fast->tail_count = slow->tail_count;
	slow->x.port_in = 1;
	if (vnet_read(slow, data + 3, VNET_BYTES) && vnet_read(fast, data + 3, VNET_BYTES)) {
		packet_parse(slow, &bad[0]);
		lane(&fast, &a, &keys[1], &bad[1]);
		assert(bad[0] == bad[1]);
		assert(memcmp(&slow->x.len, &fast->x.len,
			      offsetof(struct xvs_packet, host) -
				      offsetof(struct xvs_packet, len)) == 0);
		assert(memcmp(slow->x.data, fast->x.data, slow->x.linear) == 0);
		packet_key(slow, 1, &keys[0]);
		assert(bad[0] || memcmp(&keys[0], &keys[1], sizeof(keys[0])) == 0);
	}
	packet_free(slow);
	packet_free(fast);
}

static void start(void)
{
	struct pool_limits limits = { .packets = 1100, .small = 1100, .large = 1100 };

	hash_start();
	pool = pool_create(&limits);
	if (!pool)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t step;

	if (!pool)
		start();
	if (size < PREFIX || size > PACKET_MAX + PREFIX)
		return 0;
	step = data[1] + 1u;
	if ((size - PREFIX) / step >= LENT_MAX)
		step = PACKET_MAX / (LENT_MAX - 1) + 1;
	run(data, size, data[0], step);
	assert(hash_of(data, size, data[0], step) == hash_of(data, size, 0, step));
	race(data, size, lane_plain);
	if (lane_has_avx512())
		race(data, size, lane_avx512);
	assert(pool_packets_left(pool) == 1100 && pool_small_left(pool) == 1100 &&
	       pool_large_left(pool) == 1100);
	return 0;
}
