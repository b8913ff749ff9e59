/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/tap.h - looking at packets on their way: what "xvsctl capture" is to the packet path.
 *
 * A tap copies packets of one point into the rings of its memory, as they are there.  It changes
 * nothing, takes no packet and never waits.  Without taps each point costs one branch.
 */
#ifndef XVS_PATH_TAP_H
#define XVS_PATH_TAP_H

#include "base/capture_ring.h"
#include "base/rcu.h"

struct path;

enum { TAPS_MAX = 4 };

/* Constant while it is on the path. */
struct tap {
	struct rcu_node rcu; /* of path_tap_remove() */
	enum capture_point point;
	uint32_t port;     /* 0: all; of drops: where the packet ended, or where it entered */
	uint16_t instance; /* of BEFORE and AFTER */
	uint32_t snaplen;
	struct capture_memory *memory; /* with a ring for each worker */
};

/* [control] Borrowed until path_tap_remove() is done.  -EBUSY: there are TAPS_MAX already. */
int path_tap_add(struct path *path, struct tap *tap);
/* [control] gone(&tap->rcu) when no worker looks at it any more. */
void path_tap_remove(struct path *path, struct tap *tap, void (*gone)(struct rcu_node *node));

#endif /* XVS_PATH_TAP_H */
