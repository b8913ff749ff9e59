/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/socket.h - where the front end of a port is met: at a UNIX socket on which we listen, or
 * one to which we connect, again and again.  All functions are [control].
 */
#ifndef XVS_PORT_VHOST_USER_SOCKET_H
#define XVS_PORT_VHOST_USER_SOCKET_H

#include "port/vhost_user/session.h"

struct vhost_socket;

/* The session is borrowed; it gets each front end that comes. */
int vhost_socket_open(const struct backend_config *c, struct loop *loop, struct session *s,
		      struct vhost_socket **out, struct xvs_error *err);
/* Removes the socket file if it is still ours.  NULL is fine. */
void vhost_socket_close(struct vhost_socket *k);
/* The session is free: the next front end may come. */
void vhost_socket_next(struct vhost_socket *k);
/* "listening", "connecting: ..." */
void vhost_socket_print(const struct vhost_socket *k, char *out, size_t size);

#endif /* XVS_PORT_VHOST_USER_SOCKET_H */
