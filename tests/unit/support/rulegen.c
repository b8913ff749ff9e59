/* SPDX-License-Identifier: Apache-2.0 */
/*
 * support/rulegen.c - see rulegen.h.
 */
#include "support/rulegen.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "packet/headers.h"

/* ---- chance ---------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(((*state >> 16 & UINT32_MAX) * below) >> 32);
}

/* Small numbers come more often. */
static uint32_t draw_skewed(uint64_t *state, uint32_t below)
{
	uint32_t a = draw(state, below);
	uint32_t b = draw(state, below);

	return a < b ? a : b;
}

/* One of some values, by weight; the last has weight 0 if weights do not end. */
struct choice {
	uint32_t weight;
	uint32_t value;
};

static uint32_t choose(uint64_t *state, const struct choice *choices)
{
	uint32_t total = 0;
	uint32_t at;

	for (const struct choice *c = choices; c->weight; c++)
		total += c->weight;
	at = draw(state, total);
	for (; at >= choices->weight; choices++)
		at -= choices->weight;
	return choices->value;
}

/* ---- kinds of site --------------------------------------------------------------------------- */

/* How a range of ports looks. */
enum { PORTS_ANY, PORTS_HIGH, PORTS_LOW, PORTS_SOME, PORTS_ONE };

/* Bits of an IPv4 prefix; of IPv6, see length_of(). */
struct site {
	struct choice src[8], dst[8];
	struct choice src_ports[6], dst_ports[6];
	struct choice proto[6];
};

enum { PROTO_ANY = 256 };

static const struct site sites[] = {
	[RULEGEN_ACL] = {
		.src = { { 12, 0 }, { 6, 16 }, { 10, 21 }, { 30, 24 }, { 12, 28 }, { 30, 32 } },
		.dst = { { 4, 0 }, { 4, 16 }, { 8, 22 }, { 24, 24 }, { 20, 27 }, { 40, 32 } },
		.src_ports = { { 97, PORTS_ANY }, { 2, PORTS_HIGH }, { 1, PORTS_ONE } },
		.dst_ports = { { 20, PORTS_ANY }, { 4, PORTS_HIGH }, { 16, PORTS_SOME }, { 60, PORTS_ONE } },
		.proto = { { 70, PROTO_TCP }, { 16, PROTO_UDP }, { 4, PROTO_ICMP }, { 10, PROTO_ANY } },
	},
	[RULEGEN_FW] = {
		.src = { { 45, 0 }, { 5, 8 }, { 5, 16 }, { 20, 24 }, { 25, 32 } },
		.dst = { { 30, 0 }, { 4, 12 }, { 6, 16 }, { 20, 24 }, { 40, 32 } },
		.src_ports = { { 75, PORTS_ANY }, { 12, PORTS_HIGH }, { 1, PORTS_LOW }, { 12, PORTS_ONE } },
		.dst_ports = { { 35, PORTS_ANY }, { 8, PORTS_HIGH }, { 2, PORTS_LOW }, { 10, PORTS_SOME },
			       { 45, PORTS_ONE } },
		.proto = { { 60, PROTO_TCP }, { 25, PROTO_UDP }, { 5, PROTO_ICMP }, { 1, 47 }, { 9, PROTO_ANY } },
	},
	[RULEGEN_IPC] = {
		.src = { { 20, 0 }, { 4, 8 }, { 6, 16 }, { 10, 22 }, { 20, 24 }, { 40, 32 } },
		.dst = { { 20, 0 }, { 4, 8 }, { 6, 16 }, { 10, 23 }, { 20, 24 }, { 40, 32 } },
		.src_ports = { { 80, PORTS_ANY }, { 6, PORTS_HIGH }, { 2, PORTS_SOME }, { 12, PORTS_ONE } },
		.dst_ports = { { 45, PORTS_ANY }, { 10, PORTS_HIGH }, { 5, PORTS_SOME }, { 40, PORTS_ONE } },
		.proto = { { 50, PROTO_TCP }, { 25, PROTO_UDP }, { 5, PROTO_ICMP }, { 20, PROTO_ANY } },
	},
};

/* ---- addresses ------------------------------------------------------------------------------- */

/* How many values a byte has below one parent: few networks, with many hosts. */
static const uint16_t widths_ipv4[4] = { 12, 40, 120, 256 };
static const uint16_t widths_ipv6[16] = {
	1, 1, 3, 40, 24, 60, 60, 200, 16, 16, 1, 1, 1, 1, 40, 256
};

static void draw_address(uint64_t *state, uint8_t *to, const uint16_t *widths, uint32_t bytes)
{
	uint32_t parent = 0x9e37;

	for (uint32_t i = 0; i < bytes; i++) {
		uint32_t value = draw_skewed(state, widths[i]);

		to[i] = (uint8_t)(value * 37 + (parent >> 8));
		parent = (parent ^ to[i]) * 0x01000193;
	}
}

static void draw_ip(const struct rulegen *g, uint64_t *state, uint8_t address[16])
{
	memset(address, 0, 16);
	if (g->is_ipv6) {
		draw_address(state, address, widths_ipv6, 16);
		address[0] = 0x20;
		address[1] = 0x01;
		return;
	}
	address[10] = 0xff;
	address[11] = 0xff;
	draw_address(state, address + 12, widths_ipv4, 4);
}

/* The same place in the hierarchy: a network of IPv4 is a /48 or so, a host is a /64 or /128. */
static uint8_t length_of(const struct rulegen *g, uint32_t ipv4_bits, uint64_t *state)
{
	if (ipv4_bits == 0)
		return 0;
	if (!g->is_ipv6)
		return (uint8_t)(96 + ipv4_bits);
	if (ipv4_bits == 32)
		return draw(state, 2) ? 64 : 128;
	return (uint8_t)(ipv4_bits <= 16 ? 24 + ipv4_bits / 2 : 16 + ipv4_bits + ipv4_bits / 3);
}

static void mask_address(struct xvs_ip *ip)
{
	for (uint32_t bit = ip->prefix_len; bit < 128; bit++)
		ip->addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

static void draw_prefix(const struct rulegen *g, uint64_t *state, const struct choice *lengths,
			struct xvs_ip *ip)
{
	ip->prefix_len = length_of(g, choose(state, lengths), state);
	if (ip->prefix_len == 0)
		return;
	draw_ip(g, state, ip->addr);
	mask_address(ip);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static bool draw_ports(uint64_t *state, const struct choice *kinds, struct acl_ports *ports)
{
	static const uint16_t known[] = { 80,   443,  53,   22,   25,   110,  143,  993,
					  1433, 1521, 3306, 5432, 8080, 6000, 2049, 161,
					  389,  636,  88,   135,  139,  445,  3389, 5060 };
	uint32_t kind = choose(state, kinds);
	uint32_t first;

	switch (kind) {
	case PORTS_ANY:
		return false;
	case PORTS_HIGH:
		*ports = (struct acl_ports){ 1024, UINT16_MAX };
		return true;
	case PORTS_LOW:
		*ports = (struct acl_ports){ 0, 1023 };
		return true;
	case PORTS_SOME:
		first = known[draw(state, sizeof(known) / sizeof(*known))];
		*ports = (struct acl_ports){ (uint16_t)first,
					     (uint16_t)(first + 1 + draw(state, 900)) };
		return true;
	default:
		first = draw(state, 4) ? known[draw_skewed(state, sizeof(known) / sizeof(*known))]
				       : draw(state, UINT16_MAX);
		*ports = (struct acl_ports){ (uint16_t)first, (uint16_t)first };
		return true;
	}
}

/* What a rule says more than others lets it come before them. */
static uint32_t weight_of(const struct acl_rule *r)
{
	uint32_t weight = (uint32_t)r->src.prefix_len + r->dst.prefix_len;

	weight += r->matches & ACL_PROTO ? 8 : 0;
	if (r->matches & ACL_SRC_PORTS)
		weight += r->src_ports.first == r->src_ports.last ? 16 : 6;
	if (r->matches & ACL_DST_PORTS)
		weight += r->dst_ports.first == r->dst_ports.last ? 16 : 6;
	return weight;
}

static void draw_rule(const struct rulegen *g, uint64_t *state, struct acl_rule *r)
{
	const struct site *site =
		&sites[g->kind == RULEGEN_MIX ? (enum rulegen_kind)draw(state, 3) : g->kind];
	uint32_t proto = choose(state, site->proto);

	memset(r, 0, sizeof(*r));
	r->matches = ACL_ETHERTYPE;
	r->ethertype = g->is_ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	draw_prefix(g, state, site->src, &r->src);
	draw_prefix(g, state, site->dst, &r->dst);
	if (proto != PROTO_ANY) {
		r->matches |= ACL_PROTO;
		r->proto = (uint8_t)proto;
	}
	if (proto == PROTO_TCP || proto == PROTO_UDP) {
		if (draw_ports(state, site->src_ports, &r->src_ports))
			r->matches |= ACL_SRC_PORTS;
		if (draw_ports(state, site->dst_ports, &r->dst_ports))
			r->matches |= ACL_DST_PORTS;
	}
	r->weight = weight_of(r);
}

/* Rules that are there already, found by their bytes: 'places' numbers of rules, 0 is free. */
struct known {
	uint32_t *rules;
	uint32_t places;
};

static bool is_new(const struct known *k, const struct acl_rule *rules, uint32_t number)
{
	const uint8_t *bytes = (const uint8_t *)&rules[number];
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint32_t place;

	for (size_t i = 0; i < sizeof(*rules); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	place = (uint32_t)(hash >> 32) % k->places;
	for (; k->rules[place]; place = (place + 1) % k->places) {
		if (memcmp(&rules[k->rules[place] - 1], bytes, sizeof(*rules)) == 0)
			return false;
	}
	k->rules[place] = number + 1;
	return true;
}

bool rulegen_rules(const struct rulegen *g, struct acl_rule *rules, uint32_t count)
{
	struct known known = { calloc(count + 1, 2 * sizeof(uint32_t)), 2 * count + 2 };
	uint64_t state = g->seed * 2 + 1;

	if (!known.rules)
		return false;
	for (uint32_t i = 0; i < count;) {
		draw_rule(g, &state, &rules[i]);
		i += is_new(&known, rules, i);
	}
	for (uint32_t i = 0; i < count; i++)
		rules[i].answer = i;
	free(known.rules);
	return true;
}

/* ---- packets --------------------------------------------------------------------------------- */

static void draw_inside(uint64_t *state, const struct xvs_ip *ip, uint8_t address[16])
{
	for (uint32_t bit = 0; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if (bit < ip->prefix_len)
			address[bit / 8] =
				(uint8_t)((address[bit / 8] & ~mask) | (ip->addr[bit / 8] & mask));
		else if (bit >= 96 && ip->prefix_len && draw(state, 2))
			address[bit / 8] ^= mask;
	}
}

static uint16_t draw_port(uint64_t *state, bool is_limited, const struct acl_ports *ports)
{
	if (!is_limited)
		return htons((uint16_t)draw(state, UINT16_MAX));
	return htons((uint16_t)(ports->first + draw(state, ports->last - ports->first + 1u)));
}

static void set_proto(struct xvs_flow_key *key, uint8_t proto)
{
	key->ip_proto = proto;
	if (proto == PROTO_TCP)
		key->tcp_flags = htons(0x002);
}

/* Any address that the rule does not name is one that the key has already. */
static void move_into(const struct acl_rule *r, uint64_t *state, struct xvs_flow_key *key)
{
	bool has_ports;

	key->ethertype = htons(r->ethertype);
	draw_inside(state, &r->src, key->ip_src);
	draw_inside(state, &r->dst, key->ip_dst);
	set_proto(key, r->matches & ACL_PROTO ? r->proto : PROTO_TCP);
	has_ports = key->ip_proto == PROTO_TCP || key->ip_proto == PROTO_UDP;
	key->l4_src = has_ports ? draw_port(state, r->matches & ACL_SRC_PORTS, &r->src_ports) : 0;
	key->l4_dst = has_ports ? draw_port(state, r->matches & ACL_DST_PORTS, &r->dst_ports) : 0;
}

void rulegen_key(const struct rulegen *g, const struct acl_rule *rules, uint32_t count,
		 uint64_t *state, struct xvs_flow_key *key)
{
	struct acl_rule some;

	memset(key, 0, sizeof(*key));
	draw_rule(g, state, &some);
	draw_ip(g, state, key->ip_src);
	draw_ip(g, state, key->ip_dst);
	move_into(draw(state, 8) && count ? &rules[draw(state, count)] : &some, state, key);
}
