/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.c - the flows of one port and stage: which masks they have, and how they are best found.
 */
#include "flow/table.h"

enum { TRY_AGAIN = 32 }; /* periods, after which the way that was given up is tried again */

/* Both addresses, protocol and ports, all of them. */
static bool tells_tuples(const struct xvs_flow_key *bits)
{
	struct xvs_flow_key tuple = { .ip_proto = UINT8_MAX,
				      .l4_src = UINT16_MAX,
				      .l4_dst = UINT16_MAX };

	memset(tuple.ip_src, UINT8_MAX, sizeof(tuple.ip_src));
	memset(tuple.ip_dst, UINT8_MAX, sizeof(tuple.ip_dst));
	return flow_bits_equal(&tuple, bits, &tuple);
}

/* The union is made anew only when a mask comes or goes. */
static void unite(const struct flow_cache *c, struct flow_group *g)
{
	flow_word *to = (flow_word *)(void *)&g->bits;

	memset(&g->bits, 0, sizeof(g->bits));
	for (uint32_t i = 0; i < g->mask_count; i++) {
		const flow_word *from =
			(const flow_word *)(const void *)&c->masks[g->order[i]].bits.k;

		for (unsigned n = 0; n < sizeof(g->bits) / 8; n++)
			to[n] |= from[n];
	}
	g->is_tuple = tells_tuples(&g->bits);
	/* one mask: the index itself is as fast as hashing for another; more: until it is known better */
	g->uses_exact = g->is_tuple || g->mask_count > 1;
	g->periods = 0;
	g->lookups = 0;
	g->probes = 0;
}

void flow_group_join(struct flow_cache *c, struct flow_group *g, const struct flow_entry *e)
{
	uint8_t mask_nr = e->mask_nr;

	g->newest[g->joins++ % GROUP_NEWEST] = (uint32_t)(e - c->entries);
	if (g->entries++ == 0)
		c->group_count++;
	if (!c->largest || g->entries > c->largest->entries)
		c->largest = g;
	if (g->uses[mask_nr].entries++ > 0)
		return;
	g->uses[mask_nr].hits = 0;
	g->order[g->mask_count++] = mask_nr;
	unite(c, g);
}

void flow_group_leave(struct flow_cache *c, struct flow_group *g, uint8_t mask_nr)
{
	uint32_t at = 0;

	if (--g->entries == 0)
		c->group_count--;
	if (--g->uses[mask_nr].entries > 0)
		return;
	while (g->order[at] != mask_nr)
		at++;
	g->mask_count--;
	memmove(&g->order[at], &g->order[at + 1], g->mask_count - at);
	unite(c, g);
}

/* Insertion: the order is nearly right already. */
static void sort_by_hits(struct flow_group *g)
{
	for (uint32_t i = 1; i < g->mask_count; i++) {
		uint8_t nr = g->order[i];
		uint32_t at = i;

		for (; at > 0 && g->uses[g->order[at - 1]].hits < g->uses[nr].hits; at--)
			g->order[at] = g->order[at - 1];
		g->order[at] = nr;
	}
}

/*
 * Price of a way: look-ups in the index beside the first, over a period.  That of the exact cache
 * was counted, if it was in use; without it, a flow of the n-th mask costs n, and where x.hash
 * saves hashing, any one a third more.
 */
void flow_group_weigh(struct flow_group *g)
{
	uint64_t masked = 0;

	sort_by_hits(g);
	for (uint32_t i = 0; i < g->mask_count; i++) {
		masked += (uint64_t)g->uses[g->order[i]].hits * i;
		g->uses[g->order[i]].hits = 0;
	}
	if (g->is_tuple)
		masked += g->lookups / 3;
	g->periods++;
	/* in its first period the exact cache is still empty */
	if (g->uses_exact && g->periods > 1 && masked < g->probes && !g->commons) {
		g->uses_exact = 0;
		g->periods = 0;
	} else if (!g->uses_exact && (g->is_tuple || g->mask_count > 1) &&
		   g->periods >= TRY_AGAIN && masked > 0) {
		g->uses_exact = 1;
		g->periods = 0;
	}
	g->lookups = 0;
	g->probes = 0;
}
