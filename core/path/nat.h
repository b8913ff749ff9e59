/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/nat.h - the outside port of a nat switch: first thing on its ingress, last on its egress, so every
 * extension sees inside addresses, and captures of the port's ends see the wire's.
 *
 * To the inside the port is the gateway: frames to its address come here.  It answers ARP and echo for
 * its own addresses, routes, translates, and finds next hops itself.  Nothing of it is the host's.
 */
#ifndef XVS_PATH_NAT_H
#define XVS_PATH_NAT_H

#include "nat/nat.h"
#include "nat/neighbour.h"

struct path;
struct path_nat;

enum { NAT_ROUTES_MAX = 64 };

struct nat_own {
	uint32_t address;
	struct nat_prefix prefix;
};

struct nat_route {
	struct nat_prefix to;
	uint32_t via; /* of the inside prefix */
};

/* Who the gateway is. */
struct nat_facts {
	uint8_t mac[6]; /* on both sides */
	struct nat_own inside;
	uint32_t gateway; /* outside; 0: none, only neighbours are reached */
	uint32_t outside_count, route_count;
	struct nat_own outsides[NAT_ADDRESSES_MAX];
	struct nat_route routes[NAT_ROUTES_MAX]; /* inside networks behind routers; longest first */
};

/* [control] For one switch; packets are dropped before path_nat_apply(). */
int path_nat_create(struct path *path, uint32_t sessions, struct path_nat **out,
		    struct xvs_error *err);
/* [control] No port names it any more, nor will.  Frees after a grace period.  NULL is fine. */
void path_nat_destroy(struct path_nat *n);
/*
 * [control] In two steps, the second of which cannot fail; nothing else is prepared meanwhile.  'rules'
 * are taken, in every case.  -ENOMEM: all stays as it was.
 */
struct path_nat_change;
int path_nat_prepare(struct path_nat *n, const struct nat_facts *facts, struct nat_rules *rules,
		     struct path_nat_change **out);
void path_nat_apply(struct path_nat_change *c);   /* takes it */
void path_nat_abandon(struct path_nat_change *c); /* takes it; NULL is fine */
struct nat_table *path_nat_table(struct path_nat *n);

/* [control] Who the gateway is now; NULL: it is not configured yet. */
const struct nat_facts *path_nat_facts(const struct path_nat *n);
/* [control] fn for each inside address and the adapter that had it last, however long ago. */
void path_nat_insides(const struct path_nat *n,
		      void (*fn)(void *arg, uint32_t address, const uint8_t mac[6]), void *arg);

/* [control] Which adapter had this inside address last; false: none did. */
bool path_nat_inside_mac(const struct path_nat *n, uint32_t address, uint8_t mac[6]);

struct nat_neighbour_info {
	bool is_inside;
	uint32_t address;
	uint8_t mac[6];
};
/* [control] fn for each neighbour that is known. */
void path_nat_neighbours(struct path_nat *n, uint64_t now_ns,
			 void (*fn)(void *arg, const struct nat_neighbour_info *i), void *arg);

#endif /* XVS_PATH_NAT_H */
