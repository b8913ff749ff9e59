/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/nat_check.c - do the addresses of a nat switch agree with one another?
 *
 * Each value was checked alone when it was read, so here it parses, or it is "" and was refused
 * already.
 */
#include <string.h>

#include "base/ipv4.h"
#include "config/check.h"
#include "nat/neighbour.h"
#include "path/nat.h"

static bool is_station(struct ipv4 ip)
{
	uint32_t mask = ipv4_mask(ip.len);

	if (ip.address >> 24 == 0 || ip.address >> 24 == 127 || ip.address >> 24 >= 224)
		return false;
	return ip.len >= 31 || ((ip.address & ~mask) != 0 && (ip.address & ~mask) != ~mask);
}

static bool overlap(struct ipv4 a, struct ipv4 b)
{
	uint32_t mask = ipv4_mask(a.len < b.len ? a.len : b.len);

	return ((a.address ^ b.address) & mask) == 0;
}

static bool contains(struct ipv4 net, uint32_t address)
{
	return ((net.address ^ address) & ipv4_mask(net.len)) == 0;
}

static const char *const width = "the prefix of %s is %s, must be of 16 to 30 bits%s";

static void check_inside(const struct switch_spec *s, struct diags *d)
{
	struct ipv4 ip;

	if (!ipv4_parse(s->nat.inside, &ip))
		return;
	if (ip.len < NEIGHBOUR_PREFIX_MIN || ip.len > 30)
		check_refuse(s, s->nat.at, d, "nat", width, "inside", s->nat.inside, "");
	else if (!is_station(ip))
		check_refuse(s, s->nat.at, d, "nat", "inside is %s, which no station can have",
			     s->nat.inside);
}

static void check_outside(const struct switch_spec *s, struct diags *d)
{
	const struct nat_outside_spec *o = &s->nat.outside;
	bool has_way = o->gateway[0] == '\0';
	struct ipv4 inside = { 0 };
	struct ipv4 gateway = { 0 };
	struct ipv4 ip;

	(void)ipv4_parse(s->nat.inside, &inside);
	(void)ipv4_parse(o->gateway, &gateway);
	if (o->address_count > NAT_ADDRESSES_MAX)
		check_refuse(s, s->nat.at, d, "nat", "outside has %zu addresses, may have %d",
			     o->address_count, NAT_ADDRESSES_MAX);
	for (size_t i = 0; i < o->address_count; i++) {
		if (!ipv4_parse(o->addresses[i], &ip))
			continue;
		has_way |= contains(ip, gateway.address) && ip.address != gateway.address;
		if (ip.len < NEIGHBOUR_PREFIX_MIN)
			check_refuse(s, s->nat.at, d, "nat", width, "an outside address",
				     o->addresses[i], ", or of 32 for an address alone");
		else if (!is_station(ip))
			check_refuse(s, s->nat.at, d, "nat",
				     "outside address %s is one that no station can have",
				     o->addresses[i]);
		else if (overlap(ip, inside))
			check_refuse(s, s->nat.at, d, "nat",
				     "outside address %s is in the inside network %s",
				     o->addresses[i], s->nat.inside);
	}
	if (!has_way)
		check_refuse(s, s->nat.at, d, "nat",
			     "gateway %s is in no network of an outside address", o->gateway);
}

static bool is_outside(const struct nat_spec *n, const char *text)
{
	struct ipv4 want;
	struct ipv4 ip;

	for (size_t i = 0; ipv4_parse(text, &want) && i < n->outside.address_count; i++) {
		if (ipv4_parse(n->outside.addresses[i], &ip) && ip.address == want.address)
			return true;
	}
	return false;
}

static bool is_inside(const struct nat_spec *n, uint32_t address)
{
	struct ipv4 net;

	if (ipv4_parse(n->inside, &net) && contains(net, address))
		return net.address != address;
	for (size_t i = 0; i < n->route_count; i++) {
		if (ipv4_parse(n->routes[i].prefix, &net) && contains(net, address))
			return true;
	}
	return false;
}

/* Two may share an outside port for different remotes, as long as none is behind an equal one. */
static bool forwards_clash(const struct nat_spec *n, const struct nat_forward_spec *a,
			   const struct nat_forward_spec *b)
{
	const char *first = n->outside.address_count ? n->outside.addresses[0] : "";
	struct ipv4 left = { 0 };
	struct ipv4 right = { 0 };
	struct ipv4 to_a = { 0 };
	struct ipv4 to_b = { 0 };

	(void)ipv4_parse(a->address[0] ? a->address : first, &left);
	(void)ipv4_parse(b->address[0] ? b->address : first, &right);
	(void)ipv4_parse(a->remote[0] ? a->remote : "0.0.0.0/0", &to_a);
	(void)ipv4_parse(b->remote[0] ? b->remote : "0.0.0.0/0", &to_b);
	return a->proto == b->proto && a->port == b->port && left.address == right.address &&
	       to_a.len == to_b.len && overlap(to_a, to_b);
}

static void check_forward(const struct switch_spec *s, size_t idx, struct diags *d)
{
	const struct nat_forward_spec *f = &s->nat.forwards[idx];
	struct ipv4 to;

	if (f->address[0] && !is_outside(&s->nat, f->address))
		check_refuse(s, f->at, d, "nat",
			     "forward %u: %s is no outside address of the switch", f->port,
			     f->address);
	if (ipv4_parse(f->to, &to) && !is_inside(&s->nat, to.address))
		check_refuse(
			s, f->at, d, "nat",
			"forward %u: %s is in no inside network; a network behind a router needs an "
			"entry in routes",
			f->port, f->to);
	for (size_t i = 0; i < idx; i++) {
		if (!forwards_clash(&s->nat, f, &s->nat.forwards[i]))
			continue;
		check_refuse(s, f->at, d, "nat",
			     "forward %u: the port is forwarded already for the same remotes",
			     f->port);
		return;
	}
}

static void check_lists(const struct switch_spec *s, struct diags *d)
{
	const struct nat_spec *n = &s->nat;
	struct ipv4 inside;
	struct ipv4 via;

	if (n->forward_count > NAT_FORWARDS_MAX)
		check_refuse(s, n->at, d, "nat", "there are %zu forwards, may be %d",
			     n->forward_count, NAT_FORWARDS_MAX);
	if (n->pool_count > NAT_POOLS_MAX)
		check_refuse(s, n->at, d, "nat", "there are %zu pools, may be %d", n->pool_count,
			     NAT_POOLS_MAX);
	if (n->route_count > NAT_ROUTES_MAX)
		check_refuse(s, n->at, d, "nat", "there are %zu routes, may be %d", n->route_count,
			     NAT_ROUTES_MAX);
	for (size_t i = 0; i < n->forward_count && i < NAT_FORWARDS_MAX; i++)
		check_forward(s, i, d);
	for (size_t i = 0; i < n->pool_count; i++) {
		if (n->pools[i].address[0] && !is_outside(n, n->pools[i].address))
			check_refuse(s, n->pools[i].at, d, "nat",
				     "pool: %s is no outside address of the switch",
				     n->pools[i].address);
	}
	for (size_t i = 0; i < n->route_count && ipv4_parse(n->inside, &inside); i++) {
		if (ipv4_parse(n->routes[i].via, &via) &&
		    (!contains(inside, via.address) || via.address == inside.address))
			check_refuse(s, n->routes[i].at, d, "nat",
				     "route %s: %s is no station of the inside network %s",
				     n->routes[i].prefix, n->routes[i].via, n->inside);
	}
}

static const struct port_spec *uplink_of(const struct switch_spec *s)
{
	for (size_t i = 0; i < s->port_count; i++) {
		if (s->ports[i].role == PORT_UPLINK)
			return &s->ports[i];
	}
	return NULL;
}

void check_nat(const struct switch_spec *s, struct diags *d)
{
	bool has_block = s->nat.at.line != 0 || s->nat.inside[0] != '\0';

	if (s->name[0] == '\0')
		return; /* nobody to speak of; refused already */
	if (s->type != SWITCH_NAT) {
		if (has_block)
			diag_add_at(
				d, s->nat.at.line, s->nat.at.column,
				"switch %s: nat: a switch of type %s has none, make it type nat",
				s->name,
				s->type == SWITCH_EXTERNAL   ? "external"
				: s->type == SWITCH_INTERNAL ? "internal"
							     : "private");
		return;
	}
	if (!has_block) {
		diag_add_at(d, s->at.line, s->at.column,
			    "switch %s: nat is missing: a switch of type nat needs its inside and "
			    "outside addresses",
			    s->name);
		return;
	}
	if (!uplink_of(s))
		check_refuse(s, s->at, d, "nat", "an uplink is missing: it is the outside port");
	check_inside(s, d);
	check_outside(s, d);
	check_lists(s, d);
}
