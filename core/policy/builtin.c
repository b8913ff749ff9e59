/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/builtin.c - field tables of the features that the switch itself has.
 */
#include "policy/builtin.h"

#include "policy/link.h"
#include "policy/lldp.h"
#include "policy/mirror.h"
#include "policy/qos.h"
#include "policy/queue.h"
#include "policy/rate.h"

enum { VLAN_MAX = 4094, VLAN_RANGES_MAX = 256, MTU_MAX = 65535 };

static const char *const mode_names[] = {
	[VLAN_ACCESS] = "access",           [VLAN_TRUNK] = "trunk",
	[VLAN_ISOLATED] = "isolated",       [VLAN_COMMUNITY] = "community",
	[VLAN_PROMISCUOUS] = "promiscuous", [VLAN_TUNNEL] = "tunnel",
};

static const char *const type_names[] = {
	[VLAN_TYPE_SERVICE] = "0x88a8",
	[VLAN_TYPE_CUSTOMER] = "0x8100",
};

static const struct xvs_field range_fields[] = {
	{
		.name = "first",
		.help = "First VLAN of the range",
		.offset = offsetof(struct vlan_range, first),
		.type = XVS_U32,
		.flags = XVS_FIELD_REQUIRED,
		.min = 1,
		.max = VLAN_MAX,
	},
	{
		.name = "last",
		.help = "Last VLAN of the range",
		.offset = offsetof(struct vlan_range, last),
		.type = XVS_U32,
		.flags = XVS_FIELD_REQUIRED,
		.min = 1,
		.max = VLAN_MAX,
	},
};

static const struct xvs_field vlan_fields[] = {
	{
		.name = "mode",
		.help = "Access ports send untagged, trunks carry tags, tunnels put the guest's tags "
			"behind their own; others are of a private VLAN",
		.offset = offsetof(struct policy_vlan, mode),
		.type = XVS_ENUM,
		.dflt = VLAN_ACCESS,
		.names = XVS_TABLE(mode_names),
	},
	{
		.name = "vlan",
		.help = "VLAN of an access port; 0: the untagged segment.  Outer VLAN of a tunnel",
		.offset = offsetof(struct policy_vlan, vlan),
		.type = XVS_U32,
		.max = VLAN_MAX,
	},
	{
		.name = "native",
		.help = "VLAN of a trunk's untagged packets; 0: the untagged segment",
		.offset = offsetof(struct policy_vlan, native),
		.type = XVS_U32,
		.max = VLAN_MAX,
	},
	{
		.name = "allowed",
		.help = "VLANs that a trunk carries; none given: all",
		.offset = offsetof(struct policy_vlan, allowed),
		.type = XVS_LIST,
		.max = VLAN_RANGES_MAX,
		.fields = XVS_TABLE(range_fields),
		.element_bytes = sizeof(struct vlan_range),
	},
	{
		.name = "ethertype",
		.help = "Type of a tunnel's outer tag",
		.offset = offsetof(struct policy_vlan, ethertype),
		.type = XVS_ENUM,
		.dflt = VLAN_TYPE_SERVICE,
		.names = XVS_TABLE(type_names),
	},
	{
		.name = "primary",
		.help = "Primary VLAN of a private one: what promiscuous ports send in",
		.offset = offsetof(struct policy_vlan, primary),
		.type = XVS_U32,
		.max = VLAN_MAX,
	},
	{
		.name = "secondary",
		.help = "VLAN inside the primary one that an isolated or community port sends in",
		.offset = offsetof(struct policy_vlan, secondary),
		.type = XVS_U32,
		.max = VLAN_MAX,
	},
	{
		.name = "secondaries",
		.help = "Secondary VLANs whose packets a promiscuous port gets",
		.offset = offsetof(struct policy_vlan, secondaries),
		.type = XVS_LIST,
		.max = VLAN_RANGES_MAX,
		.fields = XVS_TABLE(range_fields),
		.element_bytes = sizeof(struct vlan_range),
	},
};

const struct xvs_feature builtin_vlan = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_vlan),
	.id = "xvs.vlan/1",
	.summary = "VLANs of a port",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(vlan_fields),
};

static const struct xvs_field port_fields[] = {
	{
		.name = "blocked",
		.help = "Nothing comes in and nothing goes out",
		.offset = offsetof(struct policy_port, blocked),
		.type = XVS_BOOL,
	},
	{
		.name = "mtu",
		.help = "Largest layer 3 packet that is sent to the port; not given: as its device says",
		.offset = offsetof(struct policy_port, mtu),
		.type = XVS_U32,
		.max = MTU_MAX,
	},
};

const struct xvs_feature builtin_port = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_port),
	.id = "xvs.port/1",
	.summary = "Blocking of a port, and its largest packet",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(port_fields),
};

static const char *const over_limit_names[] = {
	[OVER_LIMIT_FLOOD] = "flood",
	[OVER_LIMIT_DROP] = "drop",
	[OVER_LIMIT_BLOCK] = "block",
};

static const struct xvs_field learning_fields[] = {
	{
		.name = "enabled",
		.help = "Learn source addresses that come in here",
		.offset = offsetof(struct policy_learning, enabled),
		.type = XVS_BOOL,
		.dflt = true,
	},
	{
		.name = "limit",
		.help = "Addresses learned at most",
		.offset = offsetof(struct policy_learning, limit),
		.type = XVS_U32,
		.min = 1,
		.max = 65536,
		.dflt = 256,
	},
	{
		.name = "age_s",
		.help = "Seconds without a packet after which an address is forgotten",
		.offset = offsetof(struct policy_learning, age_s),
		.type = XVS_U32,
		.min = 10,
		.max = 1000000,
		.dflt = 300,
	},
	{
		.name = "over_limit",
		.help = "Packets from more addresses than that: they pass unlearned, are dropped, or "
			"block the port until somebody unblocks it",
		.offset = offsetof(struct policy_learning, over_limit),
		.type = XVS_ENUM,
		.dflt = OVER_LIMIT_FLOOD,
		.names = XVS_TABLE(over_limit_names),
	},
	{
		.name = "unicast_flood",
		.help = "Packets for addresses that nobody knows are sent here",
		.offset = offsetof(struct policy_learning, unicast_flood),
		.type = XVS_BOOL,
		.dflt = true,
	},
};

const struct xvs_feature builtin_learning = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_learning),
	.id = "xvs.learning/1",
	.summary = "Learning of source addresses at a port",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(learning_fields),
};

static const struct xvs_field new_flows_fields[] = {
	{
		.name = "per_second",
		.help = "New flows judged a second; 0: no limit",
		.offset = offsetof(struct policy_new_flows, per_second),
		.type = XVS_U32,
		.dflt = 50000,
	},
	{
		.name = "burst",
		.help = "New flows judged at once",
		.offset = offsetof(struct policy_new_flows, burst),
		.type = XVS_U32,
		.dflt = 5000,
	},
};

const struct xvs_feature builtin_new_flows = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_new_flows),
	.id = "xvs.new-flows/1",
	.summary = "Budget of a port for new flows",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(new_flows_fields),
};

const struct xvs_feature *const builtin_features[] = {
	&builtin_vlan,       &builtin_port,        &builtin_learning,
	&builtin_new_flows,  &builtin_connections, &builtin_mirror,
	&builtin_rate,       &builtin_qos,         &builtin_team,
	&builtin_guest_team, &builtin_link,        &builtin_class,
	&builtin_lldp,       &builtin_queue,       NULL,
};
