/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm.c - the machine as an object: what it is, what is kept of it, the job that runs.
 */
#include "replica.h"
#include "replicate.h"
#include "storage.h"
#include "vm_archive.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "definition.h"
#include "departing.h"
#include "rpc/rpc.h"
#include "tool.h"

enum { KEEP_S = 10 };

/* ---- the object ------------------------------------------------------------------------------- */

static void on_deadline(void *arg)
{
	struct vm *vm = arg;

	if (vm->job.late)
		vm->job.late(vm);
}

static void on_restart(void *arg)
{
	struct vm *vm = arg;

	if (!vm->restart_ns || !vm->is_wanted)
		return; /* started or stopped since */
	vm->restart_ns = 0;
	if (!replicate_starts_later(vm))
		vm_start(vm, NULL, NULL);
}

static void on_reconnect(void *arg)
{
	struct vm *vm = arg;
	struct xvs_error err = ERROR_INIT;

	if (!vm->process.pid || vm->qmp || run_connect(vm, &err) == 0)
		return;
	vm_problem(vm, "QEMU cannot be spoken to: %s", err.text);
	loop_timer_arm(vm->reconnect, 10 * NS_PER_S);
}

static void on_keep(void *arg)
{
	vm_keep(arg);
}

struct vm *vm_create(struct hv *hv, const struct vm_spec *spec)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->hv = hv;
	vm->spec = *spec;
	vm->user = hv->user;
	vm->process.pidfd = -1;
	launch_init(&vm->launch);
	store_folder(hv->store, spec->name, vm->folder, sizeof(vm->folder));
	(void)snprintf(vm->disks, sizeof(vm->disks), "%.*s/disks", SPEC_PATH - 8, vm->folder);
	(void)snprintf(vm->run, sizeof(vm->run), "%s/%s", hv->run, spec->name);
	vm->job.deadline = loop_timer_create(hv->loop, on_deadline, vm);
	vm->restart = loop_timer_create(hv->loop, on_restart, vm);
	vm->reconnect = loop_timer_create(hv->loop, on_reconnect, vm);
	vm->keep = loop_timer_create(hv->loop, on_keep, vm);
	vm->ports = json_object();
	vm->checkpoints = json_array();
	if (vm->job.deadline && vm->restart && vm->reconnect && vm->keep && vm->ports &&
	    vm->checkpoints)
		return vm;
	vm->spec = (struct vm_spec){ .name = "" };
	vm_destroy(vm);
	return NULL;
}

void vm_destroy(struct vm *vm)
{
	for (struct vm **at = &vm->hv->vms; *at; at = &(*at)->next) {
		if (*at == vm) {
			*at = vm->next;
			break;
		}
	}
	run_forget(vm);
	replicate_destroy(vm);
	replica_destroy(vm);
	departing_destroy(vm->departing);
	tool_cancel(vm->tool);
	archive_cancel(vm);
	storage_destroy(vm);
	launch_finish(&vm->launch);
	loop_timer_destroy(vm->job.deadline);
	loop_timer_destroy(vm->restart);
	loop_timer_destroy(vm->reconnect);
	loop_timer_destroy(vm->keep);
	json_decref(vm->ports);
	json_decref(vm->checkpoints);
	spec_finish(&vm->spec);
	spec_finish(&vm->coming);
	free(vm);
}

void vm_problem(struct vm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(vm->problem, sizeof(vm->problem), format, args);
	va_end(args);
	log_message(MSG_VM_PROBLEM, "vm %s: %s", vm->spec.name, vm->problem);
}

void vm_socket(const struct vm *vm, const char *kind, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s%s%s", vm->run, kind, name[0] ? "-" : "", name);
}

/* ---- for people ------------------------------------------------------------------------------- */

const char *vm_state_name(const struct vm *vm)
{
	static const char *const names[] = { "stopped", "starting", "running", "paused" };

	if (vm->arriving)
		return "arriving";
	if (vm->replica && !replica_is_active(vm))
		return "replica";
	if (vm->state == VM_STOPPED && vm->has_saved_state)
		return "saved";
	return names[vm->state];
}

static json_int_t seconds_until(uint64_t when_ns)
{
	uint64_t now_ns = clock_ns();

	return when_ns > now_ns ? (json_int_t)((when_ns - now_ns + NS_PER_S - 1) / NS_PER_S) : 0;
}

json_t *vm_print(const struct vm *vm)
{
	json_t *j =
		json_pack("{s:s, s:s, s:I, s:I, s:b}", "name", vm->spec.name, "state",
			  vm_state_name(vm), "cpus", (json_int_t)vm->spec.cpus, "memory_mib",
			  (json_int_t)(vm->spec.memory >> 20), "autostart", vm->spec.is_autostart);

	if (vm->job.what)
		(void)json_object_set_new(j, "doing", json_string(vm->job.what));
	if (vm->process.pid) {
		(void)json_object_set_new(j, "pid", json_integer(vm->process.pid));
		(void)json_object_set_new(j, "accel", json_string(vm->is_kvm ? "kvm" : "tcg"));
	}
	if (vm->restart_ns)
		(void)json_object_set_new(j, "restart_in_s",
					  json_integer(seconds_until(vm->restart_ns)));
	if (vm->problem[0])
		(void)json_object_set_new(j, "problem", rpc_string(vm->problem));
	return j;
}

/* What stands in the way of a live migration, and what to do about it. */
static json_t *obstacles(const struct vm *vm)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < vm->spec.disk_count; i++) {
		const struct disk_spec *disk = &vm->spec.disks[i];

		if (disk->format != DISK_VHDX || disk->is_read_only)
			continue;
		(void)json_array_append_new(
			list, json_sprintf("disk %s: QEMU does not migrate vhdx; \"xvsctl vm "
					   "move-storage %s %s PATH\" makes it qcow2",
					   disk->name, vm->spec.name, disk->name));
	}
	if (strcmp(vm->spec.cpu, "auto") == 0)
		(void)json_array_append_new(
			list,
			json_string("cpu: auto is whatever this host has; a machine that is to "
				    "move between different hosts needs a model by name, see "
				    "\"xvsctl vm host\""));
	return list;
}

json_t *vm_print_whole(const struct vm *vm)
{
	json_t *j = vm_print(vm);
	char path[VM_SOCKET];

	if (vm->process.pid) {
		(void)json_object_set_new(j, "cgroup", json_boolean(vm->process.has_cgroup));
		(void)json_object_set_new(j, "user", json_string(vm->user.name));
		(void)json_object_set_new(j, "adopted", json_boolean(vm->is_adopted));
		vm_socket(vm, "console", "", path, sizeof(path));
		(void)json_object_set_new(j, "console", json_string(path));
	}
	if (vm->process.pid && vm->spec.display == DISPLAY_VNC) {
		vm_socket(vm, "qemu/vnc", "", path, sizeof(path));
		(void)json_object_set_new(j, "vnc", json_string(path));
	}
	if (!vm->is_kvm && vm->spec.accel != ACCEL_TCG && vm->process.pid)
		(void)json_object_set_new(j, "emulated_because",
					  json_string(vm->hv->facts.accel.reason));
	(void)json_object_set_new(j, "checkpoints", json_deep_copy(vm->checkpoints));
	if (vm->storage)
		(void)json_object_set_new(j, "storage_move", storage_show(vm));
	if (vm->replica || vm->replicating)
		(void)json_object_set_new(j, "replication",
					  vm->replica ? replica_show(vm) : replicate_show(vm));
	(void)json_object_set_new(j, "migration_obstacles", obstacles(vm));
	(void)json_object_set_new(j, "definition", definition_print(&vm->spec));
	return j;
}

/* ---- what is kept ----------------------------------------------------------------------------- */

/* Differs from one start of the host to the next. */
static void boot_id(char out[UUID_TEXT])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (f && fgets(out, UUID_TEXT, f))
		out[UUID_TEXT - 1] = '\0';
	if (f)
		(void)fclose(f);
}

int vm_record(struct vm *vm, struct xvs_error *err)
{
	char boot[UUID_TEXT];
	json_t *state;
	int code;

	boot_id(boot);
	state = json_pack("{s:I, s:I, s:s, s:b, s:b, s:b, s:I, s:O, s:O}", "pid",
			  (json_int_t)vm->process.pid, "start_time",
			  (json_int_t)vm->process.start_time, "boot", boot, "wanted", vm->is_wanted,
			  "kvm", vm->is_kvm, "saved", vm->has_saved_state, "uid",
			  (json_int_t)(vm->has_user ? vm->user.uid : 0), "ports", vm->ports,
			  "checkpoints", vm->checkpoints);
	code = store_write(vm->hv->store, vm->spec.name, "state.json", state, err);
	json_decref(state);
	if (code == 0)
		vm->is_unkept = false;
	return code;
}

void vm_keep(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;

	if (vm_record(vm, &err) == 0)
		return;
	if (!vm->is_unkept)
		vm_problem(vm,
			   "what it does cannot be written down, and a restart of xvs-hv would not "
			   "know it: %s; it is tried again every %d s",
			   err.text, KEEP_S);
	vm->is_unkept = true;
	loop_timer_arm(vm->keep, KEEP_S * NS_PER_S);
}

static bool flag_of(const json_t *state, const char *key)
{
	return json_is_true(json_object_get(state, key));
}

void vm_recall(struct vm *vm, pid_t *pid, uint64_t *start_time, bool *is_same_boot)
{
	struct xvs_error err = ERROR_INIT;
	json_t *state = store_read(vm->hv->store, vm->spec.name, "state.json", &err);
	json_t *ports = json_object_get(state, "ports");
	json_t *checkpoints = json_object_get(state, "checkpoints");
	const char *was = json_string_value(json_object_get(state, "boot"));
	char boot[UUID_TEXT];

	if (!state && err.code)
		log_message(MSG_VM_STATE, "vm %s: %s", vm->spec.name, err.text);
	boot_id(boot);
	*is_same_boot = was && strcmp(was, boot) == 0;
	*pid = (pid_t)json_integer_value(json_object_get(state, "pid"));
	*start_time = (uint64_t)json_integer_value(json_object_get(state, "start_time"));
	vm->is_wanted = flag_of(state, "wanted");
	vm->is_kvm = flag_of(state, "kvm");
	/* Its file goes first: after a crash in between there is none to start from. */
	vm->has_saved_state = flag_of(state, "saved") && save_is_there(vm);
	if (json_is_object(ports))
		(void)json_object_update(vm->ports, ports);
	if (json_is_array(checkpoints))
		(void)json_array_extend(vm->checkpoints, checkpoints);
	json_decref(state);
}

/* ---- jobs ------------------------------------------------------------------------------------- */

bool job_begin(struct vm *vm, const char *what, vm_done done, void *arg)
{
	struct loop_timer *deadline = vm->job.deadline;
	char text[300];

	if (vm->replica && !replica_is_active(vm)) {
		(void)snprintf(text, sizeof(text),
			       "vm %s: it is a replica; \"xvsctl vm failover %s\" makes a machine "
			       "of it",
			       vm->spec.name, vm->spec.name);
		if (done)
			done(arg, -EPERM, text);
		return false;
	}
	if (vm->job.what) {
		(void)snprintf(text, sizeof(text), "vm %s: it is %s already; wait, or kill it",
			       vm->spec.name, vm->job.what);
		if (done)
			done(arg, -EBUSY, text);
		return false;
	}
	vm->job = (struct vm_job){ .what = what, .done = done, .arg = arg, .deadline = deadline };
	replicate_step_aside(vm);
	return true;
}

bool job_goes_on(const struct vm *vm)
{
	return vm->job.what && !vm->job.ends_with_qemu;
}

void job_deadline(struct vm *vm, uint64_t seconds, void (*late)(struct vm *vm))
{
	vm->job.late = late;
	loop_timer_arm(vm->job.deadline, seconds * NS_PER_S);
}

void job_end(struct vm *vm, int code, const char *format, ...)
{
	vm_done done = vm->job.done;
	void *arg = vm->job.arg;
	char text[sizeof(vm->problem) + 64];
	va_list args;
	int len = snprintf(text, sizeof(text), "vm %s: ", vm->spec.name);

	va_start(args, format);
	(void)vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	vm->job = (struct vm_job){ .deadline = vm->job.deadline };
	archive_cancel(vm);
	if (code)
		vm_problem(vm, "%s", text + len);
	if (done)
		done(arg, code, text);
}

void job_fail(struct vm *vm, const char *format, ...)
{
	va_list args;

	if (!job_goes_on(vm))
		return;
	va_start(args, format);
	(void)vsnprintf(vm->job.why, sizeof(vm->job.why), format, args);
	va_end(args);
	if (vm->process.pid) {
		process_kill(&vm->process, SIGKILL);
		return;
	}
	vm->state = VM_STOPPED;
	launch_finish(&vm->launch);
	job_end(vm, -EIO, "%s", vm->job.why);
	vm_restart_later(vm);
}
