/* SPDX-License-Identifier: Apache-2.0 */
/* portacl/net.h - one guest's port with access lists, in a fake host. */
#ifndef TESTS_PORTACL_NET_H
#define TESTS_PORTACL_NET_H

#define xvs_module_1 xvs_builtin_portacl
#define FAKE_CLASSIFY (&classify_host)
#include "ext/services.h"
#include "plugins/fake_host.h"

#include "acl.h"

enum { GUEST = 0x0a000005, PEER = 0x0a000006, FAR = 0x0b000001 };
enum { TCP = 6, UDP = 17, ICMP = 1 };

static const uint8_t mac_guest[6] = { 2, 0, 0, 0, 0, 5 };
static const uint8_t mac_peer[6] = { 2, 0, 0, 0, 0, 6 };

struct net {
	struct fake_host host;
	struct xvs_port port;
	void *state;
	void *worker;
	struct basic_policy basic;
	struct extended_policy extended[8]; /* a value stays where it is while it is in force */
	unsigned changes;
	struct fake_packet packet;
	struct fake_batch batch;
};

static inline struct xvs_ip prefix(uint32_t address, uint8_t len)
{
	struct xvs_ip ip = { .addr = { [10] = 0xff, [11] = 0xff },
			     .prefix_len = (uint8_t)(96 + len) };

	xvs_put32(ip.addr + 12, address);
	return ip;
}

static inline struct extended_rule rule(uint32_t direction, uint32_t action, uint32_t weight)
{
	return (struct extended_rule){ .direction = direction,
				       .action = action,
				       .weight = weight,
				       .icmp_type = ICMP_ANY,
				       .icmp_code = ICMP_ANY,
				       .vlan = VLAN_ANY,
				       .mark_priority = PRIORITY_LEAVE,
				       .mark_dscp = DSCP_LEAVE,
				       .limit_burst_ms = 100,
				       .log_sample = 1 };
}

static inline struct extended_rule rule_ports(struct extended_rule r, uint32_t proto,
					      const char *local, const char *remote)
{
	r.proto = proto;
	(void)snprintf(r.local_ports, sizeof(r.local_ports), "%s", local);
	(void)snprintf(r.remote_ports, sizeof(r.remote_ports), "%s", remote);
	return r;
}

static inline int try_extended(struct net *n, const struct extended_rule *rules, uint32_t count,
			       bool apply, struct xvs_error *err)
{
	struct extended_policy *value = &n->extended[n->changes++ % 8];

	value->rules = (struct xvs_table){ rules, count, sizeof(*rules) };
	return fake_policy(&n->host, n->state, "xvs.acl-extended/1", value, apply, err);
}

static inline void set_extended(struct net *n, const struct extended_rule *rules, uint32_t count)
{
	struct xvs_error err;

	assert_int_equal(try_extended(n, rules, count, true, &err), 0);
	fake_quiet(&n->host);
}

static inline void set_basic(struct net *n, const struct basic_rule *rules, uint32_t count)
{
	struct xvs_error err;

	n->basic.rules = (struct xvs_table){ rules, count, sizeof(*rules) };
	assert_int_equal(fake_policy(&n->host, n->state, "xvs.acl/1", &n->basic, true, &err), 0);
	fake_quiet(&n->host);
}

static inline int start(void **state)
{
	struct net *n = calloc(1, sizeof(*n));
	struct xvs_error err = { .size = sizeof(err) };

	fake_create(&n->host, 2);
	assert_int_equal(n->host.ext->ops->worker_attach(n->host.self, 1, 0, &n->worker, &err), 0);
	n->port = fake_port(1, "vm1", mac_guest);
	n->state = fake_attach(&n->host, &n->port);
	*state = n;
	return 0;
}

static inline int stop(void **state)
{
	struct net *n = *state;

	fake_detach(&n->host, n->state);
	n->host.ext->ops->worker_detach(n->host.self, n->worker);
	fake_destroy(&n->host);
	free(n);
	return 0;
}

/* A packet from the guest, or to it; for ICMP the ports are type and code. */
static inline struct xvs_flow_verdict judge(struct net *n, bool is_in, uint8_t proto, uint32_t peer,
					    uint16_t local, uint16_t remote)
{
	uint16_t l4[2] = { is_in ? remote : local, is_in ? local : remote };

	if (proto == ICMP) {
		l4[0] = (uint16_t)(local << 8 | remote);
		l4[1] = 0;
	}
	fake_ipv4(&n->packet, is_in ? mac_guest : mac_peer, is_in ? mac_peer : mac_guest,
		  is_in ? peer : GUEST, is_in ? GUEST : peer, proto, l4);
	(void)fake_batch(&n->batch, &n->host, &n->packet, n->state, n->worker);
	n->batch.b.stage = is_in ? XVS_STAGE_EGRESS : XVS_STAGE_INGRESS;
	return fake_judge(&n->host, &n->batch.b, &n->packet.key);
}

static inline bool passes(struct net *n, bool is_in, uint8_t proto, uint32_t peer, uint16_t local,
			  uint16_t remote)
{
	return judge(n, is_in, proto, peer, local, remote).action == XVS_FLOW_PASS;
}

static inline const struct xvs_conn_ops *conn_ops(const struct net *n)
{
	return (const struct xvs_conn_ops *)n->host.ext->ops->query(n->host.self, XVS_CONN);
}

static inline const struct xvs_conn_scope *conn_scope(const struct net *n)
{
	return (const struct xvs_conn_scope *)n->host.ext->ops->query(n->host.self, XVS_CONN_SCOPE);
}

static inline struct xvs_conn_verdict authorise(struct net *n, bool is_in, uint8_t proto,
						uint32_t peer, uint16_t local, uint16_t remote)
{
	struct xvs_conn_verdict v = { .size = sizeof(v) };
	struct xvs_conn c = {
		.size = sizeof(c), .state = XVS_CONN_NEW, .proto = proto, .inbound = is_in
	};

	(void)judge(n, is_in, proto, peer, local, remote);
	memcpy(c.src, n->packet.key.ip_src, 16);
	memcpy(c.dst, n->packet.key.ip_dst, 16);
	c.src_port = n->packet.key.l4_src;
	c.dst_port = n->packet.key.l4_dst;
	conn_ops(n)->authorise(n->host.self, &n->batch.b, 0, &c, &v);
	return v;
}

/* A flow with this verdict carried so much and may have ended. */
static inline void account(struct net *n, const struct xvs_flow_verdict *v, uint64_t packets,
			   uint64_t bytes)
{
	const struct xvs_flow *flow =
		(const struct xvs_flow *)n->host.ext->ops->query(n->host.self, XVS_FLOW);
	const struct xvs_flow_stats stats = { .size = sizeof(stats),
					      .cookie = v->cookie,
					      .packets = packets,
					      .bytes = bytes,
					      .port_state = n->state,
					      .worker_state = n->worker };

	flow->account(n->host.self, &stats);
}

static inline struct count_status status(struct net *n, const char *feature)
{
	struct xvs_error err = { .size = sizeof(err) };
	struct count_status s = { 0 };

	assert_int_equal(n->host.ext->ops->status_read(n->host.self, n->state, feature, &s, &err),
			 0);
	return s;
}

static inline struct rule_count count_at(const struct count_status *s, uint32_t idx)
{
	assert_true(idx < s->counts.count);
	return ((const struct rule_count *)s->counts.items)[idx];
}

#endif /* TESTS_PORTACL_NET_H */
