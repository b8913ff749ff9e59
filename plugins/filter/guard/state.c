/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard knows of a port beside its policy, for "xvs.state/1": without it a guest that was moved
 * would be a stranger until it asks for its address again.
 *
 *   format 1   u32 n, n times: 16 bytes address, u32 age in s
 *              u64 ns until the storm limit is whole again
 *              u32 m, m times: u64 drops, by enum guard_reason
 *
 * All of it is small, so each call writes it whole, and a later record takes the place of an earlier.
 */
#include <errno.h>
#include <string.h>

#include "guard.h"
#include "xvs/ext/record.h"
#include "xvs/ext/sdk.h"

enum { FORMAT = 1, REASONS_MAX = 256, NS_PER_S = 1000000000 };

/* ---- out ----------------------------------------------------------------------------------- */

static uint64_t storm_fill(const struct guard_rules *rules, uint64_t now_ns)
{
	uint64_t full = rules ? __atomic_load_n(&rules->meter.full_at_ns, __ATOMIC_RELAXED) : 0;

	return full > now_ns ? full - now_ns : 0;
}

static int guard_save(void *self, void *port_state, const struct xvs_save *ctx,
		      struct xvs_sink *out, struct xvs_error *err)
{
	const struct guard *g = self;
	struct guard_port *port = port_state;
	struct xvs_put put = { .sink = out };
	struct guard_known known[GUARD_DYNAMIC_MAX];
	uint64_t drops[GUARD_REASON_COUNT];
	uint64_t now_ns = g->host->now(g->host);
	uint32_t count;

	(void)ctx;
	(void)err;
	out->left = 0;
	if (!port)
		return 0;
	count = guard_export(port, now_ns, known);
	xvs_put_u32(&put, count);
	for (uint32_t i = 0; i < count; i++) {
		xvs_put_bytes(&put, known[i].address, sizeof(known[i].address));
		xvs_put_u32(&put, known[i].age_s);
	}
	xvs_put_u64(&put,
		    storm_fill(atomic_load_explicit(&port->rules, memory_order_acquire), now_ns));
	guard_status(port, g->workers, drops);
	xvs_put_u32(&put, GUARD_REASON_COUNT);
	for (uint32_t i = 0; i < GUARD_REASON_COUNT; i++)
		xvs_put_u64(&put, drops[i]);
	return put.code;
}

/* ---- in ------------------------------------------------------------------------------------ */

struct incoming {
	uint32_t count;
	struct guard_known known[GUARD_DYNAMIC_MAX];
	uint64_t fill_ns;
	uint64_t drops[GUARD_REASON_COUNT];
};

/* The whole record, before anything counts. */
static int take(struct xvs_get *get, struct incoming *in)
{
	uint32_t reasons;

	in->count = xvs_get_u32(get);
	if (in->count > GUARD_DYNAMIC_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < in->count; i++) {
		xvs_get_bytes(get, in->known[i].address, sizeof(in->known[i].address));
		in->known[i].age_s = xvs_get_u32(get);
	}
	in->fill_ns = xvs_get_u64(get);
	reasons = xvs_get_u32(get);
	if (reasons > REASONS_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < reasons; i++) {
		uint64_t drops = xvs_get_u64(get);

		if (i < GUARD_REASON_COUNT)
			in->drops[i] = drops;
	}
	return get->code || get->source->left ? -EPROTO : 0;
}

/* No fuller than a limit of today can be, so that nobody is silenced for years. */
static void fill_storm(struct guard_rules *rules, uint64_t fill_ns, uint64_t now_ns)
{
	uint64_t depth;

	if (!rules || rules->rate.per_second == 0)
		return;
	depth = xvs_meter_ns(&rules->rate, rules->rate.burst);
	__atomic_store_n(&rules->meter.full_at_ns, now_ns + (fill_ns < depth ? fill_ns : depth),
			 __ATOMIC_RELAXED);
}

static int guard_restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
			 struct xvs_error *err)
{
	const struct guard *g = self;
	struct guard_port *port = port_state;
	struct xvs_get get = { .source = in };
	struct incoming incoming = { 0 };
	struct guard_rules *rules;
	uint64_t now_ns = g->host->now(g->host);

	if (!port || format != FORMAT || take(&get, &incoming) != 0)
		return xvs_refuse(err, -EPROTO, "", "a record of the guard is malformed");
	rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	if (rules)
		guard_import(port, rules->policy, incoming.known, incoming.count, now_ns);
	fill_storm(rules, incoming.fill_ns, now_ns);
	guard_carry(port, g->workers, incoming.drops);
	g->flow->invalidate(g->host, ~UINT64_C(0));
	return 0;
}

const struct xvs_state guard_state = {
	.size = sizeof(guard_state),
	.format_min = FORMAT,
	.format_max = FORMAT,
	.save = guard_save,
	.restore = guard_restore,
};
