/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/partial.h - checksums that a sender on this host has left for an adapter to finish.
 */
#ifndef XVS_PORT_AF_XDP_PARTIAL_H
#define XVS_PORT_AF_XDP_PARTIAL_H

#include "packet/packet.h"

/*
 * [worker] A received packet whose TCP or UDP checksum is the sum of the pseudo header gets
 * CSUM_TODO.  Only linear bytes are looked at; before packet_parse().
 */
void partial_mark(struct packet *p);

#endif /* XVS_PORT_AF_XDP_PARTIAL_H */
