/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/socket.c - one front end at a time.
 *
 *      server  listening -> accepted -> (it left) listening ...   a second one is turned away
 *      client  connecting, after 1, 2, 4 ms .. 1 s, and at once when the file appears
 *
 * A front end that died and started again may be here before we have seen the end of the old
 * connection: the old one is looked at before the new one is turned away.
 */
#include "port/vhost_user/socket.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define DELAY_MIN_NS ((uint64_t)NS_PER_MS)
#define DELAY_MAX_NS NS_PER_S

enum { SOCKET_MODE = 0660, WAITING_MAX = 4 };

struct vhost_socket {
	struct loop *loop;
	struct session *session;
	struct sockaddr_un address;
	char port_name[64];
	bool is_client;
	struct log_limit limit;
	struct loop_timer *retry; /* client: connect; server: accept again */

	/* server */
	int listener;
	struct event *acceptable;
	dev_t dev; /* of the socket file */
	ino_t ino;

	/* client */
	uint64_t delay_ns; /* until the next attempt */
	uint64_t began_ns; /* when the last one came to something */
	int problem;       /* errno of the last that did not */
	int watcher;       /* inotify on the directory; -1: none, then the timer alone counts */
	struct event *appeared;
};

/* ---- the path --------------------------------------------------------------------------------- */

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "." for a path without directory. */
static void directory_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		(void)str_copy(out, size, ".");
	else if (slash == path)
		(void)str_copy(out, size, "/");
	else
		(void)snprintf(out, size, "%.*s", (int)(slash - path), path);
}

static int read_path(struct sockaddr_un *a, const char *path, struct xvs_error *err)
{
	char directory[sizeof(a->sun_path)];
	struct stat st;

	if (!path || !path[0])
		return error_set(err, -EINVAL, "socket",
				 "a vhost-user port needs a socket: a path");
	a->sun_family = AF_UNIX;
	if (!str_copy(a->sun_path, sizeof(a->sun_path), path))
		return error_set(err, -ENAMETOOLONG, "socket",
				 "socket %s: the path has %zu bytes, the kernel takes %zu", path,
				 strlen(path), sizeof(a->sun_path) - 1);
	directory_of(path, directory, sizeof(directory));
	if (stat(directory, &st) < 0)
		return error_set(err, -errno, "socket",
				 "socket %s: directory %s: %s; make it first", path, directory,
				 strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, -ENOTDIR, "socket", "socket %s: %s is not a directory", path,
				 directory);
	return 0;
}

static int new_socket(struct xvs_error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : error_set(err, -errno, "", "no socket: %s", strerror(errno));
}

/* 0: nobody listens there (or nothing is there); else errno of what stands in the way. */
static int try_connect(int fd, const struct sockaddr_un *a)
{
	return connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ? 0 : errno;
}

/* ---- server: making the socket ---------------------------------------------------------------- */

/* A socket that a daemon left behind when it was killed; one that is in use stays. */
static int remove_stale(const struct sockaddr_un *a, struct xvs_error *err)
{
	struct stat st;
	int probe;
	int code;

	if (lstat(a->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, -EEXIST, "socket",
				 "socket %s: there is something else of that name; remove it or "
				 "choose another path",
				 a->sun_path);
	probe = new_socket(err);
	if (probe < 0)
		return probe;
	code = try_connect(probe, a);
	(void)close(probe);
	if (code != ECONNREFUSED && code != ENOENT)
		return error_set(err, -EADDRINUSE, "socket",
				 "socket %s: another program listens there; stop it or choose "
				 "another path",
				 a->sun_path);
	if (unlink(a->sun_path) < 0 && errno != ENOENT)
		return error_set(err, -errno, "socket",
				 "socket %s is stale and cannot be removed: %s", a->sun_path,
				 strerror(errno));
	return 0;
}

/* Never open to others, not even for a moment: the kernel takes the mode of the socket itself. */
static int bind_listener(struct vhost_socket *k, struct xvs_error *err)
{
	const struct sockaddr_un *a = &k->address;
	struct stat st;

	if (fchmod(k->listener, SOCKET_MODE) < 0 ||
	    bind(k->listener, (const struct sockaddr *)a, sizeof(*a)) < 0 ||
	    chmod(a->sun_path, SOCKET_MODE) < 0 || lstat(a->sun_path, &st) < 0 ||
	    listen(k->listener, WAITING_MAX) < 0)
		return error_set(err, -errno, "socket", "socket %s: %s", a->sun_path,
				 strerror(errno));
	k->dev = st.st_dev;
	k->ino = st.st_ino;
	return 0;
}

/* ---- server: front ends ----------------------------------------------------------------------- */

static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void tell(struct vhost_socket *k, const char *what, const char *why)
{
	uint32_t missing;

	if (log_allowed(&k->limit, clock_ns(), &missing))
		log_message_at(XVS_LOG_WARN, MSG_FRONT_END, "port %s: %s: %s", k->port_name, what,
			       why);
}

static bool begin(struct vhost_socket *k, int fd)
{
	struct xvs_error err = ERROR_INIT;

	if (session_begin(k->session, fd, &err) == 0)
		return true;
	tell(k, "front end turned away", err.text);
	return false;
}

/* Without descriptors the listener would stay readable and keep the control thread busy. */
static void pause_accepting(struct vhost_socket *k)
{
	tell(k, "front ends have to wait", strerror(errno));
	(void)event_del(k->acceptable);
	loop_timer_arm(k->retry, NS_PER_S);
}

static void accept_one(struct vhost_socket *k)
{
	const int fd = accept4(k->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		pause_accepting(k);
	if (fd < 0)
		return;
	if (session_is_free(k->session)) {
		(void)begin(k, fd);
		return;
	}
	tell(k, "a second front end is turned away", "this port has one already");
	(void)close(fd);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct vhost_socket *k = arg;
	struct session *s = k->session;
	struct xvs_error left = ERROR_INIT;

	(void)fd;
	(void)what;
	if (session_is_free(s) || (s->fd >= 0 && !has_hung_up(s->fd))) {
		accept_one(k);
		return;
	}
	/* The old one goes first; the new one waits in the kernel's queue until the session is free. */
	(void)event_del(k->acceptable);
	(void)error_set(&left, -ECONNRESET, "", "it closed the connection");
	session_end(s, &left);
}

static void on_retry_accepting(void *arg)
{
	struct vhost_socket *k = arg;

	(void)event_add(k->acceptable, NULL);
}

static int listen_start(struct vhost_socket *k, struct xvs_error *err)
{
	int code = remove_stale(&k->address, err);

	if (code)
		return code;
	k->listener = new_socket(err);
	if (k->listener < 0)
		return k->listener;
	code = bind_listener(k, err);
	if (code)
		return code;
	k->retry = loop_timer_create(k->loop, on_retry_accepting, k);
	k->acceptable =
		event_new(loop_base(k->loop), k->listener, EV_READ | EV_PERSIST, on_acceptable, k);
	if (!k->retry || !k->acceptable || event_add(k->acceptable, NULL))
		return error_set(err, -ENOMEM, "", "no memory for a listening socket");
	return 0;
}

/* ---- client ----------------------------------------------------------------------------------- */

static void try_later(struct vhost_socket *k)
{
	loop_timer_arm(k->retry, k->delay_ns);
	k->delay_ns = 2 * k->delay_ns < DELAY_MAX_NS ? 2 * k->delay_ns : DELAY_MAX_NS;
}

static void on_retry_connecting(void *arg)
{
	struct vhost_socket *k = arg;
	int fd;

	if (!session_is_free(k->session))
		return;
	fd = new_socket(NULL);
	k->problem = fd < 0 ? errno : try_connect(fd, &k->address);
	if (k->problem) {
		if (fd >= 0)
			(void)close(fd);
		try_later(k);
		return;
	}
	k->began_ns = clock_ns();
	if (!begin(k, fd))
		try_later(k);
}

static bool names_our_file(const struct vhost_socket *k, const char *bytes, ssize_t len)
{
	const char *name = file_name(k->address.sun_path);
	ssize_t at = 0;

	while (at + (ssize_t)sizeof(struct inotify_event) <= len) {
		struct inotify_event e;

		memcpy(&e, bytes + at, sizeof(e));
		at += (ssize_t)sizeof(e);
		if ((e.mask & IN_Q_OVERFLOW) || (e.len > 0 && strcmp(bytes + at, name) == 0))
			return true;
		at += (ssize_t)e.len;
	}
	return false;
}

/* Between the file's appearance and listen() it still refuses: so in quick steps again. */
static void on_appeared(evutil_socket_t fd, short what, void *arg)
{
	struct vhost_socket *k = arg;
	char bytes[4096];
	const ssize_t len = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (len <= 0 || !names_our_file(k, bytes, len) || !session_is_free(k->session))
		return;
	k->delay_ns = DELAY_MIN_NS;
	on_retry_connecting(k);
}

/* Where there is no inotify left, the timer finds the file, somewhat later. */
static void watch_directory(struct vhost_socket *k)
{
	char directory[sizeof(k->address.sun_path)];

	directory_of(k->address.sun_path, directory, sizeof(directory));
	k->watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (k->watcher < 0)
		return;
	if (inotify_add_watch(k->watcher, directory, IN_CREATE | IN_MOVED_TO) >= 0)
		k->appeared = event_new(loop_base(k->loop), k->watcher, EV_READ | EV_PERSIST,
					on_appeared, k);
	if (k->appeared)
		(void)event_add(k->appeared, NULL);
}

static int connect_start(struct vhost_socket *k, struct xvs_error *err)
{
	k->retry = loop_timer_create(k->loop, on_retry_connecting, k);
	if (!k->retry)
		return error_set(err, -ENOMEM, "", "no memory for a timer");
	k->delay_ns = DELAY_MIN_NS;
	watch_directory(k);
	on_retry_connecting(k);
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------- */

int vhost_socket_open(const struct backend_config *c, struct loop *loop, struct session *s,
		      struct vhost_socket **out, struct xvs_error *err)
{
	struct vhost_socket *k = calloc(1, sizeof(*k));
	int code;

	if (!k)
		return error_set(err, -ENOMEM, "", "no memory for a socket");
	k->loop = loop;
	k->session = s;
	k->is_client = c->is_client;
	k->listener = -1;
	k->watcher = -1;
	(void)str_copy(k->port_name, sizeof(k->port_name), c->port_name);
	*out = k; /* a front end may come, and go, before we return */
	code = read_path(&k->address, c->socket, err);
	if (!code)
		code = k->is_client ? connect_start(k, err) : listen_start(k, err);
	if (code) {
		*out = NULL;
		vhost_socket_close(k);
	}
	return code;
}

static void remove_ours(const struct vhost_socket *k)
{
	struct stat st;

	if (lstat(k->address.sun_path, &st) == 0 && st.st_dev == k->dev && st.st_ino == k->ino)
		(void)unlink(k->address.sun_path);
}

void vhost_socket_close(struct vhost_socket *k)
{
	if (!k)
		return;
	loop_timer_destroy(k->retry);
	if (k->appeared)
		event_free(k->appeared);
	if (k->watcher >= 0)
		(void)close(k->watcher);
	if (k->acceptable)
		event_free(k->acceptable);
	if (k->ino)
		remove_ours(k);
	if (k->listener >= 0)
		(void)close(k->listener);
	free(k);
}

void vhost_socket_next(struct vhost_socket *k)
{
	if (!k->is_client) {
		(void)event_add(k->acceptable, NULL);
		return;
	}
	/* One that takes us and throws us out again is not asked a thousand times a second. */
	if (clock_ns() - k->began_ns >= NS_PER_S)
		k->delay_ns = DELAY_MIN_NS;
	try_later(k);
}

void vhost_socket_print(const struct vhost_socket *k, char *out, size_t size)
{
	if (!k->is_client)
		(void)snprintf(out, size, "listening");
	else if (k->problem)
		(void)snprintf(out, size, "connecting: %s", strerror(k->problem));
	else
		(void)snprintf(out, size, "connecting");
}
