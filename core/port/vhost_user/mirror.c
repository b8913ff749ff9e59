/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/mirror.c - the file that ring positions are in.
 *
 * It is sparse: there is room for every worker there may ever be, so that another number of
 * workers finds what the last daemon left, and only what those workers use takes memory.
 */
#include "port/vhost_user/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/vhost_user/device.h"

enum { MIRROR_VERSION = 1, PATH_BYTES = 512 };
#define MIRROR_MAGIC UINT64_C(0x73676e6972737678) /* "xvsrings" */

struct mirror_file {
	uint64_t magic;
	uint32_t version;
	uint32_t mark_bytes;
	uint8_t reserved[48];
	struct vhost_mark marks[];
};

struct vhost_mirror {
	struct mirror_file *file;
	size_t size;
	uint32_t rings;
};

_Static_assert(sizeof(struct vhost_mark) % 64 == 0, "marks start cache lines");

static size_t size_for(uint32_t rings)
{
	return sizeof(struct mirror_file) + rings * sizeof(struct vhost_mark);
}

static bool is_ours(const struct mirror_file *f)
{
	return f->magic == MIRROR_MAGIC && f->version == MIRROR_VERSION &&
	       f->mark_bytes == sizeof(struct vhost_mark);
}

/* What will be written: a full /run is an error here, not a SIGBUS of a worker. */
static int allocate(int fd, const struct vhost_mirror *m, uint32_t workers)
{
	const size_t bytes =
		offsetof(struct vhost_mark, taken) + workers * sizeof(struct vhost_taken);
	int code = 0;

	for (uint32_t i = 0; i < m->rings && !code; i++)
		code = posix_fallocate(fd, (off_t)size_for(i), (off_t)bytes);
	return -code;
}

/* Cutting it to nothing first leaves zeros everywhere. */
static int begin_anew(int fd, struct vhost_mirror *m)
{
	if (ftruncate(fd, 0) || ftruncate(fd, (off_t)m->size))
		return -errno;
	m->file->mark_bytes = sizeof(struct vhost_mark);
	m->file->version = MIRROR_VERSION;
	m->file->magic = MIRROR_MAGIC;
	return 0;
}

static int grow(int fd, size_t size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size < size && ftruncate(fd, (off_t)size))
		return -errno;
	return 0;
}

static int map_file(int fd, struct vhost_mirror *m, uint32_t workers)
{
	int code = grow(fd, m->size);

	if (code)
		return code;
	m->file = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->file == MAP_FAILED)
		return -errno;
	code = is_ours(m->file) ? 0 : begin_anew(fd, m);
	if (!code)
		code = allocate(fd, m, workers);
	if (code)
		(void)munmap(m->file, m->size);
	return code;
}

static int open_file(const char *path, struct vhost_mirror *m, uint32_t workers)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code;

	if (fd < 0)
		return -errno;
	code = map_file(fd, m, workers);
	(void)close(fd);
	return code;
}

static int map_private(struct vhost_mirror *m)
{
	m->file = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return m->file == MAP_FAILED ? -errno : 0;
}

static int folder_path(const char *state_dir, char path[PATH_BYTES])
{
	const int len = snprintf(path, PATH_BYTES, "%s/vhost", state_dir);

	return len < 0 || len >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int file_path(const char *state_dir, const char *port, char path[PATH_BYTES])
{
	const int len = snprintf(path, PATH_BYTES, "%s/vhost/%s.rings", state_dir, port);

	if (strchr(port, '/'))
		return -EINVAL;
	return len < 0 || len >= PATH_BYTES ? -ENAMETOOLONG : 0;
}

static int make_path(const char *state_dir, const char *port, char path[PATH_BYTES])
{
	const int code = folder_path(state_dir, path);

	if (code)
		return code;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	return file_path(state_dir, port, path);
}

static int mirror_map(const char *state_dir, const char *port, uint32_t workers,
		      struct vhost_mirror *m)
{
	char path[PATH_BYTES];
	int code;

	if (!state_dir)
		return map_private(m);
	code = make_path(state_dir, port, path);
	return code ? code : open_file(path, m, workers);
}

int vhost_mirror_open(const char *state_dir, const char *port, uint32_t rings, uint32_t workers,
		      struct vhost_mirror **out, struct xvs_error *err)
{
	struct vhost_mirror *m;
	int code = -EINVAL;

	if (workers > WORKERS_MAX || rings > VHOST_RINGS_MAX)
		return error_set(err, code, "", "port %s: too many queues or workers", port);
	m = calloc(1, sizeof(*m));
	if (!m)
		return error_set(err, -ENOMEM, "", "port %s: no memory left", port);
	m->rings = rings;
	m->size = size_for(rings);
	code = mirror_map(state_dir, port, workers, m);
	if (code) {
		free(m);
		return error_set(err, code, "",
				 "port %s: ring positions cannot be kept in %s/vhost: %s", port,
				 state_dir ? state_dir : "", strerror(-code));
	}
	*out = m;
	return 0;
}

void vhost_mirror_close(struct vhost_mirror *m)
{
	if (!m)
		return;
	(void)munmap(m->file, m->size);
	free(m);
}

void vhost_mirror_remove(const char *state_dir, const char *port)
{
	char path[PATH_BYTES];

	if (file_path(state_dir, port, path) == 0)
		(void)unlink(path);
	if (folder_path(state_dir, path) == 0)
		(void)rmdir(path);
}

static bool says_nothing(int fd)
{
	const size_t at = offsetof(struct vhost_mark, is_valid);
	uint32_t is_valid = 0;
	struct mirror_file head;
	uint32_t nr = 0;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || !is_ours(&head))
		return false;
	while (nr < VHOST_RINGS_MAX && !is_valid &&
	       pread(fd, &is_valid, sizeof(is_valid), (off_t)(size_for(nr) + at)) ==
		       sizeof(is_valid))
		nr++;
	return !is_valid;
}

bool vhost_mirror_is_blank(const char *state_dir, const char *port)
{
	char path[PATH_BYTES];
	bool is_blank;
	int fd;

	if (file_path(state_dir, port, path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	is_blank = says_nothing(fd);
	(void)close(fd);
	return is_blank;
}

struct vhost_mark *vhost_mirror_mark(struct vhost_mirror *m, uint32_t ring)
{
	return &m->file->marks[ring];
}
