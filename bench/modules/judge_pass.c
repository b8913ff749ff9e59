/* SPDX-License-Identifier: Apache-2.0 */
/* judge_pass.c - judges each flow by its 5-tuple, and lets it pass: the shape of a rule filter. */
#include <string.h>

#include "many.h"

XVS_NOTE("org.xvs.bench.judge", "1.0.0", 1u << XVS_FILTER, 0);

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	(void)self;
	(void)b;
	(void)i;
	(void)key;
	v->action = XVS_FLOW_PASS;
	memset(v->examined.ip_src, 0xff, sizeof(v->examined.ip_src));
	memset(v->examined.ip_dst, 0xff, sizeof(v->examined.ip_dst));
	v->examined.ip_proto = 0xff;
	v->examined.l4_src = 0xffff;
	v->examined.l4_dst = 0xffff;
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

static const void *query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = many_create,
	.destroy = many_destroy,
	.query = query,
};
MANY_MODULE(ops, "org.xvs.bench.judge");
