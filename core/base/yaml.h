/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/yaml.h - YAML text as a document tree in which every value knows its line and column.
 *
 * Types are the schema's business: every scalar stays the text that was written ("no" is text
 * until a field asks for a bool); only a value that is not there at all is NODE_NULL.  Whatever a
 * person could not read off the page is refused: anchors, aliases, tags, several documents,
 * duplicate keys; and what is too deep, too large, or not UTF-8.
 */
#ifndef XVS_BASE_YAML_H
#define XVS_BASE_YAML_H

#include "base/node.h"

enum {
	YAML_DEPTH_MAX = 32,
	YAML_BYTES_MAX = 64 << 20,
	YAML_VALUES_MAX = 1 << 21, /* so that 64 MiB of "[,,," do not become gigabytes of tree */
};

/*
 * [control] NULL on any error; the errors are in 'd'.  An empty document is a NODE_NULL.
 * d->file is not touched: set it for messages with a file name.
 */
struct node *yaml_read(const char *text, size_t len, struct diags *d);

/* [control] The same for a file; sets d->file to 'path', which is borrowed. */
struct node *yaml_read_file(const char *path, struct diags *d);

#endif /* XVS_BASE_YAML_H */
