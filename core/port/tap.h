/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/tap.h - between tap.c (packets) and tap_device.c (making the device); for nobody else.
 */
#ifndef XVS_PORT_TAP_H
#define XVS_PORT_TAP_H

#include "port/backend.h"
#include "port/link.h"

/* What tap_device_open() gives. */
struct tap_device {
	char name[IFNAMSIZ];
	uint32_t index; /* in the namespace where the device is */
	int nsid;       /* of that namespace, or LINK_HERE */
	uint32_t offloads;
};

/*
 * [control] Makes the device of 'c' with 'count' queues, brings it to its namespace, configures it
 * and sets it up.  The device lives as long as one of the descriptors fds[0..count).
 */
int tap_device_open(const struct backend_config *c, unsigned count, int *fds,
		    struct tap_device *out, struct xvs_error *err);

#endif /* XVS_PORT_TAP_H */
