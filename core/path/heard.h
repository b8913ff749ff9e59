/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/heard.h - what an adjacent switch tells of itself (LLDP, CDP), kept for the control thread.
 *
 * One frame a port, the last one.  It goes on its way all the same, which
 * ends soon, since such frames are for the nearest station only.
 */
#ifndef XVS_PATH_HEARD_H
#define XVS_PATH_HEARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "packet/lldp.h"

struct burst;
struct path_port;

enum heard_state { HEARD_NOTHING = 0, HEARD_SEIZED = 1, HEARD_FULL = 2 };

struct path_heard {
	_Atomic uint32_t state; /* enum heard_state: whose the rest is */
	uint32_t len;
	bool is_cdp;
	uint8_t bytes[LLDP_BYTES];
};

/* [control] Room for what the port hears, while its configuration says that it does.  -ENOMEM. */
int path_hear(struct path_port *port);
/* [control] What it has heard since the last call; false: nothing, or no such thing. */
bool path_heard(struct path_port *port, struct lldp_neighbour *out);

/* [worker] Of the packets to groups, those that came in at this port. */
void heard_keep(const struct burst *b, const struct path_port *port, uint64_t groups);

#endif /* XVS_PATH_HEARD_H */
