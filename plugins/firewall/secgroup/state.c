/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the firewall keeps of a port beside its rules, for "xvs.state/1".  Connections are the host's, and what
 * is in their slots goes with them, since this says that formats agree: the number of a rule, which is the
 * same where the policy is, and whether the connection was let in.
 *
 *   format 1   u32 n, n times: u64 connections, by enum secgroup_counter
 *              u32 m, m times: u64 hits: of each rule, then of the two defaults
 *
 * Counts of other rules than those in force are left out: a policy that was changed counts anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "secgroup.h"
#include "xvs/ext/record.h"
#include "xvs/ext/sdk.h"

enum { FORMAT = 1, COUNTS_MAX = 64, HITS_MAX = 1 << 20 };

/* ---- out ----------------------------------------------------------------------------------- */

static uint64_t count_of(const struct secgroup *s, const struct secgroup_port *port,
			 uint32_t counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < s->workers; w++)
		sum += atomic_load_explicit(&port->shares[w].count[counter], memory_order_relaxed);
	return sum;
}

static uint32_t hits_of(const struct rules *rules)
{
	return rules ? rules_count(rules) + DIRECTION_COUNT : 0;
}

/* Each connection that is decided is counted once, so the sum tells whether anything is new. */
static bool is_as_saved(const struct secgroup *s, struct secgroup_port *port)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < SECGROUP_COUNTERS; i++)
		sum += count_of(s, port, i);
	if (port->saved == sum)
		return true;
	port->saved = sum;
	return false;
}

static int secgroup_save(void *self, void *port_state, const struct xvs_save *ctx,
			 struct xvs_sink *out, struct xvs_error *err)
{
	const struct secgroup *s = self;
	struct secgroup_port *port = port_state;
	struct xvs_put put = { .sink = out };
	const struct rules *rules;

	(void)ctx;
	(void)err;
	out->left = 0;
	if (!port || is_as_saved(s, port))
		return 0;
	rules = atomic_load_explicit(&port->rules, memory_order_relaxed);
	xvs_put_u32(&put, SECGROUP_COUNTERS);
	for (uint32_t i = 0; i < SECGROUP_COUNTERS; i++)
		xvs_put_u64(&put, count_of(s, port, i));
	xvs_put_u32(&put, hits_of(rules));
	for (uint32_t i = 0; i < hits_of(rules); i++)
		xvs_put_u64(&put, rules_hits(rules, i));
	if (put.code)
		port->saved = 0;
	return put.code;
}

static void secgroup_save_end(void *self, void *port_state, bool moved)
{
	struct secgroup_port *port = port_state;

	(void)self;
	(void)moved;
	if (port)
		port->saved = 0;
}

/* ---- in ------------------------------------------------------------------------------------ */

struct incoming {
	uint64_t counts[SECGROUP_COUNTERS];
	uint32_t hit_count;
	uint64_t *hits;
};

/* The whole record, before anything counts. */
static int take(struct xvs_get *get, struct incoming *in)
{
	uint32_t count = xvs_get_u32(get);

	for (uint32_t i = 0; i < count && count <= COUNTS_MAX; i++) {
		uint64_t n = xvs_get_u64(get);

		if (i < SECGROUP_COUNTERS)
			in->counts[i] = n;
	}
	in->hit_count = xvs_get_u32(get);
	if (get->code || count > COUNTS_MAX || in->hit_count > HITS_MAX ||
	    get->source->left != in->hit_count * sizeof(uint64_t))
		return -EPROTO;
	in->hits = calloc(in->hit_count + (size_t)1, sizeof(*in->hits));
	if (!in->hits)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->hit_count; i++)
		in->hits[i] = xvs_get_u64(get);
	return get->code;
}

/* No packet of the port comes yet, so no worker writes: the first one's counts are those from before. */
static void apply(struct secgroup_port *port, const struct incoming *in)
{
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_relaxed);

	for (uint32_t i = 0; i < SECGROUP_COUNTERS; i++)
		atomic_store_explicit(&port->shares[0].count[i], in->counts[i],
				      memory_order_relaxed);
	for (uint32_t i = 0; in->hit_count == hits_of(rules) && i < in->hit_count; i++)
		rules_set_hits(rules, i, in->hits[i]);
}

static int secgroup_restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
			    struct xvs_error *err)
{
	struct xvs_get get = { .source = in };
	struct incoming incoming = { 0 };
	int result = -EPROTO;

	(void)self;
	if (port_state && format == FORMAT)
		result = take(&get, &incoming);
	if (result == 0)
		apply(port_state, &incoming);
	free(incoming.hits);
	if (result == -ENOMEM)
		return xvs_refuse(err, result, "", "out of memory");
	return result ? xvs_refuse(err, -EPROTO, "", "a record of security groups is malformed")
		      : 0;
}

const struct xvs_state secgroup_state = {
	.size = sizeof(secgroup_state),
	.format_min = FORMAT,
	.format_max = FORMAT,
	.save = secgroup_save,
	.save_end = secgroup_save_end,
	.restore = secgroup_restore,
};
