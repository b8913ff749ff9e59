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

bool guard_nd_is_honest(const struct xvs_packet *p)
{
	const uint8_t *nd = p->data + p->l4_off;
	uint32_t options = p->l4_off + (nd[0] == ND_ROUTER_SOLICIT ? 8u : 24u);
	uint32_t end;

	if (p->l3_off + (uint32_t)IPV6_BYTES > p->linear)
		return false;
	end = p->l3_off + (uint32_t)IPV6_BYTES + xvs_get16(p->data + p->l3_off + 4);
	if (end > p->linear || options > end)
		return false;
	return options_are_honest(p, options, end);
}

static void map_v4(uint8_t out[16], const uint8_t address[4])
{
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, address, 4);
}

/* A probe (RFC 5227) claims nothing yet. */
static uint32_t arp_claims(const struct xvs_packet *p, uint8_t out[2][16])
{
	static const uint8_t nobody[4];
	const uint8_t *sender = p->data + p->l3_off + 14;

	map_v4(out[0], sender);
	return memcmp(sender, nobody, sizeof(nobody)) != 0;
}

uint32_t guard_claims(const struct xvs_packet *p, uint8_t out[2][16])
{
	static const uint8_t unspecified[16];
	const uint8_t *nd = p->data + p->l4_off;
	const uint8_t *source = p->data + p->l3_off + 8;
	uint32_t count = 0;

	if (!(p->flags & XVS_PKT_IPV6))
		return arp_claims(p, out);
	if (memcmp(source, unspecified, sizeof(unspecified)) != 0)
		memcpy(out[count++], source, 16);
	if (nd[0] != ND_ROUTER_SOLICIT && claims_target(p, nd[0]))
		memcpy(out[count++], nd + 8, 16);
	return count;
}

/*
 * BOOTP (RFC 951) behind UDP: +0 op 2, +16 your address, +28 hardware address, +236 the cookie of
 * DHCP (RFC 2131), +240 options: code, length, ...; 53 is the type of message, 5 an acknowledgement.
 */
bool guard_dhcp_gives(const struct xvs_packet *p, uint64_t mac, uint8_t address[16])
{
	enum { UDP_BYTES = 8, OPTIONS = 240, REPLY = 2, TYPE = 53, ACK = 5, PAD = 0, END = 255 };
	static const uint8_t cookie[4] = { 0x63, 0x82, 0x53, 0x63 };
	const uint8_t *dhcp = p->data + p->l4_off + UDP_BYTES;
	uint32_t end = p->linear - p->l4_off - UDP_BYTES;
	uint32_t at = OPTIONS;

	if (!(p->flags & XVS_PKT_L4) || p->l4_off + UDP_BYTES + (uint32_t)OPTIONS > p->linear ||
	    dhcp[0] != REPLY || guard_mac(dhcp + 28) != mac ||
	    memcmp(dhcp + OPTIONS - 4, cookie, sizeof(cookie)) != 0)
		return false;
	map_v4(address, dhcp + 16);
	while (at + 3 <= end && dhcp[at] != END) {
		if (dhcp[at] == TYPE)
			return dhcp[at + 1] == 1 && dhcp[at + 2] == ACK;
		at += dhcp[at] == PAD ? 1 : 2u + dhcp[at + 1];
	}
	return false;
}
