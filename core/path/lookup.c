/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.c - from packets to verdicts: the cache first, the walk where it has none.
 *
 * The cache is asked for all packets of a batch at once, since it is memory that takes the time.
 * Misses are judged in order with a look-up before each, so 64 packets of one new flow are judged
 * once (architecture 16.1k).
 */
#include <string.h>

#include "base/ones.h"
#include "path/worker.h"
#include "xvs/ext/meter.h"
#include "xvs/ext/sdk.h"

void burst_key(const struct burst *b, uint32_t i, uint32_t place, struct flow_key *key)
{
	const struct packet *p = b->pkts[i];

	packet_key(p, b->conf->port->id, &key->k);
	key->segment = p->segment;
	key->place = flow_place(b->stage, place);
	key->other = b->stage == XVS_STAGE_EGRESS ? p->x.port_in : 0;
	key->zero = 0;
}

/* What a packet is on the wire beyond what it is here. */
static __attribute__((noinline, cold)) void entry_credit_more(const struct burst *b,
							      struct flow_entry *e,
							      const struct xvs_packet *x)
{
	uint64_t packets = xvs_wire_packets(x) - 1;
	uint64_t bytes = xvs_wire_bytes(x) - x->len;

	counter_add(&e->tally.packets, packets);
	counter_add(&e->tally.bytes, bytes);
	quiet_miss(b->worker, &e->leg, packets,
		   bytes); /* connections count them as they are here */
	quiet_miss(b->worker, &e->out, packets, bytes);
}

static inline void entry_credit(const struct burst *b, struct flow_entry *e, const struct packet *p,
				uint16_t tcp_flags)
{
	if (__builtin_expect(flow_counts_for_more(&p->x), 0))
		entry_credit_more(b, e, &p->x);
	counter_add(&e->tally.packets, 1);
	counter_add(&e->tally.bytes, p->x.len);
	e->tcp_flags |= tcp_flags;
}

static inline void entry_used_now(const struct burst *b, struct flow_entry *e)
{
	__atomic_store_n(&e->tally.last_ns, b->worker->w.now_ns, __ATOMIC_RELAXED);
}

/* Only a guest's own packets cost its budget, once; judging a stale entry again is not charged. */
static bool budget_take(const struct burst *b)
{
	return b->stage != XVS_STAGE_INGRESS || b->worker->park.resumed ||
	       budget_admits(b->worker, b->conf, &b->conf->port->new_flows);
}

static inline void packet_follow(struct burst *b, uint32_t i, struct flow_entry *e)
{
	b->entries[i] = e;
	b->legs[i] = &e->leg;
}

static void packet_use(struct burst *b, uint32_t i, struct flow_entry *e, uint16_t tcp_flags)
{
	entry_credit(b, e, b->pkts[i], tcp_flags);
	entry_used_now(b, e);
	packet_follow(b, i, e);
	b->plain = (b->plain & ~(UINT64_C(1) << i)) | (uint64_t)e->is_plain << i;
	b->paired &= ~(UINT64_C(1) << i);
}

static bool packet_walk(struct burst *b, uint32_t i, uint32_t place, const struct flow_key *key,
			struct flow_entry *old, enum walk_kind kind)
{
	struct flow_entry *e = walk_judge(b, i, place, key, old, kind);

	/* an answer that was waited for may be older than a change: it is asked for again */
	if (e && b->worker->park.resumed && park_is_outdated(b, e))
		e = walk_judge(b, i, place, key, e, kind == WALK_OWN ? WALK_OWN : WALK_WHOLE);
	if (e)
		packet_use(b, i, e, key->k.tcp_flags);
	return e != NULL;
}

/* Of those, how many a second get an entry of their own: as many as may be new. */
static bool own_budget_take(const struct burst *b)
{
	return b->stage != XVS_STAGE_INGRESS || b->worker->park.resumed ||
	       budget_admits(b->worker, b->conf, &b->conf->port->own_flows);
}

/*
 * It came by a common entry so far; the connection has its own one meanwhile, or gets it now.  False:
 * it goes on as it came.
 */
static bool packet_find_own(struct burst *b, uint32_t i, uint32_t place, const struct flow_key *key)
{
	struct flow_entry *e = flow_find_own(b->worker->cache, key);

	own_forget(b->worker, key->k.port, b->pkts[i]);
	if (!e || entry_staleness(b, e) != STALE_NO) {
		if (!own_budget_take(b))
			return false;
		if (!packet_walk(b, i, place, key, e, WALK_OWN))
			return true;
		e = b->entries[i];
	} else {
		packet_use(b, i, e, key->k.tcp_flags);
	}
	flow_lead(b->worker->cache, e, key, b->pkts[i]->x.hash);
	return true;
}

/* 'e': that in the cache, if it is known already. */
static bool packet_find(struct burst *b, uint32_t i, uint32_t place, const struct flow_key *key,
			struct flow_entry *e)
{
	struct path_worker *w = b->worker;
	enum staleness stale;

	/* a packet of this very burst may have begun to wait */
	if (w->park.waiting && !w->trace && park_follows(b, i, place))
		return false;
	if (!e && !w->trace)
		e = flow_find(w->cache, key);
	stale = e ? entry_staleness(b, e) : STALE_NO;
	if (e && e->is_common && own_is_wanted(w, key->k.port, b->pkts[i]) &&
	    packet_find_own(b, i, place, key))
		return b->live >> i & 1;
	if (e && stale == STALE_NO) {
		packet_use(b, i, e, key->k.tcp_flags);
		return true;
	}
	if (!e && !w->trace && !budget_take(b)) {
		burst_drop(b, i, 0, REASON_NEW_FLOWS);
		return false;
	}
	if (e)
		counter_add(&w->stale, 1);
	return packet_walk(b, i, place, key, e, stale == STALE_PARTLY ? WALK_PARTLY : WALK_WHOLE);
}

bool packet_lookup(struct burst *b, uint32_t i, uint32_t place)
{
	struct flow_key key;

	burst_key(b, i, place, &key);
	return packet_find(b, i, place, &key, NULL);
}

bool packet_judge(struct burst *b, uint32_t i, uint32_t place)
{
	struct flow_key key;

	burst_key(b, i, place, &key);
	return packet_walk(b, i, place, &key, NULL, WALK_OWN);
}

/* Malformed packets are shown to inspectors on ingress and end here; no key could describe them. */
static void drop_bad(struct burst *b, uint64_t bad)
{
	if (!bad)
		return;
	for (uint32_t place = 0; b->stage == XVS_STAGE_INGRESS && place < b->chain->count;
	     place++) {
		if (b->chain->places[place].instance->cls == XVS_INSPECT)
			burst_call(b, place, bad);
	}
	for (XVS_EACH(i, bad))
		burst_drop(b, (uint32_t)i, 0, b->reason[i] ? b->reason[i] : REASON_BAD_HEADER);
}

/* Keys of those that have none yet.  Which packets are malformed. */
static uint64_t fill_keys(struct burst *b)
{
	struct path_worker *w = b->worker;
	uint64_t bad = 0;

	for (XVS_EACH(i, b->live & ~b->keyed)) {
		if (b->pkts[i]->x.flags & XVS_PKT_BAD) {
			bad |= UINT64_C(1) << i;
			b->legs[i] = NULL;
		} else {
			packet_key(b->pkts[i], b->conf->port->id, &w->keys[i]);
		}
	}
	b->keyed = 0;
	return bad;
}

/* Most batches are of one segment and came in at one port, so all packets are at one spot. */
static void fill_spots(struct burst *b, struct flow_batch *batch)
{
	struct flow_spot *spots = b->worker->spots;
	uint64_t at = flow_where(0, batch->place);

	batch->spot.where = flow_where(b->conf->segment, batch->place);
	if (b->stage == XVS_STAGE_INGRESS && !b->segments)
		return;
	for (XVS_EACH(i, b->live)) {
		spots[i].where = at | b->pkts[i]->segment;
		spots[i].other = b->stage == XVS_STAGE_EGRESS ? b->pkts[i]->x.port_in : 0;
	}
	batch->spots = spots;
}

/*
 * What the batch found may be used after all: it is true again, or a common entry, which is looked at
 * for each packet, since its connection may be to get its own.
 */
static bool found_holds(struct burst *b, uint32_t i, struct flow_entry *e)
{
	struct path_worker *w = b->worker;

	if (e->is_common && own_is_wanted(w, b->conf->port->id, b->pkts[i]))
		return false;
	if (e->is_common && entry_verified(e) == burst_world(b) && w->w.now_ns < e->expires_ns)
		return true;
	return entry_staleness(b, e) == STALE_NO;
}

/* Judged, or found to be true again; an earlier packet of the burst may have seen to it meanwhile. */
static __attribute__((noinline)) void packet_miss(struct burst *b, uint32_t i, uint32_t place,
						  const struct flow_batch *batch,
						  struct flow_entry *found)
{
	struct flow_key key;

	if (found && found->is_retired)
		found = NULL;
	if (found && found_holds(b, i, found)) {
		packet_use(b, i, found, b->worker->keys[i].tcp_flags);
		return;
	}
	key.k = b->worker->keys[i];

	memcpy(&key.segment, batch->spots ? &batch->spots[i] : &batch->spot, sizeof(batch->spot));
	(void)packet_find(b, i, place, &key, found);
}

/* All that has come due is that its sender's address is told again. */
static bool entry_tells_again(struct burst *b, uint32_t i, struct flow_entry *e, uint64_t world)
{
	if (!e->teaches || entry_verified(e) != world || e->is_retired)
		return false;
	e->expires_tick = flow_tick(b->worker->w.now_ns) + TEACHING_TICKS;
	b->teaching |= UINT64_C(1) << i;
	return true;
}

/* Packets that follow each other into the entry of the first of 'rest'; returns which they are. */
static __attribute__((noinline)) uint64_t use_train(struct burst *b,
						    const struct xvs_flow_key *keys,
						    struct flow_entry *const *found, uint64_t rest)
{
	struct flow_entry *e = found[__builtin_ctzll(rest)];
	const uint64_t all = rest;
	uint64_t packets = 0;
	uint64_t bytes = 0;
	uint16_t tcp_flags = 0;

	for (; rest; rest &= rest - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(rest);
		const struct packet *p = b->pkts[i];

		if (found[i] != e)
			break;
		if (__builtin_expect(flow_counts_for_more(&p->x), 0))
			entry_credit_more(b, e, &p->x);
		packets++;
		bytes += p->x.len;
		tcp_flags |= keys[i].tcp_flags;
		packet_follow(b, i, e);
	}
	counter_add(&e->tally.packets, packets);
	counter_add(&e->tally.bytes, bytes);
	e->tcp_flags |= tcp_flags;
	return all ^ rest;
}

/* What packets of a burst were found to be, and when that is still true. */
struct use {
	const struct xvs_flow_key *keys;
	struct flow_entry *const *found;
	uint64_t world;
	uint32_t tick;
};

/*
 * Packets that follow each other and go on by the common entry of the first as they came: it is true, and
 * none of their connections is to get its own.  Returns behind the last one.
 */
static __attribute__((noinline)) uint64_t use_common(struct burst *b, const struct use *u,
						     struct ones some)
{
	struct flow_entry *e = u->found[some.first];
	uint64_t bytes = 0;
	uint64_t end = some.first;

	if (e->is_retired || entry_verified(e) != u->world || b->worker->w.now_ns >= e->expires_ns)
		return end;
	while (end < some.end && u->found[end] == e && !flow_counts_for_more(&b->pkts[end]->x))
		end++;
	some.end = end;
	end = own_first_wanted(b->worker, b->conf->port->id, b->pkts, some);
	for (uint64_t i = some.first; i < end; i++) {
		bytes += b->pkts[i]->x.len;
		e->tcp_flags |= u->keys[i].tcp_flags;
		packet_follow(b, (uint32_t)i, e);
	}
	if (end == some.first)
		return end;
	entry_used_now(b, e);
	counter_add(&e->tally.packets, end - some.first);
	counter_add(&e->tally.bytes, bytes);
	return end;
}

/* The first of 'rest', whose entry is known to be true, and those of its train. */
static inline uint64_t use_entry(struct burst *b, const struct use *u, uint64_t rest)
{
	struct flow_entry *const *found = u->found;
	const struct xvs_flow_key *keys = u->keys;
	uint32_t i = (uint32_t)__builtin_ctzll(rest);
	uint64_t behind = rest & (rest - 1);
	struct flow_entry *e = found[i];

	entry_used_now(b, e);
	if (behind && found[__builtin_ctzll(behind)] == e)
		return use_train(b, keys, found, rest);
	entry_credit(b, e, b->pkts[i], keys[i].tcp_flags);
	packet_follow(b, i, e);
	return rest ^ behind;
}

/*
 * What was found and not credited yet goes on with its entry, if that is known to be true; the others are
 * judged, in order.
 */
static void use_found(struct burst *b, uint32_t place, const struct flow_batch *batch,
		      const struct flow_credit *credit)
{
	const struct use u = { .keys = batch->keys,
			       .found = b->entries,
			       .world = credit->world,
			       .tick = flow_tick(b->worker->w.now_ns) };
	uint64_t rest = batch->live & ~credit->done;
	uint64_t plain = 0; /* packet_miss() says it itself */

	while (rest) {
		uint32_t i = (uint32_t)__builtin_ctzll(rest);
		struct flow_entry *e = b->entries[i];
		uint64_t who;

		if (e && e->is_common) {
			struct ones some = ones_lowest(rest);

			some.end = use_common(b, &u, some);
			rest = ones_from(rest, some.end);
			if (some.end > i)
				continue;
		}
		if (__builtin_expect(!e || !(entry_is_verified(e, u.world, u.tick) ||
					     entry_tells_again(b, i, e, u.world)),
				     0)) {
			packet_miss(b, i, place, batch, e);
			rest &= rest - 1;
			continue;
		}
		who = use_entry(b, &u, rest);
		plain |= e->is_plain ? who : 0;
		rest ^= who;
	}
	b->plain |= plain;
}

/* Packets of which some are more on the wire than they are here are counted one by one. */
static bool count_for_one(const struct burst *b)
{
	bool any = false;

	if (b->count_for_one)
		return true;
	for (XVS_EACH(i, b->live))
		any |= flow_counts_for_more(&b->pkts[i]->x);
	return !any;
}

void burst_lookup(struct burst *b, uint32_t place)
{
	struct path_worker *w = b->worker;
	struct flow_credit credit = { .world = burst_world(b),
				      .log = &b->conf->sw->log,
				      .now_ns = w->w.now_ns,
				      .legs = b->legs };
	struct flow_batch batch = {
		.keys = w->keys,
		.port = b->conf->port->id,
		.place = flow_place(b->stage, place),
		.pkts = (const struct xvs_packet *const *)(const void *)b->pkts
	};

	drop_bad(b, fill_keys(b));
	if (w->park.waiting)
		park_followers(b, place);
	fill_spots(b, &batch);
	batch.live = b->live;
	batch.credit = count_for_one(b) ? &credit : NULL;
	flow_find_batch(w->cache, &batch, b->entries);
	b->plain = (b->plain & ~batch.live) | credit.plain;
	use_found(b, place, &batch, &credit);
}
