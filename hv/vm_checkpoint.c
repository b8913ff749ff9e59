/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_checkpoint.c - a machine as it was, in its own disks: memory, devices and blocks.
 *
 * Internal snapshots of qcow2, by jobs of QEMU: one file to carry, nothing to merge later, and going
 * back is one command.  The guest stands still while its memory is written.  All disks that it may
 * write must be qcow2.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "vm_archive.h"

enum { CHECKPOINT_S = 3600 };

/* ---- the list --------------------------------------------------------------------------------- */

static size_t find(const struct vm *vm, const char *name)
{
	size_t i;

	for (i = 0; i < json_array_size(vm->checkpoints); i++) {
		const json_t *one = json_array_get(vm->checkpoints, i);
		const char *known = json_string_value(json_object_get(one, "name"));

		if (known && strcmp(known, name) == 0)
			break;
	}
	return i;
}

/* NULL: there is none. */
static json_t *entry(const struct vm *vm, const char *name)
{
	return json_array_get(vm->checkpoints, find(vm, name));
}

static void list_add(struct vm *vm)
{
	time_t now = time(NULL);
	struct tm utc;
	char text[32];

	(void)gmtime_r(&now, &utc);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	(void)json_array_append_new(vm->checkpoints,
				    json_pack("{s:s, s:s, s:b}", "name", vm->checkpoint, "time",
					      text, "unfinished", 1));
}

bool checkpoint_is_name(const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return name[0] != '\0' && strlen(name) < SPEC_NAME && name[strspn(name, letters)] == '\0';
}

/* ---- the job of QEMU -------------------------------------------------------------------------- */

/* It had stood still for us. */
static void go_on(struct vm *vm)
{
	if (vm->was_running && vm->qmp)
		qmp_command(vm->qmp, "cont", NULL, 0, NULL, NULL);
}

static void on_continued(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (!job_goes_on(vm))
		return;
	if (answer->error)
		job_end(vm, -EIO, "it does not go on: %s", answer->error);
	else
		job_end(vm, 0, "done");
}

/* One that is gone may be forgotten again, where that could not be written down. */
static bool list_remove(struct vm *vm, struct xvs_error *err)
{
	size_t at = find(vm, vm->checkpoint);
	json_t *one = json_incref(json_array_get(vm->checkpoints, at));
	bool is_kept;

	(void)json_array_remove(vm->checkpoints, at);
	is_kept = vm_record(vm, err) == 0;
	if (!is_kept)
		(void)json_array_insert(vm->checkpoints, at, one);
	json_decref(one);
	return is_kept;
}

/* It is not there, whatever the list said before. */
static void give_up(struct vm *vm)
{
	vm->job.event = NULL;
	if (vm->checkpoint_verb != CHECKPOINT_SAVE)
		return;
	archive_remove(vm, vm->checkpoint);
	(void)json_array_remove(vm->checkpoints, find(vm, vm->checkpoint));
	vm_keep(vm);
}

static void continue_it(struct vm *vm)
{
	if (!vm->was_running)
		job_end(vm, 0, "done");
	else if (vm->qmp)
		qmp_command(vm->qmp, "cont", NULL, 0, on_continued, vm);
	else
		job_end(vm, -ENOTCONN, "it stands still, and QEMU cannot be spoken to now");
}

/* Neither of then nor of now may its ports be by half: it stands still until a person decides. */
static void on_ports_back(struct vm *vm, int code, const char *text)
{
	if (code)
		job_end(vm, code,
			"checkpoint %s: the machine is back, and stands still: %s; \"vm resume\" lets "
			"it go on with its ports as they are",
			vm->checkpoint, text);
	else
		continue_it(vm);
}

static void finish(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;

	vm->job.event = NULL;
	if (vm->checkpoint_verb == CHECKPOINT_REVERT) {
		archive_restore(vm, vm->checkpoint, on_ports_back);
		return;
	}
	if (vm->checkpoint_verb == CHECKPOINT_DELETE && !list_remove(vm, &err)) {
		go_on(vm);
		job_end(vm, err.code, "checkpoint %s: it is gone, but stays in the list: %s",
			vm->checkpoint, err.text);
		return;
	}
	if (vm->checkpoint_verb == CHECKPOINT_SAVE) {
		(void)json_object_del(entry(vm, vm->checkpoint), "unfinished");
		vm_keep(vm);
	}
	if (vm->checkpoint_verb == CHECKPOINT_DELETE)
		archive_remove(vm, vm->checkpoint);
	continue_it(vm);
}

/* "error" of the job, where it has one: QEMU tells of a failure nowhere else. */
static const char *error_of(const json_t *jobs)
{
	for (size_t i = 0; i < json_array_size(jobs); i++) {
		const json_t *one = json_array_get(jobs, i);
		const char *id = json_string_value(json_object_get(one, "id"));

		if (id && strcmp(id, "checkpoint") == 0)
			return json_string_value(json_object_get(one, "error"));
	}
	return NULL;
}

/* Whose QEMU fell silent may have it or not: it stays in the list, as one that was never finished. */
static void failed(struct vm *vm, const struct qmp_answer *answer)
{
	vm->job.event = NULL;
	if (answer->value || answer->class[0])
		give_up(vm);
}

static void on_jobs(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	const char *error = answer->value ? error_of(answer->value) : answer->error;

	if (!job_goes_on(vm))
		return;
	qmp_command(vm->qmp, "job-dismiss", json_pack("{s:s}", "id", "checkpoint"), 0, NULL, NULL);
	if (!error) {
		finish(vm);
		return;
	}
	failed(vm, answer);
	/* Going back that failed may have left anything: it is not let run. */
	if (vm->checkpoint_verb != CHECKPOINT_REVERT)
		go_on(vm);
	job_end(vm, -EIO, "checkpoint %s: %s", vm->checkpoint, error);
}

static void on_event(struct vm *vm, const char *name, const json_t *data)
{
	const char *id = json_string_value(json_object_get(data, "id"));
	const char *status = json_string_value(json_object_get(data, "status"));

	if (strcmp(name, "JOB_STATUS_CHANGE") != 0 || !id || !status ||
	    strcmp(id, "checkpoint") != 0 || strcmp(status, "concluded") != 0)
		return;
	vm->job.event = NULL;
	qmp_command(vm->qmp, "query-jobs", NULL, 0, on_jobs, vm);
}

static void on_begun(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (!answer->error || !job_goes_on(vm))
		return;
	failed(vm, answer);
	go_on(vm);
	job_end(vm, -EIO, "checkpoint %s: %s", vm->checkpoint, answer->error);
}

/* ---- verbs ------------------------------------------------------------------------------------ */

/* Nodes of all disks that the guest may write; new. */
static json_t *nodes_of(const struct vm *vm)
{
	json_t *nodes = json_array();

	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		if (!vm->spec.disks[i].is_read_only)
			(void)json_array_append_new(nodes, json_sprintf("disk-%s",
									vm->spec.disks[i].name));
	}
	return nodes;
}

/* False: one of them can keep none, or there is none, which was told. */
static bool disks_check(struct vm *vm)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		const struct disk_spec *disk = &vm->spec.disks[i];

		if (disk->is_read_only)
			continue;
		count++;
		if (disk->format == DISK_QCOW2)
			continue;
		job_end(vm, -ENOTSUP,
			"disk %s is %s; checkpoints need qcow2, see \"vm move-storage\"",
			disk->name, disk_format_name(disk->format));
		return false;
	}
	if (count == 0)
		job_end(vm, -ENOTSUP, "it has no disk of format qcow2 to keep a checkpoint in");
	return count > 0;
}

static void command_give(struct vm *vm)
{
	static const char *const commands[] = { "snapshot-save", "snapshot-load",
						"snapshot-delete" };
	json_t *nodes = nodes_of(vm);
	json_t *arguments = json_pack("{s:s, s:s, s:O}", "job-id", "checkpoint", "tag",
				      vm->checkpoint, "devices", nodes);

	if (vm->checkpoint_verb != CHECKPOINT_DELETE)
		(void)json_object_set(arguments, "vmstate", json_array_get(nodes, 0));
	json_decref(nodes);
	vm->job.event = on_event;
	qmp_command(vm->qmp, commands[vm->checkpoint_verb], arguments, 0, on_begun, vm);
}

static void on_ports_kept(struct vm *vm, int code, const char *text)
{
	if (code == 0 && vm->qmp) {
		command_give(vm);
		return;
	}
	give_up(vm);
	go_on(vm);
	job_end(vm, -EIO, "checkpoint %s: %s", vm->checkpoint,
		code ? text : "QEMU cannot be spoken to now");
}

/* It stands still while what its ports know is read, and while going back is done. */
static void begin(struct vm *vm)
{
	vm->was_running = vm->state == VM_RUNNING;
	job_deadline(vm, CHECKPOINT_S, NULL);
	if (vm->checkpoint_verb != CHECKPOINT_DELETE && vm->was_running)
		qmp_command(vm->qmp, "stop", NULL, 0, NULL, NULL);
	if (vm->checkpoint_verb == CHECKPOINT_SAVE)
		archive_save(vm, vm->checkpoint, NULL, on_ports_kept);
	else
		command_give(vm);
}

/* Before it is made: one that nobody knows of would fill the disk for ever. */
static bool list_write(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;

	if (vm->checkpoint_verb != CHECKPOINT_SAVE)
		return true;
	list_add(vm);
	if (vm_record(vm, &err) == 0)
		return true;
	(void)json_array_remove(vm->checkpoints, find(vm, vm->checkpoint));
	job_end(vm, err.code, "checkpoint %s: %s", vm->checkpoint, err.text);
	return false;
}

/* False: it was refused. */
static bool verb_check(struct vm *vm, enum checkpoint_verb verb, const char *name)
{
	if (!vm->qmp || (vm->state != VM_RUNNING && vm->state != VM_PAUSED))
		job_end(vm, -ENOTCONN, "it does not run; start it first, paused or not");
	else if (!checkpoint_is_name(name))
		job_end(vm, -EINVAL, "a checkpoint's name is of letters, digits and . _ -");
	else if (verb == CHECKPOINT_SAVE && entry(vm, name))
		job_end(vm, -EEXIST, "there is a checkpoint %s already", name);
	else if (verb != CHECKPOINT_SAVE && !entry(vm, name))
		job_end(vm, -ENOENT, "there is no checkpoint %s", name);
	else if (verb == CHECKPOINT_REVERT && vm->replicating)
		job_end(vm, -EBUSY, "it is replicated; \"xvsctl vm replicate %s --stop\" first",
			vm->spec.name);
	else if (verb == CHECKPOINT_REVERT && json_object_get(entry(vm, name), "unfinished"))
		job_end(vm, -ENOENT, "checkpoint %s was never finished; \"vm forget\" removes it",
			name);
	else if (verb == CHECKPOINT_SAVE && json_array_size(vm->checkpoints) >= CHECKPOINTS_MAX)
		job_end(vm, -ENOSPC, "it has %d checkpoints, and no more are possible",
			CHECKPOINTS_MAX);
	else
		return true;
	return false;
}

void vm_checkpoint(struct vm *vm, enum checkpoint_verb verb, const char *name, vm_done done,
		   void *arg)
{
	if (!job_begin(vm, "being checkpointed", done, arg) || !verb_check(vm, verb, name) ||
	    !disks_check(vm))
		return;
	vm->checkpoint_verb = verb;
	(void)str_copy(vm->checkpoint, sizeof(vm->checkpoint), name);
	if (list_write(vm))
		begin(vm);
}
