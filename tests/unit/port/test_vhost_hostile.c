/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Guests that lie: each lie breaks this device with a reason, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/ring_guest.h"

enum { SPLIT_SIZE = 64, PACKED_SIZE = 50, HEADER = 12 };

static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

static struct guest *guest_of_kind(uint32_t k)
{
	return guest_with(kinds[k], k ? PACKED_SIZE : SPLIT_SIZE);
}

/* What a worker does with both rings; how many packets came out of it, or went in. */
static uint32_t work(struct guest *g, uint32_t nr)
{
	struct packet *pkts[64];
	uint32_t count;

	if (nr == 1) {
		count = guest_rx(g, 0, pkts, 64);
		if (count)
			guest_rx_done(g, 0, pkts, count);
		return count;
	}
	pkts[0] = packet_new(g->pool);
	memset(pkts[0]->x.data, 1, 100);
	pkts[0]->x.len = 100;
	pkts[0]->x.linear = 100;
	count = vhost_tx(&g->d.backend, 0, pkts, 1);
	packet_free(pkts[0]);
	return count;
}

static void assert_breaks(struct guest *g, uint32_t nr, const char *why)
{
	assert_int_equal(work(g, nr), 0);
	assert_true(vhost_is_broken(&g->d));
	assert_non_null(strstr(g->d.broken_why, why));
	/* from now on the ring is left alone */
	assert_int_equal(work(g, nr), 0);
	assert_false(vhost_arm(&g->d.backend, 0));
	assert_int_equal(pool_packets_left(g->pool), 1024);
	guest_destroy(g);
}

static uint8_t *last_desc(const struct guest_ring *r, int nr)
{
	uint32_t slot = (uint32_t)nr;

	if (r->is_packed)
		slot = ((r->avail & 0x7fffu) + r->size - 1) % r->size;
	return r->desc + slot * 16;
}

static int post_one(struct guest *g, uint32_t nr, uint64_t at, uint32_t len)
{
	const struct guest_piece one = { at, len };

	return guest_post(g->rings[nr], &one, 1, 0);
}

static void set_flags(const struct guest_ring *r, uint8_t *desc, uint16_t set, uint16_t clear)
{
	uint16_t *flags = (uint16_t *)(void *)(desc + (r->is_packed ? 14 : 12));

	*flags = (uint16_t)((*flags & ~clear) | set);
}

static void refuses_addresses_outside(void **state)
{
	static const struct guest_piece lies[] = {
		{ 0, 100 },
		{ GUEST_LOW - 1, 100 },
		{ GUEST_LOW + GUEST_HALF - 99, 100 },
		{ GUEST_LOW + GUEST_HALF, 1000 },
		{ GUEST_HIGH + GUEST_HALF - 50, 100 },
		{ UINT64_MAX, 100 },
		{ UINT64_MAX - 50, 100 },
		{ GUEST_LOW, UINT32_MAX },
		{ UINT64_MAX - UINT32_MAX + 1, UINT32_MAX },
		{ GUEST_HIGH + GUEST_HALF, 0xffffffff },
	};

	(void)state;
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t nr = 0; nr < 2; nr++)
			for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
				struct guest *g = guest_of_kind(k);

				(void)post_one(g, nr, lies[i].at, lies[i].len);
				assert_breaks(g, nr, "outside");
			}
}

/* Short ones far from the end are looked at in another way than those near it, and long ones. */
static void takes_buffers_up_to_the_last_byte(void **state)
{
	enum { NEAR_END = 1 << 17 };
	static const uint64_t ends[] = { GUEST_LOW + GUEST_HALF, GUEST_HIGH + GUEST_HALF };
	static const uint32_t before[] = { 112,      113,          NEAR_END - 1,
					   NEAR_END, NEAR_END + 1, NEAR_END + 112 };

	(void)state;
	for (uint32_t n = 0; n < 4; n++) {
		const uint32_t nr = n % 2;
		struct guest *g = guest_of_kind(n / 2);

		for (uint32_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
			(void)post_one(g, nr, ends[i % 2] - before[i], 112);
			assert_int_equal(work(g, nr), 1);
			(void)post_one(g, nr, ends[0] - before[i], 112);
			assert_int_equal(work(g, nr), 1);
		}
		(void)post_one(g, 0, ends[0] - NEAR_END - 1, NEAR_END + 1);
		assert_int_equal(work(g, 0), 1);
		assert_false(vhost_is_broken(&g->d));
		guest_destroy(g);
	}
}

static void refuses_buffers_of_the_wrong_direction(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t nr = 0; nr < 2; nr++) {
			struct guest *g = guest_of_kind(k);
			struct guest_ring *r = g->rings[nr];
			int head = post_one(g, nr, GUEST_HIGH, 1000);

			if (nr)
				set_flags(r, last_desc(r, head), GUEST_WRITE, 0);
			else
				set_flags(r, last_desc(r, head), 0, GUEST_WRITE);
			assert_breaks(g, nr, nr ? "write-only" : "read-only");
		}
}

static void refuses_an_index_that_jumps(void **state)
{
	static const uint16_t steps[] = { SPLIT_SIZE + 1, 1000, 0x8000, 0xffff };

	(void)state;
	for (uint32_t nr = 0; nr < 2; nr++)
		for (uint32_t i = 0; i < 4; i++) {
			struct guest *g = guest_of_kind(0);

			*(uint16_t *)(void *)(g->rings[nr]->driver + 2) = steps[i];
			assert_breaks(g, nr, "jumped");
		}
}

static void refuses_heads_that_are_none(void **state)
{
	static const uint16_t heads[] = { SPLIT_SIZE, 1000, 0xffff };

	(void)state;
	for (uint32_t nr = 0; nr < 2; nr++)
		for (uint32_t i = 0; i < 3; i++) {
			struct guest *g = guest_of_kind(0);

			(void)post_one(g, nr, GUEST_HIGH, 1000);
			*(uint16_t *)(void *)(g->rings[nr]->driver + 4) = heads[i];
			assert_breaks(g, nr, "head");
		}
}

/* A chain that comes back to itself; packed: one that has more descriptors than the ring. */
static void refuses_chains_without_an_end(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t nr = 0; nr < 2; nr++) {
			struct guest *g = guest_of_kind(k);
			struct guest_ring *r = g->rings[nr];
			int head = 0;

			for (uint32_t i = 0; i < (k ? r->size : 1); i++)
				head = post_one(g, nr, GUEST_HIGH, 1);
			for (uint32_t i = 0; i < r->size; i++)
				set_flags(r, r->desc + i * 16, GUEST_NEXT, 0);
			if (!k)
				*(uint16_t *)(void *)(last_desc(r, head) + 14) = (uint16_t)head;
			assert_breaks(g, nr, "leads out of its ring");
		}
}

static void refuses_a_next_outside_of_the_ring(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < 2; nr++) {
		struct guest *g = guest_of_kind(0);
		struct guest_ring *r = g->rings[nr];
		int head = post_one(g, nr, GUEST_HIGH, 1000);

		set_flags(r, last_desc(r, head), GUEST_NEXT, 0);
		*(uint16_t *)(void *)(last_desc(r, head) + 14) = SPLIT_SIZE;
		assert_breaks(g, nr, "leads out of its ring");
	}
}

/* A guest with a table of three descriptors made available. */
static struct guest *guest_with_table(uint32_t k, uint32_t nr, uint64_t table, uint32_t bytes)
{
	struct guest *g = guest_of_kind(k);
	const struct guest_piece pieces[3] = { { GUEST_HIGH, 100 },
					       { GUEST_HIGH, 1 },
					       { GUEST_HIGH, 1 } };
	const struct guest_piece one = { table, bytes };
	uint64_t at = GUEST_HIGH + 8192;

	(void)guest_post_table(g, g->rings[nr], at, pieces, 3);
	if (table != at || bytes != 48) {
		guest_driver_reset(g->rings[nr]);
		*(uint16_t *)(void *)(g->rings[nr]->driver + 2) = 0;
		(void)guest_post(g->rings[nr], &one, 1, GUEST_INDIRECT);
	}
	return g;
}

static void refuses_tables_that_cannot_be(void **state)
{
	const uint64_t at = GUEST_HIGH + 8192;

	(void)state;
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t nr = 0; nr < 2; nr++) {
			struct guest *g = guest_with_table(k, nr, at, 40);

			assert_breaks(g, nr, "length");
			assert_breaks(guest_with_table(k, nr, at, 0), nr, "length");
			assert_breaks(guest_with_table(k, nr, at, 0xfffffff0), nr, "length");
			assert_breaks(guest_with_table(k, nr, 1, 48), nr, "outside");
			assert_breaks(guest_with_table(k, nr, GUEST_HIGH + GUEST_HALF - 32, 48), nr,
				      "outside");

			g = guest_with_table(k, nr, at, 48);
			set_flags(g->rings[nr], last_desc(g->rings[nr], SPLIT_SIZE - 1), 0, 0);
			g->view->features &= ~(UINT64_C(1) << VHOST_RING_INDIRECT);
			assert_breaks(g, nr, "not agreed on");
		}
}

static void refuses_tables_in_tables(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < 2; nr++) {
		struct guest *g = guest_with_table(0, nr, GUEST_HIGH + 8192, 48);

		*(uint16_t *)(void *)(guest_at(g, GUEST_HIGH + 8192) + 16 + 12) |= GUEST_INDIRECT;
		assert_breaks(g, nr, "leads to another");
	}
}

static void refuses_to_go_on_behind_a_table(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t nr = 0; nr < 2; nr++) {
			struct guest *g = guest_with_table(k, nr, GUEST_HIGH + 8192, 48);
			struct guest_ring *r = g->rings[nr];

			for (uint32_t i = 0; i < r->size; i++)
				set_flags(r, r->desc + i * 16, GUEST_NEXT, 0);
			assert_breaks(g, nr, "goes on behind");
		}
}

static void refuses_links_out_of_a_table(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < 2; nr++) {
		struct guest *g = guest_with_table(0, nr, GUEST_HIGH + 8192, 48);

		*(uint16_t *)(void *)(guest_at(g, GUEST_HIGH + 8192) + 14) = 3;
		assert_breaks(g, nr, "out of its table");
	}
}

static void refuses_tables_that_bite_their_tail(void **state)
{
	(void)state;
	for (uint32_t nr = 0; nr < 2; nr++) {
		struct guest *g = guest_with_table(0, nr, GUEST_HIGH + 8192, 48);

		*(uint16_t *)(void *)(guest_at(g, GUEST_HIGH + 8192) + 14) = 0;
		assert_breaks(g, nr, "does not end");
	}
}

/* What came before the lie is served, and given back. */
static void serves_what_came_before_a_lie(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_of_kind(k);
		struct packet *pkts[64];
		uint32_t len;

		(void)post_one(g, 1, GUEST_HIGH, 100);
		(void)post_one(g, 1, GUEST_HIGH, 200);
		(void)post_one(g, 1, 0, 100);
		assert_int_equal(guest_rx(g, 0, pkts, 64), 2);
		assert_true(vhost_is_broken(&g->d));
		guest_rx_done(g, 0, pkts, 2);
		assert_true(guest_used(g->rings[1], &len) >= 0);
		assert_true(guest_used(g->rings[1], &len) >= 0);
		assert_int_equal(guest_used(g->rings[1], &len), -1);
		guest_destroy(g);
	}
}

static void begins_within_the_ring_whatever_the_front_end_says(void **state)
{
	static const uint32_t bases[] = { 0xffffffff, 0x7fff, 0x8032, 0x7fffffff, 0xffff0000 };

	(void)state;
	for (uint32_t k = 0; k < 2; k++)
		for (uint32_t i = 0; i < 5; i++) {
			struct guest *g = guest_of_kind(k);

			for (uint32_t nr = 0; nr < 2; nr++) {
				vhost_ring_forget(&g->d.rings[nr]);
				vhost_ring_start(&g->d.rings[nr], g->view, bases[i]);
				(void)work(g, nr);
			}
			if (k)
				assert_true((vhost_ring_stop(&g->d.rings[1], g->view) & 0x7fff) <
					    PACKED_SIZE);
			guest_destroy(g);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_addresses_outside),
		cmocka_unit_test(takes_buffers_up_to_the_last_byte),
		cmocka_unit_test(refuses_buffers_of_the_wrong_direction),
		cmocka_unit_test(refuses_an_index_that_jumps),
		cmocka_unit_test(refuses_heads_that_are_none),
		cmocka_unit_test(refuses_chains_without_an_end),
		cmocka_unit_test(refuses_a_next_outside_of_the_ring),
		cmocka_unit_test(refuses_tables_that_cannot_be),
		cmocka_unit_test(refuses_tables_in_tables),
		cmocka_unit_test(refuses_to_go_on_behind_a_table),
		cmocka_unit_test(refuses_links_out_of_a_table),
		cmocka_unit_test(refuses_tables_that_bite_their_tail),
		cmocka_unit_test(serves_what_came_before_a_lie),
		cmocka_unit_test(begins_within_the_ring_whatever_the_front_end_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
