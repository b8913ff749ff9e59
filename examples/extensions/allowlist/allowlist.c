/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.example.allowlist - a forwarder: a machine reaches the adapters whose MAC addresses its policy lists,
 * and all of them by broadcast and multicast, which address resolution needs.  The rest, the choice of the
 * port, is left to the switch.  Without a policy a machine reaches nobody.
 */
#include <string.h>

#include <xvs/ext/plain.h>
#include <xvs/extension.h>

enum { REASON_UNLISTED = 1 };

struct peer {
	uint8_t mac[6];
};

struct policy {
	struct xvs_table peers; /* struct peer */
};

static const struct xvs_field peer_fields[] = {
	{ .name = "mac", .help = "Address of an adapter", .offset = offsetof(struct peer, mac),
	  .type = XVS_MAC, .flags = XVS_FIELD_REQUIRED },
};

static const struct xvs_field fields[] = {
	{ .name = "peers", .help = "Whom this port reaches", .offset = offsetof(struct policy, peers),
	  .type = XVS_LIST, .max = 256, .fields = XVS_TABLE(peer_fields),
	  .element_bytes = sizeof(struct peer) },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature), .bytes = sizeof(struct policy),
	  .id = "com.example.allowlist/1", .summary = "Whom this port reaches",
	  .scope = XVS_PER_PORT, .kind = XVS_SETTING, .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	{ "allowlist", "Refused by this forwarder" },
	{ "unlisted", "To an address that the port's policy does not list" },
};

static bool is_listed(const struct policy *policy, const uint8_t mac[6])
{
	const struct peer *peers = policy ? (const struct peer *)policy->peers.items : NULL;

	for (uint32_t n = 0; peers && n < policy->peers.count; n++) {
		if (memcmp(peers[n].mac, mac, sizeof(peers[n].mac)) == 0)
			return true;
	}
	return false;
}

/* [worker] Once for each flow.  On the way out forwarders are not asked. */
static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct policy *policy = (const struct policy *)xvs_plain_policy(b->port_state);

	memset(v->examined.eth_dst, 0xff, sizeof(v->examined.eth_dst));
	if ((key->eth_dst[0] & 1) || is_listed(policy, key->eth_dst)) {
		v->dest = XVS_DEST_NORMAL;
	} else {
		v->action = XVS_FLOW_DROP;
		v->reason = REASON_UNLISTED;
	}
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

static const void *query(void *self, const char *id)
{
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops), .create = xvs_plain_create, .destroy = xvs_plain_destroy,
	.port_attach = xvs_plain_port_attach, .port_detach = xvs_plain_port_detach,
	.policy_apply = xvs_plain_policy_apply, .query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension), .cls = XVS_FORWARD, .id = "com.example.allowlist",
	  .version = "1.0.0", .vendor = "Example", .summary = "Machines reach whom their policy lists",
	  .features = XVS_TABLE(features), .reasons = XVS_TABLE(reasons), .ops = &ops },
};

XVS_NOTE("com.example.allowlist", "1.0.0", 1u << XVS_FORWARD, 0);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1), .flags = 0, .extensions = XVS_TABLE(extensions),
};
