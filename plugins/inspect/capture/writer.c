/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks are gathered in a buffer and written whole, so the length of the file before a write is
 * where it is cut if the write comes to nothing.  An error ends the capture: it is logged once,
 * shown by status, and cured by setting the policy again.
 *
 * With one file its name is the policy's.  With several they are NAME.0, NAME.1 and so on, in
 * turn.  What was there under the first name is kept as NAME.old: an upgrade begins a file while
 * the version before it still ends its own.
 */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xvs/ext/sdk.h"

/* Files of this process, ever: so that an iface knows in which one it has its number. */
static _Atomic uint64_t files_opened;

void writer_init(struct writer *w, const struct xvs_host *host)
{
	w->host = host;
	w->fd = -1;
}

void writer_name(const struct writer *w, uint32_t opened, char out[WRITER_PATH + 16])
{
	if (w->files > 1)
		(void)snprintf(out, WRITER_PATH + 16, "%s.%u", w->path,
			       (opened ? opened - 1 : 0) % w->files);
	else
		(void)snprintf(out, WRITER_PATH + 16, "%s", w->path);
}

static bool has_ended(const struct writer *w)
{
	return w->finished || atomic_load_explicit(&w->error, memory_order_relaxed) != 0 ||
	       atomic_load_explicit(&w->full, memory_order_relaxed);
}

static void fail(struct writer *w, const char *what)
{
	int error = errno;
	char name[WRITER_PATH + 16];

	writer_name(w, atomic_load_explicit(&w->opened, memory_order_relaxed), name);
	atomic_store_explicit(&w->error, error, memory_order_relaxed);
	xvs_logf(w->host, XVS_LOG_ERROR,
		 "capture has ended: file %.120s cannot be %s: %s; set the policy again to resume",
		 name, what, strerror(error));
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	w->used = 0;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* A new inode in any case: who still writes to the old one is not disturbed. */
static int open_fresh(const char *name, bool keep_old)
{
	char old[WRITER_PATH + 32];

	if (keep_old) {
		(void)snprintf(old, sizeof(old), "%s.old", name);
		if (rename(name, old) != 0 && errno != ENOENT)
			return -1;
	} else if (unlink(name) != 0 && errno != ENOENT) {
		return -1;
	}
	return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void writer_open(struct writer *w)
{
	char name[WRITER_PATH + 16];
	uint32_t opened = atomic_load_explicit(&w->opened, memory_order_relaxed);

	if (w->fd >= 0 || has_ended(w))
		return;
	writer_name(w, opened + 1, name);
	w->fd = open_fresh(name, opened == 0);
	if (w->fd < 0) {
		fail(w, "made");
		return;
	}
	atomic_store_explicit(&w->opened, opened + 1, memory_order_relaxed);
	w->file = atomic_fetch_add_explicit(&files_opened, 1, memory_order_relaxed) + 1;
	w->epoch_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	w->size = 0;
	w->ifaces = 0;
	w->used = pcapng_section(w->buffer);
}

void writer_flush(struct writer *w)
{
	uint32_t done = 0;

	while (w->fd >= 0 && done < w->used) {
		ssize_t n = write(w->fd, w->buffer + done, w->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = errno;

			if (ftruncate(w->fd, w->size) != 0)
				error = errno;
			errno = error;
			fail(w, "written");
			return;
		}
		done += (uint32_t)n;
	}
	w->size += (off_t)done;
	w->used = 0;
}

static void close_file(struct writer *w)
{
	writer_flush(w);
	if (w->fd >= 0 && close(w->fd) != 0) {
		w->fd = -1;
		fail(w, "closed");
	}
	w->fd = -1;
}

void writer_finish(struct writer *w)
{
	close_file(w);
	w->finished = true;
}

/* Room for 'need' more bytes in the buffer of a file that may grow by them. */
static bool make_room(struct writer *w, uint32_t need)
{
	writer_open(w);
	if (w->fd >= 0 && w->max_bytes != 0 && (uint64_t)w->size + w->used + need > w->max_bytes) {
		close_file(w);
		if (w->files <= 1)
			atomic_store_explicit(&w->full, true, memory_order_relaxed);
		writer_open(w);
	}
	if (w->used + need > WRITER_BUFFER)
		writer_flush(w);
	return w->fd >= 0;
}

static void describe_iface(struct writer *w, struct iface *iface)
{
	if (iface->file == w->file)
		return;
	w->used += pcapng_interface(w->buffer + w->used, iface->name, w->snaplen);
	iface->file = w->file;
	iface->nr = w->ifaces++;
}

static void count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

void writer_packet(struct writer *w, const struct record *record)
{
	struct pcapng_packet p = {
		.bytes = (const uint8_t *)(record + 1),
		.captured = record->captured,
		.wire_len = record->wire_len,
		.direction = record->direction,
	};

	if (has_ended(w) ||
	    !make_room(w, PCAPNG_HEADER_MAX + PCAPNG_PACKET_EXTRA + record->captured))
		return;
	describe_iface(w, record->iface);
	p.iface = record->iface->nr;
	p.ns = record->ns + w->epoch_ns;
	w->used += pcapng_packet(w->buffer + w->used, &p);
	count(&w->packets, 1);
	count(&w->bytes, record->captured);
}
