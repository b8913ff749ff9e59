/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - classes of an uplink that have packets waiting, and whose turn it is.
 */
#include "path/link.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "path/rate.h"
#include "path/team.h"

enum {
	QUANTUM = 512,             /* bytes a turn for each unit of weight */
	DEPTH_NS = 10 * NS_PER_MS, /* of reservations and limits: as xvs.rate/1 has it */
};

struct link_class {
	struct packet_queue queue;
	uint64_t bytes;
	int64_t deficit; /* bytes that it may still send in this turn; negative: sent too many */
	uint32_t weight; /* as it counts in the part's */
	struct link_class *next, *prev; /* in the part's ring */
};

/* A worker's. */
struct link_part {
	struct path_port *port;
	struct link_part *next; /* in the worker's list of those in which something waits */
	bool is_listed;
	uint32_t count;  /* packets that wait */
	uint32_t busy;   /* classes that have some */
	uint64_t weight; /* of those */
	struct link_class *turn;
	struct link_class classes[LINK_CLASSES];
};

struct path_link {
	struct link_plan *plan; /* published */
	/* by class: when its bucket is full, as in rate.c; any worker writes, atomically */
	_Atomic uint64_t reserved_at_ns[LINK_CLASSES];
	_Atomic uint64_t limited_at_ns[LINK_CLASSES];
	struct link_part parts[];
};

/* What a worker has in hand of one link. */
struct link_run {
	struct path_worker *w;
	struct path_link *link;
	const struct link_plan *plan;
	struct link_part *part;
	struct port_conf *conf;
	struct rate_run rate;
};

/* ---- [control] ----------------------------------------------------------------------------------- */

static struct path_link *link_create(struct path_port *port)
{
	uint32_t workers = path_workers(port->path);
	struct path_link *link = calloc(1, sizeof(*link) + workers * sizeof(link->parts[0]));

	for (uint32_t i = 0; link && i < workers; i++)
		link->parts[i].port = port;
	return link;
}

int path_link_plan(struct path_port *port, struct link_plan *plan)
{
	struct path_link *link = port->link ? port->link : link_create(port);
	struct link_plan *old;

	if (!link) {
		free(plan);
		return -ENOMEM;
	}
	old = link->plan;
	rcu_publish(&link->plan, plan);
	if (!port->link)
		rcu_publish(&port->link, link);
	rcu_free(old);
	return 0;
}

void path_link_free(struct path_link *link)
{
	if (link)
		free(link->plan);
	free(link);
}

/* ---- buckets ------------------------------------------------------------------------------------- */

static bool has_credit(const _Atomic uint64_t *full_at, uint64_t now_ns)
{
	return atomic_load_explicit(full_at, memory_order_relaxed) <= now_ns + DEPTH_NS;
}

static void pay(_Atomic uint64_t *full_at, uint64_t per_second, const struct packet *p,
		uint64_t now_ns)
{
	rate_owe(full_at, (uint64_t)p->x.len * 8 * NS_PER_S / per_second, now_ns);
}

static bool is_promised(const struct link_run *r, uint32_t nr)
{
	return r->plan->claims[nr].reserved &&
	       has_credit(&r->link->reserved_at_ns[nr], r->rate.now_ns);
}

static bool is_limited(const struct link_run *r, uint32_t nr)
{
	return r->plan->claims[nr].limit &&
	       !has_credit(&r->link->limited_at_ns[nr], r->rate.now_ns);
}

/* What goes beyond a reservation is no debt of it. */
static void spend(struct link_run *r, uint32_t nr, const struct packet *p)
{
	const struct link_claim *claim = &r->plan->claims[nr];

	rate_spend(&r->rate, p);
	if (is_promised(r, nr))
		pay(&r->link->reserved_at_ns[nr], claim->reserved, p, r->rate.now_ns);
	if (claim->limit)
		pay(&r->link->limited_at_ns[nr], claim->limit, p, r->rate.now_ns);
}

/* ---- classes ------------------------------------------------------------------------------------- */

static uint32_t number_of(const struct link_run *r, const struct link_class *c)
{
	return (uint32_t)(c - r->part->classes);
}

static uint32_t class_of(const struct link_run *r, const struct packet *p)
{
	return p->x.port_in < PORTS_MAX ? r->plan->class_of[p->x.port_in] : LINK_COMMON;
}

static uint32_t weight_of(const struct link_run *r, uint32_t nr)
{
	uint32_t weight = r->plan->claims[nr].weight;

	return weight ? weight : 1;
}

static void ring_add(struct link_run *r, struct link_class *c)
{
	struct link_part *part = r->part;
	struct link_class *turn = part->turn ? part->turn : c;

	c->weight = weight_of(r, number_of(r, c));
	if (c->deficit > 0) /* what it sent too much stays a debt */
		c->deficit = 0;
	c->next = turn;
	c->prev = part->turn ? turn->prev : c;
	c->prev->next = c;
	turn->prev = c;
	part->turn = turn;
	part->busy++;
	part->weight += c->weight;
}

static void ring_remove(struct link_part *part, struct link_class *c)
{
	part->busy--;
	part->weight -= c->weight;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	if (part->turn == c)
		part->turn = part->busy ? c->next : NULL;
}

/* A policy may have changed meanwhile. */
static void begin_turn(struct link_run *r, struct link_class *c)
{
	r->part->weight -= c->weight;
	c->weight = weight_of(r, number_of(r, c));
	r->part->weight += c->weight;
	c->deficit += (int64_t)c->weight * QUANTUM;
	r->part->turn = c->next;
}

static struct link_class *first_promised(const struct link_run *r)
{
	struct link_class *c = r->part->turn;

	for (uint32_t n = r->plan->has_reserved ? r->part->busy : 0; n > 0; n--, c = c->next) {
		uint32_t nr = number_of(r, c);

		if (is_promised(r, nr) && !is_limited(r, nr))
			return c;
	}
	return NULL;
}

/* Whose packet is next; NULL: all wait for limits of their own.  Ends: deficits grow. */
static struct link_class *next_class(struct link_run *r, bool *is_turn)
{
	struct link_class *c = first_promised(r);
	uint32_t limited = 0;

	*is_turn = !c;
	if (c)
		return c;
	while (limited < r->part->busy) {
		c = r->part->turn;
		assert(c); /* as long as a class is busy, it is some class's turn */
		if (is_limited(r, number_of(r, c))) {
			limited++;
			r->part->turn = c->next;
			continue;
		}
		if (c->deficit > 0)
			return c;
		limited = 0;
		begin_turn(r, c);
	}
	return NULL;
}

/* ---- waiting ------------------------------------------------------------------------------------- */

/* What the class can count on, in bits a second, while those have packets who have now. */
static uint64_t pace_of(const struct link_run *r, uint32_t nr)
{
	const struct link_class *c = &r->part->classes[nr];
	const struct link_claim *claim = &r->plan->claims[nr];
	uint64_t weight = c->queue.count ? c->weight : weight_of(r, nr);
	uint64_t all = r->part->weight + (c->queue.count ? 0 : weight);
	uint64_t pace = r->conf->rates[RATE_LINK].per_second[RATE_BITS] / all * weight;

	if (pace < claim->reserved)
		pace = claim->reserved;
	if (claim->limit && pace > claim->limit)
		pace = claim->limit;
	return pace ? pace : 1;
}

/* Would it wait longer than it may?  One always may. */
static bool is_full(const struct link_run *r, uint32_t nr, uint32_t len)
{
	const struct link_class *c = &r->part->classes[nr];
	uint64_t bits = (c->bytes + len) * 8;

	return c->queue.count &&
	       bits * (NS_PER_S / NS_PER_US) / pace_of(r, nr) > r->plan->queue_ns / NS_PER_US;
}

static void put(struct link_run *r, uint32_t nr, struct packet *p)
{
	struct link_part *part = r->part;
	struct link_class *c = &part->classes[nr];

	if (!c->queue.count)
		ring_add(r, c);
	packet_append(&c->queue, p);
	c->bytes += p->x.len;
	part->count++;
	if (part->is_listed)
		return;
	part->is_listed = true;
	part->next = r->w->links;
	r->w->links = part;
}

static struct packet *take(struct path_worker *w, struct link_part *part, struct link_class *c)
{
	struct packet *p;

	assert(c); /* something waits, so it is some class's turn */
	p = packet_take(&c->queue);
	part->count--;
	c->bytes -= p->x.len;
	if (!c->queue.count)
		ring_remove(part, c);
	shape_release(w, p);
	return p;
}

/* Copies for a mirror session never wait. */
static void keep_or_drop(struct link_run *r, struct burst *b, uint32_t i, uint32_t nr)
{
	struct packet *kept;

	if (b->are_copies || is_full(r, nr, b->pkts[i]->x.len)) {
		burst_drop(b, i, 0, b->are_copies ? REASON_MIRROR : REASON_LINK);
		return;
	}
	kept = shape_keep(b->worker, b->pkts[i]);
	if (!kept) {
		burst_drop(b, i, 0, REASON_POOL);
		return;
	}
	b->live &= ~(UINT64_C(1) << i);
	put(r, nr, kept);
}

/* ---- a burst ------------------------------------------------------------------------------------- */

/* False: nothing has been said yet of how to share it. */
static bool open_run(struct link_run *r, struct path_worker *w, struct port_conf *conf)
{
	struct path_link *link = rcu_read(&conf->port->link);

	if (!link)
		return false;
	*r = (struct link_run){ .w = w, .link = link, .conf = conf };
	r->plan = rcu_read(&link->plan);
	r->part = &link->parts[w->w.nr];
	rate_open(&r->rate, w, conf, RATE_LINK);
	return true;
}

static void note_due(const struct link_run *r)
{
	uint64_t due = rate_due(&r->rate);
	uint64_t limits = UINT64_MAX;
	const struct link_class *c = r->part->turn;

	for (uint32_t n = r->part->busy; n > 0; n--, c = c->next) {
		uint32_t nr = number_of(r, c);
		uint64_t full =
			atomic_load_explicit(&r->link->limited_at_ns[nr], memory_order_relaxed);

		if (!is_limited(r, nr))
			limits = 0;
		else if (full - DEPTH_NS < limits)
			limits = full - DEPTH_NS;
	}
	due = limits > due ? limits : due;
	if (due < r->w->rate_due_ns)
		r->w->rate_due_ns = due;
}

void link_burst(struct burst *b)
{
	struct link_run r;

	if (!open_run(&r, b->worker, b->conf))
		return;
	for (XVS_EACH(i, b->live)) {
		uint32_t nr = class_of(&r, b->pkts[i]);

		if (r.part->count == 0 && !is_limited(&r, nr) && rate_may(&r.rate))
			spend(&r, nr, b->pkts[i]);
		else
			keep_or_drop(&r, b, (uint32_t)i, nr);
	}
	rate_pay(&r.rate);
	if (r.part->count)
		note_due(&r);
}

/* ---- later --------------------------------------------------------------------------------------- */

/* Of packets that were let through to this one their fate depends. */
static struct port_conf *ruler_of(struct port_conf *conf)
{
	return conf_of_entry(conf);
}

/* As much as the rate lets through, at most a batch; how many packets went anywhere. */
static uint32_t run_some(struct link_run *r)
{
	struct release out;

	release_open(&out, r->w, ruler_of(r->conf));
	while (r->part->count && release_has_room(&out) && rate_may(&r->rate)) {
		bool is_turn;
		struct link_class *c = next_class(r, &is_turn);
		struct packet *p;

		if (!c)
			break;
		p = take(r->w, r->part, c);
		if (release_is_stale(&out, p)) {
			release_again(&out, p);
			continue;
		}
		c->deficit -= is_turn ? p->x.len : 0;
		spend(r, number_of(r, c), p);
		out.ready[out.count++] = p;
	}
	if (out.count)
		burst_emit(release_burst(r->w, r->conf, out.ready, out.count));
	return out.count + out.again;
}

/* The member that was to send cannot: the team says who does. */
static bool has_failed(const struct port_conf *conf)
{
	const struct team_table *t = conf->is_member ? rcu_read(&conf->team->table) : NULL;

	return conf->is_member && (!t || t->ports[conf->member] != conf->port);
}

/*
 * Where flows are spread, a packet has the address of the member that was to send it by now, and can be
 * no other's.
 */
static uint32_t send_elsewhere(struct link_run *r)
{
	struct port_conf *ruler = ruler_of(r->conf);
	const struct team_table *t = rcu_read(&r->conf->team->table);
	struct packet *pkts[XVS_BATCH_MAX];
	uint32_t count = 0;

	while (r->part->count && count < XVS_BATCH_MAX)
		pkts[count++] = take(r->w, r->part, r->part->turn);
	if (count && t && t->mode < TEAM_BY_ADDRESS) {
		burst_send(release_burst(r->w, ruler, pkts, count));
		return count;
	}
	for (uint32_t i = 0; i < count; i++)
		packet_drop(r->w, pkts[i], ruler->port->id, XVS_STAGE_EGRESS, 0, REASON_TEAM_DOWN);
	return count;
}

static uint32_t run_part(struct path_worker *w, const struct link_part *part)
{
	struct link_run r;
	uint32_t sum = 0;
	uint32_t some;

	if (!open_run(&r, w, rcu_read(&part->port->conf)))
		return 0;
	do {
		some = has_failed(r.conf) ? send_elsewhere(&r) : run_some(&r);
		sum += some;
	} while (some && part->count);
	rate_pay(&r.rate);
	if (part->count)
		note_due(&r);
	return sum;
}

/* What leaves by another link may come to wait there, so the list is made anew. */
uint32_t link_run(struct path_worker *w)
{
	struct link_part *list = w->links;
	uint32_t sum = 0;

	w->links = NULL;
	while (list) {
		struct link_part *part = list;

		list = part->next;
		part->is_listed = false;
		sum += run_part(w, part);
		if (part->count && !part->is_listed) {
			part->is_listed = true;
			part->next = w->links;
			w->links = part;
		}
	}
	return sum;
}

/* ---- ends ---------------------------------------------------------------------------------------- */

static void drop_all(struct path_worker *w, struct link_part *part)
{
	while (part->count)
		packet_drop(w, take(w, part, part->turn), part->port->id, XVS_STAGE_EGRESS, 0,
			    REASON_SHUTDOWN);
}

/* The number of the port that it came from may soon be another's. */
static void forget_charge(struct path_worker *w, const struct link_part *part, uint32_t port)
{
	const struct link_class *c = part->turn;

	for (uint32_t n = part->busy; n > 0; n--, c = c->next)
		for (struct packet *p = c->queue.head; p; p = p->next)
			if (p->charged == port)
				packet_uncharge(w, p);
}

void link_drop_port(struct path_worker *w, uint32_t port)
{
	struct link_part **at = &w->links;

	while (*at) {
		struct link_part *part = *at;

		if (part->port->id != port) {
			forget_charge(w, part, port);
			at = &part->next;
			continue;
		}
		drop_all(w, part);
		*at = part->next;
		part->is_listed = false;
	}
}

bool link_has_older(const struct path_worker *w, uint64_t changes)
{
	for (const struct link_part *part = w->links; part; part = part->next) {
		const struct link_class *c = part->turn;

		for (uint32_t n = part->busy; n > 0; n--, c = c->next)
			if ((uint64_t)(uintptr_t)c->queue.head->scratch < changes)
				return true;
	}
	return false;
}
