/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/driver.h - what a device's driver says of itself (ethtool's interface).
 */
#ifndef XVS_PORT_AF_XDP_DRIVER_H
#define XVS_PORT_AF_XDP_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

struct driver {
	char name[32];   /* "veth", "ice"; "": it does not say */
	uint32_t queues; /* receive queues in use now; 1 where it does not say */
	bool gives_tags; /* a VLAN tag is handed over beside the frame even under XDP */
};

/* [control] Of the device with this name, in our namespace. */
void driver_read(const char *device, struct driver *out);

#endif /* XVS_PORT_AF_XDP_DRIVER_H */
