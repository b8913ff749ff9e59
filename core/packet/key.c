/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/key.c - the fields by which flows are told apart, read from a packet that was parsed.
 */
#include <arpa/inet.h>

#include "packet/headers.h"

static uint8_t key_bits(const struct xvs_packet *x)
{
	uint32_t bits = 0;

	bits |= x->flags & XVS_PKT_FRAG ? XVS_KEY_FRAG : 0;
	bits |= x->flags & XVS_PKT_LATER ? XVS_KEY_LATER : 0;
	bits |= x->flags & XVS_PKT_VLAN ? XVS_KEY_VLAN : 0;
	bits |= x->flags & XVS_PKT_SVLAN ? XVS_KEY_SVLAN : 0;
	bits |= x->flags & XVS_PKT_OPTIONS ? XVS_KEY_OPTIONS : 0;
	bits |= x->l3_off > ETHER_BYTES ? XVS_KEY_VLAN2 : 0;
	return (uint8_t)bits;
}

static void key_ether(const struct xvs_packet *x, struct xvs_flow_key *key)
{
	memcpy(key->eth_dst, x->data, 6);
	memcpy(key->eth_src, x->data + 6, 6);
	key->ethertype = htons(x->ethertype);
	key->vlan_tci = htons(x->vlan_tci);
	key->bits = key_bits(x);
	if (key->bits & XVS_KEY_VLAN2)
		memcpy(&key->vlan_inner, x->data + ETHER_BYTES, sizeof(key->vlan_inner));
}

static void map_ipv4(uint8_t to[16], const uint8_t *address)
{
	to[10] = 0xff;
	to[11] = 0xff;
	memcpy(to + 12, address, 4);
}

static void key_ipv4(const struct xvs_packet *x, struct xvs_flow_key *key)
{
	const uint8_t *ip = x->data + x->l3_off;

	key->ip_tos = ip[1];
	key->ip_ttl = ip[8];
	key->ip_proto = x->l4_proto;
	map_ipv4(key->ip_src, ip + 12);
	map_ipv4(key->ip_dst, ip + 16);
}

static void key_ipv6(const struct xvs_packet *x, struct xvs_flow_key *key)
{
	const uint8_t *ip = x->data + x->l3_off;

	key->ip_tos = (uint8_t)(get_be16(ip) >> 4);
	key->ip_ttl = ip[7];
	key->ip_proto = x->l4_proto;
	memcpy(key->ip_src, ip + 8, 16);
	memcpy(key->ip_dst, ip + 24, 16);
}

/* An operation that does not fit the field is told by 0, which is none that is in use. */
static void key_arp(const struct xvs_packet *x, struct xvs_flow_key *key)
{
	const uint8_t *arp = x->data + x->l3_off;
	uint16_t operation = get_be16(arp + 6);

	key->ip_proto = operation <= UINT8_MAX ? (uint8_t)operation : 0;
	map_ipv4(key->ip_src, arp + 14);
	map_ipv4(key->ip_dst, arp + 24);
}

static void key_l4(const struct packet *p, struct xvs_flow_key *key)
{
	const uint8_t *l4 = p->x.data + p->x.l4_off;

	if (!packet_has_ports(p)) {
		key->l4_src = htons(l4[0]);
		key->l4_dst = htons(l4[1]);
		return;
	}
	memcpy(&key->l4_src, l4, 2);
	memcpy(&key->l4_dst, l4 + 2, 2);
	if (p->x.l4_proto == PROTO_TCP)
		key->tcp_flags = htons(get_be16(l4 + 12) & 0x0fff);
}

void packet_key(const struct packet *p, uint32_t port, struct xvs_flow_key *key)
{
	*key = (struct xvs_flow_key){ .port = port };
	if (p->x.linear < ETHER_BYTES)
		return;
	key_ether(&p->x, key);
	if (p->x.flags & XVS_PKT_IPV4)
		key_ipv4(&p->x, key);
	else if (p->x.flags & XVS_PKT_IPV6)
		key_ipv6(&p->x, key);
	else if (packet_is_arp(p))
		key_arp(&p->x, key);
	if (p->x.flags & XVS_PKT_L4)
		key_l4(p, key);
}
