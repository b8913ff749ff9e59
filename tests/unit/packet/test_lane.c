/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
/* Fast lanes beside the parser: nobody may be able to tell which way a packet took. */
#include "frames.h"

#include "base/hash.h"
#include "packet/headers.h"
#include "packet/lane.h"

enum { ROUNDS = 12000, PORT = 77, NOW = 123456789 };

static struct pool *pool;
static struct frame frame;

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

/* What a port says of a packet beside its bytes. */
struct offer {
	uint32_t len, linear, flags;
	uint16_t tci, gso_size, csum_start, csum_off;
	uint8_t gso_type;
};

static struct packet *offered(const struct offer *o, struct lent *lent)
{
	struct packet *p = lend(pool, lent, frame.bytes, o->len, o->linear);

	p->x.flags = o->flags;
	p->x.vlan_tci = o->tci;
	p->x.gso_type = o->gso_type;
	p->x.gso_size = o->gso_size;
	p->x.csum_start = o->csum_start;
	p->x.csum_off = o->csum_off;
	return p;
}

/* Every byte of the public part but the two pointers, and the bytes that they lead to. */
static void assert_same_packet(const struct packet *a, const struct packet *b)
{
	assert_memory_equal(&a->x.len, &b->x.len,
			    offsetof(struct xvs_packet, host) - offsetof(struct xvs_packet, len));
	if (a->x.linear)
		assert_memory_equal(a->x.data, b->x.data, a->x.linear);
	assert_int_equal(a->x.data - a->head, b->x.data - b->head);
}

static void compare(const struct offer *o, lane_batch lane)
{
	static struct lent lent[2];
	struct packet *slow = offered(o, &lent[0]);
	struct packet *fast = offered(o, &lent[1]);
	struct arrivals a = { .port = PORT, .segment = 5, .count = 1, .now_ns = NOW };
	struct xvs_flow_key keys[2] __attribute__((aligned(64)));
	uint16_t reasons[2] = { 999, 999 };

	slow->x.port_in = PORT;
	slow->x.rx_ns = NOW;
	packet_parse(slow, &reasons[0]);
	lane(&fast, &a, &keys[1], &reasons[1]);
	assert_int_equal(reasons[1], reasons[0]);
	assert_same_packet(fast, slow);
	assert_int_equal(fast->segment, a.segment);
	assert_int_equal(a.flags, slow->x.flags);
	assert_int_equal(a.bytes, o->len);
	assert_int_equal(a.bad, reasons[0] != REASON_NONE);
	assert_int_equal(a.casts, slow->x.linear >= 6 && slow->x.data[0] & 1);
	if (!reasons[0]) {
		packet_key(slow, PORT, &keys[0]);
		assert_memory_equal(&keys[0], &keys[1], sizeof(keys[0]));
	}
	packet_free(slow);
	packet_free(fast);
}

/* Mostly what lanes take, and everything beside it. */
static void random_shape(struct shape *s)
{
	static const uint8_t protos[] = { 6, 17, 6, 17, 6, 17, 1, 58, 132, 47 };

	*s = (struct shape){ .is_v6 = random_below(2),
			     .proto = protos[random_below(sizeof(protos))],
			     .payload = random_below(random_below(8) ? 40 : 400),
			     .padding = (uint16_t)(random_below(2) ? random_below(20) : 0) };
	if (random_below(3) == 0)
		s->tags = (uint8_t)random_below(4);
	if (random_below(8) == 0)
		s->ip_options = (uint8_t)random_below(4);
	if (random_below(4) == 0)
		s->tcp_options = (uint8_t)random_below(11);
	if (random_below(8) == 0)
		s->more = true;
	if (random_below(16) == 0)
		s->fragment = (uint16_t)random_below(100);
}

static void random_offer(struct offer *o, const struct shape *s)
{
	static const uint32_t flags[] = { XVS_PKT_VLAN,
					  XVS_PKT_VLAN | XVS_PKT_SVLAN,
					  XVS_PKT_SVLAN,
					  XVS_PKT_CSUM_OK,
					  XVS_PKT_INJECTED,
					  XVS_PKT_DRY,
					  XVS_PKT_IPV4 | XVS_PKT_OPTIONS,
					  XVS_PKT_SHARED };
	static const uint8_t gso[] = { GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, GSO_TCPV4 | GSO_ECN };

	*o = (struct offer){ .len = random_below(8) ? frame.len : random_below(frame.len + 1),
			     .linear = random_below(4) ? PACKET_HEAD : random_below(PACKET_HEAD) };
	if (random_below(4) == 0) {
		o->flags |= XVS_PKT_CSUM_TODO;
		o->csum_start = (uint16_t)(random_below(4) ? frame.l4 : random_below(80));
		o->csum_off = (uint16_t)(random_below(4) ? sum_place(s->proto) : random_below(20));
	}
	if (random_below(8) == 0)
		o->flags |= flags[random_below(sizeof(flags) / sizeof(flags[0]))];
	if (o->flags & XVS_PKT_VLAN)
		o->tci = (uint16_t)random_below(65536);
	if (random_below(16) == 0) {
		o->gso_type = gso[random_below(sizeof(gso))];
		o->gso_size = (uint16_t)random_below(100);
	}
}

static void mutate(void)
{
	uint32_t times = random_below(3) ? 0 : 1 + random_below(3);

	while (times-- > 0)
		frame.bytes[random_below(frame.len < 90 ? frame.len : 90)] =
			(uint8_t)random_below(256);
	if (random_below(8) == 0)
		frame.bytes[0] |= 1;
	if (random_below(16) == 0 && frame.l3 > 14)
		put_be16(frame.bytes + 14, (uint16_t)(0xe000 | random_below(2)));
}

static void compare_many(lane_batch lane)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct shape s;
		struct offer o;

		random_shape(&s);
		build(&frame, &s);
		random_offer(&o, &s);
		mutate();
		compare(&o, lane);
	}
}

static void the_plain_lane_says_what_the_parser_says(void **state)
{
	(void)state;
	compare_many(lane_plain);
}

static void the_lane_of_registers_says_what_the_parser_says(void **state)
{
	(void)state;
	if (!lane_has_avx512())
		skip();
	compare_many(lane_avx512);
}

static void the_chosen_lane_says_what_the_parser_says(void **state)
{
	(void)state;
	compare_many(packet_parse_batch);
}

/* Bits count in the batch: which are bad, and which went to groups. */
static void a_batch_keeps_packets_apart(void **state)
{
	static struct lent lent[64];
	struct packet *pkts[64];
	struct xvs_flow_key keys[64] __attribute__((aligned(64)));
	uint16_t reasons[64];
	struct arrivals a = { .port = PORT, .count = 64, .now_ns = NOW };
	uint64_t bytes = 0;

	(void)state;
	build(&frame, &(struct shape){ .proto = 17, .payload = 30 });
	for (uint32_t i = 0; i < 64; i++) {
		struct offer o = { .len = i % 5 == 0 ? 40 : frame.len, .linear = PACKET_HEAD };

		frame.bytes[0] = (uint8_t)(i % 3 == 0);
		frame.bytes[35] = (uint8_t)i;
		pkts[i] = offered(&o, &lent[i]);
		bytes += o.len;
	}
	packet_parse_batch(pkts, &a, keys, reasons);
	assert_int_equal(a.bytes, bytes);
	for (uint32_t i = 0; i < 64; i++) {
		assert_int_equal(a.bad >> i & 1, i % 5 == 0);
		assert_int_equal(reasons[i] != 0, i % 5 == 0);
		assert_int_equal(a.casts >> i & 1, i % 3 == 0);
		if (i % 5)
			assert_int_equal(keys[i].l4_src >> 8, i);
		packet_free(pkts[i]);
	}
}

/* The hash is that of the parser whichever way round the packet is. */
static void both_directions_hash_alike(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		static struct lent lent[2];
		struct packet *pkts[2];
		struct xvs_flow_key keys[2] __attribute__((aligned(64)));
		uint16_t reasons[2];
		struct arrivals a = { .port = PORT, .count = 2 };
		struct offer o = { .linear = PACKET_HEAD };
		uint32_t at = v6 ? 8 : 12, bytes = v6 ? 16 : 4;
		uint8_t address[16];

		build(&frame, &(struct shape){ .proto = 6, .is_v6 = v6 });
		o.len = frame.len;
		pkts[0] = offered(&o, &lent[0]);
		memcpy(address, frame.bytes + frame.l3 + at, bytes);
		memcpy(frame.bytes + frame.l3 + at, frame.bytes + frame.l3 + at + bytes, bytes);
		memcpy(frame.bytes + frame.l3 + at + bytes, address, bytes);
		put_be16(frame.bytes + frame.l4, 443);
		put_be16(frame.bytes + frame.l4 + 2, 40000);
		pkts[1] = offered(&o, &lent[1]);
		packet_parse_batch(pkts, &a, keys, reasons);
		assert_int_equal(pkts[0]->x.hash, pkts[1]->x.hash);
		packet_free(pkts[0]);
		packet_free(pkts[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
		TEST(the_plain_lane_says_what_the_parser_says),
		TEST(the_lane_of_registers_says_what_the_parser_says),
		TEST(the_chosen_lane_says_what_the_parser_says),
		TEST(a_batch_keeps_packets_apart),
		TEST(both_directions_hash_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
