/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/statetext.c - parts of a state whose text is long stay as text as long as each state has them.
 */
#include "control/statetext.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* {"ports": [{"policies": part}]} */
enum { LONG_TEXT = 16 << 10, PARTS_DEPTH = 3 };

struct statetext_part {
	json_t *j; /* one reference */
	char *text;
	size_t len;
	bool is_used; /* by the state that is being made */
};

static struct statetext_part *part_find(const struct statetext *t, const json_t *j)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->parts[i].j == j)
			return &t->parts[i];
	return NULL;
}

/* Takes 'text' where it is kept; without memory it is not, and made anew the next time. */
static bool part_keep(struct statetext *t, json_t *j, char *text, size_t len)
{
	struct statetext_part *grown =
		len >= LONG_TEXT ? reallocarray(t->parts, t->count + 1, sizeof(*grown)) : NULL;

	if (!grown)
		return false;
	t->parts = grown;
	t->parts[t->count++] = (struct statetext_part){ json_incref(j), text, len, true };
	return true;
}

static void part_finish(struct statetext_part *p)
{
	json_decref(p->j);
	free(p->text);
}

static void forget_unused(struct statetext *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct statetext_part *p = &t->parts[i];

		if (!p->is_used) {
			part_finish(p);
			continue;
		}
		p->is_used = false;
		t->parts[kept++] = *p;
	}
	t->count = kept;
}

/* NULL: out of memory. */
static char *part_make(struct statetext *t, json_t *j, size_t *len, bool *is_kept)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);

	*len = text ? strlen(text) : 0;
	*is_kept = text && part_keep(t, j, text, *len);
	return text;
}

static bool part_write(struct statetext *t, json_t *j, FILE *out)
{
	struct statetext_part *p = part_find(t, j);
	bool is_written;
	bool is_kept;
	size_t len;
	char *text;

	if (p) {
		p->is_used = true;
		return fwrite(p->text, 1, p->len, out) == p->len;
	}
	text = part_make(t, j, &len, &is_kept);
	is_written = text && fwrite(text, 1, len, out) == len;
	if (!is_kept)
		free(text);
	return is_written;
}

static bool value_write(struct statetext *t, json_t *j, int depth, FILE *out);

/* NOLINTNEXTLINE(misc-no-recursion): PARTS_DEPTH at most. */
static bool list_write(struct statetext *t, json_t *list, int depth, FILE *out)
{
	bool is_good = fputc('[', out) != EOF;
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		is_good = is_good && (i == 0 || fputc(',', out) != EOF) &&
			  value_write(t, one, depth, out);
	}
	return is_good && fputc(']', out) != EOF;
}

static bool key_write(const char *key, FILE *out)
{
	json_t *name = json_string(key);
	bool is_good = name && json_dumpf(name, out, JSON_ENCODE_ANY) == 0;

	json_decref(name);
	return is_good && fputc(':', out) != EOF;
}

/* NOLINTNEXTLINE(misc-no-recursion): PARTS_DEPTH at most. */
static bool object_write(struct statetext *t, json_t *object, int depth, FILE *out)
{
	bool is_good = fputc('{', out) != EOF;
	bool is_first = true;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		is_good = is_good && (is_first || fputc(',', out) != EOF) && key_write(key, out) &&
			  value_write(t, value, depth, out);
		is_first = false;
	}
	return is_good && fputc('}', out) != EOF;
}

/* NOLINTNEXTLINE(misc-no-recursion): PARTS_DEPTH at most. */
static bool value_write(struct statetext *t, json_t *j, int depth, FILE *out)
{
	if (depth > 0 && json_is_array(j))
		return list_write(t, j, depth - 1, out);
	if (depth > 0 && json_is_object(j))
		return object_write(t, j, depth - 1, out);
	return part_write(t, j, out);
}

void statetext_prepare(struct statetext *t, json_t *part)
{
	bool is_kept = true;
	size_t len;
	char *text = part_find(t, part) ? NULL : part_make(t, part, &len, &is_kept);

	if (!is_kept)
		free(text);
}

char *statetext_make(struct statetext *t, json_t *state, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	bool is_good = out && value_write(t, state, PARTS_DEPTH, out);

	if (out && fclose(out))
		is_good = false;
	forget_unused(t);
	if (is_good)
		return text;
	free(text);
	return NULL;
}

void statetext_finish(struct statetext *t)
{
	for (size_t i = 0; i < t->count; i++)
		part_finish(&t->parts[i]);
	free(t->parts);
	*t = (struct statetext){ 0 };
}
