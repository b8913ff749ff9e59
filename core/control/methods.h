/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods.h - the handlers of all methods, by file.  Inside this folder. */
#ifndef XVS_CONTROL_METHODS_H
#define XVS_CONTROL_METHODS_H

#include "control/control.h"

static inline struct world *world_of(const struct rpc_call *call)
{
	const struct control *c = rpc_context(call);

	return c->world;
}

/* ---- answer.c: what became of a change, as an answer ------------------------------------------- */

/* An outcome_fn whose 'arg' is the call. */
void answer_outcome(void *arg, const struct outcome *o);
/* 'result' is taken; NULL: there is no such object, "<what> <name>: not found". */
void answer_found(struct rpc_call *call, json_t *result, const char *what, const char *name);

/* ---- methods_switch.c: switches, ports, instances ---------------------------------------------- */

void on_switch_list(struct rpc_call *call);
void on_switch_show(struct rpc_call *call);
void on_port_list(struct rpc_call *call);
void on_port_show(struct rpc_call *call);
void on_port_stats(struct rpc_call *call);
void on_team_show(struct rpc_call *call);
/* In whose name the caller speaks; false: it may not, which has been answered. */
bool owner_read(struct rpc_call *call, enum owner *out);
void on_port_add(struct rpc_call *call);
void on_port_remove(struct rpc_call *call);
void on_port_save(struct rpc_call *call);
void on_port_restore(struct rpc_call *call);
void on_port_block(struct rpc_call *call);
void on_port_unblock(struct rpc_call *call);
void on_ext_list(struct rpc_call *call);
void on_ext_show(struct rpc_call *call);
void on_ext_rows(struct rpc_call *call);
void on_trust_show(struct rpc_call *call);
void on_ext_stats(struct rpc_call *call);
void on_ext_enable(struct rpc_call *call);
void on_ext_disable(struct rpc_call *call);
void on_ext_upgrade(struct rpc_call *call);

/* ---- methods_policy.c --------------------------------------------------------------------------- */

void on_policy_list(struct rpc_call *call);
void on_policy_show(struct rpc_call *call);
void on_policy_set(struct rpc_call *call);
void on_policy_unset(struct rpc_call *call);
void on_policy_help(struct rpc_call *call);

/* ---- methods_traffic.c: what the packet path knows ---------------------------------------------- */

void on_conn_list(struct rpc_call *call);
void on_conn_count(struct rpc_call *call);
void on_conn_flush(struct rpc_call *call);
void on_flow_list(struct rpc_call *call);
void on_flow_count(struct rpc_call *call);
void on_mac_list(struct rpc_call *call);
void on_dhcp_list(struct rpc_call *call);
void on_dhcp_show(struct rpc_call *call);
void on_nat_list(struct rpc_call *call);
void on_nat_show(struct rpc_call *call);
void on_nat_flush(struct rpc_call *call);
void on_mirror_list(struct rpc_call *call);
void on_drops(struct rpc_call *call);
void on_accounts(struct rpc_call *call);

/* ---- methods_migrate.c: moves between hosts ----------------------------------------------------- */

void on_migrate_port(struct rpc_call *call);
void on_migrate_prepare(struct rpc_call *call);
void on_migrate_freeze(struct rpc_call *call);
void on_migrate_commit(struct rpc_call *call);
void on_migrate_cancel(struct rpc_call *call);
void on_migrate_resolve(struct rpc_call *call);
void on_migrate_list(struct rpc_call *call);
void on_migrate_show(struct rpc_call *call);
void on_migrate_expect(struct rpc_call *call);

/* ---- methods_trace.c ------------------------------------------------------------------------------- */

void on_trace(struct rpc_call *call);

/* ---- methods_events.c: what the daemon told ------------------------------------------------------ */

void on_events(struct rpc_call *call);

/* ---- methods_worker.c ------------------------------------------------------------------------------ */

void on_workers(struct rpc_call *call);

/* ---- methods_capture.c: packets on their way ------------------------------------------------------ */

void on_capture_start(struct rpc_call *call);

/* ---- methods_config.c: the daemon and its file --------------------------------------------------- */

void on_status(struct rpc_call *call);
void on_version(struct rpc_call *call);
void on_config_check(struct rpc_call *call);
void on_config_diff(struct rpc_call *call);
void on_config_apply(struct rpc_call *call);
void on_config_reload(struct rpc_call *call);
void on_config_log(struct rpc_call *call);
void on_config_rollback(struct rpc_call *call);
void on_config_confirm(struct rpc_call *call);
void on_config_export(struct rpc_call *call);
void on_config_schema(struct rpc_call *call);

#endif /* XVS_CONTROL_METHODS_H */
