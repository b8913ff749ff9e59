/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/tap.c - packets through tap descriptors, with the virtio-net header (checksums and
 * segmentation as facts, not as work).
 *
 * One descriptor a worker: transmission needs no lock, and each is a receive queue as well, since
 * the kernel spreads what it sends over all of them.  Frames are read straight into pool memory;
 * there is no second copy but that of small ones, which then do not hold a large buffer.  System
 * calls are made directly: read() and write() of libc may be cancelled, and what they do for that
 * before and behind each call is a fiftieth of all that a stream of 64 KiB packets costs us.
 *
 * A device that vanishes (removed, its namespace deleted) leaves descriptors that report an error
 * for ever and would wake the poller for ever.  The worker that notices puts a timer that never
 * fires in place of the descriptor (dup2: epoll forgets the old file, the number stays valid),
 * and the control thread is told by letter.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/str.h"
#include "port/device.h"
#include "port/notice.h"
#include "port/tap.h"

enum {
	RX_ROOM = BUFFER_LARGE - XVS_HEADROOM,
	TURN_BYTES = 256 * 1024, /* a batch that stays in the second-level cache */
	POOL_RESERVE = 8,        /* large buffers left for others: judging, segmenting */
	TX_RUNS = 80,            /* header, and 64 runs of payload with what goes before them */
};

static_assert(RX_ROOM > PACKET_MAX + 4, "the longest frame with its tag, and a byte more");
static_assert((int)XVS_HEADROOM >= (int)VNET_BYTES, "the kernel's header fits in front of a frame");

struct tap_queue {
	alignas(64) int fd;
	/* The worker that polls this queue writes these. */
	_Atomic uint64_t rx_errors;
	_Atomic uint64_t rx_truncated;
	/* The worker of this number writes that. */
	alignas(64) _Atomic uint64_t tx_errors;
};

struct tap {
	struct backend base;
	struct loop *loop;
	struct link_watch *watch;
	struct notice gone;
	int silence; /* a timer that is never armed */
	unsigned count;
	struct tap_queue queues[];
};

static struct tap *tap_of(struct backend *b)
{
	return (struct tap *)b;
}

/* ---- receiving -------------------------------------------------------------------------------- */

static void on_gone(void *arg)
{
	struct tap *t = arg;

	device_apply(&t->base, NULL);
}

static void silence_queue(struct tap *t, struct tap_queue *q)
{
	(void)dup3(t->silence, q->fd, O_CLOEXEC);
	notice_post(&t->gone);
}

/*
 * Bytes of the frame, 0: nothing there, -1: there was one, but it cannot be used.  The kernel's
 * header comes into the headroom, so that it is one run: several cost the kernel a list to check.
 */
static int read_frame(struct tap *t, struct tap_queue *q, uint8_t *to)
{
	const long len = syscall(SYS_read, q->fd, to - VNET_BYTES, VNET_BYTES + RX_ROOM);

	if (len > VNET_BYTES && len < VNET_BYTES + RX_ROOM)
		return (int)(len - VNET_BYTES);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len < 0 && errno == EBADFD) {
		silence_queue(t, q);
		return 0;
	}
	device_count(len >= VNET_BYTES + RX_ROOM ? &q->rx_truncated : &q->rx_errors, 1);
	return -1;
}

/*
 * The frame in 'big' as a packet: a small one moves into a packet of its own, so that where it is
 * held back (queued, stolen) it does not hold 65 KiB; the copy costs nothing that can be measured
 * beside the two system calls.  NULL: of a kind of segmentation that we do not know.
 */
static struct packet *take_frame(struct pool *pool, struct packet **big, uint32_t len)
{
	const uint8_t *header = (*big)->x.data - VNET_BYTES;
	struct packet *p;

	if (!vnet_read(*big, header, VNET_BYTES))
		return NULL;
	p = len <= PACKET_PARSE ? packet_new(pool) : NULL;
	if (p) {
		memcpy(p->x.data, (*big)->x.data, len);
		(void)vnet_read(p, header, VNET_BYTES);
	} else {
		p = *big;
		*big = NULL;
	}
	p->x.len = len;
	p->x.linear = len;
	return p;
}

static uint32_t tap_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
		       uint32_t max)
{
	struct tap *t = tap_of(b);
	struct tap_queue *q = &t->queues[queue];
	struct packet *big = NULL;
	uint32_t bytes = 0;
	uint32_t count = 0;

	for (uint32_t turn = 0; turn < max && bytes < TURN_BYTES; turn++) {
		struct packet *p;
		int len;

		if (!big && pool_large_left(pool) > POOL_RESERVE)
			big = packet_new_linear(pool, RX_ROOM);
		if (!big)
			break;
		len = read_frame(t, q, big->x.data);
		if (len == 0)
			break;
		if (len < 0)
			continue;
		p = take_frame(pool, &big, (uint32_t)len);
		if (p)
			out[count++] = p;
		else
			device_count(&q->rx_errors, 1);
		bytes += (uint32_t)len;
	}
	if (big)
		packet_free(big);
	return count;
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* The packet is one run, and its headroom nobody else's: the header can stand in front of it. */
static bool has_one_run(const struct packet *p)
{
	const uint8_t *start = p->buffer ? p->buffer->bytes : p->head;

	return p->x.linear == p->x.len && !(p->x.flags & XVS_PKT_VLAN) &&
	       (!p->buffer || p->buffer->refs == 1) && p->x.data - start >= VNET_BYTES;
}

static ssize_t write_one_run(const struct tap_queue *q, const struct packet *p)
{
	uint8_t *header = p->x.data - VNET_BYTES;

	vnet_write(p, header, VNET_BYTES, 0);
	return syscall(SYS_write, q->fd, header, VNET_BYTES + (size_t)p->x.len);
}

static ssize_t write_runs(const struct tap_queue *q, const struct packet *p)
{
	const bool is_tagged = (p->x.flags & XVS_PKT_VLAN) != 0;
	uint8_t header[VNET_BYTES];
	uint8_t tag[4];
	struct iovec iov[TX_RUNS];
	const int runs = packet_wire_iov(p, tag, iov + 1, TX_RUNS - 1);

	if (runs <= 0) {
		errno = EMSGSIZE;
		return -1;
	}
	vnet_write(p, header, VNET_BYTES, is_tagged ? sizeof(tag) : 0);
	iov[0] = (struct iovec){ header, VNET_BYTES };
	return writev(q->fd, iov, runs + 1);
}

/* True: the packet is dealt with, sent or counted as an error.  False: no room now. */
static bool send_frame(struct tap_queue *q, const struct packet *p)
{
	if ((has_one_run(p) ? write_one_run(q, p) : write_runs(q, p)) >= 0)
		return true;
	if (errno == EAGAIN || errno == EINTR)
		return false;
	/* EIO: the far end is down; EBADFD: gone; EINVAL: the kernel does not like the frame. */
	device_count(&q->tx_errors, 1);
	return true;
}

static uint32_t tap_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
		       uint32_t count)
{
	struct tap *t = tap_of(b);
	uint32_t sent = 0;

	assert(worker < t->count);
	while (sent < count && send_frame(&t->queues[worker], pkts[sent]))
		sent++;
	return sent;
}

/* ---- life ------------------------------------------------------------------------------------- */

static void tap_stats(const struct backend *b, struct backend_stats *out)
{
	const struct tap *t = (const struct tap *)b;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < t->count; i++) {
		out->rx_errors += device_counted(&t->queues[i].rx_errors);
		out->rx_truncated += device_counted(&t->queues[i].rx_truncated);
		out->tx_errors += device_counted(&t->queues[i].tx_errors);
	}
}

static struct tap *tap_create(unsigned count, struct loop *loop)
{
	const size_t size = sizeof(struct tap) + count * sizeof(struct tap_queue);
	struct tap *t = aligned_alloc(64, size);

	if (!t)
		return NULL;
	memset(t, 0, size);
	t->base.ops = &backend_tap;
	t->base.is_kernel = 1;
	t->base.rx_queues = (uint16_t)count;
	t->loop = loop;
	notice_init(&t->gone, loop, on_gone, t);
	t->count = count;
	for (unsigned i = 0; i < count; i++)
		t->queues[i].fd = -1;
	t->silence = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (t->silence < 0) {
		free(t);
		return NULL;
	}
	return t;
}

static void tap_close(struct backend *b)
{
	struct tap *t = tap_of(b);

	link_watch_destroy(t->watch);
	for (unsigned i = 0; i < t->count; i++) {
		if (t->queues[i].fd >= 0)
			(void)close(t->queues[i].fd);
	}
	(void)close(t->silence);
	notice_close(&t->gone, free);
}

static int tap_start(struct tap *t, const struct backend_config *c, struct xvs_error *err)
{
	struct tap_device device;
	int fds[BACKEND_QUEUES_MAX];
	int code = tap_device_open(c, t->count, fds, &device, err);

	if (code)
		return code;
	for (unsigned i = 0; i < t->count; i++) {
		t->queues[i].fd = fds[i];
		t->base.kick[i] = fds[i];
	}
	t->base.offloads = device.offloads;
	t->base.ifindex = device.nsid == LINK_HERE ? device.index : 0;
	(void)str_copy(t->base.device, sizeof(t->base.device), device.name);
	return device_follow(&t->base, t->loop, device.index, device.nsid, &t->watch, err);
}

static int tap_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		    struct xvs_error *err)
{
	const unsigned wanted = c->queues > c->workers ? c->queues : c->workers;
	const unsigned count = wanted ? wanted : 1;
	struct tap *t;
	int code;

	if (count > BACKEND_QUEUES_MAX)
		return error_set(err, -EINVAL, "queues", "%u queues are too many: at most %d",
				 count, BACKEND_QUEUES_MAX);
	t = tap_create(count, loop);
	if (!t)
		return error_set(err, -ENOMEM, "", "no memory or descriptor left for a tap");
	code = tap_start(t, c, err);
	if (code) {
		tap_close(&t->base);
		return code;
	}
	*out = &t->base;
	return 0;
}

const struct backend_ops backend_tap = {
	.kind = "tap",
	.open = tap_open,
	.close = tap_close,
	.rx = tap_rx,
	.tx = tap_tx,
	.stats = tap_stats,
};
