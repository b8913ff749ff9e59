/* SPDX-License-Identifier: Apache-2.0 */
/* conn_allow.c - a firewall that allows every connection: what is left is the host's tracker. */
#include <string.h>

#include "one.h"

static void authorise(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_conn *c,
		      struct xvs_conn_verdict *v)
{
	(void)self;
	(void)b;
	(void)i;
	(void)c;
	v->action = XVS_CONN_ALLOW;
}

static const struct xvs_conn_ops conn = { .size = sizeof(conn), .authorise = authorise };

static const void *query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_CONN) == 0 ? &conn : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = one_create,
	.destroy = one_destroy,
	.query = query,
};

static const struct xvs_extension extensions[] = { {
	.size = sizeof(struct xvs_extension),
	.cls = XVS_FIREWALL,
	.id = "org.xvs.bench.allow",
	.version = "1.0.0",
	.vendor = "xvs",
	.summary = "For measuring",
	.ops = &ops,
} };

XVS_EXPORT const struct xvs_module xvs_module_1 = { .size = sizeof(xvs_module_1),
						    .extensions = XVS_TABLE(extensions) };
XVS_NOTE("org.xvs.bench.allow", "1.0.0", 1u << XVS_FIREWALL, 0);
