/* SPDX-License-Identifier: Apache-2.0 */
/* config/nat_keys.c - the keys of a nat switch. */
#include "config/keys.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	PORT_MAX = 65535,
	TIMEOUT_MAX_S = 86400 * 7,
	SESSIONS_MIN = 64,
	SESSIONS_MAX = 4194304, /* NAT_SESSIONS_MAX */
};

#define TEXT_KEY(type, member, key_kind, about, more) \
	{ \
		.name = #member, .help = (about), .kind = (key_kind), .flags = (more), \
		.offset = offsetof(type, member), .size = sizeof(((type *)0)->member) \
	}

#define SECONDS_KEY(member, seconds, about) \
	{ \
		.name = #member, .help = (about), .kind = KEY_U32, .min = 1, .max = TIMEOUT_MAX_S, \
		.dflt = (seconds), .offset = offsetof(struct nat_timeouts_spec, member) \
	}

#define NAT_LIST(text, about, member, number, of) \
	{ \
		.name = (text), .help = (about), .kind = KEY_LIST, \
		.offset = offsetof(struct nat_spec, member), \
		.aux = offsetof(struct nat_spec, number), .section = (of) \
	}

#define NAT_SECTION(type, table, text, key) \
	{ \
		.what = (text), .name_key = (key), .keys = (table), .count = COUNT(table), \
		.bytes = sizeof(type), .at = offsetof(type, at), .role_at = KEY_NOWHERE \
	}

static const char *const proto_words[] = { "tcp", "udp", NULL };
static const char *const filtering_words[] = { "address", "endpoint", NULL };

static const struct key outside_keys[] = {
	{
		.name = "addresses",
		.help = "Outside addresses with prefix length; never those of the host",
		.kind = KEY_IPV4_NETS,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct nat_outside_spec, addresses),
		.aux = offsetof(struct nat_outside_spec, address_count),
	},
	TEXT_KEY(struct nat_outside_spec, gateway, KEY_IPV4, "Next hop to all other networks", 0),
	{
		.name = "mac",
		.help = "Address of the gateway's adapter on both sides; made where it is left out",
		.kind = KEY_MAC,
		.offset = offsetof(struct nat_outside_spec, mac),
		.aux = offsetof(struct nat_outside_spec, has_mac),
	},
};

static const struct section section_outside = {
	.keys = outside_keys,
	.count = COUNT(outside_keys),
	.bytes = sizeof(struct nat_outside_spec),
	.at = KEY_NOWHERE,
	.role_at = KEY_NOWHERE,
};

static const struct key forward_keys[] = {
	{
		.name = "proto",
		.help = "Protocol",
		.kind = KEY_WORD,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct nat_forward_spec, proto),
		.base = NAT_PROTO_TCP,
		.words = proto_words,
	},
	TEXT_KEY(struct nat_forward_spec, address, KEY_IPV4,
		 "Outside address; the first where it is left out", 0),
	{
		.name = "port",
		.help = "Outside port",
		.kind = KEY_U32,
		.flags = KEY_REQUIRED,
		.min = 1,
		.max = PORT_MAX,
		.offset = offsetof(struct nat_forward_spec, port),
	},
	TEXT_KEY(struct nat_forward_spec, to, KEY_IPV4, "Inside address", KEY_REQUIRED),
	{
		.name = "to_port",
		.help = "Inside port; as outside where it is left out",
		.kind = KEY_U32,
		.min = 1,
		.max = PORT_MAX,
		.offset = offsetof(struct nat_forward_spec, to_port),
	},
	TEXT_KEY(struct nat_forward_spec, remote, KEY_IPV4_NET,
		 "Who may come; anybody where it is left out", 0),
};

static const struct section section_forward =
	NAT_SECTION(struct nat_forward_spec, forward_keys, "forward", "port");

static const struct key pool_keys[] = {
	TEXT_KEY(struct nat_pool_spec, address, KEY_IPV4, "One of the outside addresses",
		 KEY_REQUIRED),
	TEXT_KEY(struct nat_pool_spec, ports, KEY_PORTS,
		 "Its ports that sessions may use; 1024-65535 where left out", 0),
};

static const struct section section_pool =
	NAT_SECTION(struct nat_pool_spec, pool_keys, "pool", "address");

static const struct key route_keys[] = {
	TEXT_KEY(struct nat_route_spec, prefix, KEY_IPV4_NET, "An inside network behind a router",
		 KEY_REQUIRED),
	TEXT_KEY(struct nat_route_spec, via, KEY_IPV4, "That router's address", KEY_REQUIRED),
};

static const struct section section_route =
	NAT_SECTION(struct nat_route_spec, route_keys, "route", "prefix");

static const struct key timeouts_keys[] = {
	SECONDS_KEY(tcp_established, NAT_TCP_ESTABLISHED_S, "Idle TCP connections, in seconds"),
	SECONDS_KEY(tcp_transitory, NAT_TCP_TRANSITORY_S, "TCP that opens or closes, in seconds"),
	SECONDS_KEY(udp, NAT_UDP_S, "Idle UDP, in seconds"),
	SECONDS_KEY(icmp, NAT_ICMP_S, "Idle ICMP echo, in seconds"),
};

static const struct section section_timeouts = {
	.keys = timeouts_keys,
	.count = COUNT(timeouts_keys),
	.bytes = sizeof(struct nat_timeouts_spec),
	.at = KEY_NOWHERE,
	.role_at = KEY_NOWHERE,
};

static const struct key nat_keys[] = {
	TEXT_KEY(struct nat_spec, inside, KEY_IPV4_NET,
		 "Address of the gateway inside, with prefix length", KEY_REQUIRED),
	{
		.name = "outside",
		.help = "Addresses on the wire",
		.kind = KEY_MAP,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct nat_spec, outside),
		.section = &section_outside,
	},
	NAT_LIST("forwards", "Outside ports that lead inside", forwards, forward_count,
		 &section_forward),
	NAT_LIST("pools",
		 "Addresses and ports that sessions get; all addresses where it is left out", pools,
		 pool_count, &section_pool),
	NAT_LIST("routes", "Inside networks behind routers", routes, route_count, &section_route),
	{
		.name = "timeouts",
		.help = "How long sessions may be idle",
		.kind = KEY_MAP,
		.offset = offsetof(struct nat_spec, timeouts),
		.section = &section_timeouts,
	},
	{
		.name = "filtering",
		.help = "Who may answer: address, only where something was sent; endpoint, anybody",
		.kind = KEY_WORD,
		.offset = offsetof(struct nat_spec, filtering),
		.words = filtering_words,
	},
	{
		.name = "udp_inbound_refresh",
		.help = "What comes in keeps a UDP session alive",
		.kind = KEY_BOOL,
		.aux = KEY_NOWHERE,
		.offset = offsetof(struct nat_spec, udp_inbound_refresh),
	},
	{
		.name = "sessions",
		.help = "Sessions at a time",
		.kind = KEY_U32,
		.min = SESSIONS_MIN,
		.max = SESSIONS_MAX,
		.dflt = NAT_SESSIONS_WANTED,
		.offset = offsetof(struct nat_spec, sessions),
	},
	{
		.name = "host_sessions",
		.help = "Sessions of one inside address at a time; 0: no limit",
		.kind = KEY_U32,
		.max = SESSIONS_MAX,
		.dflt = NAT_HOST_SESSIONS_WANTED,
		.offset = offsetof(struct nat_spec, host_sessions),
	},
};

const struct section section_nat = {
	.keys = nat_keys,
	.count = COUNT(nat_keys),
	.bytes = sizeof(struct nat_spec),
	.at = offsetof(struct nat_spec, at),
	.role_at = KEY_NOWHERE,
};
