/* SPDX-License-Identifier: Apache-2.0 */
/* policy/mirror.c - the field table of "xvs.mirror/1". */
#include "policy/mirror.h"

enum { SESSIONS_MAX = 16, NAMES_MAX = 256, TARGETS_MAX = 8, RANGES_MAX = 256, VLAN_MAX = 4094 };

enum { SNAP_MAX = 65535, SAMPLE_MAX = 1000000 };

static const char *const direction_names[] = {
	[MIRROR_BOTH] = "both",
	[MIRROR_FROM_PORT] = "in",
	[MIRROR_TO_PORT] = "out",
};

static const struct xvs_field name_fields[] = {
	{
		.name = "name",
		.help = "Name of a port or group of the switch",
		.offset = offsetof(struct mirror_name, name),
		.type = XVS_TEXT,
		.flags = XVS_FIELD_REQUIRED,
		.max = 64,
	},
};

static const struct xvs_field range_fields[] = {
	{
		.name = "first",
		.help = "First VLAN of the range; 0: the untagged segment",
		.offset = offsetof(struct vlan_range, first),
		.type = XVS_U32,
		.flags = XVS_FIELD_REQUIRED,
		.max = VLAN_MAX,
	},
	{
		.name = "last",
		.help = "Last VLAN of the range",
		.offset = offsetof(struct vlan_range, last),
		.type = XVS_U32,
		.flags = XVS_FIELD_REQUIRED,
		.max = VLAN_MAX,
	},
};

static const struct xvs_field session_fields[] = {
	{
		.name = "name",
		.help = "Name of the session",
		.offset = offsetof(struct policy_session, name),
		.type = XVS_TEXT,
		.flags = XVS_FIELD_REQUIRED,
		.max = 64,
	},
	{
		.name = "ports",
		.help = "Ports whose packets are copied",
		.offset = offsetof(struct policy_session, ports),
		.type = XVS_LIST,
		.max = NAMES_MAX,
		.fields = XVS_TABLE(name_fields),
		.element_bytes = sizeof(struct mirror_name),
	},
	{
		.name = "groups",
		.help = "Groups, all of whose ports' packets are copied",
		.offset = offsetof(struct policy_session, groups),
		.type = XVS_LIST,
		.max = NAMES_MAX,
		.fields = XVS_TABLE(name_fields),
		.element_bytes = sizeof(struct mirror_name),
	},
	{
		.name = "vlans",
		.help = "VLANs whose packets are copied: at those ports and groups, or at all ports "
			"if none are given",
		.offset = offsetof(struct policy_session, vlans),
		.type = XVS_LIST,
		.max = RANGES_MAX,
		.fields = XVS_TABLE(range_fields),
		.element_bytes = sizeof(struct vlan_range),
	},
	{
		.name = "direction",
		.help = "in: what the switch gets from those ports; out: what it sends there",
		.offset = offsetof(struct policy_session, direction),
		.type = XVS_ENUM,
		.dflt = MIRROR_BOTH,
		.names = XVS_TABLE(direction_names),
	},
	{
		.name = "to",
		.help = "Ports that get the copies",
		.offset = offsetof(struct policy_session, to),
		.type = XVS_LIST,
		.flags = XVS_FIELD_REQUIRED,
		.max = TARGETS_MAX,
		.fields = XVS_TABLE(name_fields),
		.element_bytes = sizeof(struct mirror_name),
	},
	{
		.name = "snap",
		.help = "Bytes of a packet that are copied; 0: all, else 64 or more",
		.offset = offsetof(struct policy_session, snap),
		.type = XVS_U32,
		.max = SNAP_MAX,
	},
	{
		.name = "mark_cut",
		.help = "A copy that was cut ends with its former length, in 4 more bytes",
		.offset = offsetof(struct policy_session, mark_cut),
		.type = XVS_BOOL,
	},
	{
		.name = "sample",
		.help = "One packet in so many is copied, at random",
		.offset = offsetof(struct policy_session, sample),
		.type = XVS_U32,
		.min = 1,
		.max = SAMPLE_MAX,
		.dflt = 1,
	},
	{
		.name = "by_rules",
		.help = "Only what rules of access lists say (mirror) is copied; with 'vlans': of these "
			"VLANs",
		.offset = offsetof(struct policy_session, by_rules),
		.type = XVS_BOOL,
	},
	{
		.name = "normal_traffic",
		.help = "The ports that get the copies send and receive as others do; else they get "
			"copies alone, and what they send is dropped",
		.offset = offsetof(struct policy_session, normal_traffic),
		.type = XVS_BOOL,
	},
};

static const struct xvs_field mirror_fields[] = {
	{
		.name = "sessions",
		.help = "What is copied, and to where",
		.offset = offsetof(struct policy_mirror, sessions),
		.type = XVS_LIST,
		.max = SESSIONS_MAX,
		.fields = XVS_TABLE(session_fields),
		.element_bytes = sizeof(struct policy_session),
	},
};

const struct xvs_feature builtin_mirror = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_mirror),
	.id = "xvs.mirror/1",
	.summary = "Copies of packets for analysis",
	.scope = XVS_PER_SWITCH,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(mirror_fields),
};
