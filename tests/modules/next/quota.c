/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.quota a release later, for upgrades: one that is sound, and some with which something is wrong.  A
 * macro says which; CMakeLists.txt makes a module of each.
 */
#include <stdio.h>

#include "xvs/extension.h"

/* The release before, but for what makes it a module. */
#pragma push_macro("XVS_NOTE")
#undef XVS_NOTE
#define XVS_NOTE(...) struct quota_note
#define xvs_module_1 quota_module
extern const struct xvs_module quota_module;
#include "../../../examples/extensions/quota/quota.c"
#undef xvs_module_1
#pragma pop_macro("XVS_NOTE")

#ifndef RIGHTS
#define RIGHTS 0
#endif
#ifndef CLASS
#define CLASS XVS_FILTER
#endif
#ifndef FORMAT_OLDEST
#define FORMAT_OLDEST FORMAT_BYTES
#endif
#ifndef IS_STRICT
#define IS_STRICT false
#endif
#ifndef IS_REFUSING
#define IS_REFUSING false
#endif
#ifndef IS_DROPPING
#define IS_DROPPING false
#endif
#ifndef IS_REWRITING
#define IS_REWRITING false
#endif

static int next_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		       struct xvs_error *err)
{
	if (IS_STRICT && !(args->flags & XVS_CREATE_UPGRADE)) {
		(void)snprintf(err->text, sizeof(err->text), "it is not an upgrade");
		return -EINVAL;
	}
	return create(host, args, self, err);
}

static int next_restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
			struct xvs_error *err)
{
	if (!IS_REFUSING)
		return restore(self, port_state, format, in, err);
	(void)snprintf(err->text, sizeof(err->text), "it makes nothing of that");
	return -EPROTO;
}

static void next_ingress(void *self, struct xvs_batch *b)
{
	ingress(self, b);
	for (XVS_EACH(i, IS_DROPPING ? b->live : 0))
		xvs_drop(b, i, 0);
	for (XVS_EACH(n, IS_REWRITING ? b->live : 0))
		b->pkts[n]->flags |= XVS_PKT_DIRTY;
}

static const struct xvs_state next_state = {
	.size = sizeof(next_state),
	.format_min = FORMAT_OLDEST,
	.format_max = FORMAT_PACKETS + 1,
	.save = save,
	.save_end = save_end,
	.restore = next_restore,
};

static const void *next_query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_STATE) == 0 ? &next_state : NULL;
}

static const struct xvs_ops next_ops = {
	.size = sizeof(next_ops),
	.create = next_create,
	.destroy = free,
	.port_attach = port_attach,
	.port_detach = port_detach,
	.policy_apply = policy_apply,
	.status_read = status_read,
	.ingress = CLASS == XVS_FILTER ? next_ingress : NULL,
	.query = next_query,
};

static const struct xvs_extension next_extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = CLASS,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "com.acme.quota",
	  .version = "3.0.0",
	  .vendor = "Acme",
	  .summary = "How much each machine may send",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .rights = RIGHTS,
	  .ops = &next_ops },
};

XVS_NOTE("com.acme.quota", "3.0.0", 1u << CLASS, RIGHTS);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(next_extensions),
};
