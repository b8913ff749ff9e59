/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/session.c - one session: how it begins, what a packet does to it, how long it may be idle, how
 * it ends.
 *
 * The peers' chain tells whether a binding has sent to an address before: RFC 4787, 5.
 */
#include "nat/table.h"

#include "base/hash.h"

enum { PEERS_WALK = 64 };

static uint32_t peer_bucket(const struct nat_table *t, uint32_t binding, uint32_t remote)
{
	const uint64_t word = (uint64_t)binding << 32 | remote;

	return (uint32_t)hash_words(&word, 1, 2) & t->mask;
}

static uint32_t remote_of(const struct session *s)
{
	return key_remote(nat_session_key(s, NAT_OUT));
}

static void link_peer(struct nat_table *t, struct session *s)
{
	uint32_t *bucket = &t->peers[peer_bucket(t, s->binding, remote_of(s))];
	uint32_t index = (uint32_t)(s - t->sessions) + 1;

	s->prev_peer = 0;
	s->next_peer = *bucket;
	if (*bucket)
		t->sessions[*bucket - 1].prev_peer = index;
	*bucket = index;
}

static void unlink_peer(struct nat_table *t, const struct session *s)
{
	if (s->next_peer)
		t->sessions[s->next_peer - 1].prev_peer = s->prev_peer;
	if (s->prev_peer)
		t->sessions[s->prev_peer - 1].next_peer = s->next_peer;
	else
		t->peers[peer_bucket(t, s->binding, remote_of(s))] = s->next_peer;
}

/* Bounded: a guest that fills one chain with sessions of its own must not make others slow. */
bool nat_session_knows_peer(const struct nat_table *t, uint32_t binding, uint32_t remote)
{
	uint32_t at = t->peers[peer_bucket(t, binding, remote)];

	for (uint32_t steps = 0; at && steps < PEERS_WALK; steps++) {
		const struct session *s = &t->sessions[at - 1];

		if (s->binding == binding && remote_of(s) == remote)
			return true;
		at = s->next_peer;
	}
	return false;
}

/* ---- the beginning ------------------------------------------------------------------------- */

/* NULL: as many as there may be. */
static struct session *take(struct nat_table *t)
{
	uint32_t fresh = atomic_load_explicit(&t->fresh, memory_order_relaxed);
	struct session *s;

	if (t->free_session) {
		s = &t->sessions[t->free_session - 1];
		t->free_session = s->next_peer;
		return s;
	}
	if (fresh == t->limit)
		return NULL;
	atomic_store_explicit(&t->fresh, fresh + 1, memory_order_relaxed);
	return &t->sessions[fresh];
}

static void give_back(struct nat_table *t, struct session *s)
{
	s->next_peer = t->free_session;
	t->free_session = (uint32_t)(s - t->sessions) + 1;
}

static uint32_t first_word(const struct nat_table *t, const struct opening *o)
{
	uint8_t proto = key_proto(o->keys[NAT_OUT]);
	uint32_t word = (uint32_t)proto << WORD_PROTO_SHIFT;

	if (!o->binding)
		word |= WORD_FORWARD;
	/* RFC 4787, REQ-6: else whoever sends from outside could keep a binding for ever */
	if (proto == PROTO_TCP || !o->binding ||
	    (proto == PROTO_UDP && t->rules->udp_inbound_refresh))
		word |= WORD_REFRESH_IN;
	return o->dir == NAT_IN ? word | WORD_STARTED_IN : word;
}

uint16_t nat_session_open(struct nat_table *t, const struct opening *o, uint64_t now_ns,
			  struct session **out)
{
	uint16_t reason = REASON_NAT_SESSIONS;
	uint32_t host = nat_host_take(t, key_own(o->keys[NAT_OUT]), &reason);
	struct session *s = host ? take(t) : NULL;

	if (!s) {
		if (host) {
			t->no_room++;
			nat_host_give(t, host);
		}
		return reason;
	}
	s->host = host;
	s->binding = o->binding;
	atomic_store_explicit(&s->word, first_word(t, o), memory_order_relaxed);
	atomic_store_explicit(&s->seen, stamp_of(now_ns), memory_order_relaxed);
	atomic_store_explicit(&s->begin_ns, now_ns, memory_order_relaxed);
	for (int dir = 0; dir < 2; dir++) {
		atomic_store_explicit(&s->packets[dir], 0, memory_order_relaxed);
		atomic_store_explicit(&s->bytes[dir], 0, memory_order_relaxed);
	}
	nat_session_link(t, s, o->keys);
	if (s->binding) {
		link_peer(t, s);
		t->bindings[s->binding - 1].sessions++;
	}
	t->session_count++;
	t->opened++;
	*out = s;
	return REASON_NONE;
}

void nat_session_close(struct nat_table *t, struct session *s)
{
	uint32_t binding = s->binding;

	nat_session_unlink(t, s);
	nat_host_give(t, s->host);
	if (binding) {
		unlink_peer(t, s);
		t->bindings[binding - 1].sessions--;
		nat_binding_release(t, binding);
	}
	give_back(t, s);
	t->session_count--;
	t->ended++;
}

/* ---- each packet --------------------------------------------------------------------------- */

/* The same ports again: a new connection, begun by this packet. */
static uint32_t begin_anew(uint32_t word, enum nat_dir dir)
{
	word &= ~(uint32_t)(WORD_RST | WORD_FIN | WORD_FIN << 1 | WORD_SEEN | WORD_SEEN << 1 |
			    WORD_OPEN | WORD_STARTED_IN);
	return dir == NAT_IN ? word | WORD_STARTED_IN : word;
}

static uint32_t next_tcp_word(uint32_t word, enum nat_dir dir, uint16_t flags)
{
	const uint32_t both = WORD_SEEN | WORD_SEEN << 1;
	enum nat_dir began = word & WORD_STARTED_IN ? NAT_IN : NAT_OUT;

	if (flags & TCP_FIN)
		word |= (uint32_t)WORD_FIN << dir;
	if (flags & TCP_RST)
		word |= WORD_RST;
	else if (dir == NAT_OUT)
		word &= ~(uint32_t)WORD_RST; /* a reset from outside was no true one */
	if (!(flags & (TCP_SYN | TCP_RST)) && (word & both) == both && dir == began)
		word |= WORD_OPEN;
	return word;
}

/* What a packet changes; nearly always nothing. */
static uint32_t next_word(uint32_t word, enum nat_dir dir, const struct nat_view *v)
{
	const uint32_t ending = WORD_RST | WORD_FIN | WORD_FIN << 1;

	if (v->proto == PROTO_TCP && v->tcp_flags & TCP_SYN && word & ending)
		word = begin_anew(word, dir);
	word |= (uint32_t)WORD_SEEN << dir;
	return v->proto == PROTO_TCP ? next_tcp_word(word, dir, v->tcp_flags) : word;
}

static void count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

void nat_session_touch(struct session *s, enum nat_dir dir, const struct nat_view *v,
		       const struct nat_moment *m, uint32_t bytes)
{
	uint32_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
	uint32_t next = next_word(word, dir, v);
	uint32_t stamp = stamp_of(m->now_ns);

	/* the other direction may change it meanwhile: its bits are not to be lost */
	while (next != word &&
	       !atomic_compare_exchange_weak_explicit(&s->word, &word, next, memory_order_relaxed,
						      memory_order_relaxed))
		next = next_word(word, dir, v);
	if ((dir == NAT_OUT || next & WORD_REFRESH_IN) &&
	    atomic_load_explicit(&s->seen, memory_order_relaxed) != stamp)
		atomic_store_explicit(&s->seen, stamp, memory_order_relaxed);
	count(&s->packets[dir], 1);
	count(&s->bytes[dir], bytes);
}

uint32_t nat_session_timeout_ms(const struct nat_timeouts *to, uint32_t word)
{
	const uint32_t ending = WORD_RST | WORD_FIN | WORD_FIN << 1;

	switch (word >> WORD_PROTO_SHIFT) {
	case PROTO_TCP:
		return word & WORD_OPEN && !(word & ending) ? to->tcp_established_ms
							    : to->tcp_transitory_ms;
	case PROTO_UDP:
		return to->udp_ms;
	default:
		return to->icmp_ms;
	}
}
