/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/watch.c - what changes on a port is noted, and read out in passes.
 *
 * Who changes a connection sets its bit behind the change, if there is a watch; who reads takes the bit
 * before it reads the connection.  So a change is in what is read, or its bit stands for the next pass.
 * A worker may have looked for a watch just before there was one: the first pass waits until none can
 * be in such a burst.
 *
 * Of what was sent, the key is kept: when the bit of an object is found set and another connection lives in it,
 * or none, the old one's end is told, unless a live one has its key: that one takes its place, there as here.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/pages.h"
#include "conn/entry.h"

enum {
	SCAN_MAX = 16384,   /* objects looked at in one call */
	DENIALS_MAX = 8192, /* of one pass: more than a table of the usual size holds */
};

/* What the other side knows of a connection. */
struct sent {
	struct conn_key key;
	uint64_t packets;
	uint32_t generation;
	uint32_t next_free; /* index + 1 */
};

enum phase { PHASE_SCAN, PHASE_DIRTY, PHASE_DENIALS, PHASE_DONE };

struct conn_watch {
	struct conn_marks marks; /* first: what workers see */
	struct conn_table *t;
	uint32_t port;
	uint32_t *places; /* of an object: index + 1 in 'sent', 0: not sent */
	struct sent *sent;
	uint32_t sent_count, sent_room, sent_free;
	struct rcu_node grace;
	bool is_settled; /* no worker misses it any more */
	bool is_closed;
	struct conn_pass_plan plan;
	enum phase phase;
	uint32_t at;           /* of the phase: object, entry of 'sent', word of bits, denial */
	uint64_t denied_until; /* denials up to here were sent */
	struct denial *denials;
	uint32_t denial_count;
};

/* ---- opening and closing ------------------------------------------------------------------- */

static size_t words_of(const struct conn_table *t)
{
	return ((size_t)t->limits.connections + 63) / 64;
}

static void watch_free(struct conn_watch *w)
{
	pages_unmap(w->marks.dirty, words_of(w->t) * sizeof(uint64_t));
	pages_unmap(w->places, (size_t)w->t->limits.connections * sizeof(*w->places));
	free(w->sent);
	free(w->denials);
	free(w);
}

static struct conn_watch *watch_of(struct rcu_node *node)
{
	return (struct conn_watch *)(void *)((uint8_t *)node - offsetof(struct conn_watch, grace));
}

static void let_go(struct rcu_node *node)
{
	watch_free(watch_of(node));
}

static void settled(struct rcu_node *node)
{
	struct conn_watch *w = watch_of(node);

	w->is_settled = true;
	if (w->is_closed)
		rcu_defer(&w->grace, let_go);
}

int conn_watch_open(struct conn_table *t, uint32_t port, struct conn_watch **out,
		    struct xvs_error *err)
{
	struct conn_port *cp = &t->ports[port];
	struct conn_watch *w;

	if (atomic_load_explicit(&cp->opened, memory_order_relaxed) == 0 || cp->watch)
		return error_set(err, cp->watch ? -EBUSY : -EINVAL, "", "connections of port %u %s",
				 port, cp->watch ? "are watched already" : "are not tracked");
	w = calloc(1, sizeof(*w));
	if (!w)
		return error_set(err, -ENOMEM, "", "connections of port %u: out of memory", port);
	w->t = t;
	w->port = port;
	w->phase = PHASE_DONE;
	w->marks.dirty = pages_map(words_of(t) * sizeof(uint64_t));
	w->places = pages_map((size_t)t->limits.connections * sizeof(*w->places));
	if (!w->marks.dirty || !w->places) {
		watch_free(w);
		return error_set(err, -ENOMEM, "", "connections of port %u: out of memory", port);
	}
	rcu_publish(&cp->watch, &w->marks);
	rcu_defer(&w->grace, settled);
	*out = w;
	return 0;
}

void conn_watch_close(struct conn_watch *w)
{
	struct conn_port *cp;

	if (!w)
		return;
	cp = &w->t->ports[w->port];
	if (cp->watch == &w->marks)
		rcu_publish(&cp->watch, NULL);
	w->is_closed = true;
	if (w->is_settled)
		rcu_defer(&w->grace, let_go);
}

/* ---- bits ---------------------------------------------------------------------------------- */

static void mark(struct conn_watch *w, uint32_t index)
{
	atomic_fetch_or_explicit(&w->marks.dirty[index / 64], UINT64_C(1) << index % 64,
				 memory_order_relaxed);
}

uint32_t conn_watch_pending(const struct conn_watch *w)
{
	uint32_t words = (slab_high(w->t) + 63) / 64;
	uint32_t count = 0;

	for (uint32_t i = 0; i < words; i++)
		count += (uint32_t)__builtin_popcountll(
			atomic_load_explicit(&w->marks.dirty[i], memory_order_relaxed));
	return count;
}

/* ---- what the other side knows ------------------------------------------------------------- */

static struct sent *sent_of(const struct conn_watch *w, uint32_t index)
{
	return w->places[index] ? &w->sent[w->places[index] - 1] : NULL;
}

/* NULL: no memory. */
static struct sent *sent_add(struct conn_watch *w, uint32_t index)
{
	if (w->sent_free) {
		w->places[index] = w->sent_free;
		w->sent_free = w->sent[w->sent_free - 1].next_free;
		return sent_of(w, index);
	}
	if (w->sent_count == w->sent_room) {
		uint32_t room = w->sent_room ? w->sent_room * 2 : 256;
		struct sent *more = realloc(w->sent, room * sizeof(*more));

		if (!more)
			return NULL;
		w->sent = more;
		w->sent_room = room;
	}
	w->places[index] = ++w->sent_count;
	return sent_of(w, index);
}

static void sent_drop(struct conn_watch *w, uint32_t index)
{
	uint32_t place = w->places[index];

	w->sent[place - 1] = (struct sent){ .next_free = w->sent_free };
	w->sent_free = place;
	w->places[index] = 0;
}

static uint64_t packets_of(struct conn *c)
{
	struct half_counts counts[2];

	half_read(c, 0, &counts[0]);
	half_read(c, 1, &counts[1]);
	return counts[0].packets + counts[1].packets;
}

/* ---- one object ---------------------------------------------------------------------------- */

/* A live connection of the port, with its bit held. */
static bool hold(struct conn_watch *w, struct conn *c)
{
	uint32_t word;

	if (conn_state(c) == STATE_NONE || !conn_lock(c))
		return false;
	word = atomic_load_explicit(&c->word, memory_order_relaxed);
	if (!(word & WORD_FLUSHED) && c->key.port == w->port &&
	    atomic_load_explicit(&c->epoch, memory_order_acquire) != 0)
		return true;
	conn_unlock(c);
	return false;
}

/* The other side has this one under the heir's key: what becomes of that is told of the heir. */
static void inherit(struct conn_watch *w, uint32_t index, struct conn *heir)
{
	uint32_t to = conn_index(w->t, heir);

	mark(w, to);
	if (w->places[to]) {
		sent_drop(w, index);
		return;
	}
	w->places[to] = w->places[index];
	w->places[index] = 0;
	w->sent[w->places[to] - 1].generation =
		atomic_load_explicit(&heir->generation, memory_order_acquire);
}

/* is_held: a connection lives in the object, and is told of next. */
static void tell_end(struct conn_watch *w, uint32_t index, bool is_held, struct writer *out)
{
	const struct sent *s = &w->sent[w->places[index] - 1];
	struct conn *heir = table_find(w->t, table_bucket(w->t, &s->key), &s->key);

	if (heir && conn_index(w->t, heir) != index) {
		inherit(w, index, heir);
		return;
	}
	if (!heir || !is_held)
		entry_put_end(out, &s->key);
	sent_drop(w, index);
}

static void tell(struct conn_watch *w, uint32_t index, uint64_t now_ns, struct writer *out)
{
	struct conn *c = &w->t->objects[index];
	const struct sent *before = sent_of(w, index);
	bool is_held = hold(w, c);
	uint32_t generation = atomic_load_explicit(&c->generation, memory_order_acquire);
	struct entry_open e;
	struct sent *s;

	if (before && (!is_held || before->generation != generation))
		tell_end(w, index, is_held, out);
	if (!is_held)
		return;
	entry_read(c, now_ns, w->plan.slots, &e);
	conn_unlock(c);
	s = w->places[index] ? sent_of(w, index) : sent_add(w, index);
	if (s) {
		s->key = e.key;
		s->generation = generation;
		s->packets = e.halves[0].packets + e.halves[1].packets;
		entry_put_open(out, &e);
	} else {
		mark(w, index); /* another time there may be memory */
	}
}

/* ---- passes -------------------------------------------------------------------------------- */

void conn_watch_begin(struct conn_watch *w, const struct conn_pass_plan *plan)
{
	w->plan = *plan;
	w->phase = plan->pass == CONN_PASS_LAST ? PHASE_DIRTY : PHASE_SCAN;
	w->at = 0;
}

static void next_phase(struct conn_watch *w)
{
	w->phase++;
	w->at = 0;
}

static bool is_of_port(const struct conn_watch *w, struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	return (word & WORD_STATE) != STATE_NONE &&
	       atomic_load_explicit(&c->epoch, memory_order_acquire) != 0 && c->key.port == w->port;
}

/* All that live are to be told of. */
static void scan_objects(struct conn_watch *w)
{
	uint32_t high = slab_high(w->t);
	uint32_t end = high - w->at > SCAN_MAX ? w->at + SCAN_MAX : high;

	for (; w->at < end; w->at++)
		if (is_of_port(w, &w->t->objects[w->at]))
			mark(w, w->at);
	if (w->at == high)
		next_phase(w);
}

/* So are those in which packets came since. */
static void scan_counts(struct conn_watch *w)
{
	uint32_t high = slab_high(w->t);
	uint32_t end = high - w->at > SCAN_MAX ? w->at + SCAN_MAX : high;

	for (; w->at < end; w->at++) {
		const struct sent *s = sent_of(w, w->at);

		if (s && packets_of(&w->t->objects[w->at]) != s->packets)
			mark(w, w->at);
	}
	if (w->at == high)
		next_phase(w);
}

enum { TELL_BYTES = ENTRY_OPEN_BYTES + ENTRY_END_BYTES };

/* False: no room; bits that are left stand again. */
static bool tell_word(struct conn_watch *w, uint32_t word, uint64_t now_ns, struct writer *out)
{
	uint64_t bits = atomic_exchange_explicit(&w->marks.dirty[word], 0, memory_order_acq_rel);

	for (; bits && writer_room(out) >= TELL_BYTES; bits &= bits - 1)
		tell(w, word * 64 + (uint32_t)__builtin_ctzll(bits), now_ns, out);
	if (bits)
		atomic_fetch_or_explicit(&w->marks.dirty[word], bits, memory_order_relaxed);
	return !bits;
}

static void tell_dirty(struct conn_watch *w, struct writer *out)
{
	uint32_t words = (slab_high(w->t) + 63) / 64;
	uint64_t now_ns = clock_ns();

	for (; w->at < words; w->at++) {
		if (atomic_load_explicit(&w->marks.dirty[w->at], memory_order_relaxed) &&
		    !tell_word(w, w->at, now_ns, out))
			return;
	}
	next_phase(w);
}

/* ---- denials ------------------------------------------------------------------------------- */

/* Of a pass those that came, or were spoken again, since the last; gathered at its beginning. */
static bool gather(void *arg, const struct denial *d)
{
	struct conn_watch *w = arg;

	if (d->until_ns > w->denied_until && w->denial_count < DENIALS_MAX)
		w->denials[w->denial_count++] = *d;
	return true;
}

static void gather_denials(struct conn_watch *w)
{
	struct conn_port *cp = &w->t->ports[w->port];
	uint64_t last = w->denied_until;

	w->denial_count = 0;
	if (!w->denials)
		w->denials = calloc(DENIALS_MAX, sizeof(*w->denials));
	if (!w->denials)
		return;
	denied_each(cp->denied, atomic_load_explicit(&cp->epoch, memory_order_acquire), clock_ns(),
		    gather, w);
	for (uint32_t i = 0; i < w->denial_count; i++)
		if (w->denials[i].until_ns > last)
			last = w->denials[i].until_ns;
	w->denied_until = last;
}

static void tell_denial(const struct conn_watch *w, const struct denial *d, uint64_t now_ns,
			struct writer *out)
{
	const char *name = w->plan.denier ? w->plan.denier(w->plan.arg, d->instance) : NULL;
	struct entry_denial e = { .key = d->key,
				  .inbound = d->inbound != 0,
				  .action = d->action,
				  .reason = d->reason,
				  .id = d->id };
	size_t len;

	if (!name || d->until_ns <= now_ns)
		return;
	len = strnlen(name, sizeof(e.denier) - 1);
	memcpy(e.denier, name, len);
	e.left_ms = (uint32_t)((d->until_ns - now_ns) / NS_PER_MS);
	entry_put_denial(out, &e);
}

static void tell_denials(struct conn_watch *w, struct writer *out)
{
	uint64_t now_ns = clock_ns();

	if (w->at == 0)
		gather_denials(w);
	for (; w->at < w->denial_count; w->at++) {
		if (writer_room(out) < ENTRY_DENIAL_MAX)
			return;
		tell_denial(w, &w->denials[w->at], now_ns, out);
	}
	w->phase = PHASE_DONE;
}

size_t conn_watch_next(struct conn_watch *w, void *out, size_t room, bool *more)
{
	struct writer to = writer_of(out, room);

	*more = true;
	/* A port that was closed meanwhile has none left to tell of. */
	if (w->t->ports[w->port].watch != &w->marks)
		w->phase = PHASE_DONE;
	if (w->phase == PHASE_DONE)
		*more = false;
	else if (!w->is_settled)
		return 0;
	if (w->phase == PHASE_SCAN && w->plan.pass == CONN_PASS_ALL)
		scan_objects(w);
	else if (w->phase == PHASE_SCAN)
		scan_counts(w);
	if (w->phase == PHASE_DIRTY)
		tell_dirty(w, &to);
	if (w->phase == PHASE_DENIALS)
		tell_denials(w, &to);
	*more = w->phase != PHASE_DONE;
	return (size_t)(to.at - (uint8_t *)out);
}
