/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cdp.c - TLVs of CDP, read bounded.
 *
 *    +0 destination 01-00-0c-cc-cc-cc  +6 source  +12 length of what follows
 *    +14 LLC aa aa 03, SNAP 00 00 0c 20 00
 *    +22 version  +23 seconds that it holds  +24 checksum of all from +22
 *    +26 TLVs: type, length with these four bytes, value
 */
#include "packet/cdp.h"

#include <string.h>

#include "base/bytes.h"

enum {
	ETHER = 14,
	LENGTH_MAX = 1500,
	SNAP = 8,
	HEADER = 4,
	TLV_HEADER = 4,
	FRAME_OVERHEAD = 18,
	FRAME_MIN = 60,
	VID_MASK = 0xfff,
};

enum tlv_type {
	TLV_DEVICE = 1,
	TLV_PORT = 3,
	TLV_CAPABILITIES = 4,
	TLV_PLATFORM = 6,
	TLV_NATIVE_VLAN = 10,
	TLV_MTU = 17,
	TLV_SYSTEM = 20,
};

struct tlv {
	uint32_t type;
	uint32_t len;
	const uint8_t *value;
};

static const uint8_t cdp_address[6] = { 0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc };
static const uint8_t cdp_snap[SNAP] = { 0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00 };

static bool is_cdp_begin(const uint8_t *frame)
{
	return memcmp(frame, cdp_address, sizeof(cdp_address)) == 0 &&
	       get_be16(frame + 12) <= LENGTH_MAX &&
	       memcmp(frame + ETHER, cdp_snap, sizeof(cdp_snap)) == 0;
}

bool packet_is_cdp(const struct packet *p)
{
	return p->x.linear >= ETHER + SNAP && !(p->x.flags & XVS_PKT_VLAN) &&
	       is_cdp_begin(p->x.data);
}

/* ---- the checksum --------------------------------------------------------------------------------- */

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

/*
 * As in RFC 1071; but the last byte of an odd number is added by Cisco's devices as a word of its own, with
 * its sign, and one less for it where that is set.
 */
static uint64_t sum_of_pairs(const uint8_t *bytes, uint32_t len)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += get_be16(bytes + i);
	return sum;
}

static bool sum_is_right(const uint8_t *bytes, uint32_t len)
{
	uint64_t sum = sum_of_pairs(bytes, len);
	uint8_t last = len & 1 ? bytes[len - 1] : 0;
	uint16_t odd = last & 0x80 ? (uint16_t)(0xff00 | (last - 1)) : last;

	return fold(sum + odd) == UINT16_MAX || fold(sum + ((uint32_t)last << 8)) == UINT16_MAX;
}

/* ---- TLVs ----------------------------------------------------------------------------------------- */

static bool next_tlv(struct cursor *c, struct tlv *out)
{
	const uint8_t *header = cursor_take(c, TLV_HEADER);
	uint32_t len = header ? get_be16(header + 2) : 0;

	if (len < TLV_HEADER)
		return false;
	out->type = get_be16(header);
	out->len = len - TLV_HEADER;
	out->value = cursor_take(c, out->len);
	return c->ok;
}

/* Who says twice who he is says nothing. */
static bool read_id(const struct tlv *t, char out[LLDP_TEXT])
{
	if (out[0] != '\0' || t->len == 0)
		return false;
	neighbour_text(t->value, t->len, out);
	return true;
}

/* Of four bytes; some send two. */
static void read_mtu(const struct tlv *t, struct lldp_neighbour *out)
{
	uint32_t mtu = t->len >= 4 ? get_be32(t->value) : t->len == 2 ? get_be16(t->value) : 0;

	if (mtu && mtu <= UINT16_MAX - FRAME_OVERHEAD)
		out->max_frame = mtu + FRAME_OVERHEAD;
}

static void read_vlan(const struct tlv *t, struct lldp_neighbour *out)
{
	if (t->len < 2)
		return;
	out->pvid = get_be16(t->value) & VID_MASK;
	out->has_pvid = out->pvid != 0; /* 0 is none that could be meant */
}

static bool read_tlv(const struct tlv *t, struct lldp_neighbour *out)
{
	switch (t->type) {
	case TLV_DEVICE:
		return read_id(t, out->chassis);
	case TLV_PORT:
		return read_id(t, out->port);
	case TLV_PLATFORM:
		neighbour_text(t->value, t->len, out->description);
		return true;
	case TLV_SYSTEM:
		neighbour_text(t->value, t->len, out->system);
		return true;
	case TLV_MTU:
		read_mtu(t, out);
		return true;
	case TLV_NATIVE_VLAN:
		read_vlan(t, out);
		return true;
	default:
		return true;
	}
}

/* What is said to be there, is; what follows is the frame's padding. */
static bool find_message(const uint8_t *frame, uint32_t len, struct cursor *out)
{
	uint32_t said;

	if (len < ETHER + SNAP + HEADER || !is_cdp_begin(frame))
		return false;
	said = get_be16(frame + 12);
	if (said < SNAP + HEADER || said > len - ETHER)
		return false;
	*out = cursor_of(frame + ETHER + SNAP, said - SNAP);
	return sum_is_right(frame + ETHER + SNAP, said - SNAP);
}

bool cdp_read(const uint8_t *frame, uint32_t len, struct lldp_neighbour *out)
{
	struct lldp_neighbour n = { .is_cdp = true };
	const uint8_t *header;
	struct cursor c;
	struct tlv t;

	if (!find_message(frame, len, &c))
		return false;
	header = cursor_take(&c, HEADER);
	if (!header || header[0] < 1 || header[0] > 2)
		return false;
	n.ttl_s = header[1];
	while (c.at < c.end) {
		if (!next_tlv(&c, &t) || !read_tlv(&t, &n))
			return false;
	}
	if (n.chassis[0] == '\0' || n.port[0] == '\0')
		return false;
	*out = n;
	return true;
}

/* ---- what we tell ---------------------------------------------------------------------------------- */

enum { CAPABLE_HOST = 0x10, TEXT_MOST = LLDP_TEXT / 2 };

/* Cut to TEXT_MOST: all that is told fits in LLDP_OWN_BYTES. */
static uint8_t *add_text(uint8_t *at, enum tlv_type type, const char *text)
{
	size_t len = strnlen(text, TEXT_MOST);

	put_be16(at, (uint16_t)type);
	put_be16(at + 2, (uint16_t)(TLV_HEADER + len));
	memcpy(at + TLV_HEADER, text, len);
	return at + TLV_HEADER + len;
}

static uint8_t *add_number(uint8_t *at, enum tlv_type type, uint32_t number)
{
	put_be16(at, (uint16_t)type);
	put_be16(at + 2, TLV_HEADER + sizeof(number));
	put_be32(at + TLV_HEADER, number);
	return at + TLV_HEADER + sizeof(number);
}

uint32_t cdp_write(uint8_t frame[LLDP_OWN_BYTES], const struct lldp_own *own)
{
	uint8_t *header = frame + ETHER + SNAP;
	uint8_t *at = header + HEADER;
	uint32_t len;

	_Static_assert(ETHER + SNAP + HEADER + 2 * (TLV_HEADER + TEXT_MOST) + 2 * 8 + 7 <=
			       LLDP_OWN_BYTES,
		       "all of it fits");
	memset(frame, 0, LLDP_OWN_BYTES);
	memcpy(frame, cdp_address, sizeof(cdp_address));
	memcpy(frame + 6, own->mac, 6);
	memcpy(frame + ETHER, cdp_snap, sizeof(cdp_snap));
	header[0] = 2;
	header[1] = (uint8_t)(own->ttl_s < UINT8_MAX ? own->ttl_s : UINT8_MAX);
	at = add_text(at, TLV_DEVICE, own->system[0] ? own->system : "xvs");
	at = add_text(at, TLV_PORT, own->port);
	at = add_number(at, TLV_CAPABILITIES, CAPABLE_HOST);
	if (own->max_frame)
		at = add_number(at, TLV_MTU, own->max_frame - FRAME_OVERHEAD);
	at = add_text(at, TLV_PLATFORM, "xvs"); /* the last byte has no sign: see the checksum */
	len = (uint32_t)(at - header);
	put_be16(frame + 12, (uint16_t)(SNAP + len));
	put_be16(header + 2,
		 (uint16_t)~fold(sum_of_pairs(header, len) + (len & 1 ? header[len - 1] : 0)));
	len = (uint32_t)(at - frame);
	return len < FRAME_MIN ? FRAME_MIN : len;
}
