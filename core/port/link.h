/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/link.h - network devices: looking up, making, changing and watching them.
 *
 * All functions are [control].  Errors name the device, what was asked and what the kernel said;
 * 'err' is never NULL.
 */
#ifndef XVS_PORT_LINK_H
#define XVS_PORT_LINK_H

#include <linux/if.h>
#include <stdbool.h>

#include "port/netlink.h"

struct loop;

enum { LINK_HERE = -1 }; /* the namespace of the socket, where a namespace number is asked for */

struct link_facts {
	uint32_t index;
	char name[IFNAMSIZ];
	uint8_t mac[6];
	bool admin_up;
	bool up;       /* administrative state and carrier together */
	uint16_t type; /* ARPHRD_ETHER and others */
	uint32_t mtu;
	uint32_t master; /* index of the bridge or bond it belongs to; 0: none */
};

/* What the kernel accepts as a name, and '%' not, which the kernel would count with. */
int link_check_name(const char *name, struct xvs_error *err);

/* -ENODEV where there is none.  'nsid': number of the namespace as seen from the socket's. */
int link_by_name(struct netlink *nl, const char *name, struct link_facts *out,
		 struct xvs_error *err);
int link_by_index(struct netlink *nl, uint32_t index, int nsid, struct link_facts *out,
		  struct xvs_error *err);

/* Of a kind without parameters ("dummy", "bridge"), or a "veth" with its peer's name. */
int link_create(struct netlink *nl, const char *kind, const char *name, const char *peer,
		struct xvs_error *err);
int link_delete(struct netlink *nl, uint32_t index, struct xvs_error *err);

/* Zero members stay as they are. */
struct link_change {
	const char *name; /* rename */
	const uint8_t *mac;
	uint32_t mtu;
	enum { LINK_KEEP, LINK_UP, LINK_DOWN } state;
};
/* 'now' is for messages: the name that the device has. */
int link_change(struct netlink *nl, uint32_t index, const char *now,
		const struct link_change *change, struct xvs_error *err);

/* To the namespace that descriptor 'netns' stands for. */
int link_move(struct netlink *nl, uint32_t index, const char *now, int netns,
	      struct xvs_error *err);

/* "192.0.2.1/24", "2001:db8::1/64". */
int link_add_address(struct netlink *nl, uint32_t index, const char *now, const char *address,
		     struct xvs_error *err);

enum { LINK_ADDRESS_TEXT = 64 };
/* 1: 'out' has an address of the host's on this device, with prefix length; link-local IPv6
 * does not count.  0: there is none. */
int link_find_address(struct netlink *nl, uint32_t index, char out[LINK_ADDRESS_TEXT],
		      struct xvs_error *err);

/* Of the ethtool interface; 0: the driver does not know. */
uint32_t link_speed_mbps(const char *name);

/* Number by which the socket's namespace knows the one of descriptor 'netns'; -ENOENT: it does not. */
int link_netns_id(struct netlink *nl, int netns, int *nsid, struct xvs_error *err);

/*
 * Changes of one device.  facts == NULL: it has gone (removed, or moved to another namespace);
 * nothing is told after that.  Watching does not keep the device's namespace alive.
 */
typedef void (*link_watch_fn)(void *arg, const struct link_facts *facts);
struct link_watch;
struct link_place {
	uint32_t index;
	int nsid;
};
int link_watch_create(struct loop *loop, struct link_place place, link_watch_fn fn, void *arg,
		      struct link_watch **out, struct xvs_error *err);
void link_watch_destroy(struct link_watch *w); /* NULL is fine; not from within fn */

/* For link.c and link_watch.c: RTM_NEWLINK as facts; false: not a message of that kind. */
bool link_read(const struct nlmsghdr *message, struct link_facts *out);

#endif /* XVS_PORT_LINK_H */
