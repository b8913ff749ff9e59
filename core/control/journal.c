/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/journal.c - the lock, and the journal's file: read, appended to, written anew.
 *
 * Records that were forgotten stay in the file, so it is written anew with the others alone when
 * most of it is old: under another name, synced, renamed, and the directory synced.
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
	ITEMS_MAX = 4,   /* put together */
	JOURNAL_BYTES_MAX = 1 << 30,
};

/* A record in the file. */
struct place {
	enum record_kind kind;
	uint64_t sequence;
	size_t at;
	size_t len; /* with its head */
};

struct places {
	struct place *items;
	size_t count;
};

struct journal {
	char dir[PATH_MAX];
	int dir_fd;
	int lock_fd;
	int fd;           /* -1: none yet */
	bool is_given_up; /* the next put writes anew */
	size_t end;
	uint64_t sequence;
	struct places places;     /* what is kept, oldest first */
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

/* ---- what is kept ---------------------------------------------------------------------------------- */

static int place_add(struct places *p, const struct place *place)
{
	struct place *grown = reallocarray(p->items, p->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	p->items = grown;
	p->items[p->count++] = *place;
	return 0;
}

static struct place *place_find(const struct journal *j, uint64_t sequence)
{
	for (size_t i = j->places.count; i-- > 0;)
		if (j->places.items[i].sequence == sequence)
			return &j->places.items[i];
	return NULL;
}

static void place_drop(struct places *p, const struct place *place)
{
	size_t idx = (size_t)(place - p->items);

	memmove(&p->items[idx], &p->items[idx + 1], (p->count - idx - 1) * sizeof(*place));
	p->count--;
}

/* All bytes of it, whole and right; given.  NULL: they cannot be had. */
static uint8_t *place_load(const struct journal *j, const struct place *place, struct record *out)
{
	uint8_t *bytes = j->fd >= 0 ? malloc(place->len) : NULL;
	size_t got = 0;
	size_t total;

	while (bytes && got < place->len) {
		ssize_t len = pread(j->fd, bytes + got, place->len - got, (off_t)(place->at + got));

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		got += (size_t)len;
	}
	if (bytes && got == place->len && record_read(bytes, got, out, &total) &&
	    out->sequence == place->sequence)
		return bytes;
	free(bytes);
	return NULL;
}

/* ---- anew ------------------------------------------------------------------------------------------ */

static int item_write(int fd, const struct journal_item *item, struct places *kept, size_t *end)
{
	struct record r = { item->kind, item->sequence, (const uint8_t *)item->text, item->len };
	struct place place = { .kind = item->kind, .sequence = item->sequence, .at = *end };
	int code = record_write(fd, &r, *end, &place.len);

	if (code == 0)
		code = place_add(kept, &place);
	*end += place.len;
	return code;
}

/* From memory: the newest of a kind are at hand whatever the file has become. */
static int newest_rewrite(const struct journal *j, const struct place *place, int fd,
			  struct places *kept, size_t *end)
{
	struct journal_item item = { .kind = place->kind,
				     .text = j->text[place->kind],
				     .len = j->len[place->kind],
				     .sequence = place->sequence };

	for (size_t i = 0; i < j->places.count; i++)
		if (j->places.items[i].kind == place->kind &&
		    j->places.items[i].sequence > place->sequence)
			return 0;
	return item_write(fd, &item, kept, end);
}

/* One of the old file into the new one; what is old and cannot be read any more is left out. */
static int place_copy(const struct journal *j, const struct place *place, int fd,
		      struct places *kept, size_t *end)
{
	struct record r;
	uint8_t *bytes = place_load(j, place, &r);
	struct place copy = *place;
	int code;

	if (!bytes)
		return newest_rewrite(j, place, fd, kept, end);
	copy.at = *end;
	code = write_all(fd, bytes, place->len, (off_t)*end);
	free(bytes);
	if (code == 0)
		code = place_add(kept, &copy);
	*end += place->len;
	return code;
}

static int all_write(struct journal *j, int fd, const struct journal_item *items, size_t count,
		     struct places *kept, size_t *end)
{
	int code = 0;

	for (size_t i = 0; i < j->places.count && code == 0; i++)
		code = place_copy(j, &j->places.items[i], fd, kept, end);
	for (size_t i = 0; i < count && code == 0; i++)
		code = item_write(fd, &items[i], kept, end);
	if (code == 0 && fsync(fd))
		code = -errno;
	return code;
}

/* What is kept and the items, in a new file in place of the old one. */
static int journal_renew(struct journal *j, const struct journal_item *items, size_t count)
{
	int fd = openat(j->dir_fd, "journal.new",
			O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct places kept = { 0 };
	size_t end = 0;
	int code;

	if (fd < 0)
		return -errno;
	code = all_write(j, fd, items, count, &kept, &end);
	if (code == 0 && renameat(j->dir_fd, "journal.new", j->dir_fd, "journal"))
		code = -errno;
	if (code) {
		(void)unlinkat(j->dir_fd, "journal.new", 0);
		(void)close(fd);
		free(kept.items);
		return code;
	}
	if (j->fd >= 0)
		(void)close(j->fd);
	free(j->places.items);
	j->places = kept;
	j->fd = fd;
	j->end = end;
	j->is_given_up = false;
	return fsync(j->dir_fd) ? -errno : 0;
}

/* ---- appending ------------------------------------------------------------------------------------- */

static int journal_append(struct journal *j, const struct journal_item *items, size_t count)
{
	size_t before = j->places.count;
	size_t end = j->end;
	int code = 0;
	bool is_written;

	for (size_t i = 0; i < count && code == 0; i++)
		code = item_write(j->fd, &items[i], &j->places, &end);
	is_written = code == 0;
	if (is_written && fdatasync(j->fd))
		code = -errno;
	if (code == 0) {
		j->end = end;
		return 0;
	}
	j->places.count = before;
	/*
	 * Half a record must not stay: the next one is written behind it.  What a sync could not
	 * write, older records too, the kernel may have given up: then all goes into a new file.
	 */
	if (ftruncate(j->fd, (off_t)j->end) || is_written)
		j->is_given_up = true;
	return code;
}

static size_t size_of_kept(const struct journal *j)
{
	size_t size = 0;

	for (size_t i = 0; i < j->places.count; i++)
		size += j->places.items[i].len;
	return size;
}

static bool is_mostly_old(const struct journal *j)
{
	return j->end > SMALL && j->end / MOSTLY_OLD > size_of_kept(j);
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

static void copies_free(char **copies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(copies[i]);
}

/* The newest texts are at hand; -ENOMEM: nothing has changed. */
static int newest_copy(const struct journal_item *items, size_t count, char **copies)
{
	for (size_t i = 0; i < count; i++) {
		copies[i] = text_copy(items[i].text, items[i].len);
		if (copies[i])
			continue;
		copies_free(copies, i);
		return -ENOMEM;
	}
	return 0;
}

static void newest_take(struct journal *j, const struct journal_item *items, size_t count,
			char **copies)
{
	for (size_t i = 0; i < count; i++) {
		free(j->text[items[i].kind]);
		j->text[items[i].kind] = copies[i];
		j->len[items[i].kind] = items[i].len;
	}
}

int journal_add(struct journal *j, struct journal_item *items, size_t count, struct xvs_error *err)
{
	char *copies[ITEMS_MAX];
	int code = count <= ITEMS_MAX ? newest_copy(items, count, copies) : -EINVAL;

	if (code)
		return error_set(err, code, "", "state directory %s: %s", j->dir, strerror(-code));
	for (size_t i = 0; i < count; i++)
		items[i].sequence = ++j->sequence;
	if (j->fd < 0 || j->is_given_up || is_mostly_old(j))
		code = journal_renew(j, items, count);
	else
		code = journal_append(j, items, count);
	if (code) {
		copies_free(copies, count);
		return error_set(err, code, "",
				 "state directory %s: the journal cannot be written: %s", j->dir,
				 strerror(-code));
	}
	newest_take(j, items, count, copies);
	return 0;
}

int journal_put(struct journal *j, enum record_kind kind, const char *text, size_t len,
		struct xvs_error *err)
{
	struct journal_item item = { .kind = kind, .text = text, .len = len };
	int code = journal_add(j, &item, 1, err);

	for (size_t i = j->places.count; code == 0 && i-- > 0;) {
		const struct place *place = &j->places.items[i];

		if (place->kind == kind && place->sequence != item.sequence)
			place_drop(&j->places, place);
	}
	return code;
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

/* Where the records of a file are that is being read. */
struct finding {
	struct places places;
	const uint8_t *bytes;
	int code;
};

static void found(void *arg, const struct record *r)
{
	struct finding *f = arg;
	struct place place = { .kind = r->kind,
			       .sequence = r->sequence,
			       .at = (size_t)(r->bytes - f->bytes) - RECORD_HEAD,
			       .len = r->len + RECORD_HEAD };

	if (f->code == 0)
		f->code = place_add(&f->places, &place);
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
	return journal_renew(j, NULL, 0);
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
	struct finding f = { .code = 0 };
	uint8_t *bytes = NULL;
	size_t len = 0;
	int code;

	j->fd = openat(j->dir_fd, "journal", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0 && errno != ENOENT)
		code = -errno;
	else
		code = file_read(j, &bytes, &len);
	if (code == 0) {
		f.bytes = bytes;
		record_scan(bytes, len, found, &f, &s);
		j->places = f.places;
		code = f.code ? f.code : newest_keep(j, &s);
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

int journal_lock(const char *dir, struct journal **out, struct xvs_error *err)
{
	struct journal *j = calloc(1, sizeof(*j));
	int code;

	if (!j)
		return error_set(err, -ENOMEM, "", "state directory %s: out of memory", dir);
	j->dir_fd = -1;
	j->lock_fd = -1;
	j->fd = -1;
	if (str_copy(j->dir, sizeof(j->dir), dir))
		code = dir_open(j, err);
	else
		code = error_set(err, -ENAMETOOLONG, "", "state directory: its name is too long");
	if (code == 0)
		code = lock_take(j, err);
	if (code) {
		journal_close(j);
		return code;
	}
	*out = j;
	return 0;
}

int journal_open(const char *dir, struct journal **out, char *warning, size_t size,
		 struct xvs_error *err)
{
	struct journal *j = NULL;
	int code = journal_lock(dir, &j, err);

	warning[0] = '\0';
	if (!j)
		return code;
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
	free(j->places.items);
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

bool journal_at(const struct journal *j, size_t nth, struct journal_record *out)
{
	const struct place *place;

	if (nth >= j->places.count)
		return false;
	place = &j->places.items[nth];
	*out = (struct journal_record){ place->kind, place->sequence, place->len };
	return true;
}

char *journal_read(const struct journal *j, uint64_t sequence, size_t *len)
{
	const struct place *place = place_find(j, sequence);
	struct record r;
	uint8_t *bytes = place ? place_load(j, place, &r) : NULL;
	char *text = bytes ? text_copy(r.bytes, r.len) : NULL;

	if (text && len)
		*len = r.len;
	free(bytes);
	return text;
}

void journal_forget(struct journal *j, uint64_t sequence)
{
	const struct place *place = place_find(j, sequence);

	if (place)
		place_drop(&j->places, place);
}
