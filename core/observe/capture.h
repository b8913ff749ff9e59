/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe/capture.h - a capture session: a tap on the packet path, and the memory it copies into.
 *
 * Everything here is [control].  The session does not read what it captures: that is for the
 * program that gets the descriptor.
 */
#ifndef XVS_OBSERVE_CAPTURE_H
#define XVS_OBSERVE_CAPTURE_H

#include "control/capture.h"
#include "path/path.h"

struct capture;

struct capture_spec {
	enum capture_point point;
	uint32_t port;     /* 0: all */
	uint16_t instance; /* of BEFORE and AFTER */
	uint32_t snaplen;  /* 0, or more than there are: whole packets */
};

/* Packets are copied from now on.  -EBUSY: there are too many sessions already. */
int capture_start(struct path *path, const struct capture_spec *spec, struct capture **out,
		  struct xvs_error *err);
/* Of the memory; the session's, so duplicate it to give it away. */
int capture_descriptor(const struct capture *c);
/* Frees it after a grace period.  NULL is fine. */
void capture_stop(struct capture *c);

#endif /* XVS_OBSERVE_CAPTURE_H */
