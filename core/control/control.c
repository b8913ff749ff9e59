/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/control.c - the configuration file's way into force, and what is remembered of it.
 */
#include "control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "config/check.h"
#include "config/document.h"
#include "config/yaml.h"

struct applying {
	struct control *control;
	char *text;
	char *name;
	struct daemon_spec wanted; /* without cores */
	outcome_fn done;
	void *arg;
};

/* ---- the journal ----------------------------------------------------------------------------------- */

/* 'why' NULL: it is kept.  What could not be stays a problem until it is. */
static void journal_judge(struct control *c, enum record_kind kind, const char *why)
{
	if (!why) {
		c->unkept &= ~(1u << kind);
		if (!c->unkept)
			c->problems.journal[0] = '\0';
		return;
	}
	c->unkept |= 1u << kind;
	(void)snprintf(c->problems.journal, sizeof(c->problems.journal),
		       "%s: changes are in force, but a restart forgets them; mend that, then "
		       "\"xvsctl config reload\"",
		       why);
	log_error("%s", c->problems.journal);
}

/*
 * Takes 'value'.  A change is not undone because it cannot be kept: the answer, the log and the
 * status say so.
 */
static void keep(struct control *c, enum record_kind kind, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	struct xvs_error err = ERROR_INIT;
	int code;

	if (text)
		code = journal_put(c->journal, kind, text, strlen(text), &err);
	else
		code = error_set(&err, -ENOMEM, "", "state directory %s: out of memory",
				 c->state_dir);
	journal_judge(c, kind, code ? err.text : NULL);
	free(text);
	json_decref(value);
}

void control_changed(void *control)
{
	struct control *c = control;

	keep(c, RECORD_STATE, world_snapshot(c->world));
}

bool control_last_good(const struct control *c, char **text, char **name)
{
	const char *record = journal_get(c->journal, RECORD_FILE, NULL);
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

static void applying_destroy(struct applying *a)
{
	if (!a)
		return;
	free(a->text);
	free(a->name);
	free(a);
}

static struct applying *applying_create(struct control *c, const struct config_text *t)
{
	struct applying *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->control = c;
	a->text = strndup(t->text, t->len);
	a->name = strdup(t->name);
	if (!a->text || !a->name) {
		applying_destroy(a);
		return NULL;
	}
	return a;
}

static void refuse(const struct diags *d, int code, outcome_fn done, void *arg)
{
	struct outcome o = { .code = code, .d = d };

	done(arg, &o);
}

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
	};
	struct strbuf keys = { 0 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i].differs)
			strbuf_add(&keys, "%s%s", keys.text ? ", " : "", all[i].key);
	}
	return keys.text;
}

static void on_applied(void *arg, const struct outcome *o)
{
	struct applying *a = arg;
	struct control *c = a->control;
	struct outcome told = *o;
	char note[PROBLEM_TEXT];
	char *keys = NULL;

	if (o->code == 0) {
		keep(c, RECORD_FILE, json_pack("{s:s, s:s}", "name", a->name, "text", a->text));
		c->problems.config[0] = '\0';
	}
	if (o->code == 0)
		keys = waiting_keys(&c->wanted, &a->wanted);
	if (keys) {
		(void)snprintf(note, sizeof(note), "%s%s%s count%s from the next start on",
			       o->note ? o->note : "", o->note ? "; " : "", keys,
			       strchr(keys, ',') ? "" : "s");
		told.note = note;
	}
	free(keys);
	a->done(a->arg, &told);
	applying_destroy(a);
}

void control_apply(struct control *c, const struct config_text *t, bool drop_overlays,
		   outcome_fn done, void *arg)
{
	struct diags d = { .count = 0 };
	struct config_spec *spec = control_read(t, c->world, &d);
	struct applying *a = spec ? applying_create(c, t) : NULL;

	if (!spec) {
		refuse(&d, -EINVAL, done, arg);
		return;
	}
	if (!a) {
		diag_add(&d, NULL, "out of memory");
		config_spec_destroy(spec);
		refuse(&d, -ENOMEM, done, arg);
		return;
	}
	a->wanted = spec->daemon;
	a->wanted.cores = NULL;
	a->done = done;
	a->arg = arg;
	world_apply(c->world, spec, drop_overlays, a->name, on_applied, a);
}

void control_reload(struct control *c, bool drop_overlays, outcome_fn done, void *arg)
{
	struct config_text t = { .name = c->config_file };
	struct diags d = { .count = 0 };
	char *text;

	if (!c->config_file) {
		diag_add(&d, NULL,
			 "this daemon was started without --config: there is no file to load");
		refuse(&d, -ENOENT, done, arg);
		return;
	}
	text = control_load(c->config_file, &t.len, &d);
	if (!text) {
		refuse(&d, -EINVAL, done, arg);
		return;
	}
	t.text = text;
	control_apply(c, &t, drop_overlays, done, arg);
	free(text);
}
