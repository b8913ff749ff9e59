/* SPDX-License-Identifier: Apache-2.0 */
/* nat/neighbour.c - addresses of one link and the adapters that have them; see RFC 826, RFC 1122 2.3.2. */
#include "nat/neighbour.h"

#include <stdlib.h>

#include "base/clock.h"

enum {
	STAMP_SHIFT = 20, /* a millisecond and a bit */
	ASK_MS = 1000,    /* RFC 1122, 2.3.2.1 */
	OLD_MS = 60000,   /* after so long it is asked again while it is used */
	GONE_MS = 180000, /* and after so long not used any more */
	AHEAD = 1024,     /* stamps by which another worker's clock may be ahead */
};

static uint32_t stamp_of(uint64_t ns)
{
	return (uint32_t)(ns >> STAMP_SHIFT);
}

static uint64_t ms_since(uint32_t stamp, uint64_t now_ns)
{
	uint32_t passed = stamp_of(now_ns) - stamp;

	/* all the rest of the circle, some 52 days, is the past */
	return passed <= UINT32_MAX - AHEAD ? ((uint64_t)passed << STAMP_SHIFT) / NS_PER_MS : 0;
}

struct nat_link *nat_link_create(struct nat_prefix prefix)
{
	size_t places = (size_t)~prefix.mask + 1;
	struct nat_link *l = calloc(1, sizeof(*l) + places * sizeof(l->places[0]));

	if (l)
		l->prefix = prefix;
	return l;
}

bool nat_neighbour_last(const struct nat_neighbour *n, uint8_t mac[6])
{
	uint64_t word = atomic_load_explicit(&n->mac, memory_order_acquire);

	if (!word)
		return false;
	put_be16(mac, (uint16_t)(word >> 48));
	put_be32(mac + 2, (uint32_t)(word >> 16));
	return true;
}

enum nat_neighbour_state nat_neighbour_get(struct nat_neighbour *n, uint64_t now_ns, uint8_t mac[6])
{
	uint8_t last[6];
	uint64_t age;

	if (!nat_neighbour_last(n, last))
		return NEIGHBOUR_UNKNOWN;
	age = ms_since(atomic_load_explicit(&n->heard, memory_order_relaxed), now_ns);
	if (age >= GONE_MS)
		return NEIGHBOUR_UNKNOWN;
	memcpy(mac, last, sizeof(last));
	return age >= OLD_MS ? NEIGHBOUR_OLD : NEIGHBOUR_KNOWN;
}

void nat_neighbour_heard(struct nat_neighbour *n, uint64_t now_ns, const uint8_t mac[6])
{
	uint64_t word = (uint64_t)get_be16(mac) << 48 | (uint64_t)get_be32(mac + 2) << 16 | 1;

	atomic_store_explicit(&n->heard, stamp_of(now_ns), memory_order_relaxed);
	/* release: who knows the adapter knows since when */
	atomic_store_explicit(&n->mac, word, memory_order_release);
}

bool nat_neighbour_ask(struct nat_neighbour *n, uint64_t now_ns)
{
	uint32_t asked = atomic_load_explicit(&n->asked, memory_order_relaxed);
	uint32_t now = stamp_of(now_ns) | 1; /* never 0 */

	if (asked && ms_since(asked, now_ns) < ASK_MS)
		return false;
	return atomic_compare_exchange_strong_explicit(&n->asked, &asked, now, memory_order_relaxed,
						       memory_order_relaxed);
}
