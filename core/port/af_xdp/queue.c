/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/queue.c - opening an XDP socket, and receiving by it.
 *
 *      fill ring: frames for the kernel to write into    rx ring: frames that it has written
 *
 * A frame is ours from the rx ring until the batch it came in was sent; then it goes to the fill
 * ring, which has room for each (umem.h says why).
 */
#include "port/af_xdp/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/copy.h"
#include "port/af_xdp/partial.h"
#include "port/device.h"

enum {
	SEND_BUDGET_OPTION = 9, /* XDP_MAX_TX_SKB_BUDGET: Linux 6.17; newer than Debian's headers */
	SEND_BUDGET = 512,
	SEND_BYTES = 8 << 20,
	BUSY_TRIES = 100,
	BUSY_PAUSE_US = 2000,
	AHEAD = 16, /* frames whose first line is asked for before it is read */
};

/* ---- opening --------------------------------------------------------------------------------- */

static int make_socket(struct queue *q, const struct umem *u, const struct queue_place *place)
{
	const struct xsk_socket_config config = {
		.rx_size = u->ring_size,
		.tx_size = u->ring_places,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		/* without XDP_COPY the kernel tries zero-copy and does without where it must */
		.bind_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (place->copy_mode ? XDP_COPY : 0)),
	};

	return xsk_socket__create_shared(&q->socket, place->device, place->nr, u->handle, &q->rx,
					 place->sends ? &q->tx : NULL, &q->fill, &q->completion,
					 &config);
}

/*
 * The kernel lets go of a queue a moment after its socket was closed, in a thread of its own; who
 * opens a device again right after closing it, or after a daemon that was killed, comes too early.
 */
static int make_socket_soon(struct queue *q, const struct umem *u, const struct queue_place *place)
{
	int code = make_socket(q, u, place);

	for (int i = 0; i < BUSY_TRIES && code == -EBUSY; i++) {
		(void)usleep(BUSY_PAUSE_US);
		code = make_socket(q, u, place);
	}
	return code;
}

/* A socket may send much at a time, and have much under way. */
static void set_budget(const struct queue *q)
{
	const int budget = SEND_BUDGET;
	const int bytes = SEND_BYTES;

	(void)setsockopt(q->fd, SOL_XDP, SEND_BUDGET_OPTION, &budget, sizeof(budget));
	(void)setsockopt(q->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static int give_send_frames(struct queue *q, const struct umem *u, uint32_t nr)
{
	q->free = calloc(u->ring_size, sizeof(*q->free));
	if (!q->free)
		return -ENOMEM;
	for (uint32_t i = 0; i < u->ring_size; i++)
		q->free[i] = umem_tx_frame(u, nr, i);
	q->free_count = u->ring_size;
	return 0;
}

static void fill_all(struct queue *q, const struct umem *u, uint32_t nr)
{
	uint32_t at = 0;
	const uint32_t count = xsk_ring_prod__reserve(&q->fill, u->ring_size, &at);

	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__fill_addr(&q->fill, at + i) = umem_rx_frame(u, nr, i);
	xsk_ring_prod__submit(&q->fill, count);
}

bool queue_is_zero_copy(const struct queue *q)
{
	struct xdp_options options = { 0 };
	socklen_t size = sizeof(options);

	return getsockopt(q->fd, SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
	       options.flags & XDP_OPTIONS_ZEROCOPY;
}

int queue_open(struct queue *q, struct umem *u, const struct queue_place *place,
	       struct xvs_error *err)
{
	const int code = make_socket_soon(q, u, place);

	if (code) {
		q->socket = NULL;
		return error_set(err, code, "", "XDP socket of receive queue %u: %s", place->nr,
				 code == -EBUSY ? "another program has one there already"
						: strerror(-code));
	}
	(void)pthread_mutex_init(&q->lock, NULL);
	q->fd = xsk_socket__fd(q->socket);
	q->umem = u;
	q->is_copied = !queue_is_zero_copy(q);
	q->wake = epoll_create1(EPOLL_CLOEXEC);
	if (q->wake < 0)
		return error_set(err, -errno, "", "epoll: %s", strerror(errno));
	if (place->sends && give_send_frames(q, u, place->nr))
		return error_set(err, -ENOMEM, "", "out of memory");
	if (place->sends)
		set_budget(q);
	fill_all(q, u, place->nr);
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q->socket)
		return;
	xsk_socket__delete(q->socket);
	q->socket = NULL;
	q->fd = -1;
	if (q->wake >= 0)
		(void)close(q->wake);
	q->wake = -1;
	free(q->free);
	q->free = NULL;
	(void)pthread_mutex_destroy(&q->lock);
}

void queue_add_stats(const struct queue *q, struct backend_stats *out)
{
	struct xdp_statistics stats = { 0 };
	socklen_t size = sizeof(stats);

	if (getsockopt(q->fd, SOL_XDP, XDP_STATISTICS, &stats, &size) == 0) {
		out->kernel_drops += stats.rx_dropped + stats.rx_ring_full;
		out->rx_errors += stats.rx_invalid_descs;
		out->tx_errors += stats.tx_invalid_descs;
	}
	out->tx_errors += device_counted(&q->tx_errors);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Headers are copied to where extensions may write, the rest is lent. */
static void take(struct queue *q, const struct xdp_desc *desc, struct packet *p, struct iovec *tail)
{
	uint8_t *bytes = q->umem->frames + desc->addr;

	p->x.len = desc->len;
	if (desc->len <= PACKET_HEAD) {
		copy_short(p->x.data, bytes, desc->len);
		p->x.linear = desc->len;
	} else {
		memcpy(p->x.data, bytes, PACKET_HEAD);
		p->x.linear = PACKET_HEAD;
		*tail = (struct iovec){ bytes + PACKET_HEAD, desc->len - PACKET_HEAD };
		p->tail = tail;
		p->tail_count = 1;
	}
	if (q->is_copied)
		partial_mark(p);
}

static void prefetch(const struct queue *q, uint32_t at)
{
	const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&q->rx, at);

	__builtin_prefetch(q->umem->frames + desc->addr);
}

/* The kernel has frames to write into again; a driver that waits for that is told. */
static void wake_receiver(const struct queue *q)
{
	if (xsk_ring_prod__needs_wakeup(&q->fill))
		(void)recvfrom(q->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

uint32_t queue_receive(struct queue *q, struct pool *pool, struct packet **out, uint32_t max)
{
	uint32_t at = 0;
	const uint32_t there = xsk_ring_cons__peek(&q->rx, max, &at);

	assert(q->lent == 0 && max <= XVS_BATCH_MAX);
	if (there == 0) {
		wake_receiver(q);
		return 0;
	}
	for (uint32_t i = 0; i < there && i < AHEAD; i++)
		prefetch(q, at + i);
	q->lent = packet_new_burst(pool, out, there);
	for (uint32_t i = 0; i < q->lent; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&q->rx, at + i);

		if (i + AHEAD < there)
			prefetch(q, at + i + AHEAD);
		take(q, desc, out[i], &q->tails[i]);
		q->frames[i] = desc->addr;
	}
	xsk_ring_cons__cancel(&q->rx, there - q->lent);
	xsk_ring_cons__release(&q->rx, q->lent);
	return q->lent;
}

void queue_return(struct queue *q)
{
	uint32_t at = 0;
	const uint32_t count = xsk_ring_prod__reserve(&q->fill, q->lent, &at);

	assert(count == q->lent);
	for (uint32_t i = 0; i < count; i++)
		*xsk_ring_prod__fill_addr(&q->fill, at + i) = q->frames[i];
	xsk_ring_prod__submit(&q->fill, count);
	q->lent = 0;
	wake_receiver(q);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

bool queue_arm(struct queue *q)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (xsk_cons_nb_avail(&q->rx, 1))
		return true;
	return epoll_ctl(q->wake, EPOLL_CTL_ADD, q->fd, &event) != 0;
}

void queue_disarm(struct queue *q)
{
	(void)epoll_ctl(q->wake, EPOLL_CTL_DEL, q->fd, NULL);
}
