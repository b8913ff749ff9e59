/* SPDX-License-Identifier: Apache-2.0 */
/*
 * team_table.c - which member of a team sends what.  [control]
 *
 * Each active member has a slot, and each bucket belongs to a slot: the loss of a member moves the
 * packets of its slot and no others.
 */
#include <string.h>

#include "base/hash.h"
#include "path/team.h"

static bool holds(const uint8_t holders[TEAM_MEMBERS], uint32_t slots, uint32_t member)
{
	for (uint32_t s = 0; s < slots; s++)
		if (holders[s] == member)
			return true;
	return false;
}

/* Of these, the first that can be had and holds nothing. */
static uint8_t first_idle(const struct team_order *o, const uint8_t *members, uint32_t count,
			  const uint8_t holders[TEAM_MEMBERS])
{
	for (uint32_t i = 0; i < count; i++)
		if (o->is_usable[members[i]] && !holds(holders, o->active_count, members[i]))
			return members[i];
	return TEAM_NOBODY;
}

/* Who stays where he is: who must not give way to the one whose slot it is. */
static uint8_t who_stays(const struct team_order *o, uint32_t slot, uint8_t holder)
{
	bool is_owner_usable = o->is_usable[o->active[slot]];

	if (holder == TEAM_NOBODY || !o->is_usable[holder])
		return TEAM_NOBODY;
	return o->is_rolling || !is_owner_usable || holder == o->active[slot] ? holder
									      : TEAM_NOBODY;
}

static bool is_ordered(const struct team_order *o, uint8_t member)
{
	for (uint32_t i = 0; i < o->active_count; i++)
		if (o->active[i] == member)
			return true;
	for (uint32_t i = 0; i < o->standby_count; i++)
		if (o->standby[i] == member)
			return true;
	return false;
}

void team_choose(const struct team_order *o, uint8_t holders[TEAM_MEMBERS])
{
	for (uint32_t s = 0; s < TEAM_MEMBERS; s++) {
		uint8_t stays = TEAM_NOBODY;

		if (s < o->active_count && is_ordered(o, holders[s]) &&
		    !holds(holders, s, holders[s]))
			stays = who_stays(o, s, holders[s]);
		holders[s] = stays;
	}
	for (uint32_t s = 0; s < o->active_count; s++)
		if (holders[s] == TEAM_NOBODY && o->is_usable[o->active[s]] &&
		    !holds(holders, o->active_count, o->active[s]))
			holders[s] = o->active[s];
	for (uint32_t s = 0; s < o->active_count; s++) {
		if (holders[s] == TEAM_NOBODY)
			holders[s] = first_idle(o, o->active, o->active_count, holders);
		if (holders[s] == TEAM_NOBODY)
			holders[s] = first_idle(o, o->standby, o->standby_count, holders);
	}
}

/* The packets of a slot that nobody holds are dealt out to the others. */
static uint8_t holder_of(const uint8_t holders[TEAM_MEMBERS], uint32_t slots, uint32_t bucket)
{
	uint8_t there[TEAM_MEMBERS];
	uint32_t count = 0;

	if (slots == 0)
		return TEAM_NOBODY;
	if (holders[bucket % slots] != TEAM_NOBODY)
		return holders[bucket % slots];
	for (uint32_t s = 0; s < slots; s++)
		if (holders[s] != TEAM_NOBODY)
			there[count++] = holders[s];
	return count ? there[bucket / slots % count] : TEAM_NOBODY;
}

void team_fill(const struct team_order *o, const uint8_t holders[TEAM_MEMBERS],
	       struct team_table *t)
{
	t->mode = o->mode;
	t->hold_ms = o->hold_ms;
	t->receiver = TEAM_NOBODY;
	for (uint32_t s = 0; s < o->active_count && t->receiver == TEAM_NOBODY; s++)
		t->receiver = holders[s];
	memcpy(t->macs, o->macs, sizeof(t->macs));
	t->probe = o->probe;
	/* whoever is pinned to a member that can be had uses it, in order or not */
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
		t->ports[m] = o->is_usable[m] ? o->ports[m] : NULL;
	for (uint32_t b = 0; b < TEAM_BUCKETS; b++) {
		t->homes[b] = holder_of(holders, o->active_count, b);
		t->spread[b] = t->homes[b];
	}
	for (uint32_t p = 0; p < PORTS_MAX; p++) {
		uint8_t pin = o->wanted_pins[p];

		t->pins[p] = pin < TEAM_MEMBERS && t->ports[pin] ? pin : TEAM_NOBODY;
	}
}

bool team_equal(const struct team_table *a, const struct team_table *b)
{
	/* NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c): zeroed when they were made */
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint32_t team_home(const struct team_table *t, uint32_t port, const uint8_t mac[6])
{
	uint32_t pin = port < PORTS_MAX ? t->pins[port] : TEAM_NOBODY;
	uint64_t word = 0;

	if (pin != TEAM_NOBODY)
		return pin;
	if (t->mode != TEAM_BY_MAC)
		return t->homes[port % TEAM_BUCKETS];
	memcpy(&word, mac, 6);
	return t->homes[hash_words(&word, 1, 3) % TEAM_BUCKETS];
}
