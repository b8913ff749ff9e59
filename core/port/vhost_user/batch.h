/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/batch.h - what a worker has in hand of a receive queue, and its room for sending.
 */
#ifndef XVS_PORT_VHOST_USER_BATCH_H
#define XVS_PORT_VHOST_USER_BATCH_H

#include "port/vhost_user/vring.h"

enum {
	RUNS_MAX = 64, /* of a packet that stay in the guest; more are put into one */
	BATCH_RUNS = STAGE_SEGMENTS + RUNS_MAX,
};

/* Of one receive queue: packets that the path has, whose bytes are still the guest's. */
struct vhost_batch {
	const struct vhost_view *view; /* that they were read in */
	uint32_t count;                /* chains to give back */
	_Atomic bool is_asked;         /* the guest kicks; look.c reads it */
	struct vring_segment *segments;
	struct vring_chain chains[STAGE_CHAINS];
	struct iovec runs[BATCH_RUNS];
};

/* Chains of one packet.  None: it fits nowhere, and is given up. */
struct tx_plan {
	uint32_t first;
	uint32_t count;
};

/* What of a burst goes to one ring. */
struct tx_job {
	struct vring vr;
	struct vring_stage st;
	struct vhost_taken *taken;
	uint32_t header_bytes;
	bool is_mergeable;
	bool takes_sums;     /* GUEST_CSUM: the guest wants to know what we know of checksums */
	bool is_full;        /* the guest gave no more */
	uint32_t chain_room; /* for so many behind st.chains */
	uint32_t count;
	uint32_t planned;
	uint32_t lengths; /* of packets with one chain, or'ed */
	uint32_t chains_used;
	uint32_t sent;
	uint64_t sent_bytes;
	uint8_t packets[XVS_BATCH_MAX]; /* index in the burst */
	struct tx_plan plans[XVS_BATCH_MAX];
};

/* Of one worker, for sending: no burst leaves anything here. */
struct vhost_scratch {
	struct vring_segment *segments;
	struct vring_chain chains[VHOST_TAKEN_MAX];
	struct tx_job jobs[BACKEND_QUEUES_MAX];
};

/* [control] NULL: no memory.  Both take what was made so far, or NULL. */
struct vhost_batch *batch_create(void);
void batch_destroy(struct vhost_batch *b);
struct vhost_scratch *scratch_create(uint32_t workers);
void scratch_destroy(struct vhost_scratch *s, uint32_t workers);

/* [control] The ring starts with kicks on and nothing in hand. */
void batch_begin(struct vhost_ring *r);

static inline bool batch_is_asked(const struct vhost_batch *b)
{
	return atomic_load_explicit(&b->is_asked, memory_order_relaxed);
}

static inline void batch_ask(struct vhost_batch *b, bool is_asked)
{
	atomic_store_explicit(&b->is_asked, is_asked, memory_order_relaxed);
}

#endif /* XVS_PORT_VHOST_USER_BATCH_H */
