/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/error.h - filling struct xvs_error with one sentence for the operator.
 */
#ifndef XVS_BASE_ERROR_H
#define XVS_BASE_ERROR_H

#include "xvs/abi.h"

/* An error on the stack, ready to be filled. */
#define ERROR_INIT \
	{ \
		.size = sizeof(struct xvs_error) \
	}

/*
 * [any] Records why something was refused and returns 'code' (a negative errno), so that
 * callers write "return error_set(err, -EINVAL, "", "...")".  'err' may be NULL.
 */
int error_set(struct xvs_error *err, int code, const char *field, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* [any] Puts "format: " in front of the text that is there already; returns err->code. */
int error_context(struct xvs_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* XVS_BASE_ERROR_H */
