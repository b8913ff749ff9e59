/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passage.c - the frame:
 *
 *    +0 destination 03-78-76-73-00-00  +6 source  +12 88-b5 (IEEE Std 802, local experimental)
 *    +14 "xvs1"  +18 nonce  +26 place  +28 VLAN  +30 from
 */
#include "packet/passage.h"

#include <string.h>

#include "base/bytes.h"

enum { ETHER = 14, ETHERTYPE_LOCAL = 0x88b5, END = ETHER + 17 };

static const uint8_t group[6] = { 0x03, 0x78, 0x76, 0x73, 0x00, 0x00 };
static const uint8_t magic[4] = { 'x', 'v', 's', '1' };

static bool is_passage(const uint8_t *frame, uint32_t len)
{
	return len >= END && get_be16(frame + 12) == ETHERTYPE_LOCAL &&
	       memcmp(frame, group, sizeof(group)) == 0 &&
	       memcmp(frame + ETHER, magic, sizeof(magic)) == 0;
}

uint32_t passage_write(uint8_t bytes[PASSAGE_BYTES], const struct passage *p, const uint8_t mac[6])
{
	memset(bytes, 0, PASSAGE_BYTES);
	memcpy(bytes, group, sizeof(group));
	memcpy(bytes + 6, mac, 6);
	put_be16(bytes + 12, ETHERTYPE_LOCAL);
	memcpy(bytes + ETHER, magic, sizeof(magic));
	put_be32(bytes + 18, (uint32_t)(p->nonce >> 32));
	put_be32(bytes + 22, (uint32_t)p->nonce);
	put_be16(bytes + 26, p->place);
	put_be16(bytes + 28, p->vlan);
	bytes[30] = p->from;
	return PASSAGE_BYTES;
}

bool packet_is_passage(const struct packet *p)
{
	return p->x.ethertype == ETHERTYPE_LOCAL && is_passage(p->x.data, p->x.linear);
}

bool passage_read(const uint8_t *frame, uint32_t len, uint16_t vlan, struct passage *out)
{
	if (!is_passage(frame, len) || get_be16(frame + 28) != vlan)
		return false;
	*out = (struct passage){ .nonce = (uint64_t)get_be32(frame + 18) << 32 |
					  get_be32(frame + 22),
				 .place = get_be16(frame + 26),
				 .vlan = vlan,
				 .from = frame[30] };
	return true;
}
