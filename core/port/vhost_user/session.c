/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/session.c - one conversation: message in, settled, answer out; and how it ends.
 *
 *      free --begin--> talking --end--> ending --settled, no letter under way--> free
 *                       |  ^
 *               message |  | settled: answer
 *                       v  |
 *                      settling (perhaps a grace period; nothing is read)
 *
 * A request that is refused is answered where the front end asked to know (REPLY_ACK), and nothing has
 * changed.  Where it did not ask it would go on in the belief that we did as told, so it is let go.
 */
#include "port/vhost_user/session.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { MESSAGES_A_TURN = 64 }; /* then others of the control thread have their turn */

/* ---- lines for the operator ------------------------------------------------------------------- */

static void tell(struct session *s, int level, const char *what, const char *why)
{
	uint32_t missing = 0;

	if (!log_allowed(&s->limit, clock_ns(), &missing))
		return;
	if (missing > 0)
		log_message_at(level, MSG_FRONT_END,
			       "port %s: %u lines like the next were left out",
			       s->device->port_name, missing);
	log_message_at(level, MSG_FRONT_END, "port %s: front end (process %d) %s%s%s",
		       s->device->port_name, (int)s->peer, what, why ? ": " : "", why ? why : "");
}

/* ---- the end ---------------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void disconnect(struct session *s)
{
	if (s->readable)
		event_free(s->readable);
	s->readable = NULL;
	close_fd(&s->fd);
	message_drop(&s->in);
	close_fd(&s->replied_fd);
	s->is_answering = false;
}

static void want_nothing(struct session *s)
{
	rings_clear(s);
	table_clear(s);
	log_clear(s);
	close_fd(&s->requests_fd);
	memset(s->has_run, 0, sizeof(s->has_run));
	s->features = 0;
	s->has_features = false;
	s->protocol = 0;
	s->status = 0;
	s->guest_mtu = 0;
}

/* Workers have let go of everything: the next front end finds no trace of this one. */
static void finish(struct session *s)
{
	struct vhost_device *d = s->device;

	/* A letter about this front end must not meet the next. */
	if (atomic_load_explicit(&d->is_sent, memory_order_relaxed))
		return;
	atomic_store_explicit(&d->is_broken, 0, memory_order_relaxed);
	atomic_store_explicit(&d->rarp_due, 0, memory_order_relaxed);
	s->is_ending = false;
	s->ended(s->arg);
}

void session_end(struct session *s, const struct xvs_error *why)
{
	if (s->fd < 0)
		return;
	(void)str_copy(s->why, sizeof(s->why), why->text);
	tell(s, why->code == -ECONNRESET ? XVS_LOG_INFO : XVS_LOG_WARN, "has gone", s->why);
	disconnect(s);
	want_nothing(s);
	s->is_ending = true;
	if (!s->is_waiting)
		session_settle(s);
}

void session_release(struct session *s)
{
	const struct vhost_device *d = s->device;

	if (!s->is_deferred && !atomic_load_explicit(&d->is_sent, memory_order_relaxed))
		s->closed(s->arg);
}

bool session_is_free(const struct session *s)
{
	return s->fd < 0 && !s->is_ending;
}

void session_on_broken(struct letter *letter)
{
	struct vhost_device *d =
		(struct vhost_device *)((char *)letter - offsetof(struct vhost_device, broken));
	struct session *s = d->session;
	struct xvs_error why = ERROR_INIT;

	/* Acquire and release: the reason, and the letter to be used again. */
	(void)atomic_exchange_explicit(&d->is_sent, 0, memory_order_acq_rel);
	if (s->is_closed) {
		session_release(s);
		return;
	}
	if (session_is_free(s)) { /* broken by somebody who was the last inside */
		atomic_store_explicit(&d->is_broken, 0, memory_order_relaxed);
		return;
	}
	if (s->is_ending && !s->is_waiting && !s->seen) {
		finish(s);
		return;
	}
	(void)error_set(&why, -EPROTO, "", "%s", d->broken_why);
	session_end(s, &why);
}

/* ---- answers ---------------------------------------------------------------------------------- */

void session_reply_u64(struct session *s, uint64_t value)
{
	s->has_reply = true;
	s->reply.size = sizeof(value);
	memcpy(s->reply.payload, &value, sizeof(value));
}

static bool wants_to_know(const struct session *s)
{
	return (s->in.flags & FLAG_NEED_REPLY) && session_speaks(s, PROTOCOL_REPLY_ACK);
}

/* Sends the reply if there is one, and makes ready for the next message. */
static void answer(struct session *s)
{
	struct xvs_error err = ERROR_INIT;
	int code = 0;

	s->is_answering = false;
	s->reply.request = s->in.request;
	s->reply.fd = s->replied_fd;
	if (s->has_reply)
		code = reply_send(&s->reply, s->fd, &err);
	close_fd(&s->replied_fd);
	message_drop(&s->in);
	if (code)
		session_end(s, &err);
}

/*
 * The front end has the position now, or wants none kept.  Of a ring that did not run with it yet
 * it knows nothing: DPDK's virtio-user stops all rings first when it meets a new daemon, and then
 * relies on that one to know where they were.
 */
static void forget_position(struct session *s, uint32_t nr)
{
	if (s->has_run[nr])
		vhost_ring_forget(&s->device->rings[nr]);
	s->has_run[nr] = false;
}

static void forget_positions(struct session *s)
{
	for (uint32_t i = 0; i < s->device->ring_count; i++)
		forget_position(s, i);
}

static void answer_request(struct session *s)
{
	struct wire_ring_state base;

	switch (s->in.request) {
	case REQUEST_GET_VRING_BASE:
		base = (struct wire_ring_state){ s->base_of, s->rings[s->base_of].base };
		forget_position(s, s->base_of);
		s->has_reply = true;
		s->reply.size = sizeof(base);
		memcpy(s->reply.payload, &base, sizeof(base));
		break;
	case REQUEST_SET_STATUS:
		if (s->status == 0)
			forget_positions(s);
		break;
	case REQUEST_RESET_DEVICE:
	case REQUEST_RESET_OWNER:
		forget_positions(s);
		break;
	default:
		break;
	}
	if (!s->has_reply && wants_to_know(s))
		session_reply_u64(s, 0);
	answer(s);
}

static void refuse(struct session *s, const struct xvs_error *why)
{
	if (!wants_to_know(s) || request_has_reply(s->in.request)) {
		session_end(s, why);
		return;
	}
	tell(s, XVS_LOG_WARN, "was refused something", why->text);
	session_reply_u64(s, 1);
	answer(s);
}

void session_settled(struct session *s)
{
	if (s->is_ending && !s->seen) {
		finish(s);
		return;
	}
	if (s->is_ending) {
		session_settle(s);
		return;
	}
	if (!s->is_answering)
		return;
	answer_request(s);
	if (s->fd >= 0)
		(void)event_add(s->readable, NULL);
}

/* ---- messages --------------------------------------------------------------------------------- */

static void handle(struct session *s)
{
	struct xvs_error err = ERROR_INIT;

	s->has_reply = false;
	s->reply = (struct reply){ .fd = -1 };
	s->is_answering = true;
	if (request_handle(s, &s->in, &err))
		refuse(s, &err);
	else
		session_settle(s);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)what;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		struct xvs_error err = ERROR_INIT;
		int got = message_receive(&s->in, fd, &err);

		if (got == 0)
			return;
		if (got < 0) {
			session_end(s, &err);
			return;
		}
		handle(s);
		if (s->fd < 0)
			return;
		if (s->is_waiting) {
			(void)event_del(s->readable);
			return;
		}
	}
}

/* ---- life ------------------------------------------------------------------------------------- */

static pid_t peer_of(int fd)
{
	struct ucred cred = { 0 };
	socklen_t size = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 ? cred.pid : 0;
}

int session_begin(struct session *s, int fd, struct xvs_error *err)
{
	assert(session_is_free(s));
	s->readable =
		event_new(loop_base(s->device->loop), fd, EV_READ | EV_PERSIST, on_readable, s);
	if (!s->readable || event_add(s->readable, NULL)) {
		if (s->readable)
			event_free(s->readable);
		s->readable = NULL;
		(void)close(fd);
		return error_set(err, -ENOMEM, "", "no memory for a front end");
	}
	s->fd = fd;
	s->peer = peer_of(fd);
	s->sessions++;
	tell(s, XVS_LOG_INFO, "is here", NULL);
	return 0;
}

int session_create(struct vhost_device *d, uint64_t offered, void (*ended)(void *arg), void *arg,
		   struct session **out, struct xvs_error *err)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return error_set(err, -ENOMEM, "", "no memory for a vhost-user port");
	s->device = d;
	s->offered = offered;
	s->ended = ended;
	s->arg = arg;
	s->fd = -1;
	s->replied_fd = -1;
	s->requests_fd = -1;
	if (look_create(s, err)) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void session_withdraw(struct session *s)
{
	disconnect(s);
	want_nothing(s);
	s->is_ending = true;
	session_let_go(s);
	look_destroy(s);
}

void session_close(struct session *s, void (*closed)(void *arg))
{
	s->closed = closed;
	s->is_closed = true;
	session_release(s);
}

void session_destroy(struct session *s)
{
	if (s)
		look_destroy(s);
	free(s);
}
