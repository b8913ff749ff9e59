/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/reading.h - from a document to structures, by tables of keys; and back.
 *
 * Every error is collected with its place.  A document that is printed is read again as it was.
 */
#ifndef XVS_HV_READING_H
#define XVS_HV_READING_H

#include <stddef.h>

#include <jansson.h>

#include "base/node.h"

enum key_kind {
	KEY_NAME,     /* char[size] of A-Z a-z 0-9 . _ -, not beginning with . or - */
	KEY_NAMES,    /* char[max][size] of them; count at 'aux' */
	KEY_TEXT,     /* char[size] without control characters */
	KEY_PATH,     /* char[size]: absolute */
	KEY_PATHS,    /* char[max][size] of them; count at 'aux' */
	KEY_SIZE,     /* uint64_t bytes within [min, max] MiB: "512M", "10G" */
	KEY_COUNT,    /* uint32_t within [min, max] */
	KEY_BOOL,     /* bool */
	KEY_WORD,     /* an enum from 0: one of 'words'; flag at 'aux' */
	KEY_MAC,      /* uint8_t[6]; flag at 'aux' */
	KEY_UUID,     /* uint8_t[16]; flag at 'aux' */
	KEY_POLICIES, /* json_t *: a map of maps */
	KEY_LIST,     /* structures of 'section', at most 'max'; count at 'aux' */
	KEY_MAP,      /* one structure of 'section'; flag at 'aux' */
};

struct section;

struct key {
	const char *name;
	enum key_kind kind;
	bool is_required;
	uint32_t offset;
	uint32_t aux; /* 0: none */
	uint32_t size;
	uint32_t min, max, dflt;
	const char *dflt_text;
	const char *const *words; /* ends at NULL */
	const struct section *section;
};

struct section {
	const char *what; /* "disk" */
	const struct key *keys;
	size_t count;
	uint32_t bytes; /* of one structure */
};

/* For a table of keys: where a member stands, how large it is; of a list, how many there may be. */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)
#define SIZED(type, member) AT(type, member), .size = sizeof(((struct type *)0)->member)
#define LISTED(type, member, counter) \
	AT(type, member), .aux = offsetof(struct type, counter), \
			  .size = sizeof(((struct type *)0)->member[0]), \
			  .max = COUNT(((struct type *)0)->member)

/* [any] Into zeroed memory of s->bytes.  False: errors are in 'd'; what was read is there. */
bool section_read(const struct section *s, const struct node *map, void *out, struct diags *d);

/* [any] Are these the letters of a name? */
bool name_is_one(const char *text);

/* [any] A new object with all that differs from the defaults; NULL: out of memory. */
json_t *section_print(const struct section *s, const void *structure);

#endif /* XVS_HV_READING_H */
