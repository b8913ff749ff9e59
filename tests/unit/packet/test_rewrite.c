/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
/*
 * Random rewrites: afterwards the key is what was asked for and every checksum is right when
 * computed anew from all bytes.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "base/hash.h"
#include "frames.h"
#include "packet/headers.h"

enum { ROUNDS = 20000 };

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

static struct shape random_shape(void)
{
	static const uint8_t protos[] = { 6, 6, 17, 17, 1, 132, 47 };
	struct shape s = { .is_v6 = random_below(2), .tags = (uint8_t)random_below(3) };

	s.proto = protos[random_below(sizeof(protos))];
	if (s.proto == 1 && s.is_v6)
		s.proto = 58;
	s.ip_options = (uint8_t)(random_below(3) ? 0 : random_below(5));
	s.tcp_options = (uint8_t)random_below(11);
	s.without_udp_sum = random_below(4) == 0;
	s.padding = (uint16_t)(random_below(2) ? 0 : random_below(30));
	s.payload = random_below(300);
	return s;
}

static void random_bytes(void *to, size_t len)
{
	for (uint8_t *at = to; len > 0; len--)
		*at++ = (uint8_t)random_below(256);
}

/* All fields that can be rewritten, or some bits of some. */
static void random_mask(struct xvs_flow_key *mask)
{
	memset(mask, 0, sizeof(*mask));
	if (random_below(2)) {
		random_bytes(mask, sizeof(*mask));
		mask->bits &= XVS_KEY_VLAN | XVS_KEY_SVLAN;
		return;
	}
	if (random_below(2))
		memset(mask->ip_src, 0xff, 16);
	if (random_below(2))
		memset(mask->ip_dst, 0xff, 16);
	mask->l4_src = random_below(2) ? 0xffff : 0;
	mask->l4_dst = random_below(2) ? 0xffff : 0;
	mask->ip_ttl = random_below(2) ? 0xff : 0;
}

static uint16_t mix16(uint16_t old, uint16_t set, uint16_t mask)
{
	return (uint16_t)((old & ~mask) | (set & mask));
}

static void mix(uint8_t *to, const uint8_t *set, const uint8_t *mask, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)((to[i] & ~mask[i]) | (set[i] & mask[i]));
}

/* The key that a rewrite must lead to, of a packet that has all it rewrites. */
static void expect(struct xvs_flow_key *key, const struct xvs_flow_key *set,
		   const struct xvs_flow_key *mask, const struct packet *p)
{
	uint32_t from = p->x.flags & XVS_PKT_IPV4 ? 12 : 0;

	mix(key->eth_dst, set->eth_dst, mask->eth_dst, 12);
	mix(key->ip_src + from, set->ip_src + from, mask->ip_src + from, 16 - from);
	mix(key->ip_dst + from, set->ip_dst + from, mask->ip_dst + from, 16 - from);
	mix(&key->ip_tos, &set->ip_tos, &mask->ip_tos, 1);
	mix(&key->ip_ttl, &set->ip_ttl, &mask->ip_ttl, 1);
	if (!(p->x.flags & XVS_PKT_L4))
		return;
	if (packet_has_ports(p)) {
		key->l4_src = mix16(key->l4_src, set->l4_src, mask->l4_src);
		key->l4_dst = mix16(key->l4_dst, set->l4_dst, mask->l4_dst);
	} else {
		key->l4_src = mix16(key->l4_src, set->l4_src, mask->l4_src & htons(0xff));
		key->l4_dst = mix16(key->l4_dst, set->l4_dst, mask->l4_dst & htons(0xff));
	}
	if (p->x.l4_proto == 6)
		key->tcp_flags =
			mix16(key->tcp_flags, set->tcp_flags, mask->tcp_flags & htons(0x0fff));
}

static void assert_sums(const struct packet *p, bool without_udp_sum)
{
	static uint8_t out[FRAME_MAX];
	uint32_t end = packet_l3_end(p);
	const uint8_t *ip = out + p->x.l3_off;

	assert_true(packet_read(p, 0, out, p->x.len));
	if (p->x.flags & XVS_PKT_IPV4)
		assert_int_equal(naive_add(0, ip, (ip[0] & 15u) * 4), 0xffff);
	if (!(p->x.flags & XVS_PKT_L4))
		return;
	if (p->x.l4_proto == 17 && without_udp_sum) {
		assert_int_equal(get_be16(out + p->x.l4_off + 6), 0);
		return;
	}
	assert_true(l4_sum_is_right(out, p->x.l3_off, p->x.l4_off, end, p->x.l4_proto));
	if (p->x.l4_proto == 17)
		assert_int_not_equal(get_be16(out + p->x.l4_off + 6), 0);
}

static void random_rewrites_keep_sums_right(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct shape s = random_shape();
		struct xvs_flow_key set, mask, before, after;
		struct packet *p;
		uint16_t bad;

		build(&frame, &s);
		p = lend(pool, &lent, frame.bytes, frame.len, random_below(257));
		packet_parse(p, &bad);
		assert_int_equal(bad, 0);
		random_bytes(&set, sizeof(set));
		random_mask(&mask);
		mask.bits = 0; /* tags: below */
		mask.vlan_tci = 0;
		packet_key(p, 1, &before);
		expect(&before, &set, &mask, p);
		assert_int_equal(packet_rewrite(p, &set, &mask), 0);
		packet_key(p, 1, &after);
		assert_memory_equal(&before, &after, sizeof(after));
		assert_sums(p, s.without_udp_sum);
		packet_free(p);
	}
}

static void facts_are_as_if_parsed_anew(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct shape s = random_shape();
		struct xvs_flow_key set, mask;
		struct xvs_packet x;
		struct packet *p;
		uint16_t bad;

		build(&frame, &s);
		p = load(pool, frame.bytes, frame.len);
		packet_parse(p, &bad);
		random_bytes(&set, sizeof(set));
		random_mask(&mask);
		assert_int_equal(packet_rewrite(p, &set, &mask), 0);
		x = p->x;
		/* A tag pushed in front of none: the bytes have no other to take for the outer one. */
		packet_parse(p, &bad);
		assert_int_equal(bad, 0);
		assert_memory_equal(&x, &p->x, sizeof(x));
		packet_free(p);
	}
}

/* The sum in the header covers the datagram; the first fragment alone has that header. */
static void fragments_stay_right_when_put_together(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct shape s = { .is_v6 = random_below(2), .proto = 17, .payload = 400 };
		struct xvs_flow_key set, mask;
		struct frame whole;
		struct packet *first;
		uint16_t bad;

		build(&whole, &s);
		s.more = true;
		s.payload = 64;
		build(&frame, &s);
		memcpy(frame.bytes + frame.l4, whole.bytes + whole.l4, 72);
		first = lend(pool, &lent, frame.bytes, frame.len, 128);
		packet_parse(first, &bad);
		random_bytes(&set, sizeof(set));
		random_mask(&mask);
		mask.bits = 0;
		assert_int_equal(packet_rewrite(first, &set, &mask), 0);

		/* The same addresses and ports in the datagram, the sum from the fragment. */
		memcpy(whole.bytes + whole.l3 + (s.is_v6 ? 8 : 12),
		       first->x.data + first->x.l3_off + (s.is_v6 ? 8 : 12), s.is_v6 ? 32 : 8);
		memcpy(whole.bytes + whole.l4, first->x.data + first->x.l4_off, 8);
		assert_true(l4_sum_is_right(whole.bytes, whole.l3, whole.l4, whole.ip_end, 17));
		packet_free(first);
	}
}

static void later_fragments_have_their_payload_left_alone(void **state)
{
	struct shape s = { .proto = 17, .fragment = 4, .payload = 64 };
	struct xvs_flow_key set, mask;
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &s);
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	memset(&set, 0x5a, sizeof(set));
	memset(&mask, 0xff, sizeof(mask));
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_memory_equal(p->x.data + 34, frame.bytes + 34, 64);
	assert_int_equal(p->x.data[26], 0x5a);
	assert_sums(p, false);
	packet_free(p);
}

/* A partial sum covers the pseudo header: filled in afterwards, it must come out right. */
static void partial_sums_follow_addresses_alone(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct shape s = random_shape();
		struct xvs_flow_key set, mask;
		struct packet *p;
		uint8_t *place;
		uint16_t bad;

		s.proto = random_below(2) ? 6 : 17;
		s.tags = 0;
		s.without_udp_sum = false;
		build(&frame, &s);
		place = frame.bytes + frame.l4 + sum_place(s.proto);
		put_be16(place, (uint16_t)naive_pseudo(frame.bytes + frame.l3, s.proto,
						       frame.ip_end - frame.l4));
		p = lend(pool, &lent, frame.bytes, frame.len, random_below(257));
		p->x.flags = XVS_PKT_CSUM_TODO;
		p->x.csum_start = (uint16_t)frame.l4;
		p->x.csum_off = (uint16_t)sum_place(s.proto);
		packet_parse(p, &bad);
		assert_int_equal(bad, 0);
		random_bytes(&set, sizeof(set));
		random_mask(&mask);
		assert_int_equal(packet_rewrite(p, &set, &mask), 0);
		assert_true(p->x.flags & XVS_PKT_CSUM_TODO);
		assert_int_equal(packet_checksum(p), 0);
		assert_sums(p, false);
		packet_free(p);
	}
}

/* With segments left in a routing header the sum is made with the last address of that. */
static void a_routed_destination_is_not_in_the_sum(void **state)
{
	struct shape s = { .is_v6 = true, .proto = 17, .ip_options = 1, .payload = 20 };

	(void)state;
	for (uint8_t left = 0; left < 2; left++) {
		struct xvs_flow_key set = { .ip_dst = { 1, 2, 3 } }, mask = { .port = 0 };
		struct packet *p;
		uint16_t bad, before, after;

		build(&frame, &s);
		frame.bytes[frame.l3 + 6] = 43;
		frame.bytes[frame.l3 + 43] = left;
		p = load(pool, frame.bytes, frame.len);
		packet_parse(p, &bad);
		assert_int_equal(bad, 0);
		memset(mask.ip_dst, 0xff, 16);
		before = get_be16(p->x.data + p->x.l4_off + 6);
		assert_int_equal(packet_rewrite(p, &set, &mask), 0);
		after = get_be16(p->x.data + p->x.l4_off + 6);
		assert_int_equal(before == after, left == 1);
		packet_free(p);
	}
}

static void wrong_sums_stay_wrong(void **state)
{
	struct xvs_flow_key set = { .ip_ttl = 3, .l4_dst = 99 };
	struct xvs_flow_key mask = { .ip_ttl = 255, .l4_dst = 0xffff };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .payload = 9 });
	frame.bytes[frame.l4 + 16] ^= 4;
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_false(l4_sum_is_right(p->x.data, 14, 34, frame.ip_end, 6));
	packet_free(p);
}

static void tags_are_pushed_changed_and_popped(void **state)
{
	struct xvs_flow_key set = { .bits = XVS_KEY_VLAN, .vlan_tci = htons(5) };
	struct xvs_flow_key mask = { .bits = XVS_KEY_VLAN | XVS_KEY_SVLAN,
				     .vlan_tci = htons(0x0fff) };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .tags = 2 });
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_int_equal(p->x.vlan_tci, 0xa005); /* priority kept */
	assert_true(p->x.flags & XVS_PKT_VLAN);
	assert_false(p->x.flags & XVS_PKT_SVLAN);

	set.bits = 0; /* pop: the inner one takes its place */
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_true(p->x.flags & XVS_PKT_VLAN);
	assert_int_equal(p->x.vlan_tci, 0xa065);
	assert_int_equal(p->x.l3_off, 14);
	assert_int_equal(p->x.len, frame.len - 8);

	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_false(p->x.flags & (XVS_PKT_VLAN | XVS_PKT_SVLAN));
	assert_int_equal(p->x.vlan_tci, 0);

	set.bits = XVS_KEY_VLAN | XVS_KEY_SVLAN;
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_true((p->x.flags & XVS_PKT_VLAN) && (p->x.flags & XVS_PKT_SVLAN));
	assert_int_equal(p->x.vlan_tci, 5);
	assert_memory_equal(p->x.data + 14, frame.bytes + 22, frame.len - 22);
	packet_free(p);
}

static void arp_fields_are_written(void **state)
{
	struct xvs_flow_key set, mask, key;
	struct packet *p;
	uint16_t bad;

	(void)state;
	memcpy(frame.bytes + 12, (const uint8_t[]){ 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 }, 10);
	p = load(pool, frame.bytes, 60);
	packet_parse(p, &bad);
	memset(&set, 2, sizeof(set));
	memset(&mask, 0xff, sizeof(mask));
	mask.bits = 0;
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	packet_key(p, 0, &key);
	assert_int_equal(key.ip_proto, 2);
	assert_memory_equal(key.ip_src + 12, set.ip_src, 4);
	assert_memory_equal(key.ip_dst + 12, set.ip_dst, 4);
	assert_memory_equal(p->x.data + 22, frame.bytes + 22, 6); /* hardware address */
	assert_memory_equal(p->x.data + 42, frame.bytes + 42, 18);
	packet_free(p);
}

static void clones_do_not_see_it(void **state)
{
	struct xvs_flow_key set = { .ip_ttl = 1 }, mask = { .ip_ttl = 0xff };
	struct packet *p, *clone;
	uint8_t out[800];
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .payload = 700 });
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	clone = packet_clone(p);
	assert_int_equal(packet_rewrite(p, &set, &mask), 0);
	assert_true(packet_read(clone, 0, out, frame.len));
	assert_memory_equal(out, frame.bytes, frame.len);
	packet_free(p);
	assert_int_equal(packet_rewrite(clone, &set, &mask), 0);
	assert_int_equal(clone->x.data[22], 1);
	packet_free(clone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rewrites_keep_sums_right),
		cmocka_unit_test(facts_are_as_if_parsed_anew),
		cmocka_unit_test(fragments_stay_right_when_put_together),
		cmocka_unit_test(later_fragments_have_their_payload_left_alone),
		cmocka_unit_test(partial_sums_follow_addresses_alone),
		cmocka_unit_test(a_routed_destination_is_not_in_the_sum),
		cmocka_unit_test(wrong_sums_stay_wrong),
		cmocka_unit_test(tags_are_pushed_changed_and_popped),
		cmocka_unit_test(arp_fields_are_written),
		cmocka_unit_test(clones_do_not_see_it),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
