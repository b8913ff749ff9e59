/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/object.c - one connection: its handle, its bit, its numbers, its end.
 */
#include "conn/table.h"

static void pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

struct conn_ref conn_ref_of(const struct conn_table *t, struct conn *c, unsigned direction)
{
	uint32_t generation = atomic_load_explicit(&c->generation, memory_order_acquire);

	return (struct conn_ref){ conn_index(t, c) + 1, generation | direction };
}

struct conn *conn_deref(struct conn_table *t, struct conn_ref ref)
{
	struct conn *c;

	if (ref.index == 0 || ref.index > t->limits.connections)
		return NULL;
	c = &t->objects[ref.index - 1];
	if (atomic_load_explicit(&c->generation, memory_order_acquire) != (ref.generation & ~1u))
		return NULL;
	return c;
}

/* Held for one callback at most, so a worker that meets it waits for little. */
bool conn_lock(struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_relaxed);

	for (;;) {
		if ((word & WORD_STATE) == STATE_NONE)
			return false;
		if (word & WORD_LOCK) {
			pause_briefly();
			word = atomic_load_explicit(&c->word, memory_order_relaxed);
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(&c->word, &word, word | WORD_LOCK,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	}
}

void conn_unlock(struct conn *c)
{
	atomic_fetch_and_explicit(&c->word, ~(uint32_t)WORD_LOCK, memory_order_release);
}

/* 'bit': WORD_LOCK, which is let go by the same store, or 0. */
static void change_state(struct conn_table *t, struct conn *c, enum conn_state state, uint32_t bit)
{
	enum conn_state old = conn_state(c);

	if (state_is_half_open(old) && !state_is_half_open(state))
		atomic_fetch_sub_explicit(&conn_port(t, c)->half_count, 1, memory_order_relaxed);
	/* WORD_FLUSHED may be set meanwhile without the bit, so the word is changed by xor. */
	atomic_fetch_xor_explicit(&c->word, ((uint32_t)old ^ (uint32_t)state) | bit,
				  memory_order_seq_cst);
	if (old == STATE_ESTABLISHED)
		gate_shut(c);
	conn_touch(t, c);
}

void conn_set_state(struct conn_table *t, struct conn *c, enum conn_state state)
{
	if (conn_state(c) != state)
		change_state(t, c, state, 0);
}

void conn_leave(struct conn_table *t, struct conn *c, enum conn_state state)
{
	if (conn_state(c) != state)
		change_state(t, c, state, WORD_LOCK);
	else
		conn_unlock(c);
}

static void tell_end(struct conn_table *t, struct conn *c, uint16_t cause, void *arg)
{
	struct xvs_conn view;

	conn_view(c, &view);
	view.state = XVS_CONN_CLOSED;
	t->env.event(arg, &view, c->slots, c->log, cause);
}

void conn_end(struct conn_table *t, struct worker *w, struct conn *c, uint16_t cause, void *arg)
{
	struct conn_port *port = conn_port(t, c);

	if (cause && w && c->log)
		tell_end(t, c, cause, arg);
	if (state_is_half_open(conn_state(c)))
		atomic_fetch_sub_explicit(&port->half_count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&port->count, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&conn_group(t, c)->count, 1, memory_order_relaxed);
	/*
	 * The word first: who reads the generation of the next life sees that this one is over, and
	 * who waits for the bit that there is nothing to wait for.
	 */
	atomic_store_explicit(&c->word, STATE_NONE, memory_order_release);
	atomic_fetch_add_explicit(&c->generation, 2, memory_order_seq_cst);
	conn_doubt(c);
	conn_touch(t, c);
	slab_bury(t, c);
}

bool half_claim(const struct worker *w, struct half *h)
{
	uint16_t me = (uint16_t)(w->nr + 1);
	uint16_t owner = atomic_load_explicit(&h->owner, memory_order_relaxed);

	if (owner == OWNER_NONE &&
	    atomic_compare_exchange_strong_explicit(&h->owner, &owner, me, memory_order_relaxed,
						    memory_order_relaxed))
		return true;
	if (owner != OWNER_SHARED)
		atomic_store_explicit(&h->owner, OWNER_SHARED, memory_order_relaxed);
	return false;
}

static void count_up(_Atomic uint64_t *word, uint64_t by, bool own)
{
	if (own)
		atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + by,
				      memory_order_relaxed);
	else
		atomic_fetch_add_explicit(word, by, memory_order_relaxed);
}

void conn_account(const struct worker *w, struct half *h, uint32_t bytes)
{
	bool own = half_is_own(w, h);
	uint32_t now = stamp_of(w->now_ns);

	count_up(&h->packets, 1, own);
	count_up(&h->bytes, bytes, own);
	if (atomic_load_explicit(&h->seen, memory_order_relaxed) != now)
		atomic_store_explicit(&h->seen, now, memory_order_relaxed);
}

static uint16_t public_state(enum conn_state state)
{
	switch (state) {
	case STATE_ESTABLISHED:
		return XVS_CONN_ESTABLISHED;
	case STATE_CLOSING:
	case STATE_TIME_WAIT:
		return XVS_CONN_CLOSING;
	default:
		return XVS_CONN_NEW;
	}
}

void conn_view(struct conn *c, struct xvs_conn *out)
{
	const struct conn_key *key = &c->key;
	bool inbound = c->inbound;

	*out = (struct xvs_conn){ .size = sizeof(*out),
				  .state = public_state(conn_state(c)),
				  .proto = key->proto,
				  .inbound = c->inbound,
				  .port = key->port,
				  .segment = key->segment,
				  .begin_ns = c->begin_ns,
				  .id = c->id };
	memcpy(out->src, inbound ? key->outside : key->inside, 16);
	memcpy(out->dst, inbound ? key->inside : key->outside, 16);
	out->src_port = inbound ? key->outside_port : key->inside_port;
	out->dst_port = inbound ? key->inside_port : key->outside_port;
	if (key->asker) { /* the id is with whoever asks, type and code are what is asked */
		out->src_port = key->inside_port;
		out->dst_port = key->outside_port;
	}
	out->mark = atomic_load_explicit(&c->mark, memory_order_relaxed);
	for (unsigned i = 0; i < 2; i++) {
		struct half_counts counts;

		half_read(c, i, &counts);
		out->packets[i] = counts.packets;
		out->bytes[i] = counts.bytes;
	}
}

uint32_t conn_idle_stamps(struct conn *c, uint32_t now_stamp)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < 2; i++) {
		struct half_counts counts;
		uint32_t idle;

		/* A direction that was never seen is as old as the connection. */
		half_read(c, i, &counts);
		idle = now_stamp - counts.seen;
		if ((int32_t)idle < 0) /* stamped by a worker whose burst began later */
			idle = 0;
		if (idle < least)
			least = idle;
	}
	return least;
}
