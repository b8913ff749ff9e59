/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/qmp.c - lines to and from QEMU on libevent; who waits for which answer.
 *
 *      connected -> greeted -> qmp_capabilities answered: ready -> ended
 *
 * Commands before "ready" are kept as text.  One with a descriptor goes past libevent, which knows
 * none, so it waits until what was given before it is sent, and what is given later waits behind it.
 */
#include "qmp.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { LINES_A_TURN = 64 };

struct command {
	struct command *next;
	struct qmp *qmp;
	uint64_t id;
	uint32_t deadline_ms;
	char *line; /* until it is sent */
	int fd;     /* -1: none */
	struct loop_timer *timer;
	qmp_answer_fn done;
	void *arg;
};

enum state { WAITS_FOR_GREETING, WAITS_FOR_CAPABILITIES, READY, ENDED };

struct qmp {
	struct loop *loop;
	struct bufferevent *stream;
	struct qmp_listener listener;
	enum state state;
	uint32_t version[3];
	uint64_t last_id;
	struct command *commands; /* in the order in which they were given */
	size_t count;
	unsigned depth; /* of our callbacks that run */
	bool is_closed; /* to be freed when the last of them returns */
	size_t searched;
	char why[256]; /* of an end that has not been told yet */
};

/* ---- memory ----------------------------------------------------------------------------------- */

static void command_free(struct command *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	loop_timer_destroy(c->timer);
	free(c->line);
	free(c);
}

static void qmp_free(struct qmp *q)
{
	while (q->commands) {
		struct command *c = q->commands;

		q->commands = c->next;
		command_free(c);
	}
	if (q->stream)
		bufferevent_free(q->stream);
	free(q);
}

static void enter(struct qmp *q)
{
	q->depth++;
}

/* False: it is gone. */
static bool leave(struct qmp *q)
{
	if (--q->depth > 0 || !q->is_closed)
		return true;
	qmp_free(q);
	return false;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static struct command *command_take(struct qmp *q, uint64_t id)
{
	for (struct command **at = &q->commands; *at; at = &(*at)->next) {
		struct command *c = *at;

		if (c->id != id)
			continue;
		*at = c->next;
		q->count--;
		return c;
	}
	return NULL;
}

/* Takes 'c'. */
static void command_answer(struct command *c, const json_t *value, const char *error,
			   const char *class)
{
	struct qmp_answer answer = { .value = value, .error = error, .class = class };

	if (c->done && !c->qmp->is_closed)
		c->done(c->arg, &answer);
	command_free(c);
}

static void conversation_end(struct qmp *q)
{
	if (q->state == ENDED)
		return;
	q->state = ENDED;
	enter(q);
	if (q->stream)
		bufferevent_free(q->stream);
	q->stream = NULL;
	while (q->commands && !q->is_closed)
		command_answer(command_take(q, q->commands->id), NULL, q->why, "");
	if (q->listener.ended && !q->is_closed)
		q->listener.ended(q->listener.arg, q->why);
	(void)leave(q);
}

static void end(struct qmp *q, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void end(struct qmp *q, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(q->why, sizeof(q->why), format, args);
	va_end(args);
	conversation_end(q);
}

/* ---- sending ---------------------------------------------------------------------------------- */

static bool send_with_fd(struct qmp *q, const struct command *c)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	size_t len = strlen(c->line);
	struct iovec iov = { c->line, len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&m);
	ssize_t sent;

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &c->fd, sizeof(c->fd));
	sent = sendmsg(bufferevent_getfd(q->stream), &m, MSG_NOSIGNAL);
	return sent >= 0 && bufferevent_write(q->stream, c->line + sent, len - (size_t)sent) == 0;
}

static void command_send(struct qmp *q, struct command *c)
{
	bool is_sent = c->fd < 0 ? bufferevent_write(q->stream, c->line, strlen(c->line)) == 0
				 : send_with_fd(q, c);

	if (!is_sent) {
		command_answer(command_take(q, c->id), NULL, "it could not be sent to QEMU", "");
		return;
	}
	free(c->line);
	c->line = NULL;
}

/* All that may go now, in order. */
static void commands_send(struct qmp *q)
{
	struct command *c = q->commands;

	enter(q);
	while (c && q->state == READY && !q->is_closed) {
		struct command *next = c->next;

		if (c->line && c->fd >= 0 &&
		    evbuffer_get_length(bufferevent_get_output(q->stream)) > 0)
			break;
		if (c->line)
			command_send(q, c);
		c = next;
	}
	(void)leave(q);
}

static void on_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	commands_send(arg);
}

static void on_deadline(void *arg)
{
	struct command *c = arg;
	struct qmp *q = c->qmp;
	char why[128];

	(void)snprintf(why, sizeof(why), "QEMU did not answer within %" PRIu32 " ms",
		       c->deadline_ms);
	enter(q);
	command_answer(command_take(q, c->id), NULL, why, "");
	(void)leave(q);
}

/* ---- receiving -------------------------------------------------------------------------------- */

static void take_greeting(struct qmp *q, const struct qmp_message *m)
{
	static const char line[] = "{\"execute\":\"qmp_capabilities\"}\n";

	if (q->state != WAITS_FOR_GREETING) {
		end(q, "QEMU greeted twice");
		return;
	}
	memcpy(q->version, m->version, sizeof(q->version));
	q->state = WAITS_FOR_CAPABILITIES;
	if (bufferevent_write(q->stream, line, sizeof(line) - 1))
		end(q, "out of memory");
}

static void take_capabilities(struct qmp *q, const struct qmp_message *m)
{
	if (m->kind != QMP_RETURN) {
		end(q, "QEMU refuses to speak QMP: %s", m->text);
		return;
	}
	q->state = READY;
	if (q->listener.ready)
		q->listener.ready(q->listener.arg, q->version);
	if (!q->is_closed)
		commands_send(q);
}

static void take_answer(struct qmp *q, const struct qmp_message *m)
{
	struct command *c;

	if (q->state == WAITS_FOR_CAPABILITIES && m->id == 0) {
		take_capabilities(q, m);
		return;
	}
	/* Of a command whose deadline has come there is no trace any more. */
	c = m->id != 0 && m->id <= q->last_id ? command_take(q, m->id) : NULL;
	if (c)
		command_answer(c, m->value, m->kind == QMP_ERROR ? m->text : NULL, m->word);
	else if (m->id == 0 || m->id > q->last_id)
		end(q, "QEMU answered what nobody had asked");
}

static void take_line(struct qmp *q, const char *line, size_t len)
{
	struct qmp_message m;
	char why[160];

	if (!qmp_message_read(line, len, &m, why, sizeof(why))) {
		end(q, "QEMU does not speak QMP: %s", why);
		return;
	}
	if (m.kind == QMP_GREETING)
		take_greeting(q, &m);
	else if (q->state == WAITS_FOR_GREETING)
		end(q, "QEMU spoke before it greeted");
	else if (m.kind == QMP_EVENT)
		q->listener.event(q->listener.arg, m.word, m.value);
	else
		take_answer(q, &m);
	qmp_message_finish(&m);
}

static bool is_open(const struct qmp *q)
{
	return q->state != ENDED && !q->is_closed;
}

/* True: a line was there. */
static bool line_take(struct qmp *q)
{
	struct evbuffer *input = bufferevent_get_input(q->stream);
	struct evbuffer_ptr from;
	struct evbuffer_ptr found = { .pos = -1 };
	char *line;
	size_t len;

	if (evbuffer_ptr_set(input, &from, q->searched, EVBUFFER_PTR_SET) == 0)
		found = evbuffer_search(input, "\n", 1, &from);
	if (found.pos < 0) {
		q->searched = evbuffer_get_length(input);
		if (q->searched > QMP_LINE_MAX)
			end(q, "QEMU does not speak QMP: a line is longer than %d bytes",
			    QMP_LINE_MAX);
		return false;
	}
	q->searched = 0;
	/* Its own copy: the stream may go while the line is looked at. */
	len = (size_t)found.pos;
	line = malloc(len + 1);
	if (!line || evbuffer_remove(input, line, len + 1) != (int)len + 1)
		end(q, "out of memory");
	else if (len > 1) /* of an empty line, "\r" is left */
		take_line(q, line, len);
	free(line);
	return true;
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct qmp *q = arg;
	unsigned taken = 0;

	enter(q);
	while (is_open(q) && taken < LINES_A_TURN && line_take(q))
		taken++;
	if (is_open(q) && taken == LINES_A_TURN)
		bufferevent_trigger(stream, EV_READ,
				    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	(void)leave(q);
}

/* What came before the end counts: QEMU says SHUTDOWN and goes. */
static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct qmp *q = arg;

	(void)what;
	enter(q);
	while (is_open(q) && line_take(q))
		;
	if (is_open(q))
		end(q, "QEMU closed the connection");
	(void)stream;
	(void)leave(q);
}

static void lines_take(struct qmp *q, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end && is_open(q)) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			return;
		if (newline - text > 1)
			take_line(q, text, (size_t)(newline - text));
		text = newline + 1;
	}
}

void qmp_drain(struct qmp *q)
{
	struct strbuf text = { NULL, 0, 0, false };
	struct evbuffer *input;
	char bytes[8192];
	ssize_t got;

	if (!q || !is_open(q))
		return;
	input = bufferevent_get_input(q->stream);
	while ((got = evbuffer_remove(input, bytes, sizeof(bytes))) > 0)
		strbuf_put(&text, bytes, (size_t)got);
	while (text.len <= QMP_LINE_MAX &&
	       (got = read(bufferevent_getfd(q->stream), bytes, sizeof(bytes))) > 0)
		strbuf_put(&text, bytes, (size_t)got);
	q->searched = 0;
	enter(q);
	if (text.len > 0)
		lines_take(q, text.text, text.len);
	(void)leave(q);
	strbuf_finish(&text);
}

/* ---- the conversation ------------------------------------------------------------------------- */

static int connect_to(const char *path, struct xvs_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;
	int code;

	if (!str_copy(address.sun_path, sizeof(address.sun_path), path))
		return error_set(err, -ENAMETOOLONG, "", "socket %s: the name is too long", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, -errno, "", "socket %s: %s", path, strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	code = error_set(err, -errno, "", "socket %s: nobody answers: %s", path, strerror(errno));
	(void)close(fd);
	return code;
}

int qmp_open(struct loop *loop, const char *path, const struct qmp_listener *listener,
	     struct qmp **out, struct xvs_error *err)
{
	int fd = connect_to(path, err);
	struct qmp *q;

	if (fd < 0)
		return fd;
	q = calloc(1, sizeof(*q));
	if (!q) {
		(void)close(fd);
		return error_set(err, -ENOMEM, "", "out of memory");
	}
	q->loop = loop;
	q->listener = *listener;
	q->stream = bufferevent_socket_new(loop_base(loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!q->stream)
		(void)close(fd);
	if (!q->stream || bufferevent_enable(q->stream, EV_READ | EV_WRITE)) {
		qmp_free(q);
		return error_set(err, -ENOMEM, "", "out of memory");
	}
	bufferevent_setcb(q->stream, on_read, on_written, on_event, q);
	bufferevent_setwatermark(q->stream, EV_READ, 0, QMP_LINE_MAX + 2);
	*out = q;
	return 0;
}

void qmp_close(struct qmp *q)
{
	if (!q)
		return;
	q->is_closed = true;
	if (q->depth == 0)
		qmp_free(q);
}

/* ---- commands --------------------------------------------------------------------------------- */

/* Takes 'arguments'.  A whole line; NULL: out of memory. */
static char *line_make(uint64_t id, const char *name, json_t *arguments)
{
	json_t *root = json_pack("{s:s, s:I}", "execute", name, "id", (json_int_t)id);
	char *text = NULL;
	char *line = NULL;
	size_t len;

	if (root && arguments)
		(void)json_object_set(root, "arguments", arguments);
	if (root)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	json_decref(arguments);
	if (!text)
		return NULL;
	len = strlen(text);
	line = realloc(text, len + 2);
	if (!line) {
		free(text);
		return NULL;
	}
	memcpy(line + len, "\n", 2);
	return line;
}

static void refuse_now(qmp_answer_fn done, void *arg, const char *why)
{
	struct qmp_answer answer = { .error = why, .class = "" };

	if (done)
		done(arg, &answer);
}

static struct command *command_create(struct qmp *q, char *line, uint32_t deadline_ms)
{
	struct command *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = -1;
	c->qmp = q;
	c->line = line;
	c->deadline_ms = deadline_ms ? deadline_ms : QMP_DEADLINE_MS;
	c->timer = loop_timer_create(q->loop, on_deadline, c);
	if (c->timer)
		return c;
	free(c);
	return NULL;
}

static void command_add(struct qmp *q, struct command *c)
{
	struct command **at = &q->commands;

	while (*at)
		at = &(*at)->next;
	*at = c;
	q->count++;
	c->id = q->last_id;
	loop_timer_arm(c->timer, (uint64_t)c->deadline_ms * NS_PER_MS);
	commands_send(q);
}

static void command_give(struct qmp *q, char *line, int fd, uint32_t deadline_ms,
			 struct command **out)
{
	struct command *c = line ? command_create(q, line, deadline_ms) : NULL;

	if (c && fd >= 0) {
		c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (c->fd < 0) {
			c->line = NULL;
			command_free(c);
			c = NULL;
		}
	}
	if (!c)
		free(line);
	*out = c;
}

static void give(struct qmp *q, char *line, int fd, uint32_t deadline_ms, qmp_answer_fn done,
		 void *arg)
{
	struct command *c;

	command_give(q, line, fd, deadline_ms, &c);
	if (!c) {
		refuse_now(done, arg, "out of memory");
		return;
	}
	c->done = done;
	c->arg = arg;
	command_add(q, c);
}

static bool is_speaking(const struct qmp *q, qmp_answer_fn done, void *arg)
{
	if (q->state == ENDED)
		refuse_now(done, arg, "QEMU is not connected");
	else if (q->count >= QMP_COMMANDS_MAX)
		refuse_now(done, arg, "too many commands to QEMU at once");
	else
		return true;
	return false;
}

void qmp_command(struct qmp *q, const char *name, json_t *arguments, uint32_t deadline_ms,
		 qmp_answer_fn done, void *arg)
{
	if (is_speaking(q, done, arg))
		give(q, line_make(++q->last_id, name, arguments), -1, deadline_ms, done, arg);
	else
		json_decref(arguments);
}

void qmp_command_fd(struct qmp *q, const char *name, json_t *arguments, int fd, qmp_answer_fn done,
		    void *arg)
{
	if (is_speaking(q, done, arg))
		give(q, line_make(++q->last_id, name, arguments), fd, 0, done, arg);
	else
		json_decref(arguments);
}
