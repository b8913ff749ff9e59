/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tls.c - one link: it connects or was accepted, shakes hands, then carries bytes both ways.
 *
 * A link may be destroyed in any of its callbacks.  Whatever runs below a callback therefore holds
 * the link (enter, leave), and looks whether it is still wanted before it goes on.
 */
#include "base/tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "base/tls_private.h"

enum {
	READ_BYTES = 64 << 10,
	WRITE_BYTES = 16 << 10,  /* of one TLS record */
	TURN_BYTES = 1 << 20,    /* then others have their turn */
	END_S = 2,               /* to send the rest */
	USER_TIMEOUT_MS = 15000, /* RFC 5482: unacknowledged for so long */
	ADDRESS_TEXT = 80,
};

enum stage { STAGE_LOOKUP, STAGE_CONNECT, STAGE_HANDSHAKE, STAGE_OPEN, STAGE_CLOSED };

struct tls_link {
	struct loop *loop;
	SSL_CTX *context;
	SSL *ssl;
	int fd;
	enum stage stage;
	bool is_client, is_dead, is_ending, is_told, is_paused;
	unsigned depth; /* callbacks below which it is held */
	const struct tls_ops *ops;
	void *arg;
	struct evbuffer *out;
	struct event *readable, *writable;
	struct loop_timer *deadline;
	struct tls_lookup *lookup;
	struct tls_found found;
	size_t next;     /* of the addresses found */
	uint64_t origin; /* of one that was accepted */
	char host[TLS_HOST_TEXT];
	char address[TLS_HOST_TEXT + ADDRESS_TEXT];
	char name[TLS_HOST_TEXT];
};

/* ---- life -------------------------------------------------------------------------------------------- */

static void socket_close(struct tls_link *l)
{
	if (l->readable)
		event_free(l->readable);
	if (l->writable)
		event_free(l->writable);
	l->readable = NULL;
	l->writable = NULL;
	SSL_free(l->ssl);
	l->ssl = NULL;
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}

static void link_free(struct tls_link *l)
{
	tls_lookup_cancel(l->lookup);
	loop_timer_destroy(l->deadline);
	socket_close(l);
	if (l->out)
		evbuffer_free(l->out);
	SSL_CTX_free(l->context);
	free(l);
}

void tls_link_destroy(struct tls_link *l)
{
	if (!l)
		return;
	l->is_dead = true;
	if (l->depth == 0)
		link_free(l);
}

static void enter(struct tls_link *l)
{
	l->depth++;
}

/* False: it has gone. */
static bool leave(struct tls_link *l)
{
	if (--l->depth > 0 || !l->is_dead)
		return !l->is_dead;
	link_free(l);
	return false;
}

/* For those who hold it. */
static void close_with(struct tls_link *l, const struct xvs_error *why)
{
	socket_close(l);
	l->stage = STAGE_CLOSED;
	if (l->is_ending) {
		l->is_dead = true;
		return;
	}
	if (l->is_told || l->is_dead)
		return;
	l->is_told = true;
	l->ops->closed(l->arg, why);
}

/* ---- ends -------------------------------------------------------------------------------------------- */

static void close_by(struct tls_link *l, int code, const char *why)
{
	struct xvs_error err = ERROR_INIT;

	(void)error_set(&err, code, "", "%s: %s", l->address, why);
	close_with(l, &err);
}

/* What SSL_get_error() told of a call that went wrong for good. */
static void close_ssl(struct tls_link *l, int what)
{
	struct xvs_error err = ERROR_INIT;
	const char *otherwise = "the other side closed the connection";
	long verdict = SSL_get_verify_result(l->ssl);

	/* what OpenSSL calls an end without farewell */
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		ERR_clear_error();
	if (what == SSL_ERROR_SYSCALL && errno != 0 && ERR_peek_error() == 0)
		otherwise = strerror(errno);
	if (l->stage == STAGE_HANDSHAKE && verdict != X509_V_OK) {
		ERR_clear_error();
		(void)error_set(&err, -EACCES, "", "%s: its certificate is refused: %s", l->address,
				X509_verify_cert_error_string(verdict));
	} else {
		(void)tls_error(&err, -ECONNRESET, l->address, otherwise);
	}
	close_with(l, &err);
}

static void on_deadline(void *arg)
{
	struct tls_link *l = arg;

	enter(l);
	close_by(l, -ETIMEDOUT,
		 l->stage == STAGE_HANDSHAKE ? "no TLS handshake in time"
					     : "no connection in time");
	(void)leave(l);
}

/* ---- bytes ------------------------------------------------------------------------------------------- */

static void want_write(struct tls_link *l, bool is_wanted)
{
	if (!l->writable)
		return;
	if (is_wanted)
		(void)event_add(l->writable, NULL);
	else
		(void)event_del(l->writable);
}

/* True: go on later.  False: it is closed. */
static bool is_retry(struct tls_link *l, int result)
{
	int what = SSL_get_error(l->ssl, result);

	if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
		if (what == SSL_ERROR_WANT_WRITE)
			want_write(l, true);
		return true;
	}
	close_ssl(l, what);
	return false;
}

static void drained(struct tls_link *l)
{
	want_write(l, false);
	if (l->is_ending) {
		(void)SSL_shutdown(l->ssl);
		ERR_clear_error();
		l->is_dead = true;
	} else if (l->ops->drained) {
		l->ops->drained(l->arg);
	}
}

static void write_some(struct tls_link *l)
{
	size_t sent = 0;

	while (!l->is_dead && evbuffer_get_length(l->out) > 0 && sent < TURN_BYTES) {
		size_t len = evbuffer_get_length(l->out);
		int result;

		if (len > WRITE_BYTES)
			len = WRITE_BYTES;
		ERR_clear_error();
		errno = 0;
		result = SSL_write(l->ssl, evbuffer_pullup(l->out, (ev_ssize_t)len), (int)len);
		if (result <= 0) {
			(void)is_retry(l, result);
			return;
		}
		(void)evbuffer_drain(l->out, (size_t)result);
		sent += (size_t)result;
	}
	if (evbuffer_get_length(l->out) == 0)
		drained(l);
}

static void read_some(struct tls_link *l)
{
	uint8_t bytes[WRITE_BYTES];
	size_t got = 0;

	while (!l->is_dead && !l->is_paused && l->stage == STAGE_OPEN && got < READ_BYTES) {
		int result;

		ERR_clear_error();
		errno = 0;
		result = SSL_read(l->ssl, bytes, (int)sizeof(bytes));
		if (result <= 0) {
			(void)is_retry(l, result);
			return;
		}
		got += (size_t)result;
		if (!l->is_ending)
			l->ops->input(l->arg, bytes, (size_t)result);
	}
	/* what OpenSSL holds already does not make the socket readable */
	if (!l->is_dead && !l->is_paused && l->stage == STAGE_OPEN && SSL_pending(l->ssl) > 0)
		event_active(l->readable, EV_READ, 0);
}

/* ---- the handshake ----------------------------------------------------------------------------------- */

static void common_name(const X509 *certificate, struct tls_link *l)
{
	char text[TLS_HOST_TEXT];
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
					    text, sizeof(text));

	if (len > 0 && strlen(text) == (size_t)len)
		(void)str_copy(l->name, sizeof(l->name), text);
}

/* The first DNS name, else the common name. */
static void name_find(struct tls_link *l)
{
	X509 *certificate = SSL_get0_peer_certificate(l->ssl);
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; names && !l->name[0] && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const char *text;

		if (name->type != GEN_DNS)
			continue;
		text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		if (strlen(text) == (size_t)ASN1_STRING_length(name->d.dNSName))
			(void)str_copy(l->name, sizeof(l->name), text);
	}
	if (!l->name[0])
		common_name(certificate, l);
	GENERAL_NAMES_free(names);
}

bool tls_link_is_named(const struct tls_link *l, const char *name)
{
	X509 *certificate = l->ssl ? SSL_get0_peer_certificate(l->ssl) : NULL;

	return certificate && X509_check_host(certificate, name, strlen(name),
					      X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
}

static void opened(struct tls_link *l)
{
	l->stage = STAGE_OPEN;
	loop_timer_destroy(l->deadline);
	l->deadline = NULL;
	name_find(l);
	if (l->is_client && !tls_is_address(l->host) && !tls_link_is_named(l, l->host)) {
		char why[TLS_HOST_TEXT + 64];

		(void)snprintf(why, sizeof(why), "its certificate is that of \"%.200s\"", l->name);
		close_by(l, -EACCES, why);
		return;
	}
	l->ops->ready(l->arg);
	if (!l->is_dead && l->stage == STAGE_OPEN)
		read_some(l);
}

static void shake(struct tls_link *l)
{
	int result;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(l->ssl);
	if (result == 1) {
		want_write(l, evbuffer_get_length(l->out) > 0);
		opened(l);
	} else {
		want_write(l, false);
		(void)is_retry(l, result);
	}
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static bool ssl_start(struct tls_link *l)
{
	const int on = 1;
	const unsigned int patience = USER_TIMEOUT_MS;

	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
	l->ssl = SSL_new(l->context);
	if (!l->ssl || SSL_set_fd(l->ssl, l->fd) != 1)
		return false;
	if (!l->is_client) {
		SSL_set_accept_state(l->ssl);
	} else {
		SSL_set_connect_state(l->ssl);
		if (!tls_is_address(l->host))
			(void)SSL_set_tlsext_host_name(l->ssl, l->host);
	}
	l->stage = STAGE_HANDSHAKE;
	return true;
}

static bool events_start(struct tls_link *l)
{
	struct event_base *base = loop_base(l->loop);

	l->readable = event_new(base, l->fd, EV_READ | EV_PERSIST, on_event, l);
	l->writable = event_new(base, l->fd, EV_WRITE | EV_PERSIST, on_event, l);
	return l->readable && l->writable;
}

/* ---- connecting -------------------------------------------------------------------------------------- */

/* One address after the other; false: it is closed. */
static bool connect_next(struct tls_link *l)
{
	int code = -EHOSTUNREACH;

	while (l->next < l->found.count) {
		const struct tls_address *a = &l->found.items[l->next++];
		const struct sockaddr *address = (const struct sockaddr *)&a->address;

		socket_close(l);
		tls_address_print(address, a->len, l->address, sizeof(l->address));
		l->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (l->fd < 0 || (connect(l->fd, address, a->len) && errno != EINPROGRESS)) {
			code = -errno;
			continue;
		}
		if (!events_start(l)) {
			code = -ENOMEM;
			break;
		}
		l->stage = STAGE_CONNECT;
		want_write(l, true);
		return true;
	}
	close_by(l, code, strerror(-code));
	return false;
}

static void connected(struct tls_link *l)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &code, &len))
		code = errno;
	if (code && l->next < l->found.count) {
		(void)connect_next(l);
	} else if (code) {
		close_by(l, -code, strerror(code));
	} else if (!ssl_start(l)) {
		close_by(l, -ENOMEM, "out of memory");
	} else {
		(void)event_add(l->readable, NULL);
		shake(l);
	}
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct tls_link *l = arg;

	(void)fd;
	enter(l);
	if (l->stage == STAGE_CONNECT)
		connected(l);
	else if (l->stage == STAGE_HANDSHAKE)
		shake(l);
	else if (l->stage == STAGE_OPEN && (what & EV_WRITE))
		write_some(l);
	else if (l->stage == STAGE_OPEN)
		read_some(l);
	(void)leave(l);
}

static void on_found(void *arg, const struct tls_found *found)
{
	struct tls_link *l = arg;

	l->lookup = NULL;
	enter(l);
	l->found = *found;
	if (found->count == 0)
		close_by(l, -EHOSTUNREACH, found->why);
	else
		(void)connect_next(l);
	(void)leave(l);
}

/* ---- making ------------------------------------------------------------------------------------------ */

static struct tls_link *link_create(struct loop *loop, const struct tls_context *c,
				    const struct tls_ops *ops, void *arg)
{
	struct tls_link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->fd = -1;
	l->loop = loop;
	l->ops = ops;
	l->arg = arg;
	l->context = tls_context_ssl(c);
	(void)SSL_CTX_up_ref(l->context);
	l->out = evbuffer_new();
	l->deadline = loop_timer_create(loop, on_deadline, l);
	if (!l->out || !l->deadline) {
		link_free(l);
		return NULL;
	}
	loop_timer_arm(l->deadline, TLS_HANDSHAKE_S * NS_PER_S);
	return l;
}

struct tls_link *tls_link_accept(struct loop *loop, const struct tls_context *c, int fd,
				 const struct tls_ops *ops, void *arg)
{
	struct tls_link *l = link_create(loop, c, ops, arg);
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (!l) {
		(void)close(fd);
		return NULL;
	}
	l->fd = fd;
	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0) {
		tls_address_print((const struct sockaddr *)&address, len, l->address,
				  sizeof(l->address));
		l->origin = tls_origin(&address);
	}
	if (!events_start(l) || !ssl_start(l) || event_add(l->readable, NULL)) {
		link_free(l);
		return NULL;
	}
	return l;
}

struct tls_link *tls_link_connect(struct loop *loop, const struct tls_context *c, const char *host,
				  uint16_t port, const struct tls_ops *ops, void *arg)
{
	struct tls_link *l = link_create(loop, c, ops, arg);

	if (!l)
		return NULL;
	l->is_client = true;
	(void)str_copy(l->host, sizeof(l->host), host);
	(void)snprintf(l->address, sizeof(l->address), "%s, port %u", l->host, port);
	l->lookup = tls_lookup(loop, l->host, port, on_found, l);
	if (!l->lookup) {
		link_free(l);
		return NULL;
	}
	return l;
}

/* ---- use --------------------------------------------------------------------------------------------- */

bool tls_link_send(struct tls_link *l, const void *bytes, size_t len)
{
	if (l->stage == STAGE_CLOSED || l->is_ending || evbuffer_add(l->out, bytes, len))
		return false;
	if (l->stage == STAGE_OPEN)
		want_write(l, true);
	return true;
}

size_t tls_link_queued(const struct tls_link *l)
{
	return evbuffer_get_length(l->out);
}

void tls_link_pause(struct tls_link *l, bool is_paused)
{
	if (l->is_paused == is_paused)
		return;
	l->is_paused = is_paused;
	if (l->stage != STAGE_OPEN)
		return;
	if (is_paused) {
		(void)event_del(l->readable);
		return;
	}
	(void)event_add(l->readable, NULL);
	if (SSL_pending(l->ssl) > 0)
		event_active(l->readable, EV_READ, 0);
}

static void on_end(void *arg)
{
	tls_link_destroy(arg);
}

void tls_link_end(struct tls_link *l)
{
	if (!l)
		return;
	loop_timer_destroy(l->deadline);
	l->deadline = loop_timer_create(l->loop, on_end, l);
	if (l->stage != STAGE_OPEN || evbuffer_get_length(l->out) == 0 || !l->deadline) {
		if (l->ssl && l->stage == STAGE_OPEN)
			(void)SSL_shutdown(l->ssl);
		ERR_clear_error();
		tls_link_destroy(l);
		return;
	}
	l->is_ending = true;
	loop_timer_arm(l->deadline, END_S * NS_PER_S);
}

const char *tls_link_name(const struct tls_link *l)
{
	return l->name;
}

const char *tls_link_address(const struct tls_link *l)
{
	return l->address;
}

uint64_t tls_link_origin(const struct tls_link *l)
{
	return l->origin;
}
