/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/spec.h - what is wanted: plain data made by the configuration file or by the API.
 *
 * A spec is owned by whoever made it (spec_destroy frees all below); positions point into the
 * document so that errors found late still name a line.  Policies stay documents until they are
 * merged (switch, group, port) and decoded by their feature's schema.
 */
#ifndef XVS_SWITCH_SPEC_H
#define XVS_SWITCH_SPEC_H

#include <jansson.h>

#include "base/node.h"
#include "switch/spec_dhcp.h"
#include "switch/spec_migration.h"
#include "switch/spec_nat.h"
#include "switch/spec_network.h"
#include "switch/spec_trust.h"

enum { NAME_MAX_XVS = 63 }; /* names of switches, ports, groups, instances: [A-Za-z0-9._-]+ */

enum owner { OWNER_FILE = 0, OWNER_API = 1, OWNER_HV = 2, OWNER_FABRIC = 3, OWNER_EXTENSION = 4 };
const char *owner_name(enum owner o);

enum switch_type { SWITCH_EXTERNAL = 0, SWITCH_INTERNAL = 1, SWITCH_PRIVATE = 2, SWITCH_NAT = 3 };
enum port_role { PORT_GUEST = 0, PORT_UPLINK = 1, PORT_HOST = 2 };
enum on_failure { ON_FAILURE_DEFAULT = 0, ON_FAILURE_CLOSED = 1, ON_FAILURE_OPEN = 2 };

/* Who listens at the socket of a vhost-user port; the default is that we do. */
enum vhost_mode { VHOST_MODE_DEFAULT = 0, VHOST_MODE_SERVER = 1, VHOST_MODE_CLIENT = 2 };

enum { SOCKET_PATH = 108 }; /* sun_path of unix(7), with NUL */

struct backend_spec {
	char kind[16]; /* "tap", "vhost-user", "af_xdp", "af_packet", "pcap", "null" */
	char device[16];
	char netns[256];
	char peer_name[16];
	char read_file[4096], write_file[4096];
	uint32_t queues, mtu;
	bool offloads;            /* default true */
	char socket[SOCKET_PATH]; /* vhost-user: absolute */
	enum vhost_mode mode;
	bool packed_set, packed;       /* vhost-user: offer packed rings; default true */
	bool zero_copy_set, zero_copy; /* af_xdp: ask the driver for it; default true */
};

struct port_spec {
	char name[64];
	struct position at;
	enum port_role role;
	bool has_uuid, has_mac;
	bool is_pooled; /* the address is of the host's pool; never so in a document */
	bool is_held;   /* of a port to be added: closed until bundle_open_port(); no setting */
	uint8_t uuid[16];
	uint8_t mac[6];
	char group[64]; /* "": none */
	struct backend_spec backend;
	char address[64];     /* host ports: "192.0.2.1/24" */
	bool takes_addresses; /* host ports: those of the uplinks' devices */
	char (*requires)[64]; /* extension ids */
	size_t require_count;
	struct node *
		policies; /* map feature -> document; NULL: none.  host_ports' "vlan: N" is put here */
	json_t *said;     /* the same, where it was made already: port_spec_say(); not copied */
};

enum { OVERRIDE_TEXT = 128 };

struct group_spec {
	char name[64];
	struct position at;
	/* what its ports may set themselves: "xvs.vlan/1", or one field, "xvs.rate/1.to_kbps" */
	char (*override)[OVERRIDE_TEXT];
	size_t override_count;
	struct node *policies;
};

enum isolation { ISOLATION_NONE = 0, ISOLATION_PROCESS = 1 };

struct chain_spec {
	char instance[64];
	char extension[64];
	struct position at;
	bool required_set, required; /* default true; inspect: false */
	enum on_failure on_failure;
	enum isolation isolation; /* in which process its code runs */
	struct node *policies;    /* switch-scope policies of this instance's extension */
};

enum {
	TEAM_UPLINKS = 8,
	TEAM_HOLD_MS = 50,
	TEAM_FAILBACK_S = 5,
	TEAM_ANNOUNCE = 3,
	TEAM_PROBE_MS = 1000,
	TEAM_PROBE_LOST = 3
};
#define TEAM_NAME "team"

/* Which member of a team of uplinks sends: enum team_mode of path/team.h. */
enum team_choice { TEAM_PORT = 0, TEAM_MAC = 1, TEAM_ADDRESS = 2, TEAM_LOAD = 3 };

/*
 * Several uplinks as one.  A switch with two uplinks has a team, whether the document speaks of it or not;
 * one with a single uplink has if it does.
 */
struct team_spec {
	struct position at;    /* of "team:"; line 0: not given, or not from a file */
	bool is_wanted;        /* "team:" was given */
	struct port_spec port; /* what flows and policies know of it; role PORT_UPLINK, kind "team" */
	enum team_choice mode;
	char active[TEAM_UPLINKS][64]; /* in order; none: all that are not in stand-by */
	size_t active_count;
	char standby[TEAM_UPLINKS][64];
	size_t standby_count;
	uint32_t hold_ms;    /* by load: how long a flow must pause before it may move */
	uint32_t failback_s; /* so long a link must be up before it is used again */
	bool is_rolling;     /* who stood in stays */
	char probe[64]; /* a neighbour that answers where a link is good; "": links alone count */
	uint32_t probe_vlan; /* its segment */
	uint32_t probe_ms;
	uint32_t probe_lost; /* so many questions without an answer make a link bad */
	uint32_t announce;   /* so often addresses that moved are told of */
	/* what makes a link bad that is up; 0, false: not looked at */
	uint32_t min_speed_mbps;
	uint32_t max_errors_percent;
	bool full_duplex;
	uint32_t check_s; /* so often links ask each other what passes; 0: never */
};

struct switch_spec {
	char name[64];
	struct position at;
	bool has_uuid;
	uint8_t uuid[16];
	enum switch_type type;
	struct chain_spec *chain;
	size_t chain_count;
	struct group_spec *groups;
	size_t group_count;
	struct port_spec *ports; /* uplinks, host ports and guests in this order */
	size_t port_count;
	struct team_spec team;
	struct node *policies; /* switch scope, and defaults for its ports */
	struct nat_spec nat;   /* of a switch of type nat */
	struct dhcp_spec dhcp; /* of one of type nat or internal */
};

/* Workers sleep after a while without packets, never, or whenever there is none. */
enum polling { POLLING_ADAPTIVE = 0, POLLING_BUSY = 1, POLLING_INTERRUPT = 2 };

enum { FLOWS_MIN = 1024, FLOWS_WANTED = 262144, FLOWS_MAX = 4194304 };
enum { CONNECTIONS_MIN = 1024, CONNECTIONS_WANTED = 262144, CONNECTIONS_MAX = 16777216 };
enum { CONFIRM_S_MAX = 86400 };

/* Addresses that the host gives to adapters for which the configuration names none. */
struct mac_pool_spec {
	struct position at;
	bool is_given; /* else a range made of the host's id counts */
	bool has_first, has_last;
	uint8_t first[6], last[6];
};

struct daemon_spec {
	uint32_t workers; /* 0: auto (one for four cores, at least one) */
	uint32_t *cores;  /* NULL, or 'workers' core numbers to pin to */
	enum polling polling;
	uint32_t flows;        /* room for so many in the table of each worker */
	uint32_t connections;  /* room for so many that are tracked, of all ports */
	uint32_t confirm_host; /* seconds to confirm what touches the host's network; 0: no need */
	struct mac_pool_spec mac_pool;
};

struct extensions_spec {
	char **path; /* directories, in order */
	size_t path_count;
	struct position at;
	struct trust_spec trust;
	struct network_spec network;
};

struct config_spec {
	struct daemon_spec daemon;
	struct extensions_spec extensions;
	struct migration_spec migration;
	struct switch_spec *switches;
	size_t switch_count;
};

void config_spec_destroy(struct config_spec *s); /* NULL is fine */
void switch_spec_finish(struct switch_spec *s);
void port_spec_finish(struct port_spec *s);
int port_spec_copy(const struct port_spec *from, struct port_spec *to); /* deep; -ENOMEM */
/* Makes beforehand what its first snapshot would have to: of 10,000 rules, in a turn of its own. */
void port_spec_say(struct port_spec *s);
/* [any] Are its uplinks members of a team? */
bool switch_spec_has_team(const struct switch_spec *s);
int switch_spec_copy(const struct switch_spec *from, struct switch_spec *to);

#endif /* XVS_SWITCH_SPEC_H */
