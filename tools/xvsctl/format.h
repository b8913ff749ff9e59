/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/format.h - answers for people: tables and trees. */
#ifndef XVSCTL_FORMAT_H
#define XVSCTL_FORMAT_H

#include <jansson.h>

#include "base/str.h"

struct column {
	const char *header;
	const char *key;
	bool is_number; /* to the right */
};

/* A line of column headers, then one a row of 'rows' (a list of objects).  Ends at a NULL header. */
void format_table(struct strbuf *out, const json_t *rows, const struct column *columns,
		  const char *indent);

/* "key: value" lines, deeper ones indented: what has no form of its own. */
void format_tree(struct strbuf *out, const json_t *value, unsigned depth);

/* Control characters become '?': names and errors may come from files and extensions. */
void format_clean(struct strbuf *out, const char *text);

/* One value in one line: "yes", "a, b", "-" for none.  Control characters become '?'. */
void format_value(struct strbuf *out, const json_t *value);

/* A new list, largest numbers under 'key' first. */
json_t *format_sorted(const json_t *rows, const char *key);

#endif /* XVSCTL_FORMAT_H */
