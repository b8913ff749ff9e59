/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/field.h - what a field of a policy takes of the structure that it lies in.
 */
#ifndef XVS_BASE_FIELD_H
#define XVS_BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "xvs/extension.h"

/* [any] Bytes that it takes in its structure; 0: a type that this host does not know. */
static inline size_t field_size(const struct xvs_field *f)
{
	switch (f->type) {
	case XVS_BOOL:
		return sizeof(bool);
	case XVS_U32:
	case XVS_ENUM:
		return sizeof(uint32_t);
	case XVS_U64:
		return sizeof(uint64_t);
	case XVS_TEXT:
		return f->max;
	case XVS_MAC:
		return 6;
	case XVS_IP:
		return sizeof(struct xvs_ip);
	case XVS_LIST:
		return sizeof(struct xvs_table);
	default:
		return 0;
	}
}

static inline size_t field_alignment(const struct xvs_field *f)
{
	switch (f->type) {
	case XVS_U32:
	case XVS_ENUM:
		return _Alignof(uint32_t);
	case XVS_U64:
		return _Alignof(uint64_t);
	case XVS_LIST:
		return _Alignof(struct xvs_table);
	default:
		return 1;
	}
}

/* [any] Of two that lie within their structure. */
static inline bool fields_overlap(const struct xvs_field *a, const struct xvs_field *b)
{
	return a->offset < b->offset + field_size(b) && b->offset < a->offset + field_size(a);
}

#endif /* XVS_BASE_FIELD_H */
