/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_nat xvs_packet xvs_base */
/*
 * Headers rewritten: every checksum is right when it is computed anew from all bytes, partial ones
 * and those inside ICMP errors too.
 */
#include <stdlib.h>

#include "../packet/frames.h"
#include "base/clock.h"
#include "base/hash.h"
#include "nat/nat.h"
#include "nat/neighbour.h"
#include "packet/sum.h"

enum { ROUNDS = 3000 };
static const uint32_t NEW_ADDRESS = 0xcb007105;

static struct frame frame;
static struct lent lent;
static struct pool *pool;

static int start(void **state)
{
	(void)state;
	hash_start();
	pool = full_pool();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	finish_pool(pool);
	return 0;
}

static struct packet *parsed(uint32_t linear)
{
	struct packet *p = lend(pool, &lent, frame.bytes, frame.len, linear);
	uint16_t bad = 0;

	packet_parse(p, &bad);
	assert_int_equal(bad, 0);
	return p;
}

static void assert_sums(const struct packet *p, uint8_t proto)
{
	static uint8_t bytes[FRAME_MAX];

	assert_true(packet_read(p, 0, bytes, p->x.len));
	assert_int_equal(naive_add(0, bytes + frame.l3, frame.l4 - frame.l3), 0xffff);
	if (proto && !(proto == 17 && get_be16(bytes + frame.l4 + 6) == 0))
		assert_true(l4_sum_is_right(bytes, frame.l3, frame.l4, frame.ip_end, proto));
}

static void keeps_checksums_right(void **state)
{
	static const uint8_t protos[] = { 6, 17, 1 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct shape s = { .proto = protos[random_below(3)],
				   .ip_options = (uint8_t)random_below(4),
				   .without_udp_sum = random_below(4) == 0,
				   .payload = random_below(300) };
		enum nat_side side = random_below(2) ? NAT_SOURCE : NAT_DESTINATION;
		uint16_t port = (uint16_t)random_below(65536);
		struct nat_view v;
		struct packet *p;

		build(&frame, &s);
		if (s.proto == 1) {
			frame.bytes[frame.l4] = side == NAT_SOURCE ? 8 : 0;
			fill_l4_sum(&frame, 1);
		}
		p = parsed(128);
		assert_int_equal(packet_unshare(p), 0);
		nat_rewrite(p, side, NEW_ADDRESS, port);
		assert_true(nat_take_hop(p));
		assert_sums(p, s.proto);
		assert_int_equal(nat_view_of(p, &v), NAT_FLOW);
		assert_int_equal(side == NAT_SOURCE ? v.src : v.dst, NEW_ADDRESS);
		assert_int_equal(side == NAT_SOURCE ? v.src_port : v.dst_port, port);
		packet_free(p);
	}
}

/* What is filled in later comes out right: the field holds the sum of the pseudo header. */
static void keeps_partial_checksums_right(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct shape s = { .proto = random_below(2) ? 6 : 17,
				   .payload = 8 + random_below(99) };
		struct packet *p;
		uint16_t partial;

		build(&frame, &s);
		p = parsed(128);
		assert_int_equal(packet_unshare(p), 0);
		partial = sum_fold(sum_pseudo(p, frame.ip_end - frame.l4));
		memcpy(p->x.data + packet_sum_place(p), &partial, 2);
		p->x.flags |= XVS_PKT_CSUM_TODO;
		p->x.csum_start = p->x.l4_off;
		p->x.csum_off = s.proto == 6 ? 16 : 6;
		nat_rewrite(p, NAT_SOURCE, NEW_ADDRESS, (uint16_t)random_below(65536));
		assert_int_equal(packet_checksum(p), 0);
		assert_sums(p, s.proto);
		packet_free(p);
	}
}

static void leaves_the_ports_of_later_fragments(void **state)
{
	struct shape s = { .proto = 17, .fragment = 64, .payload = 64 };
	struct nat_view v;
	struct packet *p;

	(void)state;
	build(&frame, &s);
	p = parsed(128);
	assert_int_equal(packet_unshare(p), 0);
	assert_int_equal(nat_view_of(p, &v), NAT_LATER);
	nat_rewrite(p, NAT_DESTINATION, NEW_ADDRESS, 7);
	assert_sums(p, 0);
	assert_memory_equal(p->x.data + frame.l4, frame.bytes + frame.l4, 16);
	packet_free(p);
}

static void ends_at_the_last_hop(void **state)
{
	struct shape s = { .proto = 17, .payload = 8 };
	struct packet *p;

	(void)state;
	build(&frame, &s);
	frame.bytes[frame.l3 + 8] = 1;
	p = parsed(128);
	assert_false(nat_take_hop(p));
	assert_int_equal(p->x.data[p->x.l3_off + 8], 1);
	packet_free(p);
}

/* An error that quotes 'quoted' bytes of an earlier frame, with its checksums as they were. */
static void build_error(uint8_t proto, uint32_t quoted)
{
	static struct frame inner;
	struct shape of = { .proto = proto, .payload = 64 };
	struct shape s = { .proto = 1 };

	build(&inner, &of);
	if (proto == 1) {
		inner.bytes[inner.l4] = 8;
		fill_l4_sum(&inner, 1);
	}
	s.payload = quoted;
	build(&frame, &s);
	frame.bytes[frame.l4] = 3;
	frame.bytes[frame.l4 + 1] = 1;
	memcpy(frame.bytes + frame.l4 + 8, inner.bytes + inner.l3, quoted);
	fill_l4_sum(&frame, 1);
}

static void translates_what_errors_quote(void **state)
{
	static const uint8_t protos[] = { 6, 17, 1 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		uint8_t proto = protos[random_below(3)];
		enum nat_side side = proto == 1 || random_below(2) ? NAT_SOURCE : NAT_DESTINATION;
		struct nat_quote q;
		struct packet *p;

		build_error(proto, 28 + 2 * random_below(20));
		p = parsed(random_below(2) ? 60 : 128);
		assert_true(nat_quote_of(p, &q));
		nat_rewrite_quote(p, &q, side, NEW_ADDRESS, 7777);
		nat_rewrite_address(p, NAT_DESTINATION, NEW_ADDRESS);
		assert_sums(p, 1);
		assert_int_equal(naive_add(0, p->x.data + q.ip, q.l4 - q.ip), 0xffff);
		assert_true(nat_quote_of(p, &q));
		assert_int_equal(side == NAT_SOURCE ? q.view.src : q.view.dst, NEW_ADDRESS);
		assert_int_equal(side == NAT_SOURCE ? q.view.src_port : q.view.dst_port, 7777);
		packet_free(p);
	}
}

static void refuses_quotations_that_are_none(void **state)
{
	struct nat_quote q;
	struct packet *p;

	(void)state;
	for (uint32_t quoted = 0; quoted < 28; quoted++) {
		build_error(17, quoted);
		p = parsed(128);
		assert_false(nat_quote_of(p, &q));
		packet_free(p);
	}
	build_error(17, 40);
	frame.bytes[frame.l4 + 8] = 0x4f; /* options that are not there */
	p = parsed(128);
	assert_false(nat_quote_of(p, &q));
	packet_free(p);
	build_error(17, 40);
	frame.bytes[frame.l4 + 8 + 7] = 9; /* a later fragment has no ports */
	p = parsed(128);
	assert_false(nat_quote_of(p, &q));
	packet_free(p);
}

static void leads_later_fragments_after_the_first(void **state)
{
	struct nat_fragments *f = nat_fragments_create();
	struct nat_answer a = { .address = NEW_ADDRESS, .port = 5 };
	struct shape s = { .proto = 17, .payload = 64 };
	struct nat_answer got;
	struct nat_view v;
	struct packet *p;

	(void)state;
	build(&frame, &s);
	p = parsed(128);
	(void)nat_view_of(p, &v);
	assert_false(nat_fragment_later(f, p, &v, NS_PER_S, &got));
	nat_fragment_first(f, p, &v, &a, NS_PER_S);
	assert_true(nat_fragment_later(f, p, &v, 2 * NS_PER_S, &got));
	assert_int_equal(got.address, NEW_ADDRESS);
	assert_false(nat_fragment_later(f, p, &v, 60 * NS_PER_S, &got));
	put_be16(p->x.data + p->x.l3_off + 4, 4711);
	assert_false(nat_fragment_later(f, p, &v, 2 * NS_PER_S, &got));
	packet_free(p);
	nat_fragments_destroy(f);
}

static void remembers_neighbours_for_a_while(void **state)
{
	struct nat_prefix prefix = { 0xc0a80a00, 0xffffff00 };
	struct nat_link *l = nat_link_create(prefix);
	struct nat_neighbour *n = nat_link_at(l, 0xc0a80a07);
	const uint64_t s = NS_PER_S;
	uint8_t mac[6];

	(void)state;
	assert_null(nat_link_at(l, 0xc0a80b07));
	assert_int_equal(nat_neighbour_get(n, 100 * s, mac), NEIGHBOUR_UNKNOWN);
	assert_true(nat_neighbour_ask(n, 100 * s));
	assert_false(nat_neighbour_ask(n, 100 * s + s / 2));
	assert_true(nat_neighbour_ask(n, 102 * s));
	nat_neighbour_heard(n, 103 * s, (const uint8_t[]){ 2, 1, 2, 3, 4, 0xf5 });
	assert_int_equal(nat_neighbour_get(n, 110 * s, mac), NEIGHBOUR_KNOWN);
	assert_memory_equal(mac, ((const uint8_t[]){ 2, 1, 2, 3, 4, 0xf5 }), 6);
	assert_int_equal(nat_neighbour_get(n, 170 * s, mac), NEIGHBOUR_OLD);
	assert_int_equal(nat_neighbour_get(n, 300 * s, mac), NEIGHBOUR_UNKNOWN);
	/* another worker's clock was read a moment earlier */
	assert_int_equal(nat_neighbour_get(n, 103 * s - s / 100, mac), NEIGHBOUR_KNOWN);
	assert_false(nat_neighbour_ask(n, 102 * s - s / 100));
	/* stamps go round in 52 days: half of that later is not before */
	assert_int_equal(nat_neighbour_get(n, 30 * 86400 * s, mac), NEIGHBOUR_UNKNOWN);
	assert_true(nat_neighbour_ask(n, 30 * 86400 * s));
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_checksums_right, start, finish),
		cmocka_unit_test_setup_teardown(keeps_partial_checksums_right, start, finish),
		cmocka_unit_test_setup_teardown(leaves_the_ports_of_later_fragments, start, finish),
		cmocka_unit_test_setup_teardown(ends_at_the_last_hop, start, finish),
		cmocka_unit_test_setup_teardown(translates_what_errors_quote, start, finish),
		cmocka_unit_test_setup_teardown(refuses_quotations_that_are_none, start, finish),
		cmocka_unit_test_setup_teardown(leads_later_fragments_after_the_first, start,
						finish),
		cmocka_unit_test_setup_teardown(remembers_neighbours_for_a_while, start, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
