/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tls_address.c - where the other host is: texts, look-ups, listening sockets.
 *
 * The C library looks names up by waiting, so that happens on a thread of its own, which
 * touches nothing but its own memory and the loop's letter box.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "base/tls_private.h"

enum { BACKLOG = 64, PORT_MAX = 65535 };

/* ---- texts ------------------------------------------------------------------------------------------- */

static bool port_parse(const char *text, uint16_t *port)
{
	char *end;
	long number;

	if (text[0] < '0' || text[0] > '9')
		return false;
	number = strtol(text, &end, 10);
	if (*end != '\0' || number < 1 || number > PORT_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

static bool host_copy(char host[TLS_HOST_TEXT], const char *from, size_t len)
{
	if (len == 0 || len >= TLS_HOST_TEXT)
		return false;
	memcpy(host, from, len);
	host[len] = '\0';
	return strpbrk(host, " \t[]/") == NULL;
}

bool tls_address_parse(const char *text, uint16_t default_port, char host[TLS_HOST_TEXT],
		       uint16_t *port)
{
	const char *colon = strchr(text, ':');
	const char *close = text[0] == '[' ? strchr(text, ']') : NULL;

	*port = default_port;
	if (text[0] == '[') {
		if (!close || !host_copy(host, text + 1, (size_t)(close - text - 1)))
			return false;
		return close[1] == '\0' || (close[1] == ':' && port_parse(close + 2, port));
	}
	/* several colons: an IPv6 address without brackets, and without a port */
	if (!colon || strchr(colon + 1, ':'))
		return host_copy(host, text, strlen(text));
	return host_copy(host, text, (size_t)(colon - text)) && port_parse(colon + 1, port);
}

void tls_address_print(const struct sockaddr *address, socklen_t len, char *out, size_t size)
{
	char host[64] = "?";
	char port[TLS_PORT_TEXT] = "?";

	(void)getnameinfo(address, len, host, sizeof(host), port, sizeof(port),
			  NI_NUMERICHOST | NI_NUMERICSERV);
	(void)snprintf(out, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* ---- look-ups ---------------------------------------------------------------------------------------- */

/*
 * Held for a moment: a look-up that was cancelled posts nothing, since its loop may be gone; one that
 * was posted before ends on the loop.
 */
static pthread_mutex_t posting = PTHREAD_MUTEX_INITIALIZER;

struct tls_lookup {
	struct letter letter;
	struct loop *loop;
	bool is_cancelled; /* under the lock */
	char host[TLS_HOST_TEXT];
	uint16_t port;
	void (*done)(void *arg, const struct tls_found *found);
	void *arg;
	struct tls_found found;
};

/* 'flags' of getaddrinfo(3). */
static void find(const char *host, uint16_t port, int flags, struct tls_found *out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char text[TLS_PORT_TEXT];
	int code;

	(void)snprintf(text, sizeof(text), "%u", port);
	code = getaddrinfo(host, text, &hints, &list);
	if (code) {
		(void)str_copy(out->why, sizeof(out->why), gai_strerror(code));
		return;
	}
	for (const struct addrinfo *a = list; a && out->count < TLS_ADDRESSES_MAX; a = a->ai_next) {
		memcpy(&out->items[out->count].address, a->ai_addr, a->ai_addrlen);
		out->items[out->count++].len = a->ai_addrlen;
	}
	freeaddrinfo(list);
}

bool tls_is_address(const char *host)
{
	struct tls_found found = { .count = 0 };

	find(host, 1, AI_NUMERICHOST, &found);
	return found.count > 0;
}

static void deliver(struct letter *letter)
{
	struct tls_lookup *l = (struct tls_lookup *)letter;

	if (!l->is_cancelled)
		l->done(l->arg, &l->found);
	free(l);
}

static void post(struct tls_lookup *l)
{
	bool is_cancelled;

	(void)pthread_mutex_lock(&posting);
	is_cancelled = l->is_cancelled;
	if (!is_cancelled)
		loop_post(l->loop, &l->letter, deliver);
	(void)pthread_mutex_unlock(&posting);
	if (is_cancelled)
		free(l);
}

static void *look_up(void *arg)
{
	struct tls_lookup *l = arg;

	find(l->host, l->port, AI_ADDRCONFIG, &l->found);
	post(l);
	return NULL;
}

static bool thread_start(struct tls_lookup *l)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool is_running;

	if (pthread_attr_init(&attributes))
		return false;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	is_running = pthread_create(&thread, &attributes, look_up, l) == 0;
	(void)pthread_attr_destroy(&attributes);
	return is_running;
}

struct tls_lookup *tls_lookup(struct loop *loop, const char *host, uint16_t port,
			      void (*done)(void *arg, const struct tls_found *found), void *arg)
{
	struct tls_lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->loop = loop;
	l->port = port;
	l->done = done;
	l->arg = arg;
	(void)str_copy(l->host, sizeof(l->host), host);
	find(host, port, AI_NUMERICHOST, &l->found);
	if (l->found.count > 0) {
		post(l);
	} else if (!thread_start(l)) {
		(void)str_copy(l->found.why, sizeof(l->found.why), "no thread to look it up");
		post(l);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): nobody has it yet who could have taken it back */
	return l;
}

/* One that is not posted yet is freed by its thread, another by the loop. */
void tls_lookup_cancel(struct tls_lookup *l)
{
	if (!l)
		return;
	(void)pthread_mutex_lock(&posting);
	l->is_cancelled = true;
	(void)pthread_mutex_unlock(&posting);
}

/* ---- listening --------------------------------------------------------------------------------------- */

int tls_listen(const char *host, uint16_t port, int *out, struct xvs_error *err)
{
	struct tls_found found = { .count = 0 };
	const struct tls_address *a = &found.items[0];
	const int on = 1;
	int code;
	int fd;

	find(host, port, AI_NUMERICHOST | AI_PASSIVE, &found);
	if (found.count == 0)
		return error_set(err, -EINVAL, "", "listening at %s: it is no address", host);
	fd = socket(a->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, -errno, "", "listening at %s: %s", host, strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&a->address, a->len) || listen(fd, BACKLOG)) {
		code = error_set(err, -errno, "", "listening at %s, port %u: %s", host, port,
				 strerror(errno));
		(void)close(fd);
		return code;
	}
	*out = fd;
	return 0;
}
