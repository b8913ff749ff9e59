/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replica.h - copies of other hosts' machines: the replica's side of api/vm-migration.md, section 6.
 * All of it is [control].
 *
 * A replica is a machine of the list, vm->replica, with which nothing can be done but to fail over to it.
 * Its disks are qcow2 in its own folder; a point is an internal snapshot of all of them, with what
 * ports knew beside it (ports/=SEQUENCE@ADAPTER).
 */
#ifndef XVS_HV_REPLICA_H
#define XVS_HV_REPLICA_H

#include "rpc/rpc.h"
#include "vm.h"

struct remote_session;

/* After a start of ours, when machines by their definitions are in the list. */
void replicas_recall(struct hv *hv);
/* A connection of another host has ended. */
void replicas_left(struct hv *hv, const struct remote_session *session);
void replica_destroy(struct vm *vm);

/* It has failed over to here: it is a machine like others, but knows where it came from. */
bool replica_is_active(const struct vm *vm);
json_t *replica_show(const struct vm *vm); /* new */
/* A passive one goes, with all its points; -EBUSY: its primary was heard of a moment ago. */
int replica_remove(struct vm *vm, struct xvs_error *err);
/* The last step of its start: what its ports knew at the point is put back; then vm_go_on(). */
void replica_load(struct vm *vm);

extern const struct rpc_method replica_methods[];
extern const size_t replica_method_count;

#endif /* XVS_HV_REPLICA_H */
