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

static const char half_open_name[] = "half-open";
static const char denied_name[] = "denied";

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

static bool is_in(const uint64_t *set, uint32_t n)
{
	return !set || set[n / 64] >> n % 64 & 1;
}

static bool in_prefix(const struct conn_filter *f, const uint8_t address[16])
{
	uint32_t bits = f->prefix_len ? f->prefix_len : 128;
	uint32_t whole = bits / 8;
	uint32_t rest = bits % 8;

	return memcmp(f->address, address, whole) == 0 &&
	       (rest == 0 || (f->address[whole] ^ address[whole]) >> (8 - rest) == 0);
}

static const struct conn_filter everything;

static bool matches_key(const struct conn_filter *f, const struct conn_key *key)
{
	if ((f->port && f->port != key->port) || (f->proto && f->proto != key->proto) ||
	    !is_in(f->ports, key->port))
		return false;
	if (f->has_address && !in_prefix(f, key->inside) && !in_prefix(f, key->outside))
		return false;
	/* An ICMP id is no port. */
	return !f->l4_port ||
	       (!key->asker && (f->l4_port == key->inside_port || f->l4_port == key->outside_port));
}

static bool matches(const struct conn_filter *f, struct conn *c)
{
	enum conn_state state = conn_state(c);

	if (!matches_key(f, &c->key))
		return false;
	if (!f->state)
		return true;
	return strcmp(f->state, name_of(state, c->key.proto)) == 0 ||
	       (state_is_half_open(state) && strcmp(f->state, half_open_name) == 0);
}

static bool matches_denial(const struct conn_filter *f, const struct denial *d)
{
	return matches_key(f, &d->key) && is_in(f->deniers, d->instance) &&
	       (!f->state || strcmp(f->state, denied_name) == 0);
}

bool conn_state_is_known(const char *name)
{
	for (unsigned i = STATE_NONE + 1; i < STATE_COUNT; i++) {
		if (strcmp(name, state_names[i]) == 0 ||
		    (sctp_names[i] && strcmp(name, sctp_names[i]) == 0))
			return true;
	}
	return strcmp(name, half_open_name) == 0 || strcmp(name, denied_name) == 0;
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
				  .state_name = denied_name };

	if (l->is_stopped)
		return false;
	if (!matches_denial(l->filter, d))
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
	l->is_stopped |= !l->fn(l->arg, &info);
	return !l->is_stopped;
}

static void each_denial(struct conn_table *t, uint64_t now_ns,
			bool (*fn)(void *arg, const struct denial *denial), void *arg)
{
	for (uint32_t i = 1; i < PORTS_MAX; i++) {
		struct conn_port *port = &t->ports[i];

		if (port->denied && atomic_load_explicit(&port->opened, memory_order_relaxed))
			denied_each(port->denied,
				    atomic_load_explicit(&port->epoch, memory_order_acquire),
				    now_ns, fn, arg);
	}
}

/* ---- what operators call ------------------------------------------------------------------- */

void conn_list(struct conn_table *t, const struct conn_filter *f,
	       bool (*fn)(void *arg, const struct conn_info *info), void *arg)
{
	struct listing l = {
		.filter = f ? f : &everything, .fn = fn, .arg = arg, .now_ns = clock_ns()
	};
	uint32_t high = slab_high(t);

	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];
		struct conn_info info;

		if (!is_shown(c) || !matches(l.filter, c))
			continue;
		describe(t, c, l.now_ns, &info);
		if (!fn(arg, &info))
			return;
	}
	each_denial(t, l.now_ns, list_denial, &l);
}

struct counting {
	const struct conn_filter *filter;
	uint32_t count;
};

static bool count_denial(void *arg, const struct denial *d)
{
	struct counting *c = arg;

	c->count += matches_denial(c->filter, d);
	return true;
}

/* Denials are none, unless it is them that are asked for. */
uint32_t conn_count(struct conn_table *t, const struct conn_filter *f)
{
	struct counting c = { .filter = f ? f : &everything };
	uint32_t high = slab_high(t);

	if (c.filter->state && strcmp(c.filter->state, denied_name) == 0) {
		each_denial(t, clock_ns(), count_denial, &c);
		return c.count;
	}
	for (uint32_t i = 0; i < high; i++)
		c.count += is_shown(&t->objects[i]) && matches(c.filter, &t->objects[i]);
	return c.count;
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
			conn_touch(t, c);
		}
		conn_unlock(c);
	}
}

/* The end, and the event that tells of it, are a worker's to do: at the next packet or sweep. */
static bool mark_flushed(struct conn_table *t, struct conn *c)
{
	uint32_t word = atomic_load_explicit(&c->word, memory_order_acquire);

	while ((word & WORD_STATE) != STATE_NONE && !(word & WORD_FLUSHED)) {
		if (atomic_compare_exchange_weak_explicit(&c->word, &word, word | WORD_FLUSHED,
							  memory_order_seq_cst,
							  memory_order_acquire)) {
			conn_doubt(c);
			conn_touch(t, c);
			return true;
		}
	}
	return false;
}

struct flushing {
	const struct conn_filter *filter;
	uint32_t count;
};

static bool forget_denial(void *arg, const struct denial *d)
{
	struct flushing *f = arg;

	return matches_denial(f->filter, d);
}

uint32_t conn_flush(struct conn_table *t, const struct conn_filter *f)
{
	struct flushing flushing = { .filter = f ? f : &everything };
	uint32_t high = slab_high(t);

	for (uint32_t i = 0; i < high; i++) {
		struct conn *c = &t->objects[i];

		if (is_shown(c) && matches(flushing.filter, c))
			flushing.count += mark_flushed(t, c);
	}
	for (uint32_t i = 1; i < PORTS_MAX; i++) {
		if (t->ports[i].denied)
			denied_forget(t->ports[i].denied, forget_denial, &flushing);
	}
	return flushing.count;
}
