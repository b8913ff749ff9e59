/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/texts.c - a walk through the lists of a value that only enters those with such a field.  The
 * path is written for those alone that are shown: there may be a hundred thousand rules.
 */
#include "policy/texts.h"

#include <stdio.h>

#include "policy/field.h"

/* An element of a list, and in which element that list is. */
struct element {
	const struct element *above; /* NULL: the value itself */
	const char *list;
	uint32_t idx;
};

struct walk {
	uint16_t flag;
	text_fn visit;
	void *arg;
	bool is_over;
};

static bool has_texts(const struct xvs_table *fields, uint16_t flag)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);

		if (f->type == XVS_LIST ? has_texts(&f->fields, flag) : (f->flags & flag) != 0)
			return true;
	}
	return false;
}

bool feature_has_texts(const struct xvs_feature *f, uint16_t flag)
{
	return has_texts(&f->fields, flag);
}

static size_t print_path(const struct element *at, char out[TEXT_PATH])
{
	size_t len = at->above ? print_path(at->above, out) : 0;
	int more = snprintf(out + len, TEXT_PATH - len, "%s[%u].", at->list, at->idx);

	len += (size_t)more;
	return len < TEXT_PATH ? len : TEXT_PATH - 1;
}

static void show(struct walk *w, const struct element *at, const struct xvs_field *f,
		 const char *text)
{
	char path[TEXT_PATH];
	size_t len = at ? print_path(at, path) : 0;

	(void)snprintf(path + len, sizeof(path) - len, "%s", f->name);
	w->is_over = !w->visit(w->arg, path, text);
}

static void walk_fields(struct walk *w, const struct xvs_table *fields, const void *structure,
			const struct element *at);

static void walk_list(struct walk *w, const struct xvs_field *f, const void *structure,
		      const struct element *above)
{
	const struct xvs_table *list = field_of(f, structure);
	struct element at = { .above = above, .list = f->name };

	if (!has_texts(&f->fields, w->flag))
		return;
	for (; at.idx < list->count && !w->is_over; at.idx++)
		walk_fields(w, &f->fields, table_at(list, at.idx), &at);
}

static void walk_fields(struct walk *w, const struct xvs_table *fields, const void *structure,
			const struct element *at)
{
	for (size_t i = 0; i < fields->count && !w->is_over; i++) {
		const struct xvs_field *f = field_at(fields, i);
		const char *text = field_of(f, structure);

		if (f->type == XVS_LIST)
			walk_list(w, f, structure, at);
		else if (f->type == XVS_TEXT && f->flags & w->flag && text[0] != '\0')
			show(w, at, f, text);
	}
}

void value_texts(const struct value *v, uint16_t flag, text_fn visit, void *arg)
{
	struct walk w = { flag, visit, arg, false };

	walk_fields(&w, &v->feature->fields, v->bytes, NULL);
}
