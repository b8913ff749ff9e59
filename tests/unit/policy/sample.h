/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A feature with a field of every type, and helpers that compare errors by text.
 */
#ifndef TESTS_POLICY_SAMPLE_H
#define TESTS_POLICY_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/schema.h"

struct sample_rule {
	uint32_t proto;
	uint32_t pad;
	struct xvs_table ports;
	struct xvs_table peers;
};

struct sample_range {
	uint32_t first, last;
};

struct sample_peer {
	struct xvs_ip prefix;
};

struct sample {
	bool enabled;
	uint8_t mac[6];
	char key[9];
	uint32_t burst;
	uint32_t proto;
	uint64_t bytes;
	struct xvs_ip gateway;
	uint32_t pad;
	struct xvs_table rules;
};

static const char *const sample_protos[] = { "any", "tcp", "udp" };

static const struct xvs_field sample_range_fields[] = {
	{ .name = "first",
	  .help = "First",
	  .offset = 0,
	  .type = XVS_U32,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = 65535 },
	{ .name = "last",
	  .help = "Last",
	  .offset = 4,
	  .type = XVS_U32,
	  .flags = XVS_FIELD_REQUIRED,
	  .max = 65535 },
};

static const struct xvs_field sample_peer_fields[] = {
	{ .name = "prefix", .help = "Peer", .offset = 0, .type = XVS_IP },
};

static const struct xvs_field sample_rule_fields[] = {
	{ .name = "proto",
	  .help = "Protocol",
	  .offset = offsetof(struct sample_rule, proto),
	  .type = XVS_ENUM,
	  .flags = XVS_FIELD_REQUIRED,
	  .names = XVS_TABLE(sample_protos) },
	{ .name = "ports",
	  .help = "Ports",
	  .offset = offsetof(struct sample_rule, ports),
	  .type = XVS_LIST,
	  .max = 4,
	  .fields = XVS_TABLE(sample_range_fields),
	  .element_bytes = sizeof(struct sample_range) },
	{ .name = "peers",
	  .help = "Peers",
	  .offset = offsetof(struct sample_rule, peers),
	  .type = XVS_LIST,
	  .max = 4,
	  .fields = XVS_TABLE(sample_peer_fields),
	  .element_bytes = sizeof(struct sample_peer) },
};

static const struct xvs_field sample_fields[] = {
	{ .name = "enabled",
	  .help = "Whether it works",
	  .offset = offsetof(struct sample, enabled),
	  .type = XVS_BOOL,
	  .dflt = 1 },
	{ .name = "mac",
	  .help = "Address",
	  .offset = offsetof(struct sample, mac),
	  .type = XVS_MAC },
	{ .name = "key",
	  .help = "Password",
	  .offset = offsetof(struct sample, key),
	  .type = XVS_TEXT,
	  .flags = XVS_FIELD_SECRET,
	  .max = 9 },
	{ .name = "burst",
	  .help = "Packets at once",
	  .offset = offsetof(struct sample, burst),
	  .type = XVS_U32,
	  .min = 1,
	  .max = 1000,
	  .dflt = 10 },
	{ .name = "proto",
	  .help = "Protocol",
	  .offset = offsetof(struct sample, proto),
	  .type = XVS_ENUM,
	  .dflt = 1,
	  .names = XVS_TABLE(sample_protos) },
	{ .name = "bytes",
	  .help = "Quota",
	  .offset = offsetof(struct sample, bytes),
	  .type = XVS_U64 },
	{ .name = "gateway",
	  .help = "Gateway",
	  .offset = offsetof(struct sample, gateway),
	  .type = XVS_IP },
	{ .name = "rules",
	  .help = "Rules",
	  .offset = offsetof(struct sample, rules),
	  .type = XVS_LIST,
	  .max = 3,
	  .fields = XVS_TABLE(sample_rule_fields),
	  .element_bytes = sizeof(struct sample_rule) },
};

static const struct xvs_feature sample_feature = {
	.size = sizeof(struct xvs_feature),
	.bytes = sizeof(struct sample),
	.id = "com.example.sample/1",
	.summary = "A field of every type",
	.scope = XVS_PER_PORT,
	.kind = XVS_SETTING,
	.fields = XVS_TABLE(sample_fields),
};

/* The document of a JSON text. */
static inline struct node *sample_node(const char *json)
{
	static struct diags diags;
	json_t *j = json_loads(json, JSON_DECODE_ANY, NULL);
	struct node *n;

	diags.count = 0;
	assert_non_null(j);
	n = node_from_json(j, &diags);
	json_decref(j);
	assert_non_null(n);
	return n;
}

/* Decodes JSON text; the errors are in the static 'sample_diags'. */
static struct diags sample_diags;

static inline struct value *sample_decode(const struct xvs_feature *f, const char *json)
{
	struct node *n = sample_node(json);
	struct value *v;

	sample_diags.count = 0;
	v = value_decode(f, n, "port web-1: policy x", &sample_diags);
	node_destroy(n);
	return v;
}

#endif /* TESTS_POLICY_SAMPLE_H */
