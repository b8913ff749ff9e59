/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/netns.h - network namespaces: opening one by name, doing something inside, coming back.
 */
#ifndef XVS_PORT_NETNS_H
#define XVS_PORT_NETNS_H

#include "base/error.h"

/*
 * [control] A descriptor of namespace 'name': /run/netns/NAME, or with a slash the path of a
 * namespace file.  It keeps the namespace alive until closed.
 */
int netns_open(const char *name, int *fd, struct xvs_error *err);

/*
 * [control] Runs fn(arg, err) with the calling thread inside namespace 'fd' and returns what it
 * returned.  Other threads stay where they are.  If the thread cannot come back the process ends:
 * all that it would do afterwards would happen to somebody else's devices.
 */
typedef int (*netns_fn)(void *arg, struct xvs_error *err);
int netns_run(int fd, netns_fn fn, void *arg, struct xvs_error *err);

#endif /* XVS_PORT_NETNS_H */
