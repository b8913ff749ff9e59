/* SPDX-License-Identifier: Apache-2.0 */
/* secgroup/net.h - one guarded port, and connections to ask about. */
#ifndef XVS_TEST_SECGROUP_NET_H
#define XVS_TEST_SECGROUP_NET_H

#define XVS_USE_DRAFT
#include "xvs/ext/classify.h"

/* The host's own, of core/ext/classify.c. */
extern const struct xvs_classify_host classify_host;
#define FAKE_CLASSIFY (&classify_host)

#include "plugins/fake_host.h"

#include "secgroup.h"

enum { GUEST = 0x0a000005, PEER = 0x0a000006, FAR = 0x0b000001 };

struct net {
	struct fake_host host;
	struct xvs_port port;
	void *state;
	void *worker;
	struct secgroup_policy policy;
	struct secgroup_policy given[2]; /* what is in force stays as it is until the next */
	unsigned turn;
	struct fake_packet packet;
	struct fake_batch batch;
	uint64_t slot;
};

/* A rule that matches everything inward and allows it, to be narrowed. */
static inline struct rule_policy rule(uint32_t proto, const char *ports)
{
	struct rule_policy r = { .direction = DIRECTION_IN,
				 .proto = proto,
				 .icmp_type = ICMP_TYPE_ANY,
				 .action = RULE_ALLOW };

	(void)snprintf(r.ports, sizeof(r.ports), "%s", ports);
	return r;
}

static inline struct xvs_ip prefix_v4(uint32_t address, uint8_t len)
{
	struct xvs_ip ip = { .addr = { [10] = 0xff, [11] = 0xff },
			     .prefix_len = (uint8_t)(96 + len) };

	xvs_put32(ip.addr + 12, address);
	return ip;
}

static inline void policy_set(struct net *n, const struct rule_policy *rules, uint32_t count)
{
	struct secgroup_policy *given = &n->given[n->turn++ % 2];
	struct xvs_error err;

	n->policy.rules = (struct xvs_table){ rules, count, sizeof(*rules) };
	*given = n->policy;
	if (fake_policy(&n->host, n->state, "org.xvs.secgroup.rules/1", given, true, &err))
		fail_msg("%s: %s", err.field, err.text);
	fake_quiet(&n->host);
}

static inline void net_create(struct net *n)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct xvs_error err = { .size = sizeof(err) };

	memset(n, 0, sizeof(*n));
	fake_create(&n->host, 2);
	assert_int_equal(n->host.ext->ops->worker_attach(n->host.self, 1, 0, &n->worker, &err), 0);
	n->port = fake_port(1, "vm1", mac);
	n->state = fake_attach(&n->host, &n->port);
	n->policy.default_out = DEFAULT_ALLOW;
}

static inline void net_destroy(struct net *n)
{
	fake_detach(&n->host, n->state);
	n->host.ext->ops->worker_detach(n->host.self, n->worker);
	fake_destroy(&n->host);
}

static inline struct xvs_conn conn(struct net *n, bool inbound, uint8_t proto, uint32_t remote,
				   unsigned service)
{
	struct xvs_conn c = { .size = sizeof(c),
			      .state = XVS_CONN_NEW,
			      .proto = proto,
			      .inbound = inbound,
			      .port = 1,
			      .src_port = fake_hton(40000),
			      .dst_port = fake_hton(service),
			      .id = 77,
			      .slot = &n->slot };
	struct xvs_ip far_end = prefix_v4(remote, 32);
	struct xvs_ip guest = prefix_v4(GUEST, 32);

	memcpy(c.src, inbound ? far_end.addr : guest.addr, 16);
	memcpy(c.dst, inbound ? guest.addr : far_end.addr, 16);
	return c;
}

/* "allow", or the reason; a rejection ends in '!'. */
static inline const char *authorised(struct net *n, const struct xvs_conn *c)
{
	static char text[64];
	struct xvs_batch *b = fake_batch(&n->batch, &n->host, &n->packet, n->state, n->worker);
	struct xvs_conn_verdict v = { .size = sizeof(v) };
	const struct xvs_conn_ops *ops = n->host.ext->ops->query(n->host.self, XVS_CONN);

	ops->authorise(n->host.self, b, 0, c, &v);
	if (v.action == XVS_CONN_ALLOW)
		return v.log ? "allow and log" : "allow";
	(void)snprintf(text, sizeof(text), "%s%s", fake_reason(&n->host, v.reason),
		       v.action == XVS_CONN_REJECT ? "!" : "");
	return text;
}

static inline const char *in_tcp(struct net *n, uint32_t remote, unsigned service)
{
	struct xvs_conn c = conn(n, true, 6, remote, service);

	return authorised(n, &c);
}

static inline const char *out_tcp(struct net *n, uint32_t remote, unsigned service)
{
	struct xvs_conn c = conn(n, false, 6, remote, service);

	return authorised(n, &c);
}

#endif /* XVS_TEST_SECGROUP_NET_H */
