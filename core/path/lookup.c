/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.c - from packets to verdicts: the cache first, the walk where it has none.
 *
 * The cache is asked for all packets of a batch at once, since it is memory that takes the time.
 * Misses are judged in order with a look-up before each, so 64 packets of one new flow are judged
 * once (architecture 16.1k).
 */
#include <string.h>

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

/* What packets of an entry add to it. */
struct credit {
	uint64_t packets;
	uint64_t bytes;
	uint16_t tcp_flags;
};

static inline void credit_add(struct credit *c, const struct packet *p, uint16_t tcp_flags)
{
	if (__builtin_expect(p->x.gso_type | (p->x.flags & XVS_PKT_VLAN), 0)) {
		c->packets += xvs_wire_packets(&p->x);
		c->bytes += xvs_wire_bytes(&p->x);
	} else {
		c->packets++;
		c->bytes += p->x.len;
	}
	c->tcp_flags |= tcp_flags;
}

static inline void entry_credit(struct flow_entry *e, const struct credit *c, uint64_t now_ns)
{
	e->packets += c->packets;
	e->bytes += c->bytes;
	e->tcp_flags |= c->tcp_flags;
	e->last_ns = now_ns;
}

/* Only a guest's own packets cost its budget; judging a stale entry again is not charged. */
static bool budget_take(const struct burst *b)
{
	const struct port_conf *conf = b->conf;
	struct xvs_meter_rate rate = { conf->new_flow_rate, conf->new_flow_burst };

	if (b->stage != XVS_STAGE_INGRESS || conf->role == ROLE_UPLINK || !rate.per_second)
		return true;
	return xvs_meter_take(&conf->port->new_flows, &rate, b->worker->w.now_ns, 1, 0) == 0;
}

static inline void packet_follow(struct burst *b, uint32_t i, struct flow_entry *e)
{
	b->entries[i] = e;
	b->legs[i] = &e->leg;
}

static void packet_use(struct burst *b, uint32_t i, struct flow_entry *e, uint16_t tcp_flags)
{
	struct credit c = { 0 };

	credit_add(&c, b->pkts[i], tcp_flags);
	entry_credit(e, &c, b->worker->w.now_ns);
	packet_follow(b, i, e);
	b->plain = (b->plain & ~(UINT64_C(1) << i)) | (uint64_t)e->is_plain << i;
}

static bool packet_walk(struct burst *b, uint32_t i, uint32_t place, const struct flow_key *key,
			struct flow_entry *old, bool is_partial)
{
	struct flow_entry *e = walk_judge(b, i, place, key, old, is_partial);

	if (e)
		packet_use(b, i, e, key->k.tcp_flags);
	return e != NULL;
}

static bool packet_find(struct burst *b, uint32_t i, uint32_t place, const struct flow_key *key)
{
	struct path_worker *w = b->worker;
	struct flow_entry *e = flow_find(w->cache, key);
	enum staleness stale = e ? entry_staleness(b, e) : STALE_NO;

	if (e && stale == STALE_NO) {
		packet_use(b, i, e, key->k.tcp_flags);
		return true;
	}
	if (!e && !budget_take(b)) {
		burst_drop(b, i, 0, REASON_NEW_FLOWS);
		return false;
	}
	if (e)
		counter_add(&w->stale, 1);
	return packet_walk(b, i, place, key, e, stale == STALE_PARTLY);
}

bool packet_lookup(struct burst *b, uint32_t i, uint32_t place)
{
	struct flow_key key;

	burst_key(b, i, place, &key);
	return packet_find(b, i, place, &key);
}

bool packet_judge(struct burst *b, uint32_t i, uint32_t place)
{
	struct flow_key key;

	burst_key(b, i, place, &key);
	return packet_walk(b, i, place, &key, NULL, false);
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

/* Judged, or found to be true again; an earlier packet of the burst may have seen to it meanwhile. */
static void packet_miss(struct burst *b, uint32_t i, uint32_t place, const struct flow_batch *batch)
{
	struct flow_key key = { .k = b->worker->keys[i] };

	memcpy(&key.segment, batch->spots ? &batch->spots[i] : &batch->spot, sizeof(batch->spot));
	(void)packet_find(b, i, place, &key);
}

/* Packets that follow each other into one entry: they are credited together. */
struct train {
	struct flow_entry *entry; /* NULL: none */
	uint32_t first;
	struct credit credit;
};

/* Which packets are not plain, if all up to 'end' were the train's. */
static inline uint64_t train_end(struct train *t, uint32_t end, uint64_t now_ns)
{
	struct flow_entry *e = t->entry;

	if (!e)
		return 0;
	entry_credit(e, &t->credit, now_ns);
	t->entry = NULL;
	return e->is_plain ? 0 : UINT64_MAX >> (XVS_BATCH_MAX - end) & UINT64_MAX << t->first;
}

/* All that has come due is that its sender's address is told again. */
static bool entry_tells_again(struct burst *b, uint32_t i, struct flow_entry *e, uint64_t world)
{
	if (!e->teaches || e->verified != world || e->is_retired)
		return false;
	e->expires_tick = flow_tick(b->worker->w.now_ns) + TEACHING_TICKS;
	b->teaching |= UINT64_C(1) << i;
	return true;
}

/*
 * What was found goes on with its entry, if that is known to be true; the others are judged, in
 * order, and what came before them was credited then.
 */
static void use_found(struct burst *b, uint32_t place, const struct flow_batch *batch,
		      struct flow_entry *const *found)
{
	const struct xvs_flow_key *keys = batch->keys;
	const uint64_t now_ns = b->worker->w.now_ns;
	const uint64_t world = burst_world(b);
	const uint32_t tick = flow_tick(now_ns);
	const uint64_t live = batch->live;
	const uint32_t count = b->count;
	struct train t = { .entry = NULL };
	uint64_t others = 0; /* not plain, or it is said elsewhere */

	b->plain &= ~live;
	for (uint32_t i = 0; i < count; i++) {
		struct flow_entry *e = found[i];

		if (!(live >> i & 1))
			continue;
		if (!e || e != t.entry) {
			others |= train_end(&t, i, now_ns);
			if (__builtin_expect(!e || !(entry_is_verified(e, world, tick) ||
						     entry_tells_again(b, i, e, world)),
					     0)) {
				packet_miss(b, i, place, batch);
				others |= UINT64_C(1) << i;
				continue;
			}
			t = (struct train){ .entry = e, .first = i };
		}
		credit_add(&t.credit, b->pkts[i], keys[i].tcp_flags);
		packet_follow(b, i, e);
	}
	others |= train_end(&t, count, now_ns);
	b->plain |= live & ~others;
}

void burst_lookup(struct burst *b, uint32_t place)
{
	struct path_worker *w = b->worker;
	struct flow_entry *found[XVS_BATCH_MAX];
	struct flow_batch batch = { .keys = w->keys,
				    .port = b->conf->port->id,
				    .place = flow_place(b->stage, place) };

	drop_bad(b, fill_keys(b));
	fill_spots(b, &batch);
	batch.live = b->live;
	flow_find_batch(w->cache, &batch, found);
	use_found(b, place, &batch, found);
}
