/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/relay.c - a TLS link outside, one end of a socket pair inside, plain bytes in between.
 *
 *   network <=> tls_link <=> relay [to_inner, link's queue] <=> socket pair <=> extension
 *
 * Each direction has one bounded buffer.  While the extension does not read, to_inner holds what one
 * turn of the link gave, and the link is paused, so the other side's TCP waits.  While the other side
 * does not read, the link's queue holds QUEUE_BYTES, and the extension finds the socket pair full.
 * An end on either side ends the relay, behind what it still can send.
 */
#include "ext/sockets.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

enum { RELAYS_MAX = 256, QUEUE_BYTES = 64 << 10, TURN_BYTES = 16 << 10, ROOM_MAX = 64 };

struct relay {
	struct relay *next;
	struct instance *instance;
	struct tls_link *link; /* NULL: has ended; what came before is still handed in */
	struct relay_end end;  /* fn NULL: has been told */
	int inner;             /* our end of the pair; -1: not yet */
	struct event *readable, *writable;
	struct evbuffer *to_inner;
	bool is_deaf; /* the extension reads no more: what comes for it goes nowhere */
};

static void relay_free(struct relay *r)
{
	struct sockets *s = &r->instance->services->sockets;
	struct relay **place = &s->relays;

	while (*place && *place != r)
		place = &(*place)->next;
	if (*place) {
		*place = r->next;
		s->relay_count--;
	}
	if (r->readable)
		event_free(r->readable);
	if (r->writable)
		event_free(r->writable);
	if (r->inner >= 0)
		(void)close(r->inner);
	if (r->to_inner)
		evbuffer_free(r->to_inner);
	tls_link_destroy(r->link);
	free(r);
}

/* ---- outward --------------------------------------------------------------------------------------- */

/* The extension has closed its end: what it wrote before goes out. */
static void end_outward(struct relay *r)
{
	tls_link_end(r->link);
	r->link = NULL;
	relay_free(r);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	uint8_t bytes[TURN_BYTES];
	ssize_t len = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		end_outward(r);
		return;
	}
	/* Nobody is there any more: it goes nowhere, and what came before is still handed in. */
	if (!r->link)
		return;
	if (!tls_link_send(r->link, bytes, (size_t)len)) {
		relay_free(r);
		return;
	}
	if (tls_link_queued(r->link) >= QUEUE_BYTES)
		(void)event_del(r->readable);
}

static void on_drained(void *arg)
{
	struct relay *r = arg;

	if (r->readable)
		(void)event_add(r->readable, NULL);
}

/* ---- inward ---------------------------------------------------------------------------------------- */

/* Hands over what fits.  False: it has gone with it. */
static bool hand_in(struct relay *r)
{
	while (evbuffer_get_length(r->to_inner) > 0) {
		if (evbuffer_write(r->to_inner, r->inner) >= 0)
			continue;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			(void)event_add(r->writable, NULL);
			return true;
		}
		/* it has closed; what it wrote before is still to be read, and ends with an end */
		r->is_deaf = true;
		(void)evbuffer_drain(r->to_inner, evbuffer_get_length(r->to_inner));
	}
	(void)event_del(r->writable);
	if (r->link) {
		tls_link_pause(r->link, false);
		return true;
	}
	relay_free(r);
	return false;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)hand_in(arg);
}

static void on_input(void *arg, const uint8_t *bytes, size_t len)
{
	struct relay *r = arg;

	if (r->is_deaf)
		return;
	if (evbuffer_add(r->to_inner, bytes, len)) {
		relay_free(r); /* a hole in a stream is worse than its end */
		return;
	}
	tls_link_pause(r->link, true);
	(void)hand_in(r);
}

/* ---- from the handshake to the end ----------------------------------------------------------------- */

static void tell(struct relay *r, int fd, const char *text)
{
	struct relay_end end = r->end;

	r->end.fn = NULL;
	end.fn(r->instance, &end, fd, text);
}

static int pair_make(struct relay *r, int *outer)
{
	struct event_base *base = loop_base(r->instance->env->loop);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	r->inner = pair[0];
	r->readable = event_new(base, r->inner, EV_READ | EV_PERSIST, on_readable, r);
	r->writable = event_new(base, r->inner, EV_WRITE | EV_PERSIST, on_writable, r);
	if (!r->readable || !r->writable || event_add(r->readable, NULL)) {
		(void)close(pair[1]);
		return -ENOMEM;
	}
	*outer = pair[1];
	return 0;
}

static void on_ready(void *arg)
{
	struct relay *r = arg;
	char address[PEER_TEXT];
	int fd = -1;
	int code = pair_make(r, &fd);

	(void)str_copy(address, sizeof(address), tls_link_address(r->link));
	tell(r, code ? code : fd, code ? strerror(-code) : address);
	if (code)
		relay_free(r);
}

static void on_closed(void *arg, const struct xvs_error *why)
{
	struct relay *r = arg;

	if (r->end.fn)
		tell(r, why->code < 0 ? why->code : -ECONNRESET, why->text);
	else /* who has the other end sees that it ended, and not why: a refused certificate, say */
		host_log(&r->instance->host, XVS_LOG_INFO, why->text);
	tls_link_destroy(r->link);
	r->link = NULL;
	if (r->inner < 0 || evbuffer_get_length(r->to_inner) == 0)
		relay_free(r);
}

static const struct tls_ops relay_ops = {
	.ready = on_ready,
	.input = on_input,
	.drained = on_drained,
	.closed = on_closed,
};

/* ---- making ---------------------------------------------------------------------------------------- */

static struct relay *relay_create(struct instance *i, const struct relay_end *end)
{
	struct sockets *s = &i->services->sockets;
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	*r = (struct relay){ .instance = i, .end = *end, .inner = -1, .next = s->relays };
	r->to_inner = evbuffer_new();
	if (!r->to_inner) {
		free(r);
		return NULL;
	}
	s->relays = r;
	s->relay_count++;
	return r;
}

int relay_connect(struct instance *i, const struct net_target *t, const struct relay_end *end)
{
	struct xvs_error err = ERROR_INIT;
	const struct tls_context *keys;
	struct relay *r;
	int code = network_keys(i->env->network, &keys, &err);

	if (code)
		return code;
	if (i->services->sockets.relay_count >= RELAYS_MAX)
		return -EAGAIN;
	r = relay_create(i, end);
	if (!r)
		return -ENOMEM;
	r->link = tls_link_connect(i->env->loop, keys, t->host, t->port, &relay_ops, r);
	if (r->link)
		return 0;
	relay_free(r);
	return -ENOMEM;
}

int relay_accept(struct instance *i, int fd, const struct relay_end *end)
{
	struct xvs_error err = ERROR_INIT;
	const struct tls_context *keys;
	struct relay *r = NULL;
	int code = network_keys(i->env->network, &keys, &err);

	if (code == 0 && i->services->sockets.relay_count >= RELAYS_MAX)
		code = -EAGAIN;
	if (code == 0)
		r = relay_create(i, end);
	if (!r) {
		(void)close(fd);
		return code ? code : -ENOMEM;
	}
	r->link = tls_link_accept(i->env->loop, keys, fd, &relay_ops, r);
	if (r->link)
		return 0;
	relay_free(r);
	return -ENOMEM;
}

static bool is_of(const struct relay *r, const struct relay_end *end)
{
	return r->end.fn && (!end || (r->end.fn == end->fn && r->end.owner == end->owner));
}

void relays_forget(struct instance *i, const struct relay_end *end)
{
	struct relay *r = i->services->sockets.relays;

	while (r) {
		struct relay *next = r->next;

		if (is_of(r, end))
			relay_free(r);
		r = next;
	}
}

/* The newest is the first of the list. */
void relays_make_room(struct instance *i, relay_fn fn, uint32_t max)
{
	const struct tls_link *links[ROOM_MAX];
	struct relay *shaking[ROOM_MAX];
	size_t count = 0;
	struct relay *leaves;

	for (struct relay *r = i->services->sockets.relays; r && count < ROOM_MAX; r = r->next) {
		if (r->end.fn != fn)
			continue;
		links[count] = r->link;
		shaking[count++] = r;
	}
	if (count <= max)
		return;
	leaves = shaking[tls_room(links, count)];
	tell(leaves, -ETIMEDOUT,
	     "a handshake was given up: others began since and it came to no end");
	relay_free(leaves);
}

void relays_end(struct instance *i)
{
	struct relay *r = i->services->sockets.relays;

	while (r) {
		struct relay *next = r->next;

		relay_free(r);
		r = next;
	}
}
