/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/peer.h - who is at the other end of a UNIX socket, and what it may do.
 */
#ifndef XVS_RPC_PEER_H
#define XVS_RPC_PEER_H

#include <sys/types.h>

#include "base/error.h"
#include "control/protocol.h"

enum { PEER_GROUPS_MAX = 256 };

/* As the kernel noted it when the peer connected. */
struct peer {
	pid_t pid;
	uid_t uid;
	gid_t groups[PEER_GROUPS_MAX]; /* its own group first */
	size_t group_count;
};

/* [control] */
int peer_read(int fd, struct peer *out, struct xvs_error *err);

/* [any] 'operators' is the group of operators, (gid_t)-1 for none. */
enum rpc_role peer_role(const struct peer *p, uid_t daemon, gid_t operators);

/* [control] The id of a group by name, (gid_t)-1 if there is none. */
gid_t peer_group(const char *name);

#endif /* XVS_RPC_PEER_H */
