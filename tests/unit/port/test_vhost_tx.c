/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Packets to a guest: every length into buffers of every shape, several rings, room that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/eventfd.h>

#include "port/ring_guest.h"

enum { HEADER = 12, SPLIT_SIZE = 256, PACKED_SIZE = 200, SLICE = 4096 };

static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

static uint64_t random_state = 7;

static uint32_t some(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static struct guest *guest_of_kind(uint32_t k, uint64_t features)
{
	return guest_with(kinds[k] | features, k ? PACKED_SIZE : SPLIT_SIZE);
}

/* A packet of random bytes: some private, the rest lent in a few runs, as rx() would give it. */
struct source {
	uint8_t bytes[PACKET_MAX];
	struct iovec runs[8];
};

static struct packet *make_packet(struct guest *g, struct source *s, uint32_t len)
{
	struct packet *p = packet_new(g->pool);
	uint32_t at = len < PACKET_HEAD ? len : PACKET_HEAD;

	assert_non_null(p);
	for (uint32_t i = 0; i < len; i++)
		s->bytes[i] = (uint8_t)some(256);
	memcpy(p->x.data, s->bytes, at);
	p->x.linear = at;
	p->x.len = len;
	p->tail = s->runs;
	while (at < len) {
		bool is_last = p->tail_count == 7;
		uint32_t take = is_last ? len - at : 1 + some(len - at);

		s->runs[p->tail_count++] = (struct iovec){ s->bytes + at, take };
		at += take;
	}
	return p;
}

/* A buffer to receive into of 'len' bytes in up to 'max' pieces; where it is, by number. */
static struct guest_piece buffers[VHOST_SIZE_MAX][4];
static uint32_t buffer_pieces[VHOST_SIZE_MAX];

static int post_buffer(struct guest *g, struct guest_ring *r, uint32_t len, uint32_t pieces)
{
	struct guest_piece list[4];
	uint32_t count = 0;
	int nr;

	for (; count + 1 < pieces && len > 1; count++) {
		uint32_t take = 1 + some(len - 1);

		list[count] = (struct guest_piece){ guest_alloc_high(g, take), take };
		len -= take;
	}
	list[count++] = (struct guest_piece){ guest_alloc_high(g, len), len };
	if (some(2))
		nr = guest_post(r, list, count, 0);
	else
		nr = guest_post_table(g, r, guest_alloc(g, count * 16, 1), list, count);
	if (nr >= 0) {
		memcpy(buffers[nr], list, sizeof(list));
		buffer_pieces[nr] = count;
	}
	return nr;
}

/* What the device wrote into a buffer, gathered. */
static uint32_t gather(struct guest *g, int nr, uint32_t len, uint8_t *to)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < buffer_pieces[nr] && done < len; i++) {
		uint32_t take = buffers[nr][i].len < len - done ? buffers[nr][i].len : len - done;

		memcpy(to + done, guest_at(g, buffers[nr][i].at), take);
		done += take;
	}
	assert_int_equal(done, len);
	return done;
}

/* The next packet in the ring, header in front; its length, 0: none. */
static uint32_t take_packet(struct guest *g, struct guest_ring *r, uint8_t *to, uint32_t *merged)
{
	uint32_t total;
	uint32_t len;
	int nr = guest_used(r, &len);

	*merged = 0;
	if (nr < 0)
		return 0;
	total = gather(g, nr, len, to);
	*merged = (uint32_t)(to[10] | to[11] << 8);
	for (uint32_t i = 1; i < *merged; i++) {
		nr = guest_used(r, &len);
		assert_true(nr >= 0);
		total += gather(g, nr, len, to + total);
	}
	return total;
}

static uint32_t send(struct guest *g, struct packet *const *pkts, uint32_t count)
{
	return vhost_tx(&g->d.backend, 0, pkts, count);
}

static void assert_arrives(struct guest *g, struct guest_ring *r, const struct source *s,
			   uint32_t len, uint32_t merged)
{
	static uint8_t got[HEADER + PACKET_MAX];
	uint32_t count;

	assert_int_equal(take_packet(g, r, got, &count), HEADER + len);
	if (merged)
		assert_int_equal(count, merged);
	assert_memory_equal(got, "\0\0\0\0\0\0\0\0\0\0", 10);
	assert_memory_equal(got + HEADER, s->bytes, len);
}

static void writes_every_length(void **state)
{
	static struct source s;

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);

		for (uint32_t len = 14; len <= PACKET_MAX; len += len < 300 ? 1 : 1 + some(900)) {
			struct packet *p = make_packet(g, &s, len);
			uint64_t low = g->mark;
			uint64_t high = g->mark_high;

			assert_true(post_buffer(g, g->rings[0], HEADER + len + some(2), 1) >= 0);
			assert_int_equal(send(g, &p, 1), 1);
			assert_arrives(g, g->rings[0], &s, len, 1);
			packet_free(p);
			g->mark = low;
			g->mark_high = high;
		}
		assert_int_equal(g->d.rings[0].bad, 0);
		guest_destroy(g);
	}
}

/* As many buffers as the ring holds, then packets until there is no room, byte for byte. */
static void round_of_shapes(struct guest *g, struct source *sources)
{
	struct packet *pkts[64];
	uint32_t lens[64];
	uint32_t sent;
	uint32_t bytes = 64 + some(some(2) ? 200 : 3000);

	while (post_buffer(g, g->rings[0], bytes / 2 + some(bytes), 1 + some(4)) >= 0)
		;
	for (uint32_t i = 0; i < 64; i++) {
		lens[i] = some(10) ? 14 + some(1600) : 14 + some(PACKET_MAX - 14);
		pkts[i] = make_packet(g, &sources[i], lens[i]);
	}
	sent = send(g, pkts, 64);
	for (uint32_t i = 0; i < sent; i++)
		assert_arrives(g, g->rings[0], &sources[i], lens[i], 0);
	packet_free_burst(g->pool, pkts, 64);
}

static void merges_buffers_of_every_shape(void **state)
{
	struct source *sources = calloc(64, sizeof(*sources));

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		uint64_t low = g->mark;

		for (uint32_t i = 0; i < 100; i++) {
			round_of_shapes(g, sources);
			if (g->mark_high > GUEST_HIGH + GUEST_HALF / 2 && g->rings[0]->room > 190) {
				g->mark_high = GUEST_HIGH;
				g->mark = low;
			}
			if (g->mark_high > GUEST_HIGH + GUEST_HALF * 3 / 4)
				break;
		}
		assert_false(vhost_is_broken(&g->d));
		assert_true(g->d.rings[0].packets > 100);
		guest_destroy(g);
	}
	free(sources);
}

static void drops_what_fits_no_buffer_where_they_do_not_merge(void **state)
{
	static struct source s[3];

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		struct packet *pkts[3];

		g->view->features &= ~(UINT64_C(1) << VHOST_NET_MRG_RXBUF);
		for (uint32_t i = 0; i < 3; i++) {
			assert_true(post_buffer(g, g->rings[0], HEADER + 1000, 3) >= 0);
			pkts[i] = make_packet(g, &s[i], i == 1 ? 1001 : 1000);
		}
		/* the packet is gone, the buffer is not */
		assert_int_equal(send(g, pkts, 3), 3);
		assert_int_equal(g->d.rings[0].bad, 1);
		assert_arrives(g, g->rings[0], &s[0], 1000, 1);
		assert_arrives(g, g->rings[0], &s[2], 1000, 1);
		assert_int_equal(send(g, pkts, 1), 1);
		assert_int_equal(send(g, pkts, 1), 0);
		packet_free_burst(g->pool, pkts, 3);
		guest_destroy(g);
	}
}

static void takes_the_first_packets_where_room_ends(void **state)
{
	static struct source s[8];

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		struct packet *pkts[8];

		for (uint32_t i = 0; i < 5; i++)
			assert_true(post_buffer(g, g->rings[0], HEADER + 100, 1) >= 0);
		for (uint32_t i = 0; i < 8; i++)
			pkts[i] = make_packet(g, &s[i], i == 2 ? 150 : 90);
		assert_int_equal(send(g, pkts, 8), 4); /* 1, 1, 2 and 1 buffers */
		assert_int_equal(g->d.rings[0].full, 1);
		assert_int_equal(send(g, pkts + 4, 4), 0);
		for (uint32_t i = 0; i < 4; i++)
			assert_arrives(g, g->rings[0], &s[i], pkts[i]->x.len, i == 2 ? 2 : 1);
		packet_free_burst(g->pool, pkts, 8);
		guest_destroy(g);
	}
}

static void puts_the_tag_back_and_tells_of_checksums(void **state)
{
	static uint8_t got[HEADER + 2000];
	static struct source s;

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		struct packet *p = make_packet(g, &s, 500);
		uint32_t merged;

		p->x.flags = XVS_PKT_VLAN | XVS_PKT_CSUM_OK;
		p->x.vlan_tci = 0x6123;
		(void)post_buffer(g, g->rings[0], 2000, 1);
		assert_int_equal(send(g, &p, 1), 1);
		assert_int_equal(take_packet(g, g->rings[0], got, &merged), HEADER + 504);
		assert_memory_equal(got, "\2\0\0\0\0\0\0\0\0\0\1\0", HEADER);
		assert_memory_equal(got + HEADER, s.bytes, 12);
		assert_memory_equal(got + HEADER + 12, "\x81\x00\x61\x23", 4);
		assert_memory_equal(got + HEADER + 16, s.bytes + 12, 488);

		p->x.flags = XVS_PKT_CSUM_TODO;
		p->x.csum_start = 34;
		p->x.csum_off = 16;
		(void)post_buffer(g, g->rings[0], 2000, 1);
		assert_int_equal(send(g, &p, 1), 1);
		assert_int_equal(take_packet(g, g->rings[0], got, &merged), HEADER + 500);
		assert_memory_equal(got, "\1\0\0\0\0\0\x22\0\x10\0\1\0", HEADER);
		packet_free(p);
		guest_destroy(g);
	}
}

static void says_nothing_of_checksums_to_who_did_not_ask(void **state)
{
	static uint8_t got[HEADER + 200];
	static struct source s;
	struct guest *g = guest_of_kind(0, 0);
	struct packet *p = make_packet(g, &s, 100);
	uint32_t merged;

	(void)state;
	g->view->features &= ~(UINT64_C(1) << VHOST_NET_GUEST_CSUM);
	p->x.flags = XVS_PKT_CSUM_OK;
	(void)post_buffer(g, g->rings[0], 200, 1);
	assert_int_equal(send(g, &p, 1), 1);
	assert_int_equal(take_packet(g, g->rings[0], got, &merged), HEADER + 100);
	assert_int_equal(got[0], 0);
	packet_free(p);
	guest_destroy(g);
}

static void keeps_a_flow_in_one_of_the_rings_that_run(void **state)
{
	static struct source s[64];
	static uint8_t got[HEADER + 200];

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_create(3, 1);
		struct packet *pkts[64];
		uint32_t merged;

		g->view->features |= kinds[k];
		for (uint32_t nr = 0; nr < 6; nr += 4) /* the pair in the middle does not run */
			(void)guest_add_ring(g, nr, 64);
		guest_start(g);
		for (uint32_t i = 0; i < 64; i++) {
			(void)post_buffer(g, g->rings[0], HEADER + 100, 1);
			if (i < 40)
				(void)post_buffer(g, g->rings[4], HEADER + 100, 1);
			pkts[i] = make_packet(g, &s[i], 100);
			pkts[i]->x.hash = i % 4 < 2 ? i << 20 : 0xf0000000u + i;
		}
		assert_int_equal(send(g, pkts, 64), 64);
		for (uint32_t i = 0; i < 64; i++) {
			struct guest_ring *r = g->rings[i % 4 < 2 ? 0 : 4];

			assert_true(take_packet(g, r, got, &merged) == HEADER + 100);
		}
		/* 32 of 64 went to the ring with 40: where 8 more are taken the burst ends */
		for (uint32_t i = 0; i < 64; i++)
			pkts[i]->x.hash = i < 20 ? 0 : 0xf0000000u;
		assert_int_equal(send(g, pkts, 64), 28);
		packet_free_burst(g->pool, pkts, 64);
		guest_destroy(g);
	}
}

static uint64_t calls(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void set_event(struct guest_ring *r, uint16_t position)
{
	uint32_t word = position | 2u << 16;

	if (r->is_packed)
		memcpy(r->driver, &word, 4);
	else
		memcpy(r->driver + 4 + 2u * r->size, &position, 2);
}

static void interrupts_when_the_event_index_is_passed(void **state)
{
	static struct source s[64];

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, UINT64_C(1) << VHOST_RING_EVENT_IDX);
		struct guest_ring *r = g->rings[0];
		struct packet *pkts[64];
		uint64_t low = g->mark;
		uint32_t len;

		g->view->rings[0].call = eventfd(0, EFD_NONBLOCK);
		for (uint32_t i = 0; i < 64; i++)
			pkts[i] = make_packet(g, &s[i], 60);
		/* laps enough that every place of the ring and both wraps are the event once */
		for (uint32_t turn = 0; turn < 2000; turn++) {
			uint32_t before = some(10);
			uint32_t behind = some(10);
			uint16_t event = r->used;

			g->mark = low;
			g->mark_high = GUEST_HIGH;
			for (uint32_t i = 0; i < before + 1 + behind; i++)
				(void)post_buffer(g, r, 100, 1);
			event = r->is_packed ? guest_forward(r, event, before)
					     : (uint16_t)(event + before);
			set_event(r, event);
			if (before) {
				assert_int_equal(send(g, pkts, before), before);
				assert_int_equal(calls(g->view->rings[0].call), 0);
			}
			assert_int_equal(send(g, pkts, 1), 1);
			assert_int_equal(calls(g->view->rings[0].call), 1);
			if (behind) {
				assert_int_equal(send(g, pkts, behind), behind);
				assert_int_equal(calls(g->view->rings[0].call), 0);
			}
			while (guest_used(r, &len) >= 0)
				;
		}
		packet_free_burst(g->pool, pkts, 64);
		(void)close(g->view->rings[0].call);
		guest_destroy(g);
	}
}

static void interrupts_unless_told_not_to(void **state)
{
	static struct source s;

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k, 0);
		struct packet *p = make_packet(g, &s, 60);
		uint16_t *flags = (uint16_t *)(void *)(g->rings[0]->driver + (k ? 2 : 0));

		g->view->rings[0].call = eventfd(0, EFD_NONBLOCK);
		for (uint32_t i = 0; i < 4; i++)
			(void)post_buffer(g, g->rings[0], 100, 1);
		assert_int_equal(send(g, &p, 1), 1);
		assert_int_equal(calls(g->view->rings[0].call), 1);
		*flags = 1;
		assert_int_equal(send(g, &p, 1), 1);
		assert_int_equal(calls(g->view->rings[0].call), 0);
		packet_free(p);
		(void)close(g->view->rings[0].call);
		guest_destroy(g);
	}
}

/* What one guest sends arrives at the other without being touched in between. */
static void goes_from_guest_to_guest(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *a = guest_of_kind(k, 0);
		struct guest *b = guest_of_kind(1 - k, 0);
		static uint8_t got[HEADER + PACKET_MAX];
		uint64_t memory = a->mark;

		for (uint32_t turn = 0; turn < 300; turn++) {
			uint32_t len = 14 + some(some(4) ? 3000 : PACKET_MAX - 13);
			uint64_t at = guest_alloc(a, HEADER + len, 1);
			const struct guest_piece pieces[2] = {
				{ at, HEADER + len / 2 }, { at + HEADER + len / 2, len - len / 2 }
			};
			uint32_t merged;
			struct packet *p;

			memset(guest_at(a, at), 0, HEADER);
			for (uint32_t i = 0; i < len; i++)
				guest_at(a, at)[HEADER + i] = (uint8_t)some(256);
			(void)guest_post(a->rings[1], pieces, 2, 0);
			for (uint32_t left = len + HEADER; left > 0;
			     left -= left < 1500 ? left : 1500)
				assert_true(post_buffer(b, b->rings[0], 1500, 1) >= 0);
			assert_int_equal(guest_rx(a, 0, &p, 1), 1);
			assert_int_equal(send(b, &p, 1), 1);
			guest_rx_done(a, 0, &p, 1);
			assert_int_equal(take_packet(b, b->rings[0], got, &merged), HEADER + len);
			assert_memory_equal(got + HEADER, guest_at(a, at) + HEADER, len);
			assert_true(guest_used(a->rings[1], &merged) >= 0);
			a->mark = memory;
			b->mark_high = GUEST_HIGH;
			b->mark = b->rings[1]->device_at + 16384;
		}
		guest_destroy(a);
		guest_destroy(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_every_length),
		cmocka_unit_test(merges_buffers_of_every_shape),
		cmocka_unit_test(drops_what_fits_no_buffer_where_they_do_not_merge),
		cmocka_unit_test(takes_the_first_packets_where_room_ends),
		cmocka_unit_test(puts_the_tag_back_and_tells_of_checksums),
		cmocka_unit_test(says_nothing_of_checksums_to_who_did_not_ask),
		cmocka_unit_test(keeps_a_flow_in_one_of_the_rings_that_run),
		cmocka_unit_test(interrupts_when_the_event_index_is_passed),
		cmocka_unit_test(interrupts_unless_told_not_to),
		cmocka_unit_test(goes_from_guest_to_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
