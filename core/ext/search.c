/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/search.c - from the id of an extension to the file that holds it.
 *
 * Notes are read first, without loading: a file whose note carries the id itself is tried before
 * all others, so that in the usual case nothing else is loaded.
 */
#include "ext/module.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ext/module_file.h"

/* Growing array of strings that it owns. */
struct strings {
	char **items;
	size_t count;
	size_t room;
};

struct search {
	const char *id;
	const struct module_places *places;
	struct strings paths; /* all candidates, in order */
	struct strings ids;   /* of extensions that were met */
	size_t refused_count;
	size_t untrusted_count;     /* of them, for their signature, */
	struct xvs_error untrusted; /* the first of these */
	struct xvs_error refused;   /* the first, or that of a file whose note has the id */
	bool refused_is_it;
};

static int strings_add(struct strings *s, const char *text)
{
	char *copy;

	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		char **items = reallocarray(s->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		s->items = items;
		s->room = room;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	s->items[s->count++] = copy;
	return 0;
}

static void strings_finish(struct strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
}

static int string_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_of_trust(int code)
{
	return code == -ENOKEY || code == -EBADMSG || code == -EKEYEXPIRED;
}

/* By the name of the file alone: there is room for one sentence, and the folder may be a long way down. */
static const char *without_folder(const char *path, const struct xvs_error *err)
{
	const char *name = path ? strrchr(path, '/') : NULL;
	size_t folder = name ? (size_t)(name + 1 - path) : 0;

	return folder && strlen(err->text) > folder && strncmp(err->text, path, folder) == 0
		       ? err->text + folder
		       : err->text;
}

static void search_refuse(struct search *s, const char *path, const struct xvs_error *err,
			  bool is_it)
{
	if (is_of_trust(err->code) && s->untrusted_count++ == 0)
		(void)error_set(&s->untrusted, err->code, "", "%s", without_folder(path, err));
	s->refused_count++;
	if (s->refused_count > 1 && (!is_it || s->refused_is_it))
		return;
	(void)error_set(&s->refused, err->code, err->field, "%s",
			is_it ? err->text : without_folder(path, err));
	s->refused_is_it = is_it;
}

/* The paths of one folder, sorted among themselves.  A folder that does not exist holds none. */
static int folder_add(struct search *s, const char *dir)
{
	size_t first = s->paths.count;
	const struct dirent *entry;
	DIR *folder = opendir(dir);
	int code = 0;

	if (!folder) {
		struct xvs_error err = ERROR_INIT;

		if (errno == ENOENT)
			return 0;
		(void)error_set(&err, -errno, "", "%s: cannot be opened: %s", dir, strerror(errno));
		search_refuse(s, NULL, &err, false);
		return 0;
	}
	while (code == 0 && (entry = readdir(folder))) {
		struct strbuf path = { 0 };

		if (!module_file_is_name(entry->d_name))
			continue;
		strbuf_add(&path, "%s/%s", dir, entry->d_name);
		code = path.failed ? -ENOMEM : strings_add(&s->paths, path.text);
		strbuf_finish(&path);
	}
	(void)closedir(folder);
	if (s->paths.count > first)
		qsort(s->paths.items + first, s->paths.count - first, sizeof(char *),
		      string_compare);
	return code;
}

/* Has the note the very id?  Not where it cannot be read, or must not be for want of a signature. */
static bool note_has_id(const struct search *s, const char *path)
{
	struct minisign_proof proof;
	struct module_note note;

	return module_verify(path, s->places->trust, &note, &proof, NULL) == 0 &&
	       strcmp(note.id, s->id) == 0;
}

/* Loads one candidate; true if it holds the extension. */
static bool candidate_try(struct search *s, const char *path, bool is_it, struct module **out,
			  const struct extension **ext)
{
	struct xvs_error err = ERROR_INIT;
	const struct extension *all;
	struct module *m;
	uint32_t count;

	if ((s->places->is_isolated ? module_load_isolated : module_load)(
		    path, s->places->trust, s->places->has_interface, &m, &err)) {
		search_refuse(s, path, &err, is_it);
		return false;
	}
	all = module_extensions(m, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(all[i].id, s->id) == 0) {
			*out = m;
			*ext = &all[i];
			return true;
		}
		/* Only for the nearest id in a message: not worth an error of its own. */
		(void)strings_add(&s->ids, all[i].id);
	}
	module_put(m);
	return false;
}

/* First those whose note has the id, then the others. */
static bool candidates_try(struct search *s, struct module **out, const struct extension **ext)
{
	bool *has_id = calloc(s->paths.count + 1, sizeof(*has_id));
	bool found = false;

	for (size_t i = 0; has_id && i < s->paths.count && !found; i++) {
		has_id[i] = note_has_id(s, s->paths.items[i]);
		if (has_id[i])
			found = candidate_try(s, s->paths.items[i], true, out, ext);
	}
	for (size_t i = 0; i < s->paths.count && !found; i++) {
		if (!has_id || !has_id[i])
			found = candidate_try(s, s->paths.items[i], false, out, ext);
	}
	free(has_id);
	return found;
}

static int not_found(const struct search *s, struct xvs_error *err)
{
	const char *nearest = str_nearest(s->id, (const char *const *)s->ids.items, s->ids.count);
	struct strbuf where = { 0 };
	const char *names;

	for (size_t i = 0; i < s->places->dir_count; i++)
		strbuf_add(&where, "%s%s", i ? ", " : "", s->places->dirs[i]);
	names = where.text ? where.text : "an empty search path";

	if (s->refused_is_it)
		*err = s->refused;
	else if (s->untrusted_count)
		(void)error_set(err, -ENOKEY, "", "extension %s: %s%s", s->id, s->untrusted.text,
				s->untrusted_count > 1 ? "; so are others" : "");
	else if (nearest)
		(void)error_set(err, -ENOENT, "",
				"extension %s: no file in %s has it; the nearest is %s", s->id,
				names, nearest);
	else if (s->refused_count)
		(void)error_set(err, -ENOENT, "", "extension %s: no file has it; %zu %s: %s", s->id,
				s->refused_count,
				s->refused_count == 1 ? "was refused" : "were refused, one",
				s->refused.text);
	else
		(void)error_set(err, -ENOENT, "", "extension %s: no file in %s has it", s->id,
				names);
	strbuf_finish(&where);
	return err->code;
}

int module_find(const struct module_places *places, const char *extension_id, struct module **out,
		const struct extension **ext, struct xvs_error *err)
{
	struct search s = {
		.id = extension_id,
		.places = places,
		.refused = ERROR_INIT,
		.untrusted = ERROR_INIT,
	};
	struct xvs_error unused = ERROR_INIT;
	int code = 0;

	if (!err)
		err = &unused;
	for (size_t i = 0; code == 0 && i < places->dir_count; i++)
		code = folder_add(&s, places->dirs[i]);
	if (code)
		(void)error_set(err, code, "", "extension %s: out of memory", extension_id);
	else if (!candidates_try(&s, out, ext))
		code = not_found(&s, err);
	strings_finish(&s.ids);
	strings_finish(&s.paths);
	return code;
}
