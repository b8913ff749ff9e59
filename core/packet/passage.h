/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/passage.h - does a VLAN, and does a large frame, pass the adjacent switch from one of our links to
 * another?  Asked by a frame that links of a team send each other: to a group, with a local ethertype.
 */
#ifndef XVS_PACKET_PASSAGE_H
#define XVS_PACKET_PASSAGE_H

#include "packet/packet.h"

enum { PASSAGE_BYTES = 60 }; /* at least; zeroes may follow */

struct passage {
	uint64_t nonce; /* of the round: who did not see it cannot answer */
	uint16_t place; /* in the round */
	uint16_t vlan;  /* of its tag; 0: untagged */
	uint8_t from;   /* member of the team */
};

/* [any] A frame from this address, without its tag; its length. */
uint32_t passage_write(uint8_t bytes[PASSAGE_BYTES], const struct passage *p, const uint8_t mac[6]);

/* [any] One of a switch like this, whoever's. */
bool packet_is_passage(const struct packet *p);

/*
 * [any] From the Ethernet header on, without its tag, whose VLAN (0: none) is 'vlan'.  False: it is none, or
 * came with another tag than it left with; *out is untouched.
 */
bool passage_read(const uint8_t *frame, uint32_t len, uint16_t vlan, struct passage *out);

#endif /* XVS_PACKET_PASSAGE_H */
