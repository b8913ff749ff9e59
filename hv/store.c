/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/store.c - folders of machines; files that are replaced whole.
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

struct store {
	char dir[PATH_MAX / 2];
	int lock;
};

static int folder_make(const char *path, mode_t mode, struct xvs_error *err)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	return error_set(err, -errno, "", "folder %s: %s", path, strerror(errno));
}

int store_open(const char *dir, struct store **out, struct xvs_error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];
	int code;

	if (!s)
		return error_set(err, -ENOMEM, "", "out of memory");
	s->lock = -1;
	(void)str_copy(s->dir, sizeof(s->dir), dir);
	/* QEMU's user has to get through to its disks, and to see nothing on the way. */
	code = folder_make(dir, 0711, err);
	(void)snprintf(path, sizeof(path), "%s/vms", s->dir);
	if (code == 0)
		code = folder_make(path, 0711, err);
	(void)snprintf(path, sizeof(path), "%s/lock", s->dir);
	if (code == 0) {
		s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (s->lock < 0)
			code = error_set(err, -errno, "", "%s: %s", path, strerror(errno));
		else if (flock(s->lock, LOCK_EX | LOCK_NB))
			code = error_set(err, -EBUSY, "",
					 "state directory %s: another xvs-hv has it", dir);
	}
	if (code)
		store_close(s);
	else
		*out = s;
	return code;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s);
}

/* ---- folders ---------------------------------------------------------------------------------- */

void store_folder(const struct store *s, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/vms/%s", s->dir, name);
}

int store_make(const struct store *s, const char *name, uid_t uid, gid_t gid, struct xvs_error *err)
{
	char path[PATH_MAX];
	size_t len;
	int code;

	store_folder(s, name, path, sizeof(path));
	code = folder_make(path, 0711, err);
	len = strlen(path);
	(void)snprintf(path + len, sizeof(path) - len, "/disks");
	if (code == 0)
		code = folder_make(path, 0700, err);
	if (code == 0 && geteuid() == 0 && chown(path, uid, gid))
		code = error_set(err, -errno, "", "folder %s: %s", path, strerror(errno));
	return code;
}

void store_unmake(const struct store *s, const char *name)
{
	char path[PATH_MAX];
	size_t len;

	store_folder(s, name, path, sizeof(path));
	len = strlen(path);
	(void)snprintf(path + len, sizeof(path) - len, "/state.json");
	(void)unlink(path);
	(void)snprintf(path + len, sizeof(path) - len, "/disks");
	(void)rmdir(path);
	path[len] = '\0';
	(void)rmdir(path);
}

/* NOLINTNEXTLINE(misc-no-recursion): 'depth' bounds it. */
static int folder_remove(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int code = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir)) && code == 0) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		code = errno == EISDIR && depth > 0 ? folder_remove(fd, e->d_name, depth - 1)
						    : -errno;
	}
	(void)closedir(dir);
	if (code == 0 && unlinkat(parent, name, AT_REMOVEDIR))
		code = -errno;
	return code;
}

int store_remove(const struct store *s, const char *name, struct xvs_error *err)
{
	char path[PATH_MAX];
	int code;

	store_folder(s, name, path, sizeof(path));
	code = folder_remove(AT_FDCWD, path, 1);
	return code ? error_set(err, code, "", "folder %s: %s", path, strerror(-code)) : 0;
}

int store_each(const struct store *s, const char *file, void (*found)(void *arg, const char *name),
	       void *arg, struct xvs_error *err)
{
	char path[PATH_MAX];
	const struct dirent *e;
	struct stat st;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/vms", s->dir);
	dir = opendir(path);
	if (!dir)
		return error_set(err, -errno, "", "folder %s: %s", path, strerror(errno));
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/vms/%s/%s", s->dir, e->d_name, file);
		if (stat(path, &st) == 0)
			found(arg, e->d_name);
	}
	(void)closedir(dir);
	return 0;
}

/* ---- files ------------------------------------------------------------------------------------ */

static void file_path(const struct store *s, const char *name, const char *file, char *out,
		      size_t size)
{
	(void)snprintf(out, size, "%s/vms/%s/%s", s->dir, name, file);
}

json_t *store_read(const struct store *s, const char *name, const char *file, struct xvs_error *err)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *value;
	FILE *f;

	file_path(s, name, file, path, sizeof(path));
	f = fopen(path, "re");
	if (!f) {
		if (errno == ENOENT)
			err->code = 0;
		else
			(void)error_set(err, -errno, "", "%s: %s", path, strerror(errno));
		return NULL;
	}
	value = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	(void)fclose(f);
	if (!value)
		(void)error_set(err, -EINVAL, "", "%s: %s on line %d", path, error.text,
				error.line);
	return value;
}

static int bytes_write(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
		}
	}
	return fsync(fd) ? -errno : 0;
}

static int folder_sync(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int code;
	int fd;

	(void)str_copy(folder, sizeof(folder), path);
	slash = strrchr(folder, '/');
	if (!slash)
		return 0;
	*slash = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	code = fsync(fd) ? -errno : 0;
	(void)close(fd);
	return code;
}

int file_replace(const char *path, const void *bytes, size_t len, struct xvs_error *err)
{
	char other[PATH_MAX];
	int code;
	int fd;

	(void)snprintf(other, sizeof(other), "%s.new", path);
	fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, -errno, "", "%s: %s", other, strerror(errno));
	code = bytes_write(fd, bytes, len);
	(void)close(fd);
	if (code == 0 && rename(other, path))
		code = -errno;
	if (code) {
		(void)unlink(other);
		return error_set(err, code, "", "%s: it cannot be written: %s", path,
				 strerror(-code));
	}
	code = folder_sync(path);
	return code ? error_set(err, code, "", "%s: its folder: %s", path, strerror(-code)) : 0;
}

int store_write(const struct store *s, const char *name, const char *file, const json_t *value,
		struct xvs_error *err)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2)) : NULL;
	char path[PATH_MAX];
	int code;

	if (!text)
		return error_set(err, -ENOMEM, "", "out of memory");
	file_path(s, name, file, path, sizeof(path));
	code = file_replace(path, text, strlen(text), err);
	free(text);
	return code;
}

int store_remove_file(const struct store *s, const char *name, const char *file,
		      struct xvs_error *err)
{
	char path[PATH_MAX];

	file_path(s, name, file, path, sizeof(path));
	if (unlink(path) && errno != ENOENT)
		return error_set(err, -errno, "", "%s: it cannot be removed: %s", path,
				 strerror(errno));
	folder_sync(path);
	return 0;
}
