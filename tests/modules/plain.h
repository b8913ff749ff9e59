/* SPDX-License-Identifier: Apache-2.0 */
/* plain.h - the least that an extension must have, for modules that are about something else. */
#ifndef XVS_TEST_MODULES_PLAIN_H
#define XVS_TEST_MODULES_PLAIN_H

#include "xvs/extension.h"

static int plain_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			struct xvs_error *err)
{
	static int anything;

	(void)host;
	(void)args;
	(void)err;
	*self = &anything;
	return 0;
}

static void plain_destroy(void *self)
{
	(void)self;
}

static const struct xvs_ops plain_ops = {
	.size = sizeof(plain_ops),
	.create = plain_create,
	.destroy = plain_destroy,
};

/* Members of an xvs_extension that every one of them needs. */
#define PLAIN(cls_, id_) \
	.size = sizeof(struct xvs_extension), .cls = (cls_), .id = (id_), .version = "1.0.0", \
	.vendor = "Example", .summary = "For tests", .ops = &plain_ops

#define PLAIN_MODULE(extensions_) \
	XVS_EXPORT const struct xvs_module xvs_module_1 = { .size = sizeof(xvs_module_1), \
							    .extensions = XVS_TABLE(extensions_) }

#endif /* XVS_TEST_MODULES_PLAIN_H */
