/* SPDX-License-Identifier: Apache-2.0 */
/* policy/link.c - field tables of "xvs.link/1" and "xvs.class/1". */
#include "policy/link.h"

#include <stddef.h>

enum {
	KBPS_MAX = 1000000000, /* 1 Tbit/s */
	QUEUE_MS_MAX = 500,    /* as of xvs.rate/1 */
	QUEUE_MS_USUAL = 50,
	WEIGHT_MAX = 100,
	WEIGHT_USUAL = 10,
};

#define SHARE(class, field) \
	(offsetof(struct policy_link, shares) + \
	 ((class) - CLASS_MANAGEMENT) * sizeof(struct link_share) + \
	 offsetof(struct link_share, field))

#define SHARE_FIELDS(word, class) \
	{ .name = word "_weight", \
	  .help = "Share of what ports of class " word " send together", \
	  .offset = SHARE(class, weight), \
	  .type = XVS_U32, \
	  .min = 1, \
	  .max = WEIGHT_MAX, \
	  .dflt = WEIGHT_USUAL }, \
	{ \
		.name = word "_kbps", \
		.help = "Kilobits a second that they send at most; 0: no limit", \
		.offset = SHARE(class, kbps), .type = XVS_U64, .max = KBPS_MAX, \
	}

static const struct xvs_field link_fields[] = {
	{
		.name = "kbps",
		.help = "Kilobits a second that the uplink sends, each one of a team: a little less "
			"than it can, so that packets wait in the switch; 0: as its device says",
		.offset = offsetof(struct policy_link, kbps),
		.type = XVS_U64,
		.max = KBPS_MAX,
	},
	{
		.name = "queue_ms",
		.help = "Milliseconds that packets wait at most for their share",
		.offset = offsetof(struct policy_link, queue_ms),
		.type = XVS_U32,
		.min = 1,
		.max = QUEUE_MS_MAX,
		.dflt = QUEUE_MS_USUAL,
	},
	{
		.name = "weight",
		.help = "Share of all ports together that have neither a weight nor a reservation nor a "
			"class",
		.offset = offsetof(struct policy_link, weight),
		.type = XVS_U32,
		.min = 1,
		.max = WEIGHT_MAX,
		.dflt = WEIGHT_USUAL,
	},
	SHARE_FIELDS("management", CLASS_MANAGEMENT),
	SHARE_FIELDS("migration", CLASS_MIGRATION),
	SHARE_FIELDS("storage", CLASS_STORAGE),
	SHARE_FIELDS("replication", CLASS_REPLICATION),
};

const struct xvs_feature builtin_link = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_link),
	.id = "xvs.link/1",
	.summary = "How fast an uplink sends, and who gets what of it",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(link_fields),
};

static const char *const class_names[] = {
	[CLASS_NONE] = "none",
	[CLASS_MANAGEMENT] = "management",
	[CLASS_MIGRATION] = "migration",
	[CLASS_STORAGE] = "storage",
	[CLASS_REPLICATION] = "replication",
};

static const struct xvs_field class_fields[] = {
	{
		.name = "class",
		.help = "Traffic of the system that the port carries; what it gets of an uplink stands "
			"in xvs.link/1 there",
		.offset = offsetof(struct policy_class, name),
		.type = XVS_ENUM,
		.dflt = CLASS_NONE,
		.names = XVS_TABLE(class_names),
	},
};

const struct xvs_feature builtin_class = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct policy_class),
	.id = "xvs.class/1",
	.summary = "Kind of the system's traffic that a port carries",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(class_fields),
};
