/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge.c - the walk: the first packet of a flow is judged by every extension in chain order, and
 * what they say becomes one flow entry.
 *
 * A walk is a pooled object that holds all it needs to stop and go on: the key as it is now, the
 * place, the union of masks, the epoch.  It runs leg by leg: the leg of the burst's own stage,
 * then, where a destination is known, the egress chain of each exit port.
 *
 * A partial walk judges an entry that an exact change made stale: extensions whose verdict is not
 * concerned, and whose view of the packet is the same, are not asked; their verdict is kept.
 */
#include "path/walk.h"

#include <string.h>

#include "base/clock.h"
#include "path/destset.h"

enum { IDLE_DEFAULT_MS = 10000, LEARNING_MAX_MS = 30000, OWN_MAX_MS = 1000 };

/* What had an entry of its own keeps one. */
static bool may_be_common(const struct burst *b, uint32_t i, const struct flow_entry *old,
			  enum walk_kind kind)
{
	return kind != WALK_OWN && (!old || old->is_common) &&
	       common_is_possible(b->worker, b->pkts[i], b->conf->port->id);
}

static void walk_init(struct walk *k, struct burst *b, uint32_t i, uint32_t place,
		      const struct flow_key *key, struct flow_entry *old)
{
	struct path_worker *w = b->worker;

	k->worker = w;
	k->burst = b;
	k->index = i;
	k->place = place;
	k->packet = b->pkts[i];
	k->conf = b->conf;
	k->stage = b->stage;
	k->first_place = place & ~(uint32_t)PLACE_BEHIND_CONN;
	k->is_behind_conn = place & PLACE_BEHIND_CONN;
	k->key = *key;
	k->old = old;
	k->is_cacheable = !w->trace;
	/* before flow_new(), which may evict the old one */
	if (k->is_partial)
		k->mask = *old->mask;
	else
		flow_mask_base(&k->mask);
	k->entry = flow_new(w->cache);
	if (!k->entry)
		return;
	k->entry->epoch = w->epoch;
	k->entry->log_seen = (uint32_t)epoch_log_count(&b->conf->sw->log);
	k->entry->expires_ns = UINT64_MAX;
	k->entry->first_ns = old ? old->first_ns : w->w.now_ns;
	if (!k->is_partial)
		return;
	/* limits of those who are not asked again are not known any more one by one */
	k->entry->expires_ns = old->expires_ns;
	k->entry->idle_ms = old->idle_ms;
}

/* Bits that an earlier extension has rewritten are no longer the flow's own. */
void walk_examine(struct walk *k, const struct xvs_flow_key *examined)
{
	flow_word *mask = flow_words_of(&k->mask);
	const flow_word *seen = (const flow_word *)(const void *)examined;
	const flow_word *gone = (const flow_word *)(const void *)&k->rewritten;

	for (unsigned i = 0; i < sizeof(*examined) / 8; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the words of a key are its members */
		mask[i] |= seen[i] & ~gone[i];
}

static bool sees_every_packet(const struct instance *inst, uint32_t stage)
{
	switch (inst->cls) {
	case XVS_INSPECT:
		return inst->ops.inspect != NULL;
	case XVS_FORWARD:
		return stage == XVS_STAGE_INGRESS && inst->ops.forward;
	default:
		return stage == XVS_STAGE_EGRESS ? inst->ops.egress != NULL
						 : inst->ops.ingress != NULL;
	}
}

void leg_drop(struct flow_leg *leg, uint32_t place, uint32_t instance, uint32_t reason)
{
	leg->drop_place = (uint8_t)(place < CHAIN_MAX ? place : CHAIN_MAX - 1);
	leg->drop_instance = (uint16_t)instance;
	leg->drop_reason = (uint16_t)reason;
	leg->events |= UINT64_C(1) << leg->drop_place;
}

/* One place of the chain.  False: the leg ends here. */
static bool walk_place(struct walk *k, struct flow_leg *leg, const struct flow_leg *old_leg,
		       const struct chain *chain, uint32_t place)
{
	const struct chain_place *at = &chain->places[place];
	struct instance *inst = at->instance;
	uint64_t bit = UINT64_C(1) << place;

	if (place == chain->conn_place && !(k->is_behind_conn && place == k->first_place) &&
	    !walk_conn(k, leg, place))
		return false;
	if (chain_place_has_conn(at))
		walk_note_firewall(k, leg, at, place);
	if (inst->has_flow)
		return walk_ask(k, leg, old_leg, at, place);
	if (sees_every_packet(inst, k->stage)) {
		leg->calls |= bit;
		leg->events |= bit;
		if (inst->cls == XVS_FORWARD)
			k->dest_is_called = true;
	}
	return true;
}

static bool walk_leg(struct walk *k, struct flow_leg *leg, const struct flow_leg *old_leg,
		     const struct port_conf *conf, uint32_t first)
{
	const struct chain *chain = k->stage == XVS_STAGE_EGRESS ? &conf->egress : &conf->ingress;

	leg->conf = conf;
	leg->port = conf->port->id;
	leg->drop_place = FLOW_NO_PLACE;
	for (uint32_t place = first; place < chain->count; place++) {
		if (!walk_place(k, leg, old_leg, chain, place))
			return false;
	}
	return true;
}

/* ---- exits ------------------------------------------------------------------------------------ */

static const struct flow_leg *old_out(struct walk *k, const struct port_conf *conf)
{
	if (!k->old || k->old->exit != FLOW_EXIT_LEGS)
		return NULL;
	for (uint32_t i = 0; i < k->old->out_count; i++) {
		struct flow_leg *leg = flow_out(k->old, i);

		if (leg->port == conf->port->id)
			return leg;
	}
	return NULL;
}

/* The egress chain of one exit, on the packet as that adapter will get it. */
static void walk_exit(struct walk *k, struct flow_leg *leg, struct port_conf *conf)
{
	struct packet *p = k->packet;
	struct flow_key key = k->key;
	struct xvs_flow_key rewritten = k->rewritten;
	uint32_t flags = p->x.flags;
	uint16_t tci = p->x.vlan_tci;
	bool diverged = k->has_diverged;
	struct packet *scratch = k->scratch;

	/* what this exit's chain rewrites, the next exit's does not see */
	k->scratch = NULL;
	output_tag(conf, p);
	packet_key(p, conf->port->id, &k->key.k);
	k->conf = conf;
	(void)walk_leg(k, leg, old_out(k, conf), conf, 0);
	if (k->scratch)
		packet_free(k->scratch);
	k->scratch = scratch;
	k->packet = p;
	k->failure = REASON_NONE;
	p->x.flags = flags;
	p->x.vlan_tci = tci;
	k->key = key;
	k->rewritten = rewritten;
	k->has_diverged = diverged;
}

static bool exits_fit(const struct targets *t)
{
	if (t->count > FLOW_OUTS)
		return false;
	for (uint32_t i = 0; i < t->count && t->count > 1; i++) {
		if (t->confs[i]->egress.conn_place < CHAIN_MAX)
			return false;
	}
	return true;
}

static void walk_to(struct walk *k, struct targets *t)
{
	struct flow_entry *e = k->entry;

	if (t->count > 1)
		e->more = flow_legs_new(k->worker->cache);
	if (!exits_fit(t) || (t->count > 1 && !e->more)) {
		e->exit = FLOW_EXIT_DEST;
		return;
	}
	e->exit = FLOW_EXIT_LEGS;
	k->stage = XVS_STAGE_EGRESS;
	for (uint32_t i = 0; i < t->count && !k->is_parked; i++) {
		e->out_count = (uint8_t)(i + 1);
		walk_exit(k, flow_out(e, i), t->confs[i]);
	}
}

static bool forwarder_watches(const struct walk *k)
{
	uint32_t count = k->conf->ingress.count;

	return k->conf->has_forwarder && k->entry->leg.calls >> (count - 1) & 1;
}

static void walk_exits(struct walk *k)
{
	struct path_worker *w = k->worker;
	struct flow_entry *e = k->entry;
	struct targets *t = w->targets;
	uint8_t eth[12];
	const struct xvs_flow_key sender = { .eth_src = { 255, 255, 255, 255, 255, 255 } };
	const struct xvs_flow_key whole_dst = { .eth_dst = { 255, 255, 255, 255, 255, 255 } };

	e->dest = k->dest;
	k->is_behind_conn = false;
	if (k->dest_is_called) {
		e->exit = FLOW_EXIT_DEST;
		return;
	}
	memcpy(eth, k->key.k.eth_dst, 6);
	memcpy(eth + 6, k->key.k.eth_src, 6);
	forward_resolve(k->conf->sw, k->conf, k->key.segment, eth, k->dest, t);
	if (t->used_address)
		walk_examine(k, &whole_dst);
	if (t->used_source)
		walk_examine(k, &sender);
	if (k->dest == XVS_DEST_NORMAL)
		walk_note_l2(k, &e->leg);
	else if (is_destset(k->dest))
		walk_note_set(k, &e->leg, k->dest);
	if (t->count == 0 && forwarder_watches(k))
		e->exit = FLOW_EXIT_DEST; /* it may still choose another */
	else if (t->count == 0)
		leg_drop(&e->leg, k->conf->ingress.count, 0, t->reason);
	else
		walk_to(k, t);
	/* an address that was learned here may have moved away: it is told at the next look */
	if (t->reason == REASON_OWN_ADDRESS)
		walk_expire(k, OWN_MAX_MS);
}

/* ---- the whole walk ----------------------------------------------------------------------------- */

static void walk_run(struct walk *k)
{
	struct flow_entry *e = k->entry;
	bool goes_on = walk_leg(k, &e->leg, k->old ? &k->old->leg : NULL, k->conf, k->first_place);

	if (goes_on && k->stage == XVS_STAGE_INGRESS)
		walk_exits(k);
}

/* What a hit may take for granted without a look at the legs. */
void entry_mark(struct flow_entry *e)
{
	const struct port_conf *conf = e->out.conf;
	uint64_t events = 0;
	bool changes = false;

	for (uint32_t i = 0; i < e->out_count; i++) {
		const struct port_conf *out = flow_out(e, i)->conf;

		events |= flow_out(e, i)->events;
		/* these write addresses as it leaves, so nobody may count on its bytes */
		if (out->nat || out->team)
			changes = true;
	}
	e->is_single = e->exit == FLOW_EXIT_LEGS && e->out_count == 1;
	e->is_calm = e->exit == FLOW_EXIT_LEGS && !events;
	e->is_plain = e->is_calm && !e->leg.events && !changes;
	e->is_bound = e->leg.conn_kind == FLOW_CONN_QUIET || e->out.conn_kind == FLOW_CONN_QUIET;
	e->leg.is_paired = entry_is_paired(e);
	e->leg.is_led = e->leg.is_paired && (events & (events - 1)) == 0;
	if (!e->is_single)
		return;
	e->out_port = e->out.port;
	e->out_serial = (uint32_t)conf->serial;
}

static void walk_store(struct walk *k, const struct flow_key *key)
{
	struct flow_cache *cache = k->worker->cache;

	if (k->old)
		flow_retire(cache, k->old);
	entry_mark(k->entry);
	if (k->entry->is_common && key_tells_tuples(&k->mask.k))
		common_in_vain(k->worker, key->k.port);
	if (!k->is_cacheable || !flow_insert(cache, k->entry, key, &k->mask))
		flow_temporary(cache, k->entry);
}

static void walk_finish(struct walk *k)
{
	if (k->scratch)
		packet_free(k->scratch);
	slab_put(&k->worker->walks, k);
}

/* The flow's history, that went over to the new entry, goes on in the old one. */
static void walk_give_back(struct walk *k)
{
	struct flow_entry *e = k->entry;

	walk_return_cookies(&e->leg, &k->old->leg);
	for (uint32_t i = 0; i < e->out_count; i++)
		walk_return_cookies(flow_out(e, i), old_out(k, flow_out(e, i)->conf));
}

/*
 * Nothing of a walk that ends half-way is kept but the answers that it had to wait for: it is walked
 * again from its start when the next one has come.
 */
static struct flow_entry *walk_park(struct burst *b, uint32_t i, struct walk *k,
				    enum walk_kind kind)
{
	uint32_t place = k->place;

	if (k->old)
		walk_give_back(k);
	/* still wanted when it goes on */
	if (kind == WALK_OWN)
		own_want(k->worker, b->conf->port->id, b->pkts[i]);
	flow_temporary(k->worker->cache, k->entry);
	walk_finish(k);
	park_packet(b, i, place);
	return NULL;
}

void walk_expire(struct walk *k, uint32_t ms)
{
	uint64_t until = k->worker->w.now_ns + (uint64_t)ms * NS_PER_MS;

	if (until < k->entry->expires_ns)
		k->entry->expires_ns = until;
}

/* Each sender is a flow of its own. */
static void walk_learns(struct walk *k)
{
	const struct xvs_flow_key sender = { .eth_src = { 255, 255, 255, 255, 255, 255 } };

	walk_examine(k, &sender);
}

/*
 * Often enough for the address of its sender to stay, a packet tells of it.  That alone is no reason
 * to judge again: of a million flows that began together, all would have to be at the same time.
 */
static void walk_teaches(struct walk *k)
{
	if (k->entry->expires_ns == UINT64_MAX && !k->entry->is_common)
		k->entry->teaches = 1;
	else
		walk_expire(k, LEARNING_MAX_MS);
}

/*
 * One address too many ends here; where there was no place, there may be one after a while.  One that
 * is new is not remembered: until it is learned, each packet asks for its place on the way out.
 */
static bool walk_knows_source(struct walk *k, const struct port_conf *conf,
			      const struct flow_key *key)
{
	enum { AGAIN_MS = 1000 };
	struct flow_leg *leg = &k->entry->leg;

	if (!conf->learns_strictly)
		return true;
	k->is_cacheable = forward_knows(conf, key->segment, key->k.eth_src);
	if (k->is_cacheable || !forward_is_over_limit(conf, key->segment, key->k.eth_src))
		return true;
	leg->conf = conf;
	leg->port = conf->port->id;
	leg_drop(leg, 0, 0, REASON_MAC_LIMIT);
	walk_expire(k, AGAIN_MS);
	k->is_cacheable = true;
	return false;
}

struct flow_entry *walk_judge(struct burst *b, uint32_t i, uint32_t place,
			      const struct flow_key *key, struct flow_entry *old,
			      enum walk_kind kind)
{
	struct path_worker *w = b->worker;
	struct walk *k = slab_get(&w->walks);
	struct flow_entry *e;
	bool is_taught;

	if (k) {
		k->is_partial = old && kind == WALK_PARTLY;
		k->is_charged = kind != WALK_OWN && !old;
		k->may_be_common = may_be_common(b, i, old, kind);
		walk_init(k, b, i, place, key, old);
	}
	if (!k || !k->entry) {
		if (k)
			walk_finish(k);
		burst_drop(b, i, 0, REASON_POOL);
		return NULL;
	}
	if (old) {
		counter_add(&w->rejudged, 1);
		account_entry(w, old, NULL, false);
	}
	is_taught = b->stage == XVS_STAGE_INGRESS && conf_tells(b->conf);
	if (is_taught)
		walk_learns(k);
	/* who goes on behind the forwarder without a destination has none */
	k->dest = b->conf->has_forwarder && k->first_place >= b->conf->ingress.count
			  ? XVS_DEST_NONE
			  : XVS_DEST_NORMAL;
	if (!is_taught || walk_knows_source(k, b->conf, key))
		walk_run(k);
	if (k->is_parked)
		return walk_park(b, i, k, kind);
	if (is_taught)
		walk_teaches(k);
	if (!k->entry->idle_ms)
		k->entry->idle_ms = IDLE_DEFAULT_MS;
	b->fresh |= UINT64_C(1) << i;
	walk_store(k, key);
	e = k->entry;
	walk_finish(k);
	return e;
}
