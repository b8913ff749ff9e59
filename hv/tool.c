/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/tool.c - a helper's output until its end, and how it ended.
 */
#include "tool.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

/* Enough for what can be killed; what a file system holds up is not waited for. */
enum { CANCEL_MS = 500 };

struct tool {
	struct process process;
	struct event *readable;
	struct event *ended;
	struct loop_timer *deadline;
	int output;
	struct strbuf text;
	tool_fn done; /* NULL: nobody wants to hear it any more */
	void *arg;
};

static void tool_free(struct tool *t)
{
	if (t->readable)
		event_free(t->readable);
	if (t->ended)
		event_free(t->ended);
	loop_timer_destroy(t->deadline);
	if (t->output >= 0)
		(void)close(t->output);
	process_close(&t->process);
	strbuf_finish(&t->text);
	free(t);
}

/* False: there is no more now. */
static bool output_read(struct tool *t)
{
	char bytes[8192];
	ssize_t got = read(t->output, bytes, sizeof(bytes));

	if (got <= 0)
		return false;
	if (t->text.len + (size_t)got > TOOL_OUTPUT_MAX)
		process_kill(&t->process, SIGKILL);
	else
		strbuf_put(&t->text, bytes, (size_t)got);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tool *t = arg;

	(void)fd;
	(void)what;
	/* Its end counts by its process alone: a child of its own may hold the pipe open. */
	if (!output_read(t))
		(void)event_del(t->readable);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct tool *t = arg;
	int status = process_reap(&t->process);
	tool_fn done = t->done;
	void *done_arg = t->arg;
	char *text;

	(void)fd;
	(void)what;
	while (output_read(t))
		;
	text = t->text.text;
	t->text.text = NULL;
	tool_free(t);
	if (done)
		done(done_arg, status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 128,
		     text ? text : "");
	free(text);
}

static void on_deadline(void *arg)
{
	struct tool *t = arg;

	process_kill(&t->process, SIGKILL);
}

static int events_make(struct loop *loop, struct tool *t, uint32_t deadline_s)
{
	t->readable = event_new(loop_base(loop), t->output, EV_READ | EV_PERSIST, on_readable, t);
	t->ended = event_new(loop_base(loop), t->process.pidfd, EV_READ, on_ended, t);
	t->deadline = loop_timer_create(loop, on_deadline, t);
	if (!t->readable || !t->ended || !t->deadline || event_add(t->readable, NULL) ||
	    event_add(t->ended, NULL))
		return -ENOMEM;
	loop_timer_arm(t->deadline, deadline_s * NS_PER_S);
	return 0;
}

int tool_start(struct loop *loop, struct plan *p, const struct tool_end *end, struct tool **out,
	       struct xvs_error *err)
{
	struct tool *t = calloc(1, sizeof(*t));
	int ends[2];
	int code;

	if (!t)
		return error_set(err, -ENOMEM, "", "out of memory");
	t->process.pidfd = -1;
	t->done = end->done;
	t->arg = end->arg;
	if (pipe2(ends, O_CLOEXEC)) {
		free(t);
		return error_set(err, -errno, "", "a pipe: %s", strerror(errno));
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	t->output = ends[0];
	p->output = ends[1];
	code = process_start(p, &t->process, err);
	p->output = -1;
	(void)close(ends[1]);
	if (code == 0 && events_make(loop, t, end->deadline_s)) {
		process_kill(&t->process, SIGKILL);
		code = error_set(err, -ENOMEM, "", "out of memory");
	}
	if (code == 0)
		*out = t;
	else
		tool_free(t);
	return code;
}

void tool_cancel(struct tool *t)
{
	struct pollfd end = { .events = POLLIN };

	if (!t)
		return;
	end.fd = t->process.pidfd;
	process_kill(&t->process, SIGKILL);
	t->done = NULL;
	if (poll(&end, 1, CANCEL_MS) != 1)
		return; /* it is reaped when it has ended */
	(void)process_reap(&t->process);
	tool_free(t);
}
