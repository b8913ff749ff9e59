/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/judge.c - to where an endpoint is translated: by the session that there is, or by the one that
 * its packet opens.
 */
#include "nat/table.h"

static struct nat_key key_outward(const struct nat_view *v)
{
	return key_of(v->src, v->src_port, v->dst, v->dst_port, v->proto);
}

static struct nat_key key_inward(const struct nat_view *v)
{
	return key_of(v->dst, v->dst_port, v->src, v->src_port, v->proto);
}

static void answer_with(struct nat_answer *out, struct nat_key other)
{
	*out = (struct nat_answer){ .address = key_own(other), .port = key_own_port(other) };
}

static bool refuse(struct nat_answer *out, uint16_t reason)
{
	*out = (struct nat_answer){ .reason = reason };
	return false;
}

/* ---- outward ------------------------------------------------------------------------------- */

/*
 * A connection whose session has gone goes on under a new one (after a restart); but a segment that
 * answers or ends one that nobody knows begins nothing, nor does an ICMP answer.
 */
static bool may_begin(const struct nat_view *v)
{
	if (v->proto == PROTO_ICMP)
		return v->is_query;
	if (v->proto != PROTO_TCP)
		return true;
	if (v->tcp_flags & TCP_SYN)
		return !(v->tcp_flags & (0x10 | TCP_RST | TCP_FIN));
	return !(v->tcp_flags & (TCP_RST | TCP_FIN));
}

/* Under the lock. */
static uint16_t open_outward(struct nat_table *t, const struct nat_view *v,
			     const struct nat_moment *m, struct opening *o, struct session **out)
{
	const struct nat_forward *f = nat_forward_outward(t->rules, v);
	uint32_t address = f ? f->outside : 0;
	uint16_t port = f ? f->outside_port : 0;
	uint16_t reason = REASON_NONE;

	/* before it is given a port, which is dear where few are left */
	if (nat_host_is_full(t, v->src))
		return REASON_NAT_HOST;
	if (!f) {
		o->binding = nat_binding_get(t, v, m->random, &reason);
		if (!o->binding)
			return reason;
		address = t->bindings[o->binding - 1].outside;
		port = t->bindings[o->binding - 1].outside_port;
	}
	o->keys[NAT_IN] = key_of(address, port, v->dst, v->dst_port, v->proto);
	reason = nat_session_open(t, o, m->now_ns, out);
	if (reason != REASON_NONE && o->binding)
		nat_binding_release(t, o->binding);
	return reason;
}

static bool begin_outward(struct nat_table *t, const struct nat_view *v, const struct nat_moment *m,
			  struct session **out, struct nat_key keys[2], uint16_t *reason)
{
	struct opening o = { .keys = { key_outward(v) }, .dir = NAT_OUT };
	struct session *s;

	nat_lock(t);
	/* another worker may have been faster, and a chain may have changed under our feet */
	s = nat_find(t, NAT_OUT, o.keys[NAT_OUT], keys);
	if (!s) {
		*reason = open_outward(t, v, m, &o, &s);
		keys[NAT_IN] = o.keys[NAT_IN];
	}
	nat_unlock(t);
	*out = s;
	return s != NULL;
}

bool nat_outward(struct nat_table *t, const struct nat_view *v, const struct nat_moment *m,
		 uint32_t bytes, struct nat_answer *out)
{
	uint16_t reason = REASON_NAT_STATE;
	struct nat_key keys[2];
	struct session *s = nat_find(t, NAT_OUT, key_outward(v), keys);

	if (!s && (!may_begin(v) || !begin_outward(t, v, m, &s, keys, &reason)))
		return refuse(out, reason);
	nat_session_touch(s, NAT_OUT, v, m, bytes);
	answer_with(out, keys[NAT_IN]);
	return true;
}

/* ---- inward -------------------------------------------------------------------------------- */

/* Under the lock: the binding that lets this packet in; 0: none, for this reason. */
static uint32_t binding_for(struct nat_table *t, const struct nat_view *v, uint16_t *reason)
{
	struct outside *o = nat_outside_find(t, v->dst);
	uint32_t owner = o ? o->owner[proto_index(v->proto)][v->dst_port] : OWNER_NOBODY;

	*reason = REASON_NAT_NO_BINDING;
	if (owner == OWNER_NOBODY || owner == OWNER_FORWARD)
		return 0;
	/* an answer to nobody's question */
	if (v->proto == PROTO_ICMP)
		return 0;
	if (!t->rules->filters_by_address || nat_session_knows_peer(t, owner, v->src))
		return owner;
	t->filtered++;
	*reason = REASON_NAT_FILTERED;
	return 0;
}

/* Under the lock. */
static uint16_t open_inward(struct nat_table *t, const struct nat_view *v, uint64_t now_ns,
			    struct opening *o, struct session **out)
{
	const struct outside *place = nat_outside_find(t, v->dst);
	const struct nat_forward *f;
	uint32_t address;
	uint16_t port;
	uint16_t reason = REASON_NONE;

	/* the wire is full of them: nobody's port, and no forward's */
	if (!place || place->owner[proto_index(v->proto)][v->dst_port] == OWNER_NOBODY)
		return REASON_NAT_NO_BINDING;
	f = nat_forward_inward(t->rules, v);
	address = f ? f->inside : 0;
	port = f ? f->inside_port : 0;
	if (!f) {
		o->binding = binding_for(t, v, &reason);
		if (!o->binding)
			return reason;
		address = t->bindings[o->binding - 1].inside;
		port = t->bindings[o->binding - 1].inside_port;
	}
	o->keys[NAT_OUT] = key_of(address, port, v->src, v->src_port, v->proto);
	return nat_session_open(t, o, now_ns, out);
}

static bool begin_inward(struct nat_table *t, const struct nat_view *v, uint64_t now_ns,
			 struct session **out, struct nat_key keys[2], uint16_t *reason)
{
	struct opening o = { .dir = NAT_IN };
	struct session *s;

	o.keys[NAT_IN] = key_inward(v);
	nat_lock(t);
	s = nat_find(t, NAT_IN, o.keys[NAT_IN], keys);
	if (!s) {
		*reason = open_inward(t, v, now_ns, &o, &s);
		keys[NAT_OUT] = o.keys[NAT_OUT];
	}
	nat_unlock(t);
	*out = s;
	return s != NULL;
}

bool nat_inward(struct nat_table *t, const struct nat_view *v, const struct nat_moment *m,
		uint32_t bytes, struct nat_answer *out)
{
	uint16_t reason = REASON_NAT_NO_BINDING;
	struct nat_key keys[2];
	struct session *s = nat_find(t, NAT_IN, key_inward(v), keys);

	/* one that began inside and was answered late is met by its forward or binding, if any */
	if (!s && !begin_inward(t, v, m->now_ns, &s, keys, &reason))
		return refuse(out, reason);
	nat_session_touch(s, NAT_IN, v, m, bytes);
	answer_with(out, keys[NAT_OUT]);
	return true;
}

/* ---- what ICMP errors quote ---------------------------------------------------------------- */

bool nat_quoted_outward(struct nat_table *t, const struct nat_view *v, struct nat_answer *out)
{
	struct nat_key keys[2];

	/* the error goes out: it quotes what came in, to an inside end */
	if (!nat_find(t, NAT_OUT, key_inward(v), keys))
		return refuse(out, REASON_NAT_STATE);
	answer_with(out, keys[NAT_IN]);
	return true;
}

bool nat_quoted_inward(struct nat_table *t, const struct nat_view *v, struct nat_answer *out)
{
	struct nat_key keys[2];

	/* the error comes in: it quotes what went out, from an outside end of ours */
	if (!nat_find(t, NAT_IN, key_outward(v), keys))
		return refuse(out, REASON_NAT_STATE);
	answer_with(out, keys[NAT_OUT]);
	return true;
}
