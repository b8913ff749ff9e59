/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/yaml.c - YAML text as a document tree, from the events of libyaml.
 *
 * UTF-8 is checked here before libyaml sees the text, since it guesses other encodings and
 * reports neither line nor column for a bad byte.  Errors that leave the meaning of the rest
 * clear (a duplicate key, an alias) are collected; the first of the others ends the reading.
 */
#include "base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "base/excerpt.h"

/* A map or list that is being read. */
struct level {
	struct node *node;
	char *key; /* of a map: the key whose value comes next; else NULL */
	uint32_t key_line, key_column;
};

struct reader {
	yaml_parser_t parser;
	struct diags *diags;
	struct node *root;
	struct level levels[YAML_DEPTH_MAX];
	size_t depth;
	size_t values;
	bool has_failed; /* nothing more can be read */
};

/* ---- bytes ------------------------------------------------------------------------------------ */

static uint32_t line_of(yaml_mark_t mark)
{
	return (uint32_t)mark.line + 1;
}

static uint32_t column_of(yaml_mark_t mark)
{
	return (uint32_t)mark.column + 1;
}

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The bytes of the character at 's'; 0: not UTF-8 (RFC 3629), or NUL. */
static size_t character_len(const unsigned char *s, size_t room)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] == 0 || s[0] > 0xf4 || len == 0 || len > room)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (!is_continuation(s[i]))
			return 0;
	}
	/* Overlong forms, surrogates, and what is over 10ffff. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Line and column (in characters) of the byte at 'offset'. */
static void place_of(const char *text, size_t offset, uint32_t *line, uint32_t *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		} else if (!is_continuation((unsigned char)text[i])) {
			(*column)++;
		}
	}
}

static bool check_bytes(const char *text, size_t len, struct diags *d)
{
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t column;
	uint32_t line;
	size_t at = 0;

	while (at < len) {
		size_t step = character_len(bytes + at, len - at);

		if (step == 0)
			break;
		at += step;
	}
	if (at == len)
		return true;
	place_of(text, at, &line, &column);
	if (bytes[at] == 0)
		diag_add_at(d, line, column, "a NUL byte is not allowed in the file");
	else
		diag_add_at(d, line, column, "byte 0x%02x is not UTF-8; save the file as UTF-8",
			    bytes[at]);
	return false;
}

/* ---- tree ------------------------------------------------------------------------------------- */

static void fail(struct reader *r, yaml_mark_t mark, const char *text)
{
	diag_add_at(r->diags, line_of(mark), column_of(mark), "%s", text);
	r->has_failed = true;
}

static void fail_memory(struct reader *r)
{
	diag_add_at(r->diags, 0, 0, "out of memory");
	r->has_failed = true;
}

static struct level *innermost(struct reader *r)
{
	return r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
}

/* The map whose key the next event is, or NULL. */
static struct level *wants_key(struct reader *r)
{
	struct level *level = innermost(r);

	return level && level->node->kind == NODE_MAP && !level->key ? level : NULL;
}

static struct node *value_create(struct reader *r, enum node_kind kind, yaml_mark_t mark)
{
	struct node *n;

	if (++r->values > YAML_VALUES_MAX) {
		fail(r, mark, "the file holds more than 2097152 values");
		return NULL;
	}
	n = node_create(kind);
	if (!n) {
		fail_memory(r);
		return NULL;
	}
	n->line = line_of(mark);
	n->column = column_of(mark);
	return n;
}

/* Takes 'n'; false: it is gone. */
static bool value_attach(struct reader *r, struct node *n)
{
	struct level *level = innermost(r);
	int err;

	if (!level) {
		r->root = n;
		return true;
	}
	n->key_line = level->key_line;
	n->key_column = level->key_column;
	err = node_append(level->node, level->key, n);
	free(level->key);
	*level = (struct level){ .node = level->node };
	if (err)
		fail_memory(r);
	return err == 0;
}

static bool has_nul(const yaml_event_t *e)
{
	return strlen((const char *)e->data.scalar.value) != e->data.scalar.length;
}

static void read_key(struct reader *r, struct level *level, const yaml_event_t *e)
{
	level->key = strdup((const char *)e->data.scalar.value);
	level->key_line = line_of(e->start_mark);
	level->key_column = column_of(e->start_mark);
	if (!level->key)
		fail_memory(r);
}

/* "key:" with nothing behind is no text, "key: ''" is. */
static bool is_absent(const yaml_event_t *e)
{
	return e->data.scalar.length == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static void read_scalar(struct reader *r, const yaml_event_t *e)
{
	struct level *level = wants_key(r);
	struct node *n;

	if (has_nul(e)) {
		fail(r, e->start_mark, "a text holds a NUL, which no value may");
		return;
	}
	if (level) {
		read_key(r, level, e);
		return;
	}
	n = value_create(r, is_absent(e) ? NODE_NULL : NODE_SCALAR, e->start_mark);
	if (!n)
		return;
	if (n->kind == NODE_SCALAR)
		n->text = strdup((const char *)e->data.scalar.value);
	if (n->kind == NODE_SCALAR && !n->text) {
		node_destroy(n);
		fail_memory(r);
		return;
	}
	(void)value_attach(r, n);
}

static void enter(struct reader *r, enum node_kind kind, const yaml_event_t *e)
{
	struct node *n;

	if (wants_key(r)) {
		fail(r, e->start_mark, "a key must be plain text, not a map or a list");
		return;
	}
	if (r->depth == YAML_DEPTH_MAX) {
		fail(r, e->start_mark, "maps and lists nest deeper than 32");
		return;
	}
	n = value_create(r, kind, e->start_mark);
	if (n && value_attach(r, n))
		r->levels[r->depth++] = (struct level){ .node = n };
}

static int by_key(const void *a, const void *b)
{
	const struct node *left = *(struct node *const *)a;
	const struct node *right = *(struct node *const *)b;
	int order = strcmp(left->key, right->key);

	if (order != 0)
		return order;
	if (left->key_line != right->key_line)
		return left->key_line < right->key_line ? -1 : 1;
	return left->key_column < right->key_column ? -1 : left->key_column > right->key_column;
}

/* Sorted, since a map may have a million keys. */
static void check_duplicates(struct reader *r, const struct node *map)
{
	char shown[EXCERPT_TEXT];
	struct node **sorted;

	if (map->count < 2)
		return;
	sorted = calloc(map->count, sizeof(struct node *));
	if (!sorted) {
		fail_memory(r);
		return;
	}
	memcpy(sorted, map->items, map->count * sizeof(struct node *));
	qsort(sorted, map->count, sizeof(struct node *), by_key);
	for (size_t i = 1; i < map->count; i++) {
		const struct node *n = sorted[i];

		if (strcmp(sorted[i - 1]->key, n->key) == 0)
			diag_add_at(r->diags, n->key_line, n->key_column,
				    "key %s is given twice, before on line %u",
				    excerpt(n->key, shown), sorted[i - 1]->key_line);
	}
	free(sorted);
}

static void leave(struct reader *r)
{
	const struct level *level = &r->levels[--r->depth];

	if (level->node->kind == NODE_MAP)
		check_duplicates(r, level->node);
}

/* ---- events ----------------------------------------------------------------------------------- */

/* Anchors and tags are properties of a value that is read all the same. */
static void check_properties(struct reader *r, const yaml_event_t *e, const yaml_char_t *anchor,
			     const yaml_char_t *tag)
{
	char shown[EXCERPT_TEXT];

	if (anchor)
		diag_add_at(r->diags, line_of(e->start_mark), column_of(e->start_mark),
			    "anchor &%s is not allowed; write the value where it is needed",
			    excerpt((const char *)anchor, shown));
	if (tag)
		diag_add_at(r->diags, line_of(e->start_mark), column_of(e->start_mark),
			    "tag %s is not allowed; the schema decides the type of a value",
			    excerpt((const char *)tag, shown));
}

static void read_alias(struct reader *r, const yaml_event_t *e)
{
	char shown[EXCERPT_TEXT];
	struct node *n;

	diag_add_at(r->diags, line_of(e->start_mark), column_of(e->start_mark),
		    "alias *%s is not allowed; write the value where it is needed",
		    excerpt((const char *)e->data.alias.anchor, shown));
	if (wants_key(r)) {
		r->has_failed = true;
		return;
	}
	n = value_create(r, NODE_NULL, e->start_mark);
	if (n)
		(void)value_attach(r, n);
}

static void read_document(struct reader *r, const yaml_event_t *e)
{
	if (r->root)
		fail(r, e->start_mark, "a second document begins here; a file holds one");
	else if (e->data.document_start.version_directive ||
		 e->data.document_start.tag_directives.start !=
			 e->data.document_start.tag_directives.end)
		fail(r, e->start_mark, "directives (%YAML, %TAG) are not allowed");
}

static void read_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		read_document(r, e);
		break;
	case YAML_ALIAS_EVENT:
		read_alias(r, e);
		break;
	case YAML_SCALAR_EVENT:
		check_properties(r, e, e->data.scalar.anchor, e->data.scalar.tag);
		read_scalar(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		check_properties(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		enter(r, NODE_LIST, e);
		break;
	case YAML_MAPPING_START_EVENT:
		check_properties(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		enter(r, NODE_MAP, e);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		leave(r);
		break;
	default:
		break;
	}
}

/* What libyaml says, with its context: "did not find expected ',' or ']' (while parsing ...)". */
static void fail_parser(struct reader *r, const char *text, size_t len)
{
	const yaml_parser_t *p = &r->parser;
	uint32_t line = line_of(p->problem_mark);
	uint32_t column = column_of(p->problem_mark);

	r->has_failed = true;
	if (p->error == YAML_MEMORY_ERROR) {
		fail_memory(r);
		return;
	}
	if (p->error == YAML_READER_ERROR)
		place_of(text, p->problem_offset < len ? p->problem_offset : len, &line, &column);
	diag_add_at(r->diags, line, column, "this is not YAML: %s%s%s%s",
		    p->problem ? p->problem : "it cannot be read", p->context ? " (" : "",
		    p->context ? p->context : "", p->context ? ")" : "");
}

static void read_events(struct reader *r, const char *text, size_t len)
{
	bool is_done = false;

	while (!is_done && !r->has_failed) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event)) {
			fail_parser(r, text, len);
			return;
		}
		read_event(r, &event);
		is_done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
}

static struct node *parse(const char *text, size_t len, struct diags *d)
{
	struct reader r = { .diags = d };
	size_t before = d->count;

	if (!yaml_parser_initialize(&r.parser)) {
		diag_add_at(d, 0, 0, "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	read_events(&r, text, len);
	yaml_parser_delete(&r.parser);
	while (r.depth > 0)
		free(r.levels[--r.depth].key);
	if (!r.root && d->count == before)
		r.root = node_create(NODE_NULL);
	if (d->count == before)
		return r.root;
	node_destroy(r.root);
	return NULL;
}

struct node *yaml_read(const char *text, size_t len, struct diags *d)
{
	static const char mark[3] = "\xef\xbb\xbf"; /* some editors begin a file with it */

	if (len > YAML_BYTES_MAX) {
		diag_add_at(d, 0, 0, "the document is larger than 64 MiB");
		return NULL;
	}
	if (len >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0) {
		text += sizeof(mark);
		len -= sizeof(mark);
	}
	return check_bytes(text, len, d) ? parse(text, len, d) : NULL;
}

/* ---- files ------------------------------------------------------------------------------------ */

/* All of a file, also of a pipe, which does not say how long it is; 0 or -errno. */
static int read_whole(int fd, char **text, size_t *len)
{
	enum { STEP = 1 << 16 };
	size_t room = 0;
	ssize_t got = 1;

	while (got > 0 && *len <= YAML_BYTES_MAX) {
		if (*len == room) {
			char *grown = realloc(*text, room ? room * 2 : STEP);

			if (!grown)
				return -ENOMEM;
			*text = grown;
			room = room ? room * 2 : STEP;
		}
		got = read(fd, *text + *len, room - *len);
		if (got < 0 && errno != EINTR)
			return -errno;
		*len += got > 0 ? (size_t)got : 0;
		got = got < 0 ? 1 : got;
	}
	return 0;
}

struct node *yaml_read_file(const char *path, struct diags *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct node *root = NULL;
	char *text = NULL;
	size_t len = 0;
	int err = fd < 0 ? -errno : read_whole(fd, &text, &len);

	d->file = path;
	if (fd >= 0)
		(void)close(fd);
	if (err)
		diag_add_at(d, 0, 0, "%s cannot be read: %s", path, strerror(-err));
	else
		root = yaml_read(text, len, d);
	free(text);
	return root;
}
