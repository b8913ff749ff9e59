/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/team_load.c - flows are spread over the members by what they send.
 *
 * Flows come in buckets.  Once a second the bucket that fits best goes from the member that sends
 * most to the one that sends least; workers take it there at its next pause.
 */
#include "switch/team.h"

enum { MOVES_MAX = 4, SLACK = 10 }; /* a tenth of what is sent is not worth a move */

static void take_bytes(struct team *t)
{
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++) {
		uint64_t bytes =
			atomic_exchange_explicit(&t->path->bytes[b], 0, memory_order_relaxed);

		t->load[b] = (t->load[b] + bytes) / 2;
	}
}

struct loads {
	uint64_t of[TEAM_MEMBERS];
	uint64_t all;
	uint32_t most, least;
};

static bool is_sender(const struct team *t, uint32_t member)
{
	for (uint32_t s = 0; s < TEAM_MEMBERS; s++)
		if (t->holders[s] == member)
			return true;
	return false;
}

static struct loads loads_of(const struct team *t)
{
	struct loads l = { .most = TEAM_NOBODY, .least = TEAM_NOBODY };

	for (uint32_t b = 0; b < TEAM_BUCKETS; b++) {
		l.all += t->load[b];
		if (t->spread[b] < TEAM_MEMBERS)
			l.of[t->spread[b]] += t->load[b];
	}
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		if (!is_sender(t, m))
			continue;
		if (l.most == TEAM_NOBODY || l.of[m] > l.of[l.most])
			l.most = m;
		if (l.least == TEAM_NOBODY || l.of[m] < l.of[l.least])
			l.least = m;
	}
	return l;
}

/* The largest that does not make the other one the fuller; TEAM_BUCKETS: none. */
static uint32_t bucket_to_move(const struct team *t, const struct loads *l)
{
	uint64_t room = (l->of[l->most] - l->of[l->least]) / 2;
	uint32_t best = TEAM_BUCKETS;

	for (uint32_t b = 0; b < TEAM_BUCKETS; b++) {
		if (t->spread[b] != l->most || t->load[b] == 0 || t->load[b] > room)
			continue;
		if (best == TEAM_BUCKETS || t->load[b] > t->load[best])
			best = b;
	}
	return best;
}

bool team_measure(struct team *t)
{
	bool has_moved = false;

	take_bytes(t);
	for (uint32_t n = 0; n < MOVES_MAX; n++) {
		struct loads l = loads_of(t);
		uint32_t bucket;

		if (l.most == TEAM_NOBODY || l.of[l.most] - l.of[l.least] <= l.all / SLACK)
			break;
		bucket = bucket_to_move(t, &l);
		if (bucket == TEAM_BUCKETS)
			break;
		t->spread[bucket] = (uint8_t)l.least;
		has_moved = true;
	}
	return has_moved;
}

void team_spread(const struct team *t, struct team_table *table)
{
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++) {
		uint8_t member = t->spread[b];

		if (member < TEAM_MEMBERS && table->ports[member] && is_sender(t, member))
			table->spread[b] = member;
	}
}
