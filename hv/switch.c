/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/switch.c - one connection a call: they are few, and xvsd may be another one the next time.
 */
#include "switch.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "control/protocol.h"

enum { DEADLINE_S = 20 };

struct call {
	struct call *next;
	struct switch_client *client;
	struct bufferevent *stream;
	struct loop_timer *timer; /* the deadline; or at once, where there is nothing to wait for */
	char why[256];            /* of a call that is over before it began */
	bool is_slow;
	switch_fn done;
	void *arg;
};

struct switch_client {
	struct loop *loop;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct call *calls;
};

struct switch_client *switch_create(struct loop *loop, const char *path)
{
	struct switch_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = loop;
	(void)str_copy(c->path, sizeof(c->path), path);
	return c;
}

static void call_free(struct call *call)
{
	for (struct call **at = &call->client->calls; *at; at = &(*at)->next) {
		if (*at == call) {
			*at = call->next;
			break;
		}
	}
	if (call->stream)
		bufferevent_free(call->stream);
	loop_timer_destroy(call->timer);
	free(call);
}

void switch_destroy(struct switch_client *c)
{
	if (!c)
		return;
	while (c->calls)
		call_free(c->calls);
	free(c);
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void call_end(struct call *call, const struct switch_answer *answer)
{
	switch_fn done = call->done;
	void *arg = call->arg;

	call_free(call);
	done(arg, answer);
}

static void call_fail(struct call *call, const char *why)
{
	char text[512];
	struct switch_answer answer = { .error = text, .is_slow = call->is_slow };

	(void)snprintf(text, sizeof(text), "switch: %s", why);
	call_end(call, &answer);
}

static void take_line(struct call *call, const char *line, size_t len)
{
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(root, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	char text[512];
	struct switch_answer answer = { .error = text };

	(void)snprintf(text, sizeof(text), "switch: %s",
		       message ? message : "xvsd answered something odd");
	answer.code = (int)json_integer_value(json_object_get(error, "code"));
	if (!error)
		answer.result = json_object_get(root, "result");
	call_end(call, &answer);
	json_decref(root);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct call *call = arg;
	size_t len = 0;
	char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);

	if (line)
		take_line(call, line, len);
	else if (evbuffer_get_length(input) > RPC_LINE_MAX)
		call_fail(call, "xvsd answered something odd");
	free(line);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	(void)what;
	call_fail(arg, "xvsd ended the connection");
}

static void on_timer(void *arg)
{
	struct call *call = arg;

	call->is_slow |= !call->why[0];
	call_fail(call, call->why[0] ? call->why : "xvsd did not answer in time");
}

/* ---- calls ------------------------------------------------------------------------------------ */

/* -errno */
static int dial(const struct switch_client *c)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int code = -errno;

	(void)str_copy(address.sun_path, sizeof(address.sun_path), c->path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd < 0)
		return code;
	code = -errno;
	(void)close(fd);
	return code;
}

/* Takes 'params'. */
static bool request_send(struct call *call, const char *method, json_t *params)
{
	json_t *root = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				 method, "params", params);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	struct evbuffer *out = bufferevent_get_output(call->stream);
	bool is_sent = text && evbuffer_add_printf(out, "%s\n", text) > 0;

	free(text);
	json_decref(root);
	return is_sent;
}

static struct call *call_create(struct switch_client *c, switch_fn done, void *arg)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->client = c;
	call->done = done;
	call->arg = arg;
	call->timer = loop_timer_create(c->loop, on_timer, call);
	if (!call->timer) {
		free(call);
		return NULL;
	}
	call->next = c->calls;
	c->calls = call;
	return call;
}

/* False: call->why says why not. */
static bool call_connect(struct switch_client *c, struct call *call)
{
	int fd = dial(c);

	if (fd < 0) {
		call->is_slow = fd == -EAGAIN; /* so many wait that nobody else may */
		(void)snprintf(call->why, sizeof(call->why),
			       "xvsd cannot be reached at %s: %s; is it running?", c->path,
			       strerror(-fd));
		return false;
	}
	call->stream = bufferevent_socket_new(loop_base(c->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (call->stream && bufferevent_enable(call->stream, EV_READ | EV_WRITE) == 0) {
		bufferevent_setcb(call->stream, on_read, NULL, on_event, call);
		return true;
	}
	if (!call->stream)
		evutil_closesocket(fd);
	(void)str_copy(call->why, sizeof(call->why), "out of memory");
	return false;
}

void switch_call_within(struct switch_client *c, uint32_t seconds, const char *method,
			json_t *params, switch_fn done, void *arg)
{
	static const struct switch_answer no_memory = { .error = "switch: out of memory" };
	struct call *call = call_create(c, done, arg);

	if (!call) {
		json_decref(params);
		done(arg, &no_memory);
		return;
	}
	if (!call_connect(c, call)) {
		json_decref(params);
		loop_timer_arm(call->timer, 0);
		return;
	}
	loop_timer_arm(call->timer, seconds * NS_PER_S);
	if (!request_send(call, method, params)) {
		(void)str_copy(call->why, sizeof(call->why), "out of memory");
		loop_timer_arm(call->timer, 0);
	}
}

void switch_call(struct switch_client *c, const char *method, json_t *params, switch_fn done,
		 void *arg)
{
	switch_call_within(c, DEADLINE_S, method, params, done, arg);
}

/* ---- which one it is ------------------------------------------------------------------------ */

void switch_mark(const struct switch_client *c, struct switch_mark *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (stat(c->path, &st))
		return;
	out->device = st.st_dev;
	out->file = st.st_ino;
	out->made = st.st_mtim; /* of its bind(); numbers of files come again */
}

bool switch_is_same(const struct switch_client *c, const struct switch_mark *mark)
{
	struct switch_mark now;
	int fd;

	switch_mark(c, &now);
	if (mark->file == 0 || now.device != mark->device || now.file != mark->file ||
	    now.made.tv_sec != mark->made.tv_sec || now.made.tv_nsec != mark->made.tv_nsec)
		return false;
	fd = dial(c);
	if (fd < 0)
		return fd == -EAGAIN; /* so many wait that nobody else may */
	(void)close(fd);
	return true;
}
