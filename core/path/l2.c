/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l2.c - an open-addressed table of pointers to constant entries.
 *
 * The control thread alone writes: it stores a pointer to a complete entry, or to 'gone', and where a
 * static address is that ports of one guest use in turn; entries
 * and outgrown tables are freed after a grace period.  Readers probe until an empty place.
 */
#include "path/l2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/hash.h"
#include "path/path.h"

enum { SIZE_FIRST = 256, MOVES_MAX = 10 };

/*
 * Constant once published but the port of a static one, and the last three, which the control thread alone
 * uses.
 */
struct l2_entry {
	uint8_t mac[6];
	uint16_t segment;
	struct path_port *port; /* published */
	struct path_port *home; /* static: whose adapter has it */
	bool is_static;
	uint32_t moves;
	uint64_t seen_ns;
	uint64_t window_ns; /* moves are counted since */
};

struct l2_table {
	uint32_t size;   /* a power of two */
	uint32_t filled; /* places that are not empty, 'gone' included */
	struct l2_entry *places[];
};

struct l2_learning {
	uint32_t total;
	uint64_t moved, held;
	struct l2_learned by_port[PORTS_MAX];
};

static struct l2_entry gone; /* marks a place that probing must pass */

static uint64_t place_hash(uint32_t segment, const uint8_t mac[6])
{
	uint64_t word = segment;

	memcpy((uint8_t *)&word + 2, mac, 6);
	return hash_words(&word, 1, 2);
}

static struct l2_table *table_create(uint32_t size)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): places for pointers is what is meant */
	struct l2_table *t = calloc(1, sizeof(*t) + size * sizeof(t->places[0]));

	if (t)
		t->size = size;
	return t;
}

int l2_init(struct l2 *l2)
{
	l2->table = table_create(SIZE_FIRST);
	l2->learning = calloc(1, sizeof(*l2->learning));
	if (l2->table && l2->learning)
		return 0;
	l2_finish(l2);
	return -ENOMEM;
}

void l2_finish(struct l2 *l2)
{
	for (uint32_t i = 0; l2->table && i < l2->table->size; i++) {
		if (l2->table->places[i] != &gone)
			free(l2->table->places[i]);
	}
	free(l2->table);
	free(l2->learning);
	free(l2->shares);
	l2->shares = NULL;
	l2->table = NULL;
	l2->learning = NULL;
}

/* ---- finding --------------------------------------------------------------------------------- */

static struct l2_entry **find(struct l2_table *t, uint32_t segment, const uint8_t mac[6])
{
	uint32_t at = (uint32_t)place_hash(segment, mac) & (t->size - 1);

	for (;;) {
		struct l2_entry *e = rcu_read(&t->places[at]);

		if (!e)
			return NULL;
		if (e != &gone && e->segment == segment && memcmp(e->mac, mac, 6) == 0)
			return &t->places[at];
		at = (at + 1) & (t->size - 1);
	}
}

/* Under which segment the addresses of this one are filed. */
static uint32_t filing(const struct l2 *l2, uint32_t segment)
{
	const uint16_t *shares = rcu_read(&l2->shares);

	return shares && segment < L2_SEGMENTS ? shares[segment] : segment;
}

struct path_port *l2_lookup(const struct l2 *l2, uint32_t segment, const uint8_t mac[6])
{
	bool is_static;

	return l2_owner(l2, segment, mac, &is_static);
}

static struct l2_entry *look_up(const struct l2 *l2, uint32_t segment, const uint8_t mac[6])
{
	struct l2_table *t = rcu_read(&l2->table);
	struct l2_entry **place = find(t, filing(l2, segment), mac);
	struct l2_entry *e;

	if (!place)
		place = find(t, L2_ANY, mac);
	if (!place)
		return NULL;
	/* it may have been replaced or removed since find() looked at it */
	e = rcu_read(place);
	return e && memcmp(e->mac, mac, 6) == 0 ? e : NULL;
}

struct path_port *l2_owner(const struct l2 *l2, uint32_t segment, const uint8_t mac[6],
			   bool *is_static)
{
	struct l2_entry *e = look_up(l2, segment, mac);

	if (!e)
		return NULL;
	*is_static = e->is_static;
	return rcu_read(&e->port);
}

static bool is_mate(const struct l2_entry *e, const struct path_port *port)
{
	uint32_t team = rcu_read(&port->conf)->guest_team;

	return team != 0 && rcu_read(&e->home->conf)->guest_team == team;
}

bool l2_is_own(const struct l2 *l2, uint32_t segment, const uint8_t mac[6],
	       const struct path_port *port)
{
	const struct l2_entry *e = look_up(l2, segment, mac);

	return e && e->is_static && (e->home == port || is_mate(e, port));
}

/* ---- changing ---------------------------------------------------------------------------------- */

static void put(struct l2_table *t, struct l2_entry *e)
{
	uint32_t at = (uint32_t)place_hash(e->segment, e->mac) & (t->size - 1);

	while (t->places[at])
		at = (at + 1) & (t->size - 1);
	t->filled++;
	rcu_publish(&t->places[at], e);
}

/* Half full, or full of the gone: a fresh table takes the entries over. */
static bool make_room(struct l2 *l2)
{
	struct l2_table *old = l2->table;
	struct l2_table *t;
	uint32_t used = 0;
	uint32_t size = SIZE_FIRST;

	if (old->filled < old->size / 2)
		return true;
	for (uint32_t i = 0; i < old->size; i++)
		used += old->places[i] && old->places[i] != &gone;
	while (size < used * 4)
		size *= 2;
	t = table_create(size);
	if (!t)
		return false;
	for (uint32_t i = 0; i < old->size; i++) {
		if (old->places[i] && old->places[i] != &gone)
			put(t, old->places[i]);
	}
	rcu_publish(&l2->table, t);
	rcu_free(old);
	return true;
}

static struct l2_entry *entry_create(uint32_t segment, const uint8_t mac[6], struct path_port *port)
{
	struct l2_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	memcpy(e->mac, mac, 6);
	e->segment = (uint16_t)segment;
	e->port = port;
	return e;
}

static void uncount(struct l2 *l2, const struct l2_entry *e)
{
	if (e->is_static)
		return;
	l2->learning->total--;
	l2->learning->by_port[e->port->id].count--;
	atomic_fetch_sub_explicit(&e->port->sources, 1, memory_order_relaxed);
}

static void count(struct l2 *l2, const struct l2_entry *e)
{
	l2->learning->total++;
	l2->learning->by_port[e->port->id].count++;
	atomic_fetch_add_explicit(&e->port->sources, 1, memory_order_relaxed);
}

static void replace(struct l2 *l2, struct l2_entry **place, struct l2_entry *by)
{
	struct l2_entry *old = *place;

	uncount(l2, old);
	rcu_publish(place, by);
	rcu_free(old);
}

int l2_add_static(struct l2 *l2, uint32_t segment, const uint8_t mac[6], struct path_port *port)
{
	struct l2_entry **place = find(l2->table, segment, mac);
	struct l2_entry *e;

	if (place && (*place)->is_static)
		return (*place)->home == port ? 0 : -EEXIST;
	e = entry_create(segment, mac, port);
	if (!e || !make_room(l2)) {
		free(e);
		return -ENOMEM;
	}
	e->is_static = true;
	e->home = port;
	place = find(l2->table, segment, mac);
	if (place)
		replace(l2, place, e);
	else
		put(l2->table, e);
	return 0;
}

void l2_remove_static(struct l2 *l2, uint32_t segment, const uint8_t mac[6])
{
	struct l2_entry **place = find(l2->table, segment, mac);

	if (place && (*place)->is_static)
		replace(l2, place, &gone);
}

/* ---- learning ------------------------------------------------------------------------------------ */

/* An address that moves 10 times within a second stays where it is for the rest of that second. */
static bool is_held(struct l2_entry *e, uint64_t now_ns)
{
	if (now_ns - e->window_ns >= NS_PER_S) {
		e->window_ns = now_ns;
		e->moves = 0;
	}
	return ++e->moves > MOVES_MAX;
}

static bool move(struct l2 *l2, struct l2_entry **place, struct path_port *port, uint64_t now_ns)
{
	struct l2_entry *old = *place;
	struct l2_entry *e;

	if (is_held(old, now_ns)) {
		l2->learning->held++;
		return false;
	}
	e = entry_create(old->segment, old->mac, port);
	if (!e)
		return false;
	e->seen_ns = now_ns;
	e->window_ns = old->window_ns;
	e->moves = old->moves;
	l2->learning->moved++;
	count(l2, e);
	replace(l2, place, e);
	return true;
}

/* It is at another port of its guest from now on. */
static bool take_over(struct l2 *l2, struct l2_entry *e, struct path_port *port, uint64_t now_ns)
{
	if (e->port == port || (e->home != port && !is_mate(e, port)))
		return false;
	if (is_held(e, now_ns)) {
		l2->learning->held++;
		return false;
	}
	l2->learning->moved++;
	rcu_publish(&e->port, port);
	return true;
}

static enum l2_lesson changed(bool is_changed)
{
	return is_changed ? L2_LEARNED : L2_KNOWN;
}

enum l2_lesson l2_learn(struct l2 *l2, uint32_t segment, const uint8_t mac[6],
			struct path_port *port, uint32_t limit, uint64_t now_ns)
{
	uint32_t filed = filing(l2, segment);
	struct l2_entry **place = find(l2->table, filed, mac);
	struct l2_entry **any = find(l2->table, L2_ANY, mac);
	struct l2_entry *e;

	if (place && (*place)->is_static)
		return changed(take_over(l2, *place, port, now_ns));
	if (any)
		return changed(take_over(l2, *any, port, now_ns));
	if (place && (*place)->port == port) {
		(*place)->seen_ns = now_ns;
		return L2_KNOWN;
	}
	if (l2->learning->by_port[port->id].count >= limit ||
	    l2->learning->total >= L2_LEARNED_MAX) {
		l2->learning->by_port[port->id].refused++;
		return L2_LIMITED;
	}
	if (place)
		return changed(move(l2, place, port, now_ns));
	e = entry_create(filed, mac, port);
	if (!e || !make_room(l2)) {
		free(e);
		return L2_KNOWN;
	}
	e->seen_ns = now_ns;
	e->window_ns = now_ns;
	count(l2, e);
	put(l2->table, e);
	return L2_LEARNED;
}

static void remove_if(struct l2 *l2, bool (*match)(const struct l2_entry *e, void *ctx), void *ctx,
		      void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg)
{
	for (uint32_t i = 0; i < l2->table->size; i++) {
		struct l2_entry *e = l2->table->places[i];
		struct l2_entry was;

		if (!e || e == &gone || !match(e, ctx))
			continue;
		was = *e;
		replace(l2, &l2->table->places[i], &gone);
		if (fn)
			fn(arg, was.segment, was.mac);
	}
}

struct ageing {
	uint64_t now_ns;
	uint64_t (*max_age_ns)(struct path_port *port);
};

static bool is_old(const struct l2_entry *e, void *ctx)
{
	const struct ageing *a = ctx;

	return !e->is_static && a->now_ns - e->seen_ns > a->max_age_ns(e->port);
}

void l2_age(struct l2 *l2, uint64_t now_ns, uint64_t (*max_age_ns)(struct path_port *port),
	    void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg)
{
	struct ageing a = { now_ns, max_age_ns };

	remove_if(l2, is_old, &a, fn, arg);
}

void l2_send_home(struct l2 *l2, struct path_port *port,
		  void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg)
{
	for (uint32_t i = 0; i < l2->table->size; i++) {
		struct l2_entry *e = l2->table->places[i];

		if (!e || e == &gone || !e->is_static || (e->port != port && e->home != port))
			continue;
		rcu_publish(&e->port, e->home);
		if (fn)
			fn(arg, e->segment, e->mac);
	}
}

static bool is_of_port(const struct l2_entry *e, void *ctx)
{
	return e->port == ctx;
}

void l2_forget_port(struct l2 *l2, struct path_port *port,
		    void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg)
{
	l2_send_home(l2, port, fn, arg);
	remove_if(l2, is_of_port, port, fn, arg);
	l2->learning->by_port[port->id].refused = 0;
}

struct l2_learned l2_learned(const struct l2 *l2, uint32_t port)
{
	return l2->learning->by_port[port];
}

void l2_moves(const struct l2 *l2, uint64_t *moved, uint64_t *held)
{
	*moved = l2->learning->moved;
	*held = l2->learning->held;
}

static bool is_learned(const struct l2_entry *e, void *ctx)
{
	(void)ctx;
	return !e->is_static;
}

static bool shares_equal(const uint16_t *a, const uint16_t *b)
{
	if (!a || !b)
		return a == b;
	return memcmp(a, b, L2_SEGMENTS * sizeof(*a)) == 0;
}

bool l2_share(struct l2 *l2, uint16_t *shares)
{
	uint16_t *old = l2->shares;

	if (shares_equal(old, shares)) {
		free(shares);
		return false;
	}
	rcu_publish(&l2->shares, shares);
	if (old)
		rcu_free(old);
	remove_if(l2, is_learned, NULL, NULL, NULL);
	return true;
}

void l2_list(const struct l2 *l2, void (*fn)(void *arg, const struct l2_info *info), void *arg)
{
	for (uint32_t i = 0; i < l2->table->size; i++) {
		const struct l2_entry *e = l2->table->places[i];
		struct l2_info info;

		if (!e || e == &gone)
			continue;
		info = (struct l2_info){ .is_static = e->is_static,
					 .segment = e->segment,
					 .port = e->port,
					 .seen_ns = e->seen_ns,
					 .is_held = e->moves > MOVES_MAX };
		memcpy(info.mac, e->mac, 6);
		fn(arg, &info);
	}
}
