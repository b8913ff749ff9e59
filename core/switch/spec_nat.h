/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/spec_nat.h - what is wanted of a nat switch: addresses as they were written, checked by
 * config/nat_check.c.
 */
#ifndef XVS_SWITCH_SPEC_NAT_H
#define XVS_SWITCH_SPEC_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct position {
	uint32_t line, column; /* 0: not from a file */
};

enum { IPV4_TEXT_MAX = 24, PORTS_TEXT_MAX = 16 };
enum nat_proto { NAT_PROTO_NONE = 0, NAT_PROTO_TCP = 1, NAT_PROTO_UDP = 2 };
enum nat_filtering { NAT_FILTERING_ADDRESS = 0, NAT_FILTERING_ENDPOINT = 1 };

struct nat_forward_spec {
	struct position at;
	enum nat_proto proto;
	char address[IPV4_TEXT_MAX]; /* "": the first outside address */
	uint32_t port;
	char to[IPV4_TEXT_MAX];
	uint32_t to_port;           /* 0: as outside */
	char remote[IPV4_TEXT_MAX]; /* with prefix length; "": anybody */
};

struct nat_pool_spec {
	struct position at;
	char address[IPV4_TEXT_MAX];
	char ports[PORTS_TEXT_MAX]; /* "1024-65535", which "" means too */
};

struct nat_route_spec {
	struct position at;
	char prefix[IPV4_TEXT_MAX];
	char via[IPV4_TEXT_MAX];
};

struct nat_outside_spec {
	char (*addresses)[64]; /* with prefix length */
	size_t address_count;
	char gateway[IPV4_TEXT_MAX]; /* "": none */
	bool has_mac;
	uint8_t mac[6];
};

struct nat_timeouts_spec {
	uint32_t tcp_established, tcp_transitory, udp, icmp; /* seconds */
};

enum {
	NAT_TCP_ESTABLISHED_S = 7440, /* RFC 5382, REQ-5: 2 hours 4 minutes at least */
	NAT_TCP_TRANSITORY_S = 240,   /* the same: 4 minutes */
	NAT_UDP_S = 300,              /* RFC 4787, REQ-5 */
	NAT_ICMP_S = 60,              /* RFC 5508, REQ-2 */
	NAT_SESSIONS_WANTED = 131072,
	NAT_HOST_SESSIONS_WANTED = 32768,
};

struct nat_spec {
	struct position at;
	char inside[IPV4_TEXT_MAX]; /* the gateway's address with prefix length; "": no NAT */
	struct nat_outside_spec outside;
	struct nat_forward_spec *forwards;
	size_t forward_count;
	struct nat_pool_spec *pools;
	size_t pool_count;
	struct nat_route_spec *routes;
	size_t route_count;
	struct nat_timeouts_spec timeouts;
	enum nat_filtering filtering;
	bool udp_inbound_refresh;
	uint32_t sessions, host_sessions;
};

void nat_spec_finish(struct nat_spec *s);
int nat_spec_copy(const struct nat_spec *from, struct nat_spec *to); /* deep; -ENOMEM */

#endif /* XVS_SWITCH_SPEC_NAT_H */
