/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/client.c - JSON-RPC from the caller's side. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "format.h"

struct client {
	int fd;
	FILE *in;
};

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!str_copy(address.sun_path, sizeof(address.sun_path), path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

struct client *client_open(const char *path, const char *daemon, char *why, size_t size)
{
	struct client *c = calloc(1, sizeof(*c));
	int fd = c ? dial(path) : -1;

	if (fd >= 0) {
		c->fd = fd;
		c->in = fdopen(fd, "r");
		if (c->in)
			return c;
		(void)close(fd);
	}
	(void)snprintf(
		why, size,
		"no daemon can be reached at %s: %s; is %s running, or is it elsewhere (%s)?", path,
		strerror(errno), daemon, strcmp(daemon, "xvsd") == 0 ? "--socket" : "--hv-socket");
	free(c);
	return NULL;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	(void)fclose(c->in);
	free(c);
}

/* Takes 'request'. */
static int request_send(const struct client *c, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	size_t sent = 0;

	json_decref(request);
	if (!text)
		return -ENOMEM;
	text[len] = '\n'; /* in place of its NUL */
	while (sent < len + 1) {
		ssize_t n = send(c->fd, text + sent, len + 1 - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			break;
		sent += n < 0 ? 0 : (size_t)n;
	}
	free(text);
	return sent == len + 1 ? 0 : -EPIPE;
}

static json_t *answer_read(struct client *c)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len = getline(&line, &room, c->in);
	json_t *answer =
		len > 0 ? json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(line);
	return answer;
}

/* A line on stderr; 'text' may be NULL. */
static void complain(const char *before, const char *text)
{
	struct strbuf clean = { NULL, 0, 0, false };

	format_clean(&clean, text ? text : "refused");
	(void)fprintf(stderr, "%s%s\n", before, clean.text ? clean.text : "");
	strbuf_finish(&clean);
}

static void print_place(const json_t *item)
{
	const char *file = json_string_value(json_object_get(item, "file"));
	json_int_t line = json_integer_value(json_object_get(item, "line"));
	json_int_t column = json_integer_value(json_object_get(item, "column"));

	if (file && line)
		(void)fprintf(stderr, "%s:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT ": ",
			      file, line, column);
	complain("", json_string_value(json_object_get(item, "text")));
}

int client_print_error(const json_t *error)
{
	const json_t *errors = json_object_get(json_object_get(error, "data"), "errors");
	json_int_t count =
		json_integer_value(json_object_get(json_object_get(error, "data"), "count"));
	const char *message = json_string_value(json_object_get(error, "message"));
	json_int_t code = json_integer_value(json_object_get(error, "code"));

	for (size_t i = 0; i < json_array_size(errors); i++)
		print_place(json_array_get(errors, i));
	if (count > (json_int_t)json_array_size(errors))
		(void)fprintf(stderr, "and %lld more\n",
			      (long long)(count - (json_int_t)json_array_size(errors)));
	if (json_array_size(errors) == 0)
		complain("xvsctl: ", message);
	return code == RPC_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_REFUSED;
}

/*
 * Waits for the answer and takes what comes with its first byte.  The bytes stay for answer_read(),
 * which reads through a stream that knows no descriptors.
 */
static int descriptor_take(const struct client *c)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t len = recvmsg(c->fd, &m, MSG_PEEK | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *at = len > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd = -1;

	if (at && at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(at), sizeof(fd));
	return fd;
}

/* 'fd' NULL: no descriptor is wanted. */
static int call(struct client *c, const char *method, json_t *params, json_t **result, int *fd)
{
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", params);
	json_t *answer = NULL;
	const json_t *error;
	int code;

	/* A daemon that turns callers away says so before it has read anything. */
	if (request)
		(void)request_send(c, request);
	if (fd)
		*fd = descriptor_take(c);
	answer = answer_read(c);
	error = json_object_get(answer, "error");
	if (error) {
		code = client_print_error(error);
	} else if (json_object_get(answer, "result")) {
		*result = json_incref(json_object_get(answer, "result"));
		code = EXIT_DONE;
	} else {
		(void)fputs("xvsctl: the daemon went away without an answer\n", stderr);
		code = EXIT_NO_DAEMON;
	}
	json_decref(answer);
	return code;
}

int client_call(struct client *c, const char *method, json_t *params, json_t **result)
{
	return call(c, method, params, result, NULL);
}

int client_call_fd(struct client *c, const char *method, json_t *params, json_t **result, int *fd)
{
	return call(c, method, params, result, fd);
}

int client_descriptor(const struct client *c)
{
	return c->fd;
}
