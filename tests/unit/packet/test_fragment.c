/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
/* Datagrams cut into fragments, put together again byte by byte. */
#include <errno.h>

#include "base/hash.h"
#include "frames.h"
#include "packet/headers.h"
#include "xvs/ext/sdk.h"

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

/* As a guest leaves it: the sum is that of the pseudo header. */
static struct packet *datagram(uint16_t size, uint16_t *bad)
{
	struct packet *p;

	put_be16(frame.bytes + frame.l4 + 6,
		 (uint16_t)naive_pseudo(frame.bytes + frame.l3, 17, frame.ip_end - frame.l4));
	p = lend(pool, &lent, frame.bytes, frame.len, 128);
	p->x.flags = XVS_PKT_CSUM_TODO;
	p->x.csum_start = (uint16_t)frame.l4;
	p->x.csum_off = 6;
	p->x.gso_type = GSO_UDP;
	p->x.gso_size = size;
	packet_parse(p, bad);
	return p;
}

/* What one fragment is, read from its bytes alone. */
struct seen {
	uint32_t offset, len, id;
	bool more;
	const uint8_t *bytes;
};

static void look_ipv4(const struct packet *p, struct seen *f)
{
	const uint8_t *ip = p->x.data + 14;
	uint32_t header = (ip[0] & 15) * 4u;

	assert_int_equal(naive_add(0, ip, header), 0xffff);
	assert_int_equal(get_be16(ip + 2), p->x.len - 14);
	f->offset = (get_be16(ip + 6) & 0x1fffu) * 8;
	f->more = get_be16(ip + 6) & 0x2000;
	f->id = get_be16(ip + 4);
	f->bytes = ip + header;
	f->len = p->x.len - 14 - header;
}

/* With one header of 'options' bytes ahead of the fragment header, as hop-by-hop options are. */
static void look_ipv6(const struct packet *p, struct seen *f, uint32_t options)
{
	const uint8_t *ip = p->x.data + 14;
	const uint8_t *header = ip + 40 + options;

	assert_int_equal(get_be16(ip + 4), p->x.len - 54);
	assert_int_equal(options ? ip[40] : ip[6], 44);
	assert_int_equal(header[1], 0);
	f->offset = get_be16(header + 2) & 0xfff8u;
	f->more = header[3] & 1;
	f->id = get_be32(header + 4);
	f->bytes = header + 8;
	f->len = p->x.len - 54 - 8 - options;
}

/* Together they are the datagram, with its sum. */
static void assert_whole(const struct shape *s, int count, uint32_t size, uint32_t options)
{
	static uint8_t whole[FRAME_MAX];
	uint32_t at = 0;
	uint32_t id = 0;

	for (int nr = 0; nr < count; nr++) {
		struct seen f;

		if (s->is_v6)
			look_ipv6(out[nr], &f, options);
		else
			look_ipv4(out[nr], &f);
		assert_int_equal(f.offset, at);
		assert_int_equal(f.more, nr + 1 < count);
		assert_true(nr + 1 == count || f.len == size);
		assert_true(f.id != 0 && (nr == 0 || f.id == id));
		id = f.id;
		memcpy(whole + at, f.bytes, f.len);
		at += f.len;
	}
	assert_int_equal(at, frame.ip_end - frame.l4);
	memcpy(frame.bytes + frame.l4 + 6, whole + 6, 2);
	assert_memory_equal(whole, frame.bytes + frame.l4, at);
	assert_int_equal(naive_l4_sum(frame.bytes, frame.l3, frame.l4, frame.ip_end, 17), 0xffff);
}

static void assert_facts(const struct packet *p, int nr, uint16_t tags)
{
	struct xvs_packet before = p->x;
	uint32_t wanted = XVS_PKT_FRAG | (nr ? XVS_PKT_LATER : XVS_PKT_L4);
	uint16_t bad;

	assert_int_equal(p->x.flags & (XVS_PKT_FRAG | XVS_PKT_LATER | XVS_PKT_L4 | XVS_PKT_BAD),
			 wanted);
	assert_false(p->x.flags & (XVS_PKT_CSUM_TODO | XVS_PKT_CSUM_OK));
	assert_int_equal(p->x.gso_type, 0);
	assert_int_equal(p->x.vlan_tci, tags ? 0xa064 : 0);
	packet_parse((struct packet *)(uintptr_t)p, &bad);
	assert_int_equal(bad, REASON_NONE);
	assert_memory_equal(&before, &p->x, sizeof(before));
}

static void pieces_are_one_datagram(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++) {
		struct shape s = { .is_v6 = random_below(2),
				   .proto = 17,
				   .tags = (uint8_t)random_below(2) };
		uint32_t size = 100 + random_below(1400), count, wire = 0;
		struct packet *p;
		uint16_t bad;

		s.payload = random_below(random_below(8) ? 9000 : 65000);
		build(&frame, &s);
		if (random_below(2) && !s.is_v6)
			put_be16(frame.bytes + frame.l3 + 4, 0);
		p = datagram((uint16_t)size, &bad);
		assert_int_equal(bad, REASON_NONE);
		size = size / 8 * 8;
		count = (8 + s.payload + size - 1) / size;
		if (count ==
		    1) { /* one fragment, which is whole: there are none such on the wire */
			packet_free(p);
			continue;
		}
		assert_int_equal(packet_segment(p, out, SEGMENTS_MAX), count);
		assert_int_equal(xvs_wire_packets(&p->x), count);
		assert_true(out[0]->x.len - 14 <= xvs_l3_bytes(&p->x));
		for (uint32_t nr = 0; nr < count; nr++)
			wire += out[nr]->x.len + (s.tags ? 4 : 0);
		assert_int_equal(xvs_wire_bytes(&p->x), wire);
		assert_whole(&s, (int)count, size, 0);
		for (uint32_t nr = 0; nr < count; nr++) {
			assert_facts(out[nr], (int)nr, s.tags);
			packet_free(out[nr]);
		}
		packet_free(p);
	}
}

static void a_datagram_that_fits_goes_as_it_is(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct shape s = { .is_v6 = v6, .proto = 17, .payload = 300 };
		struct packet *p;
		uint16_t bad;

		build(&frame, &s);
		p = datagram(1448, &bad);
		assert_int_equal(packet_segment(p, out, SEGMENTS_MAX), 1);
		assert_int_equal(out[0]->x.len, frame.len);
		assert_false(out[0]->x.flags & XVS_PKT_FRAG);
		assert_true(l4_sum_is_right(out[0]->x.data, 14, frame.l4, frame.len, 17));
		assert_memory_equal(out[0]->x.data, frame.bytes, frame.l4);
		packet_free(out[0]);
		packet_free(p);
	}
}

/* RFC 791: a copied option is in all fragments, another in the first alone. */
static void options_that_say_so_are_copied(void **state)
{
	static const uint8_t options[12] = { 0x44, 4, 5, 0, 1, 0x94, 4, 0, 0, 7, 2, 0 };
	struct shape s = { .proto = 17, .payload = 3000, .ip_options = 3 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	memcpy(frame.bytes + frame.l3 + 20, options, sizeof(options));
	p = datagram(1400, &bad);
	assert_int_equal(bad, REASON_NONE);
	assert_int_equal(packet_segment(p, out, 8), 3);
	assert_memory_equal(out[0]->x.data + 34, options, sizeof(options));
	for (int nr = 1; nr < 3; nr++)
		assert_memory_equal(out[nr]->x.data + 34,
				    ((const uint8_t[]){ 1, 1, 1, 1, 1, 0x94, 4, 0, 0, 1, 1, 0 }),
				    sizeof(options));
	assert_whole(&s, 3, 1400, 0);
	for (int nr = 0; nr < 3; nr++)
		packet_free(out[nr]);
	packet_free(p);
}

/* Hop-by-hop options are ahead of the fragment header, those for the destination behind it. */
static void headers_that_routers_read_are_in_each_piece(void **state)
{
	struct shape s = { .is_v6 = true, .proto = 17, .payload = 3000, .ip_options = 1 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	for (int hop = 0; hop < 2; hop++) {
		build(&frame, &s);
		if (hop)
			frame.bytes[frame.l3 + 6] = 0;
		p = datagram(1400, &bad);
		assert_int_equal(bad, REASON_NONE);
		assert_int_equal(packet_segment(p, out, 8), 3);
		if (hop)
			assert_whole(&s, 3, 1400, 8);
		else
			assert_int_equal(out[0]->x.data[54], PROTO_DSTOPTS);
		for (int nr = 0; nr < 3; nr++) {
			assert_facts(out[nr], nr, 0);
			packet_free(out[nr]);
		}
		packet_free(p);
	}
}

/* The first fragment has all headers (RFC 7112), and lengths must agree. */
static void what_no_fragments_could_be_is_refused(void **state)
{
	struct shape s = { .is_v6 = true, .proto = 17, .payload = 300, .ip_options = 2 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	p = datagram(16, &bad);
	assert_int_equal(bad, REASON_BAD_OFFLOAD);
	packet_free(p);
	p = datagram(24, &bad);
	assert_int_equal(bad, REASON_NONE);
	packet_free(p);
	for (int less = 0; less < 2; less++) {
		s.ip_options = 0;
		build(&frame, &s);
		put_be16(frame.bytes + frame.l4 + 4, (uint16_t)(less ? 307 : 309));
		p = datagram(64, &bad);
		assert_int_equal(bad, REASON_BAD_OFFLOAD);
		packet_free(p);
	}
}

static void cutting_is_all_or_nothing(void **state)
{
	struct pool *poor =
		pool_create(&(struct pool_limits){ .packets = 4, .small = 3, .large = 1 });
	struct shape s = { .proto = 17, .payload = 5000 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	p = load(poor, frame.bytes, frame.len);
	p->x.gso_type = GSO_UDP;
	p->x.gso_size = 1000;
	packet_parse(p, &bad);
	assert_int_equal(bad, REASON_NONE);
	assert_int_equal(packet_segment(p, out, 5), -ENOSPC);
	assert_int_equal(packet_segment(p, out, 6), -ENOBUFS);
	assert_int_equal(pool_packets_left(poor), 3);
	packet_free(p);
	pool_destroy(poor);
}

/* A plain packet of any protocol; a fragment itself, in some turns. */
static struct packet *plain(const struct shape *s, bool has_sum)
{
	struct packet *p;
	uint16_t bad;

	build(&frame, s);
	put_be16(frame.bytes + frame.l3 + 4, 0x1234);
	p = lend(pool, &lent, frame.bytes, frame.len, 128);
	if (!has_sum) {
		put_be16(frame.bytes + frame.l4 + 6,
			 (uint16_t)naive_pseudo(frame.bytes + frame.l3, 17,
						frame.ip_end - frame.l4));
		packet_free(p);
		p = lend(pool, &lent, frame.bytes, frame.len, 128);
		p->x.flags = XVS_PKT_CSUM_TODO;
		p->x.csum_start = (uint16_t)frame.l4;
		p->x.csum_off = 6;
	}
	packet_parse(p, &bad);
	assert_int_equal(bad, REASON_NONE);
	return p;
}

static void what_is_too_long_is_cut_where_it_may_be(void **state)
{
	static uint8_t whole[FRAME_MAX];

	(void)state;
	for (int i = 0; i < 400; i++) {
		bool has_sum = random_below(2);
		uint32_t mtu = 68 + random_below(1500);
		struct shape s = { .proto = 17, .payload = random_below(6000) };
		struct packet *p;
		uint32_t at = 0;
		int count;

		if (has_sum && random_below(2))
			s.fragment = (uint16_t)(1 + random_below(50));
		s.more = has_sum && random_below(3) == 0;
		p = plain(&s, has_sum);
		assert_true(packet_may_fragment(p));
		count = packet_fragment_ipv4(p, mtu, out, SEGMENTS_MAX);
		assert_true(count > 0);
		for (int nr = 0; nr < count; nr++) {
			struct seen f;

			look_ipv4(out[nr], &f);
			assert_true(out[nr]->x.len - 14 <= mtu);
			assert_int_equal(f.offset, s.fragment * 8u + at);
			assert_int_equal(f.more, nr + 1 < count || s.more);
			assert_int_equal(f.id, 0x1234);
			memcpy(whole + at, f.bytes, f.len);
			at += f.len;
			packet_free(out[nr]);
		}
		packet_free(p);
		assert_int_equal(at, frame.ip_end - frame.l3 - 20);
		if (!has_sum) {
			memcpy(frame.bytes + frame.l4 + 6, whole + 6, 2);
			assert_int_equal(naive_l4_sum(frame.bytes, frame.l3, frame.l4, frame.ip_end,
						      17),
					 0xffff);
		}
		assert_memory_equal(whole, frame.bytes + frame.l3 + 20, at);
	}
}

static void what_may_not_be_cut_is_not(void **state)
{
	struct shape s = { .proto = 6, .payload = 3000 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	frame.bytes[frame.l3 + 6] |= 0x40;
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_false(packet_may_fragment(p));
	assert_int_equal(packet_fragment_ipv4(p, 1500, out, SEGMENTS_MAX), -EINVAL);
	packet_free(p);
	s.is_v6 = true;
	build(&frame, &s);
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_false(packet_may_fragment(p));
	packet_free(p);
	s.is_v6 = false;
	build(&frame, &s);
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_int_equal(packet_fragment_ipv4(p, 27, out, SEGMENTS_MAX), -EINVAL);
	assert_int_equal(packet_fragment_ipv4(p, 1500, out, 2), -ENOSPC);
	packet_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_one_datagram),
		cmocka_unit_test(a_datagram_that_fits_goes_as_it_is),
		cmocka_unit_test(options_that_say_so_are_copied),
		cmocka_unit_test(headers_that_routers_read_are_in_each_piece),
		cmocka_unit_test(what_no_fragments_could_be_is_refused),
		cmocka_unit_test(cutting_is_all_or_nothing),
		cmocka_unit_test(what_is_too_long_is_cut_where_it_may_be),
		cmocka_unit_test(what_may_not_be_cut_is_not),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
