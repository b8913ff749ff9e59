/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_save.c - a machine's memory in a file beside its disks, and back.
 *
 *      save: stop -> migrate into the file -> ports into theirs -> all are whole on disk -> quit
 *      start: QEMU waits for its state -> migrate from the file -> ports from theirs -> cont -> files go
 *
 * The file has its name only once it is whole; a start that fails leaves it as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vm_archive.h"

enum { SAVE_S = 3600, QUIT_S = 10 };
#define SAVED "" /* the tag of its ports' files */

static void state_path(const struct vm *vm, bool is_whole, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/memory%s", vm->folder, is_whole ? "" : ".new");
}

/* ---- both ways -------------------------------------------------------------------------------- */

/* Passes the file to QEMU under the name "state", with events about what becomes of it. */
static bool file_pass(struct vm *vm, bool is_whole, int flags)
{
	char path[PATH_MAX];
	int fd;

	state_path(vm, is_whole, path);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	qmp_command(vm->qmp, "migrate-set-capabilities",
		    json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", "events", "state",
			      1),
		    0, NULL, NULL);
	qmp_command_fd(vm->qmp, "getfd", json_pack("{s:s}", "fdname", "state"), fd, NULL, NULL);
	(void)close(fd);
	return true;
}

/* "completed" or "failed", at last; NULL: neither. */
static const char *outcome_of(const char *name, const json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));

	if (strcmp(name, "MIGRATION") != 0 || !status)
		return NULL;
	return strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0 ? status : NULL;
}

/* ---- saving ----------------------------------------------------------------------------------- */

static void save_fail(struct vm *vm, const char *why)
{
	char path[PATH_MAX];

	state_path(vm, false, path);
	(void)unlink(path);
	archive_cancel(vm);
	archive_remove(vm, SAVED);
	vm->job.event = NULL;
	if (vm->qmp && vm->was_running)
		qmp_command(vm->qmp, "cont", NULL, 0, NULL, NULL);
	job_end(vm, -EIO, "it cannot be saved: %s; it is as it was", why);
}

static void on_why(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	const char *why = json_string_value(json_object_get(answer->value, "error-desc"));

	if (job_goes_on(vm))
		save_fail(vm, why ? why : "QEMU does not say why");
}

/* The file is whole, by its name; what is written down next makes the name last, too. */
static int save_keep(struct vm *vm, struct xvs_error *err)
{
	bool was_wanted = vm->is_wanted;
	char from[PATH_MAX];
	char to[PATH_MAX];

	state_path(vm, false, from);
	state_path(vm, true, to);
	if (rename(from, to))
		return error_set(err, -errno, "", "%s", strerror(errno));
	vm->has_saved_state = true;
	vm->is_wanted = false;
	if (vm_record(vm, err) == 0)
		return 0;
	(void)unlink(to);
	archive_remove(vm, SAVED);
	vm->has_saved_state = false;
	vm->is_wanted = was_wanted;
	return err->code;
}

/* All of it is in the file, so QEMU must not go on. */
static void on_quit_late(struct vm *vm)
{
	if (vm->process.pid)
		process_kill(&vm->process, SIGKILL);
}

static void save_end(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;

	if (save_keep(vm, &err)) {
		save_fail(vm, err.text);
		return;
	}
	vm->job.ends_with_qemu = true;
	job_deadline(vm, QUIT_S, on_quit_late);
	if (vm->qmp)
		qmp_command(vm->qmp, "quit", NULL, 0, NULL, NULL);
	else
		on_quit_late(vm);
}

static void on_archived(struct vm *vm, int code, const char *text)
{
	if (code)
		save_fail(vm, text);
	else
		save_end(vm);
}

static void on_save_event(struct vm *vm, const char *name, const json_t *data)
{
	const char *outcome = outcome_of(name, data);
	char path[PATH_MAX];

	if (!outcome)
		return;
	vm->job.event = NULL;
	if (outcome[0] == 'f') {
		qmp_command(vm->qmp, "query-migrate", NULL, 0, on_why, vm);
		return;
	}
	state_path(vm, false, path);
	archive_save(vm, SAVED, path, on_archived);
}

static void on_migrate(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (answer->error && job_goes_on(vm))
		save_fail(vm, answer->error);
}

static void on_save_late(struct vm *vm)
{
	if (vm->qmp)
		qmp_command(vm->qmp, "migrate_cancel", NULL, 0, NULL, NULL);
	save_fail(vm, "it took too long");
}

void vm_save(struct vm *vm, vm_done done, void *arg)
{
	if (!job_begin(vm, "being saved", done, arg))
		return;
	if (!vm->qmp || (vm->state != VM_RUNNING && vm->state != VM_PAUSED)) {
		job_end(vm, -ENOTCONN, "it does not run");
		return;
	}
	if (!file_pass(vm, false, O_WRONLY | O_CREAT | O_TRUNC)) {
		job_end(vm, -errno, "its state cannot be written: %s", strerror(errno));
		return;
	}
	vm->was_running = vm->state == VM_RUNNING;
	vm->job.event = on_save_event;
	job_deadline(vm, SAVE_S, on_save_late);
	qmp_command(vm->qmp, "stop", NULL, 0, NULL, NULL);
	/* Nobody else wants the disk's bandwidth: the guest stands still. */
	qmp_command(vm->qmp, "migrate-set-parameters",
		    json_pack("{s:I}", "max-bandwidth", (json_int_t)INT64_MAX / 2), 0, NULL, NULL);
	qmp_command(vm->qmp, "migrate", json_pack("{s:s}", "uri", "fd:state"), 0, on_migrate, vm);
}

/* ---- going on --------------------------------------------------------------------------------- */

static void on_ports_restored(struct vm *vm, int code, const char *text)
{
	if (code == 0 && !vm->qmp)
		job_fail(vm, "QEMU cannot be spoken to any more");
	else if (code)
		job_fail(
			vm,
			"%s; \"vm restore --fresh-ports\" does without what its ports knew, and its "
			"connections begin anew",
			text);
	else
		vm_go_on(vm);
}

static void on_load_event(struct vm *vm, const char *name, const json_t *data)
{
	const char *outcome = outcome_of(name, data);

	if (!outcome)
		return;
	vm->job.event = NULL;
	if (outcome[0] != 'c')
		job_fail(vm, "its saved state cannot be read");
	else if (vm->has_fresh_ports)
		vm_go_on(vm);
	else
		archive_restore(vm, SAVED, on_ports_restored);
}

static void on_incoming(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (answer->error)
		job_fail(vm, "its saved state cannot be read: %s", answer->error);
}

void save_load(struct vm *vm)
{
	if (!file_pass(vm, true, O_RDONLY)) {
		job_fail(vm, "its saved state cannot be read: %s; \"xvsctl vm discard\" forgets it",
			 strerror(errno));
		return;
	}
	vm->job.event = on_load_event;
	job_deadline(vm, SAVE_S, NULL);
	qmp_command(vm->qmp, "migrate-incoming", json_pack("{s:s}", "uri", "fd:state"), 0,
		    on_incoming, vm);
}

bool save_is_there(const struct vm *vm)
{
	char path[PATH_MAX];

	state_path(vm, true, path);
	return access(path, F_OK) == 0;
}

void save_consumed(struct vm *vm)
{
	char path[PATH_MAX];

	state_path(vm, true, path);
	(void)unlink(path);
	archive_remove(vm, SAVED);
	vm->has_saved_state = false;
}

void vm_discard(struct vm *vm, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;

	if (!job_begin(vm, "being discarded", done, arg))
		return;
	if (vm->state != VM_STOPPED || !vm->has_saved_state) {
		job_end(vm, -ENOENT, "it has no saved state");
		return;
	}
	vm->has_saved_state = false;
	if (vm_record(vm, &err)) {
		vm->has_saved_state = true;
		job_end(vm, err.code, "%s", err.text);
		return;
	}
	save_consumed(vm);
	job_end(vm, 0, "done");
}
