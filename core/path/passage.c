/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/passage.c - who has heard whom: links of a team that ask each other what passes between them.
 *
 * Each place has one word: the round, by its nonce without the lowest byte, and there the members that have
 * heard.  Who sets a bit compares the round in the same step, so a worker that was held for however long
 * says nothing about a round that began meanwhile.
 */
#include "packet/passage.h"

#include "path/team.h"
#include "path/worker.h"

enum { VID_MASK = 0xfff, MEMBERS_MASK = 0xff };

static uint64_t round_of(uint64_t word)
{
	return word & ~(uint64_t)MEMBERS_MASK;
}

void path_team_listen(struct path_team *t, uint64_t nonce)
{
	for (uint32_t i = 0; i < TEAM_PASSAGES; i++)
		for (uint32_t m = 0; m < TEAM_MEMBERS; m++)
			atomic_store_explicit(&t->heard[i][m], round_of(nonce),
					      memory_order_relaxed);
}

uint32_t path_team_heard(const struct path_team *t, uint32_t place, uint32_t from)
{
	return atomic_load_explicit(&t->heard[place][from], memory_order_relaxed) & MEMBERS_MASK;
}

bool path_port_carries(const struct path_port *p, uint32_t segment)
{
	const struct port_conf *conf = rcu_read(&p->conf);

	return conf && segment_is_carried(conf, segment);
}

void team_hear(struct path_team *t, uint32_t member, const struct packet *p)
{
	uint16_t vlan = p->x.flags & XVS_PKT_VLAN ? p->x.vlan_tci & VID_MASK : 0;
	_Atomic uint64_t *place;
	struct passage got;
	uint64_t word;

	if (!passage_read(p->x.data, p->x.linear, vlan, &got) || got.place >= TEAM_PASSAGES ||
	    got.from >= TEAM_MEMBERS)
		return;
	place = &t->heard[got.place][got.from];
	word = atomic_load_explicit(place, memory_order_relaxed);
	/* 0: there is no round */
	while (round_of(word) != 0 && round_of(word) == round_of(got.nonce) &&
	       !atomic_compare_exchange_weak_explicit(place, &word, word | 1ULL << member,
						      memory_order_relaxed, memory_order_relaxed))
		;
}
