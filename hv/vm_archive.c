/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_archive.c - xvsd is asked for one port after the other, then the files are synced.
 */
#include "vm_archive.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "control/protocol.h"
#include "tool.h"

enum { ARCHIVE_S = 300, SYNC_S = 3600 };

struct archiving {
	struct vm *vm; /* NULL: nobody waits any more */
	bool is_restore;
	bool is_asked; /* xvsd, or the tool: it will answer */
	uint32_t at;   /* the adapter */
	char tag[SPEC_NAME];
	char also[PATH_MAX];
	archive_done done;
	struct tool *tool;
};

void archive_path(const struct vm *vm, const char *tag, const char *adapter, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/ports/%s@%s", vm->folder, tag, adapter);
}

void archive_policies_path(const struct vm *vm, const char *tag, const char *adapter, char *out,
			   size_t size)
{
	(void)snprintf(out, size, "%s/ports/%s@%s.json", vm->folder, tag, adapter);
}

/* Of adapters, too, that the machine does not have any more. */
void archive_remove(const struct vm *vm, const char *tag)
{
	size_t len = strlen(tag);
	char path[PATH_MAX];
	const struct dirent *e;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/ports", vm->folder);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, tag, len) == 0 && e->d_name[len] == '@')
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path); /* which holds others, or not */
}

void archive_cancel(struct vm *vm)
{
	struct archiving *a = vm->archiving;

	vm->archiving = NULL;
	if (!a)
		return;
	a->vm = NULL;
	if (!a->is_asked)
		free(a);
}

/* Nobody waits: it goes. */
static bool is_wanted(struct archiving *a)
{
	bool is_it = a->vm != NULL;

	a->is_asked = false;
	if (!is_it)
		free(a);
	return is_it;
}

static void end(struct archiving *a, int code, const char *text)
{
	struct vm *vm = a->vm;
	archive_done done = a->done;

	vm->archiving = NULL;
	free(a);
	done(vm, code, text);
}

/* ---- to the disk ------------------------------------------------------------------------------ */

static void on_synced(void *arg, int status, const char *output)
{
	struct archiving *a = arg;
	char why[400];

	a->tool = NULL;
	if (!is_wanted(a))
		return;
	(void)snprintf(why, sizeof(why), "%.*s", (int)strcspn(output, "\n"), output);
	end(a, status ? -EIO : 0, why);
}

/* Gigabytes may have to go to the disk: somebody else waits for that. */
static void sync_begin(struct archiving *a)
{
	static const struct user ourselves = { .is_us = true };
	struct vm *vm = a->vm;
	struct xvs_error err = ERROR_INIT;
	char path[PATH_MAX];
	struct plan p;
	int code;

	plan_init(&p, &ourselves);
	plan_word(&p, "sync");
	if (a->also[0])
		plan_word(&p, "%s", a->also);
	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		archive_path(vm, a->tag, vm->spec.adapters[i].name, path, sizeof(path));
		if (access(path, F_OK) == 0)
			plan_word(&p, "%s", path);
	}
	if (p.count == 1) {
		plan_finish(&p);
		end(a, 0, "");
		return;
	}
	code = tool_start(vm->hv->loop, &p, &(struct tool_end){ SYNC_S, on_synced, a }, &a->tool,
			  &err);
	plan_finish(&p);
	a->is_asked = code == 0;
	if (code)
		end(a, code, err.text);
}

/* ---- ports ------------------------------------------------------------------------------------ */

static void next(struct archiving *a);

static const struct adapter_spec *current(const struct archiving *a)
{
	return &a->vm->spec.adapters[a->at];
}

/* What is restored counts by the policies of now; what differs from those of then is told. */
static void note(const struct archiving *a, const json_t *result)
{
	const json_t *differing = json_object_get(result, "policies_differ");
	const json_t *left = json_object_get(result, "left");

	if (json_array_size(differing))
		vm_problem(a->vm,
			   "adapter %s: %zu of its policies are others than when it was saved, "
			   "%s first; those of now hold",
			   current(a)->name, json_array_size(differing),
			   json_string_value(json_array_get(differing, 0)));
	if (json_array_size(left))
		vm_problem(a->vm, "adapter %s: state of %s was left behind: %s", current(a)->name,
			   json_string_value(json_object_get(json_array_get(left, 0), "what")),
			   json_string_value(json_object_get(json_array_get(left, 0), "why")));
}

/* For whoever carries the machine elsewhere; it goes on here without. */
static void policies_keep(const struct archiving *a, const json_t *result)
{
	const json_t *policies = json_object_get(result, "policies");
	char *text = policies ? json_dumps(policies, JSON_COMPACT) : NULL;
	struct xvs_error err = ERROR_INIT;
	char path[PATH_MAX];

	archive_policies_path(a->vm, a->tag, current(a)->name, path, sizeof(path));
	if (text && file_replace(path, text, strlen(text), &err))
		vm_problem(a->vm, "%s", err.text);
	free(text);
}

static void on_answer(void *arg, const struct switch_answer *answer)
{
	struct archiving *a = arg;
	char why[512];

	if (!is_wanted(a))
		return;
	/* One that somebody has removed has no state. */
	if (!answer->result && (answer->code != RPC_NOT_FOUND || a->is_restore)) {
		(void)snprintf(why, sizeof(why), "adapter %s: %s", current(a)->name, answer->error);
		end(a, -EIO, why);
		return;
	}
	if (a->is_restore && answer->result)
		note(a, answer->result);
	else if (answer->result)
		policies_keep(a, answer->result);
	a->at++;
	next(a);
}

static void ask(struct archiving *a, const char *target, const char *path)
{
	a->is_asked = true;
	switch_call_within(a->vm->hv->sw, ARCHIVE_S, a->is_restore ? "port.restore" : "port.save",
			   json_pack("{s:s, s:s}", "target", target, "file", path), on_answer, a);
}

/* Ports that are not there have nothing to save; files that are not there, nothing to restore. */
static void next(struct archiving *a)
{
	const struct vm *vm = a->vm;
	char target[2 * SPEC_TEXT];
	char path[PATH_MAX];

	for (; a->at < vm->spec.adapter_count; a->at++) {
		archive_path(vm, a->tag, current(a)->name, path, sizeof(path));
		(void)snprintf(target, sizeof(target), "%s/%s", current(a)->switch_name,
			       current(a)->port);
		if (a->is_restore ? access(path, F_OK) == 0
				  : json_object_get(vm->ports, target) != NULL) {
			ask(a, target, path);
			return;
		}
	}
	if (a->is_restore)
		end(a, 0, "");
	else
		sync_begin(a);
}

static struct archiving *begin(struct vm *vm, const char *tag, archive_done done)
{
	struct archiving *a = calloc(1, sizeof(*a));

	if (!a) {
		done(vm, -ENOMEM, "out of memory");
		return NULL;
	}
	a->vm = vm;
	a->done = done;
	(void)str_copy(a->tag, sizeof(a->tag), tag);
	archive_cancel(vm);
	vm->archiving = a;
	return a;
}

void archive_save(struct vm *vm, const char *tag, const char *also, archive_done done)
{
	struct archiving *a = begin(vm, tag, done);
	char path[PATH_MAX];

	if (!a)
		return;
	(void)str_copy(a->also, sizeof(a->also), also ? also : "");
	archive_remove(vm, tag);
	(void)snprintf(path, sizeof(path), "%s/ports", vm->folder);
	if (mkdir(path, 0700) && errno != EEXIST) {
		end(a, -errno, strerror(errno));
		return;
	}
	next(a);
}

void archive_restore(struct vm *vm, const char *tag, archive_done done)
{
	struct archiving *a = begin(vm, tag, done);

	if (!a)
		return;
	a->is_restore = true;
	next(a);
}
