/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c - is shown one packet in a thousand of every flow, as sFlow and IPFIX are. */
#include "one.h"

enum { ONE_IN = 1000 };

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	(void)self;
	(void)b;
	(void)i;
	(void)key;
	v->action = XVS_FLOW_WATCH;
	v->sample = ONE_IN;
}

/* Reads what a sample would be made of. */
static void inspect(void *self, const struct xvs_batch *b)
{
	uint64_t bytes = 0;

	(void)self;
	for (XVS_EACH(i, b->live))
		bytes += b->pkts[i]->len + b->pkts[i]->data[0];
	__asm__ volatile("" : : "r"(bytes)); /* or the compiler would read nothing */
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

ONE_MODULE(XVS_INSPECT, "org.xvs.bench.sampler", flow, one_create, one_destroy, .inspect = inspect);
