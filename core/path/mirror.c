/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror.c - copies of packets as they come in at a port, or go out there, for other ports.
 *
 * A copy neither delays nor loses its original (architecture 16.3c): it waits until what the burst
 * had to send has been sent, takes from the pool only while there is plenty, and where its
 * destination is full it is dropped (mirror).  It goes past all chains, and is not copied again.
 *
 * What goes out is copied behind the adapter's tx(), what comes in behind the look-up: then it is
 * known to which packets nothing will happen on their way.  Those are not copied at all, but sent
 * once more (packet_hold()); only the tag may differ, so it is kept beside.  Others are cloned
 * before anybody changes them.  So a copy always shows the packet as it was on the port.
 *
 * A packet that came in at a source of a session and goes out at another is copied once.
 */
#include "path/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path/control.h"
#include "xvs/ext/sdk.h"

enum {
	POOL_RESERVE = 2048, /* packets that are left to the originals */
	MARK_BYTES = 4,
	TAG_FLAGS = XVS_PKT_VLAN | XVS_PKT_SVLAN,
};

/* ---- tables [control] ---------------------------------------------------------------------------- */

struct mirror_table *mirror_table_create(uint32_t count, uint32_t workers)
{
	struct mirror_table *t = calloc(1, sizeof(*t) + count * sizeof(t->sessions[0]));

	if (!t)
		return NULL;
	for (; t->count < count; t->count++) {
		struct mirror_session *s = &t->sessions[t->count];

		s->counts =
			aligned_alloc(_Alignof(struct mirror_count), workers * sizeof(*s->counts));
		if (!s->counts) {
			mirror_table_destroy(t);
			return NULL;
		}
		memset(s->counts, 0, workers * sizeof(*s->counts));
	}
	return t;
}

void mirror_table_destroy(struct mirror_table *t)
{
	for (uint32_t i = 0; t && i < t->count; i++) {
		if (!t->sessions[i].is_carried)
			free(t->sessions[i].counts);
	}
	free(t);
}

static void table_free(struct rcu_node *node)
{
	mirror_table_destroy((struct mirror_table *)node);
}

static void carry_counts(struct mirror_table *old, struct mirror_session *s)
{
	for (uint32_t i = 0; i < old->count; i++) {
		struct mirror_session *former = &old->sessions[i];

		if (former->is_carried || strcmp(former->name, s->name) != 0)
			continue;
		free(s->counts);
		s->counts = former->counts;
		former->is_carried = true;
		return;
	}
}

void path_switch_mirrors(struct path_switch *sw, struct mirror_table *t)
{
	struct mirror_table *old = sw->mirrors;

	for (uint32_t i = 0; old && t && i < t->count; i++)
		carry_counts(old, &t->sessions[i]);
	rcu_publish(&sw->mirrors, t);
	if (old)
		rcu_defer(&old->rcu, table_free);
}

uint8_t mirror_bits(const struct mirror_table *t, uint32_t port)
{
	uint8_t bits = 0;

	for (uint32_t i = 0; t && i < t->count; i++) {
		bits |= mirror_has(t->sessions[i].in, port) ? MIRRORED_IN : 0;
		bits |= mirror_has(t->sessions[i].out, port) ? MIRRORED_OUT : 0;
	}
	return bits;
}

void mirror_sum(const struct mirror_session *s, uint32_t workers, struct mirror_count *out)
{
	*out = (struct mirror_count){ 0 };
	for (uint32_t i = 0; i < workers; i++) {
		out->packets += counter_read(&s->counts[i].packets);
		out->bytes += counter_read(&s->counts[i].bytes);
		out->lost += counter_read(&s->counts[i].lost);
	}
}

/* ---- sending ------------------------------------------------------------------------------------- */

static void lose(struct path_worker *w, const struct mirror_session *s, struct packet *p,
		 uint32_t port)
{
	counter_add(&s->counts[w->w.nr].lost, 1);
	packet_drop(w, p, port, XVS_STAGE_EGRESS, 0, REASON_MIRROR);
}

/* To one destination of one session. */
struct shipment {
	const struct mirror_session *session;
	struct port_conf *conf;
	struct burst *burst;
};

/* What the port counts meanwhile, nobody else has sent there. */
static void ship_out(struct shipment *to)
{
	struct burst *b = to->burst;
	const struct worker *w = &b->worker->w;
	struct mirror_count *count = &to->session->counts[w->nr];
	struct port_counters before;
	const struct port_counters *now;

	if (b->count == 0)
		return;
	now = &w->shard->ports[b->conf->port->id];
	before = *now;
	b->live = UINT64_MAX >> (XVS_BATCH_MAX - b->count);
	b->are_copies = true;
	burst_tx(b);
	counter_add(&count->packets, now->tx_packets - before.tx_packets);
	counter_add(&count->bytes, now->tx_bytes - before.tx_bytes);
	counter_add(&count->lost, now->drops - before.drops);
	b->count = 0;
}

static void ship(struct shipment *to, struct packet *p)
{
	if (to->burst->count == XVS_BATCH_MAX)
		ship_out(to);
	to->burst->pkts[to->burst->count++] = p;
}

/* The first bytes of a packet, perhaps with its length behind them.  NULL: no memory. */
static struct packet *cut(const struct mirror_session *s, struct packet *p)
{
	uint32_t mark = s->mark_cut ? MARK_BYTES : 0;
	struct packet *c;

	/* nobody can finish it in a part of the packet */
	if (p->x.flags & XVS_PKT_CSUM_TODO && packet_checksum(p) != 0)
		return NULL;
	c = packet_new_linear(p->pool, s->snap + mark);
	if (!c)
		return NULL;
	if (!packet_read(p, 0, c->x.data, s->snap)) {
		packet_free(c);
		return NULL;
	}
	if (mark)
		xvs_put32(c->x.data + s->snap, p->x.len);
	c->x.flags = p->x.flags & TAG_FLAGS;
	c->x.vlan_tci = p->x.vlan_tci;
	c->x.port_in = p->x.port_in;
	c->x.rx_ns = p->x.rx_ns;
	c->segment = p->segment;
	return c;
}

static void ship_cut(struct shipment *to, struct packet *p)
{
	struct path_worker *w = to->burst->worker;
	struct packet *c;

	if (p->x.len <= to->session->snap) {
		ship(to, p);
		return;
	}
	c = cut(to->session, p);
	if (!c) {
		lose(w, to->session, p, to->conf->port->id);
		return;
	}
	packet_free(p);
	ship(to, c);
}

/* What is cut is what goes on the wire, not what is still to be segmented. */
static void ship_segments(struct shipment *to, struct packet *p)
{
	struct path_worker *w = to->burst->worker;
	struct packet *segments[SEGMENTS_MAX];
	int count = packet_segment(p, segments, SEGMENTS_MAX);
	uint32_t port = to->conf->port->id;

	if (count <= 0) {
		lose(w, to->session, p, port);
		return;
	}
	counter_add(&w->w.shard->ports[port].segmented, (uint64_t)count - 1);
	packet_free(p);
	for (int i = 0; i < count; i++)
		ship_cut(to, segments[i]);
}

static void ship_item(struct shipment *to, const struct mirror_item *item)
{
	struct packet *p = item->packet;

	/* the original has left, with the tag of another port */
	p->x.flags = (p->x.flags & ~(uint32_t)TAG_FLAGS) | item->tag_flags;
	p->x.vlan_tci = item->vlan_tci;
	if (!to->session->snap)
		ship(to, p);
	else if (p->x.gso_type)
		ship_segments(to, p);
	else
		ship_cut(to, p);
}

/* Where copies for this port go now; NULL: nowhere. */
static struct port_conf *target(const struct path_worker *w, uint32_t id)
{
	const struct path_port *port = path_port_of(w->path, id);
	struct port_conf *conf = port ? rcu_read(&port->conf) : NULL;

	return conf && (conf->is_open || conf->is_mirror) ? conf : NULL;
}

/* Copies of one session for one port; how many. */
static uint32_t flush_run(struct path_worker *w, const struct mirror_item *items, uint32_t count)
{
	struct mirror_queue *q = w->mirror;
	struct shipment to = { .session = items->session,
			       .conf = target(w, items->port),
			       .burst = &q->burst };
	uint32_t n = 0;

	q->burst.worker = w;
	q->burst.conf = to.conf;
	q->burst.stage = XVS_STAGE_EGRESS;
	for (; n < count && items[n].session == items->session && items[n].port == items->port;
	     n++) {
		if (!items[n].packet)
			continue;
		if (to.conf)
			ship_item(&to, &items[n]);
		else
			lose(w, to.session, items[n].packet, items->port);
	}
	if (to.conf)
		ship_out(&to);
	return n;
}

void mirror_flush(struct path_worker *w)
{
	struct mirror_queue *q = w->mirror;
	uint32_t at = 0;

	while (at < w->copy_count)
		at += flush_run(w, q->items + at, w->copy_count - at);
	w->copy_count = 0;
}

/* ---- copying --------------------------------------------------------------------------------------- */

/* One reference of 'p' is the queue's from now on. */
static void put(struct path_worker *w, const struct mirror_session *s, uint32_t port,
		struct packet *p, bool is_tunnel)
{
	struct mirror_queue *q = w->mirror;

	if (w->copy_count == MIRROR_QUEUE)
		mirror_flush(w);
	q->items[w->copy_count++] =
		(struct mirror_item){ .packet = p,
				      .session = s,
				      .port = port,
				      .tag_flags = is_tunnel ? 0 : p->x.flags & (uint32_t)TAG_FLAGS,
				      .vlan_tci = is_tunnel ? 0 : p->x.vlan_tci };
}

/* Those that a session wants of a burst, in order. */
struct chosen {
	struct packet *pkts[XVS_BATCH_MAX];
	uint32_t count;
	bool is_tunnel; /* the tag beside them was not on the port */
};

/* To all destinations; of each packet there is one reference already, or there is none yet. */
static void put_all(struct path_worker *w, const struct mirror_session *s, const struct chosen *c,
		    bool is_referenced)
{
	for (uint32_t i = 0; i < c->count; i++)
		packet_hold(c->pkts[i], s->to_count - is_referenced);
	for (uint32_t n = 0; n < s->to_count; n++) {
		for (uint32_t i = 0; i < c->count; i++)
			put(w, s, s->to[n], c->pkts[i], c->is_tunnel);
	}
}

static void count_copies(struct path_worker *w, uint32_t port, uint64_t copies)
{
	counter_add(&w->w.shard->ports[port].copied, copies);
}

static bool wants_segment(const struct mirror_session *s, uint32_t segment)
{
	return !s->has_vlans ||
	       (segment < L2_SEGMENTS && (s->vlans[segment / 64] >> (segment % 64) & 1));
}

static uint64_t sampled(struct path_worker *w, const struct mirror_session *s, uint64_t mask)
{
	return s->sample > 1 ? sample_mask(w, s->sample, mask) : mask;
}

/* Packets to which something may happen are cloned, as far as memory goes. */
static void clone_all(struct burst *b, const struct mirror_session *s, uint64_t mask)
{
	struct path_worker *w = b->worker;
	struct packet *from[XVS_BATCH_MAX] = { NULL };
	struct chosen c = { .is_tunnel = b->conf->tunnel != 0 };
	uint32_t wanted = 0;

	for (XVS_EACH(i, mask))
		from[wanted++] = b->pkts[i];
	if (wanted && pool_packets_left(w->pool) > POOL_RESERVE)
		c.count = packet_clone_burst(w->pool, from, c.pkts, wanted);
	for (uint32_t i = 0; i < c.count; i++)
		c.pkts[i]->segment = from[i]->segment;
	count_copies(w, b->conf->port->id, (uint64_t)c.count * s->to_count);
	counter_add(&s->counts[w->w.nr].lost, (uint64_t)(wanted - c.count) * s->to_count);
	put_all(w, s, &c, true);
}

static void hold_all(struct burst *b, const struct mirror_session *s, uint64_t mask)
{
	struct chosen c = { .is_tunnel = b->conf->tunnel != 0 };

	for (XVS_EACH(i, mask))
		c.pkts[c.count++] = b->pkts[i];
	count_copies(b->worker, b->conf->port->id, (uint64_t)c.count * s->to_count);
	put_all(b->worker, s, &c, false);
}

static void copy_arrivals(struct burst *b, const struct mirror_session *s)
{
	uint64_t mask = 0;

	for (XVS_EACH(i, b->live))
		mask |= (uint64_t)(!(b->pkts[i]->x.flags & XVS_PKT_INJECTED) &&
				   wants_segment(s, b->pkts[i]->segment))
			<< i;
	mask = sampled(b->worker, s, mask);
	hold_all(b, s, mask & b->plain);
	clone_all(b, s, mask & ~b->plain);
}

void mirror_arrivals(struct burst *b)
{
	const struct mirror_table *t = rcu_read(&b->conf->sw->mirrors);

	for (uint32_t i = 0; t && i < t->count; i++) {
		if (mirror_has(t->sessions[i].in, b->conf->port->id))
			copy_arrivals(b, &t->sessions[i]);
	}
}

int mirror_chosen(struct burst *b, uint64_t mask, const char *name)
{
	const struct mirror_table *t = rcu_read(&b->conf->sw->mirrors);
	const struct mirror_session *s = NULL;
	uint64_t wanted = 0;

	for (uint32_t i = 0; t && !s && i < t->count; i++)
		s = strcmp(t->sessions[i].name, name) == 0 ? &t->sessions[i] : NULL;
	if (!s)
		return -ENOENT;
	for (XVS_EACH(i, b->worker->trace || s->to_count == 0 ? 0 : mask))
		wanted |= (uint64_t)wants_segment(s, b->pkts[i]->segment) << i;
	/* somebody may still change any of them */
	clone_all(b, s, sampled(b->worker, s, wanted));
	return 0;
}

/* Copied where it came in already, or it did not win there. */
static bool was_seen(const struct mirror_session *s, const struct packet *p)
{
	return !(p->x.flags & XVS_PKT_INJECTED) && mirror_has(s->in, p->x.port_in);
}

static void copy_sent(struct burst *b, const struct mirror_session *s, struct packet *const *pkts,
		      uint32_t count)
{
	struct chosen c = { .count = 0 };
	uint64_t mask = 0;

	for (uint32_t i = 0; i < count; i++)
		mask |= (uint64_t)(!was_seen(s, pkts[i]) && wants_segment(s, pkts[i]->segment))
			<< i;
	for (XVS_EACH(i, sampled(b->worker, s, mask)))
		c.pkts[c.count++] = pkts[i];
	count_copies(b->worker, b->conf->port->id, (uint64_t)c.count * s->to_count);
	put_all(b->worker, s, &c, false);
}

void mirror_sent(struct burst *b, struct packet *const *pkts, uint32_t count)
{
	const struct mirror_table *t = rcu_read(&b->conf->sw->mirrors);

	const uint32_t port = team_port_id(b->conf);

	for (uint32_t i = 0; t && i < t->count; i++) {
		if (mirror_has(t->sessions[i].out, port))
			copy_sent(b, &t->sessions[i], pkts, count);
	}
}

void mirror_let_go(struct path_worker *w, struct packet *p)
{
	struct mirror_queue *q = w->mirror;

	for (uint32_t i = 0; i < w->copy_count; i++) {
		struct mirror_item *item = &q->items[i];

		if (item->packet != p)
			continue;
		lose(w, item->session, p, item->port);
		item->packet = NULL;
	}
}
