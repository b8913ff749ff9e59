/* SPDX-License-Identifier: Apache-2.0 */
/* packet/igmp.h - the question who listens to which groups (IGMPv3, RFC 3376). */
#ifndef XVS_PACKET_IGMP_H
#define XVS_PACKET_IGMP_H

#include <stdint.h>

enum { IGMP_QUERY_BYTES = 60 };

/*
 * [any] A general query that is answered within a second, from no address: who asks so is no querier
 * and takes part in no election of one (RFC 4541, 2.1.1).  Its length.
 */
uint32_t igmp_query_write(uint8_t frame[IGMP_QUERY_BYTES], const uint8_t mac[6]);

#endif /* XVS_PACKET_IGMP_H */
