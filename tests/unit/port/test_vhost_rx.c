/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Packets out of a guest: every length, chains of every shape, both kinds of ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/ring_guest.h"

enum { HEADER = 12, SPLIT_SIZE = 256, PACKED_SIZE = 200 };

static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

static struct guest *guest_of_kind(uint32_t k, uint64_t features)
{
	return guest_with(kinds[k] | features, k ? PACKED_SIZE : SPLIT_SIZE);
}

static uint64_t random_state = 1;

static uint32_t some(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static void fill(struct guest *g, uint64_t at, uint32_t len)
{
	uint8_t *b = guest_at(g, at);

	for (uint32_t i = 0; i < len; i++)
		b[i] = (uint8_t)some(256);
}

/* A packet of header and frame somewhere in memory. */
static uint64_t make_packet(struct guest *g, uint32_t header, uint32_t len)
{
	uint64_t at = guest_alloc(g, header + len, 1);

	memset(guest_at(g, at), 0, header);
	fill(g, at + header, len);
	return at;
}

static void assert_bytes(const struct packet *p, const uint8_t *bytes, uint32_t len)
{
	static uint8_t got[PACKET_MAX];

	assert_int_equal(p->x.len, len);
	assert_int_equal(p->x.linear, p->tail_count ? PACKET_HEAD : p->x.len);
	assert_true(packet_read(p, 0, got, len));
	assert_memory_equal(got, bytes, len);
}

static void assert_given_back(struct guest_ring *r, int nr)
{
	uint32_t len;

	assert_int_equal(guest_used(r, &len), nr);
}

static void takes_every_length(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		uint64_t memory = g->mark;

		for (uint32_t len = 14; len <= PACKET_MAX; len += len < 300 ? 1 : 1 + some(700)) {
			const struct guest_piece one = { make_packet(g, HEADER, len),
							 HEADER + len };
			int nr = guest_post(g->rings[1], &one, 1, 0);
			struct packet *p;

			assert_int_equal(guest_rx(g, 0, &p, 64), 1);
			assert_bytes(p, guest_at(g, one.at) + HEADER, len);
			guest_rx_done(g, 0, &p, 1);
			assert_given_back(g->rings[1], nr);
			g->mark = memory;
		}
		assert_int_equal(pool_packets_left(g->pool), 1024);
		guest_destroy(g);
	}
}

static void gives_back_what_is_no_packet(void **state)
{
	static const uint32_t lengths[] = { 1,      11,          12,
					    13,     HEADER + 13, HEADER + PACKET_MAX + 1,
					    1000000 };

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);

		for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			const struct guest_piece one = { GUEST_HIGH, lengths[i] };
			int nr = guest_post(g->rings[1], &one, 1, 0);
			struct packet *p;

			assert_int_equal(guest_rx(g, 0, &p, 64), 0);
			assert_given_back(g->rings[1], nr);
			assert_int_equal(g->d.rings[1].bad, i + 1);
		}
		assert_false(vhost_is_broken(&g->d));
		guest_destroy(g);
	}
}

/* Cuts [at, at + len) into pieces, a few of them of no length. */
static uint32_t cut(uint64_t at, uint32_t len, uint32_t max_pieces, struct guest_piece *pieces)
{
	uint32_t count = 0;

	while (len > 0 && count + 1 < max_pieces) {
		uint32_t take = 1 + some(len < 200 ? len : some(2) ? 20 : len);

		if (some(10) == 0 && count + 2 < max_pieces)
			pieces[count++] = (struct guest_piece){ at, 0 };
		if (take > len)
			take = len;
		pieces[count++] = (struct guest_piece){ at, take };
		at += take;
		len -= take;
	}
	if (len > 0)
		pieces[count++] = (struct guest_piece){ at, len };
	return count;
}

static int post_shape(struct guest *g, uint64_t at, uint32_t len, uint32_t max)
{
	struct guest_piece pieces[GUEST_PIECES];
	uint32_t count = cut(at, len, max, pieces);

	if (some(2))
		return guest_post(g->rings[1], pieces, count, 0);
	return guest_post_table(g, g->rings[1], guest_alloc(g, count * 16, 1), pieces, count);
}

struct posted {
	int nr;
	uint64_t at;
	uint32_t len;
};

/* Posts up to 'count' packets of random shapes, and takes them out, byte for byte. */
static void round_of_shapes(struct guest *g, uint32_t header, uint32_t count)
{
	struct posted posted[64];
	struct packet *pkts[64];
	uint64_t memory = g->mark;
	uint32_t made = 0;

	for (; made < count; made++) {
		struct posted *o = &posted[made];

		o->len = some(8) ? 14 + some(2000) : 14 + some(PACKET_MAX - 14);
		o->at = make_packet(g, header, o->len);
		o->nr = post_shape(g, o->at, header + o->len, 1 + some(some(4) ? 4 : 79));
		if (o->nr < 0)
			break;
	}
	for (uint32_t done = 0; done < made;) {
		uint32_t got = guest_rx(g, 0, pkts, 64);

		assert_true(got > 0 && got <= made - done);
		for (uint32_t i = 0; i < got; i++)
			assert_bytes(pkts[i], guest_at(g, posted[done + i].at) + header,
				     posted[done + i].len);
		guest_rx_done(g, 0, pkts, got);
		for (uint32_t i = 0; i < got; i++)
			assert_given_back(g->rings[1], posted[done + i].nr);
		done += got;
	}
	g->mark = memory;
}

static void takes_every_shape(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);

		for (uint32_t i = 0; i < 1000; i++)
			round_of_shapes(g, HEADER, 1 + some(64));
		assert_false(vhost_is_broken(&g->d));
		assert_int_equal(g->d.rings[1].bad, 0);
		assert_int_equal(pool_packets_left(g->pool), 1024);
		guest_destroy(g);
	}
}

static void takes_short_headers_of_old_drivers(void **state)
{
	struct guest *g = guest_with(0, SPLIT_SIZE);

	(void)state;
	g->view->features &=
		~(UINT64_C(1) << VHOST_F_VERSION_1 | UINT64_C(1) << VHOST_NET_MRG_RXBUF);
	for (uint32_t i = 0; i < 100; i++)
		round_of_shapes(g, 10, 1 + some(64));
	guest_destroy(g);
}

static void reads_the_offload_header(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		static const uint8_t header[HEADER] = { 1, 1, 66, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0 };
		uint64_t at = make_packet(g, HEADER, 3000);
		const struct guest_piece pieces[] = { { at, 5 },
						      { at + 5, 7 },
						      { at + HEADER, 3000 } };
		struct packet *p;

		memcpy(guest_at(g, at), header, HEADER);
		(void)guest_post(g->rings[1], pieces, 3, 0);
		assert_int_equal(guest_rx(g, 0, &p, 64), 1);
		assert_int_equal(p->x.gso_type, 1);
		assert_int_equal(p->x.gso_size, 1460);
		assert_true(p->x.flags & XVS_PKT_CSUM_TODO);
		assert_int_equal(p->x.csum_start, 34);
		assert_int_equal(p->x.csum_off, 16);
		assert_bytes(p, guest_at(g, at) + HEADER, 3000);
		guest_rx_done(g, 0, &p, 1);
		guest_destroy(g);
	}
}

static void leaves_packets_that_the_pool_has_no_room_for(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		const struct guest_piece one = { make_packet(g, HEADER, 100), HEADER + 100 };
		struct packet *held[1024];
		struct packet *pkts[64];

		for (uint32_t i = 0; i < 1000; i++)
			held[i] = packet_new(g->pool);
		for (uint32_t i = 0; i < 64; i++)
			(void)guest_post(g->rings[1], &one, 1, 0);
		assert_int_equal(guest_rx(g, 0, pkts, 64), 24);
		vhost_rx_done(&g->d.backend, 0);
		assert_int_equal(guest_rx(g, 0, held, 64), 0);
		packet_free_burst(g->pool, pkts, 24);
		assert_int_equal(guest_rx(g, 0, pkts, 64), 24);
		guest_rx_done(g, 0, pkts, 24);
		guest_destroy(g);
	}
}

static bool wants_kick(const struct guest *g, uint16_t before)
{
	const struct guest_ring *r = g->rings[1];
	uint16_t word;

	if (r->is_packed)
		return *(const uint16_t *)(const void *)(r->device + 2) != 1;
	if (!vhost_has(g->view->features, VHOST_RING_EVENT_IDX))
		return !(*(const uint16_t *)(const void *)r->device & 1);
	memcpy(&word, r->device + 4 + 8u * r->size, 2);
	return (uint16_t)(r->avail - word - 1) < (uint16_t)(r->avail - before);
}

static void asks_for_kicks_only_before_sleep(void **state)
{
	static const uint64_t events[] = { 0, UINT64_C(1) << VHOST_RING_EVENT_IDX };

	(void)state;
	for (uint32_t n = 0; n < 4; n++) {
		struct guest *g = guest_of_kind(n / 2, events[n % 2]);
		const struct guest_piece one = { make_packet(g, HEADER, 100), HEADER + 100 };
		uint16_t before = g->rings[1]->avail;
		struct packet *pkts[64];

		/* a ring starts with kicks on: its worker may be asleep */
		(void)guest_post(g->rings[1], &one, 1, 0);
		assert_true(wants_kick(g, before));
		assert_int_equal(guest_rx(g, 0, pkts, 64), 1);
		guest_rx_done(g, 0, pkts, 1);
		before = g->rings[1]->avail;
		(void)guest_post(g->rings[1], &one, 1, 0);
		assert_false(wants_kick(g, before));

		assert_true(vhost_arm(&g->d.backend, 0)); /* something is there: do not sleep */
		assert_int_equal(guest_rx(g, 0, pkts, 64), 1);
		guest_rx_done(g, 0, pkts, 1);
		assert_false(vhost_arm(&g->d.backend, 0));
		before = g->rings[1]->avail;
		(void)guest_post(g->rings[1], &one, 1, 0);
		assert_true(wants_kick(g, before));
		vhost_disarm(&g->d.backend, 0);
		before = g->rings[1]->avail;
		(void)guest_post(g->rings[1], &one, 1, 0);
		assert_false(wants_kick(g, before));
		guest_destroy(g);
	}
}

static void announces_a_guest_that_has_moved(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
	struct guest *g = guest_of_kind(0, 0);
	struct packet *p;

	(void)state;
	memcpy(g->d.rarp_mac, mac, 6);
	atomic_store(&g->d.rarp_due, 1);
	assert_true(vhost_arm(&g->d.backend, 0));
	assert_int_equal(guest_rx(g, 0, &p, 64), 1);
	assert_int_equal(p->x.len, 60);
	assert_int_equal(p->x.data[0], 0xff);
	assert_memory_equal(p->x.data + 6, mac, 6);
	assert_memory_equal(p->x.data + 12, "\x80\x35\x00\x01\x08\x00\x06\x04\x00\x03", 10);
	assert_memory_equal(p->x.data + 22, mac, 6);
	assert_memory_equal(p->x.data + 32, mac, 6);
	guest_rx_done(g, 0, &p, 1);
	assert_int_equal(guest_rx(g, 0, &p, 64), 0);
	guest_destroy(g);
}

/* What another switch took and never gave back stays lost; it is not read a second time. */
static void begins_behind_what_another_lost(void **state)
{
	struct guest *g = guest_of_kind(0, 0);
	struct guest_ring *r = g->rings[1];
	const struct guest_piece one = { make_packet(g, HEADER, 100), HEADER + 100 };
	struct packet *pkts[64];

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		(void)guest_post(r, &one, 1, 0);
	vhost_ring_forget(&g->d.rings[1]);
	vhost_ring_start(&g->d.rings[1], g->view, 2);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(guest_rx(g, 0, pkts, 1), 1);
		guest_rx_done(g, 0, pkts, 1);
	}
	assert_int_equal(guest_rx(g, 0, pkts, 1), 0);
	assert_int_equal(vhost_ring_stop(&g->d.rings[1], g->view), 5);
	guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_length),
		cmocka_unit_test(gives_back_what_is_no_packet),
		cmocka_unit_test(takes_every_shape),
		cmocka_unit_test(takes_short_headers_of_old_drivers),
		cmocka_unit_test(reads_the_offload_header),
		cmocka_unit_test(leaves_packets_that_the_pool_has_no_room_for),
		cmocka_unit_test(asks_for_kicks_only_before_sleep),
		cmocka_unit_test(begins_behind_what_another_lost),
		cmocka_unit_test(announces_a_guest_that_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
