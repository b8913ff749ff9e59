/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_qemu.c - the source's QEMU in a move: works of a transfer as steps, and its end.
 *
 * The conversation may break and be taken up again, also by an xvs-hv that was started meanwhile: a
 * transfer lives as long as one conversation, and what QEMU does is asked of QEMU.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "departing_part.h"

enum { QUIT_S = 5 };

static const char interrupted[] = "it was interrupted";

/* ---- the conversation ------------------------------------------------------------------------- */

static void step_end(struct departing *d, const char *why)
{
	d->is_transferring = false;
	departing_ended(d, d->qemu_step, why);
}

static void on_event(struct vm *vm, const char *name, const json_t *data)
{
	struct departing *d = vm->departing;

	(void)data;
	if (strcmp(name, "STOP") == 0 && move_phase(d->move) == MOVE_MEMORY)
		d->stopped_ns = clock_ns();
	if (d->transfer)
		transfer_event(d->transfer);
}

/* The transfer is nobody's before its work ends: that may begin another one. */
static void transfer_drop(struct departing *d, const char *why)
{
	struct transfer *t = d->transfer;

	d->transfer = NULL;
	if (t) {
		json_decref(d->last);
		d->last = transfer_progress(t);
		(void)transfer_interrupt(t, why);
	}
	transfer_destroy(t);
	if (d->is_transferring) /* a question of our own */
		step_end(d, why);
}

static void on_silent(struct vm *vm)
{
	transfer_drop(vm->departing, "QEMU closed the connection");
}

static void leave_on(struct departing *d);

static void on_gone(struct vm *vm, const char *tail)
{
	struct departing *d = vm->departing;

	transfer_qmp_gone(d->transfer);
	if (!move_is_decided(d->move))
		departing_trouble(d, "QEMU has ended here%s%s", tail[0] ? ": " : "", tail);
	transfer_drop(d, "QEMU has ended here");
	if (d->is_leaving)
		leave_on(d);
}

/* Other verbs wait from here on. */
void qemu_attach(struct departing *d)
{
	struct vm *vm = d->vm;

	if (!job_begin(vm, d->options.is_check ? "being checked for a move" : "moving", NULL, NULL))
		return;
	d->holds_job = true;
	vm->job.event = on_event;
	vm->job.silent = on_silent;
	vm->job.gone = on_gone;
}

void qemu_forget(struct departing *d)
{
	if (d->transfer && !d->vm->qmp)
		transfer_qmp_gone(d->transfer);
	transfer_destroy(d->transfer);
	d->transfer = NULL;
}

/* NULL: the transfer is there. */
static const char *reach(struct departing *d, struct xvs_error *err)
{
	struct vm *vm = d->vm;

	if (!vm->process.pid)
		return "QEMU has ended here";
	if (!vm->qmp && run_connect(vm, err))
		return err->text;
	if (!d->transfer)
		d->transfer = transfer_create(vm->hv->loop, vm->qmp, &vm->spec, &d->sending);
	return d->transfer ? NULL : "out of memory";
}

/* ---- disks, for the admission ------------------------------------------------------------------ */

static const json_t *node_of(const json_t *nodes, const char *disk)
{
	char name[SPEC_NAME + 8];
	size_t i;
	const json_t *one;

	(void)snprintf(name, sizeof(name), "disk-%s", disk);
	json_array_foreach((json_t *)(uintptr_t)nodes, i, one)
	{
		const char *node = json_string_value(json_object_get(one, "node-name"));

		if (node && strcmp(node, name) == 0)
			return json_object_get(one, "image");
	}
	return NULL;
}

static void disk_take(struct departing *d, const struct disk_spec *disk, const json_t *image)
{
	json_int_t size = json_integer_value(json_object_get(image, "virtual-size"));
	const char *backing = json_string_value(json_object_get(image, "full-backing-filename"));
	json_t *one = json_pack("{s:s, s:I}", "name", disk->name, "size", size);
	char what[SPEC_NAME + 8];
	struct ownership o;

	if (backing)
		(void)json_object_set_new(one, "backing", rpc_string(backing));
	if (files_owner(d->vm, disk->file, &o)) {
		(void)json_object_set_new(one, "owner", json_integer(o.owner));
		(void)json_object_set_new(one, "user", json_integer(o.user));
	}
	(void)json_array_append_new(d->disks, one);
	(void)snprintf(what, sizeof(what), "disk %s", disk->name);
	if (disk->format == DISK_VHDX && !disk->is_read_only)
		findings_add(d, what,
			     "QEMU does not migrate vhdx; convert it to qcow2 first, see "
			     "xvs-vm.yaml(5)",
			     true);
}

static void findings_here(struct departing *d)
{
	const struct vm *vm = d->vm;

	if (d->options.has_disks && json_array_size(vm->checkpoints) > 0)
		findings_add(d, "checkpoints",
			     "they are in the disks and do not go along with them; forget them "
			     "first, or move by shared storage",
			     true);
}

static void on_nodes(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	struct departing *d = vm->departing;

	if (!d || !d->is_transferring || d->qemu_step != STEP_ASK_TARGET)
		return;
	if (!answer->value) {
		step_end(d, answer->error);
		return;
	}
	d->is_transferring = false;
	for (uint32_t i = 0; i < vm->spec.disk_count; i++)
		disk_take(d, &vm->spec.disks[i], node_of(answer->value, vm->spec.disks[i].name));
	findings_here(d);
	target_begin(d, STEP_ASK_TARGET);
}

void qemu_ask_disks(struct departing *d)
{
	struct xvs_error err = ERROR_INIT;
	const char *why = reach(d, &err);

	d->qemu_step = STEP_ASK_TARGET;
	d->disks = json_array();
	if (why) {
		departing_ended(d, STEP_ASK_TARGET, why);
		return;
	}
	d->is_transferring = true;
	qmp_command(d->vm->qmp, "query-named-block-nodes", NULL, 0, on_nodes, d->vm);
}

/* ---- works ------------------------------------------------------------------------------------ */

static void on_done(void *arg, const char *why)
{
	struct departing *d = arg;

	step_end(d, why);
}

/* The mirrors have ended: the target may take its exports away. */
static void on_drained(void *arg, const char *why)
{
	struct departing *d = arg;

	d->is_transferring = false;
	if (why)
		departing_ended(d, STEP_DRAIN, why);
	else
		target_begin(d, STEP_DRAIN);
}

static void work_begin(struct departing *d, enum move_step step)
{
	char host[TLS_HOST_TEXT] = "";
	struct transfer *t = d->transfer;

	if (!target_host(d, host) && (step == STEP_MIRROR || step == STEP_MEMORY)) {
		step_end(d, "the link has ended");
		return;
	}
	if (step == STEP_MIRROR || step == STEP_MEMORY)
		marks_begin(d);
	if (step == STEP_MIRROR)
		transfer_mirror(t, host, d->disks_port, on_done, d);
	else if (step == STEP_MEMORY)
		transfer_memory(t, host, d->memory_port, on_done, d);
	else if (step == STEP_DRAIN)
		transfer_drain(t, on_drained, d);
	else if (step == STEP_TRANSFER)
		transfer_finish(t, on_done, d);
	else
		transfer_stop(t, on_done, d);
}

/* ---- running here again ------------------------------------------------------------------------ */

static void on_ports(struct vm *vm, int code, const char *text)
{
	struct departing *d = vm->departing;
	struct xvs_error err = ERROR_INIT;
	const char *why;

	/* xvsd may answer when the move has ended. */
	if (!d || !d->is_transferring || d->qemu_step != STEP_RESUME)
		return;
	why = code ? text : reach(d, &err);
	if (why)
		step_end(d, why);
	else
		transfer_resume(d->transfer, on_done, d);
}

/* Its ports may have gone already where a person takes it back. */
static void resume(struct departing *d)
{
	if (!d->vm->process.pid || (d->was_standing && !d->is_taken_over))
		step_end(d, NULL);
	else if (d->is_taken_over)
		ports_ensure(d->vm, on_ports);
	else
		on_ports(d->vm, 0, "");
}

/* ---- leaving ---------------------------------------------------------------------------------- */

/* The guest runs elsewhere: nothing of it is worth waiting for. */
static void on_quit_late(struct vm *vm)
{
	if (vm->process.pid)
		process_kill(&vm->process, SIGKILL);
}

static void leave_on(struct departing *d)
{
	struct xvs_error err = ERROR_INIT;
	int code = record_clear(d, &err);

	d->is_leaving = false;
	departing_ended(d, STEP_LEAVE, code ? err.text : NULL);
}

static void leave(struct departing *d)
{
	struct vm *vm = d->vm;

	d->is_leaving = true;
	vm->is_wanted = false;
	vm->restart_ns = 0;
	if (!vm->process.pid) {
		leave_on(d);
		return;
	}
	job_deadline(vm, QUIT_S, on_quit_late);
	if (vm->qmp)
		qmp_command(vm->qmp, "quit", NULL, 0, NULL, NULL);
	else
		on_quit_late(vm);
}

/* ---- steps ------------------------------------------------------------------------------------ */

void qemu_begin(struct departing *d, enum move_step step)
{
	bool is_way_back = step == STEP_STOP_SENDING || step == STEP_RESUME;
	struct xvs_error err = ERROR_INIT;
	const char *why;

	if (step == STEP_LEAVE) {
		leave(d);
		return;
	}
	d->qemu_step = step;
	d->is_transferring = true;
	if (is_way_back && !d->vm->process.pid) {
		step_end(d, NULL);
		return;
	}
	if (step == STEP_DRAIN && !d->options.has_disks) {
		step_end(d, NULL);
		return;
	}
	if (step == STEP_RESUME) {
		resume(d);
		return;
	}
	why = reach(d, &err);
	if (why)
		step_end(d, why);
	else
		work_begin(d, step);
}

bool qemu_interrupt(struct departing *d, enum move_step step)
{
	if (!d->is_transferring || d->qemu_step != step)
		return false;
	if (!d->transfer || !transfer_interrupt(d->transfer, interrupted))
		step_end(d, interrupted);
	return true;
}
