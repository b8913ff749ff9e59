/* SPDX-License-Identifier: Apache-2.0 */
/* main/background.c - fork, and a pipe by which the child tells that it runs. */
#include "main/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1;

/* The child has said what was wrong. */
static void parent_wait(int fd)
{
	char word;
	ssize_t got;

	do {
		got = read(fd, &word, 1);
	} while (got < 0 && errno == EINTR);
	_exit(got == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int background_start(struct xvs_error *err)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_set(err, -errno, "", "xvsd: no pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int code = error_set(err, -errno, "", "xvsd: no new process: %s", strerror(errno));

		(void)close(pipe_fds[0]);
		(void)close(pipe_fds[1]);
		return code;
	}
	if (pid > 0) {
		(void)close(pipe_fds[1]);
		parent_wait(pipe_fds[0]);
	}
	(void)close(pipe_fds[0]);
	ready_fd = pipe_fds[1];
	(void)setsid();
	return 0;
}

static void redirect(int from, int to)
{
	if (from >= 0 && from != to)
		(void)dup2(from, to);
}

void background_ready(const char *log)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);

	redirect(null_fd, STDIN_FILENO);
	redirect(null_fd, STDOUT_FILENO);
	redirect(log_fd >= 0 ? log_fd : null_fd, STDERR_FILENO);
	if (null_fd > STDERR_FILENO)
		(void)close(null_fd);
	if (log_fd > STDERR_FILENO)
		(void)close(log_fd);
	/* The parent may have been ended meanwhile: SIGPIPE is ignored. */
	while (write(ready_fd, "1", 1) < 0 && errno == EINTR)
		;
	(void)close(ready_fd);
	ready_fd = -1;
}
