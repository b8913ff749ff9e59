/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/*
 * A guest's memory is in regions where its machine put them, side by side for the guest and anywhere for
 * us; a driver knows nothing of them.  Buffers and tables are followed from one to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/ring_guest.h"

enum { HEADER = 12, SIZE = 64, FRAME = 200, CUT = (8 << 20) + 3 * 4096, MIDDLE = 96 };
#define CUT_AT (GUEST_LOW + CUT)

static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

/* ---- memory in pieces ----------------------------------------------------------------------------- */

static void add_region(struct guest *g, uint64_t from, uint64_t size)
{
	struct xvs_error err = ERROR_INIT;
	struct vhost_region *r = &g->view->regions[g->view->region_count++];

	r->guest = GUEST_LOW + from;
	r->user = GUEST_USER + from;
	r->size = size;
	r->mapping = vhost_map(&g->d, dup(g->fd), size, from, &err);
	assert_non_null(r->mapping);
	r->host = vhost_mapping_bytes(r->mapping);
}

/*
 * The lower half goes on at CUT in a region of MIDDLE bytes and, 'gap' bytes further, in another; they
 * stand in the table the other way round.
 */
static struct guest *guest_in_pieces(uint64_t features, uint64_t gap)
{
	struct guest *g = guest_create(1, 1);

	g->view->features |= features;
	(void)guest_add_ring(g, 0, SIZE);
	(void)guest_add_ring(g, 1, SIZE);
	guest_start(g);
	assert_true(g->mark < CUT_AT - 65536);
	g->view->regions[0].size = CUT;
	add_region(g, CUT + MIDDLE + gap, GUEST_HALF - CUT - MIDDLE - gap);
	add_region(g, CUT, MIDDLE);
	return g;
}

static uint8_t frame[FRAME];

static void make_frame(void)
{
	for (uint32_t i = 0; i < FRAME; i++)
		frame[i] = (uint8_t)(i * 7 + 1);
}

/* ---- from the guest -------------------------------------------------------------------------------- */

static void put_packet(struct guest *g, uint64_t at)
{
	memset(guest_at(g, at), 0, HEADER);
	memcpy(guest_at(g, at + HEADER), frame, FRAME);
}

static void assert_received(struct guest *g)
{
	uint8_t got[FRAME];
	struct packet *p;
	uint32_t len;

	assert_int_equal(guest_rx(g, 0, &p, 1), 1);
	assert_int_equal(p->x.len, FRAME);
	assert_true(packet_read(p, 0, got, FRAME));
	assert_memory_equal(got, frame, FRAME);
	guest_rx_done(g, 0, &p, 1);
	assert_true(guest_used(g->rings[1], &len) >= 0);
}

static void reads_a_buffer_across_regions(void **state)
{
	(void)state;
	make_frame();
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_in_pieces(kinds[k], 0);

		for (uint32_t off = 0; off <= HEADER + FRAME + MIDDLE; off++) {
			const struct guest_piece one = { CUT_AT + MIDDLE - off, HEADER + FRAME };

			put_packet(g, one.at);
			assert_true(guest_post(g->rings[1], &one, 1, 0) >= 0);
			assert_received(g);
		}
		assert_false(vhost_is_broken(&g->d));
		guest_destroy(g);
	}
}

/* The table too, as long as no descriptor is cut. */
static void reads_a_table_across_regions(void **state)
{
	(void)state;
	make_frame();
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_in_pieces(kinds[k], 0);

		for (uint32_t before = 0; before <= 8 + MIDDLE / 16; before++) {
			const uint64_t table = CUT_AT + MIDDLE - before * 16;
			const uint64_t at = CUT_AT - 4096;
			struct guest_piece pieces[8];

			for (uint32_t i = 0; i < 8; i++)
				pieces[i] = (struct guest_piece){ at + i * (uint64_t)20, 20 };
			pieces[7].len = HEADER + FRAME - 7 * 20;
			put_packet(g, at);
			assert_true(guest_post_table(g, g->rings[1], table, pieces, 8) >= 0);
			assert_received(g);
		}
		assert_false(vhost_is_broken(&g->d));
		guest_destroy(g);
	}
}

/* ---- to the guest ----------------------------------------------------------------------------------- */

static void send_frame(struct guest *g)
{
	struct packet *p = packet_new(g->pool);

	memcpy(p->x.data, frame, FRAME);
	p->x.len = FRAME;
	p->x.linear = FRAME;
	assert_int_equal(vhost_tx(&g->d.backend, 0, &p, 1), 1);
	packet_free(p);
}

static bool is_logged(const struct guest *g, uint64_t at)
{
	const uint64_t page = at / VHOST_PAGE;

	return g->view->log && (g->view->log[page / 8] >> page % 8 & 1) != 0;
}

static void writes_a_buffer_across_regions(void **state)
{
	static _Atomic uint8_t log[(GUEST_LOW + GUEST_HALF) / VHOST_PAGE / 8];

	(void)state;
	make_frame();
	for (uint32_t n = 0; n < 4; n++) {
		struct guest *g = guest_in_pieces(kinds[n % 2], 0);

		if (n / 2) {
			g->view->features |= UINT64_C(1) << VHOST_F_LOG_ALL;
			g->view->log = log;
			g->view->log_bytes = sizeof(log);
		}
		for (uint32_t off = 0; off <= HEADER + FRAME + MIDDLE; off++) {
			const struct guest_piece one = { CUT_AT + MIDDLE - off, 512 };
			uint32_t len = 0;

			memset(guest_at(g, one.at), 0xee, one.len);
			assert_true(guest_post(g->rings[0], &one, 1, 0) >= 0);
			send_frame(g);
			assert_true(guest_used(g->rings[0], &len) >= 0);
			assert_int_equal(len, HEADER + FRAME);
			assert_memory_equal(guest_at(g, one.at + HEADER), frame, FRAME);
			assert_int_equal(*guest_at(g, one.at + len), 0xee);
		}
		assert_int_equal(is_logged(g, CUT_AT) && is_logged(g, CUT_AT - 1), n / 2);
		assert_false(vhost_is_broken(&g->d));
		guest_destroy(g);
	}
}

/* ---- what cannot be -------------------------------------------------------------------------------- */

static void assert_breaks(struct guest *g)
{
	struct packet *p;

	assert_int_equal(guest_rx(g, 0, &p, 1), 0);
	assert_true(vhost_is_broken(&g->d));
	guest_destroy(g);
}

static void refuses_what_lies_in_a_gap(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		const struct guest_piece ends = { CUT_AT, MIDDLE + 1 };
		const struct guest_piece goes_over = { CUT_AT - 8, MIDDLE + 64 };
		const struct guest_piece begins = { CUT_AT + MIDDLE, 64 };
		const struct guest_piece *all[] = { &ends, &goes_over, &begins };
		struct guest_piece pieces[8];

		for (uint32_t i = 0; i < 3; i++) {
			struct guest *g = guest_in_pieces(kinds[k], 16);

			assert_true(guest_post(g->rings[1], all[i], 1, 0) >= 0);
			assert_breaks(g);
		}
		for (uint32_t i = 0; i < 8; i++)
			pieces[i] = (struct guest_piece){ GUEST_LOW, 20 };
		for (uint32_t i = 0; i < 2; i++) {
			struct guest *g = guest_in_pieces(kinds[k], i ? 0 : 16);
			/* its last entry is in the gap; or one entry is cut */
			const uint64_t table = CUT_AT + MIDDLE - (i ? 8 : 7 * 16);

			assert_true(guest_post_table(g, g->rings[1], table, pieces, 8) >= 0);
			assert_breaks(g);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_buffer_across_regions),
		cmocka_unit_test(reads_a_table_across_regions),
		cmocka_unit_test(writes_a_buffer_across_regions),
		cmocka_unit_test(refuses_what_lies_in_a_gap),
	};

	return cmocka_run_group_tests_name("vhost_span", tests, NULL, NULL);
}
