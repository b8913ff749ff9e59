/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.c - to a port no faster than its limit: what is too much waits in the port's queue, where it
 * has one, else it is dropped.
 *
 * A worker keeps what it sends itself, in order.  Packets that wait are the switch's own bytes,
 * charged to the port that they came from, as those that extensions hold.  When the port has
 * changed meanwhile they are judged again on their way out (architecture 16.2c); a change elsewhere
 * is settled when they have left.
 */
#include "path/rate.h"

enum {
	POOL_RESERVE = 512, /* packets and small buffers: a worker that keeps more cannot receive */
	LARGE_RESERVE = 64,
};

/* ---- waiting ----------------------------------------------------------------------------------- */

/* Would it wait longer than the queue is long? */
static bool is_full(const struct port_conf *conf, uint32_t len)
{
	const struct rate *rate = &conf->rates[RATE_TO];
	struct rate_state *s = conf->port->rate;
	uint64_t packets = atomic_load_explicit(&s->queued_packets, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&s->queued_bytes, memory_order_relaxed) + len;
	uint64_t bits = rate->per_second[RATE_BITS];
	uint64_t per_second = rate->per_second[RATE_PACKETS];

	return (bits && bytes * 8 * (NS_PER_S / NS_PER_US) / bits > conf->queue_ns / NS_PER_US) ||
	       (per_second && packets * NS_PER_S / per_second >= conf->queue_ns);
}

static bool has_room(const struct path_worker *w, const struct packet *p)
{
	const struct path_port *in = path_port_of(w->path, p->x.port_in);

	return pool_packets_left(w->pool) > POOL_RESERVE &&
	       pool_small_left(w->pool) > POOL_RESERVE &&
	       pool_large_left(w->pool) > LARGE_RESERVE &&
	       (!in || atomic_load_explicit(&in->held, memory_order_relaxed) < PORT_HELD_MAX);
}

static void charge(const struct path_worker *w, struct packet *p)
{
	struct path_port *in = path_port_of(w->path, p->x.port_in);

	if (!in || p->charged)
		return;
	p->charged = in->id;
	atomic_fetch_add_explicit(&in->held, 1, memory_order_relaxed);
}

/* One that may outlive its batch and that nobody else sends; NULL: out of memory, and it is as it was. */
static struct packet *own(struct packet *p)
{
	struct packet *c = p->holds ? packet_clone(p) : p;

	if (c && packet_own(c) == 0) {
		if (c != p)
			packet_free(p);
		return c;
	}
	if (c && c != p)
		packet_free(c);
	return NULL;
}

struct packet *shape_keep(struct path_worker *w, struct packet *p)
{
	struct packet *kept = has_room(w, p) ? own(p) : NULL;

	if (!kept)
		return NULL;
	charge(w, kept);
	kept->epoch = w->epoch;
	kept->scratch = (void *)(uintptr_t)w->changes;
	atomic_fetch_add_explicit(&w->path->shaped, 1, memory_order_relaxed);
	return kept;
}

void shape_release(struct path_worker *w, struct packet *p)
{
	p->scratch = NULL;
	atomic_fetch_sub_explicit(&w->path->shaped, 1, memory_order_relaxed);
}

static void queue_put(struct path_worker *w, struct rate_purse *purse, struct packet *p)
{
	struct rate_state *s = purse->port->rate;

	packet_append(&purse->queue, p);
	atomic_fetch_add_explicit(&s->queued_packets, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->queued_bytes, p->x.len, memory_order_relaxed);
	if (purse->is_listed)
		return;
	purse->is_listed = true;
	purse->next = w->waiting;
	w->waiting = purse;
}

static struct packet *queue_take(struct path_worker *w, struct rate_purse *purse)
{
	struct rate_state *s = purse->port->rate;
	struct packet *p = packet_take(&purse->queue);

	atomic_fetch_sub_explicit(&s->queued_packets, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&s->queued_bytes, p->x.len, memory_order_relaxed);
	shape_release(w, p);
	return p;
}

/* ---- a burst ----------------------------------------------------------------------------------- */

/* More than the limit.  Copies for a mirror session never wait. */
static void keep_or_drop(struct burst *b, struct rate_purse *purse, uint32_t i)
{
	struct packet *p = b->pkts[i];
	struct packet *kept;

	if (b->are_copies || is_full(b->conf, p->x.len)) {
		burst_drop(b, i, 0, b->are_copies ? REASON_MIRROR : REASON_RATE);
		return;
	}
	kept = shape_keep(b->worker, p);
	if (!kept) {
		burst_drop(b, i, 0, REASON_POOL);
		return;
	}
	b->live &= ~(UINT64_C(1) << i);
	queue_put(b->worker, purse, kept);
}

static void note_due(struct path_worker *w, const struct rate_run *r)
{
	uint64_t due = rate_due(r);

	if (due < w->rate_due_ns)
		w->rate_due_ns = due;
}

void shape_burst(struct burst *b)
{
	struct rate_run r;

	rate_open(&r, b->worker, b->conf, RATE_TO);
	for (XVS_EACH(i, b->live)) {
		if (r.purse->queue.count == 0 && rate_may(&r))
			rate_spend(&r, b->pkts[i]);
		else
			keep_or_drop(b, r.purse, (uint32_t)i);
	}
	rate_pay(&r);
	if (r.purse->queue.count)
		note_due(b->worker, &r);
}

/* ---- later ------------------------------------------------------------------------------------- */

static void judge_again(struct path_worker *w, const struct port_conf *conf, struct packet *p)
{
	const struct way_on on = { .stage = XVS_STAGE_EGRESS,
				   .port = conf->port->id,
				   .serial = conf->serial,
				   .sw = conf->sw };

	packet_uncharge(w, p);
	(void)later_put(w, p, &on);
}

struct burst *release_burst(struct path_worker *w, struct port_conf *conf, struct packet **pkts,
			    uint32_t count)
{
	struct burst *b = &w->ingress;

	b->worker = w;
	b->conf = conf;
	b->chain = &conf->egress;
	b->stage = XVS_STAGE_EGRESS;
	b->are_copies = false;
	b->count = (uint16_t)count;
	b->live = UINT64_MAX >> (XVS_BATCH_MAX - count);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is copied */
	memcpy(b->pkts, pkts, count * sizeof(*pkts));
	return b;
}

void release_open(struct release *r, struct path_worker *w, const struct port_conf *ruler)
{
	r->worker = w;
	r->ruler = ruler;
	r->hard = atomic_load_explicit(&ruler->port->hard, memory_order_acquire);
	r->count = 0;
	r->again = 0;
}

/* What a NAT has translated is no packet of the inside any more, to be judged again. */
bool release_is_stale(const struct release *r, const struct packet *p)
{
	return !r->ruler->nat && p->epoch < r->hard;
}

void release_again(struct release *r, struct packet *p)
{
	judge_again(r->worker, r->ruler, p);
	r->again++;
}

/* As much as the limit lets through, at most a batch; how many packets went anywhere. */
static uint32_t run_some(struct path_worker *w, struct rate_purse *purse, struct port_conf *conf,
			 struct rate_run *r)
{
	struct release out;

	release_open(&out, w, conf);
	while (purse->queue.count && release_has_room(&out)) {
		bool is_stale = release_is_stale(&out, purse->queue.head);
		struct packet *p;

		if (!is_stale && !rate_may(r))
			break;
		p = queue_take(w, purse);
		if (is_stale) {
			release_again(&out, p);
			continue;
		}
		rate_spend(r, p);
		out.ready[out.count++] = p;
	}
	if (out.count)
		burst_send(release_burst(w, conf, out.ready, out.count));
	return out.count + out.again;
}

static uint32_t run_purse(struct path_worker *w, struct rate_purse *purse)
{
	struct port_conf *conf = rcu_read(&purse->port->conf);
	uint32_t sum = 0;
	uint32_t some;
	struct rate_run r;

	rate_open(&r, w, conf, RATE_TO);
	do {
		some = run_some(w, purse, conf, &r);
		sum += some;
	} while (some && purse->queue.count);
	rate_pay(&r);
	if (purse->queue.count)
		note_due(w, &r);
	return sum;
}

uint32_t shape_run(struct path_worker *w)
{
	struct rate_purse **at = &w->waiting;
	uint32_t sum = 0;

	while (*at) {
		struct rate_purse *purse = *at;

		sum += run_purse(w, purse);
		if (purse->queue.count) {
			at = &purse->next;
		} else {
			*at = purse->next;
			purse->is_listed = false;
		}
	}
	return sum;
}

/* ---- ends -------------------------------------------------------------------------------------- */

static void drop_all(struct path_worker *w, struct rate_purse *purse)
{
	while (purse->queue.count)
		packet_drop(w, queue_take(w, purse), purse->port->id, XVS_STAGE_EGRESS, 0,
			    REASON_SHUTDOWN);
}

/* The number of the port that it came from may soon be another's. */
static void forget_charge(struct path_worker *w, const struct rate_purse *purse, uint32_t port)
{
	for (struct packet *p = purse->queue.head; p; p = p->next) {
		if (p->charged == port)
			packet_uncharge(w, p);
	}
}

void shape_drop_port(struct path_worker *w, uint32_t port)
{
	struct rate_purse **at = &w->waiting;

	while (*at) {
		struct rate_purse *purse = *at;

		if (purse->port->id != port) {
			forget_charge(w, purse, port);
			at = &purse->next;
			continue;
		}
		drop_all(w, purse);
		*at = purse->next;
		purse->is_listed = false;
	}
}

bool shape_has_older(const struct path_worker *w, uint64_t changes)
{
	for (const struct rate_purse *purse = w->waiting; purse; purse = purse->next) {
		const struct packet *p = purse->queue.head;

		if (p && (uint64_t)(uintptr_t)p->scratch < changes)
			return true;
	}
	return false;
}
