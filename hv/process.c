/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/process.c - fork, become somebody else, exec; and finding such programs again.
 *
 * Between fork and exec the child waits until it is known to us, and reports what goes wrong through
 * a pipe that exec closes.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "cgroup.h"

enum { SPARE_FD = 200 }; /* above all numbers that a program is given */

/* ---- users ------------------------------------------------------------------------------------ */

int user_find(const char *name, struct user *out, struct xvs_error *err)
{
	struct user u = { .is_us = true };
	struct passwd entry;
	struct passwd *found = NULL;
	char room[16384];
	int code = name ? getpwnam_r(name, &entry, room, sizeof(room), &found)
			: getpwuid_r(geteuid(), &entry, room, sizeof(room), &found);

	if (code || !found)
		return error_set(err, -ENOENT, "",
				 "user %s: there is none, and QEMU is to run as it; make it by "
				 "\"useradd --system %s\", or use --user",
				 name ? name : "of xvs-hv", name ? name : "xvs-vm");
	u.uid = entry.pw_uid;
	u.gid = entry.pw_gid;
	u.is_us = entry.pw_uid == geteuid();
	(void)str_copy(u.name, sizeof(u.name), entry.pw_name);
	u.group_count = USER_GROUPS_MAX;
	if (getgrouplist(entry.pw_name, entry.pw_gid, u.groups, &u.group_count) < 0)
		u.group_count = USER_GROUPS_MAX;
	if (!u.is_us && geteuid() != 0)
		return error_set(err, -EPERM, "",
				 "user %s: only root can run programs as somebody else", u.name);
	*out = u;
	return 0;
}

/* ---- plans ------------------------------------------------------------------------------------ */

void plan_init(struct plan *p, const struct user *user)
{
	memset(p, 0, sizeof(*p));
	p->user = user;
	p->output = -1;
}

void plan_finish(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->words[i]);
	for (size_t i = 0; i < p->fd_count; i++)
		(void)close(p->fds[i]);
	p->count = 0;
	p->fd_count = 0;
}

static void word_add(struct plan *p, char *word)
{
	if (!word || p->count == PLAN_WORDS_MAX) {
		free(word);
		p->has_failed = true;
		return;
	}
	p->words[p->count++] = word;
}

static char *word_make(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *word_make(const char *format, va_list args)
{
	char *word = NULL;

	return vasprintf(&word, format, args) < 0 ? NULL : word;
}

void plan_word(struct plan *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	word_add(p, word_make(format, args));
	va_end(args);
}

void plan_option(struct plan *p, const char *option, const char *format, ...)
{
	va_list args;

	word_add(p, strdup(option));
	va_start(args, format);
	word_add(p, word_make(format, args));
	va_end(args);
}

int plan_fd(struct plan *p, int fd)
{
	if (fd < 0 || p->fd_count == PLAN_FDS_MAX) {
		if (fd >= 0)
			(void)close(fd);
		p->has_failed = true;
		return -1;
	}
	p->fds[p->fd_count] = fd;
	return FIRST_FD + (int)p->fd_count++;
}

void plan_needs(struct plan *p, const char *path, int mode)
{
	if (p->need_count == sizeof(p->needs) / sizeof(p->needs[0])) {
		p->has_failed = true;
		return;
	}
	p->needs[p->need_count] = path;
	p->need_modes[p->need_count++] = mode;
}

/* ---- the child -------------------------------------------------------------------------------- */

static void report(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void report(int fd, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)!write(fd, text, strlen(text));
	_exit(127);
}

/* All that is inherited first goes out of the way, then to its place. */
static void child_descriptors(const struct plan *p, int *pipe_end)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int moved[PLAN_FDS_MAX];
	int output;

	*pipe_end = fcntl(*pipe_end, F_DUPFD_CLOEXEC, SPARE_FD);
	output = fcntl(p->output >= 0 ? p->output : null, F_DUPFD_CLOEXEC, SPARE_FD);
	for (size_t i = 0; i < p->fd_count; i++)
		moved[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, SPARE_FD);
	if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		report(*pipe_end, "its descriptors: %s", strerror(errno));
	for (size_t i = 0; i < p->fd_count; i++) {
		if (moved[i] < 0 || dup2(moved[i], FIRST_FD + (int)i) < 0)
			report(*pipe_end, "its descriptors: %s", strerror(errno));
	}
	/* What lies between is nobody's; the pipe has to stay until exec. */
	(void)syscall(SYS_close_range, (unsigned)(FIRST_FD + (int)p->fd_count), SPARE_FD - 1, 0);
}

static void child_user(const struct user *u, int pipe_end)
{
	if (!u->is_us &&
	    (setgroups((size_t)u->group_count, u->groups) || setgid(u->gid) || setuid(u->uid)))
		report(pipe_end, "becoming user %s: %s", u->name, strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		report(pipe_end, "no_new_privs: %s", strerror(errno));
}

static void child_check(const struct plan *p, int pipe_end)
{
	for (size_t i = 0; i < p->need_count; i++) {
		if (access(p->needs[i], p->need_modes[i]) == 0)
			continue;
		if (errno == EACCES)
			report(pipe_end,
			       "%s: user %s, as which QEMU runs, may not %s it; see \"chown\" and the "
			       "modes of the folders above it",
			       p->needs[i], p->user->name,
			       p->need_modes[i] & W_OK ? "write" : "read");
		report(pipe_end, "%s: %s", p->needs[i], strerror(errno));
	}
}

static void signals_reset(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	for (int i = 1; i < SIGRTMIN; i++)
		(void)signal(i, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Until we say so; when we end before, so does it. */
static void child_wait(int gate)
{
	char byte;
	ssize_t got;

	do {
		got = read(gate, &byte, 1);
	} while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(127);
}

static void child(const struct plan *p, int pipe_end, const int gate[2]) __attribute__((noreturn));
static void child(const struct plan *p, int pipe_end, const int gate[2])
{
	char *words[PLAN_WORDS_MAX + 1];

	(void)close(gate[1]);
	child_wait(gate[0]);
	(void)setsid();
	signals_reset();
	(void)umask(p->is_open_to_group ? 0007 : 0077);
	if (chdir("/"))
		report(pipe_end, "folder /: %s", strerror(errno));
	child_descriptors(p, &pipe_end);
	child_user(p->user, pipe_end);
	/* Changing the user would forget it. */
	if (p->ends_with_us)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	child_check(p, pipe_end);
	memcpy(words, p->words, p->count * sizeof(words[0]));
	words[p->count] = NULL;
	(void)execvp(words[0], words);
	report(pipe_end, "%s cannot be run: %s", words[0], strerror(errno));
	_exit(127);
}

/* ---- starting --------------------------------------------------------------------------------- */

/* Ticks since boot at which it began; 0: there is no such process. */
static uint64_t start_time_of(pid_t pid)
{
	char path[64];
	char text[1024];
	unsigned long long time = 0;
	const char *at;
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[got > 0 ? got : 0] = '\0';
	/* Field 22; the second is a name in parentheses, in which anything may stand. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		time = strtoull(at, NULL, 10);
	return time;
}

static int process_note(pid_t pid, struct process *out, struct xvs_error *err)
{
	struct process p = { .pid = pid, .start_time = start_time_of(pid) };

	p.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.pidfd < 0)
		return error_set(err, -errno, "", "process %d: %s", (int)pid, strerror(errno));
	(void)fcntl(p.pidfd, F_SETFD, FD_CLOEXEC);
	*out = p;
	return 0;
}

void process_close(struct process *p)
{
	if (p->pidfd >= 0 && p->pid)
		(void)close(p->pidfd);
	*p = (struct process){ .pidfd = -1 };
}

/* What the child has to say, until exec closes the pipe. */
static int child_hear(pid_t pid, int fd, struct xvs_error *err)
{
	char text[512];
	ssize_t got;

	do {
		got = read(fd, text, sizeof(text) - 1);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	(void)waitpid(pid, NULL, 0);
	return error_set(err, -ECHILD, "", "%s", text);
}

/* It waits at the gate: whoever keeps it learns of it, then it may go on. */
static int child_release(const struct plan *p, pid_t pid, int gate, struct process *out,
			 struct xvs_error *err)
{
	int code = process_note(pid, out, err);

	if (code)
		return code;
	out->has_cgroup = p->cgroup && cgroup_enter(p->cgroup, pid);
	if (p->known)
		code = p->known(p->known_arg, out, err);
	if (code == 0 && write(gate, "", 1) != 1)
		code = error_set(err, -errno, "", "a process: %s", strerror(errno));
	if (code)
		process_close(out);
	return code;
}

static int child_start(const struct plan *p, int report_end, const int gate[2], struct process *out,
		       struct xvs_error *err)
{
	pid_t pid = fork();
	int code;

	if (pid == 0)
		child(p, report_end, gate);
	if (pid < 0)
		return error_set(err, -errno, "", "a process: %s", strerror(errno));
	code = child_release(p, pid, gate[1], out, err);
	if (code) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	return code;
}

int process_start(const struct plan *p, struct process *out, struct xvs_error *err)
{
	struct process started = { .pidfd = -1 };
	int gate[2];
	int ends[2];
	int code;

	if (p->has_failed)
		return error_set(err, -ENOMEM, "", "%s: too many parts, or out of memory",
				 p->count ? p->words[0] : "a program");
	if (pipe2(ends, O_CLOEXEC))
		return error_set(err, -errno, "", "a pipe: %s", strerror(errno));
	if (pipe2(gate, O_CLOEXEC)) {
		code = error_set(err, -errno, "", "a pipe: %s", strerror(errno));
		goto close_ends;
	}
	code = child_start(p, ends[1], gate, &started, err);
	(void)close(gate[0]);
	(void)close(gate[1]);
close_ends:
	(void)close(ends[1]);
	if (code == 0)
		code = child_hear(started.pid, ends[0], err);
	(void)close(ends[0]);
	if (code == 0) {
		*out = started;
		return 0;
	}
	process_close(&started);
	if (p->cgroup)
		cgroup_remove(p->cgroup);
	return code;
}

int process_find(pid_t pid, uint64_t start_time, struct process *out, struct xvs_error *err)
{
	int code = process_note(pid, out, err);

	if (code)
		return code;
	/* The pidfd was opened first: what it names now cannot be replaced any more. */
	if (start_time_of(pid) == start_time && start_time != 0)
		return 0;
	process_close(out);
	return error_set(err, -ESRCH, "", "process %d: it is another one", (int)pid);
}

void process_kill(const struct process *p, int number)
{
	if (p->pid)
		(void)syscall(SYS_pidfd_send_signal, p->pidfd, number, NULL, 0);
}

int process_reap(const struct process *p)
{
	int status;

	return waitpid(p->pid, &status, WNOHANG) == p->pid ? status : -1;
}
