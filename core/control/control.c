/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/control.c - the configuration file's way into force.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/yaml.h"
#include "config/check.h"
#include "config/document.h"
#include "control/origin.h"

bool control_last_good(const struct control *c, char **text, char **name)
{
	const char *record = changelog_file(c->log);
	json_t *file = record ? json_loads(record, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *kept = json_string_value(json_object_get(file, "text"));
	const char *kept_name = json_string_value(json_object_get(file, "name"));
	char *text_copy = kept ? strdup(kept) : NULL;
	char *name_copy = kept_name ? strdup(kept_name) : NULL;

	json_decref(file);
	if (!text_copy || !name_copy) {
		free(text_copy);
		free(name_copy);
		return false;
	}
	*text = text_copy;
	*name = name_copy;
	return true;
}

/* ---- reading --------------------------------------------------------------------------------------- */

struct config_spec *control_read_partly(const struct config_text *t, struct diags *d)
{
	struct config_spec *spec;
	struct node *root;

	d->file = t->name;
	/* Cut off by a full disk, most likely: to take everything down is asked for otherwise. */
	if (t->len == 0) {
		diag_add(
			d, NULL,
			"configuration %s: it is empty; write \"switches: []\" where nothing is wanted",
			t->name);
		return NULL;
	}
	root = yaml_read(t->text, t->len, d);
	if (!root)
		return NULL;
	spec = document_read_partly(root, d);
	node_destroy(root);
	return spec;
}

void control_check_rest(struct world *w, const struct config_spec *spec, struct diags *d)
{
	world_check_documents(w, spec, d);
	document_sort(d, 0);
}

struct config_spec *control_read(const struct config_text *t, struct world *w, struct diags *d)
{
	struct config_spec *spec = control_read_partly(t, d);

	if (d->count == 0)
		return spec;
	if (spec && w)
		control_check_rest(w, spec, d);
	config_spec_destroy(spec);
	return NULL;
}

/* NULL: *why says it. */
static char *load_open(FILE *f, size_t *len, const char **why)
{
	struct stat st;
	char *text;

	if (fstat(fileno(f), &st)) {
		*why = strerror(errno);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > YAML_BYTES_MAX) {
		*why = S_ISREG(st.st_mode) ? "it is larger than 64 MiB" : "it is no regular file";
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	if (!text) {
		*why = "out of memory";
		return NULL;
	}
	*len = fread(text, 1, (size_t)st.st_size, f);
	text[*len] = '\0';
	if (ferror(f)) {
		*why = strerror(errno);
		free(text);
		return NULL;
	}
	return text;
}

char *control_load(const char *path, size_t *len, struct diags *d)
{
	/* Without O_NONBLOCK a pipe of that name would stop the switch until somebody writes to it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	const char *why = f ? NULL : strerror(errno);
	char *text = f ? load_open(f, len, &why) : NULL;

	if (!text)
		diag_add(d, NULL, "configuration %s: it cannot be read: %s", path, why);
	if (f)
		(void)fclose(f);
	else if (fd >= 0)
		(void)close(fd);
	return text;
}

/* ---- applying -------------------------------------------------------------------------------------- */

/* What of the daemon's own section differs from the start: "daemon.workers, daemon.flows"; given. */
static char *waiting_keys(const struct daemon_spec *now, const struct daemon_spec *next)
{
	const struct {
		const char *key;
		bool differs;
	} all[] = {
		{ "daemon.workers", now->workers != next->workers },
		{ "daemon.polling", now->polling != next->polling },
		{ "daemon.flows", now->flows != next->flows },
		{ "daemon.connections", now->connections != next->connections },
	};
	struct strbuf keys = { 0 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].differs)
			strbuf_add(&keys, "%s%s", keys.text ? ", " : "", all[i].key);
	}
	return keys.text;
}

/* What of the text does not count yet is remarked; o->note is in the outcome already. */
static void remark(struct origin *o, struct outcome *told, char note[PROBLEM_TEXT])
{
	char *keys = waiting_keys(&o->control->wanted, &o->wanted);

	if (!keys)
		return;
	(void)snprintf(note, PROBLEM_TEXT, "%s%s%s count%s from the next start on",
		       told->note ? told->note : "", told->note ? "; " : "", keys,
		       strchr(keys, ',') ? "" : "s");
	told->note = note;
	free(keys);
}

static void on_applied(void *arg, const struct outcome *outcome)
{
	struct origin *o = arg;
	struct outcome told = *outcome;
	char note[PROBLEM_TEXT];

	if (told.code == 0 && !o->is_dry_run)
		o->control->problems.config[0] = '\0';
	if (told.code == 0)
		remark(o, &told, note);
	o->done(o->arg, &told);
	origin_destroy(o);
}

void control_apply(struct control *c, const struct config_text *t, bool drop_overlays,
		   struct origin *o)
{
	struct diags d = { .count = 0 };
	struct config_spec *spec = control_read(t, c->world, &d);
	struct wish wish = origin_wish(o);

	if (!spec) {
		origin_refuse(o, -EINVAL, &d);
		return;
	}
	if (origin_set_file(o, t->text, t->len, t->name)) {
		diag_add(&d, NULL, "out of memory");
		config_spec_destroy(spec);
		origin_refuse(o, -ENOMEM, &d);
		return;
	}
	o->wanted = spec->daemon;
	o->wanted.cores = NULL;
	wish.done = on_applied;
	world_apply(c->world, spec, drop_overlays, o->name, &wish);
}

void control_reload(struct control *c, bool drop_overlays, struct origin *o)
{
	struct config_text t = { .name = c->config_file };
	struct diags d = { .count = 0 };
	char *text;

	if (!c->config_file) {
		diag_add(&d, NULL,
			 "this daemon was started without --config: there is no file to load");
		origin_refuse(o, -ENOENT, &d);
		return;
	}
	text = control_load(c->config_file, &t.len, &d);
	if (!text) {
		origin_refuse(o, -EINVAL, &d);
		return;
	}
	t.text = text;
	control_apply(c, &t, drop_overlays, o);
	free(text);
}
