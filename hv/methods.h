/* SPDX-License-Identifier: Apache-2.0 */
/* hv/methods.h - what xvs-hv answers on its control socket: api/control/xvs-hv-rpc.json.  [control] */
#ifndef XVS_HV_METHODS_H
#define XVS_HV_METHODS_H

#include "hv.h"
#include "rpc/rpc.h"

void methods_table(struct hv *hv, struct rpc_table *out);

/* methods_storage.c */
void on_vm_move_storage(struct rpc_call *call);
void on_vm_export(struct rpc_call *call);
void on_vm_import(struct rpc_call *call);

/* methods_move.c */
void on_vm_migrate(struct rpc_call *call);
void on_vm_move_show(struct rpc_call *call);
void on_vm_move_cancel(struct rpc_call *call);
void on_vm_resolve(struct rpc_call *call);

/* methods_replica.c */
void on_vm_replicate(struct rpc_call *call);
void on_vm_failover(struct rpc_call *call);

#endif /* XVS_HV_METHODS_H */
