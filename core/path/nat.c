/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat.c - the NAT of a switch: coming, being configured, going; and what a burst does with it.
 */
#include "path/nat.h"

#include <errno.h>
#include <stdlib.h>

#include "path/nat_part.h"

struct path_nat_change {
	struct path_nat *nat;
	struct nat_world *world;
	struct nat_change *table;
};

/* ---- [control] ------------------------------------------------------------------------------- */

static void nat_free(struct path_nat *n)
{
	for (uint32_t i = 0; i < n->lane_count; i++)
		nat_fragments_destroy(n->lanes[i].fragments);
	nat_table_destroy(n->table);
	free(n);
}

static bool lanes_open(struct path_nat *n)
{
	for (uint32_t i = 0; i < n->lane_count; i++) {
		n->lanes[i].nat = n;
		n->lanes[i].last = &n->lanes[i].first;
		n->lanes[i].fragments = nat_fragments_create();
		if (!n->lanes[i].fragments)
			return false;
	}
	return true;
}

/* Into the list that workers sweep. */
static bool enlist(struct path *path, struct path_nat *n)
{
	for (uint32_t i = 0; i < NATS_MAX; i++) {
		if (path->nats[i])
			continue;
		rcu_publish(&path->nats[i], n);
		atomic_fetch_add_explicit(&path->nat_count, 1, memory_order_relaxed);
		return true;
	}
	return false;
}

int path_nat_create(struct path *path, uint32_t sessions, struct path_nat **out,
		    struct xvs_error *err)
{
	size_t bytes = sizeof(struct path_nat) + path->worker_count * sizeof(struct nat_lane);
	struct path_nat *n = aligned_alloc(64, (bytes + 63) / 64 * 64);
	int result;

	if (!n)
		return error_set(err, -ENOMEM, "", "out of memory");
	memset(n, 0, bytes);
	n->path = path;
	n->lane_count = path->worker_count;
	result = nat_table_create(sessions, &n->table, err);
	if (result == 0 && !lanes_open(n))
		result = error_set(err, -ENOMEM, "", "out of memory");
	if (result == 0 && !enlist(path, n))
		result = error_set(err, -ENOSPC, "", "there are %d nat switches already", NATS_MAX);
	if (result == 0)
		*out = n;
	else
		nat_free(n);
	return result;
}

static bool link_is_shared(const struct nat_world *world, uint32_t i)
{
	for (uint32_t n = 0; n < i; n++) {
		if (world->outsides[n] == world->outsides[i])
			return true;
	}
	return false;
}

/* The links of 'world' that 'heir' does not go on with. */
static void links_free(struct nat_world *world, const struct nat_world *heir)
{
	if (!heir || heir->inside != world->inside)
		rcu_free(world->inside);
	for (uint32_t i = 0; i < world->facts.outside_count; i++) {
		bool is_kept = link_is_shared(world, i);

		for (uint32_t n = 0; heir && n < heir->facts.outside_count; n++)
			is_kept |= heir->outsides[n] == world->outsides[i];
		if (!is_kept)
			rcu_free(world->outsides[i]);
	}
}

static void destroyed(struct rcu_node *node)
{
	nat_free((struct path_nat *)((char *)node - offsetof(struct path_nat, rcu)));
}

static void left_workers(struct letter *letter)
{
	struct path_nat *n = (struct path_nat *)((char *)letter - offsetof(struct path_nat, gone));

	rcu_defer(&n->rcu, destroyed);
}

/* [worker] What still waits was for a port that goes on as one of another kind. */
static void leave_worker(struct letter *letter)
{
	struct nat_lane *lane =
		(struct nat_lane *)((char *)letter - offsetof(struct nat_lane, farewell));
	struct path_nat *n = lane->nat;

	nat_wait_drop(path_worker_self(), n, XVS_PORT_NONE);
	if (atomic_fetch_sub_explicit(&n->lanes_left, 1, memory_order_acq_rel) == 1)
		loop_post(n->path->loop, &n->gone, left_workers);
}

void path_nat_destroy(struct path_nat *n)
{
	struct nat_world *world = n ? n->world : NULL;

	if (!n)
		return;
	for (uint32_t i = 0; i < NATS_MAX; i++) {
		if (n->path->nats[i] != n)
			continue;
		rcu_publish(&n->path->nats[i], NULL);
		atomic_fetch_sub_explicit(&n->path->nat_count, 1, memory_order_relaxed);
	}
	rcu_publish(&n->world, NULL);
	if (world)
		links_free(world, NULL);
	rcu_free(world);
	atomic_store_explicit(&n->lanes_left, n->lane_count, memory_order_relaxed);
	for (uint32_t i = 0; i < n->lane_count; i++)
		worker_post(n->path->worker_list[i], &n->lanes[i].farewell, leave_worker);
}

static bool prefixes_equal(struct nat_prefix a, struct nat_prefix b)
{
	return a.mask == b.mask && nat_prefix_has(a, b.address);
}

/* One that is there already, or a new one. */
static struct nat_link *link_for(struct nat_prefix prefix, const struct nat_world *old,
				 const struct nat_world *world, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (world->outsides[i] && prefixes_equal(world->outsides[i]->prefix, prefix))
			return world->outsides[i];
	}
	for (uint32_t i = 0; old && i < old->facts.outside_count; i++) {
		if (prefixes_equal(old->outsides[i]->prefix, prefix))
			return old->outsides[i];
	}
	return nat_link_create(prefix);
}

/* False: out of memory; what is there already can be freed. */
static bool links_open(struct nat_world *world, const struct nat_world *old)
{
	const struct nat_facts *f = &world->facts;
	bool is_whole;

	world->inside = old && prefixes_equal(old->inside->prefix, f->inside.prefix)
				? old->inside
				: nat_link_create(f->inside.prefix);
	is_whole = world->inside != NULL;
	for (uint32_t i = 0; i < f->outside_count; i++) {
		world->outsides[i] = link_for(f->outsides[i].prefix, old, world, i);
		is_whole &= world->outsides[i] != NULL;
	}
	return is_whole;
}

int path_nat_prepare(struct path_nat *n, const struct nat_facts *facts, struct nat_rules *rules,
		     struct path_nat_change **out)
{
	struct path_nat_change *c = calloc(1, sizeof(*c));
	struct nat_change *table = nat_change_create(rules);
	struct nat_world *world = calloc(1, sizeof(*world));

	if (!c || !table || !world)
		goto err_free;
	world->facts = *facts;
	if (!links_open(world, n->world)) {
		links_free(world, n->world);
		goto err_free;
	}
	*c = (struct path_nat_change){ n, world, table };
	*out = c;
	return 0;

err_free:
	nat_change_destroy(table);
	free(world);
	free(c);
	return -ENOMEM;
}

void path_nat_abandon(struct path_nat_change *c)
{
	if (!c)
		return;
	links_free(c->world, c->nat->world);
	nat_change_destroy(c->table);
	free(c->world);
	free(c);
}

void path_nat_apply(struct path_nat_change *c)
{
	struct nat_world *old = c->nat->world;

	nat_table_apply(c->nat->table, c->table);
	rcu_publish(&c->nat->world, c->world);
	if (old)
		links_free(old, c->world);
	rcu_free(old);
	free(c);
}

struct nat_table *path_nat_table(struct path_nat *n)
{
	return n->table;
}

const struct nat_facts *path_nat_facts(const struct path_nat *n)
{
	return n->world ? &n->world->facts : NULL;
}

void path_nat_insides(const struct path_nat *n,
		      void (*fn)(void *arg, uint32_t address, const uint8_t mac[6]), void *arg)
{
	const struct nat_link *l = n->world ? n->world->inside : NULL;

	for (uint32_t i = 0; l && i <= ~l->prefix.mask; i++) {
		uint8_t mac[6];

		if (nat_neighbour_last(&l->places[i], mac))
			fn(arg, (l->prefix.address & l->prefix.mask) + i, mac);
	}
}

bool path_nat_inside_mac(const struct path_nat *n, uint32_t address, uint8_t mac[6])
{
	const struct nat_link *l = n->world ? n->world->inside : NULL;

	return l && nat_prefix_has(l->prefix, address) &&
	       nat_neighbour_last(&l->places[address & ~l->prefix.mask], mac);
}

static void tell_link(struct nat_link *l, bool is_inside, uint64_t now_ns,
		      void (*fn)(void *arg, const struct nat_neighbour_info *i), void *arg)
{
	for (uint32_t i = 0; i <= ~l->prefix.mask; i++) {
		struct nat_neighbour_info info = {
			.is_inside = is_inside, .address = (l->prefix.address & l->prefix.mask) + i
		};

		if (nat_neighbour_get(&l->places[i], now_ns, info.mac) != NEIGHBOUR_UNKNOWN)
			fn(arg, &info);
	}
}

void path_nat_neighbours(struct path_nat *n, uint64_t now_ns,
			 void (*fn)(void *arg, const struct nat_neighbour_info *i), void *arg)
{
	struct nat_world *world = n->world;

	if (!world)
		return;
	tell_link(world->inside, true, now_ns, fn, arg);
	for (uint32_t i = 0; i < world->facts.outside_count; i++) {
		if (!link_is_shared(world, i))
			tell_link(world->outsides[i], false, now_ns, fn, arg);
	}
}

/* ---- [worker] -------------------------------------------------------------------------------- */

/* What is not configured yet is closed. */
static void drop_all(struct burst *b)
{
	for (XVS_EACH(i, b->live))
		burst_drop(b, (uint32_t)i, 0, REASON_PORT_CLOSED);
}

static void settle(struct burst *b, uint32_t i, enum nat_fate fate, uint16_t reason)
{
	if (fate == FATE_DROP)
		burst_drop(b, i, 0, reason);
	else if (fate == FATE_TAKEN)
		b->live &= ~(UINT64_C(1) << i);
}

void nat_ingress(struct burst *b)
{
	struct nat_hand h;

	if (!b->conf->is_open)
		return;
	if (!nat_hand_open(&h, b->worker, b->conf)) {
		drop_all(b);
		return;
	}
	for (XVS_EACH(i, b->live)) {
		struct packet *p = b->pkts[i];
		enum nat_fate fate;

		h.reason = b->reason[i];
		fate = p->x.flags & XVS_PKT_BAD ? FATE_DROP : nat_in_packet(&h, p);
		settle(b, (uint32_t)i, fate, h.reason);
	}
	b->keyed = 0; /* the keys were those of the wire */
}

void nat_egress(struct burst *b)
{
	struct nat_hand h;

	if (!nat_hand_open(&h, b->worker, b->conf)) {
		drop_all(b);
		return;
	}
	for (XVS_EACH(i, b->live)) {
		enum nat_fate fate = nat_out_packet(&h, b->pkts[i]);

		settle(b, (uint32_t)i, fate, h.reason);
	}
}

void nat_turn(struct path_worker *w)
{
	for (uint32_t i = 0; i < NATS_MAX; i++) {
		struct path_nat *n = rcu_read(&w->path->nats[i]);

		if (n)
			nat_sweep(n->table, w->w.now_ns);
	}
}

void nat_forget_port(struct path_worker *w, uint32_t port)
{
	for (uint32_t i = 0; i < NATS_MAX; i++) {
		struct path_nat *n = rcu_read(&w->path->nats[i]);

		if (n)
			nat_wait_drop(w, n, port);
	}
}
