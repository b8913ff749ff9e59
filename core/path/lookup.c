/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.c - from packets to verdicts: the cache first, the walk where it has none.
 *
 * All keys of a batch are made and their places in the cache prefetched before the first is looked
 * up.  Misses are judged in order with a look-up before each, so 64 packets of one new flow are
 * judged once (architecture 16.1k).
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

static void entry_credit(struct flow_entry *e, const struct flow_key *key, const struct packet *p,
			 uint64_t now_ns)
{
	if (__builtin_expect(p->x.gso_type != 0, 0)) {
		e->packets += xvs_wire_packets(&p->x);
		e->bytes += xvs_wire_bytes(&p->x);
	} else {
		e->packets++;
		e->bytes += p->x.len + (p->x.flags & XVS_PKT_VLAN ? 4u : 0u);
	}
	e->tcp_flags |= key->k.tcp_flags;
	e->tcp_seen |= key->k.tcp_flags;
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

static bool packet_use(struct burst *b, uint32_t i, struct flow_entry *e,
		       const struct flow_key *key)
{
	if (!e)
		return false;
	entry_credit(e, key, b->pkts[i], b->worker->w.now_ns);
	b->entries[i] = e;
	b->legs[i] = &e->leg;
	return true;
}

static bool packet_find(struct burst *b, uint32_t i, uint32_t place, const struct flow_key *key,
			uint64_t hash)
{
	struct path_worker *w = b->worker;
	struct flow_entry *e = flow_find(w->cache, key, hash);
	enum staleness stale = e ? entry_staleness(w, b->conf, e) : STALE_NO;

	if (e && stale == STALE_NO)
		return packet_use(b, i, e, key);
	if (!e && !budget_take(b)) {
		burst_drop(b, i, 0, REASON_NEW_FLOWS);
		return false;
	}
	if (e)
		counter_add(&w->stale, 1);
	return packet_use(b, i, walk_judge(b, i, place, key, hash, e, stale == STALE_PARTLY), key);
}

bool packet_lookup(struct burst *b, uint32_t i, uint32_t place)
{
	struct flow_key key;

	burst_key(b, i, place, &key);
	return packet_find(b, i, place, &key, flow_hash(&key, 0));
}

bool packet_judge(struct burst *b, uint32_t i, uint32_t place)
{
	struct flow_key key;
	uint64_t hash;

	burst_key(b, i, place, &key);
	hash = flow_hash(&key, 0);
	return packet_use(b, i, walk_judge(b, i, place, &key, hash, NULL, false), &key);
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

void burst_lookup(struct burst *b, uint32_t place)
{
	struct flow_key keys[XVS_BATCH_MAX];
	uint64_t hashes[XVS_BATCH_MAX];
	uint64_t bad = 0;

	for (XVS_EACH(i, b->live)) {
		if (b->pkts[i]->x.flags & XVS_PKT_BAD) {
			bad |= UINT64_C(1) << i;
			b->legs[i] = NULL;
			continue;
		}
		burst_key(b, (uint32_t)i, place, &keys[i]);
		hashes[i] = flow_hash(&keys[i], 0);
		flow_prefetch(b->worker->cache, hashes[i]);
	}
	drop_bad(b, bad);
	for (XVS_EACH(i, b->live))
		(void)packet_find(b, (uint32_t)i, place, &keys[i], hashes[i]);
}
