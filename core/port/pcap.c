/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/pcap.c - a port that replays one file and records to another.
 *
 * Replay goes as fast as the switch takes it, once, and ends; a malformed record ends it early,
 * counted and told once.  A recording is bounded: at a gigabyte, or when the disk is full, it
 * stops behind the last whole packet, and what is sent from then on is counted as an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "port/device.h"
#include "port/notice.h"
#include "port/pcap_file.h"

enum {
	PCAP_MTU = 65535,
	FRAME_MAX = PACKET_MAX + 4, /* with its tag */
	TURN_BYTES = 256 << 10,
	RECORD_RUNS = 80,
	RECORD_BUFFER = 256 << 10,
	RECORDING_MAX = 1 << 30,
};

/* Read by the worker that polls the queue. */
struct replay {
	struct pcap_reader *reader;
	struct pcap_record record; /* waits for room in the pool */
	bool is_waiting;
	_Atomic bool is_held; /* until begin(); the control thread clears it */
	struct xvs_error error;
	struct notice malformed;
	_Atomic uint64_t rx_errors;
	_Atomic uint64_t rx_truncated;
};

/* Written by any worker, under the lock. */
struct recording {
	pthread_mutex_t lock;
	int fd; /* -1: none */
	bool has_stopped;
	uint64_t size; /* of the file: whole records */
	size_t used;   /* of the buffer */
	uint8_t *buffer;
	int error;
	struct notice stopped;
	_Atomic uint64_t tx_errors;
};

struct pcap {
	struct backend base;
	char name[64]; /* of the port, for the log */
	struct replay replay;
	struct recording recording;
};

static struct pcap *pcap_of(struct backend *b)
{
	return (struct pcap *)b;
}

/* ---- replay ------------------------------------------------------------------------------------- */

/* What a closed port reads is dropped, and a file does not come again: so it waits. */
static void pcap_begin(struct backend *b)
{
	struct replay *r = &pcap_of(b)->replay;
	const uint64_t one = 1;

	if (atomic_exchange_explicit(&r->is_held, false, memory_order_release))
		(void)!write(b->kick[0], &one, sizeof(one));
}

static void on_malformed(void *arg)
{
	const struct pcap *p = arg;

	log_message(MSG_CAPTURE_FILE, "port %s: replay has stopped: %s", p->name,
		    p->replay.error.text);
}

/* Level-triggered pollers see the descriptor readable until this. */
static void end_replay(struct pcap *p)
{
	uint64_t ignored;

	pcap_reader_destroy(p->replay.reader);
	p->replay.reader = NULL;
	(void)!read(p->base.kick[0], &ignored, sizeof(ignored));
}

/* The next record that is a whole packet stands in 'record'; false: there is none. */
static bool find_record(struct pcap *p)
{
	struct replay *r = &p->replay;
	const struct pcap_record *record = &r->record;

	while (r->reader && !r->is_waiting) {
		const int found = pcap_reader_next(r->reader, &r->record, &r->error);

		if (found <= 0) {
			end_replay(p);
			if (found == 0)
				break;
			device_count(&r->rx_errors, 1);
			notice_post(&r->malformed);
		} else if (record->captured < record->original) {
			device_count(&r->rx_truncated, 1);
		} else if (record->captured == 0 || record->captured > FRAME_MAX) {
			device_count(&r->rx_errors, 1);
		} else {
			r->is_waiting = true;
		}
	}
	return r->is_waiting;
}

static uint32_t pcap_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
			uint32_t max)
{
	struct pcap *p = pcap_of(b);
	struct replay *r = &p->replay;
	uint32_t bytes = 0;
	uint32_t count = 0;

	(void)queue;
	if (atomic_load_explicit(&r->is_held, memory_order_acquire))
		return 0;
	while (count < max && bytes < TURN_BYTES && find_record(p)) {
		struct packet *packet = packet_new_linear(pool, r->record.captured);

		if (!packet)
			break;
		memcpy(packet->x.data, r->record.bytes, r->record.captured);
		r->is_waiting = false;
		bytes += packet->x.len;
		out[count++] = packet;
	}
	return count;
}

/* ---- recording ---------------------------------------------------------------------------------- */

static void on_stopped(void *arg)
{
	const struct pcap *p = arg;

	log_message(MSG_CAPTURE_FILE, "port %s: recording has stopped after %llu bytes: %s",
		    p->name, (unsigned long long)p->recording.size,
		    p->recording.error ? strerror(p->recording.error)
				       : "this is the most that a file may have");
}

static void stop_recording(struct recording *r, int error)
{
	r->has_stopped = true;
	r->error = error;
	r->used = 0;
	/* What was written of the last buffer ends within a record: take it away again. */
	(void)!ftruncate(r->fd, (off_t)r->size);
	notice_post(&r->stopped);
}

static void flush(struct recording *r)
{
	size_t done = 0;

	if (r->used > RECORDING_MAX - r->size) {
		stop_recording(r, 0);
		return;
	}
	while (done < r->used) {
		const ssize_t len = write(r->fd, r->buffer + done, r->used - done);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0) {
			stop_recording(r, len < 0 ? errno : EIO);
			return;
		}
		done += (size_t)len;
	}
	r->size += r->used;
	r->used = 0;
}

static bool record_packet(struct recording *r, const struct packet *p, uint64_t time_ns)
{
	struct iovec runs[RECORD_RUNS];
	uint8_t tag[4];
	const int count = packet_wire_iov(p, tag, runs, RECORD_RUNS);
	size_t len = 0;
	uint8_t *to;

	for (int i = 0; i < count; i++)
		len += runs[i].iov_len;
	if (count < 0 || len > FRAME_MAX)
		return false;
	if (r->used + PCAP_RECORD + len > RECORD_BUFFER)
		flush(r);
	if (r->has_stopped)
		return false;
	to = r->buffer + r->used;
	pcap_write_record(to, time_ns, (uint32_t)len);
	to += PCAP_RECORD;
	for (int i = 0; i < count; i++) {
		memcpy(to, runs[i].iov_base, runs[i].iov_len);
		to += runs[i].iov_len;
	}
	r->used += PCAP_RECORD + len;
	return true;
}

static uint64_t wall_clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint32_t pcap_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			uint32_t count)
{
	struct recording *r = &pcap_of(b)->recording;
	const uint64_t now = wall_clock_ns();

	(void)worker;
	if (r->fd < 0)
		return count;
	(void)pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < count; i++) {
		if (r->has_stopped || !record_packet(r, pkts[i], now))
			device_count(&r->tx_errors, 1);
	}
	if (!r->has_stopped)
		flush(r);
	(void)pthread_mutex_unlock(&r->lock);
	return count;
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void pcap_stats(const struct backend *b, struct backend_stats *out)
{
	const struct pcap *p = (const struct pcap *)b;

	memset(out, 0, sizeof(*out));
	out->rx_errors = device_counted(&p->replay.rx_errors);
	out->rx_truncated = device_counted(&p->replay.rx_truncated);
	out->tx_errors = device_counted(&p->recording.tx_errors);
}

/* A pipe would make a worker wait for whoever fills it. */
static int check_regular(int fd, const char *path, struct stat *st, struct xvs_error *err)
{
	if (fstat(fd, st))
		return error_set(err, -errno, "", "file %.100s: %s", path, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return error_set(err, -EINVAL, "", "file %.100s is not a regular file", path);
	return 0;
}

static int open_replay(struct pcap *p, const char *path, struct stat *st, struct xvs_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int code;

	if (fd < 0)
		return error_set(err, -errno, "read_file", "file %.100s: %s", path,
				 strerror(errno));
	code = check_regular(fd, path, st, err);
	if (code) {
		(void)close(fd);
		return code;
	}
	code = pcap_reader_create(fd, &p->replay.reader, err);
	return code ? error_context(err, "file %.100s", path) : 0;
}

static int start_recording(struct recording *r, const char *path, struct xvs_error *err)
{
	uint8_t header[PCAP_HEADER];

	r->buffer = malloc(RECORD_BUFFER);
	if (!r->buffer)
		return error_set(err, -ENOMEM, "", "out of memory");
	pcap_write_header(header);
	if (ftruncate(r->fd, 0) || write(r->fd, header, sizeof(header)) != PCAP_HEADER)
		return error_set(err, errno ? -errno : -EIO, "write_file", "file %.100s: %s", path,
				 strerror(errno));
	r->size = PCAP_HEADER;
	return 0;
}

static int open_recording(struct pcap *p, const char *path, const struct stat *source,
			  struct xvs_error *err)
{
	struct recording *r = &p->recording;
	struct stat st;
	int code;

	r->fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	if (r->fd < 0)
		return error_set(err, -errno, "write_file", "file %.100s: %s", path,
				 strerror(errno));
	code = check_regular(r->fd, path, &st, err);
	if (code)
		return code;
	if (source->st_ino == st.st_ino && source->st_dev == st.st_dev)
		return error_set(err, -EINVAL, "write_file",
				 "file %.100s is the one that is replayed: choose another", path);
	return start_recording(r, path, err);
}

static void release_pcap(void *arg)
{
	free(arg);
}

static void release_recording(void *arg)
{
	struct pcap *p = arg;

	notice_close(&p->replay.malformed, release_pcap);
}

static void pcap_close(struct backend *b)
{
	struct pcap *p = pcap_of(b);

	pcap_reader_destroy(p->replay.reader);
	if (p->base.kick[0] >= 0)
		(void)close(p->base.kick[0]);
	if (p->recording.fd >= 0)
		(void)close(p->recording.fd);
	free(p->recording.buffer);
	(void)pthread_mutex_destroy(&p->recording.lock);
	notice_close(&p->recording.stopped, release_recording);
}

static struct pcap *pcap_create(const struct backend_config *c, struct loop *loop)
{
	struct pcap *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base.ops = &backend_pcap;
	p->base.offloads = OFFLOAD_TAG;
	p->base.rx_queues = 1;
	p->base.up = true;
	p->base.mtu = c->mtu ? c->mtu : PCAP_MTU;
	memcpy(p->base.mac, c->mac, sizeof(p->base.mac));
	(void)str_copy(p->name, sizeof(p->name), c->port_name);
	p->replay.error = (struct xvs_error)ERROR_INIT;
	notice_init(&p->replay.malformed, loop, on_malformed, p);
	notice_init(&p->recording.stopped, loop, on_stopped, p);
	p->recording.fd = -1;
	(void)pthread_mutex_init(&p->recording.lock, NULL);
	atomic_init(&p->replay.is_held, c->read_file && c->is_held);
	p->base.kick[0] = eventfd(c->read_file && !c->is_held ? 1 : 0, EFD_NONBLOCK | EFD_CLOEXEC);
	return p;
}

static int pcap_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		     struct xvs_error *err)
{
	struct stat source = { 0 };
	struct pcap *p;
	int code = 0;

	if (!c->read_file && !c->write_file)
		return error_set(err, -EINVAL, "", "pcap needs read_file or write_file, or both");
	p = pcap_create(c, loop);
	if (!p)
		return error_set(err, -ENOMEM, "", "out of memory");
	if (p->base.kick[0] < 0)
		code = error_set(err, -errno, "", "descriptor to wake by: %s", strerror(errno));
	if (code == 0 && c->read_file)
		code = open_replay(p, c->read_file, &source, err);
	if (code == 0 && c->write_file)
		code = open_recording(p, c->write_file, &source, err);
	if (code) {
		pcap_close(&p->base);
		return code;
	}
	*out = &p->base;
	return 0;
}

const struct backend_ops backend_pcap = {
	.kind = "pcap",
	.open = pcap_open,
	.close = pcap_close,
	.rx = pcap_rx,
	.tx = pcap_tx,
	.stats = pcap_stats,
	.begin = pcap_begin,
};
