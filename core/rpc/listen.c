/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/listen.c - making the control socket.
 *
 * The state directory's lock keeps two daemons of one configuration apart; here it is only asked
 * whether somebody else answers at this path.
 */
#include "rpc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"

/* A burst of callers: who does not wait in connect() is refused by the kernel when it is full. */
enum { BACKLOG = 128 };

static int address_make(const char *path, struct sockaddr_un *out, struct xvs_error *err)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (!str_copy(out->sun_path, sizeof(out->sun_path), path))
		return error_set(err, -ENAMETOOLONG, "",
				 "control socket %s: the name is longer than %zu bytes", path,
				 sizeof(out->sun_path) - 1);
	return 0;
}

/* One level: /run/xvs is ours to make, /run is not. */
static int folder_make(const char *path, struct xvs_error *err)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	(void)str_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	if (mkdir(folder, 0755) && errno != EEXIST)
		return error_set(err, -errno, "", "control socket %s: no folder %s: %s", path,
				 folder, strerror(errno));
	return 0;
}

static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered;

	if (fd < 0)
		return false;
	/* EAGAIN: its queue is full, so somebody is there. */
	answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		   errno == EAGAIN;
	(void)close(fd);
	return answered;
}

/* What lies at the path goes if it is a socket of nobody. */
static int path_clear(const struct sockaddr_un *address, struct xvs_error *err)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, -EEXIST, "",
				 "control socket %s: a file of another kind is there, remove it",
				 path);
	if (is_answered(address))
		return error_set(err, -EADDRINUSE, "",
				 "control socket %s: another daemon listens there, use --socket",
				 path);
	if (unlink(path))
		return error_set(err, -errno, "",
				 "control socket %s: an old one cannot be removed: %s", path,
				 strerror(errno));
	return 0;
}

int listen_prepare(const char *path, struct xvs_error *err)
{
	struct sockaddr_un address;
	int code = address_make(path, &address, err);

	if (code == 0)
		code = folder_make(path, err);
	return code ? code : path_clear(&address, err);
}

/* Not the file of somebody who has put a link in its place meanwhile. */
static int mode_open(const char *path)
{
	return fchmodat(AT_FDCWD, path, 0666, AT_SYMLINK_NOFOLLOW);
}

int listen_open(const char *path, int *out, struct xvs_error *err)
{
	struct sockaddr_un address;
	int code = listen_prepare(path, err);
	int fd;

	if (code == 0)
		code = address_make(path, &address, err);
	if (code)
		return code;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, -errno, "", "control socket: %s", strerror(errno));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || mode_open(path) ||
	    listen(fd, BACKLOG)) {
		code = error_set(err, -errno, "", "control socket %s: %s", path, strerror(errno));
		(void)close(fd);
		return code;
	}
	*out = fd;
	return 0;
}

void listen_close(int fd, const char *path)
{
	struct sockaddr_un address;
	struct xvs_error err = ERROR_INIT;

	(void)close(fd);
	/* Somebody who has taken the path over since answers there; ours is a socket of nobody now. */
	if (address_make(path, &address, &err) == 0)
		(void)path_clear(&address, &err);
}
