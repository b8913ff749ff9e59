/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/slow.h - slow protocols (IEEE 802.3, annex 57A): what an adjacent switch with a LACP group
 * says (IEEE 802.1AX-2020, 6.4.2).  We are its partner in nothing; operators want to know that it is there.
 */
#ifndef XVS_PACKET_SLOW_H
#define XVS_PACKET_SLOW_H

#include "packet/packet.h"

/* One end of a link, as it tells of itself. */
struct lacp_actor {
	uint16_t system_priority;
	uint8_t system[6];
	uint16_t key;
	uint16_t port_priority;
	uint16_t port;
	uint8_t state;
};

/* [any] An untagged frame of a slow protocol? */
bool packet_is_slow(const struct packet *p);

/* [any] The sender of a LACPDU, from its Ethernet header on; false: it is none. */
bool lacp_read(const uint8_t *frame, uint32_t len, struct lacp_actor *actor);

#endif /* XVS_PACKET_SLOW_H */
