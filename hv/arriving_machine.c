/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_machine.c - the machine while it comes: its disks, its QEMU, its first breath here, or
 * its end.
 *
 *      prepare: disks by qemu-img, taps     receive: QEMU with -incoming defer, exports, memory
 *      resume: cont; where QEMU has gone, a start from disks, as after a power cut
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arriving_part.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "tap.h"
#include "tool.h"

enum { START_S = 60 };
#define AGAIN_NS (500 * (uint64_t)NS_PER_MS)

static void fail(struct arriving *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct arriving *a, const char *format, ...)
{
	char why[ARRIVING_WHY];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	arriving_step_end(a, why);
}

/* ---- disks ------------------------------------------------------------------------------------ */

static bool comes(const struct arriving *a, uint32_t i)
{
	return a->has_disks && !a->vm->spec.disks[i].is_read_only;
}

static void disk_next(struct arriving *a);

static void on_disk_made(void *arg, int status, const char *output)
{
	struct arriving *a = arg;
	const struct disk_spec *disk = &a->vm->spec.disks[a->walk];

	a->tool = NULL;
	if (status) {
		fail(a, "disk %s: %.200s", disk->name, output);
		return;
	}
	a->walk++;
	disk_next(a);
}

static int disk_make(struct arriving *a, struct xvs_error *err)
{
	const struct tool_end end = { TOOL_DEADLINE_S, on_disk_made, a };
	const struct vm *vm = a->vm;
	const struct disk_spec *disk = &vm->spec.disks[a->walk];
	char path[SPEC_PATH];
	struct plan p;
	int code;

	disk_path(disk, vm->disks, path);
	plan_init(&p, &vm->user);
	plan_word(&p, "qemu-img");
	plan_word(&p, "create");
	plan_word(&p, "-q");
	plan_option(&p, "-f", "%s", disk_format_name(disk->format));
	if (disk->is_fixed)
		plan_option(&p, "-o", "preallocation=falloc");
	plan_word(&p, "%s", path);
	plan_word(&p, "%" PRIu64, a->offer.sizes[a->walk]);
	code = tool_start(vm->hv->loop, &p, &end, &a->tool, err);
	plan_finish(&p);
	return code;
}

static void disk_next(struct arriving *a)
{
	const struct vm_spec *s = &a->vm->spec;
	struct xvs_error err = ERROR_INIT;

	while (a->walk < s->disk_count && !comes(a, a->walk))
		a->walk++;
	if (a->walk < s->disk_count) {
		if (disk_make(a, &err))
			fail(a, "disk %s: %s", s->disks[a->walk].name, err.text);
	} else if (run_prepare(a->vm, &err)) { /* taps, for the ports */
		fail(a, "%s", err.text);
	} else {
		arriving_step_end(a, NULL);
	}
}

static void disks_remove(const struct arriving *a)
{
	char path[SPEC_PATH];

	for (uint32_t i = 0; i < a->vm->spec.disk_count; i++) {
		disk_path(&a->vm->spec.disks[i], a->vm->disks, path);
		if (comes(a, i))
			(void)unlink(path);
	}
}

void arriving_prepare(struct arriving *a)
{
	disks_remove(a); /* of a first try: "prepared" says that they are ours */
	a->walk = 0;
	disk_next(a);
}

/* ---- QEMU comes up ---------------------------------------------------------------------------- */

/* Where the source reached us, at a port that the kernel chooses. */
static int disks_listen(struct arriving *a, struct xvs_error *err)
{
	if (!a->has_disks)
		return 0;
	if (a->disks_fd >= 0)
		(void)close(a->disks_fd);
	a->disks_fd = -1;
	return remote_listen_beside(a->local, &a->disks_fd, &a->disks_port, err);
}

static void on_transferred(void *arg, const char *why)
{
	arriving_step_end(arg, why);
}

static void on_received(void *arg, const char *why)
{
	struct arriving *a = arg;

	if (a->disks_fd >= 0)
		(void)close(a->disks_fd);
	a->disks_fd = -1;
	if (!why)
		a->memory_port = transfer_memory_port(a->transfer);
	arriving_step_end(a, why);
}

/* False: the step has ended. */
static bool transfer_make(struct arriving *a)
{
	struct vm *vm = a->vm;

	if (a->transfer)
		return true;
	if (!vm->qmp) {
		fail(a, "QEMU cannot be spoken to");
		return false;
	}
	a->options = (struct transfer_options){ .key_folder = a->key_folder,
						.has_disks = a->has_disks,
						.has_multifd = true };
	a->transfer = transfer_create(vm->hv->loop, vm->qmp, &vm->spec, &a->options);
	if (!a->transfer)
		fail(a, "out of memory");
	return a->transfer != NULL;
}

static void on_up(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	struct arriving *a = vm->arriving;

	if (!a || a->step != ARRIVAL_RECEIVE)
		return;
	if (answer->error)
		fail(a, "QEMU: %s", answer->error);
	else if (transfer_make(a))
		transfer_receive(a->transfer, a->local, a->disks_fd, on_received, a);
}

static int launch(struct arriving *a, struct xvs_error *err)
{
	struct vm *vm = a->vm;
	int code = 0;

	if (!a->key[0])
		return error_set(err, -ENOKEY, "", "the key of the move is not known any more");
	if (vm->launch.qmp < 0) /* it was begun by an xvs-hv before us */
		code = run_prepare(vm, err);
	if (code == 0)
		code = move_key_write(vm, a->key, a->key_folder, err);
	if (code == 0)
		code = disks_listen(a, err);
	if (code)
		return code;
	vm->launch.is_incoming = true;
	arriving_watch(a);
	code = run_launch(vm, err);
	if (code == 0)
		vm->state = VM_PAUSED;
	return code;
}

void arriving_receive(struct arriving *a)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vm = a->vm;

	if (!vm)
		fail(a, ARRIVING_UNREAD);
	else if (vm->process.pid && a->memory_port)
		arriving_step_end(a, NULL); /* asked again */
	else if (vm->process.pid)
		fail(a, "QEMU is there already, and nobody knows what it waits for");
	else if (launch(a, &err))
		fail(a, "%s", err.text);
	else
		qmp_command(vm->qmp, "query-status", NULL, START_S * 1000, on_up, vm);
}

/* ---- all has come ----------------------------------------------------------------------------- */

void arriving_release(struct arriving *a)
{
	if (transfer_make(a))
		transfer_release(a->transfer, on_transferred, a);
}

/* That disks are whole must be known after a restart, for those who take it over. */
static void on_loaded(void *arg, const char *why)
{
	struct arriving *a = arg;
	struct xvs_error err = ERROR_INIT;

	if (!why && !a->is_loaded)
		why = arriving_watched(a);
	if (why) {
		arriving_step_end(a, why);
		return;
	}
	a->is_loaded = true;
	move_key_remove(a->vm);
	explicit_bzero(a->key, sizeof(a->key));
	if (a->has_disks && arriving_write_loaded(a, &err))
		arriving_step_end(a, err.text);
	else
		arriving_step_end(a, NULL);
}

void arriving_load(struct arriving *a)
{
	if (transfer_make(a))
		transfer_loaded(a->transfer, on_loaded, a);
}

/* ---- it is ours, and runs --------------------------------------------------------------------- */

/* The machine is one like all others from here on. */
static void let_go(struct arriving *a)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vm = a->vm;

	arriving_hush(a, "done");
	arriving_forget_ports(a);
	/* It is there still where QEMU ended before it had all. */
	move_key_remove(vm);
	explicit_bzero(a->key, sizeof(a->key));
	a->is_done = true;
	a->resume_us = (clock_ns() - a->heard_ns) / NS_PER_US;
	if (arriving_write_done(a, &err))
		log_message(MSG_VM_STATE, "vm %s: %s", a->name, err.text);
	vm->arriving = NULL;
	a->vm = NULL;
	vm->job = (struct vm_job){ .deadline = vm->job.deadline };
}

static void on_running(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	struct arriving *a = vm->arriving;

	if (!a || a->step != ARRIVAL_RESUME)
		return;
	if (answer->error) {
		fail(a, "QEMU does not let the machine run: %s", answer->error);
		return;
	}
	vm->state = VM_RUNNING;
	run_set_taps(vm, true);
	let_go(a);
	log_message(MSG_VM, "vm %s: it has come from %s and runs, as process %d", a->name, a->peer,
		    (int)vm->process.pid);
	vm_keep(vm);
	arriving_step_end(a, NULL);
}

/* Its memory is lost as by a power cut; whether it starts is its own affair from here on. */
static void start_from_disks(struct arriving *a)
{
	struct vm *vm = a->vm;

	a->is_from_disks = true;
	let_go(a);
	vm->is_wanted = true;
	vm_start(vm, NULL, NULL);
	vm_problem(vm, "QEMU ended after it had come from %s: it was started from its disks",
		   a->peer);
	arriving_step_end(a, NULL);
}

static void on_status(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	struct arriving *a = vm->arriving;
	const char *status = json_string_value(json_object_get(answer->value, "status"));

	if (!a || a->step != ARRIVAL_RESUME)
		return;
	if (answer->error)
		fail(a, "QEMU: %s", answer->error);
	else if (status && strcmp(status, "completed") == 0)
		qmp_command(vm->qmp, "cont", NULL, 0, on_running, vm);
	else
		process_kill(&vm->process, SIGKILL); /* it has not all, and never will */
}

void arriving_resume(struct arriving *a)
{
	struct vm *vm = a->vm;

	if (a->is_done)
		arriving_step_end(a, NULL);
	else if (!vm)
		fail(a, ARRIVING_UNREAD); /* nothing runs: the source's disks must stay */
	else if (!vm->process.pid)
		start_from_disks(a);
	else if (!vm->qmp)
		arriving_look(a, AGAIN_NS); /* it is spoken to again in a moment, or has ended */
	else if (a->is_loaded)
		qmp_command(vm->qmp, "cont", NULL, 0, on_running, vm);
	else
		qmp_command(vm->qmp, "query-migrate", NULL, 0, on_status, vm);
}

/* ---- it does not come ------------------------------------------------------------------------- */

static void taps_remove(const struct vm *vm)
{
	char device[16];

	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		if (vm->spec.adapters[i].link != LINK_TAP)
			continue;
		tap_name(&vm->spec.adapters[i], device);
		tap_remove(device);
	}
}

static void files_remove(const struct vm *vm)
{
	static const char *const names[] = { "variables.fd", "qemu.log", "state.json" };
	struct xvs_error err = ERROR_INIT;

	/* whose a disk is that could not be given back, the next one to arrive must know */
	if (files_leave(vm, &err))
		log_message(MSG_VM, "vm %s: %s", vm->spec.name, err.text);
	else
		(void)store_remove_file(vm->hv->store, vm->spec.name, "owners.json", &err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)store_remove_file(vm->hv->store, vm->spec.name, names[i], &err);
	(void)rmdir(vm->disks);
}

void arriving_discard_go_on(struct arriving *a)
{
	struct vm *vm = a->vm;

	if (vm && vm->process.pid)
		return; /* its end is waited for */
	if (vm) {
		arriving_forget_ports(a);
		disks_remove(a);
		move_key_remove(vm);
		launch_finish(&vm->launch);
		taps_remove(vm);
		files_remove(vm);
		a->vm = NULL;
		vm->arriving = NULL;
		vm->job = (struct vm_job){ .deadline = vm->job.deadline };
		vm_destroy(vm);
	}
	arriving_step_end(a, NULL);
}

void arriving_discard(struct arriving *a)
{
	tool_cancel(a->tool);
	a->tool = NULL;
	arriving_hush(a, "the move was given up");
	if (a->vm && a->vm->process.pid)
		process_kill(&a->vm->process, SIGKILL);
	else
		arriving_look(a, 0);
}

/* ---- in between ------------------------------------------------------------------------------- */

void arriving_hush(struct arriving *a, const char *why)
{
	struct transfer *t = a->transfer;

	memset(&a->xvsd, 0, sizeof(a->xvsd));
	a->transfer = NULL;
	if (a->disks_fd >= 0)
		(void)close(a->disks_fd);
	a->disks_fd = -1;
	if (!t)
		return;
	(void)transfer_interrupt(t, why);
	if (!a->vm || !a->vm->qmp)
		transfer_qmp_gone(t);
	transfer_destroy(t);
}

void arriving_interrupt(struct arriving *a, enum arrival_step step)
{
	static const char why[] = "the move was given up";

	if (a->tool) {
		tool_cancel(a->tool);
		a->tool = NULL;
		fail(a, "%s", why);
	} else if (a->transfer) {
		(void)transfer_interrupt(a->transfer, why);
	} else if (step == ARRIVAL_RECEIVE && a->vm && a->vm->process.pid) {
		process_kill(&a->vm->process, SIGKILL);
	}
}

static void on_event(struct vm *vm, const char *name, const json_t *data)
{
	(void)name;
	(void)data;
	if (vm->arriving->transfer)
		transfer_event(vm->arriving->transfer);
}

static void on_silent(struct vm *vm)
{
	struct arriving *a = vm->arriving;

	arriving_hush(a, "QEMU cannot be spoken to");
	if (a->step == ARRIVAL_RECEIVE)
		fail(a, "QEMU cannot be spoken to");
	else if (a->step == ARRIVAL_RESUME)
		arriving_look(a, AGAIN_NS); /* it may be about to end */
}

/* The source's QEMU does not notice; before the decision, the source takes it back. */
static void on_gone(struct vm *vm, const char *tail)
{
	struct arriving *a = vm->arriving;
	char what[ARRIVING_WHY];

	(void)snprintf(what, sizeof(what), "QEMU of the target ended%s%.250s", tail[0] ? ": " : "",
		       tail);
	arriving_hush(a, what);
	arriving_tell(a, what);
	vm->is_wanted = false; /* it is started when it is ours, and not before */
	if (a->step == ARRIVAL_DISCARD || a->step == ARRIVAL_RESUME)
		arriving_look(a, 0); /* the step goes on without it */
	else if (a->step != ARRIVAL_STEPS)
		arriving_step_end(a, what);
}

void arriving_hold(struct arriving *a)
{
	struct vm *vm = a->vm;

	vm->job = (struct vm_job){ .what = "arriving",
				   .event = on_event,
				   .silent = on_silent,
				   .gone = on_gone,
				   .deadline = vm->job.deadline };
}

int arriving_kill(struct vm *vm, struct xvs_error *err)
{
	if (!vm->process.pid)
		return error_set(err, -EBUSY, "", "it comes from %s and is not this host's yet",
				 vm->arriving->peer);
	process_kill(&vm->process, SIGKILL);
	return 0;
}

void arriving_adopt(struct vm *vm)
{
	struct arriving *a = vm->arriving;
	struct xvs_error err = ERROR_INIT;
	uint64_t start_time;
	bool is_same_boot;
	pid_t pid;

	vm_recall(vm, &pid, &start_time, &is_same_boot);
	vm->is_wanted = false;
	if (is_same_boot && pid > 0 && process_find(pid, start_time, &vm->process, &err) == 0) {
		vm->state = VM_PAUSED;
		vm->is_adopted = true;
		if (run_watch(vm, &err))
			vm_problem(vm, "QEMU runs, but cannot be spoken to: %s", err.text);
	}
	arriving_look(a, 0);
}

json_t *arriving_show(const struct vm *vm)
{
	const struct arriving *a = vm->arriving;
	json_t *j =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:O}", "name", a->name,
			  "role", "target", "move", a->move, "from", a->peer, "kind",
			  a->has_disks ? "storage" : "shared", "phase", arrival_phase(a->course),
			  "epoch", (json_int_t)a->epoch, "connected", a->session != NULL,
			  "in_doubt", a->session == NULL, "findings", a->findings);

	return j;
}
