/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/server.h - the control socket: connections, lines, and who may do what.  [control]
 */
#ifndef XVS_RPC_SERVER_H
#define XVS_RPC_SERVER_H

#include "base/loop.h"
#include "rpc/rpc.h"

struct server;

/*
 * Listens on a UNIX socket at 'path' (its folder is made if it is missing), open to everybody:
 * roles protect, not the mode of the file.  A socket file that nobody listens on is replaced; one
 * that answers belongs to another daemon: -EADDRINUSE.  'table' is borrowed.  The program ignores
 * SIGPIPE: callers leave when they like.
 */
int server_create(struct loop *loop, const char *path, const struct rpc_table *table,
		  struct server **out, struct xvs_error *err);
/* Ends all connections, also those with calls that run; removes the socket file.  NULL is fine. */
void server_destroy(struct server *s);

size_t server_connections(const struct server *s);

#endif /* XVS_RPC_SERVER_H */
