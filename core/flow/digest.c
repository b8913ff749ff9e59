/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c - probes, slots, and the question.
 *
 * A probe's value leads to a line of slots and two of them, which both are given the number of the
 * change: "no" takes one that is older.  Numbers only grow but for wrapping, which costs a needless
 * "perhaps" after 2^31 changes.
 */
#include "flow/digest.h"

#include <string.h>

#include "flow/epoch.h"
#include "flow/hash.h"

enum { NO_TAG = 64, TAG_KINDS = 65 };

/* ---- masks and their probes --------------------------------------------------------------------- */

static bool is_none(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		if (b[i])
			return false;
	}
	return true;
}

static void add_probe(struct digest_group *g, const struct xvs_flow_key *bits)
{
	struct digest_probe *probe = &g->probes[g->probe_count];

	if (g->probe_count == DIGEST_PROBES || is_none(bits, sizeof(*bits)))
		return;
	for (uint32_t i = 0; i < g->probe_count; i++) {
		if (memcmp(&g->probes[i].bits, bits, sizeof(*bits)) == 0)
			return;
	}
	probe->bits = *bits;
	probe->seed = (g->nr * DIGEST_PROBES + g->probe_count + 1) * UINT64_C(0x9e3779b97f4a7c15);
	g->probe_count++;
}

/* The address at 'offset' alone, and beginnings of it: of IPv4 after 1, 2, 3 bytes, of IPv6 2, 4, 8. */
static void add_address(struct digest_group *g, size_t offset)
{
	static const uint8_t cuts[] = { 16, 15, 14, 13, 8, 4, 2 };
	const uint8_t *from = (const uint8_t *)&g->mask + offset;

	for (uint32_t i = 0; i < sizeof(cuts); i++) {
		struct xvs_flow_key probe = { 0 };

		memcpy((uint8_t *)&probe + offset, from, cuts[i]);
		/* ::ffff alone tells no IPv4 address from another */
		if (cuts[i] <= 8 || !is_none(from + 12, cuts[i] - 12u))
			add_probe(g, &probe);
	}
}

static void add_ethernet(struct digest_group *g)
{
	struct xvs_flow_key probe = { .vlan_tci = g->mask.vlan_tci };

	memcpy(probe.eth_dst, g->mask.eth_dst, sizeof(probe.eth_dst));
	memcpy(probe.eth_src, g->mask.eth_src, sizeof(probe.eth_src));
	if (!is_none(probe.eth_dst, sizeof(probe.eth_dst)) ||
	    !is_none(probe.eth_src, sizeof(probe.eth_src)))
		add_probe(g, &probe);
}

/* What tells most first. */
static void group_init(struct digest_group *g, uint32_t nr, uint32_t instance,
		       const struct xvs_flow_key *mask)
{
	struct xvs_flow_key probe = *mask;

	memset(g, 0, sizeof(*g));
	g->nr = nr;
	g->instance = instance;
	g->mask = *mask;
	probe.port = 0; /* never part of a match */
	add_probe(g, &probe);
	probe.l4_src = probe.l4_dst = probe.tcp_flags = 0;
	add_probe(g, &probe);
	add_address(g, offsetof(struct xvs_flow_key, ip_dst));
	add_address(g, offsetof(struct xvs_flow_key, ip_src));
	add_ethernet(g);
}

static bool is_within(const struct xvs_flow_key *narrow, const struct xvs_flow_key *wide)
{
	const flow_word *n = (const flow_word *)(const void *)narrow;
	const flow_word *w = (const flow_word *)(const void *)wide;
	uint64_t beyond = 0;

	for (unsigned i = 0; i < sizeof(*narrow) / 8; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the words of a key are its members */
		beyond |= n[i] & ~w[i];
	return beyond == 0;
}

/* When there are too many: one whose mask is part of this one says less of the change, and no wrong. */
static uint32_t wider_group(const struct epoch_digest *d, const struct epoch_change *c)
{
	for (uint32_t i = 0; i < DIGEST_GROUPS; i++) {
		if (d->groups[i].instance == c->instance && d->groups[i].probe_count &&
		    is_within(&d->groups[i].mask, &c->mask))
			return i;
	}
	return DIGEST_GROUPS;
}

static uint32_t group_of(struct epoch_digest *d, const struct epoch_change *c)
{
	uint32_t count = atomic_load_explicit(&d->group_count, memory_order_relaxed);

	for (uint32_t i = 0; i < count; i++) {
		if (d->groups[i].instance == c->instance &&
		    memcmp(&d->groups[i].mask, &c->mask, sizeof(c->mask)) == 0)
			return i;
	}
	if (count == DIGEST_GROUPS)
		return wider_group(d, c);
	group_init(&d->groups[count], count, c->instance, &c->mask);
	atomic_store_explicit(&d->group_count, count + 1, memory_order_release);
	return count;
}

/* ---- slots -------------------------------------------------------------------------------------- */

struct place {
	uint32_t line, first, second;
};

static struct place place_of(const struct xvs_flow_key *key, const struct digest_probe *p)
{
	uint64_t hash = flow_hash_end(nh_key(key, &p->bits), p->seed);
	uint32_t first = (uint32_t)hash % DIGEST_LINE_SLOTS;
	uint32_t apart = 1 + (uint32_t)(hash >> 8 & 0xff) * (DIGEST_LINE_SLOTS - 1) / 256;

	return (struct place){ (uint32_t)(hash >> 32) % DIGEST_LINES, first,
			       (first + apart) % DIGEST_LINE_SLOTS };
}

static void put_match(struct epoch_digest *d, const struct epoch_change *c, uint64_t number)
{
	uint32_t group = group_of(d, c);
	const struct digest_group *g;

	if (group == DIGEST_GROUPS) {
		atomic_store_explicit(&d->others_end, number + 1, memory_order_relaxed);
		return;
	}
	g = &d->groups[group];
	for (uint32_t i = 0; i < g->probe_count; i++) {
		struct place p = place_of(&c->key, &g->probes[i]);

		atomic_store_explicit(&d->slots[p.line][p.first], (uint32_t)number + 1,
				      memory_order_relaxed);
		atomic_store_explicit(&d->slots[p.line][p.second], (uint32_t)number + 1,
				      memory_order_relaxed);
	}
	atomic_store_explicit(&d->ends[group], number + 1, memory_order_relaxed);
}

static _Atomic uint64_t *tag_place(const struct epoch_digest *d, uint32_t instance, uint32_t tag)
{
	struct epoch_digest *at = (struct epoch_digest *)(uintptr_t)d;

	return &at->tags[(instance * TAG_KINDS + tag) % DIGEST_TAGS];
}

static void put_tags(struct epoch_digest *d, const struct epoch_change *c, uint64_t number)
{
	for (uint64_t rest = c->tags; rest; rest &= rest - 1)
		atomic_store_explicit(tag_place(d, c->instance, (uint32_t)__builtin_ctzll(rest)),
				      number + 1, memory_order_relaxed);
	atomic_store_explicit(tag_place(d, c->instance, NO_TAG), number + 1, memory_order_relaxed);
	atomic_store_explicit(&d->tags_end, number + 1, memory_order_relaxed);
}

void digest_put(struct epoch_digest *d, const struct epoch_change *c, uint64_t number)
{
	if (c->by_match)
		put_match(d, c, number);
	else
		put_tags(d, c, number);
}

/* ---- the question ------------------------------------------------------------------------------- */

static bool is_since(const struct epoch_digest *d, const struct place *p, uint32_t slot,
		     uint64_t seen)
{
	uint32_t end = atomic_load_explicit(
		&((struct epoch_digest *)(uintptr_t)d)->slots[p->line][slot], memory_order_relaxed);

	return (int32_t)(end - (uint32_t)seen) > 0;
}

static uint16_t known_probes(const struct digest_group *g, const struct xvs_flow_key *known)
{
	uint16_t probes = 0;

	for (uint32_t i = 0; i < g->probe_count; i++)
		probes |= (uint16_t)((uint32_t)is_within(&g->probes[i].bits, known) << i);
	return probes;
}

static bool group_may_concern(const struct epoch_digest *d, uint32_t group, uint32_t probes,
			      uint64_t seen, const struct xvs_flow_key *key)
{
	const struct digest_group *g = &d->groups[group];

	for (; probes; probes &= probes - 1) {
		struct place p = place_of(key, &g->probes[__builtin_ctz(probes)]);

		if (!is_since(d, &p, p.first, seen) || !is_since(d, &p, p.second, seen))
			return false;
	}
	return true;
}

static bool tags_may_concern(const struct epoch_digest *d, uint64_t seen,
			     const struct digest_question *q)
{
	if (q->tags == 0)
		return atomic_load_explicit(tag_place(d, q->instance, NO_TAG),
					    memory_order_relaxed) > seen;
	for (uint64_t rest = q->tags; rest; rest &= rest - 1) {
		uint32_t tag = (uint32_t)__builtin_ctzll(rest);

		if (atomic_load_explicit(tag_place(d, q->instance, tag), memory_order_relaxed) >
		    seen)
			return true;
	}
	return false;
}

static uint64_t end_of(const _Atomic uint64_t *end)
{
	return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)end, memory_order_relaxed);
}

static uint32_t count_of(const struct epoch_digest *d)
{
	return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&d->group_count,
				    memory_order_acquire);
}

bool digest_may_concern(const struct epoch_digest *d, uint64_t seen,
			const struct digest_question *q)
{
	uint32_t count = count_of(d);

	if (end_of(&d->others_end) > seen)
		return true;
	if (end_of(&d->tags_end) > seen && tags_may_concern(d, seen, q))
		return true;
	for (uint32_t i = 0; i < count; i++) {
		const struct digest_group *g = &d->groups[i];

		if (end_of(&d->ends[i]) > seen && g->instance == q->instance &&
		    group_may_concern(d, i, known_probes(g, q->known), seen, q->key))
			return true;
	}
	return false;
}

bool digest_plan_since(const struct epoch_digest *d, uint64_t oldest, struct digest_plan *plan)
{
	uint32_t count = count_of(d);

	plan->groups = 0;
	for (uint32_t i = 0; i < count; i++)
		plan->groups |= (uint64_t)(end_of(&d->ends[i]) > oldest) << i;
	return end_of(&d->others_end) <= oldest && end_of(&d->tags_end) <= oldest;
}

void digest_plan_known(const struct epoch_digest *d, const struct xvs_flow_key *known,
		       struct digest_plan *plan)
{
	for (uint64_t rest = plan->groups; rest; rest &= rest - 1) {
		uint32_t group = (uint32_t)__builtin_ctzll(rest);

		plan->probes[group] = known_probes(&d->groups[group], known);
	}
}

bool digest_plan_concerns(const struct epoch_digest *d, const struct digest_plan *plan,
			  uint64_t seen, const struct xvs_flow_key *key)
{
	for (uint64_t rest = plan->groups; rest; rest &= rest - 1) {
		uint32_t group = (uint32_t)__builtin_ctzll(rest);

		if (end_of(&d->ends[group]) > seen &&
		    group_may_concern(d, group, plan->probes[group], seen, key))
			return true;
	}
	return false;
}
