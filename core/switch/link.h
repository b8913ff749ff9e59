/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/link.h - what ports share of uplinks that have "xvs.link/1", and by which member of a team
 * a reservation is kept.  Inside this folder; all of it [control].
 */
#ifndef XVS_SWITCH_LINK_H
#define XVS_SWITCH_LINK_H

#include "policy/link.h"
#include "switch/plan.h"
#include "switch/world.h"

/* ---- link_home.c: reservations find their links ---- */

enum { LINK_NOWHERE = 0xff };

/* A port with a reservation. */
struct link_guest {
	uint64_t kbps;
	uint8_t pin;  /* the link that its policy names; LINK_NOWHERE: none */
	uint8_t home; /* out: where it is; LINK_NOWHERE: it fits nowhere */
};

struct link_room {
	uint64_t kbps;     /* of each link */
	uint32_t links;    /* how many there are, 8 at most */
	uint32_t usual;    /* bits of those that take who is pinned to none */
	uint64_t taken[8]; /* out */
};

/*
 * Those that are pinned, then the largest first, each where most is left: the same for the same ports,
 * whatever was before.  True: all have a home.
 */
bool link_house(struct link_room *room, struct link_guest *guests, size_t count);

/* ---- link.c ---- */

/* Its settings of this kind, or those of its team. */
const struct policy_link *link_policy(const struct port *p);
void compile_link(const struct port *p, struct port_conf *conf);
/* Behind all publishing: who has which share of the switch's uplinks. */
void link_settle(const struct vswitch *sw);

/*
 * By port number: the member at which its reservation is kept, where its packets leave by one and it is
 * pinned to none.
 */
void link_pins(const struct team *t, uint8_t pins[PORTS_MAX]);

#endif /* XVS_SWITCH_LINK_H */
