/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/journal.c - the lock, and the journal's file: read, appended to, written anew.
 *
 * Each record replaces older ones of its kind, so the file is written anew with the newest ones
 * alone when most of it is old: under another name, synced, renamed, and the directory synced.
 */
#include "control/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

enum {
	SMALL = 1 << 20, /* a file below this is not worth writing anew */
	MOSTLY_OLD = 4,  /* times what counts */
	JOURNAL_BYTES_MAX = 1 << 30,
};

struct journal {
	char dir[PATH_MAX];
	int dir_fd;
	int lock_fd;
	int fd; /* -1: none yet, or given up: the next put writes anew */
	size_t end;
	uint64_t sequence;
	char *text[RECORD_KINDS]; /* the newest of each kind */
	size_t len[RECORD_KINDS];
};

/* ---- the lock -------------------------------------------------------------------------------------- */

static int lock_refuse(const struct journal *j, struct xvs_error *err)
{
	char pid[24] = "";
	ssize_t len = pread(j->lock_fd, pid, sizeof(pid) - 1, 0);

	pid[len < 0 ? 0 : len] = '\0';
	pid[strcspn(pid, "\n")] = '\0';
	return error_set(
		err, -EBUSY, "",
		"state directory %s: the daemon with pid %s uses it, give this one another by --state",
		j->dir, pid[0] ? pid : "?");
}

static int lock_take(struct journal *j, struct xvs_error *err)
{
	j->lock_fd = openat(j->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (j->lock_fd < 0)
		return error_set(err, -errno, "", "state directory %s: no lock file: %s", j->dir,
				 strerror(errno));
	if (flock(j->lock_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? lock_refuse(j, err)
					    : error_set(err, -errno, "",
							"state directory %s: cannot be locked: %s",
							j->dir, strerror(errno));
	/* For the message above only: if it cannot be written, that says "?". */
	if (ftruncate(j->lock_fd, 0) == 0)
		(void)dprintf(j->lock_fd, "%ld\n", (long)getpid());
	return 0;
}

static int dir_open(struct journal *j, struct xvs_error *err)
{
	if (mkdir(j->dir, 0700) && errno != EEXIST)
		return error_set(err, -errno, "", "state directory %s: cannot be made: %s", j->dir,
				 strerror(errno));
	j->dir_fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0)
		return error_set(err, -errno, "", "state directory %s: %s", j->dir,
				 strerror(errno));
	return 0;
}

/* ---- writing --------------------------------------------------------------------------------------- */

static int write_all(int fd, const void *bytes, size_t len, off_t at)
{
	const char *from = bytes;

	while (len > 0) {
		ssize_t written = pwrite(fd, from, len, at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		from += written;
		at += written;
		len -= (size_t)written;
	}
	return 0;
}

/* At 'at'; *size is what it took. */
static int record_write(int fd, const struct record *r, size_t at, size_t *size)
{
	uint8_t head[RECORD_HEAD];
	int code;

	if (!record_head(r, head))
		return -EFBIG;
	code = write_all(fd, head, sizeof(head), (off_t)at);
	if (code == 0)
		code = write_all(fd, r->bytes, r->len, (off_t)(at + sizeof(head)));
	if (code == 0)
		*size = sizeof(head) + r->len;
	return code;
}

static int newest_write(struct journal *j, int fd, size_t *end)
{
	*end = 0;
	for (int kind = 1; kind < RECORD_KINDS; kind++) {
		struct record r = { (enum record_kind)kind, j->sequence + 1,
				    (const uint8_t *)j->text[kind], j->len[kind] };
		size_t size;
		int code;

		if (!r.bytes)
			continue;
		code = record_write(fd, &r, *end, &size);
		if (code)
			return code;
		j->sequence++;
		*end += size;
	}
	return fsync(fd) ? -errno : 0;
}

/* The newest records alone, in a new file in place of the old one. */
static int journal_renew(struct journal *j)
{
	int fd = openat(j->dir_fd, "journal.new",
			O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t end;
	int code;

	if (fd < 0)
		return -errno;
	code = newest_write(j, fd, &end);
	if (code == 0 && renameat(j->dir_fd, "journal.new", j->dir_fd, "journal"))
		code = -errno;
	if (code) {
		(void)unlinkat(j->dir_fd, "journal.new", 0);
		(void)close(fd);
		return code;
	}
	if (j->fd >= 0)
		(void)close(j->fd);
	j->fd = fd;
	j->end = end;
	return fsync(j->dir_fd) ? -errno : 0;
}

static int journal_append(struct journal *j, const struct record *r)
{
	size_t size;
	int code = record_write(j->fd, r, j->end, &size);
	bool is_written = code == 0;

	if (is_written && fdatasync(j->fd))
		code = -errno;
	if (code == 0) {
		j->end += size;
		return 0;
	}
	/*
	 * Half a record must not stay: the next one is written behind it.  What a sync could not
	 * write, older records too, the kernel may have given up: then all goes into a new file.
	 */
	if (ftruncate(j->fd, (off_t)j->end) || is_written) {
		(void)close(j->fd);
		j->fd = -1;
	}
	return code;
}

static size_t size_of_newest(const struct journal *j)
{
	size_t size = 0;

	for (int kind = 1; kind < RECORD_KINDS; kind++)
		size += j->text[kind] ? RECORD_HEAD + j->len[kind] : 0;
	return size;
}

static bool is_mostly_old(const struct journal *j)
{
	return j->end > SMALL && j->end / MOSTLY_OLD > size_of_newest(j);
}

static char *text_copy(const void *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

int journal_put(struct journal *j, enum record_kind kind, const char *text, size_t len,
		struct xvs_error *err)
{
	char *copy = text_copy(text, len);
	char *old = j->text[kind];
	size_t old_len = j->len[kind];
	struct record r = { kind, j->sequence + 1, (const uint8_t *)copy, len };
	int code;

	if (!copy)
		return error_set(err, -ENOMEM, "", "state directory %s: out of memory", j->dir);
	j->text[kind] = copy;
	j->len[kind] = len;
	if (j->fd < 0 || is_mostly_old(j)) {
		code = journal_renew(j);
	} else {
		code = journal_append(j, &r);
		j->sequence++;
	}
	if (code) {
		j->text[kind] = old;
		j->len[kind] = old_len;
		free(copy);
		return error_set(err, code, "",
				 "state directory %s: the journal cannot be written: %s", j->dir,
				 strerror(-code));
	}
	free(old);
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* *bytes is NULL for a file that is empty or not there. */
static int file_read(const struct journal *j, uint8_t **bytes, size_t *size)
{
	struct stat st;
	uint8_t *room = NULL;
	size_t got = 0;
	int code = 0;

	if (j->fd < 0)
		return 0;
	if (fstat(j->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > JOURNAL_BYTES_MAX)
		return -EFBIG;
	room = malloc((size_t)st.st_size + 1);
	if (!room)
		return -ENOMEM;
	while (got < (size_t)st.st_size) {
		ssize_t len = pread(j->fd, room + got, (size_t)st.st_size - got, (off_t)got);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0) {
			code = len < 0 ? -errno : -EIO;
			break;
		}
		got += (size_t)len;
	}
	if (code) {
		free(room);
		return code;
	}
	*bytes = room;
	*size = got;
	return 0;
}

static int newest_keep(struct journal *j, const struct record_scan *s)
{
	for (int kind = 1; kind < RECORD_KINDS; kind++) {
		const struct record *r = &s->newest[kind];

		if (!r->bytes)
			continue;
		j->text[kind] = text_copy(r->bytes, r->len);
		if (!j->text[kind])
			return -ENOMEM;
		j->len[kind] = r->len;
	}
	j->sequence = s->sequence;
	j->end = s->end;
	return 0;
}

/* The damaged file gets a name of its own; a new one is written. */
static int set_aside(struct journal *j, const struct record_scan *s, char *warning, size_t size)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "journal.damaged-%lld", (long long)time(NULL));
	if (renameat(j->dir_fd, "journal", j->dir_fd, name))
		return -errno;
	(void)snprintf(
		warning, size,
		"state directory %s: the journal is damaged at byte %zu; what is whole in it is used, and it is kept as %s",
		j->dir, s->damaged_at, name);
	return journal_renew(j);
}

static int tail_cut(struct journal *j, char *warning, size_t size)
{
	(void)snprintf(
		warning, size,
		"state directory %s: the last record of the journal was not whole and is dropped",
		j->dir);
	return ftruncate(j->fd, (off_t)j->end) || fsync(j->fd) ? -errno : 0;
}

static int journal_load(struct journal *j, char *warning, size_t size, struct xvs_error *err)
{
	struct record_scan s = { .end = 0 };
	uint8_t *bytes = NULL;
	size_t len = 0;
	int code;

	j->fd = openat(j->dir_fd, "journal", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0 && errno != ENOENT)
		code = -errno;
	else
		code = file_read(j, &bytes, &len);
	if (code == 0) {
		record_scan(bytes, len, &s);
		code = newest_keep(j, &s);
	}
	free(bytes);
	if (code == 0 && s.is_damaged)
		code = set_aside(j, &s, warning, size);
	else if (code == 0 && s.is_torn)
		code = tail_cut(j, warning, size);
	if (code)
		return error_set(err, code, "",
				 "state directory %s: the journal cannot be used: %s", j->dir,
				 strerror(-code));
	return 0;
}

int journal_open(const char *dir, struct journal **out, char *warning, size_t size,
		 struct xvs_error *err)
{
	struct journal *j = calloc(1, sizeof(*j));
	int code;

	if (!j)
		return error_set(err, -ENOMEM, "", "state directory %s: out of memory", dir);
	j->dir_fd = -1;
	j->lock_fd = -1;
	j->fd = -1;
	warning[0] = '\0';
	if (str_copy(j->dir, sizeof(j->dir), dir))
		code = dir_open(j, err);
	else
		code = error_set(err, -ENAMETOOLONG, "", "state directory: its name is too long");
	if (code == 0)
		code = lock_take(j, err);
	if (code == 0)
		code = journal_load(j, warning, size, err);
	if (code) {
		journal_close(j);
		return code;
	}
	*out = j;
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	for (int kind = 1; kind < RECORD_KINDS; kind++)
		free(j->text[kind]);
	if (j->fd >= 0)
		(void)close(j->fd);
	if (j->lock_fd >= 0)
		(void)close(j->lock_fd); /* and with it the lock */
	if (j->dir_fd >= 0)
		(void)close(j->dir_fd);
	free(j);
}

const char *journal_get(const struct journal *j, enum record_kind kind, size_t *len)
{
	if (j->text[kind] && len)
		*len = j->len[kind];
	return j->text[kind];
}
