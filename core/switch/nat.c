/* SPDX-License-Identifier: Apache-2.0 */
/* switch/nat.c - from what is wanted of a NAT to the numbers that packets are translated by. */
#include "switch/nat.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/error.h"
#include "base/ipv4.h"
#include "base/str.h"

enum { MS_PER_S = 1000, POOL_FIRST = 1024, POOL_LAST = 65535 };

/* Locally administered, and the same after each restart: neighbours remember it. */
void nat_mac(const struct nat_spec *s, const uint8_t uuid[16], uint8_t mac[6])
{
	if (s->outside.has_mac) {
		memcpy(mac, s->outside.mac, 6);
		return;
	}
	memcpy(mac, uuid + 10, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

static struct nat_own own_of(const char *text)
{
	struct ipv4 ip = { 0 };

	(void)ipv4_parse(text, &ip);
	return (struct nat_own){ ip.address, { ip.address, ipv4_mask(ip.len) } };
}

static struct nat_prefix prefix_of(const char *text)
{
	return text[0] ? own_of(text).prefix : (struct nat_prefix){ 0, 0 };
}

static uint32_t address_of(const char *text)
{
	return own_of(text).address;
}

/* The longest prefix first, so that the first that has an address is the one that counts. */
static int by_mask(const void *a, const void *b)
{
	const struct nat_route *left = a;
	const struct nat_route *right = b;

	return left->to.mask == right->to.mask ? 0 : left->to.mask > right->to.mask ? -1 : 1;
}

void nat_facts_of(const struct nat_spec *s, const uint8_t uuid[16], struct nat_facts *out)
{
	*out = (struct nat_facts){ .inside = own_of(s->inside),
				   .outside_count = (uint32_t)s->outside.address_count,
				   .route_count = (uint32_t)s->route_count };
	nat_mac(s, uuid, out->mac);
	if (s->outside.gateway[0])
		out->gateway = address_of(s->outside.gateway);
	for (size_t i = 0; i < s->outside.address_count; i++)
		out->outsides[i] = own_of(s->outside.addresses[i]);
	for (size_t i = 0; i < s->route_count; i++)
		out->routes[i] = (struct nat_route){ prefix_of(s->routes[i].prefix),
						     address_of(s->routes[i].via) };
	qsort(out->routes, out->route_count, sizeof(out->routes[0]), by_mask);
}

static int by_remote(const void *a, const void *b)
{
	const struct nat_forward *left = a;
	const struct nat_forward *right = b;

	return left->remote.mask == right->remote.mask  ? 0
	       : left->remote.mask > right->remote.mask ? -1
							: 1;
}

static struct nat_forward forward_of(const struct nat_spec *s, const struct nat_forward_spec *f)
{
	return (struct nat_forward){
		.proto = f->proto == NAT_PROTO_TCP ? PROTO_TCP : PROTO_UDP,
		.outside = address_of(f->address[0] ? f->address : s->outside.addresses[0]),
		.outside_port = (uint16_t)f->port,
		.inside = address_of(f->to),
		.inside_port = (uint16_t)(f->to_port ? f->to_port : f->port),
		.remote = prefix_of(f->remote),
	};
}

static struct nat_pool pool_of(const char *address, const char *ports)
{
	struct nat_pool pool = { address_of(address), POOL_FIRST, POOL_LAST };
	const char *dash = strchr(ports, '-');

	if (!dash)
		return pool;
	pool.first = (uint16_t)strtoul(ports, NULL, 10);
	pool.last = (uint16_t)strtoul(dash + 1, NULL, 10);
	return pool;
}

struct nat_rules *nat_rules_of(const struct nat_spec *s)
{
	struct nat_rules *r = nat_rules_create((uint32_t)s->forward_count);

	if (!r)
		return NULL;
	r->timeouts = (struct nat_timeouts){
		.tcp_established_ms = s->timeouts.tcp_established * MS_PER_S,
		.tcp_transitory_ms = s->timeouts.tcp_transitory * MS_PER_S,
		.udp_ms = s->timeouts.udp * MS_PER_S,
		.icmp_ms = s->timeouts.icmp * MS_PER_S,
	};
	r->filters_by_address = s->filtering == NAT_FILTERING_ADDRESS;
	r->udp_inbound_refresh = s->udp_inbound_refresh;
	r->host_sessions = s->host_sessions;
	for (size_t i = 0; i < s->forward_count; i++)
		r->forwards[i] = forward_of(s, &s->forwards[i]);
	qsort(r->forwards, r->forward_count, sizeof(r->forwards[0]), by_remote);
	for (size_t i = 0; i < s->pool_count; i++)
		r->pools[r->pool_count++] = pool_of(s->pools[i].address, s->pools[i].ports);
	for (size_t i = 0; s->pool_count == 0 && i < s->outside.address_count; i++)
		r->pools[r->pool_count++] = pool_of(s->outside.addresses[i], "");
	return r;
}

/* ---- what differs ------------------------------------------------------------------------------ */

/* Entries begin with their place in the file, which is no difference. */
static bool lists_differ(const void *a, size_t a_count, const void *b, size_t b_count, size_t size)
{
	const char *left = a;
	const char *right = b;

	if (a_count != b_count)
		return true;
	for (size_t i = 0; i < a_count; i++, left += size, right += size) {
		if (memcmp(left + sizeof(struct position), right + sizeof(struct position),
			   size - sizeof(struct position)) != 0)
			return true;
	}
	return false;
}

static bool outsides_differ(const struct nat_outside_spec *a, const struct nat_outside_spec *b)
{
	if (a->address_count != b->address_count || strcmp(a->gateway, b->gateway) != 0 ||
	    a->has_mac != b->has_mac || memcmp(a->mac, b->mac, sizeof(a->mac)) != 0)
		return true;
	for (size_t i = 0; i < a->address_count; i++) {
		if (strcmp(a->addresses[i], b->addresses[i]) != 0)
			return true;
	}
	return false;
}

enum { PARTS = 8 };

struct part {
	const char *name;
	bool differs;
};

static void compare(const struct nat_spec *a, const struct nat_spec *b, struct part out[PARTS])
{
	const struct part parts[PARTS] = {
		{ "inside", strcmp(a->inside, b->inside) != 0 },
		{ "outside", outsides_differ(&a->outside, &b->outside) },
		{ "forwards", lists_differ(a->forwards, a->forward_count, b->forwards,
					   b->forward_count, sizeof(*a->forwards)) },
		{ "pools", lists_differ(a->pools, a->pool_count, b->pools, b->pool_count,
					sizeof(*a->pools)) },
		{ "routes", lists_differ(a->routes, a->route_count, b->routes, b->route_count,
					 sizeof(*a->routes)) },
		{ "timeouts", memcmp(&a->timeouts, &b->timeouts, sizeof(a->timeouts)) != 0 },
		{ "filtering", a->filtering != b->filtering ||
				       a->udp_inbound_refresh != b->udp_inbound_refresh },
		{ "limits", a->host_sessions != b->host_sessions },
	};

	memcpy(out, parts, sizeof(parts));
}

bool nat_changes(const struct nat_spec *now, const struct nat_spec *next)
{
	struct part parts[PARTS];
	bool differs = false;

	compare(now, next, parts);
	for (size_t i = 0; i < PARTS; i++)
		differs |= parts[i].differs;
	return differs;
}

char *nat_differences(const struct nat_spec *now, const struct nat_spec *next)
{
	struct strbuf text = { 0 };
	struct part parts[PARTS];

	compare(now, next, parts);
	for (size_t i = 0; i < PARTS; i++) {
		if (parts[i].differs)
			strbuf_add(&text, "%s%s", text.text ? ", " : "", parts[i].name);
	}
	return text.text;
}

/* ---- never the host's addresses ---------------------------------------------------------------- */

static bool is_wanted(const struct nat_spec *s, const struct ifaddrs *a)
{
	struct sockaddr_in in;

	if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET)
		return false;
	memcpy(&in, a->ifa_addr, sizeof(in));
	for (size_t i = 0; i < s->outside.address_count; i++) {
		if (address_of(s->outside.addresses[i]) == ntohl(in.sin_addr.s_addr))
			return true;
	}
	return false;
}

/* A sentence a line, since the rules are to be typed. */
static void advise(const struct plan_switch *ps, const char *device, struct diags *d)
{
	const struct nat_spec *s = &ps->spec->nat;
	struct nat_prefix inside = own_of(s->inside).prefix;
	char net[IPV4_TEXT];

	diag_add(
		d, NULL,
		"switch %s: where only the host has addresses, the host masquerades: make the switch "
		"of type internal with a host port of address %s, and type:",
		ps->spec->name, s->inside);
	diag_add(d, NULL, "sysctl -w net.ipv4.ip_forward=1; nft add table ip xvs");
	diag_add(d, NULL,
		 "nft 'add chain ip xvs out { type nat hook postrouting priority srcnat; }'");
	diag_add(d, NULL, "nft add rule ip xvs out ip saddr %s/%d oifname %s masquerade",
		 ipv4_print(inside.address & inside.mask, net), __builtin_popcount(inside.mask),
		 device);
}

int nat_refuse_host_address(const struct plan_switch *ps, struct diags *d, struct xvs_error *err)
{
	struct ifaddrs *all;
	int result = 0;

	if (getifaddrs(&all) != 0)
		return 0;
	for (const struct ifaddrs *a = all; a && result == 0; a = a->ifa_next) {
		if (!is_wanted(&ps->spec->nat, a))
			continue;
		advise(ps, a->ifa_name, d);
		result =
			error_set(err, -EADDRINUSE, "",
				  "switch %s: nat: an outside address is the host's own on %s; the "
				  "switch needs one of its own",
				  ps->spec->name, a->ifa_name);
	}
	freeifaddrs(all);
	return result;
}
