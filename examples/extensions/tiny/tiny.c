/* SPDX-License-Identifier: Apache-2.0 */
/* com.example.tiny - a filter that keeps telnet out of the ports with its policy, unless that allows it. */
#include <string.h>

#include <xvs/ext/plain.h>
#include <xvs/ext/sdk.h>
#include <xvs/extension.h>

enum { REASON_TELNET = 1, TCP = 6, TELNET = 23 };

struct policy {
	bool allow;
};

static const struct xvs_field fields[] = {
	{ .name = "allow", .help = "Let telnet pass", .offset = offsetof(struct policy, allow),
	  .type = XVS_BOOL },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature), .bytes = sizeof(struct policy),
	  .id = "com.example.tiny/1", .summary = "Telnet on this port",
	  .scope = XVS_PER_PORT, .kind = XVS_SETTING, .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	{ "tiny", "Refused by this filter" },
	{ "telnet", "A TCP packet to or from port 23" },
};

/* [worker] Once for each flow: the host keeps the verdict for all packets equal in what was examined. */
static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct policy *policy = (const struct policy *)xvs_plain_policy(b->port_state);
	bool telnet = xvs_ntoh16(key->l4_src) == TELNET || xvs_ntoh16(key->l4_dst) == TELNET;

	if (!policy || policy->allow)
		return; /* all zero: it passes, and nothing was examined */
	v->examined.ip_proto = 0xff;
	v->examined.l4_src = 0xffff;
	v->examined.l4_dst = 0xffff;
	if (key->ip_proto == TCP && telnet) {
		v->action = XVS_FLOW_DROP;
		v->reason = REASON_TELNET;
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
	{ .size = sizeof(struct xvs_extension), .cls = XVS_FILTER, .flags = XVS_EXT_POLICY_ONLY,
	  .id = "com.example.tiny", .version = "1.0.0", .vendor = "Example", .summary = "Keeps telnet out",
	  .features = XVS_TABLE(features), .reasons = XVS_TABLE(reasons), .ops = &ops },
};

XVS_NOTE("com.example.tiny", "1.0.0", 1u << XVS_FILTER, 0);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1), .flags = 0, .extensions = XVS_TABLE(extensions),
};
