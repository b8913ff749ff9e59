/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.nat - as a vendor would write it, from the public headers alone: a guest has another
 * address outside.  By flow the host rewrites; by bytes this module does, packet by packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum { BY_FLOW, BY_BYTES };
enum { REASON_OTHER, REASON_EXPIRED, REASON_MEMORY };
enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ARP_SENDER = 14, ARP_TARGET = 24 };

struct policy {
	struct xvs_ip inside;
	struct xvs_ip outside;
	uint32_t mode;
	bool ttl;
};

struct self {
	const struct xvs_host *host;
};

struct port {
	const struct policy *policy; /* published by policy_apply(), read by workers */
};

static const char *const modes[] = { "flow", "bytes" };

static const struct xvs_field fields[] = {
	{ .name = "inside",
	  .help = "The address that the guest has",
	  .type = XVS_IP,
	  .flags = XVS_FIELD_REQUIRED,
	  .offset = offsetof(struct policy, inside) },
	{ .name = "outside",
	  .help = "The address that others see",
	  .type = XVS_IP,
	  .flags = XVS_FIELD_REQUIRED,
	  .offset = offsetof(struct policy, outside) },
	{ .name = "mode",
	  .help = "Who rewrites: the host by flow, or this extension by bytes",
	  .type = XVS_ENUM,
	  .offset = offsetof(struct policy, mode),
	  .names = XVS_TABLE(modes) },
	{ .name = "ttl",
	  .help = "Take one from the time to live, as a router does",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct policy, ttl) },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.nat/1",
	  .summary = "Address translation, one to one",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	[REASON_OTHER] = { "nat", "Dropped by address translation" },
	[REASON_EXPIRED] = { "ttl", "Its time to live is spent" },
	[REASON_MEMORY] = { "memory", "No memory to make its bytes private" },
};

/* ---- by flow ------------------------------------------------------------ */

static const struct policy *policy_at(const struct xvs_batch *b)
{
	const struct port *port = b->port_state;

	return __atomic_load_n(&port->policy, __ATOMIC_ACQUIRE);
}

/* What translation looks at: the source on the way in, the destination on the way out. */
static bool concerns(const struct policy *policy, bool ingress, const struct xvs_flow_key *key)
{
	uint16_t ethertype = xvs_ntoh16(key->ethertype);

	if (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_ARP)
		return false;
	if (ingress)
		return memcmp(key->ip_src, policy->inside.addr, 16) == 0;
	return memcmp(key->ip_dst, policy->outside.addr, 16) == 0;
}

static void examine(bool ingress, struct xvs_flow_verdict *v)
{
	v->examined.ethertype = 0xffff;
	memset(ingress ? v->examined.ip_src : v->examined.ip_dst, 0xff, 16);
}

static void judge_ttl(const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	if (xvs_ntoh16(key->ethertype) != ETHERTYPE_IPV4)
		return;
	v->examined.ip_ttl = 0xff;
	if (key->ip_ttl <= 1) {
		v->action = XVS_FLOW_DROP;
		v->reason = REASON_EXPIRED;
		return;
	}
	v->set.ip_ttl = (uint8_t)(key->ip_ttl - 1);
	v->rewrite.ip_ttl = 0xff;
}

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct policy *policy = policy_at(b);
	bool ingress = b->stage == XVS_STAGE_INGRESS;

	(void)self;
	(void)i;
	if (!policy)
		return;
	examine(ingress, v);
	if (!concerns(policy, ingress, key))
		return;
	if (policy->mode == BY_BYTES) {
		v->action = XVS_FLOW_WATCH;
		return;
	}
	if (ingress) {
		memcpy(v->set.ip_src, policy->outside.addr, 16);
		memset(v->rewrite.ip_src, 0xff, 16);
	} else {
		memcpy(v->set.ip_dst, policy->inside.addr, 16);
		memset(v->rewrite.ip_dst, 0xff, 16);
	}
	if (policy->ttl)
		judge_ttl(key, v);
}

/* ---- by bytes ----------------------------------------------------------- */

static void rewrite_arp(struct xvs_packet *p, bool ingress, const uint8_t now[4])
{
	memcpy(p->data + p->l3_off + (ingress ? ARP_SENDER : ARP_TARGET), now, 4);
	p->flags |= XVS_PKT_DIRTY;
}

/* Of an IPv4 header; false: it was the last hop. */
static bool take_ttl(struct xvs_packet *p)
{
	uint8_t *ip = p->data + p->l3_off;
	uint8_t now[2] = { (uint8_t)(ip[8] - 1), ip[9] };

	if (ip[8] <= 1)
		return false;
	xvs_csum_replace(ip + 10, ip + 8, now, 2);
	p->flags |= XVS_PKT_DIRTY;
	return true;
}

static void translate(const struct xvs_host *host, struct xvs_batch *b, bool ingress)
{
	const struct policy *policy = policy_at(b);
	const uint8_t *now;

	if (!policy)
		return;
	now = (ingress ? policy->outside.addr : policy->inside.addr) + 12;
	for (XVS_EACH(i, b->live)) {
		struct xvs_packet *p = b->pkts[i];

		if (host->unshare(host, p) != 0) {
			xvs_drop(b, i, REASON_MEMORY);
		} else if (p->ethertype == ETHERTYPE_ARP) {
			rewrite_arp(p, ingress, now);
		} else if (policy->ttl && !take_ttl(p)) {
			xvs_drop(b, i, REASON_EXPIRED);
		} else {
			xvs_rewrite_ipv4(p, ingress, now);
		}
	}
}

static void ingress(void *self, struct xvs_batch *b)
{
	const struct self *s = self;

	translate(s->host, b, true);
}

static void egress(void *self, struct xvs_batch *b)
{
	const struct self *s = self;

	translate(s->host, b, false);
}

/* ---- control ------------------------------------------------------------ */

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = calloc(1, sizeof(*s));

	(void)args;
	(void)err;
	if (!s)
		return -ENOMEM;
	s->host = host;
	*self = s;
	return 0;
}

static int port_attach(void *self, const struct xvs_port *port, void **port_state,
		       struct xvs_error *err)
{
	(void)self;
	(void)port;
	(void)err;
	*port_state = calloc(1, sizeof(struct port));
	return *port_state ? 0 : -ENOMEM;
}

static void port_detach(void *self, void *port_state)
{
	(void)self;
	free(port_state);
}

static bool is_ipv4_host(const struct xvs_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(ip->addr, mapped, sizeof(mapped)) == 0 && ip->prefix_len == 128;
}

static int policy_check(void *self, void *port_state, const char *feature, const void *value,
			void **prepared, struct xvs_error *err)
{
	const struct policy *policy = value;

	(void)self;
	(void)port_state;
	(void)feature;
	(void)prepared;
	if (policy && !is_ipv4_host(&policy->inside))
		return xvs_refuse(err, -EINVAL, "inside", "inside is not an IPv4 address");
	if (policy && !is_ipv4_host(&policy->outside))
		return xvs_refuse(err, -EINVAL, "outside", "outside is not an IPv4 address");
	return 0;
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct port *port = port_state;

	(void)self;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&port->policy, value, __ATOMIC_RELEASE);
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

static const void *query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.port_attach = port_attach,
	.port_detach = port_detach,
	.policy_check = policy_check,
	.policy_apply = policy_apply,
	.ingress = ingress,
	.egress = egress,
	.query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "com.acme.nat",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Address translation, one to one",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .ops = &ops,
	  .rights = XVS_RIGHT_REWRITE },
};

XVS_NOTE("com.acme.nat", "1.0.0", 1u << XVS_FILTER, XVS_RIGHT_REWRITE);

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
