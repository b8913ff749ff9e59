/* SPDX-License-Identifier: Apache-2.0 */
/* guard/net.h - one guarded port, and the packets that its guest sends. */
#ifndef TESTS_GUARD_NET_H
#define TESTS_GUARD_NET_H

#include "plugins/fake_host.h"

#include "guard.h"

static const uint8_t guest[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const uint8_t other[6] = { 0x52, 0x54, 0, 0, 0, 2 };
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t bound_v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 };
static const uint8_t other_v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 6 };
static const uint8_t link_local[16] = { 0xfe, 0x80, [15] = 1 };
static const uint8_t unspecified[16];
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

enum { BOUND = 0x0a000005, OTHER = 0x0a000006, PEER = 0x0a000007 };

struct net {
	struct fake_host host;
	struct xvs_port port;
	void *state;
	void *worker;
	struct guard_policy policy;
	struct fake_packet packet;
	struct fake_batch batch;
};

static inline void policy_set(struct net *n)
{
	struct xvs_error err;

	assert_int_equal(fake_policy(&n->host, n->state, "org.xvs.guard/1", &n->policy, true, &err),
			 0);
	fake_quiet(&n->host);
}

static inline void net_create(struct net *n)
{
	struct xvs_error err = { .size = sizeof(err) };

	memset(n, 0, sizeof(*n));
	fake_create(&n->host, 2);
	assert_int_equal(n->host.ext->ops->worker_attach(n->host.self, 1, 0, &n->worker, &err), 0);
	n->port = fake_port(1, "vm1", guest);
	n->state = fake_attach(&n->host, &n->port);
	n->policy = (struct guard_policy){ .arp_guard = true, .link_local = true };
	policy_set(n);
}

static inline void net_destroy(struct net *n)
{
	fake_detach(&n->host, n->state);
	n->host.ext->ops->worker_detach(n->host.self, n->worker);
	fake_destroy(&n->host);
}

static inline struct xvs_batch *batch(struct net *n)
{
	return fake_batch(&n->batch, &n->host, &n->packet, n->state, n->worker);
}

/* The outcome for the packet in hand: "pass", "watch" or the reason. */
static inline const char *judged(struct net *n)
{
	struct xvs_batch *b = batch(n);
	struct xvs_flow_verdict v = fake_judge(&n->host, b, &n->packet.key);

	fake_promise(&n->host, b, &n->packet.key);
	if (v.action == XVS_FLOW_DROP)
		return fake_reason(&n->host, v.reason);
	return v.action == XVS_FLOW_PASS ? "pass" : "watch";
}

/* The same for a watched packet. */
static inline const char *checked(struct net *n)
{
	struct xvs_batch *b = batch(n);

	n->host.ext->ops->ingress(n->host.self, b);
	return b->live ? "pass" : fake_reason(&n->host, b->reason[0]);
}

static inline void ipv4(struct net *n, uint32_t src, uint8_t proto, uint16_t sport, uint16_t dport)
{
	const uint16_t l4[2] = { sport, dport };

	fake_ipv4(&n->packet, other, guest, src, PEER, proto, l4);
}

static inline void ipv6(struct net *n, const uint8_t src[16], uint8_t proto, uint16_t l4_first)
{
	fake_ipv6(&n->packet, other, guest, src, all_nodes, proto);
	xvs_put16(n->packet.bytes + 54, l4_first);
	fake_parse(&n->packet, 86, 1);
}

static inline void arp(struct net *n, const uint8_t sender_mac[6], uint32_t sender, uint32_t target)
{
	static const uint8_t fixed[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	fake_ethernet(&n->packet, broadcast, guest, 0x0806);
	memcpy(n->packet.bytes + 14, fixed, sizeof(fixed));
	memcpy(n->packet.bytes + 22, sender_mac, 6);
	xvs_put32(n->packet.bytes + 28, sender);
	xvs_put32(n->packet.bytes + 38, target);
	fake_parse(&n->packet, 60, 1);
}

/* Neighbour discovery of 'type' with a target and one link-layer address option. */
static inline void nd(struct net *n, uint8_t type, const uint8_t src[16], const uint8_t target[16],
		      const uint8_t mac[6])
{
	fake_ipv6(&n->packet, other, guest, src, all_nodes, 58);
	n->packet.bytes[54] = type;
	memcpy(n->packet.bytes + 62, target, 16);
	n->packet.bytes[78] = type == 136 ? 2 : 1;
	n->packet.bytes[79] = 1;
	memcpy(n->packet.bytes + 80, mac, 6);
	fake_parse(&n->packet, 86, 1);
}

#endif /* TESTS_GUARD_NET_H */
