/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/builtin.h - the features that the switch itself has, as plain structures with field tables.
 */
#ifndef XVS_POLICY_BUILTIN_H
#define XVS_POLICY_BUILTIN_H

#include "xvs/extension.h"

enum vlan_mode {
	VLAN_ACCESS = 0,
	VLAN_TRUNK = 1,
	/* of a private VLAN (RFC 5517): a primary one, and secondary ones inside of it */
	VLAN_ISOLATED = 2,
	VLAN_COMMUNITY = 3,
	VLAN_PROMISCUOUS = 4,
	/* IEEE 802.1ad: what the guest sends, tags included, goes on inside of the port's VLAN */
	VLAN_TUNNEL = 5,
};

/* The type of a tunnel's outer tag. */
enum vlan_type { VLAN_TYPE_SERVICE = 0, VLAN_TYPE_CUSTOMER = 1 };

struct vlan_range {
	uint32_t first, last; /* 1..4094 */
};

/* "xvs.vlan/1", per port.  Without it: guest and host ports access 0; uplinks trunk for all, native 0. */
struct policy_vlan {
	uint32_t mode;                /* enum vlan_mode; names "access", "trunk", "isolated", ... */
	uint32_t vlan;                /* access: 0..4094; 0: untagged segment; tunnel: 1..4094 */
	uint32_t native;              /* trunk: segment of untagged packets, 0..4094 */
	uint32_t primary;             /* of a private VLAN, 1..4094 */
	struct xvs_table allowed;     /* trunk: struct vlan_range {first, last}; empty: all */
	uint32_t secondary;           /* isolated, community: what its packets are in */
	uint32_t ethertype;           /* tunnel: enum vlan_type */
	struct xvs_table secondaries; /* promiscuous: struct vlan_range it exchanges packets with */
};

static inline bool vlan_is_private(const struct policy_vlan *vlan)
{
	return vlan->mode == VLAN_ISOLATED || vlan->mode == VLAN_COMMUNITY ||
	       vlan->mode == VLAN_PROMISCUOUS;
}

/* "xvs.port/1", per port. */
struct policy_port {
	bool blocked; /* lets nothing through, in either direction */
	uint8_t pad[3];
	uint32_t mtu; /* largest layer 3 packet sent to it; 0: as its device says */
};

/* What becomes of packets from addresses beyond the limit. */
enum over_limit {
	OVER_LIMIT_FLOOD = 0, /* they pass, and answers to them are flooded */
	OVER_LIMIT_DROP = 1,
	OVER_LIMIT_BLOCK = 2, /* the port is closed until an operator unblocks it */
};

/* "xvs.learning/1", per port: learn source MACs here. */
struct policy_learning {
	bool enabled;       /* default true where the policy is set */
	bool unicast_flood; /* default true: unknown unicast is sent here */
	uint8_t pad[2];
	uint32_t limit;      /* 1..65536, default 256 */
	uint32_t age_s;      /* 10..1000000, default 300 */
	uint32_t over_limit; /* enum over_limit */
};

/* "xvs.new-flows/1", per port: judgements of new flows a second. */
struct policy_new_flows {
	uint32_t per_second; /* 0: unlimited; default 50000 */
	uint32_t burst;      /* default 5000 */
};

/* "xvs.connections/1", per port: bounds of the connection table where a firewall guards the port. */
struct policy_connections {
	uint32_t limit;        /* 1..4194304, default 65536 */
	uint32_t half_open;    /* 1..1048576, default 4096 */
	uint32_t switch_limit; /* of all ports of the switch together; 0: no bound */
	uint32_t midstream_s;  /* default 60 */
	/* longest that one may be idle, 1..1000000 */
	uint32_t tcp_syn_sent_s, tcp_syn_received_s, tcp_established_s, tcp_closing_s;
	uint32_t tcp_time_wait_s;
	uint32_t udp_s, udp_stream_s;
	uint32_t icmp_s;
	uint32_t sctp_opening_s, sctp_established_s, sctp_closing_s;
	uint32_t other_s;
};

/* "xvs.team/1", per port: which uplink of the team sends what it sends. */
struct policy_team {
	char uplink[64]; /* "": as the team's mode says */
};

extern const struct xvs_feature builtin_team;

/* "xvs.guest-team/1", per port: ports of one guest, who makes a team of them. */
struct policy_guest_team {
	char name[64]; /* "": none */
};

extern const struct xvs_feature builtin_guest_team;
extern const struct xvs_feature builtin_vlan, builtin_port, builtin_learning, builtin_new_flows,
	builtin_connections;

/* [any] All of them, NULL-terminated. */
extern const struct xvs_feature *const builtin_features[];

#endif /* XVS_POLICY_BUILTIN_H */
