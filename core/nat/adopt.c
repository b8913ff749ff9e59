/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/adopt.c - sessions that come from another table: as far as the rules of this one bear them.
 *
 * The bytes are hostile until they were read.  What of a session's state nobody but the rules here may
 * say, by whom it is kept alive and whether it is a forward's, is found anew.
 */
#include <errno.h>

#include "base/record.h"
#include "nat/move.h"
#include "nat/table.h"

enum {
	WORD_TOLD = WORD_SEEN | WORD_SEEN << 1 | WORD_FIN | WORD_FIN << 1 | WORD_RST |
		    WORD_STARTED_IN | WORD_OPEN,
	WORD_KNOWN = WORD_TOLD | WORD_FORWARD | WORD_REFRESH_IN,
};

struct entry {
	uint32_t inside, outside, remote;
	uint16_t inside_port, outside_port, remote_port;
	uint8_t proto;
	uint16_t word;
	uint32_t idle_ms;
	uint64_t age_ms, packets[2], bytes[2];
};

/* False: it is none. */
static bool entry_read(struct cursor *c, struct entry *e)
{
	e->inside = cursor_u32(c);
	e->outside = cursor_u32(c);
	e->remote = cursor_u32(c);
	e->inside_port = cursor_u16(c);
	e->outside_port = cursor_u16(c);
	e->remote_port = cursor_u16(c);
	e->proto = cursor_u8(c);
	e->word = cursor_u16(c);
	e->idle_ms = cursor_u32(c);
	e->age_ms = cursor_u64(c);
	for (int dir = 0; dir < 2; dir++)
		e->packets[dir] = cursor_u64(c);
	for (int dir = 0; dir < 2; dir++)
		e->bytes[dir] = cursor_u64(c);
	return c->ok && proto_index(e->proto) < PROTOS && !(e->word & ~(uint32_t)WORD_KNOWN);
}

static bool are_well_formed(const void *entries, size_t len)
{
	struct cursor c = cursor_of(entries, len);
	struct entry e;

	while (cursor_left(&c)) {
		if (!entry_read(&c, &e))
			return false;
	}
	return true;
}

/* ---- what the rules say -------------------------------------------------------------------- */

bool nat_rules_have(const struct nat_rules *r, uint32_t outside)
{
	for (uint32_t i = 0; i < r->pool_count; i++) {
		if (r->pools[i].address == outside)
			return true;
	}
	for (uint32_t i = 0; i < r->forward_count; i++) {
		if (r->forwards[i].outside == outside)
			return true;
	}
	return false;
}

bool nat_has_inside(struct nat_table *t, uint32_t inside)
{
	bool has;

	nat_lock(t);
	has = nat_host_has_sessions(t, inside);
	nat_unlock(t);
	return has;
}

static bool is_borne_by_forward(const struct nat_forward *f, const struct entry *e)
{
	return f->outside == e->outside && f->outside_port == e->outside_port;
}

/* Under the lock.  True: o->binding is set. */
static bool place(struct nat_table *t, const struct entry *e, struct opening *o,
		  struct nat_adopted *counts)
{
	const struct nat_view v = { .src = e->inside,
				    .dst = e->remote,
				    .src_port = e->inside_port,
				    .dst_port = e->remote_port,
				    .proto = e->proto };
	const struct nat_forward *f = nat_forward_outward(t->rules, &v);

	o->binding = 0;
	if (f && is_borne_by_forward(f, e))
		return true;
	if (f || !nat_ports_in_pool(t->rules, e->outside, e->outside_port)) {
		counts->foreign++;
		return false;
	}
	o->binding = nat_binding_claim(t, &v, e->outside, e->outside_port);
	counts->busy += !o->binding;
	return o->binding != 0;
}

/* ---- one session --------------------------------------------------------------------------- */

/* One that has been idle for longer ends with the next sweep; stamps of longer ago would be of the future. */
static uint64_t idle_ns_of(const struct nat_timeouts *to, const struct entry *e, uint32_t word)
{
	const uint32_t most_ms = nat_session_timeout_ms(to, word);

	return (e->idle_ms < most_ms ? e->idle_ms : most_ms) * (uint64_t)NS_PER_MS;
}

static void fill(const struct nat_table *t, struct session *s, const struct entry *e,
		 uint64_t now_ns)
{
	uint64_t age_ms = e->age_ms < now_ns / NS_PER_MS ? e->age_ms : now_ns / NS_PER_MS;
	uint32_t word =
		atomic_load_explicit(&s->word, memory_order_relaxed) | (e->word & WORD_TOLD);
	uint64_t idle_ns = idle_ns_of(&t->rules->timeouts, e, word);

	atomic_store_explicit(&s->word, word, memory_order_relaxed);
	atomic_store_explicit(&s->seen, stamp_of(idle_ns < now_ns ? now_ns - idle_ns : 0),
			      memory_order_relaxed);
	atomic_store_explicit(&s->begin_ns, now_ns - age_ms * NS_PER_MS, memory_order_relaxed);
	for (int dir = 0; dir < 2; dir++) {
		atomic_store_explicit(&s->packets[dir], e->packets[dir], memory_order_relaxed);
		atomic_store_explicit(&s->bytes[dir], e->bytes[dir], memory_order_relaxed);
	}
}

/*
 * Under the lock: the one that it was told as before goes, also where nothing takes its place: there is
 * none like that any more, by the word of who has it.
 */
static bool make_room(struct nat_table *t, const struct opening *o)
{
	struct nat_key keys[2];
	struct session *s = nat_find(t, NAT_OUT, o->keys[NAT_OUT], keys);

	if (s)
		nat_session_close(t, s);
	return !nat_find(t, NAT_IN, o->keys[NAT_IN], keys);
}

static void adopt_one(struct nat_table *t, uint64_t now_ns, const struct entry *e,
		      struct nat_adopted *counts)
{
	struct opening o = {
		.keys = { key_of(e->inside, e->inside_port, e->remote, e->remote_port, e->proto),
			  key_of(e->outside, e->outside_port, e->remote, e->remote_port,
				 e->proto) },
		.dir = e->word & WORD_STARTED_IN ? NAT_IN : NAT_OUT,
	};
	struct session *s = NULL;

	if (!make_room(t, &o)) {
		counts->busy++;
		return;
	}
	if (!place(t, e, &o, counts))
		return;
	if (nat_session_open(t, &o, now_ns, &s) == REASON_NONE) {
		fill(t, s, e, now_ns);
		counts->taken++;
		return;
	}
	if (o.binding)
		nat_binding_release(t, o.binding);
	counts->busy++;
}

int nat_adopt(struct nat_table *t, uint64_t now_ns, const void *entries, size_t len,
	      struct nat_adoption *adoption)
{
	struct cursor c = cursor_of(entries, len);
	struct entry e;

	if (!are_well_formed(entries, len))
		return -EPROTO;
	while (cursor_left(&c)) {
		if (!entry_read(&c, &e))
			return -EPROTO;
		if (!adoption->is_own(adoption->arg, e.inside)) {
			adoption->counts.busy++;
			continue;
		}
		nat_lock(t);
		if (t->rules)
			adopt_one(t, now_ns, &e, &adoption->counts);
		nat_unlock(t);
	}
	return 0;
}
