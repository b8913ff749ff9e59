/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_nat xvs_packet xvs_base
 *
 * NAT sessions from anybody: taken by a table, told by it to another, taken there.  What was believed once
 * is believed again, and in the end nothing is left.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "nat/move.h"

enum { SESSIONS = 64, RECORD = SESSIONS * NAT_ENTRY_BYTES };
enum { INSIDE = 0x0a000000, OUTSIDE = 0x0a0000ff }; /* near each other, so that bytes get there */
#define NOW_NS (1000 * (uint64_t)NS_PER_S)

static const struct nat_prefix inside = { INSIDE, 0xffffff00 };

static bool is_own(void *arg, uint32_t address)
{
	(void)arg;
	return nat_prefix_has(inside, address);
}

static struct nat_table *table_make(void)
{
	struct xvs_error err = { .size = sizeof(err) };
	struct nat_rules *r = nat_rules_create(1);
	struct nat_table *t;

	if (!r || nat_table_create(SESSIONS, &t, &err))
		abort();
	r->timeouts = (struct nat_timeouts){ 1000, 1000, 1000, 1000 };
	r->host_sessions = SESSIONS / 2;
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ OUTSIDE, 256, 65535 };
	r->forwards[0] = (struct nat_forward){ .outside = OUTSIDE,
					       .inside = INSIDE | 1,
					       .outside_port = 22,
					       .inside_port = 22,
					       .proto = PROTO_TCP };
	if (nat_table_configure(t, r))
		abort();
	return t;
}

static uint32_t count_of(struct nat_table *t)
{
	struct nat_stats s;

	nat_table_stats(t, &s);
	assert(s.bindings <= s.sessions && s.hosts <= s.sessions);
	return s.sessions;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nat_adoption first = { .is_own = is_own };
	struct nat_adoption second = { .is_own = is_own };
	struct nat_table *here = table_make();
	struct nat_table *there = table_make();
	struct nat_watch *w = nat_watch_create(here);
	static uint8_t told[RECORD];
	bool more = true;
	size_t bytes = 0;

	if (!w)
		abort();
	hash_start();
	if (nat_adopt(here, NOW_NS, data, len, &first))
		assert(count_of(here) == 0);
	assert(first.counts.taken >= count_of(here));
	nat_watch_begin(w, &inside, 1);
	while (more)
		bytes += nat_watch_next(w, NOW_NS, told + bytes, sizeof(told) - bytes, &more);
	assert(bytes == (size_t)count_of(here) * NAT_ENTRY_BYTES);
	if (nat_adopt(there, NOW_NS, told, bytes, &second))
		abort();
	assert(second.counts.taken == count_of(here) && count_of(there) == second.counts.taken);
	assert(nat_watch_end(w) == second.counts.taken && count_of(here) == 0);
	nat_watch_destroy(w);
	nat_table_destroy(here);
	nat_table_destroy(there);
	return 0;
}
