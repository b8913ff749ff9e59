/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/flowtext.c - key and mask as named fields.
 *
 * Numbers are printed whole where all their bits matter, as value/mask where some do.
 */
#include "control/flowtext.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "xvs/policy.h"

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, IPV4_AT = 12, ALL_BITS = 128 };

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static void put_mac(json_t *out, const char *name, const uint8_t mac[6], const uint8_t mask[6])
{
	static const uint8_t whole[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	char text[2 * MAC_TEXT + 1];
	char value[MAC_TEXT];
	char bits[MAC_TEXT];

	if (is_zero(mask, 6))
		return;
	if (memcmp(mask, whole, 6) == 0)
		(void)snprintf(text, sizeof(text), "%s", mac_print(mac, value));
	else
		(void)snprintf(text, sizeof(text), "%s/%s", mac_print(mac, value),
			       mac_print(mask, bits));
	(void)json_object_set_new(out, name, json_string(text));
}

static void put_number(json_t *out, const char *name, uint32_t value, uint32_t mask, uint32_t whole)
{
	char text[32];

	if (mask == whole) {
		(void)json_object_set_new(out, name, json_integer(value));
	} else if (mask) {
		(void)snprintf(text, sizeof(text), "0x%x/0x%x", value & mask, mask);
		(void)json_object_set_new(out, name, json_string(text));
	}
}

static void put_u16(json_t *out, const char *name, uint16_t value, uint16_t mask)
{
	put_number(out, name, ntohs(value), ntohs(mask), UINT16_MAX);
}

static unsigned leading_ones(const uint8_t mask[16])
{
	unsigned ones = 0;

	while (ones < ALL_BITS && mask[ones / 8] & 0x80 >> ones % 8)
		ones++;
	return ones;
}

static void put_ip(json_t *out, const char *name, const uint8_t addr[16], const uint8_t mask[16],
		   bool is_v4)
{
	struct xvs_ip ip = { .prefix_len = ALL_BITS };
	char text[IP_TEXT];
	uint8_t bits[16];

	if (is_zero(mask, sizeof(bits)))
		return;
	memcpy(ip.addr, addr, sizeof(ip.addr));
	memcpy(bits, mask, sizeof(bits));
	if (is_v4) {
		/* An examined prefix need not say that it is IPv4: the ethertype does. */
		static const uint8_t mapped[IPV4_AT] = { [10] = 0xff, [11] = 0xff };

		memcpy(ip.addr, mapped, sizeof(mapped));
		memset(bits, 0xff, sizeof(mapped));
	}
	ip.prefix_len = (uint8_t)leading_ones(bits);
	(void)json_object_set_new(out, name, json_string(ip_print(&ip, text)));
}

json_t *flow_match(const struct xvs_flow_key *key, const struct xvs_flow_key *mask)
{
	uint16_t ethertype = ntohs(key->ethertype);
	bool is_v4 = ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_ARP;
	json_t *out = json_object();
	char text[16];

	(void)snprintf(text, sizeof(text), "0x%04x", ethertype);
	(void)json_object_set_new(out, "ethertype", json_string(text));
	put_mac(out, "eth_src", key->eth_src, mask->eth_src);
	put_mac(out, "eth_dst", key->eth_dst, mask->eth_dst);
	if (key->bits & XVS_KEY_VLAN)
		put_u16(out, "vlan_tci", key->vlan_tci, mask->vlan_tci);
	put_ip(out, "ip_src", key->ip_src, mask->ip_src, is_v4);
	put_ip(out, "ip_dst", key->ip_dst, mask->ip_dst, is_v4);
	put_number(out, "ip_proto", key->ip_proto, mask->ip_proto, UINT8_MAX);
	put_number(out, "ip_tos", key->ip_tos, mask->ip_tos, UINT8_MAX);
	put_number(out, "ip_ttl", key->ip_ttl, mask->ip_ttl, UINT8_MAX);
	put_u16(out, "l4_src", key->l4_src, mask->l4_src);
	put_u16(out, "l4_dst", key->l4_dst, mask->l4_dst);
	put_u16(out, "tcp_flags", key->tcp_flags, mask->tcp_flags);
	if (key->bits & XVS_KEY_FRAG)
		(void)json_object_set_new(out, "fragment",
					  json_string(key->bits & XVS_KEY_LATER ? "later"
										: "first"));
	return out;
}
