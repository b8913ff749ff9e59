/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/storage.c - what is asked, whether it can be, files and record; what a crash left.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "definition.h"
#include "rpc/rpc.h"
#include "storage_part.h"
#include "tool.h"

#define RECORD "storage.json"

const char storage_job[] = "having a disk moved";

/* ---- the object ------------------------------------------------------------------------------- */

bool storage_goes_on(const struct storage *s)
{
	return s->vm->storage == s && s->vm->job.what == storage_job;
}

static void on_timer(void *arg)
{
	struct storage *s = arg;

	if (storage_goes_on(s))
		s->next(s);
}

void storage_after(struct storage *s, uint64_t delay_ms, void (*next)(struct storage *s))
{
	s->next = next;
	loop_timer_arm(s->timer, delay_ms * NS_PER_MS);
}

static struct storage *storage_create(struct vm *vm)
{
	struct storage *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->vm = vm;
	s->timer = loop_timer_create(vm->hv->loop, on_timer, s);
	if (s->timer)
		return s;
	free(s);
	return NULL;
}

void storage_free(struct storage *s)
{
	if (!s)
		return;
	if (s->vm->storage == s)
		s->vm->storage = NULL;
	tool_cancel(s->tool);
	loop_timer_destroy(s->timer);
	free(s);
}

void storage_destroy(struct vm *vm)
{
	storage_free(vm->storage);
	storage_forget(vm);
}

/* ---- what has become of it --------------------------------------------------------------------- */

static json_t *report(const struct storage *s, const char *outcome, const char *problem)
{
	static const char *const phases[] = { "prepare", "disks", "switch", "undo", "ended" };
	json_t *j =
		json_pack("{s:o, s:s, s:s, s:o, s:s, s:{s:I, s:I}}", "name",
			  json_sprintf("%s, disk %s", s->vm->spec.name, s->name), "kind", "disk",
			  "disk", s->name, "to", rpc_string(s->to.path), "phase", phases[s->phase],
			  "disks", "done", (json_int_t)s->done, "total", (json_int_t)s->total);

	if (outcome)
		(void)json_object_set_new(j, "outcome", json_string(outcome));
	if (problem && problem[0])
		(void)json_object_set_new(j, "problem", rpc_string(problem));
	return j;
}

json_t *storage_show(const struct vm *vm)
{
	return vm->storage ? report(vm->storage, NULL, vm->storage->why)
			   : json_incref(vm->storage_report);
}

void storage_forget(struct vm *vm)
{
	json_decref(vm->storage_report);
	vm->storage_report = NULL;
}

/* ---- files and record -------------------------------------------------------------------------- */

static int folder_sync(const char *path)
{
	char text[SPEC_PATH];
	int fd;
	int code;

	(void)str_copy(text, sizeof(text), path);
	fd = open(dirname(text), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	code = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
	if (fd >= 0)
		(void)close(fd);
	return code;
}

/* What is removed after a crash is what was made here: nothing may be there yet. */
int storage_make(struct storage *s, struct xvs_error *err)
{
	const struct user *u = &s->vm->user;
	int fd = open(s->to.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code = 0;

	if (fd < 0)
		return error_set(err, -errno, "", "%s: %s", s->to.path, strerror(errno));
	if (!u->is_us && fchown(fd, u->uid, u->gid))
		code = -errno;
	(void)close(fd);
	if (code == 0)
		code = folder_sync(s->to.path);
	if (code == 0)
		code = storage_write(s, "copying", err);
	else
		(void)error_set(err, code, "", "%s: %s", s->to.path, strerror(-code));
	if (code)
		(void)unlink(s->to.path);
	return code;
}

static json_t *file_print(const struct storage_file *f)
{
	return json_pack("{s:s, s:s}", "path", f->path, "format", disk_format_name(f->format));
}

int storage_write(const struct storage *s, const char *state, struct xvs_error *err)
{
	json_t *j = json_pack("{s:s, s:s, s:o, s:o, s:b}", "disk", s->name, "state", state, "from",
			      file_print(&s->from), "to", file_print(&s->to), "was_running",
			      (int)s->was_running);
	int code = store_write(s->vm->hv->store, s->vm->spec.name, RECORD, j, err);

	json_decref(j);
	return code;
}

/* One that came back after a crash would remove a file that somebody has made since. */
static void record_remove(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;

	if (store_remove_file(vm->hv->store, vm->spec.name, RECORD, &err))
		vm_problem(vm, "%s", err.text);
}

static void disk_set(struct disk_spec *disk, const struct storage_file *file)
{
	(void)str_copy(disk->file, sizeof(disk->file), file->path);
	disk->format = file->format;
	/* how it is made is of no use any more */
	disk->size = 0;
	disk->is_fixed = false;
}

int storage_name(struct storage *s, const struct storage_file *file, struct xvs_error *err)
{
	struct vm *vm = s->vm;
	struct disk_spec *disk = &vm->spec.disks[s->disk];
	struct disk_spec was = *disk;
	json_t *definition;
	int code;

	disk_set(disk, file);
	definition = definition_print(&vm->spec);
	code = store_write(vm->hv->store, vm->spec.name, "definition.json", definition, err);
	json_decref(definition);
	if (code)
		*disk = was;
	return code;
}

/* By the definition: whoever wrote it last. */
static bool has_moved(const struct storage *s)
{
	char current[SPEC_PATH];

	disk_path(&s->vm->spec.disks[s->disk], s->vm->disks, current);
	return strcmp(current, s->to.path) == 0;
}

/* A machine has it as a disk. */
static bool is_used(const struct hv *hv, const char *file)
{
	char path[SPEC_PATH];

	for (const struct vm *vm = hv->vms; vm; vm = vm->next) {
		for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
			disk_path(&vm->spec.disks[i], vm->disks, path);
			if (strcmp(path, file) == 0)
				return true;
		}
	}
	return false;
}

static void rest_remove(const struct storage *s)
{
	const char *rest = has_moved(s) ? s->from.path : s->to.path;

	/* The record may be old: what was free then may have been given to another machine. */
	if (is_used(s->vm->hv, rest))
		vm_problem(s->vm, "disk %s: its file %s was left, for another disk has it by now",
			   s->name, rest);
	else if (unlink(rest) && errno != ENOENT)
		vm_problem(s->vm, "disk %s: its file %s could not be removed: %s", s->name, rest,
			   strerror(errno));
	record_remove(s->vm);
}

void storage_end(struct storage *s, const char *why)
{
	struct vm *vm = s->vm;
	bool is_here = has_moved(s);
	bool is_recovery = s->is_recovery;
	char text[sizeof(s->why)];
	char name[SPEC_NAME];
	char path[SPEC_PATH];

	(void)str_copy(text, sizeof(text), why);
	rest_remove(s);
	s->phase = STORAGE_ENDED;
	storage_forget(vm);
	/* a guest that writes adds to both, and what was last heard of them is of before the end */
	if (is_here)
		s->done = s->total;
	vm->storage_report = report(s, is_here ? "moved" : "failed", text);
	(void)str_copy(name, sizeof(name), s->name);
	(void)str_copy(path, sizeof(path), s->to.path);
	storage_free(s);
	if (!is_here)
		job_end(vm, -EIO, "disk %s does not move: %s", name, text);
	else if (is_recovery)
		job_end(vm, 0, "done");
	else
		job_end(vm, 0, "disk %s is %s now", name, path);
	if (is_here)
		log_message(MSG_VM, "vm %s: disk %s is %s now", vm->spec.name, name, path);
}

void storage_drop(struct storage *s, const char *why)
{
	struct vm *vm = s->vm;
	char name[SPEC_NAME];

	vm->storage_report = report(s, "failed", why);
	(void)str_copy(name, sizeof(name), s->name);
	storage_free(s);
	job_end(vm, -EIO, "disk %s does not move: %s", name, why);
}

/* ---- what was asked for ------------------------------------------------------------------------- */

static bool disk_find(const struct vm *vm, const char *name, uint32_t *out)
{
	for (*out = 0; *out < vm->spec.disk_count; (*out)++) {
		if (strcmp(vm->spec.disks[*out].name, name) == 0)
			return true;
	}
	return false;
}

static int format_choose(const struct storage_wish *wish, struct storage *s, struct xvs_error *err)
{
	s->to.format = s->from.format == DISK_VHDX ? DISK_QCOW2 : s->from.format;
	if (!wish->format)
		return 0;
	if (strcmp(wish->format, "qcow2") == 0)
		s->to.format = DISK_QCOW2;
	else if (strcmp(wish->format, "raw") == 0)
		s->to.format = DISK_RAW;
	else
		return error_set(err, -EINVAL, "", "format %.32s: qcow2 or raw are possible",
				 wish->format);
	return 0;
}

static int path_choose(const struct storage_wish *wish, struct storage *s, struct xvs_error *err)
{
	struct stat st;
	bool is_folder = stat(wish->path, &st) == 0 && S_ISDIR(st.st_mode);
	int len;

	if (wish->path[0] != '/')
		return error_set(err, -EINVAL, "", "%s: an absolute path is expected", wish->path);
	len = is_folder ? snprintf(s->to.path, SPEC_PATH, "%s/%s-%s.%s", wish->path,
				   s->vm->spec.name, s->name, disk_format_name(s->to.format))
			: snprintf(s->to.path, SPEC_PATH, "%s", wish->path);
	for (const char *c = wish->path; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(err, -EINVAL, "",
					 "control characters are not allowed in a path");
	}
	if (len >= SPEC_PATH)
		return error_set(err, -ENAMETOOLONG, "",
				 "a path of at most %d characters is possible", SPEC_PATH - 1);
	return 0;
}

/* A copy by QEMU, or into another format, has the disk as it is now, without what lies inside of it. */
static int checkpoints_check(const struct storage *s, struct xvs_error *err)
{
	bool is_copy = s->is_offline && s->from.format == s->to.format;

	if (is_copy || json_array_size(s->vm->checkpoints) == 0 || s->from.format != DISK_QCOW2)
		return 0;
	return error_set(
		err, -EINVAL, "",
		"its checkpoints lie inside of it and would be lost: forget them first, or %s",
		s->from.format == s->to.format ? "stop the machine" : "leave its format");
}

static int wish_check(const struct storage_wish *wish, struct storage *s, struct xvs_error *err)
{
	const struct vm *vm = s->vm;
	const struct disk_spec *disk;
	struct stat st;
	int code;

	if (!disk_find(vm, wish->disk, &s->disk))
		return error_set(err, -ENOENT, "", "it has no such disk");
	disk = &vm->spec.disks[s->disk];
	disk_path(disk, vm->disks, s->from.path);
	s->from.format = disk->format;
	s->bandwidth = wish->bandwidth;
	s->is_offline = vm->state == VM_STOPPED;
	if (disk->is_read_only)
		return error_set(
			err, -EINVAL, "",
			"it is read-only, and perhaps others': copy it and change \"file\"");
	if (stat(s->from.path, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "", "%s is no file", s->from.path);
	if (!s->is_offline && !vm->qmp)
		return error_set(err, -ENOTCONN, "", "QEMU cannot be spoken to now");
	code = format_choose(wish, s, err);
	if (code == 0)
		code = path_choose(wish, s, err);
	return code ? code : checkpoints_check(s, err);
}

int storage_begin(struct vm *vm, const struct storage_wish *wish, vm_done done, void *arg,
		  struct xvs_error *err)
{
	struct storage *s;
	int code;

	if (vm->job.what)
		return error_set(err, -EBUSY, "", "it is %s already; wait, or kill it",
				 vm->job.what);
	s = storage_create(vm);
	if (!s)
		return error_set(err, -ENOMEM, "", "out of memory");
	(void)str_copy(s->name, sizeof(s->name), wish->disk);
	code = wish_check(wish, s, err);
	if (code == 0 && s->is_offline)
		code = vm_user_settle(vm, err);
	if (code) {
		storage_free(s);
		return error_context(err, "disk %.47s", wish->disk);
	}
	storage_forget(vm);
	vm->storage = s;
	(void)job_begin(vm, storage_job, done, arg);
	if (s->is_offline)
		offline_begin(s);
	else
		live_begin(s);
	return 0;
}

int storage_cancel(struct vm *vm, struct xvs_error *err)
{
	struct storage *s = vm->storage;

	if (!s || !storage_goes_on(s))
		return error_set(err, -ENOENT, "", "vm %s: no disk of it is being moved",
				 vm->spec.name);
	if (s->phase == STORAGE_SWITCH)
		return error_set(err, -EALREADY, "", "vm %s: its disk has as good as moved",
				 vm->spec.name);
	if (s->phase == STORAGE_UNDO)
		return 0;
	if (s->is_offline) {
		tool_cancel(s->tool);
		s->tool = NULL;
		storage_end(s, "it was cancelled");
	} else {
		live_cancel(s);
	}
	return 0;
}

/* ---- after a crash ------------------------------------------------------------------------------ */

static bool file_read(const json_t *j, struct storage_file *out)
{
	static const enum disk_format formats[] = { DISK_QCOW2, DISK_RAW, DISK_VHDX };
	const char *path = json_string_value(json_object_get(j, "path"));
	const char *format = json_string_value(json_object_get(j, "format"));

	for (size_t i = 0; format && path && i < sizeof(formats) / sizeof(formats[0]); i++) {
		out->format = formats[i];
		if (strcmp(format, disk_format_name(formats[i])) == 0)
			return path[0] == '/' && str_copy(out->path, sizeof(out->path), path);
	}
	return false;
}

void storage_recall(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;
	json_t *j = store_read(vm->hv->store, vm->spec.name, RECORD, &err);
	const char *disk = json_string_value(json_object_get(j, "disk"));
	const char *state = json_string_value(json_object_get(j, "state"));
	struct storage *s = j ? storage_create(vm) : NULL;

	if (!j && err.code)
		vm_problem(vm, "what became of a disk that was being moved is not known: %s",
			   err.text);
	if (s && disk && state && file_read(json_object_get(j, "from"), &s->from) &&
	    file_read(json_object_get(j, "to"), &s->to) && disk_find(vm, disk, &s->disk)) {
		(void)str_copy(s->name, sizeof(s->name), disk);
		s->was_running = json_is_true(json_object_get(j, "was_running"));
		s->phase = strcmp(state, "switching") == 0 ? STORAGE_SWITCH : STORAGE_COPY;
		s->is_recovery = true;
		vm->storage = s;
	} else {
		storage_free(s);
	}
	json_decref(j);
}

bool storage_recover(struct vm *vm, vm_done done)
{
	struct storage *s = vm->storage;

	if (!s || !s->is_recovery || !job_begin(vm, storage_job, done, vm))
		return false;
	(void)str_copy(s->why, sizeof(s->why), "xvs-hv was started anew");
	live_recover(s);
	return true;
}

/* Whatever QEMU had: the definition names what counts. */
void storage_gone(struct vm *vm)
{
	struct storage *s = vm->storage;

	if (!s)
		return;
	if (storage_goes_on(s)) {
		storage_end(s, "QEMU ended");
		return;
	}
	rest_remove(s);
	storage_free(s);
}
