/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/umem.h - frames that the kernel and we share: one memory file for all sockets of a
 * device, so that a later daemon can take them over as they are.
 *
 *      queue 0: | receive frames | send frames | queue 1: | receive frames | send frames | ...
 *
 * All functions are [control].
 */
#ifndef XVS_PORT_AF_XDP_UMEM_H
#define XVS_PORT_AF_XDP_UMEM_H

#include <xdp/xsk.h>

#include "base/error.h"

/* Zeroed with fd == -1 is closed. */
struct umem {
	int fd;
	uint8_t *frames;
	uint64_t size;
	uint32_t frame_size;
	uint32_t ring_size; /* frames of each direction and queue; a power of two */
	/*
	 * Places in the rings that we fill: the kernel tells how far it has read only after we may have
	 * seen what it did with what it read, so each frame may seem to be there twice.
	 */
	uint32_t ring_places;
	struct xsk_umem *handle;
	/* libxdp makes the rings of the first socket with the memory: these are queue 0's. */
	struct xsk_ring_prod *fill;
	struct xsk_ring_cons *completion;
};

enum {
	UMEM_FRAME_SMALL = 2048,
	UMEM_FRAME_LARGE = 4096, /* the kernel takes no frames longer than a page */
	UMEM_FRAME_HEADROOM = 256,
};

/* Longest L3 packet that frames can hold, with two tags. */
enum { UMEM_MTU_MAX = UMEM_FRAME_LARGE - UMEM_FRAME_HEADROOM - 14 - 8 };

int umem_open(struct umem *u, uint32_t mtu, uint32_t queues, struct xsk_ring_prod *fill,
	      struct xsk_ring_cons *completion, struct xvs_error *err);
void umem_close(struct umem *u);

static inline uint64_t umem_rx_frame(const struct umem *u, uint32_t queue, uint32_t nr)
{
	return ((uint64_t)queue * 2 * u->ring_size + nr) * u->frame_size;
}

static inline uint64_t umem_tx_frame(const struct umem *u, uint32_t queue, uint32_t nr)
{
	return umem_rx_frame(u, queue, u->ring_size + nr);
}

#endif /* XVS_PORT_AF_XDP_UMEM_H */
