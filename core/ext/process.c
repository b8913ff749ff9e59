/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/process.c - a process and the socket to it.
 *
 * It starts with five descriptors and an empty environment, and confines itself before it maps
 * anything of the vendor's (core/exthost).
 */
#include "ext/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { FD_SPARE = 64 }; /* where descriptors are out of the way of those that it gets */

/* Beside this program, or where the tests of this build find it. */
static bool program_path(char *out, size_t size)
{
	static const char *const places[] = { "/xvs-exthost", "/../bin/xvs-exthost" };
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((size_t)snprintf(out, size, "%s%s", self, places[i]) < size &&
		    access(out, X_OK) == 0)
			return true;
	}
	return false;
}

/* Signals as they are at first, and nothing open but these. */
static int spawn(pid_t *pid, const char *path, const int fds[WIRE_FD_END])
{
	static char name[] = "xvs-exthost";
	char *argv[] = { name, NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all;
	sigset_t none;
	int code;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0);
	for (int fd = WIRE_FD_SOCKET; fd < WIRE_FD_END; fd++)
		if (fds[fd] >= 0)
			(void)posix_spawn_file_actions_adddup2(&actions, fds[fd], fd);
		else
			(void)posix_spawn_file_actions_addclose(&actions, fd);
	(void)posix_spawn_file_actions_addclosefrom_np(&actions, WIRE_FD_END);
	code = posix_spawn(pid, path, &actions, &attr, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return -code;
}

static void close_all(const int fds[WIRE_FD_END])
{
	for (int fd = WIRE_FD_SOCKET; fd < WIRE_FD_END; fd++)
		if (fds[fd] >= 0)
			(void)close(fds[fd]);
}

int exthost_start(struct process *p, const int fds[WIRE_FD_END], struct xvs_error *err)
{
	int spare[WIRE_FD_END];
	int pair[2];
	char path[600];
	int code = 0;

	*p = (struct process){ .socket = -1, .box.most = WIRE_SAY_MAX };
	if (!program_path(path, sizeof(path)))
		return error_set(err, -ENOENT, "",
				 "xvs-exthost, which runs it, is not beside this program");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return error_set(err, -errno, "", "no socket: %s", strerror(errno));
	for (int fd = 0; fd < WIRE_FD_END; fd++)
		spare[fd] = -1;
	for (int fd = WIRE_FD_SOCKET; fd < WIRE_FD_END && code == 0; fd++) {
		int from = fd == WIRE_FD_SOCKET ? pair[1] : fds[fd];

		if (from >= 0)
			spare[fd] = fcntl(from, F_DUPFD_CLOEXEC, FD_SPARE);
		if (from >= 0 && spare[fd] < 0)
			code = -errno;
	}
	if (code == 0)
		code = spawn(&p->pid, path, spare);
	close_all(spare);
	(void)close(pair[1]);
	if (code) {
		(void)close(pair[0]);
		p->pid = 0;
		return error_set(err, code, "", "%s cannot be started: %s", path, strerror(-code));
	}
	p->socket = pair[0];
	return 0;
}

void exthost_end(struct process *p)
{
	if (p->pid <= 0)
		return;
	/* what has ended by itself keeps its status */
	if (waitpid(p->pid, &p->status, WNOHANG) != p->pid) {
		(void)kill(p->pid, SIGKILL);
		while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
			;
	}
	p->pid = 0;
	(void)close(p->socket);
	p->socket = -1;
	wire_box_finish(&p->box);
}

/* A reply is a whole one, or it is none. */
static int reply_take(const void *body, size_t len, struct wire_reply *reply, const void **more,
		      size_t *more_len)
{
	if (len < sizeof(*reply))
		return -EPROTO;
	memcpy(reply, body, sizeof(*reply));
	reply->field[sizeof(reply->field) - 1] = '\0';
	reply->text[sizeof(reply->text) - 1] = '\0';
	if (more) {
		*more = (const uint8_t *)body + sizeof(*reply);
		*more_len = len - sizeof(*reply);
	}
	return 0;
}

/* What came in one go with the reply: the socket would not wake anybody for it any more. */
static int hear_rest(struct process *p, const struct process_call *c)
{
	for (;;) {
		const void *body;
		uint32_t type;
		size_t len;
		int code = wire_next(&p->box, &type, &body, &len);

		if (code || type == WIRE_REPLY) /* to what? */
			return code == -EAGAIN ? 0 : -EPROTO;
		c->say(c->arg, type, body, len);
	}
}

/* Until the reply, what it says by itself is heard; a flood of that is no answer. */
static int reply_wait(struct process *p, const struct process_call *c, uint64_t until_ns,
		      struct wire_reply *reply, const void **more, size_t *more_len)
{
	for (;;) {
		const void *body;
		uint32_t type;
		size_t len;
		int code = wire_next(&p->box, &type, &body, &len);

		if (code == 0 && type == WIRE_REPLY) {
			code = reply_take(body, len, reply, more, more_len);
			return code ? code : hear_rest(p, c);
		}
		if (code == 0 && clock_ns() < until_ns) {
			c->say(c->arg, type, body, len);
			continue;
		}
		if (code == 0)
			return -ETIMEDOUT;
		if (code == -EAGAIN)
			code = wire_wait(p->socket, until_ns);
		if (code == 0)
			code = wire_fill(p->socket, &p->box);
		if (code && code != -EAGAIN)
			return code;
	}
}

int exthost_call(struct process *p, const struct process_call *c, struct wire_reply *reply,
		 const void **more, size_t *more_len)
{
	uint64_t until = clock_ns() + (uint64_t)c->limit_ms * NS_PER_MS;
	int code;

	if (p->pid <= 0)
		return -EPIPE;
	code = wire_send(p->socket, c->type, c->call, c->call ? sizeof(*c->call) : 0, c->more,
			 c->more_len, until);
	/* what has ended may have said why */
	return code && code != -EPIPE ? code : reply_wait(p, c, until, reply, more, more_len);
}

bool exthost_listen(struct process *p, process_say_fn say, void *arg)
{
	int code = wire_fill(p->socket, &p->box);

	/* a fill is bounded, and what is left behind it is less than a message */
	for (;;) {
		const void *body;
		uint32_t type;
		size_t len;
		int next = wire_next(&p->box, &type, &body, &len);

		if (next == -EAGAIN)
			return code == 0 || code == -EAGAIN;
		if (next || type == WIRE_REPLY) /* to what? */
			return false;
		say(arg, type, body, len);
	}
}

void exthost_end_text(const struct process *p, char *out, size_t size)
{
	int signal = WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
	const char *why = "";

	if (signal == SIGSYS)
		why = " (a system call that it may not make)";
	if (signal)
		(void)snprintf(out, size, "was killed by SIG%s%s", sigabbrev_np(signal), why);
	else
		(void)snprintf(out, size, "ended with status %d", WEXITSTATUS(p->status));
}
