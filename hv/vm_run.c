/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_run.c - QEMU of a machine: what it is started with, its conversation, its end.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup.h"
#include "replicate.h"
#include "storage.h"
#include "tap.h"
#include "vm.h"

enum {
	RESTART_MAX_S = 60,
	SETTLED_S = 60, /* after that long, a crash is the first in a row again */
	RECONNECT_S = 1,
	LOG_TAIL = 400,
	VARIABLES_MAX = 64 << 20,
};

/* ---- sockets ---------------------------------------------------------------------------------- */

int socket_listen(const char *path, struct xvs_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;
	int code;

	if (!str_copy(address.sun_path, sizeof(address.sun_path), path))
		return error_set(err, -ENAMETOOLONG, "", "socket %s: the name is too long", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, -errno, "", "socket %s: %s", path, strerror(errno));
	(void)unlink(path);
	/* The kernel takes the mode of the socket itself. */
	if (fchmod(fd, 0600) == 0 &&
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 4) == 0)
		return fd;
	code = error_set(err, -errno, "", "socket %s: %s", path, strerror(errno));
	(void)close(fd);
	return code;
}

static int listen_as(struct vm *vm, const char *kind, const char *name, int *out,
		     struct xvs_error *err)
{
	char path[VM_SOCKET];
	int fd;

	vm_socket(vm, kind, name, path, sizeof(path));
	fd = socket_listen(path, err);
	if (fd < 0)
		return fd;
	*out = fd;
	return 0;
}

static void sockets_remove(const struct vm *vm)
{
	char path[VM_SOCKET];

	vm_socket(vm, "qmp", "", path, sizeof(path));
	(void)unlink(path);
	vm_socket(vm, "console", "", path, sizeof(path));
	(void)unlink(path);
	for (uint32_t i = 0; i < vm->spec.serial_count; i++) {
		vm_socket(vm, "serial", vm->spec.serials[i], path, sizeof(path));
		(void)unlink(path);
	}
	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		vm_socket(vm, "qemu/net", vm->spec.adapters[i].name, path, sizeof(path));
		(void)unlink(path);
	}
	vm_socket(vm, "qemu/vnc", "", path, sizeof(path));
	(void)unlink(path);
}

static int adapter_prepare(struct vm *vm, uint32_t i, struct xvs_error *err)
{
	const struct adapter_spec *a = &vm->spec.adapters[i];
	char device[16];

	if (a->link == LINK_VHOST_USER)
		return 0;
	tap_name(a, device);
	return tap_open(device, a->queues, vm->launch.taps[i], err);
}

/* ---- files ------------------------------------------------------------------------------------ */

static int file_read(const char *path, char **out, size_t *len, struct xvs_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = { .st_size = 0 };
	char *bytes = NULL;
	ssize_t got = -1;

	if (fd >= 0 && fstat(fd, &st) == 0)
		bytes = malloc((size_t)st.st_size + 1);
	if (bytes)
		got = read(fd, bytes, (size_t)st.st_size);
	if (fd >= 0)
		(void)close(fd);
	if (got < 0) {
		free(bytes);
		return error_set(err, errno ? -errno : -ENOMEM, "", "%s: %s", path,
				 strerror(errno));
	}
	*out = bytes;
	*len = (size_t)got;
	return 0;
}

/* What UEFI writes is the machine's own: a copy, made once. */
static int variables_make(struct vm *vm, const char *path, struct xvs_error *err)
{
	const struct hv *hv = vm->hv;
	struct stat st;
	char before[SPEC_PATH + 16];
	size_t len = 0;
	char *bytes = NULL;
	int code;

	if (!hv->facts.firmware[0])
		return error_set(err, -ENOENT, "",
				 "generation 2 without a kernel boots by UEFI: install the package "
				 "ovmf, or say generation: 1");
	if (access(path, F_OK) == 0)
		return 0;
	/* Among the disks they were once. */
	(void)snprintf(before, sizeof(before), "%s/variables.fd", vm->disks);
	if (lstat(before, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= VARIABLES_MAX)
		code = file_read(before, &bytes, &len, err);
	else
		code = file_read(hv->facts.variables, &bytes, &len, err);
	if (code)
		return code;
	code = file_replace(path, bytes, len, err);
	free(bytes);
	if (code == 0 && !vm->user.is_us && lchown(path, vm->user.uid, vm->user.gid))
		code = error_set(err, -errno, "", "%s: %s", path, strerror(errno));
	return code;
}

static int log_open_file(const struct vm *vm)
{
	char path[SPEC_PATH + 16];

	(void)snprintf(path, sizeof(path), "%s/qemu.log", vm->folder);
	return open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The last line that QEMU wrote, where there is one. */
static void log_tail(const struct vm *vm, char out[LOG_TAIL])
{
	char path[SPEC_PATH + 16];
	char text[LOG_TAIL];
	ssize_t got;
	char *line;
	int fd;

	out[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/qemu.log", vm->folder);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	(void)lseek(fd, -(off_t)(LOG_TAIL - 1), SEEK_END);
	got = read(fd, text, LOG_TAIL - 1);
	(void)close(fd);
	text[got > 0 ? got : 0] = '\0';
	line = text + strlen(text);
	while (line > text && line[-1] == '\n')
		*--line = '\0';
	line = strrchr(text, '\n');
	(void)str_copy(out, LOG_TAIL, line ? line + 1 : text);
}

/* ---- before ----------------------------------------------------------------------------------- */

/*
 * Where QEMU listens belongs to its user; the sockets in it are of our group and open to it, so that
 * xvsd may connect without a capability that overrides the modes of files.
 */
static int folder_prepare(const struct vm *vm, struct xvs_error *err)
{
	const struct user *u = &vm->user;
	char path[sizeof(vm->run) + 8];
	mode_t before = umask(0);
	bool is_made;

	(void)snprintf(path, sizeof(path), "%s/qemu", vm->run);
	is_made = (mkdir(vm->run, 0711) == 0 || errno == EEXIST) &&
		  (mkdir(path, 02770) == 0 || errno == EEXIST) &&
		  (u->is_us || lchown(path, u->uid, getegid()) == 0) && chmod(path, 02770) == 0;
	(void)umask(before);
	return is_made ? 0 : error_set(err, -errno, "", "folder %s: %s", path, strerror(errno));
}

int run_prepare(struct vm *vm, struct xvs_error *err)
{
	struct launch *l = &vm->launch;
	int code;

	launch_finish(l);
	launch_init(l);
	if (!facts_is_kvm(&vm->hv->facts, vm->spec.accel, &l->is_kvm, err))
		return -ENOTSUP;
	code = vm_user_settle(vm, err);
	if (code == 0)
		code = folder_prepare(vm, err);
	if (code == 0)
		code = listen_as(vm, "qmp", "", &l->qmp, err);
	if (code == 0)
		code = listen_as(vm, "console", "", &l->console, err);
	for (uint32_t i = 0; i < vm->spec.serial_count && code == 0; i++)
		code = listen_as(vm, "serial", vm->spec.serials[i], &l->serials[i], err);
	for (uint32_t i = 0; i < vm->spec.adapter_count && code == 0; i++)
		code = adapter_prepare(vm, i, err);
	l->is_incoming = vm->has_saved_state;
	return code;
}

/* ---- QEMU ------------------------------------------------------------------------------------- */

static int plan_make(struct vm *vm, struct plan *p, char variables[PATH_MAX], char sockets[128],
		     struct xvs_error *err)
{
	struct launch *l = &vm->launch;

	(void)snprintf(variables, PATH_MAX, "%s/variables.fd", vm->folder);
	(void)snprintf(sockets, 128, "%s/qemu", vm->run);
	if (spec_firmware(&vm->spec) == FIRMWARE_UEFI && variables_make(vm, variables, err))
		return err->code;
	l->qemu = vm->hv->facts.qemu;
	l->folder = vm->disks;
	l->firmware = vm->hv->facts.firmware;
	l->variables = variables;
	l->sockets = sockets;
	command_make(&vm->spec, l, p);
	return 0;
}

/* Before it runs: the next xvs-hv is to find this QEMU rather than start a second one. */
static int on_known(void *arg, const struct process *process, struct xvs_error *err)
{
	struct vm *vm = arg;
	int code;

	vm->process = *process;
	code = vm_record(vm, err);
	if (code)
		vm->process = (struct process){ .pidfd = -1 };
	return code;
}

int run_launch(struct vm *vm, struct xvs_error *err)
{
	char cgroup[SPEC_NAME + 8];
	char variables[PATH_MAX];
	char sockets[128];
	struct plan p;
	int log = -1;
	int code;

	plan_init(&p, &vm->user);
	vm->is_kvm = vm->launch.is_kvm;
	code = plan_make(vm, &p, variables, sockets, err);
	if (code == 0) {
		log = log_open_file(vm);
		(void)snprintf(cgroup, sizeof(cgroup), "vm-%s", vm->spec.name);
		p.output = log;
		p.is_open_to_group = true;
		p.cgroup = cgroup;
		p.known = on_known;
		p.known_arg = vm;
		code = process_start(&p, &vm->process, err);
	}
	if (log >= 0)
		(void)close(log);
	plan_finish(&p);
	if (code) {
		vm->process = (struct process){ .pidfd = -1 };
		return code;
	}
	vm->is_orderly = false;
	vm->is_adopted = false;
	vm->started_ns = clock_ns();
	return run_watch(vm, err);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void take_shutdown(struct vm *vm, const json_t *data)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));

	vm->is_orderly = reason && (strcmp(reason, "guest-shutdown") == 0 ||
				    strncmp(reason, "host-", 5) == 0);
	if (reason && strcmp(reason, "guest-panic") == 0)
		vm_problem(vm, "its kernel panicked");
}

static void take_io_error(struct vm *vm, const json_t *data)
{
	const char *node = json_string_value(json_object_get(data, "node-name"));
	const char *reason = json_string_value(json_object_get(data, "reason"));
	char clean[QMP_TEXT_MAX];

	(void)snprintf(clean, sizeof(clean), "%s: input or output failed: %s",
		       node ? node : "a disk", reason ? reason : "no reason given");
	for (char *c = clean; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	vm_problem(vm, "%s", clean);
}

/* One that was taken over runs on the other host, whatever lets it go on here. */
static void stand_still(struct vm *vm)
{
	if (replicate_is_yielded(vm))
		qmp_command(vm->qmp, "stop", NULL, 0, NULL, NULL);
}

static void on_qmp_event(void *arg, const char *name, const json_t *data)
{
	struct vm *vm = arg;

	if (strcmp(name, "RESUME") == 0)
		stand_still(vm);
	/* what was saved is the past from here on, whoever let it run */
	if (strcmp(name, "RESUME") == 0 && vm->has_saved_state) {
		save_consumed(vm);
		vm_keep(vm);
	}
	if (strcmp(name, "SHUTDOWN") == 0)
		take_shutdown(vm, data);
	else if (strcmp(name, "BLOCK_IO_ERROR") == 0)
		take_io_error(vm, data);
	else if (strcmp(name, "STOP") == 0 && vm->state == VM_RUNNING)
		vm->state = VM_PAUSED;
	else if (strcmp(name, "RESUME") == 0 && vm->state == VM_PAUSED)
		vm->state = VM_RUNNING;
	if (vm->job.event)
		vm->job.event(vm, name, data);
}

/* It goes on without us, or is about to end: then its process says so. */
static void on_qmp_ended(void *arg, const char *why)
{
	struct vm *vm = arg;

	log_debug("vm %s: %s", vm->spec.name, why);
	replicate_hush(vm);
	qmp_close(vm->qmp);
	vm->qmp = NULL;
	loop_timer_arm(vm->reconnect, RECONNECT_S * NS_PER_S);
	if (vm->job.silent)
		vm->job.silent(vm);
}

int run_connect(struct vm *vm, struct xvs_error *err)
{
	struct qmp_listener listener = { .event = on_qmp_event, .ended = on_qmp_ended, .arg = vm };
	char path[VM_SOCKET];

	vm_socket(vm, "qmp", "", path, sizeof(path));
	if (qmp_open(vm->hv->loop, path, &listener, &vm->qmp, err))
		return err->code;
	stand_still(vm);
	return 0;
}

/* ---- its end ---------------------------------------------------------------------------------- */

void vm_restart_later(struct vm *vm)
{
	uint64_t delay_s = vm->failures < 6 ? UINT64_C(1) << vm->failures : RESTART_MAX_S;

	if (!vm->is_wanted || vm->spec.restart == RESTART_NEVER)
		return;
	if (delay_s > RESTART_MAX_S)
		delay_s = RESTART_MAX_S;
	vm->failures++;
	vm->restart_ns = clock_ns() + delay_s * NS_PER_S;
	loop_timer_arm(vm->restart, delay_s * NS_PER_S);
}

/* By policy: a guest that ended in order stays off unless it is "always" to run. */
static void restart_decide(struct vm *vm)
{
	if (clock_ns() - vm->started_ns > SETTLED_S * NS_PER_S)
		vm->failures = 0;
	if (vm->is_orderly && vm->spec.restart != RESTART_ALWAYS)
		vm->is_wanted = false;
	vm_restart_later(vm);
}

static void end_tell(struct vm *vm, const char *tail)
{
	const char *said = tail[0] ? ": " : "";

	if (vm->job.gone)
		vm->job.gone(vm, tail);
	else if (vm->job.what && vm->job.ends_with_qemu)
		job_end(vm, 0, "done");
	else if (vm->job.what && vm->job.why[0])
		job_end(vm, -EIO, "%s%s%s", vm->job.why, said, tail);
	else if (vm->job.what)
		job_end(vm, -EIO, "QEMU ended while it was %s%s%s", vm->job.what, said, tail);
	else if (!vm->is_orderly)
		vm_problem(vm, "QEMU ended unexpectedly%s%s", said, tail);
	else
		log_message(MSG_VM, "vm %s: it has ended", vm->spec.name);
}

static void on_exited(evutil_socket_t fd, short what, void *arg)
{
	struct vm *vm = arg;
	char cgroup[SPEC_NAME + 8];
	char tail[LOG_TAIL];

	(void)fd;
	(void)what;
	(void)process_reap(&vm->process);
	/* Its last words say whether this was meant. */
	qmp_drain(vm->qmp);
	log_tail(vm, tail);
	run_forget(vm);
	storage_gone(vm);
	(void)snprintf(cgroup, sizeof(cgroup), "vm-%s", vm->spec.name);
	cgroup_remove(cgroup);
	sockets_remove(vm);
	launch_finish(&vm->launch);
	run_set_taps(vm, false);
	vm->state = VM_STOPPED;
	end_tell(vm, tail);
	restart_decide(vm);
	vm_keep(vm);
}

int run_watch(struct vm *vm, struct xvs_error *err)
{
	vm->exited = event_new(loop_base(vm->hv->loop), vm->process.pidfd, EV_READ, on_exited, vm);
	if (!vm->exited || event_add(vm->exited, NULL))
		return error_set(err, -ENOMEM, "", "out of memory");
	return run_connect(vm, err);
}

void run_forget(struct vm *vm)
{
	replicate_hush(vm);
	qmp_close(vm->qmp);
	vm->qmp = NULL;
	if (vm->exited)
		event_free(vm->exited);
	vm->exited = NULL;
	process_close(&vm->process);
}

void run_set_taps(struct vm *vm, bool is_up)
{
	struct xvs_error err = ERROR_INIT;
	char device[16];

	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		if (vm->spec.adapters[i].link != LINK_TAP)
			continue;
		tap_name(&vm->spec.adapters[i], device);
		if (tap_set(device, is_up, &err) && is_up)
			vm_problem(vm, "adapter %s: %s", vm->spec.adapters[i].name, err.text);
	}
}
