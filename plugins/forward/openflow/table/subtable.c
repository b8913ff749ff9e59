/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/subtable.c - slots, filters, and the look-up.
 */
#include "table/subtable.h"

#include <errno.h>
#include <string.h>

#include "table/hash.h"

enum { SLOTS_MIN_BITS = 3, MOVED_AT_ONCE = 8 };

/*
 * Slots and filters are replaced together when they have become too small, so that a reader has
 * either all of the old ones or all of the new ones.  Until the new ones are whole the writer keeps
 * both: each rule that comes moves a few slots on, so that none has to wait for all of them.  A filter counts how many rules have a hash: more
 * than one hash shares a counter, which costs a reader time and nothing else.
 */
struct of_slots {
	uint32_t bits;    /* 1 << bits slots, and counters in each filter */
	uint32_t used;    /* slots that are not NULL: writer */
	uint32_t filters; /* of stages, then of probes */
	_Atomic uint32_t *counts;
	_Atomic(struct of_rule *) rules[];
};

/* A slot that was in use: who looks for something goes on behind it. */
static struct of_rule tombstone;

static uint32_t slot_count(const struct of_slots *s)
{
	return UINT32_C(1) << s->bits;
}

static _Atomic uint32_t *filter_at(const struct of_slots *s, uint32_t filter, uint64_t hash)
{
	return &s->counts[((size_t)filter << s->bits) + (of_hash_end(hash) >> (64 - s->bits))];
}

static struct of_slots *slots_new(uint32_t bits, uint32_t filters)
{
	struct of_slots *s = calloc(1, sizeof(*s) + sizeof(s->rules[0]) * ((size_t)1 << bits));

	if (!s)
		return NULL;
	s->bits = bits;
	s->filters = filters;
	s->counts = calloc((size_t)filters << bits, sizeof(s->counts[0]));
	if (!s->counts) {
		free(s);
		return NULL;
	}
	return s;
}

static void slots_free(void *arg)
{
	struct of_slots *s = arg;

	if (s)
		free((void *)(uintptr_t)s->counts);
	free(s);
}

/* ---- the mask and its probes --------------------------------------------------------------------- */

static void mask_init(struct of_mask *m, const struct of_fields *whole)
{
	static const uint8_t ends[OF_STAGES] = { OF_STAGE_SWITCH, OF_STAGE_L2, OF_STAGE_L3,
						 OF_WORDS };
	const of_word *words = of_const_words(whole);
	uint32_t stage = 0;

	for (uint32_t i = 0; i < OF_WORDS; i++) {
		while (i == ends[stage])
			m->stage_end[stage++] = m->count;
		if (!words[i])
			continue;
		m->word[m->count] = (uint8_t)i;
		m->bits[m->count++] = words[i];
	}
	for (; stage < OF_STAGES; stage++)
		m->stage_end[stage] = m->count;
}

static void probe_add(struct of_subtable *s, const struct of_fields *prefix)
{
	const of_word *words = of_const_words(prefix);
	struct of_probe *p = &s->probes[s->probe_count++];

	for (uint32_t i = 0; i < OF_WORDS; i++) {
		if (!words[i])
			continue;
		p->word[p->count] = (uint8_t)i;
		p->bits[p->count++] = words[i];
	}
}

/* How many leading ones, if there are no others; 0: it is no prefix. */
static uint32_t prefix_bits(const uint8_t *mask, uint32_t bytes)
{
	uint32_t bits = 0;

	while (bits < bytes * 8 && mask[bits / 8] & 0x80u >> bits % 8)
		bits++;
	for (uint32_t i = bits; i < bytes * 8; i++) {
		if (mask[i / 8] & 0x80u >> i % 8)
			return 0;
	}
	return bits;
}

static void add_prefixes(struct of_subtable *s, uint32_t id, const uint8_t *lengths, uint32_t count)
{
	uint8_t mask[16];
	uint32_t bits;

	of_field_read(&s->whole, id, mask);
	bits = prefix_bits(mask, of_field(id)->bytes);
	for (uint32_t i = 0; i < count && lengths[i] < bits; i++) {
		struct of_fields prefix = { 0 };

		memset(mask, 0, sizeof(mask));
		memset(mask, 0xff, lengths[i] / 8);
		of_field_write(&prefix, id, mask, NULL);
		probe_add(s, &prefix);
	}
}

struct of_subtable *of_subtable_new(const struct of_fields *mask, uint64_t seed,
				    const struct of_reclaim *reclaim)
{
	static const uint8_t ipv4[] = { 8, 16, 24 };
	static const uint8_t ipv6[] = { 16, 32, 48, 64, 96 };
	struct of_subtable *s = calloc(1, sizeof(*s));
	struct of_slots *slots;

	if (!s)
		return NULL;
	s->whole = *mask;
	s->seed = seed;
	s->reclaim = reclaim;
	s->known_top = -1;
	mask_init(&s->mask, mask);
	add_prefixes(s, OF_IPV4_DST, ipv4, sizeof(ipv4));
	add_prefixes(s, OF_IPV4_SRC, ipv4, sizeof(ipv4));
	if (!s->probe_count) { /* no rule has addresses of both kinds */
		add_prefixes(s, OF_IPV6_DST, ipv6, sizeof(ipv6));
		add_prefixes(s, OF_IPV6_SRC, ipv6, sizeof(ipv6));
	}
	slots = slots_new(SLOTS_MIN_BITS, OF_STAGES - 1 + s->probe_count);
	if (!slots) {
		free(s);
		return NULL;
	}
	atomic_store_explicit(&s->slots, slots, memory_order_relaxed);
	return s;
}

void of_subtable_free(struct of_subtable *s)
{
	if (!s)
		return;
	slots_free(atomic_load_explicit(&s->slots, memory_order_relaxed));
	slots_free(s->growing);
	free(s);
}

/* ---- hashes -------------------------------------------------------------------------------------- */

static uint64_t hash_words(const struct of_mask *m, uint64_t hash, uint32_t from, uint32_t end,
			   const of_word *words)
{
	for (uint32_t i = from; i < end; i++)
		hash = of_hash_word(hash, words[m->word[i]] & m->bits[i]);
	return hash;
}

static uint64_t hash_probe(const struct of_probe *p, uint64_t seed, const of_word *words)
{
	uint64_t hash = seed;

	for (uint32_t i = 0; i < p->count; i++)
		hash = of_hash_word(hash, words[p->word[i]] & p->bits[i]);
	return hash;
}

static uint64_t hash_whole(const struct of_subtable *s, const struct of_fields *value)
{
	return hash_words(&s->mask, s->seed, 0, s->mask.count, of_const_words(value));
}

static void filters_add(const struct of_subtable *s, struct of_slots *slots,
			const struct of_rule *r, uint32_t change)
{
	const of_word *words = of_const_words(&r->value);
	uint64_t hash = s->seed;
	uint32_t from = 0;

	for (uint32_t i = 0; i < OF_STAGES - 1; i++) {
		hash = hash_words(&s->mask, hash, from, s->mask.stage_end[i], words);
		from = s->mask.stage_end[i];
		atomic_fetch_add_explicit(filter_at(slots, i, hash), change, memory_order_release);
	}
	for (uint32_t i = 0; i < s->probe_count; i++)
		atomic_fetch_add_explicit(filter_at(slots, OF_STAGES - 1 + i,
						    hash_probe(&s->probes[i], s->seed, words)),
					  change, memory_order_release);
}

/* ---- writing ------------------------------------------------------------------------------------- */

static uint32_t first_slot(const struct of_slots *slots, uint64_t hash)
{
	return (uint32_t)(of_hash_end(hash) & (slot_count(slots) - 1));
}

static bool is_same(const struct of_rule *r, uint64_t hash, const struct of_fields *value)
{
	return r->hash == hash && memcmp(&r->value, value, sizeof(*value)) == 0;
}

/* The slot of just this match, or NULL. */
static _Atomic(struct of_rule *) *slot_in(struct of_slots *slots, uint64_t hash,
					  const struct of_fields *value)
{
	uint32_t at = first_slot(slots, hash);
	struct of_rule *r;

	while ((r = atomic_load_explicit(&slots->rules[at], memory_order_acquire)) != NULL) {
		if (r != &tombstone && is_same(r, hash, value))
			return &slots->rules[at];
		at = (at + 1) & (slot_count(slots) - 1);
	}
	return NULL;
}

static struct of_slots *slots_of(const struct of_subtable *s)
{
	return atomic_load_explicit(&s->slots, memory_order_acquire);
}

static uint32_t slots_put(struct of_slots *slots, struct of_rule *head)
{
	uint32_t at = first_slot(slots, head->hash);

	while (atomic_load_explicit(&slots->rules[at], memory_order_relaxed))
		at = (at + 1) & (slot_count(slots) - 1);
	atomic_store_explicit(&slots->rules[at], head, memory_order_release);
	slots->used++;
	return at;
}

static void move_one(struct of_subtable *s, const struct of_slots *from)
{
	struct of_rule *head = atomic_load_explicit(&from->rules[s->moved++], memory_order_relaxed);

	if (!head || head == &tombstone)
		return;
	(void)slots_put(s->growing, head);
	for (struct of_rule *r = head; r; r = atomic_load_explicit(&r->next, memory_order_relaxed))
		filters_add(s, s->growing, r, 1);
}

/* Every search ends at a slot that was never used: some have to be left. */
static bool has_room(const struct of_slots *slots)
{
	return slots->used + 1 <= slot_count(slots) / 8 * 7;
}

static void move_some(struct of_subtable *s)
{
	struct of_slots *old = slots_of(s);

	for (uint32_t i = 0; i < MOVED_AT_ONCE && s->moved < slot_count(old); i++) {
		if (!has_room(s->growing))
			return;
		move_one(s, old);
	}
	if (s->moved < slot_count(old))
		return;
	atomic_store_explicit(&s->slots, s->growing, memory_order_release);
	s->growing = NULL;
	s->reclaim->later(s->reclaim->arg, slots_free, old);
}

static struct of_slots *slots_for(uint32_t rules, uint32_t filters)
{
	uint32_t bits = SLOTS_MIN_BITS;

	while ((rules + 1) * 3 > UINT32_C(1) << bits)
		bits++;
	return slots_new(bits, filters);
}

/*
 * They grow from a half on, and are whole again before seven eighths: without memory it is tried until
 * then.  The new ones get what is there by then and what comes while that is moved, and nothing else:
 * what goes meanwhile keeps its slot, so that the sum is the most that they can ever have in use.
 */
int of_subtable_reserve(struct of_subtable *s)
{
	struct of_slots *old = slots_of(s);

	if (s->growing && !has_room(s->growing)) { /* nobody reads them yet */
		slots_free(s->growing);
		s->growing = NULL;
	}
	if (!s->growing && old->used + 1 > slot_count(old) / 2) {
		s->growing = slots_for(s->rules + slot_count(old) / MOVED_AT_ONCE, old->filters);
		s->moved = 0;
	}
	if (s->growing)
		move_some(s);
	return has_room(slots_of(s)) && (!s->growing || has_room(s->growing)) ? 0 : -ENOMEM;
}

/* Is what lies in this slot in the growing ones, too? */
static bool is_moved(const struct of_subtable *s, const _Atomic(struct of_rule *) *slot)
{
	return s->growing && (uint32_t)(slot - slots_of(s)->rules) < s->moved;
}

/* Behind all of a higher priority; before those of its own, so that the newest is met first. */
static void list_insert(_Atomic(struct of_rule *) *head, struct of_rule *r)
{
	struct of_rule *at = atomic_load_explicit(head, memory_order_relaxed);

	while (at && at->priority > r->priority) {
		head = &at->next;
		at = atomic_load_explicit(head, memory_order_relaxed);
	}
	atomic_store_explicit(&r->next, at, memory_order_relaxed);
	atomic_store_explicit(head, r, memory_order_release);
}

static void put_moved(struct of_subtable *s, struct of_rule *r)
{
	_Atomic(struct of_rule *) *slot = slot_in(s->growing, r->hash, &r->value);

	filters_add(s, s->growing, r, 1);
	if (slot) /* its list is the same one, of which it is the head now or not */
		atomic_store_explicit(slot,
				      atomic_load_explicit(slot_in(slots_of(s), r->hash, &r->value),
							   memory_order_relaxed),
				      memory_order_relaxed);
	else
		(void)slots_put(s->growing, r);
}

void of_subtable_add(struct of_subtable *s, struct of_rule *r)
{
	struct of_slots *slots = slots_of(s);
	_Atomic(struct of_rule *) *slot;

	r->subtable = s;
	s->users++;
	r->hash = hash_whole(s, &r->value);
	if (r->priority > s->top)
		s->top = r->priority;
	s->rules++;
	filters_add(s, slots, r, 1); /* before it can be missed for want of them */
	slot = slot_in(slots, r->hash, &r->value);
	if (slot)
		list_insert(slot, r);
	else
		slot = &slots->rules[slots_put(slots, r)];
	if (is_moved(s, slot))
		put_moved(s, r);
}

/* Now and then only: a bound that is too high costs readers time and nothing else. */
static void find_top(struct of_subtable *s)
{
	const struct of_slots *slots = atomic_load_explicit(&s->slots, memory_order_relaxed);

	if (s->removed < s->rules / 4 + 16)
		return;
	s->removed = 0;
	s->top = 0;
	for (uint32_t i = 0; i < slot_count(slots); i++) {
		const struct of_rule *r =
			atomic_load_explicit(&slots->rules[i], memory_order_relaxed);

		if (r && r != &tombstone && r->priority > s->top)
			s->top = r->priority;
	}
}

/* Out of its list; the slot's own pointer if it is the head. */
static void take_out(_Atomic(struct of_rule *) *slot, struct of_rule *r)
{
	_Atomic(struct of_rule *) *at = slot;
	struct of_rule *next = atomic_load_explicit(&r->next, memory_order_relaxed);

	while (atomic_load_explicit(at, memory_order_relaxed) != r)
		at = &atomic_load_explicit(at, memory_order_relaxed)->next;
	if (at == slot && !next)
		next = &tombstone;
	atomic_store_explicit(at, next, memory_order_release);
}

void of_subtable_remove(struct of_subtable *s, struct of_rule *r)
{
	struct of_slots *slots = slots_of(s);
	_Atomic(struct of_rule *) *slot = slot_in(slots, r->hash, &r->value);
	_Atomic(struct of_rule *) *twin =
		is_moved(s, slot) ? slot_in(s->growing, r->hash, &r->value) : NULL;

	take_out(slot, r);
	filters_add(s, slots, r, UINT32_MAX);
	if (twin) {
		atomic_store_explicit(twin, atomic_load_explicit(slot, memory_order_relaxed),
				      memory_order_relaxed);
		filters_add(s, s->growing, r, UINT32_MAX);
	}
	s->rules--;
	s->removed++;
	find_top(s);
}

struct of_rule *of_subtable_list(const struct of_subtable *s, const struct of_fields *value)
{
	_Atomic(struct of_rule *) *slot = slot_in(slots_of(s), hash_whole(s, value), value);

	return slot ? atomic_load_explicit(slot, memory_order_relaxed) : NULL;
}

static bool list_within(struct of_rule *r, const struct of_match *match,
			bool (*fn)(void *arg, struct of_rule *r), void *arg)
{
	const of_word *value = of_const_words(&match->value);
	const of_word *mask = of_const_words(&match->mask);
	const of_word *have = r ? of_const_words(&r->value) : NULL;
	uint64_t differs = 0;

	for (uint32_t i = 0; r && i < OF_WORDS; i++)
		differs |= (have[i] ^ value[i]) & mask[i];
	for (; r && !differs; r = atomic_load_explicit(&r->next, memory_order_relaxed)) {
		if (!fn(arg, r))
			return false;
	}
	return true;
}

bool of_subtable_within(const struct of_subtable *s, const struct of_match *match,
			bool (*fn)(void *arg, struct of_rule *r), void *arg)
{
	const struct of_slots *slots = atomic_load_explicit(&s->slots, memory_order_relaxed);
	struct of_rule *head;

	if (memcmp(&s->whole, &match->mask, sizeof(s->whole)) == 0)
		return list_within(of_subtable_list(s, &match->value), match, fn, arg);
	for (uint32_t i = 0; i < slot_count(slots); i++) {
		head = atomic_load_explicit(&slots->rules[i], memory_order_relaxed);
		if (head != &tombstone && !list_within(head, match, fn, arg))
			return false;
	}
	return true;
}

/* ---- overlaps ------------------------------------------------------------------------------------ */

/* May it be told by the match alone what these bits are? */
static bool is_known(const struct of_probe *p, const of_word *mask)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->bits[i] & ~mask[p->word[i]])
			return false;
	}
	return true;
}

static uint32_t known_words(const struct of_subtable *s, const of_word *mask)
{
	uint32_t n = 0;

	while (n < s->mask.count && !(s->mask.bits[n] & ~mask[s->mask.word[n]]))
		n++;
	return n;
}

static bool is_empty(const struct of_slots *slots, uint32_t filter, uint64_t hash)
{
	return atomic_load_explicit(filter_at(slots, filter, hash), memory_order_acquire) == 0;
}

/* Does some filter say that no rule has what the match has? */
static bool is_ruled_out(const struct of_subtable *s, const struct of_match *match)
{
	const of_word *value = of_const_words(&match->value);
	const of_word *mask = of_const_words(&match->mask);
	uint32_t known = known_words(s, mask);
	uint64_t hash = s->seed;
	uint32_t from = 0;

	for (uint32_t i = 0; i < OF_STAGES - 1 && s->mask.stage_end[i] <= known; i++) {
		hash = hash_words(&s->mask, hash, from, s->mask.stage_end[i], value);
		from = s->mask.stage_end[i];
		if (is_empty(slots_of(s), i, hash))
			return true;
	}
	for (uint32_t i = 0; i < s->probe_count; i++) {
		const struct of_probe *p = &s->probes[i];

		if (is_known(p, mask) &&
		    is_empty(slots_of(s), OF_STAGES - 1 + i, hash_probe(p, s->seed, value)))
			return true;
	}
	return false;
}

static bool list_overlaps(const struct of_subtable *s, const struct of_rule *r,
			  const struct of_match *match, uint32_t priority)
{
	const of_word *value = of_const_words(&match->value);
	const of_word *mask = of_const_words(&match->mask);
	const of_word *have = r ? of_const_words(&r->value) : NULL;

	for (uint32_t i = 0; r && i < s->mask.count; i++) {
		uint32_t at = s->mask.word[i];

		if ((have[at] ^ value[at]) & s->mask.bits[i] & mask[at])
			return false;
	}
	while (r && (r->priority != priority || !of_rule_is_there(r)))
		r = atomic_load_explicit(&r->next, memory_order_relaxed);
	return r != NULL;
}

bool of_subtable_overlaps(const struct of_subtable *s, const struct of_match *match,
			  uint32_t priority)
{
	const struct of_slots *slots = slots_of(s);
	struct of_fields own = match->value;
	of_word *words = of_words(&own);

	if (is_ruled_out(s, match))
		return false;
	if (known_words(s, of_const_words(&match->mask)) == s->mask.count) {
		for (uint32_t i = 0; i < OF_WORDS; i++)
			words[i] &= of_const_words(&s->whole)[i];
		return list_overlaps(s, of_subtable_list(s, &own), match, priority);
	}
	for (uint32_t i = 0; i < slot_count(slots); i++) {
		const struct of_rule *r =
			atomic_load_explicit(&slots->rules[i], memory_order_relaxed);

		if (r != &tombstone && list_overlaps(s, r, match, priority))
			return true;
	}
	return false;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static void examine(const struct of_subtable *s, uint32_t end, struct of_fields *examined)
{
	of_word *words = of_words(examined);

	for (uint32_t i = 0; i < end; i++)
		words[s->mask.word[i]] |= s->mask.bits[i];
}

/* Does the beginning of some address say that no rule can match? */
static bool misses_prefix(const struct of_subtable *s, const struct of_slots *slots,
			  const of_word *words, struct of_fields *examined)
{
	of_word *seen = of_words(examined);

	for (uint32_t i = 0; i < s->probe_count; i++) {
		const struct of_probe *p = &s->probes[i];

		if (!is_empty(slots, OF_STAGES - 1 + i, hash_probe(p, s->seed, words)))
			continue;
		for (uint32_t n = 0; n < p->count; n++)
			seen[p->word[n]] |= p->bits[n];
		return true;
	}
	return false;
}

static bool matches(const struct of_subtable *s, const struct of_rule *r, const of_word *words)
{
	const of_word *value = of_const_words(&r->value);

	for (uint32_t i = 0; i < s->mask.count; i++) {
		if ((words[s->mask.word[i]] & s->mask.bits[i]) != value[s->mask.word[i]])
			return false;
	}
	return true;
}

/* The first that is seen; lists are in falling priority. */
static struct of_rule *list_find(struct of_rule *r, uint64_t version, int32_t floor)
{
	for (; r && r->priority > floor; r = atomic_load_explicit(&r->next, memory_order_acquire)) {
		if (of_rule_is_seen(r, version))
			return r;
	}
	return NULL;
}

struct of_rule *of_subtable_find(const struct of_subtable *s, const struct of_fields *packet,
				 uint64_t version, int32_t floor, struct of_fields *examined)
{
	const struct of_slots *slots = atomic_load_explicit(&s->slots, memory_order_acquire);
	const of_word *words = of_const_words(packet);
	uint64_t hash = s->seed;
	uint32_t from = 0;
	struct of_rule *r;

	for (uint32_t stage = 0; stage < OF_STAGES; stage++) {
		uint32_t end = s->mask.stage_end[stage];

		if (stage == OF_STAGES - 2) {
			/* layer 3: what tells little of an address first */
			examine(s, from, examined);
			if (misses_prefix(s, slots, words, examined))
				return NULL;
		}
		hash = hash_words(&s->mask, hash, from, end, words);
		if (stage < OF_STAGES - 1 && end > from && is_empty(slots, stage, hash)) {
			examine(s, end, examined);
			return NULL;
		}
		from = end;
	}
	examine(s, from, examined);
	for (uint32_t at = first_slot(slots, hash);; at = (at + 1) & (slot_count(slots) - 1)) {
		r = atomic_load_explicit(&slots->rules[at], memory_order_acquire);
		if (!r)
			return NULL;
		if (r != &tombstone && r->hash == hash && matches(s, r, words))
			return list_find(r, version, floor);
	}
}
