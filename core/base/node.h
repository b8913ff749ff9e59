/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/node.h - a document as a tree with positions: what the YAML reader and the RPC server make,
 * and what schemas decode.  And diagnostics: all errors of a document, not only the first.
 *
 * Scalars stay text; the schema decides their type.
 */
#ifndef XVS_BASE_NODE_H
#define XVS_BASE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xvs/abi.h"

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_MAP, NODE_LIST };

struct node {
	enum node_kind kind;
	uint32_t line, column; /* 1-based; 0: not from a file */
	char *key;             /* of an element of a map; else NULL */
	uint32_t key_line, key_column;
	char *text;          /* scalar */
	struct node **items; /* map and list */
	size_t count;
	uint32_t sharers; /* further lists that this element is in; see node_copy() */
};

struct node *node_create(enum node_kind kind); /* NULL: out of memory */
struct node *node_scalar(const char *text);
/*
 * Deep, but elements of lists, of which there may be 100,000, are shared: nobody changes one that
 * is in a list.  By one thread at a time.
 */
struct node *node_copy(const struct node *n);
void node_destroy(struct node *n); /* deep; NULL is fine */
/* Takes 'child', freed on -ENOMEM; NULL is -ENOMEM, so node_scalar() may be passed as it is. */
int node_append(struct node *parent, const char *key, struct node *child);
struct node *node_get(const struct node *map, const char *key); /* NULL: not there, no map */
bool node_remove(struct node *map, const char *key);
bool node_equal(const struct node *a, const struct node *b); /* positions do not count */

/* Deep merge of maps: scalars and lists of 'over' replace those of 'base'.  A new tree. */
struct node *node_merge(const struct node *base, const struct node *over);

enum { DIAG_MAX = 100 };

struct diag {
	uint32_t line, column;
	char text[300]; /* whole sentence, without position */
};

/* Collects up to DIAG_MAX errors; counts all. */
struct diags {
	const char *file; /* borrowed; NULL: no file */
	struct diag items[DIAG_MAX];
	size_t count;
};
void diag_add(struct diags *d, const struct node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diag_add_at(struct diags *d, uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* "file:line:column: text", or text alone. */
const char *diag_print(const struct diags *d, size_t index, char *out, size_t size);

#endif /* XVS_BASE_NODE_H */
