/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/queue.h - the XDP socket of one receive queue, and sending by it.
 *
 * The kernel looks for who waits for a socket after each packet that has left by it, while anybody
 * does: a tenth of what sending costs.  So its worker waits for an epoll descriptor, which the socket
 * is in only while that worker sleeps.
 *
 * One worker receives.  Any worker may send: it reserves frames under a lock, copies without, and
 * publishes them under it (architecture 16.5).
 */
#ifndef XVS_PORT_AF_XDP_QUEUE_H
#define XVS_PORT_AF_XDP_QUEUE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "packet/packet.h"
#include "port/af_xdp/umem.h"

struct queue {
	/* the receiving worker's */
	int fd;   /* -1: closed */
	int wake; /* what its worker waits for */
	uint32_t lent;
	const struct umem *umem;
	bool is_copied; /* packets come by way of the kernel's own: sums may be unfinished */
	struct xsk_socket *socket;
	struct xsk_ring_cons rx;
	struct xsk_ring_prod fill;
	uint64_t frames[XVS_BATCH_MAX]; /* that are lent */
	struct iovec tails[XVS_BATCH_MAX];

	/* the senders', under 'lock' */
	alignas(64) pthread_mutex_t lock;
	struct xsk_ring_prod tx;
	struct xsk_ring_cons completion;
	uint64_t *free; /* frames that nobody has, free_count of them; NULL: receives alone */
	uint32_t free_count;
	_Atomic uint32_t is_down; /* the device, when it was last told to send */
	_Atomic uint64_t tx_errors;
};

struct queue_place {
	const char *device;
	uint32_t nr;
	bool sends;
	bool copy_mode; /* do not ask the driver for zero-copy */
};

/* [control] 'q' is zeroed with fd and wake == -1.  Queue 0 first. */
int queue_open(struct queue *q, struct umem *u, const struct queue_place *place,
	       struct xvs_error *err);
void queue_close(struct queue *q);

/* [control] */
bool queue_is_zero_copy(const struct queue *q);
struct backend_stats;
void queue_add_stats(const struct queue *q, struct backend_stats *out);

/* [worker] As rx(), rx_done(), arm(), disarm() and tx() of backend.h. */
uint32_t queue_receive(struct queue *q, struct pool *pool, struct packet **out, uint32_t max);
void queue_return(struct queue *q);
bool queue_arm(struct queue *q);
void queue_disarm(struct queue *q);
uint32_t queue_send(struct queue *q, struct packet *const *pkts, uint32_t count);

#endif /* XVS_PORT_AF_XDP_QUEUE_H */
