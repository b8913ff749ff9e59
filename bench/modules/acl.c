/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl.c - 10,000 rules by source network and destination port; the first that matches allows, what
 * none matches is dropped.  The same rules as those that harness/ovs.py gives to Open vSwitch:
 * number i is UDP from 10.0.0.0 + (i / 32) * 4096, 20 bits of it, to 32 ports from 4992 + i % 32 * 32.
 *
 * As a filter would, it looks only at the rules that name the port, in their order.
 */
#include <errno.h>
#include <stdlib.h>

#include "one.h"
#include "xvs/ext/sdk.h"

enum {
	RULES = 10000,
	GROUPS = 32, /* of ports */
	GROUP_PORTS = 32,
	FIRST_PORT = 4992,
	PREFIX_BITS = 20,
	NETWORK_TEN = 10u << 24,
	PROTO_UDP = 17,
};

struct rule {
	uint32_t network, mask; /* of the source, host order */
	uint16_t port_first, port_last;
};

/* The rules that name a port, in order: numbers list[begin[port]] .. list[begin[port + 1]] - 1. */
struct acl {
	struct rule rules[RULES];
	uint32_t begin[65537];
	uint16_t *list;
};

static void write_rules(struct acl *a)
{
	for (uint32_t i = 0; i < RULES; i++) {
		uint32_t first = FIRST_PORT + i % GROUPS * GROUP_PORTS;

		a->rules[i].mask = ~0u << (32 - PREFIX_BITS);
		a->rules[i].network = NETWORK_TEN + (i / GROUPS << (32 - PREFIX_BITS));
		a->rules[i].port_first = (uint16_t)first;
		a->rules[i].port_last = (uint16_t)(first + GROUP_PORTS - 1);
	}
}

/* Counted first, then filled, rule by rule. */
static int compile(struct acl *a)
{
	uint32_t *at = calloc(65536, sizeof(*at));

	if (!at)
		return -1;
	for (uint32_t i = 0; i < RULES; i++)
		for (uint32_t p = a->rules[i].port_first; p <= a->rules[i].port_last; p++)
			at[p]++;
	for (uint32_t p = 0; p < 65536; p++) {
		a->begin[p + 1] = a->begin[p] + at[p];
		at[p] = a->begin[p];
	}
	a->list = calloc(a->begin[65536], sizeof(*a->list));
	for (uint32_t i = 0; a->list && i < RULES; i++)
		for (uint32_t p = a->rules[i].port_first; p <= a->rules[i].port_last; p++)
			a->list[at[p]++] = (uint16_t)i;
	free(at);
	return a->list ? 0 : -1;
}

/* 'seen': the bits of the source that were looked at. */
static bool is_allowed(const struct acl *a, uint32_t source, uint16_t port, uint32_t *seen)
{
	for (uint32_t at = a->begin[port]; at < a->begin[port + 1u]; at++) {
		const struct rule *r = &a->rules[a->list[at]];

		*seen |= r->mask;
		if ((source & r->mask) == r->network)
			return true;
	}
	return false;
}

static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	uint32_t seen = 0;

	(void)i;
	if (b->stage != XVS_STAGE_INGRESS)
		return;
	v->examined.ip_proto = 0xff;
	if (key->ip_proto != PROTO_UDP)
		return;
	if (!is_allowed(self, xvs_get32(key->ip_src + 12), xvs_ntoh16(key->l4_dst), &seen))
		v->action = XVS_FLOW_DROP;
	memset(v->examined.ip_src, 0xff, 12);
	xvs_put32(v->examined.ip_src + 12, seen);
	v->examined.l4_dst = 0xffff;
}

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct acl *a = calloc(1, sizeof(*a));

	(void)host;
	(void)args;
	if (!a)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	write_rules(a);
	if (compile(a) != 0) {
		free(a);
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	}
	*self = a;
	return 0;
}

static void destroy(void *self)
{
	struct acl *a = self;

	free(a->list);
	free(a);
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge };

ONE_MODULE(XVS_FILTER, "org.xvs.bench.acl", flow, create, destroy, .egress = NULL);
