/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp/server.c - the life of one dnsmasq.
 *
 *   idle -> runs -> (asked to end) -> ended -> idle, or runs with what is wanted by then
 *             `-> (ended by itself) -> waits -> runs
 */
#include "dhcp/server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "dhcp/process.h"

enum {
	SAY_MAX = 256,
	FIRST_WAIT_MS = 100,
	LAST_WAIT_MS = 30000,
	GRACE_MS = 2000, /* from the polite to the impolite signal */
	STEADY_S = 60,   /* who ran so long is started soon again */
	FILE_MAX = PATH_MAX + 80,
};

struct dhcp_server {
	struct loop *loop;
	char name[64];
	char run_dir[PATH_MAX], state_dir[PATH_MAX];
	char conf[FILE_MAX], leases[FILE_MAX];
	char *text, *netns; /* wanted; text NULL: nobody serves */
	struct dhcp_process process;
	bool is_running, is_ending;
	struct event *ended, *said;
	struct loop_timer *timer; /* to try again, or to end it at last */
	uint64_t since_ns, wait_ms;
	uint32_t restarts;
	char line[SAY_MAX]; /* what it is saying */
	size_t line_len;
	char last[SAY_MAX]; /* what it said last */
	char problem[DHCP_PROBLEM];
	struct log_limit words, ends;
	void (*done)(void *arg);
	void *arg;
};

static void start(struct dhcp_server *s);

/* ---- what it says --------------------------------------------------------------------------------- */

/* "dnsmasq-dhcp[11775]: text" without what is known; the text may be a guest's in part. */
static void line_end(struct dhcp_server *s)
{
	const char *text = strstr(s->line, ": ");
	uint32_t lost = 0;

	s->line[s->line_len] = '\0';
	s->line_len = 0;
	if (s->line[0] == '\0')
		return;
	(void)str_copy(s->last, sizeof(s->last), text ? text + 2 : s->line);
	log_debug("switch %s: dnsmasq: %s", s->name, s->last);
	if (!strstr(s->last, "failed") && !strstr(s->last, "no address"))
		return;
	if (log_allowed(&s->words, clock_ns(), &lost))
		log_message(MSG_DHCP_SAYS, "switch %s: dnsmasq: %s", s->name, s->last);
}

static char printable(char c)
{
	if (c < ' ' || c > '~')
		return '?';
	return c;
}

static void hear(struct dhcp_server *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			line_end(s);
		else if (s->line_len < sizeof(s->line) - 1)
			s->line[s->line_len++] = printable(bytes[i]);
	}
}

static void on_said(evutil_socket_t fd, short what, void *arg)
{
	struct dhcp_server *s = arg;
	char bytes[1024];
	ssize_t len = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (len > 0)
		hear(s, bytes, (size_t)len);
	else if (len == 0 || (errno != EAGAIN && errno != EINTR))
		(void)event_del(s->said);
}

/* ---- it ends -------------------------------------------------------------------------------------- */

static void events_free(struct dhcp_server *s)
{
	if (s->ended)
		event_free(s->ended);
	if (s->said)
		event_free(s->said);
	s->ended = NULL;
	s->said = NULL;
}

static void finish_waiting(struct dhcp_server *s)
{
	void (*done)(void *arg) = s->done;

	s->done = NULL;
	if (done)
		done(s->arg);
}

/* It is tried again; the longer it goes wrong the later. */
static void try_later(struct dhcp_server *s)
{
	uint32_t lost = 0;

	if (log_allowed(&s->ends, clock_ns(), &lost))
		log_message(MSG_DHCP_DOWN, "switch %s: guests get no addresses: %s", s->name,
			    s->problem);
	loop_timer_arm(s->timer, s->wait_ms * NS_PER_MS);
	s->wait_ms = 2 * s->wait_ms < LAST_WAIT_MS ? 2 * s->wait_ms : LAST_WAIT_MS;
}

static void name_end(struct dhcp_server *s, int status)
{
	bool by_signal = WIFSIGNALED(status);

	(void)snprintf(s->problem, sizeof(s->problem), "dnsmasq ended with %s %d%s%.200s",
		       by_signal ? "signal" : "status",
		       by_signal ? WTERMSIG(status) : WEXITSTATUS(status),
		       !by_signal && s->last[0] ? ": " : "", by_signal ? "" : s->last);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct dhcp_server *s = arg;
	bool was_asked = s->is_ending;
	int status;

	(void)fd;
	(void)what;
	on_said(s->process.say, 0, s); /* its last words */
	events_free(s);
	status = dhcp_process_end(&s->process);
	s->is_running = false;
	s->is_ending = false;
	(void)unlink(s->conf);
	if (was_asked) {
		if (s->text)
			start(s);
		finish_waiting(s);
		return;
	}
	name_end(s, status);
	if (clock_ns() - s->since_ns > (uint64_t)STEADY_S * NS_PER_S)
		s->wait_ms = FIRST_WAIT_MS;
	s->restarts++;
	try_later(s);
}

static void end(struct dhcp_server *s)
{
	s->is_ending = true;
	dhcp_process_signal(&s->process, SIGTERM);
	loop_timer_arm(s->timer, (uint64_t)GRACE_MS * NS_PER_MS);
}

/* ---- it starts ------------------------------------------------------------------------------------ */

/* 'dir' is made; its whole path, since dnsmasq leaves the current folder. */
static int folder_make(const char *dir, const char *below, char out[PATH_MAX],
		       struct xvs_error *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", dir, below) >= (int)sizeof(path))
		return error_set(err, -ENAMETOOLONG, "", "%s: the path is too long", dir);
	if ((mkdir(path, 0700) && errno != EEXIST) || !realpath(path, out))
		return error_set(err, -errno, "", "%s: %s", path, strerror(errno));
	return 0;
}

static int conf_write(const struct dhcp_server *s, struct xvs_error *err)
{
	size_t len = strlen(s->text);
	int fd = open(s->conf, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t wrote = fd >= 0 ? write(fd, s->text, len) : -1;
	int code = wrote == (ssize_t)len ? 0 : wrote < 0 ? -errno : -ENOSPC;

	if (fd >= 0)
		(void)close(fd);
	return code ? error_set(err, code, "", "%s: %s", s->conf, strerror(-code)) : 0;
}

static int files_make(struct dhcp_server *s, struct xvs_error *err)
{
	char run[PATH_MAX];
	char state[PATH_MAX];
	int code = folder_make(s->run_dir, "", run, err);

	if (code == 0)
		code = folder_make(s->state_dir, "/dhcp", state, err);
	if (code)
		return code;
	(void)snprintf(s->conf, sizeof(s->conf), "%s/%s.conf", run, s->name);
	(void)snprintf(s->leases, sizeof(s->leases), "%s/%s.leases", state, s->name);
	return conf_write(s, err);
}

static int watch(struct dhcp_server *s, struct xvs_error *err)
{
	struct event_base *base = loop_base(s->loop);

	s->ended = event_new(base, s->process.fd, EV_READ, on_ended, s);
	s->said = event_new(base, s->process.say, EV_READ | EV_PERSIST, on_said, s);
	if (s->ended && s->said && event_add(s->ended, NULL) == 0 && event_add(s->said, NULL) == 0)
		return 0;
	events_free(s);
	dhcp_process_signal(&s->process, SIGKILL);
	(void)dhcp_process_end(&s->process);
	return error_set(err, -ENOMEM, "", "dnsmasq: out of memory");
}

static void start(struct dhcp_server *s)
{
	struct xvs_error err = ERROR_INIT;
	struct dhcp_command c = { s->conf, s->leases, s->netns };
	int code = files_make(s, &err);

	s->last[0] = '\0';
	s->line_len = 0;
	if (code == 0)
		code = dhcp_process_start(&c, &s->process, &err);
	if (code == 0)
		code = watch(s, &err);
	if (code) {
		(void)str_copy(s->problem, sizeof(s->problem), err.text);
		try_later(s);
		return;
	}
	s->is_running = true;
	s->since_ns = clock_ns();
	s->problem[0] = '\0';
	log_message(MSG_DHCP, "switch %s: dnsmasq %d gives guests their addresses", s->name,
		    (int)s->process.pid);
}

/* Either it was to end and has not, or it is time to try again. */
static void on_time(void *arg)
{
	struct dhcp_server *s = arg;

	if (s->is_ending)
		dhcp_process_signal(&s->process, SIGKILL);
	else if (s->text && !s->is_running)
		start(s);
}

/* ---- from outside --------------------------------------------------------------------------------- */

struct dhcp_server *dhcp_server_create(struct loop *loop, const struct dhcp_places *places)
{
	struct dhcp_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = loop;
	s->wait_ms = FIRST_WAIT_MS;
	(void)str_copy(s->name, sizeof(s->name), places->name);
	(void)str_copy(s->run_dir, sizeof(s->run_dir), places->run_dir);
	(void)str_copy(s->state_dir, sizeof(s->state_dir), places->state_dir);
	s->timer = loop_timer_create(loop, on_time, s);
	if (s->timer)
		return s;
	free(s);
	return NULL;
}

void dhcp_server_destroy(struct dhcp_server *s)
{
	if (!s)
		return;
	if (s->is_running) {
		events_free(s);
		dhcp_process_signal(&s->process, SIGKILL);
		(void)dhcp_process_end(&s->process);
		(void)unlink(s->conf);
	}
	loop_timer_destroy(s->timer);
	free(s->text);
	free(s->netns);
	free(s);
}

static bool is_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Takes a copy; without memory for it nobody serves. */
static void want(struct dhcp_server *s, const struct dhcp_wanted *w)
{
	free(s->text);
	free(s->netns);
	s->text = w ? strdup(w->text) : NULL;
	s->netns = w && w->netns ? strdup(w->netns) : NULL;
	s->problem[0] = '\0';
	if (w && (!s->text || (w->netns && !s->netns))) {
		free(s->text);
		s->text = NULL;
		(void)str_copy(s->problem, sizeof(s->problem), "out of memory");
	}
}

bool dhcp_server_serve(struct dhcp_server *s, const struct dhcp_wanted *w, void (*done)(void *arg),
		       void *arg)
{
	if (w && s->text && !w->is_new && strcmp(s->text, w->text) == 0 &&
	    is_equal(s->netns, w->netns))
		return true;
	want(s, w);
	s->wait_ms = FIRST_WAIT_MS;
	s->restarts = 0;
	if (!s->is_running) {
		if (s->text)
			start(s);
		return true;
	}
	s->done = done;
	s->arg = arg;
	if (!s->is_ending)
		end(s);
	return false;
}

void dhcp_server_state(const struct dhcp_server *s, struct dhcp_state *out)
{
	*out = (struct dhcp_state){ .restarts = s->restarts };
	if (s->is_running) {
		out->pid = s->process.pid;
		out->since_ns = s->since_ns;
	}
	(void)str_copy(out->problem, sizeof(out->problem), s->problem);
}

const char *dhcp_server_leases(const struct dhcp_server *s)
{
	return s->leases;
}
