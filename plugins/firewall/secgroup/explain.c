/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c - which rule it was, for who traces a packet that opens a connection. */
#include <stdio.h>

#include "secgroup.h"
#include "xvs/ext/sdk.h"

enum { PROTO_ICMP = 1, PROTO_ICMPV6 = 58 };

/* The port of the responder, or type and code, as the host's connections have it. */
static uint16_t service_of(const struct xvs_flow_key *key)
{
	if (key->ip_proto == PROTO_ICMP || key->ip_proto == PROTO_ICMPV6)
		return (uint16_t)(xvs_ntoh16(key->l4_src) << 8 | xvs_ntoh16(key->l4_dst));
	return xvs_ntoh16(key->l4_dst);
}

void secgroup_explain(void *self, const struct xvs_batch *b, uint32_t i,
		      const struct xvs_flow_key *key, char *text, uint32_t bytes)
{
	const struct secgroup_port *port = b->port_state;
	const struct rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	bool is_in = b->stage == XVS_STAGE_EGRESS;
	const struct rule_query q = {
		.direction = is_in ? DIRECTION_IN : DIRECTION_OUT,
		.proto = key->ip_proto,
		.service = service_of(key),
		.remote = is_in ? key->ip_src : key->ip_dst,
	};
	struct rule_answer answer;

	(void)self;
	(void)i;
	if (!rules)
		return;
	answer = rules_decide(rules, &q);
	if (answer.is_default)
		(void)snprintf(text, bytes, "%s", is_in ? "default_in" : "default_out");
	else
		(void)snprintf(text, bytes, "rules[%u]", answer.nr);
}
