/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/scalar.h - one value that is not a list: from text, to text.
 */
#ifndef XVS_POLICY_SCALAR_H
#define XVS_POLICY_SCALAR_H

#include <jansson.h>

#include "base/str.h"
#include "xvs/extension.h"

/* [any] Decimal, or hexadecimal with 0x; nothing else around it.  False also if over 64 bits. */
bool number_parse(const char *text, uint64_t *number);
/* [any] true, yes, on; false, no, off. */
bool bool_parse(const char *text, bool *value);

/* [any] False: 'to' is as it was, scalar_expects() says what would be right. */
bool scalar_read(const struct xvs_field *f, const char *text, void *to);
void scalar_default(const struct xvs_field *f, void *to);

/* [any] "1..1000", "one of any, tcp, udp", "a MAC address as 52:54:00:00:00:01" */
void scalar_expects(const struct xvs_field *f, struct strbuf *out);

/* [control] Never fails on what an extension put there; NULL: out of memory. */
json_t *scalar_json(const struct xvs_field *f, const void *from);
/* [any] For a value that scalar_read() could read back. */
void scalar_print(const struct xvs_field *f, const void *from, struct strbuf *out);
/* [any] Of U32, U64 and ENUM. */
uint64_t scalar_number(const struct xvs_field *f, const void *from);
bool scalar_equal(const struct xvs_field *f, const void *a, const void *b);

#endif /* XVS_POLICY_SCALAR_H */
