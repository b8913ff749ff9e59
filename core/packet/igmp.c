/* SPDX-License-Identifier: Apache-2.0 */
/* igmp.c - a general query, byte for byte. */
#include "packet/igmp.h"

#include <string.h>

#include "packet/sum.h"

enum { ETHER = 14, IP = 24, IGMP = 12, IP_SUM = 10, IGMP_SUM = 2 };

uint32_t igmp_query_write(uint8_t frame[IGMP_QUERY_BYTES], const uint8_t mac[6])
{
	/* 01-00-5e-00-00-01 is what 224.0.0.1 maps to: RFC 1112, section 6.4 */
	static const uint8_t ether[ETHER] = { 0x01, 0, 0x5e, 0, 0, 1, [12] = 0x08, 0x00 };
	/* TTL 1, router alert (RFC 2113), precedence of internetwork control, to 224.0.0.1 */
	static const uint8_t ip[IP] = { 0x46, 0xc0, 0, IP + IGMP, 0,   0, 0, 0, 1,    2, 0, 0,
					0,    0,    0, 0,         224, 0, 0, 1, 0x94, 4, 0, 0 };
	/* 1 s to answer, robustness 2, asked every 125 s, about all groups */
	static const uint8_t igmp[IGMP] = { 0x11, 10, [8] = 2, 125 };
	uint8_t *l3 = frame + ETHER;
	uint8_t *l4 = l3 + IP;

	memset(frame, 0, IGMP_QUERY_BYTES);
	memcpy(frame, ether, sizeof(ether));
	memcpy(frame + 6, mac, 6);
	memcpy(l3, ip, sizeof(ip));
	memcpy(l4, igmp, sizeof(igmp));
	sum_store(l3 + IP_SUM, sum_bytes(l3, IP), false);
	sum_store(l4 + IGMP_SUM, sum_bytes(l4, IGMP), false);
	return IGMP_QUERY_BYTES;
}
