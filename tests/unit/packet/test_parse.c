/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
#include "base/hash.h"
#include "frames.h"

enum {
	IP4 = XVS_PKT_IPV4,
	IP6 = XVS_PKT_IPV6,
	L4 = XVS_PKT_L4,
	FRAG = XVS_PKT_FRAG,
	LATER = XVS_PKT_LATER | XVS_PKT_FRAG,
	OPTIONS = XVS_PKT_OPTIONS
};

static struct frame frame;
static struct lent lent;
static struct pool *pool;

struct sample {
	const char *name;
	struct shape shape;
	uint32_t flags; /* without VLAN, SVLAN */
	uint16_t l3_off, l4_off;
};

static const struct sample samples[] = {
	{ "TCP", { .proto = 6, .payload = 100 }, IP4 | L4, 14, 34 },
	{ "TCP with options", { .proto = 6, .tcp_options = 10 }, IP4 | L4, 14, 34 },
	{ "UDP, padded", { .proto = 17, .payload = 3, .padding = 15 }, IP4 | L4, 14, 34 },
	{ "UDP without sum", { .proto = 17, .without_udp_sum = true }, IP4 | L4, 14, 34 },
	{ "ICMP", { .proto = 1, .payload = 56 }, IP4 | L4, 14, 34 },
	{ "SCTP", { .proto = 132, .payload = 16 }, IP4 | L4, 14, 34 },
	{ "GRE", { .proto = 47, .payload = 60 }, IP4, 14, 34 },
	{ "IPv4 options", { .proto = 6, .ip_options = 10 }, IP4 | L4 | OPTIONS, 14, 74 },
	{ "ICMPv6 in IPv4", { .proto = 58, .payload = 0 }, IP4, 14, 34 },
	{ "first fragment", { .proto = 17, .more = true, .payload = 8 }, IP4 | L4 | FRAG, 14, 34 },
	{ "later fragment", { .proto = 17, .fragment = 3, .payload = 8 }, IP4 | LATER, 14, 34 },
	{ "tag", { .proto = 6, .tags = 1 }, IP4 | L4, 14, 34 },
	{ "two tags", { .proto = 6, .tags = 2 }, IP4 | L4, 18, 38 },
	{ "TCPv6", { .is_v6 = true, .proto = 6, .payload = 100 }, IP6 | L4, 14, 54 },
	{ "UDPv6", { .is_v6 = true, .proto = 17, .payload = 9 }, IP6 | L4, 14, 54 },
	{ "ICMPv6", { .is_v6 = true, .proto = 58, .payload = 24 }, IP6 | L4, 14, 54 },
	{ "ICMP in IPv6", { .is_v6 = true, .proto = 1 }, IP6, 14, 54 },
	{ "SCTP in IPv6", { .is_v6 = true, .proto = 132 }, IP6 | L4, 14, 54 },
	{ "8 extension headers",
	  { .is_v6 = true, .proto = 6, .ip_options = 8 },
	  IP6 | L4 | OPTIONS,
	  14,
	  118 },
	{ "9 extension headers",
	  { .is_v6 = true, .proto = 6, .ip_options = 9 },
	  IP6 | OPTIONS,
	  14,
	  118 },
	{ "no next header", { .is_v6 = true, .proto = 59, .payload = 7 }, IP6, 14, 54 },
	{ "ESP", { .is_v6 = true, .proto = 50, .payload = 70 }, IP6, 14, 54 },
	{ "first fragment v6",
	  { .is_v6 = true, .proto = 6, .more = true },
	  IP6 | L4 | FRAG | OPTIONS,
	  14,
	  62 },
	{ "later fragment v6",
	  { .is_v6 = true, .proto = 60, .fragment = 9, .payload = 40 },
	  IP6 | LATER | OPTIONS,
	  14,
	  62 },
	{ "tagged v6", { .is_v6 = true, .proto = 17, .tags = 2 }, IP6 | L4, 18, 58 },
};
enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

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

static struct packet *parse_lent(uint32_t len, uint32_t linear, uint16_t *bad)
{
	struct packet *p = lend(pool, &lent, frame.bytes, len, linear);

	packet_parse(p, bad);
	return p;
}

static void assert_within(const struct packet *p)
{
	assert_true(p->x.linear <= p->x.len);
	assert_true(p->x.l3_off <= p->x.linear);
	if (p->x.flags & XVS_PKT_L4)
		assert_true(p->x.l4_off + 8u <= p->x.linear);
}

static void finds_headers(void **state)
{
	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];
		uint32_t tagged = s->shape.tags ? XVS_PKT_VLAN : 0;
		struct packet *p;
		uint16_t bad = 999;

		tagged |= s->shape.tags == 2 ? XVS_PKT_SVLAN : 0;
		build(&frame, &s->shape);
		p = load(pool, frame.bytes, frame.len);
		packet_parse(p, &bad);
		print_message("%s\n", s->name);
		assert_int_equal(bad, REASON_NONE);
		assert_int_equal(p->x.flags, s->flags | tagged);
		assert_int_equal(p->x.l3_off, s->l3_off);
		assert_int_equal(p->x.l4_off, s->l4_off);
		assert_int_equal(p->x.len, frame.len - (tagged ? 4 : 0));
		assert_int_equal(p->x.vlan_tci, tagged ? 0xa064 : 0);
		assert_memory_equal(p->x.data, frame.bytes, 12);
		if (s->flags & L4)
			assert_int_equal(p->x.l4_proto, s->shape.proto);
		packet_free(p);
	}
}

/* How a port has cut the frame into runs is nobody's business. */
static void facts_do_not_depend_on_where_the_bytes_are(void **state)
{
	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		struct packet *whole, *cut;
		uint16_t bad;

		build(&frame, &samples[i].shape);
		whole = load(pool, frame.bytes, frame.len);
		packet_parse(whole, &bad);
		for (uint32_t linear = 0; linear <= frame.len && linear <= PACKET_PARSE; linear++) {
			cut = parse_lent(frame.len, linear, &bad);
			assert_int_equal(bad, REASON_NONE);
			assert_int_equal(cut->x.flags, whole->x.flags);
			assert_int_equal(cut->x.hash, whole->x.hash);
			assert_int_equal(cut->x.len, whole->x.len);
			assert_memory_equal(&cut->x.vlan_tci, &whole->x.vlan_tci,
					    offsetof(struct xvs_packet, queue) -
						    offsetof(struct xvs_packet, vlan_tci));
			assert_within(cut);
			packet_free(cut);
		}
		packet_free(whole);
	}
}

/* No frame cut short passes, unless what was cut is padding or behind what is looked at. */
static void refuses_what_was_cut_at_any_byte(void **state)
{
	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		const struct sample *s = &samples[i];

		build(&frame, &s->shape);
		for (uint32_t len = 0; len < frame.len; len++) {
			bool is_ip = s->flags & (IP4 | IP6);
			uint32_t needed = is_ip ? frame.ip_end : 22;
			uint16_t bad;
			struct packet *p = parse_lent(len, random_below(257), &bad);

			assert_within(p);
			assert_int_equal(bad != 0, len < needed);
			assert_int_equal(bad != 0, !!(p->x.flags & XVS_PKT_BAD));
			assert_int_equal(bad == REASON_RUNT, len < 14);
			if (bad)
				assert_int_equal(p->x.flags & (IP4 | IP6 | L4 | LATER), 0);
			packet_free(p);
		}
	}
}

static void parsing_again_changes_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		struct xvs_packet before;
		struct packet *p;
		uint16_t bad;

		build(&frame, &samples[i].shape);
		p = parse_lent(frame.len, 60, &bad);
		before = p->x;
		p->x.flags |= XVS_PKT_DIRTY;
		packet_parse(p, &bad);
		if (samples[i].shape.tags < 2)
			assert_memory_equal(&before, &p->x, sizeof(before));
		assert_int_equal(before.hash, p->x.hash);
		packet_free(p);
	}
}

/* One byte of a good frame at a place behind the Ethernet type, and what becomes of it. */
struct twist {
	const char *name;
	struct shape shape;
	uint32_t at; /* from the start of IP */
	uint8_t value;
	uint16_t reason;
};

static const struct twist twists[] = {
	{ "version 5", { .proto = 6 }, 0, 0x55, REASON_BAD_HEADER },
	{ "header of 16 bytes", { .proto = 6 }, 0, 0x44, REASON_BAD_HEADER },
	{ "header behind the end", { .proto = 6 }, 0, 0x4f, REASON_BAD_HEADER },
	{ "longer than the frame", { .proto = 6 }, 3, 41, REASON_BAD_HEADER },
	{ "shorter than its header", { .proto = 6 }, 3, 19, REASON_BAD_HEADER },
	{ "TCP cut by the length", { .proto = 6 }, 3, 39, REASON_BAD_HEADER },
	{ "TCP header of 16 bytes", { .proto = 6 }, 32, 0x40, REASON_BAD_HEADER },
	{ "TCP header behind the end", { .proto = 6 }, 32, 0x60, REASON_BAD_HEADER },
	{ "UDP length of 7", { .proto = 17, .payload = 8 }, 25, 7, REASON_BAD_HEADER },
	{ "UDP length too long", { .proto = 17, .payload = 8 }, 25, 17, REASON_BAD_HEADER },
	{ "UDP length shorter", { .proto = 17, .payload = 8 }, 25, 15, REASON_NONE },
	{ "ping of death",
	  { .proto = 1, .fragment = 0x1fff, .payload = 7 },
	  0,
	  0x45,
	  REASON_BAD_HEADER },
	{ "last possible fragment",
	  { .proto = 1, .fragment = 0x1ffc, .payload = 1 },
	  0,
	  0x45,
	  REASON_NONE },
	{ "IPv6 version 4", { .is_v6 = true, .proto = 6 }, 0, 0x40, REASON_BAD_HEADER },
	{ "IPv6 too long", { .is_v6 = true, .proto = 6 }, 5, 21, REASON_BAD_HEADER },
	{ "IPv6 no payload but TCP", { .is_v6 = true, .proto = 6 }, 5, 0, REASON_BAD_HEADER },
	{ "jumbogram", { .is_v6 = true, .proto = 0, .payload = 200 }, 5, 0, REASON_BAD_HEADER },
	{ "extension behind the end",
	  { .is_v6 = true, .proto = 6, .ip_options = 1 },
	  41,
	  3,
	  REASON_BAD_HEADER },
	{ "hop-by-hop not first",
	  { .is_v6 = true, .proto = 6, .ip_options = 2 },
	  40,
	  0,
	  REASON_BAD_HEADER },
	{ "two fragment headers",
	  { .is_v6 = true, .proto = 44, .more = true, .payload = 64 },
	  0,
	  0x6b,
	  REASON_BAD_HEADER },
};

static void refuses_contradictions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(twists) / sizeof(twists[0]); i++) {
		struct packet *p;
		uint16_t bad;

		build(&frame, &twists[i].shape);
		if (twists[i].shape.proto == 44) /* the second fragment header */
			memcpy(frame.bytes + frame.l4, (const uint8_t[]){ 6, 0, 0, 1, 0, 0, 0, 1 },
			       8);
		frame.bytes[frame.l3 + twists[i].at] = twists[i].value;
		p = parse_lent(frame.len, 64, &bad);
		print_message("%s\n", twists[i].name);
		assert_int_equal(bad, twists[i].reason);
		packet_free(p);
	}
}

static void a_whole_packet_with_fragment_header_is_no_fragment(void **state)
{
	struct shape shape = { .is_v6 = true, .proto = 6, .more = true, .payload = 10 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &shape);
	frame.bytes[frame.l3 + 43] = 0;
	p = parse_lent(frame.len, 100, &bad);
	assert_int_equal(p->x.flags, IP6 | L4 | OPTIONS);
	packet_free(p);
}

static void a_first_fragment_may_lack_its_l4_header(void **state)
{
	struct shape shape = { .proto = 47, .more = true, .payload = 16 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &shape);
	frame.bytes[frame.l3 + 9] = 6;
	p = parse_lent(frame.len, 100, &bad);
	assert_int_equal(bad, REASON_NONE);
	assert_int_equal(p->x.flags, IP4 | FRAG);
	packet_free(p);
}

/* Options of 8 * 32 bytes are legal, but end behind what is looked at. */
static void headers_end_within_256_bytes(void **state)
{
	struct shape shape = { .is_v6 = true, .proto = 6, .ip_options = 1, .payload = 1000 };
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &shape);
	frame.bytes[frame.l3 + 41] = 25;
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	assert_int_equal(bad, REASON_BAD_HEADER);
	packet_free(p);
}

static void other_ethernet_is_left_alone(void **state)
{
	static const uint16_t types[] = { 0x0026, 0x05ff, 0x88cc, 0x9100, 0xffff };

	(void)state;
	build(&frame, &(struct shape){ .proto = 6 });
	for (int i = 0; i < 5; i++) {
		struct packet *p;
		uint16_t bad;

		put_be16(frame.bytes + 12, types[i]);
		p = parse_lent(frame.len, 20, &bad);
		assert_int_equal(bad, REASON_NONE);
		assert_int_equal(p->x.flags, 0);
		assert_int_equal(p->x.ethertype, types[i]);
		packet_free(p);
	}
}

static void arp_is_whole_or_bad(void **state)
{
	struct packet *p;
	uint16_t bad;

	(void)state;
	memcpy(frame.bytes + 12, (const uint8_t[]){ 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 }, 10);
	for (uint32_t len = 14; len <= 60; len++) {
		p = parse_lent(len, 14, &bad);
		assert_int_equal(bad, len < 42 ? REASON_BAD_HEADER : REASON_NONE);
		assert_true(bad || p->x.linear >= 42);
		packet_free(p);
	}
	frame.bytes[18] = 255; /* a hardware address as long as that is not for us to judge */
	frame.bytes[19] = 255;
	p = parse_lent(2000, 14, &bad);
	assert_int_equal(bad, REASON_BAD_HEADER);
	packet_free(p);
}

/* Tags of these numbers in front of a frame of TCP; the first may be beside the bytes, as of type 0x88a8. */
static struct packet *parse_tags(const uint16_t *tags, uint32_t count, bool is_given, uint16_t *bad)
{
	uint8_t bytes[256];
	uint32_t in_bytes = count - is_given;
	struct packet *p;

	build(&frame, &(struct shape){ .proto = 6 });
	memcpy(bytes, frame.bytes, 12);
	for (uint32_t i = 0; i < in_bytes; i++) {
		put_be16(bytes + 12 + 4 * i, 0x8100);
		put_be16(bytes + 14 + 4 * i, tags[i + is_given]);
	}
	memcpy(bytes + 12 + 4 * in_bytes, frame.bytes + 12, frame.len - 12);
	p = load(pool, bytes, frame.len + 4 * in_bytes);
	p->x.flags |= is_given ? XVS_PKT_VLAN | XVS_PKT_SVLAN : 0;
	p->x.vlan_tci = is_given ? tags[0] : 0;
	packet_parse(p, bad);
	return p;
}

/* Who receives them steps over any number, so what is behind them must not stay unseen. */
static void tags_of_vlan_zero_hide_nothing(void **state)
{
	static const struct {
		uint16_t tags[12];
		uint32_t count;
		uint16_t tci, l3_off;
		bool is_first; /* the tag that stays */
	} cases[] = {
		{ { 0xa000 }, 1, 0xa000, 14, true },
		{ { 0, 0xa000 }, 2, 0xa000, 14, false },
		{ { 0, 0, 0 }, 3, 0, 14, false },
		{ { 0, 5 }, 2, 5, 14, false },
		{ { 0, 0, 0, 5, 6 }, 5, 5, 18, false },
		{ { 5, 0 }, 2, 5, 18, true },
		{ { 0 }, 12, 0, 14, false },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int is_given = 0; is_given < 2; is_given++) {
			struct packet *p;
			uint16_t bad;

			p = parse_tags(cases[i].tags, cases[i].count, is_given, &bad);
			assert_int_equal(bad, REASON_NONE);
			assert_int_equal(p->x.vlan_tci, cases[i].tci);
			assert_int_equal(p->x.l3_off, cases[i].l3_off);
			assert_int_equal(p->x.ethertype, 0x0800);
			assert_int_equal(p->x.flags & ~(uint32_t)XVS_PKT_SVLAN,
					 IP4 | L4 | XVS_PKT_VLAN);
			assert_int_equal((p->x.flags & XVS_PKT_SVLAN) != 0,
					 is_given && cases[i].is_first);
			packet_free(p);
		}
	}
}

static void refuses_three_tags(void **state)
{
	static const uint16_t all[][4] = { { 5, 6, 7 }, { 5, 0, 0 }, { 0, 5, 0, 0 } };
	struct packet *p;
	uint16_t bad;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		p = parse_tags(all[i], i == 2 ? 4 : 3, false, &bad);
		assert_int_equal(bad, REASON_BAD_HEADER);
		packet_free(p);
	}
}

static void a_port_may_have_taken_the_tag(void **state)
{
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .tags = 1 });
	p = lend(pool, &lent, frame.bytes, frame.len, 50);
	p->x.flags = XVS_PKT_VLAN | XVS_PKT_SVLAN;
	p->x.vlan_tci = 7;
	packet_parse(p, &bad);
	assert_int_equal(p->x.flags, IP4 | L4 | XVS_PKT_VLAN | XVS_PKT_SVLAN);
	assert_int_equal(p->x.vlan_tci, 7);
	assert_int_equal(p->x.l3_off, 18);
	packet_free(p);
}

static void taking_a_tag_spares_the_clone(void **state)
{
	struct packet *p, *clone;
	uint8_t out[14];
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .tags = 1, .payload = 600 });
	p = load(pool, frame.bytes, frame.len);
	clone = packet_clone(p);
	assert_true(p->x.flags & XVS_PKT_SHARED);
	packet_parse(p, &bad);
	assert_true(packet_read(clone, 0, out, 14));
	assert_memory_equal(out, frame.bytes, 14);
	assert_false(p->x.flags & XVS_PKT_SHARED);
	packet_free(p);
	packet_free(clone);
}

static void too_long_frames_are_refused(void **state)
{
	struct packet *p;
	uint16_t bad;

	(void)state;
	frame.bytes[12] = 0x88;
	frame.bytes[13] = 0xb5;
	p = parse_lent(PACKET_MAX, 100, &bad);
	assert_int_equal(bad, REASON_NONE);
	packet_free(p);
	p = parse_lent(PACKET_MAX + 1, 100, &bad);
	assert_int_equal(bad, REASON_TOO_LONG);
	packet_free(p);
}

static void no_memory_to_pull_into_is_a_reason(void **state)
{
	struct pool *poor = pool_create(&(struct pool_limits){ .packets = 1 });
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .ip_options = 10, .tcp_options = 10 });
	p = lend(poor, &lent, frame.bytes, frame.len, 40);
	p->x.data = memmove(p->x.data + 250, p->x.data, 6);
	p->x.linear = 6;
	p->tail = &(struct iovec){ frame.bytes + 6, frame.len - 6 };
	p->tail_count = 1;
	packet_parse(p, &bad);
	assert_int_equal(bad, REASON_POOL);
	packet_free(p);
	pool_destroy(poor);
}

/* ---- hash ------------------------------------------------------------------------------------ */

static uint32_t hash_of_frame(void)
{
	uint16_t bad;
	struct packet *p = parse_lent(frame.len, 128, &bad);
	uint32_t hash = p->x.hash;

	assert_int_equal(bad, REASON_NONE);
	packet_free(p);
	return hash;
}

static void swap(uint8_t *a, uint8_t *b, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

static void turn_round(const struct shape *s)
{
	uint8_t *ip = frame.bytes + frame.l3;

	swap(frame.bytes, frame.bytes + 6, 6);
	if (s->is_v6)
		swap(ip + 8, ip + 24, 16);
	else
		swap(ip + 12, ip + 16, 4);
	if (s->proto != 1 && s->proto != 58 && !s->fragment)
		swap(frame.bytes + frame.l4, frame.bytes + frame.l4 + 2, 2);
}

static void both_directions_hash_alike(void **state)
{
	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t there;

		if (samples[i].shape.proto == 47 || samples[i].shape.proto == 50 ||
		    samples[i].shape.proto == 59)
			continue; /* no ports to swap in this frame */
		build(&frame, &samples[i].shape);
		there = hash_of_frame();
		turn_round(&samples[i].shape);
		assert_int_equal(there, hash_of_frame());
	}
}

static void ports_tell_flows_apart_but_not_fragments(void **state)
{
	struct shape shape = { .proto = 17, .payload = 8 };
	uint32_t hash;

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		shape.is_v6 = v6;
		shape.more = false;
		build(&frame, &shape);
		hash = hash_of_frame();
		frame.bytes[frame.l4]++;
		assert_int_not_equal(hash, hash_of_frame());
		shape.more = true;
		build(&frame, &shape);
		hash = hash_of_frame();
		frame.bytes[frame.l4]++;
		assert_int_equal(hash, hash_of_frame());
		shape.fragment = 5;
		build(&frame, &shape);
		assert_int_equal(hash, hash_of_frame());
		shape.fragment = 0;
	}
}

static void hashes_spread(void **state)
{
	uint32_t buckets[256] = { 0 };

	(void)state;
	build(&frame, &(struct shape){ .proto = 6 });
	for (uint32_t i = 0; i < 25600; i++) {
		put_be16(frame.bytes + frame.l4, (uint16_t)i);
		buckets[hash_of_frame() & 255]++;
	}
	for (int i = 0; i < 256; i++)
		assert_in_range(buckets[i], 40, 180); /* 100 expected, deviation 10 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_headers),
		cmocka_unit_test(facts_do_not_depend_on_where_the_bytes_are),
		cmocka_unit_test(refuses_what_was_cut_at_any_byte),
		cmocka_unit_test(parsing_again_changes_nothing),
		cmocka_unit_test(refuses_contradictions),
		cmocka_unit_test(a_whole_packet_with_fragment_header_is_no_fragment),
		cmocka_unit_test(a_first_fragment_may_lack_its_l4_header),
		cmocka_unit_test(headers_end_within_256_bytes),
		cmocka_unit_test(other_ethernet_is_left_alone),
		cmocka_unit_test(arp_is_whole_or_bad),
		cmocka_unit_test(tags_of_vlan_zero_hide_nothing),
		cmocka_unit_test(refuses_three_tags),
		cmocka_unit_test(a_port_may_have_taken_the_tag),
		cmocka_unit_test(taking_a_tag_spares_the_clone),
		cmocka_unit_test(too_long_frames_are_refused),
		cmocka_unit_test(no_memory_to_pull_into_is_a_reason),
		cmocka_unit_test(both_directions_hash_alike),
		cmocka_unit_test(ports_tell_flows_apart_but_not_fragments),
		cmocka_unit_test(hashes_spread),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
