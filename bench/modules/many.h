/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many.h - sixteen extensions that differ by id alone, since one extension stands only once in a
 * chain.
 */
#ifndef XVS_BENCH_MODULES_MANY_H
#define XVS_BENCH_MODULES_MANY_H

#include "xvs/extension.h"

static int many_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		       struct xvs_error *err)
{
	static int anything;

	(void)host;
	(void)args;
	(void)err;
	*self = &anything;
	return 0;
}

static void many_destroy(void *self)
{
	(void)self;
}

#define MANY_ONE(ops_, prefix, nr) \
	{ \
		.size = sizeof(struct xvs_extension), .cls = XVS_FILTER, .id = prefix nr, \
		.version = "1.0.0", .vendor = "xvs", .summary = "For measuring", .ops = &(ops_) \
	}

#define MANY_FOUR(ops_, prefix, row) \
	MANY_ONE(ops_, prefix, row "0"), MANY_ONE(ops_, prefix, row "1"), \
		MANY_ONE(ops_, prefix, row "2"), MANY_ONE(ops_, prefix, row "3")

/* Defines the module: prefix00 .. prefix33, all with the same functions. */
#define MANY_MODULE(ops_, prefix) \
	static const struct xvs_extension many_extensions[] = { MANY_FOUR(ops_, prefix, "0"), \
								MANY_FOUR(ops_, prefix, "1"), \
								MANY_FOUR(ops_, prefix, "2"), \
								MANY_FOUR(ops_, prefix, "3") }; \
	XVS_EXPORT const struct xvs_module xvs_module_1 = { .size = sizeof(xvs_module_1), \
							    .extensions = \
								    XVS_TABLE(many_extensions) }

#endif /* XVS_BENCH_MODULES_MANY_H */
