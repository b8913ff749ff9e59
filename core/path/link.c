/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - classes of an exit port that have packets waiting, and whose turn it is.
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
	LONGEST_NS =
		500 * NS_PER_MS, /* as queues may be; who changes a port waits for what waits */
};

struct link_class {
	struct packet_queue queue;
	uint64_t bytes;
	int64_t deficit; /* bytes that it may still send in this turn; negative: sent too many */
	uint32_t weight; /* as it counts in the part's */
	struct link_class *next, *prev; /* in the part's ring */
	struct link_counts counts;      /* of a queue; the control thread reads */
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
	/* the control thread's: since when there is a queue, and what had been counted until then */
	uint64_t since_ns[LINK_QUEUES];
	struct link_counts before[LINK_QUEUES];
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
	bool is_contended; /* of what waits, some waits for others, not for a limit of its own */
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

static bool plan_has_queue(const struct link_plan *plan, uint32_t queue)
{
	return plan && plan->has_queues && queue < LINK_QUEUES && plan->class_of[queue] == queue;
}

static uint64_t read_count(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* By all workers, ever. */
static struct link_counts sum_of(const struct path_port *port, const struct path_link *link,
				 uint32_t queue)
{
	struct link_counts sum = { 0 };

	for (uint32_t i = 0; i < path_workers(port->path); i++) {
		const struct link_counts *c = &link->parts[i].classes[queue].counts;

		sum.tx_packets += read_count(&c->tx_packets);
		sum.tx_bytes += read_count(&c->tx_bytes);
		sum.full += read_count(&c->full);
		sum.pool += read_count(&c->pool);
		sum.exit += read_count(&c->exit);
	}
	return sum;
}

/* Another queue that gets the number of one that has gone begins to count anew. */
static void begin_queues(const struct path_port *port, struct path_link *link,
			 const struct link_plan *plan)
{
	for (uint32_t queue = 0; queue < LINK_QUEUES; queue++) {
		if (!plan_has_queue(plan, queue) || plan_has_queue(link->plan, queue))
			continue;
		link->since_ns[queue] = clock_ns();
		link->before[queue] = sum_of(port, link, queue);
	}
}

bool path_link_has_queues(const struct path_port *port)
{
	return port->link && port->link->plan->has_queues;
}

uint64_t path_link_counts(const struct path_port *port, uint32_t queue, struct link_counts *sum)
{
	const struct path_link *link = port->link;
	const struct link_counts *before;
	struct link_counts now;

	if (!link || !plan_has_queue(link->plan, queue))
		return 0;
	now = sum_of(port, link, queue);
	before = &link->before[queue];
	sum->tx_packets += now.tx_packets - before->tx_packets;
	sum->tx_bytes += now.tx_bytes - before->tx_bytes;
	sum->full += now.full - before->full;
	sum->pool += now.pool - before->pool;
	sum->exit += now.exit - before->exit;
	return link->since_ns[queue];
}

/* As rate_change(): another limit begins with a full bucket. */
static void change_claims(struct path_link *link, const struct link_plan *plan)
{
	for (uint32_t nr = 0; link->plan && nr < LINK_CLASSES; nr++) {
		const struct link_claim *old = &link->plan->claims[nr];
		const struct link_claim *claim = &plan->claims[nr];

		if (claim->reserved != old->reserved)
			atomic_store_explicit(&link->reserved_at_ns[nr], 0, memory_order_relaxed);
		if (claim->limit != old->limit || claim->depth_ns != old->depth_ns)
			atomic_store_explicit(&link->limited_at_ns[nr], 0, memory_order_relaxed);
	}
}

int path_link_plan(struct path_port *port, struct link_plan *plan)
{
	struct path_link *link = port->link ? port->link : link_create(port);
	struct link_plan *old;

	if (!link) {
		free(plan);
		return -ENOMEM;
	}
	begin_queues(port, link, plan);
	change_claims(link, plan);
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

static bool has_credit(const _Atomic uint64_t *full_at, uint64_t depth_ns, uint64_t now_ns)
{
	return atomic_load_explicit(full_at, memory_order_relaxed) <= now_ns + depth_ns;
}

static uint64_t limit_depth(const struct link_claim *claim)
{
	return claim->depth_ns ? claim->depth_ns : DEPTH_NS;
}

static void pay(_Atomic uint64_t *full_at, uint64_t per_second, const struct packet *p,
		uint64_t now_ns)
{
	rate_owe(full_at, (uint64_t)p->x.len * 8 * NS_PER_S / per_second, now_ns);
}

static bool is_promised(const struct link_run *r, uint32_t nr)
{
	return r->plan->claims[nr].reserved &&
	       has_credit(&r->link->reserved_at_ns[nr], DEPTH_NS, r->rate.now_ns);
}

static bool is_limited(const struct link_run *r, uint32_t nr)
{
	const struct link_claim *claim = &r->plan->claims[nr];

	return claim->limit &&
	       !has_credit(&r->link->limited_at_ns[nr], limit_depth(claim), r->rate.now_ns);
}

/* Within its reservation it need not ask what others have left of the rate: they wait for it then. */
static bool is_certain(const struct link_run *r, uint32_t nr)
{
	return r->plan->is_kept && is_promised(r, nr);
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

/* A copy for a mirror session has the queue that its original was to have somewhere else. */
static uint32_t class_of(const struct link_plan *plan, const struct burst *b,
			 const struct packet *p)
{
	uint32_t by = plan->has_queues ? (b->are_copies ? 0 : p->x.queue) : p->x.port_in;

	return by < PORTS_MAX ? plan->class_of[by] : LINK_COMMON;
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
	uint64_t rate = r->conf->rates[RATE_LINK].per_second[RATE_BITS];
	uint64_t pace = rate ? rate / all * weight : UINT64_MAX;

	if (pace < claim->reserved)
		pace = claim->reserved;
	if (claim->limit && pace > claim->limit)
		pace = claim->limit;
	return pace ? pace : 1;
}

/* The same where the link's rate is in packets; of a class that has some. */
static bool has_many(const struct link_run *r, const struct link_class *c)
{
	uint64_t rate = r->conf->rates[RATE_LINK].per_second[RATE_PACKETS];
	uint64_t packets = rate ? rate * c->weight / r->part->weight : 0;

	return rate && c->queue.count * NS_PER_S / (packets ? packets : 1) >= r->plan->queue_ns;
}

static uint64_t sooner_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When a bucket has credit again. */
static uint64_t credit_at(const _Atomic uint64_t *full_at, uint64_t depth_ns)
{
	uint64_t full = atomic_load_explicit(full_at, memory_order_relaxed);

	return full > depth_ns ? full - depth_ns : 0;
}

static uint64_t class_due(const struct link_run *r, uint32_t nr, uint64_t rate_due_ns)
{
	const struct link_claim *claim = &r->plan->claims[nr];
	uint64_t due = rate_due_ns;
	uint64_t limit = 0;

	if (r->plan->is_kept && claim->reserved)
		due = sooner_of(due, credit_at(&r->link->reserved_at_ns[nr], DEPTH_NS));
	if (is_limited(r, nr))
		limit = credit_at(&r->link->limited_at_ns[nr], limit_depth(claim));
	return limit > due ? limit : due;
}

/* What its class or the port owes for packets before it is no part of what waits in front of it. */
static bool is_in_debt(const struct link_run *r, uint32_t nr)
{
	return class_due(r, nr, rate_due(&r->rate)) > r->rate.now_ns + LONGEST_NS;
}

/* One sender feeds several queues: the longest may not take the room that the others need. */
static bool crowds_others(const struct link_run *r, uint32_t nr, const struct packet *p)
{
	const struct path_port *in = path_port_of(r->w->path, p->x.port_in);

	return r->plan->part && in && r->part->classes[nr].queue.count >= r->plan->part &&
	       atomic_load_explicit(&in->held, memory_order_relaxed) >= PORT_HELD_MAX / 2;
}

/* Would it wait longer than it may?  One always may, but for LONGEST_NS. */
static bool is_full(const struct link_run *r, uint32_t nr, const struct packet *p)
{
	const struct link_class *c = &r->part->classes[nr];
	uint64_t bits = (c->bytes + p->x.len) * 8;

	if (is_in_debt(r, nr))
		return true;
	if (!c->queue.count)
		return false;
	return bits * (NS_PER_S / NS_PER_US) / pace_of(r, nr) > r->plan->queue_ns / NS_PER_US ||
	       has_many(r, c) || crowds_others(r, nr, p);
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
	r->is_contended |= !is_limited(r, nr);
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

static void refuse(const struct link_run *r, struct burst *b, uint32_t i, uint32_t nr)
{
	counter_add(&r->part->classes[nr].counts.full, 1);
	if (b->are_copies)
		burst_drop(b, i, 0, REASON_MIRROR);
	else
		burst_drop(b, i, 0, r->plan->has_queues ? REASON_QUEUE : REASON_LINK);
}

/* Copies for a mirror session never wait. */
static void keep_or_drop(struct link_run *r, struct burst *b, uint32_t i, uint32_t nr)
{
	struct packet *kept;

	if (b->are_copies || is_full(r, nr, b->pkts[i])) {
		refuse(r, b, i, nr);
		return;
	}
	kept = shape_keep(b->worker, b->pkts[i]);
	if (!kept) {
		counter_add(&r->part->classes[nr].counts.pool, 1);
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
	uint64_t rate = rate_due(&r->rate);
	const struct link_class *c = r->part->turn;

	for (uint32_t n = r->part->busy; n > 0; n--, c = c->next)
		r->w->rate_due_ns =
			sooner_of(r->w->rate_due_ns, class_due(r, number_of(r, c), rate));
}

/* Some class waits for its turn; a limit of its own keeps nobody else back. */
static bool has_contention(const struct link_run *r)
{
	const struct link_class *c = r->part->turn;

	for (uint32_t n = r->part->busy; n > 0; n--, c = c->next)
		if (!is_limited(r, number_of(r, c)))
			return true;
	return false;
}

static bool may_leave(struct link_run *r, uint32_t nr)
{
	if (r->part->classes[nr].queue.count || is_limited(r, nr))
		return false;
	return is_certain(r, nr) || (!r->is_contended && rate_may(&r->rate));
}

void link_burst(struct burst *b)
{
	struct link_run r;

	if (!open_run(&r, b->worker, b->conf))
		return;
	r.is_contended = has_contention(&r);
	for (XVS_EACH(i, b->live)) {
		uint32_t nr = class_of(r.plan, b, b->pkts[i]);

		if (may_leave(&r, nr))
			spend(&r, nr, b->pkts[i]);
		else
			keep_or_drop(&r, b, (uint32_t)i, nr);
	}
	rate_pay(&r.rate);
	if (r.part->count)
		note_due(&r);
}

/* ---- counting --------------------------------------------------------------------------------------- */

/* The counts of the class of a packet that is behind its queue; NULL: the port has no queues. */
static struct link_counts *counts_of(const struct burst *b, const struct packet *p)
{
	struct path_link *link = rcu_read(&b->conf->port->link);
	const struct link_plan *plan = link ? rcu_read(&link->plan) : NULL;

	if (!plan || !plan->has_queues)
		return NULL;
	return &link->parts[b->worker->w.nr].classes[class_of(plan, b, p)].counts;
}

void link_sent(const struct burst *b, struct packet *const *pkts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct link_counts *c = counts_of(b, pkts[i]);

		if (!c)
			return;
		counter_add(&c->tx_packets, 1);
		counter_add(&c->tx_bytes, pkts[i]->x.len);
	}
}

void link_lost(const struct burst *b, const struct packet *p)
{
	struct link_counts *c = counts_of(b, p);

	if (c)
		counter_add(&c->exit, 1);
}

/* ---- later --------------------------------------------------------------------------------------- */

/* Of packets that were let through to this one their fate depends. */
static struct port_conf *ruler_of(struct port_conf *conf)
{
	return conf_of_entry(conf);
}

static bool may_go_on(struct link_run *r)
{
	return rate_may(&r->rate) || (r->plan->is_kept && first_promised(r));
}

/* As much as the rate lets through, at most a batch; how many packets went anywhere. */
static uint32_t run_some(struct link_run *r)
{
	struct release out;

	release_open(&out, r->w, ruler_of(r->conf));
	while (r->part->count && release_has_room(&out) && may_go_on(r)) {
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
