/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_stop.c - down, in order or not; still, and on; the console.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "arriving.h"
#include "base/str.h"
#include "departing.h"
#include "replicate.h"
#include "vm.h"

enum { QUIT_S = 5 }; /* for QEMU to write back what it holds and end */

/* ---- down ------------------------------------------------------------------------------------- */

static void on_quit_late(struct vm *vm)
{
	process_kill(&vm->process, SIGKILL);
}

/* The guest does not listen; QEMU does. */
static void on_guest_late(struct vm *vm)
{
	vm_problem(vm, "the guest did not end within %u s and was switched off",
		   vm->spec.shutdown_s);
	if (vm->qmp)
		qmp_command(vm->qmp, "quit", NULL, 0, NULL, NULL);
	job_deadline(vm, QUIT_S, on_quit_late);
}

/* False: it was answered. */
static bool down_begin(struct vm *vm, const char *what, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;

	if (!job_begin(vm, what, done, arg))
		return false;
	vm->is_wanted = false;
	vm->restart_ns = 0;
	if (vm->state == VM_STOPPED) {
		if (vm_record(vm, &err))
			job_end(vm, err.code, "it is stopped, which cannot be written down: %s",
				err.text);
		else
			job_end(vm, 0, "is stopped");
		return false;
	}
	/* Before its QEMU ends, so that nobody who finds it gone starts it again. */
	vm_keep(vm);
	vm->job.ends_with_qemu = true;
	return true;
}

static void on_powerdown(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (answer->error && vm->job.what && vm->process.pid)
		on_guest_late(vm);
}

void vm_stop(struct vm *vm, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;

	if (!down_begin(vm, "stopping", done, arg))
		return;
	job_deadline(vm, vm->spec.shutdown_s, on_guest_late);
	/* The other host's guest runs by now: this one runs no more, not even to end. */
	if ((!vm->qmp && run_connect(vm, &err)) || replicate_is_yielded(vm)) {
		on_guest_late(vm);
		return;
	}
	/* One that stands still cannot end in order. */
	if (vm->state == VM_PAUSED)
		qmp_command(vm->qmp, "cont", NULL, 0, NULL, NULL);
	qmp_command(vm->qmp, "system_powerdown", NULL, 0, on_powerdown, vm);
}

/* A move that is not decided ends by it; one that is has left nothing here to kill. */
static void moving_kill(struct vm *vm, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;
	int code = departing_cancel(vm, &err);

	if (code == 0) {
		vm->is_wanted = false;
		if (vm->process.pid)
			process_kill(&vm->process, SIGKILL);
	}
	if (done)
		done(arg, code, err.text);
}

/* Whoever brings it hears so, and takes it back or lets it start here from its disks. */
static void coming_kill(struct vm *vm, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;
	int code = arriving_kill(vm, &err);
	char text[320];

	(void)snprintf(text, sizeof(text), "vm %s: %s", vm->spec.name, err.text);
	if (done)
		done(arg, code, text);
}

/* What was being done ends with it, and says so to whoever asked for it. */
void vm_kill(struct vm *vm, vm_done done, void *arg)
{
	if (departing_holds(vm) || vm->arriving) {
		(vm->arriving ? coming_kill : moving_kill)(vm, done, arg);
		return;
	}
	if (vm->state == VM_STARTING && !vm->process.pid) {
		(void)str_copy(vm->job.why, sizeof(vm->job.why), "it was killed");
		vm->is_wanted = false;
		if (done)
			done(arg, 0, "");
		return;
	}
	if (vm->job.what && vm->process.pid)
		job_end(vm, -ECANCELED, "it was killed while it was %s", vm->job.what);
	if (down_begin(vm, "being killed", done, arg))
		process_kill(&vm->process, SIGKILL);
}

/* ---- still, and on ---------------------------------------------------------------------------- */

static void on_answer(void *arg, const struct qmp_answer *answer)
{
	struct vm *vm = arg;

	if (!job_goes_on(vm))
		return;
	if (answer->error)
		job_end(vm, -EIO, "QEMU: %s", answer->error);
	else
		job_end(vm, 0, "done");
}

static void command(struct vm *vm, const char *what, const char *name, vm_done done, void *arg)
{
	if (!job_begin(vm, what, done, arg))
		return;
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		job_end(vm, -ENOTCONN, "it does not run");
	else if (!vm->qmp)
		job_end(vm, -ENOTCONN, "QEMU cannot be spoken to now");
	else
		qmp_command(vm->qmp, name, NULL, 0, on_answer, vm);
}

void vm_reset(struct vm *vm, vm_done done, void *arg)
{
	command(vm, "being reset", "system_reset", done, arg);
}

void vm_pause(struct vm *vm, vm_done done, void *arg)
{
	command(vm, "being paused", "stop", done, arg);
}

void vm_resume(struct vm *vm, vm_done done, void *arg)
{
	struct xvs_error err = ERROR_INIT;
	char text[320];

	if (vm->process.pid && !replicate_may_start(vm, &err)) {
		(void)snprintf(text, sizeof(text), "vm %s: %s", vm->spec.name, err.text);
		done(arg, err.code, text);
		return;
	}
	command(vm, "being resumed", "cont", done, arg);
}

/* ---- the console ------------------------------------------------------------------------------ */

static bool has_serial(const struct vm *vm, const char *name)
{
	for (uint32_t i = 0; i < vm->spec.serial_count; i++) {
		if (strcmp(vm->spec.serials[i], name) == 0)
			return true;
	}
	return false;
}

int vm_console(const struct vm *vm, const char *serial, struct xvs_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!vm->process.pid)
		return error_set(err, -ENOTCONN, "", "vm %s: it does not run", vm->spec.name);
	if (serial && !has_serial(vm, serial))
		return error_set(err, -ENOENT, "", "vm %s: it has no serial port \"%s\"",
				 vm->spec.name, serial);
	vm_socket(vm, serial ? "serial" : "console", serial ? serial : "", address.sun_path,
		  sizeof(address.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)error_set(err, -errno, "", "vm %s: console: %s", vm->spec.name, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return err->code;
}
