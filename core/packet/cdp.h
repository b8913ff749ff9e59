/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/cdp.h - what an adjacent switch tells of itself by Cisco's discovery protocol, versions 1 and 2.
 *
 * It tells less than LLDP does, and is read into the same structure: the device is the chassis, its
 * platform the description.
 */
#ifndef XVS_PACKET_CDP_H
#define XVS_PACKET_CDP_H

#include "packet/lldp.h"

/* [any] An untagged frame of CDP? */
bool packet_is_cdp(const struct packet *p);

/*
 * [any] From the Ethernet header on; false: it is none, contradicts itself, or its checksum is wrong, and
 * *out is untouched.
 */
bool cdp_read(const uint8_t *frame, uint32_t len, struct lldp_neighbour *out);

/* [any] A frame of version 2; its length.  Texts that do not fit are cut. */
uint32_t cdp_write(uint8_t frame[LLDP_OWN_BYTES], const struct lldp_own *own);

#endif /* XVS_PACKET_CDP_H */
