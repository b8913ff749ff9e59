/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/marking.h - the DSCP of what a program of ours sends to another host.  [control]
 *
 * QEMU opens the connections of a move itself and sets no DSCP.  We get a descriptor of each socket of it
 * that is connected to one of the places (pidfd_getfd) and set it there: QEMU neither notices nor must
 * be trusted with it.
 */
#ifndef XVS_HV_MARKING_H
#define XVS_HV_MARKING_H

#include "base/error.h"
#include "process.h"

enum { MARKING_DSCP_MAX = 63, MARKING_PORTS = 2 };

struct marking {
	const char *host; /* in digits */
	uint16_t ports[MARKING_PORTS];
	uint8_t dscp;
};

/* How many sockets have it now that had another; -errno: it cannot be done at all, and why. */
int marking_set(const struct process *p, const struct marking *m, struct xvs_error *err);

#endif /* XVS_HV_MARKING_H */
