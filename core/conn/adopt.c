/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/adopt.c - connections of records become connections of a port that lets nothing through yet.
 *
 * A record is looked at twice: once whether all of it can be true, once to take it.  What is taken has
 * the epoch of the port's opening, which is not its epoch any more: so its next packet asks the firewalls
 * here.  Denials have the present one, and count as if they had been spoken here; since nobody has judged anything under
 * it, the port keeps it until it lets packets through.
 *
 * Numbers of an established TCP connection are of the past.  Each direction is unseated, and the next
 * packet seats it, no further back than the past was (HALF_MOVED).  One that was only being opened was sent
 * with its last change, so its numbers are as they are.
 */
#include <errno.h>

#include "conn/entry.h"
#include "conn/evict.h"
#include "conn/tcp.h"

static void set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static uint32_t stamps_of(uint64_t ms)
{
	return (uint32_t)(ms * NS_PER_MS >> STAMP_SHIFT);
}

/* ---- what a connection gets ---------------------------------------------------------------- */

static uint32_t flags_of(const struct entry_open *e, const struct entry_half *h)
{
	bool is_past = e->key.proto == PROTO_TCP && !state_is_half_open(e->state);
	uint32_t shift = h->flags >> ENTRY_SHIFT_AT << HALF_SHIFT_AT;

	if (!is_past)
		return (h->flags & UINT16_MAX & ~(uint32_t)HALF_MOVED) | shift;
	return (h->flags & (HALF_SCALE_MASK | HALF_SYN | HALF_SCALE | HALF_EDGE)) |
	       (h->flags & (HALF_SEATED | HALF_MOVED) ? HALF_MOVED : 0);
}

static void fill_window(struct half *h, const struct entry_open *e, const struct entry_half *from)
{
	set(&h->end, from->end);
	set(&h->edge, from->edge);
	set(&h->window, from->window);
	set(&h->ack, from->ack);
	set(&h->first, from->first);
	h->fin_end = from->fin_end;
	h->later = from->later;
	h->later_end = from->later_end;
	atomic_store_explicit(&h->flags, (uint16_t)flags_of(e, from), memory_order_release);
}

/* Where somebody counts for the half already, its owner stays, who alone may let go of that. */
static void fill_half(struct conn *c, unsigned direction, const struct entry_open *e, uint32_t now)
{
	const struct entry_half *from = &e->halves[direction];
	struct half *h = &c->halves[direction];
	struct half_counts counts;

	half_read(c, direction, &counts);
	atomic_fetch_add_explicit(&h->packets, from->packets - counts.packets,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&h->bytes, from->bytes - counts.bytes, memory_order_relaxed);
	set(&h->seen, now - stamps_of(from->ago_ms));
	if (!proto_has_handshake(c->key.proto))
		return;
	atomic_store_explicit(&h->owner, OWNER_NONE, memory_order_relaxed);
	fill_window(h, e, from);
}

/* Bits and values of slots go where the same extension's slot is here. */
static void fill_slots(struct conn *c, const struct entry_open *e, const struct conn_adoption *a)
{
	memset(c->slots, 0, sizeof(c->slots));
	c->log = 0;
	for (unsigned i = 0; i < CONN_SLOTS; i++) {
		uint8_t to = a->slot_of[i];

		if (to >= CONN_SLOTS)
			continue;
		c->slots[to] = e->slots[i];
		if (e->log >> i & 1)
			c->log |= (uint16_t)(1u << to);
	}
}

/* Under the bit: all but the state, and what it is found and counted by. */
static void fill(struct conn_table *t, struct conn *c, const struct entry_open *e,
		 const struct conn_adoption *a)
{
	uint64_t now_ns = clock_ns();
	uint32_t now = stamp_of(now_ns);

	c->inbound = e->inbound;
	c->tcp_bits = e->tcp_bits;
	set(&c->mark, e->mark);
	set(&c->idle_ms, e->idle_ms);
	c->report_ms = e->report_ms;
	c->begin_ns = e->age_ns < now_ns ? now_ns - e->age_ns : 0;
	fill_slots(c, e, a);
	for (unsigned i = 0; i < 2; i++)
		fill_half(c, i, e, now);
	c->halves[0].reported = now;
	atomic_store_explicit(&c->epoch,
			      atomic_load_explicit(&conn_port(t, c)->opened, memory_order_relaxed),
			      memory_order_seq_cst);
}

/* ---- one that is there --------------------------------------------------------------------- */

static void recount(struct conn_port *cp, bool was_half, bool is_half)
{
	if (was_half && !is_half)
		atomic_fetch_sub_explicit(&cp->half_count, 1, memory_order_relaxed);
	else if (!was_half && is_half)
		atomic_fetch_add_explicit(&cp->half_count, 1, memory_order_relaxed);
}

/* False: it has ended meanwhile. */
static bool renew(struct conn_table *t, struct conn *c, const struct entry_open *e,
		  const struct conn_adoption *a)
{
	enum conn_state old;

	if (!conn_lock(c))
		return false;
	if (atomic_load_explicit(&c->word, memory_order_relaxed) & WORD_FLUSHED) {
		conn_end(t, NULL, c, 0, NULL);
		return false;
	}
	old = conn_state(c);
	fill(t, c, e, a);
	recount(conn_port(t, c), state_is_half_open(old), state_is_half_open(e->state));
	atomic_fetch_xor_explicit(&c->word, (uint32_t)old ^ e->state, memory_order_release);
	/* its epoch has gone back, which moves no state of the world: who counts for it asks anew */
	conn_doubt(c);
	conn_unlock(c);
	return true;
}

/* ---- a new one ----------------------------------------------------------------------------- */

/* As evict_reserve(), but nobody goes for it. */
static const char *reserve(struct conn_table *t, struct conn_port *cp, uint32_t group, bool is_half)
{
	uint32_t group_limit = atomic_load_explicit(&cp->group_limit, memory_order_relaxed);

	if (is_half &&
	    !count_in(&cp->half_count, atomic_load_explicit(&cp->half_limit, memory_order_relaxed)))
		return "half-open connections of the port";
	if (!count_in(&cp->count, atomic_load_explicit(&cp->limit, memory_order_relaxed)))
		goto err_half;
	if (count_in(&t->groups[group].count, group_limit))
		return NULL;
	atomic_fetch_sub_explicit(&cp->count, 1, memory_order_relaxed);
	if (is_half)
		atomic_fetch_sub_explicit(&cp->half_count, 1, memory_order_relaxed);
	return "connections of the switch";

err_half:
	if (is_half)
		atomic_fetch_sub_explicit(&cp->half_count, 1, memory_order_relaxed);
	return "connections of the port";
}

static void release(struct conn_table *t, struct conn_port *cp, uint32_t group, bool is_half)
{
	if (is_half)
		atomic_fetch_sub_explicit(&cp->half_count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&cp->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&t->groups[group].count, 1, memory_order_relaxed);
}

/* NULL, or what there are too many of. */
static const char *open_new(struct conn_table *t, const struct entry_open *e,
			    const struct conn_key *key, const struct conn_adoption *a)
{
	struct conn_port *cp = &t->ports[key->port];
	uint32_t group = atomic_load_explicit(&cp->group, memory_order_relaxed);
	bool is_half = state_is_half_open(e->state);
	const char *full = reserve(t, cp, group, is_half);
	struct conn *c;

	if (full)
		return full;
	c = slab_take_control(t);
	if (!c) {
		release(t, cp, group, is_half);
		return "connections of all ports";
	}
	c->key = *key;
	/* beside the workers' own, which begin at 1 */
	c->id = UINT64_C(1) << 62 | ++t->adopted;
	c->halves[1].reported = group;
	fill(t, c, e, a);
	atomic_store_explicit(&c->word, e->state, memory_order_release);
	if (table_link(t, table_bucket(t, &c->key), c, TABLE_NOT_WALKED) != c) {
		/* opened this moment by a packet, which was let through after all: that one stays */
		atomic_store_explicit(&c->word, STATE_NONE, memory_order_release);
		slab_bury(t, c);
		release(t, cp, group, is_half);
		return NULL;
	}
	evict_adopt(cp, conn_ref_of(t, c, 0), e->state);
	return NULL;
}

/* ---- entries ------------------------------------------------------------------------------- */

static struct conn_key key_here(const struct conn_key *key, uint32_t port)
{
	struct conn_key here = *key;

	here.port = port;
	return here;
}

static const char *take_open(struct conn_table *t, uint32_t port, const struct entry_open *e,
			     const struct conn_adoption *a)
{
	struct conn_key key = key_here(&e->key, port);
	struct conn *c = table_find(t, table_bucket(t, &key), &key);

	if (c && renew(t, c, e, a))
		return NULL;
	return open_new(t, e, &key, a);
}

static void take_end(struct conn_table *t, uint32_t port, const struct entry_open *e)
{
	struct conn_key key = key_here(&e->key, port);
	struct conn *c = table_find(t, table_bucket(t, &key), &key);

	if (c && conn_lock(c))
		conn_end(t, NULL, c, 0, NULL);
}

static void take_denial(struct conn_table *t, uint32_t port, const struct entry_denial *e,
			const struct conn_adoption *a)
{
	struct conn_port *cp = &t->ports[port];
	struct denial d = { .key = key_here(&e->key, port),
			    .action = e->action,
			    .reason = e->reason,
			    .instance = a->denier ? a->denier(a->arg, e->denier) : 0,
			    .inbound = e->inbound,
			    .epoch = atomic_load_explicit(&cp->epoch, memory_order_relaxed),
			    .until_ns = clock_ns() + (uint64_t)e->left_ms * NS_PER_MS,
			    .id = e->id };

	if (d.instance)
		denied_add(cp->denied, &d);
}

static const char *take(struct conn_table *t, uint32_t port, const struct conn_adoption *a,
			const struct entry *e)
{
	if (e->kind == ENTRY_OPEN)
		return take_open(t, port, &e->open, a);
	if (e->kind == ENTRY_END)
		take_end(t, port, &e->open);
	else if (e->kind == ENTRY_DENIAL)
		take_denial(t, port, &e->denial, a);
	return NULL;
}

/* Once for all that comes: whatever is taken is not of the port's epoch. */
static void begin(struct conn_table *t, uint32_t port)
{
	struct conn_port *cp = &t->ports[port];

	if (atomic_load_explicit(&cp->is_adopting, memory_order_relaxed))
		return;
	conn_port_reauthorise(t, port);
	atomic_store_explicit(&cp->is_adopting, true, memory_order_relaxed);
	atomic_store_explicit(&cp->has_moved, true, memory_order_relaxed);
}

int conn_port_adopt(struct conn_table *t, uint32_t port, const struct conn_adoption *a,
		    const void *bytes, size_t len, struct xvs_error *err)
{
	struct cursor c = cursor_of(bytes, len);
	const char *why;
	struct entry e;

	if (atomic_load_explicit(&t->ports[port].opened, memory_order_relaxed) == 0)
		return error_set(err, -EINVAL, "",
				 "connections came for a port that does not track them");
	while (cursor_left(&c))
		if (!entry_next(&c, &e, &why))
			return error_set(err, -EPROTO, "",
					 "a record of connections cannot be true: %s", why);
	begin(t, port);
	c = cursor_of(bytes, len);
	while (cursor_left(&c) && entry_next(&c, &e, &why)) {
		const char *full = take(t, port, a, &e);

		if (full)
			return error_set(err, -ENOSPC, "",
					 "there is no room for all connections: the limit of %s "
					 "is reached",
					 full);
	}
	return 0;
}

void conn_port_adopted(struct conn_table *t, uint32_t port)
{
	atomic_store_explicit(&t->ports[port].is_adopting, false, memory_order_relaxed);
}

void conn_port_disown(struct conn_table *t, uint32_t port)
{
	const struct conn_filter f = { .port = port };

	conn_port_adopted(t, port);
	(void)conn_flush(t, &f);
}

void conn_port_room(const struct conn_table *t, uint32_t port, uint32_t *limit, uint32_t *count)
{
	const struct conn_port *cp = &t->ports[port];

	*limit = atomic_load_explicit(&cp->limit, memory_order_relaxed);
	*count = atomic_load_explicit(&cp->count, memory_order_relaxed);
}
