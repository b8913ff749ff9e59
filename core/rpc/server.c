/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/server.c - connections of the control socket on libevent.
 *
 * Nobody can make the daemon remember much or work long: a line is bounded before it is parsed,
 * a connection that does not read its answers or has many calls running is not read from, and one
 * turn of the event loop takes a few lines of a connection only.
 */
#include "rpc/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "rpc/listen.h"
#include "rpc/peer.h"

enum {
	LINES_A_TURN = 16,
	TURN_NS = 2000000,               /* then others have their turn, though lines wait */
	PENDING_MAX = 2 * RPC_BATCH_MAX, /* calls of a connection that run at once, about */
	UNSENT_MAX = 1 << 20,            /* bytes of answers nobody has read yet */
};

struct connection {
	struct server *server;
	struct connection *next, *prev;
	struct bufferevent *stream;
	struct rpc_session *session;
	enum rpc_role role;
	uid_t uid;
	size_t line_max;
	size_t searched; /* bytes of the input that hold no newline */
	bool is_ending;  /* the peer says no more, or has said too much: answer, then close */
};

struct server {
	struct loop *loop;
	const struct rpc_table *table;
	struct evconnlistener *listener;
	struct loop_timer *pause; /* out of descriptors: listen again later */
	int fd;
	uid_t uid;
	gid_t operators;
	struct connection *connections;
	size_t count;
	struct log_limit limit;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static void connection_destroy(struct connection *c)
{
	struct server *s = c->server;

	if (c->prev)
		c->prev->next = c->next;
	else
		s->connections = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->count--;
	rpc_session_close(c->session);
	bufferevent_free(c->stream);
	free(c);
}

/* ---- lines in ------------------------------------------------------------------------------------- */

static bool is_busy(const struct connection *c)
{
	return rpc_session_pending(c->session) >= PENDING_MAX ||
	       evbuffer_get_length(bufferevent_get_output(c->stream)) >= UNSENT_MAX;
}

/* A line's length in the input, without its newline; -1: it has not ended yet. */
static ssize_t line_end(struct connection *c, struct evbuffer *input)
{
	struct evbuffer_ptr from;
	struct evbuffer_ptr found;

	/* Where it was searched already it is not searched again: long lines come in small pieces. */
	if (evbuffer_ptr_set(input, &from, c->searched, EVBUFFER_PTR_SET))
		return -1;
	found = evbuffer_search(input, "\n", 1, &from);
	if (found.pos < 0)
		c->searched = evbuffer_get_length(input);
	return found.pos;
}

static void line_refuse(struct connection *c)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "a line of yours is longer than %zu bytes: bye",
		       c->line_max);
	rpc_session_complain(c->session, RPC_INVALID_REQUEST, why);
	c->is_ending = true;
	(void)bufferevent_disable(c->stream, EV_READ);
	c->searched = 0;
	(void)evbuffer_drain(bufferevent_get_input(c->stream),
			     evbuffer_get_length(bufferevent_get_input(c->stream)));
}

/* True: a line was there. */
static bool line_take(struct connection *c)
{
	struct evbuffer *input = bufferevent_get_input(c->stream);
	ssize_t len = line_end(c, input);
	const unsigned char *bytes;

	if (len < 0) {
		if (evbuffer_get_length(input) > c->line_max)
			line_refuse(c);
		return false;
	}
	if ((size_t)len > c->line_max) {
		line_refuse(c);
		return false;
	}
	bytes = evbuffer_pullup(input, len + 1);
	if (bytes)
		rpc_session_input(c->session, (const char *)bytes, (size_t)len);
	else
		rpc_session_complain(c->session, RPC_INTERNAL, "out of memory for your line");
	(void)evbuffer_drain(input, (size_t)len + 1);
	c->searched = 0;
	return true;
}

/* Nothing is left to answer, and the peer has it all. */
static bool is_done(const struct connection *c)
{
	return c->is_ending && rpc_session_pending(c->session) == 0 &&
	       evbuffer_get_length(bufferevent_get_output(c->stream)) == 0;
}

/*
 * A busy connection is not read from at all: were its input only left to fill up, libevent would
 * call us again and again.
 */
static void reading_set(struct connection *c)
{
	if (is_busy(c))
		(void)bufferevent_disable(c->stream, EV_READ);
	else if (!c->is_ending)
		(void)bufferevent_enable(c->stream, EV_READ);
}

/* Takes lines, a few a turn; 'c' may be gone afterwards. */
static void connection_proceed(struct connection *c)
{
	uint64_t end_ns = clock_ns() + TURN_NS;
	unsigned taken = 0;
	bool is_over = false;

	while (!is_over && !is_busy(c) && line_take(c))
		is_over = ++taken == LINES_A_TURN || clock_ns() >= end_ns;
	reading_set(c);
	if (is_over)
		bufferevent_trigger(c->stream, EV_READ,
				    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	else if (is_done(c))
		connection_destroy(c);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	(void)stream;
	connection_proceed(arg);
}

/* All that was to be sent has been. */
static void on_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	connection_proceed(arg);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct connection *c = arg;

	(void)stream;
	if (what & BEV_EVENT_ERROR) {
		connection_destroy(c);
		return;
	}
	if (what & BEV_EVENT_EOF) {
		c->is_ending = true;
		connection_proceed(c);
	}
}

/* An answer, now or long after its line.  Lines that waited for it are looked at next turn. */
static void on_answer(void *arg, const char *line, size_t len)
{
	struct connection *c = arg;

	if (bufferevent_write(c->stream, line, len))
		log_message(MSG_CONTROL_SOCKET, "control socket: out of memory, an answer is lost");
	bufferevent_trigger(c->stream, EV_READ,
			    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* One message with the descriptor beside its bytes; how many of them went, -1: none. */
static ssize_t descriptor_send(int to, const char *line, size_t len, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)line, len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(to, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Past libevent, which knows no descriptors: so nothing may wait before it. */
static bool on_answer_fd(void *arg, const char *line, size_t len, int fd)
{
	struct connection *c = arg;
	ssize_t sent = -1;

	if (evbuffer_get_length(bufferevent_get_output(c->stream)) == 0)
		sent = descriptor_send(bufferevent_getfd(c->stream), line, len, fd);
	if (sent < 0)
		return false;
	on_answer(c, line + sent, len - (size_t)sent);
	return true;
}

/* ---- connections ------------------------------------------------------------------------------------ */

static bool has_room(const struct server *s, enum rpc_role role, uid_t uid)
{
	unsigned same = 0;

	if (role != RPC_READ_ONLY)
		return s->count < RPC_CONNECTIONS_MAX;
	for (const struct connection *c = s->connections; c; c = c->next)
		same += c->role == RPC_READ_ONLY && c->uid == uid;
	return s->count < RPC_CONNECTIONS_READ_ONLY && same < RPC_CONNECTIONS_USER;
}

static void turn_away(int fd)
{
	static const char full[] =
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32004,\"message\":"
		"\"too many connections to the control socket, try again later\"}}\n";

	(void)send(fd, full, sizeof(full) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

/* Takes 'fd'. */
static int connection_create(struct server *s, int fd, enum rpc_role role, const struct peer *peer)
{
	struct rpc_peer who = { .pid = peer->pid, .uid = peer->uid };
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		goto err_close;
	c->stream = bufferevent_socket_new(loop_base(s->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->stream)
		goto err_free;
	c->session = rpc_session_create(s->table, role, on_answer, c);
	if (!c->session)
		goto err_stream;
	rpc_session_set_send_fd(c->session, on_answer_fd);
	rpc_session_set_peer(c->session, &who);
	c->server = s;
	c->role = role;
	c->uid = peer->uid;
	c->line_max = role == RPC_READ_ONLY ? RPC_LINE_READ_ONLY : RPC_LINE_MAX;
	c->next = s->connections;
	if (c->next)
		c->next->prev = c;
	s->connections = c;
	s->count++;
	bufferevent_setcb(c->stream, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, c->line_max + 2);
	if (bufferevent_enable(c->stream, EV_READ | EV_WRITE))
		connection_destroy(c);
	return 0;

err_stream:
	bufferevent_free(c->stream);
	free(c);
	return -ENOMEM;
err_free:
	free(c);
err_close:
	(void)close(fd);
	return -ENOMEM;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		      int size, void *arg)
{
	struct server *s = arg;
	struct xvs_error err = ERROR_INIT;
	struct peer peer;
	enum rpc_role role;

	(void)listener;
	(void)address;
	(void)size;
	if (peer_read(fd, &peer, &err)) {
		log_message_at(XVS_LOG_WARN, MSG_CONTROL_SOCKET, "%s", err.text);
		(void)close(fd);
		return;
	}
	role = peer_role(&peer, s->uid, s->operators);
	if (!has_room(s, role, peer.uid)) {
		turn_away(fd);
		return;
	}
	if (connection_create(s, fd, role, &peer))
		log_message(MSG_CONTROL_SOCKET,
			    "control socket: out of memory, a caller was turned away");
}

/* Out of descriptors: the caller stays in the queue, and we do not spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct server *s = arg;
	uint32_t suppressed;

	if (log_allowed(&s->limit, clock_ns(), &suppressed))
		log_message(MSG_CONTROL_SOCKET,
			    "control socket %s: a caller cannot be accepted: %s", s->path,
			    strerror(errno));
	(void)evconnlistener_disable(listener);
	loop_timer_arm(s->pause, NS_PER_S);
}

static void on_pause_end(void *arg)
{
	struct server *s = arg;

	(void)evconnlistener_enable(s->listener);
}

int server_create(struct loop *loop, const char *path, const struct rpc_table *table,
		  struct server **out, struct xvs_error *err)
{
	struct server *s = calloc(1, sizeof(*s));
	int code;

	if (!s)
		return error_set(err, -ENOMEM, "", "control socket: out of memory");
	s->loop = loop;
	s->table = table;
	s->uid = geteuid();
	s->operators = peer_group("xvs");
	(void)str_copy(s->path, sizeof(s->path), path);
	code = listen_open(path, &s->fd, err);
	if (code)
		goto err_free;
	s->pause = loop_timer_create(loop, on_pause_end, s);
	/* A backlog of 0: it listens already. */
	s->listener =
		evconnlistener_new(loop_base(loop), on_accept, s, LEV_OPT_CLOSE_ON_EXEC, 0, s->fd);
	if (!s->pause || !s->listener) {
		code = error_set(err, -ENOMEM, "", "control socket: out of memory");
		goto err_listen;
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	*out = s;
	return 0;

err_listen:
	if (s->listener)
		evconnlistener_free(s->listener);
	loop_timer_destroy(s->pause);
	listen_close(s->fd, s->path);
err_free:
	free(s);
	return code;
}

void server_destroy(struct server *s)
{
	struct connection *next;

	if (!s)
		return;
	evconnlistener_free(s->listener);
	loop_timer_destroy(s->pause);
	for (struct connection *c = s->connections; c; c = next) {
		next = c->next;
		connection_destroy(c);
	}
	listen_close(s->fd, s->path);
	free(s);
}

size_t server_connections(const struct server *s)
{
	return s->count;
}
