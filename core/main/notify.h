/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/notify.h - telling systemd how we are, by its protocol (sd_notify(3)), without its library.
 */
#ifndef XVS_MAIN_NOTIFY_H
#define XVS_MAIN_NOTIFY_H

#include "base/loop.h"

/* [control] "READY=1", "STOPPING=1"; nothing where nobody asked for it. */
void notify_send(const char *state);

/*
 * [control] If systemd asked for it: a sign of life of this thread and of every worker, at half the
 * time it waits.  A worker that is held in a call keeps the sign from being given, and systemd
 * restarts us.
 */
void notify_watch_start(struct loop *loop);
void notify_watch_stop(void);

#endif /* XVS_MAIN_NOTIFY_H */
