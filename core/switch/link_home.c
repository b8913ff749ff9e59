/* SPDX-License-Identifier: Apache-2.0 */
/* switch/link_home.c - which member of a team has room for what a port has reserved. */
#include "switch/link.h"

static bool fits(const struct link_room *room, uint32_t link, uint64_t kbps)
{
	return link < room->links && kbps <= room->kbps && room->taken[link] <= room->kbps - kbps;
}

static void move_in(struct link_room *room, struct link_guest *g, uint32_t link)
{
	if (link >= room->links || !fits(room, link, g->kbps))
		return;
	g->home = (uint8_t)link;
	room->taken[link] += g->kbps;
}

static uint32_t roomiest(const struct link_room *room)
{
	uint32_t best = LINK_NOWHERE;

	for (uint32_t link = 0; link < room->links; link++)
		if (room->usual >> link & 1 &&
		    (best == LINK_NOWHERE || room->taken[link] < room->taken[best]))
			best = link;
	return best;
}

/* Of those that are pinned to none and have no home yet; 'count': there is no more. */
static size_t largest(const struct link_guest *guests, const bool *is_done, size_t count)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++)
		if (!is_done[i] && (best == count || guests[i].kbps > guests[best].kbps))
			best = i;
	return best;
}

bool link_house(struct link_room *room, struct link_guest *guests, size_t count)
{
	bool is_done[PORTS_MAX] = { false };
	bool have_all = true;
	size_t i;

	for (i = 0; i < count; i++) {
		guests[i].home = LINK_NOWHERE;
		is_done[i] = guests[i].pin != LINK_NOWHERE;
		if (is_done[i])
			move_in(room, &guests[i], guests[i].pin);
	}
	while ((i = largest(guests, is_done, count)) < count) {
		is_done[i] = true;
		move_in(room, &guests[i], roomiest(room));
	}
	for (i = 0; i < count; i++)
		have_all &= guests[i].home != LINK_NOWHERE;
	return have_all;
}
