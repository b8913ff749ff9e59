/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What access lists counted on a port, and how far their limits are spent, for "xvs.state/1".
 *
 *   format 1   for each of the two features: u32 rules, u32 n, n times: u32 rule, u64 packets, bytes,
 *              connections; rules that nothing met are left out.  u32 m, m times, by limit: u64 ns until
 *              that of packets is whole again, u64 that of bits
 *
 * Counts are of the rules of a policy; where the policy there has another number of rules, they stay behind.
 */
#include <errno.h>
#include <stdlib.h>

#include "acl.h"
#include "effect.h"
#include "xvs/ext/record.h"
#include "xvs/ext/sdk.h"

enum { FORMAT = 1, COUNT_BYTES = 4 + 3 * 8, FILL_BYTES = 2 * 8 };

/* ---- out ----------------------------------------------------------------------------------- */

static bool is_met(const struct rule_count *c)
{
	return (c->packets | c->connections) != 0;
}

static void put_counts(struct xvs_put *put, const struct tally *t)
{
	uint32_t rules = t ? t->set->count : 0;
	uint32_t met = 0;

	for (uint32_t nr = 0; nr < rules; nr++) {
		struct rule_count c = tally_sum(t, nr);

		met += is_met(&c);
	}
	xvs_put_u32(put, rules);
	xvs_put_u32(put, met);
	for (uint32_t nr = 0; nr < rules && met; nr++) {
		struct rule_count c = tally_sum(t, nr);

		/* One that was met meanwhile waits for the next record. */
		if (!is_met(&c))
			continue;
		met--;
		xvs_put_u32(put, nr);
		xvs_put_u64(put, c.packets);
		xvs_put_u64(put, c.bytes);
		xvs_put_u64(put, c.connections);
	}
}

static uint64_t fill_of(const struct xvs_meter *m, uint64_t now_ns)
{
	uint64_t full = __atomic_load_n(&m->full_at_ns, __ATOMIC_RELAXED);

	return full > now_ns ? full - now_ns : 0;
}

static uint32_t limits_of(const struct tally *t)
{
	return t && t->meters ? t->set->effect_count : 0;
}

static void put_fills(struct xvs_put *put, const struct tally *t, uint64_t now_ns)
{
	xvs_put_u32(put, limits_of(t));
	for (uint32_t i = 0; i < limits_of(t); i++) {
		xvs_put_u64(put, fill_of(&t->meters[i].pps, now_ns));
		xvs_put_u64(put, fill_of(&t->meters[i].bps, now_ns));
	}
}

static int acl_save(void *self, void *port_state, const struct xvs_save *ctx, struct xvs_sink *out,
		    struct xvs_error *err)
{
	const struct acl_port *port = port_state;
	const struct acl *a = self;
	struct xvs_put put = { .sink = out };

	(void)ctx;
	(void)err;
	out->left = 0;
	if (!port)
		return 0;
	for (uint32_t f = 0; f < FEATURE_SETTINGS; f++) {
		const struct tally *t = port_tally(port, (enum feature)f);

		put_counts(&put, t);
		put_fills(&put, t, a->host->now(a->host));
	}
	return put.code;
}

/* ---- in ------------------------------------------------------------------------------------ */

struct incoming {
	uint32_t rules, count;
	struct credit *credits;
	uint32_t limits;
	uint64_t *fills; /* two each */
};

static int take_fills(struct xvs_get *get, struct incoming *in)
{
	in->limits = xvs_get_u32(get);
	if (get->code || in->limits > get->source->left / FILL_BYTES)
		return -EPROTO;
	in->fills = calloc(2 * (size_t)in->limits + 1, sizeof(*in->fills));
	if (!in->fills)
		return -ENOMEM;
	for (uint32_t i = 0; i < 2 * in->limits; i++)
		in->fills[i] = xvs_get_u64(get);
	return get->code;
}

/* Of one feature, whole. */
static int take(struct xvs_get *get, struct incoming *in)
{
	in->rules = xvs_get_u32(get);
	in->count = xvs_get_u32(get);
	if (get->code || in->count > in->rules || in->count > get->source->left / COUNT_BYTES)
		return -EPROTO;
	in->credits = calloc(in->count + (size_t)1, sizeof(*in->credits));
	if (!in->credits)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->count; i++) {
		struct credit *c = &in->credits[i];

		c->nr = xvs_get_u32(get);
		c->packets = xvs_get_u64(get);
		c->bytes = xvs_get_u64(get);
		c->connections = xvs_get_u64(get);
		if (c->nr >= in->rules)
			return -EPROTO;
	}
	return take_fills(get, in);
}

/* No fuller than a limit of today can be. */
static void fill(struct xvs_meter *m, const struct xvs_meter_rate *rate, uint64_t fill_ns,
		 uint64_t now_ns)
{
	uint64_t depth = rate->per_second ? xvs_meter_ns(rate, rate->burst) : 0;

	__atomic_store_n(&m->full_at_ns, now_ns + (fill_ns < depth ? fill_ns : depth),
			 __ATOMIC_RELAXED);
}

static void apply(const struct tally *t, const struct incoming *in, uint64_t now_ns)
{
	for (uint32_t i = 0; t->set->count == in->rules && i < in->count; i++)
		tally_carry(t, &in->credits[i]);
	for (uint32_t i = 0; limits_of(t) == in->limits && i < in->limits; i++) {
		const struct effect *e = &t->set->effects[i];

		fill(&t->meters[i].pps, &e->pps, in->fills[(size_t)2 * i], now_ns);
		fill(&t->meters[i].bps, &e->bps, in->fills[(size_t)2 * i + 1], now_ns);
	}
}

static int acl_restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
		       struct xvs_error *err)
{
	struct xvs_get get = { .source = in };
	const struct acl *a = self;
	struct incoming incoming[FEATURE_SETTINGS] = { { 0 } };
	int result = port_state && format == FORMAT ? 0 : -EPROTO;

	for (uint32_t f = 0; result == 0 && f < FEATURE_SETTINGS; f++)
		result = take(&get, &incoming[f]);
	if (result == 0 && in->left)
		result = -EPROTO;
	for (uint32_t f = 0; f < FEATURE_SETTINGS; f++) {
		const struct tally *t = result ? NULL : port_tally(port_state, (enum feature)f);

		if (t)
			apply(t, &incoming[f], a->host->now(a->host));
		free(incoming[f].fills);
		free(incoming[f].credits);
	}
	if (result == -ENOMEM)
		return xvs_refuse(err, result, "", "out of memory");
	return result ? xvs_refuse(err, -EPROTO, "", "a record of access lists is malformed") : 0;
}

const struct xvs_state acl_state = {
	.size = sizeof(acl_state),
	.format_min = FORMAT,
	.format_max = FORMAT,
	.save = acl_save,
	.restore = acl_restore,
};
