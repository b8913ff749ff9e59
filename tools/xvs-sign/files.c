/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-sign/files.c - files, read and written as a whole. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 256 << 20 };

int complain(const char *file, const char *why)
{
	(void)fprintf(stderr, "xvs-sign: %s: %s\n", file, why);
	return EXIT_FAILURE;
}

static bool read_whole(int fd, struct bytes *out)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		return false;
	}
	out->at = malloc((size_t)st.st_size + 1);
	while (out->at && out->len < (size_t)st.st_size) {
		ssize_t n = read(fd, out->at + out->len, (size_t)st.st_size - out->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		out->len += (size_t)n;
	}
	return out->at != NULL;
}

int read_file(const char *name, struct bytes *out)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool is_read;

	*out = (struct bytes){ NULL, 0 };
	if (fd < 0)
		return complain(name, strerror(errno));
	errno = 0;
	is_read = read_whole(fd, out);
	(void)close(fd);
	if (is_read)
		return 0;
	free(out->at);
	*out = (struct bytes){ NULL, 0 };
	return complain(name, strerror(errno));
}

int write_file(const char *name, const struct bytes *bytes, mode_t mode, bool is_new)
{
	char wip[NAME_MOST];
	int fd = -1;

	if (snprintf(wip, sizeof(wip), "%s%s", name, is_new ? "" : ".new") >= (int)sizeof(wip))
		return complain(name, "its name is too long");
	fd = open(wip, O_WRONLY | O_CREAT | O_CLOEXEC | (is_new ? O_EXCL : O_TRUNC), mode);
	if (fd < 0)
		return complain(wip, strerror(errno));
	errno = 0;
	if (write(fd, bytes->at, bytes->len) != (ssize_t)bytes->len || close(fd) ||
	    (!is_new && rename(wip, name))) {
		int why = errno ? errno : ENOSPC;

		(void)unlink(wip);
		return complain(wip, strerror(why));
	}
	return 0;
}

bool beside(const char *name, const char *end, char out[NAME_MOST])
{
	return snprintf(out, NAME_MOST, "%s%s", name, end) < NAME_MOST;
}
