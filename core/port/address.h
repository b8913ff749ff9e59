/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/address.h - what the host has on a device, addresses and routes, taken as a whole to another one.
 *
 * Each is kept as the kernel wrote it, so that scopes, metrics, lifetimes and what else there may be
 * come along.  What the kernel makes by itself does not: link-local and temporary IPv6 addresses,
 * and routes to the networks of addresses.  All functions are [control]; 'err' is never NULL.
 */
#ifndef XVS_PORT_ADDRESS_H
#define XVS_PORT_ADDRESS_H

#include "port/link.h"

enum { ADDRESS_BYTES = 512, ADDRESSES_MAX = 4096 };

/* One address or route: rtnetlink's header of its kind, then attributes. */
struct address_item {
	uint16_t type; /* RTM_NEWADDR or RTM_NEWROUTE */
	uint16_t len;
	uint8_t bytes[ADDRESS_BYTES]; /* aligned as in a message: the header is a multiple of 4 */
};

struct address_set {
	struct address_item *items; /* addresses first */
	size_t count;
};
void address_set_finish(struct address_set *s); /* zeroed is fine */
/* Checked: of a known kind, and whole.  -EINVAL, -ENOMEM. */
int address_set_add(struct address_set *s, const struct address_item *item);
bool address_set_has(const struct address_set *s, const struct address_item *item);

/*
 * What device 'index' has.  Routes by several devices are refused.
 */
int address_set_read(struct netlink *nl, uint32_t index, struct address_set *out,
		     struct xvs_error *err);

struct address_device {
	uint32_t index;
	const char *name;
};
/* Its addresses. */
int address_set_put(struct netlink *nl, const struct address_set *s, const struct address_device *d,
		    struct xvs_error *err);
/* Its addresses; what is not there is fine. */
int address_set_remove(struct netlink *nl, const struct address_set *s,
		       const struct address_device *d, struct xvs_error *err);
/* Its routes, in place of those by another device. */
int address_set_route(struct netlink *nl, const struct address_set *s,
		      const struct address_device *d, struct xvs_error *err);

/* The address: 4 or 16 bytes; 0: it is a route, or something odd. */
size_t address_item_ip(const struct address_item *item, uint8_t out[16]);
/* "192.0.2.5/24"; false: it is a route, or something odd. */
bool address_item_text(const struct address_item *item, char out[LINK_ADDRESS_TEXT]);

/* address_tell.c: neighbours learn which adapter has its addresses now. */
void address_set_announce(const struct address_set *s, const struct link_facts *device);

#endif /* XVS_PORT_ADDRESS_H */
