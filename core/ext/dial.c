/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/dial.c - one connection under way without TLS: the addresses of a name, one after the other.
 *
 * What is known at once is told later all the same, by the timer that ends the wait: who asks is
 * never called back before it knows that it has asked.
 */
#include "ext/sockets.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { CONNECT_S = 10, DIALS_MAX = 64 };

struct dial {
	struct dial *next;
	struct instance *instance;
	struct net_target target;
	xvs_connect_fn done;
	void *arg;
	struct tls_lookup *lookup;
	struct tls_found found;
	size_t nr; /* of the addresses found: the next one */
	struct event *writable;
	struct loop_timer *timer;
	int fd;
	int code; /* how it ended, told when the timer comes: 0, or a negative errno */
	char text[PEER_TEXT];
};

static void socket_drop(struct dial *d)
{
	if (d->writable)
		event_free(d->writable);
	d->writable = NULL;
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}

static void dial_free(struct dial *d)
{
	struct sockets *s = &d->instance->services->sockets;
	struct dial **place = &s->dials;

	while (*place && *place != d)
		place = &(*place)->next;
	if (*place) {
		*place = d->next;
		s->dial_count--;
	}
	tls_lookup_cancel(d->lookup);
	socket_drop(d);
	loop_timer_destroy(d->timer);
	free(d);
}

/* It is over, and told: by now nothing of it is left, so it may be asked for anew. */
static void on_timer(void *arg)
{
	struct dial *d = arg;
	struct instance *i = d->instance;
	xvs_connect_fn done = d->done;
	void *done_arg = d->arg;
	int fd = d->code ? d->code : d->fd;
	char text[PEER_TEXT];

	(void)str_copy(text, sizeof(text),
		       d->code == -ETIMEDOUT ? "no connection in time" : d->text);
	if (d->code == 0)
		d->fd = -1; /* given */
	dial_free(d);
	connect_tell(i, done, done_arg, fd, text);
}

static void end_with(struct dial *d, int code, const char *text)
{
	if (d->writable)
		event_free(d->writable);
	d->writable = NULL;
	d->code = code;
	(void)str_copy(d->text, sizeof(d->text), text);
	loop_timer_arm(d->timer, 0);
}

static void connect_next(struct dial *d);

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	int code = 0;
	socklen_t len = sizeof(code);
	char text[PEER_TEXT];

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len))
		code = errno;
	if (code && d->nr < d->found.count) {
		connect_next(d);
	} else if (code) {
		end_with(d, -code, strerror(code));
	} else {
		(void)str_copy(text, sizeof(text), d->text); /* the address, as it was tried */
		end_with(d, 0, text);
	}
}

/* False: errno says why it cannot be. */
static bool connect_to(struct dial *d, const struct sockaddr *address, socklen_t len)
{
	bool is_stream = d->target.kind == TARGET_TCP;
	const int on = 1;

	d->fd = socket(address->sa_family,
		       (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return false;
	if (is_stream)
		(void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(d->fd, address, len) && errno != EINPROGRESS)
		return false;
	d->writable = event_new(loop_base(d->instance->env->loop), d->fd, EV_WRITE, on_writable, d);
	if (d->writable && event_add(d->writable, NULL) == 0)
		return true;
	errno = ENOMEM;
	return false;
}

static void connect_next(struct dial *d)
{
	int code = -EHOSTUNREACH;

	while (d->nr < d->found.count) {
		const struct tls_address *a = &d->found.items[d->nr++];
		const struct sockaddr *address = (const struct sockaddr *)&a->address;

		socket_drop(d);
		tls_address_print(address, a->len, d->text, sizeof(d->text));
		if (connect_to(d, address, a->len))
			return;
		code = -errno;
	}
	end_with(d, code, strerror(-code));
}

static void on_found(void *arg, const struct tls_found *found)
{
	struct dial *d = arg;

	d->lookup = NULL;
	d->found = *found;
	if (found->count == 0)
		end_with(d, -EHOSTUNREACH, found->why);
	else
		connect_next(d);
}

static void connect_unix(struct dial *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[PEER_TEXT];
	int code;

	net_target_print(&d->target, text);
	(void)str_copy(address.sun_path, sizeof(address.sun_path), d->target.host);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd >= 0 && connect(d->fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		end_with(d, 0, text);
		return;
	}
	code = errno;
	end_with(d, -code, strerror(code));
}

int dial_start(struct instance *i, const struct net_target *t, xvs_connect_fn done, void *arg)
{
	struct sockets *s = &i->services->sockets;
	struct dial *d;

	if (s->dial_count >= DIALS_MAX)
		return -EAGAIN;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct dial){ .instance = i, .target = *t, .done = done, .arg = arg, .fd = -1 };
	d->timer = loop_timer_create(i->env->loop, on_timer, d);
	if (d->timer && t->kind != TARGET_UNIX)
		d->lookup = tls_lookup(i->env->loop, t->host, t->port, on_found, d);
	if (!d->timer || (t->kind != TARGET_UNIX && !d->lookup)) {
		dial_free(d);
		return -ENOMEM;
	}
	d->next = s->dials;
	s->dials = d;
	s->dial_count++;
	d->code = -ETIMEDOUT; /* until it is known better */
	loop_timer_arm(d->timer, CONNECT_S * NS_PER_S);
	if (t->kind == TARGET_UNIX)
		connect_unix(d);
	return 0;
}

void dials_end(struct instance *i)
{
	struct dial *d = i->services->sockets.dials;

	while (d) {
		struct dial *next = d->next;

		dial_free(d);
		d = next;
	}
}
