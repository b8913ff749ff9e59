/* SPDX-License-Identifier: Apache-2.0 */
/* switch/portview.h - "xvs.port/1" and "xvs.queue/1", to members of a switch that ask.  [control] */
#ifndef XVS_SWITCH_PORTVIEW_H
#define XVS_SWITCH_PORTVIEW_H

#include "switch/world.h"

/* Tells what is new of the port: it came, is up or down, changed, or has gone. */
void portview_tell(struct port *p);

/* What this floor offers to instances; NULL: not this one. */
const void *portview_offer(const char *id);

#endif /* XVS_SWITCH_PORTVIEW_H */
