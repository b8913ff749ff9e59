/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
#include <errno.h>

#include "base/hash.h"
#include "frames.h"
#include "packet/headers.h"
#include "packet/sum.h"

static struct frame frame;
static struct lent lent;
static struct pool *pool;
static struct packet *out[SEGMENTS_MAX];

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

/* Replaces the sum in the frame by that of the pseudo header, as guests do. */
static void leave_open(uint8_t proto)
{
	put_be16(frame.bytes + frame.l4 + sum_place(proto),
		 (uint16_t)naive_pseudo(frame.bytes + frame.l3, proto, frame.ip_end - frame.l4));
}

static void ask_sum(struct packet *p, uint32_t at, uint32_t off)
{
	p->x.flags |= XVS_PKT_CSUM_TODO;
	p->x.csum_start = (uint16_t)at;
	p->x.csum_off = (uint16_t)off;
}

/* A frame as a guest sends it that leaves sum and cutting to us. */
static struct packet *big(const struct shape *s, uint8_t gso_type, uint16_t size, uint16_t *bad)
{
	struct packet *p;

	build(&frame, s);
	leave_open(s->proto);
	p = lend(pool, &lent, frame.bytes, frame.len, 128);
	ask_sum(p, frame.l4, sum_place(s->proto));
	p->x.gso_type = gso_type;
	p->x.gso_size = size;
	packet_parse(p, bad);
	return p;
}

static void sums_do_not_depend_on_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t len = 1 + random_below(3000), from = random_below(len);
		uint32_t to = from + random_below(len - from + 1);
		struct packet *p;

		for (uint32_t k = 0; k < len; k++)
			frame.bytes[k] = (uint8_t)(random_below(8) ? random_below(256) : 0xff);
		p = lend(pool, &lent, frame.bytes, len, random_below(257));
		assert_int_equal(__builtin_bswap16(sum_fold(sum_packet(p, from, to))) % 0xffff,
				 naive_add(0, frame.bytes + from, to - from) % 0xffff);
		packet_free(p);
	}
}

static void open_sums_are_filled(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct shape s = { .is_v6 = random_below(2),
				   .proto = random_below(2) ? 6 : 17,
				   .payload = random_below(1400),
				   .tags = (uint8_t)random_below(2),
				   .padding = (uint16_t)random_below(20) };
		static uint8_t bytes[FRAME_MAX];
		struct packet *p;
		uint16_t bad;

		p = big(&s, 0, 0, &bad);
		assert_int_equal(bad, 0);
		assert_int_equal(packet_checksum(p), 0);
		assert_false(p->x.flags & XVS_PKT_CSUM_TODO);
		assert_true(p->x.flags & XVS_PKT_CSUM_OK);
		assert_true(packet_read(p, 0, bytes, p->x.len));
		assert_true(l4_sum_is_right(bytes, p->x.l3_off, p->x.l4_off, packet_l3_end(p),
					    s.proto));
		packet_free(p);
	}
}

static void a_udp_sum_of_zero_is_written_as_ones(void **state)
{
	struct shape s = { .proto = 17, .payload = 2 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	put_be16(frame.bytes + frame.l4 + 8, 0); /* the payload that makes the sum come out as 0 */
	fill_l4_sum(&frame, 17);
	put_be16(frame.bytes + frame.l4 + 8, get_be16(frame.bytes + frame.l4 + 6));
	leave_open(17);
	p = load(pool, frame.bytes, frame.len);
	ask_sum(p, frame.l4, 6);
	packet_parse(p, &bad);
	assert_int_equal(packet_checksum(p), 0);
	assert_int_equal(get_be16(p->x.data + p->x.l4_off + 6), 0xffff);
	packet_free(p);
}

static void a_closed_sum_is_left_alone(void **state)
{
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .payload = 11 });
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_int_equal(packet_checksum(p), 0);
	assert_memory_equal(p->x.data, frame.bytes, frame.len);
	packet_free(p);
}

/* Linux leaves the inner sum of its VXLAN packets to the adapter; the outer one is right then. */
static void a_sum_within_a_tunnel_is_filled_by_the_parser(void **state)
{
	static struct frame inner;
	struct shape outer_shape = { .proto = 17, .without_udp_sum = true };
	struct shape inner_shape = { .proto = 6, .payload = 333 };
	struct packet *p;
	uint32_t at;
	uint16_t bad;

	(void)state;
	build(&inner, &inner_shape);
	outer_shape.payload = 8 + inner.len;
	build(&frame, &outer_shape);
	at = frame.l4 + 16;
	memcpy(frame.bytes + at, inner.bytes, inner.len);
	put_be16(frame.bytes + at + inner.l4 + 16,
		 (uint16_t)naive_pseudo(inner.bytes + inner.l3, 6, inner.len - inner.l4));
	p = lend(pool, &lent, frame.bytes, frame.len, 90);
	ask_sum(p, at + inner.l4, 16);
	packet_parse(p, &bad);
	assert_int_equal(bad, 0);
	assert_false(p->x.flags & (XVS_PKT_CSUM_TODO | XVS_PKT_CSUM_OK));
	assert_int_equal(packet_pull(p, p->x.len), 0);
	assert_memory_equal(p->x.data + at, inner.bytes, inner.len);
	packet_free(p);
}

static void impossible_places_of_a_sum_are_refused(void **state)
{
	static const struct {
		struct shape shape;
		uint32_t at, off;
	} cases[] = {
		{ { .proto = 6, .payload = 60 }, 34, 6 },
		{ { .proto = 6, .payload = 60 }, 14, 10 },
		{ { .proto = 6, .payload = 60 }, 0, 0 },
		{ { .proto = 6, .payload = 60 }, 100, 13 },
		{ { .proto = 6, .payload = 60 }, 65535, 65535 },
		{ { .proto = 6, .payload = 1000 }, 255, 0 },
		{ { .proto = 132, .payload = 60 }, 34, 8 },
		{ { .proto = 1, .payload = 60 }, 34, 2 },
		{ { .proto = 17, .payload = 60, .more = true }, 34, 6 },
		{ { .proto = 6, .tags = 1, .payload = 60 }, 17, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet *p;
		uint16_t bad;

		build(&frame, &cases[i].shape);
		p = lend(pool, &lent, frame.bytes, frame.len, 128);
		ask_sum(p, cases[i].at, cases[i].off);
		packet_parse(p, &bad);
		assert_int_equal(bad, REASON_BAD_OFFLOAD);
		packet_free(p);
	}
}

/* ---- segments -------------------------------------------------------------------------------- */

static void assert_tcp(const uint8_t *tcp, const uint8_t *whole, uint32_t nr, uint32_t count,
		       uint32_t size)
{
	uint8_t lost = (uint8_t)((nr > 0 ? 0x80 : 0) | (nr + 1 < count ? 0x09 : 0));

	assert_memory_equal(tcp, whole, 4);
	assert_int_equal(get_be32(tcp + 4), get_be32(whole + 4) + nr * size);
	assert_int_equal(tcp[13], whole[13] & ~lost);
	assert_memory_equal(tcp + 18, whole + 18, (tcp[12] >> 4) * 4u - 18);
}

static void assert_segment(const struct packet *p, const struct shape *s, uint32_t nr,
			   uint32_t count, uint32_t size)
{
	const uint8_t *ip = p->x.data + p->x.l3_off, *whole = frame.bytes + frame.l3;
	uint32_t header = l4_header(s);
	uint32_t len = nr + 1 < count ? size : s->payload - nr * size;
	uint32_t tag = s->tags ? 4 : 0;
	uint16_t bad, id = (uint16_t)(0xfffe + nr);
	struct xvs_packet facts = p->x;

	assert_int_equal(p->x.linear, p->x.len);
	assert_int_equal(p->x.len, frame.l4 - tag + header + len);
	assert_memory_equal(p->x.data + p->x.l4_off + header,
			    frame.bytes + frame.l4 + header + nr * size, len);
	if (s->is_v6) {
		assert_int_equal(get_be16(ip + 4), p->x.len - p->x.l3_off - 40);
		assert_memory_equal(ip + 6, whole + 6, 34);
	} else {
		assert_int_equal(get_be16(ip + 2), p->x.len - p->x.l3_off);
		assert_int_equal(get_be16(ip + 4), id);
		assert_int_equal(naive_add(0, ip, (ip[0] & 15u) * 4), 0xffff);
	}
	assert_true(l4_sum_is_right(p->x.data, p->x.l3_off, p->x.l4_off, p->x.len, s->proto));
	if (s->proto == 6)
		assert_tcp(p->x.data + p->x.l4_off, frame.bytes + frame.l4, nr, count, size);
	else
		assert_int_equal(get_be16(p->x.data + p->x.l4_off + 4), 8 + len);
	assert_int_equal(p->x.gso_type, 0);
	assert_int_equal(p->x.vlan_tci, s->tags ? 0xa064 : 0);
	packet_parse(out[nr], &bad);
	assert_int_equal(bad, 0);
	assert_memory_equal(&facts, &p->x, sizeof(facts));
}

static void segments_are_as_on_the_wire(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		struct shape s = { .is_v6 = random_below(2),
				   .proto = random_below(3) ? 6 : 17,
				   .tags = (uint8_t)random_below(2),
				   .tcp_options = (uint8_t)random_below(11),
				   .ip_options = (uint8_t)(random_below(4) ? 0 : 2) };
		uint8_t type = s.proto == 17 ? GSO_UDP_L4 : s.is_v6 ? GSO_TCPV6 : GSO_TCPV4;
		uint32_t most = random_below(8) ? 9000 : 65000;
		uint32_t size = 100 + random_below(1400), count;
		struct packet *p;
		uint16_t bad;

		s.payload = random_below(most);
		p = big(&s, type, (uint16_t)size, &bad);
		assert_int_equal(bad, 0);
		count = s.payload ? (s.payload + size - 1) / size : 1;
		assert_int_equal(packet_segment(p, out, SEGMENTS_MAX), count);
		for (uint32_t nr = 0; nr < count; nr++) {
			assert_segment(out[nr], &s, nr, count, size);
			packet_free(out[nr]);
		}
		packet_free(p);
	}
}

/* Some stacks leave the length of IP to the adapter when they leave it the cutting. */
static void ip_may_tell_no_length_of_what_is_to_be_cut(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct shape s = { .is_v6 = v6, .proto = 6, .payload = 3000 };
		struct packet *p;
		uint16_t bad;

		build(&frame, &s);
		put_be16(frame.bytes + frame.l3 + (v6 ? 4 : 2), 0);
		p = load(pool, frame.bytes, frame.len);
		ask_sum(p, frame.l4, 16);
		p->x.gso_type = v6 ? GSO_TCPV6 : GSO_TCPV4;
		p->x.gso_size = 1000;
		packet_parse(p, &bad);
		assert_int_equal(bad, 0);
		assert_int_equal(packet_segment(p, out, 3), 3);
		for (uint32_t nr = 0; nr < 3; nr++) {
			assert_int_equal(out[nr]->x.len, frame.l4 + 20 + 1000);
			packet_free(out[nr]);
		}
		packet_free(p);
	}
}

static void merged_packets_get_a_partial_sum(void **state)
{
	struct shape s = { .proto = 6, .payload = 3000 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	p = lend(pool, &lent, frame.bytes, frame.len, 128);
	p->x.flags = XVS_PKT_CSUM_OK;
	p->x.gso_type = GSO_TCPV4;
	p->x.gso_size = 1448;
	packet_parse(p, &bad);
	assert_int_equal(bad, 0);
	assert_true(p->x.flags & XVS_PKT_CSUM_TODO);
	assert_int_equal(p->x.csum_start, 34);
	assert_int_equal(p->x.csum_off, 16);
	leave_open(6);
	assert_memory_equal(p->x.data + 50, frame.bytes + 50, 2);
	packet_free(p);
}

static void wrong_requests_to_cut_are_refused(void **state)
{
	static const struct {
		struct shape shape;
		uint8_t type;
		uint16_t size;
		bool is_bad;
	} cases[] = {
		{ { .proto = 6, .payload = 2000 }, GSO_TCPV4, 1448, false },
		{ { .proto = 6, .payload = 2000 }, GSO_TCPV4 | GSO_ECN, 1448, false },
		{ { .proto = 6, .payload = 2000 }, GSO_TCPV6, 1448, true },
		{ { .is_v6 = true, .proto = 6, .payload = 2000 }, GSO_TCPV4, 1448, true },
		{ { .proto = 17, .payload = 2000 }, GSO_TCPV4, 1448, true },
		{ { .proto = 6, .payload = 2000 }, GSO_UDP_L4, 1448, true },
		{ { .proto = 6, .payload = 2000 }, GSO_UDP, 1448, true },
		{ { .proto = 17, .payload = 2000 }, GSO_UDP, 1448, false },
		{ { .proto = 17, .payload = 2000 }, GSO_UDP, 7, true },
		{ { .proto = 17, .payload = 8184 }, GSO_UDP, 8, false },
		{ { .proto = 17, .payload = 8185 }, GSO_UDP, 8, true },
		{ { .is_v6 = true, .proto = 17, .payload = 2000 }, GSO_UDP, 1448, false },
		{ { .proto = 6, .payload = 2000 }, 9, 1448, true },
		{ { .proto = 6, .payload = 2000 }, GSO_TCPV4, 0, true },
		{ { .proto = 6, .payload = 1024 }, GSO_TCPV4, 1, false },
		{ { .proto = 6, .payload = 1025 }, GSO_TCPV4, 1, true },
		{ { .proto = 6, .payload = 2000, .more = true }, GSO_TCPV4, 1000, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t bad;
		struct packet *p = big(&cases[i].shape, cases[i].type, cases[i].size, &bad);

		assert_int_equal(bad, cases[i].is_bad ? REASON_BAD_OFFLOAD : REASON_NONE);
		if (cases[i].is_bad)
			assert_int_equal(packet_segment(p, out, SEGMENTS_MAX), -EINVAL);
		packet_free(p);
	}
}

static void a_routed_packet_cannot_be_cut(void **state)
{
	struct shape s = { .is_v6 = true, .proto = 6, .ip_options = 1, .payload = 2000 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	frame.bytes[frame.l3 + 6] = 43;
	p = load(pool, frame.bytes, frame.len);
	ask_sum(p, frame.l4, 16);
	p->x.gso_type = GSO_TCPV6;
	p->x.gso_size = 1000;
	packet_parse(p, &bad);
	assert_int_equal(bad, REASON_BAD_OFFLOAD);
	packet_free(p);
}

static void cutting_is_all_or_nothing(void **state)
{
	struct pool *poor =
		pool_create(&(struct pool_limits){ .packets = 4, .small = 3, .large = 1 });
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .payload = 5000 });
	p = load(poor, frame.bytes, frame.len);
	ask_sum(p, frame.l4, 16);
	p->x.gso_type = GSO_TCPV4;
	p->x.gso_size = 1000;
	packet_parse(p, &bad);
	assert_int_equal(packet_segment(p, out, 4), -ENOSPC);
	assert_int_equal(packet_segment(p, out, 5), -ENOBUFS);
	assert_int_equal(pool_packets_left(poor), 3);
	assert_int_equal(pool_small_left(poor), 3);
	assert_int_equal(packet_checksum(p), -EINVAL);
	packet_free(p);
	pool_destroy(poor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_do_not_depend_on_runs),
		cmocka_unit_test(open_sums_are_filled),
		cmocka_unit_test(a_udp_sum_of_zero_is_written_as_ones),
		cmocka_unit_test(a_closed_sum_is_left_alone),
		cmocka_unit_test(a_sum_within_a_tunnel_is_filled_by_the_parser),
		cmocka_unit_test(impossible_places_of_a_sum_are_refused),
		cmocka_unit_test(segments_are_as_on_the_wire),
		cmocka_unit_test(ip_may_tell_no_length_of_what_is_to_be_cut),
		cmocka_unit_test(merged_packets_get_a_partial_sum),
		cmocka_unit_test(wrong_requests_to_cut_are_refused),
		cmocka_unit_test(a_routed_packet_cannot_be_cut),
		cmocka_unit_test(cutting_is_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
