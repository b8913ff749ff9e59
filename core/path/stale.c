/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stale.c - is a cached verdict still true (architecture 16.2).
 *
 * Hard: one compare with the entry port's epoch and one with each exit port's.  Soft: the digest
 * of all changes is asked whether any since it was judged may concern it, and the newest records
 * are looked at one by one; if none concerns any of its steps, it takes note of them and goes on.
 *
 * All that is asked once for each entry and change: what was found to be true stays true while
 * nothing is told to have changed (epoch_world()), which a hit sees by one compare.  After soft changes
 * alone, entries whose packets do nothing but leave are asked by the batch (flow/renew.h).
 */
#include "path/worker.h"

/* Could a packet of this entry equal the record, as the instance behind 'rewritten' sees it? */
static bool match_overlaps(const struct flow_entry *e, const struct flow_key *mask,
			   const struct epoch_change *c, const struct xvs_flow_key *rewritten)
{
	const flow_word *have = flow_words(&e->key);
	const flow_word *known = flow_words(mask);
	const flow_word *want = (const flow_word *)(const void *)&c->key;
	const flow_word *care = (const flow_word *)(const void *)&c->mask;
	const flow_word *gone = (const flow_word *)(const void *)rewritten;
	uint64_t differs = 0;

	for (unsigned i = 0; i < sizeof(struct xvs_flow_key) / 8; i++)
		differs |= (have[i] ^ want[i]) & care[i] & known[i] & ~gone[i];
	return differs == 0;
}

/* The port is never part of a match; the tag is another at each exit. */
static void leave_out_exit(const struct flow_step *s, struct xvs_flow_key *gone)
{
	gone->port = UINT32_MAX;
	if (s->stage == XVS_STAGE_EGRESS) {
		gone->vlan_tci = UINT16_MAX;
		gone->bits |= XVS_KEY_VLAN | XVS_KEY_SVLAN;
	}
}

static bool change_concerns(const struct flow_entry *e, const struct flow_step *s,
			    const struct epoch_change *c, const struct xvs_flow_key *rewritten)
{
	/* instance 0 tells of addresses */
	if (c->instance != s->instance_nr && !(c->instance == 0 && s->asks_l2))
		return false;
	if (c->by_match) {
		struct xvs_flow_key gone = *rewritten;

		leave_out_exit(s, &gone);
		return match_overlaps(e, e->mask, c, &gone);
	}
	return s->tags == 0 || (s->tags & c->tags) != 0;
}

/*
 * How many records the entry has not been tested against: since it was last found to be true, or, where
 * that is in doubt, since this was asked one by one.
 */
static uint32_t log_behind(const struct flow_entry *e, uint64_t count)
{
	uint64_t world = entry_verified(e);

	return (uint32_t)count - (world > TALLY_IN_DOUBT ? (uint32_t)world : e->log_seen);
}

/* Does one of these records concern it?  Those that cannot be read do. */
static bool records_concern(const struct flow_entry *e, const struct flow_step *s,
			    const struct epoch_log *log, uint64_t from, uint64_t end,
			    const struct xvs_flow_key *rewritten)
{
	if (from < end && end - from > EPOCH_RECORDS)
		return true;
	for (; from < end; from++) {
		struct epoch_change c;

		if (!epoch_log_read(log, from, &c) || change_concerns(e, s, &c, rewritten))
			return true;
	}
	return false;
}

/* The same of all that are in the digest, at once; "perhaps" is a yes. */
static bool digest_concerns(const struct flow_entry *e, const struct flow_step *s,
			    const struct epoch_log *log, uint64_t seen,
			    const struct xvs_flow_key *rewritten)
{
	struct xvs_flow_key gone = *rewritten;
	struct xvs_flow_key known = e->mask->k;
	struct digest_question q = { s->instance_nr, s->tags, &e->key.k, &known };
	flow_word *to = (flow_word *)(void *)&known;
	const flow_word *from = (const flow_word *)(const void *)&gone;

	leave_out_exit(s, &gone);
	for (unsigned i = 0; i < sizeof(known) / 8; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the words of a key are its members */
		to[i] &= ~from[i];
	if (digest_may_concern(&log->digest, seen, &q))
		return true;
	q.instance = 0;
	return s->asks_l2 && s->instance_nr != 0 && digest_may_concern(&log->digest, seen, &q);
}

bool step_is_concerned(const struct flow_entry *e, const struct flow_step *s,
		       const struct epoch_log *log, const struct xvs_flow_key *rewritten)
{
	uint64_t count = epoch_log_count(log);
	uint64_t seen = count - log_behind(e, count);
	uint64_t digested = epoch_log_digested(log);

	/* its mask may be another's by now; numbers of so long ago may mean newer ones */
	if (e->is_retired || count - seen > DIGEST_BEHIND_MAX)
		return true;
	if (digested <= seen)
		return records_concern(e, s, log, seen, count, rewritten);
	if (seen < epoch_log_floor(log) || records_concern(e, s, log, digested, count, rewritten))
		return true;
	return digest_concerns(e, s, log, seen, rewritten) &&
	       records_concern(e, s, log, seen, digested, rewritten);
}

static void add_rewritten(const struct flow_step *s, struct xvs_flow_key *rewritten)
{
	flow_word *to = (flow_word *)(void *)rewritten;
	const flow_word *from;

	if (!s->rewrite)
		return;
	from = (const flow_word *)(const void *)&s->rewrite->mask;
	for (unsigned i = 0; i < sizeof(*rewritten) / 8; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the words of a key are its members */
		to[i] |= from[i];
}

static bool leg_is_concerned(const struct flow_entry *e, const struct flow_leg *leg,
			     const struct epoch_log *log, struct xvs_flow_key *rewritten)
{
	for (const struct flow_step *s = leg->steps; s; s = s->next) {
		if (step_is_concerned(e, s, log, rewritten))
			return true;
		add_rewritten(s, rewritten);
	}
	return false;
}

static bool is_concerned(struct flow_entry *e, const struct epoch_log *log)
{
	struct xvs_flow_key rewritten = { 0 };
	bool concerned = leg_is_concerned(e, &e->leg, log, &rewritten);

	for (uint32_t i = 0; i < e->out_count && !concerned; i++) {
		struct xvs_flow_key here = rewritten;

		concerned = leg_is_concerned(e, flow_out(e, i), log, &here);
	}
	return concerned;
}

static bool port_is_newer(const struct path_worker *w, uint32_t id, uint64_t epoch)
{
	const struct path_port *port = path_port_of(w->path, id);

	return !port || atomic_load_explicit(&port->hard, memory_order_acquire) > epoch;
}

/* Nothing has changed so far: until something does, or this time has come, nobody need ask again. */
static void verify(const struct burst *b, struct flow_entry *e)
{
	enum { LOOK_AGAIN = 1 << 30 }; /* far enough, and far from where ticks wrap */
	uint64_t now = b->worker->w.now_ns;
	bool is_first = entry_verified(e) == TALLY_NEVER;

	tally_verify(&e->tally, burst_world(b));
	if (e->is_common) { /* looked at for each packet: lookup.c */
		e->expires_tick = flow_tick(now);
		return;
	}
	entry_calm(b->worker, e);
	if (e->teaches) { /* and nothing else that time alone brings */
		if (is_first)
			e->expires_tick = flow_tick(now) + TEACHING_TICKS;
		return;
	}
	e->expires_tick = flow_tick(now) + LOOK_AGAIN;
	if (e->expires_ns - now < (uint64_t)LOOK_AGAIN << 20)
		e->expires_tick = flow_tick(e->expires_ns);
}

enum staleness entry_staleness(const struct burst *b, struct flow_entry *e)
{
	const struct path_worker *w = b->worker;
	const struct port_conf *conf = b->conf;
	const struct epoch_log *log = &conf->sw->log;
	uint64_t count = epoch_log_count(log);

	if (e->leg.conf != conf || w->w.now_ns >= e->expires_ns ||
	    atomic_load_explicit(&conf->port->hard, memory_order_acquire) > e->epoch)
		return STALE_WHOLLY;
	for (uint32_t i = 0; i < e->out_count; i++) {
		if (port_is_newer(w, flow_out(e, i)->port, e->epoch))
			return STALE_WHOLLY;
	}
	if (log_behind(e, count) > 0 && is_concerned(e, log))
		return STALE_PARTLY;
	e->log_seen = (uint32_t)count;
	verify(b, e);
	return STALE_NO;
}
