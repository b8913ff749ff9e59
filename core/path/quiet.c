/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quiet.c - connections that are not looked at while nothing about them can change.
 *
 * All that a datagram of a conversation that exists does to it is to be counted, and to keep it alive.
 * The flow entry that it comes by counts it anyway, so while the connection says that this is all
 * (conn_bind()), nobody asks about it: what its entry has counted is added wherever the connection's
 * numbers are read, and becomes the connection's own when the entry leaves.
 *
 * That it still is so is part of what is verified once for each change (stale.c): a port whose
 * connections are to be authorised anew moves the state of the world, and a connection that ends puts
 * the entries that count for it in doubt, no others.  Then the leg asks about each packet again, and
 * the next one is told what has become of its connection.
 *
 * A segment of TCP moves windows, so its connections are looked at; but where nothing happens to it
 * between the tracker of its own port and that of its exit, both are asked at once (conn/run.c).
 */
#include "path/worker.h"

static uint64_t place_of(const struct flow_leg *leg)
{
	return UINT64_C(1) << leg->conn_place;
}

/* Nothing but the connection happens at its place. */
static bool is_alone(const struct flow_leg *leg)
{
	return !((leg->calls | leg->rewrites) & place_of(leg)) &&
	       leg->drop_place != leg->conn_place;
}

/* Nothing happens behind the connection. */
static bool is_last(const struct flow_leg *leg)
{
	return leg->conn_kind == FLOW_CONN_TRACK && is_alone(leg) &&
	       leg->events >> leg->conn_place == 1;
}

/* Nor in front of it. */
static bool is_first(const struct flow_leg *leg)
{
	return leg->conn_kind == FLOW_CONN_TRACK && is_alone(leg) &&
	       (leg->events & -leg->events) == place_of(leg);
}

bool entry_is_paired(const struct flow_entry *e)
{
	return e->is_single && e->key.k.ip_proto == 6 && is_last(&e->leg) && is_first(&e->out);
}

void burst_part(struct burst *b, uint32_t i)
{
	struct flow_entry *e = b->entries[i];
	const struct flow_leg *leg = b->stage == XVS_STAGE_INGRESS ? &e->out : b->legs[i];

	if (!(b->paired >> i & 1))
		return;
	conn_miss(b->worker->path->conns, leg_conn(leg), 1, b->pkts[i]->x.len);
	b->paired &= ~(UINT64_C(1) << i);
}

static struct flow_entry *entry_of(struct tally *t)
{
	return (struct flow_entry *)(void *)((uint8_t *)t - offsetof(struct flow_entry, tally));
}

/* An entry that this one follows may not have left yet. */
static void leg_inherit(struct path_worker *w, const struct flow_leg *leg)
{
	struct tally *t = conn_bound(w->path->conns, &w->w, leg_conn(leg));

	if (t && entry_of(t)->is_retired)
		entry_leave(w, entry_of(t));
}

static void leg_calm(struct path_worker *w, struct flow_leg *leg, struct tally *t)
{
	if (leg->conn_kind != FLOW_CONN_TRACK)
		return;
	leg_inherit(w, leg);
	if (!conn_bind(w->path->conns, &w->w, leg_conn(leg), t))
		return;
	leg->conn_kind = FLOW_CONN_QUIET;
	if (is_alone(leg))
		leg->events &= ~place_of(leg);
}

static void leg_wake(struct path_worker *w, struct flow_leg *leg, struct tally *t)
{
	if (leg->conn_kind == FLOW_CONN_TRACK)
		conn_verify(w->path->conns, leg_conn(leg));
	if (leg->conn_kind != FLOW_CONN_QUIET || conn_holds(w->path->conns, leg_conn(leg)))
		return;
	conn_unbind(w->path->conns, leg_conn(leg), t);
	leg->conn_kind = FLOW_CONN_TRACK;
	leg->events |= place_of(leg);
}

/* Several exits have no connections: see exits_fit(). */
void entry_calm(struct path_worker *w, struct flow_entry *e)
{
	if (e->leg.conn_kind == FLOW_CONN_NONE && e->out.conn_kind == FLOW_CONN_NONE)
		return;
	leg_calm(w, &e->leg, &e->tally);
	leg_calm(w, &e->out, &e->tally);
	/* in this order: what ends from now on finds who is to be told */
	tally_verify(&e->tally, entry_verified(e));
	leg_wake(w, &e->leg, &e->tally);
	leg_wake(w, &e->out, &e->tally);
	entry_mark(e);
}

/*
 * Packets of the burst in hand may hold the leg: it stays quiet, and what of them is missed is
 * still taken from the connection, to which all has gone by now.
 */
static void leg_leave(struct path_worker *w, struct flow_leg *leg, struct tally *t)
{
	if (leg->conn_kind == FLOW_CONN_QUIET)
		conn_unbind(w->path->conns, leg_conn(leg), t);
}

void entry_leave(struct path_worker *w, struct flow_entry *e)
{
	leg_leave(w, &e->leg, &e->tally);
	leg_leave(w, &e->out, &e->tally);
}

void quiet_miss(struct path_worker *w, const struct flow_leg *leg, uint64_t packets, uint64_t bytes)
{
	if (leg->conn_kind == FLOW_CONN_QUIET)
		conn_miss(w->path->conns, leg_conn(leg), packets, bytes);
}
