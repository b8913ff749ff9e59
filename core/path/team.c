/* SPDX-License-Identifier: Apache-2.0 */
/*
 * team.c - packets that come in at, and leave by, the members of a team.
 *
 * The adjacent switch does not know that our links belong together.  So it sends what is for a group to each
 * of them, also what came from one of them: one member, the receiver, takes such frames, the others
 * drop them.  And it must not see one address at two links: where flows are spread over members, a
 * packet that leaves elsewhere than at the home of its port has that member's own address as its
 * source, while address resolution always uses the home.
 */
#include <string.h>

#include "base/bytes.h"
#include "packet/headers.h"
#include "packet/passage.h"
#include "packet/slow.h"
#include "path/team.h"
#include "path/worker.h"

/* ---- in -------------------------------------------------------------------------------------- */

struct port_conf *team_conf(const struct port_conf *member)
{
	const struct path_port *port = rcu_read(&member->team->port);

	return port ? rcu_read(&port->conf) : NULL;
}

uint32_t team_port_id(const struct port_conf *conf)
{
	const struct path_port *port = conf->team ? rcu_read(&conf->team->port) : NULL;

	return port ? port->id : conf->port->id;
}

/* Kept for the control thread, unless it has not read the last one yet. */
static void keep_slow(struct team_seen *seen, const struct packet *p)
{
	uint32_t state = SLOW_EMPTY;

	if (!atomic_compare_exchange_strong_explicit(&seen->slow_state, &state, SLOW_WRITTEN,
						     memory_order_acquire, memory_order_relaxed))
		return;
	seen->slow_len = p->x.linear < TEAM_SLOW_BYTES ? p->x.linear : TEAM_SLOW_BYTES;
	memcpy(seen->slow, p->x.data, seen->slow_len);
	atomic_store_explicit(&seen->slow_state, SLOW_FULL, memory_order_release);
}

/* Why the team does not take a frame for a group from this member; REASON_NONE: it does. */
static uint32_t refuse_group(struct burst *b, const struct port_conf *member, uint32_t i)
{
	const struct team_table *t = rcu_read(&member->team->table);
	const struct packet *p = b->pkts[i];

	if (packet_is_slow(p)) {
		keep_slow(&member->team->seen[member->member], p);
		return REASON_LINK_LOCAL;
	}
	if (packet_is_passage(p)) {
		team_hear(member->team, member->member, p);
		return XVS_REASON_CONSUMED;
	}
	return t && t->receiver == member->member ? REASON_NONE : REASON_TEAM_COPY;
}

/* They end here: nobody else has asked. */
static void take_answers(struct burst *b, const struct port_conf *member,
			 const struct team_table *t)
{
	struct path_worker *w = b->worker;

	for (XVS_EACH(i, b->live)) {
		if (!packet_is_answer(b->pkts[i], &t->probe, t->macs[member->member]))
			continue;
		atomic_store_explicit(&member->team->seen[member->member].answer_ns, w->w.now_ns,
				      memory_order_relaxed);
		b->live &= ~(UINT64_C(1) << i);
		packet_drop(w, b->pkts[i], member->port->id, XVS_STAGE_INGRESS, 0,
			    XVS_REASON_CONSUMED);
	}
}

void team_receive(struct burst *b, const struct port_conf *member, uint64_t groups)
{
	const struct team_table *t = rcu_read(&member->team->table);
	struct path_worker *w = b->worker;
	uint32_t id = member->port->id;

	for (XVS_EACH(i, member->is_open ? groups & b->live : b->live)) {
		uint32_t reason = !member->is_open ? REASON_PORT_CLOSED
						   : refuse_group(b, member, (uint32_t)i);

		if (member->is_blocked)
			reason = REASON_PORT_BLOCKED;
		if (reason == REASON_NONE)
			continue;
		b->live &= ~(UINT64_C(1) << i);
		packet_drop(w, b->pkts[i], id, XVS_STAGE_INGRESS, 0, reason);
	}
	if (t && t->probe.is_set)
		take_answers(b, member, t);
}

/* ---- out ------------------------------------------------------------------------------------- */

/* Address resolution and what is for groups stays at the home of its port. */
static bool may_spread(const struct packet *p)
{
	return p->x.flags & (XVS_PKT_IPV4 | XVS_PKT_IPV6) && !(p->x.data[0] & 1) &&
	       p->x.l4_proto != PROTO_ICMPV6;
}

/*
 * A flow stays where it is until it has paused for so long that what it sent before has arrived: so
 * none is reordered, whichever worker it is on.
 */
static uint32_t flowlet(struct path_team *team, const struct team_table *t, uint32_t bucket,
			uint64_t now_ms)
{
	_Atomic uint64_t *word = &team->flowlets[bucket];
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
	uint64_t next;

	do {
		uint64_t last_ms = old >> 8;
		uint32_t member = old & 0xff;
		bool stays = member < TEAM_MEMBERS && t->ports[member] && old &&
			     now_ms < last_ms + t->hold_ms;

		next = (now_ms > last_ms ? now_ms : last_ms) << 8 |
		       (stays ? member : t->spread[bucket]);
	} while (next != old &&
		 !atomic_compare_exchange_weak_explicit(word, &old, next, memory_order_relaxed,
							memory_order_relaxed));
	return next & 0xff;
}

static uint32_t spread(const struct path_worker *w, struct path_team *team,
		       const struct team_table *t, const struct packet *p)
{
	uint32_t bucket = p->x.hash % TEAM_BUCKETS;

	if (t->mode != TEAM_BY_LOAD)
		return t->spread[bucket];
	atomic_fetch_add_explicit(&team->bytes[bucket], p->x.len, memory_order_relaxed);
	return flowlet(team, t, bucket, w->w.now_ns / NS_PER_MS);
}

/* Only where nobody else sends the same bytes. */
static bool set_source(struct packet *p, const uint8_t mac[6])
{
	if (p->holds || packet_unshare(p) != 0)
		return false;
	memcpy(p->x.data + 6, mac, 6);
	return true;
}

/* The member that sends this packet, with the source address that it needs there. */
static uint32_t choose(const struct path_worker *w, struct path_team *team,
		       const struct team_table *t, struct packet *p)
{
	uint32_t home = team_home(t, p->x.port_in, p->x.data + 6);
	uint32_t member;

	if (t->mode < TEAM_BY_ADDRESS || !may_spread(p) ||
	    (p->x.port_in < PORTS_MAX && t->pins[p->x.port_in] != TEAM_NOBODY))
		return home;
	member = spread(w, team, t, p);
	if (member == home || member >= TEAM_MEMBERS || !set_source(p, t->macs[member]))
		return home;
	return member;
}

/* Runs before anything is sent, so packets of one flow keep their order. */
void team_send(struct burst *b)
{
	struct port_conf *conf = b->conf;
	struct path_team *team = conf->team;
	const struct team_table *t = rcu_read(&team->table);
	uint64_t masks[TEAM_MEMBERS] = { 0 };

	for (XVS_EACH(i, b->live)) {
		uint32_t m = t ? choose(b->worker, team, t, b->pkts[i]) : TEAM_NOBODY;

		if (m < TEAM_MEMBERS && t->ports[m])
			masks[m] |= UINT64_C(1) << i;
		else
			burst_drop(b, (uint32_t)i, 0, REASON_TEAM_DOWN);
	}
	for (uint32_t m = 0; m < TEAM_MEMBERS; m++) {
		if (!masks[m])
			continue;
		b->conf = rcu_read(&t->ports[m]->conf);
		b->live = masks[m];
		burst_emit_shared(b);
		b->conf = conf;
	}
}
