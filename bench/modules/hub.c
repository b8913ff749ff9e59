/* SPDX-License-Identifier: Apache-2.0 */
/* hub.c - every packet goes to every other port: with three ports, a mirror of all traffic. */
#include "one.h"

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	(void)self;
	(void)b;
	(void)i;
	(void)key;
	v->dest = XVS_DEST_FLOOD;
}

static void forward(void *self, struct xvs_batch *b)
{
	(void)self;
	for (XVS_EACH(i, b->live))
		b->dest[i] = XVS_DEST_FLOOD;
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

ONE_MODULE(XVS_FORWARD, "org.xvs.bench.hub", flow, one_create, one_destroy, .forward = forward);
