/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be told only by the bytes: link-layer addresses in ARP and neighbour discovery.
 *
 * A claim "this IP address is at this MAC address" is honest if the MAC address is the one that
 * sent the frame (which, unless transmits may be forged, is the adapter's) and the IP address is
 * bound to the port.  What does not end within the readable bytes is not honest.
 *
 *    ARP                                   ND: RS, NS, NA (RFC 4861, 4.1, 4.3, 4.4)
 *    +0 hardware type  +2 protocol type    +0 type  +1 code  +2 checksum
 *    +4 lengths 6, 4   +6 operation        +4 reserved
 *    +8 sender MAC     +14 sender IP       +8 target address (NS, NA)
 *    +18 target MAC    +24 target IP       +8 or +24 options: type, length in 8 bytes, ...
 */
#include <string.h>

#include "guard.h"
#include "xvs/ext/sdk.h"

enum nd_type { ND_ROUTER_SOLICIT = 133, ND_NEIGHBOUR_SOLICIT = 135, ND_NEIGHBOUR_ADVERT = 136 };
enum nd_option { ND_SOURCE_LINK = 1, ND_TARGET_LINK = 2 };
enum { ARP_BYTES = 28, IPV6_BYTES = 40, ICMPV6 = 58 };

bool guard_arp_is_honest(const struct xvs_packet *p)
{
	static const uint8_t ethernet_ipv4[6] = { 0, 1, 8, 0, 6, 4 };
	const uint8_t *arp = p->data + p->l3_off;

	if (p->l3_off < 14 || p->l3_off + (uint32_t)ARP_BYTES > p->linear)
		return false;
	return memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) == 0 &&
	       memcmp(arp + 8, p->data + 6, 6) == 0;
}

bool guard_is_nd(const struct xvs_packet *p)
{
	uint8_t type;

	if ((p->flags & (XVS_PKT_IPV6 | XVS_PKT_L4)) != (XVS_PKT_IPV6 | XVS_PKT_L4) ||
	    p->l4_proto != ICMPV6 || p->l4_off >= p->linear)
		return false;
	type = p->data[p->l4_off];
	return type == ND_ROUTER_SOLICIT || type == ND_NEIGHBOUR_SOLICIT ||
	       type == ND_NEIGHBOUR_ADVERT;
}

/* Every link-layer address option in [at, end) is the sender's. */
static bool options_are_honest(const struct xvs_packet *p, uint32_t at, uint32_t end)
{
	while (at < end) {
		const uint8_t *option = p->data + at;
		uint32_t size;

		if (at + 8 > end)
			return false;
		size = option[1] * 8u;
		if (size == 0 || at + size > end)
			return false;
		if ((option[0] == ND_SOURCE_LINK || option[0] == ND_TARGET_LINK) &&
		    (size != 8 || memcmp(option + 2, p->data + 6, 6) != 0))
			return false;
		at += size;
	}
	return true;
}

/* An advertisement claims its target; so does a solicitation by one who has no address yet. */
static bool claims_target(const struct xvs_packet *p, uint8_t type)
{
	static const uint8_t unspecified[16];

	return type == ND_NEIGHBOUR_ADVERT ||
	       memcmp(p->data + p->l3_off + 8, unspecified, sizeof(unspecified)) == 0;
}

bool guard_nd_is_honest(const struct guard_policy *policy, const struct xvs_packet *p)
{
	const uint8_t *nd = p->data + p->l4_off;
	uint32_t options = p->l4_off + (nd[0] == ND_ROUTER_SOLICIT ? 8u : 24u);
	uint32_t end;

	if (p->l3_off + (uint32_t)IPV6_BYTES > p->linear)
		return false;
	end = p->l3_off + (uint32_t)IPV6_BYTES + xvs_get16(p->data + p->l3_off + 4);
	if (end > p->linear || options > end)
		return false;
	if (nd[0] != ND_ROUTER_SOLICIT && claims_target(p, nd[0]) &&
	    !guard_is_bound(policy, nd + 8))
		return false;
	return options_are_honest(p, options, end);
}
