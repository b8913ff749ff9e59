/* SPDX-License-Identifier: Apache-2.0 */
/* rpc/listen.h - a UNIX socket that is listened on, in place of one that nobody serves. */
#ifndef XVS_RPC_LISTEN_H
#define XVS_RPC_LISTEN_H

#include "base/error.h"

/*
 * [control] Makes the folder of 'path', and refuses a path that another daemon or another kind of
 * file has; a socket that nobody serves is removed.  listen_open() does that too; this is for those
 * who put other things beside the socket before.
 */
int listen_prepare(const char *path, struct xvs_error *err);

/* [control] *out does not block.  'path' was bound by us: see listen_close(). */
int listen_open(const char *path, int *out, struct xvs_error *err);
/* [control] Closes, and removes the file if it is still the one that we bound. */
void listen_close(int fd, const char *path);

#endif /* XVS_RPC_LISTEN_H */
