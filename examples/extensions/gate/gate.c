/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.example.gate - a firewall on connections that the host tracks: a machine may open what it
 * likes, and is reached on the ports that its policy lists.  Without a policy it is left alone.
 */
#include <string.h>

#include <xvs/ext/plain.h>
#include <xvs/ext/sdk.h>
#include <xvs/extension.h>

enum { REASON_CLOSED = 1, ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

struct service {
	uint32_t port;
	uint32_t proto; /* place in 'protocols' */
};

struct policy {
	struct xvs_table open; /* struct service */
	bool ping;
};

static const char *const protocols[] = { "tcp", "udp" };

static const struct xvs_field service_fields[] = {
	{ .name = "port", .help = "Port of the machine", .offset = offsetof(struct service, port),
	  .type = XVS_U32, .flags = XVS_FIELD_REQUIRED, .min = 1, .max = 65535 },
	{ .name = "proto", .help = "Of which protocol", .offset = offsetof(struct service, proto),
	  .type = XVS_ENUM, .names = XVS_TABLE(protocols) },
};

static const struct xvs_field fields[] = {
	{ .name = "open", .help = "Where the machine is reached", .offset = offsetof(struct policy, open),
	  .type = XVS_LIST, .max = 64, .fields = XVS_TABLE(service_fields),
	  .element_bytes = sizeof(struct service) },
	{ .name = "ping", .help = "It answers echo requests", .offset = offsetof(struct policy, ping),
	  .type = XVS_BOOL },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature), .bytes = sizeof(struct policy),
	  .id = "com.example.gate/1", .summary = "What is open on this port",
	  .scope = XVS_PER_PORT, .kind = XVS_SETTING, .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	{ "gate", "Refused by this firewall" },
	{ "closed", "A connection to a port that is not open" },
};

static bool is_open(const struct policy *policy, const struct xvs_conn *c)
{
	const struct service *open = (const struct service *)policy->open.items;
	const uint32_t port = xvs_ntoh16(c->dst_port);

	if (c->proto == ICMP || c->proto == ICMP6)
		return policy->ping;
	for (uint32_t n = 0; n < policy->open.count; n++) {
		if (open[n].port == port && c->proto == (open[n].proto ? UDP : TCP))
			return true;
	}
	return false;
}

/* [worker] Once for each connection; replies and the ICMP errors about it need no second question. */
static void authorise(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_conn *c,
		      struct xvs_conn_verdict *v)
{
	const struct policy *policy = (const struct policy *)xvs_plain_policy(b->port_state);

	if (!c->inbound || !policy || is_open(policy, c))
		return; /* all zero: allowed */
	v->action = XVS_CONN_REJECT;
	v->reason = REASON_CLOSED;
}

/* Connections that live are asked about again, at their next packet. */
static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	const struct xvs_host *host = (const struct xvs_host *)self;
	const struct xvs_conn_host *conns = (const struct xvs_conn_host *)host->query(host, XVS_CONN_HOST);

	xvs_plain_policy_apply(self, port_state, feature, value, prepared);
	conns->invalidate(host);
}

static const struct xvs_conn_ops conn_ops = { .size = sizeof(conn_ops), .authorise = authorise };

static const void *query(void *self, const char *id)
{
	return strcmp(id, XVS_CONN) == 0 ? &conn_ops : NULL;
}

static const char *const needs[] = { XVS_CONN_HOST };

static const struct xvs_ops ops = {
	.size = sizeof(ops), .create = xvs_plain_create, .destroy = xvs_plain_destroy,
	.port_attach = xvs_plain_port_attach, .port_detach = xvs_plain_port_detach,
	.policy_apply = policy_apply, .query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension), .cls = XVS_FIREWALL, .flags = XVS_EXT_POLICY_ONLY,
	  .id = "com.example.gate", .version = "1.0.0", .vendor = "Example", .summary = "Machines are reached where they are open",
	  .features = XVS_TABLE(features), .reasons = XVS_TABLE(reasons),
	  .needs = XVS_TABLE(needs), .ops = &ops },
};

XVS_NOTE("com.example.gate", "1.0.0", 1u << XVS_FIREWALL, 0);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1), .flags = 0, .extensions = XVS_TABLE(extensions),
};
