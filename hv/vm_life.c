/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_life.c - into the list, up, found again, out of the list.
 *
 *      start: sockets and taps -> ports at xvsd -> QEMU, standing still -> QMP -> cont -> taps up
 *
 * Nothing of the guest runs before its ports are there with all their policies.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "definition.h"
#include "departing.h"
#include "replica.h"
#include "replicate.h"
#include "storage.h"
#include "vm.h"

enum { START_S = 60 };

/* ---- defining --------------------------------------------------------------------------------- */

/* The definition that comes and the one that is change places. */
static void spec_swap(struct vm *vm)
{
	struct vm_spec was = vm->spec;

	vm->spec = vm->coming;
	vm->coming = was;
}

/* A refused machine leaves nothing: one that is new goes, one that was is what it was. */
static void define_undo(struct vm *vm, int code, const char *why)
{
	vm_done done = vm->job.done;
	void *arg = vm->job.arg;
	char text[sizeof(vm->problem)];

	disks_undo(vm);
	if (vm->coming.name[0]) {
		spec_swap(vm);
		spec_finish(&vm->coming);
		vm->coming = (struct vm_spec){ .name = "" };
		job_end(vm, code, "%s", why);
		return;
	}
	(void)snprintf(text, sizeof(text), "vm %s: %s", vm->spec.name, why);
	store_unmake(vm->hv->store, vm->spec.name);
	vm_destroy(vm);
	if (done)
		done(arg, code, text);
}

/* Its state first: with its definition it is a machine. */
static void define_keep(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;
	json_t *definition = definition_print(&vm->spec);
	int code = vm_record(vm, &err);

	if (code == 0)
		code = store_write(vm->hv->store, vm->spec.name, "definition.json", definition,
				   &err);
	json_decref(definition);
	if (code) {
		define_undo(vm, code, err.text);
		return;
	}
	spec_finish(&vm->coming);
	vm->coming = (struct vm_spec){ .name = "" };
	job_end(vm, 0, "defined");
}

static void on_disks_made(struct vm *vm, int code, const char *text)
{
	if (code)
		define_undo(vm, code, text);
	else
		define_keep(vm);
}

void vm_define(struct vm *vm, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;
	int code;

	if (!job_begin(vm, "being defined", done, arg))
		return;
	code = vm_user_settle(vm, &err);
	if (code == 0)
		code = store_make(vm->hv->store, vm->spec.name, vm->user.uid, vm->user.gid, &err);
	if (code)
		define_undo(vm, code, err.text);
	else
		disks_ensure(vm, on_disks_made);
}

/* What differs is made anew at the next start. */
static void on_ports_gone(struct vm *vm, int code, const char *text)
{
	spec_swap(vm);
	on_disks_made(vm, code, text);
}

/* Its ports are those of the definition that was. */
static void on_disks_remade(struct vm *vm, int code, const char *text)
{
	if (code) {
		define_undo(vm, code, text);
		return;
	}
	spec_swap(vm);
	ports_remove(vm, on_ports_gone);
}

void vm_redefine(struct vm *vm, struct vm_spec *spec, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;

	if (!job_begin(vm, "being defined", done, arg)) {
		spec_finish(spec);
		return;
	}
	if (vm->state != VM_STOPPED || vm->has_saved_state) {
		spec_finish(spec);
		job_end(vm, -EBUSY, "it is %s; a machine is changed while it is stopped",
			vm_state_name(vm));
		return;
	}
	if (vm_user_settle(vm, &err)) {
		spec_finish(spec);
		job_end(vm, err.code, "%s", err.text);
		return;
	}
	vm->coming = vm->spec;
	vm->spec = *spec;
	disks_ensure(vm, on_disks_remade);
}

static void on_undefined(struct vm *vm, int code, const char *text)
{
	struct xvs_error err = ERROR_INIT;
	vm_done done = vm->job.done;
	void *arg = vm->job.arg;

	if (code == 0)
		code = files_return(vm, &err);
	if (code == 0)
		code = store_remove(vm->hv->store, vm->spec.name, &err);
	if (code) {
		job_end(vm, code, "%s", err.text[0] ? err.text : text);
		return;
	}
	log_message(MSG_VM, "vm %s: it is not defined any more", vm->spec.name);
	vm_destroy(vm);
	if (done)
		done(arg, 0, "");
}

void vm_undefine(struct vm *vm, vm_done done, void *arg)
{
	if (!job_begin(vm, "being undefined", done, arg))
		return;
	if (vm->state != VM_STOPPED) {
		job_end(vm, -EBUSY, "it is %s; stop it first", vm_state_name(vm));
		return;
	}
	if (vm->replicating && !replicate_is_yielded(vm)) {
		job_end(vm, -EBUSY,
			"it is replicated to %s; \"xvsctl vm replicate %s --stop\" first",
			replicate_to(vm), vm->spec.name);
		return;
	}
	if (vm->departing) {
		job_end(vm, -EBUSY,
			"another host must be told first that it stays here; see "
			"\"xvsctl vm move show\"");
		return;
	}
	vm->is_wanted = false;
	vm->restart_ns = 0;
	ports_remove(vm, on_undefined);
}

/* ---- starting --------------------------------------------------------------------------------- */

static void on_late(struct vm *vm)
{
	job_fail(vm, "QEMU did not come up within %d s", START_S);
}

static void on_running(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (!job_goes_on(vm))
		return;
	if (answer->error) {
		job_fail(vm, "QEMU does not let the machine run: %s", answer->error);
		return;
	}
	vm->state = VM_RUNNING;
	run_set_taps(vm, true);
	if (vm->has_saved_state)
		save_consumed(vm);
	vm_keep(vm);
	log_message(MSG_VM, "vm %s: it runs, by %s, as process %d", vm->spec.name,
		    vm->is_kvm ? "KVM" : "emulation", (int)vm->process.pid);
	vm->problem[0] = '\0';
	job_end(vm, 0, "runs");
}

void vm_go_on(struct vm *vm)
{
	qmp_command(vm->qmp, "cont", NULL, 0, on_running, vm);
}

static void on_status(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (!job_goes_on(vm))
		return;
	if (answer->error)
		job_fail(vm, "QEMU: %s", answer->error);
	else if (vm->has_saved_state)
		save_load(vm);
	else if (vm->replica)
		replica_load(vm);
	else
		vm_go_on(vm);
}

static void on_ports(struct vm *vm, int code, const char *text)
{
	struct xvs_error err = ERROR_INIT;

	/* Killed meanwhile. */
	if (vm->job.why[0] || code) {
		job_fail(vm, "%s", code ? text : "it was killed");
		return;
	}
	job_deadline(vm, START_S, on_late);
	if (run_launch(vm, &err))
		job_fail(vm, "%s", err.text);
	else
		qmp_command(vm->qmp, "query-status", NULL, START_S * 1000, on_status, vm);
}

void vm_start(struct vm *vm, vm_done done, void *arg)
{
	const struct facts *f = &vm->hv->facts;
	struct xvs_error err = ERROR_INIT;

	if (!job_begin(vm, "starting", done, arg))
		return;
	if (vm->state != VM_STOPPED) {
		job_end(vm, -EALREADY, "it is %s already", vm_state_name(vm));
		return;
	}
	if (!replicate_may_start(vm, &err)) {
		vm->is_wanted = false;
		job_end(vm, err.code, "%s", err.text);
		return;
	}
	vm->restart_ns = 0;
	vm->has_fresh_ports = vm->wants_fresh_ports;
	vm->wants_fresh_ports = false;
	vm->is_wanted = true;
	vm->state = VM_STARTING;
	if (!f->version[0])
		job_fail(vm, "QEMU cannot be run: %s", f->problem);
	else if (run_prepare(vm, &err))
		job_fail(vm, "%s", err.text);
	else
		ports_ensure(vm, on_ports);
}

/* ---- adopting --------------------------------------------------------------------------------- */

static void on_adopted_status(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	const char *status = json_string_value(json_object_get(answer->value, "status"));

	if (!job_goes_on(vm))
		return;
	if (!status) {
		job_end(vm, -EIO, "QEMU does not say how it is: %s",
			answer->error ? answer->error : "it says something odd");
		return;
	}
	vm->state = strcmp(status, "running") == 0 ? VM_RUNNING : VM_PAUSED;
	if (vm->state == VM_RUNNING && vm->has_saved_state) {
		save_consumed(vm);
		vm_keep(vm);
	}
	/* We may have been killed just before. */
	run_set_taps(vm, true);
	log_message(MSG_VM, "vm %s: it is %s still, as process %d", vm->spec.name, status,
		    (int)vm->process.pid);
	job_end(vm, 0, "adopted");
}

static void on_adopted_uuid(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;
	const char *uuid = json_string_value(json_object_get(answer->value, "UUID"));
	char ours[UUID_TEXT];
	pid_t pid;

	if (!job_goes_on(vm))
		return;
	if (answer->error) {
		job_end(vm, -EIO, "QEMU does not say who it is: %s", answer->error);
		return;
	}
	if (!uuid || strcmp(uuid, uuid_print(vm->spec.uuid, ours)) != 0) {
		pid = vm->process.pid;
		run_forget(vm);
		vm->state = VM_STOPPED;
		job_end(vm, -ESTALE, "process %d is another machine by its UUID; it is left alone",
			(int)pid);
		return;
	}
	qmp_command(vm->qmp, "query-status", NULL, 0, on_adopted_status, vm);
}

/* A move that was under way goes on from there. */
static void on_recovered(void *arg, int code, const char *text)
{
	struct vm *vm = arg;

	(void)code;
	(void)text;
	if (vm->departing)
		departing_go_on(vm);
}

/* As well as it could be.  A disk that was moving comes first: the machine may leave with it. */
static void on_adopted(void *arg, int code, const char *text)
{
	if (!storage_recover(arg, on_recovered))
		on_recovered(arg, code, text);
}

/* False: it does not run any more. */
static bool process_adopt(struct vm *vm, pid_t pid, uint64_t start_time)
{
	struct xvs_error err = ERROR_INIT;

	if (pid <= 0 || process_find(pid, start_time, &vm->process, &err))
		return false;
	vm->state = VM_PAUSED;
	vm->is_adopted = true;
	(void)job_begin(vm, "being adopted", on_adopted, vm);
	if (run_watch(vm, &err))
		job_end(vm, err.code, "QEMU runs, but cannot be spoken to: %s", err.text);
	else
		qmp_command(vm->qmp, "query-uuid", NULL, 0, on_adopted_uuid, vm);
	return true;
}

void vm_adopt(struct vm *vm)
{
	uint64_t start_time;
	bool is_same_boot;
	pid_t pid;

	vm_recall(vm, &pid, &start_time, &is_same_boot);
	departing_recall(vm);
	replicate_recall(vm);
	storage_recall(vm);
	if (is_same_boot && process_adopt(vm, pid, start_time))
		return;
	storage_gone(vm);
	run_set_taps(vm, false);
	if (pid > 0 && is_same_boot)
		vm_problem(vm, "QEMU ended while xvs-hv was away");
	if (!is_same_boot)
		vm->is_wanted = vm->spec.is_autostart;
	else if (vm->spec.restart == RESTART_NEVER)
		vm->is_wanted = false;
	if (vm->departing)
		departing_go_on(vm);
	else if (vm->is_wanted && !replicate_starts_later(vm))
		vm_start(vm, NULL, NULL);
}
