/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/rules.c - pools and forwards: finding the one that applies, and other rules while sessions go on.
 */
#include "nat/table.h"

#include <errno.h>
#include <stdlib.h>

struct nat_rules *nat_rules_create(uint32_t forwards)
{
	struct nat_rules *r = calloc(1, sizeof(*r) + forwards * sizeof(r->forwards[0]));

	if (r)
		r->forward_count = forwards;
	return r;
}

const struct nat_rules *nat_table_rules(const struct nat_table *t)
{
	return rcu_read(&t->rules);
}

const struct nat_forward *nat_forward_inward(const struct nat_rules *r, const struct nat_view *v)
{
	for (uint32_t i = 0; i < r->forward_count; i++) {
		const struct nat_forward *f = &r->forwards[i];

		if (f->outside_port == v->dst_port && f->outside == v->dst &&
		    f->proto == v->proto && nat_prefix_has(f->remote, v->src))
			return f;
	}
	return NULL;
}

const struct nat_forward *nat_forward_outward(const struct nat_rules *r, const struct nat_view *v)
{
	for (uint32_t i = 0; i < r->forward_count; i++) {
		const struct nat_forward *f = &r->forwards[i];

		if (f->inside_port == v->src_port && f->inside == v->src && f->proto == v->proto &&
		    nat_prefix_has(f->remote, v->dst))
			return f;
	}
	return NULL;
}

/* Memory for them, had before anything changes. */
struct nat_change {
	struct nat_rules *rules;
	struct outside places[NAT_ADDRESSES_MAX];
};

/* ---- other rules --------------------------------------------------------------------------- */

static int outside_add(struct outside *places, uint32_t *count, uint32_t address)
{
	struct outside o = { .address = address };

	for (uint32_t i = 0; i < *count; i++) {
		if (places[i].address == address)
			return 0;
	}
	if (*count == NAT_ADDRESSES_MAX)
		return -ENOSPC;
	for (uint32_t i = 0; i < PROTOS; i++)
		o.owner[i] = nat_ports_create();
	places[(*count)++] = o;
	return o.owner[0] && o.owner[1] && o.owner[2] ? 0 : -ENOMEM;
}

static void outsides_free(const struct outside *places, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t proto = 0; proto < PROTOS; proto++)
			nat_ports_free(places[i].owner[proto]);
	}
}

/* Places for all addresses of the rules, nobody's yet. */
static int outsides_make(const struct nat_rules *r, struct outside *places, uint32_t *count)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < r->pool_count; i++)
		err = outside_add(places, count, r->pools[i].address);
	for (uint32_t i = 0; !err && i < r->forward_count; i++)
		err = outside_add(places, count, r->forwards[i].outside);
	return err;
}

static void own_port(struct outside *o, uint8_t proto, uint16_t port, uint32_t owner)
{
	uint32_t i = proto_index(proto);

	if (i < PROTOS && o->owner[i])
		o->owner[i][port] = owner;
}

static void forwards_own(struct nat_table *t)
{
	for (uint32_t i = 0; i < t->rules->forward_count; i++) {
		const struct nat_forward *f = &t->rules->forwards[i];

		own_port(nat_outside_find(t, f->outside), f->proto, f->outside_port, OWNER_FORWARD);
	}
}

/*
 * Under the lock.  Who has a port keeps it, where it is still in a pool; what is to go is found
 * afterwards, session by session, and begins nothing meanwhile.
 */
static void outsides_replace(struct nat_table *t, struct outside *places)
{
	for (uint32_t i = 0; i < t->fresh_binding; i++) {
		const struct binding *b = &t->bindings[i];
		bool stays =
			b->sessions && nat_ports_in_pool(t->rules, b->outside, b->outside_port);

		for (uint32_t n = 0; stays && n < NAT_ADDRESSES_MAX; n++) {
			if (places[n].owner[0] && places[n].address == b->outside)
				own_port(&places[n], b->proto, b->outside_port, i + 1);
		}
	}
	memset(t->full, 0, sizeof(t->full));
	for (uint32_t i = 0; i < NAT_ADDRESSES_MAX; i++) {
		struct outside old = t->outsides[i];

		t->outsides[i] = places[i];
		places[i] = old;
	}
	forwards_own(t);
}

/* Under the lock: would it be opened in the same way today? */
static bool is_borne(struct nat_table *t, const struct session *s)
{
	struct nat_key in = nat_session_key(s, NAT_IN);
	struct nat_key out = nat_session_key(s, NAT_OUT);
	const struct nat_view v = { .src = key_remote(in),
				    .dst = key_own(in),
				    .src_port = key_remote_port(in),
				    .dst_port = key_own_port(in),
				    .proto = key_proto(in) };
	const struct nat_forward *f = nat_forward_inward(t->rules, &v);

	if (f)
		return !s->binding && f->inside == key_own(out) &&
		       f->inside_port == key_own_port(out);
	return s->binding && nat_ports_in_pool(t->rules, key_own(in), key_own_port(in));
}

static void review(struct nat_table *t, struct session *s)
{
	nat_lock(t);
	if (atomic_load_explicit(&s->generation, memory_order_relaxed) & 1 && !is_borne(t, s))
		nat_session_close(t, s);
	nat_unlock(t);
}

/* Those behind 'unreviewed' were opened under the rules of now, or were looked at. */
bool nat_table_review(struct nat_table *t, uint32_t max)
{
	for (uint32_t i = 0; i < max && t->unreviewed > 0; i++)
		review(t, &t->sessions[--t->unreviewed]);
	return t->unreviewed == 0;
}

struct nat_change *nat_change_create(struct nat_rules *rules)
{
	struct nat_change *c = calloc(1, sizeof(*c));
	uint32_t count = 0;

	if (!c) {
		free(rules);
		return NULL;
	}
	c->rules = rules;
	if (outsides_make(rules, c->places, &count) == 0)
		return c;
	nat_change_destroy(c);
	return NULL;
}

void nat_change_destroy(struct nat_change *c)
{
	if (!c)
		return;
	outsides_free(c->places, NAT_ADDRESSES_MAX);
	free(c->rules);
	free(c);
}

void nat_table_apply(struct nat_table *t, struct nat_change *c)
{
	struct nat_rules *old = t->rules;

	nat_lock(t);
	rcu_publish(&t->rules, c->rules);
	outsides_replace(t, c->places);
	nat_unlock(t);
	c->rules = NULL;
	nat_change_destroy(c);
	if (old)
		t->unreviewed = atomic_load_explicit(&t->fresh, memory_order_relaxed);
	rcu_free(old);
}

int nat_table_configure(struct nat_table *t, struct nat_rules *rules)
{
	struct nat_change *c = nat_change_create(rules);

	if (!c)
		return -ENOMEM;
	nat_table_apply(t, c);
	(void)nat_table_review(t, UINT32_MAX);
	return 0;
}
