/* SPDX-License-Identifier: Apache-2.0 */
/* lldp.c - TLVs of LLDP, read bounded and written. */
#include "packet/lldp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/str.h"

enum {
	ETHER = 14,
	ETHERTYPE_LLDP = 0x88cc,
	HEADER = 2,
	LENGTH_BITS = 9,
	LENGTH_MAX = (1 << LENGTH_BITS) - 1,
	SUBTYPE_MAC_OF_CHASSIS = 4,
	SUBTYPE_MAC_OF_PORT = 3,
	SUBTYPE_ADDRESS_OF_CHASSIS = 5,
	SUBTYPE_ADDRESS_OF_PORT = 4,
	SUBTYPE_NAME_OF_PORT = 5,
	FAMILY_IPV4 = 1,
	FAMILY_IPV6 = 2,
	VID_MASK = 0xfff,
	FRAME_MIN = 60,
};

/* Table 8-1. */
enum tlv_type {
	TLV_END = 0,
	TLV_CHASSIS = 1,
	TLV_PORT = 2,
	TLV_TTL = 3,
	TLV_DESCRIPTION = 4,
	TLV_SYSTEM = 5,
	TLV_ORGANIZATION = 127,
};

/* OUI and subtype as one number. */
enum organization {
	DOT1_PVID = 0x0080c201,
	DOT1_VLAN_NAME = 0x0080c203,
	DOT1_AGGREGATION = 0x0080c207,
	DOT3_AGGREGATION = 0x00120f03,
	DOT3_MAX_FRAME = 0x00120f04,
};

struct tlv {
	uint32_t type;
	uint32_t len;
	const uint8_t *value;
};

static bool is_lldp_address(const uint8_t *dst)
{
	static const uint8_t prefix[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	/* nearest bridge, nearest bridge that is no relay, nearest customer bridge: table 7-1 */
	return memcmp(dst, prefix, sizeof(prefix)) == 0 &&
	       (dst[5] == 0x0e || dst[5] == 0x03 || dst[5] == 0x00);
}

bool packet_is_lldp(const struct packet *p)
{
	return p->x.linear >= ETHER && p->x.ethertype == ETHERTYPE_LLDP &&
	       !(p->x.flags & XVS_PKT_VLAN) && is_lldp_address(p->x.data);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool next_tlv(struct cursor *c, struct tlv *out)
{
	const uint8_t *header = cursor_take(c, HEADER);
	uint32_t word = header ? get_be16(header) : 0;

	out->type = word >> LENGTH_BITS;
	out->len = word & LENGTH_MAX;
	out->value = header ? cursor_take(c, out->len) : NULL;
	return c->ok;
}

void neighbour_text(const uint8_t *bytes, uint32_t len, char out[LLDP_TEXT])
{
	uint32_t n = len < LLDP_TEXT - 1 ? len : LLDP_TEXT - 1;

	for (uint32_t i = 0; i < n; i++)
		out[i] = (char)(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '?');
	out[n] = '\0';
}

static bool address_of(const uint8_t *bytes, uint32_t len, char out[LLDP_TEXT])
{
	if (len == 5 && bytes[0] == FAMILY_IPV4)
		return inet_ntop(AF_INET, bytes + 1, out, LLDP_TEXT) != NULL;
	if (len == 17 && bytes[0] == FAMILY_IPV6)
		return inet_ntop(AF_INET6, bytes + 1, out, LLDP_TEXT) != NULL;
	return false;
}

/* A subtype and an id: 8.5.2, 8.5.3. */
static bool read_id(const struct tlv *t, uint8_t mac_subtype, uint8_t address_subtype,
		    char out[LLDP_TEXT])
{
	char mac[MAC_TEXT];

	if (t->len < 2 || t->len > 256)
		return false;
	if (t->value[0] == mac_subtype && t->len == 7) {
		(void)snprintf(out, LLDP_TEXT, "%s", mac_print(t->value + 1, mac));
		return true;
	}
	if (t->value[0] == address_subtype && address_of(t->value + 1, t->len - 1, out))
		return true;
	neighbour_text(t->value + 1, t->len - 1, out);
	return true;
}

static void read_vlan(const uint8_t *value, uint32_t len, struct lldp_neighbour *out)
{
	uint32_t vid = len >= 2 ? get_be16(value) & VID_MASK : 0;

	if (len < 3)
		return;
	out->has_vlans = true;
	out->vlans[vid / 64] |= UINT64_C(1) << (vid % 64);
}

static void read_organization(const struct tlv *t, struct lldp_neighbour *out)
{
	const uint8_t *value = t->value + 4;
	uint32_t len = t->len - 4;

	if (t->len < 4)
		return;
	switch (get_be32(t->value)) {
	case DOT1_PVID:
		out->has_pvid = len >= 2;
		out->pvid = len >= 2 ? get_be16(value) & VID_MASK : 0;
		break;
	case DOT1_VLAN_NAME:
		read_vlan(value, len, out);
		break;
	case DOT1_AGGREGATION:
	case DOT3_AGGREGATION:
		out->is_aggregated = len >= 1 && (value[0] & 3) == 3; /* can be, and is */
		break;
	case DOT3_MAX_FRAME:
		out->max_frame = len >= 2 ? get_be16(value) : 0;
		break;
	default:
		break;
	}
}

static void read_more(const struct tlv *t, struct lldp_neighbour *out)
{
	if (t->type == TLV_DESCRIPTION)
		neighbour_text(t->value, t->len, out->description);
	else if (t->type == TLV_SYSTEM)
		neighbour_text(t->value, t->len, out->system);
	else if (t->type == TLV_ORGANIZATION)
		read_organization(t, out);
}

/* These three come first, each once: 9.2.7.7. */
static bool read_first(struct cursor *c, struct lldp_neighbour *out)
{
	struct tlv t;

	if (!next_tlv(c, &t) || t.type != TLV_CHASSIS ||
	    !read_id(&t, SUBTYPE_MAC_OF_CHASSIS, SUBTYPE_ADDRESS_OF_CHASSIS, out->chassis))
		return false;
	if (!next_tlv(c, &t) || t.type != TLV_PORT ||
	    !read_id(&t, SUBTYPE_MAC_OF_PORT, SUBTYPE_ADDRESS_OF_PORT, out->port))
		return false;
	if (!next_tlv(c, &t) || t.type != TLV_TTL || t.len < 2)
		return false;
	out->ttl_s = get_be16(t.value);
	return true;
}

bool lldp_read(const uint8_t *frame, uint32_t len, struct lldp_neighbour *out)
{
	struct cursor c = cursor_of(frame, len);
	const uint8_t *ether = cursor_take(&c, ETHER);
	struct lldp_neighbour n = { .ttl_s = 0 };
	struct tlv t = { .type = TLV_ORGANIZATION };

	if (!ether || !is_lldp_address(ether) || get_be16(ether + 12) != ETHERTYPE_LLDP ||
	    !read_first(&c, &n))
		return false;
	/* an end that is missing is the frame's */
	while (c.at < c.end && t.type != TLV_END) {
		if (!next_tlv(&c, &t) || (t.type >= TLV_CHASSIS && t.type <= TLV_TTL))
			return false;
		read_more(&t, &n);
	}
	*out = n;
	return true;
}

/* ---- writing ------------------------------------------------------------------------------------- */

struct writer {
	uint8_t *at;
	uint8_t *end; /* with room for the end behind it */
};

static uint8_t *add(struct writer *w, enum tlv_type type, size_t len)
{
	uint8_t *value = w->at + HEADER;

	if ((size_t)(w->end - w->at) < HEADER + len)
		return NULL;
	put_be16(w->at, (uint16_t)((uint32_t)type << LENGTH_BITS | len));
	w->at = value + len;
	return value;
}

static void add_id(struct writer *w, enum tlv_type type, uint8_t subtype, const void *id,
		   size_t len)
{
	uint8_t *value = add(w, type, len + 1);

	if (!value)
		return;
	value[0] = subtype;
	memcpy(value + 1, id, len);
}

static void add_text(struct writer *w, enum tlv_type type, const char *text)
{
	size_t room = (size_t)(w->end - w->at);
	size_t len = strlen(text);
	uint8_t *value;

	if (room <= HEADER || len == 0)
		return;
	if (len > room - HEADER)
		len = room - HEADER;
	value = add(w, type, len);
	/* a TLV has a length, and no end */
	if (value)
		memcpy(value, text, len); /* NOLINT(bugprone-not-null-terminated-result) */
}

static void add_organization(struct writer *w, enum organization what, uint16_t number)
{
	uint8_t *value = add(w, TLV_ORGANIZATION, 6);

	if (!value)
		return;
	put_be32(value, (uint32_t)what);
	put_be16(value + 4, number);
}

/* What matters most comes first: who is cut is the description. */
uint32_t lldp_write(uint8_t frame[LLDP_OWN_BYTES], const struct lldp_own *own)
{
	static const uint8_t nearest_bridge[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e };
	struct writer w = { frame + ETHER, frame + LLDP_OWN_BYTES - HEADER };
	uint8_t *ttl;
	uint32_t len;

	memset(frame, 0, LLDP_OWN_BYTES);
	memcpy(frame, nearest_bridge, 6);
	memcpy(frame + 6, own->mac, 6);
	put_be16(frame + 12, ETHERTYPE_LLDP);
	add_id(&w, TLV_CHASSIS, SUBTYPE_MAC_OF_CHASSIS, own->mac, 6);
	add_id(&w, TLV_PORT, SUBTYPE_NAME_OF_PORT, own->port, strnlen(own->port, LLDP_TEXT / 2));
	ttl = add(&w, TLV_TTL, 2);
	if (ttl)
		put_be16(ttl, own->ttl_s);
	if (own->max_frame)
		add_organization(&w, DOT3_MAX_FRAME, own->max_frame);
	add_text(&w, TLV_SYSTEM, own->system);
	add_text(&w, TLV_DESCRIPTION, own->description);
	len = (uint32_t)(w.at - frame) + HEADER; /* the end is two zeroes */
	return len < FRAME_MIN ? FRAME_MIN : len;
}
