/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.acme.label - as a vendor would write it, from the public headers alone: puts an MPLS label
 * in front of what enters, takes it off what leaves, and mirrors what enters to a port.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"
#include "xvs/extension.h"

enum {
	LABEL_BYTES = 4,
	MACS = 12,
	ETHERNET = 14,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_IPV4 = 0x0800
};
enum { REASON_OTHER, REASON_MEMORY };
enum { COUNT_PUSHED, COUNT_POPPED, COUNT_MIRRORED };

struct policy {
	uint32_t label;
	uint32_t mirror; /* port id, or XVS_PORT_NONE */
};

struct self {
	const struct xvs_host *host;
	const struct policy *policy; /* published by policy_apply(), read by workers */
};

static const struct xvs_field fields[] = {
	{ .name = "label",
	  .help = "The label",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, label),
	  .min = 16,
	  .max = (1 << 20) - 1,
	  .dflt = 16 },
	{ .name = "mirror",
	  .help = "Number of the port that gets a copy of what enters; 0: none",
	  .type = XVS_U32,
	  .offset = offsetof(struct policy, mirror),
	  .max = (1 << 24) - 1 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct policy),
	  .id = "com.acme.label/1",
	  .summary = "The label between the ports",
	  .scope = XVS_PER_SWITCH,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(fields) },
};

static const struct xvs_label reasons[] = {
	[REASON_OTHER] = { "label", "Dropped for its label" },
	[REASON_MEMORY] = { "memory", "No memory to make its bytes private" },
};

static const struct xvs_label counters[] = {
	[COUNT_PUSHED] = { "pushed", "Packets that got a label" },
	[COUNT_POPPED] = { "popped", "Packets whose label was taken off" },
	[COUNT_MIRRORED] = { "mirrored", "Copies sent to the mirror" },
};

static const struct policy *policy_of(const struct self *s)
{
	return __atomic_load_n(&s->policy, __ATOMIC_ACQUIRE);
}

static void push(struct xvs_packet *p, uint32_t label)
{
	p->data -= LABEL_BYTES;
	p->len += LABEL_BYTES;
	p->linear += LABEL_BYTES;
	p->csum_start = (uint16_t)(p->csum_start + LABEL_BYTES);
	memmove(p->data, p->data + LABEL_BYTES, MACS);
	xvs_put16(p->data + MACS, ETHERTYPE_MPLS);
	xvs_put32(p->data + ETHERNET, label << 12 | 1 << 8 | 64);
	p->flags |= XVS_PKT_DIRTY;
}

static void pop(struct xvs_packet *p)
{
	memmove(p->data + LABEL_BYTES, p->data, MACS);
	p->data += LABEL_BYTES;
	p->len -= LABEL_BYTES;
	p->linear -= LABEL_BYTES;
	p->csum_start = (uint16_t)(p->csum_start - LABEL_BYTES);
	xvs_put16(p->data + MACS, ETHERTYPE_IPV4);
	p->flags |= XVS_PKT_DIRTY;
}

static void mirror(const struct self *s, struct xvs_batch *b, uint64_t i, uint32_t port)
{
	struct xvs_packet *copy;

	if (port == XVS_PORT_NONE || b->pkts[i]->flags & XVS_PKT_DRY)
		return;
	copy = s->host->clone(s->host, b->pkts[i]);
	if (!copy)
		return;
	b->counters[COUNT_MIRRORED]++;
	(void)s->host->deliver(s->host, copy, port);
}

static void ingress(void *self, struct xvs_batch *b)
{
	const struct self *s = self;
	const struct policy *policy = policy_of(s);

	if (!policy)
		return;
	for (XVS_EACH(i, b->live)) {
		struct xvs_packet *p = b->pkts[i];

		mirror(s, b, i, policy->mirror);
		if (p->ethertype != ETHERTYPE_IPV4 || p->gso_type || p->l3_off != ETHERNET)
			continue;
		if (s->host->unshare(s->host, p) != 0 || p->headroom < LABEL_BYTES) {
			xvs_drop(b, i, REASON_MEMORY);
			continue;
		}
		push(p, policy->label);
		b->counters[COUNT_PUSHED]++;
	}
}

static void egress(void *self, struct xvs_batch *b)
{
	const struct self *s = self;

	for (XVS_EACH(i, b->live)) {
		struct xvs_packet *p = b->pkts[i];

		if (p->ethertype != ETHERTYPE_MPLS ||
		    s->host->pull(s->host, p, ETHERNET + LABEL_BYTES) != 0)
			continue;
		if (s->host->unshare(s->host, p) != 0) {
			xvs_drop(b, i, REASON_MEMORY);
			continue;
		}
		pop(p);
		b->counters[COUNT_POPPED]++;
	}
}

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

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct self *s = self;

	(void)port_state;
	(void)feature;
	(void)prepared;
	__atomic_store_n(&s->policy, (const struct policy *)value, __ATOMIC_RELEASE);
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.policy_apply = policy_apply,
	.ingress = ingress,
	.egress = egress,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FILTER,
	  .id = "com.acme.label",
	  .version = "1.0.0",
	  .vendor = "Acme",
	  .summary = "Labels between ports, and a mirror",
	  .features = XVS_TABLE(features),
	  .reasons = XVS_TABLE(reasons),
	  .counters = XVS_TABLE(counters),
	  .ops = &ops,
	  .rights = XVS_RIGHT_REWRITE | XVS_RIGHT_ORIGINATE },
};

XVS_NOTE("com.acme.label", "1.0.0", 1u << XVS_FILTER, XVS_RIGHT_REWRITE | XVS_RIGHT_ORIGINATE);

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1),
	.extensions = XVS_TABLE(extensions),
};
