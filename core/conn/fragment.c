/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/fragment.c - datagrams of which a guarded port sees fragments.
 *
 * The first fragment is judged as if it were whole; the others wait for it and go the same way.
 * Of each datagram the ranges seen are kept: if two overlap, it is given up (RFC 5722; for IPv4
 * it is no less of an attack), since two receivers would put it together differently.  The same
 * range again is a duplicate and harmless.
 *
 * Each worker has its own table, as packets that wait belong to its pool.  All fragments of a
 * datagram come in on one worker, because they are spread over queues by addresses alone.
 */
#include "conn/fragment.h"

#include <stdlib.h>

#include "base/pages.h"

enum {
	DATAGRAMS = 64,   /* of a port, per worker; the oldest makes room */
	WAITING_MAX = 64, /* fragments of a port, all workers together */
	RANGES_MAX = 128, /* of 576 octets a datagram of 64 KiB has 119 */
	WAIT_MS = 100,
	FOLLOW_MS = 1000, /* how long after the first the last may come */
	DATAGRAM_END = 65535,
	EXTENSIONS_MAX = 8,
};

enum datagram_state { DATAGRAM_FREE = 0, DATAGRAM_WAITS, DATAGRAM_PASSES, DATAGRAM_DROPS };

struct datagram_key {
	uint8_t src[16];
	uint8_t dst[16];
	uint32_t id;
	uint32_t segment;
	uint8_t proto; /* IPv4; of IPv6 it is no part of the identity (RFC 8200, 4.5) */
	uint8_t inbound;
	uint8_t version;
	uint8_t reserved[5];
};

struct range {
	uint32_t begin;
	uint32_t end;
};

struct datagram {
	struct datagram_key key;
	uint64_t begin_ns;
	uint64_t until_ns;
	uint8_t state; /* enum datagram_state */
	uint8_t reserved;
	uint16_t range_count;
	uint32_t covered;
	uint32_t total;      /* 0: the last fragment was not seen */
	uint32_t epoch;      /* of the port when the first was judged */
	struct conn_ref ref; /* if its first belongs to a connection */
	uint32_t tcp_base;   /* sequence number of the datagram's octet 0 */
	uint32_t is_tcp;
	struct packet *held;
	struct packet **held_end;
	struct range ranges[RANGES_MAX];
};

/* Those of one worker at one port. */
struct fragments {
	uint64_t next_look_ns;
	uint32_t used;
	uint32_t is_ready; /* something that waited may go on */
	struct datagram datagrams[DATAGRAMS];
};

struct fragment {
	struct datagram_key key;
	struct range range;
	bool is_first;
	bool is_last;
};

struct fragments *fragments_create(unsigned workers)
{
	return pages_map(workers * sizeof(struct fragments));
}

void fragments_destroy(struct fragments *f, unsigned workers)
{
	pages_unmap(f, workers * sizeof(*f));
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool set_range(struct fragment *f, uint32_t offset, uint32_t begin, uint32_t end)
{
	if (begin >= end || end - begin > DATAGRAM_END - offset)
		return false;
	f->range = (struct range){ offset, offset + (end - begin) };
	f->is_first = offset == 0;
	/* All but the last hold whole units of eight, or the rest could never join. */
	return f->is_last || (end - begin) % 8 == 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool read_ipv4(const struct xvs_packet *x, struct fragment *f)
{
	const uint8_t *ip = x->data + x->l3_off;
	uint32_t where = get_be16(ip + 6);
	uint32_t header = (uint32_t)(ip[0] & 0x0f) * 4;
	uint32_t end = least(x->len, x->l3_off + (uint32_t)get_be16(ip + 2));

	tuple_map_ipv4(f->key.src, ip + 12);
	tuple_map_ipv4(f->key.dst, ip + 16);
	f->key.id = get_be16(ip + 4);
	f->key.proto = ip[9];
	f->key.version = 4;
	f->is_last = !(where & 0x2000);
	return set_range(f, (where & 0x1fff) * 8, x->l3_off + header, end);
}

/* The fragment header is behind those that every hop or router reads. */
static bool read_ipv6(const struct xvs_packet *x, struct fragment *f)
{
	const uint8_t *ip = x->data + x->l3_off;
	struct cursor c = cursor_of(ip, x->linear - x->l3_off);
	const uint8_t *header = cursor_take(&c, IPV6_BYTES);
	uint32_t end;
	uint8_t kind;

	if (!header)
		return false;
	end = least(x->len, x->l3_off + (uint32_t)IPV6_BYTES + get_be16(ip + 4));
	kind = ip[6];
	for (unsigned i = 0; i < EXTENSIONS_MAX && kind != PROTO_FRAGMENT; i++) {
		header = cursor_take(&c, EXTENSION_BYTES);
		if (!header)
			return false;
		kind = header[0];
		(void)cursor_take(&c, (size_t)header[1] * 8);
	}
	header = cursor_take(&c, EXTENSION_BYTES);
	if (!header || kind != PROTO_FRAGMENT)
		return false;
	memcpy(f->key.src, ip + 8, 16);
	memcpy(f->key.dst, ip + 24, 16);
	f->key.id = get_be32(header + 4);
	f->key.version = 6;
	f->is_last = !(get_be16(header + 2) & 1);
	return set_range(f, get_be16(header + 2) & 0xfff8, (uint32_t)(c.at - x->data), end);
}

static bool read_fragment(const struct visit *v, struct fragment *f)
{
	const struct xvs_packet *x = &v->p->x;

	memset(f, 0, sizeof(*f));
	f->key.segment = v->p->segment;
	f->key.inbound = v->inbound;
	return x->flags & XVS_PKT_IPV4 ? read_ipv4(x, f) : read_ipv6(x, f);
}

/* ---- datagrams ----------------------------------------------------------------------------- */

static struct fragments *fragments_of(struct conn_table *t, const struct worker *w, uint32_t port)
{
	return &rcu_read(&t->ports[port].fragments)[w->nr];
}

static struct datagram *find(struct fragments *f, const struct datagram_key *key)
{
	for (unsigned i = 0; f->used && i < DATAGRAMS; i++) {
		struct datagram *d = &f->datagrams[i];

		if (d->state != DATAGRAM_FREE && memcmp(&d->key, key, sizeof(*key)) == 0)
			return d;
	}
	return NULL;
}

/* Takes the first of those that wait. */
static struct packet *unhold(struct conn_port *port, struct datagram *d)
{
	struct packet *p = d->held;

	if (!p)
		return NULL;
	d->held = p->next;
	if (!d->held)
		d->held_end = &d->held;
	p->next = NULL;
	atomic_fetch_sub_explicit(&port->waiting, 1, memory_order_relaxed);
	return p;
}

static void drop_held(struct conn_table *t, struct datagram *d, uint32_t port, uint16_t reason,
		      void *arg)
{
	struct packet *p = unhold(&t->ports[port], d);

	for (; p; p = unhold(&t->ports[port], d))
		t->env.drop(arg, p, port, reason);
}

static void discard(struct conn_table *t, struct fragments *f, struct datagram *d, uint32_t port,
		    uint16_t reason, void *arg)
{
	drop_held(t, d, port, reason, arg);
	d->state = DATAGRAM_FREE;
	f->used--;
}

static bool is_complete(const struct datagram *d)
{
	return d->total && d->covered >= d->total && !d->held;
}

/* Complete ones have nothing to wait for; else the oldest goes. */
static struct datagram *choose(struct fragments *f)
{
	struct datagram *oldest = &f->datagrams[0];

	for (unsigned i = 0; i < DATAGRAMS; i++) {
		struct datagram *d = &f->datagrams[i];

		if (d->state == DATAGRAM_FREE || is_complete(d))
			return d;
		if (d->begin_ns < oldest->begin_ns)
			oldest = d;
	}
	return oldest;
}

static struct datagram *begin(struct visit *v, struct fragments *f, const struct datagram_key *key)
{
	struct datagram *d = choose(f);

	if (d->state != DATAGRAM_FREE)
		discard(v->t, f, d, v->port_id, REASON_FRAGMENT, v->arg);
	memset(d, 0, offsetof(struct datagram, ranges));
	d->key = *key;
	d->state = DATAGRAM_WAITS;
	d->begin_ns = v->w->now_ns;
	d->until_ns = v->w->now_ns + (uint64_t)WAIT_MS * NS_PER_MS;
	d->held_end = &d->held;
	f->used++;
	v->t->stocks[v->w->nr].fragment_ports[v->port_id / 64] |= UINT64_C(1) << v->port_id % 64;
	return d;
}

/* Whatever comes of it from now on is dropped, what waits at once. */
static void condemn(struct visit *v, struct datagram *d)
{
	d->state = DATAGRAM_DROPS;
	d->until_ns = v->w->now_ns + (uint64_t)FOLLOW_MS * NS_PER_MS;
	drop_held(v->t, d, v->port_id, REASON_FRAGMENT, v->arg);
}

static bool fits_end(struct datagram *d, const struct fragment *f)
{
	if (d->total && (f->range.end > d->total || (f->is_last && f->range.end != d->total)))
		return false;
	if (!f->is_last)
		return true;
	for (unsigned i = 0; i < d->range_count; i++) {
		if (d->ranges[i].end > f->range.end)
			return false;
	}
	d->total = f->range.end;
	return true;
}

/* False: it contradicts what was seen before. */
static bool add_range(struct datagram *d, const struct fragment *f)
{
	const struct range *new = &f->range;

	if (!fits_end(d, f))
		return false;
	for (unsigned i = 0; i < d->range_count; i++) {
		const struct range *old = &d->ranges[i];

		if (old->begin == new->begin && old->end == new->end)
			return true;
		if (old->begin < new->end &&new->begin < old->end)
			return false;
	}
	if (d->range_count == RANGES_MAX)
		return false;
	d->ranges[d->range_count++] = *new;
	d->covered += new->end - new->begin;
	return true;
}

/* ---- judging ------------------------------------------------------------------------------- */

/* The connection that the first belongs to has sent all of the datagram. */
static void extend_tcp(struct visit *v, const struct datagram *d)
{
	struct conn *c = d->is_tcp && d->total ? conn_deref(v->t, d->ref) : NULL;

	if (c && d->total > 0)
		tcp_extend(&c->halves[d->ref.generation & 1], d->tcp_base + d->total);
}

static void note_tcp(const struct visit *v, struct datagram *d)
{
	struct tcp_segment seg;
	const uint8_t *l4 = v->p->x.data + v->p->x.l4_off;

	if (v->p->x.l4_proto != PROTO_TCP || !tcp_read(v->p, &seg))
		return;
	d->is_tcp = 1;
	d->tcp_base = seg.seq + !!(seg.flags & TCP_SYN) - (uint32_t)(l4[12] >> 4) * 4;
}

static enum conn_answer judge_first(struct visit *v, struct fragments *f, struct datagram *d)
{
	enum conn_answer answer = judge_whole(v);

	if (answer == CONN_DROP || answer == CONN_DENIED) {
		/* Ports that are not in the first fragment were hidden on purpose. */
		if (v->out->reason == REASON_CONN_INVALID)
			v->out->reason = REASON_FRAGMENT;
		condemn(v, d);
		return answer;
	}
	d->state = DATAGRAM_PASSES;
	d->until_ns = v->w->now_ns + (uint64_t)FOLLOW_MS * NS_PER_MS;
	d->epoch = v->epoch;
	d->ref = v->out->ref;
	if (answer == CONN_PASS)
		note_tcp(v, d);
	extend_tcp(v, d);
	if (d->held)
		f->is_ready = 1;
	return CONN_INSIDE;
}

static enum conn_answer follow(struct visit *v, struct datagram *d)
{
	struct conn *c = conn_deref(v->t, d->ref);

	if (d->epoch != v->epoch) { /* allowed by a policy that is no longer in force */
		condemn(v, d);
		return visit_drop(v, REASON_FRAGMENT);
	}
	if (c)
		conn_account(v->w, &c->halves[d->ref.generation & 1], v->p->x.len);
	extend_tcp(v, d);
	return CONN_INSIDE;
}

static enum conn_answer hold(struct visit *v, struct datagram *d)
{
	_Atomic uint32_t *waiting = &v->port->waiting;

	if (atomic_fetch_add_explicit(waiting, 1, memory_order_relaxed) >= WAITING_MAX) {
		atomic_fetch_sub_explicit(waiting, 1, memory_order_relaxed);
		return visit_drop(v, REASON_FRAGMENT);
	}
	if (packet_own(v->p)) {
		atomic_fetch_sub_explicit(waiting, 1, memory_order_relaxed);
		return visit_drop(v, REASON_POOL);
	}
	v->p->next = NULL;
	*d->held_end = v->p;
	d->held_end = &v->p->next;
	return CONN_HELD;
}

/* A trace takes nothing and leaves nothing: what would have to wait is said to be dropped. */
static enum conn_answer judge_dry(struct visit *v, const struct datagram *d,
				  const struct fragment *f)
{
	enum conn_answer answer;

	if (!f->is_first)
		return d && d->state == DATAGRAM_PASSES && d->epoch == v->epoch
			       ? CONN_INSIDE
			       : visit_drop(v, REASON_FRAGMENT);
	answer = judge_whole(v);
	return answer == CONN_PASS ? CONN_INSIDE : answer;
}

enum conn_answer fragment_judge(struct visit *v)
{
	struct fragments *all = fragments_of(v->t, v->w, v->port_id);
	struct fragment f;
	struct datagram *d;

	if (!read_fragment(v, &f))
		return visit_drop(v, REASON_FRAGMENT);
	d = find(all, &f.key);
	if (v->is_dry)
		return judge_dry(v, d, &f);
	if (d && d->until_ns <= v->w->now_ns) {
		discard(v->t, all, d, v->port_id, REASON_FRAGMENT, v->arg);
		d = NULL;
	}
	if (!d)
		d = begin(v, all, &f.key);
	if (!add_range(d, &f))
		condemn(v, d);
	if (d->state == DATAGRAM_DROPS)
		return visit_drop(v, REASON_FRAGMENT);
	if (f.is_first)
		return judge_first(v, all, d);
	return d->state == DATAGRAM_PASSES ? follow(v, d) : hold(v, d);
}

/* ---- those that wait ----------------------------------------------------------------------- */

/* Goes on, in order; 'resume' may bring a fragment back here, so the list is let go first. */
static void resume_held(struct conn_table *t, struct worker *w, uint32_t port, struct datagram *d,
			void *arg)
{
	struct conn *c = conn_deref(t, d->ref);
	struct half *h = c ? &c->halves[d->ref.generation & 1] : NULL;
	struct packet *p = unhold(&t->ports[port], d);

	for (; p; p = unhold(&t->ports[port], d)) {
		if (h)
			conn_account(w, h, p->x.len);
		t->env.resume(arg, p);
	}
}

static void look_at(struct conn_table *t, struct worker *w, uint32_t port, struct fragments *f,
		    struct datagram *d, void *arg)
{
	struct conn_port *cp = &t->ports[port];
	bool is_open = atomic_load_explicit(&cp->opened, memory_order_acquire) != 0;
	uint32_t epoch = atomic_load_explicit(&cp->epoch, memory_order_acquire);

	if (!is_open)
		discard(t, f, d, port, REASON_SHUTDOWN, arg);
	else if (d->until_ns <= w->now_ns)
		discard(t, f, d, port, REASON_FRAGMENT, arg);
	else if (d->state == DATAGRAM_PASSES && d->epoch != epoch)
		drop_held(t, d, port, REASON_STALE, arg);
	else if (d->state == DATAGRAM_PASSES)
		resume_held(t, w, port, d, arg);
}

static void sweep_port(struct conn_table *t, struct worker *w, uint32_t port, void *arg)
{
	struct fragments *f = fragments_of(t, w, port);

	if (!f->is_ready && w->now_ns < f->next_look_ns)
		return;
	f->is_ready = 0;
	f->next_look_ns = w->now_ns + NS_PER_MS;
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		if (f->datagrams[i].state != DATAGRAM_FREE)
			look_at(t, w, port, f, &f->datagrams[i], arg);
	}
	if (f->used == 0)
		t->stocks[w->nr].fragment_ports[port / 64] &= ~(UINT64_C(1) << port % 64);
}

void fragment_sweep(struct conn_table *t, struct worker *w, void *arg)
{
	const struct stock *s = &t->stocks[w->nr];
	uint64_t any = 0;

	/* in each turn of the worker, and nearly always in vain: so all at once first */
	for (uint32_t i = 0; i < PORTS_MAX / 64; i++)
		any |= s->fragment_ports[i];
	for (uint32_t i = 0; any && i < PORTS_MAX / 64; i++) {
		uint64_t ports = s->fragment_ports[i];

		for (; ports; ports &= ports - 1)
			sweep_port(t, w, i * 64 + (uint32_t)__builtin_ctzll(ports), arg);
	}
}
