/* SPDX-License-Identifier: Apache-2.0 */
/* channel/connection.c - bytes in, frames, bytes out. */
#include "channel/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(void *arg, int fd, uint32_t events);
static void on_again(void *arg);

static void watch_for(struct of_connection *c, uint32_t events)
{
	if (c->events == events || !c->watch)
		return;
	c->events = events;
	c->loop->change(c->host, c->watch, events);
}

static uint32_t unsent(const struct of_connection *c)
{
	return c->out.len - c->out_at;
}

bool of_connection_is_full(const struct of_connection *c)
{
	return unsent(c) > OF_OUT_FULL;
}

static bool may_read(const struct of_connection *c)
{
	return !c->is_held && !c->is_ended && !c->is_broken && !of_connection_is_full(c);
}

/*
 * Who writes is in the middle of something, perhaps of a list that this one is on: it ends with the
 * next turn.
 */
static void break_off(struct of_connection *c, const char *why)
{
	if (c->is_broken)
		return;
	c->is_broken = true;
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	watch_for(c, 0);
	c->timers->arm(c->host, c->again, 0);
}

static void watch_again(struct of_connection *c)
{
	uint32_t events = unsent(c) ? XVS_LOOP_WRITE : 0;

	/* a full buffer is worked off by turns, not by what comes */
	if (may_read(c) && c->in_len < OF_IN_BYTES && !c->is_eof)
		events |= XVS_LOOP_READ;
	watch_for(c, events);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void say_hello(struct of_connection *c)
{
	of_put_hello(&c->out, ++c->xid, c->versions);
	c->messages_out++;
	of_connection_flush(c);
}

struct of_connection *of_connection_new(const struct of_connection_args *args)
{
	struct of_connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->host = args->host;
	c->loop = args->loop;
	c->timers = args->timers;
	c->handler = args->handler;
	c->arena = args->arena;
	c->versions = args->versions;
	c->fd = args->fd;
	(void)snprintf(c->peer, sizeof(c->peer), "%s", args->peer ? args->peer : "");
	of_writer_init(&c->out, OF_OUT_LIMIT);
	c->in = malloc(OF_IN_BYTES);
	c->again = c->timers->create(c->host, on_again, c);
	c->events = XVS_LOOP_READ;
	c->opened_ns = c->heard_ns = c->sent_ns = c->host->now(c->host);
	if (c->in && c->again)
		c->watch = c->loop->watch(c->host, c->fd, XVS_LOOP_READ, on_event, c);
	if (!c->watch) {
		c->timers->destroy(c->host, c->again);
		free(c->in);
		free(c);
		return NULL;
	}
	say_hello(c);
	return c;
}

void of_connection_end(struct of_connection *c, const char *why)
{
	if (c->is_ended)
		return;
	c->is_ended = true;
	if (why != c->why)
		(void)snprintf(c->why, sizeof(c->why), "%s", why);
	c->loop->unwatch(c->host, c->watch);
	c->watch = NULL;
	(void)close(c->fd);
	c->fd = -1;
	c->handler->closed(c->handler->arg, c, c->why);
}

bool of_connection_reap(struct of_connection *c)
{
	if (!c->is_ended || c->is_inside)
		return false;
	c->timers->destroy(c->host, c->again);
	of_writer_finish(&c->out);
	free(c->in);
	free(c);
	return true;
}

/* ---- out ------------------------------------------------------------------------------------------ */

static void out_sent(struct of_connection *c, uint32_t bytes)
{
	c->out_at += bytes;
	c->sent_ns = c->host->now(c->host);
	if (c->out_at == c->out.len) {
		of_writer_reset(&c->out);
		c->out_at = 0;
	}
}

/* What was sent makes room for what is to come. */
static void out_compact(struct of_connection *c)
{
	if (c->out_at < OF_OUT_FULL)
		return;
	memmove(c->out.bytes, c->out.bytes + c->out_at, unsent(c));
	c->out.len -= c->out_at;
	c->out_at = 0;
}

void of_connection_flush(struct of_connection *c)
{
	if (c->is_ended || c->is_broken)
		return;
	if (c->out.is_failed) {
		break_off(c, "out of memory for what it is to be told");
		return;
	}
	while (unsent(c)) {
		ssize_t sent = send(c->fd, c->out.bytes + c->out_at, unsent(c), MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			break_off(c, strerror(errno));
			return;
		}
		if (sent <= 0)
			break;
		out_sent(c, (uint32_t)sent);
	}
	out_compact(c);
	watch_again(c);
}

struct of_to of_connection_to(struct of_connection *c, uint32_t xid)
{
	struct of_to to = { .writer = &c->out, .xid = xid, .version = c->dialect.version };

	c->messages_out++;
	return to;
}

bool of_connection_has_room(struct of_connection *c)
{
	if (c->is_ended || c->is_broken || !c->is_open)
		return false;
	if (unsent(c) <= OF_OUT_ASYNC)
		return true;
	c->async_lost++;
	return false;
}

void of_connection_refuse(struct of_connection *c, of_fault fault, uint32_t xid,
			  struct of_bytes message)
{
	struct of_to to = of_connection_to(c, xid);

	c->errors_out++;
	of_put_error(&to, fault, message.at, message.len);
	of_connection_flush(c);
}

/* ---- messages ------------------------------------------------------------------------------------- */

/* 1.3.5, 6.3.1: without a common version there is nothing to say but that. */
static void take_hello(struct of_connection *c, const struct of_message *m)
{
	uint8_t version = of_version_choose(c->versions, m->hello.versions);
	struct of_to to = { .writer = &c->out, .xid = m->xid };
	char text[80];

	if (c->is_open)
		return; /* said twice */
	if (!version) {
		to.version = of_version_choose(c->versions, c->versions);
		(void)snprintf(text, sizeof(text),
			       "this switch speaks versions %#x of OpenFlow, "
			       "bit n is version n",
			       c->versions);
		of_put_hello_failed(&to, text);
		of_connection_flush(c);
		of_connection_end(c, "it speaks no version of OpenFlow that this switch does");
		return;
	}
	c->dialect.version = version;
	c->is_open = true;
	c->handler->opened(c->handler->arg, c);
}

static void take(struct of_connection *c, const struct of_message *m, struct of_bytes bytes)
{
	struct of_to to;

	switch (m->kind) {
	case OF_MSG_HELLO:
		take_hello(c, m);
		return;
	case OF_MSG_ECHO_REQUEST:
		to = of_connection_to(c, m->xid);
		if (!c->is_open)
			to.version = m->version;
		of_put_echo_reply(&to, m->echo);
		return;
	case OF_MSG_ECHO_REPLY:
	case OF_MSG_ERROR:
		return;
	default:
		c->handler->message(c->handler->arg, c, m, bytes);
		return;
	}
}

static bool is_for_a_beginning(uint32_t kind)
{
	return kind == OF_MSG_HELLO || kind == OF_MSG_ECHO_REQUEST || kind == OF_MSG_ERROR;
}

static void frame(struct of_connection *c, struct of_bytes bytes)
{
	struct of_message m = { 0 };
	of_fault fault;

	c->messages_in++;
	of_arena_reset(c->arena);
	fault = of_decode(&c->dialect, bytes.at, bytes.len, c->arena, &m);
	if (!c->is_open && (fault || !is_for_a_beginning(m.kind)))
		of_connection_end(c, "it did not begin with HELLO");
	else if (fault)
		of_connection_refuse(c, fault, m.xid, bytes);
	else
		take(c, &m, bytes);
}

/* One turn: as many messages as there are, but not for long.  True: there are more. */
static bool work_off(struct of_connection *c)
{
	uint64_t until = c->host->now(c->host) + OF_TURN_NS;
	uint32_t at = 0;
	int32_t len = 0;

	c->is_inside = true;
	while (may_read(c) && (len = of_frame(c->in + at, c->in_len - at)) > 0 &&
	       (uint32_t)len <= c->in_len - at) {
		frame(c, (struct of_bytes){ c->in + at, (uint32_t)len });
		if (c->is_put_back)
			break;
		at += (uint32_t)len;
		if (c->host->now(c->host) > until)
			break;
	}
	c->is_inside = c->is_put_back = false;
	if (len < 0)
		of_connection_end(c, "it sent a message that is shorter than its header");
	if (c->is_ended)
		return false;
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	len = of_frame(c->in, c->in_len);
	return len < 0 || (len > 0 && (uint32_t)len <= c->in_len);
}

static void turn(struct of_connection *c)
{
	bool has_more = work_off(c);

	if (c->is_ended)
		return;
	of_connection_flush(c);
	if (has_more && may_read(c))
		c->timers->arm(c->host, c->again, 0);
	else if (!has_more && c->is_eof && !c->is_held)
		of_connection_end(c, "it closed the connection");
}

static void on_again(void *arg)
{
	struct of_connection *c = arg;

	if (c->is_broken)
		of_connection_end(c, c->why);
	else if (may_read(c))
		turn(c);
}

static void receive(struct of_connection *c)
{
	ssize_t got = recv(c->fd, c->in + c->in_len, OF_IN_BYTES - c->in_len, 0);

	if (got == 0) {
		c->is_eof = true; /* what has come is worked off first */
	} else if (got < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			of_connection_end(c, strerror(errno));
	} else {
		c->in_len += (uint32_t)got;
		c->heard_ns = c->host->now(c->host);
		c->echo_is_due = false;
	}
}

static void on_event(void *arg, int fd, uint32_t events)
{
	struct of_connection *c = arg;

	(void)fd;
	if (events & XVS_LOOP_WRITE)
		of_connection_flush(c);
	if (!c->is_ended && events & XVS_LOOP_READ && c->in_len < OF_IN_BYTES && !c->is_eof)
		receive(c);
	if (!c->is_ended)
		turn(c);
}

void of_connection_hold(struct of_connection *c)
{
	c->is_held = true;
}

void of_connection_put_back(struct of_connection *c)
{
	c->is_put_back = true;
	c->messages_in--;
	of_connection_hold(c);
}

void of_connection_release(struct of_connection *c)
{
	if (!c->is_held || c->is_ended)
		return;
	c->is_held = false;
	of_connection_flush(c);
	/* not from here: whoever releases is in the middle of something */
	c->timers->arm(c->host, c->again, 0);
}

void of_connection_tick(struct of_connection *c, uint64_t now_ns, uint32_t probe_s)
{
	enum { HELLO_S = 10, STUCK_S = 30 };
	const uint64_t second = 1000000000;
	uint64_t silent = now_ns > c->heard_ns ? now_ns - c->heard_ns : 0;
	struct of_to to;

	if (c->is_ended)
		return;
	if (!unsent(c))
		c->sent_ns = now_ns;
	if (!c->is_open && now_ns > c->opened_ns + HELLO_S * second) {
		of_connection_end(c, "it has not said HELLO");
		return;
	}
	if (now_ns > c->sent_ns + STUCK_S * second) {
		of_connection_end(c, "it does not read what it is told");
		return;
	}
	if (!probe_s)
		return;
	/* who waits for us is not to blame for being silent */
	if (silent > second * 3 * probe_s && (c->echo_is_due || !c->is_open) && may_read(c)) {
		of_connection_end(c, "it has not answered for too long");
	} else if (silent > second * probe_s && !c->echo_is_due && c->is_open) {
		c->echo_is_due = true;
		to = of_connection_to(c, ++c->xid);
		of_put_echo_request(&to, NULL, 0);
		of_connection_flush(c);
	}
}
