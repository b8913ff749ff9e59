/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/device.h - one vhost-user port: what the control thread and the workers share.
 *
 *      session.c  the conversation with the front end (QEMU, virtio-user): builds views   [control]
 *      view       what the guest gave, as one immutable object: memory, log, where rings are
 *      ring       positions in one ring, mirrored in a file, so that a restart goes on there
 *      rx.c tx.c  from a guest's transmit ring, to a guest's receive rings                [worker]
 *
 * The one rule (architecture 16.4d): whatever changes, the session builds a new view, publishes it,
 * waits for a grace period, and only then unmaps, reads a ring's positions or replies.  A worker
 * reads the view once a burst, in rx() and in tx(), and keeps no pointer into a guest longer than
 * that burst.  A ring that the view does not show is not touched.
 *
 * Everything that the guest can write is read once, into our own memory, and checked there.  What
 * cannot be true ends in vhost_break(): the port loses its front end with a reason, nothing else
 * happens.
 *
 * Sources: vhost-user protocol (QEMU docs/interop/vhost-user.rst, 7.2), virtio 1.2 sections 2.7
 * (split ring), 2.8 (packed ring), 5.1 (network device).
 */
#ifndef XVS_PORT_VHOST_USER_DEVICE_H
#define XVS_PORT_VHOST_USER_DEVICE_H

#include <stdatomic.h>

#include "base/rcu.h"
#include "base/worker.h"
#include "port/backend.h"

enum {
	VHOST_RINGS_MAX = 2 * BACKEND_QUEUES_MAX, /* even: to the guest; odd: from it (5.1.2) */
	VHOST_SLOTS_MAX = 32,                     /* memory regions */
	VHOST_SIZE_MAX = 32768,                   /* places of a ring */
	VHOST_PAGE = 4096,                        /* of the dirty log, always */
};

/* Feature bits that we know (virtio 1.2 5.1.3 and 6; vhost-user). */
enum vhost_feature {
	VHOST_NET_CSUM = 0,       /* the guest sends partial checksums */
	VHOST_NET_GUEST_CSUM = 1, /* and takes them */
	VHOST_NET_MTU = 3,
	VHOST_NET_GUEST_TSO4 = 7,
	VHOST_NET_GUEST_TSO6 = 8,
	VHOST_NET_GUEST_ECN = 9,
	VHOST_NET_GUEST_UFO = 10,
	VHOST_NET_HOST_TSO4 = 11,
	VHOST_NET_HOST_TSO6 = 12,
	VHOST_NET_HOST_ECN = 13,
	VHOST_NET_HOST_UFO = 14,
	VHOST_NET_MRG_RXBUF = 15,
	VHOST_NET_STATUS = 16,
	VHOST_NET_CTRL_VQ = 17,
	VHOST_NET_GUEST_ANNOUNCE = 21,
	VHOST_NET_MQ = 22,
	VHOST_F_LOG_ALL = 26,
	VHOST_RING_INDIRECT = 28,
	VHOST_RING_EVENT_IDX = 29,
	VHOST_F_PROTOCOL_FEATURES = 30,
	VHOST_F_VERSION_1 = 32,
	VHOST_RING_PACKED = 34,
	VHOST_NET_GUEST_USO4 = 54,
	VHOST_NET_GUEST_USO6 = 55,
	VHOST_NET_HOST_USO = 56,
};

static inline bool vhost_has(uint64_t features, enum vhost_feature bit)
{
	return features >> bit & 1;
}

/* ---- the view ------------------------------------------------------------------------------- */

struct vhost_mapping; /* memory.c: one mmap, counted: views share it */

/* A run of guest memory in our address space. */
struct vhost_region {
	uint64_t guest; /* guest-physical address */
	uint64_t user;  /* address in the front end's process, in which ring addresses come */
	uint64_t size;
	uint8_t *host;
	struct vhost_mapping *mapping;
};

/* Where one ring is.  Pointers are checked: aligned, and [0, size) of each lies in one region. */
struct vhost_ring_view {
	uint8_t *desc;         /* NULL: not running (stopped, disabled or not set up) */
	uint8_t *driver;       /* split: available ring; packed: driver event suppression */
	uint8_t *device;       /* split: used ring; packed: device event suppression */
	uint64_t desc_guest;   /* guest-physical addresses of what we write, for the log */
	uint64_t device_guest; /* VHOST_VRING_F_LOG: log_guest_addr */
	uint16_t size;         /* split: a power of two */
	bool logs_ring;        /* VHOST_VRING_F_LOG */
	int call;              /* eventfd that interrupts the guest; -1: it polls */
	int kick;              /* what is readable when the guest kicked; -1: nobody asked */
};

struct vhost_view {
	struct rcu_node rcu;
	uint64_t features; /* as negotiated; VHOST_F_LOG_ALL: every byte written is logged */
	_Atomic uint8_t *log;
	uint64_t log_bytes;
	struct vhost_mapping *log_mapping;
	uint32_t region_count;
	struct vhost_region regions[VHOST_SLOTS_MAX];
	struct vhost_ring_view rings[VHOST_RINGS_MAX];
};

/* ---- memory.c ------------------------------------------------------------------------------- */

/*
 * [control] Maps 'size' bytes at 'offset' of the file.  Takes 'fd' in any case.  A file that is
 * shorter is refused.  Without F_SEAL_SHRINK the mapping is guarded: when the file is cut under
 * us, the SIGBUS handler puts a zero page over the hole and breaks the device (16.4e).  'align_to'
 * is the page size of huge pages, found by fstatfs().  NULL with *err.
 */
struct vhost_device;
struct vhost_mapping *vhost_map(struct vhost_device *d, int fd, uint64_t size, uint64_t offset,
				struct xvs_error *err);
uint8_t *vhost_mapping_bytes(const struct vhost_mapping *m);          /* at 'offset' */
void vhost_mapping_id(const struct vhost_mapping *m, uint64_t id[3]); /* st_dev, st_ino, offset */
struct vhost_mapping *vhost_mapping_get(struct vhost_mapping *m); /* [control] one more reference */
void vhost_mapping_put(struct vhost_mapping *m); /* [control] after a grace period; NULL is fine */

/* [any] In our space, or NULL: not wholly within one region.  No overflow, whatever the numbers. */
uint8_t *vhost_at_guest(const struct vhost_view *v, uint64_t guest, uint64_t len);
uint8_t *vhost_at_user(const struct vhost_view *v, uint64_t user, uint64_t len);
/* [any] The guest-physical address of that; false: none. */
bool vhost_user_to_guest(const struct vhost_view *v, uint64_t user, uint64_t len, uint64_t *guest);

/* [worker] Marks the pages of [guest, guest + len) dirty: atomic or.  Before the used index. */
void vhost_log(const struct vhost_view *v, uint64_t guest, uint64_t len);
/* [worker] The same for bytes by where we see them: within one region. */
void vhost_log_bytes(const struct vhost_view *v, const uint8_t *at, uint64_t len);

/* ---- ring.c: positions ------------------------------------------------------------------------ */

/* Wrap counters are bit 15, as in VHOST_USER_SET_VRING_BASE for packed rings; split: plain indices. */
struct vhost_position {
	uint16_t next_avail;
	uint16_t next_used;
};

struct vhost_mark; /* mirror.c: one ring in the mirror file; see there for how it survives a crash */

struct vhost_ring {
	struct vhost_device *device;
	uint32_t nr;
	struct vhost_mark *mark;
	struct vhost_position at; /* under 'lock' where several workers send; mirrored in 'mark' */
	uint16_t seen; /* split: the guest's index when it was last read; never behind next_avail */
	_Atomic uint32_t lock; /* taken for the two short sections of 16.5 */
	uint32_t senders;      /* workers that may send here: 1 needs no lock */
	/* told by facts(); 'bad': given back unsent, or not sent: of no length or header that can be */
	_Atomic uint64_t packets, bytes, full, kicks, bad;
	/* [worker] what somebody else gave back; [control] kicks that did not come */
	_Atomic uint64_t passed, late;
	struct vhost_batch *batch; /* rx.c: what a queue's worker has in hand; NULL: to the guest */
} __attribute__((aligned(64)));

/*
 * [control] Once a device, when ring_count, workers and mirror are set: makes 'rings', each with
 * its 'device', 'nr', 'mark' (without a mirror: in memory of our own) and 'senders' (all workers).
 */
int vhost_rings_open(struct vhost_device *d, struct xvs_error *err);
void vhost_rings_close(struct vhost_device *d); /* zeroed is fine */

/*
 * [control] No worker is inside, nor will be before the view is published.  'base' is what the
 * front end said (SET_VRING_BASE); positions of a mirror that is valid for the same memory file,
 * ring address and size win over it, and buffers that were reserved and not published when we died
 * are returned empty.
 */
void vhost_ring_start(struct vhost_ring *r, const struct vhost_view *v, uint32_t base);
/* [control] After the grace period behind a view without it.  The answer to GET_VRING_BASE. */
uint32_t vhost_ring_stop(struct vhost_ring *r, const struct vhost_view *last);
/*
 * [control] After vhost_ring_stop(), where the front end keeps the positions from now on: it got
 * them (GET_VRING_BASE) or the device was reset.  Not where a connection was lost: it is the mirror
 * alone that knows them then.
 */
void vhost_ring_forget(struct vhost_ring *r);

/* ---- the device ------------------------------------------------------------------------------- */

struct session;

struct vhost_device {
	struct backend backend;   /* first */
	struct vhost_view *view;  /* published; NULL: no front end */
	struct vhost_ring *rings; /* 2 * backend.rx_queues */
	uint32_t ring_count;
	uint32_t workers;
	struct loop *loop;
	char port_name[64];
	struct vhost_mirror *mirror;         /* NULL: no state directory */
	struct vhost_mirror *private_mirror; /* ring.c: then this one, which nobody takes up */
	struct vhost_scratch *scratch;       /* tx.c: one a worker */
	struct session *session;             /* [control] */
	_Atomic uint32_t is_broken; /* set once by whoever sees it; cleared with a new front end */
	char broken_why[120]; /* written by the one who set is_broken, before 'broken' is sent */
	struct letter broken; /* under way while is_sent */
	_Atomic uint32_t is_sent;
	int wake[BACKEND_QUEUES_MAX]; /* eventfds of our own beside the guests' kicks */
	_Atomic uint32_t rarp_due;    /* SEND_RARP: queue 0 gives one packet of 'rarp_mac' */
	uint8_t rarp_mac[6];
};

/* ---- break.c ---------------------------------------------------------------------------------- */

/*
 * [any] The guest did what cannot be: stop using it (rx and tx give nothing from now on), let the
 * control thread close the connection, log the reason and mark the link down.  The first reason
 * counts.  Uses atomics and write() alone, so that the SIGBUS handler may call it too.
 */
void vhost_break(struct vhost_device *d, const char *why);
/* [any] Look once a burst, and at no packet. */
static inline bool vhost_is_broken(const struct vhost_device *d)
{
	return atomic_load_explicit(&d->is_broken, memory_order_relaxed) != 0;
}

/* ---- kick.c ----------------------------------------------------------------------------------- */

/*
 * [worker] Kicks up to now are seen: backend.kick[queue] is not readable any more because of them.
 * Called by vhost_disarm(), before the ring is looked at.  'ring': that of the queue in the view, or
 * NULL where there is no view.  Does not block, whatever the descriptor's flags, which are the front
 * end's as well.
 */
void vhost_kick_clear(struct vhost_device *d, unsigned queue, const struct vhost_ring_view *ring);
/* [control] Wakes the worker of that queue as if the guest had kicked. */
void vhost_kick_self(struct vhost_device *d, unsigned queue);
/* [any] interrupt.c: interrupts the guest, and never waits.  -1 is fine. */
void vhost_call(int call);

/* ---- rx.c, tx.c ------------------------------------------------------------------------------- */

/* Those of struct backend_ops. */
uint32_t vhost_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
		  uint32_t max);
void vhost_rx_done(struct backend *b, unsigned queue);
uint32_t vhost_tx(struct backend *b, unsigned worker, struct packet *const *pkts, uint32_t count);
bool vhost_arm(struct backend *b, unsigned queue);
void vhost_disarm(struct backend *b, unsigned queue);

/* ---- mirror.c --------------------------------------------------------------------------------- */

/*
 * [control] The file STATE_DIR/vhost/PORT.rings, made or taken up again; mapped for as long as the
 * port is there.  A file that is no mirror of this version is begun anew.
 */
int vhost_mirror_open(const char *state_dir, const char *port, uint32_t rings, uint32_t workers,
		      struct vhost_mirror **out, struct xvs_error *err);
void vhost_mirror_close(struct vhost_mirror *m);
/* [control] Removes the file, and the folder with its last file. */
void vhost_mirror_remove(const char *state_dir, const char *port);
/* [control] There is a file, and it says nothing about any ring. */
bool vhost_mirror_is_blank(const char *state_dir, const char *port);
struct vhost_mark *vhost_mirror_mark(struct vhost_mirror *m, uint32_t ring);

#endif /* XVS_PORT_VHOST_USER_DEVICE_H */
