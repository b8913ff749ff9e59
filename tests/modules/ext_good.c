/* SPDX-License-Identifier: Apache-2.0 */
/* A module with an extension of each class, and one of everything that can be declared. */
#include "plain.h"

XVS_NOTE("com.example.good", "1.2.3",
	 1u << XVS_INSPECT | 1u << XVS_FILTER | 1u << XVS_FIREWALL | 1u << XVS_FORWARD,
	 XVS_RIGHT_ORIGINATE | XVS_RIGHT_REWRITE);

struct rule {
	uint32_t proto;
	uint32_t port;
	struct xvs_ip from;
};

struct limits {
	uint64_t burst;
	struct xvs_table rules;
	uint32_t rate_kbps;
	bool on;
	char note[32];
	uint8_t mac[6];
};

static const char *const protocols[] = { "any", "tcp", "udp" };

static const struct xvs_field rule_fields[] = {
	{ .name = "proto",
	  .help = "protocol",
	  .type = XVS_ENUM,
	  .offset = offsetof(struct rule, proto),
	  .names = XVS_TABLE(protocols) },
	{ .name = "port",
	  .help = "port",
	  .type = XVS_U32,
	  .offset = offsetof(struct rule, port),
	  .max = 65535 },
	{ .name = "from", .help = "source", .type = XVS_IP, .offset = offsetof(struct rule, from) },
};

static const struct xvs_field limit_fields[] = {
	{ .name = "rate_kbps",
	  .help = "rate",
	  .type = XVS_U32,
	  .flags = XVS_FIELD_REQUIRED,
	  .offset = offsetof(struct limits, rate_kbps),
	  .min = 1,
	  .max = 1000000 },
	{ .name = "burst",
	  .help = "burst in bytes",
	  .type = XVS_U64,
	  .offset = offsetof(struct limits, burst),
	  .max = UINT64_MAX,
	  .dflt = 1500 },
	{ .name = "on",
	  .help = "in force",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct limits, on),
	  .dflt = 1 },
	{ .name = "note",
	  .help = "for people",
	  .type = XVS_TEXT,
	  .offset = offsetof(struct limits, note),
	  .max = 32 },
	{ .name = "mac",
	  .help = "address",
	  .type = XVS_MAC,
	  .offset = offsetof(struct limits, mac) },
	{ .name = "rules",
	  .help = "what to limit",
	  .type = XVS_LIST,
	  .offset = offsetof(struct limits, rules),
	  .max = 16,
	  .fields = XVS_TABLE(rule_fields),
	  .element_bytes = sizeof(struct rule) },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct limits),
	  .id = "com.example.limits/1",
	  .summary = "limits",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(limit_fields) },
};

static const struct xvs_label reasons[] = { { "limited", "over the limit" }, { "odd", "odd" } };
static const struct xvs_label counters[] = { { "seen", "packets seen" } };
static const char *const after[] = { "com.example.other" };
static const char *const needs[] = { "xvs.timer/1", "xvs.flow-host/1" };

static const struct xvs_extension extensions[] = {
	{ PLAIN(XVS_INSPECT, "com.example.good.inspect"), .rights = XVS_RIGHT_ORIGINATE },
	{ PLAIN(XVS_FILTER, "com.example.good.filter"), .flags = XVS_EXT_POLICY_ONLY,
	  .features = XVS_TABLE(features), .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters), .after = XVS_TABLE(after), .needs = XVS_TABLE(needs),
	  .rights = XVS_RIGHT_REWRITE, .linear = 128 },
	{ PLAIN(XVS_FIREWALL, "com.example.good.firewall") },
	{ PLAIN(XVS_FORWARD, "com.example.good.forward") },
};
PLAIN_MODULE(extensions);
