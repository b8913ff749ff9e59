/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/file.c - reading a file whole.
 *
 * By read(2), not by mmap(2): a mapped file that somebody truncates ends the process by SIGBUS.
 */
#include "ext/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int size_check(const struct stat *st, struct xvs_error *err)
{
	if (!S_ISREG(st->st_mode))
		return error_set(err, -EINVAL, "", "is not a regular file");
	if (st->st_size == 0)
		return error_set(err, -ENOEXEC, "", "is empty");
	if (st->st_size > FILE_BYTES_MAX)
		return error_set(err, -EFBIG, "", "has %lld bytes, at most %d are read",
				 (long long)st->st_size, (int)FILE_BYTES_MAX);
	return 0;
}

/* Fills 'bytes' as far as the file goes; *size becomes what there was. */
static int read_all(int fd, unsigned char *bytes, size_t *size)
{
	size_t done = 0;

	while (done < *size) {
		ssize_t n = pread(fd, bytes + done, *size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*size = done;
	return 0;
}

int file_read(int fd, void **bytes, size_t *size, struct xvs_error *err)
{
	struct stat st;
	size_t len;
	void *copy;
	int code;

	if (fstat(fd, &st))
		return error_set(err, -errno, "", "cannot be read: %s", strerror(errno));
	code = size_check(&st, err);
	if (code)
		return code;
	len = (size_t)st.st_size;
	copy = malloc(len);
	if (!copy)
		return error_set(err, -ENOMEM, "", "cannot be read: out of memory");
	code = read_all(fd, copy, &len);
	if (code) {
		free(copy);
		return error_set(err, code, "", "cannot be read: %s", strerror(-code));
	}
	*bytes = copy;
	*size = len;
	return 0;
}

int file_read_path(const char *path, void **bytes, size_t *size, struct xvs_error *err)
{
	/* O_NONBLOCK: a FIFO of this name must not hold the control thread. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int code;

	if (fd < 0)
		return error_set(err, -errno, "", "cannot be opened: %s", strerror(errno));
	code = file_read(fd, bytes, size, err);
	(void)close(fd);
	return code;
}
