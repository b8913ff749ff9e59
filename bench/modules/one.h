/* SPDX-License-Identifier: Apache-2.0 */
/* one.h - a module of one extension without settings or state, for measuring. */
#ifndef XVS_BENCH_MODULES_ONE_H
#define XVS_BENCH_MODULES_ONE_H

#include <string.h>

#include "xvs/extension.h"

static inline int one_create(const struct xvs_host *host, const struct xvs_create *args,
			     void **self, struct xvs_error *err)
{
	static int anything;

	(void)host;
	(void)args;
	(void)err;
	*self = &anything;
	return 0;
}

static inline void one_destroy(void *self)
{
	(void)self;
}

/*
 * Defines the module: an extension that judges flows by 'flow_'; create and destroy are one_create and
 * one_destroy where there is nothing to keep.
 */
#define ONE_MODULE(cls_, id_, flow_, create_, destroy_, seen_) \
	static const void *one_query(void *self, const char *id) \
	{ \
		(void)self; \
		return strcmp(id, XVS_FLOW) == 0 ? &(flow_) : NULL; \
	} \
	static const struct xvs_ops one_ops = { .size = sizeof(one_ops), \
						.create = create_, \
						.destroy = destroy_, \
						.query = one_query, \
						seen_ }; \
	static const struct xvs_extension one_extension[] = { { .size = sizeof( \
									struct xvs_extension), \
								.cls = (cls_), \
								.id = id_, \
								.version = "1.0.0", \
								.vendor = "xvs", \
								.summary = "For measuring", \
								.ops = &one_ops } }; \
	XVS_EXPORT const struct xvs_module xvs_module_1 = { .size = sizeof(xvs_module_1), \
							    .extensions = \
								    XVS_TABLE(one_extension) }; \
	XVS_NOTE(id_, "1.0.0", 1u << (cls_), 0)

#endif /* XVS_BENCH_MODULES_ONE_H */
