/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replicate.h - the primary of a replication: a machine of this host of which another host is to have
 * a copy that is never older than so many seconds (api/vm-migration.md, section 6).  All of it is
 * [control].
 *
 *      idle -> disks asked -> admitted -> exports there -> ports saved, copies begun -> copied
 *        ^                                                                               |
 *        +---- bitmap of the point before goes <- committed <- files of ports sent ------+
 *
 * A beat that fails changes nothing of what counts; the next one begins anew.
 */
#ifndef XVS_HV_REPLICATE_H
#define XVS_HV_REPLICATE_H

#include "replica_plan.h"
#include "vm.h"

struct replicating;
struct rpc_call;

struct replicate_wish {
	const char *to;   /* a peer */
	uint32_t every_s; /* 0: as it was, or 300 */
	uint32_t points;  /* that the replica keeps; 0: as it was, or 4 */
};
/* Begins, or changes how often. */
int replicate_begin(struct vm *vm, const struct replicate_wish *wish, struct xvs_error *err);
/* The other host keeps what it has. */
int replicate_stop(struct vm *vm, struct xvs_error *err);
json_t *replicate_show(const struct vm *vm); /* new; NULL: it is not replicated */

/* ---- for the life of the machine ---------------------------------------------------------------- */

void replicate_recall(struct vm *vm); /* after a start of ours: what was written down */
void replicate_destroy(struct vm *vm);
/* Its conversation with QEMU is about to be closed. */
void replicate_hush(struct vm *vm);
/* Somebody else needs the disks, or changes the machine: what we read them by ends. */
void replicate_step_aside(struct vm *vm);
/* False: it has failed over to another host, 'err' says so. */
bool replicate_may_start(struct vm *vm, struct xvs_error *err);
/* True: the replica's host is asked first whether it runs there; it is started then. */
bool replicate_starts_later(struct vm *vm);

/* ---- calls of the replica's host ----------------------------------------------------------------- */

struct vm *replicate_find(const struct hv *hv, const char *id);
const char *replicate_to(const struct vm *vm); /* NULL: it is not replicated */
bool replicate_is_yielded(const struct vm *vm);
/* Answers the call, maybe later. */
void replicate_yield(struct vm *vm, struct rpc_call *call, uint64_t epoch, bool is_planned);
void replicate_unyield(struct vm *vm, struct rpc_call *call, uint64_t epoch);
/* It becomes a replica of what was its own: its record goes. */
int replicate_forget(struct vm *vm, struct xvs_error *err);

#endif /* XVS_HV_REPLICATE_H */
