/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/export.c - switches tell what they are and ports their policies -> files are copied, one after the other -> summed -> synced ->
 * the sums are written.
 *
 * What belongs to the machine is copied as its user: what its QEMU left there may be a link to a file
 * that is none of its.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "definition.h"
#include "portable.h"
#include "portable_switch.h"
#include "tool.h"
#include "vm_archive.h"

enum { EXPORT_S = 7 * 86400 };
#define TAG "=export" /* of its ports' files: no checkpoint's name */

static const struct user ourselves = { .is_us = true };

struct export
{
	struct vm *vm;
	char folder[SPEC_PATH];
	bool is_saved;
	json_t *switches;
	struct portable_file files[PORTABLE_FILES + 1]; /* and the manifest */
	size_t count, at;
	struct tool *tool;
};

static void file_path(const struct export *x, const char *name, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/%s", x->folder, name);
}

/* ---- the end ----------------------------------------------------------------------------------- */

static void end(struct export *x, int code, const char *why)
{
	struct vm *vm = x->vm;
	char path[PATH_MAX];

	for (size_t i = 0; code && i < x->count; i++) {
		file_path(x, x->files[i].name, path);
		(void)unlink(path);
	}
	if (code)
		(void)rmdir(x->folder);
	if (!x->is_saved)
		archive_remove(vm, TAG);
	json_decref(x->switches);
	free(x);
	job_end(vm, code, code ? "it cannot be exported: %s" : "done%s", code ? why : "");
}

static void fail(struct export *x, const char *output)
{
	char why[400];

	(void)snprintf(why, sizeof(why), "%.*s", (int)strcspn(output, "\n"), output);
	end(x, -EIO, why);
}

static void tool_run(struct export *x, struct plan *p, tool_fn done)
{
	struct xvs_error err = ERROR_INIT;
	int code = tool_start(x->vm->hv->loop, p, &(struct tool_end){ EXPORT_S, done, x }, &x->tool,
			      &err);

	plan_finish(p);
	if (code)
		end(x, code, err.text);
}

/* ---- sums --------------------------------------------------------------------------------------- */

static void sums_write(struct export *x)
{
	struct strbuf text = { NULL, 0, 0, false };
	struct xvs_error err = ERROR_INIT;
	char path[PATH_MAX];
	int code;

	for (size_t i = 0; i < x->count; i++)
		strbuf_add(&text, "%s  %s\n", x->files[i].sum, x->files[i].name);
	file_path(x, "SHA256SUMS", path);
	code = text.text ? file_replace(path, text.text, text.len, &err)
			 : error_set(&err, -ENOMEM, "", "out of memory");
	strbuf_finish(&text);
	end(x, code, err.text);
}

static void on_synced(void *arg, int status, const char *output)
{
	struct export *x = arg;

	x->tool = NULL;
	if (status)
		fail(x, output);
	else
		sums_write(x);
}

static void on_summed(void *arg, int status, const char *output)
{
	struct export *x = arg;
	char path[PATH_MAX];
	struct plan p;

	x->tool = NULL;
	if (status || !portable_sums(output, x->files, x->count)) {
		fail(x, status ? output : "sha256sum says something odd");
		return;
	}
	plan_init(&p, &ourselves);
	plan_word(&p, "sync");
	for (size_t i = 0; i < x->count; i++) {
		file_path(x, x->files[i].name, path);
		plan_word(&p, "%s", path);
	}
	tool_run(x, &p, on_synced);
}

static void sums_make(struct export *x)
{
	struct plan p;

	plan_init(&p, &ourselves);
	plan_word(&p, "env");
	plan_option(&p, "-C", "%s", x->folder);
	plan_word(&p, "sha256sum");
	plan_word(&p, "--");
	for (size_t i = 0; i < x->count; i++)
		plan_word(&p, "%s", x->files[i].name);
	tool_run(x, &p, on_summed);
}

/* ---- the manifest -------------------------------------------------------------------------------- */

/* What held: with the group's and the switch's, as its port told. */
static json_t *ports_print(const struct export *x)
{
	const struct vm *vm = x->vm;
	json_t *ports = json_object();
	char path[PATH_MAX];

	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		json_t *policies;

		archive_policies_path(vm, x->is_saved ? "" : TAG, vm->spec.adapters[i].name, path,
				      sizeof(path));
		policies = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
		if (policies)
			(void)json_object_set_new(ports, vm->spec.adapters[i].name,
						  json_pack("{s:o}", "policies", policies));
	}
	return ports;
}

static json_t *manifest_make(const struct export *x)
{
	const struct vm *vm = x->vm;

	return json_pack("{s:i, s:s, s:o, s:b, s:O, s:o, s:O}", "format", PORTABLE_FORMAT, "xvs",
			 XVS_VERSION, "definition", definition_print(&vm->spec), "saved",
			 (int)x->is_saved, "checkpoints", vm->checkpoints, "ports", ports_print(x),
			 "switches", x->switches);
}

static void manifest_write(struct export *x)
{
	struct portable_file *f = &x->files[x->count++];
	json_t *manifest = manifest_make(x);
	char *text = manifest ? json_dumps(manifest, JSON_INDENT(2)) : NULL;
	struct xvs_error err = ERROR_INIT;
	char path[PATH_MAX];
	int code;

	memset(f, 0, sizeof(*f));
	(void)str_copy(f->name, sizeof(f->name), "manifest.json");
	file_path(x, f->name, path);
	code = text ? file_replace(path, text, strlen(text), &err)
		    : error_set(&err, -ENOMEM, "", "out of memory");
	free(text);
	json_decref(manifest);
	if (code)
		end(x, code, err.text);
	else
		sums_make(x);
}

/* ---- copies --------------------------------------------------------------------------------------- */

static void copy_next(struct export *x);

/* It is the host core's from here on. */
static void on_copied(void *arg, int status, const char *output)
{
	struct export *x = arg;
	char path[PATH_MAX];

	x->tool = NULL;
	file_path(x, x->files[x->at].name, path);
	if (!status && !x->vm->user.is_us && lchown(path, geteuid(), getegid()))
		status = 1;
	if (status) {
		fail(x, output[0] ? output : strerror(errno));
		return;
	}
	x->at++;
	copy_next(x);
}

static int copy_prepare(struct export *x, const struct portable_file *f, struct xvs_error *err)
{
	const struct user *u = &x->vm->user;
	char path[PATH_MAX];
	int fd;
	int code = 0;

	file_path(x, f->name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, -errno, "", "%s: %s", path, strerror(errno));
	if (!f->is_ours && !u->is_us && fchown(fd, u->uid, u->gid))
		code = error_set(err, -errno, "", "%s: %s", path, strerror(errno));
	(void)close(fd);
	return code;
}

static void copy_next(struct export *x)
{
	const struct portable_file *f = &x->files[x->at];
	struct xvs_error err = ERROR_INIT;
	char path[PATH_MAX];
	struct plan p;

	if (x->at == x->count) {
		(void)chmod(x->folder, 0700);
		manifest_write(x);
		return;
	}
	if (copy_prepare(x, f, &err)) {
		end(x, err.code, err.text);
		return;
	}
	file_path(x, f->name, path);
	plan_init(&p, f->is_ours ? &ourselves : &x->vm->user);
	plan_word(&p, "cp");
	plan_word(&p, "--sparse=always");
	plan_word(&p, "--");
	plan_word(&p, "%s", f->path);
	plan_word(&p, "%s", path);
	tool_run(x, &p, on_copied);
}

/* ---- the beginning -------------------------------------------------------------------------------- */

/* Files of ports that had none when it was saved are not there, and need not be. */
static void files_find(struct export *x)
{
	size_t all = portable_list(x->vm, x->is_saved, x->vm->checkpoints, x->files);

	for (size_t i = 0; i < all; i++) {
		bool is_optional = strncmp(x->files[i].name, "port-", 5) == 0 ||
				   strcmp(x->files[i].name, "variables") == 0;

		if (!is_optional || access(x->files[i].path, F_OK) == 0)
			x->files[x->count++] = x->files[i];
	}
}

static void on_ports(struct vm *vm, int code, const char *text)
{
	struct export *x = vm->job.state;

	if (code)
		end(x, code, text);
	else
		copy_next(x);
}

static void on_switches(struct vm *vm)
{
	struct export *x = vm->job.state;

	if (x->is_saved)
		copy_next(x);
	else
		archive_save(vm, TAG, NULL, on_ports);
}

static int export_check(const struct vm *vm, const char *folder, struct xvs_error *err)
{
	if (vm->job.what)
		return error_set(err, -EBUSY, "", "it is %s already", vm->job.what);
	if (vm->state != VM_STOPPED)
		return error_set(err, -EBUSY, "", "it is %s; stop or save it first",
				 vm_state_name(vm));
	if (folder[0] != '/' || strlen(folder) >= SPEC_PATH)
		return error_set(err, -EINVAL, "", "folder %.100s: an absolute path is expected",
				 folder);
	return 0;
}

int export_begin(struct vm *vm, const char *folder, vm_done done, void *arg, struct xvs_error *err)
{
	struct export *x;
	int code = export_check(vm, folder, err);

	if (code == 0)
		code = vm_user_settle(vm, err);
	if (code)
		return code;
	x = calloc(1, sizeof(*x));
	if (!x)
		return error_set(err, -ENOMEM, "", "out of memory");
	/* passable while the machine's user writes into it */
	if (mkdir(folder, 0711)) {
		free(x);
		return error_set(err, -errno, "", "folder %s: %s", folder, strerror(errno));
	}
	x->vm = vm;
	x->switches = json_object();
	x->is_saved = vm->has_saved_state;
	(void)str_copy(x->folder, sizeof(x->folder), folder);
	files_find(x);
	(void)job_begin(vm, "being exported", done, arg);
	vm->job.state = x;
	switches_ask(vm, x->switches, on_switches);
	return 0;
}
