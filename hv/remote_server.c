/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/remote_server.c - the answering side: who gets in, and what one host may make us remember.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "remote.h"
#include "remote_lines.h"

enum {
	GREETING_MAX = 32, /* links in their handshake */
	SESSIONS_MAX = 64,
	SESSIONS_OF_ONE = 8,
	UNSENT_MAX = 4 << 20, /* bytes of answers that the other side has not read */
};

struct remote_session {
	struct remote_server *server;
	struct remote_session *next;
	struct tls_link *tls;
	struct rpc_session *rpc;
	struct rpc_table table;
	struct lines lines;
	struct loop_timer *silence;
	uint64_t heard_ns;
	void *data;
	unsigned depth;
	bool is_gone, is_broken;
	char local[INET6_ADDRSTRLEN + 24];
};

struct remote_server {
	struct loop *loop;
	struct tls_context *tls;
	struct remote_service service;
	struct rpc_method *methods; /* the service's, and ping */
	struct evconnlistener *listener;
	struct remote_session *sessions;
	struct log_limit limit;
};

/* ---- sessions ---------------------------------------------------------------------------------- */

static void session_free(struct remote_session *c)
{
	rpc_session_close(c->rpc);
	tls_link_destroy(c->tls);
	loop_timer_destroy(c->silence);
	lines_finish(&c->lines);
	free(c);
}

/* It is told of once, and answers nobody afterwards. */
static void session_end(struct remote_session *c)
{
	struct remote_session **at = &c->server->sessions;

	if (c->is_gone)
		return;
	c->is_gone = true;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->rpc)
		c->server->service.left(c->server->service.arg, c);
	if (c->depth == 0)
		session_free(c);
}

static void leave(struct remote_session *c)
{
	if (--c->depth == 0 && c->is_gone)
		session_free(c);
}

/* A session that cannot be told what it is to hear ends, but not below whoever tells it. */
static void send_line(void *arg, const char *line, size_t len)
{
	struct remote_session *c = arg;

	if (c->is_gone || c->is_broken)
		return;
	if (tls_link_queued(c->tls) < UNSENT_MAX && tls_link_send(c->tls, line, len))
		return;
	c->is_broken = true;
	loop_timer_arm(c->silence, 1);
}

static size_t sessions_named_as(const struct remote_session *c)
{
	size_t count = 0;

	for (const struct remote_session *s = c->server->sessions; s; s = s->next)
		count += s != c && s->rpc &&
			 strcmp(tls_link_name(s->tls), tls_link_name(c->tls)) == 0;
	return count;
}

static size_t sessions_ready(const struct remote_server *s)
{
	size_t count = 0;

	for (const struct remote_session *c = s->sessions; c; c = c->next)
		count += c->rpc != NULL;
	return count;
}

static void on_ready(void *arg)
{
	struct remote_session *c = arg;
	struct remote_server *s = c->server;

	c->depth++;
	c->heard_ns = clock_ns();
	c->table = (struct rpc_table){ s->methods, s->service.method_count + 1, c };
	if (sessions_ready(s) < SESSIONS_MAX && sessions_named_as(c) < SESSIONS_OF_ONE &&
	    s->service.admits(s->service.arg, c))
		c->rpc = rpc_session_create(&c->table, RPC_ADMIN, send_line, c);
	if (c->rpc)
		loop_timer_arm(c->silence, REMOTE_SILENCE_S * NS_PER_S);
	else
		session_end(c);
	leave(c);
}

static bool take_line(void *arg, const char *line, size_t len)
{
	struct remote_session *c = arg;

	rpc_session_input(c->rpc, line, len);
	return !c->is_gone && !c->is_broken;
}

static void on_input(void *arg, const uint8_t *bytes, size_t len)
{
	struct remote_session *c = arg;

	c->depth++;
	c->heard_ns = clock_ns();
	if (c->is_broken || rpc_session_pending(c->rpc) > REMOTE_CALLS_MAX ||
	    lines_input(&c->lines, bytes, len, take_line, c) >= LINES_TOO_LONG)
		session_end(c);
	leave(c);
}

static void on_closed(void *arg, const struct xvs_error *why)
{
	struct remote_session *c = arg;

	(void)why;
	session_end(c);
}

static void on_silence(void *arg)
{
	struct remote_session *c = arg;
	uint64_t now = clock_ns();
	uint64_t limit = REMOTE_SILENCE_S * NS_PER_S;

	if (c->is_broken || now - c->heard_ns >= limit)
		session_end(c);
	else
		loop_timer_arm(c->silence, limit - (now - c->heard_ns));
}

static const struct tls_ops tls_ops = { .ready = on_ready, .input = on_input, .closed = on_closed };

/* ---- those who come ---------------------------------------------------------------------------- */

static void local_print(int fd, char *out, socklen_t size)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	out[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&a, &len) == 0)
		(void)getnameinfo((struct sockaddr *)&a, len, out, size, NULL, 0, NI_NUMERICHOST);
}

static struct remote_session *session_create(struct remote_server *s, int fd)
{
	struct remote_session *c = calloc(1, sizeof(*c));

	if (!c || !(c->silence = loop_timer_create(s->loop, on_silence, c))) {
		free(c);
		(void)close(fd);
		return NULL;
	}
	c->server = s;
	local_print(fd, c->local, sizeof(c->local));
	c->tls = tls_link_accept(s->loop, s->tls, fd, &tls_ops, c);
	if (c->tls)
		return c;
	session_free(c);
	return NULL;
}

/* There is one more than may greet: one goes. */
static void make_room(const struct remote_server *s)
{
	const struct tls_link *links[GREETING_MAX + 1];
	struct remote_session *greeting[GREETING_MAX + 1];
	size_t count = 0;

	for (struct remote_session *c = s->sessions; c && count <= GREETING_MAX; c = c->next) {
		if (c->rpc)
			continue;
		links[count] = c->tls;
		greeting[count++] = c;
	}
	if (count > GREETING_MAX)
		session_end(greeting[tls_room(links, count)]);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
			  struct sockaddr *address, int len, void *arg)
{
	struct remote_server *s = arg;
	struct xvs_error why = ERROR_INIT;
	struct remote_session *c;

	(void)listener;
	(void)address;
	(void)len;
	if (tls_context_refresh(s->tls, &why) != 0)
		log_message(MSG_CERTIFICATES, "%s", why.text);
	c = session_create(s, fd);
	if (!c)
		return;
	c->next = s->sessions;
	s->sessions = c;
	make_room(s);
}

static void ping(struct rpc_call *call)
{
	rpc_answer(call, json_object());
}

static int methods_copy(struct remote_server *s)
{
	static const struct rpc_method own = { .name = "ping",
					       .role = RPC_ADMIN,
					       .summary = "Says that the other side is there",
					       .result = "nothing",
					       .handler = ping };
	size_t count = s->service.method_count;

	s->methods = calloc(count + 1, sizeof(*s->methods));
	if (!s->methods)
		return -ENOMEM;
	memcpy(s->methods, s->service.methods, count * sizeof(*s->methods));
	s->methods[count] = own;
	return 0;
}

int remote_server_create(struct loop *loop, struct tls_context *tls, int listener,
			 const struct remote_service *service, struct remote_server **out,
			 struct xvs_error *err)
{
	struct remote_server *s = calloc(1, sizeof(*s));

	if (s) {
		s->loop = loop;
		s->tls = tls;
		s->service = *service;
		if (methods_copy(s) == 0)
			s->listener =
				evconnlistener_new(loop_base(loop), on_connection, s,
						   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
						   listener);
	}
	if (s && s->listener) {
		*out = s;
		return 0;
	}
	(void)close(listener);
	remote_server_destroy(s);
	return error_set(err, -ENOMEM, "", "out of memory");
}

void remote_server_destroy(struct remote_server *s)
{
	if (!s)
		return;
	while (s->sessions) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): off the list by itself */
		session_end(s->sessions);
	}
	if (s->listener)
		evconnlistener_free(s->listener);
	free(s->methods);
	free(s);
}

/* ---- for handlers ------------------------------------------------------------------------------ */

void *remote_session_arg(const struct remote_session *s)
{
	return s->server->service.arg;
}

bool remote_session_is_named(const struct remote_session *s, const char *name)
{
	return tls_link_is_named(s->tls, name);
}

const char *remote_session_name(const struct remote_session *s)
{
	return tls_link_name(s->tls);
}

const char *remote_session_local(const struct remote_session *s)
{
	return s->local;
}

void *remote_session_data(const struct remote_session *s)
{
	return s->data;
}

void remote_session_set_data(struct remote_session *s, void *data)
{
	s->data = data;
}

void remote_session_tell(struct remote_session *s, const char *event, json_t *params)
{
	json_t *note =
		json_pack("{s:s, s:s, s:o*}", "jsonrpc", "2.0", "method", event, "params", params);
	char *line = note ? json_dumps(note, JSON_COMPACT) : NULL;
	size_t len = line ? strlen(line) : 0;

	if (line) {
		line[len] = '\n';
		send_line(s, line, len + 1);
	}
	free(line);
	json_decref(note);
}

int remote_listen_beside(const char *local, int *fd, uint16_t *port, struct xvs_error *err)
{
	struct sockaddr_storage place;
	socklen_t len = sizeof(place);
	char text[TLS_PORT_TEXT];

	if (tls_listen(local, 0, fd, err))
		return err->code;
	if (getsockname(*fd, (struct sockaddr *)&place, &len) ||
	    getnameinfo((struct sockaddr *)&place, len, NULL, 0, text, sizeof(text),
			NI_NUMERICSERV))
		return error_set(err, -EIO, "", "no place to listen for disks");
	*port = (uint16_t)strtoul(text, NULL, 10);
	return 0;
}
