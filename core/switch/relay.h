/* SPDX-License-Identifier: Apache-2.0 */
/* switch/relay.h - frames for a machine that has left, from the workers to the control thread.  [control] */
#ifndef XVS_SWITCH_RELAY_H
#define XVS_SWITCH_RELAY_H

#include "path/path.h"
#include "port/backend.h"

struct relay;

/* frame(arg, bytes, len): as the guest would have got it, tag included; borrowed.  NULL: out of memory. */
struct relay *relay_create(struct loop *loop, void (*frame)(void *arg, const uint8_t *, size_t),
			   void *arg);
/* Nothing is told from now on, though it may be named still. */
void relay_silence(struct relay *r);
/* When no configuration names it any more.  NULL is fine. */
void relay_destroy(struct relay *r);
/* The configuration of a port that is closed, so that its packets go there. */
void relay_compile(struct relay *r, struct port_conf *conf);

#endif /* XVS_SWITCH_RELAY_H */
