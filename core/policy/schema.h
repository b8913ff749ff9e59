/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/schema.h - from a field table to everything: decode, check, print, help, JSON Schema.
 *
 * Built-in features and extensions' features go through the same functions.  A decoded value is
 * one plain C structure as the feature's field table describes it; its lists are in memory of the
 * same value.  Unknown and duplicate keys, values out of range and missing REQUIRED fields are
 * errors with the position in the document, the field's path ("rules[3].proto") and what would be
 * right; an unknown key names the nearest known one.
 */
#ifndef XVS_POLICY_SCHEMA_H
#define XVS_POLICY_SCHEMA_H

#include <jansson.h>

#include "base/node.h"
#include "base/str.h"
#include "xvs/extension.h"

/* A decoded value; immutable.  Shared by reference count (control thread only). */
struct value {
	const struct xvs_feature *feature;
	void *bytes; /* the structure that extensions get */
	size_t refs;
	struct value_chunk *chunks; /* lists */
};

/*
 * [control] NULL on any error: all are in 'd', each text begins with "<what>: " where 'what' names
 * the object ("port web-1: policy com.example.guard/1").  node may be NULL or an empty map: all
 * defaults.
 */
struct value *value_decode(const struct xvs_feature *f, const struct node *node, const char *what,
			   struct diags *d);
/* The same of a document of one level, which need not name REQUIRED fields. */
struct value *value_decode_part(const struct xvs_feature *f, const struct node *node,
				const char *what, struct diags *d);
struct value *value_ref(struct value *v);
void value_put(struct value *v); /* NULL is fine */
bool value_equal(const struct value *a, const struct value *b);

/* [control] As the operator would write it; SECRET fields print as "***" unless 'secrets'. */
json_t *value_json(const struct xvs_feature *f, const void *bytes, bool secrets);
struct node *value_node(const struct xvs_feature *f, const void *bytes);
/*
 * The same as a document that decodes to an equal value: fields that cannot be written (an address that
 * is not there) are left out, and of elements of lists those with their default.
 */
struct node *value_document(const struct xvs_feature *f, const void *bytes);
/* The same as JSON, with secrets. */
json_t *value_document_json(const struct xvs_feature *f, const void *bytes);

/* [control] "rate_kbps=5 burst=2" of the command line: FIELD=VALUE into a node tree; lists as JSON text. */
struct node *node_from_assignments(const char *const *assignments, size_t count, struct diags *d);

/* [control] Human help of one feature or one field. */
void schema_help(const struct xvs_feature *f, struct strbuf *out);
/* [control] One field, "rules" or "rules.proto"; -ENOENT: there is none. */
int schema_help_field(const struct xvs_feature *f, const char *field, struct strbuf *out);
/* [control] JSON Schema (2020-12) of one feature. */
json_t *schema_json(const struct xvs_feature *f);

/* [any] For start-up of built-ins, loading of modules and tests: is this field table sound? */
int schema_check(const struct xvs_feature *f, struct xvs_error *err);

/* [any] "com.example.guard/1", and the same without revision. */
bool feature_id_valid(const char *id);
/* The first, or a field of it: "com.example.guard/1.burst"; at most FEATURE_OR_FIELD_MAX bytes. */
enum { FEATURE_OR_FIELD_MAX = 127 };
bool feature_or_field_valid(const char *text);
bool extension_id_valid(const char *id);

/* JSON <-> node.  Bounded depth; numbers and booleans become their text. */
struct node *node_from_json(const json_t *j, struct diags *d);
json_t *node_to_json(const struct node *n);

#endif /* XVS_POLICY_SCHEMA_H */
