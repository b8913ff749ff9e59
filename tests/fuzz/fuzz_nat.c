/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_nat xvs_packet xvs_base */
/*
 * Hostile frames through translation, both ways: nothing is read or written outside of a packet, a
 * right IPv4 header checksum stays right, and the table stays within its bounds.
 *
 * Input: runs of (a byte of switches, two bytes of length, a frame).
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "nat/nat.h"
#include "packet/sum.h"

enum { INWARD = 1, LINEAR_SHIFT = 1, CSUM = 128, FRAME_MAX = 400, SESSIONS = 64 };
static const uint32_t OUTSIDE = 0xcb007105;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pool *pool;
static struct nat_table *t;

static struct nat_table *table_create(void)
{
	struct xvs_error err = ERROR_INIT;
	struct nat_rules *r = nat_rules_create(1);
	struct nat_table *table;

	r->timeouts = (struct nat_timeouts){ 1000, 1000, 1000, 1000 };
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ OUTSIDE, 1024, 1100 };
	r->forwards[0] = (struct nat_forward){ .outside = OUTSIDE,
					       .inside = 0x0a000001,
					       .outside_port = 80,
					       .inside_port = 8080,
					       .proto = PROTO_TCP };
	assert(nat_table_create(SESSIONS, &table, &err) == 0);
	assert(nat_table_configure(table, r) == 0);
	return table;
}

static bool header_is_right(const struct packet *p)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;

	return sum_fold(sum_bytes(ip, (ip[0] & 0xfu) * 4)) == 0xffff;
}

static void translate_error(struct packet *p, bool inward)
{
	struct nat_answer a;
	struct nat_quote q;

	if (!nat_quote_of(p, &q))
		return;
	if (inward ? nat_quoted_inward(t, &q.view, &a) : nat_quoted_outward(t, &q.view, &a))
		nat_rewrite_quote(p, &q, inward ? NAT_SOURCE : NAT_DESTINATION, a.address, a.port);
	else
		nat_rewrite_quote(p, &q, inward ? NAT_SOURCE : NAT_DESTINATION, OUTSIDE, 9);
}

static void translate(struct packet *p, bool inward, const struct nat_moment *m)
{
	bool was_right = header_is_right(p);
	struct nat_answer a;
	struct nat_view v;
	enum nat_kind kind = nat_view_of(p, &v);

	if (packet_unshare(p) != 0 || kind == NAT_OTHER)
		return;
	if (kind == NAT_ERROR)
		translate_error(p, inward);
	else if (kind == NAT_FLOW && (inward ? nat_inward(t, &v, m, p->x.len, &a)
					     : nat_outward(t, &v, m, p->x.len, &a)))
		nat_rewrite(p, inward ? NAT_DESTINATION : NAT_SOURCE, a.address, a.port);
	else
		nat_rewrite_address(p, NAT_SOURCE, OUTSIDE);
	(void)nat_take_hop(p);
	assert(header_is_right(p) == was_right);
}

static void one(uint8_t how, const uint8_t *frame, uint32_t len, const struct nat_moment *m)
{
	uint32_t linear = (how >> LINEAR_SHIFT & 63) * 4u;
	struct packet *p = packet_new(pool);
	struct iovec rest;
	uint16_t bad = 0;

	linear = linear < len ? linear : len;
	memcpy(p->x.data, frame, linear);
	rest = (struct iovec){ (uint8_t *)(uintptr_t)frame + linear, len - linear };
	p->x.len = len;
	p->x.linear = linear;
	p->tail = &rest;
	p->tail_count = 1;
	if (how & CSUM && len > 54) {
		p->x.flags |= XVS_PKT_CSUM_TODO;
		p->x.csum_start = 34;
		p->x.csum_off = 16;
	}
	packet_parse(p, &bad);
	if (!(p->x.flags & XVS_PKT_BAD) && p->x.flags & XVS_PKT_IPV4)
		translate(p, how & INWARD, m);
	packet_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pool_limits limits = { .packets = 4, .small = 4, .large = 2 };
	uint64_t random = 88172645463325252u;
	struct nat_moment m = { NS_PER_S, &random };
	struct nat_stats stats;

	if (!pool) {
		hash_start();
		pool = pool_create(&limits);
		t = table_create();
	}
	(void)nat_flush(t, 0);
	while (size > 3) {
		uint8_t how = data[0];
		uint32_t len = get_be16(data + 1) % FRAME_MAX;

		data += 3;
		size -= 3;
		len = len < size ? len : (uint32_t)size;
		one(how, data, len, &m);
		data += len;
		size -= len;
		m.now_ns += 100 * (uint64_t)NS_PER_MS;
		nat_sweep(t, m.now_ns);
	}
	nat_table_stats(t, &stats);
	assert(stats.sessions <= SESSIONS && stats.opened - stats.ended == stats.sessions);
	return 0;
}
