/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/packet_ring.h - one receive queue of af_packet: a socket and a ring shared with the kernel.
 */
#ifndef XVS_PORT_PACKET_RING_H
#define XVS_PORT_PACKET_RING_H

#include <stdatomic.h>

#include "packet/packet.h"

/* Zeroed with fd == -1 is closed. */
struct packet_ring {
	int fd;
	uint8_t *frames;
	uint32_t frame_size;
	uint32_t frame_count;
	uint32_t next; /* frame to be read next; the 'lent' before it are still ours */
	uint32_t lent;
	uint32_t empty_turns;
	struct iovec tails[XVS_BATCH_MAX]; /* of the frames that are lent */
	/* The polling worker writes, the control thread reads. */
	_Atomic uint64_t rx_errors;
	_Atomic uint64_t rx_truncated;
	uint64_t kernel_drops; /* the control thread's: the kernel forgets what it has told */
};

/* [control] Frames that come in on device 'index', none that go out.  'mtu' is its L3 size now. */
int packet_ring_open(struct packet_ring *r, uint32_t index, uint32_t mtu, struct xvs_error *err);
void packet_ring_close(struct packet_ring *r);

/* [control] Both rings share the frames of their device, by flow; 'group' of the first is 0. */
int packet_ring_join(struct packet_ring *r, uint16_t *group, struct xvs_error *err);

/* [worker] As rx() and rx_done() of backend.h. */
uint32_t packet_ring_read(struct packet_ring *r, struct pool *pool, struct packet **out,
			  uint32_t max);
void packet_ring_return(struct packet_ring *r);

/* [control] Frames that found the ring full, since it was opened. */
uint64_t packet_ring_drops(struct packet_ring *r);

#endif /* XVS_PORT_PACKET_RING_H */
