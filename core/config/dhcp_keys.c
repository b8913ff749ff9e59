/* SPDX-License-Identifier: Apache-2.0 */
/* config/dhcp_keys.c - the keys of a switch's DHCP server. */
#include "config/keys.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { LEASE_MAX_S = 86400 * 30 };

#define TEXT_KEY(type, member, key_kind, about, more) \
	{ \
		.name = #member, .help = (about), .kind = (key_kind), .flags = (more), \
		.offset = offsetof(type, member), .size = sizeof(((type *)0)->member) \
	}

static const struct key resolver_keys[] = {
	TEXT_KEY(struct dhcp_resolver_spec, domain, KEY_NAME, "Domain of the guests' names", 0),
	{
		.name = "forward",
		.help = "Name servers that are asked about all other names",
		.kind = KEY_IPV4S,
		.offset = offsetof(struct dhcp_resolver_spec, forward),
		.aux = offsetof(struct dhcp_resolver_spec, forward_count),
	},
	{
		.name = "host",
		.help = "Those of the host's /etc/resolv.conf are asked, too",
		.kind = KEY_BOOL,
		.aux = KEY_NOWHERE,
		.offset = offsetof(struct dhcp_resolver_spec, uses_host),
	},
};

static const struct section section_resolver = {
	.keys = resolver_keys,
	.count = COUNT(resolver_keys),
	.bytes = sizeof(struct dhcp_resolver_spec),
	.at = KEY_NOWHERE,
	.given_at = offsetof(struct dhcp_resolver_spec, is_wanted),
	.role_at = KEY_NOWHERE,
};

static const struct key reserved_keys[] = {
	TEXT_KEY(struct dhcp_reserved_spec, port, KEY_NAME, "Port whose adapter gets the address",
		 0),
	{
		.name = "mac",
		.help = "Address of the adapter that gets it, where it is no port's",
		.kind = KEY_MAC,
		.offset = offsetof(struct dhcp_reserved_spec, mac),
		.aux = offsetof(struct dhcp_reserved_spec, has_mac),
	},
	TEXT_KEY(struct dhcp_reserved_spec, address, KEY_IPV4, "The address", KEY_REQUIRED),
	TEXT_KEY(struct dhcp_reserved_spec, name, KEY_NAME,
		 "Name that goes with it; the port's where it is left out", 0),
};

static const struct section section_reserved = {
	.what = "reserved",
	.name_key = "address",
	.keys = reserved_keys,
	.count = COUNT(reserved_keys),
	.bytes = sizeof(struct dhcp_reserved_spec),
	.at = offsetof(struct dhcp_reserved_spec, at),
	.role_at = KEY_NOWHERE,
};

static const struct key dhcp_keys[] = {
	TEXT_KEY(struct dhcp_spec, port, KEY_NAME,
		 "Host port that serves; the only one where it is left out", 0),
	TEXT_KEY(struct dhcp_spec, range, KEY_IPV4_RANGE, "Addresses that are given to guests",
		 KEY_REQUIRED),
	{
		.name = "lease_s",
		.help = "How long an address is given, in seconds",
		.kind = KEY_U32,
		.min = DHCP_LEASE_MIN_S,
		.max = LEASE_MAX_S,
		.dflt = DHCP_LEASE_S,
		.offset = offsetof(struct dhcp_spec, lease_s),
	},
	TEXT_KEY(struct dhcp_spec, gateway, KEY_IPV4,
		 "The guests' gateway; where left out, that of a nat switch, else none", 0),
	{
		.name = "dns",
		.help = "Name servers that guests are told of; the resolver where left out",
		.kind = KEY_IPV4S,
		.offset = offsetof(struct dhcp_spec, dns),
		.aux = offsetof(struct dhcp_spec, dns_count),
	},
	{
		.name = "resolver",
		.help = "A name server at the host port that knows the guests by name",
		.kind = KEY_MAP,
		.offset = offsetof(struct dhcp_spec, resolver),
		.section = &section_resolver,
	},
	{
		.name = "reserved",
		.help = "Addresses that are kept for one adapter",
		.kind = KEY_LIST,
		.offset = offsetof(struct dhcp_spec, reserved),
		.aux = offsetof(struct dhcp_spec, reserved_count),
		.section = &section_reserved,
	},
};

const struct section section_dhcp = {
	.keys = dhcp_keys,
	.count = COUNT(dhcp_keys),
	.bytes = sizeof(struct dhcp_spec),
	.at = offsetof(struct dhcp_spec, at),
	.role_at = KEY_NOWHERE,
};
