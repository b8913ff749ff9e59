/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/send.c - sending by an XDP socket.
 *
 *      tx ring: frames for the kernel to send    completion ring: frames that it has sent
 *
 * In copy mode the kernel sends within our call, a bounded number of frames at a time, and stops
 * where its receiver is full.  What it has not taken then stays in the ring for the next call; so
 * a call is repeated a few times, and no worker waits for a receiver.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/copy.h"
#include "packet/headers.h"
#include "port/af_xdp/queue.h"
#include "port/device.h"

enum { WAKES_MAX = 8 };

/* One batch on its way. */
struct sending {
	uint32_t count;
	uint64_t frames[XVS_BATCH_MAX];
	uint32_t lens[XVS_BATCH_MAX]; /* 0: this packet cannot be sent */
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static uint8_t *put_tag(const struct packet *p, uint8_t *to)
{
	memcpy(to, p->x.data, ETHER_TYPE_AT);
	put_be16(to + ETHER_TYPE_AT, p->x.flags & XVS_PKT_SVLAN ? ETHERTYPE_SVLAN : ETHERTYPE_VLAN);
	put_be16(to + ETHER_TYPE_AT + 2, p->x.vlan_tci);
	return to + ETHER_TYPE_AT + ETHER_TAG_BYTES;
}

/* The packet as on the wire, tag in the bytes; how long it is, 0: it does not fit. */
static uint32_t put_packet(const struct packet *p, uint8_t *to, uint32_t room)
{
	const bool is_tagged = (p->x.flags & XVS_PKT_VLAN) != 0;
	uint32_t skip = is_tagged ? ETHER_TYPE_AT : 0;
	uint8_t *at = to;

	if (p->x.len + ETHER_TAG_BYTES > room || p->x.linear < ETHER_BYTES)
		return 0;
	if (is_tagged)
		at = put_tag(p, to);
	for (uint32_t i = 0; i < packet_runs(p); i++) {
		const struct iovec run = packet_run(p, i);
		const size_t len = run.iov_len - skip;

		if (len > (size_t)(to + room - at))
			return 0;
		if (len)
			copy_bytes(at, (const uint8_t *)run.iov_base + skip, len);
		at += len;
		skip = 0;
	}
	return (uint32_t)(at - to);
}

/* ---- rings ----------------------------------------------------------------------------------- */

/* Frames that the kernel is done with. */
static void collect(struct queue *q)
{
	uint32_t at = 0;
	const uint32_t count = xsk_ring_cons__peek(&q->completion, q->umem->ring_size, &at);

	for (uint32_t i = 0; i < count; i++)
		q->free[q->free_count++] = *xsk_ring_cons__comp_addr(&q->completion, at + i);
	xsk_ring_cons__release(&q->completion, count);
}

static void reserve(struct queue *q, struct sending *s, uint32_t count)
{
	(void)pthread_mutex_lock(&q->lock);
	collect(q);
	s->count = count < q->free_count ? count : q->free_count;
	/* last in, first out: the frame that was sent last is still in the cache */
	for (uint32_t i = 0; i < s->count; i++)
		s->frames[i] = q->free[--q->free_count];
	(void)pthread_mutex_unlock(&q->lock);
}

/* The ring has room for every frame (umem.h says why). */
static void describe(struct queue *q, uint64_t frame, uint32_t len)
{
	uint32_t at = 0;
	const uint32_t room = xsk_ring_prod__reserve(&q->tx, 1, &at);

	assert(room == 1);
	*xsk_ring_prod__tx_desc(&q->tx, at) = (struct xdp_desc){ .addr = frame, .len = len };
}

static void publish(struct queue *q, const struct sending *s)
{
	uint32_t ready = 0;

	(void)pthread_mutex_lock(&q->lock);
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->lens[i]) {
			describe(q, s->frames[i], s->lens[i]);
			ready++;
		} else {
			q->free[q->free_count++] = s->frames[i];
		}
	}
	xsk_ring_prod__submit(&q->tx, ready);
	(void)pthread_mutex_unlock(&q->lock);
}

static void fill_frames(struct queue *q, struct sending *s, struct packet *const *pkts)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		s->lens[i] =
			put_packet(pkts[i], q->umem->frames + s->frames[i], q->umem->frame_size);
		failed += s->lens[i] == 0;
	}
	if (failed)
		atomic_fetch_add_explicit(&q->tx_errors, failed, memory_order_relaxed);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static bool has_unsent(const struct queue *q)
{
	/* the kernel moves 'consumer', other workers 'producer': a guess that is good enough to ask */
	return __atomic_load_n(q->tx.producer, __ATOMIC_RELAXED) !=
	       __atomic_load_n(q->tx.consumer, __ATOMIC_RELAXED);
}

/* What the kernel says of its sending, as an errno. */
static int wake_once(struct queue *q)
{
	const ssize_t code = sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	const int error = code < 0 ? errno : 0;
	const bool is_down = error == ENETDOWN || error == ENXIO || error == ENODEV;

	if (atomic_load_explicit(&q->is_down, memory_order_relaxed) != is_down)
		atomic_store_explicit(&q->is_down, is_down, memory_order_relaxed);
	/* the receiver refused a frame, which is gone */
	if (error == EBUSY)
		atomic_fetch_add_explicit(&q->tx_errors, 1, memory_order_relaxed);
	return error;
}

static void wake_sender(struct queue *q)
{
	const uint32_t most = q->is_copied ? WAKES_MAX : 1;

	if (!xsk_ring_prod__needs_wakeup(&q->tx))
		return;
	for (uint32_t i = 0; i < most; i++) {
		const int error = wake_once(q);

		if ((error && error != EAGAIN && error != EBUSY && error != EINTR) ||
		    !has_unsent(q))
			return;
	}
}

/* A device that was down is asked once before more is put into its ring, to be sent long after. */
static bool is_down(struct queue *q)
{
	if (!atomic_load_explicit(&q->is_down, memory_order_relaxed))
		return false;
	(void)wake_once(q);
	return atomic_load_explicit(&q->is_down, memory_order_relaxed);
}

uint32_t queue_send(struct queue *q, struct packet *const *pkts, uint32_t count)
{
	struct sending s;

	if (is_down(q)) {
		atomic_fetch_add_explicit(&q->tx_errors, count, memory_order_relaxed);
		return count;
	}
	reserve(q, &s, count < XVS_BATCH_MAX ? count : XVS_BATCH_MAX);
	fill_frames(q, &s, pkts);
	publish(q, &s);
	wake_sender(q);
	return s.count;
}
