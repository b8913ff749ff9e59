/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/descriptor.h - a counted file descriptor of the front end: the session holds it, and
 * every view in which workers may use it.  All functions are [control].
 */
#ifndef XVS_PORT_VHOST_USER_DESCRIPTOR_H
#define XVS_PORT_VHOST_USER_DESCRIPTOR_H

#include "base/error.h"

struct descriptor;

/* Takes 'fd' in any case.  NULL: no memory. */
struct descriptor *descriptor_create(int fd);
/* The same for what must be an eventfd, or NULL with err: what else is there may block or wake for
 * ever.  Makes it non-blocking. */
struct descriptor *descriptor_of_eventfd(int fd, struct xvs_error *err);
/* Readable every millisecond: in place of a kick, where the front end gives none. */
struct descriptor *descriptor_of_ticks(struct xvs_error *err);

struct descriptor *descriptor_get(struct descriptor *d); /* one more reference; NULL is fine */
void descriptor_put(struct descriptor *d);               /* closes with the last; NULL is fine */
int descriptor_fd(const struct descriptor *d);           /* -1 for NULL */

#endif /* XVS_PORT_VHOST_USER_DESCRIPTOR_H */
