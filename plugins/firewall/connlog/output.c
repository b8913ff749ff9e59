/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void output_init(struct output *o)
{
	o->fd = -1;
	o->used = 0;
	o->path[0] = '\0';
}

static void close_file(struct output *o)
{
	if (o->fd >= 0)
		(void)close(o->fd);
	o->fd = -1;
}

void output_finish(struct output *o)
{
	(void)output_flush(o);
	close_file(o);
}

/* Is what we write to still what the name stands for? */
static bool is_in_place(const struct output *o, const char *path)
{
	struct stat ours;
	struct stat there;

	return o->fd >= 0 && strcmp(o->path, path) == 0 && fstat(o->fd, &ours) == 0 &&
	       lstat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

static int open_file(struct output *o, const char *path)
{
	struct stat st;

	close_file(o);
	o->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		     0640);
	if (o->fd < 0)
		return -errno;
	if (fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close_file(o);
		return -EINVAL;
	}
	(void)snprintf(o->path, sizeof(o->path), "%s", path);
	o->size = (uint64_t)st.st_size;
	return 0;
}

int output_open(struct output *o, const char *path, uint64_t max_bytes)
{
	o->max_bytes = max_bytes;
	if (is_in_place(o, path))
		return 0;
	(void)output_flush(o); /* to the old one */
	return open_file(o, path);
}

int output_flush(struct output *o)
{
	size_t done = 0;

	while (o->fd >= 0 && done < o->used) {
		ssize_t n = write(o->fd, o->buffer + done, o->used - done);
		int error = errno;

		if (n < 0 && error == EINTR)
			continue;
		if (n < 0) {
			o->used = 0;
			if (ftruncate(o->fd, (off_t)o->size) < 0)
				close_file(
					o); /* it ends in half a line, so nothing is put behind that */
			return -error;
		}
		done += (size_t)n;
	}
	o->size += done;
	o->used = 0;
	return 0;
}

static int turn_over(struct output *o)
{
	char old[OUTPUT_PATH + 8];
	char path[OUTPUT_PATH];
	int result = output_flush(o);

	(void)snprintf(old, sizeof(old), "%s.1", o->path);
	if (result == 0 && rename(o->path, old) < 0)
		result = -errno;
	if (result < 0)
		return result;
	memcpy(path, o->path, sizeof(path));
	return open_file(o, path);
}

int output_add(struct output *o, const char *line, size_t len)
{
	int result = 0;

	if (o->fd < 0)
		return -EBADF;
	if (o->max_bytes && o->size + o->used + len > o->max_bytes && o->size + o->used > 0)
		result = turn_over(o);
	if (result == 0 && o->used + len > sizeof(o->buffer))
		result = output_flush(o);
	if (result < 0)
		return result;
	memcpy(o->buffer + o->used, line, len);
	o->used += len;
	return 0;
}
