/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/console.c - a machine's console on this terminal, until Ctrl-] or its end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "verbs.h"

enum { LEAVE = 0x1d }; /* Ctrl-], as telnet and virsh have it */

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno == EAGAIN)
			(void)poll(&p, 1, -1);
		else if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
		}
	}
	return true;
}

/* False: it is over. */
static bool pass(int from, int to, bool may_leave)
{
	char bytes[4096];
	ssize_t got = read(from, bytes, sizeof(bytes));
	const char *leave;

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	if (got == 0)
		return false;
	leave = may_leave ? memchr(bytes, LEAVE, (size_t)got) : NULL;
	if (leave)
		got = leave - bytes;
	return write_all(to, bytes, (size_t)got) && !leave;
}

static void relay(int fd, bool is_terminal)
{
	struct pollfd ends[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				  { .fd = fd, .events = POLLIN } };

	for (;;) {
		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			return;
		if (ends[1].revents && !pass(fd, STDOUT_FILENO, false))
			return;
		if (!ends[0].revents || pass(STDIN_FILENO, fd, is_terminal))
			continue;
		if (is_terminal)
			return;
		ends[0].fd = -1; /* what was typed has ended; what comes has not */
	}
}

int run_vm_console(const struct verb *v, const struct args *a)
{
	bool is_terminal = isatty(STDIN_FILENO);
	struct client *c = verb_client(v, a);
	json_t *result = NULL;
	struct termios before;
	struct termios raw;
	int fd = -1;
	int code;

	if (!c)
		return EXIT_NO_DAEMON;
	code = client_call_fd(c, v->method, verb_params(v, a), &result, &fd);
	json_decref(result);
	client_close(c);
	if (code != EXIT_DONE || fd < 0)
		return code;
	if (is_terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
		(void)fprintf(stderr, "console of %s; Ctrl-] leaves it\n", a->words[0]);
		raw = before;
		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
		relay(fd, true);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
		(void)fputs("\n", stderr);
	} else {
		relay(fd, false);
	}
	(void)close(fd);
	return EXIT_DONE;
}
