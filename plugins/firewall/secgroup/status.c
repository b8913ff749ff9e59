/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is shown of a port: connections judged, and by which rule.
 */
#include <errno.h>
#include <stdlib.h>

#include "secgroup.h"
#include "xvs/ext/sdk.h"

static uint64_t count_of(const struct secgroup *s, const struct secgroup_port *port, int counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < s->workers; w++)
		sum += atomic_load_explicit(&port->shares[w].count[counter], memory_order_relaxed);
	return sum;
}

static uint32_t hits_fill(const struct rules *rules, uint32_t count, struct rule_hit *out)
{
	uint32_t listed = 0;

	for (uint32_t nr = 0; nr < count; nr++) {
		uint64_t hits = rules_hits(rules, nr);

		if (hits > 0 || count <= HITS_WHOLE)
			out[listed++] = (struct rule_hit){ .nr = nr, .hits = hits };
	}
	return listed;
}

int secgroup_status_fill(struct secgroup *s, const struct secgroup_port *port,
			 struct secgroup_status *out, struct xvs_error *err)
{
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_relaxed);
	uint32_t count = rules ? rules_count(rules) : 0;
	struct rule_hit *hits = calloc(count + (size_t)1, sizeof(*hits));
	uint32_t listed;

	if (!hits)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	free(s->hits);
	s->hits = hits;
	listed = hits_fill(rules, count, hits);
	for (int counter = 0; counter < SECGROUP_COUNTERS; counter++)
		out->count[counter] = count_of(s, port, counter);
	out->default_in = rules ? rules_hits(rules, count + DIRECTION_IN) : 0;
	out->default_out = rules ? rules_hits(rules, count + DIRECTION_OUT) : 0;
	out->rules = (struct xvs_table){ hits, listed, sizeof(*hits) };
	return 0;
}
