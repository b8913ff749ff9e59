/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/transfer.h - what QEMU does in a move: orders in the sequence that it wants them, and waiting
 * for what follows.  [control]
 *
 * One work at a time; each ends once, also before the function returns.  What QEMU has become is
 * asked of it, not remembered: works may be repeated, and done by an xvs-hv that was started meanwhile.
 * Its events say when to ask again.
 */
#ifndef XVS_HV_TRANSFER_H
#define XVS_HV_TRANSFER_H

#include "qmp.h"
#include "spec.h"

struct transfer_options {
	const char *key_folder;   /* of keys.psk, which QEMU can read */
	uint64_t bandwidth;       /* bytes a second, of memory and of each disk; 0: no limit */
	uint32_t downtime_ms;     /* that is tried for at first */
	uint32_t downtime_max_ms; /* and at last */
	bool has_disks;           /* that go along */
	bool has_multifd;
	bool has_auto_converge; /* the guest is slowed down where it must be */
};

struct transfer;

/* 'why' NULL: well. */
typedef void (*transfer_done)(void *arg, const char *why);

/* 'options', 'spec' and 'qmp' are borrowed.  NULL: out of memory. */
struct transfer *transfer_create(struct loop *loop, struct qmp *qmp, const struct vm_spec *spec,
				 const struct transfer_options *options);
/* A work that runs is not answered; memory goes with QEMU's last answer.  NULL is fine. */
void transfer_destroy(struct transfer *t);
/* The conversation was closed, so that no answer comes any more; to be destroyed.  NULL is fine. */
void transfer_qmp_gone(struct transfer *t);
void transfer_event(struct transfer *t); /* QEMU has said something */
/* A work that waits ends with this.  False: there is none. */
bool transfer_interrupt(struct transfer *t, const char *why);

/* ---- the source ----------------------------------------------------------------------------------- */

/* Disks are copied to the exports at 'host', until all are alike. */
void transfer_mirror(struct transfer *t, const char *host, uint16_t port, transfer_done done,
		     void *arg);
/* Memory is copied, until the guest stands. */
void transfer_memory(struct transfer *t, const char *host, uint16_t port, transfer_done done,
		     void *arg);
/* Disks are no longer copied; they are alike. */
void transfer_drain(struct transfer *t, transfer_done done, void *arg);
/* The rest goes over; the guest stands and will not go on here by itself. */
void transfer_finish(struct transfer *t, transfer_done done, void *arg);
/* Nothing is copied any more, whatever there was.  The guest runs, if it ran until the freeze. */
void transfer_stop(struct transfer *t, transfer_done done, void *arg);
void transfer_resume(struct transfer *t, transfer_done done, void *arg);

/* What is done and left, from the last answer of QEMU; new. */
json_t *transfer_progress(const struct transfer *t);
/* From the guest's stop to the last byte, by QEMU's clock; 0: not known. */
uint64_t transfer_downtime_ms(const struct transfer *t);

/* ---- the target ----------------------------------------------------------------------------------- */

/*
 * QEMU, started to wait for its state, listens at 'host'.  'disks_fd' is a listening socket, which
 * is sent a copy of; -1: no disks come.
 */
void transfer_receive(struct transfer *t, const char *host, int disks_fd, transfer_done done,
		      void *arg);
uint16_t transfer_memory_port(const struct transfer *t); /* after that */
void transfer_release(struct transfer *t, transfer_done done, void *arg);
void transfer_loaded(struct transfer *t, transfer_done done, void *arg);

/* ---- replication ---------------------------------------------------------------------------------- */

/* What a beat copies; lives until its works have ended. */
struct replica_copy {
	const char *id;
	uint64_t base;     /* what changed since this point; 0: all */
	uint64_t sequence; /* of the point that is made */
	json_t *stale;     /* bitmaps that go; owned by whoever made this */
};
/* Copies begin, all of one moment, to the exports at 'host'. */
void transfer_copy_begin(struct transfer *t, struct replica_copy *copy, const char *host,
			 uint16_t port, transfer_done done, void *arg);
/* Until they have ended. */
void transfer_copy_wait(struct transfer *t, transfer_done done, void *arg);
/* The point is kept there: what changed since the one before is of no interest any more. */
void transfer_copy_forget(struct transfer *t, transfer_done done, void *arg);
/* The replica's side: the disks as they are now become a point; 'stale' (names) go. */
void transfer_point_keep(struct transfer *t, struct replica_copy *copy, transfer_done done,
			 void *arg);
uint64_t transfer_copied(const struct transfer *t); /* bytes */

#endif /* XVS_HV_TRANSFER_H */
