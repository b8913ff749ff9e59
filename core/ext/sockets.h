/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/sockets.h - what stands behind "xvs.loop/1"; for this folder only.
 *
 *   loop.c    the interface, watches, the end of all of it
 *   dial.c    a connection under way, without TLS
 *   listen.c  listeners
 *   relay.c   TLS outside, a socket pair inside
 *
 * All of it is [control].
 */
#ifndef XVS_EXT_SOCKETS_H
#define XVS_EXT_SOCKETS_H

#include "ext/network.h"
#include "ext/services.h"
#include "xvs/ext/loop.h"

enum { PEER_TEXT = TARGET_TEXT };

/* A callback of the extension, timed as all are. */
void connect_tell(struct instance *i, xvs_connect_fn done, void *arg, int fd, const char *text);

/* ---- dial.c ---- */
int dial_start(struct instance *i, const struct net_target *t, xvs_connect_fn done, void *arg);
void dials_end(struct instance *i); /* nobody is told */

/* ---- relay.c ---- */
/*
 * Who is told, once: 'fd' is the inner end, given, or a negative errno, and 'text' the other side's
 * address, or why not.
 */
struct relay_end;
typedef void (*relay_fn)(struct instance *i, const struct relay_end *end, int fd, const char *text);
struct relay_end {
	relay_fn fn;
	void *owner;
	xvs_connect_fn done; /* fn's own */
};

/* -ENOMEM, -EAGAIN */
int relay_connect(struct instance *i, const struct net_target *t, const struct relay_end *end);
/* 'fd' is taken in every case. */
int relay_accept(struct instance *i, int fd, const struct relay_end *end);
/* Those that have told this one nothing yet end, and never will; NULL: nor anybody. */
void relays_forget(struct instance *i, const struct relay_end *end);
/* 'max' that are to tell 'fn' are left, 64 at most: one that makes room ends, and tells that. */
void relays_make_room(struct instance *i, relay_fn fn, uint32_t max);
void relays_end(struct instance *i);

/* ---- listen.c ---- */
void listener_close(struct xvs_listener *l); /* accepts no more; the handle stays */
int loop_listen(const struct xvs_host *h, const char *text, xvs_accept_fn fn, void *arg,
		struct xvs_listener **out);
void loop_unlisten(const struct xvs_host *h, struct xvs_listener *l);
void listeners_close(struct instance *i);
void listeners_free(struct instance *i);

/* Is it allowed to?  -EPERM, -EINVAL, -ESHUTDOWN. */
int target_admit(struct instance *i, const char *text, bool listens, struct net_target *out);

#endif /* XVS_EXT_SOCKETS_H */
