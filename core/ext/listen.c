/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/listen.c - listeners: one connection a turn, so that nobody who calls often keeps the thread.
 *
 * Where too many handshakes are under way one makes room, of the host that has the most: who calls and
 * says nothing keeps nobody out who does, however often he calls.  A listener rests, with whoever calls left in the kernel's queue, for a moment
 * when there is no descriptor to be had.
 */
#include "ext/sockets.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "rpc/listen.h"

enum { LISTENERS_MAX = 16, SHAKING_MAX = 32, BACKLOG = 64, REST_MS = 100 };

struct xvs_listener {
	struct xvs_listener *next;
	struct instance *instance;
	struct net_target target;
	xvs_accept_fn fn;
	void *arg;
	int fd; /* -1: closed */
	struct event *readable;
	struct loop_timer *rest;
};

/* ---- connections ----------------------------------------------------------------------------------- */

static void accept_tell(struct xvs_listener *l, int fd, const char *peer)
{
	struct instance *i = l->instance;
	uint64_t since = control_enter();

	l->fn(l->arg, fd, peer); /* may end the listener */
	control_leave(i, "a function that accepts", since);
}

static void on_shaken(struct instance *i, const struct relay_end *end, int fd, const char *text)
{
	struct xvs_listener *l = end->owner;

	/* Who did not get in is the journal's, at the level of who looks for it. */
	if (fd < 0)
		host_log(&i->host, XVS_LOG_INFO, text);
	else
		accept_tell(l, fd, text);
}

static void peer_print(const struct xvs_listener *l, const struct sockaddr_storage *from,
		       socklen_t len, char out[PEER_TEXT])
{
	if (l->target.kind == TARGET_PUNIX)
		(void)snprintf(out, PEER_TEXT, "unix:%s", l->target.host);
	else
		tls_address_print((const struct sockaddr *)from, len, out, PEER_TEXT);
}

static void welcome(struct xvs_listener *l, int fd, const char *peer)
{
	const struct relay_end end = { .fn = on_shaken, .owner = l };
	const int on = 1;

	if (l->target.kind != TARGET_PUNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (l->target.kind != TARGET_PTLS) {
		accept_tell(l, fd, peer);
		return;
	}
	if (relay_accept(l->instance, fd, &end) == 0)
		relays_make_room(l->instance, on_shaken, SHAKING_MAX);
}

static void on_call(evutil_socket_t listener, short what, void *arg)
{
	struct xvs_listener *l = arg;
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(from);
	char peer[PEER_TEXT];
	int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd >= 0) {
		peer_print(l, &from, len, peer);
		welcome(l, fd, peer);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
		(void)event_del(l->readable);
		loop_timer_arm(l->rest, (uint64_t)REST_MS * NS_PER_MS);
	}
}

static void on_rested(void *arg)
{
	struct xvs_listener *l = arg;

	(void)event_add(l->readable, NULL);
}

/* ---- opening --------------------------------------------------------------------------------------- */

/* For this user alone: who may connect may do what the extension lets him. */
static int open_unix(const char *path, int *out, struct xvs_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int code = listen_prepare(path, err);
	int fd;

	if (code)
		return code;
	(void)str_copy(address.sun_path, sizeof(address.sun_path), path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Of a socket without a name: the mode that its file will have. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG)) {
		code = -errno;
		(void)close(fd);
		return code;
	}
	*out = fd;
	return 0;
}

static int listener_open(struct xvs_listener *l)
{
	struct loop *loop = l->instance->env->loop;
	struct xvs_error err = ERROR_INIT;
	int code;

	if (l->target.kind == TARGET_PUNIX)
		code = open_unix(l->target.host, &l->fd, &err);
	else
		code = tls_listen(l->target.host, l->target.port, &l->fd, &err);
	if (code)
		return code;
	l->rest = loop_timer_create(loop, on_rested, l);
	l->readable = event_new(loop_base(loop), l->fd, EV_READ | EV_PERSIST, on_call, l);
	if (l->rest && l->readable && event_add(l->readable, NULL) == 0)
		return 0;
	return -ENOMEM;
}

static int may_listen(struct instance *i, const char *text, struct net_target *out)
{
	struct xvs_error err = ERROR_INIT;
	const struct tls_context *keys;
	int code = target_admit(i, text, true, out);

	if (code == 0 && i->services->sockets.listener_count >= LISTENERS_MAX)
		code = -EAGAIN;
	if (code == 0 && out->kind == TARGET_PTLS)
		code = network_keys(i->env->network, &keys, &err);
	return code;
}

int loop_listen(const struct xvs_host *h, const char *text, xvs_accept_fn fn, void *arg,
		struct xvs_listener **out)
{
	struct instance *i = instance_of(h);
	struct sockets *s = &i->services->sockets;
	struct xvs_listener *l;
	struct net_target target;
	int code = fn && out ? may_listen(i, text, &target) : -EINVAL;

	if (code)
		return code;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct xvs_listener){
		.instance = i, .target = target, .fn = fn, .arg = arg, .fd = -1
	};
	code = listener_open(l);
	if (code) {
		listener_close(l);
		free(l);
		return code;
	}
	l->next = s->listeners;
	s->listeners = l;
	s->listener_count++;
	*out = l;
	return 0;
}

/* ---- the end --------------------------------------------------------------------------------------- */

void listener_close(struct xvs_listener *l)
{
	const struct relay_end end = { .fn = on_shaken, .owner = l };

	relays_forget(l->instance, &end);
	if (l->readable)
		event_free(l->readable);
	l->readable = NULL;
	loop_timer_destroy(l->rest);
	l->rest = NULL;
	if (l->fd >= 0 && l->target.kind == TARGET_PUNIX)
		listen_close(l->fd, l->target.host);
	else if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}

void loop_unlisten(const struct xvs_host *h, struct xvs_listener *l)
{
	struct instance *i = instance_of(h);
	struct sockets *s = &i->services->sockets;
	struct xvs_listener **place = &s->listeners;

	if (!l || !is_on_control(i))
		return;
	while (*place && *place != l)
		place = &(*place)->next;
	if (!*place)
		return; /* not one of this instance */
	*place = l->next;
	s->listener_count--;
	listener_close(l);
	free(l);
}

void listeners_close(struct instance *i)
{
	for (struct xvs_listener *l = i->services->sockets.listeners; l; l = l->next)
		listener_close(l);
}

void listeners_free(struct instance *i)
{
	struct sockets *s = &i->services->sockets;

	while (s->listeners) {
		struct xvs_listener *l = s->listeners;

		s->listeners = l->next;
		free(l);
	}
	s->listener_count = 0;
}
