/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/dhcp_check.c - can the host port serve, and do the addresses fit its network?
 *
 * Each value was checked alone when it was read, so here it parses, or it is "" and was refused
 * already.  Which ports there are is known when the switch is planned: switch/plan_dhcp.c.
 */
#include <string.h>

#include "base/ipv4.h"
#include "config/check.h"

enum {
	RANGE_MAX = 65536,
	RESERVED_MAX = 4096,
	SERVERS_MAX = 8, /* names of servers in one answer */
};

static bool contains(struct ipv4 net, uint32_t address)
{
	return ((net.address ^ address) & ipv4_mask(net.len)) == 0;
}

/* One that a guest can have: of the network, and neither its first nor its last. */
static bool is_station(struct ipv4 net, uint32_t address)
{
	uint32_t mask = ipv4_mask(net.len);

	return contains(net, address) && (address & ~mask) != 0 && (address & ~mask) != ~mask;
}

/* NULL, and refused. */
static const struct port_spec *server_of(const struct switch_spec *s, struct diags *d)
{
	const struct port_spec *found = NULL;
	size_t hosts = 0;

	for (size_t i = 0; i < s->port_count; i++) {
		const struct port_spec *p = &s->ports[i];

		if (p->role != PORT_HOST)
			continue;
		hosts++;
		if (s->dhcp.port[0] == '\0' || strcmp(p->name, s->dhcp.port) == 0)
			found = p;
	}
	if (!found && s->dhcp.port[0])
		check_refuse(s, s->dhcp.at, d, "dhcp",
			     "the switch has no host port %s, which is to serve", s->dhcp.port);
	else if (!found)
		check_refuse(
			s, s->dhcp.at, d, "dhcp",
			"a host port with an address is missing: it is where the server listens");
	else if (s->dhcp.port[0] || hosts == 1)
		return found;
	else
		check_refuse(s, s->dhcp.at, d, "dhcp",
			     "the switch has %zu host ports: say by port which serves", hosts);
	return NULL;
}

/* False: refused. */
static bool server_net(const struct switch_spec *s, const struct port_spec *server,
		       struct ipv4 *net, struct diags *d)
{
	struct ipv4 inside;

	if (!ipv4_parse(server->address, net) || net->len > 30) {
		check_refuse(s, server->at, d, "dhcp",
			     "host port %s serves and needs an IPv4 address with prefix, as "
			     "192.168.10.2/24",
			     server->name);
		return false;
	}
	if (s->type != SWITCH_NAT || !ipv4_parse(s->nat.inside, &inside))
		return true;
	if (inside.len == net->len && contains(inside, net->address) &&
	    inside.address != net->address)
		return true;
	check_refuse(
		s, server->at, d, "dhcp",
		"host port %s serves at %s, which must be another address of the inside network %s",
		server->name, server->address, s->nat.inside);
	return false;
}

/* Who must not be given away; 0: nobody. */
static uint32_t gateway_of(const struct switch_spec *s)
{
	const char *text = s->dhcp.gateway[0]      ? s->dhcp.gateway
			   : s->type == SWITCH_NAT ? s->nat.inside
						   : "";
	struct ipv4 ip;

	return ipv4_parse(text, &ip) ? ip.address : 0;
}

static void check_range(const struct switch_spec *s, struct ipv4 net, struct diags *d)
{
	uint32_t gateway = gateway_of(s);
	uint32_t first;
	uint32_t last;

	if (!ipv4_range_parse(s->dhcp.range, &first, &last))
		return;
	if (!is_station(net, first) || !is_station(net, last))
		check_refuse(s, s->dhcp.at, d, "dhcp",
			     "the range %s is not of addresses of the server's network",
			     s->dhcp.range);
	else if (last - first >= RANGE_MAX)
		check_refuse(s, s->dhcp.at, d, "dhcp", "the range %s has more than %d addresses",
			     s->dhcp.range, RANGE_MAX);
	else if (net.address >= first && net.address <= last)
		check_refuse(s, s->dhcp.at, d, "dhcp",
			     "the range %s has the server's own address in it", s->dhcp.range);
	else if (gateway >= first && gateway <= last)
		check_refuse(s, s->dhcp.at, d, "dhcp", "the range %s has the gateway in it",
			     s->dhcp.range);
}

static bool is_same_adapter(const struct dhcp_reserved_spec *a, const struct dhcp_reserved_spec *b)
{
	return (a->port[0] && strcmp(a->port, b->port) == 0) ||
	       (a->has_mac && b->has_mac && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0);
}

static void check_reserved(const struct switch_spec *s, size_t idx, struct ipv4 net,
			   struct diags *d)
{
	const struct dhcp_reserved_spec *r = &s->dhcp.reserved[idx];
	struct ipv4 ip;

	if ((r->port[0] != '\0') == r->has_mac)
		check_refuse(s, r->at, d, "dhcp", "reserved %s: say by port or by mac who gets it",
			     r->address);
	if (r->name[0] && !dhcp_name_valid(r->name))
		check_refuse(
			s, r->at, d, "dhcp",
			"reserved %s: name %s is none of a host: letters, digits and hyphens, a "
			"letter first",
			r->address, r->name);
	if (!ipv4_parse(r->address, &ip))
		return;
	if (!is_station(net, ip.address) || ip.address == net.address ||
	    ip.address == gateway_of(s))
		check_refuse(s, r->at, d, "dhcp",
			     "reserved %s: it must be of the server's network, and neither its own "
			     "address nor the gateway's",
			     r->address);
	for (size_t i = 0; i < idx; i++) {
		const struct dhcp_reserved_spec *other = &s->dhcp.reserved[i];

		if (strcmp(r->address, other->address) != 0 && !is_same_adapter(r, other))
			continue;
		check_refuse(s, r->at, d, "dhcp", "reserved %s: %s", r->address,
			     is_same_adapter(r, other) ? "its adapter has another address already"
						       : "the address is reserved already");
		return;
	}
}

static void check_others(const struct switch_spec *s, struct ipv4 net, struct diags *d)
{
	struct ipv4 gateway;

	if (ipv4_parse(s->dhcp.gateway, &gateway) && !is_station(net, gateway.address))
		check_refuse(s, s->dhcp.at, d, "dhcp", "gateway %s is not of the server's network",
			     s->dhcp.gateway);
	if (s->dhcp.resolver.domain[0] && !dhcp_domain_valid(s->dhcp.resolver.domain))
		check_refuse(s, s->dhcp.at, d, "dhcp",
			     "domain %s is none: names of letters, digits and hyphens",
			     s->dhcp.resolver.domain);
	if (s->dhcp.dns_count > SERVERS_MAX || s->dhcp.resolver.forward_count > SERVERS_MAX)
		check_refuse(s, s->dhcp.at, d, "dhcp", "there may be %d name servers", SERVERS_MAX);
	if (s->dhcp.reserved_count > RESERVED_MAX)
		check_refuse(s, s->dhcp.at, d, "dhcp", "%zu addresses are reserved, may be %d",
			     s->dhcp.reserved_count, RESERVED_MAX);
}

void check_dhcp(const struct switch_spec *s, struct diags *d)
{
	const struct port_spec *server;
	struct ipv4 net;

	if (s->name[0] == '\0' || (s->dhcp.at.line == 0 && s->dhcp.range[0] == '\0'))
		return; /* nobody to speak of, or nothing */
	if (s->type != SWITCH_NAT && s->type != SWITCH_INTERNAL) {
		check_refuse(s, s->dhcp.at, d, "dhcp",
			     "only a switch of type nat or internal has a server: on others guests "
			     "would answer to networks that are not ours");
		return;
	}
	server = server_of(s, d);
	if (!server || !server_net(s, server, &net, d))
		return;
	check_range(s, net, d);
	check_others(s, net, d);
	for (size_t i = 0; i < s->dhcp.reserved_count && i < RESERVED_MAX; i++)
		check_reserved(s, i, net, d);
}
