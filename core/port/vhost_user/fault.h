/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/fault.h - what happens when a front end cuts the file under memory that we have mapped.
 */
#ifndef XVS_PORT_VHOST_USER_FAULT_H
#define XVS_PORT_VHOST_USER_FAULT_H

#include <stddef.h>

struct vhost_device;
struct fault_guard;

/*
 * [control] From now on a SIGBUS in [start, start + size) breaks the device, and the page ('page'
 * bytes, a power of two) reads as zeros.  NULL: no memory.
 */
struct fault_guard *fault_guard(struct vhost_device *d, void *start, size_t size, size_t page);
/* [control] When nobody touches that memory any more; NULL is fine. */
void fault_unguard(struct fault_guard *g);

#endif /* XVS_PORT_VHOST_USER_FAULT_H */
