/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Finding checksums that a sender has left open, and finishing them. */
#include "support/test.h"

#include "packet/headers.h"
#include "packet/sum.h"
#include "port/af_xdp/partial.h"
#include "support/frames.h"

enum { PAYLOAD = 33, TCP = 6, UDP = 17 };

static struct pool *pool;

static int setup(void **state)
{
	const struct pool_limits limits = { .packets = 8, .small = 8, .large = 2 };

	(void)state;
	pool = pool_create(&limits);
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pool_destroy(pool);
	return 0;
}

static struct frame_end end_of(uint8_t host, bool is_v6)
{
	return (struct frame_end){ .host = host, .is_v6 = is_v6, .port = 1000 };
}

/* Ethernet, IP and an L4 header with payload; the checksum is 0. */
static uint32_t make_frame(uint8_t *f, bool is_v6, uint8_t proto)
{
	const uint32_t header = proto == TCP ? TCP_BYTES : UDP_BYTES;
	uint8_t *l4 = frame_ip(f, end_of(1, is_v6), end_of(2, is_v6), proto, header + PAYLOAD);

	put_be16(l4, 1000);
	put_be16(l4 + 2, 2000);
	if (proto == TCP)
		l4[12] = 5 << 4;
	else
		put_be16(l4 + 4, UDP_BYTES + PAYLOAD);
	for (uint32_t i = 0; i < PAYLOAD; i++)
		l4[header + i] = (uint8_t)(i * 7 + 3);
	return (uint32_t)(l4 - f) + header + PAYLOAD;
}

static struct packet *receive(const uint8_t *f, uint32_t len)
{
	struct packet *p = packet_new(pool);

	assert_non_null(p);
	memcpy(p->x.data, f, len);
	p->x.len = len;
	p->x.linear = len;
	return p;
}

static struct packet *parsed(const uint8_t *f, uint32_t len)
{
	struct packet *p = receive(f, len);
	uint16_t bad;

	packet_parse(p, &bad);
	assert_int_equal(bad, 0);
	return p;
}

static uint32_t place_of_sum(const uint8_t *f, uint32_t len)
{
	struct packet *p = parsed(f, len);
	const uint32_t place = packet_sum_place(p) + (p->x.flags & XVS_PKT_VLAN ? 4 : 0);

	packet_free(p);
	return place;
}

/* What a kernel leaves to its adapter. */
static void leave_open(uint8_t *f, uint32_t len)
{
	struct packet *p = parsed(f, len);
	const uint16_t sum = sum_fold(sum_pseudo(p, packet_l3_end(p) - p->x.l4_off));

	packet_free(p);
	memcpy(f + place_of_sum(f, len), &sum, sizeof(sum));
}

static bool is_right(const struct packet *p)
{
	const uint32_t end = packet_l3_end(p);

	return sum_fold(sum_add(sum_pseudo(p, end - p->x.l4_off),
				sum_packet(p, p->x.l4_off, end))) == 0xffff;
}

/* Marked, parsed, finished. */
static struct packet *finish(const uint8_t *f, uint32_t len)
{
	struct packet *p = receive(f, len);
	uint16_t bad;

	partial_mark(p);
	packet_parse(p, &bad);
	assert_int_equal(bad, 0);
	assert_int_equal(packet_checksum(p), 0);
	return p;
}

static uint32_t put_tag(uint8_t *f, uint32_t len, uint16_t type, uint16_t vlan)
{
	memmove(f + 16, f + 12, len - 12);
	put_be16(f + 12, type);
	put_be16(f + 14, vlan);
	return len + 4;
}

static void open_sums_are_finished(void **state)
{
	uint8_t f[FRAME_BYTES];

	(void)state;
	for (int i = 0; i < 4; i++) {
		const uint32_t len = make_frame(f, i & 1, i & 2 ? TCP : UDP);
		struct packet *p;

		leave_open(f, len);
		p = finish(f, len);
		assert_true(is_right(p));
		assert_memory_not_equal(p->x.data, f, len);
		packet_free(p);
	}
}

static void open_sums_behind_tags_are_finished(void **state)
{
	uint8_t f[FRAME_BYTES];
	uint32_t len = make_frame(f, false, TCP);
	struct packet *p;

	(void)state;
	leave_open(f, len);
	len = put_tag(f, len, 0x8100, 7);
	p = finish(f, len);
	assert_true(is_right(p));
	packet_free(p);
	len = put_tag(f, len, 0x88a8, 9);
	p = finish(f, len);
	assert_true(is_right(p));
	packet_free(p);
}

static void bytes_behind_the_packet_are_not_summed(void **state)
{
	uint8_t f[FRAME_BYTES];
	const uint32_t len = make_frame(f, false, UDP);
	struct packet *p;

	(void)state;
	leave_open(f, len);
	memset(f + len, 0xa5, 20);
	p = finish(f, len + 20);
	assert_true(is_right(p));
	packet_free(p);
}

static void options_of_ipv6_are_stepped_over(void **state)
{
	uint8_t f[FRAME_BYTES];
	const uint32_t len = make_frame(f, true, UDP);
	struct packet *p;

	(void)state;
	memmove(f + 62, f + 54, len - 54);
	memcpy(f + 54, (const uint8_t[]){ UDP, 0, 1, 4, 0, 0, 0, 0 }, 8);
	f[20] = PROTO_HOPOPTS;
	put_be16(f + 18, (uint16_t)(get_be16(f + 18) + 8));
	leave_open(f, len + 8);
	p = finish(f, len + 8);
	assert_true(is_right(p));
	packet_free(p);
}

static void finished_sums_stay(void **state)
{
	uint8_t f[FRAME_BYTES];

	(void)state;
	for (int i = 0; i < 4; i++) {
		const uint32_t len = make_frame(f, i & 1, i & 2 ? TCP : UDP);
		struct packet *p;

		leave_open(f, len);
		p = finish(f, len);
		memcpy(f, p->x.data, len);
		packet_free(p);
		p = receive(f, len);
		partial_mark(p);
		assert_false(p->x.flags & XVS_PKT_CSUM_TODO);
		packet_free(p);
	}
}

/* One packet in 65,536 looks open and is not: what is filled in is what was there. */
static void a_finished_sum_that_looks_open_is_the_same_again(void **state)
{
	uint8_t f[FRAME_BYTES];
	const uint32_t len = make_frame(f, false, UDP);
	const uint32_t place = place_of_sum(f, len);
	struct packet *p;
	uint16_t pseudo;
	uint16_t rest;

	(void)state;
	leave_open(f, len);
	memcpy(&pseudo, f + place, sizeof(pseudo));
	/* two bytes of the payload make the whole sum come out */
	memset(f + place + 2, 0, 2);
	rest = sum_fold(
		sum_add(sum_bytes(f + place - UDP_SUM_AT, len - place + UDP_SUM_AT), pseudo));
	rest = (uint16_t)~rest;
	memcpy(f + place + 2, &rest, sizeof(rest));
	p = receive(f, len);
	partial_mark(p);
	assert_true(p->x.flags & XVS_PKT_CSUM_TODO);
	packet_free(p);
	p = finish(f, len);
	assert_memory_equal(p->x.data, f, len);
	packet_free(p);
}

static void fragments_are_left_alone(void **state)
{
	uint8_t f[FRAME_BYTES];
	const uint32_t len = make_frame(f, false, UDP);
	struct packet *p;

	(void)state;
	leave_open(f, len);
	put_be16(f + 20, 0x2000);
	p = receive(f, len);
	partial_mark(p);
	assert_false(p->x.flags & XVS_PKT_CSUM_TODO);
	packet_free(p);
}

/* The sanitizer watches bytes behind the end: the head of a packet is longer than these. */
static void headers_that_are_cut_off_are_not_read(void **state)
{
	uint8_t f[FRAME_BYTES];

	(void)state;
	for (int i = 0; i < 4; i++) {
		const uint32_t whole = make_frame(f, i & 1, i & 2 ? TCP : UDP);

		leave_open(f, whole);
		for (uint32_t len = 0; len < whole; len++) {
			struct packet *p = packet_new_linear(pool, len);

			memcpy(p->x.data, f, len);
			memset(p->x.data + len, 0xee, 64);
			partial_mark(p);
			assert_false(p->x.flags & XVS_PKT_CSUM_TODO);
			packet_free(p);
		}
	}
}

static void other_protocols_are_left_alone(void **state)
{
	static const uint8_t protos[] = { 1, 47, 50, 58, 132 };
	uint8_t f[FRAME_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(protos); i++) {
		const uint32_t len = make_frame(f, false, UDP);
		struct packet *p;

		leave_open(f, len);
		f[23] = protos[i];
		p = receive(f, len);
		partial_mark(p);
		assert_false(p->x.flags & XVS_PKT_CSUM_TODO);
		packet_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_sums_are_finished),
		cmocka_unit_test(open_sums_behind_tags_are_finished),
		cmocka_unit_test(bytes_behind_the_packet_are_not_summed),
		cmocka_unit_test(options_of_ipv6_are_stepped_over),
		cmocka_unit_test(finished_sums_stay),
		cmocka_unit_test(a_finished_sum_that_looks_open_is_the_same_again),
		cmocka_unit_test(fragments_are_left_alone),
		cmocka_unit_test(headers_that_are_cut_off_are_not_read),
		cmocka_unit_test(other_protocols_are_left_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
