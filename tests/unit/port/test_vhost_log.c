/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* The dirty log says which pages of a guest were written: all of them, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/ring_guest.h"

enum {
	HEADER = 12,
	SIZE = 1024, /* rings of several pages */
	PAGES = GUEST_HALF / VHOST_PAGE,
	FIRST = GUEST_LOW / VHOST_PAGE,
	LOG_BYTES = (FIRST + PAGES) / 8,
};

static uint8_t before[GUEST_HALF];
static _Atomic uint8_t log_bits[LOG_BYTES];
static uint64_t random_state = 3;

static uint32_t some(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static void remember(const struct guest *g)
{
	memcpy(before, g->mem, sizeof(before));
	for (uint32_t i = 0; i < LOG_BYTES; i++)
		atomic_store_explicit(&log_bits[i], 0, memory_order_relaxed);
}

static bool is_logged(uint64_t page)
{
	return log_bits[page / 8] >> (page % 8) & 1;
}

/* 'exactly': nothing was written that was there before. */
static void assert_log_tells(const struct guest *g, bool exactly)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t at = i * VHOST_PAGE;
		bool is_changed = memcmp(before + at, g->mem + at, VHOST_PAGE) != 0;

		if (is_changed != is_logged(FIRST + i) && (exactly || is_changed))
			fail_msg("page %llx: changed %d, logged %d",
				 (unsigned long long)(GUEST_LOW + at), is_changed, !is_changed);
	}
	for (uint64_t page = 0; page < FIRST; page++)
		assert_false(is_logged(page));
}

static struct guest *guest_with_log(uint64_t features)
{
	struct guest *g = guest_create(1, 1);

	g->view->features |= features | UINT64_C(1) << VHOST_F_LOG_ALL;
	(void)guest_add_ring(g, 0, SIZE);
	(void)guest_add_ring(g, 1, SIZE);
	g->view->log = log_bits;
	g->view->log_bytes = LOG_BYTES;
	remember(g);
	guest_start(g);
	return g;
}

static void send_some(struct guest *g, uint32_t count)
{
	struct packet *pkts[64];

	for (uint32_t i = 0; i < count; i++) {
		pkts[i] = packet_new_linear(g->pool, 14 + some(some(8) ? 1500 : 60000));
		assert_non_null(pkts[i]);
		memset(pkts[i]->x.data, 1 + (int)some(250), pkts[i]->x.len);
	}
	(void)vhost_tx(&g->d.backend, 0, pkts, count);
	packet_free_burst(g->pool, pkts, count);
}

static void receive_some(struct guest *g, uint64_t from, uint32_t count)
{
	struct packet *pkts[64];

	for (uint32_t i = 0; i < count; i++) {
		const struct guest_piece one = { from, HEADER + 14 + some(1000) };

		(void)guest_post(g->rings[1], &one, 1, 0);
	}
	count = guest_rx(g, 0, pkts, 64);
	if (count)
		guest_rx_done(g, 0, pkts, count);
}

static void take_all(struct guest_ring *r)
{
	uint32_t len;

	while (guest_used(r, &len) >= 0)
		;
}

static void logs_all_that_is_written(void **state)
{
	static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

	(void)state;
	for (uint32_t n = 0; n < 4; n++) {
		struct guest *g =
			guest_with_log(kinds[n / 2] | (uint64_t)(n % 2) << VHOST_RING_EVENT_IDX);
		uint64_t low = guest_alloc(g, 1, 4096);

		assert_log_tells(g, false); /* starting wrote into event words */
		for (uint32_t turn = 0; turn < 60; turn++) {
			uint32_t chunk = 100 + some(3000);

			g->mark = low;
			memset(guest_at(g, low), 0, (size_t)(GUEST_LOW + GUEST_HALF - low));
			take_all(g->rings[0]);
			take_all(g->rings[1]);
			while (g->mark + 70000 < GUEST_LOW + GUEST_HALF && g->rings[0]->room > 2) {
				const struct guest_piece pieces[2] = {
					{ guest_alloc(g, chunk, 1), chunk },
					{ guest_alloc(g, chunk * 2, 4096), chunk * 2 },
				};

				(void)guest_post(g->rings[0], pieces, 2, 0);
			}
			remember(g);
			send_some(g, 1 + some(32));
			assert_log_tells(g, false);
			remember(g);
			receive_some(g, GUEST_LOW + GUEST_HALF - 66000, 0);
			assert_log_tells(g, true);
			receive_some(g, GUEST_LOW + GUEST_HALF - 66000, 1 + some(64));
			remember(g);
			(void)vhost_arm(&g->d.backend, 0);
			vhost_disarm(&g->d.backend, 0);
			assert_log_tells(g, false);
		}
		assert_false(vhost_is_broken(&g->d));
		guest_destroy(g);
	}
}

/* On a fresh ring every store changes something, so the two sets are the same. */
static void logs_nothing_else(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 2; k++) {
		struct guest *g = guest_with_log(k << VHOST_RING_PACKED);

		for (uint32_t turn = 0; turn < 12; turn++) {
			const struct guest_piece from = { guest_alloc(g, 2000, 1), HEADER + 1500 };
			struct packet *p;

			for (uint32_t i = 0; i < 60; i++) {
				const struct guest_piece to = { guest_alloc(g, 1000, 1), 1000 };

				(void)guest_post(g->rings[0], &to, 1, 0);
			}
			memset(guest_at(g, from.at) + HEADER, 1 + (int)turn, 1500);
			(void)guest_post(g->rings[1], &from, 1, 0);
			assert_int_equal(guest_rx(g, 0, &p, 1), 1);
			remember(g);
			assert_int_equal(vhost_tx(&g->d.backend, 0, &p, 1), 1);
			assert_log_tells(g, true);
			remember(g);
			guest_rx_done(g, 0, &p, 1);
			assert_log_tells(g, true);
		}
		guest_destroy(g);
	}
}

static void ignores_pages_that_the_log_has_not(void **state)
{
	struct guest *g = guest_with_log(0);

	(void)state;
	remember(g);
	vhost_log(g->view, GUEST_HIGH, 100000);
	vhost_log(g->view, UINT64_MAX - 5, 100);
	vhost_log(g->view, (uint64_t)LOG_BYTES * 8 * VHOST_PAGE, 1);
	vhost_log(g->view, GUEST_LOW, 0);
	assert_log_tells(g, true);
	vhost_log(g->view, (uint64_t)LOG_BYTES * 8 * VHOST_PAGE - 1, 2);
	assert_true(is_logged((uint64_t)LOG_BYTES * 8 - 1));
	guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_all_that_is_written),
		cmocka_unit_test(logs_nothing_else),
		cmocka_unit_test(ignores_pages_that_the_log_has_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
