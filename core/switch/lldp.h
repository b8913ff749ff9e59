/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/lldp.h - neighbours of uplinks: who they are, and whether what they say of themselves fits what is
 * sent there.  Inside this folder; all of it [control].
 */
#ifndef XVS_SWITCH_LLDP_H
#define XVS_SWITCH_LLDP_H

#include "packet/lldp.h"
#include "switch/world.h"

/* Of an uplink that has "xvs.lldp/1", or whose team has. */
struct lldp_port {
	bool is_known;
	struct lldp_neighbour neighbour; /* where it is known */
	uint64_t heard_ns;
	uint64_t gone_ns; /* unless it is heard again */
	uint64_t tell_ns; /* when it is told of us next */
};

/* Looks once a second, as long as any port has the policy.  -ENOMEM. */
int lldp_start(struct world *w);
void lldp_stop(struct world *w);
/* Behind all publishing: ports that listen or tell from now on, or no longer. */
void lldp_settle(struct vswitch *sw);
bool lldp_hears(const struct port *p);

/* {system, port, ...}; NULL: no neighbour is known.  New. */
json_t *lldp_json(const struct port *p);

/* ---- lldp_check.c ---- */
/* Sentences about what does not fit.  New. */
json_t *lldp_warnings(const struct port *p);

#endif /* XVS_SWITCH_LLDP_H */
