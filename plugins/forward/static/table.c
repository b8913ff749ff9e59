/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address table: open addressing with linear probing, at most half full, so a look-up ends
 * at the first row that was never used.  A row that was taken out keeps its address: it must
 * still be stepped over.  The hash is keyed, so a guest that chooses addresses cannot choose rows.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

struct table {
	uint64_t seed;
	uint32_t mask; /* rows - 1 */
	uint32_t used;
	struct table_row rows[];
};

static uint64_t mac_bits(const uint8_t mac[6])
{
	uint64_t bits = 0;

	memcpy(&bits, mac, 6);
	return bits;
}

/* Two rounds of a multiply and shift mix. */
static uint32_t hash_mac(const struct table *t, const uint8_t mac[6])
{
	uint64_t x = mac_bits(mac) ^ t->seed;

	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(x ^ x >> 33) & t->mask;
}

static bool row_is_free(const struct table_row *row)
{
	return mac_bits(row->mac) == 0;
}

struct table *table_create(uint32_t count, uint64_t seed)
{
	uint32_t rows = 8;
	struct table *t;

	while (rows < UINT32_C(1) << 30 && rows / 2 < count)
		rows *= 2;
	t = calloc(1, sizeof(*t) + (size_t)rows * sizeof(t->rows[0]));
	if (!t)
		return NULL;
	t->seed = seed;
	t->mask = rows - 1;
	return t;
}

void table_destroy(struct table *t)
{
	free(t);
}

bool table_add(struct table *t, const uint8_t mac[6], uint32_t segment, uint32_t port)
{
	uint32_t at = hash_mac(t, mac);

	for (; !row_is_free(&t->rows[at]); at = (at + 1) & t->mask) {
		if (memcmp(t->rows[at].mac, mac, 6) == 0 && t->rows[at].segment == segment)
			return false;
	}
	memcpy(t->rows[at].mac, mac, 6);
	t->rows[at].segment = segment;
	atomic_store_explicit(&t->rows[at].port, port, memory_order_relaxed);
	t->used++;
	return true;
}

void table_take_out(struct table *t, uint32_t port)
{
	for (uint32_t i = 0; i <= t->mask; i++) {
		if (atomic_load_explicit(&t->rows[i].port, memory_order_relaxed) == port)
			atomic_store_explicit(&t->rows[i].port, XVS_PORT_NONE,
					      memory_order_relaxed);
	}
}

uint32_t table_find(const struct table *t, const uint8_t mac[6], uint32_t segment, bool *elsewhere)
{
	bool seen = false;

	for (uint32_t at = hash_mac(t, mac); !row_is_free(&t->rows[at]); at = (at + 1) & t->mask) {
		uint32_t port = atomic_load_explicit(&t->rows[at].port, memory_order_relaxed);

		if (port == XVS_PORT_NONE || memcmp(t->rows[at].mac, mac, 6) != 0)
			continue;
		if (t->rows[at].segment == segment)
			return port;
		seen = true;
	}
	*elsewhere = seen;
	return XVS_PORT_NONE;
}

const struct table_row *table_row(const struct table *t, uint32_t i)
{
	return i <= t->mask ? &t->rows[i] : NULL;
}
