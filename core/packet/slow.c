/* SPDX-License-Identifier: Apache-2.0 */
/* slow.c - what is said to 01-80-C2-00-00-02: read bounded, believed in nothing. */
#include "packet/slow.h"

#include <string.h>

#include "base/bytes.h"

enum {
	ETHERTYPE_SLOW = 0x8809,
	SUBTYPE_LACP = 1,
	VERSION_MIN = 1,
	TLV_ACTOR = 1,
	TLV_ACTOR_BYTES = 20, /* with its type and length */
	ETHER_BYTES = 14,
};

static const uint8_t slow_address[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x02 };

bool packet_is_slow(const struct packet *p)
{
	return p->x.linear >= ETHER_BYTES && p->x.ethertype == ETHERTYPE_SLOW &&
	       !(p->x.flags & XVS_PKT_VLAN) &&
	       memcmp(p->x.data, slow_address, sizeof(slow_address)) == 0;
}

static bool is_lacp(const uint8_t *ether, const uint8_t *head)
{
	return memcmp(ether, slow_address, sizeof(slow_address)) == 0 &&
	       get_be16(ether + 12) == ETHERTYPE_SLOW && head[0] == SUBTYPE_LACP &&
	       head[1] >= VERSION_MIN;
}

bool lacp_read(const uint8_t *frame, uint32_t len, struct lacp_actor *actor)
{
	struct cursor c = cursor_of(frame, len);
	const uint8_t *ether = cursor_take(&c, ETHER_BYTES);
	const uint8_t *head = cursor_take(&c, 2);
	const uint8_t *tlv = cursor_take(&c, TLV_ACTOR_BYTES);

	if (!c.ok || !is_lacp(ether, head) || tlv[0] != TLV_ACTOR || tlv[1] != TLV_ACTOR_BYTES)
		return false;
	actor->system_priority = get_be16(tlv + 2);
	memcpy(actor->system, tlv + 4, sizeof(actor->system));
	actor->key = get_be16(tlv + 10);
	actor->port_priority = get_be16(tlv + 12);
	actor->port = get_be16(tlv + 14);
	actor->state = tlv[16];
	return true;
}
