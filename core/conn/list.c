/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/list.c - what operators see and end.
 *
 * The control thread walks over all objects.  What it reads of one is either atomic or constant
 * while the object is in work, and it alone gives objects out again, so none begins another life
 * under its eyes.  Remembered denials are listed behind the connections; they are not counted.
 */
#include "conn/denied.h"

static const char *const state_names[STATE_COUNT] = {
	[STATE_NONE] = "none",
	[STATE_NEW] = "new",
	[STATE_SYN_SENT] = "syn-sent",
	[STATE_SYN_RECEIVED] = "syn-received",
	[STATE_ESTABLISHED] = "established",
	[STATE_CLOSING] = "closing",
	[STATE_TIME_WAIT] = "time-wait",
};

static const char *const sctp_names[STATE_COUNT] = {
	[STATE_NONE] = "none",
	[STATE_SYN_SENT] = "cookie-wait",
	[STATE_SYN_RECEIVED] = "cookie-echoed",
	[STATE_ESTABLISHED] = "established",
	[STATE_CLOSING] = "shutdown",
	[STATE_TIME_WAIT] = "closed",
};

static const char *name_of(enum conn_state state, uint8_t proto)
{
	return (proto == PROTO_SCTP ? sctp_names : state_names)[state];
}

static bool matches(const struct conn_filter *f, const struct conn_key *key)
{
	static const struct conn_filter all;

	if (!f)
		f = &all;
	if ((f->port && f->port != key->port) || (f->proto && f->proto != key->proto))
		return false;
	if (f->has_address && memcmp(f->address, key->inside, 16) != 0 &&
	    memcmp(f->address, key->outside, 16) != 0)
		return false;
	/* An ICMP id is no port. */
	return !f->l4_port ||
	       (!key->asker && (f->l4_port == key->inside_port || f->l4_port == key->outside_port));
}

/* In work, authorised, and not flushed. */
static bool is_shown(struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	return (word & WORD_STATE) != STATE_NONE && !(word & WORD_FLUSHED) &&
	       atomic_load_explicit(&c->epoch, memory_order_acquire) != 0;
}

static uint32_t left_ms(uint64_t timeout_ms, uint64_t idle_ns)
{
	uint64_t idle_ms = idle_ns / NS_PER_MS;

	return idle_ms < timeout_ms ? (uint32_t)(timeout_ms - idle_ms) : 0;
}

static void describe(struct conn_table *t, struct conn *c, uint64_t now_ns, struct conn_info *out)
{
	enum conn_state state = conn_state(c);
	uint64_t idle = conn_idle_stamps(c, stamp_of(now_ns));

	*out = (struct conn_info){ .is_half_open = state_is_half_open(state),
				   .state_name = name_of(state, c->key.proto) };
	conn_view(c, &out->view);
	out->idle_left_ms = left_ms(conn_timeout_ms(t, c), idle << STAMP_SHIFT);
}

/* ---- denials ------------------------------------------------------------------------------- */

struct listing {
	const struct conn_filter *filter;
	bool (*fn)(void *arg, const struct conn_info *info);
	void *arg;
	uint64_t now_ns;
	bool is_stopped;
};

static bool list_denial(void *arg, const struct denial *d)
{
	struct listing *l = arg;
	bool inbound = d->inbound;
	const struct conn_key *key = &d->key;
	struct conn_info info = { .is_denied = 1,
				  .denied_by = d->instance,
				  .reason = d->reason,
				  .state_name = "denied" };

	if (!matches(l->filter, key))
		return true;
	info.view = (struct xvs_conn){ .size = sizeof(info.view),
				       .state = XVS_CONN_CLOSED,
				       .proto = key->proto,
				       .inbound = inbound,
				       .port = key->port,
				       .segment = key->segment,
				       .id = d->id };
	memcpy(info.view.src, inbound ? key->outside : key->inside, 16);
	memcpy(info.view.dst, inbound ? key->inside : key->outside, 16);
	info.view.src_port = inbound && !key->asker ? key->outside_port : key->inside_port;
	info.view.dst_port = inbound && !key->asker ? key->inside_port : key->outside_port;
	info.view.begin_ns = d->until_ns - (uint64_t)DENIED_MS * NS_PER_MS;
	info.idle_left_ms = left_ms((d->until_ns - l->now_ns) / NS_PER_MS, 0);
	l->is_stopped = !l->fn(l->arg, &info);
	return !l->is_stopped;
}

static void list_denials(struct conn_table *t, struct listing *l)
{
	for (uint32_t i = 1; i < PORTS_MAX && !l->is_stopped; i++) {
		struct conn_port *port = &t->ports[i];

		if (port->denied && atomic_load_explicit(&port->opened, memory_order_relaxed))
			denied_each(port->denied,
				    atomic_load_explicit(&port->epoch, memory_order_acquire),
				    l->now_ns, list_denial, l);
	}
}

/* ---- what operators call ------------------------------------------------------------------- */

void conn_list(struct conn_table *t, const struct conn_filter *f,
	       bool (*fn)(void *arg, const struct conn_info *info), void *arg)
{
	struct listing l = { .filter = f, .fn = fn, .arg = arg, .now_ns = clock_ns() };
	uint32_t high = slab_high(t);

	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];
		struct conn_info info;

		if (!is_shown(c) || !matches(f, &c->key))
			continue;
		describe(t, c, l.now_ns, &info);
		if (!fn(arg, &info))
			return;
	}
	list_denials(t, &l);
}

uint32_t conn_count(struct conn_table *t, const struct conn_filter *f)
{
	uint32_t high = slab_high(t);
	uint32_t count = 0;

	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];

		count += is_shown(c) && matches(f, &c->key);
	}
	return count;
}

void conn_clear_slot(struct conn_table *t, uint32_t slot,
		     bool (*concerns)(const void *arg, uint32_t port), const void *arg)
{
	uint32_t high = slab_high(t);

	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];

		if (!is_shown(c) || !conn_lock(c))
			continue;
		if (concerns(arg, c->key.port)) {
			c->slots[slot] = 0;
			c->log = (uint16_t)(c->log & ~(1u << slot));
		}
		conn_unlock(c);
	}
}

/* The end, and the event that tells of it, are a worker's to do: at the next packet or sweep. */
static bool mark_flushed(struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	while ((word & WORD_STATE) != STATE_NONE && !(word & WORD_FLUSHED)) {
		if (atomic_compare_exchange_weak_explicit(&c->word, &word, word | WORD_FLUSHED,
							  memory_order_acq_rel,
							  memory_order_acquire))
			return true;
	}
	return false;
}

static bool denial_matches(void *arg, const struct denial *denial)
{
	return matches(arg, &denial->key);
}

uint32_t conn_flush(struct conn_table *t, const struct conn_filter *f)
{
	static const struct conn_filter all;
	struct conn_filter chosen = f ? *f : all;
	uint32_t high = slab_high(t);
	uint32_t count = 0;

	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];

		if (is_shown(c) && matches(&chosen, &c->key))
			count += mark_flushed(c);
	}
	for (uint32_t i = 1; i < PORTS_MAX; i++) {
		if (t->ports[i].denied)
			denied_forget(t->ports[i].denied, denial_matches, &chosen);
	}
	return count;
}
