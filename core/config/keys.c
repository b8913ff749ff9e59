/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/keys.c - the tables: names, meaning, bounds and defaults of every key.
 */
#include "config/keys.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	WORKERS_MAX = 64,
	QUEUES_MAX = 64, /* of one backend: BACKEND_QUEUES_MAX */
	MTU_MIN = 68,    /* RFC 791 */
	MTU_MAX = 65535,
	VLAN_MAX = 4094,
};

#define NAME_KEY(type, text) \
	{ \
		.name = "name", .help = (text), .kind = KEY_NAME, .flags = KEY_REQUIRED, \
		.offset = offsetof(type, name), .size = sizeof(((type *)0)->name) \
	}

#define POLICIES_KEY(type, text) \
	{ \
		.name = "policies", .help = (text), .kind = KEY_POLICIES, \
		.offset = offsetof(type, policies) \
	}

/* ---- ports ------------------------------------------------------------------------------------ */

static const char *const kind_words[] = { "tap",  "vhost-user", "af_xdp", "af_packet",
					  "pcap", "null",       NULL };
static const char *const mode_words[] = { "server", "client", NULL };

#define DEVICE_KEY(base, more) \
	{ \
		.name = "device", .help = "Linux network device", .kind = KEY_DEVICE, \
		.flags = (more), .offset = (base) + offsetof(struct backend_spec, device), \
		.size = sizeof(((struct backend_spec *)0)->device) \
	}

#define TAP_KEYS(base) \
	{ .name = "netns", \
	  .help = "Network namespace that gets the device: name or path", \
	  .kind = KEY_NETNS, \
	  .offset = (base) + offsetof(struct backend_spec, netns), \
	  .size = sizeof(((struct backend_spec *)0)->netns) }, \
		{ .name = "peer_name", \
		  .help = "Name of the device inside its namespace", \
		  .kind = KEY_DEVICE, \
		  .offset = (base) + offsetof(struct backend_spec, peer_name), \
		  .size = sizeof(((struct backend_spec *)0)->peer_name) }, \
		{ .name = "queues", \
		  .help = "Receive queues", \
		  .kind = KEY_U32, \
		  .min = 1, \
		  .max = QUEUES_MAX, \
		  .offset = (base) + offsetof(struct backend_spec, queues) }, \
		{ .name = "mtu", \
		  .help = "Largest packet of layer 3, in bytes", \
		  .kind = KEY_U32, \
		  .min = MTU_MIN, \
		  .max = MTU_MAX, \
		  .offset = (base) + offsetof(struct backend_spec, mtu) }, \
	{ \
		.name = "offloads", .help = "Leave checksums and segmentation to the receiver", \
		.kind = KEY_BOOL, .dflt = 1, .aux = KEY_NOWHERE, \
		.offset = (base) + offsetof(struct backend_spec, offloads) \
	}

static const struct key backend_keys[] = {
	{
		.name = "kind",
		.help = "What the port is made of",
		.kind = KEY_WORD_TEXT,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct backend_spec, kind),
		.size = sizeof(((struct backend_spec *)0)->kind),
		.words = kind_words,
	},
	DEVICE_KEY(0, 0),
	TAP_KEYS(0),
	{
		.name = "read",
		.help = "File of packets that come in here",
		.kind = KEY_TEXT,
		.offset = offsetof(struct backend_spec, read_file),
		.size = sizeof(((struct backend_spec *)0)->read_file),
	},
	{
		.name = "write",
		.help = "File that records the packets sent here",
		.kind = KEY_TEXT,
		.offset = offsetof(struct backend_spec, write_file),
		.size = sizeof(((struct backend_spec *)0)->write_file),
	},
	{
		.name = "socket",
		.help = "UNIX socket at which a vhost-user port and its front end meet",
		.kind = KEY_SOCKET,
		.offset = offsetof(struct backend_spec, socket),
		.size = sizeof(((struct backend_spec *)0)->socket),
	},
	{
		.name = "mode",
		.help = "server: the switch listens at the socket; client: the front end does",
		.kind = KEY_WORD,
		.offset = offsetof(struct backend_spec, mode),
		.base = VHOST_MODE_SERVER,
		.words = mode_words,
	},
	{
		.name = "packed",
		.help = "Offer packed rings to the guest",
		.kind = KEY_BOOL,
		.dflt = 1,
		.offset = offsetof(struct backend_spec, packed),
		.aux = offsetof(struct backend_spec, packed_set),
	},
	{
		.name = "zero_copy",
		.help = "Let the driver of an af_xdp device read and write packets in place",
		.kind = KEY_BOOL,
		.dflt = 1,
		.offset = offsetof(struct backend_spec, zero_copy),
		.aux = offsetof(struct backend_spec, zero_copy_set),
	},
};

static const struct section section_backend = {
	.keys = backend_keys,
	.count = COUNT(backend_keys),
	.bytes = sizeof(struct backend_spec),
	.at = KEY_NOWHERE,
	.role_at = KEY_NOWHERE,
};

#define PORT_UUID_KEY \
	{ \
		.name = "uuid", .help = "Stable identity; made and kept where it is left out", \
		.kind = KEY_UUID, .offset = offsetof(struct port_spec, uuid), \
		.aux = offsetof(struct port_spec, has_uuid) \
	}

#define BACKEND_KEY(more) \
	{ \
		.name = "backend", .help = "What the port is made of: a kind, or a map", \
		.kind = KEY_BACKEND, .flags = (more), \
		.offset = offsetof(struct port_spec, backend), .section = &section_backend \
	}

#define PORT_MAC_KEY \
	{ \
		.name = "mac", .help = "Address of the adapter", .kind = KEY_MAC, \
		.offset = offsetof(struct port_spec, mac), \
		.aux = offsetof(struct port_spec, has_mac) \
	}

#define PORT_COMMON_KEYS \
	{ .name = "group", \
	  .help = "Port group whose policies apply", \
	  .kind = KEY_NAME, \
	  .offset = offsetof(struct port_spec, group), \
	  .size = sizeof(((struct port_spec *)0)->group) }, \
		{ .name = "requires", \
		  .kind = KEY_EXTENSIONS, \
		  .help = "Extensions without which the port stays closed", \
		  .offset = offsetof(struct port_spec, requires), \
		  .aux = offsetof(struct port_spec, require_count) }, \
		POLICIES_KEY(struct port_spec, "Policies of this port")

static const struct key uplink_keys[] = {
	NAME_KEY(struct port_spec, "Name of the uplink"),
	PORT_UUID_KEY,
	DEVICE_KEY(offsetof(struct port_spec, backend), KEY_UNPRINTED),
	BACKEND_KEY(0),
	PORT_COMMON_KEYS,
};

static const struct key host_keys[] = {
	NAME_KEY(struct port_spec, "Name of the host's adapter"),
	PORT_UUID_KEY,
	DEVICE_KEY(offsetof(struct port_spec, backend), 0),
	TAP_KEYS(offsetof(struct port_spec, backend)),
	PORT_MAC_KEY,
	{
		.name = "address",
		.help = "Address of the adapter with prefix length",
		.kind = KEY_ADDRESS,
		.offset = offsetof(struct port_spec, address),
		.size = sizeof(((struct port_spec *)0)->address),
	},
	{
		.name = "take_addresses",
		.help = "Addresses and routes of the uplinks' devices move to this adapter",
		.kind = KEY_BOOL,
		.aux = KEY_NOWHERE,
		.offset = offsetof(struct port_spec, takes_addresses),
	},
	PORT_COMMON_KEYS,
	{
		.name = "vlan",
		.help = "Short for policy xvs.vlan/1 of an access port",
		.kind = KEY_VLAN,
		.flags = KEY_UNPRINTED,
		.offset = offsetof(struct port_spec, policies),
		.max = VLAN_MAX,
	},
};

static const struct key guest_keys[] = {
	NAME_KEY(struct port_spec, "Name of the port"),
	PORT_UUID_KEY,
	BACKEND_KEY(KEY_REQUIRED),
	PORT_MAC_KEY,
	PORT_COMMON_KEYS,
};

#define PORT_SECTION(text, table, number) \
	{ \
		.what = (text), .name_key = "name", .keys = (table), .count = COUNT(table), \
		.bytes = sizeof(struct port_spec), .at = offsetof(struct port_spec, at), \
		.role_at = offsetof(struct port_spec, role), .role = (number) \
	}

const struct section section_uplink = PORT_SECTION("uplink", uplink_keys, PORT_UPLINK);
const struct section section_host = PORT_SECTION("host port", host_keys, PORT_HOST);
const struct section section_guest = PORT_SECTION("port", guest_keys, PORT_GUEST);

/* ---- switches --------------------------------------------------------------------------------- */

static const char *const on_failure_words[] = { "closed", "open", NULL };
static const char *const isolation_words[] = { "none", "process", NULL };
static const char *const type_words[] = { "external", "internal", "private", "nat", NULL };

static const struct key chain_keys[] = {
	{
		.name = "instance",
		.help = "Name of the instance in this switch",
		.kind = KEY_NAME,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct chain_spec, instance),
		.size = sizeof(((struct chain_spec *)0)->instance),
	},
	{
		.name = "extension",
		.help = "Id of the extension",
		.kind = KEY_EXTENSION,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct chain_spec, extension),
		.size = sizeof(((struct chain_spec *)0)->extension),
	},
	{
		.name = "required",
		.help = "Ports stay closed without it; where left out, true for all but inspectors",
		.kind = KEY_BOOL,
		.dflt = 1,
		.offset = offsetof(struct chain_spec, required),
		.aux = offsetof(struct chain_spec, required_set),
	},
	{
		.name = "on_failure",
		.help = "What happens to packets when it fails; where left out, its class decides",
		.kind = KEY_WORD,
		.offset = offsetof(struct chain_spec, on_failure),
		.base = ON_FAILURE_CLOSED,
		.words = on_failure_words,
	},
	{
		.name = "isolation",
		.help = "none: in the daemon's process; process: in one of its own",
		.kind = KEY_WORD,
		.offset = offsetof(struct chain_spec, isolation),
		.words = isolation_words,
	},
	POLICIES_KEY(struct chain_spec, "Policies of this instance"),
};

static const struct section section_chain = {
	.what = "instance",
	.name_key = "instance",
	.keys = chain_keys,
	.count = COUNT(chain_keys),
	.bytes = sizeof(struct chain_spec),
	.at = offsetof(struct chain_spec, at),
	.role_at = KEY_NOWHERE,
};

static const struct key group_keys[] = {
	NAME_KEY(struct group_spec, "Name of the port group"),
	{
		.name = "override",
		.help = "What ports of the group may set themselves: features, as xvs.vlan/1, or "
			"single fields, as xvs.rate/1.to_kbps",
		.kind = KEY_FEATURES,
		.size = OVERRIDE_TEXT,
		.offset = offsetof(struct group_spec, override),
		.aux = offsetof(struct group_spec, override_count),
	},
	POLICIES_KEY(struct group_spec, "Policies of the group's ports"),
};

static const struct section section_group = {
	.what = "group",
	.name_key = "name",
	.keys = group_keys,
	.count = COUNT(group_keys),
	.bytes = sizeof(struct group_spec),
	.at = offsetof(struct group_spec, at),
	.role_at = KEY_NOWHERE,
};

#define PORTS_KEY(text, about, of) \
	{ \
		.name = (text), .help = (about), .kind = KEY_LIST, \
		.offset = offsetof(struct switch_spec, ports), \
		.aux = offsetof(struct switch_spec, port_count), .section = (of) \
	}

static const char *const team_words[] = { "port", "mac", "address", "load", NULL };

static const struct key team_keys[] = {
	{
		.name = "name",
		.help = "Name of the team's port; team where it is left out",
		.kind = KEY_NAME,
		.offset = offsetof(struct team_spec, port.name),
		.size = sizeof(((struct port_spec *)0)->name),
	},
	{
		.name = "uuid",
		.help = "Stable identity; made and kept where it is left out",
		.kind = KEY_UUID,
		.offset = offsetof(struct team_spec, port.uuid),
		.aux = offsetof(struct team_spec, port.has_uuid),
	},
	{
		.name = "mode",
		.help = "Which uplink sends a packet: by entry port, source address, all addresses, or load",
		.kind = KEY_WORD,
		.offset = offsetof(struct team_spec, mode),
		.words = team_words,
	},
	{
		.name = "active",
		.help = "Uplinks that send, in order; where left out, all that are not in stand-by",
		.kind = KEY_NAMES,
		.max = TEAM_UPLINKS,
		.offset = offsetof(struct team_spec, active),
		.aux = offsetof(struct team_spec, active_count),
	},
	{
		.name = "standby",
		.help = "Uplinks that send when an active one cannot, in order",
		.kind = KEY_NAMES,
		.max = TEAM_UPLINKS,
		.offset = offsetof(struct team_spec, standby),
		.aux = offsetof(struct team_spec, standby_count),
	},
	{
		.name = "hold_ms",
		.help = "Mode load: a flow moves to another uplink after so long a pause",
		.kind = KEY_U32,
		.min = 1,
		.max = 10000,
		.dflt = TEAM_HOLD_MS,
		.offset = offsetof(struct team_spec, hold_ms),
	},
	{
		.name = "failback_s",
		.help = "Seconds for which an uplink that failed must be good before it is used again",
		.kind = KEY_U32,
		.max = 3600,
		.dflt = TEAM_FAILBACK_S,
		.offset = offsetof(struct team_spec, failback_s),
	},
	{
		.name = "rolling",
		.help = "An uplink that stands in for another goes on when that one is good again",
		.kind = KEY_BOOL,
		.aux = KEY_NOWHERE,
		.offset = offsetof(struct team_spec, is_rolling),
	},
	{
		.name = "probe",
		.help = "Address of a neighbour, as the gateway: an uplink by which it does not answer is bad",
		.kind = KEY_IP,
		.offset = offsetof(struct team_spec, probe),
		.size = sizeof(((struct team_spec *)0)->probe),
	},
	{
		.name = "probe_vlan",
		.help = "VLAN in which it is",
		.kind = KEY_U32,
		.max = VLAN_MAX,
		.offset = offsetof(struct team_spec, probe_vlan),
	},
	{
		.name = "probe_ms",
		.help = "How often it is asked",
		.kind = KEY_U32,
		.min = 100,
		.max = 60000,
		.dflt = TEAM_PROBE_MS,
		.offset = offsetof(struct team_spec, probe_ms),
	},
	{
		.name = "probe_lost",
		.help = "So many questions without an answer make an uplink bad",
		.kind = KEY_U32,
		.min = 1,
		.max = 100,
		.dflt = TEAM_PROBE_LOST,
		.offset = offsetof(struct team_spec, probe_lost),
	},
	{
		.name = "min_speed_mbps",
		.help = "An uplink whose link is slower is bad; 0: none is",
		.kind = KEY_U32,
		.max = 1000000,
		.offset = offsetof(struct team_spec, min_speed_mbps),
	},
	{
		.name = "full_duplex",
		.help = "An uplink whose link is half duplex is bad",
		.kind = KEY_BOOL,
		.aux = KEY_NOWHERE,
		.offset = offsetof(struct team_spec, full_duplex),
	},
	{
		.name = "max_errors_percent",
		.help = "An uplink that loses as many of a hundred frames, over ten seconds, to errors is "
			"bad; 0: none is",
		.kind = KEY_U32,
		.max = 100,
		.offset = offsetof(struct team_spec, max_errors_percent),
	},
	{
		.name = "check_s",
		.help = "Every so many seconds uplinks send each other frames in each VLAN in use, small ones and "
			"such of the MTU, to find what does not pass; 0: never",
		.kind = KEY_U32,
		.max = 86400,
		.offset = offsetof(struct team_spec, check_s),
	},
	{
		.name = "announce",
		.help = "How often, a second apart, addresses that moved to another uplink are announced there",
		.kind = KEY_U32,
		.max = 10,
		.dflt = TEAM_ANNOUNCE,
		.offset = offsetof(struct team_spec, announce),
	},
	{
		.name = "group",
		.help = "Port group whose policies apply",
		.kind = KEY_NAME,
		.offset = offsetof(struct team_spec, port.group),
		.size = sizeof(((struct port_spec *)0)->group),
	},
	{
		.name = "requires",
		.kind = KEY_EXTENSIONS,
		.help = "Extensions without which the team's port stays closed",
		.offset = offsetof(struct team_spec, port.requires),
		.aux = offsetof(struct team_spec, port.require_count),
	},
	{
		.name = "policies",
		.help = "Policies of the team's port",
		.kind = KEY_POLICIES,
		.offset = offsetof(struct team_spec, port.policies),
	},
};

static const struct section section_team = {
	.what = "team",
	.name_key = "name",
	.keys = team_keys,
	.count = COUNT(team_keys),
	.bytes = sizeof(struct team_spec),
	.at = offsetof(struct team_spec, at),
	.given_at = offsetof(struct team_spec, is_wanted),
	.role_at = KEY_NOWHERE,
};

static const struct key switch_keys[] = {
	NAME_KEY(struct switch_spec, "Name of the switch"),
	{
		.name = "uuid",
		.help = "Stable identity; made and kept where it is left out",
		.kind = KEY_UUID,
		.offset = offsetof(struct switch_spec, uuid),
		.aux = offsetof(struct switch_spec, has_uuid),
	},
	{
		.name = "type",
		.help = "external: with uplinks; internal: guests and host; private: guests only; "
			"nat: guests and host behind outside addresses",
		.kind = KEY_WORD,
		.offset = offsetof(struct switch_spec, type),
		.words = type_words,
	},
	PORTS_KEY("uplinks", "Ports to the physical network", &section_uplink),
	{
		.name = "team",
		.help = "Several uplinks as one; with two uplinks or more there is a team in any case",
		.kind = KEY_MAP,
		.offset = offsetof(struct switch_spec, team),
		.section = &section_team,
	},
	PORTS_KEY("host_ports", "Adapters of the host", &section_host),
	{
		.name = "nat",
		.help = "Of a switch of type nat: addresses, forwards, timers",
		.kind = KEY_MAP,
		.offset = offsetof(struct switch_spec, nat),
		.section = &section_nat,
	},
	{
		.name = "dhcp",
		.help = "Of a switch of type nat or internal: addresses that guests are given",
		.kind = KEY_MAP,
		.offset = offsetof(struct switch_spec, dhcp),
		.section = &section_dhcp,
	},
	{
		.name = "chain",
		.help = "Extensions, in order within a class",
		.kind = KEY_LIST,
		.offset = offsetof(struct switch_spec, chain),
		.aux = offsetof(struct switch_spec, chain_count),
		.section = &section_chain,
	},
	POLICIES_KEY(struct switch_spec, "Policies of the switch, and defaults of its ports"),
	{
		.name = "groups",
		.help = "Port groups",
		.kind = KEY_LIST,
		.offset = offsetof(struct switch_spec, groups),
		.aux = offsetof(struct switch_spec, group_count),
		.section = &section_group,
	},
	PORTS_KEY("ports", "Ports of guests", &section_guest),
};

const struct section section_switch = {
	.what = "switch",
	.name_key = "name",
	.keys = switch_keys,
	.count = COUNT(switch_keys),
	.bytes = sizeof(struct switch_spec),
	.at = offsetof(struct switch_spec, at),
	.role_at = KEY_NOWHERE,
};

/* ---- the whole document ----------------------------------------------------------------------- */

static const char *const polling_words[] = { "adaptive", "busy", "interrupt", NULL };

static const struct key daemon_keys[] = {
	{
		.name = "workers",
		.help = "Threads that move packets: auto, how many, or a list of cores",
		.kind = KEY_WORKERS,
		.min = 1,
		.max = WORKERS_MAX,
	},
	{
		.name = "polling",
		.help = "How workers wait for packets: adaptive sleeps when idle for a while, busy never, "
			"interrupt at once",
		.kind = KEY_WORD,
		.offset = offsetof(struct daemon_spec, polling),
		.words = polling_words,
	},
	{
		.name = "flows",
		.help = "Flows that each worker can remember",
		.kind = KEY_U32,
		.min = FLOWS_MIN,
		.max = FLOWS_MAX,
		.dflt = FLOWS_WANTED,
		.offset = offsetof(struct daemon_spec, flows),
	},
	{
		.name = "connections",
		.help = "Connections of guarded ports that can be tracked, of all switches together",
		.kind = KEY_U32,
		.min = CONNECTIONS_MIN,
		.max = CONNECTIONS_MAX,
		.dflt = CONNECTIONS_WANTED,
		.offset = offsetof(struct daemon_spec, connections),
	},
	{
		.name = "confirm_host",
		.help = "Seconds after which a change of uplinks or host ports goes back unless confirmed; "
			"0: it stays",
		.kind = KEY_U32,
		.min = 0,
		.max = CONFIRM_S_MAX,
		.offset = offsetof(struct daemon_spec, confirm_host),
	},
	{
		.name = "mac_pool",
		.help = "Addresses for adapters that have none in the configuration",
		.kind = KEY_MAP,
		.offset = offsetof(struct daemon_spec, mac_pool),
		.section = &section_mac_pool,
	},
};

static const struct section section_daemon = {
	.keys = daemon_keys,
	.count = COUNT(daemon_keys),
	.bytes = sizeof(struct daemon_spec),
	.at = KEY_NOWHERE,
	.role_at = KEY_NOWHERE,
};

static const struct key extensions_keys[] = {
	{
		.name = "path",
		.help = "Directories with extensions, searched in order",
		.kind = KEY_PATHS,
		.offset = offsetof(struct extensions_spec, path),
		.aux = offsetof(struct extensions_spec, path_count),
	},
	{
		.name = "require_signed",
		.help = "Refuse extensions without a signature of a trusted key",
		.kind = KEY_BOOL,
		.offset = offsetof(struct extensions_spec, trust.is_required),
		.aux = KEY_NOWHERE,
	},
	{
		.name = "trusted_keys",
		.help = "Public keys of minisign whose signatures count",
		.kind = KEY_SIGNERS,
		.offset = offsetof(struct extensions_spec, trust.keys),
		.aux = offsetof(struct extensions_spec, trust.key_count),
	},
	{
		.name = "trusted_until",
		.help = "The last day on which they do, as 2027-06-30; without it they always do",
		.kind = KEY_TEXT,
		.offset = offsetof(struct extensions_spec, trust.until),
		.size = sizeof(((struct extensions_spec *)0)->trust.until),
	},
	{
		.name = "network",
		.help = "What extensions may do on the network: with whom, and with which keys",
		.kind = KEY_MAP,
		.offset = offsetof(struct extensions_spec, network),
		.section = &section_network,
	},
};

static const struct section section_extensions = {
	.keys = extensions_keys,
	.count = COUNT(extensions_keys),
	.bytes = sizeof(struct extensions_spec),
	.at = offsetof(struct extensions_spec, at),
	.role_at = KEY_NOWHERE,
};

static const struct key config_keys[] = {
	{
		.name = "daemon",
		.help = "The daemon itself",
		.kind = KEY_MAP,
		.offset = offsetof(struct config_spec, daemon),
		.section = &section_daemon,
	},
	{
		.name = "migration",
		.help = "Moves of ports to and from other hosts",
		.kind = KEY_MAP,
		.offset = offsetof(struct config_spec, migration),
		.section = &section_migration,
	},
	{
		.name = "extensions",
		.help = "Where extensions come from, and what they may do",
		.kind = KEY_MAP,
		.offset = offsetof(struct config_spec, extensions),
		.section = &section_extensions,
	},
	{
		.name = "switches",
		.help = "Virtual switches",
		.kind = KEY_LIST,
		.offset = offsetof(struct config_spec, switches),
		.aux = offsetof(struct config_spec, switch_count),
		.section = &section_switch,
	},
};

const struct section section_config = {
	.keys = config_keys,
	.count = COUNT(config_keys),
	.bytes = sizeof(struct config_spec),
	.at = KEY_NOWHERE,
	.role_at = KEY_NOWHERE,
};

const struct section *section_of_role(enum port_role role)
{
	switch (role) {
	case PORT_UPLINK:
		return &section_uplink;
	case PORT_HOST:
		return &section_host;
	default:
		return &section_guest;
	}
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables above. */

static void key_default(const struct key *k, void *structure)
{
	bool flag = k->dflt != 0;

	switch (k->kind) {
	case KEY_BOOL:
		memcpy(key_in(k->offset, structure), &flag, sizeof(flag));
		break;
	case KEY_U32:
		memcpy(key_in(k->offset, structure), &k->dflt, sizeof(k->dflt));
		break;
	case KEY_MAP:
	case KEY_BACKEND:
		section_defaults(k->section, key_in(k->offset, structure));
		break;
	default:
		break;
	}
}

void section_defaults(const struct section *s, void *structure)
{
	if (s->role_at != KEY_NOWHERE)
		memcpy(key_in(s->role_at, structure), &s->role, sizeof(s->role));
	for (size_t i = 0; i < s->count; i++)
		key_default(&s->keys[i], structure);
}

/* NOLINTEND(misc-no-recursion) */
