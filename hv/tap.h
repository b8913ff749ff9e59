/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/tap.h - taps whose one end is QEMU's and whose other end xvsd attaches to.  [control]
 *
 * The host's own stack says nothing there: no addresses, no ARP, no IPv6.  The device stays, down,
 * while its machine is off, so that its port stays with it.
 */
#ifndef XVS_HV_TAP_H
#define XVS_HV_TAP_H

#include <stdbool.h>

#include "base/error.h"

/* 'queues' descriptors into 'fds'; the device is down. */
int tap_open(const char *device, uint32_t queues, int *fds, struct xvs_error *err);
int tap_set(const char *device, bool is_up, struct xvs_error *err);
void tap_remove(const char *device);

#endif /* XVS_HV_TAP_H */
