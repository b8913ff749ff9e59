/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap.c - packets are copied for captures; packet by packet, since that is what capturing costs.
 */
#include "path/tap.h"

#include <errno.h>

#include "path/worker.h"

/* ---- [control] ------------------------------------------------------------------------------------ */

/* Workers look at the points first: relaxed, since they find the taps themselves by RCU. */
static void points_update(struct path *path)
{
	uint32_t points = 0;

	for (uint32_t i = 0; i < TAPS_MAX; i++) {
		if (path->taps[i])
			points |= 1u << path->taps[i]->point;
	}
	atomic_store_explicit(&path->tap_points, points, memory_order_relaxed);
}

int path_tap_add(struct path *path, struct tap *tap)
{
	for (uint32_t i = 0; i < TAPS_MAX; i++) {
		if (path->taps[i])
			continue;
		rcu_publish(&path->taps[i], tap);
		points_update(path);
		return 0;
	}
	return -EBUSY;
}

void path_tap_remove(struct path *path, struct tap *tap, void (*gone)(struct rcu_node *node))
{
	for (uint32_t i = 0; i < TAPS_MAX; i++) {
		if (path->taps[i] == tap)
			rcu_publish(&path->taps[i], NULL);
	}
	points_update(path);
	rcu_defer(&tap->rcu, gone);
}

/* ---- [worker] ------------------------------------------------------------------------------------- */

/* What is known of a packet at a point, beside the packet. */
struct sighting {
	enum capture_point point;
	enum capture_verdict verdict;
	uint32_t port;
	uint32_t stage;
	uint32_t instance;
	uint32_t reason;
};

static const struct tap *tap_at(const struct path_worker *w, uint32_t i)
{
	return rcu_read(&w->path->taps[i]);
}

static uint32_t record_flags(const struct packet *p)
{
	uint32_t flags = 0;

	if (p->x.flags & XVS_PKT_VLAN)
		flags |= CAPTURE_TAGGED;
	if (p->x.flags & XVS_PKT_SVLAN)
		flags |= CAPTURE_SERVICE_TAG;
	if (p->x.flags & XVS_PKT_CSUM_TODO)
		flags |= CAPTURE_CHECKSUM_TODO;
	if (p->x.gso_type)
		flags |= CAPTURE_MANY;
	return flags;
}

static void copy_packet(const struct path_worker *w, const struct tap *tap, const struct packet *p,
			const struct sighting *s)
{
	struct capture_writer *writer = &tap->memory->writers[w->w.nr];
	uint32_t cap_len = p->x.len < tap->snaplen ? p->x.len : tap->snaplen;
	struct capture_record *c = capture_reserve(writer, cap_len);

	if (!c)
		return;
	c->point = (uint8_t)s->point;
	c->verdict = (uint8_t)s->verdict;
	c->stage = (uint8_t)s->stage;
	c->ns = w->w.now_ns;
	c->port = s->port;
	c->port_in = p->x.port_in;
	c->instance = (uint16_t)s->instance;
	c->reason = (uint16_t)s->reason;
	c->vlan_tci = p->x.vlan_tci;
	c->flags = record_flags(p);
	c->wire_len = p->x.len;
	if (packet_read(p, 0, c + 1, cap_len))
		capture_commit(writer);
}

/* ---- ends ---- */

static bool tap_at_end(const struct tap *tap, uint32_t port, uint32_t team)
{
	return tap && tap->point == CAPTURE_ENDS &&
	       (tap->port == 0 || tap->port == port || tap->port == team);
}

void tap_end(const struct burst *b, uint32_t port, struct packet *const *pkts, uint32_t count)
{
	struct sighting s = { .point = CAPTURE_ENDS, .port = port, .stage = b->stage };
	uint32_t team = team_port_id(b->conf);

	for (uint32_t n = 0; n < TAPS_MAX; n++) {
		const struct tap *tap = tap_at(b->worker, n);

		for (uint32_t i = 0; tap_at_end(tap, s.port, team) && i < count; i++)
			copy_packet(b->worker, tap, pkts[i], &s);
	}
}

/* ---- places of a chain ---- */

static bool tap_in_chain(const struct tap *tap, uint32_t port)
{
	return tap && (tap->point == CAPTURE_BEFORE || tap->point == CAPTURE_AFTER) &&
	       (tap->port == 0 || tap->port == port);
}

uint64_t tap_places(const struct burst *b)
{
	uint64_t places = 0;

	for (uint32_t n = 0; n < TAPS_MAX; n++) {
		const struct tap *tap = tap_at(b->worker, n);

		if (!tap_in_chain(tap, b->conf->port->id))
			continue;
		for (uint32_t i = b->first_place; i < b->chain->count; i++) {
			if (b->chain->places[i].instance->nr == tap->instance)
				places |= UINT64_C(1) << i;
		}
	}
	return places;
}

static void tap_chain(const struct burst *b, uint32_t place, enum capture_point point,
		      enum capture_verdict verdict, uint64_t mask)
{
	struct sighting s = {
		.point = point,
		.verdict = verdict,
		.port = b->conf->port->id,
		.stage = b->stage,
		.instance = b->chain->places[place].instance->nr,
	};

	for (uint32_t n = 0; n < TAPS_MAX; n++) {
		const struct tap *tap = tap_at(b->worker, n);

		if (!tap_in_chain(tap, s.port) || tap->point != point ||
		    tap->instance != s.instance)
			continue;
		for (XVS_EACH(i, mask))
			copy_packet(b->worker, tap, b->pkts[i], &s);
	}
}

void tap_before(struct burst *b, uint32_t place)
{
	tap_chain(b, place, CAPTURE_BEFORE, CAPTURE_NO_VERDICT, b->live);
	b->worker->tap_inside = b->chain->places[place].instance->nr;
}

void tap_after(struct burst *b, uint32_t place)
{
	b->worker->tap_inside = 0;
	tap_chain(b, place, CAPTURE_AFTER, CAPTURE_PASSED, b->live);
}

void tap_held(const struct burst *b, uint32_t place, uint32_t i)
{
	tap_chain(b, place, CAPTURE_AFTER, CAPTURE_HELD, UINT64_C(1) << i);
}

/* ---- what does not go on ---- */

/* What the switch itself drops at an instance's place (its connections, no memory) ends there too. */
static bool tap_on_drop(const struct path_worker *w, const struct tap *tap, const struct packet *p,
			const struct sighting *s)
{
	if (!tap)
		return false;
	if (tap->point == CAPTURE_DROPS)
		return s->reason != XVS_REASON_CONSUMED &&
		       (tap->port == 0 || tap->port == s->port || tap->port == p->x.port_in);
	return tap->point == CAPTURE_AFTER && (tap->port == 0 || tap->port == s->port) &&
	       (tap->instance == s->instance || tap->instance == w->tap_inside);
}

void tap_dropped(const struct path_worker *w, const struct packet *p, uint32_t port, uint32_t stage,
		 uint32_t instance, uint32_t reason)
{
	struct sighting s = {
		.verdict = CAPTURE_DROPPED,
		.port = port,
		.stage = stage,
		.instance = instance,
		.reason = reason,
	};

	for (uint32_t n = 0; n < TAPS_MAX; n++) {
		const struct tap *tap = tap_at(w, n);

		if (!tap_on_drop(w, tap, p, &s))
			continue;
		s.point = tap->point;
		copy_packet(w, tap, p, &s);
	}
}
