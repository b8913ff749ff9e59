/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.arpd - as a vendor would write it, from the public headers alone: answers ARP for an
 * address, and resets TCP to a port.  Also compiled as C++17, hence the casts
 * and members in the order of their declaration.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum { ETHERTYPE_ARP = 0x0806, ARP_REQUEST = 1, TCP = 6 };
enum { COUNT_ARP, COUNT_RESETS, COUNT_UNANSWERED };

struct policy {
	struct xvs_ip ip;
	uint8_t mac[6];
	uint32_t reset_port;
};

struct self {
	const struct xvs_host *host;
	const struct policy *policy; /* published by policy_apply(), read by workers */
};

static const struct xvs_field fields[] = {
	{ .name = "ip",
	  .help = "The address to answer for",
	  .offset = offsetof(struct policy, ip),
	  .type = XVS_IP,
	  .flags = XVS_FIELD_REQUIRED },
	{ .name = "mac",
	  .help = "The answer",
	  .offset = offsetof(struct policy, mac),
	  .type = XVS_MAC,
	  .flags = XVS_FIELD_REQUIRED },
	{ .name = "reset_port",
	  .help = "TCP to this port is reset; 0: none",
	  .offset = offsetof(struct policy, reset_port),
	  .type = XVS_U32,
	  .max = 65535 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.arpd/1",
	  .summary = "Answers of the switch",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	{ "arpd", "Answered instead of being sent on" },
};

static const struct xvs_label counters[] = {
	{ "arp", "ARP requests answered" },
	{ "resets", "Connections reset" },
	{ "unanswered", "Requests for which no answer could be made" },
};

/* ---- judging ------------------------------------------------------------ */

static bool is_question(const struct policy *policy, const struct xvs_flow_key *key,
			struct xvs_flow_verdict *v)
{
	v->examined.ip_proto = 0xff;
	memset(v->examined.ip_dst, 0xff, sizeof(v->examined.ip_dst));
	return key->ip_proto == ARP_REQUEST &&
	       memcmp(key->ip_dst, policy->ip.addr, sizeof(key->ip_dst)) == 0;
}

static bool is_to_reset(const struct policy *policy, const struct xvs_flow_key *key,
			struct xvs_flow_verdict *v)
{
	v->examined.ip_proto = 0xff;
	if (key->ip_proto != TCP)
		return false;
	v->examined.l4_dst = 0xffff;
	v->examined.bits = XVS_KEY_FRAG;
	return !(key->bits & XVS_KEY_FRAG) && xvs_ntoh16(key->l4_dst) == policy->reset_port;
}

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct self *s = (const struct self *)self;
	const struct policy *policy = __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);

	(void)i;
	if (!policy || b->stage != XVS_STAGE_INGRESS)
		return;
	v->examined.ethertype = 0xffff;
	if (xvs_ntoh16(key->ethertype) == ETHERTYPE_ARP ? is_question(policy, key, v)
							: is_to_reset(policy, key, v))
		v->action = XVS_FLOW_WATCH;
}

/* ---- answering ---------------------------------------------------------- */

/* The answer goes where the question came from, with the question's tag. */
static void answer(const struct xvs_host *host, struct xvs_batch *b, uint64_t i,
		   struct xvs_packet *out, uint16_t counter)
{
	const struct xvs_packet *p = b->pkts[i];

	out->vlan_tci = p->vlan_tci;
	out->flags |= p->flags & (XVS_PKT_VLAN | XVS_PKT_SVLAN);
	(void)host->deliver(host, out, b->port);
	b->counters[counter]++;
	xvs_drop(b, i, XVS_REASON_CONSUMED);
}

static void reset(const struct xvs_host *host, struct xvs_batch *b, uint64_t i)
{
	struct xvs_packet *out = host->alloc(host, XVS_RST_BYTES);
	uint32_t used;

	if (!out) {
		b->counters[COUNT_UNANSWERED]++;
		return;
	}
	used = xvs_build_tcp_rst(b->pkts[i], out->data);
	if (used == 0) {
		host->release(host, out, XVS_REASON_CONSUMED);
		return;
	}
	out->len = used;
	out->flags |= XVS_PKT_DIRTY;
	answer(host, b, i, out, COUNT_RESETS);
}

static void answer_arp(const struct xvs_host *host, const struct policy *policy,
		       struct xvs_batch *b, uint64_t i)
{
	struct xvs_packet *out = host->alloc(host, XVS_ARP_BYTES);

	if (!out) {
		b->counters[COUNT_UNANSWERED]++;
		return;
	}
	if (!xvs_build_arp_reply(b->pkts[i], policy->mac, out->data)) {
		host->release(host, out, XVS_REASON_CONSUMED);
		return;
	}
	answer(host, b, i, out, COUNT_ARP);
}

static void ingress(void *self, struct xvs_batch *b)
{
	const struct self *s = (const struct self *)self;
	const struct policy *policy = __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);

	if (!policy)
		return;
	for (XVS_EACH(i, b->live)) {
		if (b->pkts[i]->flags & XVS_PKT_DRY)
			continue;
		if (b->pkts[i]->ethertype == ETHERTYPE_ARP)
			answer_arp(s->host, policy, b, i);
		else
			reset(s->host, b, i);
	}
}

/* ---- control ------------------------------------------------------------ */

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = (struct self *)calloc(1, sizeof(*s));

	(void)args;
	(void)err;
	if (!s)
		return -ENOMEM;
	s->host = host;
	*self = s;
	return 0;
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct self *s = (struct self *)self;

	(void)port_state;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&s->policy, (const struct policy *)value, __ATOMIC_RELEASE);
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
	.policy_apply = policy_apply,
	.ingress = ingress,
	.query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .id = "com.acme.arpd",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Answers ARP, resets TCP",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .ops = &ops,
	  .rights = XVS_RIGHT_ORIGINATE },
};

XVS_NOTE("com.acme.arpd", "1.0.0", 1u << XVS_FILTER, XVS_RIGHT_ORIGINATE);

/* XVS_EXPORT stands at its declaration; g++ would warn of a second one. */
const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
