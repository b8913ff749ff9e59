/* SPDX-License-Identifier: Apache-2.0 */
/* batch_noop.c - is given every batch on its way in, and does nothing: the cost of the call. */
#include "many.h"

XVS_NOTE("org.xvs.bench.noop", "1.0.0", 1u << XVS_FILTER, 0);

static void ingress(void *self, struct xvs_batch *b)
{
	(void)self;
	(void)b;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = many_create,
	.destroy = many_destroy,
	.ingress = ingress,
};
MANY_MODULE(ops, "org.xvs.bench.noop");
