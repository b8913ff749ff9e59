/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/device.h - what the backends on Linux devices share: link facts that follow the kernel, and
 * counters that one worker writes and the control thread reads.
 */
#ifndef XVS_PORT_DEVICE_H
#define XVS_PORT_DEVICE_H

#include <stdatomic.h>

#include "port/backend.h"
#include "port/link.h"

/*
 * [control] Looks a device of our namespace up and brings it up.  Refused: not Ethernet, or, unless
 * 'may_carry', the host's own addresses on it.
 */
int device_prepare(const char *name, bool may_carry, struct link_facts *out, struct xvs_error *err);

/* [control] Writes the link facts of 'b' and tells its owner if one changed.  NULL: gone. */
void device_apply(struct backend *b, const struct link_facts *facts);

/*
 * [control] From now on the link facts of 'b' are those of device 'index' in namespace 'nsid'.
 * The owner is not told about the first facts, which stand there when this returns.
 */
int device_follow(struct backend *b, struct loop *loop, uint32_t index, int nsid,
		  struct link_watch **out, struct xvs_error *err);

/* [worker] Counters with one writer: a plain load and store, never a locked instruction. */
static inline void device_count(_Atomic uint64_t *counter, uint64_t more)
{
	const uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

/* [any] */
static inline uint64_t device_counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif /* XVS_PORT_DEVICE_H */
